//! <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_applicationautoscaling::types::{
    AdjustmentType as SdkAdjustment, CustomizedMetricSpecification, MetricAggregationType, MetricDimension, MetricStatistic, MetricType,
    PolicyType as SdkPolicyType, PredefinedMetricSpecification, ScalableDimension, ScalingPolicy as Described, ServiceNamespace,
    StepAdjustment, StepScalingPolicyConfiguration, TargetTrackingScalingPolicyConfiguration,
};
use infra::{
    resource::{
        Actions, After, Create, Delete, Durations, During, Error, Facts, Id, Live, Passing, Problems, Resource, Result, Status, Update,
        Wanted, immutable, unique,
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

pub(crate) struct Policy;

/// How a number follows the load: by keeping a metric near a value, or in steps when an alarm goes off. It needs an
/// `application_autoscaling.target` of the same number, and waits for one in the same stack.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other policy of the number has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 256))]
    policy_name: Option<String>,
    /// The service that has the number.
    #[schemars(transform = immutable)]
    service_namespace: Namespace,
    /// What has the number, as in the target.
    #[schemars(transform = immutable, length(min = 1, max = 1600))]
    resource_id: String,
    /// Which number of it, as in the target.
    #[schemars(transform = immutable, regex(pattern = r"[a-z0-9-]+:[A-Za-z0-9-]+:[A-Za-z]+"))]
    scalable_dimension: String,
    /// Which kind it is of.
    #[serde(default)]
    #[schemars(transform = immutable)]
    policy_type: PolicyType,
    /// The metric and the value to keep it near.
    target_tracking_scaling_policy_configuration: Option<Tracking>,
    /// The steps. An alarm that goes off calls the policy's `arn`.
    step_scaling_policy_configuration: Option<Steps>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum PolicyType {
    /// Keeps a metric near a value, with alarms that AWS takes care of.
    #[default]
    TargetTrackingScaling,
    /// Goes in steps when an alarm goes off.
    StepScaling,
}

/// A metric and the value to keep it near.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Tracking {
    /// The value.
    target_value: f64,
    /// A metric that AWS knows by name.
    predefined_metric_specification: Option<Predefined>,
    /// Any other metric.
    customized_metric_specification: Option<Customized>,
    /// For how many seconds after lowering the number it is not lowered again; left out, what the service has by default.
    #[schemars(range(min = 0))]
    scale_in_cooldown: Option<i32>,
    /// For how many seconds after raising the number it is not raised again; left out, what the service has by default.
    #[schemars(range(min = 0))]
    scale_out_cooldown: Option<i32>,
    /// Whether it only raises the number.
    #[serde(default)]
    disable_scale_in: bool,
}

/// A metric that AWS knows by name.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Predefined {
    /// `ECSServiceAverageCPUUtilization`, `ECSServiceAverageMemoryUtilization`, `ALBRequestCountPerTarget`,
    /// `LambdaProvisionedConcurrencyUtilization`, `RDSReaderAverageCPUUtilization`, and so on.
    #[schemars(length(max = 128), regex(pattern = r"[A-Za-z0-9]+"))]
    predefined_metric_type: String,
    /// For `ALBRequestCountPerTarget` the load balancer and the target group: `app/NAME/ID/targetgroup/NAME/ID`.
    #[schemars(length(min = 1, max = 1023))]
    resource_label: Option<String>,
}

/// A metric.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Customized {
    /// Its name.
    metric_name: String,
    /// Where it is among the metrics: `AWS/SQS`.
    namespace: String,
    /// What it is of, by name.
    dimensions: Option<BTreeMap<String, String>>,
    /// What is made of its values.
    statistic: Statistic,
    /// What it is measured in, if it is published with that: `Percent`.
    unit: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Statistic {
    /// The average.
    Average,
    /// The least.
    Minimum,
    /// The most.
    Maximum,
    /// How many there are.
    SampleCount,
    /// The sum.
    Sum,
}

