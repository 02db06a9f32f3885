//! The matrix: every mutating call of `apply` and of `destroy`, with everything that may happen at it.

use std::{
    collections::BTreeMap,
    env,
    fmt::{self, Write as _},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use super::{
    Bench,
    emulator::{Difference, Inventory},
    project_of,
    proxy::{Fault, Moment, Strike},
};
use crate::support::Project;

const STACK: &str = "stacks/hr-chatbot.yaml";
const REGION: &str = "ap-northeast-1";

/// How often a command is run again before it is given up.
const RUNS: usize = 3;

const STRIKES: [(&str, Strike); 8] = [
    ("kill-before", Strike::Kill(Moment::BeforeForwarding)),
    ("kill-between", Strike::Kill(Moment::BeforeAnswer)),
    ("kill-after", Strike::Kill(Moment::AfterAnswer)),
    ("throttle", Strike::Fault(Fault::Throttle)),
    ("500", Strike::Fault(Fault::Error)),
    ("reset-before", Strike::Fault(Fault::ResetBefore)),
    ("reset-after", Strike::Fault(Fault::ResetAfter)),
    ("timeout", Strike::Fault(Fault::Timeout)),
];

const COMMANDS: [&str; 2] = ["apply", "destroy"];

/// What happens at which mutating call of which command.
#[derive(Clone, Debug)]
struct Case {
    command: &'static str,
    at: usize,
    name: &'static str,
    strike: Strike,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.command, self.at, self.name)
    }
}

/// How an undisturbed run goes.
struct Usual {
    /// What there was before.
    nothing: Inventory,
    applied: Inventory,
    /// How many mutating calls each command makes.
    calls: BTreeMap<&'static str, usize>,
}

struct Outcome {
    case: Case,
    /// The call at which it happened.
    at: Option<String>,
    /// Whether the command was run again: a kill always needs that, a fault should not.
    again: usize,
    difference: Difference,
    /// What else is wrong.
    wrong: Option<String>,
}

/// One case of each kind, at calls that the seed chooses; `INFRA_MATRIX_EACH` of them. With many, no case is tried twice.
#[test]
fn a_sample_of_all_interruptions_leaves_what_an_undisturbed_run_leaves() {
    let seed = env::var("INFRA_MATRIX_SEED").map_or(1, |it| it.parse().unwrap());
    let each = env::var("INFRA_MATRIX_EACH").map_or(1, |it| it.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    check(&format!("sample, seed {seed}"), |usual| {
        let mut cases = vec![];
        for (command, (name, strike)) in COMMANDS.iter().flat_map(|command| STRIKES.iter().map(move |it| (*command, *it))) {
            let calls = usual.calls[command];
            let chosen = rand::seq::index::sample(&mut random, calls, each.min(calls));
            cases.extend(chosen.into_iter().map(|at| Case { command, at: at + 1, name, strike }));
        }
        // Where it has to end early, all kinds have had their share.
        cases.shuffle(&mut random);
        cases
    });
}

/// All of them. `INFRA_MATRIX` chooses by words: `INFRA_MATRIX='apply kill-after'`, or one case: `'destroy 7 timeout'`.
#[test]
#[ignore = "over 1,500 runs of the whole stack take hours: cargo test --test main matrix -- --ignored --nocapture"]
fn every_interruption_leaves_what_an_undisturbed_run_leaves() {
    let chosen = env::var("INFRA_MATRIX").unwrap_or_default();
    check("all", |usual| {
        let mut cases = vec![];
        for command in COMMANDS {
            for at in 1..=usual.calls[command] {
                cases.extend(STRIKES.map(|(name, strike)| Case { command, at, name, strike }));
            }
        }
        let words: Vec<_> = chosen.split_whitespace().collect();
        cases.retain(|it| words.iter().all(|word| it.to_string().split(' ').any(|it| it == *word)));
        cases
    });
}

fn check(title: &str, choose: impl FnOnce(&Usual) -> Vec<Case>) {
    let bench = Bench::start();
    let usual = usual(&bench);
    drop(bench);
    let cases = choose(&usual);
    let outcomes = Mutex::new(vec![]);
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..workers().min(cases.len()) {
            scope.spawn(|| {
                let mut clouds = BTreeMap::new();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let before = clouds.entry(case.command).or_insert_with(|| Before::new(case.command));
                    let outcome = run(before, &usual, case);
                    say(&outcome);
                    outcomes.lock().unwrap().push(outcome);
                }
            });
        }
    });
    let outcomes = outcomes.into_inner().unwrap();
    let summary = summary(title, &usual, &outcomes);
    tell(&summary);
    assert!(outcomes.iter().all(Outcome::is_good), "{summary}");
}

fn workers() -> usize {
    env::var("INFRA_MATRIX_WORKERS").map_or_else(|_| thread::available_parallelism().map_or(1, Into::into), |it| it.parse().unwrap())
}

