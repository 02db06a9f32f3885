//! What CloudWatch refuses in an alarm and no schema can say.

use infra::{
    resource::Problems,
    value::{Path, Value},
};

/// What says which metric it is, and stands in each of `metrics` where there are several.
const OF_ONE_METRIC: &[&str] = &["namespace", "metric_name", "dimensions", "statistic", "extended_statistic", "period", "unit"];

/// These compare with a band of expected values.
const OF_A_BAND: &[&str] = &["LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"];

const DAY: i64 = 86400;

pub(super) fn all(spec: &Value, problems: &mut Problems) {
    if is_set(spec, "metrics") {
        for property in OF_ONE_METRIC.iter().filter(|it| is_set(spec, it)) {
            let help = format!("leave `{property}` out; each of `metrics` has its own");
            problems.error(Path::of(property), format!("`{property}` is for an alarm on one metric"), help);
        }
        several(spec, problems);
    } else {
        one(spec, problems);
    }
    threshold(spec, problems);
    periods(spec, problems);
}

fn one(spec: &Value, problems: &mut Problems) {
    for missing in ["namespace", "metric_name", "period"].into_iter().filter(|it| !is_set(spec, it)) {
        problems.error(
            Path::default(),
            format!("`{missing}` is missing"),
            format!("write `{missing}`, or `metrics` in place of one metric"),
        );
    }
    match (is_set(spec, "statistic"), is_set(spec, "extended_statistic")) {
        (false, false) => problems.error(
            Path::default(),
            "it is not said what is made of the values of a period",
            "write `statistic: Sum` or another, or `extended_statistic: p99`",
        ),
        (true, true) => {
            let help = "keep `statistic` or `extended_statistic`";
            problems.error(Path::of("extended_statistic"), "two statistics of one metric", help);
        }
        _ => {}
    }
    if is_set(spec, "evaluate_low_sample_count_percentile") && !is_set(spec, "extended_statistic") {
        let at = Path::of("evaluate_low_sample_count_percentile");
        problems.error(at, "there is no percentile", "write `extended_statistic: p99`, or leave it out");
    }
    period(spec.get("period"), &Path::of("period"), problems);
    unnamed(spec.get("dimensions"), &Path::of("dimensions"), problems);
}

fn several(spec: &Value, problems: &mut Problems) {
    let at = Path::of("metrics");
    let Some(metrics) = spec.get("metrics").and_then(Value::as_list) else { return };
    let mut ids: Vec<&str> = vec![];
    let mut returning = 0;
    for (n, query) in metrics.iter().enumerate().filter(|(_, it)| it.as_map().is_some()) {
        let at = at.item(n);
        let id = query.get("id").and_then(Value::as_text).unwrap_or_default();
        if ids.contains(&id) && !id.is_empty() {
            problems.error(at.key("id"), format!("there are two of the id `{id}`"), "give each another id");
        }
        ids.push(id);
        returning += usize::from(query.get("return_data") != Some(&Value::Bool(false)));
        match (is_set(query, "expression"), is_set(query, "metric_stat")) {
            (false, false) => problems.error(at.clone(), "neither a metric nor an expression", "write `metric_stat` or `expression`"),
            (true, true) => problems.error(at.clone(), "a metric and an expression at once", "keep `metric_stat` or `expression`"),
            _ => {}
        }
        if let Some(stat) = query.get("metric_stat") {
            period(stat.get("period"), &at.key("metric_stat").key("period"), problems);
            unnamed(stat.get("dimensions"), &at.key("metric_stat").key("dimensions"), problems);
        }
    }
    // With a band, what is compared and the band both return data.
    let needed = if is_set(spec, "threshold_metric_id") { 2 } else { 1 };
    if returning != needed && metrics.iter().all(|it| it.as_map().is_some()) {
        let help = "write `return_data: false` for those that only serve to calculate";
        problems.error(at, format!("{returning} of the metrics return data, and {needed} must"), help);
    }
    if let Some(band) = spec.get("threshold_metric_id").and_then(Value::as_text)
        && !ids.contains(&band)
    {
        problems.error(Path::of("threshold_metric_id"), format!("there is no `{band}` in `metrics`"), "name the `id` of one of them");
    }
}

fn threshold(spec: &Value, problems: &mut Problems) {
    let (fixed, band) = (is_set(spec, "threshold"), is_set(spec, "threshold_metric_id"));
    let of_band = spec.get("comparison_operator").and_then(Value::as_text).map(|it| OF_A_BAND.contains(&it));
    if fixed && band {
        let help = "keep `threshold` or `threshold_metric_id`";
        return problems.error(Path::of("threshold_metric_id"), "two thresholds at once", help);
    }
    match of_band {
        Some(true) if !band => {
            let help = "write `threshold_metric_id`, or compare with `GreaterThanThreshold` or the like";
            problems.error(Path::of("comparison_operator"), "there is no band of expected values", help);
        }
        Some(false) if band => {
            let help = format!("write one of {}", OF_A_BAND.join(", "));
            problems.error(Path::of("comparison_operator"), "this compares with a number, not with a band", help);
        }
        Some(false) if !fixed => problems.error(Path::default(), "`threshold` is missing", "write the number to compare with"),
        _ => {}
    }
    if band && !is_set(spec, "metrics") {
        let help = "write the metric and its band, `ANOMALY_DETECTION_BAND(…)`, into `metrics`";
        problems.error(Path::of("threshold_metric_id"), "one metric by itself has no band", help);
    }
}

fn periods(spec: &Value, problems: &mut Problems) {
    let int = |property: &str| match spec.get(property) {
        Some(Value::Int(it)) => Some(*it),
        _ => None,
    };
    let Some(periods) = int("evaluation_periods") else { return };
    if let Some(points) = int("datapoints_to_alarm").filter(|it| *it > periods) {
        let help = format!("write {periods} or less, or more `evaluation_periods`");
        problems.error(Path::of("datapoints_to_alarm"), format!("there are no {points} values in {periods} periods"), help);
    }
    if let Some(period) = int("period") {
        let (longest, said) = if period >= 3600 { (7 * DAY, "seven days") } else { (DAY, "a day") };
        if period.saturating_mul(periods) > longest {
            let help = format!("write {} or less, or another `period`", longest / period);
            let summary = format!("{periods} periods of {period} seconds are longer than {said}");
            problems.error(Path::of("evaluation_periods"), summary, help);
        }
    }
}

fn period(period: Option<&Value>, at: &Path, problems: &mut Problems) {
    if let Some(Value::Int(it)) = period
        && ![10, 20, 30].contains(it)
        && (it % 60 != 0 || *it <= 0)
    {
        problems.error(at.clone(), format!("no values stand for {it} seconds"), "write 10, 20, 30 or a multiple of 60");
    }
}

fn unnamed(dimensions: Option<&Value>, at: &Path, problems: &mut Problems) {
    let Some(dimensions) = dimensions.and_then(Value::as_map) else { return };
    if dimensions.len() > 30 {
        problems.error(at.clone(), "a metric has at most 30 dimensions", "leave some out");
    }
    for name in dimensions.keys().filter(|it| it.is_empty() || it.starts_with(':')) {
        problems.error(at.key(name), "a dimension has a name that does not begin with a colon", "write another name");
    }
}

fn is_set(of: &Value, property: &str) -> bool {
    // No dimensions are as good as none written.
    of.get(property).is_some_and(|it| !it.is_null() && it.as_map().is_none_or(|it| !it.is_empty()))
}
