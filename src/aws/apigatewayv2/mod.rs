//! HTTP and WebSocket APIs. What all types of API Gateway share: lists in pages, parts of an API by two-part ids, tags, what passes.

pub(crate) mod api;
pub(crate) mod api_mapping;
pub(crate) mod domain_name;
pub(crate) mod integration;
pub(crate) mod route;
pub(crate) mod stage;
pub(crate) mod vpc_link;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use infra::resource::{During, Error, FORGOTTEN, Find, Id, Live, Passing, Resource, Result, TAG_OPERATION, Tags};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    calls::abreast,
    clients::Aws,
    error::{error, unless},
};

/// All items of all pages of a list call: `all!(world.apigatewayv2().get_apis())`.
macro_rules! all {
    ($call:expr) => {
        async {
            let (mut items, mut token) = (vec![], None::<String>);
            loop {
                let page = $call.set_next_token(token).send().await.map_err($crate::aws::error::error)?;
                items.extend(page.items.unwrap_or_default());
                token = page.next_token.filter(|it| !it.is_empty());
                if token.is_none() {
                    return Ok::<_, infra::resource::Error>(items);
                }
            }
        }
        .await
    };
}
pub(crate) use all;

pub(crate) const GONE: &[&str] = &["NotFoundException"];

/// The parts of one API are changed one after another: whoever comes second is refused.
pub(crate) const CONCURRENT: Passing =
    Passing { during: During::Any, code: "ConflictException", message: "concurrent modification", within: Duration::from_secs(300) };

/// The id of a part: of its parent, an API or a domain name, and its own.
pub(crate) fn join(parent: &str, own: Option<&str>) -> Result<Id> {
    let own = own.ok_or_else(|| Error::bug("Create", "the answer holds no id"))?;
    Ok(Id(format!("{parent}/{own}")))
}

/// The two parts of an id; none where it has not two.
pub(crate) fn split(id: &Id) -> Option<(&str, &str)> {
    id.as_str().split_once('/').filter(|(parent, own)| !parent.is_empty() && !own.is_empty())
}

/// The two parts of an id that a create answered with.
pub(crate) fn parts(id: &Id) -> Result<(&str, &str)> {
    split(id).ok_or_else(|| Error::rejected("Read", "NotFoundException", format!("`{id}` is not an id of two parts")))
}

/// The parts with these ids, in their order, with one list for each parent.
pub(crate) async fn children<T: Clone, F>(
    ids: &[Id],
    list: impl Fn(String) -> F,
    own: impl Fn(&T) -> Option<&str>,
) -> Result<Vec<Option<T>>>
where
    F: Future<Output = Result<Vec<T>>>,
{
    let parents: BTreeSet<&str> = ids.iter().filter_map(split).map(|it| it.0).collect();
    let calls: Vec<_> = parents.into_iter().map(|parent| (parent, list(parent.to_owned()))).collect();
    let calls = calls.into_iter().map(|(parent, call)| async move { Ok((parent, siblings(call.await)?)) });
    let lists: Vec<(&str, Vec<T>)> = abreast(calls).await?;
    let items = lists.iter().flat_map(|(parent, list)| list.iter().filter_map(|it| Some(((*parent, own(it)?), it))));
    let found: HashMap<(&str, &str), &T> = items.collect();
    Ok(ids.iter().map(|id| found.get(&split(id)?).copied().cloned()).collect())
}

/// What a list holds; nothing where the parent is gone.
pub(crate) fn siblings<T>(list: Result<Vec<T>>) -> Result<Vec<T>> {
    Ok(unless(list, GONE)?.unwrap_or_default())
}

