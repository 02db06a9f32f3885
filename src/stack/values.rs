//! Text and data to what a schema asks for, and what is wrong where they do not fit.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use ipnet::IpNet;
use regex_lite::Regex;

use crate::{
    diagnostic::nearest,
    resource::{
        Secret,
        schema::{Format, Kind, Schema, Text, TypeSchema},
    },
    value::{Path, Value},
};

/// What a value has to be: a schema, with the type that it is a part of.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) types: Arc<TypeSchema>,
    pub(super) schema: Arc<Schema>,
}

/// What is wrong with a value. Never shows it.
#[derive(Debug)]
pub(super) struct Misfit {
    /// Where in the value.
    pub(super) path: Path,
    pub(super) summary: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
    /// A text that would be right.
    pub(super) patch: Option<String>,
}

impl Misfit {
    fn new(summary: impl Into<String>, label: impl Into<String>) -> Self {
        Self { path: Path::default(), summary: summary.into(), label: label.into(), help: None, patch: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    fn patch(mut self, patch: impl Into<String>) -> Self {
        self.patch = Some(patch.into());
        self
    }

    fn at(mut self, path: &Path) -> Self {
        self.path = path.clone();
        self
    }
}

/// A kind of value, for a sentence: "is …".
pub(super) fn describe(kind: &Kind) -> &'static str {
    match kind {
        Kind::Object(_) | Kind::Map(_) => "a map",
        Kind::List { .. } => "a list",
        Kind::Text(_) => "text",
        Kind::Integer { .. } => "a whole number",
        Kind::Number { .. } => "a number",
        Kind::Bool => "true or false",
        Kind::Free | Kind::Ref(_) => "any value",
    }
}

/// How what is wanted is written.
pub(super) fn how(kind: &Kind) -> &'static str {
    match kind {
        Kind::Object(_) | Kind::Map(_) => "write `key: value` in lines below it, or `{ key: value }`",
        Kind::List { .. } => "write it as a list, even where it has only one item",
        Kind::Text(_) => "write one text, not several",
        Kind::Integer { .. } => "write digits: `3`",
        Kind::Number { .. } => "write digits: `0.5`",
        Kind::Bool => "write `true` or `false`",
        Kind::Free | Kind::Ref(_) => "write a value",
    }
}

