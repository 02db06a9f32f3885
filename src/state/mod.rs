//! What is known to exist: the state of one stack in one environment, and the journal of what is being done to it.
//!
//! [`State`] is the whole; an [`Entry`] is one step of a change to it. Folding all entries of a journal into the state that it
//! was begun with gives the state at the moment of the last entry, whatever happened to the process that wrote them.
//!
//! | module | answers |
//! |---|---|
//! | `fold` | what an entry does to the state; whether a state makes sense |
//! | `hash` | what stands for a secret |
//! | `format` | how a state is written, and whether a file is whole |
//! | `lines` | how a journal is written, and how much of it is good |
//! | `journal`, `memory` | where entries go, durably or in tests |
//! | `load` | which state follows from the files that are there |
//! | `store` | where the files are; how they are replaced without ever being half there |
//! | `lock` | who may write |
//! | `trouble` | what can be wrong with all that, and what to do about it |
//!
//! `load`, `format` and `lines` go from bytes to a state and do not care where the bytes came from: a store on S3 would bring
//! [`ObjectStore`] and share them.

mod disk;
mod fold;
mod format;
mod hash;
mod journal;
mod lines;
mod load;
mod lock;
mod memory;
mod objects;
mod store;
#[cfg(test)]
pub(crate) mod testing;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    address::Address,
    resource::{Id, Location},
};

pub use fold::{FoldError, ReplayError};
pub use format::{FORMAT_VERSION, FormatError};
pub use hash::{as_hash, hash_form, keyed_hash, new_key};
pub use journal::FileJournal;
pub use load::Loaded;
pub use lock::{Holder, Lock};
pub use memory::{Fault, MemoryJournal};
pub use objects::{Object, ObjectStore, PutError};
pub use store::Store;
pub use trouble::{Locked, StoreError, Warning};

/// All that is recorded of one stack in one environment.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct State {
    /// Made once; everything taggable carries it.
    pub uuid: String,
    pub stack: String,
    pub environment: String,
    /// The account that it was first applied to.
    pub account: Option<String>,
    /// The region of all that says no other; where nothing is recorded it means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where AWS's own endpoints were not used; with the instance of the emulator that answered there.
    pub endpoint: Option<Endpoint>,
    /// Grows by one with each entry that is folded in, so that a journal can tell which of its entries a state has.
    pub serial: u64,
    /// The commit of the stack files that was applied last.
    pub commit: Option<String>,
    /// The key of the hashes that stand for secrets: 32 random bytes in hexadecimal.
    pub hash_key: String,
    pub resources: BTreeMap<Address, Record>,
    /// Replaced and not yet deleted.
    pub deposed: Vec<Deposed>,
    /// Creates whose outcome is not known, by operation id.
    pub pending: BTreeMap<String, Pending>,
    /// Without secrets.
    pub outputs: BTreeMap<String, Json>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Endpoint {
    pub url: String,
    /// What tells one run of the emulator from the next.
    pub instance: Option<String>,
}

/// What is recorded of one resource.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Record {
    #[serde(rename = "type")]
    pub type_name: String,
    pub id: Id,
    #[serde(default, skip_serializing_if = "is_default")]
    pub location: Location,
    /// The properties last applied; a hash in place of what is secret or cannot be read back.
    pub applied: Json,
    /// By path, the hashes of what the cloud showed where something was made of texts that are asked for only to be sent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shown: BTreeMap<String, String>,
    /// Without secrets.
    pub outputs: Json,
    #[serde(default)]
    pub dependencies: BTreeSet<Dependency>,
    #[serde(default)]
    pub options: RecordedOptions,
    /// Whether the update that finishes a create has succeeded, and every one after it.
    pub complete: bool,
    /// When its delete was about to be called, where nothing tells yet whether that had its effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleting: Option<Timestamp>,
    pub created: Timestamp,
    pub updated: Timestamp,
}

#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Dependency {
    pub address: Address,
    /// Only the update after the create refers to it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub late: bool,
}

/// The options that matter once a resource has left the file.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RecordedOptions {
    #[serde(default, skip_serializing_if = "is_default")]
    pub protect: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub retain: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub create_before_destroy: bool,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Deposed {
    pub address: Address,
    pub record: Record,
}

/// A create that was begun and has no recorded outcome.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Pending {
    pub address: Address,
    #[serde(rename = "type")]
    pub type_name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub location: Location,
    /// The id that its name decides.
    pub name: Option<Id>,
    /// Whether nothing had that name before.
    pub free: bool,
    /// As sent, with hashes in place of secrets.
    pub applied: Json,
    pub dependencies: BTreeSet<Dependency>,
    pub options: RecordedOptions,
    pub begun: Timestamp,
}

/// One line of the journal. What is about to be done is written before the call, what came of it after.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A create is about to be called; the operation id is also its token and its tag.
    Creating {
        operation: String,
        pending: Pending,
    },
    /// The create answered with an id, or was found to have had its effect: there is a half-made resource now.
    Created {
        operation: String,
        id: Id,
        at: Timestamp,
    },
    /// The create certainly had no effect.
    NotCreated {
        operation: String,
    },
    /// An update is about to be called: until recorded again, the resource counts as incomplete.
    Updating {
        address: Address,
    },
    /// All that is known of a resource now.
    Recorded {
        address: Address,
        record: Record,
    },
    /// The resource gives its place to its successor and is to be deleted.
    Deposed {
        address: Address,
    },
    /// A delete is about to be called. Recorded again, the resource is known to be there.
    Deleting {
        address: Address,
        id: Id,
        /// Earlier versions did not write it.
        #[serde(default)]
        at: Timestamp,
    },
    /// It is gone. Where an older and a newer resource of one address have the same id, this is the older one.
    Deleted {
        address: Address,
        id: Id,
    },
    /// It is no longer the stack's, and stays. Where nothing is at the address, this is what was deposed from it.
    Forgotten {
        address: Address,
    },
    /// It has another name now, everywhere.
    Moved {
        from: Address,
        to: Address,
    },
    Outputs {
        outputs: BTreeMap<String, Json>,
    },
}

/// Where entries go before they count: on disk, durable, when the future is done.
pub trait Journal: Send + Sync {
    fn append<'a>(&'a self, entry: &'a Entry) -> BoxFuture<'a, std::io::Result<()>>;
}

fn is_default<T: Default + PartialEq>(it: &T) -> bool {
    *it == T::default()
}
