//! <https://docs.aws.amazon.com/config/latest/APIReference/API_PutConfigRule.html>

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use aws_sdk_config::types::{
    ConfigRule, ConfigRuleState, EventSource, MaximumExecutionFrequency, MessageType as Message, Owner as SourceOwner, Scope as RuleScope,
    Source as RuleSource, SourceDetail, Tag,
};
use infra::{
    resource::{
        Actions, Create, Delete, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags, Update, Wanted,
        immutable, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct Rule;

/// A rule of AWS Config: what the recorded resources are checked for. The region needs a `config.recorder`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name, which no other rule of the region has. Left out, one is made up.
    #[schemars(transform = immutable, transform = unique, length(min = 1, max = 128))]
    config_rule_name: Option<String>,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 256))]
    description: String,
    /// Who checks.
    source: Source,
    /// What is checked. Left out, everything that the rule is for.
    scope: Option<Scope>,
    /// Parameters of the rule by name.
    #[serde(default)]
    input_parameters: BTreeMap<String, String>,
    /// How often it is checked, for rules that are checked from time to time.
    maximum_execution_frequency: Option<Frequency>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

/// Who checks.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Source {
    /// Whose rule it is.
    owner: Owner,
    /// The name of AWS's rule, `S3_BUCKET_VERSIONING_ENABLED`, or the ARN of the function that checks.
    #[schemars(length(min = 1, max = 256))]
    source_identifier: String,
    /// What starts a check by a function.
    #[serde(default)]
    #[schemars(length(max = 25))]
    source_details: Vec<Detail>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Owner {
    /// One of AWS's own rules.
    #[default]
    Aws,
    /// A Lambda function.
    CustomLambda,
}

/// What starts a check by a function.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Detail {
    /// What happened.
    message_type: MessageType,
    /// How often, for `ScheduledNotification`.
    maximum_execution_frequency: Option<Frequency>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum MessageType {
    /// A resource changed.
    #[default]
    ConfigurationItemChangeNotification,
    /// A resource changed whose description is too long for a message.
    OversizedConfigurationItemChangeNotification,
    /// Time passed.
    ScheduledNotification,
    /// A snapshot was delivered.
    ConfigurationSnapshotDeliveryCompleted,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Frequency {
    /// Every hour.
    #[serde(rename = "One_Hour")]
    OneHour,
    /// Every three hours.
    #[serde(rename = "Three_Hours")]
    ThreeHours,
    /// Every six hours.
    #[serde(rename = "Six_Hours")]
    SixHours,
    /// Every twelve hours.
    #[serde(rename = "Twelve_Hours")]
    TwelveHours,
    /// Every day.
    #[serde(rename = "TwentyFour_Hours")]
    TwentyFourHours,
}

/// What is checked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Scope {
    /// Only resources of these types: `AWS::S3::Bucket`.
    #[serde(default)]
    #[schemars(transform = set, length(max = 100))]
    compliance_resource_types: Vec<String>,
    /// Only the resource with this id, of the one type.
    compliance_resource_id: Option<String>,
    /// Only resources with this tag.
    tag_key: Option<String>,
    /// Only resources whose tag has this value.
    tag_value: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The name of the rule.
    id: String,
    /// The ARN of the rule.
    arn: String,
    /// The id that no other rule has: `config-rule-…`.
    config_rule_id: String,
}

