//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>

pub(super) mod rules;

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_ec2::types::{Filter, ResourceType, SecurityGroup as Described};
use futures::try_join;
use infra::{
    resource::{
        Actions, Cidr, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Protocol, Resource, Result, Status,
        Tags, Update, Wanted, immutable, late, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::rules::{Direction, Ends, Peer, Rule};
use super::{describe, filter, made, made_by, retag, subnet::release_interfaces, tag_specifications, tags, unknown};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct SecurityGroup;

/// A security group: which traffic may come in to what is in it, and which may go out.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other group of the VPC has. Left out, one is made up.
    #[schemars(
        transform = immutable,
        transform = unique,
        length(min = 1, max = 255),
        regex(pattern = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*")
    )]
    group_name: Option<String>,
    /// What it is for.
    #[serde(default = "managed")]
    #[schemars(transform = immutable, length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*"))]
    description: String,
    /// The VPC that it is in.
    #[schemars(transform = immutable)]
    vpc_id: String,
    /// What may come in: these rules and no others. A rule may name the group itself, by its `id`.
    /// Left out, rules are free to be `ec2.security_group_rule` resources; when it is removed, its rules go.
    #[schemars(transform = set, transform = late)]
    ingress: Option<Vec<Ingress>>,
    /// What may go out: these rules and no others; an empty list forbids everything.
    /// Left out or removed, everything may go out, as in every new group.
    #[schemars(transform = set, transform = late)]
    egress: Option<Vec<Egress>>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

/// One rule for traffic that comes in.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Ingress {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another protocol's number, or `-1` for all.
    ip_protocol: Protocol,
    /// The first port, or the type of ICMP, -1 for all types. Only with protocols that have these.
    #[schemars(range(min = -1, max = 65535))]
    from_port: Option<i32>,
    /// The last port, or the code of ICMP, -1 for all codes. Only with protocols that have these.
    #[schemars(range(min = -1, max = 65535))]
    to_port: Option<i32>,
    /// The IPv4 addresses that it comes from.
    cidr_ip: Option<Cidr>,
    /// The IPv6 addresses that it comes from.
    cidr_ipv6: Option<Cidr>,
    /// The security group that it comes from.
    source_security_group_id: Option<String>,
    /// The account that owns that group, where it is another one.
    source_security_group_owner_id: Option<String>,
    /// The prefix list that holds the addresses it comes from.
    source_prefix_list_id: Option<String>,
    /// What the rule is for.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*"))]
    description: Option<String>,
}

/// One rule for traffic that goes out.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Egress {
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another protocol's number, or `-1` for all.
    ip_protocol: Protocol,
    /// The first port, or the type of ICMP, -1 for all types. Only with protocols that have these.
    #[schemars(range(min = -1, max = 65535))]
    from_port: Option<i32>,
    /// The last port, or the code of ICMP, -1 for all codes. Only with protocols that have these.
    #[schemars(range(min = -1, max = 65535))]
    to_port: Option<i32>,
    /// The IPv4 addresses that it goes to.
    cidr_ip: Option<Cidr>,
    /// The IPv6 addresses that it goes to.
    cidr_ipv6: Option<Cidr>,
    /// The security group that it goes to.
    destination_security_group_id: Option<String>,
    /// The prefix list that holds the addresses it goes to.
    destination_prefix_list_id: Option<String>,
    /// What the rule is for.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*"))]
    description: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the group.
    id: String,
    /// The ARN of the group.
    arn: String,
    /// The account that owns it.
    owner_id: Option<String>,
}

