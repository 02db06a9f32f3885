//! AWS Config.

pub(crate) mod recorder;
pub(crate) mod rule;
