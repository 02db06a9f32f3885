//! Graph, state and what the cloud answered, to decisions: what happens to each resource, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value as Json;

use super::{
    Action, Cause, Change, Note, Plan, Reason, Request, Shown,
    desire::{Name, Properties, Stamp, desire, locate},
    diff::{self, Sides},
    limits, normal, schedule,
    scope::PlanScope,
};
use crate::{
    address::Address,
    diagnostic::Diagnostic,
    graph::{self, Graph, Index},
    resource::{AnyLive, Catalog, Id, Location, Status},
    stack::{Instance, Nothing, Stack},
    state::{Record, State},
    value::{Path, Value},
};

/// What was read before planning.
#[derive(Debug, Default)]
pub struct Observed {
    /// What is recorded, as the cloud has it; nothing for what was not asked for.
    pub seen: HashMap<Address, Seen>,
    /// Names that are to be made and exist already.
    pub taken: BTreeMap<Address, Id>,
    /// What is to be adopted.
    pub adopted: HashMap<Address, Seen>,
}

#[derive(Clone, Debug)]
pub struct Seen {
    /// Nothing where it is gone.
    pub live: Option<AnyLive>,
    /// The properties that were asked for.
    pub read: BTreeSet<String>,
}

/// All that a plan is made from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub graph: &'a Graph<'a>,
    pub stack: &'a Stack,
    pub state: &'a State,
    pub catalog: &'a Catalog,
    pub request: &'a Request,
}

impl Input<'_> {
    /// Whether others hold on to what is of this type, so that AWS does not let it go before they have let go.
    pub(super) fn is_held(&self, type_name: &str) -> bool {
        self.catalog.resource(type_name).is_some_and(|it| it.facts().create_first)
    }
}

/// A plan, and what applying it needs besides.
#[derive(Debug, Default)]
pub struct Made {
    pub plan: Plan,
    /// By the numbers of the graph.
    pub decisions: Vec<Option<Decision>>,
}

/// What happens to one resource.
#[derive(Clone, Debug)]
pub struct Decision {
    pub fate: Fate,
    pub action: Option<Action>,
    pub reason: Option<Reason>,
    pub changes: Vec<Change>,
    /// What the file wants, as far as it is known.
    pub desired: Properties,
    /// As it was read.
    pub live: Option<AnyLive>,
    pub read: BTreeSet<String>,
    pub adopt: Option<Id>,
    /// Nothing changes in the cloud, but what is recorded is not what is there.
    pub quiet: bool,
    /// What is recorded is no longer there.
    pub gone: bool,
    pub kept: Vec<String>,
    pub left_out: bool,
}

/// What others can count on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// It is made: its outputs are not known yet.
    Made,
    Stays {
        updating: bool,
    },
    Absent,
}

impl Decision {
    pub(super) fn stays(desired: Properties) -> Self {
        Self {
            fate: Fate::Stays { updating: false },
            action: None,
            reason: None,
            changes: vec![],
            desired,
            live: None,
            read: BTreeSet::new(),
            adopt: None,
            quiet: false,
            gone: false,
            kept: vec![],
            left_out: false,
        }
    }

    fn makes(action: Action, reason: Option<Reason>, changes: Vec<Change>, desired: Properties) -> Self {
        Self { fate: Fate::Made, action: Some(action), reason, changes, ..Self::stays(desired) }
    }

    pub(super) fn removes(action: Option<Action>, reason: Reason) -> Self {
        let fate = if action.is_some() { Fate::Absent } else { Fate::Stays { updating: false } };
        Self { fate, action, reason: Some(reason), ..Self::stays(Properties::new()) }
    }
}

/// Makes the plan. Errors among the diagnostics forbid applying it.
pub fn make(input: Input<'_>, observed: &Observed) -> (Made, Vec<Diagnostic>) {
    let Input { graph, request, .. } = input;
    let (included, mut diagnostics) = limits::included(graph, request);
    let mut maker = Maker { input, observed, included, decisions: vec![None; graph.nodes.len()], diagnostics: vec![], notes: vec![] };
    if !request.destroy {
        maker.wanted();
    }
    maker.removals();
    maker.protect();
    maker.create_first();
    maker.held();
    let plan = maker.plan();
    diagnostics.append(&mut maker.diagnostics);
    (Made { plan, decisions: maker.decisions }, diagnostics)
}

