use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources, Target};

/// A public NAT gateway fails in a VPC that has no way to the internet itself.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for nat in resources.of_type("ec2.nat_gateway").filter(|it| matches!(it.text("connectivity_type"), None | Some("public"))) {
        let Some(subnet) = resources.referred(nat, "subnet_id", "ec2.subnet") else { continue };
        let Some(vpc) = resources.referred(subnet, "vpc_id", "ec2.vpc") else { continue };
        // One whose VPC is not known yet may be the one.
        let attached = |to: Option<Target>| to.is_none_or(|it| it == Target::Own(vpc.address.clone()));
        if !resources.of_type("ec2.internet_gateway").any(|it| it.get("vpc_id").is_some() && attached(it.target("vpc_id"))) {
            let diagnostic = Diagnostic::error(format!("`{}` stands in a VPC without an internet gateway", nat.address))
                .at(&nat.place(&Path::of("subnet_id")), format!("in subnet `{}` of VPC `{}`", subnet.address, vpc.address))
                .help(format!(
                    "add an `ec2.internet_gateway` with `vpc_id: ${{{}.id}}`, or write `connectivity_type: private`",
                    vpc.address
                ));
            found.push(nat.finding(diagnostic));
        }
    }
}
