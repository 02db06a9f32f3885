//! The engine's two calls: what would be done, and doing it.

use infra::{
    apply::Summary,
    plan::Plan,
    report::Progress,
    resource::Types,
    state::{Lock, State},
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::{
    failure::{Failure, Result},
    interrupt::Urgency,
    options::Limits,
    prepare::Prepared,
};
use crate::aws::Aws;

/// What a plan shall be about.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Request {
    /// Everything is to go.
    pub destroy: bool,
    /// Whether the cloud is asked what there is, or what is recorded is believed.
    pub refresh: bool,
    pub targets: Vec<String>,
    pub excludes: Vec<String>,
    /// Resources to be replaced although nothing else asks for it.
    pub replace: Vec<String>,
}

impl Request {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { refresh: true, targets: limits.targets.clone(), excludes: limits.excludes.clone(), ..Self::default() }
    }
}

/// What would be done.
pub(crate) async fn plan(_prepared: &Prepared, _state: &State, _request: &Request, _types: &Types<Aws>) -> Result<Plan> {
    Err(Failure::failed(anyhow::anyhow!("planning is not wired up yet")))
}

/// Does what a plan says, telling `progress`; ends early when an interrupt asks for it.
pub(crate) async fn apply(
    _prepared: &Prepared,
    _state: &State,
    _plan: &Plan,
    _lock: &Lock,
    _types: &Types<Aws>,
    _progress: &mut Progress,
    _urgency: watch::Receiver<Urgency>,
) -> Result<Summary> {
    Err(Failure::failed(anyhow::anyhow!("applying is not wired up yet")))
}
