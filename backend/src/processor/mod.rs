//! From a stored file to searchable chunks.
//!
//! The bytes are read by another process ([`extract`]) whose memory and time are limited, because what people upload is not to
//! be trusted; its text comes back as a stream, is cut into chunks ([`chunk`]), and goes batch by batch to the model and into
//! one transaction. So neither the file nor its text nor its vectors are ever in this process's memory as a whole.

use std::sync::LazyLock;
use std::time::Duration;

use deadpool_postgres::Transaction;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::AppState;
use crate::bedrock::{ModelError, Purpose};
use crate::files::FileError;
use crate::store::documents::{self, Known, NewDocument, Place, Status};
use crate::store::{Connection, StoreError};

mod chunk;
mod event;
pub mod extract;
mod format;
mod pdf;

pub use event::{Change, S3Event};
pub use format::{Format, HEAD};

use chunk::Chunker;
use extract::ReadError;

/// How one document ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Completed {
        chunks: i32,
    },
    /// It cannot be processed; the reason is with the document.
    Failed,
    /// What is there was processed before.
    AlreadyDone,
    /// There is nothing any more, or what is there was refused when it was uploaded.
    Deleted,
    /// There is nothing any more, and so the document is removed.
    Removed,
}

/// Why a document could not be processed.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("{0}")]
    Document(String),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Model(#[from] ModelError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to do any more.
    #[error("overtaken")]
    Overtaken(Outcome),
}

impl Trouble {
    /// Whether to try again later: it is not the document's fault.
    fn passes(&self) -> bool {
        match self {
            Self::Document(_) | Self::Overtaken(_) => false,
            Self::Read(error) => matches!(error, ReadError::Broken(_)),
            Self::File(error) => matches!(error, FileError::Unavailable(_)),
            Self::Model(error) => error.passes() || matches!(error, ModelError::Denied(_)),
            Self::Store(_) => true,
        }
    }

    /// What a person is told; what happened inside stays in the log.
    fn reason(&self) -> String {
        match self {
            Self::File(FileError::Unavailable(_)) => "the file could not be fetched; upload it again if this stays so".into(),
            Self::Model(error) if error.passes() => format!("{error}; upload it again if this stays so"),
            Self::Read(ReadError::Broken(_)) => "it could not be read at the moment; upload it again if this stays so".into(),
            Self::Store(StoreError::Slow | StoreError::Busy) => "the database took too long; upload it again if this stays so".into(),
            Self::Store(_) => "the database was away; upload it again if this stays so".into(),
            other => other.to_string(),
        }
    }
}

/// The document's processing did not end; the same change should be given again later.
#[derive(Debug, thiserror::Error)]
#[error("{key} was not processed: {reason}")]
pub struct TryAgain {
    pub key: String,
    pub reason: String,
}

/// Handles everything that an event tells, in the time that there is; the error is the first one that should be tried again, after
/// the rest was done.
pub async fn handle(app: &AppState, event: &S3Event, time: Duration) -> Result<Vec<Outcome>, TryAgain> {
    let until = Instant::now() + time.min(FOREVER);
    let mut outcomes = Vec::new();
    let mut failure = None;
    for change in event.changes() {
        let result = match tokio::time::timeout_at(until, process(app, &change)).await {
            Ok(result) => result,
            Err(_) => Err(give_up(app, &change).await),
        };
        match result {
            Ok(outcome) => {
                tracing::info!(key = change.place.key, ?outcome, "processed");
                outcomes.push(outcome);
            }
            Err(error) => {
                tracing::error!(key = change.place.key, %error, "not processed");
                failure.get_or_insert(error);
            }
        }
    }
    failure.map_or(Ok(outcomes), Err)
}

