//! Ctrl-C and SIGTERM: the first asks to stop, the second stops waiting, the third ends the process.

use infra::{apply::Interrupt, exit::Exit};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Listens for the signals from now on; the first two no longer end the process by themselves.
pub(crate) fn listen() -> std::io::Result<watch::Receiver<Interrupt>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (sender, receiver) = watch::channel(Interrupt::None);
    tokio::spawn(async move {
        for urgency in [Interrupt::Stop, Interrupt::Now] {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            sender.send_replace(urgency);
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        // Something does not listen. All that matters is in the journal, and the system releases the lock.
        std::process::exit(Exit::Interrupted as i32);
    });
    Ok(receiver)
}
