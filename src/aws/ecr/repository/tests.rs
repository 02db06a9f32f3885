use infra::{
    plan::normal,
    resource::{AnyResource as _, AnyUpdate, Describe as _, Wanted, schema::TypeSchema},
    value::Value,
};
use serde_json::{Value as Json, json};

use super::{LifecyclePolicy, Repository};
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

#[test]
fn what_does_not_go_together_is_said_before() {
    let rules = |rules: Json| json!({ "lifecycle_policy": { "rules": rules } });
    let rule = |number: i64, selection: Json| json!({ "rulePriority": number, "selection": selection });
    let any = json!({ "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10 });
    let old = json!({ "tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1 });
    for (spec, expected) in [
        (json!({}), vec![]),
        (rules(json!([rule(1, old.clone()), rule(2, any.clone())])), vec![]),
        (json!({ "image_tag_mutability": "IMMUTABLE_WITH_EXCLUSION", "image_tag_mutability_exclusion_filters": ["dev-*"] }), vec![]),
        (json!({ "image_tag_mutability_exclusion_filters": ["dev-*"] }), vec!["tags that are excluded from nothing"]),
        (json!({ "image_tag_mutability": "MUTABLE_WITH_EXCLUSION" }), vec!["exclusion without `image_tag_mutability_exclusion_filters`"]),
        (json!({ "encryption_type": "KMS", "kms_key": "arn:aws:kms:eu-central-1:123456789012:key/a" }), vec![]),
        (json!({ "encryption_type": "KMS", "kms_key": "alias/a" }), vec!["not the ARN of a key"]),
        (json!({ "kms_key": "arn:aws:kms:eu-central-1:123456789012:key/a" }), vec!["a key without `encryption_type: KMS`"]),
        (rules(json!([rule(1, old.clone()), rule(1, old)])), vec!["lifecycle_policy.rules[1].rulePriority: two rules with the number 1"]),
        (
            rules(json!([
                rule(1, any),
                rule(2, json!({ "tagStatus": "tagged", "countType": "sinceImagePushed", "countNumber": 1 })),
                rule(3, json!({ "tagStatus": "untagged", "tagPrefixList": ["a"], "countType": "imageCountMoreThan", "countUnit": "days" }))
            ])),
            vec![
                "lifecycle_policy.rules[0].selection.tagStatus: a rule for any tag before others",
                "lifecycle_policy.rules[1].selection.tagStatus: tagged images without `tagPatternList` or `tagPrefixList`",
                "lifecycle_policy.rules[1].selection.countType: a time without `countUnit`",
                "lifecycle_policy.rules[2].selection.tagPrefixList: `tagPrefixList` for images that are `untagged`",
                "lifecycle_policy.rules[2].selection.countUnit: a number of images with a unit of time",
            ],
        ),
    ] {
        assert_eq!(complaints::<Repository>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn a_lifecycle_policy_is_sent_without_what_is_empty() {
    let text = r#"{ "rules": [{ "rulePriority": 1, "selection": {
        "tagStatus": "tagged", "tagPatternList": ["v*"], "countType": "imageCountMoreThan", "countNumber": 3 }, "action": { "type": "expire" } }] }"#;
    let sent: Json = serde_json::from_str(&LifecyclePolicy::read(text).expect("it is known").text()).expect("JSON");
    assert_eq!(sent, serde_json::from_str::<Json>(text).expect("JSON"));
    let unknown = LifecyclePolicy::read(r#"{ "rules": [{ "rulePriority": 1, "action": { "type": "explode" } }] }"#);
    assert!(unknown.expect_err("nobody knows it").message.contains("does not know"));
}

/// ECR answers with the rules in another order than they were sent in.
#[test]
fn the_order_of_rules_means_nothing() {
    let schema = TypeSchema::read("ecr.repository", &Repository.spec_schema(), &Repository.outputs_schema());
    let rule = |number: i64| json!({ "rulePriority": number, "selection": { "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1 } });
    let canonical = |rules: Json| {
        let value = Value::from(json!({ "rules": rules }));
        normal::canonical(&schema, &schema.properties["lifecycle_policy"].schema, &value)
    };
    assert_eq!(canonical(json!([rule(1), rule(2)])), canonical(json!([rule(2), rule(1)])));
    assert_ne!(canonical(json!([rule(1), rule(2)])), canonical(json!([rule(1), rule(3)])));
}

/// Images are lost only where the stack says so.
#[tokio::test]
async fn images_are_deleted_with_it_only_when_that_is_written() {
    let world = cloud().await;
    let spec = |empty: bool| json!({ "repository_name": "holding/images", "empty_on_delete": empty });
    let id = Repository.create(&world, &spec(false), "0123456789abcdef0123456789abcdef").await.expect("create");
    let manifest = r#"{ "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": [] }"#;
    let pushed = world.ecr().put_image().repository_name("holding/images").image_tag("v1").image_manifest(manifest).send().await;
    pushed.expect("pushed");
    let refused = Repository.delete(&world, &id, &spec(false)).await.expect_err("it holds images");
    assert_eq!(refused.code.as_deref(), Some("RepositoryNotEmptyException"));
    assert!(refused.message.contains("empty_on_delete: true"), "{refused}");
    Repository.delete(&world, &id, &spec(true)).await.expect("with its images");
    assert_eq!(Repository.read(&world, &[id], &Wanted::default()).await.expect("read"), [None]);
}

/// What else is asked of a repository that goes meanwhile.
#[tokio::test]
async fn gone_between_two_calls_is_gone() {
    let wire = Wire::scripted(&[
        ("DescribeRepositories", Answer::Say(200, r#"{ "repositories": [{ "repositoryName": "shop" }] }"#)),
        ("GetLifecyclePolicy", Answer::Say(400, r#"{ "__type": "LifecyclePolicyNotFoundException", "message": "none" }"#)),
        ("GetRepositoryPolicy", Answer::Say(400, r#"{ "__type": "RepositoryNotFoundException", "message": "gone" }"#)),
    ])
    .await;
    let wanted = |names: &[&str]| Wanted(names.iter().map(|it| (*it).to_owned()).collect());
    let found = Repository.read(&wire.world, &["shop".into()], &wanted(&["lifecycle_policy"])).await.expect("read");
    assert!(found[0].as_ref().is_some_and(|it| it.spec["lifecycle_policy"].is_null()), "it has none: {found:?}");
    let found = Repository.read(&wire.world, &["shop".into()], &wanted(&["repository_policy"])).await.expect("read");
    assert_eq!(found, [None]);
}

#[tokio::test]
async fn scans_and_exclusions_are_changed() {
    let wire =
        Wire::scripted(&[("PutImageTagMutability", Answer::Say(200, "{}")), ("PutImageScanningConfiguration", Answer::Say(200, "{}"))])
            .await;
    let from = json!({});
    let to = json!({
        "scan_on_push": true, "image_tag_mutability": "IMMUTABLE_WITH_EXCLUSION", "image_tag_mutability_exclusion_filters": ["dev-*"]
    });
    let changed = to.as_object().expect("an object").keys().cloned().collect();
    Repository.update(&wire.world, AnyUpdate { id: &"shop".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    assert_eq!(
        wire.asked(),
        [
            r#"PutImageTagMutability {"repositoryName":"shop","imageTagMutability":"IMMUTABLE_WITH_EXCLUSION","imageTagMutabilityExclusionFilters":[{"filterType":"WILDCARD","filter":"dev-*"}]}"#,
            r#"PutImageScanningConfiguration {"repositoryName":"shop","imageScanningConfiguration":{"scanOnPush":true}}"#,
        ]
    );
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ecr.repository",
        changes: &[
            "image_tag_mutability: MUTABLE",
            "lifecycle_policy: { rules: [{ rulePriority: 2, selection: { tagStatus: any, countType: imageCountMoreThan, countNumber: 5 } }, { rulePriority: 1, selection: { tagStatus: untagged, countType: sinceImagePushed, countUnit: days, countNumber: 7 }, action: { type: expire } }] }",
            "lifecycle_policy: null",
            "repository_policy: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { AWS: 'arn:aws:iam::123456789012:root' }, Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'] }] }",
            "repository_policy: null",
        ],
        replacements: &[
            "encryption_type: KMS",
            "kms_key: arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000",
            "repository_name: example/another",
        ],
        untried: &[
            // Only together with the mutability.
            "image_tag_mutability_exclusion_filters",
            // The emulator does not notice that it is turned off, because the SDK leaves out what is false.
            "scan_on_push",
            // Only a delete goes by it: see above.
            "empty_on_delete",
        ],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
