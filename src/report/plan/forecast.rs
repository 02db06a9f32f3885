//! How long a plan should take.

use std::{collections::HashMap, time::Duration};

use crate::{address::Address, plan::Plan};

/// How long a plan should take when everything takes as long as it usually does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Forecast {
    /// The sum along the longest chain of steps that wait for each other.
    pub total: Duration,
    /// The one or two steps on that chain that make up most of it; none where no step stands out.
    pub longest: Vec<(Address, Duration)>,
}

/// Follows the longest chain of steps. As many as are ready run at the same time, so nothing else counts.
pub fn forecast(plan: &Plan) -> Forecast {
    // Steps stand in an order in which they could be done, so each one's predecessors are known already. Two steps may have
    // the same address (a new resource, and its predecessor to delete): who waits for the address waits for both.
    let mut last_of: HashMap<&Address, usize> = HashMap::with_capacity(plan.steps.len());
    let mut chains: Vec<(Duration, Option<usize>)> = Vec::with_capacity(plan.steps.len());
    for (n, step) in plan.steps.iter().enumerate() {
        let before = step.after.iter().filter_map(|it| last_of.get(it)).copied().max_by_key(|it| chains[*it].0);
        chains.push((before.map_or(Duration::ZERO, |it| chains[it].0) + step.typical, before));
        let last = last_of.entry(&step.address).or_insert(n);
        if chains[*last].0 < chains[n].0 {
            *last = n;
        }
    }
    let Some(end) = (0..chains.len()).rev().max_by_key(|it| chains[*it].0) else { return Forecast::default() };
    let total = chains[end].0;
    let mut chain: Vec<_> = std::iter::successors(Some(end), |it| chains[*it].1).collect();
    chain.sort_by_key(|it| std::cmp::Reverse(plan.steps[*it].typical));
    let stands_out = |it: &usize| plan.steps[*it].typical * 4 > total && total > Duration::from_secs(10);
    let mut longest = vec![];
    let mut explained = Duration::ZERO;
    for n in chain.into_iter().filter(stands_out).take(2) {
        if explained * 3 < total * 2 {
            explained += plan.steps[n].typical;
            longest.push((plan.steps[n].address.clone(), plan.steps[n].typical));
        }
    }
    if explained * 2 < total {
        longest.clear();
    }
    Forecast { total, longest }
}
