use infra::resource::{AnyResource as _, Describe as _, Wanted};
use serde_json::{Value as Json, json};

use super::Policy;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire},
    },
};

fn policy(more: Json) -> Json {
    let mut spec = json!({ "policy_name": "p", "service_namespace": "ecs", "resource_id": "service/a/b", "scalable_dimension": "ecs:service:DesiredCount" });
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

#[test]
fn a_policy_follows_one_metric_or_goes_in_steps() {
    let tracking = |it: Json| policy(json!({ "target_tracking_scaling_policy_configuration": it }));
    let predefined = |it: &str| tracking(json!({ "target_value": 1, "predefined_metric_specification": { "predefined_metric_type": it } }));
    let steps = json!({ "adjustment_type": "ChangeInCapacity", "step_adjustments": [{ "scaling_adjustment": 1 }] });
    let at = "target_tracking_scaling_policy_configuration";
    for (spec, expected) in [
        (predefined("ECSServiceAverageCPUUtilization"), vec![]),
        (policy(json!({})), vec![format!("a policy without `{at}`")]),
        (tracking(json!({ "target_value": 1 })), vec!["no metric to follow".to_owned()]),
        (
            tracking(json!({ "target_value": 1, "predefined_metric_specification": {}, "customized_metric_specification": {} })),
            vec!["two metrics to follow".into()],
        ),
        (
            predefined("ECSServiceAverageCpuUtilization"),
            vec![format!(
                "{at}.predefined_metric_specification.predefined_metric_type: \
                 services of ECS have no metric `ECSServiceAverageCpuUtilization`"
            )],
        ),
        (
            predefined("ALBRequestCountPerTarget"),
            vec![format!("{at}.predefined_metric_specification: requests of which load balancer and target group")],
        ),
        (policy(json!({ "policy_type": "StepScaling", "step_scaling_policy_configuration": steps })), vec![]),
        (policy(json!({ "policy_type": "StepScaling" })), vec!["a policy without `step_scaling_policy_configuration`".into()]),
        (policy(json!({ "step_scaling_policy_configuration": steps })), vec!["the policy is of another kind".into()]),
    ] {
        assert_eq!(complaints::<Policy>(spec.clone()), expected, "{spec:#}");
    }
}

#[tokio::test]
async fn metrics_of_ones_own_and_steps_are_sent_and_read_as_they_are_written() {
    for (kind, written, sent) in [
        (
            "TargetTrackingScaling",
            json!({ "target_tracking_scaling_policy_configuration": {
                "target_value": 10.5, "disable_scale_in": true,
                "customized_metric_specification": {
                    "metric_name": "Waiting", "namespace": "Example", "dimensions": { "Queue": "jobs" }, "statistic": "Average"
                }
            } }),
            json!({ "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": 10.5, "DisableScaleIn": true,
                "CustomizedMetricSpecification": {
                    "MetricName": "Waiting", "Namespace": "Example", "Dimensions": [{ "Name": "Queue", "Value": "jobs" }],
                    "Statistic": "Average"
                }
            } }),
        ),
        (
            "StepScaling",
            json!({ "step_scaling_policy_configuration": {
                "adjustment_type": "PercentChangeInCapacity", "min_adjustment_magnitude": 1, "cooldown": 60,
                "metric_aggregation_type": "Maximum",
                "step_adjustments": [
                    { "metric_interval_lower_bound": 0.5, "metric_interval_upper_bound": 10.5, "scaling_adjustment": 10 },
                    { "metric_interval_lower_bound": 10.5, "scaling_adjustment": 30 }
                ]
            } }),
            json!({ "StepScalingPolicyConfiguration": {
                "AdjustmentType": "PercentChangeInCapacity", "MinAdjustmentMagnitude": 1, "Cooldown": 60,
                "MetricAggregationType": "Maximum",
                "StepAdjustments": [
                    { "MetricIntervalLowerBound": 0.5, "MetricIntervalUpperBound": 10.5, "ScalingAdjustment": 10 },
                    { "MetricIntervalLowerBound": 10.5, "ScalingAdjustment": 30 }
                ]
            } }),
        ),
    ] {
        let spec = policy(json!({ "policy_type": kind }));
        let mut spec = spec.as_object().expect("an object").clone();
        spec.extend(written.as_object().expect("an object").clone());
        let spec = Json::Object(spec);
        let mut whole = json!({
            "PolicyName": "p", "ServiceNamespace": "ecs", "ResourceId": "service/a/b", "ScalableDimension": "ecs:service:DesiredCount",
            "PolicyType": kind
        });
        whole.as_object_mut().expect("an object").extend(sent.as_object().expect("an object").clone());

        let wire = Wire::answering(Answer::Say(200, r#"{"PolicyARN": "arn:p"}"#)).await;
        let id = Policy.create(&wire.world, &spec, "token").await.expect("create");
        assert_eq!(wire.sent(), [("PutScalingPolicy".to_owned(), whole.clone())]);

        whole["PolicyARN"] = "arn:p".into();
        let answer: &'static str = json!({ "ScalingPolicies": [whole] }).to_string().leak();
        let wire = Wire::answering(Answer::Say(200, answer)).await;
        let read = Policy.read(&wire.world, &[id], &Wanted::default()).await.expect("read");
        let live = read[0].as_ref().expect("it is there");
        assert_eq!(live.spec, spec);
        assert_eq!(live.outputs["arn"], "arn:p");
    }
}

#[tokio::test]
async fn a_target_that_is_not_known_yet_passes() {
    let refused = r#"{"__type": "ObjectNotFoundException", "message": "No scalable target registered for service/a/b"}"#;
    let wire = Wire::answering(Answer::Say(400, refused)).await;
    let metric = json!({ "predefined_metric_type": "ECSServiceAverageCPUUtilization" });
    let tracking = json!({ "target_value": 50.5, "predefined_metric_specification": metric });
    let spec = policy(json!({ "target_tracking_scaling_policy_configuration": tracking }));
    let error = Policy.create(&wire.world, &spec, "token").await.expect_err("refused");
    assert!(Policy.facts().passing.iter().any(|it| error.is(&[it.code]) && error.message.contains(it.message)), "{error}");
    Policy.delete(&wire.world, &"service/a/b|ecs:service:DesiredCount|ecs|p".into(), &spec).await.expect("gone is success");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "application_autoscaling.policy",
        absent: "service/absent/absent|ecs:service:DesiredCount|ecs|absent",
        extra: "
            second: { ecs.service: { service_name: example-second, cluster: '${cluster.id}', task_definition: '${task.arn}' } }
            limits_too:
                application_autoscaling.target:
                    service_namespace: ecs
                    resource_id: '${second.resource_id}'
                    scalable_dimension: ecs:service:DesiredCount
                    min_capacity: 1
                    max_capacity: 2
        ",
        changes: &[
            "target_tracking_scaling_policy_configuration: { target_value: 70.5, scale_out_cooldown: 30, predefined_metric_specification: \
             { predefined_metric_type: ECSServiceAverageMemoryUtilization } }",
        ],
        replacements: &["policy_name: example-another", "resource_id: '${second.resource_id}'"],
        // None of them can be changed without others.
        untried: &["service_namespace", "scalable_dimension", "policy_type", "step_scaling_policy_configuration"],
    }
    .check()
    .await;
}