pub(super) struct Maker<'a> {
    pub(super) input: Input<'a>,
    pub(super) observed: &'a Observed,
    pub(super) included: Vec<bool>,
    pub(super) decisions: Vec<Option<Decision>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) notes: Vec<Note>,
}

impl Maker<'_> {
    /// Decides on all that the file wants: first with references in circles open, then those again.
    fn wanted(&mut self) {
        let order = graph::order(self.input.graph).0;
        let mut again = vec![false; self.decisions.len()];
        let mut said: Vec<Vec<Diagnostic>> = vec![vec![]; self.decisions.len()];
        for &index in &order {
            let node = &self.input.graph.nodes[index];
            if let Some(instance) = node.wanted {
                self.decisions[index] = Some(self.decide(index, instance, &mut said[index]));
                again[index] = node.needs.iter().any(|it| it.late);
            }
        }
        let dependents = if again.contains(&true) { self.input.graph.dependents() } else { vec![] };
        // What is known of one can only become more with each round, so that there is an end; the bound is for faults of a type.
        for _ in 0..=order.len() {
            if !again.contains(&true) {
                break;
            }
            for &index in &order {
                let Some(instance) = self.input.graph.nodes[index].wanted.filter(|_| std::mem::take(&mut again[index])) else { continue };
                said[index].clear();
                let decision = self.decide(index, instance, &mut said[index]);
                let seen = |it: &Decision| (it.fate, it.desired.clone());
                if self.decisions[index].as_ref().map(seen) != Some(seen(&decision)) {
                    for &dependent in &dependents[index] {
                        again[dependent] = true;
                    }
                }
                self.decisions[index] = Some(decision);
            }
        }
        self.diagnostics.extend(order.iter().flat_map(|it| std::mem::take(&mut said[*it])));
    }

    fn decide(&self, index: Index, instance: &Instance, diagnostics: &mut Vec<Diagnostic>) -> Decision {
        let node = &self.input.graph.nodes[index];
        if !self.included[index] {
            return self.left_out(node.recorded);
        }
        match node.recorded {
            None => self.unrecorded(instance, diagnostics),
            Some(record) => self.existing(index, instance, record, diagnostics),
        }
    }

    fn left_out(&self, record: Option<&Record>) -> Decision {
        let applied = record.map(|it| Value::from(it.applied.clone()));
        let mut decision = Decision::stays(applied.as_ref().and_then(Value::as_map).cloned().unwrap_or_default());
        if record.is_none() {
            decision.fate = Fate::Absent;
        }
        decision.left_out = true;
        decision
    }

    pub(super) fn desire(&self, instance: &Instance, name: &Name<'_>, diagnostics: &mut Vec<Diagnostic>) -> Properties {
        let Input { graph, catalog, stack, state, .. } = self.input;
        let scope = PlanScope { graph, catalog, decisions: &self.decisions };
        let (desired, mut found) = desire(catalog, instance, &scope, Stamp { stack, state }, name);
        diagnostics.append(&mut found);
        desired
    }

    fn unrecorded(&self, instance: &Instance, diagnostics: &mut Vec<Diagnostic>) -> Decision {
        let desired = self.desire(instance, &Name::After(None), diagnostics);
        if let Some(id) = &instance.options.adopt {
            return self.adopt(instance, id, desired, diagnostics);
        }
        if let Some(id) = self.observed.taken.get(&instance.address) {
            diagnostics.push(self.heir(instance, id).unwrap_or_else(|| {
                Diagnostic::error(format!("there is a {} named `{id}` already, and it is not this stack's", instance.type_name))
                    .at(&instance.place, "would get that name")
                    .help(format!("to take it over, write `adopt: {id}` beside its type; otherwise choose another name"))
            }));
        }
        let pending = self.input.state.pending.values().any(|it| it.address == instance.address);
        let changes = self.all_of(instance, &desired);
        Decision::makes(Action::Create, pending.then_some(Reason::Unfinished), changes, desired)
    }

    /// The name is free once the one that had it has gone: as after a change of its address that nobody told of.
    fn heir(&self, instance: &Instance, id: &Id) -> Option<Diagnostic> {
        let had = |type_name: &str, location: &Location, of: &Id| {
            type_name == instance.type_name && of == id && self.is_one_place(location, &instance.options.location)
        };
        let deposed = self.input.state.deposed.iter().find(|it| had(&it.record.type_name, &it.record.location, &it.record.id));
        let current = self.input.graph.nodes.iter().enumerate().find(|(index, node)| {
            let goes = self.included[*index] && node.wanted.is_none_or(|it| self.is_renamed(it, instance.type_name, id));
            goes && node.recorded.is_some_and(|it| had(&it.type_name, &it.location, &it.id) && !it.options.retain)
        });
        let to = &instance.address;
        let Some(from) = current.map(|(_, it)| &it.address).or(deposed.map(|it| &it.address)) else {
            let mut stays = self.input.state.resources.iter();
            let (has, _) = stays.find(|(_, it)| had(&it.type_name, &it.location, &it.id))?;
            let in_file = self.input.stack.resources.contains_key(has);
            let help = if in_file { "choose another name".into() } else { format!("if it is the same, write `moved: {{ {has}: {to} }}`") };
            return Some(
                Diagnostic::error(format!("`{to}` would get the name of `{has}`, which stays"))
                    .at(&instance.place, format!("`{id}` cannot be the name of two"))
                    .help(help),
            );
        };
        let warning = Diagnostic::warning(format!("`{to}` gets the name of `{from}`, which is deleted before"))
            .at(&instance.place, format!("`{id}` is made anew"));
        Some(match current {
            Some((_, node)) if node.wanted.is_none() => {
                warning.help(format!("if it is the same, write `moved: {{ {from}: {to} }}`: then it is only recorded under the other name"))
            }
            _ => warning.help(format!("what `{from}` was is not kept")),
        })
    }

    /// Whether the file wants something else at an address than what has this name.
    fn is_renamed(&self, instance: &Instance, type_name: &str, id: &Id) -> bool {
        let catalog = self.input.catalog;
        let describe = catalog.resource(instance.type_name).zip(catalog.schema(instance.type_name));
        let written = instance.evaluate(&Nothing).0;
        let located = describe.zip(written.as_map()).and_then(|((describe, schema), it)| locate(describe, schema, it));
        instance.type_name != type_name || located.is_some_and(|it| it != *id)
    }

    fn existing(&self, index: Index, instance: &Instance, record: &Record, diagnostics: &mut Vec<Diagnostic>) -> Decision {
        let moved = if record.type_name != instance.type_name {
            Some(Reason::TypeChanged { from: record.type_name.clone() })
        } else if !self.is_one_place(&record.location, &instance.options.location) {
            Some(Reason::Relocated)
        } else {
            None
        };
        if let Some(reason) = moved {
            self.desire(instance, &Name::After(Some(&record.id)), diagnostics);
            return self.replace(index, instance, record, reason, vec![], diagnostics);
        }
        let seen = self.observed.seen.get(&instance.address);
        let desired = self.desire(instance, &Name::Kept(record), diagnostics);
        let live = match seen {
            Some(Seen { live: None, .. }) => {
                let desired = self.desire(instance, &Name::After(None), &mut vec![]);
                let changes = self.all_of(instance, &desired);
                return Decision { gone: true, ..Decision::makes(Action::Create, Some(Reason::Gone), changes, desired) };
            }
            Some(Seen { live: Some(live), .. }) => live.clone(),
            None => {
                // Of a half-made one not all outputs need be there yet.
                let status = if record.complete { Status::Ready } else { Status::Pending("unfinished".into()) };
                AnyLive { spec: record.applied.clone(), outputs: record.outputs.clone(), status }
            }
        };
        let mut broken = None;
        match &live.status {
            Status::Failed(status) if self.input.catalog.resource(instance.type_name).is_some_and(|it| it.facts().mends) => {
                broken = Some(Reason::Failed { status: status.clone() });
            }
            Status::Failed(status) => {
                let reason = Reason::Failed { status: status.clone() };
                return self.replace(index, instance, record, reason, vec![], diagnostics);
            }
            Status::Deleting(_) => return self.replace(index, instance, record, Reason::Gone, vec![], diagnostics),
            Status::Ready | Status::Pending(_) | Status::UpdateFailed(_) => {}
        }
        let read = seen.map_or_else(|| self.all_properties(instance), |it| it.read.clone());
        let difference = self.compare(instance, &desired, (&live, &read), Some(record));
        let reason = self.must_replace(instance, &desired, &live, &difference.changes);
        if let Some(reason) = reason.or_else(|| self.left_behind(index)) {
            return self.replace(index, instance, record, reason, difference.changes, diagnostics);
        }
        let unfinished = broken.is_some() || (!record.complete && live.status != Status::Ready);
        let changes = !difference.changes.is_empty();
        let mut decision = Decision {
            action: (changes || unfinished).then_some(Action::Update),
            reason: broken.or_else(|| (!record.complete).then_some(Reason::Unfinished).filter(|_| changes || unfinished)),
            changes: difference.changes,
            kept: difference.kept,
            ..Decision::stays(desired)
        };
        decision.fate = Fate::Stays { updating: decision.action.is_some() };
        decision.quiet = decision.action.is_none() && self.record_differs(index, instance, record, &decision.desired, &live);
        decision.live = Some(live);
        decision.read = read;
        decision
    }

    /// Whether both are the same region of the same account, however they are written and reached.
    pub(super) fn is_one_place(&self, one: &Location, other: &Location) -> bool {
        let Input { stack, state, .. } = self.input;
        let region = |it: &Location| it.region.clone().or_else(|| stack.region.clone());
        let account = |it: &Location| match &it.role {
            Some(role) => role.split(':').nth(4).map(str::to_owned),
            None => state.account.clone().or_else(|| stack.account.clone()),
        };
        one == other || (region(one) == region(other) && account(one) == account(other))
    }

    fn must_replace(&self, instance: &Instance, desired: &Properties, live: &AnyLive, changes: &[Change]) -> Option<Reason> {
        if self.input.request.replace.iter().any(|it| instance.address.is_within(it)) {
            return Some(Reason::Asked);
        }
        let mut immutable: Vec<String> = changes.iter().filter(|it| it.replaces).map(|it| it.path.to_string()).collect();
        if !immutable.is_empty() {
            immutable.dedup();
            return Some(Reason::Immutable { properties: immutable });
        }
        if changes.is_empty() {
            return None;
        }
        let describe = self.input.catalog.resource(instance.type_name)?;
        let mut to = Value::Map(desired.clone()).reveal().ok()?;
        // What cannot be read is as it is wanted, as far as this question goes.
        let mut from = live.spec.clone();
        if let (Json::Object(from), Json::Object(to)) = (&mut from, &to) {
            for (key, value) in to {
                from.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        diff::keep_ignored(&instance.options.ignore_changes, &from, &mut to);
        let text = describe.replaces(&from, &to).ok().flatten()?;
        Some(Reason::Type { text: text.to_owned() })
    }

    /// Why it cannot stay although nothing of its own forbids it: what it never leaves is made anew.
    fn left_behind(&self, index: Index) -> Option<Reason> {
        let made_anew = |it: &Index| {
            let decision = self.decisions[*it].as_ref();
            self.input.graph.nodes[*it].recorded.is_some() && decision.is_some_and(|it| it.fate == Fate::Made)
        };
        let nodes = &self.input.graph.nodes;
        let home = nodes[index].within.iter().find(|it| made_anew(it))?;
        let address = &nodes[*home].address;
        Some(Reason::Type { text: format!("it belongs to `{address}`, which is made anew") })
    }

    fn replace(
        &self,
        index: Index,
        instance: &Instance,
        record: &Record,
        reason: Reason,
        changes: Vec<Change>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Decision {
        diagnostics.extend(self.refusal(index, instance, &reason));
        let desired = self.desire(instance, &Name::After(Some(&record.id)), &mut vec![]);
        let first = self.creates_first(instance, record, &desired, diagnostics);
        let action = if first { Action::CreateThenDelete } else { Action::Replace };
        let seen = self.observed.seen.get(&instance.address);
        let live = seen.and_then(|it| it.live.clone());
        Decision { live, ..Decision::makes(action, Some(reason), changes, desired) }
    }

    pub(super) fn compare(
        &self,
        instance: &Instance,
        desired: &Properties,
        (live, read): (&AnyLive, &BTreeSet<String>),
        record: Option<&Record>,
    ) -> diff::Difference {
        let Some(schema) = self.input.catalog.schema(instance.type_name) else { return diff::Difference::default() };
        let describe = self.input.catalog.resource(instance.type_name);
        let nothing = BTreeMap::new();
        let sides = Sides {
            want: desired,
            have: &Value::from(live.spec.clone()),
            was: &record.map_or_else(Value::map, |it| Value::from(it.applied.clone())),
            complete: record.is_none_or(|it| it.complete),
            read: &|it| read.contains(it),
            ignore: &instance.options.ignore_changes,
            grown: &|property, there| describe.is_some_and(|it| it.grown(property, desired, there)),
            shown: record.map_or(&nothing, |it| &it.shown),
            hash: &|it| self.input.state.hash(it),
        };
        diff::diff(schema, &sides)
    }

    fn all_properties(&self, instance: &Instance) -> BTreeSet<String> {
        self.input.catalog.schema(instance.type_name).map(|it| it.properties.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether what would be recorded now is not what is recorded.
    fn record_differs(&self, index: Index, instance: &Instance, record: &Record, desired: &Properties, live: &AnyLive) -> bool {
        let Some(schema) = self.input.catalog.schema(instance.type_name) else { return false };
        let hash = |it: &str| self.input.state.hash(it);
        let applied = normal::recorded(schema, desired, &hash);
        let shown = normal::shown(schema, desired, &live.spec, &hash);
        !record.complete
            || shown.keys().any(|it| !record.shown.contains_key(it))
            || record.location != instance.options.location
            || !same(&applied, &record.applied)
            || !same(&live.outputs, &record.outputs)
            || self.input.graph.dependencies(index) != record.dependencies
            || schedule::recorded_options(self.input, index) != record.options
    }

    /// What a new one gets, as changes from nothing; without the engine's tags, which every one gets.
    fn all_of(&self, instance: &Instance, desired: &Properties) -> Vec<Change> {
        let schema = self.input.catalog.schema(instance.type_name);
        let mut changes = vec![];
        for (name, value) in desired {
            let tags = schema.is_some_and(|it| it.tags() == Some(name.as_str()));
            let value = match value {
                Value::Map(map) if tags => Value::Map(
                    map.iter().filter(|(key, _)| !key.starts_with("infra:")).map(|(key, it)| (key.clone(), it.clone())).collect(),
                ),
                other => other.clone(),
            };
            let empty = matches!(&value, Value::Map(map) if map.is_empty()) || matches!(&value, Value::List(list) if list.is_empty());
            if !empty {
                let after = if schema.is_some_and(|it| it.properties[name].schema.marks.secret) {
                    diff::concealed(&value)
                } else {
                    diff::shown(&value)
                };
                changes.push(Change { path: Path::of(name), before: Shown::Absent, after, cause: Cause::File, replaces: false });
            }
        }
        changes
    }

    /// Decides on what is recorded and not wanted.
    fn removals(&mut self) {
        for index in 0..self.decisions.len() {
            let node = &self.input.graph.nodes[index];
            let Some(record) = node.recorded.filter(|_| node.wanted.is_none() || self.input.request.destroy) else { continue };
            let reason = if self.input.request.destroy { Reason::Destroyed } else { Reason::Removed };
            let decision = if !self.included[index] {
                self.left_out(Some(record))
            } else if self.is_retained(index) {
                Decision::removes(Some(Action::Forget), reason)
            } else {
                let gone = matches!(self.observed.seen.get(&node.address), Some(Seen { live: None, .. }));
                let decision = Decision::removes(Some(Action::Delete), if gone { Reason::Gone } else { reason });
                Decision { gone, ..decision }
            };
            self.decisions[index] = Some(decision);
        }
    }
}

/// Equal but for what is `null` and the order of keys.
fn same(one: &Json, other: &Json) -> bool {
    let plain = |it: &Json| {
        let mut it = it.clone();
        crate::resource::prune(&mut it);
        Value::from(it)
    };
    plain(one) == plain(other)
}
