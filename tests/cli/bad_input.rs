//! Mistakes in what a person writes: each with its place, a remedy and exit code 3, and nothing is touched.

use snapbox::{assert_data_eq, str};

use crate::support::Project;

#[test]
fn three_mistakes_are_told_at_once() {
    let stack = "\
stack: shop
region: eu-central-1

resources:
  vpc:
    ec2.vpc:
      cidr_blok: 10.0.0.0/16

  subnet:
    ec2.subnet:
      vpc_id: ${vcp.id}
      cidr_block: 10.0.0.0/33
";
    let ran = Project::new(&[("stacks/shop.yaml", stack)]).infra(&["validate"]).exits(3);
    assert_eq!(ran.stdout, "");
    assert_data_eq!(
        ran.stderr,
        str![[r#"
error: `ec2.vpc` has no property `cidr_blok`
 --> stacks/shop.yaml:7:7
  |
7 |       cidr_blok: 10.0.0.0/16
  |       ^^^^^^^^^ unknown
  |
help: did you mean `cidr_block`?
  |
7 |       cidr_block: 10.0.0.0/16
  |               +

error: there is no `vcp`
  --> stacks/shop.yaml:11:17
   |
11 |       vpc_id: ${vcp.id}
   |                 ^^^ refers to nothing
   |
help: did you mean `vpc`?
   |
11 -       vpc_id: ${vcp.id}
11 +       vpc_id: ${vpc.id}
   |

error: not a block of addresses
  --> stacks/shop.yaml:12:19
   |
12 |       cidr_block: 10.0.0.0/33
   |                   ^^^^^^^^^^^ no CIDR block
   |
   = help: write it as 10.0.0.0/16 or 2001:db8::/56

error: 3 mistakes in stacks/shop.yaml, not valid

"#]]
    );
}

/// What every command that reads stack files says of one that is wrong.
#[test]
fn a_wrong_stack_file_stops_every_command_before_it_begins() {
    let check = |stack: &str, expected: &str| {
        for command in [
            &["validate"] as &[&str],
            &["plan", "--env", "local"],
            &["apply", "--env", "local", "--yes"],
            &["destroy", "--env", "local", "--yes"],
        ] {
            let project = Project::new(&[("stacks/shop.yaml", stack)]);
            let ran = project.infra(command).exits(3);
            assert!(ran.stderr.contains(expected), "{command:?}: {}", ran.stderr);
            assert!(ran.stderr.contains("stacks/shop.yaml:"), "no place: {}", ran.stderr);
            assert!(!project.path().join("state").exists());
        }
    };
    check("stack: shop\nresources:\n\tvpc: {}\n", "tab");
    check("stack: shop\nstack: shop\n", "twice");
    check("stack: shop\nregion: eu-central-1\nresorces: {}\n", "resorces");
    check("stack: shop\nregion: eu-central-1\nresources: { vpc: { ec2.vcp: {} } }\n", "ec2.vcp");
    check("stack: shop\nregion: eu-central-1\nvars: { a: [ }\n", "stacks/shop.yaml");
}

#[test]
fn a_circle_is_shown_as_the_circle() {
    let stack = "\
stack: shop
region: eu-central-1

resources:
  a:
    ec2.subnet:
      vpc_id: ${b.id}
      cidr_block: 10.0.0.0/24
  b:
    ec2.subnet:
      vpc_id: ${a.id}
      cidr_block: 10.0.1.0/24
";
    let ran = Project::new(&[("stacks/shop.yaml", stack)]).infra(&["validate"]).exits(3);
    assert_data_eq!(
        ran.stderr,
        str![[r#"
error: these resources need each other: a → b → a
  --> stacks/shop.yaml:7:17
   |
 7 |       vpc_id: ${b.id}
   |                 ^^^^ `a` needs `b`
...
11 |       vpc_id: ${a.id}
   |                 ---- `b` needs `a`
   |
   = help: remove one of these references, or move it to a property that is written after the create

error: 1 mistake in stacks/shop.yaml, not valid

"#]]
    );
}

#[test]
fn what_aws_would_refuse_is_told_before_it_is_asked() {
    let stack = "\
stack: shop
region: eu-central-1

resources:
  vpc:
    ec2.vpc:
      cidr_block: 10.0.0.0/16
  subnet:
    for_each: { a: 10.0.0.0/24, b: 10.0.0.128/25 }
    ec2.subnet:
      vpc_id: ${vpc.id}
      cidr_block: ${each.value}
";
    let project = Project::new(&[("stacks/shop.yaml", stack)]);
    for arguments in [&["validate"] as &[&str], &["plan", "--env", "local"], &["apply", "--env", "local", "--yes"]] {
        let ran = project.infra(arguments).exits(3);
        assert!(ran.stderr.contains("subnet-overlap"), "{}", ran.stderr);
    }
    assert!(!project.path().join("state").exists());
}

/// The lines of `refused.txt`: a resource, the text in it that the mistake stands at, what is said of it, and what to do.
#[test]
fn what_aws_would_refuse_in_one_resource_is_found_with_its_place() {
    let kinds: Vec<&str> = include_str!("refused.txt").split("# ").filter(|it| !it.trim().is_empty()).collect();
    assert_eq!(kinds.len(), 7);
    for kind in kinds {
        let cases: Vec<Vec<&str>> = kind.lines().skip(1).filter(|it| !it.is_empty()).map(|it| it.split(" | ").collect()).collect();
        assert!(cases.len() >= 3, "{kind}");
        let resources: String = cases.iter().enumerate().map(|(n, it)| format!("  it{n}:\n    {}\n", it[0])).collect();
        let stack = format!("stack: shop\nregion: eu-central-1\nresources:\n{resources}");
        let ran = Project::new(&[("stacks/shop.yaml", &stack)]).infra(&["validate", "--json"]).exits(3);
        let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let found = document["diagnostics"].as_array().unwrap();
        for (n, case) in cases.iter().enumerate() {
            let [resource, at, summary, help] = case[..] else { panic!("{case:?}") };
            let (line, column) = (5 + 2 * n, 5 + resource.find(at).unwrap());
            let told = found.iter().any(|it| {
                let start = &it["labels"][0]["place"]["start"];
                start["line"] == line
                    && start["column"] == column
                    && it["summary"] == summary
                    && it["help"].as_array().unwrap().iter().any(|it| it.as_str().unwrap().contains(help))
            });
            let of_line: Vec<_> = found.iter().filter(|it| it["labels"][0]["place"]["start"]["line"] == line).collect();
            assert!(told, "{resource}: {line}:{column}: {summary}: {help}: {of_line:#?}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let check = |files: &[(&str, &str)], arguments: &[&str], expected: &str| {
        let ran = Project::new(files).infra(arguments).exits(3);
        assert!(ran.stderr.contains(expected), "{arguments:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("hint: "), "no remedy: {}", ran.stderr);
    };
    let shop = ("stacks/shop.yaml", "stack: shop\nregion: eu-central-1\nenvironments: { dev: {}, prod: {} }\n");
    check(&[], &["validate"], "there is no stack file in stacks/");
    check(&[shop], &["validate", "--stack", "shp"], "did you mean `shop`?");
    check(&[shop], &["validate", "--stack", "other.yaml"], "there is no file other.yaml");
    check(&[shop], &["plan"], "dev, prod, local");
    check(&[shop], &["plan", "--env", "prd"], "did you mean `prod`?");
    check(&[shop, ("infra.yaml", "stakcs: x\n")], &["validate"], "stakcs");
    check(&[shop, ("infra.yaml", "stacks: [\n")], &["validate"], "infra.yaml");
    check(&[shop], &["apply", "nowhere.json"], "nowhere.json");
    check(&[shop, ("plan.json", "{}")], &["apply", "plan.json"], "no plan that this infra can apply");
    check(&[shop, ("plan.json", "{\"format\": 99}")], &["apply", "plan.json"], "its format is 99");
}

#[test]
fn a_file_that_is_no_text_is_refused() {
    let project = Project::new(&[("stacks/shop.yaml", "stack: shop\n")]);
    std::fs::write(project.path().join("stacks/shop.yaml"), b"stack: shop\nregion: \xff\n").unwrap();
    let ran = project.infra(&["validate"]).exits(3);
    assert_data_eq!(
        ran.stderr,
        str![[r#"
error: stacks/shop.yaml, line 2: this is no UTF-8 text
  hint: save the file as UTF-8

"#]]
    );
}

#[test]
fn two_files_of_one_name_would_share_a_state() {
    let stack = "stack: shop\nregion: eu-central-1\n";
    let ran = Project::new(&[("stacks/a.yaml", stack), ("stacks/b.yaml", stack)]).infra(&["validate"]).exits(3);
    assert!(ran.stderr.contains("stacks/a.yaml and stacks/b.yaml are both the stack `shop`"), "{}", ran.stderr);
}

#[test]
fn mistakes_can_be_had_as_data() {
    let stack = "stack: shop\nregion: eu-central-1\nresorces: {}\n";
    let ran = Project::new(&[("stacks/shop.yaml", stack)]).infra(&["validate", "--json"]).exits(3);
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(document["errors"], 1);
    assert_eq!(document["diagnostics"][0]["labels"][0]["place"]["start"]["line"], 3, "{document:#}");
}

/// No region, no credentials, nobody at the endpoint: told before anything is written.
#[test]
fn a_cloud_that_cannot_be_used_is_told_with_a_remedy() {
    let check = |region: &str, variables: &[(&str, &str)], code: i32, expected: &[&str]| {
        let project = Project::new(&[("stacks/shop.yaml", &format!("stack: shop\n{region}"))]);
        for arguments in [&["plan"] as &[&str], &["apply", "--yes"], &["destroy", "--yes"]] {
            let mut command = project.command(arguments);
            command.envs(variables.iter().copied());
            let ran = crate::support::run(&mut command).exits(code);
            for text in expected.iter().chain(&["hint: "]) {
                assert!(ran.stderr.contains(text), "{arguments:?}: {text}: {}", ran.stderr);
            }
            assert!(!project.path().join("state").exists());
        }
    };
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")];
    check("", &keys, 3, &["no region", "AWS_REGION"]);
    check("region: eu-central-1\n", &[], 1, &["there are no AWS credentials", "--env local"]);
    // Nobody listens on port 1.
    let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    check("region: eu-central-1\n", &[keys[0], keys[1], endpoint], 1, &["nobody answers at http://127.0.0.1:1", "unset AWS_ENDPOINT_URL"]);
}
