//! Which events a trail records.

use aws_sdk_cloudtrail::types::{
    AdvancedEventSelector as Advanced, AdvancedFieldSelector as AdvancedField, DataResource as Data, EventSelector as Basic,
    ReadWriteType as Kind,
};
use infra::resource::{Error, Result, set};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    clients::Aws,
    error::error,
    wording::{meaning, word},
};

/// Events that are recorded.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct EventSelector {
    /// Whether calls that read, that write, or both.
    #[serde(default)]
    read_write_type: ReadWriteType,
    /// Whether calls that manage resources: to make a bucket.
    #[serde(default = "yes")]
    include_management_events: bool,
    /// Which calls that use resources: to read an object. Left out, none.
    #[serde(default)]
    data_resources: Vec<DataResource>,
    /// Services whose management is left out because there is too much of it.
    #[serde(default)]
    #[schemars(transform = set)]
    exclude_management_event_sources: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum ReadWriteType {
    /// Both.
    #[default]
    All,
    /// Calls that read.
    ReadOnly,
    /// Calls that write.
    WriteOnly,
}

/// Resources whose use is recorded.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct DataResource {
    /// What they are.
    r#type: DataType,
    /// Their ARNs, or what these begin with: `arn:aws:s3:::bucket/`, `arn:aws:lambda` for all functions.
    #[schemars(transform = set, length(min = 1, max = 250))]
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum DataType {
    /// Objects in buckets.
    #[default]
    #[serde(rename = "AWS::S3::Object")]
    Object,
    /// Functions.
    #[serde(rename = "AWS::Lambda::Function")]
    Function,
    /// Tables.
    #[serde(rename = "AWS::DynamoDB::Table")]
    Table,
}

/// Events that are recorded, chosen by several of their fields.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct AdvancedEventSelector {
    /// What it is for.
    #[schemars(length(min = 1, max = 1000))]
    name: Option<String>,
    /// All of which have to fit; one of them is about `eventCategory`.
    #[schemars(length(min = 1))]
    field_selectors: Vec<FieldSelector>,
}

/// One field of an event.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct FieldSelector {
    /// Its name: `eventCategory`, `resources.type`, `readOnly`, `resources.ARN`.
    #[schemars(length(min = 1, max = 1000), regex(pattern = r"[\w.]+"))]
    field: String,
    /// It is one of these.
    #[serde(default)]
    #[schemars(transform = set, inner(length(min = 1, max = 2048)))]
    equals: Vec<String>,
    /// It begins with one of these.
    #[serde(default)]
    #[schemars(transform = set, inner(length(min = 1, max = 2048)))]
    starts_with: Vec<String>,
    /// It ends with one of these.
    #[serde(default)]
    #[schemars(transform = set, inner(length(min = 1, max = 2048)))]
    ends_with: Vec<String>,
    /// It is none of these.
    #[serde(default)]
    #[schemars(transform = set, inner(length(min = 1, max = 2048)))]
    not_equals: Vec<String>,
    /// It begins with none of these.
    #[serde(default)]
    #[schemars(transform = set, inner(length(min = 1, max = 2048)))]
    not_starts_with: Vec<String>,
    /// It ends with none of these.
    #[serde(default)]
    #[schemars(transform = set, inner(length(min = 1, max = 2048)))]
    not_ends_with: Vec<String>,
}

fn yes() -> bool {
    true
}

/// The selectors of both kinds that were chosen, of which a trail has one at most.
pub(super) type Chosen = (Option<Vec<EventSelector>>, Option<Vec<AdvancedEventSelector>>);

/// What a trail records where nothing was chosen.
fn default() -> Vec<EventSelector> {
    vec![EventSelector {
        read_write_type: ReadWriteType::All,
        include_management_events: true,
        data_resources: vec![],
        exclude_management_event_sources: vec![],
    }]
}

pub(super) fn is_default(selectors: &[EventSelector]) -> bool {
    selectors == default()
}

pub(super) async fn read(world: &Aws, name: &str) -> Result<Chosen> {
    let answer = world.cloudtrail().get_event_selectors().trail_name(name).send().await.map_err(error)?;
    let basic: Vec<_> = answer.event_selectors().iter().map(basic).collect();
    let advanced: Vec<_> = answer.advanced_event_selectors().iter().map(advanced).collect();
    Ok(match (basic.is_empty(), advanced.is_empty()) {
        (false, _) => ((!is_default(&basic)).then_some(basic), None),
        (true, false) => (None, Some(advanced)),
        (true, true) => (None, None),
    })
}

/// Chooses these; where neither is, what a trail records by itself.
pub(super) async fn put(
    world: &Aws,
    name: &str,
    basic: Option<&[EventSelector]>,
    advanced: Option<&[AdvancedEventSelector]>,
) -> Result<()> {
    let call = world.cloudtrail().put_event_selectors().trail_name(name);
    let call = match advanced {
        Some(list) => call.set_advanced_event_selectors(Some(list.iter().map(as_advanced).collect::<Result<_>>()?)),
        None => call.set_event_selectors(Some(basic.unwrap_or(&default()).iter().map(as_basic).collect())),
    };
    call.send().await.map_err(error).map(drop)
}

fn basic(it: &Basic) -> EventSelector {
    let data = it
        .data_resources()
        .iter()
        .map(|it| DataResource { r#type: it.r#type().and_then(meaning).unwrap_or_default(), values: it.values().to_vec() });
    EventSelector {
        read_write_type: it.read_write_type().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        include_management_events: it.include_management_events.unwrap_or(true),
        data_resources: data.collect(),
        exclude_management_event_sources: it.exclude_management_event_sources().to_vec(),
    }
}

fn as_basic(it: &EventSelector) -> Basic {
    let data = it.data_resources.iter().map(|it| Data::builder().r#type(word(&it.r#type)).set_values(Some(it.values.clone())).build());
    Basic::builder()
        .read_write_type(Kind::from(word(&it.read_write_type).as_str()))
        .include_management_events(it.include_management_events)
        .set_data_resources(Some(data.collect()))
        .set_exclude_management_event_sources(Some(it.exclude_management_event_sources.clone()).filter(|it| !it.is_empty()))
        .build()
}

fn advanced(it: &Advanced) -> AdvancedEventSelector {
    let field = |it: &AdvancedField| FieldSelector {
        field: it.field.clone(),
        equals: it.equals().to_vec(),
        starts_with: it.starts_with().to_vec(),
        ends_with: it.ends_with().to_vec(),
        not_equals: it.not_equals().to_vec(),
        not_starts_with: it.not_starts_with().to_vec(),
        not_ends_with: it.not_ends_with().to_vec(),
    };
    AdvancedEventSelector { name: it.name.clone(), field_selectors: it.field_selectors().iter().map(field).collect() }
}

fn as_advanced(it: &AdvancedEventSelector) -> Result<Advanced> {
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let bug = |it: aws_sdk_cloudtrail::error::BuildError| Error::bug("PutEventSelectors", it.to_string());
    let fields = it.field_selectors.iter().map(|it| {
        AdvancedField::builder()
            .field(&it.field)
            .set_equals(some(&it.equals))
            .set_starts_with(some(&it.starts_with))
            .set_ends_with(some(&it.ends_with))
            .set_not_equals(some(&it.not_equals))
            .set_not_starts_with(some(&it.not_starts_with))
            .set_not_ends_with(some(&it.not_ends_with))
            .build()
            .map_err(bug)
    });
    let fields = fields.collect::<Result<Vec<_>>>()?;
    Advanced::builder().set_name(it.name.clone()).set_field_selectors(Some(fields)).build().map_err(bug)
}
