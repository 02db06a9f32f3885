//! The same promises through the engine: the example of a type as a stack file, planned and applied after every change of it.

use std::{collections::BTreeSet, fs, sync::Arc};

use infra::{
    address::Address,
    apply::{self, Interrupt, Session},
    cloud::{Clock, Cloud},
    diagnostic::{Diagnostic, Source, any_error},
    plan::{Action, Cause, Note, Reason, Request, Step, decide::Made, diff::properties},
    resource::Id,
    stack::{self, Caller, Settings, Stack},
    state::{MemoryJournal, Record, State},
};
use jiff::Timestamp;
use serde_json::Value as Json;
use tokio::sync::{mpsc, watch};

use super::{
    Conformance, Subject, canonical, example,
    faults::{Layer, hold},
};
use crate::aws::{Aws, types};

impl Conformance {
    /// Lives through the whole life of one resource once more, as part of a stack.
    pub(super) async fn check_as_a_stack(&self, subject: &Subject<'_>) {
        let cloud = Arc::new(Cloud::new(Arc::new(types()), subject.world.clone()));
        let mut stage = Stage::new(subject, cloud, self.extra, None);
        stage.converge("at first").await;

        let mut removed: BTreeSet<_> = self.untried.iter().map(|it| (*it).to_owned()).collect();
        stage.remove_what_is_optional(&mut removed).await;
        for change in self.changes.iter().copied().chain(self.tag_changes(subject)) {
            stage.change(change).await;
        }
        stage.remove_what_is_optional(&mut removed).await;
        for change in self.replacements {
            stage.replace(change).await;
        }
        stage.disappear().await;
        stage.destroy().await;
    }
}

