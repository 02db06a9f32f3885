use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources, Target};

/// An internet-facing load balancer is refused in a VPC that has no way to the internet.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for balancer in resources.of_type("elbv2.load_balancer").filter(|it| matches!(it.text("scheme"), None | Some("internet-facing"))) {
        let subnets =
            balancer.referring("subnets").filter_map(|(_, it)| resources.of_type("ec2.subnet").find(|subnet| subnet.address == it));
        let Some(vpc) = subnets.filter_map(|it| resources.referred(it, "vpc_id", "ec2.vpc")).next() else { continue };
        // One whose VPC is not known yet may be the one.
        let attached = |to: Option<Target>| to.is_none_or(|it| it == Target::Own(vpc.address.clone()));
        if !resources.of_type("ec2.internet_gateway").any(|it| it.get("vpc_id").is_some() && attached(it.target("vpc_id"))) {
            let diagnostic = Diagnostic::error(format!("`{}` faces the internet in a VPC without an internet gateway", balancer.address))
                .at(&balancer.place(&Path::of("subnets")), format!("in VPC `{}`", vpc.address))
                .help(format!("add an `ec2.internet_gateway` with `vpc_id: ${{{}.id}}`, or write `scheme: internal`", vpc.address));
            found.push(balancer.finding(diagnostic));
        }
    }
}
