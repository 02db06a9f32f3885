//! A file for one environment: variables, lookups, loops and conditions decided.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    ops::Range,
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    Moved, Nothing, Output, Request, Settings, Stack, Template,
    evaluate::Evaluation,
    expression::list,
    file::{File, Inner, constant},
    frame::{Each, Frame},
    options,
    template::{Context, Part, PartKind},
    values::describe_value,
};
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Place, any_error, nearest},
    resource::Catalog,
    value::{Path, Value},
};

/// The environment that exists in every stack.
const LOCAL: &str = "local";
/// The environment of a stack that declares none.
const DEFAULT: &str = "default";

/// The lookups that can be made now and are not in `found` yet. Make them, add what they yield, and ask again until none is left.
pub fn lookups(file: &File, settings: &Settings, catalog: &Catalog, found: &BTreeMap<String, Value>) -> (Vec<Request>, Vec<Diagnostic>) {
    let _ = catalog;
    let mut resolver = Resolver::new(&file.0, settings);
    if !resolver.environment() {
        return (vec![], resolver.finish());
    }
    resolver.vars();
    let requests = resolver.lookups(found);
    (requests, resolver.finish())
}

/// Decides loops and conditions for one environment. What `found` does not have is unknown.
pub fn resolve(file: &File, settings: &Settings, catalog: &Catalog, found: &BTreeMap<String, Value>) -> (Option<Stack>, Vec<Diagnostic>) {
    let mut resolver = Resolver::new(&file.0, settings);
    if !resolver.environment() {
        return (None, resolver.finish());
    }
    resolver.vars();
    resolver.lookups(found);
    let stack = resolver.stack(catalog);
    (Some(stack), resolver.finish())
}

