use infra::resource::{AnyResource as _, AnyUpdate, Status, TAG_OPERATION, Wanted};
use serde_json::{Value as Json, json};

use super::DomainName;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire},
    },
};

fn domain(more: Json) -> Json {
    let mut spec = json!({ "domain_name": "a.example.com", "certificate_arn": "arn:c" });
    spec.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    spec
}

async fn update(from: Json, to: Json, changed: &str) -> Json {
    let wire = Wire::scripted(&[("PATCH /v2/domainnames/a.example.com", Answer::Say(200, "{}"))]).await;
    let (from, to, changed) = (domain(from), domain(to), [changed.to_owned()].into());
    let update = AnyUpdate { id: &"a.example.com".into(), from: &from, to: &to, changed: &changed };
    DomainName.update(&wire.world, update).await.expect("update");
    let asked = wire.asked();
    assert_eq!(asked.len(), 1);
    serde_json::from_str(asked[0].strip_prefix("PATCH /v2/domainnames/a.example.com ").expect("an update")).expect("JSON")
}

#[tokio::test]
async fn every_update_has_the_whole_configuration() {
    let whole = |certificate: &str| json!([{ "certificateArn": certificate, "endpointType": "REGIONAL", "securityPolicy": "TLS_1_2" }]);
    let trust =
        |version: Json| json!({ "mutual_tls_authentication": { "truststore_uri": "s3://bucket/key", "truststore_version": version } });
    let said = update(json!({}), json!({ "certificate_arn": "arn:d" }), "certificate_arn").await;
    assert_eq!(said, json!({ "domainNameConfigurations": whole("arn:d") }));
    let rules = json!({ "routing_mode": "ROUTING_RULE_ONLY" });
    let said = update(json!({}), rules, "routing_mode").await;
    assert_eq!(said, json!({ "domainNameConfigurations": whole("arn:c"), "routingMode": "ROUTING_RULE_ONLY" }));
    for (from, to, expected) in [
        (json!({}), trust(json!("1")), json!({ "truststoreUri": "s3://bucket/key", "truststoreVersion": "1" })),
        (trust(json!("1")), trust(Json::Null), json!({ "truststoreUri": "s3://bucket/key", "truststoreVersion": "" })),
        (trust(Json::Null), json!({}), json!({ "truststoreUri": "" })),
    ] {
        let said = update(from, to, "mutual_tls_authentication").await;
        assert_eq!(said, json!({ "domainNameConfigurations": whole("arn:c"), "mutualTlsAuthentication": expected }));
    }
}

#[tokio::test]
async fn it_is_usable_when_it_is_available() {
    let answer = |status: &'static str| Answer::Say(200, status);
    for (body, expected) in [
        (
            r#"{"domainName":"a.example.com","domainNameConfigurations":[{"domainNameStatus":"UPDATING","certificateArn":"arn:c"}]}"#,
            Status::Pending("UPDATING".into()),
        ),
        (
            r#"{"domainName":"a.example.com","domainNameConfigurations":[{"domainNameStatus":"PENDING_OWNERSHIP_VERIFICATION",
                "domainNameStatusMessage":"prove it"}]}"#,
            Status::Pending("PENDING_OWNERSHIP_VERIFICATION: prove it".into()),
        ),
        (
            r#"{"domainName":"a.example.com","domainNameConfigurations":[{"domainNameStatus":"AVAILABLE",
                "apiGatewayDomainName":"d-1.execute-api.us-east-1.amazonaws.com","hostedZoneId":"Z1"}],
                "mutualTlsAuthentication":{"truststoreUri":""}}"#,
            Status::Ready,
        ),
    ] {
        let wire = Wire::answering(answer(body)).await;
        let ids = ["a.example.com".into()];
        let read = DomainName.read(&wire.world, &ids, &Wanted::default()).await.expect("read").pop().flatten().expect("it is there");
        assert_eq!(read.status, expected);
        assert_eq!(read.spec.get("mutual_tls_authentication"), None);
        if expected == Status::Ready {
            assert_eq!(read.outputs["regional_domain_name"], "d-1.execute-api.us-east-1.amazonaws.com");
            assert_eq!(read.outputs["regional_hosted_zone_id"], "Z1");
        }
    }
}

#[tokio::test]
async fn only_what_the_same_create_made_is_found() {
    let body = r#"{"domainName":"a.example.com","tags":{"infra:operation":"0123456789abcdef0123456789abcdef"}}"#;
    assert!(body.contains(TAG_OPERATION));
    let wire = Wire::answering(Answer::Say(200, body)).await;
    for (operation, expected) in [("0123456789abcdef0123456789abcdef", Some("a.example.com")), ("fedcba9876543210fedcba9876543210", None)] {
        let found = DomainName.find(&wire.world, operation, &domain(json!({})), &Default::default()).await.expect("find");
        assert_eq!(found, expected.map(Into::into));
    }
}

#[test]
fn certificates_are_arns() {
    assert_eq!(complaints::<DomainName>(domain(json!({}))), Vec::<String>::new());
    let wrong = domain(json!({ "certificate_arn": "api.example.com" }));
    assert_eq!(complaints::<DomainName>(wrong), ["`api.example.com` is not the ARN of a certificate"]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "apigatewayv2.domain_name",
        absent: "absent.example.com",
        replacements: &["domain_name: other.example.com"],
        // The emulator has no update of a domain name, and takes its tags at the create only: there are tests of their own.
        untried: &[
            "certificate_arn",
            "security_policy",
            "ip_address_type",
            "ownership_verification_certificate_arn",
            "mutual_tls_authentication",
            "routing_mode",
            "tags",
        ],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
