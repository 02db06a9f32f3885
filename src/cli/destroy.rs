//! `infra destroy`: undoes what was applied, the last first.

use clap::Args;
use infra::{exit::Exit, plan::Request};

use super::{
    Context, engine,
    failure::Result,
    options::{Limits, Selection},
    prepare::Lookups,
    run::{Run, Wanted},
};

#[derive(Args, Debug)]
pub(crate) struct Destroy {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limits: Limits,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    /// Print one line of JSON for each event
    #[arg(long)]
    json: bool,
}

impl Destroy {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let request = Request { destroy: true, ..engine::request(&self.limits) };
        let Self { selection, yes, json, .. } = self;
        Run { command: "destroy", selection, wanted: Wanted::Request(request), lookups: Lookups::Skipped, yes, json }.run(context).await
    }
}
