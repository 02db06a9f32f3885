//! Orders on a graph: what can come before what, which circle makes that impossible, what takes longest.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    time::Duration,
};

use petgraph::graphmap::DiGraphMap;

use super::{Edge, Graph, Index, Why};
use crate::diagnostic::Diagnostic;

/// The nodes in an order in which each comes after what its create needs.
#[derive(Debug, Default)]
pub struct Ordered(pub Vec<Index>);

/// Orders the nodes by what their creates need; among equals as in the file. Nodes in a circle are left out.
pub fn order(graph: &Graph<'_>) -> Ordered {
    let n = graph.nodes.len();
    let mut missing = vec![0_usize; n];
    let mut followers = vec![vec![]; n];
    for (index, node) in graph.nodes.iter().enumerate() {
        let needs: BTreeSet<_> = node.needs.iter().filter(|it| !it.late).map(|it| it.to).collect();
        missing[index] = needs.len();
        for to in needs {
            followers[to].push(index);
        }
    }
    let mut ready: BinaryHeap<_> = (0..n).filter(|it| missing[*it] == 0).map(Reverse).collect();
    let mut ordered = Vec::with_capacity(n);
    while let Some(Reverse(index)) = ready.pop() {
        ordered.push(index);
        for &follower in &followers[index] {
            missing[follower] -= 1;
            if missing[follower] == 0 {
                ready.push(Reverse(follower));
            }
        }
    }
    Ordered(ordered)
}

/// For each of `needs.len()` pieces of work: how long it and the longest chain of what waits for it take.
///
/// `needs[n]` are the pieces that must be done before `n`. Pieces in a circle count for themselves only.
pub fn longest_paths(needs: &[Vec<usize>], takes: &[Duration]) -> Vec<Duration> {
    let mut waiting = vec![0_usize; needs.len()];
    for to in needs.iter().flatten() {
        waiting[*to] += 1;
    }
    let mut longest = takes.to_vec();
    let mut open: Vec<_> = (0..needs.len()).filter(|it| waiting[*it] == 0).collect();
    while let Some(index) = open.pop() {
        for &to in &needs[index] {
            longest[to] = longest[to].max(takes[to] + longest[index]);
            waiting[to] -= 1;
            if waiting[to] == 0 {
                open.push(to);
            }
        }
    }
    longest
}

/// A diagnostic for each circle.
pub(super) fn cycles(graph: &Graph<'_>) -> Vec<Diagnostic> {
    // Two steps for each node: its create is 2n, its finish 2n + 1.
    let mut steps = DiGraphMap::<usize, ()>::with_capacity(graph.nodes.len() * 2, graph.nodes.len() * 4);
    for (index, node) in graph.nodes.iter().enumerate() {
        steps.add_edge(2 * index + 1, 2 * index, ());
        for edge in &node.needs {
            steps.add_edge(2 * index + usize::from(edge.late), 2 * edge.to + usize::from(edge.ready), ());
        }
    }
    let circles = petgraph::algo::tarjan_scc(&steps).into_iter().filter(|it| it.len() > 1 || steps.contains_edge(it[0], it[0]));
    circles.map(|it| describe(graph, &it.iter().map(|step| step / 2).collect())).collect()
}

/// Shows one way round a circle.
fn describe(graph: &Graph<'_>, members: &BTreeSet<Index>) -> Diagnostic {
    let step = |from: Index| -> Option<&Edge> {
        let inside = |edge: &&Edge| members.contains(&edge.to);
        let mut edges = graph.nodes[from].needs.iter().filter(inside);
        let first = edges.next()?;
        Some(std::iter::once(first).chain(edges).find(|it| !it.late).unwrap_or(first))
    };
    let mut way: Vec<&Edge> = vec![];
    let mut seen = vec![*members.first().unwrap_or(&0)];
    while let Some(edge) = seen.last().and_then(|it| step(*it)) {
        way.push(edge);
        if let Some(start) = seen.iter().position(|it| *it == edge.to) {
            way.drain(..start);
            seen.drain(..start);
            break;
        }
        seen.push(edge.to);
    }
    let name = |index: Index| graph.nodes[index].address.as_str();
    let mut names: Vec<_> = seen.iter().map(|it| name(*it)).collect();
    names.push(names[0]);
    let mut diagnostic = Diagnostic::error(format!("these resources need each other: {}", names.join(" → ")));
    for (from, edge) in seen.iter().zip(&way) {
        let text = format!("`{}` needs `{}`", name(*from), name(edge.to));
        diagnostic = match (&edge.why, graph.nodes[*from].wanted) {
            (Why::Reference(place), _) => diagnostic.at(place, text),
            (Why::Written, Some(instance)) => diagnostic.at(&instance.place, format!("{text} (depends_on)")),
            (Why::Implied, Some(instance)) => diagnostic.at(&instance.place, format!("{text} (implied by its type)")),
            (_, None) => diagnostic,
        };
    }
    diagnostic.help("remove one of these references, or move it to a property that is written after the create")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_way_goes_through_what_waits() {
        for (needs, takes, expected) in [
            (vec![], vec![], vec![]),
            // A database and a group that are deleted before their network.
            (vec![vec![], vec![], vec![0, 1]], vec![600, 1, 5], vec![605, 6, 5]),
            (vec![vec![], vec![0], vec![0], vec![1, 2]], vec![1, 10, 20, 100], vec![121, 110, 120, 100]),
            // Two in a circle, and one that only waits for them.
            (vec![vec![1], vec![0], vec![]], vec![3, 4, 5], vec![3, 4, 5]),
        ] {
            let takes: Vec<_> = takes.into_iter().map(Duration::from_secs).collect();
            let expected: Vec<_> = expected.into_iter().map(Duration::from_secs).collect();
            assert_eq!(longest_paths(&needs, &takes), expected, "{needs:?}");
        }
    }
}
