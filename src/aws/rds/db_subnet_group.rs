//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSubnetGroup.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_rds::types::DbSubnetGroup as Described;
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update,
        Wanted, immutable, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{MINUTE, check_name, lost, managed, retag, tag_list, tags_of};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct DbSubnetGroup;

/// A DB subnet group: the subnets that a database may be in.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name in small letters, which no other group of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 255), regex(pattern = r"[A-Za-z][A-Za-z0-9._ \-]*"))]
    db_subnet_group_name: Option<String>,
    /// What it is for.
    #[serde(default = "managed")]
    #[schemars(length(min = 1))]
    db_subnet_group_description: String,
    /// Its subnets, all of one VPC and in two availability zones or more.
    #[schemars(transform = set, length(min = 2))]
    subnet_ids: Vec<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the group.
    id: String,
    /// The ARN of the group.
    arn: String,
    /// The VPC of its subnets.
    vpc_id: String,
}

impl Resource for DbSubnetGroup {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "rds.db_subnet_group";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(2), delete: Duration::from_secs(2) },
        passing: &[
            // Subnets that were made a moment ago.
            Passing { during: During::Any, code: "InvalidSubnet", message: "", within: MINUTE },
            // The database that was in it was deleted a moment ago.
            Passing { during: During::Delete, code: "InvalidDBSubnetGroupStateFault", message: "", within: Duration::from_secs(300) },
        ],
        gone: GONE,
        visible_within: MINUTE,
        create_first: true,
        within: &["subnet_ids", "vpc_id"],
        actions: Actions {
            create: &["iam:CreateServiceLinkedRole", "rds:CreateDBSubnetGroup", "rds:AddTagsToResource"],
            read: &["rds:DescribeDBSubnetGroups", "rds:ListTagsForResource"],
            update: &["rds:ModifyDBSubnetGroup", "rds:DescribeDBSubnetGroups", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
            delete: &["rds:DeleteDBSubnetGroup"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.db_subnet_group_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_name(spec, "db_subnet_group_name", problems);
        if spec.get("db_subnet_group_name").and_then(Value::as_text) == Some("default") {
            problems.error(Path::of("db_subnet_group_name"), "the name of AWS's own group", "choose another name");
        }
        // A subnet that is written twice counts once.
        if let Some(list) = spec.get("subnet_ids").and_then(Value::as_list)
            && list.len() > 1
            && list.iter().all(|it| it.as_text().is_some() && it == &list[0])
        {
            problems.error(Path::of("subnet_ids"), "one subnet only", "name subnets in two availability zones or more");
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = groups(world, ids).await?;
        let lives = ids.iter().map(|id| found.get(id.as_str())).map(|it| async move {
            let Some(it) = it else { return Ok(None) };
            // One call for each.
            let tags = if wanted.has("tags") { tags_of(world, arn(it), GONE).await? } else { None };
            Ok(Some(live(it, tags)))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = groups(world, std::slice::from_ref(&id)).await?;
        let Some(group) = found.get(id.as_str()) else { return Ok(None) };
        let tags = tags_of(world, arn(group), GONE).await?.unwrap_or_default();
        Ok(tags.made_by(find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .rds()
            .create_db_subnet_group()
            .set_db_subnet_group_name(spec.db_subnet_group_name.clone())
            .db_subnet_group_description(&spec.db_subnet_group_description)
            .set_subnet_ids(Some(spec.subnet_ids.clone()))
            .set_tags(tag_list(&spec.tags));
        call.send().await.map_err(error)?;
        Ok(Id(spec.db_subnet_group_name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changes("db_subnet_group_description") || update.changes("subnet_ids") {
            let call = world
                .rds()
                .modify_db_subnet_group()
                .db_subnet_group_name(id.as_str())
                .db_subnet_group_description(&to.db_subnet_group_description)
                .set_subnet_ids(Some(to.subnet_ids.clone()));
            call.send().await.map_err(error)?;
        }
        if update.changes("tags") {
            let found = groups(world, std::slice::from_ref(id)).await?;
            let group = found.get(id.as_str()).ok_or_else(|| lost("AddTagsToResource", GONE, id))?;
            retag(world, arn(group), &from.tags, &to.tags).await?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let call = world.rds().delete_db_subnet_group().db_subnet_group_name(delete.id.as_str());
        unless(call.send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["DBSubnetGroupNotFoundFault"];

/// Those of these groups that are there, by name: one by its own, several out of all, because there is no filter.
async fn groups(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let found = match ids {
        [] => vec![],
        [id] => {
            let call = world.rds().describe_db_subnet_groups().db_subnet_group_name(id.as_str());
            unless(call.send().await.map_err(error), GONE)?.and_then(|it| it.db_subnet_groups).unwrap_or_default()
        }
        _ => all!(world.rds().describe_db_subnet_groups().max_records(100))?,
    };
    Ok(found.into_iter().filter_map(|it| Some((it.db_subnet_group_name.clone()?, it))).collect())
}

fn arn(it: &Described) -> &str {
    it.db_subnet_group_arn().unwrap_or_default()
}

fn live(it: &Described, tags: Option<Tags>) -> Live<DbSubnetGroup> {
    let id = it.db_subnet_group_name.clone().unwrap_or_default();
    let status = match it.subnet_group_status() {
        None | Some("Complete") => Status::Ready,
        Some(other) => Status::Pending(other.to_owned()),
    };
    let unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    let spec = Spec {
        db_subnet_group_name: Some(id.clone()),
        db_subnet_group_description: it.db_subnet_group_description.clone().unwrap_or_default(),
        subnet_ids: it.subnets().iter().filter_map(|it| it.subnet_identifier.clone()).collect(),
        tags: tags.unwrap_or_default(),
    };
    let outputs = Outputs { id, arn: arn(it).to_owned(), vpc_id: it.vpc_id.clone().unwrap_or_default() };
    Live { spec, outputs, status, unread }
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, AnyUpdate};
    use serde_json::json;

    use super::DbSubnetGroup;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn a_name_is_written_as_aws_keeps_it() {
        for (spec, expected) in [
            (json!({ "db_subnet_group_name": "hr-chatbot", "subnet_ids": ["subnet-1", "subnet-2"] }), vec![]),
            (json!({ "db_subnet_group_name": "HR" }), vec!["a name with capital letters"]),
            (json!({ "db_subnet_group_name": "default" }), vec!["the name of AWS's own group"]),
            (json!({ "subnet_ids": ["subnet-1", "subnet-1"] }), vec!["one subnet only"]),
        ] {
            assert_eq!(complaints::<DbSubnetGroup>(spec), expected);
        }
    }

    #[tokio::test]
    async fn its_subnets_are_sent_all_together() {
        let wire = Wire::scripted(&[("ModifyDBSubnetGroup", Answer::Xml("<ModifyDBSubnetGroupResult/>"))]).await;
        let spec = |subnets: &[&str]| json!({ "db_subnet_group_name": "a", "db_subnet_group_description": "d", "subnet_ids": subnets });
        let (from, to) = (spec(&["subnet-1", "subnet-2"]), spec(&["subnet-2", "subnet-3"]));
        let changed = ["subnet_ids".to_owned()].into();
        let update = AnyUpdate { id: &"a".into(), from: &from, to: &to, changed: &changed };
        DbSubnetGroup.update(&wire.world, update).await.expect("update");
        let parameters = [
            "DBSubnetGroupName",
            "DBSubnetGroupDescription",
            "SubnetIds.SubnetIdentifier.1",
            "SubnetIds.SubnetIdentifier.2",
            "SubnetIds.SubnetIdentifier.3",
        ];
        let expected = "ModifyDBSubnetGroup DBSubnetGroupName=a DBSubnetGroupDescription=d SubnetIds.SubnetIdentifier.1=subnet-2 \
                        SubnetIds.SubnetIdentifier.2=subnet-3";
        assert_eq!(wire.said(&parameters), [expected]);
    }

    #[tokio::test]
    async fn what_an_interrupted_create_made_is_told_by_its_operation() {
        let wire = Wire::scripted(&[
            (
                "DescribeDBSubnetGroups",
                Answer::Xml(
                    "<DescribeDBSubnetGroupsResult><DBSubnetGroups><DBSubnetGroup><DBSubnetGroupName>a</DBSubnetGroupName>\
                     <DBSubnetGroupArn>arn:a</DBSubnetGroupArn></DBSubnetGroup></DBSubnetGroups></DescribeDBSubnetGroupsResult>",
                ),
            ),
            (
                "ListTagsForResource",
                Answer::Xml(
                    "<ListTagsForResourceResult><TagList><Tag><Key>infra:operation</Key><Value>one</Value></Tag></TagList>\
                     </ListTagsForResourceResult>",
                ),
            ),
        ])
        .await;
        let spec = json!({ "db_subnet_group_name": "a", "subnet_ids": [] });
        for (operation, expected) in [("one", Some("a".into())), ("two", None)] {
            let found = DbSubnetGroup.find(&wire.world, operation, &spec, &Default::default()).await.expect("find");
            assert_eq!(found, expected, "{operation}");
        }
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "rds.db_subnet_group",
            replacements: &["db_subnet_group_name: another"],
            // The emulator loses a group that is changed.
            untried: &["db_subnet_group_description", "subnet_ids"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
