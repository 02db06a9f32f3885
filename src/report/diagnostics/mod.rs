//! Mistakes in the user's files, shown where they stand, in the form that rustc and cargo made familiar.

#[cfg(test)]
pub(in crate::report) mod tests;

use std::{collections::BTreeSet, ops::Range};

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::text::{BAD_BOLD, WARN_BOLD, clean, clean_lines, count, paint, thousands};
use crate::diagnostic::{Diagnostic, Label, Place, Severity, Source};

/// More than these are only counted: nobody reads on, and the first ones usually explain the rest.
const SHOWN: usize = 50;
/// Lines around a label that are looked at; the renderer leaves out what lies between labels.
const CONTEXT: usize = 2;
/// A line longer than this is cut around its labels, so that data in one line costs nothing to show.
const LINE: usize = 4_000;

/// All of them in the order of the files, and a closing line that counts them.
///
/// `outcome` says what the mistakes led to: `nothing was done`.
pub fn text(diagnostics: &[Diagnostic], outcome: &str, width: usize) -> String {
    let sorted = sorted(diagnostics);
    let mut text = String::new();
    for diagnostic in select(&sorted) {
        text.push_str(&one(diagnostic, None, width));
        text.push('\n');
    }
    if sorted.len() > SHOWN {
        text.push_str(&format!("and {} more\n\n", thousands(sorted.len() - SHOWN)));
    }
    text.push_str(&closing(&sorted, outcome));
    text
}

/// One alone; `note` is said below the snippet.
pub(super) fn one(diagnostic: &Diagnostic, note: Option<&str>, width: usize) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut title = level.primary_title(clean(&diagnostic.summary));
    if let Some(check) = diagnostic.check {
        title = title.id(check);
    }
    let mut group = Group::with_title(title);
    let windows = windows(&diagnostic.labels);
    for window in &windows {
        if window.cut {
            let (line, column) = position(window.source, window.labels[0].1.place.span.start);
            group = group.element(Origin::path(clean(&window.source.path)).line(line).char_column(column));
        }
        group = group.element(window.snippet());
    }
    if let Some(note) = note {
        group = group.element(Level::NOTE.message(clean_lines(note)));
    }
    let patch = diagnostic.patch.as_ref().and_then(|patch| Some((Window::of_patch(&patch.place)?, patch)));
    // The last help introduces the patch where there is one.
    let (help, introduction) = match (&patch, &diagnostic.help[..]) {
        (Some(_), [help @ .., last]) => (help, last.as_str()),
        (Some(_), []) => (&[][..], "this would do"),
        (None, help) => (help, ""),
    };
    for help in help {
        group = group.element(Level::HELP.message(clean_lines(help)));
    }
    if let (None, Some(patch)) = (&patch, &diagnostic.patch) {
        group = group.element(Level::HELP.message(format!("write `{}` there", clean(&patch.replacement))));
    }
    let mut report = vec![group];
    if let Some((window, patch)) = &patch {
        let suggestion = annotate_snippets::Patch::new(window.within(&patch.place.span), clean_lines(&patch.replacement));
        let snippet = Snippet::source(window.text.as_str()).path(clean(&window.source.path)).line_start(window.line).patch(suggestion);
        report.push(Group::with_title(Level::HELP.secondary_title(clean(&introduction.replace('\n', " ")).into_owned())).element(snippet));
    }
    let mut text = Renderer::styled().term_width(width).render(&report);
    text.push('\n');
    text
}

/// Line and column of a byte, both from 1, the column in letters.
pub(super) fn position(source: &Source, byte: usize) -> (usize, usize) {
    let before = &source.text[..floor(&source.text, byte)];
    let line = before.bytes().filter(|it| *it == b'\n').count() + 1;
    let column = before[before.rfind('\n').map_or(0, |it| it + 1)..].chars().count() + 1;
    (line, column)
}

/// Without repetitions, which several resources made from one place cause; in the order of the files.
pub(super) fn sorted(diagnostics: &[Diagnostic]) -> Vec<&Diagnostic> {
    fn key(it: &Diagnostic) -> (&str, usize, usize, Severity, &str) {
        let (path, span) = it.labels.first().map_or(("", 0..0), |it| (it.place.source.path.as_str(), it.place.span.clone()));
        (path, span.start, span.end, it.severity, &it.summary)
    }
    let mut all: Vec<_> = diagnostics.iter().collect();
    all.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut kept: Vec<&Diagnostic> = vec![];
    for diagnostic in all {
        if !kept.iter().rev().take_while(|it| key(it) == key(diagnostic)).any(|it| *it == diagnostic) {
            kept.push(diagnostic);
        }
    }
    kept
}

/// The ones to show: errors before warnings where there are too many, still in the order of the files.
fn select<'a>(sorted: &[&'a Diagnostic]) -> Vec<&'a Diagnostic> {
    let errors = sorted.iter().filter(|it| it.severity == Severity::Error).count().min(SHOWN);
    let (mut errors, mut warnings) = (errors, SHOWN - errors);
    let mut take = |severity| {
        let left = if severity == Severity::Error { &mut errors } else { &mut warnings };
        let any = *left > 0;
        *left = left.saturating_sub(1);
        any
    };
    sorted.iter().filter(|it| take(it.severity)).copied().collect()
}

