//! Where the files of a state are, and how they are replaced without ever being half there.
//!
//! | file in `state/<env>/` | what it is |
//! |---|---|
//! | `<stack>.json` | the state |
//! | `<stack>.journal` | what is being done to it, while a run goes on or after one was interrupted |
//! | `<stack>.json.previous`, `<stack>.journal.previous` | the version before, and what led from there to the state |
//! | `<stack>.lock` | who writes |
//! | `<stack>.json.corrupt-…`, `<stack>.journal.corrupt-…` | what was damaged, kept to look at |
//! | `<stack>.json.void`, `<stack>.journal.void` | what was discarded |
//!
//! The order of writing is what makes it safe to be killed anywhere: the previous version is a copy that is complete before the
//! state is replaced, the state is replaced in one step, and only then is the journal put away, whose entries the state has and
//! recognises by its serial.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use jiff::Timestamp;

use super::{
    FORMAT_VERSION, FileJournal, Holder, Loaded, Lock, State, StoreError, Warning,
    disk::{self, Disk, LocalDisk, with_suffix},
    format,
    journal::Writer,
    lines::{Contents, JOURNAL_VERSION},
    load::{Assembled, Current},
};

/// The state of one stack in one environment, in a local folder.
///
/// Anybody may [`load`](Self::load); who wants to write takes the [`Lock`] and does everything through it.
#[derive(Clone)]
pub struct Store {
    pub(super) folder: PathBuf,
    pub(super) environment: String,
    pub(super) stack: String,
    pub(super) disk: Arc<dyn Disk>,
}

impl Store {
    /// Touches nothing yet.
    ///
    /// # Errors
    /// A name cannot be that of a file.
    pub fn open(folder: impl AsRef<Path>, environment: &str, stack: &str) -> Result<Self, StoreError> {
        for (what, name) in [("environment", environment), ("stack", stack)] {
            if name.is_empty() || !name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_') {
                return Err(StoreError::Name { what, name: name.to_owned() });
            }
        }
        Ok(Self {
            folder: folder.as_ref().join(environment),
            environment: environment.to_owned(),
            stack: stack.to_owned(),
            disk: Arc::new(LocalDisk),
        })
    }

    /// Reads the state and folds in what a journal has beyond it. Writes nothing, and needs no lock.
    ///
    /// # Errors
    /// It cannot be read, or what is read is no state and nothing good stands in for it.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        let Assembled { mut loaded, damage } = self.assemble()?;
        if let Some(bad) = damage {
            let (path, good) = (self.journal_path(), bad.line.saturating_sub(2));
            loaded.warnings.push(Warning::JournalCorrupt { path, line: bad.line, good, problem: bad.problem });
        }
        Ok(loaded)
    }

    /// Takes the right to write.
    ///
    /// # Errors
    /// [`StoreError::Locked`] where another process has it; that says who.
    pub fn lock(&self, holder: &Holder) -> Result<Lock, StoreError> {
        self.disk.make_folder(&self.folder).map_err(|source| self.io("make", &self.folder, source))?;
        Lock::take(self, holder)
    }

    pub fn state_path(&self) -> PathBuf {
        self.file("json")
    }

    pub fn previous_path(&self) -> PathBuf {
        self.file("json.previous")
    }

    pub fn journal_path(&self) -> PathBuf {
        self.file("journal")
    }

    pub fn lock_path(&self) -> PathBuf {
        self.file("lock")
    }

    pub(super) fn previous_journal_path(&self) -> PathBuf {
        self.file("journal.previous")
    }

    fn file(&self, suffix: &str) -> PathBuf {
        self.folder.join(format!("{}.{suffix}", self.stack))
    }

    pub(super) fn read(&self, path: &Path) -> Result<Option<Vec<u8>>, StoreError> {
        self.disk.read(path).map_err(|source| self.io("read", path, source))
    }

    fn replace(&self, path: &Path, content: &[u8]) -> Result<(), StoreError> {
        disk::replace(&*self.disk, path, content).map_err(|source| self.io("write", path, source))
    }

    fn remove(&self, path: &Path) -> Result<(), StoreError> {
        self.disk.remove(path).map_err(|source| self.io("remove", path, source))
    }

    fn put_away(&self, path: &Path, to: &Path) -> Result<(), StoreError> {
        match self.disk.rename(path, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other.and_then(|()| self.disk.sync_folder(&self.folder)).map_err(|source| self.io("put away", path, source)),
        }
    }

    /// A name for a damaged file that none has yet.
    fn free_path(&self, path: &Path) -> Result<PathBuf, StoreError> {
        let stem = with_suffix(path, &Timestamp::now().strftime(".corrupt-%Y%m%dT%H%M%SZ").to_string());
        let mut free = stem.clone();
        let mut n = 1;
        while self.read(&free)?.is_some() {
            n += 1;
            free = with_suffix(&stem, &format!("-{n}"));
        }
        Ok(free)
    }

    fn io(&self, act: &'static str, path: &Path, source: io::Error) -> StoreError {
        StoreError::Io { act, path: path.to_owned(), source }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.state_path()).finish_non_exhaustive()
    }
}

