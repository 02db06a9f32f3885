use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};

/// A database's group of subnets has two availability zones at least.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for group in resources.of_type("rds.db_subnet_group") {
        let Some(subnets) = resources.all_own(group.get("subnet_ids"), "ec2.subnet") else { continue };
        let zones: Option<Vec<&str>> = subnets.iter().map(|it| it.text("availability_zone")).collect();
        let Some((first, others)) = zones.as_deref().and_then(|it| it.split_first()) else { continue };
        if others.iter().all(|it| it == first) {
            let diagnostic = Diagnostic::error(format!("`{}` stands in one availability zone only", group.address))
                .at(&group.place(&Path::of("subnet_ids")), format!("all of them are in {first}"))
                .help("add a subnet of another availability zone: AWS wants two at least");
            found.push(group.finding(diagnostic));
        }
    }
}
