use infra::resource::{AnyResource as _, AnyUpdate, Wanted};
use serde_json::{Value as Json, json};

use super::Trail;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

#[test]
fn what_cloudtrail_refuses_is_found_first() {
    let data = json!([{ "data_resources": [{ "type": "AWS::S3::Object", "values": ["arn:aws:s3:::a/"] }] }]);
    for (spec, expected) in [
        (json!({ "trail_name": "a.b-c", "event_selectors": data }), vec![]),
        (json!({ "trail_name": "a.-c" }), vec!["two of `.`, `-` and `_` side by side"]),
        (
            json!({ "cloud_watch_logs_log_group_arn": "arn:aws:logs:eu-central-1:123456789012:log-group:a:*" }),
            vec!["`cloud_watch_logs_log_group_arn` without `cloud_watch_logs_role_arn`"],
        ),
        (
            json!({ "cloud_watch_logs_role_arn": "a", "cloud_watch_logs_log_group_arn": "arn:aws:logs:eu-central-1:123456789012:log-group:a" }),
            vec!["CloudTrail wants `:*` at the end of the ARN"],
        ),
        (
            json!({ "is_multi_region_trail": true, "include_global_service_events": false }),
            vec!["a trail of all regions records the global services too"],
        ),
        (
            json!({ "event_selectors": data, "advanced_event_selectors": [] }),
            vec!["`event_selectors` and `advanced_event_selectors` exclude each other"],
        ),
        (json!({ "sns_topic_name": "arn:aws:sns:eu-central-1:123456789012:a" }), vec!["an ARN where the name of a topic stands"]),
        (json!({ "event_selectors": [{ "read_write_type": "All" }] }), vec!["this is what every trail records"]),
    ] {
        assert_eq!(complaints::<Trail>(spec), expected);
    }
}

fn spec(with: Json) -> Json {
    let mut spec = json!({ "trail_name": "abc", "s3_bucket_name": "records" });
    spec.as_object_mut().expect("an object").extend(with.as_object().expect("an object").clone());
    spec
}

/// The calls of an update of what `from` says beside the name and the bucket.
async fn sent(from: Json, to: Json, changed: &[&str]) -> Vec<(String, Json)> {
    let wire = Wire::with(|request| match request.operation() {
        "DescribeTrails" => {
            let trail = r#"{"trailList":[{"Name":"abc","TrailARN":"arn:aws:cloudtrail:eu-central-1:123456789012:trail/abc"}]}"#;
            Answer::Say(200, trail)
        }
        _ => Answer::Say(200, "{}"),
    })
    .await;
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    let (from, to) = (spec(from), spec(to));
    Trail.update(&wire.world, AnyUpdate { id: &"abc".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    wire.sent()
}

#[tokio::test]
async fn what_is_removed_is_taken_away_and_what_never_was_is_not_mentioned() {
    let sent = sent(json!({ "kms_key_id": "a", "s3_key_prefix": "b" }), json!({ "s3_key_prefix": "b" }), &["kms_key_id"]).await;
    let [(action, body)] = &sent[..] else { panic!("{sent:?}") };
    assert_eq!((action.as_str(), &body["KmsKeyId"], &body["S3KeyPrefix"]), ("UpdateTrail", &json!(""), &json!("b")));
    assert_eq!(body.get("SnsTopicName"), None);
}

#[tokio::test]
async fn it_starts_last_and_a_tag_is_removed_with_its_value() {
    let from = json!({ "is_logging": false, "tags": { "a": "1" }, "advanced_event_selectors": [{ "field_selectors": [{ "field": "eventCategory", "equals": ["Data"] }] }] });
    let sent = sent(from, json!({ "is_logging": true }), &["is_logging", "tags", "advanced_event_selectors"]).await;
    let actions: Vec<_> = sent.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["PutEventSelectors", "DescribeTrails", "RemoveTags", "StartLogging"]);
    let default = json!([{ "ReadWriteType": "All", "IncludeManagementEvents": true, "DataResources": [] }]);
    assert_eq!(sent[0].1["EventSelectors"], default, "without any choice, what every trail records");
    assert_eq!(sent[2].1["TagsList"], json!([{ "Key": "a", "Value": "1" }]));
}

#[tokio::test]
async fn what_every_trail_records_is_no_choice() {
    let wire = Wire::with(|request| match request.operation() {
        "DescribeTrails" => Answer::Say(200, r#"{"trailList":[{"Name":"abc","TrailARN":"arn:abc","S3BucketName":"records","KmsKeyId":""}]}"#),
        "GetEventSelectors" => {
            Answer::Say(200, r#"{"EventSelectors":[{"ReadWriteType":"All","IncludeManagementEvents":true,"DataResources":[],"ExcludeManagementEventSources":[]}]}"#)
        }
        _ => Answer::Say(400, r#"{"__type":"TrailNotFoundException","message":"Unknown trail"}"#),
    })
    .await;
    let wanted = Wanted(["event_selectors", "is_logging"].map(str::to_owned).into());
    let live = Trail.read(&wire.world, &["abc".into()], &wanted).await.expect("read").pop().flatten().expect("there");
    assert_eq!(live.spec.get("event_selectors"), None);
    assert_eq!(live.spec.get("kms_key_id"), None, "an empty text is nothing");
    assert_eq!(live.spec.get("is_logging"), None, "it went in between");
}

#[tokio::test]
async fn conforms() {
    let world = cloud().await;
    for bucket in ["example-records", "example-other-records"] {
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder().location_constraint("eu-central-1".into()).build();
        world.s3().create_bucket().bucket(bucket).create_bucket_configuration(place).send().await.expect("a bucket");
    }
    world.sns().create_topic().name("example-records").send().await.expect("a topic");
    Conformance {
        type_name: "cloudtrail.trail",
        changes: &[
            "s3_bucket_name: example-other-records",
            "s3_key_prefix: other",
            "is_logging: false",
            "is_logging: true",
            "is_multi_region_trail: true",
            "is_multi_region_trail: false",
            "is_organization_trail: true",
            "include_global_service_events: false",
            "enable_log_file_validation: false",
            "kms_key_id: arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            "kms_key_id: null",
            "sns_topic_name: example-records",
            "sns_topic_name: null",
            "event_selectors: [{ read_write_type: WriteOnly }]",
            "event_selectors: null",
            "advanced_event_selectors: [{ name: Objects, field_selectors: [{ field: eventCategory, equals: [Data] }, { field: resources.type, equals: ['AWS::S3::Object'] }] }]",
            "advanced_event_selectors: null",
        ],
        replacements: &["trail_name: example-another"],
        // One cannot be written without the other.
        untried: &["cloud_watch_logs_log_group_arn", "cloud_watch_logs_role_arn"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
