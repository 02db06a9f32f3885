//! A plan as a reviewer reads it: what is done to each resource, field by field and why, what else is worth knowing, and the sum.

mod fields;
mod forecast;
mod notes;
#[cfg(test)]
pub(in crate::report) mod tests;

use anstyle::Style;

pub use forecast::{Forecast, forecast};

use super::text::{BAD, BAD_BOLD, BOLD, DIM, GOOD, HINT, WARN, clean, names, paint, rough, thousands, wrap};
use crate::plan::{Action, Plan, Reason, Step};

/// What a plan is for, and how wide it may be.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    pub stack: &'a str,
    pub environment: &'a str,
    pub account: Option<&'a str>,
    pub region: Option<&'a str>,
    /// In columns.
    pub width: usize,
    /// Whether long values are shown to their end.
    pub full: bool,
}

/// The whole plan, in colours.
pub fn text(plan: &Plan, about: &About<'_>) -> String {
    if plan.is_empty() && plan.notes.is_empty() {
        return summary(plan);
    }
    let mut text = header(about);
    for step in &plan.steps {
        text.push('\n');
        block(&mut text, step, about);
    }
    if !plan.moved.is_empty() {
        text.push('\n');
        for (from, to) in &plan.moved {
            text.push_str(&format!("  {} {} is now {}\n", paint(HINT, "⤷"), clean(from.as_str()), paint(BOLD, &clean(to.as_str()))));
        }
    }
    if !plan.outputs.is_empty() {
        text.push_str(&format!("\n{}\n", paint(BOLD, "Outputs")));
        fields::outputs(&mut text, &plan.outputs, about);
    }
    text.push_str(&notes::text(plan, about.width));
    text.push('\n');
    text.push_str(&summary(plan));
    text
}

/// The last line: how much of each, and how long it should take.
pub fn summary(plan: &Plan) -> String {
    if plan.is_empty() {
        let resources = match plan.unchanged {
            0 => return format!("{} There is nothing to do.\n", paint(GOOD, "No changes.")),
            1 => "1 resource is".to_owned(),
            many => format!("{} resources are", thousands(many)),
        };
        return format!("{} {resources} as the file says.\n", paint(GOOD, "No changes."));
    }
    let sum = Sum::of(plan);
    let mut parts = vec![format!("{} to create", thousands(sum.create))];
    for (number, what, always) in [
        (sum.adopt, "to adopt", false),
        (sum.update, "to update", true),
        (sum.replace, "to replace", true),
        (sum.delete, "to delete", true),
        (sum.forget, "to forget", false),
        (plan.moved.len(), "renamed", false),
    ] {
        if number > 0 || always {
            parts.push(format!("{} {what}", thousands(number)));
        }
    }
    let mut text = format!("{} {}; {} unchanged.", paint(BOLD, "Plan:"), parts.join(", "), thousands(plan.unchanged));
    if !plan.steps.is_empty() {
        text.push_str(&format!(" {}", in_words(&forecast(plan))));
    }
    text.push('\n');
    text
}

/// How many resources each thing is done to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Sum {
    pub(super) create: usize,
    pub(super) adopt: usize,
    pub(super) update: usize,
    pub(super) replace: usize,
    pub(super) delete: usize,
    pub(super) forget: usize,
}

impl Sum {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut sum = Self::default();
        for step in &plan.steps {
            *match step.action {
                Action::Create => &mut sum.create,
                Action::Adopt => &mut sum.adopt,
                Action::Update => &mut sum.update,
                Action::Replace | Action::CreateThenDelete => &mut sum.replace,
                Action::Delete => &mut sum.delete,
                Action::Forget => &mut sum.forget,
            } += 1;
        }
        sum
    }
}

/// The sign of an action, three columns wide, and its colour.
pub(super) fn sign(action: Action) -> (&'static str, Style) {
    match action {
        Action::Create => ("  +", GOOD),
        Action::Adopt => ("  <", HINT),
        Action::Update => ("  ~", WARN),
        Action::Replace => ("-/+", BAD),
        Action::CreateThenDelete => ("+/-", BAD),
        Action::Delete => ("  -", BAD),
        Action::Forget => ("  >", HINT),
    }
}

/// Why, as it follows "because"; nothing where the action says it all.
pub(super) fn why(reason: &Reason) -> Option<String> {
    Some(match reason {
        Reason::Gone => "it no longer exists in the cloud".to_owned(),
        Reason::Unfinished => "an earlier run began it and did not finish".to_owned(),
        Reason::Failed { status } => format!("it never became usable: {}", clean(status)),
        Reason::Asked => "--replace names it".to_owned(),
        Reason::Removed => "the file no longer has it".to_owned(),
        Reason::Destroyed => return None,
        Reason::Immutable { properties } => format!("{} cannot be changed in place", clean(&names(properties, 8))),
        Reason::Type { text } => clean(text).into_owned(),
        Reason::TypeChanged { from } => format!("its type was {}", clean(from)),
        Reason::Relocated => "it moves to another region or is reached through another role".to_owned(),
        Reason::Deposed => "an earlier run replaced it and did not yet delete it".to_owned(),
    })
}

fn header(about: &About<'_>) -> String {
    let mut text = format!("{} in {}", paint(BOLD, &clean(about.stack)), paint(BOLD, &clean(about.environment)));
    for (what, value) in [("account", about.account), ("region", about.region)] {
        if let Some(value) = value {
            text.push_str(&format!(", {what} {}", clean(value)));
        }
    }
    text.push('\n');
    text
}

fn block(text: &mut String, step: &Step, about: &About<'_>) {
    let (sign, style) = sign(step.action);
    text.push_str(&format!("{} {}  {}", paint(style, sign), paint(BOLD, &clean(step.address.as_str())), clean(&step.type_name)));
    if let Some(id) = &step.id {
        text.push_str(&format!("  {}", paint(DIM, &clean(id.as_str()))));
    }
    text.push('\n');
    let mut remark = |style: Style, remark: &str| {
        for line in wrap(remark, about.width.saturating_sub(6)) {
            text.push_str(&format!("      {}\n", paint(style, &line)));
        }
    };
    let what = match step.action {
        Action::Replace | Action::CreateThenDelete => "replaced",
        Action::Adopt => "exists already and is taken over",
        Action::Forget => "stays in the cloud and is no longer recorded",
        Action::Create | Action::Update | Action::Delete => "",
    };
    let because = step.reason.as_ref().and_then(why).map(|why| format!("because {why}")).unwrap_or_default();
    let order = match step.action {
        Action::Replace => "; the old one is deleted first",
        Action::CreateThenDelete => "; the new one is created first",
        _ => "",
    };
    let said = format!("{what} {because}").trim().to_owned() + order;
    if !said.is_empty() {
        remark(style, &said);
    }
    if loses_data(step) {
        remark(BAD_BOLD, "ITS DATA IS LOST");
    }
    fields::changes(text, step, about);
}

fn loses_data(step: &Step) -> bool {
    step.stateful && matches!(step.action, Action::Delete | Action::Replace | Action::CreateThenDelete)
}

fn in_words(forecast: &Forecast) -> String {
    let about = match rough(forecast.total) {
        few if few.starts_with('a') => "A few seconds".to_owned(),
        other => format!("About {other}"),
    };
    let longest: Vec<_> =
        forecast.longest.iter().map(|(address, typical)| format!("{} ({})", clean(address.as_str()), rough(*typical))).collect();
    if longest.is_empty() { format!("{about}.") } else { format!("{about}, mostly {}.", names(&longest, 2)) }
}
