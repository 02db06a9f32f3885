//! Decisions to the plan that is shown: steps in an order in which they could be done, notes and outputs.

use std::collections::BTreeSet;

use super::{
    Action, Note, OutputChange, Plan, Reason, Shown, Step,
    decide::{Fate, Input, Maker},
    diff, schedule,
    scope::PlanScope,
};
use crate::{graph, value::Value};

impl Maker<'_> {
    pub(super) fn plan(&mut self) -> Plan {
        let Input { graph, state, catalog, request, .. } = self.input;
        let mut plan = Plan { notes: std::mem::take(&mut self.notes), ..Plan::default() };
        let works = schedule::schedule(self.input, &self.decisions);
        self.handed_on(&works);
        let after = schedule::by_address(graph, state, &works);
        let mut order: Vec<_> = graph::order(graph).0;
        let in_order: BTreeSet<_> = order.iter().copied().collect();
        order.extend((0..graph.nodes.len()).filter(|it| !in_order.contains(it)));
        let (making, mut removing): (Vec<_>, Vec<_>) = order
            .into_iter()
            .partition(|it| !matches!(self.decisions[*it].as_ref().and_then(|it| it.action), Some(Action::Delete | Action::Forget)));
        removing.reverse();
        for index in making.into_iter().chain(removing) {
            let node = &graph.nodes[index];
            let Some(decision) = &self.decisions[index] else { continue };
            for property in &decision.kept {
                plan.notes.push(Note::Kept { address: node.address.clone(), property: property.clone() });
            }
            let waiting: Vec<String> = decision.live.iter().flat_map(|it| it.status.waiting()).map(str::to_owned).collect();
            if !waiting.is_empty() && matches!(decision.fate, Fate::Stays { .. }) {
                plan.notes.push(Note::Waiting { address: node.address.clone(), properties: waiting });
            }
            let Some(action) = decision.action else {
                match decision.left_out {
                    true => plan.notes.push(Note::LeftOut { address: node.address.clone() }),
                    false => plan.unchanged += 1,
                }
                continue;
            };
            let type_name = match (action, node.wanted, node.recorded) {
                (Action::Delete | Action::Forget, _, Some(record)) => record.type_name.clone(),
                (_, Some(instance), _) => instance.type_name.to_owned(),
                (_, None, record) => record.map(|it| it.type_name.clone()).unwrap_or_default(),
            };
            let facts = catalog.resource(&type_name).map(|it| it.facts());
            // What goes may be of another type than what comes.
            let goes = node.recorded.and_then(|it| catalog.resource(&it.type_name)).map(|it| it.facts()).or(facts);
            if state.pending.values().any(|it| it.address == node.address) {
                plan.notes.push(Note::Unsettled { address: node.address.clone() });
            }
            plan.steps.push(Step {
                address: node.address.clone(),
                type_name,
                id: decision.adopt.clone().or_else(|| node.recorded.map(|it| it.id.clone())),
                action,
                reason: decision.reason.clone(),
                changes: decision.changes.clone(),
                after: after.get(&node.address).cloned().unwrap_or_default(),
                typical: facts.map(|it| schedule::typical(action, it)).unwrap_or_default(),
                stateful: goes.is_some_and(|it| it.stateful),
            });
        }
        for (number, deposed) in state.deposed.iter().enumerate() {
            if schedule::is_left_out(self.input, &self.decisions, deposed) {
                continue;
            }
            let facts = catalog.resource(&deposed.record.type_name).map(|it| it.facts());
            plan.steps.push(Step {
                address: deposed.address.clone(),
                type_name: deposed.record.type_name.clone(),
                id: Some(deposed.record.id.clone()),
                action: Action::Delete,
                reason: Some(Reason::Deposed),
                changes: vec![],
                after: schedule::after_deposed(graph, state, &works, number),
                typical: facts.map(|it| it.typical.delete).unwrap_or_default(),
                stateful: facts.is_some_and(|it| it.stateful),
            });
        }
        if request.targets.is_empty() && request.excludes.is_empty() {
            plan.outputs = self.outputs();
        }
        plan
    }

    fn outputs(&mut self) -> Vec<OutputChange> {
        let Input { graph, catalog, stack, state, request, .. } = self.input;
        let scope = PlanScope { graph, catalog, decisions: &self.decisions };
        let mut changes = vec![];
        let recorded = |name: &str| state.outputs.get(name).map_or(Shown::Absent, |it| Shown::Value(it.clone()));
        if !request.destroy {
            for (name, output) in &stack.outputs {
                let (value, mut found) = output.value.evaluate(&scope);
                self.diagnostics.append(&mut found);
                let after = match &value {
                    Value::Null => Shown::Absent,
                    it if it.has_secret() => Shown::Secret,
                    it => diff::shown(it),
                };
                let before = recorded(name);
                if before != after && after != Shown::Secret {
                    changes.push(OutputChange { name: name.clone(), before, after });
                }
            }
        }
        for name in state.outputs.keys().filter(|it| request.destroy || !stack.outputs.contains_key(*it)) {
            changes.push(OutputChange { name: name.clone(), before: recorded(name), after: Shown::Absent });
        }
        changes
    }
}
