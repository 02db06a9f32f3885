//! Ways through the network of a stack, as far as the stack itself tells them.

use infra::{resource::Protocol, value::Value};
use ipnet::IpNet;

use super::{Resource, Resources, Target, written};

/// Where the traffic of a subnet gets out of its VPC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Nowhere,
    /// By an internet gateway, which serves only who has a public address.
    Gateway,
    /// By NAT or something else; also where that cannot be told.
    Other,
}

/// The subnets that the items of a list come from, and their VPC; nothing unless all of them are the stack's.
pub(super) fn subnets<'r, 'a>(resources: &'r Resources<'a>, list: Option<&Value>) -> Option<(Vec<&'r Resource<'a>>, &'r Resource<'a>)> {
    let subnets = resources.all_own(list, "ec2.subnet")?;
    let vpc = resources.referred(subnets.first()?, "vpc_id", "ec2.vpc")?;
    Some((subnets, vpc))
}

/// Whether an internet gateway is attached to a VPC; also where one might be.
pub(super) fn has_gateway(resources: &Resources<'_>, vpc: &Resource<'_>) -> bool {
    // One whose VPC is not known yet may be the one.
    let attached = |to: Option<Target>| to.is_none_or(|it| it == Target::Own(vpc.address.clone()));
    resources.of_type("ec2.internet_gateway").any(|it| it.get("vpc_id").is_some() && attached(it.target("vpc_id")))
}

pub(super) fn way_out(resources: &Resources<'_>, subnet: &Resource<'_>, vpc: &Resource<'_>) -> Way {
    match table(resources, subnet, vpc) {
        Table::Unclear => Way::Other,
        // The table that a VPC comes with leads nowhere.
        Table::Main => Way::Nowhere,
        Table::Own(table) => {
            let Some(routes) = table.get("routes").map_or(Some(&[][..]), Value::as_list) else { return Way::Other };
            let mut way = Way::Nowhere;
            for route in routes {
                let Some(gateway) = route.get("gateway_id").filter(|it| !it.is_null()) else { return Way::Other };
                let internet = resources.own_of(gateway, "ec2.internet_gateway").is_some()
                    || gateway.as_text().is_some_and(|it| it.starts_with("igw-"));
                if !internet {
                    return Way::Other;
                }
                way = Way::Gateway;
            }
            way
        }
    }
}

enum Table<'r, 'a> {
    Own(&'r Resource<'a>),
    Main,
    Unclear,
}

/// The route table that a subnet follows.
fn table<'r, 'a>(resources: &'r Resources<'a>, subnet: &Resource<'_>, vpc: &Resource<'_>) -> Table<'r, 'a> {
    let mut main = Table::Main;
    for table in resources.of_type("ec2.route_table") {
        match table.target("vpc_id") {
            None => return Table::Unclear,
            Some(it) if it != Target::Own(vpc.address.clone()) => continue,
            Some(_) => {}
        }
        let Some(subnets) = table.get("subnet_ids").map_or(Some(&[][..]), Value::as_list) else { return Table::Unclear };
        for it in subnets {
            match resources.own_of(it, "ec2.subnet") {
                Some(it) if it.address == subnet.address => return Table::Own(table),
                None if it.as_text().is_none() => return Table::Unclear,
                _ => {}
            }
        }
        match table.flag("main", false) {
            Some(true) => main = Table::Own(table),
            Some(false) => {}
            None => return Table::Unclear,
        }
    }
    main
}

/// The interface endpoints of a VPC for a service, such as `secretsmanager`.
pub(super) fn endpoints<'r, 'a>(resources: &'r Resources<'a>, vpc: &Resource<'_>, service: &str) -> Vec<&'r Resource<'a>> {
    let own = Some(Target::Own(vpc.address.clone()));
    let interfaces = resources.of_type("ec2.vpc_endpoint").filter(|it| it.text("vpc_endpoint_type") == Some("Interface"));
    interfaces.filter(|it| it.target("vpc_id") == own && serves(it, service) == Some(true)).collect()
}

/// Whether an endpoint is for a service; nothing where that cannot be told.
fn serves(endpoint: &Resource<'_>, service: &str) -> Option<bool> {
    let name = endpoint.get("service_name").and_then(written)?;
    match name.strip_suffix(service) {
        Some(rest) if rest.ends_with('.') => Some(true),
        _ if name.ends_with('}') || !name.contains('.') => None,
        _ => Some(false),
    }
}

