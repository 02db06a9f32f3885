//! A stand-in for the Lambda service: its runtime interface over HTTP, with one function behind it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};

use super::server::PROGRAM;

/// Id, event, and until when it may take, in milliseconds since 1970.
type Invocation = (String, Value, u64);
/// Who waits for the result of which invocation.
type Waiting = Arc<Mutex<HashMap<String, oneshot::Sender<Result<Value, Value>>>>>;

/// The first day of 2100.
const FAR: u64 = 4_102_444_800_000;

pub struct Function {
    invocations: mpsc::UnboundedSender<Invocation>,
    waiting: Waiting,
    number: Mutex<u32>,
    _process: Child,
}

struct Interface {
    queue: AsyncMutex<mpsc::UnboundedReceiver<Invocation>>,
    waiting: Waiting,
}

impl Function {
    /// Starts the program as Lambda does.
    pub async fn start(mut variables: HashMap<String, String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (invocations, queue) = mpsc::unbounded_channel();
        let waiting = Waiting::default();
        let interface = Arc::new(Interface { queue: AsyncMutex::new(queue), waiting: Arc::clone(&waiting) });
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .with_state(interface);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let platform = [
            ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "hr-chatbot-backend".into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024".into()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/hr-chatbot-backend".into()),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "stream".into()),
            ("_HANDLER", "bootstrap".into()),
        ];
        variables.extend(platform.map(|(name, value)| (name.to_owned(), value)));
        let process =
            Command::new(PROGRAM).env_clear().envs(variables).stdout(std::process::Stdio::null()).kill_on_drop(true).spawn().unwrap();
        Self { invocations, waiting, number: Mutex::new(0), _process: process }
    }

    /// Gives an event to the function; the error is what Lambda would retry or show.
    pub async fn invoke(&self, event: Value) -> Result<Value, Value> {
        self.invoke_until(event, FAR).await
    }

    /// The same with a timeout, as each function has one.
    pub async fn invoke_for(&self, event: Value, timeout: Duration) -> Result<Value, Value> {
        let until = SystemTime::now() + timeout;
        self.invoke_until(event, u64::try_from(until.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()).await
    }

    async fn invoke_until(&self, event: Value, until: u64) -> Result<Value, Value> {
        let id = {
            let mut number = self.number.lock().unwrap();
            *number += 1;
            format!("8476a536-e9f4-11e8-9739-{:012}", *number)
        };
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap().insert(id.clone(), sender);
        self.invocations.send((id, event, until)).unwrap();
        tokio::time::timeout(Duration::from_secs(60), receiver).await.expect("the function did not answer").unwrap()
    }

    /// A request as an HTTP API passes it on, and the status and body of the answer.
    pub async fn http(&self, method: &str, path: &str, body: Option<Value>) -> (u64, Value) {
        let answer = self.invoke(http_event(method, path, body)).await.unwrap();
        let text = answer["body"].as_str().unwrap_or_default();
        (answer["statusCode"].as_u64().unwrap(), serde_json::from_str(text).unwrap_or_else(|_| json!(text)))
    }
}

/// An event of payload format 2.0.
pub fn http_event(method: &str, path: &str, body: Option<Value>) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "ANY /{proxy+}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "content-type": "application/json", "host": "abc.execute-api.ap-northeast-1.amazonaws.com" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": "abc.execute-api.ap-northeast-1.amazonaws.com",
            "domainPrefix": "abc",
            "http": { "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.10", "userAgent": "test" },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "ANY /{proxy+}",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64,
        },
        "body": body.map(|body| body.to_string()),
        "isBase64Encoded": false,
    })
}

async fn next(State(interface): State<Arc<Interface>>) -> Response {
    let Some((id, event, until)) = interface.queue.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", until.to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:ap-northeast-1:123456789012:function:hr-chatbot-backend".into()),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700".into()),
    ];
    (headers, event.to_string()).into_response()
}

async fn response(State(interface): State<Arc<Interface>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    settle(&interface, &id, Ok(serde_json::from_slice(&body).unwrap()))
}

async fn error(State(interface): State<Arc<Interface>>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    settle(&interface, &id, Err(serde_json::from_slice(&body).unwrap()))
}

fn settle(interface: &Interface, id: &str, result: Result<Value, Value>) -> StatusCode {
    let _ = interface.waiting.lock().unwrap().remove(id).unwrap().send(result);
    StatusCode::ACCEPTED
}
