//! The wire form of events: one object a line.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;

use super::{FORMAT_VERSION, plan::action, seconds, tree};
use crate::{
    address::Address,
    apply::{Event, Recovery, Skip, Summary},
};

/// What happened, and when in seconds since the beginning.
///
/// ```text
/// {"event": "begun", "at", "format_version", "steps", "forecast_seconds"}
/// {"event": "recovered", "at", "address", "id", "how": "name" | "operation" | "token"}
/// {"event": "nothing_to_recover", "at", "address"}
/// {"event": "started", "at", "address", "action", "typical_seconds"}
/// {"event": "waiting", "at", "address", "status"}
/// {"event": "retrying", "at", "address", "error", "attempt", "pause_seconds"}
/// {"event": "done", "at", "address", "action", "id", "seconds"}
/// {"event": "failed", "at", "address", "action", "error", "help", "seconds"}
/// {"event": "unfinished", "at", "address", "action", "error"}
/// {"event": "skipped", "at", "address", "action", "cause": "needs" | "interrupted", "needs"}
/// {"event": "interrupted", "at", "in_flight": [address]}
/// {"event": "finished", "at", "created", "adopted", "updated", "replaced", "deleted", "forgotten", "failed", "unfinished",
///  "skipped", "interrupted", "seconds"}
/// ```
pub fn event(event: &Event, at: Duration) -> Json {
    let at = seconds(at);
    let text = Address::as_str;
    tree(&match event {
        Event::Begun { steps, forecast } => {
            Wire::Begun { at, format_version: FORMAT_VERSION, steps: *steps, forecast_seconds: seconds(*forecast) }
        }
        Event::Recovered { address, id, how } => Wire::Recovered {
            at,
            address: text(address),
            id: id.as_str(),
            how: match how {
                Recovery::Name => "name",
                Recovery::Operation => "operation",
                Recovery::Token => "token",
            },
        },
        Event::NothingToRecover { address } => Wire::NothingToRecover { at, address: text(address) },
        Event::Started { address, action: it, typical } => {
            Wire::Started { at, address: text(address), action: action(*it), typical_seconds: seconds(*typical) }
        }
        Event::Waiting { address, status } => Wire::Waiting { at, address: text(address), status },
        Event::Retrying { address, error, attempt, pause } => {
            Wire::Retrying { at, address: text(address), error, attempt: *attempt, pause_seconds: seconds(*pause) }
        }
        Event::Done { address, action: it, id, elapsed } => Wire::Done {
            at,
            address: text(address),
            action: action(*it),
            id: id.as_ref().map(|it| it.as_str()),
            seconds: seconds(*elapsed),
        },
        Event::Failed { address, action: it, error, help, elapsed } => {
            Wire::Failed { at, address: text(address), action: action(*it), error, help: help.as_deref(), seconds: seconds(*elapsed) }
        }
        Event::Unfinished { address, action: it, error } => {
            Wire::Unfinished { at, address: text(address), action: action(*it), error: error.as_deref() }
        }
        Event::Skipped { address, action: it, because } => {
            let (cause, needs) = match because {
                Skip::Needs { address } => ("needs", Some(text(address))),
                Skip::Interrupted => ("interrupted", None),
            };
            Wire::Skipped { at, address: text(address), action: action(*it), cause, needs }
        }
        Event::Interrupted { in_flight } => Wire::Interrupted { at, in_flight: in_flight.iter().map(text).collect() },
        Event::Finished { summary } => finished(at, summary),
    })
}

fn finished(at: f64, it: &Summary) -> Wire<'static> {
    Wire::Finished {
        at,
        created: it.created,
        adopted: it.adopted,
        updated: it.updated,
        replaced: it.replaced,
        deleted: it.deleted,
        forgotten: it.forgotten,
        failed: it.failed,
        unfinished: it.unfinished,
        skipped: it.skipped,
        interrupted: it.interrupted,
        seconds: seconds(it.elapsed),
    }
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Wire<'a> {
    Begun {
        at: f64,
        format_version: u32,
        steps: usize,
        forecast_seconds: f64,
    },
    Recovered {
        at: f64,
        address: &'a str,
        id: &'a str,
        how: &'static str,
    },
    NothingToRecover {
        at: f64,
        address: &'a str,
    },
    Started {
        at: f64,
        address: &'a str,
        action: &'static str,
        typical_seconds: f64,
    },
    Waiting {
        at: f64,
        address: &'a str,
        status: &'a str,
    },
    Retrying {
        at: f64,
        address: &'a str,
        error: &'a str,
        attempt: u32,
        pause_seconds: f64,
    },
    Done {
        at: f64,
        address: &'a str,
        action: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
        seconds: f64,
    },
    Failed {
        at: f64,
        address: &'a str,
        action: &'static str,
        error: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        help: Option<&'a str>,
        seconds: f64,
    },
    Unfinished {
        at: f64,
        address: &'a str,
        action: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
    },
    Skipped {
        at: f64,
        address: &'a str,
        action: &'static str,
        cause: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        needs: Option<&'a str>,
    },
    Interrupted {
        at: f64,
        in_flight: Vec<&'a str>,
    },
    Finished {
        at: f64,
        created: usize,
        adopted: usize,
        updated: usize,
        replaced: usize,
        deleted: usize,
        forgotten: usize,
        failed: usize,
        unfinished: usize,
        skipped: usize,
        interrupted: bool,
        seconds: f64,
    },
}
