//! A value of the file whose expressions are compiled and not yet evaluated.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

use super::{
    Scope, Template,
    calculate::{name_unknown, plain_text},
    evaluate::Evaluation,
    expression::{Expr, ExprKind, Expression, Fault, Root},
    file::visit,
    frame::{Each, Frame},
    values::{self, Misfit, Rule, describe_value},
};
use crate::{
    diagnostic::{Diagnostic, Place, Source},
    resource::{Secret, schema::Kind},
    value::{Path, Segment, Value},
};

/// One value of the file.
#[derive(Debug)]
pub(super) struct Part {
    /// Where to point at: the value if it is on one line, else its key.
    pub(super) place: Range<usize>,
    pub(super) kind: PartKind,
}

#[derive(Debug)]
pub(super) enum PartKind {
    /// It is wrong and has been reported.
    Broken,
    /// Without expressions, already what its schema wants.
    Value(Value),
    /// One expression alone, which keeps its type.
    Expression(Box<Whole>),
    /// Text with expressions in it.
    Text(Box<Mixed>),
    List {
        items: Vec<Part>,
        rule: Option<Rule>,
    },
    Map {
        entries: Vec<(String, Range<usize>, Part)>,
        rule: Option<Rule>,
    },
}

#[derive(Debug)]
pub(super) struct Whole {
    pub(super) expression: Expression,
    pub(super) text: Arc<str>,
    pub(super) rule: Option<Rule>,
}

#[derive(Debug)]
pub(super) struct Mixed {
    pub(super) pieces: Vec<MixedPiece>,
    pub(super) text: Arc<str>,
    pub(super) rule: Option<Rule>,
}

#[derive(Debug)]
pub(super) enum MixedPiece {
    Text(String),
    Expression(Expression),
}

impl Part {
    pub(super) fn value(place: Range<usize>, value: Value) -> Self {
        Self { place, kind: PartKind::Value(value) }
    }

    /// The variables, of all that there are, which its expressions at these places use.
    pub(super) fn variables(&self, all: &[String], places: &dyn Fn(&Path) -> bool) -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        self.expressions(&mut Path::default(), &mut |expression, path| {
            if !places(path) {
                return;
            }
            visit(&expression.root, &mut |it| match &it.kind {
                ExprKind::Known(Root::Vars, name) => {
                    used.insert(name.clone());
                }
                // What is gone through may be made of any of them.
                ExprKind::Whole(Root::Vars) | ExprKind::EachKey | ExprKind::EachValue => used.extend(all.iter().cloned()),
                _ => {}
            });
        });
        used
    }

    /// Calls `visit` with each expression in it and the path where it stands.
    pub(super) fn expressions(&self, path: &mut Path, visit: &mut dyn FnMut(&Expression, &Path)) {
        match &self.kind {
            PartKind::Broken | PartKind::Value(_) => {}
            PartKind::Expression(it) => visit(&it.expression, path),
            PartKind::Text(it) => {
                for piece in &it.pieces {
                    if let MixedPiece::Expression(expression) = piece {
                        visit(expression, path);
                    }
                }
            }
            PartKind::List { items, .. } => {
                for (n, item) in items.iter().enumerate() {
                    path.0.push(Segment::Item(n));
                    item.expressions(path, visit);
                    path.0.pop();
                }
            }
            PartKind::Map { entries, .. } => {
                for (key, _, entry) in entries {
                    path.0.push(Segment::Key(key.clone()));
                    entry.expressions(path, visit);
                    path.0.pop();
                }
            }
        }
    }

    /// Where a part of it stands, or the nearest thing around that part that is in the file.
    pub(super) fn place_of(&self, path: &[Segment]) -> Range<usize> {
        let inner = match (&self.kind, path.first()) {
            (PartKind::Map { entries, .. }, Some(Segment::Key(key))) => entries.iter().find(|it| it.0 == *key).map(|it| &it.2),
            (PartKind::List { items, .. }, Some(Segment::Item(n))) => items.get(*n),
            _ => None,
        };
        inner.map_or_else(|| self.place.clone(), |it| it.place_of(&path[1..]))
    }

    pub(super) fn evaluate(&self, evaluation: &mut Evaluation<'_>, source: &Arc<Source>, out: &mut Vec<Diagnostic>) -> Value {
        match &self.kind {
            PartKind::Broken => Value::unknown("a value that is not valid"),
            PartKind::Value(value) => value.clone(),
            PartKind::Expression(it) => match evaluation.run(&it.expression) {
                Ok(mut value) => {
                    name_unknown(&mut value, &it.text);
                    self.fit(value, it.rule.as_ref(), source, out)
                }
                Err(fault) => {
                    out.push(diagnose(*fault, &it.expression, source));
                    Value::unknown(&*it.text)
                }
            },
            PartKind::Text(it) => {
                let value = mix(it, evaluation, source, out);
                self.fit(value, it.rule.as_ref(), source, out)
            }
            PartKind::List { items, rule } => {
                let all: Vec<_> = items.iter().map(|it| it.evaluate(evaluation, source, out)).filter(|it| !it.is_null()).collect();
                if let Some(Kind::List { min, max, .. }) = rule.as_ref().map(|it| &it.schema.kind)
                    && let Err(misfit) = values::fit_count(all.len(), *min, *max)
                {
                    out.push(self.misfit(misfit, source));
                }
                Value::List(all)
            }
            PartKind::Map { entries, rule } => {
                let mut map = BTreeMap::new();
                for (key, span, entry) in entries {
                    let value = entry.evaluate(evaluation, source, out);
                    if !value.is_null() || rule.is_none() {
                        map.insert(key.clone(), value);
                    } else if let Some(Kind::Object(fields)) = rule.as_ref().map(|it| &it.schema.kind)
                        && fields.get(key).is_some_and(|it| it.required)
                        && !matches!(entry.kind, PartKind::Value(_))
                    {
                        let place = Place { source: source.clone(), span: span.clone() };
                        out.push(
                            Diagnostic::error(format!("`{key}` is required and null here"))
                                .at(&entry.place(source), "is null")
                                .at(&place, "has to be written")
                                .help("null means not written: give a value that is never null, for example with `coalesce(a, b)`"),
                        );
                    }
                }
                Value::Map(map)
            }
        }
    }

    pub(super) fn place(&self, source: &Arc<Source>) -> Place {
        Place { source: source.clone(), span: self.place.clone() }
    }

    fn fit(&self, value: Value, rule: Option<&Rule>, source: &Arc<Source>, out: &mut Vec<Diagnostic>) -> Value {
        let Some(rule) = rule else { return value };
        let mut misfits = vec![];
        let value = values::fit(value, &rule.types, &rule.schema, &Path::default(), &mut misfits);
        let failed = !misfits.is_empty();
        out.extend(misfits.into_iter().map(|it| self.misfit(Misfit { patch: None, ..it }, source)));
        // What is wrong is not also missing.
        if failed && value.is_null() { Value::unknown("a value that is not valid") } else { value }
    }

    fn misfit(&self, misfit: Misfit, source: &Arc<Source>) -> Diagnostic {
        diagnose_misfit(misfit, &self.place(source))
    }
}

