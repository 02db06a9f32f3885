//! What only one can have at a time, and who hands it on: a name, or a place among others.

use std::{collections::HashMap, str::FromStr as _};

use ipnet::IpNet;
use serde_json::Value as Json;

use super::{
    Action,
    decide::{Decision, Input},
    desire::{self, Properties},
    schedule::{self, Work},
};
use crate::{address::Address, graph::Index, resource::Location, value::Value};

/// One thing that can be had once, in one place, by one type.
#[derive(Eq, Hash, PartialEq)]
enum Claim {
    Id(String),
    /// The properties that two must differ in, without blocks of addresses.
    Apart(Vec<String>),
}

/// A claim, with the blocks of addresses that belong to it.
type Full = (Claim, Vec<IpNet>);
/// By type, place and claim who has it, with its blocks.
type Had<'a> = HashMap<(&'a str, &'a Location, Claim), Vec<(Work, &'a Address, Vec<IpNet>)>>;

/// One that is made and gets what another one has, which goes.
pub(super) struct Handed {
    pub(super) to: Index,
    /// The work by which the other one goes: of what is recorded at an address, or of what was deposed from one.
    pub(super) from: Work,
    /// Whether it is the name, so that there cannot be both for a moment.
    pub(super) name: bool,
}

/// Which resources that are made get what those that go have.
///
/// Only of what is known now: something that is made for one that is made in the same run has a place of its own.
pub(super) fn handed_on(input: Input<'_>, decisions: &[Option<Decision>]) -> Vec<Handed> {
    let nodes = &input.graph.nodes;
    let action = |index: Index| decisions[index].as_ref().and_then(|it| it.action);
    let goes = |it: Index| matches!(action(it), Some(Action::Delete | Action::Replace | Action::CreateThenDelete));
    let current = nodes.iter().enumerate().filter(|(index, _)| goes(*index));
    let current = current.filter_map(|(index, node)| Some((Work::Remove(index), &node.address, node.recorded?)));
    let deposed = input.state.deposed.iter().enumerate().filter(|(_, it)| !schedule::is_left_out(input, decisions, it));
    let deposed = deposed.map(|(number, it)| (Work::Clear(number), &it.address, &it.record));
    let mut had = Had::new();
    for (work, address, record) in current.chain(deposed) {
        let applied = Value::from(record.applied.clone());
        let Some(applied) = applied.as_map() else { continue };
        for (claim, blocks) in claims(input, &record.type_name, Some(record.id.0.clone()), applied) {
            had.entry((&record.type_name, &record.location, claim)).or_default().push((work, address, blocks));
        }
    }
    let mut found = vec![];
    if had.is_empty() {
        return found;
    }
    for (index, node) in nodes.iter().enumerate() {
        let Some(instance) = node.wanted else { continue };
        let makes = matches!(action(index), Some(Action::Create | Action::Replace | Action::CreateThenDelete));
        let Some(decision) = decisions[index].as_ref().filter(|_| makes) else { continue };
        let describe = input.catalog.resource(instance.type_name).zip(input.catalog.schema(instance.type_name));
        let id = describe.and_then(|(describe, schema)| desire::locate(describe, schema, &decision.desired)).map(|it| it.0);
        for (claim, blocks) in claims(input, instance.type_name, id, &decision.desired) {
            let name = matches!(claim, Claim::Id(_));
            for (from, other, theirs) in had.get(&(instance.type_name, &instance.options.location, claim)).into_iter().flatten() {
                let meet = blocks.len() == theirs.len() && blocks.iter().zip(theirs).all(|(one, other)| overlap(one, other));
                if meet && **other != node.address {
                    found.push(Handed { to: index, from: *from, name });
                }
            }
        }
    }
    found
}

/// What something claims: nothing of which a part is not known.
fn claims(input: Input<'_>, type_name: &str, id: Option<String>, properties: &Properties) -> Vec<Full> {
    let (Some(describe), Some(schema)) = (input.catalog.resource(type_name), input.catalog.schema(type_name)) else { return vec![] };
    let by_id = id.filter(|_| schema.unique().is_some()).map(|it| (Claim::Id(it), vec![]));
    let apart = Some(describe.facts().apart).filter(|it| !it.is_empty()).and_then(|it| apart(it, properties));
    by_id.into_iter().chain(apart).collect()
}

fn apart(names: &[&str], properties: &Properties) -> Option<Full> {
    let (mut texts, mut blocks) = (vec![], vec![]);
    for name in names {
        match properties.get(*name) {
            Some(value) => match block(value) {
                Some(block) => blocks.push(block),
                None => texts.push(text(value)?),
            },
            None => texts.push(String::new()),
        }
    }
    Some((Claim::Apart(texts), blocks))
}

/// A value in a form in which equal ones are equal; nothing where it is not known or not to be looked at.
fn text(value: &Value) -> Option<String> {
    if value.has_secret() { None } else { value.reveal().ok().as_ref().map(Json::to_string) }
}

fn block(value: &Value) -> Option<IpNet> {
    value.as_text().filter(|it| it.contains('/')).and_then(|it| IpNet::from_str(it).ok())
}

/// Whether two blocks of addresses have some in common.
fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one)
}

/// The same of values, of which each may be something else.
pub(super) fn values_overlap(one: &Value, other: &Value) -> bool {
    block(one).zip(block(other)).is_some_and(|(one, other)| overlap(&one, &other))
}
