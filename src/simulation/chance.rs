//! Luck that can be had again: numbers that follow from a seed and from what they are for.

use std::hash::{Hash, Hasher as _};

/// A small generator of its own, so that the luck of each call depends on nothing but what is called.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(of: &impl Hash) -> Self {
        // The same in every run, other than the maps' own hasher.
        let mut hasher = std::hash::DefaultHasher::new();
        of.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// splitmix64: <https://prng.di.unimi.it/splitmix64.c>
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let n = usize::try_from(self.below(list.len() as u64)).ok()?;
        list.get(n)
    }
}