/// The time is up: says so with the document, where no other run has it in hand, in a moment or not at all.
async fn give_up(app: &AppState, change: &Change) -> TryAgain {
    let reason = "it took too long; upload it again if this stays so";
    let marked = tokio::time::timeout(Duration::from_secs(1), mark_failed(app, &change.place, reason));
    if !matches!(marked.await, Ok(Ok(()))) {
        tracing::warn!(key = change.place.key, "there was no time to mark the document");
    }
    TryAgain { key: change.place.key.clone(), reason: reason.into() }
}

/// After an upload to this server's disk there is no event: the work is done here, beside the requests.
pub async fn after_upload(app: &AppState, place: Place, filename: &str) {
    if !app.config.process_uploads {
        return;
    }
    let change = Change { place, filename: filename.to_owned() };
    if app.config.in_function {
        // A function is frozen between two requests, so that nothing can be left for later.
        run(app, &change).await;
        return;
    }
    let app = app.clone();
    tokio::spawn(async move { run(&app, &change).await });
}

/// An upload takes less time than this, so that what is older has been left.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Takes away what is left of uploads that ended with the server in the middle, whose files have no row.
async fn tidy(app: &AppState) -> Result<(), Trouble> {
    let connection = app.database()?.connection().await?;
    let mut count = 0;
    for key in app.files.older_than(ABANDONED).await? {
        if !documents::is_on_disk(&connection, &key).await? {
            app.files.remove(&Place { bucket: String::new(), key }).await?;
            count += 1;
        }
    }
    tracing::info!(count, "looked for what uploads have left");
    Ok(())
}

/// Goes on with the files that a stopped server has left unread.
pub async fn resume(app: &AppState) {
    if !app.config.process_uploads || app.database.is_none() {
        return;
    }
    if let Err(error) = tidy(app).await {
        tracing::warn!(?error, "what uploads have left cannot be taken away");
    }
    let found = async { documents::unfinished_on_disk(&**app.database()?.connection().await?).await };
    match found.await {
        Ok(left) => {
            for (key, filename) in left {
                after_upload(app, Place { bucket: String::new(), key }, &filename).await;
            }
        }
        Err(error) => tracing::warn!(%error, "cannot look for documents that were left unread"),
    }
}

/// More than any function may take.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

/// Documents that are read at the same time: each takes memory of its own.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

/// How often a document is tried while the trouble passes: about four minutes in all.
const TRIES: u32 = 8;

