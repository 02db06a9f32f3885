//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_applicationautoscaling::types::{
    ScalableDimension, ScalableTarget as Described, ServiceNamespace, SuspendedState as SdkSuspended,
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Facts, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted,
        immutable, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GONE, Namespace, by_namespace, check_parts, unless_gone};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::error,
    wording::{meaning, word},
};

pub(crate) struct Target;

/// Lets a number of something follow its load, within limits: of tasks, replicas, read units. An `application_autoscaling.policy`
/// says how. Whoever sets the number beside it, such as `desired_count`, leaves it out there.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The service that has the number.
    #[schemars(transform = immutable)]
    service_namespace: Namespace,
    /// What has the number: the `resource_id` of an `ecs.service`.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 1600))]
    resource_id: String,
    /// Which number of it: `ecs:service:DesiredCount`.
    #[schemars(transform = immutable, regex(pattern = r"[a-z0-9-]+:[A-Za-z0-9-]+:[A-Za-z]+"))]
    scalable_dimension: String,
    /// The least that it becomes.
    #[schemars(range(min = 0))]
    min_capacity: i32,
    /// The most that it becomes.
    #[schemars(range(min = 0))]
    max_capacity: i32,
    /// What does not change the number for now.
    #[serde(default)]
    suspended_state: Suspended,
}

/// What does not change a number for now.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Suspended {
    /// Policies that lower it.
    #[serde(default)]
    dynamic_scaling_in_suspended: bool,
    /// Policies that raise it.
    #[serde(default)]
    dynamic_scaling_out_suspended: bool,
    /// Schedules.
    #[serde(default)]
    scheduled_scaling_suspended: bool,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// What it is of: `resource_id|scalable_dimension|service_namespace`.
    id: String,
    /// The ARN of the target.
    arn: Option<String>,
}

