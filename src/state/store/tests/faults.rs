//! A disk that fails, and a process that is killed, at each step of a write.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

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
