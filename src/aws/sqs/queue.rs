//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use futures::try_join;
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Status,
        Tags, Update, Wanted, immutable, kept, late, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{document, meaning, policy, word},
};

pub(crate) struct Queue;

/// A queue of messages.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other queue of the account has in the region; that of a FIFO queue ends in `.fifo`. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 80), regex(pattern = r"[A-Za-z0-9_-]+(\.fifo)?"))]
    queue_name: Option<String>,
    /// Whether messages leave it in the order in which they came, and each once.
    #[serde(default)]
    #[schemars(transform = immutable)]
    fifo_queue: bool,
    /// Whether two messages with the same content count as one; for FIFO queues.
    #[serde(default)]
    content_based_deduplication: bool,
    /// Among which messages one that comes twice is noticed; for FIFO queues.
    #[serde(default)]
    deduplication_scope: DeduplicationScope,
    /// What the limit on the number of messages per second is for; for FIFO queues.
    #[serde(default)]
    fifo_throughput_limit: ThroughputLimit,
    /// For how many seconds a message stays hidden after it came.
    #[serde(default)]
    #[schemars(range(min = 0, max = 900))]
    delay_seconds: i32,
    /// How many bytes a message can have.
    #[serde(default = "mebibyte")]
    #[schemars(range(min = 1024, max = 1_048_576))]
    maximum_message_size: i32,
    /// For how many seconds a message that nobody deletes is kept.
    #[serde(default = "four_days")]
    #[schemars(range(min = 60, max = 1_209_600))]
    message_retention_period: i32,
    /// For how many seconds somebody who asks for messages waits for one to come.
    #[serde(default)]
    #[schemars(range(min = 0, max = 20))]
    receive_message_wait_time_seconds: i32,
    /// For how many seconds a message is hidden from others once somebody has received it.
    #[serde(default = "half_a_minute")]
    #[schemars(range(min = 0, max = 43_200))]
    visibility_timeout: i32,
    /// Where messages go that were received too often. When it is removed, they stay.
    redrive_policy: Option<RedrivePolicy>,
    /// Which queues can send here what was received too often.
    #[serde(default)]
    #[schemars(transform = late)]
    redrive_allow_policy: RedriveAllowPolicy,
    /// Who besides its own account may do what with it. When it is removed, nobody.
    #[schemars(transform = late)]
    policy: Option<Policy>,
    /// Whether messages are encrypted with a key of SQS. Left out, they are, unless there is a `kms_master_key_id`.
    /// When it is removed, it stays as it is.
    #[schemars(transform = kept)]
    sqs_managed_sse_enabled: Option<bool>,
    /// The id, ARN or alias of the KMS key that messages are encrypted with instead. When it is removed, SQS uses a key of its own.
    kms_master_key_id: Option<String>,
    /// For how many seconds a data key is used before KMS is asked for another; with `kms_master_key_id`.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 60, max = 86_400))]
    kms_data_key_reuse_period_seconds: i32,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DeduplicationScope {
    /// Among all of the queue.
    #[default]
    Queue,
    /// Among those of the same group.
    MessageGroup,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ThroughputLimit {
    /// For the queue.
    #[default]
    PerQueue,
    /// For each group of messages, so that many groups together are faster.
    PerMessageGroupId,
}

/// Where messages go that were received too often.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RedrivePolicy {
    /// The ARN of the queue that they go to.
    #[serde(alias = "deadLetterTargetArn")]
    dead_letter_target_arn: String,
    /// How often a message can be received before that.
    #[serde(alias = "maxReceiveCount", deserialize_with = "number")]
    #[schemars(range(min = 1, max = 1000))]
    max_receive_count: i32,
}

/// Which queues can send here what was received too often.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RedriveAllowPolicy {
    /// Which ones.
    #[serde(default, alias = "redrivePermission")]
    redrive_permission: Permission,
    /// Their ARNs; for `byQueue`.
    #[serde(default, alias = "sourceQueueArns")]
    #[schemars(transform = set, length(max = 10))]
    source_queue_arns: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Permission {
    /// All of the account and region.
    #[default]
    AllowAll,
    /// None.
    DenyAll,
    /// Those that are named.
    ByQueue,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the queue.
    id: String,
    /// The ARN of the queue.
    arn: String,
    /// Where messages are sent to and received from.
    url: String,
}

