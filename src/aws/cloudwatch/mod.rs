//! Alarms on metrics, and dashboards that show them.

pub(crate) mod alarm;
pub(crate) mod dashboard;
