//! From the command line to stacks that can be planned: every check that comes before anything is touched.

use std::{collections::BTreeMap, sync::Arc};

use futures::future::join_all;
use infra::{
    cloud::Patience,
    diagnostic::{Diagnostic, any_error},
    exit::Exit,
    resource::{During, Facts, Types, World as _},
    stack::{self, Caller, File, Files, Settings, Stack},
    state::{Endpoint, Holder, Lock, State, Store},
    value::Value,
};

use super::{
    Context,
    check::check,
    cloud::{self, Cloud, LOCAL},
    engine,
    failure::{Failure, Result},
    options::Selection,
    stacks,
    state::warn,
};
use crate::aws::Aws;

/// One stack for one environment, and the cloud that it is about.
pub(crate) struct Prepared {
    pub file: File,
    pub stack: Stack,
    /// In the region of the stack.
    pub aws: Aws,
    pub caller: Caller,
    pub endpoint: Option<Endpoint>,
    pub store: Store,
    /// What stands beside the stack file.
    pub files: Files,
    /// What its lookups found.
    pub found: BTreeMap<String, Value>,
}

/// Whether lookups are made: a stack that goes needs none, and what they look for may be gone already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lookups {
    Made,
    Skipped,
}

/// Reads, checks and resolves the stacks that are meant, and reaches their cloud.
pub(crate) async fn prepare(
    context: &mut Context,
    selection: &Selection,
    types: &Arc<Types<Aws>>,
    lookups: Lookups,
) -> Result<Vec<Prepared>> {
    let (files, environment) = stacks::open(context, selection, &types.catalog)?;
    // All that can be wrong without asking anybody, of all files, before anybody is asked.
    let (mut drafts, mut diagnostics) = (vec![], vec![]);
    for file in &files {
        let settings = stacks::settings(file, &environment, selection, None, None);
        let (draft, found) = stack::resolve(file, &settings, &types.catalog, &BTreeMap::new());
        // A stack that goes may be as wrong as it likes; what is wrong with one resource would only be told again.
        let whole = draft.as_ref().filter(|_| lookups == Lookups::Made && !any_error(&found)).map(|it| check(it, &types.catalog));
        stacks::merge(&mut diagnostics, found);
        stacks::merge(&mut diagnostics, whole.unwrap_or_default());
        drafts.extend(draft);
    }
    stacks::tell(&mut context.shell, &diagnostics)?;
    let profile = selection.profile.clone().or_else(|| context.project.defaults.profile.clone());
    let mut cloud: Option<Cloud> = None;
    let mut all = vec![];
    for (file, draft) in files.into_iter().zip(drafts) {
        let region = draft.region.as_deref();
        // One connection serves all stacks; only one without a region of its own needs that of the configuration.
        let cloud = match &mut cloud {
            Some(cloud) if region.is_some() || cloud.usual_region => cloud,
            cloud => cloud.insert(cloud::connect(&mut context.shell, &environment, region, profile.as_deref()).await?),
        };
        check_account(&draft, &cloud.caller)?;
        let aws = cloud.in_region(region);
        let settings = stacks::settings(&file, &environment, selection, aws.region(), Some(cloud.caller.clone()));
        let found = match lookups {
            Lookups::Made => look_up(context, &file, &settings, types, &aws).await?,
            Lookups::Skipped => BTreeMap::new(),
        };
        let (stack, diagnostics) = stack::resolve(&file, &settings, &types.catalog, &found);
        // Warnings were told with the draft.
        let new: Vec<_> = diagnostics.into_iter().filter(|it| it.severity == infra::diagnostic::Severity::Error).collect();
        stacks::tell(&mut context.shell, &new)?;
        let stack = stack.ok_or_else(|| Failure::invalid(format!("{} cannot be resolved", file.source().path)))?;
        let store = Store::open(&context.project.state, &environment, file.name())?;
        let (caller, endpoint) = (cloud.caller.clone(), cloud.endpoint.clone());
        all.push(Prepared { file, stack, aws, caller, endpoint, store, files: settings.files, found });
    }
    Ok(all)
}

