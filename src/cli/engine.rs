//! The engine's calls: settling what was left open, what would be done, and doing it.

use std::{sync::Arc, time::Duration};

use infra::{
    address::Address,
    apply::{self, Event, Interrupt, Patience, Refusal, Session, Summary},
    cloud::{Clock, Cloud},
    plan::{Request, decide::Made},
    report::{Observer as _, Progress, Shell},
    resource::{Error, ErrorKind, Types},
    state::{FileJournal, Journal, MemoryJournal, State},
};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::{
    cloud::LOCAL,
    failure::{Failure, Result},
    options::Limits,
    prepare::Prepared,
    stacks,
};
use crate::aws::Aws;

/// How often a progress is drawn anew.
const TICK: Duration = Duration::from_millis(100);
/// How long the local cloud may hide what is new; it does not, but a call of a killed run may still be under way.
const AT_ONCE: Duration = Duration::from_secs(2);

/// What the command line asks a plan to be about.
pub(crate) fn request(limits: &Limits) -> Request {
    Request { refresh: true, targets: limits.targets.clone(), excludes: limits.excludes.clone(), ..Request::default() }
}

/// The cloud of one stack.
pub(crate) fn cloud(prepared: &Prepared, types: &Arc<Types<Aws>>) -> Arc<Cloud<Aws>> {
    let cloud = Cloud::new(types.clone(), prepared.aws.clone());
    Arc::new(if prepared.stack.environment == LOCAL { cloud.hiding_at_most(AT_ONCE) } else { cloud })
}

/// Counts in, without recording it, what an earlier run had created and not recorded, and what it had deleted.
pub(crate) async fn look(shell: &mut Shell, prepared: &Prepared, cloud: &Arc<Cloud<Aws>>, state: &mut State, destroys: bool) -> Result<()> {
    let journal = MemoryJournal::new();
    recover(shell, prepared, cloud, state, &journal, Patience::Look).await?;
    settle_deletes(shell, prepared, cloud, state, &journal, &half_deleted(prepared, state, destroys)).await
}

/// What an earlier run was about to delete of what the file has. What is destroyed goes, whether or not it has gone already.
pub(crate) fn half_deleted(prepared: &Prepared, state: &State, destroys: bool) -> Vec<Address> {
    if destroys { vec![] } else { apply::half_deleted(&prepared.stack, state) }
}

/// Settles what an earlier run left open: what it had begun to create, and what of this it was about to delete.
pub(crate) async fn settle(
    shell: &mut Shell,
    prepared: &Prepared,
    cloud: &Arc<Cloud<Aws>>,
    state: &mut State,
    journal: &FileJournal,
    half_deleted: &[Address],
) -> Result<()> {
    recover(shell, prepared, cloud, state, journal, Patience::Settle).await?;
    settle_deletes(shell, prepared, cloud, state, journal, half_deleted).await
}

async fn settle_deletes(
    shell: &mut Shell,
    prepared: &Prepared,
    cloud: &Arc<Cloud<Aws>>,
    state: &mut State,
    journal: &dyn Journal,
    half_deleted: &[Address],
) -> Result<()> {
    if half_deleted.is_empty() {
        return Ok(());
    }
    let begun: Vec<_> = half_deleted.iter().map(|it| format!("`{it}`")).collect();
    shell.status("Looking", &format!("whether what an earlier run was about to delete is gone: {}", begun.join(", ")));
    let (events, _unheard) = mpsc::unbounded_channel();
    let session = session(cloud, journal, events);
    for address in apply::settle_deletes(&session, &prepared.stack, state).await.map_err(Failure::failed)? {
        shell.note(&format!("`{address}` had been deleted by an earlier run"));
    }
    Ok(())
}