impl Resource for Rule {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "config.rule";
    const FACTS: Facts = Facts {
        passing: &[
            // It is being checked, or an earlier one of this name is on its way out.
            Passing { during: During::Any, code: "ResourceInUseException", message: "", within: Duration::from_secs(300) },
            // A recorder that is being made at the same time.
            Passing { during: During::Create, code: "NoAvailableConfigurationRecorderException", message: "", within: TWO_MINUTES },
            // A function whose permission was given a moment ago.
            Passing { during: During::Create, code: "InsufficientPermissionsException", message: "", within: TWO_MINUTES },
            Passing { during: During::Update, code: "InsufficientPermissionsException", message: "", within: TWO_MINUTES },
        ],
        gone: GONE,
        actions: Actions {
            create: &["config:PutConfigRule", "config:TagResource"],
            read: &["config:DescribeConfigRules", "config:ListTagsForResource"],
            update: &["config:PutConfigRule", "config:TagResource", "config:UntagResource", "config:DescribeConfigRules"],
            delete: &["config:DeleteConfigRule"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        spec.config_rule_name.clone().map(Id)
    }

    fn check(spec: &Value, problems: &mut Problems) {
        let text = |at: Option<&Value>, name: &str| at.and_then(|it| it.get(name)).and_then(Value::as_text).map(str::to_owned);
        let source = spec.get("source");
        let details = source.and_then(|it| it.get("source_details")).and_then(Value::as_list).unwrap_or_default();
        let path = Path::of("source").key("source_details");
        match text(source, "owner").as_deref() {
            Some("AWS") if !details.is_empty() => {
                problems.error(path.clone(), "AWS's own rules know what starts them", "leave out `source_details`, or check by a function");
            }
            Some("CUSTOM_LAMBDA") if source.and_then(|it| it.get("source_details")).is_none_or(Value::is_null) => {
                let help = "write what starts a check: `source_details: [{ message_type: ConfigurationItemChangeNotification }]`";
                problems.error(Path::of("source"), "nothing starts the function", help);
            }
            _ => {}
        }
        for (n, detail) in details.iter().enumerate() {
            let often = detail.get("maximum_execution_frequency").is_some_and(|it| !it.is_null());
            if often && text(Some(detail), "message_type").is_some_and(|it| it != "ScheduledNotification") {
                let help = "leave it out, or write `message_type: ScheduledNotification`";
                problems.error(path.item(n).key("maximum_execution_frequency"), "only what is scheduled has a frequency", help);
            }
        }
        let scope = |name: &str| spec.get("scope").and_then(|it| it.get(name)).filter(|it| !it.is_null());
        if scope("tag_value").is_some() && scope("tag_key").is_none() {
            problems.error(Path::of("scope").key("tag_value"), "the value of no tag", "write `tag_key` as well");
        }
        if scope("tag_key").is_some() && (scope("compliance_resource_types").is_some() || scope("compliance_resource_id").is_some()) {
            let help = "leave out the one or the other";
            problems.error(Path::of("scope").key("tag_key"), "a scope is one of tags or one of types", help);
        }
        let types = scope("compliance_resource_types").and_then(Value::as_list).map_or(0, <[_]>::len);
        if scope("compliance_resource_id").is_some() && types != 1 && !scope("compliance_resource_types").is_some_and(Value::has_unknown) {
            let help = "write its type, and no other, as `compliance_resource_types`";
            problems.error(Path::of("scope").key("compliance_resource_id"), "the id of a resource of no one type", help);
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = rules(world, ids).await?;
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
        let found = rules(world, std::slice::from_ref(&id)).await?;
        let Some(rule) = found.get(id.as_str()) else { return Ok(None) };
        let tags = tags(world, rule).await?.unwrap_or_default();
        Ok(tags.made_by(find.operation).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let name = create.spec.config_rule_name.clone().unwrap_or_default();
        put(world, &name, create.spec).await?;
        Ok(Id(name))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changed.iter().any(|it| it != "tags") {
            put(world, id.as_str(), to).await?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if set.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let found = rules(world, std::slice::from_ref(id)).await?;
        let Some(arn) = found.get(id.as_str()).and_then(|it| it.config_rule_arn.clone()) else {
            return Err(Error::rejected("TagResource", GONE[0], "the rule is not there"));
        };
        if !set.is_empty() {
            world.config().tag_resource().resource_arn(&arn).set_tags(Some(list(set))).send().await.map_err(error)?;
        }
        if !remove.is_empty() {
            world.config().untag_resource().resource_arn(&arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
        }
        Ok(())
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.config().delete_config_rule().config_rule_name(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const GONE: &[&str] = &["NoSuchConfigRuleException"];
const TWO_MINUTES: Duration = Duration::from_secs(120);
/// A call takes up to this many names.
const NAMES: usize = 25;

/// Makes the rule, or makes it equal to this.
async fn put(world: &Aws, name: &str, spec: &Spec) -> Result<()> {
    let details = spec.source.source_details.iter().map(|it| {
        SourceDetail::builder()
            .event_source(EventSource::AwsConfig)
            .message_type(Message::from(word(&it.message_type).as_str()))
            .set_maximum_execution_frequency(it.maximum_execution_frequency.as_ref().map(frequency))
            .build()
    });
    let details: Vec<_> = details.collect();
    let source = RuleSource::builder()
        .owner(SourceOwner::from(word(&spec.source.owner).as_str()))
        .source_identifier(&spec.source.source_identifier)
        .set_source_details((!details.is_empty()).then_some(details))
        .build()
        .map_err(|it| Error::bug("PutConfigRule", it.to_string()))?;
    let scope = spec.scope.as_ref().map(|it| {
        RuleScope::builder()
            .set_compliance_resource_types((!it.compliance_resource_types.is_empty()).then(|| it.compliance_resource_types.clone()))
            .set_compliance_resource_id(it.compliance_resource_id.clone())
            .set_tag_key(it.tag_key.clone())
            .set_tag_value(it.tag_value.clone())
            .build()
    });
    let parameters = (!spec.input_parameters.is_empty()).then(|| serde_json::json!(spec.input_parameters).to_string());
    let rule = ConfigRule::builder()
        .config_rule_name(name)
        .set_description(Some(spec.description.clone()).filter(|it| !it.is_empty()))
        .source(source)
        .set_scope(scope)
        .set_input_parameters(parameters)
        .set_maximum_execution_frequency(spec.maximum_execution_frequency.as_ref().map(frequency))
        .build();
    // AWS takes the tags at the create only; the emulator forgets those that are not said again.
    let call = world.config().put_config_rule().config_rule(rule).set_tags(Some(list(spec.tags.0.clone())));
    call.send().await.map_err(error).map(drop)
}

fn frequency(it: &Frequency) -> MaximumExecutionFrequency {
    MaximumExecutionFrequency::from(word(it).as_str())
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Those of these rules that are there, by name.
async fn rules(world: &Aws, ids: &[Id]) -> Result<HashMap<String, ConfigRule>> {
    let mut found = vec![];
    for ids in ids.chunks(NAMES) {
        let ask = async |ids: &[Id]| {
            let names = ids.iter().map(|it| it.0.clone()).collect();
            let answer = world.config().describe_config_rules().set_config_rule_names(Some(names)).send().await.map_err(error);
            Ok::<_, Error>(unless(answer, GONE)?.map(|it| it.config_rules.unwrap_or_default()))
        };
        match ask(ids).await? {
            Some(rules) => found.extend(rules),
            None if ids.len() == 1 => {}
            // One name that is not there fails the whole call.
            None => {
                for id in ids {
                    found.extend(ask(std::slice::from_ref(id)).await?.unwrap_or_default());
                }
            }
        }
    }
    Ok(found.into_iter().filter_map(|it| Some((it.config_rule_name.clone()?, it))).collect())
}

/// Nothing where the rule is gone meanwhile.
async fn tags(world: &Aws, it: &ConfigRule) -> Result<Option<Tags>> {
    let found =
        unless(all!(world.config().list_tags_for_resource().set_resource_arn(it.config_rule_arn.clone())), &["ResourceNotFoundException"])?;
    Ok(found.map(|it| Tags::read(it.into_iter().filter_map(|it| Some((it.key?, it.value.unwrap_or_default()))))))
}

fn live(it: &ConfigRule, tags: Option<Tags>) -> Live<Rule> {
    let often = |it: Option<&MaximumExecutionFrequency>| it.and_then(|it| meaning(it.as_str()));
    let source = it.source.as_ref();
    let details = source.map(|it| it.source_details()).unwrap_or_default().iter().map(|it| Detail {
        message_type: it.message_type().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        maximum_execution_frequency: often(it.maximum_execution_frequency()),
    });
    let scope = it.scope.as_ref().map(|it| Scope {
        compliance_resource_types: it.compliance_resource_types().to_vec(),
        compliance_resource_id: it.compliance_resource_id.clone(),
        tag_key: it.tag_key.clone(),
        tag_value: it.tag_value.clone(),
    });
    let parameters = it.input_parameters.as_deref().and_then(|it| serde_json::from_str::<BTreeMap<String, serde_json::Value>>(it).ok());
    let text = |it: serde_json::Value| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let spec = Spec {
        config_rule_name: it.config_rule_name.clone(),
        description: it.description.clone().unwrap_or_default(),
        source: Source {
            owner: source.and_then(|it| meaning(it.owner.as_str())).unwrap_or_default(),
            source_identifier: source.and_then(|it| it.source_identifier.clone()).unwrap_or_default(),
            source_details: details.collect(),
        },
        scope,
        input_parameters: parameters.unwrap_or_default().into_iter().map(|(name, it)| (name, text(it))).collect(),
        maximum_execution_frequency: often(it.maximum_execution_frequency()),
        tags: tags.clone().unwrap_or_default(),
    };
    let outputs = Outputs {
        id: it.config_rule_name.clone().unwrap_or_default(),
        arn: it.config_rule_arn.clone().unwrap_or_default(),
        config_rule_id: it.config_rule_id.clone().unwrap_or_default(),
    };
    let status = match it.config_rule_state() {
        Some(state @ (ConfigRuleState::Deleting | ConfigRuleState::DeletingResults)) => Status::Deleting(state.as_str().to_owned()),
        _ => Status::Ready,
    };
    Live { spec, outputs, status, unread: if tags.is_none() { vec!["tags"] } else { vec![] } }
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, Status, Wanted};
    use serde_json::json;

    use super::Rule;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[test]
    fn a_source_and_a_scope_make_sense() {
        let scheduled = json!([{ "message_type": "ScheduledNotification", "maximum_execution_frequency": "One_Hour" }]);
        let changed = json!([{ "message_type": "ConfigurationItemChangeNotification", "maximum_execution_frequency": "One_Hour" }]);
        for (spec, expected) in [
            (json!({ "source": { "owner": "AWS" }, "scope": { "tag_key": "a", "tag_value": "b" } }), vec![]),
            (json!({ "source": { "owner": "CUSTOM_LAMBDA", "source_details": scheduled } }), vec![]),
            (
                json!({ "source": { "owner": "AWS", "source_details": scheduled } }),
                vec!["source.source_details: AWS's own rules know what starts them"],
            ),
            (json!({ "source": { "owner": "CUSTOM_LAMBDA" } }), vec!["nothing starts the function"]),
            (
                json!({ "source": { "owner": "CUSTOM_LAMBDA", "source_details": changed } }),
                vec!["source.source_details[0].maximum_execution_frequency: only what is scheduled has a frequency"],
            ),
            (json!({ "scope": { "tag_value": "b" } }), vec!["scope.tag_value: the value of no tag"]),
            (
                json!({ "scope": { "tag_key": "a", "compliance_resource_types": ["AWS::S3::Bucket"] } }),
                vec!["scope.tag_key: a scope is one of tags or one of types"],
            ),
            (
                json!({ "scope": { "compliance_resource_id": "b", "compliance_resource_types": [] } }),
                vec!["scope.compliance_resource_id: the id of a resource of no one type"],
            ),
            (json!({ "scope": { "compliance_resource_id": "b", "compliance_resource_types": ["AWS::S3::Bucket"] } }), vec![]),
        ] {
            assert_eq!(complaints::<Rule>(spec), expected);
        }
    }

    #[tokio::test]
    async fn one_that_is_not_there_hides_no_other() {
        let there = r#"{"ConfigRules":[{"ConfigRuleName":"there","ConfigRuleArn":"arn:there","ConfigRuleId":"config-rule-1","ConfigRuleState":"DELETING_RESULTS",
            "Source":{"Owner":"AWS","SourceIdentifier":"S3_BUCKET_VERSIONING_ENABLED"},"InputParameters":"{\"days\":\"90\",\"n\":3}"}]}"#;
        let none = r#"{"__type":"NoSuchConfigRuleException","message":"The ConfigRule 'absent' provided in the request is invalid."}"#;
        let wire =
            Wire::with(move |request| if request.body.contains("absent") { Answer::Say(400, none) } else { Answer::Say(200, there) }).await;
        let ids = ["absent".into(), "there".into()];
        let read = Rule.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
        let [None, Some(live)] = &read[..] else { panic!("{read:?}") };
        assert_eq!(live.status, Status::Deleting("DELETING_RESULTS".into()));
        assert_eq!(live.spec["input_parameters"], json!({ "days": "90", "n": "3" }));
        assert_eq!(wire.calls(), 3);
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "config.rule",
            changes: &[
                "description: Another",
                "input_parameters: { isMfaDeleteEnabled: 'false' }",
                "input_parameters: null",
                "source: { owner: AWS, source_identifier: S3_BUCKET_LOGGING_ENABLED }",
                "scope: { compliance_resource_types: ['AWS::S3::Bucket', 'AWS::RDS::DBInstance'] }",
                // The emulator does not tell a scope of tags.
                "maximum_execution_frequency: Six_Hours",
                "maximum_execution_frequency: null",
            ],
            replacements: &["config_rule_name: example-another"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
