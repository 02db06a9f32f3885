use infra::{
    plan::{Note, Reason},
    resource::{AnyResource as _, AnyUpdate, Status, Wanted},
};
use serde_json::{Value as Json, json};

use super::{
    super::database::testing::{apply, ours},
    DbCluster,
};
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Script, Wire, refused},
    },
};

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "rds.db_cluster",
        extra: "
other:
  ec2.security_group:
    group_name: another-database
    vpc_id: ${vpc.id}
others:
  rds.db_subnet_group:
    db_subnet_group_name: another-cluster
    subnet_ids: ['${one.id}', '${two.id}']
more:
  rds.db_cluster_parameter_group:
    db_cluster_parameter_group_name: another-cluster
    family: aurora-postgresql17
",
        changes: &[
            "engine_version: '17.7'",
            "vpc_security_group_ids: ['${other.id}']",
            "db_cluster_parameter_group_name: ${more.id}",
            "db_port_number: 5433",
            "serverless_v2_scaling_configuration: { min_capacity: 0, max_capacity: 4, seconds_until_auto_pause: 600 }",
            "backup_retention_period: 14",
            "preferred_backup_window: 05:00-05:30",
            "preferred_maintenance_window: mon:06:00-mon:07:00",
            "copy_tags_to_snapshot: false",
            "deletion_protection: true",
            "deletion_protection: false",
        ],
        replacements: &[
            "db_cluster_identifier: another-cluster",
            "database_name: another",
            "master_username: somebody",
            "db_subnet_group_name: ${others.id}",
            "storage_encrypted: false",
        ],
        untried: &[
            // No version is one of both engines; that another one is another cluster has a test of its own.
            "engine",
            // There is one mode only.
            "engine_mode",
            // Each way of having a password excludes the other; both have a test of their own.
            "master_user_password",
            "manage_master_user_password",
            "master_user_secret_kms_key_id",
            // A key needs encryption, which the last replacement turns off.
            "kms_key_id",
            // The emulator keeps none of these, or only from the create on.
            "storage_type",
            "enable_cloudwatch_logs_exports",
            "enable_iam_database_authentication",
            "enable_http_endpoint",
            "network_type",
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

#[test]
fn what_aws_would_refuse_is_said_before() {
    let good = json!({ "master_username": "postgres", "manage_master_user_password": true });
    let with = |more: Json| {
        let mut spec = good.clone();
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        spec
    };
    let scaling = |min: f64, max: f64| json!({ "serverless_v2_scaling_configuration": { "min_capacity": min, "max_capacity": max } });
    for (spec, expected) in [
        (good.clone(), vec![]),
        (with(scaling(0.5, 2.0)), vec![]),
        (with(scaling(0.0, 0.5)), vec![]),
        (with(scaling(2.0, 1.0)), vec!["serverless_v2_scaling_configuration.max_capacity: the most is less than the least"]),
        (with(scaling(0.7, 1.0)), vec!["serverless_v2_scaling_configuration.min_capacity: a capacity between two steps"]),
        (
            with(
                json!({ "serverless_v2_scaling_configuration": { "min_capacity": 1, "max_capacity": 2, "seconds_until_auto_pause": 300 } }),
            ),
            vec!["serverless_v2_scaling_configuration.seconds_until_auto_pause: a cluster that cannot pause"],
        ),
        (
            with(json!({ "engine": "aurora-postgresql", "engine_version": "8.0.mysql_aurora.3.08.0" })),
            vec!["`8.0.mysql_aurora.3.08.0` is no version of aurora-postgresql"],
        ),
        (
            with(json!({ "engine": "aurora-mysql", "enable_cloudwatch_logs_exports": ["slow"] })),
            vec!["enable_cloudwatch_logs_exports[0]: aurora-mysql has no log `slow`"],
        ),
        (with(json!({ "db_cluster_identifier": "HR-chatbot" })), vec!["a name with capital letters"]),
        (with(json!({ "master_user_password": "a secret word" })), vec!["both a password and one that RDS manages"]),
        (
            json!({ "master_username": "postgres", "master_user_password": "aSecretWord", "master_user_secret_kms_key_id": "arn:aws:kms:a" }),
            vec!["a key for a secret that RDS does not manage"],
        ),
        (json!({}), vec!["no password for the master user", "no name for the master user"]),
        (json!({ "snapshot_identifier": "last" }), vec![]),
        (with(json!({ "kms_key_id": "arn:aws:kms:a" })), vec!["a key without encryption"]),
        (with(json!({ "kms_key_id": "alias/a", "storage_encrypted": true })), vec!["not the ARN of a key"]),
        (
            with(json!({ "skip_final_snapshot": true, "final_db_snapshot_identifier": "last" })),
            vec!["a name for a snapshot that is not made"],
        ),
        (
            with(json!({ "preferred_backup_window": "03:00-03:30", "preferred_maintenance_window": "sun:03:00-sun:04:00" })),
            vec!["maintenance during the time of the backups"],
        ),
    ] {
        assert_eq!(complaints::<DbCluster>(spec.clone()), expected, "{spec}");
    }
}

/// One cluster as `DescribeDBClusters` answers.
macro_rules! described {
    ($($inner:expr),+) => {
        Answer::Xml(concat!(
            "<DescribeDBClustersResult><DBClusters><DBCluster><DBClusterIdentifier>a</DBClusterIdentifier>\
             <DBClusterArn>arn:aws:rds:eu-central-1:123456789012:cluster:a</DBClusterArn><Engine>aurora-postgresql</Engine>\
             <ClusterCreateTime>2026-01-02T03:04:05.678Z</ClusterCreateTime>",
            $($inner,)+
            "</DBCluster></DBClusters></DescribeDBClustersResult>"
        ))
    };
}

fn spec(more: Json) -> Json {
    let mut spec = json!({ "db_cluster_identifier": "a", "engine": "aurora-postgresql" });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

async fn read(script: Script) -> infra::resource::AnyLive {
    let wire = Wire::scripted(script).await;
    let found = DbCluster.read(&wire.world, &["a".into()], &Wanted::default()).await.expect("read");
    found.into_iter().next().flatten().expect("it is there")
}

#[tokio::test]
async fn available_is_not_all_there_is_to_wait_for() {
    let scripts: [(Script, Status); 8] = [
        (&[("DescribeDBClusters", described!("<Status>available</Status>"))], Status::Ready),
        (&[("DescribeDBClusters", described!("<Status>upgrading</Status>"))], Status::Pending("upgrading".into())),
        (&[("DescribeDBClusters", described!("<Status>migration-failed</Status>"))], Status::Failed("migration-failed".into())),
        (
            &[(
                "DescribeDBClusters",
                described!(
                    "<Status>available</Status><PendingModifiedValues><MasterUserPassword>****</MasterUserPassword>\
                     <EngineVersion>17.7</EngineVersion></PendingModifiedValues>"
                ),
            )],
            Status::Pending("pending: engine_version, master_user_password".into()),
        ),
        (
            &[(
                "DescribeDBClusters",
                described!(
                    "<Status>available</Status><MasterUserSecret><SecretArn>arn:s</SecretArn><SecretStatus>creating</SecretStatus>\
                     </MasterUserSecret>"
                ),
            )],
            Status::Ready,
        ),
        (
            &[(
                "DescribeDBClusters",
                described!(
                    "<Status>available</Status><MasterUserSecret><SecretArn>arn:s</SecretArn><SecretStatus>creating</SecretStatus>\
                     </MasterUserSecret><DBClusterMembers><DBClusterMember><DBInstanceIdentifier>b</DBInstanceIdentifier>\
                     </DBClusterMember></DBClusterMembers>"
                ),
            )],
            Status::Pending("secret of the master user: creating".into()),
        ),
        (
            &[(
                "DescribeDBClusters",
                described!(
                    "<Status>available</Status><VpcSecurityGroups><VpcSecurityGroupMembership>\
                     <VpcSecurityGroupId>sg-1</VpcSecurityGroupId><Status>adding</Status></VpcSecurityGroupMembership></VpcSecurityGroups>"
                ),
            )],
            Status::Pending("security group sg-1: adding".into()),
        ),
        (
            &[(
                "DescribeDBClusters",
                described!("<Status>available</Status><LocalWriteForwardingStatus>enabling</LocalWriteForwardingStatus>"),
            )],
            Status::Pending("write forwarding changes".into()),
        ),
    ];
    for (script, expected) in scripts {
        assert_eq!(read(script).await.status, expected, "{:?}", script[0].0);
    }
}

#[tokio::test]
async fn what_waits_for_the_window_is_no_difference() {
    let live = read(&[(
        "DescribeDBClusters",
        described!(
            "<Status>available</Status><EngineVersion>17.6</EngineVersion><BackupRetentionPeriod>7</BackupRetentionPeriod>\
             <PendingModifiedValues><EngineVersion>17.7</EngineVersion><BackupRetentionPeriod>30</BackupRetentionPeriod>\
             <IAMDatabaseAuthenticationEnabled>true</IAMDatabaseAuthenticationEnabled><PendingCloudwatchLogsExports>\
             <LogTypesToEnable><member>postgresql</member></LogTypesToEnable></PendingCloudwatchLogsExports></PendingModifiedValues>"
        ),
    )])
    .await;
    assert_eq!(live.spec["engine_version"], "17.7");
    assert_eq!(live.spec["backup_retention_period"], 30);
    assert_eq!(live.spec["enable_iam_database_authentication"], true);
    assert_eq!(live.spec["enable_cloudwatch_logs_exports"], json!(["postgresql"]));
    let settled = |more: Json| DbCluster.settled(&spec(more), &live);
    assert_eq!(settled(json!({ "apply_immediately": false })), Status::Ready);
    assert_eq!(settled(json!({})), live.status);
}

#[tokio::test]
async fn an_apply_waits_for_what_is_pending_only_where_it_is_to_be_done_at_once() {
    let script: Script = &[(
        "DescribeDBClusters",
        described!(
            "<Status>available</Status><EngineVersion>17.6</EngineVersion>\
             <PendingModifiedValues><EngineVersion>17.7</EngineVersion></PendingModifiedValues>",
            ours!()
        ),
    )];
    for (apply_immediately, updated) in [(false, 1), (true, 0)] {
        let with =
            |skip: bool| spec(json!({ "engine_version": "17.7", "apply_immediately": apply_immediately, "skip_final_snapshot": skip }));
        let applied = apply(script, "rds.db_cluster", &with(false), &with(true)).await;
        assert_eq!((applied.updated, applied.waited), (updated, vec!["pending: engine_version".to_owned()]));
        let waiting = Note::Waiting { address: "database".into(), properties: vec!["engine_version".into()] };
        assert_eq!(applied.plan.notes, [waiting]);
    }
}

#[tokio::test]
async fn another_engine_is_another_cluster() {
    let script: Script = &[("DescribeDBClusters", described!("<Status>available</Status>", ours!()))];
    let applied = apply(script, "rds.db_cluster", &spec(json!({})), &spec(json!({ "engine": "aurora-mysql" }))).await;
    let [step] = &applied.plan.steps[..] else { panic!("{:?}", applied.plan) };
    assert_eq!(step.reason, Some(Reason::Immutable { properties: vec!["engine".into()] }));
}

#[tokio::test]
async fn a_minor_version_that_was_installed_by_itself_is_no_difference() {
    let script: Script = &[
        ("DescribeDBClusters", described!("<Status>available</Status><EngineVersion>17.7</EngineVersion>", ours!())),
        ("ModifyDBCluster", refused!("InvalidParameterCombination", "Cannot upgrade from 17.7 to 17.5")),
    ];
    let of = |version: &str| spec(json!({ "engine_version": version }));
    for (before, after, expected) in [("17.6", "17.6", vec![]), ("17.5", "17.6", vec![]), ("17.6", "17.5", vec!["engine_version: File"])] {
        let applied = apply(script, "rds.db_cluster", &of(before), &of(after)).await;
        assert_eq!(applied.changes(), expected, "{before} {after}");
        assert_eq!(applied.failed.len(), expected.len(), "{:?}", applied.failed);
    }
}

#[tokio::test]
async fn its_endpoint_is_there_before_it_can_be_used() {
    let live = read(&[(
        "DescribeDBClusters",
        described!("<Status>creating</Status><Endpoint>a.cluster-1.rds</Endpoint><ReaderEndpoint>a.ro</ReaderEndpoint><Port>5432</Port>"),
    )])
    .await;
    assert_eq!(live.status, Status::Pending("creating".into()));
    assert_eq!((&live.outputs["endpoint"], &live.outputs["port"]), (&json!("a.cluster-1.rds"), &json!(5432)));
}

async fn update(script: Script, from: Json, to: Json, changed: &[&str], parameters: &[&str]) -> Vec<String> {
    let wire = Wire::scripted(script).await;
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    let (from, to) = (spec(from), spec(to));
    DbCluster.update(&wire.world, AnyUpdate { id: &"a".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    wire.said(parameters)
}

const MODIFIES: Script = &[
    ("ModifyDBCluster", Answer::Xml("<ModifyDBClusterResult/>")),
    (
        "DescribeDBClusters",
        described!("<Status>available</Status><PendingModifiedValues><EngineVersion>17.7</EngineVersion></PendingModifiedValues>"),
    ),
    ("EnableHttpEndpoint", Answer::Xml("<EnableHttpEndpointResult/>")),
    ("DisableHttpEndpoint", Answer::Xml("<DisableHttpEndpointResult/>")),
];

#[tokio::test]
async fn all_changes_are_one_call() {
    let said = update(
        MODIFIES,
        json!({ "engine_version": "16.4", "enable_cloudwatch_logs_exports": ["error", "audit"] }),
        json!({
            "engine_version": "17",
            "allow_major_version_upgrade": true,
            "enable_cloudwatch_logs_exports": ["audit", "general"],
            "enable_iam_database_authentication": true,
            "storage_type": "aurora-iopt1",
            "network_type": "DUAL",
        }),
        &["engine_version", "enable_cloudwatch_logs_exports", "enable_iam_database_authentication", "storage_type", "network_type"],
        &[
            "ApplyImmediately",
            "EngineVersion",
            "AllowMajorVersionUpgrade",
            "CloudwatchLogsExportConfiguration.EnableLogTypes.member.1",
            "CloudwatchLogsExportConfiguration.DisableLogTypes.member.1",
            "EnableIAMDatabaseAuthentication",
            "StorageType",
            "NetworkType",
            "BackupRetentionPeriod",
        ],
    )
    .await;
    let expected = "ModifyDBCluster ApplyImmediately=true EngineVersion=17 AllowMajorVersionUpgrade=true \
                    CloudwatchLogsExportConfiguration.EnableLogTypes.member.1=general \
                    CloudwatchLogsExportConfiguration.DisableLogTypes.member.1=error EnableIAMDatabaseAuthentication=true \
                    StorageType=aurora-iopt1 NetworkType=DUAL";
    assert_eq!(said, [expected]);
}

#[tokio::test]
async fn what_only_a_delete_goes_by_is_not_sent() {
    let options = ["skip_final_snapshot", "final_db_snapshot_identifier", "delete_automated_backups"];
    let said = update(&[], json!({}), json!({ "skip_final_snapshot": true }), &options, &[]).await;
    assert_eq!(said, [""; 0]);
}

#[tokio::test]
async fn a_version_that_waits_for_the_window_is_sent_again() {
    let to = json!({ "backup_retention_period": 30, "apply_immediately": false });
    let said = update(MODIFIES, json!({}), to, &["backup_retention_period"], &["ApplyImmediately", "EngineVersion"]).await;
    assert_eq!(said, ["DescribeDBClusters", "ModifyDBCluster ApplyImmediately=false EngineVersion=17.7"]);
}

#[tokio::test]
async fn what_waits_for_the_window_is_made_at_once_when_it_may_be() {
    let calls = ["ApplyImmediately", "EngineVersion", "AllowMajorVersionUpgrade"];
    let said = update(MODIFIES, json!({}), json!({ "apply_immediately": true }), &["apply_immediately"], &calls).await;
    assert_eq!(said, ["DescribeDBClusters", "DescribeDBClusters", "ModifyDBCluster ApplyImmediately=true EngineVersion=17.7"]);
    let said = update(MODIFIES, json!({}), json!({ "apply_immediately": false }), &["apply_immediately"], &calls).await;
    assert_eq!(said, [""; 0]);
    let major = json!({ "apply_immediately": true, "allow_major_version_upgrade": true });
    let said = update(MODIFIES, json!({}), major, &["apply_immediately"], &calls).await;
    let expected = "ModifyDBCluster ApplyImmediately=true EngineVersion=17.7 AllowMajorVersionUpgrade=true";
    assert_eq!(said, ["DescribeDBClusters", "DescribeDBClusters", expected]);
}

#[tokio::test]
async fn a_password_is_changed_or_given_over() {
    let parameters = ["MasterUserPassword", "ManageMasterUserPassword", "MasterUserSecretKmsKeyId"];
    for (from, to, changed, expected) in [
        (json!({}), json!({ "master_user_password": "aSecretWord" }), "master_user_password", " MasterUserPassword=aSecretWord"),
        (
            json!({}),
            json!({ "manage_master_user_password": true, "master_user_secret_kms_key_id": "key" }),
            "manage_master_user_password",
            " ManageMasterUserPassword=true MasterUserSecretKmsKeyId=key",
        ),
        (
            json!({ "manage_master_user_password": true }),
            json!({ "master_user_password": "aSecretWord" }),
            "manage_master_user_password",
            " MasterUserPassword=aSecretWord ManageMasterUserPassword=false",
        ),
    ] {
        assert_eq!(update(MODIFIES, from, to, &[changed], &parameters).await, [format!("ModifyDBCluster{expected}")]);
    }
}

#[tokio::test]
async fn the_data_api_has_calls_of_its_own() {
    for (on, call) in [(true, "EnableHttpEndpoint"), (false, "DisableHttpEndpoint")] {
        let (from, to) = (json!({ "enable_http_endpoint": !on }), json!({ "enable_http_endpoint": on }));
        let said = update(MODIFIES, from, to, &["enable_http_endpoint"], &["ResourceArn"]).await;
        let arn = "arn%3Aaws%3Ards%3Aeu-central-1%3A123456789012%3Acluster%3Aa";
        assert_eq!(said, ["DescribeDBClusters".to_owned(), format!("{call} ResourceArn={arn}")]);
    }
}

async fn delete(script: Script, options: Json) -> (Result<(), String>, Vec<String>) {
    let wire = Wire::scripted(script).await;
    let done = DbCluster.delete(&wire.world, &"a".into(), &spec(options)).await;
    let parameters = ["SkipFinalSnapshot", "FinalDBSnapshotIdentifier", "DeleteAutomatedBackups", "DeletionProtection", "ApplyImmediately"];
    (done.map_err(|it| it.to_string()), wire.said(&parameters))
}

const DELETES: Script =
    &[("DescribeDBClusters", described!("<Status>available</Status>")), ("DeleteDBCluster", Answer::Xml("<DeleteDBClusterResult/>"))];

#[tokio::test]
async fn a_last_snapshot_is_made_unless_told_otherwise() {
    for (options, expected) in [
        (json!({}), "SkipFinalSnapshot=false FinalDBSnapshotIdentifier=a-final-20260102030405678 DeleteAutomatedBackups=true"),
        (
            json!({ "final_db_snapshot_identifier": "last", "delete_automated_backups": false }),
            "SkipFinalSnapshot=false FinalDBSnapshotIdentifier=last DeleteAutomatedBackups=false",
        ),
        (json!({ "skip_final_snapshot": true }), "SkipFinalSnapshot=true DeleteAutomatedBackups=true"),
    ] {
        let (done, said) = delete(DELETES, options).await;
        assert_eq!((done, said), (Ok(()), vec!["DescribeDBClusters".to_owned(), format!("DeleteDBCluster {expected}")]));
    }
}

#[tokio::test]
async fn a_delete_that_is_repeated_makes_no_second_snapshot() {
    let (done, said) = delete(&[("DescribeDBClusters", described!("<Status>deleting</Status>"))], json!({})).await;
    assert_eq!((done, said), (Ok(()), vec!["DescribeDBClusters".to_owned()]));
    let racing: Script = &[
        ("DescribeDBClusters", described!("<Status>available</Status>")),
        ("DeleteDBCluster", refused!("InvalidDBClusterStateFault", "Cluster a is already being deleted.")),
    ];
    assert_eq!(delete(racing, json!({})).await.0, Ok(()));
    let gone: Script = &[("DescribeDBClusters", refused!("DBClusterNotFoundFault", "DBCluster a not found."))];
    assert_eq!(delete(gone, json!({})).await.0, Ok(()));
}

#[tokio::test]
async fn protection_is_taken_off_only_where_the_file_does_not_ask_for_it() {
    let protected: Script = &[
        ("DescribeDBClusters", described!("<Status>available</Status><DeletionProtection>true</DeletionProtection>")),
        ("ModifyDBCluster", Answer::Xml("<ModifyDBClusterResult/>")),
        ("DeleteDBCluster", refused!("InvalidDBClusterStateFault", "DB Cluster is not currently in the available state.")),
    ];
    let (done, said) = delete(protected, json!({ "deletion_protection": true })).await;
    assert!(done.expect_err("a refusal").contains("`deletion_protection: true`: write `false` and apply that first"));
    assert_eq!(said, ["DescribeDBClusters"]);
    // The change takes its time: the delete that comes too early is one that the engine repeats.
    let (done, said) = delete(protected, json!({})).await;
    assert!(done.expect_err("a refusal that passes").contains("InvalidDBClusterStateFault"));
    assert_eq!(said[..2], ["DescribeDBClusters", "ModifyDBCluster DeletionProtection=false ApplyImmediately=true"]);
    use infra::resource::{During, Resource as _};
    let passing = DbCluster::FACTS.passing.iter().filter(|it| it.during == During::Delete && it.code == "InvalidDBClusterStateFault");
    assert!(passing.into_iter().any(|it| "DB Cluster is not currently in the available state.".contains(it.message)));
}

#[tokio::test]
async fn a_filter_that_is_refused_gives_way_to_a_look_at_all() {
    // A filter that names one that is not there is refused; the answer to the second question is the script's only one.
    let wire = Wire::scripted(&[("DescribeDBClusters", refused!("DBClusterNotFoundFault", "DBCluster b not found."))]).await;
    DbCluster.read(&wire.world, &["a".into(), "b".into()], &Wanted::default()).await.expect_err("the script refuses twice");
    assert_eq!(
        wire.said(&["Filters.Filter.1.Name", "Filters.Filter.1.Values.Value.2", "MaxRecords"]),
        ["DescribeDBClusters Filters.Filter.1.Name=db-cluster-id Filters.Filter.1.Values.Value.2=b", "DescribeDBClusters MaxRecords=100"]
    );
}

#[tokio::test]
async fn what_an_interrupted_create_made_is_told_by_its_operation() {
    let wire =
        Wire::scripted(&[("DescribeDBClusters", described!("<TagList><Tag><Key>infra:operation</Key><Value>one</Value></Tag></TagList>"))])
            .await;
    for (operation, expected) in [("one", Some("a".into())), ("two", None)] {
        let found = DbCluster.find(&wire.world, operation, &spec(json!({})), &Default::default()).await.expect("find");
        assert_eq!(found, expected, "{operation}");
    }
}
