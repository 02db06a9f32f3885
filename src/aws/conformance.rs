//! Every type against the emulator, through the real clients: what the contract of a resource type promises, promise by promise.
//!
//! A type's own test names what to change; the resource itself and what it needs come from its example.

mod emulator;
mod engine;
mod example;
mod faults;
mod guards;
mod patience;
pub(crate) mod wire;

use std::collections::BTreeSet;

use infra::resource::{
    AnyLive, AnyResource, AnyUpdate, Id, Status, TAG_ADDRESS, TAG_OPERATION, TAG_STATE, Wanted,
    schema::{Kind, Schema, TypeSchema},
};
use serde_json::{Map, Value as Json, json};

use super::Aws;
pub(crate) use emulator::{cloud, url};
use example::Example;

/// How often a resource is looked at before it counts as stuck; the emulator takes at most a few looks.
const LOOKS: usize = 20;

/// What to try with one type.
pub(crate) struct Conformance {
    pub(crate) type_name: &'static str,
    /// An id of the right form that nothing has.
    pub(crate) absent: &'static str,
    /// Further resources that the changes refer to, as in the `resources` of a stack file.
    pub(crate) extra: &'static str,
    /// One property each, as in a stack file, made one after another; `null` takes it out.
    pub(crate) changes: &'static [&'static str],
    /// The same for changes that need a new resource: of what is immutable, or where the type says so.
    pub(crate) replacements: &'static [&'static str],
    /// Properties that the emulator does not keep, or that cannot be changed alone. Each needs a comment that says why.
    pub(crate) untried: &'static [&'static str],
}

impl Conformance {
    pub(crate) const DEFAULT: Self =
        Self { type_name: "", absent: "absent-0123456789abcdef0", extra: "", changes: &[], replacements: &[], untried: &[] };

    /// Lives through the whole life of one resource.
    pub(crate) async fn check(&self) {
        let world = cloud().await;
        let example = Example::make(&world, self.type_name, self.extra).await;
        let subject = Subject::new(&world, self.type_name);
        self.covers_every_property(&subject);

        let absent = Id::from(self.absent);
        assert_eq!(subject.read(&absent).await, None, "an id that nothing has");
        subject.delete(&absent, &example.subject).await;

        let operation = uuid::Uuid::new_v4().simple().to_string();
        let spec = subject.tagged(&example.subject, &operation);
        let found = async |operation: &str, known: &[&Id]| {
            let known: BTreeSet<Id> = known.iter().map(|it| (*it).clone()).collect();
            subject.resource.find(&world, operation, &spec, &known).await.expect("find")
        };
        assert_eq!(found(&operation, &[]).await, None, "found before it was made");
        let id = subject.resource.create(&world, &spec, &operation).await.expect("create");
        match subject.resource.locate(&spec).expect("locate") {
            Some(located) => assert_eq!(located, id, "the id that its name decides"),
            None => {
                assert_eq!(found(&operation, &[]).await.as_ref(), Some(&id), "found by its operation");
                // Without tags it is its content that tells.
                let by_another = found("0123456789abcdef0123456789abcdef", &[]).await;
                assert_eq!(by_another, subject.schema.tags().is_none().then(|| id.clone()), "found by another operation");
                assert_eq!(found(&operation, &[&id]).await, None, "found although it is known");
            }
        }

        subject.bring(&id, &spec, &spec).await;
        let live = subject.ready(&id).await;
        subject.assert_equal(&live, &spec, &spec, "after its create");
        subject.assert_outputs(&live);
        let many = [absent.clone(), id.clone(), "absent-fedcba98765432100".into()];
        let read = subject.read_all(&many, &Wanted::default()).await;
        let [None, Some(little), None] = &read[..] else { panic!("many at once, in order: {read:?}") };
        for (name, value) in little.spec.as_object().expect("a spec is an object") {
            assert_eq!(live.spec.get(name), Some(value), "{name} is read right or not at all, wanted or not");
        }

        let mut spec = spec;
        for change in self.changes.iter().copied().chain(self.tag_changes(&subject)) {
            let before = subject.ready(&id).await;
            let wanted = example.changed(&spec, change);
            let mut changed = subject.bring(&id, &spec, &wanted).await;
            // What cannot be read is sent each time, as after a create.
            changed.retain(|name| subject.told(name) || spec.get(name) != wanted.get(name));
            let property = change.split(':').next().expect("a property");
            assert_eq!(changed, BTreeSet::from([property.to_owned()]), "`{change}` changes {property} alone, from {:#}", before.spec);
            subject.assert_equal(&subject.ready(&id).await, &spec, &wanted, change);
            spec = wanted;
        }

        subject.delete(&id, &spec).await;
        subject.gone(&id).await;
        subject.delete(&id, &spec).await;

        self.disappears(&subject, &example).await;
        example.remove(&world).await;
        self.check_as_a_stack(&subject).await;
    }

