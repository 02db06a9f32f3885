//! Uploading documents, and looking after them.

use std::time::Duration;

use axum::Json;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt as _;
use tracing::Instrument as _;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{InPath, InQuery};
use super::{ApiError, ErrorBody};
use crate::AppState;
use crate::auth::Caller;
use crate::processor::{self, Format};
use crate::store::StoreError;
use crate::store::documents::{self, Document, NewDocument, Place};

/// Only for the description: the body is read as a stream.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form, is never made")]
pub(super) struct UploadForm {
    #[schema(content_media_type = "application/octet-stream")]
    files: Vec<Vec<u8>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct Uploaded {
    documents: Vec<Document>,
}

#[derive(Deserialize)]
pub(super) struct Window {
    #[serde(default = "default_limit")]
    limit: u16,
    #[serde(default)]
    offset: i32,
}

fn default_limit() -> u16 {
    50
}

#[derive(Serialize, ToSchema)]
pub(super) struct DocumentList {
    /// Newest first.
    documents: Vec<Document>,
    /// How many there are in all.
    total: i64,
}

/// Stores documents; they are read afterwards, and `GET /documents/{id}` tells how far that is.
///
/// All of the files are stored, or none.
#[utoipa::path(post, operation_id = "upload_documents", path = "/upload/document", tag = "documents", security(("bearer" = [])),
    request_body(content = UploadForm, content_type = "multipart/form-data"), responses(
    (status = 202, description = "Stored", body = Uploaded),
    (status = 400, description = "The body is not what its content type says", body = ErrorBody),
    (status = 401, description = "The token is missing, wrong or expired", body = ErrorBody),
    (status = 413, description = "The body is too large", body = ErrorBody),
    (status = 415, description = "The body is not multipart, or a file is of a type that cannot be read", body = ErrorBody),
    (status = 422, description = "There is no file, or one is empty or not what its name says", body = ErrorBody),
    (status = 429, description = "Too many requests from this address", body = ErrorBody),
    (status = 503, description = "The database or the storage is away", body = ErrorBody),
    (status = 504, description = "It took too long", body = ErrorBody),
))]
pub(super) async fn upload(
    State(app): State<AppState>,
    Caller(caller): Caller,
    request: Request,
) -> Result<(StatusCode, Json<Uploaded>), ApiError> {
    let received = receive(&app, request).await?;
    // From here on it is brought to its end, or taken back, also when the client goes away or the time is up: a commit that was sent
    // cannot be called back.
    let work = tokio::spawn(keep(app, caller, received).in_current_span());
    let documents = work.await.map_err(|error| ApiError::Internal(error.to_string()))??;
    Ok((StatusCode::ACCEPTED, Json(Uploaded { documents })))
}

/// A file that has arrived whole.
struct Received {
    filename: String,
    format: Format,
    size: u64,
    file: NamedTempFile,
}

async fn receive(app: &AppState, request: Request) -> Result<Vec<Received>, ApiError> {
    let limits = &app.config.limits;
    let envelope = 64 * 1024;
    check_headers(request.headers(), limits.upload_bytes, envelope)?;
    let broken = |error: MultipartError| multipart_error(&error, limits.upload_bytes);
    let mut request = request;
    DefaultBodyLimit::max(usize::try_from(limits.upload_bytes + envelope).unwrap_or(usize::MAX)).apply(&mut request);
    let mut multipart = Multipart::from_request(request, app).await.map_err(|error| ApiError::MalformedMultipart(error.body_text()))?;
    let mut received = Vec::new();
    let mut total = 0;
    while let Some(field) = multipart.next_field().await.map_err(broken)? {
        let Some(filename) = field.file_name().map(str::to_owned) else { continue };
        if received.len() == limits.upload_files {
            return Err(ApiError::InvalidRequest(format!("there are more than {} files", limits.upload_files)));
        }
        let file = receive_file(app, field, &filename, limits.upload_bytes - total).await?;
        total += file.size;
        received.push(file);
    }
    if received.is_empty() { Err(ApiError::NoFile) } else { Ok(received) }
}

