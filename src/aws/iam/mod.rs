//! Identities and what they may do. The service is one for all regions.

pub(crate) mod instance_profile;
pub(crate) mod oidc_provider;
pub(crate) mod policy;
pub(crate) mod role;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_iam::types::Tag;
use infra::{
    resource::{Policy, Problems, Tags},
    value::{Path, Value},
};
use percent_encoding::percent_decode_str;
use serde_json::{Value as Json, json};

use super::wording;

const GONE: &[&str] = &["NoSuchEntity"];
const DENIED: &[&str] = &["AccessDenied"];
/// How long it takes at most until IAM's news is known everywhere.
const TWO_MINUTES: Duration = Duration::from_secs(120);

fn root() -> String {
    "/".to_owned()
}

fn list(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build().expect("it has a key and a value");
    tags.into_iter().map(tag).collect()
}

fn tags(list: &[Tag]) -> Tags {
    Tags::read(list.iter().map(|it| (it.key.clone(), it.value.clone())))
}

/// IAM answers with documents that are encoded as in a URL.
fn decoded(text: &str) -> Policy {
    wording::policy(&percent_decode_str(text).decode_utf8_lossy())
}

fn check_path(spec: &Value, problems: &mut Problems) {
    let Some(path) = spec.get("path").and_then(Value::as_text) else { return };
    if !(path.starts_with('/') && path.ends_with('/')) {
        problems.error(Path::of("path"), "a path begins and ends with a slash", format!("write `/{}/`", path.trim_matches('/')));
    }
}

/// What a policy lets or forbids whoever has it: it says on what, and not who.
fn check_identity_policy(path: &Path, policy: &Value, problems: &mut Problems) {
    check_statements(path, policy, problems, &mut |path, has, problems| {
        if let Some(element) = ["Principal", "NotPrincipal"].into_iter().find(|it| has(it)) {
            let help = "the policy is about whoever has it: leave it out";
            problems.error(path.key(element), format!("`{element}` in a policy of an identity"), help);
        }
        if !has("Resource") && !has("NotResource") {
            problems.error(path.clone(), "a statement without `Resource`", "say what it is about; `*` is everything");
        }
    });
}

/// Who may take a role on: it says who, and not on what.
fn check_trust_policy(path: &Path, policy: &Value, problems: &mut Problems) {
    check_statements(path, policy, problems, &mut |path, has, problems| {
        if let Some(element) = ["Resource", "NotResource"].into_iter().find(|it| has(it)) {
            let help = "the policy is about the role itself: leave it out";
            problems.error(path.key(element), format!("`{element}` in a trust policy"), help);
        }
        if !has("Principal") && !has("NotPrincipal") {
            let help = "say who may take the role on, as `Principal: { Service: lambda.amazonaws.com }`";
            problems.error(path.clone(), "a statement without `Principal`", help);
        }
    });
}

/// Looks at one statement: where it is, and which elements it has.
type CheckStatement<'a> = dyn FnMut(&Path, &dyn Fn(&str) -> bool, &mut Problems) + 'a;

/// What a resource lets or forbids others: it says who.
pub(in crate::aws) fn check_resource_policy(property: &str, spec: &Value, problems: &mut Problems) {
    let Some(policy) = spec.get(property) else { return };
    check_statements(&Path::of(property), policy, problems, &mut |path, has, problems| {
        if !has("Principal") && !has("NotPrincipal") {
            let help = "say whom it is about, as `Principal: { Service: lambda.amazonaws.com }`";
            problems.error(path.clone(), "a statement without `Principal`", help);
        }
    });
}

/// The form of its parts is looked at for all kinds of policies alike, before this.
fn check_statements(path: &Path, policy: &Value, problems: &mut Problems, check: &mut CheckStatement<'_>) {
    let (one, several) = match policy.get("Statement") {
        Some(statement @ Value::Map(_)) => (std::slice::from_ref(statement), false),
        Some(Value::List(list)) => (list.as_slice(), true),
        _ => return,
    };
    let mut names = BTreeSet::new();
    for (n, statement) in one.iter().enumerate().filter(|(_, it)| matches!(it, Value::Map(_))) {
        let path = path.key("Statement");
        let path = if several { path.item(n) } else { path };
        check(&path, &|element| statement.get(element).is_some_and(|it| !it.is_null()), problems);
        let Some(name) = statement.get("Sid").and_then(Value::as_text).filter(|it| !it.is_empty()) else { continue };
        if !name.chars().all(|it| it.is_ascii_alphanumeric()) {
            problems.error(path.key("Sid"), format!("`{name}` cannot be a `Sid`"), "in IAM it has letters and digits only");
        }
        if !names.insert(name) {
            problems.error(path.key("Sid"), format!("two statements with the `Sid` `{name}`"), "choose another, or leave it out");
        }
    }
}

fn check_size(path: &Path, size: usize, largest: usize, problems: &mut Problems) {
    if size > largest {
        let help = "say it with fewer words, or in several policies; white space does not count";
        problems.error(path.clone(), format!("a policy of {size} characters, where IAM takes {largest}"), help);
    }
}

/// How many characters IAM counts, at least: parts that are not known yet count for nothing.
fn size(policy: &Value) -> usize {
    fn known(value: &Value) -> Json {
        match value {
            Value::Null => Json::Null,
            Value::Bool(it) => json!(it),
            Value::Int(it) => json!(it),
            Value::Float(it) => json!(it),
            Value::Text(it) => json!(it),
            Value::List(list) => list.iter().map(known).collect(),
            Value::Map(map) => Json::Object(map.iter().map(|(key, it)| (key.clone(), known(it))).collect()),
            Value::Secret(_) | Value::Unknown(_) => json!(""),
        }
    }
    match policy {
        Value::Unknown(_) => 0,
        policy => known(policy).to_string().chars().filter(|it| !it.is_whitespace()).count(),
    }
}
