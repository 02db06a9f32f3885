//! What AWS does to a database by itself, as the file allows it, and never takes back.

use std::{cmp::Ordering, collections::BTreeMap};

use infra::value::Value;

/// Whether it runs a newer minor version than the one written: AWS installs these during maintenance.
pub(in crate::aws::rds) fn newer(wanted: &BTreeMap<String, Value>, there: &Value) -> bool {
    let text = |it: Option<&Value>| it.and_then(Value::as_text).map(str::to_owned);
    let (written, running) = (text(wanted.get("engine_version")), text(there.get("engine_version")));
    let (Some(written), Some(running)) = (written, running) else { return false };
    let engine = text(wanted.get("engine")).unwrap_or_default();
    let (written, running) = (parts(&written), parts(&running));
    let major = major(&engine).min(written.len());
    running.len() >= major && order(&running[..major], &written[..major]).is_eq() && order(&running, &written).is_gt()
}

/// Whether its storage has grown beyond what is written, and to no more than it may grow to where that is written. It never gets
/// smaller, not even once it may not grow any more.
pub(in crate::aws::rds) fn larger(wanted: &BTreeMap<String, Value>, there: &Value) -> bool {
    let number = |it: Option<&Value>| match it {
        Some(Value::Int(it)) => Some(*it),
        _ => None,
    };
    let (written, most) = (number(wanted.get("allocated_storage")), number(wanted.get("max_allocated_storage")));
    let (Some(written), Some(now)) = (written, number(there.get("allocated_storage"))) else { return false };
    written < now && most.is_none_or(|it| now <= it)
}

/// How many parts of a version of this engine no minor upgrade changes.
fn major(engine: &str) -> usize {
    match engine {
        // `8.0.mysql_aurora.3.08.0`
        "aurora-mysql" => 4,
        // `8.4.6`, `11.4.5`
        "mysql" | "mariadb" => 2,
        // `17.6`
        _ => 1,
    }
}

/// `17.6-R2` comes after `17.6`.
fn parts(version: &str) -> Vec<&str> {
    version.split(['.', '-']).collect()
}

fn order(one: &[&str], other: &[&str]) -> Ordering {
    let each = one.iter().zip(other).map(|(one, other)| match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => one.cmp(other),
    });
    each.fold(Ordering::Equal, Ordering::then).then(one.len().cmp(&other.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn asked(grown: fn(&BTreeMap<String, Value>, &Value) -> bool, wanted: Json, there: Json) -> bool {
        grown(Value::from(wanted).as_map().expect("properties by name"), &Value::from(there))
    }

    #[test]
    fn a_minor_version_is_installed_by_itself_and_a_major_one_is_not() {
        for (engine, written, running, expected) in [
            ("postgres", "17.6", "17.7", true),
            ("postgres", "17.9", "17.10", true),
            ("postgres", "17.6", "17.6-R2", true),
            ("aurora-postgresql", "16.4", "16.8", true),
            ("aurora-postgresql", "16.8", "16.4", false),
            ("aurora-postgresql", "16.4", "17.4", false),
            ("postgres", "17.6", "17.6", false),
            ("postgres", "16", "17.1", false),
            ("mysql", "8.0.40", "8.0.42", true),
            ("mysql", "8.0.40", "8.4.3", false),
            ("mariadb", "10.11.9", "11.4.4", false),
            ("mysql", "8", "9.1", false),
            ("aurora-mysql", "8.0.mysql_aurora.3.08.0", "8.0.mysql_aurora.3.10.0", true),
            ("aurora-mysql", "8.0.mysql_aurora.3.08.0", "8.0.mysql_aurora.4.01.0", false),
            ("aurora-mysql", "5.7.mysql_aurora.2.11.1", "8.0.mysql_aurora.3.08.0", false),
        ] {
            let found = asked(newer, json!({ "engine": engine, "engine_version": written }), json!({ "engine_version": running }));
            assert_eq!(found, expected, "{engine} {written} {running}");
        }
        assert!(!asked(newer, json!({ "engine": "postgres" }), json!({ "engine_version": "17.6" })));
    }

    #[test]
    fn storage_grows_by_itself_as_far_as_it_may() {
        let grows = json!({ "allocated_storage": 20, "max_allocated_storage": 100 });
        for (wanted, now, expected) in [
            (&grows, 40, true),
            (&grows, 100, true),
            (&grows, 101, false),
            (&grows, 20, false),
            (&grows, 10, false),
            (&json!({ "allocated_storage": 20 }), 40, true),
            (&json!({ "allocated_storage": 40 }), 20, false),
        ] {
            assert_eq!(asked(larger, wanted.clone(), json!({ "allocated_storage": now })), expected, "{wanted} {now}");
        }
    }
}
