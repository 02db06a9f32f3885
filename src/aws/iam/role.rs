//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_iam::types::{EntityType, Role as Described, RoleDetail};
use futures::try_join;
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    DENIED, GONE, TWO_MINUTES, check_identity_policy, check_path, check_size, check_trust_policy, decoded, list, root, size, tags,
};
use crate::aws::{
    arn,
    calls::{all, few_abreast},
    clients::Aws,
    error::{error, unless},
    wording::document,
};

pub(crate) struct Role;

/// A role: what whoever takes it on may do.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other role of the account has, whatever its path. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 64), regex(pattern = r"[\w+=,.@-]+"))]
    role_name: Option<String>,
    /// Where it stands among the roles: `/`, or `/team/`.
    #[serde(default = "root")]
    #[schemars(transform = immutable, length(min = 1, max = 512))]
    path: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 1000))]
    description: String,
    /// Who may take it on.
    assume_role_policy_document: Policy,
    /// For how many seconds at most it is taken on.
    #[serde(default = "hour")]
    #[schemars(range(min = 3600, max = 43200))]
    max_session_duration: i32,
    /// The ARN of a policy that it can never do more than.
    permissions_boundary: Option<String>,
    /// The ARNs of the policies attached to it: these and no others. When it is removed, they are detached.
    #[schemars(transform = set, length(max = 25))]
    managed_policy_arns: Option<Vec<String>>,
    /// Its own policies by name: these and no others. When it is removed, they are deleted.
    policies: Option<BTreeMap<String, Policy>>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the role.
    id: String,
    /// The ARN of the role.
    arn: Option<String>,
    /// The id that no later role of the same name has: `AROA…`.
    role_id: String,
}

