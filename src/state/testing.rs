//! What tests build states from.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::{Dependency, Entry, Pending, Record, RecordedOptions, State};
use crate::{
    address::Address,
    resource::{Id, Location},
};

pub(super) fn time() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("a time in range")
}

pub(super) fn state() -> State {
    State { uuid: "5e1f".to_owned(), hash_key: "00".repeat(32), ..State::new("chat", "dev") }
}

pub(crate) fn record(id: &str) -> Record {
    Record {
        type_name: "ec2.vpc".to_owned(),
        id: id.into(),
        location: Location::default(),
        applied: json!({ "z": [1, 0.5], "a": { "b": null } }),
        shown: [].into(),
        outputs: json!({}),
        dependencies: [].into(),
        options: RecordedOptions::default(),
        complete: true,
        deleting: None,
        created: time(),
        updated: time(),
    }
}

pub(super) fn depending(id: &str, on: &str, late: bool) -> Record {
    Record { dependencies: [Dependency { address: on.into(), late }].into(), ..record(id) }
}

pub(super) fn pending(address: &str) -> Pending {
    let Record { type_name, location, applied, dependencies, options, .. } = record("");
    Pending { address: address.into(), type_name, location, name: None, free: true, applied, dependencies, options, begun: time() }
}

pub(super) fn creating(operation: &str, address: &str) -> Entry {
    Entry::Creating { operation: operation.to_owned(), pending: pending(address) }
}

pub(super) fn created(operation: &str, id: &str) -> Entry {
    Entry::Created { operation: operation.to_owned(), id: id.into(), at: time() }
}

pub(super) fn recorded(address: &str, id: &str) -> Entry {
    Entry::Recorded { address: address.into(), record: record(id) }
}

pub(super) fn deleting(address: &str, id: &str) -> Entry {
    Entry::Deleting { address: address.into(), id: id.into(), at: time() }
}

pub(super) fn deleted(address: &str, id: &str) -> Entry {
    Entry::Deleted { address: address.into(), id: id.into() }
}

pub(super) fn moved(from: &str, to: &str) -> Entry {
    Entry::Moved { from: from.into(), to: to.into() }
}

/// A state in short: `a=vpc-1 b=vpc-2* | old a=vpc-0 | op:c`; a star marks what is not complete.
pub(super) fn shown(state: &State) -> String {
    let show = |(address, record): (&Address, &Record)| format!("{address}={}{}", record.id, if record.complete { "" } else { "*" });
    let current: Vec<_> = state.resources.iter().map(show).collect();
    let deposed: Vec<_> = state.deposed.iter().map(|it| show((&it.address, &it.record))).collect();
    let pending: Vec<_> = state.pending.iter().map(|(operation, it)| format!("{operation}:{}", it.address)).collect();
    format!("{} | {} | {}", current.join(" "), deposed.join(" "), pending.join(" "))
}

/// Entries that fit one after the other, as an engine could write them: each number decides one.
pub(super) fn valid_entries(start: &State, choices: &[u32]) -> Vec<Entry> {
    let mut state = start.clone();
    let mut entries = vec![];
    for (n, choice) in choices.iter().enumerate() {
        let entry = valid_entry(&state, n, *choice);
        state.fold(&entry).expect("a valid entry");
        entries.push(entry);
    }
    entries
}

fn valid_entry(state: &State, n: usize, choice: u32) -> Entry {
    let names = ["a", "b", "c", "d/1", "d/2"];
    let pick = |count: usize| usize::try_from(choice / 16).expect("32 bits fit") % count.max(1);
    let address = Address::from(names[pick(names.len())]);
    let here = state.resources.get(&address);
    let busy = state.pending.values().any(|it| it.address == address);
    match (choice % 16, here) {
        (0..=2, _) if !busy => creating(&format!("op{n}"), address.as_str()),
        (3..=5, _) if !state.pending.is_empty() => {
            let operation = state.pending.keys().nth(pick(state.pending.len())).expect("one of them");
            created(operation, &format!("vpc-{n}"))
        }
        (6, _) if !state.pending.is_empty() => {
            Entry::NotCreated { operation: state.pending.keys().nth(pick(state.pending.len())).expect("one of them").clone() }
        }
        (7, Some(_)) => Entry::Updating { address },
        (8, Some(known)) => {
            let other = Address::from(names[n % names.len()]);
            let late = other >= address;
            Entry::Recorded { address, record: depending(known.id.as_str(), other.as_str(), late) }
        }
        (9, Some(_)) => Entry::Deposed { address },
        (10, Some(known)) => deleting(address.as_str(), known.id.as_str()),
        (11, Some(known)) => deleted(address.as_str(), known.id.as_str()),
        (12, _) if !state.deposed.is_empty() => {
            let it = &state.deposed[pick(state.deposed.len())];
            deleted(it.address.as_str(), it.record.id.as_str())
        }
        (13, Some(_)) => Entry::Forgotten { address },
        (14, Some(_)) => match names.iter().find(|it| free(state, it)) {
            Some(to) => Entry::Moved { from: address, to: (*to).into() },
            None => Entry::Forgotten { address },
        },
        _ => Entry::Outputs { outputs: BTreeMap::from([(format!("out{n}"), json!({ "n": n, "half": 0.5 }))]) },
    }
}

fn free(state: &State, address: &str) -> bool {
    let address = Address::from(address);
    !state.resources.contains_key(&address) && !state.pending.values().any(|it| it.address == address)
}

pub(super) fn id(text: &str) -> Id {
    text.into()
}
