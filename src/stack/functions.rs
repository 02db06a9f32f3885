//! The functions that expressions can call, in one table.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::LazyLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use super::{Files, expression::Type};
use crate::value::Value;

/// A function. All of them can be written as a call, `lower(x)`, and as a method, `x.lower()`.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    /// As shown in help: the name with its arguments.
    pub signature: &'static str,
    pub doc: &'static str,
    arguments: (usize, usize),
    /// Whether it moves parts about without looking into them, so that unknown and secret parts stay only where they are.
    pub(super) shallow: bool,
    /// Whether the first argument may be a resource with `for_each`.
    pub(super) takes_resources: bool,
    returns: Returns,
    pub(super) run: Run,
}

type Run = fn(&[Value], &Files) -> Result<Value, Wrong>;

/// What is wrong with an argument. Never shows its value, which may be secret.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) argument: usize,
    pub(super) why: String,
}

#[derive(Clone, Copy, Debug)]
enum Returns {
    Any,
    Text,
    Int,
    Float,
    Bool,
    List,
    Texts,
    Map,
}

impl Function {
    /// The least and the most arguments.
    pub(super) fn arity(&self) -> (usize, usize) {
        self.arguments
    }

    pub(super) fn result(&self) -> Type<'static> {
        match self.returns {
            Returns::Any => Type::Any,
            Returns::Text => Type::Text,
            Returns::Int => Type::Int,
            Returns::Float => Type::Float,
            Returns::Bool => Type::Bool,
            Returns::List => Type::List(Box::new(Type::Any)),
            Returns::Texts => Type::List(Box::new(Type::Text)),
            Returns::Map => Type::Map,
        }
    }
}

pub(super) fn find(name: &str) -> Option<&'static Function> {
    static BY_NAME: LazyLock<std::collections::HashMap<&'static str, &'static Function>> =
        LazyLock::new(|| FUNCTIONS.iter().map(|it| (it.name, it)).collect());
    BY_NAME.get(name).copied()
}

/// The names of all functions, those that are written as loops included.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.iter().map(|it| it.name).chain(["has", "map", "filter", "all", "exists", "exists_one"])
}

const fn function(
    signature: &'static str,
    doc: &'static str,
    name: &'static str,
    arguments: (usize, usize),
    returns: Returns,
    run: Run,
) -> Function {
    Function { name, signature, doc, arguments, shallow: false, takes_resources: false, returns, run }
}

