//! The wire form of a plan.

use serde::Serialize;
use serde_json::Value as Json;

use super::{FORMAT_VERSION, seconds, tree};
use crate::{
    plan::{Action, Cause, Change, Note, OutputChange, Plan, Reason, Shown, Step},
    report::plan::{About, Sum, forecast, why},
    value::Segment,
};

/// A plan: what would change, and why.
///
/// ```text
/// format_version, stack, environment, account, region
/// empty            whether applying it would change nothing
/// summary          {create, adopt, update, replace, delete, forget, unchanged}
/// forecast         {seconds, longest: [{address, seconds}]}
/// steps[]          {address, type, id, action, reason, stateful, after[], seconds, changes[]}
///   action         create | adopt | update | replace | create_then_delete | delete | forget
///   reason         {why, message, properties[], from, status}
///   changes[]      {path, segments[], before, after, cause, replaces}
///   before, after  {kind: absent | value | unknown | secret | unread, value, expression}
///   cause          file | removed | drift | reference | unfinished
/// moved[]          {from, to}
/// outputs[]        {name, before, after}
/// notes[]          {note: protected | needed | kept | waiting | taken | unsettled | left_out, address, property, properties[], id}
/// ```
pub fn plan(plan: &Plan, about: &About<'_>) -> Json {
    let sum = Sum::of(plan);
    let forecast = forecast(plan);
    tree(&WirePlan {
        format_version: FORMAT_VERSION,
        stack: about.stack,
        environment: about.environment,
        account: about.account,
        region: about.region,
        empty: plan.is_empty(),
        summary: WireSummary {
            create: sum.create,
            adopt: sum.adopt,
            update: sum.update,
            replace: sum.replace,
            delete: sum.delete,
            forget: sum.forget,
            unchanged: plan.unchanged,
        },
        forecast: WireForecast {
            seconds: seconds(forecast.total),
            longest: forecast.longest.iter().map(|(it, typical)| WireLong { address: it.as_str(), seconds: seconds(*typical) }).collect(),
        },
        steps: plan.steps.iter().map(WireStep::of).collect(),
        moved: plan.moved.iter().map(|(from, to)| WireMoved { from: from.as_str(), to: to.as_str() }).collect(),
        outputs: plan.outputs.iter().map(WireOutput::of).collect(),
        notes: plan.notes.iter().map(WireNote::of).collect(),
    })
}

#[derive(Serialize)]
struct WirePlan<'a> {
    format_version: u32,
    stack: &'a str,
    environment: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<&'a str>,
    empty: bool,
    summary: WireSummary,
    forecast: WireForecast<'a>,
    steps: Vec<WireStep<'a>>,
    moved: Vec<WireMoved<'a>>,
    outputs: Vec<WireOutput<'a>>,
    notes: Vec<WireNote<'a>>,
}

#[derive(Serialize)]
struct WireSummary {
    create: usize,
    adopt: usize,
    update: usize,
    replace: usize,
    delete: usize,
    forget: usize,
    unchanged: usize,
}

#[derive(Serialize)]
struct WireForecast<'a> {
    seconds: f64,
    longest: Vec<WireLong<'a>>,
}

#[derive(Serialize)]
struct WireLong<'a> {
    address: &'a str,
    seconds: f64,
}

#[derive(Serialize)]
struct WireStep<'a> {
    address: &'a str,
    #[serde(rename = "type")]
    type_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<WireReason<'a>>,
    stateful: bool,
    after: Vec<&'a str>,
    seconds: f64,
    changes: Vec<WireChange<'a>>,
}

#[derive(Serialize)]
struct WireReason<'a> {
    why: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'a str>,
}

#[derive(Serialize)]
struct WireChange<'a> {
    /// As it is shown to people: `ingress[0].cidr_ip`.
    path: String,
    /// The same, as keys and numbers.
    segments: Vec<Json>,
    before: WireShown<'a>,
    after: WireShown<'a>,
    cause: &'static str,
    replaces: bool,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum WireShown<'a> {
    Absent,
    Value { value: &'a Json },
    Unknown { expression: &'a str },
    Secret,
    Unread,
}

#[derive(Serialize)]
struct WireMoved<'a> {
    from: &'a str,
    to: &'a str,
}

