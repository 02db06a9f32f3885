//! What becomes of a run that is killed, or hears nonsense, at any of its calls.
//!
//! `infra` runs against an emulator through a [`Proxy`], which counts the calls and strikes at one of them. What there is afterwards is
//! told by boto3, so that `infra` is not asked about itself.

mod bench;
mod crash;
mod emulator;
mod http;
mod proxy;

pub(crate) use bench::{Bench, project_of};
pub(crate) use emulator::Inventory;
pub(crate) use proxy::Strike;
