//! The types of the strict cloud: each stands for a kind of thing that AWS has.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};
use tokio::time::Instant;

use super::cloud::{Changed, Kind, Made, Sim, Thing, tag};
use crate::resource::{
    After, Cidr, Create, Delete, During, Error, FORGOTTEN, Facts, Find, Id, Live, Passing, Resource, Result, Sealed, Secret, Status,
    TAG_OPERATION, Tags, Types, Update, Wanted, immutable, late, ready, unique, volatile, write_only,
};
use crate::value::Value;

pub(super) static TYPES: LazyLock<Arc<Types<Sim>>> =
    LazyLock::new(|| Arc::new(Types::new(&[&Network, &Subnet, &Group, &Attachment, &Gateway, &Name, &Entry], &[])));

/// What something refers to, by type and id; without what is no text.
pub(super) fn references(type_name: &str, spec: &Map<String, Json>) -> Vec<(&'static str, String)> {
    let one = |property: &str, other: &'static str| {
        let id = spec.get(property).and_then(Json::as_str)?;
        Some((other, id.to_owned()))
    };
    match type_name {
        "sim.subnet" | "sim.attachment" | "sim.entry" => one("network_id", "sim.network").into_iter().collect(),
        "sim.group" => {
            let rules = spec.get("rules").and_then(Json::as_array).into_iter().flatten();
            let sources = rules.filter_map(|it| it.get("source")?.as_str()).filter(|it| it.starts_with("group-"));
            one("network_id", "sim.network").into_iter().chain(sources.map(|it| ("sim.group", it.to_owned()))).collect()
        }
        "sim.gateway" => one("subnet_id", "sim.subnet").into_iter().collect(),
        _ => vec![],
    }
}

/// What tells the types apart beyond their properties.
trait Simulated: Resource<World = Sim> {
    const PREFIX: &'static str;
    /// What the create call does not take.
    const LATER: &'static [&'static str] = &[];
    /// How long after its create it is ready.
    const DELAY: Duration = Duration::ZERO;
    /// How long it is on its way out.
    const REMOVAL: Duration = Duration::ZERO;
    /// The names of the calls to create, read, update and delete.
    const CALLS: [&'static str; 4];

    fn name(_spec: &Self::Spec) -> Option<String> {
        None
    }

    fn outputs(thing: &Thing, ready: bool) -> Self::Outputs;

    /// The texts of its outputs that are sealed.
    fn texts(_id: &Id) -> Value {
        Value::map()
    }

    /// Whether a property tells one from another when it is looked for.
    fn tells(property: &str) -> bool {
        !Self::LATER.contains(&property)
    }
}

const PASSING: &[Passing] = &[
    Passing { during: During::Create, code: "NotFound", message: "", within: Duration::from_secs(120) },
    Passing { during: During::Update, code: "NotFound", message: "", within: Duration::from_secs(120) },
    Passing { during: During::Update, code: "IncorrectState", message: "", within: Duration::from_secs(600) },
    Passing { during: During::Delete, code: "DependencyViolation", message: "", within: Duration::from_secs(600) },
];

const FACTS: Facts = Facts { passing: PASSING, gone: &["NotFound"], visible_within: Duration::from_secs(20), ..Facts::DEFAULT };

