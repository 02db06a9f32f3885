//! What is sent and what is recorded: made of what is wanted, what there is and what was.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::unit::{Failure, Shared, Subject, failed};
use crate::{
    graph::Index,
    plan::{desire::Properties, diff, normal, schedule},
    resource::{AnyLive, Id, World},
    state::{Entry, Record},
    value::Value,
};

impl<W: World> Shared<'_, W> {
    /// What was last applied, with what cannot be read back as it has just been sent. The rest stays: a read has to show that
    /// it is gone.
    pub(super) fn sent(&self, subject: &Subject<'_, W>, desired: &Properties, record: &Record) -> Json {
        let mut applied = record.applied.clone();
        let mut now = normal::recorded(subject.schema, desired, &|it| self.hash(it));
        if let (Json::Object(applied), Json::Object(now)) = (&mut applied, &mut now) {
            normal::send(subject.schema, &subject.schema.properties, applied, now);
        }
        applied
    }

    /// What is sent: what is wanted, what is not ours as it is, what was ours and is no longer wanted left out.
    pub(super) fn to(&self, subject: &Subject<'_, W>, desired: &Properties, live: &AnyLive, record: &Record) -> Result<Json, Failure> {
        let wanted = Value::Map(desired.clone()).reveal().or_else(|unknown| failed(unknown.to_string(), "run the same command again"))?;
        let all = &subject.schema.properties;
        let grown = self.beside(subject, desired, live, record, &BTreeSet::new(), |sides| {
            all.keys().filter(|it| sides.outgrown(it)).collect::<BTreeSet<_>>()
        });
        let mut to = serde_json::Map::new();
        for (name, field) in all {
            let (want, have, was) = (wanted.get(name), live.spec.get(name), record.applied.get(name));
            let value = match (want, have) {
                (_, Some(have)) if grown.contains(name) => Some(have.clone()),
                (Some(Json::Object(want)), Some(Json::Object(have))) if field.schema.marks.shared => {
                    let ours = |key: &String| want.contains_key(key) || was.is_some_and(|it| it.get(key).is_some());
                    let foreign = have.iter().filter(|(key, _)| !ours(key));
                    Some(Json::Object(foreign.chain(want).map(|(key, it)| (key.clone(), it.clone())).collect()))
                }
                (Some(Json::Array(want)), Some(Json::Array(have))) if field.schema.marks.shared => {
                    let ours = |item: &Json| want.contains(item) || was.and_then(Json::as_array).is_some_and(|it| it.contains(item));
                    let foreign = have.iter().filter(|it| !ours(it));
                    Some(Json::Array(foreign.chain(want).cloned().collect()))
                }
                (Some(want), _) => Some(want.clone()),
                (None, have) if was.is_none() || field.schema.marks.kept => have.cloned(),
                (None, _) => None,
            };
            to.extend(value.map(|it| (name.clone(), it)));
        }
        let mut to = Json::Object(to);
        diff::keep_ignored(&subject.ignore, &live.spec, &mut to);
        Ok(to)
    }

    pub(super) fn record(
        &self,
        subject: &Subject<'_, W>,
        id: Id,
        desired: &Properties,
        live: Option<&AnyLive>,
        before: Option<&Record>,
    ) -> Record {
        let now = self.session.clock.now();
        let hash = |it: &str| self.hash(it);
        let mut applied = normal::recorded(subject.schema, desired, &hash);
        // What is ignored may be made of what is not known yet: of that stays what was.
        if let (Json::Object(applied), Some(Json::Object(was))) = (&mut applied, before.map(|it| &it.applied)) {
            for name in desired.iter().filter(|(_, it)| it.has_unknown()).map(|(name, _)| name) {
                applied.remove(name);
                applied.extend(was.get(name).map(|it| (name.clone(), it.clone())));
            }
        }
        Record {
            type_name: subject.resource.name().to_owned(),
            id,
            location: subject.location.clone(),
            applied,
            shown: live.map(|it| normal::shown(subject.schema, desired, &it.spec, &hash)).unwrap_or_default(),
            outputs: live.map_or_else(|| Json::Object(Default::default()), |it| it.outputs.clone()),
            dependencies: self.graph().dependencies(subject.index),
            options: schedule::recorded_options(self.input, subject.index),
            complete: live.is_some(),
            deleting: None,
            created: before.map_or(now, |it| it.created),
            updated: now,
        }
    }

    /// Records anew what stays as it is in the cloud.
    pub(super) async fn quiet(&self, index: Index) -> Result<(), Failure> {
        let subject = self.subject(index)?;
        let (Some(decision), Some(before)) = (&self.decisions[index], self.graph().nodes[index].recorded) else { return Ok(()) };
        let Some(live) = &decision.live else { return Ok(()) };
        let mut record = self.record(&subject, before.id.clone(), &decision.desired, Some(live), Some(before));
        // It shows as it did; where only what is recorded was looked at, nothing is known of that.
        record.shown.extend(before.shown.clone());
        Ok(self.keeper.note(Entry::Recorded { address: subject.address.clone(), record }).await?)
    }
}
