//! What `apply` and `destroy` have in common: plan, show, ask, do, record.

use std::{process::Command, sync::Arc, time::Duration};

use infra::{
    apply::{Event, Interrupt, Summary},
    cloud::Cloud,
    exit::Exit,
    plan::{Plan, Request, decide::Made},
    report::{self, Observer as _, Progress, table},
    resource::Types,
    state::{Lock, State},
};
use tokio::sync::watch;

use super::{
    Context, engine,
    failure::{Failure, Result},
    interrupt,
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
        if self.json && !self.yes {
            // The plan is not shown, so that nobody could say whether to do it.
            return Err(Failure::invalid("with --json nobody is asked").help("look at `infra plan`, then agree beforehand with --yes"));
        }
        let types = Arc::new(aws::types());
        let mut all = prepare(context, &self.selection, &types, self.lookups).await?;
        if self.command == "destroy" {
            // What was applied last may need what was applied first.
            all.reverse();
        }
        let mut interrupt = None;
        for prepared in &all {
            // What comes next may need what failed here.
            let exit = self.one(context, prepared, &types, &mut interrupt).await?;
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
        types: &Arc<Types<Aws>>,
        interrupt: &mut Option<watch::Receiver<Interrupt>>,
    ) -> Result<Exit> {
        let command = self.resume(context, prepared);
        let (lock, mut state) = prepared.lock(context, &command)?;
        state.commit = commit().or(state.commit);
        state.region = prepared.aws.region().map(str::to_owned);
        let cloud = engine::cloud(prepared, types);
        let mut journal = None;
        let destroys = match &self.wanted {
            Wanted::Request(it) => it.destroy,
            Wanted::Saved(it) => it.request.destroy,
        };
        let half_deleted = engine::half_deleted(prepared, &state, destroys);
        if !state.pending.is_empty() || !half_deleted.is_empty() {
            let journal = journal.insert(lock.begin(&state)?);
            engine::settle(&mut context.shell, prepared, &cloud, &mut state, journal, &half_deleted).await?;
        }
        let (made, request) = self.plan(context, prepared, &mut state, &cloud).await?;
        if !self.json {
            show(context, prepared, &made.plan)?;
        }
        let quiet = made.decisions.iter().flatten().any(|it| it.quiet);
        if made.plan.is_empty() && !quiet {
            if self.json {
                let mut progress = context.shell.progress(report::Context::default(), true);
                progress.event(&Event::Begun { steps: 0, forecast: Duration::ZERO });
                progress.event(&Event::Finished { summary: Summary::default() });
            }
            // What an earlier run left is part of the state from now on.
            settle(&lock)?;
            return Ok(Exit::Done);
        }
        if !made.plan.is_empty() && !self.yes && !context.shell.confirm(&self.question(prepared, &made.plan)).map_err(unasked)? {
            context.shell.note("nothing was changed");
            settle(&lock)?;
            return Ok(Exit::Failed);
        }
        // Only now: until here nothing is in flight, and a signal may end the process as ever.
        let interrupt = match interrupt {
            Some(it) => it,
            none => none.insert(interrupt::listen().map_err(Failure::failed)?),
        };
        if *interrupt.borrow() > Interrupt::None {
            return Ok(Exit::Interrupted);
        }
        let journal = match journal {
            Some(it) => it,
            None => lock.begin(&state)?,
        };
        if made.plan.is_empty() {
            // Only what is recorded changes: nothing to look at.
            let mut progress = Progress::json(std::io::sink());
            engine::apply(prepared, &cloud, state, &made, &request, &journal, &mut progress, interrupt.clone()).await?;
            settle(&lock)?;
            return Ok(Exit::Done);
        }
        let places = prepared.stack.resources.iter().map(|(address, it)| (address.clone(), it.place.clone())).collect();
        let mut progress = context.shell.progress(report::Context { plan: made.plan.clone(), places, resume: command }, self.json);
        let outcome = engine::apply(prepared, &cloud, state, &made, &request, &journal, &mut progress, interrupt.clone()).await;
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

    async fn plan(&self, context: &mut Context, prepared: &Prepared, state: &mut State, cloud: &Cloud<Aws>) -> Result<(Made, Request)> {
        match &self.wanted {
            Wanted::Request(request) => Ok((engine::plan(&mut context.shell, prepared, cloud, state, request).await?, request.clone())),
            Wanted::Saved(saved) => {
                let own = saved.plans.iter().find(|it| it.stack == prepared.stack.name).ok_or_else(|| {
                    Failure::failed(anyhow::anyhow!(
                        "the plan file says nothing of the stack `{}`, which is new since",
                        prepared.stack.name
                    ))
                    .help("make a new one with `infra plan --out FILE`")
                })?;
                own.check(prepared, state)?;
                if state.serial == 0 {
                    state.uuid.clone_from(&own.state_uuid);
                }
                let made = engine::plan(&mut context.shell, prepared, cloud, state, &saved.request).await?;
                own.same(&made.plan)?;
                Ok((made, saved.request.clone()))
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

    /// The command that goes on after a failure or an interrupt: it does what this one would have done.
    fn resume(&self, context: &Context, prepared: &Prepared) -> String {
        let request = match &self.wanted {
            Wanted::Request(request) => request,
            Wanted::Saved(saved) => &saved.request,
        };
        let mut command = String::from("infra");
        if let Some(folder) = &context.folder {
            command.push_str(&format!(" -C {}", folder.display()));
        }
        let what = if request.destroy { "destroy" } else { "apply" };
        command.push_str(&format!(" {what} --env {}", prepared.stack.environment));
        let options = [("--stack", &self.selection.stack), ("--profile", &self.selection.profile)];
        for (option, value) in options {
            if let Some(value) = value {
                command.push_str(&format!(" {option} {value}"));
            }
        }
        for (option, addresses) in [("--target", &request.targets), ("--exclude", &request.excludes), ("--replace", &request.replace)] {
            for address in addresses {
                command.push_str(&format!(" {option} {address}"));
            }
        }
        // Values of variables may be nobody's business.
        for (name, _) in &self.selection.vars {
            command.push_str(&format!(" --var {name}=…"));
        }
        command
    }
}

/// The commit that the stack files are of, where they are in a repository.
fn commit() -> Option<String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output().ok()?;
    let commit = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !commit.is_empty()).then_some(commit)
}

fn settle(lock: &Lock) -> Result<Option<State>> {
    Ok(lock.settle()?.state)
}

fn exit(summary: &Summary) -> Exit {
    if summary.interrupted {
        Exit::Interrupted
    } else if summary.failed + summary.unfinished + summary.skipped > 0 {
        Exit::Failed
    } else {
        Exit::Done
    }
}
