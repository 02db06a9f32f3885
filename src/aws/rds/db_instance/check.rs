//! What no schema can say of an instance.

use infra::{
    resource::Problems,
    value::{Path, Value},
};

use super::super::{check_encryption, check_key, check_master, check_name, check_snapshot, check_windows, database, written};

/// What a cluster says for all its members.
const OF_THE_CLUSTER: &[&str] = &[
    "engine_version",
    "allow_major_version_upgrade",
    "snapshot_identifier",
    "db_name",
    "master_username",
    "master_user_password",
    "manage_master_user_password",
    "master_user_secret_kms_key_id",
    "allocated_storage",
    "max_allocated_storage",
    "storage_type",
    "iops",
    "storage_throughput",
    "storage_encrypted",
    "kms_key_id",
    "db_subnet_group_name",
    "vpc_security_group_ids",
    "multi_az",
    "db_port_number",
    "backup_retention_period",
    "preferred_backup_window",
    "copy_tags_to_snapshot",
    "enable_cloudwatch_logs_exports",
    "enable_iam_database_authentication",
    "deletion_protection",
    "final_db_snapshot_identifier",
];

/// From so many GiB on, storage of the type gp3 sells speed.
pub(super) const LARGE: i64 = 400;

const INTERVALS: &[i64] = &[0, 1, 5, 10, 15, 30, 60];

pub(super) fn check(spec: &Value, problems: &mut Problems) {
    check_name(spec, "db_instance_identifier", problems);
    let engine = spec.get("engine").and_then(Value::as_text);
    let class = spec.get("db_instance_class").and_then(Value::as_text);
    if written(spec, "db_cluster_identifier") {
        if let Some(engine) = engine.filter(|it| !it.starts_with("aurora")) {
            let help = "write the engine of the cluster: `aurora-postgresql` or `aurora-mysql`";
            problems.error(Path::of("engine"), format!("a member of an Aurora cluster with the engine `{engine}`"), help);
        }
        for property in OF_THE_CLUSTER.iter().filter(|it| written(spec, it)) {
            problems.error(
                Path::of(property),
                format!("`{property}` of a member of a cluster"),
                "all members share it: write it on the cluster",
            );
        }
    } else {
        if let Some(engine) = engine.filter(|it| it.starts_with("aurora")) {
            let help = "name its cluster with `db_cluster_identifier`, or write `postgres`, `mysql` or `mariadb`";
            problems.error(Path::of("engine"), format!("the engine `{engine}` without a cluster"), help);
        }
        if class == Some("db.serverless") {
            let help = "name its cluster with `db_cluster_identifier`, or choose a class like `db.t4g.micro`";
            problems.error(Path::of("db_instance_class"), "`db.serverless` without a cluster", help);
        }
        // A snapshot says how much it takes.
        let sized = written(spec, "allocated_storage") || written(spec, "snapshot_identifier");
        if !sized && engine.is_some_and(|it| !it.starts_with("aurora")) {
            problems.error(Path::default(), "a database without `allocated_storage`", "write how many GiB it gets");
        }
        if written(spec, "promotion_tier") {
            problems.error(Path::of("promotion_tier"), "an order among the members of no cluster", "remove it");
        }
        database::engine::check(spec, problems);
        check_master(spec, problems);
        check_snapshot(spec, problems);
        check_storage(spec, problems);
    }
    check_key(spec, "master_user_secret_kms_key_id", problems);
    check_key(spec, "performance_insights_kms_key_id", problems);
    check_encryption(spec, problems);
    check_windows(spec, problems);
    check_measuring(spec, problems);
    if written(spec, "multi_az") && written(spec, "availability_zone") {
        let help = "remove one: with `multi_az` AWS chooses both zones";
        problems.error(Path::of("availability_zone"), "one availability zone for an instance in two", help);
    }
}

fn integer(spec: &Value, property: &str) -> Option<i64> {
    match spec.get(property) {
        Some(Value::Int(it)) => Some(*it),
        _ => None,
    }
}

fn check_storage(spec: &Value, problems: &mut Problems) {
    if let (Some(least), Some(most)) = (integer(spec, "allocated_storage"), integer(spec, "max_allocated_storage"))
        && most <= least
    {
        let help = format!("write more than {least}, or remove it");
        problems.error(Path::of("max_allocated_storage"), "storage that grows by itself to no more than it has", help);
    }
    let kind = match spec.get("storage_type") {
        None | Some(Value::Null) => None,
        Some(Value::Text(kind)) => Some(kind.as_str()),
        Some(_) => return,
    };
    let buys = matches!(kind, Some("gp3" | "io1" | "io2"));
    if written(spec, "iops") && !buys {
        problems.error(Path::of("iops"), "operations a second for storage that sells none", "write `storage_type: gp3`, or `io2`");
    }
    if written(spec, "storage_throughput") && kind != Some("gp3") {
        problems.error(Path::of("storage_throughput"), "a throughput for storage that sells none", "write `storage_type: gp3`");
    }
    if kind == Some("gp3") && integer(spec, "allocated_storage").is_some_and(|it| it < LARGE) {
        for property in ["iops", "storage_throughput"].into_iter().filter(|it| written(spec, it)) {
            let help = format!("remove it: it has 3000 operations and 125 MiB a second, and more are sold from {LARGE} GiB on");
            problems.error(Path::of(property), format!("`{property}` for less than {LARGE} GiB of gp3"), help);
        }
    }
    if let Some(kind) = kind.filter(|it| it.starts_with("io"))
        && !written(spec, "iops")
    {
        problems.error(
            Path::of("storage_type"),
            format!("storage of the type {kind} without `iops`"),
            "write how many operations a second",
        );
    }
}

fn check_measuring(spec: &Value, problems: &mut Problems) {
    if let Some(interval) = integer(spec, "monitoring_interval") {
        if !INTERVALS.contains(&interval) {
            let help = "AWS takes 0, 1, 5, 10, 15, 30 and 60";
            problems.error(Path::of("monitoring_interval"), format!("a measurement every {interval} seconds"), help);
        }
        if interval > 0 && !written(spec, "monitoring_role_arn") {
            let help = "write `monitoring_role_arn`: a role for `monitoring.rds.amazonaws.com` with `AmazonRDSEnhancedMonitoringRole`";
            problems.error(Path::of("monitoring_interval"), "measurements without a role that sends them", help);
        }
    }
    if let Some(days) = integer(spec, "performance_insights_retention_period")
        && days != 7
        && days != 731
        && days % 31 != 0
    {
        let help = "AWS takes 7, 731 and the multiples of 31";
        problems.error(Path::of("performance_insights_retention_period"), format!("Performance Insights kept for {days} days"), help);
    }
    if spec.get("enable_performance_insights").is_none_or(|it| matches!(it, Value::Null | Value::Bool(false))) {
        for property in ["performance_insights_kms_key_id", "performance_insights_retention_period"] {
            if written(spec, property) {
                let help = "write `enable_performance_insights: true`, or remove it";
                problems.error(Path::of(property), format!("`{property}` without Performance Insights"), help);
            }
        }
    }
}
