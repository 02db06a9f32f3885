use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service as Described, ServiceEvent};
use infra::resource::{AnyLive, AnyResource as _, AnyUpdate, Describe as _, Id, Status, Wanted};
use serde_json::{Value as Json, json};

use super::{Service, steady};
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire},
    },
};

const NEW: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:8";
const OLD: &str = "arn:aws:ecs:eu-central-1:123456789012:task-definition/web:7";

fn deployment(definition: &str, state: DeploymentRolloutState, reason: &str) -> Deployment {
    Deployment::builder()
        .status("PRIMARY")
        .task_definition(definition)
        .rollout_state(state)
        .rollout_state_reason(reason)
        .desired_count(2)
        .running_count(1)
        .failed_tasks(3)
        .build()
}

fn described(definition: &str, running: i32, deployment: Deployment) -> Described {
    Described::builder()
        .status("ACTIVE")
        .task_definition(definition)
        .desired_count(2)
        .running_count(running)
        .deployments(deployment)
        .events(ServiceEvent::builder().message("(service web) has started 1 tasks").build())
        .build()
}

#[test]
fn the_deployment_itself_says_when_it_is_through() {
    use DeploymentRolloutState::{Completed, Failed, InProgress};
    let pending = |text: &str| Status::Pending(text.into());
    let progress = "1 of 2 tasks run; 3 failed; (service web) has started 1 tasks";
    let done = "ECS deployment ecs-svc/1 completed.";
    let back = "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.";
    let failed = "ECS deployment circuit breaker: tasks failed to start.";
    for (it, expected) in [
        (described(NEW, 2, deployment(NEW, Completed, done)), Status::Ready),
        // The right number of tasks, and the old ones.
        (described(NEW, 2, deployment(NEW, InProgress, "in progress")), pending(progress)),
        (described(NEW, 2, deployment(OLD, Completed, done)), pending(progress)),
        // Through, and one has stopped since.
        (described(NEW, 1, deployment(NEW, Completed, done)), pending(progress)),
        (
            described(NEW, 2, deployment(NEW, Failed, failed)),
            Status::Failed(format!("{failed}; (service web) has started 1 tasks; container `web` exited with 1")),
        ),
        (
            described(OLD, 2, deployment(OLD, InProgress, back)),
            Status::Failed(format!("{back}; (service web) has started 1 tasks; container `web` exited with 1")),
        ),
    ] {
        assert_eq!(steady::status(&it, &["container `web` exited with 1".to_owned()], false), expected);
    }
}

#[test]
fn only_the_local_cloud_is_believed_without_running_tasks() {
    use DeploymentRolloutState::{Failed, InProgress};
    let idle = described(NEW, 0, deployment(OLD, InProgress, "in progress"));
    assert_eq!(steady::status(&idle, &[], true), Status::Ready);
    assert!(matches!(steady::status(&idle, &[], false), Status::Pending(_)));
    let failed = described(NEW, 0, deployment(NEW, Failed, "failed"));
    assert!(matches!(steady::status(&failed, &[], true), Status::Failed(_)));
    let draining = Described::builder().status("DRAINING").running_count(2).build();
    assert_eq!(steady::status(&draining, &[], true), Status::Deleting("DRAINING: 2 tasks still run".into()));
}

#[test]
fn what_went_back_to_the_old_version_has_failed_and_who_does_not_wait_is_done() {
    let spec = |definition: &str, wait: Option<bool>| json!({ "cluster": "a", "service_name": "web", "task_definition": definition, "wait_for_steady_state": wait });
    let pending = || Status::Pending("1 of 2 tasks run".into());
    for (wanted, runs, status, expected) in [
        (spec(NEW, None), NEW, Status::Ready, Status::Ready),
        (spec(NEW, None), OLD, Status::Ready, Status::Failed("ECS went back to `web:7`".into())),
        (spec(NEW, Some(false)), OLD, pending(), Status::Failed("ECS went back to `web:7`: 1 of 2 tasks run".into())),
        (spec(NEW, None), NEW, pending(), pending()),
        (spec(NEW, Some(true)), NEW, pending(), pending()),
        (spec(NEW, Some(false)), NEW, pending(), Status::Ready),
        (spec(NEW, Some(false)), NEW, Status::Failed("broken".into()), Status::Failed("broken".into())),
    ] {
        let live = AnyLive { spec: spec(runs, None), outputs: json!({}), status };
        assert_eq!(Service.settled(&wanted, &live), expected, "{wanted}");
    }
}

