//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>

mod live;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_rds::types::{DbCluster as Described, ServerlessV2ScalingConfiguration};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Secret, Status,
        Tags, Update, Version, Wanted, immutable, kept, set, unique, volatile, write_only,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BACKUP_WINDOW, BUSY, MAINTENANCE_WINDOW, MINUTE, NAMES, OPTIONS, PROTECTED, ROLE, ROLE_REFUSED, SNAPSHOT, TWO_HOURS, check_encryption,
    check_key, check_master, check_name, check_snapshot, check_windows, database, day, deleted, exports, filter, hastens, last_snapshot,
    lost, retag, tag_list, tags, yes,
};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
    wording::word,
};

pub(crate) struct DbCluster;

/// An Aurora cluster: the data, and what all its members share. Its members are `rds.db_instance` resources.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name in small letters, which no other cluster of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 63), regex(pattern = r"[A-Za-z](-?[A-Za-z0-9])*"))]
    db_cluster_identifier: Option<String>,
    /// What speaks SQL.
    #[schemars(transform = immutable)]
    engine: Engine,
    /// Its version, or as many of its numbers as matter: `17` is any 17, and `17.6` is that one or a
    /// newer minor one that AWS installed. It stays when it is removed.
    #[schemars(transform = kept, regex(pattern = r"\d+(\.\d+)*(\.mysql_aurora(\.\d+)*)?"))]
    engine_version: Option<Version>,
    /// Whether its version may change to another major one.
    #[serde(default)]
    #[schemars(transform = write_only)]
    allow_major_version_upgrade: bool,
    /// How its capacity is had.
    #[serde(default)]
    #[schemars(transform = immutable)]
    engine_mode: EngineMode,
    /// The name or ARN of the snapshot that it is made from, as the last one of a database that was deleted: with its data, its users and
    /// databases, all else as it is written here. Another one makes another cluster; when it is removed, nothing changes.
    #[schemars(transform = immutable, transform = kept, transform = write_only, length(min = 1, max = 2048), regex(pattern = SNAPSHOT))]
    snapshot_identifier: Option<String>,
    /// The name of a database that is made with it.
    #[schemars(transform = immutable, transform = kept, length(min = 1, max = 64), regex(pattern = r"[A-Za-z_][A-Za-z0-9_]*"))]
    database_name: Option<String>,
    /// The name of its first user.
    #[schemars(transform = immutable, transform = kept, length(min = 1, max = 63), regex(pattern = r"[a-zA-Z][a-zA-Z0-9_]*"))]
    master_username: Option<String>,
    /// The password of its first user; `manage_master_user_password` does without one in this file.
    #[schemars(transform = kept)]
    master_user_password: Option<Secret>,
    /// Whether RDS makes the password of the first user, keeps it in Secrets Manager and rotates it.
    #[serde(default)]
    manage_master_user_password: bool,
    /// The ARN of the KMS key of that secret. Left out, Secrets Manager's own key; RDS takes it only when it makes the secret.
    #[schemars(transform = kept)]
    master_user_secret_kms_key_id: Option<String>,
    /// The DB subnet group that says which subnets it may be in. Left out, the one of the default VPC.
    #[schemars(transform = immutable, transform = kept)]
    db_subnet_group_name: Option<String>,
    /// Its security groups. Left out, the VPC's default one; when it is removed, the groups stay.
    #[schemars(transform = set, transform = kept, length(min = 1))]
    vpc_security_group_ids: Option<Vec<String>>,
    /// The DB cluster parameter group. Left out, AWS's own for the engine; when it is removed, it stays.
    #[schemars(transform = kept)]
    db_cluster_parameter_group_name: Option<String>,
    /// The port that it listens on. Left out, the engine's usual one; when it is removed, it stays.
    #[schemars(transform = kept, range(min = 1150, max = 65535))]
    db_port_number: Option<i32>,
    /// The capacity that each member of the class `db.serverless` scales in. It stays when it is removed.
    #[schemars(transform = kept)]
    serverless_v2_scaling_configuration: Option<Scaling>,
    /// How storage and its operations are paid. It stays when it is removed.
    #[schemars(transform = kept)]
    storage_type: Option<StorageType>,
    /// Whether its data is encrypted with a KMS key. Left out, as AWS does it.
    #[schemars(transform = immutable, transform = kept)]
    storage_encrypted: Option<bool>,
    /// The ARN of that KMS key. Left out, RDS's own.
    #[schemars(transform = immutable, transform = kept)]
    kms_key_id: Option<String>,
    /// For how many days automatic backups are kept.
    #[serde(default = "day")]
    #[schemars(range(min = 1, max = 35))]
    backup_retention_period: i32,
    /// When automatic backups begin, UTC: `02:00-02:30`. Left out, AWS chooses; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = BACKUP_WINDOW))]
    preferred_backup_window: Option<String>,
    /// When maintenance may happen, UTC: `sun:03:00-sun:04:00`. Left out, AWS chooses; when it is removed, it stays.
    #[schemars(transform = kept, regex(pattern = MAINTENANCE_WINDOW))]
    preferred_maintenance_window: Option<String>,
    /// Whether snapshots get its tags.
    #[serde(default)]
    copy_tags_to_snapshot: bool,
    /// The logs that go to CloudWatch Logs, by the engine: `instance`, `postgresql`; `audit`, `error`, `general`, `slowquery`.
    #[serde(default)]
    #[schemars(transform = set)]
    enable_cloudwatch_logs_exports: Vec<String>,
    /// Whether users may sign in with IAM.
    #[serde(default)]
    enable_iam_database_authentication: bool,
    /// Whether SQL can be run through the Data API.
    #[serde(default)]
    enable_http_endpoint: bool,
    /// The kinds of addresses it has. It stays when it is removed.
    #[schemars(transform = kept)]
    network_type: Option<NetworkType>,
    /// Whether AWS refuses to delete it. It has to be turned off, and applied, before it can be deleted.
    #[serde(default)]
    deletion_protection: bool,
    /// Whether it is deleted without a last snapshot.
    #[serde(default)]
    #[schemars(transform = write_only)]
    skip_final_snapshot: bool,
    /// The name of the last snapshot. Left out, one is made up that no other snapshot has.
    #[schemars(transform = write_only, length(min = 1, max = 255), regex(pattern = r"[A-Za-z](-?[A-Za-z0-9])*"))]
    final_db_snapshot_identifier: Option<String>,
    /// Whether its automatic backups are deleted with it.
    #[serde(default = "yes")]
    #[schemars(transform = write_only)]
    delete_automated_backups: bool,
    /// Whether changes are made at once. If not, those that interrupt it wait for the maintenance window.
    #[serde(default = "yes")]
    #[schemars(transform = write_only)]
    apply_immediately: bool,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Engine {
    /// PostgreSQL.
    AuroraPostgresql,
    /// MySQL.
    AuroraMysql,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum EngineMode {
    /// By its members, whether of a fixed class or of `db.serverless`, which scales.
    #[default]
    Provisioned,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Scaling {
    /// The least, in steps of half a unit; 0 lets it pause.
    #[schemars(range(min = 0, max = 256))]
    min_capacity: f64,
    /// The most, in steps of half a unit.
    #[schemars(range(min = 0.5, max = 256))]
    max_capacity: f64,
    /// After how many idle seconds it pauses; only where the least is 0.
    #[schemars(range(min = 300, max = 86400))]
    seconds_until_auto_pause: Option<i32>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum StorageType {
    /// By size and by operations.
    Aurora,
    /// By size alone, at a higher price.
    AuroraIopt1,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum NetworkType {
    /// IPv4 alone.
    Ipv4,
    /// IPv4 and IPv6.
    Dual,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the cluster.
    id: String,
    /// The ARN of the cluster.
    arn: String,
    /// The host name that leads to the member that writes. It is there before the cluster can be used.
    endpoint: Option<String>,
    /// The host name that leads to the members that read.
    reader_endpoint: Option<String>,
    /// The port that it listens on.
    #[schemars(transform = volatile)]
    port: Option<i32>,
    /// The id that no later cluster of the same name has: `cluster-…`. IAM policies for signing in name it.
    db_cluster_resource_id: String,
    /// The ARN of the secret with the password, where RDS manages it.
    #[schemars(transform = volatile)]
    master_user_secret_arn: Option<String>,
}

impl Resource for DbCluster {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "rds.db_cluster";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(180), update: Duration::from_secs(60), delete: Duration::from_secs(120) },
        timeout: Durations { create: TWO_HOURS, update: TWO_HOURS, delete: TWO_HOURS },
        passing: &[
            Passing { during: During::Any, code: "InvalidParameterValue", message: ROLE_REFUSED, within: ROLE },
            // What it needs was made a moment ago.
            Passing { during: During::Create, code: "DBSubnetGroupNotFoundFault", message: "", within: MINUTE },
            Passing { during: During::Create, code: "DBClusterParameterGroupNotFound", message: "", within: MINUTE },
            Passing { during: During::Create, code: "KMSKeyNotAccessibleFault", message: "", within: MINUTE },
            // The snapshot is still being made.
            Passing { during: During::Create, code: "InvalidDBClusterSnapshotStateFault", message: "", within: BUSY },
            // It is still being made, or another change of it is under way.
            Passing { during: During::Update, code: "InvalidDBClusterStateFault", message: "", within: BUSY },
            Passing { during: During::Update, code: "InvalidDBInstanceState", message: "", within: BUSY },
            Passing { during: During::Delete, code: "InvalidDBClusterStateFault", message: "available state", within: BUSY },
            Passing { during: During::Delete, code: "InvalidDBClusterStateFault", message: "your request later", within: BUSY },
            // An answer that was lost: the snapshot is there, and soon it is seen that the delete is under way.
            Passing { during: During::Delete, code: "DBClusterSnapshotAlreadyExistsFault", message: "", within: MINUTE },
        ],
        gone: GONE,
        visible_within: MINUTE,
        stateful: true,
        actions: Actions {
            create: &[
                "iam:CreateServiceLinkedRole",
                "rds:CreateDBCluster",
                "rds:RestoreDBClusterFromSnapshot",
                "rds:AddTagsToResource",
                "secretsmanager:CreateSecret",
                "secretsmanager:TagResource",
            ],
            read: &["rds:DescribeDBClusters"],
            update: &[
                "rds:ModifyDBCluster",
                "rds:DescribeDBClusters",
                "rds:EnableHttpEndpoint",
                "rds:DisableHttpEndpoint",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
                "secretsmanager:CreateSecret",
                "secretsmanager:TagResource",
            ],
            delete: &[
                "rds:DeleteDBCluster",
                "rds:DescribeDBClusters",
                "rds:ModifyDBCluster",
                "rds:CreateDBClusterSnapshot",
                "rds:AddTagsToResource",
            ],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.db_cluster_identifier.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_name(spec, "db_cluster_identifier", problems);
        database::engine::check(spec, problems);
        check_master(spec, problems);
        check_key(spec, "master_user_secret_kms_key_id", problems);
        check_encryption(spec, problems);
        check_snapshot(spec, problems);
        check_windows(spec, problems);
        if let Some(scaling) = spec.get("serverless_v2_scaling_configuration") {
            check_scaling(scaling, problems);
        }
    }

    fn settled(wanted: &Spec, _: &Spec, status: Status) -> Status {
        if super::suffices(&status, wanted.apply_immediately) { Status::Ready } else { status }
    }

    fn grown(property: &str, wanted: &BTreeMap<String, Value>, there: &Value) -> bool {
        property == "engine_version" && database::growth::newer(wanted, there)
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let mut found = clusters(world, ids).await?;
        Ok(ids.iter().map(|id| found.remove(id.as_str()).map(live::live)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = clusters(world, std::slice::from_ref(&id)).await?;
        Ok(found.get(id.as_str()).is_some_and(|it| tags(it.tag_list()).made_by(find.operation)).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        if let Some(snapshot) = &spec.snapshot_identifier {
            return restore(world, spec, snapshot).await;
        }
        let exports = &spec.enable_cloudwatch_logs_exports;
        let call = world
            .rds()
            .create_db_cluster()
            .set_db_cluster_identifier(spec.db_cluster_identifier.clone())
            .engine(word(&spec.engine))
            .engine_mode(word(&spec.engine_mode))
            .set_engine_version(spec.engine_version.clone().map(|it| it.0))
            .set_database_name(spec.database_name.clone())
            .set_master_username(spec.master_username.clone())
            .set_master_user_password(spec.master_user_password.as_ref().map(|it| it.reveal().to_owned()))
            .set_manage_master_user_password(spec.manage_master_user_password.then_some(true))
            .set_master_user_secret_kms_key_id(spec.master_user_secret_kms_key_id.clone())
            .set_db_subnet_group_name(spec.db_subnet_group_name.clone())
            .set_vpc_security_group_ids(spec.vpc_security_group_ids.clone())
            .set_db_cluster_parameter_group_name(spec.db_cluster_parameter_group_name.clone())
            .set_port(spec.db_port_number)
            .set_serverless_v2_scaling_configuration(spec.serverless_v2_scaling_configuration.as_ref().map(scaling))
            .set_storage_type(spec.storage_type.map(|it| word(&it)))
            .set_storage_encrypted(spec.storage_encrypted)
            .set_kms_key_id(spec.kms_key_id.clone())
            .backup_retention_period(spec.backup_retention_period)
            .set_preferred_backup_window(spec.preferred_backup_window.clone())
            .set_preferred_maintenance_window(spec.preferred_maintenance_window.clone())
            .copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
            .set_enable_cloudwatch_logs_exports((!exports.is_empty()).then(|| exports.clone()))
            .enable_iam_database_authentication(spec.enable_iam_database_authentication)
            .set_enable_http_endpoint(spec.enable_http_endpoint.then_some(true))
            .set_network_type(spec.network_type.map(|it| word(&it)))
            .deletion_protection(spec.deletion_protection)
            .set_tags(tag_list(&spec.tags));
        unless(call.send().await.map_err(error), &[TWICE_A_MINUTE])?;
        Ok(Id(spec.db_cluster_identifier.clone().unwrap_or_default()))
    }

    fn unset(spec: &Spec) -> &'static [&'static str] {
        if spec.snapshot_identifier.is_some() { &["master_user_password"] } else { &[] }
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        let others = |it: &&String| OPTIONS.contains(&it.as_str()) || ["enable_http_endpoint", "tags"].contains(&it.as_str());
        if !changed.iter().all(|it| others(&it)) || releases(world, &update).await? {
            modify(world, &update).await?;
        }
        if !update.changes("enable_http_endpoint") && !update.changes("tags") {
            return Ok(());
        }
        let found = clusters(world, std::slice::from_ref(id)).await?;
        let arn = found.get(id.as_str()).and_then(|it| it.db_cluster_arn()).ok_or_else(|| lost("AddTagsToResource", GONE, id))?;
        if update.changes("enable_http_endpoint") {
            // It has calls of its own: a modification of a cluster with members says nothing of it.
            if to.enable_http_endpoint {
                world.rds().enable_http_endpoint().resource_arn(arn).send().await.map_err(error)?;
            } else {
                world.rds().disable_http_endpoint().resource_arn(arn).send().await.map_err(error)?;
            }
        }
        if update.changes("tags") {
            retag(world, arn, &from.tags, &to.tags).await?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Delete { id, spec } = delete;
        let found = clusters(world, std::slice::from_ref(id)).await?;
        let Some(it) = found.get(id.as_str()).filter(|it| it.status() != Some("deleting")) else { return Ok(()) };
        if it.deletion_protection() == Some(true) {
            if spec.deletion_protection {
                return Err(Error::rejected("DeleteDBCluster", "InvalidParameterCombination", PROTECTED));
            }
            // Whoever turned it on did not say so in the file, where it is off.
            let call = world.rds().modify_db_cluster().db_cluster_identifier(id.as_str()).deletion_protection(false);
            call.apply_immediately(true).send().await.map_err(error)?;
        }
        // Of one that never came to be there is nothing to keep.
        let skip = spec.skip_final_snapshot || live::FAILED.contains(&it.status().unwrap_or_default());
        let name = || spec.final_db_snapshot_identifier.clone().unwrap_or_else(|| last_snapshot(id, it.cluster_create_time()));
        let call = world
            .rds()
            .delete_db_cluster()
            .db_cluster_identifier(id.as_str())
            .skip_final_snapshot(skip)
            .set_final_db_snapshot_identifier((!skip).then(name))
            .delete_automated_backups(spec.delete_automated_backups);
        deleted(call.send().await.map_err(error), GONE)
    }
}

const GONE: &[&str] = &["DBClusterNotFoundFault"];
/// The emulator alone says this, of the automatic backup that follows the create, where a cluster of that name was there a minute ago.
const TWICE_A_MINUTE: &str = "DBClusterSnapshotAlreadyExistsFault";

fn check_scaling(scaling: &Value, problems: &mut Problems) {
    let path = |property: &str| Path::of("serverless_v2_scaling_configuration").key(property);
    let number = |property: &str| match scaling.get(property) {
        Some(Value::Int(it)) => Some(*it as f64),
        Some(Value::Float(it)) => Some(*it),
        _ => None,
    };
    let (min, max) = (number("min_capacity"), number("max_capacity"));
    for (property, value) in [("min_capacity", min), ("max_capacity", max)] {
        if value.is_some_and(|it| (it * 2.0).fract() != 0.0) {
            problems.error(path(property), "a capacity between two steps", "it goes in steps of 0.5");
        }
    }
    if let (Some(min), Some(max)) = (min, max)
        && max < min
    {
        problems.error(path("max_capacity"), "the most is less than the least", format!("write {min} or more"));
    }
    if scaling.get("seconds_until_auto_pause").is_some_and(|it| !it.is_null()) && min.is_some_and(|it| it > 0.0) {
        let help = "write `min_capacity: 0`, or remove it";
        problems.error(path("seconds_until_auto_pause"), "a cluster that cannot pause", help);
    }
}

fn scaling(of: &Scaling) -> ServerlessV2ScalingConfiguration {
    ServerlessV2ScalingConfiguration::builder()
        .min_capacity(of.min_capacity)
        .max_capacity(of.max_capacity)
        .set_seconds_until_auto_pause(of.seconds_until_auto_pause)
        .build()
}

/// Makes it from a snapshot; what this call cannot say follows with the update.
async fn restore(world: &Aws, spec: &Spec, snapshot: &str) -> Result<Id> {
    let exports = &spec.enable_cloudwatch_logs_exports;
    let call = world
        .rds()
        .restore_db_cluster_from_snapshot()
        .snapshot_identifier(snapshot)
        .set_db_cluster_identifier(spec.db_cluster_identifier.clone())
        .engine(word(&spec.engine))
        .engine_mode(word(&spec.engine_mode))
        .set_engine_version(spec.engine_version.clone().map(|it| it.0))
        .set_db_subnet_group_name(spec.db_subnet_group_name.clone())
        .set_vpc_security_group_ids(spec.vpc_security_group_ids.clone())
        .set_db_cluster_parameter_group_name(spec.db_cluster_parameter_group_name.clone())
        .set_port(spec.db_port_number)
        .set_serverless_v2_scaling_configuration(spec.serverless_v2_scaling_configuration.as_ref().map(scaling))
        .set_storage_type(spec.storage_type.map(|it| word(&it)))
        .set_kms_key_id(spec.kms_key_id.clone())
        .copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
        .set_enable_cloudwatch_logs_exports((!exports.is_empty()).then(|| exports.clone()))
        .enable_iam_database_authentication(spec.enable_iam_database_authentication)
        .set_network_type(spec.network_type.map(|it| word(&it)))
        .deletion_protection(spec.deletion_protection)
        .set_tags(tag_list(&spec.tags));
    unless(call.send().await.map_err(error), &[TWICE_A_MINUTE])?;
    Ok(Id(spec.db_cluster_identifier.clone().unwrap_or_default()))
}

/// Whether changes wait for the maintenance window that may be made at once from now on.
async fn releases(world: &Aws, update: &Update<'_, DbCluster>) -> Result<bool> {
    if !hastens(update.changed, update.to.apply_immediately, &update.from.tags, &update.to.tags) {
        return Ok(false);
    }
    let found = clusters(world, std::slice::from_ref(update.id)).await?;
    let waiting = found.get(update.id.as_str()).and_then(|it| it.pending_modified_values());
    Ok(waiting.is_some_and(|it| !live::pending(it).is_empty()))
}

/// One call for all that it changes.
async fn modify(world: &Aws, update: &Update<'_, DbCluster>) -> Result<()> {
    let Update { id, from, to, .. } = update;
    let mut call = world.rds().modify_db_cluster().db_cluster_identifier(id.as_str()).apply_immediately(to.apply_immediately);
    if update.changes("engine_version") {
        call = call.set_engine_version(to.engine_version.clone().map(|it| it.0));
        call = call.set_allow_major_version_upgrade(to.allow_major_version_upgrade.then_some(true));
    } else if !to.apply_immediately || update.changes("apply_immediately") {
        // A version that still waits for the window would be forgotten.
        let found = clusters(world, std::slice::from_ref(*id)).await?;
        let waiting = found.get(id.as_str()).and_then(|it| it.pending_modified_values()?.engine_version.clone());
        let major = to.allow_major_version_upgrade && waiting.is_some();
        call = call.set_engine_version(waiting).set_allow_major_version_upgrade(major.then_some(true));
    }
    if update.changes("manage_master_user_password") || update.changes("master_user_secret_kms_key_id") {
        call = call.manage_master_user_password(to.manage_master_user_password);
        if to.manage_master_user_password {
            call = call.set_master_user_secret_kms_key_id(to.master_user_secret_kms_key_id.clone());
        }
    }
    if update.changes("master_user_password") || (from.manage_master_user_password && !to.manage_master_user_password) {
        call = call.set_master_user_password(to.master_user_password.as_ref().map(|it| it.reveal().to_owned()));
    }
    if update.changes("enable_cloudwatch_logs_exports") {
        let (now, wanted) = (&from.enable_cloudwatch_logs_exports, &to.enable_cloudwatch_logs_exports);
        call = call.cloudwatch_logs_export_configuration(exports(now, wanted));
    }
    let of = |property: &str| update.changes(property);
    let capacity = to.serverless_v2_scaling_configuration.as_ref().filter(|_| of("serverless_v2_scaling_configuration"));
    call = call
        .set_vpc_security_group_ids(to.vpc_security_group_ids.clone().filter(|_| of("vpc_security_group_ids")))
        .set_db_cluster_parameter_group_name(to.db_cluster_parameter_group_name.clone().filter(|_| of("db_cluster_parameter_group_name")))
        .set_port(to.db_port_number.filter(|_| of("db_port_number")))
        .set_serverless_v2_scaling_configuration(capacity.map(scaling))
        .set_storage_type(to.storage_type.filter(|_| of("storage_type")).map(|it| word(&it)))
        .set_backup_retention_period(of("backup_retention_period").then_some(to.backup_retention_period))
        .set_preferred_backup_window(to.preferred_backup_window.clone().filter(|_| of("preferred_backup_window")))
        .set_preferred_maintenance_window(to.preferred_maintenance_window.clone().filter(|_| of("preferred_maintenance_window")))
        .set_copy_tags_to_snapshot(of("copy_tags_to_snapshot").then_some(to.copy_tags_to_snapshot))
        .set_enable_iam_database_authentication(of("enable_iam_database_authentication").then_some(to.enable_iam_database_authentication))
        .set_network_type(to.network_type.filter(|_| of("network_type")).map(|it| word(&it)))
        .set_deletion_protection(of("deletion_protection").then_some(to.deletion_protection));
    call.send().await.map(drop).map_err(error)
}

/// Those of these clusters that are there, by name. A name that nothing has fails a filter: then they are found among all.
async fn clusters(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let mut found = vec![];
    for ids in ids.chunks(NAMES) {
        let call = world.rds().describe_db_clusters();
        let call = match ids {
            [id] => call.db_cluster_identifier(id.as_str()),
            _ => call.filters(filter("db-cluster-id", ids.iter().map(|it| it.0.clone()))),
        };
        match unless(all!(call), GONE)? {
            Some(page) => found.extend(page),
            None if ids.len() == 1 => {}
            None => {
                found = all!(world.rds().describe_db_clusters().max_records(100))?;
                break;
            }
        }
    }
    Ok(found.into_iter().filter_map(|it| Some((it.db_cluster_identifier.clone()?, it))).collect())
}

#[cfg(test)]
mod tests;
