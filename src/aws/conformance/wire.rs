//! A server that says what it is told to, for what no emulator does: refusals, faults and broken connections.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use serde_json::Value as Json;

use crate::aws::{Aws, Config, Endpoint};

/// A refusal as EC2 writes it.
macro_rules! refusal {
    ($code:literal, $message:literal) => {
        concat!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Errors><Error><Code>",
            $code,
            "</Code><Message>",
            $message,
            "</Message></Error></Errors><RequestID>request-2</RequestID></Response>"
        )
    };
}
pub(crate) use refusal;

/// The answer of the other services with that protocol, from Elastic Load Balancing to IAM, that refuses a call.
macro_rules! refused {
    ($code:literal, $message:literal) => {
        $crate::aws::conformance::wire::Answer::Say(
            400,
            concat!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>",
                $code,
                "</Code><Message>",
                $message,
                "</Message></Error><RequestId>request-1</RequestId></ErrorResponse>"
            ),
        )
    };
}
pub(crate) use refused;

/// How every request is answered.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// With a status and a body.
    Say(u16, &'static str),
    /// With success and this inside the element that EC2 puts around its answers.
    Xml(&'static str),
    /// With a body shorter than announced.
    Break(&'static str),
    /// The connection ends without a word.
    Drop,
    /// Never.
    Hang,
}

/// Answers by the operation of the request, as `Action` in the body or the target of a JSON protocol names it, or by its method and
/// path where the operation is in these: `GET /v2/apis`. One that is not in it breaks the test.
pub(crate) type Script = &'static [(&'static str, Answer)];

pub(crate) struct Wire {
    pub(crate) world: Aws,
    /// All requests, in their order.
    requests: Arc<Mutex<Vec<Request>>>,
}

pub(crate) struct Request {
    /// The method and the path: `POST /`.
    line: String,
    /// Of the protocols that name it in a header: `CreateSecret`.
    target: Option<String>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn operation(&self) -> &str {
        self.target.as_deref().or(form(&self.body, "Action")).unwrap_or(&self.line)
    }
}

impl Wire {
    pub(crate) async fn answering(answer: Answer) -> Self {
        Self::with(move |_| answer).await
    }

    pub(crate) async fn scripted(script: Script) -> Self {
        Self::with(move |request| {
            let named = script.iter().find(|(action, _)| request.operation() == *action);
            named.map_or(Answer::Say(404, "the script does not have it"), |(_, answer)| *answer)
        })
        .await
    }

    /// Answers by the method and path of the request, and by its body.
    pub(crate) async fn routed(mut answer: impl FnMut(&str, &str) -> Answer + Send + 'static) -> Self {
        Self::with(move |request| answer(&request.line, &request.body)).await
    }

    pub(crate) async fn with(mut answer: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::new(Mutex::new(vec![]));
        let record = requests.clone();
        thread::spawn(move || {
            let mut hanging = vec![];
            for connection in listener.incoming().map_while(Result::ok) {
                let request = receive(&connection);
                let answer = answer(&request);
                let action = form(&request.body, "Action").unwrap_or("?").to_owned();
                record.lock().expect("nobody panicked").push(request);
                match answer {
                    Answer::Xml(inner) => {
                        let body = format!("<{action}Response>{inner}</{action}Response>");
                        send(&connection, 200, body.len(), &body);
                    }
                    Answer::Say(status, body) => send(&connection, status, body.len(), body),
                    Answer::Break(body) => send(&connection, 200, body.len() + 100, body),
                    Answer::Drop => {}
                    Answer::Hang => hanging.push(connection),
                }
            }
        });
        Self { world: at(url).await, requests }
    }

    /// How many requests came.
    pub(crate) fn calls(&self) -> usize {
        self.requests.lock().expect("nobody panicked").len()
    }

    /// The operations that were called, in their order, each with the named parameters that it had.
    pub(crate) fn said(&self, parameters: &[&str]) -> Vec<String> {
        let requests = self.requests.lock().expect("nobody panicked");
        let line = |Request { body, .. }: &Request| {
            let values = parameters.iter().filter_map(|name| Some(format!(" {name}={}", form(body, name)?)));
            format!("{}{}", form(body, "Action").unwrap_or("?"), values.collect::<String>())
        };
        requests.iter().map(line).collect()
    }

    /// What a service that speaks JSON was sent: the operations in their order, each with its parameters.
    pub(crate) fn sent(&self) -> Vec<(String, Json)> {
        let requests = self.requests.lock().expect("nobody panicked");
        let parts = |it: &Request| (it.operation().to_owned(), serde_json::from_str(&it.body).unwrap_or(Json::Null));
        requests.iter().map(parts).collect()
    }

    /// The requests that changed something, in their order: method, path and body.
    pub(crate) fn changes(&self) -> Vec<String> {
        let requests = self.requests.lock().expect("nobody panicked");
        let changing = requests.iter().filter(|it| !it.line.starts_with("GET "));
        changing.map(|it| format!("{} {}", it.line, it.body).trim_end().to_owned()).collect()
    }

    /// All requests by operation, or by method and path where these name it, each with its body.
    pub(crate) fn asked(&self) -> Vec<String> {
        let requests = self.requests.lock().expect("nobody panicked");
        requests.iter().map(|it| format!("{} {}", it.operation(), it.body).trim_end().to_owned()).collect()
    }
}

/// A parameter of a request in the query protocol, as it was encoded.
fn form<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    body.split('&').filter_map(|it| it.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// A world behind which nobody listens.
pub(crate) async fn nobody() -> Aws {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    at(format!("http://127.0.0.1:{port}")).await
}

async fn at(url: String) -> Aws {
    Aws::connect(Config { endpoint: Some(Endpoint { url }), ..Config::default() }).await
}

fn receive(connection: &TcpStream) -> Request {
    let mut reader = BufReader::new(connection);
    let mut first = String::new();
    reader.read_line(&mut first).expect("a line");
    let line = first.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let (mut length, mut target) = (0, None);
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if let Some((_, value)) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("x-amz-target")) {
            target = value.rsplit('.').next().map(|it| it.trim().to_owned());
        }
        if read == 0 || line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    Request { line, target, body: String::from_utf8(body).expect("text") }
}

fn send(mut connection: &TcpStream, status: u16, length: usize, body: &str) {
    let head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\nx-amzn-requestid: request-1\r\ncontent-length: {length}\r\n\r\n");
    // Whoever went away meanwhile does not need the answer.
    let _ = connection.write_all(format!("{head}{body}").as_bytes());
}
