//! Storage of objects.

pub(crate) mod bucket;