async fn recover(
    shell: &mut Shell,
    prepared: &Prepared,
    cloud: &Arc<Cloud<Aws>>,
    state: &mut State,
    journal: &dyn Journal,
    patience: Patience,
) -> Result<()> {
    if state.pending.is_empty() {
        return Ok(());
    }
    let begun: Vec<_> = state.pending.values().map(|it| format!("`{}`", it.address)).collect();
    shell.status("Looking", &format!("for what an earlier run had begun to create: {}", begun.join(", ")));
    let (events, mut receiver) = mpsc::unbounded_channel();
    let session = session(cloud, journal, events);
    let mut tell = |event: Event| match event {
        Event::Recovered { address, id, .. } => {
            shell.note(&format!("`{address}` had been created by an earlier run: found {id}, going on with it"));
        }
        Event::NothingToRecover { address } => {
            shell.note(&format!("an earlier run had begun to create `{address}`; nothing came of it"));
        }
        _ => {}
    };
    let result = {
        let run = apply::recover(&session, &prepared.stack, state, patience);
        tokio::pin!(run);
        loop {
            tokio::select! {
                Some(event) = receiver.recv() => tell(event),
                result = &mut run => break result,
            }
        }
    };
    while let Ok(event) = receiver.try_recv() {
        tell(event);
    }
    result.map_err(Failure::failed)
}

/// A session before the run, which a signal ends as it ends any process.
fn session<'a>(cloud: &Arc<Cloud<Aws>>, journal: &'a dyn Journal, events: mpsc::UnboundedSender<Event>) -> Session<'a, Aws> {
    let interrupt = watch::channel(Interrupt::None).1;
    Session { cloud: cloud.clone(), journal, events, interrupt, clock: Clock::from(Timestamp::now()) }
}

/// What would be done.
pub(crate) async fn plan(shell: &mut Shell, prepared: &Prepared, cloud: &Cloud<Aws>, state: &State, request: &Request) -> Result<Made> {
    match apply::plan(cloud, &prepared.stack, state, request).await {
        Ok((made, warnings)) => {
            stacks::tell(shell, &warnings)?;
            Ok(made)
        }
        Err(Refusal::Diagnostics(diagnostics)) => {
            stacks::tell(shell, &diagnostics)?;
            Err(Failure::invalid("there is no plan"))
        }
        Err(Refusal::Error(error)) => {
            let help = help(&error);
            Err(Failure::failed(error).while_doing("AWS could not be asked what there is".to_owned()).help(help))
        }
    }
}

pub(crate) fn help(error: &Error) -> &'static str {
    match error.kind {
        ErrorKind::Credentials => "renew the credentials, or choose others with --profile",
        ErrorKind::Rejected => "the credentials need the permission to read what the stack has",
        ErrorKind::Bug => "this is a fault of infra; please report it",
        _ => "check the network and the endpoint, and run the same command again",
    }
}

/// Does what a plan says, telling `progress`; ends early when an interrupt asks for it.
#[expect(clippy::too_many_arguments, reason = "it is the one place where all of these meet")]
pub(crate) async fn apply(
    prepared: &Prepared,
    cloud: &Arc<Cloud<Aws>>,
    state: State,
    made: &Made,
    request: &Request,
    journal: &FileJournal,
    progress: &mut Progress,
    interrupt: watch::Receiver<Interrupt>,
) -> Result<Summary> {
    let (events, mut receiver) = mpsc::unbounded_channel();
    let session = Session { cloud: cloud.clone(), journal, events, interrupt, clock: Clock::from(Timestamp::now()) };
    let run = apply::run(&session, &prepared.stack, state, made, request);
    tokio::pin!(run);
    let mut tick = tokio::time::interval(TICK);
    let outcome = loop {
        tokio::select! {
            Some(event) = receiver.recv() => progress.event(&event),
            _ = tick.tick() => progress.tick(),
            outcome = &mut run => break outcome,
        }
    };
    while let Ok(event) = receiver.try_recv() {
        progress.event(&event);
    }
    match outcome.journal {
        Some(error) => Err(Failure::failed(error)
            .while_doing("what is done can no longer be recorded, so nothing more was done".to_owned())
            .help("free some space or mend the folder of the state, then run the same command again")),
        None => Ok(outcome.summary),
    }
}
