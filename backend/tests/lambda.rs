//! The program as a Lambda function behind an HTTP API or a load balancer.

use serde_json::{Value, json};

use crate::support::bedrock::Bedrock;
use crate::support::lambda::{Function, http_event};
use crate::support::postgres;
use crate::support::server::variables;

#[tokio::test]
async fn requests_through_the_runtime_interface() {
    let bedrock = Bedrock::start().await;
    let mut variables = variables(&bedrock.url);
    variables.insert("DATABASE_URL".into(), postgres::database().await);
    let function = Function::start(variables).await;

    assert_eq!(function.http("GET", "/health", None).await, (200, json!({ "status": "healthy" })));
    assert_eq!(function.http("GET", "/api/health", None).await.0, 200);
    assert_eq!(function.http("GET", "/ready", None).await.0, 200);
    let (status, answer) = function.http("POST", "/chat", Some(json!({ "session_id": "test-123", "message": "你知道嗎？" }))).await;
    assert_eq!((status, answer["response"].as_str()), (200, Some("You said: 你知道嗎？")));
    let (status, answer) = function.http("POST", "/chat", Some(json!({}))).await;
    assert_eq!((status, answer["error"]["code"].as_str()), (422, Some("invalid_request")));
    let (status, answer) = function.http("GET", "/nothing", None).await;
    assert_eq!(
        (status, answer["error"]["code"].as_str(), answer["error"]["request_id"].as_str()),
        (404, Some("not_found"), Some("JKJaXmPLvHcESHA="))
    );
    let (status, page) = function.http("GET", "/", None).await;
    assert_eq!(status, 200);
    assert!(page.as_str().unwrap().contains("<html"));
}

/// An event of a load balancer.
fn balanced(method: &str, path: &str, body: &str, forwarded_for: &str) -> Value {
    json!({
        "requestContext": { "elb": { "targetGroupArn": "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:targetgroup/x/0123456789abcdef" } },
        "httpMethod": method, "path": path, "queryStringParameters": {}, "isBase64Encoded": false, "body": body,
        "headers": { "host": "hr.example.com", "content-type": "application/json", "x-forwarded-for": forwarded_for },
    })
}

#[tokio::test]
async fn requests_of_a_load_balancer() {
    let bedrock = Bedrock::start().await;
    let function = Function::start(variables(&bedrock.url)).await;
    let event = |method, path, body| balanced(method, path, body, "203.0.113.10");
    for (event, status, part) in [
        (event("GET", "/health", ""), 200, "healthy"),
        (event("POST", "/chat", "{\"message\": \"why?\"}"), 200, "You said: why?"),
        (event("POST", "/chat", "{"), 400, "malformed_json"),
    ] {
        let answer = function.invoke(event).await.unwrap();
        assert_eq!((answer["statusCode"].as_u64(), answer["isBase64Encoded"].as_bool()), (Some(status), Some(false)), "{answer}");
        assert!(answer["body"].as_str().unwrap().contains(part), "{answer}");
    }
}

#[tokio::test]
async fn a_multipart_body_comes_encoded() {
    let bedrock = Bedrock::start().await;
    let uploads = tempfile::tempdir().unwrap();
    let mut variables = variables(&bedrock.url);
    variables.insert("DATABASE_URL".into(), postgres::database().await);
    variables.insert("UPLOAD_DIR".into(), uploads.path().display().to_string());
    let function = Function::start(variables).await;
    let mut event = http_event("POST", "/upload/document", None);
    // "--b\r\ncontent-disposition: form-data; name=\"files\"; filename=\"a.txt\"\r\n\r\nhello leave\r\n--b--\r\n"
    event["body"] = json!(
        "LS1iDQpjb250ZW50LWRpc3Bvc2l0aW9uOiBmb3JtLWRhdGE7IG5hbWU9ImZpbGVzIjsgZmlsZW5hbWU9ImEudHh0Ig0KDQpoZWxsbyBsZWF2ZQ0KLS1iLS0NCg=="
    );
    event["isBase64Encoded"] = json!(true);
    event["headers"]["content-type"] = json!("multipart/form-data; boundary=b");
    event["headers"]["authorization"] = json!(format!("Bearer {}", crate::support::server::token("amy", 60)));
    let answer = function.invoke(event).await.unwrap();
    assert_eq!(answer["statusCode"], 202, "{answer}");
    // Nothing goes on after the answer in a function, so that it is done by then.
    let (_, answer) = function.http("POST", "/query", Some(json!({ "message": "leave", "use_rag": true }))).await;
    assert_eq!(answer["sources"][0]["content"], "hello leave");
}

