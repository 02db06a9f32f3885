//! The local cloud: one emulator of AWS a user, started when it is first needed and kept until it is stopped.
//!
//! A record in the user's cache folder says which process it is; whoever starts or stops one holds the lock beside it.
//! A process counts as ours only when its identity is the recorded one, so that a process id that was given out again
//! is neither used nor stopped.

mod http;
mod install;
mod process;

use std::{
    env, fs,
    io::{self, Write as _},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a start may take; a slow machine loads the emulator in a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long between two looks at a process that is starting or ending.
const LOOK: Duration = Duration::from_millis(15);
/// How often another port is tried when somebody else took the free one that was found.
const TRIES: usize = 3;

/// Where the local cloud keeps its record, its log and its programs.
#[derive(Debug)]
pub(crate) struct LocalCloud {
    folder: PathBuf,
}

/// An emulator that was started and not stopped.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Emulator {
    /// Made for each start: what is recorded of another instance no longer exists anywhere.
    pub instance: String,
    pub pid: u32,
    /// What tells this process from a later one with the same id.
    identity: String,
    pub port: u16,
    pub since: Timestamp,
    /// The program that runs.
    pub program: PathBuf,
    /// Of moto, where it could be told.
    pub version: Option<String>,
}

impl Emulator {
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn is_alive(&self) -> bool {
        process::identity(self.pid).is_some_and(|it| it == self.identity)
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no folder for the local cloud: neither INFRA_CACHE_DIR, XDG_CACHE_HOME nor HOME is set")]
    NoFolder,
    #[error("{action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("the local cloud cannot be installed: {why}")]
    Install { why: String, help: String },
    #[error("the local cloud did not start: {why}")]
    Start { why: String, log: PathBuf },
    #[error("the local cloud did not start: its program ended with {status}")]
    Ended { status: ExitStatus, log: PathBuf },
    #[error("the local cloud (process {pid}) does not answer at {url}")]
    Silent { pid: u32, url: String, log: PathBuf },
}

impl Error {
    /// What to do next.
    pub(crate) fn help(&self) -> String {
        match self {
            Self::NoFolder => "set INFRA_CACHE_DIR to a folder that infra may write to".to_owned(),
            Self::File { .. } => "set INFRA_CACHE_DIR to another folder if this one cannot be used".to_owned(),
            Self::Install { help, .. } => help.clone(),
            Self::Start { log, .. } | Self::Ended { log, .. } => format!("all that it said is in {}", log.display()),
            Self::Silent { log, .. } => {
                format!("`infra local stop`, then try again; what it said is in {}", log.display())
            }
        }
    }
}

type Result<T, E = Error> = std::result::Result<T, E>;

trait Context<T> {
    fn on(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> Context<T> for io::Result<T> {
    fn on(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| Error::File { action, path: path.to_owned(), source })
    }
}

impl LocalCloud {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The one in the user's cache folder.
    pub(crate) fn of_user() -> Result<Self> {
        let named = |name: &str| env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let folder = named("INFRA_CACHE_DIR")
            .or_else(|| named("XDG_CACHE_HOME").filter(|it| it.is_absolute()).map(|it| it.join("infra")))
            .or_else(|| named("HOME").map(|it| it.join(".cache").join("infra")))
            .ok_or(Error::NoFolder)?;
        // The emulator and pip run elsewhere, where a relative path would lead elsewhere.
        let folder = std::path::absolute(&folder).on("finding", &folder)?;
        Ok(Self::new(folder))
    }

    /// The emulator that runs; nothing where none does.
    pub(crate) fn status(&self) -> Result<Option<Emulator>> {
        Ok(self.recorded()?.filter(Emulator::is_alive))
    }