/// An environment may be bound to one account.
fn check_account(stack: &Stack, caller: &Caller) -> Result<()> {
    match &stack.account {
        Some(wanted) if *wanted != caller.account && stack.environment != LOCAL => Err(Failure::failed(anyhow::anyhow!(
            "the environment `{}` of `{}` belongs to the account {wanted}, and the credentials to the account {}",
            stack.environment,
            stack.name,
            caller.account
        ))
        .help("use credentials of that account, e.g. with --profile, or choose another environment with --env")),
        _ => Ok(()),
    }
}

/// Makes the lookups of a stack, those that depend on others after these.
async fn look_up(
    context: &mut Context,
    file: &File,
    settings: &Settings,
    types: &Arc<Types<Aws>>,
    aws: &Aws,
) -> Result<BTreeMap<String, Value>> {
    let mut found = BTreeMap::new();
    let calls = infra::cloud::Cloud::new(types.clone(), aws.clone());
    loop {
        let (requests, mut diagnostics) = stack::lookups(file, settings, &types.catalog, &found);
        diagnostics.retain(|it| it.severity == infra::diagnostic::Severity::Error);
        stacks::tell(&mut context.shell, &diagnostics)?;
        if requests.is_empty() {
            return Ok(found);
        }
        let answers = join_all(requests.iter().map(async |request| ask(&calls, request).await));
        let mut failed = vec![];
        for (request, answer) in requests.iter().zip(answers.await) {
            match answer {
                Ok(Some(it)) => {
                    found.insert(request.name.clone(), it.into());
                }
                Ok(None) => diagnostics.push(
                    Diagnostic::error(format!("`lookup.{}` finds nothing", request.name))
                        .at(&request.place, format!("no {} is like this", request.type_name))
                        .help("what it looks for has to exist already; `when:` leaves a lookup out in some environments"),
                ),
                Err(error) => failed.push(
                    Diagnostic::error(format!("`lookup.{}` failed: {error}", request.name))
                        .at(&request.place, "AWS answered with an error")
                        .help(engine::help(&error)),
                ),
            }
        }
        if !failed.is_empty() {
            // The file is not to blame.
            context.shell.diagnostics(&failed, "nothing was done");
            return Err(Failure::said(Exit::Failed));
        }
        stacks::tell(&mut context.shell, &diagnostics)?;
    }
}

/// Makes one lookup, again and again while it fails in a way that passes.
async fn ask(calls: &infra::cloud::Cloud<Aws>, request: &stack::Request) -> infra::resource::Result<Option<serde_json::Value>> {
    let lookup = calls.types.lookup(request.type_name).expect("only known lookups are requested");
    let world = calls.world.at(&request.location);
    let service = request.type_name.split('.').next().unwrap_or_default();
    let find = || lookup.find(&world, &request.arguments);
    calls.call(service, &Facts::DEFAULT, Patience::Repeatable(During::Any), &|_| {}, find).await
}

impl Prepared {
    /// What is recorded, to look at only.
    pub(crate) fn look(&self, context: &mut Context) -> Result<State> {
        let loaded = self.store.load()?;
        warn(&mut context.shell, &loaded.warnings);
        if loaded.folded > 0 {
            context.shell.note("an earlier run did not finish, or one goes on right now; what it did is counted in");
        }
        Ok(match loaded.state {
            Some(state) if self.standing(&state)? == Standing::Void => {
                context.shell.note(VOID);
                self.fresh()
            }
            Some(state) => state,
            None => self.fresh(),
        })
    }

    /// What is recorded, and the right to change it.
    pub(crate) fn lock(&self, context: &mut Context, command: &str) -> Result<(Lock, State)> {
        let lock = self.store.lock(&Holder::here(command))?;
        let loaded = lock.load()?;
        warn(&mut context.shell, &loaded.warnings);
        if loaded.folded > 0 {
            let who = lock.previous_holder().map(|it| format!(": {it}")).unwrap_or_default();
            context.shell.note(&format!("an earlier run did not finish{who}; this one goes on from what it did"));
        }
        let state = match loaded.state {
            Some(state) if self.standing(&state)? == Standing::Void => {
                context.shell.note(VOID);
                lock.discard()?;
                self.fresh()
            }
            Some(state) => state,
            None => self.fresh(),
        };
        Ok((lock, state))
    }

