//! What an entry of the journal does to the state, and whether a state makes sense.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::{Dependency, Deposed, Entry, Pending, Record, State};
use crate::{
    address::Address,
    resource::{Id, Location},
};

/// An entry does not fit the state; the state is as it was before.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum FoldError {
    #[error("no create with the operation id `{operation}` is pending")]
    UnknownOperation { operation: String },
    #[error("the create `{operation}` of `{address}` is pending already")]
    KnownOperation { operation: String, address: Address },
    #[error("nothing is recorded at `{address}`")]
    UnknownAddress { address: Address },
    #[error("nothing with the id `{id}` is recorded at `{address}`")]
    UnknownId { address: Address, id: Id },
    #[error("cannot move `{from}` to `{to}`, where something is recorded already")]
    Taken { from: Address, to: Address },
}

/// One of several entries does not fit; those before it are folded in.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("entry {} does not fit the state", .index + 1)]
pub struct ReplayError {
    /// Counted from 0.
    pub index: usize,
    #[source]
    pub source: FoldError,
}

impl State {
    /// Applies one entry and counts it in the serial.
    ///
    /// # Errors
    /// The entry does not fit, and nothing was changed.
    pub fn fold(&mut self, entry: &Entry) -> Result<(), FoldError> {
        match entry {
            Entry::Creating { operation, pending } => {
                if let Some(known) = self.pending.get(operation) {
                    return Err(FoldError::KnownOperation { operation: operation.clone(), address: known.address.clone() });
                }
                self.pending.insert(operation.clone(), pending.clone());
            }
            Entry::Created { operation, id, at } => {
                let pending = self.settle(operation)?;
                self.place(pending.address.clone(), half_made(pending, id.clone(), *at));
            }
            Entry::NotCreated { operation } => drop(self.settle(operation)?),
            Entry::Updating { address } => self.resources.get_mut(address).ok_or_else(|| unknown(address))?.complete = false,
            Entry::Recorded { address, record } => {
                // The same as before, although it may be reached in another way now.
                if self.resources.get(address).is_some_and(|it| it.is_same(record)) {
                    self.resources.remove(address);
                }
                self.place(address.clone(), record.clone());
            }
            Entry::Deposed { address } => {
                let record = self.resources.remove(address).ok_or_else(|| unknown(address))?;
                self.deposed.push(Deposed { address: address.clone(), record });
            }
            // What is deposed goes in any case, whether or not it does now.
            Entry::Deleting { address, id, at } => {
                let deposed = self.deposed.iter().any(|it| it.address == *address && it.record.id == *id);
                if let Some(record) = self.resources.get_mut(address).filter(|it| !deposed && it.id == *id) {
                    record.deleting = Some(*at);
                }
            }
            Entry::Deleted { address, id } => self.remove(address, id)?,
            Entry::Forgotten { address } => self.forget(address)?,
            Entry::Moved { from, to } => self.rename(from, to)?,
            Entry::Outputs { outputs } => self.outputs.clone_from(outputs),
        }
        self.serial += 1;
        Ok(())
    }

    /// Folds in the entries of a journal that was begun at the serial `begun`, but for those that this state has already.
    ///
    /// A process can be killed after it has written the state and before it has removed the journal. The serial tells how
    /// many of the entries the state has; so doing this twice, or from any point in between, gives the same.
    ///
    /// # Errors
    /// An entry does not fit; those before it are folded in.
    pub fn replay(&mut self, begun: u64, entries: &[Entry]) -> Result<usize, ReplayError> {
        let known = usize::try_from(self.serial.saturating_sub(begun)).unwrap_or(usize::MAX);
        for (index, entry) in entries.iter().enumerate().skip(known) {
            self.fold(entry).map_err(|source| ReplayError { index, source })?;
        }
        Ok(entries.len().saturating_sub(known))
    }

