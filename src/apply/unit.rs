//! One piece of work on one resource, from its first call to its last entry in the journal.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::Mutex,
    time::Duration,
};

use futures::TryFutureExt as _;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::{
    Event, Interrupt, Session,
    keeper::Keeper,
    recover::{self, Waited, service, with_operation},
    scope::Known,
    silence::{secrets_of, silent},
};
use crate::{
    address::Address,
    cloud::{self, Ended, Pollers, Retry},
    graph::{Graph, Index},
    plan::{
        Action, Change,
        decide::{Decision, Input},
        desire::{self, Name, Properties},
        diff::{self, Sides},
        normal, schedule,
    },
    resource::{AnyLive, AnyResource, AnyUpdate, During, Error, ErrorKind, Facts, Id, Location, Secret, Status, World, schema::TypeSchema},
    stack::Instance,
    state::{Entry, Pending, Record},
    value::{Path, Value},
};

/// Why a piece of work did not come to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// What failed, and what to do about it.
    Failed { error: String, help: Option<String> },
    /// Waiting was given up; the next run goes on from here.
    Interrupted,
    /// Nothing more can be recorded, so that nothing more may be done.
    Journal(io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed { error: error.to_string(), help: help(&error) }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

pub(super) fn failed<T>(error: impl Into<String>, help: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Failed { error: error.into(), help: Some(help.into()) })
}

/// What to do about something that failed.
fn mending(facts: &Facts) -> &'static str {
    if facts.mends { "mend the cause; the next apply tries again" } else { "mend the cause; the next apply replaces it" }
}

fn help(error: &Error) -> Option<String> {
    use ErrorKind::{Bug, Credentials, Throttled, Unanswered, Unavailable, Unreachable};
    let text = match error.kind {
        Credentials => "renew the credentials and run the same command again; what was done is recorded",
        Unreachable => "check the network and the endpoint, then run the same command again",
        Throttled | Unavailable | Unanswered => "AWS did not recover in time; run the same command again",
        Bug => "this is a fault of infra; please report it",
        ErrorKind::Rejected => return None,
    };
    Some(text.to_owned())
}

/// The properties to read: what is wanted, and what was, so that it is seen whether it is gone.
fn asked_for(desired: &Properties, record: &Record) -> BTreeSet<String> {
    let applied = record.applied.as_object().into_iter().flat_map(|it| it.keys());
    desired.keys().chain(applied).cloned().collect()
}

/// What all pieces of work share.
pub(super) struct Shared<'a, W: World> {
    pub session: &'a Session<'a, W>,
    pub keeper: &'a Keeper<'a>,
    pub input: Input<'a>,
    pub decisions: &'a [Option<Decision>],
    pub known: &'a Known,
    pub pollers: &'a Pollers<W>,
    /// For each node the outputs that others refer to without asking for more than that they are there.
    pub needed: Vec<BTreeSet<String>>,
    /// What was read of that which was just made, for its finish.
    pub made: Mutex<BTreeMap<Index, AnyLive>>,
    /// Of what is being tried again what failed last.
    pub troubles: Mutex<BTreeMap<Address, Trouble>>,
}

/// A call that failed in a way that passes.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub error: String,
    /// It would have been made again, had the run not been interrupted.
    pub given_up: bool,
}

/// One resource with all that is known of its type.
pub(super) struct Subject<'a, W: World> {
    pub instance: &'a Instance,
    pub address: &'a Address,
    pub location: &'a Location,
    pub resource: &'static dyn AnyResource<W>,
    pub schema: &'a TypeSchema,
    pub world: W,
    pub index: Index,
    /// What stays as it is, whatever the file says.
    pub ignore: Vec<Path>,
}

impl<'a, W: World> Shared<'a, W> {
    pub(super) fn graph(&self) -> &'a Graph<'a> {
        self.input.graph
    }

