//! Stack and state to [`Graph`]: every resource that is wanted or recorded, and what each needs of which other.
//!
//! A resource is made in two steps: its *create*, and the *finish* that writes what may refer in circles. An edge says
//! which of the two needs which step of another. The stages after this one only follow edges; none looks at references again.

mod implied;
mod order;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};

pub use order::{Ordered, longest_paths, order};

use crate::{
    address::Address,
    diagnostic::{Diagnostic, Place},
    resource::{
        Catalog,
        schema::{Kind, Marks, Schema, TypeSchema},
    },
    stack::{Instance, Reference, Stack},
    state::{Dependency, Record, State},
    value::{Path, Segment},
};

/// The number of a node within its graph.
pub type Index = usize;

#[derive(Debug, Default)]
pub struct Graph<'a> {
    pub nodes: Vec<Node<'a>>,
    by_address: HashMap<Address, Index>,
}

/// One resource, as wanted and as recorded.
#[derive(Debug)]
pub struct Node<'a> {
    pub address: Address,
    pub wanted: Option<&'a Instance>,
    pub recorded: Option<&'a Record>,
    /// What it needs, as the file wants it now.
    pub needs: Vec<Edge>,
    /// What it needed when it was last applied.
    pub needed: Vec<Needed>,
    /// What it never leaves: with a new one of that, it is made anew.
    pub within: Vec<Index>,
}

/// One resource needs another.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub to: Index,
    /// Only the finish needs it, not the create.
    pub late: bool,
    /// It must be usable; otherwise its output must be there.
    pub ready: bool,
    /// The output or property that is needed, where a single one is.
    pub field: Option<String>,
    pub why: Why,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// A property refers to it.
    Reference(Place),
    /// `depends_on` says so.
    Written,
    /// Its type waits for that type.
    Implied,
}

/// An edge as recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Needed {
    pub to: Index,
    pub late: bool,
}

impl Graph<'_> {
    pub fn find(&self, address: &Address) -> Option<Index> {
        self.by_address.get(address).copied()
    }

    /// What to record as the dependencies of a node.
    pub fn dependencies(&self, index: Index) -> BTreeSet<Dependency> {
        let mut late: HashMap<Index, bool> = HashMap::new();
        for edge in &self.nodes[index].needs {
            if edge.to != index {
                late.entry(edge.to).and_modify(|it| *it &= edge.late).or_insert(edge.late);
            }
        }
        late.into_iter().map(|(to, late)| Dependency { address: self.nodes[to].address.clone(), late }).collect()
    }

    /// For each node the outputs that others refer to without asking for more than that they are there.
    pub fn needed_outputs(&self, catalog: &Catalog) -> Vec<BTreeSet<String>> {
        let mut needed = vec![BTreeSet::new(); self.nodes.len()];
        for edge in self.nodes.iter().flat_map(|it| &it.needs).filter(|it| !it.ready) {
            let schema = self.nodes[edge.to].wanted.and_then(|it| catalog.schema(it.type_name));
            if let (Some(field), Some(schema)) = (&edge.field, schema)
                && schema.outputs.contains_key(field)
            {
                needed[edge.to].insert(field.clone());
            }
        }
        needed
    }

    /// Which nodes need each node now, and needed it when it was last applied.
    pub fn dependents(&self) -> Vec<Vec<Index>> {
        let mut dependents = vec![vec![]; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let all: BTreeSet<_> = node.needs.iter().map(|it| it.to).chain(node.needed.iter().map(|it| it.to)).collect();
            for to in all {
                if to != index {
                    dependents[to].push(index);
                }
            }
        }
        dependents
    }
}

/// Joins what the file wants with what is recorded. Without a stack everything recorded is to go.
///
/// Addresses in the state are the present ones: renames are carried out before.
pub fn build<'a>(stack: Option<&'a Stack>, state: &'a State, catalog: &Catalog) -> (Graph<'a>, Vec<Diagnostic>) {
    let mut graph = Graph::default();
    let mut diagnostics = vec![];
    add_nodes(&mut graph, stack, state);
    add_references(&mut graph, catalog);
    implied::add(&mut graph, catalog);
    implied::add_namesakes(&mut graph, catalog);
    implied::add_homes(&mut graph, catalog);
    add_recorded(&mut graph);
    diagnostics.extend(secrets_at_second_hand(&graph, catalog));
    diagnostics.extend(order::cycles(&graph));
    (graph, diagnostics)
}

