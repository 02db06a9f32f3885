//! One form for what can be written in several: defaults filled in, sets sorted, blocks and policies spelt one way.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::{diff::has_hash, sealed};
use crate::{
    resource::{
        DnsName, Protocol,
        schema::{Field, Fields, Format, Kind, Marks, Schema, TypeSchema},
    },
    value::{Path, Value},
};

/// Fills in what leaving out means, drops what is null: as it is sent.
pub fn complete(schema: &TypeSchema, properties: &Value) -> BTreeMap<String, Value> {
    let empty = BTreeMap::new();
    complete_fields(schema, &schema.properties, properties.as_map().unwrap_or(&empty))
}

fn complete_fields(types: &TypeSchema, fields: &Fields, map: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let mut whole = BTreeMap::new();
    for (name, Field { schema, .. }) in fields {
        match map.get(name) {
            Some(value) if !value.is_null() => {
                whole.insert(name.clone(), complete_value(types, schema, value));
            }
            _ => {
                if let Some(default) = &schema.default {
                    whole.insert(name.clone(), complete_value(types, schema, &Value::from(default.clone())));
                }
            }
        }
    }
    whole
}

fn complete_value(types: &TypeSchema, schema: &Schema, value: &Value) -> Value {
    match (&types.resolve(schema).kind, value) {
        (Kind::Object(fields), Value::Map(map)) => Value::Map(complete_fields(types, fields, map)),
        (Kind::Map(item), Value::Map(map)) => {
            let entries = map.iter().filter(|(_, it)| !it.is_null());
            Value::Map(entries.map(|(key, it)| (key.clone(), complete_value(types, item, it))).collect())
        }
        (Kind::List { item, .. }, Value::List(list)) => {
            Value::List(list.iter().filter(|it| !it.is_null()).map(|it| complete_value(types, item, it)).collect())
        }
        _ => value.clone(),
    }
}

/// One form for all that mean the same: only for comparing.
pub fn canonical(types: &TypeSchema, schema: &Schema, value: &Value) -> Value {
    let resolved = types.resolve(schema);
    match (&resolved.kind, value) {
        (Kind::Object(fields), Value::Map(map)) => Value::Map(
            map.iter()
                .filter(|(_, it)| !it.is_null())
                .map(|(key, it)| (key.clone(), fields.get(key).map_or_else(|| it.clone(), |field| canonical(types, &field.schema, it))))
                .collect(),
        ),
        (Kind::Map(item), Value::Map(map)) => Value::Map(map.iter().map(|(key, it)| (key.clone(), canonical(types, item, it))).collect()),
        (Kind::List { item, .. }, Value::List(list)) => {
            let mut items: Vec<_> = list.iter().map(|it| canonical(types, item, it)).collect();
            if schema.marks.set || resolved.marks.set {
                items.sort_by_cached_key(sort_key);
                items.dedup();
            }
            Value::List(items)
        }
        (Kind::Number { .. }, Value::Int(it)) => Value::Float(*it as f64),
        (Kind::Text(text), Value::Text(it)) if text.format == Some(Format::Cidr) => Value::Text(canonical_block(it)),
        (Kind::Text(text), Value::Text(it)) if text.format == Some(Format::DnsName) => Value::Text(DnsName(it.clone()).canonical().0),
        (Kind::Text(text), Value::Text(it)) if text.format == Some(Format::Protocol) => Value::Text(Protocol(it.clone()).canonical().0),
        (Kind::Free, _) if schema.marks.policy || resolved.marks.policy => canonical_policy(value),
        (Kind::Free, Value::Text(text)) => free_text(text).unwrap_or_else(|| value.clone()),
        _ => value.clone(),
    }
}

fn sort_key(value: &Value) -> String {
    format!("{value:?}")
}

/// Free data may be written as JSON text.
fn free_text(text: &str) -> Option<Value> {
    let json: Json = serde_json::from_str(text).ok()?;
    (json.is_object() || json.is_array()).then(|| Value::from(json))
}

fn canonical_block(text: &str) -> String {
    match text.parse::<ipnet::IpNet>() {
        Ok(block) => block.trunc().to_string(),
        Err(_) => text.to_owned(),
    }
}

/// A policy with lists wherever one or several may stand, sorted where their order means nothing.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>
fn canonical_policy(value: &Value) -> Value {
    let value = match value {
        Value::Text(text) => free_text(text).unwrap_or_else(|| value.clone()),
        other => other.clone(),
    };
    let Value::Map(mut policy) = value else { return value };
    if let Some(statements) = policy.remove("Statement") {
        policy.insert("Statement".into(), Value::List(several(statements).into_iter().map(canonical_statement).collect()));
    }
    Value::Map(policy)
}

