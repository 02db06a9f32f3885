use infra::resource::{AnyResource as _, AnyUpdate, Describe as _, During, Status, Wanted};
use serde_json::json;

use super::Role;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire, refused},
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

#[test]
fn what_iam_would_not_take_is_said_before() {
    let statement = |more: serde_json::Value| {
        let mut statement = json!({ "Effect": "Allow", "Action": "sts:AssumeRole" });
        statement.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "Version": "2012-10-17", "Statement": [statement] })
    };
    let trust = |more: serde_json::Value| json!({ "assume_role_policy_document": statement(more) });
    let own = |name: &str, more: serde_json::Value| json!({ "policies": { name: statement(more) } });
    let long = "x".repeat(11_000);
    for (spec, expected) in [
        (trust(json!({ "Principal": { "Service": "lambda.amazonaws.com" } })), vec![]),
        (trust(json!({})), vec!["assume_role_policy_document.Statement[0]: a statement without `Principal`"]),
        (
            trust(json!({ "Principal": "*", "Resource": "*" })),
            vec!["assume_role_policy_document.Statement[0].Resource: `Resource` in a trust policy"],
        ),
        (trust(json!({ "Principal": "*", "Sid": long })), vec!["a policy of 11108 characters, where IAM takes 8192"]),
        (own("read", json!({ "Resource": "*" })), vec![]),
        (own("read", json!({})), vec!["policies.read.Statement[0]: a statement without `Resource`"]),
        (
            own("read", json!({ "Resource": "*", "Principal": "*" })),
            vec!["policies.read.Statement[0].Principal: `Principal` in a policy of an identity"],
        ),
        (own("read it", json!({ "Resource": "*" })), vec!["policies[\"read it\"]: `read it` cannot be the name of a policy"]),
        (own("read", json!({ "Resource": long })), vec!["a policy of 11097 characters, where IAM takes 10240"]),
    ] {
        assert_eq!(complaints::<Role>(spec), expected);
    }
}

/// For a moment a fresh role has its unique id where its ARN belongs, and who refers to the ARN has to wait.
#[tokio::test]
async fn a_role_is_ready_once_it_has_an_arn() {
    let role = |arn: &'static str| async move {
        let wire = Wire::scripted(match arn {
            "AROA1" => &[("GetRole", Answer::Xml(FRESH))],
            _ => &[("GetRole", Answer::Xml(READY))],
        })
        .await;
        Role.read(&wire.world, &["role".into()], &Wanted::default()).await.expect("read").pop().flatten().expect("there")
    };
    let fresh = role("AROA1").await;
    assert_eq!((fresh.status, fresh.outputs.get("arn")), (Status::Pending("without an ARN".into()), None));
    let ready = role("arn:aws:iam::123456789012:role/role").await;
    assert_eq!((ready.status, &ready.outputs["arn"]), (Status::Ready, &json!("arn:aws:iam::123456789012:role/role")));
}

const FRESH: &str = "<GetRoleResult><Role><Path>/</Path><RoleName>role</RoleName><RoleId>AROA1</RoleId><Arn>AROA1</Arn>\
    <CreateDate>2026-01-01T00:00:00Z</CreateDate><AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument></Role></GetRoleResult>";
const READY: &str = "<GetRoleResult><Role><Path>/</Path><RoleName>role</RoleName><RoleId>AROA1</RoleId>\
    <Arn>arn:aws:iam::123456789012:role/role</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate>\
    <AssumeRolePolicyDocument>%7B%7D</AssumeRolePolicyDocument></Role></GetRoleResult>";

/// What IAM says while its news is on its way is waited for; the same codes with other words are not.
#[test]
fn what_passes_is_waited_for() {
    for (during, code, message, passes) in [
        (During::Create, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:role/a\"", true),
        (During::Update, "MalformedPolicyDocument", "Invalid principal in policy: \"AWS\":\"AROA1\"", true),
        (During::Create, "MalformedPolicyDocument", "Syntax errors in policy.", false),
        (During::Update, "NoSuchEntity", "Policy arn:aws:iam::123456789012:policy/a does not exist or is not attachable.", true),
        (During::Update, "NoSuchEntity", "The role with name role cannot be found.", false),
        (During::Delete, "DeleteConflict", "Cannot delete entity, must detach all policies first.", true),
        (During::Update, "ConcurrentModification", "", true),
    ] {
        let of = |it: &&infra::resource::Passing| {
            (it.during == During::Any || it.during == during) && it.code == code && message.contains(it.message)
        };
        assert_eq!(Role.facts().passing.iter().any(|it| of(&it)), passes, "{during:?} {code}: {message}");
    }
}

#[tokio::test]
async fn who_may_not_look_at_the_whole_account_reads_each() {
    let wire = Wire::scripted(&[
        ("GetAccountAuthorizationDetails", refused!("AccessDenied", "User: a is not authorized to perform this")),
        ("ListRoles", refused!("AccessDenied", "User: a is not authorized to perform this")),
        ("GetRole", Answer::Xml(READY)),
    ])
    .await;
    let wanted = Wanted(["description".to_owned()].into());
    let found = Role.read(&wire.world, &["one".into(), "two".into()], &wanted).await.expect("each by itself");
    assert!(found.iter().all(Option::is_some));
    let mut said = wire.said(&["RoleName"]);
    said.retain(|it| it.starts_with("GetRole"));
    said.sort();
    assert_eq!(said, ["GetRole RoleName=one", "GetRole RoleName=two"]);
    // What else is refused is told.
    let wire = Wire::scripted(&[("GetAccountAuthorizationDetails", refused!("InvalidInput", "no"))]).await;
    let error = Role.read(&wire.world, &["one".into(), "two".into()], &Wanted::default()).await.expect_err("a refusal");
    assert!(error.is(&["InvalidInput"]), "{error}");
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
