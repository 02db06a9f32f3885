//! `infra local`: the emulator behind `--env local`.

use clap::Subcommand;
use infra::{exit::Exit, report::Shell};
use serde_json::json;

use super::failure::{Failure, Result};
use crate::local::{Emulator, LocalCloud};

#[derive(Debug, Subcommand)]
pub(crate) enum Local {
    /// Start it, unless it runs already; prints its URL
    Start,
    /// Stop it; what was made in it is gone then
    Stop,
    /// Say whether it runs, and where
    Status {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

impl Local {
    pub(crate) fn run(self, shell: &mut Shell) -> Result<Exit> {
        let cloud = LocalCloud::of_user()?;
        match self {
            Self::Start => {
                let emulator = cloud.ensure(&mut |text| shell.status("Local cloud", text))?;
                shell.status("Local cloud", "runs until `infra local stop`; other tools reach it with this as AWS_ENDPOINT_URL");
                shell.answer(&format!("{}\n", emulator.url())).map_err(Failure::failed)?;
            }
            Self::Stop => match cloud.stop(&mut |text| shell.status("Local cloud", text))? {
                Some(emulator) => shell.status("Local cloud", &format!("stopped (process {}); what was made in it is gone", emulator.pid)),
                None => shell.status("Local cloud", "does not run"),
            },
            Self::Status { json } => {
                let emulator = cloud.status()?;
                let written = if json {
                    shell.json(&match &emulator {
                        Some(it) => json!({
                            "running": true, "url": it.url(), "pid": it.pid, "since": it.since, "instance": it.instance,
                            "moto": it.version, "program": it.program, "log": cloud.log(),
                        }),
                        None => json!({ "running": false }),
                    })
                } else {
                    shell.answer(&emulator.map_or_else(|| "does not run\n".to_owned(), |it| describe(&it, &cloud)))
                };
                written.map_err(Failure::failed)?;
            }
        }
        Ok(Exit::Done)
    }
}

fn describe(emulator: &Emulator, cloud: &LocalCloud) -> String {
    let since = emulator.since.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z");
    format!(
        "url      {}\nprocess  {}\nsince    {since}\nmoto     {} ({})\nlog      {}\n",
        emulator.url(),
        emulator.pid,
        emulator.version.as_deref().unwrap_or("of unknown version"),
        emulator.program.display(),
        cloud.log().display(),
    )
}
