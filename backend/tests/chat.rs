//! Conversations, with and without a model.

use reqwest::Method;
use serde_json::json;

use crate::support::server::Server;

#[tokio::test]
async fn lives_without_anything_else() {
    let server = Server::bare(&[("JWT_SECRET_KEY", "")]).await;
    for path in ["/health", "/api/health"] {
        assert_eq!(server.get(path).await.expect(200), json!({ "status": "healthy" }));
    }
    assert_eq!(server.get("/ready").await.expect(200), json!({ "status": "ready", "database": "not_configured" }));
    // Without a key nobody can be let in.
    server.authorized(Method::GET, "/documents").await.refused(503, "tokens_unavailable");
}

#[tokio::test]
async fn knows_the_time_without_a_model() {
    let server = Server::start().await;
    for path in ["/chat", "/api/chat"] {
        let answer = server.post(path, json!({ "session_id": "test-123", "message": "What time is it?" })).await.expect(200);
        assert_eq!((answer["session_id"].as_str(), answer["answered_by"].as_str()), (Some("test-123"), Some("backend")));
        assert!(answer["response"].as_str().unwrap().starts_with("It is "), "{answer}");
    }
    assert!(server.bedrock.calls().is_empty());
}

#[tokio::test]
async fn the_model_is_told_what_was_said_before() {
    let server = Server::with(&[("LLM_MODEL_ID", "apac.amazon.nova-pro-v1:0")]).await;
    let first = server.post("/chat", json!({ "message": "請問勞保的投保薪資上限是多少？" })).await.expect(200);
    assert_eq!(
        (first["response"].as_str(), first["answered_by"].as_str()),
        (Some("You said: 請問勞保的投保薪資上限是多少？"), Some("model"))
    );
    let id = first["session_id"].as_str().unwrap();

    // Another copy of the server has the same memory.
    let copy = server.copy().await;
    copy.post("/chat", json!({ "session_id": id, "message": "And after that?", "resume": true })).await.expect(200);

    let calls = server.bedrock.calls();
    let (model, body) = calls.last().unwrap();
    assert_eq!(model, "apac.amazon.nova-pro-v1:0");
    let said: Vec<_> = body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| (m["role"].as_str().unwrap(), m["content"][0]["text"].as_str().unwrap()))
        .collect();
    assert_eq!(
        said,
        [
            ("user", "請問勞保的投保薪資上限是多少？"),
            ("assistant", "You said: 請問勞保的投保薪資上限是多少？"),
            ("user", "And after that?"),
        ]
    );
    let history = server.get(&format!("/sessions/{id}")).await.expect(200);
    assert_eq!(history["messages"].as_array().unwrap().len(), 4);
    assert_eq!(history["messages"][3], json!({ "role": "assistant", "content": "You said: And after that?" }));

    server.send(server.request(Method::DELETE, &format!("/sessions/{id}"))).await.expect(204);
    server.get(&format!("/api/sessions/{id}")).await.refused(404, "unknown_session");
}

#[tokio::test]
async fn an_unknown_session() {
    for server in [Server::start().await, Server::bare(&[]).await] {
        server.get("/sessions/nobody").await.refused(404, "unknown_session");
        server.send(server.request(Method::DELETE, "/sessions/nobody")).await.refused(404, "unknown_session");
        server.post("/chat", json!({ "session_id": "nobody", "message": "hi", "resume": true })).await.refused(404, "unknown_session");
        server.post("/chat", json!({ "message": "hi", "resume": true })).await.refused(404, "unknown_session");
        server.post("/query", json!({ "session_id": "nobody", "message": "q", "resume": true })).await.refused(404, "unknown_session");
        server.get("/sessions/with%20space").await.refused(422, "invalid_request");
        // Without `resume` a name that the client made begins a conversation.
        server.post("/chat", json!({ "session_id": "somebody", "message": "hi" })).await.expect(200);
        assert_eq!(server.get("/sessions/somebody").await.expect(200)["messages"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_cannot_be_a_message() {
    let server = Server::with(&[("MAX_MESSAGE_CHARACTERS", "100"), ("MAX_JSON_BYTES", "2000")]).await;
    let send = async |text: &str, content_type: &str| {
        server.send(server.request(Method::POST, "/chat").header("content-type", content_type).body(text.to_owned())).await
    };
    let json = "application/json";
    for text in ["", "{", "{\"message\": \"hi\"", "hello", "{\"message\": \"\\ud800\"}"] {
        send(text, json).await.refused(400, "malformed_json");
    }
    for text in [
        "[]",
        "{}",
        "{\"message\": 1}",
        "{\"message\": null}",
        "{\"message\": \"\"}",
        "{\"message\": \"   \"}",
        "{\"message\": \"a\\u0000b\"}",
        "{\"message\": \"hi\", \"session_id\": \"\"}",
        "{\"message\": \"hi\", \"session_id\": \"a b\"}",
        "{\"message\": \"hi\", \"session_id\": 7}",
        "{\"message\": \"hi\", \"resume\": \"yes\"}",
    ] {
        send(text, json).await.refused(422, "invalid_request");
    }
    send("{\"message\": \"hi\"}", "text/plain").await.refused(415, "wrong_content_type");
    send(&format!("{{\"message\": \"{}\"}}", "字".repeat(101)), json).await.refused(413, "message_too_long");
    send(&format!("{{\"message\": \"{}\"}}", "x".repeat(3000)), json).await.refused(413, "body_too_large");
    server.post("/query", json!({ "message": "q", "top_k": 0 })).await.refused(422, "invalid_request");
    server.post("/query", json!({ "message": "q", "top_k": 500 })).await.refused(422, "invalid_request");
    assert!(server.bedrock.calls().is_empty(), "nothing of it has reached the model");
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let server = Server::bare(&[]).await;
    server.get("/nothing").await.refused(404, "not_found");
    server.get("/api/nothing").await.refused(404, "not_found");
    let answer = server.get("/chat").await.refused(405, "method_not_allowed");
    assert_eq!(answer.headers["allow"], "POST");
}
