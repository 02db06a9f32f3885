//! What `apply` and `destroy` have in common: plan, show, ask, do, record.

use infra::{
    apply::Summary,
    exit::Exit,
    plan::Plan,
    report::{self, table},
    resource::Types,
    state::{Lock, State},
};
use tokio::sync::watch;

use super::{
    Context,
    engine::{self, Request},
    failure::{Failure, Result},
    interrupt::{self, Urgency},
    options::Selection,
    plan::show,
    prepare::{Lookups, Prepared, prepare},
    saved::Saved,
    state::unasked,
};
use crate::aws::{self, Aws};

/// A command that changes the cloud.
pub(crate) struct Run {
    pub command: &'static str,
    pub selection: Selection,
    pub wanted: Wanted,
    pub lookups: Lookups,
    /// Agreed beforehand.
    pub yes: bool,
    pub json: bool,
}

pub(crate) enum Wanted {
    /// Whatever there is to do now.
    Request(Request),
    /// What was planned before.
    Saved(Saved),
}

impl Run {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let types = aws::types();
        let mut all = prepare(context, &self.selection, &types, self.lookups).await?;
        if self.command == "destroy" {
            // What was applied last may need what was applied first.
            all.reverse();
        }
        let mut urgency = None;
        for prepared in &all {
            // What comes next may need what failed here.
            let exit = self.one(context, prepared, &types, &mut urgency).await?;
            if exit != Exit::Done {
                return Ok(exit);
            }
        }
        Ok(Exit::Done)
    }

    async fn one(
        &self,
        context: &mut Context,
        prepared: &Prepared,
        types: &Types<Aws>,
        urgency: &mut Option<watch::Receiver<Urgency>>,
    ) -> Result<Exit> {
        let command = self.resume(prepared);
        let (lock, state) = prepared.lock(context, &command)?;
        let plan = self.plan(prepared, &state, types).await?;
        if !self.json {
            show(context, prepared, &plan)?;
        }
        if plan.is_empty() {
            return Ok(Exit::Done);
        }
        if !self.yes && !context.shell.confirm(&self.question(prepared, &plan)).map_err(unasked)? {
            context.shell.note("nothing was changed");
            return Ok(Exit::Failed);
        }
        // Only now: until here nothing is in flight, and a signal may end the process as ever.
        let urgency = match urgency {
            Some(it) => it,
            none => none.insert(interrupt::listen().map_err(Failure::failed)?),
        };
        if *urgency.borrow() > Urgency::None {
            return Ok(Exit::Interrupted);
        }
        let places = prepared.stack.resources.iter().map(|(address, it)| (address.clone(), it.place.clone())).collect();
        let mut progress = context.shell.progress(report::Context { plan: plan.clone(), places, resume: command }, self.json);
        let outcome = engine::apply(prepared, &state, &plan, &lock, types, &mut progress, urgency.clone()).await;
        drop(progress);
        // However it went, what is in the journal is what happened.
        let settled = settle(&lock)?;
        let summary = outcome?;
        if let Some(state) = &settled
            && !self.json
            && exit(&summary) == Exit::Done
            && !state.outputs.is_empty()
        {
            let width = context.shell.width();
            context.shell.answer(&format!("\n{}", table::outputs(state, width))).map_err(Failure::failed)?;
        }
        Ok(exit(&summary))
    }

    async fn plan(&self, prepared: &Prepared, state: &State, types: &Types<Aws>) -> Result<Plan> {
        match &self.wanted {
            Wanted::Request(request) => engine::plan(prepared, state, request, types).await,
            Wanted::Saved(saved) => {
                let saved = saved.plans.iter().find(|it| it.stack == prepared.stack.name).ok_or_else(|| {
                    Failure::failed(anyhow::anyhow!(
                        "the plan file says nothing of the stack `{}`, which is new since",
                        prepared.stack.name
                    ))
                    .help("make a new one with `infra plan --out FILE`")
                })?;
                saved.check(prepared, state)?;
                Ok(saved.plan.clone())
            }
        }
    }

    fn question(&self, prepared: &Prepared, plan: &Plan) -> String {
        let (name, environment) = (&prepared.stack.name, &prepared.stack.environment);
        match self.command {
            "destroy" => format!("Destroy {} resources of {name} in {environment}?", plan.steps.len()),
            _ => format!("Do this to {name} in {environment}?"),
        }
    }

    /// The command that goes on after a failure or an interrupt.
    fn resume(&self, prepared: &Prepared) -> String {
        let mut command = format!("infra {} --env {}", self.command, prepared.stack.environment);
        let options = [("--stack", &self.selection.stack), ("--profile", &self.selection.profile)];
        for (option, value) in options {
            if let Some(value) = value {
                command.push_str(&format!(" {option} {value}"));
            }
        }
        // Values of variables may be nobody's business.
        for (name, _) in &self.selection.vars {
            command.push_str(&format!(" --var {name}=…"));
        }
        command
    }
}

fn settle(lock: &Lock) -> Result<Option<State>> {
    Ok(lock.settle()?.state)
}

fn exit(summary: &Summary) -> Exit {
    if summary.interrupted {
        Exit::Interrupted
    } else if summary.failed > 0 || summary.skipped > 0 {
        Exit::Failed
    } else {
        Exit::Done
    }
}