fn canonical_statement(statement: Value) -> Value {
    let Value::Map(statement) = statement else { return statement };
    let element = |(key, value): (String, Value)| {
        let value = match key.as_str() {
            "Action" | "NotAction" | "Resource" | "NotResource" => sorted(several(value)),
            "Principal" | "NotPrincipal" => canonical_principal(value),
            "Condition" => canonical_condition(value),
            _ => value,
        };
        (key, value)
    };
    Value::Map(statement.into_iter().map(element).filter(|(key, it)| !(key == "Sid" && it.as_text() == Some(""))).collect())
}

fn canonical_principal(value: Value) -> Value {
    match value {
        Value::Text(all) if all == "*" => Value::Map([("AWS".into(), Value::List(vec![Value::Text(all)]))].into()),
        Value::Map(map) => {
            Value::Map(map.into_iter().map(|(key, it)| (key, sorted(several(it).into_iter().map(account_root).collect()))).collect())
        }
        other => other,
    }
}

/// AWS answers with the root's ARN where the number of an account was written.
fn account_root(value: Value) -> Value {
    match value.as_text() {
        Some(text) if text.len() == 12 && text.bytes().all(|it| it.is_ascii_digit()) => Value::Text(format!("arn:aws:iam::{text}:root")),
        _ => value,
    }
}

fn canonical_condition(value: Value) -> Value {
    let Value::Map(operators) = value else { return value };
    let values = |value: Value| sorted(several(value).into_iter().map(as_text).collect());
    let keys = |value: Value| match value {
        Value::Map(keys) => Value::Map(keys.into_iter().map(|(key, it)| (key, values(it))).collect()),
        other => other,
    };
    Value::Map(operators.into_iter().map(|(operator, it)| (operator, keys(it))).collect())
}

fn as_text(value: Value) -> Value {
    match value {
        Value::Bool(it) => Value::Text(it.to_string()),
        Value::Int(it) => Value::Text(it.to_string()),
        other => other,
    }
}

fn several(value: Value) -> Vec<Value> {
    match value {
        Value::List(list) => list,
        one => vec![one],
    }
}

fn sorted(mut list: Vec<Value>) -> Value {
    list.sort_by_cached_key(sort_key);
    list.dedup();
    Value::List(list)
}

/// As it is recorded: a keyed hash in place of what is secret, nothing in place of what is unknown. What only cannot be read back
/// stands there as it was written, because a delete may go by it.
pub fn recorded(types: &TypeSchema, properties: &BTreeMap<String, Value>, hash: &dyn Fn(&str) -> String) -> Json {
    record_fields(types, &types.properties, properties, hash)
}

fn record_fields(types: &TypeSchema, fields: &Fields, map: &BTreeMap<String, Value>, hash: &dyn Fn(&str) -> String) -> Json {
    let entry = |(key, value): (&String, &Value)| {
        let recorded = match fields.get(key) {
            Some(field) => record(types, &field.schema, value, hash)?,
            None => hidden(value, hash)?,
        };
        Some((key.clone(), recorded))
    };
    Json::Object(map.iter().filter_map(entry).collect())
}

/// Of what cannot be read back, a longer text than this is recorded as a hash.
const LONG: usize = 1024;

/// One value as it is recorded; nothing if some part of it is not known.
///
/// What is only written and no secret is recorded as it is, because a delete may need it: how long something can be had back,
/// what a last snapshot is called.
pub fn record(types: &TypeSchema, schema: &Schema, value: &Value, hash: &dyn Fn(&str) -> String) -> Option<Json> {
    let resolved = types.resolve(schema);
    let write_only = schema.marks.write_only || resolved.marks.write_only;
    if schema.marks.secret || resolved.marks.secret || (write_only && value.has_secret()) {
        return hash_of_all(types, schema, value, hash);
    }
    match (&resolved.kind, value) {
        // A program as text is compared by its hash as well, and no delete goes by it.
        (_, Value::Text(text)) if write_only && text.len() > LONG => Some(hashed(&hash(text))),
        (Kind::Object(fields), Value::Map(map)) => {
            let recorded = record_fields(types, fields, map, hash);
            recorded.as_object().is_some_and(|it| it.len() == map.len()).then_some(recorded)
        }
        (Kind::List { item, .. }, Value::List(list)) => {
            Some(Json::Array(list.iter().map(|it| record(types, item, it, hash)).collect::<Option<_>>()?))
        }
        (Kind::Map(item), Value::Map(map)) => {
            let entries = map.iter().map(|(key, it)| Some((key.clone(), record(types, item, it, hash)?)));
            Some(Json::Object(entries.collect::<Option<Map<_, _>>>()?))
        }
        _ => hidden(value, hash),
    }
}

