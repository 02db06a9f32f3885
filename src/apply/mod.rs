//! Plan to cloud: the only part of the engine that spawns.
//!
//! [`plan()`] asks the cloud and makes the plan; [`run`] carries it out: each piece of work as soon as what it needs is done,
//! every mutating call between two entries of the journal. [`recover`] settles first what an earlier run left open.

mod event;
mod keeper;
mod obstacles;
mod record;
mod recover;
mod run;
mod scope;
mod silence;
mod unit;
mod wanted;

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep},
};

pub use event::{Event, Recovery, Skip, Summary};
pub use recover::{Patience, half_deleted, recover, settle_deletes};
pub use run::{Outcome, run};

use crate::{
    address::Address,
    cloud::{self, Clock, Cloud, Question},
    diagnostic::{Diagnostic, any_error},
    graph,
    plan::{
        Request,
        decide::{self, Input, Made, Observed, Seen},
        questions,
    },
    resource::{Error, Location, World},
    stack::Stack,
    state::{Entry, Journal, Record, State},
};

/// What a run works with.
pub struct Session<'a, W: World> {
    pub cloud: Arc<Cloud<W>>,
    pub journal: &'a dyn Journal,
    /// Nobody has to listen.
    pub events: mpsc::UnboundedSender<Event>,
    pub interrupt: watch::Receiver<Interrupt>,
    pub clock: Clock,
}

/// How urgently it is wished that the work ends.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Interrupt {
    #[default]
    None,
    /// Start nothing new, wait for nothing; let calls that are under way end.
    Stop,
    /// Do not wait for calls either.
    Now,
}

impl<W: World> Session<'_, W> {
    fn tell(&self, event: Event) {
        // Nobody has to listen.
        let _ = self.events.send(event);
    }
}

/// Why there is no plan.
#[derive(Debug)]
pub enum Refusal {
    /// The input forbids it.
    Diagnostics(Vec<Diagnostic>),
    /// The cloud did not answer.
    Error(Error),
}

/// Asks the cloud what there is and makes a plan. Changes nothing. With it come warnings.
///
/// # Errors
/// Mistakes in the input, or a cloud that could not be asked.
pub async fn plan<W: World>(cloud: &Cloud<W>, stack: &Stack, state: &State, request: &Request) -> Result<(Made, Vec<Diagnostic>), Refusal> {
    let mut state = state.clone();
    let moved = rename(stack, &mut state);
    let wanted_stack = (!request.destroy).then_some(stack);
    let (graph, diagnostics) = graph::build(wanted_stack, &state, &cloud.types.catalog);
    if any_error(&diagnostics) {
        return Err(Refusal::Diagnostics(diagnostics));
    }
    let input = Input { graph: &graph, stack, state: &state, catalog: &cloud.types.catalog, request };
    let observed = look(cloud, input).await.map_err(Refusal::Error)?;
    let (mut made, found) = decide::make(input, &observed);
    if any_error(&found) {
        return Err(Refusal::Diagnostics(found));
    }
    let obstacles = obstacles::find(cloud, stack, &state, &made.plan).await;
    made.plan.moved = moved;
    Ok((made, [diagnostics, found, obstacles].concat()))
}

/// Carries out the renames of a stack that find something to rename.
pub(crate) fn rename(stack: &Stack, state: &mut State) -> Vec<(Address, Address)> {
    let mut moved = vec![];
    for it in &stack.moved {
        // One address may stand for several resources; but not where it gets a key, and for none that the file still has.
        let gets_key = it.to.is_within(it.from.as_str());
        let means = |address: &Address| if gets_key { *address == it.from } else { address.is_within(it.from.as_str()) };
        let all = state.resources.keys().filter(|address| means(address) && !stack.resources.contains_key(*address));
        let below: Vec<_> = all.cloned().collect();
        for from in below {
            let rest = &from.as_str()[it.from.as_str().len()..];
            let to = Address::new(format!("{}{rest}", it.to));
            if !state.resources.contains_key(&to) && state.fold(&Entry::Moved { from: from.clone(), to: to.clone() }).is_ok() {
                moved.push((from, to));
            }
        }
    }
    moved
}

