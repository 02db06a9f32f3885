//! Notifications: topics, and who hears of them.

pub(crate) mod subscription;
pub(crate) mod topic;
