//! Several calls: one after another for all pages of a list, or at the same time.

use futures::{StreamExt as _, TryStreamExt as _};
use infra::resource::Result;

/// All items of all pages of a call: `all!(world.ec2().describe_vpcs().filters(filter))`.
macro_rules! all {
    ($call:expr) => {
        $call.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await.map_err($crate::aws::error::error)
    };
}
pub(crate) use all;

/// Makes many calls, up to eight at the same time, and answers in their order.
pub(crate) fn abreast<T, F>(calls: impl IntoIterator<Item = F>) -> impl Future<Output = Result<Vec<T>>>
where
    F: Future<Output = Result<T>>,
{
    up_to(8, calls)
}

/// The same for services that take only some calls a second, up to four at the same time.
pub(crate) fn few_abreast<T, F>(calls: impl IntoIterator<Item = F>) -> impl Future<Output = Result<Vec<T>>>
where
    F: Future<Output = Result<T>>,
{
    up_to(4, calls)
}

fn up_to<T, F>(most: usize, calls: impl IntoIterator<Item = F>) -> impl Future<Output = Result<Vec<T>>>
where
    F: Future<Output = Result<T>>,
{
    // Whoever waits for it is to hold the calls, and not what makes them.
    let calls: Vec<F> = calls.into_iter().collect();
    futures::stream::iter(calls).buffered(most).try_collect()
}
