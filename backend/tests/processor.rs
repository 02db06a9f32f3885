//! Files to chunks, those that cannot be read, and what that costs.

use std::collections::HashSet;

use reqwest::Method;

use crate::support::bedrock::{Reply, THROTTLED};
use crate::support::files::{bomb, docx, pdf};
use crate::support::is_translated;
use crate::support::postgres::{connect, number};
use crate::support::server::Server;

#[tokio::test]
async fn every_type_is_read() {
    let server = Server::start().await;
    let page = "<!doctype html><title>x</title><body><h1>Overtime</h1><p>Paid &amp; at <b>one and a half</b> times.</p><script>bad()</script></body>";
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("a.txt", b"Plain words.".to_vec(), "Plain words."),
        ("a.md", b"# Title\n\nSome *words*.".to_vec(), "# Title\n\nSome *words*."),
        ("a.html", page.into(), "Paid & at one and a half times."),
        ("a.docx", docx(&["第一條 特休", "Salt &amp; pepper"]), "第一條 特休\nSalt & pepper"),
        ("a.pdf", pdf(&["Leave is granted.".into(), "Second page here.".into()]), "Second page here."),
        ("big5.txt", b"\xad\xfb\xa4u\xa5\xf4\xc2\xbe\xba\xa1\xa4\xbb\xad\xd3\xa4\xeb".to_vec(), "員工任職滿六個月"),
    ];
    for (name, bytes, expected) in cases {
        let document = server.processed(name, &bytes).await;
        assert_eq!(document["status"], "completed", "{document}");
        let client = connect(&server.database).await;
        let query = "SELECT string_agg(content, '|' ORDER BY chunk_index) FROM document_chunks c JOIN documents d ON d.id = document_id WHERE filename = $1";
        let text: String = client.query_one(query, &[&name]).await.unwrap().get(0);
        assert!(text.contains(expected) && !text.contains("bad()"), "{name}: {text}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_says_why() {
    let server = Server::with(&[("CHUNK_CHARACTERS", "8000"), ("MAX_CHUNKS", "2"), ("MAX_TEXT_BYTES", "100000")]).await;
    let long = "words and ".repeat(5_000);
    let endless = "x".repeat(110_000);
    let half =
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R /Encrypt << /Filter /Standard >> >>\n%%EOF".to_vec();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("blank.txt", b"  \n\t\n ".to_vec(), "no text was found"),
        ("scan.pdf", pdf(&[String::new()]), "no text was found"),
        ("broken.pdf", b"%PDF-1.7\nthis is no PDF at all".to_vec(), "it is damaged"),
        ("half.pdf", half, "it is damaged"),
        ("broken.docx", b"PK\x03\x04broken".to_vec(), "the archive is damaged"),
        ("bomb.docx", bomb(300), "unpacks to more than 100 MB"),
        ("noise.txt", (0..5000_u32).map(|n| u8::try_from(128 + n * n % 7 * 17 % 128).unwrap()).chain([0xff; 500]).collect(), ""),
        ("long.txt", long.into_bytes(), "more than 2 chunks"),
        ("endless.txt", endless.into_bytes(), "longer than 100000 bytes"),
    ];
    for (name, bytes, reason) in cases {
        let document = server.processed(name, &bytes).await;
        assert_eq!(document["status"], "failed", "{document}");
        let error = document["error"].as_str().unwrap();
        assert!(error.contains(reason), "{name}: {error}");
        assert!(is_translated(error), "{name}: {error}");
        assert!(!error.contains('/') || name == "blank.txt", "a path of the server: {error}");
    }
    assert_eq!(number(&server.database, "SELECT count(*) FROM document_chunks").await, 0, "no document is half there");
    server.get("/health").await.expect(200);
}

#[tokio::test]
async fn a_bomb_costs_little() {
    let server = Server::start().await;
    server.get("/ready").await.expect(200);
    let (before, _) = server.memory();
    let file = bomb(400);
    assert!(file.len() < 4_000_000);
    assert_eq!(server.processed("bomb.docx", &file).await["status"], "failed");
    let (_, most) = server.memory();
    assert!(most < before + 30_000, "{before} kB before, {most} kB at most");
}

