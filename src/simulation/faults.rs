//! What goes wrong in one run.

use super::{chance::Chance, cloud::Kind};

/// How one call goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trouble {
    Throttled,
    UnavailableBefore,
    UnavailableAfter,
    DroppedBefore,
    DroppedAfter,
    Unreachable,
    /// Nothing wrong, but it takes long.
    Slow,
}

/// When the process is killed, as seen from the call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Crash {
    Before,
    After,
}

#[derive(Clone, Debug)]
pub(super) struct Faults {
    /// One in how many calls goes wrong.
    pub(super) one_in: u64,
    /// How many may go wrong at most, so that every run comes to an end.
    pub(super) budget: usize,
    /// The process is killed at this call that changes something, counted from 1.
    pub(super) crash: Option<(u64, Crash)>,
    pub(super) met: usize,
    mutations: u64,
}

impl Faults {
    pub(super) fn none() -> Self {
        Self::new(1, 0, None)
    }

    pub(super) fn new(one_in: u64, budget: usize, crash: Option<(u64, Crash)>) -> Self {
        Self { one_in, budget, crash, met: 0, mutations: 0 }
    }

    pub(super) fn next(&mut self, chance: &mut Chance, kind: Kind) -> (Option<Trouble>, Option<Crash>) {
        if matches!(kind, Kind::Create | Kind::Update | Kind::Delete) {
            self.mutations += 1;
            if let Some((at, crash)) = self.crash
                && at == self.mutations
            {
                return (None, Some(crash));
            }
        }
        if !self.spend(chance, self.one_in) {
            return (None, None);
        }
        let trouble = match chance.below(7) {
            0 => Trouble::Throttled,
            1 => Trouble::UnavailableBefore,
            2 => Trouble::UnavailableAfter,
            3 => Trouble::DroppedBefore,
            4 => Trouble::DroppedAfter,
            5 => Trouble::Unreachable,
            _ => Trouble::Slow,
        };
        (Some(trouble), None)
    }

    /// Whether what is being made will never be usable.
    pub(super) fn dooms(&mut self, chance: &mut Chance) -> bool {
        self.spend(chance, self.one_in * 2)
    }

    fn spend(&mut self, chance: &mut Chance, one_in: u64) -> bool {
        let hit = self.met < self.budget && chance.one_in(one_in);
        self.met += usize::from(hit);
        hit
    }
}
