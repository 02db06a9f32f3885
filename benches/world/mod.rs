//! A cloud in memory that does at once what it is told: what is measured is the engine.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use infra::resource::{
    AnyResource, Create, Delete, Facts, Id, Live, Location, Resource, Result, Status, Tags, Types, Update, Wanted, World,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<HashMap<Id, Spec>>>);

impl World for Memory {
    fn at(&self, _: &Location) -> Self {
        self.clone()
    }
}

pub(crate) struct Thing;

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    size: i64,
    title: String,
    parent: Option<String>,
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    id: String,
}

impl Resource for Thing {
    type World = Memory;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "test.thing";
    const FACTS: Facts = Facts::DEFAULT;

    async fn read(world: &Memory, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let things = world.0.lock().expect("nobody panics while holding it");
        let live = |id: &Id, spec: &Spec| Live {
            spec: spec.clone(),
            outputs: Outputs { id: id.0.clone() },
            status: Status::Ready,
            unread: vec![],
        };
        Ok(ids.iter().map(|id| things.get(id).map(|it| live(id, it))).collect())
    }

    async fn create(world: &Memory, create: Create<'_, Self>) -> Result<Id> {
        let mut things = world.0.lock().expect("nobody panics while holding it");
        let id = Id(format!("thing-{}", things.len()));
        things.insert(id.clone(), create.spec.clone());
        Ok(id)
    }

    async fn update(world: &Memory, update: Update<'_, Self>) -> Result<()> {
        world.0.lock().expect("nobody panics while holding it").insert(update.id.clone(), update.to.clone());
        Ok(())
    }

    async fn delete(world: &Memory, delete: Delete<'_, Self>) -> Result<()> {
        world.0.lock().expect("nobody panics while holding it").remove(delete.id);
        Ok(())
    }
}

pub(crate) fn types() -> Arc<Types<Memory>> {
    static TYPES: OnceLock<Arc<Types<Memory>>> = OnceLock::new();
    static ALL: &[&dyn AnyResource<Memory>] = &[&Thing];
    TYPES.get_or_init(|| Arc::new(Types::new(ALL, &[]))).clone()
}
