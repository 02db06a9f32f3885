//! The closed subset of JSON Schema that the engine walks, read once from what schemars derives.
//!
//! Anything outside it is a fault of the type, found by a test that reads the schema of every type.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

/// What may be written for one type, and what it yields.
#[derive(Clone, Debug)]
pub struct TypeSchema {
    pub name: &'static str,
    pub properties: Fields,
    pub outputs: Fields,
    definitions: BTreeMap<String, Schema>,
}

pub type Fields = IndexMap<String, Field>;

/// One entry of an object.
#[derive(Clone, Debug)]
pub struct Field {
    pub required: bool,
    pub schema: Schema,
}

#[derive(Clone, Debug)]
pub struct Schema {
    pub kind: Kind,
    /// The first paragraph of its documentation.
    pub description: Option<String>,
    /// What leaving it out means.
    pub default: Option<Json>,
    pub marks: Marks,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Object(Fields),
    /// Keys are free; all values are alike.
    Map(Box<Schema>),
    List {
        item: Box<Schema>,
        min: Option<u64>,
        max: Option<u64>,
    },
    Text(Text),
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
    },
    Bool,
    /// Any data.
    Free,
    /// A definition of the type, by name: how a schema refers to itself.
    Ref(String),
}

#[derive(Clone, Debug, Default)]
pub struct Text {
    pub min: Option<u64>,
    pub max: Option<u64>,
    /// A regular expression that the whole text has to match.
    pub pattern: Option<String>,
    /// The values allowed, each with its documentation; empty where any text is.
    pub choices: Vec<Choice>,
    pub format: Option<Format>,
}

#[derive(Clone, Debug)]
pub struct Choice {
    pub value: String,
    pub description: Option<String>,
}

/// Several ways of writing the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    Cidr,
    /// [`super::DnsName`]
    DnsName,
    /// [`super::Protocol`]
    Protocol,
    /// [`super::Version`]
    Version,
}

/// What [`super::immutable`] and the other marks say.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Marks {
    pub immutable: bool,
    pub write_only: bool,
    pub secret: bool,
    pub late: bool,
    pub kept: bool,
    pub ready: bool,
    pub volatile: bool,
    pub set: bool,
    pub shared: bool,
    pub tags: bool,
    pub unique: bool,
    pub policy: bool,
}

impl TypeSchema {
    /// Reads the schemas of a type.
    ///
    /// # Panics
    /// A schema is outside the subset: a fault of the type, which its test finds.
    pub fn read(name: &'static str, spec: &schemars::Schema, outputs: &schemars::Schema) -> Self {
        Self::try_read(name, spec, outputs).unwrap_or_else(|why| panic!("the schema of {name}: {why}"))
    }

    fn try_read(name: &'static str, spec: &schemars::Schema, outputs: &schemars::Schema) -> Result<Self, String> {
        let mut definitions = BTreeMap::new();
        for root in [spec, outputs] {
            if let Some(Json::Object(defs)) = root.get("$defs") {
                for (key, it) in defs {
                    definitions.insert(key.clone(), read(it).map_err(|why| format!("{key}: {why}"))?);
                }
            }
        }
        let fields = |root: &schemars::Schema, what: &str| match read(root.as_value()).map_err(|why| format!("{what}: {why}"))?.kind {
            Kind::Object(fields) => Ok(fields),
            // A type without outputs or properties has a struct without fields, which schemars shows as a plain object.
            Kind::Free | Kind::Map(_) => Ok(Fields::new()),
            other => Err(format!("{what}: not an object but {other:?}")),
        };
        Ok(Self { name, properties: fields(spec, "properties")?, outputs: fields(outputs, "outputs")?, definitions })
    }

    /// The schema itself where this one only refers to it.
    pub fn resolve<'a>(&'a self, schema: &'a Schema) -> &'a Schema {
        match &schema.kind {
            Kind::Ref(name) => self.definitions.get(name).map_or(schema, |it| self.resolve(it)),
            _ => schema,
        }
    }

    /// The property that takes the engine's tags, where the type has one.
    pub fn tags(&self) -> Option<&str> {
        self.properties.iter().find(|(_, it)| it.schema.marks.tags).map(|(name, _)| name.as_str())
    }