/// What only the holder of the lock may do.
impl Lock {
    /// Like [`Store::load`]. A damaged journal is put away, once what is good of it has been saved.
    ///
    /// # Errors
    /// As there; and [`StoreError::JournalCorrupt`], after which loading again gives what was good.
    pub fn load(&self) -> Result<Loaded, StoreError> {
        let store = &self.store;
        let Assembled { loaded, damage } = store.assemble()?;
        let Some(bad) = damage else { return Ok(loaded) };
        let kept = store.free_path(&store.journal_path())?;
        if let Some(state) = &loaded.state {
            self.write(state)?;
        }
        store.put_away(&store.journal_path(), &kept)?;
        Err(StoreError::JournalCorrupt { kept, line: bad.line, good: bad.line.saturating_sub(2), problem: bad.problem })
    }

    /// Writes the state in place of the one that is there, which is kept as the previous version, and puts the journal away.
    ///
    /// # Errors
    /// It cannot be written, or must not be: there is a newer one, or one from a newer `infra`. What was there still is.
    pub fn save(&self, state: &State) -> Result<(), StoreError> {
        let store = &self.store;
        let journal = store.journal()?;
        self.check_journal(state, journal.as_ref())?;
        self.write(state)?;
        self.close_journal();
        match journal {
            None => Ok(()),
            // Nothing is in it, and what led to the state is in the one that was put away before it.
            Some(journal) if journal.entries.is_empty() && journal.bad.is_none() => store.remove(&store.journal_path()),
            Some(_) => store.put_away(&store.journal_path(), &store.previous_journal_path()),
        }
    }

    /// Saves the state if need be, and begins the journal of a run that changes it.
    ///
    /// # Errors
    /// As [`Self::save`]; nothing was begun.
    pub fn begin(&self, state: &State) -> Result<FileJournal, StoreError> {
        self.save(state)?;
        let path = self.store.journal_path();
        let writer = match Writer::create(&path, &state.uuid, state.serial) {
            Ok(writer) => Arc::new(writer),
            Err(source) => {
                self.store.disk.remove(&path).ok();
                return Err(self.store.io("begin", &path, source));
            }
        };
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&writer));
        Ok(FileJournal::new(writer))
    }

    /// The end of a run, however it went: what the journal has is folded into the state, and the state saved.
    ///
    /// # Errors
    /// As [`Self::load`] and [`Self::save`]; state and journal stay as they are, and the next run goes on from there.
    pub fn settle(&self) -> Result<Loaded, StoreError> {
        self.close_journal();
        let loaded = self.load()?;
        if let Some(state) = &loaded.state {
            self.save(state)?;
        }
        Ok(loaded)
    }

    /// Puts away the state and all that belongs to it: what it records is known not to exist any more.
    ///
    /// # Errors
    /// A file cannot be renamed or removed.
    pub fn discard(&self) -> Result<(), StoreError> {
        let store = &self.store;
        self.close_journal();
        store.remove(&store.previous_path())?;
        store.remove(&store.previous_journal_path())?;
        store.put_away(&store.journal_path(), &with_suffix(&store.journal_path(), ".void"))?;
        store.put_away(&store.state_path(), &with_suffix(&store.state_path(), ".void"))
    }

    fn check_journal(&self, state: &State, journal: Option<&Contents>) -> Result<(), StoreError> {
        let path = self.store.journal_path();
        let Some((journal, header)) = journal.and_then(|it| Some((it, it.header.as_ref()?))) else { return Ok(()) };
        if header.version > JOURNAL_VERSION {
            return Err(StoreError::Newer { path, version: header.version });
        }
        if journal.entries.is_empty() {
            return Ok(());
        }
        if header.uuid != state.uuid {
            let problem = "it was begun with another state".to_owned();
            return Err(StoreError::JournalMismatch { journal: path, path: self.store.state_path(), problem });
        }
        if journal.serial() > state.serial {
            return Err(StoreError::Stale { path, serial: journal.serial(), writing: state.serial });
        }
        Ok(())
    }

    fn write(&self, state: &State) -> Result<(), StoreError> {
        let store = &self.store;
        let (path, previous) = (store.state_path(), store.previous_path());
        if state.stack != store.stack || state.environment != store.environment {
            let State { stack, environment, .. } = state.clone();
            return Err(StoreError::Foreign { path, stack, environment });
        }
        let new = format::encode(state).into_bytes();
        match store.current()? {
            Current::Good { decoded, .. } if decoded.version > FORMAT_VERSION => {
                return Err(StoreError::Newer { path, version: decoded.version });
            }
            Current::Good { decoded, .. } if decoded.state.uuid != state.uuid => return Err(StoreError::OtherState { path }),
            Current::Good { decoded, .. } if decoded.state.serial > state.serial => {
                return Err(StoreError::Stale { path, serial: decoded.state.serial, writing: state.serial });
            }
            Current::Good { text, .. } if text == new => {}
            Current::Good { text, .. } => {
                store.replace(&previous, &text)?;
                store.replace(&path, &new)?;
            }
            // What is there is not worth to be called the previous version. The journal that is begun with this state leads
            // on from a second copy of it just as well.
            absent_or_bad => {
                if let Current::Bad { text, .. } = absent_or_bad {
                    store.replace(&store.free_path(&path)?, &text)?;
                }
                store.replace(&path, &new)?;
                store.replace(&previous, &new)?;
            }
        }
        Ok(())
    }

    pub(super) fn close_journal(&self) {
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            writer.close();
        }
    }
}

#[cfg(test)]
mod tests;
