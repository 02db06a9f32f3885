use std::collections::BTreeMap;

use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resource, Resources};

/// A database has two availability zones to go to, also where it stands in one.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for group in resources.of_type("rds.db_subnet_group") {
        let named = group.referring("subnet_ids").map(|(_, address)| address);
        let subnets: BTreeMap<_, &Resource<'_>> =
            named.filter_map(|address| Some((address, resources.of_type("ec2.subnet").find(|it| it.address == address)?))).collect();
        let zones: Vec<_> = subnets.values().filter_map(|it| it.text("availability_zone")).collect();
        // Of others, and of those whose zone AWS chooses, nothing is known.
        let all = group.get("subnet_ids").and_then(Value::as_list).is_some_and(|it| it.len() <= zones.len());
        let (true, [zone, others @ ..]) = (all, &zones[..]) else { continue };
        if others.iter().all(|it| it == zone) {
            let mut diagnostic = Diagnostic::error(format!("all subnets of `{}` are in {zone}", group.address))
                .at(&group.place(&Path::of("subnet_ids")), "AWS wants two availability zones here");
            for (address, subnet) in &subnets {
                diagnostic = diagnostic.at(&subnet.place(&Path::of("availability_zone")), format!("where `{address}` is"));
            }
            found.push(group.finding(diagnostic.help("add a subnet in another availability zone")));
        }
    }
}
