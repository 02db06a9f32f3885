//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AuthorizeSecurityGroupIngress.html>

use std::time::Duration;

use aws_sdk_ec2::types::{ResourceType, SecurityGroupRule as Described};
use infra::{
    resource::{
        Actions, Cidr, Create, Delete, During, Facts, Find, Id, Live, Passing, Problems, Protocol, Resource, Result, Status, Tags, Update,
        Wanted, immutable,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    describe, made, made_by, retag,
    security_group::rules::{self, Direction, Ends, Peer, Rule},
    tag_specifications, tags, unknown,
};
use crate::aws::{clients::Aws, error::error};

pub(crate) struct SecurityGroupRule;

/// One rule of a security group that has no rules of its own in this direction.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Which way the traffic goes.
    #[schemars(transform = immutable)]
    r#type: Type,
    /// The group that the rule belongs to.
    #[schemars(transform = immutable)]
    group_id: String,
    /// `tcp`, `udp`, `icmp`, `icmpv6`, another protocol's number, or `-1` for all.
    #[schemars(transform = immutable)]
    ip_protocol: Protocol,
    /// The first port, or the type of ICMP, -1 for all types. Only with protocols that have these.
    #[schemars(transform = immutable, range(min = -1, max = 65535))]
    from_port: Option<i32>,
    /// The last port, or the code of ICMP, -1 for all codes. Only with protocols that have these.
    #[schemars(transform = immutable, range(min = -1, max = 65535))]
    to_port: Option<i32>,
    /// The IPv4 addresses at the other end.
    #[schemars(transform = immutable)]
    cidr_ip: Option<Cidr>,
    /// The IPv6 addresses at the other end.
    #[schemars(transform = immutable)]
    cidr_ipv6: Option<Cidr>,
    /// The security group that incoming traffic comes from.
    #[schemars(transform = immutable)]
    source_security_group_id: Option<String>,
    /// The account that owns that group, where it is another one.
    #[schemars(transform = immutable)]
    source_security_group_owner_id: Option<String>,
    /// The prefix list that holds the addresses incoming traffic comes from.
    #[schemars(transform = immutable)]
    source_prefix_list_id: Option<String>,
    /// The security group that outgoing traffic goes to.
    #[schemars(transform = immutable)]
    destination_security_group_id: Option<String>,
    /// The prefix list that holds the addresses outgoing traffic goes to.
    #[schemars(transform = immutable)]
    destination_prefix_list_id: Option<String>,
    /// What the rule is for.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]*"))]
    description: Option<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Type {
    /// Traffic that comes in.
    Ingress,
    /// Traffic that goes out.
    Egress,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the rule.
    id: String,
    /// The ARN of the rule.
    arn: String,
}

impl Resource for SecurityGroupRule {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.security_group_rule";
    const FACTS: Facts = Facts {
        passing: &[
            Passing { during: During::Create, code: "InvalidGroup.NotFound", message: "", within: Duration::from_secs(120) },
            // The same rule under another address is on its way out.
            Passing { during: During::Create, code: "InvalidPermission.Duplicate", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Create, code: "InvalidPrefixListId.NotFound", message: "", within: Duration::from_secs(120) },
        ],
        gone: &["InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", "InvalidGroup.NotFound"],
        visible_within: Duration::from_secs(300),
        actions: Actions {
            create: &["ec2:AuthorizeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupEgress", "ec2:CreateTags"],
            read: &["ec2:DescribeSecurityGroupRules"],
            update: &[
                "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
                "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            delete: &["ec2:RevokeSecurityGroupIngress", "ec2:RevokeSecurityGroupEgress"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let (right, wrong) = match spec.get("type").and_then(Value::as_text) {
            Some("ingress") => (["source_security_group_id", "source_prefix_list_id"], "destination_"),
            Some("egress") => (["destination_security_group_id", "destination_prefix_list_id"], "source_"),
            _ => return,
        };
        for (property, _) in spec.as_map().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
            if let Some(rest) = property.strip_prefix(wrong) {
                let help = format!("write `{}{rest}`", if wrong == "source_" { "destination_" } else { "source_" });
                problems.error(Path::of(property), format!("`{property}` says nothing in a rule for traffic the other way"), help);
                return;
            }
        }
        rules::check(spec, &Path::default(), &["cidr_ip", "cidr_ipv6", right[0], right[1]], problems);
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = describe(ids, "security-group-rule-id", |by| rules::rules(world, by), |it| it.security_group_rule_id()).await?;
        Ok(found.into_iter().map(|it| it.and_then(|it| live(world, &it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = rules::rules(world, made_by(find.operation)).await?;
        Ok(unknown(found.into_iter().map(|it| it.security_group_rule_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let permissions = Some(vec![create.spec.rule()?.permission()]);
        let tags = tag_specifications(ResourceType::SecurityGroupRule, &create.spec.tags);
        let group = &create.spec.group_id;
        let (action, authorized) = match create.spec.r#type {
            Type::Ingress => {
                let call = world.ec2().authorize_security_group_ingress().group_id(group).set_ip_permissions(permissions);
                let answer = call.set_tag_specifications(tags).send().await.map_err(error)?;
                ("AuthorizeSecurityGroupIngress", answer.security_group_rules)
            }
            Type::Egress => {
                let call = world.ec2().authorize_security_group_egress().group_id(group).set_ip_permissions(permissions);
                let answer = call.set_tag_specifications(tags).send().await.map_err(error)?;
                ("AuthorizeSecurityGroupEgress", answer.security_group_rules)
            }
        };
        made(action, authorized.unwrap_or_default().into_iter().find_map(|it| it.security_group_rule_id))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changes("description") {
            rules::describe_anew(world, &to.group_id, to.r#type.into(), &[&to.rule()?]).await?;
        }
        retag(world, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        rules::revoke(world, &delete.spec.group_id, delete.spec.r#type.into(), vec![delete.id.0.clone()]).await
    }
}

impl From<Type> for Direction {
    fn from(it: Type) -> Self {
        match it {
            Type::Ingress => Self::Ingress,
            Type::Egress => Self::Egress,
        }
    }
}

impl Spec {
    fn rule(&self) -> Result<Rule> {
        let (group, list) = match self.r#type {
            Type::Ingress => (&self.source_security_group_id, &self.source_prefix_list_id),
            Type::Egress => (&self.destination_security_group_id, &self.destination_prefix_list_id),
        };
        let peer = Peer::new(&Ends {
            cidr_ip: self.cidr_ip.as_ref().map(|it| it.0.as_str()),
            cidr_ipv6: self.cidr_ipv6.as_ref().map(|it| it.0.as_str()),
            group: group.as_deref(),
            owner: self.source_security_group_owner_id.as_deref(),
            prefix_list: list.as_deref(),
        })?;
        Ok(Rule::new(&self.ip_protocol, self.from_port, self.to_port, peer, self.description.as_deref()))
    }
}

fn live(world: &Aws, it: &Described) -> Option<Live<SecurityGroupRule>> {
    let rule = Rule::read(it)?;
    let ends = rule.peer.ends();
    let r#type = if it.is_egress() == Some(true) { Type::Egress } else { Type::Ingress };
    let only = |wanted: Type, end: Option<&str>| end.filter(|_| r#type == wanted).map(str::to_owned);
    let id = it.security_group_rule_id()?;
    let spec = Spec {
        r#type,
        group_id: it.group_id()?.to_owned(),
        from_port: rule.ports.map(|it| it.0),
        to_port: rule.ports.map(|it| it.1),
        cidr_ip: ends.cidr_ip.map(|it| Cidr(it.to_owned())),
        cidr_ipv6: ends.cidr_ipv6.map(|it| Cidr(it.to_owned())),
        source_security_group_id: only(Type::Ingress, ends.group),
        source_security_group_owner_id: only(Type::Ingress, ends.owner),
        source_prefix_list_id: only(Type::Ingress, ends.prefix_list),
        destination_security_group_id: only(Type::Egress, ends.group),
        destination_prefix_list_id: only(Type::Egress, ends.prefix_list),
        ip_protocol: rule.protocol,
        description: rule.description,
        tags: tags(it.tags()),
    };
    let arn = world.arn("ec2", it.group_owner_id().unwrap_or_default(), &format!("security-group-rule/{id}"));
    Some(Live { spec, outputs: Outputs { id: id.to_owned(), arn }, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests {
    use crate::aws::conformance::Conformance;

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "ec2.security_group_rule",
            absent: "sgr-0123456789abcdef0",
            extra: "other: { ec2.security_group: { group_name: other, vpc_id: '${vpc.id}' } }",
            changes: &["description: From the office"],
            replacements: &[
                "cidr_ip: 10.1.0.0/16",
                "from_port: 80",
                "to_port: 8080",
                "ip_protocol: udp",
                "group_id: ${other.id}",
                "type: egress",
            ],
            // A rule has one other end: another kind of it is two changes.
            untried: &[
                "cidr_ipv6",
                "source_security_group_id",
                "source_security_group_owner_id",
                "source_prefix_list_id",
                "destination_security_group_id",
                "destination_prefix_list_id",
            ],
        }
        .check()
        .await;
    }
}
