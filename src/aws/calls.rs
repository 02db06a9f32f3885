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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use infra::resource::Error;

    use super::*;

    #[tokio::test]
    async fn some_are_under_way_at_the_same_time_and_are_answered_in_their_order() {
        let (now, most) = (Cell::new(0), Cell::new(0));
        // The later it was asked for, the sooner it answers.
        let calls = || {
            (0..20).map(|n| {
                let (now, most) = (&now, &most);
                async move {
                    now.set(now.get() + 1);
                    most.set(most.get().max(now.get()));
                    for _ in n..20 {
                        tokio::task::yield_now().await;
                    }
                    now.set(now.get() - 1);
                    Ok(n)
                }
            })
        };
        assert_eq!((abreast(calls()).await, most.take()), (Ok((0..20).collect()), 8));
        assert_eq!((few_abreast(calls()).await, most.take()), (Ok((0..20).collect()), 4));
    }

    #[tokio::test]
    async fn the_first_failure_is_the_answer() {
        let refused = |n: i32| Error::rejected("Call", "Refused", format!("call {n}"));
        let calls = (0..20).map(|n| async move { if n % 3 == 2 { Err(refused(n)) } else { Ok(n) } });
        assert_eq!(abreast(calls).await, Err(refused(2)));
    }
}