    /// The emulator, started if none runs, once it answers. `say` hears of whatever takes long.
    pub(crate) fn ensure(&self, say: &mut dyn FnMut(&str)) -> Result<Emulator> {
        if let Some(emulator) = self.status()?
            && http::answers(emulator.port)
        {
            return Ok(emulator);
        }
        fs::create_dir_all(&self.folder).on("making", &self.folder)?;
        let _lock = self.lock(say)?;
        // Whoever held the lock may have started one, or begun to.
        if let Some(emulator) = self.status()? {
            let until = Instant::now() + PATIENCE;
            while !http::answers(emulator.port) {
                if Instant::now() > until || !emulator.is_alive() {
                    return Err(Error::Silent { pid: emulator.pid, url: emulator.url(), log: self.log() });
                }
                thread::sleep(LOOK);
            }
            return Ok(emulator);
        }
        let program = install::find_or_install(&self.folder, say)?;
        let mut tries = 1;
        loop {
            match self.start(&program) {
                // Somebody may have taken the port in between.
                Err(Error::Ended { .. }) if tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    /// Ends the emulator that this user's `infra` started; answers which one, if any ran.
    pub(crate) fn stop(&self, say: &mut dyn FnMut(&str)) -> Result<Option<Emulator>> {
        if !self.record().exists() {
            return Ok(None);
        }
        let _lock = self.lock(say)?;
        let running = self.status()?;
        if let Some(emulator) = &running {
            process::end(emulator.pid, &|| emulator.is_alive()).on("stopping the emulator that is recorded in", &self.record())?;
        }
        self.forget()?;
        Ok(running)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("local.log")
    }

    fn record(&self) -> PathBuf {
        self.folder.join("local.json")
    }

    fn recorded(&self) -> Result<Option<Emulator>> {
        let path = self.record();
        match fs::read(&path) {
            // A record that cannot be understood names no process that could be trusted to be ours.
            Ok(text) => Ok(serde_json::from_slice(&text).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).on("reading", &path),
        }
    }

    fn forget(&self) -> Result<()> {
        match fs::remove_file(self.record()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).on("removing", &self.record()),
            _ => Ok(()),
        }
    }

    /// Waits until no other `infra` starts or stops an emulator.
    fn lock(&self, say: &mut dyn FnMut(&str)) -> Result<fs::File> {
        let path = self.folder.join("local.lock");
        let file = fs::File::options().create(true).truncate(false).write(true).open(&path).on("opening", &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                say("waiting for another infra that is starting or stopping the local cloud");
                file.lock().on("locking", &path)?;
            }
            Err(fs::TryLockError::Error(error)) => return Err(error).on("locking", &path),
        }
        Ok(file)
    }

    fn start(&self, program: &install::Program) -> Result<Emulator> {
        let log = self.log();
        let output = fs::File::create(&log).on("making", &log)?;
        let errors = output.try_clone().on("opening", &log)?;
        let port = free_port().map_err(|error| Error::Start { why: format!("no free port: {error}"), log: log.clone() })?;
        let mut command = process::detached(&program.path);
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .env("MOTO_ACM_VALIDATION_WAIT", "0")
            .env("PYTHONUNBUFFERED", "1")
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let failed = |why: String| Error::Start { why, log: log.clone() };
        let mut child = command.spawn().map_err(|error| failed(format!("{}: {error}", program.path.display())))?;
        let Some(identity) = process::identity(child.id()) else {
            // It has ended already; if it has not, nobody could stop it later.
            abandon(&mut child);
            let status = child.wait().map_err(|error| failed(error.to_string()))?;
            return Err(Error::Ended { status, log });
        };
        let emulator = Emulator {
            instance: uuid::Uuid::new_v4().to_string(),
            pid: child.id(),
            identity,
            port,
            since: Timestamp::now(),
            program: program.path.clone(),
            version: None,
        };
        // Recorded before it answers, so that it is found again if this process ends meanwhile.
        if let Err(error) = self.write(&emulator) {
            abandon(&mut child);
            return Err(error);
        }
        // Told while the emulator loads, which takes longer.
        let emulator = Emulator { version: program.version(), ..emulator };
        let outcome = self.wait_for_answer(&mut child, port).and_then(|()| self.write(&emulator));
        if let Err(error) = outcome {
            abandon(&mut child);
            self.forget()?;
            return Err(error);
        }
        Ok(emulator)
    }

    fn wait_for_answer(&self, child: &mut Child, port: u16) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(Error::Ended { status, log: self.log() });
            }
            if http::answers(port) {
                return Ok(());
            }
            if Instant::now() > until {
                return Err(Error::Start { why: format!("it did not answer within {} seconds", PATIENCE.as_secs()), log: self.log() });
            }
            thread::sleep(LOOK);
        }
    }

    fn write(&self, emulator: &Emulator) -> Result<()> {
        let path = self.record();
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            serde_json::to_writer_pretty(&mut file, emulator)?;
            file.write_all(b"\n")?;
            file.persist(&path)?;
            io::Result::Ok(())
        };
        write().on("writing", &path)
    }
}

/// A port of this machine that nobody listens on. Somebody may take it before the emulator does, which then ends at once.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Ends what was just started and is still this process's own child.
fn abandon(child: &mut Child) {
    // Nothing can be done about a child that cannot be ended; what made us give up is told.
    let _ = process::kill(child.id());
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
