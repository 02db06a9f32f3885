//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHealthCheck.html>

use std::{collections::HashMap, net::IpAddr};

use aws_sdk_route53::types::{
    AlarmIdentifier, CloudWatchRegion, HealthCheck as Described, HealthCheckConfig, HealthCheckRegion, HealthCheckType,
    InsufficientDataHealthStatus, ResettableElementName, TagResourceType,
};
use infra::{
    resource::{
        Actions, Create, Delete, Facts, Find, Id, Live, Problems, Resource, Result, Status, Tags, Update, Wanted, immutable, kept, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GONE, incomplete, retag, tags};
use crate::aws::{
    calls::few_abreast,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct HealthCheck;

/// A health check: says whether something answers, so that records lead only to what does.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// What is looked at.
    #[schemars(transform = immutable)]
    r#type: Type,
    /// The address that is asked. Left out, the domain name is looked up.
    #[schemars(transform = kept, length(min = 1, max = 45))]
    ip_address: Option<String>,
    /// The port that is asked. Left out, that of the protocol.
    #[schemars(transform = kept, range(min = 1, max = 65535))]
    port: Option<i32>,
    /// The path that is asked for, and its query: `/health`.
    #[schemars(length(min = 1, max = 255))]
    resource_path: Option<String>,
    /// The host that is asked.
    #[schemars(length(min = 1, max = 255))]
    fully_qualified_domain_name: Option<String>,
    /// What has to stand in the first 5120 bytes of the answer.
    #[schemars(transform = kept, length(min = 1, max = 255))]
    search_string: Option<String>,
    /// How many seconds lie between two questions from one place: 30, or 10 for more money.
    #[schemars(transform = immutable)]
    request_interval: Option<i32>,
    /// How many answers in a row change what is said of its health. Left out, three.
    #[schemars(transform = kept, range(min = 1, max = 10))]
    failure_threshold: Option<i32>,
    /// Whether it is measured how long answers take.
    #[serde(default)]
    #[schemars(transform = immutable)]
    measure_latency: bool,
    /// Whether healthy counts as unhealthy and the other way round.
    #[serde(default)]
    inverted: bool,
    /// Whether nothing is asked, and everything counts as healthy.
    #[serde(default)]
    disabled: bool,
    /// The health checks that this one is made of.
    #[schemars(transform = set)]
    child_health_checks: Option<Vec<String>>,
    /// How many of these have to be healthy.
    #[schemars(transform = kept, range(min = 0, max = 256))]
    health_threshold: Option<i32>,
    /// Whether the host's name is said when a TLS connection begins. Left out, it is with HTTPS.
    #[schemars(transform = kept)]
    enable_sni: Option<bool>,
    /// The AWS regions that questions come from, three at least. Left out, all.
    #[schemars(transform = set, length(min = 3))]
    regions: Option<Vec<String>>,
    /// The alarm whose state it goes by.
    #[schemars(transform = kept)]
    alarm_identifier: Option<Alarm>,
    /// What it says while that alarm knows too little.
    #[schemars(transform = kept)]
    insufficient_data_health_status: Option<Insufficient>,
    /// Tags by key. `Name` is its name in the console.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Type {
    /// Whether a web server answers.
    Http,
    /// Whether a web server answers over TLS.
    Https,
    /// Whether a text is in a web server's answer.
    HttpStrMatch,
    /// Whether a text is in a web server's answer over TLS.
    HttpsStrMatch,
    /// Whether a connection can be made.
    Tcp,
    /// What other health checks say.
    Calculated,
    /// What an alarm in CloudWatch says.
    CloudwatchMetric,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Alarm {
    /// The name of the alarm.
    name: String,
    /// The region that the alarm is in.
    region: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Insufficient {
    /// That all is well.
    Healthy,
    /// What it said before.
    LastKnownStatus,
    /// That nothing is well.
    Unhealthy,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the health check.
    id: String,
    /// The ARN of the health check.
    arn: String,
}

impl Resource for HealthCheck {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "route53.health_check";
    const FACTS: Facts = Facts {
        gone: GONE,
        token: true,
        actions: Actions {
            create: &["route53:CreateHealthCheck", "route53:ListHealthChecks", "cloudwatch:DescribeAlarms"],
            read: &["route53:GetHealthCheck", "route53:ListTagsForResources"],
            update: &["route53:UpdateHealthCheck", "route53:ChangeTagsForResource", "cloudwatch:DescribeAlarms"],
            delete: &["route53:DeleteHealthCheck"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let has = |name: &str| spec.get(name).is_some_and(|it| !it.is_null());
        let Some(kind) = spec.get("type").and_then(Value::as_text) else { return };
        let mut needs = |name: &str| {
            if !has(name) {
                problems.error(Path::of("type"), format!("a health check of type {kind} without `{name}`"), format!("write `{name}`"));
            }
        };
        match kind {
            "CALCULATED" => needs("child_health_checks"),
            "CLOUDWATCH_METRIC" => needs("alarm_identifier"),
            "TCP" => needs("port"),
            "HTTP_STR_MATCH" | "HTTPS_STR_MATCH" => needs("search_string"),
            _ => {}
        }
        if let Some(text) = spec.get("ip_address").and_then(Value::as_text).filter(|it| it.parse::<IpAddr>().is_err()) {
            let help = "write it as 203.0.113.1 or 2001:db8::1; a name is a `fully_qualified_domain_name`";
            problems.error(Path::of("ip_address"), format!("`{text}` is no IP address"), help);
        }
        for (n, region) in spec.get("regions").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            if let Some(text) = region.as_text().filter(|it| !HealthCheckRegion::values().contains(it)) {
                let help = format!("write some of {}", HealthCheckRegion::values().join(", "));
                problems.error(Path::of("regions").item(n), format!("nobody asks from {text}"), help);
            }
        }
        let asks = !matches!(kind, "CALCULATED" | "CLOUDWATCH_METRIC");
        if asks && !has("ip_address") && !has("fully_qualified_domain_name") {
            let help = "write `fully_qualified_domain_name` or `ip_address`";
            problems.error(Path::of("type"), "a health check that has nobody to ask", help);
        }
        let only: &[(&str, bool)] = &[
            ("request_interval", asks),
            ("failure_threshold", asks),
            ("search_string", kind.ends_with("STR_MATCH")),
            ("resource_path", kind.starts_with("HTTP")),
            ("child_health_checks", kind == "CALCULATED"),
            ("health_threshold", kind == "CALCULATED"),
            ("alarm_identifier", kind == "CLOUDWATCH_METRIC"),
        ];
        for (name, _) in only.iter().filter(|(name, fits)| !fits && has(name)) {
            problems.error(Path::of(name), format!("`{name}` on a health check of type {kind}"), "leave it out");
        }
        if let Some(Value::Int(seconds)) = spec.get("request_interval")
            && ![10, 30].contains(seconds)
        {
            problems.error(Path::of("request_interval"), format!("one question in {seconds} seconds"), "write 10 or 30");
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let answers = ids.iter().map(|id| async {
            let answer = world.route53().get_health_check().health_check_id(id.as_str()).send().await.map_err(error);
            Ok(unless(answer, GONE)?.and_then(|it| it.health_check))
        });
        let answers = few_abreast(answers).await?;
        let there: Vec<_> = ids.iter().zip(&answers).filter(|it| it.1.is_some()).map(|it| it.0.clone()).collect();
        let tags = if wanted.has("tags") { Some(tags(world, TagResourceType::Healthcheck, &there).await?) } else { None };
        Ok(answers.into_iter().map(|it| live(world, it?, tags.as_ref())).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let mut all = world.route53().list_health_checks().into_paginator().items().send();
        while let Some(it) = all.next().await {
            let it = it.map_err(error)?;
            if it.caller_reference == find.operation {
                return Ok(Some(Id(it.id)).filter(|id| !find.known.contains(id)));
            }
        }
        Ok(None)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        // The same reference again yields the same health check.
        let call = world.route53().create_health_check().caller_reference(create.token).health_check_config(config(create.spec)?);
        let made = call.send().await.map_err(error)?;
        Ok(Id(made.health_check.map(|it| it.id).unwrap_or_default()))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changed.iter().any(|it| it != "tags") {
            let it = config(to)?;
            let unset = [
                (ResettableElementName::ResourcePath, to.resource_path.is_none()),
                (ResettableElementName::FullyQualifiedDomainName, to.fully_qualified_domain_name.is_none()),
                (ResettableElementName::ChildHealthChecks, to.child_health_checks.is_none() && from.child_health_checks.is_some()),
                (ResettableElementName::Regions, to.regions.is_none() && update.changes("regions")),
            ];
            let unset: Vec<_> = unset.into_iter().filter(|it| it.1).map(|it| it.0).collect();
            world
                .route53()
                .update_health_check()
                .health_check_id(id.as_str())
                .set_ip_address(it.ip_address)
                .set_port(it.port)
                .set_resource_path(it.resource_path)
                .set_fully_qualified_domain_name(it.fully_qualified_domain_name)
                .set_search_string(it.search_string)
                .set_failure_threshold(it.failure_threshold)
                .set_inverted(it.inverted)
                .set_disabled(it.disabled)
                .set_health_threshold(it.health_threshold)
                .set_child_health_checks(it.child_health_checks)
                .set_enable_sni(it.enable_sni)
                .set_regions(it.regions)
                .set_alarm_identifier(it.alarm_identifier)
                .set_insufficient_data_health_status(it.insufficient_data_health_status)
                .set_reset_elements(Some(unset).filter(|it| !it.is_empty()))
                .send()
                .await
                .map_err(error)?;
        }
        retag(world, TagResourceType::Healthcheck, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let call = world.route53().delete_health_check().health_check_id(delete.id.as_str());
        unless(call.send().await.map_err(error), GONE).map(drop)
    }
}

fn config(spec: &Spec) -> Result<HealthCheckConfig> {
    let alarm = spec
        .alarm_identifier
        .as_ref()
        .map(|it| AlarmIdentifier::builder().name(&it.name).region(CloudWatchRegion::from(it.region.as_str())).build().map_err(incomplete));
    let regions = spec.regions.as_ref().map(|it| it.iter().map(|it| HealthCheckRegion::from(it.as_str())).collect());
    HealthCheckConfig::builder()
        .r#type(HealthCheckType::from(word(&spec.r#type).as_str()))
        .set_ip_address(spec.ip_address.clone())
        .set_port(spec.port)
        .set_resource_path(spec.resource_path.clone())
        .set_fully_qualified_domain_name(spec.fully_qualified_domain_name.clone())
        .set_search_string(spec.search_string.clone())
        .set_request_interval(spec.request_interval)
        .set_failure_threshold(spec.failure_threshold)
        // Only what asks somebody can measure how long the answer takes.
        .set_measure_latency(spec.measure_latency.then_some(true))
        .inverted(spec.inverted)
        .disabled(spec.disabled)
        .set_health_threshold(spec.health_threshold)
        .set_child_health_checks(spec.child_health_checks.clone())
        .set_enable_sni(spec.enable_sni)
        .set_regions(regions)
        .set_alarm_identifier(alarm.transpose()?)
        .set_insufficient_data_health_status(
            spec.insufficient_data_health_status.map(|it| InsufficientDataHealthStatus::from(word(&it).as_str())),
        )
        .build()
        .map_err(incomplete)
}

/// Nothing where it is of a type that came later than this program.
fn live(world: &Aws, it: Described, tags: Option<&HashMap<String, Tags>>) -> Option<Live<HealthCheck>> {
    let config = it.health_check_config?;
    let spec = Spec {
        r#type: meaning(config.r#type.as_str())?,
        ip_address: config.ip_address,
        port: config.port,
        resource_path: config.resource_path,
        fully_qualified_domain_name: config.fully_qualified_domain_name,
        search_string: config.search_string,
        request_interval: config.request_interval,
        failure_threshold: config.failure_threshold,
        measure_latency: config.measure_latency.unwrap_or_default(),
        inverted: config.inverted.unwrap_or_default(),
        disabled: config.disabled.unwrap_or_default(),
        child_health_checks: config.child_health_checks.filter(|it| !it.is_empty()),
        health_threshold: config.health_threshold,
        enable_sni: config.enable_sni,
        regions: (config.regions).filter(|it| !it.is_empty()).map(|it| it.iter().map(|it| it.as_str().to_owned()).collect()),
        alarm_identifier: config.alarm_identifier.map(|it| Alarm { region: it.region.as_str().to_owned(), name: it.name }),
        insufficient_data_health_status: config.insufficient_data_health_status.and_then(|it| meaning(it.as_str())),
        tags: tags.and_then(|tags| tags.get(&it.id)).cloned().unwrap_or_default(),
    };
    let outputs = Outputs { arn: format!("arn:{}:route53:::healthcheck/{}", world.partition(), it.id), id: it.id };
    Some(Live { spec, outputs, status: Status::Ready, unread: if tags.is_none() { vec!["tags"] } else { vec![] } })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::HealthCheck;
    use crate::aws::{complaints::complaints, conformance::Conformance};

    #[test]
    fn properties_must_fit_the_type() {
        for (spec, expected) in [
            (json!({ "type": "HTTPS", "fully_qualified_domain_name": "example.com" }), vec![]),
            (json!({ "type": "HTTP" }), vec!["a health check that has nobody to ask"]),
            (json!({ "type": "TCP", "ip_address": "203.0.113.1" }), vec!["a health check of type TCP without `port`"]),
            (
                json!({ "type": "HTTP_STR_MATCH", "ip_address": "203.0.113.1" }),
                vec!["a health check of type HTTP_STR_MATCH without `search_string`"],
            ),
            (json!({ "type": "CALCULATED" }), vec!["a health check of type CALCULATED without `child_health_checks`"]),
            (
                json!({ "type": "CALCULATED", "child_health_checks": ["a"], "failure_threshold": 3 }),
                vec!["`failure_threshold` on a health check of type CALCULATED"],
            ),
            (json!({ "type": "HTTP", "ip_address": "203.0.113.1", "request_interval": 20 }), vec!["one question in 20 seconds"]),
        ] {
            assert_eq!(complaints::<HealthCheck>(spec), expected);
        }
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "route53.health_check",
            changes: &[
                "ip_address: 203.0.113.7",
                "port: 8443",
                "resource_path: /ready",
                "fully_qualified_domain_name: other.example.com",
                "failure_threshold: 5",
                "inverted: true",
                "disabled: true",
                "enable_sni: true",
                "regions: [eu-west-1, us-east-1, ap-northeast-1]",
            ],
            replacements: &["type: HTTP", "measure_latency: true", "request_interval: 10"],
            // The emulator does not unset what may be unset; the others are for other types.
            untried: &[
                "resource_path",
                "fully_qualified_domain_name",
                "regions",
                "search_string",
                "child_health_checks",
                "health_threshold",
                "alarm_identifier",
                "insufficient_data_health_status",
            ],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
