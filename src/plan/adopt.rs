//! What is taken over: that there is such a thing, that it is nobody's yet, and what has to change on it.

use super::{
    Action,
    decide::{Decision, Fate, Maker, Seen},
    desire::Properties,
};
use crate::{
    diagnostic::Diagnostic,
    resource::{Id, Location},
    stack::Instance,
    state::Record,
    value::Value,
};

impl Maker<'_> {
    pub(super) fn adopt(&self, instance: &Instance, id: &Id, desired: Properties, diagnostics: &mut Vec<Diagnostic>) -> Decision {
        if let Some(found) = self.ours(instance, id) {
            diagnostics.push(found);
            return Decision::stays(desired);
        }
        let Some(Seen { live: Some(live), read }) = self.observed.adopted.get(&instance.address) else {
            diagnostics.push(
                Diagnostic::error(format!("there is no {} `{id}` to adopt", instance.type_name))
                    .at(&instance.place, "adopts it")
                    .help("check the id, the region and the account; without `adopt` a new one is made"),
            );
            return Decision::stays(desired);
        };
        let difference = self.compare(instance, &desired, live, read, &Value::map(), true);
        let immutable: Vec<_> = difference.changes.iter().filter(|it| it.replaces).map(|it| it.path.to_string()).collect();
        if !immutable.is_empty() {
            diagnostics.push(
                Diagnostic::error(format!("`{id}` differs from the file in what cannot be changed: {}", immutable.join(", ")))
                    .at(&instance.place, "would adopt it")
                    .help("write the values that it has, or leave `adopt` out to make a new one"),
            );
        }
        Decision {
            fate: Fate::Stays { updating: true },
            action: Some(Action::Adopt),
            changes: difference.changes,
            live: Some(live.clone()),
            read: read.clone(),
            adopt: Some(id.clone()),
            ..Decision::stays(desired)
        }
    }

    /// Why it cannot be taken over: this stack has it already. Recorded twice, it would be deleted for one of the two.
    fn ours(&self, instance: &Instance, id: &Id) -> Option<Diagnostic> {
        let (name, address) = (instance.type_name, &instance.address);
        let here = |it: &Location| self.is_one_place(it, &instance.options.location);
        let same = |it: &Record| it.type_name == name && it.id == *id && here(&it.location);
        let state = self.input.state;
        let (why, help) = if let Some((recorded, _)) = state.resources.iter().find(|it| same(it.1)) {
            let help = if self.input.stack.resources.contains_key(recorded) {
                format!("remove `{recorded}` from the file first, and write `moved: {{ {recorded}: {address} }}` instead of `adopt`")
            } else {
                format!("to rename it write `moved: {{ {recorded}: {address} }}` instead of `adopt`")
            };
            (format!("is recorded as `{recorded}`"), help)
        } else if let Some(deposed) = state.deposed.iter().find(|it| same(&it.record)) {
            let help = "leave `adopt` out, or choose something else to adopt".to_owned();
            (format!("was replaced at `{}` and is to be deleted", deposed.address), help)
        } else {
            let earlier = self.input.stack.resources.values().take_while(|it| it.address != *address);
            let other = earlier.filter(|it| it.type_name == name && here(&it.options.location));
            let other = other.filter(|it| it.options.adopt.as_ref() == Some(id)).last()?;
            (format!("is adopted by `{}`", other.address), "each needs an id of its own".to_owned())
        };
        Some(
            Diagnostic::error(format!("`{address}` cannot adopt the {name} `{id}`, which {why}"))
                .at(&instance.place, "would adopt it")
                .help(help),
        )
    }
}
