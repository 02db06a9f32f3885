//! What stacks read and do not own.

pub(crate) mod acm_certificate;
pub(crate) mod ec2_availability_zones;
pub(crate) mod ec2_managed_prefix_list;
pub(crate) mod ec2_security_group;
pub(crate) mod ec2_security_groups;
pub(crate) mod ec2_subnets;
pub(crate) mod ec2_vpc;
pub(crate) mod ecr_image;
pub(crate) mod route53_hosted_zone;
pub(crate) mod secretsmanager_secret;
pub(crate) mod sts_caller_identity;

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use infra::resource::{Error, Result};

use super::ec2::filter;

/// Finds only what carries all these tags.
fn tagged(tags: &BTreeMap<String, String>) -> impl Iterator<Item = Filter> {
    tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value]))
}

/// The one that was found. Which of several is meant, nobody can say.
fn single<T>(action: &'static str, found: Vec<T>, id: impl Fn(&T) -> Option<&str>) -> Result<Option<T>> {
    if found.len() > 1 {
        let ids: Vec<_> = found.iter().filter_map(&id).collect();
        let message = format!("{} match: {}; say more, so that one is left", found.len(), ids.join(", "));
        return Err(Error::rejected(action, "Ambiguous", message));
    }
    Ok(found.into_iter().next())
}
