//! The engine of `infra`: YAML stack files to running systems, through one boundary behind which AWS lies.
//!
//! ```text
//! stack file ─parse─▶ Stack ─resolve(env)─▶ Graph ─┐
//!                                   recorded state ─┼─▶ plan (a value) ─▶ check ─▶ apply ─▶ journal ─▶ state
//!                                     live AWS  ────┘
//! ```

pub mod address;
pub mod apply;
pub mod cloud;
pub mod diagnostic;
pub mod exit;
pub mod graph;
pub mod plan;
pub mod report;
pub mod resource;
pub mod stack;
pub mod state;
pub mod value;
