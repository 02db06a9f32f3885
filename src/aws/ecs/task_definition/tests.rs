use infra::resource::{AnyResource as _, Describe as _, Wanted};
use serde_json::{Value as Json, json};

use super::TaskDefinition;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire},
    },
};

/// A task of one container on Fargate, with something changed.
fn fargate(change: impl FnOnce(&mut Json)) -> Json {
    let mut spec = json!({
        "family": "web",
        "requires_compatibilities": ["FARGATE"],
        "network_mode": "awsvpc",
        "cpu": 256,
        "memory": 512,
        "container_definitions": [{ "name": "web", "image": "nginx" }],
    });
    change(&mut spec);
    spec
}

fn container(container: Json) -> Json {
    fargate(|it| {
        it["container_definitions"][0].as_object_mut().expect("an object").extend(container.as_object().expect("an object").clone());
    })
}

#[test]
fn fargate_has_some_sizes_and_no_others() {
    for (cpu, memory, possible) in [
        (256, 512, true),
        (256, 1024, true),
        (256, 1536, false),
        (256, 2048, true),
        (256, 8192, false),
        (512, 512, false),
        (512, 4096, true),
        (1024, 2048, true),
        (1024, 2500, false),
        (2048, 16_384, true),
        (4096, 30_720, true),
        (4096, 31_744, false),
        (8192, 16_384, true),
        (8192, 17_408, false),
        (8192, 20_480, true),
        (16_384, 122_880, true),
        (16_384, 36_864, false),
    ] {
        let spec = fargate(|it| (it["cpu"], it["memory"]) = (cpu.into(), memory.into()));
        let refused = format!("Fargate has no tasks of {cpu} CPU units with {memory} MiB");
        assert_eq!(complaints::<TaskDefinition>(spec), if possible { vec![] } else { vec![refused] });
    }
    assert_eq!(complaints::<TaskDefinition>(fargate(|it| it["cpu"] = 300.into())), ["Fargate has no tasks of 300 CPU units"]);
}

