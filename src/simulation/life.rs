//! One world from its first run to its end.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value as Json, json};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::{
    case::{Case, CrashAt, Limit, Round, Run},
    chance::Chance,
    check::agree,
    cloud::{Kind, Sim, Thing, tag},
    faults::Faults,
    model::{Edit, Item, ItemKind, Model},
    types::TYPES,
};
use crate::{
    address::Address,
    apply::{self, Interrupt, Patience, Session},
    cloud::{Clock, Cloud},
    diagnostic::Source,
    plan::{Plan, Request},
    resource::TAG_OPERATION,
    stack::{self, Settings, Stack},
    state::{Entry, Fault, MemoryJournal, State},
};

/// What a world came to.
#[derive(Default)]
pub(super) struct Life {
    /// What was wrong, where something was: the world ended there.
    pub(super) findings: Vec<String>,
    /// What happened, where that was asked for.
    pub(super) log: Vec<String>,
    pub(super) calls: u64,
    pub(super) crashes: u64,
    pub(super) faults: usize,
}

/// Lives through a case.
pub(super) async fn live(case: &Case, log: bool) -> Life {
    let sim = Sim::new(case.seed, log);
    sim.plant("sim.network", "net-foreign", json!({ "block": "10.0.0.0/16", "tags": { "Owner": "another" } }));
    sim.plant("sim.name", "foreign", json!({ "name": "foreign", "class": "class 0", "payload": "theirs", "tags": {} }));
    sim.plant("sim.entry", "entry-foreign", json!({ "network_id": "net-foreign", "key": "key", "value": "theirs" }));
    let mut world = World { sim, state: fresh(), model: case.model(), life: Life::default() };
    for round in &case.rounds {
        world.round(case, round).await;
        if !world.life.findings.is_empty() {
            break;
        }
    }
    world.life.log = world.sim.locked().log.take().unwrap_or_default();
    world.life
}

fn fresh() -> State {
    State { uuid: "0b9f8a3e-5e1f-4a1b-9d51-6f9d1f0a7c11".to_owned(), hash_key: "5a".repeat(32), ..State::new("world", "default") }
}

struct World {
    sim: Sim,
    state: State,
    model: Model,
    life: Life,
}

/// How a run ended.
enum End {
    /// With all done.
    Done,
    /// With something that could not be done.
    Failed(String),
    Killed,
}

impl World {
    async fn round(&mut self, case: &Case, round: &Round) {
        if !round.edits.is_empty() {
            // A person needs longer to edit a file than reads stay stale. No engine could tell a value that a killed run has
            // just written from one that the file has gone back to since.
            sleep(Duration::from_secs(6)).await;
        }
        for edit in &round.edits {
            self.sim.note(|| format!("=== {edit:?}"));
            self.model.edit(*edit);
            self.meddle(case.seed, *edit);
        }
        let yaml = self.model.yaml();
        self.sim.note(|| format!("=== {}\n{yaml}", if round.destroy { "destroy" } else { "apply" }));
        let Some(stack) = self.resolve(&yaml) else { return };
        let request = Request { destroy: round.destroy, refresh: true, ..Request::default() };
        let before = self.ignored();
        let well = Run { one_in: 1, budget: 0, crash: None, stop: None, at_once: false, pause: 1, refresh: true, limit: None };
        let last = if round.left { [].as_slice() } else { &[&well, &well] };
        for run in round.runs.iter().chain(last.iter().copied()) {
            sleep(Duration::from_secs(run.pause)).await;
            let doomed = self.sim.doomed();
            let mut request = Request { refresh: run.refresh, ..request.clone() };
            let before = match run.limit {
                Some(limit @ (Limit::Target(n) | Limit::Exclude(n) | Limit::Replace(n))) => {
                    let names = self.model.items.iter().filter(|it| it.number == n).map(Item::name).collect();
                    match limit {
                        Limit::Target(_) => request.targets = names,
                        Limit::Exclude(_) => request.excludes = names,
                        Limit::Replace(_) => request.replace = names,
                    }
                    self.things(|it| it.number == n)
                }
                None => BTreeMap::new(),
            };
            let end = self.run(&stack, &request, run).await;
            self.beyond(run.limit, &before, matches!(end, End::Done));
            if !self.life.findings.is_empty() {
                return;
            }
            match end {
                End::Done if run.refresh && run.limit.is_none() => break,
                // The last runs look for themselves, at everything.
                End::Done => {}
                End::Failed(_) if !run.refresh || run.limit.is_some() => {}
                End::Killed => {}
                // A fault or three are for the engine to get over; more may be too many.
                End::Failed(_) if run.stop.is_some() || matches!(run.crash, Some(CrashAt::Journal(Fault::Full(_)))) => {}
                End::Failed(_) if self.sim.faults_met() > 3 || doomed || self.sim.doomed() => {}
                End::Failed(why) => {
                    self.life
                        .findings
                        .push(format!("the run failed, though {} faults should not make it fail: {why}", self.sim.faults_met()));
                    return;
                }
            }
        }
        let after = self.ignored();
        for (address, (id, value)) in before {
            if let Some((_, now)) = after.get(&address).filter(|it| it.0 == id && it.1 != value) {
                self.life.findings.push(format!("`{address}`: what is ignored was {value:?} and is {now:?}"));
            }
        }
        if round.left {
            return;
        }
        self.life.findings.extend(agree((!round.destroy).then_some(&self.model), &self.state, &self.sim));
        if self.life.findings.is_empty() && !round.destroy {
            self.nothing_left(&stack, &request).await;
        }
    }

