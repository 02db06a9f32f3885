use std::{collections::BTreeMap, sync::Arc};

use infra::{
    address::Address,
    diagnostic::Source,
    graph,
    resource::{AnyResource as _, AnyUpdate, Id, Location, Wanted, World as _},
    stack::{Settings, parse, resolve},
    state::State,
};
use serde_json::{Value as Json, json};

use super::Bucket;
use crate::aws::{
    Aws,
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
    types,
};

#[test]
fn names_and_settings_must_be_possible() {
    let public = |principal: Json| json!({ "Statement": [{ "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject" }] });
    for (spec, expected) in [
        (json!({ "bucket_name": "example.documents-1" }), vec![]),
        (json!({ "bucket_name": "a..b" }), vec!["a dot in a bucket's name stands between letters or digits"]),
        (json!({ "bucket_name": "a.-b" }), vec!["a dot in a bucket's name stands between letters or digits"]),
        (json!({ "bucket_name": "192.168.0.1" }), vec!["a bucket's name cannot look like an IP address"]),
        (json!({ "bucket_name": "xn--a" }), vec!["`xn--` in a bucket's name is reserved"]),
        (json!({ "bucket_name": "a-s3alias" }), vec!["`-s3alias` in a bucket's name is reserved"]),
        (json!({ "object_lock_enabled": true, "versioning": "Enabled", "object_lock_retention": { "days": 1 } }), vec![]),
        (json!({ "object_lock_enabled": true }), vec!["object lock without versioning"]),
        (json!({ "object_lock_retention": { "days": 1 } }), vec!["a lock in a bucket without object lock"]),
        (
            json!({ "object_lock_enabled": true, "versioning": "Enabled", "object_lock_retention": { "days": 1, "years": 1 } }),
            vec!["a lock is for a number of days or of years"],
        ),
        (json!({ "bucket_encryption": { "kms_master_key_id": "alias/a" } }), vec!["a KMS key for encryption without KMS"]),
        (json!({ "bucket_encryption": { "sse_algorithm": "aws:kms", "kms_master_key_id": "alias/a" } }), vec![]),
        (json!({ "website_configuration": {} }), vec!["a web site has an index document or sends everybody on"]),
        (json!({ "website_configuration": { "index_document": "index.html" } }), vec![]),
        (json!({ "lifecycle_rules": [{ "id": "a" }] }), vec!["lifecycle_rules[0]: a rule that does nothing"]),
        (
            json!({ "lifecycle_rules": [
                { "id": "a", "expiration_in_days": 1 },
                { "id": "a", "expiration_in_days": 1, "expired_object_delete_marker": true },
            ] }),
            vec![
                "lifecycle_rules[1]: `expiration_in_days` beside `expired_object_delete_marker`",
                "lifecycle_rules[1].id: another rule has this id",
            ],
        ),
        (json!({ "policy_document": public(json!("*")) }), vec!["a policy that allows everybody, in a bucket that blocks such policies"]),
        (
            json!({ "policy_document": public(json!({ "AWS": "*" })) }),
            vec!["a policy that allows everybody, in a bucket that blocks such policies"],
        ),
        (json!({ "policy_document": public(json!({ "AWS": "arn:aws:iam::123456789012:root" })) }), vec![]),
        (json!({ "policy_document": public(json!("*")), "public_access_block_configuration": { "block_public_policy": false } }), vec![]),
    ] {
        assert_eq!(complaints::<Bucket>(spec.clone()), expected, "{spec}");
    }
}

