use infra::resource::{AnyResource as _, AnyUpdate, Id, Wanted};
use serde_json::{Value as Json, json};

use super::Alarm;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire, refused},
    },
};

/// A valid alarm with something else in it; `null` takes it out.
fn with(changes: Json) -> Json {
    let mut spec = json!({
        "namespace": "AWS/Lambda", "metric_name": "Errors", "statistic": "Sum", "period": 300, "evaluation_periods": 3,
        "comparison_operator": "GreaterThanThreshold", "threshold": 0.05,
    });
    for (name, value) in changes.as_object().expect("an object") {
        spec[name] = value.clone();
    }
    spec
}

/// The same of several metrics.
fn of_several(metrics: Json, changes: Json) -> Json {
    let mut spec = json!({
        "namespace": null, "metric_name": null, "statistic": null, "period": null, "metrics": metrics,
    });
    for (name, value) in changes.as_object().expect("an object") {
        spec[name] = value.clone();
    }
    with(spec)
}

#[test]
fn one_metric_and_several_exclude_each_other() {
    let sum = json!({ "id": "sum", "expression": "a + b" });
    let part = |id: &str| json!({ "id": id, "return_data": false, "metric_stat": { "period": 60 } });
    for (spec, expected) in [
        (with(json!({})), vec![]),
        (with(json!({ "statistic": null, "extended_statistic": "p99" })), vec![]),
        (with(json!({ "extended_statistic": "p99" })), vec!["two statistics of one metric"]),
        (with(json!({ "statistic": null })), vec!["it is not said what is made of the values of a period"]),
        (with(json!({ "period": null, "metric_name": null })), vec!["`metric_name` is missing", "`period` is missing"]),
        (with(json!({ "evaluate_low_sample_count_percentile": "ignore" })), vec!["there is no percentile"]),
        (of_several(json!([sum, part("a"), part("b")]), json!({})), vec![]),
        (of_several(json!([sum]), json!({ "unit": "Count", "dimensions": {} })), vec!["`unit` is for an alarm on one metric"]),
        (of_several(json!([sum, part("sum")]), json!({})), vec!["metrics[1].id: there are two of the id `sum`"]),
        (of_several(json!([part("a")]), json!({})), vec!["0 of the metrics return data, and 1 must"]),
        (of_several(json!([{ "id": "a" }]), json!({})), vec!["metrics[0]: neither a metric nor an expression"]),
        (
            of_several(json!([{ "id": "a", "expression": "1", "metric_stat": { "period": 45 } }]), json!({})),
            vec!["metrics[0]: a metric and an expression at once", "metrics[0].metric_stat.period: no values stand for 45 seconds"],
        ),
    ] {
        assert_eq!(complaints::<Alarm>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn a_threshold_is_a_number_or_a_band() {
    let metrics = || json!([{ "id": "m", "expression": "a" }, { "id": "band", "expression": "ANOMALY_DETECTION_BAND(m)" }]);
    let band = |changes: Json| of_several(metrics(), changes);
    let outside = "LessThanLowerOrGreaterThanUpperThreshold";
    for (spec, expected) in [
        (with(json!({ "threshold": null })), vec!["`threshold` is missing"]),
        (with(json!({ "comparison_operator": outside })), vec!["there is no band of expected values"]),
        (band(json!({ "threshold": null, "threshold_metric_id": "band", "comparison_operator": outside })), vec![]),
        (band(json!({ "threshold": null, "threshold_metric_id": "band" })), vec!["this compares with a number, not with a band"]),
        (band(json!({ "threshold_metric_id": "band", "comparison_operator": outside })), vec!["two thresholds at once"]),
        (
            band(json!({ "threshold": null, "threshold_metric_id": "x", "comparison_operator": outside })),
            vec!["there is no `x` in `metrics`"],
        ),
        (
            with(json!({ "threshold": null, "threshold_metric_id": "x", "comparison_operator": outside })),
            vec!["one metric by itself has no band"],
        ),
    ] {
        assert_eq!(complaints::<Alarm>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn periods_are_of_some_lengths_and_not_too_long_together() {
    for (changes, expected) in [
        (json!({ "period": 10 }), vec![]),
        (json!({ "period": 30 }), vec![]),
        (json!({ "period": 120 }), vec![]),
        (json!({ "period": 90 }), vec!["no values stand for 90 seconds"]),
        (json!({ "datapoints_to_alarm": 3 }), vec![]),
        (json!({ "datapoints_to_alarm": 4 }), vec!["there are no 4 values in 3 periods"]),
        (json!({ "evaluation_periods": 288 }), vec![]),
        (json!({ "evaluation_periods": 289 }), vec!["289 periods of 300 seconds are longer than a day"]),
        (json!({ "period": 86400, "evaluation_periods": 7 }), vec![]),
        (json!({ "period": 86400, "evaluation_periods": 8 }), vec!["8 periods of 86400 seconds are longer than seven days"]),
        (json!({ "dimensions": { ":a": "b" } }), vec!["dimensions[\":a\"]: a dimension has a name that does not begin with a colon"]),
    ] {
        assert_eq!(complaints::<Alarm>(with(changes.clone())), expected, "{changes}");
    }
}

#[tokio::test]
async fn a_hundred_are_read_at_once() {
    let wire = Wire::scripted(&[("DescribeAlarms", Answer::Xml("<DescribeAlarmsResult><MetricAlarms/></DescribeAlarmsResult>"))]).await;
    let ids: Vec<Id> = (0..150).map(|n| Id(format!("alarm-{n}"))).collect();
    let read = Alarm.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    assert_eq!(read, vec![None; 150]);
    let names = ["AlarmNames.member.1", "AlarmNames.member.100", "AlarmNames.member.101"];
    assert_eq!(
        wire.said(&names),
        ["DescribeAlarms AlarmNames.member.1=alarm-0 AlarmNames.member.100=alarm-99", "DescribeAlarms AlarmNames.member.1=alarm-100"]
    );
}

#[tokio::test]
async fn an_update_puts_all_of_it_and_what_is_left_out_is_unset() {
    let wire = Wire::scripted(&[("PutMetricAlarm", Answer::Xml(""))]).await;
    let from = with(json!({ "datapoints_to_alarm": 2, "unit": "Count", "tags": { "a": "b" } }));
    let to = with(json!({ "evaluation_periods": 5, "tags": { "a": "b" } }));
    let changed = ["datapoints_to_alarm", "unit", "evaluation_periods"].map(str::to_owned).into();
    Alarm.update(&wire.world, AnyUpdate { id: &"a".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    let said = wire.said(&["AlarmName", "MetricName", "EvaluationPeriods", "DatapointsToAlarm", "Unit", "Tags.member.1.Key"]);
    assert_eq!(said, ["PutMetricAlarm AlarmName=a MetricName=Errors EvaluationPeriods=5"]);
}

#[tokio::test]
async fn gone_already_is_deleted() {
    let wire = Wire::scripted(&[("DeleteAlarms", refused!("ResourceNotFound", "no"))]).await;
    Alarm.delete(&wire.world, &"a".into(), &with(json!({}))).await.expect("gone already");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "cloudwatch.alarm",
        changes: &[
            "alarm_description: Another",
            "namespace: AWS/SQS",
            "metric_name: NumberOfMessagesSent",
            "dimensions: { QueueName: one, Other: two }",
            "dimensions: {}",
            "statistic: Maximum",
            "period: 60",
            "unit: Count",
            "unit: null",
            "comparison_operator: LessThanThreshold",
            "threshold: 1.5",
            "evaluation_periods: 5",
            "datapoints_to_alarm: 4",
            "datapoints_to_alarm: null",
            "treat_missing_data: breaching",
            "actions_enabled: false",
            "alarm_actions: ['arn:aws:sns:eu-central-1:123456789012:b', 'arn:aws:sns:eu-central-1:123456789012:a']",
            "alarm_actions: []",
            "ok_actions: ['arn:aws:sns:eu-central-1:123456789012:a']",
            "insufficient_data_actions: ['arn:aws:sns:eu-central-1:123456789012:a']",
        ],
        replacements: &["alarm_name: example-another"],
        // Each of these takes another's place, which is two changes; the example has a second alarm with `metrics`.
        untried: &["extended_statistic", "evaluate_low_sample_count_percentile", "metrics", "threshold_metric_id"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