fn usual(bench: &Bench) -> Usual {
    let project = project_of(STACK);
    let nothing = bench.inventory(REGION);
    let mut calls = BTreeMap::new();
    let mut applied = None;
    for command in COMMANDS {
        let (ran, seen) = bench.struck(&project, &[command, "--yes"], None);
        ran.exits(0);
        calls.insert(command, seen.mutating());
        applied.get_or_insert_with(|| bench.inventory(REGION));
    }
    assert!(nothing.compare(&bench.inventory(REGION)).is_none(), "{:?}", nothing.compare(&bench.inventory(REGION)));
    let usual = Usual { nothing, applied: applied.expect("there are commands"), calls };
    assert_ne!(usual.applied, usual.nothing);
    usual
}

/// What a command begins with.
struct Before {
    bench: Bench,
    project: Project,
}

impl Before {
    fn new(command: &str) -> Self {
        let project = project_of(STACK);
        let bench = Bench::with(|bench| {
            if command == "destroy" {
                bench.infra(&project, &["apply", "--yes"]).exits(0);
            }
        });
        Self { bench, project }
    }
}

fn run(before: &Before, usual: &Usual, case: &Case) -> Outcome {
    let Before { bench, project } = before;
    bench.reset();
    let project = project.copy();
    let arguments = [case.command, "--yes"];
    let (mut ran, seen) = bench.struck(&project, &arguments, Some((case.at, case.strike)));
    let mut said = ran.stderr.clone();
    let mut again = 0;
    while ran.code != Some(0) && again < RUNS {
        ran = bench.infra(&project, &arguments);
        said.push_str(&ran.stderr);
        again += 1;
    }
    let expected = if case.command == "apply" { &usual.applied } else { &usual.nothing };
    let difference = expected.compare(&bench.inventory(REGION));
    let wrong = match ran.code {
        Some(0) => afterwards(bench, &project, case),
        code => Some(format!("it ends with {code:?}")),
    };
    Outcome { case: case.clone(), at: seen.struck, again, difference, wrong: wrong.map(|it| format!("{it}\n{said}")) }
}

/// What must hold of the records once all is done.
fn afterwards(bench: &Bench, project: &Project, case: &Case) -> Option<String> {
    if case.command == "destroy" {
        let recorded = bench.infra(project, &["state", "list", "--json"]).exits(0).stdout;
        return recorded.contains("\"type\"").then(|| format!("recorded after all was destroyed: {recorded}"));
    }
    let ran = bench.infra(project, &["plan", "--detailed-exitcode"]);
    (ran.code != Some(0)).then(|| format!("the next plan is not empty: {}{}", ran.stdout, ran.stderr))
}

impl Outcome {
    fn is_good(&self) -> bool {
        let survives = self.again == 0 || matches!(self.case.strike, Strike::Kill(_));
        // What never happened shows nothing.
        self.at.is_some() && self.difference.is_none() && self.wrong.is_none() && survives
    }

    fn details(&self) -> String {
        let Self { case, at, again, difference, wrong } = self;
        let at = at.as_deref().unwrap_or("no call");
        format!("{case} (at {at}, run again {again} times):\n{difference:#?}\n{}", wrong.as_deref().unwrap_or_default())
    }
}

fn summary(title: &str, usual: &Usual, outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "\ncrash matrix ({title}): {} mutating calls to apply, {} to destroy\n{:22} {:>5} {:>7} {:>7} {:>7} {:>9} {:>9} {:>6} {:>9}\n",
        usual.calls["apply"],
        usual.calls["destroy"],
        "",
        "cases",
        "reached",
        "missing",
        "doubled",
        "left over",
        "different",
        "wrong",
        "run again"
    );
    let mut line = |name: &str, of: &dyn Fn(&Case) -> bool| {
        let of: Vec<_> = outcomes.iter().filter(|it| of(&it.case)).collect();
        let sum = |count: &dyn Fn(&Outcome) -> usize| of.iter().map(|it| count(it)).sum::<usize>();
        let _ = writeln!(
            text,
            "{name:22} {:>5} {:>7} {:>7} {:>7} {:>9} {:>9} {:>6} {:>9}",
            of.len(),
            sum(&|it| it.at.is_some().into()),
            sum(&|it| it.difference.missing.len()),
            sum(&|it| it.difference.doubled.len()),
            sum(&|it| it.difference.left_over.len()),
            sum(&|it| it.difference.different.len()),
            sum(&|it| it.wrong.is_some().into()),
            sum(&|it| it.again),
        );
    };
    for command in COMMANDS {
        for (name, _) in STRIKES {
            line(&format!("{command} {name}"), &|it| (it.command, it.name) == (command, name));
        }
    }
    line("all", &|_| true);
    for outcome in outcomes.iter().filter(|it| !it.is_good()) {
        let _ = writeln!(text, "\n{}", outcome.details());
    }
    text
}

fn say(outcome: &Outcome) {
    let sign = if outcome.is_good() { "ok  " } else { "BAD " };
    tell(&format!("{sign} {} at {}", outcome.case, outcome.at.as_deref().unwrap_or("no call")));
    // A long run may be ended before its summary.
    if !outcome.is_good() {
        tell(&outcome.details());
    }
}

#[expect(clippy::print_stdout, reason = "what `--nocapture` is to show")]
fn tell(text: &str) {
    println!("{text}");
}
