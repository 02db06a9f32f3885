//! Decisions to pieces of work, and which of them must be done before which.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use petgraph::graphmap::DiGraphMap;

use super::{
    Action,
    claims::{self, Handed},
    decide::{Decision, Input},
};
use crate::{
    address::Address,
    graph::{Edge, Graph, Index},
    resource::{Facts, schema::Kind},
    state::{Deposed, RecordedOptions, State},
};

/// One piece of work on one resource.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Work {
    /// Creates it, and waits until what others need of it is there.
    Make(Index),
    /// Writes what could not be written before, and waits until it is usable.
    Finish(Index),
    /// Changes what there is, or takes it over.
    Change(Index),
    /// Deletes what is recorded at its address, or what gave its place to the new one.
    Remove(Index),
    /// Deletes what an earlier run left: the number among the deposed of the state.
    Clear(usize),
    /// Records it no longer.
    Forget(Index),
}

/// A piece of work with the numbers of those that must be done before.
#[derive(Clone, Debug)]
pub struct Piece {
    pub work: Work,
    pub needs: Vec<usize>,
    /// What it gets the name or the place of, and cannot come after, because that comes after it.
    pub in_vain: Vec<usize>,
    pub takes: Duration,
}

/// All pieces of work. Their needs never form a circle.
pub fn schedule(input: Input<'_>, decisions: &[Option<Decision>]) -> Vec<Piece> {
    let mut schedule = Schedule::new(input, decisions);
    for piece in &mut schedule.pieces {
        piece.needs.sort_unstable();
        piece.needs.dedup();
    }
    schedule.pieces
}

/// What goes before its successor is made and thereby stands in its own way: something that it has to wait for can only be done after
/// the successor is there.
pub(super) fn stuck(input: Input<'_>, decisions: &[Option<Decision>]) -> Vec<Index> {
    Schedule::new(input, decisions).stuck.into_iter().collect()
}

struct Schedule<'a> {
    input: Input<'a>,
    decisions: &'a [Option<Decision>],
    pieces: Vec<Piece>,
    numbers: HashMap<Work, usize>,
    /// What comes after a change because that makes the value which it needs.
    waits: HashSet<(usize, usize)>,
    /// What comes after a deletion because it gets what that frees, and whether that is a name.
    heirs: HashMap<(usize, usize), bool>,
    /// What is replaced, and part of a circle because of which something goes while others hold on to it.
    stuck: BTreeSet<Index>,
}

/// What can be given up so that there is an order, the least first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Wish {
    /// What goes after its successor is made may need what has to go first.
    Last,
    /// What was deposed may need what is replaced with it: the next run deletes it then.
    Deposed,
    /// What is there can be referred to before it is changed: it may be changed to refer back.
    Change,
    /// A place is rather asked for in vain than taken from who is still used.
    Place,
    /// What was deposed may need what goes.
    AfterDeposed,
    /// Nobody uses any more what goes.
    LetGo,
    /// The change makes the value that is needed.
    Value,
    /// What needs something goes before it.
    GoneBefore,
    /// A name is free only then, as in a replacement.
    Name,
}

impl<'a> Schedule<'a> {
    fn new(input: Input<'a>, decisions: &'a [Option<Decision>]) -> Self {
        let (pieces, numbers, waits, heirs) = (vec![], HashMap::new(), HashSet::new(), HashMap::new());
        let mut schedule = Self { input, decisions, pieces, numbers, waits, heirs, stuck: BTreeSet::new() };
        schedule.pieces();
        schedule.making();
        schedule.handing_on();
        schedule.removing();
        schedule.break_circles();
        schedule
    }

    fn add(&mut self, work: Work, takes: Duration) {
        self.numbers.insert(work, self.pieces.len());
        self.pieces.push(Piece { work, needs: vec![], in_vain: vec![], takes });
    }

    fn need(&mut self, work: Work, before: Work) {
        if let (Some(&number), Some(&before)) = (self.numbers.get(&work), self.numbers.get(&before)) {
            self.pieces[number].needs.push(before);
        }
    }

    fn has(&self, work: Work) -> bool {
        self.numbers.contains_key(&work)
    }

    fn action(&self, index: Index) -> Option<Action> {
        self.decisions[index].as_ref().and_then(|it| it.action)
    }