/// What a value is, for a sentence, without showing it.
pub(super) fn describe_value(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Int(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Text(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
        Value::Secret(_) => "a secret",
        Value::Unknown(_) => "not known yet",
    }
}

/// A scalar of a file where no schema says what it is: only what cannot be meant otherwise is more than text.
pub(super) fn free(text: &str, plain: bool) -> Value {
    if !plain {
        return Value::from(text);
    }
    match text {
        "" | "~" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            let whole = digits.bytes().all(|it| it.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0')) && text != "-0";
            match text.parse() {
                Ok(number) if whole => Value::Int(number),
                _ => Value::from(text),
            }
        }
    }
}

/// A scalar of a file as its schema wants it; the kinds that hold other values are not for scalars.
pub(super) fn scalar(text: &str, plain: bool, schema: &Schema) -> Result<Value, Misfit> {
    if plain && matches!(text, "" | "~" | "null") {
        return Ok(Value::Null);
    }
    let value = match &schema.kind {
        Kind::Text(_) => Value::from(text),
        Kind::Free if schema.marks.policy => Value::from(text),
        Kind::Free => free(text, plain),
        Kind::Bool if matches!(text, "yes" | "on" | "True" | "TRUE" | "Yes" | "On" | "YES" | "ON" | "1") => {
            return Err(Misfit::new("neither `true` nor `false`", "true or false is wanted").patch("true").help("write `true`"));
        }
        Kind::Bool if matches!(text, "no" | "off" | "False" | "FALSE" | "No" | "Off" | "NO" | "OFF" | "0") => {
            return Err(Misfit::new("neither `true` nor `false`", "true or false is wanted").patch("false").help("write `false`"));
        }
        Kind::Integer { .. }
            if text.len() > 1 && text.trim_start_matches('-').starts_with('0') && text.bytes().all(|it| it.is_ascii_digit()) =>
        {
            return Err(Misfit::new("a number with leading zeros", "could mean two things").help("write it without leading zeros"));
        }
        _ => Value::from(text),
    };
    fit_scalar(value, schema)
}

/// Makes a value what its rule wants; parts that do not fit are reported and left out.
pub(super) fn fit(value: Value, types: &TypeSchema, schema: &Schema, path: &Path, misfits: &mut Vec<Misfit>) -> Value {
    let schema = types.resolve(schema);
    match (value, &schema.kind) {
        (value @ (Value::Null | Value::Unknown(_)), _) => value,
        (Value::List(items), Kind::List { item, min, max }) => {
            let items = items.into_iter().enumerate();
            let items =
                items.filter(|(_, it)| !it.is_null()).map(|(n, it)| fit(it, types, item, &path.item(n), misfits)).collect::<Vec<_>>();
            if let Err(misfit) = fit_count(items.len(), *min, *max) {
                misfits.push(misfit.at(path));
            }
            Value::List(items)
        }
        (Value::Map(entries), Kind::Map(item)) => {
            let entries = entries.into_iter().filter(|(_, it)| !it.is_null());
            Value::Map(entries.map(|(key, it)| (key.clone(), fit(it, types, item, &path.key(&key), misfits))).collect())
        }
        (Value::Map(entries), Kind::Object(fields)) => {
            for (name, field) in fields {
                if field.required && entries.get(name).is_none_or(Value::is_null) {
                    let help = format!("write `{name}`: {}", describe(&field.schema.kind));
                    misfits.push(Misfit::new(format!("`{name}` is missing"), "has to be written").help(help).at(path));
                }
            }
            let mut map = BTreeMap::new();
            for (key, it) in entries {
                match fields.get(&key) {
                    Some(field) if !it.is_null() => {
                        let fitted = fit(it, types, &field.schema, &path.key(&key), misfits);
                        map.insert(key, fitted);
                    }
                    Some(_) => {}
                    None => {
                        let near = nearest(&key, fields.keys().map(String::as_str));
                        let help = near.map_or_else(
                            || super::expression::list("known here", &fields.keys().map(String::as_str).collect::<Vec<_>>()),
                            |it| format!("did you mean `{it}`?"),
                        );
                        misfits.push(Misfit::new(format!("there is no property `{key}`"), "has an unknown entry").help(help).at(path));
                    }
                }
            }
            Value::Map(map)
        }
        (Value::Text(text), Kind::Free) if schema.marks.policy => match fit_policy(&text) {
            Ok(value) => value,
            Err(misfit) => {
                misfits.push(misfit.at(path));
                Value::Null
            }
        },
        (value, Kind::Free) => value,
        (value @ (Value::List(_) | Value::Map(_)), kind) => {
            misfits.push(
                Misfit::new(
                    format!("{} where {} is wanted", describe_value(&value), describe(kind)),
                    format!("{} is wanted", describe(kind)),
                )
                .help(how(kind))
                .at(path),
            );
            Value::Null
        }
        (value, Kind::List { .. } | Kind::Map(_) | Kind::Object(_)) => {
            misfits.push(shape(describe_value(&value), schema).at(path));
            Value::Null
        }
        (Value::Secret(secret), Kind::Text(_)) => Value::Secret(secret),
        (Value::Secret(_), kind) => {
            misfits.push(
                Misfit::new("a secret that is no text", format!("{} is wanted, and only text can be secret", describe(kind))).at(path),
            );
            Value::Null
        }
        (value, _) => fit_scalar(value, schema).unwrap_or_else(|misfit| {
            misfits.push(misfit.at(path));
            Value::Null
        }),
    }
}

/// One value where a list or map is wanted.
pub(super) fn shape(is: &str, schema: &Schema) -> Misfit {
    let misfit = Misfit::new(format!("{is} where {} is wanted", describe(&schema.kind)), format!("{} is wanted", describe(&schema.kind)));
    misfit.help(how(&schema.kind))
}

/// Whether a list has as many items as it may.
pub(super) fn fit_count(count: usize, min: Option<u64>, max: Option<u64>) -> Result<(), Misfit> {
    let count = count as u64;
    match (min, max) {
        (Some(min), _) if count < min => Err(Misfit::new("too few items", format!("has {count}")).help(format!("at least {min}"))),
        (_, Some(max)) if count > max => Err(Misfit::new("too many items", format!("has {count}")).help(format!("at most {max}"))),
        _ => Ok(()),
    }
}

fn fit_scalar(value: Value, schema: &Schema) -> Result<Value, Misfit> {
    let wrong = |value: &Value| {
        let kind = describe(&schema.kind);
        Misfit::new(format!("{} where {kind} is wanted", describe_value(value)), format!("{kind} is wanted")).help(how(&schema.kind))
    };
    match &schema.kind {
        Kind::Text(rules) => {
            let text = match value {
                Value::Text(text) => text,
                other => super::calculate::plain_text(&other).ok_or_else(|| wrong(&other))?,
            };
            fit_text(&text, rules)?;
            Ok(if schema.marks.secret { Value::Secret(Secret::new(text)) } else { Value::Text(text) })
        }
        Kind::Integer { min, max } => {
            let number = match &value {
                Value::Int(it) => *it,
                Value::Float(it) if it.fract() == 0.0 && it.abs() < 9.0e15 => *it as i64,
                Value::Text(it) => it.parse().map_err(|_| wrong(&value))?,
                _ => return Err(wrong(&value)),
            };
            fit_range(number as f64, min.map(|it| it as f64), max.map(|it| it as f64), |it| format!("{it}"))?;
            Ok(Value::Int(number))
        }
        Kind::Number { min, max } => {
            let number = match &value {
                Value::Int(it) => *it as f64,
                Value::Float(it) => *it,
                Value::Text(it) => it.parse().ok().filter(|it: &f64| it.is_finite()).ok_or_else(|| wrong(&value))?,
                _ => return Err(wrong(&value)),
            };
            fit_range(number, *min, *max, |it| format!("{it}"))?;
            Ok(Value::Float(number))
        }
        Kind::Bool => match &value {
            Value::Bool(it) => Ok(Value::Bool(*it)),
            Value::Text(it) if it == "true" || it == "false" => Ok(Value::Bool(it == "true")),
            _ => Err(wrong(&value)),
        },
        Kind::Free if schema.marks.policy => match &value {
            Value::Text(text) => fit_policy(text),
            _ => Ok(value),
        },
        Kind::Free | Kind::Ref(_) => Ok(value),
        Kind::Object(_) | Kind::Map(_) | Kind::List { .. } => Err(shape(describe_value(&value), schema)),
    }
}

/// A policy written as JSON text means the data.
fn fit_policy(text: &str) -> Result<Value, Misfit> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(json @ serde_json::Value::Object(_)) => Ok(Value::from(json)),
        Ok(_) => Err(Misfit::new("not a policy document", "JSON, but no object").help("write it as YAML, with `Version` and `Statement`")),
        Err(why) => Err(Misfit::new("not a policy document", format!("not valid JSON: {}", without_values(&why)))
            .help("write it as YAML, with `Version` and `Statement`, or as valid JSON")),
    }
}

