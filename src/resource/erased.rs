//! [`Resource`] with its types taken off, so that one list can hold them all.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{BoxFuture, FutureExt as _};
use schemars::{Schema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{
    Create, Delete, Describe, Error, FORGOTTEN, Facts, Find, Id, Live, Obstacle, Problems, Resource, Result, Status, Update, Wanted,
};
use crate::{state::as_hash, value::Value};

/// The engine's side of a resource type. Specs are plain data with nothing unknown and secrets in clear text.
pub trait AnyResource<W>: Describe {
    fn read<'a>(&'a self, world: &'a W, ids: &'a [Id], wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Option<AnyLive>>>>;
    fn find<'a>(&'a self, world: &'a W, operation: &'a str, spec: &'a Json, known: &'a BTreeSet<Id>) -> BoxFuture<'a, Result<Option<Id>>>;
    fn create<'a>(&'a self, world: &'a W, spec: &'a Json, token: &'a str) -> BoxFuture<'a, Result<Id>>;
    fn update<'a>(&'a self, world: &'a W, update: AnyUpdate<'a>) -> BoxFuture<'a, Result<()>>;
    fn open<'a>(&'a self, world: &'a W, id: &'a Id) -> BoxFuture<'a, Result<Value>>;
    fn obstacle<'a>(&'a self, world: &'a W, id: &'a Id, spec: &'a Json, going: &'a BTreeSet<Id>)
    -> BoxFuture<'a, Result<Option<Obstacle>>>;
    fn delete<'a>(&'a self, world: &'a W, id: &'a Id, spec: &'a Json) -> BoxFuture<'a, Result<()>>;
    fn settled(&self, wanted: &Json, live: &AnyLive) -> Status;
}

/// One resource as the cloud has it, as plain data.
#[derive(Clone, Debug, PartialEq)]
pub struct AnyLive {
    /// Without what was not read.
    pub spec: Json,
    /// Without what is not there yet.
    pub outputs: Json,
    pub status: Status,
}

pub struct AnyUpdate<'a> {
    pub id: &'a Id,
    /// The spec as it was read.
    pub from: &'a Json,
    pub to: &'a Json,
    pub changed: &'a BTreeSet<String>,
}

impl<R: Resource> Describe for R {
    fn name(&self) -> &'static str {
        R::NAME
    }

    fn facts(&self) -> &'static Facts {
        &const { R::FACTS }
    }

    fn spec_schema(&self) -> Schema {
        SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true).into_generator().into_root_schema_for::<R::Spec>()
    }

    fn outputs_schema(&self) -> Schema {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|it| it.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<R::Outputs>()
    }

    fn check(&self, spec: &Value, problems: &mut Problems) {
        R::check(spec, problems);
    }

    fn locate(&self, spec: &Json) -> Result<Option<Id>> {
        Ok(R::locate(&typed::<R, _>(spec)?))
    }

    fn replaces(&self, from: &Json, to: &Json) -> Result<Option<&'static str>> {
        Ok(R::replaces(&typed::<R, _>(from)?, &typed::<R, _>(to)?))
    }

    fn unset(&self, spec: &Json) -> Result<&'static [&'static str]> {
        Ok(R::unset(&typed::<R, _>(spec)?))
    }

    fn grown(&self, property: &str, wanted: &BTreeMap<String, Value>, there: &Value) -> bool {
        R::grown(property, wanted, there)
    }
}

impl<R: Resource> AnyResource<R::World> for R {
    fn read<'a>(&'a self, world: &'a R::World, ids: &'a [Id], wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Option<AnyLive>>>> {
        async move {
            let found = R::read(world, ids, wanted).await?;
            if found.len() != ids.len() {
                return Err(bug::<R>(format!("asked for {} and got {}", ids.len(), found.len())));
            }
            found.into_iter().map(|live| live.map(erase::<R>).transpose()).collect()
        }
        .boxed()
    }

