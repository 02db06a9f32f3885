use infra::resource::{AnyResource as _, AnyUpdate};
use serde_json::{Value as Json, json};

use super::Route;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire},
    },
};

#[test]
fn keys_are_a_method_and_a_path_or_a_name() {
    for (key, expected) in [
        ("$default", None),
        ("$connect", None),
        ("$disconnect", None),
        ("sendMessage", None),
        ("join room", None),
        ("GET /", None),
        ("GET /pets/{id}", None),
        ("ANY /{proxy+}", None),
        ("$else", Some("there is no route `$else`")),
        ("/pets", Some("the route `/pets` has no method")),
        ("GET", Some("the route `GET` has no path")),
        ("get /pets", Some("the method of the route `get /pets` is not in capital letters")),
        ("FETCH /pets", Some("the route `FETCH /pets` has no method that there is")),
        ("GET pets", Some("the path of the route `GET pets` does not begin with a slash")),
        ("ANY /{proxy+}/pets", Some("`{proxy+}` in the middle of the route `ANY /{proxy+}/pets`")),
        ("ANY /{}", Some("`{}` in the route `ANY /{}` has no name")),
    ] {
        let expected: Vec<String> = expected.map(str::to_owned).into_iter().collect();
        assert_eq!(complaints::<Route>(json!({ "route_key": key })), expected);
    }
}

#[test]
fn authorizers_fit_the_authorization() {
    for (spec, expected) in [
        (json!({}), vec![]),
        (json!({ "authorization_type": "AWS_IAM" }), vec![]),
        (json!({ "authorization_type": "JWT", "authorizer_id": "a", "authorization_scopes": ["read"] }), vec![]),
        (json!({ "authorization_type": "CUSTOM" }), vec!["authorization by CUSTOM without an authorizer"]),
        (json!({ "authorizer_id": "a" }), vec!["an authorizer that NONE does not ask"]),
        (
            json!({ "authorization_type": "CUSTOM", "authorizer_id": "a", "authorization_scopes": ["read"] }),
            vec!["scopes with authorization by CUSTOM"],
        ),
    ] {
        assert_eq!(complaints::<Route>(spec), expected);
    }
}

async fn update(from: &Json, to: &Json, changed: &[&str]) -> Vec<String> {
    let wire = Wire::scripted(&[
        ("PATCH /v2/apis/a/routes/r", Answer::Say(200, "{}")),
        ("DELETE /v2/apis/a/routes/r/requestparameters/one", Answer::Say(204, "")),
        (
            "DELETE /v2/apis/a/routes/r/requestparameters/gone",
            Answer::Say(404, r#"{"__type":"NotFoundException","message":"Invalid parameter"}"#),
        ),
    ])
    .await;
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    Route.update(&wire.world, AnyUpdate { id: &"a/r".into(), from, to, changed: &changed }).await.expect("update");
    wire.asked()
}

#[tokio::test]
async fn an_authorizer_is_taken_away_by_an_empty_one_and_the_kind_goes_along() {
    let with = json!({
        "api_id": "a", "route_key": "$default", "authorization_type": "JWT", "authorizer_id": "x", "authorization_scopes": ["read"],
        "target": "integrations/i",
    });
    let without = json!({ "api_id": "a", "route_key": "$default" });
    let changed = ["authorization_type", "authorizer_id", "authorization_scopes", "target"];
    let expected = r#"PATCH /v2/apis/a/routes/r {"authorizationScopes":[],"authorizationType":"NONE","authorizerId":"","target":""}"#;
    assert_eq!(update(&with, &without, &changed).await, [expected]);
    let mut other = with.clone();
    other["authorizer_id"] = json!("y");
    let expected = r#"PATCH /v2/apis/a/routes/r {"authorizationType":"JWT","authorizerId":"y"}"#;
    assert_eq!(update(&with, &other, &["authorizer_id"]).await, [expected]);
}

#[tokio::test]
async fn parameters_are_taken_away_one_by_one() {
    let spec = |names: &[&str]| {
        let parameters: serde_json::Map<_, _> = names.iter().map(|it| ((*it).to_owned(), json!({ "required": true }))).collect();
        json!({ "api_id": "a", "route_key": "$connect", "request_parameters": parameters })
    };
    let delete = |name: &str| format!("DELETE /v2/apis/a/routes/r/requestparameters/{name}");
    let changed = ["request_parameters"];
    assert_eq!(update(&spec(&["one", "gone"]), &spec(&[]), &changed).await, [delete("gone"), delete("one")]);
    let patch = r#"PATCH /v2/apis/a/routes/r {"requestParameters":{"two":{"required":true}}}"#;
    assert_eq!(update(&spec(&["one", "two"]), &spec(&["two"]), &changed).await, [delete("one"), patch.to_owned()]);
}

#[tokio::test]
async fn only_one_with_the_same_content_is_found() {
    let items = r#"{"items":[
        {"routeId":"1","routeKey":"$default","target":"integrations/i","authorizationType":"NONE","apiKeyRequired":false},
        {"routeId":"2","routeKey":"$default","target":"integrations/j","authorizationType":"NONE","apiKeyRequired":false},
        {"routeId":"3","routeKey":"GET /","target":"integrations/i","authorizationType":"NONE","apiKeyRequired":false},
        {"routeId":"4","routeKey":"$default","target":"integrations/l","requestParameters":{"a":{"required":true}}},
        {"routeId":"5","routeKey":"$default","target":"integrations/m","operationName":"AnotherOne"}]}"#;
    let wire = Wire::answering(Answer::Say(200, items)).await;
    for (target, known, expected) in [
        ("integrations/i", None, Some("a/1")),
        ("integrations/j", None, Some("a/2")),
        ("integrations/j", Some("a/2"), None),
        ("integrations/k", None, None),
        ("integrations/l", None, None),
        ("integrations/m", None, None),
    ] {
        let spec = json!({ "api_id": "a", "route_key": "$default", "target": target });
        let known = known.into_iter().map(Into::into).collect();
        let found = Route.find(&wire.world, "0123456789abcdef0123456789abcdef", &spec, &known).await.expect("find");
        assert_eq!(found, expected.map(Into::into), "{target}");
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "apigatewayv2.route",
        absent: "absent/absent",
        extra: "
other: { apigatewayv2.api: { name: other, protocol_type: HTTP } }
second:
  apigatewayv2.integration:
    api_id: ${api.id}
    integration_type: HTTP_PROXY
    integration_method: GET
    integration_uri: https://www.example.com/
",
        changes: &[
            "route_key: GET /pets/{id}",
            "target: ${second.target}",
            "authorization_type: AWS_IAM",
            "operation_name: ListPets",
            "api_key_required: true",
            "request_parameters: { route.request.querystring.kind: { required: true } }",
            "route_response_selection_expression: $default",
        ],
        replacements: &["api_id: ${other.id}"],
        // An authorizer and scopes come with another kind of authorization; the emulator does not take a target away.
        untried: &["authorizer_id", "authorization_scopes", "target"],
    }
    .check()
    .await;
}
