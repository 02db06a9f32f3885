//! The HTTP interface: which request gets which answer.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::from_fn_with_state;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::AppState;
use crate::config::Cors;

mod chat;
mod documents;
mod error;
mod extract;
mod gate;
mod health;
mod instant;
mod page;
mod query;
mod sessions;

pub use error::{ApiError, ErrorBody, ErrorDetail};
pub(crate) use gate::forwarded;
pub use gate::{ClientAddress, Gate};
pub use health::LastLook;

/// Header that carries a request's id in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything, ready to serve.
pub fn router(app: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let text = document.to_json().expect("the document is made of plain values");
    let pages = page::router(text);
    let mut router = Router::new()
        .merge(api)
        .merge(pages)
        .fallback(|| async { ApiError::NoSuchPath })
        .method_not_allowed_fallback(|| async { ApiError::MethodNotAllowed })
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(app.clone(), gate::pass));
    if let Some(cors) = cors(&app.config.cors) {
        router = router.layer(cors);
    }
    router.with_state(app)
}

/// The description of the interface, as it is served.
pub fn openapi() -> OpenApi {
    api().into_openapi()
}

/// Each route is there twice: alone, and beneath `/api` for a distribution that serves the page from the same host.
fn api() -> OpenApiRouter<AppState> {
    let routes = || {
        OpenApiRouter::new()
            .routes(routes!(health::health))
            .routes(routes!(health::ready))
            .routes(routes!(chat::chat))
            .routes(routes!(query::query))
            .routes(routes!(sessions::show, sessions::remove))
            .routes(routes!(documents::upload))
            .routes(routes!(documents::list))
            .routes(routes!(documents::show, documents::remove))
    };
    let info = InfoBuilder::new()
        .title("Chatbot backend")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Chat, questions about uploaded documents, and the documents themselves."));
    let bearer = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build());
    let components = ComponentsBuilder::new().security_scheme("bearer", bearer).build();
    let document = OpenApiBuilder::new().info(info).components(Some(components)).build();
    let mut all = OpenApiRouter::with_openapi(document).merge(routes()).nest("/api", routes());
    // Operation ids must differ: those beneath `/api` say so.
    for (path, item) in &mut all.get_openapi_mut().paths.paths {
        if path.starts_with("/api/") {
            let operations = [&mut item.get, &mut item.post, &mut item.delete];
            for operation in operations.into_iter().flatten() {
                operation.operation_id = operation.operation_id.take().map(|id| format!("api_{id}"));
            }
        }
    }
    all
}

fn cors(settings: &Cors) -> Option<CorsLayer> {
    let origins = match settings {
        Cors::Off => return None,
        Cors::Any => AllowOrigin::from(Any),
        Cors::Origins(list) => AllowOrigin::list(list.iter().filter_map(|origin| HeaderValue::from_str(origin).ok())),
    };
    Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS])
            .allow_headers([header::CONTENT_TYPE, header::AUTHORIZATION, REQUEST_ID])
            .expose_headers([REQUEST_ID, header::RETRY_AFTER])
            .max_age(Duration::from_secs(300)),
    )
}
