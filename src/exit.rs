//! All exit codes of `infra`.

use std::process::ExitCode;

/// How a command ended, as a script sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// Something failed; what and why was said.
    Failed = 1,
    /// `plan --detailed-exitcode`: there are changes.
    Changes = 2,
    /// Wrong usage, or an invalid stack file; nothing was tried.
    Invalid = 3,
    /// A bug of `infra` itself.
    Bug = 70,
    /// Interrupted; what was in flight is recorded.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
