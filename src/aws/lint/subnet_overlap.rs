use std::collections::BTreeMap;

use infra::{diagnostic::Diagnostic, value::Path};
use ipnet::IpNet;

use super::{Finding, Resource, Resources, Target};

/// No address belongs to two subnets of a VPC.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    let mut vpcs: BTreeMap<Target, Vec<(IpNet, &Resource<'_>)>> = BTreeMap::new();
    for subnet in resources.of_type("ec2.subnet") {
        if let (Some(vpc), Some(Ok(block))) = (subnet.target("vpc_id"), subnet.text("cidr_block").map(str::parse::<IpNet>)) {
            vpcs.entry(vpc).or_default().push((block.trunc(), subnet));
        }
    }
    for mut subnets in vpcs.into_values() {
        // In the order of their first addresses, and the larger first: who overlaps anybody overlaps the one that reaches farthest so far.
        subnets.sort_by_key(|(block, _)| (block.network(), block.prefix_len()));
        let mut farthest: Option<(IpNet, &Resource<'_>)> = None;
        for (block, subnet) in subnets {
            if let Some((other, first)) = farthest
                && block.network() <= other.broadcast()
            {
                found.push(subnet.finding(diagnostic(subnet, block, first, other)));
            }
            if farthest.is_none_or(|(other, _)| block.broadcast() > other.broadcast()) {
                farthest = Some((block, subnet));
            }
        }
    }
}

fn diagnostic(subnet: &Resource<'_>, block: IpNet, other: &Resource<'_>, theirs: IpNet) -> Diagnostic {
    let at = Path::of("cidr_block");
    Diagnostic::error(format!("subnets `{}` and `{}` overlap", other.address, subnet.address))
        .at(&subnet.place(&at), format!("{block} shares addresses with {theirs}"))
        .at(&other.place(&at), format!("{theirs} is here"))
        .help("give each subnet a part of the VPC's block of its own")
}
