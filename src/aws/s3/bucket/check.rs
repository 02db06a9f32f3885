//! What S3 refuses of rules, notifications and copies, and no schema can say.

use aws_sdk_s3::types::Event;
use infra::{
    diagnostic::nearest,
    resource::Problems,
    value::{Path, Value},
};

use crate::aws::arn;

pub(super) fn all(spec: &Value, problems: &mut Problems) {
    notifications(spec, problems);
    replication(spec, problems);
    for (n, rule) in items(spec, "lifecycle_rules").enumerate() {
        let at = Path::of("lifecycle_rules").item(n);
        ages(rule, &at, "transitions", number(rule.get("expiration_in_days")), problems);
        let end = rule.get("noncurrent_version_expiration").and_then(|it| number(it.get("noncurrent_days")));
        ages(rule, &at, "noncurrent_version_transitions", end, problems);
    }
    for (n, rule) in items(spec, "cors_rules").enumerate() {
        for (m, origin) in items(rule, "allowed_origins").enumerate() {
            if origin.as_text().is_some_and(|it| it.matches('*').count() > 1) {
                let at = Path::of("cors_rules").item(n).key("allowed_origins").item(m);
                problems.error(at, "an origin with more than one `*`", "write one origin for each, or `*` alone for all");
            }
        }
    }
}

fn items<'a>(of: &'a Value, property: &str) -> impl Iterator<Item = &'a Value> {
    of.get(property).and_then(Value::as_list).unwrap_or_default().iter()
}

fn number(value: Option<&Value>) -> Option<i64> {
    match value {
        Some(Value::Int(it)) => Some(*it),
        _ => None,
    }
}

fn notifications(spec: &Value, problems: &mut Problems) {
    let Some(all) = spec.get("notification_configuration") else { return };
    for (list, to, kind) in [
        ("lambda_configurations", "function", arn::FUNCTION),
        ("queue_configurations", "queue", arn::QUEUE),
        ("topic_configurations", "topic", arn::TOPIC),
    ] {
        for (n, told) in items(all, list).enumerate() {
            let at = Path::of("notification_configuration").key(list).item(n);
            kind.check(told.get(to), at.key(to), problems);
            for (m, event) in items(told, "events").enumerate() {
                let Some(text) = event.as_text().filter(|it| !Event::values().contains(it)) else { continue };
                let help = match nearest(text, Event::values().iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("write one of {}", Event::values().join(", ")),
                };
                problems.error(at.key("events").item(m), format!("S3 has no event `{text}`"), help);
            }
        }
    }
}

fn replication(spec: &Value, problems: &mut Problems) {
    let Some(copies) = spec.get("replication_configuration").filter(|it| it.as_map().is_some()) else { return };
    let at = Path::of("replication_configuration");
    if spec.get("versioning").is_none_or(|it| it.is_null() || it.as_text() == Some("Suspended")) {
        problems.error(at.clone(), "copies of a bucket without versioning", "write `versioning: Enabled`: S3 copies versions");
    }
    arn::ROLE.check(copies.get("role"), at.key("role"), problems);
    for (n, rule) in items(copies, "rules").enumerate() {
        arn::BUCKET.check(rule.get("destination_bucket"), at.key("rules").item(n).key("destination_bucket"), problems);
    }
}

/// Objects are old enough when they move, and are there still.
fn ages(rule: &Value, at: &Path, property: &str, end: Option<i64>, problems: &mut Problems) {
    for (n, transition) in items(rule, property).enumerate() {
        let Some(days) = number(transition.get("transition_in_days")) else { continue };
        let at = at.key(property).item(n).key("transition_in_days");
        let class = transition.get("storage_class").and_then(Value::as_text);
        if let Some(class) = class.filter(|it| days < 30 && matches!(*it, "STANDARD_IA" | "ONEZONE_IA")) {
            problems.error(at.clone(), format!("a move to {class} after {days} days"), "S3 takes 30 days or more");
        }
        if let Some(end) = end.filter(|it| *it <= days) {
            let help = format!("write fewer than {end} days, or let them be deleted later");
            problems.error(at, format!("a move after {days} days of what is deleted after {end}"), help);
        }
    }
}
