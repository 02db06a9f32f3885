use infra::resource::{AnyResource as _, AnyUpdate, Status, Wanted};
use serde_json::{Value as Json, json};

use super::Key;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Script, Wire},
    },
};

#[test]
fn a_kind_of_key_has_its_uses() {
    for (spec, expected) in [
        (json!({ "enable_key_rotation": true, "rotation_period_in_days": 90 }), vec![]),
        (json!({ "key_spec": "RSA_2048" }), vec![]),
        (json!({ "key_spec": "HMAC_256", "key_usage": "GENERATE_VERIFY_MAC" }), vec![]),
        (json!({ "key_spec": "ECC_NIST_P256" }), vec!["a key of kind ECC_NIST_P256 is not for ENCRYPT_DECRYPT"]),
        (json!({ "key_usage": "SIGN_VERIFY" }), vec!["a key of kind SYMMETRIC_DEFAULT is not for SIGN_VERIFY"]),
        (
            json!({ "key_spec": "ML_DSA_65", "key_usage": "SIGN_VERIFY", "enable_key_rotation": true }),
            vec!["only symmetric keys are renewed by KMS"],
        ),
        (json!({ "rotation_period_in_days": 90 }), vec!["the key is never renewed"]),
    ] {
        assert_eq!(complaints::<Key>(spec), expected);
    }
}

const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

/// The names of the calls that an update makes.
async fn calls(from: Json, to: Json, changed: &[&str]) -> Vec<String> {
    let wire = Wire::answering(Answer::Say(200, "{}")).await;
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    let update = AnyUpdate { id: &ID.into(), from: &from, to: &to, changed: &changed };
    Key.update(&wire.world, update).await.expect("update");
    wire.sent().into_iter().map(|(action, _)| action).collect()
}

#[tokio::test]
async fn a_disabled_key_is_enabled_for_what_needs_it() {
    let disabled = json!({ "enabled": false });
    for (from, to, changed, expected) in [
        (
            disabled.clone(),
            json!({ "enabled": false, "enable_key_rotation": true }),
            vec!["enable_key_rotation"],
            vec!["EnableKey", "EnableKeyRotation", "DisableKey"],
        ),
        (disabled.clone(), json!({ "enabled": false, "description": "b" }), vec!["description"], vec!["UpdateKeyDescription"]),
        (disabled, json!({ "enabled": true }), vec!["enabled"], vec!["EnableKey"]),
        (json!({}), json!({ "enabled": false }), vec!["enabled"], vec!["DisableKey"]),
        (
            json!({}),
            json!({ "enabled": false, "enable_key_rotation": true }),
            vec!["enabled", "enable_key_rotation"],
            vec!["EnableKeyRotation", "DisableKey"],
        ),
    ] {
        assert_eq!(calls(from, to.clone(), &changed).await, expected, "{to}");
    }
}

async fn read(script: Script) -> Option<infra::resource::AnyLive> {
    let wire = Wire::scripted(script).await;
    let wanted = Wanted(["enable_key_rotation", "tags"].map(str::to_owned).into());
    Key.read(&wire.world, &[ID.into()], &wanted).await.expect("read").pop().expect("one")
}

macro_rules! described {
    ($state:literal, $spec:literal) => {
        Answer::Say(
            200,
            concat!(
                r#"{"KeyMetadata":{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab","Arn":"arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab","Enabled":true,"KeyUsage":"ENCRYPT_DECRYPT","KeyState":""#,
                $state,
                r#"","KeySpec":""#,
                $spec,
                r#""}}"#
            ),
        )
    };
}

const TAGS: (&str, Answer) = ("ListResourceTags", Answer::Say(200, r#"{"Tags":[{"TagKey":"a","TagValue":"b"}],"Truncated":false}"#));
const ROTATES: (&str, Answer) = ("GetKeyRotationStatus", Answer::Say(200, r#"{"KeyRotationEnabled":true,"RotationPeriodInDays":180}"#));

#[tokio::test]
async fn a_key_that_waits_for_its_end_is_gone() {
    assert_eq!(read(&[("DescribeKey", described!("PendingDeletion", "SYMMETRIC_DEFAULT")), ROTATES, TAGS]).await, None);
    let live = read(&[("DescribeKey", described!("Creating", "SYMMETRIC_DEFAULT")), ROTATES, TAGS]).await.expect("it is there");
    assert_eq!(live.status, Status::Pending("Creating".into()));
    assert_eq!((&live.spec["rotation_period_in_days"], &live.spec["tags"]), (&json!(180), &json!({ "a": "b" })));
}

#[tokio::test]
async fn whether_an_asymmetric_key_is_renewed_is_not_asked() {
    // The script has no answer to that question.
    let live = read(&[("DescribeKey", described!("Enabled", "RSA_2048")), TAGS]).await.expect("it is there");
    assert_eq!(live.spec["enable_key_rotation"], json!(false));
}

#[tokio::test]
async fn deleting_what_is_deleted_is_success() {
    let refusal = r#"{"__type":"KMSInvalidStateException","message":"arn:aws:kms:… is pending deletion."}"#;
    let wire = Wire::answering(Answer::Say(400, refusal)).await;
    Key.delete(&wire.world, &ID.into(), &json!({ "pending_window_in_days": 7 })).await.expect("delete");
    assert_eq!(wire.sent(), [("ScheduleKeyDeletion".to_owned(), json!({ "KeyId": ID, "PendingWindowInDays": 7 }))]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "kms.key",
        absent: "00000000-0000-0000-0000-000000000000",
        changes: &[
            "description: Another",
            "key_policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { AWS: 'arn:aws:iam::123456789012:root' }, Action: 'kms:*', Resource: '*' }] }",
            "enabled: false",
            "enabled: true",
            "enable_key_rotation: false",
        ],
        replacements: &["key_spec: RSA_2048", "key_usage: SIGN_VERIFY", "multi_region: true"],
        // The emulator renews every year, whatever it is told. What only a delete needs cannot be read back.
        untried: &["rotation_period_in_days", "pending_window_in_days"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