/// A stack with the resource under test in it, and what is recorded of it.
pub(super) struct Stage<'a> {
    subject: &'a Subject<'a>,
    cloud: Arc<Cloud<Aws>>,
    file: Json,
    /// Of the subject.
    address: Address,
    state: State,
    /// What stands between the cloud and the emulator.
    between: Option<Arc<Layer>>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, cloud: Arc<Cloud<Aws>>, extra: &str, between: Option<Arc<Layer>>) -> Self {
        let path = example::path(subject.schema.name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut file: Json = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let resources = file["resources"].as_object_mut().expect("resources by name");
        let of_type = resources.iter().rfind(|(_, it)| it.get(subject.schema.name).is_some());
        let address = Address::new(of_type.expect("the example has a resource of its type").0);
        if !extra.is_empty() {
            let extra: Json = serde_yaml::from_str(extra).expect("the extra resources are YAML");
            resources.extend(extra.as_object().expect("resources by name").clone());
        }
        Self { subject, cloud, file, address, state: State::new("example", "default"), between }
    }

    fn written(&mut self) -> &mut Json {
        &mut self.file["resources"][self.address.as_str()][self.subject.schema.name]
    }

    /// Writes one property into the file, or takes it out.
    fn write(&mut self, name: &str, value: Json) {
        let written = self.written().as_object_mut().expect("properties by name");
        if value.is_null() {
            written.shift_remove(name);
        } else {
            written.insert(name.to_owned(), value);
        }
    }

    /// Writes a change as the table has it; returns the property.
    pub(super) fn write_change(&mut self, change: &str) -> String {
        let change: Json = serde_yaml::from_str(change).unwrap_or_else(|error| panic!("{change}: {error}"));
        let (name, value) = example::single(&change);
        self.write(name, value.clone());
        name.to_owned()
    }

    /// How many of a type are recorded.
    pub(super) fn number_of(&self, type_name: &str) -> usize {
        self.state.resources.values().filter(|it| it.type_name == type_name).count()
    }

    fn record(&self) -> &Record {
        self.state.resources.get(&self.address).expect("the subject is recorded")
    }

    fn id(&self) -> Id {
        self.record().id.clone()
    }

    fn stack(&self) -> Result<Stack, Vec<Diagnostic>> {
        let catalog = &self.cloud.types.catalog;
        // All JSON is YAML.
        let source = Arc::new(Source::new("example.yaml", format!("{:#}\n", self.file)));
        let (file, mut diagnostics) = stack::parse(source, catalog);
        let caller = Some(Caller { account: "123456789012".into(), partition: "aws".into() });
        let settings = Settings { environment: "default".into(), caller, ..Settings::default() };
        let stack = file.and_then(|file| {
            let (stack, found) = stack::resolve(&file, &settings, catalog, &Default::default());
            diagnostics.extend(found);
            stack
        });
        stack.filter(|_| !any_error(&diagnostics)).ok_or(diagnostics)
    }

    async fn plan(&self, request: &Request) -> (Stack, Made) {
        let stack = self.stack().unwrap_or_else(|diagnostics| panic!("{diagnostics:#?} in {:#}", self.file));
        let planned = apply::plan(&self.cloud, &stack, &self.state, request).await;
        let (made, _) = planned.unwrap_or_else(|refusal| panic!("{refusal:#?} for {:#}", self.file));
        (stack, made)
    }

    async fn apply(&mut self, stack: &Stack, made: &Made, request: &Request, when: &str) {
        let journal = MemoryJournal::new();
        let (events, mut told) = mpsc::unbounded_channel();
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let session = Session { cloud: self.cloud.clone(), journal: &journal, events, interrupt, clock: Clock::from(Timestamp::now()) };
        let outcome = apply::run(&session, stack, self.state.clone(), made, request).await;
        drop(session);
        let summary = &outcome.summary;
        if summary.failed + summary.unfinished + summary.skipped > 0 || summary.interrupted || outcome.journal.is_some() {
            let mut events = vec![];
            while let Ok(event) = told.try_recv() {
                events.push(event);
            }
            panic!("{}, {when}: {summary:?}: {events:#?}", self.subject.schema.name);
        }
        let mut replayed = self.state.clone();
        replayed.replay(self.state.serial, &journal.entries()).expect("what is journalled follows from what was recorded");
        assert_eq!(replayed, outcome.state, "{when}: the journal tells what was done");
        assert_eq!(outcome.state.verify(), [""; 0], "{when}");
        assert!(outcome.state.pending.is_empty() && outcome.state.deposed.is_empty(), "{when}: something is left open");
        self.state = outcome.state;
        if let Some(layer) = &self.between {
            layer.calm();
        }
    }

    /// Plans, applies, and then there is nothing left to do; returns the plan.
    pub(super) async fn converge(&mut self, when: &str) -> Made {
        let request = Request { refresh: true, ..Request::default() };
        let (stack, made) = self.plan(&request).await;
        self.apply(&stack, &made, &request, when).await;
        let (_, again) = self.plan(&request).await;
        assert!(again.plan.is_empty(), "{}, {when}: a second plan is not empty: {:#?}", self.subject.schema.name, again.plan);
        assert_eq!(again.plan.notes, [], "{when}");
        let quiet: Vec<_> = again.decisions.iter().flatten().filter(|it| it.quiet).collect();
        assert!(quiet.is_empty(), "{when}: what is recorded is not what is there: {quiet:#?}");
        made
    }

    /// As [`Self::converge`], where nothing but the subject has anything to be done.
    pub(super) async fn converge_alone(&mut self, when: &str) -> (Option<Step>, Vec<Note>) {
        let Made { plan, .. } = self.converge(when).await;
        assert!(plan.steps.iter().all(|it| it.address == self.address) && plan.steps.len() < 2, "{when}: {:#?}", plan.steps);
        (plan.steps.into_iter().next(), plan.notes)
    }

    /// One property is changed in the file; then by somebody else, back to what it was.
    async fn change(&mut self, change: &str) {
        let subject = self.subject;
        let id = self.id();
        let before = subject.ready(&id).await.spec;
        let property = self.write_change(change);
        let (step, _) = self.converge_alone(change).await;
        assert_step(step.as_ref(), Action::Update, &property, &[Cause::File, Cause::Removed], change);
        assert_eq!(self.id(), id, "{change}: it is the same one");

        let now = subject.ready(&id).await.spec;
        let drift = format!("somebody undid `{change}`");
        self.alter(&id, &now, &before, &property).await;
        let schema = &subject.schema.properties[&property].schema;
        if self.written().get(&property).is_none() && schema.default.is_none() {
            let (step, _) = self.converge_alone(&drift).await;
            assert_eq!(step, None, "{drift}: what is not written is nobody's");
            self.alter(&id, &before, &now, &property).await;
        } else {
            let (step, _) = self.converge_alone(&drift).await;
            assert_step(step.as_ref(), Action::Update, &property, &[Cause::Drift], &drift);
        }
    }

    /// Changes one property behind the engine's back.
    async fn alter(&self, id: &Id, from: &Json, to: &Json, property: &str) {
        let now = self.subject.ready(id).await.spec;
        let mut then = now.clone();
        match to.get(property) {
            Some(value) => then[property] = value.clone(),
            None => drop(then.as_object_mut().expect("a spec is an object").remove(property)),
        }
        let changed = BTreeSet::from([property.to_owned()]);
        let done = self.subject.resource.update(self.subject.world, self.subject.update(id, &now, &then, &changed)).await;
        done.unwrap_or_else(|error| panic!("{property} of {id} from {from:#}: {error}"));
    }

    /// Takes out each property that need not be there, but for those in `done`, and puts it back.
    async fn remove_what_is_optional(&mut self, done: &mut BTreeSet<String>) {
        for (name, field) in &self.subject.schema.properties {
            let Some(value) = self.written().get(name).cloned().filter(|_| !field.required && !done.contains(name)) else { continue };
            self.write(name, Json::Null);
            // What the type needs in this case is not optional after all.
            if self.stack().is_ok() {
                done.insert(name.clone());
                let when = format!("without {name}");
                let (step, notes) = self.converge_alone(&when).await;
                let (schema, marks) = (&field.schema, field.schema.marks);
                let kept = Note::Kept { address: self.address.clone(), property: name.clone() };
                assert_eq!(notes.contains(&kept), marks.kept, "{when}: {notes:?}");
                let same = schema.default.as_ref().is_some_and(|it| canonical(schema, Some(it)) == canonical(schema, Some(&value)));
                if marks.unique || marks.kept || same {
                    assert_eq!(step, None, "{when} it stays as it is");
                } else if marks.immutable {
                    self.assert_replaces(step.as_ref(), name, &when);
                } else if step.is_some() || !is_empty(&value) {
                    assert_step(step.as_ref(), Action::Update, name, &[Cause::Removed, Cause::File], &when);
                }
            }
            self.write(name, value);
            self.converge_alone(&format!("with {name} again")).await;
        }
    }

    /// A change that needs a new resource.
    async fn replace(&mut self, change: &str) {
        let old = self.id();
        let property = self.write_change(change);
        let (step, _) = self.converge_alone(change).await;
        self.assert_replaces(step.as_ref(), &property, change);
        let new = self.id();
        let named = self.subject.schema.unique().is_some();
        assert!(named || new != old, "{change}: it is another one");
        if new != old {
            self.subject.gone(&old).await;
        }
    }

    /// A replacement for the sake of this property alone, and for the reason that the schema or else the type gives.
    fn assert_replaces(&self, step: Option<&Step>, property: &str, when: &str) {
        let step = step.unwrap_or_else(|| panic!("{when}: nothing is to be done"));
        assert!(matches!(step.action, Action::Replace | Action::CreateThenDelete), "{when}: {step:#?}");
        assert_eq!(properties(&step.changes).collect::<BTreeSet<_>>(), BTreeSet::from([property]), "{when}: {step:#?}");
        if self.subject.schema.properties[property].schema.marks.immutable {
            assert_eq!(step.reason, Some(Reason::Immutable { properties: vec![property.to_owned()] }), "{when}");
        } else {
            assert!(matches!(step.reason, Some(Reason::Type { .. })), "{when}: {:?}", step.reason);
        }
    }

    /// Somebody else deletes it.
    async fn disappear(&mut self) {
        let (id, applied) = (self.id(), self.record().applied.clone());
        self.subject.delete(&id, &applied).await;
        self.subject.gone(&id).await;
        let (step, _) = self.converge_alone("after it was deleted").await;
        let step = step.expect("it is made again");
        assert_eq!((step.action, step.reason), (Action::Create, Some(Reason::Gone)));
        self.subject.ready(&self.id()).await;
    }

    pub(super) async fn destroy(mut self) {
        let recorded: Vec<_> = self.state.resources.values().map(|it| (it.type_name.clone(), it.id.clone())).collect();
        let request = Request { refresh: true, destroy: true, ..Request::default() };
        let (stack, made) = self.plan(&request).await;
        let all: BTreeSet<_> = self.state.resources.keys().cloned().collect();
        let going: BTreeSet<_> = made.plan.steps.iter().map(|it| it.address.clone()).collect();
        assert_eq!(going, all, "everything is to go");
        self.apply(&stack, &made, &request, "destroy").await;
        assert!(self.state.resources.is_empty() && self.state.outputs.is_empty(), "{:#?}", self.state);
        let _held = hold();
        for (type_name, id) in recorded {
            assert_eq!(Subject::new(self.subject.world, &type_name).read(&id).await, None, "{type_name} {id} is gone");
        }
    }
}

fn assert_step(step: Option<&Step>, action: Action, property: &str, causes: &[Cause], when: &str) {
    let step = step.unwrap_or_else(|| panic!("{when}: nothing is to be done"));
    assert_eq!(step.action, action, "{when}: {step:#?}");
    assert_eq!(properties(&step.changes).collect::<BTreeSet<_>>(), BTreeSet::from([property]), "{when}: {step:#?}");
    assert!(step.changes.iter().all(|it| causes.contains(&it.cause) && !it.replaces), "{when}: {step:#?}");
}

fn is_empty(value: &Json) -> bool {
    value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(serde_json::Map::is_empty)
}
