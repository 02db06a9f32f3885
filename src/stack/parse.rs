//! The text of a stack file to a [`File`]: its sections one by one.

use std::{collections::HashMap, ops::Range, sync::Arc};

use indexmap::IndexMap;

use super::{
    build::Builder,
    expression::{Expr, ExprKind, Root},
    file::{Environment, File, Inner, Lookup, visit},
    functions,
    names::{ResourceName, SCOPES, Sight, is_cel_word},
    options,
    tree::{self, Entry, Kind, Node},
};
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Place, Source, any_error, nearest},
    resource::Catalog,
    value::Path,
};

const TOP: &[&str] = &["stack", "description", "region", "vars", "environments", "tags", "lookup", "resources", "outputs", "moved"];

const VARS: Sight = Sight { lookup: false, each: false, resources: false, at: "in a variable" };
const TAGS: Sight = Sight { lookup: true, each: false, resources: false, at: "in the tags of a stack" };
pub(super) const LOOKUP: Sight = Sight { lookup: true, each: false, resources: false, at: "in a lookup" };
pub(super) const FOR_EACH: Sight = Sight { lookup: true, each: false, resources: false, at: "in `for_each`" };
const OUTPUTS: Sight = Sight { lookup: true, each: false, resources: true, at: "in an output" };

/// Reads a stack file and checks all that does not depend on the environment. No file only where nothing sensible can be made of it.
pub fn parse(source: Arc<Source>, catalog: &Catalog) -> (Option<File>, Vec<Diagnostic>) {
    let (root, mut diagnostics) = tree::read(&source);
    let whole = Place { source: source.clone(), span: 0..0 };
    let entries = match root {
        Some(Node { kind: Kind::Map(entries), .. }) => entries,
        Some(node) if !node.is_null() => {
            let first = Place { source: source.clone(), span: first_line(&source.text, &node.span) };
            let wrong = Diagnostic::error(format!("{} where a stack is wanted", node.describe())).at(&first, "a map is wanted");
            diagnostics.push(wrong.help("a stack file begins with `stack: name`"));
            return (None, diagnostics);
        }
        _ => {
            if diagnostics.is_empty() {
                diagnostics.push(
                    Diagnostic::error("an empty stack file")
                        .at(&whole, "nothing is written here")
                        .help("a stack file begins with `stack: name`"),
                );
            }
            return (None, diagnostics);
        }
    };
    let mut parser = Parser { builder: Builder::new(source), catalog };
    let mut inner = parser.file(&entries);
    diagnostics.append(&mut parser.builder.diagnostics);
    inner.sound = !any_error(&diagnostics);
    (Some(File(Arc::new(inner))), super::in_order(diagnostics))
}

pub(super) struct Parser<'a> {
    pub(super) builder: Builder<'a>,
    pub(super) catalog: &'a Catalog,
}

