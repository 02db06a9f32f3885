//! The rules of a web ACL: in a stack file's words and in WAF's.

use aws_sdk_wafv2::types as sdk;
use infra::{
    resource::{Problems, Result, set},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statement::{self, Statement, incomplete};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Rule {
    /// Its name among the rules.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"[\w\-]+"))]
    name: String,
    /// Its place: the rule with the lowest number comes first.
    #[schemars(range(min = 0))]
    priority: i32,
    /// What is done with a request that matches. Not for groups of rules, which have `override_action`.
    action: Option<Action>,
    /// What is done of what the group of rules says: all, or only counting.
    override_action: Option<OverrideAction>,
    /// What it looks for.
    statement: Statement,
    /// Labels that a request gets when it matches, for later rules.
    #[serde(default)]
    #[schemars(transform = set)]
    rule_labels: Vec<String>,
    /// What is seen of it in CloudWatch.
    visibility_config: Visibility,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// It goes through; later rules do not look at it.
    Allow,
    /// It is refused.
    Block,
    /// It is counted, and later rules look at it.
    Count,
    /// Who asks has to solve a puzzle.
    Captcha,
    /// The browser of who asks has to prove that it is one.
    Challenge,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OverrideAction {
    /// All that the group says.
    None,
    /// Nothing: requests that match are counted.
    Count,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DefaultAction {
    /// It goes through.
    Allow,
    /// It is refused.
    Block,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Visibility {
    /// Whether some requests that matched can be looked at in the console.
    #[serde(default = "yes")]
    sampled_requests_enabled: bool,
    /// Whether matches are counted in CloudWatch.
    #[serde(default = "yes")]
    cloud_watch_metrics_enabled: bool,
    /// The name of that metric.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"[\w#:\.\-/]+"))]
    metric_name: String,
}

fn yes() -> bool {
    true
}

impl Action {
    pub(super) fn to_sdk(self) -> sdk::RuleAction {
        let action = sdk::RuleAction::builder();
        match self {
            Self::Allow => action.allow(sdk::AllowAction::builder().build()),
            Self::Block => action.block(sdk::BlockAction::builder().build()),
            Self::Count => action.count(sdk::CountAction::builder().build()),
            Self::Captcha => action.captcha(sdk::CaptchaAction::builder().build()),
            Self::Challenge => action.challenge(sdk::ChallengeAction::builder().build()),
        }
        .build()
    }

    /// Nothing where it is one that came later than this program.
    pub(super) fn from_sdk(it: &sdk::RuleAction) -> Option<Self> {
        let all = [
            (it.allow.is_some(), Self::Allow),
            (it.block.is_some(), Self::Block),
            (it.count.is_some(), Self::Count),
            (it.captcha.is_some(), Self::Captcha),
            (it.challenge.is_some(), Self::Challenge),
        ];
        all.into_iter().find(|it| it.0).map(|it| it.1)
    }
}

impl OverrideAction {
    fn to_sdk(self) -> sdk::OverrideAction {
        let action = sdk::OverrideAction::builder();
        match self {
            Self::None => action.none(sdk::NoneAction::builder().build()),
            Self::Count => action.count(sdk::CountAction::builder().build()),
        }
        .build()
    }

    fn from_sdk(it: &sdk::OverrideAction) -> Self {
        if it.count.is_some() { Self::Count } else { Self::None }
    }
}

impl DefaultAction {
    pub(super) fn to_sdk(self) -> sdk::DefaultAction {
        let action = sdk::DefaultAction::builder();
        match self {
            Self::Allow => action.allow(sdk::AllowAction::builder().build()),
            Self::Block => action.block(sdk::BlockAction::builder().build()),
        }
        .build()
    }

    pub(super) fn from_sdk(it: Option<&sdk::DefaultAction>) -> Self {
        if it.is_some_and(|it| it.block.is_some()) { Self::Block } else { Self::Allow }
    }
}

impl Visibility {
    pub(super) fn to_sdk(&self) -> Result<sdk::VisibilityConfig> {
        sdk::VisibilityConfig::builder()
            .sampled_requests_enabled(self.sampled_requests_enabled)
            .cloud_watch_metrics_enabled(self.cloud_watch_metrics_enabled)
            .metric_name(&self.metric_name)
            .build()
            .map_err(incomplete)
    }

    pub(super) fn from_sdk(it: Option<&sdk::VisibilityConfig>) -> Self {
        Self {
            sampled_requests_enabled: it.is_some_and(|it| it.sampled_requests_enabled),
            cloud_watch_metrics_enabled: it.is_some_and(|it| it.cloud_watch_metrics_enabled),
            metric_name: it.map(|it| it.metric_name.clone()).unwrap_or_default(),
        }
    }
}

impl Rule {
    pub(super) fn to_sdk(&self) -> Result<sdk::Rule> {
        let labels = self.rule_labels.iter().map(|it| sdk::Label::builder().name(it).build().map_err(incomplete));
        let labels = labels.collect::<Result<Vec<_>>>()?;
        sdk::Rule::builder()
            .name(&self.name)
            .priority(self.priority)
            .set_action(self.action.map(Action::to_sdk))
            .set_override_action(self.override_action.map(OverrideAction::to_sdk))
            .statement(self.statement.to_sdk()?)
            .set_rule_labels((!labels.is_empty()).then_some(labels))
            .visibility_config(self.visibility_config.to_sdk()?)
            .build()
            .map_err(incomplete)
    }

    pub(super) fn from_sdk(it: &sdk::Rule) -> Self {
        Self {
            name: it.name.clone(),
            priority: it.priority,
            action: it.action().and_then(Action::from_sdk),
            override_action: it.override_action().map(OverrideAction::from_sdk),
            statement: it.statement().map(Statement::from_sdk).unwrap_or_default(),
            rule_labels: it.rule_labels().iter().map(|it| it.name.clone()).collect(),
            visibility_config: Visibility::from_sdk(it.visibility_config()),
        }
    }
}

pub(super) fn check(rules: &[Value], problems: &mut Problems) {
    let has = |of: &Value, name: &str| of.get(name).is_some_and(|it| !it.is_null());
    for (n, rule) in rules.iter().enumerate() {
        let path = Path::of("rules").item(n);
        for name in ["name", "priority"] {
            let mine = rule.get(name).filter(|it| !it.has_unknown());
            if mine.is_some() && rules[..n].iter().any(|it| it.get(name) == mine) {
                let help = format!("give each rule a {name} of its own");
                problems.error(path.key(name), format!("another rule has this {name}"), help);
            }
        }
        let Some(it) = rule.get("statement").filter(|it| it.as_map().is_some()) else { continue };
        let group = statement::GROUPS.iter().any(|name| has(it, name));
        let (right, wrong) = if group { ("override_action", "action") } else { ("action", "override_action") };
        let kind = if group { "a group of rules" } else { "a rule that is no group" };
        if has(rule, wrong) {
            problems.error(path.key(wrong), format!("`{wrong}` on {kind}"), format!("write `{right}` instead"));
        }
        if !has(rule, right) {
            let example = if group { "override_action: none" } else { "action: block" };
            problems.error(path.clone(), format!("{kind} without `{right}`"), format!("write `{example}`, for example"));
        }
        statement::check(it, &path.key("statement"), false, problems);
    }
}
