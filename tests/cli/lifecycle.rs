//! From a stack file to a running system and back.

use std::fs;

use crate::{
    matrix::{Bench, Strike, project_of},
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
fn an_interrupt_finishes_what_is_in_flight_and_the_next_run_goes_on() {
    let bench = Bench::start();
    let project = project_of(STACK);
    let (ran, seen) = bench.struck(&project, &["apply", "--yes"], None);
    ran.exits(0);
    let (applied, calls) = (bench.inventory(REGION), seen.mutating());
    for at in [2, calls / 2] {
        bench.reset();
        let project = project_of(STACK);
        let (ran, seen) = bench.struck(&project, &["apply", "--yes"], Some((at, Strike::Interrupt)));
        let ran = ran.exits(130);
        assert!(seen.struck.is_some());
        assert!(seen.mutating() < calls, "nothing new is started: {} of {calls} calls were made", seen.mutating());
        assert!(ran.stderr.contains("infra apply --env local"), "it says how to go on: {}", ran.stderr);
        bench.infra(&project, &["apply", "--yes"]).exits(0);
        let difference = applied.compare(&bench.inventory(REGION));
        assert!(difference.is_none(), "at {at}: {difference:#?}");
        bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(0);
    }
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

const SMALL: &str = "stack: small\nregion: eu-central-1\nresources:\n  vpc:\n    ec2.vpc:\n      cidr_block: 10.0.0.0/16\n";

#[test]
fn a_saved_plan_is_applied_as_it_was_shown_or_not_at_all() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/small.yaml", SMALL)]);
    let nothing = bench.inventory("eu-central-1");
    bench.infra(&project, &["plan", "--out", "one.json"]).exits(0);
    bench.infra(&project, &["plan", "--out", "two.json"]).exits(0);
    assert_eq!(bench.inventory("eu-central-1"), nothing, "a plan changes nothing");

    bench.infra(&project, &["apply", "one.json", "--yes"]).exits(0);
    let applied = bench.inventory("eu-central-1");
    assert_ne!(applied, nothing);
    for stale in ["one.json", "two.json"] {
        let ran = bench.infra(&project, &["apply", stale, "--yes"]).exits(1);
        assert!(ran.stderr.contains("stale: something has been applied since"), "{}", ran.stderr);
    }
    bench.infra(&project, &["plan", "--out", "three.json"]).exits(0);
    project.write("stacks/small.yaml", &SMALL.replace("10.0.0.0", "10.1.0.0"));
    let ran = bench.infra(&project, &["apply", "three.json", "--yes"]).exits(1);
    assert!(ran.stderr.contains("stale: the stack file has changed since"), "{}", ran.stderr);
    assert_eq!(bench.inventory("eu-central-1"), applied);
}

#[test]
fn a_saved_plan_to_destroy_destroys() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/small.yaml", SMALL)]);
    let nothing = bench.inventory("eu-central-1");
    bench.infra(&project, &["apply", "--yes"]).exits(0);
    bench.infra(&project, &["plan", "--destroy", "--out", "plan.json"]).exits(0);
    bench.infra(&project, &["apply", "plan.json", "--yes"]).exits(0);
    assert_eq!(bench.inventory("eu-central-1"), nothing);
}
