//! The commands of `infra`, and AWS.

mod aws;
mod cli;
mod local;

use std::{
    panic::{UnwindSafe, catch_unwind},
    process::ExitCode,
};

use infra::exit::Exit;

fn main() -> ExitCode {
    guarded(cli::main).into()
}

/// A panic is told like any other, and has an exit code of its own.
fn guarded(work: impl FnOnce() -> Exit + UnwindSafe) -> Exit {
    catch_unwind(work).unwrap_or(Exit::Bug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_bug_and_no_failure() {
        assert_eq!(guarded(|| Exit::Changes), Exit::Changes);
        assert_eq!(guarded(|| std::panic::resume_unwind(Box::new("on purpose"))), Exit::Bug);
    }
}
