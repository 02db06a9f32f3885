//! Saved plans: applied as they were shown, or not at all.

use std::fs;

use crate::{matrix::Bench, support::Project};

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

const READING: &str = "stack: small
region: eu-central-1
environments: { dev: {} }
lookup:
  zones:
    ec2.availability_zones: {}
resources:
  topic:
    sns.topic:
      display_name: ${file(\"name.txt\")}
";

#[test]
fn a_saved_plan_is_stale_when_anything_changed_that_it_was_made_from() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/small.yaml", READING), ("stacks/name.txt", "one")]);
    bench.infra(&project, &["plan", "--out", "plan.json"]).exits(0);
    let stale = |arguments: &[&str], why: &str| {
        let ran = bench.infra(&project, arguments).exits(1);
        assert!(ran.stderr.contains(&format!("is stale: {why}")), "{}", ran.stderr);
    };

    project.write("stacks/name.txt", "two");
    stale(&["apply", "plan.json"], "a file that the stack file reads has changed since");
    project.write("stacks/name.txt", "one");
    let ran = bench.infra(&project, &["apply", "plan.json", "--env", "dev"]).exits(3);
    assert!(ran.stderr.contains("was made for the environment `local`, not for `dev`"), "{}", ran.stderr);
    for (field, other, why) in [
        ("found_hash", "0", "its lookups find something else now"),
        ("account", "nobody", "it was made for another account"),
        ("region", "us-east-1", "it was made for another region"),
    ] {
        let text = fs::read_to_string(project.path().join("plan.json")).unwrap();
        let mut saved: serde_json::Value = serde_json::from_str(&text).unwrap();
        saved["plans"][0][field] = other.into();
        project.write("other.json", &saved.to_string());
        stale(&["apply", "other.json"], why);
    }
    bench.infra(&project, &["apply", "plan.json"]).exits(0);

    // What somebody else does counts as well.
    project.write("stacks/name.txt", "three");
    bench.infra(&project, &["plan", "--out", "next.json"]).exits(0);
    let elsewhere = project.copy();
    elsewhere.write("stacks/name.txt", "four");
    bench.infra(&elsewhere, &["apply", "--yes"]).exits(0);
    stale(&["apply", "next.json"], "`topic` is no longer as it was in the cloud");
}

#[test]
fn a_plan_that_believes_what_is_recorded_asks_nobody() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/small.yaml", SMALL)]);
    bench.infra(&project, &["apply", "--yes"]).exits(0);
    bench.reset();
    // Nothing is there any more, and nobody looks.
    let (ran, seen) = bench.struck(&project, &["plan", "--refresh=false", "--detailed-exitcode"], None);
    ran.exits(0);
    assert_eq!(seen.counts().keys().copied().collect::<Vec<_>>(), ["GetCallerIdentity"]);
    bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(2);
}

#[test]
fn what_is_excluded_stays_as_it_is() {
    let bench = Bench::start();
    let both = format!("{SMALL}  other:\n    ec2.vpc:\n      cidr_block: 10.1.0.0/16\n");
    let project = Project::new(&[("stacks/small.yaml", &both)]);
    let said = bench.infra(&project, &["apply", "--exclude", "other", "--yes"]).exits(0).stderr;
    assert!(said.contains("1 created"), "{said}");
    let listed = bench.infra(&project, &["state", "list"]).exits(0).stdout;
    assert!(listed.contains("vpc-") && !listed.contains("other"), "{listed}");
    let ran = bench.infra(&project, &["plan", "--exclude", "othr"]).exits(3);
    assert!(ran.stderr.contains("`--exclude othr`") && ran.stderr.contains("there is `other`"), "{}", ran.stderr);
}
