//! What a run makes of a resource that fails to become what it should be, and of one that is not waited for.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, LazyLock, Mutex},
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use super::{Event, Interrupt, Session, plan, run};
use crate::{
    cloud::{Clock, Cloud},
    diagnostic::Source,
    plan::{Action, Reason, Request, decide::Made},
    resource::{Create, Delete, Facts, Id, Live, Location, Obstacle, Resource, Result, Status, Types, Update, Wanted, World, write_only},
    stack::{self, Settings, Stack},
    state::{MemoryJournal, State},
};

/// What each read shows, one after another and the last one for ever, and what was called.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    reads: VecDeque<(&'static str, Status)>,
    calls: Vec<String>,
}

impl World for Told {
    fn at(&self, _: &Location) -> Self {
        self.clone()
    }
}

struct Service;

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
struct Spec {
    version: String,
    #[schemars(transform = write_only)]
    wait: Option<bool>,
}

#[derive(JsonSchema, Serialize)]
struct Outputs {
    id: String,
}

impl Resource for Service {
    type World = Told;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "test.service";
    const FACTS: Facts = Facts { mends: true, ..Facts::DEFAULT };

    async fn read(world: &Told, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let mut inner = world.0.lock().expect("nobody panics while holding it");
        let next = if inner.reads.len() > 1 { inner.reads.pop_front() } else { inner.reads.front().cloned() };
        let (version, status) = next.expect("something to show");
        let live = |id: &Id| {
            let spec = Spec { version: version.to_owned(), wait: None };
            Some(Live { spec, outputs: Outputs { id: id.0.clone() }, status: status.clone(), unread: vec!["wait"] })
        };
        Ok(ids.iter().map(live).collect())
    }

    async fn create(world: &Told, create: Create<'_, Self>) -> Result<Id> {
        world.0.lock().expect("nobody panics while holding it").calls.push(format!("create {}", create.spec.version));
        Ok("service-1".into())
    }

    async fn update(world: &Told, update: Update<'_, Self>) -> Result<()> {
        let changed = update.changed.iter().cloned().collect::<Vec<_>>().join(" ");
        world.0.lock().expect("nobody panics while holding it").calls.push(format!("update {} [{changed}]", update.to.version));
        Ok(())
    }

    async fn obstacle(_: &Told, delete: Delete<'_, Self>, going: &BTreeSet<Id>) -> Result<Option<Obstacle>> {
        let full = delete.spec.version == "one" && going.contains(delete.id);
        Ok(full.then(|| Obstacle { what: "it is full".into(), remedy: "empty it".into() }))
    }

    async fn delete(_: &Told, _: Delete<'_, Self>) -> Result<()> {
        unreachable!("nothing is deleted")
    }

    fn settled(wanted: &Spec, live: &Spec, status: Status) -> Status {
        match status {
            _ if live.version != wanted.version => Status::Failed(format!("it went back to {}", live.version)),
            Status::Pending(_) if wanted.wait == Some(false) => Status::Ready,
            other => other,
        }
    }
}

static TYPES: LazyLock<Arc<Types<Told>>> = LazyLock::new(|| Arc::new(Types::new(&[&Service], &[])));

struct Stage {
    cloud: Arc<Cloud<Told>>,
    state: State,
}

