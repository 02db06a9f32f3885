//! The commands of `infra`, and AWS.

#[expect(dead_code, reason = "the commands that use it are not there yet")]
mod aws;
mod cli;
mod local;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main().into()
}