    /// Somebody else deletes it: reading and deleting it take that in their stride.
    async fn disappears(&self, subject: &Subject<'_>, example: &Example) {
        let operation = uuid::Uuid::new_v4().simple().to_string();
        let spec = subject.tagged(&example.subject, &operation);
        let id = subject.resource.create(subject.world, &spec, &operation).await.expect("create again");
        let live = subject.read(&id).await.expect("it was just made");
        subject.delete(&id, &spec).await;
        subject.gone(&id).await;
        if let Err(error) = subject.resource.update(subject.world, subject.update(&id, &live.spec, &spec, &BTreeSet::new())).await {
            assert!(error.is(subject.resource.facts().gone), "updating what is gone says so: {error}");
        }
    }

    fn tag_changes(&self, subject: &Subject<'_>) -> impl Iterator<Item = &'static str> + use<> {
        let tried = subject.schema.tags().is_some_and(|it| !self.untried.contains(&it));
        let changes: &[_] = if tried { &["tags: { Name: one, Old: x }", "tags: { Name: two, New: z }"] } else { &[] };
        changes.iter().copied()
    }

    fn covers_every_property(&self, subject: &Subject<'_>) {
        let properties = |list: &[&'static str]| list.iter().filter_map(|it| it.split(':').next()).collect::<BTreeSet<_>>();
        let (changes, replacements, untried) = (properties(self.changes), properties(self.replacements), properties(self.untried));
        for (name, field) in &subject.schema.properties {
            let (name, marks) = (name.as_str(), field.schema.marks);
            let tried = if marks.immutable { &replacements } else { &changes };
            let all = tried.contains(name) || untried.contains(name);
            assert!(all || marks.tags, "{}.{name}: each property is changed or replaces (tags by themselves)", self.type_name);
            assert!(!marks.tags || !tried.contains(name), "{}.{name} is changed by itself", self.type_name);
            assert!(!marks.immutable || !changes.contains(name), "{}.{name} is immutable", self.type_name);
        }
        let known = |it: &&&str| subject.schema.properties.contains_key(**it);
        let unknown: Vec<_> = [&changes, &replacements, &untried].into_iter().flatten().filter(|it| !known(it)).collect();
        assert!(unknown.is_empty(), "{} has no {unknown:?}", self.type_name);
    }
}

/// The type under test.
struct Subject<'a> {
    world: &'a Aws,
    resource: &'static dyn AnyResource<Aws>,
    schema: TypeSchema,
}

impl<'a> Subject<'a> {
    fn new(world: &'a Aws, type_name: &str) -> Self {
        let resource = *super::TYPES.iter().find(|it| it.name() == type_name).unwrap_or_else(|| panic!("{type_name} is not in TYPES"));
        let schema = TypeSchema::read(resource.name(), &resource.spec_schema(), &resource.outputs_schema());
        Self { world, resource, schema }
    }

    fn everything(&self) -> Wanted {
        Wanted(self.schema.properties.keys().cloned().collect())
    }

    async fn read_all(&self, ids: &[Id], wanted: &Wanted) -> Vec<Option<AnyLive>> {
        self.resource.read(self.world, ids, wanted).await.expect("read")
    }

    async fn read(&self, id: &Id) -> Option<AnyLive> {
        self.read_all(std::slice::from_ref(id), &self.everything()).await.pop().expect("one answer for one id")
    }

    async fn ready(&self, id: &Id) -> AnyLive {
        let mut last = None;
        for _ in 0..LOOKS {
            let live = self.read(id).await.unwrap_or_else(|| panic!("{} {id} is not there", self.schema.name));
            if live.status == Status::Ready {
                return live;
            }
            last = Some(live);
        }
        panic!("{} {id} is never ready: {last:#?}", self.schema.name);
    }

    async fn gone(&self, id: &Id) {
        for _ in 0..LOOKS {
            let Some(live) = self.read(id).await else { return };
            assert!(matches!(live.status, Status::Deleting(_)), "deleted, and {:?}", live.status);
        }
        panic!("{} {id} never goes", self.schema.name);
    }

    async fn delete(&self, id: &Id, spec: &Json) {
        self.resource.delete(self.world, id, spec).await.unwrap_or_else(|error| panic!("delete {id}: {error}"));
    }

    fn update<'b>(&self, id: &'b Id, from: &'b Json, to: &'b Json, changed: &'b BTreeSet<String>) -> AnyUpdate<'b> {
        AnyUpdate { id, from, to, changed }
    }

