//! Which instances of a resource there are, and what each of them refers to.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use indexmap::IndexMap;

use super::{
    Instance, Nothing, Options, Reference, Scope, Template,
    calculate::plain_text,
    evaluate::Evaluation,
    expression::{Expr, list},
    file::Resource,
    frame::{Each, Frame, Group},
    options, policy,
    resolve::{Resolver, reserved_tag},
    template::{Context, Part, PartKind, Use, references},
    values::describe_value,
};
use crate::{
    address::Address,
    diagnostic::{Diagnostic, Place, any_error},
    resource::{Catalog, Problems},
    value::{Path, Value},
};

impl Resolver<'_> {
    /// Which instances of a resource there are.
    pub(super) fn group(&mut self, resource: &Resource) -> (Group, Vec<(Address, Option<Each>)>) {
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
        let mut keys = IndexMap::with_capacity(entries.len());
        let mut instances = vec![];
        for (key, value) in entries {
            let each = Each { key: Value::from(key.as_str()), value };
            let on = self.on(resource, Some(&each));
            let address = address.each(&key);
            keys.insert(key, on.then(|| address.clone()));
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
                let mut seen = HashSet::new();
                for (n, item) in items.into_iter().enumerate() {
                    let place = self.place(&part.place_of(&Path::default().item(n).0));
                    match item {
                        Value::Text(_) | Value::Int(_) => {
                            let key = plain_text(&item).unwrap_or_default();
                            if !seen.insert(key.clone()) {
                                self.diagnostics.push(
                                    Diagnostic::error("the same key twice in `for_each`")
                                        .at(&place, "is there already")
                                        .help("each key makes one resource: leave one of them out, or give them different keys"),
                                );
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
        let wrong = self.settings.caller.is_some() && self.file.sound && !any_error(&self.diagnostics);
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

    pub(super) fn instance(
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
            None => Options::default(),
        };
        let depends_on = self.depends_on(resource, frame);
        let properties = Template { part: resource.body.clone(), context };
        let instance = Instance { address, type_name, place: self.place(&resource.place), properties, references, depends_on, options };
        let (value, problems) = instance.evaluate(&Nothing);
        let failed = any_error(&problems);
        self.diagnostics.extend(problems);
        if !failed && let Some(describe) = catalog.resource(type_name) {
            let mut problems = Problems::default();
            if let Some(schema) = catalog.schema(type_name) {
                policy::check(schema, &value, &mut problems);
                let property = schema.tags();
                for key in property.and_then(|it| value.get(it)).and_then(Value::as_map).into_iter().flat_map(BTreeMap::keys) {
                    if let Some(reserved) = reserved_tag(key) {
                        let path = Path::of(property.unwrap_or_default()).key(key);
                        self.diagnostics.push(reserved.at(&instance.place_of(&path), "this tag"));
                    }
                }
            }
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
                (Some(key), Group::Several(keys)) => match keys.get(key) {
                    Some(address) => all.extend(address.clone()),
                    None => {
                        let place = self.place(&it.place);
                        let known: Vec<_> = keys.keys().map(String::as_str).collect();
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
    pub(super) fn references(&mut self, part: &Part, context: &Context) -> Vec<Reference> {
        let frame = &context.frame;
        let source = &self.file.source;
        let mut all: Vec<Reference> = vec![];
        let mut seen: HashSet<(Address, Option<String>, Path)> = HashSet::new();
        part.expressions(&mut Path::default(), &mut |expression, path| {
            let mut evaluation = Evaluation::new(frame, context.each.as_ref(), &Nothing);
            let mut decide = |it: &Expr| match evaluation.evaluate(it) {
                Ok(Value::Bool(it)) => Some(it),
                _ => None,
            };
            references(&expression.root, &mut decide, &mut |Use { resource, key, field, span }| {
                let Some(group) = frame.groups.get(resource) else { return };
                let key = key.and_then(|it| Evaluation::new(frame, context.each.as_ref(), &Nothing).evaluate(it).ok());
                let key = key.as_ref().and_then(plain_text);
                let targets = match (group, key) {
                    (Group::One(Some(address)), _) => vec![address.clone()],
                    (Group::Several(keys), Some(key)) => keys.get(&key).cloned().flatten().into_iter().collect(),
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
