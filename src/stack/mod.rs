//! Text to [`Stack`]: what the files say, checked, for one environment. No IO; every mistake of a file in one go.
//!
//! [`parse`] reads a file and checks all that does not depend on the environment; [`lookups`] says what has to be looked up
//! before loops and conditions can be decided; [`resolve`] decides them. What refers to other resources stays an expression
//! ([`Template`]) until [`Instance::evaluate`].

use std::{collections::BTreeMap, time::Duration};

use indexmap::IndexMap;

use crate::{
    address::Address,
    diagnostic::Place,
    resource::{Id, Location},
    value::{Path, Value},
};

/// What is chosen on the command line and known of the account.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The name of the environment; `default` where the file declares none.
    pub environment: String,
    /// `--var NAME=VALUE`.
    pub vars: BTreeMap<String, String>,
    /// The region where the file names none.
    pub region: Option<String>,
    /// Not known while validating.
    pub caller: Option<Caller>,
}

/// Who calls AWS.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Caller {
    pub account: String,
    /// `aws`, `aws-cn`, `aws-us-gov`.
    pub partition: String,
}

/// A stack file for one environment: its resources with loops and conditions decided.
#[derive(Clone, Debug)]
pub struct Stack {
    pub name: String,
    pub environment: String,
    pub region: Option<String>,
    /// The only account that it may be applied to.
    pub account: Option<String>,
    /// Whether stateful resources are protected in this environment.
    pub protect: bool,
    pub tags: BTreeMap<String, String>,
    /// In the order of the file.
    pub resources: IndexMap<Address, Instance>,
    pub outputs: IndexMap<String, Output>,
    /// Renames: the old address and the new.
    pub moved: Vec<Moved>,
}

#[derive(Clone, Debug)]
pub struct Moved {
    pub from: Address,
    pub to: Address,
    pub place: Place,
}

/// One resource as the file wants it.
#[derive(Clone, Debug)]
pub struct Instance {
    pub address: Address,
    pub type_name: &'static str,
    /// Where its name stands.
    pub place: Place,
    pub properties: Template,
    /// Every part of another resource that its properties refer to.
    pub references: Vec<Reference>,
    /// Written with `depends_on`.
    pub depends_on: Vec<Address>,
    pub options: Options,
}

/// The options of the engine that stand beside a type.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub location: Location,
    pub protect: Option<bool>,
    pub retain: bool,
    pub create_before_destroy: Option<bool>,
    pub ignore_changes: Vec<Path>,
    pub timeouts: Timeouts,
    /// An existing thing to take over.
    pub adopt: Option<Id>,
    pub suppress: Vec<Suppression>,
}

#[derive(Clone, Debug, Default)]
pub struct Timeouts {
    pub create: Option<Duration>,
    pub update: Option<Duration>,
    pub delete: Option<Duration>,
}

/// A check that does not apply here, and why.
#[derive(Clone, Debug)]
pub struct Suppression {
    pub check: String,
    pub reason: String,
}

/// A part of another resource that a property refers to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reference {
    pub target: Address,
    /// The output or property referred to; none where the whole resource is.
    pub field: Option<String>,
    /// The property that refers to it.
    pub at: Path,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub struct Output {
    pub value: Template,
    pub references: Vec<Reference>,
    pub place: Place,
}

/// What expressions can see of other resources while they are evaluated.
pub trait Scope {
    /// An output or property of a resource: `Unknown` where it will be known later, `Null` where there is none.
    fn field(&self, target: &Address, field: &str) -> Value;
}

/// A value in the file, with its expressions not yet evaluated.
#[derive(Clone, Debug)]
pub struct Template;
