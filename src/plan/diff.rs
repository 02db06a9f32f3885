//! What differs between what is wanted, what there is and what was last applied.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::{Cause, Change, Shown, normal, sealed};
use crate::{
    resource::{
        Secret, Version,
        schema::{Field, Fields, Format, Kind, Schema, Text, TypeSchema},
    },
    value::{Path, Segment, Value},
};

/// The three sides of one comparison.
pub struct Sides<'a> {
    /// What the file wants, complete.
    pub want: &'a BTreeMap<String, Value>,
    /// What was read; a property that is missing here was not read, or is not set.
    pub have: &'a Value,
    /// What was last applied, as recorded.
    pub was: &'a Value,
    /// Whether what was last applied was carried out to its end.
    pub complete: bool,
    /// The properties that a read was asked for: one of these that is missing is not set.
    pub read: &'a dyn Fn(&str) -> bool,
    pub ignore: &'a [Path],
    /// Whether the cloud comes by itself from what is wanted of a property to this, and never goes back.
    pub grown: &'a dyn Fn(&str, &Value) -> bool,
    /// By path, the hash of what was read last, of what is made of texts that are not at hand.
    pub shown: &'a BTreeMap<String, String>,
    pub hash: &'a dyn Fn(&str) -> String,
}

impl Sides<'_> {
    /// Whether the cloud has more of a property than is wanted by its own doing. Who wants less than before asks for a way back.
    pub fn outgrown(&self, property: &str) -> bool {
        (self.grown)(property, self.have) && !(self.grown)(property, self.was)
    }
}

/// All that differs, and the removed properties that stay as they are.
#[derive(Debug, Default)]
pub struct Difference {
    pub changes: Vec<Change>,
    pub kept: Vec<String>,
}

/// Compares by the schema: canonical forms, and only what is written now or was applied before.
pub fn diff(types: &TypeSchema, sides: &Sides<'_>) -> Difference {
    let mut difference = Difference::default();
    for (name, field) in &types.properties {
        let path = Path::of(name);
        if sides.ignore.contains(&path) {
            continue;
        }
        let mut compare = Compare { types, sides, replaces: field.schema.marks.immutable, changes: vec![] };
        let (want, have, was) = (sides.want.get(name), entry(sides.have, name), entry(sides.was, name));
        let read = (sides.read)(name);
        match want {
            None if was.is_some() && field.schema.marks.kept => difference.kept.push(name.clone()),
            None if was.is_some() && (field.schema.marks.write_only || (!read && have.is_none())) => {
                compare.push(&path, Shown::Unread, Shown::Absent, Cause::Removed);
            }
            _ if field.schema.marks.write_only || (!read && have.is_none()) => {
                if let Some(want) = want {
                    compare.unreadable(&field.schema, want, was, &path);
                }
            }
            Some(_) if sides.outgrown(name) => {}
            _ => compare.property(&field.schema, want, have, was, &path),
        }
        difference.changes.append(&mut compare.changes);
    }
    difference.changes.retain(|change| !sides.ignore.iter().any(|it| change.path.0.starts_with(&it.0)));
    difference
}

/// Puts what is ignored as it is there into what is wanted, so that it stays when something else changes.
pub fn keep_ignored(ignore: &[Path], there: &Json, wanted: &mut Json) {
    // What was not read is as it is wanted, as far as anybody knows.
    for path in ignore.iter().filter(|it| it.property().is_some_and(|it| there.get(it).is_some())) {
        keep(&path.0, there, wanted);
    }
}

fn keep(path: &[Segment], there: &Json, wanted: &mut Json) {
    match (path, wanted) {
        ([Segment::Key(key)], Json::Object(wanted)) => match there.get(key) {
            Some(value) => _ = wanted.insert(key.clone(), value.clone()),
            None => _ = wanted.remove(key),
        },
        ([Segment::Item(number)], Json::Array(wanted)) => {
            if let (Some(value), Some(item)) = (there.get(number), wanted.get_mut(*number)) {
                item.clone_from(value);
            }
        }
        ([Segment::Key(key), rest @ ..], Json::Object(wanted)) => {
            if let Some(wanted) = wanted.get_mut(key) {
                keep(rest, there.get(key).unwrap_or(&Json::Null), wanted);
            }
        }
        ([Segment::Item(number), rest @ ..], Json::Array(wanted)) => {
            if let Some(wanted) = wanted.get_mut(*number) {
                keep(rest, there.get(number).unwrap_or(&Json::Null), wanted);
            }
        }
        _ => {}
    }
}

