//! From a stored file to searchable chunks.
//!
//! The bytes are read by another process ([`extract`]) whose memory and time are limited, because what people upload is not to
//! be trusted; its text comes back as a stream, is cut into chunks ([`chunk`]), and goes batch by batch to the model and into
//! one transaction. So neither the file nor its text nor its vectors are ever in this process's memory as a whole.

use std::sync::LazyLock;
use std::time::Duration;

use tokio::sync::Semaphore;
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
    /// This version was processed before.
    AlreadyDone,
    /// A newer version is known.
    Stale,
    /// It was deleted meanwhile.
    Deleted,
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
    /// Another run has finished this version, or a newer one, in the meantime.
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

/// Handles everything that an event tells; the error is the first one that should be tried again, after the rest was done.
pub async fn handle(app: &AppState, event: &S3Event) -> Result<Vec<Outcome>, TryAgain> {
    let mut outcomes = Vec::new();
    let mut failure = None;
    for change in event.changes() {
        match process(app, &change).await {
            Ok(outcome) => {
                tracing::info!(key = change.place.key, version = change.version, ?outcome, "processed");
                outcomes.push(outcome);
            }
            Err(error) => {
                tracing::error!(key = change.place.key, version = change.version, %error, "not processed");
                failure.get_or_insert(error);
            }
        }
    }
    failure.map_or(Ok(outcomes), Err)
}

/// After an upload to this server's disk there is no event: the work is done here, beside the requests.
pub async fn after_upload(app: &AppState, place: Place, filename: &str) {
    if !app.config.process_uploads {
        return;
    }
    let change = Change { filename: filename.to_owned(), ..Change::created(place) };
    if app.config.in_function {
        // A function is frozen between two requests, so that nothing can be left for later.
        run(app, &change).await;
        return;
    }
    let app = app.clone();
    tokio::spawn(async move { run(&app, &change).await });
}