/// What is decided so far.
pub(super) struct Resolver<'a> {
    pub(super) file: &'a Arc<Inner>,
    pub(super) settings: &'a Settings,
    pub(super) frame: Frame,
    account: Option<String>,
    protect: bool,
    region: Option<String>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl<'a> Resolver<'a> {
    fn new(file: &'a Arc<Inner>, settings: &'a Settings) -> Self {
        let frame = Frame { files: settings.files.clone(), ..Frame::default() };
        Self { file, settings, frame, account: None, protect: false, region: None, diagnostics: vec![] }
    }

    /// One instance of a loop repeats what is wrong with the others: it is said once.
    fn finish(self) -> Vec<Diagnostic> {
        let mut seen = HashSet::new();
        let mut all = super::in_order(self.diagnostics);
        all.retain(|it| seen.insert((it.summary.clone(), it.labels.first().map(|it| it.place.span.clone()))));
        all
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place { source: self.file.source.clone(), span: span.clone() }
    }

    pub(super) fn value(&mut self, part: &Part, each: Option<&Each>) -> Value {
        let mut evaluation = Evaluation::new(&self.frame, each, &Nothing);
        part.evaluate(&mut evaluation, &self.file.source, &mut self.diagnostics)
    }

    /// Takes on the environment; false where there is no such one.
    fn environment(&mut self) -> bool {
        let name = &self.settings.environment;
        let declared = &self.file.environments;
        let name = if name.is_empty() && declared.is_empty() { DEFAULT } else { name };
        let environment = declared.get(name);
        if environment.is_none() && name != LOCAL && !(declared.is_empty() && name == DEFAULT) {
            let names: Vec<_> = declared.keys().map(String::as_str).chain((!declared.is_empty()).then_some(LOCAL)).collect();
            let diagnostic = Diagnostic::error(format!("there is no environment `{name}` in stack `{}`", self.file.name));
            let diagnostic = match nearest(name, names.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
                None => diagnostic,
            };
            let help = if declared.is_empty() {
                "this stack declares none: leave `--env` out, or use `local`".to_owned()
            } else {
                list("its environments", &names)
            };
            self.diagnostics.push(diagnostic.help(help));
            return false;
        }
        self.account = environment.and_then(|it| it.account.clone());
        self.protect = environment.is_some_and(|it| it.protect);
        let region = environment.and_then(|it| it.region.clone());
        self.region = region.or_else(|| self.file.region.clone()).or_else(|| self.settings.region.clone());
        let unknown = |text: &str| Value::unknown(format!("${{{text}}}"));
        let known = |it: Option<&String>, text: &str| it.map_or_else(|| unknown(text), |it| Value::from(it.as_str()));
        let caller = self.settings.caller.as_ref();
        self.frame.env = BTreeMap::from([
            ("name".to_owned(), Value::from(name)),
            ("local".to_owned(), Value::Bool(name == LOCAL)),
            ("protect".to_owned(), Value::Bool(self.protect)),
        ]);
        self.frame.aws = BTreeMap::from([
            ("account_id".to_owned(), known(caller.map(|it| &it.account), "aws.account_id")),
            ("partition".to_owned(), known(caller.map(|it| &it.partition), "aws.partition")),
            ("region".to_owned(), known(self.region.as_ref(), "aws.region")),
        ]);
        true
    }

    /// Evaluates the variables, those first that others use.
    fn vars(&mut self) {
        let file = self.file;
        let overridden = self.frame.env.get("name").and_then(Value::as_text).and_then(|it| file.environments.get(it));
        let mut parts: IndexMap<&str, &Part> = file.vars.iter().map(|(name, part)| (name.as_str(), part)).collect();
        for (name, part) in overridden.iter().flat_map(|it| &it.vars) {
            parts.insert(name, part);
        }
        for (name, text) in &self.settings.vars {
            match file.vars.get(name) {
                Some(declared) => {
                    let value = given(name, text, declared, &mut self.diagnostics);
                    self.frame.vars.insert(name.clone(), value);
                }
                None => {
                    let diagnostic = Diagnostic::error(format!("there is no variable `{name}` in stack `{}`", file.name));
                    let names: Vec<_> = file.vars.keys().map(String::as_str).collect();
                    self.diagnostics.push(match nearest(name, names.iter().copied()) {
                        Some(near) => diagnostic.help(format!("did you mean `--var {near}=…`?")),
                        None => diagnostic.help(list("its variables", &names)),
                    });
                }
            }
        }
        parts.retain(|name, _| !self.settings.vars.contains_key(*name));
        let names: Vec<String> = file.vars.keys().cloned().collect();
        let uses: BTreeMap<String, BTreeSet<String>> =
            parts.iter().map(|(name, part)| ((*name).to_owned(), part.variables(&names, &|_| true))).collect();
        self.frame.made_of.clone_from(&uses);
        while !parts.is_empty() {
            let ready: Vec<&str> = parts
                .keys()
                .copied()
                .filter(|name| uses[*name].iter().all(|it| self.frame.vars.contains_key(it) || !parts.contains_key(it.as_str())))
                .collect();
            if ready.is_empty() {
                let names: Vec<_> = parts.keys().copied().collect();
                let place = self.place(&parts[0].place);
                let label = format!("cannot be known before itself: {}", names.join(", "));
                self.diagnostics.push(
                    Diagnostic::error("variables that wait for each other")
                        .at(&place, label)
                        .help("let at least one of them not refer to the others"),
                );
                for name in names {
                    self.frame.vars.insert(name.to_owned(), Value::unknown(format!("${{vars.{name}}}")));
                }
                return;
            }
            for name in ready {
                if let Some(part) = parts.shift_remove(name) {
                    let value = self.value(part, None);
                    self.frame.vars.insert(name.to_owned(), value);
                }
            }
        }
    }

    /// Fills in what has been found, and says what can be looked up now.
    fn lookups(&mut self, found: &BTreeMap<String, Value>) -> Vec<Request> {
        let file = self.file;
        let mut requests = vec![];
        for number in &file.lookup_order {
            let Some((name, lookup)) = file.lookups.get_index(*number) else { continue };
            let unknown = Value::unknown(format!("${{lookup.{name}}}"));
            let wanted = lookup.when.as_ref().map_or(Value::Bool(true), |it| self.value(it, None));
            let value = match (wanted, found.get(name)) {
                (Value::Bool(false), _) => Value::Null,
                (_, Some(value)) => value.clone(),
                (Value::Bool(true), None) => {
                    let before = self.diagnostics.len();
                    let arguments = self.value(&lookup.body, None);
                    let location = lookup.options.as_ref().map(|it| self.value(it, None)).unwrap_or_else(Value::map);
                    if !location.has_unknown()
                        && !any_error(&self.diagnostics[before..])
                        && let Ok(arguments) = arguments.reveal()
                    {
                        requests.push(Request {
                            name: name.clone(),
                            type_name: lookup.type_name,
                            arguments,
                            location: options::location(&location),
                            place: self.place(&lookup.place),
                        });
                    }
                    unknown
                }
                _ => unknown,
            };
            self.frame.lookups.insert(name.clone(), value);
        }
        requests
    }

    fn stack(&mut self, catalog: &Catalog) -> Stack {
        let file = self.file;
        let mut made: Vec<Vec<(Address, Option<Each>)>> = Vec::with_capacity(file.resources.len());
        let mut groups = Vec::with_capacity(file.resources.len());
        for resource in &file.resources {
            let (group, instances) = self.group(resource);
            groups.push(group);
            made.push(instances);
        }
        self.frame.groups = groups;
        let tags = self.tags();
        let frame = Arc::new(std::mem::take(&mut self.frame));
        let mut resources = IndexMap::with_capacity(file.resources.len());
        for (resource, instances) in file.resources.iter().zip(made) {
            for (address, each) in instances {
                if let Some(instance) = self.instance(resource, address, each, &frame, catalog) {
                    resources.insert(instance.address.clone(), instance);
                }
            }
        }
        let mut outputs = IndexMap::new();
        for (name, (span, part)) in &file.outputs {
            let context = Arc::new(Context { frame: frame.clone(), source: file.source.clone(), each: None });
            let references = self.references(part, &context);
            let value = Template { part: part.clone(), context };
            self.diagnostics.extend(value.evaluate(&Nothing).1);
            outputs.insert(name.clone(), Output { value, references, place: self.place(span) });
        }
        let moved = file.moved.iter().map(|(from, to, span)| Moved { from: from.clone(), to: to.clone(), place: self.place(span) });
        let environment = frame.env.get("name").and_then(Value::as_text).unwrap_or_default().to_owned();
        Stack {
            name: file.name.clone(),
            environment,
            region: self.region.clone(),
            account: self.account.clone(),
            protect: self.protect,
            tags,
            moved: moved.collect(),
            resources,
            outputs,
        }
    }

    fn tags(&mut self) -> BTreeMap<String, String> {
        let Some(part) = &self.file.tags else { return BTreeMap::new() };
        let Value::Map(map) = self.value(part, None) else { return BTreeMap::new() };
        let mut tags = BTreeMap::new();
        for (key, value) in map {
            if let Some(reserved) = reserved_tag(&key) {
                let place = self.place(&part.place_of(&Path::of(&key).0));
                self.diagnostics.push(reserved.at(&place, "this tag"));
            }
            match value {
                Value::Text(text) => {
                    tags.insert(key, text);
                }
                // Only while validating, where nobody writes them anywhere.
                Value::Unknown(it) => {
                    tags.insert(key, it.expression);
                }
                other => {
                    let place = self.place(&part.place_of(&Path::of(&key).0));
                    self.diagnostics.push(
                        Diagnostic::error("a tag that is no text")
                            .at(&place, format!("is {}", describe_value(&other)))
                            .help("tags are seen by everybody"),
                    );
                }
            }
        }
        tags
    }
}