/// The first by its id among the parts of this parent that no state knows and that have all that is wanted. There are no tags: it is
/// told by its content.
pub(crate) fn alike<R: Resource, T>(
    find: &Find<'_, R>,
    parent: &str,
    list: Result<Vec<T>>,
    own: impl Fn(&T) -> Option<&str>,
    live: impl Fn(&Id, T) -> Option<Live<R>>,
) -> Result<Option<Id>> {
    let mut ids = vec![];
    for it in siblings(list)? {
        let id = join(parent, own(&it))?;
        if !find.known.contains(&id) && live(&id, it).is_some_and(|it| has(&it.spec, find.spec)) {
            ids.push(id);
        }
    }
    Ok(ids.into_iter().min())
}

/// Whether a resource has all that is written for another. What is not written is the cloud's own affair.
fn has(live: &impl Serialize, written: &impl Serialize) -> bool {
    fn same(live: &Json, written: &Json) -> bool {
        match (live, written) {
            // Of what was made of a secret only a hash is known.
            (Json::String(_), Json::String(written)) if written == FORGOTTEN => true,
            // Lists here are sets.
            (Json::Array(live), Json::Array(written)) => {
                live.len() == written.len() && written.iter().all(|it| live.iter().any(|live| same(live, it)))
            }
            (Json::Object(live), Json::Object(written)) => {
                live.len() == written.len() && written.iter().all(|(key, it)| live.get(key).is_some_and(|live| same(live, it)))
            }
            _ => live == written,
        }
    }
    match (serde_json::to_value(live), serde_json::to_value(written)) {
        (Ok(live), Ok(Json::Object(written))) => written.iter().all(|(key, it)| it.is_null() || same(&live[key], it)),
        _ => false,
    }
}

/// The ARN of something of API Gateway, which names no account: `path` is `apis/a1b2c3`.
pub(crate) fn arn(world: &Aws, path: &str) -> String {
    world.arn("apigateway", "", &format!("/{path}"))
}

/// What a create call takes.
pub(crate) fn tags(tags: &Tags) -> Option<HashMap<String, String>> {
    (!tags.0.is_empty()).then(|| tags.0.clone().into_iter().collect())
}

/// Whether the create with this operation id made what has these tags.
pub(crate) fn is_made_by(tags: Option<&HashMap<String, String>>, operation: &str) -> bool {
    tags.and_then(|it| it.get(TAG_OPERATION)).is_some_and(|it| it == operation)
}

/// Makes the tags of what has this ARN equal to `to`.
pub(crate) async fn retag(world: &Aws, arn: &str, from: &Tags, to: &Tags) -> Result<()> {
    let (set, remove) = from.difference(to);
    if !set.is_empty() {
        let call = world.apigatewayv2().tag_resource().resource_arn(arn).set_tags(Some(set.into_iter().collect()));
        call.send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        world.apigatewayv2().untag_resource().resource_arn(arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
    }
    Ok(())
}

/// A map in which each key that goes has an empty value: that is how API Gateway is told to remove it. It keeps what is not said.
pub(crate) fn with_removals<'a>(from: impl IntoIterator<Item = &'a String>, to: &BTreeMap<String, String>) -> HashMap<String, String> {
    let removed = from.into_iter().map(|key| (key.clone(), String::new()));
    removed.chain(to.iter().map(|(key, it)| (key.clone(), it.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_written_is_told_by_its_content() {
        let live = json!({ "uri": "u", "values": { "a": "secret", "b": "c" }, "scopes": ["x", "y"], "more": 1 });
        for (written, expected) in [
            (json!({ "uri": "u", "gone": null }), true),
            (json!({ "uri": "v" }), false),
            (json!({ "uri": FORGOTTEN }), true),
            (json!({ "values": { "a": FORGOTTEN, "b": "c" } }), true),
            (json!({ "values": { "a": FORGOTTEN, "b": "d" } }), false),
            (json!({ "values": { "a": FORGOTTEN } }), false),
            (json!({ "scopes": ["y", "x"] }), true),
            (json!({ "scopes": ["y", FORGOTTEN] }), true),
            (json!({ "scopes": ["z", "x"] }), false),
            (json!({ "more": FORGOTTEN }), false),
        ] {
            assert_eq!(has(&live, &written), expected, "{written}");
        }
    }
}
