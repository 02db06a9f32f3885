use infra::resource::{AnyResource as _, AnyUpdate, Status, Wanted};
use serde_json::{Value as Json, json};

use super::{
    super::database::testing::{apply, ours},
    DbInstance,
};
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Script, Wire, refused},
    },
};

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "rds.db_instance",
        extra: "
other:
  ec2.security_group:
    group_name: another-instance
    vpc_id: ${vpc.id}
others:
  rds.db_subnet_group:
    db_subnet_group_name: another-instance
    subnet_ids: ['${one.id}', '${two.id}']
more:
  rds.db_parameter_group:
    db_parameter_group_name: another-instance
    family: postgres17
",
        changes: &[
            "engine_version: '17.7'",
            "auto_minor_version_upgrade: false",
            "db_instance_class: db.t4g.small",
            "allocated_storage: 30",
            "max_allocated_storage: 200",
            "vpc_security_group_ids: ['${other.id}']",
            "publicly_accessible: true",
            "multi_az: true",
            "db_parameter_group_name: ${more.id}",
            "ca_certificate_identifier: rds-ca-rsa2048-g1",
            "backup_retention_period: 14",
            "preferred_backup_window: 05:00-05:30",
            "preferred_maintenance_window: mon:06:00-mon:07:00",
            "copy_tags_to_snapshot: false",
            "enable_iam_database_authentication: true",
            "deletion_protection: true",
            "deletion_protection: false",
        ],
        replacements: &[
            "db_instance_identifier: another-instance",
            "engine: mariadb",
            "db_name: another",
            "master_username: somebody",
            "db_subnet_group_name: ${others.id}",
            "storage_encrypted: false",
        ],
        untried: &[
            // Members of a cluster have a test of their own.
            "db_cluster_identifier",
            "promotion_tier",
            // Each way of having a password excludes the other; both have a test of their own.
            "master_user_password",
            "manage_master_user_password",
            "master_user_secret_kms_key_id",
            // A key needs encryption, which the last replacement turns off; a zone excludes a second one.
            "kms_key_id",
            "availability_zone",
            // They go together, and cannot be undone one by one; how they are sent has a test of its own.
            "storage_type",
            "iops",
            "storage_throughput",
            // The emulator keeps none of these.
            "db_port_number",
            "monitoring_interval",
            "monitoring_role_arn",
            "enable_performance_insights",
            "performance_insights_kms_key_id",
            "performance_insights_retention_period",
            "enable_cloudwatch_logs_exports",
            // Nothing can be read of these; updates and deletes that go by them have tests of their own.
            "allow_major_version_upgrade",
            "snapshot_identifier",
            "skip_final_snapshot",
            "final_db_snapshot_identifier",
            "delete_automated_backups",
            "apply_immediately",
        ],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}

