//! Stands between the SDK and the emulator, and decides call by call what goes wrong.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    io,
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
};

use infra::resource::{During, Facts};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::speech::{Answer, Request, reset};

/// How many reads do not see what was done before them.
const BEHIND: u8 = 2;

/// What a type is asked to do, of which its calls are made.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Doing {
    Read,
    Find,
    Open,
    Create,
    Update,
    Delete,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Fault {
    Throttled,
    /// A 5xx answer, and nothing was done.
    Broken,
    /// A 5xx answer although it was done.
    BrokenAfter,
    /// The connection ends, and nothing was done.
    DroppedBefore,
    /// The connection ends after it was done.
    DroppedAfter,
    /// An error that passes by itself: which one of the type's list.
    Passing(usize),
}

/// The kinds that are counted, in the order in which they are shown.
pub(super) const KINDS: [&str; 8] =
    ["throttled", "5xx, not done", "5xx, done", "dropped, not done", "dropped, done", "passing", "not visible yet", "stale"];

impl Fault {
    fn kind(self) -> &'static str {
        KINDS[match self {
            Self::Throttled => 0,
            Self::Broken => 1,
            Self::BrokenAfter => 2,
            Self::DroppedBefore => 3,
            Self::DroppedAfter => 4,
            Self::Passing(_) => 5,
        }]
    }
}

pub(in crate::aws::conformance) struct Layer {
    pub(super) port: u16,
    /// One call of a type at a time, so that it is known whose requests come.
    pub(super) turn: tokio::sync::Mutex<()>,
    emulator: u16,
    facts: &'static Facts,
    run: Mutex<Run>,
}

struct Run {
    chance: StdRng,
    /// What the type under test does; none where it is another type.
    doing: Option<Doing>,
    create: VecDeque<Fault>,
    update: VecDeque<Fault>,
    delete: VecDeque<Fault>,
    /// What was tried of the current apply, and is not to be hit again.
    hit: BTreeMap<(Doing, String), VecDeque<Fault>>,
    /// After an odd number of them the other way to lose an answer is taken.
    lost: usize,
    /// The last answer to each question of a read.
    answers: HashMap<String, Answer>,
    /// Those that were given before the last change, and how many more reads see them.
    before: HashMap<String, Answer>,
    stale: u8,
    /// Words of ids that are not visible yet, each for so many more reads.
    hidden: BTreeMap<String, u8>,
    /// Those that this read does not see.
    unseen: Vec<String>,
    /// Whether this read sees what was before.
    behind: bool,
    counts: BTreeMap<&'static str, usize>,
    /// How many creates were carried out.
    made: usize,
    /// Which errors that pass were had.
    passed: BTreeSet<usize>,
}

