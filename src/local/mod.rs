//! The local cloud: one emulator of AWS a user, started when it is first needed, and one PostgreSQL beside it, started when it is
//! asked for. Both are kept until they are stopped.
//!
//! A record in the user's cache folder says which process each is; whoever starts or stops one holds the lock beside it.
//! A process counts as ours only when its identity is the recorded one, so that a process id that was given out again
//! is neither used nor stopped. The two know nothing of each other: who needs the emulator never waits for the database.

mod database;
mod http;
mod install;
mod process;
mod server;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use jiff::Timestamp;
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

pub(crate) use database::Database;
use server::{Process, Server, abandon};

/// How long a start may take; a slow machine loads a server in a few seconds.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long between two looks at a process that is starting or ending.
const LOOK: Duration = Duration::from_millis(15);
/// How long an emulator may take to end when asked.
const GRACE: Duration = Duration::from_secs(5);
/// How often another port is tried when somebody else took the free one that was found.
const TRIES: usize = 3;

/// Where the local cloud keeps its records, its logs and its programs.
#[derive(Debug)]
pub(crate) struct LocalCloud {
    folder: PathBuf,
}

/// An emulator that was started and not stopped.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Emulator {
    /// Made for each start: what is recorded of another instance no longer exists anywhere.
    pub instance: String,
    #[serde(flatten)]
    pub process: Process,
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
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("no folder for the local cloud: neither INFRA_CACHE_DIR, XDG_CACHE_HOME nor HOME is set")]
    NoFolder,
    #[error("{action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{what} cannot be installed: {why}")]
    Install { what: &'static str, why: String, help: String },
    #[error("{what} did not start: {why}")]
    Start { what: &'static str, why: String, log: PathBuf },
    #[error("{what} did not start: its program ended with {status}")]
    Ended { what: &'static str, status: ExitStatus, log: PathBuf },
    #[error("{what} (process {pid}) does not answer at {url}")]
    Silent { what: &'static str, pid: u32, url: String, log: PathBuf },
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
        // The servers and pip run elsewhere, where a relative path would lead elsewhere.
        let folder = std::path::absolute(&folder).on("finding", &folder)?;
        Ok(Self::new(folder))
    }

    /// The emulator that runs; nothing where none does.
    pub(crate) fn status(&self) -> Result<Option<Emulator>> {
        Ok(self.emulator().recorded()?.filter(|it: &Emulator| it.process.is_alive()))
    }

    /// The emulator, started if none runs, once it answers. `say` hears of whatever takes long.
    pub(crate) fn ensure(&self, say: &mut dyn FnMut(&str)) -> Result<Emulator> {
        if let Some(emulator) = self.status()?
            && http::answers(emulator.port)
        {
            return Ok(emulator);
        }
        fs::create_dir_all(&self.folder).on("making", &self.folder)?;
        let server = self.emulator();
        let _lock = server.lock(say)?;
        // Whoever held the lock may have started one, or begun to.
        if let Some(emulator) = self.status()? {
            server.wait_for_other(&emulator.process, || emulator.url(), || http::answers(emulator.port))?;
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
        let server = self.emulator();
        if !server.record().exists() {
            return Ok(None);
        }
        let _lock = server.lock(say)?;
        let running = self.status()?;
        if let Some(emulator) = &running {
            server.end(&emulator.process, Signal::TERM, GRACE)?;
        }
        server.forget()?;
        Ok(running)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.emulator().log()
    }

    fn emulator(&self) -> Server<'_> {
        Server { folder: &self.folder, name: "local", what: "the local cloud" }
    }

    fn start(&self, program: &install::Program) -> Result<Emulator> {
        let server = self.emulator();
        let port = server.free_port()?;
        let mut command = process::detached(&program.path);
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .env("MOTO_ACM_VALIDATION_WAIT", "0")
            .env("PYTHONUNBUFFERED", "1")
            .current_dir(&self.folder);
        let (mut child, process) = server.spawn(&mut command)?;
        let emulator = Emulator {
            instance: uuid::Uuid::new_v4().to_string(),
            process,
            port,
            since: Timestamp::now(),
            program: program.path.clone(),
            version: None,
        };
        // Recorded before it answers, so that it is found again if this process ends meanwhile.
        if let Err(error) = server.write(&emulator) {
            abandon(&mut child);
            return Err(error);
        }
        // Told while the emulator loads, which takes longer.
        let emulator = Emulator { version: program.version(), ..emulator };
        let outcome = server.wait_for_answer(&mut child, || http::answers(port)).and_then(|()| server.write(&emulator));
        if let Err(error) = outcome {
            abandon(&mut child);
            server.forget()?;
            return Err(error);
        }
        Ok(emulator)
    }
}

#[cfg(test)]
mod tests;