fn with(base: &Json, more: &Json) -> Json {
    let mut spec = base.clone();
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

#[test]
fn what_aws_would_refuse_is_said_before() {
    let plain = json!({
        "engine": "postgres", "db_instance_class": "db.t4g.micro", "allocated_storage": 20, "master_username": "postgres",
        "manage_master_user_password": true,
    });
    let member = json!({ "engine": "aurora-postgresql", "db_instance_class": "db.serverless", "db_cluster_identifier": "a" });
    for (base, more, expected) in [
        (&plain, json!({}), vec![]),
        (&member, json!({}), vec![]),
        (&member, json!({ "backup_retention_period": 7 }), vec!["`backup_retention_period` of a member of a cluster"]),
        (&member, json!({ "engine": "postgres" }), vec!["a member of an Aurora cluster with the engine `postgres`"]),
        (&plain, json!({ "engine": "aurora-mysql" }), vec!["the engine `aurora-mysql` without a cluster"]),
        (&plain, json!({ "db_instance_class": "db.serverless" }), vec!["`db.serverless` without a cluster"]),
        (&plain, json!({ "allocated_storage": null }), vec!["a database without `allocated_storage`"]),
        (
            &plain,
            json!({ "allocated_storage": null, "master_username": null, "manage_master_user_password": null, "snapshot_identifier": "last" }),
            vec![],
        ),
        (&member, json!({ "snapshot_identifier": "last" }), vec!["`snapshot_identifier` of a member of a cluster"]),
        (&plain, json!({ "promotion_tier": 1 }), vec!["an order among the members of no cluster"]),
        (&plain, json!({ "max_allocated_storage": 20 }), vec!["storage that grows by itself to no more than it has"]),
        (&plain, json!({ "storage_type": "gp3", "allocated_storage": 400, "iops": 12000, "storage_throughput": 500 }), vec![]),
        (
            &plain,
            json!({ "storage_type": "gp3", "iops": 3000, "storage_throughput": 125 }),
            vec!["`iops` for less than 400 GiB of gp3", "`storage_throughput` for less than 400 GiB of gp3"],
        ),
        (&plain, json!({ "engine_version": "8.0" }), vec!["`8.0` is no version of postgres"]),
        (
            &plain,
            json!({ "enable_cloudwatch_logs_exports": ["upgrade", "slow"] }),
            vec!["enable_cloudwatch_logs_exports[1]: postgres has no log `slow`"],
        ),
        (
            &plain,
            json!({ "iops": 3000, "storage_throughput": 125 }),
            vec!["operations a second for storage that sells none", "a throughput for storage that sells none"],
        ),
        (&plain, json!({ "storage_type": "io2" }), vec!["storage of the type io2 without `iops`"]),
        (
            &plain,
            json!({ "monitoring_interval": 20 }),
            vec!["a measurement every 20 seconds", "measurements without a role that sends them"],
        ),
        (&plain, json!({ "monitoring_interval": 60, "monitoring_role_arn": "arn:a" }), vec![]),
        (
            &plain,
            json!({ "enable_performance_insights": true, "performance_insights_retention_period": 30 }),
            vec!["Performance Insights kept for 30 days"],
        ),
        (&plain, json!({ "enable_performance_insights": true, "performance_insights_retention_period": 62 }), vec![]),
        (
            &plain,
            json!({ "performance_insights_retention_period": 7 }),
            vec!["`performance_insights_retention_period` without Performance Insights"],
        ),
        (&plain, json!({ "multi_az": true, "availability_zone": "eu-central-1a" }), vec!["one availability zone for an instance in two"]),
        (&plain, json!({ "db_instance_identifier": "Orders" }), vec!["a name with capital letters"]),
        (&plain, json!({ "manage_master_user_password": null }), vec!["no password for the master user"]),
    ] {
        let spec = with(base, &more);
        assert_eq!(complaints::<DbInstance>(spec), expected, "{more}");
    }
}

#[tokio::test]
async fn a_member_of_a_cluster_has_what_is_its_own() {
    let world = cloud().await;
    let rds = world.rds();
    let cluster = rds.create_db_cluster().db_cluster_identifier("of-a-member").engine("aurora-postgresql").master_username("postgres");
    cluster.master_user_password("aSecretWord").backup_retention_period(7).send().await.expect("a cluster");
    let spec = json!({
        "db_instance_identifier": "member", "db_cluster_identifier": "of-a-member", "engine": "aurora-postgresql",
        "db_instance_class": "db.serverless", "promotion_tier": 2,
    });
    let id = DbInstance.create(&world, &spec, "0123456789abcdef0123456789abcdef").await.expect("create");
    let read = async || {
        let mut found = DbInstance.read(&world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read");
        found.pop().flatten()
    };
    let live = read().await.expect("it is there");
    assert_eq!(live.status, Status::Ready);
    for (property, expected) in [
        ("db_cluster_identifier", json!("of-a-member")),
        ("db_instance_class", json!("db.serverless")),
        ("promotion_tier", json!(2)),
        ("backup_retention_period", json!(1)),
        ("allocated_storage", json!(null)),
        ("engine_version", json!(null)),
    ] {
        assert_eq!(live.spec.get(property).unwrap_or(&Json::Null), &expected, "{property}");
    }
    let to = with(&live.spec, &json!({ "promotion_tier": 0, "publicly_accessible": true, "db_instance_class": "db.r6g.large" }));
    let changed = ["promotion_tier", "publicly_accessible", "db_instance_class"].map(str::to_owned).into();
    let update = || AnyUpdate { id: &id, from: &live.spec, to: &to, changed: &changed };
    for _ in 0..2 {
        DbInstance.update(&world, update()).await.expect("update");
    }
    let now = read().await.expect("it is there").spec;
    assert_eq!((&now["promotion_tier"], &now["publicly_accessible"]), (&json!(0), &json!(true)));
    assert_eq!(now["db_instance_class"], "db.r6g.large");
    for _ in 0..2 {
        DbInstance.delete(&world, &id, &spec).await.expect("delete");
        assert!(read().await.is_none());
    }
    rds.delete_db_cluster().db_cluster_identifier("of-a-member").skip_final_snapshot(true).send().await.expect("no cluster");
}

/// One instance as `DescribeDBInstances` answers.
macro_rules! described {
    ($($inner:expr),+) => {
        Answer::Xml(concat!(
            "<DescribeDBInstancesResult><DBInstances><DBInstance><DBInstanceIdentifier>a</DBInstanceIdentifier>\
             <DBInstanceArn>arn:aws:rds:eu-central-1:123456789012:db:a</DBInstanceArn><Engine>postgres</Engine>\
             <InstanceCreateTime>2026-01-02T03:04:05.678Z</InstanceCreateTime><Endpoint><Address>a.rds</Address><Port>5432</Port></Endpoint>",
            $($inner,)+
            "</DBInstance></DBInstances></DescribeDBInstancesResult>"
        ))
    };
}

fn spec(more: &Json) -> Json {
    with(&json!({ "db_instance_identifier": "a", "engine": "postgres", "db_instance_class": "db.t4g.micro" }), more)
}

async fn read(script: Script) -> infra::resource::AnyLive {
    let wire = Wire::scripted(script).await;
    let found = DbInstance.read(&wire.world, &["a".into()], &Wanted::default()).await.expect("read");
    found.into_iter().next().flatten().expect("it is there")
}

#[tokio::test]
async fn available_is_not_all_there_is_to_wait_for() {
    let scripts: [(Script, Status); 6] = [
        (&[("DescribeDBInstances", described!("<DBInstanceStatus>storage-optimization</DBInstanceStatus>"))], Status::Ready),
        (
            &[("DescribeDBInstances", described!("<DBInstanceStatus>configuring-enhanced-monitoring</DBInstanceStatus>"))],
            Status::Pending("configuring-enhanced-monitoring".into()),
        ),
        (
            &[("DescribeDBInstances", described!("<DBInstanceStatus>restore-error</DBInstanceStatus>"))],
            Status::Failed("restore-error".into()),
        ),
        (
            &[(
                "DescribeDBInstances",
                described!(
                    "<DBInstanceStatus>available</DBInstanceStatus><PendingModifiedValues><MultiAZ>true</MultiAZ>\
                     <DBInstanceClass>db.t4g.small</DBInstanceClass></PendingModifiedValues>"
                ),
            )],
            Status::Pending("pending: db_instance_class, multi_az".into()),
        ),
        (
            &[(
                "DescribeDBInstances",
                described!(
                    "<DBInstanceStatus>available</DBInstanceStatus><MasterUserSecret><SecretArn>arn:s</SecretArn>\
                     <SecretStatus>rotating</SecretStatus></MasterUserSecret>"
                ),
            )],
            Status::Pending("secret of the master user: rotating".into()),
        ),
        (
            &[(
                "DescribeDBInstances",
                described!(
                    "<DBInstanceStatus>available</DBInstanceStatus><DBParameterGroups><DBParameterGroup>\
                     <DBParameterGroupName>g</DBParameterGroupName><ParameterApplyStatus>applying</ParameterApplyStatus>\
                     </DBParameterGroup></DBParameterGroups>"
                ),
            )],
            Status::Pending("parameter group g: applying".into()),
        ),
    ];
    for (script, expected) in scripts {
        assert_eq!(read(script).await.status, expected);
    }
}

#[tokio::test]
async fn what_waits_for_the_window_is_no_difference() {
    let live = read(&[(
        "DescribeDBInstances",
        described!(
            "<DBInstanceStatus>available</DBInstanceStatus><DBInstanceClass>db.t4g.micro</DBInstanceClass><MultiAZ>false</MultiAZ>\
             <AllocatedStorage>20</AllocatedStorage><PendingModifiedValues><DBInstanceClass>db.t4g.small</DBInstanceClass>\
             <MultiAZ>true</MultiAZ><AllocatedStorage>30</AllocatedStorage><Port>5433</Port></PendingModifiedValues>"
        ),
    )])
    .await;
    assert_eq!((&live.spec["db_instance_class"], &live.spec["multi_az"]), (&json!("db.t4g.small"), &json!(true)));
    assert_eq!((&live.spec["allocated_storage"], &live.spec["db_port_number"]), (&json!(30), &json!(5433)));
    // It can be used meanwhile, as it is.
    assert_eq!((&live.outputs["endpoint"], &live.outputs["port"]), (&json!("a.rds"), &json!(5432)));
    let settled = |more: Json| DbInstance.settled(&spec(&more), &live);
    assert_eq!(settled(json!({ "apply_immediately": false })), Status::Ready);
    assert_eq!(settled(json!({})), live.status);
}

#[tokio::test]
async fn one_that_is_stopped_is_neither_waited_for_nor_replaced() {
    let script: Script = &[(
        "DescribeDBInstances",
        described!(
            "<DBInstanceStatus>stopped</DBInstanceStatus><DBInstanceClass>db.t4g.micro</DBInstanceClass>\
             <AutoMinorVersionUpgrade>true</AutoMinorVersionUpgrade>",
            ours!()
        ),
    )];
    let of = |skip: bool| spec(&json!({ "skip_final_snapshot": skip }));
    let applied = apply(script, "rds.db_instance", &of(false), &of(false)).await;
    assert_eq!((applied.changes(), applied.failed), (vec![], vec![]));
    // What can be changed of one that is stopped is changed then.
    let applied = apply(script, "rds.db_instance", &of(false), &of(true)).await;
    assert_eq!(applied.changes(), ["skip_final_snapshot: File"]);
    assert_eq!((applied.updated, applied.failed), (1, vec![]));
    assert_eq!(applied.waited, ["stopped: somebody has to start it"]);
}

#[tokio::test]
async fn what_aws_changes_by_itself_is_no_difference_and_is_not_taken_back() {
    let script: Script = &[
        (
            "DescribeDBInstances",
            described!(
                "<DBInstanceStatus>available</DBInstanceStatus><DBInstanceClass>db.t4g.micro</DBInstanceClass>\
                 <AutoMinorVersionUpgrade>true</AutoMinorVersionUpgrade><EngineVersion>17.7</EngineVersion>\
                 <AllocatedStorage>40</AllocatedStorage><MaxAllocatedStorage>100</MaxAllocatedStorage><StorageType>gp3</StorageType>\
                 <BackupRetentionPeriod>1</BackupRetentionPeriod><Iops>3000</Iops>",
                ours!()
            ),
        ),
        ("ModifyDBInstance", refused!("InvalidParameterCombination", "no more than what was sent is of interest")),
    ];
    let of = |more: Json| {
        let grows = json!({ "engine_version": "17.6", "allocated_storage": 20, "max_allocated_storage": 100 });
        spec(&with(&grows, &more))
    };
    for (before, after, changes, said) in [
        (json!({}), json!({}), vec![], None),
        (json!({}), json!({ "allocated_storage": 30 }), vec![], None),
        (json!({}), json!({ "allocated_storage": 50 }), vec!["allocated_storage: File"], Some(" AllocatedStorage=50")),
        (json!({ "allocated_storage": 40 }), json!({}), vec!["allocated_storage: File"], Some(" AllocatedStorage=20")),
        (json!({ "iops": 3000 }), json!({ "iops": 4000 }), vec!["iops: File"], Some(" AllocatedStorage=40 Iops=4000")),
        (json!({}), json!({ "max_allocated_storage": 200 }), vec!["max_allocated_storage: File"], Some(" MaxAllocatedStorage=200")),
    ] {
        let applied = apply(script, "rds.db_instance", &of(before), &of(after.clone())).await;
        assert_eq!(applied.changes(), changes, "{after}");
        let parameters = ["AllocatedStorage", "MaxAllocatedStorage", "Iops", "EngineVersion"];
        let sent = applied.wire.said(&parameters).into_iter().find_map(|it| it.strip_prefix("ModifyDBInstance").map(str::to_owned));
        assert_eq!(sent.as_deref(), said, "{after}");
    }
}

#[tokio::test]
async fn its_endpoint_is_there_from_its_making_on() {
    let live = read(&[("DescribeDBInstances", described!("<DBInstanceStatus>creating</DBInstanceStatus>"))]).await;
    assert_eq!((live.status, live.outputs.get("endpoint")), (Status::Pending("creating".into()), None));
    // A plan that is made during a backup does not take it for unknown.
    let live = read(&[("DescribeDBInstances", described!("<DBInstanceStatus>backing-up</DBInstanceStatus>"))]).await;
    assert_eq!((live.status, &live.outputs["endpoint"]), (Status::Pending("backing-up".into()), &json!("a.rds")));
}

const MODIFIES: Script = &[
    ("ModifyDBInstance", Answer::Xml("<ModifyDBInstanceResult/>")),
    (
        "DescribeDBInstances",
        described!(
            "<DBInstanceStatus>available</DBInstanceStatus><PendingModifiedValues><EngineVersion>17.7</EngineVersion>\
             </PendingModifiedValues>"
        ),
    ),
];

async fn update(from: Json, to: Json, changed: &[&str], parameters: &[&str]) -> Vec<String> {
    let wire = Wire::scripted(MODIFIES).await;
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    let (from, to) = (spec(&from), spec(&to));
    DbInstance.update(&wire.world, AnyUpdate { id: &"a".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    wire.said(parameters)
}

#[tokio::test]
async fn what_belongs_together_is_sent_together() {
    let all = [
        "ApplyImmediately",
        "AllocatedStorage",
        "MaxAllocatedStorage",
        "StorageType",
        "Iops",
        "StorageThroughput",
        "MonitoringInterval",
        "MonitoringRoleArn",
        "EnablePerformanceInsights",
        "PerformanceInsightsRetentionPeriod",
        "DBPortNumber",
        "BackupRetentionPeriod",
    ];
    for (from, to, changed, expected) in [
        (
            json!({}),
            json!({ "allocated_storage": 400, "storage_type": "gp3", "iops": 12000, "storage_throughput": 500 }),
            "iops",
            " AllocatedStorage=400 Iops=12000 StorageThroughput=500",
        ),
        (
            json!({ "allocated_storage": 20 }),
            json!({ "allocated_storage": 30, "storage_type": "gp3", "iops": 3000, "storage_throughput": 125 }),
            "allocated_storage",
            " AllocatedStorage=30",
        ),
        (
            json!({ "allocated_storage": 100 }),
            json!({ "allocated_storage": 100, "storage_type": "io2", "iops": 3000 }),
            "storage_type",
            " AllocatedStorage=100 StorageType=io2 Iops=3000",
        ),
        (
            json!({ "allocated_storage": 20, "max_allocated_storage": 100 }),
            json!({ "allocated_storage": 20 }),
            "max_allocated_storage",
            " MaxAllocatedStorage=20",
        ),
        (
            json!({}),
            json!({ "monitoring_interval": 60, "monitoring_role_arn": "role" }),
            "monitoring_interval",
            " MonitoringInterval=60 MonitoringRoleArn=role",
        ),
        (
            json!({ "monitoring_interval": 60, "monitoring_role_arn": "role" }),
            json!({ "monitoring_role_arn": "role" }),
            "monitoring_interval",
            " MonitoringInterval=0",
        ),
        (
            json!({}),
            json!({ "enable_performance_insights": true, "performance_insights_retention_period": 7 }),
            "enable_performance_insights",
            " EnablePerformanceInsights=true PerformanceInsightsRetentionPeriod=7",
        ),
        (json!({}), json!({ "db_port_number": 5433 }), "db_port_number", " DBPortNumber=5433"),
    ] {
        assert_eq!(update(from, to, &[changed], &all).await, [format!("ModifyDBInstance ApplyImmediately=true{expected}")]);
    }
}

#[tokio::test]
async fn what_only_a_delete_goes_by_is_not_sent() {
    let options = ["skip_final_snapshot", "final_db_snapshot_identifier", "delete_automated_backups"];
    assert_eq!(update(json!({}), json!({ "skip_final_snapshot": true }), &options, &[]).await, [""; 0]);
}

#[tokio::test]
async fn a_version_that_waits_for_the_window_is_sent_again() {
    let to = json!({ "multi_az": true, "apply_immediately": false });
    let said = update(json!({}), to, &["multi_az"], &["ApplyImmediately", "EngineVersion"]).await;
    assert_eq!(said, ["DescribeDBInstances", "ModifyDBInstance ApplyImmediately=false EngineVersion=17.7"]);
}

#[tokio::test]
async fn what_waits_for_the_window_is_made_at_once_when_it_may_be() {
    let calls = ["ApplyImmediately", "EngineVersion", "AllowMajorVersionUpgrade"];
    let said = update(json!({}), json!({ "apply_immediately": true }), &["apply_immediately"], &calls).await;
    assert_eq!(said, ["DescribeDBInstances", "DescribeDBInstances", "ModifyDBInstance ApplyImmediately=true EngineVersion=17.7"]);
    let said = update(json!({}), json!({ "apply_immediately": false }), &["apply_immediately"], &calls).await;
    assert_eq!(said, [""; 0]);
    let major = json!({ "apply_immediately": true, "allow_major_version_upgrade": true });
    let said = update(json!({}), major, &["apply_immediately"], &calls).await;
    let expected = "ModifyDBInstance ApplyImmediately=true EngineVersion=17.7 AllowMajorVersionUpgrade=true";
    assert_eq!(said, ["DescribeDBInstances", "DescribeDBInstances", expected]);
}

#[tokio::test]
async fn a_password_is_changed_or_given_over() {
    let parameters = ["MasterUserPassword", "ManageMasterUserPassword", "MasterUserSecretKmsKeyId"];
    for (from, to, changed, expected) in [
        (json!({}), json!({ "master_user_password": "aSecretWord" }), "master_user_password", " MasterUserPassword=aSecretWord"),
        (
            json!({ "manage_master_user_password": true }),
            json!({ "master_user_password": "aSecretWord" }),
            "manage_master_user_password",
            " MasterUserPassword=aSecretWord ManageMasterUserPassword=false",
        ),
    ] {
        assert_eq!(update(from, to, &[changed], &parameters).await, [format!("ModifyDBInstance{expected}")]);
    }
}

async fn delete(script: Script, options: Json) -> (Result<(), String>, Vec<String>) {
    let wire = Wire::scripted(script).await;
    let done = DbInstance.delete(&wire.world, &"a".into(), &spec(&options)).await;
    let parameters = ["SkipFinalSnapshot", "FinalDBSnapshotIdentifier", "DeleteAutomatedBackups", "DeletionProtection", "ApplyImmediately"];
    (done.map_err(|it| it.to_string()), wire.said(&parameters))
}

#[tokio::test]
async fn a_last_snapshot_is_made_unless_there_is_nothing_to_keep() {
    let plain: Script = &[
        ("DescribeDBInstances", described!("<DBInstanceStatus>available</DBInstanceStatus>")),
        ("DeleteDBInstance", Answer::Xml("<DeleteDBInstanceResult/>")),
    ];
    let member: Script = &[
        (
            "DescribeDBInstances",
            described!(
                "<DBInstanceStatus>available</DBInstanceStatus><DBClusterIdentifier>c</DBClusterIdentifier>\
                 <DeletionProtection>true</DeletionProtection>"
            ),
        ),
        ("DeleteDBInstance", Answer::Xml("<DeleteDBInstanceResult/>")),
    ];
    let failed: Script = &[
        ("DescribeDBInstances", described!("<DBInstanceStatus>incompatible-restore</DBInstanceStatus>")),
        ("DeleteDBInstance", Answer::Xml("<DeleteDBInstanceResult/>")),
    ];
    for (script, options, expected) in [
        (plain, json!({}), "SkipFinalSnapshot=false FinalDBSnapshotIdentifier=a-final-20260102030405678 DeleteAutomatedBackups=true"),
        (
            plain,
            json!({ "final_db_snapshot_identifier": "last" }),
            "SkipFinalSnapshot=false FinalDBSnapshotIdentifier=last DeleteAutomatedBackups=true",
        ),
        (
            plain,
            json!({ "skip_final_snapshot": true, "delete_automated_backups": false }),
            "SkipFinalSnapshot=true DeleteAutomatedBackups=false",
        ),
        (member, json!({}), "SkipFinalSnapshot=true"),
        (failed, json!({}), "SkipFinalSnapshot=true DeleteAutomatedBackups=true"),
    ] {
        let (done, said) = delete(script, options).await;
        assert_eq!((done, said), (Ok(()), vec!["DescribeDBInstances".to_owned(), format!("DeleteDBInstance {expected}")]));
    }
}

#[tokio::test]
async fn a_delete_that_is_repeated_makes_no_second_snapshot() {
    let going: Script = &[("DescribeDBInstances", described!("<DBInstanceStatus>deleting</DBInstanceStatus>"))];
    assert_eq!(delete(going, json!({})).await, (Ok(()), vec!["DescribeDBInstances".to_owned()]));
    let racing: Script = &[
        ("DescribeDBInstances", described!("<DBInstanceStatus>available</DBInstanceStatus>")),
        ("DeleteDBInstance", refused!("InvalidDBInstanceState", "Instance a is already being deleted.")),
    ];
    assert_eq!(delete(racing, json!({})).await.0, Ok(()));
    let gone: Script = &[("DescribeDBInstances", refused!("DBInstanceNotFound", "DBInstance a not found."))];
    assert_eq!(delete(gone, json!({})).await.0, Ok(()));
}

#[tokio::test]
async fn protection_is_taken_off_only_where_the_file_does_not_ask_for_it() {
    let protected: Script = &[
        ("DescribeDBInstances", described!("<DBInstanceStatus>available</DBInstanceStatus><DeletionProtection>true</DeletionProtection>")),
        ("ModifyDBInstance", Answer::Xml("<ModifyDBInstanceResult/>")),
        ("DeleteDBInstance", Answer::Xml("<DeleteDBInstanceResult/>")),
    ];
    let (done, said) = delete(protected, json!({ "deletion_protection": true })).await;
    assert!(done.expect_err("a refusal").contains("`deletion_protection: true`: write `false` and apply that first"));
    assert_eq!(said, ["DescribeDBInstances"]);
    let (done, said) = delete(protected, json!({ "skip_final_snapshot": true })).await;
    assert_eq!(done, Ok(()));
    assert_eq!(said[1], "ModifyDBInstance DeletionProtection=false ApplyImmediately=true");
}

#[tokio::test]
async fn what_an_interrupted_create_made_is_told_by_its_operation() {
    let wire = Wire::scripted(&[(
        "DescribeDBInstances",
        described!("<TagList><Tag><Key>infra:operation</Key><Value>one</Value></Tag></TagList>"),
    )])
    .await;
    for (operation, expected) in [("one", Some("a".into())), ("two", None)] {
        let found = DbInstance.find(&wire.world, operation, &spec(&json!({})), &Default::default()).await.expect("find");
        assert_eq!(found, expected, "{operation}");
    }
}
