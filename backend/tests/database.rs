//! The database at the start, away, and back again.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::postgres::{self, Cluster, Held, number};
use crate::support::server::{Server, command};

#[tokio::test]
async fn many_start_at_once_and_one_makes_the_tables() {
    let database = postgres::database().await;
    let starts = (0..6).map(async |_| Server::bare(&[("DATABASE_URL", &database)]).await);
    let servers = futures_util::future::join_all(starts).await;
    let ready = servers.iter().map(|server| server.get("/ready"));
    for answer in futures_util::future::join_all(ready).await {
        assert_eq!(answer.expect(200)["database"], "ok");
    }
    assert_eq!(number(&database, "SELECT count(*) FROM schema_migrations").await, 1);
}

#[tokio::test]
async fn migrations_as_a_command() {
    let server = Server::with(&[("MIGRATE", "off")]).await;
    server.get("/ready").await.refused(503, "database_unavailable");
    for expected in ["done: documents, chunks and sessions\n", "the database is up to date\n"] {
        let output = command(&["migrate"], &server.variables).await;
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.ends_with(expected), "{text}");
    }
    server.get("/ready").await.expect(200);
    let none = command(&["migrate"], &[].into()).await;
    assert_eq!(String::from_utf8(none.stderr).unwrap(), "error: no database is configured\n");
}

#[tokio::test]
async fn a_model_whose_vectors_do_not_fit() {
    let server = Server::start().await;
    server.get("/ready").await.expect(200);
    let other = Server::bare(&[("DATABASE_URL", &server.database), ("EMBEDDING_DIMENSIONS", "128")]).await;
    other.get("/ready").await.refused(503, "database_unavailable");
    other.logged(|line| line.to_string().contains("its vectors have 64 dimensions, the embedding model's 128")).await;
}

#[tokio::test]
async fn away_at_the_start_and_in_the_middle() {
    let mut cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let url = cluster.url("postgres");
    cluster.stop();
    let server = Server::bare(&[("DATABASE_URL", &url), ("DB_CONNECT_TIMEOUT_SECONDS", "2")]).await;
    let away = async || {
        server.get("/health").await.expect(200);
        let answer = server.get("/ready").await.refused(503, "database_unavailable");
        assert!(answer.headers.contains_key("retry-after"));
        server.post("/chat", json!({ "session_id": "s", "message": "hi" })).await.refused(503, "database_unavailable");
        server.post("/query", json!({ "message": "q", "use_rag": true })).await.refused(503, "database_unavailable");
        server.upload(&[("a.txt", b"text")]).await.refused(503, "database_unavailable");
        server.authorized(reqwest::Method::GET, "/documents").await.refused(503, "database_unavailable");
        let left = std::fs::read_dir(server.uploads.path()).map_or(0, Iterator::count);
        assert_eq!(left, 0, "nothing is half-stored");
    };
    away().await;
    let mut cluster = tokio::task::spawn_blocking(move || {
        cluster.resume();
        cluster
    })
    .await
    .unwrap();
    server.get("/ready").await.expect(200);
    server.post("/chat", json!({ "session_id": "s", "message": "hi" })).await.expect(200);

    cluster.stop();
    away().await;
    cluster.resume();
    server.get("/ready").await.expect(200);
    assert_eq!(server.get("/sessions/s").await.expect(200)["messages"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn away_while_the_model_thinks() {
    let mut cluster = tokio::task::spawn_blocking(Cluster::start).await.unwrap();
    let server = Server::bare(&[("DATABASE_URL", &cluster.url("postgres")), ("DB_CONNECT_TIMEOUT_SECONDS", "2")]).await;
    let held = server.bedrock.hold();
    let asked = server.post("/chat", json!({ "session_id": "s", "message": "think" }));
    let stop = async {
        while server.bedrock.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        cluster.stop();
        held.add_permits(1000);
    };
    let (answer, ()) = tokio::join!(asked, stop);
    answer.refused(503, "database_unavailable");
    cluster.resume();
    // The session was not half-written.
    server.get("/sessions/s").await.refused(404, "unknown_session");

    // A document under way stays where it was, says so, and is finished when it is given again.
    let held = server.bedrock.hold();
    let answer = server.upload(&[("a.txt", b"Some text to embed.")]).await.expect(202);
    let calls = server.bedrock.calls().len();
    while server.bedrock.calls().len() == calls {
        tokio::task::yield_now().await;
    }
    cluster.stop();
    held.add_permits(1000);
    server.logged(|line| line["message"] == "not processed").await;
    cluster.resume();
    let next = server.copy().await;
    let id = answer["documents"][0]["id"].as_str().unwrap();
    assert_eq!(next.settled(id).await["status"], "completed");
}

/// Passes connections on to the database, until those of a moment are forgotten: nothing comes through them any more, and nobody is
/// told; or until all are closed and no others let in.
struct Firewall {
    port: u16,
    forgotten: watch::Sender<usize>,
    closed: watch::Sender<bool>,
}

impl Firewall {
    async fn start(behind: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (forgotten, seen) = watch::channel(0);
        let (closed, closing) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut closing = closing.clone();
                closing.mark_unchanged();
                if *closing.borrow() {
                    continue;
                }
                let mut seen = seen.clone();
                seen.mark_unchanged();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        Ok(()) = seen.changed() => std::future::pending().await,
                        Ok(()) = closing.changed() => {}
                    }
                });
            }
        });
        Self { port, forgotten, closed }
    }

    /// The address of a database behind it.
    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{}", self.port, database.rsplit('/').next().unwrap())
    }
}

