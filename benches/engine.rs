//! How long the engine takes for big stacks, without any cloud: `cargo bench --bench engine`.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on may panic")]

mod world;

use std::{collections::BTreeMap, fmt::Write as _, hint::black_box, sync::Arc, time::Duration};

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use infra::{
    apply::{self, Interrupt, Session},
    cloud::{Clock, Cloud},
    diagnostic::Source,
    graph,
    plan::{
        Request,
        decide::{self, Input, Observed},
        schedule::schedule,
    },
    stack::{self, Settings, Stack},
    state::{MemoryJournal, State},
};
use jiff::Timestamp;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
};

use crate::world::{Memory, types};

/// A tree in which every tenth resource is what the nine after it refer to.
fn file(n: usize) -> String {
    let mut text = String::from("stack: big\nregion: eu-central-1\ntags: { System: big }\nresources:\n");
    for i in 0..n {
        let _ = writeln!(text, "  thing_{i}:\n    test.thing:\n      size: {}\n      title: number {i} of ${{env.name}}", i % 100);
        if i > 0 {
            let _ = writeln!(text, "      parent: ${{thing_{}.id}}", i / 10);
        }
    }
    text
}

fn source(text: &str) -> Arc<Source> {
    Arc::new(Source::new("stacks/big.yaml", text))
}

fn settings() -> Settings {
    Settings { environment: "default".into(), ..Settings::default() }
}

fn stack(text: &str) -> Stack {
    let catalog = &types().catalog;
    let (file, diagnostics) = stack::parse(source(text), catalog);
    assert!(diagnostics.is_empty(), "{:?}", diagnostics[0]);
    let (stack, diagnostics) = stack::resolve(&file.unwrap(), &settings(), catalog, &BTreeMap::new());
    assert!(diagnostics.is_empty(), "{:?}", diagnostics[0]);
    stack.unwrap()
}

/// What `validate` does before it looks for what AWS would refuse: that belongs to the types, which are not the engine's.
fn validate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("validate");
    for n in [100, 1_000, 10_000] {
        let text = file(n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_with_input(BenchmarkId::from_parameter(n), &text, |bencher, text| bencher.iter(|| black_box(stack(text))));
    }
    group.finish();
}

/// From the stack to the order of the work.
fn order(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("graph and schedule");
    for n in [1_000, 10_000, 100_000] {
        let stack = stack(&file(n));
        let (state, request, catalog) = (State::new("big", "default"), Request::default(), &types().catalog);
        let (graph, _) = graph::build(Some(&stack), &state, catalog);
        let input = Input { graph: &graph, stack: &stack, state: &state, catalog, request: &request };
        let (made, diagnostics) = decide::make(input, &Observed::default());
        assert!(diagnostics.is_empty() && made.plan.steps.len() == n);
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter(|| {
                let (graph, _) = graph::build(Some(&stack), &state, catalog);
                let pieces = schedule(Input { graph: &graph, ..input }, &made.decisions);
                let takes: Vec<_> = pieces.iter().map(|it| it.takes).collect();
                let needs: Vec<_> = pieces.into_iter().map(|it| it.needs).collect();
                black_box(graph::longest_paths(&needs, &takes))
            });
        });
    }
    group.finish();
}

/// A plan that finds everything as it was left.
fn plan(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan without changes");
    let runtime = Runtime::new().unwrap();
    for n in [100, 1_000, 10_000] {
        let stack = stack(&file(n));
        let cloud = Arc::new(Cloud::new(types(), Memory::default()));
        let state = runtime.block_on(applied(&cloud, &stack));
        let request = Request { refresh: true, ..Request::default() };
        group.throughput(Throughput::Elements(n as u64));
        group.bench_function(BenchmarkId::from_parameter(n), |bencher| {
            bencher.iter_batched(
                || (),
                |()| {
                    let (made, _) = runtime.block_on(apply::plan(&cloud, &stack, &state, &request)).unwrap();
                    assert!(made.plan.is_empty() && made.plan.unchanged == n, "{:?}", made.plan.steps.first());
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

async fn applied(cloud: &Arc<Cloud<Memory>>, stack: &Stack) -> State {
    let (events, _) = mpsc::unbounded_channel();
    let (_sender, interrupt) = watch::channel(Interrupt::None);
    let journal = MemoryJournal::new();
    let session = Session { cloud: cloud.clone(), journal: &journal, events, interrupt, clock: Clock::from(Timestamp::UNIX_EPOCH) };
    let state = State::new("big", "default");
    let request = Request { refresh: true, ..Request::default() };
    let (made, _) = apply::plan(cloud, stack, &state, &request).await.unwrap();
    let outcome = apply::run(&session, stack, state, &made, &request).await;
    assert_eq!(outcome.summary.created, stack.resources.len());
    outcome.state
}

criterion_group! {
    name = engine;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    targets = validate, order, plan
}
criterion_main!(engine);
