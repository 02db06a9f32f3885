//! Decisions to pieces of work, and which of them must be done before which.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use petgraph::graphmap::DiGraphMap;

use super::{
    Action,
    decide::{Decision, Input},
};
use crate::{
    address::Address,
    graph::{Graph, Index},
    resource::Facts,
    state::{RecordedOptions, State},
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
    pub takes: Duration,
}

/// All pieces of work. Their needs never form a circle.
pub fn schedule(input: Input<'_>, decisions: &[Option<Decision>]) -> Vec<Piece> {
    let mut schedule = Schedule { input, decisions, pieces: vec![], numbers: HashMap::new() };
    schedule.pieces();
    schedule.making();
    schedule.removing();
    for piece in &mut schedule.pieces {
        piece.needs.sort_unstable();
        piece.needs.dedup();
    }
    schedule.pieces
}

struct Schedule<'a> {
    input: Input<'a>,
    decisions: &'a [Option<Decision>],
    pieces: Vec<Piece>,
    numbers: HashMap<Work, usize>,
}

impl Schedule<'_> {
    fn add(&mut self, work: Work, takes: Duration) {
        self.numbers.insert(work, self.pieces.len());
        self.pieces.push(Piece { work, needs: vec![], takes });
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
                        // What is changed and may refer back does not wait for the other's change.
                        if !edge.late {
                            self.need(mine, Work::Change(edge.to));
                        }
                    }
                }
            }
        }
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
                    // A predecessor that goes after its successor is made cannot go before what must go first.
                    let last = self.action(index) == Some(Action::CreateThenDelete) && self.action(needed.to) == Some(Action::Replace);
                    let counts = !(needed.late && together);
                    if counts && !last {
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
            self.need(Work::Clear(number), Work::Finish(index));
            self.need(Work::Clear(number), Work::Change(index));
            for (other, node) in graph.nodes.iter().enumerate() {
                if node.needs.iter().any(|it| it.to == index) || node.needed.iter().any(|it| it.to == index) {
                    for work in [Work::Change(other), Work::Finish(other), Work::Remove(other)] {
                        self.need(Work::Clear(number), work);
                    }
                }
            }
            // A second one with the same name or in the same place may have to wait for it to go; what it needs goes later.
            for dependency in &deposed.record.dependencies {
                if let Some(to) = graph.find(&dependency.address) {
                    self.need(Work::Remove(to), Work::Clear(number));
                }
            }
        }
        self.break_circles();
    }

    /// A predecessor that was deposed may need what is replaced with it: then the order of the rest wins.
    fn break_circles(&mut self) {
        let clears: BTreeSet<usize> =
            self.pieces.iter().enumerate().filter(|it| matches!(it.1.work, Work::Clear(_))).map(|it| it.0).collect();
        if clears.is_empty() {
            return;
        }
        let mut graph = DiGraphMap::<usize, ()>::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            graph.add_node(number);
            for before in &piece.needs {
                graph.add_edge(number, *before, ());
            }
        }
        for members in petgraph::algo::tarjan_scc(&graph).into_iter().filter(|it| it.len() > 1) {
            for number in members.iter().filter(|it| clears.contains(it)) {
                self.pieces[*number].needs.retain(|it| !members.contains(it));
            }
        }
    }
}

/// What the steps of a plan come after, by address.
pub fn by_address(graph: &Graph<'_>, state: &State, pieces: &[Piece]) -> HashMap<Address, Vec<Address>> {
    let address = |work: Work| match work {
        Work::Make(it) | Work::Finish(it) | Work::Change(it) | Work::Remove(it) | Work::Forget(it) => &graph.nodes[it].address,
        Work::Clear(it) => &state.deposed[it].address,
    };
    let mut after: HashMap<Address, BTreeSet<Address>> = HashMap::new();
    for piece in pieces {
        let own = address(piece.work);
        let others = piece.needs.iter().map(|it| address(pieces[*it].work)).filter(|it| *it != own);
        after.entry(own.clone()).or_default().extend(others.cloned());
    }
    after.into_iter().map(|(address, it)| (address, it.into_iter().collect())).collect()
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
