//! An [`Expr`] to its value, as far as it is known.
//!
//! What is unknown or secret is carried through: whatever touches an unknown value is unknown, unless the other parts decide it
//! alone, and whatever touches a secret is secret. Failures never show a value.

use std::collections::BTreeMap;

use super::{
    Scope,
    calculate::{Calculation, calculate, hide, plain_text, reveal},
    expression::{Expr, ExprKind, Expression, Fault, Loop, LoopKind, Operator, list},
    frame::{Each, Frame, Group},
    values::describe_value,
};
use crate::{
    address::Address,
    value::{Unknown, Value},
};

/// A value while it is worked with.
#[derive(Clone, Debug)]
enum Val {
    /// With whether it is derived from a secret; a secret itself is here in clear text.
    Data(Value, bool),
    Instance(Address),
    Instances(Vec<Address>),
}

pub(super) struct Evaluation<'a> {
    pub(super) frame: &'a Frame,
    pub(super) each: Option<&'a Each>,
    pub(super) scope: &'a dyn Scope,
    locals: Vec<Val>,
}

type Outcome<T = Val> = Result<T, Box<Fault>>;

fn unknown() -> Value {
    Value::Unknown(Unknown { expression: String::new() })
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(frame: &'a Frame, each: Option<&'a Each>, scope: &'a dyn Scope) -> Self {
        Self { frame, each, scope, locals: vec![] }
    }

    /// The value; what is unknown has no text yet.
    pub(super) fn run(&mut self, expression: &Expression) -> Outcome<Value> {
        self.evaluate(&expression.root)
    }

    pub(super) fn evaluate(&mut self, expr: &Expr) -> Outcome<Value> {
        // Plain references are nearly all that there is.
        match &expr.kind {
            ExprKind::Field { .. } | ExprKind::Known(..) | ExprKind::EachKey | ExprKind::EachValue | ExprKind::Constant(_) => {
                if let Some(value) = self.direct(expr)? {
                    return Ok(value);
                }
            }
            _ => {}
        }
        match self.val(expr)? {
            Val::Data(value, false) => Ok(value),
            Val::Data(value, true) => Ok(hide(value)),
            Val::Instance(_) | Val::Instances(_) => Ok(unknown()),
        }
    }

    fn direct(&mut self, expr: &Expr) -> Outcome<Option<Value>> {
        Ok(match &expr.kind {
            ExprKind::Constant(value) => Some(value.clone()),
            ExprKind::Known(root, name) => Some(self.frame.root(*root).get(name).cloned().unwrap_or_else(unknown)),
            ExprKind::EachKey => Some(self.each.map_or_else(unknown, |it| it.key.clone())),
            ExprKind::EachValue => Some(self.each.map_or_else(unknown, |it| it.value.clone())),
            ExprKind::Field { resource, key, field } => Some(match self.instance(*resource, key.as_deref())? {
                Target::Off => Value::Null,
                Target::Undecided => unknown(),
                Target::On(address) => self.scope.field(&address, field),
            }),
            _ => None,
        })
    }

    /// Which instance is meant.
    fn instance(&mut self, resource: usize, key: Option<&Expr>) -> Outcome<Target> {
        let frame = self.frame;
        let Some(group) = frame.groups.get(resource) else { return Ok(Target::Undecided) };
        match (group, key) {
            (Group::One(Some(address)), None) => Ok(Target::On(address.clone())),
            (Group::One(None), None) => Ok(Target::Off),
            (Group::Several(all), Some(key)) => {
                let wanted = match self.evaluate(key)? {
                    Value::Text(text) => text,
                    Value::Int(number) => number.to_string(),
                    Value::Bool(it) => it.to_string(),
                    Value::Unknown(_) => return Ok(Target::Undecided),
                    other => return Err(fault(key, "instances are picked by their key", format!("is {}", describe_value(&other)))),
                };
                match all.get(&wanted) {
                    Some(Some(address)) => Ok(Target::On(address.clone())),
                    Some(None) => Ok(Target::Off),
                    None => {
                        let keys: Vec<_> = all.keys().map(String::as_str).collect();
                        let mut fault = Fault::new(&key.span, "there is no such instance", "not among the keys of its `for_each`");
                        fault.help = Some(list("its keys", &keys));
                        Err(Box::new(fault))
                    }
                }
            }
            (Group::Generic(address), Some(_)) => Ok(Target::On(address.clone())),
            _ => Ok(Target::Undecided),
        }
    }

    fn val(&mut self, expr: &Expr) -> Outcome {
        if let Some(value) = self.direct(expr)? {
            return Ok(open(value, false));
        }
        match &expr.kind {
            ExprKind::Local(slot) => Ok(self.locals.get(*slot).cloned().unwrap_or_else(|| Val::Data(unknown(), false))),
            ExprKind::Whole(root) => Ok(Val::Data(Value::Map(self.frame.root(*root).clone()), false)),
            ExprKind::Resource(resource) => Ok(match self.frame.groups.get(*resource) {
                Some(Group::One(Some(address))) => Val::Instance(address.clone()),
                Some(Group::One(None)) => Val::Data(Value::Null, false),
                Some(group @ Group::Several(_)) => Val::Instances(group.addresses()),
                _ => Val::Data(unknown(), false),
            }),
            ExprKind::One(resource, key) => Ok(match self.instance(*resource, Some(key))? {
                Target::On(address) => Val::Instance(address),
                Target::Off => Val::Data(Value::Null, false),
                Target::Undecided => Val::Data(unknown(), false),
            }),
            ExprKind::Member { of, field, .. } => Ok(match self.val(of)? {
                Val::Instance(address) => open(self.scope.field(&address, field), false),
                Val::Data(Value::Null, _) => Val::Data(Value::Null, false),
                _ => Val::Data(unknown(), false),
            }),
            ExprKind::Select { of, field, checked } => {
                if let Some(value) = self.look(expr) {
                    return Ok(open(value.clone(), false));
                }
                let (value, secret) = self.data(of)?;
                match value {
                    Value::Null if *checked => Ok(Val::Data(Value::Null, secret)),
                    Value::Map(map) if !map.contains_key(field) && self.grows(of)? => Ok(Val::Data(unknown(), secret)),
                    Value::Map(map) if *checked && !map.contains_key(field) => Ok(Val::Data(Value::Null, secret)),
                    Value::Map(mut map) => match map.remove(field) {
                        Some(value) => Ok(open(value, secret)),
                        None => {
                            let keys: Vec<_> = map.keys().map(String::as_str).collect();
                            let span = expr.span.end.saturating_sub(field.len())..expr.span.end;
                            let fault = Fault::new(&span, format!("there is no `{field}` in it"), "unknown");
                            Err(Box::new(if secret { fault } else { fault.suggest(field, keys, "what there is") }))
                        }
                    },
                    Value::Unknown(_) => Ok(Val::Data(unknown(), secret)),
                    other => Err(fault(of, format!("no `{field}` in it"), format!("is {} and has no fields", describe_value(&other)))),
                }
            }
            ExprKind::Has(of, field) => {
                let (value, secret) = self.data(of)?;
                Ok(match value {
                    Value::Unknown(_) => Val::Data(unknown(), secret),
                    value => Val::Data(Value::Bool(value.get(field).is_some_and(|it| !it.is_null())), secret),
                })
            }
            ExprKind::Index(of, key) => self.index(of, key),
            ExprKind::List(items) => {
                let items = items.iter().map(|it| self.evaluate(it)).collect::<Outcome<_>>()?;
                Ok(Val::Data(Value::List(items), false))
            }
            ExprKind::Map(entries) => {
                let mut map = BTreeMap::new();
                let mut known = true;
                for (key, value) in entries {
                    match self.data(key)? {
                        (Value::Unknown(_), _) => known = false,
                        (_, true) => return Err(fault(key, "a secret cannot be a key", "is secret")),
                        (name, _) => {
                            let name =
                                plain_text(&name).ok_or_else(|| fault(key, "keys are text", format!("is {}", describe_value(&name))))?;
                            map.insert(name, self.evaluate(value)?);
                        }
                    }
                }
                Ok(Val::Data(if known { Value::Map(map) } else { unknown() }, false))
            }
            ExprKind::Not(of) => Ok(match self.truth(of)? {
                (Some(it), secret) => Val::Data(Value::Bool(!it), secret),
                (None, secret) => Val::Data(unknown(), secret),
            }),
            ExprKind::Negate(of) => {
                let (value, secret) = self.data(of)?;
                let negated = match value {
                    Value::Int(it) => {
                        Value::Int(it.checked_neg().ok_or_else(|| fault(of, "a number that is too large", "cannot be negated"))?)
                    }
                    Value::Float(it) => Value::Float(-it),
                    Value::Unknown(_) => unknown(),
                    other => return Err(fault(of, "only numbers can be negated", format!("is {}", describe_value(&other)))),
                };
                Ok(Val::Data(negated, secret))
            }
            ExprKind::And(left, right) => self.logic(left, right, false),
            ExprKind::Or(left, right) => self.logic(left, right, true),
            ExprKind::If(parts) => {
                let [condition, yes, no] = &**parts;
                let (condition, secret) = self.truth(condition)?;
                let Some(condition) = condition else { return Ok(Val::Data(unknown(), secret)) };
                Ok(match self.val(if condition { yes } else { no })? {
                    Val::Data(value, it) => Val::Data(value, it || secret),
                    other => other,
                })
            }
            ExprKind::Binary(operator, left, right) => self.binary(*operator, left, right, expr),
            ExprKind::Coalesce(candidates) => {
                for it in candidates {
                    match self.val(it)? {
                        Val::Data(Value::Null, _) => {}
                        other => return Ok(other),
                    }
                }
                Ok(Val::Data(Value::Null, false))
            }
            ExprKind::Call(function, arguments) => {
                let mut values = Vec::with_capacity(arguments.len());
                let mut secret = false;
                for (n, it) in arguments.iter().enumerate() {
                    let value = match (&it.kind, self.val(it)?) {
                        (_, Val::Data(value, it)) => {
                            secret |= it;
                            value
                        }
                        (ExprKind::Resource(resource), Val::Instances(_)) if n == 0 => match &self.frame.groups[*resource] {
                            Group::Several(all) => {
                                Value::Map(all.iter().filter(|it| it.1.is_some()).map(|it| (it.0.clone(), Value::Null)).collect())
                            }
                            _ => unknown(),
                        },
                        (_, Val::Instances(all)) => Value::List(vec![Value::Null; all.len()]),
                        (_, Val::Instance(_)) => unknown(),
                    };
                    values.push(value);
                }
                if values.iter().any(|it| matches!(it, Value::Unknown(_)) || !function.shallow && it.has_unknown()) {
                    return Ok(Val::Data(unknown(), secret));
                }
                if !function.shallow {
                    for value in &mut values {
                        secret |= value.has_secret();
                        reveal(value);
                    }
                }
                match (function.run)(&values, &self.frame.files) {
                    Ok(value) => Ok(Val::Data(value, secret)),
                    Err(wrong) => {
                        let at = arguments.get(wrong.argument).unwrap_or(expr);
                        let fault = Fault::new(&at.span, format!("`{}` cannot take this", function.name), wrong.why);
                        Err(Box::new(fault.help(format!("{}: {}", function.signature, function.doc))))
                    }
                }
            }
            ExprKind::Loop(it) => self.repeat(it),
            _ => Ok(Val::Data(unknown(), false)),
        }
    }

    /// What a path leads to without copying what it leads through, which may be large.
    fn look(&self, expr: &Expr) -> Option<&'a Value> {
        match &expr.kind {
            ExprKind::Known(root, name) => self.frame.root(*root).get(name),
            ExprKind::EachValue => self.each.map(|it| &it.value),
            ExprKind::Select { of, field, .. } => self.look(of)?.get(field),
            _ => None,
        }
    }

    /// Whether what is missing in it now may be there later.
    fn grows(&mut self, of: &Expr) -> Outcome<bool> {
        let ExprKind::Field { resource, key, field } = &of.kind else { return Ok(false) };
        Ok(match self.instance(*resource, key.as_deref())? {
            Target::On(address) => self.scope.may_grow(&address, field),
            Target::Off | Target::Undecided => false,
        })
    }

    fn index(&mut self, of: &Expr, key: &Expr) -> Outcome {
        if let Some(whole) = self.look(of)
            && let (index, false) = self.data(key)?
        {
            let found = match (whole, &index) {
                (Value::Map(map), index) => plain_text(index).and_then(|it| map.get(&it)),
                (Value::List(items), Value::Int(n)) => usize::try_from(*n).ok().and_then(|it| items.get(it)),
                _ => None,
            };
            if let Some(value) = found {
                return Ok(open(value.clone(), false));
            }
        }
        let whole = self.val(of)?;
        let (index, key_secret) = self.data(key)?;
        let (whole, secret) = match whole {
            Val::Data(value, secret) => (value, secret || key_secret),
            Val::Instances(all) => {
                let found = match index {
                    Value::Int(n) => usize::try_from(n).ok().and_then(|n| all.into_iter().nth(n)),
                    _ => None,
                };
                return found.map(Val::Instance).ok_or_else(|| fault(key, "there is no such item", "outside of the list"));
            }
            Val::Instance(_) => return Ok(Val::Data(unknown(), false)),
        };
        match (whole, index) {
            (Value::Unknown(_), _) | (_, Value::Unknown(_)) => Ok(Val::Data(unknown(), secret)),
            (Value::List(mut items), Value::Int(n)) => match usize::try_from(n).ok().filter(|n| *n < items.len()) {
                Some(n) => Ok(open(items.swap_remove(n), secret)),
                None => Err(fault(key, "there is no such item", format!("the list has {} items, counted from 0", items.len()))),
            },
            (Value::Map(map), Value::Text(name)) if !map.contains_key(&name) && self.grows(of)? => Ok(Val::Data(unknown(), secret)),
            (Value::Map(mut map), index @ (Value::Text(_) | Value::Int(_) | Value::Bool(_))) => {
                let name = plain_text(&index).unwrap_or_default();
                match map.remove(&name) {
                    Some(value) => Ok(open(value, secret)),
                    None => {
                        let mut fault = Fault::new(&key.span, "there is no such entry", "not a key of the map");
                        if !secret {
                            fault.help = Some(list("its keys", &map.keys().map(String::as_str).collect::<Vec<_>>()));
                        }
                        Err(Box::new(fault))
                    }
                }
            }
            (Value::List(_), other) => Err(fault(key, "items are picked by their number", format!("is {}", describe_value(&other)))),
            (Value::Map(_), other) => Err(fault(key, "entries are picked by their key", format!("is {}", describe_value(&other)))),
            (other, _) => Err(fault(of, "nothing can be picked from it", format!("is {}", describe_value(&other)))),
        }
    }

    fn logic(&mut self, left: &Expr, right: &Expr, decides: bool) -> Outcome {
        let (one, secret) = self.truth(left)?;
        if one == Some(decides) {
            return Ok(Val::Data(Value::Bool(decides), secret));
        }
        let (other, also) = self.truth(right)?;
        let secret = secret || also;
        Ok(match (one, other) {
            (_, Some(it)) if it == decides => Val::Data(Value::Bool(decides), secret),
            (Some(_), Some(_)) => Val::Data(Value::Bool(!decides), secret),
            _ => Val::Data(unknown(), secret),
        })
    }

    /// Whether something is true; none where that is not known.
    fn truth(&mut self, expr: &Expr) -> Outcome<(Option<bool>, bool)> {
        match self.data(expr)? {
            (Value::Bool(it), secret) => Ok((Some(it), secret)),
            (Value::Unknown(_), secret) => Ok((None, secret)),
            (other, _) => Err(fault(expr, "neither true nor false", format!("is {}", describe_value(&other)))),
        }
    }

    fn binary(&mut self, operator: Operator, left: &Expr, right: &Expr, expr: &Expr) -> Outcome {
        let (one, other) = (self.val(left)?, self.val(right)?);
        let (one, other, secret) = match (one, other) {
            (Val::Data(one, a), Val::Data(other, b)) => (one, other, a || b),
            // Only null is compared with a resource.
            (Val::Instance(_), Val::Data(Value::Null, _)) | (Val::Data(Value::Null, _), Val::Instance(_)) => {
                return Ok(Val::Data(Value::Bool(operator == Operator::NotEqual), false));
            }
            (Val::Data(key, secret), Val::Instances(_)) if operator == Operator::In => {
                let ExprKind::Resource(resource) = &right.kind else { return Ok(Val::Data(unknown(), secret)) };
                let Group::Several(all) = &self.frame.groups[*resource] else { return Ok(Val::Data(unknown(), secret)) };
                return Ok(match plain_text(&key) {
                    Some(key) => Val::Data(Value::Bool(all.get(&key).is_some_and(Option::is_some)), secret),
                    None => Val::Data(unknown(), secret),
                });
            }
            _ => return Ok(Val::Data(unknown(), false)),
        };
        if let (Operator::Add, Value::List(_), Value::List(_)) = (operator, &one, &other) {
            let (Value::List(mut all), Value::List(more)) = (close(one, secret), close(other, secret)) else {
                return Ok(Val::Data(unknown(), secret));
            };
            all.extend(more);
            return Ok(Val::Data(Value::List(all), false));
        }
        if one.has_unknown() || other.has_unknown() {
            // What is known of two values can already tell them apart, but hardly ever does.
            return Ok(Val::Data(unknown(), secret));
        }
        let secret = secret || one.has_secret() || other.has_secret();
        let (mut one, mut other) = (one, other);
        reveal(&mut one);
        reveal(&mut other);
        calculate(operator, &one, &other).map(|it| Val::Data(it, secret)).map_err(|why| match why {
            Calculation::Types => {
                let label = format!("{} and {}", describe_value(&one), describe_value(&other));
                let fault = Fault::new(&expr.span, "cannot be calculated", label);
                Box::new(match (operator, &one, &other) {
                    (Operator::Add, Value::Text(_), Value::Int(_) | Value::Bool(_) | Value::Float(_)) => {
                        fault.help("make it text: `string(…)`, or write `${…}${…}`")
                    }
                    (_, Value::Text(_), _) | (_, _, Value::Text(_)) => fault.help("make a number of a text with `int(…)`"),
                    _ => fault.help("calculate with numbers, put texts and lists together with `+`"),
                })
            }
            Calculation::Zero => {
                Box::new(Fault::new(&right.span, "a division by zero", "is zero").help("`x == 0 ? … : … / x` leaves the case out"))
            }
            Calculation::Overflow => {
                Box::new(Fault::new(&expr.span, "a number that is too large", "does not fit into 64 bits").help("from -2^63 to 2^63 - 1"))
            }
        })
    }

    fn repeat(&mut self, it: &Loop) -> Outcome {
        let (items, secret) = match self.val(&it.over)? {
            Val::Instances(all) => (all.into_iter().map(Val::Instance).collect::<Vec<_>>(), false),
            Val::Data(Value::List(items), secret) => (items.into_iter().map(|it| open(it, secret)).collect(), secret),
            Val::Data(Value::Map(map), secret) => (map.into_keys().map(|it| Val::Data(Value::Text(it), secret)).collect(), secret),
            Val::Data(Value::Unknown(_), secret) => return Ok(Val::Data(unknown(), secret)),
            Val::Data(other, _) => {
                return Err(fault(&it.over, "a loop over something that is no list", format!("is {}", describe_value(&other))));
            }
            Val::Instance(_) => return Ok(Val::Data(unknown(), false)),
        };
        let mut collected = vec![];
        let mut instances = vec![];
        let (mut count, mut undecided, mut tainted) = (0_usize, false, secret);
        for item in items {
            self.locals.push(item);
            let one = self.once(it);
            let item = self.locals.pop();
            match one? {
                Once::Skip(secret) => tainted |= secret,
                Once::Undecided => undecided = true,
                Once::Value(value) => collected.push(value),
                Once::Item => match item {
                    Some(Val::Instance(address)) => instances.push(address),
                    Some(Val::Data(value, secret)) => collected.push(close(value, secret)),
                    _ => {}
                },
                Once::Holds(secret) => {
                    tainted |= secret;
                    count += 1;
                    if it.kind == LoopKind::Exists {
                        return Ok(Val::Data(Value::Bool(true), tainted));
                    }
                }
                Once::Fails(secret) => {
                    tainted |= secret;
                    if it.kind == LoopKind::All {
                        return Ok(Val::Data(Value::Bool(false), tainted));
                    }
                }
            }
        }
        if undecided {
            return Ok(Val::Data(unknown(), tainted));
        }
        Ok(match it.kind {
            LoopKind::Collect if !instances.is_empty() => Val::Instances(instances),
            // How many there are may tell something of a secret.
            LoopKind::Collect => Val::Data(Value::List(collected), tainted && it.filter.is_some()),
            LoopKind::All => Val::Data(Value::Bool(true), tainted),
            LoopKind::Exists => Val::Data(Value::Bool(false), tainted),
            LoopKind::ExistsOne => Val::Data(Value::Bool(count == 1), tainted),
        })
    }

    fn once(&mut self, it: &Loop) -> Outcome<Once> {
        if let Some(filter) = &it.filter {
            match self.truth(filter)? {
                (Some(true), _) => {}
                (Some(false), secret) => return Ok(Once::Skip(secret)),
                (None, _) => return Ok(Once::Undecided),
            }
        }
        Ok(match (&it.body, it.kind) {
            (None, _) => Once::Item,
            (Some(body), LoopKind::Collect) => Once::Value(self.evaluate(body)?),
            (Some(body), _) => match self.truth(body)? {
                (Some(true), secret) => Once::Holds(secret),
                (Some(false), secret) => Once::Fails(secret),
                (None, _) => Once::Undecided,
            },
        })
    }

    fn data(&mut self, expr: &Expr) -> Outcome<(Value, bool)> {
        Ok(match self.val(expr)? {
            Val::Data(value, secret) => (value, secret),
            _ => (unknown(), false),
        })
    }
}

enum Target {
    On(Address),
    Off,
    Undecided,
}

/// What came of one item of a loop.
enum Once {
    Skip(bool),
    Undecided,
    Value(Value),
    Item,
    Holds(bool),
    Fails(bool),
}

fn fault(expr: &Expr, summary: impl Into<String>, label: impl Into<String>) -> Box<Fault> {
    Box::new(Fault::new(&expr.span, summary, label))
}

/// Takes a value up to work with it; a secret shows its text and stays marked.
fn open(value: Value, secret: bool) -> Val {
    match value {
        Value::Secret(it) => Val::Data(Value::Text(it.reveal().to_owned()), true),
        other => Val::Data(other, secret),
    }
}

/// Puts a value down, to become a part of another.
fn close(value: Value, secret: bool) -> Value {
    if secret { hide(value) } else { value }
}
