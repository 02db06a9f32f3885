//! What a call can come back with besides success, sorted by what the engine does next.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A call that did not succeed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    /// The API operation, as AWS names it: `CreateVpc`.
    pub action: &'static str,
    pub kind: ErrorKind,
    /// AWS's error code, where there was an answer.
    pub code: Option<String>,
    /// What AWS answered, or why there was no answer. Holds no secret.
    pub message: String,
    pub request_id: Option<String>,
}

/// What is known about a failed call; the engine's one retry policy goes by this.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// Refused for the rate alone; it was not executed.
    Throttled,
    /// A 5xx answer; it may have been executed.
    Unavailable,
    /// No answer: a dropped connection or a timeout; it may have been executed.
    Unanswered,
    /// It never left this machine: no connection could be made.
    Unreachable,
    /// Refused with a 4xx answer; it was not executed.
    Rejected,
    /// No credentials, or credentials that are wrong or expired; it was not executed.
    Credentials,
    /// A fault of `infra`: a type does not take what its own schema allowed, or the answer makes no sense.
    Bug,
}

impl Error {
    /// A refusal that a type decided on itself, with AWS's code where it has one.
    pub fn rejected(action: &'static str, code: &str, message: impl Into<String>) -> Self {
        Self { action, kind: ErrorKind::Rejected, code: Some(code.to_owned()), message: message.into(), request_id: None }
    }

    pub fn bug(action: &'static str, message: impl Into<String>) -> Self {
        Self { action, kind: ErrorKind::Bug, code: None, message: message.into(), request_id: None }
    }

    /// Whether the call may have had its effect although it failed.
    pub fn maybe_executed(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Unanswered)
    }

    /// Whether the code is one of these.
    pub fn is(&self, codes: &[&str]) -> bool {
        self.code.as_deref().is_some_and(|code| codes.contains(&code))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.action)?;
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
