//! What a client may not ask for: too often, too much, for too long, from elsewhere.

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::bedrock::Reply;
use crate::support::server::Server;

#[tokio::test]
async fn a_client_that_asks_too_often() {
    let server = Server::bare(&[("RATE_LIMIT_PER_MINUTE", "6"), ("TRUSTED_PROXIES", "1")]).await;
    let ask = async |client: &str| {
        let request = server.request(Method::POST, "/chat").header("x-forwarded-for", client).json(&json!({ "message": "hi" }));
        server.send(request).await
    };
    ask("203.0.113.1").await.expect(200);
    ask("203.0.113.1").await.expect(200);
    let refused = ask("203.0.113.1").await.refused(429, "rate_limited");
    let wait: u32 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=11).contains(&wait));
    // What the client itself claims does not make it another.
    ask("198.51.100.1, 203.0.113.1").await.refused(429, "rate_limited");
    ask("203.0.113.2").await.expect(200);
    // A load balancer asks all day long, and some of them for the page.
    for path in ["/health", "/api/health", "/", "/page/style.css", "/page/script.js", "/page/settings.json", "/favicon.ico"] {
        for _ in 0..5 {
            assert!(server.get(path).await.status.is_success(), "{path}");
        }
    }
}

#[tokio::test]
async fn more_requests_than_there_are_places_for() {
    let server = Server::bare(&[("MAX_CONCURRENT_REQUESTS", "1")]).await;
    let held = server.bedrock.hold();
    let slow = server.post("/chat", json!({ "message": "slow" }));
    let others = async {
        // The first one is with the model as soon as the stand-in knows of it.
        while server.bedrock.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        let answer = server.post("/chat", json!({ "message": "hi" })).await.refused(503, "overloaded");
        assert!(answer.headers.contains_key("retry-after"));
        server.get("/health").await.expect(200);
        held.add_permits(10);
    };
    let (slow, ()) = tokio::join!(slow, others);
    slow.expect(200);
    server.post("/chat", json!({ "message": "hi" })).await.expect(200);
}

/// A client that keeps its connection and looks at every byte.
struct Connection(tokio::net::TcpStream);

impl Connection {
    async fn to(server: &Server) -> Self {
        Self(tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap())
    }

    async fn write(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next answer's head, and its body where it says that there is one.
    async fn read(&mut self) -> String {
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\n") {
            answer.push(char::from(self.0.read_u8().await.unwrap()));
        }
        let length = answer.split("content-length: ").nth(1).and_then(|it| it.split("\r\n").next());
        let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
        self.0.read_exact(&mut body).await.unwrap();
        answer + std::str::from_utf8(&body).unwrap()
    }
}

fn head(path: &str, more: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{more}\r\n")
}

