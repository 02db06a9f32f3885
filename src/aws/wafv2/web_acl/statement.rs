//! What a request is looked at for: in a stack file's words and in WAF's.

mod convert;

use infra::{
    resource::{Error, Problems, set},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    matching::{FieldToMatch, ForwardedIp, SetForwardedIp, Transformation, untransformed},
    rule::Action,
};

/// Something that the schema requires is not there.
pub(super) fn incomplete(missing: aws_sdk_wafv2::error::BuildError) -> Error {
    Error::bug("wafv2.web_acl", missing.to_string())
}

/// One of these.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Statement {
    /// A group of rules that AWS or somebody else keeps.
    managed_rule_group_statement: Option<ManagedRuleGroup>,
    /// A group of rules of the account.
    rule_group_reference_statement: Option<RuleGroupReference>,
    /// Who asks too often.
    rate_based_statement: Option<RateBased>,
    /// Whose address is in a set.
    ip_set_reference_statement: Option<IpSetReference>,
    /// Where the address is.
    geo_match_statement: Option<GeoMatch>,
    /// A text in the request.
    byte_match_statement: Option<ByteMatch>,
    /// A pattern in the request.
    regex_match_statement: Option<RegexMatch>,
    /// Patterns of a set in the request.
    regex_pattern_set_reference_statement: Option<RegexPatternSet>,
    /// How long a part of the request is.
    size_constraint_statement: Option<SizeConstraint>,
    /// SQL in the request.
    sqli_match_statement: Option<SqliMatch>,
    /// Scripts in the request.
    xss_match_statement: Option<XssMatch>,
    /// What an earlier rule said of the request.
    label_match_statement: Option<LabelMatch>,
    /// All of these.
    and_statement: Option<Vec<Self>>,
    /// One of these at least.
    or_statement: Option<Vec<Self>>,
    /// Not this.
    not_statement: Option<Box<Self>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct ManagedRuleGroup {
    /// Who keeps it: `AWS`.
    #[schemars(length(min = 1, max = 128))]
    vendor_name: String,
    /// Its name: `AWSManagedRulesCommonRuleSet`.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"[0-9A-Za-z_-]+"))]
    name: String,
    /// Its version. Left out, the one that the vendor recommends.
    #[schemars(length(min = 1, max = 64), regex(pattern = r"[\w#:.\-/]+"))]
    version: Option<String>,
    /// Rules of it that only count. The newer `rule_action_overrides` can do that and more.
    #[schemars(transform = set)]
    excluded_rules: Option<Vec<String>>,
    /// Rules of it that do something else than they are made for.
    #[schemars(transform = set)]
    rule_action_overrides: Option<Vec<RuleActionOverride>>,
    /// Which requests it looks at. Left out, all.
    scope_down_statement: Option<Box<Statement>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RuleActionOverride {
    /// The name of the rule.
    name: String,
    /// What it does.
    action_to_use: Action,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RuleGroupReference {
    /// The ARN of the group.
    arn: String,
    /// Rules of it that only count. The newer `rule_action_overrides` can do that and more.
    #[schemars(transform = set)]
    excluded_rules: Option<Vec<String>>,
    /// Rules of it that do something else than they are made for.
    #[schemars(transform = set)]
    rule_action_overrides: Option<Vec<RuleActionOverride>>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RateBased {
    /// How many requests are allowed in that time.
    #[schemars(range(min = 10, max = 2_000_000_000))]
    limit: i64,
    /// In how many seconds: 60, 120, 300 or 600.
    #[serde(default = "five_minutes")]
    evaluation_window_sec: i64,
    /// What is counted together.
    #[serde(default)]
    aggregate_key_type: Aggregate,
    /// Where the address comes from, for `FORWARDED_IP`.
    forwarded_ip_config: Option<ForwardedIp>,
    /// Which requests are counted. Left out, all; needed for `CONSTANT`.
    scope_down_statement: Option<Box<Statement>>,
}

fn five_minutes() -> i64 {
    300
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Aggregate {
    /// All that come from one address.
    #[default]
    Ip,
    /// All that come from one address, as a header says.
    ForwardedIp,
    /// All.
    Constant,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct IpSetReference {
    /// The ARN of the set.
    arn: String,
    /// Where the address comes from. Left out, it is that of who connects.
    ip_set_forwarded_ip_config: Option<SetForwardedIp>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct GeoMatch {
    /// The countries, by two letters each: `JP`.
    #[schemars(transform = set, length(min = 1), inner(regex(pattern = r"[A-Z]{2}")))]
    country_codes: Vec<String>,
    /// Where the address comes from. Left out, it is that of who connects.
    forwarded_ip_config: Option<ForwardedIp>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct ByteMatch {
    /// The text.
    #[schemars(length(min = 1, max = 200))]
    search_string: String,
    /// Where it stands.
    positional_constraint: Constraint,
    /// The part of the request that is looked at.
    field_to_match: FieldToMatch,
    /// What is done with that before, in this order.
    #[serde(default = "untransformed")]
    #[schemars(length(min = 1))]
    text_transformations: Vec<Transformation>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Constraint {
    /// It is all of it.
    Exactly,
    /// At the beginning.
    StartsWith,
    /// At the end.
    EndsWith,
    /// Anywhere.
    Contains,
    /// Anywhere, as a word.
    ContainsWord,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RegexMatch {
    /// The regular expression.
    #[schemars(length(min = 1, max = 512))]
    regex_string: String,
    /// The part of the request that is looked at.
    field_to_match: FieldToMatch,
    /// What is done with that before, in this order.
    #[serde(default = "untransformed")]
    #[schemars(length(min = 1))]
    text_transformations: Vec<Transformation>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct RegexPatternSet {
    /// The ARN of the set.
    arn: String,
    /// The part of the request that is looked at.
    field_to_match: FieldToMatch,
    /// What is done with that before, in this order.
    #[serde(default = "untransformed")]
    #[schemars(length(min = 1))]
    text_transformations: Vec<Transformation>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct SizeConstraint {
    /// How it compares with the size.
    comparison_operator: Comparison,
    /// The number of bytes.
    #[schemars(range(min = 0))]
    size: i64,
    /// The part of the request that is looked at.
    field_to_match: FieldToMatch,
    /// What is done with that before, in this order.
    #[serde(default = "untransformed")]
    #[schemars(length(min = 1))]
    text_transformations: Vec<Transformation>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Comparison {
    /// As long.
    Eq,
    /// Not as long.
    Ne,
    /// As long or shorter.
    Le,
    /// Shorter.
    Lt,
    /// As long or longer.
    Ge,
    /// Longer.
    Gt,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct SqliMatch {
    /// The part of the request that is looked at.
    field_to_match: FieldToMatch,
    /// What is done with that before, in this order.
    #[serde(default = "untransformed")]
    #[schemars(length(min = 1))]
    text_transformations: Vec<Transformation>,
    /// How readily something counts as SQL.
    #[serde(default)]
    sensitivity_level: Sensitivity,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Sensitivity {
    /// With few false alarms.
    #[default]
    Low,
    /// With more false alarms.
    High,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct XssMatch {
    /// The part of the request that is looked at.
    field_to_match: FieldToMatch,
    /// What is done with that before, in this order.
    #[serde(default = "untransformed")]
    #[schemars(length(min = 1))]
    text_transformations: Vec<Transformation>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct LabelMatch {
    /// Whether a whole label is looked for.
    scope: LabelScope,
    /// The label, or what it begins with.
    #[schemars(length(min = 1, max = 1024), regex(pattern = r"[0-9A-Za-z_:-]+"))]
    key: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum LabelScope {
    /// A label.
    Label,
    /// All labels that begin so.
    Namespace,
}

/// Those that stand alone in a rule.
pub(super) const GROUPS: [&str; 2] = ["managed_rule_group_statement", "rule_group_reference_statement"];

const KINDS: [&str; 15] = [
    GROUPS[0],
    GROUPS[1],
    "rate_based_statement",
    "ip_set_reference_statement",
    "geo_match_statement",
    "byte_match_statement",
    "regex_match_statement",
    "regex_pattern_set_reference_statement",
    "size_constraint_statement",
    "sqli_match_statement",
    "xss_match_statement",
    "label_match_statement",
    "and_statement",
    "or_statement",
    "not_statement",
];

/// That there is one kind of statement, and of field, wherever there has to be.
pub(super) fn check(it: &Value, path: &Path, inner: bool, problems: &mut Problems) {
    let has = |of: &Value, name: &str| of.get(name).is_some_and(|it| !it.is_null());
    if it.as_map().is_none() {
        return;
    }
    let kinds: Vec<_> = KINDS.into_iter().filter(|name| has(it, name)).collect();
    if kinds.len() != 1 {
        let what = if kinds.is_empty() { "a statement that says nothing".to_owned() } else { format!("{} in one statement", list(&kinds)) };
        problems.error(path.clone(), what, "write one kind of statement; several go into an `and_statement` or `or_statement`");
    }
    for name in kinds {
        let (statement, path) = (it.get(name).unwrap_or(&Value::Null), path.key(name));
        if inner && (GROUPS.contains(&name) || name == "rate_based_statement") {
            let help = "write it as the statement of a rule of its own";
            problems.error(path.clone(), format!("`{name}` within another statement"), help);
        }
        match name {
            "and_statement" | "or_statement" => {
                let parts = statement.as_list().unwrap_or_default();
                if statement.as_list().is_some() && parts.len() < 2 {
                    problems.error(path.clone(), format!("`{name}` with fewer than two statements"), "write the one statement alone");
                }
                for (n, part) in parts.iter().enumerate() {
                    check(part, &path.item(n), true, problems);
                }
            }
            "not_statement" => check(statement, &path, true, problems),
            _ => {
                if let Some(part) = statement.get("scope_down_statement").filter(|it| !it.is_null()) {
                    check(part, &path.key("scope_down_statement"), true, problems);
                }
                if let Some(field) = statement.get("field_to_match").filter(|it| it.as_map().is_some()) {
                    let fields: Vec<_> = FieldToMatch::NAMES.into_iter().filter(|name| has(field, name)).collect();
                    if fields.len() != 1 {
                        let help = format!("write one of {}", list(&FieldToMatch::NAMES));
                        problems.error(path.key("field_to_match"), "a statement looks at one part of the request", help);
                    }
                }
            }
        }
        if name == "rate_based_statement" {
            check_rate(statement, &path, problems);
        }
    }
}

fn check_rate(it: &Value, path: &Path, problems: &mut Problems) {
    let has = |name: &str| it.get(name).is_some_and(|it| !it.is_null());
    if let Some(Value::Int(seconds)) = it.get("evaluation_window_sec")
        && ![60, 120, 300, 600].contains(seconds)
    {
        let help = "write 60, 120, 300 or 600";
        problems.error(path.key("evaluation_window_sec"), format!("requests cannot be counted over {seconds} seconds"), help);
    }
    let by = it.get("aggregate_key_type").and_then(Value::as_text);
    if by == Some("FORWARDED_IP") && !has("forwarded_ip_config") {
        problems.error(path.clone(), "`FORWARDED_IP` without a header", "write `forwarded_ip_config`");
    }
    if by == Some("CONSTANT") && !has("scope_down_statement") {
        problems.error(path.clone(), "`CONSTANT` for all requests", "write which requests are counted in `scope_down_statement`");
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}
