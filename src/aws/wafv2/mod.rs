//! The web application firewall.

pub(crate) mod association;
pub(crate) mod web_acl;