/// The bucket calls a function that knows the bucket, and that it may call it is said with both of them.
#[test]
fn a_notification_waits_for_the_permission_that_names_the_bucket() {
    let text = r#"
stack: example
region: eu-central-1
resources:
  documents:
    s3.bucket:
      bucket_name: infra-example-notifying
      notification_configuration:
        lambda_configurations: [{ function: "${processor.arn}", events: ["s3:ObjectCreated:*"], prefix: uploads/ }]
  processor:
    lambda.function:
      function_name: processor
      role: arn:aws:iam::123456789012:role/processor
      code: { image_uri: "123456789012.dkr.ecr.eu-central-1.amazonaws.com/processor:v1" }
      environment: { S3_BUCKET: "${documents.id}" }
  permission:
    lambda.permission:
      function_name: ${processor.id}
      principal: s3.amazonaws.com
      source_arn: ${documents.arn}
"#;
    let catalog = types().catalog;
    let (file, problems) = parse(Arc::new(Source::new("stack.yaml", text)), &catalog);
    assert!(problems.is_empty(), "{problems:#?}");
    let settings = Settings { environment: "default".into(), ..Settings::default() };
    let (stack, problems) = resolve(&file.expect("a stack"), &settings, &catalog, &BTreeMap::new());
    assert!(problems.is_empty(), "{problems:#?}");
    let (stack, state) = (stack.expect("a stack"), State::new("example", "default"));
    let (graph, problems) = graph::build(Some(&stack), &state, &catalog);
    assert!(problems.is_empty(), "no circle: {problems:#?}");
    let index = |name: &str| graph.find(&Address::new(name)).expect("a resource");
    let needs: Vec<_> = graph.nodes[index("documents")].needs.iter().map(|it| (it.to, it.late)).collect();
    assert_eq!(needs, [(index("processor"), true), (index("permission"), true)]);
}

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn update(world: &Aws, id: &str, from: &Json, to: &Json, changed: &[&str]) {
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    Bucket.update(world, AnyUpdate { id: &id.into(), from, to, changed: &changed }).await.expect("update");
}

async fn read(world: &Aws, id: &str, wanted: &[&str]) -> Option<Json> {
    let wanted = Wanted(wanted.iter().map(|it| (*it).to_owned()).collect());
    Bucket.read(world, &[id.into()], &wanted).await.expect("read").pop().flatten().map(|it| it.spec)
}

#[tokio::test]
async fn a_bucket_with_locks_has_them_from_the_beginning() {
    let world = cloud().await;
    let spec = json!({ "bucket_name": "infra-example-locked", "object_lock_enabled": true, "versioning": "Enabled" });
    let id = Bucket.create(&world, &spec, TOKEN).await.expect("create");
    let wanted = ["object_lock_enabled", "object_lock_retention", "versioning"];
    let found = read(&world, id.as_str(), &wanted).await.expect("it is there");
    assert_eq!((&found["object_lock_enabled"], &found["versioning"]), (&json!(true), &json!("Enabled")));
    let mut to = found.clone();
    to["object_lock_retention"] = json!({ "mode": "GOVERNANCE", "days": 3 });
    update(&world, id.as_str(), &found, &to, &["object_lock_retention"]).await;
    let found = read(&world, id.as_str(), &wanted).await.expect("it is there");
    assert_eq!(found["object_lock_retention"], json!({ "mode": "GOVERNANCE", "days": 3 }));
    Bucket.delete(&world, &id, &spec).await.expect("delete");
}

#[tokio::test]
async fn the_first_region_is_not_named() {
    let world = cloud().await.at(&Location { region: Some("us-east-1".into()), role: None });
    let id = Bucket.create(&world, &json!({ "bucket_name": "infra-example-first" }), TOKEN).await.expect("create");
    Bucket.delete(&world, &id, &json!({})).await.expect("delete");
    assert_eq!(read(&world, id.as_str(), &[]).await, None);
}

#[tokio::test]
async fn only_what_is_to_be_emptied_is_emptied() {
    let world = cloud().await;
    let s3 = world.s3();
    let spec = |empty: bool| json!({ "bucket_name": "infra-example-full", "versioning": "Enabled", "empty_on_delete": empty });
    let id = Bucket.create(&world, &spec(false), TOKEN).await.expect("create");
    update(&world, id.as_str(), &json!({}), &spec(false), &["versioning"]).await;
    for key in ["a", "a", "b"] {
        s3.put_object().bucket(id.as_str()).key(key).body(b"x".to_vec().into()).send().await.expect("an object");
    }
    s3.delete_object().bucket(id.as_str()).key("a").send().await.expect("a delete marker");
    s3.create_multipart_upload().bucket(id.as_str()).key("c").send().await.expect("an upload that nobody ends");

    let obstacle = async |spec: &Json, going: &[&str]| {
        let going = going.iter().map(|it| Id(format!("infra-example-full/{it}"))).collect();
        Bucket.obstacle(&world, &id, spec, &going).await.expect("an answer").map(|it| it.what)
    };
    let full = "there are objects in the bucket `infra-example-full`, or earlier versions of some";
    assert_eq!(obstacle(&spec(false), &["a", "b"]).await.as_deref(), Some(full), "versions stay");
    assert_eq!(obstacle(&spec(true), &[]).await, None, "it is emptied");

    let refused = Bucket.delete(&world, &id, &spec(false)).await.expect_err("it is full");
    assert_eq!(refused.code.as_deref(), Some("NotEmpty"), "it is not waited for");
    assert!(refused.message.contains("`empty_on_delete: true`"), "{refused}");
    let left = s3.list_object_versions().bucket(id.as_str()).send().await.expect("a list");
    assert_eq!((left.versions().len(), left.delete_markers().len()), (3, 1), "nothing was deleted");

    Bucket.delete(&world, &id, &spec(true)).await.expect("it may be emptied");
    assert_eq!(read(&world, id.as_str(), &[]).await, None);
}