/// Whoever says that it is too much need not send it.
fn check_headers(headers: &HeaderMap, limit: u64, envelope: u64) -> Result<(), ApiError> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !header(CONTENT_TYPE).to_ascii_lowercase().starts_with("multipart/form-data") {
        return Err(ApiError::WrongContentType("multipart/form-data"));
    }
    match header(CONTENT_LENGTH).parse::<u64>() {
        Ok(length) if length > limit + envelope => Err(ApiError::BodyTooLarge(limit)),
        _ => Ok(()),
    }
}

async fn receive_file(app: &AppState, mut field: Field<'_>, filename: &str, limit: u64) -> Result<Received, ApiError> {
    let limits = &app.config.limits;
    let filename = clean_name(filename)?;
    let format = Format::of_name(&filename).ok_or_else(|| ApiError::UnsupportedType(filename.clone()))?;
    let scratch = app.files.scratch().await?;
    let mut file = tokio::fs::File::from_std(scratch.reopen().map_err(crate::files::FileError::from)?);
    let mut head = Vec::with_capacity(processor::HEAD);
    let mut size = 0;
    while let Some(piece) = field.chunk().await.map_err(|error| multipart_error(&error, limits.upload_bytes))? {
        size += piece.len() as u64;
        if size > limit {
            return Err(ApiError::BodyTooLarge(limits.upload_bytes));
        }
        head.extend_from_slice(&piece[..piece.len().min(processor::HEAD - head.len())]);
        file.write_all(&piece).await.map_err(crate::files::FileError::from)?;
    }
    file.flush().await.map_err(crate::files::FileError::from)?;
    if size == 0 {
        return Err(ApiError::EmptyFile(filename));
    }
    format.check_head(&head).map_err(|reason| ApiError::ContentMismatch { filename: filename.clone(), reason })?;
    Ok(Received { filename, format, size, file: scratch })
}

/// A file that was stored, or may have been, for a row that is not committed.
struct Stored {
    id: Uuid,
    place: Place,
}

/// Why an upload was not kept.
enum Unkept {
    /// Nothing of it will ever be in the database.
    Refused(ApiError),
    /// The connection broke in the moment of the commit: these may be there, or not.
    Unknown(Vec<Document>, StoreError),
}

