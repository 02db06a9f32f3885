//! An emulator of a test's own, and what there is in it as somebody else sees it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
};

use crate::support::{path_with_moto, root};

pub(crate) struct Emulator {
    pub port: u16,
    server: Mutex<Script>,
    inventory: Mutex<Script>,
}

/// A script that answers each line with a line, for as long as the emulator lives: loading what it needs takes longer than its work.
struct Script {
    child: Child,
    ask: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Emulator {
    pub(crate) fn start() -> Self {
        let mut server = Script::start("emulator.py");
        let port = server.read().trim().parse().expect("the script says what is wrong");
        Self { port, server: Mutex::new(server), inventory: Mutex::new(Script::start("inventory")) }
    }

    /// From now on `back` leads to what there is now. Only once.
    pub(crate) fn keep(&self) {
        assert_eq!(self.server.lock().unwrap().answer("keep"), "done\n");
    }

    pub(crate) fn back(&self) {
        assert_eq!(self.server.lock().unwrap().answer("back"), "done\n");
    }

    pub(crate) fn inventory(&self, region: &str) -> Inventory {
        let line = self.inventory.lock().unwrap().answer(&format!("http://127.0.0.1:{} {region}", self.port));
        let items: Vec<(String, String, serde_json::Value)> = serde_json::from_str(&line).expect("the script says what is wrong");
        let mut things = BTreeMap::<String, Vec<String>>::new();
        for (kind, name, facts) in items {
            things.entry(format!("{kind} {name}")).or_default().push(facts.to_string());
        }
        things.values_mut().for_each(|it| it.sort());
        Inventory(things)
    }
}

impl Script {
    fn start(name: &str) -> Self {
        let mut child = Command::new("python3")
            .arg("-B")
            .arg(root().join("tests/matrix").join(name))
            .env("PATH", path_with_moto())
            .env("AWS_EC2_METADATA_DISABLED", "true")
            // As the local cloud of `infra` does.
            .env("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
            .env("MOTO_ACM_VALIDATION_WAIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (ask, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, ask, answers }
    }

    fn answer(&mut self, line: &str) -> String {
        writeln!(self.ask.as_mut().unwrap(), "{line}").unwrap();
        self.read()
    }

    fn read(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Its input ends, and so does it; however this process ends.
        drop(self.ask.take());
        let _ = self.child.wait();
    }
}

/// By kind and name the facts of everything that has that name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Inventory(BTreeMap<String, Vec<String>>);

/// How another inventory differs from what was expected.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Difference {
    pub missing: Vec<String>,
    pub doubled: Vec<String>,
    pub left_over: Vec<String>,
    /// There once, as expected, but otherwise.
    pub different: Vec<String>,
}

impl Inventory {
    pub(crate) fn compare(&self, other: &Self) -> Difference {
        let mut difference = Difference::default();
        for (name, expected) in &self.0 {
            let got = other.0.get(name).map_or(&[][..], Vec::as_slice);
            if got.len() < expected.len() {
                difference.missing.push(name.clone());
            } else if got.len() > expected.len() {
                difference.doubled.push(name.clone());
            } else if got != expected {
                difference.different.push(format!("{name}\n{}", fields(expected, got)));
            }
        }
        difference.left_over = other.0.keys().filter(|it| !self.0.contains_key(*it)).cloned().collect();
        difference
    }
}

/// Of things with as many facts on each side, those facts that are not the same.
fn fields(expected: &[String], got: &[String]) -> String {
    let mut text = String::new();
    for (expected, got) in expected.iter().zip(got) {
        let [expected, got] = [expected, got].map(|it| serde_json::from_str::<serde_json::Value>(it).unwrap_or_default());
        let (Some(expected), Some(got)) = (expected.as_object(), got.as_object()) else { continue };
        let keys: BTreeSet<_> = expected.keys().chain(got.keys()).collect();
        for key in keys.into_iter().filter(|it| expected.get(*it) != got.get(*it)) {
            let show = |of: Option<&serde_json::Value>| of.map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let _ = writeln!(text, "  {key}: expected {}\n  {key}: got      {}", show(expected.get(key)), show(got.get(key)));
        }
    }
    text
}

impl Difference {
    pub(crate) fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

#[test]
fn inventories_differ_in_four_ways() {
    let inventory = |things: &[(&str, &str)]| {
        let mut all = BTreeMap::<String, Vec<String>>::new();
        things.iter().for_each(|(name, facts)| all.entry((*name).to_owned()).or_default().push((*facts).to_owned()));
        Inventory(all)
    };
    let expected = inventory(&[("a", "1"), ("b", "1"), ("c", r#"{"x":1,"y":1}"#), ("d", "1")]);
    let difference = expected.compare(&inventory(&[("a", "1"), ("b", "1"), ("b", "1"), ("c", r#"{"x":1,"y":2}"#), ("e", "1")]));
    assert_eq!(difference.missing, ["d"]);
    assert_eq!(difference.doubled, ["b"]);
    assert_eq!(difference.left_over, ["e"]);
    assert_eq!(difference.different, ["c\n  y: expected 1\n  y: got      2\n"]);
    assert!(expected.compare(&expected).is_none());
}
