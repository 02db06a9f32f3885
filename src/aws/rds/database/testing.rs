//! A database in a stack of its own, planned and applied as it is described.

use std::sync::Arc;

use infra::{
    address::Address,
    apply::{self, Event, Interrupt, Session},
    cloud::{Clock, Cloud},
    diagnostic::Source,
    plan::{Plan, Request},
    stack::{self, Caller, Settings},
    state::{MemoryJournal, Record, State},
};
use jiff::Timestamp;
use serde_json::{Value as Json, json};
use tokio::sync::{mpsc, watch};

use crate::aws::{
    conformance::wire::{Script, Wire},
    types,
};

/// What came of an apply.
pub(in crate::aws::rds) struct Applied {
    pub(in crate::aws::rds) plan: Plan,
    /// How many were changed.
    pub(in crate::aws::rds) updated: usize,
    /// The states that were waited for.
    pub(in crate::aws::rds) waited: Vec<String>,
    /// What failed, and what to do about it.
    pub(in crate::aws::rds) failed: Vec<String>,
    pub(in crate::aws::rds) wire: Wire,
}

impl Applied {
    /// What the plan changes: `allocated_storage: Drift`.
    pub(in crate::aws::rds) fn changes(&self) -> Vec<String> {
        let steps = self.plan.steps.iter().flat_map(|it| &it.changes);
        steps.map(|it| format!("{}: {:?}", it.path, it.cause)).collect()
    }
}

/// What is recorded of every database: what leaving these out means.
fn recorded(written: &Json) -> Json {
    let mut applied = json!({
        "allow_major_version_upgrade": false,
        "apply_immediately": true,
        "delete_automated_backups": true,
        "skip_final_snapshot": false,
    });
    applied.as_object_mut().expect("an object").extend(written.as_object().expect("an object").clone());
    applied
}

/// Applies `after` to the database `a`, of which `before` was last applied.
pub(in crate::aws::rds) async fn apply(script: Script, type_name: &str, before: &Json, after: &Json) -> Applied {
    let wire = Wire::scripted(script).await;
    let cloud = Arc::new(Cloud::new(Arc::new(types()), wire.world.clone()));
    let file = json!({
        "stack": "example",
        "region": "eu-central-1",
        "resources": { "database": { (type_name): after, "timeouts": { "update": "1s" } } },
    });
    let source = Arc::new(Source::new("example.yaml", format!("{file:#}\n")));
    let (file, problems) = stack::parse(source, &cloud.types.catalog);
    let file = file.unwrap_or_else(|| panic!("{problems:#?}"));
    let caller = Some(Caller { account: "123456789012".into(), partition: "aws".into() });
    let settings = Settings { environment: "default".into(), caller, ..Settings::default() };
    let (stack, problems) = stack::resolve(&file, &settings, &cloud.types.catalog, &Default::default());
    let stack = stack.unwrap_or_else(|| panic!("{problems:#?}"));

    let mut state = State { uuid: "6b1c".into(), ..State::new("example", "default") };
    let now = Timestamp::now();
    let record = Record {
        type_name: type_name.into(),
        id: "a".into(),
        location: Default::default(),
        applied: recorded(before),
        shown: Default::default(),
        outputs: json!({ "id": "a" }),
        dependencies: Default::default(),
        options: Default::default(),
        complete: true,
        deleting: None,
        created: now,
        updated: now,
    };
    state.resources.insert(Address::new("database"), record);

    let request = Request { refresh: true, ..Request::default() };
    let (made, _) = apply::plan(&cloud, &stack, &state, &request).await.unwrap_or_else(|refusal| panic!("{refusal:#?}"));
    let journal = MemoryJournal::new();
    let (events, mut told) = mpsc::unbounded_channel();
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let session = Session { cloud, journal: &journal, events, interrupt, clock: Clock::from(now) };
    let outcome = apply::run(&session, &stack, state, &made, &request).await;
    drop(session);
    let (mut waited, mut failed) = (vec![], vec![]);
    while let Ok(event) = told.try_recv() {
        match event {
            Event::Waiting { status, .. } => waited.push(status),
            Event::Failed { error, help, .. } => failed.push(format!("{error}; {}", help.unwrap_or_default())),
            _ => {}
        }
    }
    Applied { plan: made.plan, updated: outcome.summary.updated, waited, failed, wire }
}

/// The tags that say that a database is the one of [`apply`].
macro_rules! ours {
    () => {
        "<TagList><Tag><Key>infra:state</Key><Value>6b1c</Value></Tag><Tag><Key>infra:address</Key><Value>database</Value></Tag></TagList>"
    };
}
pub(in crate::aws::rds) use ours;
