//! The commands of `infra`, and AWS.

mod cli;
mod local;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main().into()
}
