//! What must not go: protected and retained resources.

use super::{
    Action, Note, Reason, Request,
    decide::{Decision, Maker},
    limits,
};
use crate::{address::Address, diagnostic::Diagnostic, graph::Index, stack::Instance, state::Record};

impl Maker<'_> {
    /// Why what there is must not make room for another.
    pub(super) fn refusal(&self, index: Index, instance: &Instance, reason: &Reason) -> Option<Diagnostic> {
        let address = &instance.address;
        let (why, what) = if self.is_protected(index) {
            ("protected", "its data may be lost")
        } else if self.is_retained(index) {
            ("to be retained", "it may be deleted")
        } else {
            return None;
        };
        (!self.is_named(address)).then(|| {
            Diagnostic::error(format!("`{address}` is {why} and would have to be replaced"))
                .at(&instance.place, because(reason))
                .help(format!("if {what}, name it: --replace {address}"))
        })
    }

    fn is_named(&self, address: &Address) -> bool {
        let Request { targets, replace, .. } = self.input.request;
        targets.iter().chain(replace).any(|it| it == address.as_str())
    }

    /// What the file says, where it still has it, and what is recorded. Of another type under the same name only the latter is about
    /// what there is.
    fn sides(&self, index: Index) -> (Option<&Instance>, Option<&Record>) {
        let node = &self.input.graph.nodes[index];
        // When all is destroyed, the graph has nothing that is wanted.
        let instance = self.input.stack.resources.get(&node.address);
        let counts = |it: &&Record| instance.is_none_or(|instance| instance.type_name != it.type_name);
        (instance, node.recorded.filter(counts))
    }

    fn is_protected(&self, index: Index) -> bool {
        let stateful = |name: &str| self.input.catalog.resource(name).is_some_and(|it| it.facts().stateful);
        let by_stack = |name: &str| self.input.stack.protect && stateful(name);
        match self.sides(index) {
            (Some(Instance { options, .. }), _) if options.protect.is_some() => options.protect == Some(true),
            (Some(instance), Some(record)) => record.options.protect || by_stack(&record.type_name) || by_stack(instance.type_name),
            (Some(instance), None) => by_stack(instance.type_name),
            (None, record) => record.is_some_and(|it| it.options.protect),
        }
    }

    pub(super) fn is_retained(&self, index: Index) -> bool {
        let (instance, record) = self.sides(index);
        instance.is_some_and(|it| it.options.retain) || record.is_some_and(|it| it.options.retain)
    }

    /// What is protected stays, and what it needs with it.
    pub(super) fn protect(&mut self) {
        let deletes = |it: &Option<Decision>| it.as_ref().is_some_and(|it| it.action == Some(Action::Delete) && !it.gone);
        let protected: Vec<Index> = (0..self.decisions.len())
            .filter(|it| deletes(&self.decisions[*it]) && self.is_protected(*it) && !self.is_named(&self.input.graph.nodes[*it].address))
            .collect();
        if protected.is_empty() {
            return;
        }
        let needs: Vec<Vec<Index>> = self.input.graph.nodes.iter().map(|it| it.needed.iter().map(|it| it.to).collect()).collect();
        for (index, stays) in limits::reached(&protected, &needs).into_iter().enumerate() {
            if stays && deletes(&self.decisions[index]) {
                let address = self.input.graph.nodes[index].address.clone();
                self.notes.push(if protected.contains(&index) { Note::Protected { address } } else { Note::Needed { address } });
                self.decisions[index] = Some(Decision::removes(None, Reason::Destroyed));
            }
        }
    }
}

fn because(reason: &Reason) -> String {
    match reason {
        Reason::Immutable { properties } => format!("{} cannot be changed in place", properties.join(", ")),
        Reason::Type { text } => text.clone(),
        Reason::TypeChanged { from } => format!("it was a {from}"),
        Reason::Failed { status } => format!("it failed: {status}"),
        _ => "has to be replaced".to_owned(),
    }
}
