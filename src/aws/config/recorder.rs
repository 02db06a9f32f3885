//! <https://docs.aws.amazon.com/config/latest/APIReference/API_PutConfigurationRecorder.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_config::types::{
    ConfigSnapshotDeliveryProperties, ConfigurationRecorder, DeliveryChannel, ExclusionByResourceTypes, MaximumExecutionFrequency,
    RecordingFrequency as HowOften, RecordingGroup, RecordingMode, RecordingStrategy, RecordingStrategyType, ResourceType,
};
use futures::try_join;
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted, immutable,
        kept, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::Frequency;
use crate::aws::{
    arn,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Recorder;

/// The recorder of AWS Config with its delivery channel, of which a region has one each: what resources there are, and how each changed.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 256))]
    name: Option<String>,
    /// The ARN of the role that it looks at everything through.
    role_arn: String,
    /// What is recorded. Left out, everything but the global types.
    #[serde(default)]
    recording_group: Group,
    /// How often what changed is recorded: at once, unless something else was said before.
    #[schemars(transform = kept)]
    recording_frequency: Option<RecordingFrequency>,
    /// Where the records go to. Nothing is recorded without it.
    delivery_channel: Option<Channel>,
    /// Whether it records.
    #[serde(default = "yes")]
    recording: bool,
}

/// What is recorded. By default, everything but the global types.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Group {
    /// Whether it is everything that AWS Config knows, now and later.
    #[serde(default = "yes")]
    all_supported: bool,
    /// Whether users, groups, roles and policies of IAM are among it: in one region of an account only.
    #[serde(default)]
    include_global_resource_types: bool,
    /// Where it is not everything, these types: `AWS::S3::Bucket`.
    #[serde(default)]
    #[schemars(transform = set)]
    resource_types: Vec<String>,
    /// Where it is not everything, all but these types.
    #[serde(default)]
    #[schemars(transform = set)]
    exclusion_by_resource_types: Vec<String>,
}

