//! A server that says what it is told to, for what no emulator does: refusals, faults and broken connections.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

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

/// Answers by the operation of the request, as `Action` in the body or a header names it. One that is not in it breaks the test.
pub(crate) type Script = &'static [(&'static str, Answer)];

pub(crate) struct Wire {
    pub(crate) world: Aws,
    /// The bodies of all requests, in their order.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    pub(crate) async fn answering(answer: Answer) -> Self {
        Self::with(move |_| answer).await
    }

    pub(crate) async fn scripted(script: Script) -> Self {
        Self::with(move |body| {
            let named = script.iter().find(|(action, _)| form(body, "Action") == Some(action));
            named.map_or(Answer::Say(404, "the script does not have it"), |(_, answer)| *answer)
        })
        .await
    }

    pub(crate) async fn with(answer: impl Fn(&str) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let requests = Arc::new(Mutex::new(vec![]));
        let record = requests.clone();
        thread::spawn(move || {
            let mut hanging = vec![];
            for connection in listener.incoming().map_while(Result::ok) {
                let body = receive(&connection);
                let answer = answer(&body);
                let action = form(&body, "Action").unwrap_or("?").to_owned();
                record.lock().expect("nobody panicked").push(body);
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

    /// The operations that were called, in their order, each with the JSON that it was sent.
    pub(crate) fn sent(&self) -> Vec<(String, serde_json::Value)> {
        let requests = self.requests.lock().expect("nobody panicked");
        let parts = |body: &String| {
            let (action, json) = body.strip_prefix("Action=")?.split_once('&')?;
            Some((action.to_owned(), serde_json::from_str(json).ok()?))
        };
        requests.iter().filter_map(parts).collect()
    }

    /// The operations that were called, in their order, each with the named parameters that it had.
    pub(crate) fn said(&self, parameters: &[&str]) -> Vec<String> {
        let requests = self.requests.lock().expect("nobody panicked");
        let line = |body: &String| {
            let values = parameters.iter().filter_map(|name| Some(format!(" {name}={}", form(body, name)?)));
            format!("{}{}", form(body, "Action").unwrap_or("?"), values.collect::<String>())
        };
        requests.iter().map(line).collect()
    }
}

/// The operation of a request.
pub(crate) fn action(body: &str) -> &str {
    form(body, "Action").unwrap_or("?")
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

fn receive(connection: &TcpStream) -> String {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    let mut target = String::new();
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        // The services that speak JSON name the operation here: `secretsmanager.CreateSecret`.
        if line.to_ascii_lowercase().starts_with("x-amz-target:") {
            let operation = line.rsplit('.').next().unwrap_or_default().trim();
            target = format!("Action={operation}&");
        }
        if read == 0 || line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    target + &String::from_utf8(body).expect("text")
}

fn send(mut connection: &TcpStream, status: u16, length: usize, body: &str) {
    let head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\nx-amzn-requestid: request-1\r\ncontent-length: {length}\r\n\r\n");
    // Whoever went away meanwhile does not need the answer.
    let _ = connection.write_all(format!("{head}{body}").as_bytes());
}
