//! What the events so far add up to.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use indexmap::IndexMap;

use super::Context;
use crate::{
    address::Address,
    apply::{Event, Skip},
    diagnostic::Place,
    plan::{Action, Plan},
};

/// Where a run stands.
pub(super) struct Track {
    pub(super) places: BTreeMap<Address, Place>,
    pub(super) resume: String,
    pub(super) steps: usize,
    pub(super) done: usize,
    /// In the order in which they were started.
    pub(super) running: IndexMap<Address, Running>,
    pub(super) failed: Vec<Failure>,
    /// By what they needed.
    pub(super) skipped: Vec<(Address, Skip)>,
    /// With what failed last.
    pub(super) unfinished: Vec<(Address, Option<String>)>,
    pub(super) interrupted: bool,
    forecast: Duration,
    chains: Chains,
}

pub(super) struct Running {
    pub(super) action: Action,
    pub(super) since: Duration,
    pub(super) typical: Duration,
    /// What was heard of it last.
    pub(super) remark: String,
}

pub(super) struct Failure {
    pub(super) address: Address,
    pub(super) action: Action,
    pub(super) error: String,
    pub(super) help: Option<String>,
    pub(super) elapsed: Duration,
}

impl Track {
    pub(super) fn new(context: Context) -> Self {
        Self {
            steps: context.plan.steps.len(),
            chains: Chains::of(&context.plan),
            places: context.places,
            resume: context.resume,
            done: 0,
            running: IndexMap::new(),
            failed: vec![],
            skipped: vec![],
            unfinished: vec![],
            interrupted: false,
            forecast: Duration::ZERO,
        }
    }

    pub(super) fn event(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Begun { steps, forecast } => {
                self.steps = *steps;
                self.forecast = *forecast;
            }
            Event::Started { address, action, typical } => {
                let running = Running { action: *action, since: now, typical: *typical, remark: String::new() };
                self.running.insert(address.clone(), running);
            }
            Event::Waiting { address, status } => self.remark(address, status.clone()),
            Event::Retrying { address, error, attempt, .. } => {
                self.remark(address, format!("attempt {} after {error}", attempt.saturating_add(1)));
            }
            Event::Done { address, .. } => {
                self.running.shift_remove(address);
                self.chains.end(address);
                self.done += 1;
            }
            Event::Failed { address, action, error, help, elapsed } => {
                self.running.shift_remove(address);
                self.chains.end(address);
                let (address, error, help) = (address.clone(), error.clone(), help.clone());
                self.failed.push(Failure { address, action: *action, error, help, elapsed: *elapsed });
            }
            Event::Unfinished { address, error, .. } => {
                self.running.shift_remove(address);
                self.chains.end(address);
                self.unfinished.push((address.clone(), error.clone()));
            }
            Event::Skipped { address, because, .. } => {
                self.chains.end(address);
                self.skipped.push((address.clone(), because.clone()));
            }
            Event::Interrupted { .. } => self.interrupted = true,
            Event::Recovered { .. } | Event::NothingToRecover { .. } | Event::Finished { .. } => {}
        }
    }

    /// How long it should still take: the longest chain of what is not done; once interrupted, only of what is running.
    pub(super) fn left(&self, now: Duration) -> Duration {
        let still = |it: &Running| it.typical.saturating_sub(now.saturating_sub(it.since));
        if self.interrupted {
            return self.running.values().map(still).max().unwrap_or_default();
        }
        if self.chains.steps.is_empty() {
            return self.forecast.saturating_sub(now);
        }
        self.chains.longest(|address, typical| self.running.get(address).map_or(typical, still))
    }

    /// What was not tried, each with the failure that it waited for in the first place; none where the run was interrupted.
    pub(super) fn roots(&self) -> Vec<(&Address, Option<&Address>)> {
        let causes: HashMap<_, _> = self.skipped.iter().map(|(address, skip)| (address, skip)).collect();
        let mut known: HashMap<&Address, Option<&Address>> = HashMap::with_capacity(causes.len());
        self.skipped
            .iter()
            .map(|(address, skip)| {
                let root = root(skip, &causes, &known);
                known.insert(address, root);
                (address, root)
            })
            .collect()
    }

    fn remark(&mut self, address: &Address, remark: String) {
        if let Some(running) = self.running.get_mut(address) {
            running.remark = remark;
        }
    }
}

/// Follows what a skipped step needed to one that was not itself skipped.
fn root<'a>(
    mut skip: &'a Skip,
    causes: &HashMap<&'a Address, &'a Skip>,
    known: &HashMap<&'a Address, Option<&'a Address>>,
) -> Option<&'a Address> {
    // A chain cannot be longer than there are links, whatever the events say.
    for _ in 0..=causes.len() {
        let Skip::Needs { address } = skip else { return None };
        if let Some(root) = known.get(address) {
            return *root;
        }
        match causes.get(address) {
            Some(next) => skip = next,
            None => return Some(address),
        }
    }
    None
}

/// What waits for what, with what is done taken out.
struct Chains {
    steps: Vec<Link>,
    by_address: HashMap<Address, Vec<usize>>,
}

struct Link {
    address: Address,
    typical: Duration,
    after: Vec<usize>,
    ended: bool,
}

impl Chains {
    fn of(plan: &Plan) -> Self {
        let mut chains = Self { steps: Vec::with_capacity(plan.steps.len()), by_address: HashMap::with_capacity(plan.steps.len()) };
        for (n, step) in plan.steps.iter().enumerate() {
            let after = step.after.iter().filter_map(|it| chains.by_address.get(it)).flatten().copied().collect();
            chains.steps.push(Link { address: step.address.clone(), typical: step.typical, after, ended: false });
            chains.by_address.entry(step.address.clone()).or_default().push(n);
        }
        chains
    }

    /// One step of the address has ended; where it has two, in their order.
    fn end(&mut self, address: &Address) {
        let steps = &mut self.steps;
        if let Some(n) = self.by_address.get(address).and_then(|all| all.iter().find(|n| !steps[**n].ended)) {
            steps[*n].ended = true;
        }
    }

    fn longest(&self, remaining: impl Fn(&Address, Duration) -> Duration) -> Duration {
        let mut ends: Vec<Duration> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let before = step.after.iter().map(|it| ends[*it]).max().unwrap_or_default();
            ends.push(if step.ended { before } else { before + remaining(&step.address, step.typical) });
        }
        ends.into_iter().max().unwrap_or_default()
    }
}
