//! What is wrong, where it stands, and what to do about it.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

/// A text that people wrote, with the path to show for it.
#[derive(Debug)]
pub struct Source {
    /// As the user would type it, relative to where they stand.
    pub path: String,
    pub text: String,
    /// What nobody is to see of it, in bytes: found while it is understood, and counting whenever it is shown.
    hidden: Mutex<Vec<Range<usize>>>,
}

impl Source {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into(), hidden: Mutex::default() }
    }

    /// A part of the text, with asterisks in place of what is hidden. Lines and bytes keep their places.
    pub fn shown(&self, part: Range<usize>) -> String {
        let mut bytes = self.text.as_bytes()[part.clone()].to_vec();
        for hidden in self.hidden.lock().expect("nobody panics while holding it").iter() {
            let (start, end) = (hidden.start.max(part.start), hidden.end.min(part.end));
            for byte in bytes.get_mut(start - part.start..end.max(start) - part.start).into_iter().flatten() {
                if !matches!(byte, b'\n' | b'\r') {
                    *byte = b'*';
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl PartialEq for Source {
    fn eq(&self, other: &Self) -> bool {
        (&self.path, &self.text) == (&other.path, &other.text)
    }
}

impl Eq for Source {}

/// A stretch of a source, in bytes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    pub source: Arc<Source>,
    pub span: Range<usize>,
}

impl Place {
    /// What stands here is never shown: it is secret.
    pub fn hide(&self) {
        self.source.hidden.lock().expect("nobody panics while holding it").push(self.span.clone());
    }
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    Error,
    Warning,
}

/// One thing to tell the user about their input.
///
/// The summary is a lower-case phrase without full stop that reads well alone; details go to the labels and the help.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The name of the check, where the user can suppress it.
    pub check: Option<&'static str>,
    pub summary: String,
    /// The first is where it is; the others are what it has to do with.
    pub labels: Vec<Label>,
    /// What to do next, one sentence each.
    pub help: Vec<String>,
    /// A text that would mend it, shown as a patch.
    pub patch: Option<Patch>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub place: Place,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Patch {
    pub place: Place,
    pub replacement: String,
}

impl Diagnostic {
    pub fn error(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Error, check: None, summary: summary.into(), labels: vec![], help: vec![], patch: None }
    }

    pub fn warning(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary) }
    }

    #[must_use]
    pub fn at(mut self, place: &Place, text: impl Into<String>) -> Self {
        self.labels.push(Label { place: place.clone(), text: text.into() });
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    #[must_use]
    pub fn patch(mut self, place: &Place, replacement: impl Into<String>) -> Self {
        self.patch = Some(Patch { place: place.clone(), replacement: replacement.into() });
        self
    }

    /// Names the check that found it, so that it can be suppressed.
    #[must_use]
    pub fn check(mut self, name: &'static str) -> Self {
        self.check = Some(name);
        self
    }
}

/// Whether anything in the list forbids going on.
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|it| it.severity == Severity::Error)
}

/// The candidate that the user probably meant, if one is near enough.
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|it| (strsim::normalized_damerau_levenshtein(written, it), it))
        .filter(|(score, _)| *score > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, it)| it)
}
