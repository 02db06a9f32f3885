//! The rules of security groups: as people write them, as AWS has them, and from one to the other.
//! <https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html>

use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, SecurityGroupRule as Described, UserIdGroupPair};
use infra::{
    resource::{Error, Id, Problems, Protocol, Result},
    value::{Path, Value},
};
use ipnet::IpNet;

use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
};

/// Which way the traffic goes that a rule lets through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::aws::ec2) enum Direction {
    Ingress,
    Egress,
}

/// One rule in its one canonical form: one protocol, one range of ports, one peer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::aws::ec2) struct Rule {
    pub(in crate::aws::ec2) protocol: Protocol,
    /// Both ports, or the type and code of ICMP; none where the protocol has neither.
    pub(in crate::aws::ec2) ports: Option<(i32, i32)>,
    pub(in crate::aws::ec2) peer: Peer,
    pub(in crate::aws::ec2) description: Option<String>,
}

/// The other end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::aws::ec2) enum Peer {
    Ipv4(String),
    Ipv6(String),
    /// A security group, and the account that owns it where it is another one.
    Group(String, Option<String>),
    PrefixList(String),
}

/// The properties that name the other end, as they are written.
#[derive(Default)]
pub(in crate::aws::ec2) struct Ends<'a> {
    pub(in crate::aws::ec2) cidr_ip: Option<&'a str>,
    pub(in crate::aws::ec2) cidr_ipv6: Option<&'a str>,
    pub(in crate::aws::ec2) group: Option<&'a str>,
    pub(in crate::aws::ec2) owner: Option<&'a str>,
    pub(in crate::aws::ec2) prefix_list: Option<&'a str>,
}

impl Peer {
    /// The one end that is written.
    pub(in crate::aws::ec2) fn new(ends: &Ends<'_>) -> Result<Self> {
        let owner = ends.owner.map(str::to_owned);
        let mut all = [
            ends.cidr_ip.map(|it| Self::Ipv4(canonical(it))),
            ends.cidr_ipv6.map(|it| Self::Ipv6(canonical(it))),
            ends.group.map(|it| Self::Group(it.to_owned(), owner)),
            ends.prefix_list.map(|it| Self::PrefixList(it.to_owned())),
        ]
        .into_iter()
        .flatten();
        match (all.next(), all.next()) {
            (Some(one), None) => Ok(one),
            // `check` sees to it, except for what is known only now.
            (None, _) => Err(refused("a rule names no other end")),
            _ => Err(refused("a rule names more than one other end")),
        }
    }

    pub(in crate::aws::ec2) fn ends(&self) -> Ends<'_> {
        match self {
            Self::Ipv4(it) => Ends { cidr_ip: Some(it), ..Ends::default() },
            Self::Ipv6(it) => Ends { cidr_ipv6: Some(it), ..Ends::default() },
            Self::Group(it, owner) => Ends { group: Some(it), owner: owner.as_deref(), ..Ends::default() },
            Self::PrefixList(it) => Ends { prefix_list: Some(it), ..Ends::default() },
        }
    }
}

fn refused(message: &str) -> Error {
    Error::rejected("AuthorizeSecurityGroupIngress", "InvalidParameterCombination", message)
}

/// As AWS keeps it: without the bits behind the prefix.
fn canonical(cidr: &str) -> String {
    cidr.parse::<IpNet>().map_or_else(|_| cidr.to_owned(), |it| it.trunc().to_string())
}

impl Rule {
    pub(in crate::aws::ec2) fn new(
        protocol: &Protocol,
        from_port: Option<i32>,
        to_port: Option<i32>,
        peer: Peer,
        description: Option<&str>,
    ) -> Self {
        let protocol = protocol.canonical();
        let ports = from_port.zip(to_port).filter(|_| has_ports(&protocol.0));
        Self { protocol, ports, peer, description: description.map(str::to_owned) }
    }

    /// Whether it lets the same traffic through.
    pub(in crate::aws::ec2) fn same_traffic(&self, other: &Self) -> bool {
        (&self.protocol, self.ports, &self.peer) == (&other.protocol, other.ports, &other.peer)
    }

    /// All rules that one permission of an answer stands for. `owner` owns the group.
    pub(in crate::aws::ec2) fn expand(of: &IpPermission, owner: Option<&str>) -> Vec<Self> {
        let protocol = Protocol(of.ip_protocol().unwrap_or("-1").to_owned());
        let rule = |peer: Peer, description: Option<&str>| {
            // Where ICMP allows every type, the answer may leave the numbers out.
            let (from, to) = (of.from_port().unwrap_or(-1), of.to_port().unwrap_or(-1));
            Self::new(&protocol, Some(from), Some(to), peer, description)
        };
        let ipv4 = of.ip_ranges().iter().filter_map(|it| Some(rule(Peer::Ipv4(it.cidr_ip()?.to_owned()), it.description())));
        let ipv6 = of.ipv6_ranges().iter().filter_map(|it| Some(rule(Peer::Ipv6(it.cidr_ipv6()?.to_owned()), it.description())));
        let lists =
            of.prefix_list_ids().iter().filter_map(|it| Some(rule(Peer::PrefixList(it.prefix_list_id()?.to_owned()), it.description())));
        let groups = of.user_id_group_pairs().iter().filter_map(|it| {
            let other = foreign(it.user_id(), owner);
            Some(rule(Peer::Group(it.group_id()?.to_owned(), other), it.description()))
        });
        ipv4.chain(ipv6).chain(lists).chain(groups).collect()
    }

