//! What a secret holds: read, changed in part, and written back.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use infra::resource::{Error, Result, Secret};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

use super::generate::Part;
use crate::aws::{clients::Aws, error::error};

/// Members of the JSON object that a secret holds. Any of them may be secret, so that none is shown.
#[derive(Clone, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct Members(pub(super) BTreeMap<String, Json>);

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl JsonSchema for Members {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Members".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": {}, "x-secret": true })
    }
}

/// The current version of a secret's value; neither where nothing was put into it yet.
#[derive(Debug)]
pub(super) struct Current {
    version: Option<String>,
    text: Option<Secret>,
}

pub(super) async fn current(world: &Aws, name: &str) -> Result<Current> {
    match world.secretsmanager().get_secret_value().secret_id(name).send().await.map_err(error) {
        Ok(answer) => Ok(Current { version: answer.version_id, text: answer.secret_string.map(Secret::new) }),
        // The code is that of a secret that is not there; it "can't find the specified secret value".
        Err(error) if error.is(&["ResourceNotFoundException"]) && error.message.contains("secret value") => {
            Ok(Current { version: None, text: None })
        }
        Err(error) => Err(error),
    }
}

impl Current {
    /// The members, where it holds a JSON object.
    pub(super) fn members(&self) -> Option<Map<String, Json>> {
        let text = self.text.as_ref()?.reveal();
        // What the parser would say of it is not passed on: it may quote it.
        serde_json::from_str(text).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.text.as_ref().is_none_or(|it| it.reveal().is_empty())
    }

    /// Puts a text in its place, unless it is that already.
    ///
    /// The token follows from the version that is replaced, and from nothing that is secret: version ids can be seen by whoever may
    /// list them, so that a hash of the value would let it be guessed. Repeated after an answer that was lost, either the new value is
    /// read and nothing is put, or the old one still is and the call has the same token, which adds no second version; a part
    /// that was generated anew meanwhile is then refused, and read the next time.
    pub(super) async fn put(&self, world: &Aws, name: &str, text: &Secret) -> Result<()> {
        if self.text.as_ref() == Some(text) {
            return Ok(());
        }
        let digest = Sha256::digest(format!("infra after {}", self.version.as_deref().unwrap_or("nothing")));
        let token: String = digest.iter().map(|it| format!("{it:02x}")).collect();
        let call = world.secretsmanager().put_secret_value().secret_id(name).client_request_token(token);
        call.secret_string(text.reveal()).send().await.map_err(error).map(drop)
    }
}

/// The members with `values` in them, without those in `removed`, and with each part that is missing generated.
/// What is there as a part stays: whoever rotates it has the last word.
pub(super) fn merge(
    mut members: Map<String, Json>,
    parts: &BTreeMap<String, Part>,
    values: &Members,
    removed: &BTreeSet<String>,
) -> Result<Map<String, Json>> {
    members.retain(|name, _| !removed.contains(name));
    members.extend(values.0.iter().map(|(name, it)| (name.clone(), it.clone())));
    for (name, part) in parts {
        if !members.contains_key(name) {
            members.insert(name.clone(), Json::from(part.text()?.reveal()));
        }
    }
    Ok(members)
}

pub(super) fn as_text(members: Map<String, Json>) -> Secret {
    Secret::new(Json::Object(members).to_string())
}

/// The refusal where something is to be put into what holds no members.
pub(super) fn no_members(name: &str) -> Error {
    let why = format!(
        "what `{name}` holds is not a JSON object, so that nothing can be put into it: write it as `secret_string`, \
         or put `{{}}` into it by hand first"
    );
    Error::rejected("PutSecretValue", "NotAnObject", why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_stays_and_what_was_ours_goes() {
        let object = |it: Json| it.as_object().cloned().expect("an object");
        for (there, values, removed, expected) in [
            (json!({}), json!({ "host": "a" }), vec![], json!({ "host": "a", "password": "(generated)" })),
            (json!({ "password": "rotated" }), json!({}), vec![], json!({ "password": "rotated" })),
            (
                json!({ "password": "p", "host": "a", "foreign": 1 }),
                json!({ "port": 5432 }),
                vec!["host"],
                json!({ "password": "p", "foreign": 1, "port": 5432 }),
            ),
        ] {
            let parts = BTreeMap::from([("password".to_owned(), Part::default())]);
            let values = Members(object(values).into_iter().collect());
            let removed = removed.into_iter().map(str::to_owned).collect();
            let mut merged = merge(object(there.clone()), &parts, &values, &removed).expect("merged");
            if there.get("password").is_none() {
                assert_eq!(merged["password"].as_str().map(str::len), Some(32));
                merged.insert("password".into(), json!("(generated)"));
            }
            assert_eq!(Json::Object(merged), expected);
        }
    }

    #[test]
    fn nothing_shows_a_value() {
        let members = Members(BTreeMap::from([("password".to_owned(), json!("hunter2"))]));
        let current = Current { version: None, text: Some(Secret::new("hunter2")) };
        assert_eq!(format!("{members:?} {current:?}"), r#"{"password"} Current { version: None, text: Some((secret)) }"#);
    }
}
