use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resources, network};

/// A database that the internet reaches is refused in a VPC that has no way there, or no names for it.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for database in resources.of_type("rds.db_instance").filter(|it| it.flag("publicly_accessible", false) == Some(true)) {
        let cluster = database.get("db_cluster_identifier").and_then(|it| resources.named(it, "rds.db_cluster", "db_cluster_identifier"));
        let group = database.get("db_subnet_group_name").or_else(|| cluster?.get("db_subnet_group_name"));
        let group = group.and_then(|it| resources.named(it, "rds.db_subnet_group", "db_subnet_group_name"));
        let Some((_, vpc)) = group.and_then(|it| network::subnets(resources, it.get("subnet_ids"))) else { continue };
        let at = database.place(&Path::of("publicly_accessible"));
        if !network::has_gateway(resources, vpc) {
            let diagnostic = Diagnostic::error(format!("`{}` is public in a VPC without an internet gateway", database.address))
                .at(&at, format!("in VPC `{}`", vpc.address))
                .help(format!(
                    "add an `ec2.internet_gateway` with `vpc_id: ${{{}.id}}`, or write `publicly_accessible: false`",
                    vpc.address
                ));
            found.push(database.finding(diagnostic));
        }
        for (property, default) in [("enable_dns_support", true), ("enable_dns_hostnames", false)] {
            if vpc.flag(property, default) == Some(false) {
                let written = vpc.properties.get(property).is_some_and(|it| *it != Value::Null);
                let diagnostic = Diagnostic::error(format!("`{}` is public, and `{}` has not `{property}`", database.address, vpc.address))
                    .at(&at, "AWS refuses this")
                    .at(&vpc.place(&Path::of(property)), if written { "off here" } else { "off in this VPC" })
                    .help(format!("write `{property}: true` in `{}`, or `publicly_accessible: false` here", vpc.address));
                found.push(database.finding(diagnostic));
            }
        }
    }
}
