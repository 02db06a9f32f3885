//! <https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_lambda::types::{
    DestinationConfig as SdkDestinationConfig, EventSourceMappingConfiguration, EventSourcePosition, Filter, FilterCriteria,
    FunctionResponseType, OnFailure as SdkOnFailure, ScalingConfig as SdkScalingConfig,
};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, kept, ready, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{CONFLICT, GONE, tag};
use crate::aws::{
    calls::{abreast, all},
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct EventSourceMapping;

/// What takes messages from a queue or records from a stream and calls a function with them.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The ARN of the queue or stream.
    #[schemars(transform = immutable, transform = ready, length(min = 12, max = 1024), regex(pattern = r"arn:[a-zA-Z0-9-]+:[a-zA-Z0-9-]+:.*"))]
    event_source_arn: String,
    /// The name of the function, not its ARN, with `:` and an alias or version where that is to be called.
    #[schemars(transform = ready, length(min = 1, max = 200), regex(pattern = r"[a-zA-Z0-9_-]+(:(\$LATEST|[a-zA-Z0-9_-]+))?"))]
    function_name: String,
    /// Whether it is at work.
    #[serde(default = "yes")]
    enabled: bool,
    /// How many messages or records at most go into one call. Left out, 10 of a queue and 100 of a stream.
    #[schemars(transform = kept, range(min = 1, max = 10000))]
    batch_size: Option<i32>,
    /// How many seconds it gathers them before it calls.
    #[serde(default)]
    #[schemars(range(min = 0, max = 300))]
    maximum_batching_window_in_seconds: i32,
    /// Which messages or records are worth a call: those that match one of these patterns. Left out or removed, all.
    #[serde(default)]
    #[schemars(length(max = 20))]
    filter_criteria: Vec<Pattern>,
    /// Whether the function answers which items of a batch failed, so that only those come again.
    #[serde(default)]
    #[schemars(transform = set)]
    function_response_types: Vec<ResponseType>,
    /// How many calls a queue leads to at once. Left out or removed, as many as the function can take.
    scaling_config: Option<ScalingConfig>,
    /// Where in a stream it begins. Only for streams, and needed there.
    #[schemars(transform = immutable)]
    starting_position: Option<Position>,
    /// How many batches of one shard are worked on at once. Only for streams.
    #[schemars(range(min = 1, max = 10))]
    parallelization_factor: Option<i32>,
    /// Whether a batch that failed is cut in two and tried again. Only for streams.
    bisect_batch_on_function_error: Option<bool>,
    /// How often a batch that failed is tried again; -1 for ever. Only for streams.
    #[schemars(range(min = -1, max = 10000))]
    maximum_retry_attempts: Option<i32>,
    /// Records older than so many seconds are left out; -1 for none. Only for streams.
    #[schemars(range(min = -1, max = 604800))]
    maximum_record_age_in_seconds: Option<i32>,
    /// For how many seconds of a stream one state is carried from call to call; 0 for none. Only for streams.
    #[schemars(range(min = 0, max = 900))]
    tumbling_window_in_seconds: Option<i32>,
    /// Where it is told of batches that are given up. Only for streams.
    destination_config: Option<DestinationConfig>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

/// A pattern as YAML or JSON text: the names that an item has, each with the values that are possible.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Pattern(Json);

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum ResponseType {
    /// The function answers with the items that failed.
    ReportBatchItemFailures,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct ScalingConfig {
    /// How many calls at once.
    #[schemars(range(min = 2, max = 1000))]
    maximum_concurrency: i32,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Position {
    /// With what comes from now on.
    Latest,
    /// With the oldest that is there.
    TrimHorizon,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct DestinationConfig {
    /// Where batches go that are given up.
    on_failure: OnFailure,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct OnFailure {
    /// The ARN of a queue, topic or bucket.
    #[schemars(length(min = 12, max = 1024), regex(pattern = r"arn:[a-z-]+:[a-zA-Z0-9-]+:.*"))]
    destination: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The UUID of the mapping.
    id: String,
    /// The ARN of the mapping.
    arn: String,
}

impl Resource for EventSourceMapping {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "lambda.event_source_mapping";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(30), update: Duration::from_secs(30), delete: Duration::from_secs(30) },
        passing: &[
            // What IAM knows of a fresh role is not known everywhere at once.
            invalid("cannot be assumed by Lambda"),
            invalid("execution role does not have permissions"),
            invalid("ensure the role can perform"),
            // It is still being made, changed or used.
            Passing { during: During::Any, code: "ResourceInUseException", message: "", within: FIVE_MINUTES },
            Passing { during: During::Update, code: CONFLICT, message: "", within: FIVE_MINUTES },
            Passing { during: During::Delete, code: CONFLICT, message: "", within: FIVE_MINUTES },
        ],
        gone: GONE,
        apart: &["event_source_arn", "function_name"],
        actions: Actions {
            create: &["lambda:CreateEventSourceMapping", "lambda:TagResource"],
            read: &["lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings", "lambda:ListTags"],
            update: &["lambda:UpdateEventSourceMapping", "lambda:TagResource", "lambda:UntagResource"],
            delete: &["lambda:DeleteEventSourceMapping"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let Some(source) = spec.get("event_source_arn").and_then(Value::as_text) else { return };
        let has = |property: &&str| spec.get(property).is_some_and(|it| !it.is_null());
        let queue = source.split(':').nth(2) == Some("sqs");
        let int = |property: &str| match spec.get(property) {
            Some(Value::Int(it)) => Some(*it),
            _ => None,
        };
        if queue {
            for property in OF_STREAMS.iter().filter(|it| has(it)) {
                let help = format!("leave `{property}` out; a queue's own redrive policy says what becomes of its messages");
                problems.error(Path::of(property), format!("a queue has no `{property}`"), help);
            }
            let size = int("batch_size").unwrap_or(10);
            if source.ends_with(".fifo") && size > 10 {
                problems.error(Path::of("batch_size"), "a FIFO queue gives at most 10 messages at once", "write 10 or less");
            } else if size > 10 && int("maximum_batching_window_in_seconds").unwrap_or(0) == 0 {
                let help = "write `maximum_batching_window_in_seconds: 1` or more";
                problems.error(Path::of("batch_size"), "more than 10 messages have to be gathered", help);
            }
            if source.ends_with(".fifo") && int("maximum_batching_window_in_seconds").is_some_and(|it| it > 0) {
                let at = Path::of("maximum_batching_window_in_seconds");
                problems.error(at, "messages of a FIFO queue are not gathered", "leave it out");
            }
        } else {
            if !has(&"starting_position") {
                let help = "write `starting_position: LATEST` or `TRIM_HORIZON`";
                problems.error(Path::default(), "it is not said where in the stream it begins", help);
            }
            if has(&"scaling_config") {
                let help = "leave it out; see `parallelization_factor`";
                problems.error(Path::of("scaling_config"), "only the calls of a queue are limited", help);
            }
        }
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = mappings(world, ids).await?;
        let lives = ids.iter().map(|id| found.get(id.as_str())).map(|it| async move {
            let Some(it) = it else { return Ok(None) };
            // One call for each.
            let tags = if wanted.has("tags") { tags(world, it).await? } else { None };
            Ok(Some(live(it, tags)))
        });
        abreast(lives).await
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        for it in of_source(world, &find.spec.event_source_arn).await? {
            let Some(id) = it.uuid.clone().map(Id).filter(|id| !find.known.contains(id)) else { continue };
            let tags = tags(world, &it).await?.unwrap_or_default();
            if tags.made_by(find.operation) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let position = spec.starting_position.map(|it| EventSourcePosition::from(word(&it).as_str()));
        let call = world
            .lambda()
            .create_event_source_mapping()
            .event_source_arn(&spec.event_source_arn)
            .function_name(&spec.function_name)
            .enabled(spec.enabled)
            .set_batch_size(spec.batch_size)
            .maximum_batching_window_in_seconds(spec.maximum_batching_window_in_seconds)
            .set_filter_criteria((!spec.filter_criteria.is_empty()).then(|| filters(&spec.filter_criteria)))
            .set_function_response_types((!spec.function_response_types.is_empty()).then(|| response_types(&spec.function_response_types)))
            .set_scaling_config(spec.scaling_config.map(|it| scaling(Some(it))))
            .set_starting_position(position)
            .set_parallelization_factor(spec.parallelization_factor)
            .set_bisect_batch_on_function_error(spec.bisect_batch_on_function_error)
            .set_maximum_retry_attempts(spec.maximum_retry_attempts)
            .set_maximum_record_age_in_seconds(spec.maximum_record_age_in_seconds)
            .set_tumbling_window_in_seconds(spec.tumbling_window_in_seconds)
            .set_destination_config(spec.destination_config.as_ref().map(|it| destination(&it.on_failure.destination)))
            .set_tags((!spec.tags.0.is_empty()).then(|| spec.tags.0.clone().into_iter().collect()));
        let answer = call.send().await.map_err(error)?;
        answer.uuid.map(Id).ok_or_else(|| Error::bug("CreateEventSourceMapping", "the answer holds no id"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let has = |property: &str| update.changes(property);
        // What is removed goes back to what it is without being said.
        let number = |property: &str, value: Option<i32>, nothing: i32| has(property).then(|| value.unwrap_or(nothing));
        if update.changed.iter().any(|it| it != "tags") {
            let call = world
                .lambda()
                .update_event_source_mapping()
                .uuid(id.as_str())
                .set_function_name(has("function_name").then(|| to.function_name.clone()))
                .set_enabled(has("enabled").then_some(to.enabled))
                .set_batch_size(to.batch_size.filter(|_| has("batch_size")))
                .set_maximum_batching_window_in_seconds(
                    has("maximum_batching_window_in_seconds").then_some(to.maximum_batching_window_in_seconds),
                )
                .set_filter_criteria(has("filter_criteria").then(|| filters(&to.filter_criteria)))
                .set_function_response_types(has("function_response_types").then(|| response_types(&to.function_response_types)))
                .set_scaling_config(has("scaling_config").then(|| scaling(to.scaling_config)))
                .set_parallelization_factor(number("parallelization_factor", to.parallelization_factor, 1))
                .set_bisect_batch_on_function_error(
                    has("bisect_batch_on_function_error").then(|| to.bisect_batch_on_function_error.unwrap_or(false)),
                )
                .set_maximum_retry_attempts(number("maximum_retry_attempts", to.maximum_retry_attempts, -1))
                .set_maximum_record_age_in_seconds(number("maximum_record_age_in_seconds", to.maximum_record_age_in_seconds, -1))
                .set_tumbling_window_in_seconds(number("tumbling_window_in_seconds", to.tumbling_window_in_seconds, 0))
                .set_destination_config(
                    has("destination_config")
                        .then(|| destination(to.destination_config.as_ref().map_or("", |it| &it.on_failure.destination))),
                );
            call.send().await.map_err(error)?;
        }
        let (set, remove) = from.tags.difference(&to.tags);
        if set.is_empty() && remove.is_empty() {
            return Ok(());
        }
        let it = one(world, id).await?.and_then(|it| it.event_source_mapping_arn);
        let arn = it.ok_or_else(|| Error::rejected("TagResource", GONE[0], "the mapping is not there"))?;
        tag(world, &arn, set, remove).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.lambda().delete_event_source_mapping().uuid(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// What only streams have.
const OF_STREAMS: &[&str] = &[
    "starting_position",
    "parallelization_factor",
    "bisect_batch_on_function_error",
    "maximum_retry_attempts",
    "maximum_record_age_in_seconds",
    "tumbling_window_in_seconds",
    "destination_config",
];

const fn invalid(message: &'static str) -> Passing {
    Passing { during: During::Any, code: "InvalidParameterValueException", message, within: Duration::from_secs(120) }
}

fn yes() -> bool {
    true
}

fn filters(patterns: &[Pattern]) -> FilterCriteria {
    let text = |Pattern(it): &Pattern| it.as_str().map_or_else(|| it.to_string(), str::to_owned);
    let list = patterns.iter().map(|it| Filter::builder().pattern(text(it)).build()).collect();
    FilterCriteria::builder().set_filters(Some(list)).build()
}

fn response_types(list: &[ResponseType]) -> Vec<FunctionResponseType> {
    list.iter().map(|it| FunctionResponseType::from(word(it).as_str())).collect()
}

fn scaling(it: Option<ScalingConfig>) -> SdkScalingConfig {
    SdkScalingConfig::builder().set_maximum_concurrency(it.map(|it| it.maximum_concurrency)).build()
}

/// An empty one takes it away.
fn destination(arn: &str) -> SdkDestinationConfig {
    SdkDestinationConfig::builder().on_failure(SdkOnFailure::builder().destination(arn).build()).build()
}

/// Those of these mappings that are there, by id: one by itself, several out of the list of all.
async fn mappings(world: &Aws, ids: &[Id]) -> Result<HashMap<String, EventSourceMappingConfiguration>> {
    let found = match ids {
        [] => vec![],
        [id] => one(world, id).await?.into_iter().collect(),
        _ => all!(world.lambda().list_event_source_mappings())?,
    };
    Ok(found.into_iter().filter_map(|it| Some((it.uuid.clone()?, it))).collect())
}

async fn one(world: &Aws, id: &Id) -> Result<Option<EventSourceMappingConfiguration>> {
    let answer = unless(world.lambda().get_event_source_mapping().uuid(id.as_str()).send().await.map_err(error), GONE)?;
    Ok(answer.map(|it| {
        EventSourceMappingConfiguration::builder()
            .set_uuid(it.uuid)
            .set_event_source_mapping_arn(it.event_source_mapping_arn)
            .set_event_source_arn(it.event_source_arn)
            .set_function_arn(it.function_arn)
            .set_state(it.state)
            .set_state_transition_reason(it.state_transition_reason)
            .set_batch_size(it.batch_size)
            .set_maximum_batching_window_in_seconds(it.maximum_batching_window_in_seconds)
            .set_filter_criteria(it.filter_criteria)
            .set_function_response_types(it.function_response_types)
            .set_scaling_config(it.scaling_config)
            .set_starting_position(it.starting_position)
            .set_parallelization_factor(it.parallelization_factor)
            .set_bisect_batch_on_function_error(it.bisect_batch_on_function_error)
            .set_maximum_retry_attempts(it.maximum_retry_attempts)
            .set_maximum_record_age_in_seconds(it.maximum_record_age_in_seconds)
            .set_tumbling_window_in_seconds(it.tumbling_window_in_seconds)
            .set_destination_config(it.destination_config)
            .build()
    }))
}

/// The mappings of one queue or stream.
async fn of_source(world: &Aws, source: &str) -> Result<Vec<EventSourceMappingConfiguration>> {
    Ok(unless(all!(world.lambda().list_event_source_mappings().event_source_arn(source)), GONE)?.unwrap_or_default())
}

/// Nothing where the mapping is gone meanwhile.
async fn tags(world: &Aws, it: &EventSourceMappingConfiguration) -> Result<Option<Tags>> {
    let arn = it.event_source_mapping_arn().unwrap_or_default();
    let answer = unless(world.lambda().list_tags().resource(arn).send().await.map_err(error), GONE)?;
    Ok(answer.map(|it| Tags::read(it.tags.unwrap_or_default())))
}

fn live(it: &EventSourceMappingConfiguration, tags: Option<Tags>) -> Live<EventSourceMapping> {
    let state = it.state().unwrap_or_default();
    let status = match state {
        "Enabled" | "Disabled" => Status::Ready,
        "Deleting" => Status::Deleting(state.to_owned()),
        other => Status::Pending(other.to_owned()),
    };
    let patterns: Vec<Pattern> = it
        .filter_criteria()
        .into_iter()
        .flat_map(|it| it.filters())
        .filter_map(|it| it.pattern())
        .map(|it| Pattern(serde_json::from_str(it).unwrap_or_else(|_| Json::from(it))))
        .collect();
    let types: Vec<ResponseType> = it.function_response_types().iter().filter_map(|it| meaning(it.as_str())).collect();
    let on_failure = it.destination_config().and_then(|it| it.on_failure()).and_then(|it| it.destination());
    let spec = Spec {
        event_source_arn: it.event_source_arn.clone().unwrap_or_default(),
        // arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
        function_name: it.function_arn().unwrap_or_default().splitn(7, ':').nth(6).unwrap_or_default().to_owned(),
        enabled: !matches!(state, "Disabled" | "Disabling"),
        batch_size: it.batch_size,
        maximum_batching_window_in_seconds: it.maximum_batching_window_in_seconds.unwrap_or(0),
        filter_criteria: patterns,
        function_response_types: types,
        scaling_config: it
            .scaling_config()
            .and_then(|it| it.maximum_concurrency())
            .map(|maximum_concurrency| ScalingConfig { maximum_concurrency }),
        starting_position: it.starting_position().and_then(|it| meaning(it.as_str())),
        parallelization_factor: it.parallelization_factor,
        bisect_batch_on_function_error: it.bisect_batch_on_function_error,
        maximum_retry_attempts: it.maximum_retry_attempts,
        maximum_record_age_in_seconds: it.maximum_record_age_in_seconds,
        tumbling_window_in_seconds: it.tumbling_window_in_seconds,
        destination_config: on_failure
            .filter(|it| !it.is_empty())
            .map(|it| DestinationConfig { on_failure: OnFailure { destination: it.to_owned() } }),
        tags: tags.clone().unwrap_or_default(),
    };
    let outputs = Outputs { id: it.uuid.clone().unwrap_or_default(), arn: it.event_source_mapping_arn.clone().unwrap_or_default() };
    Live { spec, outputs, status, unread: if tags.is_none() { vec!["tags"] } else { vec![] } }
}

#[cfg(test)]
mod tests;
