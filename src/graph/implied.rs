//! Edges that no property says: a type that must wait for another that refers to the same resource.

use std::collections::{BTreeSet, HashMap};

use super::{Edge, Graph, Index, Why};
use crate::{resource::Catalog, stack::Instance};

/// Adds what [`crate::resource::After`] says, save where it would close a circle with what is written.
pub(super) fn add(graph: &mut Graph<'_>, catalog: &Catalog) {
    // Who refers by which property to which node: the other half of every rule.
    let mut referring: HashMap<(&'static str, &'static str, Index), Vec<Index>> = HashMap::new();
    let names: BTreeSet<_> = graph.nodes.iter().filter_map(|it| it.wanted).map(|it| it.type_name).collect();
    let rules: Vec<_> = names.into_iter().filter_map(|name| catalog.resource(name)).flat_map(|it| it.facts().after).collect();
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
        for rule in catalog.resource(instance.type_name).map_or(&[][..], |it| it.facts().after) {
            let mut here = BTreeSet::from([index]);
            for property in rule.from {
                here = here.iter().filter_map(|it| graph.nodes[*it].wanted).flat_map(|it| targets(graph, it, property)).collect();
            }
            for target in here {
                for &other in referring.get(&(rule.other, rule.by, target)).into_iter().flatten() {
                    if other != index && !needs(graph, other, index) {
                        found.push((index, other));
                    }
                }
            }
        }
    }
    for (index, to) in found {
        graph.nodes[index].needs.push(Edge { to, late: false, ready: true, field: None, why: Why::Implied });
    }
}

/// The nodes that a property of an instance refers to.
fn targets(graph: &Graph<'_>, instance: &Instance, property: &str) -> Vec<Index> {
    let references = instance.references.iter().filter(|it| it.at.property() == Some(property));
    references.filter_map(|it| graph.find(&it.target)).collect()
}

/// Whether one node needs the other, directly or through others.
fn needs(graph: &Graph<'_>, from: Index, to: Index) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(index) = open.pop() {
        if index == to {
            return true;
        }
        if seen.insert(index) {
            open.extend(graph.nodes[index].needs.iter().map(|it| it.to));
        }
    }
    false
}
