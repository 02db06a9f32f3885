//! The lists of what can be had and what can be looked up, with their schemas read on first use.

use std::{collections::BTreeMap, sync::OnceLock};

use schemars::Schema;
use serde_json::Value as Json;

use super::{AnyLookup, AnyResource, Facts, Id, Problems, Result, schema::TypeSchema};
use crate::value::Value;

/// What can be said of a resource type without any cloud.
pub trait Describe: Send + Sync {
    fn name(&self) -> &'static str;
    fn facts(&self) -> &'static Facts;
    fn spec_schema(&self) -> Schema;
    fn outputs_schema(&self) -> Schema;
    fn check(&self, spec: &Value, problems: &mut Problems);
    /// The id that a resource of this spec has or would have, where its name decides it.
    fn locate(&self, spec: &Json) -> Result<Option<Id>>;
    /// Why this change needs a new resource, beyond what the schema says.
    fn replaces(&self, from: &Json, to: &Json) -> Result<Option<&'static str>>;
    /// The properties that the create of this spec does not set although nobody can read whether they are.
    fn unset(&self, spec: &Json) -> Result<&'static [&'static str]>;
    /// Whether the cloud comes by itself from what is wanted of a property to what there is, and never goes back.
    fn grown(&self, property: &str, wanted: &BTreeMap<String, Value>, there: &Value) -> bool;
}

/// What can be said of a lookup without any cloud.
pub trait DescribeLookup: Send + Sync {
    fn name(&self) -> &'static str;
    fn spec_schema(&self) -> Schema;
    fn outputs_schema(&self) -> Schema;
}

/// All that a stack file can name, and how each of it is written.
#[derive(Default)]
pub struct Catalog {
    resources: BTreeMap<&'static str, Entry<&'static dyn Describe>>,
    lookups: BTreeMap<&'static str, Entry<&'static dyn DescribeLookup>>,
}

struct Entry<T> {
    what: T,
    // Building one from its Rust type takes a while, and a stack uses a few of many.
    schema: OnceLock<TypeSchema>,
}

impl Catalog {
    pub fn new(
        resources: impl IntoIterator<Item = &'static dyn Describe>,
        lookups: impl IntoIterator<Item = &'static dyn DescribeLookup>,
    ) -> Self {
        Self {
            resources: resources.into_iter().map(|what| (what.name(), Entry { what, schema: OnceLock::new() })).collect(),
            lookups: lookups.into_iter().map(|what| (what.name(), Entry { what, schema: OnceLock::new() })).collect(),
        }
    }

    /// The names of all resource types, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.resources.keys().copied()
    }

    /// The names of all lookups, sorted.
    pub fn lookup_names(&self) -> impl Iterator<Item = &'static str> {
        self.lookups.keys().copied()
    }

    pub fn resource(&self, name: &str) -> Option<&'static dyn Describe> {
        self.resources.get(name).map(|it| it.what)
    }

    pub fn schema(&self, name: &str) -> Option<&TypeSchema> {
        let entry = self.resources.get(name)?;
        Some(entry.schema.get_or_init(|| TypeSchema::read(entry.what.name(), &entry.what.spec_schema(), &entry.what.outputs_schema())))
    }

    pub fn lookup_schema(&self, name: &str) -> Option<&TypeSchema> {
        let entry = self.lookups.get(name)?;
        Some(entry.schema.get_or_init(|| TypeSchema::read(entry.what.name(), &entry.what.spec_schema(), &entry.what.outputs_schema())))
    }
}

/// The catalog together with the calls.
pub struct Types<W: 'static> {
    pub catalog: Catalog,
    resources: BTreeMap<&'static str, &'static dyn AnyResource<W>>,
    lookups: BTreeMap<&'static str, &'static dyn AnyLookup<W>>,
}

impl<W: 'static> Types<W> {
    pub fn new(resources: &'static [&'static dyn AnyResource<W>], lookups: &'static [&'static dyn AnyLookup<W>]) -> Self {
        Self {
            catalog: Catalog::new(resources.iter().map(|it| *it as &dyn Describe), lookups.iter().map(|it| *it as &dyn DescribeLookup)),
            resources: resources.iter().map(|it| (it.name(), *it)).collect(),
            lookups: lookups.iter().map(|it| (it.name(), *it)).collect(),
        }
    }

    pub fn resource(&self, name: &str) -> Option<&'static dyn AnyResource<W>> {
        self.resources.get(name).copied()
    }

    pub fn lookup(&self, name: &str) -> Option<&'static dyn AnyLookup<W>> {
        self.lookups.get(name).copied()
    }
}
