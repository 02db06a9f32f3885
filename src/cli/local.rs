//! `infra local`: the emulator behind `--env local`, and a database beside it for programs that run on this machine.

use std::{env, ffi::OsString, os::unix::process::CommandExt as _, path::Path, process::Command};

use clap::Subcommand;
use infra::{exit::Exit, report::Shell};
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::failure::{Failure, Result};
use crate::local::{Database, Emulator, LocalCloud};

#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Start it, unless it runs already: an emulator of AWS, whose URL is printed, and PostgreSQL with pgvector
    Start {
        /// With nothing in it: what was stored in the database is thrown away
        #[arg(long)]
        fresh: bool,
        /// Only the emulator, which is all that `--env local` needs
        #[arg(long, conflicts_with = "fresh")]
        no_database: bool,
    },
    /// Stop it; what was made in the emulator is gone then, what is stored in the database is there at the next start
    Stop,
    /// Say whether it runs, and where
    Status {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the variables by which programs find it, as lines for a shell: `eval "$(infra local env)"`
    Env {
        /// Only the value of this one, e.g. DATABASE_URL
        name: Option<String>,
    },
    /// Run a program that finds it: its AWS calls and its database are those of this machine; starts it where it does not run
    Run {
        /// The program and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
}

impl Local {
    pub(crate) fn run(self, shell: &mut Shell) -> Result<Exit> {
        let cloud = LocalCloud::of_user()?;
        match self {
            Self::Start { fresh, no_database } => return start(shell, &cloud, fresh, !no_database),
            Self::Stop => stop(shell, &cloud, true)?,
            Self::Status { json } => {
                let (emulator, database) = (cloud.status()?, cloud.database()?);
                let written = if json {
                    shell.json(&document(emulator.as_ref(), database.as_ref(), &cloud))
                } else {
                    shell.answer(&describe(emulator.as_ref(), database.as_ref(), &cloud))
                };
                written.map_err(Failure::failed)?;
            }
            Self::Env { name } => print_environment(shell, &cloud, name.as_deref())?,
            Self::Run { command } => {
                let emulator = cloud.ensure(&mut |text| shell.status("Local cloud", text))?;
                let database = cloud.ensure_database(&mut |text| shell.status("Database", text))?;
                return Err(become_program(&command, &environment(&emulator, Some(&database))));
            }
        }
        Ok(Exit::Done)
    }
}

fn start(shell: &mut Shell, cloud: &LocalCloud, fresh: bool, with_database: bool) -> Result<Exit> {
    if fresh {
        stop(shell, cloud, false)?;
    }
    let emulator = cloud.ensure(&mut |text| shell.status("Local cloud", text))?;
    shell.status("Local cloud", "runs until `infra local stop`; other tools reach it with this as AWS_ENDPOINT_URL");
    // Before the database, which may take long the first time or not come at all.
    shell.answer(&format!("{}\n", emulator.url())).map_err(Failure::failed)?;
    if !with_database {
        return Ok(Exit::Done);
    }
    let say = &mut |text: &str| shell.status("Database", text);
    let database = if fresh { cloud.empty_database(say) } else { Ok(()) }.and_then(|()| cloud.ensure_database(say));
    match database {
        Ok(database) => {
            let text = format!(
                "PostgreSQL {} with pgvector on port {}; `infra local run COMMAND` runs a program with it",
                database.version, database.port
            );
            shell.status("Database", &text);
            Ok(Exit::Done)
        }
        Err(error) => {
            let failure = Failure::from(error);
            let failure = failure.help("the emulator runs: `--env local` works without the database, and so does `--no-database`");
            if let Some(error) = &failure.error {
                shell.error(error.as_ref(), &failure.help);
            }
            Ok(Exit::Failed)
        }
    }
}

fn stop(shell: &mut Shell, cloud: &LocalCloud, keeps: bool) -> Result<()> {
    // Each of them, also where the other cannot be.
    let emulator = cloud.stop(&mut |text| shell.status("Local cloud", text));
    let database = cloud.stop_database(&mut |text| shell.status("Database", text));
    match emulator? {
        Some(it) => shell.status("Local cloud", &format!("stopped (process {}); what was made in it is gone", it.process.pid)),
        None => shell.status("Local cloud", "does not run"),
    }
    if let Some(it) = database? {
        let data = if keeps { "what is stored in it stays" } else { "what was stored in it is thrown away" };
        shell.status("Database", &format!("stopped (process {}); {data}", it.process.pid));
    }
    Ok(())
}

/// The variables by which programs find the local cloud.
fn environment(emulator: &Emulator, database: Option<&Database>) -> Vec<(&'static str, String)> {
    let asked = |name: &str| env::var(name).ok().filter(|it| !it.is_empty());
    let region = asked("AWS_REGION").or_else(|| asked("AWS_DEFAULT_REGION")).unwrap_or_else(|| "us-east-1".to_owned());
    let emulator = [
        ("AWS_ENDPOINT_URL", emulator.url()),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".to_owned()),
        // Known nowhere, so that a call that leads out of this machine after all is refused.
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ("AWS_SESSION_TOKEN", String::new()),
        // Some know only the one and some only the other.
        ("AWS_REGION", region.clone()),
        ("AWS_DEFAULT_REGION", region),
    ];
    emulator.into_iter().chain(database.map(|it| ("DATABASE_URL", it.url()))).collect()
}

fn print_environment(shell: &mut Shell, cloud: &LocalCloud, name: Option<&str>) -> Result<()> {
    let help = "`infra local start` starts it";
    let emulator = cloud.status()?.ok_or_else(|| Failure::failed(anyhow::Error::msg("the local cloud does not run")).help(help))?;
    let database = cloud.database()?;
    let variables = environment(&emulator, database.as_ref());
    let text = match name {
        None => variables.iter().map(|(name, value)| format!("export {name}='{}'\n", value.replace('\'', r"'\''"))).collect(),
        Some(name) => match variables.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => format!("{value}\n"),
            None if name == "DATABASE_URL" => {
                return Err(Failure::failed(anyhow::Error::msg("the local database does not run")).help(help));
            }
            None => {
                let known: Vec<_> = variables.iter().map(|(name, _)| *name).collect();
                return Err(Failure::invalid(format!("there is no variable {name}")).help(format!("there are: {}", known.join(", "))));
            }
        },
    };
    shell.answer(&text).map_err(Failure::failed)?;
    if database.is_none() && name.is_none() {
        shell.warning("the local database does not run, so DATABASE_URL is not among them");
    }
    Ok(())
}

