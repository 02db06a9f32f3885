//! What the names in an expression stand for, and which fields there are.

use std::ops::Range;

use indexmap::IndexMap;

use super::{
    compile::{Compiler, Typed},
    expression::{Expr, ExprKind, Fault, Root, Type},
};
use crate::{
    resource::schema::{Kind, Schema, TypeSchema},
    value::Value,
};

/// All names of a file that expressions can see.
#[derive(Default)]
pub(super) struct Names<'a> {
    pub(super) resources: IndexMap<String, ResourceName<'a>>,
    pub(super) lookups: IndexMap<String, Option<&'a TypeSchema>>,
    pub(super) vars: IndexMap<String, ()>,
}

pub(super) struct ResourceName<'a> {
    /// None where the type is unknown, which has been reported.
    pub(super) schema: Option<&'a TypeSchema>,
    pub(super) several: bool,
    pub(super) span: Range<usize>,
}

/// What expressions can see from where they stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sight {
    pub(super) lookup: bool,
    pub(super) each: bool,
    pub(super) resources: bool,
    /// Where that is, for a sentence: "in …".
    pub(super) at: &'static str,
}

/// Names that mean something by themselves.
pub(super) const SCOPES: &[&str] = &["vars", "env", "aws", "lookup", "each", "stacks"];
const ENV: &[&str] = &["name", "local", "protect"];
const AWS: &[&str] = &["account_id", "region", "partition"];

