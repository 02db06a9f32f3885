//! What AWS says of a cluster, as a person would write it.

use aws_sdk_rds::types::{ClusterPendingModifiedValues, DbCluster as Described, LocalWriteForwardingStatus, WriteForwardingStatus};
use infra::resource::{Live, Version};

use super::{
    super::{busy_groups, busy_secret, day, exported, group_ids, settled, tags},
    DbCluster, Engine, EngineMode, OPTIONS, Outputs, Scaling, Spec,
};
use crate::aws::wording::meaning;

/// It was to be made from something else and cannot be.
pub(super) const FAILED: &[&str] = &["cloning-failed", "incompatible-restore", "migration-failed", "restore-error"];

/// The properties whose changes AWS has taken and not made.
pub(super) fn pending(it: &ClusterPendingModifiedValues) -> Vec<&'static str> {
    let logs = it.pending_cloudwatch_logs_exports();
    let names = [
        ("allocated_storage", it.allocated_storage.is_some()),
        ("backup_retention_period", it.backup_retention_period.is_some()),
        ("db_cluster_identifier", it.db_cluster_identifier.is_some()),
        ("enable_cloudwatch_logs_exports", logs.is_some_and(|it| it.log_types_to_enable.is_some() || it.log_types_to_disable.is_some())),
        ("enable_iam_database_authentication", it.iam_database_authentication_enabled.is_some()),
        ("engine_version", it.engine_version.is_some()),
        ("iops", it.iops.is_some()),
        ("master_user_password", it.master_user_password.is_some()),
        ("storage_type", it.storage_type.is_some()),
    ];
    names.into_iter().filter(|(_, there)| *there).map(|(name, _)| name).collect()
}

/// What it is still busy with although AWS calls it available.
fn busy(it: &Described) -> Option<String> {
    // The secret is finished with the first member.
    let secret = || busy_secret(it.master_user_secret().filter(|_| !it.db_cluster_members().is_empty()));
    let global = it.global_write_forwarding_status();
    let local = it.local_write_forwarding_status();
    let forwarding = matches!(global, Some(WriteForwardingStatus::Enabling | WriteForwardingStatus::Disabling))
        || matches!(local, Some(LocalWriteForwardingStatus::Enabling | LocalWriteForwardingStatus::Disabling));
    busy_groups(it.vpc_security_groups()).or_else(secret).or_else(|| forwarding.then(|| "write forwarding changes".to_owned()))
}

/// With the values that it will have: what waits for the maintenance window is no difference.
pub(super) fn live(it: Described) -> Live<DbCluster> {
    let status = {
        let waiting = it.pending_modified_values().map(pending).unwrap_or_default();
        settled(it.status().unwrap_or("creating"), FAILED, busy(&it), &waiting)
    };
    let id = it.db_cluster_identifier.clone().unwrap_or_default();
    let next = it.pending_modified_values().cloned();
    let next = next.as_ref();
    let storage = next.and_then(|it| it.storage_type()).or(it.storage_type()).unwrap_or("aurora");
    let spec = Spec {
        db_cluster_identifier: Some(id.clone()),
        engine: it.engine().and_then(meaning).unwrap_or(Engine::AuroraPostgresql),
        engine_version: next.and_then(|it| it.engine_version.clone()).or_else(|| it.engine_version.clone()).map(Version),
        allow_major_version_upgrade: false,
        engine_mode: EngineMode::Provisioned,
        snapshot_identifier: None,
        database_name: it.database_name.clone(),
        master_username: it.master_username.clone(),
        master_user_password: None,
        manage_master_user_password: it.master_user_secret.is_some(),
        master_user_secret_kms_key_id: it.master_user_secret().and_then(|it| it.kms_key_id.clone()),
        db_subnet_group_name: it.db_subnet_group.clone(),
        vpc_security_group_ids: Some(group_ids(it.vpc_security_groups())),
        db_cluster_parameter_group_name: it.db_cluster_parameter_group.clone(),
        db_port_number: it.port,
        serverless_v2_scaling_configuration: it.serverless_v2_scaling_configuration().map(|it| Scaling {
            min_capacity: it.min_capacity.unwrap_or_default(),
            max_capacity: it.max_capacity.unwrap_or_default(),
            seconds_until_auto_pause: it.seconds_until_auto_pause.filter(|_| it.min_capacity == Some(0.0)),
        }),
        storage_type: meaning(storage),
        storage_encrypted: it.storage_encrypted,
        kms_key_id: it.kms_key_id.clone(),
        backup_retention_period: next.and_then(|it| it.backup_retention_period).or(it.backup_retention_period).unwrap_or_else(day),
        preferred_backup_window: it.preferred_backup_window.clone(),
        preferred_maintenance_window: it.preferred_maintenance_window.clone(),
        copy_tags_to_snapshot: it.copy_tags_to_snapshot == Some(true),
        enable_cloudwatch_logs_exports: exported(
            it.enabled_cloudwatch_logs_exports(),
            next.and_then(|it| it.pending_cloudwatch_logs_exports()),
        ),
        enable_iam_database_authentication: next
            .and_then(|it| it.iam_database_authentication_enabled)
            .or(it.iam_database_authentication_enabled)
            .unwrap_or_default(),
        enable_http_endpoint: it.http_endpoint_enabled == Some(true),
        network_type: it.network_type().and_then(meaning),
        deletion_protection: it.deletion_protection == Some(true),
        skip_final_snapshot: false,
        final_db_snapshot_identifier: None,
        delete_automated_backups: true,
        apply_immediately: true,
        tags: tags(it.tag_list()),
    };
    let outputs = Outputs {
        id,
        arn: it.db_cluster_arn.unwrap_or_default(),
        endpoint: it.endpoint,
        reader_endpoint: it.reader_endpoint,
        port: it.port,
        db_cluster_resource_id: it.db_cluster_resource_id.unwrap_or_default(),
        master_user_secret_arn: it.master_user_secret.and_then(|it| it.secret_arn),
    };
    let unread = OPTIONS.iter().copied().chain(["master_user_password"]).collect();
    Live { spec, outputs, status, unread }
}
