//! A file for one environment: variables, lookups, loops and conditions decided.

use std::{
    collections::{BTreeMap, HashSet},
    ops::Range,
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    Instance, Moved, Output, Reference, Request, Scope, Settings, Stack, Template,
    evaluate::{Each, Evaluation, Frame, Group},
    expression::{ExprKind, Root, list},
    file::{File, Inner, Resource, constant, visit},
    options,
    template::{Context, Part, PartKind, references},
    values::describe_value,
};
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Place, any_error, nearest},
    resource::{Catalog, Problems},
    value::{Path, Value},
};

/// The environment that exists in every stack.
const LOCAL: &str = "local";
/// The environment of a stack that declares none.
const DEFAULT: &str = "default";

/// Nothing of other resources is known.
struct Nothing;

impl Scope for Nothing {
    fn field(&self, _: &Address, _: &str) -> Value {
        Value::unknown("")
    }
}

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

struct Resolver<'a> {
    file: &'a Arc<Inner>,
    settings: &'a Settings,
    frame: Frame,
    account: Option<String>,
    protect: bool,
    region: Option<String>,
    diagnostics: Vec<Diagnostic>,
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

    fn place(&self, span: &Range<usize>) -> Place {
        Place { source: self.file.source.clone(), span: span.clone() }
    }

    fn value(&mut self, part: &Part, each: Option<&Each>) -> Value {
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
        let uses: IndexMap<&str, HashSet<String>> = parts.iter().map(|(name, part)| (*name, vars_of(part, &parts))).collect();
        while !parts.is_empty() {
            let ready: Vec<&str> = parts
                .keys()
                .copied()
                .filter(|name| uses[name].iter().all(|it| self.frame.vars.contains_key(it) || !parts.contains_key(it.as_str())))
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

    /// Which instances of a resource there are.
    fn group(&mut self, resource: &Resource) -> (Group, Vec<(Address, Option<Each>)>) {
        let address = Address::from(resource.name.as_str());
        let Some(part) = &resource.for_each else {
            return if self.on(resource, None) {
                (Group::One(Some(address.clone())), vec![(address, None)])
            } else {
                (Group::One(None), vec![])
            };
        };
        let value = self.value(part, None);
        let Some(entries) = self.entries(part, value) else {
            let generic = address.each("*");
            let unknown = |text: &str| Value::unknown(format!("${{each.{text}}}"));
            let each = Each { key: unknown("key"), value: unknown("value") };
            return (Group::Generic(generic.clone()), vec![(generic, Some(each))]);
        };
        let mut keys = vec![];
        let mut instances = vec![];
        for (key, value) in entries {
            let each = Each { key: Value::from(key.as_str()), value };
            let on = self.on(resource, Some(&each));
            let address = address.each(&key);
            keys.push((key, on.then(|| address.clone())));
            if on {
                instances.push((address, Some(each)));
            }
        }
        (Group::Several(keys), instances)
    }

    /// The keys and values to make an instance for; none where they are not known while validating.
    fn entries(&mut self, part: &Part, value: Value) -> Option<Vec<(String, Value)>> {
        let place = self.place(&part.place);
        let mut entries: Vec<(String, Value)> = match value {
            Value::Null => vec![],
            // A map has no order once it has been evaluated, but the file has one.
            Value::Map(mut map) => match &part.kind {
                PartKind::Map { entries, .. } => entries.iter().filter_map(|it| map.remove_entry(&it.0)).collect(),
                _ => map.into_iter().collect(),
            },
            Value::List(items) => {
                let mut entries = vec![];
                for (n, item) in items.into_iter().enumerate() {
                    let place = self.place(&part.place_of(&Path::default().item(n).0));
                    match item {
                        Value::Text(_) | Value::Int(_) => {
                            let key = super::evaluate::plain_text(&item).unwrap_or_default();
                            if entries.iter().any(|(it, _)| *it == key) {
                                self.diagnostics.push(Diagnostic::error("the same key twice in `for_each`").at(&place, "is there already"));
                            } else {
                                entries.push((key, item));
                            }
                        }
                        Value::Unknown(_) => return self.undecided(&place, "`for_each`").then_some(vec![]),
                        other => {
                            let label = format!("is {}", describe_value(&other));
                            self.diagnostics.push(
                                Diagnostic::error("a key in `for_each` that is no text")
                                    .at(&place, label)
                                    .help("write a map of keys to values, or a list of texts"),
                            );
                        }
                    }
                }
                entries
            }
            Value::Unknown(_) => return self.undecided(&place, "`for_each`").then_some(vec![]),
            other => {
                let label = format!("is {}", describe_value(&other));
                self.diagnostics.push(
                    Diagnostic::error("neither a map nor a list in `for_each`")
                        .at(&place, label)
                        .help("write a map of keys to values, or a list of texts"),
                );
                vec![]
            }
        };
        entries.retain(|(key, _)| {
            let formed = !key.is_empty() && key.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-'));
            if !formed {
                let place = self.place(&part.place_of(&Path::of(key).0));
                self.diagnostics.push(
                    Diagnostic::error("not a key for `for_each`")
                        .at(&place, format!("{key:?} has other characters"))
                        .help("keys have letters, digits, `_`, `.` and `-`: they become part of the address"),
                );
            }
            formed
        });
        Some(entries)
    }

    /// Reports what must be known by now; true where it is wrong that it is not.
    fn undecided(&mut self, place: &Place, what: &str) -> bool {
        // While validating nothing is asked of AWS, and other mistakes have made things unknown and been reported.
        let wrong = self.settings.caller.is_some() && !any_error(&self.diagnostics);
        if wrong {
            let diagnostic =
                Diagnostic::error(format!("{what} depends on what is not known")).at(place, "is not known before something is applied");
            self.diagnostics.push(diagnostic.help("loops and conditions can depend on `vars`, `env`, `aws` and `lookup`"));
        }
        wrong
    }

    /// Whether a resource, or one instance of it, is switched on.
    fn on(&mut self, resource: &Resource, each: Option<&Each>) -> bool {
        let Some(part) = &resource.when else { return true };
        match self.value(part, each) {
            Value::Bool(on) => on,
            Value::Unknown(_) => {
                let place = self.place(&part.place);
                !self.undecided(&place, "`when`")
            }
            // Nothing written switches nothing off.
            _ => true,
        }
    }

    fn instance(
        &mut self,
        resource: &Resource,
        address: Address,
        each: Option<Each>,
        frame: &Arc<Frame>,
        catalog: &Catalog,
    ) -> Option<Instance> {
        let type_name = resource.type_name?;
        let file = self.file;
        let context = Arc::new(Context { frame: frame.clone(), source: file.source.clone(), each });
        let references = self.references(&resource.body, &context);
        let options = match &resource.options {
            Some(part) => {
                let mut evaluation = Evaluation::new(frame, context.each.as_ref(), &Nothing);
                let value = part.evaluate(&mut evaluation, &file.source, &mut self.diagnostics);
                let diagnostics = &mut self.diagnostics;
                options::read(&value, catalog.schema(type_name), &mut |path, summary, label, help| {
                    let place = Place { source: file.source.clone(), span: part.place_of(&path.0) };
                    diagnostics.push(Diagnostic::error(summary).at(&place, label).help(help));
                })
            }
            None => super::Options::default(),
        };
        let depends_on = self.depends_on(resource, frame);
        let properties = Template { part: resource.body.clone(), context };
        let instance = Instance { address, type_name, place: self.place(&resource.place), properties, references, depends_on, options };
        let (value, problems) = instance.evaluate(&Nothing);
        let failed = any_error(&problems);
        self.diagnostics.extend(problems);
        if !failed && let Some(describe) = catalog.resource(type_name) {
            let mut problems = Problems::default();
            describe.check(&value, &mut problems);
            for problem in problems.0 {
                let place = instance.place_of(&problem.path);
                let label = if problem.path.0.is_empty() { format!("in `{}`", instance.address) } else { format!("`{}`", problem.path) };
                let diagnostic = Diagnostic { severity: problem.severity, ..Diagnostic::error(problem.summary) }.at(&place, label);
                self.diagnostics.push(match problem.help {
                    Some(help) => diagnostic.help(help),
                    None => diagnostic,
                });
            }
        }
        Some(instance)
    }

    fn depends_on(&mut self, resource: &Resource, frame: &Frame) -> Vec<Address> {
        let mut all = vec![];
        for it in &resource.depends_on {
            let Some(group) = frame.groups.get(it.resource) else { continue };
            match (&it.key, group) {
                (Some(key), Group::Several(keys)) => match keys.iter().find(|it| it.0 == *key) {
                    Some((_, address)) => all.extend(address.clone()),
                    None => {
                        let place = self.place(&it.place);
                        let known: Vec<_> = keys.iter().map(|it| it.0.as_str()).collect();
                        let diagnostic = Diagnostic::error("there is no such instance").at(&place, "not among the keys of its `for_each`");
                        self.diagnostics.push(diagnostic.help(list("its keys", &known)));
                    }
                },
                _ => all.extend(group.addresses()),
            }
        }
        all.dedup();
        all
    }

    /// What the expressions in a part refer to, each instance by itself.
    fn references(&mut self, part: &Part, context: &Context) -> Vec<Reference> {
        let frame = &context.frame;
        let source = &self.file.source;
        let mut all: Vec<Reference> = vec![];
        let mut seen: HashSet<(Address, Option<String>, Path)> = HashSet::new();
        part.expressions(&mut Path::default(), &mut |expression, path| {
            let mut evaluation = Evaluation::new(frame, context.each.as_ref(), &Nothing);
            let mut decide = |it: &super::expression::Expr| match evaluation.evaluate(it) {
                Ok(Value::Bool(it)) => Some(it),
                _ => None,
            };
            references(&expression.root, &mut decide, &mut |resource, key, field, span| {
                let Some(group) = frame.groups.get(resource) else { return };
                let key = key.and_then(|it| Evaluation::new(frame, context.each.as_ref(), &Nothing).evaluate(it).ok());
                let key = key.as_ref().and_then(super::evaluate::plain_text);
                let targets = match (group, key) {
                    (Group::One(Some(address)), _) => vec![address.clone()],
                    (Group::Several(keys), Some(key)) => {
                        keys.iter().find(|it| it.0 == key).and_then(|it| it.1.clone()).into_iter().collect()
                    }
                    (group, _) => group.addresses(),
                };
                for target in targets {
                    if all.is_empty() || seen.insert((target.clone(), field.map(str::to_owned), path.clone())) {
                        if all.is_empty() {
                            seen.insert((target.clone(), field.map(str::to_owned), path.clone()));
                        }
                        let place = Place { source: source.clone(), span: expression.place(span) };
                        all.push(Reference { target, field: field.map(str::to_owned), at: path.clone(), place });
                    }
                }
            });
        });
        all
    }
}

/// The variables that a variable uses.
fn vars_of(part: &Part, all: &IndexMap<&str, &Part>) -> HashSet<String> {
    let mut used = HashSet::new();
    part.expressions(&mut Path::default(), &mut |expression, _| {
        visit(&expression.root, &mut |it| match &it.kind {
            ExprKind::Known(Root::Vars, name) => {
                used.insert(name.clone());
            }
            ExprKind::Whole(Root::Vars) => used.extend(all.keys().map(|it| (*it).to_owned())),
            _ => {}
        });
    });
    used
}

/// What was given on the command line: text typed as in a file, and YAML where the stack has a list or a map.
fn given(name: &str, text: &str, declared: &Part, diagnostics: &mut Vec<Diagnostic>) -> Value {
    if constant(declared).is_some() || !matches!(declared.kind, PartKind::List { .. } | PartKind::Map { .. }) {
        return super::values::free(text, true);
    }
    let source = Arc::new(crate::diagnostic::Source { path: format!("--var {name}"), text: text.to_owned() });
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

impl Instance {
    /// The properties as far as they are known, and what is wrong with them. What is not written is left out.
    pub fn evaluate(&self, scope: &dyn Scope) -> (Value, Vec<Diagnostic>) {
        self.properties.evaluate(scope)
    }

    /// Where a property stands, or the nearest thing around it that is in the file.
    pub fn place_of(&self, path: &Path) -> Place {
        self.properties.place_of(path)
    }
}