impl<'a> Compiler<'a, '_> {
    pub(super) fn root(&mut self, name: &str, span: &Range<usize>) -> Typed<'a> {
        let make = |kind, ty| (Expr { kind, span: span.clone() }, ty);
        if let Some(slot) = self.locals.iter().rposition(|it| it.0 == name) {
            return make(ExprKind::Local(slot), self.locals[slot].1.clone());
        }
        let at = self.sight.at;
        match name {
            "vars" => make(ExprKind::Whole(Root::Vars), Type::Root(Root::Vars)),
            "env" => make(ExprKind::Whole(Root::Env), Type::Root(Root::Env)),
            "aws" => make(ExprKind::Whole(Root::Aws), Type::Root(Root::Aws)),
            "lookup" if self.sight.lookup => make(ExprKind::Whole(Root::Lookup), Type::Root(Root::Lookup)),
            "lookup" => self.fault(
                Fault::new(span, format!("`lookup` cannot be used {at}"), "not known here")
                    .help("nothing is looked up yet where this is needed: `vars`, `env` and `aws` are known"),
            ),
            "each" if self.sight.each => make(ExprKind::Broken, Type::Each),
            "each" => {
                let help = "`each.key` and `each.value` exist beside a `for_each`";
                self.fault(Fault::new(span, "`each` without `for_each`", format!("nothing to iterate over {at}")).help(help))
            }
            "stacks" => self.fault(
                Fault::new(span, "references to other stacks are not supported yet", "another stack").help("use a `lookup` or a variable"),
            ),
            _ => match self.names.resources.get_full(name) {
                Some((index, _, it)) if self.sight.resources => {
                    make(ExprKind::Resource(index), if it.several { Type::Several(index) } else { Type::Instance(index) })
                }
                Some((.., it)) => {
                    let mut fault =
                        Fault::new(span, format!("a resource cannot be referred to {at}"), "not known yet when this is decided");
                    fault.other = Some((it.span.clone(), "this resource".into()));
                    self.fault(fault.help("use `vars`, `env` or `lookup`: they are known before anything runs"))
                }
                None => {
                    let var = self.names.vars.contains_key(name);
                    let fault = Fault::new(span, format!("there is no `{name}`"), "refers to nothing");
                    let resources = self.names.resources.keys().map(String::as_str).filter(|_| self.sight.resources);
                    let locals = self.locals.iter().map(|it| it.0.as_str());
                    let sight = self.sight;
                    let scopes = SCOPES.iter().copied().filter(|it| match *it {
                        "lookup" => sight.lookup,
                        "each" => sight.each,
                        other => other != "stacks",
                    });
                    let candidates: Vec<_> = resources.chain(scopes).chain(locals).collect();
                    let fault = if var {
                        let mut fault = fault.help(format!("write `vars.{name}` for the variable"));
                        fault.patch = Some(format!("vars.{name}"));
                        fault
                    } else {
                        fault.suggest(name, candidates, "names")
                    };
                    self.fault(fault)
                }
            },
        }
    }

    pub(super) fn select(&mut self, (of, ty): Typed<'a>, field: &str, at: &Range<usize>) -> Typed<'a> {
        let span = of.span.start..at.end;
        let unknown = |what: String| Fault::new(at, format!("{what} has no `{field}`"), "unknown");
        match ty {
            Type::Root(root) => {
                let (known, what): (Vec<&str>, _) = match root {
                    Root::Vars => (self.names.vars.keys().map(String::as_str).collect(), "variables"),
                    Root::Env => (ENV.to_vec(), "fields of `env`"),
                    Root::Aws => (AWS.to_vec(), "fields of `aws`"),
                    Root::Lookup => (self.names.lookups.keys().map(String::as_str).collect(), "lookups"),
                };
                if !known.contains(&field) {
                    let summary = match root {
                        Root::Vars => format!("there is no variable `{field}`"),
                        Root::Lookup => format!("there is no lookup `{field}`"),
                        Root::Env => format!("`env` has no `{field}`"),
                        Root::Aws => format!("`aws` has no `{field}`"),
                    };
                    return self.fault(Fault::new(at, summary, "refers to nothing").suggest(field, known, what));
                }
                let ty = match (root, field) {
                    (Root::Lookup, _) => Type::Lookup(self.names.lookups.get(field).copied().flatten()),
                    (Root::Aws, _) | (Root::Env, "name") => Type::Text,
                    (Root::Env, _) => Type::Bool,
                    _ => Type::Any,
                };
                (Expr { kind: ExprKind::Known(root, field.to_owned()), span }, ty)
            }
            Type::Each => match field {
                "key" => (Expr { kind: ExprKind::EachKey, span }, Type::Text),
                "value" => (Expr { kind: ExprKind::EachValue, span }, Type::Any),
                _ => self.fault(unknown("`each`".into()).suggest(field, ["key", "value"], "fields of `each`")),
            },
            Type::Lookup(schema) => {
                let Some(types) = schema else { return (Expr { kind: ExprKind::Broken, span }, Type::Any) };
                match types.outputs.get(field) {
                    Some(it) => (
                        Expr { kind: ExprKind::Select { of: Box::new(of), field: field.to_owned(), checked: true }, span },
                        Type::Data(types, &it.schema),
                    ),
                    None => {
                        let fault = unknown(format!("`{}`", types.name)).suggest(field, types.outputs.keys().map(String::as_str), "fields");
                        self.fault(fault)
                    }
                }
            }
            Type::Instance(resource) => {
                let (name, it) = self.names.resources.get_index(resource).expect("only resources that exist have a number");
                let Some(types) = it.schema else { return (Expr { kind: ExprKind::Broken, span }, Type::Any) };
                let Some(found) = types.outputs.get(field).or_else(|| types.properties.get(field)) else {
                    let known = types.outputs.keys().chain(types.properties.keys()).map(String::as_str);
                    let mut fault = unknown(format!("`{}`", types.name)).suggest(field, known, "fields");
                    fault.other = Some((it.span.clone(), format!("`{name}` is of this type")));
                    return self.fault(fault);
                };
                let kind = match of.kind {
                    ExprKind::Resource(resource) => ExprKind::Field { resource, key: None, field: field.to_owned() },
                    ExprKind::One(resource, key) => ExprKind::Field { resource, key: Some(key), field: field.to_owned() },
                    _ => ExprKind::Member { of: Box::new(of), resource, field: field.to_owned() },
                };
                (Expr { kind, span }, Type::Data(types, &found.schema))
            }
            Type::Several(resource) => {
                let name = self.name_of(resource);
                let help = format!("pick one, `{name}[\"key\"].{field}`, or take all, `{name}.map(it, it.{field})`");
                self.fault(Fault::new(&span, format!("`{name}` is several resources"), "has a `for_each`").help(help))
            }
            Type::Data(types, schema) => match &types.resolve(schema).kind {
                Kind::Object(fields) => match fields.get(field) {
                    Some(it) => (
                        Expr { kind: ExprKind::Select { of: Box::new(of), field: field.to_owned(), checked: true }, span },
                        Type::Data(types, &it.schema),
                    ),
                    None => {
                        let what = format!("`{}`", self.text[of.span.clone()].trim());
                        let fault = unknown(what).suggest(field, fields.keys().map(String::as_str), "fields");
                        self.fault(fault)
                    }
                },
                Kind::Map(item) => (
                    Expr { kind: ExprKind::Select { of: Box::new(of), field: field.to_owned(), checked: false }, span },
                    Type::Data(types, item),
                ),
                Kind::Free => {
                    (Expr { kind: ExprKind::Select { of: Box::new(of), field: field.to_owned(), checked: false }, span }, Type::Any)
                }
                other => {
                    let label = format!("is {} and has no fields", super::values::describe(other));
                    self.fault(Fault::new(&of.span, format!("no `{field}` in it"), label))
                }
            },
            Type::Any | Type::Map => {
                (Expr { kind: ExprKind::Select { of: Box::new(of), field: field.to_owned(), checked: false }, span }, Type::Any)
            }
            other => {
                let label = format!("is {} and has no fields", other.describe());
                self.fault(Fault::new(&of.span, format!("no `{field}` in it"), label))
            }
        }
    }

    pub(super) fn index(&mut self, (of, ty): Typed<'a>, (key, key_type): Typed<'a>, span: Range<usize>) -> Typed<'a> {
        let constant = match &key.kind {
            ExprKind::Constant(Value::Text(it)) => Some(it.clone()),
            _ => None,
        };
        match (ty, constant) {
            (Type::Several(resource), _) => match (key_type, of.kind) {
                (Type::Text | Type::Any | Type::Data(..), ExprKind::Resource(_)) => {
                    (Expr { kind: ExprKind::One(resource, Box::new(key)), span }, Type::Instance(resource))
                }
                (other, _) => {
                    let label = format!("is {}", other.describe());
                    self.fault(
                        Fault::new(&key.span, "instances are picked by their key", label)
                            .help("the keys are those of its `for_each`, as text"),
                    )
                }
            },
            (Type::Instance(resource), _) => {
                let name = self.name_of(resource);
                let help = format!("write `{name}.field` without a key");
                self.fault(Fault::new(&span, format!("`{name}` is one resource"), "has no `for_each`, so no keys").help(help))
            }
            (ty @ (Type::Root(_) | Type::Lookup(_) | Type::Each), Some(field)) => {
                let at = key.span.clone();
                let typed = self.select((of, ty), &field, &at);
                (Expr { span, ..typed.0 }, typed.1)
            }
            (Type::Lookup(_) | Type::Each, None) => {
                self.fault(Fault::new(&key.span, "fields are picked by their name", "not a constant text"))
            }
            (Type::Data(types, schema), constant) => {
                let item: &'a Schema = match (&types.resolve(schema).kind, constant) {
                    (Kind::List { item, .. } | Kind::Map(item), _) => item,
                    (Kind::Object(_), Some(field)) => {
                        let at = key.span.clone();
                        return self.select((of, Type::Data(types, schema)), &field, &at);
                    }
                    (Kind::Free | Kind::Object(_), _) => {
                        return (Expr { kind: ExprKind::Index(Box::new(of), Box::new(key)), span }, Type::Any);
                    }
                    (other, _) => {
                        let label = format!("is {}", super::values::describe(other));
                        return self.fault(Fault::new(&of.span, "nothing can be picked from it", label));
                    }
                };
                (Expr { kind: ExprKind::Index(Box::new(of), Box::new(key)), span }, Type::Data(types, item))
            }
            (Type::Instances(resource), _) => (Expr { kind: ExprKind::Index(Box::new(of), Box::new(key)), span }, Type::Instance(resource)),
            (Type::List(item), _) => (Expr { kind: ExprKind::Index(Box::new(of), Box::new(key)), span }, *item),
            (Type::Any | Type::Map | Type::Root(_), _) => (Expr { kind: ExprKind::Index(Box::new(of), Box::new(key)), span }, Type::Any),
            (other, _) => {
                let label = format!("is {}", other.describe());
                self.fault(Fault::new(&of.span, "nothing can be picked from it", label))
            }
        }
    }

    /// What can stand where data is wanted: a resource is none.
    pub(super) fn value(&mut self, (expr, ty): Typed<'a>) -> Typed<'a> {
        if matches!(ty, Type::Each) {
            return self.fault(Fault::new(&expr.span, "`each` by itself is no value", "write `each.key` or `each.value`"));
        }
        let Some(resource) = ty.resource() else { return (expr, ty) };
        // Looping over instances is fine as long as they do not leave the expression.
        let name = self.name_of(resource).to_owned();
        let fields: Vec<_> =
            self.names.resources[resource].schema.into_iter().flat_map(|it| it.outputs.keys()).map(String::as_str).collect();
        let (label, example) = match ty {
            Type::Instance(_) => {
                ("a whole resource", format!("`{}.{}`", self.text[expr.span.clone()].trim(), fields.first().unwrap_or(&"field")))
            }
            _ => ("several whole resources", format!("`{name}.map(it, it.{})`", fields.first().unwrap_or(&"field"))),
        };
        let fault = Fault::new(&expr.span, format!("`{name}` is a resource and not a value"), label);
        self.fault(fault.help(format!("name one of its fields: {example}; {}", super::expression::list("its outputs", &fields))))
    }
}

/// Words that CEL keeps for itself.
pub(super) fn is_cel_word(word: &str) -> bool {
    const WORDS: &[&str] = &[
        "as",
        "break",
        "const",
        "continue",
        "else",
        "false",
        "for",
        "function",
        "if",
        "import",
        "in",
        "let",
        "loop",
        "namespace",
        "null",
        "package",
        "return",
        "true",
        "var",
        "void",
        "while",
    ];
    WORDS.contains(&word)
}