#[tokio::test]
async fn a_refusal_leaves_the_connection_usable() {
    let server = Server::bare(&[("MAX_JSON_BYTES", "1000")]).await;
    let mut client = Connection::to(&server).await;
    let large = "x".repeat(3_000_000);
    let length = format!("content-length: {}\r\n", large.len());
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    for (path, expected) in [("/chat", "HTTP/1.1 413"), ("/nowhere", "HTTP/1.1 404"), ("/upload/document", "HTTP/1.1 401")] {
        for (more, body) in [(length.as_str(), &large), ("transfer-encoding: chunked\r\n", &chunk)] {
            client.write(&(head(path, more) + body)).await;
            let answer = client.read().await;
            assert!(answer.starts_with(expected) && !answer.contains("connection: close"), "{answer}");
        }
    }
    // Somebody who was told to begin is sending, like the others.
    client.write(&head("/chat", &format!("expect: 100-continue\r\n{length}"))).await;
    assert_eq!(client.read().await, "HTTP/1.1 100 Continue\r\n\r\n");
    client.write(&large).await;
    let answer = client.read().await;
    assert!(answer.starts_with("HTTP/1.1 413") && !answer.contains("connection: close"), "{answer}");
    client.write("GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(client.read().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_is_refused_and_does_not_come() {
    let server = Server::bare(&[]).await;
    // Who asks first, or stops sending, is not waited for, and is told that this was the last answer here.
    for more in ["expect: 100-continue\r\ncontent-length: 3000000\r\n", "content-length: 3000000\r\n"] {
        let mut client = Connection::to(&server).await;
        client.write(&head("/nowhere", more)).await;
        let answer = client.read().await;
        assert!(answer.starts_with("HTTP/1.1 404") && answer.contains("connection: close"), "{answer}");
        assert_eq!(client.0.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long() {
    let server = Server::bare(&[("REQUEST_TIMEOUT_SECONDS", "0.2")]).await;
    server.bedrock.always(Reply::Silence);
    server.post("/chat", json!({ "message": "slow" })).await.refused(504, "timed_out");
    // A body that never comes is as slow as a model.
    let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"POST /chat HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{").await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 504");
}

#[tokio::test]
async fn other_origins_by_configuration() {
    let preflight = async |server: &Server, origin: &str| {
        let request = server.request(Method::OPTIONS, "/chat").header("origin", origin).header("access-control-request-method", "POST");
        let response = request.header("access-control-request-headers", "content-type,authorization").send().await.unwrap();
        response.headers().get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned())
    };
    let open = Server::bare(&[("CORS_ORIGINS", "*")]).await;
    assert_eq!(preflight(&open, "https://anywhere.example").await.as_deref(), Some("*"));
    let open = Server::bare(&[("CORS_ORIGINS", "https://hr.example.com, *")]).await;
    assert_eq!(preflight(&open, "https://anywhere.example").await.as_deref(), Some("*"));
    let some = Server::bare(&[("CORS_ORIGINS", "https://hr.example.com, https://test.example.com/")]).await;
    assert_eq!(preflight(&some, "https://test.example.com").await.as_deref(), Some("https://test.example.com"));
    assert_eq!(preflight(&some, "https://evil.example").await, None);
    // A refusal must be readable by the page, too.
    let request = some.request(Method::POST, "/chat").header("origin", "https://hr.example.com").body("x");
    let answer = some.send(request).await.refused(415, "wrong_content_type");
    assert_eq!(answer.headers["access-control-allow-origin"], "https://hr.example.com");
    let closed = Server::bare(&[]).await;
    assert_eq!(preflight(&closed, "https://anywhere.example").await, None);
}

#[tokio::test]
async fn a_request_can_be_found_in_the_log() {
    let server = Server::bare(&[]).await;
    let request = server.request(Method::POST, "/chat").header("x-request-id", "my-id-1").json(&json!({ "message": "hi" }));
    assert_eq!(server.send(request).await.headers["x-request-id"], "my-id-1");
    let line = server.logged(|line| line["message"] == "answered").await;
    assert_eq!((line["span"]["request_id"].as_str(), line["span"]["path"].as_str()), (Some("my-id-1"), Some("/chat")));
    assert_eq!((line["status"].as_u64(), line["level"].as_str()), (Some(200), Some("INFO")));
    assert!(line["milliseconds"].as_f64().is_some());
    // Not an id but an attempt to write into the log.
    let request = server.request(Method::GET, "/health").header("x-request-id", "a b\"c");
    assert_eq!(server.send(request).await.headers["x-request-id"].len(), 36);
    // What was said, and by whom it was signed, is nobody's business.
    let log = format!("{:?}", server.log());
    assert!(!log.contains(crate::support::KEY) && !log.contains("\"hi\""));
}

#[tokio::test]
async fn the_requests_under_way_are_finished_before_the_end() {
    let mut server = Server::bare(&[]).await;
    let held = server.bedrock.hold();
    let under_way = server.post("/chat", json!({ "message": "the last one" }));
    let end = async {
        while server.bedrock.calls().is_empty() {
            tokio::task::yield_now().await;
        }
        server.terminate();
        server.logged(|line| line["message"].as_str().is_some_and(|text| text.starts_with("stopping"))).await;
        let refused = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await;
        assert!(refused.is_err(), "nothing new is accepted");
        held.add_permits(1);
    };
    let (answer, ()) = tokio::join!(under_way, end);
    answer.expect(200);
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn a_server_that_does_not_come_to_an_end_is_ended() {
    let mut server = Server::bare(&[("SHUTDOWN_SECONDS", "0.2")]).await;
    server.bedrock.always(Reply::Silence);
    let mut stream = tokio::net::TcpStream::connect(server.url.trim_start_matches("http://")).await.unwrap();
    let body = "{\"message\":\"never\"}";
    let head = format!("POST /chat HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    while server.bedrock.calls().is_empty() {
        tokio::task::yield_now().await;
    }
    server.terminate();
    assert!(server.ended().await.success());
}

#[tokio::test]
async fn the_page_may_run_only_its_own_script() {
    let server = Server::bare(&[("BACKEND_API_URL", "https://abc.execute-api.ap-northeast-1.amazonaws.com/")]).await;
    let page = server.get("/").await;
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("script-src 'self';")
            && policy.contains("connect-src 'self' https://abc.execute-api.ap-northeast-1.amazonaws.com;")
    );
    let text = page.body.as_str().unwrap();
    for file in ["/page/style.css", "/page/script.js"] {
        assert!(text.contains(&file[1..]), "{text}");
        assert!(!server.get(file).await.expect(200).as_str().unwrap().trim().is_empty());
    }
    assert!(!text.contains("<script>") && !text.contains("onclick="), "the policy would refuse it");
    assert_eq!(server.get("/page/settings.json").await.expect(200)["api"], "https://abc.execute-api.ap-northeast-1.amazonaws.com");
}

#[tokio::test]
async fn wrong_settings_end_the_program_at_once() {
    let output = crate::support::server::command(&["serve"], &[("PORT".to_owned(), "http".to_owned())].into()).await;
    assert!(!output.status.success());
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "error: PORT must be a port number, not \"http\"\n");
}
