//! A stack file as it was read: checked as far as that does not depend on the environment.

use std::{collections::HashMap, ops::Range, sync::Arc};

use indexmap::IndexMap;

use super::{
    build::Builder,
    compile::{ResourceName, SCOPES, Sight, is_cel_word},
    expression::{Expr, ExprKind, Root},
    functions, options,
    template::{Part, PartKind},
    tree::{self, Entry, Kind, Node},
};
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Place, Source, nearest},
    resource::{
        Catalog,
        schema::{Fields, TypeSchema},
    },
    value::{Path, Value},
};

/// A stack file that has been read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct File(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) source: Arc<Source>,
    pub(super) name: String,
    pub(super) region: Option<String>,
    pub(super) vars: IndexMap<String, Part>,
    pub(super) environments: IndexMap<String, Environment>,
    pub(super) tags: Option<Part>,
    pub(super) lookups: IndexMap<String, Lookup>,
    /// The numbers of the lookups, those that others use first.
    pub(super) lookup_order: Vec<usize>,
    pub(super) resources: Vec<Resource>,
    pub(super) outputs: IndexMap<String, (Range<usize>, Arc<Part>)>,
    pub(super) moved: Vec<(Address, Address, Range<usize>)>,
}

#[derive(Debug, Default)]
pub(super) struct Environment {
    pub(super) vars: IndexMap<String, Part>,
    pub(super) account: Option<String>,
    pub(super) protect: bool,
    pub(super) region: Option<String>,
}

#[derive(Debug)]
pub(super) struct Lookup {
    pub(super) place: Range<usize>,
    pub(super) type_name: &'static str,
    pub(super) body: Part,
    pub(super) when: Option<Part>,
    pub(super) options: Option<Part>,
}

#[derive(Debug)]
pub(super) struct Resource {
    pub(super) name: String,
    /// Where the name stands.
    pub(super) place: Range<usize>,
    /// None where the type is unknown, which has been reported.
    pub(super) type_name: Option<&'static str>,
    pub(super) for_each: Option<Part>,
    pub(super) when: Option<Part>,
    pub(super) depends_on: Vec<Dependency>,
    pub(super) options: Option<Part>,
    pub(super) body: Arc<Part>,
}

/// One entry of `depends_on`.
#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) resource: usize,
    pub(super) key: Option<String>,
    pub(super) place: Range<usize>,
}

impl File {
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The environments that it declares; `local` exists besides these, and `default` where there are none.
    pub fn environments(&self) -> Vec<&str> {
        self.0.environments.keys().map(String::as_str).collect()
    }

    pub fn source(&self) -> &Arc<Source> {
        &self.0.source
    }
}

const TOP: &[&str] = &["stack", "description", "region", "vars", "environments", "tags", "lookup", "resources", "outputs", "moved"];

const VARS: Sight = Sight { lookup: false, each: false, resources: false, at: "in a variable" };
const TAGS: Sight = Sight { lookup: true, each: false, resources: false, at: "in the tags of a stack" };
const LOOKUP: Sight = Sight { lookup: true, each: false, resources: false, at: "in a lookup" };
const FOR_EACH: Sight = Sight { lookup: true, each: false, resources: false, at: "in `for_each`" };
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
    let inner = parser.file(&entries);
    diagnostics.append(&mut parser.builder.diagnostics);
    (Some(File(Arc::new(inner))), super::in_order(diagnostics))
}

