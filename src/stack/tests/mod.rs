//! Tables of stack files and what is said of them, with a catalog of a few small types.

mod evaluating;
mod language;
mod mistakes;
mod robustness;
mod world;

use std::collections::BTreeMap;

use self::world::{catalog, source};
use super::*;

/// Diagnostics as plain text: `summary @ line:column` with the labels, the help and the patch.
fn show(diagnostics: &[Diagnostic]) -> String {
    let position = |place: &Place| {
        let before = &place.source.text[..place.span.start];
        let line = before.matches('\n').count() + 1;
        let column = before.len() - before.rfind('\n').map_or(0, |it| it + 1) + 1;
        format!("{line}:{column} {:?}", &place.source.text[place.span.clone()])
    };
    let mut out = String::new();
    for it in diagnostics {
        out += &format!("{}\n", it.summary);
        for label in &it.labels {
            out += &format!("  @ {}: {}\n", position(&label.place), label.text);
        }
        for help in &it.help {
            out += &format!("  help: {help}\n");
        }
        if let Some(patch) = &it.patch {
            out += &format!("  patch {} to {:?}\n", position(&patch.place), patch.replacement);
        }
    }
    out
}

fn settings(environment: &str) -> Settings {
    let caller = Some(Caller { account: "123456789012".into(), partition: "aws".into() });
    Settings { environment: environment.into(), caller, files: Files::new(|path| Err(format!("no {path}"))), ..Settings::default() }
}

/// The stack of a text that is right.
fn stack_with(text: &str, settings: &Settings, found: &BTreeMap<String, Value>) -> Stack {
    let catalog = catalog();
    let (file, diagnostics) = parse(source(text), catalog);
    assert_eq!(show(&diagnostics), "", "{text}");
    let (stack, diagnostics) = resolve(&file.expect("nothing is wrong"), settings, catalog, found);
    assert_eq!(show(&diagnostics), "", "{text}");
    stack.expect("nothing is wrong")
}

fn stack(text: &str) -> Stack {
    stack_with(text, &settings("default"), &BTreeMap::new())
}

/// What parsing and resolving say of a text that is wrong.
fn complaints(text: &str) -> String {
    let catalog = catalog();
    let (file, mut diagnostics) = parse(source(text), catalog);
    if let Some(file) = file {
        diagnostics.extend(resolve(&file, &settings("default"), catalog, &BTreeMap::new()).1);
    }
    for it in &diagnostics {
        assert!(!it.help.is_empty() || it.patch.is_some(), "what to do about it? {}", it.summary);
    }
    show(&diagnostics)
}

/// Outputs and properties by address, for evaluating.
#[derive(Default)]
struct Known(BTreeMap<String, Value>);

impl Known {
    fn with(mut self, of: &str, value: impl Into<Value>) -> Self {
        self.0.insert(of.to_owned(), value.into());
        self
    }
}

impl Scope for Known {
    fn field(&self, target: &Address, field: &str) -> Value {
        self.0.get(&format!("{target}.{field}")).cloned().unwrap_or_else(|| Value::unknown(""))
    }
}

/// The properties of an instance, as text.
fn properties(stack: &Stack, address: &str, scope: &dyn Scope) -> String {
    let (value, diagnostics) = stack.resources[&Address::from(address)].evaluate(scope);
    format!("{}{}", shown(&value), show(&diagnostics))
}

/// A value as text: JSON, with `?` before what is unknown and `secret` before what is.
fn shown(value: &Value) -> String {
    match value {
        Value::Unknown(it) => format!("?{}", it.expression),
        Value::Secret(it) => format!("secret:{}", it.reveal()),
        Value::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Map(map) => {
            format!("{{{}}}", map.iter().map(|(key, it)| format!("{key}: {}", shown(it))).collect::<Vec<_>>().join(", "))
        }
        Value::Text(it) => format!("{it:?}"),
        Value::Null => "null".into(),
        Value::Bool(it) => it.to_string(),
        Value::Int(it) => it.to_string(),
        Value::Float(it) => format!("{it:?}"),
    }
}
