use std::collections::BTreeSet;

use infra::resource::{AnyResource as _, AnyUpdate, Wanted};
use serde_json::{Value as Json, json};

use super::ManagedPolicy;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Script, Wire, refused},
    },
};

const CALLER: (&str, Answer) = (
    "GetCallerIdentity",
    Answer::Xml(
        "<GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/a</Arn><UserId>A</UserId>\
         </GetCallerIdentityResult>",
    ),
);

/// Five, of which the third is what counts.
const FIVE: (&str, Answer) = (
    "ListPolicyVersions",
    Answer::Xml(
        "<ListPolicyVersionsResult><Versions><member><VersionId>v9</VersionId></member><member><VersionId>v10</VersionId></member>\
         <member><VersionId>v8</VersionId><IsDefaultVersion>true</IsDefaultVersion></member><member><VersionId>v7</VersionId></member>\
         <member><VersionId>v6</VersionId></member></Versions></ListPolicyVersionsResult>",
    ),
);

fn allows(action: &str) -> Json {
    json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": "*" }] })
}

/// What is said to IAM to bring the document to one that allows `s3:*`.
async fn rewrites(script: Script) -> Vec<String> {
    let wire = Wire::scripted(script).await;
    let (from, to) = (json!({ "policy_document": allows("sqs:*") }), json!({ "policy_document": allows("s3:*") }));
    let changed = BTreeSet::from(["policy_document".to_owned()]);
    let update = AnyUpdate { id: &"team/reader".into(), from: &from, to: &to, changed: &changed };
    ManagedPolicy.update(&wire.world, update).await.expect("update");
    wire.said(&["VersionId", "SetAsDefault"]).split_off(1)
}

#[tokio::test]
async fn the_oldest_version_makes_room_for_a_new_one() {
    let said = rewrites(&[
        CALLER,
        FIVE,
        (
            "GetPolicyVersion",
            Answer::Xml("<GetPolicyVersionResult><PolicyVersion><Document>%7B%7D</Document></PolicyVersion></GetPolicyVersionResult>"),
        ),
        ("DeletePolicyVersion", Answer::Xml("")),
        (
            "CreatePolicyVersion",
            Answer::Xml("<CreatePolicyVersionResult><PolicyVersion><VersionId>v11</VersionId></PolicyVersion></CreatePolicyVersionResult>"),
        ),
        ("SetDefaultPolicyVersion", Answer::Xml("")),
    ])
    .await;
    assert_eq!(
        said,
        [
            "ListPolicyVersions",
            "GetPolicyVersion VersionId=v10",
            "DeletePolicyVersion VersionId=v6",
            "CreatePolicyVersion SetAsDefault=false",
            "SetDefaultPolicyVersion VersionId=v11",
        ]
    );
}

/// A change that was cut short between its two halves goes on with the second.
#[tokio::test]
async fn a_version_that_was_made_already_is_not_made_again() {
    let said = rewrites(&[
        CALLER,
        FIVE,
        (
            "GetPolicyVersion",
            Answer::Xml(
                "<GetPolicyVersionResult><PolicyVersion><Document>%7B%22Statement%22%3A%5B%7B%22Resource%22%3A%22*%22%2C%22Action%22%3A%22\
                 s3%3A*%22%2C%22Effect%22%3A%22Allow%22%7D%5D%2C%22Version%22%3A%222012-10-17%22%7D</Document></PolicyVersion>\
                 </GetPolicyVersionResult>",
            ),
        ),
        ("SetDefaultPolicyVersion", Answer::Xml("")),
    ])
    .await;
    assert_eq!(said, ["ListPolicyVersions", "GetPolicyVersion VersionId=v10", "SetDefaultPolicyVersion VersionId=v10"]);
}

#[tokio::test]
async fn all_other_versions_go_first_and_whoever_has_it_is_named() {
    let wire = Wire::scripted(&[
        CALLER,
        (
            "ListPolicyVersions",
            Answer::Xml(
                "<ListPolicyVersionsResult><Versions><member><VersionId>v2</VersionId><IsDefaultVersion>true</IsDefaultVersion></member>\
                 <member><VersionId>v1</VersionId></member></Versions></ListPolicyVersionsResult>",
            ),
        ),
        ("DeletePolicyVersion", Answer::Xml("")),
        ("DeletePolicy", refused!("DeleteConflict", "Cannot delete a policy attached to entities.")),
        (
            "ListEntitiesForPolicy",
            Answer::Xml(
                "<ListEntitiesForPolicyResult><PolicyRoles><member><RoleName>shop</RoleName></member></PolicyRoles>\
                 <PolicyUsers><member><UserName>ann</UserName></member></PolicyUsers></ListEntitiesForPolicyResult>",
            ),
        ),
    ])
    .await;
    let refused = ManagedPolicy.delete(&wire.world, &"reader".into(), &json!({ "policy_document": {} })).await.expect_err("attached");
    assert_eq!(refused.to_string(), "DeletePolicy: DeleteConflict: it is still attached to role shop, user ann: detach it there first");
    let expected = ["ListPolicyVersions", "DeletePolicyVersion VersionId=v1", "DeletePolicy", "ListEntitiesForPolicy"];
    assert_eq!(wire.said(&["VersionId"])[1..], expected);
    let facts = infra::resource::Describe::facts(&ManagedPolicy);
    assert!(facts.passing.iter().any(|it| refused.is(&[it.code])), "whoever lets go of it just then is waited for");
}