impl Resource for Role {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "iam.role";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(2), delete: Duration::from_secs(2) },
        passing: &[
            // A principal that was made a moment ago.
            Passing {
                during: During::Create,
                code: "MalformedPolicyDocument",
                message: "Invalid principal in policy",
                within: TWO_MINUTES,
            },
            Passing {
                during: During::Update,
                code: "MalformedPolicyDocument",
                message: "Invalid principal in policy",
                within: TWO_MINUTES,
            },
            // A policy or boundary that was made a moment ago.
            Passing { during: During::Any, code: "NoSuchEntity", message: "is not attachable", within: Duration::from_secs(30) },
            Passing { during: During::Any, code: "ConcurrentModification", message: "", within: TWO_MINUTES },
            Passing { during: During::Any, code: "EntityTemporarilyUnmodifiable", message: "", within: TWO_MINUTES },
            Passing { during: During::Delete, code: "DeleteConflict", message: "", within: TWO_MINUTES },
        ],
        gone: GONE,
        visible_within: TWO_MINUTES,
        actions: Actions {
            create: &["iam:CreateRole", "iam:TagRole"],
            read: &[
                "iam:GetAccountAuthorizationDetails",
                "iam:ListRoles",
                "iam:GetRole",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:GetRolePolicy",
            ],
            update: &[
                "iam:UpdateRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:DeleteRolePermissionsBoundary",
                "iam:AttachRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePolicy",
                "iam:DeleteRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
            ],
            delete: &[
                "iam:DeleteRole",
                "iam:ListAttachedRolePolicies",
                "iam:DetachRolePolicy",
                "iam:ListRolePolicies",
                "iam:DeleteRolePolicy",
                "iam:ListInstanceProfilesForRole",
                "iam:RemoveRoleFromInstanceProfile",
            ],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.role_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_path(spec, problems);
        arn::POLICY.check(spec.get("permissions_boundary"), Path::of("permissions_boundary"), problems);
        for (n, policy) in spec.get("managed_policy_arns").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            arn::POLICY.check(Some(policy), Path::of("managed_policy_arns").item(n), problems);
        }
        if let Some(trust) = spec.get("assume_role_policy_document") {
            let path = Path::of("assume_role_policy_document");
            check_trust_policy(&path, trust, problems);
            check_size(&path, size(trust), LARGEST_TRUST, problems);
        }
        let Some(policies) = spec.get("policies").and_then(Value::as_map) else { return };
        let path = Path::of("policies");
        for (name, policy) in policies {
            let fits = name.len() <= 128 && name.chars().all(|it| it.is_ascii_alphanumeric() || "_+=,.@-".contains(it));
            if !fits || name.is_empty() {
                let help = "it has up to 128 letters, digits and `_+=,.@-`";
                problems.error(path.key(name), format!("`{name}` cannot be the name of a policy"), help);
            }
            check_identity_policy(&path.key(name), policy, problems);
        }
        check_size(&path, policies.values().map(size).sum(), LARGEST_OWN, problems);
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        match ids {
            [] => Ok(vec![]),
            [id] => Ok(vec![one(world, id.as_str(), wanted).await?]),
            _ => match many(world, ids, wanted).await {
                // Who may not look at the whole account may look at what is named.
                Err(refused) if refused.is(DENIED) => few_abreast(ids.iter().map(|id| one(world, id.as_str(), wanted))).await,
                other => other,
            },
        }
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let answer = unless(world.iam().get_role().role_name(id.as_str()).send().await.map_err(error), GONE)?;
        let ours = answer.and_then(|it| it.role).is_some_and(|it| tags(it.tags()).made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let answer = world
            .iam()
            .create_role()
            .set_role_name(spec.role_name.clone())
            .path(&spec.path)
            .set_description(Some(spec.description.clone()).filter(|it| !it.is_empty()))
            .assume_role_policy_document(document(&spec.assume_role_policy_document))
            .max_session_duration(spec.max_session_duration)
            .set_permissions_boundary(spec.permissions_boundary.clone())
            .set_tags(Some(list(spec.tags.0.clone())))
            .send()
            .await
            .map_err(error)?;
        Ok(Id(answer.role.map(|it| it.role_name).or_else(|| spec.role_name.clone()).unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (iam, name) = (world.iam(), id.as_str());
        if update.changes("assume_role_policy_document") {
            let text = document(&to.assume_role_policy_document);
            iam.update_assume_role_policy().role_name(name).policy_document(text).send().await.map_err(error)?;
        }
        if update.changes("description") || update.changes("max_session_duration") {
            let call = iam.update_role().role_name(name).description(&to.description).max_session_duration(to.max_session_duration);
            call.send().await.map_err(error)?;
        }
        if update.changes("permissions_boundary") {
            match &to.permissions_boundary {
                Some(arn) => {
                    let call = iam.put_role_permissions_boundary().role_name(name).permissions_boundary(arn);
                    call.send().await.map_err(error)?;
                }
                None => {
                    let done = iam.delete_role_permissions_boundary().role_name(name).send().await.map_err(error);
                    unless(done, GONE)?;
                }
            }
        }
        if update.changes("managed_policy_arns") {
            let (now, wanted) =
                (from.managed_policy_arns.as_deref().unwrap_or_default(), to.managed_policy_arns.as_deref().unwrap_or_default());
            // First what is new, so that no right is missing in between.
            for arn in wanted.iter().filter(|it| !now.contains(it)) {
                iam.attach_role_policy().role_name(name).policy_arn(arn).send().await.map_err(error)?;
            }
            for arn in now.iter().filter(|it| !wanted.contains(it)) {
                detach(world, name, arn).await?;
            }
        }
        if update.changes("policies") {
            let nothing = BTreeMap::new();
            let (now, wanted) = (from.policies.as_ref().unwrap_or(&nothing), to.policies.as_ref().unwrap_or(&nothing));
            for (key, policy) in wanted.iter().filter(|(key, policy)| now.get(*key) != Some(policy)) {
                let call = iam.put_role_policy().role_name(name).policy_name(key).policy_document(document(policy));
                call.send().await.map_err(error)?;
            }
            for key in now.keys().filter(|key| !wanted.contains_key(*key)) {
                delete_policy(world, name, key).await?;
            }
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            iam.tag_role().role_name(name).set_tags(Some(list(set))).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            iam.untag_role().role_name(name).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let (iam, name) = (world.iam(), delete.id.as_str());
        // All that holds it, whoever put it there: it cannot go otherwise.
        let (attached, own, profiles) = try_join!(attached(world, name), own_policies(world, name), profiles(world, name))?;
        for arn in attached {
            detach(world, name, &arn).await?;
        }
        for key in own {
            delete_policy(world, name, &key).await?;
        }
        for profile in profiles {
            let call = iam.remove_role_from_instance_profile().role_name(name).instance_profile_name(profile);
            unless(call.send().await.map_err(error), GONE)?;
        }
        unless(iam.delete_role().role_name(name).send().await.map_err(error), GONE).map(drop)
    }
}

/// How much the trust policy of a role may hold where its account has the highest quota there is; by default it is a quarter.
const LARGEST_TRUST: usize = 8192;
/// How much a role's own policies may hold together.
const LARGEST_OWN: usize = 10_240;

fn hour() -> i32 {
    3600
}

async fn detach(world: &Aws, name: &str, arn: &str) -> Result<()> {
    unless(world.iam().detach_role_policy().role_name(name).policy_arn(arn).send().await.map_err(error), GONE).map(drop)
}

async fn delete_policy(world: &Aws, name: &str, key: &str) -> Result<()> {
    unless(world.iam().delete_role_policy().role_name(name).policy_name(key).send().await.map_err(error), GONE).map(drop)
}

/// The ARNs of the policies attached to a role; none where there is no role.
async fn attached(world: &Aws, name: &str) -> Result<Vec<String>> {
    let found = unless(all!(world.iam().list_attached_role_policies().role_name(name)), GONE)?;
    Ok(found.unwrap_or_default().into_iter().filter_map(|it| it.policy_arn).collect())
}

/// The names of a role's own policies; none where there is no role.
async fn own_policies(world: &Aws, name: &str) -> Result<Vec<String>> {
    Ok(unless(all!(world.iam().list_role_policies().role_name(name)), GONE)?.unwrap_or_default())
}

/// The names of the instance profiles that hold a role; none where there is no role.
async fn profiles(world: &Aws, name: &str) -> Result<Vec<String>> {
    let found = unless(all!(world.iam().list_instance_profiles_for_role().role_name(name)), GONE)?;
    Ok(found.unwrap_or_default().into_iter().map(|it| it.instance_profile_name).collect())
}

/// What is known of a role from one call or the other.
struct Parts {
    name: String,
    role_id: String,
    arn: String,
    path: String,
    assume: Policy,
    boundary: Option<String>,
    tags: Tags,
    /// The description and the longest session.
    details: Option<(String, i32)>,
    attached: Option<Vec<String>>,
    policies: Option<BTreeMap<String, Policy>>,
}

impl Parts {
    fn live(self) -> Live<Role> {
        let unread = [
            ("description", self.details.is_none()),
            ("max_session_duration", self.details.is_none()),
            ("managed_policy_arns", self.attached.is_none()),
            ("policies", self.policies.is_none()),
        ];
        // Right after its creation a role may answer with its unique id where its ARN belongs.
        let arn = Some(self.arn).filter(|it| it.starts_with("arn:"));
        let status = if arn.is_some() { Status::Ready } else { Status::Pending("without an ARN".to_owned()) };
        let (description, max_session_duration) = self.details.unwrap_or_else(|| (String::new(), hour()));
        Live {
            spec: Spec {
                role_name: Some(self.name.clone()),
                path: self.path,
                description,
                assume_role_policy_document: self.assume,
                max_session_duration,
                permissions_boundary: self.boundary,
                managed_policy_arns: self.attached,
                policies: self.policies,
                tags: self.tags,
            },
            outputs: Outputs { id: self.name, arn, role_id: self.role_id },
            status,
            unread: unread.into_iter().filter(|(_, unread)| *unread).map(|(name, _)| name).collect(),
        }
    }
}

/// By itself: cheaper than a look at the whole account, however large that is.
async fn one(world: &Aws, name: &str, wanted: &Wanted) -> Result<Option<Live<Role>>> {
    let answer = unless(world.iam().get_role().role_name(name).send().await.map_err(error), GONE)?;
    let Some(role) = answer.and_then(|it| it.role) else { return Ok(None) };
    let attached = async { if wanted.has("managed_policy_arns") { attached(world, name).await.map(Some) } else { Ok(None) } };
    let policies = async { if wanted.has("policies") { own(world, name).await.map(Some) } else { Ok(None) } };
    let (attached, policies) = try_join!(attached, policies)?;
    let parts = Parts {
        details: Some(details(&role)),
        name: role.role_name,
        role_id: role.role_id,
        arn: role.arn,
        path: role.path,
        assume: decoded(role.assume_role_policy_document.as_deref().unwrap_or_default()),
        boundary: role.permissions_boundary.and_then(|it| it.permissions_boundary_arn),
        tags: tags(role.tags.as_deref().unwrap_or_default()),
        attached,
        policies,
    };
    Ok(Some(parts.live()))
}

fn details(role: &Described) -> (String, i32) {
    (role.description().unwrap_or_default().to_owned(), role.max_session_duration().unwrap_or_else(hour))
}

/// A role's own policies with their contents.
async fn own(world: &Aws, name: &str) -> Result<BTreeMap<String, Policy>> {
    let mut policies = BTreeMap::new();
    for key in own_policies(world, name).await? {
        let answer = world.iam().get_role_policy().role_name(name).policy_name(&key).send().await.map_err(error);
        if let Some(answer) = unless(answer, GONE)? {
            policies.insert(key, decoded(&answer.policy_document));
        }
    }
    Ok(policies)
}

/// All at once, with one page for up to a thousand roles, their own and attached policies included;
/// and a second one for the two properties that the first does not tell.
async fn many(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Role>>>> {
    let all = async {
        let items = world.iam().get_account_authorization_details().filter(EntityType::Role).max_items(1000);
        let mut pages = items.into_paginator().send();
        let mut found: HashMap<String, RoleDetail> = HashMap::new();
        while let Some(page) = pages.next().await {
            let roles = page.map_err(error)?.role_detail_list.unwrap_or_default();
            found.extend(roles.into_iter().filter_map(|it| Some((it.role_name.clone()?, it))));
        }
        Ok(found)
    };
    let details = async {
        if !wanted.has("description") && !wanted.has("max_session_duration") {
            return Ok(None);
        }
        let roles = all!(world.iam().list_roles().max_items(1000))?;
        Ok(Some(roles.iter().map(|it| (it.role_name.clone(), details(it))).collect::<HashMap<_, _>>()))
    };
    let (mut all, details) = try_join!(all, details)?;
    let live = |id: &Id| {
        let role = all.remove(id.as_str())?;
        let own = role.role_policy_list.unwrap_or_default().into_iter();
        let parts = Parts {
            name: role.role_name.unwrap_or_default(),
            role_id: role.role_id.unwrap_or_default(),
            arn: role.arn.unwrap_or_default(),
            path: role.path.unwrap_or_else(root),
            assume: decoded(role.assume_role_policy_document.as_deref().unwrap_or_default()),
            boundary: role.permissions_boundary.and_then(|it| it.permissions_boundary_arn),
            tags: tags(role.tags.as_deref().unwrap_or_default()),
            details: details.as_ref().and_then(|it| it.get(id.as_str()).cloned()),
            attached: Some(role.attached_managed_policies.unwrap_or_default().into_iter().filter_map(|it| it.policy_arn).collect()),
            policies: Some(own.filter_map(|it| Some((it.policy_name?, decoded(&it.policy_document?)))).collect()),
        };
        Some(parts.live())
    };
    Ok(ids.iter().map(live).collect())
}

#[cfg(test)]
mod tests;
