use infra::resource::{AnyResource as _, AnyUpdate, Id, Wanted};
use serde_json::{Value as Json, json};

use super::Integration;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const FUNCTION: &str = "arn:aws:lambda:eu-central-1:123456789012:function:a";
const LISTENER: &str = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/a/b/c";

async fn update(wire: &Wire, from: &Json, to: &Json, changed: &[&str]) {
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    Integration.update(&wire.world, AnyUpdate { id: &"a/i".into(), from, to, changed: &changed }).await.expect("update");
}

#[test]
fn properties_must_fit_the_kind() {
    for (spec, expected) in [
        (json!({ "integration_type": "AWS_PROXY", "integration_uri": FUNCTION, "payload_format_version": "2.0" }), vec![]),
        (json!({ "integration_type": "AWS_PROXY" }), vec!["an integration that leads nowhere"]),
        (json!({ "integration_type": "HTTP_PROXY" }), vec!["an integration that leads nowhere"]),
        (
            json!({ "integration_type": "AWS_PROXY", "integration_uri": "https://example.com" }),
            vec!["`https://example.com` is not the ARN of a function"],
        ),
        (json!({ "integration_type": "AWS_PROXY", "integration_subtype": "SQS-SendMessage", "credentials_arn": "arn:a" }), vec![]),
        (json!({ "integration_type": "AWS_PROXY", "integration_subtype": "SQS-SendMessage" }), vec!["an action of AWS without a role"]),
        (
            json!({ "integration_type": "AWS_PROXY", "integration_subtype": "SQS-SendMessage", "integration_uri": FUNCTION }),
            vec!["both `integration_uri` and `integration_subtype`"],
        ),
        (
            json!({ "integration_type": "HTTP_PROXY", "integration_subtype": "SQS-SendMessage" }),
            vec!["`integration_subtype` on an integration of type HTTP_PROXY"],
        ),
        (
            json!({ "integration_type": "HTTP_PROXY", "integration_uri": "https://example.com", "payload_format_version": "2.0" }),
            vec!["version 2.0 on something that is no function"],
        ),
    ] {
        assert_eq!(complaints::<Integration>(spec), expected);
    }
}

#[test]
fn a_vpc_link_is_named_and_has_what_it_needs() {
    let through = |more: Json| {
        let mut spec = json!({ "integration_type": "HTTP_PROXY", "integration_uri": LISTENER, "integration_method": "ANY" });
        spec.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        spec
    };
    for (spec, expected) in [
        (through(json!({ "connection_type": "VPC_LINK", "connection_id": "l", "tls_config": {} })), vec![]),
        (through(json!({ "connection_type": "VPC_LINK" })), vec!["a VPC link that is not named"]),
        (through(json!({ "connection_id": "l" })), vec!["`connection_id` without a VPC link"]),
        (through(json!({ "connection_type": "INTERNET", "tls_config": {} })), vec!["`tls_config` without a VPC link"]),
        (
            through(json!({ "connection_type": "VPC_LINK", "connection_id": "l", "integration_method": null })),
            vec!["an integration through a VPC link without a method"],
        ),
        (
            json!({ "integration_type": "AWS_PROXY", "integration_uri": FUNCTION, "connection_type": "VPC_LINK", "connection_id": "l" }),
            vec!["a function behind a VPC link"],
        ),
    ] {
        assert_eq!(complaints::<Integration>(spec), expected);
    }
}

#[tokio::test]
async fn what_goes_is_emptied_and_what_it_is_is_said_again() {
    let wire = Wire::scripted(&[("PATCH /v2/apis/a/integrations/i", Answer::Say(200, "{}"))]).await;
    let from = json!({
        "api_id": "a", "integration_type": "AWS_PROXY", "integration_subtype": "SQS-SendMessage", "credentials_arn": "arn:a",
        "description": "a", "timeout_in_millis": 1000, "request_parameters": { "QueueUrl": "q", "MessageBody": "$request.body" },
    });
    let to = json!({
        "api_id": "a", "integration_type": "AWS_PROXY", "integration_subtype": "SQS-SendMessage",
        "timeout_in_millis": 2000, "request_parameters": { "QueueUrl": "q" },
    });
    update(&wire, &from, &to, &["credentials_arn", "description", "timeout_in_millis", "request_parameters"]).await;
    let asked = wire.asked();
    let (line, body) = asked[0].split_once(" {").expect("a body");
    assert_eq!((line, asked.len()), ("PATCH /v2/apis/a/integrations/i", 1));
    let body: Json = serde_json::from_str(&format!("{{{body}")).expect("JSON");
    let expected = json!({
        "integrationType": "AWS_PROXY", "integrationSubtype": "SQS-SendMessage", "credentialsArn": "", "description": "",
        "timeoutInMillis": 2000, "requestParameters": { "QueueUrl": "q", "MessageBody": "" },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_was_emptied_is_not_there() {
    let items = r#"{"items":[{"integrationId":"i","integrationType":"HTTP_PROXY","integrationUri":"https://example.com",
        "integrationMethod":"ANY","connectionType":"INTERNET","connectionId":"","credentialsArn":"","payloadFormatVersion":"1.0",
        "timeoutInMillis":30000}]}"#;
    let wire = Wire::answering(Answer::Say(200, items)).await;
    let read = Integration.read(&wire.world, &["a/i".into()], &Wanted::default()).await.expect("read").pop().flatten().expect("there");
    assert_eq!((read.spec.get("connection_id"), read.spec.get("credentials_arn")), (None, None));
    assert_eq!(read.outputs, json!({ "id": "a/i", "integration_id": "i", "target": "integrations/i" }));
}

