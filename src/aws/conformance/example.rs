//! The example of a type: the resource under test, and what it needs.

use std::{collections::BTreeSet, fs, path::Path};

use indexmap::IndexMap;
use infra::resource::{AnyLive, Id, Status};
use serde_json::{Map, Value as Json, json};

use super::{LOOKS, Subject};
use crate::aws::Aws;

/// An example with everything but its subject made.
pub(super) struct Example {
    /// The properties of the last resource of the type, with all references resolved.
    pub(super) subject: Json,
    made: Vec<Made>,
    scope: IndexMap<String, Json>,
}

struct Made {
    type_name: String,
    id: Id,
    spec: Json,
}

impl Example {
    /// Makes what stands in the example of `type_name` beside its last resource of that type, in the order of the file.
    pub(super) async fn make(world: &Aws, type_name: &str, extra: &str) -> Self {
        let path = path(type_name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: Json = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut resources: IndexMap<String, Json> = entries(&file["resources"]);
        let subject = resources.iter().rposition(|(_, it)| it.get(type_name).is_some()).expect("the example has a resource of its type");
        let (_, subject) = resources.shift_remove_index(subject).expect("it was just found");
        if !extra.is_empty() {
            resources.extend(entries(&serde_yaml::from_str(extra).expect("the extra resources are YAML")));
        }

        let mut example = Self { subject: Json::Null, made: vec![], scope: IndexMap::new() };
        let account = json!({ "account_id": "123456789012", "region": world.region(), "partition": "aws" });
        example.scope.insert("aws".into(), account);
        for (name, resource) in resources {
            let (type_name, properties) = single(&resource);
            let spec = example.resolve(properties);
            let live = example.have(world, type_name, spec).await;
            let mut fields = live.spec.as_object().cloned().unwrap_or_default();
            fields.extend(live.outputs.as_object().cloned().unwrap_or_default());
            example.scope.insert(name, Json::Object(fields));
        }
        example.subject = example.resolve(&subject[type_name]);
        example
    }

    async fn have(&mut self, world: &Aws, type_name: &str, spec: Json) -> AnyLive {
        let subject = Subject::new(world, type_name);
        let operation = uuid::Uuid::new_v4().simple().to_string();
        let spec = subject.tagged(&spec, &operation);
        let id = subject.resource.create(world, &spec, &operation).await.unwrap_or_else(|error| panic!("{type_name}: {error}"));
        subject.bring(&id, &spec, &spec).await;
        self.made.push(Made { type_name: type_name.to_owned(), id: id.clone(), spec });
        subject.ready(&id).await
    }

    /// The spec with one more change, as a stack file would say it. Tags keep those of the engine.
    pub(super) fn changed(&self, spec: &Json, change: &str) -> Json {
        let change: Json = serde_yaml::from_str(change).unwrap_or_else(|error| panic!("{change}: {error}"));
        let (name, value) = single(&change);
        let mut spec = spec.clone();
        let mut value = self.resolve(value);
        if let ("tags", Some(old), Some(new)) = (name, spec.get("tags").and_then(Json::as_object), value.as_object_mut()) {
            new.extend(old.clone().into_iter().filter(|(key, _)| key.starts_with("infra:")));
        }
        if value.is_null() {
            spec.as_object_mut().expect("a spec is an object").remove(name);
        } else {
            spec[name] = value;
        }
        spec
    }

    /// Replaces `${name.field}` wherever it stands alone.
    fn resolve(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => match text.strip_prefix("${").and_then(|it| it.strip_suffix('}')) {
                Some(reference) => {
                    let found = reference.split('.').try_fold(None::<&Json>, |at, key| {
                        let next = at.map_or_else(|| self.scope.get(key), |it| it.get(key));
                        next.map(Some)
                    });
                    found.flatten().cloned().unwrap_or_else(|| panic!("nothing that came before is {text}"))
                }
                None => json.clone(),
            },
            Json::Array(list) => list.iter().map(|it| self.resolve(it)).collect(),
            Json::Object(object) => Json::Object(object.iter().map(|(key, it)| (key.clone(), self.resolve(it))).collect::<Map<_, _>>()),
            other => other.clone(),
        }
    }

    /// Takes everything away again: what was used is free of its user.
    pub(super) async fn remove(self, world: &Aws) {
        for Made { type_name, id, spec } in self.made.iter().rev() {
            let subject = Subject::new(world, type_name);
            subject.delete(id, spec).await;
            let mut looks = 0;
            while let Some(live) = subject.read(id).await {
                looks += 1;
                assert!(looks < LOOKS && matches!(live.status, Status::Deleting(_)), "{type_name} {id} stays: {:?}", live.status);
            }
        }
    }
}

/// `examples/<service>/<thing>.yaml`.
pub(super) fn path(type_name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(type_name.replace('.', "/")).with_extension("yaml")
}

fn entries(json: &Json) -> IndexMap<String, Json> {
    json.as_object().expect("resources by name").iter().map(|(name, it)| (name.clone(), it.clone())).collect()
}

/// The one key that is a type, or the one property of a change; options of the engine are not for here.
pub(super) fn single(json: &Json) -> (&str, &Json) {
    let options = BTreeSet::from(["depends_on", "lifecycle"]);
    let mut keys = json.as_object().expect("a map").iter().filter(|(key, _)| !options.contains(key.as_str()));
    match (keys.next(), keys.next()) {
        (Some((key, value)), None) => (key, value),
        _ => panic!("one key is wanted: {json}"),
    }
}
