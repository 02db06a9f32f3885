//! What becomes of a run that is killed, or hears nonsense, at any of its calls.
//!
//! `infra` runs against an emulator through a [`Proxy`], which counts the calls and strikes at one of them. What there is afterwards is
//! told by boto3, so that `infra` is not asked about itself.

mod bench;
mod crash;
mod emulator;
mod http;
mod proxy;
mod stub;

pub(crate) use bench::{Bench, project_of};
pub(crate) use emulator::{Difference, Inventory};
pub(crate) use proxy::{Moment, Strike};
pub(crate) use stub::{Answer, stub};
