use serde_json::Value;

use crate::support::server::{Server, command};

#[tokio::test]
async fn the_description_is_served_and_whole() {
    let server = Server::bare(&[]).await;
    let served = server.get("/openapi.json").await.expect(200);
    assert_eq!(served, server.get("/api/openapi.json").await.expect(200));
    let printed: Value = serde_json::from_slice(&command(&["openapi"], &server.variables).await.stdout).unwrap();
    assert_eq!(served, printed);

    assert!(served["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = served["paths"].as_object().unwrap();
    for path in ["/health", "/ready", "/chat", "/query", "/upload/document", "/documents", "/documents/{id}", "/sessions/{id}"] {
        assert!(paths.contains_key(path) && paths.contains_key(&format!("/api{path}")), "{path} is missing");
    }
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{path} has the id of another");
            for (status, response) in operation["responses"].as_object().unwrap() {
                let schema = &response["content"]["application/json"]["schema"]["$ref"];
                let is_error = status.starts_with(['4', '5']);
                assert_eq!(schema == "#/components/schemas/ErrorBody", is_error, "{method} {path} {status}");
            }
            let guarded = path.contains("document");
            assert_eq!(operation.get("security").is_some(), guarded, "{method} {path}");
        }
    }
    // Every schema that is referred to is there.
    let text = served.to_string();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(served["components"]["schemas"].get(name).is_some(), "{name}");
    }
}
