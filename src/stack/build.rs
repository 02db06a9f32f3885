//! Nodes of the tree to parts: what can be checked without an environment is checked here.

use std::{collections::HashMap, ops::Range, sync::Arc};

use super::{
    compile::compile,
    expression::{Expression, Fault, Type, list},
    names::{Names, Sight},
    pieces::{self, Piece},
    template::{Mixed, MixedPiece, Part, PartKind, Whole, diagnose, diagnose_misfit},
    tree::{self, Entry, Node},
    values::{self, Rule},
};
use crate::{
    diagnostic::{Diagnostic, Place, Source, nearest},
    resource::schema::{Fields, Kind, Marks, Schema, TypeSchema},
    value::Value,
};

pub(super) type Wanted<'a> = Option<(&'a TypeSchema, &'a Schema)>;

pub(super) struct Builder<'a> {
    pub(super) source: Arc<Source>,
    pub(super) names: Names<'a>,
    pub(super) diagnostics: Vec<Diagnostic>,
    // A file has many values of few schemas, so each schema is shared. Schemas live as long as the catalog: their addresses tell them apart.
    schemas: HashMap<*const Schema, Arc<Schema>>,
    types: HashMap<*const TypeSchema, Arc<TypeSchema>>,
    objects: HashMap<*const Fields, Arc<Schema>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: Arc<Source>) -> Self {
        Self {
            source,
            names: Names::default(),
            diagnostics: vec![],
            schemas: HashMap::new(),
            types: HashMap::new(),
            objects: HashMap::new(),
        }
    }

    pub(super) fn place(&self, span: &Range<usize>) -> Place {
        Place { source: self.source.clone(), span: span.clone() }
    }

    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// A value of any kind; `wanted` says what it has to be.
    pub(super) fn part(&mut self, node: &Node, wanted: Wanted<'a>, sight: Sight, anchor: &Range<usize>) -> Part {
        if wanted.is_some_and(|(types, schema)| is_secret(types, schema)) {
            self.hide(node);
        }
        let wanted = wanted.map(|(types, schema)| (types, types.resolve(schema)));
        match (&node.kind, wanted.map(|it| &it.1.kind)) {
            (tree::Kind::Scalar { text, plain }, _) => self.scalar(node, text, *plain, wanted, sight),
            (tree::Kind::List(items), None | Some(Kind::Free)) => {
                let items = items.iter().map(|it| self.part(it, None, sight, &head(it))).collect();
                Part { place: anchor.clone(), kind: PartKind::List { items, rule: None } }
            }
            (tree::Kind::List(items), Some(Kind::List { item, min, max })) => {
                let types = wanted.map(|it| it.0);
                let items: Vec<_> = items.iter().map(|it| self.part(it, types.map(|types| (types, &**item)), sight, &head(it))).collect();
                let constant = items.iter().all(|it| matches!(&it.kind, PartKind::Value(value) if !value.is_null()));
                let rule = if constant {
                    if let Err(misfit) = values::fit_count(items.len(), *min, *max) {
                        let diagnostic = diagnose_misfit(misfit, &self.place(anchor));
                        self.report(diagnostic);
                    }
                    None
                } else {
                    wanted.map(|it| self.rule(it))
                };
                Part { place: anchor.clone(), kind: PartKind::List { items, rule } }
            }
            (tree::Kind::Map(entries), None | Some(Kind::Free)) => {
                let entries = entries.iter().map(|it| self.entry(it, None, sight)).collect();
                Part { place: anchor.clone(), kind: PartKind::Map { entries, rule: None } }
            }
            (tree::Kind::Map(entries), Some(Kind::Map(item))) => {
                let types = wanted.map(|it| it.0);
                let entries = entries.iter().map(|it| self.entry(it, types.map(|types| (types, &**item)), sight)).collect();
                let rule = wanted.map(|it| self.rule(it));
                Part { place: anchor.clone(), kind: PartKind::Map { entries, rule } }
            }
            (tree::Kind::Map(entries), Some(Kind::Object(fields))) => {
                let types = wanted.map(|it| it.0).expect("a kind comes with its type");
                let entries = self.object(entries, types, fields, sight, anchor);
                let rule = wanted.map(|it| self.rule(it));
                Part { place: anchor.clone(), kind: PartKind::Map { entries, rule } }
            }
            (_, Some(kind)) => {
                let is = node.describe();
                let wanted = values::describe(kind);
                let place = self.place(anchor);
                self.report(
                    Diagnostic::error(format!("{is} where {wanted} is wanted"))
                        .at(&place, format!("{wanted} is wanted"))
                        .help(values::how(kind)),
                );
                Part { place: anchor.clone(), kind: PartKind::Broken }
            }
        }
    }

    /// What is written of a secret is not shown, in whatever shape; where an expression alone takes it from is.
    fn hide(&self, node: &Node) {
        match &node.kind {
            tree::Kind::Scalar { text, .. } => {
                if !matches!(pieces::cut(text).as_slice(), [Piece::Expression(_)]) {
                    self.place(&node.span).hide();
                }
            }
            tree::Kind::List(items) => items.iter().for_each(|it| self.hide(it)),
            tree::Kind::Map(entries) => entries.iter().for_each(|it| self.hide(&it.value)),
        }
    }

    /// The entries of an object, all of them known and none missing.
    pub(super) fn object(
        &mut self,
        entries: &[Entry],
        types: &'a TypeSchema,
        fields: &'a Fields,
        sight: Sight,
        anchor: &Range<usize>,
    ) -> Vec<(String, Range<usize>, Part)> {
        let mut parts = Vec::with_capacity(entries.len());
        let mut misspelt = vec![];
        for entry in entries {
            match fields.get(&entry.key) {
                Some(field) => {
                    if field.required && entry.value.is_null() {
                        let place = self.place(&entry.span);
                        self.report(missing(&entry.key, &place, "is null, which means not written", &field.schema));
                    }
                    parts.push(self.entry(entry, Some((types, &field.schema)), sight));
                }
                None => {
                    let owner = format!("`{}`", types.name);
                    let meant = self.unknown_key(entry, fields.keys().map(String::as_str), "property", &owner);
                    if meant.is_some_and(|it| is_secret(types, &fields[it].schema)) {
                        self.hide(&entry.value);
                    }
                    misspelt.extend(meant);
                }
            }
        }
        // What is written with a slip is not missing as well.
        for (name, field) in fields.iter().filter(|(name, it)| it.required && !misspelt.contains(&name.as_str())) {
            if !entries.iter().any(|it| it.key == *name) {
                let place = self.place(anchor);
                self.report(missing(name, &place, "not written here", &field.schema));
            }
        }
        parts
    }

    /// Reports a key that means nothing here; returns the one that was probably meant.
    pub(super) fn unknown_key<'k>(
        &mut self,
        entry: &Entry,
        known: impl Iterator<Item = &'k str>,
        what: &str,
        owner: &str,
    ) -> Option<&'k str> {
        let known: Vec<_> = known.collect();
        let place = self.place(&entry.span);
        let diagnostic = Diagnostic::error(format!("{owner} has no {what} `{}`", entry.key)).at(&place, "unknown");
        let plural = what.strip_suffix('y').map_or_else(|| format!("{what}s"), |stem| format!("{stem}ies"));
        let near = nearest(&entry.key, known.iter().copied());
        self.report(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).patch(&place, near),
            None => diagnostic.help(list(&plural, &known)),
        });
        near
    }

    fn entry(&mut self, entry: &Entry, wanted: Wanted<'a>, sight: Sight) -> (String, Range<usize>, Part) {
        if entry.key.contains("${") && !entry.key.contains("$${") {
            let place = self.place(&entry.span);
            self.report(
                Diagnostic::error("an expression in a key")
                    .at(&place, "keys are taken as they are")
                    .help("build the map in one expression, `${{'key': value}}`; write `$${` if the text itself is meant"),
            );
        }
        let part = self.part(&entry.value, wanted, sight, &entry.span);
        (entry.key.replace("$${", "${"), entry.span.clone(), part)
    }

    fn scalar(&mut self, node: &Node, text: &str, plain: bool, wanted: Wanted<'a>, sight: Sight) -> Part {
        let broken = Part { place: node.span.clone(), kind: PartKind::Broken };
        if text.contains("${") {
            return self.expressions(node, text, wanted, sight);
        }
        let result = match wanted {
            None => Ok(values::free(text, plain)),
            Some((_, schema)) => match &schema.kind {
                _ if node.is_null() => Ok(Value::Null),
                Kind::List { .. } | Kind::Map(_) | Kind::Object(_) => Err(values::shape("text", schema)),
                _ => values::scalar(text, plain, schema),
            },
        };
        match result {
            Ok(value) => Part::value(node.span.clone(), value),
            Err(mut misfit) => {
                // A patch replaces what is between the quotes.
                let written = &self.source.text[node.span.clone()];
                if !plain && !written.contains('\n') {
                    let quote = if written.starts_with('\'') { '\'' } else { '"' };
                    misfit.patch = misfit.patch.map(|it| format!("{quote}{it}{quote}"));
                }
                if matches!(wanted, Some((_, Schema { kind: Kind::List { .. }, .. }))) && !written.contains(['\n', ',', ']']) {
                    misfit.patch = Some(format!("[{written}]"));
                }
                let diagnostic = diagnose_misfit(misfit, &self.place(&node.span));
                self.report(diagnostic);
                broken
            }
        }
    }

    fn expressions(&mut self, node: &Node, text: &str, wanted: Wanted<'a>, sight: Sight) -> Part {
        let place = node.span.clone();
        let mut parts = vec![];
        let mut cursor = node.span.start;
        let whole: Arc<str> = text.into();
        let mut ok = true;
        let mut single = None;
        let pieces = pieces::cut(text);
        let alone = pieces.len() == 1;
        for piece in pieces {
            match piece {
                Piece::Text(text) => parts.push(MixedPiece::Text(text)),
                Piece::Unclosed(span) => {
                    self.unclosed(node, text, &span);
                    ok = false;
                }
                Piece::Expression(span) => {
                    let inner = &text[span];
                    let start = self.verbatim(node, inner, &mut cursor);
                    let mut faults = vec![];
                    let (root, ty) = compile(inner, &self.names, sight, &mut faults);
                    let expression = Expression { root, start, scalar: node.span.clone() };
                    if faults.is_empty() && !alone {
                        faults.extend(self.inside_text(&expression, &ty));
                    }
                    if faults.is_empty() && alone {
                        faults.extend(wanted.and_then(|(types, schema)| self.mismatch(&expression, &ty, types, schema)));
                    }
                    ok &= faults.is_empty();
                    for fault in faults {
                        let diagnostic = diagnose(fault, &expression, &self.source);
                        self.report(diagnostic);
                    }
                    if alone {
                        single = Some(expression);
                    } else {
                        parts.push(MixedPiece::Expression(expression));
                    }
                }
            }
        }
        if !ok {
            return Part { place, kind: PartKind::Broken };
        }
        let rule = wanted.map(|it| self.rule(it));
        if let Some(expression) = single {
            return Part { place, kind: PartKind::Expression(Box::new(Whole { expression, text: whole, rule })) };
        }
        // All of it may have been `$${`.
        if let [MixedPiece::Text(text)] = parts.as_slice() {
            let value = match wanted {
                None => Ok(Value::from(text.as_str())),
                Some((_, schema)) => values::scalar(text, false, schema),
            };
            return match value {
                Ok(value) => Part::value(place, value),
                Err(misfit) => {
                    let diagnostic = diagnose_misfit(misfit, &self.place(&place));
                    self.report(diagnostic);
                    Part { place, kind: PartKind::Broken }
                }
            };
        }
        if let Some((_, schema)) = wanted
            && matches!(schema.kind, Kind::List { .. } | Kind::Map(_) | Kind::Object(_))
        {
            let diagnostic = diagnose_misfit(values::shape("text", schema), &self.place(&place));
            self.report(diagnostic);
            return Part { place, kind: PartKind::Broken };
        }
        Part { place, kind: PartKind::Text(Box::new(Mixed { pieces: parts, text: whole, rule })) }
    }

    /// Where the text of an expression begins in the file, if it stands there as it is.
    fn verbatim(&self, node: &Node, inner: &str, cursor: &mut usize) -> Option<usize> {
        let rest = self.source.text.get(*cursor..node.span.end)?;
        let wanted = format!("${{{inner}}}");
        let start = *cursor + rest.find(&wanted)?;
        *cursor = start + wanted.len();
        Some(start + 2)
    }

    fn unclosed(&mut self, node: &Node, text: &str, span: &Range<usize>) {
        let written = &self.source.text[node.span.clone()];
        let at = match written.find(&text[span.clone()]) {
            Some(found) => node.span.start + found..node.span.end,
            None => node.span.clone(),
        };
        let place = self.place(&at);
        let rest = &self.source.text[node.span.end..];
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        if line.trim_start().starts_with('#') && !written.starts_with(['"', '\'']) {
            let end = node.span.end + line.trim_end().len();
            let whole = self.place(&(node.span.start..end));
            let value = &self.source.text[node.span.start..end];
            let quote = if value.contains('"') { '\'' } else { '"' };
            let mut diagnostic = Diagnostic::error("an expression that needs quotes")
                .at(&place, "ends here for YAML")
                .help("quote it: YAML takes ` #` for the begin of a comment");
            if !value.contains(quote) && !value.contains('\\') {
                diagnostic = diagnostic.patch(&whole, format!("{quote}{value}{quote}"));
            }
            self.report(diagnostic);
        } else {
            self.report(
                Diagnostic::error("an expression that is not closed")
                    .at(&place, "has no closing brace")
                    .help("close it with `}`, or write `$${` if the text itself is meant"),
            );
        }
    }

    fn inside_text(&self, expression: &Expression, ty: &Type<'a>) -> Option<Fault> {
        let is = shape_of(ty)?;
        if !matches!(is, Shape::List | Shape::Map) {
            return None;
        }
        let fault = Fault::new(&expression.root.span, format!("{} inside a text", ty.describe()), format!("is {}", ty.describe()));
        Some(fault.help("make it text with `json(…)`, or `join(…, \",\")` for a list"))
    }

    /// Whether what an expression yields can never be what is wanted.
    fn mismatch(&self, expression: &Expression, ty: &Type<'a>, types: &'a TypeSchema, schema: &'a Schema) -> Option<Fault> {
        let is = shape_of(ty)?;
        let wanted = shape(&types.resolve(schema).kind)?;
        let fits = match (is, wanted) {
            _ if is == wanted => match (ty, &types.resolve(schema).kind) {
                (Type::List(item), Kind::List { item: wanted, .. }) => return self.item_mismatch(expression, item, types, wanted),
                (Type::Data(from, given), Kind::List { item: wanted, .. }) => match &from.resolve(given).kind {
                    Kind::List { item, .. } => return self.item_mismatch(expression, &Type::Data(from, item), types, wanted),
                    _ => true,
                },
                _ => true,
            },
            // Numbers, true and false can be written as text.
            (Shape::Int | Shape::Number | Shape::Bool, Shape::Text) | (Shape::Int, Shape::Number) | (Shape::Number, Shape::Int) => true,
            _ => false,
        };
        if fits {
            return None;
        }
        Some(self.mismatched(
            expression,
            format!("{} where {} is wanted", ty.describe(), values::describe(&types.resolve(schema).kind)),
            ty.describe(),
            is,
            wanted,
        ))
    }

    fn item_mismatch(&self, expression: &Expression, item: &Type<'a>, types: &'a TypeSchema, wanted: &'a Schema) -> Option<Fault> {
        let mut fault = self.mismatch(expression, item, types, wanted)?;
        fault.summary = format!("a list of the wrong items: {}", fault.summary);
        Some(fault)
    }

    fn mismatched(&self, expression: &Expression, summary: String, is: &str, shape: Shape, wanted: Shape) -> Fault {
        use super::expression::ExprKind;
        let mut fault = Fault::new(&expression.root.span, summary, format!("is {is}"));
        if let ExprKind::Field { resource, field, .. } = &expression.root.kind
            && let Some((name, it)) = self.names.resources.get_index(*resource)
        {
            fault.other = Some((it.span.clone(), format!("`{field}` of `{name}` is {is}")));
        }
        match (shape, wanted) {
            (Shape::List, Shape::Text) => fault.help("pick one item, `[0]`, or make one text of all, `join(…, \",\")`"),
            (Shape::Text, Shape::Int) => fault.help("make a number of it with `int(…)`"),
            (Shape::Text, Shape::Number) => fault.help("make a number of it with `double(…)`"),
            (Shape::Text, Shape::Bool) => fault.help("make it true or false with `bool(…)`"),
            (_, Shape::List) => {
                let written = expression.start.and_then(|start| self.source.text.get(start..start + expression.root.span.end));
                fault.help(match written {
                    Some(written) if !written.contains('"') => format!("write it as a list: `[\"${{{written}}}\"]`"),
                    _ => "write it as a list, even where it has only one item".to_owned(),
                })
            }
            (Shape::Map, Shape::Text) => fault.help("name one of its fields, or make it text with `json(…)`"),
            (Shape::Int | Shape::Number, Shape::Bool) => fault.help("compare it with something: `… > 0`"),
            _ => fault.help("refer to something of the kind that is wanted"),
        }
    }

    /// The rule of what stands directly beneath a type.
    pub(super) fn object_rule(&mut self, types: &'a TypeSchema, fields: &'a Fields) -> Rule {
        let types = self.types.entry(std::ptr::from_ref(types)).or_insert_with(|| Arc::new(types.clone())).clone();
        let object = || Arc::new(Schema { kind: Kind::Object(fields.clone()), description: None, default: None, marks: Marks::default() });
        let schema = self.objects.entry(std::ptr::from_ref(fields)).or_insert_with(object).clone();
        Rule { types, schema }
    }

    pub(super) fn resource_place(&self, name: &str) -> Option<Place> {
        Some(self.place(&self.names.resources.get(name)?.span))
    }

    fn rule(&mut self, (types, schema): (&'a TypeSchema, &'a Schema)) -> Rule {
        let types = self.types.entry(std::ptr::from_ref(types)).or_insert_with(|| Arc::new(types.clone())).clone();
        let schema = self.schemas.entry(std::ptr::from_ref(schema)).or_insert_with(|| Arc::new(schema.clone())).clone();
        Rule { types, schema }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shape {
    Text,
    Int,
    Number,
    Bool,
    List,
    Map,
}

fn shape(kind: &Kind) -> Option<Shape> {
    Some(match kind {
        Kind::Object(_) | Kind::Map(_) => Shape::Map,
        Kind::List { .. } => Shape::List,
        Kind::Text(_) => Shape::Text,
        Kind::Integer { .. } => Shape::Int,
        Kind::Number { .. } => Shape::Number,
        Kind::Bool => Shape::Bool,
        Kind::Free | Kind::Ref(_) => return None,
    })
}

fn shape_of(ty: &Type<'_>) -> Option<Shape> {
    Some(match ty {
        Type::Text => Shape::Text,
        Type::Int => Shape::Int,
        Type::Float => Shape::Number,
        Type::Bool => Shape::Bool,
        Type::List(_) => Shape::List,
        Type::Map | Type::Root(_) | Type::Lookup(_) => Shape::Map,
        Type::Data(types, schema) => return shape(&types.resolve(schema).kind),
        Type::Any | Type::Null | Type::Each | Type::Instance(_) | Type::Several(_) | Type::Instances(_) => return None,
    })
}

/// Whether a value of this schema, or a part of it, is nobody's business.
fn is_secret(types: &TypeSchema, schema: &Schema) -> bool {
    schema.marks.secret || types.resolve(schema).marks.secret
}

fn missing(name: &str, place: &Place, label: &str, schema: &Schema) -> Diagnostic {
    let diagnostic = Diagnostic::error(format!("`{name}` is missing")).at(place, label);
    match &schema.description {
        Some(description) => diagnostic.help(format!("`{name}`: {description}")),
        None => diagnostic.help(format!("write `{name}`: {}", values::describe(&schema.kind))),
    }
}

/// A short place for what may go over many lines.
fn head(node: &Node) -> Range<usize> {
    match &node.kind {
        tree::Kind::Map(entries) => entries.first().map_or_else(|| node.span.clone(), |it| it.span.clone()),
        tree::Kind::List(items) => items.first().map_or_else(|| node.span.clone(), head),
        tree::Kind::Scalar { .. } => node.span.clone(),
    }
}
