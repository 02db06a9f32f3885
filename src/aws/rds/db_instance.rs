//! <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>

mod check;
mod live;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_rds::types::DbInstance as Described;
use infra::{
    resource::{
        Actions, After, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Secret,
        Status, Tags, Update, Version, Wanted, immutable, kept, ready, set, unique, volatile, write_only,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    BACKUP_WINDOW, BUSY, MAINTENANCE_WINDOW, MINUTE, NAMES, OPTIONS, PROTECTED, ROLE, ROLE_REFUSED, SNAPSHOT, TWO_HOURS, database, day,
    deleted, exports, filter, hastens, last_snapshot, lost, retag, tag_list, tags, yes,
};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
    wording::word,
};

pub(crate) struct DbInstance;

/// A DB instance: a member of an Aurora cluster, or a database of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name in small letters, which no other instance of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 63), regex(pattern = r"[A-Za-z](-?[A-Za-z0-9])*"))]
    db_instance_identifier: Option<String>,
    /// The Aurora cluster that it is a member of; what all members share is said there. Left out, it is a database of its own.
    // A cluster takes members once it is available.
    #[schemars(transform = immutable, transform = ready)]
    db_cluster_identifier: Option<String>,
    /// What speaks SQL.
    #[schemars(transform = immutable)]
    engine: Engine,
    /// Its version, or as many of its numbers as matter: `17` is any 17, and `17.6` is that one or a
    /// newer minor one that AWS installed. It stays when it is removed.
    #[schemars(transform = kept, regex(pattern = r"\d+(\.\d+)*"))]
    engine_version: Option<Version>,
    /// Whether its version may change to another major one.
    #[serde(default)]
    #[schemars(transform = write_only)]
    allow_major_version_upgrade: bool,
    /// Whether minor versions are installed by themselves during maintenance.
    #[serde(default = "yes")]
    auto_minor_version_upgrade: bool,
    /// Its processors and memory: `db.t4g.micro`, or `db.serverless` for what the cluster's scaling says.
    #[schemars(regex(pattern = r"db\.[a-z0-9-]+(\.[a-z0-9-]+)*"))]
    db_instance_class: String,
    /// The name or ARN of the snapshot that it is made from, as the last one of a database that was deleted: with its data, its users and
    /// databases, all else as it is written here. Another one makes another instance; when it is removed, nothing changes.
    #[schemars(transform = immutable, transform = kept, transform = write_only, length(min = 1, max = 2048), regex(pattern = SNAPSHOT))]
    snapshot_identifier: Option<String>,
    /// The name of a database that is made with it.
    #[schemars(transform = immutable, transform = kept, length(min = 1, max = 64), regex(pattern = r"[A-Za-z_][A-Za-z0-9_]*"))]
    db_name: Option<String>,
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
    /// Its storage in GiB, which can only grow. What it has grown to, up to `max_allocated_storage` where that is written, is no
    /// difference.
    #[schemars(transform = kept, range(min = 5, max = 65536))]
    allocated_storage: Option<i32>,
    /// Up to how many GiB its storage grows by itself. Left out or removed, it does not.
    #[schemars(range(min = 6, max = 65536))]
    max_allocated_storage: Option<i32>,
    /// The kind of its storage. Left out, AWS chooses; when it is removed, it stays.
    #[schemars(transform = kept)]
    storage_type: Option<StorageType>,
    /// How many operations a second its storage provides. It stays when it is removed.
    #[schemars(transform = kept, range(min = 1000, max = 256000))]
    iops: Option<i32>,
    /// How many MiB a second its storage provides; for `gp3`. It stays when it is removed.
    #[schemars(transform = kept, range(min = 125, max = 4000))]
    storage_throughput: Option<i32>,
    /// Whether its data is encrypted with a KMS key. Left out, as AWS does it.
    #[schemars(transform = immutable, transform = kept)]
    storage_encrypted: Option<bool>,
    /// The ARN of that KMS key. Left out, RDS's own.
    #[schemars(transform = immutable, transform = kept)]
    kms_key_id: Option<String>,
    /// The DB subnet group that says which subnets it may be in. Left out, the one of the default VPC.
    #[schemars(transform = immutable, transform = kept)]
    db_subnet_group_name: Option<String>,
    /// Its security groups. Left out, the VPC's default one; when it is removed, the groups stay.
    #[schemars(transform = set, transform = kept, length(min = 1))]
    vpc_security_group_ids: Option<Vec<String>>,
    /// Whether its name leads to a public address for those outside. The VPC needs an internet gateway and DNS hostnames for that.
    #[serde(default)]
    publicly_accessible: bool,
    /// The availability zone it is in. Left out, AWS chooses one.
    #[schemars(transform = immutable, transform = kept)]
    availability_zone: Option<String>,
    /// Whether a second one stands ready in another availability zone.
    #[serde(default)]
    multi_az: bool,
    /// The port that it listens on. Left out, the engine's usual one; when it is removed, it stays.
    #[schemars(transform = kept, range(min = 1150, max = 65535))]
    db_port_number: Option<i32>,
    /// The DB parameter group. Left out, AWS's own for the engine; when it is removed, it stays.
    #[schemars(transform = kept)]
    db_parameter_group_name: Option<String>,
    /// The certificate authority of its server certificate. Left out, AWS chooses; when it is removed, it stays.
    #[schemars(transform = kept)]
    ca_certificate_identifier: Option<String>,
    /// In which order the members of its cluster take over from one that fails: 0 first, 15 last. It stays when it is removed.
    #[schemars(transform = kept, range(min = 0, max = 15))]
    promotion_tier: Option<i32>,
    /// For how many days automatic backups are kept; 0 for none.
    #[serde(default = "day")]
    #[schemars(range(min = 0, max = 35))]
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
    /// Every how many seconds the operating system is measured: 1, 5, 10, 15, 30 or 60; 0 for never.
    #[serde(default)]
    #[schemars(range(min = 0, max = 60))]
    monitoring_interval: i32,
    /// The ARN of the role that sends these measurements to CloudWatch Logs. It stays when it is removed.
    // The role's policies are attached after it is made.
    #[schemars(transform = kept, transform = ready)]
    monitoring_role_arn: Option<String>,
    /// Whether Performance Insights measures what the database waits for.
    #[serde(default)]
    enable_performance_insights: bool,
    /// The ARN of the KMS key of Performance Insights. Left out, RDS's own; when it is removed, it stays.
    #[schemars(transform = kept)]
    performance_insights_kms_key_id: Option<String>,
    /// For how many days it is kept: 7, a multiple of 31, or 731. It stays when it is removed.
    #[schemars(transform = kept, range(min = 7, max = 731))]
    performance_insights_retention_period: Option<i32>,
    /// The logs that go to CloudWatch Logs, by the engine: `postgresql`, `upgrade`; `audit`, `error`, `general`, `slowquery`.
    #[serde(default)]
    #[schemars(transform = set)]
    enable_cloudwatch_logs_exports: Vec<String>,
    /// Whether users may sign in with IAM.
    #[serde(default)]
    enable_iam_database_authentication: bool,
    /// Whether AWS refuses to delete it. It has to be turned off, and applied, before it can be deleted.
    #[serde(default)]
    deletion_protection: bool,
    /// Whether it is deleted without a last snapshot. A member of a cluster has none: the data is the cluster's.
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
    /// PostgreSQL in an Aurora cluster.
    AuroraPostgresql,
    /// MySQL in an Aurora cluster.
    AuroraMysql,
    /// PostgreSQL.
    Postgres,
    /// MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StorageType {
    /// SSD that grows faster with its size.
    Gp2,
    /// SSD whose speed is bought apart from its size.
    Gp3,
    /// SSD with operations a second that are paid for.
    Io1,
    /// As `io1`, and more durable.
    Io2,
    /// Magnetic disks, for old instances.
    Standard,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the instance.
    id: String,
    /// The ARN of the instance.
    arn: String,
    /// The id that no later instance of the same name has: `db-…`. IAM policies for signing in name it.
    dbi_resource_id: Option<String>,
    /// The host name that leads to it.
    #[schemars(transform = ready)]
    endpoint: Option<String>,
    /// The port that it listens on.
    #[schemars(transform = ready, transform = volatile)]
    port: Option<i32>,
    /// The hosted zone of its host name.
    #[schemars(transform = ready)]
    hosted_zone_id: Option<String>,
    /// The ARN of the secret with the password, where RDS manages it.
    #[schemars(transform = volatile)]
    master_user_secret_arn: Option<String>,
}