/// How far to go.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Steps {
    /// What the adjustments are.
    adjustment_type: Adjustment,
    /// Each for a range of the metric beyond the alarm's threshold; together they leave no gap.
    #[schemars(length(min = 1, max = 20))]
    step_adjustments: Vec<Step>,
    /// How far it goes at least where adjustments are percentages.
    #[schemars(range(min = 1))]
    min_adjustment_magnitude: Option<i32>,
    /// For how many seconds a change is left to have its effect; left out, 300.
    #[schemars(range(min = 0))]
    cooldown: Option<i32>,
    /// What is made of the metric's values.
    #[serde(default)]
    metric_aggregation_type: Aggregation,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[expect(clippy::enum_variant_names, reason = "they are AWS's own words")]
pub(crate) enum Adjustment {
    /// So many more or fewer.
    ChangeInCapacity,
    /// So many percent more or fewer.
    PercentChangeInCapacity,
    /// So many.
    ExactCapacity,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Aggregation {
    /// The average.
    #[default]
    Average,
    /// The least.
    Minimum,
    /// The most.
    Maximum,
}

/// One step.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Step {
    /// Where the range begins, counted from the alarm's threshold; left out, without an end below.
    metric_interval_lower_bound: Option<f64>,
    /// Where the range ends, counted from the alarm's threshold; left out, without an end above.
    metric_interval_upper_bound: Option<f64>,
    /// What becomes of the number.
    scaling_adjustment: i32,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// What it is of, and its name: `resource_id|scalable_dimension|service_namespace|policy_name`.
    id: String,
    /// The ARN of the policy.
    arn: String,
}

