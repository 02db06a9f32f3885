//! What a run makes of a resource that fails to become what it should be, and of one that is not waited for.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use super::{Event, Interrupt, Patience, Session, half_deleted, plan, recover, run, settle_deletes};
use crate::{
    cloud::{Clock, Cloud},
    diagnostic::Source,
    plan::{Action, Reason, Request, decide::Made},
    resource::{
        Create, Delete, Error, ErrorKind, Facts, Find, Id, Live, Location, Obstacle, Resource, Result, Status, Types, Update, Wanted,
        World, write_only,
    },
    stack::{self, Settings, Stack},
    state::{Entry, MemoryJournal, Pending, RecordedOptions, State},
};

/// What each read shows, one after another and the last one for ever (nothing where there is no version), and what was called.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    reads: VecDeque<(&'static str, Status)>,
    calls: Vec<String>,
    /// Whether it lets nothing be deleted.
    keeps: bool,
    /// The tokens of what was made, and since when it can be found.
    tickets: Vec<(String, Instant)>,
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
            let live = Live { spec, outputs: Outputs { id: id.0.clone() }, status: status.clone(), unread: vec!["wait"] };
            (!version.is_empty()).then_some(live)
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

    fn unset(spec: &Spec) -> &'static [&'static str] {
        if spec.version == "restored" { &["wait"] } else { &[] }
    }

    async fn obstacle(_: &Told, delete: Delete<'_, Self>, going: &BTreeSet<Id>) -> Result<Option<Obstacle>> {
        let full = delete.spec.version == "one" && going.contains(delete.id);
        Ok(full.then(|| Obstacle { what: "it is full".into(), remedy: "empty it".into() }))
    }

    async fn delete(world: &Told, _: Delete<'_, Self>) -> Result<()> {
        let mut inner = world.0.lock().expect("nobody panics while holding it");
        inner.calls.push("delete".to_owned());
        if inner.keeps { Err(Error::rejected("DeleteService", "InUse", "somebody uses it")) } else { Ok(()) }
    }

    fn settled(wanted: &Spec, live: &Spec, status: Status) -> Status {
        match status {
            _ if live.version != wanted.version => Status::Failed(format!("it went back to {}", live.version)),
            Status::Pending(_) if wanted.wait == Some(false) => Status::Ready,
            other => other,
        }
    }
}

/// What is made once for each token, and can be found a little later; its create never answers.
struct Ticket;

#[derive(Debug, Deserialize, JsonSchema, Serialize)]
struct Nothing {}

impl Resource for Ticket {
    type World = Told;
    type Spec = Nothing;
    type Outputs = Outputs;

    const NAME: &'static str = "test.ticket";
    const FACTS: Facts = Facts { token: true, visible_within: Duration::from_secs(20), ..Facts::DEFAULT };

    async fn read(_: &Told, _: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        unreachable!("nothing is read")
    }

    async fn find(world: &Told, find: Find<'_, Self>) -> Result<Option<Id>> {
        let inner = world.0.lock().expect("nobody panics while holding it");
        let found = inner.tickets.iter().find(|(token, from)| token == find.operation && *from <= Instant::now());
        Ok(found.map(|(token, _)| Id(format!("ticket of {token}"))))
    }

    async fn create(world: &Told, create: Create<'_, Self>) -> Result<Id> {
        let mut inner = world.0.lock().expect("nobody panics while holding it");
        if inner.tickets.iter().all(|(token, _)| token != create.token) {
            inner.tickets.push((create.token.to_owned(), Instant::now() + Duration::from_secs(15)));
        }
        Err(Error { kind: ErrorKind::Unanswered, ..Error::bug("CreateTicket", "no answer") })
    }

    async fn update(_: &Told, _: Update<'_, Self>) -> Result<()> {
        unreachable!("nothing changes")
    }

    async fn delete(_: &Told, _: Delete<'_, Self>) -> Result<()> {
        unreachable!("nothing is deleted")
    }
}