#[tokio::test]
async fn connections_that_died_unseen() {
    let database = postgres::database().await;
    let firewall = Firewall::start(postgres::shared_port()).await;
    let server =
        Server::bare(&[("DATABASE_URL", &firewall.url(&database)), ("DB_CONNECT_TIMEOUT_SECONDS", "20"), ("PROCESS_UPLOADS", "false")])
            .await;
    server.logged(|line| line["message"] == "the database is ready").await;
    let hi = json!({ "session_id": "s", "message": "hi" });
    server.post("/chat", hi.clone()).await.expect(200);
    firewall.forgotten.send_modify(|times| *times += 1);
    // Long enough without use.
    let begun = std::time::Instant::now();
    while begun.elapsed().as_millis() < 200 {
        server.get("/health").await.expect(200);
    }
    server.post("/chat", hi).await.expect(200);
    assert_eq!(server.get("/sessions/s").await.expect(200)["messages"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn cut_off_at_the_moment_of_truth() {
    let database = postgres::database().await;
    let firewall = Firewall::start(postgres::shared_port()).await;
    let settings = [("DATABASE_URL", firewall.url(&database)), ("DB_CONNECT_TIMEOUT_SECONDS", "2".into())];
    let server = Server::bare(&settings.each_ref().map(|(name, value)| (*name, value.as_str()))).await;
    server.logged(|line| line["message"] == "the database is ready").await;
    let files = || std::fs::read_dir(server.uploads.path()).unwrap().count();
    for is_committed in [true, false] {
        let before = files();
        let held = Held::uploads(&database).await;
        let cut = async {
            held.reached().await;
            firewall.closed.send_replace(true);
        };
        let (answer, ()) = tokio::join!(server.upload(&[("a.txt", b"text")]), cut);
        answer.refused(503, "database_unavailable");
        assert_eq!(files(), before + 1, "as long as nobody knows, the file stays");
        if is_committed {
            // It asks again before the database itself knows.
            firewall.closed.send_replace(false);
            server.get("/ready").await.expect(200);
            held.release().await;
            server.logged(|line| line["message"] == "processed").await;
            assert_eq!(number(&database, "SELECT count(*) FROM documents WHERE status = 'completed'").await, 1);
            assert_eq!(files(), before + 1);
        } else {
            held.refuse().await;
            firewall.closed.send_replace(false);
            server.logged(|line| line["message"] == "an upload that was not committed is taken back").await;
            assert_eq!(files(), before);
            assert_eq!(number(&database, "SELECT count(*) FROM documents WHERE deleted_at IS NULL").await, 1);
        }
    }
}

#[tokio::test]
async fn what_the_address_asks_of_the_server_is_kept() {
    let database = postgres::database().await;
    postgres::execute(&database, "CREATE SCHEMA chatbot").await;
    let url = format!("{database}?options=-c%20search_path%3Dchatbot,public");
    let server = Server::bare(&[("DATABASE_URL", &url), ("DB_STATEMENT_TIMEOUT_SECONDS", "0.3")]).await;
    server.get("/ready").await.expect(200);
    assert_eq!(number(&database, "SELECT count(*) FROM chatbot.documents").await, 0);
    // And this program's own settings too: somebody else has the table.
    let client = postgres::connect(&database).await;
    client.batch_execute("BEGIN; LOCK TABLE chatbot.documents").await.unwrap();
    let answer = server.authorized(reqwest::Method::GET, "/documents").await.refused(504, "database_slow");
    assert!(answer.headers.contains_key("retry-after"));
    client.batch_execute("ROLLBACK").await.unwrap();
    server.authorized(reqwest::Method::GET, "/documents").await.expect(200);
}

#[tokio::test]
async fn many_who_ask_whether_it_is_ready_take_one_connection() {
    static SEEN: AtomicUsize = AtomicUsize::new(0);
    // A database that never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://postgres@{}/postgres", listener.local_addr().unwrap());
    let silent = tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            open.push(stream);
            SEEN.fetch_add(1, Ordering::SeqCst);
        }
    });
    let server = Server::bare(&[("DATABASE_URL", &url), ("DB_CONNECT_TIMEOUT_SECONDS", "1")]).await;
    let all = futures_util::future::join_all((0..50).map(|_| server.get("/ready"))).await;
    for answer in all {
        answer.refused(503, "database_unavailable");
    }
    // The server tries by itself, too.
    let seen = SEEN.load(Ordering::SeqCst);
    assert!(seen < 12, "{seen} connections");
    silent.abort();
}