impl Stage {
    /// With version 1 running.
    async fn begin() -> Self {
        let mut stage = Self { cloud: Arc::new(Cloud::new(TYPES.clone(), Told::default())), state: State::new("s", "default") };
        let (_, failures) = stage.apply("version: one", &[("one", Status::Ready)]).await;
        assert_eq!((failures, stage.calls()), (vec![], vec!["create one".to_owned()]));
        stage
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.cloud.world.0.lock().expect("nobody panics while holding it").calls)
    }

    /// Plans and applies while the cloud shows all this; returns the plan and what failed.
    async fn apply(&mut self, written: &str, shown: &[(&'static str, Status)]) -> (Made, Vec<String>) {
        self.cloud.world.0.lock().expect("nobody panics while holding it").reads = shown.iter().cloned().collect();
        let (stack, request) = (stack_of(written), Request { refresh: true, ..Request::default() });
        let (made, _) = plan(&self.cloud, &stack, &self.state, &request).await.expect("a plan");
        let journal = MemoryJournal::new();
        let (events, mut told) = mpsc::unbounded_channel();
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let session = Session { cloud: self.cloud.clone(), journal: &journal, events, interrupt, clock: Clock::from(Timestamp::now()) };
        self.state = run(&session, &stack, self.state.clone(), &made, &request).await.state;
        let mut failures = vec![];
        while let Ok(event) = told.try_recv() {
            if let Event::Failed { error, help, .. } = event {
                failures.push(format!("{error} ({})", help.unwrap_or_default()));
            }
        }
        (made, failures)
    }
}

fn stack_of(written: &str) -> Stack {
    let text = format!("stack: s\nresources:\n  a: {{ test.service: {{ {written} }} }}\n");
    let (file, diagnostics) = stack::parse(Arc::new(Source { path: "s.yaml".into(), text }), &TYPES.catalog);
    let settings = Settings { environment: "default".into(), region: Some("r-1".into()), ..Settings::default() };
    let (stack, found) = stack::resolve(&file.expect("nothing is wrong"), &settings, &TYPES.catalog, &BTreeMap::new());
    assert!(diagnostics.is_empty() && found.is_empty(), "{diagnostics:?} {found:?}");
    stack.expect("nothing is wrong")
}

fn pending() -> Status {
    Status::Pending("starting".into())
}

fn failed() -> Status {
    Status::Failed("it broke".into())
}

#[tokio::test(start_paused = true)]
async fn what_is_usable_as_it_was_before_has_failed() {
    let mut stage = Stage::begin().await;
    // A read just after the update that shows the old version still is no failure yet.
    let shown = [("one", Status::Ready), ("one", Status::Ready), ("two", pending()), ("one", pending()), ("one", Status::Ready)];
    let (_, failures) = stage.apply("version: two", &shown).await;
    assert_eq!(failures, ["`service-1` failed: it went back to one (mend the cause; the next apply tries again)"]);
    assert_eq!(stage.calls(), ["update two [version]"]);
    // The next run tries again, and whoever goes back to the old version has nothing left to do.
    let (made, failures) = stage.apply("version: two", &[("one", Status::Ready), ("two", Status::Ready)]).await;
    assert_eq!((made.plan.steps[0].action, failures), (Action::Update, vec![]));
    assert_eq!(stage.calls(), ["update two [version]"]);
}

#[tokio::test(start_paused = true)]
async fn what_failed_is_updated_although_nothing_differs() {
    let mut stage = Stage::begin().await;
    // The failure of before may show for a moment.
    let (made, failures) = stage.apply("version: one", &[("one", failed()), ("one", failed()), ("one", Status::Ready)]).await;
    assert_eq!(made.plan.steps[0].reason, Some(Reason::Failed { status: "it broke".into() }));
    assert_eq!((stage.calls(), failures), (vec!["update one []".to_owned()], vec![]));
    let (made, _) = stage.apply("version: one", &[("one", Status::Ready)]).await;
    assert!(made.plan.is_empty(), "{:?}", made.plan);
    // It fails in the same way again.
    let (_, failures) = stage.apply("version: one", &[("one", failed())]).await;
    assert_eq!(failures, ["`service-1` failed: it broke (mend the cause; the next apply tries again)"]);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_wait_is_done_when_the_update_shows() {
    let mut stage = Stage::begin().await;
    let (_, failures) =
        stage.apply("version: two, wait: false", &[("one", Status::Ready), ("one", Status::Ready), ("two", pending())]).await;
    assert_eq!(failures, [""; 0]);
    assert!(stage.state.resources.values().all(|it| it.complete));
    let (made, _) = stage.apply("version: two, wait: false", &[("two", pending())]).await;
    assert!(made.plan.is_empty(), "{:?}", made.plan);
}

#[tokio::test(start_paused = true)]
async fn what_stops_a_delete_is_told_with_the_plan() {
    let mut stage = Stage::begin().await;
    let warnings = async |stage: &Stage, written: &str, destroy: bool| {
        let request = Request { refresh: true, destroy, ..Request::default() };
        let (_, warnings) = plan(&stage.cloud, &stack_of(written), &stage.state, &request).await.expect("a plan");
        warnings.into_iter().map(|it| format!("{} ({}), {} place", it.summary, it.help.join(" "), it.labels.len())).collect::<Vec<_>>()
    };
    assert_eq!(warnings(&stage, "version: one", false).await, [""; 0]);
    assert_eq!(warnings(&stage, "version: one", true).await, ["`a` cannot be deleted as it is: it is full (empty it), 1 place"]);
    stage.apply("version: two", &[("one", Status::Ready), ("two", Status::Ready)]).await;
    assert_eq!(warnings(&stage, "version: two", true).await, [""; 0]);
}
