//! The names of resources within a stack.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of one resource of a stack: `vpc`, `subnet/1a`; inside a component `network/subnet/1a`.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// One of several made by `for_each`.
    #[must_use]
    pub fn each(&self, key: &str) -> Self {
        Self(format!("{}/{key}", self.0))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is `other` or one of several that `other` names together.
    pub fn is_within(&self, other: &str) -> bool {
        self.0.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
