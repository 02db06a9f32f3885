//! Load balancers. What all types of Elastic Load Balancing share: tags, attributes, names, and reading many at once.

pub(crate) mod listener;
pub(crate) mod listener_rule;
pub(crate) mod load_balancer;
pub(crate) mod target_group;

use std::collections::{BTreeSet, HashMap};

use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, Tag, TagDescription};
use infra::{
    resource::{Error, Id, Problems, Result, Tags, Wanted},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

/// A call takes up to this many names, ARNs or owners of tags.
const MANY: usize = 20;

/// What calls about tags say of an owner that is not there.
const NOT_FOUND: &[&str] = &["LoadBalancerNotFound", "TargetGroupNotFound", "ListenerNotFound", "RuleNotFound"];

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum Protocol {
    /// HTTP; for application load balancers.
    #[serde(rename = "HTTP")]
    Http,
    /// HTTP over TLS; for application load balancers.
    #[serde(rename = "HTTPS")]
    Https,
    /// TCP; for network load balancers.
    #[serde(rename = "TCP")]
    Tcp,
    /// TLS; for network load balancers.
    #[serde(rename = "TLS")]
    Tls,
    /// UDP; for network load balancers.
    #[serde(rename = "UDP")]
    Udp,
    /// TCP and UDP; for network load balancers.
    #[serde(rename = "TCP_UDP")]
    TcpUdp,
}

impl From<Protocol> for ProtocolEnum {
    fn from(it: Protocol) -> Self {
        Self::from(word(&it).as_str())
    }
}

/// Describes many, in their order. One that is not there fails the call for all: then each half is asked for by itself, until what
/// is missing stands alone.
pub(crate) async fn describe<T: Clone, F>(
    ids: &[Id],
    gone: &[&str],
    fetch: impl Fn(Vec<String>) -> F,
    id: impl Fn(&T) -> Option<&str>,
) -> Result<Vec<Option<T>>>
where
    F: Future<Output = Result<Vec<T>>>,
{
    let mut found: HashMap<String, T> = HashMap::new();
    let mut open: Vec<&[Id]> = ids.chunks(MANY).collect();
    while let Some(ids) = open.pop() {
        match unless(fetch(ids.iter().map(|it| it.0.clone()).collect()).await, gone)? {
            Some(list) => found.extend(list.into_iter().filter_map(|it| Some((id(&it)?.to_owned(), it)))),
            None if ids.len() > 1 => open.extend(<[_; 2]>::from(ids.split_at(ids.len() / 2))),
            None => {}
        }
    }
    Ok(ids.iter().map(|id| found.get(id.as_str()).cloned()).collect())
}

/// The tags of many, in their order; nothing for what is not there.
pub(crate) async fn tags(world: &Aws, arns: &[Id]) -> Result<Vec<Option<Tags>>> {
    let fetch = |arns| async {
        let answer = world.elbv2().describe_tags().set_resource_arns(Some(arns)).send().await.map_err(error)?;
        Ok(answer.tag_descriptions.unwrap_or_default())
    };
    let found = describe(arns, NOT_FOUND, fetch, |it: &TagDescription| it.resource_arn()).await?;
    let read = |it: TagDescription| {
        let tags = it.tags.unwrap_or_default().into_iter();
        Tags::read(tags.filter_map(|it| Some((it.key?, it.value.unwrap_or_default()))))
    };
    Ok(found.into_iter().map(|it| it.map(read)).collect())
}

/// The tags of many, in their order, where they are wanted.
pub(crate) async fn wanted_tags(world: &Aws, arns: &[Id], wanted: &Wanted) -> Result<impl Iterator<Item = Option<Tags>>> {
    Ok(if wanted.has("tags") { tags(world, arns).await? } else { vec![None; arns.len()] }.into_iter())
}

/// The one of these that the create with this operation id made, among those that no state knows.
pub(crate) async fn made_by(world: &Aws, arns: Vec<Id>, operation: &str, known: &BTreeSet<Id>) -> Result<Option<Id>> {
    let arns: Vec<Id> = arns.into_iter().filter(|it| !known.contains(it)).collect();
    let tags = tags(world, &arns).await?;
    let ours = |tags: &Option<Tags>| tags.as_ref().is_some_and(|it| it.made_by(operation));
    Ok(arns.into_iter().zip(tags).find(|(_, tags)| ours(tags)).map(|(arn, _)| arn))
}

/// Makes the tags equal to `to`.
pub(crate) async fn retag(world: &Aws, arn: &str, from: &Tags, to: &Tags) -> Result<()> {
    let (set, remove) = from.difference(to);
    if !set.is_empty() {
        world.elbv2().add_tags().resource_arns(arn).set_tags(list(set)).send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        world.elbv2().remove_tags().resource_arns(arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
    }
    Ok(())
}

/// Tags as a create call takes them; nothing where there are none, because an empty list is refused.
pub(crate) fn list(tags: impl IntoIterator<Item = (String, String)>) -> Option<Vec<Tag>> {
    let list: Vec<_> = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    (!list.is_empty()).then_some(list)
}

/// An attribute of an answer; nothing where this kind of resource has none of that name.
pub(crate) fn attribute<T: DeserializeOwned>(found: &HashMap<String, String>, key: &str) -> Option<T> {
    let text = found.get(key)?;
    serde_json::from_str(text).ok().or_else(|| meaning(text))
}

/// The attributes of those properties that are one attribute each, of which `all` holds the names of both. Only what changes is
/// sent: not every kind of load balancer or target group knows every attribute.
pub(crate) fn plain_attributes(
    spec: &impl Serialize,
    all: &[(&str, &'static str)],
    changed: &BTreeSet<String>,
) -> Result<Vec<(&'static str, String)>> {
    let spec = serde_json::to_value(spec).map_err(|it| Error::bug("ModifyAttributes", it.to_string()))?;
    let sent = all.iter().filter(|(property, _)| changed.contains(*property) && !spec[property].is_null());
    Ok(sent.map(|(property, key)| (*key, text(&spec[property]))).collect())
}

/// A plain value as the text that attributes are.
fn text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// What names of load balancers and target groups must not be beyond their pattern.
pub(crate) fn check_name(spec: &Value, problems: &mut Problems) {
    let Some(name) = spec.get("name").and_then(Value::as_text) else { return };
    if name.starts_with('-') || name.ends_with('-') {
        let help = format!("write `{}`", name.trim_matches('-'));
        problems.error(Path::of("name"), "the name begins or ends with a hyphen", help);
    }
}

/// Whether a property is written at all.
pub(crate) fn has(spec: &Value, property: &str) -> bool {
    spec.get(property).is_some_and(|it| !it.is_null())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// However many are missing, all others are found, and few calls are made where all are there.
    #[tokio::test]
    async fn what_is_missing_does_not_hide_the_rest() {
        for (missing, calls) in [(vec![], 3), (vec![7], 11), (vec![0, 59], 21)] {
            let ids: Vec<Id> = (0..60).map(|n| Id(format!("id-{n}"))).collect();
            let made = Mutex::new(0);
            let fetch = |names: Vec<String>| {
                *made.lock().expect("one thread") += 1;
                let gone = missing.iter().any(|it| names.contains(&format!("id-{it}")));
                async move { if gone { Err(Error::rejected("Describe", "NotFound", "one of them")) } else { Ok(names) } }
            };
            let found = describe(&ids, &["NotFound"], fetch, |it: &String| Some(it)).await.expect("an answer");
            for (n, it) in found.iter().enumerate() {
                assert_eq!(it.as_deref(), (!missing.contains(&n)).then_some(ids[n].as_str()));
            }
            assert_eq!(made.into_inner().expect("one thread"), calls, "{missing:?}");
        }
    }
}
