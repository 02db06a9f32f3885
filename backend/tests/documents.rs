//! Documents from their upload to their removal, and uploads that are refused.

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::bedrock::embedding;
use crate::support::postgres::{Held, execute, number};
use crate::support::server::{Server, signed, token};
use crate::support::{DIMENSIONS, KEY};

#[tokio::test]
async fn from_upload_to_answer_to_removal() {
    let server = Server::start().await;
    let leave = "# 特別休假\n\n員工任職滿六個月者，應給予特別休假三日。任職滿一年者七日。";
    let travel = "# Travel\n\nTrains are paid in second class. Taxis need the approval of a manager.";
    let document = server.processed("特休.md", leave.as_bytes()).await;
    assert_eq!((document["status"].as_str(), document["chunk_count"].as_u64()), (Some("completed"), Some(1)), "{document}");
    assert_eq!((document["filename"].as_str(), document["content_type"].as_str()), (Some("特休.md"), Some("text/markdown")));
    server.processed("travel.txt", travel.as_bytes()).await;

    let question = json!({ "session_id": "test-rag-456", "message": "公司的特別休假規定是什麼？", "use_rag": true, "top_k": 1 });
    let answer = server.post("/api/query", question).await.expect(200);
    assert_eq!(answer["sources"].as_array().unwrap().len(), 1);
    assert_eq!((&answer["sources"][0]["filename"], &answer["sources"][0]["document_id"]), (&document["filename"], &document["id"]));
    assert!(answer["sources"][0]["score"].as_f64().unwrap() > 0.3, "{answer}");
    // The model has been given the passage.
    let calls = server.bedrock.calls();
    assert!(calls.last().unwrap().1["system"][0]["text"].as_str().unwrap().contains("應給予特別休假三日"));
    assert_eq!(calls[calls.len() - 2].1["input_type"], "search_query");
    assert_eq!(calls[0].1["input_type"], "search_document");

    // Without `use_rag` nothing is searched.
    let answer = server.post("/query", json!({ "message": "特別休假？" })).await.expect(200);
    assert_eq!(answer["sources"], json!([]));

    let list = server.authorized(Method::GET, "/documents?limit=1").await.expect(200);
    assert_eq!((list["total"].as_u64(), list["documents"][0]["filename"].as_str()), (Some(2), Some("travel.txt")));
    let list = server.authorized(Method::GET, "/documents?limit=1&offset=1").await.expect(200);
    assert_eq!(list["documents"], json!([document]));

    let path = format!("/documents/{}", document["id"].as_str().unwrap());
    server.authorized(Method::DELETE, &path).await.expect(204);
    server.authorized(Method::GET, &path).await.refused(404, "unknown_document");
    server.authorized(Method::DELETE, &path).await.refused(404, "unknown_document");
    assert_eq!(number(&server.database, "SELECT count(*) FROM document_chunks").await, 1);
    assert_eq!(files(&server).len(), 1);
}