fn entry<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|it| !it.is_null())
}

struct Compare<'a> {
    types: &'a TypeSchema,
    sides: &'a Sides<'a>,
    replaces: bool,
    changes: Vec<Change>,
}

impl Compare<'_> {
    fn push(&mut self, path: &Path, before: Shown, after: Shown, cause: Cause) {
        let cause = if self.sides.complete || cause == Cause::Reference { cause } else { Cause::Unfinished };
        self.changes.push(Change { path: path.clone(), before, after, cause, replaces: self.replaces });
    }

    /// Compared by what was last applied, through its hash where it has one.
    fn unreadable(&mut self, schema: &Schema, want: &Value, was: Option<&Value>, path: &Path) {
        let after = if schema.marks.secret || want.has_secret() { concealed(want) } else { shown(want) };
        let Some(recorded) = normal::record(self.types, schema, want, self.sides.hash) else {
            return self.push(path, Shown::Unread, after, Cause::Reference);
        };
        let recorded = normal::canonical(self.types, schema, &Value::from(recorded));
        // Earlier versions recorded a hash of what is no secret, too.
        let hashed = was.filter(|it| it.get(HASH).is_some()).and_then(|_| normal::hash_of_all(self.types, schema, want, self.sides.hash));
        match was.map(|it| normal::canonical(self.types, schema, it)) {
            Some(was) if was == recorded || hashed.map(Value::from).as_ref() == Some(&was) => {
                // What was begun and not finished may have written anything, but for what cannot be written again.
                if !self.sides.complete && !self.replaces {
                    self.push(path, Shown::Unread, after, Cause::Unfinished);
                }
            }
            Some(_) => self.push(path, Shown::Unread, after, Cause::File),
            None => self.push(path, Shown::Absent, after, Cause::File),
        }
    }

    fn property(&mut self, schema: &Schema, want: Option<&Value>, have: Option<&Value>, was: Option<&Value>, path: &Path) {
        let resolved = self.types.resolve(schema);
        let was_replacing = self.replaces;
        self.replaces |= schema.marks.immutable || resolved.marks.immutable;
        match (want, have) {
            (None, have) => {
                if let (Some(_), Some(have)) = (was, have) {
                    self.push(path, before(have, was), Shown::Absent, Cause::Removed);
                }
            }
            (Some(want @ Value::Unknown(it)), have) => {
                let cause = self.cause(schema, want, was);
                self.push(path, have.map_or(Shown::Absent, |it| before(it, was)), Shown::Unknown(it.expression.clone()), cause);
            }
            (Some(want), _) if schema.marks.write_only || resolved.marks.write_only => self.unreadable(schema, want, was, path),
            // What is recorded stands for what there is: secrets are hashes.
            (Some(want), Some(have)) if have.get(HASH).is_some() => {
                if !self.same(schema, want, have) {
                    self.push(path, Shown::Secret, shown(want), self.cause(schema, want, was));
                }
            }
            // Its text is not at hand: what was made of the same one is the same, as long as it shows as it did.
            (Some(Value::Secret(secret)), Some(have)) if secret.stands_in() => match self.cause_of_secret(secret, was) {
                Cause::Drift if self.shows_as_before(schema, have, path) => {}
                cause => self.push(path, Shown::Secret, Shown::Secret, cause),
            },
            // A secret in a property that can be read: shown on neither side.
            (Some(Value::Secret(want)), Some(Value::Text(have))) => {
                if want.reveal() != have {
                    let cause = self.cause_of_secret(want, was);
                    self.push(path, Shown::Secret, Shown::Secret, cause);
                }
            }
            (Some(want), None) => {
                // Nothing and an empty list or map are the same to most APIs.
                if !is_empty(want) {
                    self.push(path, Shown::Absent, shown(want), self.cause(schema, want, was));
                }
            }
            (Some(want), Some(have)) => self.values(schema, resolved, want, have, was, path),
        }
        self.replaces = was_replacing;
    }

    fn values(&mut self, schema: &Schema, resolved: &Schema, want: &Value, have: &Value, was: Option<&Value>, path: &Path) {
        let is_set = schema.marks.set || resolved.marks.set;
        match (&resolved.kind, want, have) {
            (Kind::Object(fields), Value::Map(_), Value::Map(_)) => self.object(fields, want, have, was, path),
            (Kind::Map(item), Value::Map(wanted), Value::Map(there)) => {
                for (key, value) in wanted {
                    self.property(item, Some(value), there.get(key), was.and_then(|it| it.get(key)), &path.key(key));
                }
                for (key, value) in there.iter().filter(|(key, _)| !wanted.contains_key(*key)) {
                    let was_ours = was.and_then(|it| it.get(key)).is_some();
                    if was_ours {
                        self.push(&path.key(key), before(value, was.and_then(|it| it.get(key))), Shown::Absent, Cause::Removed);
                    } else if !schema.marks.shared && !resolved.marks.shared {
                        self.push(&path.key(key), shown(value), Shown::Absent, Cause::Drift);
                    }
                }
            }
            (Kind::List { .. }, Value::List(_), Value::List(_)) if is_set && sealed::stands_in(want) && !has_hash(have) => {
                self.sealed(schema, want, have, was, path);
            }
            (Kind::List { item, .. }, Value::List(wanted), Value::List(there)) if is_set => {
                self.set(schema, item, wanted, there, was, path);
            }
            (Kind::List { item, .. }, Value::List(wanted), Value::List(there)) if wanted.len() == there.len() => {
                let was = was.and_then(Value::as_list);
                for (n, (want, have)) in wanted.iter().zip(there).enumerate() {
                    self.property(item, Some(want), Some(have), was.and_then(|it| it.get(n)), &path.item(n));
                }
            }
            _ if sealed::stands_in(want) && !has_hash(have) => self.sealed(schema, want, have, was, path),
            _ => {
                if !self.same(schema, want, have) {
                    let hidden = if want.has_secret() { Shown::Secret } else { before(have, was) };
                    self.push(path, hidden, shown(want), self.cause(schema, want, was));
                }
            }
        }
    }

    /// Whether this is what is there, or what is recorded in its place.
    fn same(&self, schema: &Schema, want: &Value, have: &Value) -> bool {
        if let (Kind::Text(Text { format: Some(Format::Version), .. }), Value::Text(want), Value::Text(have)) = (&schema.kind, want, have) {
            return Version(want.clone()).covers(have);
        }
        let plain = if has_hash(have) {
            normal::record(self.types, schema, want, self.sides.hash)
        } else if want.has_secret() {
            want.reveal().ok()
        } else {
            return normal::canonical(self.types, schema, want) == normal::canonical(self.types, schema, have);
        };
        plain.is_some_and(|it| normal::canonical(self.types, schema, &Value::from(it)) == normal::canonical(self.types, schema, have))
    }

    fn object(&mut self, fields: &Fields, want: &Value, have: &Value, was: Option<&Value>, path: &Path) {
        for (name, Field { schema, .. }) in fields {
            let was = was.and_then(|it| entry(it, name));
            self.property(schema, entry(want, name), entry(have, name), was, &path.key(name));
        }
    }

    /// Order and repetitions mean nothing; of a shared set only what is written now or was applied before counts.
    fn set(&mut self, schema: &Schema, item: &Schema, wanted: &[Value], there: &[Value], was: Option<&Value>, path: &Path) {
        let same = |want: &Value, have: &Value| self.same(item, want, have);
        let ours = was.and_then(Value::as_list).unwrap_or_default();
        let shared = schema.marks.shared || self.types.resolve(schema).marks.shared;
        let missing = wanted.iter().any(|want| !there.iter().any(|have| same(want, have)));
        // What is recorded may be a hash of what is there.
        let extra =
            there.iter().any(|have| !wanted.iter().any(|want| same(want, have)) && (!shared || ours.iter().any(|was| same(have, was))));
        if missing || extra {
            let want = Value::List(wanted.to_vec());
            let hidden = if want.has_secret() { Shown::Secret } else { before(&Value::List(there.to_vec()), was) };
            self.push(path, hidden, shown(&want), self.cause(schema, &want, was));
        }
    }

    /// What has parts that stand for texts, compared as a whole.
    fn sealed(&mut self, schema: &Schema, want: &Value, have: &Value, was: Option<&Value>, path: &Path) {
        match self.cause(schema, want, was) {
            Cause::Drift if self.shows_as_before(schema, have, path) => {}
            cause => self.push(path, Shown::Secret, shown(want), cause),
        }
    }

    /// Whether the cloud shows what it showed when it was recorded; what was begun and not finished may have written anything.
    fn shows_as_before(&self, schema: &Schema, have: &Value, path: &Path) -> bool {
        match self.sides.shown.get(&path.to_string()) {
            Some(hash) => normal::hash_of_shown(self.types, schema, have, self.sides.hash).is_none_or(|it| it == *hash),
            None => self.sides.complete || self.replaces,
        }
    }

    fn cause_of_secret(&self, want: &Secret, was: Option<&Value>) -> Cause {
        let hash = (self.sides.hash)(want.reveal());
        let same = was.and_then(|it| it.get(HASH)).and_then(Value::as_text) == Some(&hash);
        if same { Cause::Drift } else { Cause::File }
    }

    /// Somebody else changed it if the file still wants what was last applied; what it did not want before, it wants by itself.
    fn cause(&self, schema: &Schema, want: &Value, was: Option<&Value>) -> Cause {
        match was {
            None => Cause::File,
            Some(_) if want.has_unknown() => Cause::Reference,
            Some(was) if self.same(schema, want, was) => Cause::Drift,
            Some(_) => Cause::File,
        }
    }
}

