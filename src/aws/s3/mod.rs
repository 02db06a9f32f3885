//! Storage of objects.

pub(crate) mod bucket;
pub(crate) mod object;
