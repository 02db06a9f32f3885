//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, PolicyVersion};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Status,
        Tags, Update, Wanted, immutable, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DENIED, GONE, TWO_MINUTES, check_identity_policy, check_path, check_size, decoded, list, root, size, tags};
use crate::aws::{
    calls::{abreast, all, few_abreast},
    clients::Aws,
    error::{error, unless},
    wording::document,
};

pub(crate) struct ManagedPolicy;

/// A managed policy: rights that several roles can have.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other policy of the account has, whatever its path. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 128), regex(pattern = r"[\w+=,.@-]+"))]
    managed_policy_name: Option<String>,
    /// Where it stands among the policies: `/`, or `/team/`.
    #[serde(default = "root")]
    #[schemars(transform = immutable, length(min = 1, max = 512))]
    path: String,
    /// What it is for.
    #[serde(default)]
    #[schemars(transform = immutable, length(max = 1000))]
    description: String,
    /// What whoever has it may do. A change is a new version of it; the last five are kept.
    policy_document: Policy,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The path and name of the policy, without the slash at the beginning.
    id: String,
    /// The ARN of the policy.
    arn: String,
}

impl Resource for ManagedPolicy {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "iam.policy";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(2), delete: Duration::from_secs(2) },
        passing: &[
            Passing { during: During::Any, code: "ConcurrentModification", message: "", within: TWO_MINUTES },
            Passing { during: During::Any, code: "EntityTemporarilyUnmodifiable", message: "", within: TWO_MINUTES },
            // A version that was made a moment ago.
            Passing { during: During::Update, code: "NoSuchEntity", message: "version", within: Duration::from_secs(30) },
            // Who had it has let go of it, but not everywhere yet.
            Passing { during: During::Delete, code: "DeleteConflict", message: "", within: TWO_MINUTES },
        ],
        gone: GONE,
        visible_within: TWO_MINUTES,
        create_first: true,
        actions: Actions {
            create: &["iam:CreatePolicy", "iam:TagPolicy"],
            read: &["iam:GetAccountAuthorizationDetails", "iam:GetPolicy", "iam:GetPolicyVersion", "iam:ListPolicyTags"],
            update: &[
                "iam:ListPolicyVersions",
                "iam:GetPolicyVersion",
                "iam:CreatePolicyVersion",
                "iam:DeletePolicyVersion",
                "iam:SetDefaultPolicyVersion",
                "iam:TagPolicy",
                "iam:UntagPolicy",
            ],
            delete: &["iam:ListPolicyVersions", "iam:DeletePolicyVersion", "iam:DeletePolicy", "iam:ListEntitiesForPolicy"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        let name = spec.managed_policy_name.as_ref()?;
        Some(id(&spec.path, name))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_path(spec, problems);
        if let Some(policy) = spec.get("policy_document") {
            let path = Path::of("policy_document");
            check_identity_policy(&path, policy, problems);
            check_size(&path, size(policy), LARGEST, problems);
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        match ids {
            [] => Ok(vec![]),
            [id] => Ok(vec![one(world, id, wanted).await?]),
            _ => match many(world, ids, wanted).await {
                // Who may not look at the whole account may look at what is named.
                Err(refused) if refused.is(DENIED) => few_abreast(ids.iter().map(|id| one(world, id, wanted))).await,
                other => other,
            },
        }
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let arn = arn(world, &id).await?;
        let answer = unless(world.iam().get_policy().policy_arn(arn).send().await.map_err(error), GONE)?;
        let ours = answer.and_then(|it| it.policy).is_some_and(|it| tags(it.tags()).made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let name = spec.managed_policy_name.clone().unwrap_or_default();
        let call = world
            .iam()
            .create_policy()
            .policy_name(&name)
            .path(&spec.path)
            .set_description(Some(spec.description.clone()).filter(|it| !it.is_empty()))
            .policy_document(document(&spec.policy_document))
            .set_tags(Some(list(spec.tags.0.clone())));
        call.send().await.map_err(error)?;
        Ok(id(&spec.path, &name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (iam, arn) = (world.iam(), arn(world, id).await?);
        if update.changes("policy_document") {
            rewrite(world, &arn, &to.policy_document).await?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            iam.tag_policy().policy_arn(&arn).set_tags(Some(list(set))).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            iam.untag_policy().policy_arn(&arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let (iam, arn) = (world.iam(), arn(world, delete.id).await?);
        for version in unless(versions(world, &arn).await, GONE)?.unwrap_or_default().iter().filter(|it| !it.is_default_version) {
            remove(world, &arn, version).await?;
        }
        match unless(iam.delete_policy().policy_arn(&arn).send().await.map_err(error), GONE) {
            // It is not for a policy to take rights away from others: it says who they are.
            Err(refused) if refused.is(&["DeleteConflict"]) => Err(explained(world, &arn, refused).await),
            other => other.map(drop),
        }
    }
}

/// How much a policy may hold.
const LARGEST: usize = 6144;
/// How many versions of a policy there can be.
const VERSIONS: usize = 5;

fn id(path: &str, name: &str) -> Id {
    Id(format!("{}{name}", path.trim_start_matches('/')))
}

async fn arn(world: &Aws, id: &Id) -> Result<String> {
    let caller = world.caller().await?;
    Ok(format!("arn:{}:iam::{}:policy/{id}", caller.partition, caller.account))
}

async fn versions(world: &Aws, arn: &str) -> Result<Vec<PolicyVersion>> {
    all!(world.iam().list_policy_versions().policy_arn(arn))
}

async fn remove(world: &Aws, arn: &str, version: &PolicyVersion) -> Result<()> {
    let call = world.iam().delete_policy_version().policy_arn(arn).set_version_id(version.version_id.clone());
    unless(call.send().await.map_err(error), GONE).map(drop)
}

/// `v12` is the twelfth version.
fn number(version: &PolicyVersion) -> u64 {
    version.version_id().and_then(|it| it.trim_start_matches('v').parse().ok()).unwrap_or_default()
}

/// Makes a new version, and only then what counts; whatever comes in between, a repetition goes on from there.
async fn rewrite(world: &Aws, arn: &str, wanted: &Policy) -> Result<()> {
    let iam = world.iam();
    let mut versions = versions(world, arn).await?;
    versions.sort_by_key(number);
    let made = match versions.last().filter(|it| !it.is_default_version) {
        Some(newest) => {
            let call = iam.get_policy_version().policy_arn(arn).set_version_id(newest.version_id.clone());
            let text = call.send().await.map_err(error)?.policy_version.and_then(|it| it.document).unwrap_or_default();
            (decoded(&text) == crate::aws::wording::policy(&document(wanted))).then(|| newest.version_id.clone())
        }
        None => None,
    };
    let version = match made {
        Some(version) => version,
        None => {
            if versions.len() >= VERSIONS
                && let Some(oldest) = versions.iter().find(|it| !it.is_default_version)
            {
                remove(world, arn, oldest).await?;
            }
            let call = iam.create_policy_version().policy_arn(arn).policy_document(document(wanted)).set_as_default(false);
            call.send().await.map_err(error)?.policy_version.and_then(|it| it.version_id)
        }
    };
    iam.set_default_policy_version().policy_arn(arn).set_version_id(version).send().await.map_err(error).map(drop)
}

/// The refusal to delete what others have, with who has it.
async fn explained(world: &Aws, arn: &str, refused: Error) -> Error {
    let mut holders: Vec<String> = vec![];
    let mut pages = world.iam().list_entities_for_policy().policy_arn(arn).into_paginator().send();
    while let Some(page) = pages.next().await {
        // Without the right to ask, AWS's own words have to do.
        let Ok(page) = page else { return refused };
        holders.extend(page.policy_roles().iter().filter_map(|it| Some(format!("role {}", it.role_name()?))));
        holders.extend(page.policy_users().iter().filter_map(|it| Some(format!("user {}", it.user_name()?))));
        holders.extend(page.policy_groups().iter().filter_map(|it| Some(format!("group {}", it.group_name()?))));
    }
    if holders.is_empty() {
        return refused;
    }
    Error { message: format!("it is still attached to {}: detach it there first", holders.join(", ")), ..refused }
}

async fn one(world: &Aws, id: &Id, wanted: &Wanted) -> Result<Option<Live<ManagedPolicy>>> {
    let (iam, arn) = (world.iam(), arn(world, id).await?);
    let answer = unless(iam.get_policy().policy_arn(&arn).send().await.map_err(error), GONE)?;
    let Some(it) = answer.and_then(|it| it.policy) else { return Ok(None) };
    let mut text = None;
    if wanted.has("policy_document") {
        let call = iam.get_policy_version().policy_arn(&arn).set_version_id(it.default_version_id.clone());
        // Gone meanwhile, or not known everywhere yet.
        let Some(answer) = unless(call.send().await.map_err(error), GONE)? else { return Ok(None) };
        text = answer.policy_version.and_then(|it| it.document);
    }
    let described =
        ManagedPolicyDetail::builder().set_path(it.path.clone()).set_arn(it.arn.clone()).set_description(it.description.clone()).build();
    Ok(Some(live(id, described, text, Some(tags(it.tags())))))
}

/// All at once, with a page for up to a thousand policies and their documents; their tags cost a call each.
async fn many(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<ManagedPolicy>>>> {
    let items = world.iam().get_account_authorization_details().filter(EntityType::LocalManagedPolicy).max_items(1000);
    let mut pages = items.into_paginator().send();
    let mut found: HashMap<Id, ManagedPolicyDetail> = HashMap::new();
    while let Some(page) = pages.next().await {
        for policy in page.map_err(error)?.policies.unwrap_or_default() {
            // Not all that answer say the name by itself.
            if let Some((_, id)) = policy.arn().and_then(|it| it.split_once(":policy/")) {
                found.insert(Id::from(id), policy);
            }
        }
    }
    let lives = ids.iter().map(|id| (id, found.remove(id))).map(|(id, it)| async move {
        let Some(it) = it else { return Ok(None) };
        let version = it.policy_version_list().iter().find(|it| it.is_default_version);
        let text = version.and_then(|it| it.document.clone());
        let tags = if wanted.has("tags") {
            let Some(found) = unless(all!(world.iam().list_policy_tags().set_policy_arn(it.arn.clone())), GONE)? else { return Ok(None) };
            Some(tags(&found))
        } else {
            None
        };
        Ok(Some(live(id, it, text, tags)))
    });
    abreast(lives).await
}

fn live(id: &Id, it: ManagedPolicyDetail, text: Option<String>, tags: Option<Tags>) -> Live<ManagedPolicy> {
    let unread = [("policy_document", text.is_none()), ("tags", tags.is_none())];
    Live {
        spec: Spec {
            managed_policy_name: id.as_str().rsplit('/').next().map(str::to_owned),
            path: it.path.unwrap_or_else(root),
            description: it.description.unwrap_or_default(),
            policy_document: decoded(text.as_deref().unwrap_or_default()),
            tags: tags.unwrap_or_default(),
        },
        outputs: Outputs { id: id.0.clone(), arn: it.arn.unwrap_or_default() },
        status: Status::Ready,
        unread: unread.into_iter().filter(|(_, unread)| *unread).map(|(name, _)| name).collect(),
    }
}

#[cfg(test)]
mod tests;
