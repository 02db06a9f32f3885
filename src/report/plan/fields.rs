//! The properties within a step, and the outputs: before, after, and what is special about each.

use similar::{ChangeTag, TextDiff};

use super::About;
use crate::{
    plan::{Action, Cause, Change, OutputChange, Shown, Step},
    report::{
        text::{BAD, BAD_BOLD, DIM, GOOD, HINT, WARN, clean, pad, paint, width},
        value,
    },
};

const INDENT: usize = 6;
/// Names and old values are aligned up to these widths; longer ones push their line to the right.
const NAME: usize = 32;
const BEFORE: usize = 28;
/// So many lines of a value are shown unless all is asked for.
const LINES: usize = 12;
/// So many equal lines are shown around each line that differs.
const AROUND: usize = 2;

pub(super) fn changes(text: &mut String, step: &Step, about: &About<'_>) {
    if matches!(step.action, Action::Delete | Action::Forget) {
        return;
    }
    let rows: Vec<_> = step.changes.iter().map(|it| Row::of(it, step.action)).collect();
    rows_text(text, &rows, about);
}

pub(super) fn outputs(text: &mut String, outputs: &[OutputChange], about: &About<'_>) {
    let row = |it: &OutputChange| Row {
        name: clean(&it.name).into_owned(),
        before: Some(it.before.clone()).filter(|it| *it != Shown::Absent),
        after: it.after.clone(),
        marks: vec![],
    };
    rows_text(text, &outputs.iter().map(row).collect::<Vec<_>>(), about);
}

struct Row {
    name: String,
    /// None where there was nothing to begin with.
    before: Option<Shown>,
    after: Shown,
    marks: Vec<String>,
}

impl Row {
    fn of(change: &Change, action: Action) -> Self {
        let mut marks = vec![];
        match change.cause {
            Cause::Drift => marks.push(paint(WARN, "changed outside infra")),
            Cause::Removed if change.after == Shown::Absent => marks.push(paint(DIM, "no longer in the file")),
            Cause::Removed => marks.push(paint(DIM, "no longer in the file, back to the default")),
            Cause::Unfinished if action != Action::Create => marks.push(paint(DIM, "not finished by an earlier run")),
            Cause::File | Cause::Reference | Cause::Unfinished => {}
        }
        if change.replaces {
            marks.push(paint(BAD_BOLD, "forces replacement"));
        }
        let fresh = action == Action::Create && change.before == Shown::Absent;
        let before = (!fresh).then(|| change.before.clone());
        Self { name: clean(&change.path.to_string()).into_owned(), before, after: change.after.clone(), marks }
    }

    /// The values where each takes one short line.
    fn on_one_line(&self) -> Option<(Option<String>, String)> {
        let one = |shown: &Shown| match &lines(shown, usize::MAX)[..] {
            [one] => Some(one.clone()),
            _ => None,
        };
        Some((self.before.as_ref().map(one).map_or(Some(None), |it| it.map(Some))?, one(&self.after)?))
    }
}

fn rows_text(text: &mut String, rows: &[Row], about: &About<'_>) {
    let name_width = rows.iter().map(|it| width(&it.name)).filter(|it| *it <= NAME).max().unwrap_or(0);
    let short: Vec<_> = rows.iter().map(Row::on_one_line).collect();
    let before_width = short.iter().flatten().filter_map(|it| it.0.as_deref().map(width)).filter(|it| *it <= BEFORE).max().unwrap_or(0);
    for (row, short) in rows.iter().zip(short) {
        let name = pad(&row.name, name_width);
        let room = about.width.saturating_sub(INDENT + width(&name) + 2);
        let values = short.and_then(|(before, after)| {
            let values = match before {
                Some(before) => format!("{} → {after}", pad(&before, before_width)),
                None => after,
            };
            (width(&values) <= room).then_some(values)
        });
        let marks = row.marks.join(", ");
        match values {
            Some(values) => {
                let line = format!("{:INDENT$}{name}  {values}", "");
                let fits = width(&line) + 2 + width(&marks) <= about.width;
                text.push_str(&line);
                if !marks.is_empty() {
                    let gap = if fits { "  ".to_owned() } else { format!("\n{:w$}", "", w = INDENT + 2) };
                    text.push_str(&format!("{gap}{marks}"));
                }
                text.push('\n');
            }
            None => {
                text.push_str(&format!("{:INDENT$}{}", "", row.name));
                if !marks.is_empty() {
                    text.push_str(&format!("  {marks}"));
                }
                text.push('\n');
                long(text, row, about);
            }
        }
    }
}

/// Values that need lines of their own: as they are where there is only one, else their difference.
fn long(text: &mut String, row: &Row, about: &About<'_>) {
    let columns = about.width.saturating_sub(INDENT + 4);
    let most = if about.full { usize::MAX - 1 } else { LINES };
    let mut put = |line: &str| text.push_str(&format!("{:w$}{line}\n", "", w = INDENT + 2));
    let after = lines(&row.after, columns);
    let Some(before) = &row.before else {
        value::folded(after, most).iter().for_each(|it| put(it));
        return;
    };
    let before = lines(before, columns);
    let mut shown = vec![];
    let (before, after) = (before.join("\n") + "\n", after.join("\n") + "\n");
    let difference = TextDiff::from_lines(&before, &after);
    for (n, group) in difference.grouped_ops(if about.full { usize::MAX / 4 } else { AROUND }).iter().enumerate() {
        if n > 0 || group.first().is_some_and(|it| it.old_range().start > 0) {
            shown.push(paint(DIM, "  …"));
        }
        for change in group.iter().flat_map(|it| difference.iter_changes(it)) {
            let line = change.value().trim_end_matches('\n');
            shown.push(match change.tag() {
                ChangeTag::Equal => format!("  {line}"),
                ChangeTag::Delete => paint(BAD, &format!("- {line}")),
                ChangeTag::Insert => paint(GOOD, &format!("+ {line}")),
            });
        }
    }
    // A difference is what is reviewed: far more of it is shown than of a value that is merely new.
    value::folded(shown, most.saturating_mul(5)).iter().for_each(|it| put(it));
}

fn lines(shown: &Shown, columns: usize) -> Vec<String> {
    match shown {
        Shown::Absent => vec![paint(DIM, "(unset)")],
        Shown::Value(json) => value::lines(json, columns),
        Shown::Unknown(expression) => {
            let expression = clean(expression);
            let expression = if expression.contains("${") { expression.into_owned() } else { format!("${{{expression}}}") };
            vec![paint(HINT, &format!("(after apply: {expression})"))]
        }
        Shown::Secret => vec![paint(DIM, "(secret)")],
        Shown::Unread => vec![paint(DIM, "(not readable)")],
    }
}
