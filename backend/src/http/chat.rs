//! Conversations.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use super::{ApiError, ErrorBody, instant};
use crate::AppState;
use crate::store::Turn;

#[derive(Deserialize, ToSchema)]
pub(super) struct ChatRequest {
    /// Names the conversation; a new one begins when it is left out or not yet known.
    #[schema(example = "test-123", pattern = "^[A-Za-z0-9._:-]+$", min_length = 1, max_length = 128)]
    session_id: Option<String>,
    /// What the person says.
    #[schema(example = "現在幾點？", min_length = 1)]
    message: String,
    /// Go on with a conversation or fail: one that is not known is an error then.
    #[serde(default)]
    resume: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ChatResponse {
    response: String,
    session_id: String,
    /// Who answered.
    answered_by: AnsweredBy,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AnsweredBy {
    /// This application itself.
    Backend,
    Model,
}

/// Answers a message.
///
/// Questions about the time or the date are answered by the application itself, everything else by the model.
#[utoipa::path(post, path = "/chat", tag = "chat", request_body = ChatRequest, responses(
    (status = 200, description = "The answer", body = ChatResponse),
    (status = 400, description = "The body is not JSON", body = ErrorBody),
    (status = 404, description = "`resume` was asked for and there is no such session", body = ErrorBody),
    (status = 413, description = "The body, the message or the conversation is too long", body = ErrorBody),
    (status = 415, description = "The body is not declared as JSON", body = ErrorBody),
    (status = 422, description = "A field is missing or wrong, or the model refuses to talk about it", body = ErrorBody),
    (status = 429, description = "Too many requests from this address", body = ErrorBody),
    (status = 502, description = "The model cannot be used", body = ErrorBody),
    (status = 503, description = "The model or the server is busy, or the database is away", body = ErrorBody),
    (status = 504, description = "It took too long", body = ErrorBody),
))]
pub(super) async fn chat(State(app): State<AppState>, Body(request): Body<ChatRequest>) -> Result<Json<ChatResponse>, ApiError> {
    let conversation = Conversation::open(&app, request.session_id, &request.message, request.resume).await?;
    let (response, answered_by) = match instant::answer(&request.message, &app.config.time_zone, Timestamp::now()) {
        Some(answer) => (answer, AnsweredBy::Backend),
        None => {
            let system = &app.models.settings().system_prompt;
            (app.models.answer(system, &conversation.history, &request.message).await?, AnsweredBy::Model)
        }
    };
    app.sessions.add(&conversation.id, &request.message, &response).await?;
    Ok(Json(ChatResponse { response, session_id: conversation.id, answered_by }))
}

/// A conversation that a checked message belongs to.
pub(super) struct Conversation {
    pub(super) id: String,
    pub(super) history: Vec<Turn>,
}

/// How much of a conversation the model is reminded of.
const HISTORY_CHARACTERS: usize = 24_000;

impl Conversation {
    pub(super) async fn open(app: &AppState, id: Option<String>, message: &str, resume: bool) -> Result<Self, ApiError> {
        check_message(message, app.config.limits.message_characters)?;
        let Some(id) = id else {
            return if resume {
                Err(ApiError::UnknownSession)
            } else {
                Ok(Self { id: uuid::Uuid::new_v4().to_string(), history: Vec::new() })
            };
        };
        check_session_id(&id)?;
        let history = match app.sessions.turns(&id).await? {
            None if resume => return Err(ApiError::UnknownSession),
            turns => turns.unwrap_or_default(),
        };
        Ok(Self { id, history: recent(history) })
    }
}

/// The newest pairs of question and answer that fit; a conversation must begin with a question.
fn recent(mut turns: Vec<Turn>) -> Vec<Turn> {
    let mut left = HISTORY_CHARACTERS;
    let mut keep = 0;
    for pair in turns.rchunks(2) {
        let length: usize = pair.iter().map(|turn| turn.content.chars().count()).sum();
        if pair.len() < 2 || length > left {
            break;
        }
        left -= length;
        keep += 2;
    }
    turns.split_off(turns.len() - keep)
}

fn check_message(message: &str, limit: usize) -> Result<(), ApiError> {
    if message.trim().is_empty() {
        return Err(ApiError::InvalidRequest("the message is empty".into()));
    }
    // PostgreSQL has no such character in a text.
    if message.contains('\0') {
        return Err(ApiError::InvalidRequest("the message has a NUL character in it".into()));
    }
    if message.chars().count() > limit { Err(ApiError::MessageTooLong(limit)) } else { Ok(()) }
}

pub(super) fn check_session_id(id: &str) -> Result<(), ApiError> {
    let fits =
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-'));
    if fits {
        Ok(())
    } else {
        Err(ApiError::InvalidRequest("a session_id has 1 to 128 letters, digits, dots, dashes, colons or underscores".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Role;

    #[test]
    fn history_is_cut_at_a_question() {
        let turn = |role, length: usize| Turn { role, content: "字".repeat(length) };
        let pair = |length| [turn(Role::User, 1), turn(Role::Assistant, length)];
        let turns: Vec<Turn> = [pair(20_000), pair(10_000), pair(10_000)].concat();
        let kept = recent(turns);
        assert_eq!((kept.len(), kept[0].role), (4, Role::User));
        assert!(recent(vec![turn(Role::User, 1)]).is_empty());
    }
}