/// The text that the pieces make together.
fn mix(it: &Mixed, evaluation: &mut Evaluation<'_>, source: &Arc<Source>, out: &mut Vec<Diagnostic>) -> Value {
    let mut text = String::new();
    let (mut secret, mut unknown) = (false, false);
    for piece in &it.pieces {
        let expression = match piece {
            MixedPiece::Text(literal) => {
                text.push_str(literal);
                continue;
            }
            MixedPiece::Expression(expression) => expression,
        };
        match evaluation.run(expression) {
            Ok(Value::Unknown(_)) => unknown = true,
            Ok(Value::Secret(it)) => {
                secret = true;
                text.push_str(it.reveal());
            }
            Ok(value) => match plain_text(&value) {
                Some(it) => text.push_str(&it),
                None => {
                    unknown = true;
                    let mut fault = Fault::new(
                        &expression.root.span,
                        format!("{} inside a text", describe_value(&value)),
                        format!("is {}", describe_value(&value)),
                    );
                    fault.help = Some(match value {
                        Value::Null => "give it a value, for example with `coalesce(a, b)`".into(),
                        _ => "make it text with `json(…)`, or `join(…, \",\")` for a list".to_owned(),
                    });
                    out.push(diagnose(fault, expression, source));
                }
            },
            Err(fault) => {
                unknown = true;
                out.push(diagnose(*fault, expression, source));
            }
        }
    }
    match (unknown, secret) {
        (true, _) => Value::unknown(&*it.text),
        (false, true) => Value::Secret(Secret::new(text)),
        (false, false) => Value::Text(text),
    }
}

pub(super) fn diagnose(fault: Fault, expression: &Expression, source: &Arc<Source>) -> Diagnostic {
    let place = Place { source: source.clone(), span: expression.place(&fault.span) };
    let mut diagnostic = Diagnostic::error(fault.summary).at(&place, fault.label);
    if let Some((span, label)) = fault.other {
        diagnostic = diagnostic.at(&Place { source: source.clone(), span }, label);
    }
    diagnostic.help.extend(fault.help);
    if let Some(start) = expression.start.filter(|_| fault.escape) {
        return diagnostic.patch(&Place { source: source.clone(), span: start - 2..start }, "$${");
    }
    match fault.patch {
        Some(patch) if expression.start.is_some() => diagnostic.patch(&place, patch),
        _ => diagnostic,
    }
}

