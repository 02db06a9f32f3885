//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBClusterParameterGroup.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_rds::types::DbClusterParameterGroup as Described;
use futures::{StreamExt as _, TryStreamExt as _};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update,
        Wanted, immutable, shared, unique,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ABREAST, MINUTE, check_name,
    db_parameter_group::parameters::{self, Values},
    is_made_by, lost, managed, retag, tag_list, tags_of,
};
use crate::aws::{
    clients::Aws,
    ec2::all,
    error::{error, unless},
};

pub(crate) struct DbClusterParameterGroup;

/// A DB cluster parameter group: how the engine of a DB cluster is set.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name in small letters, which no other group of its kind in the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 255), regex(pattern = r"[A-Za-z](-?[A-Za-z0-9])*"))]
    db_cluster_parameter_group_name: Option<String>,
    /// The engine and its major version: `aurora-postgresql17`.
    #[schemars(transform = immutable, regex(pattern = r"[a-z]+(-[a-z]+)*\d+(\.\d+)?"))]
    family: String,
    /// What it is for.
    #[serde(default = "managed")]
    #[schemars(transform = immutable, length(min = 1))]
    description: String,
    /// What differs from the engine's defaults, by name. A parameter that is removed goes back to its default; those that are not
    /// written are left alone. One that AWS calls static comes into force with the next reboot, all others at once.
    #[schemars(transform = shared)]
    parameters: Option<Values>,
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
}

