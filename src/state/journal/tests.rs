//! Appending to journals.

use std::{
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures::future::join_all;

use super::super::{lines::Contents, testing::*};
use super::*;

fn new(folder: &tempfile::TempDir) -> FileJournal {
    FileJournal::new(Arc::new(Writer::create(&folder.path().join("chat.journal"), "5e1f", 7).expect("a new journal")))
}

fn contents(journal: &FileJournal) -> Contents {
    lines::read(&std::fs::read(journal.path()).expect("a journal"))
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// What the file of a faulty sink would hold.
#[derive(Clone, Default)]
struct Faulty {
    text: Arc<Mutex<Vec<u8>>>,
    syncs: Arc<AtomicUsize>,
    /// Beyond so many bytes the disk is full.
    room: Arc<AtomicUsize>,
    sync_fails: Arc<AtomicUsize>,
    cut_fails: bool,
}

impl Faulty {
    fn journal(&self) -> FileJournal {
        FileJournal::new(Arc::new(Writer::with_sink(Path::new("journal"), Box::new(self.clone()), "5e1f", 7).expect("room for it")))
    }

    fn contents(&self) -> Contents {
        lines::read(&locked(&self.text))
    }
}

impl Sink for Faulty {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        let mut all = locked(&self.text);
        let room = self.room.load(Ordering::Relaxed).saturating_sub(all.len());
        all.extend(&text[..text.len().min(room)]);
        if text.len() > room { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let n = self.syncs.fetch_add(1, Ordering::Relaxed);
        if n >= self.sync_fails.load(Ordering::Relaxed) { Err(io::Error::other("the disk is gone")) } else { Ok(()) }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if self.cut_fails {
            return Err(io::Error::other("the disk is gone"));
        }
        locked(&self.text).truncate(usize::try_from(length).expect("a small file"));
        Ok(())
    }
}

fn faulty() -> Faulty {
    let faulty = Faulty::default();
    faulty.room.store(usize::MAX, Ordering::Relaxed);
    faulty.sync_fails.store(usize::MAX, Ordering::Relaxed);
    faulty
}

async fn append_many(journal: &FileJournal) {
    let entries: Vec<_> = (0..50).map(|n| recorded(&format!("r{n}"), &format!("vpc-{n}"))).collect();
    for result in join_all(entries.iter().map(|it| journal.append(it))).await {
        result.expect("written");
    }
    // Each was asked for in this order, and none overtook another.
    assert_eq!(contents(journal).entries, entries);
    assert_eq!(contents(journal).bad, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_tasks_append_at_once() {
    let folder = folder();
    append_many(&new(&folder)).await;
    let journal = FileJournal::new(Arc::new(Writer::create(&folder.path().join("second"), "5e1f", 0).expect("a new journal")));
    let tasks = (0..8).map(|task| {
        let journal = journal.clone();
        tokio::spawn(async move {
            for n in 0..20 {
                journal.append(&deleting(&format!("t{task}"), &n.to_string())).await.expect("written");
            }
        })
    });
    for task in join_all(tasks).await {
        task.expect("no panic");
    }
    let written = contents(&journal);
    assert_eq!((written.entries.len(), written.bad), (160, None));
    for task in 0..8 {
        let of_task = written.entries.iter().filter_map(|it| match it {
            Entry::Deleting { address, id, .. } if address.as_str() == format!("t{task}") => Some(id.to_string()),
            _ => None,
        });
        assert_eq!(of_task.collect::<Vec<_>>(), (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_stands_still_meanwhile() {
    let folder = folder();
    let journal = new(&folder);
    let started = tokio::time::Instant::now();
    for n in 0..20 {
        let entry = deleting("a", &n.to_string());
        tokio::time::timeout(Duration::from_nanos(1), journal.append(&entry)).await.expect("no time passes").expect("written");
    }
    append_many_more(&journal).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
}

async fn append_many_more(journal: &FileJournal) {
    let before = contents(journal).entries.len();
    let entries: Vec<_> = (0..10).map(|n| deleting("b", &n.to_string())).collect();
    for result in join_all(entries.iter().map(|it| journal.append(it))).await {
        result.expect("written");
    }
    assert_eq!(contents(journal).entries[before..], entries);
}

#[test]
fn it_works_without_a_runtime() {
    let folder = folder();
    futures::executor::block_on(append_many(&new(&folder)));
}

#[tokio::test]
async fn who_stops_waiting_is_written_all_the_same() {
    let folder = folder();
    let journal = new(&folder);
    let (first, second) = (deleting("a", "1"), deleting("a", "2"));
    drop(journal.append(&first).now_or_never());
    journal.append(&second).await.expect("written");
    assert_eq!(contents(&journal).entries, [first, second]);
}

#[test]
fn only_the_owner_can_read_it() {
    let folder = folder();
    let mode = std::fs::metadata(new(&folder).path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn those_who_wait_share_one_sync() {
    let faulty = faulty();
    let journal = faulty.journal();
    let answers: Vec<_> = (0..5).map(|n| journal.0.enqueue(deleting("a", &n.to_string()))).collect();
    let before = faulty.syncs.load(Ordering::Relaxed);
    journal.0.flush();
    journal.0.flush();
    assert_eq!(faulty.syncs.load(Ordering::Relaxed), before + 1);
    for answer in answers {
        assert!(matches!(answer.now_or_never(), Some(Ok(Ok(())))));
    }
    assert_eq!(faulty.contents().entries.len(), 5);
}

#[tokio::test]
async fn a_full_disk_leaves_no_piece_of_a_line() {
    let line = lines::entry(9, &deleting("a", "2")).len();
    for room in 0..line {
        let faulty = faulty();
        let journal = faulty.journal();
        journal.append(&deleting("a", "1")).await.expect("written");
        let used = locked(&faulty.text).len();
        faulty.room.store(used + room, Ordering::Relaxed);
        let error = journal.append(&deleting("a", "2")).await.expect_err("the disk is full");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(locked(&faulty.text).len(), used, "room for {room}");
        // Once there is room again, it goes on.
        faulty.room.store(usize::MAX, Ordering::Relaxed);
        journal.append(&deleting("a", "3")).await.expect("written");
        assert_eq!(faulty.contents().entries, [deleting("a", "1"), deleting("a", "3")]);
        assert_eq!(faulty.contents().bad, None);
    }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_believed() {
    let faulty = faulty();
    let journal = faulty.journal();
    journal.append(&deleting("a", "1")).await.expect("written");
    faulty.sync_fails.store(0, Ordering::Relaxed);
    assert_eq!(journal.append(&deleting("a", "2")).await.expect_err("not durable").to_string(), "the disk is gone");
    faulty.sync_fails.store(usize::MAX, Ordering::Relaxed);
    let error = journal.append(&deleting("a", "3")).await.expect_err("closed");
    assert_eq!(error.to_string(), "an earlier write to the journal did not reach the disk");
    assert_eq!(faulty.contents().entries, [deleting("a", "1")]);
}

#[tokio::test]
async fn nothing_is_glued_to_a_piece_that_cannot_be_cut_off() {
    let faulty = Faulty { cut_fails: true, ..faulty() };
    let journal = faulty.journal();
    faulty.room.store(locked(&faulty.text).len() + 20, Ordering::Relaxed);
    journal.append(&deleting("a", "1")).await.expect_err("the disk is full");
    faulty.room.store(usize::MAX, Ordering::Relaxed);
    let error = journal.append(&deleting("a", "2")).await.expect_err("closed");
    assert_eq!(error.to_string(), "the journal could not be mended after a failed write");
    assert_eq!((faulty.contents().entries, faulty.contents().bad), (vec![], None));
}

#[tokio::test]
async fn a_closed_journal_takes_nothing() {
    let folder = folder();
    let journal = new(&folder);
    journal.0.close();
    let error = journal.append(&deleting("a", "1")).await.expect_err("closed");
    assert_eq!(error.to_string(), "the journal was closed when the state was written");
    assert_eq!(contents(&journal).entries, []);
}
