//! What no property says: that a type must wait for another that refers to the same resource, and what it never leaves.

use std::collections::{BTreeSet, HashMap};

use super::{Edge, Graph, Index, Why};
use crate::{
    resource::Catalog,
    stack::{Instance, Nothing},
};

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

/// Adds what [`crate::resource::Namesake`] says, save where it would close a circle with what is written.
pub(super) fn add_namesakes(graph: &mut Graph<'_>, catalog: &Catalog) {
    let facts = |node: &super::Node<'_>| node.wanted.and_then(|it| catalog.resource(it.type_name)).map(|it| it.facts());
    let rules: Vec<_> = graph.nodes.iter().filter_map(facts).flat_map(|it| it.namesakes).collect();
    if rules.is_empty() {
        return;
    }
    let mut named: HashMap<(&'static str, &'static str, String), Vec<Index>> = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let Some(instance) = node.wanted else { continue };
        let of: BTreeSet<_> = rules.iter().filter(|it| it.other == instance.type_name).map(|it| it.by).collect();
        for by in of {
            if let Some(name) = written(instance, by) {
                named.entry((instance.type_name, by, name)).or_default().push(index);
            }
        }
    }
    let mut found = vec![];
    for (index, node) in graph.nodes.iter().enumerate() {
        let (Some(instance), Some(facts)) = (node.wanted, facts(node)) else { continue };
        for rule in facts.namesakes {
            let Some(name) = written(instance, rule.name) else { continue };
            for &other in named.get(&(rule.other, rule.by, format!("{}{name}", rule.before))).into_iter().flatten() {
                // Elsewhere it is another's.
                let here = graph.nodes[other].wanted.is_some_and(|it| it.options.location == instance.options.location);
                let written = node.needs.iter().any(|it| it.to == other && !it.late);
                if here && !written && other != index && !needs(graph, Step::Finish(other), Step::Create(index)) {
                    found.push((index, Edge { to: other, late: false, ready: true, field: None, why: Why::Implied }));
                }
            }
        }
    }
    for (index, edge) in found {
        graph.nodes[index].needs.push(edge);
    }
}

/// A property that is text whatever else there will be.
fn written(instance: &Instance, property: &str) -> Option<String> {
    instance.evaluate(&Nothing).0.get(property)?.as_text().map(str::to_owned)
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
