//! What programs read: one document for a plan, outputs, diagnostics and state, one line for each event.
//!
//! These forms are a promise. Every document carries [`FORMAT_VERSION`]; within one version fields are only added, never renamed
//! or removed, and texts in `message` fields are the only ones that may change at will. Times are in seconds, empty lists are
//! written, absent single values are left out. Nothing secret is ever in them: the types that they are made from hold no secrets.

mod events;
mod plan;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;
use serde_json::Value as Json;

pub use self::{
    events::event,
    plan::plan,
    state::{outputs, state_list, state_show},
};
use super::diagnostics::{position, sorted};
use crate::diagnostic::{Diagnostic, Place, Severity};

/// Raised when a field is renamed, removed or changes its meaning.
pub const FORMAT_VERSION: u32 = 1;

/// All that is wrong with the user's files:
/// `{"format_version", "errors", "warnings", "diagnostics": [{"severity", "check", "summary", "labels", "help", "patch"}]}`.
///
/// A place is `{"path", "start": {"line", "column", "byte"}, "end": …}`; lines and columns count from 1, columns in letters.
pub fn diagnostics(diagnostics: &[Diagnostic]) -> Json {
    let diagnostics: Vec<_> = sorted(diagnostics).into_iter().map(WireDiagnostic::of).collect();
    let errors = diagnostics.iter().filter(|it| it.severity == "error").count();
    let warnings = diagnostics.len() - errors;
    tree(&WireDiagnostics { format_version: FORMAT_VERSION, errors, warnings, diagnostics })
}

#[derive(Serialize)]
struct WireDiagnostics<'a> {
    format_version: u32,
    errors: usize,
    warnings: usize,
    diagnostics: Vec<WireDiagnostic<'a>>,
}

#[derive(Serialize)]
struct WireDiagnostic<'a> {
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    check: Option<&'static str>,
    summary: &'a str,
    labels: Vec<WireLabel<'a>>,
    help: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<WirePatch<'a>>,
}

#[derive(Serialize)]
struct WireLabel<'a> {
    place: WirePlace<'a>,
    text: &'a str,
}

#[derive(Serialize)]
struct WirePatch<'a> {
    place: WirePlace<'a>,
    replacement: &'a str,
}

#[derive(Serialize)]
struct WirePlace<'a> {
    path: &'a str,
    start: WirePoint,
    end: WirePoint,
}

#[derive(Serialize)]
struct WirePoint {
    line: usize,
    column: usize,
    byte: usize,
}

impl<'a> WireDiagnostic<'a> {
    fn of(it: &'a Diagnostic) -> Self {
        Self {
            severity: match it.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            check: it.check,
            summary: &it.summary,
            labels: it.labels.iter().map(|it| WireLabel { place: WirePlace::of(&it.place), text: &it.text }).collect(),
            help: &it.help,
            patch: it.patch.as_ref().map(|it| WirePatch { place: WirePlace::of(&it.place), replacement: &it.replacement }),
        }
    }
}

impl<'a> WirePlace<'a> {
    fn of(place: &'a Place) -> Self {
        let point = |byte| {
            let (line, column) = position(&place.source, byte);
            WirePoint { line, column, byte }
        };
        Self { path: &place.source.path, start: point(place.span.start), end: point(place.span.end) }
    }
}

fn tree(wire: &impl Serialize) -> Json {
    serde_json::to_value(wire).expect("wire forms have text keys and serialise without conditions")
}

/// Exact to the millisecond.
fn seconds(it: Duration) -> f64 {
    it.as_millis() as f64 / 1000.0
}