fn closing(sorted: &[&Diagnostic], outcome: &str) -> String {
    let errors = sorted.iter().filter(|it| it.severity == Severity::Error).count();
    let warnings = sorted.len() - errors;
    let of = |severity| {
        let files: BTreeSet<_> = sorted
            .iter()
            .filter(|it| it.severity == severity)
            .filter_map(|it| it.labels.first().map(|label| label.place.source.path.as_str()))
            .collect();
        match files.len() {
            0 => String::new(),
            1 => format!(" in {}", files.iter().map(|it| clean(it)).collect::<String>()),
            several => format!(" in {several} files"),
        }
    };
    if errors > 0 {
        let also = if warnings > 0 { format!(", {}", count(warnings, "warning")) } else { String::new() };
        let outcome = if outcome.is_empty() { String::new() } else { format!(", {outcome}") };
        format!("{}: {}{}{also}{outcome}\n", paint(BAD_BOLD, "error"), count(errors, "mistake"), of(Severity::Error))
    } else if warnings > 0 {
        format!("{}: {}{}\n", paint(WARN_BOLD, "warning"), count(warnings, "warning"), of(Severity::Warning))
    } else {
        String::new()
    }
}

/// The stretch of one source that the labels of a diagnostic lie in.
struct Window<'a> {
    source: &'a Source,
    labels: Vec<(usize, &'a Label)>,
    text: String,
    /// The number of its first line.
    line: usize,
    /// Where it begins in the source.
    start: usize,
    /// Whether it begins within a line, so that columns cannot be counted in it.
    cut: bool,
}

/// One for each source, in the order in which the labels name them.
fn windows(labels: &[Label]) -> Vec<Window<'_>> {
    let mut windows: Vec<(&Source, Vec<(usize, &Label)>)> = vec![];
    for (n, label) in labels.iter().enumerate() {
        match windows.iter_mut().find(|(source, _)| std::ptr::eq(*source, &*label.place.source) || *source == &*label.place.source) {
            Some((_, labels)) => labels.push((n, label)),
            None => windows.push((&label.place.source, vec![(n, label)])),
        }
    }
    windows.into_iter().map(|(source, labels)| Window::new(source, labels)).collect()
}

impl<'a> Window<'a> {
    fn new(source: &'a Source, labels: Vec<(usize, &'a Label)>) -> Self {
        let first = labels.iter().map(|(_, it)| it.place.span.start).min().unwrap_or(0);
        let last = labels.iter().map(|(_, it)| it.place.span.end).max().unwrap_or(0);
        Self::around(source, first..last, labels)
    }

    /// Nothing where the lines are too long for a patch to be seen in them.
    fn of_patch(place: &'a Place) -> Option<Self> {
        let window = Self::around(&place.source, place.span.clone(), vec![]);
        window.text.lines().all(|line| line.len() < 300).then_some(window)
    }

    fn around(source: &'a Source, span: Range<usize>, labels: Vec<(usize, &'a Label)>) -> Self {
        let text = &source.text;
        let (first, last) = (floor(text, span.start), floor(text, span.end.max(span.start)));
        let mut start = text[..first].rfind('\n').map_or(0, |it| it + 1);
        for _ in 0..CONTEXT {
            start = text[..start.saturating_sub(1)].rfind('\n').map_or(0, |it| it + 1);
        }
        let mut end = last;
        for _ in 0..=CONTEXT {
            end = text[end..].find('\n').map_or(text.len(), |it| end + it + 1);
        }
        let cut = first.saturating_sub(start) > LINE;
        if cut {
            start = floor(text, first - LINE / 10);
        }
        if end - last > LINE {
            end = floor(text, last + LINE);
        }
        let line = text[..start].bytes().filter(|it| *it == b'\n').count() + 1;
        Self { source, labels, text: source.shown(start..end), line, start, cut }
    }

    fn within(&self, span: &Range<usize>) -> Range<usize> {
        let place = |byte: usize| floor(&self.text, byte.saturating_sub(self.start));
        let start = place(span.start);
        start..place(span.end).max(start)
    }

    fn snippet(&self) -> Snippet<'_, Annotation<'_>> {
        let annotations = self.labels.iter().map(|(n, label)| {
            let kind = if *n == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            let text = Some(clean(&label.text)).filter(|it| !it.is_empty());
            kind.span(self.within(&label.place.span)).label(text)
        });
        let path = (!self.cut).then(|| clean(&self.source.path));
        Snippet::source(self.text.as_str()).path(path).line_start(self.line).annotations(annotations)
    }
}

/// The nearest place at or before a byte that does not split a letter.
fn floor(text: &str, byte: usize) -> usize {
    text.floor_char_boundary(byte)
}
