//! AWS CloudTrail.

pub(crate) mod trail;