#[tokio::test]
async fn what_is_in_a_bucket_is_told_before_it_is_deleted_unless_it_goes_too() {
    let world = cloud().await;
    let spec = json!({ "bucket_name": "infra-example-holding" });
    let id = Bucket.create(&world, &spec, TOKEN).await.expect("create");
    let obstacle = async |going: &[&str]| {
        let going = going.iter().map(|it| Id(format!("infra-example-holding/{it}"))).collect();
        Bucket.obstacle(&world, &id, &spec, &going).await.expect("an answer").map(|it| it.remedy)
    };
    let remedy = Some("delete them, or write `empty_on_delete: true` and apply that first");
    assert_eq!(obstacle(&[]).await, None, "it is empty");
    for key in ["a", "b"] {
        world.s3().put_object().bucket(id.as_str()).key(key).body(b"x".to_vec().into()).send().await.expect("an object");
    }
    assert_eq!(obstacle(&[]).await.as_deref(), remedy);
    assert_eq!(obstacle(&["a"]).await.as_deref(), remedy);
    assert_eq!(obstacle(&["c", "d"]).await.as_deref(), remedy);
    assert_eq!(obstacle(&["a", "b"]).await, None);
    assert_eq!(Bucket.obstacle(&world, &"infra-example-gone".into(), &spec, &Default::default()).await, Ok(None));
}

#[tokio::test]
async fn what_is_not_wanted_is_not_read() {
    let wire = Wire::with(|request| match request.operation() {
        "HEAD /read/" => Answer::Say(200, ""),
        "GET /read/?cors" => {
            Answer::Say(404, "<Error><Code>NoSuchCORSConfiguration</Code><Message>The CORS configuration does not exist</Message></Error>")
        }
        other => panic!("{other}"),
    })
    .await;
    let found = read(&wire.world, "read", &["bucket_name", "cors_rules"]).await.expect("it is there");
    assert_eq!(wire.asked(), ["HEAD /read/", "GET /read/?cors"]);
    assert_eq!((found.get("cors_rules"), found.get("versioning")), (None, None));
}

