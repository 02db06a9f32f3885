//! The journal on disk: entries that count only once they are durable.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{
    channel::oneshot,
    future::{BoxFuture, FutureExt as _},
};

use super::{Entry, Journal, disk::folder, lines};

/// The journal of one run, begun with `Lock::begin`.
///
/// Many tasks may append at once. Those that wait while one write is on its way to the disk go together in the next.
#[derive(Clone)]
pub struct FileJournal(Arc<Writer>);

impl FileJournal {
    pub(super) fn new(writer: Arc<Writer>) -> Self {
        Self(writer)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0.path
    }
}

impl Journal for FileJournal {
    fn append<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, io::Result<()>> {
        async move {
            let answer = self.0.enqueue(entry.clone());
            let writer = Arc::clone(&self.0);
            // A blocking task, and not a thread of our own, so that a paused clock stands still until it is done. Whether the
            // caller waits for it or not, what was enqueued is written.
            match tokio::runtime::Handle::try_current() {
                Ok(runtime) => drop(runtime.spawn_blocking(move || writer.flush())),
                Err(_) => writer.flush(),
            }
            answer.await.unwrap_or_else(|_| Err(io::Error::other("the process ends before the journal is written")))
        }
        .boxed()
    }
}

impl std::fmt::Debug for FileJournal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("FileJournal").field(&self.path()).finish()
    }
}

/// What a journal writes to; a file, but for tests of what happens when it fails.
pub(super) trait Sink: Send {
    fn write(&mut self, text: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Forgets all after the first `length` bytes and goes on from there.
    fn cut(&mut self, length: u64) -> io::Result<()>;
}

/// A file that was opened for appending.
impl Sink for File {
    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        self.write_all(text)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.sync_data()
    }
}

pub(super) struct Writer {
    path: PathBuf,
    waiting: Mutex<Vec<Waiting>>,
    tail: Mutex<Tail>,
}

struct Waiting {
    entry: Entry,
    answer: oneshot::Sender<io::Result<()>>,
}

/// The end of the file, where one at a time writes.
struct Tail {
    sink: Box<dyn Sink>,
    /// Of the state with all entries so far.
    serial: u64,
    /// Up to here all is durable.
    good: u64,
    /// Why nothing can be written any more.
    closed: Option<&'static str>,
}

impl Writer {
    /// A new journal: its first line is durable when this returns.
    pub(super) fn create(path: &Path, uuid: &str, serial: u64) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let file = std::fs::OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        let writer = Self::with_sink(path, Box::new(file), uuid, serial)?;
        File::open(folder(path))?.sync_all()?;
        Ok(writer)
    }

    fn with_sink(path: &Path, mut sink: Box<dyn Sink>, uuid: &str, serial: u64) -> io::Result<Self> {
        let header = lines::header(uuid, serial);
        sink.write(header.as_bytes())?;
        sink.sync()?;
        let tail = Tail { sink, serial, good: header.len() as u64, closed: None };
        Ok(Self { path: path.to_owned(), waiting: Mutex::default(), tail: Mutex::new(tail) })
    }

    /// From now on every append fails: what comes later would not be part of the state that was written.
    pub(super) fn close(&self) {
        locked(&self.tail).closed = Some("the journal was closed when the state was written");
    }

    fn enqueue(&self, entry: Entry) -> oneshot::Receiver<io::Result<()>> {
        let (answer, receiver) = oneshot::channel();
        locked(&self.waiting).push(Waiting { entry, answer });
        receiver
    }

    /// Writes all that waits, unless somebody else just did.
    fn flush(&self) {
        let mut tail = locked(&self.tail);
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        if waiting.is_empty() {
            return;
        }
        let result = tail.append(waiting.iter().map(|it| &it.entry));
        for it in waiting {
            let answer = result.as_ref().copied().map_err(|error| io::Error::new(error.kind(), error.to_string()));
            // Who no longer waits need not hear of it.
            it.answer.send(answer).ok();
        }
    }
}

impl Tail {
    fn append<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) -> io::Result<()> {
        if let Some(reason) = self.closed {
            return Err(io::Error::other(reason));
        }
        let (mut text, mut serial) = (String::new(), self.serial);
        for entry in entries {
            serial += 1;
            text += &lines::entry(serial, entry);
        }
        if let Err(error) = self.sink.write(text.as_bytes()) {
            // A piece of a line may be there, and the next one must not be glued to it.
            if self.sink.cut(self.good).is_err() {
                self.closed = Some("the journal could not be mended after a failed write");
            }
            return Err(error);
        }
        if let Err(error) = self.sink.sync() {
            // What is on disk now nobody knows, and trying again would not tell: the system drops what it could not write. The
            // lines may stay there or not, both of which the next run can deal with.
            self.sink.cut(self.good).ok();
            self.closed = Some("an earlier write to the journal did not reach the disk");
            return Err(error);
        }
        self.serial = serial;
        self.good += text.len() as u64;
        Ok(())
    }
}

/// What a panic elsewhere interrupted is only ever a push or a take.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
