//! Registries of container images.

pub(crate) mod repository;
