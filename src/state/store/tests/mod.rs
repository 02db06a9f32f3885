//! Files, and what is left of them.

mod damage;
mod faults;
mod refusals;
mod runs;

use std::collections::BTreeSet;

use futures::executor::block_on;
use tempfile::TempDir;

use super::super::{Entry, Journal as _, testing::*};
use super::*;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn store(folder: &TempDir) -> Store {
    Store::open(folder.path().join("state"), "dev", "chat").expect("good names")
}

fn lock(store: &Store) -> Lock {
    store.lock(&Holder::here("infra apply")).expect("free")
}

fn entries() -> Vec<Entry> {
    vec![creating("op", "a"), created("op", "vpc-1"), recorded("a", "vpc-1"), creating("op2", "b")]
}

fn folded(start: &State, entries: &[Entry]) -> State {
    let mut state = start.clone();
    for entry in entries {
        state.fold(entry).expect("it fits");
    }
    state
}

/// A run that is killed after so many entries.
fn interrupted(store: &Store, start: &State, entries: &[Entry]) {
    let lock = lock(store);
    let journal = lock.begin(start).expect("begun");
    for entry in entries {
        block_on(journal.append(entry)).expect("written");
    }
}

/// A run that comes to its end.
fn applied(store: &Store, start: &State, entries: &[Entry]) -> State {
    interrupted(store, start, entries);
    lock(store).settle().expect("settled").state.expect("a state")
}

fn load(store: &Store) -> State {
    let loaded = store.load().expect("it can be read");
    assert_eq!(loaded.warnings, []);
    loaded.state.expect("a state")
}

fn files(store: &Store) -> BTreeSet<String> {
    let names = std::fs::read_dir(&store.folder).expect("a folder").map(|it| it.expect("a file").file_name());
    names.map(|it| it.into_string().expect("plain names")).filter(|it| it != "chat.lock").collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

/// Changes one byte in the middle.
fn damage(path: &Path) {
    let mut text = std::fs::read(path).expect("a file");
    let middle = text.len() / 2;
    text[middle] ^= 1;
    std::fs::write(path, text).expect("written");
}
