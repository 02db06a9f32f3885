use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};

/// Private DNS needs both DNS attributes of the VPC.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for endpoint in resources.of_type("ec2.vpc_endpoint").filter(|it| it.flag("private_dns_enabled", false) == Some(true)) {
        let Some(vpc) = resources.referred(endpoint, "vpc_id", "ec2.vpc") else { continue };
        for (property, default) in [("enable_dns_support", true), ("enable_dns_hostnames", false)] {
            if vpc.flag(property, default) == Some(false) {
                let summary = format!("`{}` has private DNS, and `{}` has not `{property}`", endpoint.address, vpc.address);
                let diagnostic = Diagnostic::error(summary)
                    .at(&endpoint.place(&Path::of("private_dns_enabled")), "AWS refuses this")
                    .at(&vpc.place(&Path::of(property)), "in this VPC")
                    .help(format!("write `{property}: true` in `{}`", vpc.address));
                found.push(endpoint.finding(diagnostic));
            }
        }
    }
}
