//! What stacks read and do not own.
