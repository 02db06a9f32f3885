use infra::{diagnostic::Diagnostic, value::Path};
use ipnet::IpNet;

use super::{Finding, Resources};

/// A subnet's block is a part of its VPC's.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for subnet in resources.of_type("ec2.subnet") {
        let Some(vpc) = resources.referred(subnet, "vpc_id", "ec2.vpc") else { continue };
        let (Some(inner), Some(outer)) = (subnet.text("cidr_block"), vpc.text("cidr_block")) else { continue };
        let (Ok(part), Ok(whole)) = (inner.parse::<IpNet>(), outer.parse::<IpNet>()) else { continue };
        if !whole.contains(&part) {
            let at = Path::of("cidr_block");
            let diagnostic = Diagnostic::error(format!("subnet `{}` lies outside its VPC", subnet.address))
                .at(&subnet.place(&at), format!("{inner} is not within {outer}"))
                .at(&vpc.place(&at), "the block of the VPC")
                .help(format!("choose a part of {outer}"));
            found.push(subnet.finding(diagnostic));
        }
    }
}
