//! What expressions can see of other resources while a plan is made.

use super::{
    decide::{Decision, Fate},
    sealed,
};
use crate::{
    address::Address,
    graph::Graph,
    resource::{Catalog, Status, schema::Kind},
    stack::Scope,
    value::Value,
};

pub(super) struct PlanScope<'a> {
    pub graph: &'a Graph<'a>,
    pub catalog: &'a Catalog,
    pub decisions: &'a [Option<Decision>],
}

impl Scope for PlanScope<'_> {
    fn field(&self, target: &Address, field: &str) -> Value {
        let Some(index) = self.graph.find(target) else { return Value::Null };
        let node = &self.graph.nodes[index];
        let unknown = || Value::unknown(format!("${{{target}.{field}}}"));
        let type_name = node.wanted.map(|it| it.type_name).or(node.recorded.map(|it| it.type_name.as_str()));
        let output = type_name.and_then(|it| self.catalog.schema(it)).and_then(|it| it.outputs.get(field));
        let Some(decision) = &self.decisions[index] else { return unknown() };
        let Some(output) = output else { return decision.desired.get(field).cloned().unwrap_or(Value::Null) };
        match decision.fate {
            Fate::Made => unknown(),
            Fate::Stays { updating } if updating && output.schema.marks.volatile => unknown(),
            Fate::Stays { .. } => {
                let live = decision.live.as_ref();
                let outputs = live.map(|it| &it.outputs).or(node.recorded.map(|it| &it.outputs));
                match outputs.and_then(|it| it.get(field)) {
                    Some(it) => {
                        let id = node.recorded.map(|it| &it.id).or(decision.adopt.as_ref());
                        id.map_or_else(|| Value::from(it.clone()), |id| sealed::output(id, field, it))
                    }
                    None if live.is_none_or(|it| it.status == Status::Ready) => Value::Null,
                    None => unknown(),
                }
            }
            Fate::Absent => unknown(),
        }
    }

    fn may_grow(&self, target: &Address, field: &str) -> bool {
        let Some(index) = self.graph.find(target) else { return false };
        let schema = self.graph.nodes[index].wanted.and_then(|it| self.catalog.schema(it.type_name));
        let output = schema.and_then(|it| it.outputs.get(field));
        let changes = self.decisions[index].as_ref().is_some_and(|it| it.fate == Fate::Stays { updating: true });
        changes && output.is_some_and(|it| matches!(it.schema.kind, Kind::Map(_)))
    }
}
