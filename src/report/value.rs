//! Plain data as a person reads it: on one line where it fits, else in lines as YAML has them.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::text::{clean, is_hidden, thousands, width};

/// On one line, however long.
pub(super) fn inline(json: &Json) -> String {
    match json {
        Json::String(text) => scalar(text, false),
        _ => flow(json),
    }
}

/// In as few lines as fit the columns. Words and identifiers are never cut.
pub(super) fn lines(json: &Json, columns: usize) -> Vec<String> {
    let json = &*unpacked(json);
    match json {
        Json::String(text) if text.trim_end_matches('\n').contains('\n') => text.lines().map(|line| clean(line).into_owned()).collect(),
        Json::Array(list) if !list.is_empty() && !fits(json, columns) => list
            .iter()
            .flat_map(|item| {
                let lines = lines(item, columns.saturating_sub(2));
                lines.into_iter().enumerate().map(|(n, line)| format!("{}{line}", if n == 0 { "- " } else { "  " }))
            })
            .collect(),
        Json::Object(map) if !map.is_empty() && !fits(json, columns) => {
            map.iter().flat_map(|(key, value)| entry(&scalar(key, true), value, columns)).collect()
        }
        _ => vec![inline(json)],
    }
}

/// The first lines, and how many more there are.
pub(super) fn folded(mut lines: Vec<String>, most: usize) -> Vec<String> {
    if lines.len() > most + 1 {
        let hidden = lines.len() - most;
        lines.truncate(most);
        lines.push(format!("… {} more lines", thousands(hidden)));
    }
    lines
}

/// A document within a text, as policies and dashboards are often written, is shown as data.
fn unpacked(json: &Json) -> Cow<'_, Json> {
    let Json::String(text) = json else { return Cow::Borrowed(json) };
    if !text.trim_start().starts_with(['{', '[']) {
        return Cow::Borrowed(json);
    }
    match serde_json::from_str::<Json>(text) {
        Ok(inner) => Cow::Owned(inner),
        Err(_) => Cow::Borrowed(json),
    }
}

fn entry(key: &str, value: &Json, columns: usize) -> Vec<String> {
    let inner = lines(value, columns.saturating_sub(2));
    match &inner[..] {
        [one] if !matches!(value, Json::Array(list) if !list.is_empty() && one.starts_with("- ")) => vec![format!("{key}: {one}")],
        _ => std::iter::once(format!("{key}:")).chain(inner.iter().map(|line| format!("  {line}"))).collect(),
    }
}

fn fits(json: &Json, columns: usize) -> bool {
    width(&flow(json)) <= columns
}

fn flow(json: &Json) -> String {
    match json {
        Json::String(text) => scalar(text, true),
        Json::Array(list) => format!("[{}]", list.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{}: {}", scalar(key, true), flow(value)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
        _ => json.to_string(),
    }
}

/// Text as it is, in quotes only where it would read as something else.
fn scalar(text: &str, within: bool) -> String {
    let ambiguous = text.is_empty()
        || text.trim() != text
        || matches!(text, "true" | "false" | "null" | "~")
        || text.parse::<f64>().is_ok()
        || text.chars().any(is_hidden)
        || text.starts_with(['(', '"'])
        || (within && (text.contains(", ") || text.contains(": ") || text.contains(['{', '}', '[', ']'])) && !text.contains("${"));
    if ambiguous { format!("\"{}\"", clean(&text.replace('\\', "\\\\").replace('"', "\\\""))) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_show_their_type_without_noise() {
        for (json, expected) in [
            (json!("10.0.0.0/24"), "10.0.0.0/24"),
            (json!("17.10"), "\"17.10\""),
            (json!(17.5), "17.5"),
            (json!("true"), "\"true\""),
            (json!(true), "true"),
            (json!(""), "\"\""),
            (json!("(secret)"), "\"(secret)\""),
            (json!("a\u{1b}[2J"), "\"a\\u{1b}[2J\""),
            (json!(["a", "b, c", 1]), "[a, \"b, c\", 1]"),
            (json!({ "Name": "x y", "e": {} }), "{Name: x y, e: {}}"),
        ] {
            assert_eq!(inline(&json), expected);
        }
    }

    #[test]
    fn what_does_not_fit_gets_lines() {
        let json = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "*" }] });
        let expected =
            ["Version: 2012-10-17", "Statement:", "  - Effect: Allow", "    Action: [s3:GetObject, s3:PutObject]", "    Resource: \"*\""];
        let expected: Vec<_> = expected.iter().map(|it| it.replace("\"*\"", "*")).collect();
        assert_eq!(lines(&json, 50), expected);
        assert_eq!(lines(&Json::String(json.to_string()), 50), expected);
    }

    #[test]
    fn long_ones_are_folded() {
        let lines: Vec<_> = (0..30).map(|n| n.to_string()).collect();
        assert_eq!(folded(lines.clone(), 3), ["0", "1", "2", "… 27 more lines"]);
        assert_eq!(folded(lines.clone(), 29), lines);
    }
}
