//! <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html>

mod parts;
mod steady;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_ecs::types::{
    AvailabilityZoneRebalancing, LaunchType as SdkLaunchType, PropagateTags as SdkPropagateTags,
    SchedulingStrategy as SdkSchedulingStrategy, Service as Described, ServiceField,
};
use infra::{
    resource::{
        Actions, After, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, kept, ready, set, unique, write_only,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::parts::{Deployment, LaunchType, LoadBalancer, Network, PropagateTags, Registry, Scheduling, Switch};
use super::{Strategy, check_strategy, list, name, retag, strategy, strategy_of, tags};
use crate::aws::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Service;

/// A service: keeps a number of tasks running, replaces them one after another when their definition changes, and lets a load
/// balancer know of them.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name of its cluster: the `id` of an `ecs.cluster`.
    #[schemars(transform = immutable, transform = ready, length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9_-]+"))]
    cluster: String,
    /// Its name, which no other service of the cluster has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 255), regex(pattern = r"[A-Za-z0-9_-]+"))]
    service_name: Option<String>,
    /// The ARN of the task definition that it runs. When it changes, tasks are replaced as `deployment_configuration` says.
    task_definition: String,
    /// How many tasks run. Left out, 1 at first, and afterwards what autoscaling or others make of it.
    #[schemars(transform = kept, range(min = 0))]
    desired_count: Option<i32>,
    /// What its tasks run on, where there is no `capacity_provider_strategy`.
    #[schemars(transform = kept)]
    launch_type: Option<LaunchType>,
    /// What its tasks run on. Left out, what `launch_type` says, or else the cluster. When it is removed, the cluster decides.
    #[schemars(transform = set)]
    capacity_provider_strategy: Option<Vec<Strategy>>,
    /// The version of Fargate.
    #[serde(default = "latest")]
    #[schemars(regex(pattern = r"LATEST|\d+\.\d+\.\d+"))]
    platform_version: String,
    /// Whether it keeps a number of tasks or one on each instance.
    #[serde(default)]
    #[schemars(transform = immutable)]
    scheduling_strategy: Scheduling,
    /// Where the tasks stand; task definitions with the network mode `awsvpc` need it.
    #[schemars(transform = kept)]
    network_configuration: Option<Network>,
    /// The target groups that its tasks are put into. It waits for the listeners and rules that lead to them.
    #[schemars(transform = set)]
    load_balancers: Option<Vec<LoadBalancer>>,
    /// For how many seconds after its start a task that the load balancer finds unhealthy is left alone.
    #[serde(default)]
    #[schemars(range(min = 0))]
    health_check_grace_period_seconds: i32,
    /// Where other services find its tasks.
    #[schemars(transform = set)]
    service_registries: Option<Vec<Registry>>,
    /// How tasks are replaced. What is left out of it is as AWS has it by default.
    #[schemars(transform = kept)]
    deployment_configuration: Option<Deployment>,
    /// Whether people may run commands in its containers; the tasks' role needs the rights to it.
    #[serde(default)]
    enable_execute_command: bool,
    /// Whether its tasks get tags that say which cluster and service they belong to.
    #[serde(default)]
    enable_ecs_managed_tags: bool,
    /// Whose tags its tasks get.
    #[serde(default)]
    propagate_tags: PropagateTags,
    /// Whether tasks are moved when they are spread unevenly over the availability zones. Left out, they are.
    #[schemars(transform = kept)]
    availability_zone_rebalancing: Option<Switch>,
    /// Any text: when it changes, all tasks are replaced even if nothing else does.
    #[schemars(transform = write_only)]
    force_new_deployment_nonce: Option<String>,
    /// Whether it counts as done only when all its tasks run what they should; left out, it does. The local cloud runs no tasks: there
    /// it is done at once.
    #[schemars(transform = write_only)]
    wait_for_steady_state: Option<bool>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The names of its cluster and its own: `cluster/service`.
    id: String,
    /// What autoscaling calls it, the `resource_id` of an `application_autoscaling.target`: `service/cluster/service`.
    resource_id: String,
    /// The ARN of the service.
    arn: String,
}

impl Resource for Service {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ecs.service";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(120), update: Duration::from_secs(180), delete: Duration::from_secs(60) },
        timeout: Durations { create: Duration::from_secs(1800), update: Duration::from_secs(1800), delete: Duration::from_secs(1800) },
        passing: &[
            // Roles, and a cluster, that were made a moment ago: two minutes until they are known, and as long for ECS itself.
            Passing { during: During::Create, code: "ClusterNotFoundException", message: "", within: FOUR_MINUTES },
            Passing {
                during: During::Create,
                code: REFUSED,
                message: "verify that the ECS service role being passed has the proper permissions",
                within: FOUR_MINUTES,
            },
            Passing { during: During::Create, code: REFUSED, message: UNKNOWN_ROLE, within: FOUR_MINUTES },
            Passing { during: During::Create, code: REFUSED, message: NO_LISTENER, within: FOUR_MINUTES },
            Passing { during: During::Update, code: REFUSED, message: UNKNOWN_ROLE, within: FOUR_MINUTES },
            Passing { during: During::Update, code: REFUSED, message: NO_LISTENER, within: FOUR_MINUTES },
            // A predecessor of the same name.
            Passing { during: During::Create, code: REFUSED, message: "still Draining", within: HALF_AN_HOUR },
            Passing {
                during: During::Delete,
                code: REFUSED,
                message: "cannot be stopped while deployments are active",
                within: HALF_AN_HOUR,
            },
            Passing { during: During::Delete, code: "DependencyViolation", message: "has a dependent object", within: HALF_AN_HOUR },
        ],
        gone: GONE,
        token: true,
        // ECS refuses a target group that no listener leads to.
        after: &[
            After { from: &["load_balancers"], other: "elbv2.listener", by: "default_actions" },
            After { from: &["load_balancers"], other: "elbv2.listener_rule", by: "actions" },
        ],
        mends: true,
        actions: Actions {
            create: &["ecs:CreateService", "ecs:TagResource", "iam:PassRole", "iam:CreateServiceLinkedRole"],
            read: &["ecs:DescribeServices", "ecs:ListTasks", "ecs:DescribeTasks"],
            update: &["ecs:UpdateService", "ecs:DescribeServices", "ecs:TagResource", "ecs:UntagResource", "iam:PassRole"],
            delete: &["ecs:UpdateService", "ecs:DeleteService"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        let service = spec.service_name.as_deref().filter(|_| !spec.cluster.is_empty())?;
        Some(Id(format!("{}/{service}", spec.cluster)))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_strategy(spec, "capacity_provider_strategy", problems);
        let written = |property: &str| spec.get(property).is_some_and(|it| !it.is_null() && it.as_list().is_none_or(|it| !it.is_empty()));
        let text = |property: &str| spec.get(property).and_then(Value::as_text);
        if written("launch_type") && written("capacity_provider_strategy") {
            let help = "remove `launch_type`: the capacity providers say where tasks run";
            problems.error(Path::of("launch_type"), "`launch_type` beside `capacity_provider_strategy`", help);
        }
        if let Some(definition) = text("task_definition").filter(|it| !is_revision(it)) {
            let help = "write the ARN of a revision, the `arn` of an `ecs.task_definition`: what ECS runs is compared with it";
            problems.error(Path::of("task_definition"), format!("`{definition}` is not the ARN of a revision of a task definition"), help);
        }
        if written("health_check_grace_period_seconds")
            && spec.get("health_check_grace_period_seconds") != Some(&Value::Int(0))
            && !written("load_balancers")
        {
            let path = Path::of("health_check_grace_period_seconds");
            problems.error(path, "no load balancer looks at the health of the tasks", "name it in `load_balancers`, or remove this");
        }
        let providers = spec.get("capacity_provider_strategy").and_then(Value::as_list).unwrap_or_default();
        let mut names = providers.iter().filter_map(|it| it.get("capacity_provider").and_then(Value::as_text));
        let fargate = text("launch_type") == Some("FARGATE") || names.any(|it| it.starts_with("FARGATE"));
        if fargate && !written("network_configuration") {
            let help = "name the subnets in it, and security groups";
            problems.error(Path::default(), "a service on Fargate without `network_configuration`", help);
        }
        if text("scheduling_strategy") == Some("DAEMON") {
            if written("desired_count") {
                let help = "remove it: a daemon has one task on each instance";
                problems.error(Path::of("desired_count"), "`desired_count` of a daemon", help);
            }
            if text("launch_type") == Some("FARGATE") {
                let help = "a daemon runs on instances: write `launch_type: EC2`";
                problems.error(Path::of("launch_type"), "a daemon on Fargate", help);
            }
            if spec
                .get("deployment_configuration")
                .is_some_and(|it| matches!(it.get("maximum_percent"), Some(Value::Int(it)) if *it != 100))
            {
                let path = Path::of("deployment_configuration").key("maximum_percent");
                problems.error(path, "a daemon never has more than one task on an instance", "write `maximum_percent: 100`, or remove it");
            }
        }
        parts::check(spec, problems);
    }

    fn replaces(from: &Spec, to: &Spec) -> Option<&'static str> {
        // It can be moved to capacity providers, and never to another launch type.
        let moves = to.launch_type.is_some() && from.launch_type != to.launch_type;
        moves.then_some("a service cannot be given another launch type")
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = services(world, ids).await?;
        let lives = ids.iter().map(|id| found.get(id.as_str())).map(|it| async move {
            let Some(it) = it else { return Ok(None) };
            // Only of one that failed, what its tasks said at last.
            let reasons = if steady::has_failed(it) { steady::reasons(world, it).await } else { vec![] };
            Ok(Some(live(it, steady::status(it, &reasons, world.is_local()))))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = services(world, std::slice::from_ref(&id)).await?;
        let ours = found.get(id.as_str()).is_some_and(|it| tags(it.tags()).made_by(find.operation));
        Ok(ours.then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let Create { spec, token } = create;
        let replica = spec.scheduling_strategy == Scheduling::Replica;
        let call = world
            .ecs()
            .create_service()
            .client_token(token)
            .cluster(&spec.cluster)
            .set_service_name(spec.service_name.clone())
            .task_definition(&spec.task_definition)
            .set_desired_count(replica.then(|| spec.desired_count.unwrap_or(1)))
            .set_launch_type(spec.launch_type.map(|it| SdkLaunchType::from(word(&it).as_str())))
            .set_capacity_provider_strategy(strategy(spec.capacity_provider_strategy.as_ref()))
            // Capacity other than Fargate has no versions.
            .set_platform_version(Some(spec.platform_version.clone()).filter(|it| *it != latest()))
            .scheduling_strategy(SdkSchedulingStrategy::from(word(&spec.scheduling_strategy).as_str()))
            .set_network_configuration(spec.network_configuration.as_ref().map(Network::configuration))
            .set_load_balancers(spec.load_balancers.as_ref().map(|it| it.iter().map(LoadBalancer::target).collect()))
            .set_health_check_grace_period_seconds(Some(spec.health_check_grace_period_seconds).filter(|it| *it > 0))
            .set_service_registries(spec.service_registries.as_ref().map(|it| it.iter().map(Registry::registry).collect()))
            .set_deployment_configuration(spec.deployment_configuration.as_ref().map(|it| it.configuration(replica)))
            .enable_execute_command(spec.enable_execute_command)
            .enable_ecs_managed_tags(spec.enable_ecs_managed_tags)
            .set_propagate_tags(
                (spec.propagate_tags != PropagateTags::None).then(|| SdkPropagateTags::from(word(&spec.propagate_tags).as_str())),
            )
            .set_availability_zone_rebalancing(
                spec.availability_zone_rebalancing.map(|it| AvailabilityZoneRebalancing::from(word(&it).as_str())),
            )
            .set_tags(list(&spec.tags));
        call.send().await.map_err(error)?;
        Self::locate(spec).ok_or_else(|| Error::bug("CreateService", "it has no name"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, changed } = update;
        let (cluster, service) = halves(id);
        let forced = update.changes("force_new_deployment_nonce") && to.force_new_deployment_nonce.is_some();
        // Nothing differs where the last deployment failed: it is tried again.
        let again = changed.is_empty();
        let others = ["tags", "wait_for_steady_state", "force_new_deployment_nonce"];
        if forced || again || changed.iter().any(|it| !others.contains(&it.as_str())) {
            let when = |property: &str| update.changes(property);
            let strategy_changes = when("capacity_provider_strategy");
            let replica = to.scheduling_strategy == Scheduling::Replica;
            let targets = || to.load_balancers.iter().flatten().map(LoadBalancer::target).collect();
            let registries = || to.service_registries.iter().flatten().map(Registry::registry).collect();
            let call = world
                .ecs()
                .update_service()
                .cluster(cluster)
                .service(service)
                .set_task_definition(when("task_definition").then(|| to.task_definition.clone()))
                .set_desired_count(to.desired_count.filter(|_| when("desired_count")))
                // None of its own leads back to the cluster's.
                .set_capacity_provider_strategy(
                    strategy_changes.then(|| strategy(to.capacity_provider_strategy.as_ref()).unwrap_or_default()),
                )
                .set_platform_version(when("platform_version").then(|| to.platform_version.clone()))
                .set_network_configuration(
                    to.network_configuration.as_ref().filter(|_| when("network_configuration")).map(Network::configuration),
                )
                .set_load_balancers(when("load_balancers").then(targets))
                .set_health_check_grace_period_seconds(
                    when("health_check_grace_period_seconds").then_some(to.health_check_grace_period_seconds),
                )
                .set_service_registries(when("service_registries").then(registries))
                .set_deployment_configuration(
                    to.deployment_configuration.as_ref().filter(|_| when("deployment_configuration")).map(|it| it.configuration(replica)),
                )
                .set_enable_execute_command(when("enable_execute_command").then_some(to.enable_execute_command))
                .set_enable_ecs_managed_tags(when("enable_ecs_managed_tags").then_some(to.enable_ecs_managed_tags))
                .set_propagate_tags(when("propagate_tags").then(|| SdkPropagateTags::from(word(&to.propagate_tags).as_str())))
                .set_availability_zone_rebalancing(
                    to.availability_zone_rebalancing
                        .filter(|_| when("availability_zone_rebalancing"))
                        .map(|it| AvailabilityZoneRebalancing::from(word(&it).as_str())),
                )
                // Tasks change their capacity only with a new deployment, and AWS wants that said.
                .set_force_new_deployment((forced || again || strategy_changes).then_some(true));
            call.send().await.map_err(error)?;
        }
        if from.tags != to.tags {
            let found = services(world, std::slice::from_ref(id)).await?;
            let Some(arn) = found.get(id.as_str()).and_then(Described::service_arn) else {
                return Err(Error::rejected("TagResource", "ServiceNotFoundException", "the service is not there"));
            };
            retag(world, arn, &from.tags, &to.tags).await?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let (cluster, service) = halves(delete.id);
        if delete.spec.scheduling_strategy == Scheduling::Replica {
            let call = world.ecs().update_service().cluster(cluster).service(service).desired_count(0);
            if unless(call.send().await.map_err(error), GONE)?.is_none() {
                // Gone, or on its way out already.
                return Ok(());
            }
        }
        unless(world.ecs().delete_service().cluster(cluster).service(service).send().await.map_err(error), GONE).map(drop)
    }

    fn settled(wanted: &Spec, live: &Spec, status: Status) -> Status {
        if live.task_definition != wanted.task_definition {
            let said = match &status {
                Status::Pending(text) | Status::Failed(text) => format!(": {text}"),
                _ => String::new(),
            };
            return Status::Failed(format!("ECS went back to `{}`{said}", name(&live.task_definition)));
        }
        match status {
            Status::Pending(_) if wanted.wait_for_steady_state == Some(false) => Status::Ready,
            other => other,
        }
    }
}

const GONE: &[&str] = &["ServiceNotFoundException", "ServiceNotActiveException", "ClusterNotFoundException"];
const REFUSED: &str = "InvalidParameterException";
const UNKNOWN_ROLE: &str = "Unable to assume the service linked role";
const NO_LISTENER: &str = "does not have an associated load balancer";
const FOUR_MINUTES: Duration = Duration::from_secs(240);
const HALF_AN_HOUR: Duration = Duration::from_secs(1800);

/// A call takes up to this many services of one cluster.
const SERVICES: usize = 10;

/// Without the number of the revision ECS takes the latest, and answers with another text than was written.
fn is_revision(text: &str) -> bool {
    let name = text.rsplit('/').next().unwrap_or_default();
    text.starts_with("arn:") && name.rsplit_once(':').is_some_and(|(_, it)| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
}

fn latest() -> String {
    "LATEST".to_owned()
}

/// The names of the cluster and of the service.
fn halves(id: &Id) -> (&str, &str) {
    id.as_str().split_once('/').unwrap_or(("", id.as_str()))
}

/// Those of these services that are there, by id. A deleted one is told of for a while longer and is gone all the same.
async fn services(world: &Aws, ids: &[Id]) -> Result<HashMap<String, Described>> {
    let mut by_cluster: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (cluster, service) in ids.iter().map(halves).filter(|(cluster, _)| !cluster.is_empty()) {
        by_cluster.entry(cluster).or_default().push(service);
    }
    let batches = by_cluster.iter().flat_map(|(cluster, names)| names.chunks(SERVICES).map(|names| (*cluster, names)));
    let calls = batches.map(|(cluster, names)| async move {
        let names = names.iter().map(|it| (*it).to_owned()).collect();
        let call = world.ecs().describe_services().cluster(cluster).set_services(Some(names)).include(ServiceField::Tags);
        let answer = unless(call.send().await.map_err(error), &["ClusterNotFoundException"])?;
        let there = answer.and_then(|it| it.services).unwrap_or_default().into_iter().filter(|it| it.status() != Some("INACTIVE"));
        Ok(there.filter_map(|it| Some((format!("{cluster}/{}", it.service_name()?), it))).collect::<Vec<_>>())
    });
    let found = abreast(calls).await?;
    Ok(found.into_iter().flatten().collect())
}

fn live(it: &Described, status: Status) -> Live<Service> {
    let cluster = name(it.cluster_arn().unwrap_or_default()).to_owned();
    let service = it.service_name.clone().unwrap_or_default();
    let id = format!("{cluster}/{service}");
    let some = |list: Vec<LoadBalancer>| Some(list).filter(|it| !it.is_empty());
    let registries: Vec<_> = it.service_registries().iter().map(Registry::read).collect();
    let spec = Spec {
        cluster,
        service_name: Some(service),
        task_definition: it.task_definition.clone().unwrap_or_default(),
        desired_count: Some(it.desired_count),
        launch_type: it.launch_type().and_then(|it| meaning(it.as_str())),
        capacity_provider_strategy: strategy_of(it.capacity_provider_strategy()),
        platform_version: it.platform_version.clone().unwrap_or_else(latest),
        scheduling_strategy: it.scheduling_strategy().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        network_configuration: it.network_configuration().and_then(|it| it.awsvpc_configuration()).map(Network::read),
        load_balancers: some(it.load_balancers().iter().map(LoadBalancer::read).collect()),
        health_check_grace_period_seconds: it.health_check_grace_period_seconds.unwrap_or_default(),
        service_registries: Some(registries).filter(|it| !it.is_empty()),
        deployment_configuration: it.deployment_configuration().map(Deployment::read),
        enable_execute_command: it.enable_execute_command,
        enable_ecs_managed_tags: it.enable_ecs_managed_tags,
        propagate_tags: it.propagate_tags().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        availability_zone_rebalancing: it.availability_zone_rebalancing().and_then(|it| meaning(it.as_str())),
        force_new_deployment_nonce: None,
        wait_for_steady_state: None,
        tags: tags(it.tags()),
    };
    let unread = vec!["force_new_deployment_nonce", "wait_for_steady_state"];
    let outputs = Outputs { resource_id: format!("service/{id}"), id, arn: it.service_arn.clone().unwrap_or_default() };
    Live { spec, outputs, status, unread }
}

#[cfg(test)]
mod tests;
