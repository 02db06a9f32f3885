//! An expression with its names resolved, ready to be evaluated as often as there are instances.

use std::ops::Range;

use super::functions::Function;
use crate::{
    resource::schema::{Schema, TypeSchema},
    value::Value,
};

/// One `${…}`.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) root: Expr,
    /// Where its text begins in the file; `None` where YAML changed the text on the way, as in folded blocks.
    pub(super) start: Option<usize>,
    /// The whole scalar that it stands in.
    pub(super) scalar: Range<usize>,
}

impl Expression {
    /// Where a part of it stands in the file, as exactly as can be told.
    pub(super) fn place(&self, span: &Range<usize>) -> Range<usize> {
        self.start.map_or_else(|| self.scalar.clone(), |start| start + span.start..start + span.end)
    }
}

#[derive(Debug)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    /// In bytes of the expression's text.
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) enum ExprKind {
    Constant(Value),
    /// Something is wrong with it and has been reported.
    Broken,
    /// The variable of a surrounding loop, counted from the outermost.
    Local(usize),
    /// One entry of `vars`, `env`, `aws` or `lookup`.
    Known(Root, String),
    /// All entries at once.
    Whole(Root),
    EachKey,
    EachValue,
    /// A resource, or all of its instances.
    Resource(usize),
    /// One instance of several.
    One(usize, Box<Expr>),
    /// `vpc.id`, `subnet["1a"].id`.
    Field {
        resource: usize,
        key: Option<Box<Expr>>,
        field: String,
    },
    /// A field of an instance that a loop variable holds.
    Member {
        of: Box<Expr>,
        resource: usize,
        field: String,
    },
    Select(Box<Expr>, String),
    /// Whether an entry is there: `has(vars.tags.owner)`.
    Has(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    List(Vec<Expr>),
    Map(Vec<(Expr, Expr)>),
    Not(Box<Expr>),
    Negate(Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<[Expr; 3]>),
    Binary(Operator, Box<Expr>, Box<Expr>),
    /// The first that is not null.
    Coalesce(Vec<Expr>),
    Call(&'static Function, Vec<Expr>),
    Loop(Box<Loop>),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Root {
    Vars,
    Env,
    Aws,
    Lookup,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

/// `list.map(x, …)` and its kin.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) over: Expr,
    /// Only items for which this holds.
    pub(super) filter: Option<Expr>,
    pub(super) body: Option<Expr>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    /// With a body `map`, without one `filter`.
    Collect,
}

/// What is known of a value before it is there.
#[derive(Clone, Debug)]
pub(super) enum Type<'a> {
    Any,
    Null,
    Text,
    Int,
    Float,
    Bool,
    List(Box<Self>),
    Map,
    /// As a schema says.
    Data(&'a TypeSchema, &'a Schema),
    Root(Root),
    Each,
    /// What a lookup yields.
    Lookup(Option<&'a TypeSchema>),
    /// A resource that is one, or one instance of several.
    Instance(usize),
    /// All instances of a resource with `for_each`.
    Several(usize),
    /// Some instances.
    Instances(usize),
}

impl Type<'_> {
    /// For a sentence: "is …".
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::Null => "null",
            Self::Text => "text",
            Self::Int => "a whole number",
            Self::Float => "a number",
            Self::Bool => "true or false",
            Self::List(_) => "a list",
            Self::Map | Self::Root(_) | Self::Each | Self::Lookup(_) => "a map",
            Self::Data(types, schema) => super::values::describe(&types.resolve(schema).kind),
            Self::Instance(_) => "a resource",
            Self::Several(_) | Self::Instances(_) => "several resources",
        }
    }

    /// The resource that it is or holds.
    pub(super) fn resource(&self) -> Option<usize> {
        match self {
            Self::Instance(it) | Self::Several(it) | Self::Instances(it) => Some(*it),
            Self::List(item) => item.resource(),
            _ => None,
        }
    }
}

/// What is wrong with a part of an expression.
#[derive(Debug)]
pub(super) struct Fault {
    /// In bytes of the expression's text.
    pub(super) span: Range<usize>,
    pub(super) summary: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
    /// What to write in place of the span.
    pub(super) patch: Option<String>,
    /// What it has to do with, in bytes of the file.
    pub(super) other: Option<(Range<usize>, String)>,
}

impl Fault {
    pub(super) fn new(span: &Range<usize>, summary: impl Into<String>, label: impl Into<String>) -> Self {
        Self { span: span.clone(), summary: summary.into(), label: label.into(), help: None, patch: None, other: None }
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Suggests what is near to what was written, or else lists what there is.
    pub(super) fn suggest<'a>(mut self, written: &str, candidates: impl IntoIterator<Item = &'a str>, what: &str) -> Self {
        let candidates: Vec<_> = candidates.into_iter().collect();
        match crate::diagnostic::nearest(written, candidates.iter().copied()) {
            Some(near) => {
                self.help = Some(format!("did you mean `{near}`?"));
                self.patch = Some(near.to_owned());
            }
            None => self.help = Some(list(what, &candidates)),
        }
        self
    }
}

/// `what: a, b, c`, shortened where there are many.
pub(super) fn list(what: &str, candidates: &[&str]) -> String {
    const SHOWN: usize = 12;
    match candidates {
        [] => format!("there are no {what}"),
        all if all.len() <= SHOWN => format!("{what}: {}", all.join(", ")),
        all => format!("{what}: {}, and {} more", all[..SHOWN].join(", "), all.len() - SHOWN),
    }
}