#[tokio::test]
async fn a_failure_says_what_the_tasks_said_at_last() {
    let wire = Wire::scripted(&[
        (
            "DescribeServices",
            Answer::Say(
                200,
                r#"{"services": [{
                    "clusterArn": "arn:aws:ecs:eu-central-1:123456789012:cluster/a", "serviceName": "web", "status": "ACTIVE",
                    "taskDefinition": "td:8", "desiredCount": 1, "runningCount": 0, "pendingCount": 0,
                    "deployments": [{"status": "PRIMARY", "taskDefinition": "td:8", "rolloutState": "FAILED",
                        "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start."}],
                    "events": [{"message": "(service web) deployment failed: tasks failed to start."}]
                }]}"#,
            ),
        ),
        ("ListTasks", Answer::Say(200, r#"{"taskArns": ["t1", "t2"]}"#)),
        (
            "DescribeTasks",
            Answer::Say(
                200,
                r#"{"tasks": [
                    {"taskDefinitionArn": "x/web:8", "stoppedReason": "Essential container in task exited",
                        "containers": [{"name": "web", "exitCode": 1}]},
                    {"taskDefinitionArn": "x/web:8", "stoppedReason": "Essential container in task exited",
                        "containers": [{"name": "web", "reason": "CannotPullContainerError: not found"}]}
                ]}"#,
            ),
        ),
    ])
    .await;
    let read = Service.read(&wire.world, &["a/web".into()], &Wanted::default()).await.expect("read");
    let Some(AnyLive { status: Status::Failed(why), .. }) = &read[0] else { panic!("{read:?}") };
    let expected = [
        "ECS deployment circuit breaker: tasks failed to start.",
        "(service web) deployment failed: tasks failed to start.",
        "a task of `web:8` stopped: Essential container in task exited",
        "container `web` exited with 1",
        "container `web`: CannotPullContainerError: not found",
    ];
    assert_eq!(*why, expected.join("; "));
    assert_eq!(wire.sent()[1].1["desiredStatus"], "STOPPED");

    // A failure remains one where nobody may look at the tasks.
    let denied = Wire::scripted(&[
        (
            "DescribeServices",
            Answer::Say(
                200,
                r#"{"services": [{"clusterArn": "x/a", "serviceName": "web", "status": "ACTIVE",
                    "deployments": [{"status": "PRIMARY", "rolloutState": "FAILED"}]}]}"#,
            ),
        ),
        ("ListTasks", Answer::Say(400, r#"{"__type": "AccessDeniedException", "message": "no"}"#)),
    ])
    .await;
    let read = Service.read(&denied.world, &["a/web".into()], &Wanted::default()).await.expect("read");
    assert_eq!(read[0].as_ref().map(|it| it.status.clone()), Some(Status::Failed("the deployment failed".into())));
}

