//! <https://docs.aws.amazon.com/kms/latest/APIReference/API_CreateAlias.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_kms::types::AliasListEntry;
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted, immutable,
        unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Alias;

/// A name for a KMS key, which can be given to another key later.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name, which no other alias of the region has: `alias/shop`.
    #[schemars(transform = immutable, transform = unique, length(min = 7, max = 256), regex(pattern = r"alias/[a-zA-Z0-9/_-]+"))]
    alias_name: String,
    /// The id of the key: `${key.id}`.
    #[schemars(length(min = 1, max = 256))]
    target_key_id: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name.
    id: String,
    /// The ARN of the alias, which stays the same when it is given to another key.
    arn: String,
}

impl Resource for Alias {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "kms.alias";
    const FACTS: Facts = Facts {
        passing: &[
            // A key that was made a moment ago.
            Passing { during: During::Create, code: "NotFoundException", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Update, code: "NotFoundException", message: "Key", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        actions: Actions {
            create: &["kms:CreateAlias"],
            read: &["kms:ListAliases"],
            update: &["kms:UpdateAlias"],
            delete: &["kms:DeleteAlias"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        Some(Id(spec.alias_name.clone()))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        if spec.get("alias_name").and_then(Value::as_text).is_some_and(|it| it.starts_with("alias/aws/")) {
            problems.error(Path::of("alias_name"), "names below `alias/aws/` are AWS's own", "choose another name");
        }
        if spec.get("target_key_id").and_then(Value::as_text).is_some_and(|it| it.starts_with("arn:")) {
            problems.error(Path::of("target_key_id"), NOT_AN_ID, "write the id at the end of the ARN, or `${key.id}`");
        }
    }

    /// All at once: there is no way to ask for some aliases by name.
    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let mut pages = world.kms().list_aliases().limit(100).into_paginator().send();
        let mut found = HashMap::new();
        while let Some(page) = pages.next().await {
            let aliases = page.map_err(error)?.aliases.unwrap_or_default();
            found.extend(aliases.into_iter().filter_map(|it| Some((it.alias_name.clone()?, it))));
            if ids.iter().all(|id| found.contains_key(id.as_str())) {
                break;
            }
        }
        Ok(ids.iter().map(|id| found.get(id.as_str()).and_then(live)).collect())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let key = id_of_a_key("CreateAlias", spec)?;
        world.kms().create_alias().alias_name(&spec.alias_name).target_key_id(key).send().await.map_err(error)?;
        Ok(Id(spec.alias_name.clone()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        if update.changes("target_key_id") {
            let key = id_of_a_key("UpdateAlias", update.to)?;
            world.kms().update_alias().alias_name(update.id.as_str()).target_key_id(key).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.kms().delete_alias().alias_name(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["NotFoundException"];
const NOT_AN_ID: &str = "an ARN where the id of a key stands";

/// KMS takes an ARN too, and tells the id: the one would for ever seem to differ from the other.
fn id_of_a_key<'a>(action: &'static str, spec: &'a Spec) -> Result<&'a str> {
    match spec.target_key_id.as_str() {
        arn if arn.starts_with("arn:") => Err(Error::rejected(
            action,
            "NotAnId",
            format!("`target_key_id` is {NOT_AN_ID}: write `${{key.id}}` in place of `${{key.arn}}`"),
        )),
        id => Ok(id),
    }
}

/// Aliases of AWS's own may have no key yet.
fn live(it: &AliasListEntry) -> Option<Live<Alias>> {
    let id = it.alias_name.clone()?;
    let spec = Spec { alias_name: id.clone(), target_key_id: it.target_key_id.clone()? };
    let outputs = Outputs { id, arn: it.alias_arn.clone().unwrap_or_default() };
    Some(Live { spec, outputs, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests {
    use infra::resource::AnyResource as _;
    use serde_json::json;

    use super::Alias;
    use crate::aws::{
        complaints::complaints,
        conformance::{Conformance, cloud},
    };

    #[test]
    fn a_name_is_ones_own_and_a_key_is_named_by_its_id() {
        for (spec, expected) in [
            (json!({ "alias_name": "alias/a", "target_key_id": "1234abcd-12ab-34cd-56ef-1234567890ab" }), vec![]),
            (json!({ "alias_name": "alias/aws/s3" }), vec!["names below `alias/aws/` are AWS's own"]),
            (json!({ "target_key_id": "arn:aws:kms:eu-central-1:123456789012:key/1234" }), vec!["an ARN where the id of a key stands"]),
        ] {
            assert_eq!(complaints::<Alias>(spec), expected);
        }
    }

    #[tokio::test]
    async fn an_arn_that_is_known_only_late_is_refused_before_the_call() {
        let spec = json!({ "alias_name": "alias/late", "target_key_id": "arn:aws:kms:eu-central-1:123456789012:key/1234" });
        let refused = Alias.create(&cloud().await, &spec, "0123456789abcdef0123456789abcdef").await;
        assert!(refused.expect_err("refused").is(&["NotAnId"]));
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "kms.alias",
            absent: "alias/absent",
            extra: "other: { kms.key: { pending_window_in_days: 7 } }",
            changes: &["target_key_id: '${other.id}'"],
            replacements: &["alias_name: alias/example-another"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
