//! A YAML text as a tree that keeps the text of each scalar and the place of each node.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
    sync::Arc,
};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError};

use crate::{
    diagnostic::{Diagnostic, Place, Source},
    resource::Secret,
};

/// How deep a file may nest: far deeper than any real one, and shallow enough to walk by recursion.
const DEPTH: usize = 100;
/// How many nodes aliases may add. A few lines of aliases to aliases would otherwise grow to billions.
const ALIASED: usize = 100_000;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) kind: Kind,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// `plain` is without quotes and not a block: only there do `true`, `null` and numbers mean more than their text.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) span: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    /// Nothing written, or `null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What it is, for a sentence.
    pub(super) fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Scalar { .. } if self.is_null() => "nothing",
            Kind::Scalar { .. } => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    fn size(&self) -> usize {
        1 + match &self.kind {
            Kind::Scalar { .. } => 0,
            Kind::List(items) => items.iter().map(Self::size).sum(),
            Kind::Map(entries) => entries.iter().map(|it| it.value.size()).sum(),
        }
    }
}

/// Reads the one document of a source; `None` where nothing sensible can be made of it.
pub(super) fn read(source: &Arc<Source>) -> (Option<Node>, Vec<Diagnostic>) {
    let skipped = source.text.len() - source.text.trim_start_matches('\u{feff}').len();
    let mut reader = Reader { source, offset: skipped, open: vec![], anchors: HashMap::new(), aliased: 0, diagnostics: vec![] };
    let root = reader.read();
    if !reader.diagnostics.is_empty() {
        hide_secrets(source);
    }
    (root, reader.diagnostics)
}

/// Hides what looks like a secret by its key: what the types say of it is not known of a text that is no good YAML.
fn hide_secrets(source: &Arc<Source>) {
    let word = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-');
    // How far in the last such key is, and whether all that is further in is its text.
    let (mut start, mut open) = (0, None::<(usize, bool)>);
    for line in source.text.split_inclusive('\n') {
        let end = start + line.trim_end().len();
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        open = open.filter(|outer| start == end || indent > outer.0);
        let mut colons = line.match_indices(':').map(|it| it.0).filter(|colon| {
            let (key, value) = (&line[..*colon], &line[colon + 1..]);
            value.is_empty() || value.starts_with(char::is_whitespace) || key.ends_with(['"', '\''])
        });
        let continues = open.is_some_and(|(_, text)| text || colons.clone().next().is_none());
        let secret = colons.find(|colon| {
            let key = line[..*colon].trim_end_matches(['"', '\'', '\\', ' ']);
            key.rsplit(|it| !word(it)).next().is_some_and(Secret::is_named)
        });
        let from = if continues { Some(indent) } else { secret.map(|it| it + 1) };
        if let Some(from) = from.map(|it| start + it).filter(|it| *it < end) {
            Place { source: source.clone(), span: from..end }.hide();
        }
        if let Some(colon) = secret.filter(|_| !continues) {
            open = Some((indent, line[colon + 1..].trim_start().starts_with(['|', '>'])));
        }
        start += line.len();
    }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    offset: usize,
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    aliased: usize,
    diagnostics: Vec<Diagnostic>,
}

/// A list or map whose end has not been read.
struct Open {
    span: Range<usize>,
    map: bool,
    anchor: usize,
    items: Vec<Node>,
}

