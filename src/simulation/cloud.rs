//! The strict cloud: what exists, what each call does to it, and which calls go wrong.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde_json::{Map, Value as Json};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    chance::Chance,
    faults::{Crash, Faults, Trouble},
    types::{TYPES, references},
};
use crate::resource::{Error, ErrorKind, Id, Location, Result, TAG_OPERATION, TAG_STATE, World};

/// One process's way into the cloud. After [`Sim::restart`] the older ones are never answered again, as a killed process is not.
#[derive(Clone)]
pub(super) struct Sim {
    shared: Arc<Mutex<Inner>>,
    life: u64,
    crashed: watch::Sender<u64>,
}

impl World for Sim {
    fn at(&self, _: &Location) -> Self {
        self.clone()
    }
}

/// What a call is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    Read,
    Find,
    Create,
    Update,
    Delete,
}

#[derive(Clone, Debug)]
pub(super) struct Thing {
    pub(super) type_name: &'static str,
    pub(super) id: String,
    /// As the cloud holds it.
    pub(super) spec: Map<String, Json>,
    /// Grows with each change, for outputs that are volatile.
    pub(super) version: u64,
    token: Option<String>,
    /// Reads and references do not see it before.
    visible: Instant,
    pub(super) ready: Instant,
    /// Whether it will fail at the time that it should be ready.
    pub(super) doomed: bool,
    /// On its way out until then.
    gone: Option<Instant>,
    /// What reads may still see, and until when.
    stale: Option<(Map<String, Json>, u64, Instant)>,
    /// Nothing of ours; the number of the version that it must keep.
    foreign: bool,
}

impl Thing {
    /// Whether it is on its way out.
    pub(super) fn gone(&self) -> bool {
        self.gone.is_some()
    }
}

