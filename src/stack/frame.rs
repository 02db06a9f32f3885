//! What expressions see besides other resources.

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use super::{Files, expression::Root};
use crate::{address::Address, value::Value};

/// All that expressions see besides other resources, for one stack in one environment.
#[derive(Debug, Default)]
pub(super) struct Frame {
    pub(super) vars: BTreeMap<String, Value>,
    /// The variables that a variable's own value is made of.
    pub(super) made_of: BTreeMap<String, BTreeSet<String>>,
    pub(super) env: BTreeMap<String, Value>,
    pub(super) aws: BTreeMap<String, Value>,
    pub(super) lookups: BTreeMap<String, Value>,
    /// By the number of the resource.
    pub(super) groups: Vec<Group>,
    pub(super) files: Files,
}

/// What became of a resource of the file.
#[derive(Debug)]
pub(super) enum Group {
    /// Without `for_each`; none where `when` switches it off.
    One(Option<Address>),
    /// With `for_each`: each key, with none where `when` switches that one off.
    Several(IndexMap<String, Option<Address>>),
    /// Its keys depend on what is not known while validating.
    Generic(Address),
}

impl Group {
    pub(super) fn addresses(&self) -> Vec<Address> {
        match self {
            Self::One(None) => vec![],
            Self::One(Some(it)) | Self::Generic(it) => vec![it.clone()],
            Self::Several(all) => all.values().flatten().cloned().collect(),
        }
    }
}

/// The entry of the loop that an instance is made for.
#[derive(Clone, Debug)]
pub(super) struct Each {
    pub(super) key: Value,
    pub(super) value: Value,
}

impl Frame {
    pub(super) fn root(&self, root: Root) -> &BTreeMap<String, Value> {
        match root {
            Root::Vars => &self.vars,
            Root::Env => &self.env,
            Root::Aws => &self.aws,
            Root::Lookup => &self.lookups,
        }
    }
}