    /// What no state may ever show, whenever the process that wrote it was killed: one sentence for each fault.
    ///
    /// Dependencies on what is not recorded are no fault here: a resource that is deleted to be replaced leaves those who
    /// refer to it waiting for its successor. [`Self::unsettled`] finds them.
    pub fn verify(&self) -> Vec<String> {
        let mut faults = vec![];
        let mut claims: BTreeMap<Identity<'_>, String> = BTreeMap::new();
        let current = self.resources.iter().map(|(address, record)| (address, record, ""));
        let deposed = self.deposed.iter().map(|it| (&it.address, &it.record, ", deposed"));
        for (address, record, suffix) in current.chain(deposed) {
            let claim = format!("`{address}`{suffix}");
            if record.id.as_str().is_empty() || record.type_name.is_empty() {
                faults.push(format!("{claim} has no type or no id"));
            }
            // What is deposed may depend on what has moved to its address since.
            if suffix.is_empty() && record.dependencies.iter().any(|it| it.address == *address && !it.late) {
                faults.push(format!("{claim} depends on itself before it can be created"));
            }
            match claims.entry(record.identity()) {
                std::collections::btree_map::Entry::Occupied(first) => {
                    faults.push(format!("the {} `{}` is recorded twice: at {} and at {claim}", record.type_name, record.id, first.get()));
                }
                std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(claim)),
            }
        }
        let mut creates: BTreeMap<&Address, &str> = BTreeMap::new();
        for (operation, pending) in &self.pending {
            if let Some(first) = creates.insert(&pending.address, operation) {
                faults.push(format!("two creates are pending for `{}`: `{first}` and `{operation}`", pending.address));
            }
        }
        if self.uuid.is_empty() || self.hash_key.is_empty() {
            faults.push("it has no uuid or no key for hashes".to_owned());
        }
        faults
    }

    /// What a run that came to its end without a failure leaves nothing of: one sentence for each.
    pub fn unsettled(&self) -> Vec<String> {
        let pending = self.pending.values().map(|it| format!("the outcome of creating `{}` is not known", it.address));
        let deposed = self.deposed.iter().map(|it| format!("`{}` ({}) is deposed and not deleted", it.address, it.record.id));
        let incomplete = self.resources.iter().filter(|(_, it)| !it.complete).map(|(at, _)| format!("`{at}` is not finished"));
        let dangling = self.resources.iter().flat_map(|(at, record)| {
            let missing = record.dependencies.iter().filter(|it| !self.resources.contains_key(&it.address));
            missing.map(move |it| format!("`{at}` depends on `{}`, which is not recorded", it.address))
        });
        pending.chain(deposed).chain(incomplete).chain(dangling).collect()
    }

    fn settle(&mut self, operation: &str) -> Result<Pending, FoldError> {
        self.pending.remove(operation).ok_or_else(|| FoldError::UnknownOperation { operation: operation.to_owned() })
    }

    /// Puts a record at an address without ever losing the one that was there.
    fn place(&mut self, address: Address, record: Record) {
        // What is in use must not be on the list of what is to be deleted.
        self.deposed.retain(|it| it.record.identity() != record.identity());
        if self.resources.get(&address).is_some_and(|older| older.identity() != record.identity()) {
            let older = self.resources.remove(&address).expect("just looked at");
            self.deposed.push(Deposed { address: address.clone(), record: older });
        }
        self.resources.insert(address, record);
    }

    fn remove(&mut self, address: &Address, id: &Id) -> Result<(), FoldError> {
        // Both can match where a name is the id: the type or the region under the address has changed, and the older one goes.
        if let Some(n) = self.deposed.iter().position(|it| it.address == *address && it.record.id == *id) {
            self.deposed.remove(n);
        } else if self.resources.get(address).is_some_and(|it| it.id == *id) {
            self.resources.remove(address);
        } else {
            return Err(FoldError::UnknownId { address: address.clone(), id: id.clone() });
        }
        Ok(())
    }

    fn forget(&mut self, address: &Address) -> Result<(), FoldError> {
        if self.resources.remove(address).is_some() {
            return Ok(());
        }
        let before = self.deposed.len() + self.pending.len();
        self.deposed.retain(|it| it.address != *address);
        self.pending.retain(|_, it| it.address != *address);
        if self.deposed.len() + self.pending.len() == before { Err(unknown(address)) } else { Ok(()) }
    }

    fn rename(&mut self, from: &Address, to: &Address) -> Result<(), FoldError> {
        let elsewhere = self.deposed.iter().map(|it| &it.address).chain(self.pending.values().map(|it| &it.address));
        if !self.resources.contains_key(from) && !elsewhere.into_iter().any(|it| it == from) {
            return Err(unknown(from));
        }
        if from == to {
            return Ok(());
        }
        if self.resources.contains_key(to) {
            return Err(FoldError::Taken { from: from.clone(), to: to.clone() });
        }
        // What was called so before is not there any more; keeping this would make it depend on itself.
        let gone = Dependency { address: to.clone(), late: false };
        if let Some(mut record) = self.resources.remove(from) {
            record.dependencies.remove(&gone);
            self.resources.insert(to.clone(), record);
        }
        let deposed = self.deposed.iter_mut().map(|it| (Some(&mut it.address), &mut it.record.dependencies));
        let pending = self.pending.values_mut().map(|it| (Some(&mut it.address), &mut it.dependencies));
        let current = self.resources.values_mut().map(|it| (None, &mut it.dependencies));
        for (address, dependencies) in deposed.chain(pending).chain(current) {
            if let Some(address) = address.filter(|it| *it == from) {
                *address = to.clone();
                dependencies.remove(&gone);
            }
            for late in [false, true] {
                if dependencies.remove(&Dependency { address: from.clone(), late }) {
                    dependencies.insert(Dependency { address: to.clone(), late });
                }
            }
        }
        Ok(())
    }
}

/// What makes two records speak of the same thing in the cloud.
type Identity<'a> = (&'a str, &'a Location, &'a Id);

impl Record {
    /// The type, the place and the id: a name may be the id of a role and of a log group, or of one in each region.
    pub fn identity(&self) -> (&str, &Location, &Id) {
        (&self.type_name, &self.location, &self.id)
    }

    /// Whether both are of one thing, wherever it is.
    fn is_same(&self, other: &Self) -> bool {
        self.type_name == other.type_name && self.id == other.id
    }
}

/// What is known of a resource at the moment that its create has answered.
fn half_made(pending: Pending, id: Id, at: Timestamp) -> Record {
    let Pending { type_name, location, applied, dependencies, options, .. } = pending;
    let outputs: Json = json!({});
    let shown = BTreeMap::new();
    let (complete, deleting) = (false, None);
    Record { type_name, id, location, applied, shown, outputs, dependencies, options, complete, deleting, created: at, updated: at }
}

fn unknown(address: &Address) -> FoldError {
    FoldError::UnknownAddress { address: address.clone() }
}

#[cfg(test)]
mod tests;
