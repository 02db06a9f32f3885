//! Documents and their chunks.

use pgvector::Vector;
use serde::Serialize;
use tokio_postgres::{Client, GenericClient, Row, Transaction};
use utoipa::ToSchema;
use uuid::Uuid;

use super::StoreError;

/// What a person is told about a document.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Document {
    pub id: Uuid,
    pub filename: String,
    pub content_type: String,
    pub size_bytes: i64,
    pub status: Status,
    /// Why it could not be processed.
    pub error: Option<String>,
    pub chunk_count: i32,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Stored, not yet read.
    Pending,
    Processing,
    /// Searchable.
    Completed,
    Failed,
}

impl Status {
    fn parse(text: &str) -> Self {
        match text {
            "pending" => Self::Pending,
            "processing" => Self::Processing,
            "completed" => Self::Completed,
            _ => Self::Failed,
        }
    }
}

/// Where the bytes of a document are; `bucket` is empty for a file on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub bucket: String,
    pub key: String,
}

/// A document that is about to be stored.
pub struct NewDocument<'a> {
    pub id: Uuid,
    pub filename: &'a str,
    pub content_type: &'a str,
    pub size: i64,
    pub place: &'a Place,
    pub uploaded_by: Option<&'a str>,
}

/// What the processor must know of a document to decide about an event.
#[derive(Clone, Debug)]
pub struct Known {
    pub id: Uuid,
    pub status: Status,
    pub version: Option<String>,
    /// Refused when it was uploaded: see [`refuse`].
    pub refused: bool,
}

/// A chunk near a question.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Source {
    pub document_id: Uuid,
    pub filename: String,
    pub chunk_index: i32,
    /// Cosine similarity: 1 is the same direction.
    pub score: f64,
    pub content: String,
}

const COLUMNS: &str = "id, filename, content_type, size_bytes, status, error, chunk_count, \
     to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS created_at, \
     to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') AS updated_at";

fn document(row: &Row) -> Document {
    Document {
        id: row.get("id"),
        filename: row.get("filename"),
        content_type: row.get("content_type"),
        size_bytes: row.get("size_bytes"),
        status: Status::parse(row.get("status")),
        error: row.get("error"),
        chunk_count: row.get("chunk_count"),
        created_at: row.get("created_at"),
        updated_at: row.get("updated_at"),
    }
}

/// One page of documents, newest first, and how many there are in all.
pub async fn list(client: &Client, limit: i64, offset: i64) -> Result<(Vec<Document>, i64), StoreError> {
    let statement =
        format!("SELECT {COLUMNS} FROM documents WHERE deleted_at IS NULL ORDER BY documents.created_at DESC, id LIMIT $1 OFFSET $2");
    let rows = client.query(&statement, &[&limit, &offset]).await?;
    let total = client.query_one("SELECT count(*) FROM documents WHERE deleted_at IS NULL", &[]).await?.get(0);
    Ok((rows.iter().map(document).collect(), total))
}

pub async fn get(client: &impl GenericClient, id: Uuid) -> Result<Option<Document>, StoreError> {
    let statement = format!("SELECT {COLUMNS} FROM documents WHERE id = $1 AND deleted_at IS NULL");
    Ok(client.query_opt(&statement, &[&id]).await?.as_ref().map(document))
}

/// Writes a document that waits to be processed. Its object is stored after that, so that no event of it can have come before.
pub async fn insert(transaction: &Transaction<'_>, new: &NewDocument<'_>) -> Result<Document, StoreError> {
    let statement = format!(
        "INSERT INTO documents (id, filename, content_type, size_bytes, bucket, object_key, uploaded_by, status)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending') RETURNING {COLUMNS}"
    );
    let place = new.place;
    let row = transaction
        .query_one(&statement, &[&new.id, &new.filename, &new.content_type, &new.size, &place.bucket, &place.key, &new.uploaded_by])
        .await?;
    Ok(document(&row))
}

