//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html>

use std::{
    collections::HashMap,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use aws_sdk_route53::types::{
    AliasTarget as SdkAlias, Change, ChangeAction, ChangeBatch, GeoLocation as SdkGeo, ResourceRecord, ResourceRecordSet,
    ResourceRecordSetFailover, ResourceRecordSetRegion, RrType,
};
use infra::{
    resource::{
        Actions, Create, Delete, DnsName, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Update, Wanted,
        immutable, set, unique,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Listing, canonical, incomplete, records};
use crate::aws::{
    clients::Aws,
    error::error,
    wording::{meaning, word},
};

pub(crate) struct Record;

/// A record of a zone: what a name stands for.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Spec {
    /// The zone that it belongs to.
    #[schemars(transform = immutable)]
    hosted_zone_id: String,
    /// The whole name, that of the zone included: `www.example.com`.
    #[schemars(transform = immutable, transform = unique)]
    name: DnsName,
    /// What kind of record it is.
    #[schemars(transform = immutable)]
    r#type: Type,
    /// For how many seconds others may remember the answer. An alias has that of its target.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    ttl: Option<i64>,
    /// The answers.
    #[schemars(transform = set, length(min = 1))]
    resource_records: Option<Vec<String>>,
    /// What answers instead: a load balancer, a distribution, an API, another record of the zone.
    alias_target: Option<AliasTarget>,
    /// Tells records of the same name and type apart, where there are several.
    #[schemars(transform = immutable, length(min = 1, max = 128))]
    set_identifier: Option<String>,
    /// How often this one of several is the answer, compared with the others.
    #[schemars(range(min = 0, max = 255))]
    weight: Option<i64>,
    /// Whether this one of two is the answer as long as it is healthy, or else.
    failover: Option<Failover>,
    /// The AWS region of what it stands for: of several, the one nearest in time is the answer.
    region: Option<String>,
    /// Where those who ask have to be for this one to be the answer.
    geo_location: Option<GeoLocation>,
    /// Whether up to eight healthy ones of several are the answer together.
    #[serde(default)]
    multi_value_answer: bool,
    /// The health check that says whether it can be the answer.
    health_check_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Type {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
    /// Who may issue certificates.
    Caa,
    /// Another name.
    Cname,
    /// The key of a zone beneath.
    Ds,
    /// How to reach a web server.
    Https,
    /// Where mail goes.
    Mx,
    /// How to rewrite a number to a name.
    Naptr,
    /// The servers of a zone beneath.
    Ns,
    /// The name of an address.
    Ptr,
    /// The properties of the zone.
    Soa,
    /// Who may send mail; `TXT` is used instead.
    Spf,
    /// Where a service is.
    Srv,
    /// The fingerprint of an SSH key.
    Sshfp,
    /// How to reach a service.
    Svcb,
    /// The certificate of a service.
    Tlsa,
    /// Text, within quotation marks.
    Txt,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub(crate) struct AliasTarget {
    /// The name of the target.
    dns_name: DnsName,
    /// The zone that the target's name is in, which the target says; of a distribution `Z2FDTNDATAQYW2`.
    hosted_zone_id: String,
    /// Whether it is the answer only as long as the target is healthy.
    #[serde(default)]
    evaluate_target_health: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Failover {
    /// As long as it is healthy.
    Primary,
    /// Otherwise.
    Secondary,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct GeoLocation {
    /// The continent: `EU`. Either this or a country.
    continent_code: Option<String>,
    /// The country: `JP`; `*` is everywhere that no other record is for.
    country_code: Option<String>,
    /// The part of the country.
    subdivision_code: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// What it is told from all others by: `zone/name/type`, and the set identifier where it has one.
    id: String,
    /// The name, without a dot at its end.
    fqdn: String,
}

impl Resource for Record {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "route53.record";
    const FACTS: Facts = Facts {
        passing: &[
            // Somebody changed it between our reading and our deleting it.
            Passing {
                during: During::Delete,
                code: "InvalidChangeBatch",
                message: "do not match the current values",
                within: Duration::from_secs(10),
            },
            // A new health check is not known everywhere at once.
            Passing { during: During::Any, code: "NoSuchHealthCheck", message: "", within: Duration::from_secs(60) },
        ],
        gone: &["NoSuchHostedZone"],
        actions: Actions {
            create: &["route53:ChangeResourceRecordSets"],
            read: &["route53:ListResourceRecordSets"],
            update: &["route53:ChangeResourceRecordSets"],
            delete: &["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"],
        },
        ..Facts::DEFAULT
    };

    fn locate(spec: &Spec) -> Option<Id> {
        (!spec.hosted_zone_id.is_empty()).then(|| Name::of(spec).id())
    }

    fn check(spec: &Value, problems: &mut Problems) {
        check_answer(spec, problems);
        check_routing(spec, problems);
        check_values(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let names: Vec<_> = ids.iter().map(Name::parse).collect();
        let mut zones: HashMap<&str, Vec<&Name>> = HashMap::new();
        for name in names.iter().flatten() {
            zones.entry(&name.zone).or_default().push(name);
        }
        let mut found = HashMap::new();
        for (zone, wanted) in zones {
            // One listing answers for all of a zone.
            let kind = wanted[0].kind();
            let listing = if wanted.len() == 1 { Listing::One(&wanted[0].name, &kind) } else { Listing::Zone };
            let all = records(world, zone, listing).await?.unwrap_or_default();
            found.extend(all.into_iter().filter_map(|it| Some((Name::live(zone, &it)?.id(), it))));
        }
        Ok(names.into_iter().map(|name| name.and_then(|name| Some(live(&name, found.get(&name.id())?)))).collect())
    }

    /// There are no tags: what is equal to ours in every respect is ours, as a create fails where something is.
    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let name = Name::of(find.spec);
        let id = name.id();
        if find.known.contains(&id) {
            return Ok(None);
        }
        let found = one(world, &name).await?;
        Ok(found.is_some_and(|it| normal(spec(&name, &it)) == normal(find.spec.clone())).then_some(id))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        // Unlike UPSERT this is refused where there is one already.
        change(world, &create.spec.hosted_zone_id, ChangeAction::Create, record(create.spec)?).await?;
        Ok(Name::of(create.spec).id())
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        if update.changed.is_empty() {
            return Ok(());
        }
        change(world, &update.to.hosted_zone_id, ChangeAction::Upsert, record(update.to)?).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let Some(name) = Name::parse(delete.id) else { return Ok(()) };
        // Every word of it has to be right.
        let Some(live) = one(world, &name).await? else { return Ok(()) };
        let deleted = change(world, &name.zone, ChangeAction::Delete, live).await;
        match deleted {
            Err(failed)
                if failed.is(Self::FACTS.gone) || (failed.is(&["InvalidChangeBatch"]) && failed.message.contains("it was not found")) =>
            {
                Ok(())
            }
            other => other,
        }
    }
}

/// What a record is told from all others by, in its one spelling.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Name {
    zone: String,
    name: String,
    r#type: Type,
    set: Option<String>,
}

impl Name {
    fn of(spec: &Spec) -> Self {
        Self { zone: spec.hosted_zone_id.clone(), name: spec.name.canonical().0, r#type: spec.r#type, set: spec.set_identifier.clone() }
    }

    /// Nothing for kinds that cannot be written here.
    fn live(zone: &str, it: &ResourceRecordSet) -> Option<Self> {
        let set = it.set_identifier.clone();
        Some(Self { zone: zone.to_owned(), name: canonical(&it.name), r#type: meaning(it.r#type.as_str())?, set })
    }

    fn id(&self) -> Id {
        let Self { zone, name, r#type, set } = self;
        let set = set.as_ref().map(|it| format!("/{it}")).unwrap_or_default();
        Id(format!("{zone}/{name}/{}{set}", word(r#type)))
    }

    /// A name is in lower case and may have a slash in it; the first part after it that is a type, in upper case, ends it.
    fn parse(id: &Id) -> Option<Self> {
        let parts: Vec<_> = id.as_str().split('/').collect();
        let (zone, rest) = parts.split_first().filter(|it| !it.0.is_empty())?;
        let at = (1..rest.len()).find(|it| meaning::<Type>(rest[*it]).is_some())?;
        let set = Some(rest[at + 1..].join("/")).filter(|it| !it.is_empty());
        Some(Self { zone: (*zone).to_owned(), name: rest[..at].join("/"), r#type: meaning(rest[at])?, set })
    }

    fn kind(&self) -> RrType {
        RrType::from(word(&self.r#type).as_str())
    }
}

async fn one(world: &Aws, name: &Name) -> Result<Option<ResourceRecordSet>> {
    let kind = name.kind();
    let found = records(world, &name.zone, Listing::One(&name.name, &kind)).await?.unwrap_or_default();
    Ok(found.into_iter().find(|it| it.set_identifier == name.set))
}

async fn change(world: &Aws, zone: &str, action: ChangeAction, record: ResourceRecordSet) -> Result<()> {
    let change = Change::builder().action(action).resource_record_set(record).build().map_err(incomplete)?;
    let batch = ChangeBatch::builder().changes(change).build().map_err(incomplete)?;
    world.route53().change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await.map_err(error).map(drop)
}

fn record(spec: &Spec) -> Result<ResourceRecordSet> {
    let values = spec.resource_records.iter().flatten().map(|it| ResourceRecord::builder().value(it).build().map_err(incomplete));
    let values = values.collect::<Result<Vec<_>>>()?;
    let alias = spec.alias_target.as_ref().map(|it| {
        SdkAlias::builder()
            .dns_name(&it.dns_name.0)
            .hosted_zone_id(&it.hosted_zone_id)
            .evaluate_target_health(it.evaluate_target_health)
            .build()
            .map_err(incomplete)
    });
    let place = spec.geo_location.as_ref().map(|it| {
        SdkGeo::builder()
            .set_continent_code(it.continent_code.clone())
            .set_country_code(it.country_code.clone())
            .set_subdivision_code(it.subdivision_code.clone())
            .build()
    });
    ResourceRecordSet::builder()
        .name(spec.name.canonical().0)
        .r#type(RrType::from(word(&spec.r#type).as_str()))
        .set_ttl(spec.ttl)
        .set_resource_records((!values.is_empty()).then_some(values))
        .set_alias_target(alias.transpose()?)
        .set_set_identifier(spec.set_identifier.clone())
        .set_weight(spec.weight)
        .set_failover(spec.failover.map(|it| ResourceRecordSetFailover::from(word(&it).as_str())))
        .set_region(spec.region.as_deref().map(ResourceRecordSetRegion::from))
        .set_geo_location(place)
        .set_multi_value_answer(spec.multi_value_answer.then_some(true))
        .set_health_check_id(spec.health_check_id.clone())
        .build()
        .map_err(incomplete)
}

fn spec(name: &Name, it: &ResourceRecordSet) -> Spec {
    let values: Vec<_> = it.resource_records().iter().map(|it| it.value.clone()).collect();
    Spec {
        hosted_zone_id: name.zone.clone(),
        name: DnsName(name.name.clone()),
        r#type: name.r#type,
        ttl: it.ttl.filter(|_| it.alias_target.is_none()),
        resource_records: (!values.is_empty()).then_some(values),
        alias_target: it.alias_target.as_ref().map(|it| AliasTarget {
            dns_name: DnsName(it.dns_name.clone()).canonical(),
            hosted_zone_id: it.hosted_zone_id.clone(),
            evaluate_target_health: it.evaluate_target_health,
        }),
        set_identifier: name.set.clone(),
        weight: it.weight,
        failover: it.failover().and_then(|it| meaning(it.as_str())),
        region: it.region().map(|it| it.as_str().to_owned()),
        geo_location: it.geo_location.as_ref().map(|it| GeoLocation {
            continent_code: it.continent_code.clone(),
            country_code: it.country_code.clone(),
            subdivision_code: it.subdivision_code.clone(),
        }),
        multi_value_answer: it.multi_value_answer.unwrap_or_default(),
        health_check_id: it.health_check_id.clone(),
    }
}

/// One form of all that mean the same.
fn normal(mut spec: Spec) -> Spec {
    spec.name = spec.name.canonical();
    if let Some(alias) = &mut spec.alias_target {
        alias.dns_name = alias.dns_name.canonical();
    }
    if let Some(values) = &mut spec.resource_records {
        values.sort();
    }
    spec
}

fn live(name: &Name, it: &ResourceRecordSet) -> Live<Record> {
    let outputs = Outputs { id: name.id().0, fqdn: name.name.clone() };
    Live { spec: spec(name, it), outputs, status: Status::Ready, unread: vec![] }
}

fn has(spec: &Value, name: &str) -> bool {
    spec.get(name).is_some_and(|it| !it.is_null())
}

fn check_answer(spec: &Value, problems: &mut Problems) {
    let (alias, values, ttl) = (has(spec, "alias_target"), has(spec, "resource_records"), has(spec, "ttl"));
    if alias == values {
        let help = "write either `resource_records` or `alias_target`";
        let what = if alias { "a record that is an alias and has answers of its own" } else { "a record without an answer" };
        problems.error(Path::default(), what, help);
    }
    if alias && ttl {
        problems.error(Path::of("ttl"), "an alias has the `ttl` of its target", "leave `ttl` out");
    }
    if values && !ttl {
        problems.error(Path::of("resource_records"), "answers without a `ttl`", "write `ttl: 300`, or another number of seconds");
    }
}

fn check_routing(spec: &Value, problems: &mut Problems) {
    let mut ways: Vec<_> = ["weight", "failover", "region", "geo_location"].into_iter().filter(|it| has(spec, it)).collect();
    ways.extend((spec.get("multi_value_answer") == Some(&Value::Bool(true))).then_some("multi_value_answer"));
    let names = || ways.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" and ");
    if ways.len() > 1 {
        problems.error(Path::of(ways[1]), format!("{} on one record", names()), "choose one way to choose among several records");
    }
    if !ways.is_empty() && !has(spec, "set_identifier") {
        let help = "write a `set_identifier`, which tells it from the others of its name";
        problems.error(Path::of(ways[0]), format!("{} without `set_identifier`", names()), help);
    }
    let unknown = spec.get("multi_value_answer").is_some_and(Value::has_unknown);
    if ways.is_empty() && !unknown && has(spec, "set_identifier") {
        let help = "write `weight`, `failover`, `region`, `geo_location` or `multi_value_answer` too, or leave it out";
        problems.error(Path::of("set_identifier"), "a `set_identifier` on a record that is alone", help);
    }
    if ways.contains(&"multi_value_answer") && has(spec, "alias_target") {
        let help = "write the addresses as `resource_records`";
        problems.error(Path::of("multi_value_answer"), "an alias cannot be one of several answers", help);
    }
}

fn check_values(spec: &Value, problems: &mut Problems) {
    let kind = spec.get("type").and_then(Value::as_text).unwrap_or_default();
    let values = spec.get("resource_records").and_then(Value::as_list).unwrap_or_default();
    if kind == "CNAME" && values.len() > 1 {
        problems.error(Path::of("resource_records"), "several names for one name", "a CNAME has exactly one");
    }
    for (n, value) in values.iter().enumerate() {
        let Some(text) = value.as_text() else { continue };
        let path = Path::of("resource_records").item(n);
        match kind {
            "TXT" | "SPF" if !(text.len() > 1 && text.starts_with('"') && text.ends_with('"')) => {
                problems.error(path, "a text without quotation marks", format!("write '\"{}\"'", text.trim_matches('"')));
            }
            "A" if text.parse::<Ipv4Addr>().is_err() => {
                problems.error(path, format!("`{text}` is no IPv4 address"), "a name needs a record of type CNAME or an `alias_target`");
            }
            "AAAA" if text.parse::<Ipv6Addr>().is_err() => {
                problems.error(path, format!("`{text}` is no IPv6 address"), "a name needs a record of type CNAME or an `alias_target`");
            }
            "MX" if !is_numbers_and_name(text, 1) => {
                problems.error(
                    path,
                    "a mail server without its priority",
                    format!("write `10 {text}`: the lower the number, the sooner it is asked"),
                );
            }
            "SRV" if !is_numbers_and_name(text, 3) => {
                problems.error(path, "a service without its numbers", "write priority, weight, port and name: `1 10 5269 www.example.com`");
            }
            _ => {}
        }
    }
}

/// Whether a text is so many numbers and a name behind them.
fn is_numbers_and_name(text: &str, numbers: usize) -> bool {
    let words: Vec<_> = text.split_whitespace().collect();
    words.len() == numbers + 1 && words[..numbers].iter().all(|it| it.parse::<u16>().is_ok())
}

#[cfg(test)]
pub(crate) mod tests;
