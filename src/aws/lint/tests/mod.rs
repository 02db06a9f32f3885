//! What each rule finds, and what it lets pass.

mod databases;
mod functions;
mod network;
mod rights;
mod services;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, path,
    sync::Arc,
};

use infra::{
    diagnostic::{Diagnostic, Severity, Source},
    stack::{Settings, parse, resolve},
};

use super::{RULES, check};
use crate::aws::{TYPES, types};

/// The findings in some resources of a stack file, one line each.
fn lint(resources: &str) -> Vec<String> {
    let indented: String = resources.lines().map(|line| format!("  {line}\n")).collect();
    lint_file("stack.yaml", format!("stack: test\nregion: eu-central-1\nvars: {{ where: vpc-9 }}\nresources:\n{indented}"))
}

fn lint_file(path: &str, text: String) -> Vec<String> {
    let catalog = types().catalog;
    let (file, problems) = parse(Arc::new(Source::new(path, text)), &catalog);
    assert!(problems.is_empty(), "{problems:#?}");
    let settings = Settings { environment: "default".into(), ..Settings::default() };
    let (stack, problems) = resolve(&file.expect("a stack"), &settings, &catalog, &BTreeMap::new());
    assert!(problems.is_empty(), "{problems:#?}");
    let stack = stack.expect("a stack");
    let found = check(&stack);
    found.iter().map(line).collect()
}

fn line(it: &Diagnostic) -> String {
    assert!(it.labels.iter().all(|it| !it.place.span.is_empty()), "{}: a label without a place", it.summary);
    assert!(!it.labels.is_empty() && !it.help.is_empty(), "{}: no place or no help", it.summary);
    let severity = if it.severity == Severity::Error { "error" } else { "warning" };
    format!("{severity}[{}]: {}", it.check.expect("every finding names its rule"), it.summary)
}

#[test]
fn every_file_is_in_the_list_and_the_list_is_sorted() {
    let folder = path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws/lint");
    let files = fs::read_dir(folder).expect("the folder is there").map(|it| it.expect("an entry").path());
    let names = files.map(|it| it.file_stem().and_then(|it| it.to_str()).expect("a name").replace('_', "-"));
    let files: BTreeSet<_> = names.filter(|it| !["grants", "mod", "network", "tests", "usage"].contains(&it.as_str())).collect();
    assert_eq!(RULES.iter().map(|it| it.name.to_owned()).collect::<Vec<_>>(), files.into_iter().collect::<Vec<_>>());
}

/// The findings in a stack, each at the resource where it can be suppressed.
fn check_findings(stack: &str, expected: &[(&str, &str)]) {
    assert_eq!(lint(stack), expected.iter().map(|it| it.1).collect::<Vec<_>>(), "{stack}");
    let suppress = |line: &str| {
        let of = expected.iter().filter(|(name, _)| line.starts_with(&format!("{name}: {{")));
        let rule = |it: &str| it.split_once('[').and_then(|it| it.1.split_once(']')).expect("a rule").0.to_owned();
        let rules: BTreeSet<_> = of.map(|(_, line)| rule(line)).collect();
        let checks: Vec<_> = rules.iter().map(|it| format!("{{ check: {it}, reason: on purpose }}")).collect();
        let written = format!("{{ suppress: [{}],", checks.join(", "));
        if checks.is_empty() { format!("{line}\n") } else { line.replacen('{', &written, 1) + "\n" }
    };
    let suppressed: String = stack.lines().map(suppress).collect();
    assert_eq!(lint(&suppressed), Vec::<String>::new(), "{suppressed}");
}

/// A VPC with two subnets and nothing else.
const NETWORK: &str = "
vpc: { ec2.vpc: { cidr_block: 10.0.0.0/16, enable_dns_hostnames: true } }
a: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.0.0/24, availability_zone: eu-central-1a } }
b: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/24, availability_zone: eu-central-1b } }
";
const GATEWAY: &str = "gateway: { ec2.internet_gateway: { vpc_id: '${vpc.id}' } }\n";
const NAT: &str = "table: { ec2.route_table: { vpc_id: '${vpc.id}', subnet_ids: ['${a.id}', '${b.id}'], routes: [{ destination_cidr_block: 0.0.0.0/0, nat_gateway_id: nat-1 }] } }\n";
const PUBLIC: &str = "table: { ec2.route_table: { vpc_id: '${vpc.id}', subnet_ids: ['${a.id}', '${b.id}'], routes: [{ destination_cidr_block: 0.0.0.0/0, gateway_id: '${gateway.id}' }] } }\n";

const TRUST: &str = "assume_role_policy_document: { Version: '2012-10-17', Statement: [{ Effect: Allow, Principal: { Service: lambda.amazonaws.com }, Action: 'sts:AssumeRole' }] }";
const NETWORK_POLICY: &str = "'arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole'";

fn role(rest: &str) -> String {
    format!("role: {{ iam.role: {{ {TRUST}, {rest} }} }}\n")
}

/// A function in the VPC with this environment.
fn function(environment: &str) -> String {
    format!(
        "group: {{ ec2.security_group: {{ vpc_id: '${{vpc.id}}' }} }}
worker: {{ lambda.function: {{ role: '${{role.arn}}', code: {{ image_uri: 123456789012.dkr.ecr.eu-central-1.amazonaws.com/a }}, environment: {environment}, vpc_config: {{ subnet_ids: ['${{a.id}}', '${{b.id}}'], security_group_ids: ['${{group.id}}'] }} }} }}\n"
    )
}

#[test]
fn nothing_is_found_in_the_examples() {
    let mut all = vec![];
    for resource in TYPES {
        let path = format!("examples/{}.yaml", resource.name().replace('.', "/"));
        let text = fs::read_to_string(path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).expect("every type has an example");
        all.extend(lint_file(&path, text).into_iter().map(|it| format!("{path}: {it}")));
    }
    assert_eq!(all, Vec::<String>::new());
}
