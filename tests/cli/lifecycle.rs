//! From a stack file to a running system and back.

use std::fs;

use crate::{
    matrix::{Bench, project_of},
    support::{Project, Ran, root},
};

const STACK: &str = "stacks/hr-chatbot.yaml";
const REGION: &str = "ap-northeast-1";

fn no_changes(ran: &Ran) {
    assert!(ran.stdout.to_lowercase().contains("no changes"), "{}", ran.stdout);
}

/// Up, nothing more to do, down, nothing left.
fn round_trip(bench: &Bench, path: &str, region: &str) {
    let project = project_of(path);
    let before = bench.inventory(region);
    bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(2);
    bench.infra(&project, &["apply", "--yes"]).exits(0);
    let applied = bench.inventory(region);
    assert_ne!(applied, before, "{path}");
    no_changes(&bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(0));
    no_changes(&bench.infra(&project, &["apply", "--yes"]).exits(0));
    let difference = applied.compare(&bench.inventory(region));
    assert!(difference.is_none(), "{path}: a second apply changes nothing: {difference:#?}");
    bench.infra(&project, &["destroy", "--yes"]).exits(0);
    let mut difference = before.compare(&bench.inventory(region));
    // Keys and secrets can be had back for some days and databases from their last snapshot, unless their stack says otherwise.
    for list in [&mut difference.left_over, &mut difference.doubled] {
        list.retain(|it| !(it.contains("awaiting its deletion") || it.starts_with("snapshot ") && it.contains("-final-")));
    }
    assert!(difference.is_none(), "{path}: {difference:#?}");
    bench.infra(&project, &["destroy", "--yes"]).exits(0);
}

#[test]
fn the_shipped_stack_goes_up_and_leaves_nothing() {
    round_trip(&Bench::start(), STACK, REGION);
}

/// What some examples say is there already.
const THERE: &str = "stack: there
region: eu-central-1
resources:
  records:
    s3.bucket:
      bucket_name: example-records
  jobs:
    sqs.queue:
      queue_name: example-jobs
";

#[test]
fn every_example_goes_up_and_leaves_nothing() {
    let bench = Bench::start();
    let there = Project::new(&[("stacks/there.yaml", THERE)]);
    bench.infra(&there, &["apply", "--yes"]).exits(0);
    let mut n = 0;
    for service in fs::read_dir(root().join("examples")).unwrap() {
        let service = service.unwrap().file_name().into_string().unwrap();
        for file in fs::read_dir(root().join("examples").join(&service)).unwrap() {
            let file = file.unwrap().file_name().into_string().unwrap();
            round_trip(&bench, &format!("examples/{service}/{file}"), "eu-central-1");
            n += 1;
        }
    }
    assert!(n > 10);
}

#[test]
fn a_disk_that_fills_up_in_the_middle_loses_nothing_and_doubles_nothing() {
    let bench = Bench::start();
    let project = project_of(STACK);
    bench.infra(&project, &["apply", "--yes"]).exits(0);
    let applied = bench.inventory(REGION);
    for blocks in [1, 24] {
        bench.reset();
        let project = project_of(STACK);
        let ran = bench.without_space(&project, &["apply", "--yes"], blocks).exits(1);
        assert!(ran.stderr.contains("free some space on the disk"), "{blocks}: {}", ran.stderr);
        bench.infra(&project, &["apply", "--yes"]).exits(0);
        let difference = applied.compare(&bench.inventory(REGION));
        assert!(difference.is_none(), "{blocks}: {difference:#?}");
        no_changes(&bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(0));
    }
}
