//! A server that says what it is told to, for what no emulator does: refusals, faults and broken connections.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::aws::{Aws, Config, Endpoint};

/// How every request is answered.
#[derive(Clone, Copy)]
pub(crate) enum Answer {
    /// With a status and a body.
    Say(u16, &'static str),
    /// With a body shorter than announced.
    Break(&'static str),
    /// The connection ends without a word.
    Drop,
    /// Never.
    Hang,
}

pub(crate) struct Wire {
    pub(crate) world: Aws,
    calls: Arc<AtomicUsize>,
}

impl Wire {
    pub(crate) async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = calls.clone();
        thread::spawn(move || {
            let mut hanging = vec![];
            for connection in listener.incoming().map_while(Result::ok) {
                receive(&connection);
                counter.fetch_add(1, Ordering::SeqCst);
                match answer {
                    Answer::Say(status, body) => send(&connection, status, body.len(), body),
                    Answer::Break(body) => send(&connection, 200, body.len() + 100, body),
                    Answer::Drop => {}
                    Answer::Hang => hanging.push(connection),
                }
            }
        });
        Self { world: at(url).await, calls }
    }

    /// How many requests came.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// A world behind which nobody listens.
pub(crate) async fn nobody() -> Aws {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a free port").port();
    at(format!("http://127.0.0.1:{port}")).await
}

async fn at(url: String) -> Aws {
    Aws::connect(Config { endpoint: Some(Endpoint { url }), ..Config::default() }).await
}

fn receive(connection: &TcpStream) {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        let read = reader.read_line(&mut line).expect("a line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        if read == 0 || line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).expect("a body");
}

fn send(mut connection: &TcpStream, status: u16, length: usize, body: &str) {
    let head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\nx-amzn-requestid: request-1\r\ncontent-length: {length}\r\n\r\n");
    // Whoever went away meanwhile does not need the answer.
    let _ = connection.write_all(format!("{head}{body}").as_bytes());
}