/// Records which version of the object the row stands for.
pub async fn set_version(transaction: &Transaction<'_>, id: Uuid, version: Option<&str>) -> Result<(), StoreError> {
    transaction.execute("UPDATE documents SET object_version = $2 WHERE id = $1", &[&id, &version]).await?;
    Ok(())
}

/// Makes sure that an upload's row never becomes visible, and returns false if it is visible already.
///
/// What stays is a row that says so, because an event of the object may still come, or have made a document of it before. An upload
/// whose commit is under way is waited for.
pub async fn refuse(transaction: &Transaction<'_>, upload: Uuid, place: &Place) -> Result<bool, StoreError> {
    be_patient(transaction).await?;
    let refused = transaction
        .query_opt(
            "INSERT INTO documents (id, filename, content_type, size_bytes, bucket, object_key, status, deleted_at)
             VALUES ($1, '', '', 0, $2, $3, 'failed', now())
             ON CONFLICT (bucket, object_key) DO UPDATE SET deleted_at = now(), updated_at = now() WHERE documents.id <> $4 RETURNING id",
            &[&Uuid::new_v4(), &place.bucket, &place.key, &upload],
        )
        .await?;
    match refused {
        Some(row) => remove_chunks(transaction, row.get(0)).await.map(|()| true),
        None => Ok(false),
    }
}

/// Makes a row for an object that has none, and says whether it did. Waits for an upload that is about to be committed.
pub async fn insert_missing(transaction: &Transaction<'_>, new: &NewDocument<'_>) -> Result<bool, StoreError> {
    be_patient(transaction).await?;
    let made = transaction
        .execute(
            "INSERT INTO documents (id, filename, content_type, size_bytes, bucket, object_key, status)
             VALUES ($1, $2, $3, $4, $5, $6, 'pending') ON CONFLICT (bucket, object_key) DO NOTHING",
            &[&new.id, &new.filename, &new.content_type, &new.size, &new.place.bucket, &new.place.key],
        )
        .await?;
    Ok(made == 1)
}

/// The row of an object, locked until the transaction ends. Whoever is processing it is waited for.
pub async fn lock(transaction: &Transaction<'_>, place: &Place) -> Result<Option<Known>, StoreError> {
    be_patient(transaction).await?;
    let row = transaction
        .query_opt(
            "SELECT id, status, object_version, deleted_at IS NOT NULL FROM documents WHERE bucket = $1 AND object_key = $2 FOR UPDATE",
            &[&place.bucket, &place.key],
        )
        .await?;
    transaction.batch_execute("SET LOCAL statement_timeout TO DEFAULT").await?;
    Ok(row.map(|row| Known { id: row.get(0), status: Status::parse(row.get(1)), version: row.get(2), refused: row.get(3) }))
}

/// A large document is with the model for minutes, its row locked: nobody who waits for it asks too much of the database.
async fn be_patient(transaction: &Transaction<'_>) -> Result<(), StoreError> {
    Ok(transaction.batch_execute("SET LOCAL statement_timeout = '280s'").await?)
}

/// The place of a document, its row locked until the transaction ends; `Busy` when it is being processed right now.
pub async fn lock_for_removal(transaction: &Transaction<'_>, id: Uuid) -> Result<Option<Place>, StoreError> {
    transaction.batch_execute("SET LOCAL lock_timeout = '2s'").await?;
    let row =
        transaction.query_opt("SELECT bucket, object_key FROM documents WHERE id = $1 AND deleted_at IS NULL FOR UPDATE", &[&id]).await?;
    Ok(row.map(|row| Place { bucket: row.get(0), key: row.get(1) }))
}

/// Removes the document with its chunks.
pub async fn remove(transaction: &Transaction<'_>, id: Uuid) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM documents WHERE id = $1", &[&id]).await?;
    Ok(())
}

