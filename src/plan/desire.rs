//! What the file wants of one resource, complete: evaluated, defaults filled in, tagged and named.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::normal;
use crate::{
    diagnostic::Diagnostic,
    resource::{
        Catalog, Describe, Id, TAG_ADDRESS, TAG_STATE,
        schema::{Kind, Schema, TypeSchema},
    },
    stack::{Instance, Scope, Stack},
    state::{Record, State},
    value::Value,
};

/// All properties by name.
pub type Properties = BTreeMap<String, Value>;

/// What every resource of a stack gets besides what is written for it.
#[derive(Clone, Copy)]
pub struct Stamp<'a> {
    pub stack: &'a Stack,
    pub state: &'a State,
}

/// Evaluates what is written for an instance and completes it.
///
/// `name` says where a name comes from that is left out: what stays keeps its own, what is made anew gets another one.
pub fn desire(
    catalog: &Catalog,
    instance: &Instance,
    scope: &dyn Scope,
    stamp: Stamp<'_>,
    name: &Name<'_>,
) -> (Properties, Vec<Diagnostic>) {
    let (value, diagnostics) = instance.evaluate(scope);
    let Some(schema) = catalog.schema(instance.type_name) else { return (Properties::new(), diagnostics) };
    let mut properties = normal::complete(schema, &value);
    if let Some(property) = schema.tags() {
        tag(&mut properties, property, instance, stamp);
    }
    if let Some(property) = schema.unique()
        && !properties.contains_key(property)
    {
        let text = match name {
            Name::Kept(record) => record.applied.get(property).and_then(Json::as_str).map(str::to_owned),
            Name::After(_) => None,
        };
        let text = text.unwrap_or_else(|| generate(schema, property, instance, stamp, name));
        properties.insert(property.to_owned(), Value::Text(text));
    }
    (properties, diagnostics)
}

/// Where a name that was left out comes from.
pub enum Name<'a> {
    /// The resource stays: its name does.
    Kept(&'a Record),
    /// It is made: a new name, other than that of the one with this id, and of those before it that are still there.
    After(Option<&'a Id>),
}

fn tag(properties: &mut Properties, property: &str, instance: &Instance, stamp: Stamp<'_>) {
    // Written tags win over the stack's, and the engine's over both.
    let mut tags: Properties = stamp.stack.tags.iter().map(|(key, it)| (key.clone(), Value::Text(it.clone()))).collect();
    match properties.remove(property) {
        Some(Value::Map(written)) => tags.extend(written),
        Some(Value::Unknown(unknown)) => {
            properties.insert(property.to_owned(), Value::Unknown(unknown));
            return;
        }
        _ => {}
    }
    tags.insert(TAG_STATE.into(), Value::from(stamp.state.uuid.as_str()));
    tags.insert(TAG_ADDRESS.into(), Value::from(instance.address.as_str()));
    properties.insert(property.to_owned(), Value::Map(tags));
}

/// Beginnings of names that AWS keeps to itself, for some types: a load balancer's address begins with the first where it is internal.
const RESERVED: &[&str] = &["internal-", "aws-"];

/// A name from the stack, the environment and the address, with a short hash that tells it from others and from its
/// predecessor; within the length that the property allows.
fn generate(schema: &TypeSchema, property: &str, instance: &Instance, stamp: Stamp<'_>, name: &Name<'_>) -> String {
    let before: Vec<_> = match name {
        Name::After(id) => {
            let deposed = stamp.state.deposed.iter().filter(|it| it.address == instance.address).map(|it| &it.record.id);
            deposed.chain(*id).map(Id::as_str).collect()
        }
        Name::Kept(_) => vec![],
    };
    let digest = Sha256::digest(format!("{}\n{}\n{}", stamp.state.uuid, instance.address, before.join("\n")));
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let plain = |text: &str| text.replace(|it: char| !it.is_ascii_alphanumeric(), "-");
    let mut stem = format!("{}-{}-{}", plain(&stamp.stack.name), plain(&stamp.stack.environment), plain(instance.address.as_str()));
    if RESERVED.iter().any(|it| stem.starts_with(it)) {
        stem.insert_str(0, "stack-");
    }
    let room = match schema.properties.get(property).map(|it| &it.schema.kind) {
        Some(Kind::Text(text)) => text.max.unwrap_or(64),
        _ => 64,
    };
    let room = usize::try_from(room).unwrap_or(64).saturating_sub(hash.len() + 1);
    let stem: String = stem.chars().take(room).collect();
    format!("{}-{hash}", stem.trim_end_matches('-'))
}

/// The id that the name of a resource decides, if the name is known already although other parts may not be.
pub fn locate(describe: &dyn Describe, schema: &TypeSchema, properties: &Properties) -> Option<Id> {
    let unique = schema.unique()?;
    if properties.get(unique).is_none_or(Value::has_unknown) {
        return None;
    }
    let filled = properties.iter().map(|(key, value)| {
        let schema = schema.properties.get(key).map(|it| &it.schema);
        (key.clone(), schema.map_or_else(|| value.clone(), |it| fill(it, value)))
    });
    let json = Value::Map(filled.collect()).reveal().ok()?;
    describe.locate(&json).ok().flatten()
}

/// Something in place of what is unknown, so that the rest can be looked at.
fn fill(schema: &Schema, value: &Value) -> Value {
    match value {
        Value::Unknown(_) => match &schema.kind {
            Kind::Integer { .. } => Value::Int(0),
            Kind::Number { .. } => Value::Float(0.0),
            Kind::Bool => Value::Bool(false),
            Kind::List { .. } => Value::List(vec![]),
            Kind::Object(_) | Kind::Map(_) | Kind::Free | Kind::Ref(_) => Value::map(),
            Kind::Text(text) => Value::Text(text.choices.first().map_or_else(String::new, |it| it.value.clone())),
        },
        Value::List(list) => match &schema.kind {
            Kind::List { item, .. } => Value::List(list.iter().map(|it| fill(item, it)).collect()),
            _ => Value::List(list.iter().filter(|it| !it.has_unknown()).cloned().collect()),
        },
        Value::Map(map) => Value::Map(
            map.iter()
                .filter_map(|(key, it)| match &schema.kind {
                    Kind::Object(fields) => Some((key.clone(), fill(&fields.get(key)?.schema, it))),
                    Kind::Map(item) => Some((key.clone(), fill(item, it))),
                    _ => (!it.has_unknown()).then(|| (key.clone(), it.clone())),
                })
                .collect(),
        ),
        other => other.clone(),
    }
}
