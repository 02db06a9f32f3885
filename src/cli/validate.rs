//! `infra validate`: what can be said of stack files without asking AWS.

use clap::Args;
use infra::{
    diagnostic::any_error,
    exit::Exit,
    report::json,
    stack::{self, File},
};

use super::{
    Context,
    check::check,
    cloud,
    failure::{Failure, Result},
    options::Selection,
    stacks,
};
use crate::aws;

#[derive(Args, Debug)]
pub(crate) struct Validate {
    #[command(flatten)]
    selection: Selection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Validate {
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit> {
        let types = aws::types();
        let (files, mut diagnostics) = stacks::parse(context, &self.selection, &types.catalog)?;
        let one = self.selection.env.as_deref().filter(|it| !it.is_empty());
        let mut said = vec![];
        for file in &files {
            let environments = match one {
                Some(_) => vec![stacks::environment(context, &self.selection, &files)?],
                None => environments(file),
            };
            for environment in &environments {
                let settings = stacks::settings(file, environment, &self.selection, None, None);
                let (stack, found) = stack::resolve(file, &settings, &types.catalog, &Default::default());
                // What is wrong with one resource would only be told again.
                let whole = stack.filter(|_| !any_error(&found)).map(|it| check(&it, &types.catalog));
                stacks::merge(&mut diagnostics, found);
                stacks::merge(&mut diagnostics, whole.unwrap_or_default());
            }
            said.push(format!("{} is valid for {}", file.source().path, environments.join(", ")));
        }
        let failed = any_error(&diagnostics);
        if self.json {
            context.shell.json(&json::diagnostics(&diagnostics)).map_err(Failure::failed)?;
        } else {
            if !diagnostics.is_empty() {
                context.shell.diagnostics(&diagnostics, if failed { "not valid" } else { "valid" });
            }
            if !failed {
                context.shell.answer(&said.iter().map(|it| format!("{it}\n")).collect::<String>()).map_err(Failure::failed)?;
            }
        }
        Ok(if failed { Exit::Invalid } else { Exit::Done })
    }
}

/// All that the stack can be applied to.
fn environments(file: &File) -> Vec<String> {
    let mut names: Vec<String> = file.environments().into_iter().map(str::to_owned).collect();
    if names.is_empty() {
        names.push("default".to_owned());
    }
    if !names.iter().any(|it| it == cloud::LOCAL) {
        names.push(cloud::LOCAL.to_owned());
    }
    names
}