/// What stands in a record for a secret.
const HASH: &str = "infra:hash";

/// What there is, unless it was a secret when it was written.
fn before(have: &Value, was: Option<&Value>) -> Shown {
    if has_hash(have) || was.is_some_and(has_hash) { Shown::Secret } else { shown(have) }
}

pub(super) fn has_hash(value: &Value) -> bool {
    match value {
        Value::List(list) => list.iter().any(has_hash),
        Value::Map(map) => map.contains_key(HASH) || map.values().any(has_hash),
        _ => false,
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// A value as it may be seen: secrets hidden, unknown parts as the expression that will yield them.
pub fn shown(value: &Value) -> Shown {
    match value {
        Value::Secret(_) => Shown::Secret,
        Value::Unknown(it) => Shown::Unknown(it.expression.clone()),
        other => Shown::Value(visible(other)),
    }
}

/// Something secret as it may be seen: of several parts their names.
pub fn concealed(value: &Value) -> Shown {
    match value {
        Value::Map(parts) => Shown::Value(parts.keys().map(|name| (name.clone(), Json::from(SECRET))).collect()),
        _ => Shown::Secret,
    }
}

/// Stands for a secret among what is shown.
const SECRET: &str = "(secret)";

fn visible(value: &Value) -> Json {
    match value {
        Value::Secret(_) => Json::from(SECRET),
        Value::Unknown(it) => Json::from(it.expression.clone()),
        Value::List(list) => Json::Array(list.iter().map(visible).collect()),
        Value::Map(map) => Json::Object(map.iter().map(|(key, it)| (key.clone(), visible(it))).collect()),
        // Nothing unknown and no secret is left at this depth.
        other => other.reveal().unwrap_or(Json::Null),
    }
}

/// The top-level properties that some changes lead into.
pub fn properties(changes: &[Change]) -> impl Iterator<Item = &str> {
    changes.iter().filter_map(|it| match it.path.0.first() {
        Some(Segment::Key(key)) => Some(key.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_ignored_is_as_it_is_there() {
        let check = |path: Path, there: Json, expected: Json| {
            let mut wanted = json!({ "size": 1, "tags": { "Owner": "a", "own": "b" }, "list": [{ "text": "a", "more": "b" }] });
            keep_ignored(&[path], &there, &mut wanted);
            assert_eq!(wanted, expected);
        };
        let all = |size: i64, tags: Json, text: &str| json!({ "size": size, "tags": tags, "list": [{ "text": text, "more": "b" }] });
        let tags = json!({ "Owner": "a", "own": "b" });
        check(Path::of("size"), json!({ "size": 2 }), all(2, tags.clone(), "a"));
        check(Path::of("size"), json!({}), all(1, tags.clone(), "a"));
        let owner = Path::of("tags").key("Owner");
        check(owner.clone(), json!({ "tags": { "Owner": "z", "own": "z" } }), all(1, json!({ "Owner": "z", "own": "b" }), "a"));
        check(owner.clone(), json!({ "tags": {} }), all(1, json!({ "own": "b" }), "a"));
        check(owner, json!({}), all(1, tags.clone(), "a"));
        let text = Path::of("list").item(0).key("text");
        check(text.clone(), json!({ "list": [{ "text": "z" }] }), all(1, tags.clone(), "z"));
        check(text, json!({ "list": [] }), json!({ "size": 1, "tags": tags, "list": [{ "more": "b" }] }));
        check(Path::of("map").key("k"), json!({ "map": { "k": 1 } }), all(1, tags, "a"));
    }

    /// The properties that differ, of something that is complete and was read whole.
    fn differing(
        types: &TypeSchema,
        (want, have, was): (&BTreeMap<String, Value>, &Value, &Value),
        grown: &dyn Fn(&str, &Value) -> bool,
    ) -> Vec<String> {
        let (read, shown) = (|_: &str| true, BTreeMap::new());
        let sides = Sides { want, have, was, complete: true, read: &read, ignore: &[], grown, shown: &shown, hash: &str::to_owned };
        properties(&diff(types, &sides).changes).map(str::to_owned).collect()
    }

    #[test]
    fn a_version_is_compared_as_far_as_it_is_written() {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Spec {
            engine_version: Option<Version>,
        }
        let schema = schemars::schema_for!(Spec);
        let types = TypeSchema::read("test.type", &schema, &schema);
        for (want, was, have, changes) in
            [("17", "17", "17.6", 0), ("17.6", "17", "17.6", 0), ("17.7", "17", "17.6", 1), ("17.6", "17.6", "17.60", 1)]
        {
            let of = |version: &str| Value::from(json!({ "engine_version": version }));
            let want = of(want).as_map().cloned().expect("a map");
            let (have, was) = (of(have), of(was));
            let found = differing(&types, (&want, &have, &was), &|_, _| false);
            assert_eq!(found.len(), changes, "{want:?} {have:?}");
        }
    }

    #[test]
    fn what_has_grown_by_itself_does_not_differ_until_the_file_wants_less_than_before() {
        #[derive(schemars::JsonSchema)]
        #[expect(dead_code, reason = "only its schema is used")]
        struct Spec {
            size: i64,
            other: i64,
        }
        let schema = schemars::schema_for!(Spec);
        let types = TypeSchema::read("test.type", &schema, &schema);
        for (want, was, have, changes) in [
            (20, 20, 40, vec!["other"]),
            (30, 20, 40, vec!["other"]),
            (20, 30, 40, vec!["size", "other"]),
            (50, 20, 40, vec!["size", "other"]),
            (20, 20, 10, vec!["size", "other"]),
        ] {
            let of = |size: i64| Value::from(json!({ "size": size, "other": size }));
            let want = of(want).as_map().cloned().expect("a map");
            let (have, was) = (of(have), of(was));
            let size = |it: Option<&Value>| match it {
                Some(Value::Int(it)) => *it,
                _ => 0,
            };
            let grown = |property: &str, there: &Value| property == "size" && size(there.get("size")) > size(want.get("size"));
            let found = differing(&types, (&want, &have, &was), &grown);
            assert_eq!(found, changes, "{want:?} {was:?} {have:?}");
        }
    }
}