impl<E: Into<ApiError>> From<E> for Unkept {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Stores the files and their rows: both or neither.
///
/// The rows are written first but become visible last, so that whatever fails in between leaves nothing in the database;
/// what is in the storage by then is taken out again.
async fn keep(app: AppState, caller: String, received: Vec<Received>) -> Result<Vec<Document>, ApiError> {
    let mut stored = Vec::new();
    let documents = match write(&app, &caller, received, &mut stored).await {
        Ok(documents) => documents,
        Err(Unkept::Refused(error)) => {
            undo(&app, &stored).await;
            return Err(error);
        }
        Err(Unkept::Unknown(documents, error)) => match is_kept(&app, &stored).await {
            Ok(true) => documents,
            Ok(false) => {
                take_out(&app, &stored).await;
                return Err(error.into());
            }
            Err(_) => {
                tokio::spawn(find_out(app, caller, documents, stored).in_current_span());
                return Err(error.into());
            }
        },
    };
    process(&app, &caller, &documents, stored).await;
    Ok(documents)
}

async fn write(app: &AppState, caller: &str, received: Vec<Received>, stored: &mut Vec<Stored>) -> Result<Vec<Document>, Unkept> {
    let mut connection = app.database()?.connection().await?;
    let transaction = connection.transaction().await.map_err(StoreError::from)?;
    let mut documents = Vec::new();
    for Received { filename, format, size, file } in received {
        let id = Uuid::new_v4();
        let place = app.files.place(id, &filename);
        let new = NewDocument {
            id,
            filename: &filename,
            content_type: format.content_type(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            place: &place,
            uploaded_by: Some(caller),
        };
        documents.push(documents::insert(&transaction, &new).await?);
        // Noted before it is stored: an upload whose answer got lost may still have arrived.
        stored.push(Stored { id, place: place.clone() });
        let version = app.files.store(file, &place, format.content_type()).await?;
        documents::set_version(&transaction, id, version.as_deref()).await?;
    }
    match transaction.commit().await.map_err(StoreError::from) {
        Ok(()) => Ok(documents),
        Err(error @ StoreError::Unavailable(_)) => Err(Unkept::Unknown(documents, error)),
        Err(error) => Err(error.into()),
    }
}

async fn process(app: &AppState, caller: &str, documents: &[Document], stored: Vec<Stored>) {
    for (document, Stored { place, .. }) in documents.iter().zip(stored) {
        tracing::info!(document = %document.id, filename = document.filename, size = document.size_bytes, caller, "stored");
        processor::after_upload(app, place, &document.filename).await;
    }
}

/// Whether the rows are visible. If they are not, they never will be.
async fn is_kept(app: &AppState, stored: &[Stored]) -> Result<bool, StoreError> {
    let mut connection = app.database()?.connection().await?;
    let transaction = connection.transaction().await?;
    for Stored { id, place } in stored {
        if !documents::refuse(&transaction, *id, place).await? {
            return Ok(true);
        }
    }
    transaction.commit().await?;
    Ok(false)
}

/// Takes out again what was stored for rows that will never be visible.
async fn undo(app: &AppState, stored: &[Stored]) {
    // A bucket tells of its objects, so that there may be a document of one already, or be one later.
    let stored_in_bucket = stored.iter().any(|it| !it.place.bucket.is_empty());
    if stored_in_bucket && let Err(error) = is_kept(app, stored).await {
        tracing::warn!(%error, "an upload that was refused cannot be marked as such");
    }
    take_out(app, stored).await;
}

async fn take_out(app: &AppState, stored: &[Stored]) {
    for Stored { place, .. } in stored {
        if let Err(error) = app.files.remove(place).await {
            tracing::error!(key = place.key, %error, "a file without a document stays behind");
        }
    }
}

/// Asks until the database knows: before that the files must stay.
async fn find_out(app: AppState, caller: String, documents: Vec<Document>, stored: Vec<Stored>) {
    let mut wait = Duration::from_millis(500);
    let kept = loop {
        match is_kept(&app, &stored).await {
            Ok(kept) => break kept,
            Err(error) => tracing::warn!(%error, "it is not known whether an upload was committed"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(Duration::from_secs(30));
    };
    if kept {
        process(&app, &caller, &documents, stored).await;
    } else {
        take_out(&app, &stored).await;
        tracing::info!("an upload that was not committed is taken back");
    }
}

/// The last part of a name, without anything that a path, a log or a header could trip over.
fn clean_name(name: &str) -> Result<String, ApiError> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = last.chars().filter(|c| !c.is_control()).collect();
    let clean = clean.trim().trim_start_matches('.');
    match clean.len() {
        1..=255 => Ok(clean.to_owned()),
        _ => Err(ApiError::InvalidRequest("a file name has 1 to 255 bytes".into())),
    }
}

fn multipart_error(error: &MultipartError, limit: u64) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        ApiError::BodyTooLarge(limit)
    } else {
        ApiError::MalformedMultipart(error.body_text())
    }
}

/// The documents, newest first.
#[utoipa::path(get, operation_id = "list_documents", path = "/documents", tag = "documents", security(("bearer" = [])), params(
    ("limit" = Option<u16>, Query, description = "How many", minimum = 1, maximum = 100),
    ("offset" = Option<i32>, Query, description = "How many to skip", minimum = 0),
), responses(
    (status = 200, description = "The documents", body = DocumentList),
    (status = 401, description = "The token is missing, wrong or expired", body = ErrorBody),
    (status = 422, description = "A parameter is wrong", body = ErrorBody),
    (status = 429, description = "Too many requests from this address", body = ErrorBody),
    (status = 503, description = "The database is away", body = ErrorBody),
    (status = 504, description = "It took too long", body = ErrorBody),
))]
pub(super) async fn list(State(app): State<AppState>, _: Caller, InQuery(window): InQuery<Window>) -> Result<Json<DocumentList>, ApiError> {
    if !(1..=100).contains(&window.limit) {
        return Err(ApiError::InvalidRequest("limit is a number from 1 to 100".into()));
    }
    if window.offset < 0 {
        return Err(ApiError::InvalidRequest("offset is not below 0".into()));
    }
    let client = app.database()?.connection().await?;
    let (documents, total) = documents::list(&client, window.limit.into(), window.offset.into()).await?;
    Ok(Json(DocumentList { documents, total }))
}

