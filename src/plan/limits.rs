//! `--target` and `--exclude`: which part of a graph a plan is about.

use super::Request;
use crate::{
    diagnostic::{Diagnostic, nearest},
    graph::{Graph, Index},
};

/// For each node whether the plan is about it.
///
/// A target brings what it needs; what is excluded takes along what needs it. When things go, it is the other way round.
pub(super) fn included(graph: &Graph<'_>, request: &Request) -> (Vec<bool>, Vec<Diagnostic>) {
    let mut diagnostics = vec![];
    let mut named = |option: &str, names: &[String]| {
        let mut all = vec![];
        for name in names {
            let found: Vec<Index> = (0..graph.nodes.len()).filter(|it| graph.nodes[*it].address.is_within(name)).collect();
            if found.is_empty() {
                let diagnostic = Diagnostic::error(format!("`{option} {name}` names no resource of this stack"));
                let diagnostic = diagnostic.help(match nearest(name, graph.nodes.iter().map(|it| it.address.as_str())) {
                    Some(near) => format!("there is `{near}`"),
                    None => "name a resource as the plan does: `name`, or `name/key` for one of several".to_owned(),
                });
                diagnostics.push(diagnostic);
            }
            all.extend(found);
        }
        all
    };
    let (targets, excludes) = (named("--target", &request.targets), named("--exclude", &request.excludes));
    named("--replace", &request.replace);
    let goes = |it: Index| request.destroy || graph.nodes[it].wanted.is_none();
    let (mut with_targets, mut with_excludes) = (vec![vec![]; graph.nodes.len()], vec![vec![]; graph.nodes.len()]);
    for (index, node) in graph.nodes.iter().enumerate() {
        for to in node.needs.iter().map(|it| it.to).chain(node.needed.iter().map(|it| it.to)) {
            if goes(to) {
                with_targets[to].push(index);
                with_excludes[index].push(to);
            } else if !goes(index) {
                with_targets[index].push(to);
                with_excludes[to].push(index);
            }
        }
    }
    let mut included = if request.targets.is_empty() { vec![true; graph.nodes.len()] } else { reached(&targets, &with_targets) };
    for (index, out) in reached(&excludes, &with_excludes).into_iter().enumerate() {
        included[index] &= !out;
    }
    (included, diagnostics)
}

/// All nodes that can be reached from these.
pub(super) fn reached(from: &[Index], edges: &[Vec<Index>]) -> Vec<bool> {
    let mut seen = vec![false; edges.len()];
    let mut open = from.to_vec();
    while let Some(index) = open.pop() {
        if !std::mem::replace(&mut seen[index], true) {
            open.extend(&edges[index]);
        }
    }
    seen
}
