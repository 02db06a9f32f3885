//! What is seen: the only part of the program that prints.
//!
//! Everything is rendered to text with colours in it first; [`Shell`] alone decides whether the colours stay, and where the
//! text goes: to stderr what is for people, to stdout what is the answer of the command.

pub mod diagnostics;
pub mod json;
pub mod plan;
pub mod progress;
mod shell;
pub mod table;
#[cfg(test)]
mod testing;
mod text;
mod value;

pub use progress::{Context, Observer, Progress};
pub use shell::{Color, NotAsked, Shell, Verbosity};
pub use text::{duration, rough};

/// How wide text may be where nothing says how wide the reader's window is.
pub const DEFAULT_WIDTH: usize = 100;
