//! Files, and what is left of them.

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures::executor::block_on;
use tempfile::TempDir;

use super::super::{Entry, Journal as _, testing::*};
use super::*;
use crate::diagnostic::Diagnostic;

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

#[test]
fn nothing_is_there_at_first() {
    let folder = folder();
    let loaded = store(&folder).load().expect("nothing to go wrong");
    assert_eq!((loaded.state, loaded.warnings, loaded.folded), (None, vec![], 0));
    assert!(!folder.path().join("state").exists(), "reading makes nothing");
}

#[test]
fn names_that_are_no_file_names() {
    for name in ["", "a/b", "..", ".", "a.json", "a b", "\u{e9}"] {
        assert!(matches!(Store::open("state", name, "chat"), Err(StoreError::Name { what: "environment", .. })), "{name}");
        assert!(matches!(Store::open("state", "dev", name), Err(StoreError::Name { what: "stack", .. })), "{name}");
    }
    Store::open("state", "dev-1", "hr-chatbot_2").expect("good names");
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
fn a_damaged_state_is_made_good_from_what_led_to_it() {
    let folder = folder();
    let store = store(&folder);
    let first = applied(&store, &state(), &entries()[..2]);
    let second = applied(&store, &first, &entries()[2..]);
    let more = [created("op2", "vpc-2")];
    interrupted(&store, &second, &more);
    let expected = folded(&second, &more);
    damage(&store.state_path());

    let loaded = store.load().expect("something good is there");
    assert_eq!(loaded.state.as_ref(), Some(&expected));
    let [Warning::FellBack { serial, replayed, .. }] = loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert_eq!((serial, replayed), (4, 2));
    let diagnostic = Diagnostic::from(&loaded.warnings[0]);
    assert!(diagnostic.summary.contains("chat.json` is damaged: it is not JSON from line"), "{}", diagnostic.summary);
    assert!(diagnostic.help[0].contains("chat.json.previous` is used instead, with 2 entries"), "{:?}", diagnostic.help);

    lock(&store).save(&expected).expect("saved");
    assert_eq!(load(&store), expected);
    let kept: Vec<_> = files(&store).into_iter().filter(|it| it.starts_with("chat.json.corrupt-")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    // And once more, right after: both copies are good now.
    damage(&store.state_path());
    assert_eq!(store.load().expect("something good is there").state, Some(expected));
}

#[test]
fn a_missing_state_is_made_good_too() {
    let folder = folder();
    let store = store(&folder);
    let state = applied(&store, &state(), &entries());
    std::fs::remove_file(store.state_path()).expect("removed");
    let loaded = store.load().expect("something good is there");
    assert_eq!(loaded.state, Some(state));
    assert!(matches!(&loaded.warnings[..], [Warning::FellBack { problem, .. }] if problem == "it is missing"));
}

#[test]
fn without_anything_good_it_says_so() {
    let folder = folder();
    let store = store(&folder);
    applied(&store, &state(), &entries());
    damage(&store.state_path());
    for previous_is_there in [true, false] {
        if previous_is_there {
            damage(&store.previous_path());
        } else {
            std::fs::remove_file(store.previous_path()).expect("removed");
        }
        let error = store.load().expect_err("nothing good");
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert!(error.to_string().ends_with("is damaged too or not there"), "{error}");
        assert!(error.help().contains("put a good copy of"), "{}", error.help());
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_damaged_journal_is_used_up_to_there_and_kept() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &entries());
    let text = std::fs::read_to_string(store.journal_path()).expect("a file");
    let damaged = text.replacen("\"vpc-1\"", "\"vpc-2\"", 1);
    std::fs::write(store.journal_path(), &damaged).expect("written");
    let good = folded(&start, &entries()[..1]);

    let loaded = store.load().expect("some of it is good");
    assert_eq!(loaded.state.as_ref(), Some(&good));
    assert!(matches!(&loaded.warnings[..], [it @ Warning::JournalCorrupt { line: 3, good: 1, .. }] if it.is_grave()));
    assert_eq!(std::fs::read_to_string(store.journal_path()).expect("a file"), damaged, "who only reads changes nothing");

    let lock = lock(&store);
    let StoreError::JournalCorrupt { kept, line, good: n, problem } = lock.load().expect_err("it must be looked at") else {
        panic!("another error")
    };
    assert_eq!((line, n, problem.as_str()), (3, 1, "its checksum is wrong"));
    assert_eq!(std::fs::read_to_string(kept).expect("kept"), damaged);
    let loaded = lock.load().expect("what is good");
    assert_eq!((loaded.state, loaded.warnings, loaded.folded), (Some(good), vec![], 0));
}

#[test]
fn an_entry_that_does_not_fit_is_damage() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &[creating("op", "a"), deleted("x", "y"), creating("op2", "b")]);
    let error = lock(&store).load().expect_err("it must be looked at").to_string();
    assert!(error.contains("damaged at line 3: it does not fit the state: nothing with the id `y` is recorded at `x`"), "{error}");
    assert_eq!(load(&store), folded(&start, &[creating("op", "a")]));
}

