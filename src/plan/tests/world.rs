//! A few small types that show every mark, and nothing behind them.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    diagnostic::Source,
    resource::{
        self, After, Catalog, Cidr, Create, Delete, Describe, Facts, Id, Live, Resource, Result, Sealed, Secret, Tags, Update, Wanted,
        immutable, kept, late, ready, set, shared,
        testing::{Nowhere, described},
        unique, volatile, write_only,
    },
};

pub(crate) fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
        Catalog::new(
            [&Case as &dyn Describe, &Named, &Data, &First, &Alone, &Local, &Housed, &Follower, &Teller, &Nested, &Mended, &Namesake],
            [],
        )
    });
    &CATALOG
}

pub(crate) fn source(text: &str) -> Arc<Source> {
    Arc::new(Source::new("stacks/s.yaml", text))
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Outputs {
    id: String,
    #[schemars(transform = volatile)]
    version: String,
    #[schemars(transform = ready)]
    endpoint: String,
    key: Sealed,
    parts: BTreeMap<String, Sealed>,
}

fn one() -> i64 {
    1
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaseSpec {
    text: Option<String>,
    #[schemars(transform = immutable)]
    fixed: Option<String>,
    #[serde(default = "one")]
    size: i64,
    block: Option<Cidr>,
    inner: Option<Inner>,
    list: Option<Vec<String>>,
    #[schemars(transform = set)]
    set: Option<Vec<String>>,
    #[schemars(transform = set, transform = shared)]
    rules: Option<Vec<String>>,
    map: Option<BTreeMap<String, String>>,
    free: Option<Json>,
    #[schemars(transform = kept)]
    kept: Option<String>,
    #[schemars(transform = write_only)]
    hidden: Option<String>,
    password: Option<Secret>,
    #[schemars(transform = ready)]
    usable: Option<String>,
    #[schemars(transform = late)]
    peers: Option<Vec<String>>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Inner {
    text: Option<String>,
    #[schemars(transform = immutable)]
    fixed: Option<String>,
}

described!(
    Case,
    CaseSpec,
    Outputs,
    "test.case",
    fn replaces(from: &CaseSpec, to: &CaseSpec) -> Option<&'static str> {
        (to.size < from.size).then_some("it cannot shrink")
    }
);

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NamedSpec {
    #[schemars(transform = immutable, transform = unique, length(max = 24))]
    name: Option<String>,
    text: Option<String>,
    #[schemars(transform = immutable)]
    fixed: Option<String>,
}

described!(
    Named,
    NamedSpec,
    Outputs,
    "test.named",
    fn locate(spec: &NamedSpec) -> Option<Id> {
        spec.name.as_deref().map(Id::from)
    }
);

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlainSpec {
    text: Option<String>,
    #[schemars(transform = immutable)]
    fixed: Option<String>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AloneSpec {
    #[schemars(transform = immutable)]
    within: Option<String>,
    #[schemars(transform = immutable)]
    place: Option<String>,
    #[schemars(transform = immutable)]
    fixed: Option<String>,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LocalSpec {
    #[schemars(transform = immutable)]
    within: Option<String>,
    #[schemars(transform = immutable, transform = unique, length(max = 24))]
    name: Option<String>,
    #[schemars(transform = immutable)]
    fixed: Option<String>,
}

described!(Data, PlainSpec, Outputs, "test.data", facts: Facts { stateful: true, ..Facts::DEFAULT });
described!(First, PlainSpec, Outputs, "test.first", facts: Facts { create_first: true, ..Facts::DEFAULT });
described!(Alone, AloneSpec, Outputs, "test.alone", facts: Facts { create_first: true, apart: &["within", "place"], ..Facts::DEFAULT });
described!(Local, LocalSpec, Outputs, "test.local", facts: Facts { create_first: true, apart: &["within", "name"], ..Facts::DEFAULT });
described!(Housed, PlainSpec, Outputs, "test.housed", facts: Facts { within: &["text", "within"], ..Facts::DEFAULT });
described!(
    Follower,
    PlainSpec,
    Outputs,
    "test.follower",
    facts: Facts { after: &[After { from: &["text"], other: "test.data", by: "text" }], ..Facts::DEFAULT }
);
described!(
    Teller,
    PlainSpec,
    Outputs,
    "test.teller",
    facts: Facts { late_after: &[After { from: &[], other: "test.data", by: "text" }], ..Facts::DEFAULT }
);

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NestedSpec {
    parts: Option<Vec<Inner>>,
}

// What both refer to is named somewhere inside their properties.
described!(
    Nested,
    NestedSpec,
    Outputs,
    "test.nested",
    facts: Facts { after: &[After { from: &["parts"], other: "test.case", by: "inner" }], ..Facts::DEFAULT }
);
described!(Mended, PlainSpec, Outputs, "test.mended", facts: Facts { mends: true, ..Facts::DEFAULT });
described!(
    Namesake,
    PlainSpec,
    Outputs,
    "test.namesake",
    facts: Facts { namesakes: &[resource::Namesake { name: "text", before: "of/", other: "test.named", by: "name" }], ..Facts::DEFAULT }
);