#[tokio::test]
async fn a_large_pdf_in_bounded_memory() {
    // Smaller than usual, so that it is the bound that is tested.
    let server = Server::with(&[("READER_MEMORY_MB", "256"), ("CHUNK_CHARACTERS", "8000"), ("EMBEDDING_DIMENSIONS", "1536")]).await;
    server.get("/ready").await.expect(200);
    let (before, _) = server.memory();
    let line = "Employees are granted leave after six months of service as the law provides.";
    let page = |number: usize| format!("Page {number} of the handbook.\n") + &format!("{line}\n").repeat(60);
    let file = pdf(&(0..2100).map(page).collect::<Vec<_>>());
    assert!(file.len() > 10_000_000, "{}", file.len());
    let document = server.processed("handbook.pdf", &file).await;
    assert_eq!(document["status"], "completed", "{document}");
    assert!(document["chunk_count"].as_u64().unwrap() > 1000, "{document}");
    let (_, most) = server.memory();
    assert!(most < before + 40_000, "{before} kB before, {most} kB at most");
}

#[tokio::test]
async fn a_slow_model_is_not_a_slow_file() {
    let server = Server::with(&[("READER_TIMEOUT_SECONDS", "0.1")]).await;
    // More than the reader can write before somebody reads it, and slower to read than to pass on.
    let page = |number: usize| format!("Page {number} of the handbook.\n") + &"Employees are granted leave after six months.\n".repeat(60);
    let file = pdf(&(0..100).map(page).collect::<Vec<_>>());
    let held = server.bedrock.hold();
    let answer = server.upload(&[("long.pdf", &file)]).await.expect(202);
    while server.bedrock.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    // Longer than the reader may take.
    let begun = std::time::Instant::now();
    while begun.elapsed().as_millis() < 1500 {
        server.get("/health").await.expect(200);
    }
    held.add_permits(1000);
    let document = server.settled(answer["documents"][0]["id"].as_str().unwrap()).await;
    assert_eq!(document["status"], "completed", "{document}");
    assert!(document["chunk_count"].as_u64().unwrap() > 200, "{document}");
}

#[tokio::test]
async fn several_parts_are_with_the_model_at_once() {
    let server = Server::start().await;
    let text: String = (0..10_000).map(|number| format!("Rule {number:05} of the house is to be kept by all.\n")).collect();
    let held = server.bedrock.hold();
    let answer = server.upload(&[("long.txt", text.as_bytes())]).await.expect(202);
    let id = answer["documents"][0]["id"].as_str().unwrap();
    // The same part once more, after its first try took too long, does not count.
    let parts = || server.bedrock.calls().iter().map(|(_, body)| body.to_string()).collect::<HashSet<_>>().len();
    while parts() < 3 {
        server.get("/health").await.expect(200);
        assert_ne!(server.authorized(Method::GET, &format!("/documents/{id}")).await.body["status"], "failed");
    }
    held.add_permits(1000);
    let document = server.settled(id).await;
    // Whichever answer comes first, the chunks are numbered as in the text.
    let query = "SELECT count(*) FROM document_chunks a JOIN document_chunks b USING (document_id)
                 WHERE b.chunk_index = a.chunk_index + 1 AND position(left(b.content, 60) IN a.content) > 0";
    let chunks = document["chunk_count"].as_i64().unwrap();
    assert_eq!(number(&server.database, query).await, chunks - 1);
    assert_eq!(number(&server.database, "SELECT max(chunk_index) + 1::bigint FROM document_chunks").await, chunks);
}

#[tokio::test]
async fn trouble_with_the_model_is_told_and_passes() {
    let server = Server::with(&[("MODEL_TIMEOUT_SECONDS", "1")]).await;
    server.bedrock.next([THROTTLED, THROTTLED, THROTTLED]);
    assert_eq!(server.processed("patient.txt", b"Throttled three times.").await["status"], "completed");

    server.bedrock.always(Reply::Error(403, "AccessDeniedException", "arn:aws:iam::123456789012:role/x may not"));
    let document = server.processed("denied.txt", b"Not allowed.").await;
    assert_eq!(document["status"], "failed");
    assert_eq!(document["error"], "this application may not use the model, or there is no such model");

    // It is tried again by itself.
    server.bedrock.always(None);
    let id = document["id"].as_str().unwrap();
    server.logged(|line| line["outcome"] == "Completed { chunks: 1 }" && line["key"] == id).await;
    assert_eq!(server.authorized(Method::GET, &format!("/documents/{id}")).await.expect(200)["status"], "completed");
}
