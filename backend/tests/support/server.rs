//! The program as a server, and a client that checks every answer against the description of the interface.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};

use reqwest::header::HeaderMap;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::bedrock::Bedrock;
use super::{DIMENSIONS, KEY, postgres};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_backend");

/// Variables that every run of the program gets: nothing of this machine's own settings.
pub fn variables(bedrock: &str) -> HashMap<String, String> {
    let pairs = [
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("AWS_REGION", "ap-northeast-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", bedrock),
        ("JWT_SECRET_KEY", KEY),
        ("RATE_LIMIT_PER_MINUTE", "0"),
        ("LOG_LEVEL", "info,backend=debug"),
        ("EMBEDDING_DIMENSIONS", &DIMENSIONS.to_string()),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// Runs a command of the program to its end.
pub async fn command(arguments: &[&str], variables: &HashMap<String, String>) -> std::process::Output {
    Command::new(PROGRAM).args(arguments).env_clear().envs(variables).output().await.unwrap()
}

pub struct Server {
    pub url: String,
    pub bedrock: Bedrock,
    pub database: String,
    pub uploads: Arc<TempDir>,
    pub variables: HashMap<String, String>,
    process: Child,
    logs: Logs,
    client: reqwest::Client,
}

/// What the server has said so far, line by line.
#[derive(Clone)]
struct Logs {
    lines: Arc<Mutex<Vec<Value>>>,
    news: watch::Receiver<usize>,
}

/// An answer, already checked.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.body["error"]["code"].as_str()), (status, Some(code)), "{}", self.body);
        self
    }
}

impl Server {
    /// A server with a database of its own.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(changes: &[(&str, &str)]) -> Self {
        let database = postgres::database().await;
        let mut all = vec![("DATABASE_URL", database.as_str())];
        all.extend(changes);
        let mut server = Self::bare(&all).await;
        server.database = database;
        server
    }

    /// A server with only what is given. A change to nothing takes a variable away.
    pub async fn bare(changes: &[(&str, &str)]) -> Self {
        let bedrock = Bedrock::start().await;
        let uploads = Arc::new(tempfile::tempdir().unwrap());
        let mut variables = variables(&bedrock.url);
        variables.insert("UPLOAD_DIR".into(), uploads.path().display().to_string());
        for (name, value) in changes {
            if value.is_empty() {
                variables.remove(*name);
            } else {
                variables.insert((*name).into(), (*value).into());
            }
        }
        Self::launch(variables, bedrock, uploads, String::new()).await
    }

    /// Another copy: same settings, same database, same folder.
    pub async fn copy(&self) -> Self {
        Self::launch(self.variables.clone(), self.bedrock.clone(), self.uploads.clone(), self.database.clone()).await
    }

    async fn launch(variables: HashMap<String, String>, bedrock: Bedrock, uploads: Arc<TempDir>, database: String) -> Self {
        let mut process =
            Command::new(PROGRAM).arg("serve").env_clear().envs(&variables).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let (sender, news) = watch::channel(0);
        let logs = Logs { lines: Arc::default(), news };
        let lines = logs.lines.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                let count = {
                    let mut lines = lines.lock().unwrap();
                    lines.push(serde_json::from_str(&line).unwrap_or_else(|_| panic!("the log has a line that is not JSON: {line}")));
                    lines.len()
                };
                let _ = sender.send(count);
            }
        });
        let address = logs.wait(|line| line["message"] == "listening").await["address"].as_str().unwrap().to_owned();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url: format!("http://{address}"), bedrock, database, uploads, variables, process, logs, client }
    }

    /// The first line of the log, past or to come, that is like this.
    pub async fn logged(&self, like: impl Fn(&Value) -> bool) -> Value {
        self.logs.wait(like).await
    }

    pub fn log(&self) -> Vec<Value> {
        self.logs.lines.lock().unwrap().clone()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    /// Sends a request and checks the answer against the description.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let request = request.build().unwrap();
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = self.client.execute(request).await.unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.unwrap();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes)))
        };
        check(&method, &path, status, &headers, &body);
        Answer { status, headers, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    /// With a token of somebody who may.
    pub async fn authorized(&self, method: Method, path: &str) -> Answer {
        self.send(self.request(method, path).bearer_auth(token("amy", 3600))).await
    }

    pub async fn upload(&self, files: &[(&str, &[u8])]) -> Answer {
        let mut form = Form::new();
        for (name, bytes) in files {
            form = form.part("files", Part::bytes(bytes.to_vec()).file_name((*name).to_owned()));
        }
        self.send(self.request(Method::POST, "/upload/document").bearer_auth(token("amy", 3600)).multipart(form)).await
    }

    /// Uploads one file and waits until it was processed, well or not.
    pub async fn processed(&self, name: &str, bytes: &[u8]) -> Value {
        let answer = self.upload(&[(name, bytes)]).await.expect(202);
        let id = answer["documents"][0]["id"].as_str().unwrap().to_owned();
        self.settled(&id).await
    }

    /// The document, as soon as there is nothing more to do for it.
    pub async fn settled(&self, id: &str) -> Value {
        self.logged(|line| {
            let message = line["message"].as_str().unwrap_or_default();
            (message == "processed" || message == "not processed") && line.to_string().contains(id)
        })
        .await;
        self.authorized(Method::GET, &format!("/documents/{id}")).await.expect(200)
    }

    /// Asks the server to end, as a container's host does.
    pub fn terminate(&self) {
        let id = i32::try_from(self.process.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
    }

    pub async fn ended(&mut self) -> std::process::ExitStatus {
        self.process.wait().await.unwrap()
    }

    /// Memory that the server holds at this moment, and at most so far, in kilobytes.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let value =
            |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().trim_end_matches(" kB").parse().unwrap();
        (value("VmRSS:"), value("VmHWM:"))
    }
}

