use infra::resource::{AnyResource as _, AnyUpdate, During, Id, Status, Wanted};
use serde_json::json;

use super::EventSourceMapping;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
    lambda::passes,
};

const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:a";
const STREAM: &str = "arn:aws:kinesis:eu-central-1:123456789012:stream/a";

#[test]
fn queues_and_streams_have_properties_of_their_own() {
    let fifo = "arn:aws:sqs:eu-central-1:123456789012:a.fifo";
    for (spec, expected) in [
        (json!({ "event_source_arn": QUEUE, "batch_size": 10 }), vec![]),
        (json!({ "event_source_arn": QUEUE, "batch_size": 11 }), vec!["more than 10 messages have to be gathered"]),
        (json!({ "event_source_arn": QUEUE, "batch_size": 11, "maximum_batching_window_in_seconds": 1 }), vec![]),
        (json!({ "event_source_arn": fifo, "batch_size": 11 }), vec!["a FIFO queue gives at most 10 messages at once"]),
        (json!({ "event_source_arn": fifo, "maximum_batching_window_in_seconds": 1 }), vec!["messages of a FIFO queue are not gathered"]),
        (json!({ "event_source_arn": QUEUE, "starting_position": "LATEST" }), vec!["a queue has no `starting_position`"]),
        (json!({ "event_source_arn": STREAM, "starting_position": "LATEST", "maximum_retry_attempts": 3 }), vec![]),
        (json!({ "event_source_arn": STREAM }), vec!["it is not said where in the stream it begins"]),
        (
            json!({ "event_source_arn": STREAM, "starting_position": "LATEST", "scaling_config": { "maximum_concurrency": 2 } }),
            vec!["only the calls of a queue are limited"],
        ),
    ] {
        assert_eq!(complaints::<EventSourceMapping>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn what_passes_is_told_from_what_does_not() {
    let invalid = "InvalidParameterValueException";
    let role = "The provided execution role does not have permissions to call ReceiveMessage on SQS";
    for (during, code, message, expected) in [
        (During::Create, invalid, role, Some(120)),
        (During::Create, invalid, "The role cannot be assumed by Lambda.", Some(120)),
        (During::Create, invalid, "Cannot access stream. Please ensure the role can perform the GetRecords action", Some(120)),
        (During::Create, invalid, "Batch size is too large", None),
        (During::Create, "ResourceConflictException", "An event source mapping with this ARN and function already exists", None),
        (During::Update, "ResourceInUseException", "The event source mapping with UUID a cannot be updated", Some(300)),
        (During::Delete, "ResourceInUseException", "The event source mapping with UUID a cannot be deleted", Some(300)),
    ] {
        assert_eq!(passes::<EventSourceMapping>(during, code, message), expected, "{message}");
    }
}

#[tokio::test]
async fn states_are_told_apart_and_many_are_one_list() {
    let wire = Wire::routed(|_, _| {
        Answer::Say(
            200,
            r#"{"EventSourceMappings": [
                {"UUID": "a", "State": "Creating", "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:one"},
                {"UUID": "b", "State": "Enabled", "FunctionArn": "arn:aws:lambda:eu-central-1:123456789012:function:one:live"},
                {"UUID": "c", "State": "Disabled"},
                {"UUID": "d", "State": "Deleting"},
                {"UUID": "e", "State": "Updating"}
            ]}"#,
        )
    })
    .await;
    let ids = ["a", "b", "c", "d", "e", "f"].map(Id::from);
    let read = EventSourceMapping.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    assert_eq!(wire.calls(), 1);
    let names: Vec<_> = read.iter().flatten().map(|it| it.spec["function_name"].clone()).collect();
    assert_eq!(names[..2], [json!("one"), json!("one:live")]);
    let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
    let pending = |text: &str| Some(Status::Pending(text.into()));
    assert_eq!(
        statuses,
        [
            pending("Creating"),
            Some(Status::Ready),
            Some(Status::Ready),
            Some(Status::Deleting("Deleting".into())),
            pending("Updating"),
            None
        ]
    );
}

#[tokio::test]
async fn what_is_removed_of_a_stream_goes_back_to_what_it_is_unsaid() {
    let wire = Wire::routed(|_, _| Answer::Say(202, "{}")).await;
    let to = json!({ "event_source_arn": STREAM, "function_name": "one", "starting_position": "LATEST" });
    let mut from = to.clone();
    let properties = [
        ("parallelization_factor", json!(2)),
        ("bisect_batch_on_function_error", json!(true)),
        ("maximum_retry_attempts", json!(3)),
        ("maximum_record_age_in_seconds", json!(60)),
        ("tumbling_window_in_seconds", json!(30)),
        ("destination_config", json!({ "on_failure": { "destination": QUEUE } })),
    ];
    let changed = properties.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (name, value) in properties {
        from[name] = value;
    }
    EventSourceMapping.update(&wire.world, AnyUpdate { id: &"a".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    let [sent] = &wire.changes()[..] else { panic!("one call") };
    let (line, body) = sent.split_at(sent.find('{').expect("a body"));
    assert_eq!(line, "PUT /2015-03-31/event-source-mappings/a ");
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(body).expect("JSON"),
        json!({
            "ParallelizationFactor": 1, "BisectBatchOnFunctionError": false, "MaximumRetryAttempts": -1,
            "MaximumRecordAgeInSeconds": -1, "TumblingWindowInSeconds": 0, "DestinationConfig": { "OnFailure": { "Destination": "" } },
        })
    );
}

#[tokio::test]
async fn conforms() {
    // The queues that the example and its change name.
    let world = cloud().await;
    for name in ["example-jobs", "example-other-jobs"] {
        world.sqs().create_queue().queue_name(name).send().await.expect("a queue");
    }
    Conformance {
        type_name: "lambda.event_source_mapping",
        absent: "01234567-89ab-cdef-0123-456789abcdef",
        extra: "
other:
  lambda.function:
    function_name: example-other-worker
    role: ${role.arn}
    code: { image_uri: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/example-other:v1' }
",
        changes: &[
            "batch_size: 8",
            "maximum_batching_window_in_seconds: 5",
            "enabled: false",
            "function_name: ${other.id}",
            "filter_criteria: [{ body: { kind: [upload] } }]",
            "filter_criteria: []",
            "function_response_types: []",
            "scaling_config: { maximum_concurrency: 5 }",
            "scaling_config: null",
        ],
        replacements: &["event_source_arn: arn:aws:sqs:eu-central-1:123456789012:example-other-jobs"],
        // A queue has none of these, and there is no type for streams to make one.
        untried: &[
            "starting_position",
            "parallelization_factor",
            "bisect_batch_on_function_error",
            "maximum_retry_attempts",
            "maximum_record_age_in_seconds",
            "tumbling_window_in_seconds",
            "destination_config",
        ],
    }
    .check()
    .await;
}