impl<'a> Parser<'a> {
    fn file(&mut self, entries: &[Entry]) -> Inner {
        for entry in entries.iter().filter(|it| !TOP.contains(&it.key.as_str())) {
            self.builder.unknown_key(entry, TOP.iter().copied(), "entry", "a stack");
        }
        let get = |key: &str| entries.iter().find(|it| it.key == key);
        let section = |parser: &mut Self, key: &str| get(key).map(|it| parser.map(it)).unwrap_or_default();
        let vars = section(self, "vars");
        let environments = section(self, "environments");
        let lookups = section(self, "lookup");
        let resources = section(self, "resources");
        let outputs = section(self, "outputs");
        let moved = section(self, "moved");
        self.collect(vars, lookups, resources);

        let name = self.name(get("stack"));
        if let Some(description) = get("description")
            && !matches!(description.value.kind, Kind::Scalar { .. })
        {
            self.wrong(
                &description.span,
                "a description that is no text",
                "text is wanted",
                Some("write one text, in quotes where it has `: ` or ` #`"),
            );
        }
        let region = get("region").and_then(|it| self.constant_text(it, "a region"));
        let vars = vars.iter().map(|it| (it.key.clone(), self.builder.part(&it.value, None, VARS, &it.span))).collect();
        let environments = environments.iter().map(|it| (it.key.clone(), self.environment(it))).collect();
        let (tags_types, tags_schema) = options::tags();
        let tags = get("tags")
            .filter(|it| !it.value.is_null())
            .map(|it| self.builder.part(&it.value, Some((tags_types, tags_schema)), TAGS, &it.span));
        let lookups: IndexMap<_, _> = lookups.iter().filter_map(|it| Some((it.key.clone(), self.lookup(it)?))).collect();
        let lookup_order = self.order(&lookups);
        let resources: Vec<_> = resources.iter().map(|it| self.resource(it)).collect();
        let numbers: HashMap<_, _> = resources.iter().enumerate().map(|(n, it)| (it.name.clone(), n)).collect();
        let outputs = outputs.iter().map(|it| {
            self.check_name(&it.key, &it.span, "an output", false);
            (it.key.clone(), (it.span.clone(), Arc::new(self.builder.part(&it.value, None, OUTPUTS, &it.span))))
        });
        let outputs = outputs.collect();
        let moved = moved.iter().filter_map(|it| self.moved(it, &numbers)).collect();
        let source = self.builder.source.clone();
        Inner { source, sound: true, name, region, vars, environments, tags, lookups, lookup_order, resources, outputs, moved }
    }

    /// All names and their types, so that expressions can be checked in any order.
    fn collect(&mut self, vars: &[Entry], lookups: &[Entry], resources: &[Entry]) {
        for it in vars {
            self.check_name(&it.key, &it.span, "a variable", false);
            self.builder.names.vars.insert(it.key.clone(), ());
        }
        for it in lookups {
            self.check_name(&it.key, &it.span, "a lookup", false);
            let schema = keys(&it.value).find_map(|key| self.catalog.lookup_schema(&key.key));
            self.builder.names.lookups.insert(it.key.clone(), schema);
        }
        for it in resources {
            self.check_name(&it.key, &it.span, "a resource", true);
            let schema = keys(&it.value).find_map(|key| self.catalog.schema(&key.key));
            let several = keys(&it.value).any(|key| key.key == "for_each");
            self.builder.names.resources.insert(it.key.clone(), ResourceName { schema, several, span: it.span.clone() });
        }
    }

    fn check_name(&mut self, name: &str, span: &Range<usize>, what: &str, bare: bool) {
        let formed = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_');
        if !formed {
            let mended: String = name.to_lowercase().chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect();
            let usable = mended.starts_with(|it: char| it.is_ascii_lowercase());
            let place = self.builder.place(span);
            let diagnostic = Diagnostic::error(format!("not a name for {what}"))
                .at(&place, "has other characters")
                .help("names have small letters, digits and `_`, and begin with a letter");
            self.builder.report(if usable { diagnostic.patch(&place, mended) } else { diagnostic });
        } else if is_cel_word(name) || SCOPES.contains(&name) || (bare && (name == "has" || functions::find(name).is_some())) {
            self.wrong(span, &format!("`{name}` cannot name {what}"), "means something else in expressions", Some("choose another name"));
        }
    }

    fn name(&mut self, entry: Option<&Entry>) -> String {
        let Some(entry) = entry else {
            let place = self.builder.place(&(0..0));
            self.builder.report(
                Diagnostic::error("`stack` is missing").at(&place, "not written in this file").help("give the stack a name: `stack: name`"),
            );
            return self.fallback_name();
        };
        let name = match &entry.value.kind {
            Kind::Scalar { text, .. } => text.clone(),
            _ => String::new(),
        };
        let formed = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
            && name.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
            && name.len() <= 64;
        if formed {
            return name;
        }
        let help = "stack names have small letters, digits and `-`, begin with a letter, and have at most 64 characters";
        self.wrong(&entry.value.span.clone(), "not a name for a stack", "cannot be used", Some(help));
        self.fallback_name()
    }

    fn fallback_name(&self) -> String {
        let path = &self.builder.source.path;
        let file = path.rsplit(['/', '\\']).next().unwrap_or(path);
        file.split('.').next().filter(|it| !it.is_empty()).unwrap_or("stack").to_owned()
    }