impl Logs {
    async fn wait(&self, like: impl Fn(&Value) -> bool) -> Value {
        let mut news = self.news.clone();
        let mut seen = 0;
        // In all, not since the last line: a server without its database goes on saying so.
        let until = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
        loop {
            {
                let lines = self.lines.lock().unwrap();
                if let Some(line) = lines[seen..].iter().find(|line| like(line)) {
                    return line.clone();
                }
                seen = lines.len();
            }
            let more = tokio::time::timeout_at(until, news.wait_for(|count| *count > seen)).await;
            if !matches!(more, Ok(Ok(_))) {
                panic!("the server did not say it: {:#?}", self.lines.lock().unwrap());
            }
        }
    }
}

/// A token as another service would sign it.
pub fn token(subject: &str, lifetime: i64) -> String {
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap();
    signed(&json!({ "sub": subject, "exp": now + lifetime }), KEY)
}

pub fn signed(claims: &Value, key: &str) -> String {
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), claims, &jsonwebtoken::EncodingKey::from_secret(key.as_bytes())).unwrap()
}

static DESCRIPTION: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(backend::http::openapi()).unwrap());

/// Holds of every answer: the description knows it, it carries an id, and a refusal has the one shape and tells nothing of the inside.
pub fn check(method: &Method, path: &str, status: StatusCode, headers: &HeaderMap, body: &Value) {
    let id = headers["x-request-id"].to_str().unwrap();
    let operation = DESCRIPTION["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template, path));
    // A bug is not part of the description.
    let described = operation.filter(|_| status != StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(operation) = described.and_then(|(_, item)| item.get(method.as_str().to_lowercase())) {
        let known = operation["responses"].as_object().unwrap();
        assert!(known.contains_key(status.as_str()), "{method} {path} answered {status}, which is not in the description: {body}");
    }
    if !(status.is_client_error() || status.is_server_error()) || *method == Method::HEAD {
        return;
    }
    let error = body["error"].as_object().unwrap_or_else(|| panic!("{method} {path} {status}: {body}"));
    assert_eq!(error.keys().collect::<Vec<_>>(), ["code", "message", "request_id"]);
    assert_eq!(error["request_id"], id);
    let text = body.to_string().to_lowercase();
    for inside in ["postgres", "sql", "amazonaws", "127.0.0.1", "tokio", "panick", "src/", "bedrock", "secret"] {
        assert!(!text.contains(inside), "{method} {path} tells of the inside: {body}");
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (template, path): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(&path).all(|(a, b)| a == b || a.starts_with('{'))
}
