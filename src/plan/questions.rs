//! What has to be read before a plan can be made.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{
    decide::{Input, Maker, Observed},
    desire::{self, Name},
};
use crate::{address::Address, graph::Index, resource::Id, stack::Nothing, value::Value};

/// The ids that the names of new resources decide, to be looked at before they are made.
pub fn names(input: Input<'_>) -> Vec<(Address, Id)> {
    if input.request.destroy {
        return vec![];
    }
    let empty = Observed::default();
    let decisions = vec![None; input.graph.nodes.len()];
    let maker = Maker { input, observed: &empty, included: vec![], decisions, diagnostics: vec![], notes: vec![] };
    let mut names = vec![];
    for node in &input.graph.nodes {
        let (Some(instance), None) = (node.wanted, node.recorded) else { continue };
        if instance.options.adopt.is_some() {
            continue;
        }
        let (Some(describe), Some(schema)) = (input.catalog.resource(instance.type_name), input.catalog.schema(instance.type_name)) else {
            continue;
        };
        if schema.unique().is_some() {
            let desired = maker.desire(instance, &Name::After(None), &mut vec![]);
            names.extend(desire::locate(describe, schema, &desired).map(|id| (instance.address.clone(), id)));
        }
    }
    names
}

/// The properties that a read of a recorded resource has to be for.
pub fn wanted(input: Input<'_>, index: Index) -> BTreeSet<String> {
    let node = &input.graph.nodes[index];
    let written = node.wanted.map(|it| it.evaluate(&Nothing).0);
    let mut wanted: BTreeSet<String> = written.iter().filter_map(Value::as_map).flat_map(|it| it.keys().cloned()).collect();
    if let Some(Json::Object(applied)) = node.recorded.map(|it| &it.applied) {
        wanted.extend(applied.keys().cloned());
    }
    if let Some(schema) = node.wanted.and_then(|it| input.catalog.schema(it.type_name)) {
        wanted.extend(
            schema.properties.iter().filter(|(_, it)| it.schema.default.is_some() || it.schema.marks.tags).map(|(name, _)| name.clone()),
        );
    }
    wanted
}