/// Whether what stands in a subnet without a public address reaches a service of AWS; also where it might.
pub(super) fn reaches(resources: &Resources<'_>, subnet: &Resource<'_>, vpc: &Resource<'_>, service: &str) -> bool {
    if way_out(resources, subnet, vpc) == Way::Other {
        return true;
    }
    resources.of_type("ec2.vpc_endpoint").any(|endpoint| {
        let here = endpoint.target("vpc_id").is_none_or(|it| it == Target::Own(vpc.address.clone()));
        here && serves(endpoint, service) != Some(false)
            && match endpoint.get("vpc_endpoint_type") {
                None => led_to(resources, endpoint, subnet, vpc),
                Some(Value::Text(kind)) if kind == "Gateway" => led_to(resources, endpoint, subnet, vpc),
                Some(_) => true,
            }
    })
}

/// Whether the route table of a subnet leads to a gateway endpoint.
fn led_to(resources: &Resources<'_>, endpoint: &Resource<'_>, subnet: &Resource<'_>, vpc: &Resource<'_>) -> bool {
    let Some(tables) = endpoint.get("route_table_ids").map_or(Some(&[][..]), Value::as_list) else { return true };
    match table(resources, subnet, vpc) {
        Table::Own(table) => {
            tables.iter().any(|it| resources.own(it).map_or(it.as_text().is_none(), |(it, _)| it.address == table.address))
        }
        // Its id is none that a resource of the stack yields, unless the VPC does.
        Table::Main => tables.iter().any(|it| resources.own_of(it, "ec2.route_table").is_none()),
        Table::Unclear => true,
    }
}

/// Whether a rule is for a TCP port; nothing where that cannot be told.
pub(super) fn covers(rule: &Value, port: i64) -> Option<bool> {
    let protocol = rule.get("ip_protocol")?.as_text()?;
    match Protocol(protocol.to_owned()).canonical().0.as_str() {
        "-1" => Some(true),
        "tcp" => match (rule.get("from_port"), rule.get("to_port")) {
            (Some(Value::Int(from)), Some(Value::Int(to))) => Some((*from..=*to).contains(&port)),
            _ => None,
        },
        _ => Some(false),
    }
}

/// Who comes to a port.
pub(super) struct Caller<'r, 'a> {
    pub(super) groups: Vec<&'r Resource<'a>>,
    pub(super) subnets: Vec<&'r Resource<'a>>,
}

/// Whether one of these security groups lets anybody in on a TCP port; also where it might.
pub(super) fn lets_in_anybody(resources: &Resources<'_>, groups: &[&Resource<'_>], port: i64) -> bool {
    ingress(resources, groups, |rule| rule.as_map().is_none() || covers(rule, port) != Some(false))
}

/// Whether one of these security groups lets a caller in on a TCP port; also where it might.
pub(super) fn lets_in(resources: &Resources<'_>, groups: &[&Resource<'_>], port: i64, caller: &Caller<'_, '_>) -> bool {
    ingress(resources, groups, |rule| admits(resources, rule, port, caller))
}

/// Whether one of the rules of these groups does, or might as it is not known.
fn ingress(resources: &Resources<'_>, groups: &[&Resource<'_>], does: impl Fn(&Value) -> bool) -> bool {
    groups.iter().any(|group| {
        let listed = match group.get("ingress") {
            None => &[][..],
            Some(Value::List(rules)) => rules,
            Some(_) => return true,
        };
        let single = resources.of_type("ec2.security_group_rule").filter(|it| it.text("type") != Some("egress"));
        let single = single.filter(|it| it.target("group_id").is_none_or(|it| it == Target::Own(group.address.clone())));
        listed.iter().chain(single.map(|it| &it.properties)).any(&does)
    })
}

fn admits(resources: &Resources<'_>, rule: &Value, port: i64, caller: &Caller<'_, '_>) -> bool {
    if rule.as_map().is_some() && covers(rule, port) == Some(false) {
        return false;
    }
    let written = |name: &str| rule.get(name).filter(|it| !it.is_null());
    if let Some(group) = written("source_security_group_id") {
        return match resources.own_of(group, "ec2.security_group") {
            Some(it) => caller.groups.iter().any(|caller| caller.address == it.address),
            None => group.as_text().is_none(),
        };
    }
    let Some(block) = written("cidr_ip").or_else(|| written("cidr_ipv6")) else { return true };
    let Some(block) = block.as_text().and_then(|it| it.parse::<IpNet>().ok()) else { return true };
    caller.subnets.iter().any(|subnet| {
        let Some(other) = subnet.text("cidr_block").and_then(|it| it.parse::<IpNet>().ok()) else { return true };
        block.contains(&other) || other.contains(&block)
    })
}
