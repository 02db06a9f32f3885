//! What is replaced: whether the new one is made before the old one goes.

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
            (None, obstacle) => self.is_held(instance.type_name) && obstacle.is_none(),
        }
    }

    /// Whether others hold on to what is of this type, so that it cannot go before they have let go.
    fn is_held(&self, type_name: &str) -> bool {
        self.input.catalog.resource(type_name).is_some_and(|it| it.facts().create_first)
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
    fn give_way(&mut self) {
        let graph = self.input.graph;
        let mut open: Vec<Index> = (0..self.decisions.len()).filter(|it| self.goes_first(*it)).collect();
        open.extend(self.break_rounds());
        let dependents = if open.is_empty() { vec![] } else { graph.dependents() };
        while let Some(index) = open.pop() {
            for &it in &dependents[index] {
                let node = &graph.nodes[it];
                let free = node.wanted.is_some_and(|it| it.options.create_before_destroy.is_none());
                let needs = node.needs.iter().any(|it| it.to == index);
                if !free || !needs || self.action(it) != Some(Action::CreateThenDelete) || self.holder(it).is_some() {
                    continue;
                }
                if let Some(decision) = self.decisions[it].as_mut() {
                    decision.action = Some(Action::Replace);
                }
                open.push(it);
            }
        }
    }

    /// Whether others hold on to what is replaced, and no second one can be beside it.
    fn goes_first(&self, index: Index) -> bool {
        let node = &self.input.graph.nodes[index];
        let (Some(instance), Some(record), Some(decision)) = (node.wanted, node.recorded, &self.decisions[index]) else { return false };
        let replaced = decision.action == Some(Action::Replace) && self.is_held(instance.type_name);
        replaced && self.obstacle(instance, record, &decision.desired).is_some()
    }

    fn action(&self, index: Index) -> Option<Action> {
        self.decisions[index].as_ref().and_then(|it| it.action)
    }

    /// Of those that hand their names or places round in a circle, one goes before its successor is made: nobody else can begin.
    fn break_rounds(&mut self) -> Vec<Index> {
        let handed = claims::handed_on(self.input, &self.decisions);
        let mut broken = vec![];
        loop {
            let mut round = DiGraphMap::<Index, ()>::new();
            for it in &handed {
                if let Work::Remove(from) = it.from
                    && [it.to, from].iter().all(|it| self.action(*it) == Some(Action::CreateThenDelete))
                {
                    round.add_edge(it.to, from, ());
                }
            }
            let nodes = &self.input.graph.nodes;
            let free = |it: &Index| nodes[*it].wanted.is_some_and(|it| it.options.create_before_destroy.is_none());
            let rounds = tarjan_scc(&round).into_iter().filter(|it| it.len() > 1);
            let first = rounds.filter_map(|it| it.into_iter().filter(|it| free(it) && self.holder(*it).is_none()).min()).next();
            let Some(first) = first else { return broken };
            if let Some(decision) = self.decisions[first].as_mut() {
                decision.action = Some(Action::Replace);
            }
            broken.push(first);
        }
    }

    /// What gets the name or the place of one that does not go before, because somebody uses that who waits for the new one, or
    /// because it waits itself: AWS lets go of neither.
    pub(super) fn handed_on(&mut self, pieces: &[Piece]) {
        let nodes = &self.input.graph.nodes;
        let in_vain = |to: Index, from: Work| {
            let before = pieces.iter().find(|it| it.work == Work::Make(to)).into_iter().flat_map(|it| &it.in_vain);
            before.into_iter().any(|it| pieces[*it].work == from)
        };
        for Handed { to, from, name } in claims::handed_on(self.input, &self.decisions) {
            let Some(instance) = nodes[to].wanted else { continue };
            let user = match from {
                Work::Remove(from) if !name || self.is_held(instance.type_name) => {
                    (0..self.decisions.len()).find(|it| self.holds(*it, from) && nodes[*it].needs.iter().any(|it| it.to == to))
                }
                _ => None,
            };
            let goes_late = match user {
                Some(user) => format!("`{}` uses until it is there", nodes[user].address),
                None if in_vain(to, from) => "goes only once it is there".into(),
                None => continue,
            };
            let (had, wanted) = match from {
                Work::Clear(number) => (&self.input.state.deposed[number].address, false),
                Work::Remove(from) | Work::Make(from) | Work::Finish(from) | Work::Change(from) | Work::Forget(from) => {
                    (&nodes[from].address, nodes[from].wanted.is_some())
                }
            };
            let what = if name { "name" } else { "place" };
            let help = match (wanted, user) {
                (false, Some(_)) => format!("if it is the same, write `moved: {{ {had}: {} }}`", instance.address),
                (false, None) => format!("give it a {what} that nobody has, or remove `{had}` first, in an apply of its own"),
                (true, _) => format!("give it a {what} that nobody has, or `{had}` another one first, in an apply of its own"),
            };
            self.diagnostics.push(
                Diagnostic::error(format!("`{}` gets the {what} of `{had}`, which {goes_late}", instance.address))
                    .at(&instance.place, format!("the {what} is not free before"))
                    .help(help),
            );
        }
    }

    /// Whether something stays, and holds on to what is recorded of another.
    fn holds(&self, index: Index, other: Index) -> bool {
        let stays = self.decisions[index].as_ref().is_some_and(|it| matches!(it.fate, Fate::Stays { .. }));
        stays && self.input.graph.nodes[index].needed.iter().any(|it| it.to == other)
    }

    /// Who holds on to something and stays.
    fn holder(&self, index: Index) -> Option<Index> {
        (0..self.decisions.len()).find(|it| self.holds(*it, index))
    }

    /// What is made before its predecessor goes needs its own needs made before theirs go, unless nobody holds on to these.
    pub(super) fn create_first(&mut self) {
        self.give_way();
        let mut open: Vec<Index> = (0..self.decisions.len()).filter(|it| self.action(*it) == Some(Action::CreateThenDelete)).collect();
        loop {
            while let Some(index) = open.pop() {
                for edge in &self.input.graph.nodes[index].needs {
                    if self.action(edge.to) == Some(Action::Replace) && self.may_be_first(edge.to, index) {
                        self.make_first(edge.to);
                        open.push(edge.to);
                    }
                }
            }
            // What cannot go, because somebody holds on to it, or to what goes with it, who waits for the new one.
            open.extend(self.stuck());
            if open.is_empty() {
                return;
            }
            for index in &open {
                self.make_first(*index);
            }
        }
    }

    fn make_first(&mut self, index: Index) {
        if let Some(decision) = self.decisions[index].as_mut() {
            decision.action = Some(Action::CreateThenDelete);
        }
    }

    /// Whether what is replaced is made before its predecessor goes because another one is, or that cannot be and nobody minds.
    fn may_be_first(&mut self, index: Index, because: Index) -> bool {
        let nodes = &self.input.graph.nodes;
        if let (Some(instance), Some(record), Some(decision)) = (nodes[index].wanted, nodes[index].recorded, &self.decisions[index])
            && let Some(Obstacle { why, second, remedy }) = self.obstacle(instance, record, &decision.desired)
        {
            if !self.is_held(instance.type_name) {
                return false;
            }
            self.diagnostics.push(
                Diagnostic::error(format!(
                    "`{}` has to be made before its predecessor goes, because `{}` is, and {why}",
                    instance.address, nodes[because].address
                ))
                .at(&instance.place, second)
                .help(remedy),
            );
        }
        true
    }

    /// What would have to go before what cannot go earlier, and could as well be made first.
    fn stuck(&self) -> Vec<Index> {
        if !(0..self.decisions.len()).any(|it| self.action(it) == Some(Action::Replace)) {
            return vec![];
        }
        let mut stuck = schedule::stuck(self.input, &self.decisions);
        stuck.retain(|it| {
            let node = &self.input.graph.nodes[*it];
            let (Some(instance), Some(record), Some(decision)) = (node.wanted, node.recorded, &self.decisions[*it]) else { return false };
            instance.options.create_before_destroy.is_none() && self.obstacle(instance, record, &decision.desired).is_none()
        });
        stuck
    }

    /// Warns of what is deleted first although somebody holds on to it who stays.
    pub(super) fn held(&mut self) {
        let mut found = vec![];
        for (index, node) in self.input.graph.nodes.iter().enumerate() {
            let Some(decision) = self.decisions[index].as_ref().filter(|it| it.action == Some(Action::Replace)) else { continue };
            let (Some(instance), Some(record)) = (node.wanted, node.recorded) else { continue };
            if !self.is_held(instance.type_name) {
                continue;
            }
            let Some(holder) = self.holder(index) else { continue };
            let holder = &self.input.graph.nodes[holder].address;
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
