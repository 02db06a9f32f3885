//! The engine of `infra`: YAML stack files to running systems, through one boundary behind which AWS lies.
//!
//! ```text
//! stack file ─parse─▶ Stack ─resolve(env)─▶ Graph ─┐
//!                                   recorded state ─┼─▶ plan (a value) ─▶ check ─▶ apply ─▶ journal ─▶ state
//!                                     live AWS  ────┘
//! ```
//!
//! One direction; no step reaches back. Each stage is a function from the former's output to a new value.
//!
//! | module | what it answers |
//! | --- | --- |
//! | [`value`] | what data looks like between the stages: with secrets, and with parts not known yet |
//! | [`diagnostic`] | what is wrong, where, and what to do |
//! | [`resource`] | what a resource type is, for who writes one and for the engine |
//! | [`stack`] | what a file says, for one environment |
//! | [`graph`] | what needs what |
//! | [`plan`] | what would be done, and why |
//! | [`cloud`] | how calls are made: the one retry policy, batches, pollers |
//! | [`apply`] | how it is done, and how an earlier run's loose ends are tied up |
//! | [`state`] | what is known to exist, and how that survives anything |
//! | [`report`] | what is seen |
//! | [`exit`] | how a command ended |
//!
//! # Invariants
//!
//! Held by tests, the first three by `tests/tidy.rs`, because the compiler cannot:
//!
//! - The library never names an AWS SDK: the binary's `aws` is the only implementation that it does not know.
//! - `stack`, `graph` and `plan` never do IO and never fail on a user's input: they return what they could make of it and
//!   diagnostics.
//! - Only `state` opens files. Only `apply` and `cloud` wait or spawn. Only `report` writes to the terminal.
//! - An unknown value never reaches a call, and the text of a secret reaches nothing but a call.
//! - A create is journalled before it is called, and its id before anything else is done; it is never repeated blindly.

pub mod address;
pub mod apply;
pub mod cloud;
pub mod diagnostic;
pub mod exit;
pub mod graph;
pub mod plan;
pub mod report;
pub mod resource;
#[cfg(test)]
mod simulation;
pub mod stack;
pub mod state;
pub mod value;
