//! Which images of a repository are removed: in the words of ECR's own JSON.
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>

use std::collections::BTreeSet;

use infra::{
    resource::{Error, Problems, Result, set},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rules that say which images are removed.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct LifecyclePolicy {
    /// The rules. Their order means nothing: the one with the lowest number comes first.
    #[schemars(transform = set, length(min = 1, max = 50))]
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    /// Its number. Rules are applied from the lowest to the highest; one for any tag has to have the highest.
    #[schemars(range(min = 1, max = 999))]
    rule_priority: i32,
    /// What it is for.
    #[serde(default)]
    #[schemars(length(max = 256))]
    description: String,
    /// The images that it is about.
    selection: Selection,
    /// What happens to them.
    #[serde(default)]
    action: Action,
}

/// Some images of the repository.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selection {
    /// Which images, by whether they have tags.
    tag_status: TagStatus,
    /// Only those with a tag of this form, where `*` stands for anything; of several, with one of each.
    #[serde(default)]
    #[schemars(transform = set)]
    tag_pattern_list: Vec<String>,
    /// Only those with a tag that begins like this; of several, with one of each.
    #[serde(default)]
    #[schemars(transform = set)]
    tag_prefix_list: Vec<String>,
    /// What is counted.
    count_type: CountType,
    /// The unit of time; for `sinceImagePushed`.
    count_unit: Option<CountUnit>,
    /// How many.
    #[schemars(range(min = 1))]
    count_number: i32,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum TagStatus {
    /// Those with tags.
    Tagged,
    /// Those without.
    Untagged,
    /// All.
    Any,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CountType {
    /// Images: all but the newest so many go.
    ImageCountMoreThan,
    /// The time since an image was pushed: those that are older go.
    SinceImagePushed,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum CountUnit {
    /// Days.
    Days,
}

/// What happens to images.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Action {
    /// What it is.
    #[serde(default)]
    r#type: ActionType,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ActionType {
    /// They are removed.
    #[default]
    Expire,
}

impl LifecyclePolicy {
    /// As ECR takes it: nothing that is empty.
    pub(super) fn text(&self) -> String {
        let mut json = serde_json::to_value(self).expect("it is plain data");
        for rule in json["rules"].as_array_mut().into_iter().flatten() {
            let mut parts = vec![&mut *rule];
            while let Some(part) = parts.pop() {
                let Some(part) = part.as_object_mut() else { continue };
                part.retain(|_, it| !it.is_null() && it.as_str() != Some("") && it.as_array().is_none_or(|it| !it.is_empty()));
                parts.extend(part.values_mut());
            }
        }
        json.to_string()
    }

    pub(super) fn read(text: &str) -> Result<Self> {
        let unknown = |why: serde_json::Error| {
            Error::rejected(
                "GetLifecyclePolicy",
                "Unreadable",
                format!("the life-cycle policy has something that infra does not know: {why}"),
            )
        };
        serde_json::from_str(text).map_err(unknown)
    }
}

/// What ECR says of rules that do not go together.
pub(super) fn check(policy: &Value, problems: &mut Problems) {
    let path = Path::of("lifecycle_policy").key("rules");
    let rules = policy.get("rules").and_then(Value::as_list).unwrap_or_default();
    let mut numbers = BTreeSet::new();
    let number = |rule: &Value| match rule.get("rulePriority") {
        Some(Value::Int(it)) => Some(*it),
        _ => None,
    };
    let highest = rules.iter().filter_map(number).max();
    for (n, rule) in rules.iter().enumerate() {
        let path = path.item(n);
        if let Some(number) = number(rule)
            && !numbers.insert(number)
        {
            problems.error(path.key("rulePriority"), format!("two rules with the number {number}"), "give each a number of its own");
        }
        let Some(selection) = rule.get("selection") else { continue };
        let text = |name: &str| selection.get(name).and_then(Value::as_text);
        let has = |name: &str| match selection.get(name) {
            None | Some(Value::Null) => false,
            Some(Value::List(list)) => !list.is_empty(),
            Some(_) => true,
        };
        let path = path.key("selection");
        let (patterns, prefixes) = (has("tagPatternList"), has("tagPrefixList"));
        match text("tagStatus") {
            Some("tagged") if !patterns && !prefixes => {
                let help = "write `tagPatternList: [\"*\"]` for all that have tags";
                problems.error(path.key("tagStatus"), "tagged images without `tagPatternList` or `tagPrefixList`", help);
            }
            Some(status @ ("untagged" | "any")) if patterns || prefixes => {
                let list = if patterns { "tagPatternList" } else { "tagPrefixList" };
                problems.error(path.key(list), format!("`{list}` for images that are `{status}`"), "it is for `tagStatus: tagged`");
            }
            _ => {}
        }
        if patterns && prefixes {
            problems.error(path.key("tagPrefixList"), "`tagPatternList` and `tagPrefixList` at once", "keep one of them");
        }
        if text("tagStatus") == Some("any") && number(rule).is_some() && number(rule) != highest {
            let help = "give it the highest number: it is about all that the other rules leave";
            problems.error(path.key("tagStatus"), "a rule for any tag before others", help);
        }
        match text("countType") {
            Some("sinceImagePushed") if !has("countUnit") => {
                problems.error(path.key("countType"), "a time without `countUnit`", "write `countUnit: days`");
            }
            Some("imageCountMoreThan") if has("countUnit") => {
                problems.error(path.key("countUnit"), "a number of images with a unit of time", "leave `countUnit` out");
            }
            _ => {}
        }
    }
}
