//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html>

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{
    HostHeaderConditionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig, PathPatternConditionConfig,
    QueryStringConditionConfig, QueryStringKeyValuePair, Rule as Described, RuleCondition, RulePriorityPair, SourceIpConditionConfig,
};
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, TAG_STATE, Tags,
        Update, Wanted, immutable, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    describe, has, list,
    listener::actions::{self, Action},
    made_by, retag, tags, wanted_tags,
};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct ListenerRule;

/// A rule of a listener: what is done with requests of some kind.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The ARN of the listener.
    #[schemars(transform = immutable)]
    listener_arn: String,
    /// Its place among the rules of the listener: the one with the lowest number that fits is followed.
    #[schemars(range(min = 1, max = 50000))]
    priority: i32,
    /// What a request must be like: all of these.
    #[schemars(transform = set, length(min = 1, max = 5))]
    conditions: Vec<Condition>,
    /// What is done with it. Exactly one action.
    #[schemars(length(min = 1, max = 1))]
    actions: Vec<Action>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

/// One thing that a request must be like.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Condition {
    /// What is looked at.
    field: Field,
    /// What it may be, any of these: `*` stands for any characters, `?` for one; methods as they are; addresses as blocks.
    /// For all but the query string.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set, length(max = 5))]
    values: Vec<String>,
    /// The name of the header; for `http-header`.
    #[schemars(length(min = 1, max = 40))]
    http_header_name: Option<String>,
    /// What the query string may hold, any of these; for `query-string`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(transform = set, length(max = 5))]
    query_strings: Vec<QueryString>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Field {
    /// The host that it is for.
    HostHeader,
    /// The path, without the query string.
    PathPattern,
    /// A header.
    HttpHeader,
    /// The method: `GET`.
    HttpRequestMethod,
    /// The query string.
    QueryString,
    /// The address that it comes from.
    SourceIp,
}

/// A part of the query string.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct QueryString {
    /// The key; left out, any.
    key: Option<String>,
    /// The value: `*` stands for any characters, `?` for one.
    value: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The ARN of the rule.
    id: String,
    /// The ARN of the rule.
    arn: String,
}

