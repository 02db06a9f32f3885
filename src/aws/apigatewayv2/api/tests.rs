use infra::resource::{AnyResource as _, AnyUpdate, Id, Wanted};
use serde_json::{Value as Json, json};

use super::Api;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn update(wire: &Wire, from: &Json, to: &Json, changed: &[&str]) {
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    Api.update(&wire.world, AnyUpdate { id: &"a".into(), from, to, changed: &changed }).await.expect("update");
}

#[test]
fn protocols_have_their_own_properties() {
    for (spec, expected) in [
        (json!({ "protocol_type": "HTTP" }), vec![]),
        (json!({ "protocol_type": "HTTP", "route_selection_expression": "$request.method $request.path" }), vec![]),
        (
            json!({ "protocol_type": "HTTP", "route_selection_expression": "$request.body.action" }),
            vec!["an HTTP API with other routes than by method and path"],
        ),
        (
            json!({ "protocol_type": "HTTP", "api_key_selection_expression": "$request.header.x-api-key" }),
            vec!["an HTTP API has no API keys"],
        ),
        (json!({ "protocol_type": "WEBSOCKET", "route_selection_expression": "$request.body.action" }), vec![]),
        (json!({ "protocol_type": "WEBSOCKET" }), vec!["a WebSocket API that does not say which route a message takes"]),
        (
            json!({ "protocol_type": "WEBSOCKET", "route_selection_expression": "$request.body.action", "cors_configuration": {} }),
            vec!["`cors_configuration` on a WebSocket API"],
        ),
    ] {
        assert_eq!(complaints::<Api>(spec), expected);
    }
}

#[test]
fn cors_must_be_what_browsers_and_the_gateway_take() {
    for (cors, expected) in [
        (json!({ "allow_origins": ["*"], "allow_headers": ["*"] }), vec![]),
        (json!({ "allow_origins": ["https://a.example.com"], "allow_credentials": true }), vec![]),
        (
            json!({ "allow_origins": ["*"], "allow_credentials": true }),
            vec!["cors_configuration.allow_credentials: credentials from anywhere"],
        ),
        (json!({ "allow_origins": ["example.com"] }), vec!["cors_configuration.allow_origins[0]: `example.com` is not an origin"]),
        (
            json!({ "allow_origins": ["*", "https://example.com/"] }),
            vec!["cors_configuration.allow_origins[1]: the origin `https://example.com/` has a path"],
        ),
        (
            json!({ "allow_origins": ["https://Example.com"] }),
            vec!["cors_configuration.allow_origins[0]: the origin `https://Example.com` has capital letters"],
        ),
        (
            json!({ "allow_headers": ["Content-Type"], "expose_headers": ["ETag"] }),
            vec![
                "cors_configuration.allow_headers[0]: the header `Content-Type` has capital letters",
                "cors_configuration.expose_headers[0]: the header `ETag` has capital letters",
            ],
        ),
    ] {
        assert_eq!(complaints::<Api>(json!({ "protocol_type": "HTTP", "cors_configuration": cors })), expected);
    }
}

