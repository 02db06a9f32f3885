//! Reading many resources in as few calls as their APIs allow.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::{Cloud, Patience};
use crate::resource::{AnyLive, During, Error, Id, Location, Wanted, World};

/// One resource to be read.
#[derive(Clone, Debug)]
pub struct Question {
    pub type_name: String,
    pub location: Location,
    pub id: Id,
    /// The properties it is read for.
    pub wanted: BTreeSet<String>,
}

/// Reads all that is asked for, in the order of the questions: one batch a type and place, all batches at once.
///
/// # Errors
/// A batch could not be read.
pub async fn observe<W: World>(cloud: &Cloud<W>, questions: &[Question]) -> Result<Vec<Option<AnyLive>>, Error> {
    let mut batches: BTreeMap<(&str, &Location), Vec<usize>> = BTreeMap::new();
    for (number, question) in questions.iter().enumerate() {
        batches.entry((&question.type_name, &question.location)).or_default().push(number);
    }
    let reads = batches.into_iter().map(async |((type_name, location), numbers)| {
        let ids: Vec<_> = numbers.iter().map(|it| questions[*it].id.clone()).collect();
        let wanted = numbers.iter().flat_map(|it| questions[*it].wanted.iter().cloned()).collect();
        let found = read(cloud, type_name, location, &ids, &Wanted(wanted)).await?;
        Ok((numbers, found))
    });
    let mut answers = vec![None; questions.len()];
    for batch in join_all(reads).await {
        let (numbers, found): (Vec<usize>, Vec<Option<AnyLive>>) = batch?;
        for (number, live) in numbers.into_iter().zip(found) {
            answers[number] = live;
        }
    }
    Ok(answers)
}

/// Reads some resources of one type in one place.
pub(super) async fn read<W: World>(
    cloud: &Cloud<W>,
    type_name: &str,
    location: &Location,
    ids: &[Id],
    wanted: &Wanted,
) -> Result<Vec<Option<AnyLive>>, Error> {
    let Some(resource) = cloud.types.resource(type_name) else {
        return Err(Error::bug("read", format!("there is no type `{type_name}` in this version of infra")));
    };
    let world = cloud.world.at(location);
    let service = type_name.split('.').next().unwrap_or(type_name);
    let patience = Patience::Repeatable(During::Any);
    cloud.call(service, resource.facts(), patience, &|_| {}, || resource.read(&world, ids, wanted)).await
}
