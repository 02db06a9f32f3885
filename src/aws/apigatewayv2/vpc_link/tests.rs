use infra::resource::{AnyResource as _, Describe as _, Id, Status, Wanted};
use serde_json::json;

use super::VpcLink;
use crate::aws::conformance::{
    Conformance,
    wire::{Answer, Wire},
};

#[tokio::test]
async fn it_is_usable_when_it_is_available_and_there_until_it_is_gone() {
    let wire = Wire::answering(Answer::Say(
        200,
        r#"{"items":[
            {"vpcLinkId":"1","vpcLinkStatus":"PENDING"},
            {"vpcLinkId":"2","vpcLinkStatus":"AVAILABLE"},
            {"vpcLinkId":"3","vpcLinkStatus":"DELETING"},
            {"vpcLinkId":"4","vpcLinkStatus":"FAILED","vpcLinkStatusMessage":"no free addresses"},
            {"vpcLinkId":"5","vpcLinkStatus":"INACTIVE"}]}"#,
    ))
    .await;
    let ids = ["1", "2", "3", "4", "5", "6"].map(Id::from);
    let read = VpcLink.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
    let expected = [
        Some(Status::Pending("PENDING".into())),
        Some(Status::Ready),
        Some(Status::Deleting("DELETING".into())),
        Some(Status::Failed("no free addresses".into())),
        Some(Status::Ready),
        None,
    ];
    assert_eq!(statuses, expected);
    assert_eq!(wire.calls(), 1);
}

#[tokio::test]
async fn deleting_one_that_is_still_in_use_is_tried_again_and_one_that_is_gone_is_not() {
    let refusal = r#"{"__type":"BadRequestException","message":"Cannot delete vpc link. Vpc link 'l', is referenced in [ANY:a] in format of [Method:Resource]."}"#;
    let spec = json!({ "name": "a", "subnet_ids": ["subnet-1"] });
    let wire = Wire::answering(Answer::Say(400, refusal)).await;
    let refused = VpcLink.delete(&wire.world, &"l".into(), &spec).await.expect_err("in use");
    assert!(VpcLink.facts().passing.iter().any(|it| refused.is(&[it.code]) && refused.message.contains(it.message)), "{refused}");
    let wire = Wire::answering(Answer::Say(404, r#"{"__type":"NotFoundException","message":"Invalid VpcLink"}"#)).await;
    VpcLink.delete(&wire.world, &"l".into(), &spec).await.expect("gone already");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "apigatewayv2.vpc_link",
        extra: "
second:
  ec2.subnet:
    vpc_id: ${vpc.id}
    cidr_block: 10.0.1.0/24
other:
  ec2.security_group:
    group_name: example-other
    vpc_id: ${vpc.id}
",
        changes: &["name: example-renamed"],
        replacements: &["subnet_ids: ['${subnet.id}', '${second.id}']", "security_group_ids: ['${other.id}']"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