/// What the cloud shows of properties that are made of texts which only what is sent has: by path, its hash. Nothing else tells whether
/// somebody changes it.
pub fn shown(
    types: &TypeSchema,
    desired: &BTreeMap<String, Value>,
    live: &Json,
    hash: &dyn Fn(&str) -> String,
) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    for (name, want) in desired.iter().filter(|(_, it)| sealed::stands_in(it)) {
        if let (Some(field), Some(have)) = (types.properties.get(name), live.get(name)) {
            show(types, &field.schema, (want, &Value::from(have.clone())), &Path::of(name), hash, &mut shown);
        }
    }
    shown
}

fn show(
    types: &TypeSchema,
    schema: &Schema,
    (want, have): (&Value, &Value),
    path: &Path,
    hash: &dyn Fn(&str) -> String,
    shown: &mut BTreeMap<String, String>,
) {
    let resolved = types.resolve(schema);
    let marked = |mark: fn(&Marks) -> bool| mark(&schema.marks) || mark(&resolved.marks);
    if !sealed::stands_in(want) || marked(|it| it.write_only) {
        return;
    }
    match (&resolved.kind, want, have) {
        (Kind::Object(fields), Value::Map(want), Value::Map(have)) => {
            for (name, want) in want {
                if let (Some(field), Some(have)) = (fields.get(name), have.get(name)) {
                    show(types, &field.schema, (want, have), &path.key(name), hash, shown);
                }
            }
            return;
        }
        (Kind::Map(item), Value::Map(want), Value::Map(have)) => {
            for (name, want) in want {
                if let Some(have) = have.get(name) {
                    show(types, item, (want, have), &path.key(name), hash, shown);
                }
            }
            return;
        }
        // Items of others come and go there.
        (Kind::List { .. }, ..) if marked(|it| it.shared) => return,
        (Kind::List { item, .. }, Value::List(want), Value::List(have)) if !marked(|it| it.set) && want.len() == have.len() => {
            for (n, (want, have)) in want.iter().zip(have).enumerate() {
                show(types, item, (want, have), &path.item(n), hash, shown);
            }
        }
        _ => {}
    }
    shown.extend(hash_of_shown(types, schema, have, hash).map(|it| (path.to_string(), it)));
}

/// The hash of what the cloud shows; of what is only recorded there is none.
pub fn hash_of_shown(types: &TypeSchema, schema: &Schema, have: &Value, hash: &dyn Fn(&str) -> String) -> Option<String> {
    if has_hash(have) {
        return None;
    }
    Some(match canonical(types, schema, have) {
        Value::Text(text) => hash(&text),
        other => hash(&format!("json:{}", other.reveal().ok()?)),
    })
}

/// One hash for a whole value.
pub fn hash_of_all(types: &TypeSchema, schema: &Schema, value: &Value, hash: &dyn Fn(&str) -> String) -> Option<Json> {
    Some(match value {
        Value::Secret(secret) => hashed(&hash(secret.reveal())),
        Value::Text(text) => hashed(&hash(text)),
        other => hashed(&hash(&canonical(types, schema, other).reveal().ok()?.to_string())),
    })
}

fn hidden(value: &Value, hash: &dyn Fn(&str) -> String) -> Option<Json> {
    value.conceal(&|secret| hashed(&hash(secret.reveal()))).ok()
}

/// What stands in a record for a value that must not stand there itself.
fn hashed(hash: &str) -> Json {
    json!({ "infra:hash": hash })
}

