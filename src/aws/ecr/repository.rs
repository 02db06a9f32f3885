//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_CreateRepository.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_ecr::types::{
    EncryptionConfiguration, EncryptionType, ImageScanningConfiguration, ImageTagMutability, ImageTagMutabilityExclusionFilter,
    ImageTagMutabilityExclusionFilterType, Repository as Described, Tag,
};
use futures::try_join;
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Status, Tags, Update,
        Wanted, immutable, set, unique, write_only,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::lifecycle::LifecyclePolicy;
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::{document, meaning, policy, word},
};

mod lifecycle;

pub(crate) struct Repository;

/// A repository of container images.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other repository of the account has in the region. Left out, one is made up.
    #[schemars(
        transform = immutable,
        transform = unique,
        length(min = 2, max = 256),
        regex(pattern = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*")
    )]
    repository_name: Option<String>,
    /// Whether a tag can be moved to another image.
    #[serde(default)]
    image_tag_mutability: Mutability,
    /// The tags for which the opposite is true, where `*` stands for anything: `dev-*`.
    #[serde(default)]
    #[schemars(transform = set, length(max = 5), inner(length(min = 1, max = 128), regex(pattern = "[0-9a-zA-Z._*-]+")))]
    image_tag_mutability_exclusion_filters: Vec<String>,
    /// Whether images are searched for known weaknesses as soon as they are pushed.
    #[serde(default)]
    scan_on_push: bool,
    /// How images are encrypted.
    #[serde(default)]
    #[schemars(transform = immutable)]
    encryption_type: Encryption,
    /// The ARN of the KMS key for it. Left out, KMS uses a key of its own.
    #[schemars(transform = immutable, length(min = 1, max = 2048))]
    kms_key: Option<String>,
    /// Which images are removed, and when. When it is removed, all stay.
    lifecycle_policy: Option<LifecyclePolicy>,
    /// Who besides its own account may do what with it. When it is removed, nobody.
    repository_policy: Option<Policy>,
    /// Whether deleting it deletes its images too. Otherwise a repository with images is not deleted.
    #[serde(default)]
    #[schemars(transform = write_only)]
    empty_on_delete: bool,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Mutability {
    /// It can.
    #[default]
    Mutable,
    /// It cannot.
    Immutable,
    /// It can, but for some.
    MutableWithExclusion,
    /// It cannot, but for some.
    ImmutableWithExclusion,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Encryption {
    /// With keys of S3.
    #[default]
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key of KMS.
    #[serde(rename = "KMS")]
    Kms,
    /// Twice, with a key of KMS.
    #[serde(rename = "KMS_DSSE")]
    KmsDsse,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the repository.
    id: String,
    /// The ARN of the repository.
    arn: String,
    /// Where images are pushed to and pulled from: `123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop`.
    repository_uri: String,
    /// The account whose registry it is in.
    registry_id: String,
}

impl Resource for Repository {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ecr.repository";
    const FACTS: Facts = Facts {
        passing: &[
            // Its principals were made a moment ago.
            Passing {
                during: During::Update,
                code: "InvalidParameterException",
                message: "Invalid repository policy provided",
                within: Duration::from_secs(120),
            },
        ],
        gone: GONE,
        stateful: true,
        actions: Actions {
            create: &["ecr:CreateRepository", "ecr:TagResource", "kms:DescribeKey", "kms:CreateGrant"],
            read: &["ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource"],
            update: &[
                "ecr:PutImageTagMutability",
                "ecr:PutImageScanningConfiguration",
                "ecr:PutLifecyclePolicy",
                "ecr:DeleteLifecyclePolicy",
                "ecr:SetRepositoryPolicy",
                "ecr:DeleteRepositoryPolicy",
                "ecr:DescribeRepositories",
                "ecr:TagResource",
                "ecr:UntagResource",
            ],
            delete: &["ecr:DeleteRepository", "kms:RetireGrant"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.repository_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        crate::aws::iam::check_resource_policy("repository_policy", spec, problems);
        let text = |property: &str, default: &'static str| match spec.get(property) {
            None | Some(Value::Null) => Some(default),
            Some(Value::Text(text)) => Some(text.as_str()),
            Some(_) => None,
        };
        let key = spec.get("kms_key").filter(|it| !it.is_null());
        if key.is_some() && text("encryption_type", "AES256") == Some("AES256") {
            problems.error(Path::of("kms_key"), "a key without `encryption_type: KMS`", "write it, or leave the key out");
        }
        if key.and_then(Value::as_text).is_some_and(|it| !(it.starts_with("arn:") && it.contains(":key/"))) {
            // ECR answers with the ARN, whatever was written, and the key cannot be changed.
            problems.error(Path::of("kms_key"), "not the ARN of a key", "write it as `arn:…:kms:…:key/…`");
        }
        let filters = "image_tag_mutability_exclusion_filters";
        let excluded = spec.get(filters).and_then(Value::as_list).is_some_and(|it| !it.is_empty());
        let mutability = text("image_tag_mutability", "MUTABLE");
        if mutability.is_some_and(|it| it.ends_with("_WITH_EXCLUSION")) && matches!(spec.get(filters), None | Some(Value::Null)) {
            problems.error(Path::of("image_tag_mutability"), format!("exclusion without `{filters}`"), "say which tags are excluded");
        }
        if excluded && let Some(plain @ ("MUTABLE" | "IMMUTABLE")) = mutability {
            problems.error(
                Path::of(filters),
                "tags that are excluded from nothing",
                format!("write `image_tag_mutability: {plain}_WITH_EXCLUSION`"),
            );
        }
        if let Some(policy) = spec.get("lifecycle_policy") {
            lifecycle::check(policy, problems);
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = repositories(world, ids).await?;
        let lives = ids.iter().map(|id| found.get(id.as_str())).map(|it| async move {
            let Some(it) = it else { return Ok(None) };
            // One call for each of these.
            let more = try_join!(
                async { if wanted.has("lifecycle_policy") { lifecycle(world, it).await.map(Some) } else { Ok(None) } },
                async { if wanted.has("repository_policy") { access(world, it).await.map(Some) } else { Ok(None) } },
                async { if wanted.has("tags") { tags(world, it).await.map(Some) } else { Ok(None) } },
            );
            // Gone between two calls.
            Ok(unless(more, GONE)?.map(|(lifecycle, access, tags)| live(it, lifecycle, access, tags)))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = repositories(world, std::slice::from_ref(&id)).await?;
        let Some(repository) = found.get(id.as_str()) else { return Ok(None) };
        let tags = unless(tags(world, repository).await, GONE)?.unwrap_or_default();
        Ok(tags.made_by(find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let encryption = EncryptionConfiguration::builder()
            .encryption_type(EncryptionType::from(word(&spec.encryption_type).as_str()))
            .set_kms_key(spec.kms_key.clone());
        let call = world
            .ecr()
            .create_repository()
            .set_repository_name(spec.repository_name.clone())
            .image_tag_mutability(mutability(spec))
            .set_image_tag_mutability_exclusion_filters(exclusions(spec))
            .image_scanning_configuration(scanning(spec))
            .encryption_configuration(encryption.build().expect("it has a type"))
            .set_tags(Some(list(spec.tags.0.clone())));
        call.send().await.map_err(error)?;
        Ok(Id(spec.repository_name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (ecr, name) = (world.ecr(), id.as_str());
        if update.changes("image_tag_mutability") || update.changes("image_tag_mutability_exclusion_filters") {
            let call = ecr.put_image_tag_mutability().repository_name(name).image_tag_mutability(mutability(to));
            call.set_image_tag_mutability_exclusion_filters(exclusions(to)).send().await.map_err(error)?;
        }
        if update.changes("scan_on_push") {
            let call = ecr.put_image_scanning_configuration().repository_name(name).image_scanning_configuration(scanning(to));
            call.send().await.map_err(error)?;
        }
        if update.changes("lifecycle_policy") {
            if let Some(policy) = &to.lifecycle_policy {
                let call = ecr.put_lifecycle_policy().repository_name(name).lifecycle_policy_text(policy.text());
                call.send().await.map_err(error)?;
            } else {
                unless(ecr.delete_lifecycle_policy().repository_name(name).send().await.map_err(error), NO_LIFECYCLE)?;
            }
        }
        if update.changes("repository_policy") {
            if let Some(policy) = &to.repository_policy {
                ecr.set_repository_policy().repository_name(name).policy_text(document(policy)).send().await.map_err(error)?;
            } else {
                unless(ecr.delete_repository_policy().repository_name(name).send().await.map_err(error), NO_POLICY)?;
            }
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() || !remove.is_empty() {
            let found = repositories(world, std::slice::from_ref(id)).await?;
            let Some(arn) = found.get(name).and_then(|it| it.repository_arn()) else {
                return Err(Error::rejected("TagResource", GONE[0], "the repository is not there"));
            };
            if !set.is_empty() {
                ecr.tag_resource().resource_arn(arn).set_tags(Some(list(set))).send().await.map_err(error)?;
            }
            if !remove.is_empty() {
                ecr.untag_resource().resource_arn(arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
            }
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let all = delete.spec.empty_on_delete;
        let done = world.ecr().delete_repository().repository_name(delete.id.as_str()).force(all).send().await.map_err(error);
        match unless(done, GONE) {
            Err(refused) if refused.is(&["RepositoryNotEmptyException"]) => {
                let message = "it holds images: delete them, or write `empty_on_delete: true` and apply, so that they are deleted with it";
                Err(Error { message: message.to_owned(), ..refused })
            }
            other => other.map(drop),
        }
    }
}

const GONE: &[&str] = &["RepositoryNotFoundException"];
const NO_LIFECYCLE: &[&str] = &["LifecyclePolicyNotFoundException"];
const NO_POLICY: &[&str] = &["RepositoryPolicyNotFoundException"];

/// A call takes up to this many names.
const NAMES: usize = 100;

/// Those of these repositories that are there, by name. One that is not makes a call by names fail: then all are looked through.
async fn repositories(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let mut found = vec![];
    for chunk in ids.chunks(NAMES) {
        let names = chunk.iter().map(|it| it.0.clone()).collect();
        let answer = world.ecr().describe_repositories().set_repository_names(Some(names)).send().await.map_err(error);
        match unless(answer, &["RepositoryNotFoundException", "InvalidParameterException"])? {
            Some(page) => found.extend(page.repositories.unwrap_or_default()),
            None if ids.len() == 1 => {}
            None => {
                found = all!(world.ecr().describe_repositories().max_results(1000))?;
                break;
            }
        }
    }
    Ok(found.into_iter().filter_map(|it| Some((it.repository_name.clone()?, it))).collect())
}

async fn lifecycle(world: &Aws, it: &Described) -> Result<Option<LifecyclePolicy>> {
    let call = world.ecr().get_lifecycle_policy().set_repository_name(it.repository_name.clone());
    let answer = unless(call.send().await.map_err(error), NO_LIFECYCLE)?;
    answer.and_then(|it| it.lifecycle_policy_text).map(|it| LifecyclePolicy::read(&it)).transpose()
}

async fn access(world: &Aws, it: &Described) -> Result<Option<Policy>> {
    let call = world.ecr().get_repository_policy().set_repository_name(it.repository_name.clone());
    let answer = unless(call.send().await.map_err(error), NO_POLICY)?;
    Ok(answer.and_then(|it| it.policy_text).map(|it| policy(&it)))
}

async fn tags(world: &Aws, it: &Described) -> Result<Tags> {
    let answer = world.ecr().list_tags_for_resource().set_resource_arn(it.repository_arn.clone()).send().await.map_err(error)?;
    Ok(Tags::read(answer.tags.unwrap_or_default().into_iter().map(|it| (it.key, it.value))))
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().expect("it has a key and a value");
    tags.into_iter().map(tag).collect()
}

fn mutability(spec: &Spec) -> ImageTagMutability {
    ImageTagMutability::from(word(&spec.image_tag_mutability).as_str())
}

fn exclusions(spec: &Spec) -> Option<Vec<ImageTagMutabilityExclusionFilter>> {
    let filter = |pattern: &String| {
        let filter = ImageTagMutabilityExclusionFilter::builder().filter_type(ImageTagMutabilityExclusionFilterType::Wildcard);
        filter.filter(pattern).build().expect("it has a type and a pattern")
    };
    let filters: Vec<_> = spec.image_tag_mutability_exclusion_filters.iter().map(filter).collect();
    (!filters.is_empty()).then_some(filters)
}

fn scanning(spec: &Spec) -> ImageScanningConfiguration {
    ImageScanningConfiguration::builder().scan_on_push(spec.scan_on_push).build()
}

/// Of what costs a call of its own, nothing where it was not asked for.
fn live(
    it: &Described,
    lifecycle: Option<Option<LifecyclePolicy>>,
    access: Option<Option<Policy>>,
    tags: Option<Tags>,
) -> Live<Repository> {
    let unread = [("lifecycle_policy", lifecycle.is_none()), ("repository_policy", access.is_none()), ("tags", tags.is_none())];
    let encryption = it.encryption_configuration();
    let spec = Spec {
        repository_name: it.repository_name.clone(),
        image_tag_mutability: it.image_tag_mutability().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        image_tag_mutability_exclusion_filters: it.image_tag_mutability_exclusion_filters().iter().map(|it| it.filter.clone()).collect(),
        scan_on_push: it.image_scanning_configuration().is_some_and(|it| it.scan_on_push),
        encryption_type: encryption.and_then(|it| meaning(it.encryption_type.as_str())).unwrap_or_default(),
        kms_key: encryption.and_then(|it| it.kms_key.clone()),
        lifecycle_policy: lifecycle.flatten(),
        repository_policy: access.flatten(),
        empty_on_delete: false,
        tags: tags.unwrap_or_default(),
    };
    let outputs = Outputs {
        id: it.repository_name.clone().unwrap_or_default(),
        arn: it.repository_arn.clone().unwrap_or_default(),
        repository_uri: it.repository_uri.clone().unwrap_or_default(),
        registry_id: it.registry_id.clone().unwrap_or_default(),
    };
    let unread = unread.into_iter().filter(|(_, unread)| *unread).map(|(name, _)| name).chain(["empty_on_delete"]).collect();
    Live { spec, outputs, status: Status::Ready, unread }
}

#[cfg(test)]
mod tests;
