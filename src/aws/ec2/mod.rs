//! Networks. What all types of EC2 share: tags, and reading many at once.

pub(crate) mod eip;
pub(crate) mod flow_log;
pub(crate) mod internet_gateway;
pub(crate) mod nat_gateway;
pub(crate) mod route_table;
pub(crate) mod security_group;
pub(crate) mod security_group_rule;
pub(crate) mod subnet;
pub(crate) mod vpc;
pub(crate) mod vpc_endpoint;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType, Tag, TagSpecification, VpcEndpoint};
use infra::{
    resource::{Id, Problems, Result, TAG_OPERATION, Tags},
    value::{Path, Value},
};

use super::{
    calls::{abreast, all},
    clients::Aws,
    error::error,
};

/// A filter takes up to this many values.
const VALUES: usize = 200;

/// What a create call takes; nothing where there are no tags, because EC2 refuses an empty list.
pub(crate) fn tag_specifications(of: ResourceType, tags: &Tags) -> Option<Vec<TagSpecification>> {
    let list = tags.0.iter().map(|(key, value)| tag(key, value)).collect::<Vec<_>>();
    (!list.is_empty()).then(|| vec![TagSpecification::builder().resource_type(of).set_tags(Some(list)).build()])
}

/// The tags of an answer.
pub(crate) fn tags(list: &[Tag]) -> Tags {
    Tags::read(list.iter().filter_map(|it| Some((it.key()?.to_owned(), it.value().unwrap_or_default().to_owned()))))
}

/// Makes the tags of any EC2 resource equal to `to`.
pub(crate) async fn retag(world: &Aws, id: &Id, from: &Tags, to: &Tags) -> Result<()> {
    let (set, remove) = from.difference(to);
    if !set.is_empty() {
        let list = set.iter().map(|(key, value)| tag(key, value)).collect();
        world.ec2().create_tags().resources(id.as_str()).set_tags(Some(list)).send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        let list = remove.iter().map(|key| Tag::builder().key(key).build()).collect();
        world.ec2().delete_tags().resources(id.as_str()).set_tags(Some(list)).send().await.map_err(error)?;
    }
    Ok(())
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

pub(crate) fn filter<I: Into<String>>(name: &str, values: impl IntoIterator<Item = I>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// The filter that finds what the create with this operation id made.
pub(crate) fn made_by(operation: &str) -> Filter {
    filter(&format!("tag:{TAG_OPERATION}"), [operation])
}

/// The first of the ids found that no state knows.
pub(crate) fn unknown(found: impl IntoIterator<Item = Option<String>>, known: &BTreeSet<Id>) -> Option<Id> {
    found.into_iter().flatten().map(Id).filter(|id| !known.contains(id)).min()
}

/// Describes many, in their order, with one call for each [`VALUES`] of them.
/// `name` is the filter that takes ids: an id that does not exist fails a list of ids, and a filter only does not find it.
pub(crate) async fn describe<T: Clone, F>(
    ids: &[Id],
    name: &str,
    fetch: impl Fn(Filter) -> F,
    id: impl Fn(&T) -> Option<&str>,
) -> Result<Vec<Option<T>>>
where
    F: Future<Output = Result<Vec<T>>>,
{
    let calls = ids.chunks(VALUES).map(|chunk| fetch(filter(name, chunk.iter().map(Id::as_str))));
    let pages = abreast(calls).await?;
    let found: HashMap<&str, &T> = pages.iter().flatten().filter_map(|it| Some((id(it)?, it))).collect();
    Ok(ids.iter().map(|id| found.get(id.as_str()).copied().cloned()).collect())
}

pub(crate) fn flag(value: bool) -> AttributeBooleanValue {
    AttributeBooleanValue::builder().value(value).build()
}

/// The endpoints that GuardDuty put into a VPC unasked: nobody else takes them out, and they hold subnets and the VPC.
pub(crate) async fn endpoints_of_guardduty(world: &Aws, vpc: &str) -> Result<Vec<VpcEndpoint>> {
    let filters = [filter("vpc-id", [vpc]), filter("tag:GuardDutyManaged", ["true"])];
    all!(world.ec2().describe_vpc_endpoints().set_filters(Some(filters.into())))
}

/// The id that a create answered with.
pub(crate) fn made(action: &'static str, id: Option<String>) -> Result<Id> {
    id.map(Id).ok_or_else(|| infra::resource::Error::bug(action, "the answer holds no id"))
}

/// A VPC and a subnet have from 16 to 65536 addresses.
fn check_size(spec: &Value, problems: &mut Problems) {
    let block = spec.get("cidr_block").and_then(Value::as_text).and_then(|it| it.parse::<ipnet::IpNet>().ok());
    if let Some(block) = block
        && !(16..=28).contains(&block.prefix_len())
    {
        let help = "AWS takes blocks from /16, which is the largest, to /28";
        problems.error(Path::of("cidr_block"), format!("a network of the size /{}", block.prefix_len()), help);
    }
}