/// Runs a program in our place, so that signals and its exit code are its own; answers only why it cannot be.
fn become_program(command: &[OsString], variables: &[(&'static str, String)]) -> Failure {
    let Some((program, arguments)) = command.split_first() else {
        return Failure::invalid("no program is named");
    };
    let error = Command::new(program).args(arguments).envs(variables.iter().map(|(name, value)| (name, value))).exec();
    Failure::failed(anyhow::Error::new(error).context(format!("cannot run {}", Path::new(program).display())))
        .help("name a program that is on the PATH, or its path")
}

fn document(emulator: Option<&Emulator>, database: Option<&Database>, cloud: &LocalCloud) -> Json {
    let mut document = match emulator {
        Some(it) => json!({
            "running": true, "url": it.url(), "pid": it.process.pid, "since": it.since, "instance": it.instance,
            "moto": it.version, "program": it.program, "log": cloud.log(),
        }),
        None => json!({ "running": false }),
    };
    document["database"] = match database {
        Some(it) => json!({
            "running": true, "address": it.address(), "pid": it.process.pid, "since": it.since,
            "postgresql": it.version, "program": it.program, "data": it.data, "log": cloud.database_log(),
        }),
        None => json!({ "running": false }),
    };
    document
}

fn describe(emulator: Option<&Emulator>, database: Option<&Database>, cloud: &LocalCloud) -> String {
    let time = |it: Timestamp| it.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z");
    let emulator = emulator.map_or_else(
        || "emulator    does not run\n".to_owned(),
        |it| {
            format!(
                "emulator    {}\n  process   {}, since {}\n  moto      {} ({})\n  log       {}\n",
                it.url(),
                it.process.pid,
                time(it.since),
                it.version.as_deref().unwrap_or("of unknown version"),
                it.program.display(),
                cloud.log().display(),
            )
        },
    );
    let database = database.map_or_else(
        || "database    does not run\n".to_owned(),
        |it| {
            format!(
                "database    {}\n  process   {}, since {}\n  postgres  {} ({})\n  data      {}\n  log       {}\n",
                it.address(),
                it.process.pid,
                time(it.since),
                it.version,
                it.program.display(),
                it.data.display(),
                cloud.database_log().display(),
            )
        },
    );
    emulator + &database
}