impl Resource for DbInstance {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "rds.db_instance";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(450), update: Duration::from_secs(180), delete: Duration::from_secs(300) },
        timeout: Durations { create: TWO_HOURS, update: TWO_HOURS, delete: TWO_HOURS },
        passing: &[
            Passing { during: During::Any, code: "InvalidParameterValue", message: ROLE_REFUSED, within: ROLE },
            // What it needs was made a moment ago.
            Passing { during: During::Create, code: "DBSubnetGroupNotFoundFault", message: "", within: MINUTE },
            Passing { during: During::Create, code: "DBParameterGroupNotFound", message: "", within: MINUTE },
            Passing { during: During::Create, code: "DBClusterNotFoundFault", message: "", within: MINUTE },
            Passing { during: During::Create, code: "KMSKeyNotAccessibleFault", message: "", within: MINUTE },
            // The snapshot is still being made.
            Passing { during: During::Create, code: "InvalidDBSnapshotState", message: "", within: BUSY },
            // Its cluster is busy with a change or with another member.
            Passing { during: During::Create, code: "InvalidDBClusterStateFault", message: "", within: BUSY },
            Passing { during: During::Update, code: "InvalidDBClusterStateFault", message: "", within: BUSY },
            // It is still being made, or another change of it is under way.
            Passing { during: During::Update, code: "InvalidDBInstanceState", message: "", within: BUSY },
            Passing { during: During::Delete, code: "InvalidDBInstanceState", message: "available state", within: BUSY },
            Passing { during: During::Delete, code: "InvalidDBInstanceState", message: "your request later", within: BUSY },
            // An answer that was lost: the snapshot is there, and soon it is seen that the delete is under way.
            Passing { during: During::Delete, code: "DBSnapshotAlreadyExists", message: "", within: MINUTE },
        ],
        gone: GONE,
        visible_within: MINUTE,
        after: &[
            // A public one is refused until the VPC has a way out, and while it is there the way out cannot go.
            After { from: &["db_subnet_group_name", "subnet_ids", "vpc_id"], other: "ec2.internet_gateway", by: "vpc_id" },
            After {
                from: &["db_cluster_identifier", "db_subnet_group_name", "subnet_ids", "vpc_id"],
                other: "ec2.internet_gateway",
                by: "vpc_id",
            },
        ],
        stateful: true,
        actions: Actions {
            create: &[
                "iam:CreateServiceLinkedRole",
                "iam:PassRole",
                "rds:CreateDBInstance",
                "rds:RestoreDBInstanceFromDBSnapshot",
                "rds:AddTagsToResource",
                "kms:CreateGrant",
                "kms:DescribeKey",
                "secretsmanager:CreateSecret",
                "secretsmanager:TagResource",
            ],
            read: &["rds:DescribeDBInstances"],
            update: &[
                "iam:PassRole",
                "rds:ModifyDBInstance",
                "rds:DescribeDBInstances",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
                "secretsmanager:CreateSecret",
                "secretsmanager:TagResource",
            ],
            delete: &[
                "rds:DeleteDBInstance",
                "rds:DescribeDBInstances",
                "rds:ModifyDBInstance",
                "rds:CreateDBSnapshot",
                "rds:AddTagsToResource",
            ],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.db_instance_identifier.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check::check(spec, problems);
    }

    fn settled(wanted: &Spec, _: &Spec, status: Status) -> Status {
        if super::suffices(&status, wanted.apply_immediately) { Status::Ready } else { status }
    }

    fn grown(property: &str, wanted: &BTreeMap<String, Value>, there: &Value) -> bool {
        match property {
            "allocated_storage" => database::growth::larger(wanted, there),
            "engine_version" => database::growth::newer(wanted, there),
            _ => false,
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let mut found = instances(world, ids).await?;
        Ok(ids.iter().map(|id| found.remove(id.as_str()).map(live::live)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = instances(world, std::slice::from_ref(&id)).await?;
        Ok(found.get(id.as_str()).is_some_and(|it| tags(it.tag_list()).made_by(find.operation)).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        if let Some(snapshot) = &spec.snapshot_identifier {
            return restore(world, spec, snapshot).await;
        }
        let mut call = world
            .rds()
            .create_db_instance()
            .set_db_instance_identifier(spec.db_instance_identifier.clone())
            .set_db_cluster_identifier(spec.db_cluster_identifier.clone())
            .engine(word(&spec.engine))
            .db_instance_class(&spec.db_instance_class)
            .auto_minor_version_upgrade(spec.auto_minor_version_upgrade)
            .publicly_accessible(spec.publicly_accessible)
            .set_availability_zone(spec.availability_zone.clone())
            .set_db_parameter_group_name(spec.db_parameter_group_name.clone())
            .set_ca_certificate_identifier(spec.ca_certificate_identifier.clone())
            .set_promotion_tier(spec.promotion_tier)
            .set_preferred_maintenance_window(spec.preferred_maintenance_window.clone())
            .set_monitoring_interval(Some(spec.monitoring_interval).filter(|it| *it > 0))
            .set_monitoring_role_arn(spec.monitoring_role_arn.clone())
            .set_enable_performance_insights(spec.enable_performance_insights.then_some(true))
            .set_performance_insights_kms_key_id(spec.performance_insights_kms_key_id.clone())
            .set_performance_insights_retention_period(spec.performance_insights_retention_period)
            .set_tags(tag_list(&spec.tags));
        // The rest is the cluster's, and refused of its members.
        if spec.db_cluster_identifier.is_none() {
            let exports = &spec.enable_cloudwatch_logs_exports;
            call = call
                .set_engine_version(spec.engine_version.clone().map(|it| it.0))
                .set_db_name(spec.db_name.clone())
                .set_master_username(spec.master_username.clone())
                .set_master_user_password(spec.master_user_password.as_ref().map(|it| it.reveal().to_owned()))
                .set_manage_master_user_password(spec.manage_master_user_password.then_some(true))
                .set_master_user_secret_kms_key_id(spec.master_user_secret_kms_key_id.clone())
                .set_allocated_storage(spec.allocated_storage)
                .set_max_allocated_storage(spec.max_allocated_storage)
                .set_storage_type(spec.storage_type.map(|it| word(&it)))
                .set_iops(spec.iops)
                .set_storage_throughput(spec.storage_throughput)
                .set_storage_encrypted(spec.storage_encrypted)
                .set_kms_key_id(spec.kms_key_id.clone())
                .set_db_subnet_group_name(spec.db_subnet_group_name.clone())
                .set_vpc_security_group_ids(spec.vpc_security_group_ids.clone())
                .multi_az(spec.multi_az)
                .set_port(spec.db_port_number)
                .backup_retention_period(spec.backup_retention_period)
                .set_preferred_backup_window(spec.preferred_backup_window.clone())
                .copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
                .set_enable_cloudwatch_logs_exports((!exports.is_empty()).then(|| exports.clone()))
                .enable_iam_database_authentication(spec.enable_iam_database_authentication)
                .deletion_protection(spec.deletion_protection);
        }
        call.send().await.map_err(error)?;
        Ok(Id(spec.db_instance_identifier.clone().unwrap_or_default()))
    }

    fn unset(spec: &Spec) -> &'static [&'static str] {
        if spec.snapshot_identifier.is_some() { &["master_user_password"] } else { &[] }
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        if changed.iter().any(|it| !OPTIONS.contains(&it.as_str()) && it != "tags") || releases(world, &update).await? {
            modify(world, &update).await?;
        }
        if update.changes("tags") {
            let found = instances(world, std::slice::from_ref(id)).await?;
            let arn = found.get(id.as_str()).and_then(|it| it.db_instance_arn()).ok_or_else(|| lost("AddTagsToResource", GONE, id))?;
            retag(world, arn, &from.tags, &to.tags).await?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Delete { id, spec } = delete;
        let found = instances(world, std::slice::from_ref(id)).await?;
        let Some(it) = found.get(id.as_str()).filter(|it| it.db_instance_status() != Some("deleting")) else { return Ok(()) };
        let member = it.db_cluster_identifier.is_some();
        // Of a member it says what its cluster says.
        if !member && it.deletion_protection() == Some(true) {
            if spec.deletion_protection {
                return Err(Error::rejected("DeleteDBInstance", "InvalidParameterCombination", PROTECTED));
            }
            // Whoever turned it on did not say so in the file, where it is off.
            let call = world.rds().modify_db_instance().db_instance_identifier(id.as_str()).deletion_protection(false);
            call.apply_immediately(true).send().await.map_err(error)?;
        }
        // A member has no data of its own, and of one that never came to be there is nothing to keep.
        let skip = member || spec.skip_final_snapshot || live::FAILED.contains(&it.db_instance_status().unwrap_or_default());
        let name = || spec.final_db_snapshot_identifier.clone().unwrap_or_else(|| last_snapshot(id, it.instance_create_time()));
        let call = world
            .rds()
            .delete_db_instance()
            .db_instance_identifier(id.as_str())
            .skip_final_snapshot(skip)
            .set_final_db_snapshot_identifier((!skip).then(name))
            .set_delete_automated_backups((!member).then_some(spec.delete_automated_backups));
        deleted(call.send().await.map_err(error), GONE)
    }
}

const GONE: &[&str] = &["DBInstanceNotFound", "DBInstanceNotFoundFault"];

/// Makes it from a snapshot; what this call cannot say follows with the update.
async fn restore(world: &Aws, spec: &Spec, snapshot: &str) -> Result<Id> {
    let exports = &spec.enable_cloudwatch_logs_exports;
    let call = world
        .rds()
        .restore_db_instance_from_db_snapshot()
        .db_snapshot_identifier(snapshot)
        .set_db_instance_identifier(spec.db_instance_identifier.clone())
        .engine(word(&spec.engine))
        .db_instance_class(&spec.db_instance_class)
        .auto_minor_version_upgrade(spec.auto_minor_version_upgrade)
        .publicly_accessible(spec.publicly_accessible)
        .set_availability_zone(spec.availability_zone.clone())
        .set_db_parameter_group_name(spec.db_parameter_group_name.clone())
        .set_ca_certificate_identifier(spec.ca_certificate_identifier.clone())
        .set_manage_master_user_password(spec.manage_master_user_password.then_some(true))
        .set_master_user_secret_kms_key_id(spec.master_user_secret_kms_key_id.clone())
        .set_allocated_storage(spec.allocated_storage)
        .set_storage_type(spec.storage_type.map(|it| word(&it)))
        .set_iops(spec.iops)
        .set_storage_throughput(spec.storage_throughput)
        .set_db_subnet_group_name(spec.db_subnet_group_name.clone())
        .set_vpc_security_group_ids(spec.vpc_security_group_ids.clone())
        .multi_az(spec.multi_az)
        .set_port(spec.db_port_number)
        .backup_retention_period(spec.backup_retention_period)
        .set_preferred_backup_window(spec.preferred_backup_window.clone())
        .copy_tags_to_snapshot(spec.copy_tags_to_snapshot)
        .set_enable_cloudwatch_logs_exports((!exports.is_empty()).then(|| exports.clone()))
        .enable_iam_database_authentication(spec.enable_iam_database_authentication)
        .deletion_protection(spec.deletion_protection)
        .set_tags(tag_list(&spec.tags));
    call.send().await.map_err(error)?;
    Ok(Id(spec.db_instance_identifier.clone().unwrap_or_default()))
}

/// Whether changes wait for the maintenance window that may be made at once from now on.
async fn releases(world: &Aws, update: &Update<'_, DbInstance>) -> Result<bool> {
    if !hastens(update.changed, update.to.apply_immediately, &update.from.tags, &update.to.tags) {
        return Ok(false);
    }
    let found = instances(world, std::slice::from_ref(update.id)).await?;
    let waiting = found.get(update.id.as_str()).and_then(|it| it.pending_modified_values());
    Ok(waiting.is_some_and(|it| !live::pending(it).is_empty()))
}

/// One call for all that it changes.
async fn modify(world: &Aws, update: &Update<'_, DbInstance>) -> Result<()> {
    let Update { id, from, to, .. } = update;
    let mut call = world.rds().modify_db_instance().db_instance_identifier(id.as_str()).apply_immediately(to.apply_immediately);
    if update.changes("engine_version") {
        call = call.set_engine_version(to.engine_version.clone().map(|it| it.0));
        call = call.set_allow_major_version_upgrade(to.allow_major_version_upgrade.then_some(true));
    } else if !to.apply_immediately || update.changes("apply_immediately") {
        // A version that still waits for the window would be forgotten.
        let found = instances(world, std::slice::from_ref(*id)).await?;
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
    if ["allocated_storage", "iops", "storage_throughput", "storage_type"].iter().any(|it| update.changes(it)) {
        // Of storage that sells speed AWS wants to be told all of it; smaller gp3 has a speed of its own, and saying it is refused.
        let sells = match to.storage_type {
            Some(StorageType::Io1 | StorageType::Io2) => true,
            Some(StorageType::Gp3) => to.allocated_storage.is_some_and(|it| i64::from(it) >= check::LARGE),
            _ => false,
        };
        call = call
            .set_allocated_storage(to.allocated_storage)
            .set_storage_type(to.storage_type.map(|it| word(&it)).filter(|_| update.changes("storage_type")))
            .set_iops(to.iops.filter(|_| sells || update.changes("iops")))
            .set_storage_throughput(
                to.storage_throughput
                    .filter(|_| update.changes("storage_throughput") || (sells && to.storage_type == Some(StorageType::Gp3))),
            );
    }
    if update.changes("max_allocated_storage") {
        // No more than there is: it does not grow.
        call = call.set_max_allocated_storage(to.max_allocated_storage.or(to.allocated_storage));
    }
    if update.changes("monitoring_interval") || update.changes("monitoring_role_arn") {
        let role = to.monitoring_role_arn.clone().filter(|_| to.monitoring_interval > 0);
        call = call.monitoring_interval(to.monitoring_interval).set_monitoring_role_arn(role);
    }
    if ["enable_performance_insights", "performance_insights_kms_key_id", "performance_insights_retention_period"]
        .iter()
        .any(|it| update.changes(it))
    {
        call = call.enable_performance_insights(to.enable_performance_insights);
        if to.enable_performance_insights {
            call = call
                .set_performance_insights_kms_key_id(to.performance_insights_kms_key_id.clone())
                .set_performance_insights_retention_period(to.performance_insights_retention_period);
        }
    }
    if update.changes("enable_cloudwatch_logs_exports") {
        let (now, wanted) = (&from.enable_cloudwatch_logs_exports, &to.enable_cloudwatch_logs_exports);
        call = call.cloudwatch_logs_export_configuration(exports(now, wanted));
    }
    let of = |property: &str| update.changes(property);
    call = call
        .set_auto_minor_version_upgrade(of("auto_minor_version_upgrade").then_some(to.auto_minor_version_upgrade))
        .set_db_instance_class(of("db_instance_class").then(|| to.db_instance_class.clone()))
        .set_vpc_security_group_ids(to.vpc_security_group_ids.clone().filter(|_| of("vpc_security_group_ids")))
        .set_publicly_accessible(of("publicly_accessible").then_some(to.publicly_accessible))
        .set_multi_az(of("multi_az").then_some(to.multi_az))
        .set_db_port_number(to.db_port_number.filter(|_| of("db_port_number")))
        .set_db_parameter_group_name(to.db_parameter_group_name.clone().filter(|_| of("db_parameter_group_name")))
        .set_ca_certificate_identifier(to.ca_certificate_identifier.clone().filter(|_| of("ca_certificate_identifier")))
        .set_promotion_tier(to.promotion_tier.filter(|_| of("promotion_tier")))
        .set_backup_retention_period(of("backup_retention_period").then_some(to.backup_retention_period))
        .set_preferred_backup_window(to.preferred_backup_window.clone().filter(|_| of("preferred_backup_window")))
        .set_preferred_maintenance_window(to.preferred_maintenance_window.clone().filter(|_| of("preferred_maintenance_window")))
        .set_copy_tags_to_snapshot(of("copy_tags_to_snapshot").then_some(to.copy_tags_to_snapshot))
        .set_enable_iam_database_authentication(of("enable_iam_database_authentication").then_some(to.enable_iam_database_authentication))
        .set_deletion_protection(of("deletion_protection").then_some(to.deletion_protection));
    call.send().await.map(drop).map_err(error)
}

/// Those of these instances that are there, by name. A name that nothing has fails a filter: then they are found among all.
async fn instances(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let mut found = vec![];
    for ids in ids.chunks(NAMES) {
        let call = world.rds().describe_db_instances();
        let call = match ids {
            [id] => call.db_instance_identifier(id.as_str()),
            _ => call.filters(filter("db-instance-id", ids.iter().map(|it| it.0.clone()))),
        };
        match unless(all!(call), GONE)? {
            Some(page) => found.extend(page),
            None if ids.len() == 1 => {}
            None => {
                found = all!(world.rds().describe_db_instances().max_records(100))?;
                break;
            }
        }
    }
    Ok(found.into_iter().filter_map(|it| Some((it.db_instance_identifier.clone()?, it))).collect())
}

#[cfg(test)]
mod tests;
