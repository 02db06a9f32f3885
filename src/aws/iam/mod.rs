//! Identities and what they may do. The service is one for all regions.

pub(crate) mod role;
