//! Every example and every shipped stack is valid.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::support::{Project, root};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn examples_and_stacks_are_valid() {
    let project = Project::new(&[]);
    let all = files(&root().join("examples")).into_iter().chain(files(&root().join("stacks")));
    let mut n = 0;
    for path in all {
        let ran = project.infra(&["validate", "--stack", path.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{}:\n{}", path.display(), ran.stderr);
        // A warning is a bad example.
        assert_eq!(ran.stderr, "", "{}", path.display());
        n += 1;
    }
    assert!(n > 1);
}

/// `examples/ec2/vpc.yaml` for `ec2.vpc`, no more and no fewer.
#[test]
fn every_type_has_its_example() {
    let schema: serde_json::Value = serde_json::from_str(&Project::new(&[]).infra(&["schema"]).exits(0).stdout).unwrap();
    let types: BTreeSet<String> = schema["$defs"].as_object().unwrap().keys().cloned().collect();
    let folder = root().join("examples");
    let examples: BTreeSet<String> = files(&folder)
        .iter()
        .map(|it| it.strip_prefix(&folder).unwrap().with_extension("").to_str().unwrap().replace(std::path::MAIN_SEPARATOR, "."))
        .collect();
    assert_eq!(types, examples);
}
