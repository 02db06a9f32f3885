//! What the program must reach, measured: `cargo bench -p backend`.
//!
//! Load, program, database and the stand-in for Bedrock share this machine, so that each figure is a lower bound.
#![expect(unreachable_pub, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr, reason = "it prints what it measures")]
#![allow(dead_code, reason = "not everything that the tests stand on is needed here")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::io::{Cursor, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use support::bedrock::Bedrock;
use support::files::pdf;
use support::lambda::Function;
use support::postgres::{execute, number};
use support::server::{PROGRAM, Server, variables};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Clients at one time.
const CLIENTS: usize = 16;
const CHUNKS: usize = 10_000;

/// Whether anything was beyond its limit: a figure that is only printed can be lost unseen.
static MISSED: AtomicBool = AtomicBool::new(false);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    println!("{:<44} {:>14} {:>14}", "", "measured", "must be");
    packed_size();
    cold_start().await;
    health().await;
    query().await;
    large_pdf().await;
    if MISSED.load(Ordering::Relaxed) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn row(what: &str, measured: &str, limit: &str) {
    println!("{what:<44} {measured:>14} {limit:>14}");
}

/// A figure that must be below its limit.
fn below(what: &str, measured: f64, limit: f64, unit: &str) {
    limited(what, measured, &format!("< {limit} {unit}"), unit, measured < limit);
}

/// A figure that must be above its limit.
fn above(what: &str, measured: f64, limit: f64, unit: &str) {
    limited(what, measured, &format!("> {limit} {unit}"), unit, measured > limit);
}

fn limited(what: &str, measured: f64, limit: &str, unit: &str, holds: bool) {
    row(what, &format!("{measured:.1} {unit}"), &if holds { limit.to_owned() } else { format!("{limit} !") });
    if !holds {
        MISSED.store(true, Ordering::Relaxed);
    }
}

fn packed_size() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default()).unwrap();
    let program = std::fs::read(PROGRAM).unwrap();
    zip.write_all(&program).unwrap();
    let size = zip.finish().unwrap().into_inner().len();
    row("program", &format!("{:.1} MB", program.len() as f64 / 1e6), "");
    let packed = size as f64 / 1e6;
    // Only what is deployed must be so small: see the workspace's profile of that name.
    if PROGRAM.contains("/function/") {
        below("program, packed", packed, 10.0, "MB");
    } else {
        row("program, packed", &format!("{packed:.1} MB"), "");
    }
}

/// From the start of the process to the first answer that Lambda gets from it.
async fn cold_start() {
    let bedrock = Bedrock::start().await;
    let mut times = Vec::new();
    for _ in 0..30 {
        let mut variables = variables(&bedrock.url);
        variables.insert("LOG_LEVEL".into(), "info".into());
        variables.insert("DATABASE_URL".into(), "postgres://nobody@127.0.0.1:9/none".into());
        let begun = Instant::now();
        let function = Function::start(variables).await;
        assert_eq!(function.http("GET", "/health", None).await.0, 200);
        times.push(begun.elapsed());
    }
    times.sort();
    below("cold start to the first /health, median", times[15].as_secs_f64() * 1e3, 50.0, "ms");
    row("cold start to the first /health, worst of 30", &milliseconds(times[29]), "");
}

async fn health() {
    let server = Server::bare(&[("LOG_LEVEL", "info")]).await;
    let request = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n".to_owned();
    run(&server.url, &request, Duration::from_secs(1)).await;
    let times = run(&server.url, &request, Duration::from_secs(10)).await;
    report("/health", &times, 10.0, 1000.0);
    below("/health: memory at most", server.memory().1 as f64 / 1e3, 50.0, "MB");
}