#[test]
fn a_torn_line_is_no_damage() {
    let (folder, start) = (folder(), state());
    let store = store(&folder);
    interrupted(&store, &start, &entries());
    let text = std::fs::read(store.journal_path()).expect("a file");
    let last = text[..text.len() - 1].iter().rposition(|it| *it == b'\n').expect("several lines") + 1;
    for cut in last..text.len() {
        std::fs::write(store.journal_path(), &text[..cut]).expect("written");
        assert_eq!(load(&store), folded(&start, &entries()[..3]), "cut at {cut}");
    }
    // What comes after goes into a journal of its own.
    let state = load(&store);
    interrupted(&store, &state, &entries()[3..]);
    assert_eq!(load(&store), folded(&start, &entries()));
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
    let header = super::super::lines::header("5e1f", 0).replace("\"journal\":1", "\"journal\":2");
    let sum = super::super::hash::sha256(&header.as_bytes()[18..header.len() - 1]);
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

/// A disk that fails at one step.
struct Faulty {
    steps: AtomicUsize,
    at: usize,
    how: How,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum How {
    /// The process is killed before the step, in the middle of it where that can be, or right after it.
    KilledBefore,
    KilledWithin,
    KilledAfter,
    /// This step alone fails, half done.
    Full,
}

impl Faulty {
    fn step(&self, half: impl FnOnce() -> io::Result<()>, whole: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let n = self.steps.fetch_add(1, Ordering::Relaxed);
        let fault = || Err(io::ErrorKind::StorageFull.into());
        match (n.cmp(&self.at), self.how) {
            (std::cmp::Ordering::Less, _) | (std::cmp::Ordering::Greater, How::Full) => whole(),
            (std::cmp::Ordering::Greater, _) | (_, How::KilledBefore) => fault(),
            (_, How::KilledWithin | How::Full) => half().and_then(|()| fault()),
            (_, How::KilledAfter) => whole().and_then(|()| fault()),
        }
    }
}

impl Disk for Faulty {
    fn read(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        LocalDisk.read(path)
    }

    fn write_new(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let half = || LocalDisk.write_new(path, &content[..content.len() / 2]);
        self.step(half, || LocalDisk.write_new(path, content))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| Ok(()), || LocalDisk.rename(from, to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|| Ok(()), || LocalDisk.remove(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|| Ok(()), || LocalDisk.sync_folder(path))
    }

    fn make_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|| Ok(()), || LocalDisk.make_folder(path))
    }
}

/// Fails at each step of `write` in each way, and tells what can be read afterwards.
fn at_each_step(prepare: &dyn Fn(&Store), write: &dyn Fn(&Lock) -> Result<(), StoreError>, check: &dyn Fn(&Store, How, &str)) {
    for how in [How::KilledBefore, How::KilledWithin, How::KilledAfter, How::Full] {
        for at in 0.. {
            let folder = folder();
            let store = store(&folder);
            prepare(&store);
            // The first step makes the folder for the lock, which is there.
            let disk = Arc::new(Faulty { steps: AtomicUsize::new(0), at: at + 1, how });
            let faulty = Store { disk: Arc::clone(&disk) as Arc<dyn Disk>, ..store.clone() };
            let result = faulty.lock(&Holder::here("")).and_then(|it| write(&it));
            check(&store, how, &format!("{how:?} at step {at}"));
            if disk.steps.load(Ordering::Relaxed) <= at + 1 {
                result.expect("no step failed");
                assert!(at > 4, "it takes some steps");
                break;
            }
            // Cleaning up may fail without harm; everything else must be told.
            if let Err(error) = result {
                assert!(matches!(error, StoreError::Io { .. }), "{error}");
            }
        }
    }
}

#[test]
fn saving_what_a_journal_has_can_be_interrupted_anywhere() {
    let first = folded(&state(), &entries()[..2]);
    let expected = folded(&state(), &entries());
    at_each_step(
        &|store| {
            applied(store, &state(), &entries()[..2]);
            interrupted(store, &first, &entries()[2..]);
        },
        &|lock| lock.settle().map(drop),
        &|store, how, step| {
            assert_eq!(load(store), expected, "{step}");
            let half = files(store).into_iter().find(|it| it.ends_with(".new"));
            assert!(how != How::Full || half.is_none(), "{step}: {half:?}");
            assert_eq!(lock(store).settle().expect("settled").state, Some(expected.clone()), "{step}");
            assert_eq!(files(store), names(&["chat.json", "chat.json.previous", "chat.journal.previous"]), "{step}");
            // Whatever happened before: if the state is lost now, what led to it is there.
            damage(&store.state_path());
            assert_eq!(store.load().expect("something good is there").state, Some(expected.clone()), "{step}");
        },
    );
}

#[test]
fn saving_something_new_leaves_the_old_or_the_new() {
    let old = folded(&state(), &entries());
    let new = State { commit: Some("c0ffee".to_owned()), ..folded(&old, &[moved("a", "z")]) };
    at_each_step(&|store| drop(applied(store, &state(), &entries())), &|lock| lock.save(&new), &|store, _, step| {
        let loaded = load(store);
        assert!(loaded == old || loaded == new, "{step}");
        lock(store).save(&new).expect("saved");
        assert_eq!(load(store), new, "{step}");
    });
}

#[test]
fn the_first_save_leaves_nothing_or_all() {
    at_each_step(
        &|store| std::fs::create_dir_all(&store.folder).expect("made"),
        &|lock| lock.begin(&state()).map(drop),
        &|store, _, step| {
            let loaded = store.load().expect("it can be read").state;
            assert!(loaded.is_none() || loaded == Some(state()), "{step}");
            applied(store, &state(), &entries());
        },
    );
}

#[test]
fn replacing_a_damaged_state_can_be_interrupted_anywhere() {
    let expected = folded(&state(), &entries());
    at_each_step(
        &|store| {
            applied(store, &state(), &entries());
            damage(&store.state_path());
        },
        &|lock| lock.settle().map(drop),
        &|store, _, step| {
            assert_eq!(store.load().expect("something good is there").state, Some(expected.clone()), "{step}");
            lock(store).settle().expect("settled");
            assert_eq!(load(store), expected, "{step}");
        },
    );
}

#[test]
fn putting_away_a_damaged_journal_can_be_interrupted_anywhere() {
    let good = folded(&state(), &entries()[..1]);
    at_each_step(
        &|store| {
            interrupted(store, &state(), &entries());
            let text = std::fs::read_to_string(store.journal_path()).expect("a file");
            std::fs::write(store.journal_path(), text.replacen("\"vpc-1\"", "\"vpc-2\"", 1)).expect("written");
        },
        &|lock| match lock.load() {
            Err(StoreError::JournalCorrupt { .. }) => Ok(()),
            other => other.map(drop),
        },
        &|store, _, step| assert_eq!(store.load().expect("some of it is good").state.as_ref(), Some(&good), "{step}"),
    );
}