/// Here nobody gives the same change again, as S3 does: what passes is tried again here.
async fn run(app: &AppState, change: &Change) {
    let mut wait = Duration::from_secs(2);
    for _ in 0..TRIES {
        let result = {
            let _place = PLACES.acquire().await.expect("this semaphore is never closed");
            process(app, change).await
        };
        match result {
            Ok(outcome) => return tracing::info!(key = change.place.key, ?outcome, "processed"),
            Err(error) => tracing::error!(%error, "not processed"),
        }
        if app.config.in_function || app.is_stopping() {
            return;
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

/// Makes the document what its object is now. Safe to repeat, in any order, and at the same time.
pub async fn process(app: &AppState, change: &Change) -> Result<Outcome, TryAgain> {
    read(app, change).await.map_err(|trouble| {
        tracing::warn!(key = change.place.key, error = ?trouble, "the document is in trouble");
        TryAgain { key: change.place.key.clone(), reason: trouble.reason() }
    })
}

async fn read(app: &AppState, change: &Change) -> Result<Outcome, Trouble> {
    let mut connection = app.database()?.connection().await?;
    let result = async {
        claim(app, &mut connection, change).await?;
        index(app, &mut connection, change).await
    };
    match result.await {
        Ok(chunks) => Ok(Outcome::Completed { chunks }),
        Err(Trouble::Overtaken(outcome)) => Ok(outcome),
        Err(trouble) => {
            // The connection may be what has failed.
            drop(connection);
            mark_failed(app, &change.place, &trouble.reason()).await?;
            if trouble.passes() { Err(trouble) } else { Ok(Outcome::Failed) }
        }
    }
}

/// Marks the document as being processed, unless there is nothing to do.
async fn claim(app: &AppState, connection: &mut Connection, change: &Change) -> Result<(), Trouble> {
    let format = Format::of_name(&change.filename);
    let transaction = connection.transaction().await.map_err(StoreError::from)?;
    let new = NewDocument {
        id: Uuid::new_v4(),
        filename: &change.filename,
        content_type: format.map_or("application/octet-stream", Format::content_type),
        size: 0,
        place: &change.place,
        uploaded_by: None,
    };
    // Whoever writes to the bucket makes a document; on disk it is only the row that does.
    let is_new = !change.place.bucket.is_empty() && documents::insert_missing(&transaction, &new).await?;
    let Some(known) = documents::lock(&transaction, &change.place).await? else {
        // Its row went in the moment before the lock: the next look will find what there is.
        let is_file = change.place.bucket.is_empty();
        return Err(if is_file { Trouble::Overtaken(Outcome::Deleted) } else { StoreError::Busy.into() });
    };
    let found = match app.files.look(&change.place).await {
        Ok(Some(found)) => found,
        Ok(None) if is_new || known.refused => return Err(Trouble::Overtaken(Outcome::Deleted)),
        Ok(None) => return Err(forget(transaction, known.id).await?),
        Err(error) => {
            // The reason is to be found with the document, also with one that is new.
            transaction.commit().await.map_err(StoreError::from)?;
            return Err(error.into());
        }
    };
    decide(&known, found.version.as_deref())?;
    documents::start(&transaction, known.id, found.size, found.version.as_deref()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// What is known already may leave nothing to do about what was found.
fn decide(known: &Known, version: Option<&str>) -> Result<(), Trouble> {
    if known.refused {
        return Err(Trouble::Overtaken(Outcome::Deleted));
    }
    let is_done = known.status == Status::Completed && known.version.as_deref() == version;
    if is_done { Err(Trouble::Overtaken(Outcome::AlreadyDone)) } else { Ok(()) }
}

/// The object was removed from the bucket: so is the document.
async fn forget(transaction: Transaction<'_>, id: Uuid) -> Result<Trouble, Trouble> {
    documents::remove(&transaction, id).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Trouble::Overtaken(Outcome::Removed))
}

/// Writes the chunks of the document, all or none, and returns how many there are.
///
/// From its beginning to its end nobody else writes this document: whoever waits finds it done, and looks for what is there then.
async fn index(app: &AppState, connection: &mut Connection, change: &Change) -> Result<i32, Trouble> {
    let settings = &app.config.processing;
    let name = &change.filename;
    let format =
        Format::of_name(name).ok_or_else(|| Trouble::Document("its type cannot be read; txt, md, pdf, docx and html can".into()))?;
    let transaction = connection.transaction().await.map_err(StoreError::from)?;
    let known = documents::lock(&transaction, &change.place).await?.ok_or(Trouble::Overtaken(Outcome::Deleted))?;
    let id = known.id;
    let file = match app.files.fetch(&change.place, settings.document_bytes).await {
        Err(FileError::Gone) if !change.place.bucket.is_empty() => return Err(forget(transaction, id).await?),
        result => result?,
    };
    decide(&known, file.version.as_deref())?;
    if file.size == 0 {
        return Err(Trouble::Document("the file is empty".into()));
    }
    let mut text = extract::read(file.path(), format, settings).await?;
    documents::remove_chunks(&transaction, id).await?;
    let mut chunker = Chunker::new(settings.chunk_characters, settings.overlap_characters);
    let mut waiting: Vec<String> = Vec::new();
    let mut count = 0;
    let batch = app.models.batch();
    // Several parts are with the model at once, and are written in whichever order they come back.
    let mut embedding = JoinSet::new();
    loop {
        let piece = text.next().await?;
        let last = piece.is_none();
        match piece {
            Some(piece) => chunker.push(&piece, &mut waiting),
            None => chunker.finish(&mut waiting),
        }
        while waiting.len() >= batch || last && !waiting.is_empty() {
            let texts: Vec<String> = waiting.drain(..waiting.len().min(batch)).collect();
            let first = count;
            count += i32::try_from(texts.len()).expect("a batch is small");
            if usize::try_from(count).is_ok_and(|count| count > settings.chunks) {
                return Err(Trouble::Document(format!("it has more than {} chunks", settings.chunks)));
            }
            if embedding.len() >= app.models.at_once() {
                write_next(&transaction, id, &mut embedding).await?;
            }
            let app = app.clone();
            embedding.spawn(async move {
                let vectors = app.models.embed(&texts, Purpose::Document).await?;
                Ok(Part { first, texts, vectors })
            });
        }
        if last {
            break;
        }
    }
    while !embedding.is_empty() {
        write_next(&transaction, id, &mut embedding).await?;
    }
    if count == 0 {
        return Err(Trouble::Document("no text was found in it; a scanned document must be run through text recognition first".into()));
    }
    let size = i64::try_from(file.size).unwrap_or(i64::MAX);
    documents::complete(&transaction, id, count, size, file.version.as_deref()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(count)
}

/// Texts that follow each other in a document, and their vectors.
struct Part {
    first: i32,
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

/// Writes the part that comes back next from the model.
async fn write_next(
    transaction: &tokio_postgres::Transaction<'_>,
    id: Uuid,
    embedding: &mut JoinSet<Result<Part, ModelError>>,
) -> Result<(), Trouble> {
    if let Some(done) = embedding.join_next().await {
        // None is ever aborted but with the whole set.
        let part = done.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        documents::add_chunks(transaction, id, part.first, &part.texts, part.vectors).await?;
    }
    Ok(())
}

/// Leaves the reason with the document, unless another run has completed or removed it meanwhile.
async fn mark_failed(app: &AppState, place: &Place, reason: &str) -> Result<(), StoreError> {
    let mut connection = app.database()?.connection().await?;
    let transaction = connection.transaction().await?;
    if let Some(known) = documents::lock(&transaction, place).await?
        && !known.refused
        && known.status != Status::Completed
    {
        documents::fail(&transaction, known.id, reason).await?;
        transaction.commit().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_inside_is_not_told() {
        let inside = || std::io::Error::other("/var/task/bootstrap: os error 2");
        let check =
            |trouble: Trouble, expected: &str| assert_eq!(trouble.reason(), format!("{expected}; upload it again if this stays so"));
        check(Trouble::Read(ReadError::Broken(inside())), "it could not be read at the moment");
        check(Trouble::File(FileError::Unavailable(inside().to_string())), "the file could not be fetched");
        check(Trouble::Store(StoreError::Unavailable(inside().to_string())), "the database was away");
        check(Trouble::Store(StoreError::Slow), "the database took too long");
        check(Trouble::Model(ModelError::Unavailable(inside().to_string())), "the model cannot be used at the moment");
    }

    #[test]
    fn what_is_done_or_refused_is_left_alone() {
        let check = |status, refused, version: &str, expected: Option<Outcome>| {
            let known = Known { id: Uuid::nil(), status, version: Some("v1".into()), refused };
            let decided = decide(&known, Some(version)).err().map(|trouble| match trouble {
                Trouble::Overtaken(outcome) => outcome,
                other => panic!("{other}"),
            });
            assert_eq!(decided, expected, "{status:?} {refused} {version}");
        };
        check(Status::Completed, false, "v1", Some(Outcome::AlreadyDone));
        check(Status::Completed, false, "v2", None);
        check(Status::Failed, false, "v1", None);
        check(Status::Processing, false, "v1", None);
        check(Status::Failed, true, "v1", Some(Outcome::Deleted));
        check(Status::Failed, true, "v2", Some(Outcome::Deleted));
    }
}
