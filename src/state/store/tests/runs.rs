//! Runs that come to their end or are interrupted, and what the next one finds.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

#[test]
fn nothing_is_there_at_first() {
    let folder = folder();
    let loaded = store(&folder).load().expect("nothing to go wrong");
    assert_eq!((loaded.state, loaded.warnings, loaded.folded), (None, vec![], 0));
    assert!(!folder.path().join("state").exists(), "reading makes nothing");
}

#[test]
fn a_run_from_beginning_to_end() {
    let folder = folder();
    let store = store(&folder);
    let lock = lock(&store);
    let mut state = state();
    let journal = lock.begin(&state).expect("begun");
    for entry in &entries() {
        block_on(journal.append(entry)).expect("written");
        state.fold(entry).expect("it fits");
    }
    assert_eq!(load(&store), state, "anybody can see how far it is");
    lock.save(&state).expect("saved");
    assert_eq!(load(&store), state);
    assert_eq!(files(&store), names(&["chat.json", "chat.json.previous", "chat.journal.previous"]));
    let error = block_on(journal.append(&deleting("a", "vpc-1"))).expect_err("it is over");
    assert_eq!(error.to_string(), "the journal was closed when the state was written");
}

#[test]
fn an_interrupted_run_is_found() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    for n in 0..=entries().len() {
        interrupted(&store, &start, &entries()[..n]);
        let loaded = store.load().expect("it can be read");
        assert_eq!((loaded.state, loaded.folded), (Some(folded(&start, &entries()[..n])), n));
        std::fs::remove_dir_all(&store.folder).expect("removed");
    }
}

#[test]
fn a_lock_that_is_given_back_ends_its_journal() {
    let folder = folder();
    let store = store(&folder);
    let lock = lock(&store);
    let journal = lock.begin(&state()).expect("begun");
    drop(lock);
    block_on(journal.append(&creating("op", "a"))).expect_err("somebody else may write now");
}

#[test]
fn settling_folds_the_journal_once() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &entries());
    let expected = folded(&start, &entries());
    for folded in [entries().len(), 0] {
        let loaded = lock(&store).settle().expect("settled");
        assert_eq!((loaded.state.as_ref(), loaded.folded), (Some(&expected), folded));
    }
    assert_eq!(files(&store), names(&["chat.json", "chat.json.previous", "chat.journal.previous"]));
}

#[test]
fn a_run_begins_with_what_the_interrupted_one_left() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &entries());
    let middle = lock(&store).load().expect("it can be read").state.expect("a state");
    let more = [created("op2", "vpc-2"), deleted("a", "vpc-1")];
    interrupted(&store, &middle, &more);
    assert_eq!(load(&store), folded(&middle, &more));
}

/// Killed after the state was written, which has some or all of the entries, and before the journal was put away.
#[test]
fn entries_that_the_state_has_are_not_folded_again() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    for n in 0..=entries().len() {
        interrupted(&store, &start, &entries());
        std::fs::write(store.state_path(), format::encode(&folded(&start, &entries()[..n]))).expect("written");
        let loaded = store.load().expect("it can be read");
        assert_eq!((loaded.state, loaded.folded), (Some(folded(&start, &entries())), entries().len() - n));
        std::fs::remove_dir_all(&store.folder).expect("removed");
    }
}

#[test]
fn only_the_owner_can_read_anything() {
    let folder = folder();
    let store = store(&folder);
    applied(&store, &state(), &entries());
    interrupted(&store, &load(&store), &[]);
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(files(&store).len(), 4);
    for name in files(&store) {
        assert_eq!(mode(&store.folder.join(&name)), 0o600, "{name}");
    }
    assert_eq!((mode(&store.folder), mode(&folder.path().join("state"))), (0o700, 0o700));
}

#[test]
fn the_previous_version_is_kept() {
    let folder = folder();
    let store = store(&folder);
    let first = applied(&store, &state(), &entries()[..2]);
    let second = applied(&store, &first, &entries()[2..]);
    let previous = std::fs::read(store.previous_path()).expect("a file");
    assert_eq!(format::decode(&previous).expect("whole").state, first);
    // Saving the same again does not push it out.
    lock(&store).save(&second).expect("saved");
    assert_eq!(std::fs::read(store.previous_path()).expect("a file"), previous);
}

#[test]
fn a_discarded_state_makes_room_for_another() {
    let folder = folder();
    let store = store(&folder);
    let old = applied(&store, &state(), &entries());
    interrupted(&store, &old, &[created("op2", "vpc-2")]);
    let lock = lock(&store);
    lock.discard().expect("put away");
    assert_eq!(store.load().expect("nothing is there").state, None);
    assert_eq!(files(&store), names(&["chat.json.void", "chat.journal.void"]));
    let new = State { uuid: "new".to_owned(), ..state() };
    lock.save(&new).expect("saved");
    assert_eq!(load(&store), new);
}
