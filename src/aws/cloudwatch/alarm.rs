//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

mod check;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_cloudwatch::types::{
    AlarmType, ComparisonOperator, Dimension, Metric, MetricAlarm, MetricDataQuery, MetricStat as SdkMetricStat, StandardUnit,
    Statistic as SdkStatistic, Tag,
};
use infra::{
    resource::{
        Actions, Create, Delete, Error, Facts, Find, Id, Live, Problems, Resource, Result, Status, Tags, Update, Wanted, immutable, set,
        unique,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::abreast,
    clients::Aws,
    cloudwatch::units,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Alarm;

/// An alarm on a metric, or on what is calculated of several.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other alarm of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 255))]
    alarm_name: Option<String>,
    /// What it is for, and what is to be done about it.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    alarm_description: String,
    /// The namespace of the metric, `AWS/Lambda`. Not with `metrics`.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[^:].*"))]
    namespace: Option<String>,
    /// The name of the metric. Not with `metrics`.
    #[schemars(length(min = 1, max = 255))]
    metric_name: Option<String>,
    /// What the metric is measured of: names and values. Not with `metrics`.
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    /// What is made of the values of a period. Not with `extended_statistic` or `metrics`.
    statistic: Option<Statistic>,
    /// A percentile or a trimmed statistic: `p99`, `tm90`. Not with `statistic` or `metrics`.
    #[schemars(regex(pattern = r"p\d{1,2}(\.\d{0,10})?|p100|(tm|tc|ts|wm)\d{1,2}(\.\d{0,10})?|(TM|TC|TS|WM|PR)\(.*\)|IQM"))]
    extended_statistic: Option<String>,
    /// How many seconds one value stands for: 10, 20, 30 or a multiple of 60. Not with `metrics`.
    #[schemars(range(min = 10, max = 604800))]
    period: Option<i32>,
    /// The unit of the values that count; others are left out. Rarely needed. Not with `metrics`.
    unit: Option<Unit>,
    /// Several metrics and what is calculated of them, in place of one metric. What the alarm looks at is the one that returns data.
    #[schemars(length(min = 1, max = 20))]
    metrics: Option<Vec<Query>>,
    /// How a value is compared with the threshold.
    comparison_operator: Operator,
    /// The value that others are compared with.
    threshold: Option<f64>,
    /// The `id` of that in `metrics` which calculates the band of expected values, in place of a threshold.
    #[schemars(length(min = 1, max = 255))]
    threshold_metric_id: Option<String>,
    /// How many of the last periods are looked at.
    #[schemars(range(min = 1))]
    evaluation_periods: i32,
    /// How many of these must be beyond the threshold. Left out or removed, all.
    #[schemars(range(min = 1))]
    datapoints_to_alarm: Option<i32>,
    /// What a period without values counts as.
    #[serde(default)]
    treat_missing_data: MissingData,
    /// What becomes of a percentile of very few values. Left out or removed, it counts as any other.
    evaluate_low_sample_count_percentile: Option<LowSamples>,
    /// Whether the actions are carried out.
    #[serde(default = "yes")]
    actions_enabled: bool,
    /// The ARNs of what is done when the alarm begins: topics, functions and more.
    #[serde(default)]
    #[schemars(transform = set, length(max = 5))]
    alarm_actions: Vec<String>,
    /// The ARNs of what is done when all is well again.
    #[serde(default)]
    #[schemars(transform = set, length(max = 5))]
    ok_actions: Vec<String>,
    /// The ARNs of what is done when there are too few values to tell.
    #[serde(default)]
    #[schemars(transform = set, length(max = 5))]
    insufficient_data_actions: Vec<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Query {
    /// What expressions call it.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[a-z][a-zA-Z0-9_]*"))]
    id: String,
    /// What is calculated of the others: `errors / calls`. Not with `metric_stat`.
    #[schemars(length(min = 1, max = 2048))]
    expression: Option<String>,
    /// A metric. Not with `expression`.
    metric_stat: Option<MetricStat>,
    /// What people call it.
    label: Option<String>,
    /// Whether it is what the alarm looks at; the others only serve to calculate it.
    #[serde(default = "yes")]
    return_data: bool,
    /// How many seconds one value of the expression stands for.
    #[schemars(range(min = 1))]
    period: Option<i32>,
    /// The account that has the metric, where it is another one.
    #[schemars(regex(pattern = r"\d{12}"))]
    account_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct MetricStat {
    /// The namespace of the metric, `AWS/Lambda`.
    #[schemars(length(min = 1, max = 255), regex(pattern = r"[^:].*"))]
    namespace: String,
    /// The name of the metric.
    #[schemars(length(min = 1, max = 255))]
    metric_name: String,
    /// What the metric is measured of: names and values.
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    /// How many seconds one value stands for: 10, 20, 30 or a multiple of 60.
    #[schemars(range(min = 1))]
    period: i32,
    /// What is made of the values of a period: `Sum`, `Average`, `p99` and more.
    #[schemars(length(min = 1))]
    stat: String,
    /// The unit of the values that count; others are left out.
    unit: Option<Unit>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Statistic {
    /// How many values there are.
    SampleCount,
    /// Their mean.
    Average,
    /// All added up.
    Sum,
    /// The smallest.
    Minimum,
    /// The largest.
    Maximum,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[expect(clippy::enum_variant_names, reason = "they are AWS's own words")]
pub(crate) enum Operator {
    /// At the threshold or above it.
    GreaterThanOrEqualToThreshold,
    /// Above the threshold.
    GreaterThanThreshold,
    /// Below the threshold.
    LessThanThreshold,
    /// At the threshold or below it.
    LessThanOrEqualToThreshold,
    /// Outside of the band of expected values.
    LessThanLowerOrGreaterThanUpperThreshold,
    /// Below the band of expected values.
    LessThanLowerThreshold,
    /// Above the band of expected values.
    GreaterThanUpperThreshold,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum MissingData {
    /// Nothing: with too few values the alarm says that it cannot tell.
    #[default]
    Missing,
    /// Well.
    NotBreaching,
    /// Beyond the threshold.
    Breaching,
    /// Nothing: the alarm stays as it is.
    Ignore,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LowSamples {
    /// It counts.
    Evaluate,
    /// The alarm stays as it is.
    Ignore,
}

units! {
    /// A number without a unit.
    None,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the alarm.
    id: String,
    /// The ARN of the alarm.
    arn: String,
}

impl Resource for Alarm {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "cloudwatch.alarm";
    const FACTS: Facts = Facts {
        gone: GONE,
        actions: Actions {
            create: &["cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"],
            read: &["cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource"],
            update: &["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:TagResource", "cloudwatch:UntagResource"],
            delete: &["cloudwatch:DeleteAlarms"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.alarm_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check::all(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = alarms(world, ids).await?;
        let lives = ids.iter().map(|id| found.get(id.as_str())).map(|it| async move {
            let Some(it) = it else { return Ok(None) };
            // One call for each.
            let tags = if wanted.has("tags") { tags(world, it).await? } else { None };
            Ok(Some(live(it, tags)))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let Some(id) = Self::locate(find.spec).filter(|id| !find.known.contains(id)) else { return Ok(None) };
        let found = alarms(world, std::slice::from_ref(&id)).await?;
        let Some(alarm) = found.get(id.as_str()) else { return Ok(None) };
        let tags = tags(world, alarm).await?.unwrap_or_default();
        Ok(tags.made_by(find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        // The call would put it in the place of one that is there; that there is none is asked before.
        let name = create.spec.alarm_name.clone().unwrap_or_default();
        put(world, &name, create.spec, Some(&create.spec.tags)).await?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changed.iter().any(|it| it != "tags") {
            // All of it each time: what is left out is unset.
            put(world, id.as_str(), to, None).await?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if set.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let found = alarms(world, std::slice::from_ref(id)).await?;
        let arn = found.get(id.as_str()).and_then(|it| it.alarm_arn());
        let arn = arn.ok_or_else(|| Error::rejected("TagResource", "ResourceNotFound", "the alarm is not there"))?;
        if !set.is_empty() {
            world.cloudwatch().tag_resource().resource_arn(arn).set_tags(Some(list(set))).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            world.cloudwatch().untag_resource().resource_arn(arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.cloudwatch().delete_alarms().alarm_names(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];

/// A call takes up to this many names.
const NAMES: usize = 100;

fn yes() -> bool {
    true
}

async fn put(world: &Aws, name: &str, spec: &Spec, tags: Option<&Tags>) -> Result<()> {
    let call = world
        .cloudwatch()
        .put_metric_alarm()
        .alarm_name(name)
        .set_alarm_description(Some(spec.alarm_description.clone()).filter(|it| !it.is_empty()))
        .set_namespace(spec.namespace.clone())
        .set_metric_name(spec.metric_name.clone())
        .set_dimensions(dimensions(&spec.dimensions))
        .set_statistic(spec.statistic.map(|it| SdkStatistic::from(word(&it).as_str())))
        .set_extended_statistic(spec.extended_statistic.clone())
        .set_period(spec.period)
        .set_unit(spec.unit.map(unit))
        .set_metrics(spec.metrics.as_ref().map(|it| it.iter().map(query).collect()))
        .comparison_operator(ComparisonOperator::from(word(&spec.comparison_operator).as_str()))
        .set_threshold(spec.threshold)
        .set_threshold_metric_id(spec.threshold_metric_id.clone())
        .evaluation_periods(spec.evaluation_periods)
        .set_datapoints_to_alarm(spec.datapoints_to_alarm)
        .treat_missing_data(word(&spec.treat_missing_data))
        .set_evaluate_low_sample_count_percentile(spec.evaluate_low_sample_count_percentile.map(|it| word(&it)))
        .actions_enabled(spec.actions_enabled)
        .set_alarm_actions(Some(spec.alarm_actions.clone()))
        .set_ok_actions(Some(spec.ok_actions.clone()))
        .set_insufficient_data_actions(Some(spec.insufficient_data_actions.clone()))
        .set_tags(tags.filter(|it| !it.0.is_empty()).map(|it| list(it.0.clone())));
    call.send().await.map_err(error).map(drop)
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn unit(it: Unit) -> StandardUnit {
    StandardUnit::from(word(&it).as_str())
}

fn dimensions(map: &BTreeMap<String, String>) -> Option<Vec<Dimension>> {
    (!map.is_empty()).then(|| map.iter().map(|(name, value)| Dimension::builder().name(name).value(value).build()).collect())
}

fn query(it: &Query) -> MetricDataQuery {
    let stat = it.metric_stat.as_ref().map(|it| {
        let metric =
            Metric::builder().namespace(&it.namespace).metric_name(&it.metric_name).set_dimensions(dimensions(&it.dimensions)).build();
        SdkMetricStat::builder().metric(metric).period(it.period).stat(&it.stat).set_unit(it.unit.map(unit)).build()
    });
    MetricDataQuery::builder()
        .id(&it.id)
        .set_expression(it.expression.clone())
        .set_metric_stat(stat)
        .set_label(it.label.clone())
        .return_data(it.return_data)
        .set_period(it.period)
        .set_account_id(it.account_id.clone())
        .build()
}

/// Those of these alarms that are there, by name.
async fn alarms(world: &Aws, ids: &[Id]) -> Result<HashMap<String, MetricAlarm>> {
    let mut found = HashMap::new();
    for ids in ids.chunks(NAMES) {
        let names = ids.iter().map(|it| it.0.clone()).collect();
        let call = world.cloudwatch().describe_alarms().set_alarm_names(Some(names)).alarm_types(AlarmType::MetricAlarm);
        let mut pages = call.max_records(100).into_paginator().send();
        while let Some(page) = pages.next().await {
            let alarms = page.map_err(error)?.metric_alarms.unwrap_or_default();
            found.extend(alarms.into_iter().filter_map(|it| Some((it.alarm_name.clone()?, it))));
        }
    }
    Ok(found)
}

/// Nothing where the alarm is gone meanwhile.
async fn tags(world: &Aws, it: &MetricAlarm) -> Result<Option<Tags>> {
    let call = world.cloudwatch().list_tags_for_resource().resource_arn(it.alarm_arn().unwrap_or_default());
    let answer = unless(call.send().await.map_err(error), GONE)?;
    let pair = |it: Tag| Some((it.key?, it.value.unwrap_or_default()));
    Ok(answer.map(|it| Tags::read(it.tags.unwrap_or_default().into_iter().filter_map(pair))))
}

fn map(list: &[Dimension]) -> BTreeMap<String, String> {
    list.iter().filter_map(|it| Some((it.name()?.to_owned(), it.value().unwrap_or_default().to_owned()))).collect()
}

fn read_query(it: &MetricDataQuery) -> Query {
    let stat = it.metric_stat().and_then(|it| {
        let metric = it.metric()?;
        Some(MetricStat {
            namespace: metric.namespace().unwrap_or_default().to_owned(),
            metric_name: metric.metric_name().unwrap_or_default().to_owned(),
            dimensions: map(metric.dimensions()),
            period: it.period().unwrap_or_default(),
            stat: it.stat().unwrap_or_default().to_owned(),
            unit: it.unit().and_then(|it| meaning(it.as_str())),
        })
    });
    Query {
        id: it.id().unwrap_or_default().to_owned(),
        expression: it.expression.clone().filter(|it| !it.is_empty()),
        metric_stat: stat,
        label: it.label.clone(),
        return_data: it.return_data().unwrap_or(true),
        period: it.period(),
        account_id: it.account_id.clone(),
    }
}

fn live(it: &MetricAlarm, tags: Option<Tags>) -> Live<Alarm> {
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let metrics: Vec<Query> = it.metrics().iter().map(read_query).collect();
    let unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    let spec = Spec {
        alarm_name: it.alarm_name.clone(),
        alarm_description: it.alarm_description.clone().unwrap_or_default(),
        namespace: it.namespace.clone(),
        metric_name: it.metric_name.clone(),
        dimensions: map(it.dimensions()),
        statistic: it.statistic().and_then(|it| meaning(it.as_str())),
        extended_statistic: it.extended_statistic.clone(),
        period: it.period,
        unit: it.unit().and_then(|it| meaning(it.as_str())),
        metrics: (!metrics.is_empty()).then_some(metrics),
        comparison_operator: it.comparison_operator().and_then(|it| meaning(it.as_str())).unwrap_or(Operator::GreaterThanThreshold),
        threshold: it.threshold,
        threshold_metric_id: it.threshold_metric_id.clone(),
        evaluation_periods: it.evaluation_periods.unwrap_or(1),
        datapoints_to_alarm: it.datapoints_to_alarm,
        treat_missing_data: it.treat_missing_data().and_then(meaning).unwrap_or_default(),
        evaluate_low_sample_count_percentile: it.evaluate_low_sample_count_percentile().and_then(meaning),
        actions_enabled: it.actions_enabled.unwrap_or(true),
        alarm_actions: sorted(it.alarm_actions()),
        ok_actions: sorted(it.ok_actions()),
        insufficient_data_actions: sorted(it.insufficient_data_actions()),
        tags: tags.unwrap_or_default(),
    };
    let outputs = Outputs { id: it.alarm_name.clone().unwrap_or_default(), arn: it.alarm_arn.clone().unwrap_or_default() };
    Live { spec, outputs, status: Status::Ready, unread }
}

#[cfg(test)]
mod tests;