#[tokio::test]
async fn many_are_one_list_for_each_api_and_gone_apis_have_none() {
    let wire = Wire::scripted(&[
        ("GET /v2/apis/a/integrations", Answer::Say(200, r#"{"items":[{"integrationId":"1"},{"integrationId":"2"}]}"#)),
        ("GET /v2/apis/b/integrations", Answer::Say(404, r#"{"__type":"NotFoundException","message":"Invalid API identifier"}"#)),
    ])
    .await;
    let ids = ["a/2", "b/1", "a/3", "neither", "a/1"].map(Id::from);
    let read = Integration.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    let found: Vec<_> = read.into_iter().map(|it| it.map(|it| it.outputs["integration_id"].clone())).collect();
    assert_eq!(found, [Some(json!("2")), None, None, None, Some(json!("1"))]);
    assert_eq!(wire.calls(), 2);
}

#[tokio::test]
async fn a_refusal_to_list_is_no_absence() {
    let wire = Wire::answering(Answer::Say(403, r#"{"__type":"AccessDeniedException","message":"no"}"#)).await;
    let refused = Integration.read(&wire.world, &["a/i".into()], &Wanted::default()).await.expect_err("refused");
    assert!(refused.is(&["AccessDeniedException"]), "{refused}");
}

#[test]
fn what_passes_by_itself_is_told_from_what_does_not() {
    let passing = infra::resource::Describe::facts(&Integration).passing;
    let passes = |code: &str, message: &str| passing.iter().any(|it| it.code == code && message.contains(it.message));
    for (code, message, expected) in [
        ("ConflictException", "Unable to complete operation due to concurrent modification. Please try again later.", true),
        ("ConflictException", "Cannot delete Integration because it is referenced by the following Routes with Ids: [a]", true),
        ("ConflictException", "Route with key ANY / already exists for this API", false),
        ("BadRequestException", "Invalid integration URI specified", false),
    ] {
        assert_eq!(passes(code, message), expected, "{message}");
    }
}

#[tokio::test]
async fn one_leads_through_another_link() {
    let world = cloud().await;
    let api = world.apigatewayv2().create_api().name("a").protocol_type("HTTP".into()).send().await.expect("an API");
    let api = api.api_id.expect("its id");
    let spec = |link: &str, method: &str, name: &str| {
        json!({
            "api_id": api, "integration_type": "HTTP_PROXY", "integration_method": method, "integration_uri": LISTENER,
            "connection_type": "VPC_LINK", "connection_id": link, "tls_config": { "server_name_to_verify": name },
        })
    };
    let (from, to) = (spec("one", "ANY", "a.example.com"), spec("two", "GET", "b.example.com"));
    let id = Integration.create(&world, &from, TOKEN).await.expect("create");
    let changed = ["connection_id", "integration_method", "tls_config"].map(str::to_owned).into();
    Integration.update(&world, AnyUpdate { id: &id, from: &from, to: &to, changed: &changed }).await.expect("update");
    let read = Integration.read(&world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read").pop().flatten();
    let read = read.expect("it is there").spec;
    for property in ["connection_type", "connection_id", "integration_method", "tls_config", "integration_uri"] {
        assert_eq!(read[property], to[property]);
    }
    world.apigatewayv2().delete_api().api_id(api).send().await.expect("deleted");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "apigatewayv2.integration",
        absent: "absent/absent",
        extra: "other: { apigatewayv2.api: { name: other, protocol_type: HTTP } }",
        changes: &[
            "integration_uri: arn:aws:lambda:eu-central-1:123456789012:function:example-other",
            "payload_format_version: '1.0'",
            "timeout_in_millis: 5000",
            "credentials_arn: arn:aws:iam::123456789012:role/example-other",
            "credentials_arn: null",
            "request_parameters: { 'overwrite:path': $request.path.proxy }",
            "description: Answers everything",
        ],
        replacements: &["api_id: ${other.id}", "integration_type: HTTP_PROXY"],
        // A function is not behind a link, has no other method than POST, and is no action of AWS: there are tests of their own.
        untried: &["integration_subtype", "connection_type", "connection_id", "tls_config", "integration_method"],
    }
    .check()
    .await;
}
