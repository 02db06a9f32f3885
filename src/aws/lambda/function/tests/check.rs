//! What is said of a function before it is asked for, and which refusals pass.

use infra::resource::During;
use serde_json::{Value as Json, json};

use super::{super::Function, ONE};
use crate::aws::{complaints::complaints, lambda::passes};

#[test]
fn an_image_and_an_archive_have_properties_of_their_own() {
    const IMAGE: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/a:1";
    const LAYER: &str = "arn:aws:lambda:eu-central-1:123456789012:layer:a:1";
    let zip = |changes: Json| {
        let mut spec = json!({ "runtime": "python3.13", "handler": "a.b" });
        for (name, value) in changes.as_object().expect("an object") {
            spec[name] = value.clone();
        }
        spec
    };
    for (spec, expected) in [
        (json!({ "code": { "image_uri": IMAGE } }), vec![]),
        (zip(json!({ "code": { "zip_file": ONE } })), vec![]),
        (zip(json!({ "code": { "s3_bucket": "a", "s3_key": "b", "s3_object_version": "c" } })), vec![]),
        (json!({ "code": {} }), vec!["there is no code"]),
        (json!({ "code": { "image_uri": IMAGE, "s3_key": "b" } }), vec!["the code is given in several ways"]),
        (zip(json!({ "code": { "s3_key": "b" } })), vec!["`s3_bucket` is missing"]),
        (zip(json!({ "code": { "zip_file": ONE, "s3_object_version": "c" } })), vec!["code.s3_object_version: there is no archive in S3"]),
        (json!({ "code": { "image_uri": IMAGE, "sha256": "b" } }), vec!["code.sha256: an image has no archive"]),
        (zip(json!({ "code": { "image_uri": IMAGE } })), vec!["an image has no handler", "an image has no runtime"]),
        (json!({ "code": { "zip_file": ONE } }), vec!["a zip archive needs a handler", "a zip archive needs a runtime"]),
        (json!({ "code": { "image_uri": IMAGE }, "layers": [LAYER] }), vec!["an image has no layers of Lambda's"]),
        (zip(json!({ "code": { "zip_file": ONE }, "image_config": {} })), vec!["a zip archive is no image"]),
        (
            json!({ "code": { "image_uri": "nginx:latest" } }),
            vec!["code.image_uri: `nginx:latest` is no image in ECR, and Lambda takes no other"],
        ),
        (json!({ "code": { "image_uri": "123456789012.dkr-ecr.eu-central-1.on.aws/a:1" } }), vec![]),
        (zip(json!({ "code": { "zip_file": ONE }, "layers": [LAYER] })), vec![]),
        (
            zip(json!({ "code": { "zip_file": ONE }, "layers": [LAYER, "tools"] })),
            vec!["layers[1]: `tools` is not the ARN of a version of a layer"],
        ),
    ] {
        assert_eq!(complaints::<Function>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn names_and_sizes_that_lambda_refuses_are_found_before() {
    for (spec, expected) in [
        (json!({ "environment": { "LOG_LEVEL": "info", "removed": null } }), vec![]),
        (json!({ "environment": { "AWS_REGION": "eu-central-1" } }), vec!["environment.AWS_REGION: `AWS_REGION` is Lambda's own"]),
        (json!({ "environment": { "_HANDLER": "a" } }), vec!["environment._HANDLER: `_HANDLER` is Lambda's own"]),
        (json!({ "environment": { "1A": "a" } }), vec!["environment.1A: Lambda takes no variable of this name"]),
        (json!({ "environment": { "A-B": "a" } }), vec!["environment.A-B: Lambda takes no variable of this name"]),
        (json!({ "environment": { "AB": "a".repeat(4095) } }), vec!["the environment has 4097 bytes, and 4096 are possible"]),
        (json!({ "dead_letter_config": { "target_arn": "arn:aws:sqs:eu-central-1:123456789012:a" } }), vec![]),
        (
            json!({ "dead_letter_config": { "target_arn": "arn:aws:s3:::a" } }),
            vec!["dead_letter_config.target_arn: not the ARN of a queue or topic"],
        ),
        (json!({ "logging_config": { "log_format": "JSON", "system_log_level": "WARN" } }), vec![]),
        (
            json!({ "logging_config": { "system_log_level": "WARN" } }),
            vec!["logging_config.system_log_level: only JSON lines have a level"],
        ),
    ] {
        assert_eq!(complaints::<Function>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn what_passes_is_told_from_what_does_not() {
    let conflict = "ResourceConflictException";
    let invalid = "InvalidParameterValueException";
    let under_way = "The operation cannot be performed at this time. An update is in progress for resource: arn";
    for (during, code, message, expected) in [
        (During::Create, invalid, "The role defined for the function cannot be assumed by Lambda.", Some(120)),
        (During::Update, invalid, "The provided execution role does not have permissions to call CreateNetworkInterface on EC2", Some(120)),
        (
            During::Create,
            invalid,
            "Lambda was unable to configure access to your environment variables because the KMS key is invalid for CreateGrant.",
            Some(120),
        ),
        (During::Create, invalid, "Your request has been throttled by EC2, please make sure you have enough API rate limit.", Some(840)),
        (During::Create, invalid, "Source image a does not exist. Provide a valid source image.", None),
        (During::Create, conflict, "Function already exist: a", None),
        (
            During::Create,
            conflict,
            "The operation cannot be performed at this time. The function is currently in the following state: Deleting",
            Some(600),
        ),
        (During::Update, conflict, under_way, Some(600)),
        (During::Delete, conflict, under_way, Some(600)),
        (
            During::Delete,
            invalid,
            "Lambda was unable to delete arn because it is a replicated function. Please see our documentation",
            Some(7200),
        ),
    ] {
        assert_eq!(passes::<Function>(during, code, message), expected, "{message}");
    }
}