    /// From an answer that has each rule by itself.
    pub(in crate::aws::ec2) fn read(of: &Described) -> Option<Self> {
        let peer = if let Some(cidr) = of.cidr_ipv4() {
            Peer::Ipv4(cidr.to_owned())
        } else if let Some(cidr) = of.cidr_ipv6() {
            Peer::Ipv6(cidr.to_owned())
        } else if let Some(list) = of.prefix_list_id() {
            Peer::PrefixList(list.to_owned())
        } else {
            let group = of.referenced_group_info()?;
            let other = foreign(group.user_id(), of.group_owner_id());
            Peer::Group(group.group_id()?.to_owned(), other)
        };
        let protocol = Protocol(of.ip_protocol().unwrap_or("-1").to_owned());
        Some(Self::new(&protocol, of.from_port(), of.to_port(), peer, of.description().filter(|it| !it.is_empty())))
    }

    pub(in crate::aws::ec2) fn permission(&self) -> IpPermission {
        let description = || self.description.clone();
        let (from, to) = self.ports.unzip();
        let permission = IpPermission::builder().ip_protocol(&self.protocol.0).set_from_port(from).set_to_port(to);
        match &self.peer {
            Peer::Ipv4(it) => permission.ip_ranges(IpRange::builder().cidr_ip(it).set_description(description()).build()),
            Peer::Ipv6(it) => permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(it).set_description(description()).build()),
            Peer::PrefixList(it) => {
                permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(it).set_description(description()).build())
            }
            Peer::Group(it, owner) => {
                let pair = UserIdGroupPair::builder().group_id(it).set_user_id(owner.clone()).set_description(description());
                permission.user_id_group_pairs(pair.build())
            }
        }
        .build()
    }
}

/// The account of the other group, where it is known to be another one.
fn foreign(account: Option<&str>, owner: Option<&str>) -> Option<String> {
    account.filter(|it| owner.is_some_and(|owner| owner != *it)).map(str::to_owned)
}

/// Whether the protocol, in its canonical spelling, has ports, or types and codes.
fn has_ports(protocol: &str) -> bool {
    matches!(protocol, "tcp" | "udp" | "icmp" | "icmpv6")
}

/// What is wrong with a rule as it is written; `ends` are the properties of which exactly one names the other end.
pub(in crate::aws::ec2) fn check(rule: &Value, at: &Path, ends: &[&str], problems: &mut Problems) {
    let written: Vec<_> = ends.iter().filter(|it| rule.get(it).is_some_and(|it| !it.is_null())).collect();
    // One that is not known yet may turn out to be nothing.
    let known = written.iter().filter(|it| !matches!(rule.get(it), Some(Value::Unknown(_)))).count();
    let choice = ends.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    if rule.as_map().is_some() && written.is_empty() {
        problems.error(at.clone(), "the rule names no other end", format!("write one of {choice}"));
    }
    if known > 1 {
        let help = format!("write one rule for each of {}", written.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", "));
        problems.error(at.clone(), "the rule names more than one other end", help);
    }
    let Some(protocol) = rule.get("ip_protocol").and_then(Value::as_text).map(|it| Protocol(it.to_owned()).canonical().0) else { return };
    let number = protocol.parse::<i64>().is_ok_and(|it| (-1..=255).contains(&it));
    if !number && !has_ports(&protocol) {
        let help = "write `tcp`, `udp`, `icmp`, `icmpv6`, the number of another protocol, or `-1` for all";
        problems.error(at.key("ip_protocol"), format!("no protocol is called `{protocol}`"), help);
        return;
    }
    let has = |port: &str| rule.get(port).is_some_and(|it| !it.is_null());
    for port in ["from_port", "to_port"] {
        if has_ports(&protocol) && !has(port) {
            let help = if protocol.starts_with("icmp") {
                format!("`{port}` is its {} here; -1 stands for all", if port == "from_port" { "type" } else { "code" })
            } else {
                "a rule for one port has the same `from_port` and `to_port`".to_owned()
            };
            problems.error(at.clone(), format!("a rule for {protocol} without `{port}`"), help);
        }
        if !has_ports(&protocol) && has(port) {
            let help = format!("AWS lets all ports through whatever is written here: remove `{port}`");
            problems.error(at.key(port), format!("`{port}` with a protocol that has no ports"), help);
        }
    }
    if let (Some(Value::Int(from)), Some(Value::Int(to))) = (rule.get("from_port"), rule.get("to_port"))
        && matches!(protocol.as_str(), "tcp" | "udp")
        && from > to
    {
        problems.error(at.key("to_port"), format!("`to_port` {to} is below `from_port` {from}"), "write the lower port as `from_port`");
    }
}

