//! What Lambda says of a function, and what it comes to.

use infra::resource::{AnyResource as _, Status, Wanted};
use serde_json::{Value as Json, json};

use super::{super::Function, leak};
use crate::aws::conformance::wire::Wire;

/// What Lambda says of a function with these in its configuration.
async fn answered(configuration: Json) -> infra::resource::AnyLive {
    let answer = leak(json!({ "Configuration": configuration, "Code": { "ImageUri": "image:1" } }));
    let wire = Wire::routed(move |_, _| answer).await;
    let wanted = Wanted(["code".to_owned()].into());
    let read = Function.read(&wire.world, &["one".into()], &wanted).await.expect("read");
    read.into_iter().next().flatten().expect("it is there")
}

#[tokio::test]
async fn states_are_told_with_their_reasons() {
    for (configuration, expected) in [
        (json!({ "State": "Active" }), Status::Ready),
        (json!({ "State": "Inactive" }), Status::Ready),
        (json!({ "State": "Active", "LastUpdateStatus": "Successful" }), Status::Ready),
        (
            json!({ "State": "Pending", "StateReasonCode": "Creating", "StateReason": "The function is being created." }),
            Status::Pending("Pending: Creating: The function is being created.".into()),
        ),
        (
            json!({ "State": "Failed", "StateReasonCode": "SubnetOutOfIPAddresses", "StateReason": "no address" }),
            Status::Failed("Failed: SubnetOutOfIPAddresses: no address".into()),
        ),
        (json!({ "State": "Active", "LastUpdateStatus": "InProgress" }), Status::Pending("update InProgress".into())),
        (
            json!({
                "State": "Active", "LastUpdateStatus": "Failed",
                "LastUpdateStatusReasonCode": "ImageDeleted", "LastUpdateStatusReason": "the image is gone",
            }),
            Status::UpdateFailed("update Failed: ImageDeleted: the image is gone".into()),
        ),
        (json!({ "State": "Deleting" }), Status::Deleting("Deleting".into())),
    ] {
        assert_eq!(answered(configuration.clone()).await.status, expected, "{configuration}");
    }
}

#[tokio::test]
async fn after_a_change_that_failed_there_is_code_to_be_sent() {
    let live = answered(json!({ "State": "Active", "LastUpdateStatus": "Failed" })).await;
    assert_eq!(live.spec.get("code"), None);
    let live = answered(json!({ "State": "Active", "LastUpdateStatus": "Successful" })).await;
    assert_eq!(live.spec["code"], json!({ "image_uri": "image:1" }));
}

#[tokio::test]
async fn an_environment_that_may_not_be_read_is_no_empty_one() {
    let answer =
        leak(json!({ "Configuration": { "Environment": { "Error": { "ErrorCode": "AccessDeniedException", "Message": "no key" } } } }));
    let wire = Wire::routed(move |_, _| answer).await;
    let refused = Function.read(&wire.world, &["one".into()], &Wanted::default()).await.expect_err("refused");
    assert_eq!(refused.to_string(), "GetFunction: AccessDeniedException: no key");
}
