//! What is replaced: whether the new one is made before the old one goes.

use std::collections::{HashMap, HashSet};

use petgraph::{algo::tarjan_scc, graphmap::DiGraphMap};

use super::{
    Action,
    claims::{self, Handed, values_overlap},
    decide::{Fate, Maker},
    desire::Properties,
    schedule::{self, Piece, Work},
};
use crate::{
    diagnostic::Diagnostic,
    graph::Index,
    stack::{Instance, Nothing},
    state::Record,
    value::Value,
};

/// By what is recorded of something, who holds on to it and stays.
type Users = HashMap<Index, Vec<Index>>;

/// What stands in the way of a second one beside the first.
struct Obstacle {
    why: String,
    second: String,
    remedy: String,
}

impl Maker<'_> {
    /// Whether a replacement makes the new one first: as the file says, else where others hold on to it and nothing forbids two.
    pub(super) fn creates_first(
        &self,
        instance: &Instance,
        record: &Record,
        desired: &Properties,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> bool {
        let obstacle = self.obstacle(instance, record, desired);
        match (instance.options.create_before_destroy, obstacle) {
            (Some(true), Some(obstacle)) => {
                let Obstacle { why, second, remedy } = obstacle;
                diagnostics.push(
                    Diagnostic::error(format!("`{}` cannot be created before it is destroyed: {why}", instance.address))
                        .at(&instance.place, second)
                        .help(format!("{remedy}, or leave `create_before_destroy` out")),
                );
                false
            }
            (Some(it), _) => it,
            (None, obstacle) => self.input.is_held(instance.type_name) && obstacle.is_none(),
        }
    }

    /// Why a second one cannot be there beside the one that is recorded.
    fn obstacle(&self, instance: &Instance, record: &Record, desired: &Properties) -> Option<Obstacle> {
        if record.type_name != instance.type_name || !self.is_one_place(&record.location, &instance.options.location) {
            return None;
        }
        let same = |property: &str, value: Option<&Value>, unknown: bool| match value {
            Some(value) if value.has_unknown() => unknown,
            value => {
                let was = record.applied.get(property).cloned().map_or(Value::Null, Value::from);
                value.is_some_and(|it| values_overlap(it, &was)) || value.cloned().unwrap_or(Value::Null) == was
            }
        };
        let apart = self.input.catalog.resource(instance.type_name).map(|it| it.facts().apart).unwrap_or_default();
        // A name that is not known yet may be the same.
        let written = instance.evaluate(&Nothing).0;
        let unique = self.input.catalog.schema(instance.type_name).and_then(|it| it.unique());
        if apart.is_empty()
            && let Some(name) = unique.and_then(|it| Some((it, written.get(it)?)))
            && same(name.0, Some(name.1), true)
        {
            return Some(Obstacle {
                why: "its name is written".into(),
                second: "a second one cannot have the same name".into(),
                remedy: "leave the name out, so that one is generated".into(),
            });
        }
        if apart.is_empty() || !apart.iter().all(|it| same(it, desired.get(*it), unique == Some(*it))) {
            return None;
        }
        let (last, others) = (apart[apart.len() - 1], apart.join(" and "));
        let was = |it: &str| record.applied.get(it).cloned().map(Value::from);
        let moved =
            apart.iter().find(|it| desired.get(**it).zip(was(it)).is_some_and(|(now, was)| *now != was && values_overlap(now, &was)));
        let remedy = format!("give it another {last}");
        Some(match moved {
            Some(block) => Obstacle {
                why: format!("its {block} has addresses of the one before"),
                second: "a second one cannot have the same addresses".into(),
                remedy,
            },
            None => Obstacle {
                why: format!("{others} stay{} the same", if apart.len() == 1 { "s" } else { "" }),
                second: format!("a second one cannot have the same {others}"),
                remedy,
            },
        })
    }

    /// What needs something that has to go first goes before it, unless the file says otherwise or somebody who stays holds on
    /// to it.
    fn give_way(&mut self, users: &Users, broken: Vec<Index>) {
        let first = (0..self.decisions.len()).filter(|it| self.goes_first(*it));
        let mut open: Vec<Index> = first.chain(broken).collect();
        let dependents = if open.is_empty() { vec![] } else { self.input.graph.dependents() };
        while let Some(index) = open.pop() {
            for it in self.waiting(index, &dependents) {
                if self.may_give_way(it, users) {
                    self.act(it, Action::Replace);
                    open.push(it);
                }
            }
        }
    }

    /// What needs something that is replaced, and is made before its own predecessor goes.
    fn waiting(&self, index: Index, dependents: &[Vec<Index>]) -> Vec<Index> {
        let needs = |it: &Index| self.input.graph.nodes[*it].needs.iter().any(|it| it.to == index);
        let waiting = dependents[index].iter().copied().filter(|it| self.action(*it) == Some(Action::CreateThenDelete));
        waiting.filter(needs).collect()
    }

    /// Whether it could as well go before its successor is made.
    fn may_give_way(&self, index: Index, users: &Users) -> bool {
        let wanted = self.input.graph.nodes[index].wanted;
        wanted.is_some_and(|it| it.options.create_before_destroy.is_none()) && !users.contains_key(&index)
    }

    fn act(&mut self, index: Index, action: Action) {
        if let Some(decision) = self.decisions[index].as_mut() {
            decision.action = Some(action);
        }
    }

    /// Whether others hold on to what is replaced, and no second one can be beside it.
    fn goes_first(&self, index: Index) -> bool {
        self.is_held_on_to(index) && matches!(self.obstacle_of(index), Some(Some(_)))
    }

    fn action(&self, index: Index) -> Option<Action> {
        self.decisions[index].as_ref().and_then(|it| it.action)
    }

    /// Of those that hand their names or places round, one goes before its successor is made, with all that needs it: nobody else
    /// can begin.
    fn break_rounds(&mut self, rounds: &[Vec<Index>], users: &Users) -> Vec<Index> {
        let dependents = if rounds.is_empty() { vec![] } else { self.input.graph.dependents() };
        let mut broken = vec![];
        for round in rounds {
            let first = |it: &Index| self.action(*it) == Some(Action::CreateThenDelete);
            if !round.iter().all(first) {
                continue;
            }
            let give_way = |index: Index| {
                let (mut open, mut seen) = (vec![index], HashSet::from([index]));
                while let Some(it) = open.pop() {
                    if !self.may_give_way(it, users) {
                        return false;
                    }
                    open.extend(self.waiting(it, &dependents).into_iter().filter(|it| seen.insert(*it)));
                }
                true
            };
            if let Some(it) = round.iter().copied().filter(|it| give_way(*it)).min() {
                self.act(it, Action::Replace);
                broken.push(it);
            }
        }
        broken
    }

    /// Those that hand their names or places round in circles.
    fn rounds(&self) -> Vec<Vec<Index>> {
        let mut graph = DiGraphMap::<Index, ()>::new();
        for it in claims::handed_on(self.input, &self.decisions) {
            if let Work::Remove(from) = it.from {
                graph.add_edge(it.to, from, ());
            }
        }
        tarjan_scc(&graph).into_iter().filter(|it| it.len() > 1).collect()
    }

    /// What gets the name or the place of one that does not go before, because somebody uses that who waits for the new one, or
    /// because it waits itself: AWS lets go of neither.
    pub(super) fn handed_on(&mut self, pieces: &[Piece]) {
        let handed = claims::handed_on(self.input, &self.decisions);
        if handed.is_empty() {
            return;
        }
        let (nodes, users) = (&self.input.graph.nodes, self.users());
        let in_vain: HashSet<_> =
            pieces.iter().flat_map(|piece| piece.in_vain.iter().map(|before| (piece.work, pieces[*before].work))).collect();
        for Handed { to, from, name } in handed {
            // What was deposed waits for nobody.
            let (Work::Remove(other), Some(instance)) = (from, nodes[to].wanted) else { continue };
            let refused = !name || self.input.is_held(instance.type_name);
            let mut waiting = users.get(&other).into_iter().flatten().filter(|it| nodes[**it].needs.iter().any(|it| it.to == to));
            let user = waiting.next().filter(|_| refused);
            let goes_late = match user {
                Some(user) => format!("`{}` uses until it is there", nodes[*user].address),
                None if in_vain.contains(&(Work::Make(to), from)) => "goes only once it is there".into(),
                None => continue,
            };
            let had = &nodes[other].address;
            let what = if name { "name" } else { "place" };
            let help = match (nodes[other].wanted, user) {
                (None, Some(_)) => format!("if it is the same, write `moved: {{ {had}: {} }}`", instance.address),
                (None, None) => format!("give it a {what} that nobody has, or remove `{had}` first, in an apply of its own"),
                (Some(_), _) => format!("give it a {what} that nobody has, or `{had}` another one first, in an apply of its own"),
            };
            self.diagnostics.push(
                Diagnostic::error(format!("`{}` gets the {what} of `{had}`, which {goes_late}", instance.address))
                    .at(&instance.place, format!("the {what} is not free before"))
                    .help(help),
            );
        }
    }

    /// By what is recorded of something, who holds on to it and stays.
    fn users(&self) -> Users {
        let mut users = Users::new();
        for (index, node) in self.input.graph.nodes.iter().enumerate() {
            if self.decisions[index].as_ref().is_some_and(|it| matches!(it.fate, Fate::Stays { .. })) {
                for needed in &node.needed {
                    users.entry(needed.to).or_default().push(index);
                }
            }
        }
        users
    }

    /// What is made before its predecessor goes needs its own needs made before theirs go, unless nobody holds on to these.
    pub(super) fn create_first(&mut self) {
        let replaced = |it| matches!(self.action(it), Some(Action::Replace | Action::CreateThenDelete));
        if !(0..self.decisions.len()).any(replaced) {
            return;
        }
        let (rounds, users) = (self.rounds(), self.users());
        let broken = self.break_rounds(&rounds, &users);
        self.give_way(&users, broken);
        let handed_round: HashSet<Index> = rounds.into_iter().flatten().collect();
        let mut open: Vec<Index> = (0..self.decisions.len()).filter(|it| self.action(*it) == Some(Action::CreateThenDelete)).collect();
        loop {
            while let Some(index) = open.pop() {
                for edge in &self.input.graph.nodes[index].needs {
                    let Some(obstacle) = self.obstacle_of(edge.to) else { continue };
                    if obstacle.is_some() || handed_round.contains(&edge.to) {
                        if !self.is_held_on_to(edge.to) {
                            continue;
                        }
                        self.diagnostics.extend(obstacle.and_then(|it| self.cannot_be_first(edge.to, index, it)));
                    }
                    self.act(edge.to, Action::CreateThenDelete);
                    open.push(edge.to);
                }
            }
            open = self.stuck();
            if open.is_empty() {
                return;
            }
            for index in &open {
                self.act(*index, Action::CreateThenDelete);
            }
        }
    }

    /// Of what goes before its successor is made, what would stand in the way of the other order; nothing of all else.
    fn obstacle_of(&self, index: Index) -> Option<Option<Obstacle>> {
        let node = &self.input.graph.nodes[index];
        let decision = self.decisions[index].as_ref().filter(|it| it.action == Some(Action::Replace))?;
        Some(node.wanted.zip(node.recorded).and_then(|(instance, record)| self.obstacle(instance, record, &decision.desired)))
    }

    fn is_held_on_to(&self, index: Index) -> bool {
        self.input.graph.nodes[index].wanted.is_some_and(|it| self.input.is_held(it.type_name))
    }

    fn cannot_be_first(&self, index: Index, because: Index, obstacle: Obstacle) -> Option<Diagnostic> {
        let nodes = &self.input.graph.nodes;
        let (instance, because) = (nodes[index].wanted?, &nodes[because].address);
        let Obstacle { why, second, remedy } = obstacle;
        Some(
            Diagnostic::error(format!(
                "`{}` has to be made before its predecessor goes, because `{because}` is, and {why}",
                instance.address
            ))
            .at(&instance.place, second)
            .help(remedy),
        )
    }

    /// What would have to go while somebody holds on to it, or to what goes with it, who waits for the new one, and could as well be
    /// made first, with all that it needs.
    fn stuck(&self) -> Vec<Index> {
        if !(0..self.decisions.len()).any(|it| self.action(it) == Some(Action::Replace)) {
            return vec![];
        }
        let nodes = &self.input.graph.nodes;
        let mut stuck = schedule::stuck(self.input, &self.decisions);
        stuck.retain(|index| {
            if nodes[*index].wanted.is_none_or(|it| it.options.create_before_destroy.is_some()) {
                return false;
            }
            let (mut open, mut seen) = (vec![*index], HashSet::from([*index]));
            while let Some(it) = open.pop() {
                match self.obstacle_of(it) {
                    Some(Some(_)) if it == *index || self.is_held_on_to(it) => return false,
                    Some(None) => open.extend(nodes[it].needs.iter().map(|it| it.to).filter(|it| seen.insert(*it))),
                    _ => {}
                }
            }
            true
        });
        stuck
    }

    /// Warns of what is deleted first although somebody holds on to it who stays.
    pub(super) fn held(&mut self) {
        let (mut found, users) = (vec![], self.users());
        for (index, node) in self.input.graph.nodes.iter().enumerate() {
            let Some(decision) = self.decisions[index].as_ref().filter(|it| it.action == Some(Action::Replace)) else { continue };
            let (Some(instance), Some(record)) = (node.wanted, node.recorded) else { continue };
            if !self.input.is_held(instance.type_name) {
                continue;
            }
            let Some(holder) = users.get(&index).and_then(|it| it.first()) else { continue };
            let holder = &self.input.graph.nodes[*holder].address;
            let obstacle = self.obstacle(instance, record, &decision.desired);
            let (why, remedy) = match &obstacle {
                Some(it) => (it.second.as_str(), it.remedy.as_str()),
                None => ("it is deleted first, as the file says", "leave `create_before_destroy: false` out"),
            };
            found.push(
                Diagnostic::warning(format!("`{}` is deleted while `{holder}` still uses it, which AWS may refuse", node.address))
                    .at(&instance.place, why)
                    .help(format!("{remedy}: then the new one is made first, and the old one goes when nobody uses it")),
            );
        }
        self.diagnostics.extend(found);
    }
}
