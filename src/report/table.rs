//! What is recorded, as tables.

use serde_json::Value as Json;

use super::{
    text::{BAD, BOLD, DIM, WARN, clean, pad, paint, width},
    value,
};
use crate::{
    address::Address,
    state::{Record, State},
};

/// `infra state list`: each resource, its type and id, and what is special about it.
pub fn state_list(state: &State) -> String {
    let mut rows = vec![];
    for (address, record) in &state.resources {
        let remark = if record.complete { String::new() } else { paint(WARN, "half made") };
        rows.push(row(address, &record.type_name, record.id.as_str(), record.location.region.as_deref(), remark));
    }
    for deposed in &state.deposed {
        let (record, remark) = (&deposed.record, paint(WARN, "replaced, to be deleted"));
        rows.push(row(&deposed.address, &record.type_name, record.id.as_str(), record.location.region.as_deref(), remark));
    }
    for pending in state.pending.values() {
        let (region, remark) = (pending.location.region.as_deref(), paint(BAD, "perhaps created"));
        rows.push(row(&pending.address, &pending.type_name, "?", region, remark));
    }
    if rows.is_empty() {
        return format!("{} in {} has no resources\n", clean(&state.stack), clean(&state.environment));
    }
    rows.insert(0, ["ADDRESS", "TYPE", "ID", "REGION", ""].map(|it| paint(BOLD, it)).into());
    aligned(rows)
}

/// `infra state show ADDRESS`: all that is recorded of one.
pub fn state_show(address: &Address, record: &Record, columns: usize) -> String {
    let mut text =
        format!("{}  {}  {}\n", paint(BOLD, &clean(address.as_str())), clean(&record.type_name), paint(DIM, &clean(record.id.as_str())));
    let mut facts = vec![];
    let mut fact = |name: &str, value: &str| facts.push(vec![name.to_owned(), clean(value).into_owned()]);
    for (name, value) in [("region", &record.location.region), ("role", &record.location.role)] {
        if let Some(value) = value {
            fact(name, value);
        }
    }
    fact("created", &record.created.to_string());
    fact("updated", &record.updated.to_string());
    if !record.complete {
        fact("half made", "the next apply finishes it");
    }
    let options = &record.options;
    for (set, name) in [(options.protect, "protect"), (options.retain, "retain"), (options.create_before_destroy, "create_before_destroy")]
    {
        if set {
            fact(name, "true");
        }
    }
    if !record.dependencies.is_empty() {
        fact("needs", &record.dependencies.iter().map(|it| it.address.as_str()).collect::<Vec<_>>().join(", "));
    }
    text.push_str(&aligned(facts).lines().map(|line| format!("  {line}\n")).collect::<String>());
    for (title, values) in [("Properties", &record.applied), ("Outputs", &record.outputs)] {
        if values.as_object().is_some_and(|it| !it.is_empty()) {
            text.push_str(&format!("\n{}\n", paint(BOLD, title)));
            text.push_str(&map(values, columns.saturating_sub(2)).lines().map(|line| format!("  {line}\n")).collect::<String>());
        }
    }
    text
}

/// `infra output`: every output with its value.
pub fn outputs(state: &State, columns: usize) -> String {
    if state.outputs.is_empty() {
        return format!("{} in {} has no outputs\n", clean(&state.stack), clean(&state.environment));
    }
    map(&Json::Object(state.outputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect()), columns)
}

/// `infra output NAME`: the value alone, for scripts. Text as it is, all else as JSON.
pub fn output(value: &Json) -> String {
    match value {
        Json::String(text) => format!("{text}\n"),
        other => format!("{other}\n"),
    }
}

fn row(address: &Address, type_name: &str, id: &str, region: Option<&str>, remark: String) -> Vec<String> {
    [address.as_str(), type_name, id, region.unwrap_or("")].iter().map(|it| clean(it).into_owned()).chain([remark]).collect()
}

/// Names on the left, values on the right, long ones in lines.
fn map(values: &Json, columns: usize) -> String {
    let Some(values) = values.as_object() else { return String::new() };
    let names = values.keys().map(|it| width(&clean(it))).max().unwrap_or(0).min(32);
    let mut text = String::new();
    for (name, value) in values {
        let name = clean(name);
        match &value::lines(value, columns.saturating_sub(names + 2).max(20))[..] {
            [one] if width(&name) <= names => text.push_str(&format!("{}  {one}\n", pad(&name, names))),
            lines => {
                text.push_str(&format!("{name}\n"));
                lines.iter().for_each(|line| text.push_str(&format!("  {line}\n")));
            }
        }
    }
    text
}

/// Cells under each other, two spaces between the widest and the next; columns in which nothing stands are left out.
fn aligned(mut rows: Vec<Vec<String>>) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let below = |rows: &[Vec<String>], column: usize| {
        rows.iter().skip(usize::from(rows.len() > 1)).any(|it| it.get(column).is_some_and(|it| !it.is_empty()))
    };
    let used: Vec<_> = (0..columns).filter(|column| below(&rows, *column)).collect();
    let widths: Vec<_> =
        used.iter().map(|column| rows.iter().filter_map(|it| it.get(*column)).map(|it| width(it)).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &mut rows {
        let cells = used.iter().zip(&widths).map(|(column, width)| pad(row.get(*column).map_or("", String::as_str), *width));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
