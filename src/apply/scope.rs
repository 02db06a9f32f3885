//! What expressions can see of other resources while a plan is carried out: what is there by now.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde_json::Value as Json;

use crate::{address::Address, graph::Graph, plan::desire::Properties, resource::Catalog, stack::Scope, value::Value};

/// What is known of each resource by now.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<Address, Arc<Facet>>>);

struct Facet {
    outputs: Json,
    desired: Properties,
    /// An output that is missing now will never be there.
    usable: bool,
}

impl Known {
    pub(super) fn publish(&self, address: &Address, outputs: Json, desired: Properties, usable: bool) {
        self.0.lock().expect("nobody panics while holding it").insert(address.clone(), Arc::new(Facet { outputs, desired, usable }));
    }
}

pub(super) struct LiveScope<'a> {
    pub graph: &'a Graph<'a>,
    pub catalog: &'a Catalog,
    pub known: &'a Known,
}

impl Scope for LiveScope<'_> {
    fn field(&self, target: &Address, field: &str) -> Value {
        let Some(index) = self.graph.find(target) else { return Value::Null };
        let unknown = || Value::unknown(format!("${{{target}.{field}}}"));
        let Some(facet) = self.known.0.lock().expect("nobody panics while holding it").get(target).cloned() else { return unknown() };
        let type_name = self.graph.nodes[index].wanted.map(|it| it.type_name);
        let is_output = type_name.and_then(|it| self.catalog.schema(it)).is_some_and(|it| it.outputs.contains_key(field));
        if !is_output {
            return facet.desired.get(field).cloned().unwrap_or(Value::Null);
        }
        match facet.outputs.get(field) {
            Some(it) => Value::from(it.clone()),
            None if facet.usable => Value::Null,
            None => unknown(),
        }
    }
}
