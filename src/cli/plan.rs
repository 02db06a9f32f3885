//! `infra plan`: what an apply would do.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use clap::{ArgAction, Args};
use infra::{
    exit::Exit,
    graph::marks_along,
    plan::{Plan as Planned, Request},
    report::{json, plan},
    resource::Catalog,
    stack::{Instance, Stack},
};

use super::{
    Context, engine,
    failure::{Failure, Result},
    options::{Limits, Selection},
    prepare::{Lookups, Prepared, prepare},
    saved::{Saved, SavedPlan},
    state::several,
};
use crate::aws;

#[derive(Args, Debug)]
pub(crate) struct Plan {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limits: Limits,
    /// Replace this resource although nothing else asks for it; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    replace: Vec<String>,
    /// Whether AWS is asked what there is; `false` believes what is recorded
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true", num_args = 0..=1, require_equals = true, action = ArgAction::Set)]
    refresh: bool,
    /// Write the plan to a file that `infra apply FILE` applies exactly
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Plan to destroy everything
    #[arg(long, conflicts_with = "replace")]
    destroy: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(crate) async fn run(self, context: &mut Context) -> Result<Exit> {
        let types = Arc::new(aws::types());
        let lookups = if self.destroy { Lookups::Skipped } else { Lookups::Made };
        let request = Request { destroy: self.destroy, refresh: self.refresh, replace: self.replace, ..engine::request(&self.limits) };
        let all = prepare(context, &self.selection, &types, lookups).await?;
        let environment = all.first().map(|it| it.stack.environment.clone()).unwrap_or_default();
        let (mut saved, mut documents, mut changes) = (vec![], vec![], false);
        let mut secret = BTreeSet::new();
        for prepared in &all {
            let mut state = prepared.look(context)?;
            let cloud = engine::cloud(prepared, &types);
            engine::look(&mut context.shell, prepared, &cloud, &mut state, request.destroy).await?;
            let plan = engine::plan(&mut context.shell, prepared, &cloud, &state, &request).await?.plan;
            changes |= !plan.is_empty();
            if self.json {
                documents.push(json::plan(&plan, &about(context, prepared)));
            } else {
                show(context, prepared, &plan)?;
            }
            secret.extend(secret_variables(&prepared.stack, &types.catalog));
            saved.push(SavedPlan::new(prepared, &state, plan));
        }
        if self.json {
            context.shell.json(&several(documents.into_iter())).map_err(Failure::failed)?;
        }
        if let Some(path) = &self.out {
            let saved = Saved::new(&self.selection, &secret, environment, request, saved);
            saved.write(path)?;
            let (path, again) = (path.display(), saved.again());
            context.shell.status("Saved", &format!("the plan to {path}; `infra apply {path}{again}` does exactly this"));
        }
        Ok(if changes && self.detailed_exitcode { Exit::Changes } else { Exit::Done })
    }
}

/// The variables that end in a property whose value is secret.
fn secret_variables(stack: &Stack, catalog: &Catalog) -> BTreeSet<String> {
    let of = |it: &Instance| catalog.schema(it.type_name).map(|schema| it.properties.variables(&|path| marks_along(schema, path).secret));
    stack.resources.values().filter_map(of).flatten().collect()
}

/// Shows a plan as the answer of a command.
pub(crate) fn show(context: &mut Context, prepared: &Prepared, planned: &Planned) -> Result<()> {
    let text = plan::text(planned, &about(context, prepared));
    context.shell.answer(&text).map_err(Failure::failed)
}

fn about<'a>(context: &Context, prepared: &'a Prepared) -> plan::About<'a> {
    plan::About {
        stack: &prepared.stack.name,
        environment: &prepared.stack.environment,
        account: Some(&prepared.caller.account),
        region: prepared.aws.region(),
        width: context.shell.width(),
        full: false,
    }
}
