//! A catalog of a few small types.

use std::sync::{Arc, LazyLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    diagnostic::Source,
    resource::{
        Catalog, Cidr, Create, Delete, Describe, DescribeLookup, Facts, Id, Live, Lookup, Policy, Problems, Resource, Result, Secret, Tags,
        Update, Wanted, immutable,
        testing::{Nowhere, described},
    },
    value::{Path, Value},
};

pub(super) fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> =
        LazyLock::new(|| Catalog::new([&Network as &dyn Describe, &Subnet, &Database], [&Zone as &dyn DescribeLookup]));
    &CATALOG
}

pub(super) fn source(text: &str) -> Arc<Source> {
    Arc::new(Source::new("stacks/shop.yaml", text))
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkSpec {
    /// The addresses of the network.
    #[schemars(transform = immutable)]
    cidr_block: Cidr,
    dns: Option<bool>,
    level: Option<Level>,
    #[schemars(length(min = 3, max = 8))]
    alias: Option<String>,
    #[schemars(regex(pattern = "[a-z]+-[0-9]+"))]
    code: Option<String>,
    #[schemars(range(min = 1, max = 100))]
    weight: Option<i64>,
    #[schemars(range(min = 0.5, max = 4.0))]
    capacity: Option<f64>,
    #[schemars(length(max = 3))]
    groups: Option<Vec<String>>,
    rules: Option<Vec<Rule>>,
    main: Option<Rule>,
    policy: Option<Policy>,
    anything: Option<serde_json::Value>,
    password: Option<Secret>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Low,
    High,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    port: i64,
    source: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct NetworkOutputs {
    id: String,
    cidrs: Vec<String>,
    count: i64,
}

fn check_network(spec: &Value, problems: &mut Problems) {
    if spec.get("alias") == Some(&Value::from("wrong")) {
        problems.error(Path::of("alias"), "an alias that is wrong", "choose another alias");
    }
    for (n, rule) in spec.get("rules").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        if rule.get("port") == Some(&Value::Int(23)) {
            problems.error(Path::of("rules").item(n).key("port"), "telnet is not allowed", "use ssh");
        }
    }
}

described!(
    Network,
    NetworkSpec,
    NetworkOutputs,
    "test.network",
    fn check(spec: &Value, problems: &mut Problems) {
        check_network(spec, problems);
    }
);

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubnetSpec {
    network_id: String,
    zone: Option<String>,
    block: Option<Cidr>,
    public: Option<bool>,
    peers: Option<Vec<String>>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct SubnetOutputs {
    id: String,
}

described!(Subnet, SubnetSpec, SubnetOutputs, "test.subnet");

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseSpec {
    user: Option<String>,
    account: Option<String>,
    engine_version: Option<String>,
    subnet_ids: Option<Vec<String>>,
    settings: Option<std::collections::BTreeMap<String, String>>,
    master: Option<Secret>,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct DatabaseOutputs {
    endpoint: Endpoint,
    password: Secret,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct Endpoint {
    host: String,
    port: i64,
}

described!(Database, DatabaseSpec, DatabaseOutputs, "test.database");

pub(super) struct Zone;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneSpec {
    #[expect(dead_code, reason = "only its schema is used")]
    name: String,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct ZoneOutputs {
    id: String,
    servers: Vec<String>,
}

impl Lookup for Zone {
    type World = Nowhere;
    type Spec = ZoneSpec;
    type Outputs = ZoneOutputs;

    const NAME: &'static str = "test.zone";

    async fn find(_: &Nowhere, _: &ZoneSpec) -> Result<Option<ZoneOutputs>> {
        unreachable!("only described")
    }
}
