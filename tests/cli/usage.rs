//! What is said of a command line, and which exit code it gets.

use snapbox::{assert_data_eq, str};

use crate::{
    matrix::Bench,
    support::{Project, run},
};

#[test]
fn help_is_an_answer() {
    let ran = Project::new(&[]).infra(&["--help"]).exits(0);
    assert_eq!(ran.stderr, "");
    assert_data_eq!(
        ran.stdout,
        str![[r#"
Turns YAML stack files into running AWS systems, and keeps them that way

Usage: infra [OPTIONS] <COMMAND>

Commands:
  plan      Show what an apply would do
  apply     Make the cloud as the stack files say
  destroy   Undo what was applied
  schema    Print the JSON Schema of stack files, for editors
  validate  Check stack files without asking AWS
  output    Print the outputs of what was applied
  state     Look at what is recorded, and mend it
  local     Start, stop or look at the local cloud

Options:
  -C <DIR>            Work as if started in this folder
      --color <WHEN>  When to use colour: on a terminal without NO_COLOR, or as said [default: auto]
                      [possible values: auto, always, never]
  -h, --help          Print help
  -V, --version       Print version

Environment:
  INFRA_ENV           What --env is where it is not given
  INFRA_CACHE_DIR     Where the local cloud and its programs are kept
  INFRA_CALL_TIMEOUT  How many seconds a call to AWS may take, 1 to 3600 [default: 60]
  INFRA_LOG           What is told of the calls: `debug` tells each

Exit codes: 0 done, 1 failed, 2 changes (plan --detailed-exitcode), 3 wrong usage or an invalid
stack file,
70 a fault of infra itself, 130 interrupted.
`infra apply --env local` needs no AWS account: it runs on this machine.

"#]]
    );
}

#[test]
fn nothing_asked_is_wrong_usage() {
    let ran = Project::new(&[]).infra(&[]).exits(3);
    assert_eq!(ran.stdout, "");
    assert!(ran.stderr.contains("Usage: infra"), "{}", ran.stderr);
}

#[test]
fn wrong_usage_exits_with_3_and_touches_nothing() {
    let check = |arguments: &[&str], expected: &str| {
        let project = Project::new(&[]);
        let ran = project.infra(arguments).exits(3);
        assert_eq!(ran.stdout, "");
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
        assert_eq!(std::fs::read_dir(project.path()).unwrap().count(), 0);
    };
    check(&["frobnicate"], "unrecognized subcommand 'frobnicate'");
    check(&["pln"], "plan");
    check(&["plan", "--var", "novalue"], "write NAME=VALUE");
    check(&["plan", "--var", "=x"], "write NAME=VALUE");
    check(&["plan", "--color", "pink"], "possible values: auto, always, never");
    check(&["plan", "--refresh", "false"], "unexpected argument 'false'");
    check(&["apply", "plan.json", "--target", "vpc"], "cannot be used with");
    check(&["state"], "Usage: infra state");
    check(&["state", "rm"], "<ADDRESSES>");
    check(&["-C", "nowhere", "validate"], "-C nowhere");
}

#[test]
fn the_folder_is_chosen_before_anything_else() {
    let project = Project::new(&[("elsewhere/stacks/shop.yaml", "stack: shop\nregion: eu-central-1\nresources: {}\n")]);
    let ran = project.infra(&["-C", "elsewhere", "validate"]).exits(0);
    assert_eq!(ran.stdout, "stacks/shop.yaml is valid for default, local\n");
}

#[test]
fn settings_may_name_other_folders_and_usual_choices() {
    let stack = "stack: shop\nregion: eu-central-1\nenvironments: { dev: {}, prod: {} }\n";
    let project =
        Project::new(&[("infra.yaml", "stacks: systems\nstate: records\ndefaults: { env: dev }\n"), ("systems/shop.yaml", stack)]);
    assert_eq!(project.infra(&["validate", "--env", "prod"]).exits(0).stdout, "systems/shop.yaml is valid for prod\n");
    let ran = project.infra(&["state", "list"]).exits(1);
    assert!(ran.stderr.contains("records/dev/shop.json"), "{}", ran.stderr);
}

#[test]
fn a_question_nobody_can_answer_is_an_error_that_says_so() {
    let bench = Bench::start();
    let stack = "stack: shop\nregion: eu-central-1\nresources:\n  vpc: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }\n";
    let project = Project::new(&[("stacks/shop.yaml", stack)]);
    let asks = |arguments: &[&str]| {
        let (ran, seen) = bench.struck(&project, arguments, None);
        let ran = ran.exits(3);
        assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
        assert_eq!(seen.mutating(), 0, "{arguments:?}");
    };
    asks(&["apply"]);
    asks(&["apply", "--json"]);
    bench.infra(&project, &["apply", "--yes"]).exits(0);
    asks(&["destroy"]);
    // Who reads lines hears of a run that has nothing to do, too.
    let ran = bench.infra(&project, &["apply", "--yes", "--json"]).exits(0);
    let events: Vec<serde_json::Value> = ran.stdout.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(events.iter().map(|it| it["event"].as_str().unwrap()).collect::<Vec<_>>(), ["begun", "finished"]);
}

#[test]
fn a_stack_is_named_by_its_name_or_its_file() {
    let project =
        Project::new(&[("stacks/file.yaml", "stack: name # of it\nregion: eu-central-1\n"), ("stacks/other.yaml", "stack: other\n")]);
    for name in ["name", "file", "stacks/file.yaml"] {
        assert_eq!(project.infra(&["validate", "--stack", name]).exits(0).stdout, "stacks/file.yaml is valid for default, local\n");
    }
    assert!(project.infra(&["validate", "--stack", "nam"]).exits(3).stderr.contains("there is no stack `nam`"));
}

#[test]
fn an_answer_that_cannot_be_written_is_no_success() {
    let project = Project::new(&[("stacks/shop.yaml", "stack: shop\nregion: eu-central-1\n")]);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let ran = run(project.command(&["validate"]).stdout(full)).exits(1);
    assert!(ran.stderr.contains("cannot write the answer: No space left on device"), "{}", ran.stderr);
}