/// All functions, sorted by name.
pub const FUNCTIONS: &[Function] = &[
    function("base64(text)", "The text in base64.", "base64", (1, 1), Returns::Text, |it, _| {
        Ok(Value::Text(STANDARD.encode(text(it, 0)?)))
    }),
    function("base64_decode(text)", "The text that was put into base64.", "base64_decode", (1, 1), Returns::Text, |it, _| {
        let bytes = STANDARD.decode(text(it, 0)?.trim()).map_err(|_| wrong(0, "is not base64"))?;
        String::from_utf8(bytes).map(Value::Text).map_err(|_| wrong(0, "holds bytes that are no text"))
    }),
    function("bool(x)", "True or false from text.", "bool", (1, 1), Returns::Bool, |it, _| match &it[0] {
        Value::Bool(it) => Ok(Value::Bool(*it)),
        Value::Text(it) if it == "true" || it == "false" => Ok(Value::Bool(it == "true")),
        _ => Err(wrong(0, "is neither `true` nor `false`")),
    }),
    function(
        "cidr_contains(block, other)",
        "Whether a block of addresses holds an address or another block.",
        "cidr_contains",
        (2, 2),
        Returns::Bool,
        |it, _| {
            let block = block(it, 0)?;
            let other = text(it, 1)?;
            let inside = match (other.parse::<IpNet>(), other.parse::<IpAddr>()) {
                (Ok(other), _) => block.contains(&other),
                (_, Ok(other)) => block.contains(&other),
                _ => return Err(wrong(1, "is neither a block of addresses nor an address")),
            };
            Ok(Value::Bool(inside))
        },
    ),
    function(
        "cidr_host(block, number)",
        "The address with this number in a block; a negative number counts from the end.",
        "cidr_host",
        (2, 2),
        Returns::Text,
        |it, _| {
            let (block, number) = (block(it, 0)?, int(it, 1)?);
            let (first, bits) = base(&block);
            let size = 1_u128.checked_shl(bits - u32::from(block.prefix_len())).unwrap_or(u128::MAX);
            let outside = || wrong(1, "is outside of the block");
            let number = match u128::try_from(number) {
                Ok(number) => number,
                Err(_) => size.checked_sub(u128::from(number.unsigned_abs())).ok_or_else(outside)?,
            };
            if number >= size {
                return Err(outside());
            }
            Ok(Value::Text(address(first + number, bits).to_string()))
        },
    ),
    function(
        "cidr_subnet(block, bits, number)",
        "The subnet with this number when a block is cut into subnets whose prefix is that many bits longer.",
        "cidr_subnet",
        (3, 3),
        Returns::Text,
        |it, _| {
            let (block, added, number) = (block(it, 0)?, int(it, 1)?, int(it, 2)?);
            let (first, bits) = base(&block);
            let prefix = u32::try_from(added).ok().map(|it| it.saturating_add(u32::from(block.prefix_len()))).filter(|it| *it <= bits);
            let prefix = prefix.ok_or_else(|| wrong(1, "makes the prefix longer than an address"))?;
            let number = u128::try_from(number).ok().filter(|it| it.checked_shr(added as u32).unwrap_or(0) == 0);
            let number = number.ok_or_else(|| wrong(2, "is more than there are subnets"))?;
            let offset = number.checked_shl(bits - prefix).unwrap_or(0);
            let prefix = u8::try_from(prefix).map_err(|_| wrong(1, "is too large"))?;
            let subnet = IpNet::new(address(first + offset, bits), prefix).map_err(|_| wrong(1, "is too large"))?;
            Ok(Value::Text(subnet.to_string()))
        },
    ),
    Function {
        shallow: true,
        ..function("coalesce(a, b, …)", "The first that is not null.", "coalesce", (1, 20), Returns::Any, |it, _| {
            Ok(it.iter().find(|it| !it.is_null()).cloned().unwrap_or(Value::Null))
        })
    },
    function("contains(text, part)", "Whether a text has this part.", "contains", (2, 2), Returns::Bool, |it, _| {
        Ok(Value::Bool(text(it, 0)?.contains(text(it, 1)?)))
    }),
    function("double(x)", "A number from text or a whole number.", "double", (1, 1), Returns::Float, |it, _| match &it[0] {
        Value::Float(it) => Ok(Value::Float(*it)),
        Value::Int(it) => Ok(Value::Float(*it as f64)),
        Value::Text(it) => {
            it.trim().parse().ok().filter(|it: &f64| it.is_finite()).map(Value::Float).ok_or_else(|| wrong(0, "is no number"))
        }
        _ => Err(wrong(0, "is no number")),
    }),
    function("endsWith(text, end)", "Whether a text ends so.", "endsWith", (2, 2), Returns::Bool, |it, _| {
        Ok(Value::Bool(text(it, 0)?.ends_with(text(it, 1)?)))
    }),
    function("file(path)", "The text of a file, its path relative to the stack file.", "file", (1, 1), Returns::Text, |it, files| {
        files.text(text(it, 0)?).map(Value::Text).map_err(|why| wrong(0, format!("cannot be read: {why}")))
    }),
    function(
        "file_base64(path)",
        "The bytes of a file in base64, its path relative to the stack file.",
        "file_base64",
        (1, 1),
        Returns::Text,
        |it, files| {
            let bytes = files.read(text(it, 0)?).map_err(|why| wrong(0, format!("cannot be read: {why}")))?;
            Ok(Value::Text(STANDARD.encode(bytes)))
        },
    ),
    function("int(x)", "A whole number from text or a number.", "int", (1, 1), Returns::Int, |it, _| match &it[0] {
        Value::Int(it) => Ok(Value::Int(*it)),
        Value::Float(it) if it.abs() < 9.0e18 => Ok(Value::Int(it.trunc() as i64)),
        Value::Text(it) => it.trim().parse().map(Value::Int).map_err(|_| wrong(0, "is no whole number")),
        _ => Err(wrong(0, "is no whole number")),
    }),
    function("join(list, separator)", "The texts of a list in one text.", "join", (1, 2), Returns::Text, |it, _| {
        let separator = if it.len() > 1 { text(it, 1)? } else { "" };
        let parts: Option<Vec<_>> = list(it, 0)?.iter().map(super::calculate::plain_text).collect();
        Ok(Value::Text(parts.ok_or_else(|| wrong(0, "has items that are no text"))?.join(separator)))
    }),
    function("json(x)", "A value as JSON text.", "json", (1, 1), Returns::Text, |it, _| {
        let json = it[0].reveal().map_err(|_| wrong(0, "is not known yet"))?;
        Ok(Value::Text(json.to_string()))
    }),
    Function {
        shallow: true,
        takes_resources: true,
        ..function("keys(map)", "The keys of a map, sorted.", "keys", (1, 1), Returns::Texts, |it, _| {
            Ok(Value::List(map(it, 0)?.keys().map(|it| Value::from(it.as_str())).collect()))
        })
    },
    function("lower(text)", "In small letters.", "lower", (1, 1), Returns::Text, |it, _| Ok(Value::Text(text(it, 0)?.to_lowercase()))),
    function("matches(text, pattern)", "Whether a regular expression is found in a text.", "matches", (2, 2), Returns::Bool, |it, _| {
        let pattern = super::values::pattern(text(it, 1)?).ok_or_else(|| wrong(1, "is no regular expression"))?;
        Ok(Value::Bool(pattern.is_match(text(it, 0)?)))
    }),
    Function {
        shallow: true,
        ..function("merge(map, map, …)", "The entries of several maps; the later ones win.", "merge", (1, 20), Returns::Map, |it, _| {
            let mut merged = std::collections::BTreeMap::new();
            for n in 0..it.len() {
                // Nothing written adds nothing.
                if !it[n].is_null() {
                    merged.extend(map(it, n)?.clone());
                }
            }
            Ok(Value::Map(merged))
        })
    },
    function("parse_json(text)", "The value that a JSON text stands for.", "parse_json", (1, 1), Returns::Any, |it, _| {
        serde_json::from_str::<serde_json::Value>(text(it, 0)?).map(Value::from).map_err(|_| wrong(0, "is not valid JSON"))
    }),
    function("replace(text, old, new)", "A text with each `old` in it replaced.", "replace", (3, 3), Returns::Text, |it, _| {
        Ok(Value::Text(text(it, 0)?.replace(text(it, 1)?, text(it, 2)?)))
    }),
    function("sha256(text)", "The SHA-256 hash of a text, in hexadecimal.", "sha256", (1, 1), Returns::Text, |it, _| {
        let hash = Sha256::digest(text(it, 0)?.as_bytes());
        Ok(Value::Text(hash.iter().map(|it| format!("{it:02x}")).collect()))
    }),
    Function {
        takes_resources: true,
        ..function("size(x)", "How many characters, items or entries there are.", "size", (1, 1), Returns::Int, |it, _| {
            let size = match &it[0] {
                Value::Text(it) => it.chars().count(),
                Value::List(it) => it.len(),
                Value::Map(it) => it.len(),
                _ => return Err(wrong(0, "has no size")),
            };
            Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
        })
    },
    function("split(text, separator)", "The parts of a text between separators.", "split", (2, 2), Returns::Texts, |it, _| {
        let (whole, separator) = (text(it, 0)?, text(it, 1)?);
        if separator.is_empty() {
            return Ok(Value::List(whole.chars().map(|it| Value::Text(it.to_string())).collect()));
        }
        Ok(Value::List(whole.split(separator).map(Value::from).collect()))
    }),
    function("startsWith(text, start)", "Whether a text starts so.", "startsWith", (2, 2), Returns::Bool, |it, _| {
        Ok(Value::Bool(text(it, 0)?.starts_with(text(it, 1)?)))
    }),
    function("string(x)", "A number, true or false as text.", "string", (1, 1), Returns::Text, |it, _| {
        super::calculate::plain_text(&it[0]).map(Value::Text).ok_or_else(|| wrong(0, "has no plain text; use `json`"))
    }),
    function("trim(text)", "Without white space at both ends.", "trim", (1, 1), Returns::Text, |it, _| {
        Ok(Value::from(text(it, 0)?.trim()))
    }),
    function("upper(text)", "In capital letters.", "upper", (1, 1), Returns::Text, |it, _| Ok(Value::Text(text(it, 0)?.to_uppercase()))),
    Function {
        shallow: true,
        ..function("values(map)", "The values of a map, in the order of its keys.", "values", (1, 1), Returns::List, |it, _| {
            Ok(Value::List(map(it, 0)?.values().cloned().collect()))
        })
    },
];

