//! Whether a service runs what it should, and if not, why.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, DesiredStatus, Service as Described, Task};
use infra::resource::{Result, Status};

use super::super::name;
use crate::aws::{clients::Aws, error::error};

/// How many of the latest events, and of the reasons of stopped tasks, are told of a failure.
const SAID: usize = 3;

/// How many stopped tasks are looked at for them.
const STOPPED: i32 = 10;

/// What becomes of it. The last words of its tasks belong to one that failed.
///
/// The right number of tasks is not enough: those may be the old ones, kept while a deployment fails or put back after it. The
/// deployment itself says when it is through. An emulator runs no tasks, and its deployments are under way for ever: there it is
/// enough that the service is told what to run. AWS itself is never believed that easily.
pub(super) fn status(it: &Described, reasons: &[String], local: bool) -> Status {
    match it.status() {
        Some("ACTIVE") => {}
        Some("DRAINING") => return Status::Deleting(format!("DRAINING: {} tasks still run", it.running_count)),
        other => return Status::Pending(other.unwrap_or("unknown").to_owned()),
    }
    if has_failed(it) {
        let rollout = primary(it).and_then(Deployment::rollout_state_reason).unwrap_or("the deployment failed").to_owned();
        let events = it.events().iter().take(SAID).filter_map(|it| it.message());
        let all: Vec<_> = std::iter::once(rollout).chain(events.map(str::to_owned)).chain(reasons.iter().cloned()).collect();
        return Status::Failed(all.join("; "));
    }
    let complete = it.running_count == it.desired_count && it.pending_count == 0;
    match primary(it) {
        _ if local => Status::Ready,
        Some(deployment) if deployment.task_definition() != it.task_definition() => Status::Pending(progress(it)),
        Some(deployment) => match deployment.rollout_state() {
            Some(DeploymentRolloutState::Completed) if complete => Status::Ready,
            // Behind a Classic Load Balancer it has no state.
            None if complete && it.deployments().len() == 1 => Status::Ready,
            _ => Status::Pending(progress(it)),
        },
        // Another controller than ECS replaces its tasks.
        None if complete => Status::Ready,
        None => Status::Pending(progress(it)),
    }
}

/// Whether the deployment of what it should run failed, or is being taken back.
pub(super) fn has_failed(it: &Described) -> bool {
    primary(it).is_some_and(|it| match it.rollout_state() {
        Some(DeploymentRolloutState::Failed) => true,
        // What takes back a failed deployment is a deployment too.
        Some(DeploymentRolloutState::InProgress) => it.rollout_state_reason().is_some_and(|it| it.contains("rolling back")),
        _ => false,
    })
}

fn primary(it: &Described) -> Option<&Deployment> {
    it.deployments().iter().find(|it| it.status() == Some("PRIMARY"))
}

/// How far it is, with what it said last since it began.
fn progress(it: &Described) -> String {
    let deployment = primary(it);
    let (running, desired) = deployment.map_or((it.running_count, it.desired_count), |it| (it.running_count, it.desired_count));
    let failed = deployment.map_or(0, |it| it.failed_tasks);
    let since = deployment.and_then(Deployment::created_at);
    let event = it.events().first().filter(|it| since.is_none() || it.created_at() >= since).and_then(|it| it.message());
    let failed = (failed > 0).then(|| format!("{failed} failed"));
    let parts = [Some(format!("{running} of {desired} tasks run")), failed, event.map(str::to_owned)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Why its tasks stopped, as far as that can be learnt: it only explains what is known already.
pub(super) async fn reasons(world: &Aws, it: &Described) -> Vec<String> {
    stopped(world, it).await.unwrap_or_default().iter().flat_map(last_words).collect::<BTreeSet<_>>().into_iter().take(SAID).collect()
}

/// Its stopped tasks; ECS remembers them for an hour.
async fn stopped(world: &Aws, it: &Described) -> Result<Vec<Task>> {
    let (cluster, service) = (it.cluster_arn().unwrap_or_default(), it.service_name().unwrap_or_default());
    let call = world.ecs().list_tasks().cluster(cluster).service_name(service).desired_status(DesiredStatus::Stopped);
    let tasks = call.max_results(STOPPED).send().await.map_err(error)?.task_arns.unwrap_or_default();
    if tasks.is_empty() {
        return Ok(vec![]);
    }
    let answer = world.ecs().describe_tasks().cluster(cluster).set_tasks(Some(tasks)).send().await.map_err(error)?;
    Ok(answer.tasks.unwrap_or_default())
}

fn last_words(task: &Task) -> Vec<String> {
    let container = |it: &aws_sdk_ecs::types::Container| {
        let of = it.name().unwrap_or_default();
        match (it.reason(), it.exit_code()) {
            (Some(reason), _) => Some(format!("container `{of}`: {reason}")),
            (None, Some(code)) if code != 0 => Some(format!("container `{of}` exited with {code}")),
            _ => None,
        }
    };
    let of = name(task.task_definition_arn().unwrap_or_default());
    let own = task.stopped_reason().map(|it| format!("a task of `{of}` stopped: {it}"));
    own.into_iter().chain(task.containers().iter().filter_map(container)).collect()
}
