//! Secrets Manager.

pub(crate) mod secret;