    fn constant_text(&mut self, entry: &Entry, what: &str) -> Option<String> {
        match &entry.value.kind {
            _ if entry.value.is_null() => None,
            Kind::Scalar { text, .. } if !text.contains("${") => Some(text.clone()),
            Kind::Scalar { .. } => {
                self.wrong(
                    &entry.value.span,
                    &format!("an expression where {what} is wanted"),
                    "has to be written out",
                    Some("each environment can have its own"),
                );
                None
            }
            _ => {
                self.wrong(
                    &entry.span,
                    &format!("{} where {what} is wanted", entry.value.describe()),
                    "text is wanted",
                    Some("write one text"),
                );
                None
            }
        }
    }

    fn environment(&mut self, entry: &Entry) -> Environment {
        self.check_environment_name(entry);
        let mut environment = Environment::default();
        for it in self.map(entry) {
            match it.key.as_str() {
                "vars" => {
                    for var in self.map(it) {
                        if !self.builder.names.vars.contains_key(&var.key) {
                            let place = self.builder.place(&var.span);
                            let diagnostic = Diagnostic::error(format!("there is no variable `{}`", var.key))
                                .at(&place, "not declared under `vars` of the stack");
                            let near = nearest(&var.key, self.builder.names.vars.keys().map(String::as_str)).map(str::to_owned);
                            self.builder.report(match near {
                                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).patch(&place, near),
                                None => diagnostic.help("declare it there, with `null` where it has no value for all environments"),
                            });
                        }
                        let part = self.builder.part(&var.value, None, VARS, &var.span);
                        environment.vars.insert(var.key.clone(), part);
                    }
                }
                "account" => {
                    environment.account = self.constant_text(it, "an account id");
                    if environment.account.as_ref().is_some_and(|it| it.len() != 12 || !it.bytes().all(|it| it.is_ascii_digit())) {
                        self.wrong(
                            &it.value.span,
                            "not an account id",
                            "has to have 12 digits",
                            Some("`aws sts get-caller-identity` shows it"),
                        );
                    }
                }
                "region" => environment.region = self.constant_text(it, "a region"),
                "protect" => match &it.value.kind {
                    _ if it.value.is_null() => {}
                    Kind::Scalar { text, .. } if text == "true" || text == "false" => environment.protect = text == "true",
                    _ => {
                        self.wrong(
                            &it.value.span,
                            "neither `true` nor `false`",
                            "true or false is wanted",
                            Some("write `true` or `false`"),
                        );
                    }
                },
                _ => {
                    self.builder.unknown_key(it, ["vars", "account", "region", "protect"].into_iter(), "entry", "an environment");
                }
            }
        }
        environment
    }

    fn check_environment_name(&mut self, entry: &Entry) {
        let formed = entry.key.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_')) && !entry.key.is_empty();
        if !formed {
            self.wrong(&entry.span, "not a name for an environment", "has other characters", Some("use letters, digits, `-` and `_`"));
        }
    }

    fn moved(&mut self, entry: &Entry, numbers: &HashMap<String, usize>) -> Option<(Address, Address, Range<usize>)> {
        let Kind::Scalar { text: to, .. } = &entry.value.kind else {
            self.wrong(&entry.span, "not an address", "the new address is wanted", Some("write `old_address: new_address`"));
            return None;
        };
        for (address, span) in [(&entry.key, &entry.span), (to, &entry.value.span)] {
            let mut parts = address.split('/');
            let named = parts.next().is_some_and(|it| it.starts_with(|it: char| it.is_ascii_lowercase()));
            if !named || !address.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-' | b'/')) {
                self.wrong(span, "not an address", "names no resource", Some("addresses are written as `name` or `name/key`"));
                return None;
            }
        }
        let base = |it: &str| it.split('/').next().unwrap_or_default().to_owned();
        if entry.key == *to {
            self.wrong(&entry.span, "moved to where it is", "both addresses are the same", Some("remove it"));
            return None;
        }
        if !numbers.contains_key(&base(to)) {
            let place = self.builder.place(&entry.value.span);
            let near = nearest(&base(to), numbers.keys().map(String::as_str)).map(str::to_owned);
            let diagnostic = Diagnostic::error(format!("there is no resource `{}`", base(to))).at(&place, "refers to nothing");
            self.builder.report(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic.help("the new address has to be in this file"),
            });
            return None;
        }
        if !entry.key.contains('/') && numbers.contains_key(&entry.key) && !to.contains('/') {
            let other = self.builder.resource_place(&entry.key);
            let place = self.builder.place(&entry.span);
            let mut diagnostic = Diagnostic::error(format!("`{}` is moved and still there", entry.key)).at(&place, "the old address");
            if let Some(other) = other {
                diagnostic = diagnostic.at(&other, "still a resource");
            }
            self.builder.report(diagnostic.help("rename the resource, or remove this entry"));
            return None;
        }
        Some((Address::from(entry.key.as_str()), Address::from(to.as_str()), entry.span.clone()))
    }

    /// Lookups in an order in which each comes after those that it uses.
    fn order(&mut self, lookups: &IndexMap<String, Lookup>) -> Vec<usize> {
        let uses: Vec<Vec<usize>> = lookups
            .values()
            .map(|it| {
                let mut used = vec![];
                for part in [Some(&it.body), it.when.as_ref(), it.options.as_ref()].into_iter().flatten() {
                    part.expressions(&mut Path::default(), &mut |expression, _| lookups_of(&expression.root, lookups, &mut used));
                }
                used
            })
            .collect();
        let mut order: Vec<usize> = vec![];
        let mut left: Vec<usize> = (0..lookups.len()).collect();
        loop {
            let (ready, waiting): (Vec<_>, Vec<_>) = left.iter().copied().partition(|n| uses[*n].iter().all(|it| order.contains(it)));
            order.extend(&ready);
            left = waiting;
            if left.is_empty() {
                return order;
            }
            if ready.is_empty() {
                let place = lookups[left[0]].place.clone();
                let names: Vec<_> = left.iter().map(|n| lookups.get_index(*n).map_or("", |it| it.0.as_str())).collect();
                let label = format!("cannot be made before itself: {}", names.join(", "));
                self.wrong(&place, "lookups that wait for each other", &label, Some("let at least one of them not refer to the others"));
                order.extend(&left);
                return order;
            }
        }
    }

    /// The entries of a map; anything else is reported and empty.
    pub(super) fn map<'e>(&mut self, entry: &'e Entry) -> &'e [Entry] {
        match &entry.value.kind {
            Kind::Map(entries) => entries,
            _ if entry.value.is_null() => &[],
            _ => {
                let is = entry.value.describe();
                self.wrong(
                    &entry.value.span,
                    &format!("{is} where a map is wanted"),
                    "a map is wanted",
                    Some("write `key: value` in lines below it, or `{ key: value }`"),
                );
                &[]
            }
        }
    }

    pub(super) fn wrong(&mut self, span: &Range<usize>, summary: &str, label: &str, help: Option<&str>) {
        let place = self.builder.place(span);
        let mut diagnostic = Diagnostic::error(summary).at(&place, label);
        diagnostic.help.extend(help.map(str::to_owned));
        self.builder.report(diagnostic);
    }
}

fn keys(node: &Node) -> impl Iterator<Item = &Entry> {
    match &node.kind {
        Kind::Map(entries) => entries.iter(),
        _ => [].iter(),
    }
}

fn lookups_of(expr: &Expr, lookups: &IndexMap<String, Lookup>, used: &mut Vec<usize>) {
    visit(expr, &mut |it| match &it.kind {
        ExprKind::Known(Root::Lookup, name) => used.extend(lookups.get_index_of(name)),
        ExprKind::Whole(Root::Lookup) => used.extend(0..lookups.len()),
        _ => {}
    });
}

fn first_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let end = text[span.clone()].find('\n').map_or(span.end, |it| span.start + it);
    span.start..end
}
