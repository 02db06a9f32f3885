//! What tests describe types with that nothing is behind.

use super::{Location, World};

/// Where nothing is.
#[derive(Clone)]
pub(crate) struct Nowhere;

impl World for Nowhere {
    fn at(&self, _: &Location) -> Self {
        Self
    }
}

/// A type that is only described: with its facts where they are not the usual ones, and with any of its functions.
macro_rules! described {
    ($resource:ident, $spec:ident, $outputs:ident, $name:literal, facts: $facts:expr $(, $more:item)*) => {
        pub(super) struct $resource;

        impl Resource for $resource {
            type World = Nowhere;
            type Spec = $spec;
            type Outputs = $outputs;

            const NAME: &'static str = $name;
            const FACTS: Facts = $facts;

            $($more)*

            async fn read(_: &Nowhere, _: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
                unreachable!("only described")
            }

            async fn create(_: &Nowhere, _: Create<'_, Self>) -> Result<Id> {
                unreachable!("only described")
            }

            async fn update(_: &Nowhere, _: Update<'_, Self>) -> Result<()> {
                unreachable!("only described")
            }

            async fn delete(_: &Nowhere, _: Delete<'_, Self>) -> Result<()> {
                unreachable!("only described")
            }
        }
    };
    ($resource:ident, $spec:ident, $outputs:ident, $name:literal $(, $more:item)*) => {
        described!($resource, $spec, $outputs, $name, facts: Facts::DEFAULT $(, $more)*);
    };
}
pub(crate) use described;
