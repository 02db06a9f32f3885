//! Queues of messages.

pub(crate) mod queue;
