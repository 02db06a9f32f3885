use std::collections::BTreeMap;

use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resource, Resources};

/// A load balancer stands in one subnet of each availability zone.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for balancer in resources.of_type("elbv2.load_balancer") {
        let mut zones: BTreeMap<&str, &Resource<'_>> = BTreeMap::new();
        for (at, address) in balancer.referring("subnets") {
            let subnet = resources.of_type("ec2.subnet").find(|it| it.address == address);
            let Some((subnet, zone)) = subnet.and_then(|it| Some((it, it.text("availability_zone")?))) else { continue };
            let Some(first) = zones.insert(zone, subnet).filter(|it| it.address != subnet.address) else { continue };
            let summary = format!("`{}` stands in two subnets of {zone}", balancer.address);
            let diagnostic = Diagnostic::error(summary)
                .at(&balancer.place(at), format!("`{}` and `{}` are in the same zone", first.address, subnet.address))
                .at(&subnet.place(&Path::of("availability_zone")), "this one is here")
                .help("a load balancer stands in one subnet of each availability zone: choose another, or leave one of them out");
            found.push(balancer.finding(diagnostic));
        }
    }
}
