use std::collections::BTreeSet;

use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType};
use infra::resource::{AnyResource as _, AnyUpdate, Location, World as _};
use serde_json::json;

use super::*;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Script, Wire},
    },
};

macro_rules! certificate {
    ($rest:literal) => {
        Answer::Say(
            200,
            concat!(r#"{"Certificate":{"CertificateArn":"arn:c","DomainName":"example.com","KeyAlgorithm":"EC-prime256v1","#, $rest, "}}"),
        )
    };
}

async fn read(script: Script) -> Option<infra::resource::AnyLive> {
    let wire = Wire::scripted(script).await;
    Certificate.read(&wire.world, &["arn:c".into()], &Wanted::default()).await.expect("an answer").pop().flatten()
}

#[tokio::test]
async fn states_tell_what_can_become_of_it() {
    let cases: [(Script, Option<Status>); 6] = [
        (&[("DescribeCertificate", certificate!(r#""Status":"PENDING_VALIDATION""#))], Some(Status::Pending("PENDING_VALIDATION".into()))),
        (&[("DescribeCertificate", certificate!(r#""Status":"ISSUED""#))], Some(Status::Ready)),
        (
            &[("DescribeCertificate", certificate!(r#""Status":"FAILED","FailureReason":"CAA_ERROR""#))],
            Some(Status::Failed("FAILED: CAA_ERROR".into())),
        ),
        (
            &[("DescribeCertificate", certificate!(r#""Status":"REVOKED","RevocationReason":"KEY_COMPROMISE""#))],
            Some(Status::Failed("REVOKED: KEY_COMPROMISE".into())),
        ),
        (&[("DescribeCertificate", certificate!(r#""Status":"VALIDATION_TIMED_OUT""#))], None),
        (&[("DescribeCertificate", Answer::Say(400, r#"{"__type":"ResourceNotFoundException","message":"why"}"#))], None),
    ];
    for (script, expected) in cases {
        assert_eq!(read(script).await.map(|it| it.status), expected);
    }
}

#[tokio::test]
async fn a_name_and_its_wildcard_share_a_record_and_are_told_apart_from_the_domain() {
    let live = read(&[(
        "DescribeCertificate",
        certificate!(
            r#""Status":"PENDING_VALIDATION","SubjectAlternativeNames":["example.com","*.example.com"],"DomainValidationOptions":[
            {"DomainName":"*.example.com","ValidationStatus":"PENDING_VALIDATION","ValidationMethod":"DNS",
             "ResourceRecord":{"Name":"_a.example.com.","Type":"CNAME","Value":"_b.acm-validations.aws."}},
            {"DomainName":"example.com","ValidationStatus":"SUCCESS","ValidationMethod":"DNS",
             "ResourceRecord":{"Name":"_a.example.com.","Type":"CNAME","Value":"_b.acm-validations.aws."}}]"#
        ),
    )])
    .await
    .expect("it is there");
    let expected = json!([{
        "domain_name": "example.com", "resource_record_name": "_a.example.com.", "resource_record_type": "CNAME",
        "resource_record_value": "_b.acm-validations.aws.",
    }]);
    assert_eq!(live.outputs["domain_validation_options"], expected);
    assert_eq!(live.status, Status::Pending("PENDING_VALIDATION of *.example.com".into()));
    assert_eq!(live.spec["subject_alternative_names"], json!(["*.example.com"]));
    assert_eq!(live.spec["key_algorithm"], json!("EC_prime256v1"), "hyphens in answers are underscores in requests");
}

/// Just after the request AWS does not know the records yet.
#[tokio::test]
async fn records_are_written_once_they_are_told() {
    const UNKNOWN: Answer = certificate!(
        r#""Status":"PENDING_VALIDATION","DomainValidationOptions":[{"DomainName":"example.com","ValidationStatus":"PENDING_VALIDATION","ValidationMethod":"DNS"}]"#
    );
    let live = read(&[("DescribeCertificate", UNKNOWN)]).await.expect("it is there");
    assert_eq!(live.outputs.get("domain_validation_options"), None, "who refers to them waits");
    let wire = Wire::scripted(&[("DescribeCertificate", UNKNOWN)]).await;
    let (from, to) = (json!({ "domain_name": "example.com" }), json!({ "domain_name": "example.com", "hosted_zone_id": "Z1" }));
    let changed = ["hosted_zone_id".to_owned()].into();
    let update = AnyUpdate { id: &"arn:c".into(), from: &from, to: &to, changed: &changed };
    let error = Certificate.update(&wire.world, update).await.expect_err("not yet");
    let passing = Certificate::FACTS.passing.iter().find(|it| it.during == During::Update && error.is(&[it.code]));
    assert_eq!(passing.map(|it| it.within), Some(Duration::from_secs(300)), "{error}");
}

#[tokio::test]
async fn one_in_use_keeps_its_records_until_it_can_go() {
    let wire = Wire::scripted(&[
        (
            "DescribeCertificate",
            certificate!(
                r#""Status":"ISSUED","InUseBy":["arn:lb"],"DomainValidationOptions":[{"DomainName":"example.com","ValidationMethod":"DNS",
                "ResourceRecord":{"Name":"_a.example.com.","Type":"CNAME","Value":"_b.acm-validations.aws."}}]"#
            ),
        ),
        ("DeleteCertificate", Answer::Say(400, r#"{"__type":"ResourceInUseException","message":"why"}"#)),
    ])
    .await;
    let spec = json!({ "domain_name": "example.com", "hosted_zone_id": "Z1" });
    let world = wire.world.taken_for_aws();
    let error = Certificate.delete(&world, &"arn:c".into(), &spec).await.expect_err("in use");
    let passing = Certificate::FACTS.passing.iter().find(|it| it.during == During::Delete && error.is(&[it.code]));
    assert_eq!(passing.map(|it| it.within), Some(Duration::from_secs(1200)), "{error}");
    assert_eq!(wire.calls(), 2, "no record was touched: {:?}", wire.asked());
}

/// The token makes the repetition of a create safe, and the tag finds what an earlier run made.
#[tokio::test]
async fn a_request_carries_its_token_and_is_found_by_its_tag_whatever_its_key() {
    let wire = Wire::scripted(&[
        ("RequestCertificate", Answer::Say(200, r#"{"CertificateArn":"arn:c"}"#)),
        (
            "ListCertificates",
            Answer::Say(
                200,
                r#"{"CertificateSummaryList":[{"CertificateArn":"arn:x","DomainName":"other.com"},{"CertificateArn":"arn:c","DomainName":"example.com"}]}"#,
            ),
        ),
        ("ListTagsForCertificate", Answer::Say(200, r#"{"Tags":[{"Key":"infra:operation","Value":"0123456789abcdef0123456789abcdef"}]}"#)),
    ])
    .await;
    let token = "0123456789abcdef0123456789abcdef";
    let spec = json!({ "domain_name": "example.com", "key_algorithm": "EC_secp384r1" });
    Certificate.create(&wire.world, &spec, token).await.expect("create");
    let find = async |operation: &str, known: &[Id]| {
        let known: BTreeSet<Id> = known.iter().cloned().collect();
        Certificate.find(&wire.world, operation, &spec, &known).await.expect("find")
    };
    assert_eq!(find(token, &[]).await, Some("arn:c".into()));
    assert_eq!(find("another", &[]).await, None);
    assert_eq!(find(token, &["arn:c".into()]).await, None);
    let asked = wire.asked();
    assert!(asked[0].contains(r#""IdempotencyToken":"0123456789abcdef0123456789abcdef""#), "{asked:?}");
    assert!(asked[1].contains("EC_secp384r1") && asked[1].contains("RSA_4096"), "keys of all kinds are asked for: {asked:?}");
}

#[test]
fn names_are_written_once_and_in_small_letters() {
    for (spec, expected) in [
        // A zone's id need not begin with a Z: emulators make others.
        (json!({ "domain_name": "example.com", "hosted_zone_id": "508SZ1VD9CCB" }), vec![]),
        (json!({ "domain_name": "example.com", "subject_alternative_names": ["*.example.com"], "hosted_zone_id": "Z1" }), vec![]),
        (json!({ "domain_name": "Example.com" }), vec!["AWS writes names in small letters"]),
        (
            json!({ "domain_name": "example.com", "subject_alternative_names": ["A.example.com", "example.com"] }),
            vec![
                "subject_alternative_names[0]: AWS writes names in small letters",
                "subject_alternative_names[1]: the certificate is for this name already",
            ],
        ),
        (
            json!({ "domain_name": "example.com", "validation_method": "EMAIL", "hosted_zone_id": "Z1" }),
            vec!["a hosted zone where mails are answered"],
        ),
    ] {
        assert_eq!(complaints::<Certificate>(spec), expected);
    }
}

/// A zone with a record of somebody else, and the certificates that write theirs into it.
struct Zone {
    world: Aws,
    id: String,
}

const DOMAIN: &str = "records.example.org";

impl Zone {
    async fn new(name: &str) -> Self {
        let world = cloud().await;
        let made = world.route53().create_hosted_zone().name("example.org").caller_reference(name).send().await.expect("a zone");
        let id = made.hosted_zone.expect("a zone").id.trim_start_matches("/hostedzone/").to_owned();
        let zone = Self { world, id };
        zone.change(ChangeAction::Create, "mail.example.org.", "mx.example.net.").await;
        zone
    }

    async fn change(&self, action: ChangeAction, name: &str, value: &str) {
        let value = ResourceRecord::builder().value(value).build().expect("a record");
        let set = ResourceRecordSet::builder().name(name).r#type(RrType::Cname).ttl(60).resource_records(value).build().expect("a set");
        let change = Change::builder().action(action).resource_record_set(set).build().expect("a change");
        let batch = ChangeBatch::builder().changes(change).build().expect("a batch");
        let call = self.world.route53().change_resource_record_sets().hosted_zone_id(&self.id).change_batch(batch);
        call.send().await.expect("changed");
    }

    /// The names of its CNAME records, sorted.
    async fn records(&self) -> Vec<String> {
        let answer = self.world.route53().list_resource_record_sets().hosted_zone_id(&self.id).send().await.expect("records");
        let sets = answer.resource_record_sets.into_iter().filter(|it| it.r#type == RrType::Cname);
        let mut names: Vec<_> = sets.map(|it| it.name).collect();
        names.sort();
        names
    }
}

async fn request(world: &Aws) -> Id {
    let spec = json!({ "domain_name": DOMAIN, "subject_alternative_names": [format!("*.{DOMAIN}")] });
    Certificate.create(world, &spec, &uuid::Uuid::new_v4().simple().to_string()).await.expect("create")
}

fn spec(zone: Option<&str>) -> serde_json::Value {
    json!({ "domain_name": DOMAIN, "subject_alternative_names": [format!("*.{DOMAIN}")], "hosted_zone_id": zone })
}

async fn move_to(world: &Aws, id: &Id, from: Option<&str>, to: Option<&str>) {
    let changed = ["hosted_zone_id".to_owned()].into();
    // Twice, as after an answer that was lost.
    for _ in 0..2 {
        let update = AnyUpdate { id, from: &spec(from), to: &spec(to), changed: &changed };
        Certificate.update(world, update).await.expect("update");
    }
}

async fn zone_of(world: &Aws, id: &Id) -> serde_json::Value {
    let wanted = Wanted(["hosted_zone_id".to_owned(), "tags".to_owned()].into());
    let live = Certificate.read(world, std::slice::from_ref(id), &wanted).await.expect("read").pop().flatten().expect("it is there");
    assert_eq!(live.spec["tags"], json!({}), "what infra keeps on it for itself is not a tag of the file");
    live.spec["hosted_zone_id"].clone()
}

#[tokio::test]
async fn it_writes_its_records_and_takes_them_away_with_nothing_else() {
    let zone = Zone::new("one").await;
    let elsewhere = zone.world.at(&Location { region: Some("us-east-1".into()), role: None });
    let ours = "_d930b28be6c5927595552b219965053e.records.example.org.";
    let foreign = "mail.example.org.";
    let (one, other) = (request(&zone.world).await, request(&elsewhere).await);
    assert_eq!(zone_of(&zone.world, &one).await, json!(null));

    // Both write the same record.
    move_to(&zone.world, &one, None, Some(&zone.id)).await;
    assert_eq!(zone_of(&zone.world, &one).await, json!(zone.id));
    assert_eq!(zone.records().await, [ours, foreign]);
    move_to(&elsewhere, &other, None, Some(&zone.id)).await;

    // Somebody deletes it: that shows, and is mended.
    let value = "_c9edd76ee4a0e2a74388032f3861cc50.ykybfrwcxw.acm-validations.aws.";
    zone.change(ChangeAction::Upsert, ours, value).await;
    zone.change(ChangeAction::Delete, ours, value).await;
    assert_eq!(zone_of(&zone.world, &one).await, json!(null));
    move_to(&zone.world, &one, None, Some(&zone.id)).await;

    // It moves to another zone; the record in the first is still needed by the certificate in the other region.
    let second = Zone::new("two").await;
    move_to(&zone.world, &one, Some(&zone.id), Some(&second.id)).await;
    assert_eq!(zone_of(&zone.world, &one).await, json!(second.id));
    assert_eq!(
        (zone.records().await, second.records().await),
        (vec![ours.to_owned(), foreign.to_owned()], vec![ours.into(), foreign.into()])
    );

    // The record stays while the other certificate needs it, and goes with the last one.
    Certificate.delete(&zone.world, &one, &spec(Some(&second.id))).await.expect("delete");
    assert_eq!(second.records().await, [ours, foreign]);
    Certificate.delete(&elsewhere, &other, &spec(Some(&zone.id))).await.expect("delete");
    assert_eq!(zone.records().await, [foreign]);
    Certificate.delete(&elsewhere, &other, &spec(Some(&zone.id))).await.expect("delete again");

    // What stands in its place is not its own.
    let last = request(&zone.world).await;
    zone.change(ChangeAction::Create, ours, "elsewhere.example.net.").await;
    Certificate.delete(&zone.world, &last, &spec(Some(&zone.id))).await.expect("delete");
    assert_eq!(zone.records().await, [ours, foreign]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "acm.certificate",
        absent: "arn:aws:acm:eu-central-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef",
        replacements: &[
            "domain_name: other.example.com",
            "subject_alternative_names: [a.example.com, b.example.com]",
            "certificate_export: ENABLED",
        ],
        // The emulator knows one method and one kind of key; a zone is no part of the example and has a test of its own.
        untried: &["validation_method", "key_algorithm", "hosted_zone_id"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
