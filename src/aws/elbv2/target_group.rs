//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html>

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, TargetGroup as Described, TargetGroupAttribute, TargetGroupIpAddressTypeEnum, TargetTypeEnum,
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, kept, set, unique,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::targets::Target;
use super::{Protocol, attribute, check_name, describe, has, list, made_by, plain_attributes, retag, wanted_tags};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

mod check;
mod targets;

pub(crate) struct TargetGroup;

/// A target group: where listeners and rules send requests, and how it is found out which targets are well. Its attributes are
/// properties here: `slow_start_duration_seconds` is the attribute `slow_start.duration_seconds`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other target group of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 32), regex(pattern = r"[A-Za-z0-9-]+"))]
    name: Option<String>,
    /// What its targets are. Tasks on Fargate have IP addresses.
    #[serde(default)]
    #[schemars(transform = immutable)]
    target_type: TargetType,
    /// How targets are spoken to. All but Lambda functions need it.
    #[schemars(transform = immutable)]
    protocol: Option<Protocol>,
    /// Which HTTP they speak. Left out, HTTP/1.1.
    #[schemars(transform = immutable)]
    protocol_version: Option<ProtocolVersion>,
    /// The port of all targets that are registered without one. All but Lambda functions need it.
    #[schemars(transform = immutable, range(min = 1, max = 65535))]
    port: Option<i32>,
    /// The VPC of its targets. All but Lambda functions need it.
    #[schemars(transform = immutable)]
    vpc_id: Option<String>,
    /// The kind of its targets' addresses.
    #[serde(default)]
    #[schemars(transform = immutable)]
    ip_address_type: AddressType,
    /// Whether health is checked at all; for Lambda functions, the others always are. It stays when it is removed.
    #[schemars(transform = kept)]
    health_check_enabled: Option<bool>,
    /// How health is asked for. Left out, HTTP where requests are HTTP, else TCP; it stays when it is removed.
    #[schemars(transform = kept)]
    health_check_protocol: Option<Protocol>,
    /// The port that is asked, or `traffic-port` for the one that requests go to.
    #[serde(default = "traffic_port")]
    #[schemars(regex(pattern = r"traffic-port|[1-9][0-9]{0,4}"))]
    health_check_port: String,
    /// The path that is asked for. Left out, `/`; it stays when it is removed.
    #[schemars(transform = kept, length(min = 1, max = 1024))]
    health_check_path: Option<String>,
    /// How many seconds lie between two checks. It stays when it is removed.
    #[schemars(transform = kept, range(min = 5, max = 300))]
    health_check_interval_seconds: Option<i32>,
    /// How many seconds an answer may take. It stays when it is removed.
    #[schemars(transform = kept, range(min = 2, max = 120))]
    health_check_timeout_seconds: Option<i32>,
    /// How many checks in a row must succeed until a target counts as well. It stays when it is removed.
    #[schemars(transform = kept, range(min = 2, max = 10))]
    healthy_threshold_count: Option<i32>,
    /// How many checks in a row must fail until a target counts as unwell. It stays when it is removed.
    #[schemars(transform = kept, range(min = 2, max = 10))]
    unhealthy_threshold_count: Option<i32>,
    /// The codes of a good answer: `200`, `200,301` or `200-299`; of gRPC, `0` to `99`. They stay when they are removed.
    #[schemars(transform = kept, regex(pattern = r"[0-9]{1,3}(-[0-9]{1,3})?(,[0-9]{1,3}(-[0-9]{1,3})?)*"))]
    matcher: Option<String>,
    /// For how many seconds a target that is taken out still gets to finish what it is at.
    #[serde(default = "five_minutes")]
    #[schemars(range(min = 0, max = 3600))]
    deregistration_delay_timeout_seconds: i32,
    /// Whether connections are closed at the end of that time. For TCP and UDP.
    #[serde(default)]
    deregistration_delay_connection_termination_enabled: bool,
    /// Over how many seconds a new target gets more and more of its share: 30 to 900, or 0 for its full share at once. For HTTP.
    #[serde(default)]
    #[schemars(range(min = 0, max = 900))]
    slow_start_duration_seconds: i32,
    /// Which target gets the next request. For HTTP.
    #[serde(default)]
    load_balancing_algorithm_type: Algorithm,
    /// Whether targets in all zones get requests from each node of the load balancer.
    #[serde(default)]
    load_balancing_cross_zone_enabled: CrossZone,
    /// How a client is led to the same target again. Left out or removed, it is not.
    stickiness: Option<Stickiness>,
    /// Whether targets see the address of the client instead of that of the load balancer. For TCP and UDP; it stays when it is
    /// removed.
    #[schemars(transform = kept)]
    preserve_client_ip_enabled: Option<bool>,
    /// Whether targets are told of the client by the proxy protocol. For TCP and UDP.
    #[serde(default)]
    proxy_protocol_v2_enabled: bool,
    /// Whether headers come to the function as lists. For Lambda functions.
    #[serde(default)]
    lambda_multi_value_headers_enabled: bool,
    /// What it sends requests to: these targets and no others. Left out, it is left to who registers them, as ECS does for its
    /// services; when it is removed, they are taken out.
    #[schemars(transform = set)]
    targets: Option<Vec<Target>>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum TargetType {
    /// EC2 instances, by their ids.
    #[default]
    Instance,
    /// Anything with an IP address.
    Ip,
    /// One Lambda function.
    Lambda,
    /// One application load balancer, behind a network load balancer.
    Alb,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum ProtocolVersion {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// gRPC over HTTP/2.
    Grpc,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressType {
    /// IPv4.
    #[default]
    Ipv4,
    /// IPv6.
    Ipv6,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Algorithm {
    /// The next in turn.
    #[default]
    RoundRobin,
    /// The one with the fewest requests under way.
    LeastOutstandingRequests,
    /// A random one, by weights that fall with errors.
    WeightedRandom,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CrossZone {
    /// As the load balancer has it.
    #[default]
    UseLoadBalancerConfiguration,
    /// Those in all zones do.
    True,
    /// Only those in the node's own zone do.
    False,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Stickiness {
    /// What a client is known by.
    r#type: StickinessType,
    /// For how many seconds it counts; for cookies.
    #[serde(default = "day")]
    #[schemars(range(min = 1, max = 604_800))]
    duration_seconds: i32,
    /// The name of the application's own cookie; for `app_cookie`.
    cookie_name: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StickinessType {
    /// A cookie of the load balancer; for HTTP.
    LbCookie,
    /// A cookie of the application; for HTTP.
    AppCookie,
    /// Its address; for TCP and UDP.
    SourceIp,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the target group.
    id: String,
    /// The ARN of the target group.
    arn: String,
    /// The end of its ARN, which its metrics are found by: `targetgroup/example/73e2d6bc24d8a067`.
    target_group_full_name: String,
}

impl Resource for TargetGroup {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "elbv2.target_group";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(1), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        passing: &[
            // The VPC was made a moment ago.
            Passing { during: During::Create, code: "ValidationError", message: "is not found", within: Duration::from_secs(120) },
            Passing { during: During::Update, code: "TargetGroupNotFound", message: "", within: Duration::from_secs(60) },
            // The permission to call the function is given to the load balancer at the same time.
            Passing { during: During::Update, code: "AccessDenied", message: "permission to invoke", within: Duration::from_secs(120) },
            // The listener or rule that used it was changed or deleted a moment ago.
            Passing { during: During::Delete, code: "ResourceInUse", message: "", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        create_first: true,
        actions: Actions {
            create: &["elasticloadbalancing:CreateTargetGroup", "elasticloadbalancing:AddTags"],
            read: &[
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetGroupAttributes",
                "elasticloadbalancing:DescribeTargetHealth",
                "elasticloadbalancing:DescribeTags",
            ],
            update: &[
                "elasticloadbalancing:ModifyTargetGroup",
                "elasticloadbalancing:ModifyTargetGroupAttributes",
                "elasticloadbalancing:RegisterTargets",
                "elasticloadbalancing:DeregisterTargets",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
            ],
            delete: &["elasticloadbalancing:DeleteTargetGroup"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_name(spec, problems);
        check::check(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = by_name(world, ids).await?;
        let arns: Vec<Id> = found.iter().flatten().map(arn).map(Id).collect();
        let mut tags = wanted_tags(world, &arns, wanted).await?;
        let attributes = wanted.has("stickiness") || ATTRIBUTES.iter().any(|it| wanted.has(it.0));
        let more = found.iter().flatten().map(async |it| {
            let arn = Id(arn(it));
            let attributes = if attributes { read_attributes(world, &arn).await? } else { None };
            let targets = if wanted.has("targets") { targets::read(world, &arn, it.port()).await? } else { None };
            Ok((attributes, targets))
        });
        let more = abreast(more).await?;
        let mut more = more.into_iter();
        let mut live = |it: Described| {
            let (attributes, targets) = more.next().unwrap_or_default();
            live(it, tags.next().flatten(), attributes, targets)
        };
        Ok(found.into_iter().map(|it| it.map(&mut live)).collect::<Vec<_>>())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let Some(found) = one(world, &id).await? else { return Ok(None) };
        let made = made_by(world, vec![Id(arn(&found))], find.operation, find.known).await?;
        Ok(made.map(|_| id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let lambda = spec.target_type == TargetType::Lambda;
        let call = world
            .elbv2()
            .create_target_group()
            .set_name(spec.name.clone())
            .target_type(TargetTypeEnum::from(word(&spec.target_type).as_str()))
            .set_protocol(spec.protocol.map(ProtocolEnum::from))
            .set_protocol_version(spec.protocol_version.map(|it| word(&it)))
            .set_port(spec.port)
            .set_vpc_id(spec.vpc_id.clone())
            .set_ip_address_type(
                (spec.ip_address_type != AddressType::Ipv4)
                    .then(|| TargetGroupIpAddressTypeEnum::from(word(&spec.ip_address_type).as_str())),
            )
            .set_health_check_enabled(spec.health_check_enabled)
            .set_health_check_protocol(spec.health_check_protocol.map(ProtocolEnum::from))
            .set_health_check_port((!lambda).then(|| spec.health_check_port.clone()))
            .set_health_check_path(spec.health_check_path.clone())
            .set_health_check_interval_seconds(spec.health_check_interval_seconds)
            .set_health_check_timeout_seconds(spec.health_check_timeout_seconds)
            .set_healthy_threshold_count(spec.healthy_threshold_count)
            .set_unhealthy_threshold_count(spec.unhealthy_threshold_count)
            .set_matcher(spec.matcher())
            .set_tags(list(spec.tags.0.clone()));
        call.send().await.map_err(error)?;
        Ok(Id(spec.name.clone().unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changed.is_empty() {
            return Ok(());
        }
        let Some(found) = one(world, id).await? else {
            return Err(Error::rejected("DescribeTargetGroups", GONE[0], format!("the target group `{id}` is not there")));
        };
        let arn = arn(&found);
        if HEALTH.iter().any(|it| update.changes(it)) {
            // What does not change is sent too: AWS looks at the check as a whole.
            let lambda = to.target_type == TargetType::Lambda;
            let call = world
                .elbv2()
                .modify_target_group()
                .target_group_arn(&arn)
                .set_health_check_enabled(to.health_check_enabled.filter(|_| update.changes("health_check_enabled")))
                .set_health_check_protocol(to.health_check_protocol.filter(|_| !lambda).map(ProtocolEnum::from))
                .set_health_check_port((!lambda).then(|| to.health_check_port.clone()))
                .set_health_check_path(to.health_check_path.clone())
                .set_health_check_interval_seconds(to.health_check_interval_seconds)
                .set_health_check_timeout_seconds(to.health_check_timeout_seconds)
                .set_healthy_threshold_count(to.healthy_threshold_count)
                .set_unhealthy_threshold_count(to.unhealthy_threshold_count)
                .set_matcher(to.matcher());
            call.send().await.map_err(error)?;
        }
        let attributes = to.attributes(update.changed)?;
        if !attributes.is_empty() {
            let call = world.elbv2().modify_target_group_attributes().target_group_arn(&arn).set_attributes(Some(attributes));
            call.send().await.map_err(error)?;
        }
        if update.changes("targets") {
            targets::update(world, &arn, from.targets.as_deref(), to.targets.as_deref()).await?;
        }
        retag(world, &arn, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some(found) = one(world, delete.id).await? else { return Ok(()) };
        unless(world.elbv2().delete_target_group().target_group_arn(arn(&found)).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["TargetGroupNotFound"];

/// Properties that one call changes.
const HEALTH: &[&str] = &[
    "health_check_enabled",
    "health_check_protocol",
    "health_check_port",
    "health_check_path",
    "health_check_interval_seconds",
    "health_check_timeout_seconds",
    "healthy_threshold_count",
    "unhealthy_threshold_count",
    "matcher",
];

/// Properties that are one attribute each.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("deregistration_delay_timeout_seconds", "deregistration_delay.timeout_seconds"),
    ("deregistration_delay_connection_termination_enabled", "deregistration_delay.connection_termination.enabled"),
    ("slow_start_duration_seconds", "slow_start.duration_seconds"),
    ("load_balancing_algorithm_type", "load_balancing.algorithm.type"),
    ("load_balancing_cross_zone_enabled", "load_balancing.cross_zone.enabled"),
    ("preserve_client_ip_enabled", "preserve_client_ip.enabled"),
    ("proxy_protocol_v2_enabled", "proxy_protocol_v2.enabled"),
    ("lambda_multi_value_headers_enabled", "lambda.multi_value_headers.enabled"),
];

fn traffic_port() -> String {
    "traffic-port".to_owned()
}

fn five_minutes() -> i32 {
    300
}

fn day() -> i32 {
    86400
}

impl Spec {
    fn matcher(&self) -> Option<Matcher> {
        let codes = self.matcher.as_ref()?;
        let matcher = Matcher::builder();
        Some(if self.protocol_version == Some(ProtocolVersion::Grpc) { matcher.grpc_code(codes) } else { matcher.http_code(codes) }.build())
    }

    /// The attributes that the properties stand for of which these change.
    fn attributes(&self, changed: &BTreeSet<String>) -> Result<Vec<TargetGroupAttribute>> {
        let plain = plain_attributes(self, ATTRIBUTES, changed)?;
        let mut attributes: Vec<_> = plain.into_iter().map(|(key, value)| pair(key, value)).collect();
        if changed.contains("stickiness") {
            attributes.push(pair("stickiness.enabled", self.stickiness.is_some().to_string()));
            if let Some(it) = &self.stickiness {
                attributes.push(pair("stickiness.type", word(&it.r#type)));
                if let Some(cookie) = it.r#type.cookie() {
                    attributes.push(pair(&format!("stickiness.{cookie}.duration_seconds"), it.duration_seconds.to_string()));
                }
                if let Some(name) = &it.cookie_name {
                    attributes.push(pair("stickiness.app_cookie.cookie_name", name.clone()));
                }
            }
        }
        Ok(attributes)
    }
}

impl StickinessType {
    /// The part of its attributes' names that says which cookie.
    fn cookie(self) -> Option<&'static str> {
        match self {
            Self::LbCookie => Some("lb_cookie"),
            Self::AppCookie => Some("app_cookie"),
            Self::SourceIp => None,
        }
    }
}

fn pair(key: &str, value: String) -> TargetGroupAttribute {
    TargetGroupAttribute::builder().key(key).value(value).build()
}

async fn by_name(world: &Aws, ids: &[Id]) -> Result<Vec<Option<Described>>> {
    let fetch = |names| async { all!(world.elbv2().describe_target_groups().set_names(Some(names))) };
    describe(ids, GONE, fetch, |it: &Described| it.target_group_name()).await
}

async fn one(world: &Aws, id: &Id) -> Result<Option<Described>> {
    Ok(by_name(world, std::slice::from_ref(id)).await?.into_iter().next().flatten())
}

fn arn(it: &Described) -> String {
    it.target_group_arn().unwrap_or_default().to_owned()
}

/// Nothing where it is gone meanwhile.
async fn read_attributes(world: &Aws, arn: &Id) -> Result<Option<HashMap<String, String>>> {
    let call = world.elbv2().describe_target_group_attributes().target_group_arn(arn.as_str());
    let found = unless(call.send().await.map_err(error), GONE)?;
    Ok(found.map(|it| it.attributes.unwrap_or_default().into_iter().filter_map(|it| Some((it.key?, it.value?))).collect()))
}

fn stickiness(found: &HashMap<String, String>) -> Option<Stickiness> {
    let r#type: StickinessType = attribute(found, "stickiness.type").filter(|_| attribute(found, "stickiness.enabled") == Some(true))?;
    let duration = r#type.cookie().and_then(|it| attribute(found, &format!("stickiness.{it}.duration_seconds")));
    let cookie_name = found.get("stickiness.app_cookie.cookie_name").filter(|it| r#type == StickinessType::AppCookie && !it.is_empty());
    Some(Stickiness { r#type, duration_seconds: duration.unwrap_or_else(day), cookie_name: cookie_name.cloned() })
}

fn live(it: Described, tags: Option<Tags>, attributes: Option<HashMap<String, String>>, targets: Option<Vec<Target>>) -> Live<TargetGroup> {
    let mut unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    if targets.is_none() {
        unread.push("targets");
    }
    if attributes.is_none() {
        unread.extend(ATTRIBUTES.iter().map(|it| it.0).chain(["stickiness"]));
    }
    let attributes = attributes.unwrap_or_default();
    let on = |key: &str| attribute(&attributes, key).unwrap_or(false);
    let arn = arn(&it);
    let matcher = it.matcher.unwrap_or_else(|| Matcher::builder().build());
    let spec = Spec {
        name: it.target_group_name.clone(),
        target_type: it.target_type.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        protocol: it.protocol.and_then(|it| meaning(it.as_str())),
        protocol_version: it.protocol_version.and_then(|it| meaning(&it)),
        port: it.port,
        vpc_id: it.vpc_id,
        ip_address_type: it.ip_address_type.and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        health_check_enabled: it.health_check_enabled,
        health_check_protocol: it.health_check_protocol.and_then(|it| meaning(it.as_str())),
        health_check_port: it.health_check_port.unwrap_or_else(traffic_port),
        health_check_path: it.health_check_path,
        health_check_interval_seconds: it.health_check_interval_seconds,
        health_check_timeout_seconds: it.health_check_timeout_seconds,
        healthy_threshold_count: it.healthy_threshold_count,
        unhealthy_threshold_count: it.unhealthy_threshold_count,
        matcher: matcher.grpc_code.or(matcher.http_code),
        deregistration_delay_timeout_seconds: attribute(&attributes, "deregistration_delay.timeout_seconds").unwrap_or_else(five_minutes),
        deregistration_delay_connection_termination_enabled: on("deregistration_delay.connection_termination.enabled"),
        slow_start_duration_seconds: attribute(&attributes, "slow_start.duration_seconds").unwrap_or_default(),
        load_balancing_algorithm_type: attribute(&attributes, "load_balancing.algorithm.type").unwrap_or_default(),
        load_balancing_cross_zone_enabled: attribute(&attributes, "load_balancing.cross_zone.enabled").unwrap_or_default(),
        stickiness: stickiness(&attributes),
        preserve_client_ip_enabled: attribute(&attributes, "preserve_client_ip.enabled"),
        proxy_protocol_v2_enabled: on("proxy_protocol_v2.enabled"),
        lambda_multi_value_headers_enabled: on("lambda.multi_value_headers.enabled"),
        targets: targets.filter(|it| !it.is_empty()),
        tags: tags.unwrap_or_default(),
    };
    let outputs = Outputs {
        id: it.target_group_name.unwrap_or_default(),
        target_group_full_name: arn.rsplit(':').next().unwrap_or_default().to_owned(),
        arn,
    };
    Live { spec, outputs, status: Status::Ready, unread }
}

#[cfg(test)]
mod tests;
