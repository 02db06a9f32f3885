//! Who may write: one process at a time for each stack and environment.
//!
//! The lock is the operating system's, on a file that only says who holds it. It ends with its process, however that ends; so
//! what a dead process wrote there keeps nobody out.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    sync::{Arc, Mutex},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Locked, Store, StoreError, journal::Writer};

/// Who holds a lock, as it is shown to who waits for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Holder {
    /// `user@host`.
    pub who: String,
    pub pid: u32,
    /// What it does: `infra apply --env dev`.
    pub command: String,
    pub since: Timestamp,
}

impl Holder {
    /// This process.
    pub fn here(command: impl Into<String>) -> Self {
        let user = ["USER", "LOGNAME"].iter().find_map(|it| std::env::var(it).ok()).unwrap_or_else(|| "somebody".to_owned());
        let files = ["/proc/sys/kernel/hostname", "/etc/hostname"];
        let host = files.iter().find_map(|it| std::fs::read_to_string(it).ok()).or_else(|| std::env::var("HOSTNAME").ok());
        let host = host.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).unwrap_or_else(|| "this machine".to_owned());
        Self { who: format!("{user}@{host}"), pid: std::process::id(), command: command.into(), since: Timestamp::now() }
    }

    pub(super) fn host(&self) -> &str {
        self.who.split_once('@').map_or(&self.who, |it| it.1)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}), which runs `{}` since {:.0}", self.who, self.pid, self.command, self.since)
    }
}

/// The right to write a state, until it is dropped. See `store` for what can be done with it.
pub struct Lock {
    pub(super) store: Store,
    /// The journal that was begun last, to be closed when the state is written.
    pub(super) writer: Mutex<Option<Arc<Writer>>>,
    file: File,
    previous: Option<Holder>,
}

impl Lock {
    pub(super) fn take(store: &Store, holder: &Holder) -> Result<Self, StoreError> {
        let path = store.lock_path();
        let io = |act: &'static str| {
            let path = path.clone();
            move |source: io::Error| StoreError::Io { act, path, source }
        };
        let mut file = loop {
            let mut options = OpenOptions::new();
            let mut file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path).map_err(io("open"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(StoreError::Locked(Locked { path, holder: read(&mut file) })),
                Err(TryLockError::Error(source)) => return Err(StoreError::NoLocks { path, source }),
            }
            // Somebody may have removed the file in between: then this lock is on a file that nobody else will find.
            if is_still_at(&file, &path).map_err(io("look at"))? {
                break file;
            }
        };
        let previous = read(&mut file);
        write(&mut file, holder).map_err(io("write"))?;
        Ok(Self { store: store.clone(), writer: Mutex::default(), file, previous })
    }

    /// Who died holding it: what that process had begun is what the journal tells.
    pub fn previous_holder(&self) -> Option<&Holder> {
        self.previous.as_ref()
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("path", &self.store.lock_path()).finish_non_exhaustive()
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.close_journal();
        // An empty file says that nobody died; should this fail, the next holder merely hears of one that did not.
        self.file.set_len(0).ok();
        self.file.unlock().ok();
    }
}

fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all((serde_json::to_string(holder)? + "\n").as_bytes())
}

#[cfg(test)]
mod tests;