impl Resource for Queue {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "sqs.queue";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(2), delete: Duration::from_secs(10) },
        passing: &[
            // SQS keeps the name of a deleted queue to itself for a minute.
            Passing { during: During::Create, code: "AWS.SimpleQueueService.QueueDeletedRecently", message: "", within: NINETY_SECONDS },
            Passing { during: During::Create, code: "QueueDeletedRecently", message: "", within: NINETY_SECONDS },
            // A dead-letter queue that was made a moment ago.
            Passing {
                during: During::Any,
                code: "InvalidParameterValue",
                message: "Dead letter target does not exist",
                within: NINETY_SECONDS,
            },
            // Its principals were made a moment ago.
            Passing {
                during: During::Update,
                code: "InvalidAttributeValue",
                message: "Invalid value for the parameter Policy",
                within: Duration::from_secs(120),
            },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(60),
        stateful: true,
        actions: Actions {
            create: &["sqs:CreateQueue", "sqs:TagQueue"],
            read: &["sqs:GetQueueUrl", "sqs:GetQueueAttributes", "sqs:ListQueueTags"],
            update: &["sqs:GetQueueUrl", "sqs:SetQueueAttributes", "sqs:TagQueue", "sqs:UntagQueue"],
            delete: &["sqs:GetQueueUrl", "sqs:DeleteQueue"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.queue_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        crate::aws::iam::check_resource_policy("policy", spec, problems);
        check_fifo(spec, problems);
        let has = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        if has("kms_master_key_id") && spec.get("sqs_managed_sse_enabled") == Some(&Value::Bool(true)) {
            problems.error(Path::of("sqs_managed_sse_enabled"), "encryption with two keys", "leave out this or `kms_master_key_id`");
        }
        if has("kms_data_key_reuse_period_seconds") && !has("kms_master_key_id") {
            let path = Path::of("kms_data_key_reuse_period_seconds");
            problems.error(path, "how long the data key of no key is used", "write `kms_master_key_id` too, or leave it out");
        }
        let Some(allow) = spec.get("redrive_allow_policy").filter(|it| matches!(it, Value::Map(_))) else { return };
        let by_queue = match allow.get("redrive_permission") {
            Some(Value::Text(text)) => text == "byQueue",
            None | Some(Value::Null) => false,
            Some(_) => return,
        };
        let named = match allow.get("source_queue_arns") {
            Some(Value::List(list)) => !list.is_empty(),
            None | Some(Value::Null) => false,
            Some(_) => return,
        };
        let path = Path::of("redrive_allow_policy");
        if by_queue && !named {
            problems.error(path.key("redrive_permission"), "`byQueue` without `source_queue_arns`", "name the queues, or write `denyAll`");
        }
        if named && !by_queue {
            problems.error(path.key("source_queue_arns"), "queues that nothing is for", "write `redrive_permission: byQueue`");
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        // The list of all has nothing but their addresses.
        let lives = ids.iter().map(|id| async move { unless(read(world, id, wanted).await, GONE) });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = async { tags(world, &url(world, &id).await?).await };
        let ours = unless(found.await, GONE)?.is_some_and(|it| it.made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let late = ["policy", "redrive_allow_policy"];
        let settings = settings(spec).into_iter().filter(|it| !late.contains(&it.0) && !it.2.is_empty());
        let mut attributes: HashMap<_, _> = settings.map(|(_, name, value)| (name, value)).collect();
        if spec.fifo_queue {
            attributes.insert(Attribute::FifoQueue, "true".to_owned());
        }
        let name = spec.queue_name.clone().unwrap_or_default();
        let call = world.sqs().create_queue().queue_name(&name).set_attributes(Some(attributes));
        call.set_tags(Some(spec.tags.0.clone().into_iter().collect())).send().await.map_err(error)?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (sqs, url) = (world.sqs(), url(world, id).await?);
        let changed: Vec<_> = settings(to).into_iter().filter(|it| update.changes(it.0)).collect();
        if !changed.is_empty() {
            let mut attributes: HashMap<_, _> = changed.into_iter().map(|(_, name, value)| (name, value)).collect();
            if let Some(policy) = &to.policy {
                // The emulator forgets it with every call that leaves it out.
                attributes.insert(Attribute::Policy, document(policy));
            }
            sqs.set_queue_attributes().queue_url(&url).set_attributes(Some(attributes)).send().await.map_err(error)?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if !set.is_empty() {
            sqs.tag_queue().queue_url(&url).set_tags(Some(set.into_iter().collect())).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            sqs.untag_queue().queue_url(&url).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some(url) = unless(url(world, delete.id).await, GONE)? else { return Ok(()) };
        unless(world.sqs().delete_queue().queue_url(url).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];
const NINETY_SECONDS: Duration = Duration::from_secs(90);

fn mebibyte() -> i32 {
    1_048_576
}

fn four_days() -> i32 {
    345_600
}

fn half_a_minute() -> i32 {
    30
}

fn five_minutes() -> i32 {
    300
}

/// SQS answers with a number or with its digits, as it was told.
fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let value = Json::deserialize(deserializer)?;
    let number = value.as_i64().or_else(|| value.as_str()?.parse().ok()).and_then(|it| i32::try_from(it).ok());
    number.ok_or_else(|| serde::de::Error::custom("not a whole number"))
}

fn check_fifo(spec: &Value, problems: &mut Problems) {
    let name = spec.get("queue_name").filter(|it| !it.is_null());
    let ends = name.map(|it| it.as_text().is_none_or(|it| it.ends_with(".fifo")));
    let fifo = match spec.get("fifo_queue") {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return,
    };
    match (fifo, ends) {
        (true, None) => {
            problems.error(Path::of("fifo_queue"), "a FIFO queue without a name", "write `queue_name`, which ends in `.fifo`");
        }
        (true, Some(false)) => {
            problems.error(Path::of("queue_name"), "the name of a FIFO queue ends in `.fifo`", "add it, or leave `fifo_queue` out");
        }
        (false, Some(true)) if name.and_then(Value::as_text).is_some() => {
            problems.error(Path::of("queue_name"), "only the name of a FIFO queue ends in `.fifo`", "write `fifo_queue: true` too");
        }
        _ => {}
    }
    let text = |property: &str| spec.get(property).and_then(Value::as_text);
    for (property, idle) in
        [("content_based_deduplication", None), ("deduplication_scope", Some("queue")), ("fifo_throughput_limit", Some("perQueue"))]
    {
        let written = match spec.get(property) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Text(text)) => Some(text.as_str()) != idle,
            Some(_) => true,
        };
        if written && !fifo {
            problems.error(
                Path::of(property),
                format!("`{property}` on a queue that is not FIFO"),
                "write `fifo_queue: true` too, or remove it",
            );
        }
    }
    let scope = spec.get("deduplication_scope").is_none_or(Value::is_null).then_some("queue").or(text("deduplication_scope"));
    if text("fifo_throughput_limit") == Some("perMessageGroupId") && scope == Some("queue") {
        let help = "write `deduplication_scope: messageGroup` too";
        problems.error(Path::of("fifo_throughput_limit"), "a limit for each group, where the scope is the queue", help);
    }
}

/// Each property that is an attribute, as SQS takes it: nothing takes it away.
fn settings(spec: &Spec) -> Vec<(&'static str, Attribute, String)> {
    let mut settings = vec![
        ("delay_seconds", Attribute::DelaySeconds, spec.delay_seconds.to_string()),
        ("maximum_message_size", Attribute::MaximumMessageSize, spec.maximum_message_size.to_string()),
        ("message_retention_period", Attribute::MessageRetentionPeriod, spec.message_retention_period.to_string()),
        ("receive_message_wait_time_seconds", Attribute::ReceiveMessageWaitTimeSeconds, spec.receive_message_wait_time_seconds.to_string()),
        ("visibility_timeout", Attribute::VisibilityTimeout, spec.visibility_timeout.to_string()),
        ("redrive_policy", Attribute::RedrivePolicy, spec.redrive_policy.as_ref().map(redrive).unwrap_or_default()),
        ("redrive_allow_policy", Attribute::RedriveAllowPolicy, redrive_allow(&spec.redrive_allow_policy)),
        ("policy", Attribute::Policy, spec.policy.as_ref().map(document).unwrap_or_default()),
        ("kms_master_key_id", Attribute::KmsMasterKeyId, spec.kms_master_key_id.clone().unwrap_or_default()),
    ];
    if let Some(on) = spec.sqs_managed_sse_enabled
        && spec.kms_master_key_id.is_none()
    {
        settings.push(("sqs_managed_sse_enabled", Attribute::SqsManagedSseEnabled, on.to_string()));
    }
    if spec.kms_master_key_id.is_some() {
        let seconds = spec.kms_data_key_reuse_period_seconds.to_string();
        settings.push(("kms_data_key_reuse_period_seconds", Attribute::KmsDataKeyReusePeriodSeconds, seconds));
    }
    if spec.fifo_queue {
        settings.extend([
            ("content_based_deduplication", Attribute::ContentBasedDeduplication, spec.content_based_deduplication.to_string()),
            ("deduplication_scope", Attribute::DeduplicationScope, word(&spec.deduplication_scope)),
            ("fifo_throughput_limit", Attribute::FifoThroughputLimit, word(&spec.fifo_throughput_limit)),
        ]);
    }
    settings
}

fn redrive(it: &RedrivePolicy) -> String {
    json!({ "deadLetterTargetArn": it.dead_letter_target_arn, "maxReceiveCount": it.max_receive_count }).to_string()
}

fn redrive_allow(it: &RedriveAllowPolicy) -> String {
    let mut json = json!({ "redrivePermission": it.redrive_permission });
    if !it.source_queue_arns.is_empty() {
        json["sourceQueueArns"] = json!(it.source_queue_arns);
    }
    json.to_string()
}

async fn url(world: &Aws, id: &Id) -> Result<String> {
    let answer = world.sqs().get_queue_url().queue_name(id.as_str()).send().await.map_err(error)?;
    answer.queue_url.ok_or_else(|| Error::bug("GetQueueUrl", "the answer has no URL"))
}

async fn tags(world: &Aws, url: &str) -> Result<Tags> {
    let answer = world.sqs().list_queue_tags().queue_url(url).send().await.map_err(error)?;
    Ok(Tags::read(answer.tags.unwrap_or_default()))
}

/// An error with a code of [`GONE`] where it is not there.
async fn read(world: &Aws, id: &Id, wanted: &Wanted) -> Result<Live<Queue>> {
    let url = url(world, id).await?;
    let attributes = async {
        let call = world.sqs().get_queue_attributes().queue_url(&url).attribute_names(Attribute::All);
        call.send().await.map_err(error)
    };
    let tags = async { if wanted.has("tags") { tags(world, &url).await.map(Some) } else { Ok(None) } };
    let (attributes, tags) = try_join!(attributes, tags)?;
    let attributes = attributes.attributes.unwrap_or_default();
    let text = |name: Attribute| attributes.get(&name).map(String::as_str).filter(|it| !it.is_empty());
    let whole = |name: Attribute, default: i32| text(name).and_then(|it| it.parse().ok()).unwrap_or(default);
    let truth = |name: Attribute| text(name).map(|it| it.eq_ignore_ascii_case("true"));
    let unreadable =
        |why: serde_json::Error| Error::rejected("GetQueueAttributes", "Unreadable", format!("a policy that infra does not know: {why}"));
    let spec = Spec {
        queue_name: Some(id.0.clone()),
        fifo_queue: truth(Attribute::FifoQueue).unwrap_or_default(),
        content_based_deduplication: truth(Attribute::ContentBasedDeduplication).unwrap_or_default(),
        deduplication_scope: text(Attribute::DeduplicationScope).and_then(meaning).unwrap_or_default(),
        fifo_throughput_limit: text(Attribute::FifoThroughputLimit).and_then(meaning).unwrap_or_default(),
        delay_seconds: whole(Attribute::DelaySeconds, 0),
        maximum_message_size: whole(Attribute::MaximumMessageSize, mebibyte()),
        message_retention_period: whole(Attribute::MessageRetentionPeriod, four_days()),
        receive_message_wait_time_seconds: whole(Attribute::ReceiveMessageWaitTimeSeconds, 0),
        visibility_timeout: whole(Attribute::VisibilityTimeout, half_a_minute()),
        redrive_policy: text(Attribute::RedrivePolicy).map(serde_json::from_str).transpose().map_err(unreadable)?,
        redrive_allow_policy: text(Attribute::RedriveAllowPolicy)
            .map(serde_json::from_str)
            .transpose()
            .map_err(unreadable)?
            .unwrap_or_default(),
        policy: text(Attribute::Policy).map(policy),
        sqs_managed_sse_enabled: truth(Attribute::SqsManagedSseEnabled),
        kms_master_key_id: text(Attribute::KmsMasterKeyId).map(str::to_owned),
        kms_data_key_reuse_period_seconds: whole(Attribute::KmsDataKeyReusePeriodSeconds, five_minutes()),
        tags: tags.clone().unwrap_or_default(),
    };
    let arn = text(Attribute::QueueArn).unwrap_or_default().to_owned();
    let unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    Ok(Live { spec, outputs: Outputs { id: id.0.clone(), arn, url: url.clone() }, status: Status::Ready, unread })
}

#[cfg(test)]
mod tests;
