//! The worlds themselves.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    case::{Case, CrashAt, Round, Run},
    faults::Crash,
    life,
    life::Life,
    model::Edit,
};
use crate::state::Fault;

/// How many worlds, and from which seed on: `INFRA_WORLDS=10000 INFRA_SEED=7`.
fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|it| it.parse().ok()).unwrap_or(default)
}

fn live(case: &Case, log: bool) -> Life {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(life::live(case, log))));
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        Life { findings: vec![format!("a panic: {}", text.unwrap_or_default())], ..Life::default() }
    })
}

/// The smallest case that still goes wrong.
fn shrink(mut case: Case) -> Case {
    let until = Instant::now() + Duration::from_secs(20);
    'again: loop {
        for smaller in case.smaller() {
            if Instant::now() > until {
                return case;
            }
            if !live(&smaller, false).findings.is_empty() {
                case = smaller;
                continue 'again;
            }
        }
        return case;
    }
}

/// A run in which nothing goes wrong.
const QUIET: Run = Run { one_in: 1, budget: 0, crash: None, stop: None, at_once: false, pause: 0, refresh: true, limit: None };

/// Every moment at which a process can be killed, in a world of one resource and in the circle of two.
#[test]
fn wherever_a_run_is_killed_the_next_one_finishes_it() {
    let journal = (0..12).flat_map(|n| [CrashAt::Journal(Fault::CrashBefore(n)), CrashAt::Journal(Fault::CrashAfter(n))]);
    let calls = (1..10).flat_map(|n| [CrashAt::Call(n, Crash::Before), CrashAt::Call(n, Crash::After)]);
    for crash in journal.chain(calls) {
        for seed in 0..6 {
            let mut case = Case::new(seed);
            let run = Run { crash: Some(crash), ..QUIET };
            for round in &mut case.rounds {
                round.left = false;
                round.runs = vec![run.clone(), run.clone()];
            }
            case.rounds.truncate(1);
            let destroy = Round { destroy: true, edits: vec![], ..case.rounds[0].clone() };
            case.rounds.push(destroy);
            case.wanted.retain(|it| *it < 3);
            let life = live(&case, false);
            assert!(life.findings.is_empty(), "{case}\n{}", life.findings.join("\n"));
        }
    }
}

/// What is replaced in a circle leaves a predecessor that others still refer to, and that refers to them.
#[test]
fn wherever_a_replacement_is_killed_a_destroy_takes_away_all() {
    let circle = |edits: Vec<Edit>, crash: Option<CrashAt>, destroy: bool| {
        let round = |edits, crash, left| Round { edits, destroy: false, left, runs: vec![Run { crash, ..QUIET }] };
        let mut case = Case::new(8449);
        case.wanted.retain(|it| *it < 3);
        case.rounds = vec![round(vec![], None, false), round(edits, crash, true)];
        case.rounds.push(Round { destroy, ..round(vec![], None, false) });
        case
    };
    for replaced in [vec![Edit::Immutable(1)], vec![Edit::Immutable(2)], vec![Edit::Immutable(1), Edit::Immutable(2)]] {
        for n in 0..12 {
            for destroy in [true, false] {
                let case = circle(replaced.clone(), Some(CrashAt::Journal(Fault::CrashBefore(n))), destroy);
                let life = live(&case, false);
                assert!(life.findings.is_empty(), "{case}\n{}", life.findings.join("\n"));
            }
        }
    }
}

/// What is ignored, and made of something that is lost and made again: its record stays whole.
#[test]
fn what_is_ignored_and_not_known_yet_stays_recorded() {
    let round = |edits, destroy| Round { edits, destroy, left: false, runs: vec![QUIET] };
    let mut case = Case::new(10790);
    case.wanted.retain(|it| [0, 1, 4].contains(it));
    case.rounds = vec![round(vec![], false), round(vec![Edit::Loss(1)], false), round(vec![], true)];
    let life = live(&case, false);
    assert!(life.findings.is_empty(), "{case}\n{}", life.findings.join("\n"));
}

#[test]
fn in_every_world_file_state_and_cloud_agree() {
    let (worlds, first) = (setting("INFRA_WORLDS", 600), setting("INFRA_SEED", 0));
    let next = AtomicU64::new(first);
    let found = Mutex::new((vec![], 0, 0));
    // A world needs one core; all cores share them out.
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + worlds || found.lock().expect("no panic").0.len() as u64 >= setting("INFRA_FINDINGS", 1) {
                        break;
                    }
                    let life = live(&Case::new(seed), false);
                    let (wrong, crashes, faults) = &mut *found.lock().expect("no panic");
                    (*crashes, *faults) = (*crashes + life.crashes, *faults + life.faults);
                    wrong.extend(life.findings.first().map(|it| (seed, it.clone())));
                }
            });
        }
    });
    let (mut wrong, crashes, faults) = found.into_inner().expect("no panic");
    wrong.sort();
    let Some((seed, _)) = wrong.first() else {
        assert!(
            worlds < 100 || (crashes > worlds / 10 && faults as u64 > worlds),
            "{crashes} crashes and {faults} faults in {worlds} worlds"
        );
        return;
    };
    let small = shrink(Case::new(*seed));
    let life = live(&small, true);
    let others: Vec<_> = wrong.iter().map(|(seed, it)| format!("{seed}: {}", it.chars().take(200).collect::<String>())).collect();
    panic!(
        "worlds that went wrong:\n{}\n\nthe first, made small:\n{small}\n{}\n\n{}",
        others.join("\n"),
        life.log.join("\n"),
        life.findings.join("\n")
    );
}
