//! One policy for all calls: what is tried again, when, and how fast.

use std::{collections::HashMap, sync::Mutex, time::Duration};

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
        mut call: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let begun = Instant::now();
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
            let Some(within) = persistence(&error, facts, patience) else { return Err(error) };
            if begun.elapsed() >= within {
                return Err(error);
            }
            attempt += 1;
            let pause = pause(attempt);
            tell(Retry { error: &error, attempt, pause });
            sleep(pause).await;
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
        ErrorKind::Rejected => facts
            .passing
            .iter()
            .filter(|it| it.during == During::Any || it.during == during)
            .filter(|it| error.is(&[it.code]) && error.message.contains(it.message))
            .map(|it| it.within)
            .max(),
        ErrorKind::Credentials | ErrorKind::Bug => None,
    }
}

/// How long a create is repeated at most for reasons that pass by themselves, with the last of these calls.
pub fn longest_call(facts: &Facts) -> Duration {
    let passing = facts.passing.iter().filter(|it| matches!(it.during, During::Create | During::Any)).map(|it| it.within);
    passing.max().unwrap_or_default().max(PERSISTENCE) + Duration::from_secs(120)
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
