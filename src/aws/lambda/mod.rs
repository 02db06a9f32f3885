//! Functions, and who and what may call them. What all types of Lambda share: tags, and refusals that pass.

pub(crate) mod alias;
pub(crate) mod event_source_mapping;
pub(crate) mod function;
pub(crate) mod permission;

use infra::resource::{Error, Id, Result, Tags};
use std::collections::BTreeMap;

use super::{clients::Aws, error::error};

/// Codes that mean that it, or the function that it belongs to, is not there.
pub(crate) const GONE: &[&str] = &["ResourceNotFoundException"];

/// The code of a refusal because something else is still under way.
pub(crate) const CONFLICT: &str = "ResourceConflictException";

/// The refusal that AWS would answer with, where it is known beforehand: the engine tries again after a while.
pub(crate) fn conflict(action: &'static str, why: &str) -> Error {
    Error::rejected(action, CONFLICT, format!("the operation cannot be performed at this time: {why}"))
}

/// The ids of what belongs to functions, by function: `function`, a separator, its own name.
pub(crate) fn by_function(ids: &[Id], separator: char) -> BTreeMap<&str, Vec<&str>> {
    let mut functions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (function, name) in ids.iter().filter_map(|it| it.as_str().rsplit_once(separator)) {
        functions.entry(function).or_default().push(name);
    }
    functions
}

/// Where API Gateway calls a function, version or alias.
pub(crate) fn invoke_arn(arn: &str) -> String {
    let mut parts = arn.split(':').skip(1);
    let (partition, region) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
    format!("arn:{partition}:apigateway:{region}:lambda:path/2015-03-31/functions/{arn}/invocations")
}

/// Sets and removes tags of anything that Lambda has.
pub(crate) async fn tag(world: &Aws, arn: &str, set: Vec<(String, String)>, remove: Vec<String>) -> Result<()> {
    if !set.is_empty() {
        world.lambda().tag_resource().resource(arn).set_tags(Some(set.into_iter().collect())).send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        world.lambda().untag_resource().resource(arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
    }
    Ok(())
}

/// The difference between two sets of tags as far as it is still to be made.
pub(crate) fn left(now: &Tags, from: &Tags, to: &Tags) -> (Vec<(String, String)>, Vec<String>) {
    let (mut set, mut remove) = from.difference(to);
    set.retain(|(key, value)| now.0.get(key) != Some(value));
    remove.retain(|key| now.0.contains_key(key));
    (set, remove)
}

/// For how many seconds the engine tries again after a refusal; nothing where it gives up at once.
#[cfg(test)]
pub(crate) fn passes<R: infra::resource::Resource>(during: infra::resource::During, code: &str, message: &str) -> Option<u64> {
    let passing = R::FACTS.passing.iter().filter(|it| it.during == infra::resource::During::Any || it.during == during);
    passing.filter(|it| it.code == code && message.contains(it.message)).map(|it| it.within.as_secs()).max()
}

#[cfg(test)]
mod tests {
    use super::invoke_arn;

    #[test]
    fn api_gateway_has_an_arn_of_its_own_for_a_function() {
        assert_eq!(
            invoke_arn("arn:aws-cn:lambda:cn-north-1:123456789012:function:one"),
            "arn:aws-cn:apigateway:cn-north-1:lambda:path/2015-03-31/functions/arn:aws-cn:lambda:cn-north-1:123456789012:function:one/invocations"
        );
    }
}