#[tokio::test]
async fn what_an_update_cannot_take_away_is_deleted_first() {
    let all = json!({ "name": "a", "protocol_type": "HTTP", "cors_configuration": { "allow_origins": ["*"], "max_age": 300 } });
    let none = json!({ "name": "a", "protocol_type": "HTTP" });
    let ageless = json!({ "name": "a", "protocol_type": "HTTP", "cors_configuration": { "allow_origins": ["*"] } });
    let delete = "DELETE /v2/apis/a/cors";
    let patch = "PATCH /v2/apis/a {\"corsConfiguration\":{\"allowCredentials\":false,\"allowHeaders\":[],\"allowMethods\":[],\
                 \"allowOrigins\":[\"*\"],\"exposeHeaders\":[]}}";
    for (from, to, expected) in [(&all, &none, vec![delete]), (&all, &ageless, vec![delete, patch]), (&none, &ageless, vec![patch])] {
        let wire = Wire::scripted(&[("DELETE /v2/apis/a/cors", Answer::Say(204, "")), ("PATCH /v2/apis/a", Answer::Say(200, "{}"))]).await;
        update(&wire, from, to, &["cors_configuration"]).await;
        assert_eq!(wire.asked(), expected);
    }
    // Somebody else was faster.
    let gone = Answer::Say(404, r#"{"__type":"NotFoundException","message":"Invalid CORS configuration"}"#);
    let wire = Wire::answering(gone).await;
    update(&wire, &all, &none, &["cors_configuration"]).await;
}

#[tokio::test]
async fn an_update_says_what_changes_and_empties_what_goes() {
    let wire = Wire::scripted(&[("PATCH /v2/apis/a", Answer::Say(200, "{}"))]).await;
    let from = json!({ "name": "a", "protocol_type": "HTTP", "description": "a", "version": "1" });
    let to = json!({ "name": "b", "protocol_type": "HTTP", "ip_address_type": "dualstack" });
    update(&wire, &from, &to, &["name", "description", "version", "ip_address_type"]).await;
    assert_eq!(wire.asked(), ["PATCH /v2/apis/a {\"description\":\"\",\"ipAddressType\":\"dualstack\",\"name\":\"b\",\"version\":\"\"}"]);
}

#[tokio::test]
async fn many_are_one_list_in_pages() {
    let wire = Wire::scripted(&[
        ("GET /v2/apis", Answer::Say(200, r#"{"items":[{"apiId":"a","name":"a"}],"nextToken":"2"}"#)),
        ("GET /v2/apis?nextToken=2", Answer::Say(200, r#"{"items":[{"apiId":"b","name":"b"},{"apiId":"c"}],"nextToken":""}"#)),
        (
            "GetCallerIdentity",
            Answer::Xml(
                "<GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn><Account>123456789012</Account></GetCallerIdentityResult>",
            ),
        ),
    ])
    .await;
    let ids = ["b", "x", "a"].map(Id::from);
    let read = Api.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    let arns: Vec<_> = read.into_iter().map(|it| it.map(|it| it.outputs["execution_arn"].clone())).collect();
    let arn = |id: &str| Some(json!(format!("arn:aws:execute-api:us-east-1:123456789012:{id}")));
    assert_eq!(arns, [arn("b"), None, arn("a")]);
    assert_eq!(wire.calls(), 3);
}

#[tokio::test]
async fn a_websocket_api_has_its_own_way_of_routing() {
    let world = cloud().await;
    let spec = |routes: &str| json!({ "name": "a", "protocol_type": "WEBSOCKET", "route_selection_expression": routes });
    let (from, to) = (spec("$request.body.action"), spec("$request.body.kind"));
    let id = Api.create(&world, &from, TOKEN).await.expect("create");
    let changed = ["route_selection_expression".to_owned()].into();
    Api.update(&world, AnyUpdate { id: &id, from: &from, to: &to, changed: &changed }).await.expect("update");
    let read = Api.read(&world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read").pop().flatten().expect("it is there");
    assert_eq!(
        (&read.spec["protocol_type"], &read.spec["route_selection_expression"]),
        (&json!("WEBSOCKET"), &json!("$request.body.kind"))
    );
    Api.delete(&world, &id, &to).await.expect("delete");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "apigatewayv2.api",
        changes: &[
            "name: example-market",
            "description: What the market's pages call",
            "version: '2026-11'",
            "disable_execute_api_endpoint: true",
            "cors_configuration: { allow_origins: ['*'], allow_methods: ['*'], expose_headers: [etag] }",
            "cors_configuration: null",
            "cors_configuration: { allow_origins: ['https://example.com'], allow_credentials: true, max_age: 0 }",
        ],
        // A WebSocket API needs a way of routing too, and there is one only for HTTP APIs; keys are for the former. The emulator
        // knows no kinds of addresses.
        untried: &["protocol_type", "route_selection_expression", "api_key_selection_expression", "ip_address_type"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