async fn read<R: Simulated>(world: &Sim, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<R>>>> {
    let about = ids.iter().map(Id::as_str).collect::<Vec<_>>().join(" ");
    world
        .call(R::CALLS[1], (R::NAME, Kind::Read), &about, |inner| {
            ids.iter().map(|id| inner.look(R::NAME, id.as_str()).map(|it| live::<R>(&it, wanted)).transpose()).collect()
        })
        .await
}

fn live<R: Simulated>(thing: &Thing, wanted: &Wanted) -> Result<Live<R>> {
    let status = status(thing);
    let spec: R::Spec = typed(R::CALLS[1], Json::Object(thing.spec.clone()))?;
    let outputs = R::outputs(thing, status == Status::Ready);
    // Nothing of what is written only is ever told.
    let schema = TYPES.catalog.schema(R::NAME).map(|it| &it.properties);
    let hidden = |it: &&&'static str| schema.and_then(|fields| fields.get(**it)).is_some_and(|field| field.schema.marks.write_only);
    let mut unread: Vec<_> = ["secret"].iter().filter(hidden).copied().collect();
    // As what costs a call of its own.
    if !wanted.has("note") {
        unread.push("note");
    }
    Ok(Live { spec, outputs, status, unread })
}

fn status(thing: &Thing) -> Status {
    if thing.gone() {
        Status::Deleting("deleting".to_owned())
    } else if thing.ready > Instant::now() {
        Status::Pending("pending".to_owned())
    } else if thing.doomed {
        Status::Failed("failed".to_owned())
    } else {
        Status::Ready
    }
}

fn typed<T: DeserializeOwned>(action: &'static str, json: Json) -> Result<T> {
    serde_json::from_value(json).map_err(|source| Error::bug(action, source.to_string()))
}

/// A spec as the cloud holds it.
fn plain(action: &'static str, spec: &impl Serialize) -> Result<Map<String, Json>> {
    let mut json = serde_json::to_value(spec).map_err(|source| Error::bug(action, source.to_string()))?;
    crate::resource::prune(&mut json);
    match json {
        Json::Object(map) => Ok(map),
        other => Err(Error::bug(action, format!("not a spec: {other}"))),
    }
}

/// By the operation in the tags; without tags by content, among what nobody knows.
async fn find<R: Simulated>(world: &Sim, find: Find<'_, R>) -> Result<Option<Id>> {
    let spec = plain(R::CALLS[1], find.spec)?;
    let tagged = TYPES.catalog.schema(R::NAME).is_some_and(|it| it.tags().is_some());
    world
        .call(R::CALLS[1], (R::NAME, Kind::Find), find.operation, |inner| {
            let same = |it: &&Thing| match tagged {
                true => tag(&it.spec, TAG_OPERATION) == Some(find.operation),
                // Of what was made of a secret nobody remembers what it was.
                false => spec.iter().all(|(key, value)| !R::tells(key) || value == FORGOTTEN || it.spec.get(key) == Some(value)),
            };
            let mut found = inner.all(R::NAME).filter(same).map(|it| Id(it.id.clone())).filter(|it| !find.known.contains(it));
            Ok(found.next())
        })
        .await
}

async fn create<R: Simulated>(world: &Sim, create: Create<'_, R>) -> Result<Id> {
    let whole = plain(R::CALLS[0], create.spec)?;
    let name = R::name(create.spec);
    let made = Made {
        action: R::CALLS[0],
        type_name: R::NAME,
        prefix: R::PREFIX,
        name: name.clone(),
        whole: &whole,
        later: R::LATER,
        token: create.token,
        honours_token: R::FACTS.token,
        delay: R::DELAY,
        visible_within: R::FACTS.visible_within,
    };
    let about = name.as_deref().or_else(|| tag(&whole, crate::resource::TAG_ADDRESS)).unwrap_or_default();
    world.call(R::CALLS[0], (R::NAME, Kind::Create), about, |inner| inner.create(made)).await.map(Id)
}

/// One call for each property, as with the many `Modify…Attribute` of EC2, so that it can stop half way.
async fn update<R: Simulated>(world: &Sim, update: Update<'_, R>) -> Result<()> {
    let action = R::CALLS[2];
    let (from, to) = (plain(action, update.from)?, plain(action, update.to)?);
    for property in update.changed {
        let about = format!("{} {property}", update.id);
        let call = |value: Option<Json>| {
            let change =
                move |inner: &mut super::cloud::Inner| inner.update(action, R::NAME, update.id, Changed { property, to: value.as_ref() });
            world.call(action, (R::NAME, Kind::Update), &about, change)
        };
        if from.get(property) == to.get(property) && from.contains_key(property) && property != "secret" {
            continue;
        }
        call(to.get(property).cloned()).await?;
    }
    Ok(())
}

async fn delete<R: Simulated>(world: &Sim, id: &Id) -> Result<()> {
    let action = R::CALLS[3];
    let deleted = world.call(action, (R::NAME, Kind::Delete), id.as_str(), |inner| inner.delete(action, R::NAME, id, R::REMOVAL)).await;
    match deleted {
        Err(error) if error.is(R::FACTS.gone) => Ok(()),
        other => other,
    }
}

macro_rules! simulated {
    ($type:ident, $spec:ident, $outputs:ident, $name:literal, $facts:expr) => {
        impl Resource for $type {
            type World = Sim;
            type Spec = $spec;
            type Outputs = $outputs;

            const NAME: &'static str = $name;
            const FACTS: Facts = $facts;

            fn locate(spec: &$spec) -> Option<Id> {
                <Self as Simulated>::name(spec).map(Id)
            }

            async fn read(world: &Sim, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
                read::<Self>(world, ids, wanted).await
            }

            async fn find(world: &Sim, looked_for: Find<'_, Self>) -> Result<Option<Id>> {
                find::<Self>(world, looked_for).await
            }

            async fn create(world: &Sim, wanted: Create<'_, Self>) -> Result<Id> {
                create::<Self>(world, wanted).await
            }

            async fn update(world: &Sim, change: Update<'_, Self>) -> Result<()> {
                update::<Self>(world, change).await
            }

            async fn open(world: &Sim, id: &Id) -> Result<Value> {
                let found = read::<Self>(world, std::slice::from_ref(id), &Wanted::default()).await?;
                match &found[..] {
                    [Some(_)] => Ok(<Self as Simulated>::texts(id)),
                    _ => Err(Error::rejected(Self::CALLS[1], "NotFound", "there is nothing to open")),
                }
            }

            async fn delete(world: &Sim, removed: Delete<'_, Self>) -> Result<()> {
                <Self as Removed>::before(world, removed.id).await?;
                delete::<Self>(world, removed.id).await
            }
        }
    };
}

/// What a delete has to do first.
trait Removed {
    async fn before(_: &Sim, _: &Id) -> Result<()> {
        Ok(())
    }
}

/// As a VPC: no name, found by its tag.
pub(super) struct Network;

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkSpec {
    #[schemars(transform = immutable)]
    block: Cidr,
    #[serde(default)]
    dns: bool,
    note: Option<String>,
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct OnlyId {
    id: String,
}

simulated!(Network, NetworkSpec, OnlyId, "sim.network", Facts { create_first: true, ..FACTS });

impl Removed for Network {}

impl Simulated for Network {
    const PREFIX: &'static str = "net";
    const LATER: &'static [&'static str] = &["dns", "note"];
    const CALLS: [&'static str; 4] = ["CreateNetwork", "DescribeNetworks", "ModifyNetwork", "DeleteNetwork"];

    fn outputs(thing: &Thing, _: bool) -> OnlyId {
        OnlyId { id: thing.id.clone() }
    }
}

/// As a subnet: needs its network.
pub(super) struct Subnet;

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubnetSpec {
    #[schemars(transform = immutable)]
    network_id: String,
    #[schemars(transform = immutable)]
    block: Cidr,
    #[serde(default)]
    public: bool,
    note: Option<String>,
    #[serde(default)]
    tags: Tags,
}

simulated!(Subnet, SubnetSpec, OnlyId, "sim.subnet", FACTS);

impl Removed for Subnet {}

impl Simulated for Subnet {
    const PREFIX: &'static str = "sub";
    const LATER: &'static [&'static str] = &["public"];
    const CALLS: [&'static str; 4] = ["CreateSubnet", "DescribeSubnets", "ModifySubnet", "DeleteSubnet"];

    fn outputs(thing: &Thing, _: bool) -> OnlyId {
        OnlyId { id: thing.id.clone() }
    }
}

/// As a security group: its rules may refer to itself and in circles, and it stays while others' rules refer to it.
pub(super) struct Group;

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupSpec {
    #[schemars(transform = immutable)]
    network_id: String,
    #[schemars(transform = immutable)]
    description: String,
    #[serde(default)]
    #[schemars(transform = late)]
    rules: Vec<Rule>,
    note: Option<String>,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    port: i64,
    source: String,
}

simulated!(Group, GroupSpec, OnlyId, "sim.group", Facts { create_first: true, ..FACTS });

impl Removed for Group {
    /// Its own rules hold others, which would hold it in turn.
    async fn before(world: &Sim, id: &Id) -> Result<()> {
        let nothing = Json::Array(vec![]);
        let change = |inner: &mut super::cloud::Inner| {
            inner.update("RevokeRules", Self::NAME, id, Changed { property: "rules", to: Some(&nothing) })
        };
        match world.call("RevokeRules", (Self::NAME, Kind::Update), id.as_str(), change).await {
            Err(error) if error.is(FACTS.gone) => Ok(()),
            other => other,
        }
    }
}

impl Simulated for Group {
    const PREFIX: &'static str = "group";
    const LATER: &'static [&'static str] = &["rules"];
    const CALLS: [&'static str; 4] = ["CreateGroup", "DescribeGroups", "ModifyGroup", "DeleteGroup"];

    fn outputs(thing: &Thing, _: bool) -> OnlyId {
        OnlyId { id: thing.id.clone() }
    }
}

/// As an attached internet gateway: others need it without referring to it.
pub(super) struct Attachment;

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachmentSpec {
    #[schemars(transform = immutable)]
    network_id: String,
    note: Option<String>,
    #[serde(default)]
    tags: Tags,
}

simulated!(Attachment, AttachmentSpec, OnlyId, "sim.attachment", FACTS);

impl Removed for Attachment {}

impl Simulated for Attachment {
    const PREFIX: &'static str = "att";
    const CALLS: [&'static str; 4] = ["CreateAttachment", "DescribeAttachments", "ModifyAttachment", "DeleteAttachment"];

    fn outputs(thing: &Thing, _: bool) -> OnlyId {
        OnlyId { id: thing.id.clone() }
    }
}

/// As a NAT gateway: takes a token, is slow to come and to go, and needs an attachment.
pub(super) struct Gateway;

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GatewaySpec {
    #[schemars(transform = immutable)]
    subnet_id: String,
    #[schemars(transform = immutable)]
    class: String,
    #[serde(default)]
    size: i64,
    note: Option<String>,
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct GatewayOutputs {
    id: String,
    #[schemars(transform = ready)]
    address: Option<String>,
}

simulated!(
    Gateway,
    GatewaySpec,
    GatewayOutputs,
    "sim.gateway",
    Facts { token: true, after: &[After { from: &["subnet_id", "network_id"], other: "sim.attachment", by: "network_id" }], ..FACTS }
);

impl Removed for Gateway {}

impl Simulated for Gateway {
    const PREFIX: &'static str = "gw";
    const DELAY: Duration = Duration::from_secs(70);
    const REMOVAL: Duration = Duration::from_secs(40);
    const CALLS: [&'static str; 4] = ["CreateGateway", "DescribeGateways", "ModifyGateway", "DeleteGateway"];

    fn outputs(thing: &Thing, ready: bool) -> GatewayOutputs {
        GatewayOutputs { id: thing.id.clone(), address: ready.then(|| format!("address of {}", thing.id)) }
    }
}

/// As a role: its name is its id, and there cannot be two of one name.
pub(super) struct Name;

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NameSpec {
    #[schemars(transform = immutable, transform = unique)]
    name: Option<String>,
    #[schemars(transform = immutable)]
    class: String,
    payload: String,
    #[schemars(transform = write_only)]
    secret: Option<String>,
    note: Option<String>,
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(super) struct NameOutputs {
    arn: String,
    #[schemars(transform = volatile)]
    version: i64,
    /// As the generated part of a secret.
    key: Sealed,
}

/// The text of a sealed output, which must be nowhere but in the cloud.
pub(super) fn key_of(id: &str) -> String {
    format!("{KEY}{id}")
}

/// What all texts of sealed outputs begin with.
pub(super) const KEY: &str = "sealed text of ";

simulated!(Name, NameSpec, NameOutputs, "sim.name", Facts { create_first: true, ..FACTS });

impl Removed for Name {}

impl Simulated for Name {
    const PREFIX: &'static str = "name";
    const CALLS: [&'static str; 4] = ["CreateName", "GetNames", "UpdateName", "DeleteName"];

    fn name(spec: &NameSpec) -> Option<String> {
        spec.name.clone()
    }

    fn outputs(thing: &Thing, _: bool) -> NameOutputs {
        NameOutputs { arn: format!("arn:sim:name/{}", thing.id), version: i64::try_from(thing.version).unwrap_or(i64::MAX), key: Sealed }
    }

    fn texts(id: &Id) -> Value {
        Value::Map([("key".to_owned(), Value::Secret(Secret::new(key_of(id.as_str()))))].into())
    }
}

/// As an integration of an API: no name, token or tag, so that only its content tells which it is.
pub(super) struct Entry;

#[derive(Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EntrySpec {
    #[schemars(transform = immutable)]
    network_id: String,
    #[schemars(transform = immutable)]
    key: String,
    value: String,
    note: Option<String>,
}

simulated!(Entry, EntrySpec, OnlyId, "sim.entry", FACTS);

impl Removed for Entry {}

impl Simulated for Entry {
    const PREFIX: &'static str = "entry";
    const LATER: &'static [&'static str] = &["note"];
    const CALLS: [&'static str; 4] = ["CreateEntry", "GetEntries", "UpdateEntry", "DeleteEntry"];

    fn outputs(thing: &Thing, _: bool) -> OnlyId {
        OnlyId { id: thing.id.clone() }
    }
}