    /// The property that names the resource among all of its kind, where the type has one.
    pub fn unique(&self) -> Option<&str> {
        self.properties.iter().find(|(_, it)| it.schema.marks.unique).map(|(name, _)| name.as_str())
    }
}

/// Keys that say nothing to the engine.
const IGNORED: &[&str] = &["$schema", "$defs", "title", "format", "examples", "deprecated", "writeOnly"];

fn read(json: &Json) -> Result<Schema, String> {
    let object = match json {
        Json::Object(object) => object,
        Json::Bool(true) => return Ok(Schema { kind: Kind::Free, description: None, default: None, marks: Marks::default() }),
        other => return Err(format!("not a schema: {other}")),
    };
    // An optional one of several: `anyOf` of it and null.
    if let Some(Json::Array(alternatives)) = object.get("anyOf") {
        let mut others = alternatives.iter().filter(|it| it.get("type") != Some(&Json::from("null")));
        let (Some(one), None) = (others.next(), others.next()) else { return Err("`anyOf` of more than one and null".into()) };
        let mut schema = read(one)?;
        let outer = dressing(object)?;
        schema.description = outer.description.or(schema.description);
        schema.default = outer.default.or(schema.default);
        schema.marks = schema.marks.or(outer.marks);
        check_keys(object, &["anyOf"])?;
        return Ok(schema);
    }
    let dressing = dressing(object)?;
    let (kind, known) = kind(object)?;
    check_keys(object, known)?;
    Ok(Schema { kind, ..dressing })
}

/// All but the kind.
fn dressing(object: &Map<String, Json>) -> Result<Schema, String> {
    let mut marks = Marks::default();
    for (key, value) in object.iter().filter(|(_, value)| **value == Json::Bool(true)) {
        match key.as_str() {
            "x-immutable" => marks.immutable = true,
            "x-write-only" => marks.write_only = true,
            "x-secret" => (marks.secret, marks.write_only) = (true, true),
            "x-late" => marks.late = true,
            "x-kept" => marks.kept = true,
            "x-ready" => marks.ready = true,
            "x-volatile" => marks.volatile = true,
            "x-shared" => marks.shared = true,
            "x-tags" => marks.tags = true,
            "x-unique" => marks.unique = true,
            "uniqueItems" => marks.set = true,
            "default" | "writeOnly" | "additionalProperties" => {}
            _ => return Err(format!("the engine does not know the mark `{key}` = {value}")),
        }
    }
    marks.policy = object.get("format") == Some(&Json::from("policy"));
    Ok(Schema {
        kind: Kind::Free,
        description: object.get("description").and_then(Json::as_str).map(first_paragraph),
        default: object.get("default").filter(|it| !it.is_null()).cloned(),
        marks,
    })
}

