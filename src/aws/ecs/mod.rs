//! Containers. What all types of ECS share: tags, and strategies.

pub(crate) mod cluster;
pub(crate) mod service;
pub(crate) mod task_definition;

use aws_sdk_ecs::types::{CapacityProviderStrategyItem, Tag};
use infra::{
    diagnostic::nearest,
    resource::{Problems, Result, Tags},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{clients::Aws, error::error};

/// Which share of the tasks runs on which capacity.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Strategy {
    /// `FARGATE`, `FARGATE_SPOT` or the name of a capacity provider of your own.
    capacity_provider: String,
    /// Its share of the tasks beyond `base`, relative to the others; one at least is more than 0.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1000))]
    weight: i32,
    /// How many tasks run on it before shares count; more than 0 for one of them only.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100_000))]
    base: i32,
}

/// What the API takes; `None` stays what is not written.
fn strategy(items: Option<&Vec<Strategy>>) -> Option<Vec<CapacityProviderStrategyItem>> {
    let item = |it: &Strategy| {
        let item = CapacityProviderStrategyItem::builder().capacity_provider(&it.capacity_provider).weight(it.weight).base(it.base);
        item.build().expect("it has a capacity provider")
    };
    items.map(|items| items.iter().map(item).collect())
}

/// What the API tells; nothing where there is none.
fn strategy_of(items: &[CapacityProviderStrategyItem]) -> Option<Vec<Strategy>> {
    let item =
        |it: &CapacityProviderStrategyItem| Strategy { capacity_provider: it.capacity_provider.clone(), weight: it.weight, base: it.base };
    (!items.is_empty()).then(|| items.iter().map(item).collect())
}

/// What AWS refuses of a strategy.
fn check_strategy(spec: &Value, property: &str, problems: &mut Problems) {
    let Some(items) = spec.get(property).and_then(Value::as_list).filter(|it| !it.is_empty()) else { return };
    let number = |it: &Value, key: &str| match it.get(key) {
        None | Some(Value::Null) => Some(0),
        Some(Value::Int(number)) => Some(*number),
        Some(_) => None,
    };
    for (number, item) in items.iter().enumerate() {
        check_provider(item.get("capacity_provider"), Path::of(property).item(number).key("capacity_provider"), problems);
    }
    if items.iter().all(|it| number(it, "weight") == Some(0)) {
        let help = "write `weight: 1` for one that tasks may run on";
        problems.error(Path::of(property), "a strategy in which nothing has a weight", help);
    }
    if items.iter().filter(|it| number(it, "base").is_some_and(|it| it > 0)).count() > 1 {
        problems.error(Path::of(property), "a strategy with more than one `base`", "leave `base` to one of them");
    }
    let name = |it: &Value| it.get("capacity_provider").and_then(Value::as_text).map(|it| it.starts_with("FARGATE"));
    let (fargate, own) = (items.iter().any(|it| name(it) == Some(true)), items.iter().any(|it| name(it) == Some(false)));
    if fargate && own {
        let help = "a strategy is of Fargate's capacity providers or of your own: choose one kind";
        problems.error(Path::of(property), "a strategy that mixes Fargate with other capacity", help);
    }
}

/// Fargate's are two, and no other may begin as they do.
fn check_provider(name: Option<&Value>, at: Path, problems: &mut Problems) {
    const FARGATE: &[&str] = &["FARGATE", "FARGATE_SPOT"];
    let Some(name) = name.and_then(Value::as_text).filter(|it| !FARGATE.contains(it)) else { return };
    let upper = name.to_uppercase();
    if let Some(near) =
        nearest(&upper, FARGATE.iter().copied()).filter(|near| upper.starts_with("FARGATE") || nearest(name, [*near]).is_some())
    {
        problems.error(at, format!("there is no capacity provider `{name}`"), format!("did you mean `{near}`?"));
    }
}

/// What a create call takes; nothing where there are no tags.
fn list(tags: &Tags) -> Option<Vec<Tag>> {
    (!tags.0.is_empty()).then(|| tags.0.iter().map(|(key, value)| tag(key, value)).collect())
}

/// The tags of an answer.
fn tags(list: &[Tag]) -> Tags {
    Tags::read(list.iter().filter_map(|it| Some((it.key()?.to_owned(), it.value().unwrap_or_default().to_owned()))))
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Makes the tags of what has this ARN equal to `to`.
async fn retag(world: &Aws, arn: &str, from: &Tags, to: &Tags) -> Result<()> {
    let (set, remove) = from.difference(to);
    if !set.is_empty() {
        let set = set.iter().map(|(key, value)| tag(key, value)).collect();
        world.ecs().tag_resource().resource_arn(arn).set_tags(Some(set)).send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        world.ecs().untag_resource().resource_arn(arn).set_tag_keys(Some(remove)).send().await.map_err(error)?;
    }
    Ok(())
}

/// The name at the end of an ARN, or the name itself.
fn name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// A list as a property has it: none and an empty one are the same.
fn some<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}
