//! A stand-in for Bedrock: its two calls over HTTP, with answers that the test decides.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::DIMENSIONS;

/// What the stand-in does with a call instead of answering it.
#[derive(Clone)]
pub enum Reply {
    /// An error as Bedrock gives it: status, name, message.
    Error(u16, &'static str, &'static str),
    /// Nothing, until the client gives up.
    Silence,
    /// This text as it is.
    Raw(&'static str),
    /// An answer that ended for this reason.
    Stopped(&'static str),
}

pub const THROTTLED: Reply = Reply::Error(429, "ThrottlingException", "Too many requests, please wait before trying again.");

#[derive(Clone)]
pub struct Bedrock {
    pub url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    next: Mutex<VecDeque<Reply>>,
    always: Mutex<Option<Reply>>,
    calls: Mutex<Vec<(String, Value)>>,
    /// Answers wait here while the test holds them.
    held: Mutex<Option<Arc<Semaphore>>>,
}

impl Bedrock {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let router = Router::new()
            .route("/model/{id}/converse", post(converse))
            .route("/model/{id}/invoke", post(invoke))
            .with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, shared }
    }

    /// The next calls get these replies, one each.
    pub fn next(&self, replies: impl IntoIterator<Item = Reply>) {
        self.shared.next.lock().unwrap().extend(replies);
    }

    /// All calls get this reply, or normal answers again.
    pub fn always(&self, reply: impl Into<Option<Reply>>) {
        *self.shared.always.lock().unwrap() = reply.into();
    }

    /// Answers wait until permits are added to what is returned.
    pub fn hold(&self) -> Arc<Semaphore> {
        let semaphore = Arc::new(Semaphore::new(0));
        *self.shared.held.lock().unwrap() = Some(semaphore.clone());
        semaphore
    }

    /// Model and body of every call so far.
    pub fn calls(&self) -> Vec<(String, Value)> {
        self.shared.calls.lock().unwrap().clone()
    }
}

impl Shared {
    async fn reply(&self, id: String, body: Value) -> Option<Response> {
        self.calls.lock().unwrap().push((id, body));
        let held = self.held.lock().unwrap().clone();
        if let Some(semaphore) = held {
            semaphore.acquire().await.unwrap().forget();
        }
        let next = self.next.lock().unwrap().pop_front();
        let reply = next.or_else(|| self.always.lock().unwrap().clone())?;
        Some(match reply {
            Reply::Error(status, name, message) => {
                (StatusCode::from_u16(status).unwrap(), [("x-amzn-errortype", name)], Json(json!({ "message": message }))).into_response()
            }
            Reply::Silence => std::future::pending().await,
            Reply::Raw(text) => ([("content-type", "application/json")], text).into_response(),
            Reply::Stopped(reason) => Json(answer("", reason)).into_response(),
        })
    }
}

fn answer(text: &str, reason: &str) -> Value {
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": text }] } },
        "stopReason": reason,
        "usage": { "inputTokens": 1, "outputTokens": 1, "totalTokens": 2 },
        "metrics": { "latencyMs": 1 },
    })
}

async fn converse(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    if let Some(reply) = shared.reply(id, body.clone()).await {
        return reply;
    }
    let last = body["messages"].as_array().and_then(|messages| messages.last());
    let question = last.and_then(|message| message["content"][0]["text"].as_str()).unwrap_or_default();
    Json(answer(&format!("You said: {question}"), "end_turn")).into_response()
}

async fn invoke(State(shared): State<Arc<Shared>>, Path(id): Path<String>, Json(body): Json<Value>) -> Response {
    if let Some(reply) = shared.reply(id, body.clone()).await {
        return reply;
    }
    let dimensions = body["output_dimension"].as_u64().or(body["dimensions"].as_u64()).map_or(DIMENSIONS, |n| usize::try_from(n).unwrap());
    match body["texts"].as_array() {
        Some(texts) => {
            let vectors: Vec<_> = texts.iter().map(|text| embedding(text.as_str().unwrap(), dimensions)).collect();
            Json(json!({ "id": "x", "response_type": "embeddings_by_type", "embeddings": { "float": vectors } })).into_response()
        }
        None => Json(json!({ "embedding": embedding(body["inputText"].as_str().unwrap(), dimensions), "inputTextTokenCount": 1 }))
            .into_response(),
    }
}

/// Texts that share letters in sequence get vectors of similar direction, which is all that a search needs.
pub fn embedding(text: &str, dimensions: usize) -> Vec<f32> {
    let characters: Vec<char> = text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let mut vector = vec![0.001; dimensions];
    for pair in characters.windows(2) {
        let mut hasher = DefaultHasher::new();
        pair.hash(&mut hasher);
        vector[usize::try_from(hasher.finish() % dimensions as u64).unwrap()] += 1.0;
    }
    let length = vector.iter().map(|x: &f32| x * x).sum::<f32>().sqrt();
    vector.iter().map(|x| x / length).collect()
}
