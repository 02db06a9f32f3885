//! JSON bodies, path and query parameters whose rejections have this application's shape.

use axum::body::to_bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::ApiError;
use crate::AppState;

/// A JSON body of limited size.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &AppState) -> Result<Self, ApiError> {
        let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence != "application/json" && !(essence.starts_with("application/") && essence.ends_with("+json")) {
            return Err(ApiError::WrongContentType("application/json"));
        }
        let limit = app.config.limits.json_bytes;
        let bytes = to_bytes(request.into_body(), limit).await.map_err(|error| too_large_or_broken(&error, limit))?;
        match axum::Json::<T>::from_bytes(&bytes) {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(JsonRejection::JsonSyntaxError(error)) => Err(ApiError::MalformedJson(cause(&error))),
            Err(error) => Err(ApiError::InvalidRequest(cause(&error))),
        }
    }
}

fn too_large_or_broken(error: &axum::Error, limit: usize) -> ApiError {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return ApiError::BodyTooLarge(limit as u64);
        }
        source = error.source();
    }
    ApiError::InvalidRequest("the body ended too early".into())
}

/// The innermost reason, which is the one that helps.
fn cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A parameter in the path.
pub(super) struct InPath<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<AppState> for InPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let Path(value) = Path::from_request_parts(parts, app).await.map_err(|error| ApiError::InvalidRequest(error.body_text()))?;
        Ok(Self(value))
    }
}

/// Parameters after the question mark.
pub(super) struct InQuery<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for InQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self, ApiError> {
        let Query(value) = Query::from_request_parts(parts, app).await.map_err(|error| ApiError::InvalidRequest(error.body_text()))?;
        Ok(Self(value))
    }
}
