//! What clusters and instances have in common and their groups have not.

pub(super) mod engine;
pub(super) mod growth;
#[cfg(test)]
mod restore_tests;
#[cfg(test)]
pub(super) mod testing;