/// All rules found, each with its id.
pub(in crate::aws::ec2) async fn rules(world: &Aws, by: Filter) -> Result<Vec<Described>> {
    all!(world.ec2().describe_security_group_rules().filters(by))
}

pub(in crate::aws::ec2) async fn authorize(world: &Aws, group: &str, direction: Direction, rules: &[&Rule]) -> Result<()> {
    let permissions = Some(rules.iter().map(|it| it.permission()).collect());
    match direction {
        Direction::Ingress => {
            let call = world.ec2().authorize_security_group_ingress().group_id(group).set_ip_permissions(permissions);
            call.send().await.map_err(error).map(drop)
        }
        Direction::Egress => {
            let call = world.ec2().authorize_security_group_egress().group_id(group).set_ip_permissions(permissions);
            call.send().await.map_err(error).map(drop)
        }
    }
}

/// Takes rules away by their ids; those that are gone already do not matter.
pub(in crate::aws::ec2) async fn revoke(world: &Aws, group: &str, direction: Direction, ids: Vec<String>) -> Result<()> {
    const GONE: &[&str] = &["InvalidSecurityGroupRuleId.NotFound", "InvalidPermission.NotFound", "InvalidGroup.NotFound"];
    let one_by_one = ids.len() > 1;
    let revoke = async |ids: Vec<String>| match direction {
        Direction::Ingress => {
            let call = world.ec2().revoke_security_group_ingress().group_id(group).set_security_group_rule_ids(Some(ids));
            call.send().await.map_err(error).map(drop)
        }
        Direction::Egress => {
            let call = world.ec2().revoke_security_group_egress().group_id(group).set_security_group_rule_ids(Some(ids));
            call.send().await.map_err(error).map(drop)
        }
    };
    if unless(revoke(ids.clone()).await, GONE)?.is_none() && one_by_one {
        // One that is gone has kept all the others.
        for id in ids {
            unless(revoke(vec![id]).await, GONE)?;
        }
    }
    Ok(())
}

/// Gives rules that stay their new descriptions.
pub(in crate::aws::ec2) async fn describe_anew(world: &Aws, group: &str, direction: Direction, rules: &[&Rule]) -> Result<()> {
    // Named by what they let through rather than by their ids, which the emulator takes without doing anything.
    let permissions = Some(rules.iter().map(|it| it.permission()).collect());
    match direction {
        Direction::Ingress => {
            let call = world.ec2().update_security_group_rule_descriptions_ingress().group_id(group).set_ip_permissions(permissions);
            call.send().await.map_err(error).map(drop)
        }
        Direction::Egress => {
            let call = world.ec2().update_security_group_rule_descriptions_egress().group_id(group).set_ip_permissions(permissions);
            call.send().await.map_err(error).map(drop)
        }
    }
}

/// Makes the rules of a group in one direction exactly these: first those that are missing, then away with the others,
/// so that what is let through before and after is let through all the time.
pub(in crate::aws::ec2) async fn reconcile(
    world: &Aws,
    group: &Id,
    direction: Direction,
    now: &[Described],
    wanted: &[Rule],
) -> Result<()> {
    let group = group.as_str();
    let now = now.iter().filter(|it| it.is_egress() == Some(direction == Direction::Egress));
    let now: Vec<_> = now.filter_map(|it| Some((it.security_group_rule_id()?.to_owned(), Rule::read(it)?))).collect();
    let there = |rule: &Rule| now.iter().find(|(_, it)| it.same_traffic(rule)).map(|(_, it)| it);

    let mut missing: Vec<&Rule> = vec![];
    for rule in wanted {
        if there(rule).is_none() && !missing.iter().any(|it| it.same_traffic(rule)) {
            missing.push(rule);
        }
    }
    let reworded: Vec<&Rule> = wanted.iter().filter(|rule| there(rule).is_some_and(|it| it.description != rule.description)).collect();
    let excess: Vec<_> = now.iter().filter(|(_, it)| !wanted.iter().any(|rule| rule.same_traffic(it))).map(|(id, _)| id.clone()).collect();

    if !missing.is_empty() {
        authorize(world, group, direction, &missing).await?;
    }
    if !reworded.is_empty() {
        describe_anew(world, group, direction, &reworded).await?;
    }
    if !excess.is_empty() {
        revoke(world, group, direction, excess).await?;
    }
    Ok(())
}