impl Layer {
    pub(super) fn before(emulator: u16, facts: &'static Facts, seed: u64) -> Arc<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let mut chance = StdRng::seed_from_u64(seed);
        let [mut create, update, delete] = [During::Create, During::Update, During::Delete].map(|it| planned(facts, it, &mut chance));
        // First nothing comes of it, and then something of which nobody hears.
        let lost = if chance.random_bool(0.5) { Fault::DroppedAfter } else { Fault::BrokenAfter };
        create.extend([Fault::DroppedBefore, Fault::Throttled, lost]);
        let run = Run {
            chance,
            doing: None,
            create,
            update,
            delete,
            hit: BTreeMap::new(),
            lost: 0,
            answers: HashMap::new(),
            before: HashMap::new(),
            stale: 0,
            hidden: BTreeMap::new(),
            unseen: vec![],
            behind: false,
            counts: BTreeMap::new(),
            made: 0,
            passed: BTreeSet::new(),
        };
        let layer = Arc::new(Self { port, turn: tokio::sync::Mutex::default(), emulator, facts, run: Mutex::new(run) });
        let serving = layer.clone();
        // It ends with the process of the tests.
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                let layer = serving.clone();
                // A client that has gone does not want to know.
                thread::spawn(move || drop(layer.serve(&mut client)));
            }
        });
        layer
    }

    fn lock(&self) -> MutexGuard<'_, Run> {
        self.run.lock().expect("nobody panics while holding it")
    }

    /// The requests that come from now on are made for this.
    pub(super) fn begin(&self, doing: Option<Doing>) {
        let mut run = self.lock();
        run.doing = doing;
        run.unseen.clear();
        run.behind = false;
        match doing {
            Some(Doing::Read | Doing::Find) => {
                let run = &mut *run;
                run.unseen = run.hidden.keys().cloned().collect();
                run.hidden.retain(|_, left| {
                    *left -= 1;
                    *left > 0
                });
                if doing == Some(Doing::Read) && run.stale > 0 {
                    run.stale -= 1;
                    run.behind = true;
                }
            }
            Some(Doing::Update | Doing::Delete) => {
                run.before = run.answers.clone();
                run.stale = BEHIND;
            }
            _ => {}
        }
    }

    /// The next reads do not know this id, or what an operation made.
    pub(super) fn hide(&self, id: &str) {
        let word = id.split(|it: char| !it.is_ascii_alphanumeric()).rfind(|it| it.len() >= 4 && *it != "123456789012");
        if let Some(word) = word {
            self.lock().hidden.insert(word.to_owned(), BEHIND);
        }
    }

    /// Time passes: everything is seen as it is.
    pub(in crate::aws::conformance) fn calm(&self) {
        let mut run = self.lock();
        run.hidden.clear();
        run.stale = 0;
        run.hit.clear();
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        self.lock().counts.clone()
    }

    /// How many were made, as the emulator sees it.
    pub(super) fn made(&self) -> usize {
        self.lock().made
    }

    /// The errors that pass which were never had.
    pub(super) fn never_had(&self) -> Vec<String> {
        let run = self.lock();
        let passing = self.facts.passing.iter().enumerate();
        passing.filter(|(number, _)| !run.passed.contains(number)).map(|(_, it)| format!("{it:?}")).collect()
    }

    fn serve(&self, client: &mut TcpStream) -> io::Result<()> {
        let Some(request) = Request::read(client)? else { return Ok(()) };
        let fault = self.lock().strike(&request);
        match fault {
            Some(Fault::Throttled) => return request.throttled().send(client),
            Some(Fault::Broken) => return request.broken().send(client),
            Some(Fault::DroppedBefore) => {
                reset(client);
                return Ok(());
            }
            Some(Fault::Passing(number)) => {
                let passing = &self.facts.passing[number];
                return request.refused(400, passing.code, &format!("{} (for now)", passing.message)).send(client);
            }
            _ => {}
        }
        let answer = self.answer(&request)?;
        if answer.status < 400 && request.mutating() {
            let mut run = self.lock();
            run.made += usize::from(run.doing == Some(Doing::Create));
        }
        match fault {
            Some(Fault::BrokenAfter) => request.broken().send(client),
            Some(Fault::DroppedAfter) => {
                reset(client);
                Ok(())
            }
            _ => answer.send(client),
        }
    }

    /// What the emulator says, or what it said or would have said a while ago.
    fn answer(&self, request: &Request) -> io::Result<Answer> {
        let (doing, unseen, behind) = {
            let run = self.lock();
            (run.doing, run.unseen.clone(), run.behind)
        };
        let reading = matches!(doing, Some(Doing::Read | Doing::Find));
        for word in unseen.iter().filter(|_| reading) {
            let other = turned(word);
            let answer = match request.with(word, &other) {
                Some(request) => request.forward(self.emulator)?.with(&other, word),
                None => {
                    let answer = request.forward(self.emulator)?;
                    if !String::from_utf8_lossy(&answer.body).contains(word) {
                        continue;
                    }
                    answer.with(word, &other)
                }
            };
            if answer.status < 400 || answer.says_gone(self.facts.gone) {
                *self.lock().counts.entry(KINDS[6]).or_default() += 1;
                return Ok(answer);
            }
        }
        let question = request.question();
        if behind {
            let mut run = self.lock();
            if let Some(answer) = run.before.get(&question).cloned() {
                *run.counts.entry(KINDS[7]).or_default() += 1;
                return Ok(answer);
            }
        }
        let answer = request.forward(self.emulator)?;
        if doing == Some(Doing::Read) {
            self.lock().answers.insert(question, answer.clone());
        }
        Ok(answer)
    }
}

impl Run {
    /// What goes wrong with this request.
    fn strike(&mut self, request: &Request) -> Option<Fault> {
        let doing = self.doing?;
        let queue = match doing {
            Doing::Create => Some(&mut self.create),
            Doing::Update => Some(&mut self.update),
            Doing::Delete => Some(&mut self.delete),
            _ => None,
        };
        let mut fault = if request.mutating() { queue.and_then(VecDeque::pop_front) } else { None };
        if fault.is_none() && doing != Doing::Create {
            let key = (doing, request.operation().to_owned());
            if !self.hit.contains_key(&key) {
                let before = [Fault::Throttled, Fault::Broken, Fault::DroppedBefore][self.chance.random_range(0..3)];
                let mut faults = VecDeque::from([before]);
                if request.mutating() {
                    self.lost += 1;
                    // Different in turn, because trouble of one kind must not go on for long.
                    faults.push_back([Fault::DroppedAfter, Fault::BrokenAfter][self.lost % 2]);
                }
                self.hit.insert(key.clone(), faults);
            }
            fault = self.hit.get_mut(&key).and_then(VecDeque::pop_front);
        }
        if let Some(fault) = fault {
            *self.counts.entry(fault.kind()).or_default() += 1;
            if let Fault::Passing(number) = fault {
                self.passed.insert(number);
            }
        }
        fault
    }
}

/// Each error that passes during this, once or twice, and something else after it: each trouble has a time of its own.
fn planned(facts: &Facts, during: During, chance: &mut StdRng) -> VecDeque<Fault> {
    let mut faults = VecDeque::new();
    for (number, _) in facts.passing.iter().enumerate().filter(|(_, it)| it.during == during || it.during == During::Any) {
        faults.extend(vec![Fault::Passing(number); chance.random_range(1..=2)]);
        faults.push_back(Fault::Throttled);
    }
    faults
}

/// Another word of the same kind: of digits, of hexadecimal digits, or of letters.
fn turned(word: &str) -> String {
    let turn = |first: u8, last: u8, it: u8| if it == last { first } else { it + 1 };
    let turned = word.bytes().map(|it| match it {
        b'0'..=b'9' => turn(b'0', b'9', it),
        b'a'..=b'f' => turn(b'a', b'f', it),
        b'g'..=b'z' => turn(b'g', b'z', it),
        b'A'..=b'F' => turn(b'A', b'F', it),
        _ => turn(b'G', b'Z', it),
    });
    turned.map(char::from).collect()
}
