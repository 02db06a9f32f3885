//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_cloudwatchlogs::types::{MetricFilter as Described, MetricTransformation, StandardUnit};
use infra::{
    resource::{
        Actions, Create, Delete, During, Facts, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted, immutable, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    cloudwatch::units,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct MetricFilter;

/// A metric filter: makes a metric of the lines of a log group.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other filter of the log group has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 512), regex(pattern = "[^:*]+"))]
    filter_name: Option<String>,
    /// The name of the log group.
    #[schemars(transform = immutable, length(min = 1, max = 512), regex(pattern = r"[.\-_/#A-Za-z0-9]+"))]
    log_group_name: String,
    /// Which lines count: `ERROR`, or `{ $.level = "ERROR" }` for lines that are JSON. All do where it is empty.
    #[schemars(length(max = 1024))]
    filter_pattern: String,
    /// The name of the metric.
    #[schemars(length(min = 1, max = 255), regex(pattern = "[^:*$]+"))]
    metric_name: String,
    /// The namespace of the metric.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[0-9A-Za-z.\-_/# ]+"))]
    metric_namespace: String,
    /// What a line adds to it: a number, or a field of the line such as `$.duration`.
    #[schemars(length(min = 1, max = 100))]
    metric_value: String,
    /// What is reported for a period with lines of which none counts. Left out or removed, nothing is.
    default_value: Option<f64>,
    /// The unit of the metric. Left out, it has none.
    unit: Option<Unit>,
    /// Fields of the line that make metrics of their own, by the name of the dimension: at most three.
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
}

units! {}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The names of the log group and of the filter, with a colon in between.
    id: String,
}