static TYPES: LazyLock<Arc<Types<Told>>> = LazyLock::new(|| Arc::new(Types::new(&[&Service, &Ticket], &[])));

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
        self.carry_out(written, shown, false).await
    }

    async fn carry_out(&mut self, written: &str, shown: &[(&'static str, Status)], destroy: bool) -> (Made, Vec<String>) {
        self.cloud.world.0.lock().expect("nobody panics while holding it").reads = shown.iter().cloned().collect();
        let (stack, request) = (stack_of(written), Request { refresh: true, destroy, ..Request::default() });
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

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_written_back_after_an_update_that_failed() {
    let mut stage = Stage::begin().await;
    let (_, failures) = stage.apply("version: one, wait: true", &[("one", Status::Ready)]).await;
    assert_eq!((stage.calls(), failures), (vec!["update one [wait]".to_owned()], vec![]));
    let (_, failures) = stage.apply("version: one, wait: false", &[("one", Status::Ready), ("one", failed())]).await;
    assert_eq!((stage.calls(), failures.len()), (vec!["update one [wait]".to_owned()], 1));
    let (made, failures) = stage.apply("version: one, wait: true", &[("one", Status::Ready)]).await;
    assert_eq!(made.plan.steps[0].reason, Some(Reason::Unfinished));
    assert_eq!((stage.calls(), failures), (vec!["update one [wait]".to_owned()], vec![]));
    let (made, _) = stage.apply("version: one, wait: true", &[("one", Status::Ready)]).await;
    assert!(made.plan.is_empty(), "{:?}", made.plan);
}

#[tokio::test(start_paused = true)]
async fn another_way_to_the_same_place_is_only_recorded() {
    let mut stage = Stage::begin().await;
    stage.state.account = Some("123456789012".to_owned());
    for (written, location) in [
        ("region: r-1", Location { region: Some("r-1".into()), role: None }),
        ("role: 'arn:aws:iam::123456789012:role/r'", Location { region: None, role: Some("arn:aws:iam::123456789012:role/r".into()) }),
    ] {
        // Beside its properties.
        let (made, _) = stage.apply(&format!("version: one }}, {written}, lifecycle: {{"), &[("one", Status::Ready)]).await;
        assert!(made.plan.is_empty(), "{:?}", made.plan);
        let located: Vec<_> = stage.state.resources.values().map(|it| &it.location).collect();
        assert_eq!((located, stage.state.deposed.len()), (vec![&location], 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_destroy_waits_as_long_as_the_file_says() {
    let mut stage = Stage::begin().await;
    // Beside its properties.
    let written = "version: one }, timeouts: { delete: 5s";
    let (_, failures) = stage.carry_out(written, &[("one", Status::Deleting("going".into()))], true).await;
    assert_eq!(stage.calls(), ["delete"]);
    assert_eq!(failures, ["`service-1` is still there after 5 s (run the same command again to go on waiting)"]);
}

/// A create that is repeated by its token may make now what its first try did not, and lose the answer again.
#[tokio::test(start_paused = true)]
async fn what_a_repeated_create_has_made_is_waited_for() {
    for begun in [Timestamp::UNIX_EPOCH, Timestamp::now()] {
        let cloud = Arc::new(Cloud::new(TYPES.clone(), Told::default()));
        let mut state = State::new("s", "default");
        for name in ["a", "b"] {
            let pending = Pending {
                address: name.into(),
                type_name: "test.ticket".to_owned(),
                location: Location::default(),
                name: None,
                free: false,
                applied: json!({}),
                dependencies: [].into(),
                options: RecordedOptions::default(),
                begun,
            };
            state.fold(&Entry::Creating { operation: format!("operation {name}"), pending }).expect("it fits");
        }
        let journal = MemoryJournal::new();
        let (events, _told) = mpsc::unbounded_channel();
        let (_sender, interrupt) = watch::channel(Interrupt::None);
        let session = Session { cloud: cloud.clone(), journal: &journal, events, interrupt, clock: Clock::from(Timestamp::now()) };
        let stack = stack("a: { test.ticket: {} }\n  b: { test.ticket: {} }");
        recover(&session, &stack, &mut state, Patience::Settle).await.expect("it can be asked");
        let recorded: Vec<_> = state.resources.values().map(|it| it.id.as_str()).collect();
        assert_eq!(recorded, ["ticket of operation a", "ticket of operation b"]);
        let made = cloud.world.0.lock().expect("nobody panics while holding it").tickets.len();
        assert_eq!((made, state.pending.len()), (2, 0));
    }
}

/// A process that ended just after a delete leaves what may show for a while, and is wanted again.
#[tokio::test(start_paused = true)]
async fn what_was_about_to_be_deleted_is_looked_at_until_it_is_certain() {
    let (there, gone) = (("one", Status::Ready), ("", Status::Ready));
    let within = Service::FACTS.visible_within;
    let check = async |since: Duration, shown: &[(&'static str, Status)], waits: bool, is_gone: bool| {
        let mut stage = Stage::begin().await;
        let at = Timestamp::now() - since;
        stage.state.fold(&Entry::Deleting { address: "a".into(), id: "service-1".into(), at }).expect("it fits");
        stage.cloud.world.0.lock().expect("nobody panics while holding it").reads = shown.iter().cloned().collect();
        let (stack, journal, begun) = (stack_of("version: one"), MemoryJournal::new(), Instant::now());
        let (events, _told) = mpsc::unbounded_channel();
        let interrupt = watch::channel(Interrupt::None).1;
        let session = Session { cloud: stage.cloud.clone(), journal: &journal, events, interrupt, clock: Clock::from(Timestamp::now()) };
        assert_eq!(half_deleted(&stack, &stage.state), ["a".into()]);
        let found = settle_deletes(&session, &stack, &mut stage.state).await.expect("it can be asked");
        assert_eq!((!found.is_empty(), begun.elapsed() >= within), (is_gone, waits), "{shown:?}");
        assert!(half_deleted(&stack, &stage.state).is_empty());
        stage.apply("version: one", std::slice::from_ref(&there)).await;
        assert_eq!(stage.calls(), if is_gone { vec!["create one".to_owned()] } else { vec![] }, "{shown:?}");
    };
    check(Duration::ZERO, &[there.clone(), there.clone(), gone], false, true).await;
    check(Duration::ZERO, std::slice::from_ref(&there), true, false).await;
    check(Duration::from_secs(24 * 3600), std::slice::from_ref(&there), false, false).await;
}

/// AWS said that it is there: nothing is open, and the next apply looks no longer than ever.
#[tokio::test(start_paused = true)]
async fn a_delete_that_was_refused_is_not_open() {
    let mut stage = Stage::begin().await;
    stage.cloud.world.0.lock().expect("nobody panics while holding it").keeps = true;
    let (_, failures) = stage.carry_out("version: one", &[("one", Status::Ready)], true).await;
    assert_eq!((stage.calls(), failures.len()), (vec!["delete".to_owned()], 1));
    assert!(half_deleted(&stack_of("version: one"), &stage.state).is_empty());
}

/// Also where what is recorded is believed: it may be gone.
#[tokio::test(start_paused = true)]
async fn what_was_about_to_be_deleted_is_asked_for_in_any_case() {
    let mut stage = Stage::begin().await;
    let (stack, request) = (stack_of("version: one"), Request { refresh: false, ..Request::default() });
    stage.cloud.world.0.lock().expect("nobody panics while holding it").reads = [("", Status::Ready)].into();
    let (made, _) = plan(&stage.cloud, &stack, &stage.state, &request).await.expect("a plan");
    assert!(made.plan.is_empty(), "{:?}", made.plan);
    stage.state.fold(&Entry::Deleting { address: "a".into(), id: "service-1".into(), at: Timestamp::now() }).expect("it fits");
    let (made, _) = plan(&stage.cloud, &stack, &stage.state, &request).await.expect("a plan");
    assert_eq!(made.plan.steps.iter().map(|it| it.action).collect::<Vec<_>>(), [Action::Create]);
}

fn stack_of(written: &str) -> Stack {
    stack(&format!("a: {{ test.service: {{ {written} }} }}"))
}

fn stack(resources: &str) -> Stack {
    let text = format!("stack: s\nresources:\n  {resources}\n");
    let (file, diagnostics) = stack::parse(Arc::new(Source::new("s.yaml", text)), &TYPES.catalog);
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
async fn a_change_that_mends_what_failed_before_gets_its_chance() {
    let mut stage = Stage::begin().await;
    let stuck = || Status::UpdateFailed("stuck".into());
    // What the last change failed with may show for a moment.
    let (made, failures) =
        stage.apply("version: two", &[("one", stuck()), ("one", stuck()), ("two", pending()), ("two", Status::Ready)]).await;
    assert_eq!((made.plan.steps[0].action, failures), (Action::Update, vec![]));
    assert_eq!(stage.calls(), ["update two [version]"]);
    // Nothing is to be done, and nothing is replaced.
    let (made, _) = stage.apply("version: two", &[("two", stuck())]).await;
    assert!(made.plan.is_empty(), "{:?}", made.plan);
    // It fails in another way, and then in the same one again.
    for before in ["stuck in another way", "stuck"] {
        let before = Status::UpdateFailed(before.into());
        let (_, failures) = stage.apply("version: three", &[("two", before), ("three", stuck())]).await;
        assert_eq!(failures, ["the change of `service-1` failed: stuck (mend the cause; the next apply changes it again)"]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_create_does_not_set_and_nobody_can_read_follows_with_the_update() {
    for (version, expected) in [("one", vec!["create one"]), ("restored", vec!["create restored", "update restored [wait]"])] {
        let mut stage = Stage { cloud: Arc::new(Cloud::new(TYPES.clone(), Told::default())), state: State::new("s", "default") };
        let written = format!("version: {version}, wait: true");
        let (_, failures) = stage.apply(&written, &[(version, Status::Ready)]).await;
        assert_eq!((stage.calls(), failures), (expected.into_iter().map(str::to_owned).collect(), vec![]));
        let (made, _) = stage.apply(&written, &[(version, Status::Ready)]).await;
        assert!(made.plan.is_empty(), "{:?}", made.plan);
    }
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
