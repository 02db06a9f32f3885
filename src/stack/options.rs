//! The options of the engine that stand beside a type: how they are written and what they become.

use std::{sync::LazyLock, time::Duration};

use schemars::json_schema;

use super::{Options, Suppression, Timeouts};
use crate::{
    resource::{
        Id, Location,
        schema::{Schema, TypeSchema},
    },
    value::{Path, Segment, Value},
};

/// All that can stand beside the type of a resource.
pub(super) const RESOURCE: &[&str] = &["for_each", "when", "depends_on", "region", "role", "lifecycle", "timeouts", "adopt", "suppress"];
/// All that can stand beside the type of a lookup.
pub(super) const LOOKUP: &[&str] = &["when", "region", "role"];

/// Durations of `timeouts`.
const DURATION: &str = "([0-9]+h)?([0-9]+m)?([0-9]+s)?";

static SCHEMAS: LazyLock<TypeSchema> = LazyLock::new(|| {
    let duration = json_schema!({ "type": "string", "pattern": DURATION, "minLength": 2 });
    let text = json_schema!({ "type": "string", "minLength": 1 });
    let flag = json_schema!({ "type": "boolean" });
    let written = json_schema!({
        "type": "object",
        "properties": {
            "options": {
                "type": "object",
                "properties": {
                    "region": text,
                    "role": text,
                    "lifecycle": {
                        "type": "object",
                        "properties": {
                            "protect": flag,
                            "retain": flag,
                            "create_before_destroy": flag,
                            "ignore_changes": { "type": "array", "items": text },
                        },
                    },
                    "timeouts": { "type": "object", "properties": { "create": duration, "update": duration, "delete": duration } },
                    "adopt": text,
                    "suppress": {
                        "type": "array",
                        "items": { "type": "object", "properties": { "check": text, "reason": text }, "required": ["check", "reason"] },
                    },
                },
            },
            "when": flag,
            "tags": { "type": "object", "additionalProperties": { "type": "string", "maxLength": 256 } },
        },
    });
    TypeSchema::read("an option", &written, &json_schema!({ "type": "object" }))
});

pub(super) fn all() -> (&'static TypeSchema, &'static Schema) {
    (&SCHEMAS, &SCHEMAS.properties["options"].schema)
}

pub(super) fn condition() -> (&'static TypeSchema, &'static Schema) {
    (&SCHEMAS, &SCHEMAS.properties["when"].schema)
}

pub(super) fn tags() -> (&'static TypeSchema, &'static Schema) {
    (&SCHEMAS, &SCHEMAS.properties["tags"].schema)
}

/// The options that a value of the schema above stands for; `wrong` is told what is wrong and where.
pub(super) fn read(value: &Value, schema: Option<&TypeSchema>, wrong: &mut dyn FnMut(&Path, &str, String, &str)) -> Options {
    let lifecycle = value.get("lifecycle");
    let flag = |key: &str| match lifecycle.and_then(|it| it.get(key)) {
        Some(Value::Bool(it)) => Some(*it),
        _ => None,
    };
    let texts = |key: &str| lifecycle.and_then(|it| it.get(key)).and_then(Value::as_list).unwrap_or_default();
    let mut ignore_changes = vec![];
    for (n, it) in texts("ignore_changes").iter().enumerate() {
        let at = Path::of("lifecycle").key("ignore_changes").item(n);
        let Some(text) = it.as_text() else { continue };
        match path(text) {
            Some(path) => match (path.property(), schema) {
                (Some(property), Some(schema)) if !schema.properties.contains_key(property) => {
                    let known: Vec<_> = schema.properties.keys().map(String::as_str).collect();
                    let help = crate::diagnostic::nearest(property, known.iter().copied())
                        .map_or_else(|| super::expression::list("properties", &known), |near| format!("did you mean `{near}`?"));
                    wrong(&at, "ignores a property that there is not", format!("{} has no property `{property}`", schema.name), &help);
                }
                _ => ignore_changes.push(path),
            },
            None => wrong(&at, "not a property", "cannot be read".into(), "write it as `name`, `name.part` or `name[0].part`"),
        }
    }
    let mut timeout = |key: &str| {
        let text = value.get("timeouts")?.get(key)?.as_text()?;
        let duration = duration(text);
        if duration.is_none() {
            wrong(&Path::of("timeouts").key(key), "not a duration", "is too long".into(), "write it as `90s`, `10m` or `1h30m`");
        }
        duration
    };
    let timeouts = Timeouts { create: timeout("create"), update: timeout("update"), delete: timeout("delete") };
    let suppress = value.get("suppress").and_then(Value::as_list).unwrap_or_default();
    Options {
        location: location(value),
        protect: flag("protect"),
        retain: flag("retain").unwrap_or(false),
        create_before_destroy: flag("create_before_destroy"),
        ignore_changes,
        timeouts,
        adopt: value.get("adopt").and_then(Value::as_text).map(Id::from),
        suppress: suppress
            .iter()
            .filter_map(|it| {
                let text = |key: &str| it.get(key)?.as_text().map(str::to_owned);
                Some(Suppression { check: text("check")?, reason: text("reason")? })
            })
            .collect(),
    }
}

pub(super) fn location(value: &Value) -> Location {
    let text = |key: &str| value.get(key)?.as_text().map(str::to_owned);
    Location { region: text("region"), role: text("role") }
}

/// `1h30m`.
fn duration(text: &str) -> Option<Duration> {
    let mut seconds: u64 = 0;
    let mut number = String::new();
    for it in text.chars() {
        if it.is_ascii_digit() {
            number.push(it);
            continue;
        }
        let unit = match it {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && seconds <= 7 * 24 * 3600).then(|| Duration::from_secs(seconds))
}

/// `ingress[0].cidr_ip`, `tags["aws:x"]`.
fn path(text: &str) -> Option<Path> {
    let mut path = Path::default();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (part, after) = if let Some(quoted) = inner.strip_prefix('"') {
                let (key, after) = quoted.split_once("\"]")?;
                (Segment::Key(key.to_owned()), after)
            } else {
                let (number, after) = inner.split_once(']')?;
                (Segment::Item(number.parse().ok()?), after)
            };
            path.0.push(part);
            rest = after;
        } else {
            let begun = if path.0.is_empty() { rest } else { rest.strip_prefix('.')? };
            let end = begun.find(['.', '[']).unwrap_or(begun.len());
            if end == 0 {
                return None;
            }
            path.0.push(Segment::Key(begun[..end].to_owned()));
            rest = &begun[end..];
        }
    }
    path.property().is_some().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, expected) in
            [("90s", Some(90)), ("10m", Some(600)), ("1h30m", Some(5400)), ("10", None), ("m", None), ("99999999h", None)]
        {
            assert_eq!(duration(text).map(|it| it.as_secs()), expected, "{text}");
        }
    }

    #[test]
    fn paths_are_read_as_they_are_shown() {
        for text in ["name", "ingress[0].cidr_ip", "tags[\"aws:x\"]", "a.b.c"] {
            assert_eq!(path(text).map(|it| it.to_string()).as_deref(), Some(text));
        }
        for text in ["", "[0]", "a..b", "a[x]", "a[0"] {
            assert_eq!(path(text), None, "{text}");
        }
    }
}
