//! Parameter groups of both kinds, of DB instances and of DB clusters. AWS has calls and types of its own for each, which differ in
//! their names alone; so do the two types here, and each is this macro with its names.

pub(in crate::aws::rds) mod parameters;
#[cfg(test)]
mod tests;

/// Makes the type of this name, and its `Spec` and `Outputs`, in the module where it is written.
macro_rules! parameter_group {
    (
        // What people read of it and of its property `family`.
        $(#[$doc:meta])*
        $Group:ident = $type_name:literal,
        $(#[$family:meta])*
        family,
        // The property that names it, and the setter of that.
        name: $name:ident, $set_name:ident,
        // What a describe answers with: the list of groups, and in each its ARN.
        answer: $groups:ident, $arn:ident,
        calls: $create:ident, $describe:ident, $describe_parameters:ident, $modify:ident, $reset:ident, $delete:ident,
        // What follows on the verb in the name of each action.
        actions: $group_action:literal, $parameters_action:literal,
        gone: $gone:expr,
    ) => {
        use std::{collections::HashMap, time::Duration};

        use aws_sdk_rds::types::$Group as Described;
        use infra::{
            resource::{
                Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
                Update, Wanted, immutable, shared, unique,
            },
            value::Value,
        };
        use schemars::JsonSchema;
        use serde::{Deserialize, Serialize};

        use super::{
            MINUTE, check_name, lost, managed,
            parameter_group::parameters::{self, Values},
            retag, tag_list, tags_of,
        };
        use crate::aws::{
            calls::{abreast, all},
            clients::Aws,
            error::{error, unless},
        };

        pub(crate) struct $Group;

        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
        pub(crate) struct Spec {
            /// Its name in small letters, which no other group of its kind in the region has. Left out, one is made up.
            #[schemars(transform = immutable, transform = unique, length(min = 1, max = 255))]
            #[schemars(regex(pattern = r"[A-Za-z](-?[A-Za-z0-9])*"))]
            $name: Option<String>,
            $(#[$family])*
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

        impl Resource for $Group {
            type World = Aws;
            type Spec = Spec;
            type Outputs = Outputs;

            const NAME: &'static str = $type_name;
            const FACTS: Facts = Facts {
                typical: Durations { create: Duration::from_secs(3), update: Duration::from_secs(3), delete: Duration::from_secs(2) },
                passing: &[
                    // What was changed a moment ago, or used by a database that was deleted a moment ago.
                    Passing { during: During::Update, code: BUSY, message: "has pending changes", within: THREE_MINUTES },
                    Passing { during: During::Delete, code: BUSY, message: "", within: THREE_MINUTES },
                ],
                gone: GONE,
                visible_within: MINUTE,
                create_first: true,
                actions: Actions {
                    create: &["iam:CreateServiceLinkedRole", concat!("rds:Create", $group_action), "rds:AddTagsToResource"],
                    read: &[
                        concat!("rds:Describe", $group_action, "s"),
                        concat!("rds:Describe", $parameters_action),
                        "rds:ListTagsForResource",
                    ],
                    update: &[
                        concat!("rds:Modify", $group_action),
                        concat!("rds:Reset", $group_action),
                        concat!("rds:Describe", $group_action, "s"),
                        concat!("rds:Describe", $parameters_action),
                        "rds:AddTagsToResource",
                        "rds:RemoveTagsFromResource",
                    ],
                    delete: &[concat!("rds:Delete", $group_action)],
                },
                ..Facts::DEFAULT
            };

            fn locate(spec: &Spec) -> Option<Id> {
                spec.$name.clone().map(Id)
            }

            fn check(spec: &Value, problems: &mut Problems) {
                check_name(spec, stringify!($name), problems);
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
                    .$create()
                    .$set_name(spec.$name.clone())
                    .db_parameter_group_family(&spec.family)
                    .description(&spec.description)
                    .set_tags(tag_list(&spec.tags));
                call.send().await.map_err(error)?;
                Ok(Id(spec.$name.clone().unwrap_or_default()))
            }

            async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
                let Update { id, from, to, .. } = update;
                let rds = world.rds();
                if update.changes("parameters") {
                    let nothing = Values::new();
                    parameters::bring(
                        from.parameters.as_ref().unwrap_or(&nothing),
                        to.parameters.as_ref().unwrap_or(&nothing),
                        |names| async move { all!(rds.$describe_parameters().$name(id.as_str()).filters(names)) },
                        |list| async move {
                            let call = rds.$modify().$name(id.as_str()).set_parameters(Some(list));
                            call.send().await.map(drop).map_err(error)
                        },
                        |list| async move {
                            let call = rds.$reset().$name(id.as_str()).set_parameters(Some(list));
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
                let call = world.rds().$delete().$name(delete.id.as_str());
                unless(call.send().await.map_err(error), GONE).map(drop)
            }
        }

        const GONE: &[&str] = $gone;
        const BUSY: &str = "InvalidDBParameterGroupState";
        const THREE_MINUTES: Duration = Duration::from_secs(180);

        /// Those of these groups that are there, by name: one by its own, several out of all, because there is no filter.
        async fn groups(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
            let found = match ids {
                [] => vec![],
                [id] => {
                    let call = world.rds().$describe().$name(id.as_str());
                    unless(call.send().await.map_err(error), GONE)?.and_then(|it| it.$groups).unwrap_or_default()
                }
                _ => all!(world.rds().$describe().max_records(100))?,
            };
            Ok(found.into_iter().filter_map(|it| Some((it.$name.clone()?, it))).collect())
        }

        /// All that have a value; nothing where the group is gone meanwhile.
        async fn all_parameters(world: &Aws, id: &Id) -> Result<Option<Values>> {
            let call = world.rds().$describe_parameters().$name(id.as_str()).max_records(100);
            Ok(unless(all!(call), GONE)?.map(parameters::values))
        }

        fn arn(it: &Described) -> &str {
            it.$arn().unwrap_or_default()
        }

        fn live(it: &Described, tags: Option<Tags>, parameters: Option<Values>) -> Live<$Group> {
            let unread = [("tags", tags.is_none()), ("parameters", parameters.is_none())];
            let id = it.$name.clone().unwrap_or_default();
            let spec = Spec {
                $name: Some(id.clone()),
                family: it.db_parameter_group_family.clone().unwrap_or_default(),
                description: it.description.clone().unwrap_or_default(),
                parameters,
                tags: tags.unwrap_or_default(),
            };
            let outputs = Outputs { id, arn: arn(it).to_owned() };
            let unread = unread.into_iter().filter(|(_, unread)| *unread).map(|(name, _)| name).collect();
            Live { spec, outputs, status: Status::Ready, unread }
        }
    };
}
pub(super) use parameter_group;