/// What is wrong with a tag whose key others keep to themselves.
pub(super) fn reserved_tag(key: &str) -> Option<Diagnostic> {
    let lower = key.to_ascii_lowercase();
    let whose = [("aws:", "AWS"), ("infra:", "infra")].into_iter().find(|it| lower.starts_with(it.0))?;
    Some(Diagnostic::error(format!("tags that begin with `{}` are {}'s own", whose.0, whose.1)).help("choose a key that begins otherwise"))
}

/// What was given on the command line: text typed as in a file, and YAML where the stack has a list or a map.
fn given(name: &str, text: &str, declared: &Part, diagnostics: &mut Vec<Diagnostic>) -> Value {
    if constant(declared).is_some() || !matches!(declared.kind, PartKind::List { .. } | PartKind::Map { .. }) {
        return super::values::free(text, true);
    }
    let source = Arc::new(crate::diagnostic::Source::new(format!("--var {name}"), text));
    let (node, problems) = super::tree::read(&source);
    diagnostics.extend(problems);
    node.map_or(Value::Null, |it| plain(&it))
}

fn plain(node: &super::tree::Node) -> Value {
    use super::tree::Kind;
    match &node.kind {
        Kind::Scalar { text, plain } => super::values::free(text, *plain),
        Kind::List(items) => Value::List(items.iter().map(plain).collect()),
        Kind::Map(entries) => Value::Map(entries.iter().map(|it| (it.key.clone(), plain(&it.value))).collect()),
    }
}