impl Resource for Policy {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "application_autoscaling.policy";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(1), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        passing: &[
            Passing { during: During::Any, code: "ConcurrentUpdateException", message: "", within: Duration::from_secs(60) },
            // A target that was registered a moment ago, whose role cannot write alarms yet.
            Passing { during: During::Create, code: "FailedResourceAccessException", message: "", within: Duration::from_secs(120) },
            Passing { during: During::Create, code: "ObjectNotFoundException", message: "", within: Duration::from_secs(30) },
        ],
        gone: GONE,
        after: &[After { from: &["resource_id"], other: "application_autoscaling.target", by: "resource_id" }],
        actions: Actions {
            create: &["application-autoscaling:PutScalingPolicy", "cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms"],
            read: &["application-autoscaling:DescribeScalingPolicies"],
            update: &[
                "application-autoscaling:PutScalingPolicy",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:DeleteAlarms",
            ],
            delete: &["application-autoscaling:DeleteScalingPolicy", "cloudwatch:DeleteAlarms"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        let Spec { resource_id, scalable_dimension, .. } = spec;
        let name = spec.policy_name.as_deref()?;
        Some(Id(format!("{resource_id}|{scalable_dimension}|{}|{name}", word(&spec.service_namespace))))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_parts(spec, problems);
        let (tracking, steps) = ("target_tracking_scaling_policy_configuration", "step_scaling_policy_configuration");
        let written = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        let (needed, foreign) = match spec.get("policy_type") {
            None | Some(Value::Null) => (tracking, steps),
            Some(Value::Text(kind)) if kind == "TargetTrackingScaling" => (tracking, steps),
            Some(Value::Text(_)) => (steps, tracking),
            Some(_) => return,
        };
        if written(foreign) {
            problems.error(Path::of(foreign), "the policy is of another kind", format!("change `policy_type`, or write `{needed}`"));
        } else if !written(needed) {
            problems.error(Path::default(), format!("a policy without `{needed}`"), "write it, or choose another `policy_type`");
        }
        if let Some(it) = spec.get(tracking).filter(|it| it.as_map().is_some()) {
            check_metric(spec, it, &Path::of(tracking), problems);
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let groups = by_namespace(ids);
        let batches = groups.iter().flat_map(|(namespace, parts)| parts.chunks(POLICIES).map(|parts| (*namespace, parts)));
        let calls = batches.map(|(namespace, parts)| async move {
            let call = world
                .application_autoscaling()
                .describe_scaling_policies()
                .service_namespace(ServiceNamespace::from(namespace))
                .set_policy_names(Some(parts.iter().map(|it| it.name.to_owned()).collect()));
            all!(call)
        });
        let found = abreast(calls).await?;
        let lives = found.into_iter().flatten().filter_map(live).map(|it| (it.outputs.id.clone(), it));
        let mut lives: HashMap<String, Live<Self>> = lives.collect();
        Ok(ids.iter().map(|id| lives.remove(id.as_str())).collect())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        put(world, create.spec).await?;
        Self::locate(create.spec).ok_or_else(|| Error::bug("PutScalingPolicy", "it has no name"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        if update.changed.is_empty() { Ok(()) } else { put(world, update.to).await }
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some(parts) = super::parts(delete.id) else { return Ok(()) };
        let call = world
            .application_autoscaling()
            .delete_scaling_policy()
            .policy_name(parts.name)
            .service_namespace(ServiceNamespace::from(parts.service_namespace))
            .resource_id(parts.resource_id)
            .scalable_dimension(ScalableDimension::from(parts.scalable_dimension));
        unless_gone(call.send().await.map_err(error))
    }
}

/// A call takes up to this many names.
const POLICIES: usize = 50;

/// What AWS has under these names for services of ECS.
const OF_ECS: &[&str] = &[
    "ECSServiceAverageCPUUtilization",
    "ECSServiceAverageMemoryUtilization",
    "ECSServiceAverageCPUUtilizationHighResolution",
    "ECSServiceAverageMemoryUtilizationHighResolution",
    "ALBRequestCountPerTarget",
];

fn check_metric(spec: &Value, tracking: &Value, path: &Path, problems: &mut Problems) {
    let part = |name: &str| tracking.get(name).filter(|it| !it.is_null());
    match (part("predefined_metric_specification"), part("customized_metric_specification")) {
        (None, None) => {
            let help = "write `predefined_metric_specification`, or `customized_metric_specification`";
            problems.error(path.clone(), "no metric to follow", help);
        }
        (Some(_), Some(_)) => problems.error(path.clone(), "two metrics to follow", "keep one of them, and make a second policy"),
        (Some(metric), None) => {
            let at = path.key("predefined_metric_specification");
            let Some(kind) = metric.get("predefined_metric_type").and_then(Value::as_text) else { return };
            if spec.get("service_namespace").and_then(Value::as_text) == Some("ecs") && !OF_ECS.contains(&kind) {
                let help = format!("choose one of {}", OF_ECS.join(", "));
                problems.error(at.key("predefined_metric_type"), format!("services of ECS have no metric `{kind}`"), help);
            }
            let label = metric.get("resource_label").is_some_and(|it| !it.is_null());
            if kind == "ALBRequestCountPerTarget" && !label {
                let help = "write `resource_label`: the ends of both ARNs, `app/NAME/ID/targetgroup/NAME/ID`";
                problems.error(at, "requests of which load balancer and target group", help);
            }
        }
        (None, Some(_)) => {}
    }
}

/// The same call makes and changes it; it takes all of it each time.
async fn put(world: &Aws, spec: &Spec) -> Result<()> {
    let call = world
        .application_autoscaling()
        .put_scaling_policy()
        .set_policy_name(spec.policy_name.clone())
        .service_namespace(ServiceNamespace::from(word(&spec.service_namespace).as_str()))
        .resource_id(&spec.resource_id)
        .scalable_dimension(ScalableDimension::from(spec.scalable_dimension.as_str()))
        .policy_type(SdkPolicyType::from(word(&spec.policy_type).as_str()))
        .set_target_tracking_scaling_policy_configuration(
            spec.target_tracking_scaling_policy_configuration.as_ref().map(Tracking::configuration),
        )
        .set_step_scaling_policy_configuration(spec.step_scaling_policy_configuration.as_ref().map(Steps::configuration));
    call.send().await.map_err(error).map(drop)
}

impl Tracking {
    fn configuration(&self) -> TargetTrackingScalingPolicyConfiguration {
        let predefined = |it: &Predefined| {
            PredefinedMetricSpecification::builder()
                .predefined_metric_type(MetricType::from(it.predefined_metric_type.as_str()))
                .set_resource_label(it.resource_label.clone())
                .build()
                .expect("it has a type")
        };
        let dimension =
            |(name, value): (&String, &String)| MetricDimension::builder().name(name).value(value).build().expect("it has both");
        let customized = |it: &Customized| {
            CustomizedMetricSpecification::builder()
                .metric_name(&it.metric_name)
                .namespace(&it.namespace)
                .set_dimensions(it.dimensions.as_ref().map(|it| it.iter().map(dimension).collect()))
                .statistic(MetricStatistic::from(word(&it.statistic).as_str()))
                .set_unit(it.unit.clone())
                .build()
        };
        TargetTrackingScalingPolicyConfiguration::builder()
            .target_value(self.target_value)
            .set_predefined_metric_specification(self.predefined_metric_specification.as_ref().map(predefined))
            .set_customized_metric_specification(self.customized_metric_specification.as_ref().map(customized))
            .set_scale_in_cooldown(self.scale_in_cooldown)
            .set_scale_out_cooldown(self.scale_out_cooldown)
            .disable_scale_in(self.disable_scale_in)
            .build()
            .expect("it has a value")
    }

    fn read(it: &TargetTrackingScalingPolicyConfiguration) -> Self {
        let predefined = |it: &PredefinedMetricSpecification| Predefined {
            predefined_metric_type: it.predefined_metric_type().as_str().to_owned(),
            resource_label: it.resource_label.clone(),
        };
        let customized = |it: &CustomizedMetricSpecification| Customized {
            metric_name: it.metric_name.clone().unwrap_or_default(),
            namespace: it.namespace.clone().unwrap_or_default(),
            dimensions: (!it.dimensions().is_empty())
                .then(|| it.dimensions().iter().map(|it| (it.name.clone(), it.value.clone())).collect()),
            statistic: it.statistic().and_then(|it| meaning(it.as_str())).unwrap_or(Statistic::Average),
            unit: it.unit.clone(),
        };
        Self {
            target_value: it.target_value,
            predefined_metric_specification: it.predefined_metric_specification().map(predefined),
            customized_metric_specification: it.customized_metric_specification().map(customized),
            scale_in_cooldown: it.scale_in_cooldown,
            scale_out_cooldown: it.scale_out_cooldown,
            disable_scale_in: it.disable_scale_in.unwrap_or_default(),
        }
    }
}

impl Steps {
    fn configuration(&self) -> StepScalingPolicyConfiguration {
        let step = |it: &Step| {
            StepAdjustment::builder()
                .set_metric_interval_lower_bound(it.metric_interval_lower_bound)
                .set_metric_interval_upper_bound(it.metric_interval_upper_bound)
                .scaling_adjustment(it.scaling_adjustment)
                .build()
                .expect("it has an adjustment")
        };
        StepScalingPolicyConfiguration::builder()
            .adjustment_type(SdkAdjustment::from(word(&self.adjustment_type).as_str()))
            .set_step_adjustments(Some(self.step_adjustments.iter().map(step).collect()))
            .set_min_adjustment_magnitude(self.min_adjustment_magnitude)
            .set_cooldown(self.cooldown)
            .metric_aggregation_type(MetricAggregationType::from(word(&self.metric_aggregation_type).as_str()))
            .build()
    }

    fn read(it: &StepScalingPolicyConfiguration) -> Self {
        let step = |it: &StepAdjustment| Step {
            metric_interval_lower_bound: it.metric_interval_lower_bound,
            metric_interval_upper_bound: it.metric_interval_upper_bound,
            scaling_adjustment: it.scaling_adjustment,
        };
        Self {
            adjustment_type: it.adjustment_type().and_then(|it| meaning(it.as_str())).unwrap_or(Adjustment::ChangeInCapacity),
            step_adjustments: it.step_adjustments().iter().map(step).collect(),
            min_adjustment_magnitude: it.min_adjustment_magnitude,
            cooldown: it.cooldown,
            metric_aggregation_type: it.metric_aggregation_type().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        }
    }
}

/// Nothing of a kind or service that came later than this program.
fn live(it: Described) -> Option<Live<Policy>> {
    let spec = Spec {
        policy_name: Some(it.policy_name.clone()),
        service_namespace: meaning(it.service_namespace().as_str())?,
        resource_id: it.resource_id.clone(),
        scalable_dimension: it.scalable_dimension().as_str().to_owned(),
        policy_type: meaning(it.policy_type().as_str())?,
        target_tracking_scaling_policy_configuration: it.target_tracking_scaling_policy_configuration().map(Tracking::read),
        step_scaling_policy_configuration: it.step_scaling_policy_configuration().map(Steps::read),
    };
    let id = Policy::locate(&spec)?.0;
    Some(Live { spec, outputs: Outputs { id, arn: it.policy_arn.clone() }, status: Status::Ready, unread: vec![] })
}

#[cfg(test)]
mod tests;
