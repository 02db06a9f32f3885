use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};

/// A member of the class `db.serverless` scales within what its cluster says, and is refused where that says nothing.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for instance in resources.of_type("rds.db_instance").filter(|it| it.text("db_instance_class") == Some("db.serverless")) {
        let Some(cluster) = resources.referred(instance, "db_cluster_identifier", "rds.db_cluster") else { continue };
        if cluster.get("serverless_v2_scaling_configuration").is_none() {
            let summary = format!("`{}` is serverless, and `{}` does not say how it scales", instance.address, cluster.address);
            let diagnostic = Diagnostic::error(summary)
                .at(&instance.place(&Path::of("db_instance_class")), "this class has no size of its own")
                .at(&cluster.place(&Path::default()), "the size would stand here")
                .help("write `serverless_v2_scaling_configuration: { min_capacity: 0.5, max_capacity: 4 }` in the cluster, or choose another class");
            found.push(instance.finding(diagnostic));
        }
    }
}
