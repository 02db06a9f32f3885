//! Clouds that cannot be used, or not for this: found before anything is changed, with what to do about it.

use crate::{
    matrix::{Answer, Bench, stub},
    support::{Project, Ran, run},
};

const STACK: &str = "stack: shop
region: eu-central-1
environments:
  dev: {}
  pinned: { account: \"000000000000\" }
resources:
  vpc:
    ec2.vpc:
      cidr_block: 10.0.0.0/16
";

fn at(project: &Project, url: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    command.env("AWS_ENDPOINT_URL", url).env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    run(command.envs(variables.iter().copied()))
}

#[test]
fn a_cloud_that_refuses_or_is_not_there_is_told_with_a_remedy() {
    let nobody = "http://127.0.0.1:9";
    let caller = stub(Answer::Caller, Answer::Ec2Refused("UnauthorizedOperation"));
    let check = |url: &str, variables: &[(&str, &str)], arguments: &[&str], code: i32, expected: &[&str]| {
        let project = Project::new(&[("stacks/shop.yaml", STACK)]);
        let ran = at(&project, url, variables, arguments).exits(code);
        for part in expected {
            assert!(ran.stderr.contains(part), "{arguments:?} {variables:?}: {part}: {}", ran.stderr);
        }
        assert!(!project.path().join("state").exists(), "nothing is written");
    };
    let plan = ["plan", "--env", "dev"];
    check("nonsense", &[], &plan, 3, &["AWS_ENDPOINT_URL is no URL: nonsense"]);
    check("nonsense", &[], &["plan", "--env", "local"], 3, &["AWS_ENDPOINT_URL is no URL: nonsense"]);
    check(nobody, &[], &plan, 1, &["nobody answers at http://127.0.0.1:9", "unset AWS_ENDPOINT_URL"]);
    for timeout in ["0", "abc", "3601"] {
        check(nobody, &[("INFRA_CALL_TIMEOUT", timeout)], &plan, 3, &["INFRA_CALL_TIMEOUT", "from 1 to 3600"]);
    }
    for expired in ["ExpiredToken", "ExpiredTokenException", "RequestExpired"] {
        let url = stub(Answer::Refused(expired), Answer::Caller);
        check(&url, &[], &plan, 1, &["refuses the credentials", "they have expired", "aws sso login"]);
    }
    let url = stub(Answer::Refused("InvalidClientTokenId"), Answer::Caller);
    check(&url, &[], &plan, 1, &["refuses the credentials", "--profile names others"]);
    check(&url, &[], &["plan", "--env", "dev", "--profile", "nobody"], 1, &["the profile `nobody` gives no AWS credentials"]);
    check(&caller, &[], &["plan", "--env", "pinned"], 1, &["belongs to the account 000000000000", "the account 123456789012", "--profile"]);
    check(&caller, &[], &["apply", "--env", "pinned", "--yes"], 1, &["belongs to the account 000000000000"]);
}

#[test]
fn a_lookup_that_is_refused_is_a_failure_and_no_mistake_of_the_file() {
    let stack = STACK.replace("resources:", "lookup:\n  zones:\n    ec2.availability_zones: {}\nresources:");
    let project = Project::new(&[("stacks/shop.yaml", &stack)]);
    let url = stub(Answer::Caller, Answer::Ec2Refused("UnauthorizedOperation"));
    let ran = at(&project, &url, &[], &["plan", "--env", "dev"]).exits(1);
    assert!(ran.stderr.contains("`lookup.zones` failed") && ran.stderr.contains("stacks/shop.yaml:"), "{}", ran.stderr);
    assert!(ran.stderr.contains("need the permission to read"), "{}", ran.stderr);
}

#[test]
fn what_is_recorded_in_one_region_is_not_taken_for_gone_in_another() {
    let bench = Bench::start();
    let project = Project::new(&[("stacks/shop.yaml", STACK)]);
    at(&project, &bench.url(), &[], &["apply", "--env", "dev", "--yes"]).exits(0);
    project.write("stacks/shop.yaml", &STACK.replace("eu-central-1", "us-west-2"));
    for command in [&["plan", "--env", "dev"][..], &["apply", "--env", "dev", "--yes"], &["destroy", "--env", "dev", "--yes"]] {
        let ran = at(&project, &bench.url(), &[], command).exits(1);
        assert!(ran.stderr.contains("was applied to the region eu-central-1"), "{}", ran.stderr);
    }
    // Where none is written, that of the environment counts.
    project.write("stacks/shop.yaml", &STACK.replace("region: eu-central-1\n", ""));
    let ran = at(&project, &bench.url(), &[("AWS_REGION", "us-west-2")], &["plan", "--env", "dev"]).exits(1);
    assert!(ran.stderr.contains("was applied to the region eu-central-1"), "{}", ran.stderr);
    let there = [("AWS_REGION", "eu-central-1")];
    at(&project, &bench.url(), &there, &["plan", "--env", "dev", "--detailed-exitcode"]).exits(0);
    at(&project, &bench.url(), &there, &["destroy", "--env", "dev", "--yes"]).exits(0);
    // Nothing is recorded any more.
    at(&project, &bench.url(), &[("AWS_REGION", "us-west-2")], &["apply", "--env", "dev", "--yes"]).exits(0);
}