impl Resource for MetricFilter {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "logs.metric_filter";
    const FACTS: Facts = Facts {
        passing: &[
            Passing { during: During::Any, code: "OperationAbortedException", message: "", within: Duration::from_secs(60) },
            // A log group that was made a moment ago.
            Passing { during: During::Create, code: "ResourceNotFoundException", message: "", within: Duration::from_secs(30) },
        ],
        gone: GONE,
        // Putting it once more makes no second one.
        token: true,
        actions: Actions {
            create: &["logs:PutMetricFilter"],
            read: &["logs:DescribeMetricFilters"],
            update: &["logs:PutMetricFilter"],
            delete: &["logs:DeleteMetricFilter", "logs:DescribeMetricFilters"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        // A group that is made with it has no name yet when this is asked for the first time.
        spec.filter_name.as_ref().filter(|_| !spec.log_group_name.is_empty()).map(|name| id(&spec.log_group_name, name))
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let dimensions = spec.get("dimensions").and_then(Value::as_map);
        if dimensions.is_some_and(|it| it.len() > 3) {
            problems.error(Path::of("dimensions"), "more than three dimensions", "keep three");
        }
        if dimensions.is_some_and(|it| !it.is_empty()) && spec.get("default_value").is_some_and(|it| !it.is_null()) {
            let help = "of which metric it would be the value is not known: keep one of them";
            problems.error(Path::of("default_value"), "`default_value` and `dimensions` at once", help);
        }
        if let Some(namespace) = spec.get("metric_namespace").and_then(Value::as_text)
            && namespace.starts_with("AWS/")
        {
            problems.error(Path::of("metric_namespace"), "a namespace of AWS's own", "choose one that does not begin with `AWS/`");
        }
        if let Some(value) = spec.get("metric_value").and_then(Value::as_text)
            && !value.starts_with('$')
            && value.parse::<f64>().is_err()
        {
            problems.error(Path::of("metric_value"), "neither a number nor a field", "write a number, or a field such as `$.duration`");
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (group, name) in ids.iter().filter_map(parts) {
            groups.entry(group).or_default().insert(name);
        }
        let found = groups.into_iter().map(|(group, names)| filters(world, group, names));
        let found = abreast(found).await?;
        let found: HashMap<Id, Described> = found.into_iter().flatten().collect();
        Ok(ids.iter().map(|id| found.get(id).map(|it| live(id, it))).collect())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let name = create.spec.filter_name.clone().unwrap_or_default();
        put(world, &name, create.spec).await?;
        Ok(id(&create.spec.log_group_name, &name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        match parts(update.id) {
            Some((_, name)) if !update.changed.is_empty() => put(world, name, update.to).await,
            _ => Ok(()),
        }
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some((group, name)) = parts(delete.id) else { return Ok(()) };
        for _ in 0..PUTS {
            let call = world.logs().delete_metric_filter().log_group_name(group).filter_name(name);
            let done = unless(call.send().await.map_err(error), GONE)?;
            // The emulator has kept all that was ever put, one beside the other.
            if done.is_none() || filters(world, group, BTreeSet::from([name])).await?.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

const GONE: &[&str] = &["ResourceNotFoundException"];
/// How often something is deleted that does not go.
const PUTS: usize = 10;

/// Neither name can have a colon.
fn id(group: &str, name: &str) -> Id {
    Id(format!("{group}:{name}"))
}

fn parts(id: &Id) -> Option<(&str, &str)> {
    id.as_str().split_once(':')
}

async fn put(world: &Aws, name: &str, spec: &Spec) -> Result<()> {
    let metric = MetricTransformation::builder()
        .metric_name(&spec.metric_name)
        .metric_namespace(&spec.metric_namespace)
        .metric_value(&spec.metric_value)
        .set_default_value(spec.default_value)
        .set_unit(spec.unit.map(|it| StandardUnit::from(word(&it).as_str())))
        .set_dimensions((!spec.dimensions.is_empty()).then(|| spec.dimensions.clone().into_iter().collect()));
    let call = world.logs().put_metric_filter().log_group_name(&spec.log_group_name).filter_name(name);
    let call =
        call.filter_pattern(&spec.filter_pattern).metric_transformations(metric.build().expect("it has a name, namespace and value"));
    call.send().await.map_err(error).map(drop)
}

/// Those of these filters of a log group that are there.
async fn filters(world: &Aws, group: &str, names: BTreeSet<&str>) -> Result<Vec<(Id, Described)>> {
    let call = world.logs().describe_metric_filters().log_group_name(group);
    let call = match names.first() {
        Some(name) if names.len() == 1 => call.filter_name_prefix(*name),
        _ => call,
    };
    let items = all!(call);
    let found = unless(items, GONE)?.unwrap_or_default().into_iter();
    let named = found.filter_map(|it| Some((it.filter_name.clone().filter(|name| names.contains(name.as_str()))?, it)));
    Ok(named.map(|(name, it)| (id(group, &name), it)).collect())
}

fn live(id: &Id, it: &Described) -> Live<MetricFilter> {
    let metric = it.metric_transformations().first();
    let text = |of: fn(&MetricTransformation) -> &str| metric.map(of).unwrap_or_default().to_owned();
    let spec = Spec {
        filter_name: it.filter_name.clone(),
        log_group_name: it.log_group_name.clone().or_else(|| Some(parts(id)?.0.to_owned())).unwrap_or_default(),
        filter_pattern: it.filter_pattern.clone().unwrap_or_default(),
        metric_name: text(|it| it.metric_name()),
        metric_namespace: text(|it| it.metric_namespace()),
        metric_value: text(|it| it.metric_value()),
        default_value: metric.and_then(|it| it.default_value),
        // AWS has a word for having none.
        unit: metric.and_then(|it| it.unit()).and_then(|it| meaning(it.as_str())),
        dimensions: metric.and_then(|it| it.dimensions.clone()).unwrap_or_default().into_iter().collect(),
    };
    Live { spec, outputs: Outputs { id: id.0.clone() }, status: Status::Ready, unread: vec![] }
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, Wanted};
    use serde_json::json;

    use super::MetricFilter;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn what_does_not_go_together_is_said_before() {
        for (spec, expected) in [
            (json!({ "metric_value": "1", "default_value": 0.0 }), vec![]),
            (json!({ "metric_value": "$.duration", "dimensions": { "Path": "$.path" } }), vec![]),
            (json!({ "metric_value": "duration" }), vec!["neither a number nor a field"]),
            (json!({ "metric_namespace": "AWS/Logs" }), vec!["a namespace of AWS's own"]),
            (json!({ "default_value": 0.0, "dimensions": { "Path": "$.path" } }), vec!["`default_value` and `dimensions` at once"]),
            (json!({ "dimensions": { "a": "$.a", "b": "$.b", "c": "$.c", "d": "$.d" } }), vec!["more than three dimensions"]),
        ] {
            assert_eq!(complaints::<MetricFilter>(spec.clone()), expected, "{spec}");
        }
    }

    /// One call a log group, however many filters of it are asked for; a name that only begins like one is another.
    #[tokio::test]
    async fn filters_are_read_by_log_group() {
        let wire = Wire::scripted(&[(
            "DescribeMetricFilters",
            Answer::Say(
                200,
                r#"{ "metricFilters": [
                    { "filterName": "slow", "filterPattern": "", "metricTransformations": [
                        { "metricName": "Slow", "metricNamespace": "Shop", "metricValue": "$.ms", "unit": "Milliseconds" }] },
                    { "filterName": "slower", "filterPattern": "", "metricTransformations": [
                        { "metricName": "Slower", "metricNamespace": "Shop", "metricValue": "1", "unit": "None" }] }
                ] }"#,
            ),
        )])
        .await;
        let ids = ["shop:slow", "shop:errors", "shop:slower"].map(Into::into);
        let found = MetricFilter.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
        let [Some(slow), None, Some(slower)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((&slow.spec["unit"], slower.spec.get("unit").filter(|it| !it.is_null())), (&json!("Milliseconds"), None));
        assert_eq!(wire.asked(), [r#"DescribeMetricFilters {"logGroupName":"shop"}"#]);
        let one = MetricFilter.read(&wire.world, &["shop:slow".into()], &Wanted::default()).await.expect("read");
        assert_eq!(one[0].as_ref().map(|it| &it.spec), Some(&slow.spec));
    }

    #[tokio::test]
    async fn without_its_log_group_it_is_not_there() {
        let wire = Wire::answering(Answer::Say(400, r#"{ "__type": "ResourceNotFoundException", "message": "no such group" }"#)).await;
        assert_eq!(MetricFilter.read(&wire.world, &["a:b".into()], &Wanted::default()).await.expect("read"), [None]);
        MetricFilter
            .delete(
                &wire.world,
                &"a:b".into(),
                &json!({ "log_group_name": "a", "filter_pattern": "", "metric_name": "", "metric_namespace": "", "metric_value": "" }),
            )
            .await
            .expect("gone already");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "logs.metric_filter",
            changes: &[
                "filter_pattern: ERROR",
                "metric_name: Problems",
                "metric_namespace: Example/Two",
                "metric_value: $.count",
                "default_value: 1.5",
                "default_value: null",
                "unit: Count",
                "unit: null",
                "dimensions: { Path: $.path }",
                "dimensions: {}",
            ],
            replacements: &["filter_name: problems", "log_group_name: '${elsewhere.id}'"],
            extra: "elsewhere: { logs.log_group: { log_group_name: /example/elsewhere } }",
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
