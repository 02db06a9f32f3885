//! `state` and `output`: what is recorded, and what is said where nothing is or where it cannot be read.

use infra::{
    resource::Id,
    state::{Holder, Record, State, Store},
};
use jiff::Timestamp;
use serde_json::json;

use crate::support::Project;

/// A project in which `shop` was applied to `dev`: a VPC and a subnet.
fn applied() -> Project {
    let project = Project::new(&[("stacks/shop.yaml", "stack: shop\nregion: eu-central-1\nenvironments: { dev: {} }\n")]);
    let mut state = State::new("shop", "dev");
    for (address, type_name, id) in [("vpc", "ec2.vpc", "vpc-1"), ("subnet/1a", "ec2.subnet", "subnet-1")] {
        let record = Record {
            type_name: type_name.to_owned(),
            id: Id::from(id),
            location: Default::default(),
            applied: json!({ "cidr_block": "10.0.0.0/24" }),
            shown: Default::default(),
            outputs: json!({ "id": id }),
            dependencies: Default::default(),
            options: Default::default(),
            complete: true,
            deleting: None,
            created: Timestamp::UNIX_EPOCH,
            updated: Timestamp::UNIX_EPOCH,
        };
        state.resources.insert(address.into(), record);
    }
    state.outputs.insert("vpc_id".to_owned(), json!("vpc-1"));
    let store = Store::open(project.path().join("state"), "dev", "shop").unwrap();
    store.lock(&Holder::here("a test")).unwrap().save(&state).unwrap();
    project
}

#[test]
fn recorded_resources_are_listed_shown_moved_and_forgotten() {
    let project = applied();
    let list = project.infra(&["state", "list"]).exits(0).stdout;
    assert!(list.contains("subnet/1a") && list.contains("ec2.vpc") && list.contains("vpc-1"), "{list}");
    let show: serde_json::Value = serde_json::from_str(&project.infra(&["state", "show", "vpc", "--json"]).exits(0).stdout).unwrap();
    assert_eq!(show["resource"]["id"], "vpc-1");

    project.infra(&["state", "mv", "vpc", "network"]).exits(0);
    project.infra(&["state", "show", "network"]).exits(0);
    let ran = project.infra(&["state", "mv", "vpc", "net"]).exits(3);
    assert!(ran.stderr.contains("`vpc` is not recorded"), "{}", ran.stderr);
    let ran = project.infra(&["state", "mv", "network", "subnet/1a"]).exits(3);
    assert!(ran.stderr.contains("is taken"), "{}", ran.stderr);
    project.infra(&["state", "mv", "network", "no such name"]).exits(3);

    let ran = project.infra(&["state", "rm", "network"]).exits(3);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    project.infra(&["state", "rm", "network", "--yes"]).exits(0);
    let list: serde_json::Value = serde_json::from_str(&project.infra(&["state", "list", "--json"]).exits(0).stdout).unwrap();
    assert_eq!(list["resources"].as_array().unwrap().len(), 1, "{list:#}");
}

#[test]
fn outputs_are_for_people_and_for_scripts() {
    let project = applied();
    assert_eq!(project.infra(&["output", "vpc_id"]).exits(0).stdout, "vpc-1\n");
    assert_eq!(project.infra(&["output", "vpc_id", "--json"]).exits(0).stdout, "\"vpc-1\"\n");
    assert!(project.infra(&["output"]).exits(0).stdout.contains("vpc_id"));
    let all: serde_json::Value = serde_json::from_str(&project.infra(&["output", "--json"]).exits(0).stdout).unwrap();
    assert_eq!(all["outputs"], json!({ "vpc_id": "vpc-1" }));
    let ran = project.infra(&["output", "vpc"]).exits(3);
    assert!(ran.stderr.contains("did you mean `vpc_id`?") || ran.stderr.contains("there are: vpc_id"), "{}", ran.stderr);
}

#[test]
fn nothing_recorded_is_told_and_leaves_nothing_behind() {
    let project = Project::new(&[("stacks/shop.yaml", "stack: shop\nregion: eu-central-1\n")]);
    for arguments in [&["state", "list"] as &[&str], &["state", "show", "vpc"], &["state", "rm", "vpc", "--yes"], &["output"]] {
        let ran = project.infra(arguments).exits(1);
        assert!(ran.stderr.contains("nothing is recorded"), "{arguments:?}: {}", ran.stderr);
    }
    assert!(!project.path().join("state").exists());
}

#[test]
fn the_state_of_a_stack_whose_file_is_gone_can_still_be_read() {
    let project = applied();
    std::fs::remove_file(project.path().join("stacks/shop.yaml")).unwrap();
    assert_eq!(project.infra(&["output", "vpc_id", "--env", "dev", "--stack", "shop"]).exits(0).stdout, "vpc-1\n");
}

#[test]
fn a_state_that_cannot_be_used_is_told_with_a_remedy() {
    let path = "state/dev/shop.json";
    // Damaged: the previous version stands in for it.
    let project = applied();
    project.write(path, "{ half");
    let ran = project.infra(&["state", "list"]).exits(0);
    assert!(ran.stderr.contains("damaged") && ran.stderr.contains("shop.json.previous"), "{}", ran.stderr);
    assert!(ran.stdout.contains("vpc-1"), "{}", ran.stdout);

    // That one too.
    project.write("state/dev/shop.json.previous", "{ half");
    let ran = project.infra(&["state", "list"]).exits(1);
    assert!(ran.stderr.contains("damaged") && ran.stderr.contains("hint: "), "{}", ran.stderr);

    // From a newer infra: read, never written.
    let project = applied();
    let text = std::fs::read_to_string(project.path().join(path)).unwrap();
    let newer = text.replacen("\"format_version\": 1", "\"format_version\": 99", 1);
    assert_ne!(text, newer, "{text}");
    project.write(path, &newer);
    let ran = project.infra(&["state", "rm", "vpc", "--yes"]).exits(1);
    assert!(ran.stderr.contains("newer infra"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(project.path().join(path)).unwrap(), newer);

    // Somebody else is at it.
    let project = applied();
    let store = Store::open(project.path().join("state"), "dev", "shop").unwrap();
    let lock = store.lock(&Holder::here("infra apply --env dev")).unwrap();
    let ran = project.infra(&["state", "rm", "vpc", "--yes"]).exits(1);
    assert!(ran.stderr.contains("infra apply --env dev"), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("stop process {}", std::process::id())), "{}", ran.stderr);
    project.infra(&["state", "list"]).exits(0);
    drop(lock);
    project.infra(&["state", "rm", "vpc", "--yes"]).exits(0);
}
