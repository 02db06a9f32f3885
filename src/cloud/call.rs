//! One policy for all calls: what is tried again, when, and how fast.

use std::{collections::HashMap, sync::Mutex, time::Duration};

use futures::FutureExt as _;
use rand::Rng as _;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, sleep_until},
};

use super::Cloud;
use crate::resource::{During, Error, ErrorKind, Facts, World};

/// How many calls are under way at once.
const AT_ONCE: usize = 32;
/// How long a call is repeated that fails for reasons that have nothing to do with it.
const PERSISTENCE: Duration = Duration::from_secs(120);
/// How long a call is repeated at most, whatever goes wrong with it in turn.
const ENDURANCE: Duration = Duration::from_secs(7200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is told of a call that will be tried again.
pub struct Retry<'a> {
    pub error: &'a Error,
    pub attempt: u32,
    pub pause: Duration,
}

/// What a call is for, which decides what passes by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// May be repeated after any failure.
    Repeatable(During),
    /// Must not be repeated where it may have had its effect.
    Once,
}

/// Why a call was not made again.
#[derive(Debug)]
pub enum Ended {
    Failed(Error),
    /// It would have been, had nobody asked to stop.
    Stopped(Error),
}

impl Ended {
    /// What failed, either way.
    pub fn into_error(self) -> Error {
        match self {
            Self::Failed(error) | Self::Stopped(error) => error,
        }
    }
}

