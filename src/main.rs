//! The commands of `infra`, and AWS.

mod aws;
mod cli;
mod local;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main().into()
}
