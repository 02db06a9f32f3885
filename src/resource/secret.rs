//! A text that must not be seen.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroizing;

/// A value that is never shown, logged or written down; the state file has only its keyed hash.
///
/// It serialises as `null`: a live spec may carry one where the cloud does not tell it.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// What stands in a live spec for a value that the cloud does not tell.
    pub fn untold() -> Self {
        Self::new("")
    }

    /// What stands for the text of a [`Sealed`] output wherever the text is not needed: in a plan and in what is recorded.
    /// `which` tells it from every other; what is calculated from it stands for the same calculation on the text.
    pub fn standing_in(which: &str) -> Self {
        Self::new(format!("{STAND_IN}{which}{STAND_IN}"))
    }

    /// Whether some part of it stands for a text that is asked for later.
    pub fn stands_in(&self) -> bool {
        self.0.contains(STAND_IN)
    }

    /// Whether what has this name is most likely a secret, wherever it stands: `DB_PASSWORD`, `api_key`.
    pub fn is_named(name: &str) -> bool {
        let upper = name.to_ascii_uppercase().replace('-', "_");
        NAMES.iter().any(|it| upper == *it || upper.strip_suffix(it).is_some_and(|it| it.ends_with('_')))
    }

    /// The text itself: for the call that needs it and nothing else.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// How names end of what nobody else may know.
const NAMES: &[&str] = &[
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "SECRET",
    "SECRET_KEY",
    "SECRET_STRING",
    "API_KEY",
    "APIKEY",
    "ACCESS_KEY",
    "PRIVATE_KEY",
    "TOKEN",
];

/// An output that is a secret: that it is there is known, and its text is asked for by [`super::Resource::open`] only where
/// something is about to be made of it. Neither a plan nor the state ever has it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Sealed;

/// Around the name of a stand-in; of Unicode's private use, so that no real secret has it.
const STAND_IN: char = '\u{e1fa}';

/// What stands in a spec that something is looked for by, in place of a text of which only a hash is recorded.
pub const FORGOTTEN: &str = "\u{e1fa}";

/// What stands for a [`Sealed`] output in plain data.
const SEALED: &str = "infra:sealed";

/// Whether this stands for a [`Sealed`] output.
pub fn is_sealed(json: &serde_json::Value) -> bool {
    json.as_object().is_some_and(|it| it.len() == 1 && it.contains_key(SEALED))
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(SEALED, true)])
    }
}

impl JsonSchema for Sealed {
    fn schema_name() -> Cow<'static, str> {
        "Sealed".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Secret::json_schema(generator)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A recorded spec has something else in its place, which is never sent anywhere.
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self::new(text),
            _ => Self::untold(),
        })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_none()
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true, "x-secret": true })
    }
}
