use std::collections::BTreeMap;

use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resource, Resources, Target};

/// A service's own DNS name leads to one endpoint of a VPC.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    let mut taken: BTreeMap<(Target, &str), &Resource<'_>> = BTreeMap::new();
    for endpoint in resources.of_type("ec2.vpc_endpoint").filter(|it| it.flag("private_dns_enabled", false) == Some(true)) {
        let (Some(vpc), Some(service)) = (endpoint.target("vpc_id"), endpoint.text("service_name")) else { continue };
        if let Some(first) = taken.get(&(vpc.clone(), service)) {
            let at = Path::of("private_dns_enabled");
            let summary = format!("`{}` and `{}` both claim the DNS name of `{service}`", first.address, endpoint.address);
            let diagnostic = Diagnostic::error(summary)
                .at(&endpoint.place(&at), "a second private DNS for the same service in one VPC")
                .at(&first.place(&at), "the first is here")
                .help("one endpoint serves the whole VPC: remove one of them, or add its subnets to the other");
            found.push(endpoint.finding(diagnostic));
        } else {
            taken.insert((vpc, service), endpoint);
        }
    }
}
