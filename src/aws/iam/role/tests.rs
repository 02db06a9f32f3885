use infra::resource::{AnyResource as _, AnyUpdate, Wanted};
use serde_json::json;

use super::Role;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

#[tokio::test]
async fn all_that_holds_it_goes_first() {
    let wire = Wire::scripted(&[
        (
            "ListAttachedRolePolicies",
            Answer::Xml(
                "<ListAttachedRolePoliciesResult><AttachedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/A</PolicyArn></member>\
                 </AttachedPolicies></ListAttachedRolePoliciesResult>",
            ),
        ),
        (
            "ListRolePolicies",
            Answer::Xml("<ListRolePoliciesResult><PolicyNames><member>own</member></PolicyNames></ListRolePoliciesResult>"),
        ),
        (
            "ListInstanceProfilesForRole",
            Answer::Xml(
                "<ListInstanceProfilesForRoleResult><InstanceProfiles><member><Path>/</Path><InstanceProfileName>profile</InstanceProfileName>\
                 <InstanceProfileId>AIPA1</InstanceProfileId><Arn>arn:aws:iam::123456789012:instance-profile/profile</Arn>\
                 <CreateDate>2026-01-01T00:00:00Z</CreateDate><Roles/></member></InstanceProfiles></ListInstanceProfilesForRoleResult>",
            ),
        ),
        ("DetachRolePolicy", Answer::Xml("")),
        ("DeleteRolePolicy", Answer::Xml("")),
        ("RemoveRoleFromInstanceProfile", Answer::Xml("")),
        ("DeleteRole", Answer::Xml("")),
    ])
    .await;
    Role.delete(&wire.world, &"role".into(), &json!({ "assume_role_policy_document": {} })).await.expect("delete");
    let said = wire.said(&["RoleName", "PolicyArn", "PolicyName", "InstanceProfileName"]);
    let expected = [
        "DetachRolePolicy RoleName=role PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FA",
        "DeleteRolePolicy RoleName=role PolicyName=own",
        "RemoveRoleFromInstanceProfile RoleName=role InstanceProfileName=profile",
        "DeleteRole RoleName=role",
    ];
    // The three lists are asked for at once.
    assert_eq!(said[3..], expected);
}

#[test]
fn a_path_stands_between_slashes() {
    for (path, expected) in [("/", vec![]), ("/team/", vec![]), ("team", vec!["a path begins and ends with a slash"])] {
        assert_eq!(complaints::<Role>(json!({ "path": path })), expected, "{path}");
    }
}

#[tokio::test]
async fn one_and_many_are_read_alike() {
    let world = cloud().await;
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole" }]
    });
    let spec = |name: &str| {
        json!({
            "role_name": name,
            "path": "/alike/",
            "description": format!("About {name}"),
            "max_session_duration": 7200,
            "assume_role_policy_document": trust,
            "permissions_boundary": "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "managed_policy_arns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            "policies": { "own": { "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "s3:*", "Resource": "*" }] } },
            "tags": { "a": "b" },
        })
    };
    let mut ids = vec![];
    for name in ["alike-1", "alike-2"] {
        let spec = spec(name);
        let id = Role.create(&world, &spec, "0123456789abcdef0123456789abcdef").await.expect("create");
        let changed = ["managed_policy_arns", "policies"].map(str::to_owned).into();
        let from = json!({ "role_name": name, "assume_role_policy_document": {}, "managed_policy_arns": [], "policies": {}, "tags": { "a": "b" } });
        let update = AnyUpdate { id: &id, from: &from, to: &spec, changed: &changed };
        Role.update(&world, update).await.expect("update");
        ids.push(id);
    }
    let everything = Wanted(spec("").as_object().expect("an object").keys().cloned().collect());
    let many = Role.read(&world, &ids, &everything).await.expect("many");
    for (n, id) in ids.iter().enumerate() {
        let one = Role.read(&world, std::slice::from_ref(id), &everything).await.expect("one");
        assert_eq!(one[0], many[n]);
        assert_eq!(one[0].as_ref().map(|it| &it.spec), Some(&spec(id.as_str())));
        Role.delete(&world, id, &spec(id.as_str())).await.expect("delete");
    }
    assert_eq!(Role.read(&world, &ids, &everything).await.expect("none"), [None, None]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "iam.role",
        changes: &[
            "description: Another",
            "max_session_duration: 7200",
            "assume_role_policy_document: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { Service: ec2.amazonaws.com }, Action: 'sts:AssumeRole' }] }",
            "permissions_boundary: arn:aws:iam::aws:policy/ReadOnlyAccess",
            "permissions_boundary: null",
            "managed_policy_arns: ['arn:aws:iam::aws:policy/ReadOnlyAccess', 'arn:aws:iam::aws:policy/AmazonS3FullAccess']",
            "managed_policy_arns: []",
            "policies: { one: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 's3:*', Resource: '*' }] }, two: { Version: '2012-10-17', Statement: [{ Effect: Allow, Action: 'sqs:*', Resource: '*' }] } }",
            "policies: { two: { Version: '2012-10-17', Statement: [{ Effect: Deny, Action: 'sqs:*', Resource: '*' }] } }",
            "policies: {}",
        ],
        replacements: &["path: /team/", "role_name: example-another"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
