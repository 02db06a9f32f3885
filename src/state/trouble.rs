//! What can be wrong with the files of a state, and what to do about it.

use std::{io, path::PathBuf};

use super::{FORMAT_VERSION, FoldError, FormatError, Holder};
use crate::diagnostic::Diagnostic;

/// The state cannot be read or written. [`Self::help`] says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("`{name}` cannot be the name of a {what}")]
    Name { what: &'static str, name: String },
    #[error("cannot {act} `{}`", .path.display())]
    Io {
        act: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Locked(Locked),
    #[error("the filesystem of `{}` cannot lock files", .path.display())]
    NoLocks {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("`{}` was written by a newer infra: its version is {version}, and this one writes {FORMAT_VERSION}", .path.display())]
    Newer { path: PathBuf, version: u64 },
    /// Nothing good is left beside it either.
    #[error("`{}` is damaged, and its previous version `{}` is damaged too or not there", .path.display(), .previous.display())]
    Corrupt {
        path: PathBuf,
        previous: PathBuf,
        #[source]
        source: FormatError,
    },
    /// What is good of it is in the state now.
    #[error(
        "the journal of an interrupted run is damaged at line {line}: {problem}; the {good} entries before it are good and used, \
         and the damaged journal is kept as `{}`", .kept.display()
    )]
    JournalCorrupt { kept: PathBuf, line: usize, good: usize, problem: String },
    #[error("`{}` does not belong to `{}`: {problem}", .journal.display(), .path.display())]
    JournalMismatch { journal: PathBuf, path: PathBuf, problem: String },
    #[error("`{}` is the state of the stack `{stack}` in the environment `{environment}`", .path.display())]
    Foreign { path: PathBuf, stack: String, environment: String },
    #[error("`{}` is another state of this stack: its uuid differs from that of the state to be written", .path.display())]
    OtherState { path: PathBuf },
    /// A bug of who calls: it did not read the state under the lock.
    #[error("`{}` is at serial {serial}, which the state to be written does not have; it is at {writing}", .path.display())]
    Stale { path: PathBuf, serial: u64, writing: u64 },
}

/// Another process writes this state.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the state is locked by {}", .holder.as_ref().map_or_else(|| "a process that did not say which".to_owned(), ToString::to_string))]
pub struct Locked {
    pub path: PathBuf,
    /// Not known in the moment between taking the lock and saying so.
    pub holder: Option<Holder>,
}

/// Something about the state that a person should know although there is one to work with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Warning {
    /// The state file is damaged; its previous version is used, with the journal that led from it to the damaged one.
    FellBack { path: PathBuf, problem: String, previous: PathBuf, serial: u64, replayed: usize },
    /// It can be read and planned with, never written.
    Newer { path: PathBuf, version: u64 },
    /// What is good of it is used; nothing was changed, for this was read without the lock.
    JournalCorrupt { path: PathBuf, line: usize, good: usize, problem: String },
}

impl StoreError {
    /// What to do next, one sentence.
    pub fn help(&self) -> String {
        match self {
            Self::Name { .. } => "use letters, digits, `-` and `_`".to_owned(),
            Self::Io { source, path, .. } => help_io(source, path),
            Self::Locked(Locked { holder: Some(holder), .. }) => {
                format!("wait until it is done, or stop process {} on {}: the lock is free the moment it ends", holder.pid, holder.host())
            }
            Self::Locked(Locked { path, .. }) => format!("wait until it is done; `fuser {}` shows the process", path.display()),
            Self::NoLocks { .. } => "keep the state on a local disk, or on a network filesystem that is mounted with locks".to_owned(),
            Self::Newer { .. } => "use that infra, or a newer one; this one can only read it".to_owned(),
            Self::Corrupt { path, .. } => {
                format!("put a good copy of `{}` in its place, from a backup or another checkout", path.display())
            }
            Self::JournalCorrupt { kept, .. } => format!(
                "run `infra plan` to see what is known now; what `{}` tells after the damage is not, so look there for ids before creating anything",
                kept.display()
            ),
            Self::JournalMismatch { journal, path, .. } => {
                format!(
                    "put back the `{}` it was begun with; to give up what it recorded, move `{}` away",
                    path.display(),
                    journal.display()
                )
            }
            Self::Foreign { .. } => "a state cannot be copied from one stack or environment to another: move it away".to_owned(),
            Self::OtherState { .. } => "nothing was written; discard the state that is there first if it is void".to_owned(),
            Self::Stale { .. } => "nothing was written; run the command again".to_owned(),
        }
    }
}

impl From<&Warning> for Diagnostic {
    fn from(warning: &Warning) -> Self {
        match warning {
            Warning::FellBack { path, problem, previous, serial, replayed } => {
                Self::warning(format!("`{}` is damaged: {problem}", path.display())).help(format!(
                    "its previous version `{}` is used instead, with {replayed} entries of the last journal, which is serial {serial}; \
                     the next command that writes keeps a copy of the damaged file",
                    previous.display()
                ))
            }
            Warning::Newer { path, version } => Self::warning(format!("`{}` was written by a newer infra", path.display()))
                .help(format!("its version is {version} and this infra writes {FORMAT_VERSION}: it can be read, not changed")),
            Warning::JournalCorrupt { path, line, good, problem } => {
                Self::error(format!("`{}` is damaged at line {line}: {problem}", path.display()))
                    .help(format!("the {good} entries before it are good and used here; what comes after is not known"))
            }
        }
    }
}

/// Why a journal's entry cannot be used although its line is whole.
pub(super) fn fold_problem(error: &FoldError) -> String {
    format!("it does not fit the state: {error}")
}

fn help_io(source: &io::Error, path: &std::path::Path) -> String {
    let path = path.display();
    match source.kind() {
        io::ErrorKind::PermissionDenied => format!("give yourself the right to it: `ls -l {path}` shows whose it is"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            format!("free some space on the disk that holds `{path}`, and run it again")
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            format!("the disk that holds `{path}` cannot be written: mount it so, or choose another folder with -C")
        }
        io::ErrorKind::IsADirectory | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            format!("something else stands at `{path}`: move it away")
        }
        _ => format!("look at `{path}` and its disk; nothing was half-written"),
    }
}
