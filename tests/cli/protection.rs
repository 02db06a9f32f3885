//! What has data is neither replaced nor deleted unless it is named: the environment `prod` of the shipped stack, before the first image.

use std::{collections::BTreeSet, fs};

use serde_json::Value as Json;

use crate::{
    matrix::Bench,
    support::{Project, Ran, root, run},
};

const STACK: &str = "stacks/hr-chatbot.yaml";

/// What has data.
const PROTECTED: &[&str] = &[
    "app_secret",
    "audit_bucket",
    "backend_log_group",
    "cluster",
    "cluster_instance",
    "database_secret",
    "documents",
    "file_processor_log_group",
    "flow_log_group",
    "frontend_log_group",
    "repository/backend",
    "repository/file-processor",
    "repository/frontend",
];

/// What that needs. The database does not refer to the internet gateway, and would not be reached without it.
const NEEDED: &[&str] = &["aurora_group", "database_subnets", "internet_gateway", "lambda_group", "subnet/1a", "subnet/1c", "vpc"];

struct Cloud {
    bench: Bench,
    project: Project,
}

impl Cloud {
    fn infra(&self, arguments: &[&str]) -> Ran {
        let mut command = self.project.command(arguments);
        command.env("INFRA_ENV", "prod").env("AWS_ENDPOINT_URL", self.bench.url());
        run(command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test"))
    }

    fn plan(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.infra(&[&["plan", "--json"], arguments].concat()).exits(0).stdout).unwrap()
    }

    /// What is recorded.
    fn there(&self) -> Vec<String> {
        let list: Json = serde_json::from_str(&self.infra(&["state", "list", "--json"]).exits(0).stdout).unwrap();
        addresses(&list["resources"], |_| true).into_iter().collect()
    }
}

/// The addresses of those in a list that are of a kind.
fn addresses(list: &Json, of: impl Fn(&Json) -> bool) -> BTreeSet<String> {
    list.as_array().unwrap().iter().filter(|it| of(it)).map(|it| it["address"].as_str().unwrap().to_owned()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|it| (*it).to_owned()).collect()
}

#[test]
fn what_has_data_is_replaced_or_deleted_only_by_name() {
    let shipped = fs::read_to_string(root().join(STACK)).unwrap();
    let cloud = Cloud { bench: Bench::start(), project: Project::new(&[(STACK, &shipped)]) };
    cloud.infra(&["apply", "--yes"]).exits(0);

    replacing(&cloud, &shipped);
    deleting(&cloud, &shipped);
    destroying(&cloud);
}

/// A change in the file or of a variable, and what of that which has data it would replace.
fn replacing(cloud: &Cloud, shipped: &str) {
    let edit = |from: &str, to: &str| {
        assert_eq!(shipped.matches(from).count(), 1, "{from}");
        shipped.replace(from, to)
    };
    for (text, vars, replaced) in [
        (shipped.to_owned(), "encrypted=false", &["cluster", "cluster_instance"][..]),
        (shipped.to_owned(), "documents_bucket=hr-chatbot-papers", &["audit_bucket", "documents"]),
        (
            edit("AES256\n      # Versions", "KMS\n      # Versions"),
            "",
            &["repository/backend", "repository/file-processor", "repository/frontend"],
        ),
        (edit("name: hr-chatbot/app-secrets", "name: hr-chatbot/app"), "", &["app_secret"]),
        (edit("log_group_name: /hr-chatbot/flow-logs", "log_group_name: /hr-chatbot/flows"), "", &["flow_log_group"]),
        // With another network, its databases are others.
        (edit("cidr_block: 10.0.0.0/24", "cidr_block: 10.0.0.0/23"), "", &["cluster", "cluster_instance"]),
    ] {
        cloud.project.write(STACK, &text);
        let mut arguments: Vec<&str> = if vars.is_empty() { vec![] } else { vec!["--var", vars] };
        let refused = |arguments: &[&str], expected: &[&str]| {
            let said = cloud.infra(&[&["plan"], arguments].concat()).exits(3).stderr;
            let refusals =
                said.lines().filter(|it| it.starts_with("error: `") && it.contains("is protected and would have to be replaced"));
            assert_eq!(refusals.count(), expected.len(), "{said}");
            for it in expected {
                assert!(said.contains(&format!("error: `{it}` is protected and would have to be replaced")), "{said}");
                assert!(said.contains(&format!("name it: --replace {it}\n")), "{said}");
            }
        };
        refused(&arguments, replaced);
        for (n, address) in replaced.iter().enumerate() {
            arguments.extend(["--replace", *address]);
            if n + 1 < replaced.len() {
                refused(&arguments, &replaced[n + 1..]);
            }
        }
        let plan = cloud.plan(&arguments);
        let stateful = |it: &Json| it["stateful"] == true && it["action"] != "update";
        assert_eq!(addresses(&plan["steps"], stateful), set(replaced), "{text} {vars}");
    }
    cloud.project.write(STACK, shipped);
}

/// What the file no longer has stays, until it is named.
fn deleting(cloud: &Cloud, shipped: &str) {
    let without = shipped.replace("  app_secret:\n", "  app_secret:\n    when: false\n").replace("\"${app_secret.arn}\"", "\"*\"");
    cloud.project.write(STACK, &without);
    let deletes = |it: &Json| it["action"] == "delete";
    let plan = cloud.plan(&[]);
    assert_eq!(addresses(&plan["steps"], deletes), set(&[]));
    assert_eq!(plan["notes"], serde_json::json!([{ "note": "protected", "address": "app_secret" }]));
    let said = cloud.infra(&["plan"]).exits(0).stdout;
    assert!(said.contains("warning: app_secret is protected and stays\n"), "{said}");
    assert!(said.contains("to delete it all the same, name it: --target app_secret\n"), "{said}");
    let plan = cloud.plan(&["--target", "app_secret"]);
    assert_eq!(addresses(&plan["steps"], deletes), set(&["app_secret"]));
    cloud.project.write(STACK, shipped);
}

/// All else goes; what has data goes when it is named.
fn destroying(cloud: &Cloud) {
    let all = cloud.there();
    let stays = |of: &str, plan: &Json| addresses(&plan["notes"], |it| it["note"] == of);
    let plan = cloud.plan(&["--destroy"]);
    assert_eq!(stays("protected", &plan), set(PROTECTED));
    assert_eq!(stays("needed", &plan), set(NEEDED));
    let said = cloud.infra(&["destroy", "--yes"]).exits(0).stdout;
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let (last, rest) = PROTECTED.split_last().unwrap();
    assert!(words.contains(&format!("warning: {} and {last} are protected and stay", rest.join(", "))), "{said}");
    let left: Vec<String> = set(PROTECTED).union(&set(NEEDED)).cloned().collect();
    assert!(left.len() < all.len());
    assert_eq!(cloud.there(), left);

    // Naming one of two that need each other is not enough.
    let plan = cloud.plan(&["--destroy", "--target", "cluster"]);
    assert_eq!(addresses(&plan["steps"], |_| true), set(&[]));
    let mut arguments = vec!["destroy", "--yes"];
    for it in &left {
        arguments.extend(["--target", it]);
    }
    cloud.infra(&arguments).exits(0);
    assert_eq!(cloud.there(), [""; 0]);
}
