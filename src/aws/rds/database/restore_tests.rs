//! Databases that are made from a snapshot.

use infra::resource::{AnyResource, AnyUpdate, Id, Status, Wanted};
use serde_json::{Value as Json, json};

use super::super::{db_cluster::DbCluster, db_instance::DbInstance};
use crate::aws::{
    Aws,
    conformance::{
        cloud,
        wire::{Answer, Wire},
    },
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn read(resource: &dyn AnyResource<Aws>, world: &Aws, id: &Id) -> infra::resource::AnyLive {
    let mut found = resource.read(world, std::slice::from_ref(id), &Wanted::default()).await.expect("read");
    found.pop().flatten().expect("it is there")
}

/// What the create says in its one call.
async fn said(resource: &dyn AnyResource<Aws>, spec: &Json) -> Vec<String> {
    let wire = Wire::scripted(&[
        ("RestoreDBClusterFromSnapshot", Answer::Xml("<RestoreDBClusterFromSnapshotResult/>")),
        ("RestoreDBInstanceFromDBSnapshot", Answer::Xml("<RestoreDBInstanceFromDBSnapshotResult/>")),
    ])
    .await;
    assert_eq!(resource.create(&wire.world, spec, TOKEN).await.expect("create"), Id::from("a"));
    wire.said(&[
        "SnapshotIdentifier",
        "DBSnapshotIdentifier",
        "DBClusterIdentifier",
        "DBInstanceIdentifier",
        "Engine",
        "EngineVersion",
        "DBInstanceClass",
        "DBSubnetGroupName",
        "AllocatedStorage",
        "BackupRetentionPeriod",
        "KmsKeyId",
        "ManageMasterUserPassword",
        "MasterUsername",
        "MasterUserPassword",
        "StorageEncrypted",
        "DeletionProtection",
        "Tags.Tag.1.Key",
    ])
}

#[tokio::test]
async fn one_call_restores_and_says_only_what_a_restore_takes() {
    let cluster = json!({
        "db_cluster_identifier": "a", "snapshot_identifier": "last", "engine": "aurora-postgresql", "engine_version": "17.6",
        "master_username": "postgres", "master_user_password": "aSecretWord", "storage_encrypted": true, "kms_key_id": "key",
        "db_subnet_group_name": "subnets", "backup_retention_period": 7, "deletion_protection": true, "tags": { "Name": "a" },
    });
    let expected = "RestoreDBClusterFromSnapshot SnapshotIdentifier=last DBClusterIdentifier=a Engine=aurora-postgresql EngineVersion=17.6 \
                    DBSubnetGroupName=subnets KmsKeyId=key DeletionProtection=true Tags.Tag.1.Key=Name";
    assert_eq!(said(&DbCluster, &cluster).await, [expected]);
    let instance = json!({
        "db_instance_identifier": "a", "snapshot_identifier": "last", "engine": "postgres", "engine_version": "17.6",
        "db_instance_class": "db.t4g.micro", "allocated_storage": 30, "max_allocated_storage": 100, "master_username": "postgres",
        "manage_master_user_password": true, "storage_encrypted": true, "db_subnet_group_name": "subnets",
        "backup_retention_period": 7, "tags": { "Name": "a" },
    });
    let expected = "RestoreDBInstanceFromDBSnapshot DBSnapshotIdentifier=last DBInstanceIdentifier=a Engine=postgres \
                    DBInstanceClass=db.t4g.micro DBSubnetGroupName=subnets AllocatedStorage=30 BackupRetentionPeriod=7 \
                    ManageMasterUserPassword=true DeletionProtection=false Tags.Tag.1.Key=Name";
    assert_eq!(said(&DbInstance, &instance).await, [expected]);
}

#[test]
fn a_password_follows_as_no_restore_takes_it() {
    for resource in [&DbCluster as &dyn AnyResource<Aws>, &DbInstance] {
        for (snapshot, expected) in [(json!("last"), &["master_user_password"][..]), (json!(null), &[])] {
            let spec = json!({ "engine": "aurora-postgresql", "db_instance_class": "db.t4g.micro", "snapshot_identifier": snapshot });
            assert_eq!(resource.unset(&spec).expect("a spec"), expected, "{}", resource.name());
        }
    }
}

/// What is restored has the data and the first user of what was deleted, and becomes what is written.
async fn restores(resource: &dyn AnyResource<Aws>, name: &str, mut spec: Json) {
    let world = cloud().await;
    let property = if resource.name() == "rds.db_cluster" { "db_cluster_identifier" } else { "db_instance_identifier" };
    spec[property] = json!(name);
    spec["master_username"] = json!("postgres");
    spec["master_user_password"] = json!("aSecretWord");
    let snapshot = format!("{name}-last");
    spec["final_db_snapshot_identifier"] = json!(snapshot);
    let first = resource.create(&world, &spec, TOKEN).await.expect("create");
    resource.delete(&world, &first, &spec).await.expect("delete, with a last snapshot");

    let (before, of) = (spec.clone(), format!("{name}-restored"));
    spec[property] = json!(of);
    spec["snapshot_identifier"] = json!(snapshot);
    spec["skip_final_snapshot"] = json!(true);
    for option in ["final_db_snapshot_identifier", "master_username", "master_user_password"] {
        spec.as_object_mut().expect("an object").remove(option);
    }
    let id = resource.create(&world, &spec, TOKEN).await.expect("restore");
    assert_eq!(id, Id::from(of.as_str()));
    let live = read(resource, &world, &id).await;
    assert_eq!(live.status, Status::Ready);
    assert_eq!((&live.spec["master_username"], &live.spec["engine"]), (&json!("postgres"), &before["engine"]));
    // All else follows.
    let mut to = live.spec.clone();
    to["backup_retention_period"] = json!(14);
    let changed = ["backup_retention_period".to_owned()].into();
    resource.update(&world, AnyUpdate { id: &id, from: &live.spec, to: &to, changed: &changed }).await.expect("update");
    assert_eq!(read(resource, &world, &id).await.spec["backup_retention_period"], 14);
    resource.delete(&world, &id, &spec).await.expect("delete");
}

#[tokio::test]
async fn a_cluster_comes_back_from_its_last_snapshot() {
    restores(&DbCluster, "came-back", json!({ "engine": "aurora-postgresql", "engine_version": "17.6" })).await;
}

#[tokio::test]
async fn an_instance_comes_back_from_its_last_snapshot() {
    let spec = json!({ "engine": "postgres", "engine_version": "17.6", "db_instance_class": "db.t4g.micro", "allocated_storage": 20 });
    restores(&DbInstance, "came-back-alone", spec).await;
}