impl<W: World> Cloud<W> {
    /// Makes a call, and again as long as it fails in a way that passes.
    ///
    /// # Errors
    /// It failed in a way that does not pass, or for too long; or, where it must not be repeated, with an unknown outcome.
    pub async fn call<T, F: Future<Output = Result<T, Error>>>(
        &self,
        service: &str,
        facts: &Facts,
        patience: Patience,
        tell: &(dyn Fn(Retry<'_>) + Sync),
        call: impl FnMut() -> F,
    ) -> Result<T, Error> {
        self.call_until(service, facts, patience, tell, std::future::pending(), call).await.map_err(Ended::into_error)
    }

    /// The same; once `stop` comes, what fails is not tried again. A call that was made is waited for.
    ///
    /// # Errors
    /// As above, or it was stopped after this error.
    pub async fn call_until<T, F: Future<Output = Result<T, Error>>>(
        &self,
        service: &str,
        facts: &Facts,
        patience: Patience,
        tell: &(dyn Fn(Retry<'_>) + Sync),
        stop: impl Future<Output = ()>,
        mut call: impl FnMut() -> F,
    ) -> Result<T, Ended> {
        tokio::pin!(stop);
        // When it first failed, and since when in this way: what passes may take its time, and another kind of trouble in
        // between has a time of its own. The time that calls take before they fail does not count.
        let mut first = None;
        let mut trouble: Option<(ErrorKind, Instant)> = None;
        let mut attempt = 0;
        loop {
            let result = {
                let _permit = self.rates.admit(service).await;
                call().await
            };
            let error = match result {
                Ok(it) => {
                    self.rates.eased(service);
                    return Ok(it);
                }
                Err(error) => error,
            };
            if error.kind == ErrorKind::Throttled {
                self.rates.throttled(service);
            }
            let Some(within) = persistence(&error, facts, patience) else { return Err(Ended::Failed(error)) };
            let now = Instant::now();
            let since = match trouble {
                Some((kind, since)) if kind == error.kind => since,
                _ => now,
            };
            trouble = Some((error.kind, since));
            if since.elapsed() >= within || first.get_or_insert(now).elapsed() >= ENDURANCE {
                return Err(Ended::Failed(error));
            }
            if stop.as_mut().now_or_never().is_some() {
                return Err(Ended::Stopped(error));
            }
            attempt += 1;
            let pause = pause(attempt);
            tell(Retry { error: &error, attempt, pause });
            tokio::select! {
                () = &mut stop => return Err(Ended::Stopped(error)),
                () = sleep(pause) => {}
            }
        }
    }
}

/// How long it is worth trying again after this error; nothing where it is not.
fn persistence(error: &Error, facts: &Facts, patience: Patience) -> Option<Duration> {
    let during = match patience {
        Patience::Repeatable(during) => during,
        Patience::Once => During::Create,
    };
    match error.kind {
        ErrorKind::Throttled => Some(PERSISTENCE),
        // No connection is a matter of seconds or of the user.
        ErrorKind::Unreachable => Some(Duration::from_secs(15)),
        ErrorKind::Unavailable | ErrorKind::Unanswered => (patience != Patience::Once).then_some(PERSISTENCE),
        ErrorKind::Rejected => facts.passes(error, during),
        ErrorKind::Credentials | ErrorKind::Bug => None,
    }
}

/// How long after its beginning a call may be tried for the last time.
pub(crate) fn longest_call(facts: &Facts) -> Duration {
    ENDURANCE + facts.passing.iter().map(|it| it.within).max().unwrap_or_default()
}

/// Grows twofold up to a limit, with jitter, so that many that failed together do not come back together.
fn pause(attempt: u32) -> Duration {
    let longest = Duration::from_millis(200).saturating_mul(1 << attempt.min(8)).min(LONGEST_PAUSE);
    longest.mul_f64(rand::rng().random_range(0.5..1.0))
}

/// How fast each service takes calls: as they come, until it throttles.
pub(super) struct Rates {
    permits: Semaphore,
    services: Mutex<HashMap<String, Rate>>,
}

struct Rate {
    /// Between two calls.
    gap: Duration,
    next: Instant,
}

impl Default for Rates {
    fn default() -> Self {
        Self { permits: Semaphore::new(AT_ONCE), services: Mutex::default() }
    }
}

impl Rates {
    async fn admit(&self, service: &str) -> tokio::sync::SemaphorePermit<'_> {
        let at = {
            let mut services = self.services.lock().expect("nobody panics while holding it");
            services.get_mut(service).filter(|it| it.gap > Duration::ZERO).map(|rate| {
                let at = rate.next.max(Instant::now());
                rate.next = at + rate.gap;
                at
            })
        };
        if let Some(at) = at {
            sleep_until(at).await;
        }
        self.permits.acquire().await.expect("it is never closed")
    }

    fn throttled(&self, service: &str) {
        let mut services = self.services.lock().expect("nobody panics while holding it");
        let rate = services.entry(service.to_owned()).or_insert_with(|| Rate { gap: Duration::ZERO, next: Instant::now() });
        rate.gap = (rate.gap * 2).clamp(Duration::from_millis(25), Duration::from_secs(1));
    }

    fn eased(&self, service: &str) {
        let mut services = self.services.lock().expect("nobody panics while holding it");
        if let Some(rate) = services.get_mut(service) {
            rate.gap = rate.gap.mul_f64(0.9);
            if rate.gap < Duration::from_millis(2) {
                rate.gap = Duration::ZERO;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, sync::Arc};

    use super::*;
    use crate::resource::{Passing, Types, testing::Nowhere};

    const FACTS: Facts = Facts {
        passing: &[Passing { during: During::Delete, code: "InUse", message: "", within: Duration::from_secs(600) }],
        ..Facts::DEFAULT
    };

    fn error(kind: ErrorKind) -> Error {
        Error { action: "DeleteThing", kind, code: Some("InUse".into()), message: String::new(), request_id: None }
    }

    /// How a delete ends that fails in these ways, each after so many seconds, before it succeeds; and how often it was called.
    async fn ends(failures: Vec<(u64, ErrorKind)>) -> (Result<(), ErrorKind>, usize) {
        let cloud = Cloud::new(Arc::new(Types::new(&[], &[])), Nowhere);
        let left = Mutex::new(VecDeque::from(failures));
        let calls = Mutex::new(0);
        let call = async || {
            *calls.lock().expect("one thread") += 1;
            let next = left.lock().expect("one thread").pop_front();
            match next {
                None => Ok(()),
                Some((takes, kind)) => {
                    sleep(Duration::from_secs(takes)).await;
                    Err(error(kind))
                }
            }
        };
        let result = cloud.call("test", &FACTS, Patience::Repeatable(During::Delete), &|_| {}, call).await;
        let calls = *calls.lock().expect("one thread");
        (result.map_err(|it| it.kind), calls)
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_of_trouble_has_its_own_time() {
        use ErrorKind::{Rejected, Unanswered, Unreachable};
        // The time before the first failure counts for nothing.
        assert_eq!(ends(vec![(20, Unreachable)]).await, (Ok(()), 2));
        // A moment without a connection does not end a long wait for what passes.
        let mut blip = vec![(1, Rejected); 20];
        blip.extend([(1, Unreachable), (1, Unanswered), (1, Rejected)]);
        assert_eq!(ends(blip).await, (Ok(()), 24));
        // No connection for long is the end.
        assert_eq!(ends(vec![(1, Unreachable); 100]).await.0, Err(Unreachable));
        assert_eq!(ends(vec![(300, Rejected); 100]).await.0, Err(Rejected));
        // So is trouble of ever another kind.
        assert_eq!(ends([(60, Unreachable), (60, Rejected)].repeat(1000)).await.0.map_err(|_| ()), Err(()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_asked_to_stop_finishes_a_call_and_makes_no_other() {
        let cloud = Cloud::new(Arc::new(Types::new(&[], &[])), Nowhere);
        let begun = Instant::now();
        let calls = Mutex::new(0);
        // Each takes a second, and the stop comes in the middle of a call or of a pause.
        for stop in [0, 30_500, 31_000, 31_700] {
            let call = async || {
                *calls.lock().expect("one thread") += 1;
                sleep(Duration::from_secs(1)).await;
                Err::<(), _>(error(ErrorKind::Rejected))
            };
            let (at, before) = (Instant::now(), *calls.lock().expect("one thread"));
            let stop = Duration::from_millis(stop);
            let patience = Patience::Repeatable(During::Delete);
            let ended = cloud.call_until("test", &FACTS, patience, &|_| {}, sleep(stop), call).await;
            assert!(matches!(ended, Err(Ended::Stopped(error)) if error.kind == ErrorKind::Rejected));
            assert!(at.elapsed() >= stop && at.elapsed() <= stop + Duration::from_secs(1), "{stop:?}: {:?}", at.elapsed());
            assert!(*calls.lock().expect("one thread") > before, "it was tried once");
        }
        assert!(begun.elapsed() < Duration::from_secs(100));
    }
}