    pub(super) fn subject(&self, index: Index) -> Result<Subject<'a, W>, Failure> {
        let node = &self.graph().nodes[index];
        let Some(instance) = node.wanted else { return failed("it is not in the file", "this is a fault of infra; please report it") };
        let types = &self.session.cloud.types;
        let schema = self.input.catalog.schema(instance.type_name);
        let (Some(resource), Some(schema)) = (types.resource(instance.type_name), schema) else {
            return failed(format!("there is no type {}", instance.type_name), "use a newer version of infra");
        };
        let location = &instance.options.location;
        let (world, ignore) = (self.session.cloud.world.at(location), instance.options.ignore_changes.clone());
        Ok(Subject { instance, address: &node.address, location, resource, schema, world, index, ignore })
    }

    /// Makes a call, telling of every repetition.
    pub(super) async fn call<T, F: Future<Output = Result<T, Error>>>(
        &self,
        subject: (&Address, &dyn AnyResource<W>),
        patience: cloud::Patience,
        call: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let (address, resource) = subject;
        let note = |error: &Error, given_up: bool| {
            let trouble = Trouble { error: error.to_string(), given_up };
            self.troubles.lock().expect("nobody panics while holding it").insert(address.clone(), trouble);
        };
        let tell = |retry: Retry<'_>| {
            let Retry { error, attempt, pause } = retry;
            note(error, false);
            self.session.tell(Event::Retrying { address: address.clone(), error: error.to_string(), attempt, pause });
        };
        let mut interrupt = self.session.interrupt.clone();
        let stop = async {
            if interrupt.wait_for(|it| *it >= Interrupt::Stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let result = self.session.cloud.call_until(service(resource.name()), resource.facts(), patience, &tell, stop, call).await;
        match &result {
            Ok(_) => _ = self.troubles.lock().expect("nobody panics while holding it").remove(address),
            Err(Ended::Stopped(error)) => note(error, true),
            Err(Ended::Failed(_)) => {}
        }
        result.map_err(Ended::into_error)
    }

    /// What failed last of something that is not done.
    pub(super) fn trouble(&self, address: &Address) -> Option<Trouble> {
        self.troubles.lock().expect("nobody panics while holding it").get(address).cloned()
    }

    /// What the next read says; given up when an interrupt asks for it.
    async fn read(
        &self,
        type_name: &str,
        location: &Location,
        id: &Id,
        wanted: &BTreeSet<String>,
        due: Instant,
    ) -> Result<Option<AnyLive>, Failure> {
        let mut interrupt = self.session.interrupt.clone();
        tokio::select! {
            biased;
            Ok(_) = interrupt.wait_for(|it| *it >= Interrupt::Stop) => Err(Failure::Interrupted),
            live = self.pollers.next(type_name, location, id, wanted, due) => Ok(live?),
        }
    }

    pub(super) fn hash(&self, text: &str) -> String {
        self.input.state.hash(text)
    }

    /// Creates a resource and waits until what others need of it is there.
    pub(super) async fn make(&self, index: Index) -> Result<(), Failure> {
        let subject = self.subject(index)?;
        let decision = self.decisions[index].as_ref();
        let before = self.graph().nodes[index].recorded.map(|it| &it.id);
        if let Some(id) = before.filter(|_| decision.is_some_and(|it| it.gone)) {
            self.keeper.note(Entry::Deleted { address: subject.address.clone(), id: id.clone() }).await?;
        }
        let replaces = decision.is_some_and(|it| matches!(it.action, Some(Action::Replace | Action::CreateThenDelete)));
        let new_name = Name::After(before.filter(|_| replaces));
        let desired = self.desire(&subject, &new_name)?;
        // Late properties are written by the finish: others may not be there yet.
        let late = |name: &str| subject.schema.properties.get(name).is_some_and(|it| it.schema.marks.late);
        let early: Properties = desired.iter().filter(|(name, _)| !late(name)).map(|(name, it)| (name.clone(), it.clone())).collect();
        let sent = self.open(&subject, &new_name, &desired).await?;
        let secrets = secrets_of(&sent);
        let spec = Value::Map(sent.into_iter().filter(|(name, _)| !late(name)).collect())
            .reveal()
            .or_else(|unknown| failed(unknown.to_string(), "this is a fault of infra; please report it"))?;
        let name = desire::locate(subject.resource, subject.schema, &early);
        if let Some(name) = &name {
            self.must_be_free(&subject, name).await?;
        }
        let unset = subject.resource.unset(&spec)?;
        let set: Properties = early.into_iter().filter(|(name, _)| !unset.contains(&name.as_str())).collect();
        let operation = uuid::Uuid::new_v4().simple().to_string();
        let pending = Pending {
            address: subject.address.clone(),
            type_name: subject.resource.name().to_owned(),
            location: subject.location.clone(),
            free: name.is_some(),
            name,
            applied: normal::recorded(subject.schema, &set, &|it| self.hash(it)),
            dependencies: self.graph().dependencies(index),
            options: schedule::recorded_options(self.input, index),
            begun: self.session.clock.now(),
        };
        self.keeper.note(Entry::Creating { operation: operation.clone(), pending: pending.clone() }).await?;
        let id = self.create(&subject, &operation, &pending, &spec, &secrets).await?;
        self.keeper.note(Entry::Created { operation, id: id.clone(), at: self.session.clock.now() }).await?;
        let live = self.appear(&subject, &id, &desired).await?;
        self.known.publish(subject.address, id, live.outputs.clone(), desired, live.status == Status::Ready);
        self.made.lock().expect("nobody panics while holding it").insert(index, live);
        Ok(())
    }

    /// What has the name that is to be made must be gone, or on its way out.
    async fn must_be_free(&self, subject: &Subject<'_, W>, name: &Id) -> Result<(), Failure> {
        let waited = Waited::begin();
        let mut due = Instant::now();
        loop {
            match self.read(subject.resource.name(), subject.location, name, &BTreeSet::new(), due).await? {
                None => return Ok(()),
                Some(AnyLive { status: Status::Deleting(_), .. }) if waited.so_far() < subject.resource.facts().timeout.delete => {
                    due = waited.next();
                }
                Some(_) => {
                    return failed(
                        format!("there is a {} named `{name}` already, and it is not this stack's", subject.resource.name()),
                        format!("to take it over, write `adopt: {name}` beside its type; otherwise choose another name"),
                    );
                }
            }
        }
    }

    /// Calls the create until its outcome is certain; never again while it may have had its effect.
    async fn create(
        &self,
        subject: &Subject<'_, W>,
        operation: &str,
        pending: &Pending,
        spec: &Json,
        secrets: &[Secret],
    ) -> Result<Id, Failure> {
        let facts = subject.resource.facts();
        let spec = with_operation(spec.clone(), subject.schema.tags(), operation);
        let mut uncertain = false;
        for attempt in 1.. {
            let call = || subject.resource.create(&subject.world, &spec, operation).map_err(|it| silent(it, secrets));
            let error = match self.call((subject.address, subject.resource), cloud::Patience::Once, call).await {
                Ok(id) => return Ok(id),
                Err(error) => error,
            };
            if !error.maybe_executed() && !uncertain {
                self.keeper.note(Entry::NotCreated { operation: operation.to_owned() }).await?;
                return Err(error.into());
            }
            uncertain = true;
            let waited = Waited::begin();
            loop {
                let known = self.keeper.look(|state| recover::known(state, subject.resource.name()));
                let asked = waited.so_far();
                if let Some((id, how)) = recover::look_for(&self.session.cloud, subject.resource, operation, pending, &known).await? {
                    self.session.tell(Event::Recovered { address: subject.address.clone(), id: id.clone(), how });
                    return Ok(id);
                }
                // A token makes the repetition safe; without one it must be certain that there is nothing.
                if (facts.token && error.maybe_executed()) || asked >= self.session.cloud.visible_within(facts) {
                    break;
                }
                self.pause(&waited).await?;
            }
            if !error.maybe_executed() || attempt >= recover::CREATES {
                // Certainly nothing: it was looked for longer than it could have hidden.
                if !facts.token {
                    self.keeper.note(Entry::NotCreated { operation: operation.to_owned() }).await?;
                }
                return Err(error.into());
            }
        }
        unreachable!("the loop ends by returning")
    }

    async fn pause(&self, waited: &Waited) -> Result<(), Failure> {
        let mut interrupt = self.session.interrupt.clone();
        tokio::select! {
            Ok(_) = interrupt.wait_for(|it| *it >= Interrupt::Stop) => Err(Failure::Interrupted),
            () = tokio::time::sleep_until(waited.next()) => Ok(()),
        }
    }

    /// Waits until a new resource can be read, with all that others refer to.
    async fn appear(&self, subject: &Subject<'_, W>, id: &Id, desired: &Properties) -> Result<AnyLive, Failure> {
        let facts = subject.resource.facts();
        let needed = &self.needed[subject.index];
        let wanted: BTreeSet<String> = desired.keys().cloned().collect();
        let timeout = subject.instance.options.timeouts.create.unwrap_or(facts.timeout.create);
        let waited = Waited::begin();
        let mut due = Instant::now();
        let mut told = String::new();
        loop {
            let asked = waited.so_far();
            match self.read(subject.resource.name(), subject.location, id, &wanted, due).await? {
                None if asked >= self.session.cloud.visible_within(facts) => {
                    return failed(
                        format!("`{id}` was created and cannot be found"),
                        "it may have been deleted by someone else; run the same command again",
                    );
                }
                None => {}
                Some(AnyLive { status: Status::Failed(why), .. }) => {
                    return failed(format!("`{id}` failed: {why}"), mending(facts));
                }
                Some(live) => {
                    let missing = needed.iter().find(|it| live.outputs.get(it.as_str()).is_none() && live.status != Status::Ready);
                    let Some(missing) = missing else { return Ok(live) };
                    if let Status::UpdateFailed(why) = &live.status {
                        return failed(format!("`{id}` has no `{missing}`: {why}"), "mend the cause, and run the same command again");
                    }
                    if waited.so_far() >= timeout {
                        return failed(
                            format!("`{id}` has no `{missing}` after {} s", timeout.as_secs()),
                            "allow more with `timeouts: { create: … }`",
                        );
                    }
                    self.waiting(subject.address, &live.status, &mut told);
                }
            }
            due = waited.next();
        }
    }

    fn waiting(&self, address: &Address, status: &Status, told: &mut String) {
        let text = match status {
            Status::Pending(text) | Status::Deleting(text) | Status::Failed(text) | Status::UpdateFailed(text) => text,
            Status::Ready => return,
        };
        if text != told {
            told.clone_from(text);
            self.session.tell(Event::Waiting { address: address.clone(), status: text.clone() });
        }
    }

    /// Writes what could not be written before, and waits until the resource is usable.
    pub(super) async fn finish(&self, index: Index) -> Result<(), Failure> {
        let live = self.made.lock().expect("nobody panics while holding it").remove(&index);
        let mut subject = self.subject(index)?;
        // A new one gets what the file says, also what its create call did not take.
        let immutable = |name: &str| subject.schema.properties.get(name).is_some_and(|it| it.schema.marks.immutable);
        subject.ignore.retain(|it| it.0.len() > 1 || it.property().is_some_and(immutable));
        let live = match live {
            Some(live) => live,
            None => return failed("it was not made before", "this is a fault of infra; please report it"),
        };
        let timeout = subject.instance.options.timeouts.create.unwrap_or(subject.resource.facts().timeout.create);
        self.bring(&subject, live, timeout, true).await
    }

    /// Changes what there is, or takes it over.
    pub(super) async fn change(&self, index: Index) -> Result<(), Failure> {
        let subject = self.subject(index)?;
        let Some(decision) = &self.decisions[index] else { return Ok(()) };
        if let Some(id) = &decision.adopt {
            let record = self.record(&subject, id.clone(), &Properties::new(), None, None);
            self.keeper.note(Entry::Recorded { address: subject.address.clone(), record }).await?;
        }
        let Some(record) = self.keeper.look(|state| state.resources.get(subject.address).cloned()) else {
            return failed("it is not recorded", "this is a fault of infra; please report it");
        };
        let live = match &decision.live {
            Some(live) if self.input.request.refresh => live.clone(),
            // What is recorded was believed so far; a change starts from what there is.
            _ => {
                let wanted = asked_for(&decision.desired, &record);
                match self.read(subject.resource.name(), subject.location, &record.id, &wanted, Instant::now()).await? {
                    Some(live) => live,
                    None => return failed(format!("`{}` is gone", record.id), "run again without --refresh=false"),
                }
            }
        };
        let timeout = subject.instance.options.timeouts.update.unwrap_or(subject.resource.facts().timeout.update);
        self.bring(&subject, live, timeout, false).await
    }

    /// Brings what there is to what is wanted, waits until it is usable, and records it.
    async fn bring(&self, subject: &Subject<'_, W>, mut live: AnyLive, timeout: Duration, new: bool) -> Result<(), Failure> {
        let Some(record) = self.keeper.look(|state| state.resources.get(subject.address).cloned()) else {
            return failed("it is not recorded", "this is a fault of infra; please report it");
        };
        let desired = self.desire(subject, &Name::Kept(&record))?;
        let wanted = asked_for(&desired, &record);
        // What was just made has what it was sent.
        let made = Record { complete: new || record.complete, ..record.clone() };
        let changes = self.compare(subject, &desired, &live, &made, &wanted);
        if let Some(change) = changes.iter().find(|it| it.replaces) {
            let help = if new { "this is what AWS made of the value; write it that way" } else { "make a new plan" };
            return failed(format!("`{}` would have to change, which needs a replacement that was not planned", change.path), help);
        }
        if Value::Map(desired.clone()).has_unknown() {
            return failed("a value it needs is still unknown", "run the same command again");
        }
        let changed: BTreeSet<String> = diff::properties(&changes).map(str::to_owned).collect();
        let mut opened = desired.clone();
        let before = live.status.clone();
        if !changed.is_empty() || (subject.resource.facts().mends && matches!(before, Status::Failed(_))) {
            self.keeper.note(Entry::Updating { address: subject.address.clone() }).await?;
            opened = self.open(subject, &Name::Kept(&record), &desired).await?;
            let to = self.to(subject, &opened, &live, &record)?;
            let secrets = secrets_of(&opened);
            let update = || {
                let update = AnyUpdate { id: &record.id, from: &live.spec, to: &to, changed: &changed };
                subject.resource.update(&subject.world, update).map_err(|it| silent(it, &secrets))
            };
            self.call((subject.address, subject.resource), cloud::Patience::Repeatable(During::Update), update).await?;
        }
        let waited = Waited::begin();
        let (mut due, mut told) = (Instant::now(), String::new());
        let mut fresh = changed.is_empty();
        let sent = Record { applied: self.sent(subject, &opened, &record), complete: true, ..record.clone() };
        if fresh {
            live.status = subject.resource.settled(&self.to(subject, &opened, &live, &record)?, &live);
        }
        while !fresh || live.status != Status::Ready {
            self.waiting(subject.address, &live.status, &mut told);
            let asked = waited.so_far();
            match self.read(subject.resource.name(), subject.location, &record.id, &wanted, due).await? {
                Some(it) => live = it,
                None if asked >= self.session.cloud.visible_within(subject.resource.facts()) => {
                    return failed(format!("`{}` is gone", record.id), "someone else deleted it; run the same command again");
                }
                None => {}
            }
            // A read just after a change may still show what was before; what cannot be read is as it was sent.
            let late = asked >= Duration::from_secs(10);
            fresh = late || self.compare(subject, &opened, &live, &sent, &wanted).is_empty();
            if fresh {
                live.status = subject.resource.settled(&self.to(subject, &opened, &live, &record)?, &live);
            }
            // What failed before may show until the change of it does.
            if let Status::UpdateFailed(why) = &live.status
                && (late || live.status != before)
            {
                return failed(format!("the change of `{}` failed: {why}", record.id), "mend the cause; the next apply changes it again");
            }
            if let Status::Failed(why) = &live.status
                && (late || live.status != before)
            {
                return failed(format!("`{}` failed: {why}", record.id), mending(subject.resource.facts()));
            }
            if waited.so_far() >= timeout {
                return failed(
                    format!(
                        "`{}` is not usable after {} s{}",
                        record.id,
                        timeout.as_secs(),
                        if told.is_empty() { String::new() } else { format!(" ({told})") }
                    ),
                    "run the same command again to go on waiting, or allow more with `timeouts:`",
                );
            }
            due = waited.next();
        }
        let record = self.record(subject, record.id.clone(), &desired, Some(&live), Some(&record));
        self.known.publish(subject.address, record.id.clone(), live.outputs, desired, true);
        self.keeper.note(Entry::Recorded { address: subject.address.clone(), record }).await?;
        Ok(())
    }

    fn compare(
        &self,
        subject: &Subject<'_, W>,
        desired: &Properties,
        live: &AnyLive,
        record: &Record,
        read: &BTreeSet<String>,
    ) -> Vec<Change> {
        self.beside(subject, desired, live, record, read, |sides| diff::diff(subject.schema, sides).changes)
    }

    /// What is wanted beside what there is and what was last applied.
    pub(super) fn beside<T>(
        &self,
        subject: &Subject<'_, W>,
        desired: &Properties,
        live: &AnyLive,
        record: &Record,
        read: &BTreeSet<String>,
        with: impl FnOnce(&Sides<'_>) -> T,
    ) -> T {
        with(&Sides {
            want: desired,
            have: &Value::from(live.spec.clone()),
            was: &Value::from(record.applied.clone()),
            complete: record.complete,
            read: &|it| read.contains(it),
            ignore: &subject.ignore,
            grown: &|property, there| subject.resource.grown(property, desired, there),
            shown: &record.shown,
            hash: &|it| self.hash(it),
        })
    }

    /// Deletes what a record tells of and waits until it is gone.
    pub(super) async fn remove(&self, address: &Address, record: &Record, gone: bool, timeout: Option<Duration>) -> Result<(), Failure> {
        let id = &record.id;
        if !gone {
            let Some(resource) = self.session.cloud.types.resource(&record.type_name) else {
                return failed(format!("there is no type {}", record.type_name), "use a newer version of infra");
            };
            let world = self.session.cloud.world.at(&record.location);
            self.keeper.note(Entry::Deleting { address: address.clone(), id: id.clone(), at: self.session.clock.now() }).await?;
            let call = || resource.delete(&world, id, &record.applied);
            match self.call((address, resource), cloud::Patience::Repeatable(During::Delete), call).await {
                Err(error) if error.is(resource.facts().forgotten) => {
                    return Ok(self.keeper.note(Entry::Deleted { address: address.clone(), id: id.clone() }).await?);
                }
                Err(error) if !error.is(resource.facts().gone) => {
                    if error.kind == ErrorKind::Rejected {
                        self.stays(address).await?;
                    }
                    return Err(error.into());
                }
                _ => {}
            }
            let timeout = timeout.unwrap_or(resource.facts().timeout.delete);
            let waited = Waited::begin();
            let (mut due, mut told) = (Instant::now(), String::new());
            while let Some(live) = self.read(&record.type_name, &record.location, id, &BTreeSet::new(), due).await? {
                if waited.so_far() >= timeout {
                    return failed(
                        format!("`{id}` is still there after {} s", timeout.as_secs()),
                        "run the same command again to go on waiting",
                    );
                }
                self.waiting(address, &live.status, &mut told);
                due = waited.next();
            }
        }
        Ok(self.keeper.note(Entry::Deleted { address: address.clone(), id: id.clone() }).await?)
    }

    /// Records that what was to be deleted is there, for certain.
    async fn stays(&self, address: &Address) -> io::Result<()> {
        let record = self.keeper.look(|state| state.resources.get(address).filter(|it| it.deleting.is_some()).cloned());
        match record {
            Some(it) => self.keeper.note(Entry::Recorded { address: address.clone(), record: Record { deleting: None, ..it } }).await,
            None => Ok(()),
        }
    }
}
