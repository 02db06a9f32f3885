//! What expressions can see of other resources while a plan is carried out: what is there by now.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use serde_json::Value as Json;

use crate::{
    address::Address,
    graph::Graph,
    plan::{desire::Properties, sealed},
    resource::{Catalog, Id},
    stack::Scope,
    value::Value,
};

/// What is known of each resource by now.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<Address, Arc<Facet>>>);

struct Facet {
    id: Id,
    outputs: Json,
    desired: Properties,
    /// An output that is missing now will never be there.
    usable: bool,
}

impl Known {
    pub(super) fn publish(&self, address: &Address, id: Id, outputs: Json, desired: Properties, usable: bool) {
        self.0.lock().expect("nobody panics while holding it").insert(address.clone(), Arc::new(Facet { id, outputs, desired, usable }));
    }

    /// The id of a resource that has sealed parts in this output.
    pub(super) fn sealed(&self, address: &Address, output: &str) -> Option<Id> {
        let facet = self.0.lock().expect("nobody panics while holding it").get(address).cloned()?;
        facet.outputs.get(output).is_some_and(sealed::has_sealed).then(|| facet.id.clone())
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
            Some(it) => sealed::output(&facet.id, field, it),
            None if facet.usable => Value::Null,
            None => unknown(),
        }
    }
}

/// The same with the texts of sealed outputs, for what is about to be sent.
pub(super) struct OpenScope<'a> {
    pub scope: LiveScope<'a>,
    /// By resource, its sealed outputs by name.
    pub opened: HashMap<Address, Value>,
}

impl Scope for OpenScope<'_> {
    fn field(&self, target: &Address, field: &str) -> Value {
        match self.opened.get(target).and_then(|it| it.get(field)) {
            Some(it) => it.clone(),
            None => self.scope.field(target, field),
        }
    }
}