impl Resource for DbClusterParameterGroup {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "rds.db_cluster_parameter_group";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(3), update: Duration::from_secs(3), delete: Duration::from_secs(2) },
        passing: &[
            // What was changed a moment ago, or used by a database that was deleted a moment ago.
            Passing { during: During::Update, code: "InvalidDBParameterGroupState", message: "has pending changes", within: THREE_MINUTES },
            Passing { during: During::Delete, code: "InvalidDBParameterGroupState", message: "", within: THREE_MINUTES },
        ],
        gone: GONE,
        visible_within: MINUTE,
        create_first: true,
        actions: Actions {
            create: &["iam:CreateServiceLinkedRole", "rds:CreateDBClusterParameterGroup", "rds:AddTagsToResource"],
            read: &["rds:DescribeDBClusterParameterGroups", "rds:DescribeDBClusterParameters", "rds:ListTagsForResource"],
            update: &[
                "rds:ModifyDBClusterParameterGroup",
                "rds:ResetDBClusterParameterGroup",
                "rds:DescribeDBClusterParameterGroups",
                "rds:DescribeDBClusterParameters",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
            ],
            delete: &["rds:DeleteDBClusterParameterGroup"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.db_cluster_parameter_group_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_name(spec, "db_cluster_parameter_group_name", problems);
        parameters::check(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = groups(world, ids).await?;
        let lives = ids.iter().map(|id| found.get(id.as_str()).map(|it| (id, it))).map(|it| async move {
            let Some((id, it)) = it else { return Ok(None) };
            // A call for each, and some more for its parameters.
            let tags = if wanted.has("tags") { tags_of(world, arn(it), GONE).await? } else { None };
            let parameters = if wanted.has("parameters") { all_parameters(world, id).await? } else { None };
            Ok(Some(live(it, tags, parameters)))
        });
        futures::stream::iter(lives.collect::<Vec<_>>()).buffered(ABREAST).try_collect().await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = groups(world, std::slice::from_ref(&id)).await?;
        let Some(group) = found.get(id.as_str()) else { return Ok(None) };
        let tags = tags_of(world, arn(group), GONE).await?.unwrap_or_default();
        Ok(is_made_by(&tags, find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .rds()
            .create_db_cluster_parameter_group()
            .set_db_cluster_parameter_group_name(spec.db_cluster_parameter_group_name.clone())
            .db_parameter_group_family(&spec.family)
            .description(&spec.description)
            .set_tags(tag_list(&spec.tags));
        call.send().await.map_err(error)?;
        Ok(Id(spec.db_cluster_parameter_group_name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let rds = world.rds();
        if update.changes("parameters") {
            let nothing = Values::new();
            parameters::bring(
                from.parameters.as_ref().unwrap_or(&nothing),
                to.parameters.as_ref().unwrap_or(&nothing),
                |names| async move { all!(rds.describe_db_cluster_parameters().db_cluster_parameter_group_name(id.as_str()).filters(names)) },
                |list| async move {
                    let call = rds.modify_db_cluster_parameter_group().db_cluster_parameter_group_name(id.as_str()).set_parameters(Some(list));
                    call.send().await.map(drop).map_err(error)
                },
                |list| async move {
                    let call = rds.reset_db_cluster_parameter_group().db_cluster_parameter_group_name(id.as_str()).set_parameters(Some(list));
                    call.reset_all_parameters(false).send().await.map(drop).map_err(error)
                },
            )
            .await?;
        }
        if update.changes("tags") {
            let found = groups(world, std::slice::from_ref(id)).await?;
            let group = found.get(id.as_str()).ok_or_else(|| lost("AddTagsToResource", GONE, id))?;
            retag(world, arn(group), &from.tags, &to.tags).await?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let call = world.rds().delete_db_cluster_parameter_group().db_cluster_parameter_group_name(delete.id.as_str());
        unless(call.send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["DBParameterGroupNotFound", "DBClusterParameterGroupNotFound"];
const THREE_MINUTES: Duration = Duration::from_secs(180);

/// Those of these groups that are there, by name: one by its own, several out of all, because there is no filter.
async fn groups(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let found = match ids {
        [] => vec![],
        [id] => {
            let call = world.rds().describe_db_cluster_parameter_groups().db_cluster_parameter_group_name(id.as_str());
            unless(call.send().await.map_err(error), GONE)?.and_then(|it| it.db_cluster_parameter_groups).unwrap_or_default()
        }
        _ => all!(world.rds().describe_db_cluster_parameter_groups().max_records(100))?,
    };
    Ok(found.into_iter().filter_map(|it| Some((it.db_cluster_parameter_group_name.clone()?, it))).collect())
}

/// All that have a value; nothing where the group is gone meanwhile.
async fn all_parameters(world: &Aws, id: &Id) -> Result<Option<Values>> {
    let call = world.rds().describe_db_cluster_parameters().db_cluster_parameter_group_name(id.as_str()).max_records(100);
    Ok(unless(all!(call), GONE)?.map(parameters::values))
}

fn arn(it: &Described) -> &str {
    it.db_cluster_parameter_group_arn().unwrap_or_default()
}

fn live(it: &Described, tags: Option<Tags>, parameters: Option<Values>) -> Live<DbClusterParameterGroup> {
    let unread = [("tags", tags.is_none()), ("parameters", parameters.is_none())];
    let id = it.db_cluster_parameter_group_name.clone().unwrap_or_default();
    let spec = Spec {
        db_cluster_parameter_group_name: Some(id.clone()),
        family: it.db_parameter_group_family.clone().unwrap_or_default(),
        description: it.description.clone().unwrap_or_default(),
        parameters,
        tags: tags.unwrap_or_default(),
    };
    let outputs = Outputs { id, arn: arn(it).to_owned() };
    let unread = unread.into_iter().filter(|(_, unread)| *unread).map(|(name, _)| name).collect();
    Live { spec, outputs, status: Status::Ready, unread }
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, AnyUpdate, Wanted};
    use serde_json::json;

    use super::DbClusterParameterGroup;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn names_are_written_as_aws_keeps_them() {
        for (spec, expected) in [
            (json!({ "db_cluster_parameter_group_name": "hr-chatbot", "parameters": { "timezone": "1" } }), vec![]),
            (json!({ "db_cluster_parameter_group_name": "HR" }), vec!["a name with capital letters"]),
            (json!({ "parameters": { "TimeZone": "UTC" } }), vec!["parameters.TimeZone: a parameter with capital letters"]),
        ] {
            assert_eq!(complaints::<DbClusterParameterGroup>(spec), expected);
        }
    }

    #[tokio::test]
    async fn what_changes_is_set_and_what_is_removed_is_reset_each_in_its_own_way() {
        let wire = Wire::scripted(&[
            (
                "DescribeDBClusterParameters",
                Answer::Xml(
                    "<DescribeDBClusterParametersResult><Parameters>\
                     <Parameter><ParameterName>moving</ParameterName><ApplyType>dynamic</ApplyType></Parameter>\
                     <Parameter><ParameterName>fixed</ParameterName><ApplyType>static</ApplyType></Parameter>\
                     <Parameter><ParameterName>gone</ParameterName><ApplyType>dynamic</ApplyType></Parameter>\
                     </Parameters></DescribeDBClusterParametersResult>",
                ),
            ),
            ("ModifyDBClusterParameterGroup", Answer::Xml("<ModifyDBClusterParameterGroupResult/>")),
            ("ResetDBClusterParameterGroup", Answer::Xml("<ResetDBClusterParameterGroupResult/>")),
        ])
        .await;
        let spec = |parameters| json!({ "db_cluster_parameter_group_name": "a", "family": "f", "parameters": parameters });
        let from = spec(json!({ "moving": "1", "same": "1", "gone": "1" }));
        let to = spec(json!({ "moving": "2", "same": "1", "fixed": "1" }));
        let changed = ["parameters".to_owned()].into();
        let update = AnyUpdate { id: &"a".into(), from: &from, to: &to, changed: &changed };
        DbClusterParameterGroup.update(&wire.world, update).await.expect("update");
        let said = wire.said(&[
            "Filters.Filter.1.Values.Value.1",
            "Parameters.Parameter.1.ParameterName",
            "Parameters.Parameter.1.ParameterValue",
            "Parameters.Parameter.1.ApplyMethod",
            "Parameters.Parameter.2.ParameterName",
            "Parameters.Parameter.2.ApplyMethod",
            "Parameters.Parameter.3.ParameterName",
            "ResetAllParameters",
        ]);
        let expected = [
            "DescribeDBClusterParameters Filters.Filter.1.Values.Value.1=fixed",
            "ModifyDBClusterParameterGroup Parameters.Parameter.1.ParameterName=fixed Parameters.Parameter.1.ParameterValue=1 \
             Parameters.Parameter.1.ApplyMethod=pending-reboot Parameters.Parameter.2.ParameterName=moving \
             Parameters.Parameter.2.ApplyMethod=immediate",
            "DescribeDBClusterParameters Filters.Filter.1.Values.Value.1=gone",
            "ResetDBClusterParameterGroup Parameters.Parameter.1.ParameterName=gone Parameters.Parameter.1.ApplyMethod=immediate \
             ResetAllParameters=false",
        ];
        assert_eq!(said, expected);
    }

    #[tokio::test]
    async fn a_parameter_set_to_its_default_is_read_too() {
        let wire = Wire::scripted(&[
            (
                "DescribeDBClusterParameterGroups",
                Answer::Xml(
                    "<DescribeDBClusterParameterGroupsResult><DBClusterParameterGroups><DBClusterParameterGroup><DBClusterParameterGroupName>a</DBClusterParameterGroupName>\
                     </DBClusterParameterGroup></DBClusterParameterGroups></DescribeDBClusterParameterGroupsResult>",
                ),
            ),
            (
                "DescribeDBClusterParameters",
                Answer::Xml(
                    "<DescribeDBClusterParametersResult><Parameters>\
                     <Parameter><ParameterName>one</ParameterName><ParameterValue>1</ParameterValue><Source>engine-default</Source></Parameter>\
                     <Parameter><ParameterName>two</ParameterName><Source>engine-default</Source></Parameter>\
                     </Parameters></DescribeDBClusterParametersResult>",
                ),
            ),
        ])
        .await;
        let wanted = Wanted(["parameters".to_owned()].into());
        let read =
            DbClusterParameterGroup.read(&wire.world, &["a".into()], &wanted).await.expect("read").pop().flatten().expect("it is there");
        assert_eq!(read.spec["parameters"], json!({ "one": "1" }));
        let little = DbClusterParameterGroup.read(&wire.world, &["a".into()], &Wanted::default()).await.expect("read").pop().flatten();
        assert_eq!(little.expect("it is there").spec.get("parameters"), None);
        assert_eq!(wire.said(&[]), ["DescribeDBClusterParameterGroups", "DescribeDBClusterParameters", "DescribeDBClusterParameterGroups"]);
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "rds.db_cluster_parameter_group",
            changes: &["parameters: { timezone: Asia/Tokyo, rds.force_ssl: '0' }"],
            replacements: &["db_cluster_parameter_group_name: another", "family: aurora-postgresql16", "description: Another"],
            // The emulator does not reset: what is removed has a test of its own.
            untried: &["parameters"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