/// What serde_json says of syntax has no values in it, only places.
fn without_values(why: &serde_json::Error) -> String {
    format!("line {}, column {} of the text", why.line(), why.column())
}

fn fit_range(number: f64, min: Option<f64>, max: Option<f64>, show: impl Fn(f64) -> String) -> Result<(), Misfit> {
    let help = match (min, max) {
        (Some(min), Some(max)) => format!("from {} to {}", show(min), show(max)),
        (Some(min), None) => format!("at least {}", show(min)),
        (None, Some(max)) => format!("at most {}", show(max)),
        (None, None) => return Ok(()),
    };
    if min.is_some_and(|it| number < it) {
        return Err(Misfit::new("a number that is too small", "below what is allowed").help(help));
    }
    if max.is_some_and(|it| number > it) {
        return Err(Misfit::new("a number that is too large", "above what is allowed").help(help));
    }
    Ok(())
}

fn fit_text(text: &str, rules: &Text) -> Result<(), Misfit> {
    if !rules.choices.is_empty() && !rules.choices.iter().any(|it| it.value == text) {
        let allowed: Vec<_> = rules.choices.iter().map(|it| it.value.as_str()).collect();
        let misfit = Misfit::new("not one of the values allowed", "not allowed").help(format!("allowed: {}", allowed.join(", ")));
        let same = allowed.iter().find(|it| it.eq_ignore_ascii_case(text)).copied();
        return Err(match same.or_else(|| nearest(text, allowed.iter().copied())) {
            Some(near) => misfit.patch(near),
            None => misfit,
        });
    }
    let length = text.chars().count() as u64;
    if let Some(min) = rules.min.filter(|it| length < *it) {
        return Err(
            Misfit::new("a text that is too short", format!("has {}", characters(length))).help(format!("at least {}", characters(min)))
        );
    }
    if let Some(max) = rules.max.filter(|it| length > *it) {
        return Err(
            Misfit::new("a text that is too long", format!("has {}", characters(length))).help(format!("at most {}", characters(max)))
        );
    }
    if let Some(wanted) = &rules.pattern
        && let Some(regex) = pattern(&format!("^(?:{wanted})$"))
        && !regex.is_match(text)
    {
        return Err(Misfit::new("a text of the wrong form", "does not match").help(format!("has to match `{wanted}`")));
    }
    match rules.format {
        Some(Format::Cidr) => fit_cidr(text),
        Some(Format::DnsName) => fit_dns_name(text),
        Some(Format::Protocol | Format::Version) | None => Ok(()),
    }
}

