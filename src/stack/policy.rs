//! What is wrong with policy documents wherever a type has one: elements that there are not, and such as are missing.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>

use std::collections::BTreeMap;

use super::expression::list;
use crate::{
    diagnostic::nearest,
    resource::{
        Problems,
        schema::{Fields, Kind, Schema, TypeSchema},
    },
    value::{Path, Value},
};

const DOCUMENT: &[&str] = &["Version", "Id", "Statement"];
const VERSIONS: &[&str] = &["2012-10-17", "2008-10-17"];
const STATEMENT: &[&str] = &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
const EFFECTS: &[&str] = &["Allow", "Deny"];
const PRINCIPALS: &[&str] = &["AWS", "Service", "Federated", "CanonicalUser"];
const OPERATORS: &[&str] = &[
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
    "BinaryEquals",
    "Bool",
    "DateEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateNotEquals",
    "IpAddress",
    "NotIpAddress",
    "Null",
    "NumericEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericNotEquals",
    "StringEquals",
    "StringEqualsIgnoreCase",
    "StringLike",
    "StringNotEquals",
    "StringNotEqualsIgnoreCase",
    "StringNotLike",
];

/// Looks at all policies among these properties.
pub(super) fn check(types: &TypeSchema, properties: &Value, problems: &mut Problems) {
    fields(types, &types.properties, properties, &Path::default(), problems);
}

fn fields(types: &TypeSchema, fields: &Fields, value: &Value, path: &Path, problems: &mut Problems) {
    for (name, it) in value.as_map().into_iter().flatten() {
        if let Some(field) = fields.get(name) {
            walk(types, &field.schema, it, &path.key(name), problems);
        }
    }
}

fn walk(types: &TypeSchema, schema: &Schema, value: &Value, path: &Path, problems: &mut Problems) {
    let schema = types.resolve(schema);
    match (&schema.kind, value) {
        (Kind::Object(it), _) => fields(types, it, value, path, problems),
        (Kind::Map(item), Value::Map(map)) => {
            map.iter().for_each(|(key, it)| walk(types, item, it, &path.key(key), problems));
        }
        (Kind::List { item, .. }, Value::List(list)) => {
            list.iter().enumerate().for_each(|(n, it)| walk(types, item, it, &path.item(n), problems));
        }
        (Kind::Free, _) if schema.marks.policy => document(value, path, problems),
        _ => {}
    }
}

fn document(value: &Value, path: &Path, problems: &mut Problems) {
    let Some(document) = map(value, "a policy document", path, problems) else { return };
    elements(document, DOCUMENT, "a policy", path, problems);
    if let Some(Value::Text(version)) = document.get("Version")
        && !VERSIONS.contains(&version.as_str())
    {
        let help = "write `2012-10-17`, which is the language's version and no date of yours";
        problems.error(path.key("Version"), "not a version of the policy language", help);
    }
    let path_of = path.key("Statement");
    match document.get("Statement") {
        None | Some(Value::Null) if misspelt(document, DOCUMENT, &["Statement"]) => {}
        None | Some(Value::Null) => {
            problems.error(path.clone(), "a policy without `Statement`", "write what it allows or denies");
        }
        Some(Value::List(statements)) => {
            statements.iter().enumerate().for_each(|(n, it)| statement(it, &path_of.item(n), problems));
        }
        Some(other) => statement(other, &path_of, problems),
    }
}

fn statement(value: &Value, path: &Path, problems: &mut Problems) {
    let Some(statement) = map(value, "a statement", path, problems) else { return };
    elements(statement, STATEMENT, "a statement", path, problems);
    let has = |name: &str| statement.get(name).is_some_and(|it| !it.is_null());
    match statement.get("Effect") {
        None | Some(Value::Null) if !misspelt(statement, STATEMENT, &["Effect"]) => {
            problems.error(path.clone(), "a statement without `Effect`", "write `Effect: Allow` or `Effect: Deny`");
        }
        Some(Value::Text(effect)) if !EFFECTS.contains(&effect.as_str()) => {
            problems.error(path.key("Effect"), "an `Effect` that there is not", suggestion(effect, EFFECTS));
        }
        _ => {}
    }
    if !has("Action") && !has("NotAction") && !misspelt(statement, STATEMENT, &["Action", "NotAction"]) {
        problems.error(path.clone(), "a statement without `Action`", "write what it is about, as `s3:GetObject`");
    }
    for (one, other) in [("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")] {
        if has(one) && has(other) {
            problems.error(path.key(other), format!("`{one}` and `{other}` in one statement"), "keep one of them");
        }
    }
    for name in ["Action", "NotAction"] {
        texts(statement.get(name), &path.key(name), &mut |action, path| {
            if action != "*" && !action.contains(':') {
                problems.error(path.clone(), "an action without its service", format!("write it as `service:{action}`"));
            }
        });
    }
    for name in ["Principal", "NotPrincipal"] {
        principal(name, statement.get(name), &path.key(name), problems);
    }
    if let Some(condition) = statement.get("Condition").filter(|it| !it.is_null()) {
        conditions(condition, &path.key("Condition"), problems);
    }
}

