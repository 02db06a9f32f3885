//! What holds for every source file and no compiler checks.

use std::{fs, path::PathBuf, process::Command};

use crate::support::root;

pub(crate) fn tracked(patterns: &[&str]) -> Vec<(PathBuf, String)> {
    let output = Command::new("git").args(["ls-files", "-z", "--"]).args(patterns).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    assert!(!names.is_empty(), "there is nothing like {patterns:?}");
    let files = names.split_terminator('\0').map(|it| root().join(it)).filter(|it| it.exists());
    files.map(|it| (it.strip_prefix(root()).unwrap().to_owned(), fs::read_to_string(&it).unwrap())).collect()
}

/// A longer file answers more than one question.
#[test]
fn no_source_file_is_long() {
    let files = tracked(&["*.rs"]);
    assert!(files.len() > 50);
    let long: Vec<_> = files.iter().map(|(path, text)| (path, text.lines().count())).filter(|(_, lines)| *lines > 600).collect();
    assert!(long.is_empty(), "{long:?}");
}

/// The engine names no type of AWS's SDK; that is what lets it be tested without.
#[test]
fn the_engine_does_not_name_the_sdk() {
    let named: Vec<_> = tracked(&["src/*.rs"])
        .into_iter()
        .filter(|(path, _)| !["src/aws", "src/cli", "src/local", "src/main.rs"].iter().any(|it| path.starts_with(it)))
        .filter(|(_, text)| text.contains("aws_sdk") || text.contains("aws_config") || text.contains("aws_smithy"))
        .map(|(path, _)| path)
        .collect();
    assert!(named.is_empty(), "{named:?}");
}

/// Only `report` writes to the terminal.
#[test]
fn only_the_report_prints() {
    let printing: Vec<_> = tracked(&["src/*.rs"])
        .into_iter()
        // What tests say of what they did is for who runs them.
        .filter(|(path, _)| !path.starts_with("src/report") && !path.starts_with("src/aws/conformance"))
        .filter(|(_, text)| ["println!(", "print!(", "eprint!(", "dbg!("].iter().any(|it| text.contains(it)))
        .map(|(path, _)| path)
        .collect();
    assert!(printing.is_empty(), "{printing:?}");
}

/// The parts of the engine that decide do nothing else, and each of the others does its own only.
#[test]
fn every_part_of_the_engine_does_its_own() {
    // What only these may do.
    let rules: [(&[&str], &[&str]); 3] = [
        (&["std::fs", "fs::File", "OpenOptions"], &["src/state"]),
        (&["tokio::spawn", "JoinSet", "sleep_until(", "sleep("], &["src/apply", "src/cloud", "src/simulation"]),
        (&["async fn", ".await"], &["src/apply", "src/cloud", "src/simulation", "src/resource", "src/state"]),
    ];
    let outside = ["src/aws", "src/cli", "src/local", "src/main.rs"];
    let written_for_tests = |path: &PathBuf| path.components().any(|it| it.as_os_str() == "tests") || path.ends_with("tests.rs");
    let files = tracked(&["src/*.rs"]).into_iter().filter(|(path, _)| !written_for_tests(path));
    for (path, text) in files.filter(|(path, _)| !outside.iter().any(|it| path.starts_with(it))) {
        for (words, places) in &rules {
            let allowed = places.iter().any(|it| path.starts_with(it));
            let found = words.iter().find(|it| text.contains(**it));
            assert!(allowed || found.is_none(), "{} has `{}`", path.display(), found.unwrap());
        }
    }
}

/// Where a type has to wait, the engine waits for it: as long as it takes, and no longer.
#[test]
fn no_type_waits_by_itself() {
    let waiting: Vec<_> = tracked(&["src/aws/*.rs"])
        .into_iter()
        .filter(|(path, _)| !path.starts_with("src/aws/conformance"))
        .filter(|(_, text)| ["sleep(", "sleep_until(", "tokio::time"].iter().any(|it| text.contains(it)))
        .map(|(path, _)| path)
        .collect();
    assert!(waiting.is_empty(), "{waiting:?}");
}

/// `tests/main.rs` names every file beside it.
#[test]
fn no_test_file_is_forgotten() {
    for (folder, list) in [("tests", "tests/main.rs"), ("tests/cli", "tests/cli/mod.rs")] {
        let text = fs::read_to_string(root().join(list)).unwrap();
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let is_module = path.join("mod.rs").exists() || path.extension().is_some_and(|it| it == "rs");
            assert!(!is_module || ["main", "mod"].contains(&name) || text.contains(&format!("mod {name};")), "{}", path.display());
        }
    }
}

#[test]
fn text_files_are_clean() {
    for (path, text) in tracked(&["*.md", "*.yaml", "*.yml", "*.toml", ".ci/run"]) {
        let path = path.display();
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path} ends otherwise than with one line break");
        assert!(!text.contains('\r'), "{path} has carriage returns");
        for (n, line) in text.lines().enumerate() {
            assert_eq!(line, line.trim_end_matches([' ', '\t']), "{path}:{} ends in blanks", n + 1);
        }
    }
}
