//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html>

use std::time::Duration;

use aws_sdk_ec2::types::{
    DestinationFileFormat, DestinationOptionsRequest, Filter, FlowLog as Described, FlowLogsResourceType, LogDestinationType, ResourceType,
    TrafficType,
};
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{describe, made, made_by, retag, tag_specifications, tags, unknown, vpc_endpoint::unsuccessful};
use crate::aws::{
    arn,
    calls::all,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct FlowLog;

/// A flow log: a record of the traffic of a VPC, a subnet or a network interface.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// What it watches.
    #[schemars(transform = immutable)]
    resource_type: Watched,
    /// The id of what it watches.
    #[schemars(transform = immutable)]
    resource_id: String,
    /// Which traffic it records.
    #[serde(default)]
    #[schemars(transform = immutable)]
    traffic_type: Traffic,
    /// Where it writes.
    #[serde(default)]
    #[schemars(transform = immutable)]
    log_destination_type: Destination,
    /// The ARN of the log group, of the bucket or of a folder in it, or of the stream.
    #[schemars(transform = immutable)]
    log_destination: Option<String>,
    /// The name of the log group, instead of `log_destination`.
    #[schemars(transform = immutable)]
    log_group_name: Option<String>,
    /// The ARN of the role that may write to the log group, or to a stream of another account.
    #[schemars(transform = immutable)]
    deliver_logs_permission_arn: Option<String>,
    /// The ARN of the role that may write across accounts.
    #[schemars(transform = immutable)]
    deliver_cross_account_role: Option<String>,
    /// The fields of a record, in their order: `${version} ${srcaddr} …`, in a stack file with `$${` for each `${`.
    #[schemars(transform = immutable)]
    log_format: Option<String>,
    /// For how many seconds traffic is put together in one record: 60 or 600.
    #[serde(default = "ten_minutes")]
    #[schemars(transform = immutable, range(min = 60, max = 600))]
    max_aggregation_interval: i32,
    /// How files in a bucket are written.
    #[schemars(transform = immutable)]
    destination_options: Option<DestinationOptions>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Watched {
    /// All of a VPC.
    #[serde(rename = "VPC")]
    Vpc,
    /// All of a subnet.
    Subnet,
    /// One network interface.
    NetworkInterface,
    /// All of a transit gateway.
    TransitGateway,
    /// One attachment of a transit gateway.
    TransitGatewayAttachment,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Traffic {
    /// Everything.
    #[default]
    All,
    /// What is let through.
    Accept,
    /// What is turned away.
    Reject,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Destination {
    /// A log group of CloudWatch Logs.
    #[default]
    CloudWatchLogs,
    /// A bucket of S3.
    S3,
    /// A stream of Data Firehose.
    KinesisDataFirehose,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct DestinationOptions {
    /// The format of the files.
    #[serde(default)]
    file_format: FileFormat,
    /// Whether the folders are named so that Hive tools understand them.
    #[serde(default)]
    hive_compatible_partitions: bool,
    /// Whether there is a folder for each hour rather than for each day.
    #[serde(default)]
    per_hour_partition: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FileFormat {
    /// Text.
    #[default]
    PlainText,
    /// Apache Parquet.
    Parquet,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the flow log.
    id: String,
}

impl Resource for FlowLog {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.flow_log";
    const FACTS: Facts = Facts {
        passing: &[
            // A fresh role is not known everywhere at once.
            Passing { during: During::Create, code: "InvalidParameter", message: "Unable to assume", within: Duration::from_secs(120) },
            Passing { during: During::Create, code: "InvalidVpcId.NotFound", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Create, code: "InvalidSubnetId.NotFound", message: "", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        apart: &["resource_id", "traffic_type", "log_destination_type", "log_destination", "log_group_name"],
        token: true,
        visible_within: Duration::from_secs(300),
        actions: Actions {
            create: &[
                "ec2:CreateFlowLogs",
                "ec2:CreateTags",
                "iam:PassRole",
                "logs:CreateLogDelivery",
                "s3:GetBucketPolicy",
                "s3:PutBucketPolicy",
            ],
            read: &["ec2:DescribeFlowLogs"],
            update: &["ec2:CreateTags", "ec2:DeleteTags"],
            delete: &["ec2:DeleteFlowLogs", "logs:DeleteLogDelivery"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        if let Some(Value::Int(seconds)) = spec.get("max_aggregation_interval")
            && ![60, 600].contains(seconds)
        {
            problems.error(Path::of("max_aggregation_interval"), format!("{seconds} seconds are not possible"), "AWS takes 60 or 600");
        }
        check_ends(spec, problems);
        let to_logs = match spec.get("log_destination_type") {
            None | Some(Value::Null) => true,
            Some(Value::Text(kind)) => kind == "cloud-watch-logs",
            Some(_) => return,
        };
        let written = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        if to_logs {
            match (written("log_group_name"), written("log_destination")) {
                (false, false) => {
                    problems.error(
                        Path::default(),
                        "a flow log without a log group",
                        "write `log_group_name`, or its ARN as `log_destination`",
                    );
                }
                (true, true) => problems.error(
                    Path::of("log_destination"),
                    "the log group is named twice",
                    "remove one of `log_group_name` and `log_destination`",
                ),
                _ => {}
            }
            if !written("deliver_logs_permission_arn") {
                problems.error(
                    Path::default(),
                    "a flow log that may not write",
                    "write the ARN of a role that may write to the log group as `deliver_logs_permission_arn`",
                );
            }
            if written("destination_options") {
                problems.error(
                    Path::of("destination_options"),
                    "`destination_options` for a log group",
                    "they are for `log_destination_type: s3`",
                );
            }
        } else {
            if !written("log_destination") {
                problems.error(Path::default(), "a flow log without a destination", "write the ARN as `log_destination`");
            }
            // A stream of another account takes a role.
            let to_bucket = spec.get("log_destination_type").and_then(Value::as_text) == Some("s3");
            for (property, unfit) in [("log_group_name", true), ("deliver_logs_permission_arn", to_bucket)] {
                if unfit && written(property) {
                    problems.error(Path::of(property), format!("`{property}` for a destination other than CloudWatch Logs"), "remove it");
                }
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = describe(ids, "flow-log-id", |by| flow_logs(world, by), |it| it.flow_log_id()).await?;
        Ok(found.into_iter().map(|it| it.map(live)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = flow_logs(world, made_by(find.operation)).await?;
        Ok(unknown(found.into_iter().map(|it| it.flow_log_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        // A transit gateway records everything and takes no choice.
        let choice = !matches!(spec.resource_type, Watched::TransitGateway | Watched::TransitGatewayAttachment);
        let options = spec.destination_options.as_ref().map(|it| {
            DestinationOptionsRequest::builder()
                .file_format(DestinationFileFormat::from(word(&it.file_format).as_str()))
                .hive_compatible_partitions(it.hive_compatible_partitions)
                .per_hour_partition(it.per_hour_partition)
                .build()
        });
        let answer = world
            .ec2()
            .create_flow_logs()
            .client_token(create.token)
            .resource_type(FlowLogsResourceType::from(word(&spec.resource_type).as_str()))
            .resource_ids(&spec.resource_id)
            .set_traffic_type(choice.then(|| TrafficType::from(word(&spec.traffic_type).as_str())))
            .log_destination_type(LogDestinationType::from(word(&spec.log_destination_type).as_str()))
            .set_log_destination(spec.log_destination.clone())
            .set_log_group_name(spec.log_group_name.clone())
            .set_deliver_logs_permission_arn(spec.deliver_logs_permission_arn.clone())
            .set_deliver_cross_account_role(spec.deliver_cross_account_role.clone())
            .set_log_format(spec.log_format.clone())
            .max_aggregation_interval(spec.max_aggregation_interval)
            .set_destination_options(options)
            .set_tag_specifications(tag_specifications(ResourceType::VpcFlowLog, &spec.tags))
            .send()
            .await
            .map_err(error)?;
        if let Some(item) = answer.unsuccessful.unwrap_or_default().into_iter().next() {
            return Err(unsuccessful("CreateFlowLogs", item));
        }
        made("CreateFlowLogs", answer.flow_log_ids.unwrap_or_default().into_iter().next())
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        retag(world, update.id, &update.from.tags, &update.to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let answer = world.ec2().delete_flow_logs().flow_log_ids(delete.id.as_str()).send().await.map_err(error);
        let refused = unless(answer, GONE)?.and_then(|it| it.unsuccessful).unwrap_or_default().into_iter().next();
        unless(refused.map_or(Ok(()), |it| Err(unsuccessful("DeleteFlowLogs", it))), GONE).map(drop)
    }
}

const GONE: &[&str] = &["InvalidFlowLogId.NotFound"];

fn ten_minutes() -> i32 {
    600
}

async fn flow_logs(world: &Aws, by: Filter) -> Result<Vec<Described>> {
    all!(world.ec2().describe_flow_logs().filter(by))
}

/// The answer does not say what kind of thing is watched, but its id does.
fn watched(id: &str) -> Watched {
    match id.rsplit_once('-').map_or(id, |(kind, _)| kind) {
        "subnet" => Watched::Subnet,
        "eni" => Watched::NetworkInterface,
        "tgw" => Watched::TransitGateway,
        "tgw-attach" => Watched::TransitGatewayAttachment,
        _ => Watched::Vpc,
    }
}

fn live(it: Described) -> Live<FlowLog> {
    let spec = Spec {
        resource_type: watched(it.resource_id().unwrap_or_default()),
        resource_id: it.resource_id.clone().unwrap_or_default(),
        traffic_type: it.traffic_type().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        log_destination_type: it.log_destination_type().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        log_destination: it.log_destination.clone(),
        log_group_name: it.log_group_name.clone(),
        deliver_logs_permission_arn: it.deliver_logs_permission_arn.clone(),
        deliver_cross_account_role: it.deliver_cross_account_role.clone(),
        log_format: it.log_format.clone(),
        max_aggregation_interval: it.max_aggregation_interval.unwrap_or_else(ten_minutes),
        destination_options: it.destination_options().map(|it| DestinationOptions {
            file_format: it.file_format().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
            hive_compatible_partitions: it.hive_compatible_partitions().unwrap_or_default(),
            per_hour_partition: it.per_hour_partition().unwrap_or_default(),
        }),
        tags: tags(it.tags()),
    };
    Live { spec, outputs: Outputs { id: it.flow_log_id.unwrap_or_default() }, status: Status::Ready, unread: vec![] }
}

/// What the id of each kind of thing begins with. That of an attachment comes first, as the next one begins so too.
const IDS: &[(&str, &str)] = &[
    ("TransitGatewayAttachment", "tgw-attach-"),
    ("TransitGateway", "tgw-"),
    ("VPC", "vpc-"),
    ("Subnet", "subnet-"),
    ("NetworkInterface", "eni-"),
];

/// Something else is watched than is said, or it is written to something else.
fn check_ends(spec: &Value, problems: &mut Problems) {
    let text = |property: &str| spec.get(property).and_then(Value::as_text);
    if let (Some(kind), Some(id)) = (text("resource_type"), text("resource_id"))
        && let Some((other, _)) = IDS.iter().find(|it| id.starts_with(it.1)).filter(|it| it.0 != kind)
    {
        let help = format!("write `resource_type: {other}`, or the id of what is to be watched");
        problems.error(Path::of("resource_id"), format!("`{id}` is no {kind}"), help);
    }
    arn::ROLE.check(spec.get("deliver_logs_permission_arn"), Path::of("deliver_logs_permission_arn"), problems);
    let destination = match spec.get("log_destination_type").map_or(Some("cloud-watch-logs"), Value::as_text) {
        Some("cloud-watch-logs") => arn::LOG_GROUP,
        Some("s3") => arn::BUCKET,
        Some("kinesis-data-firehose") => arn::STREAM,
        _ => return,
    };
    destination.check(spec.get("log_destination"), Path::of("log_destination"), problems);
}

#[cfg(test)]
mod tests {
    use infra::resource::AnyResource as _;
    use serde_json::json;

    use super::{FlowLog, Watched, watched};
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[tokio::test]
    async fn a_refusal_within_a_success_is_a_refusal() {
        let wire = Wire::scripted(&[(
            "CreateFlowLogs",
            Answer::Xml(
                "<flowLogIdSet/><unsuccessful><item><resourceId>vpc-1</resourceId><error><code>InvalidParameter</code>\
                 <message>Unable to assume given IAM role</message></error></item></unsuccessful>",
            ),
        )])
        .await;
        let spec = json!({ "resource_type": "VPC", "resource_id": "vpc-1", "log_group_name": "a" });
        let refused = FlowLog.create(&wire.world, &spec, "0123456789abcdef0123456789abcdef").await.expect_err("the refusal");
        assert_eq!(refused.to_string(), "CreateFlowLogs: InvalidParameter: Unable to assume given IAM role");
    }

    #[test]
    fn the_destination_must_be_named_once_and_fit_its_kind() {
        const ROLE: &str = "arn:aws:iam::123456789012:role/r";
        for (spec, expected) in [
            (json!({ "log_group_name": "a", "deliver_logs_permission_arn": ROLE }), vec![]),
            (json!({ "log_group_name": "a" }), vec!["a flow log that may not write"]),
            (json!({ "log_destination_type": "s3", "log_destination": "arn:aws:s3:::a", "max_aggregation_interval": 60 }), vec![]),
            (json!({ "deliver_logs_permission_arn": ROLE }), vec!["a flow log without a log group"]),
            (
                json!({ "log_group_name": "a", "log_destination": "arn:aws:logs:eu-central-1:123456789012:log-group:b", "deliver_logs_permission_arn": ROLE }),
                vec!["the log group is named twice"],
            ),
            (json!({ "log_destination_type": "s3" }), vec!["a flow log without a destination"]),
            (
                json!({ "log_destination_type": "s3", "log_destination": "arn:aws:s3:::a", "log_group_name": "b" }),
                vec!["`log_group_name` for a destination other than CloudWatch Logs"],
            ),
            (
                json!({ "log_destination_type": "s3", "log_destination": "arn:aws:s3:::a", "deliver_logs_permission_arn": ROLE }),
                vec!["`deliver_logs_permission_arn` for a destination other than CloudWatch Logs"],
            ),
            (
                json!({ "log_destination_type": "kinesis-data-firehose", "log_destination": "arn:aws:firehose:eu-central-1:123456789012:deliverystream/a", "deliver_logs_permission_arn": ROLE }),
                vec![],
            ),
            (
                json!({ "log_destination_type": "s3", "log_destination": "arn:aws:s3:::a", "max_aggregation_interval": 120 }),
                vec!["120 seconds are not possible"],
            ),
            (json!({ "log_destination_type": "s3", "log_destination": "a" }), vec!["`a` is not the ARN of a bucket"]),
            (
                json!({ "log_destination": "arn:aws:s3:::a", "deliver_logs_permission_arn": ROLE }),
                vec!["`arn:aws:s3:::a` is not the ARN of a log group"],
            ),
            (json!({ "log_group_name": "a", "deliver_logs_permission_arn": "r" }), vec!["`r` is not the ARN of a role"]),
            (
                json!({ "resource_type": "VPC", "resource_id": "subnet-1", "log_destination_type": "s3", "log_destination": "arn:aws:s3:::a" }),
                vec!["`subnet-1` is no VPC"],
            ),
            (
                json!({ "resource_type": "TransitGatewayAttachment", "resource_id": "tgw-attach-1", "log_group_name": "a", "deliver_logs_permission_arn": ROLE }),
                vec![],
            ),
            (
                json!({ "resource_type": "TransitGateway", "resource_id": "tgw-attach-1", "log_group_name": "a", "deliver_logs_permission_arn": ROLE }),
                vec!["`tgw-attach-1` is no TransitGateway"],
            ),
        ] {
            assert_eq!(complaints::<FlowLog>(spec), expected);
        }
    }

    #[test]
    fn an_id_says_what_it_is_of() {
        for (id, kind) in [
            ("vpc-1", Watched::Vpc),
            ("subnet-1", Watched::Subnet),
            ("eni-1", Watched::NetworkInterface),
            ("tgw-1", Watched::TransitGateway),
            ("tgw-attach-1", Watched::TransitGatewayAttachment),
        ] {
            assert_eq!(watched(id), kind, "{id}");
        }
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "ec2.flow_log",
            absent: "fl-0123456789abcdef0",
            extra: r#"
                other: { ec2.vpc: { cidr_block: 10.1.0.0/16 } }
                more: { logs.log_group: { log_group_name: /example/more } }
            "#,
            replacements: &[
                "resource_id: ${other.id}",
                "traffic_type: REJECT",
                "log_group_name: ${more.id}",
                "deliver_logs_permission_arn: 'arn:aws:iam::123456789012:role/another'",
                "log_format: '$${version} $${srcaddr}'",
                "max_aggregation_interval: 60",
            ],
            // What it watches and where it writes take more than one property each to say; the emulator keeps no role across accounts.
            untried: &["resource_type", "log_destination_type", "log_destination", "destination_options", "deliver_cross_account_role"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
