//! `infra apply`: makes the cloud as the stack files say.

use std::path::PathBuf;

use clap::Args;
use infra::{exit::Exit, plan::Request};

use super::{
    Context, engine,
    failure::{Failure, Result},
    options::{Limits, Selection},
    prepare::Lookups,
    run::{Run, Wanted},
    saved::Saved,
};

#[derive(Args, Debug)]
pub(crate) struct Apply {
    /// A plan made with `infra plan --out`, to be applied exactly as it was shown; a variable that ends in a secret is not in it, and given again with --var
    #[arg(value_name = "PLANFILE", conflicts_with_all = ["stack", "profile", "targets", "excludes", "replace"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limits: Limits,
    /// Replace this resource although nothing else asks for it; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<String>,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    /// Print one line of JSON for each event
    #[arg(long)]
    json: bool,
}

impl Apply {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let (yes, json) = (self.yes, self.json);
        let Some(path) = &self.file else {
            let request = Request { replace: self.replace, ..engine::request(&self.limits) };
            let run =
                Run { command: "apply", selection: self.selection, wanted: Wanted::Request(request), lookups: Lookups::Made, yes, json };
            return run.run(context).await;
        };
        let saved = Saved::read(path)?;
        if let Some(env) = self.selection.env.as_ref().filter(|it| !it.is_empty() && **it != saved.environment) {
            return Err(Failure::invalid(format!(
                "{} was made for the environment `{}`, not for `{env}`",
                path.display(),
                saved.environment
            ))
            .help("leave --env and INFRA_ENV out, or make a plan for that environment"));
        }
        let lookups = if saved.request.destroy { Lookups::Skipped } else { Lookups::Made };
        let selection = saved.selection(&self.selection)?;
        // Who made the plan file has looked at it.
        Run { command: "apply", selection, wanted: Wanted::Saved(saved), lookups, yes: true, json }.run(context).await
    }
}