pub(super) fn diagnose_misfit(misfit: Misfit, place: &Place) -> Diagnostic {
    let label = if misfit.path.0.is_empty() { misfit.label } else { format!("`{}` of it: {}", misfit.path, misfit.label) };
    let mut diagnostic = Diagnostic::error(misfit.summary).at(place, label);
    diagnostic.help.extend(misfit.help);
    match misfit.patch {
        Some(patch) => diagnostic.patch(place, patch),
        None => diagnostic,
    }
}

/// What a template is evaluated with, besides other resources.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) frame: Arc<Frame>,
    pub(super) source: Arc<Source>,
    pub(super) each: Option<Each>,
}

impl Template {
    /// The value, with `Unknown` for what depends on what is not there yet, and what is wrong with it.
    pub fn evaluate(&self, scope: &dyn Scope) -> (Value, Vec<Diagnostic>) {
        let context = &self.context;
        let mut diagnostics = vec![];
        let mut evaluation = Evaluation::new(&context.frame, context.each.as_ref(), scope);
        let value = self.part.evaluate(&mut evaluation, &context.source, &mut diagnostics);
        (value, diagnostics)
    }

    /// The variables that its parts at these places are made of, be it through other variables.
    pub fn variables(&self, places: &dyn Fn(&Path) -> bool) -> BTreeSet<String> {
        let frame = &self.context.frame;
        let all: Vec<_> = frame.vars.keys().cloned().collect();
        let mut found = BTreeSet::new();
        let mut more: Vec<_> = self.part.variables(&all, places).into_iter().collect();
        while let Some(name) = more.pop() {
            more.extend(frame.made_of.get(&name).into_iter().flatten().filter(|it| !found.contains(*it)).cloned());
            found.insert(name);
        }
        found
    }

    /// Where a part of it stands in the file, or the nearest thing around that part.
    pub fn place_of(&self, path: &Path) -> Place {
        Place { source: self.context.source.clone(), span: self.part.place_of(&path.0) }
    }
}

/// A part of another resource that an expression refers to.
pub(super) struct Use<'e> {
    /// The number of the resource.
    pub(super) resource: usize,
    /// Which of several.
    pub(super) key: Option<&'e Expr>,
    pub(super) field: Option<&'e str>,
    /// In bytes of the expression's text.
    pub(super) span: &'e Range<usize>,
}

/// Calls `visit` with each part of another resource that an expression refers to; `decide` tells which branch is taken, if it can.
pub(super) fn references(expr: &Expr, decide: &mut dyn FnMut(&Expr) -> Option<bool>, visit: &mut dyn FnMut(Use<'_>)) {
    let span = &expr.span;
    let mut pairs: Vec<&Expr> = vec![];
    match &expr.kind {
        ExprKind::Resource(resource) => visit(Use { resource: *resource, key: None, field: None, span }),
        ExprKind::One(resource, key) => {
            visit(Use { resource: *resource, key: Some(key), field: None, span });
            pairs.push(key);
        }
        ExprKind::Field { resource, key, field } => {
            visit(Use { resource: *resource, key: key.as_deref(), field: Some(field), span });
            pairs.extend(key.as_deref());
        }
        ExprKind::Member { of, resource, field } => {
            visit(Use { resource: *resource, key: None, field: Some(field), span });
            pairs.push(of);
        }
        // A branch that is not taken refers to nothing.
        ExprKind::If(parts) => match decide(&parts[0]) {
            Some(true) => pairs.push(&parts[1]),
            Some(false) => pairs.push(&parts[2]),
            None => pairs.extend(parts.iter()),
        },
        ExprKind::Select { of, .. } | ExprKind::Has(of, _) | ExprKind::Not(of) | ExprKind::Negate(of) => pairs.push(of),
        ExprKind::Index(one, other) | ExprKind::And(one, other) | ExprKind::Or(one, other) | ExprKind::Binary(_, one, other) => {
            pairs.extend([&**one, &**other]);
        }
        ExprKind::List(items) | ExprKind::Coalesce(items) | ExprKind::Call(_, items) => pairs.extend(items),
        ExprKind::Map(entries) => pairs.extend(entries.iter().flat_map(|(key, value)| [key, value])),
        ExprKind::Loop(it) => {
            // With a field named inside the loop, the whole group adds nothing.
            let mut named = false;
            for inner in it.filter.iter().chain(&it.body) {
                references(inner, decide, &mut |it| {
                    named |= it.field.is_some();
                    visit(it);
                });
            }
            if !(named && matches!(it.over.kind, ExprKind::Resource(_))) {
                pairs.push(&it.over);
            }
        }
        ExprKind::Constant(_)
        | ExprKind::Broken
        | ExprKind::Local(_)
        | ExprKind::Known(..)
        | ExprKind::Whole(_)
        | ExprKind::EachKey
        | ExprKind::EachValue => {}
    }
    for it in pairs {
        references(it, decide, visit);
    }
}
