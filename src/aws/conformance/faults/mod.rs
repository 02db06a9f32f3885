//! Every type once more through the engine, while everything goes wrong that does on the way to AWS and back: calls are throttled,
//! fail or get no answer, whether they were carried out or not; what was made is not visible at once, what was changed is still
//! read as it was, and each error that a type says to pass by itself passes.

mod layer;
mod speech;
mod states;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use aws_sdk_s3::types::CreateBucketConfiguration;
use futures::future::BoxFuture;
use infra::{
    cloud::Cloud,
    plan::{Action, diff::properties},
    resource::{AnyLive, AnyResource, AnyUpdate, Describe, Facts, Id, Obstacle, Problems, Result, Status, Types, Wanted},
    value::Value,
};
use schemars::Schema;
use serde_json::Value as Json;

use super::{Subject, emulator, engine::Stage};
use crate::aws::{Aws, LOOKUPS, TYPES};
pub(super) use layer::Layer;
use layer::{Doing, KINDS};

/// How many types are tried at once; most of the time each waits for the emulator.
const AT_ONCE: usize = 6;

/// How long what is new may hide at most: far longer than the layer hides it, and short of what EC2 may take, as the engine looks for
/// it all the while.
const LONGEST_HIDDEN: Duration = Duration::from_secs(60);

/// What to change of each type. Where there is nothing here it is the tags, and nothing where it has none of those either.
const CHANGES: &[(&str, &[&str])] = &[
    ("apigatewayv2.api", &["description: What the market's pages call"]),
    // The emulator has no update of these three.
    ("apigatewayv2.api_mapping", &[]),
    ("apigatewayv2.domain_name", &[]),
    ("apigatewayv2.integration", &["timeout_in_millis: 5000"]),
    ("apigatewayv2.route", &["operation_name: ListPets"]),
    ("apigatewayv2.stage", &[]),
    ("application_autoscaling.target", &["max_capacity: 6"]),
    ("cloudtrail.trail", &["is_logging: false"]),
    ("cloudwatch.alarm", &["alarm_description: Another"]),
    ("cloudwatch.dashboard", &["dashboard_body: '{ \"widgets\": [] }'"]),
    ("config.recorder", &["recording_group: { all_supported: true }"]),
    ("config.rule", &["description: Another"]),
    ("ec2.route_table", &["routes: null"]),
    ("ec2.security_group", &["egress: []"]),
    ("ec2.security_group_rule", &["description: From the office"]),
    ("ec2.subnet", &["map_public_ip_on_launch: true"]),
    ("ec2.vpc", &["enable_dns_hostnames: false"]),
    ("ec2.vpc_endpoint", &["policy_document: { Statement: [{ Effect: Allow, Principal: '*', Action: 'logs:*', Resource: '*' }] }"]),
    ("ecr.repository", &["image_tag_mutability: MUTABLE"]),
    ("ecs.cluster", &["container_insights: enhanced"]),
    ("ecs.service", &["desired_count: 3"]),
    ("elbv2.listener", &["port: 8443"]),
    ("elbv2.listener_rule", &["priority: 20"]),
    ("elbv2.load_balancer", &["ip_address_type: dualstack"]),
    ("elbv2.target_group", &["health_check_path: /ready"]),
    ("iam.instance_profile", &["roles: []"]),
    ("iam.oidc_provider", &["thumbprint_list: [0123456789abcdef0123456789abcdef01234567]"]),
    (
        "iam.policy",
        &["policy_document: { Version: '2012-10-17', Statement: { Effect: Allow, Action: ['s3:Get*', 's3:List*'], Resource: '*' } }"],
    ),
    ("iam.role", &["max_session_duration: 7200"]),
    ("kms.alias", &["target_key_id: '${other.id}'"]),
    ("kms.key", &["description: Another"]),
    ("lambda.alias", &["description: What callers use"]),
    ("lambda.event_source_mapping", &["batch_size: 8"]),
    ("lambda.function", &["memory_size: 2048"]),
    ("logs.log_group", &["retention_in_days: 14"]),
    ("logs.metric_filter", &["filter_pattern: ERROR"]),
    ("rds.db_cluster", &["backup_retention_period: 14"]),
    ("rds.db_cluster_parameter_group", &["parameters: { timezone: Asia/Tokyo, rds.force_ssl: '0' }"]),
    ("rds.db_instance", &["allocated_storage: 30"]),
    ("rds.db_parameter_group", &["parameters: { log_min_duration_statement: '250', max_connections: '200' }"]),
    ("route53.health_check", &["failure_threshold: 5"]),
    ("route53.hosted_zone", &["comment: something else"]),
    ("route53.record", &["ttl: 120"]),
    ("s3.bucket", &["versioning: Suspended", "empty_on_delete: true"]),
    ("s3.object", &["content: something else"]),
    ("secretsmanager.secret", &["description: Another"]),
    ("sns.subscription", &["raw_message_delivery: false"]),
    ("sns.topic", &["display_name: Other alarms"]),
    ("sqs.queue", &["visibility_timeout: 90"]),
    ("wafv2.web_acl", &["default_action: block"]),
];

