//! `infra state`: what is recorded, without asking AWS.

use clap::{Args, Subcommand};
use infra::{
    address::Address,
    diagnostic::nearest,
    exit::Exit,
    report::{Shell, json, table},
    state::{Entry, Holder, Journal as _, Lock, State as Recorded, Store, StoreError, Warning},
};
use serde_json::Value as Json;

use super::{
    Context,
    failure::{Failure, Result},
    options::Selection,
    stacks, wait_for,
};
use crate::aws;

#[derive(Debug, Subcommand)]
pub(crate) enum State {
    /// List what is recorded
    List(List),
    /// Show all that is recorded of one resource
    Show(Show),
    /// Give a resource another address
    Mv(Move),
    /// Forget a resource; it stays in the cloud
    Rm(Remove),
}

#[derive(Args, Debug)]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// For example subnet/1a
    address: String,
    #[command(flatten)]
    selection: Selection,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Move {
    /// The address that it has
    from: String,
    /// The address that it shall have
    to: String,
    #[command(flatten)]
    selection: Selection,
}

#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// For example subnet/1a
    #[arg(required = true)]
    addresses: Vec<String>,
    #[command(flatten)]
    selection: Selection,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

impl State {
    pub(crate) fn run(self, context: &mut Context) -> Result<Exit> {
        match self {
            Self::List(it) => it.run(context),
            Self::Show(it) => it.run(context),
            Self::Mv(it) => it.run(context),
            Self::Rm(it) => it.run(context),
        }
    }
}

impl List {
    fn run(self, context: &mut Context) -> Result<Exit> {
        let stores = stacks::stores(context, &self.selection, &aws::types().catalog)?;
        let mut states = vec![];
        for store in &stores {
            states.push(load(context, store)?);
        }
        let written = if self.json {
            context.shell.json(&several(states.iter().map(json::state_list)))
        } else {
            context.shell.answer(&states.iter().map(table::state_list).collect::<Vec<_>>().join("\n"))
        };
        written.map(|()| Exit::Done).map_err(Failure::failed)
    }
}

impl Show {
    fn run(self, context: &mut Context) -> Result<Exit> {
        let store = with(context, &self.selection, &self.address)?;
        let state = load(context, &store)?;
        let (address, record) =
            state.resources.get_key_value(&Address::new(&self.address)).ok_or_else(|| missing(&self.address, &state))?;
        let written = if self.json {
            context.shell.json(&json::state_show(address, record))
        } else {
            context.shell.answer(&table::state_show(address, record, context.shell.width()))
        };
        written.map(|()| Exit::Done).map_err(Failure::failed)
    }
}

impl Move {
    fn run(self, context: &mut Context) -> Result<Exit> {
        let store = with(context, &self.selection, &self.from)?;
        let (lock, state) = locked(&mut context.shell, &store, "infra state mv")?;
        if !state.resources.contains_key(&Address::new(&self.from)) {
            return Err(missing(&self.from, &state));
        }
        if state.resources.contains_key(&Address::new(&self.to)) {
            return Err(
                Failure::invalid(format!("`{}` is taken", self.to)).help(format!("`infra state rm {}` forgets what has it", self.to))
            );
        }
        if !is_address(&self.to) {
            return Err(Failure::invalid(format!("`{}` cannot be the address of a resource", self.to))
                .help("write it as in the stack file, e.g. vpc or subnet/1a"));
        }
        record(&lock, &state, &[Entry::Moved { from: Address::new(&self.from), to: Address::new(&self.to) }])?;
        context.shell.status("Moved", &format!("{} is now {}", self.from, self.to));
        context.shell.hint("the stack file has to call it so too, or the next apply deletes it");
        Ok(Exit::Done)
    }
}

