use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::timeout::TimeoutConfig;

use super::*;
use crate::aws::conformance::wire::{Answer, Wire, nobody, refusal};

async fn create_vpc(world: &crate::aws::Aws) -> Error {
    let failed = world.ec2().create_vpc().cidr_block("10.99.0.0/16").send().await;
    failed.map_err(error).expect_err("it fails")
}

/// Each answer in the engine's terms, after exactly one request: the SDK repeats nothing.
#[tokio::test]
async fn answers_are_sorted_by_what_the_engine_does_next() {
    let check = async |answer: Answer, kind: ErrorKind, code: Option<&str>, message: &str| {
        let wire = Wire::answering(answer).await;
        let error = create_vpc(&wire.world).await;
        assert_eq!((error.kind, error.code.as_deref()), (kind, code), "{error}");
        assert!(error.message.contains(message), "{error}");
        assert!(!error.message.contains("10.99"), "the request is nobody's business: {error}");
        assert_eq!((error.action, wire.calls()), ("CreateVpc", 1), "{error}");
    };
    let say = Answer::Say;
    use ErrorKind::*;
    check(say(503, refusal!("RequestLimitExceeded", "Slow.")), Throttled, Some("RequestLimitExceeded"), "Slow.").await;
    check(say(400, refusal!("Throttling", "Slow.")), Throttled, Some("Throttling"), "Slow.").await;
    check(say(429, ""), Throttled, None, "429").await;
    check(say(500, refusal!("InternalError", "Oh.")), Unavailable, Some("InternalError"), "Oh.").await;
    check(say(503, "<html>busy</html>"), Unavailable, None, "503").await;
    check(say(502, ""), Unavailable, None, "502").await;
    check(say(400, refusal!("VpcLimitExceeded", "Too many.")), Rejected, Some("VpcLimitExceeded"), "Too many.").await;
    check(say(403, refusal!("UnauthorizedOperation", "You may not.")), Rejected, Some("UnauthorizedOperation"), "You may not.").await;
    check(
        say(401, refusal!("AuthFailure", "AWS was not able to validate the provided access credentials")),
        Credentials,
        Some("AuthFailure"),
        "validate",
    )
    .await;
    check(say(400, refusal!("AuthFailure", "The address does not belong to you.")), Rejected, Some("AuthFailure"), "belong").await;
    check(say(400, refusal!("RequestExpired", "Request has expired.")), Credentials, Some("RequestExpired"), "expired").await;
    check(say(200, "<nonsense"), Unanswered, None, "cannot be read").await;
    check(Answer::Break("<CreateVpcResponse>"), Unanswered, None, "").await;
    check(Answer::Drop, Unanswered, None, "").await;
}

#[tokio::test]
async fn a_refusal_keeps_its_request_id() {
    let wire = Wire::answering(Answer::Say(400, refusal!("VpcLimitExceeded", "Too many."))).await;
    assert_eq!(create_vpc(&wire.world).await.request_id.as_deref(), Some("request-1"));
}

#[tokio::test]
async fn services_that_speak_json_are_understood_too() {
    let check = async |body: &'static str, kind: ErrorKind, code: &str| {
        let wire = Wire::answering(Answer::Say(400, body)).await;
        let failed = wire.world.logs().describe_log_groups().send().await;
        let error = failed.map_err(error).expect_err("it fails");
        assert_eq!((error.kind, error.code.as_deref(), error.action), (kind, Some(code), "DescribeLogGroups"), "{error}");
    };
    check(r#"{"__type":"ThrottlingException","message":"Slow."}"#, ErrorKind::Throttled, "ThrottlingException").await;
    let expired = r#"{"__type":"ExpiredTokenException","message":"The security token included in the request is expired"}"#;
    check(expired, ErrorKind::Credentials, "ExpiredTokenException").await;
    let wrong = r#"{"__type":"UnrecognizedClientException","message":"The security token is invalid."}"#;
    check(wrong, ErrorKind::Credentials, "UnrecognizedClientException").await;
}

#[tokio::test]
async fn nobody_there_is_not_the_same_as_no_answer() {
    let refused = create_vpc(&nobody().await).await;
    assert_eq!((refused.kind, refused.code.as_deref()), (ErrorKind::Unreachable, None), "{refused}");

    let wire = Wire::answering(Answer::Hang).await;
    for timeouts in [
        TimeoutConfig::builder().read_timeout(Duration::from_millis(50)).build(),
        TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(50)).build(),
    ] {
        let call = wire.world.ec2().create_vpc().cidr_block("10.99.0.0/16").customize();
        let failed = call.config_override(aws_sdk_ec2::config::Builder::new().timeout_config(timeouts)).send().await;
        let silence = failed.map_err(error).expect_err("it times out");
        assert_eq!(silence.kind, ErrorKind::Unanswered, "{silence}");
        assert!(silence.message.contains("timeout"), "{silence}");
    }
}

#[tokio::test]
async fn without_credentials_or_region_nothing_is_sent() {
    let config = || SdkConfig::builder().behavior_version(BehaviorVersion::latest()).endpoint_url("http://127.0.0.1:9");
    let call = async |config: SdkConfig| {
        let failed = aws_sdk_ec2::Client::new(&config).create_vpc().cidr_block("10.99.0.0/16").send().await;
        failed.map_err(error).expect_err("it fails")
    };
    let region = || Region::new("eu-central-1");
    let none =
        aws_credential_types::credential_fn::provide_credentials_fn(async || Err(CredentialsError::not_loaded("no one is logged in")));
    let provider = aws_credential_types::provider::SharedCredentialsProvider::new(none);
    let refused = call(config().region(region()).credentials_provider(provider).build()).await;
    assert_eq!(refused.kind, ErrorKind::Credentials, "{refused}");
    assert!(refused.message.contains("no one is logged in"), "{refused}");
    let missing = call(config().region(region()).build()).await;
    assert_eq!(missing.kind, ErrorKind::Credentials, "{missing}");
}