pub(super) struct Inner {
    things: BTreeMap<(&'static str, String), Thing>,
    /// Deleted, and still seen by reads until then.
    ghosts: Vec<(Thing, Instant)>,
    made: u64,
    life: u64,
    seed: u64,
    faults: Faults,
    calls: BTreeMap<(&'static str, Kind), u64>,
    /// What was made by each operation, whether it still exists or not.
    operations: BTreeMap<String, String>,
    findings: Vec<String>,
    pub(super) log: Option<Vec<String>>,
    started: Instant,
}

impl Sim {
    pub(super) fn new(seed: u64, log: bool) -> Self {
        let inner = Inner {
            things: BTreeMap::new(),
            ghosts: vec![],
            made: 0,
            life: 0,
            seed,
            faults: Faults::none(),
            calls: BTreeMap::new(),
            operations: BTreeMap::new(),
            findings: vec![],
            log: log.then(Vec::new),
            started: Instant::now(),
        };
        Self { shared: Arc::new(Mutex::new(inner)), life: 0, crashed: watch::Sender::new(0) }
    }

    /// A new process's way in; calls of the older ones hang from now on.
    pub(super) fn restart(&self, faults: Faults) -> Self {
        let mut inner = self.locked();
        inner.life += 1;
        inner.faults = faults;
        inner.calls.clear();
        Self { shared: Arc::clone(&self.shared), life: inner.life, crashed: watch::Sender::new(0) }
    }

    /// The time of day in this world.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).expect("a time in range") + self.locked().started.elapsed()
    }

    /// Done when a call has met its crash.
    pub(super) async fn crashed(&self) {
        self.crashed.subscribe().wait_for(|it| *it > 0).await.expect("the sender is in the cloud, which is borrowed");
    }

    pub(super) fn locked(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: counted, late, perhaps failing before or after `effect`.
    pub(super) async fn call<T>(
        &self,
        action: &'static str,
        (type_name, kind): (&'static str, Kind),
        about: &str,
        effect: impl FnOnce(&mut Inner) -> Result<T>,
    ) -> Result<T> {
        let (pause, trouble, crash) = self.begin(type_name, kind);
        sleep(pause).await;
        if !self.alive() || crash == Some(Crash::Before) {
            return self.silence(action, about).await;
        }
        if let Some(trouble) = trouble.filter(|it| it.comes_before()) {
            self.note(|| format!("{action} {about}: {trouble:?}"));
            return Err(trouble.error(action));
        }
        let result = {
            let mut inner = self.locked();
            inner.settle();
            effect(&mut inner)
        };
        let answer = match &result {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        self.note(|| format!("{action} {about}: {answer}{}", trouble.map_or(String::new(), |it| format!(" ({it:?})"))));
        if crash == Some(Crash::After) {
            return self.silence(action, about).await;
        }
        if trouble == Some(Trouble::Slow) {
            sleep(Duration::from_secs(20)).await;
        } else {
            sleep(pause / 2).await;
        }
        if !self.alive() {
            return self.silence(action, about).await;
        }
        match trouble {
            Some(trouble) if trouble != Trouble::Slow => Err(trouble.error(action)),
            _ => result,
        }
    }

    fn begin(&self, type_name: &'static str, kind: Kind) -> (Duration, Option<Trouble>, Option<Crash>) {
        let mut inner = self.locked();
        let n = inner.calls.entry((type_name, kind)).or_default();
        *n += 1;
        let n = *n;
        let total: u64 = inner.calls.values().sum();
        if total == 20_000 {
            inner.find("the run has made 20,000 calls and still goes on".to_owned());
        }
        // By what is called and how often, so that a change elsewhere leaves the luck of a call as it was.
        let mut chance = Chance::new(&(inner.seed, inner.life, type_name, kind as u8, n));
        let pause = Duration::from_millis(chance.below(200) + 20);
        let (trouble, crash) = inner.faults.next(&mut chance, kind);
        (pause, trouble, crash)
    }

    fn alive(&self) -> bool {
        self.locked().life == self.life && *self.crashed.borrow() == 0
    }

    async fn silence<T>(&self, action: &str, about: &str) -> T {
        if self.alive() {
            self.note(|| format!("{action} {about}: the process is killed"));
        }
        self.crashed.send_replace(1);
        std::future::pending().await
    }

    pub(super) fn note(&self, text: impl FnOnce() -> String) {
        self.locked().note(text);
    }

    /// The things that are really there.
    pub(super) fn inventory(&self) -> Vec<Thing> {
        let mut inner = self.locked();
        inner.settle();
        inner.things.values().filter(|it| !it.foreign).cloned().collect()
    }

    pub(super) fn findings(&self) -> Vec<String> {
        self.locked().findings.clone()
    }

    pub(super) fn calls(&self) -> BTreeMap<(&'static str, Kind), u64> {
        self.locked().calls.clone()
    }

    pub(super) fn faults_met(&self) -> usize {
        self.locked().faults.met
    }

    pub(super) fn doomed(&self) -> bool {
        self.locked().things.values().any(|it| it.doomed)
    }

    /// Something of somebody else, which must stay as it is.
    pub(super) fn plant(&self, type_name: &'static str, id: &str, spec: Json) {
        let Json::Object(spec) = spec else { unreachable!("specs are objects") };
        let now = Instant::now();
        let (type_name, id) = (type_name, id.to_owned());
        let thing = Thing {
            type_name,
            id: id.clone(),
            spec,
            version: 1,
            token: None,
            visible: now,
            ready: now,
            doomed: false,
            gone: None,
            stale: None,
            foreign: true,
        };
        self.locked().things.insert((type_name, id), thing);
    }

    /// Changes something behind the engine's back.
    pub(super) fn meddle(&self, type_name: &str, id: &str, change: impl FnOnce(&mut Map<String, Json>)) {
        let mut inner = self.locked();
        if let Some(thing) = inner.things.values_mut().find(|it| it.type_name == type_name && it.id == id) {
            change(&mut thing.spec);
            thing.version += 1;
        }
    }

    /// Removes something behind the engine's back.
    pub(super) fn lose(&self, type_name: &str, id: &str) {
        self.locked().things.retain(|(kind, key), _| !(*kind == type_name && key == id));
    }
}

impl Inner {
    fn note(&mut self, text: impl FnOnce() -> String) {
        let at = self.started.elapsed().as_secs_f64();
        if let Some(log) = &mut self.log {
            log.push(format!("{at:9.2}s  {}", text()));
        }
    }

    /// Something that no engine may do.
    pub(super) fn find(&mut self, text: String) {
        self.note(|| format!("FOUND: {text}"));
        self.findings.push(text);
    }

    /// Lets time do its work.
    fn settle(&mut self) {
        let now = Instant::now();
        self.things.retain(|_, it| it.gone.is_none_or(|gone| gone > now));
        self.ghosts.retain(|(_, until)| *until > now);
    }

    fn thing(&self, type_name: &'static str, id: &str) -> Option<&Thing> {
        self.things.get(&(type_name, id.to_owned()))
    }

    /// What a read sees.
    pub(super) fn look(&self, type_name: &'static str, id: &str) -> Option<Thing> {
        let now = Instant::now();
        let ghost = || self.ghosts.iter().map(|it| &it.0).find(|it| it.type_name == type_name && it.id == id);
        let mut thing = self.thing(type_name, id).filter(|it| it.visible <= now).or_else(ghost)?.clone();
        if let Some((spec, version, _)) = thing.stale.take().filter(|(.., until)| *until > now) {
            (thing.spec, thing.version) = (spec, version);
        }
        Some(thing)
    }

    /// What a search sees.
    pub(super) fn all(&self, type_name: &'static str) -> impl Iterator<Item = &Thing> {
        self.things.values().filter(move |it| it.type_name == type_name && it.visible <= Instant::now() && it.gone.is_none())
    }

    /// Whether something can be referred to now.
    fn usable(&self, type_name: &'static str, id: &str) -> bool {
        self.thing(type_name, id).is_some_and(|it| it.visible <= Instant::now() && it.gone.is_none())
    }

    /// Refuses what refers to what is not there.
    fn check_references(&self, action: &'static str, type_name: &str, spec: &Map<String, Json>, own: Option<&str>) -> Result<()> {
        for (other, id) in references(type_name, spec) {
            if own != Some(&id) && !self.usable(other, &id) {
                return Err(Error::rejected(action, "NotFound", format!("the {other} `{id}` does not exist")));
            }
        }
        Ok(())
    }

    pub(super) fn create(&mut self, made: Made<'_>) -> Result<String> {
        let Made { action, type_name, prefix, name, whole, later, token, honours_token, delay, visible_within } = made;
        self.check_tags(action, type_name, whole)?;
        let mut spec = whole.clone();
        // What it does not take is as it is by itself.
        for key in later {
            let default = TYPES.catalog.schema(type_name).and_then(|it| it.properties.get(*key)).and_then(|it| it.schema.default.clone());
            match default {
                Some(default) => drop(spec.insert((*key).to_owned(), default)),
                None => drop(spec.remove(*key)),
            }
        }
        if honours_token
            && let Some(before) = self.things.values().find(|it| it.type_name == type_name && it.token.as_deref() == Some(token))
        {
            let mut first = before.spec.clone();
            let mut second = spec.clone();
            // What an update has changed since is not compared.
            for map in [&mut first, &mut second] {
                map.retain(|key, _| immutable(type_name, key));
            }
            if first != second {
                return Err(Error::rejected(action, "IdempotentParameterMismatch", "the token was used with other parameters"));
            }
            return Ok(before.id.clone());
        }
        if let Some(name) = &name
            && self.things.contains_key(&(type_name, name.clone()))
        {
            return Err(Error::rejected(action, "AlreadyExists", format!("there is a {type_name} `{name}` already")));
        }
        self.check_references(action, type_name, &spec, None)?;
        if type_name == "sim.gateway" {
            self.check_attached(action, &spec)?;
        }
        self.made += 1;
        let id = name.unwrap_or_else(|| format!("{prefix}-{:04}", self.made));
        if let Some(operation) = tag(whole, TAG_OPERATION) {
            if let Some(first) = self.operations.insert(operation.to_owned(), id.clone()) {
                self.find(format!("{type_name} was made twice by the operation {operation}: {first} and {id}"));
            }
        } else if let Some(first) = self.operations.insert(token.to_owned(), id.clone()) {
            self.find(format!("{type_name} was made twice with the token {token}: {first} and {id}"));
        }
        let now = Instant::now();
        let mut chance = Chance::new(&(self.seed, "born", &id));
        let hidden = if chance.one_in(2) { 0 } else { chance.below(u64::try_from(visible_within.as_millis()).unwrap_or(0) * 9 / 10 + 1) };
        let doomed = !delay.is_zero() && self.faults.dooms(&mut chance);
        let thing = Thing {
            type_name,
            id: id.clone(),
            spec,
            version: 1,
            token: honours_token.then(|| token.to_owned()),
            visible: now + Duration::from_millis(hidden),
            ready: now + delay,
            doomed,
            gone: None,
            stale: None,
            foreign: false,
        };
        self.note(|| format!("      made {type_name} {id}, hidden for {hidden} ms"));
        self.things.insert((type_name, id.clone()), thing);
        Ok(id)
    }

    /// Needs an attachment in the network of its subnet, as a NAT gateway needs an internet gateway.
    fn check_attached(&self, action: &'static str, spec: &Map<String, Json>) -> Result<()> {
        let subnet = spec.get("subnet_id").and_then(Json::as_str).unwrap_or_default();
        let network = self.thing("sim.subnet", subnet).and_then(|it| it.spec.get("network_id"));
        if self.things.values().any(|it| it.type_name == "sim.attachment" && it.gone.is_none() && it.spec.get("network_id") == network) {
            return Ok(());
        }
        Err(Error::rejected(action, "NotAttached", "the network of the subnet has no attachment"))
    }

    pub(super) fn update(&mut self, action: &'static str, type_name: &'static str, id: &Id, change: Changed<'_>) -> Result<()> {
        let there = self.thing(type_name, id.as_str()).filter(|it| it.visible <= Instant::now());
        let Some(before) = there.cloned() else {
            return Err(Error::rejected(action, "NotFound", format!("the {type_name} `{id}` does not exist")));
        };
        if before.gone.is_some() || before.ready > Instant::now() || before.doomed {
            return Err(Error::rejected(action, "IncorrectState", format!("the {type_name} `{id}` cannot be changed now")));
        }
        if before.foreign {
            self.find(format!("{type_name} {id} is somebody else's and was changed"));
            return Ok(());
        }
        let mut spec = before.spec.clone();
        match change.to {
            Some(to) => drop(spec.insert(change.property.to_owned(), to.clone())),
            None => drop(spec.remove(change.property)),
        }
        if before.spec == spec {
            return Ok(());
        }
        if immutable(type_name, change.property) {
            self.find(format!("{type_name} {id}: `{}` is immutable and was to be changed", change.property));
            return Ok(());
        }
        if change.property == "tags" {
            self.check_tags(action, type_name, &spec)?;
            if tag(&before.spec, TAG_OPERATION) != tag(&spec, TAG_OPERATION) {
                self.find(format!("{type_name} {id}: the operation in its tags was changed"));
            }
        }
        // Only what is new has to be there: references to what has gone since stay as they are.
        let known = references(type_name, &before.spec);
        for (other, reference) in references(type_name, &spec) {
            if !known.contains(&(other, reference.clone())) && reference != id.0 && !self.usable(other, &reference) {
                return Err(Error::rejected(action, "NotFound", format!("the {other} `{reference}` does not exist")));
            }
        }
        let mut chance = Chance::new(&(self.seed, "stale", id.as_str(), before.version));
        let thing = self.things.get_mut(&(type_name, id.0.clone())).expect("just looked at");
        thing.spec = spec;
        // What no read shows has no effect on an output either: that is what the mark `volatile` asks of a type.
        if change.property != "secret" {
            thing.version += 1;
        }
        let now = Instant::now();
        if thing.stale.as_ref().is_none_or(|it| it.2 <= now) {
            let until = now + Duration::from_millis(chance.below(5000));
            thing.stale = chance.one_in(4).then_some((before.spec, before.version, until));
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, action: &'static str, type_name: &'static str, id: &Id, takes: Duration) -> Result<()> {
        // What is too fresh to be seen cannot be deleted either.
        let Some(thing) = self.thing(type_name, id.as_str()).filter(|it| it.visible <= Instant::now()) else {
            return Err(Error::rejected(action, "NotFound", format!("the {type_name} `{id}` does not exist")));
        };
        if thing.foreign {
            self.find(format!("{type_name} {id} is somebody else's and was deleted"));
            return Ok(());
        }
        if thing.gone.is_some() {
            return Ok(());
        }
        let refers = |it: &&Thing| references(it.type_name, &it.spec).iter().any(|(other, to)| *other == type_name && *to == id.0);
        let mut users = self.things.values().filter(|it| !(it.type_name == type_name && it.id == id.0));
        let holder = users.find(refers).map(|it| it.id.clone()).or_else(|| self.attached(thing));
        if let Some(holder) = holder {
            return Err(Error::rejected(action, "DependencyViolation", format!("the {type_name} `{id}` is used by `{holder}`")));
        }
        let now = Instant::now();
        let mut chance = Chance::new(&(self.seed, "gone", id.as_str()));
        if takes.is_zero() {
            let thing = self.things.remove(&(type_name, id.0.clone())).expect("just looked at");
            if chance.one_in(3) && thing.visible <= now {
                self.ghosts.push((thing, now + Duration::from_millis(chance.below(5000))));
            }
        } else {
            self.things.get_mut(&(type_name, id.0.clone())).expect("just looked at").gone = Some(now + takes);
        }
        Ok(())
    }

    /// The gateway that holds an attachment.
    fn attached(&self, thing: &Thing) -> Option<String> {
        if thing.type_name != "sim.attachment" {
            return None;
        }
        let network = thing.spec.get("network_id");
        let others = self.things.values().filter(|it| it.type_name == "sim.attachment" && it.id != thing.id && it.gone.is_none());
        if others.into_iter().any(|it| it.spec.get("network_id") == network) {
            return None;
        }
        let of_network = |it: &&Thing| {
            let subnet = it.spec.get("subnet_id").and_then(Json::as_str).unwrap_or_default();
            self.thing("sim.subnet", subnet).is_some_and(|it| it.spec.get("network_id") == network)
        };
        self.things.values().filter(|it| it.type_name == "sim.gateway").find(of_network).map(|it| it.id.clone())
    }

    fn check_tags(&mut self, action: &'static str, type_name: &str, spec: &Map<String, Json>) -> Result<()> {
        let takes = TYPES.catalog.schema(type_name).is_some_and(|it| it.tags().is_some());
        if !takes {
            return Ok(());
        }
        let tags: Vec<_> = spec.get("tags").and_then(Json::as_object).into_iter().flatten().collect();
        if [TAG_STATE, TAG_OPERATION].iter().any(|it| tag(spec, it).is_none()) {
            self.find(format!("{action}: the tags of the engine are not there: {tags:?}"));
        }
        let allowed = |text: &str| text.chars().all(|it| it.is_alphanumeric() || it == ' ' || "_.:/=+-@".contains(it));
        for (key, value) in tags {
            let value = value.as_str().unwrap_or_default();
            if !allowed(key) || !allowed(value) || key.is_empty() || key.len() > 128 || value.len() > 256 {
                return Err(Error::rejected(action, "InvalidTag", format!("the tag `{key}` = `{value}` is not allowed")));
            }
        }
        Ok(())
    }
}

/// All that a create call says.
pub(super) struct Made<'a> {
    pub(super) action: &'static str,
    pub(super) type_name: &'static str,
    pub(super) prefix: &'static str,
    pub(super) name: Option<String>,
    pub(super) whole: &'a Map<String, Json>,
    /// Properties that the create call does not take.
    pub(super) later: &'static [&'static str],
    pub(super) token: &'a str,
    pub(super) honours_token: bool,
    /// Until it is ready.
    pub(super) delay: Duration,
    pub(super) visible_within: Duration,
}

/// One property that an update call changes.
pub(super) struct Changed<'a> {
    pub(super) property: &'a str,
    pub(super) to: Option<&'a Json>,
}

fn immutable(type_name: &str, property: &str) -> bool {
    TYPES.catalog.schema(type_name).and_then(|it| it.properties.get(property)).is_some_and(|it| it.schema.marks.immutable)
}

/// The value of one tag.
pub(super) fn tag<'a>(spec: &'a Map<String, Json>, key: &str) -> Option<&'a str> {
    spec.get("tags")?.get(key)?.as_str()
}

impl Trouble {
    fn comes_before(self) -> bool {
        matches!(self, Self::Throttled | Self::UnavailableBefore | Self::DroppedBefore | Self::Unreachable)
    }

    fn error(self, action: &'static str) -> Error {
        let (kind, code, message) = match self {
            Self::Throttled => (ErrorKind::Throttled, Some("Throttling"), "rate exceeded"),
            Self::UnavailableBefore | Self::UnavailableAfter => (ErrorKind::Unavailable, Some("InternalError"), "an internal error"),
            Self::DroppedBefore | Self::DroppedAfter => (ErrorKind::Unanswered, None, "the connection was dropped"),
            Self::Unreachable | Self::Slow => (ErrorKind::Unreachable, None, "no connection"),
        };
        Error { action, kind, code: code.map(str::to_owned), message: message.to_owned(), request_id: None }
    }
}
