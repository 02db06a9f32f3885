//! The tables, brought up to date in one transaction beneath one lock, so that any number of copies may start at once.

use tokio_postgres::Client;

use super::StoreError;

/// Any number that no other program uses for the same purpose.
const LOCK: i64 = 0x6261_636b_656e_6401;

/// Each is run once, in this order, and never changed afterwards.
const MIGRATIONS: &[(&str, &str)] = &[(
    "documents, chunks and sessions",
    "CREATE EXTENSION IF NOT EXISTS vector;
         CREATE TABLE documents (
             id uuid PRIMARY KEY,
             filename text NOT NULL,
             content_type text NOT NULL,
             size_bytes bigint NOT NULL,
             bucket text NOT NULL,          -- empty for a file on this server's disk
             object_key text NOT NULL,
             object_version text,           -- version id, else entity tag
             sequencer text,                -- order of the events of one key
             status text NOT NULL CHECK (status IN ('pending', 'processing', 'completed', 'failed')),
             error text,
             chunk_count integer NOT NULL DEFAULT 0,
             uploaded_by text,
             created_at timestamptz NOT NULL DEFAULT now(),
             updated_at timestamptz NOT NULL DEFAULT now(),
             deleted_at timestamptz,        -- kept, so that a late event does not bring it back
             UNIQUE (bucket, object_key)
         );
         CREATE INDEX documents_newest ON documents (created_at DESC, id) WHERE deleted_at IS NULL;
         CREATE TABLE document_chunks (
             id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             document_id uuid NOT NULL REFERENCES documents ON DELETE CASCADE,
             chunk_index integer NOT NULL,
             content text NOT NULL,
             embedding vector(%DIMENSIONS%) NOT NULL,
             UNIQUE (document_id, chunk_index)
         );
         -- In the row itself: where vectors are stored apart, the planner does not see what it costs to read them all, and reads
         -- them all instead of asking the index.
         ALTER TABLE document_chunks ALTER COLUMN embedding SET STORAGE PLAIN;
         CREATE INDEX document_chunks_nearest ON document_chunks USING hnsw (embedding vector_cosine_ops);
         CREATE TABLE chat_sessions (
             id text PRIMARY KEY,
             created_at timestamptz NOT NULL DEFAULT now(),
             used_at timestamptz NOT NULL DEFAULT now()
         );
         CREATE TABLE chat_messages (
             id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             session_id text NOT NULL REFERENCES chat_sessions ON DELETE CASCADE,
             role text NOT NULL CHECK (role IN ('user', 'assistant')),
             content text NOT NULL,
             created_at timestamptz NOT NULL DEFAULT now()
         );
         CREATE INDEX chat_messages_of_session ON chat_messages (session_id, id);",
)];

/// Brings the tables up to date and returns the names of what was run.
pub async fn run(client: &mut Client, dimensions: usize) -> Result<Vec<&'static str>, StoreError> {
    if applied(client).await? >= MIGRATIONS.len() {
        // The common case, a start after the first, takes no lock.
        check(client, dimensions).await?;
        return Ok(Vec::new());
    }
    let transaction = client.transaction().await?;
    // Waiting for another copy, or building an index, may take longer than a request's statement does.
    transaction.batch_execute("SET LOCAL statement_timeout = '10min'").await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                 version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    let done = applied(transaction.client()).await?;
    let mut names = Vec::new();
    for (index, (name, statements)) in MIGRATIONS.iter().enumerate().skip(done) {
        transaction.batch_execute(&statements.replace("%DIMENSIONS%", &dimensions.to_string())).await?;
        let version = i32::try_from(index + 1).expect("there are fewer migrations than that");
        transaction.execute("INSERT INTO schema_migrations (version, name) VALUES ($1, $2)", &[&version, name]).await?;
        names.push(*name);
    }
    transaction.commit().await?;
    if !names.is_empty() {
        tracing::info!(migrations = ?names, "the tables are up to date");
    }
    check(client, dimensions).await?;
    Ok(names)
}

/// Refuses a database that lacks tables, or whose vectors have another length than the model's.
pub async fn check(client: &Client, dimensions: usize) -> Result<(), StoreError> {
    let done = applied(client).await?;
    if done < MIGRATIONS.len() {
        return Err(StoreError::Schema(format!("{} of {} migrations were run; run `backend migrate`", done, MIGRATIONS.len())));
    }
    let row = client
        .query_one("SELECT atttypmod FROM pg_attribute WHERE attrelid = 'document_chunks'::regclass AND attname = 'embedding'", &[])
        .await?;
    let stored: i32 = row.get(0);
    if usize::try_from(stored).is_ok_and(|stored| stored == dimensions) {
        return Ok(());
    }
    Err(StoreError::Schema(format!("its vectors have {stored} dimensions, the embedding model's {dimensions}")))
}

/// How many migrations the database has seen. A newer program may have run more than this one knows: that is a rollback, and fine.
async fn applied(client: &Client) -> Result<usize, StoreError> {
    let row = client.query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[]).await?;
    if !row.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client.query_one("SELECT coalesce(max(version), 0) FROM schema_migrations", &[]).await?;
    Ok(usize::try_from(row.get::<_, i32>(0)).unwrap_or_default())
}