impl Remove {
    fn run(self, context: &mut Context) -> Result<Exit> {
        let store = with(context, &self.selection, &self.addresses[0])?;
        let (lock, state) = locked(&mut context.shell, &store, "infra state rm")?;
        let mut entries = vec![];
        for address in &self.addresses {
            let record = state.resources.get(&Address::new(address)).ok_or_else(|| missing(address, &state))?;
            context.shell.status("Forgetting", &format!("{address} ({} {})", record.type_name, record.id));
            entries.push(Entry::Forgotten { address: Address::new(address) });
        }
        if !self.yes && !context.shell.confirm("Forget it? It stays in the cloud, and infra no longer knows it.").map_err(unasked)? {
            context.shell.note("nothing was changed");
            return Ok(Exit::Failed);
        }
        record(&lock, &state, &entries)?;
        context.shell.status("Forgot", &format!("{} of {} resources", entries.len(), state.resources.len()));
        Ok(Exit::Done)
    }
}

/// The one state that has this address, or the only one there is.
fn with(context: &mut Context, selection: &Selection, address: &str) -> Result<Store> {
    let mut stores = stacks::stores(context, selection, &aws::types().catalog)?;
    if stores.len() > 1 {
        let has = |store: &Store| store.load().is_ok_and(|it| it.state.is_some_and(|it| it.resources.contains_key(&Address::new(address))));
        stores.retain(has);
    }
    match stores.len() {
        0 => Err(Failure::invalid(format!("no stack has a resource `{address}`")).help("`infra state list` shows all")),
        1 => Ok(stores.remove(0)),
        _ => Err(Failure::invalid(format!("several stacks have a resource `{address}`")).help("name one with --stack")),
    }
}

/// The state as it was left; an empty one where nothing was ever applied.
pub(crate) fn load(context: &mut Context, store: &Store) -> Result<Recorded> {
    let loaded = store.load()?;
    warn(&mut context.shell, &loaded.warnings);
    loaded.state.ok_or_else(|| {
        Failure::failed(anyhow::anyhow!("nothing is recorded: there is no {}", store.state_path().display()))
            .help("`infra apply` makes one; --env and --stack choose another")
    })
}

pub(crate) fn warn(shell: &mut Shell, warnings: &[Warning]) {
    if !warnings.is_empty() {
        shell.diagnostics(&warnings.iter().map(Into::into).collect::<Vec<_>>(), "going on with what is good");
    }
}

/// The state, and the right to change it.
fn locked(shell: &mut Shell, store: &Store, command: &str) -> Result<(Lock, Recorded)> {
    // Taking the lock makes the folder, which a command that finds nothing should not leave behind.
    if !store.state_path().exists() && !store.journal_path().exists() {
        return Err(Failure::failed(anyhow::anyhow!("nothing is recorded: there is no {}", store.state_path().display()))
            .help("`infra apply` makes one; --env and --stack choose another"));
    }
    let lock = store.lock(&Holder::here(command))?;
    let loaded = lock.settle()?;
    warn(shell, &loaded.warnings);
    let state = loaded.state.ok_or_else(|| Failure::failed(anyhow::anyhow!("nothing is recorded")))?;
    Ok((lock, state))
}

/// Changes the state as an apply would: through the journal.
fn record(lock: &Lock, state: &Recorded, entries: &[Entry]) -> Result<()> {
    let journal = lock.begin(state)?;
    wait_for(async {
        for entry in entries {
            journal.append(entry).await.map_err(Failure::failed)?;
        }
        Ok(())
    })?;
    lock.settle()?;
    Ok(())
}

fn missing(address: &str, state: &Recorded) -> Failure {
    let failure = Failure::invalid(format!("`{address}` is not recorded in {} of {}", state.environment, state.stack));
    match nearest(address, state.resources.keys().map(Address::as_str)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help("`infra state list` shows all"),
    }
}

pub(crate) fn unasked(error: infra::report::NotAsked) -> Failure {
    Failure { exit: Exit::Invalid, error: Some(error.into()), help: vec![] }
}

/// One document for one stack, a list of them for several.
pub(crate) fn several(documents: impl Iterator<Item = Json>) -> Json {
    let mut documents: Vec<_> = documents.collect();
    if documents.len() == 1 { documents.remove(0) } else { Json::Array(documents) }
}

fn is_address(text: &str) -> bool {
    let part = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'.' | b'-'));
    text.starts_with(|it: char| it.is_ascii_lowercase()) && text.split('/').all(part)
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let help = error.help();
        Self::failed(error).help(help)
    }
}
