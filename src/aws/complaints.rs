//! What a type says of a spec before any call, for tests.

use infra::{
    resource::{Problems, Resource},
    value::Value,
};
use serde_json::Value as Json;

/// Each problem as `path: summary`, or the summary alone where it is one of the whole or of one property.
pub(crate) fn complaints<R: Resource>(spec: Json) -> Vec<String> {
    let mut problems = Problems::default();
    R::check(&Value::from(spec), &mut problems);
    let line = |it: infra::resource::Problem| {
        assert!(it.help.as_deref().is_some_and(|it| !it.is_empty()), "{}: no help", it.summary);
        if it.path.0.len() > 1 { format!("{}: {}", it.path, it.summary) } else { it.summary }
    };
    problems.0.into_iter().map(line).collect()
}
