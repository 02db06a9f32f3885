//! Parameters of both kinds of groups: which to send together, and when they come into force.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use aws_sdk_rds::types::{ApplyMethod, Filter, Parameter};
use infra::{
    resource::{Problems, Result},
    value::{Path, Value},
};

use super::super::filter;

/// A call takes up to this many.
const PARAMETERS: usize = 20;

/// Those that AWS checks against each other, so that they must come in one call.
const TOGETHER: &[&[&str]] = &[
    &["collation_server", "character_set_server"],
    &["gtid-mode", "gtid_mode", "enforce_gtid_consistency"],
    &["password_encryption", "rds.accepted_password_auth_method"],
    &["ssl_min_protocol_version", "ssl_max_protocol_version"],
    &["aurora_enhanced_binlog", "binlog_backup", "binlog_replication_globaldb"],
];

pub(in crate::aws::rds) type Values = BTreeMap<String, String>;

/// Those that have a value, whoever set it: one that was set to its default cannot be told from one that was not.
pub(in crate::aws::rds) fn values(list: Vec<Parameter>) -> Values {
    list.into_iter().filter_map(|it| Some((it.parameter_name?, it.parameter_value?))).collect()
}

pub(in crate::aws::rds) fn check(spec: &Value, problems: &mut Problems) {
    for name in spec.get("parameters").and_then(Value::as_map).into_iter().flat_map(BTreeMap::keys) {
        if name.chars().any(char::is_uppercase) {
            let help = format!("AWS knows it as `{}`", name.to_lowercase());
            problems.error(Path::of("parameters").key(name), "a parameter with capital letters", help);
        }
    }
}

/// Sets those that differ and resets those that are no longer wanted, in as few calls as their number allows.
pub(in crate::aws::rds) async fn bring<D, M, R, FD, FM, FR>(from: &Values, to: &Values, describe: D, modify: M, reset: R) -> Result<()>
where
    D: Fn(Filter) -> FD,
    M: Fn(Vec<Parameter>) -> FM,
    R: Fn(Vec<Parameter>) -> FR,
    FD: Future<Output = Result<Vec<Parameter>>>,
    FM: Future<Output = Result<()>>,
    FR: Future<Output = Result<()>>,
{
    let set: BTreeSet<&str> = to.iter().filter(|(name, value)| from.get(*name) != Some(value)).map(|(name, _)| name.as_str()).collect();
    for names in batches(&set, to) {
        let methods = Methods::of(&describe(names_filter(&names)).await?);
        modify(names.iter().map(|name| methods.parameter(name, to.get(*name))).collect()).await?;
    }
    let unset: BTreeSet<&str> = from.keys().filter(|name| !to.contains_key(*name)).map(String::as_str).collect();
    for names in batches(&unset, &Values::new()) {
        let methods = Methods::of(&describe(names_filter(&names)).await?);
        reset(names.iter().map(|name| methods.parameter(name, None)).collect()).await?;
    }
    Ok(())
}

fn names_filter(names: &[&str]) -> Filter {
    filter("parameter-name", names.iter().map(|it| (*it).to_owned()))
}

/// The parameters that may come into force at once.
struct Methods(HashSet<String>);

impl Methods {
    fn of(described: &[Parameter]) -> Self {
        let dynamic = described.iter().filter(|it| it.apply_type() == Some("dynamic"));
        Self(dynamic.filter_map(|it| it.parameter_name.clone()).collect())
    }

    /// AWS refuses a static one that is to come into force before a reboot.
    fn parameter(&self, name: &str, value: Option<&String>) -> Parameter {
        let method = if self.0.contains(name) { ApplyMethod::Immediate } else { ApplyMethod::PendingReboot };
        Parameter::builder().parameter_name(name).set_parameter_value(value.cloned()).apply_method(method).build()
    }
}

/// Parts of what changes that fit into a call each. What belongs together stays so, with what is wanted of it and does not change.
fn batches<'a>(changed: &BTreeSet<&'a str>, wanted: &'a Values) -> Vec<Vec<&'a str>> {
    let mut left = changed.clone();
    let mut units: Vec<Vec<&str>> = vec![];
    for family in TOGETHER.iter().filter(|it| it.iter().any(|name| changed.contains(name))) {
        let all = changed.iter().copied().chain(wanted.keys().map(String::as_str));
        let unit: BTreeSet<&str> = all.filter(|name| family.contains(name)).collect();
        left.retain(|name| !unit.contains(name));
        units.push(unit.into_iter().collect());
    }
    units.extend(left.into_iter().map(|it| vec![it]));
    let mut batches: Vec<Vec<&str>> = vec![];
    for unit in units {
        match batches.last_mut() {
            Some(last) if last.len() + unit.len() <= PARAMETERS => last.extend(unit),
            _ => batches.push(unit),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_at_a_time_and_families_together() {
        let names: Vec<String> = (10..45).map(|it| format!("p{it}")).collect();
        let mut changed: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        changed.insert("ssl_max_protocol_version");
        let wanted: Values = [("ssl_min_protocol_version".to_owned(), "TLSv1.2".to_owned())].into();
        let batches = batches(&changed, &wanted);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [20, 17]);
        assert_eq!(batches[0][..2], ["ssl_max_protocol_version", "ssl_min_protocol_version"]);
        assert!(super::batches(&BTreeSet::new(), &wanted).is_empty());
    }

    #[test]
    fn a_static_parameter_waits_for_the_reboot() {
        let described = ["dynamic", "static"].map(|it| Parameter::builder().parameter_name(it).apply_type(it).build());
        let methods = Methods::of(&described);
        for (name, expected) in
            [("dynamic", ApplyMethod::Immediate), ("static", ApplyMethod::PendingReboot), ("unknown", ApplyMethod::PendingReboot)]
        {
            assert_eq!(methods.parameter(name, None).apply_method(), Some(&expected), "{name}");
        }
    }
}
