//! `infra output`: the outputs as the last apply left them.

use clap::Args;
use infra::{
    diagnostic::nearest,
    exit::Exit,
    report::{json, table},
};

use super::{
    Context,
    failure::{Failure, Result},
    options::Selection,
    stacks,
    state::{load, several},
};
use crate::aws;

#[derive(Args, Debug)]
pub(crate) struct Output {
    /// Only this one, its value alone
    name: Option<String>,
    #[command(flatten)]
    selection: Selection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

impl Output {
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit> {
        let stores = stacks::stores(context, &self.selection, &aws::types().catalog)?;
        let mut states = vec![];
        for store in &stores {
            states.push(load(context, store)?);
        }
        let Some(name) = &self.name else {
            let written = if self.json {
                context.shell.json(&several(states.iter().map(json::outputs)))
            } else {
                let width = context.shell.width();
                context.shell.answer(&states.iter().map(|it| table::outputs(it, width)).collect::<Vec<_>>().join("\n"))
            };
            return written.map(|()| Exit::Done).map_err(Failure::failed);
        };
        let found: Vec<_> = states.iter().filter_map(|it| Some((it, it.outputs.get(name)?))).collect();
        match found[..] {
            [(_, value)] => {
                let written = if self.json { context.shell.json(value) } else { context.shell.answer(&table::output(value)) };
                written.map(|()| Exit::Done).map_err(Failure::failed)
            }
            [] => {
                let names: Vec<&str> = states.iter().flat_map(|it| it.outputs.keys()).map(String::as_str).collect();
                let failure = Failure::invalid(format!("there is no output `{name}`"));
                Err(match nearest(name, names.iter().copied()) {
                    Some(near) => failure.help(format!("did you mean `{near}`?")),
                    None if names.is_empty() => failure.help("nothing with outputs was applied yet: `infra apply`"),
                    None => failure.help(format!("there are: {}", names.join(", "))),
                })
            }
            [..] => {
                let stacks: Vec<_> = found.iter().map(|(state, _)| state.stack.as_str()).collect();
                Err(Failure::invalid(format!("several stacks have an output `{name}`"))
                    .help(format!("name one with --stack: {}", stacks.join(", "))))
            }
        }
    }
}