#[test]
fn what_would_never_start_is_refused_before() {
    let without = |property: &str| fargate(|it| drop(it.as_object_mut().expect("an object").remove(property)));
    let logs = |options: Json| json!({ "log_configuration": { "log_driver": "awslogs", "options": options } });
    let all = json!({ "awslogs-group": "/web", "awslogs-region": "eu-central-1", "awslogs-stream-prefix": "web" });
    let second = |other: Json| fargate(|it| it["container_definitions"].as_array_mut().expect("a list").push(other));
    let at = "container_definitions[0]";
    for (spec, expected) in [
        (without("network_mode"), vec!["a task on Fargate has a network interface of its own".to_owned()]),
        (without("memory"), vec!["a task on Fargate without `memory`".into(), format!("{at}: a container without memory")]),
        (fargate(|it| it["network_mode"] = "bridge".into()), vec!["a task on Fargate has a network interface of its own".into()]),
        (container(json!({ "privileged": true })), vec![format!("{at}.privileged: a privileged container on Fargate")]),
        (container(json!({ "essential": false })), vec!["a task without an essential container".into()]),
        (container(json!({ "cpu": 512 })), vec!["containers ask for 512 CPU units of the task's 256".into()]),
        (container(json!({ "memory": 1024 })), vec!["containers ask for 1024 MiB of the task's 512".into()]),
        (
            container(json!({ "memory": 256, "memory_reservation": 300 })),
            vec![format!("{at}.memory_reservation: more memory is kept for the container than it may use")],
        ),
        (
            container(json!({ "log_configuration": { "log_driver": "syslog" } })),
            vec![format!("{at}.log_configuration.log_driver: Fargate has no log driver `syslog`")],
        ),
        (container(logs(all.clone())), vec![format!("{at}: Fargate has no role with which to write its log")]),
        (
            fargate(|it| {
                it["execution_role_arn"] = "arn:aws:iam::123456789012:role/execution".into();
                it["container_definitions"][0]["log_configuration"] = logs(json!({ "awslogs-group": "/web" }))["log_configuration"].clone();
            }),
            vec![
                format!("{at}.log_configuration: the log driver `awslogs` without `awslogs-region`"),
                format!("{at}.log_configuration: the log driver `awslogs` on Fargate without `awslogs-stream-prefix`"),
            ],
        ),
        (
            container(json!({ "image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/web:1" })),
            vec![format!("{at}: Fargate has no role with which to pull its image")],
        ),
        (
            container(json!({ "secrets": { "KEY": "arn:a" }, "environment": { "KEY": "b" } })),
            vec![
                format!("{at}.environment.KEY: `KEY` is in `environment` and in `secrets`"),
                format!("{at}: Fargate has no role with which to read its secrets"),
            ],
        ),
        (
            container(json!({ "mount_points": [{ "source_volume": "data", "container_path": "/data" }] })),
            vec![format!("{at}.mount_points[0].source_volume: there is no volume `data`")],
        ),
        (
            container(json!({ "depends_on": [{ "container_name": "db", "condition": "START" }] })),
            vec![format!("{at}.depends_on[0].container_name: there is no container `db` to wait for")],
        ),
        (second(json!({ "name": "web", "image": "nginx" })), vec!["container_definitions[1].name: a second container named `web`".into()]),
        (
            second(json!({ "name": "side", "image": "nginx", "depends_on": [{ "container_name": "web", "condition": "HEALTHY" }] })),
            vec!["container_definitions[1].depends_on[0].condition: `web` never becomes healthy".into()],
        ),
        (
            second(json!({ "name": "side", "image": "nginx", "depends_on": [{ "container_name": "web", "condition": "SUCCESS" }] })),
            vec!["container_definitions[1].depends_on[0].condition: the task ends when `web` does".into()],
        ),
        (
            container(json!({ "port_mappings": [{ "container_port": 80, "host_port": 8080 }, { "container_port": 80 }] })),
            vec![
                format!("{at}.port_mappings[0].host_port: `host_port` is not the port of the container"),
                format!("{at}.port_mappings[1].container_port: port 80 is `web`'s already"),
            ],
        ),
        (
            fargate(|it| it["volumes"] = json!([{ "name": "data", "host": { "source_path": "/data" } }])),
            vec!["volumes[0].host: a folder of the instance on Fargate".into()],
        ),
        (
            fargate(|it| {
                let access = json!({ "access_point_id": "fsap-1" });
                let efs = json!({ "filesystem_id": "fs-1", "root_directory": "/a", "authorization_config": access });
                it["volumes"] = json!([{ "name": "data", "efs_volume_configuration": efs }]);
            }),
            vec![
                "volumes[0].efs_volume_configuration: `authorization_config` without encryption on the way".into(),
                "volumes[0].efs_volume_configuration.root_directory: `root_directory` beside an access point".into(),
            ],
        ),
        // On instances most of it is possible.
        (
            json!({ "family": "web", "container_definitions": [{ "name": "web", "image": "nginx", "memory": 128, "privileged": true }] }),
            vec![],
        ),
    ] {
        assert_eq!(complaints::<TaskDefinition>(spec.clone()), expected, "{spec:#}");
    }
}

/// As AWS answers where little was written.
const NORMALISED: &str = r#"{"taskDefinition": {
    "taskDefinitionArn": "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7", "family": "web", "revision": 7,
    "status": "ACTIVE", "networkMode": "awsvpc", "cpu": "256", "memory": "512", "requiresCompatibilities": ["FARGATE"],
    "compatibilities": ["EC2", "FARGATE"], "placementConstraints": [],
    "volumes": [{"name": "empty", "host": {}}, {"name": "files", "host": {}, "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/"}}],
    "containerDefinitions": [{
        "name": "web", "image": "nginx", "cpu": 0, "essential": true, "mountPoints": [], "volumesFrom": [], "systemControls": [],
        "portMappings": [{"containerPort": 80, "hostPort": 80, "protocol": "tcp"}],
        "environment": [{"name": "Z", "value": "1"}, {"name": "A", "value": "2"}],
        "secrets": [{"name": "Y", "valueFrom": "arn:y"}, {"name": "B", "valueFrom": "arn:b"}],
        "healthCheck": {"command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3}
    }]
}, "tags": [{"key": "Name", "value": "web"}]}"#;