impl Reader<'_> {
    fn read(&mut self) -> Option<Node> {
        let source = self.source;
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: DEPTH,
            block_nesting_limit: DEPTH,
        };
        let mut root = None;
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(&source.text[self.offset..], options) {
            let (event, span) = match event {
                Ok(it) => it,
                Err(error) => {
                    let diagnostic = self.syntax(&error);
                    self.diagnostics.push(diagnostic);
                    return None;
                }
            };
            let span = span.byte_range().map_or(0..0, |it| it.start + self.offset..it.end + self.offset);
            if let Some(tag) = event.tag() {
                let help = if tag.original().starts_with("!!") {
                    "remove it: types come from the property, not from YAML tags"
                } else {
                    "remove it: where other tools have tags, stack files have expressions such as `${name.field}`"
                };
                self.report(
                    Diagnostic::error("YAML tags mean nothing here").at(&self.place(&span), format!("has `{}`", tag.original())).help(help),
                );
            }
            let (node, anchor) = match event {
                Event::DocumentStart(..) => {
                    documents += 1;
                    if documents > 1 {
                        self.report(
                            Diagnostic::error("more than one document in a file")
                                .at(&self.place(&span), "a second one begins here")
                                .help("put each stack into a file of its own"),
                        );
                        return root;
                    }
                    continue;
                }
                Event::Scalar(text, style, anchor, _) => {
                    // The parser says `~` where nothing is written.
                    let plain = style == ScalarStyle::Plain;
                    let text = if plain && span.is_empty() { String::new() } else { text.into_owned() };
                    (Node { span, kind: Kind::Scalar { text, plain } }, anchor)
                }
                Event::Alias(anchor) => (self.alias(anchor, span), 0),
                Event::SequenceStart(_, anchor, _) => {
                    self.open.push(Open { span, map: false, anchor, items: vec![] });
                    continue;
                }
                Event::MappingStart(_, anchor, _) => {
                    self.open.push(Open { span, map: true, anchor, items: vec![] });
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                    Some(open) => {
                        let anchor = open.anchor;
                        (self.close(open, &span), anchor)
                    }
                    None => continue,
                },
                _ => continue,
            };
            if anchor != 0 {
                self.anchors.insert(anchor, node.clone());
            }
            match self.open.last_mut() {
                Some(open) => open.items.push(node),
                None => root = Some(node),
            }
        }
        root
    }

    fn alias(&mut self, anchor: usize, span: Range<usize>) -> Node {
        let nothing = Node { span: span.clone(), kind: Kind::Scalar { text: String::new(), plain: true } };
        let Some(node) = self.anchors.get(&anchor) else {
            self.report(
                Diagnostic::error("an alias to what it stands in")
                    .at(&self.place(&span), "would never end")
                    .help("write out what is meant"),
            );
            return nothing;
        };
        self.aliased += node.size();
        if self.aliased > ALIASED {
            if self.aliased - node.size() <= ALIASED {
                self.report(
                    Diagnostic::error("aliases make the file too large")
                        .at(&self.place(&span), format!("more than {ALIASED} values come from aliases up to here"))
                        .help("write a `for_each` instead"),
                );
            }
            // Stays above the limit, so that it is said once.
            self.aliased = self.aliased.max(ALIASED + 1);
            return nothing;
        }
        let mut node = node.clone();
        node.span = span;
        node
    }

    fn close(&mut self, open: Open, end: &Range<usize>) -> Node {
        // Brackets have an end of their own; a block ends with its last item.
        let last = if end.is_empty() { open.items.last().map_or(end.end, |it| it.span.end) } else { end.end };
        let span = open.span.start..last.max(open.span.end);
        if !open.map {
            return Node { span, kind: Kind::List(open.items) };
        }
        let mut entries = Vec::with_capacity(open.items.len() / 2);
        let mut seen: HashSet<String> = HashSet::with_capacity(open.items.len() / 2);
        let mut items = open.items.into_iter();
        while let (Some(key), Some(value)) = (items.next(), items.next()) {
            let Kind::Scalar { text, plain } = key.kind else {
                self.report(misread(self.source, &key.span).unwrap_or_else(|| {
                    Diagnostic::error("a key that is no text")
                        .at(&self.place(&key.span), "keys are plain names")
                        .help("write a name before the colon")
                }));
                continue;
            };
            if text == "<<" && plain {
                self.report(
                    Diagnostic::error("merge keys are not supported")
                        .at(&self.place(&key.span), "`<<` is no key")
                        .help("write the entries out, or share a whole value through `vars` or an alias"),
                );
                continue;
            }
            if seen.contains(&text) {
                let first = entries.iter().find(|it: &&Entry| it.key == text).map(|it| it.span.clone());
                let mut diagnostic = Diagnostic::error(format!("`{text}` is written twice")).at(&self.place(&key.span), "the second time");
                if let Some(first) = first {
                    diagnostic = diagnostic.at(&self.place(&first), "the first time");
                }
                self.report(diagnostic.help("remove one of them"));
                continue;
            }
            seen.insert(text.clone());
            // Nothing written has no place of its own.
            let value = if value.span.is_empty() { Node { span: key.span.clone(), ..value } } else { value };
            entries.push(Entry { key: text, span: key.span, value });
        }
        Node { span, kind: Kind::Map(entries) }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place { source: self.source.clone(), span: span.clone() }
    }

    /// What the parser says, in words about stack files.
    fn syntax(&self, error: &ScanError) -> Diagnostic {
        let text = &self.source.text;
        let mut at = (error.marker().byte_offset().unwrap_or(0) + self.offset).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let span = at..at + text[at..].chars().next().filter(|it| *it != '\n' && *it != '\r').map_or(0, char::len_utf8);
        let line = line_of(text, at);
        // A line that begins with a tab is first taken for more of the text before it.
        let tab = if *error.kind() == ErrorKind::TabInPlainScalar {
            text[line.start..]
                .split_inclusive('\n')
                .scan(line.start, |start, it| Some(std::mem::replace(start, *start + it.len())))
                .find_map(|it| leading_tab(text, it))
        } else {
            leading_tab(text, line.start)
        };
        let tabs = matches!(
            error.kind(),
            ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabAtBlockScalarStart
        );
        if tabs || tab.is_some() {
            let tab = tab.unwrap_or(at);
            return Diagnostic::error("a tab in the indentation")
                .at(&self.place(&(tab..(tab + 1).min(text.len()))), "a tab")
                .help("indent with spaces: YAML does not allow tabs")
                .patch(&self.place(&(tab..(tab + 1).min(text.len()))), "  ");
        }
        if *error.kind() == ErrorKind::RecursionLimitExceeded {
            return Diagnostic::error("nested too deeply")
                .at(&self.place(&span), format!("more than {DEPTH} levels"))
                .help("no property of any type nests this deeply: look for a bracket that is not closed");
        }
        // The parser may notice only on the next line what an expression began.
        misread(self.source, &span)
            .or_else(|| {
                let before = text[..line.start].trim_end().len();
                misread(self.source, &(before..before))
            })
            .unwrap_or_else(|| {
                let help = match error.kind() {
                    ErrorKind::UnknownAnchor => {
                        "an alias `*name` needs an anchor `&name` before it; quote the text if it only begins with `*`"
                    }
                    ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
                        "close the quote; where the text goes over several lines, indent them"
                    }
                    ErrorKind::UnclosedFlowCollection { .. }
                    | ErrorKind::UnexpectedEofFlowSequence
                    | ErrorKind::UnexpectedEofFlowMapping => "close the bracket",
                    _ => "check the indentation, and quote text that has `: `, ` #`, or begins with one of `*&!%@{[|>`",
                };
                Diagnostic::error("not valid YAML").at(&self.place(&span), error.info()).help(help)
            })
    }
}

