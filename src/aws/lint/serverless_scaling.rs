use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};

/// A serverless instance needs to know how far its cluster scales.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for instance in resources.of_type("rds.db_instance").filter(|it| it.text("db_instance_class") == Some("db.serverless")) {
        let cluster = instance.get("db_cluster_identifier").and_then(|it| resources.named(it, "rds.db_cluster", "db_cluster_identifier"));
        let Some(cluster) = cluster.filter(|it| it.get("serverless_v2_scaling_configuration").is_none()) else { continue };
        let summary = format!("`{}` is serverless in a cluster that does not say how far it scales", instance.address);
        let diagnostic = Diagnostic::error(summary)
            .at(&instance.place(&Path::of("db_instance_class")), format!("a member of `{}`", cluster.address))
            .help(format!(
                "write `serverless_v2_scaling_configuration: {{ min_capacity: 0.5, max_capacity: 2 }}` in `{}`",
                cluster.address
            ));
        found.push(instance.finding(diagnostic));
    }
}
