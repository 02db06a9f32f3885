//! <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html>

mod selectors;

use std::{collections::HashMap, time::Duration};

use aws_sdk_cloudtrail::types::{Tag, Trail as Described};
use futures::try_join;
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
};
use selectors::{AdvancedEventSelector, EventSelector};

pub(crate) struct Trail;

/// A trail: a record of who called which API of AWS, kept in a bucket.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other trail of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 3, max = 128), regex(pattern = r"[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]"))]
    trail_name: Option<String>,
    /// The bucket that the records go to, whose policy has to let CloudTrail in.
    #[schemars(regex(pattern = r"[A-Za-z0-9._-]{3,255}"))]
    s3_bucket_name: String,
    /// What their keys begin with.
    #[schemars(length(min = 1, max = 200))]
    s3_key_prefix: Option<String>,
    /// Whether it records.
    #[serde(default = "yes")]
    is_logging: bool,
    /// Whether it records all regions.
    #[serde(default)]
    is_multi_region_trail: bool,
    /// Whether it records all accounts of the organization.
    #[serde(default)]
    is_organization_trail: bool,
    /// Whether it records the services that have no region, such as IAM.
    #[serde(default = "yes")]
    include_global_service_events: bool,
    /// Whether it can be proved that nobody changed the records later.
    #[serde(default)]
    enable_log_file_validation: bool,
    /// The ARN of a log group, ending in `:*`, that the records go to as well.
    cloud_watch_logs_log_group_arn: Option<String>,
    /// The ARN of the role that writes to that log group.
    cloud_watch_logs_role_arn: Option<String>,
    /// The ARN of the KMS key that the records are encrypted with. Left out or removed, a key of S3's own.
    kms_key_id: Option<String>,
    /// The name of the topic that is told of every file.
    #[schemars(length(min = 1, max = 256))]
    sns_topic_name: Option<String>,
    /// Which events it records. Left out or removed, all calls that manage resources.
    #[schemars(length(min = 1, max = 5))]
    event_selectors: Option<Vec<EventSelector>>,
    /// Which events it records, chosen by their fields, instead of `event_selectors`.
    #[schemars(length(min = 1))]
    advanced_event_selectors: Option<Vec<AdvancedEventSelector>>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the trail.
    id: String,
    /// The ARN of the trail.
    arn: String,
}