    fn pieces(&mut self) {
        let instant = Duration::from_millis(100);
        for index in 0..self.decisions.len() {
            let node = &self.input.graph.nodes[index];
            let name = node.wanted.map(|it| it.type_name);
            let facts = name.and_then(|it| self.input.catalog.resource(it)).map(|it| it.facts().typical);
            let old = node.recorded.and_then(|it| self.input.catalog.resource(&it.type_name)).map(|it| it.facts().typical);
            let (create, update) = facts.map_or((instant, instant), |it| (it.create, it.update));
            let delete = old.map_or(instant, |it| it.delete);
            match self.action(index) {
                None => {}
                Some(Action::Create) => {
                    self.add(Work::Make(index), instant);
                    self.add(Work::Finish(index), create);
                }
                Some(Action::Replace | Action::CreateThenDelete) => {
                    self.add(Work::Make(index), instant);
                    self.add(Work::Finish(index), create);
                    self.add(Work::Remove(index), delete);
                }
                Some(Action::Update | Action::Adopt) => self.add(Work::Change(index), update),
                Some(Action::Delete) => self.add(Work::Remove(index), delete),
                Some(Action::Forget) => self.add(Work::Forget(index), instant),
            }
        }
        for (number, deposed) in self.input.state.deposed.iter().enumerate() {
            if is_left_out(self.input, self.decisions, deposed) {
                continue;
            }
            let facts = self.input.catalog.resource(&deposed.record.type_name).map(|it| it.facts().typical.delete);
            self.add(Work::Clear(number), facts.unwrap_or(instant));
        }
    }

    /// What is made or changed comes after what it needs.
    fn making(&mut self) {
        for index in 0..self.decisions.len() {
            self.need(Work::Finish(index), Work::Make(index));
            match self.action(index) {
                Some(Action::Replace) => self.need(Work::Make(index), Work::Remove(index)),
                Some(Action::CreateThenDelete) => self.need(Work::Remove(index), Work::Finish(index)),
                _ => {}
            }
            if self.input.request.destroy {
                continue;
            }
            for edge in &self.input.graph.nodes[index].needs {
                let mine = if edge.late { Work::Finish(index) } else { Work::Make(index) };
                let theirs = if edge.ready { Work::Finish(edge.to) } else { Work::Make(edge.to) };
                for mine in [mine, Work::Change(index)] {
                    if edge.to != index {
                        self.need(mine, theirs);
                        // What is changed and may refer back does not wait for the other's change, unless that makes the value.
                        let makes = self.makes_value(edge);
                        if makes || !edge.late {
                            self.need(mine, Work::Change(edge.to));
                        }
                        if let (true, Some(&mine), Some(&theirs)) =
                            (makes, self.numbers.get(&mine), self.numbers.get(&Work::Change(edge.to)))
                        {
                            self.waits.insert((mine, theirs));
                        }
                    }
                }
            }
        }
    }

    /// What only one can have is free once that one has gone.
    fn handing_on(&mut self) {
        for Handed { to, from, name } in claims::handed_on(self.input, self.decisions) {
            if let (Some(&make), Some(&remove)) = (self.numbers.get(&Work::Make(to)), self.numbers.get(&from)) {
                self.pieces[make].needs.push(remove);
                *self.heirs.entry((make, remove)).or_default() |= name;
            }
        }
    }

    /// Whether changing the other resource may change, or first yield, what is needed of it.
    fn makes_value(&self, edge: &Edge) -> bool {
        let schema = self.input.graph.nodes[edge.to].wanted.and_then(|it| self.input.catalog.schema(it.type_name));
        let output = edge.field.as_ref().and_then(|it| schema?.outputs.get(it));
        self.action(edge.to) == Some(Action::Adopt)
            || output.is_some_and(|it| it.schema.marks.volatile || matches!(it.schema.kind, Kind::Map(_)))
    }

