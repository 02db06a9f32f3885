//! Whether file, state and cloud agree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use super::{
    cloud::{Sim, Thing, tag},
    model::{Model, Piece},
    types::{KEY, TYPES, key_of},
};
use crate::{
    address::Address,
    resource::{TAG_ADDRESS, TAG_STATE},
    state::State,
};

/// All that does not agree after a run that was done; `model` is none after a destroy.
pub(super) fn agree(model: Option<&Model>, state: &State, sim: &Sim) -> Vec<String> {
    let mut findings = sim.findings();
    findings.extend(state.verify().into_iter().map(|it| format!("the state makes no sense: {it}")));
    findings.extend(state.unsettled().into_iter().map(|it| format!("the run left something: {it}")));
    if serde_json::to_string(&state.resources).is_ok_and(|it| it.contains(KEY)) {
        findings.push("the state has a secret".to_owned());
    }
    let things = sim.inventory();
    let by_id: BTreeMap<_, _> = things.iter().map(|it| ((it.type_name, it.id.as_str()), it)).collect();
    let mut recorded = BTreeSet::new();
    for (address, record) in &state.resources {
        match by_id.get_key_value(&(record.type_name.as_str(), record.id.as_str())) {
            Some((key, thing)) if !thing.gone() => drop(recorded.insert(*key)),
            _ => findings.push(format!("`{address}` is recorded as {} `{}`, which the cloud does not have", record.type_name, record.id)),
        }
    }
    for (key, thing) in &by_id {
        if !recorded.contains(key) && !thing.gone() {
            findings.push(format!("the cloud has the {} `{}` ({:?}), which is not recorded", thing.type_name, thing.id, thing.spec));
        }
    }
    let Some(model) = model else {
        findings.extend(state.resources.keys().map(|it| format!("`{it}` is left after the destroy")));
        findings.extend(state.outputs.keys().map(|it| format!("the output {it} is left after the destroy")));
        return findings;
    };
    let wanted: BTreeSet<_> = model.instances().map(|(address, ..)| address).collect();
    findings.extend(state.resources.keys().filter(|it| !wanted.contains(it.as_str())).map(|it| format!("`{it}` is not in the file")));
    let thing_at = |address: &str| -> Option<&Thing> {
        let record = state.resources.get(&Address::from(address))?;
        by_id.get(&(record.type_name.as_str(), record.id.as_str())).copied()
    };
    for (address, item, key) in model.instances() {
        let Some(thing) = thing_at(&address) else {
            findings.push(format!("`{address}` was not made"));
            continue;
        };
        if thing.doomed {
            findings.push(format!("`{address}` is one that failed"));
        }
        let wanted = model.properties(item, key);
        let ignored = item.ignored.then(|| item.ignorable());
        for (property, piece) in wanted.iter().filter(|(property, _)| Some(*property) != ignored) {
            let expected = expected(piece, &thing_at);
            let found = thing.spec.get(*property);
            if expected.as_ref() != found {
                findings.push(format!("`{address}`: {property} should be {expected:?} and is {found:?}"));
            }
        }
        if thing.spec.contains_key("note") && !wanted.iter().any(|(property, _)| *property == "note") {
            findings.push(format!("`{address}`: the note was removed and is there"));
        }
        if TYPES.catalog.schema(thing.type_name).is_some_and(|it| it.tags().is_some()) {
            let tags = [(TAG_STATE, state.uuid.as_str()), (TAG_ADDRESS, address.as_str()), ("Environment", "default")];
            let owner = item.owner().filter(|_| !item.ignored);
            let owner = owner.as_deref().map(|it| ("Owner", it));
            for (key, value) in tags.into_iter().chain(owner).filter(|(key, value)| tag(&thing.spec, key) != Some(value)) {
                findings.push(format!("`{address}`: the tag {key} should be {value:?} and is {:?}", tag(&thing.spec, key)));
            }
        }
    }
    for (name, piece) in model.outputs() {
        let expected = expected(&piece, &thing_at);
        let found = state.outputs.get(&name);
        let same = found.map(text) == expected.as_ref().map(text);
        if !same {
            findings.push(format!("the output {name} should be {expected:?} and is {found:?}"));
        }
    }
    if state.outputs.len() != model.outputs().len() {
        findings.push(format!("the outputs are {:?}", state.outputs.keys().collect::<Vec<_>>()));
    }
    findings
}

/// Numbers may stand as such or as text.
fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| json.to_string(), str::to_owned)
}

/// What the cloud must hold for a piece of the file.
fn expected<'a>(piece: &Piece, thing_at: &impl Fn(&str) -> Option<&'a Thing>) -> Option<Json> {
    Some(match piece {
        Piece::Text(it) => json!(it),
        Piece::Bool(it) => json!(it),
        Piece::Int(it) => json!(it),
        Piece::Output { of, output, .. } => {
            let thing = thing_at(of)?;
            match *output {
                "arn" => json!(format!("arn:sim:name/{}", thing.id)),
                "key" => json!(key_of(&thing.id)),
                "version" => json!(thing.version.to_string()),
                "address" => json!(format!("address of {}", thing.id)),
                _ => json!(thing.id),
            }
        }
        Piece::Rules(rules) => rules.iter().map(|(port, source)| json!({ "port": port, "source": expected(source, thing_at) })).collect(),
    })
}