/// What a change refers to beside the example.
fn extra(type_name: &str) -> &'static str {
    if type_name == "kms.alias" { "other: { kms.key: { pending_window_in_days: 7 } }" } else { "" }
}

/// Makes what an example takes for granted.
async fn prepare(world: &Aws, type_name: &str) {
    match type_name {
        "cloudtrail.trail" => {
            let place = CreateBucketConfiguration::builder().location_constraint("eu-central-1".into()).build();
            let bucket = world.s3().create_bucket().bucket("example-records").create_bucket_configuration(place);
            bucket.send().await.expect("a bucket");
        }
        "lambda.event_source_mapping" => drop(world.sqs().create_queue().queue_name("example-jobs").send().await.expect("a queue")),
        _ => {}
    }
}

/// A type seen through the layer.
struct Between {
    inner: &'static dyn AnyResource<Aws>,
    layer: Arc<Layer>,
    /// Whether it is the type under test: nothing happens to others.
    tried: bool,
}

impl Between {
    async fn go<T>(&self, doing: Doing, call: impl Future<Output = T>) -> T {
        let _held = hold();
        let _turn = self.layer.turn.lock().await;
        self.layer.begin(self.tried.then_some(doing));
        call.await
    }
}

/// As long as this is there no time passes for who waits for it, although only the emulator works: a call takes none.
pub(super) fn hold() -> mpsc::Sender<()> {
    let (held, released) = mpsc::channel();
    // While a thread of the runtime works its paused clock stands still.
    tokio::task::spawn_blocking(move || released.recv());
    held
}

impl Describe for Between {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn facts(&self) -> &'static Facts {
        self.inner.facts()
    }

    fn spec_schema(&self) -> Schema {
        self.inner.spec_schema()
    }

    fn outputs_schema(&self) -> Schema {
        self.inner.outputs_schema()
    }

    fn check(&self, spec: &Value, problems: &mut Problems) {
        self.inner.check(spec, problems);
    }

    fn locate(&self, spec: &Json) -> Result<Option<Id>> {
        self.inner.locate(spec)
    }

    fn replaces(&self, from: &Json, to: &Json) -> Result<Option<&'static str>> {
        self.inner.replaces(from, to)
    }

    fn unset(&self, spec: &Json) -> Result<&'static [&'static str]> {
        self.inner.unset(spec)
    }

    fn grown(&self, property: &str, wanted: &BTreeMap<String, Value>, there: &Value) -> bool {
        self.inner.grown(property, wanted, there)
    }
}

impl AnyResource<Aws> for Between {
    fn read<'a>(&'a self, world: &'a Aws, ids: &'a [Id], wanted: &'a Wanted) -> BoxFuture<'a, Result<Vec<Option<AnyLive>>>> {
        Box::pin(self.go(Doing::Read, self.inner.read(world, ids, wanted)))
    }

    fn find<'a>(
        &'a self,
        world: &'a Aws,
        operation: &'a str,
        spec: &'a Json,
        known: &'a BTreeSet<Id>,
    ) -> BoxFuture<'a, Result<Option<Id>>> {
        Box::pin(self.go(Doing::Find, self.inner.find(world, operation, spec, known)))
    }

    fn create<'a>(&'a self, world: &'a Aws, spec: &'a Json, token: &'a str) -> BoxFuture<'a, Result<Id>> {
        Box::pin(self.go(Doing::Create, async move {
            let made = self.inner.create(world, spec, token).await;
            match &made {
                _ if !self.tried => {}
                Ok(id) => self.layer.hide(id.as_str()),
                // The emulator makes a second one where AWS knows the token.
                Err(error) if error.maybe_executed() && !self.facts().token => match self.inner.locate(spec)? {
                    Some(name) => self.layer.hide(name.as_str()),
                    None => self.layer.hide(token),
                },
                Err(_) => {}
            }
            made
        }))
    }

    fn update<'a>(&'a self, world: &'a Aws, update: AnyUpdate<'a>) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.go(Doing::Update, self.inner.update(world, update)))
    }

    fn open<'a>(&'a self, world: &'a Aws, id: &'a Id) -> BoxFuture<'a, Result<Value>> {
        Box::pin(self.go(Doing::Open, self.inner.open(world, id)))
    }

    fn obstacle<'a>(
        &'a self,
        world: &'a Aws,
        id: &'a Id,
        spec: &'a Json,
        going: &'a BTreeSet<Id>,
    ) -> BoxFuture<'a, Result<Option<Obstacle>>> {
        self.inner.obstacle(world, id, spec, going)
    }

    fn delete<'a>(&'a self, world: &'a Aws, id: &'a Id, spec: &'a Json) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.go(Doing::Delete, self.inner.delete(world, id, spec)))
    }

    fn settled(&self, wanted: &Json, live: &AnyLive) -> Status {
        self.inner.settled(wanted, live)
    }
}