fn characters(count: u64) -> String {
    format!("{count} character{}", if count == 1 { "" } else { "s" })
}

fn fit_dns_name(text: &str) -> Result<(), Misfit> {
    let wrong = |label: &str, help: &str| Err(Misfit::new("not a name in the DNS", label).help(help));
    if text.chars().any(|it| it.is_whitespace() || it.is_control()) {
        return wrong("has white space in it", "write it as www.example.com");
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    if name.split('.').any(str::is_empty) && text != "." {
        return wrong("has nothing between two dots", "write it as www.example.com");
    }
    match name.split('.').find(|it| it.len() > 63) {
        Some(_) => wrong("a part of it is too long", "at most 63 characters between two dots"),
        None => Ok(()),
    }
}

fn fit_cidr(text: &str) -> Result<(), Misfit> {
    match text.parse::<IpNet>() {
        Ok(block) if block.addr() == block.network() => Ok(()),
        Ok(block) => {
            let right = block.trunc().to_string();
            Err(Misfit::new("an address within a block", "does not begin the block").help(format!("the block is {right}")).patch(right))
        }
        Err(_) => match text.parse::<std::net::IpAddr>() {
            Ok(address) => {
                let right = format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 });
                Err(Misfit::new("an address where a block is wanted", "has no prefix")
                    .help(format!("this address alone is {right}"))
                    .patch(right))
            }
            Err(_) => Err(Misfit::new("not a block of addresses", "no CIDR block").help("write it as 10.0.0.0/16 or 2001:db8::/56")),
        },
    }
}

/// A compiled regular expression; the same few patterns are asked for again and again.
pub(super) fn pattern(text: &str) -> Option<Arc<Regex>> {
    thread_local! {
        static PATTERNS: RefCell<HashMap<String, Option<Arc<Regex>>>> = RefCell::default();
    }
    PATTERNS.with_borrow_mut(|patterns| {
        if let Some(known) = patterns.get(text) {
            return known.clone();
        }
        let regex = Regex::new(text).ok().map(Arc::new);
        patterns.insert(text.to_owned(), regex.clone());
        regex
    })
}
