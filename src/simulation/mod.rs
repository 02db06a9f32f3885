//! The whole engine in random worlds: a strict cloud in memory, seeded stacks, edits, faults and crashes.
//!
//! Nothing here is lenient: the cloud refuses what AWS refuses, shows what is fresh only after a while, and notes whatever an
//! engine must never do. After each run the state, the cloud and the file have to agree.

mod case;
mod chance;
mod check;
mod cloud;
mod faults;
mod life;
mod model;
mod tests;
mod types;
