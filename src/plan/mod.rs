//! Graph, state and what the cloud answered, to [`Plan`]: what would be done, and why. Pure.

mod adopt;
mod assemble;
mod claims;
pub mod decide;
pub mod desire;
pub mod diff;
mod limits;
pub mod normal;
mod protect;
pub mod questions;
mod replace;
pub mod schedule;
mod scope;
pub mod sealed;
#[cfg(test)]
pub(crate) mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{address::Address, resource::Id, value::Path};

/// What a plan shall be about.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Request {
    /// Everything is to go.
    pub destroy: bool,
    /// Whether the cloud is asked what there is, or what is recorded is believed.
    pub refresh: bool,
    pub targets: Vec<String>,
    pub excludes: Vec<String>,
    /// Resources to be replaced although nothing else asks for it.
    pub replace: Vec<String>,
}

/// What would be done. It decides everything; applying it decides nothing more.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Plan {
    /// In an order in which they could be done one by one.
    pub steps: Vec<Step>,
    /// How many resources stay as they are.
    pub unchanged: usize,
    /// Renames that take effect.
    pub moved: Vec<(Address, Address)>,
    pub outputs: Vec<OutputChange>,
    pub notes: Vec<Note>,
}

impl Plan {
    /// Whether applying it would change anything in the cloud or in the state.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty() && self.moved.is_empty() && self.outputs.is_empty()
    }
}

/// What is done to one resource.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Step {
    pub address: Address,
    #[serde(rename = "type")]
    pub type_name: String,
    /// Of what there is now.
    pub id: Option<Id>,
    pub action: Action,
    /// Why, where the changes do not say it.
    pub reason: Option<Reason>,
    /// Top-level and nested properties that differ.
    pub changes: Vec<Change>,
    /// Steps of the plan that must be done first.
    pub after: Vec<Address>,
    /// How long it usually takes.
    pub typical: Duration,
    /// Whether data is lost.
    pub stateful: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    /// Takes over what exists, and changes it where it differs.
    Adopt,
    Update,
    /// Deletes the old one, then makes the new one.
    Replace,
    /// Makes the new one, then deletes the old one.
    CreateThenDelete,
    Delete,
    /// Leaves it in the cloud and no longer records it.
    Forget,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
pub enum Reason {
    /// It was recorded and is no longer there.
    Gone,
    /// An earlier run began it and did not finish.
    Unfinished,
    /// It never became usable.
    Failed { status: String },
    /// `--replace` named it.
    Asked,
    /// The file has it no longer.
    Removed,
    /// The whole stack is destroyed.
    Destroyed,
    /// These properties cannot be changed in place.
    Immutable { properties: Vec<String> },
    /// What the type says of this change.
    Type { text: String },
    /// The file has another type under the same name.
    TypeChanged { from: String },
    /// The file has it in another region, or reached through another role.
    Relocated,
    /// Replaced before and not deleted yet.
    Deposed,
}

/// One property that differs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Change {
    pub path: Path,
    pub before: Shown,
    pub after: Shown,
    pub cause: Cause,
    /// Whether it alone forces a replacement.
    pub replaces: bool,
}

/// A value as it may be shown.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    Absent,
    Value(Json),
    /// Known after something else has been applied: the expression.
    Unknown(String),
    Secret,
    /// The cloud does not tell it.
    Unread,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The file wants something else than was last applied.
    File,
    /// The file no longer has it.
    Removed,
    /// Somebody changed it in the cloud.
    Drift,
    /// What it refers to changes.
    Reference,
    /// It was not finished.
    Unfinished,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct OutputChange {
    pub name: String,
    pub before: Shown,
    pub after: Shown,
}

/// Something a reviewer should know that is no change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "note")]
pub enum Note {
    /// It is protected and stays although it would be deleted.
    Protected { address: Address },
    /// It stays with something protected, which needs it.
    Needed { address: Address },
    /// A removed property that stays as it is in the cloud.
    Kept { address: Address, property: String },
    /// The cloud has taken changes of these properties and makes them later.
    Waiting { address: Address, properties: Vec<String> },
    /// Something that is not ours has the name.
    Taken { address: Address, id: Id },
    /// A create whose outcome is settled when the plan is applied.
    Unsettled { address: Address },
    /// Left out by `--target` or `--exclude`.
    LeftOut { address: Address },
}