#[tokio::test]
async fn many_are_read_at_once_and_a_cluster_that_is_gone_has_none() {
    let wire = Wire::answering(Answer::Say(200, r#"{"services": []}"#)).await;
    let ids: Vec<Id> = (0..12).map(|n| Id(format!("a/s{n}"))).chain(["b/s".into(), "no id".into()]).collect();
    let read = Service.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    assert!(read.len() == 14 && read.iter().all(Option::is_none));
    let mut asked: Vec<_> =
        wire.sent().into_iter().map(|(_, it)| (it["cluster"].clone(), it["services"].as_array().map(Vec::len))).collect();
    asked.sort_by_key(|it| format!("{it:?}"));
    let expected: Vec<(Json, _)> = [("a", 10), ("a", 2), ("b", 1)].map(|(cluster, n)| (json!(cluster), Some(n))).into();
    assert_eq!(asked, expected);
    assert!(wire.sent().iter().all(|(_, it)| it["include"] == json!(["TAGS"])));

    let gone = r#"{"__type": "ClusterNotFoundException", "message": "Cluster not found."}"#;
    let wire = Wire::answering(Answer::Say(400, gone)).await;
    assert_eq!(Service.read(&wire.world, &["a/s".into()], &Wanted::default()).await.expect("read"), [None]);

    let inactive = r#"{"services": [{"clusterArn": "x/a", "serviceName": "s", "status": "INACTIVE"}]}"#;
    let wire = Wire::answering(Answer::Say(200, inactive)).await;
    assert_eq!(Service.read(&wire.world, &["a/s".into()], &Wanted::default()).await.expect("read"), [None]);
}

fn spec(change: impl FnOnce(&mut Json)) -> Json {
    let mut spec = json!({ "cluster": "a", "service_name": "web", "task_definition": OLD, "desired_count": 2 });
    change(&mut spec);
    spec
}

async fn updated(changed: &[&str], change: impl FnOnce(&mut Json)) -> Vec<(String, Json)> {
    let wire = Wire::answering(Answer::Say(200, "{}")).await;
    let (from, to) = (spec(|_| {}), spec(change));
    let changed = changed.iter().map(|it| (*it).to_owned()).collect();
    let update = AnyUpdate { id: &"a/web".into(), from: &from, to: &to, changed: &changed };
    Service.update(&wire.world, update).await.expect("update");
    wire.sent()
}

#[tokio::test]
async fn an_update_sends_what_changes_and_nothing_else() {
    let call = |more: Json| {
        let mut whole = json!({ "cluster": "a", "service": "web" });
        whole.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        vec![("UpdateService".to_owned(), whole)]
    };
    let sent = updated(&["task_definition"], |it| it["task_definition"] = NEW.into()).await;
    assert_eq!(sent, call(json!({ "taskDefinition": NEW })), "a new version");
    let sent = updated(&["load_balancers", "capacity_provider_strategy"], |_| {}).await;
    let expected = json!({ "loadBalancers": [], "capacityProviderStrategy": [], "forceNewDeployment": true });
    assert_eq!(sent, call(expected), "what is removed is said to be none");
    let sent = updated(&["deployment_configuration"], |it| it["deployment_configuration"] = json!({ "minimum_healthy_percent": 50 })).await;
    let breaker = json!({ "enable": false, "rollback": false });
    let expected = json!({ "maximumPercent": 200, "minimumHealthyPercent": 50, "deploymentCircuitBreaker": breaker });
    assert_eq!(sent, call(json!({ "deploymentConfiguration": expected })), "what is left out is as AWS has it");
    let nonce = "force_new_deployment_nonce";
    let sent = updated(&[nonce], |it| it[nonce] = "2".into()).await;
    assert_eq!(sent, call(json!({ "forceNewDeployment": true })), "asked for");
    assert_eq!(updated(&[nonce], |_| {}).await, vec![], "no longer asked for");
    assert_eq!(updated(&["wait_for_steady_state"], |it| it["wait_for_steady_state"] = false.into()).await, vec![]);
    assert_eq!(updated(&[], |_| {}).await, call(json!({ "forceNewDeployment": true })), "what failed is tried again");
}

#[tokio::test]
async fn it_is_emptied_before_it_goes_unless_it_is_a_daemon() {
    for (spec, expected) in [
        (spec(|_| {}), vec!["UpdateService", "DeleteService"]),
        (spec(|it| it["scheduling_strategy"] = "DAEMON".into()), vec!["DeleteService"]),
    ] {
        let wire = Wire::answering(Answer::Say(200, "{}")).await;
        Service.delete(&wire.world, &"a/web".into(), &spec).await.expect("delete");
        let sent = wire.sent();
        assert_eq!(sent.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), expected);
        assert!(sent[0].0 == "DeleteService" || sent[0].1["desiredCount"] == 0);
    }
    for code in ["ServiceNotActiveException", "ServiceNotFoundException", "ClusterNotFoundException"] {
        let refused: &'static str = json!({ "__type": code, "message": "not there" }).to_string().leak();
        let wire = Wire::answering(Answer::Say(400, refused)).await;
        Service.delete(&wire.world, &"a/web".into(), &spec(|_| {})).await.expect("gone is success");
        assert_eq!(wire.calls(), 1);
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_known() {
    for (create, code, message) in [
        (true, "ClusterNotFoundException", "Cluster not found."),
        (
            true,
            "InvalidParameterException",
            "Unable to assume role and validate the listeners. Please verify that the ECS service role being passed has the proper permissions.",
        ),
        (true, "InvalidParameterException", "The target group with targetGroupArn arn:t does not have an associated load balancer."),
        (
            true,
            "InvalidParameterException",
            "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
        ),
        (true, "InvalidParameterException", "Unable to Start a service that is still Draining."),
        (false, "InvalidParameterException", "The service cannot be stopped while deployments are active."),
        (false, "DependencyViolation", "resource sg-1 has a dependent object"),
    ] {
        let refused: &'static str = json!({ "__type": code, "message": message }).to_string().leak();
        let wire = Wire::answering(Answer::Say(400, refused)).await;
        let error = if create {
            Service.create(&wire.world, &spec(|_| {}), "token").await.expect_err("refused")
        } else {
            let daemon = spec(|it| it["scheduling_strategy"] = "DAEMON".into());
            Service.delete(&wire.world, &"a/web".into(), &daemon).await.expect_err("refused")
        };
        let passes = |it: &&infra::resource::Passing| error.is(&[it.code]) && error.message.contains(it.message);
        assert!(Service.facts().passing.iter().any(|it| passes(&it)), "{error}");
    }
}

#[test]
fn launch_types_are_left_for_capacity_providers_and_never_for_each_other() {
    let launched = |it: &str| spec(|spec| spec["launch_type"] = it.into());
    let strategy = spec(|it| it["capacity_provider_strategy"] = json!([{ "capacity_provider": "FARGATE_SPOT", "weight": 1 }]));
    let replaces = |from: &Json, to: &Json| Service.replaces(from, to).expect("two specs").is_some();
    assert!(replaces(&launched("FARGATE"), &launched("EC2")));
    assert!(replaces(&strategy, &launched("FARGATE")));
    assert!(!replaces(&launched("FARGATE"), &strategy));
    assert!(!replaces(&launched("FARGATE"), &launched("FARGATE")));
}

#[test]
fn what_ecs_refuses_is_refused_before() {
    let with = |more: Json| spec(|it| it.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone()));
    let daemon = |more: Json| {
        let mut spec = json!({ "cluster": "a", "task_definition": OLD, "scheduling_strategy": "DAEMON" });
        spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        spec
    };
    let target = json!([{ "target_group_arn": "arn:t", "container_name": "web", "container_port": 80 }]);
    let network = json!({ "subnets": ["subnet-1"] });
    let spot = json!([{ "capacity_provider": "FARGATE_SPOT", "weight": 1 }]);
    for (spec, expected) in [
        (with(json!({ "launch_type": "FARGATE", "network_configuration": network })), vec![]),
        (with(json!({ "launch_type": "FARGATE" })), vec!["a service on Fargate without `network_configuration`"]),
        (with(json!({ "capacity_provider_strategy": spot })), vec!["a service on Fargate without `network_configuration`"]),
        (with(json!({ "launch_type": "EC2" })), vec![]),
        (with(json!({ "task_definition": "web:8" })), vec!["`web:8` is not the ARN of a revision of a task definition"]),
        (
            with(json!({ "task_definition": "arn:aws:ecs:eu-central-1:123456789012:task-definition/web" })),
            vec!["`arn:aws:ecs:eu-central-1:123456789012:task-definition/web` is not the ARN of a revision of a task definition"],
        ),
        (
            with(json!({ "launch_type": "FARGATE", "capacity_provider_strategy": spot, "network_configuration": network })),
            vec!["`launch_type` beside `capacity_provider_strategy`"],
        ),
        (
            with(json!({ "network_configuration": network, "capacity_provider_strategy": [
                { "capacity_provider": "FARGATE", "weight": 1, "base": 1 }, { "capacity_provider": "mine", "weight": 1, "base": 1 }
            ] })),
            vec!["a strategy with more than one `base`", "a strategy that mixes Fargate with other capacity"],
        ),
        (with(json!({ "health_check_grace_period_seconds": 60, "load_balancers": target })), vec![]),
        (with(json!({ "health_check_grace_period_seconds": 60 })), vec!["no load balancer looks at the health of the tasks"]),
        (daemon(json!({})), vec![]),
        (daemon(json!({ "desired_count": 1 })), vec!["`desired_count` of a daemon"]),
        (daemon(json!({ "launch_type": "FARGATE", "network_configuration": network })), vec!["a daemon on Fargate"]),
        (
            daemon(json!({ "deployment_configuration": { "maximum_percent": 200 } })),
            vec!["deployment_configuration.maximum_percent: a daemon never has more than one task on an instance"],
        ),
        (
            with(json!({ "deployment_configuration": { "maximum_percent": 100 } })),
            vec!["with 100 % to 100 % of the tasks none can be replaced"],
        ),
        (
            with(json!({ "deployment_configuration": { "deployment_circuit_breaker": { "rollback": true } } })),
            vec!["deployment_configuration.deployment_circuit_breaker: `rollback` of a breaker that is off"],
        ),
    ] {
        assert_eq!(complaints::<Service>(spec.clone()), expected, "{spec:#}");
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ecs.service",
        absent: "absent/absent",
        extra: "
            two: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/24 } }
            next: { ecs.task_definition: { family: example-next, container_definitions: [{ name: web, image: nginx, memory: 128 }] } }
            elsewhere: { ecs.cluster: { cluster_name: example-elsewhere } }
        ",
        changes: &[
            "task_definition: ${next.arn}",
            "desired_count: 3",
            "platform_version: 1.4.0",
            "network_configuration: { subnets: ['${one.id}', '${two.id}'], security_groups: ['${group.id}'], assign_public_ip: ENABLED }",
            "load_balancers: [{ target_group_arn: 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/a/1', \
             container_name: web, container_port: 80 }]",
            "health_check_grace_period_seconds: 60",
            "health_check_grace_period_seconds: null",
            "load_balancers: null",
            "service_registries: [{ registry_arn: 'arn:aws:servicediscovery:eu-central-1:123456789012:service/srv-1' }]",
            "service_registries: null",
            "deployment_configuration: { maximum_percent: 150, minimum_healthy_percent: 100 }",
            "enable_execute_command: false",
            "enable_ecs_managed_tags: true",
            "propagate_tags: TASK_DEFINITION",
            "capacity_provider_strategy: [{ capacity_provider: FARGATE_SPOT, weight: 1 }]",
            "availability_zone_rebalancing: DISABLED",
        ],
        replacements: &["cluster: ${elsewhere.id}", "service_name: example-another"],
        // AWS does not tell the two last ones. A launch type is never changed. The emulator has no daemons.
        untried: &["launch_type", "scheduling_strategy", "force_new_deployment_nonce", "wait_for_steady_state"],
    }
    .check()
    .await;
}
