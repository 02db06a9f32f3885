//! What the models answer, and what becomes of it when they do not.

use serde_json::json;

use crate::support::bedrock::{Reply, THROTTLED};
use crate::support::server::Server;

#[tokio::test]
async fn passing_trouble_is_sat_out() {
    let server = Server::start().await;
    server.bedrock.next([THROTTLED, Reply::Error(503, "ServiceUnavailableException", "Try again.")]);
    server.post("/chat", json!({ "message": "patience?" })).await.expect(200);
    assert_eq!(server.bedrock.calls().len(), 3);
}

#[tokio::test]
async fn what_a_model_can_answer_instead_of_an_answer() {
    let server = Server::with(&[("MODEL_TIMEOUT_SECONDS", "1")]).await;
    // Each model has its own words for it.
    let too_long = |words| Reply::Error(400, "ValidationException", words);
    let cases = [
        (THROTTLED, 503, "model_busy"),
        (Reply::Error(429, "ModelNotReadyException", "Warming up."), 503, "model_busy"),
        (Reply::Error(400, "ServiceQuotaExceededException", "Quota."), 503, "model_busy"),
        (Reply::Error(408, "ModelTimeoutException", "Too slow."), 504, "model_timeout"),
        (Reply::Silence, 504, "model_timeout"),
        (Reply::Error(403, "AccessDeniedException", "arn:aws:sts::123456789012:assumed-role/x is not authorized"), 502, "model_denied"),
        (Reply::Error(404, "ResourceNotFoundException", "Could not resolve the foundation model"), 502, "model_denied"),
        (Reply::Error(400, "ValidationException", "Input is too long for requested model."), 413, "prompt_too_long"),
        (
            too_long("Input Tokens Exceeded: Number of input tokens exceeds maximum length. Please update the input to try again."),
            413,
            "prompt_too_long",
        ),
        (too_long("#/texts/0: expected maxLength: 2048, actual: 3000, please reformat your input and try again."), 413, "prompt_too_long"),
        (too_long("input length and `max_tokens` exceed context limit: 199000 + 4096 > 200000"), 413, "prompt_too_long"),
        (too_long("Too many input tokens. Max input tokens: 8192, request input token count: 9000"), 413, "prompt_too_long"),
        (Reply::Error(400, "ValidationException", "Malformed input request."), 502, "model_error"),
        (Reply::Error(500, "InternalServerException", "Oh no."), 502, "model_unavailable"),
        (Reply::Error(503, "ServiceUnavailableException", "Later."), 502, "model_unavailable"),
        (Reply::Stopped("guardrail_intervened"), 422, "content_refused"),
        (Reply::Stopped("content_filtered"), 422, "content_refused"),
        (Reply::Stopped("model_context_window_exceeded"), 413, "prompt_too_long"),
        (Reply::Stopped("end_turn"), 502, "model_error"),
        (Reply::Raw("{}"), 502, "model_error"),
        (Reply::Raw("<html>"), 502, "model_unavailable"),
    ];
    for (reply, status, code) in cases {
        server.bedrock.always(reply);
        let answer = server.post("/chat", json!({ "session_id": "s", "message": "why?" })).await.refused(status, code);
        let passes = ["model_busy", "model_timeout", "model_unavailable"].contains(&code);
        assert_eq!(answer.headers.contains_key("retry-after"), passes, "{code}");
    }
    // What was not answered was not said: the next question does not begin with a heap of unanswered ones.
    server.bedrock.always(None);
    server.post("/chat", json!({ "session_id": "s", "message": "now?" })).await.expect(200);
    assert_eq!(server.bedrock.calls().last().unwrap().1["messages"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn vectors_that_are_none() {
    let server = Server::start().await;
    let cases = [
        (Reply::Error(403, "AccessDeniedException", "no"), 502, "model_denied"),
        (Reply::Raw("{\"embeddings\":{\"float\":[[1.0,2.0]]}}"), 502, "model_error"),
        (Reply::Raw("{\"embeddings\":{\"float\":[]}}"), 502, "model_error"),
        (Reply::Raw("nonsense"), 502, "model_error"),
    ];
    for (reply, status, code) in cases {
        server.bedrock.next([reply]);
        server.post("/query", json!({ "message": "q", "use_rag": true })).await.refused(status, code);
    }
}

#[tokio::test]
async fn titan_is_asked_one_text_at_a_time() {
    let server = Server::with(&[("EMBEDDING_MODEL_ID", "amazon.titan-embed-text-v2:0")]).await;
    let text = "A paragraph about leave. ".repeat(100);
    let document = server.processed("leave.txt", text.as_bytes()).await;
    assert_eq!(document["status"], "completed");
    assert_eq!(document["chunk_count"], server.bedrock.calls().len());
    server.post("/query", json!({ "message": "leave?", "use_rag": true })).await.expect(200);
}

#[tokio::test]
async fn an_inference_profile_by_its_arn() {
    let profile = |name: &str| format!("arn:aws:bedrock:ap-northeast-1:123456789012:{name}");
    let (chat, embedding) = (profile("inference-profile/apac.amazon.nova-pro-v1:0"), profile("application-inference-profile/abcdef123456"));
    let settings = [("LLM_MODEL_ID", chat.as_str()), ("EMBEDDING_MODEL_ID", &embedding), ("EMBEDDING_PROVIDER", "cohere.embed-v4")];
    let server = Server::with(&settings).await;
    server.post("/query", json!({ "message": "leave?", "use_rag": true })).await.expect(200);
    let asked: Vec<_> = server.bedrock.calls().into_iter().map(|(model, _)| model).collect();
    assert_eq!(asked, [embedding, chat]);
}