#[tokio::test]
async fn each_client_of_the_function_has_its_own_allowance() {
    let bedrock = Bedrock::start().await;
    let mut variables = variables(&bedrock.url);
    variables.insert("RATE_LIMIT_PER_MINUTE".into(), "3".into());
    let function = Function::start(variables).await;
    let ask = async |address: &str| {
        let mut event = http_event("POST", "/chat", Some(json!({ "message": "hi" })));
        event["requestContext"]["http"]["sourceIp"] = json!(address);
        // Anybody can claim to be somebody else.
        event["headers"]["x-forwarded-for"] = json!("192.0.2.1");
        function.invoke(event).await.unwrap()["statusCode"].as_u64().unwrap()
    };
    assert_eq!((ask("203.0.113.1").await, ask("203.0.113.1").await, ask("203.0.113.2").await), (200, 429, 200));
}

#[tokio::test]
async fn each_client_behind_a_load_balancer_has_its_own_allowance() {
    let bedrock = Bedrock::start().await;
    let mut variables = variables(&bedrock.url);
    variables.insert("RATE_LIMIT_PER_MINUTE".into(), "3".into());
    let function = Function::start(variables.clone()).await;
    let ask = async |function: &Function, forwarded_for: &str| {
        let event = balanced("POST", "/chat", "{\"message\": \"hi\"}", forwarded_for);
        function.invoke(event).await.unwrap()["statusCode"].as_u64().unwrap()
    };
    // The load balancer adds who it sees at the end; the rest is only what the client claims.
    assert_eq!(ask(&function, "192.0.2.1, 203.0.113.1").await, 200);
    assert_eq!(ask(&function, "192.0.2.2, 203.0.113.1").await, 429);
    assert_eq!(ask(&function, "203.0.113.2").await, 200);
    // With a distribution before it, it is the last but one.
    variables.insert("TRUSTED_PROXIES".into(), "2".into());
    let function = Function::start(variables).await;
    assert_eq!(ask(&function, "203.0.113.1, 198.51.100.1").await, 200);
    assert_eq!(ask(&function, "203.0.113.1, 198.51.100.2").await, 429);
    assert_eq!(ask(&function, "203.0.113.2, 198.51.100.1").await, 200);
}

#[tokio::test]
async fn events_that_are_neither() {
    let bedrock = Bedrock::start().await;
    let mut variables = variables(&bedrock.url);
    variables.insert("DATABASE_URL".into(), postgres::database().await);
    let function = Function::start(variables).await;
    assert_eq!(
        function.invoke(json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b" })).await.unwrap(),
        json!({ "outcomes": [] })
    );
    assert_eq!(
        function.invoke(json!({ "command": "migrate" })).await.unwrap(),
        json!({ "migrations": ["documents, chunks and sessions"] })
    );
    assert_eq!(function.invoke(json!({ "command": "migrate" })).await.unwrap(), json!({ "migrations": [] }));
    assert!(function.invoke(json!({ "command": "drop everything" })).await.is_err());
    assert!(function.invoke(json!({})).await.is_err());
    assert!(function.invoke(json!([1, 2])).await.is_err());
    // It is still there.
    assert_eq!(function.http("GET", "/health", None).await.0, 200);
}