#[tokio::test]
async fn what_is_in_the_way_of_another_setting_is_changed_first() {
    let wire = Wire::answering(Answer::Say(200, "")).await;
    let role = "arn:aws:iam::123456789012:role/a";
    let from = json!({
        "versioning": "Enabled",
        "replication_configuration": { "role": role, "rules": [{ "id": "a", "destination_bucket": "arn:aws:s3:::b" }] },
    });
    let to = json!({
        "policy_document": { "Statement": [] },
        "public_access_block_configuration": { "block_public_policy": false },
    });
    let changed = ["policy_document", "public_access_block_configuration", "replication_configuration", "versioning"];
    update(&wire.world, "ordered", &from, &to, &changed).await;
    let asked = wire.asked();
    let operations: Vec<_> = asked.iter().map(|it| it.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = ["DELETE /ordered/?replication", "PUT /ordered/?publicAccessBlock", "PUT /ordered/?versioning", "PUT /ordered/?policy"];
    assert_eq!(operations, expected);
}

#[tokio::test]
async fn a_bucket_of_others_is_not_taken_for_none() {
    for (status, code) in [(403, "AccessDenied"), (301, "PermanentRedirect")] {
        let wire = Wire::with(move |_| Answer::Say(status, "")).await;
        let failed = Bucket.read(&wire.world, &["theirs".into()], &Wanted::default()).await.expect_err("it is not ours");
        assert_eq!(failed.code.as_deref(), Some(code), "{failed}");
        assert!(failed.message.starts_with("`theirs` "), "{failed}");
    }
}

#[tokio::test]
async fn many_objects_take_as_many_calls_as_they_need() {
    let page = |more: bool, key: &str| {
        format!(
            "<ListVersionsResult><IsTruncated>{more}</IsTruncated><Version><Key>{key}</Key><VersionId>1</VersionId></Version>\
             <DeleteMarker><Key>{key}</Key><VersionId>2</VersionId></DeleteMarker></ListVersionsResult>"
        )
    };
    let pages = std::sync::Mutex::new(vec![page(false, "last"), page(true, "first")]);
    let wire = Wire::with(move |request| match request.operation() {
        "GET /full/?versions" => {
            let page = pages.lock().expect("nobody panicked").pop().expect("no more calls than pages");
            Answer::Say(200, page.leak())
        }
        "POST /full/?delete" => Answer::Say(200, "<DeleteResult></DeleteResult>"),
        "GET /full/?uploads" => Answer::Say(200, "<ListMultipartUploadsResult></ListMultipartUploadsResult>"),
        "DELETE /full/" => Answer::Say(204, ""),
        other => panic!("{other}"),
    })
    .await;
    Bucket.delete(&wire.world, &Id::from("full"), &json!({ "empty_on_delete": true })).await.expect("delete");
    let asked = wire.asked();
    let operations: Vec<_> = asked.iter().filter_map(|it| it.split(" <").next()).collect();
    let round = ["GET /full/?versions", "POST /full/?delete"];
    assert_eq!(operations, [&round[..], &round[..], &["GET /full/?uploads", "DELETE /full/"][..]].concat());
    assert!(asked[1].contains("<Key>first</Key><VersionId>2</VersionId>"), "markers too: {}", asked[1]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "s3.bucket",
        changes: &[
            "versioning: Suspended",
            "bucket_encryption: { sse_algorithm: 'aws:kms', kms_master_key_id: 'alias/example', bucket_key_enabled: true }",
            "public_access_block_configuration: { block_public_policy: false, restrict_public_buckets: false }",
            "object_ownership: BucketOwnerPreferred",
            "lifecycle_rules: [{ id: a, prefix: tmp/, expiration_in_days: 3 }, { id: b, status: Disabled, tags: { a: b }, \
             transitions: [{ storage_class: STANDARD_IA, transition_in_days: 30 }] }]",
            "lifecycle_rules: [{ id: c, prefix: tmp/, tags: { a: b, c: d }, expired_object_delete_marker: true, \
             noncurrent_version_transitions: [{ storage_class: GLACIER, transition_in_days: 30, newer_noncurrent_versions: 2 }] }]",
            "cors_rules: [{ id: one, allowed_origins: ['*'], allowed_methods: [GET], exposed_headers: [ETag] }]",
            "policy_document: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { AWS: 'arn:aws:iam::123456789012:root' }, \
             Action: 's3:GetObject', Resource: 'arn:aws:s3:::infra-example-documents/*' }] }",
            "logging_configuration: { destination_bucket_name: '${notes.id}', log_file_prefix: other/ }",
            "notification_configuration: { queue_configurations: [{ queue: 'arn:aws:sqs:eu-central-1:123456789012:a', \
             events: ['s3:ObjectCreated:*'], prefix: uploads/, suffix: .pdf }] }",
            "notification_configuration: { lambda_configurations: [{ function: 'arn:aws:lambda:eu-central-1:123456789012:function:a', \
             events: ['s3:ObjectCreated:*'] }], topic_configurations: [{ topic: 'arn:aws:sns:eu-central-1:123456789012:a', \
             events: ['s3:ObjectRemoved:Delete', 's3:ObjectRemoved:DeleteMarkerCreated'], suffix: .txt }] }",
            "notification_configuration: null",
            "website_configuration: { index_document: index.html, error_document: error.html }",
            "website_configuration: { redirect_all_requests_to_host_name: example.com }",
            "website_configuration: null",
            "versioning: Enabled",
            "replication_configuration: { role: 'arn:aws:iam::123456789012:role/a', rules: [{ id: all, priority: 1, \
             destination_bucket: '${notes.arn}', destination_storage_class: STANDARD_IA }] }",
            "replication_configuration: null",
            "lifecycle_rules: null",
            "cors_rules: null",
            "policy_document: null",
            "logging_configuration: null",
        ],
        replacements: &["bucket_name: infra-example-others"],
        // A bucket with locks has versioning, and for that it has a test of its own.
        untried: &["object_lock_enabled", "object_lock_retention", "empty_on_delete"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
