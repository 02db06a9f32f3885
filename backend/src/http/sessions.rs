//! What was said in a conversation.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::chat::check_session_id;
use super::extract::InPath;
use super::{ApiError, ErrorBody};
use crate::AppState;
use crate::store::Turn;

#[derive(Serialize, ToSchema)]
pub(super) struct History {
    session_id: String,
    /// Oldest first.
    messages: Vec<Turn>,
}

/// The messages of a conversation.
#[utoipa::path(get, operation_id = "show_session", path = "/sessions/{id}", tag = "chat", params(("id" = String, Path, description = "Name of the conversation", pattern = "^[A-Za-z0-9._:-]{1,128}$")), responses(
    (status = 200, description = "The messages", body = History),
    (status = 404, description = "There is no such session", body = ErrorBody),
    (status = 422, description = "That cannot be the name of a session", body = ErrorBody),
    (status = 429, description = "Too many requests from this address", body = ErrorBody),
    (status = 503, description = "The database is away", body = ErrorBody),
    (status = 504, description = "It took too long", body = ErrorBody),
))]
pub(super) async fn show(State(app): State<AppState>, InPath(id): InPath<String>) -> Result<Json<History>, ApiError> {
    check_session_id(&id)?;
    let messages = app.sessions.turns(&id).await?.ok_or(ApiError::UnknownSession)?;
    Ok(Json(History { session_id: id, messages }))
}

/// Forgets a conversation.
#[utoipa::path(delete, operation_id = "remove_session", path = "/sessions/{id}", tag = "chat", params(("id" = String, Path, description = "Name of the conversation", pattern = "^[A-Za-z0-9._:-]{1,128}$")), responses(
    (status = 204, description = "It is forgotten"),
    (status = 404, description = "There is no such session", body = ErrorBody),
    (status = 422, description = "That cannot be the name of a session", body = ErrorBody),
    (status = 429, description = "Too many requests from this address", body = ErrorBody),
    (status = 503, description = "The database is away", body = ErrorBody),
    (status = 504, description = "It took too long", body = ErrorBody),
))]
pub(super) async fn remove(State(app): State<AppState>, InPath(id): InPath<String>) -> Result<StatusCode, ApiError> {
    check_session_id(&id)?;
    if app.sessions.remove(&id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::UnknownSession) }
}