impl Resource for SecurityGroup {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.security_group";
    const FACTS: Facts = Facts {
        // Others refer to it and hold on to it: they change to the new one before the old one can go.
        create_first: true,
        apart: &["vpc_id", "group_name"],
        // A network interface of a function may hold its groups for more than half an hour.
        timeout: Durations { create: Duration::from_secs(600), update: Duration::from_secs(600), delete: Duration::from_secs(3000) },
        passing: &[
            Passing { during: During::Create, code: "InvalidVpcID.NotFound", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Update, code: "InvalidGroup.NotFound", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Update, code: "InvalidPrefixListId.NotFound", message: "", within: Duration::from_secs(120) },
            // The list of rules was older than the last change: read again, the rule is there.
            Passing { during: During::Update, code: "InvalidPermission.Duplicate", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Delete, code: "DependencyViolation", message: "", within: Duration::from_secs(2700) },
            Passing { during: During::Delete, code: "InvalidGroup.InUse", message: "", within: Duration::from_secs(2700) },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(300),
        actions: Actions {
            create: &["ec2:CreateSecurityGroup", "ec2:CreateTags"],
            read: &["ec2:DescribeSecurityGroups"],
            update: &[
                "ec2:DescribeSecurityGroupRules",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
                "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            delete: &[
                "ec2:DeleteSecurityGroup",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSecurityGroupRules",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DeleteNetworkInterface",
            ],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        if spec.get("group_name").and_then(Value::as_text).is_some_and(|it| it.starts_with("sg-")) {
            problems.error(
                Path::of("group_name"),
                "the name of a security group starts with `sg-`",
                "only ids start so: choose another name",
            );
        }
        for (property, ends) in [("ingress", INGRESS_ENDS), ("egress", EGRESS_ENDS)] {
            for (n, rule) in spec.get(property).and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
                rules::check(rule, &Path::of(property).item(n), ends, problems);
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = describe(ids, "group-id", |by| groups(world, by), |it| it.group_id()).await?;
        Ok(found.into_iter().map(|it| it.map(|it| live(world, &it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = groups(world, made_by(find.operation)).await?;
        Ok(unknown(found.into_iter().map(|it| it.group_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let answer = world
            .ec2()
            .create_security_group()
            .set_group_name(spec.group_name.clone())
            .description(&spec.description)
            .vpc_id(&spec.vpc_id)
            .set_tag_specifications(tag_specifications(ResourceType::SecurityGroup, &spec.tags))
            .send()
            .await
            .map_err(error)?;
        made("CreateSecurityGroup", answer.group_id)
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changes("ingress") || update.changes("egress") {
            let now = rules::rules(world, filter("group-id", [id.as_str()])).await?;
            if update.changes("ingress") {
                let wanted = to.ingress.iter().flatten().map(Ingress::rule).collect::<Result<Vec<_>>>()?;
                rules::reconcile(world, id, Direction::Ingress, &now, &wanted).await?;
            }
            if update.changes("egress") {
                let wanted = match &to.egress {
                    Some(egress) => egress.iter().map(Egress::rule).collect::<Result<Vec<_>>>()?,
                    None => vec![everywhere()],
                };
                rules::reconcile(world, id, Direction::Egress, &now, &wanted).await?;
            }
        }
        retag(world, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        match remove(world, delete.id).await {
            Err(refused) if refused.is(&["DependencyViolation", "InvalidGroup.InUse"]) => {
                // Rules of other groups may hold it, and what Lambda left: nobody else will take these away. The rest goes by itself.
                if let Err(error) = release_interfaces(world, "group-id", delete.id).await {
                    tracing::debug!(%error, group = %delete.id, "cannot remove what Lambda left");
                }
                if release(world, delete.id).await? { remove(world, delete.id).await } else { Err(refused) }
            }
            other => other,
        }
    }
}

const GONE: &[&str] = &["InvalidGroup.NotFound"];
const INGRESS_ENDS: &[&str] = &["cidr_ip", "cidr_ipv6", "source_security_group_id", "source_prefix_list_id"];
const EGRESS_ENDS: &[&str] = &["cidr_ip", "cidr_ipv6", "destination_security_group_id", "destination_prefix_list_id"];

fn managed() -> String {
    "Managed by infra".to_owned()
}

/// The rule that AWS gives every new group.
fn everywhere() -> Rule {
    Rule::new(&Protocol("-1".to_owned()), None, None, Peer::Ipv4("0.0.0.0/0".to_owned()), None)
}

impl Ingress {
    fn rule(&self) -> Result<Rule> {
        let peer = Peer::new(&Ends {
            cidr_ip: self.cidr_ip.as_ref().map(|it| it.0.as_str()),
            cidr_ipv6: self.cidr_ipv6.as_ref().map(|it| it.0.as_str()),
            group: self.source_security_group_id.as_deref(),
            owner: self.source_security_group_owner_id.as_deref(),
            prefix_list: self.source_prefix_list_id.as_deref(),
        })?;
        Ok(Rule::new(&self.ip_protocol, self.from_port, self.to_port, peer, self.description.as_deref()))
    }

    fn live(rule: Rule) -> Self {
        let ends = rule.peer.ends();
        Self {
            from_port: rule.ports.map(|it| it.0),
            to_port: rule.ports.map(|it| it.1),
            cidr_ip: ends.cidr_ip.map(|it| Cidr(it.to_owned())),
            cidr_ipv6: ends.cidr_ipv6.map(|it| Cidr(it.to_owned())),
            source_security_group_id: ends.group.map(str::to_owned),
            source_security_group_owner_id: ends.owner.map(str::to_owned),
            source_prefix_list_id: ends.prefix_list.map(str::to_owned),
            ip_protocol: rule.protocol,
            description: rule.description,
        }
    }
}

impl Egress {
    fn rule(&self) -> Result<Rule> {
        let peer = Peer::new(&Ends {
            cidr_ip: self.cidr_ip.as_ref().map(|it| it.0.as_str()),
            cidr_ipv6: self.cidr_ipv6.as_ref().map(|it| it.0.as_str()),
            group: self.destination_security_group_id.as_deref(),
            owner: None,
            prefix_list: self.destination_prefix_list_id.as_deref(),
        })?;
        Ok(Rule::new(&self.ip_protocol, self.from_port, self.to_port, peer, self.description.as_deref()))
    }

    fn live(rule: Rule) -> Self {
        let ends = rule.peer.ends();
        Self {
            from_port: rule.ports.map(|it| it.0),
            to_port: rule.ports.map(|it| it.1),
            cidr_ip: ends.cidr_ip.map(|it| Cidr(it.to_owned())),
            cidr_ipv6: ends.cidr_ipv6.map(|it| Cidr(it.to_owned())),
            destination_security_group_id: ends.group.map(str::to_owned),
            destination_prefix_list_id: ends.prefix_list.map(str::to_owned),
            ip_protocol: rule.protocol,
            description: rule.description,
        }
    }
}

async fn groups(world: &Aws, by: Filter) -> Result<Vec<Described>> {
    all!(world.ec2().describe_security_groups().filters(by))
}

fn live(world: &Aws, it: &Described) -> Live<SecurityGroup> {
    let owner = it.owner_id();
    let id = it.group_id().unwrap_or_default();
    let spec = Spec {
        group_name: it.group_name.clone(),
        description: it.description().unwrap_or_default().to_owned(),
        vpc_id: it.vpc_id().unwrap_or_default().to_owned(),
        ingress: Some(it.ip_permissions().iter().flat_map(|it| Rule::expand(it, owner)).map(Ingress::live).collect()),
        egress: Some(it.ip_permissions_egress().iter().flat_map(|it| Rule::expand(it, owner)).map(Egress::live).collect()),
        tags: tags(it.tags()),
    };
    let outputs = Outputs {
        id: id.to_owned(),
        arn: world.arn("ec2", owner.unwrap_or_default(), &format!("security-group/{id}")),
        owner_id: owner.map(str::to_owned),
    };
    Live { spec, outputs, status: Status::Ready, unread: vec![] }
}

async fn remove(world: &Aws, id: &Id) -> Result<()> {
    unless(world.ec2().delete_security_group().group_id(id.as_str()).send().await.map_err(error), GONE).map(drop)
}

/// Takes away all rules of other groups that name this one; says whether there were any.
async fn release(world: &Aws, id: &Id) -> Result<bool> {
    let (one, two) = try_join!(
        groups(world, filter("ip-permission.group-id", [id.as_str()])),
        groups(world, filter("egress.ip-permission.group-id", [id.as_str()])),
    )?;
    let holders: Vec<_> = one.into_iter().chain(two).filter_map(|it| it.group_id).filter(|it| it != id.as_str()).collect();
    if holders.is_empty() {
        return Ok(false);
    }
    let mut theirs: BTreeMap<(String, bool), Vec<String>> = BTreeMap::new();
    for rule in rules::rules(world, filter("group-id", holders)).await? {
        if rule.referenced_group_info().and_then(|it| it.group_id()) == Some(id.as_str())
            && let (Some(group), Some(rule_id)) = (rule.group_id, rule.security_group_rule_id)
        {
            theirs.entry((group, rule.is_egress == Some(true))).or_default().push(rule_id);
        }
    }
    for ((group, egress), ids) in theirs {
        rules::revoke(world, &group, if egress { Direction::Egress } else { Direction::Ingress }, ids).await?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
