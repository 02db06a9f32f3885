//! Data as it flows between the stages: what a stack file says, what an expression yields, what the cloud answers.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::resource::Secret;

/// A value that may hide a secret or not be known yet.
///
/// Maps are sorted, so that whatever is shown or written is the same in every run.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    /// Never shown; recorded only as a keyed hash.
    Secret(Secret),
    /// Known only once something else has been applied.
    Unknown(Unknown),
}

/// Why a value is not known: the expression that will yield it, as it stands in the stack file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unknown {
    pub expression: String,
}

/// A value that is still unknown was asked for as data.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is not known yet")]
pub struct StillUnknown {
    pub path: Path,
}

impl Value {
    pub fn map() -> Self {
        Self::Map(BTreeMap::new())
    }

    pub fn unknown(expression: impl Into<String>) -> Self {
        Self::Unknown(Unknown { expression: expression.into() })
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_map(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// The entry of a map; nothing where this is no map or the entry is not there.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// Whether some part is not known yet.
    pub fn has_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::List(list) => list.iter().any(Self::has_unknown),
            Self::Map(map) => map.values().any(Self::has_unknown),
            _ => false,
        }
    }

    /// Whether some part is a secret.
    pub fn has_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::List(list) => list.iter().any(Self::has_secret),
            Self::Map(map) => map.values().any(Self::has_secret),
            _ => false,
        }
    }

    /// Plain data with secrets in clear text: only for what is sent to the cloud at once.
    ///
    /// # Errors
    /// Some part is not known yet; the error names it.
    pub fn reveal(&self) -> Result<Json, StillUnknown> {
        self.convert(&Path::default(), &|secret| Json::String(secret.reveal().to_owned()))
    }

    /// Plain data in which `hide` decides what stands for each secret.
    ///
    /// # Errors
    /// Some part is not known yet; the error names it.
    pub fn conceal(&self, hide: &dyn Fn(&Secret) -> Json) -> Result<Json, StillUnknown> {
        self.convert(&Path::default(), hide)
    }

    fn convert(&self, path: &Path, hide: &dyn Fn(&Secret) -> Json) -> Result<Json, StillUnknown> {
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(it) => Json::Bool(*it),
            Self::Int(it) => Json::from(*it),
            Self::Float(it) => Json::from(*it),
            Self::Text(it) => Json::String(it.clone()),
            Self::List(list) => {
                let items = list.iter().enumerate().map(|(n, item)| item.convert(&path.item(n), hide));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Self::Map(map) => {
                let entries = map.iter().map(|(key, it)| Ok((key.clone(), it.convert(&path.key(key), hide)?)));
                Json::Object(entries.collect::<Result<_, _>>()?)
            }
            Self::Secret(secret) => hide(secret),
            Self::Unknown(_) => return Err(StillUnknown { path: path.clone() }),
        })
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(it) => Self::Bool(it),
            Json::Number(it) => match it.as_i64() {
                Some(int) => Self::Int(int),
                None => Self::Float(it.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(it) => Self::Text(it),
            Json::Array(list) => Self::List(list.into_iter().map(Self::from).collect()),
            Json::Object(map) => Self::Map(map.into_iter().map(|(key, it)| (key, Self::from(it))).collect()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Where a part stands inside a value: `ingress[0].cidr_ip`, `tags["aws:x"]`.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Path(pub Vec<Segment>);

#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Segment {
    Key(String),
    Item(usize),
}

impl Path {
    /// The path of one top-level property.
    pub fn of(key: &str) -> Self {
        Self::default().key(key)
    }

    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Segment::Key(key.to_owned()))
    }

    #[must_use]
    pub fn item(&self, number: usize) -> Self {
        self.then(Segment::Item(number))
    }

    fn then(&self, segment: Segment) -> Self {
        let mut path = self.clone();
        path.0.push(segment);
        path
    }

    /// The top-level property this path leads into.
    pub fn property(&self) -> Option<&str> {
        match self.0.first() {
            Some(Segment::Key(key)) => Some(key),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Item(item) => write!(f, "[{item}]")?,
                Segment::Key(key) if key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') => {
                    write!(f, "{}{key}", if n == 0 { "" } else { "." })?;
                }
                Segment::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}
