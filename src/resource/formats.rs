//! Kinds of text and data that can be written in several ways and mean the same: compared in one canonical form.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::TAG_OPERATION;

/// A block of addresses: `10.0.0.0/16`.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Cidr(pub String);

impl JsonSchema for Cidr {
    fn schema_name() -> Cow<'static, str> {
        "Cidr".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "cidr" })
    }
}

/// An IP protocol: `tcp`, `udp`, `icmp`, `icmpv6`, any other by its number, or `-1` for all. Also as `6`, `TCP` or `all`.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Protocol(pub String);

impl Protocol {
    /// The one spelling that all others are compared in.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let lower = self.0.trim().to_ascii_lowercase();
        Self(match lower.as_str() {
            "all" => "-1".to_owned(),
            "1" => "icmp".to_owned(),
            "6" => "tcp".to_owned(),
            "17" => "udp".to_owned(),
            "58" => "icmpv6".to_owned(),
            _ => lower,
        })
    }
}

impl JsonSchema for Protocol {
    fn schema_name() -> Cow<'static, str> {
        "Protocol".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "protocol" })
    }
}

/// A version, or as many of its first numbers as matter: `17` is any 17, and `17.6` is any 17.6.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Version(pub String);

impl Version {
    /// Whether the version `have` is one of those that this one means.
    #[must_use]
    pub fn covers(&self, have: &str) -> bool {
        have.strip_prefix(self.0.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "version" })
    }
}

/// A name in the DNS: in upper or lower case, with or without the dot at its end, and with `*` as such or as `\052`.
#[derive(Clone, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct DnsName(pub String);

impl DnsName {
    /// The one spelling that all others are compared in: lower case, no dot at the end, no escapes.
    #[must_use]
    pub fn canonical(&self) -> Self {
        let name = self.0.strip_suffix('.').unwrap_or(&self.0);
        let mut plain = String::with_capacity(name.len());
        let mut rest = name;
        while let Some(at) = rest.find('\\') {
            plain.push_str(&rest[..at]);
            let digits = rest.get(at + 1..at + 4).filter(|it| it.bytes().all(|it| (b'0'..=b'7').contains(&it)));
            // Only what can be written plainly: a dot within a label stays escaped.
            let byte =
                digits.and_then(|it| u8::from_str_radix(it, 8).ok()).filter(|it| it.is_ascii_graphic() && *it != b'.' && *it != b'\\');
            match byte {
                Some(byte) => plain.push(char::from(byte)),
                None => plain.push_str(&rest[at..rest.len().min(at + 1)]),
            }
            rest = &rest[if byte.is_some() { at + 4 } else { at + 1 }..];
        }
        plain.push_str(rest);
        Self(plain.to_ascii_lowercase())
    }
}

impl JsonSchema for DnsName {
    fn schema_name() -> Cow<'static, str> {
        "DnsName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "dns-name", "minLength": 1, "maxLength": 1024 })
    }
}

/// A policy document, written as YAML or as JSON text; compared by meaning.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html>
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Policy(pub Json);

impl JsonSchema for Policy {
    fn schema_name() -> Cow<'static, str> {
        "Policy".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "format": "policy" })
    }
}

/// Tags by key. The engine adds the stack's and its own; only those and the written ones belong to the stack.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Tags(pub BTreeMap<String, String>);

impl Tags {
    /// From what an API answers, without the tags that AWS itself puts on.
    pub fn read(tags: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect())
    }

    /// Whether the create with this operation id made what has these tags.
    pub fn made_by(&self, operation: &str) -> bool {
        self.0.get(TAG_OPERATION).is_some_and(|it| it == operation)
    }

    /// What to set and which keys to remove to get from these to `wanted`.
    pub fn difference(&self, wanted: &Self) -> (Vec<(String, String)>, Vec<String>) {
        let set = wanted.0.iter().filter(|(key, value)| self.0.get(*key) != Some(value));
        let remove = self.0.keys().filter(|key| !wanted.0.contains_key(*key));
        (set.map(|(key, value)| (key.clone(), value.clone())).collect(), remove.cloned().collect())
    }
}

impl JsonSchema for Tags {
    fn schema_name() -> Cow<'static, str> {
        "Tags".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": { "type": "string", "maxLength": 256 },
            "x-tags": true,
            "x-shared": true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_covers_those_that_begin_with_it() {
        for (wanted, have, covered) in [
            ("17", "17.6", true),
            ("17.6", "17.6", true),
            ("8.0", "8.0.mysql_aurora.3.08.0", true),
            ("1", "17.6", false),
            ("17.6", "17", false),
            ("17.6", "17.60", false),
        ] {
            assert_eq!(Version(wanted.into()).covers(have), covered, "{wanted} {have}");
        }
    }

    #[test]
    fn a_name_has_one_spelling() {
        for (written, canonical) in [
            ("example.com", "example.com"),
            ("Example.COM.", "example.com"),
            (r"\052.example.com.", "*.example.com"),
            ("*.example.com", "*.example.com"),
            (r"a\056b.example.com", r"a\056b.example.com"),
            (r"a\", r"a\"),
            (r"a\9z.b", r"a\9z.b"),
            ("_acme.example.com.", "_acme.example.com"),
        ] {
            assert_eq!(DnsName(written.into()).canonical().0, canonical);
        }
    }

    #[test]
    fn a_protocol_has_one_spelling() {
        for (written, canonical) in [
            ("tcp", "tcp"),
            ("TCP", "tcp"),
            ("6", "tcp"),
            ("17", "udp"),
            ("1", "icmp"),
            ("58", "icmpv6"),
            ("all", "-1"),
            ("-1", "-1"),
            ("50", "50"),
        ] {
            assert_eq!(Protocol(written.into()).canonical().0, canonical);
        }
    }
}
