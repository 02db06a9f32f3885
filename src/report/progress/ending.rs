//! How a run ended: what was done, what failed and why, what was not tried, and how to go on.

use indexmap::IndexMap;

use super::{track::Track, words};
use crate::{
    apply::Summary,
    diagnostic::Diagnostic,
    report::{
        diagnostics,
        text::{BAD_BOLD, GOOD_BOLD, HINT_BOLD, WARN_BOLD, clean, count, duration, names, paint, thousands, wrap},
    },
};

/// So many failures are told in full; each was told in a line of its own when it happened.
const FAILURES: usize = 20;
/// So many addresses are named in one sentence.
const NAMED: usize = 12;

pub(super) fn text(track: &Track, summary: &Summary, width: usize) -> String {
    let mut text = String::new();
    for failure in track.failed.iter().take(FAILURES) {
        let (_, done) = words(failure.action);
        let mut diagnostic = Diagnostic::error(format!("{} could not be {done}", failure.address));
        if let Some(place) = track.places.get(&failure.address) {
            diagnostic = diagnostic.at(place, "");
        }
        diagnostic.help.extend(failure.help.clone());
        let note = format!("after {}: {}", duration(failure.elapsed), failure.error);
        let note = wrap(&note, width.saturating_sub(14)).join("\n");
        text.push('\n');
        text.push_str(&diagnostics::one(&diagnostic, Some(&note), width));
    }
    if track.failed.len() > FAILURES {
        text.push_str(&format!("\nand {} more failed\n", thousands(track.failed.len() - FAILURES)));
    }
    if !track.unfinished.is_empty() {
        text.push('\n');
        let addresses: Vec<_> = track.unfinished.iter().map(|it| clean(it.0.as_str()).into_owned()).collect();
        let sentence = format!("{}: begun and not finished: {}", paint(WARN_BOLD, "warning"), names(&addresses, NAMED));
        paragraph(&mut text, &sentence, width);
    }
    for (address, error) in track.unfinished.iter().filter_map(|it| Some((&it.0, it.1.as_ref()?))).take(FAILURES) {
        paragraph(&mut text, &format!("  {}: {}", clean(address.as_str()), clean(error)), width);
    }
    let mut not_tried: IndexMap<String, Vec<String>> = IndexMap::new();
    for (address, root) in track.roots() {
        let cause = match root {
            Some(root) => format!("because {} failed", clean(root.as_str())),
            None => "because of the interrupt".to_owned(),
        };
        not_tried.entry(cause).or_default().push(clean(address.as_str()).into_owned());
    }
    for (cause, addresses) in &not_tried {
        text.push('\n');
        let sentence = format!("{}: not tried {cause}: {}", paint(WARN_BOLD, "warning"), names(addresses, NAMED));
        paragraph(&mut text, &sentence, width);
    }
    text.push('\n');
    text.push_str(&closing(summary));
    if (summary.failed > 0 || summary.skipped > 0 || summary.interrupted) && !track.resume.is_empty() {
        text.push_str(&format!("  {}: what was done is recorded; `{}` goes on\n", paint(HINT_BOLD, "hint"), track.resume));
    }
    text
}

fn paragraph(text: &mut String, sentence: &str, width: usize) {
    for (n, line) in wrap(sentence, width).iter().enumerate() {
        text.push_str(&format!("{}{line}\n", if n == 0 { "" } else { "  " }));
    }
}

fn closing(summary: &Summary) -> String {
    let mut done = vec![];
    for (number, what) in [
        (summary.created, "created"),
        (summary.adopted, "adopted"),
        (summary.updated, "updated"),
        (summary.replaced, "replaced"),
        (summary.deleted, "deleted"),
        (summary.forgotten, "forgotten"),
    ] {
        if number > 0 {
            done.push(format!("{} {what}", thousands(number)));
        }
    }
    let done = if done.is_empty() { "nothing done".to_owned() } else { done.join(", ") };
    let mut not_tried = String::new();
    for (number, what) in [(summary.unfinished, "not finished"), (summary.skipped, "not tried")] {
        if number > 0 {
            not_tried.push_str(&format!(", {} {what}", thousands(number)));
        }
    }
    let time = duration(summary.elapsed);
    if summary.interrupted {
        let failed = if summary.failed > 0 { format!(", {} failed", thousands(summary.failed)) } else { String::new() };
        format!("{} after {time}: {done}{failed}{not_tried}\n", paint(WARN_BOLD, "Interrupted"))
    } else if summary.failed > 0 {
        let label = paint(BAD_BOLD, "error");
        format!("{label}: {} failed{not_tried} ({done}, in {time})\n", count(summary.failed, "step"))
    } else {
        format!("{} in {time}: {done}{not_tried}\n", paint(GOOD_BOLD, "Done"))
    }
}
