//! The boundary to the cloud: every call goes through here, under the one policy for what to do when it fails.

mod call;
mod observe;
mod poll;

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::Instant;

pub(crate) use call::longest_call;
pub use call::{Ended, Patience, Retry};
pub use observe::{Question, observe};
pub use poll::{Pollers, pace};

use crate::resource::{Facts, Types, World};

/// The types, what their calls go through, and how fast each service may be called.
pub struct Cloud<W: World> {
    pub types: Arc<Types<W>>,
    pub world: W,
    pub clock: Clock,
    rates: call::Rates,
    hides_at_most: Duration,
}

impl<W: World> Cloud<W> {
    pub fn new(types: Arc<Types<W>>, world: W) -> Self {
        Self { types, world, clock: Clock::from(Timestamp::now()), rates: call::Rates::default(), hides_at_most: Duration::MAX }
    }

    /// The same where nothing new hides for longer than this, whatever its type says: an emulator shows at once what it has.
    #[must_use]
    pub fn hiding_at_most(self, hides_at_most: Duration) -> Self {
        Self { hides_at_most, ..self }
    }

    /// How long after its create a resource may stay invisible.
    pub fn visible_within(&self, facts: &Facts) -> Duration {
        facts.visible_within.min(self.hides_at_most)
    }

    /// The same with another idea of what time it is.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }
}

/// What time it is, by the runtime's clock, so that tests can let it pass at will.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Timestamp,
    instant: Instant,
}

impl Clock {
    /// A clock that shows `now` and goes on with the runtime's.
    pub fn from(now: Timestamp) -> Self {
        Self { started: now, instant: Instant::now() }
    }

    pub fn now(&self) -> Timestamp {
        self.started + self.instant.elapsed()
    }

    /// How long ago something was.
    pub fn since(&self, then: Timestamp) -> Duration {
        Duration::try_from(self.now().duration_since(then)).unwrap_or_default()
    }
}