#[test]
fn what_iam_would_not_take_is_said_before() {
    let document = |statement: Json| json!({ "policy_document": { "Version": "2012-10-17", "Statement": statement } });
    let named = |name: &str| json!({ "Sid": name, "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
    for (spec, expected) in [
        (document(json!(named("Read"))), vec![]),
        (document(json!([named("Read"), named("Write")])), vec![]),
        (json!({ "path": "/a/", "policy_document": allows("s3:*") }), vec![]),
        (json!({ "path": "a", "policy_document": allows("s3:*") }), vec!["a path begins and ends with a slash"]),
        (
            document(json!({ "Effect": "Allow", "Action": "s3:*", "Principal": "*" })),
            vec![
                "policy_document.Statement.Principal: `Principal` in a policy of an identity",
                "policy_document.Statement: a statement without `Resource`",
            ],
        ),
        (document(json!([named("Read it")])), vec!["policy_document.Statement[0].Sid: `Read it` cannot be a `Sid`"]),
        (document(json!([named("A"), named("A")])), vec!["policy_document.Statement[1].Sid: two statements with the `Sid` `A`"]),
        (json!({ "policy_document": allows(&"x".repeat(6060)) }), vec![]),
        (json!({ "policy_document": allows(&"x".repeat(7000)) }), vec!["a policy of 7084 characters, where IAM takes 6144"]),
    ] {
        assert_eq!(complaints::<ManagedPolicy>(spec.clone()), expected, "{spec}");
    }
}

#[tokio::test]
async fn who_may_not_look_at_the_whole_account_reads_each() {
    let wire = Wire::scripted(&[
        CALLER,
        ("GetAccountAuthorizationDetails", refused!("AccessDenied", "User: a is not authorized to perform this")),
        ("GetPolicy", refused!("NoSuchEntity", "Policy was not found.")),
    ])
    .await;
    let found = ManagedPolicy.read(&wire.world, &["one".into(), "two".into()], &Wanted::default()).await.expect("each by itself");
    assert_eq!(found, [None, None]);
    let mut said = wire.said(&["PolicyArn"]);
    said.retain(|it| it.starts_with("GetPolicy"));
    said.sort();
    let of = |name: &str| format!("GetPolicy PolicyArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Apolicy%2F{name}");
    assert_eq!(said, [of("one"), of("two")]);
}

#[tokio::test]
async fn one_and_many_are_read_alike() {
    let world = cloud().await;
    let spec = |name: &str| json!({ "managed_policy_name": name, "path": "/alike/", "description": "Alike", "policy_document": allows("s3:*"), "tags": { "a": "b" } });
    let mut ids = vec![];
    for name in ["alike-1", "alike-2"] {
        ids.push(ManagedPolicy.create(&world, &spec(name), "0123456789abcdef0123456789abcdef").await.expect("create"));
    }
    let everything = Wanted(spec("").as_object().expect("an object").keys().cloned().collect());
    let many = ManagedPolicy.read(&world, &ids, &everything).await.expect("many");
    for (n, (id, name)) in ids.iter().zip(["alike-1", "alike-2"]).enumerate() {
        let one = ManagedPolicy.read(&world, std::slice::from_ref(id), &everything).await.expect("one");
        assert_eq!(one[0], many[n]);
        assert_eq!(one[0].as_ref().map(|it| &it.spec), Some(&spec(name)));
        ManagedPolicy.delete(&world, id, &spec(name)).await.expect("delete");
    }
    assert_eq!(ManagedPolicy.read(&world, &ids, &everything).await.expect("none"), [None, None]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "iam.policy",
        changes: &[
            "policy_document: { Version: '2012-10-17', Statement: { Effect: Allow, Action: ['s3:Get*', 's3:List*'], Resource: '*' } }",
            "policy_document: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 's3:Put*', Resource: '*' }] }",
            "policy_document: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 's3:Delete*', Resource: '*' }] }",
            "policy_document: { Version: '2012-10-17', Statement: [{ Effect: Deny, Action: 's3:Delete*', Resource: '*' }] }",
            "policy_document: { Version: '2012-10-17', Statement: [{ Effect: Deny, Action: 's3:*', Resource: '*' }] }",
        ],
        replacements: &["path: /team/", "description: Another", "managed_policy_name: example-another"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
