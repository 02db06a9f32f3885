use std::collections::BTreeMap;

use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resource, Resources, Target};

/// A VPC has one main route table, and a subnet at most one of its own.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    let mut mains: BTreeMap<Target, &Resource<'_>> = BTreeMap::new();
    let mut subnets: BTreeMap<Target, &Resource<'_>> = BTreeMap::new();
    for table in resources.of_type("ec2.route_table") {
        let vpc = table.target("vpc_id").filter(|_| table.flag("main", false) == Some(true));
        if let Some(first) = vpc.and_then(|it| mains.insert(it, table)) {
            let diagnostic = Diagnostic::error(format!("`{}` and `{}` both are the main table of their VPC", first.address, table.address))
                .at(&table.place(&Path::of("main")), format!("`{}` is it already", first.address))
                .help("leave `main` out in one of them");
            found.push(table.finding(diagnostic));
        }
        let own = table.referring("subnet_ids").map(|(at, it)| (at.clone(), Target::Own(it.clone())));
        let items = table.get("subnet_ids").and_then(|it| it.as_list()).into_iter().flatten().enumerate();
        let others = items.filter_map(|(n, it)| Some((Path::of("subnet_ids").item(n), Target::Other(it.as_text()?.to_owned()))));
        for (at, subnet) in own.chain(others) {
            let name = match &subnet {
                Target::Own(address) => address.to_string(),
                Target::Other(id) => id.clone(),
            };
            let Some(first) = subnets.insert(subnet, table).filter(|it| it.address != table.address) else { continue };
            let diagnostic = Diagnostic::error(format!("`{}` and `{}` both are the route table of `{name}`", first.address, table.address))
                .at(&table.place(&at), format!("`{}` has it already", first.address))
                .help("a subnet has one route table: remove it from one of them");
            found.push(table.finding(diagnostic));
        }
    }
}