    /// What is recorded of these instances and there, by address.
    fn things<'a>(&self, of: impl Fn(&Item) -> bool + 'a) -> BTreeMap<String, (Item, Thing)> {
        let things = self.sim.inventory();
        let found = self.model.instances().filter(|it| of(it.1)).filter_map(|(address, item, _)| {
            let record = self.state.resources.get(&Address::new(address.clone()))?;
            let same = |it: &&Thing| it.type_name == item.type_name() && it.type_name == record.type_name && it.id == record.id.as_str();
            Some((address, (item.clone(), things.iter().find(same)?.clone())))
        });
        found.collect()
    }

    /// What the file ignores, by address: which one it is, and its value.
    fn ignored(&self) -> BTreeMap<String, (String, Option<Json>)> {
        let value = |(item, thing): &(Item, Thing)| match item.ignorable().split_once('.') {
            Some((_, key)) => tag(&thing.spec, key).map(Json::from),
            None => thing.spec.get(item.ignorable()).cloned(),
        };
        self.things(|it| it.ignored).into_iter().map(|(address, it)| (address, (which(&it.1), value(&it)))).collect()
    }

    /// What the run was not to change, and did; what it was to replace, and did not.
    fn beyond(&mut self, limit: Option<Limit>, before: &BTreeMap<String, (Item, Thing)>, done: bool) {
        let things = self.sim.inventory();
        let after = self.things(|_| true);
        for (address, (_, thing)) in before {
            let finding = match limit {
                // What an earlier run had begun to delete goes on going.
                Some(Limit::Exclude(_))
                    if !thing.gone() && things.iter().all(|it| which(it) != which(thing) || it.version != thing.version) =>
                {
                    format!("`{address}` was excluded and changed")
                }
                Some(Limit::Replace(_)) if done && after.get(address).is_some_and(|it| which(&it.1) == which(thing)) => {
                    format!("`{address}` was to be replaced and is the same")
                }
                _ => continue,
            };
            self.life.findings.push(finding);
        }
    }

    /// What somebody does behind the engine's back.
    fn meddle(&mut self, seed: u64, edit: Edit) {
        let (Edit::Drift(number) | Edit::Loss(number)) = edit else { return };
        let Some(item) = self.model.items.iter().find(|it| it.number == number) else { return };
        let (address, _) = item.instances().remove(0);
        let Some(record) = self.state.resources.get(&Address::new(address)) else { return };
        if let Edit::Loss(_) = edit {
            self.sim.lose(&record.type_name, record.id.as_str());
            return;
        }
        // What is to become something else, and has not yet, has other properties than the file says.
        if record.type_name != item.type_name() {
            return;
        }
        let mut chance = Chance::new(&(seed, "drift", number));
        let property = match item.kind {
            _ if item.ignored => item.ignorable(),
            ItemKind::Network => "dns",
            ItemKind::Subnet => "public",
            ItemKind::Group => "rules",
            ItemKind::Gateway => "size",
            ItemKind::Name(_) => "payload",
            ItemKind::Entry => "value",
            ItemKind::Attachment => "tags",
        };
        let by_tags = chance.one_in(4) && item.kind != ItemKind::Entry;
        self.sim.meddle(&record.type_name, record.id.as_str(), |spec| {
            let drifted = match property {
                _ if by_tags => return drop(spec["tags"].as_object_mut().and_then(|it| it.remove("Environment"))),
                "dns" | "public" => json!(!spec.get(property).and_then(Json::as_bool).unwrap_or(false)),
                "rules" => json!([]),
                "size" => json!(99),
                "tags" | "tags.Owner" => return drop(spec["tags"].as_object_mut().map(|it| it.insert("Owner".into(), json!("somebody")))),
                _ => json!("drifted"),
            };
            spec.insert(property.to_owned(), drifted);
        });
    }

    fn resolve(&mut self, yaml: &str) -> Option<Stack> {
        let source = Arc::new(Source::new("stacks/world.yaml", yaml));
        let (file, mut diagnostics) = stack::parse(source, &TYPES.catalog);
        let settings = Settings { environment: "default".into(), ..Settings::default() };
        let stack = file.and_then(|file| {
            let (stack, more) = stack::resolve(&file, &settings, &TYPES.catalog, &Default::default());
            diagnostics.extend(more);
            stack
        });
        if !diagnostics.is_empty() {
            let all: Vec<_> = diagnostics.iter().map(|it| it.summary.as_str()).collect();
            self.life.findings.push(format!("the file is wrong: {all:?}\n{yaml}"));
        }
        stack
    }

    async fn run(&mut self, stack: &Stack, request: &Request, run: &Run) -> End {
        let (call, fault) = match run.crash {
            None => (None, None),
            Some(CrashAt::Call(at, crash)) => (Some((at, crash)), None),
            Some(CrashAt::Journal(fault)) => (None, Some(fault)),
        };
        let sim = self.sim.restart(Faults::new(run.one_in, run.budget, call));
        self.sim = sim.clone();
        let journal = fault.map_or_else(MemoryJournal::new, MemoryJournal::with_fault);
        sim.note(|| "--- a run begins".to_owned());
        let finished = {
            let all = whole_run(&sim, &journal, stack, self.state.clone(), request, run);
            let patient = timeout(Duration::from_secs(24 * 3600), all);
            tokio::select! {
                biased;
                done = patient => Some(done),
                () = sim.crashed() => None,
                () = journal.crashed() => None,
            }
        };
        self.life.calls += sim.calls().values().sum::<u64>();
        self.life.faults += sim.faults_met();
        let begun = self.state.serial;
        let entries: Vec<Entry> = journal.entries().iter().map(through_json).collect();
        for entry in &entries {
            sim.note(|| format!("      journal: {}", serde_json::to_string(entry).expect("an entry is data")));
        }
        let mut replayed = self.state.clone();
        if let Err(error) = replayed.replay(begun, &entries) {
            self.life.findings.push(format!("the journal does not fit the state: {error:?}"));
            return End::Killed;
        }
        self.life.findings.extend(replayed.verify().into_iter().map(|it| format!("the state makes no sense: {it}")));
        self.life.findings.extend(sim.findings());
        let before = std::mem::replace(&mut self.state, replayed);
        match finished {
            None => {
                self.life.crashes += 1;
                sim.note(|| "--- killed".to_owned());
                End::Killed
            }
            Some(Err(_)) => {
                self.life.findings.push("the run is not done after a day".to_owned());
                End::Killed
            }
            Some(Ok(Err(why))) => End::Failed(why),
            Some(Ok(Ok(Ended { state, failure }))) => {
                if through_json(&state) != self.state {
                    self.life.findings.push(format!(
                        "the run's state and its journal differ:\n{}\nfrom the journal:\n{}\nbefore:\n{}",
                        pretty(&state),
                        pretty(&self.state),
                        pretty(&before)
                    ));
                }
                failure.map_or(End::Done, End::Failed)
            }
        }
    }

    /// A second plan has nothing to do, and says so with few calls.
    async fn nothing_left(&mut self, stack: &Stack, request: &Request) {
        // What was just deleted may be seen for a little longer.
        sleep(Duration::from_secs(10)).await;
        let sim = self.sim.restart(Faults::none());
        self.sim = sim.clone();
        let cloud = Cloud::new(Arc::clone(&TYPES), sim.clone()).with_clock(Clock::from(sim.now()));
        match timeout(Duration::from_secs(24 * 3600), apply::plan(&cloud, stack, &self.state, request)).await {
            Err(_) => self.life.findings.push("the second plan is not done after a day".to_owned()),
            Ok(Err(refusal)) => self.life.findings.push(format!("the second plan was refused: {refusal:?}")),
            Ok(Ok((made, _))) if !made.plan.is_empty() => {
                self.life.findings.push(format!("a second plan finds something to do: {}", shown(&made.plan)));
            }
            Ok(Ok(_)) => {}
        }
        let calls = sim.calls();
        let writes: u64 = calls.iter().filter(|((_, kind), _)| !matches!(kind, Kind::Read | Kind::Find)).map(|(_, n)| n).sum();
        if writes > 0 {
            self.life.findings.push(format!("a plan made {writes} calls that change something"));
        }
        for ((type_name, kind), n) in calls.iter().filter(|((_, kind), n)| *kind == Kind::Read && **n > 1) {
            self.life.findings.push(format!("a plan without changes made {n} calls of {kind:?} for {type_name}"));
        }
    }
}

