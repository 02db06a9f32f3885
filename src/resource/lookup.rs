//! What a stack reads and does not own.

use futures::future::{BoxFuture, FutureExt as _};
use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde::{Deserialize as _, Serialize, de::DeserializeOwned};
use serde_json::Value as Json;

use super::{Error, Result, World, catalog::DescribeLookup, prune};

/// One way to find something that exists outside the stack. It never writes.
pub trait Lookup: Send + Sync + 'static {
    type World: World;
    /// What it is found by.
    type Spec: DeserializeOwned + JsonSchema + Send + Sync;
    type Outputs: Serialize + JsonSchema + Send;

    /// `service.thing`, the key in a stack file.
    const NAME: &'static str;

    /// Finds it; `None` where there is none.
    fn find(world: &Self::World, spec: &Self::Spec) -> impl Future<Output = Result<Option<Self::Outputs>>> + Send;
}

/// A [`Lookup`] with its types taken off.
pub trait AnyLookup<W>: DescribeLookup {
    fn find<'a>(&'a self, world: &'a W, spec: &'a Json) -> BoxFuture<'a, Result<Option<Json>>>;
}

impl<L: Lookup> DescribeLookup for L {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn spec_schema(&self) -> Schema {
        SchemaSettings::draft2020_12().with(|it| it.inline_subschemas = true).into_generator().into_root_schema_for::<L::Spec>()
    }

    fn outputs_schema(&self) -> Schema {
        let settings = SchemaSettings::draft2020_12().for_serialize().with(|it| it.inline_subschemas = true);
        settings.into_generator().into_root_schema_for::<L::Outputs>()
    }
}

impl<L: Lookup> AnyLookup<L::World> for L {
    fn find<'a>(&'a self, world: &'a L::World, spec: &'a Json) -> BoxFuture<'a, Result<Option<Json>>> {
        async move {
            let bug = |source: serde_json::Error| Error::bug(L::NAME, source.to_string());
            let spec = L::Spec::deserialize(spec).map_err(bug)?;
            let Some(outputs) = L::find(world, &spec).await? else { return Ok(None) };
            let mut outputs = serde_json::to_value(outputs).map_err(bug)?;
            prune(&mut outputs);
            Ok(Some(outputs))
        }
        .boxed()
    }
}
