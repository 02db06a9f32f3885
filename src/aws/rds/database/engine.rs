//! What depends on the engine: how its versions look, and which logs it has.

use infra::{
    resource::Problems,
    value::{Path, Value},
};

/// What a database of this engine cannot have.
pub(in crate::aws::rds) fn check(spec: &Value, problems: &mut Problems) {
    let Some(engine) = spec.get("engine").and_then(Value::as_text) else { return };
    let Some(known) = ENGINES.iter().find(|it| it.name == engine) else { return };
    if let Some(version) = spec.get("engine_version").and_then(Value::as_text)
        && is_version(version)
        && !known.has(version)
    {
        let help = format!("write one of its own, as `{}`, or the first of its numbers", known.version);
        problems.error(Path::of("engine_version"), format!("`{version}` is no version of {engine}"), help);
    }
    let logs = spec.get("enable_cloudwatch_logs_exports").and_then(Value::as_list).unwrap_or_default();
    for (n, log) in logs.iter().enumerate() {
        if let Some(log) = log.as_text()
            && !known.logs.contains(&log)
        {
            let path = Path::of("enable_cloudwatch_logs_exports").item(n);
            problems.error(path, format!("{engine} has no log `{log}`"), format!("it has {}", known.logs.join(", ")));
        }
    }
}

struct Engine {
    name: &'static str,
    /// One that it has, or had.
    version: &'static str,
    /// The logs that it can send to CloudWatch Logs.
    logs: &'static [&'static str],
}

/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>
const ENGINES: &[Engine] = &[
    Engine { name: "aurora-postgresql", version: "17.6", logs: &["iam-db-auth-error", "instance", "postgresql"] },
    Engine {
        name: "aurora-mysql",
        version: "8.0.mysql_aurora.3.08.0",
        logs: &["audit", "error", "general", "iam-db-auth-error", "instance", "slowquery"],
    },
    Engine { name: "postgres", version: "17.6", logs: &["iam-db-auth-error", "postgresql", "upgrade"] },
    Engine { name: "mysql", version: "8.4.6", logs: &["audit", "error", "general", "iam-db-auth-error", "slowquery"] },
    Engine { name: "mariadb", version: "11.4.5", logs: &["audit", "error", "general", "iam-db-auth-error", "slowquery"] },
];

impl Engine {
    /// Whether a version can be one of its own: MySQL counts in one figure, all others in two.
    fn has(&self, version: &str) -> bool {
        let mut parts = version.split('.');
        let long = parts.next().is_some_and(|it| it.len() > 1);
        match self.name {
            "aurora-mysql" => !long && parts.nth(1).is_none_or(|it| it == "mysql_aurora"),
            "mysql" => !long && !version.contains("mysql_aurora"),
            // The last PostgreSQL of one figure.
            "aurora-postgresql" | "postgres" => (long || version == "9" || version.starts_with("9.")) && !version.contains("mysql_aurora"),
            _ => long && !version.contains("mysql_aurora"),
        }
    }
}

/// What has another form is told of by the schema.
fn is_version(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_digit()) && text.split('.').all(|it| it == "mysql_aurora" || it.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(spec: serde_json::Value) -> Vec<String> {
        let mut problems = Problems::default();
        check(&Value::from(spec), &mut problems);
        problems.0.into_iter().map(|it| format!("{}: {}; {}", it.path, it.summary, it.help.unwrap_or_default())).collect()
    }

    #[test]
    fn every_engine_has_versions_of_its_own() {
        for (engine, fits, others) in [
            ("aurora-postgresql", &["17", "17.6", "16.4", "9.6"][..], &["8.0", "8.0.mysql_aurora.3.08.0", "17.mysql_aurora"][..]),
            ("aurora-mysql", &["8", "8.0", "8.0.mysql_aurora", "8.0.mysql_aurora.3.08.0"], &["17.6", "8.0.36", "11.4.5"]),
            ("postgres", &["17", "17.6", "10.23"], &["8.4.6", "8.0"]),
            ("mysql", &["8.4.6", "8.0", "5.7"], &["17.6", "8.0.mysql_aurora.3.08.0", "11.4.5"]),
            ("mariadb", &["11.4.5", "10.11"], &["8.4.6"]),
        ] {
            for version in fits {
                assert_eq!(told(json!({ "engine": engine, "engine_version": version })), [""; 0], "{engine} {version}");
            }
            for version in others {
                let found = told(json!({ "engine": engine, "engine_version": version }));
                let expected = format!("engine_version: `{version}` is no version of {engine}; write one of its own, as ");
                assert!(found.len() == 1 && found[0].starts_with(&expected), "{engine} {version}: {found:?}");
            }
        }
        // What has another form is told of already.
        assert_eq!(told(json!({ "engine": "postgres", "engine_version": "latest" })), [""; 0]);
    }

    #[test]
    fn every_engine_has_logs_of_its_own() {
        for (engine, logs, expected) in [
            ("aurora-postgresql", json!(["postgresql", "instance"]), vec![]),
            ("aurora-postgresql", json!(["postgres"]), vec!["postgres"]),
            ("postgres", json!(["postgresql", "upgrade"]), vec![]),
            ("mysql", json!(["audit", "error", "general", "slowquery", "iam-db-auth-error"]), vec![]),
            ("aurora-mysql", json!(["slow", "slowquery", "upgrade"]), vec!["slow", "upgrade"]),
        ] {
            let found = told(json!({ "engine": engine, "enable_cloudwatch_logs_exports": logs }));
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (found, log) in found.iter().zip(expected) {
                assert!(found.contains(&format!("]: {engine} has no log `{log}`; it has ")), "{found}");
            }
        }
    }
}
