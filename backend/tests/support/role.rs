//! S3 as the application's role may use it: moto lets everybody do everything, so this stands before it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use super::moto;

/// What AWS says to whoever may not.
const DENIED: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";

#[derive(Clone)]
pub struct Role {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    moto: String,
    client: reqwest::Client,
    /// How many removals have been asked for; each takes a permit before it is passed on.
    removals: watch::Sender<usize>,
    removing: Semaphore,
}

impl Role {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let shared = Shared { moto: moto::url().await, client, removals: watch::Sender::new(0), removing: Semaphore::new(1000) };
        let shared = Arc::new(shared);
        let router = Router::new().fallback(pass).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// From now on nothing is removed before [`Role::release`].
    pub fn hold_removals(&self) {
        self.shared.removing.forget_permits(1000);
    }

    pub fn release(&self) {
        self.shared.removing.add_permits(1000);
    }

    /// Waits until a removal has been asked for.
    pub async fn asked_to_remove(&self) {
        self.shared.removals.subscribe().wait_for(|count| *count > 0).await.unwrap();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    // The role has `s3:GetObject` and `s3:DeleteObject`. To ask for a version needs `s3:GetObjectVersion`.
    if request.uri().query().is_some_and(|query| query.contains("versionId")) {
        return (StatusCode::FORBIDDEN, DENIED).into_response();
    }
    if request.method() == Method::DELETE {
        shared.removals.send_modify(|count| *count += 1);
        shared.removing.acquire().await.unwrap().forget();
    }
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 100_000_000).await.unwrap();
    let mut headers = parts.headers;
    for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(name);
    }
    let request = shared.client.request(parts.method, format!("{}{}", shared.moto, parts.uri)).headers(headers).body(body);
    let answer = request.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if *name != TRANSFER_ENCODING && *name != CONNECTION {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
}