impl Resource for Trail {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "cloudtrail.trail";
    const FACTS: Facts = Facts {
        passing: PASSING,
        gone: GONE,
        actions: Actions {
            create: &["cloudtrail:CreateTrail", "cloudtrail:AddTags", "iam:PassRole"],
            read: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "cloudtrail:ListTags"],
            update: &[
                "cloudtrail:UpdateTrail",
                "cloudtrail:PutEventSelectors",
                "cloudtrail:StartLogging",
                "cloudtrail:StopLogging",
                "cloudtrail:AddTags",
                "cloudtrail:RemoveTags",
                "cloudtrail:DescribeTrails",
                "iam:PassRole",
            ],
            delete: &["cloudtrail:DeleteTrail"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.trail_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let written = |name: &str| spec.get(name).filter(|it| !it.is_null());
        for (one, other) in [
            ("cloud_watch_logs_log_group_arn", "cloud_watch_logs_role_arn"),
            ("cloud_watch_logs_role_arn", "cloud_watch_logs_log_group_arn"),
        ] {
            if written(one).is_some() && written(other).is_none() {
                problems.error(Path::of(one), format!("`{one}` without `{other}`"), "write both, or neither");
            }
        }
        if let Some(arn) = written("cloud_watch_logs_log_group_arn").and_then(Value::as_text)
            && !arn.ends_with(":*")
        {
            let help = format!("write `{arn}:*`");
            problems.error(Path::of("cloud_watch_logs_log_group_arn"), "CloudTrail wants `:*` at the end of the ARN", help);
        }
        if matches!(written("include_global_service_events"), Some(Value::Bool(false)))
            && matches!(written("is_multi_region_trail"), Some(Value::Bool(true)))
        {
            let path = Path::of("include_global_service_events");
            problems.error(path, "a trail of all regions records the global services too", "leave it out");
        }
        if written("sns_topic_name").and_then(Value::as_text).is_some_and(|it| it.starts_with("arn:")) {
            let help = "write the end of the ARN; the topic has to be in this account and region";
            problems.error(Path::of("sns_topic_name"), "an ARN where the name of a topic stands", help);
        }
        if written("event_selectors").is_some() && written("advanced_event_selectors").is_some() {
            let path = Path::of("event_selectors");
            problems.error(path, "`event_selectors` and `advanced_event_selectors` exclude each other", "write one of the two");
        }
        let selectors = written("event_selectors").and_then(|it| it.reveal().ok());
        if let Some(selectors) = selectors.and_then(|it| serde_json::from_value::<Vec<EventSelector>>(it).ok())
            && selectors::is_default(&selectors)
        {
            problems.error(Path::of("event_selectors"), "this is what every trail records", "leave out `event_selectors`");
        }
        if matches!(written("trail_name"), Some(Value::Text(name)) if doubled(name)) {
            problems.error(Path::of("trail_name"), "two of `.`, `-` and `_` side by side", "write one of them only");
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = trails(world, ids).await?;
        let tags = if wanted.has("tags") { tags(world, found.values()).await? } else { HashMap::new() };
        let lives = ids.iter().map(|id| found.get(id.as_str())).map(|it| one(world, it, tags.clone(), wanted));
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = trails(world, std::slice::from_ref(&id)).await?;
        let tags = tags(world, found.values()).await?;
        let ours = tags.values().any(|it| it.made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let name = spec.trail_name.clone().unwrap_or_default();
        let call = world
            .cloudtrail()
            .create_trail()
            .name(&name)
            .s3_bucket_name(&spec.s3_bucket_name)
            .set_s3_key_prefix(spec.s3_key_prefix.clone())
            .is_multi_region_trail(spec.is_multi_region_trail)
            .is_organization_trail(spec.is_organization_trail)
            .include_global_service_events(spec.include_global_service_events)
            .enable_log_file_validation(spec.enable_log_file_validation)
            .set_cloud_watch_logs_log_group_arn(spec.cloud_watch_logs_log_group_arn.clone())
            .set_cloud_watch_logs_role_arn(spec.cloud_watch_logs_role_arn.clone())
            .set_kms_key_id(spec.kms_key_id.clone())
            .set_sns_topic_name(spec.sns_topic_name.clone())
            .set_tags_list(Some(list(spec.tags.0.clone())?));
        call.send().await.map_err(error)?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (cloudtrail, name) = (world.cloudtrail(), id.as_str());
        if update.changed.iter().any(|it| !APART.contains(&it.as_str())) {
            // An empty text takes away what was there; what never was is left out.
            let text = |from: &Option<String>, to: &Option<String>| to.clone().or_else(|| from.as_ref().map(|_| String::new()));
            let call = cloudtrail
                .update_trail()
                .name(name)
                .s3_bucket_name(&to.s3_bucket_name)
                .set_s3_key_prefix(text(&from.s3_key_prefix, &to.s3_key_prefix))
                .is_multi_region_trail(to.is_multi_region_trail)
                .is_organization_trail(to.is_organization_trail)
                .include_global_service_events(to.include_global_service_events)
                .enable_log_file_validation(to.enable_log_file_validation)
                .set_cloud_watch_logs_log_group_arn(text(&from.cloud_watch_logs_log_group_arn, &to.cloud_watch_logs_log_group_arn))
                .set_cloud_watch_logs_role_arn(text(&from.cloud_watch_logs_role_arn, &to.cloud_watch_logs_role_arn))
                .set_kms_key_id(text(&from.kms_key_id, &to.kms_key_id))
                .set_sns_topic_name(text(&from.sns_topic_name, &to.sns_topic_name));
            call.send().await.map_err(error)?;
        }
        if update.changes("event_selectors") || update.changes("advanced_event_selectors") {
            selectors::put(world, name, to.event_selectors.as_deref(), to.advanced_event_selectors.as_deref()).await?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() || !remove.is_empty() {
            let found = trails(world, std::slice::from_ref(id)).await?;
            let Some(arn) = found.get(name).and_then(|it| it.trail_arn.clone()) else {
                return Err(Error::rejected("AddTags", GONE[0], "the trail is not there"));
            };
            if !set.is_empty() {
                cloudtrail.add_tags().resource_id(&arn).set_tags_list(Some(list(set)?)).send().await.map_err(error)?;
            }
            if !remove.is_empty() {
                // A tag is found by its value, too.
                let old = from.tags.0.clone().into_iter().filter(|(key, _)| remove.contains(key));
                cloudtrail.remove_tags().resource_id(&arn).set_tags_list(Some(list(old)?)).send().await.map_err(error)?;
            }
        }
        // Only once all else is as it should be.
        if to.is_logging && update.changes("is_logging") {
            cloudtrail.start_logging().name(name).send().await.map_err(error)?;
        } else if update.changes("is_logging") {
            cloudtrail.stop_logging().name(name).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.cloudtrail().delete_trail().name(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["TrailNotFoundException"];
/// Properties that have calls of their own.
const APART: &[&str] = &["tags", "is_logging", "event_selectors", "advanced_event_selectors"];
const TWO_MINUTES: Duration = Duration::from_secs(120);

/// The policies of the bucket, the key, the topic and the role may have been written a moment ago.
const PASSING: &[Passing] = &[
    passes(During::Create, "InsufficientS3BucketPolicyException"),
    passes(During::Create, "InsufficientSnsTopicPolicyException"),
    passes(During::Create, "InsufficientEncryptionPolicyException"),
    passes(During::Create, "InvalidCloudWatchLogsRoleArnException"),
    passes(During::Create, "InvalidCloudWatchLogsLogGroupArnException"),
    passes(During::Update, "InsufficientS3BucketPolicyException"),
    passes(During::Update, "InsufficientSnsTopicPolicyException"),
    passes(During::Update, "InsufficientEncryptionPolicyException"),
    passes(During::Update, "InvalidCloudWatchLogsRoleArnException"),
    passes(During::Update, "InvalidCloudWatchLogsLogGroupArnException"),
    // Another call on the same trail is still under way.
    passes(During::Any, "ConflictException"),
];

const fn passes(during: During, code: &'static str) -> Passing {
    Passing { during, code, message: "", within: TWO_MINUTES }
}

fn yes() -> bool {
    true
}

/// AWS takes no two of these side by side.
fn doubled(name: &str) -> bool {
    let mark = |it: u8| b"._-".contains(&it);
    name.as_bytes().windows(2).any(|pair| mark(pair[0]) && mark(pair[1]))
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Result<Vec<Tag>> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().map_err(|it| Error::bug("AddTags", it.to_string()));
    tags.into_iter().map(tag).collect()
}

/// Those of these trails that are there, by name: one call for any number of them.
async fn trails(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let names = ids.iter().map(|it| it.0.clone()).collect();
    // Not those of other regions that reach into this one.
    let call = world.cloudtrail().describe_trails().set_trail_name_list(Some(names)).include_shadow_trails(false);
    let found = call.send().await.map_err(error)?.trail_list.unwrap_or_default();
    Ok(found
        .into_iter()
        .filter_map(|it| Some((it.name.clone()?, it)))
        .filter(|(name, _)| ids.iter().any(|id| id.as_str() == name))
        .collect())
}

/// A call takes up to this many ARNs.
const ARNS: usize = 20;

/// The tags of these trails, by ARN.
async fn tags(world: &Aws, trails: impl Iterator<Item = &Described>) -> Result<HashMap<String, Tags>> {
    let arns: Vec<String> = trails.filter_map(|it| it.trail_arn.clone()).collect();
    let mut found = HashMap::new();
    for arns in arns.chunks(ARNS) {
        for it in all!(world.cloudtrail().list_tags().set_resource_id_list(Some(arns.to_vec())))? {
            let tags = Tags::read(it.tags_list().iter().map(|it| (it.key.clone(), it.value.clone().unwrap_or_default())));
            found.extend(it.resource_id.map(|arn| (arn, tags)));
        }
    }
    Ok(found)
}

async fn one(world: &Aws, it: Option<&Described>, mut tags: HashMap<String, Tags>, wanted: &Wanted) -> Result<Option<Live<Trail>>> {
    let Some(it) = it else { return Ok(None) };
    let (name, arn) = (it.name.clone().unwrap_or_default(), it.trail_arn.clone().unwrap_or_default());
    // One call for each.
    let logging = async {
        if !wanted.has("is_logging") {
            return Ok(None);
        }
        let answer = world.cloudtrail().get_trail_status().name(&name).send().await.map_err(error);
        Ok(unless(answer, GONE)?.map(|it| it.is_logging.unwrap_or_default()))
    };
    let selects = wanted.has("event_selectors") || wanted.has("advanced_event_selectors");
    let chosen = async { if selects { unless(selectors::read(world, &name).await, GONE) } else { Ok(None) } };
    let (logging, chosen) = try_join!(logging, chosen)?;
    let tags = tags.remove(&arn);
    let unread = [
        ("is_logging", logging.is_none()),
        ("event_selectors", chosen.is_none()),
        ("advanced_event_selectors", chosen.is_none()),
        ("tags", tags.is_none()),
    ];
    let text = |it: &Option<String>| it.clone().filter(|it| !it.is_empty());
    let (event_selectors, advanced_event_selectors) = chosen.unwrap_or_default();
    let spec = Spec {
        trail_name: it.name.clone(),
        s3_bucket_name: it.s3_bucket_name.clone().unwrap_or_default(),
        s3_key_prefix: text(&it.s3_key_prefix),
        is_logging: logging.unwrap_or_default(),
        is_multi_region_trail: it.is_multi_region_trail.unwrap_or_default(),
        is_organization_trail: it.is_organization_trail.unwrap_or_default(),
        include_global_service_events: it.include_global_service_events.unwrap_or(true),
        enable_log_file_validation: it.log_file_validation_enabled.unwrap_or_default(),
        cloud_watch_logs_log_group_arn: text(&it.cloud_watch_logs_log_group_arn),
        cloud_watch_logs_role_arn: text(&it.cloud_watch_logs_role_arn),
        kms_key_id: text(&it.kms_key_id),
        sns_topic_name: it.sns_topic_arn.as_deref().and_then(|it| it.rsplit(':').next()).filter(|it| !it.is_empty()).map(str::to_owned),
        event_selectors,
        advanced_event_selectors,
        tags: tags.unwrap_or_default(),
    };
    let unread = unread.into_iter().filter(|(_, unread)| *unread).map(|(name, _)| name).collect();
    Ok(Some(Live { spec, outputs: Outputs { id: name, arn }, status: Status::Ready, unread }))
}

#[cfg(test)]
mod tests;
