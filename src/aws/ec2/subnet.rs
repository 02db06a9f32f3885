//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSubnet.html>

use std::time::Duration;

use aws_sdk_ec2::types::{
    HostnameType as SdkHostnameType, NetworkInterfaceStatus, ResourceType, Subnet as Described, SubnetCidrBlockStateCode as CidrState,
    SubnetIpv6CidrBlockAssociation, SubnetState,
};
use infra::{
    resource::{
        Actions, Cidr, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update,
        Wanted, immutable,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{describe, endpoints_of_guardduty, filter, flag, made, made_by, retag, tag_specifications, tags, unknown};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Subnet;

/// A part of a VPC's addresses, in one availability zone.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The VPC that it is part of.
    #[schemars(transform = immutable)]
    vpc_id: String,
    /// The name of its availability zone, `eu-central-1a`; left out, AWS chooses one.
    #[schemars(transform = immutable, regex(pattern = r"[a-z]{2}(-[a-z]+)+-\d(-[a-z]+-\d)?[a-z]"))]
    availability_zone: Option<String>,
    /// The id of its availability zone, `euc1-az1`, which means the same in all accounts; instead of the name.
    #[schemars(transform = immutable)]
    availability_zone_id: Option<String>,
    /// Its IPv4 addresses: a part of the VPC's.
    #[schemars(transform = immutable)]
    cidr_block: Cidr,
    /// Its IPv6 addresses: a /64 block of the VPC's.
    ipv6_cidr_block: Option<Cidr>,
    /// Whether network interfaces made in it get an IPv6 address.
    #[serde(default)]
    assign_ipv6_address_on_creation: bool,
    /// Whether instances launched in it get a public IPv4 address.
    #[serde(default)]
    map_public_ip_on_launch: bool,
    /// Whether names that have only IPv4 addresses resolve to IPv6 ones, for a NAT gateway to translate.
    #[serde(default)]
    enable_dns64: bool,
    /// How instances launched in it are named.
    #[serde(default)]
    private_dns_name_options_on_launch: PrivateDnsNameOptions,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct PrivateDnsNameOptions {
    /// What an instance's host name is made of.
    #[serde(default)]
    hostname_type: HostnameType,
    /// Whether the name made of the instance's id resolves to its IPv4 address.
    #[serde(default)]
    enable_resource_name_dns_a_record: bool,
    /// Whether the name made of the instance's id resolves to its IPv6 address.
    #[serde(default)]
    enable_resource_name_dns_aaaa_record: bool,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum HostnameType {
    /// The private IPv4 address.
    #[default]
    IpName,
    /// The instance's id.
    ResourceName,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the subnet.
    id: String,
    /// The ARN of the subnet.
    arn: String,
}

impl Resource for Subnet {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.subnet";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        // The network interfaces of a Lambda function may stay for more than half an hour after it.
        timeout: Durations { delete: Duration::from_secs(2700), ..Facts::DEFAULT.timeout },
        passing: &[
            Passing { during: During::Create, code: "InvalidVpcID.NotFound", message: "", within: Duration::from_secs(300) },
            Passing { during: During::Update, code: "InvalidSubnetID.NotFound", message: "", within: Duration::from_secs(300) },
            // The block that it had before is still being taken off.
            Passing { during: During::Update, code: "InvalidSubnet.Conflict", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Delete, code: "DependencyViolation", message: "", within: Duration::from_secs(2700) },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(300),
        create_first: true,
        apart: &["vpc_id", "cidr_block"],
        actions: Actions {
            create: &["ec2:CreateSubnet", "ec2:CreateTags", "ec2:ModifySubnetAttribute"],
            read: &["ec2:DescribeSubnets"],
            update: &[
                "ec2:ModifySubnetAttribute",
                "ec2:DescribeSubnets",
                "ec2:AssociateSubnetCidrBlock",
                "ec2:DisassociateSubnetCidrBlock",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            delete: &[
                "ec2:DeleteSubnet",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeVpcEndpoints",
                "ec2:ModifyVpcEndpoint",
            ],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        super::check_size(spec, problems);
        let has = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        if has("availability_zone") && has("availability_zone_id") {
            let help = "keep `availability_zone` or `availability_zone_id`";
            problems.error(Path::of("availability_zone_id"), "the availability zone is written twice", help);
        }
        if spec.get("assign_ipv6_address_on_creation") == Some(&Value::Bool(true)) && !has("ipv6_cidr_block") {
            let help = "give the subnet an `ipv6_cidr_block`";
            problems.error(Path::of("assign_ipv6_address_on_creation"), "there are no IPv6 addresses to assign", help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let fetch = |filter| async { all!(world.ec2().describe_subnets().filters(filter)) };
        let subnets = describe(ids, "subnet-id", fetch, |it: &Described| it.subnet_id()).await?;
        Ok(subnets.into_iter().map(|it| it.map(|it| live(world, it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = all!(world.ec2().describe_subnets().filters(made_by(find.operation)))?;
        Ok(unknown(found.into_iter().map(|it| it.subnet_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let answer = world
            .ec2()
            .create_subnet()
            .vpc_id(&spec.vpc_id)
            .cidr_block(&spec.cidr_block.0)
            .set_availability_zone(spec.availability_zone.clone())
            .set_availability_zone_id(spec.availability_zone_id.clone())
            .set_ipv6_cidr_block(spec.ipv6_cidr_block.as_ref().map(|it| it.0.clone()))
            .set_tag_specifications(tag_specifications(ResourceType::Subnet, &spec.tags))
            .send()
            .await
            .map_err(error)?;
        made("CreateSubnet", answer.subnet.and_then(|it| it.subnet_id))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        // What needs IPv6 goes off before the block changes and on after it.
        let ipv6 = update.changes("ipv6_cidr_block");
        let before = ipv6 || !to.assign_ipv6_address_on_creation;
        if before && from.assign_ipv6_address_on_creation {
            modify(world, id).assign_ipv6_address_on_creation(flag(false)).send().await.map_err(error)?;
        }
        if update.changes("enable_dns64") && !to.enable_dns64 {
            modify(world, id).enable_dns64(flag(false)).send().await.map_err(error)?;
        }
        if ipv6 {
            set_ipv6_cidr_block(world, id, to.ipv6_cidr_block.as_ref()).await?;
        }
        if to.assign_ipv6_address_on_creation && (ipv6 || update.changes("assign_ipv6_address_on_creation")) {
            modify(world, id).assign_ipv6_address_on_creation(flag(true)).send().await.map_err(error)?;
        }
        if update.changes("enable_dns64") && to.enable_dns64 {
            modify(world, id).enable_dns64(flag(true)).send().await.map_err(error)?;
        }
        if update.changes("map_public_ip_on_launch") {
            modify(world, id).map_public_ip_on_launch(flag(to.map_public_ip_on_launch)).send().await.map_err(error)?;
        }
        if update.changes("private_dns_name_options_on_launch") {
            let (from, to) = (&from.private_dns_name_options_on_launch, &to.private_dns_name_options_on_launch);
            name_instances(world, id, from, to).await?;
        }
        retag(world, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let deleted = world.ec2().delete_subnet().subnet_id(delete.id.as_str()).send().await.map_err(error);
        match unless(deleted, GONE) {
            Err(refused) if refused.is(&["DependencyViolation"]) => {
                // The refusal stands whatever comes of this, and the next try finds less in its way.
                let interfaces = release_interfaces(world, "subnet-id", delete.id).await;
                let endpoints = release_endpoints(world, &delete.spec.vpc_id, delete.id).await;
                for error in [interfaces, endpoints].into_iter().filter_map(Result::err) {
                    tracing::debug!(%error, subnet = %delete.id, "cannot remove what others left");
                }
                Err(refused)
            }
            other => other.map(drop),
        }
    }
}

const GONE: &[&str] = &["InvalidSubnetID.NotFound", "InvalidSubnetId.NotFound"];

fn live(world: &Aws, subnet: Described) -> Live<Subnet> {
    let id = subnet.subnet_id().unwrap_or_default().to_owned();
    let arn = world.arn("ec2", subnet.owner_id().unwrap_or_default(), &format!("subnet/{id}"));
    let status = match subnet.state() {
        Some(SubnetState::Available) => Status::Ready,
        Some(failed @ (SubnetState::Failed | SubnetState::FailedInsufficientCapacity)) => Status::Failed(failed.as_str().to_owned()),
        other => Status::Pending(other.map_or("pending", SubnetState::as_str).to_owned()),
    };
    let names = subnet.private_dns_name_options_on_launch();
    let spec = Spec {
        ipv6_cidr_block: ipv6_association(&subnet).and_then(|it| it.ipv6_cidr_block()).map(|it| Cidr(it.to_owned())),
        assign_ipv6_address_on_creation: subnet.assign_ipv6_address_on_creation().unwrap_or(false),
        map_public_ip_on_launch: subnet.map_public_ip_on_launch().unwrap_or(false),
        enable_dns64: subnet.enable_dns64().unwrap_or(false),
        private_dns_name_options_on_launch: PrivateDnsNameOptions {
            hostname_type: match names.and_then(|it| it.hostname_type()) {
                Some(SdkHostnameType::ResourceName) => HostnameType::ResourceName,
                _ => HostnameType::IpName,
            },
            enable_resource_name_dns_a_record: names.and_then(|it| it.enable_resource_name_dns_a_record()).unwrap_or(false),
            enable_resource_name_dns_aaaa_record: names.and_then(|it| it.enable_resource_name_dns_aaaa_record()).unwrap_or(false),
        },
        tags: tags(subnet.tags()),
        vpc_id: subnet.vpc_id.unwrap_or_default(),
        availability_zone: subnet.availability_zone,
        availability_zone_id: subnet.availability_zone_id,
        cidr_block: Cidr(subnet.cidr_block.unwrap_or_default()),
    };
    Live { spec, outputs: Outputs { id, arn }, status, unread: vec![] }
}

fn ipv6_association(subnet: &Described) -> Option<&SubnetIpv6CidrBlockAssociation> {
    let on_its_way_out = |state: &CidrState| matches!(state, CidrState::Disassociated | CidrState::Disassociating | CidrState::Failed);
    let mut all = subnet.ipv6_cidr_block_association_set().iter();
    all.find(|it| !it.ipv6_cidr_block_state().and_then(|it| it.state()).is_some_and(on_its_way_out))
}

/// A call changes exactly one attribute.
fn modify(world: &Aws, id: &Id) -> aws_sdk_ec2::operation::modify_subnet_attribute::builders::ModifySubnetAttributeFluentBuilder {
    world.ec2().modify_subnet_attribute().subnet_id(id.as_str())
}

async fn set_ipv6_cidr_block(world: &Aws, id: &Id, wanted: Option<&Cidr>) -> Result<()> {
    let subnets = all!(world.ec2().describe_subnets().filters(filter("subnet-id", [id.as_str()])))?;
    let now = subnets.first().and_then(ipv6_association);
    if now.and_then(|it| it.ipv6_cidr_block()) == wanted.map(|it| it.0.as_str()) {
        return Ok(());
    }
    if let Some(association) = now.and_then(|it| it.association_id()) {
        world.ec2().disassociate_subnet_cidr_block().association_id(association).send().await.map_err(error)?;
    }
    if let Some(block) = wanted {
        world.ec2().associate_subnet_cidr_block().subnet_id(id.as_str()).ipv6_cidr_block(&block.0).send().await.map_err(error)?;
    }
    Ok(())
}

async fn name_instances(world: &Aws, id: &Id, from: &PrivateDnsNameOptions, to: &PrivateDnsNameOptions) -> Result<()> {
    if from.hostname_type != to.hostname_type {
        let hostname_type = match to.hostname_type {
            HostnameType::IpName => SdkHostnameType::IpName,
            HostnameType::ResourceName => SdkHostnameType::ResourceName,
        };
        modify(world, id).private_dns_hostname_type_on_launch(hostname_type).send().await.map_err(error)?;
    }
    if from.enable_resource_name_dns_a_record != to.enable_resource_name_dns_a_record {
        let value = flag(to.enable_resource_name_dns_a_record);
        modify(world, id).enable_resource_name_dns_a_record_on_launch(value).send().await.map_err(error)?;
    }
    if from.enable_resource_name_dns_aaaa_record != to.enable_resource_name_dns_aaaa_record {
        let value = flag(to.enable_resource_name_dns_aaaa_record);
        modify(world, id).enable_resource_name_dns_aaaa_record_on_launch(value).send().await.map_err(error)?;
    }
    Ok(())
}

/// Deletes the network interfaces that Lambda left behind: nobody uses them any more, and they hold the subnet and its groups.
pub(crate) async fn release_interfaces(world: &Aws, by: &str, id: &Id) -> Result<()> {
    let filters = [
        filter(by, [id.as_str()]),
        filter("status", [NetworkInterfaceStatus::Available.as_str()]),
        filter("description", ["AWS Lambda VPC ENI*"]),
    ];
    for left in all!(world.ec2().describe_network_interfaces().set_filters(Some(filters.into())))? {
        let gone = &["InvalidNetworkInterfaceID.NotFound"];
        let delete = world.ec2().delete_network_interface().set_network_interface_id(left.network_interface_id);
        unless(delete.send().await.map_err(error), gone)?;
    }
    Ok(())
}

/// Takes the subnet from the endpoints of GuardDuty.
async fn release_endpoints(world: &Aws, vpc: &str, id: &Id) -> Result<()> {
    for endpoint in endpoints_of_guardduty(world, vpc).await? {
        if endpoint.subnet_ids().iter().any(|it| it == id.as_str()) {
            let call = world.ec2().modify_vpc_endpoint().set_vpc_endpoint_id(endpoint.vpc_endpoint_id);
            call.remove_subnet_ids(id.as_str()).send().await.map_err(error)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
