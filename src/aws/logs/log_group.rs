//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_cloudwatchlogs::types::{LogGroup as Described, LogGroupClass};
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct LogGroup;

/// A log group: where a program's or a service's log lines are kept.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other group of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 512), regex(pattern = r"[.\-_/#A-Za-z0-9]+"))]
    log_group_name: Option<String>,
    /// For how many days lines are kept. Left out or removed, for ever.
    retention_in_days: Option<i32>,
    /// The ARN of the KMS key that new lines are encrypted with. Left out or removed, CloudWatch Logs uses a key of its own.
    #[schemars(length(max = 256))]
    kms_key_id: Option<String>,
    /// What can be done with the lines, and what they cost.
    #[serde(default)]
    #[schemars(transform = immutable)]
    log_group_class: Class,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Class {
    /// Everything.
    #[default]
    Standard,
    /// Fewer features, at half the price.
    InfrequentAccess,
    /// Only passed on, to S3 or to X-Ray.
    Delivery,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the group.
    id: String,
    /// The ARN of the group, without `:*` at its end.
    arn: String,
}

impl Resource for LogGroup {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "logs.log_group";
    const FACTS: Facts = Facts {
        passing: &[
            Passing { during: During::Any, code: "OperationAbortedException", message: "", within: Duration::from_secs(60) },
            // A fresh key's policy is not known everywhere at once.
            Passing {
                during: During::Any,
                code: "InvalidParameterException",
                message: "KMS key does not exist or is not allowed",
                within: Duration::from_secs(60),
            },
        ],
        gone: GONE,
        stateful: true,
        actions: Actions {
            create: &["logs:CreateLogGroup", "logs:TagResource"],
            read: &["logs:DescribeLogGroups", "logs:ListTagsForResource"],
            update: &[
                "logs:PutRetentionPolicy",
                "logs:DeleteRetentionPolicy",
                "logs:AssociateKmsKey",
                "logs:DisassociateKmsKey",
                "logs:TagResource",
                "logs:UntagResource",
                "logs:DescribeLogGroups",
            ],
            delete: &["logs:DeleteLogGroup"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.log_group_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        if let Some(Value::Int(days)) = spec.get("retention_in_days")
            && !RETENTIONS.contains(days)
        {
            let near = |above: bool| RETENTIONS.iter().filter(|it| (*it > days) == above).min_by_key(|it| it.abs_diff(*days));
            let choices: Vec<_> = [near(false), near(true)].into_iter().flatten().map(ToString::to_string).collect();
            let help = format!("the nearest that AWS takes: {}", choices.join(" and "));
            problems.error(Path::of("retention_in_days"), format!("log lines cannot be kept for {days} days"), help);
        }
        if let Some(key) = spec.get("kms_key_id").and_then(Value::as_text)
            && !(key.starts_with("arn:") && key.split(':').nth(2) == Some("kms") && (key.contains(":key/") || key.contains(":alias/")))
        {
            problems.error(Path::of("kms_key_id"), "not the ARN of a key", "CloudWatch Logs takes `arn:…:kms:…:key/…` only");
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = groups(world, ids).await?;
        let lives = ids.iter().map(|id| found.get(id.as_str())).map(|it| async move {
            let Some(it) = it else { return Ok(None) };
            // One call for each.
            let tags = if wanted.has("tags") { tags(world, &arn(it)).await? } else { None };
            Ok(Some(live(it, tags)))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = groups(world, std::slice::from_ref(&id)).await?;
        let Some(group) = found.get(id.as_str()) else { return Ok(None) };
        let tags = tags(world, &arn(group)).await?.unwrap_or_default();
        Ok(tags.made_by(find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let tags = (!spec.tags.0.is_empty()).then(|| spec.tags.0.clone().into_iter().collect());
        let call = world
            .logs()
            .create_log_group()
            .set_log_group_name(spec.log_group_name.clone())
            .set_kms_key_id(spec.kms_key_id.clone())
            // The default is left out for the regions that know no classes.
            .set_log_group_class(
                (spec.log_group_class != Class::default()).then(|| LogGroupClass::from(word(&spec.log_group_class).as_str())),
            )
            .set_tags(tags);
        call.send().await.map_err(error)?;
        Ok(Id(spec.log_group_name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (logs, name) = (world.logs(), id.as_str());
        if update.changes("retention_in_days") {
            if let Some(days) = to.retention_in_days {
                logs.put_retention_policy().log_group_name(name).retention_in_days(days).send().await.map_err(error)?;
            } else {
                logs.delete_retention_policy().log_group_name(name).send().await.map_err(error)?;
            }
        }
        if update.changes("kms_key_id") {
            if let Some(key) = &to.kms_key_id {
                logs.associate_kms_key().log_group_name(name).kms_key_id(key).send().await.map_err(error)?;
            } else {
                logs.disassociate_kms_key().log_group_name(name).send().await.map_err(error)?;
            }
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() || !remove.is_empty() {
            let found = groups(world, std::slice::from_ref(id)).await?;
            let Some(arn) = found.get(name).map(arn) else {
                return Err(infra::resource::Error::rejected("TagResource", "ResourceNotFoundException", "the log group is not there"));
            };
            if !set.is_empty() {
                logs.tag_resource().resource_arn(&arn).set_tags(Some(set.into_iter().collect())).send().await.map_err(error)?;
            }
            if !remove.is_empty() {
                logs.untag_resource().resource_arn(&arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
            }
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.logs().delete_log_group().log_group_name(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["ResourceNotFoundException"];

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTIONS: &[i64] = &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// A call takes up to this many names.
const NAMES: usize = 50;

/// Those of these groups that are there, by name.
async fn groups(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let mut found = HashMap::new();
    for ids in ids.chunks(NAMES) {
        let call = world.logs().describe_log_groups();
        let call = match ids {
            // A prefix needs no more rights than people usually have on one group.
            [id] => call.log_group_name_prefix(id.as_str()),
            _ => call.set_log_group_identifiers(Some(ids.iter().map(|it| it.0.clone()).collect())),
        };
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            for group in page.map_err(error)?.log_groups.unwrap_or_default() {
                if let Some(name) = group.log_group_name().filter(|name| ids.iter().any(|id| id.as_str() == *name)) {
                    found.insert(name.to_owned(), group);
                }
            }
            // With a prefix, the group itself comes before all that begin with its name.
            if ids.len() == 1 || ids.iter().all(|id| found.contains_key(id.as_str())) {
                break;
            }
        }
    }
    Ok(found)
}

fn arn(it: &Described) -> String {
    let arn = it.log_group_arn().or(it.arn()).unwrap_or_default();
    arn.strip_suffix(":*").unwrap_or(arn).to_owned()
}

/// Nothing where the group is gone meanwhile.
async fn tags(world: &Aws, arn: &str) -> Result<Option<Tags>> {
    let answer = unless(world.logs().list_tags_for_resource().resource_arn(arn).send().await.map_err(error), GONE)?;
    Ok(answer.map(|it| Tags::read(it.tags.unwrap_or_default())))
}

fn live(it: &Described, tags: Option<Tags>) -> Live<LogGroup> {
    let unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    let spec = Spec {
        log_group_name: it.log_group_name.clone(),
        retention_in_days: it.retention_in_days,
        kms_key_id: it.kms_key_id.clone(),
        log_group_class: it.log_group_class().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        tags: tags.unwrap_or_default(),
    };
    let outputs = Outputs { id: it.log_group_name.clone().unwrap_or_default(), arn: arn(it) };
    Live { spec, outputs, status: Status::Ready, unread }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use infra::resource::{AnyResource as _, AnyUpdate, Describe as _, Id, Wanted};
    use serde_json::json;

    use super::LogGroup;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn only_some_numbers_of_days_are_possible() {
        for (spec, expected) in [
            (json!({ "retention_in_days": 30 }), vec![]),
            (json!({ "retention_in_days": 31 }), vec!["log lines cannot be kept for 31 days"]),
            (json!({ "retention_in_days": 0 }), vec!["log lines cannot be kept for 0 days"]),
            (json!({ "kms_key_id": "alias/a" }), vec!["not the ARN of a key"]),
        ] {
            assert_eq!(complaints::<LogGroup>(spec), expected);
        }
    }

    #[tokio::test]
    async fn fifty_are_read_in_one_call() {
        let wire = Wire::answering(Answer::Say(200, r#"{ "logGroups": [] }"#)).await;
        let ids: Vec<_> = (0..51).map(|n| Id(format!("group-{n}"))).collect();
        let found = LogGroup.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
        assert_eq!((found.len(), wire.calls()), (51, 2));
    }

    /// The emulator takes a key at the create only.
    #[tokio::test]
    async fn a_key_is_set_and_taken_away() {
        let wire = Wire::answering(Answer::Say(200, "{}")).await;
        let (none, some) = (json!({}), json!({ "kms_key_id": "arn:aws:kms:eu-central-1:123456789012:key/a" }));
        let changed = BTreeSet::from(["kms_key_id".to_owned()]);
        for (from, to) in [(&none, &some), (&some, &none)] {
            LogGroup.update(&wire.world, AnyUpdate { id: &"lines".into(), from, to, changed: &changed }).await.expect("update");
        }
        assert_eq!(
            wire.asked(),
            [
                r#"AssociateKmsKey {"logGroupName":"lines","kmsKeyId":"arn:aws:kms:eu-central-1:123456789012:key/a"}"#,
                r#"DisassociateKmsKey {"logGroupName":"lines"}"#,
            ]
        );
    }

    #[tokio::test]
    async fn a_delete_that_comes_in_between_is_repeated() {
        let refused =
            r#"{ "__type": "OperationAbortedException", "message": "A conflicting operation is in progress. Please try again." }"#;
        let wire = Wire::answering(Answer::Say(400, refused)).await;
        let refused = LogGroup.delete(&wire.world, &"lines".into(), &json!({})).await.expect_err("refused");
        assert!(LogGroup.facts().passing.iter().any(|it| refused.is(&[it.code])), "{refused}");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "logs.log_group",
            changes: &["retention_in_days: 14", "retention_in_days: null"],
            replacements: &["log_group_name: /example/another"],
            // The emulator takes a key at the create only, and knows no classes.
            untried: &["kms_key_id", "log_group_class"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
