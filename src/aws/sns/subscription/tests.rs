use std::{collections::BTreeSet, sync::Arc};

use infra::{
    address::Address,
    apply::{self, Interrupt, Session},
    cloud::{Clock, Cloud},
    diagnostic::Source,
    plan::Request,
    resource::{AnyResource as _, AnyUpdate, Describe as _, Wanted},
    stack::{self, Caller, Settings},
    state::{MemoryJournal, Record, State},
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use super::Subscription;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire, refused},
    },
};

const ARN: &str = "arn:aws:sns:eu-central-1:123456789012:orders:0a1b";

fn spec(more: Json) -> Json {
    let mut spec =
        json!({ "topic_arn": "arn:aws:sns:eu-central-1:123456789012:orders", "protocol": "email", "endpoint": "ann@example.com" });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

#[test]
fn what_does_not_go_together_is_said_before() {
    let queue = "arn:aws:sqs:eu-central-1:123456789012:a";
    for (more, expected) in [
        (json!({}), vec![]),
        (json!({ "protocol": "sqs", "endpoint": queue, "raw_message_delivery": true }), vec![]),
        (json!({ "protocol": "https", "endpoint": "https://example.com" }), vec![]),
        (json!({ "protocol": "sms", "endpoint": "+4915112345678" }), vec![]),
        (json!({ "endpoint": "ann" }), vec!["the endpoint of `email` is an address"]),
        (json!({ "protocol": "sqs", "endpoint": "https://sqs.example.com/a" }), vec!["the endpoint of `sqs` is an ARN"]),
        (json!({ "protocol": "https", "endpoint": "http://a" }), vec!["the endpoint of `https` is a URL that begins with `https://`"]),
        (json!({ "raw_message_delivery": true }), vec!["`raw_message_delivery` with `email`"]),
        (json!({ "protocol": "firehose", "endpoint": "arn:a" }), vec!["`firehose` without `subscription_role_arn`"]),
        (json!({ "subscription_role_arn": "arn:a" }), vec!["`subscription_role_arn` with `email`"]),
        (json!({ "filter_policy_scope": "MessageBody" }), vec!["the scope of no `filter_policy`"]),
    ] {
        assert_eq!(complaints::<Subscription>(spec(more.clone())), expected, "{more}");
    }
}

/// A mail address that nobody has confirmed.
async fn pending() -> Wire {
    Wire::scripted(&[
        (
            "Subscribe",
            Answer::Xml(
                "<SubscribeResult><SubscriptionArn>arn:aws:sns:eu-central-1:123456789012:orders:0a1b</SubscriptionArn></SubscribeResult>",
            ),
        ),
        (
            "GetSubscriptionAttributes",
            Answer::Xml(
                "<GetSubscriptionAttributesResult><Attributes><entry><key>PendingConfirmation</key><value>true</value></entry>\
                 <entry><key>Protocol</key><value>email</value></entry></Attributes></GetSubscriptionAttributesResult>",
            ),
        ),
        (
            "Unsubscribe",
            refused!(
                "InvalidParameter",
                "Invalid parameter: SubscriptionArn Reason: \
                 Cannot unsubscribe a subscription that is pending confirmation"
            ),
        ),
    ])
    .await
}

#[tokio::test]
async fn a_mail_address_has_an_arn_before_anybody_confirms_it() {
    let wire = pending().await;
    let id = Subscription.create(&wire.world, &spec(json!({})), "0123456789abcdef0123456789abcdef").await.expect("create");
    assert_eq!(id.as_str(), ARN);
    assert_eq!(wire.said(&["ReturnSubscriptionArn", "Attributes.entry.1.key"]), ["Subscribe ReturnSubscriptionArn=true"]);
    let live = Subscription.read(&wire.world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read").pop().flatten();
    assert_eq!(live.expect("there").outputs["pending_confirmation"], json!(true));
    let refused = Subscription.delete(&wire.world, &id, &spec(json!({}))).await.expect_err("it cannot be removed");
    assert!(refused.is(Subscription.facts().forgotten), "it goes by itself: {refused}");
}

/// It stays where it is, and SNS forgets it.
#[tokio::test]
async fn one_that_nobody_confirmed_holds_up_no_destroy() {
    let wire = pending().await;
    let types = Arc::new(crate::aws::types());
    let text = "stack: example\nregion: eu-central-1\nresources: {}\n".to_owned();
    let (file, problems) = stack::parse(Arc::new(Source::new("example.yaml", text)), &types.catalog);
    assert_eq!(problems, []);
    let caller = Some(Caller { account: "123456789012".into(), partition: "aws".into() });
    let settings = Settings { environment: "default".into(), caller, ..Settings::default() };
    let (stack, problems) = stack::resolve(&file.expect("a file"), &settings, &types.catalog, &Default::default());
    assert_eq!(problems, []);
    let stack = stack.expect("a stack");

    let now = Timestamp::now();
    let record = Record {
        type_name: "sns.subscription".into(),
        id: ARN.into(),
        location: Default::default(),
        applied: spec(json!({})),
        shown: [].into(),
        outputs: json!({ "id": ARN, "pending_confirmation": true }),
        dependencies: Default::default(),
        options: Default::default(),
        complete: true,
        deleting: None,
        created: now,
        updated: now,
    };
    let mut state = State::new("example", "default");
    state.resources.insert(Address::new("mail"), record);

    let cloud = Arc::new(Cloud::new(types, wire.world.clone()));
    let request = Request { destroy: true, refresh: true, ..Request::default() };
    let (made, _) = apply::plan(&cloud, &stack, &state, &request).await.expect("a plan");
    let journal = MemoryJournal::new();
    let (events, _told) = mpsc::unbounded_channel();
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let session = Session { cloud, journal: &journal, events, interrupt, clock: Clock::from(now) };
    let outcome = apply::run(&session, &stack, state, &made, &request).await;
    assert_eq!((outcome.summary.deleted, outcome.summary.failed), (1, 0));
    assert!(outcome.state.resources.is_empty());
    assert_eq!(wire.said(&[]).last().map(String::as_str), Some("Unsubscribe"), "nothing is waited for");
}

/// What is said to SNS to get from one spec to the other.
async fn changes(from: Json, to: Json, changed: &[&str]) -> Vec<String> {
    let wire = Wire::scripted(&[("SetSubscriptionAttributes", Answer::Xml(""))]).await;
    let changed: BTreeSet<_> = changed.iter().map(|it| (*it).to_owned()).collect();
    let update = AnyUpdate { id: &ARN.into(), from: &spec(from), to: &spec(to), changed: &changed };
    Subscription.update(&wire.world, update).await.expect("update");
    wire.said(&["AttributeName", "AttributeValue"])
}

#[tokio::test]
async fn what_is_taken_away_is_taken_away_as_sns_wants_it() {
    let there = json!({ "filter_policy": { "a": ["b"] }, "redrive_policy": { "dead_letter_target_arn": "arn:a" } });
    assert_eq!(
        changes(there, json!({}), &["filter_policy", "redrive_policy"]).await,
        [
            "SetSubscriptionAttributes AttributeName=FilterPolicy AttributeValue=%7B%7D",
            "SetSubscriptionAttributes AttributeName=RedrivePolicy",
        ]
    );
}

#[tokio::test]
async fn a_filter_is_never_in_a_scope_that_it_does_not_fit() {
    let flat = json!({ "filter_policy": { "a": ["b"] } });
    let nested = json!({ "filter_policy": { "a": { "b": ["c"] } }, "filter_policy_scope": "MessageBody" });
    let names = async |from: &Json, to: &Json| {
        let said = changes(from.clone(), to.clone(), &["filter_policy", "filter_policy_scope"]).await;
        said.iter().map(|it| it.split(' ').nth(1).unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&flat, &nested).await, ["AttributeName=FilterPolicyScope", "AttributeName=FilterPolicy"]);
    assert_eq!(names(&nested, &flat).await, ["AttributeName=FilterPolicy", "AttributeName=FilterPolicyScope"]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "sns.subscription",
        absent: "arn:aws:sns:eu-central-1:123456789012:absent:00000000-0000-0000-0000-000000000000",
        extra: "
            another:
              sns.topic: { topic_name: example-orders-another }
            other:
              sqs.queue: { queue_name: example-other }
        ",
        changes: &[
            "raw_message_delivery: false",
            "filter_policy: { continent: [europe, africa] }",
            "filter_policy_scope: MessageBody",
            "filter_policy_scope: MessageAttributes",
            "redrive_policy: { dead_letter_target_arn: '${other.arn}' }",
            "redrive_policy: null",
            "filter_policy: null",
        ],
        replacements: &["endpoint: '${other.arn}'", "topic_arn: '${another.arn}'"],
        untried: &[
            // Another one has another kind of endpoint.
            "protocol",
            // For delivery streams only.
            "subscription_role_arn",
        ],
    }
    .check()
    .await;
}
