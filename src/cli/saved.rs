//! `plan --out FILE`: a plan that is applied later exactly as it was shown, or not at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write as _,
    path::Path,
};

use infra::{
    plan::{Plan, Request},
    stack::Files,
    state::{Endpoint, State, keyed_hash, new_key},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    failure::{Failure, Result},
    options::Selection,
    prepare::Prepared,
};

const FORMAT: u32 = 1;

/// A plan file: what was chosen, and what was planned.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Saved {
    format: u32,
    pub made: Timestamp,
    pub environment: String,
    /// As `--stack` named it.
    stack: Option<String>,
    /// Without those that end in something secret.
    vars: BTreeMap<String, String>,
    #[serde(default)]
    withheld: Withheld,
    profile: Option<String>,
    pub request: Request,
    pub plans: Vec<SavedPlan>,
}

/// Variables whose values are not in the plan file, because they end in something secret.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Withheld {
    key: String,
    /// By the name of the variable the hash of its value, under that key.
    hashes: BTreeMap<String, String>,
}

/// The plan of one stack, and what it was made from.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct SavedPlan {
    pub stack: String,
    account: String,
    endpoint: Option<Endpoint>,
    region: Option<String>,
    /// Of the text of the stack file.
    file_hash: String,
    /// Of each file that expressions read, by its path.
    #[serde(default)]
    read_hashes: BTreeMap<String, String>,
    /// Of what its lookups found.
    found_hash: String,
    /// Of the state, also of one that was not written yet: names are made from it.
    pub state_uuid: String,
    serial: u64,
    pub plan: Plan,
}

impl Saved {
    /// `secret` are the variables that end in something secret.
    pub(crate) fn new(
        selection: &Selection,
        secret: &BTreeSet<String>,
        environment: String,
        request: Request,
        plans: Vec<SavedPlan>,
    ) -> Self {
        let Selection { stack, profile, .. } = selection.clone();
        let key = new_key();
        let (withheld, vars): (BTreeMap<_, _>, _) = selection.variables().into_iter().partition(|(name, _)| secret.contains(name));
        let hashes = withheld.into_iter().map(|(name, value)| (name, keyed_hash(&key, &value))).collect();
        Self {
            format: FORMAT,
            made: Timestamp::now(),
            environment,
            stack,
            vars,
            withheld: Withheld { key, hashes },
            profile,
            request,
            plans,
        }
    }

    /// Writes it at once or not at all, readable by its owner only: it shows what a plan shows.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            serde_json::to_writer_pretty(&mut file, self)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(path)?;
            std::io::Result::Ok(())
        };
        write().map_err(|error| Failure::failed(error).while_doing(format!("the plan cannot be written to {}", path.display())))
    }

    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path)
            .map_err(|error| Failure::invalid(format!("{}: {error}", path.display())).help("`infra plan --out FILE` makes a plan file"))?;
        let refuse = |why: &str| Failure::invalid(format!("{} is no plan that this infra can apply: {why}", path.display())).help(ANEW);
        let json: serde_json::Value = serde_json::from_slice(&text).map_err(|error| refuse(&error.to_string()))?;
        match json.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(format) => return Err(refuse(&format!("its format is {format} and not {FORMAT}"))),
            None => return Err(refuse("it does not say its format")),
        }
        serde_json::from_value(json).map_err(|error| refuse(&error.to_string()))
    }

    /// What has to be given again, as options of a command.
    pub(crate) fn again(&self) -> String {
        self.withheld.hashes.keys().map(|it| format!(" --var {it}=…")).collect()
    }

    /// The same choice as when it was made, with what was withheld given again.
    pub(crate) fn selection(&self, given: &Selection) -> Result<Selection> {
        let (mut vars, mut missing) = (self.vars.clone(), self.withheld.hashes.clone());
        for (name, value) in given.variables() {
            match missing.remove(&name) {
                Some(hash) if hash == keyed_hash(&self.withheld.key, &value) => _ = vars.insert(name, value),
                Some(_) => return Err(Failure::invalid(format!("`{name}` is not what it was when the plan was made")).help(ANEW)),
                None => {
                    let help = format!("leave `--var {name}=…` out, or make a new plan with it");
                    return Err(Failure::invalid(format!("what `{name}` is, the plan says itself")).help(help));
                }
            }
        }
        if let Some(name) = missing.keys().next() {
            return Err(Failure::invalid(format!("the plan does not hold the value of `{name}`, which ends in something secret"))
                .help(format!("give again what it was made with:{}", self.again())));
        }
        Ok(Selection {
            env: Some(self.environment.clone()),
            stack: self.stack.clone(),
            vars: vars.into_iter().collect(),
            profile: self.profile.clone(),
        })
    }
}

