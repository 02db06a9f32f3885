//! A stack file as it was read: checked as far as that does not depend on the environment.

use std::{ops::Range, sync::Arc};

use indexmap::IndexMap;

use super::{
    expression::{Expr, ExprKind},
    template::{Part, PartKind},
};
use crate::{address::Address, diagnostic::Source, value::Value};

/// A stack file that has been read. Cheap to clone.
#[derive(Clone, Debug)]
pub struct File(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) source: Arc<Source>,
    /// Whether nothing was wrong so far.
    pub(super) sound: bool,
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

/// Calls `look` with an expression and each part of it.
pub(super) fn visit(expr: &Expr, look: &mut dyn FnMut(&Expr)) {
    look(expr);
    match &expr.kind {
        ExprKind::One(_, it)
        | ExprKind::Field { key: Some(it), .. }
        | ExprKind::Member { of: it, .. }
        | ExprKind::Select { of: it, .. }
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

/// What a constant part holds.
pub(super) fn constant(part: &Part) -> Option<&Value> {
    match &part.kind {
        PartKind::Value(value) => Some(value),
        _ => None,
    }
}
