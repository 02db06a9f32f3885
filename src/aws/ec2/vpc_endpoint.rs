//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>

pub(crate) mod services;

use std::{collections::HashMap, time::Duration};

use aws_sdk_ec2::types::{
    DnsOptionsSpecification, DnsRecordIpType, Filter, IpAddressType, ResourceType, UnsuccessfulItem, VpcEndpoint as Described,
    VpcEndpointType,
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Policy, Problems, Resource, Result, Status,
        Tags, Update, Wanted, immutable, kept, ready, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{made, made_by, retag, tag_specifications, tags, unknown};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
    wording::{document, meaning, policy, word},
};

pub(crate) struct VpcEndpoint;

/// A VPC endpoint: a way from a VPC to a service that does not lead through the internet.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The service: `com.amazonaws.<region>.s3`.
    #[schemars(transform = immutable)]
    service_name: String,
    /// How it is reached.
    #[serde(default)]
    #[schemars(transform = immutable)]
    vpc_endpoint_type: Type,
    /// The VPC that it serves.
    // Private DNS needs attributes of the VPC that are set after it is made.
    #[schemars(transform = immutable, transform = ready)]
    vpc_id: String,
    /// The subnets that get a network interface each; for interface and Gateway Load Balancer endpoints.
    #[serde(default)]
    #[schemars(transform = set)]
    subnet_ids: Vec<String>,
    /// The security groups of those interfaces, which must let the callers in; for interface endpoints.
    /// Left out, the VPC's default group; when it is removed, the groups stay.
    #[schemars(transform = set, transform = kept, length(min = 1))]
    security_group_ids: Option<Vec<String>>,
    /// The route tables that lead to it; for gateway endpoints.
    #[serde(default)]
    #[schemars(transform = set)]
    route_table_ids: Vec<String>,
    /// Whether the service's own DNS name leads to it within the VPC; for interface endpoints.
    /// The VPC needs DNS support and DNS hostnames for that.
    #[serde(default)]
    private_dns_enabled: bool,
    /// Who may do what through it. Left out or removed, everybody everything.
    policy_document: Option<Policy>,
    /// The kinds of addresses of its interfaces. It stays when it is removed.
    #[schemars(transform = kept)]
    ip_address_type: Option<AddressType>,
    /// Details of its DNS names. They stay when they are removed.
    #[schemars(transform = kept)]
    dns_options: Option<DnsOptions>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Type {
    /// By network interfaces in subnets.
    Interface,
    /// By routes, for S3 and DynamoDB; free of charge.
    #[default]
    Gateway,
    /// By a network interface in one subnet that leads to appliances behind a Gateway Load Balancer.
    GatewayLoadBalancer,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddressType {
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
    /// Both.
    Dualstack,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct DnsOptions {
    /// Which kinds of records its names have.
    dns_record_ip_type: Option<RecordType>,
    /// Whether private DNS answers only those that ask from outside through a resolver endpoint; for services that have a gateway too.
    private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RecordType {
    /// A records.
    Ipv4,
    /// AAAA records.
    Ipv6,
    /// Both.
    Dualstack,
    /// What the service says.
    ServiceDefined,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the endpoint.
    id: String,
    /// The ARN of the endpoint.
    arn: String,
    /// Its own DNS names, those that lead to all of its zones first.
    #[schemars(transform = ready)]
    dns_entries: Option<Vec<DnsEntry>>,
    /// Its network interfaces.
    #[schemars(transform = ready)]
    network_interface_ids: Option<Vec<String>>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct DnsEntry {
    /// The name.
    dns_name: Option<String>,
    /// The hosted zone that holds it.
    hosted_zone_id: Option<String>,
}

impl Resource for VpcEndpoint {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.vpc_endpoint";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(60), update: Duration::from_secs(20), delete: Duration::from_secs(45) },
        timeout: Durations { create: Duration::from_secs(1800), update: Duration::from_secs(1800), delete: Duration::from_secs(1800) },
        passing: &[
            Passing { during: During::Create, code: "InvalidVpcId.NotFound", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Create, code: "InvalidSubnetId.NotFound", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Any, code: "InvalidRouteTableId.NotFound", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Any, code: "InvalidSecurityGroupId.NotFound", message: "", within: Duration::from_secs(120) },
            // The attributes of the VPC were set a moment ago.
            Passing { during: During::Any, code: "InvalidParameter", message: "enableDnsSupport", within: Duration::from_secs(60) },
            // The zone of a predecessor outlives it for a while.
            Passing { during: During::Any, code: "InvalidParameter", message: "conflicting DNS domain", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        token: true,
        visible_within: Duration::from_secs(300),
        actions: Actions {
            create: &["ec2:CreateVpcEndpoint", "ec2:CreateTags"],
            read: &["ec2:DescribeVpcEndpoints"],
            update: &["ec2:ModifyVpcEndpoint", "ec2:CreateTags", "ec2:DeleteTags"],
            delete: &["ec2:DeleteVpcEndpoints"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        crate::aws::iam::check_resource_policy("policy_document", spec, problems);
        let kind = match spec.get("vpc_endpoint_type") {
            None | Some(Value::Null) => Some("Gateway"),
            Some(it) => it.as_text(),
        };
        if let Some(name) = spec.get("service_name").and_then(Value::as_text) {
            services::check(name, kind, problems);
        }
        let Some(kind) = kind else { return };
        let written = |property: &str| match spec.get(property) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::List(list)) => !list.is_empty(),
            Some(_) => true,
        };
        let foreign: &[&str] = match kind {
            "Gateway" => &["subnet_ids", "security_group_ids", "private_dns_enabled", "dns_options"],
            "Interface" => &["route_table_ids"],
            _ => &["route_table_ids", "security_group_ids", "private_dns_enabled", "policy_document"],
        };
        for property in foreign.iter().filter(|it| written(it)) {
            let help = if kind == "Gateway" {
                "a gateway endpoint is reached by routes: write `vpc_endpoint_type: Interface`, or remove it"
            } else {
                "remove it, or choose another `vpc_endpoint_type`"
            };
            problems.error(Path::of(property), format!("`{property}` on an endpoint of type {kind}"), help);
        }
        if kind != "Gateway" && !written("subnet_ids") {
            problems.error(Path::default(), format!("an endpoint of type {kind} without `subnet_ids`"), "name the subnets that reach it");
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = by_ids(world, ids).await?;
        let mut found: HashMap<String, Described> = found.into_iter().filter_map(|it| Some((it.vpc_endpoint_id.clone()?, it))).collect();
        Ok(ids.iter().map(|id| found.remove(id.as_str()).and_then(|it| live(world, it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = endpoints(world, Some(made_by(find.operation))).await?.into_iter();
        Ok(unknown(found.filter(|it| state(it) != "deleted").map(|it| it.vpc_endpoint_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
        let call = world
            .ec2()
            .create_vpc_endpoint()
            .client_token(create.token)
            .vpc_id(&spec.vpc_id)
            .service_name(&spec.service_name)
            .vpc_endpoint_type(VpcEndpointType::from(word(&spec.vpc_endpoint_type).as_str()))
            .set_subnet_ids(some(&spec.subnet_ids))
            .set_security_group_ids(spec.security_group_ids.clone())
            .set_route_table_ids(some(&spec.route_table_ids))
            .set_policy_document(spec.policy_document.as_ref().map(document))
            .set_ip_address_type(spec.ip_address_type.map(address_type))
            .set_dns_options(spec.dns_options.as_ref().map(dns_options))
            // Where it says nothing, AWS turns it on.
            .set_private_dns_enabled((spec.vpc_endpoint_type == Type::Interface).then_some(spec.private_dns_enabled))
            .set_tag_specifications(tag_specifications(ResourceType::VpcEndpoint, &spec.tags));
        let answer = call.send().await.map_err(error)?;
        made("CreateVpcEndpoint", answer.vpc_endpoint.and_then(|it| it.vpc_endpoint_id))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        if changed.iter().any(|it| it != "tags") {
            let mut call = world.ec2().modify_vpc_endpoint().vpc_endpoint_id(id.as_str());
            if changed.contains("subnet_ids") {
                call = call.set_add_subnet_ids(more(&from.subnet_ids, &to.subnet_ids));
                call = call.set_remove_subnet_ids(more(&to.subnet_ids, &from.subnet_ids));
            }
            if let (true, Some(groups)) = (changed.contains("security_group_ids"), &to.security_group_ids) {
                let now = from.security_group_ids.as_deref().unwrap_or_default();
                call = call.set_add_security_group_ids(more(now, groups)).set_remove_security_group_ids(more(groups, now));
            }
            if changed.contains("route_table_ids") {
                call = call.set_add_route_table_ids(more(&from.route_table_ids, &to.route_table_ids));
                call = call.set_remove_route_table_ids(more(&to.route_table_ids, &from.route_table_ids));
            }
            if changed.contains("private_dns_enabled") {
                call = call.private_dns_enabled(to.private_dns_enabled);
            }
            if changed.contains("policy_document") {
                call = match &to.policy_document {
                    Some(policy) => call.policy_document(document(policy)),
                    None => call.reset_policy(true),
                };
            }
            if let (true, Some(kind)) = (changed.contains("ip_address_type"), to.ip_address_type) {
                call = call.ip_address_type(address_type(kind));
            }
            if let (true, Some(options)) = (changed.contains("dns_options"), &to.dns_options) {
                call = call.dns_options(dns_options(options));
            }
            call.send().await.map_err(error)?;
        }
        retag(world, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        match remove(world, delete.id).await {
            // The emulator stumbles over tables that an update had added: it is to forget them first.
            Err(refused) if refused.is(&["InvalidRoute.NotFound"]) => {
                let now = by_ids(world, std::slice::from_ref(delete.id)).await?;
                let tables = now.into_iter().find_map(|it| it.route_table_ids);
                let call = world.ec2().modify_vpc_endpoint().vpc_endpoint_id(delete.id.as_str()).set_remove_route_table_ids(tables);
                call.send().await.map_err(error)?;
                remove(world, delete.id).await
            }
            other => other,
        }
    }
}

async fn remove(world: &Aws, id: &Id) -> Result<()> {
    let answer = world.ec2().delete_vpc_endpoints().vpc_endpoint_ids(id.as_str()).send().await.map_err(error);
    let refused = unless(answer, GONE)?.and_then(|it| it.unsuccessful).unwrap_or_default().into_iter().next();
    unless(refused.map_or(Ok(()), |it| Err(unsuccessful("DeleteVpcEndpoints", it))), GONE).map(drop)
}

const GONE: &[&str] = &["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];

/// Some calls for several at once answer 200 and say inside what they refused.
pub(crate) fn unsuccessful(action: &'static str, item: UnsuccessfulItem) -> Error {
    let refusal = item.error.unwrap_or_else(|| aws_sdk_ec2::types::UnsuccessfulItemError::builder().build());
    Error::rejected(action, refusal.code().unwrap_or("Unsuccessful"), refusal.message().unwrap_or_default())
}

/// What `to` has more than `from`; nothing rather than an empty list.
fn more(from: &[String], to: &[String]) -> Option<Vec<String>> {
    let list: Vec<_> = to.iter().filter(|it| !from.contains(it)).cloned().collect();
    (!list.is_empty()).then_some(list)
}

fn address_type(it: AddressType) -> IpAddressType {
    IpAddressType::from(word(&it).as_str())
}

fn dns_options(it: &DnsOptions) -> DnsOptionsSpecification {
    DnsOptionsSpecification::builder()
        .set_dns_record_ip_type(it.dns_record_ip_type.map(|it| DnsRecordIpType::from(word(&it).as_str())))
        .set_private_dns_only_for_inbound_resolver_endpoint(it.private_dns_only_for_inbound_resolver_endpoint)
        .build()
}

async fn endpoints(world: &Aws, by: Option<Filter>) -> Result<Vec<Described>> {
    all!(world.ec2().describe_vpc_endpoints().set_filters(by.map(|it| vec![it])))
}

/// By their ids as long as all of them are there, else out of all; the emulator does not know the filter for ids.
async fn by_ids(world: &Aws, ids: &[Id]) -> Result<Vec<Described>> {
    let mut found = vec![];
    for ids in ids.chunks(super::VALUES) {
        let names = ids.iter().map(|it| it.0.clone()).collect();
        match unless(all!(world.ec2().describe_vpc_endpoints().set_vpc_endpoint_ids(Some(names))), GONE)? {
            Some(page) => found.extend(page),
            None if ids.len() == 1 => {}
            None => return endpoints(world, None).await,
        }
    }
    Ok(found)
}

/// AWS writes its states in small letters, its own list of them in capitals.
fn state(it: &Described) -> String {
    it.state().map(|it| it.as_str().to_ascii_lowercase()).unwrap_or_default()
}

fn live(world: &Aws, it: Described) -> Option<Live<VpcEndpoint>> {
    let status = match state(&it).as_str() {
        "deleted" => return None,
        "deleting" => Status::Deleting("deleting".to_owned()),
        // Whoever offers the service accepts it when they please.
        "available" | "pendingacceptance" => Status::Ready,
        failed @ ("failed" | "rejected" | "expired") => {
            let last = it.last_error();
            let parts = [Some(failed), last.and_then(|it| it.code()), last.and_then(|it| it.message()), it.failure_reason()];
            Status::Failed(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
        }
        other => Status::Pending(other.to_owned()),
    };
    let vpc_endpoint_type = it.vpc_endpoint_type().and_then(|it| meaning(it.as_str())).unwrap_or_default();
    let interface = vpc_endpoint_type == Type::Interface;
    let spec = Spec {
        service_name: it.service_name.clone().unwrap_or_default(),
        vpc_endpoint_type,
        vpc_id: it.vpc_id.clone().unwrap_or_default(),
        subnet_ids: it.subnet_ids.clone().unwrap_or_default(),
        security_group_ids: interface.then(|| it.groups().iter().filter_map(|it| it.group_id.clone()).collect()),
        route_table_ids: it.route_table_ids.clone().unwrap_or_default(),
        private_dns_enabled: interface && it.private_dns_enabled() == Some(true),
        policy_document: it.policy_document().map(policy),
        ip_address_type: it.ip_address_type().and_then(|it| meaning(it.as_str())),
        dns_options: it.dns_options().map(|it| DnsOptions {
            dns_record_ip_type: it.dns_record_ip_type().and_then(|it| meaning(it.as_str())),
            private_dns_only_for_inbound_resolver_endpoint: it.private_dns_only_for_inbound_resolver_endpoint(),
        }),
        tags: tags(it.tags()),
    };
    let usable = status == Status::Ready;
    let id = it.vpc_endpoint_id.clone().unwrap_or_default();
    let entry = |it: &aws_sdk_ec2::types::DnsEntry| DnsEntry { dns_name: it.dns_name.clone(), hosted_zone_id: it.hosted_zone_id.clone() };
    let outputs = Outputs {
        arn: world.arn("ec2", it.owner_id().unwrap_or_default(), &format!("vpc-endpoint/{id}")),
        id,
        dns_entries: usable.then(|| it.dns_entries().iter().map(entry).collect()),
        network_interface_ids: usable.then(|| it.network_interface_ids().to_vec()),
    };
    Some(Live { spec, outputs, status, unread: vec![] })
}

#[cfg(test)]
mod tests;