const ANEW: &str = "make a new one with `infra plan --out FILE`, and look at it";

impl SavedPlan {
    /// `state` is what is recorded; a state that was never written has no identity yet.
    pub(crate) fn new(prepared: &Prepared, state: &State, plan: Plan) -> Self {
        Self {
            stack: prepared.stack.name.clone(),
            account: prepared.caller.account.clone(),
            endpoint: prepared.endpoint.clone(),
            region: prepared.aws.region().map(str::to_owned),
            file_hash: hash(prepared.file.source().text.as_bytes()),
            read_hashes: hashes_of(&prepared.files, prepared.files.seen()),
            found_hash: found_hash(prepared),
            state_uuid: state.uuid.clone(),
            serial: state.serial,
            plan,
        }
    }

    /// Whether everything is as it was when the plan was made.
    pub(crate) fn check(&self, prepared: &Prepared, state: &State) -> Result<()> {
        let now = Self::new(prepared, state, Plan::default());
        let differs = [
            (self.account != now.account, "it was made for another account"),
            (self.endpoint != now.endpoint, "it was made for another cloud"),
            (self.region != now.region, "it was made for another region"),
            (self.file_hash != now.file_hash, "the stack file has changed since"),
            (
                self.read_hashes != hashes_of(&prepared.files, self.read_hashes.keys().cloned()),
                "a file that the stack file reads has changed since",
            ),
            (self.found_hash != now.found_hash, "its lookups find something else now"),
            (self.serial != now.serial || (now.serial > 0 && self.state_uuid != now.state_uuid), "something has been applied since"),
        ];
        match differs.iter().find(|it| it.0) {
            Some((_, why)) => Err(self.stale(why)),
            None => Ok(()),
        }
    }

    /// Whether the cloud still is as it was when the plan was made.
    pub(crate) fn same(&self, plan: &Plan) -> Result<()> {
        if *plan == self.plan {
            return Ok(());
        }
        let differs = plan
            .steps
            .iter()
            .find(|it| !self.plan.steps.contains(it))
            .or_else(|| self.plan.steps.iter().find(|it| !plan.steps.contains(it)));
        let what = differs.map_or_else(|| "something".to_owned(), |it| format!("`{}`", it.address));
        Err(self.stale(&format!("{what} is no longer as it was in the cloud")))
    }

    fn stale(&self, why: &str) -> Failure {
        Failure::failed(anyhow::anyhow!("the plan of `{}` is stale: {why}", self.stack)).help(ANEW)
    }
}

fn found_hash(prepared: &Prepared) -> String {
    let text: Vec<_> = prepared
        .found
        .iter()
        .map(|(name, value)| format!("{name}={}", value.conceal(&|it| it.reveal().into()).map(|it| it.to_string()).unwrap_or_default()))
        .collect();
    hash(text.join("\n").as_bytes())
}

/// The hash of each file; of one that cannot be read, none.
fn hashes_of(files: &Files, paths: impl IntoIterator<Item = String>) -> BTreeMap<String, String> {
    paths
        .into_iter()
        .map(|path| (files.read(&path).map(|it| hash(&it)).unwrap_or_default(), path))
        .map(|(hash, path)| (path, hash))
        .collect()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|it| format!("{it:02x}")).collect()
}