    /// What goes comes after everything that needed it has gone or let go of it.
    fn removing(&mut self) {
        let graph = self.input.graph;
        // Of those that need each other through late references, no order serves all: these references count for nothing.
        let mut circles = DiGraphMap::<Index, ()>::new();
        for (index, node) in graph.nodes.iter().enumerate().filter(|it| self.has(Work::Remove(it.0))) {
            circles.add_node(index);
            for needed in node.needed.iter().filter(|it| it.to != index && self.has(Work::Remove(it.to))) {
                circles.add_edge(index, needed.to, ());
            }
        }
        // What was deposed may still need, and be needed by, what goes with it.
        let as_node = |number: usize| graph.nodes.len() + number;
        for (number, deposed) in self.input.state.deposed.iter().enumerate() {
            let Some(index) = graph.find(&deposed.address) else { continue };
            for (other, node) in graph.nodes.iter().enumerate().filter(|it| self.has(Work::Remove(it.0))) {
                if node.needed.iter().any(|it| it.to == index) {
                    circles.add_edge(other, as_node(number), ());
                }
            }
            for needed in deposed.record.dependencies.iter().filter_map(|it| graph.find(&it.address)) {
                if self.has(Work::Remove(needed)) {
                    circles.add_edge(as_node(number), needed, ());
                }
            }
            for (needed, _) in deposed_that_it_needs(self.input.state, number) {
                circles.add_edge(as_node(number), as_node(needed), ());
            }
        }
        let mut circle = HashMap::new();
        for (number, members) in petgraph::algo::tarjan_scc(&circles).into_iter().enumerate() {
            circle.extend(members.into_iter().map(|it| (it, number)));
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            for needed in node.needed.iter().filter(|it| it.to != index) {
                let remove = Work::Remove(needed.to);
                if !self.has(remove) {
                    continue;
                }
                let together = circle.contains_key(&index) && circle.get(&index) == circle.get(&needed.to);
                if self.has(Work::Remove(index)) {
                    if !(needed.late && together) {
                        self.need(remove, Work::Remove(index));
                    }
                } else if self.action(needed.to) != Some(Action::Replace) {
                    self.need(remove, Work::Change(index));
                }
                self.need(remove, Work::Forget(index));
            }
        }
        // What was left by an earlier run goes after everything has let go of it.
        for (number, deposed) in self.input.state.deposed.iter().enumerate() {
            let Some(index) = graph.find(&deposed.address) else { continue };
            let own = circle.get(&as_node(number));
            let together = |other: Index| own.is_some() && circle.get(&other) == own;
            self.need(Work::Clear(number), Work::Finish(index));
            self.need(Work::Clear(number), Work::Change(index));
            for (other, node) in graph.nodes.iter().enumerate() {
                let mut lates = node.needed.iter().filter(|it| it.to == index).map(|it| it.late).peekable();
                let recorded = lates.peek().is_some();
                if recorded || node.needs.iter().any(|it| it.to == index) {
                    self.need(Work::Clear(number), Work::Change(other));
                    self.need(Work::Clear(number), Work::Finish(other));
                    if !(together(other) && lates.all(|it| it)) {
                        self.need(Work::Clear(number), Work::Remove(other));
                    }
                }
            }
            // A second one with the same name or in the same place may have to wait for it to go; what it needs goes later.
            for dependency in &deposed.record.dependencies {
                if let Some(to) = graph.find(&dependency.address)
                    && !(together(to) && dependency.late)
                {
                    self.need(Work::Remove(to), Work::Clear(number));
                }
            }
            for (needed, late) in deposed_that_it_needs(self.input.state, number) {
                if !(late && own.is_some() && circle.get(&as_node(needed)) == own) {
                    self.need(Work::Clear(needed), Work::Clear(number));
                }
            }
        }
    }

    /// Where no order serves all, the least of the wishes is given up, until one does.
    fn break_circles(&mut self) {
        loop {
            let mut graph = DiGraphMap::<usize, ()>::new();
            for (number, piece) in self.pieces.iter().enumerate() {
                graph.add_node(number);
                for before in &piece.needs {
                    graph.add_edge(number, *before, ());
                }
            }
            let mut done = true;
            for members in petgraph::algo::tarjan_scc(&graph).into_iter().filter(|it| it.len() > 1) {
                let members: BTreeSet<usize> = members.into_iter().collect();
                let inside = members.iter().flat_map(|it| self.pieces[*it].needs.iter().map(|before| (*it, *before)));
                let wishes = inside.filter(|it| members.contains(&it.1));
                let wishes: Vec<_> = wishes.filter_map(|(it, before)| Some((self.wish(it, before)?, it, before))).collect();
                let Some(&least @ (wish, ..)) = wishes.iter().min() else { continue };
                done = false;
                // All of the first kind mean the same: what has to go first is still held on to.
                let given_up = if wish == Wish::Last { wishes.into_iter().filter(|it| it.0 == wish).collect() } else { vec![least] };
                for (wish, number, before) in given_up {
                    self.pieces[number].needs.retain(|it| *it != before);
                    if self.heirs.contains_key(&(number, before)) {
                        self.pieces[number].in_vain.push(before);
                    }
                    if self.is_refused(wish, number) {
                        let stuck = self.replaced_within(&members);
                        self.stuck.extend(stuck);
                    }
                }
            }
            if done {
                return;
            }
        }
    }

    /// Whether AWS refuses a piece of work where this is given up: others hold on to what goes, or have the name.
    fn is_refused(&self, wish: Wish, number: usize) -> bool {
        match (wish, self.pieces[number].work) {
            (Wish::Name, _) => true,
            (Wish::Last | Wish::LetGo | Wish::GoneBefore, Work::Remove(index)) => {
                let recorded = self.input.graph.nodes[index].recorded;
                recorded.is_some_and(|it| self.input.is_held(&it.type_name))
            }
            _ => false,
        }
    }

    /// What goes before it comes anew, both within a circle.
    fn replaced_within(&self, circle: &BTreeSet<usize>) -> Vec<Index> {
        let comes = |it: Index| self.numbers.get(&Work::Make(it)).is_some_and(|it| circle.contains(it));
        let goes = circle.iter().filter_map(|it| match self.pieces[*it].work {
            Work::Remove(it) => Some(it),
            _ => None,
        });
        goes.filter(|it| self.action(*it) == Some(Action::Replace) && comes(*it)).collect()
    }