fn wrong(argument: usize, why: impl Into<String>) -> Wrong {
    Wrong { argument, why: why.into() }
}

fn text(arguments: &[Value], n: usize) -> Result<&str, Wrong> {
    arguments[n].as_text().ok_or_else(|| wrong(n, format!("is {}, not text", super::values::describe_value(&arguments[n]))))
}

fn int(arguments: &[Value], n: usize) -> Result<i64, Wrong> {
    match &arguments[n] {
        Value::Int(it) => Ok(*it),
        other => Err(wrong(n, format!("is {}, not a whole number", super::values::describe_value(other)))),
    }
}

fn list(arguments: &[Value], n: usize) -> Result<&[Value], Wrong> {
    arguments[n].as_list().ok_or_else(|| wrong(n, format!("is {}, not a list", super::values::describe_value(&arguments[n]))))
}

fn map(arguments: &[Value], n: usize) -> Result<&std::collections::BTreeMap<String, Value>, Wrong> {
    arguments[n].as_map().ok_or_else(|| wrong(n, format!("is {}, not a map", super::values::describe_value(&arguments[n]))))
}

fn block(arguments: &[Value], n: usize) -> Result<IpNet, Wrong> {
    text(arguments, n)?.parse().map_err(|_| wrong(n, "is no block of addresses such as 10.0.0.0/16"))
}

/// The first address as a number, and how many bits an address has.
fn base(block: &IpNet) -> (u128, u32) {
    match block.network() {
        IpAddr::V4(it) => (u128::from(u32::from(it)), 32),
        IpAddr::V6(it) => (u128::from(it), 128),
    }
}

fn address(number: u128, bits: u32) -> IpAddr {
    if bits == 32 { IpAddr::V4(Ipv4Addr::from(number as u32)) } else { IpAddr::V6(Ipv6Addr::from(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_what_it_has() {
        let names: Vec<_> = FUNCTIONS.iter().map(|it| it.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        for it in FUNCTIONS {
            assert!(it.signature.starts_with(&format!("{}(", it.name)) && it.doc.ends_with('.'), "{}", it.name);
        }
    }
}