fn principal(name: &str, value: Option<&Value>, path: &Path, problems: &mut Problems) {
    match value {
        Some(Value::Map(kinds)) => elements(kinds, PRINCIPALS, &format!("`{name}`"), path, problems),
        Some(Value::Text(text)) if text != "*" => {
            let help = if text.ends_with(".amazonaws.com") {
                format!("write `{name}: {{ Service: {text} }}`")
            } else {
                format!("write `{name}: {{ AWS: … }}`")
            };
            problems.error(path.clone(), format!("a `{name}` that does not say of which kind it is"), help);
        }
        Some(Value::List(_)) => {
            problems.error(
                path.clone(),
                format!("a `{name}` that does not say of which kind it is"),
                format!("write `{name}: {{ AWS: […] }}`"),
            );
        }
        _ => {}
    }
}

fn conditions(value: &Value, path: &Path, problems: &mut Problems) {
    let Some(operators) = map(value, "a condition", path, problems) else { return };
    for (written, keys) in operators {
        let path = path.key(written);
        let operator = written.strip_prefix("ForAllValues:").or(written.strip_prefix("ForAnyValue:")).unwrap_or(written);
        let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
        if !OPERATORS.iter().any(|it| it.eq_ignore_ascii_case(operator)) {
            let help = match nearest(operator, OPERATORS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "operators are words such as `StringEquals`, `ArnLike` and `IpAddress`".to_owned(),
            };
            problems.error(path, format!("there is no condition operator `{written}`"), help);
        } else if !matches!(keys, Value::Map(_) | Value::Unknown(_) | Value::Secret(_)) {
            let help = format!("write `{written}: {{ \"aws:SourceArn\": … }}`");
            problems.error(path, "a condition that does not say of which key", help);
        }
    }
}

/// Whether one of these is there under a name that is almost right, which is reported for itself.
fn misspelt(written: &BTreeMap<String, Value>, known: &[&str], names: &[&str]) -> bool {
    written.keys().any(|it| !known.contains(&it.as_str()) && nearest(it, names.iter().copied()).is_some())
}

/// Reports what is not known here.
fn elements(written: &BTreeMap<String, Value>, known: &[&str], of: &str, path: &Path, problems: &mut Problems) {
    for name in written.keys().filter(|it| !known.contains(&it.as_str())) {
        problems.error(path.key(name), format!("{of} has no element `{name}`"), suggestion(name, known));
    }
}

fn suggestion(written: &str, known: &[&str]) -> String {
    let same = known.iter().find(|it| it.eq_ignore_ascii_case(written)).copied();
    match same.or_else(|| nearest(written, known.iter().copied())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => list("known here", known),
    }
}

fn map<'a>(value: &'a Value, what: &str, path: &Path, problems: &mut Problems) -> Option<&'a BTreeMap<String, Value>> {
    if !matches!(value, Value::Map(_) | Value::Null | Value::Unknown(_) | Value::Secret(_)) {
        problems.error(path.clone(), format!("{what} that is no map"), "write it with its elements by name");
    }
    value.as_map()
}

/// One text, or several.
fn texts(value: Option<&Value>, path: &Path, each: &mut dyn FnMut(&str, &Path)) {
    match value {
        Some(Value::Text(text)) => each(text, path),
        Some(Value::List(list)) => {
            for (n, text) in list.iter().enumerate().filter_map(|(n, it)| Some((n, it.as_text()?))) {
                each(text, &path.item(n));
            }
        }
        _ => {}
    }
}