#[tokio::test]
async fn only_whoever_has_a_valid_token() {
    let server = Server::start().await;
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhbXkiLCJleHAiOjQwMDAwMDAwMDB9.";
    let other = signed(&json!({ "sub": "amy", "exp": 4_000_000_000_u64 }), "another key, which is long enough too");
    let endless = signed(&json!({ "sub": "amy" }), KEY);
    let nobody = signed(&json!({ "exp": 4_000_000_000_u64 }), KEY);
    let early = signed(&json!({ "sub": "amy", "exp": 4_000_000_000_u64, "nbf": 3_900_000_000_u64 }), KEY);
    let cases = [
        (None, "token_missing"),
        (Some(String::new()), "token_invalid"),
        (Some("Basic YW15OnNlY3JldA==".to_owned()), "token_invalid"),
        (Some("Bearer".to_owned()), "token_invalid"),
        (Some("Bearer x.y.z".to_owned()), "token_invalid"),
        (Some(format!("Bearer {none}")), "token_invalid"),
        (Some(format!("Bearer {other}")), "token_invalid"),
        (Some(format!("Bearer {endless}")), "token_invalid"),
        (Some(format!("Bearer {nobody}")), "token_invalid"),
        (Some(format!("Bearer {early}")), "token_invalid"),
        (Some(format!("Bearer {}", token("amy", -60))), "token_expired"),
    ];
    let id = uuid::Uuid::new_v4();
    for (header, code) in cases {
        for (method, path) in [
            (Method::POST, "/upload/document".to_owned()),
            (Method::GET, "/documents".to_owned()),
            (Method::GET, format!("/documents/{id}")),
            (Method::DELETE, format!("/documents/{id}")),
        ] {
            let mut request = server.request(method, &path);
            if let Some(header) = &header {
                request = request.header("authorization", header);
            }
            let answer = server.send(request).await.refused(401, code);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    // The program signs tokens for a laptop.
    let made = crate::support::server::command(&["token", "amy", "60"], &server.variables).await;
    let made = String::from_utf8(made.stdout).unwrap();
    server.send(server.request(Method::GET, "/documents").bearer_auth(made.trim())).await.expect(200);
}

#[tokio::test]
async fn uploads_that_are_not_what_they_should_be() {
    let server = Server::with(&[("MAX_UPLOAD_BYTES", "100000"), ("MAX_UPLOAD_FILES", "3")]).await;
    server.upload(&[]).await.refused(400, "malformed_multipart");
    server.get("/ready").await.expect(200);
    server.upload(&[("empty.txt", b"")]).await.refused(422, "empty_file");
    server.upload(&[("virus.exe", b"MZ")]).await.refused(415, "unsupported_type");
    server.upload(&[("README", b"text")]).await.refused(415, "unsupported_type");
    server.upload(&[("picture.pdf", b"\x89PNG\r\n\x1a\n")]).await.refused(422, "content_mismatch");
    server.upload(&[("program.txt", b"\x7fELF\x02\x01")]).await.refused(422, "content_mismatch");
    server.upload(&[("page.docx", b"<html></html>")]).await.refused(422, "content_mismatch");
    server.upload(&[("..", b"text")]).await.refused(422, "invalid_request");
    server.upload(&[("big.txt", &[b'x'; 100_001])]).await.refused(413, "body_too_large");
    server.upload(&[("huge.txt", &[b'x'; 400_000])]).await.refused(413, "body_too_large");
    // Together they are too much.
    server.upload(&[("a.txt", &[b'x'; 60_000]), ("b.txt", &[b'x'; 60_000])]).await.refused(413, "body_too_large");
    server.upload(&[("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c"), ("d.txt", b"d")]).await.refused(422, "invalid_request");
    // One of them is wrong: none is stored.
    server.upload(&[("good.txt", b"text"), ("empty.txt", b"")]).await.refused(422, "empty_file");

    let request = || server.request(Method::POST, "/upload/document").bearer_auth(token("amy", 60));
    server.send(request().json(&json!({}))).await.refused(415, "wrong_content_type");
    server.send(request().header("content-type", "multipart/form-data").body("x")).await.refused(400, "malformed_multipart");
    let cut = "--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\ntext that never";
    server.send(request().header("content-type", "multipart/form-data; boundary=b").body(cut)).await.refused(400, "malformed_multipart");
    server.send(request().multipart(Form::new().text("files", "no file name"))).await.refused(422, "no_file");

    assert_eq!(number(&server.database, "SELECT count(*) FROM documents").await, 0);
    assert_eq!(files(&server), [] as [String; 0]);

    let documents = server.upload(&[("a.txt", b"first text"), ("b.md", b"second text")]).await.expect(202);
    assert_eq!(documents["documents"].as_array().unwrap().len(), 2);
    // A field of any name will do, as will a part that claims to be something else: the bytes decide.
    let part = Part::bytes(b"third text".to_vec()).file_name("c.txt").mime_str("image/png").unwrap();
    server.send(request().multipart(Form::new().part("file", part))).await.expect(202);
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_leaves_nothing() {
    let server = Server::start().await;
    server.get("/ready").await.expect(200);
    let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /upload/document HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         content-length: 100000\r\n\r\n--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\nsome text",
        token("amy", 60)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    drop(stream);
    server.logged(|line| line["code"] == "malformed_multipart").await;
    assert_eq!(number(&server.database, "SELECT count(*) FROM documents").await, 0);
    assert_eq!(files(&server), [] as [String; 0]);
}

/// The head and the body of an upload of one file.
fn raw_upload() -> String {
    let body = "--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\nsome text\r\n--b--\r\n";
    format!(
        "POST /upload/document HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: multipart/form-data; boundary=b\r\n\
         content-length: {}\r\n\r\n{body}",
        token("amy", 60),
        body.len()
    )
}

#[tokio::test]
async fn an_upload_that_is_being_committed_is_brought_to_its_end() {
    let server = Server::with(&[("REQUEST_TIMEOUT_SECONDS", "1")]).await;
    server.get("/ready").await.expect(200);
    // The time is up in that moment, or the client has had enough.
    for (round, goes_away) in [(1, false), (2, true)] {
        let held = Held::uploads(&server.database).await;
        let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
        stream.write_all(raw_upload().as_bytes()).await.unwrap();
        held.reached().await;
        if goes_away {
            drop(stream);
            server.get("/health").await.expect(200);
        } else {
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 504");
        }
        held.release().await;
        while number(&server.database, "SELECT count(*) FROM documents").await < round {
            tokio::task::yield_now().await;
        }
        let list = server.authorized(Method::GET, "/documents?limit=1").await.expect(200);
        assert_eq!(server.settled(list["documents"][0]["id"].as_str().unwrap()).await["status"], "completed");
        assert_eq!(files(&server).len(), usize::try_from(round).unwrap());
    }
}

#[tokio::test]
async fn a_database_that_says_no_leaves_no_file() {
    let server = Server::start().await;
    server.get("/ready").await.expect(200);
    // Refused at the last moment, when the file is already stored.
    let refuse = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
                  CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON documents DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()";
    execute(&server.database, refuse).await;
    server.upload(&[("a.txt", b"text")]).await.refused(500, "internal");
    assert_eq!(files(&server), [] as [String; 0]);
}

#[tokio::test]
async fn what_was_removed_does_not_hide_what_is_there() {
    let server = Server::start().await;
    server.get("/ready").await.expect(200);
    let id = uuid::Uuid::new_v4();
    // Removed rows stay in the index until the database tidies up: more of them, and nearer to the question, than it usually looks at.
    let fill = format!(
        "ALTER TABLE document_chunks SET (autovacuum_enabled = false);
         INSERT INTO documents (id, filename, content_type, size_bytes, bucket, object_key, status) VALUES
             ('{id}', 'near.txt', 'text/plain', 1, '', 'near', 'completed'),
             (gen_random_uuid(), 'far.txt', 'text/plain', 1, '', 'far', 'completed');
         INSERT INTO document_chunks (document_id, chunk_index, content, embedding)
             SELECT (SELECT id FROM documents WHERE object_key = 'far'), n, 'far',
                 (SELECT array_agg(random() - 0.5) FROM generate_series(1, {DIMENSIONS}) WHERE n = n)::vector
             FROM generate_series(1, 3000) n;
         INSERT INTO document_chunks (document_id, chunk_index, content, embedding)
             SELECT '{id}', n, 'near', (SELECT array_agg(x + random() / 100) FROM unnest('{near:?}'::real[]) x WHERE n = n)::vector
             FROM generate_series(1, 200) n;
         ANALYZE document_chunks",
        near = embedding("leave", DIMENSIONS)
    );
    execute(&server.database, &fill.replace("'[", "'{").replace("]'", "}'")).await;
    let ask = async || server.post("/query", json!({ "message": "leave", "use_rag": true, "top_k": 5 })).await.expect(200);
    assert_eq!(ask().await["sources"][0]["document_id"], id.to_string());
    server.authorized(Method::DELETE, &format!("/documents/{id}")).await.expect(204);
    assert_eq!(ask().await["sources"].as_array().unwrap().len(), 5);
    let uses = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'document_chunks_nearest'";
    while number(&server.database, uses).await < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_document_in_hand_is_not_removed() {
    let server = Server::start().await;
    let held = server.bedrock.hold();
    let answer = server.upload(&[("a.txt", b"some text")]).await.expect(202);
    let id = answer["documents"][0]["id"].as_str().unwrap();
    while server.bedrock.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    let answer = server.authorized(Method::DELETE, &format!("/documents/{id}")).await.refused(409, "document_busy");
    assert_eq!(answer.headers["retry-after"], "1");
    held.add_permits(1000);
    assert_eq!(server.settled(id).await["status"], "completed");
    server.authorized(Method::DELETE, &format!("/documents/{id}")).await.expect(204);
}

#[tokio::test]
async fn what_is_not_there_to_be_asked() {
    let server = Server::with(&[("ENABLE_RAG", "false")]).await;
    server.post("/query", json!({ "message": "leave?", "use_rag": true })).await.refused(409, "rag_disabled");
    server.post("/query", json!({ "message": "leave?" })).await.expect(200);
    let bare = Server::bare(&[]).await;
    bare.authorized(Method::GET, "/documents").await.refused(503, "database_not_configured");
    bare.upload(&[("a.txt", b"text")]).await.refused(503, "database_not_configured");
    assert_eq!(files(&bare), [] as [String; 0]);
    let nobody = Server::bare(&[("JWT_SECRET_KEY", "")]).await;
    nobody.authorized(Method::GET, "/documents").await.refused(503, "tokens_unavailable");
}

#[tokio::test]
async fn ids_and_windows_that_are_none() {
    let server = Server::start().await;
    server.authorized(Method::GET, "/documents/1").await.refused(422, "invalid_request");
    server.authorized(Method::DELETE, "/documents/1").await.refused(422, "invalid_request");
    server.authorized(Method::GET, "/documents?limit=0").await.refused(422, "invalid_request");
    server.authorized(Method::GET, "/documents?limit=101").await.refused(422, "invalid_request");
    server.authorized(Method::GET, "/documents?offset=-1").await.refused(422, "invalid_request");
}

#[tokio::test]
async fn work_that_was_left_is_taken_up_again() {
    let mut server = Server::start().await;
    let held = server.bedrock.hold();
    let answer = server.upload(&[("left.txt", b"Text that waits for the model.")]).await.expect(202);
    let id = answer["documents"][0]["id"].as_str().unwrap();
    server.terminate();
    assert!(server.ended().await.success());
    held.add_permits(1000);
    let next = server.copy().await;
    assert_eq!(next.settled(id).await["status"], "completed");
}

#[tokio::test]
async fn what_was_cut_off_is_taken_away_one_day() {
    let server = Server::start().await;
    server.processed("kept.txt", b"text").await;
    let kept = files(&server);
    let hours_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(2 * 60 * 60);
    let make = |name: &str, is_old: bool| {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(server.uploads.path().join(name)).unwrap();
        if is_old {
            file.set_modified(hours_ago).unwrap();
        }
    };
    make(&kept[0], true);
    make(".partial-old", true);
    make(".partial-new", false);
    make("7b0c9a3e-6f0d-4a6e-9f4e-2d5b1c3a8e77", true);
    make("f3b9d8c1-2a4b-4c5d-8e6f-7a8b9c0d1e2f", false);
    make("notes.txt", true);
    let next = server.copy().await;
    let line = next.logged(|line| line["message"] == "looked for what uploads have left").await;
    assert_eq!(line["count"], 2);
    let mut left = files(&server);
    left.sort();
    let mut expected = vec![".partial-new".into(), "f3b9d8c1-2a4b-4c5d-8e6f-7a8b9c0d1e2f".into(), "notes.txt".into(), kept[0].clone()];
    expected.sort();
    assert_eq!(left, expected);
}

fn files(server: &Server) -> Vec<String> {
    std::fs::read_dir(server.uploads.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
