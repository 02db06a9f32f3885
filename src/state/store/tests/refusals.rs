//! What is refused because it would lose or mix up something, and what stands in the way.

use super::*;
use crate::state::{hash, lines};

#[test]
fn names_that_are_no_file_names() {
    for name in ["", "a/b", "..", ".", "a.json", "a b", "\u{e9}"] {
        assert!(matches!(Store::open("state", name, "chat"), Err(StoreError::Name { what: "environment", .. })), "{name}");
        assert!(matches!(Store::open("state", "dev", name), Err(StoreError::Name { what: "stack", .. })), "{name}");
    }
    Store::open("state", "dev-1", "hr-chatbot_2").expect("good names");
}

#[test]
fn a_journal_of_another_state_stops_everything() {
    let check = |change: &dyn Fn(&Store), expected: &str| {
        let folder = folder();
        let store = store(&folder);
        let first = applied(&store, &state(), &entries()[..2]);
        interrupted(&store, &first, &entries()[2..]);
        change(&store);
        let error = store.load().expect_err("it does not belong to it");
        assert!(matches!(&error, StoreError::JournalMismatch { problem, .. } if problem == expected), "{error}");
    };
    let put = |store: &Store, state: &State| std::fs::write(store.state_path(), format::encode(state)).expect("written");
    check(&|it| put(it, &State { uuid: "other".to_owned(), ..state() }), "it was begun with another state");
    check(&|it| put(it, &state()), "it was begun with serial 2, and the state is at 0");
    check(
        &|it| {
            std::fs::remove_file(it.state_path()).expect("removed");
            std::fs::remove_file(it.previous_path()).expect("removed");
        },
        "there is no state",
    );
}

#[test]
fn a_newer_state_is_read_and_not_written() {
    let folder = folder();
    let store = store(&folder);
    let state = applied(&store, &state(), &entries());
    let newer = format::encode(&state).replacen("\"format_version\": 1", "\"format_version\": 2", 1);
    std::fs::write(store.state_path(), &newer).expect("written");
    let loaded = store.load().expect("it can be read");
    assert_eq!(loaded.state.as_ref(), Some(&state));
    assert_eq!(loaded.warnings, [Warning::Newer { path: store.state_path(), version: 2 }]);
    let lock = lock(&store);
    for error in [lock.save(&state).expect_err("newer"), lock.begin(&state).expect_err("newer"), lock.settle().expect_err("newer")] {
        assert!(matches!(error, StoreError::Newer { version: 2, .. }), "{error}");
    }
    assert_eq!(std::fs::read_to_string(store.state_path()).expect("a file"), newer);
    assert!(!store.journal_path().exists());
}

#[test]
fn a_newer_journal_is_left_alone() {
    let folder = folder();
    let store = store(&folder);
    interrupted(&store, &state(), &entries());
    let text = std::fs::read_to_string(store.journal_path()).expect("a file");
    let (_, rest) = text.split_once('\n').expect("several lines");
    let header = lines::header("5e1f", 0).replace("\"journal\":1", "\"journal\":2");
    let sum = hash::sha256(&header.as_bytes()[18..header.len() - 1]);
    let header = format!("{}{}{}", &header[..8], &sum[..8], &header[16..]);
    std::fs::write(store.journal_path(), format!("{header}{rest}")).expect("written");
    let loaded = store.load().expect("all of it is understood");
    assert_eq!(loaded.warnings, [Warning::Newer { path: store.journal_path(), version: 2 }]);
    let error = lock(&store).save(loaded.state.as_ref().expect("a state")).expect_err("newer");
    assert!(matches!(error, StoreError::Newer { version: 2, .. }), "{error}");
    // What is not understood is no damage here.
    std::fs::write(store.journal_path(), format!("{header}invented later\n")).expect("written");
    assert!(matches!(lock(&store).load(), Err(StoreError::Newer { version: 2, .. })));
}

#[test]
fn what_would_lose_something_is_not_written() {
    let folder = folder();
    let store = store(&folder);
    let old = state();
    let state = applied(&store, &old, &entries());
    let lock = lock(&store);
    let before = std::fs::read(store.state_path()).expect("a file");
    let error = lock.save(&old).expect_err("it is older");
    assert!(matches!(error, StoreError::Stale { serial: 4, writing: 0, .. }), "{error}");
    let other = State { uuid: "other".to_owned(), ..state.clone() };
    assert!(matches!(lock.save(&other), Err(StoreError::OtherState { .. })));
    let foreign = State { stack: "other".to_owned(), ..state.clone() };
    assert!(matches!(lock.save(&foreign), Err(StoreError::Foreign { .. })));
    let journal = lock.begin(&state).expect("begun");
    block_on(journal.append(&created("op2", "vpc-2"))).expect("written");
    assert!(matches!(lock.save(&state), Err(StoreError::Stale { serial: 5, writing: 4, .. })), "the journal knows more");
    assert_eq!(std::fs::read(store.state_path()).expect("a file"), before);
    assert_eq!(load(&store).serial, 5);
}

#[test]
fn a_copied_state_is_recognised() {
    let folder = folder();
    let store = store(&folder);
    let foreign = State { environment: "prod".to_owned(), ..state() };
    std::fs::create_dir_all(&store.folder).expect("a folder");
    std::fs::write(store.state_path(), format::encode(&foreign)).expect("written");
    let error = store.load().expect_err("of another environment").to_string();
    assert!(error.ends_with("is the state of the stack `chat` in the environment `prod`"), "{error}");
}

#[test]
fn what_stands_in_the_way_is_named() {
    let check = |make: &dyn Fn(&Store), path: &dyn Fn(&Store) -> PathBuf, act: &str| {
        let folder = folder();
        let store = store(&folder);
        make(&store);
        let error = match store.load() {
            Err(error) => error,
            Ok(_) => store.lock(&Holder::here("")).and_then(|it| it.save(&state())).expect_err("something is in the way"),
        };
        assert_eq!(error.to_string(), format!("cannot {act} `{}`", path(&store).display()));
        assert!(error.help().contains("something else stands at"), "{}", error.help());
    };
    check(&|it| std::fs::create_dir_all(it.state_path()).expect("made"), &Store::state_path, "read");
    check(&|it| std::fs::create_dir_all(it.journal_path()).expect("made"), &Store::journal_path, "read");
    check(&|it| std::fs::create_dir_all(it.lock_path()).expect("made"), &Store::lock_path, "open");
    check(&|it| std::fs::write(it.folder.parent().expect("one above"), "").expect("made"), &Store::journal_path, "read");
}

#[test]
fn each_failure_of_the_disk_has_a_remedy() {
    let check = |kind: io::ErrorKind, expected: &str| {
        let error = StoreError::Io { act: "write", path: "state/dev/chat.json".into(), source: kind.into() };
        assert_eq!(error.help(), expected);
    };
    check(io::ErrorKind::PermissionDenied, "give yourself the right to it: `ls -l state/dev/chat.json` shows whose it is");
    check(io::ErrorKind::StorageFull, "free some space on the disk that holds `state/dev/chat.json`, and run it again");
    check(
        io::ErrorKind::ReadOnlyFilesystem,
        "the disk that holds `state/dev/chat.json` cannot be written: mount it so, or choose another folder with -C",
    );
    check(io::ErrorKind::Other, "look at `state/dev/chat.json` and its disk; nothing was half-written");
}
