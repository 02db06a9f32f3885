//! How a command fails: what is said, and with which exit code.

use infra::exit::Exit;

pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub exit: Exit,
    /// With its causes. Nothing where all has been said already.
    pub error: Option<anyhow::Error>,
    /// What to do next, one sentence each.
    pub help: Vec<String>,
}

impl Failure {
    /// It was tried and did not work.
    pub(crate) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Failed, error: Some(error.into()), help: vec![] }
    }

    /// It makes no sense, and nothing was tried.
    pub(crate) fn invalid(summary: impl Into<String>) -> Self {
        Self { exit: Exit::Invalid, error: Some(anyhow::Error::msg(summary.into())), help: vec![] }
    }

    /// All has been said already.
    pub(crate) fn said(exit: Exit) -> Self {
        Self { exit, error: None, help: vec![] }
    }

    #[must_use]
    pub(crate) fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// What was being done when it failed.
    #[must_use]
    pub(crate) fn while_doing(mut self, what: impl Into<String>) -> Self {
        self.error = self.error.map(|it| it.context(what.into()));
        self
    }
}

impl From<crate::local::Error> for Failure {
    fn from(error: crate::local::Error) -> Self {
        let help = error.help();
        Self::failed(error).help(help)
    }
}