fn kind(object: &Map<String, Json>) -> Result<(Kind, &'static [&'static str]), String> {
    if let Some(reference) = object.get("$ref").and_then(Json::as_str) {
        let name = reference.rsplit('/').next().unwrap_or(reference);
        return Ok((Kind::Ref(name.to_owned()), &["$ref"]));
    }
    if let Some(Json::Array(variants)) = object.get("oneOf") {
        return Ok((Kind::Text(Text { choices: documented(variants)?, ..Text::default() }), &["oneOf"]));
    }
    if let Some(Json::Array(values)) = object.get("enum") {
        let choices = values.iter().filter_map(Json::as_str).map(|it| Choice { value: it.to_owned(), description: None });
        return Ok((Kind::Text(Text { choices: choices.collect(), ..Text::default() }), &["enum", "type"]));
    }
    if let Some(value) = object.get("const").and_then(Json::as_str) {
        let choice = Choice { value: value.to_owned(), description: None };
        return Ok((Kind::Text(Text { choices: vec![choice], ..Text::default() }), &["const", "type"]));
    }
    let name = match object.get("type") {
        None => return Ok((Kind::Free, &[])),
        Some(Json::String(name)) => name.as_str(),
        Some(Json::Array(names)) => {
            let mut others = names.iter().filter_map(Json::as_str).filter(|it| *it != "null");
            match (others.next(), others.next()) {
                (Some(name), None) => name,
                _ => return Err(format!("several types at once: {names:?}")),
            }
        }
        Some(other) => return Err(format!("type {other}")),
    };
    Ok(match name {
        "object" => match (object.get("properties"), object.get("additionalProperties")) {
            (Some(Json::Object(properties)), None | Some(Json::Bool(false))) => {
                (Kind::Object(fields(object, properties)?), &["type", "properties", "required", "additionalProperties"])
            }
            (None, Some(Json::Object(item))) => {
                (Kind::Map(Box::new(read(&Json::Object(item.clone()))?)), &["type", "additionalProperties"])
            }
            (None, Some(Json::Bool(true))) => (Kind::Free, &["type", "additionalProperties"]),
            (None, None | Some(Json::Bool(false))) => (Kind::Object(Fields::new()), &["type", "additionalProperties"]),
            _ => return Err("an object with both fields and free keys".into()),
        },
        "array" => {
            let item = Box::new(read(object.get("items").unwrap_or(&Json::Bool(true)))?);
            let bound = |key: &str| object.get(key).and_then(Json::as_u64);
            (Kind::List { item, min: bound("minItems"), max: bound("maxItems") }, &["type", "items", "minItems", "maxItems", "uniqueItems"])
        }
        "string" => (Kind::Text(text(object)?), &["type", "minLength", "maxLength", "pattern"]),
        "integer" => {
            let bound = |key: &str| object.get(key).and_then(Json::as_i64);
            (Kind::Integer { min: bound("minimum"), max: bound("maximum") }, &["type", "minimum", "maximum"])
        }
        "number" => {
            let bound = |key: &str| object.get(key).and_then(Json::as_f64);
            (Kind::Number { min: bound("minimum"), max: bound("maximum") }, &["type", "minimum", "maximum"])
        }
        "boolean" => (Kind::Bool, &["type"]),
        other => return Err(format!("type `{other}`")),
    })
}

fn fields(object: &Map<String, Json>, properties: &Map<String, Json>) -> Result<Fields, String> {
    let required: Vec<_> = object.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect();
    let field = |(name, it): (&String, &Json)| {
        let schema = read(it).map_err(|why| format!("{name}: {why}"))?;
        Ok((name.clone(), Field { required: required.contains(&name.as_str()), schema }))
    };
    properties.iter().map(field).collect()
}

fn text(object: &Map<String, Json>) -> Result<Text, String> {
    let bound = |key: &str| object.get(key).and_then(Json::as_u64);
    let format = match object.get("format").and_then(Json::as_str) {
        None => None,
        Some("cidr") => Some(Format::Cidr),
        Some("dns-name") => Some(Format::DnsName),
        Some("protocol") => Some(Format::Protocol),
        Some("version") => Some(Format::Version),
        Some(other) => return Err(format!("format `{other}`")),
    };
    let pattern = object.get("pattern").and_then(Json::as_str).map(str::to_owned);
    Ok(Text { min: bound("minLength"), max: bound("maxLength"), pattern, choices: vec![], format })
}

fn documented(variants: &[Json]) -> Result<Vec<Choice>, String> {
    let mut choices = vec![];
    for variant in variants {
        let description = variant.get("description").and_then(Json::as_str).map(first_paragraph);
        if let Some(value) = variant.get("const").and_then(Json::as_str) {
            choices.push(Choice { value: value.to_owned(), description });
        } else if let Some(values) = variant.get("enum").and_then(Json::as_array) {
            choices.extend(values.iter().filter_map(Json::as_str).map(|it| Choice { value: it.to_owned(), description: None }));
        } else {
            return Err(format!("a variant that is no text: {variant}"));
        }
    }
    Ok(choices)
}

fn check_keys(object: &Map<String, Json>, known: &[&str]) -> Result<(), String> {
    let common = ["description", "default", "uniqueItems"];
    let known = |key: &str| known.contains(&key) || IGNORED.contains(&key) || common.contains(&key) || key.starts_with("x-");
    match object.keys().find(|key| !known(key)) {
        Some(key) => Err(format!("`{key}` is outside the subset that the engine walks")),
        None => Ok(()),
    }
}

