use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};

/// The key of a database's last snapshot outlives the database: without it nothing can be had back.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for database in resources.of_type("rds.db_cluster").chain(resources.of_type("rds.db_instance")) {
        // A member of a cluster has no snapshots.
        let snapshot = database.get("db_cluster_identifier").is_none() || database.type_name == "rds.db_cluster";
        if !snapshot || database.retained || database.flag("skip_final_snapshot", false) != Some(false) {
            continue;
        }
        let Some(key) = database.get("kms_key_id").and_then(|it| resources.own(it)).and_then(|(it, _)| match it.type_name {
            "kms.key" => Some(it),
            "kms.alias" => it.get("target_key_id").and_then(|it| resources.own_of(it, "kms.key")),
            _ => None,
        }) else {
            continue;
        };
        if key.retained {
            continue;
        }
        let summary = format!("the last snapshot of `{}` is encrypted with `{}`, which goes with the stack", database.address, key.address);
        let diagnostic = Diagnostic::warning(summary)
            .at(&database.place(&Path::of("kms_key_id")), "so is the snapshot that its deletion leaves")
            .at(&key.place(&Path::default()), "once this is deleted nobody can read it")
            .help(format!(
                "write `lifecycle: {{ retain: true }}` for `{}`, or `skip_final_snapshot: true` where nothing need be had back",
                key.address
            ));
        found.push(database.finding(diagnostic));
    }
}
