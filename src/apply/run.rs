//! Carries out a plan: starts each piece of work when what it needs is done, the longest way first.

use std::{
    collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap},
    io,
    time::Duration,
};

use futures::{
    future::{BoxFuture, FutureExt as _},
    stream::{FuturesUnordered, StreamExt as _},
};
use tokio::time::Instant;

use super::{
    Event, Interrupt, Session, Skip, Summary,
    keeper::Keeper,
    scope::{Known, LiveScope},
    unit::{Failure, Shared},
};
use crate::{
    address::Address,
    cloud::Pollers,
    graph::{self, Index},
    plan::{
        Action, Request,
        decide::{Input, Made},
        schedule::{Work, schedule},
    },
    resource::{Id, Status, World},
    stack::Stack,
    state::{Entry, State},
    value::Value,
};

/// How a run ended.
#[derive(Debug)]
pub struct Outcome {
    pub state: State,
    pub summary: Summary,
    /// What kept the rest from being recorded, and so from being done.
    pub journal: Option<io::Error>,
}

/// Carries out a plan that was made from this very stack and state.
pub async fn run<W: World>(session: &Session<'_, W>, stack: &Stack, state: State, made: &Made, request: &Request) -> Outcome {
    let begun = Instant::now();
    let keeper = Keeper::new(session.journal, state);
    for (from, to) in &made.plan.moved {
        if let Err(error) = keeper.note(Entry::Moved { from: from.clone(), to: to.clone() }).await {
            return Outcome { state: keeper.into_state(), summary: Summary::default(), journal: Some(error) };
        }
    }
    let state = keeper.look(|it| it.clone());
    let catalog = &session.cloud.types.catalog;
    // The plan was made from the same: what there was to say of it was said.
    let (graph, _) = graph::build((!request.destroy).then_some(stack), &state, catalog);
    let input = Input { graph: &graph, stack, state: &state, catalog, request };
    let known = Known::default();
    let pollers = Pollers::new(session.cloud.clone());
    let shared = Shared {
        session,
        keeper: &keeper,
        input,
        decisions: &made.decisions,
        known: &known,
        pollers: &pollers,
        needed: graph.needed_outputs(catalog),
        made: Default::default(),
        troubles: Default::default(),
    };
    let mut run = Run::new(&shared, input, made);
    session.tell(Event::Begun { steps: made.plan.steps.len(), forecast: run.forecast() });
    run.publish();
    let mut journal = run.quiet().await;
    if journal.is_none() {
        journal = run.work().await;
    }
    if journal.is_none() && request.targets.is_empty() && request.excludes.is_empty() {
        journal = run.outputs().await;
    }
    let mut summary = run.summary();
    summary.elapsed = begun.elapsed();
    session.tell(Event::Finished { summary: summary.clone() });
    drop(shared);
    Outcome { state: keeper.into_state(), summary, journal }
}

/// One step of the plan while it is carried out.
struct StepRun {
    address: Address,
    action: Action,
    typical: Duration,
    left: usize,
    started: Option<Instant>,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum End {
    Done,
    Failed,
    /// Given up when the run was interrupted.
    Unfinished,
    Skipped,
}

struct Run<'a, W: World> {
    shared: &'a Shared<'a, W>,
    input: Input<'a>,
    made: &'a Made,
    work: Vec<Work>,
    /// How many pieces each still waits for.
    missing: Vec<usize>,
    followers: Vec<Vec<usize>>,
    longest: Vec<Duration>,
    /// The step that each piece belongs to.
    step_of: Vec<usize>,
    steps: Vec<StepRun>,
    interrupted: bool,
}