fn first_paragraph(text: &str) -> String {
    text.split("\n\n").next().unwrap_or(text).replace('\n', " ").trim().to_owned()
}

impl Marks {
    fn or(self, other: Self) -> Self {
        Self {
            immutable: self.immutable || other.immutable,
            write_only: self.write_only || other.write_only,
            secret: self.secret || other.secret,
            late: self.late || other.late,
            kept: self.kept || other.kept,
            ready: self.ready || other.ready,
            volatile: self.volatile || other.volatile,
            set: self.set || other.set,
            shared: self.shared || other.shared,
            tags: self.tags || other.tags,
            unique: self.unique || other.unique,
            policy: self.policy || other.policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, generate::SchemaSettings};

    use super::*;
    use crate::resource::{Cidr, Policy, Secret, Tags, immutable, set};

    /// What a person writes.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Spec {
        /// The block.
        ///
        /// More of it.
        #[schemars(transform = immutable)]
        block: Cidr,
        #[schemars(transform = set)]
        ids: Option<Vec<String>>,
        level: Option<Level>,
        password: Option<Secret>,
        policy: Option<Policy>,
        #[serde(default)]
        tags: Tags,
        nested: Option<Nested>,
        #[schemars(range(min = 0.5, max = 256.0))]
        capacity: f64,
        tree: Option<Tree>,
    }

    /// Recursive, as WAF statements are.
    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Tree {
        not: Option<Box<Self>>,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Nested {
        #[serde(default)]
        on: bool,
    }

    #[derive(JsonSchema)]
    #[serde(rename_all = "kebab-case")]
    #[expect(dead_code, reason = "only its schema is used")]
    enum Level {
        /// Says all.
        VeryLoud,
        /// Says little.
        Quiet,
    }

    fn schema() -> TypeSchema {
        let make = || SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true).into_generator().into_root_schema_for::<Spec>();
        TypeSchema::read("test.type", &make(), &make())
    }

    #[test]
    fn every_construct_that_types_use_is_read() {
        let schema = schema();
        let of = |name: &str| &schema.properties[name];
        assert!(of("block").required && of("block").schema.marks.immutable);
        assert_eq!(of("block").schema.description.as_deref(), Some("The block."));
        assert!(matches!(&of("block").schema.kind, Kind::Text(Text { format: Some(Format::Cidr), .. })));
        assert!(!of("ids").required && of("ids").schema.marks.set && matches!(of("ids").schema.kind, Kind::List { .. }));
        let Kind::Text(level) = &of("level").schema.kind else { panic!("{:?}", of("level")) };
        assert_eq!(level.choices[0].value, "very-loud");
        assert_eq!(level.choices[0].description.as_deref(), Some("Says all."));
        assert!(of("password").schema.marks.secret && of("password").schema.marks.write_only);
        assert!(of("policy").schema.marks.policy && matches!(of("policy").schema.kind, Kind::Free));
        assert!(of("tags").schema.marks.tags && matches!(of("tags").schema.kind, Kind::Map(_)));
        assert_eq!(schema.tags(), Some("tags"));
        let Kind::Object(nested) = &of("nested").schema.kind else { panic!("{:?}", of("nested")) };
        assert_eq!(nested["on"].schema.default, Some(Json::Bool(false)));
        assert!(matches!(of("capacity").schema.kind, Kind::Number { min: Some(0.5), .. }));
        assert!(matches!(&schema.resolve(&of("tree").schema).kind, Kind::Object(it) if it.contains_key("not")));
    }

    #[test]
    fn anything_else_is_refused() {
        for json in [
            serde_json::json!({ "type": "object", "properties": { "a": { "type": "string", "x-unheard": true } } }),
            serde_json::json!({ "type": "object", "properties": { "a": { "type": ["string", "integer"] } } }),
            serde_json::json!({ "type": "object", "properties": { "a": { "allOf": [] } } }),
        ] {
            let schema = schemars::Schema::try_from(json.clone()).expect("an object is a schema");
            assert!(TypeSchema::try_read("test.type", &schema, &schema).is_err(), "{json}");
        }
    }
}
