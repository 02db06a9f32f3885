//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html>

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_elasticloadbalancingv2::types::{
    IpAddressType as SdkIpAddressType, LoadBalancer as Described, LoadBalancerAttribute, LoadBalancerSchemeEnum, LoadBalancerStateEnum,
    LoadBalancerTypeEnum,
};
use infra::{
    resource::{
        Actions, After, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, kept, ready, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{attribute, check_name, describe, has, list, made_by, plain_attributes, retag, wanted_tags};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct LoadBalancer;

/// An application or network load balancer. Its attributes are properties here: `routing_http2_enabled` is the attribute
/// `routing.http2.enabled`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other load balancer of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 32), regex(pattern = r"[A-Za-z0-9-]+"))]
    name: Option<String>,
    /// What it balances.
    #[serde(default)]
    #[schemars(transform = immutable)]
    r#type: Type,
    /// Who can reach it.
    #[serde(default)]
    #[schemars(transform = immutable)]
    scheme: Scheme,
    /// The subnets that it stands in, one of each availability zone; at least two for an application load balancer.
    #[schemars(transform = set, length(min = 1))]
    subnets: Vec<String>,
    /// Its security groups. Left out, an application load balancer gets the VPC's default group and a network load balancer none;
    /// when they are removed, they stay.
    #[schemars(transform = set, transform = kept, length(min = 1))]
    security_groups: Option<Vec<String>>,
    /// The kinds of addresses that it has.
    #[serde(default)]
    ip_address_type: AddressType,
    /// Whether AWS refuses to delete it.
    #[serde(default)]
    deletion_protection_enabled: bool,
    /// Where it writes a line for each request or connection. Left out or removed, nowhere.
    access_logs: Option<Logs>,
    /// Where it writes a line for each connection. Left out or removed, nowhere. For application load balancers.
    connection_logs: Option<Logs>,
    /// Whether its traffic can be shifted away from a zone in trouble.
    #[serde(default)]
    zonal_shift_config_enabled: bool,
    /// For how many seconds a connection may be silent. For application load balancers.
    #[serde(default = "minute")]
    #[schemars(range(min = 1, max = 4000))]
    idle_timeout_seconds: i32,
    /// For how many seconds a client may keep a connection. For application load balancers.
    #[serde(default = "hour")]
    #[schemars(range(min = 60, max = 604_800))]
    client_keep_alive_seconds: i32,
    /// Whether header fields with invalid names are dropped. For application load balancers.
    #[serde(default)]
    routing_http_drop_invalid_header_fields_enabled: bool,
    /// What becomes of requests that could be understood in two ways. For application load balancers.
    #[serde(default)]
    routing_http_desync_mitigation_mode: DesyncMode,
    /// Whether targets get the Host header as the client sent it. For application load balancers.
    #[serde(default)]
    routing_http_preserve_host_header_enabled: bool,
    /// What becomes of the header X-Forwarded-For. For application load balancers.
    #[serde(default)]
    routing_http_xff_header_processing_mode: XffMode,
    /// Whether X-Forwarded-For holds the client's port. For application load balancers.
    #[serde(default)]
    routing_http_xff_client_port_enabled: bool,
    /// Whether targets are told the TLS version and cipher in headers. For application load balancers.
    #[serde(default)]
    routing_http_x_amzn_tls_version_and_cipher_suite_enabled: bool,
    /// Whether it speaks HTTP/2. For application load balancers.
    #[serde(default = "yes")]
    routing_http2_enabled: bool,
    /// Whether requests pass while AWS WAF does not answer. For application load balancers.
    #[serde(default)]
    waf_fail_open_enabled: bool,
    /// Whether each node sends to the targets of all zones. For network load balancers; the others always do.
    #[serde(default)]
    load_balancing_cross_zone_enabled: bool,
    /// Which zones' addresses clients get from its name. For network load balancers.
    #[serde(default)]
    dns_record_client_routing_policy: RoutingPolicy,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Type {
    /// HTTP requests.
    #[default]
    Application,
    /// TCP connections and UDP packets.
    Network,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scheme {
    /// Everybody. The VPC needs an internet gateway.
    #[default]
    InternetFacing,
    /// Only who reaches the VPC.
    Internal,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AddressType {
    /// IPv4 alone.
    #[default]
    Ipv4,
    /// IPv4 and IPv6.
    Dualstack,
    /// IPv6 for everybody, IPv4 only within the VPC.
    DualstackWithoutPublicIpv4,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DesyncMode {
    /// All pass.
    Monitor,
    /// Only those that could do harm are held back.
    #[default]
    Defensive,
    /// Only those that follow the standard pass.
    Strictest,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum XffMode {
    /// The client's address is added.
    #[default]
    Append,
    /// It stays as it came.
    Preserve,
    /// It is taken out.
    Remove,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoutingPolicy {
    /// Those of all zones.
    #[default]
    AnyAvailabilityZone,
    /// Those of the client's own zone.
    AvailabilityZoneAffinity,
    /// Those of the client's own zone for 85 of 100 clients.
    PartialAvailabilityZoneAffinity,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Logs {
    /// The bucket's name. Its policy must let Elastic Load Balancing write.
    // The policy is written after the bucket is made.
    #[schemars(transform = ready)]
    bucket: String,
    /// What the names of all objects begin with.
    #[serde(default)]
    prefix: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the load balancer.
    id: String,
    /// The ARN of the load balancer.
    arn: String,
    /// The DNS name that leads to it.
    dns_name: String,
    /// The hosted zone that an alias record to it names.
    canonical_hosted_zone_id: String,
    /// The end of its ARN, which its metrics are found by: `app/example/50dc6c495c0c9188`.
    load_balancer_full_name: String,
    /// The VPC that it stands in.
    vpc_id: Option<String>,
}

impl Resource for LoadBalancer {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "elbv2.load_balancer";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(150), update: Duration::from_secs(5), delete: Duration::from_secs(2) },
        passing: &[
            // What it stands in was made a moment ago.
            Passing { during: During::Any, code: "SubnetNotFound", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Any, code: "InvalidSecurityGroup", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Create, code: "InvalidSubnet", message: "has no internet gateway", within: Duration::from_secs(60) },
            Passing { during: During::Update, code: "LoadBalancerNotFound", message: "", within: Duration::from_secs(60) },
            // The bucket's policy was written a moment ago.
            Passing {
                during: During::Update,
                code: "InvalidConfigurationRequest",
                message: "Access Denied for bucket",
                within: Duration::from_secs(60),
            },
            Passing { during: During::Delete, code: "ResourceInUse", message: "", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        after: &[After { from: &["subnets", "vpc_id"], other: "ec2.internet_gateway", by: "vpc_id" }],
        within: &["subnets", "vpc_id"],
        actions: Actions {
            create: &["elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:AddTags", "iam:CreateServiceLinkedRole"],
            read: &[
                "elasticloadbalancing:DescribeLoadBalancers",
                "elasticloadbalancing:DescribeLoadBalancerAttributes",
                "elasticloadbalancing:DescribeTags",
            ],
            update: &[
                "elasticloadbalancing:ModifyLoadBalancerAttributes",
                "elasticloadbalancing:SetSubnets",
                "elasticloadbalancing:SetSecurityGroups",
                "elasticloadbalancing:SetIpAddressType",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
            ],
            delete: &["elasticloadbalancing:DeleteLoadBalancer", "elasticloadbalancing:ModifyLoadBalancerAttributes"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_name(spec, problems);
        if spec.get("name").and_then(Value::as_text).is_some_and(|it| it.starts_with("internal-")) {
            problems.error(Path::of("name"), "AWS keeps names with `internal-` at their beginning to itself", "choose another name");
        }
        let network = match spec.get("type") {
            None | Some(Value::Null) => false,
            Some(Value::Text(kind)) => kind == "network",
            Some(_) => return,
        };
        let (foreign, kind) = if network { (OF_APPLICATION, "a network") } else { (OF_NETWORK, "an application") };
        for property in foreign.iter().filter(|it| has(spec, it)) {
            problems.error(Path::of(property), format!("`{property}` on {kind} load balancer"), "remove it, or choose another `type`");
        }
        if let Some(Value::List(subnets)) = spec.get("subnets")
            && !network
            && subnets.len() == 1
        {
            let help = "name two subnets or more, each in another availability zone";
            problems.error(Path::of("subnets"), "an application load balancer in one subnet", help);
        }
        if spec.get("ip_address_type").and_then(Value::as_text) == Some("dualstack-without-public-ipv4")
            && (network || spec.get("scheme").and_then(Value::as_text) == Some("internal"))
        {
            let help = "write `dualstack`: only internet-facing application load balancers can be without public IPv4";
            problems.error(Path::of("ip_address_type"), "this load balancer has no public IPv4 to be without", help);
        }
    }

    fn replaces(from: &Spec, to: &Spec) -> Option<&'static str> {
        let none = |spec: &Spec| spec.security_groups.as_ref().is_none_or(Vec::is_empty);
        (to.r#type == Type::Network && none(from) && !none(to))
            .then_some("a network load balancer made without security groups never has any")
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = by_name(world, ids).await?;
        let arns: Vec<Id> = found.iter().flatten().map(arn).map(Id).collect();
        let mut tags = wanted_tags(world, &arns, wanted).await?;
        let attributes = LOGS.iter().chain(ATTRIBUTES).any(|it| wanted.has(it.0));
        let attributes = arns.iter().map(async |arn| if attributes { read_attributes(world, arn).await } else { Ok(None) });
        let attributes = abreast(attributes).await?;
        let mut attributes = attributes.into_iter();
        let mut live = |it: Described| live(it, tags.next().flatten(), attributes.next().flatten());
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
        let call = world
            .elbv2()
            .create_load_balancer()
            .set_name(spec.name.clone())
            .r#type(LoadBalancerTypeEnum::from(word(&spec.r#type).as_str()))
            .scheme(LoadBalancerSchemeEnum::from(word(&spec.scheme).as_str()))
            .set_subnets(Some(spec.subnets.clone()))
            .set_security_groups(spec.security_groups.clone())
            .ip_address_type(SdkIpAddressType::from(word(&spec.ip_address_type).as_str()))
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
            return Err(Error::rejected("DescribeLoadBalancers", GONE[0], format!("the load balancer `{id}` is not there")));
        };
        let (elbv2, arn) = (world.elbv2(), arn(&found));
        if let (true, Some(groups)) = (update.changes("security_groups"), &to.security_groups) {
            elbv2.set_security_groups().load_balancer_arn(&arn).set_security_groups(Some(groups.clone())).send().await.map_err(error)?;
        }
        if update.changes("subnets") {
            elbv2.set_subnets().load_balancer_arn(&arn).set_subnets(Some(to.subnets.clone())).send().await.map_err(error)?;
        }
        if update.changes("ip_address_type") {
            let kind = SdkIpAddressType::from(word(&to.ip_address_type).as_str());
            elbv2.set_ip_address_type().load_balancer_arn(&arn).ip_address_type(kind).send().await.map_err(error)?;
        }
        let attributes = to.attributes(update.changed)?;
        if !attributes.is_empty() {
            elbv2.modify_load_balancer_attributes().load_balancer_arn(&arn).set_attributes(Some(attributes)).send().await.map_err(error)?;
        }
        retag(world, &arn, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some(found) = one(world, delete.id).await? else { return Ok(()) };
        if delete.spec.deletion_protection_enabled {
            let message = "it is protected: set `deletion_protection_enabled: false`, apply, and delete it then";
            return Err(Error::rejected("DeleteLoadBalancer", PROTECTED, message));
        }
        let arn = arn(&found);
        match world.elbv2().delete_load_balancer().load_balancer_arn(&arn).send().await.map_err(error) {
            // Somebody else protected it: the file says that it is not.
            Err(refused) if refused.is(&[PROTECTED]) && refused.message.contains("deletion protection") => {
                let off = protection(false);
                world.elbv2().modify_load_balancer_attributes().load_balancer_arn(&arn).attributes(off).send().await.map_err(error)?;
                unless(world.elbv2().delete_load_balancer().load_balancer_arn(&arn).send().await.map_err(error), GONE).map(drop)
            }
            other => unless(other, GONE).map(drop),
        }
    }
}

const GONE: &[&str] = &["LoadBalancerNotFound"];
const PROTECTED: &str = "OperationNotPermitted";

/// Properties that are one attribute each.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("deletion_protection_enabled", "deletion_protection.enabled"),
    ("zonal_shift_config_enabled", "zonal_shift.config.enabled"),
    ("idle_timeout_seconds", "idle_timeout.timeout_seconds"),
    ("client_keep_alive_seconds", "client_keep_alive.seconds"),
    ("routing_http_drop_invalid_header_fields_enabled", "routing.http.drop_invalid_header_fields.enabled"),
    ("routing_http_desync_mitigation_mode", "routing.http.desync_mitigation_mode"),
    ("routing_http_preserve_host_header_enabled", "routing.http.preserve_host_header.enabled"),
    ("routing_http_xff_header_processing_mode", "routing.http.xff_header_processing.mode"),
    ("routing_http_xff_client_port_enabled", "routing.http.xff_client_port.enabled"),
    ("routing_http_x_amzn_tls_version_and_cipher_suite_enabled", "routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
    ("routing_http2_enabled", "routing.http2.enabled"),
    ("waf_fail_open_enabled", "waf.fail_open.enabled"),
    ("load_balancing_cross_zone_enabled", "load_balancing.cross_zone.enabled"),
    ("dns_record_client_routing_policy", "dns_record.client_routing_policy"),
];
/// Properties that are several attributes each, with what the names of these begin with.
const LOGS: &[(&str, &str)] = &[("access_logs", "access_logs.s3"), ("connection_logs", "connection_logs.s3")];

const OF_NETWORK: &[&str] = &["load_balancing_cross_zone_enabled", "dns_record_client_routing_policy"];
const OF_APPLICATION: &[&str] = &[
    "connection_logs",
    "idle_timeout_seconds",
    "client_keep_alive_seconds",
    "routing_http_drop_invalid_header_fields_enabled",
    "routing_http_desync_mitigation_mode",
    "routing_http_preserve_host_header_enabled",
    "routing_http_xff_header_processing_mode",
    "routing_http_xff_client_port_enabled",
    "routing_http_x_amzn_tls_version_and_cipher_suite_enabled",
    "routing_http2_enabled",
    "waf_fail_open_enabled",
];

fn minute() -> i32 {
    60
}

fn hour() -> i32 {
    3600
}

fn yes() -> bool {
    true
}

impl Spec {
    /// The attributes that the properties stand for of which these change.
    fn attributes(&self, changed: &BTreeSet<String>) -> Result<Vec<LoadBalancerAttribute>> {
        let plain = plain_attributes(self, ATTRIBUTES, changed)?;
        let mut attributes: Vec<_> = plain.into_iter().map(|(key, value)| pair(key, value)).collect();
        for ((property, prefix), logs) in LOGS.iter().zip([&self.access_logs, &self.connection_logs]) {
            if changed.contains(*property) {
                attributes.push(pair(&format!("{prefix}.enabled"), logs.is_some().to_string()));
                if let Some(logs) = logs {
                    attributes.push(pair(&format!("{prefix}.bucket"), logs.bucket.clone()));
                    attributes.push(pair(&format!("{prefix}.prefix"), logs.prefix.clone()));
                }
            }
        }
        Ok(attributes)
    }
}

fn pair(key: &str, value: String) -> LoadBalancerAttribute {
    LoadBalancerAttribute::builder().key(key).value(value).build()
}

fn protection(on: bool) -> LoadBalancerAttribute {
    pair("deletion_protection.enabled", on.to_string())
}

async fn by_name(world: &Aws, ids: &[Id]) -> Result<Vec<Option<Described>>> {
    let fetch = |names| async { all!(world.elbv2().describe_load_balancers().set_names(Some(names))) };
    describe(ids, GONE, fetch, |it: &Described| it.load_balancer_name()).await
}

async fn one(world: &Aws, id: &Id) -> Result<Option<Described>> {
    Ok(by_name(world, std::slice::from_ref(id)).await?.into_iter().next().flatten())
}

fn arn(it: &Described) -> String {
    it.load_balancer_arn().unwrap_or_default().to_owned()
}

/// Nothing where it is gone meanwhile.
async fn read_attributes(world: &Aws, arn: &Id) -> Result<Option<HashMap<String, String>>> {
    let call = world.elbv2().describe_load_balancer_attributes().load_balancer_arn(arn.as_str());
    let found = unless(call.send().await.map_err(error), GONE)?;
    Ok(found.map(|it| it.attributes.unwrap_or_default().into_iter().filter_map(|it| Some((it.key?, it.value?))).collect()))
}

fn logs(found: &HashMap<String, String>, prefix: &str) -> Option<Logs> {
    let on = attribute(found, &format!("{prefix}.enabled")).unwrap_or(false);
    let part = |name: &str| found.get(&format!("{prefix}.{name}")).cloned().unwrap_or_default();
    on.then(|| Logs { bucket: part("bucket"), prefix: part("prefix") })
}

fn live(it: Described, tags: Option<Tags>, attributes: Option<HashMap<String, String>>) -> Live<LoadBalancer> {
    let mut unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    if attributes.is_none() {
        unread.extend(LOGS.iter().chain(ATTRIBUTES).map(|it| it.0));
    }
    let attributes = attributes.unwrap_or_default();
    let r#type = it.r#type().and_then(|it| meaning(it.as_str())).unwrap_or_default();
    let state = it.state();
    let reason = |code: &str| match state.and_then(|it| it.reason()) {
        Some(reason) if !reason.is_empty() => format!("{code}: {reason}"),
        _ => code.to_owned(),
    };
    let status = match state.and_then(|it| it.code()) {
        // Impaired is in use and lacks what it needs to grow.
        Some(LoadBalancerStateEnum::Active | LoadBalancerStateEnum::ActiveImpaired) => Status::Ready,
        Some(LoadBalancerStateEnum::Failed) => Status::Failed(reason("failed")),
        other => Status::Pending(other.map_or("provisioning", LoadBalancerStateEnum::as_str).to_owned()),
    };
    let on = |key: &str| attribute(&attributes, key).unwrap_or(false);
    let spec = Spec {
        name: it.load_balancer_name.clone(),
        r#type,
        scheme: it.scheme().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        subnets: it.availability_zones().iter().filter_map(|it| it.subnet_id.clone()).collect(),
        security_groups: it.security_groups.clone().filter(|it| !it.is_empty()),
        ip_address_type: it.ip_address_type().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        deletion_protection_enabled: on("deletion_protection.enabled"),
        access_logs: logs(&attributes, "access_logs.s3"),
        connection_logs: logs(&attributes, "connection_logs.s3"),
        zonal_shift_config_enabled: on("zonal_shift.config.enabled"),
        idle_timeout_seconds: attribute(&attributes, "idle_timeout.timeout_seconds").unwrap_or_else(minute),
        client_keep_alive_seconds: attribute(&attributes, "client_keep_alive.seconds").unwrap_or_else(hour),
        routing_http_drop_invalid_header_fields_enabled: on("routing.http.drop_invalid_header_fields.enabled"),
        routing_http_desync_mitigation_mode: attribute(&attributes, "routing.http.desync_mitigation_mode").unwrap_or_default(),
        routing_http_preserve_host_header_enabled: on("routing.http.preserve_host_header.enabled"),
        routing_http_xff_header_processing_mode: attribute(&attributes, "routing.http.xff_header_processing.mode").unwrap_or_default(),
        routing_http_xff_client_port_enabled: on("routing.http.xff_client_port.enabled"),
        routing_http_x_amzn_tls_version_and_cipher_suite_enabled: on("routing.http.x_amzn_tls_version_and_cipher_suite.enabled"),
        routing_http2_enabled: attribute(&attributes, "routing.http2.enabled").unwrap_or(true),
        waf_fail_open_enabled: on("waf.fail_open.enabled"),
        // On an application load balancer it is always on, and nobody can write it.
        load_balancing_cross_zone_enabled: r#type == Type::Network && on("load_balancing.cross_zone.enabled"),
        dns_record_client_routing_policy: attribute(&attributes, "dns_record.client_routing_policy").unwrap_or_default(),
        tags: tags.unwrap_or_default(),
    };
    let arn = arn(&it);
    let outputs = Outputs {
        id: it.load_balancer_name.unwrap_or_default(),
        load_balancer_full_name: arn.split_once(":loadbalancer/").map_or_else(String::new, |(_, name)| name.to_owned()),
        arn,
        dns_name: it.dns_name.unwrap_or_default(),
        canonical_hosted_zone_id: it.canonical_hosted_zone_id.unwrap_or_default(),
        vpc_id: it.vpc_id,
    };
    Live { spec, outputs, status, unread }
}

#[cfg(test)]
mod tests;
