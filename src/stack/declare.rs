//! What stands under one name: a resource or a lookup, its type, its properties and its options.

use std::sync::Arc;

use super::{
    file::{Dependency, Lookup, Resource},
    names::Sight,
    options,
    parse::{FOR_EACH, LOOKUP, Parser},
    template::{Part, PartKind},
    tree::{Entry, Kind, Node},
};
use crate::{
    diagnostic::{Diagnostic, nearest},
    resource::schema::{Fields, TypeSchema},
};

impl<'a> Parser<'a> {
    pub(super) fn lookup(&mut self, entry: &Entry) -> Option<Lookup> {
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

    pub(super) fn resource(&mut self, entry: &Entry) -> Resource {
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
                        Some(self.builder.part(&it.value, Some(options::condition()), Sight { at: "in `when`", ..outside }, &it.span));
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
                Diagnostic::error("components are not supported yet")
                    .at(&place, "a component")
                    .help("write its resources here; `for_each` makes several of one")
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
        if body.is_none() && !failed && (owner.value.is_null() || matches!(owner.value.kind, Kind::Map(_))) {
            let help = format!("write one beneath the name, such as `{}:`", names().next().unwrap_or("service.thing"));
            self.wrong(&owner.span, &format!("a {what} without a type"), "has no type", Some(&help));
        }
        body.map(|body| (body, rest))
    }

    /// What stands beneath a type.
    fn properties(&mut self, body: &Entry, schema: &'a TypeSchema, fields: &'a Fields, sight: Sight) -> Part {
        let entries = self.map(body);
        let entries = self.builder.object(entries, schema, fields, sight, &body.span);
        let rule = self.builder.object_rule(schema, fields);
        Part { place: body.span.clone(), kind: PartKind::Map { entries, rule: Some(rule) } }
    }

    fn depends_on(&mut self, node: &Node, owner: &str) -> Vec<Dependency> {
        let items: &[Node] = match &node.kind {
            Kind::List(items) => items,
            _ if node.is_null() => &[],
            Kind::Scalar { .. } => std::slice::from_ref(node),
            Kind::Map(_) => {
                self.wrong(
                    &node.span,
                    "a map where a list is wanted",
                    "names of resources are wanted",
                    Some("write them as a list: `[vpc, subnet]`"),
                );
                &[]
            }
        };
        let mut dependencies = vec![];
        for item in items {
            let Kind::Scalar { text, .. } = &item.kind else {
                self.wrong(
                    &item.span,
                    "not the name of a resource",
                    "a name is wanted",
                    Some("write the name of a resource of this file: `vpc`, or `subnet/1a` for one of several"),
                );
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
                    self.wrong(&item.span, "a resource that depends on itself", "is this very resource", Some("remove it"));
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
}
