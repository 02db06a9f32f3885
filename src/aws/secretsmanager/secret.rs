//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html>

mod content;
mod generate;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_secretsmanager::{operation::describe_secret::DescribeSecretOutput, types::Tag};
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Sealed, Secret as Text,
        Status, Tags, Update, Wanted, immutable, late, unique, write_only,
    },
    value::{Path, Value},
};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{document, policy},
};
use content::{Members, current};
use generate::Part;

pub(crate) struct Secret;

/// A secret: passwords and keys that programs read where they run, and that stand in no file.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other secret of the region has: `shop/database`. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 512), regex(pattern = r"[A-Za-z0-9/_+=.@-]+"))]
    name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 2048))]
    description: String,
    /// The KMS key that it is encrypted with: its id, its ARN or an alias. Left out or removed, the account's own for Secrets Manager.
    #[schemars(length(max = 2048))]
    kms_key_id: Option<String>,
    /// All that it holds, as one text, instead of `generate` and `values`. Where it is removed, what it holds stays.
    secret_string: Option<Text>,
    /// Members of the JSON object that it holds, each with how it is generated when it is not there yet. What is there is never
    /// generated again, whatever is changed here, and stays when it is removed from here.
    #[schemars(transform = write_only)]
    generate: Option<BTreeMap<String, Part>>,
    /// Further members of that JSON object: texts, numbers, `true` and `false`, which may refer to resources that need this secret
    /// first. Members that stand neither here nor in `generate` are left alone.
    #[schemars(transform = late, transform = write_only)]
    values: Option<Members>,
    /// Who else may do what with it, as a policy.
    resource_policy: Option<Policy>,
    /// For how many days it can be had back after it is deleted, and its name is taken. Left out, 30.
    #[schemars(transform = write_only, range(min = 7, max = 30))]
    recovery_window_in_days: Option<i64>,
    /// Whether it is gone for good, and its name free, as soon as it is deleted.
    #[schemars(transform = write_only)]
    force_delete_without_recovery: Option<bool>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of the secret, with the six characters at its end.
    id: String,
    /// The same.
    arn: String,
    /// The parts that were generated, by name; each is a secret, read from AWS only where it is used.
    generated: BTreeMap<String, Sealed>,
}

