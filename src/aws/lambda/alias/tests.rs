use infra::resource::{AnyResource as _, AnyUpdate, During, Id, Status, Wanted};
use serde_json::json;

use super::Alias;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire},
    },
    lambda::passes,
};

#[test]
fn calls_are_shared_between_two_published_versions() {
    for (spec, expected) in [
        (json!({ "function_version": "1", "routing_config": { "2": 0.1 } }), vec![]),
        (json!({ "function_version": "$LATEST" }), vec![]),
        (json!({ "function_version": "$LATEST", "routing_config": { "2": 0.1 } }), vec!["only published versions share calls"]),
        (json!({ "function_version": "1", "routing_config": { "1": 0.1 } }), vec!["routing_config.1: the alias leads there already"]),
        (json!({ "function_version": "1", "routing_config": { "2": 2 } }), vec!["routing_config.2: not a share of calls"]),
        (json!({ "function_version": "1", "routing_config": { "2": 0.1, "3": 0.1 } }), vec!["an alias leads to two versions at most"]),
        (
            json!({ "function_version": "$LATEST", "provisioned_concurrent_executions": 1 }),
            vec!["nothing is kept ready of a version that still changes"],
        ),
    ] {
        assert_eq!(complaints::<Alias>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn a_change_under_way_is_waited_for_and_a_name_that_is_taken_is_not() {
    let code = "ResourceConflictException";
    let under_way = "The operation cannot be performed at this time. An update is in progress for resource";
    assert_eq!(passes::<Alias>(During::Create, code, under_way), Some(600));
    assert_eq!(passes::<Alias>(During::Update, code, under_way), Some(600));
    assert_eq!(passes::<Alias>(During::Create, code, "Alias already exists: arn"), None);
}

const ALIASES: Answer = Answer::Say(
    200,
    r#"{"Aliases": [{"AliasArn": "arn:aws:lambda:eu-central-1:123456789012:function:one:live", "Name": "live", "FunctionVersion": "1"}]}"#,
);

/// What an alias is whose environments are said to be so far.
async fn kept_ready(answer: Answer) -> (Status, serde_json::Value) {
    let wire = Wire::routed(move |line, _| if line.contains("provisioned-concurrency") { answer } else { ALIASES }).await;
    let wanted = Wanted(["provisioned_concurrent_executions".to_owned()].into());
    let read = Alias.read(&wire.world, &["one:live".into()], &wanted).await.expect("read");
    let live = read.into_iter().next().flatten().expect("it is there");
    (live.status, live.spec["provisioned_concurrent_executions"].clone())
}

#[tokio::test]
async fn environments_that_are_kept_ready_are_waited_for() {
    let status = |text: &'static str| kept_ready(Answer::Say(200, text));
    let (state, many) = status(r#"{"Status": "IN_PROGRESS", "RequestedProvisionedConcurrentExecutions": 2}"#).await;
    assert_eq!((state, many), (Status::Pending("IN_PROGRESS".into()), json!(2)));
    let (state, many) = status(r#"{"Status": "READY", "RequestedProvisionedConcurrentExecutions": 2}"#).await;
    assert_eq!((state, many), (Status::Ready, json!(2)));
    // To be asked for again, so that it is not there.
    let failed = r#"{"Status": "FAILED", "StatusReason": "no room", "RequestedProvisionedConcurrentExecutions": 2}"#;
    assert_eq!(status(failed).await, (Status::UpdateFailed("nothing is kept ready: no room".into()), json!(null)));
    let none = r#"{"__type": "ProvisionedConcurrencyConfigNotFoundException", "Message": "none"}"#;
    assert_eq!(kept_ready(Answer::Say(404, none)).await, (Status::Ready, json!(null)));
}

#[tokio::test]
async fn the_aliases_of_a_function_are_one_call_and_readiness_is_asked_for_only_where_wanted() {
    let wire = Wire::routed(|_, _| ALIASES).await;
    let ids = ["one:live", "one:other", "none"].map(Id::from);
    let read = Alias.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    assert_eq!(read.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(wire.calls(), 1);
}

#[tokio::test]
async fn environments_are_kept_ready_and_let_go_by_calls_of_their_own() {
    let wire = Wire::routed(|_, _| Answer::Say(200, "{}")).await;
    let without = json!({ "function_name": "one", "name": "live", "function_version": "1" });
    let mut with = without.clone();
    with["provisioned_concurrent_executions"] = json!(2);
    let changed = ["provisioned_concurrent_executions".to_owned()].into();
    for (from, to) in [(&without, &with), (&with, &without)] {
        Alias.update(&wire.world, AnyUpdate { id: &"one:live".into(), from, to, changed: &changed }).await.expect("update");
    }
    let path = "/2019-09-30/functions/one/provisioned-concurrency?Qualifier=live";
    assert_eq!(wire.changes(), [format!(r#"PUT {path} {{"ProvisionedConcurrentExecutions":2}}"#), format!("DELETE {path}")]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "lambda.alias",
        absent: "absent:absent",
        extra: "
other:
  lambda.function:
    function_name: example-aliased-too
    role: ${role.arn}
    publish: true
    code: { image_uri: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/example-other:v1' }
",
        changes: &["description: What callers use", "routing_config: { '7': 0.25 }", "routing_config: {}", "function_version: $LATEST"],
        replacements: &["name: another", "function_name: ${other.id}"],
        // The emulator keeps nothing ready.
        untried: &["provisioned_concurrent_executions"],
    }
    .check()
    .await;
}