impl<'a, W: World> Run<'a, W> {
    fn new(shared: &'a Shared<'a, W>, input: Input<'a>, made: &'a Made) -> Self {
        let pieces = schedule(input, &made.decisions);
        let takes: Vec<_> = pieces.iter().map(|it| it.takes).collect();
        let needs: Vec<_> = pieces.iter().map(|it| it.needs.clone()).collect();
        let longest = graph::longest_paths(&needs, &takes);
        let mut followers = vec![vec![]; pieces.len()];
        for (number, needs) in needs.iter().enumerate() {
            for before in needs {
                followers[*before].push(number);
            }
        }
        let mut steps: Vec<StepRun> = vec![];
        let mut numbers: HashMap<(Option<Index>, Option<usize>), usize> = HashMap::new();
        let mut step_of = vec![];
        for piece in &pieces {
            let (index, cleared) = match piece.work {
                Work::Make(it) | Work::Finish(it) | Work::Change(it) | Work::Remove(it) | Work::Forget(it) => (Some(it), None),
                Work::Clear(it) => (None, Some(it)),
            };
            let number = *numbers.entry((index, cleared)).or_insert_with(|| {
                let (address, action) = match (index, cleared) {
                    (Some(index), _) => {
                        let action = made.decisions[index].as_ref().and_then(|it| it.action).unwrap_or(Action::Update);
                        (input.graph.nodes[index].address.clone(), action)
                    }
                    (None, cleared) => (input.state.deposed[cleared.unwrap_or_default()].address.clone(), Action::Delete),
                };
                steps.push(StepRun { address, action, typical: Duration::ZERO, left: 0, started: None, end: None });
                steps.len() - 1
            });
            steps[number].left += 1;
            steps[number].typical += piece.takes;
            step_of.push(number);
        }
        Self {
            shared,
            input,
            made,
            work: pieces.iter().map(|it| it.work).collect(),
            missing: needs.iter().map(Vec::len).collect(),
            followers,
            longest,
            step_of,
            steps,
            interrupted: false,
        }
    }

    fn forecast(&self) -> Duration {
        self.longest.iter().max().copied().unwrap_or_default()
    }

    /// What stays can be referred to at once.
    fn publish(&self) {
        for (node, decision) in self.input.graph.nodes.iter().zip(&self.made.decisions) {
            let (Some(record), Some(decision)) = (node.recorded, decision) else { continue };
            if matches!(decision.action, Some(Action::Create | Action::Replace | Action::CreateThenDelete)) {
                continue;
            }
            let outputs = decision.live.as_ref().map_or(&record.outputs, |it| &it.outputs);
            let usable = decision.live.as_ref().is_none_or(|it| it.status == Status::Ready);
            self.shared.known.publish(&node.address, record.id.clone(), outputs.clone(), decision.desired.clone(), usable);
        }
    }

    async fn quiet(&self) -> Option<io::Error> {
        for (index, decision) in self.made.decisions.iter().enumerate() {
            if decision.as_ref().is_some_and(|it| it.quiet)
                && let Err(Failure::Journal(error)) = self.shared.quiet(index).await
            {
                return Some(error);
            }
        }
        None
    }

    async fn work(&mut self) -> Option<io::Error> {
        let session = self.shared.session;
        let (mut stop, mut now) = (session.interrupt.clone(), session.interrupt.clone());
        let mut ready: BinaryHeap<(Duration, std::cmp::Reverse<usize>)> = BinaryHeap::new();
        ready.extend((0..self.work.len()).filter(|it| self.missing[*it] == 0).map(|it| (self.longest[it], std::cmp::Reverse(it))));
        let mut running: FuturesUnordered<BoxFuture<'_, (usize, Result<(), Failure>)>> = FuturesUnordered::new();
        let mut journal = None;
        loop {
            self.heed();
            while journal.is_none()
                && !self.interrupted
                && let Some((_, std::cmp::Reverse(number))) = ready.pop()
            {
                if self.steps[self.step_of[number]].end.is_some() {
                    continue;
                }
                self.start(number);
                running.push(self.piece(number));
            }
            let (number, result) = tokio::select! {
                biased;
                Ok(_) = now.wait_for(|it| *it == Interrupt::Now) => {
                    // Both may have come at once.
                    self.heed();
                    break;
                }
                // Only to tell of it at once.
                Ok(_) = stop.wait_for(|it| *it >= Interrupt::Stop), if !self.interrupted => continue,
                next = running.next() => match next {
                    Some(it) => it,
                    None => break,
                },
            };
            match result {
                Ok(()) => {
                    self.done(number);
                    for follower in std::mem::take(&mut self.followers[number]) {
                        self.missing[follower] -= 1;
                        if self.missing[follower] == 0 {
                            ready.push((self.longest[follower], std::cmp::Reverse(follower)));
                        }
                    }
                }
                Err(Failure::Interrupted) => self.give_up(number),
                Err(Failure::Failed { .. }) if self.was_given_up(number) => self.give_up(number),
                Err(Failure::Failed { error, help }) => self.fail(number, error, help),
                Err(Failure::Journal(error)) => {
                    self.fail(
                        number,
                        format!("the journal cannot be written: {error}"),
                        Some("nothing more is done, because it could not be recorded".into()),
                    );
                    journal = Some(error);
                }
            }
        }
        drop(running);
        for number in 0..self.steps.len() {
            if self.steps[number].end.is_none() && self.steps[number].left > 0 {
                self.leave(number);
            }
        }
        journal
    }

