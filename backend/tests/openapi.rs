//! The description of the interface, and whether the program keeps to it.

use std::path::Path;

use serde_json::Value;

use crate::support::process::environment;
use crate::support::server::{Server, command, token};

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

/// Requests made up from the description, right ones and wrong ones, by the hundreds.
#[tokio::test]
async fn the_program_does_what_the_description_says() {
    let server = Server::with(&[("MAX_CONCURRENT_REQUESTS", "64")]).await;
    let install = || environment("schemathesis", "schemathesis==4.32.5", Path::new(env!("CARGO_TARGET_TMPDIR")));
    let program = tokio::task::spawn_blocking(install).await.unwrap().join("bin/st");
    let output = tokio::process::Command::new(program)
        .args(["run", &format!("{}/openapi.json", server.url), "--url", &server.url])
        .args(["--header", &format!("Authorization: Bearer {}", token("amy", 3600))])
        // Random bytes are rarely a document, so that an upload that fits the description may still be refused. And a path or a
        // query parameter of another type than described reaches the server as text, which may be right by chance.
        .args(["--checks", "all", "--exclude-checks", "positive_data_acceptance"])
        .args(["--exclude-path-regex", "^/api/", "--seed", "7", "--max-examples", "40", "--generation-database", "none"])
        .current_dir(server.uploads.path())
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let bugs: Vec<_> = server.log().into_iter().filter(|line| line["code"] == "internal").collect();
    assert!(bugs.is_empty(), "{bugs:#?}");
}