/// Goes on with the files that a stopped server has left unread.
pub async fn resume(app: &AppState) {
    if !app.config.process_uploads || app.database.is_none() {
        return;
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

/// Does what one change asks for. Safe to repeat, in any order, and at the same time.
pub async fn process(app: &AppState, change: &Change) -> Result<Outcome, TryAgain> {
    let result = if change.removed { forget(app, change).await } else { read(app, change).await };
    result.map_err(|trouble| {
        tracing::warn!(key = change.place.key, error = ?trouble, "the document is in trouble");
        TryAgain { key: change.place.key.clone(), reason: trouble.reason() }
    })
}

async fn read(app: &AppState, change: &Change) -> Result<Outcome, Trouble> {
    let mut connection = app.database()?.connection().await?;
    let claim = match claim(app, &mut connection, change).await? {
        Ok(claim) => claim,
        Err(outcome) => return Ok(outcome),
    };
    match index(app, &mut connection, change, claim).await {
        Ok(chunks) => Ok(Outcome::Completed { chunks }),
        Err(Trouble::Overtaken(outcome)) => Ok(outcome),
        Err(trouble) => {
            // The connection may be what has failed.
            drop(connection);
            mark_failed(app, change, claim, &trouble).await?;
            if trouble.passes() { Err(trouble) } else { Ok(Outcome::Failed) }
        }
    }
}

/// Makes the document this change's, unless there is nothing to do: then says what has become of it.
async fn claim(app: &AppState, connection: &mut Connection, change: &Change) -> Result<Result<Uuid, Outcome>, Trouble> {
    let format = Format::of_name(&change.filename);
    let transaction = connection.transaction().await.map_err(StoreError::from)?;
    let new = NewDocument {
        id: Uuid::new_v4(),
        filename: &change.filename,
        content_type: format.map_or("application/octet-stream", Format::content_type),
        size: change.size.unwrap_or_default(),
        place: &change.place,
        version: None,
        uploaded_by: None,
    };
    let known = documents::lock_or_insert(&transaction, &new).await?;
    if let Some(outcome) = decide(&known, change) {
        return Ok(Err(outcome));
    }
    // An event may come after its object was deleted again.
    if known.deleted && (change.place.bucket.is_empty() || !app.files.exists(&change.place).await?) {
        return Ok(Err(Outcome::Deleted));
    }
    documents::start(&transaction, known.id, change.size, change.version.as_deref(), change.sequencer.as_deref()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Ok(known.id))
}

/// What is known already may make a change pointless.
fn decide(known: &Known, change: &Change) -> Option<Outcome> {
    if let (Some(seen), Some(now)) = (&known.sequencer, &change.sequencer)
        && now < seen
    {
        return Some(Outcome::Stale);
    }
    let same = known.version.is_some() && known.version == change.version || known.version.is_none() && change.place.bucket.is_empty();
    (same && !known.deleted && known.status == Status::Completed).then_some(Outcome::AlreadyDone)
}

/// Writes the chunks of the document, all or none, and returns how many there are.
async fn index(app: &AppState, connection: &mut Connection, change: &Change, id: Uuid) -> Result<i32, Trouble> {
    let settings = &app.config.processing;
    let name = &change.filename;
    let format =
        Format::of_name(name).ok_or_else(|| Trouble::Document("its type cannot be read; txt, md, pdf, docx and html can".into()))?;
    let version = change.version.as_deref().filter(|_| change.versioned);
    let file = app.files.fetch(&change.place, version, settings.document_bytes).await?;
    if file.size == 0 {
        return Err(Trouble::Document("the file is empty".into()));
    }
    let mut text = extract::read(file.path(), format, settings).await?;

    let transaction = connection.transaction().await.map_err(StoreError::from)?;
    check_still_ours(&transaction, change).await?;
    documents::remove_chunks(&transaction, id).await?;
    let mut chunker = Chunker::new(settings.chunk_characters, settings.overlap_characters);
    let mut waiting: Vec<String> = Vec::new();
    let mut written = 0;
    let batch = app.models.batch();
    loop {
        let piece = text.next().await?;
        let last = piece.is_none();
        match piece {
            Some(piece) => chunker.push(&piece, &mut waiting),
            None => chunker.finish(&mut waiting),
        }
        while waiting.len() >= batch || last && !waiting.is_empty() {
            let texts: Vec<String> = waiting.drain(..waiting.len().min(batch)).collect();
            let embeddings = app.models.embed(&texts, Purpose::Document).await?;
            documents::add_chunks(&transaction, id, written, &texts, embeddings).await?;
            written += i32::try_from(texts.len()).expect("a batch is small");
            if usize::try_from(written).is_ok_and(|written| written > settings.chunks) {
                return Err(Trouble::Document(format!("it has more than {} chunks", settings.chunks)));
            }
        }
        if last {
            break;
        }
    }
    if written == 0 {
        return Err(Trouble::Document("no text was found in it; a scanned document must be run through text recognition first".into()));
    }
    documents::complete(&transaction, id, written, i64::try_from(file.size).unwrap_or(i64::MAX)).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(written)
}

/// From here to the end of the transaction nobody else writes this document; whoever waited here finds it done.
async fn check_still_ours(transaction: &tokio_postgres::Transaction<'_>, change: &Change) -> Result<(), Trouble> {
    match documents::lock(transaction, &change.place).await? {
        None => Err(Trouble::Overtaken(Outcome::Deleted)),
        Some(known) if known.deleted => Err(Trouble::Overtaken(Outcome::Deleted)),
        Some(known) => decide(&known, change).map_or(Ok(()), |outcome| Err(Trouble::Overtaken(outcome))),
    }
}

async fn mark_failed(app: &AppState, change: &Change, id: Uuid, trouble: &Trouble) -> Result<(), Trouble> {
    let mut connection = app.database()?.connection().await?;
    let transaction = connection.transaction().await.map_err(StoreError::from)?;
    match check_still_ours(&transaction, change).await {
        Err(Trouble::Overtaken(_)) => return Ok(()),
        result => result?,
    }
    documents::fail(&transaction, id, &trouble.reason()).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(())
}

/// The object was removed from the bucket: so is the document.
async fn forget(app: &AppState, change: &Change) -> Result<Outcome, Trouble> {
    let mut connection = app.database()?.connection().await?;
    let transaction = connection.transaction().await.map_err(StoreError::from)?;
    let Some(known) = documents::lock(&transaction, &change.place).await? else { return Ok(Outcome::Deleted) };
    if let (Some(seen), Some(now)) = (&known.sequencer, &change.sequencer)
        && now < seen
    {
        return Ok(Outcome::Stale);
    }
    documents::remove(&transaction, known.id).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(Outcome::Removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_late_changes_do_nothing() {
        let known = |status, version: &str, sequencer: &str| Known {
            id: Uuid::nil(),
            status,
            version: Some(version.into()),
            sequencer: Some(sequencer.into()),
            deleted: false,
        };
        let change = |version: &str, sequencer: &str| Change {
            version: Some(version.into()),
            sequencer: Some(sequencer.into()),
            ..Change::created(Place { bucket: "b".into(), key: "uploads/a.txt".into() })
        };
        let check = |known: &Known, change: &Change, expected| assert_eq!(decide(known, change), expected);
        check(&known(Status::Completed, "v1", "0A"), &change("v1", "0A"), Some(Outcome::AlreadyDone));
        check(&known(Status::Completed, "v2", "0B"), &change("v1", "0A"), Some(Outcome::Stale));
        check(&known(Status::Completed, "v1", "0A"), &change("v2", "0B"), None);
        check(&known(Status::Failed, "v1", "0A"), &change("v1", "0A"), None);
        check(&known(Status::Processing, "v1", "0A"), &change("v1", "0A"), None);
        check(&Known { deleted: true, ..known(Status::Completed, "v1", "0A") }, &change("v1", "0A"), None);
    }
}
