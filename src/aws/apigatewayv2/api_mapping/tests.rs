use infra::resource::{AnyResource as _, AnyUpdate, Wanted};
use serde_json::{Value as Json, json};

use super::ApiMapping;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire},
    },
};

fn mapping(stage: &str, key: &str) -> Json {
    json!({ "domain_name": "a.example.com", "api_id": "a", "stage": stage, "api_mapping_key": key })
}

#[tokio::test]
async fn an_update_names_the_api_whatever_changes() {
    let patch = "PATCH /v2/domainnames/a.example.com/apimappings/m";
    for (from, to, changed, expected) in [
        (mapping("one", ""), mapping("two", ""), "stage", r#"{"apiId":"a","stage":"two"}"#),
        (mapping("one", "v1"), mapping("one", ""), "api_mapping_key", r#"{"apiId":"a","apiMappingKey":""}"#),
    ] {
        let wire = Wire::scripted(&[("PATCH /v2/domainnames/a.example.com/apimappings/m", Answer::Say(200, "{}"))]).await;
        let changed = [changed.to_owned()].into();
        let update = AnyUpdate { id: &"a.example.com/m".into(), from: &from, to: &to, changed: &changed };
        ApiMapping.update(&wire.world, update).await.expect("update");
        assert_eq!(wire.asked(), [format!("{patch} {expected}")]);
    }
}

#[tokio::test]
async fn many_are_one_list_for_each_domain_name() {
    let wire = Wire::scripted(&[
        (
            "GET /v2/domainnames/a.example.com/apimappings",
            Answer::Say(
                200,
                r#"{"items":[{"apiMappingId":"1","apiId":"a","stage":"prod","apiMappingKey":""},
                {"apiMappingId":"2","apiId":"a","stage":"prod","apiMappingKey":"v1"}]}"#,
            ),
        ),
        (
            "GET /v2/domainnames/b.example.com/apimappings",
            Answer::Say(404, r#"{"__type":"NotFoundException","message":"Invalid domain name identifier specified"}"#),
        ),
    ])
    .await;
    let ids = ["a.example.com/2", "b.example.com/1", "a.example.com/1"].map(Into::into);
    let read = ApiMapping.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    let keys: Vec<_> = read.into_iter().map(|it| it.map(|it| it.spec["api_mapping_key"].clone())).collect();
    assert_eq!(keys, [Some(json!("v1")), None, Some(json!(""))]);
    assert_eq!(wire.calls(), 2);
}

#[test]
fn keys_are_paths_without_slashes_around() {
    for (key, expected) in [
        ("", None),
        ("orders/v1", None),
        ("/", Some("`/` has slashes at its ends, or two in a row")),
        ("/orders", Some("`/orders` has slashes at its ends, or two in a row")),
        ("orders//v1", Some("`orders//v1` has slashes at its ends, or two in a row")),
    ] {
        let expected: Vec<_> = expected.into_iter().collect();
        assert_eq!(complaints::<ApiMapping>(mapping("prod", key)), expected);
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "apigatewayv2.api_mapping",
        absent: "absent.example.com/absent",
        extra: "
other:
  apigatewayv2.domain_name:
    domain_name: other.mapped.example.com
    certificate_arn: arn:aws:acm:eu-central-1:123456789012:certificate/0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f1
",
        replacements: &["domain_name: ${other.id}"],
        // The emulator has no update of a mapping: there is a test of its own.
        untried: &["api_id", "stage", "api_mapping_key"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
