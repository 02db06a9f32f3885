//! Runs that are ended from outside, and what is said of how to go on.

use crate::{
    matrix::{Bench, Moment, Strike, project_of},
    support::Project,
};

const STACK: &str = "stacks/hr-chatbot.yaml";
const REGION: &str = "ap-northeast-1";

#[test]
fn an_interrupt_finishes_what_is_in_flight_and_the_next_run_goes_on() {
    let bench = Bench::start();
    let project = project_of(STACK);
    let (ran, seen) = bench.struck(&project, &["apply", "--yes"], None);
    ran.exits(0);
    let (applied, calls) = (bench.inventory(REGION), seen.mutating());
    for (at, strike) in [(2, Strike::Interrupt), (calls / 3, Strike::Terminate), (calls / 2, Strike::Interrupt), (calls / 2, Strike::Twice)]
    {
        bench.reset();
        let project = project_of(STACK);
        let (ran, seen) = bench.struck(&project, &["apply", "--yes"], Some((at, strike)));
        let ran = ran.exits(130);
        assert!(seen.struck.is_some());
        assert!(seen.mutating() < calls, "nothing new is started: {} of {calls} calls were made", seen.mutating());
        assert!(ran.stderr.contains("infra apply --env local"), "it says how to go on: {}", ran.stderr);
        if strike == Strike::Twice {
            assert!(ran.stderr.contains("begun and not finished"), "what it no longer waits for: {}", ran.stderr);
        }
        bench.infra(&project, &["apply", "--yes"]).exits(0);
        let difference = applied.compare(&bench.inventory(REGION));
        assert!(difference.is_none(), "{strike:?} at {at}: {difference:#?}");
        bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(0);
    }
}

const TWO: &str = "stack: two
region: eu-central-1
resources:
  vpc:
    ec2.vpc:
      cidr_block: 10.0.0.0/16
  subnet:
    ec2.subnet:
      vpc_id: ${vpc.id}
      cidr_block: 10.0.0.0/24
  other:
    ec2.vpc:
      cidr_block: 10.1.0.0/16
";

#[test]
fn the_command_that_goes_on_does_no_more_than_the_one_that_was_interrupted() {
    let bench = Bench::start();
    let said = |project: &Project, arguments: &[&str]| bench.struck(project, arguments, Some((1, Strike::Interrupt))).0.exits(130).stderr;
    let applied = || {
        bench.reset();
        let project = Project::new(&[("stacks/two.yaml", TWO)]);
        bench.infra(&project, &["apply", "--yes"]).exits(0);
        project
    };
    let check = |said: &str, expected: &str| {
        assert!(said.contains(&format!("`{expected}` goes on")), "{expected}: {said}");
    };

    check(&said(&applied(), &["destroy", "--target", "vpc", "--yes"]), "infra destroy --env local --target vpc");
    check(&said(&applied(), &["destroy", "--exclude", "other", "--yes"]), "infra destroy --env local --exclude other");
    let project = applied();
    bench.infra(&project, &["plan", "--destroy", "--target", "vpc", "--out", "plan.json"]).exits(0);
    check(&said(&project, &["apply", "plan.json"]), "infra destroy --env local --target vpc");
    bench.reset();
    let project = Project::new(&[("elsewhere/stacks/two.yaml", TWO)]);
    check(&said(&project, &["-C", "elsewhere", "apply", "--stack", "two", "--yes"]), "infra -C elsewhere apply --env local --stack two");
}

#[test]
fn what_a_killed_run_had_created_is_found_and_said() {
    let bench = Bench::start();
    let project = project_of("examples/ec2/vpc.yaml");
    let (ran, seen) = bench.struck(&project, &["apply", "--yes"], Some((1, Strike::Kill(Moment::BeforeAnswer))));
    assert_eq!((ran.code, seen.struck.as_deref()), (None, Some("CreateVpc")));
    for command in [&["plan"][..], &["apply", "--yes"]] {
        let said = bench.infra(&project, command).exits(0).stderr;
        assert!(said.contains("for what an earlier run had begun to create: `"), "{said}");
        assert!(said.contains("` had been created by an earlier run: found vpc-"), "{said}");
    }
    let said = bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(0).stderr;
    assert!(!said.contains("earlier run"), "{said}");
}

#[test]
fn what_a_killed_run_had_deleted_is_found_and_said() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/two.yaml", TWO)]);
    bench.infra(&project, &["apply", "--yes"]).exits(0);
    let renumbered =
        TWO.replace("  subnet:\n", "  subnet:\n    lifecycle: { create_before_destroy: false }\n").replace("10.0.0.0/24", "10.0.1.0/24");
    project.write("stacks/two.yaml", &renumbered);
    let (ran, seen) = bench.struck(&project, &["apply", "--yes"], Some((1, Strike::Kill(Moment::BeforeAnswer))));
    assert_eq!((ran.code, seen.struck.as_deref()), (None, Some("DeleteSubnet")));
    let deleted = |said: &str| {
        assert!(said.contains("whether what an earlier run was about to delete is gone: `subnet`"), "{said}");
        assert!(said.contains("`subnet` had been deleted by an earlier run"), "{said}");
    };
    let planned = bench.infra(&project, &["plan", "--out", "saved.plan"]).exits(0);
    deleted(&planned.stderr);
    assert!(planned.stdout.contains("1 to create"), "{}", planned.stdout);
    // What a plan found is found again, and it is the same plan.
    deleted(&bench.infra(&project, &["apply", "saved.plan"]).exits(0).stderr);
    let said = bench.infra(&project, &["plan", "--detailed-exitcode"]).exits(0).stderr;
    assert!(!said.contains("earlier run"), "{said}");
}