/// What tells it from others, also from one that gets its name after it.
fn which(thing: &Thing) -> String {
    format!("{} {} {:?}", thing.type_name, thing.id, tag(&thing.spec, TAG_OPERATION))
}

struct Ended {
    state: State,
    failure: Option<String>,
}

/// As the commands do it.
async fn whole_run(
    sim: &Sim,
    journal: &MemoryJournal,
    stack: &Stack,
    mut state: State,
    request: &Request,
    run: &Run,
) -> Result<Ended, String> {
    let cloud = Arc::new(Cloud::new(Arc::clone(&TYPES), sim.clone()).with_clock(Clock::from(sim.now())));
    let (events, mut heard) = mpsc::unbounded_channel();
    let (interrupter, interrupt) = watch::channel(Interrupt::None);
    let session = Session { cloud: Arc::clone(&cloud), journal, events, interrupt, clock: Clock::from(sim.now()) };
    let done = async {
        apply::recover(&session, stack, &mut state, Patience::Settle).await.map_err(|it| format!("{it:?}"))?;
        if !request.destroy {
            apply::settle_deletes(&session, stack, &mut state).await.map_err(|it| format!("{it:?}"))?;
        }
        let (made, _) = apply::plan(&cloud, stack, &state, request).await.map_err(|it| format!("{it:?}"))?;
        sim.note(|| format!("--- the plan: {}", shown(&made.plan)));
        Ok(apply::run(&session, stack, state, &made, request).await)
    };
    let stopper = async {
        if let Some(stop) = run.stop {
            sleep(Duration::from_millis(stop)).await;
            interrupter.send_replace(if run.at_once { Interrupt::Now } else { Interrupt::Stop });
        }
        std::future::pending::<()>().await;
    };
    let result: Result<_, String> = tokio::select! {
        it = done => it,
        () = stopper => unreachable!("it waits for ever"),
    };
    let mut failures = vec![];
    while let Ok(event) = heard.try_recv() {
        sim.note(|| format!("      event: {event:?}"));
        if let apply::Event::Failed { address, error, .. } = &event {
            failures.push(format!("{address}: {error}"));
        }
    }
    let outcome = result?;
    let bad = outcome.summary.failed + outcome.summary.unfinished + outcome.summary.skipped > 0
        || outcome.summary.interrupted
        || outcome.journal.is_some();
    Ok(Ended { state: outcome.state, failure: bad.then(|| format!("{:?}, {}", outcome.summary, failures.join("; "))) })
}

fn shown(plan: &Plan) -> String {
    let steps: Vec<_> = plan
        .steps
        .iter()
        .map(|it| format!("\n    {:?} {} ({:?}) {:?} after {:?}", it.action, it.address, it.reason, it.changes, it.after))
        .collect();
    format!("{} unchanged{} {:?}", plan.unchanged, steps.join(""), plan.notes)
}

fn pretty(state: &State) -> String {
    serde_json::to_string_pretty(state).expect("a state is data")
}

/// As the next process would read it.
fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(it: &T) -> T {
    serde_json::from_str(&serde_json::to_string(it).expect("it is data")).expect("it was written here")
}
