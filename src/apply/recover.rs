//! What an earlier run, or a call without an answer, left open: whether a create had its effect.

use std::{collections::BTreeSet, io, time::Duration};

use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use super::{Event, Recovery, Session};
use crate::{
    address::Address,
    cloud::{self, Cloud, Question, pace},
    resource::{AnyLive, AnyResource, During, Error, Facts, Id, Status, TAG_OPERATION, Wanted, World, schema::TypeSchema},
    stack::Stack,
    state::{Entry, Pending, Record, State},
};

/// How far a recovery goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// Looks once and leaves open what is not found: for a plan, which changes nothing.
    Look,
    /// Waits and repeats until it is certain.
    Settle,
}

/// How many times a create is called in one run while its outcome is not known.
pub(super) const CREATES: u32 = 8;

/// Why a recovery did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum Unrecovered {
    #[error("the cloud could not be asked what an earlier run had created")]
    Cloud(#[source] Error),
    #[error("the journal cannot be written")]
    Journal(#[source] io::Error),
}

/// Settles the creates whose outcome is not known, one by one, and counts in what is found.
///
/// # Errors
/// The cloud could not be asked, or the journal not written; what was settled before counts.
pub async fn recover<W: World>(session: &Session<'_, W>, stack: &Stack, state: &mut State, patience: Patience) -> Result<(), Unrecovered> {
    let begun = Instant::now();
    for (operation, pending) in state.pending.clone() {
        let Some(resource) = session.cloud.types.resource(&pending.type_name) else { continue };
        let known = known(state, &pending.type_name);
        // Its last try was made when nobody knows, at the latest just before this run; only what is long past was seen by now.
        let long_past = session.clock.since(pending.begun) >= longest_create(resource.facts());
        let visible_within = session.cloud.visible_within(resource.facts());
        let (mut since, mut certain) = (begun, if long_past { Duration::ZERO } else { visible_within });
        let mut asked = since.elapsed();
        let mut found = look_for(&session.cloud, resource, &operation, &pending, &known).await.map_err(Unrecovered::Cloud)?;
        let wanted = stack.resources.get(&pending.address).is_some_and(|it| it.type_name == pending.type_name);
        if found.is_none() && patience == Patience::Settle && wanted && resource.facts().token {
            match replay(session, resource, &operation, &pending).await {
                Ok(it) => found = it,
                // It may have made it just now.
                Err(error) if error.maybe_executed() => (since, certain, asked) = (Instant::now(), visible_within, Duration::ZERO),
                // Whatever else goes wrong there: looking and waiting goes on.
                Err(_) => {}
            }
        }
        while found.is_none() && patience == Patience::Settle {
            // By when it was asked, not answered: the answer may have been long on its way.
            if asked >= certain {
                break;
            }
            sleep(pace(asked)).await;
            asked = since.elapsed();
            found = look_for(&session.cloud, resource, &operation, &pending, &known).await.map_err(Unrecovered::Cloud)?;
        }
        let address = pending.address.clone();
        let (entry, event) = match found {
            Some((id, how)) => {
                (Entry::Created { operation, id: id.clone(), at: session.clock.now() }, Event::Recovered { address, id, how })
            }
            None if patience == Patience::Look => continue,
            None => (Entry::NotCreated { operation }, Event::NothingToRecover { address }),
        };
        count_in(session, state, &entry).await?;
        session.tell(event);
    }
    Ok(())
}

/// What is in the file and was about to be deleted when an earlier run ended.
pub fn half_deleted(stack: &Stack, state: &State) -> Vec<Address> {
    let is_wanted =
        |address: &Address| stack.resources.contains_key(address) || stack.moved.iter().any(|it| address.is_within(it.from.as_str()));
    let wanted = state.resources.iter().filter(|(address, it)| it.deleting.is_some() && is_wanted(address));
    wanted.map(|(address, _)| address.clone()).collect()
}

/// Waits until it is certain whether [half deleted](half_deleted) resources are gone, counts that in, and tells which are.
///
/// What was deleted may show for a while; a plan that believed that would leave the stack without it.
///
/// # Errors
/// The cloud could not be asked, or the journal not written; what was settled before counts.
pub async fn settle_deletes<W: World>(session: &Session<'_, W>, stack: &Stack, state: &mut State) -> Result<Vec<Address>, Unrecovered> {
    let begun = Instant::now();
    let mut gone = vec![];
    for address in half_deleted(stack, state) {
        let record = state.resources[&address].clone();
        let (Some(resource), Some(at)) = (session.cloud.types.resource(&record.type_name), record.deleting) else { continue };
        let facts = resource.facts();
        let visible_within = session.cloud.visible_within(facts);
        let longest = cloud::longest_call(facts) + facts.timeout.delete + visible_within;
        let certain = if session.clock.since(at) >= longest { Duration::ZERO } else { visible_within };
        let Record { type_name, location, id, .. } = record.clone();
        let question = [Question { type_name, location, id, wanted: BTreeSet::new() }];
        let entry = loop {
            let asked = begun.elapsed();
            let found = cloud::observe(&session.cloud, &question).await.map_err(Unrecovered::Cloud)?;
            match found.into_iter().next().flatten() {
                None => break Some(Entry::Deleted { address: address.clone(), id: record.id.clone() }),
                // The plan sees that it goes.
                Some(AnyLive { status: Status::Deleting(_), .. }) => break None,
                Some(_) if asked >= certain => {
                    break Some(Entry::Recorded { address: address.clone(), record: Record { deleting: None, ..record } });
                }
                Some(_) => sleep(pace(asked)).await,
            }
        };
        let Some(entry) = entry else { continue };
        count_in(session, state, &entry).await?;
        if matches!(entry, Entry::Deleted { .. }) {
            gone.push(address);
        }
    }
    Ok(gone)
}

/// Writes an entry down and then counts it.
async fn count_in<W: World>(session: &Session<'_, W>, state: &mut State, entry: &Entry) -> Result<(), Unrecovered> {
    session.journal.append(entry).await.map_err(Unrecovered::Journal)?;
    state.fold(entry).map_err(|it| Unrecovered::Journal(io::Error::other(it)))
}

/// How long after its beginning a create may be tried and its effect not be seen.
fn longest_create(facts: &Facts) -> Duration {
    (cloud::longest_call(facts) + facts.visible_within) * (CREATES + 1)
}

/// The ids of a type that the state knows.
pub(super) fn known(state: &State, type_name: &str) -> BTreeSet<Id> {
    let records = state.resources.values().chain(state.deposed.iter().map(|it| &it.record));
    records.filter(|it| it.type_name == type_name).map(|it| it.id.clone()).collect()
}

/// Looks once for what a create may have made: by its name, otherwise by its operation.
pub(super) async fn look_for<W: World>(
    cloud: &Cloud<W>,
    resource: &dyn AnyResource<W>,
    operation: &str,
    pending: &Pending,
    known: &BTreeSet<Id>,
) -> Result<Option<(Id, Recovery)>, Error> {
    let world = cloud.world.at(&pending.location);
    let service = service(&pending.type_name);
    let repeatable = cloud::Patience::Repeatable(During::Any);
    if let Some(name) = &pending.name {
        if known.contains(name) {
            return Ok(None);
        }
        let tags = cloud.types.catalog.schema(&pending.type_name).and_then(TypeSchema::tags);
        let wanted = Wanted(tags.into_iter().map(str::to_owned).collect());
        let ids = [name.clone()];
        let found = cloud.call(service, resource.facts(), repeatable, &|_| {}, || resource.read(&world, &ids, &wanted)).await?;
        let ours = |live: &AnyLive| {
            let tag = tags.and_then(|it| live.spec.get(it)).and_then(|it| it.get(TAG_OPERATION));
            pending.free || tag.and_then(Json::as_str) == Some(operation)
        };
        let live = found.into_iter().next().flatten().filter(|it| !matches!(it.status, Status::Deleting(_)));
        return Ok(live.filter(ours).map(|_| (name.clone(), Recovery::Name)));
    }
    let found =
        cloud.call(service, resource.facts(), repeatable, &|_| {}, || resource.find(&world, operation, &pending.applied, known)).await?;
    Ok(found.map(|it| (it, Recovery::Operation)))
}

/// Repeats a create with its own token and its own words: what it made, or makes now.
async fn replay<W: World>(
    session: &Session<'_, W>,
    resource: &dyn AnyResource<W>,
    operation: &str,
    pending: &Pending,
) -> Result<Option<(Id, Recovery)>, Error> {
    if pending.applied.to_string().contains("infra:hash") {
        return Ok(None);
    }
    let tags = session.cloud.types.catalog.schema(&pending.type_name).and_then(TypeSchema::tags);
    let spec = with_operation(pending.applied.clone(), tags, operation);
    let world = session.cloud.world.at(&pending.location);
    let once = cloud::Patience::Once;
    let call =
        session.cloud.call(service(&pending.type_name), resource.facts(), once, &|_| {}, || resource.create(&world, &spec, operation));
    Ok(Some((call.await?, Recovery::Token)))
}

/// Adds the tag by which a create can be found.
pub(super) fn with_operation(mut spec: Json, tags: Option<&str>, operation: &str) -> Json {
    if let (Some(tags), Json::Object(spec)) = (tags, &mut spec)
        && let Json::Object(tags) = spec.entry(tags).or_insert_with(|| Json::Object(Default::default()))
    {
        tags.insert(TAG_OPERATION.to_owned(), operation.into());
    }
    spec
}

/// The service of a type, which its calls are counted for.
pub(super) fn service(type_name: &str) -> &str {
    type_name.split('.').next().unwrap_or(type_name)
}

/// How long something has been waited for.
pub(super) struct Waited(Instant);

impl Waited {
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    pub(super) fn so_far(&self) -> std::time::Duration {
        self.0.elapsed()
    }

    /// When to look next.
    pub(super) fn next(&self) -> Instant {
        Instant::now() + pace(self.so_far())
    }
}
