//! What happens while a plan is applied, as it is told to whoever looks on.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{address::Address, plan::Action, resource::Id};

/// One thing that happened. All output of an apply is made from these.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// Work begins.
    Begun {
        steps: usize,
        forecast: Duration,
    },
    /// What an earlier run had begun was found.
    Recovered {
        address: Address,
        id: Id,
        how: Recovery,
    },
    /// An earlier run's create had no effect, which is certain now.
    NothingToRecover {
        address: Address,
    },
    Started {
        address: Address,
        action: Action,
        typical: Duration,
    },
    /// It exists and is not usable yet.
    Waiting {
        address: Address,
        status: String,
    },
    /// A call failed in a way that passes.
    Retrying {
        address: Address,
        error: String,
        attempt: u32,
        pause: Duration,
    },
    Done {
        address: Address,
        action: Action,
        id: Option<Id>,
        elapsed: Duration,
    },
    Failed {
        address: Address,
        action: Action,
        error: String,
        help: Option<String>,
        elapsed: Duration,
    },
    /// Begun, and given up because the run was interrupted; the next one goes on from there.
    Unfinished {
        address: Address,
        action: Action,
        /// What failed last, in a way that passes.
        error: Option<String>,
    },
    /// Not tried, because something it needs failed or the run was interrupted.
    Skipped {
        address: Address,
        action: Action,
        because: Skip,
    },
    /// An interrupt was received: nothing new is started.
    Interrupted {
        in_flight: Vec<Address>,
    },
    /// All is said and done.
    Finished {
        summary: Summary,
    },
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Recovery {
    /// By the name that it alone can have.
    Name,
    /// By its operation id or its content.
    Operation,
    /// By repeating the call with the same token.
    Token,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "cause")]
pub enum Skip {
    /// This one failed, or was itself skipped.
    Needs {
        address: Address,
    },
    Interrupted,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Summary {
    pub created: usize,
    pub adopted: usize,
    pub updated: usize,
    pub replaced: usize,
    pub deleted: usize,
    pub forgotten: usize,
    pub failed: usize,
    pub unfinished: usize,
    pub skipped: usize,
    pub interrupted: bool,
    pub elapsed: Duration,
}
