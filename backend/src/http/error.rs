//! Every refusal in one shape: `{"error": {"code", "message", "request_id"}}`, without anything of the inside.

use std::any::Any;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::KeyError;
use crate::bedrock::ModelError;
use crate::files::FileError;
use crate::store::StoreError;

/// What a client gets instead of an answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// For programs: stays the same.
    #[schema(example = "malformed_json")]
    pub code: String,
    /// For people.
    pub message: String,
    /// The id under which the log says more.
    pub request_id: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("there is nothing at this path")]
    NoSuchPath,
    #[error("this path does not take this method")]
    MethodNotAllowed,
    #[error("the body is not JSON: {0}")]
    MalformedJson(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("the content type must be {0}")]
    WrongContentType(&'static str),
    #[error("the body is larger than {0} bytes")]
    BodyTooLarge(u64),
    #[error("the message is longer than {0} characters")]
    MessageTooLong(usize),
    #[error("the conversation and the message together are longer than the model takes; start a new conversation or shorten the message")]
    PromptTooLong,
    #[error("there is no such session")]
    UnknownSession,
    #[error("there is no such document")]
    UnknownDocument,
    #[error("the document is being processed; try again in a moment")]
    DocumentBusy,
    #[error("answers from documents are switched off")]
    RagDisabled,
    #[error("a bearer token is needed")]
    TokenMissing,
    #[error("the token is not valid")]
    TokenInvalid,
    #[error("the token has expired")]
    TokenExpired,
    #[error("there is no file in the request; send it as a part named `files` with a file name")]
    NoFile,
    #[error("{0:?} is empty")]
    EmptyFile(String),
    #[error("{0:?} is of a type that cannot be read; txt, md, pdf, docx and html can")]
    UnsupportedType(String),
    #[error("{filename:?} is not what its name says: {reason}")]
    ContentMismatch { filename: String, reason: &'static str },
    #[error("the multipart body is broken: {0}")]
    MalformedMultipart(String),
    #[error("too many requests from this address; wait {0} s")]
    RateLimited(u64),
    #[error("the server is busy; try again in a moment")]
    Overloaded,
    #[error("the request took too long")]
    TimedOut,
    #[error("{0}")]
    Model(#[from] ModelError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    File(#[from] FileError),
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("something went wrong in here")]
    Internal(String),
}

impl ApiError {
    /// The status, the code, and the message where it is not the error's own: what happened inside stays in the log.
    fn shown(&self) -> (StatusCode, &'static str, Option<&'static str>) {
        use StatusCode as S;
        match self {
            Self::NoSuchPath => (S::NOT_FOUND, "not_found", None),
            Self::MethodNotAllowed => (S::METHOD_NOT_ALLOWED, "method_not_allowed", None),
            Self::MalformedJson(_) => (S::BAD_REQUEST, "malformed_json", None),
            Self::InvalidRequest(_) => (S::UNPROCESSABLE_ENTITY, "invalid_request", None),
            Self::WrongContentType(_) => (S::UNSUPPORTED_MEDIA_TYPE, "wrong_content_type", None),
            Self::BodyTooLarge(_) => (S::PAYLOAD_TOO_LARGE, "body_too_large", None),
            Self::MessageTooLong(_) => (S::PAYLOAD_TOO_LARGE, "message_too_long", None),
            Self::PromptTooLong => (S::PAYLOAD_TOO_LARGE, "prompt_too_long", None),
            Self::UnknownSession => (S::NOT_FOUND, "unknown_session", None),
            Self::UnknownDocument => (S::NOT_FOUND, "unknown_document", None),
            Self::DocumentBusy => (S::CONFLICT, "document_busy", None),
            Self::RagDisabled => (S::CONFLICT, "rag_disabled", None),
            Self::TokenMissing => (S::UNAUTHORIZED, "token_missing", None),
            Self::TokenInvalid => (S::UNAUTHORIZED, "token_invalid", None),
            Self::TokenExpired => (S::UNAUTHORIZED, "token_expired", None),
            Self::NoFile => (S::UNPROCESSABLE_ENTITY, "no_file", None),
            Self::EmptyFile(_) => (S::UNPROCESSABLE_ENTITY, "empty_file", None),
            Self::UnsupportedType(_) => (S::UNSUPPORTED_MEDIA_TYPE, "unsupported_type", None),
            Self::ContentMismatch { .. } => (S::UNPROCESSABLE_ENTITY, "content_mismatch", None),
            Self::MalformedMultipart(_) => (S::BAD_REQUEST, "malformed_multipart", None),
            Self::RateLimited(_) => (S::TOO_MANY_REQUESTS, "rate_limited", None),
            Self::Overloaded => (S::SERVICE_UNAVAILABLE, "overloaded", None),
            Self::TimedOut => (S::GATEWAY_TIMEOUT, "timed_out", None),
            Self::Model(error) => model(error),
            Self::Store(StoreError::NotConfigured) => (S::SERVICE_UNAVAILABLE, "database_not_configured", None),
            Self::Store(StoreError::Unavailable(_) | StoreError::Schema(_)) => {
                (S::SERVICE_UNAVAILABLE, "database_unavailable", Some("the database cannot be used at the moment"))
            }
            Self::Store(StoreError::Slow) => (S::GATEWAY_TIMEOUT, "database_slow", None),
            Self::Store(StoreError::Busy) => (S::CONFLICT, "busy", None),
            Self::File(FileError::TooLarge(_)) => (S::PAYLOAD_TOO_LARGE, "body_too_large", None),
            Self::File(_) => (S::SERVICE_UNAVAILABLE, "storage_unavailable", Some("the files cannot be reached at the moment")),
            Self::Key(_) => (S::SERVICE_UNAVAILABLE, "tokens_unavailable", Some("tokens cannot be checked at the moment")),
            Self::Store(StoreError::Statement(_)) | Self::Internal(_) => {
                (S::INTERNAL_SERVER_ERROR, "internal", Some("something went wrong in here"))
            }
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(seconds) => Some(*seconds),
            Self::Overloaded | Self::DocumentBusy => Some(1),
            Self::Model(error) if error.passes() => Some(5),
            Self::Store(error) if error.passes() => Some(5),
            Self::File(FileError::Unavailable(_)) => Some(5),
            _ => None,
        }
    }
}

fn model(error: &ModelError) -> (StatusCode, &'static str, Option<&'static str>) {
    use StatusCode as S;
    match error {
        ModelError::Busy => (S::SERVICE_UNAVAILABLE, "model_busy", None),
        ModelError::Slow => (S::GATEWAY_TIMEOUT, "model_timeout", None),
        ModelError::TooLong => (
            S::PAYLOAD_TOO_LARGE,
            "prompt_too_long",
            Some(
                "the conversation and the message together are longer than the model takes; start a new conversation or shorten the message",
            ),
        ),
        ModelError::Refused => (S::UNPROCESSABLE_ENTITY, "content_refused", None),
        ModelError::Denied(_) => (S::BAD_GATEWAY, "model_denied", Some("the model cannot be used by this application")),
        ModelError::Unavailable(_) => (S::BAD_GATEWAY, "model_unavailable", Some("the model cannot be used at the moment")),
        ModelError::Malformed(_) => (S::BAD_GATEWAY, "model_error", Some("the model did not give an answer")),
    }
}

/// What a response says of an error, until the outermost layer writes it down together with the request's id.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Refusal {
    /// For a response that a library made: only its status is known.
    pub(super) fn of_status(status: StatusCode) -> Self {
        let reason = status.canonical_reason().unwrap_or("the request was refused").to_lowercase();
        Self { code: if status.is_server_error() { "internal" } else { "invalid_request" }, message: reason }
    }

    pub(super) fn body(self, request_id: &str) -> Json<ErrorBody> {
        let Self { code, message } = self;
        Json(ErrorBody { error: ErrorDetail { code: code.into(), message, request_id: request_id.into() } })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code, message) = self.shown();
        if status.is_server_error() {
            // Debug, and not Display: this is where the inside belongs.
            tracing::error!(code, error = ?self, "the request failed");
        } else {
            tracing::debug!(code, error = %self, "the request was refused");
        }
        let retry = self.retry_after();
        let message = message.map_or_else(|| self.to_string(), str::to_owned);
        let mut response = status.into_response();
        if let Some(seconds) = retry {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(Refusal { code, message });
        response
    }
}

/// A bug must not take the connection with it.
#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(super) fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause.downcast_ref::<String>().cloned().or_else(|| cause.downcast_ref::<&str>().map(ToString::to_string));
    ApiError::Internal(format!("panic: {}", text.unwrap_or_default())).into_response()
}
