//! AWS Budgets.

pub(crate) mod budget;