    fn fresh(&self) -> State {
        let mut state = State::new(&self.stack.name, &self.stack.environment);
        state.account = Some(self.caller.account.clone());
        state.endpoint = self.endpoint.clone();
        state
    }

    fn standing(&self, state: &State) -> Result<Standing> {
        standing(state, self.endpoint.as_ref(), &self.caller.account, self.aws.region())
    }
}

const VOID: &str = "the local cloud was started anew since: what is recorded of the former one no longer exists, and is put aside";

/// What a state is worth in the cloud that was reached.
#[derive(Debug, Eq, PartialEq)]
enum Standing {
    /// It tells of this cloud.
    Good,
    /// It tells of an emulator that is gone.
    Void,
}

fn standing(state: &State, endpoint: Option<&Endpoint>, account: &str, region: Option<&str>) -> Result<Standing> {
    let name = |it: Option<&Endpoint>| it.map_or_else(|| "AWS itself".to_owned(), |it| it.url.clone());
    let recorded = state.endpoint.as_ref();
    let same = match (recorded, endpoint) {
        (None, None) => true,
        // One emulator may come back at another port, and another at the same one.
        (Some(recorded), Some(endpoint)) if recorded.instance.is_some() || endpoint.instance.is_some() => {
            recorded.instance == endpoint.instance
        }
        (Some(recorded), Some(endpoint)) => recorded.url == endpoint.url,
        _ => false,
    };
    if !same && state.environment == LOCAL {
        return Ok(Standing::Void);
    }
    if !same {
        return Err(Failure::failed(anyhow::anyhow!(
            "`{}` was applied to {} in the environment `{}`, and now calls would go to {}",
            state.stack,
            name(recorded),
            state.environment,
            name(endpoint)
        ))
        .help("set AWS_ENDPOINT_URL as it was then (or unset it), or choose another environment with --env"));
    }
    // Asked elsewhere, all that is recorded would seem to be gone.
    let records = !(state.resources.is_empty() && state.deposed.is_empty() && state.pending.is_empty());
    if let (Some(recorded), Some(region)) = (&state.region, region)
        && records
        && recorded != region
    {
        return Err(Failure::failed(anyhow::anyhow!(
            "`{}` was applied to the region {recorded} in the environment `{}`, and the region is {region} now",
            state.stack,
            state.environment
        ))
        .help(format!("write `region: {recorded}` at the top of the stack file, or set AWS_REGION={recorded}"))
        .help("to move it, destroy it where it is and apply it again, or choose another environment with --env"));
    }
    match &state.account {
        Some(recorded) if recorded != account => Err(Failure::failed(anyhow::anyhow!(
            "`{}` was applied to the account {recorded} in the environment `{}`, and the credentials belong to the account {account}",
            state.stack,
            state.environment
        ))
        .help("use credentials of that account, e.g. with --profile, or choose another environment with --env")),
        _ => Ok(Standing::Good),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use infra::{
        diagnostic::{Place, Source},
        resource::Id,
        state::Record,
    };
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::aws::{
        conformance::wire::{Answer, Wire, refusal},
        types,
    };

    #[tokio::test]
    async fn a_lookup_is_made_again_while_it_fails_in_a_way_that_passes() {
        let asked = AtomicUsize::new(0);
        let wire = Wire::with(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Answer::Say(503, refusal!("RequestLimitExceeded", "Request limit exceeded.")),
            1 => Answer::Drop,
            2 => Answer::Say(500, refusal!("InternalError", "An internal error has occurred")),
            _ => Answer::Say(403, refusal!("UnauthorizedOperation", "You are not authorized to perform this operation.")),
        })
        .await;
        let source = Arc::new(Source::new("stacks/s.yaml", String::new()));
        let request = stack::Request {
            name: "zones".into(),
            type_name: "ec2.availability_zones",
            arguments: json!({}),
            location: Default::default(),
            place: Place { source, span: 0..0 },
        };
        let calls = infra::cloud::Cloud::new(Arc::new(types()), wire.world.clone());
        let error = ask(&calls, &request).await.expect_err("the last answer does not pass");
        assert!(error.is(&["UnauthorizedOperation"]), "{error}");
        assert_eq!(wire.calls(), 4);
    }

    #[test]
    fn a_state_counts_only_in_the_cloud_it_tells_of() {
        let at = |url: &str, instance: Option<&str>| Some(Endpoint { url: url.to_owned(), instance: instance.map(str::to_owned) });
        let check =
            |environment: &str, recorded: Option<Endpoint>, now: Option<Endpoint>, account: &str, expected: Result<Standing, &str>| {
                let mut state = State::new("shop", environment);
                state.account = Some("123456789012".to_owned());
                state.endpoint = recorded.clone();
                let got = standing(&state, now.as_ref(), account, Some("eu-central-1"))
                    .map_err(|it| it.error.map(|it| it.to_string()).unwrap_or_default());
                match (&got, expected) {
                    (Ok(got), Ok(expected)) => assert_eq!(*got, expected),
                    (Err(got), Err(part)) => assert!(got.contains(part), "{got}"),
                    (got, expected) => panic!("{environment} {recorded:?} {now:?}: {got:?} and not {expected:?}"),
                }
            };
        let (own, other) = ("123456789012", "another");
        check("dev", None, None, own, Ok(Standing::Good));
        check("dev", None, None, other, Err("applied to the account 123456789012"));
        check("dev", None, at("http://127.0.0.1:1", None), own, Err("now calls would go to http://127.0.0.1:1"));
        check("dev", at("http://127.0.0.1:1", None), None, own, Err("now calls would go to AWS itself"));
        check("dev", at("http://127.0.0.1:1", None), at("http://127.0.0.1:1", None), own, Ok(Standing::Good));
        check("local", at("http://127.0.0.1:1", Some("a")), at("http://127.0.0.1:2", Some("a")), own, Ok(Standing::Good));
        check("local", at("http://127.0.0.1:1", Some("a")), at("http://127.0.0.1:1", Some("b")), own, Ok(Standing::Void));
        check("local", at("http://127.0.0.1:1", Some("a")), at("http://127.0.0.1:1", None), own, Ok(Standing::Void));
        check("local", at("http://127.0.0.1:1", None), at("http://127.0.0.1:1", None), own, Ok(Standing::Good));
        check("local", at("http://127.0.0.1:1", None), at("http://127.0.0.1:2", None), own, Ok(Standing::Void));
    }

    #[test]
    fn what_is_recorded_is_looked_for_in_its_own_region_only() {
        let mut state = State::new("shop", "dev");
        let check = |state: &State, now: Option<&str>, good: bool| {
            let got = standing(state, None, "123456789012", now).map_err(|it| it.error.map(|it| it.to_string()).unwrap_or_default());
            match got {
                Ok(_) => assert!(good, "{now:?}"),
                Err(got) => assert!(!good && got.contains("was applied to the region eu-central-1"), "{got}"),
            }
        };
        state.region = Some("eu-central-1".to_owned());
        check(&state, Some("us-east-1"), true);
        let record = Record {
            type_name: "ec2.vpc".to_owned(),
            id: Id::from("vpc-1"),
            location: Default::default(),
            applied: json!({}),
            shown: Default::default(),
            outputs: json!({}),
            dependencies: Default::default(),
            options: Default::default(),
            complete: true,
            deleting: None,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
        };
        state.resources.insert("vpc".into(), record);
        check(&state, Some("us-east-1"), false);
        check(&state, Some("eu-central-1"), true);
        // As earlier versions recorded it.
        state.region = None;
        check(&state, Some("us-east-1"), true);
    }
}
