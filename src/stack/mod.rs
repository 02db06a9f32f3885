//! Text to [`Stack`]: what the files say, checked, for one environment. No IO; every mistake of a file in one go.
//!
//! [`parse`] reads a file and checks all that does not depend on the environment; [`lookups`] says what has to be looked up
//! before loops and conditions can be decided; [`resolve`] decides them. What refers to other resources stays an expression
//! ([`Template`]) until [`Instance::evaluate`].
//!
//! A file with mistakes can be resolved too: what was reported once is not reported again, so both lists make one report.

mod build;
mod calculate;
mod compile;
mod declare;
mod evaluate;
mod expression;
mod file;
mod frame;
mod functions;
mod instances;
mod names;
mod options;
mod parse;
mod pieces;
mod policy;
mod resolve;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod values;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use indexmap::IndexMap;

pub use self::{
    file::File,
    functions::{FUNCTIONS, Function},
    parse::parse,
    resolve::{lookups, resolve},
};
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Place},
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
    /// How the function `file` reads.
    pub files: Files,
}

/// How files beside the stack file are read, since nothing here does IO.
#[derive(Clone, Default)]
pub struct Files {
    read: Option<Arc<ReadFile>>,
    seen: Arc<Mutex<BTreeSet<String>>>,
}

type ReadFile = dyn Fn(&str) -> Result<Vec<u8>, String> + Send + Sync;

impl Files {
    /// Paths are given as they stand in the stack file; the error says why one cannot be read.
    pub fn new(read: impl Fn(&str) -> Result<Vec<u8>, String> + Send + Sync + 'static) -> Self {
        Self { read: Some(Arc::new(read)), seen: Arc::default() }
    }

    /// The paths of all that was read so far, as they stand in the stack file.
    pub fn seen(&self) -> BTreeSet<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn text(&self, path: &str) -> Result<String, String> {
        String::from_utf8(self.read(path)?).map_err(|_| "it holds bytes that are no text".into())
    }

    /// # Errors
    /// Why it cannot be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        match &self.read {
            Some(read) => {
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
                read(path)
            }
            None => Err("no files can be read here".into()),
        }
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Files")
    }
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

    /// Whether something is about to be done that may add entries to an output that is a map.
    fn may_grow(&self, _target: &Address, _field: &str) -> bool {
        false
    }
}

/// Shows no resource: for what can be known without any.
pub struct Nothing;

impl Scope for Nothing {
    fn field(&self, target: &Address, field: &str) -> Value {
        Value::unknown(format!("${{{target}.{field}}}"))
    }
}

/// A value in the file, with its expressions not yet evaluated. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Template {
    part: Arc<template::Part>,
    context: Arc<template::Context>,
}

/// One lookup to make.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is called in the stack.
    pub name: String,
    pub type_name: &'static str,
    /// What it is found by.
    pub arguments: serde_json::Value,
    pub location: Location,
    /// Where its name stands.
    pub place: Place,
}

/// Diagnostics as the file has them, those without a place first.
fn in_order(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by_key(|it| it.labels.first().map(|it| it.place.span.start));
    diagnostics
}
