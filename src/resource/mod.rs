//! What a resource type is: [`Resource`] for who writes one, [`AnyResource`] for the engine.
//!
//! A type says how one kind of thing is found, made, changed and removed, each in as few calls as its API allows.
//! Comparing, replacing, retrying, waiting, tagging, journalling and showing are the engine's.

mod catalog;
mod erased;
mod error;
mod formats;
mod lookup;
mod marks;
pub mod schema;
mod secret;
#[cfg(test)]
pub(crate) mod testing;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use catalog::{Catalog, Describe, DescribeLookup, Types};
pub use erased::{AnyLive, AnyResource, AnyUpdate, prune};
pub use error::{Error, ErrorKind, Result};
pub use formats::{Cidr, DnsName, Policy, Protocol, Tags, Version};
pub use lookup::{AnyLookup, Lookup};
pub use marks::{immutable, kept, late, ready, set, shared, unique, volatile, write_only};
pub use secret::{FORGOTTEN, Sealed, Secret, is_sealed};

use crate::{
    diagnostic::Severity,
    value::{Path, Value},
};

/// The tag that says which state a resource belongs to.
pub const TAG_STATE: &str = "infra:state";
/// The tag that says which resource of the stack it is.
pub const TAG_ADDRESS: &str = "infra:address";
/// The tag that says which create call made it; written once and never changed.
pub const TAG_OPERATION: &str = "infra:operation";

/// What all calls go through: the AWS clients, or the in-memory cloud.
pub trait World: Clone + Send + Sync + 'static {
    /// The same, looking at another region or through another role.
    #[must_use]
    fn at(&self, location: &Location) -> Self;
}

/// Where a resource lives, as far as it differs from its stack.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Location {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The ARN of a role to take on first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// One kind of thing that can be had.
///
/// No method retries or waits; each may be called again after any failure. `create` alone is never repeated blindly.
pub trait Resource: Send + Sync + 'static {
    type World: World;
    /// What a person writes. Its JSON Schema drives checking, comparing, redaction, editors and documentation.
    /// Optional properties are `Option`s or have a serde default, which then is what leaving them out means.
    type Spec: DeserializeOwned + Serialize + JsonSchema + Send + Sync;
    /// What only the cloud knows; other resources refer to these fields.
    /// One that is not there yet is `None`; who refers to it waits.
    type Outputs: Serialize + JsonSchema + Send + Sync;

    /// `service.thing`, the key in a stack file.
    const NAME: &'static str;
    const FACTS: Facts;

    /// The id that a resource of this spec has or would have, where its name decides it.
    fn locate(_spec: &Self::Spec) -> Option<Id> {
        None
    }

    /// What no schema can say: properties that exclude each other, values that AWS refuses.
    /// Parts of the spec may be unknown.
    fn check(_spec: &Value, _problems: &mut Problems) {}

    /// Why going from one spec to the other needs a new resource, beyond what the mark `immutable` says.
    fn replaces(_from: &Self::Spec, _to: &Self::Spec) -> Option<&'static str> {
        None
    }

    /// Whether the cloud comes by itself from what is wanted of a property to what there is, as it may, and never goes back: storage
    /// that grows, a version that is kept up to date. That is no difference. Parts of what is wanted may be unknown.
    fn grown(_property: &str, _wanted: &BTreeMap<String, Value>, _there: &Value) -> bool {
        false
    }

    /// Reads many at once, answering in their order; what is gone is `None`, never an error.
    fn read(world: &Self::World, ids: &[Id], wanted: &Wanted) -> impl Future<Output = Result<Vec<Option<Live<Self>>>>> + Send;

    /// What a create with this operation id made, if anything: by its tag, or by content among what no state knows.
    fn find(_world: &Self::World, _find: Find<'_, Self>) -> impl Future<Output = Result<Option<Id>>> + Send {
        async { Ok(None) }
    }

    /// Makes one, in exactly one call. What that call cannot set is left to `update`, which always follows.
    fn create(world: &Self::World, create: Create<'_, Self>) -> impl Future<Output = Result<Id>> + Send;

    /// The properties that this create call does not set although nobody can read whether they are: `update` follows with them.
    fn unset(_spec: &Self::Spec) -> &'static [&'static str] {
        &[]
    }

    /// Makes what is there equal to `to`; called to finish a create, to change and to repair.
    fn update(world: &Self::World, update: Update<'_, Self>) -> impl Future<Output = Result<()>> + Send;

    /// The outputs that are [`Sealed`], in clear text as [`Value::Secret`], in a map by their names. Called only where something is
    /// about to be made of them.
    fn open(_world: &Self::World, _id: &Id) -> impl Future<Output = Result<Value>> + Send {
        async { Ok(Value::map()) }
    }

    /// What the status means to who asked for `wanted`, once an update had the time to show: what is usable again as it was
    /// before has failed to become what it should be, and not everybody wants to wait.
    fn settled(_wanted: &Self::Spec, _live: &Self::Spec, status: Status) -> Status {
        status
    }

    /// What would make the cloud refuse its delete, told with a plan that has it; `going` is all that the plan deletes.
    fn obstacle(
        _world: &Self::World,
        _delete: Delete<'_, Self>,
        _going: &BTreeSet<Id>,
    ) -> impl Future<Output = Result<Option<Obstacle>>> + Send {
        async { Ok(None) }
    }

    /// Starts to remove it; the engine waits until `read` no longer finds it. Gone already is success.
    fn delete(world: &Self::World, delete: Delete<'_, Self>) -> impl Future<Output = Result<()>> + Send;
}

/// The name that the cloud gave: a VPC's id, a role's name, a load balancer's ARN.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Id(pub String);

impl Id {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// One resource as the cloud has it.
#[derive(Debug)]
pub struct Live<R: Resource + ?Sized> {
    /// In the same form as a person would write it; the YAML of an adopted resource is this.
    pub spec: R::Spec,
    pub outputs: R::Outputs,
    pub status: Status,
    /// Properties of `spec` that were not read, because they were not wanted or cannot be, and hold any value.
    pub unread: Vec<&'static str>,
}

/// How far along a resource is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// It can be used.
    Ready,
    /// It exists and will be usable; the text is AWS's own state.
    Pending(String),
    /// It will never be usable; the text says why.
    Failed(String),
    /// The last change of it failed, and another may mend it; the text says why. A read leaves out what that change would have
    /// set, so that there is something to be done.
    UpdateFailed(String),
    /// It is on its way out; counts as there until it is gone.
    Deleting(String),
}

impl Status {
    /// How the text of a pending one begins whose changes were taken to be made later; the properties follow, parted by commas.
    pub const WAITING: &str = "pending: ";

    /// The properties whose changes were taken and are made later, in a maintenance window for example.
    pub fn waiting(&self) -> Vec<&str> {
        match self {
            Self::Pending(text) => text.strip_prefix(Self::WAITING).map(|it| it.split(", ").collect()).unwrap_or_default(),
            _ => vec![],
        }
    }
}

/// Which properties a read is for, so that those that cost a call each are read only when needed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Wanted(pub BTreeSet<String>);

impl Wanted {
    pub fn has(&self, property: &str) -> bool {
        self.0.contains(property)
    }
}

pub struct Find<'a, R: Resource + ?Sized> {
    /// The value of the tag [`TAG_OPERATION`].
    pub operation: &'a str,
    pub spec: &'a R::Spec,
    /// Ids of this type that some state knows: none of these is the answer.
    pub known: &'a BTreeSet<Id>,
}

