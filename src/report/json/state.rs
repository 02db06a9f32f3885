//! The wire forms of what is recorded: the state without its key.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::{FORMAT_VERSION, tree};
use crate::{
    address::Address,
    state::{Record, State},
};

/// `{"format_version", "stack", "environment", "outputs": {name: value}}`.
pub fn outputs(state: &State) -> Json {
    tree(&WireOutputs { format_version: FORMAT_VERSION, stack: &state.stack, environment: &state.environment, outputs: &state.outputs })
}

/// `{"format_version", "stack", "environment", "account", "serial", "commit", "resources": [{"address", "type", "id", "region",
/// "complete", "created", "updated"}], "deposed": […], "pending": [{"address", "type", "operation", "begun"}]}`.
pub fn state_list(state: &State) -> Json {
    tree(&WireState {
        format_version: FORMAT_VERSION,
        stack: &state.stack,
        environment: &state.environment,
        account: state.account.as_deref(),
        serial: state.serial,
        commit: state.commit.as_deref(),
        resources: state.resources.iter().map(|(address, record)| WireResource::of(address, record)).collect(),
        deposed: state.deposed.iter().map(|it| WireResource::of(&it.address, &it.record)).collect(),
        pending: state
            .pending
            .iter()
            .map(|(operation, it)| WirePending {
                address: it.address.as_str(),
                type_name: &it.type_name,
                operation,
                begun: it.begun.to_string(),
            })
            .collect(),
    })
}

/// `{"format_version", "resource": {as in [`state_list`]}, "role", "properties", "outputs", "dependencies": [{"address", "late"}],
/// "options": {"protect", "retain", "create_before_destroy"}}`. In `properties` a keyed hash stands for each secret.
pub fn state_show(address: &Address, record: &Record) -> Json {
    tree(&WireShow {
        format_version: FORMAT_VERSION,
        resource: WireResource::of(address, record),
        role: record.location.role.as_deref(),
        properties: &record.applied,
        outputs: &record.outputs,
        dependencies: record.dependencies.iter().map(|it| WireDependency { address: it.address.as_str(), late: it.late }).collect(),
        options: WireOptions {
            protect: record.options.protect,
            retain: record.options.retain,
            create_before_destroy: record.options.create_before_destroy,
        },
    })
}

#[derive(Serialize)]
struct WireOutputs<'a> {
    format_version: u32,
    stack: &'a str,
    environment: &'a str,
    outputs: &'a BTreeMap<String, Json>,
}

#[derive(Serialize)]
struct WireState<'a> {
    format_version: u32,
    stack: &'a str,
    environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    serial: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
    resources: Vec<WireResource<'a>>,
    deposed: Vec<WireResource<'a>>,
    pending: Vec<WirePending<'a>>,
}

#[derive(Serialize)]
struct WireResource<'a> {
    address: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    complete: bool,
    created: String,
    updated: String,
}

#[derive(Serialize)]
struct WirePending<'a> {
    address: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    operation: &'a str,
    begun: String,
}

#[derive(Serialize)]
struct WireShow<'a> {
    format_version: u32,
    resource: WireResource<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    properties: &'a Json,
    outputs: &'a Json,
    dependencies: Vec<WireDependency<'a>>,
    options: WireOptions,
}

#[derive(Serialize)]
struct WireDependency<'a> {
    address: &'a str,
    late: bool,
}

#[derive(Serialize)]
struct WireOptions {
    protect: bool,
    retain: bool,
    create_before_destroy: bool,
}

impl<'a> WireResource<'a> {
    fn of(address: &'a Address, record: &'a Record) -> Self {
        Self {
            address: address.as_str(),
            type_name: &record.type_name,
            id: record.id.as_str(),
            region: record.location.region.as_deref(),
            complete: record.complete,
            created: record.created.to_string(),
            updated: record.updated.to_string(),
        }
    }
}
