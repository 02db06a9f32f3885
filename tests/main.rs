//! The program as a person runs it, and what holds for the repository as a whole.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic, also in its helpers")]

/// What is known of how AWS behaves.
mod behaviour;
/// The commands, through the real binary.
mod cli;
/// Every file in `examples/` and `stacks/`.
mod examples;
/// Runs that are struck at one of their calls, seen by somebody else.
mod matrix;
/// What the README says.
mod readme;
mod support;
/// What every file of the sources holds to.
mod tidy;
