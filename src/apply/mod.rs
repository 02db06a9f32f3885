//! Plan to cloud: the only part of the engine that spawns.

mod event;

pub use event::{Event, Recovery, Skip, Summary};
