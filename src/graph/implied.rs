//! What no property says: that a type must wait for another that refers to the same resource, and what it never leaves.

use std::collections::{BTreeSet, HashMap};

use super::{Edge, Graph, Index, Why};
use crate::{resource::Catalog, stack::Instance};

/// Finds what each resource never leaves.
pub(super) fn add_homes(graph: &mut Graph<'_>, catalog: &Catalog) {
    for index in 0..graph.nodes.len() {
        let facts = graph.nodes[index].wanted.and_then(|it| catalog.resource(it.type_name)).map(|it| it.facts());
        let Some(facts) = facts.filter(|it| !it.within.is_empty()) else { continue };
        graph.nodes[index].within = follow(graph, index, facts.within).into_iter().collect();
    }
}

/// Adds what [`crate::resource::After`] says, save where it would close a circle with what is written.
pub(super) fn add(graph: &mut Graph<'_>, catalog: &Catalog) {
    // Who refers by which property to which node: the other half of every rule.
    let mut referring: HashMap<(&'static str, &'static str, Index), Vec<Index>> = HashMap::new();
    let names: BTreeSet<_> = graph.nodes.iter().filter_map(|it| it.wanted).map(|it| it.type_name).collect();
    let facts = names.into_iter().filter_map(|name| catalog.resource(name)).map(|it| it.facts());
    let rules: Vec<_> = facts.flat_map(|it| it.after.iter().chain(it.late_after)).collect();
    if rules.is_empty() {
        return;
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(instance) = node.wanted else { continue };
        for rule in &rules {
            if rule.other == instance.type_name {
                for target in targets(graph, instance, rule.by) {
                    let list = referring.entry((rule.other, rule.by, target)).or_default();
                    if list.last() != Some(&index) {
                        list.push(index);
                    }
                }
            }
        }
    }
    let mut found = vec![];
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(instance) = node.wanted else { continue };
        let Some(facts) = catalog.resource(instance.type_name).map(|it| it.facts()) else { continue };
        let rules = facts.after.iter().map(|it| (it, false)).chain(facts.late_after.iter().map(|it| (it, true)));
        for (rule, late) in rules {
            for target in follow(graph, index, rule.from) {
                for &other in referring.get(&(rule.other, rule.by, target)).into_iter().flatten() {
                    if other != index && !needs(graph, Step::Finish(other), Step::of(index, late)) {
                        found.push((index, Edge { to: other, late, ready: true, field: None, why: Why::Implied }));
                    }
                }
            }
        }
    }
    for (index, edge) in found {
        graph.nodes[index].needs.push(edge);
    }
}

/// The nodes that properties lead to, each on what the former refers to.
fn follow(graph: &Graph<'_>, from: Index, properties: &[&str]) -> BTreeSet<Index> {
    let mut here = BTreeSet::from([from]);
    for property in properties {
        here = here.iter().filter_map(|it| graph.nodes[*it].wanted).flat_map(|it| targets(graph, it, property)).collect();
    }
    here
}

/// The nodes that a property of an instance refers to.
fn targets(graph: &Graph<'_>, instance: &Instance, property: &str) -> Vec<Index> {
    let references = instance.references.iter().filter(|it| it.at.property() == Some(property));
    references.filter_map(|it| graph.find(&it.target)).collect()
}

/// One of the two steps in which a resource is made.
#[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
enum Step {
    Create(Index),
    Finish(Index),
}

impl Step {
    fn of(index: Index, finish: bool) -> Self {
        if finish { Self::Finish(index) } else { Self::Create(index) }
    }
}

/// Whether one step needs the other, directly or through others.
fn needs(graph: &Graph<'_>, from: Step, to: Step) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(step) = open.pop() {
        if step == to {
            return true;
        }
        if !seen.insert(step) {
            continue;
        }
        let (index, finish) = match step {
            Step::Create(index) => (index, false),
            Step::Finish(index) => (index, true),
        };
        if finish {
            open.push(Step::Create(index));
        }
        let edges = graph.nodes[index].needs.iter().filter(|it| it.late == finish);
        open.extend(edges.map(|it| Step::of(it.to, it.ready)));
    }
    false
}