fn add_nodes<'a>(graph: &mut Graph<'a>, stack: Option<&'a Stack>, state: &'a State) {
    for (address, instance) in stack.into_iter().flat_map(|it| &it.resources) {
        graph.by_address.insert(address.clone(), graph.nodes.len());
        graph.nodes.push(Node {
            address: address.clone(),
            wanted: Some(instance),
            recorded: state.resources.get(address),
            needs: vec![],
            needed: vec![],
            within: vec![],
        });
    }
    for (address, record) in &state.resources {
        if !graph.by_address.contains_key(address) {
            graph.by_address.insert(address.clone(), graph.nodes.len());
            let node =
                Node { address: address.clone(), wanted: None, recorded: Some(record), needs: vec![], needed: vec![], within: vec![] };
            graph.nodes.push(node);
        }
    }
}

fn add_references(graph: &mut Graph<'_>, catalog: &Catalog) {
    for index in 0..graph.nodes.len() {
        let Some(instance) = graph.nodes[index].wanted else { continue };
        let schema = catalog.schema(instance.type_name);
        let mut needs = vec![];
        for reference in &instance.references {
            let Some(&to) = graph.by_address.get(&reference.target) else { continue };
            let marks = schema.map(|it| marks_along(it, &reference.at)).unwrap_or_default();
            needs.push(Edge {
                to,
                late: marks.late,
                ready: marks.ready || output_is_ready(graph, to, reference, catalog),
                field: reference.field.clone(),
                why: Why::Reference(reference.place.clone()),
            });
        }
        for target in &instance.depends_on {
            if let Some(&to) = graph.by_address.get(target) {
                needs.push(Edge { to, late: false, ready: true, field: None, why: Why::Written });
            }
        }
        graph.nodes[index].needs = needs;
    }
}

/// A secret output is opened for the resource that refers to it. Through another resource's property it cannot be had: what is
/// known of that is only what stands for it.
fn secrets_at_second_hand(graph: &Graph<'_>, catalog: &Catalog) -> Vec<Diagnostic> {
    let target = |reference: &Reference| graph.find(&reference.target).and_then(|it| graph.nodes[it].wanted);
    let is_secret_output = |reference: &&Reference| {
        let schema = target(reference).and_then(|it| catalog.schema(it.type_name));
        let output = reference.field.as_ref().and_then(|field| schema?.outputs.get(field));
        output.is_some_and(|it| it.schema.marks.secret || matches!(&it.schema.kind, Kind::Map(item) if item.marks.secret))
    };
    let mut found = vec![];
    for reference in graph.nodes.iter().filter_map(|it| it.wanted).flat_map(|it| &it.references) {
        let (Some(other), Some(field)) = (target(reference), &reference.field) else { continue };
        if catalog.schema(other.type_name).is_some_and(|it| it.outputs.contains_key(field)) {
            continue;
        }
        let mut made_of = other.references.iter().filter(|it| it.at.property() == Some(field.as_str()));
        if let Some(keeper) = made_of.find(is_secret_output) {
            found.push(
                Diagnostic::error(format!("`{}.{field}` is made of a secret of `{}`", other.address, keeper.target))
                    .at(&reference.place, "cannot be had this way")
                    .help(format!("refer to the secret of `{}` itself, as `{}` does", keeper.target, other.address)),
            );
        }
    }
    found
}

/// Whether the output referred to is there only once its resource is usable.
fn output_is_ready(graph: &Graph<'_>, to: Index, reference: &Reference, catalog: &Catalog) -> bool {
    let Some(field) = &reference.field else { return false };
    let schema = graph.nodes[to].wanted.and_then(|it| catalog.schema(it.type_name));
    schema.and_then(|it| it.outputs.get(field)).is_some_and(|it| it.schema.marks.ready)
}

/// The marks of all that a path leads through.
pub fn marks_along(schema: &TypeSchema, path: &Path) -> Marks {
    let mut marks = Marks::default();
    let Some(mut here) = path.property().and_then(|it| schema.properties.get(it)).map(|it| &it.schema) else { return marks };
    let mut take = |schema: &Schema| {
        marks.immutable |= schema.marks.immutable;
        marks.late |= schema.marks.late;
        marks.ready |= schema.marks.ready;
        marks.write_only |= schema.marks.write_only;
        marks.secret |= schema.marks.secret;
    };
    take(here);
    for segment in &path.0[1..] {
        let next = match (&schema.resolve(here).kind, segment) {
            (Kind::Object(fields), Segment::Key(key)) => fields.get(key).map(|it| &it.schema),
            (Kind::Map(item), Segment::Key(_)) | (Kind::List { item, .. }, Segment::Item(_)) => Some(&**item),
            _ => None,
        };
        let Some(next) = next else { break };
        take(next);
        here = next;
    }
    marks
}

fn add_recorded(graph: &mut Graph<'_>) {
    for index in 0..graph.nodes.len() {
        let Some(record) = graph.nodes[index].recorded else { continue };
        let needed = record.dependencies.iter().filter_map(|it| Some(Needed { to: *graph.by_address.get(&it.address)?, late: it.late }));
        graph.nodes[index].needed = needed.collect();
    }
}