impl Default for Group {
    fn default() -> Self {
        Self { all_supported: true, include_global_resource_types: false, resource_types: vec![], exclusion_by_resource_types: vec![] }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum RecordingFrequency {
    /// At once.
    Continuous,
    /// Once a day, which costs less where much changes.
    Daily,
}

/// Where the records go to.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Channel {
    /// The name of the bucket, whose policy has to let AWS Config in.
    #[schemars(length(min = 1))]
    s3_bucket_name: String,
    /// What their keys begin with.
    #[schemars(length(min = 1))]
    s3_key_prefix: Option<String>,
    /// The ARN of the KMS key that they are encrypted with.
    #[schemars(length(min = 1))]
    s3_kms_key_arn: Option<String>,
    /// The ARN of the topic that is told of every change.
    #[schemars(length(min = 1))]
    sns_topic_arn: Option<String>,
    /// How often a snapshot of everything is written. Left out, never.
    delivery_frequency: Option<Frequency>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the recorder.
    id: String,
}

impl Resource for Recorder {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "config.recorder";
    const FACTS: Facts = Facts {
        passing: &[
            // A role or the policy of a bucket that was made a moment ago.
            Passing { during: During::Create, code: "InvalidRoleException", message: "", within: TWO_MINUTES },
            Passing { during: During::Update, code: "InvalidRoleException", message: "", within: TWO_MINUTES },
            Passing { during: During::Update, code: "InsufficientDeliveryPolicyException", message: "", within: TWO_MINUTES },
            Passing { during: During::Update, code: "NoSuchBucketException", message: "", within: TWO_MINUTES },
            // It stops a while after it was told to.
            Passing { during: During::Any, code: "LastDeliveryChannelDeleteFailedException", message: "", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        actions: Actions {
            create: &["config:PutConfigurationRecorder", "iam:PassRole"],
            read: &[
                "config:DescribeConfigurationRecorders",
                "config:DescribeConfigurationRecorderStatus",
                "config:DescribeDeliveryChannels",
            ],
            update: &[
                "config:PutConfigurationRecorder",
                "config:PutDeliveryChannel",
                "config:DeleteDeliveryChannel",
                "config:DescribeDeliveryChannels",
                "config:StartConfigurationRecorder",
                "config:StopConfigurationRecorder",
                "iam:PassRole",
            ],
            delete: &[
                "config:StopConfigurationRecorder",
                "config:DescribeDeliveryChannels",
                "config:DeleteDeliveryChannel",
                "config:DeleteConfigurationRecorder",
            ],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        arn::ROLE.check(spec.get("role_arn"), Path::of("role_arn"), problems);
        let written = |name: &str| spec.get(name).filter(|it| !it.is_null());
        if !matches!(written("recording"), Some(Value::Bool(false) | Value::Unknown(_))) && written("delivery_channel").is_none() {
            let help = "write `delivery_channel: { s3_bucket_name: … }`, or `recording: false`";
            problems.error(Path::of("recording"), "nothing is recorded without a delivery channel", help);
        }
        let Some(group) = written("recording_group") else { return };
        let types = |name: &str| group.get(name).and_then(Value::as_list).is_some_and(|it| !it.is_empty());
        let unknown = |name: &str| group.get(name).is_some_and(Value::has_unknown);
        let all = match group.get("all_supported") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(it)) => *it,
            Some(_) => return,
        };
        let (some, but) = (types("resource_types"), types("exclusion_by_resource_types"));
        let path = Path::of("recording_group");
        if all && (some || but) {
            let name = if some { "resource_types" } else { "exclusion_by_resource_types" };
            let help = format!("write `all_supported: false` as well, or leave out `{name}`");
            problems.error(path.key(name), "everything is recorded already", help);
        } else if some && but {
            let help = "write what is recorded, or what is not";
            problems.error(path.key("resource_types"), "`resource_types` and `exclusion_by_resource_types` exclude each other", help);
        } else if !all && !some && !but && !unknown("resource_types") && !unknown("exclusion_by_resource_types") {
            problems.error(path.key("all_supported"), "nothing is left to record", "write `resource_types`, or `recording: false`");
        }
        if !all && matches!(group.get("include_global_resource_types"), Some(Value::Bool(true))) {
            let help = "leave it out, and name the types: `AWS::IAM::Role`";
            problems.error(path.key("include_global_resource_types"), "only for a recorder of everything", help);
        }
    }

    /// A region has one recorder and one channel, so that three calls tell all about any number of them.
    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let config = world.config();
        let (recorders, status, channel) = try_join!(
            async { config.describe_configuration_recorders().send().await.map_err(error) },
            async { config.describe_configuration_recorder_status().send().await.map_err(error) },
            channel(world),
        )?;
        let status = status.configuration_recorders_status.unwrap_or_default().into_iter();
        let recording: HashMap<String, bool> = status.filter_map(|it| Some((it.name?, it.recording))).collect();
        let recorders = recorders.configuration_recorders.unwrap_or_default().into_iter();
        let found: HashMap<String, ConfigurationRecorder> = recorders.filter_map(|it| Some((it.name.clone()?, it))).collect();
        let live = |id: &Id| {
            let recorder = found.get(id.as_str())?;
            Some(live(recorder, channel.as_ref(), recording.get(id.as_str()) == Some(&true)))
        };
        Ok(ids.iter().map(live).collect())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let name = create.spec.name.clone().unwrap_or_default();
        put(world, &name, create.spec).await?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let (config, name) = (world.config(), id.as_str());
        if ["role_arn", "recording_group", "recording_frequency"].iter().any(|it| update.changes(it)) {
            put(world, name, to).await?;
        }
        // It cannot record without the channel: started after it is there, stopped before it goes.
        if from.recording && !to.recording {
            config.stop_configuration_recorder().configuration_recorder_name(name).send().await.map_err(error)?;
        }
        if update.changes("delivery_channel") {
            let existing = channel(world).await?.and_then(|it| it.name);
            match (&to.delivery_channel, existing) {
                (Some(channel), existing) => put_channel(world, &existing.unwrap_or_else(|| name.to_owned()), channel).await?,
                (None, Some(existing)) => delete_channel(world, &existing).await?,
                (None, None) => {}
            }
        }
        if to.recording && !from.recording {
            config.start_configuration_recorder().configuration_recorder_name(name).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let (config, name) = (world.config(), delete.id.as_str());
        let stopped = config.stop_configuration_recorder().configuration_recorder_name(name).send().await.map_err(error);
        // Where this one is gone, the channel is somebody else's.
        if unless(stopped, GONE)?.is_none() {
            return Ok(());
        }
        if let Some(channel) = channel(world).await?.and_then(|it| it.name) {
            delete_channel(world, &channel).await?;
        }
        unless(config.delete_configuration_recorder().configuration_recorder_name(name).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["NoSuchConfigurationRecorderException"];
const TWO_MINUTES: Duration = Duration::from_secs(120);

fn yes() -> bool {
    true
}

/// Makes the recorder, or makes it equal to this.
async fn put(world: &Aws, name: &str, spec: &Spec) -> Result<()> {
    let group = &spec.recording_group;
    let types = |of: &[String]| of.iter().map(|it| ResourceType::from(it.as_str())).collect::<Vec<_>>();
    let strategy = match group {
        Group { all_supported: true, .. } => RecordingStrategyType::AllSupportedResourceTypes,
        Group { resource_types, .. } if !resource_types.is_empty() => RecordingStrategyType::InclusionByResourceTypes,
        _ => RecordingStrategyType::ExclusionByResourceTypes,
    };
    let excluded = (strategy == RecordingStrategyType::ExclusionByResourceTypes)
        .then(|| ExclusionByResourceTypes::builder().set_resource_types(Some(types(&group.exclusion_by_resource_types))).build());
    let recording_group = RecordingGroup::builder()
        .all_supported(group.all_supported)
        .include_global_resource_types(group.include_global_resource_types)
        .set_resource_types((!group.resource_types.is_empty()).then(|| types(&group.resource_types)))
        .set_exclusion_by_resource_types(excluded)
        .recording_strategy(RecordingStrategy::builder().use_only(strategy).build())
        .build();
    let mode = spec.recording_frequency.map(|it| RecordingMode::builder().recording_frequency(HowOften::from(word(&it).as_str())).build());
    let mode = mode.transpose().map_err(|it| Error::bug("PutConfigurationRecorder", it.to_string()))?;
    let recorder = ConfigurationRecorder::builder()
        .name(name)
        .role_arn(&spec.role_arn)
        .recording_group(recording_group)
        .set_recording_mode(mode)
        .build();
    world.config().put_configuration_recorder().configuration_recorder(recorder).send().await.map_err(error).map(drop)
}

/// The one channel of the region.
async fn channel(world: &Aws) -> Result<Option<DeliveryChannel>> {
    let answer = world.config().describe_delivery_channels().send().await.map_err(error)?;
    Ok(answer.delivery_channels.unwrap_or_default().into_iter().next())
}

async fn put_channel(world: &Aws, name: &str, channel: &Channel) -> Result<()> {
    let often = channel.delivery_frequency.as_ref().map(|it| {
        let often = MaximumExecutionFrequency::from(word(it).as_str());
        ConfigSnapshotDeliveryProperties::builder().delivery_frequency(often).build()
    });
    let channel = DeliveryChannel::builder()
        .name(name)
        .s3_bucket_name(&channel.s3_bucket_name)
        .set_s3_key_prefix(channel.s3_key_prefix.clone())
        .set_s3_kms_key_arn(channel.s3_kms_key_arn.clone())
        .set_sns_topic_arn(channel.sns_topic_arn.clone())
        .set_config_snapshot_delivery_properties(often)
        .build();
    world.config().put_delivery_channel().delivery_channel(channel).send().await.map_err(error).map(drop)
}

async fn delete_channel(world: &Aws, name: &str) -> Result<()> {
    let done = world.config().delete_delivery_channel().delivery_channel_name(name).send().await.map_err(error);
    unless(done, &["NoSuchDeliveryChannelException"]).map(drop)
}

fn live(it: &ConfigurationRecorder, channel: Option<&DeliveryChannel>, recording: bool) -> Live<Recorder> {
    let types = |of: &[ResourceType]| of.iter().map(|it| it.as_str().to_owned()).collect();
    let group = it.recording_group.as_ref().map(|it| Group {
        all_supported: it.all_supported,
        include_global_resource_types: it.include_global_resource_types,
        resource_types: types(it.resource_types()),
        exclusion_by_resource_types: it.exclusion_by_resource_types().map(|it| types(it.resource_types())).unwrap_or_default(),
    });
    let often = |it: &ConfigSnapshotDeliveryProperties| it.delivery_frequency().and_then(|it| meaning(it.as_str()));
    let id = it.name.clone().unwrap_or_default();
    let spec = Spec {
        name: it.name.clone(),
        role_arn: it.role_arn.clone().unwrap_or_default(),
        recording_group: group.unwrap_or_default(),
        recording_frequency: it.recording_mode().and_then(|it| meaning(it.recording_frequency().as_str())),
        delivery_channel: channel.map(|it| Channel {
            s3_bucket_name: it.s3_bucket_name.clone().unwrap_or_default(),
            s3_key_prefix: it.s3_key_prefix.clone(),
            s3_kms_key_arn: it.s3_kms_key_arn.clone(),
            sns_topic_arn: it.sns_topic_arn.clone(),
            delivery_frequency: it.config_snapshot_delivery_properties().and_then(often),
        }),
        recording,
    };
    Live { spec, outputs: Outputs { id }, status: Status::Ready, unread: vec![] }
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, AnyUpdate};
    use serde_json::{Value as Json, json};

    use super::Recorder;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn something_is_recorded_and_goes_somewhere() {
        let with = |group: Json| json!({ "recording": false, "recording_group": group });
        for (spec, expected) in [
            (json!({ "delivery_channel": { "s3_bucket_name": "a" } }), vec![]),
            (json!({}), vec!["nothing is recorded without a delivery channel"]),
            (with(json!({ "include_global_resource_types": true })), vec![]),
            (with(json!({ "all_supported": false, "resource_types": ["AWS::S3::Bucket"] })), vec![]),
            (
                with(json!({ "resource_types": ["AWS::S3::Bucket"] })),
                vec!["recording_group.resource_types: everything is recorded already"],
            ),
            (with(json!({ "all_supported": false })), vec!["recording_group.all_supported: nothing is left to record"]),
            (
                with(json!({ "all_supported": false, "resource_types": ["a"], "exclusion_by_resource_types": ["b"] })),
                vec!["recording_group.resource_types: `resource_types` and `exclusion_by_resource_types` exclude each other"],
            ),
            (
                with(json!({ "all_supported": false, "resource_types": ["a"], "include_global_resource_types": true })),
                vec!["recording_group.include_global_resource_types: only for a recorder of everything"],
            ),
        ] {
            assert_eq!(complaints::<Recorder>(spec), expected);
        }
    }

    /// A region in which a channel of another name is there.
    async fn region() -> Wire {
        Wire::with(|request| match request.operation() {
            "DescribeDeliveryChannels" => Answer::Say(200, r#"{"DeliveryChannels":[{"name":"default","s3BucketName":"a"}]}"#),
            _ => Answer::Say(200, "{}"),
        })
        .await
    }

    fn calls(wire: &Wire) -> Vec<String> {
        wire.sent().into_iter().map(|(action, _)| action).collect()
    }

    #[tokio::test]
    async fn it_stops_before_its_channel_goes_and_starts_after_it_is_there() {
        let with =
            |recording: bool, channel: Json| json!({ "name": "r", "role_arn": "a", "recording": recording, "delivery_channel": channel });
        let changed = ["recording", "delivery_channel"].map(str::to_owned).into();
        for (from, to, expected) in [
            (
                with(true, json!({ "s3_bucket_name": "a" })),
                with(false, Json::Null),
                ["StopConfigurationRecorder", "DescribeDeliveryChannels", "DeleteDeliveryChannel"],
            ),
            (
                with(false, Json::Null),
                with(true, json!({ "s3_bucket_name": "a" })),
                ["DescribeDeliveryChannels", "PutDeliveryChannel", "StartConfigurationRecorder"],
            ),
        ] {
            let wire = region().await;
            let update = AnyUpdate { id: &"r".into(), from: &from, to: &to, changed: &changed };
            Recorder.update(&wire.world, update).await.expect("update");
            assert_eq!(calls(&wire), expected);
            let sent = wire.sent();
            let named = sent.iter().find_map(|(_, it)| it.get("DeliveryChannelName").or(it["DeliveryChannel"].get("name")));
            assert_eq!(named, Some(&json!("default")), "the channel that is there, whatever its name");
        }
    }

    #[tokio::test]
    async fn it_stops_and_its_channel_goes_before_it_does() {
        let wire = region().await;
        Recorder.delete(&wire.world, &"r".into(), &json!({ "role_arn": "a" })).await.expect("delete");
        let expected = ["StopConfigurationRecorder", "DescribeDeliveryChannels", "DeleteDeliveryChannel", "DeleteConfigurationRecorder"];
        assert_eq!(calls(&wire), expected);
    }

    #[tokio::test]
    async fn where_it_is_gone_the_channel_of_another_stays() {
        let gone = r#"{"__type":"NoSuchConfigurationRecorderException","message":"Cannot find configuration recorder"}"#;
        let wire = Wire::answering(Answer::Say(400, gone)).await;
        Recorder.delete(&wire.world, &"r".into(), &json!({ "role_arn": "a" })).await.expect("delete");
        assert_eq!(calls(&wire), ["StopConfigurationRecorder"]);
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "config.recorder",
            changes: &[
                "role_arn: arn:aws:iam::123456789012:role/another",
                "recording_group: { all_supported: true }",
                "recording_group: { all_supported: false, resource_types: ['AWS::S3::Bucket', 'AWS::RDS::DBInstance'] }",
                "recording_group: { all_supported: false, exclusion_by_resource_types: ['AWS::S3::Bucket'] }",
                "delivery_channel: { s3_bucket_name: example-another, s3_key_prefix: config, delivery_frequency: One_Hour }",
                "recording: false",
                "delivery_channel: null",
                "delivery_channel: { s3_bucket_name: example-records }",
            ],
            replacements: &["name: example-another"],
            // The emulator does not keep it.
            untried: &["recording_frequency"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
