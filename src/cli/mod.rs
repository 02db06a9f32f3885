//! The command line: one file a command. Only this part brings the engine, AWS and the terminal together.

mod apply;
mod check;
mod cloud;
mod destroy;
mod engine;
mod failure;
mod interrupt;
mod local;
mod options;
mod output;
mod plan;
mod prepare;
mod project;
mod run;
mod saved;
mod schema;
mod stacks;
mod state;
mod validate;

use std::{env, io::IsTerminal as _, path::PathBuf};

use clap::{Parser, Subcommand, error::ErrorKind};
use infra::{
    exit::Exit,
    report::{Shell, Verbosity},
};

use tracing_subscriber::{
    EnvFilter, Layer as _,
    filter::{FilterExt as _, filter_fn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use failure::{Failure, Result};
use options::Common;
use project::Project;

/// Turns YAML stack files into running AWS systems, and keeps them that way
#[derive(Debug, Parser)]
#[command(name = "infra", version, arg_required_else_help = true, disable_help_subcommand = true, after_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Environment:
  INFRA_ENV           What --env is where it is not given
  INFRA_CACHE_DIR     Where the local cloud and its programs are kept
  INFRA_CALL_TIMEOUT  How many seconds a call to AWS may take, 1 to 3600 [default: 60]
  INFRA_LOG           What is told of the calls: `debug` tells each

Exit codes: 0 done, 1 failed, 2 changes (plan --detailed-exitcode), 3 wrong usage or an invalid stack file,
70 a fault of infra itself, 130 interrupted.
`infra apply --env local` needs no AWS account: it runs on this machine.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what an apply would do
    Plan(plan::Plan),
    /// Make the cloud as the stack files say
    Apply(apply::Apply),
    /// Undo what was applied
    Destroy(destroy::Destroy),
    /// Print the JSON Schema of stack files, for editors
    Schema(schema::Schema),
    /// Check stack files without asking AWS
    Validate(validate::Validate),
    /// Print the outputs of what was applied
    Output(output::Output),
    /// Look at what is recorded, and mend it
    #[command(subcommand)]
    State(state::State),
    /// Start, stop or look at the local cloud
    #[command(subcommand)]
    Local(local::Local),
}

/// What every command works with.
pub(crate) struct Context {
    pub shell: Shell,
    pub project: Project,
    /// The folder that `-C` named.
    pub folder: Option<PathBuf>,
}

/// Does what the command line asks for.
pub(crate) fn main() -> Exit {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    log();
    let mut context = Context {
        shell: Shell::new(arguments.common.color.into(), Verbosity::Normal),
        project: Project::default(),
        folder: arguments.common.folder.clone(),
    };
    run(arguments, &mut context).unwrap_or_else(|failure| {
        if let Some(error) = &failure.error {
            context.shell.error(error.as_ref(), &failure.help);
        }
        failure.exit
    })
}

fn run(arguments: Arguments, context: &mut Context) -> Result<Exit> {
    if let Some(folder) = &arguments.common.folder {
        env::set_current_dir(folder)
            .map_err(|error| Failure::invalid(format!("-C {}: {error}", folder.display())).help("name a folder that exists"))?;
    }
    context.project = Project::open()?;
    match arguments.command {
        Command::Local(command) => command.run(&mut context.shell),
        Command::Plan(command) => wait_for(command.run(context)),
        Command::Apply(command) => wait_for(command.run(context)),
        Command::Destroy(command) => wait_for(command.run(context)),
        Command::Schema(command) => command.run(context),
        Command::Validate(command) => command.run(context),
        Command::Output(command) => command.run(context),
        Command::State(command) => command.run(context),
    }
}

/// Help and version are answers; everything else that clap has to say is a mistake in the command line.
fn usage(error: &clap::Error) -> Exit {
    // Nobody reads it where it cannot be written.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Invalid,
    }
}

/// What the calls do, for whoever looks for a fault: `INFRA_LOG=debug`.
fn log() {
    if let Ok(filter) = env::var("INFRA_LOG") {
        // The finest that AWS's crates tell is what is in the calls, secrets and all.
        let harmless = filter_fn(|it| *it.level() < tracing::Level::TRACE || !it.target().starts_with("aws_"));
        let layer = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
        tracing_subscriber::registry().with(layer.with_filter(EnvFilter::new(filter).and(harmless))).init();
    }
}

/// Runs what has to wait for others.
fn wait_for<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::failed)?;
    runtime.block_on(work)
}