    /// Updates to `wanted` as the engine does, and once more as after an answer that was lost; returns what differed.
    async fn bring(&self, id: &Id, applied: &Json, wanted: &Json) -> BTreeSet<String> {
        let live = self.read(id).await.unwrap_or_else(|| panic!("{id} is not there"));
        let (to, changed) = self.difference(&live, applied, wanted);
        for round in ["update", "the same update again"] {
            let done = self.resource.update(self.world, self.update(id, &live.spec, &to, &changed)).await;
            done.unwrap_or_else(|error| panic!("{round} of {changed:?}: {error}"));
        }
        changed
    }

    /// The whole spec to reach, and the top-level properties in which it differs.
    /// What neither is written nor was, and has no default, is the cloud's own affair.
    fn difference(&self, live: &AnyLive, applied: &Json, wanted: &Json) -> (Json, BTreeSet<String>) {
        let mut to = live.spec.clone();
        let mut changed = BTreeSet::new();
        for (name, field) in &self.schema.properties {
            let value = wanted.get(name).or(field.schema.default.as_ref());
            if value.is_none() && (applied.get(name).is_none() || field.schema.marks.kept) {
                continue;
            }
            // What cannot be read is as it was applied.
            let there =
                if field.schema.marks.write_only { applied.get(name).or(field.schema.default.as_ref()) } else { live.spec.get(name) };
            if canonical(&field.schema, there) != canonical(&field.schema, value) {
                changed.insert(name.clone());
            }
            match value {
                Some(value) => to[name] = value.clone(),
                None => drop(to.as_object_mut().expect("a spec is an object").remove(name)),
            }
        }
        (to, changed)
    }

    /// Whether the cloud tells it.
    fn told(&self, name: &str) -> bool {
        !self.schema.properties[name].schema.marks.write_only
    }

    fn assert_equal(&self, live: &AnyLive, applied: &Json, wanted: &Json, when: &str) {
        let (to, mut changed) = self.difference(live, applied, wanted);
        changed.retain(|name| self.told(name));
        assert!(changed.is_empty(), "{when}: {changed:?} differ between what is read, {:#}, and what is wanted, {to:#}", live.spec);
    }

    /// Whatever a type promises of its outputs is there.
    fn assert_outputs(&self, live: &AnyLive) {
        let raw = self.resource.outputs_schema();
        for name in self.schema.outputs.keys() {
            // One that may be missing is of its own kind or null.
            let schema = &raw.as_value()["properties"][name];
            let optional = schema["anyOf"].is_array() || schema["type"].is_array();
            let value = live.outputs.get(name);
            assert!(value.is_some() || optional, "no output {name}: {:#}", live.outputs);
            assert!(value != Some(&json!("")), "the output {name} is empty");
        }
    }

    /// With the tags that the engine adds, where the type takes tags.
    fn tagged(&self, spec: &Json, operation: &str) -> Json {
        let mut spec = spec.clone();
        if let Some(tags) = self.schema.tags() {
            let mut map = spec.get(tags).and_then(Json::as_object).cloned().unwrap_or_default();
            for (key, value) in [(TAG_STATE, "6b1c"), (TAG_ADDRESS, "subject/1a"), (TAG_OPERATION, operation)] {
                map.insert(key.to_owned(), json!(value));
            }
            spec[tags] = Json::Object(map);
        }
        spec
    }
}

/// One form for all ways of writing the same, as far as it matters here.
fn canonical(schema: &Schema, value: Option<&Json>) -> Json {
    match (&schema.kind, value) {
        (_, None) => Json::Null,
        (_, Some(Json::String(text))) if schema.marks.policy => serde_json::from_str(text).expect("a policy is JSON"),
        (Kind::List { item, .. }, Some(Json::Array(list))) => {
            let mut list: Vec<_> = list.iter().map(|it| canonical(item, Some(it))).collect();
            if schema.marks.set {
                list.sort_by_key(ToString::to_string);
                list.dedup();
            }
            Json::Array(list)
        }
        // `100` and `100.0`.
        (Kind::Number { .. }, Some(Json::Number(number))) => json!(number.as_f64()),
        (Kind::Object(fields), Some(Json::Object(object))) => {
            let fields = fields.iter().map(|(name, field)| {
                let value = object.get(name).or(field.schema.default.as_ref());
                (name.clone(), canonical(&field.schema, value))
            });
            Json::Object(fields.filter(|(_, value)| !value.is_null()).collect())
        }
        (Kind::Free, Some(Json::String(text))) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        (_, Some(Json::Object(object))) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            Json::Object(entries.into_iter().map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
        }
        (_, Some(other)) => other.clone(),
    }
}
