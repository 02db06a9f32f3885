//! What is known of how AWS behaves: where each point is taken care of, and which test shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use serde::Deserialize;

use crate::{support::root, tidy::tracked};

/// One point, of `tests/behaviour/<service>.yaml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Point {
    says: String,
    done: Option<String>,
    shown: Option<String>,
    not_shown: Option<String>,
    not_done: Option<String>,
}

/// How many points of a file there are of each kind.
#[derive(Default)]
struct Counts {
    shown: usize,
    not_shown: usize,
    not_done: usize,
}

fn points() -> BTreeMap<String, Vec<Point>> {
    let files = tracked(&["tests/behaviour/*.yaml"]).into_iter();
    let read = files.map(|(path, text)| {
        let points = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), points)
    });
    read.collect()
}

/// What is wrong with a point; nothing where all is well.
fn complaint(point: &Point, tests: &BTreeSet<String>) -> Option<String> {
    match point {
        Point { done: Some(done), shown: Some(shown), not_shown: None, not_done: None, .. } => {
            if tests.contains(shown) {
                missing(done)
            } else {
                Some(format!("there is no test `{shown}`"))
            }
        }
        Point { done: Some(done), shown: None, not_shown: Some(_), not_done: None, .. } => missing(done),
        Point { done: None, shown: None, not_shown: None, not_done: Some(_), .. } => None,
        _ => Some("it has `done` with `shown` or `not_shown`, or `not_done` alone".to_owned()),
    }
}

fn missing(done: &str) -> Option<String> {
    let files = files(done);
    if files.is_empty() {
        return Some(format!("`{done}` names no file"));
    }
    files.into_iter().find(|it| !root().join(it).is_file()).map(|it| format!("there is no file `{it}`"))
}

/// The files that a text names: `src/aws/rds/{db_cluster,db_instance}.rs` are two, and one without a folder is in that of the last.
fn files(text: &str) -> Vec<String> {
    let mut folder = String::new();
    let mut found = vec![];
    for word in text.split_whitespace().map(|it| it.trim_matches(['(', ')', ',', ';', ':', '`'])).filter(|it| it.ends_with(".rs")) {
        let path = if word.contains('/') { word.to_owned() } else { format!("{folder}/{word}") };
        folder = Path::new(&path).parent().unwrap().to_str().unwrap().to_owned();
        match path.split_once('{').and_then(|(before, it)| Some((before, it.split_once('}')?))) {
            Some((before, (names, after))) => found.extend(names.split(',').map(|it| format!("{before}{it}{after}"))),
            None => found.push(path),
        }
    }
    found
}

#[test]
fn files_are_found_in_what_is_written_of_them() {
    for (text, expected) in [
        ("src/a/b.rs, one thing", vec!["src/a/b.rs"]),
        ("src/a/{b,c}.rs, both; and d.rs", vec!["src/a/b.rs", "src/a/c.rs", "src/a/d.rs"]),
        ("(src/a.rs), by `src/b/c.rs`: all", vec!["src/a.rs", "src/b/c.rs"]),
        ("the engine", vec![]),
    ] {
        assert_eq!(files(text), expected, "{text}");
    }
}

/// All tests of the library, the program and this binary, as `cargo test` lists them: found in the sources, without building any.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for (path, text) in tracked(&["src/*.rs", "tests/*.rs"]) {
        let mut modules: Vec<_> = path.with_extension("").iter().skip(1).map(|it| it.to_str().unwrap().to_owned()).collect();
        modules.pop_if(|it| ["mod", "lib", "main"].contains(&it.as_str()));
        let (mut inner, mut marked) = (None, false);
        for line in text.lines() {
            if line == "}" {
                inner = None;
            } else if let Some(name) = line.strip_prefix("mod ").and_then(|it| it.strip_suffix(" {")) {
                inner = Some(name);
            }
            let line = line.trim_start();
            marked |= line == "#[test]" || line.starts_with("#[tokio::test");
            if let Some((_, name)) = line.split_once("fn ").filter(|(before, _)| marked && ["", "async "].contains(before)) {
                let name = name.split(['(', '<']).next().unwrap();
                let names = modules.iter().map(String::as_str).chain(inner).chain([name]);
                tests.insert(names.collect::<Vec<_>>().join("::"));
                marked = false;
            }
        }
    }
    tests
}

#[test]
fn every_point_is_taken_care_of_and_shown_or_says_why_not() {
    let tests = tests();
    assert!(tests.contains("behaviour::every_point_is_taken_care_of_and_shown_or_says_why_not"), "{tests:?}");
    let (mut wrong, mut seen) = (vec![], BTreeSet::new());
    for (file, points) in points() {
        for point in points {
            wrong.extend(complaint(&point, &tests).map(|it| format!("{file}: {}\n  {it}", point.says)));
            if !seen.insert((file.clone(), point.says.clone())) {
                wrong.push(format!("{file}: {}\n  stands there twice", point.says));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A type of which nothing is known has not been thought about.
#[test]
fn something_is_known_of_every_type() {
    let named: BTreeSet<_> = points().into_values().flatten().filter_map(|it| it.done).flat_map(|it| files(&it)).collect();
    for example in fs::read_dir(root().join("examples")).unwrap().flat_map(|it| fs::read_dir(it.unwrap().path()).unwrap()) {
        let example = example.unwrap().path();
        let of_type = example.with_extension("rs");
        let of_type = Path::new("src/aws").join(of_type.strip_prefix(root().join("examples")).unwrap());
        assert!(named.contains(of_type.to_str().unwrap()), "no point of `tests/behaviour` names `{}`", of_type.display());
    }
}

/// So that it is seen when what is known of AWS, or what is made of it, becomes more or less.
#[test]
fn the_counts_are_told() {
    let mut table = "| | done and shown | done, not shown | not done |\n| --- | --- | --- | --- |\n".to_owned();
    let mut sum = Counts::default();
    for (file, points) in points() {
        let mut counts = Counts::default();
        for point in points {
            counts.shown += usize::from(point.shown.is_some());
            counts.not_shown += usize::from(point.not_shown.is_some());
            counts.not_done += usize::from(point.not_done.is_some());
        }
        row(&mut table, &file, &counts);
        let Counts { shown, not_shown, not_done } = counts;
        sum = Counts { shown: sum.shown + shown, not_shown: sum.not_shown + not_shown, not_done: sum.not_done + not_done };
    }
    row(&mut table, "all", &sum);
    let readme = fs::read_to_string(root().join("tests/behaviour/README.md")).unwrap();
    assert!(readme.ends_with(&table), "tests/behaviour/README.md has to end with:\n\n{table}");
}

fn row(table: &mut String, name: &str, counts: &Counts) {
    let _ = writeln!(table, "| {name} | {} | {} | {} |", counts.shown, counts.not_shown, counts.not_done);
}
