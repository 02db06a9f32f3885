//! Stands between `infra` and the emulator: counts the calls, and strikes at one of them.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use super::http::{self, Call, Request};

/// What happens at a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Strike {
    /// The process that calls ends at once.
    Kill(Moment),
    /// It gets an interrupt from the keyboard; the call goes on.
    Interrupt,
    /// It is asked to end as a service manager asks; the call goes on.
    Terminate,
    /// It is interrupted, and once more; the call is never answered.
    Twice,
    Fault(Fault),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Moment {
    BeforeForwarding,
    BeforeAnswer,
    AfterAnswer,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Throttle,
    Error,
    ResetBefore,
    ResetAfter,
    /// Executed, and never answered.
    Timeout,
}

pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    emulator: u16,
    run: Mutex<Run>,
    changed: Condvar,
}

/// From one `begin` to the next.
#[derive(Default)]
struct Run {
    /// At which mutating call, counted from one, what happens.
    plan: Option<(usize, Strike)>,
    victim: Option<Pid>,
    connections: usize,
    seen: Seen,
}

/// What was called.
#[derive(Clone, Default)]
pub(crate) struct Seen {
    pub calls: Vec<Call>,
    /// The call at which it happened.
    pub struck: Option<String>,
}

impl Seen {
    pub(crate) fn mutating(&self) -> usize {
        self.calls.iter().filter(|it| it.mutating).count()
    }

    /// How often each call was made.
    pub(crate) fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for call in &self.calls {
            *counts.entry(call.name.as_str()).or_default() += 1;
        }
        counts
    }
}

impl Proxy {
    pub(crate) fn before(emulator: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { emulator, run: Mutex::default(), changed: Condvar::new() });
        let accepting = shared.clone();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                accepting.lock().connections += 1;
                let shared = accepting.clone();
                thread::spawn(move || {
                    // A client that has gone does not want to know.
                    let _ = serve(&shared, client);
                    shared.lock().connections -= 1;
                    shared.changed.notify_all();
                });
            }
        });
        Self { port, shared }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Forgets what was called, and plans what happens.
    pub(crate) fn begin(&self, plan: Option<(usize, Strike)>) {
        let mut run = self.shared.lock();
        *run = Run { plan, connections: run.connections, ..Run::default() };
    }

    /// Whose calls these are.
    pub(crate) fn watch(&self, process: u32) {
        self.shared.lock().victim = Pid::from_raw(process.try_into().unwrap());
        self.shared.changed.notify_all();
    }

    /// What was called, once everything that was on its way has arrived.
    pub(crate) fn settle(&self) -> Seen {
        // Connections are taken in their order: when this one is answered, none is still to be taken.
        let mut last = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        last.shutdown(Shutdown::Write).unwrap();
        let _ = last.read(&mut [0]);
        let run = self.shared.changed.wait_while(self.shared.lock(), |it| it.connections > 0).unwrap();
        run.seen.clone()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap()
    }

    /// Counts a call; what is to happen at it.
    fn note(&self, call: &Call) -> Option<Strike> {
        let mut run = self.lock();
        run.seen.calls.push(call.clone());
        let (at, strike) = run.plan?;
        if !call.mutating || run.seen.struck.is_some() || run.seen.mutating() != at {
            return None;
        }
        run.seen.struck = Some(call.name.clone());
        Some(strike)
    }

    fn signal(&self, signal: Signal) {
        let run = self.changed.wait_while(self.lock(), |it| it.victim.is_none()).unwrap();
        // One that has ended meanwhile has had its end.
        let _ = kill_process(run.victim.expect("just waited for"), signal);
    }
}

fn serve(shared: &Shared, mut client: TcpStream) -> io::Result<()> {
    let Some(request) = Request::read(&mut client)? else { return Ok(()) };
    let call = request.call();
    let strike = shared.note(&call);
    match strike {
        Some(Strike::Kill(Moment::BeforeForwarding)) => {
            shared.signal(Signal::KILL);
            return Ok(());
        }
        Some(Strike::Interrupt) => shared.signal(Signal::INT),
        Some(Strike::Terminate) => shared.signal(Signal::TERM),
        // Two of the same kind may arrive as one.
        Some(Strike::Twice) => [Signal::INT, Signal::TERM].into_iter().for_each(|it| shared.signal(it)),
        Some(Strike::Fault(Fault::Throttle)) => return client.write_all(&http::throttled(call.protocol)),
        Some(Strike::Fault(Fault::Error)) => return client.write_all(&http::broken(call.protocol)),
        Some(Strike::Fault(Fault::ResetBefore)) => {
            http::reset(client);
            return Ok(());
        }
        _ => {}
    }
    let answer = request.forward(shared.emulator)?;
    match strike {
        Some(Strike::Kill(Moment::BeforeAnswer)) => shared.signal(Signal::KILL),
        Some(Strike::Fault(Fault::ResetAfter)) => http::reset(client),
        // Until it gives up.
        Some(Strike::Fault(Fault::Timeout) | Strike::Twice) => drop(client.read(&mut [0])),
        _ => {
            client.write_all(&answer)?;
            client.shutdown(Shutdown::Write)?;
            // Whoever has read all of an answer closes its end; should it not, it had time enough.
            client.set_read_timeout(Some(Duration::from_secs(5)))?;
            let _ = client.read(&mut [0]);
            if strike == Some(Strike::Kill(Moment::AfterAnswer)) {
                shared.signal(Signal::KILL);
            }
        }
    }
    Ok(())
}