impl Resource for Target {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "application_autoscaling.target";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(1), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        passing: &[
            Passing { during: During::Any, code: "ConcurrentUpdateException", message: "", within: Duration::from_secs(60) },
            // A service that was made a moment ago.
            Passing {
                during: During::Create,
                code: "ValidationException",
                message: "ECS service doesn't exist",
                within: Duration::from_secs(120),
            },
            // The role that AWS makes for it the first time.
            Passing {
                during: During::Create,
                code: "ValidationException",
                message: "Unable to assume IAM role",
                within: Duration::from_secs(120),
            },
        ],
        gone: GONE,
        actions: Actions {
            create: &["application-autoscaling:RegisterScalableTarget", "iam:CreateServiceLinkedRole"],
            read: &["application-autoscaling:DescribeScalableTargets"],
            update: &["application-autoscaling:RegisterScalableTarget"],
            delete: &["application-autoscaling:DeregisterScalableTarget"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        let Spec { resource_id, scalable_dimension, .. } = spec;
        Some(Id(format!("{resource_id}|{scalable_dimension}|{}", word(&spec.service_namespace))))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_parts(spec, problems);
        if let (Some(Value::Int(least)), Some(Value::Int(most))) = (spec.get("min_capacity"), spec.get("max_capacity"))
            && least > most
        {
            problems.error(Path::of("min_capacity"), format!("the least, {least}, is more than the most, {most}"), "raise `max_capacity`");
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let groups = by_namespace(ids);
        let batches = groups.iter().flat_map(|(namespace, parts)| parts.chunks(TARGETS).map(|parts| (*namespace, parts)));
        let calls = batches.map(|(namespace, parts)| async move {
            let call = world
                .application_autoscaling()
                .describe_scalable_targets()
                .service_namespace(ServiceNamespace::from(namespace))
                .set_resource_ids(Some(parts.iter().map(|it| it.resource_id.to_owned()).collect()));
            all!(call)
        });
        let found = abreast(calls).await?;
        let lives = found.into_iter().flatten().filter_map(live).map(|it| (it.outputs.id.clone(), it));
        let mut lives: HashMap<String, Live<Self>> = lives.collect();
        Ok(ids.iter().map(|id| lives.remove(id.as_str())).collect())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        register(world, create.spec, true).await?;
        Self::locate(create.spec).ok_or_else(|| infra::resource::Error::bug("RegisterScalableTarget", "it has no id"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        if update.changed.is_empty() { Ok(()) } else { register(world, update.to, false).await }
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some(parts) = super::parts(delete.id) else { return Ok(()) };
        let call = world
            .application_autoscaling()
            .deregister_scalable_target()
            .service_namespace(ServiceNamespace::from(parts.service_namespace))
            .resource_id(parts.resource_id)
            .scalable_dimension(ScalableDimension::from(parts.scalable_dimension));
        unless_gone(call.send().await.map_err(error))
    }
}

/// An answer holds up to this many.
const TARGETS: usize = 50;

/// The same call makes and changes it.
async fn register(world: &Aws, spec: &Spec, new: bool) -> Result<()> {
    let suspended = SdkSuspended::builder()
        .dynamic_scaling_in_suspended(spec.suspended_state.dynamic_scaling_in_suspended)
        .dynamic_scaling_out_suspended(spec.suspended_state.dynamic_scaling_out_suspended)
        .scheduled_scaling_suspended(spec.suspended_state.scheduled_scaling_suspended)
        .build();
    let call = world
        .application_autoscaling()
        .register_scalable_target()
        .service_namespace(ServiceNamespace::from(word(&spec.service_namespace).as_str()))
        .resource_id(&spec.resource_id)
        .scalable_dimension(ScalableDimension::from(spec.scalable_dimension.as_str()))
        .min_capacity(spec.min_capacity)
        .max_capacity(spec.max_capacity)
        .set_suspended_state((!new || spec.suspended_state != Suspended::default()).then_some(suspended));
    call.send().await.map_err(error).map(drop)
}

/// Nothing of a service that came later than this program.
fn live(it: Described) -> Option<Live<Target>> {
    let suspended = it.suspended_state();
    let spec = Spec {
        service_namespace: meaning(it.service_namespace().as_str())?,
        resource_id: it.resource_id.clone(),
        scalable_dimension: it.scalable_dimension().as_str().to_owned(),
        min_capacity: it.min_capacity,
        max_capacity: it.max_capacity,
        suspended_state: Suspended {
            dynamic_scaling_in_suspended: suspended.and_then(|it| it.dynamic_scaling_in_suspended).unwrap_or_default(),
            dynamic_scaling_out_suspended: suspended.and_then(|it| it.dynamic_scaling_out_suspended).unwrap_or_default(),
            scheduled_scaling_suspended: suspended.and_then(|it| it.scheduled_scaling_suspended).unwrap_or_default(),
        },
    };
    let id = Target::locate(&spec)?.0;
    Some(Live { spec, outputs: Outputs { id, arn: it.scalable_target_arn.clone() }, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, Describe as _};
    use serde_json::json;

    use super::Target;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn what_the_number_is_of_must_fit() {
        let target = |id: &str, dimension: &str, min: i64| {
            json!({
                "service_namespace": "ecs", "resource_id": id, "scalable_dimension": dimension, "min_capacity": min, "max_capacity": 3
            })
        };
        let number = "ecs:service:DesiredCount";
        for (spec, expected) in [
            (target("service/a/b", number, 1), vec![]),
            (target("a/b", number, 1), vec!["`a/b` is no service of ECS"]),
            (target("service/b", number, 1), vec!["`service/b` is no service of ECS"]),
            (target("service/a/b", "rds:cluster:ReadReplicaCount", 1), vec!["`rds:cluster:ReadReplicaCount` is no dimension of `ecs`"]),
            (target("service/a/b", number, 4), vec!["the least, 4, is more than the most, 3"]),
        ] {
            assert_eq!(complaints::<Target>(spec), expected);
        }
    }

    #[tokio::test]
    async fn a_service_that_is_not_known_yet_passes_and_what_is_not_there_is_gone() {
        let spec = json!({
            "service_namespace": "ecs", "resource_id": "service/a/b", "scalable_dimension": "ecs:service:DesiredCount",
            "min_capacity": 1, "max_capacity": 3
        });
        let refused = r#"{"__type": "ValidationException", "message": "ECS service doesn't exist: service/a/b"}"#;
        let wire = Wire::answering(Answer::Say(400, refused)).await;
        let error = Target.create(&wire.world, &spec, "token").await.expect_err("refused");
        assert!(Target.facts().passing.iter().any(|it| error.is(&[it.code]) && error.message.contains(it.message)), "{error}");

        let id = "service/a/b|ecs:service:DesiredCount|ecs".into();
        let refused = r#"{"__type": "ObjectNotFoundException", "message": "No scalable target registered"}"#;
        let wire = Wire::answering(Answer::Say(400, refused)).await;
        Target.delete(&wire.world, &id, &spec).await.expect("gone is success");
        let refused = r#"{"__type": "ValidationException", "message": "something else"}"#;
        let wire = Wire::answering(Answer::Say(400, refused)).await;
        Target.delete(&wire.world, &id, &spec).await.expect_err("any other refusal is one");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "application_autoscaling.target",
            absent: "service/absent/absent|ecs:service:DesiredCount|ecs",
            extra: "other: { ecs.service: { service_name: example-scaled-too, cluster: '${cluster.id}', task_definition: '${task.arn}' } }",
            changes: &["max_capacity: 6", "min_capacity: 2", "suspended_state: { dynamic_scaling_in_suspended: true }"],
            replacements: &["resource_id: ${other.resource_id}"],
            // Neither can be changed without the others.
            untried: &["service_namespace", "scalable_dimension"],
        }
        .check()
        .await;
    }
}
