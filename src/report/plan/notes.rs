//! What a reviewer should know beyond the changes.

use crate::{
    address::Address,
    plan::{Note, Plan},
    report::text::{BAD_BOLD, HINT_BOLD, WARN_BOLD, clean, count, names, paint, wrap},
};

/// So many addresses are named where one sentence speaks of several.
const NAMED: usize = 6;

pub(super) fn text(plan: &Plan, width: usize) -> String {
    let mut text = String::new();
    let mut say = |label: String, what: &str, hint: Option<String>| {
        text.push('\n');
        for (n, line) in wrap(&format!("{label}: {what}"), width).into_iter().enumerate() {
            text.push_str(&format!("{}{line}\n", if n == 0 { "" } else { "  " }));
        }
        if let Some(hint) = hint {
            text.push_str(&format!("  {}: {hint}\n", paint(HINT_BOLD, "hint")));
        }
    };
    let note = || paint(HINT_BOLD, "note");
    let warning = || paint(WARN_BOLD, "warning");

    let (mut protected, mut needed, mut left_out, mut unsettled) = (vec![], vec![], vec![], vec![]);
    for it in &plan.notes {
        match it {
            Note::Protected { address } => protected.push(shown(address)),
            Note::Needed { address } => needed.push(shown(address)),
            Note::Kept { address, property } => {
                let what = format!("{} keeps its {}, which the file no longer has: AWS cannot unset it", shown(address), clean(property));
                say(note(), &what, None);
            }
            Note::Waiting { address, properties } => {
                let properties: Vec<_> = properties.iter().map(|it| clean(it).into_owned()).collect();
                let what = format!(
                    "changes of {} are pending, to be made in its maintenance window: {}",
                    shown(address),
                    names(&properties, properties.len())
                );
                say(note(), &what, None);
            }
            Note::Taken { address, id } => {
                let id = clean(id.as_str());
                let what = format!("{} cannot be created: {id} exists and is not of this stack", shown(address));
                let hint = format!("write `adopt: {id}` beside its type to take it over, or give yours another name");
                say(warning(), &what, Some(hint));
            }
            Note::Unsettled { address } => unsettled.push(shown(address)),
            Note::LeftOut { address } => left_out.push(shown(address)),
        }
    }
    match &protected[..] {
        [] => {}
        [one] => {
            say(warning(), &format!("{one} is protected and stays"), Some(format!("to delete it all the same, name it: --target {one}")));
        }
        [one, ..] => {
            let what = format!("{} are protected and stay", names(&protected, protected.len()));
            say(warning(), &what, Some(format!("to delete one of them all the same, name it: --target {one}")));
        }
    }
    if !needed.is_empty() {
        let (verb, them) = if needed.len() == 1 { ("stays", "it") } else { ("stay", "them") };
        let what = format!("{} {verb} too: what is protected needs {them}", names(&needed, needed.len()));
        say(note(), &what, None);
    }
    if !unsettled.is_empty() {
        let what = format!("an earlier run began to create {}; whether it was created is found out first", names(&unsettled, NAMED));
        say(note(), &what, None);
    }
    if !left_out.is_empty() {
        let verb = if left_out.len() == 1 { "is" } else { "are" };
        let what = format!("{} with changes {verb} left out: {}", count(left_out.len(), "resource"), names(&left_out, NAMED));
        say(note(), &what, None);
    }
    let lost: Vec<_> = plan
        .steps
        .iter()
        .filter(|it| super::loses_data(it))
        .map(|it| format!("{} ({})", shown(&it.address), clean(&it.type_name)))
        .collect();
    if !lost.is_empty() {
        say(paint(BAD_BOLD, "warning"), &format!("the data of {} is lost", names(&lost, 20)), None);
    }
    text
}

fn shown(address: &Address) -> String {
    clean(address.as_str()).into_owned()
}