async fn query() {
    let server = Server::with(&[("LOG_LEVEL", "info"), ("EMBEDDING_DIMENSIONS", "1536")]).await;
    server.get("/ready").await.expect(200);
    eprintln!("filling the database with {CHUNKS} chunks");
    let begun = Instant::now();
    let fill = format!(
        "INSERT INTO documents (id, filename, content_type, size_bytes, bucket, object_key, status)
             SELECT gen_random_uuid(), 'handbook-' || n || '.txt', 'text/plain', 1, '', n::text, 'completed' FROM generate_series(1, 100) n;
         -- An index is made faster afterwards than row by row.
         DROP INDEX document_chunks_nearest;
         INSERT INTO document_chunks (document_id, chunk_index, content, embedding)
             SELECT (SELECT id FROM documents WHERE object_key = (n % 100 + 1)::text), n, repeat('Employees are granted leave. ', 27),
                 (SELECT array_agg(random() - 0.5) FROM generate_series(1, 1536) WHERE n = n)::vector
             FROM generate_series(1, {CHUNKS}) n;
         SET maintenance_work_mem = '256MB';
         CREATE INDEX document_chunks_nearest ON document_chunks USING hnsw (embedding vector_cosine_ops);
         ANALYZE"
    );
    execute(&server.database, &fill).await;
    assert_eq!(number(&server.database, "SELECT count(*) FROM document_chunks").await, i64::try_from(CHUNKS).unwrap());
    eprintln!("filled in {:.0} s", begun.elapsed().as_secs_f64());
    let body = json!({ "message": "How many days of leave are granted in the first year?", "use_rag": true }).to_string();
    let request =
        format!("POST /query HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    run(&server.url, &request, Duration::from_secs(3)).await;
    let times = run(&server.url, &request, Duration::from_secs(20)).await;
    report(&format!("/query over {CHUNKS} chunks"), &times, 20.0, 200.0);
    below("/query: memory at most", server.memory().1 as f64 / 1e3, 50.0, "MB");
}

/// From the upload to the last chunk, with half of the memory that a reader usually may have.
async fn large_pdf() {
    let server = Server::with(&[("LOG_LEVEL", "info"), ("READER_MEMORY_MB", "256")]).await;
    server.get("/ready").await.expect(200);
    let line = "Employees are granted leave after six months of service as the law provides.\n";
    let file = pdf(&(0..2100).map(|number| format!("Page {number} of the handbook.\n") + &line.repeat(60)).collect::<Vec<_>>());
    let begun = Instant::now();
    let document = server.processed("handbook.pdf", &file).await;
    let what = format!("PDF of {:.1} MB", file.len() as f64 / 1e6);
    assert_eq!(document["status"], "completed", "{document}");
    row(&format!("{what}: in {} chunks", document["chunk_count"]), &format!("{:.1} s", begun.elapsed().as_secs_f64()), "");
    row(&format!("{what}: its reader may have"), "256 MB", "bounded");
    below(&format!("{what}: the server's memory at most"), server.memory().1 as f64 / 1e3, 50.0, "MB");
}

fn report(what: &str, times: &[Duration], seconds: f64, limit: f64) {
    above(&format!("{what}: requests"), times.len() as f64 / seconds, limit, "/s");
    row(&format!("{what}: p50"), &milliseconds(times[times.len() / 2]), "");
    row(&format!("{what}: p99"), &milliseconds(times[times.len() * 99 / 100]), "");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// The times of all requests that were answered, in order of length. Each client has one connection and waits for its answers.
async fn run(url: &str, request: &str, length: Duration) -> Vec<Duration> {
    let end = Instant::now() + length;
    let clients = (0..CLIENTS).map(|_| client(url.trim_start_matches("http://").to_owned(), request.to_owned(), end));
    let mut times = futures_util::future::join_all(clients).await.concat();
    times.sort();
    times
}

async fn client(address: String, request: String, end: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut times = Vec::new();
    let mut buffer = Vec::with_capacity(64 * 1024);
    while Instant::now() < end {
        let begun = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        buffer.clear();
        let whole = loop {
            assert_ne!(stream.read_buf(&mut buffer).await.unwrap(), 0, "the server has closed the connection");
            if let Some(whole) = length(&buffer) {
                break whole;
            }
        };
        while buffer.len() < whole {
            stream.read_buf(&mut buffer).await.unwrap();
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer));
        times.push(begun.elapsed());
    }
    times
}

/// How many bytes the answer has, as soon as its head says so.
fn length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|part| part == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).unwrap().to_ascii_lowercase();
    let (_, rest) = text.split_once("content-length: ").unwrap();
    Some(head + rest.lines().next().unwrap().parse::<usize>().unwrap())
}
