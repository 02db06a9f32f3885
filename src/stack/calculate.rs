//! Operators on data, and what hides and shows the secrets in it.

use std::sync::Arc;

use super::expression::Operator;
use crate::{resource::Secret, value::Value};

/// Hides all that a value tells.
pub(super) fn hide(value: Value) -> Value {
    match value {
        Value::Null | Value::Secret(_) | Value::Unknown(_) => value,
        Value::List(items) => Value::List(items.into_iter().map(hide).collect()),
        Value::Map(map) => Value::Map(map.into_iter().map(|(key, it)| (key, hide(it))).collect()),
        other => Value::Secret(Secret::new(plain_text(&other).unwrap_or_default())),
    }
}

/// Shows the secrets in a value, for a calculation whose result is hidden again.
pub(super) fn reveal(value: &mut Value) {
    match value {
        Value::Secret(secret) => *value = Value::Text(secret.reveal().to_owned()),
        Value::List(items) => items.iter_mut().for_each(reveal),
        Value::Map(map) => map.values_mut().for_each(reveal),
        _ => {}
    }
}

/// A scalar as text; none for what has no plain text.
pub(super) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(it) => Some(it.to_string()),
        Value::Float(it) => Some(it.to_string()),
        Value::Bool(it) => Some(it.to_string()),
        _ => None,
    }
}

/// Why nothing can be calculated.
pub(super) enum Calculation {
    Types,
    Zero,
    Overflow,
}

pub(super) fn calculate(operator: Operator, one: &Value, other: &Value) -> Result<Value, Calculation> {
    use Value::{Float, Int, Text};
    let overflow = |it: Option<i64>| it.map(Int).ok_or(Calculation::Overflow);
    Ok(match (operator, one, other) {
        (Operator::Equal, ..) => Value::Bool(equal(one, other)),
        (Operator::NotEqual, ..) => Value::Bool(!equal(one, other)),
        (Operator::In, key, Value::List(items)) => Value::Bool(items.iter().any(|it| equal(it, key))),
        (Operator::In, key, Value::Map(map)) => Value::Bool(map.contains_key(&plain_text(key).ok_or(Calculation::Types)?)),
        (Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual, ..) => {
            let order = match (one, other) {
                (Text(one), Text(other)) => one.cmp(other),
                (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
                (Int(one), Int(other)) => one.cmp(other),
                _ => number(one).zip(number(other)).and_then(|(one, other)| one.partial_cmp(&other)).ok_or(Calculation::Types)?,
            };
            Value::Bool(match operator {
                Operator::Less => order.is_lt(),
                Operator::LessEqual => order.is_le(),
                Operator::Greater => order.is_gt(),
                _ => order.is_ge(),
            })
        }
        (Operator::Add, Text(one), Text(other)) => Text(format!("{one}{other}")),
        (Operator::Add, Int(one), Int(other)) => overflow(one.checked_add(*other))?,
        (Operator::Subtract, Int(one), Int(other)) => overflow(one.checked_sub(*other))?,
        (Operator::Multiply, Int(one), Int(other)) => overflow(one.checked_mul(*other))?,
        (Operator::Divide | Operator::Remainder, Int(_), Int(0)) => return Err(Calculation::Zero),
        (Operator::Divide, Int(one), Int(other)) => overflow(one.checked_div(*other))?,
        (Operator::Remainder, Int(one), Int(other)) => overflow(one.checked_rem(*other))?,
        (Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide, Int(_) | Float(_), Int(_) | Float(_)) => {
            let (one, other) = number(one).zip(number(other)).ok_or(Calculation::Types)?;
            Float(match operator {
                Operator::Add => one + other,
                Operator::Subtract => one - other,
                Operator::Multiply => one * other,
                _ => one / other,
            })
        }
        _ => return Err(Calculation::Types),
    })
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(it) => Some(*it as f64),
        Value::Float(it) => Some(*it),
        _ => None,
    }
}

fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => number(one) == number(other),
        (Value::List(one), Value::List(other)) => one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other)),
        (Value::Map(one), Value::Map(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.0 == other.0 && equal(one.1, other.1))
        }
        _ => one == other,
    }
}

/// Gives what is unknown the text of the expression that will yield it.
pub(super) fn name_unknown(value: &mut Value, expression: &Arc<str>) {
    match value {
        Value::Unknown(it) if it.expression.is_empty() => it.expression = expression.to_string(),
        Value::List(items) => items.iter_mut().for_each(|it| name_unknown(it, expression)),
        Value::Map(map) => map.values_mut().for_each(|it| name_unknown(it, expression)),
        _ => {}
    }
}