    fn piece(&self, number: usize) -> BoxFuture<'a, (usize, Result<(), Failure>)> {
        let shared = self.shared;
        let (graph, state) = (self.input.graph, self.input.state);
        let gone = |index: Index| self.made.decisions[index].as_ref().is_some_and(|it| it.gone);
        let work = self.work[number];
        match work {
            Work::Make(index) => async move { (number, shared.make(index).await) }.boxed(),
            Work::Finish(index) => async move { (number, shared.finish(index).await) }.boxed(),
            Work::Change(index) => async move { (number, shared.change(index).await) }.boxed(),
            Work::Remove(index) => {
                let node = &graph.nodes[index];
                let gone = gone(index);
                let timeout = node.wanted.and_then(|it| it.options.timeouts.delete);
                async move {
                    let result = match node.recorded {
                        Some(record) => shared.remove(&node.address, record, gone, timeout).await,
                        None => Ok(()),
                    };
                    (number, result)
                }
                .boxed()
            }
            Work::Clear(deposed) => {
                let deposed = &state.deposed[deposed];
                async move { (number, shared.remove(&deposed.address, &deposed.record, false, None).await) }.boxed()
            }
            Work::Forget(index) => {
                let address = graph.nodes[index].address.clone();
                async move { (number, shared.keeper.note(Entry::Forgotten { address }).await.map_err(Failure::Journal)) }.boxed()
            }
        }
    }

    fn start(&mut self, number: usize) {
        let step = &mut self.steps[self.step_of[number]];
        if step.started.is_none() {
            step.started = Some(Instant::now());
            let event = Event::Started { address: step.address.clone(), action: step.action, typical: step.typical };
            self.shared.session.tell(event);
        }
    }

    fn done(&mut self, number: usize) {
        let step = &mut self.steps[self.step_of[number]];
        step.left -= 1;
        if step.left == 0 {
            step.end = Some(End::Done);
            let id = self.shared.keeper.look(|state| state.resources.get(&step.address).map(|it| it.id.clone()));
            let id: Option<Id> = id.filter(|_| !matches!(step.action, Action::Delete | Action::Forget));
            let elapsed = step.started.map(|it| it.elapsed()).unwrap_or_default();
            self.shared.session.tell(Event::Done { address: step.address.clone(), action: step.action, id, elapsed });
        }
    }

    fn fail(&mut self, number: usize, error: String, help: Option<String>) {
        let step = &mut self.steps[self.step_of[number]];
        step.end = Some(End::Failed);
        let elapsed = step.started.map(|it| it.elapsed()).unwrap_or_default();
        let event = Event::Failed { address: step.address.clone(), action: step.action, error, help, elapsed };
        self.shared.session.tell(event);
        self.skip_followers(number);
    }

    /// Takes notice of an interrupt.
    fn heed(&mut self) {
        let session = self.shared.session;
        if *session.interrupt.borrow() >= Interrupt::Stop && !self.interrupted {
            self.interrupted = true;
            let in_flight = self.steps.iter().filter(|it| it.started.is_some() && it.end.is_none() && it.left > 0);
            session.tell(Event::Interrupted { in_flight: in_flight.map(|it| it.address.clone()).collect() });
        }
    }

    /// Whether a piece failed only because it was not tried again after an interrupt.
    fn was_given_up(&self, number: usize) -> bool {
        self.shared.trouble(&self.steps[self.step_of[number]].address).is_some_and(|it| it.given_up)
    }

    fn give_up(&mut self, number: usize) {
        self.heed();
        if self.steps[self.step_of[number]].end.is_none() {
            self.leave(self.step_of[number]);
        }
        self.skip_followers(number);
    }

    /// Ends a step at an interrupt, where it is.
    fn leave(&mut self, step: usize) {
        let StepRun { address, action, started, end, .. } = &mut self.steps[step];
        let (address, action) = (address.clone(), *action);
        self.shared.session.tell(if started.is_some() {
            *end = Some(End::Unfinished);
            let error = self.shared.trouble(&address).map(|it| it.error);
            Event::Unfinished { address, action, error }
        } else {
            *end = Some(End::Skipped);
            Event::Skipped { address, action, because: Skip::Interrupted }
        });
    }

    /// Everything that needs a piece that failed is not tried.
    fn skip_followers(&mut self, number: usize) {
        let mut seen = BTreeSet::new();
        let mut open: Vec<(usize, usize)> = self.followers[number].iter().map(|it| (*it, number)).collect();
        while let Some((follower, before)) = open.pop() {
            if !seen.insert(follower) {
                continue;
            }
            let needs = self.steps[self.step_of[before]].address.clone();
            let step = &mut self.steps[self.step_of[follower]];
            if step.end.is_none() {
                step.end = Some(End::Skipped);
                let because = if self.interrupted { Skip::Interrupted } else { Skip::Needs { address: needs } };
                self.shared.session.tell(Event::Skipped { address: step.address.clone(), action: step.action, because });
            }
            open.extend(self.followers[follower].iter().map(|it| (*it, follower)));
        }
    }

    /// Records the outputs as far as they are known.
    async fn outputs(&self) -> Option<io::Error> {
        let Input { graph, catalog, stack, state, request, .. } = self.input;
        let scope = LiveScope { graph, catalog, known: self.shared.known };
        let mut outputs = BTreeMap::new();
        if request.destroy {
            if self.steps.iter().any(|it| it.end != Some(End::Done)) {
                return None;
            }
        } else {
            for (name, output) in &stack.outputs {
                match output.value.evaluate(&scope).0 {
                    Value::Null => {}
                    value if value.has_secret() => {}
                    value => {
                        let known = value.reveal().ok().or_else(|| state.outputs.get(name).cloned());
                        outputs.extend(known.map(|it| (name.clone(), it)));
                    }
                }
            }
        }
        if outputs == state.outputs {
            return None;
        }
        self.shared.keeper.note(Entry::Outputs { outputs }).await.err()
    }

    fn summary(&self) -> Summary {
        let mut summary = Summary { interrupted: self.interrupted, ..Summary::default() };
        for step in &self.steps {
            let counter = match (step.end, step.action) {
                (Some(End::Failed), _) => &mut summary.failed,
                (Some(End::Unfinished), _) => &mut summary.unfinished,
                (Some(End::Skipped) | None, _) => &mut summary.skipped,
                (Some(End::Done), Action::Create) => &mut summary.created,
                (Some(End::Done), Action::Adopt) => &mut summary.adopted,
                (Some(End::Done), Action::Update) => &mut summary.updated,
                (Some(End::Done), Action::Replace | Action::CreateThenDelete) => &mut summary.replaced,
                (Some(End::Done), Action::Delete) => &mut summary.deleted,
                (Some(End::Done), Action::Forget) => &mut summary.forgotten,
            };
            *counter += 1;
        }
        summary
    }
}
