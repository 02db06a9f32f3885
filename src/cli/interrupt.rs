//! Ctrl-C and SIGTERM: the first asks to stop, the second stops waiting, the third ends the process.

use infra::exit::Exit;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// How urgently it is wished that the work ends.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Urgency {
    #[default]
    None,
    /// Start nothing new; finish what is in flight.
    Stop,
    /// Do not wait for what is in flight either.
    Now,
}

/// Listens for the signals from now on; the first two no longer end the process by themselves.
pub(crate) fn listen() -> std::io::Result<watch::Receiver<Urgency>> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (sender, receiver) = watch::channel(Urgency::None);
    tokio::spawn(async move {
        for urgency in [Urgency::Stop, Urgency::Now] {
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
