//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpc.html>

use std::time::Duration;

use aws_sdk_ec2::types::{
    AttributeBooleanValue, ResourceType, Tenancy as SdkTenancy, Vpc as Described, VpcAttributeName, VpcCidrBlockStateCode as BlockState,
    VpcIpv6CidrBlockAssociation as Block, VpcState, VpcTenancy,
};
use futures::try_join;
use infra::{
    resource::{
        Actions, Cidr, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update,
        Wanted, immutable, volatile,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{describe, endpoints_of_guardduty, filter, flag, made_by, retag, tag_specifications, tags, unknown};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Vpc;

/// A virtual private cloud: a network of your own.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The IPv4 addresses of the network, from a /28 to a /16 block.
    #[schemars(transform = immutable)]
    cidr_block: Cidr,
    /// What hardware instances in the VPC run on; dedicated can be turned to default in place, not the other way round.
    #[serde(default)]
    instance_tenancy: Tenancy,
    /// Whether Amazon's DNS server answers in the VPC.
    #[serde(default = "yes")]
    enable_dns_support: bool,
    /// Whether instances with public addresses get public DNS names; private DNS of interface endpoints needs it too.
    #[serde(default)]
    enable_dns_hostnames: bool,
    /// Whether it has a /56 block of Amazon's IPv6 addresses, for subnets to take parts of.
    #[serde(default)]
    amazon_provided_ipv6_cidr_block: bool,
    /// Whether the use of addresses is measured.
    #[serde(default)]
    enable_network_address_usage_metrics: bool,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tenancy {
    /// Shared hardware, unless an instance asks for its own.
    #[default]
    Default,
    /// Hardware of your own for every instance.
    Dedicated,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the VPC.
    id: String,
    /// The ARN of the VPC.
    arn: String,
    /// Its blocks of IPv6 addresses, where it has any.
    #[schemars(transform = volatile)]
    ipv6_cidr_blocks: Option<Vec<String>>,
    /// The security group of whatever names none.
    default_security_group_id: Option<String>,
    /// The network ACL of all subnets that have no other.
    default_network_acl_id: Option<String>,
}

impl Resource for Vpc {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.vpc";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(3), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        passing: &[
            Passing { during: During::Update, code: "InvalidVpcID.NotFound", message: "", within: Duration::from_secs(300) },
            Passing { during: During::Delete, code: "DependencyViolation", message: "", within: Duration::from_secs(1200) },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(300),
        create_first: true,
        actions: Actions {
            create: &["ec2:CreateVpc", "ec2:CreateTags", "ec2:ModifyVpcAttribute"],
            read: &["ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeSecurityGroups", "ec2:DescribeNetworkAcls"],
            update: &[
                "ec2:ModifyVpcAttribute",
                "ec2:ModifyVpcTenancy",
                "ec2:AssociateVpcCidrBlock",
                "ec2:DisassociateVpcCidrBlock",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            delete: &[
                "ec2:DeleteVpc",
                "ec2:DescribeVpcEndpoints",
                "ec2:DeleteVpcEndpoints",
                "ec2:DescribeSecurityGroups",
                "ec2:DeleteSecurityGroup",
            ],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        super::check_size(spec, problems);
        let is = |property: &str, value: bool| spec.get(property) == Some(&Value::Bool(value));
        if is("enable_dns_hostnames", true) && is("enable_dns_support", false) {
            let help = "set `enable_dns_support: true`, or leave it out";
            problems.error(Path::of("enable_dns_hostnames"), "DNS names need `enable_dns_support`", help);
        }
    }

    fn replaces(from: &Spec, to: &Spec) -> Option<&'static str> {
        let dedicated = from.instance_tenancy == Tenancy::Default && to.instance_tenancy == Tenancy::Dedicated;
        dedicated.then_some("a VPC with default tenancy cannot become dedicated")
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let vpcs = describe(ids, "vpc-id", |filter| async { all!(world.ec2().describe_vpcs().filters(filter)) }, |it| it.vpc_id());
        let groups = describe(
            ids,
            "vpc-id",
            |of| async { all!(world.ec2().describe_security_groups().filters(of).filters(filter("group-name", ["default"]))) },
            |it| it.vpc_id(),
        );
        let acls = describe(
            ids,
            "vpc-id",
            |of| async { all!(world.ec2().describe_network_acls().filters(of).filters(filter("default", ["true"]))) },
            |it| it.vpc_id(),
        );
        let (vpcs, groups, acls) = try_join!(vpcs, groups, acls)?;

        let attributes = vpcs.iter().map(|vpc| attributes(world, vpc.as_ref().and_then(|it| it.vpc_id()), wanted));
        let attributes = abreast(attributes).await?;

        let lives = vpcs.into_iter().zip(groups).zip(acls).zip(attributes).map(|(((vpc, group), acl), attributes)| {
            let vpc = vpc?;
            let id = vpc.vpc_id().unwrap_or_default();
            let blocks: Vec<_> = ipv6_blocks(&vpc).collect();
            let associating = blocks.iter().any(|it| state(it) == Some(&BlockState::Associating));
            let usable = blocks.iter().filter(|it| state(it) == Some(&BlockState::Associated));
            let usable: Vec<_> = usable.filter_map(|it| it.ipv6_cidr_block()).map(str::to_owned).collect();
            let spec = Spec {
                amazon_provided_ipv6_cidr_block: blocks.iter().any(|it| is_of_amazon(it)),
                cidr_block: Cidr(vpc.cidr_block().unwrap_or_default().to_owned()),
                instance_tenancy: match vpc.instance_tenancy() {
                    Some(SdkTenancy::Dedicated) => Tenancy::Dedicated,
                    _ => Tenancy::Default,
                },
                enable_dns_support: attributes.dns_support.unwrap_or(true),
                enable_dns_hostnames: attributes.dns_hostnames.unwrap_or(false),
                enable_network_address_usage_metrics: attributes.usage_metrics.unwrap_or(false),
                tags: tags(vpc.tags()),
            };
            let outputs = Outputs {
                id: id.to_owned(),
                arn: world.arn("ec2", vpc.owner_id().unwrap_or_default(), &format!("vpc/{id}")),
                ipv6_cidr_blocks: (!usable.is_empty()).then_some(usable),
                default_security_group_id: group.and_then(|it| it.group_id),
                default_network_acl_id: acl.and_then(|it| it.network_acl_id),
            };
            let status = match vpc.state() {
                Some(VpcState::Available) if associating => Status::Pending("associating".into()),
                Some(VpcState::Available) => Status::Ready,
                Some(VpcState::Deleting) => Status::Deleting("deleting".into()),
                other => Status::Pending(other.map_or("pending", VpcState::as_str).to_owned()),
            };
            Some(Live { spec, outputs, status, unread: attributes.unread() })
        });
        Ok(lives.collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = all!(world.ec2().describe_vpcs().filters(made_by(find.operation)))?;
        Ok(unknown(found.into_iter().map(|it| it.vpc_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let call = world.ec2().create_vpc().cidr_block(&create.spec.cidr_block.0);
        let call = call.set_amazon_provided_ipv6_cidr_block(create.spec.amazon_provided_ipv6_cidr_block.then_some(true));
        let call = match create.spec.instance_tenancy {
            Tenancy::Default => call,
            Tenancy::Dedicated => call.instance_tenancy(SdkTenancy::Dedicated),
        };
        let made = call.set_tag_specifications(tag_specifications(ResourceType::Vpc, &create.spec.tags)).send().await.map_err(error)?;
        super::made("CreateVpc", made.vpc.and_then(|it| it.vpc_id))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let modify = || world.ec2().modify_vpc_attribute().vpc_id(id.as_str());
        let support = update.changes("enable_dns_support").then(|| modify().enable_dns_support(flag(to.enable_dns_support)));
        let hostnames = update.changes("enable_dns_hostnames").then(|| modify().enable_dns_hostnames(flag(to.enable_dns_hostnames)));
        let metrics = update
            .changes("enable_network_address_usage_metrics")
            .then(|| modify().enable_network_address_usage_metrics(flag(to.enable_network_address_usage_metrics)));
        // Names need the server: it goes on before them and off after them.
        let dns = if to.enable_dns_support { [support, hostnames] } else { [hostnames, support] };
        for call in dns.into_iter().chain([metrics]).flatten() {
            call.send().await.map_err(error)?;
        }
        if update.changes("instance_tenancy") && to.instance_tenancy == Tenancy::Default {
            world.ec2().modify_vpc_tenancy().vpc_id(id.as_str()).instance_tenancy(VpcTenancy::Default).send().await.map_err(error)?;
        }
        if update.changes("amazon_provided_ipv6_cidr_block") {
            provide_ipv6(world, id, to.amazon_provided_ipv6_cidr_block).await?;
        }
        retag(world, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let deleted = world.ec2().delete_vpc().vpc_id(delete.id.as_str()).send().await.map_err(error);
        match unless(deleted, GONE) {
            Err(refused) if refused.is(&["DependencyViolation"]) => {
                // The refusal stands whatever comes of this, and the next try finds less in its way.
                if let Err(error) = remove_guardduty(world, delete.id).await {
                    tracing::debug!(%error, vpc = %delete.id, "cannot remove what GuardDuty left");
                }
                Err(refused)
            }
            other => other.map(drop),
        }
    }
}

const GONE: &[&str] = &["InvalidVpcID.NotFound"];

/// What costs one call for each VPC, as far as it was read.
#[derive(Default)]
struct Attributes {
    dns_support: Option<bool>,
    dns_hostnames: Option<bool>,
    usage_metrics: Option<bool>,
}

impl Attributes {
    fn unread(&self) -> Vec<&'static str> {
        let all = [
            ("enable_dns_support", self.dns_support),
            ("enable_dns_hostnames", self.dns_hostnames),
            ("enable_network_address_usage_metrics", self.usage_metrics),
        ];
        all.into_iter().filter(|(_, value)| value.is_none()).map(|(name, _)| name).collect()
    }
}

async fn attributes(world: &Aws, id: Option<&str>, wanted: &Wanted) -> Result<Attributes> {
    let Some(id) = id else { return Ok(Attributes::default()) };
    let read = async |property: &str, name: VpcAttributeName| {
        if !wanted.has(property) {
            return Ok(None);
        }
        let call = world.ec2().describe_vpc_attribute().vpc_id(id).attribute(name);
        // Deleted since it was described: the rest of what was read stands.
        unless(call.send().await.map_err(error), GONE)
    };
    let (support, hostnames, metrics) = try_join!(
        read("enable_dns_support", VpcAttributeName::EnableDnsSupport),
        read("enable_dns_hostnames", VpcAttributeName::EnableDnsHostnames),
        read("enable_network_address_usage_metrics", VpcAttributeName::EnableNetworkAddressUsageMetrics),
    )?;
    let value = |it: Option<AttributeBooleanValue>| it.and_then(|it| it.value);
    Ok(Attributes {
        dns_support: value(support.and_then(|it| it.enable_dns_support)),
        dns_hostnames: value(hostnames.and_then(|it| it.enable_dns_hostnames)),
        usage_metrics: value(metrics.and_then(|it| it.enable_network_address_usage_metrics)),
    })
}

/// The blocks that the VPC has or is about to have.
fn ipv6_blocks(vpc: &Described) -> impl Iterator<Item = &Block> {
    let lasting = |it: &&Block| matches!(state(it), Some(BlockState::Associated | BlockState::Associating));
    vpc.ipv6_cidr_block_association_set().iter().filter(lasting)
}

fn state(block: &Block) -> Option<&BlockState> {
    block.ipv6_cidr_block_state().and_then(|it| it.state())
}

/// Not one that the account brought along.
fn is_of_amazon(block: &Block) -> bool {
    block.ipv6_pool().is_none_or(|it| it == "Amazon")
}

async fn provide_ipv6(world: &Aws, id: &Id, wanted: bool) -> Result<()> {
    // As it is now: a second try of the same call would get a second block.
    let vpcs = all!(world.ec2().describe_vpcs().filters(filter("vpc-id", [id.as_str()])))?;
    let now: Vec<_> = vpcs.iter().flat_map(ipv6_blocks).filter(|it| is_of_amazon(it)).collect();
    if wanted && now.is_empty() {
        world.ec2().associate_vpc_cidr_block().vpc_id(id.as_str()).amazon_provided_ipv6_cidr_block(true).send().await.map_err(error)?;
    }
    if !wanted {
        for block in now {
            let call = world.ec2().disassociate_vpc_cidr_block().set_association_id(block.association_id().map(str::to_owned));
            unless(call.send().await.map_err(error), &["InvalidVpcCidrBlockAssociationID.NotFound"])?;
        }
    }
    Ok(())
}

/// Deletes what GuardDuty put into the VPC: its endpoints, and the group that is theirs.
async fn remove_guardduty(world: &Aws, id: &Id) -> Result<()> {
    let endpoints: Vec<_> = endpoints_of_guardduty(world, id.as_str()).await?.into_iter().filter_map(|it| it.vpc_endpoint_id).collect();
    if !endpoints.is_empty() {
        world.ec2().delete_vpc_endpoints().set_vpc_endpoint_ids(Some(endpoints)).send().await.map_err(error)?;
    }
    let name = format!("GuardDutyManagedSecurityGroup-{id}");
    let filters = [filter("vpc-id", [id.as_str()]), filter("group-name", [name])];
    for group in all!(world.ec2().describe_security_groups().set_filters(Some(filters.into())))? {
        let deleted = world.ec2().delete_security_group().set_group_id(group.group_id).send().await.map_err(error);
        // The endpoints hold it for some minutes.
        unless(deleted, &["InvalidGroup.NotFound", "DependencyViolation"])?;
    }
    Ok(())
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;
