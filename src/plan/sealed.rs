//! Outputs that are secret: what stands for them while plans are made and recorded.
//!
//! Neither needs the text. A stand-in is told from others by the id of the resource and the place in its outputs, so that a
//! resource that was made anew gives another one, and a secret that somebody rotated the same. Only what is sent is made of the
//! text itself.

use serde_json::Value as Json;

use crate::{
    resource::{Id, Secret, is_sealed},
    value::{Path, Value},
};

/// An output as expressions see it.
pub fn output(id: &Id, name: &str, json: &Json) -> Value {
    fn open(id: &Id, path: &Path, json: &Json) -> Value {
        match json {
            it if is_sealed(it) => Value::Secret(Secret::standing_in(&format!("{id}.{path}"))),
            Json::Array(list) => Value::List(list.iter().enumerate().map(|(n, it)| open(id, &path.item(n), it)).collect()),
            Json::Object(map) => Value::Map(map.iter().map(|(key, it)| (key.clone(), open(id, &path.key(key), it))).collect()),
            other => Value::from(other.clone()),
        }
    }
    if has_sealed(json) { open(id, &Path::of(name), json) } else { Value::from(json.clone()) }
}

/// Whether some part of an output is sealed.
pub fn has_sealed(json: &Json) -> bool {
    match json {
        it if is_sealed(it) => true,
        Json::Array(list) => list.iter().any(has_sealed),
        Json::Object(map) => map.values().any(has_sealed),
        _ => false,
    }
}

/// Whether some part stands for a text that is asked for later.
pub fn stands_in(value: &Value) -> bool {
    match value {
        Value::Secret(secret) => secret.stands_in(),
        Value::List(list) => list.iter().any(stands_in),
        Value::Map(map) => map.values().any(stands_in),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(value: Option<&Value>) -> &str {
        match value {
            Some(Value::Secret(secret)) => secret.reveal(),
            other => panic!("no secret: {other:?}"),
        }
    }

    #[test]
    fn a_stand_in_is_that_of_one_place_in_one_resource() {
        let sealed = json!({ "infra:sealed": true });
        let json = json!({ "password": sealed, "key": sealed });
        let one = output(&"secret-1".into(), "generated", &json);
        let same = output(&"secret-1".into(), "generated", &json);
        let other = output(&"secret-2".into(), "generated", &json);
        assert_eq!(text(one.get("password")), text(same.get("password")));
        assert_ne!(text(one.get("password")), text(one.get("key")));
        assert_ne!(text(one.get("password")), text(other.get("password")), "made anew");
        assert!(stands_in(&one) && has_sealed(&json));
    }

    #[test]
    fn what_is_not_sealed_is_as_it_is() {
        let json = json!({ "a": [1, "b"], "c": null });
        assert_eq!(output(&"secret-1".into(), "plain", &json), Value::from(json.clone()));
        assert!(!has_sealed(&json));
        assert!(!stands_in(&Value::Secret(Secret::new("text"))), "a secret that is there stands for itself");
    }
}
