//! The Key Management Service.

pub(crate) mod alias;
pub(crate) mod key;