pub struct Create<'a, R: Resource + ?Sized> {
    /// Complete, and with the engine's tags in it.
    pub spec: &'a R::Spec,
    /// The same for every try of this create: 32 hexadecimal digits.
    pub token: &'a str,
}

pub struct Update<'a, R: Resource + ?Sized> {
    pub id: &'a Id,
    /// As it was read; what cannot be read holds what `to` holds, save an optional property that changes.
    pub from: &'a R::Spec,
    /// Equal to `from` except where something must change.
    pub to: &'a R::Spec,
    /// The top-level properties that differ, those that cannot be read back included.
    pub changed: &'a BTreeSet<String>,
}

impl<R: Resource + ?Sized> Update<'_, R> {
    pub fn changes(&self, property: &str) -> bool {
        self.changed.contains(property)
    }
}

pub struct Delete<'a, R: Resource + ?Sized> {
    pub id: &'a Id,
    /// As last applied.
    pub spec: &'a R::Spec,
}

/// Why a delete would be refused as things are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Obstacle {
    pub what: String,
    pub remedy: String,
}

/// What the engine has to know of a type beyond its calls. Start from [`Facts::DEFAULT`].
#[derive(Debug)]
pub struct Facts {
    /// How long one usually takes, for the order of work and for the forecast.
    pub typical: Durations,
    /// How long it may take at most before the engine gives up waiting.
    pub timeout: Durations,
    /// Errors that pass by themselves.
    pub passing: &'static [Passing],
    /// Error codes that mean that it is not there.
    pub gone: &'static [&'static str],
    /// Error codes of a delete that mean that nobody can remove it, and that it goes by itself some time: that is not waited for.
    pub forgotten: &'static [&'static str],
    /// Whether the create call takes a token that makes repeating it safe.
    pub token: bool,
    /// How long after its create a resource may stay invisible to reads and searches.
    pub visible_within: Duration,
    /// What else must be there first although no property says so.
    pub after: &'static [After],
    /// The same for the update that follows the create: a bucket's notifications wait for the permission that names the bucket.
    pub late_after: &'static [After],
    /// What else must be there first where its name is made of this one's.
    pub namesakes: &'static [Namesake],
    /// Whether removing it loses data.
    pub stateful: bool,
    /// Whether a replacement makes the new one first unless the file says otherwise: for what others hold on to.
    pub create_first: bool,
    /// Properties of which two that exist at the same time must differ in at least one; empty where only the name counts.
    pub apart: &'static [&'static str],
    /// What it never leaves, by the properties that lead there, each on what the former refers to: with a new one of that, it is
    /// replaced. A load balancer stays in the VPC of its subnets.
    pub within: &'static [&'static str],
    /// Whether one that failed is mended by an update, even if nothing differs: for what goes on working while a change of it fails.
    /// Others are replaced.
    pub mends: bool,
    /// The IAM actions it needs, by what is done.
    pub actions: Actions,
}

