//! A world to be: its seed, its resources, what happens in it. It can be made smaller piece by piece.

use std::{collections::BTreeSet, fmt};

use super::{
    chance::Chance,
    faults::Crash,
    model::{Edit, Model},
};
use crate::state::Fault;

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) count: usize,
    /// The items that are part of it.
    pub(super) wanted: BTreeSet<usize>,
    pub(super) rounds: Vec<Round>,
}

/// Edits, and then runs until all is done: at first with what goes wrong here, in the end without.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub(super) edits: Vec<Edit>,
    pub(super) destroy: bool,
    /// Left as it is after these runs: the next edits find it unfinished.
    pub(super) left: bool,
    pub(super) runs: Vec<Run>,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) one_in: u64,
    pub(super) budget: usize,
    pub(super) crash: Option<CrashAt>,
    /// After how many milliseconds it is asked to stop.
    pub(super) stop: Option<u64>,
    /// Whether it is told then to wait for nothing.
    pub(super) at_once: bool,
    /// How many seconds pass before it.
    pub(super) pause: u64,
    /// Whether it asks the cloud before it plans.
    pub(super) refresh: bool,
    pub(super) limit: Option<Limit>,
}

/// What a run is about, where it is not about all: an item.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    Target(usize),
    Exclude(usize),
    /// About all, and this one is replaced.
    Replace(usize),
}

/// When the process is killed.
#[derive(Clone, Copy, Debug)]
pub(super) enum CrashAt {
    Call(u64, Crash),
    Journal(Fault),
}

impl Case {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(&(seed, "case"));
        let count = small(&mut chance, 9) + 2;
        let mut rounds = vec![Round { edits: vec![], destroy: false, left: chance.one_in(3), runs: runs(&mut chance, count) }];
        for _ in 0..small(&mut chance, 3) {
            let edits = (0..small(&mut chance, 4) + 1).map(|_| edit(&mut chance, count)).collect();
            rounds.push(Round { edits, destroy: false, left: chance.one_in(3), runs: runs(&mut chance, count) });
        }
        // Sometimes it is destroyed half way through an edit.
        let edits = if chance.one_in(4) { vec![edit(&mut chance, count)] } else { vec![] };
        rounds.push(Round { edits, destroy: true, left: false, runs: runs(&mut chance, count) });
        Self { seed, count, wanted: (0..count).collect(), rounds }
    }

    pub(super) fn model(&self) -> Model {
        Model::new(self.seed, self.count, &self.wanted)
    }

    /// The same with a little less, in the order in which it helps most.
    pub(super) fn smaller(&self) -> Vec<Self> {
        let mut all = vec![];
        let mut push = |change: &dyn Fn(&mut Self)| {
            let mut case = self.clone();
            change(&mut case);
            all.push(case);
        };
        for n in 0..self.rounds.len() {
            push(&|it| drop(it.rounds.remove(n)));
        }
        for &item in self.wanted.iter().rev() {
            push(&|it| _ = it.wanted.remove(&item));
        }
        for (n, round) in self.rounds.iter().enumerate() {
            if round.left {
                push(&|it| it.rounds[n].left = false);
            }
            for run in 0..round.runs.len() {
                push(&|it| _ = it.rounds[n].runs.remove(run));
            }
            for edit in 0..round.edits.len() {
                push(&|it| _ = it.rounds[n].edits.remove(edit));
            }
            for (m, run) in round.runs.iter().enumerate() {
                if run.budget > 0 {
                    push(&|it| it.rounds[n].runs[m].budget = 0);
                    push(&|it| it.rounds[n].runs[m].budget /= 2);
                    push(&|it| it.rounds[n].runs[m].budget -= 1);
                }
                if run.crash.is_some() {
                    push(&|it| it.rounds[n].runs[m].crash = None);
                }
                if run.stop.is_some() {
                    push(&|it| it.rounds[n].runs[m].stop = None);
                }
                if run.pause > 0 {
                    push(&|it| it.rounds[n].runs[m].pause = 0);
                }
                if !run.refresh {
                    push(&|it| it.rounds[n].runs[m].refresh = true);
                }
                if run.limit.is_some() {
                    push(&|it| it.rounds[n].runs[m].limit = None);
                }
            }
        }
        all
    }
}

fn small(chance: &mut Chance, bound: u64) -> usize {
    usize::try_from(chance.below(bound)).expect("a small bound")
}

fn runs(chance: &mut Chance, count: usize) -> Vec<Run> {
    // Half of all rounds go well, so that the way things go most often is not the one looked at least.
    let n = chance.below(4).saturating_sub(1);
    (0..n).map(|_| run(chance, count as u64)).collect()
}

fn run(chance: &mut Chance, count: u64) -> Run {
    let budget = match chance.below(3) {
        0 => 0,
        1 => small(chance, 3) + 1,
        _ => small(chance, 30),
    };
    let crash = match chance.below(5) {
        0 => None,
        1 => Some(CrashAt::Journal(Fault::CrashBefore(small(chance, count * 4)))),
        2 => Some(CrashAt::Journal(Fault::CrashAfter(small(chance, count * 4)))),
        3 => Some(CrashAt::Journal(Fault::Full(small(chance, count * 4)))),
        _ => {
            let at = chance.below(count * 3) + 1;
            Some(CrashAt::Call(at, if chance.one_in(2) { Crash::Before } else { Crash::After }))
        }
    };
    let stop = chance.one_in(5).then(|| chance.below(30_000));
    let pause = if chance.one_in(2) { 0 } else { chance.below(100) };
    let at_once = chance.one_in(2);
    let item = small(chance, count);
    let limit = match chance.below(18) {
        0 => Some(Limit::Target(item)),
        1 => Some(Limit::Exclude(item)),
        2 => Some(Limit::Replace(item)),
        _ => None,
    };
    Run { one_in: [3, 10, 30][small(chance, 3)], budget, crash, stop, at_once, pause, refresh: !chance.one_in(4), limit }
}

fn edit(chance: &mut Chance, count: usize) -> Edit {
    let item = small(chance, count as u64);
    match chance.below(19) {
        0..=2 => Edit::Mutable(item),
        3 | 4 => Edit::Immutable(item),
        5 => Edit::Note(item),
        6 | 7 => Edit::Presence(item),
        8 => Edit::Keys(item),
        9 => Edit::CreateFirst(item),
        10 => Edit::Drift(item),
        11 => Edit::Rename(item),
        12 => Edit::Retype(item),
        13 => Edit::Key(item),
        14 => Edit::Back(item),
        15 => Edit::Ignore(item),
        16 => Edit::Untold(item),
        17 => Edit::HandRound,
        _ => Edit::Loss(item),
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items: Vec<_> = self.wanted.iter().map(|it| format!("r{it}")).collect();
        writeln!(f, "seed {}: {}", self.seed, items.join(" "))?;
        for round in &self.rounds {
            let left = if round.left { ", left unfinished" } else { "" };
            writeln!(f, "{} after {:?}{left}", if round.destroy { "destroy" } else { "apply" }, round.edits)?;
            for run in &round.runs {
                let Run { one_in, budget, crash, stop, at_once, pause, refresh, limit } = run;
                writeln!(
                    f,
                    "  after {pause} s, {budget} faults (one in {one_in} calls), killed: {crash:?}, stopped: {stop:?} (at once: {at_once}), asking: {refresh}, {limit:?}"
                )?;
            }
        }
        Ok(())
    }
}