    fn find<'a>(
        &'a self,
        world: &'a R::World,
        operation: &'a str,
        spec: &'a Json,
        known: &'a BTreeSet<Id>,
    ) -> BoxFuture<'a, Result<Option<Id>>> {
        async move {
            let spec = looked_for::<R>(spec)?;
            R::find(world, Find { operation, spec: &spec, known }).await
        }
        .boxed()
    }

    fn create<'a>(&'a self, world: &'a R::World, spec: &'a Json, token: &'a str) -> BoxFuture<'a, Result<Id>> {
        async move {
            let spec = typed::<R, R::Spec>(spec)?;
            R::create(world, Create { spec: &spec, token }).await
        }
        .boxed()
    }

    fn update<'a>(&'a self, world: &'a R::World, update: AnyUpdate<'a>) -> BoxFuture<'a, Result<()>> {
        async move {
            let from = before::<R>(&update)?;
            let to = typed::<R, R::Spec>(update.to)?;
            R::update(world, Update { id: update.id, from: &from, to: &to, changed: update.changed }).await
        }
        .boxed()
    }

    fn open<'a>(&'a self, world: &'a R::World, id: &'a Id) -> BoxFuture<'a, Result<Value>> {
        R::open(world, id).boxed()
    }

    fn obstacle<'a>(
        &'a self,
        world: &'a R::World,
        id: &'a Id,
        spec: &'a Json,
        going: &'a BTreeSet<Id>,
    ) -> BoxFuture<'a, Result<Option<Obstacle>>> {
        async move {
            let spec = recorded::<R>(spec)?;
            R::obstacle(world, Delete { id, spec: &spec }, going).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, world: &'a R::World, id: &'a Id, spec: &'a Json) -> BoxFuture<'a, Result<()>> {
        async move {
            let spec = recorded::<R>(spec)?;
            R::delete(world, Delete { id, spec: &spec }).await
        }
        .boxed()
    }

    fn settled(&self, wanted: &Json, live: &AnyLive) -> Status {
        // What was not read is as it is wanted.
        let mut whole = live.spec.clone();
        if let (Json::Object(whole), Json::Object(wanted)) = (&mut whole, wanted) {
            for (key, value) in wanted {
                whole.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        match (typed::<R, R::Spec>(wanted), typed::<R, R::Spec>(&whole)) {
            (Ok(wanted), Ok(whole)) => R::settled(&wanted, &whole, live.status.clone()),
            _ => live.status.clone(),
        }
    }
}

fn typed<R: Resource, T: DeserializeOwned>(json: &Json) -> Result<T> {
    T::deserialize(json).map_err(|source| bug::<R>(source.to_string()))
}

/// The spec that an update starts from. What was not read holds what is wanted, so that nothing seems to change there; what
/// changes and was not there is not there, unless a spec cannot be without it.
fn before<R: Resource>(update: &AnyUpdate<'_>) -> Result<R::Spec> {
    let filled = |with: &dyn Fn(&String) -> bool| {
        let mut from = update.from.clone();
        if let (Json::Object(from), Json::Object(to)) = (&mut from, update.to) {
            for (key, value) in to.iter().filter(|(key, _)| with(key)) {
                from.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
        from
    };
    typed::<R, _>(&filled(&|key| !update.changed.contains(key))).or_else(|_| typed::<R, _>(&filled(&|_| true)))
}

/// A spec as it was recorded: what stands there as a hash can be any text, or nothing where a text does not do.
fn recorded<R: Resource>(spec: &Json) -> Result<R::Spec> {
    with::<R>(spec, "".into()).or_else(|_| with::<R>(spec, Json::Null))
}

/// The same, where what a hash stands for is told from a text that is known.
fn looked_for<R: Resource>(spec: &Json) -> Result<R::Spec> {
    with::<R>(spec, FORGOTTEN.into()).or_else(|_| recorded::<R>(spec))
}

/// A recorded spec with something else instead of each hash.
fn with<R: Resource>(spec: &Json, instead: Json) -> Result<R::Spec> {
    fn without_hashes(json: &mut Json, instead: &Json) {
        match json {
            it if as_hash(it).is_some() => *it = instead.clone(),
            Json::Object(map) => map.values_mut().for_each(|it| without_hashes(it, instead)),
            Json::Array(list) => list.iter_mut().for_each(|it| without_hashes(it, instead)),
            _ => {}
        }
    }
    let mut spec = spec.clone();
    without_hashes(&mut spec, &instead);
    typed::<R, _>(&spec)
}

fn erase<R: Resource>(live: Live<R>) -> Result<AnyLive> {
    let mut spec = plain::<R>(&live.spec)?;
    if let Json::Object(spec) = &mut spec {
        spec.retain(|key, _| !live.unread.contains(&key.as_str()));
    }
    Ok(AnyLive { spec, outputs: plain::<R>(&live.outputs)?, status: live.status })
}

/// As plain data, in which nothing stands for nothing.
fn plain<R: Resource>(it: &impl Serialize) -> Result<Json> {
    let mut json = serde_json::to_value(it).map_err(|source| bug::<R>(source.to_string()))?;
    prune(&mut json);
    Ok(json)
}

/// Removes entries that are `null`: they mean the same as none.
pub fn prune(json: &mut Json) {
    match json {
        Json::Object(map) => {
            map.retain(|_, it| !it.is_null());
            map.values_mut().for_each(prune);
        }
        Json::Array(list) => list.iter_mut().for_each(prune),
        _ => {}
    }
}

fn bug<R: Resource>(message: String) -> Error {
    Error::bug(R::NAME, message)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt as _;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::resource::{Location, World};

    /// Notes what the type was given.
    #[derive(Clone)]
    struct Noting(std::sync::Arc<Mutex<Vec<String>>>);

    impl World for Noting {
        fn at(&self, _: &Location) -> Self {
            self.clone()
        }
    }

    struct Thing;

    #[derive(Debug, Deserialize, JsonSchema, Serialize)]
    struct Spec {
        name: String,
        note: Option<String>,
        key: Option<String>,
        ports: Option<Vec<i64>>,
    }

    impl Resource for Thing {
        type World = Noting;
        type Spec = Spec;
        type Outputs = ();

        const NAME: &'static str = "test.thing";
        const FACTS: Facts = Facts::DEFAULT;

        async fn read(_: &Noting, _: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
            unreachable!("not asked for")
        }

        async fn find(world: &Noting, find: Find<'_, Self>) -> Result<Option<Id>> {
            world.0.lock().expect("one thread").push(format!("{:?} {:?}", find.spec.key.as_deref() == Some(FORGOTTEN), find.spec.ports));
            Ok(None)
        }

        async fn create(_: &Noting, _: Create<'_, Self>) -> Result<Id> {
            unreachable!("not asked for")
        }

        async fn update(world: &Noting, update: Update<'_, Self>) -> Result<()> {
            world.0.lock().expect("one thread").push(format!("{:?} {:?}", update.from.note, update.from.name));
            Ok(())
        }

        async fn delete(world: &Noting, delete: Delete<'_, Self>) -> Result<()> {
            world.0.lock().expect("one thread").push(format!("{:?} {:?}", delete.spec.key, delete.spec.ports));
            Ok(())
        }
    }

    fn noted(call: impl FnOnce(&Noting) -> Result<()>) -> String {
        let world = Noting(Default::default());
        call(&world).expect("it succeeds");
        world.0.lock().expect("one thread").join(", ")
    }

    #[test]
    fn what_was_not_set_before_an_update_is_not_set_in_from() {
        for (from, changed, expected) in [
            // Not set: the type has to see that it changes.
            (json!({ "name": "a" }), "note", r#"None "a""#),
            // Not read: nothing seems to change.
            (json!({ "name": "a" }), "key", r#"Some("new") "a""#),
            // A spec cannot be without it.
            (json!({}), "name", r#"Some("new") "b""#),
        ] {
            let to = json!({ "name": "b", "note": "new" });
            let changed = BTreeSet::from([changed.to_owned()]);
            let update = AnyUpdate { id: &"thing-1".into(), from: &from, to: &to, changed: &changed };
            let noted = noted(|world| AnyResource::update(&Thing, world, update).now_or_never().expect("nothing waits"));
            assert_eq!(noted, expected);
        }
    }

    #[test]
    fn a_recorded_spec_is_a_spec_although_hashes_stand_in_it() {
        let hash = json!({ "infra:hash": "5a" });
        for (spec, expected) in [
            (json!({ "name": "a", "key": hash }), r#"Some("") None"#),
            (json!({ "name": "a", "key": hash, "ports": hash }), "None None"),
            (json!({ "name": "a", "key": "b", "ports": [1] }), r#"Some("b") Some([1])"#),
        ] {
            let id = "thing-1".into();
            let noted = noted(|world| AnyResource::delete(&Thing, world, &id, &spec).now_or_never().expect("nothing waits"));
            assert_eq!(noted, expected);
        }
    }

    #[test]
    fn what_is_looked_for_says_what_is_not_known_of_it() {
        let hash = json!({ "infra:hash": "5a" });
        for (spec, expected) in [
            (json!({ "name": "a", "key": hash }), "true None"),
            (json!({ "name": "a", "key": "b", "ports": [1] }), "false Some([1])"),
            (json!({ "name": "a", "ports": hash }), "false None"),
        ] {
            let noted = noted(|world| {
                let found = AnyResource::find(&Thing, world, "operation", &spec, &BTreeSet::new()).now_or_never().expect("nothing waits");
                found.map(|it| assert_eq!(it, None))
            });
            assert_eq!(noted, expected);
        }
    }
}