/// The work begins: from now on the row stands for this version of the object.
pub async fn start(transaction: &Transaction<'_>, id: Uuid, size: Option<i64>, version: Option<&str>) -> Result<(), StoreError> {
    transaction
        .execute(
            "UPDATE documents SET status = 'processing', error = NULL, updated_at = now(), size_bytes = coalesce($2, size_bytes),
                 object_version = $3
             WHERE id = $1",
            &[&id, &size, &version],
        )
        .await?;
    Ok(())
}

pub async fn remove_chunks(transaction: &Transaction<'_>, id: Uuid) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM document_chunks WHERE document_id = $1", &[&id]).await?;
    Ok(())
}

/// Adds chunks, numbered from `first` on.
pub async fn add_chunks(
    transaction: &Transaction<'_>,
    id: Uuid,
    first: i32,
    texts: &[String],
    embeddings: Vec<Vec<f32>>,
) -> Result<(), StoreError> {
    let vectors: Vec<Vector> = embeddings.into_iter().map(Vector::from).collect();
    let statement = transaction
        .prepare(
            "INSERT INTO document_chunks (document_id, chunk_index, content, embedding)
             SELECT $1, $2 + n::integer - 1, text, vector FROM unnest($3::text[], $4::vector[]) WITH ORDINALITY AS new (text, vector, n)",
        )
        .await?;
    transaction.execute(&statement, &[&id, &first, &texts, &vectors]).await?;
    Ok(())
}

/// The row stands for this version of the object, whose chunks are all written.
pub async fn complete(transaction: &Transaction<'_>, id: Uuid, chunks: i32, size: i64, version: Option<&str>) -> Result<(), StoreError> {
    transaction
        .execute(
            "UPDATE documents SET status = 'completed', error = NULL, chunk_count = $2, size_bytes = $3, object_version = $4,
                 updated_at = now()
             WHERE id = $1",
            &[&id, &chunks, &size, &version],
        )
        .await?;
    Ok(())
}

/// Leaves the reason with the document. Chunks of an older version go: they are not what the object says any more.
pub async fn fail(transaction: &Transaction<'_>, id: Uuid, reason: &str) -> Result<(), StoreError> {
    remove_chunks(transaction, id).await?;
    transaction
        .execute("UPDATE documents SET status = 'failed', error = $2, chunk_count = 0, updated_at = now() WHERE id = $1", &[&id, &reason])
        .await?;
    Ok(())
}

/// Files on this server's disk that were stored but not read to the end, for example because it was stopped.
pub async fn unfinished_on_disk(client: &Client) -> Result<Vec<(String, String)>, StoreError> {
    let rows = client
        .query(
            "SELECT object_key, filename FROM documents
             WHERE bucket = '' AND deleted_at IS NULL AND status IN ('pending', 'processing') ORDER BY created_at",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Whether a file on disk belongs to a document.
pub async fn is_on_disk(client: &Client, key: &str) -> Result<bool, StoreError> {
    Ok(client.query_opt("SELECT 1 FROM documents WHERE bucket = '' AND object_key = $1 AND deleted_at IS NULL", &[&key]).await?.is_some())
}

/// The chunks nearest to a vector, nearest first.
pub async fn nearest(client: &deadpool_postgres::ClientWrapper, embedding: Vec<f32>, limit: i64) -> Result<Vec<Source>, StoreError> {
    // The inner query is in the form that the index serves; the join comes after it.
    let statement = client
        .prepare_cached(
            "SELECT c.document_id, d.filename, c.chunk_index, 1 - c.distance AS score, c.content
             FROM (SELECT document_id, chunk_index, content, embedding <=> $1 AS distance
                   FROM document_chunks ORDER BY embedding <=> $1 LIMIT $2) c
             JOIN documents d ON d.id = c.document_id ORDER BY c.distance",
        )
        .await?;
    let rows = client.query(&statement, &[&Vector::from(embedding), &limit]).await?;
    let source = |row: &Row| Source {
        document_id: row.get(0),
        filename: row.get(1),
        chunk_index: row.get(2),
        score: row.get(3),
        content: row.get(4),
    };
    Ok(rows.iter().map(source).collect())
}
