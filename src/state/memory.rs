//! A journal in memory, which can be told to fail.

use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures::future::{BoxFuture, FutureExt as _};
use tokio::sync::watch;

use super::{Entry, Journal};

/// What happens at one append, counted from 0.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The process is killed before the entry counts: this append and all later ones never return.
    CrashBefore(usize),
    /// The process is killed after the entry counts and before anyone hears of it.
    CrashAfter(usize),
    /// This append and all later ones fail, as on a full disk.
    Full(usize),
}

/// For tests and simulation: records what is appended.
#[derive(Debug)]
pub struct MemoryJournal {
    entries: Mutex<Vec<Entry>>,
    fault: Option<Fault>,
    crashed: watch::Sender<bool>,
}

impl MemoryJournal {
    pub fn new() -> Self {
        Self { entries: Mutex::default(), fault: None, crashed: watch::Sender::new(false) }
    }

    pub fn with_fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::new() }
    }

    /// What counts: the next run would find this.
    pub fn entries(&self) -> Vec<Entry> {
        self.locked().clone()
    }

    /// Done when the process would have been killed; whoever runs it then drops it.
    pub async fn crashed(&self) {
        let mut crashed = self.crashed.subscribe();
        crashed.wait_for(|it| *it).await.expect("the sender is in the journal, which is borrowed");
    }

    /// Whether the entry was taken, or no answer may be given.
    fn take(&self, entry: &Entry) -> Option<io::Result<()>> {
        let mut entries = self.locked();
        let n = entries.len();
        if *self.crashed.borrow() {
            return None;
        }
        match self.fault {
            Some(Fault::Full(at)) if n >= at => Some(Err(io::ErrorKind::StorageFull.into())),
            Some(Fault::CrashBefore(at)) if n == at => None,
            Some(Fault::CrashAfter(at)) if n == at => {
                entries.push(entry.clone());
                None
            }
            _ => {
                entries.push(entry.clone());
                Some(Ok(()))
            }
        }
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl Journal for MemoryJournal {
    fn append<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, io::Result<()>> {
        async move {
            match self.take(entry) {
                Some(result) => result,
                None => {
                    self.crashed.send_replace(true);
                    std::future::pending().await
                }
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::deleting, *};

    fn poll(journal: &MemoryJournal, id: &str) -> Option<io::Result<()>> {
        journal.append(&deleting("a", id)).now_or_never()
    }

    #[test]
    fn entries_are_kept_in_order() {
        let journal = MemoryJournal::new();
        assert!(matches!((poll(&journal, "1"), poll(&journal, "2")), (Some(Ok(())), Some(Ok(())))));
        assert_eq!(journal.entries(), [deleting("a", "1"), deleting("a", "2")]);
        assert_eq!(journal.crashed().now_or_never(), None);
    }

    #[test]
    fn a_crash_ends_everything() {
        for (fault, counted) in [(Fault::CrashBefore(1), 1), (Fault::CrashAfter(1), 2)] {
            let journal = MemoryJournal::with_fault(fault);
            assert!(matches!(poll(&journal, "1"), Some(Ok(()))), "{fault:?}");
            assert_eq!(journal.crashed().now_or_never(), None, "{fault:?}");
            assert!(poll(&journal, "2").is_none(), "{fault:?}");
            assert!(poll(&journal, "3").is_none(), "{fault:?}");
            assert_eq!(journal.crashed().now_or_never(), Some(()), "{fault:?}");
            assert_eq!(journal.entries().len(), counted, "{fault:?}");
        }
    }

    #[test]
    fn a_full_disk_fails_from_then_on() {
        let journal = MemoryJournal::with_fault(Fault::Full(0));
        for _ in 0..2 {
            assert_eq!(poll(&journal, "1").expect("an answer").expect_err("full").kind(), io::ErrorKind::StorageFull);
        }
        assert_eq!(journal.entries(), []);
    }
}