/// One document and how far its processing is.
#[utoipa::path(get, operation_id = "show_document", path = "/documents/{id}", tag = "documents", security(("bearer" = [])), params(("id" = Uuid, Path, description = "Id of the document")), responses(
    (status = 200, description = "The document", body = Document),
    (status = 401, description = "The token is missing, wrong or expired", body = ErrorBody),
    (status = 404, description = "There is no such document", body = ErrorBody),
    (status = 422, description = "That is not an id", body = ErrorBody),
    (status = 429, description = "Too many requests from this address", body = ErrorBody),
    (status = 503, description = "The database is away", body = ErrorBody),
    (status = 504, description = "It took too long", body = ErrorBody),
))]
pub(super) async fn show(State(app): State<AppState>, _: Caller, InPath(id): InPath<Uuid>) -> Result<Json<Document>, ApiError> {
    let client = app.database()?.connection().await?;
    documents::get(&**client, id).await?.map(Json).ok_or(ApiError::UnknownDocument)
}

/// Removes a document, its file and its chunks.
#[utoipa::path(delete, operation_id = "remove_document", path = "/documents/{id}", tag = "documents", security(("bearer" = [])), params(("id" = Uuid, Path, description = "Id of the document")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "The token is missing, wrong or expired", body = ErrorBody),
    (status = 404, description = "There is no such document", body = ErrorBody),
    (status = 409, description = "It is being processed at this moment", body = ErrorBody),
    (status = 422, description = "That is not an id", body = ErrorBody),
    (status = 429, description = "Too many requests from this address", body = ErrorBody),
    (status = 503, description = "The database or the storage is away", body = ErrorBody),
    (status = 504, description = "It took too long", body = ErrorBody),
))]
pub(super) async fn remove(State(app): State<AppState>, Caller(caller): Caller, InPath(id): InPath<Uuid>) -> Result<StatusCode, ApiError> {
    let mut client = app.database()?.connection().await?;
    let transaction = client.transaction().await.map_err(StoreError::from)?;
    let place = match documents::lock_for_removal(&transaction, id).await {
        Err(StoreError::Busy) => return Err(ApiError::DocumentBusy),
        result => result?.ok_or(ApiError::UnknownDocument)?,
    };
    documents::remove(&transaction, id).await?;
    // The file goes first: if the commit fails, the request can be repeated; the other way round the file would stay for ever.
    app.files.remove(&place).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    tracing::info!(document = %id, caller, "removed");
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_folders_and_tricks() {
        let check = |name: &str, expected: Option<&str>| assert_eq!(clean_name(name).ok().as_deref(), expected, "{name}");
        check("員工手冊.pdf", Some("員工手冊.pdf"));
        check("../../etc/passwd.txt", Some("passwd.txt"));
        check("C:\\Users\\amy\\手冊.docx", Some("手冊.docx"));
        check("a\r\nb\0.txt", Some("ab.txt"));
        check("..", None);
        check("", None);
        check(&"x".repeat(300), None);
    }
}
