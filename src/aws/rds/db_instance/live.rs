//! What AWS says of an instance, as a person would write it.

use aws_sdk_rds::types::{DbInstance as Described, PendingModifiedValues};
use infra::resource::{Live, Version};

use super::{
    super::{busy_groups, busy_secret, day, exported, group_ids, settled, tags},
    DbInstance, Engine, OPTIONS, Outputs, Spec,
};
use crate::aws::wording::meaning;

/// It was to be made and could not be.
pub(super) const FAILED: &[&str] = &["incompatible-create", "incompatible-restore", "insufficient-capacity", "restore-error"];

/// The properties whose changes AWS has taken and not made.
pub(super) fn pending(it: &PendingModifiedValues) -> Vec<&'static str> {
    let logs = it.pending_cloudwatch_logs_exports();
    let names = [
        ("allocated_storage", it.allocated_storage.is_some()),
        ("backup_retention_period", it.backup_retention_period.is_some()),
        ("ca_certificate_identifier", it.ca_certificate_identifier.is_some()),
        ("db_instance_class", it.db_instance_class.is_some()),
        ("db_instance_identifier", it.db_instance_identifier.is_some()),
        ("db_port_number", it.port.is_some()),
        ("db_subnet_group_name", it.db_subnet_group_name.is_some()),
        ("enable_cloudwatch_logs_exports", logs.is_some_and(|it| it.log_types_to_enable.is_some() || it.log_types_to_disable.is_some())),
        ("enable_iam_database_authentication", it.iam_database_authentication_enabled.is_some()),
        ("engine_version", it.engine_version.is_some()),
        ("iops", it.iops.is_some()),
        ("license_model", it.license_model.is_some()),
        ("master_user_password", it.master_user_password.is_some()),
        ("multi_az", it.multi_az.is_some()),
        ("storage_throughput", it.storage_throughput.is_some()),
        ("storage_type", it.storage_type.is_some()),
    ];
    names.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// What it is still busy with although AWS calls it available.
fn busy(it: &Described) -> Option<String> {
    let applying = || {
        let group = it.db_parameter_groups().iter().find(|it| it.parameter_apply_status() == Some("applying"))?;
        Some(format!("parameter group {}: applying", group.db_parameter_group_name().unwrap_or_default()))
    };
    busy_groups(it.vpc_security_groups()).or_else(|| busy_secret(it.master_user_secret())).or_else(applying)
}

/// With the values that it will have: what waits for the maintenance window is no difference.
pub(super) fn live(it: Described) -> Live<DbInstance> {
    let waiting = it.pending_modified_values().map(pending).unwrap_or_default();
    let name = it.db_instance_status().unwrap_or("creating");
    let status = settled(name, FAILED, busy(&it), &waiting);
    // It is reached at the same place whatever is done to it later, backups for example.
    let usable = name != "creating";
    let outputs = Outputs {
        id: it.db_instance_identifier.clone().unwrap_or_default(),
        arn: it.db_instance_arn.clone().unwrap_or_default(),
        dbi_resource_id: it.dbi_resource_id.clone(),
        endpoint: it.endpoint().and_then(|it| it.address.clone()).filter(|_| usable),
        port: it.endpoint().and_then(|it| it.port).filter(|_| usable),
        hosted_zone_id: it.endpoint().and_then(|it| it.hosted_zone_id.clone()).filter(|_| usable),
        master_user_secret_arn: it.master_user_secret().and_then(|it| it.secret_arn.clone()),
    };
    let spec = if it.db_cluster_identifier.is_some() { common(&it) } else { whole(&it) };
    let unread = OPTIONS.iter().copied().chain(["master_user_password"]).collect();
    Live { spec, outputs, status, unread }
}

