//! What another client of AWS finds after an apply of the shipped stack.

use std::process::Command;

use crate::{
    matrix::{Bench, project_of},
    support::{path_with_moto, root, run},
};

const STACK: &str = "stacks/hr-chatbot.yaml";
const REGION: &str = "ap-northeast-1";

#[test]
fn another_client_finds_every_property_of_the_file_and_nobody_the_secrets() {
    let bench = Bench::start();
    let project = project_of(STACK);
    let commands: &[&[&str]] = &[
        &["plan"],
        &["plan", "--json", "--out", "plan.json"],
        &["apply", "plan.json", "--yes", "--json"],
        &["plan", "--json"],
        &["apply", "--yes"],
        &["state", "show", "database_secret", "--json"],
        &["state", "show", "cluster", "--json"],
        &["state", "list", "--json"],
        &["output", "--json"],
    ];
    for (n, arguments) in commands.iter().enumerate() {
        let mut command = project.command(arguments);
        command.env("INFRA_ENV", "local").env("AWS_ENDPOINT_URL", bench.url()).env("INFRA_LOG", "debug");
        let ran = run(&mut command).exits(0);
        // It is beside the state, so that the secrets are looked for in both.
        project.write(&format!("said/{n}"), &format!("{}\n{}", ran.stdout, ran.stderr));
    }
    let mut command = Command::new("python3");
    command
        .arg(root().join("tests/probe/probe.py"))
        .args([&bench.url(), REGION, STACK, "state/local/hr-chatbot.json", "."])
        .current_dir(project.path())
        .env("PATH", path_with_moto())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let found: serde_json::Value = serde_json::from_str(&run(&mut command).exits(0).stdout).unwrap();
    assert_eq!(found["wrong"], serde_json::json!([]), "{found:#}");
    assert_eq!(found["resources"], 64);
    assert_eq!(found["secrets"], 2);
    assert!(found["properties"].as_u64() > Some(350), "{found:#}");
}