#[tokio::test]
async fn what_aws_fills_in_is_told_apart_from_what_is_written() {
    let wire = Wire::answering(Answer::Say(200, NORMALISED)).await;
    let id = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7";
    let read = TaskDefinition.read(&wire.world, &[id.into()], &Wanted::default()).await.expect("read");
    let [Some(live)] = &read[..] else { panic!("{read:?}") };
    let expected = json!({
        "family": "web",
        "network_mode": "awsvpc",
        "cpu": 256,
        "memory": 512,
        "requires_compatibilities": ["FARGATE"],
        "volumes": [
            { "name": "empty" },
            { "name": "files", "efs_volume_configuration": {
                "filesystem_id": "fs-1", "root_directory": "/", "transit_encryption": "DISABLED"
            } },
        ],
        "container_definitions": [{
            "name": "web",
            "image": "nginx",
            "essential": true,
            "readonly_root_filesystem": false,
            "privileged": false,
            "port_mappings": [{ "container_port": 80, "host_port": 80, "protocol": "tcp" }],
            "environment": { "A": "2", "Z": "1" },
            "secrets": { "B": "arn:b", "Y": "arn:y" },
            "health_check": { "command": ["CMD", "true"], "interval": 30, "timeout": 5, "retries": 3 },
        }],
        "tags": { "Name": "web" },
    });
    assert_eq!(live.spec, expected);
    assert_eq!(live.outputs, json!({ "id": id, "arn": id, "revision": 7 }));
}

#[tokio::test]
async fn a_deregistered_one_is_gone_and_so_is_one_that_never_was() {
    let inactive = r#"{"taskDefinition": {"taskDefinitionArn": "arn:1", "status": "INACTIVE"}}"#;
    let missing = r#"{"__type": "ClientException", "message": "Unable to describe task definition."}"#;
    for answer in [Answer::Say(200, inactive), Answer::Say(400, missing)] {
        let wire = Wire::answering(answer).await;
        let read = TaskDefinition.read(&wire.world, &["arn:1".into()], &Wanted::default()).await.expect("read");
        assert_eq!(read, [None]);
    }
    let refused = r#"{"__type": "ClientException", "message": "Invalid revision number."}"#;
    let wire = Wire::answering(Answer::Say(400, refused)).await;
    TaskDefinition.read(&wire.world, &["arn:1".into()], &Wanted::default()).await.expect_err("any other refusal is one");
}

#[tokio::test]
async fn a_role_that_is_not_known_yet_passes() {
    let refused = r#"{"__type": "ClientException", "message": "Role is not valid"}"#;
    let wire = Wire::answering(Answer::Say(400, refused)).await;
    let spec = fargate(|_| {});
    let error = TaskDefinition.create(&wire.world, &spec, "token").await.expect_err("refused");
    let passes = |it: &infra::resource::Passing| error.is(&[it.code]) && error.message.contains(it.message);
    assert!(TaskDefinition.facts().passing.iter().any(passes), "{error}");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ecs.task_definition",
        replacements: &[
            "container_definitions: [{ name: app, image: 'nginx:1.29', essential: true }]",
            "family: example-another",
            "memory: 2048",
            "cpu: 1024",
            "execution_role_arn: arn:aws:iam::123456789012:role/another",
            "task_role_arn: arn:aws:iam::123456789012:role/another",
            "runtime_platform: null",
            "ephemeral_storage: null",
            "volumes: [{ name: scratch }]",
            "pid_mode: null",
            "requires_compatibilities: [EC2, FARGATE]",
        ],
        // Fargate has only one, and the emulator gives it to all others.
        untried: &["network_mode"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