impl Resource for Secret {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "secretsmanager.secret";
    const FACTS: Facts = Facts {
        passing: &[
            // For a while after it was deleted for good, the name of a secret is not free yet.
            Passing { during: During::Create, code: "InvalidRequestException", message: DELETED, within: TWO_MINUTES },
            Passing { during: During::Create, code: "InvalidRequestException", message: WAS_DELETED, within: TWO_MINUTES },
            // A principal that was made a moment ago.
            Passing {
                during: During::Update,
                code: "MalformedPolicyDocumentException",
                message: "unsupported principal",
                within: TWO_MINUTES,
            },
            // What was read was no longer current: see where the token of a new version comes from.
            Passing { during: During::Update, code: "ResourceExistsException", message: "", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        // Two tries of one create have the same token and not the same text, because what is generated must not follow from a token,
        // which the state, the logs and the versions of the secret show. That is safe nevertheless: the name decides that there is one
        // secret at most, made by the one try that came first with what that try had generated, and a later try is refused
        // (ResourceExistsException), after which the secret is found by its name. No try's text is used from here; whoever needs a part
        // reads it from the secret.
        token: true,
        stateful: true,
        actions: Actions {
            create: &["secretsmanager:CreateSecret", "secretsmanager:TagResource"],
            read: &["secretsmanager:DescribeSecret", "secretsmanager:GetResourcePolicy"],
            update: &[
                "secretsmanager:UpdateSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:PutResourcePolicy",
                "secretsmanager:DeleteResourcePolicy",
                "secretsmanager:TagResource",
                "secretsmanager:UntagResource",
            ],
            delete: &["secretsmanager:DeleteSecret", "secretsmanager:RemoveRegionsFromReplication"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        crate::aws::iam::check_resource_policy("resource_policy", spec, problems);
        let written = |name: &str| spec.get(name).filter(|it| !it.is_null());
        if let Some(other) = ["generate", "values"].into_iter().find(|it| written(it).is_some())
            && written("secret_string").is_some()
        {
            let help = "either the whole text, or the members of a JSON object: what is generated and what is not";
            problems.error(Path::of("secret_string"), format!("`secret_string` and `{other}` exclude each other"), help);
        }
        if written("recovery_window_in_days").is_some() && matches!(written("force_delete_without_recovery"), Some(Value::Bool(true))) {
            let help = "leave out one: it can be had back for some days, or is gone at once";
            problems.error(Path::of("recovery_window_in_days"), "what is deleted for good cannot be had back", help);
        }
        let members = |name: &str| written(name).and_then(Value::as_map).into_iter().flatten();
        for (name, part) in members("generate") {
            let path = Path::of("generate").key(name);
            check_name(name, &path, problems);
            generate::check(part, &path, problems);
            if written("values").is_some_and(|it| it.get(name).is_some()) {
                problems.error(path, "generated and written at once", "leave it out of `values`, or out of `generate`");
            }
        }
        for (name, value) in members("values") {
            let path = Path::of("values").key(name);
            check_name(name, &path, problems);
            if matches!(value, Value::List(_) | Value::Map(_)) {
                problems.error(path, "neither a text nor a number", "write it as JSON text: `${json(…)}`");
            }
        }
    }

    /// With a call for each: a list of all secrets may be five minutes behind, so that what was just applied would seem undone.
    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let lives = ids.iter().map(|id| async move {
            let Some(it) = describe(world, id.as_str()).await? else { return Ok(None) };
            let policy = if wanted.has("resource_policy") { resource_policy(world, id.as_str()).await? } else { Some(None) };
            // It went in between.
            let Some(policy) = policy else { return Ok(None) };
            Ok(Some(live(&it, policy, wanted)))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = describe(world, id.as_str()).await?;
        let ours = found.is_some_and(|it| tags(&it).made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let name = spec.name.clone().unwrap_or_default();
        let no_values = Members::default();
        let text = match (&spec.secret_string, &spec.generate) {
            (Some(text), _) => Some(text.clone()),
            (None, Some(parts)) if !parts.is_empty() => {
                Some(content::as_text(content::merge(Default::default(), parts, &no_values, &BTreeSet::new())?))
            }
            // Something may be put into it later.
            _ => None,
        };
        let mut tags = spec.tags.0.clone();
        tags.extend(names(GENERATED, spec.generate.iter().flat_map(BTreeMap::keys)));
        let made = world
            .secretsmanager()
            .create_secret()
            .name(&name)
            .client_request_token(create.token)
            .set_description(Some(spec.description.clone()).filter(|it| !it.is_empty()))
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_secret_string(text.map(|it| it.reveal().to_owned()))
            .set_tags(Some(list(tags)))
            .send()
            .await
            .map_err(error);
        match made {
            Ok(_) => Ok(Id(name)),
            Err(refused)
                if (refused.message.contains(DELETED) || refused.message.contains(WAS_DELETED))
                    && can_be_had_back(world, &name).await? =>
            {
                Err(Error {
                    message: format!(
                        "the name `{name}` belongs to a deleted secret that can still be had back: do that with \
                     `aws secretsmanager restore-secret --secret-id {name}` and write `adopt: {name}` beside its type, \
                     or choose another name"
                    ),
                    ..refused
                })
            }
            Err(refused) => Err(refused),
        }
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (secrets, name) = (world.secretsmanager(), id.as_str());
        if update.changes("description") || update.changes("kms_key_id") {
            let call = secrets.update_secret().secret_id(name).description(&to.description);
            // An empty text brings back the account's own key.
            let key = update.changes("kms_key_id").then(|| to.kms_key_id.clone().unwrap_or_default());
            call.set_kms_key_id(key).send().await.map_err(error)?;
        }
        if ["secret_string", "generate", "values"].iter().any(|it| update.changes(it)) {
            update_content(world, &update).await?;
        }
        if update.changes("resource_policy") {
            if let Some(policy) = &to.resource_policy {
                secrets.put_resource_policy().secret_id(name).resource_policy(document(policy)).send().await.map_err(error)?;
            } else {
                secrets.delete_resource_policy().secret_id(name).send().await.map_err(error)?;
            }
        }
        retag(world, name, &from.tags, &to.tags).await
    }

    async fn open(world: &Aws, id: &Id) -> Result<Value> {
        let members = current(world, id.as_str()).await?.members().unwrap_or_default();
        // All of its texts, whoever put them there: only what is generated is ever asked for.
        let texts = members.into_iter().filter_map(|(name, it)| match it {
            Json::String(text) => Some((name, Value::Secret(Text::new(text)))),
            _ => None,
        });
        Ok(Value::Map([("generated".to_owned(), Value::Map(texts.collect()))].into()))
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        match start_delete(world, &delete).await {
            // Its copies in other regions go first.
            Err(refused) if refused.message.contains("replica") => {
                let found = describe(world, delete.id.as_str()).await?;
                let regions: Vec<_> = found.iter().flat_map(|it| it.replication_status()).filter_map(|it| it.region.clone()).collect();
                if regions.is_empty() {
                    return Err(refused);
                }
                let call = world.secretsmanager().remove_regions_from_replication().secret_id(delete.id.as_str());
                unless(call.set_remove_replica_regions(Some(regions)).send().await.map_err(error), GONE)?;
                start_delete(world, &delete).await
            }
            other => other,
        }
    }
}

const GONE: &[&str] = &["ResourceNotFoundException"];
const TWO_MINUTES: Duration = Duration::from_secs(120);
/// What AWS says of a name whose secret was deleted.
const DELETED: &str = "scheduled for deletion";
const WAS_DELETED: &str = "was deleted";

/// The tag that says which parts were generated, so that a read need not look into the secret.
const GENERATED: &str = "infra:generated";
/// The tag that says which members came from `values`, so that those that are removed there can be told from foreign ones.
const VALUES: &str = "infra:values";
/// A tag's value takes up to this many characters.
const LONGEST: usize = 256;

/// A name stands in a tag.
fn check_name(name: &str, path: &Path, problems: &mut Problems) {
    let allowed = |it: char| it.is_ascii_alphanumeric() || "_.:/=+-@".contains(it);
    if name.is_empty() || name.len() > LONGEST || !name.chars().all(allowed) {
        let help = format!("up to {LONGEST} letters, digits and `_.:/=+-@`");
        problems.error(path.clone(), "not a name of a member", help);
    }
}

/// Names as tags, of which there are several where one is too short.
fn names<'a>(tag: &str, names: impl IntoIterator<Item = &'a String>) -> BTreeMap<String, String> {
    let mut values: Vec<String> = vec![];
    for name in names {
        match values.last_mut().filter(|it| it.len() + 1 + name.len() <= LONGEST) {
            Some(value) => *value = format!("{value} {name}"),
            None => values.push(name.clone()),
        }
    }
    let key = |n| if n == 0 { tag.to_owned() } else { format!("{tag}-{}", n + 1) };
    values.into_iter().enumerate().map(|(n, value)| (key(n), value)).collect()
}

/// The names in those tags.
fn named(tag: &str, tags: &Tags) -> BTreeSet<String> {
    let values = tags.0.iter().filter(|(key, _)| key.starts_with(tag));
    values.flat_map(|(_, value)| value.split(' ')).filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

fn is_own(key: &str) -> bool {
    key.starts_with(GENERATED) || key.starts_with(VALUES)
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn tags(it: &DescribeSecretOutput) -> Tags {
    Tags::read(it.tags().iter().filter_map(|it| Some((it.key()?.to_owned(), it.value().unwrap_or_default().to_owned()))))
}

async fn retag(world: &Aws, name: &str, from: &Tags, to: &Tags) -> Result<()> {
    let (set, remove) = from.difference(to);
    if !set.is_empty() {
        world.secretsmanager().tag_resource().secret_id(name).set_tags(Some(list(set))).send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        world.secretsmanager().untag_resource().secret_id(name).set_tag_keys(Some(remove)).send().await.map_err(error)?;
    }
    Ok(())
}

/// Makes what a secret holds what it should, and no more often than needed.
async fn update_content(world: &Aws, update: &Update<'_, Secret>) -> Result<()> {
    let (name, to) = (update.id.as_str(), update.to);
    let Some(described) = describe(world, name).await? else {
        return Err(Error::rejected("PutSecretValue", GONE[0], "the secret is not there"));
    };
    let mut before = tags(&described);
    before.0.retain(|key, _| is_own(key));
    if let Some(text) = &to.secret_string {
        // What was rotated is not undone by a change of something else.
        if update.changes("secret_string") {
            current(world, name).await?.put(world, name, text).await?;
        }
        return retag(world, name, &before, &Tags::default()).await;
    }
    let (parts, values) = (to.generate.clone().unwrap_or_default(), to.values.clone().unwrap_or_default());
    let ours = named(VALUES, &before);
    if parts.is_empty() && values.0.is_empty() && ours.is_empty() {
        return retag(world, name, &before, &Tags::default()).await;
    }
    let removed = ours.iter().filter(|it| !values.0.contains_key(*it) && !parts.contains_key(*it)).cloned().collect();
    // Before it is written, that it will be ours: nobody else would remove it after a crash in between.
    let mut between = before.clone();
    between.0.retain(|key, _| !key.starts_with(VALUES));
    between.0.extend(names(VALUES, ours.iter().chain(values.0.keys()).collect::<BTreeSet<_>>()));
    retag(world, name, &before, &between).await?;

    let current = current(world, name).await?;
    let members = match current.members() {
        Some(members) => members,
        // A text that was written before gives way, as does nothing.
        None if current.is_empty() || update.changes("secret_string") => Default::default(),
        None => return Err(content::no_members(name)),
    };
    let merged = content::merge(members.clone(), &parts, &values, &removed)?;
    if merged != members || current.is_empty() {
        current.put(world, name, &content::as_text(merged)).await?;
    }
    // What was generated is promised only once it is there.
    let mut after = names(GENERATED, parts.keys());
    after.extend(names(VALUES, values.0.keys()));
    retag(world, name, &between, &Tags(after)).await
}

/// Nothing where it is not there, or deleted and only waits for its end.
async fn describe(world: &Aws, name: &str) -> Result<Option<DescribeSecretOutput>> {
    let answer = unless(world.secretsmanager().describe_secret().secret_id(name).send().await.map_err(error), GONE)?;
    Ok(answer.filter(|it| it.deleted_date.is_none()))
}

/// Nothing where the secret went, and inside that, where it has none.
async fn resource_policy(world: &Aws, name: &str) -> Result<Option<Option<Policy>>> {
    let answer = unless(world.secretsmanager().get_resource_policy().secret_id(name).send().await.map_err(error), GONE)?;
    Ok(answer.map(|it| it.resource_policy.as_deref().map(policy)))
}

/// Whether what has the name waits for days, not only for the end of a deletion for good.
async fn can_be_had_back(world: &Aws, name: &str) -> Result<bool> {
    let answer = unless(world.secretsmanager().describe_secret().secret_id(name).send().await.map_err(error), GONE)?;
    let deleted = answer.and_then(|it| it.deleted_date);
    // The end of the wait or its beginning: AWS's documentation can be read either way.
    Ok(deleted.is_some_and(|it| it.secs().abs_diff(Timestamp::now().as_second()) > TWO_MINUTES.as_secs()))
}

async fn start_delete(world: &Aws, delete: &Delete<'_, Secret>) -> Result<()> {
    let force = delete.spec.force_delete_without_recovery == Some(true);
    let call = world.secretsmanager().delete_secret().secret_id(delete.id.as_str());
    let call = if force {
        call.force_delete_without_recovery(true)
    } else {
        call.set_recovery_window_in_days(delete.spec.recovery_window_in_days)
    };
    match unless(call.send().await.map_err(error), GONE) {
        Err(refused) if refused.is(&["InvalidRequestException"]) && refused.message.contains("deleted") => Ok(()),
        other => other.map(drop),
    }
}

fn live(it: &DescribeSecretOutput, policy: Option<Policy>, wanted: &Wanted) -> Live<Secret> {
    let all = tags(it);
    let arn = it.arn.clone().unwrap_or_default();
    let mut unread = vec!["secret_string", "generate", "values", "recovery_window_in_days", "force_delete_without_recovery"];
    if !wanted.has("resource_policy") {
        unread.push("resource_policy");
    }
    let spec = Spec {
        name: it.name.clone(),
        description: it.description.clone().unwrap_or_default(),
        kms_key_id: it.kms_key_id.clone().filter(|it| !it.is_empty()),
        secret_string: None,
        generate: None,
        values: None,
        resource_policy: policy,
        recovery_window_in_days: None,
        force_delete_without_recovery: None,
        tags: Tags(all.0.iter().filter(|(key, _)| !is_own(key)).map(|(key, it)| (key.clone(), it.clone())).collect()),
    };
    let generated = named(GENERATED, &all).into_iter().map(|it| (it, Sealed)).collect();
    Live { spec, outputs: Outputs { id: arn.clone(), arn, generated }, status: Status::Ready, unread }
}

#[cfg(test)]
mod tests;