impl Resource for ListenerRule {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "elbv2.listener_rule";
    const FACTS: Facts = Facts {
        passing: &[
            Passing { during: During::Create, code: "ListenerNotFound", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Update, code: "RuleNotFound", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Any, code: "TargetGroupNotFound", message: "", within: Duration::from_secs(60) },
            // Another rule is about to leave that place.
            Passing { during: During::Any, code: IN_USE, message: "", within: Duration::from_secs(60) },
            Passing { during: During::Create, code: "TargetGroupAssociationLimit", message: "", within: Duration::from_secs(120) },
        ],
        gone: GONE,
        apart: &["listener_arn", "priority"],
        actions: Actions {
            create: &["elasticloadbalancing:CreateRule", "elasticloadbalancing:AddTags"],
            read: &["elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTags"],
            update: &[
                "elasticloadbalancing:ModifyRule",
                "elasticloadbalancing:SetRulePriorities",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
            ],
            delete: &["elasticloadbalancing:DeleteRule"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        actions::check(spec, "actions", None, problems);
        let Some(Value::List(conditions)) = spec.get("conditions") else { return };
        for (number, condition) in conditions.iter().enumerate() {
            let path = Path::of("conditions").item(number);
            let Some(field) = condition.get("field").and_then(Value::as_text) else { continue };
            let wanted = if field == "query-string" { "query_strings" } else { "values" };
            for (property, fits) in [("values", wanted), ("query_strings", wanted)].map(|(it, wanted)| (it, it == wanted)) {
                let empty = condition.get(property).is_some_and(|it| it.as_list().is_some_and(<[_]>::is_empty));
                if fits && (empty || !has(condition, property)) {
                    problems.error(path.clone(), format!("a condition on {field} without `{property}`"), "write what it may be");
                } else if !fits && has(condition, property) {
                    problems.error(path.key(property), format!("`{property}` in a condition on {field}"), format!("write `{wanted}`"));
                }
            }
            let header = field == "http-header";
            if header != has(condition, "http_header_name") {
                let (summary, help) = if header {
                    ("a condition on a header without its name", "write its `http_header_name`")
                } else {
                    ("`http_header_name` in a condition on something else", "remove it, or write `field: http-header`")
                };
                problems.error(path.clone(), summary, help);
            }
            let once = conditions.iter().filter(|it| it.get("field").and_then(Value::as_text) == Some(field)).count() == 1;
            let first = conditions.iter().position(|it| it.get("field").and_then(Value::as_text) == Some(field)) == Some(number);
            if !once && first && !matches!(field, "http-header" | "query-string") {
                problems.error(path.clone(), format!("more than one condition on {field}"), "write all values in one condition");
            }
            for value in condition.get("values").and_then(Value::as_list).into_iter().flatten().filter_map(Value::as_text) {
                let wrong = match field {
                    "source-ip" => {
                        (!value.contains('/')).then_some(("is no block of addresses", "write it with its prefix, `/32` for one"))
                    }
                    "http-request-method" => value
                        .contains(|it: char| !(it.is_ascii_uppercase() || it == '-' || it == '_'))
                        .then_some(("is no method", "methods are written in capitals")),
                    _ => (value.len() > 128).then_some(("is longer than 128 characters", "shorten it, or use `*`")),
                };
                if let Some((why, help)) = wrong {
                    problems.error(path.key("values"), format!("`{value}` {why}"), help);
                }
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let fetch = |arns| async { all!(world.elbv2().describe_rules().set_rule_arns(Some(arns))) };
        let found = describe(ids, GONE, fetch, |it: &Described| it.rule_arn()).await?;
        let arns: Vec<Id> = found.iter().flatten().filter_map(|it| it.rule_arn.clone()).map(Id).collect();
        let mut tags = wanted_tags(world, &arns, wanted).await?;
        Ok(found.into_iter().map(|it| it.and_then(|it| live(it, tags.next().flatten()))).collect::<Vec<_>>())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = unless(rules(world, &find.spec.listener_arn).await, GONE)?.unwrap_or_default();
        made_by(world, found.into_iter().filter_map(|it| it.rule_arn).map(Id).collect(), find.operation, find.known).await
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .elbv2()
            .create_rule()
            .listener_arn(&spec.listener_arn)
            .priority(spec.priority)
            .set_conditions(Some(spec.conditions.iter().map(Condition::write).collect()))
            .set_actions(actions::write(&spec.actions))
            .set_tags(list(spec.tags.0.clone()));
        let made = call.send().await.map_err(error)?.rules.unwrap_or_default();
        let arn = made.into_iter().find_map(|it| it.rule_arn);
        arn.map(Id).ok_or_else(|| Error::bug("CreateRule", "the answer holds no ARN"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changes("conditions") || update.changes("actions") {
            let conditions = update.changes("conditions").then(|| to.conditions.iter().map(Condition::write).collect());
            let call = world.elbv2().modify_rule().rule_arn(id.as_str()).set_conditions(conditions);
            let actions = update.changes("actions").then(|| actions::write(&to.actions)).flatten();
            call.set_actions(actions).send().await.map_err(error)?;
        }
        if update.changes("priority") {
            prioritise(world, id, to).await?;
        }
        retag(world, id.as_str(), &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.elbv2().delete_rule().rule_arn(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

/// A rule goes with its listener, and that with its load balancer.
const GONE: &[&str] = &["RuleNotFound", "ListenerNotFound", "LoadBalancerNotFound"];
const IN_USE: &str = "PriorityInUse";

async fn rules(world: &Aws, listener: &str) -> Result<Vec<Described>> {
    all!(world.elbv2().describe_rules().listener_arn(listener))
}

/// Moves a rule to its place. Where another rule of the same state stands there, the two change places at once: it is on its way to
/// somewhere else, and would wait for this one as this one for it. Nobody else's rule is moved.
async fn prioritise(world: &Aws, id: &Id, to: &Spec) -> Result<()> {
    let Err(refused) = set_priorities(world, &[(id.as_str(), to.priority)]).await else { return Ok(()) };
    if !refused.is(&[IN_USE]) {
        return Err(refused);
    }
    let rules = rules(world, &to.listener_arn).await?;
    let place = |it: &Described| it.priority().and_then(|it| it.parse::<i32>().ok());
    let other = rules.iter().find(|it| place(it) == Some(to.priority)).and_then(|it| it.rule_arn());
    let now = rules.iter().find(|it| it.rule_arn() == Some(id.as_str())).and_then(place);
    let (Some(other), Some(now)) = (other, now) else { return Err(refused) };
    if other == id.as_str() {
        return Ok(());
    }
    let theirs = tags(world, &[other.into()]).await?.into_iter().next().flatten().unwrap_or_default();
    let same_state = theirs.0.get(TAG_STATE).is_some_and(|it| to.tags.0.get(TAG_STATE) == Some(it));
    if same_state { set_priorities(world, &[(id.as_str(), to.priority), (other, now)]).await } else { Err(refused) }
}

async fn set_priorities(world: &Aws, places: &[(&str, i32)]) -> Result<()> {
    let pair = |(arn, priority): &(&str, i32)| RulePriorityPair::builder().rule_arn(*arn).priority(*priority).build();
    let call = world.elbv2().set_rule_priorities().set_rule_priorities(Some(places.iter().map(pair).collect()));
    call.send().await.map_err(error).map(drop)
}

impl Condition {
    fn write(&self) -> RuleCondition {
        let condition = RuleCondition::builder().field(word(&self.field));
        let values = Some(self.values.clone());
        match self.field {
            Field::HostHeader => condition.host_header_config(HostHeaderConditionConfig::builder().set_values(values).build()),
            Field::PathPattern => condition.path_pattern_config(PathPatternConditionConfig::builder().set_values(values).build()),
            Field::HttpHeader => {
                let header = HttpHeaderConditionConfig::builder().set_http_header_name(self.http_header_name.clone()).set_values(values);
                condition.http_header_config(header.build())
            }
            Field::HttpRequestMethod => {
                condition.http_request_method_config(HttpRequestMethodConditionConfig::builder().set_values(values).build())
            }
            Field::QueryString => {
                let pair = |it: &QueryString| QueryStringKeyValuePair::builder().set_key(it.key.clone()).value(&it.value).build();
                let pairs = Some(self.query_strings.iter().map(pair).collect());
                condition.query_string_config(QueryStringConditionConfig::builder().set_values(pairs).build())
            }
            Field::SourceIp => condition.source_ip_config(SourceIpConditionConfig::builder().set_values(values).build()),
        }
        .build()
    }

    /// Nothing for a kind that cannot be written here.
    fn read(it: &RuleCondition) -> Option<Self> {
        let field: Field = meaning(it.field()?)?;
        let configured = match field {
            Field::HostHeader => it.host_header_config().map(|it| it.values()),
            Field::PathPattern => it.path_pattern_config().map(|it| it.values()),
            Field::HttpHeader => it.http_header_config().map(|it| it.values()),
            Field::HttpRequestMethod => it.http_request_method_config().map(|it| it.values()),
            Field::SourceIp => it.source_ip_config().map(|it| it.values()),
            Field::QueryString => Some([].as_slice()),
        };
        let pair = |it: &QueryStringKeyValuePair| QueryString { key: it.key.clone(), value: it.value.clone().unwrap_or_default() };
        Some(Self {
            field,
            values: configured.unwrap_or_else(|| it.values()).to_vec(),
            http_header_name: it.http_header_config().and_then(|it| it.http_header_name.clone()),
            query_strings: it.query_string_config().map(|it| it.values().iter().map(pair).collect()).unwrap_or_default(),
        })
    }
}

fn live(it: Described, tags: Option<Tags>) -> Option<Live<ListenerRule>> {
    let unread = if tags.is_none() { vec!["tags"] } else { vec![] };
    let arn = it.rule_arn?;
    let spec = Spec {
        listener_arn: listener(&arn)?,
        priority: it.priority?.parse().ok()?,
        conditions: it.conditions.unwrap_or_default().iter().filter_map(Condition::read).collect(),
        actions: actions::read(&it.actions.unwrap_or_default()),
        tags: tags.unwrap_or_default(),
    };
    Some(Live { spec, outputs: Outputs { id: arn.clone(), arn }, status: Status::Ready, unread })
}

/// The listener of a rule, which only its ARN tells: `…:listener-rule/app/NAME/ID/LISTENER/RULE`.
fn listener(rule: &str) -> Option<String> {
    let (listener, _) = rule.rsplit_once('/')?;
    Some(listener.replacen(":listener-rule/", ":listener/", 1))
}

#[cfg(test)]
mod tests;
