//! The state as text: how it is written, and whether what is read is whole.
//!
//! ```json
//! {
//!   "format_version": 1,
//!   "checksum": "sha256:…",
//!   "state": { … }
//! }
//! ```
//!
//! All keys are sorted, so that two states differ as texts only where they differ. The checksum is over all other lines: over the
//! text and not over what it means, because reading a number and writing it again need not give the same digits.

use serde::Deserialize as _;
use serde_json::{Map, Value as Json, json};
use uuid::Uuid;

use super::{
    State,
    hash::{new_key, sha256},
};

/// The version of the format that this `infra` writes.
pub const FORMAT_VERSION: u64 = 1;

/// Each turns the `state` of one version into that of the next; the first is for version 1.
const UPGRADES: &[fn(&mut Json)] = &[];

/// A text is not a whole state.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("it is not JSON from line {line}, column {column} on; the {} lines before are good", .line.saturating_sub(1))]
    Syntax {
        line: usize,
        column: usize,
        #[source]
        source: serde_json::Error,
    },
    #[error("its checksum is wrong: it is readable, with {resources} resources, and something other than infra has changed it")]
    Checksum { resources: usize },
    #[error("it is JSON, and not a state: {missing}")]
    NotAState { missing: &'static str },
    #[error("its checksum is right, and its content is not a state of version {version}")]
    Content {
        version: u64,
        #[source]
        source: serde_json::Error,
    },
}

/// A state as it was read.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) state: State,
    /// Of the text; above [`FORMAT_VERSION`] there may be more in it than was understood.
    pub(super) version: u64,
}

impl State {
    /// A state in which nothing exists yet, with a uuid and a key that no other has.
    pub fn new(stack: &str, environment: &str) -> Self {
        Self {
            uuid: Uuid::new_v4().to_string(),
            stack: stack.to_owned(),
            environment: environment.to_owned(),
            account: None,
            endpoint: None,
            region: None,
            serial: 0,
            commit: None,
            hash_key: new_key(),
            resources: [].into(),
            deposed: vec![],
            pending: [].into(),
            outputs: [].into(),
        }
    }
}

pub(super) fn encode(state: &State) -> String {
    let body = sorted(serde_json::to_value(state).expect("a state is plain data"));
    let file = json!({ "format_version": FORMAT_VERSION, "state": body });
    let text = serde_json::to_string_pretty(&file).expect("JSON can be written") + "\n";
    let (first, rest) = text.split_at(text.find("  \"state\"").expect("just written"));
    format!("{first}{CHECKSUM}{}\",\n{rest}", sha256(text.as_bytes()))
}

pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, FormatError> {
    let mut file: Json =
        serde_json::from_slice(bytes).map_err(|source| FormatError::Syntax { line: source.line(), column: source.column(), source })?;
    let Some(version) = file.get("format_version").and_then(Json::as_u64).filter(|it| *it > 0) else {
        return Err(FormatError::NotAState { missing: "it has no format version" });
    };
    let Some(mut body) = file.get_mut("state").map(Json::take) else {
        return Err(FormatError::NotAState { missing: "it has no part called `state`" });
    };
    // A newer version may count differently.
    if version <= FORMAT_VERSION && !checksum_matches(bytes) {
        let resources = body.get("resources").and_then(Json::as_object).map_or(0, Map::len);
        return Err(FormatError::Checksum { resources });
    }
    upgrade(&mut body, version, UPGRADES);
    let state = State::deserialize(body).map_err(|source| FormatError::Content { version, source })?;
    Ok(Decoded { state, version })
}

const CHECKSUM: &str = "  \"checksum\": \"sha256:";

fn checksum_matches(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(start) = text.find(CHECKSUM) else { return false };
    let line = text[start..].lines().next().unwrap_or_default();
    let rest = text[start + line.len()..].trim_start_matches(['\r', '\n']);
    let written = line[CHECKSUM.len()..].trim_end_matches([',', '"']);
    sha256(format!("{}{rest}", &text[..start]).as_bytes()) == written
}

fn upgrade(body: &mut Json, version: u64, upgrades: &[fn(&mut Json)]) {
    let done = usize::try_from(version - 1).unwrap_or(usize::MAX);
    for step in upgrades.iter().skip(done) {
        step(body);
    }
}

/// The same with the keys of all objects in order.
pub(super) fn sorted(json: Json) -> Json {
    match json {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.into_iter().map(|(key, it)| (key, sorted(it))).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            Json::Object(entries.into_iter().collect())
        }
        Json::Array(list) => Json::Array(list.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
