//! What all servers of the local cloud have in common: the record by which one is found again, its lock and its log.

use std::{
    fs,
    io::{self, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Context as _, Error, LOOK, PATIENCE, Result, process};

/// A process, and what tells it from a later one with the same id.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Process {
    pub pid: u32,
    pub(super) identity: String,
}

impl Process {
    pub(super) fn is_alive(&self) -> bool {
        process::identity(self.pid).is_some_and(|it| it == self.identity)
    }
}

/// The files of one server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Server<'a> {
    pub folder: &'a Path,
    /// What its files are called.
    pub name: &'static str,
    /// What a person calls it.
    pub what: &'static str,
}

impl Server<'_> {
    pub(super) fn log(&self) -> PathBuf {
        self.file("log")
    }

    pub(super) fn record(&self) -> PathBuf {
        self.file("json")
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", self.name))
    }

    pub(super) fn recorded<T: DeserializeOwned>(&self) -> Result<Option<T>> {
        let path = self.record();
        match fs::read(&path) {
            // A record that cannot be understood names no process that could be trusted to be ours.
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).on("reading", &path),
        }
    }

    pub(super) fn write(&self, record: &impl Serialize) -> Result<()> {
        let path = self.record();
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.folder)?;
            serde_json::to_writer_pretty(&mut file, record)?;
            file.write_all(b"\n")?;
            file.persist(&path)?;
            io::Result::Ok(())
        };
        write().on("writing", &path)
    }

    pub(super) fn forget(&self) -> Result<()> {
        match fs::remove_file(self.record()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).on("removing", &self.record()),
            _ => Ok(()),
        }
    }

    /// Waits until no other `infra` starts or stops this server.
    pub(super) fn lock(&self, say: &mut dyn FnMut(&str)) -> Result<fs::File> {
        let path = self.file("lock");
        let file = fs::File::options().create(true).truncate(false).write(true).open(&path).on("opening", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                say(&format!("waiting for another infra that is starting or stopping {}", self.what));
                file.lock().on("locking", &path)?;
            }
            Err(fs::TryLockError::Error(error)) => return Err(error).on("locking", &path),
        }
        Ok(file)
    }

    /// Starts a detached command that writes to the log.
    pub(super) fn spawn(&self, command: &mut Command) -> Result<(Child, Process)> {
        let log = self.log();
        let output = fs::File::create(&log).on("making", &log)?;
        let errors = output.try_clone().on("opening", &log)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let mut child = command.spawn().map_err(|error| self.failed(error.to_string()))?;
        let Some(identity) = process::identity(child.id()) else {
            // It has ended already; if it has not, nobody could stop it later.
            abandon(&mut child);
            let status = child.wait().map_err(|error| self.failed(error.to_string()))?;
            return Err(Error::Ended { what: self.what, status, log });
        };
        let process = Process { pid: child.id(), identity };
        Ok((child, process))
    }

    /// Waits until what was just started answers.
    pub(super) fn wait_for_answer(&self, child: &mut Child, answers: impl Fn() -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(Error::Ended { what: self.what, status, log: self.log() });
            }
            if answers() {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(self.failed(format!("it did not answer within {} seconds", PATIENCE.as_secs())));
            }
            thread::sleep(LOOK);
        }
    }

    /// Waits for what somebody else has started, or begun to.
    pub(super) fn wait_for_other(&self, process: &Process, url: impl Fn() -> String, answers: impl Fn() -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while !answers() {
            if Instant::now() > until || !process.is_alive() {
                return Err(Error::Silent { what: self.what, pid: process.pid, url: url(), log: self.log() });
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Ends it: first asks with this signal, then insists.
    pub(super) fn end(&self, process: &Process, signal: rustix::process::Signal, grace: Duration) -> Result<()> {
        process::end(process.pid, signal, grace, &|| process.is_alive()).on("stopping what is recorded in", &self.record())
    }

    pub(super) fn free_port(&self) -> Result<u16> {
        free_port().map_err(|error| self.failed(format!("no free port: {error}")))
    }

    fn failed(&self, why: String) -> Error {
        Error::Start { what: self.what, why, log: self.log() }
    }
}

/// A port of this machine that nobody listens on. Somebody may take it before the server does, which then ends at once.
pub(super) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Ends what was just started and is still this process's own child.
pub(super) fn abandon(child: &mut Child) {
    // Nothing can be done about a child that cannot be ended; what made us give up is told.
    let _ = process::kill(child.id());
    let _ = child.wait();
}