#[test]
fn every_type_survives_faults() {
    let url = emulator::start();
    let left = Mutex::new(TYPES.iter());
    let (counts, complaints) = (Mutex::new(BTreeMap::<&str, usize>::new()), Mutex::new(vec![]));
    let spared = Mutex::new(BTreeMap::<&str, Vec<&str>>::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("nobody panics while holding it").next();
                    let Some(resource) = next else { return };
                    let lived = catch_unwind(AssertUnwindSafe(|| life(&url, *resource)));
                    let name = resource.name();
                    match lived {
                        Ok((injected, never_had)) => {
                            for kind in KINDS.into_iter().filter(|it| !injected.contains_key(it)) {
                                spared.lock().expect("nobody panics while holding it").entry(kind).or_default().push(name);
                            }
                            for (kind, number) in injected {
                                *counts.lock().expect("nobody panics while holding it").entry(kind).or_default() += number;
                            }
                            let mut complaints = complaints.lock().expect("nobody panics while holding it");
                            complaints.extend(never_had.into_iter().map(|it| format!("{name} never had {it}")));
                        }
                        Err(panic) => {
                            let text = panic.downcast_ref::<String>().cloned().or(panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
                            let text = text.unwrap_or_default();
                            complaints.lock().expect("nobody panics while holding it").push(format!("{name}: {text}"));
                        }
                    }
                }
            });
        }
    });
    let (counts, spared) = (counts.into_inner().expect("nobody panicked"), spared.into_inner().expect("nobody panicked"));
    for kind in KINDS {
        let (number, spared) =
            (counts.get(kind).copied().unwrap_or_default(), spared.get(kind).map(|it| it.join(", ")).unwrap_or_default());
        println!("{kind}: {number}{}", if spared.is_empty() { spared } else { format!(", none of {spared}") });
    }
    println!("{} faults in all", counts.values().sum::<usize>());
    let complaints = complaints.into_inner().expect("nobody panicked");
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

/// Makes, changes and removes one of a type, as part of a stack; how often what went wrong, and what should have and did not.
fn life(url: &str, resource: &'static dyn AnyResource<Aws>) -> (BTreeMap<&'static str, usize>, Vec<String>) {
    // Waiting takes no time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let seed = resource.name().bytes().fold(7, |seed: u64, it| seed.wrapping_mul(31).wrapping_add(it.into()));
        let emulator = url.rsplit(':').next().and_then(|it| it.parse().ok()).expect("a port");
        let layer = Layer::before(emulator, resource.facts(), seed);
        let types: Vec<&'static dyn AnyResource<Aws>> = TYPES
            .iter()
            .map(|it| {
                let between = Between { inner: *it, layer: layer.clone(), tried: it.name() == resource.name() };
                // A type lives as long as the program.
                &*Box::leak(Box::new(between)) as &dyn AnyResource<Aws>
            })
            .collect();
        let through = emulator::cloud_at(format!("http://127.0.0.1:{}", layer.port)).await;
        let cloud = Cloud::new(Arc::new(Types::new(types.leak(), LOOKUPS)), through).hiding_at_most(LONGEST_HIDDEN);
        let direct = emulator::cloud_at(url.to_owned()).await;
        let subject = Subject::new(&direct, resource.name());

        {
            let _held = hold();
            prepare(&direct, resource.name()).await;
        }
        let mut stage = Stage::new(&subject, Arc::new(cloud), extra(resource.name()), Some(layer.clone()));
        stage.converge("at first").await;
        assert_eq!(layer.made(), stage.number_of(resource.name()), "each is made once, however often its create was called");
        let changes = CHANGES.iter().find(|(name, _)| *name == resource.name()).map(|(_, changes)| *changes);
        let tags: &[_] = if subject.schema.tags().is_some() { &["tags: { Name: another }"] } else { &[] };
        for change in changes.unwrap_or(tags) {
            let property = stage.write_change(change);
            let (step, _) = stage.converge_alone(change).await;
            let step = step.unwrap_or_else(|| panic!("{change}: nothing is to be done"));
            assert_eq!(step.action, Action::Update, "{change}");
            assert_eq!(properties(&step.changes).collect::<BTreeSet<_>>(), BTreeSet::from([property.as_str()]), "{change}");
        }
        stage.destroy().await;
        (layer.counts(), layer.never_had())
    })
}