impl Facts {
    /// How long after its first occurrence a refusal may still pass by itself; nothing where it does not.
    pub fn passes(&self, refusal: &Error, during: During) -> Option<Duration> {
        let named = self.passing.iter().filter(|it| it.during == During::Any || it.during == during);
        named.filter(|it| refusal.is(&[it.code]) && refusal.message.contains(it.message)).map(|it| it.within).max()
    }

    pub const DEFAULT: Self = Self {
        typical: Durations { create: Duration::from_secs(1), update: Duration::from_secs(1), delete: Duration::from_secs(1) },
        timeout: Durations { create: Duration::from_secs(600), update: Duration::from_secs(600), delete: Duration::from_secs(1200) },
        passing: &[],
        gone: &[],
        forgotten: &[],
        token: false,
        visible_within: Duration::from_secs(30),
        after: &[],
        late_after: &[],
        namesakes: &[],
        stateful: false,
        create_first: false,
        apart: &[],
        within: &[],
        mends: false,
        actions: Actions { create: &[], read: &[], update: &[], delete: &[] },
    };
}

#[derive(Clone, Copy, Debug)]
pub struct Durations {
    pub create: Duration,
    pub update: Duration,
    pub delete: Duration,
}

#[derive(Debug)]
pub struct Actions {
    pub create: &'static [&'static str],
    pub read: &'static [&'static str],
    pub update: &'static [&'static str],
    pub delete: &'static [&'static str],
}

/// An error that passes by itself: matched by its code and a part of its message.
#[derive(Debug)]
pub struct Passing {
    pub during: During,
    pub code: &'static str,
    /// Just specific enough; empty for any message.
    pub message: &'static str,
    pub within: Duration,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum During {
    Create,
    Update,
    Delete,
    Any,
}

/// A resource of another type that must be there first, found by what both refer to.
///
/// A NAT gateway waits for the internet gateway of its VPC: from its `subnet_id` to the subnet's `vpc_id`,
/// and every `ec2.internet_gateway` whose `vpc_id` is that VPC.
#[derive(Debug)]
pub struct After {
    /// The properties to follow from this resource, each on the resource that the former leads to.
    pub from: &'static [&'static str],
    /// The other type.
    pub other: &'static str,
    /// The other's property that refers to the same resource.
    pub by: &'static str,
}

/// A resource of another type that must be there first, found by its name where both names are written.
///
/// A function waits for the log group `/aws/lambda/` and its own name: without the group it would make one by itself.
#[derive(Debug)]
pub struct Namesake {
    /// The property that names this resource.
    pub name: &'static str,
    /// What the other's name has before that name.
    pub before: &'static str,
    /// The other type.
    pub other: &'static str,
    /// The other's property that names it.
    pub by: &'static str,
}

/// Collects what [`Resource::check`] has to say.
#[derive(Debug, Default)]
pub struct Problems(pub Vec<Problem>);

#[derive(Debug)]
pub struct Problem {
    pub severity: Severity,
    /// Where in the spec.
    pub path: Path,
    /// A phrase, as the summary of a diagnostic.
    pub summary: String,
    pub help: Option<String>,
}

impl Problems {
    pub fn error(&mut self, path: Path, summary: impl Into<String>, help: impl Into<String>) {
        self.0.push(Problem { severity: Severity::Error, path, summary: summary.into(), help: Some(help.into()) });
    }
}
