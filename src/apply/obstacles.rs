//! What would stop a plan that deletes, as far as it can be told before anything is deleted.

use std::collections::BTreeSet;

use futures::future::join_all;

use crate::{
    cloud::Cloud,
    diagnostic::Diagnostic,
    plan::{Action, Plan},
    resource::{Obstacle, World},
    stack::Stack,
    state::State,
};

/// Asks each type that can tell, once: whatever is not answered shows when the delete's time comes.
pub(super) async fn find<W: World>(cloud: &Cloud<W>, stack: &Stack, state: &State, plan: &Plan) -> Vec<Diagnostic> {
    let deletes = |it: Action| matches!(it, Action::Delete | Action::Replace | Action::CreateThenDelete);
    let steps = plan.steps.iter().filter(|it| deletes(it.action));
    let going = steps
        .filter_map(|it| state.resources.get(&it.address).filter(|record| it.id.as_ref() == Some(&record.id)).map(|record| (it, record)));
    let going: Vec<_> = going.collect();
    let ids: BTreeSet<_> = going.iter().map(|(_, record)| record.id.clone()).collect();
    let asked = going.iter().map(async |(step, record)| {
        let resource = cloud.types.resource(&record.type_name)?;
        let world = cloud.world.at(&record.location);
        let Obstacle { what, remedy } = resource.obstacle(&world, &record.id, &record.applied, &ids).await.ok().flatten()?;
        let diagnostic = Diagnostic::warning(format!("`{}` cannot be deleted as it is: {what}", step.address)).help(remedy);
        Some(match stack.resources.get(&step.address) {
            Some(instance) => diagnostic.at(&instance.place, "is to be deleted"),
            None => diagnostic,
        })
    });
    join_all(asked).await.into_iter().flatten().collect()
}