/// Reads all that is recorded, all names that are to be made, and all that is to be adopted.
async fn look<W: World>(cloud: &Cloud<W>, input: Input<'_>) -> Result<Observed, Error> {
    enum About {
        Recorded,
        Name,
        Adopted,
    }
    let mut questions = vec![];
    let mut about = vec![];
    for (index, node) in input.graph.nodes.iter().enumerate() {
        // What is recorded can be believed, but not of what was not finished: it may have no outputs yet, or not be seen yet.
        let asked = |it: &&Record| input.request.refresh || input.request.destroy || !it.complete || it.deleting.is_some();
        let Some(record) = node.recorded.filter(asked) else { continue };
        // What this version does not know cannot be read; the plan says what becomes of it.
        if cloud.types.resource(&record.type_name).is_some() {
            let wanted = questions::wanted(input, index);
            questions.push(Question {
                type_name: record.type_name.clone(),
                location: record.location.clone(),
                id: record.id.clone(),
                wanted,
            });
            about.push((node.address.clone(), About::Recorded));
        }
    }
    let instance = |address: &Address| input.graph.find(address).and_then(|it| input.graph.nodes[it].wanted);
    for (address, id) in questions::names(input) {
        let Some(instance) = instance(&address) else { continue };
        // Our own, of a create whose outcome is not settled yet.
        if input.state.pending.values().any(|it| it.address == address) {
            continue;
        }
        let (type_name, location): (String, Location) = (instance.type_name.to_owned(), instance.options.location.clone());
        questions.push(Question { type_name, location, id, wanted: Default::default() });
        about.push((address, About::Name));
    }
    for (index, node) in input.graph.nodes.iter().enumerate() {
        let Some((instance, id)) = node.wanted.and_then(|it| Some((it, it.options.adopt.clone()?))) else { continue };
        if node.recorded.is_none() {
            let (type_name, location) = (instance.type_name.to_owned(), instance.options.location.clone());
            questions.push(Question { type_name, location, id, wanted: questions::wanted(input, index) });
            about.push((node.address.clone(), About::Adopted));
        }
    }
    let (begun, mut asked) = (Instant::now(), cloud.clock.now());
    let mut answers = cloud::observe(cloud, &questions).await?;
    let recorded = |number: usize| match about[number] {
        (ref address, About::Recorded) => input.state.resources.get(address),
        _ => None,
    };
    // A resource that nobody has seen yet may be too fresh to be seen: taken for gone, it would be made twice.
    // What counts is when it was asked: the answer may have been long on its way.
    let mut waited = Duration::ZERO;
    loop {
        let hidden: Vec<usize> = (0..questions.len())
            .filter(|it| answers[*it].is_none())
            .filter(|it| {
                let Some(record) = recorded(*it).filter(|record| !record.complete) else { return false };
                let visible_within = cloud.types.resource(&record.type_name).map_or(Duration::ZERO, |it| cloud.visible_within(it.facts()));
                let age = Duration::try_from(asked.duration_since(record.created)).unwrap_or_default();
                age.max(waited) < visible_within
            })
            .collect();
        if hidden.is_empty() {
            break;
        }
        sleep(cloud::pace(waited)).await;
        (waited, asked) = (begun.elapsed(), cloud.clock.now());
        let again: Vec<_> = hidden.iter().map(|it| questions[*it].clone()).collect();
        for (number, live) in hidden.into_iter().zip(cloud::observe(cloud, &again).await?) {
            answers[number] = live;
        }
    }
    let (mut seen, mut adopted) = (HashMap::new(), HashMap::new());
    let mut observed = Observed::default();
    for ((question, (address, about)), live) in questions.into_iter().zip(about).zip(answers) {
        match about {
            About::Recorded => _ = seen.insert(address, Seen { live, read: question.wanted }),
            About::Adopted => _ = adopted.insert(address, Seen { live, read: question.wanted }),
            About::Name if live.is_some() => _ = observed.taken.insert(address, question.id),
            About::Name => {}
        }
    }
    (observed.seen, observed.adopted) = (seen, adopted);
    Ok(observed)
}

#[cfg(test)]
mod tests;
