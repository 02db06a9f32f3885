//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateInstanceProfile.html>

use std::time::Duration;

use aws_sdk_iam::types::InstanceProfile as Described;
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update,
        Wanted, immutable, set, unique,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GONE, TWO_MINUTES, check_path, list, root, tags};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct InstanceProfile;

/// An instance profile: what hands a role to an EC2 instance.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other instance profile of the account has, whatever its path. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 128), regex(pattern = r"[\w+=,.@-]+"))]
    instance_profile_name: Option<String>,
    /// Where it stands among the instance profiles: `/`, or `/team/`.
    #[serde(default = "root")]
    #[schemars(transform = immutable, length(min = 1, max = 512))]
    path: String,
    /// The name of the role in it; there can be one.
    #[serde(default)]
    #[schemars(transform = set, length(max = 1))]
    roles: Vec<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the instance profile.
    id: String,
    /// The ARN of the instance profile.
    arn: String,
}

impl Resource for InstanceProfile {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "iam.instance_profile";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(2), delete: Duration::from_secs(2) },
        passing: &[
            // A role or profile that was made a moment ago.
            Passing { during: During::Update, code: "NoSuchEntity", message: "cannot be found", within: Duration::from_secs(30) },
            Passing { during: During::Any, code: "ConcurrentModification", message: "", within: TWO_MINUTES },
            Passing { during: During::Any, code: "EntityTemporarilyUnmodifiable", message: "", within: TWO_MINUTES },
            // The role was taken out a moment ago.
            Passing { during: During::Update, code: "LimitExceeded", message: "InstanceSessionsPerInstanceProfile", within: TWO_MINUTES },
            Passing { during: During::Delete, code: "DeleteConflict", message: "", within: TWO_MINUTES },
        ],
        gone: GONE,
        visible_within: TWO_MINUTES,
        actions: Actions {
            create: &["iam:CreateInstanceProfile", "iam:TagInstanceProfile"],
            read: &["iam:GetInstanceProfile"],
            update: &[
                "iam:AddRoleToInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:PassRole",
                "iam:TagInstanceProfile",
                "iam:UntagInstanceProfile",
            ],
            delete: &["iam:GetInstanceProfile", "iam:RemoveRoleFromInstanceProfile", "iam:DeleteInstanceProfile"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.instance_profile_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_path(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // The list of all has no tags, which are always of interest; with them it is a call for each anyway.
        let lives = ids.iter().map(|id| async move { Ok(profile(world, id).await?.map(live)) });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = profile(world, &id).await?;
        let ours = found.is_some_and(|it| tags(it.tags()).made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let name = spec.instance_profile_name.clone().unwrap_or_default();
        let call = world.iam().create_instance_profile().instance_profile_name(&name).path(&spec.path);
        call.set_tags(Some(list(spec.tags.0.clone()))).send().await.map_err(error)?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (iam, name) = (world.iam(), id.as_str());
        if update.changes("roles") {
            // One has to go before another can come; asked for anew, because a repetition has done a part of it.
            let now = match profile(world, id).await? {
                Some(it) => it.roles.into_iter().map(|it| it.role_name).collect(),
                None => from.roles.clone(),
            };
            for role in now.iter().filter(|it| !to.roles.contains(it)) {
                take_out(world, name, role).await?;
            }
            for role in to.roles.iter().filter(|it| !now.contains(it)) {
                iam.add_role_to_instance_profile().instance_profile_name(name).role_name(role).send().await.map_err(error)?;
            }
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            iam.tag_instance_profile().instance_profile_name(name).set_tags(Some(list(set))).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            iam.untag_instance_profile().instance_profile_name(name).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let name = delete.id.as_str();
        for role in profile(world, delete.id).await?.map(|it| it.roles).unwrap_or_default() {
            take_out(world, name, &role.role_name).await?;
        }
        unless(world.iam().delete_instance_profile().instance_profile_name(name).send().await.map_err(error), GONE).map(drop)
    }
}

async fn profile(world: &Aws, id: &Id) -> Result<Option<Described>> {
    let answer = world.iam().get_instance_profile().instance_profile_name(id.as_str()).send().await.map_err(error);
    Ok(unless(answer, GONE)?.and_then(|it| it.instance_profile))
}

async fn take_out(world: &Aws, name: &str, role: &str) -> Result<()> {
    let call = world.iam().remove_role_from_instance_profile().instance_profile_name(name).role_name(role);
    unless(call.send().await.map_err(error), GONE).map(drop)
}

fn live(it: Described) -> Live<InstanceProfile> {
    let tags = tags(it.tags());
    let spec = Spec {
        instance_profile_name: Some(it.instance_profile_name.clone()),
        path: it.path,
        roles: it.roles.into_iter().map(|it| it.role_name).collect(),
        tags,
    };
    Live { spec, outputs: Outputs { id: it.instance_profile_name, arn: it.arn }, status: Status::Ready, unread: vec![] }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use infra::resource::{AnyResource as _, AnyUpdate};
    use serde_json::json;

    use super::InstanceProfile;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    const PROFILE: Answer = Answer::Xml(
        "<GetInstanceProfileResult><InstanceProfile><Path>/</Path><InstanceProfileName>profile</InstanceProfileName>\
         <InstanceProfileId>AIPA1</InstanceProfileId><Arn>arn:aws:iam::123456789012:instance-profile/profile</Arn>\
         <CreateDate>2026-01-01T00:00:00Z</CreateDate><Roles><member><Path>/</Path><RoleName>old</RoleName><RoleId>AROA1</RoleId>\
         <Arn>arn:aws:iam::123456789012:role/old</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate></member></Roles>\
         </InstanceProfile></GetInstanceProfileResult>",
    );

    #[test]
    fn a_path_stands_between_slashes() {
        for (path, expected) in [("/", vec![]), ("/a/b/", vec![]), ("/a", vec!["a path begins and ends with a slash"])] {
            assert_eq!(complaints::<InstanceProfile>(json!({ "path": path })), expected, "{path}");
        }
    }

    /// There is room for one role only.
    #[tokio::test]
    async fn the_old_role_goes_before_the_new_one_comes() {
        let wire = Wire::scripted(&[
            ("GetInstanceProfile", PROFILE),
            ("RemoveRoleFromInstanceProfile", Answer::Xml("")),
            ("AddRoleToInstanceProfile", Answer::Xml("")),
        ])
        .await;
        let changed = BTreeSet::from(["roles".to_owned()]);
        let (id, from, to) = ("profile".into(), json!({ "roles": ["old"] }), json!({ "roles": ["new"] }));
        InstanceProfile.update(&wire.world, AnyUpdate { id: &id, from: &from, to: &to, changed: &changed }).await.expect("update");
        assert_eq!(
            wire.said(&["RoleName"]),
            ["GetInstanceProfile", "RemoveRoleFromInstanceProfile RoleName=old", "AddRoleToInstanceProfile RoleName=new"]
        );
    }

    #[tokio::test]
    async fn its_role_is_taken_out_first() {
        let wire = Wire::scripted(&[
            ("GetInstanceProfile", PROFILE),
            ("RemoveRoleFromInstanceProfile", Answer::Xml("")),
            ("DeleteInstanceProfile", Answer::Xml("")),
        ])
        .await;
        // Whoever had put it there.
        InstanceProfile.delete(&wire.world, &"profile".into(), &json!({})).await.expect("delete");
        assert_eq!(wire.said(&["RoleName"]), ["GetInstanceProfile", "RemoveRoleFromInstanceProfile RoleName=old", "DeleteInstanceProfile"]);
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "iam.instance_profile",
            extra: "
                second:
                  iam.role:
                    role_name: example-second
                    assume_role_policy_document:
                      Version: '2012-10-17'
                      Statement: [{ Effect: Allow, Principal: { Service: ec2.amazonaws.com }, Action: 'sts:AssumeRole' }]
            ",
            changes: &["roles: ['${second.id}']", "roles: []"],
            replacements: &["path: /team/", "instance_profile_name: example-another"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