struct Parser<'a> {
    builder: Builder<'a>,
    catalog: &'a Catalog,
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
            self.wrong(&description.span, "a description that is no text", "text is wanted", None);
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
        Inner { source, name, region, vars, environments, tags, lookups, lookup_order, resources, outputs, moved }
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
        } else if is_cel_word(name) || SCOPES.contains(&name) || (bare && functions::names().any(|it| it == name)) {
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
                self.wrong(&entry.span, &format!("{} where {what} is wanted", entry.value.describe()), "text is wanted", None);
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
                        self.wrong(&it.value.span, "not an account id", "has to have 12 digits", None);
                    }
                }
                "region" => environment.region = self.constant_text(it, "a region"),
                "protect" => match &it.value.kind {
                    _ if it.value.is_null() => {}
                    Kind::Scalar { text, .. } if text == "true" || text == "false" => environment.protect = text == "true",
                    _ => self.wrong(&it.value.span, "neither `true` nor `false`", "true or false is wanted", None),
                },
                _ => self.builder.unknown_key(it, ["vars", "account", "region", "protect"].into_iter(), "entry", "an environment"),
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

    fn lookup(&mut self, entry: &Entry) -> Option<Lookup> {
        let (catalog, entries) = (self.catalog, self.map(entry));
        let names = || -> Box<dyn Iterator<Item = &'static str> + 'a> { Box::new(catalog.lookup_names()) };
        let (body, rest) =
            self.body(entry, entries, &|key| catalog.lookup_schema(key).map(|it| it.name), &names, options::LOOKUP, "lookup")?;
        let schema = catalog.lookup_schema(&body.key)?;
        let part = self.properties(body, schema, &schema.properties, LOOKUP);
        let mut lookup = Lookup { place: entry.span.clone(), type_name: schema.name, body: part, when: None, options: None };
        let mut options = vec![];
        for it in rest {
            if it.key == "when" {
                lookup.when = Some(self.builder.part(&it.value, Some(options::condition()), Sight { at: "in `when`", ..LOOKUP }, &it.span));
            } else {
                options.push(it.clone());
            }
        }
        lookup.options = self.options(&options, LOOKUP);
        Some(lookup)
    }

    fn resource(&mut self, entry: &Entry) -> Resource {
        let mut resource = Resource {
            name: entry.key.clone(),
            place: entry.span.clone(),
            type_name: None,
            for_each: None,
            when: None,
            depends_on: vec![],
            options: None,
            body: Arc::new(Part { place: entry.span.clone(), kind: PartKind::Broken }),
        };
        let (catalog, entries) = (self.catalog, self.map(entry));
        let known = |key: &str| catalog.resource(key).map(|it| it.name());
        let several = entries.iter().any(|it| it.key == "for_each");
        let inside = Sight { lookup: true, each: several, resources: true, at: "in a property" };
        let names = || -> Box<dyn Iterator<Item = &'static str> + 'a> { Box::new(catalog.names()) };
        let Some((body, rest)) = self.body(entry, entries, &known, &names, options::RESOURCE, "resource") else { return resource };
        if let Some(schema) = catalog.schema(&body.key) {
            resource.type_name = Some(schema.name);
            resource.body = Arc::new(self.properties(body, schema, &schema.properties, inside));
        }
        let outside = Sight { resources: false, at: "in the options of a resource", ..inside };
        let mut options = vec![];
        for it in rest {
            match it.key.as_str() {
                "for_each" => resource.for_each = Some(self.builder.part(&it.value, None, FOR_EACH, &it.span)),
                "when" => {
                    resource.when =
                        Some(self.builder.part(&it.value, Some(options::condition()), Sight { at: "in `when`", ..outside }, &it.span))
                }
                "depends_on" => resource.depends_on = self.depends_on(&it.value, &entry.key),
                _ => options.push(it.clone()),
            }
        }
        resource.options = self.options(&options, outside);
        resource
    }

    fn options(&mut self, entries: &[Entry], sight: Sight) -> Option<Part> {
        let first = entries.first()?;
        let node = Node { span: first.span.clone(), kind: Kind::Map(entries.to_vec()) };
        let span = first.span.clone();
        Some(self.builder.part(&node, Some(options::all()), sight, &span))
    }

    /// The entry whose key is the type, and the others, all of which are options.
    fn body<'e>(
        &mut self,
        owner: &Entry,
        entries: &'e [Entry],
        known: &dyn Fn(&str) -> Option<&'static str>,
        names: &dyn Fn() -> Box<dyn Iterator<Item = &'static str> + 'a>,
        options: &[&str],
        what: &str,
    ) -> Option<(&'e Entry, Vec<&'e Entry>)> {
        let mut body: Option<&Entry> = None;
        let mut rest = vec![];
        let mut failed = false;
        for it in entries {
            if options.contains(&it.key.as_str()) {
                rest.push(it);
                continue;
            }
            let place = self.builder.place(&it.span);
            if known(&it.key).is_some() {
                if let Some(first) = body {
                    let first = self.builder.place(&first.span);
                    let wrong = Diagnostic::error(format!("a {what} of two types")).at(&place, "a second type").at(&first, "the first");
                    self.builder.report(wrong.help(format!("make two {what}s of it")));
                } else {
                    body = Some(it);
                }
                continue;
            }
            failed = true;
            let diagnostic = if it.key == "type" {
                let help = "the type itself is the key: write `service.thing:` with the properties beneath it";
                Diagnostic::error("`type` is no option").at(&place, "unknown").help(help)
            } else if it.key == "component" || it.key == "inputs" {
                Diagnostic::error("components are not supported yet").at(&place, "a component")
            } else if it.key.contains('.') {
                let diagnostic = Diagnostic::error(format!("there is no type `{}`", it.key)).at(&place, "unknown");
                let all: Vec<_> = names().collect();
                let service = it.key.split('.').next().unwrap_or_default();
                let same: Vec<_> = all.iter().copied().filter(|it| it.split('.').next() == Some(service)).collect();
                match nearest(&it.key, all.iter().copied()) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")).patch(&place, near),
                    None if same.is_empty() => diagnostic.help(super::expression::list("types", &all)),
                    None => diagnostic.help(super::expression::list(&format!("types of `{service}`"), &same)),
                }
            } else {
                let diagnostic = Diagnostic::error(format!("a {what} has no option `{}`", it.key)).at(&place, "unknown");
                match nearest(&it.key, options.iter().copied()) {
                    Some(near) => diagnostic.help(format!("did you mean `{near}`?")).patch(&place, near),
                    None => diagnostic
                        .help("properties go beneath the type, options beside it")
                        .help(super::expression::list("options", options)),
                }
            };
            self.builder.report(diagnostic);
        }
        if body.is_none() && !failed {
            let help = format!("write one beneath the name, such as `{}:`", names().next().unwrap_or("service.thing"));
            self.wrong(&owner.span, &format!("a {what} without a type"), "has no type", Some(&help));
        }
        body.map(|body| (body, rest))
    }

    /// What stands beneath a type.
    fn properties(&mut self, body: &Entry, schema: &'a TypeSchema, fields: &'a Fields, sight: Sight) -> Part {
        let entries = self.map(body);
        let entries = self.builder.object(entries, schema, fields, sight, &body.span, "property");
        let rule = self.builder.object_rule(schema, fields);
        Part { place: body.span.clone(), kind: PartKind::Map { entries, rule: Some(rule) } }
    }

    fn depends_on(&mut self, node: &Node, owner: &str) -> Vec<Dependency> {
        let items: &[Node] = match &node.kind {
            Kind::List(items) => items,
            _ if node.is_null() => &[],
            Kind::Scalar { .. } => std::slice::from_ref(node),
            Kind::Map(_) => {
                self.wrong(&node.span, "a map where a list is wanted", "names of resources are wanted", None);
                &[]
            }
        };
        let mut dependencies = vec![];
        for item in items {
            let Kind::Scalar { text, .. } = &item.kind else {
                self.wrong(&item.span, "not the name of a resource", "a name is wanted", None);
                continue;
            };
            let (name, key) = match text.split_once('/') {
                Some((name, key)) => (name, Some(key.to_owned())),
                None => (text.as_str(), None),
            };
            let names = &self.builder.names.resources;
            match names.get_full(name) {
                _ if text.contains("${") => {
                    self.wrong(
                        &item.span,
                        "an expression in `depends_on`",
                        "names are taken as they are",
                        Some("write the name alone, without `${…}`"),
                    );
                }
                Some(_) if name == owner => {
                    self.wrong(&item.span, "a resource that depends on itself", "is this very resource", Some("remove it"))
                }
                Some((_, _, it)) if key.is_some() && !it.several => {
                    self.wrong(
                        &item.span,
                        &format!("`{name}` is one resource"),
                        "has no `for_each`, so no keys",
                        Some(&format!("write `{name}`")),
                    );
                }
                Some((resource, ..)) => dependencies.push(Dependency { resource, key, place: item.span.clone() }),
                None => {
                    let place = self.builder.place(&item.span);
                    let near = nearest(name, names.keys().map(String::as_str)).map(str::to_owned);
                    let diagnostic = Diagnostic::error(format!("there is no resource `{name}`")).at(&place, "refers to nothing");
                    self.builder.report(match near {
                        Some(near) => diagnostic.help(format!("did you mean `{near}`?")).patch(&place, near),
                        None => diagnostic.help("name a resource of this stack"),
                    });
                }
            }
        }
        dependencies
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
                self.wrong(&place, "lookups that wait for each other", &label, None);
                order.extend(&left);
                return order;
            }
        }
    }

    /// The entries of a map; anything else is reported and empty.
    fn map<'e>(&mut self, entry: &'e Entry) -> &'e [Entry] {
        match &entry.value.kind {
            Kind::Map(entries) => entries,
            _ if entry.value.is_null() => &[],
            _ => {
                let is = entry.value.describe();
                self.wrong(&entry.value.span, &format!("{is} where a map is wanted"), "a map is wanted", None);
                &[]
            }
        }
    }

    fn wrong(&mut self, span: &Range<usize>, summary: &str, label: &str, help: Option<&str>) {
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

/// Calls `look` with an expression and each part of it.
pub(super) fn visit(expr: &Expr, look: &mut dyn FnMut(&Expr)) {
    look(expr);
    match &expr.kind {
        ExprKind::One(_, it)
        | ExprKind::Field { key: Some(it), .. }
        | ExprKind::Member { of: it, .. }
        | ExprKind::Select(it, _)
        | ExprKind::Has(it, _)
        | ExprKind::Not(it)
        | ExprKind::Negate(it) => visit(it, look),
        ExprKind::Index(one, other) | ExprKind::And(one, other) | ExprKind::Or(one, other) | ExprKind::Binary(_, one, other) => {
            visit(one, look);
            visit(other, look);
        }
        ExprKind::If(parts) => parts.iter().for_each(|it| visit(it, look)),
        ExprKind::List(items) | ExprKind::Coalesce(items) | ExprKind::Call(_, items) => items.iter().for_each(|it| visit(it, look)),
        ExprKind::Map(entries) => entries.iter().for_each(|(key, value)| {
            visit(key, look);
            visit(value, look);
        }),
        ExprKind::Loop(it) => [Some(&it.over), it.filter.as_ref(), it.body.as_ref()].into_iter().flatten().for_each(|it| visit(it, look)),
        _ => {}
    }
}

fn first_line(text: &str, span: &Range<usize>) -> Range<usize> {
    let end = text[span.clone()].find('\n').map_or(span.end, |it| span.start + it);
    span.start..end
}

/// What a constant part holds.
pub(super) fn constant(part: &Part) -> Option<&Value> {
    match &part.kind {
        PartKind::Value(value) => Some(value),
        _ => None,
    }
}