/// Puts what cannot be read, at any depth, as it is `now` into what was applied.
pub fn send(types: &TypeSchema, fields: &Fields, applied: &mut Map<String, Json>, now: &mut Map<String, Json>) {
    for (name, field) in fields {
        let schema = types.resolve(&field.schema);
        if field.schema.marks.write_only || schema.marks.write_only {
            match now.remove(name) {
                Some(it) => _ = applied.insert(name.clone(), it),
                None => _ = applied.remove(name),
            }
        } else if let (Kind::Object(fields), Some(Json::Object(applied)), Some(Json::Object(now))) =
            (&schema.kind, applied.get_mut(name), now.get_mut(name))
        {
            send(types, fields, applied, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use schemars::{JsonSchema, generate::SchemaSettings};

    use super::*;
    use crate::resource::write_only;

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Spec {
        name: String,
        #[schemars(transform = write_only)]
        key: Option<String>,
        code: Code,
    }

    #[derive(JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Code {
        image: Option<String>,
        #[schemars(transform = write_only)]
        archive: Option<String>,
        #[schemars(transform = write_only)]
        place: Option<String>,
    }

    #[test]
    fn what_cannot_be_read_is_as_it_was_sent_at_any_depth() {
        let make = || SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true).into_generator().into_root_schema_for::<Spec>();
        let schema = TypeSchema::read("test.type", &make(), &make());
        let mut applied = json!({ "name": "old", "key": "old", "code": { "image": "old", "archive": "old", "place": "old" } });
        let mut now = json!({ "name": "new", "code": { "image": "new", "archive": "new" } });
        let (Json::Object(before), Json::Object(after)) = (&mut applied, &mut now) else { panic!("both are objects") };
        send(&schema, &schema.properties, before, after);
        assert_eq!(applied, json!({ "name": "old", "code": { "image": "old", "archive": "new" } }));
    }

    /// Properties that are only written.
    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Options {
        #[schemars(transform = crate::resource::write_only)]
        days: Option<i64>,
        password: Option<crate::resource::Secret>,
        #[schemars(transform = crate::resource::write_only)]
        values: Option<BTreeMap<String, String>>,
    }

    #[test]
    fn what_is_only_written_is_recorded_as_it_is_unless_it_is_secret() {
        let schema = schemars::schema_for!(Options);
        let types = TypeSchema::read("test.type", &schema, &schema);
        let secret = |text: &str| Value::Secret(crate::resource::Secret::new(text));
        let hashed = |it: &str| json!({ "infra:hash": format!("hash of {it}") });
        let map = |value: Value| Value::Map([("a".to_owned(), value)].into());
        for (property, value, expected) in [
            ("days", Value::Int(7), json!(7)),
            ("password", secret("x"), hashed("x")),
            ("password", Value::from("x"), hashed("x")),
            ("values", map(Value::from("x")), json!({ "a": "x" })),
            ("values", map(secret("x")), hashed(r#"{"a":"x"}"#)),
        ] {
            let properties = BTreeMap::from([(property.to_owned(), value)]);
            let recorded = recorded(&types, &properties, &|it| format!("hash of {it}"));
            assert_eq!(recorded, json!({ property: expected }));
        }
    }

    fn policy(json: Json) -> Value {
        canonical_policy(&Value::from(json))
    }

    #[test]
    fn policies_that_mean_the_same_are_equal() {
        let long = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "",
                "Effect": "Allow",
                "Principal": { "AWS": ["arn:aws:iam::123456789012:root"] },
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": ["*"],
                "Condition": { "Bool": { "aws:SecureTransport": ["true"] } }
            }]
        });
        let short = json!({
            "Version": "2012-10-17",
            "Statement": {
                "Effect": "Allow",
                "Principal": { "AWS": "123456789012" },
                "Action": ["s3:PutObject", "s3:GetObject"],
                "Resource": "*",
                "Condition": { "Bool": { "aws:SecureTransport": true } }
            }
        });
        assert_eq!(policy(long.clone()), policy(short));
        assert_eq!(policy(long.clone()), canonical_policy(&Value::Text(long.to_string())));
        let mut other = long.clone();
        other["Statement"][0]["Effect"] = "Deny".into();
        assert_ne!(policy(long), policy(other));
    }

    #[test]
    fn what_a_delete_goes_by_is_recorded_in_clear_text() {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Spec {
            #[schemars(transform = crate::resource::write_only)]
            skip_final_snapshot: bool,
            #[schemars(transform = crate::resource::write_only)]
            final_db_snapshot_identifier: String,
            password: crate::resource::Secret,
        }
        let schema = schemars::schema_for!(Spec);
        let types = TypeSchema::read("test.type", &schema, &schema);
        let properties = json!({ "skip_final_snapshot": true, "final_db_snapshot_identifier": "last", "password": "hunter2" });
        let properties = complete(&types, &Value::from(properties));
        let hash = |text: &str| format!("hash of {} letters", text.len());
        let expected = json!({
            "skip_final_snapshot": true,
            "final_db_snapshot_identifier": "last",
            "password": { "infra:hash": "hash of 7 letters" },
        });
        assert_eq!(recorded(&types, &properties, &hash), expected);
    }

    #[test]
    fn blocks_are_spelt_one_way() {
        for (written, canonical) in [("10.0.0.1/24", "10.0.0.0/24"), ("2001:DB8::/32", "2001:db8::/32"), ("nonsense", "nonsense")] {
            assert_eq!(canonical_block(written), canonical);
        }
    }
}
