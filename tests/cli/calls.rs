//! How many calls a plan makes: by types and pages, not by resources.

use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    matrix::Bench,
    support::{Project, run},
};

/// As many values as AWS takes in one filter.
const PAGE: usize = 200;

fn stack(n: usize) -> String {
    let mut text =
        "stack: wide\nregion: eu-central-1\nresources:\n  vpc:\n    ec2.vpc:\n      cidr_block: 10.0.0.0/16\n  subnet:\n    for_each:\n"
            .to_owned();
    for i in 0..n {
        let _ = writeln!(text, "      n{i}: 10.0.{}.{}/28", i / 16, i % 16 * 16);
    }
    text.push_str("    ec2.subnet:\n      vpc_id: ${vpc.id}\n      cidr_block: ${each.value}\n      availability_zone: eu-central-1a\n");
    text
}

/// Of a plan that finds nothing to do, how often it makes each call.
fn calls(bench: &Bench, n: usize) -> BTreeMap<String, usize> {
    bench.reset();
    let project = Project::new(&[("stacks/wide.yaml", &stack(n))]);
    bench.infra(&project, &["apply", "--yes"]).exits(0);
    let (ran, seen) = bench.struck(&project, &["plan", "--detailed-exitcode"], None);
    ran.exits(0);
    assert_eq!(seen.mutating(), 0, "{:?}", seen.counts());
    seen.counts().into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

#[test]
fn a_plan_makes_as_many_calls_for_a_hundred_resources_as_for_ten() {
    let bench = Bench::start();
    let ten = calls(&bench, 10);
    assert!(ten.contains_key("DescribeSubnets"), "{ten:?}");
    assert_eq!(calls(&bench, 100), ten);
}

/// Two more minutes, most of which the emulator takes to make them.
#[test]
#[ignore = "slow: cargo test --test main calls -- --ignored"]
fn a_plan_for_a_thousand_resources_makes_only_more_pages() {
    let bench = Bench::start();
    let ten = calls(&bench, 10);
    let thousand = calls(&bench, 1000);
    assert_eq!(thousand.keys().collect::<Vec<_>>(), ten.keys().collect::<Vec<_>>());
    for (name, n) in &thousand {
        assert!(*n <= ten[name] + 1000 / PAGE, "{name}: {n} calls instead of {}", ten[name]);
    }
}

/// Without a cloud nothing is called at all.
#[test]
fn a_check_of_the_file_calls_nobody() {
    let project = Project::new(&[("stacks/wide.yaml", &stack(10))]);
    let mut command = project.command(&["validate"]);
    // Nobody listens there.
    run(command.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9")).exits(0);
}