/// The first tab before the text of the line that begins here.
fn leading_tab(text: &str, start: usize) -> Option<usize> {
    let blanks = text[start..].len() - text[start..].trim_start_matches([' ', '\t']).len();
    text[start..start + blanks].find('\t').map(|it| start + it)
}

fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind('\n').map_or(0, |it| it + 1);
    let end = text[at..].find('\n').map_or(text.len(), |it| at + it);
    start..end
}

/// An expression without quotes on this line that YAML reads as something else, if that is what is wrong.
fn misread(source: &Arc<Source>, span: &Range<usize>) -> Option<Diagnostic> {
    let text = &source.text;
    let line = line_of(text, span.start.min(text.len()));
    let (mut from, mut last) = (line.start, None);
    while let Some(found) = text[from..line.end].find("${") {
        let start = from + found;
        let before = &text[line.start..start];
        // Counting is enough: who escapes quotes inside quotes does not forget them.
        let quoted = before.matches('"').count() % 2 == 1 || before.matches('\'').count() % 2 == 1;
        let end = super::pieces::end_of(&text[start + 2..line.end]).map_or(line.end, |it| start + 2 + it + 1);
        let written = &text[start..end];
        let trips = before.contains(['{', '[']) || written.contains(": ") || written.contains(" #") || !written.ends_with('}');
        if !quoted && (trips || (start..=end).contains(&span.start)) {
            last = Some(start..end);
        }
        from = end.max(start + 2).min(line.end);
    }
    let expression = last?;
    // The whole value is to be quoted: from what begins it to the end of the expression.
    let before = &text[line.start..expression.start];
    let flow = before.contains(['{', '[']);
    let begin = before.rfind([' ', '[', '{', ',']).map_or(line.start, |it| line.start + it + 1);
    let rest = &text[expression.end..line.end];
    let end = expression.end + if flow { rest.find([',', '}', ']', ' ']).unwrap_or(rest.len()) } else { rest.trim_end().len() };
    let whole = begin..end;
    let written = &text[whole.clone()];
    let quote = if written.contains('"') { '\'' } else { '"' };
    let place = |span: Range<usize>| Place { source: source.clone(), span };
    let why = if flow { "inside `{…}` or `[…]` YAML takes the braces for its own" } else { "YAML takes `: ` for the end of a key" };
    let diagnostic = Diagnostic::error("an expression that needs quotes")
        .at(&place(expression), "YAML does not read it as one value")
        .help(format!("quote it: {why}"));
    Some(if written.contains(quote) || written.contains('\\') {
        diagnostic
    } else {
        diagnostic.patch(&place(whole), format!("{quote}{written}{quote}"))
    })
}
