//! DNS. What its types share: tags, and the listing of a zone.

pub(crate) mod health_check;
pub(crate) mod hosted_zone;
pub(crate) mod record;

use std::collections::HashMap;

use aws_sdk_route53::{
    error::BuildError,
    types::{HostedZone, ResourceRecordSet, RrType, Tag, TagResourceType},
};
use infra::resource::{DnsName, Error, Id, Result, Tags};

use super::{
    clients::Aws,
    error::{error, unless},
};

/// A call takes up to this many ids.
const IDS: usize = 10;

/// The codes of everything that is not there.
const GONE: &[&str] = &["NoSuchHostedZone", "NoSuchHealthCheck"];

/// Something that the schema requires is not there.
fn incomplete(missing: BuildError) -> Error {
    Error::bug("route53", missing.to_string())
}

fn canonical(name: &str) -> String {
    DnsName(name.to_owned()).canonical().0
}

/// The id without the path that some answers put before it.
pub(crate) fn bare(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}

/// The tags of many at once, by id.
async fn tags(world: &Aws, of: TagResourceType, ids: &[Id]) -> Result<HashMap<String, Tags>> {
    let mut found = HashMap::new();
    for ids in ids.chunks(IDS) {
        let list = ids.iter().map(|it| it.0.clone()).collect();
        let call = world.route53().list_tags_for_resources().resource_type(of.clone()).set_resource_ids(Some(list));
        let Some(answer) = unless(call.send().await.map_err(error), GONE)? else { continue };
        for set in answer.resource_tag_sets {
            let tags = set.tags.unwrap_or_default().into_iter().filter_map(|it| Some((it.key?, it.value.unwrap_or_default())));
            found.insert(set.resource_id.unwrap_or_default(), Tags::read(tags));
        }
    }
    Ok(found)
}

/// Makes the tags equal to `to`.
async fn retag(world: &Aws, of: TagResourceType, id: &Id, from: &Tags, to: &Tags) -> Result<()> {
    let (set, remove) = from.difference(to);
    if set.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let set: Vec<_> = set.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let call = world
        .route53()
        .change_tags_for_resource()
        .resource_type(of)
        .resource_id(id.as_str())
        .set_add_tags(Some(set).filter(|it| !it.is_empty()))
        .set_remove_tag_keys(Some(remove).filter(|it| !it.is_empty()));
    call.send().await.map_err(error).map(drop)
}

/// All zones of this name, private ones too: one name can have several.
pub(crate) async fn zones_named(world: &Aws, name: &str) -> Result<Vec<HostedZone>> {
    let name = canonical(name);
    let (mut found, mut from, mut after) = (vec![], name.clone(), None);
    loop {
        let call = world.route53().list_hosted_zones_by_name().dns_name(&from).set_hosted_zone_id(after);
        let page = call.send().await.map_err(error)?;
        let next = page.next_dns_name.filter(|it| page.is_truncated && canonical(it) == name);
        // They come in the order of their names, this one first.
        found.extend(page.hosted_zones.into_iter().filter(|it| canonical(&it.name) == name));
        let Some(next) = next else { return Ok(found) };
        (from, after) = (next, page.next_hosted_zone_id);
    }
}

/// Where a listing of records begins, and what it is for.
#[derive(Clone, Copy)]
enum Listing<'a> {
    /// The whole zone.
    Zone,
    /// What has this name and type.
    One(&'a str, &'a RrType),
}

/// The records of a zone; nothing where there is no zone.
async fn records(world: &Aws, zone: &str, listing: Listing<'_>) -> Result<Option<Vec<ResourceRecordSet>>> {
    let asked = |it: &ResourceRecordSet| match listing {
        Listing::Zone => true,
        Listing::One(name, of) => canonical(&it.name) == name && it.r#type == *of,
    };
    let (mut name, mut of, mut set) = match listing {
        Listing::Zone => (None, None, None),
        Listing::One(name, of) => (Some(name.to_owned()), Some(of.clone()), None),
    };
    let mut found = vec![];
    loop {
        let call = world
            .route53()
            .list_resource_record_sets()
            .hosted_zone_id(zone)
            .set_start_record_name(name)
            .set_start_record_type(of)
            .set_start_record_identifier(set);
        let Some(page) = unless(call.send().await.map_err(error), GONE)? else { return Ok(None) };
        // All that is asked for stands together.
        let more = page.is_truncated && page.resource_record_sets.last().is_some_and(asked);
        found.extend(page.resource_record_sets.into_iter().filter(asked));
        if !more {
            return Ok(Some(found));
        }
        (name, of, set) = (page.next_record_name, page.next_record_type, page.next_record_identifier);
    }
}