    /// How much it matters that one piece comes after another; nothing where it is indispensable.
    fn wish(&self, number: usize, before: usize) -> Option<Wish> {
        let heir = self.heirs.get(&(number, before));
        match (self.pieces[number].work, self.pieces[before].work) {
            (Work::Clear(_), _) => Some(Wish::Deposed),
            _ if heir == Some(&true) => Some(Wish::Name),
            _ if heir == Some(&false) => Some(Wish::Place),
            (Work::Remove(_), Work::Clear(_)) => Some(Wish::AfterDeposed),
            (Work::Remove(_), Work::Change(_)) => Some(Wish::LetGo),
            _ if self.waits.contains(&(number, before)) => Some(Wish::Value),
            (Work::Make(_) | Work::Finish(_) | Work::Change(_), Work::Change(_)) => Some(Wish::Change),
            (Work::Remove(one), Work::Remove(other))
                if self.action(one) == Some(Action::Replace) && self.action(other) == Some(Action::CreateThenDelete) =>
            {
                Some(Wish::Last)
            }
            (Work::Remove(one), Work::Remove(other) | Work::Forget(other)) if one != other => Some(Wish::GoneBefore),
            _ => None,
        }
    }
}

/// Which others of the deposed one of them may still need, and whether only as a late reference.
fn deposed_that_it_needs(state: &State, number: usize) -> impl Iterator<Item = (usize, bool)> {
    let needed = &state.deposed[number].record.dependencies;
    let others = state.deposed.iter().enumerate().filter(move |it| it.0 != number);
    others.filter_map(|(other, it)| Some((other, needed.iter().find(|needed| needed.address == it.address)?.late)))
}

/// Whether what an earlier run left is none of the plan's business.
pub(super) fn is_left_out(input: Input<'_>, decisions: &[Option<Decision>], deposed: &Deposed) -> bool {
    let decision = input.graph.find(&deposed.address).and_then(|it| decisions[it].as_ref());
    decision.is_some_and(|it| it.left_out)
}

/// What the steps of a plan come after, by address.
pub fn by_address(graph: &Graph<'_>, state: &State, pieces: &[Piece]) -> HashMap<Address, Vec<Address>> {
    let address = |work: Work| match work {
        Work::Make(it) | Work::Finish(it) | Work::Change(it) | Work::Remove(it) | Work::Forget(it) => &graph.nodes[it].address,
        Work::Clear(it) => &state.deposed[it].address,
    };
    let mut after: HashMap<Address, BTreeSet<Address>> = HashMap::new();
    // What was deposed has a step of its own, and only shares the address.
    for piece in pieces.iter().filter(|it| !matches!(it.work, Work::Clear(_))) {
        let own = address(piece.work);
        let others = piece.needs.iter().map(|it| address(pieces[*it].work)).filter(|it| *it != own);
        after.entry(own.clone()).or_default().extend(others.cloned());
    }
    after.into_iter().map(|(address, it)| (address, it.into_iter().collect())).collect()
}

/// What the step that deletes one of the deposed comes after.
pub fn after_deposed(graph: &Graph<'_>, state: &State, pieces: &[Piece], number: usize) -> Vec<Address> {
    let clear = pieces.iter().find(|it| it.work == Work::Clear(number));
    let needs = clear.into_iter().flat_map(|it| &it.needs).map(|it| match pieces[*it].work {
        Work::Make(it) | Work::Finish(it) | Work::Change(it) | Work::Remove(it) | Work::Forget(it) => &graph.nodes[it].address,
        Work::Clear(it) => &state.deposed[it].address,
    });
    needs.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// How long a step usually takes.
pub fn typical(action: Action, facts: &Facts) -> Duration {
    match action {
        Action::Create => facts.typical.create,
        Action::Adopt | Action::Update => facts.typical.update,
        Action::Replace | Action::CreateThenDelete => facts.typical.create + facts.typical.delete,
        Action::Delete => facts.typical.delete,
        Action::Forget => Duration::ZERO,
    }
}

/// The options to record for a resource that the file wants.
pub fn recorded_options(input: Input<'_>, index: Index) -> RecordedOptions {
    let Some(instance) = input.graph.nodes[index].wanted else { return RecordedOptions::default() };
    let facts = input.catalog.resource(instance.type_name).map(|it| it.facts());
    let stateful = facts.is_some_and(|it| it.stateful);
    RecordedOptions {
        protect: instance.options.protect.unwrap_or(input.stack.protect && stateful),
        retain: instance.options.retain,
        create_before_destroy: instance.options.create_before_destroy.unwrap_or(facts.is_some_and(|it| it.create_first)),
    }
}