/// What is an instance's own, whether it is a member of a cluster or not; all that a cluster says is as if it were not written.
fn common(it: &Described) -> Spec {
    let next = it.pending_modified_values();
    Spec {
        db_instance_identifier: it.db_instance_identifier.clone(),
        db_cluster_identifier: it.db_cluster_identifier.clone(),
        engine: it.engine().and_then(meaning).unwrap_or(Engine::Postgres),
        engine_version: None,
        allow_major_version_upgrade: false,
        auto_minor_version_upgrade: it.auto_minor_version_upgrade == Some(true),
        db_instance_class: next.and_then(|it| it.db_instance_class.clone()).or(it.db_instance_class.clone()).unwrap_or_default(),
        snapshot_identifier: None,
        db_name: None,
        master_username: None,
        master_user_password: None,
        manage_master_user_password: false,
        master_user_secret_kms_key_id: None,
        allocated_storage: None,
        max_allocated_storage: None,
        storage_type: None,
        iops: None,
        storage_throughput: None,
        storage_encrypted: None,
        kms_key_id: None,
        db_subnet_group_name: None,
        vpc_security_group_ids: None,
        publicly_accessible: it.publicly_accessible == Some(true),
        availability_zone: it.availability_zone.clone(),
        multi_az: false,
        db_port_number: None,
        db_parameter_group_name: it.db_parameter_groups().first().and_then(|it| it.db_parameter_group_name.clone()),
        ca_certificate_identifier: next
            .and_then(|it| it.ca_certificate_identifier.clone())
            .or_else(|| it.ca_certificate_identifier.clone()),
        promotion_tier: it.promotion_tier,
        backup_retention_period: day(),
        preferred_backup_window: None,
        preferred_maintenance_window: it.preferred_maintenance_window.clone(),
        copy_tags_to_snapshot: false,
        monitoring_interval: it.monitoring_interval.unwrap_or_default(),
        monitoring_role_arn: it.monitoring_role_arn.clone(),
        enable_performance_insights: it.performance_insights_enabled == Some(true),
        performance_insights_kms_key_id: it.performance_insights_kms_key_id.clone(),
        performance_insights_retention_period: it.performance_insights_retention_period,
        enable_cloudwatch_logs_exports: vec![],
        enable_iam_database_authentication: false,
        deletion_protection: false,
        skip_final_snapshot: false,
        final_db_snapshot_identifier: None,
        delete_automated_backups: true,
        apply_immediately: true,
        tags: tags(it.tag_list()),
    }
}

fn whole(it: &Described) -> Spec {
    let next = it.pending_modified_values();
    let logs = next.and_then(|it| it.pending_cloudwatch_logs_exports());
    Spec {
        engine_version: next.and_then(|it| it.engine_version.clone()).or_else(|| it.engine_version.clone()).map(Version),
        db_name: it.db_name.clone(),
        master_username: it.master_username.clone(),
        manage_master_user_password: it.master_user_secret.is_some(),
        master_user_secret_kms_key_id: it.master_user_secret().and_then(|it| it.kms_key_id.clone()),
        allocated_storage: next.and_then(|it| it.allocated_storage).or(it.allocated_storage),
        max_allocated_storage: it.max_allocated_storage,
        storage_type: next.and_then(|it| it.storage_type()).or(it.storage_type()).and_then(meaning),
        iops: next.and_then(|it| it.iops).or(it.iops),
        storage_throughput: next.and_then(|it| it.storage_throughput).or(it.storage_throughput),
        storage_encrypted: it.storage_encrypted,
        kms_key_id: it.kms_key_id.clone(),
        db_subnet_group_name: it.db_subnet_group().and_then(|it| it.db_subnet_group_name.clone()),
        vpc_security_group_ids: Some(group_ids(it.vpc_security_groups())),
        multi_az: next.and_then(|it| it.multi_az).or(it.multi_az).unwrap_or_default(),
        db_port_number: next.and_then(|it| it.port).or_else(|| it.endpoint().and_then(|it| it.port)),
        promotion_tier: None,
        backup_retention_period: next.and_then(|it| it.backup_retention_period).or(it.backup_retention_period).unwrap_or_else(day),
        preferred_backup_window: it.preferred_backup_window.clone(),
        copy_tags_to_snapshot: it.copy_tags_to_snapshot == Some(true),
        enable_cloudwatch_logs_exports: exported(it.enabled_cloudwatch_logs_exports(), logs),
        enable_iam_database_authentication: next
            .and_then(|it| it.iam_database_authentication_enabled)
            .or(it.iam_database_authentication_enabled)
            .unwrap_or_default(),
        deletion_protection: it.deletion_protection == Some(true),
        ..common(it)
    }
}