#[derive(Serialize)]
struct WireOutput<'a> {
    name: &'a str,
    before: WireShown<'a>,
    after: WireShown<'a>,
}

#[derive(Serialize)]
struct WireNote<'a> {
    note: &'static str,
    address: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    property: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
}

impl<'a> WireStep<'a> {
    fn of(it: &'a Step) -> Self {
        Self {
            address: it.address.as_str(),
            type_name: &it.type_name,
            id: it.id.as_ref().map(|it| it.as_str()),
            action: action(it.action),
            reason: it.reason.as_ref().map(WireReason::of),
            stateful: it.stateful,
            after: it.after.iter().map(|it| it.as_str()).collect(),
            seconds: seconds(it.typical),
            changes: it.changes.iter().map(WireChange::of).collect(),
        }
    }
}

impl<'a> WireReason<'a> {
    fn of(it: &'a Reason) -> Self {
        let bare = |name| Self { why: name, message: why(it), properties: None, from: None, status: None };
        match it {
            Reason::Gone => bare("gone"),
            Reason::Unfinished => bare("unfinished"),
            Reason::Failed { status } => Self { status: Some(status), ..bare("failed") },
            Reason::Asked => bare("asked"),
            Reason::Removed => bare("removed"),
            Reason::Destroyed => bare("destroyed"),
            Reason::Immutable { properties } => Self { properties: Some(properties), ..bare("immutable") },
            Reason::Type { .. } => bare("type"),
            Reason::TypeChanged { from } => Self { from: Some(from), ..bare("type_changed") },
            Reason::Relocated => bare("relocated"),
            Reason::Deposed => bare("deposed"),
        }
    }
}

impl<'a> WireChange<'a> {
    fn of(it: &'a Change) -> Self {
        let segment = |it: &Segment| match it {
            Segment::Key(key) => Json::from(key.as_str()),
            Segment::Item(number) => Json::from(*number),
        };
        Self {
            path: it.path.to_string(),
            segments: it.path.0.iter().map(segment).collect(),
            before: WireShown::of(&it.before),
            after: WireShown::of(&it.after),
            cause: match it.cause {
                Cause::File => "file",
                Cause::Removed => "removed",
                Cause::Drift => "drift",
                Cause::Reference => "reference",
                Cause::Unfinished => "unfinished",
            },
            replaces: it.replaces,
        }
    }
}

impl<'a> WireShown<'a> {
    fn of(it: &'a Shown) -> Self {
        match it {
            Shown::Absent => Self::Absent,
            Shown::Value(value) => Self::Value { value },
            Shown::Unknown(expression) => Self::Unknown { expression },
            Shown::Secret => Self::Secret,
            Shown::Unread => Self::Unread,
        }
    }
}

impl<'a> WireOutput<'a> {
    fn of(it: &'a OutputChange) -> Self {
        Self { name: &it.name, before: WireShown::of(&it.before), after: WireShown::of(&it.after) }
    }
}

impl<'a> WireNote<'a> {
    fn of(it: &'a Note) -> Self {
        let bare = |note, address: &'a crate::address::Address| Self {
            note,
            address: address.as_str(),
            property: None,
            properties: None,
            id: None,
        };
        match it {
            Note::Protected { address } => bare("protected", address),
            Note::Needed { address } => bare("needed", address),
            Note::Kept { address, property } => Self { property: Some(property), ..bare("kept", address) },
            Note::Waiting { address, properties } => Self { properties: Some(properties), ..bare("waiting", address) },
            Note::Taken { address, id } => Self { id: Some(id.as_str()), ..bare("taken", address) },
            Note::Unsettled { address } => bare("unsettled", address),
            Note::LeftOut { address } => bare("left_out", address),
        }
    }
}

pub(super) fn action(it: Action) -> &'static str {
    match it {
        Action::Create => "create",
        Action::Adopt => "adopt",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::CreateThenDelete => "create_then_delete",
        Action::Delete => "delete",
        Action::Forget => "forget",
    }
}
