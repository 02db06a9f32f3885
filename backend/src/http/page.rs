//! The chat page: three files that are compiled in, and the description of the interface.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde_json::json;

use crate::AppState;

const INDEX: &str = include_str!("../../page/index.html");
const STYLE: &str = include_str!("../../page/style.css");
const SCRIPT: &str = include_str!("../../page/script.js");

const HTML: &str = "text/html; charset=utf-8";

pub(super) fn router(openapi: String) -> Router<AppState> {
    let openapi: axum::body::Bytes = openapi.into();
    let description = move || async move { ([(header::CONTENT_TYPE, "application/json")], openapi) };
    Router::new()
        .route("/", get(index))
        .route("/page/style.css", get(|| file("text/css; charset=utf-8", STYLE)))
        .route("/page/script.js", get(|| file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/page/settings.json", get(settings))
        .route("/favicon.ico", get(|| async { axum::http::StatusCode::NO_CONTENT }))
        .route("/openapi.json", get(description.clone()))
        .route("/api/openapi.json", get(description))
}

/// The page may run only its own script and talk only to its API, so nothing that is shown can become a program.
async fn index(State(app): State<AppState>) -> impl IntoResponse {
    let api = app.config.page_api_url.as_deref().unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {api}; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let headers: [(HeaderName, String); 5] = [
        (header::CONTENT_TYPE, HTML.into()),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".into()),
        (header::REFERRER_POLICY, "no-referrer".into()),
        (header::CACHE_CONTROL, "no-cache".into()),
    ];
    (headers, INDEX)
}

async fn file(content_type: &'static str, content: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type), (header::X_CONTENT_TYPE_OPTIONS, "nosniff"), (header::CACHE_CONTROL, "no-cache")], content)
}

/// What the page must know of its server.
async fn settings(State(app): State<AppState>) -> impl IntoResponse {
    axum::Json(json!({ "api": app.config.page_api_url.as_deref().unwrap_or_default(), "rag": app.config.rag }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_there_in_chinese() {
        let (_, rest) = SCRIPT.split_once("\"zh-Hant-TW\": {").unwrap();
        let (chinese, _) = rest.split_once("\n  },").unwrap();
        // A status, and the code that comes with it.
        let pairs = include_str!("error.rs").split("(S::").skip(1);
        let codes: Vec<_> = pairs.filter_map(|text| text.split('"').nth(1)).collect();
        assert!(codes.len() > 35, "{codes:?}");
        for code in codes {
            assert!(chinese.contains(&format!(" {code}: \"")), "{code} is only there in English");
        }
    }
}
