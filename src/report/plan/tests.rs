//! Plans of the HR chatbot's network as a reviewer sees them.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::*;
use crate::{
    address::Address,
    plan::{Cause, Change, Note, OutputChange, Shown},
    resource::Id,
    value::Path,
};

const ABOUT: About<'static> = About {
    stack: "hr-chatbot",
    environment: "dev",
    account: Some("123456789012"),
    region: Some("ap-northeast-1"),
    width: 80,
    full: false,
};

fn plain(plan: &Plan) -> String {
    anstream::adapter::strip_str(&text(plan, &ABOUT)).to_string()
}

fn step(action: Action, address: &str, type_name: &str, seconds: u64, after: &[&str]) -> Step {
    Step {
        address: address.into(),
        type_name: type_name.to_owned(),
        id: None,
        action,
        reason: None,
        changes: vec![],
        after: after.iter().map(|it| Address::from(*it)).collect(),
        typical: Duration::from_secs(seconds),
        stateful: false,
    }
}

fn value(json: Json) -> Shown {
    Shown::Value(json)
}

fn unknown(expression: &str) -> Shown {
    Shown::Unknown(expression.to_owned())
}

trait With: Sized {
    fn id(self, id: &str) -> Self;
    fn why(self, reason: Reason) -> Self;
    fn data(self) -> Self;
    fn sets(self, path: &str, after: Shown) -> Self;
    fn changes(self, path: Path, before: Shown, after: Shown, cause: Cause) -> Self;
    fn forced(self) -> Self;
}

impl With for Step {
    fn id(mut self, id: &str) -> Self {
        self.id = Some(Id::from(id));
        self
    }

    fn why(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    fn data(mut self) -> Self {
        self.stateful = true;
        self
    }

    fn sets(self, path: &str, after: Shown) -> Self {
        self.changes(Path::of(path), Shown::Absent, after, Cause::File)
    }

    fn changes(mut self, path: Path, before: Shown, after: Shown, cause: Cause) -> Self {
        self.changes.push(Change { path, before, after, cause, replaces: false });
        self
    }

    fn forced(mut self) -> Self {
        self.changes.last_mut().expect("a change comes first").replaces = true;
        self
    }
}

/// The network from nothing.
pub(in crate::report) fn network() -> Plan {
    let subnet = |key: &str, block: &str| {
        step(Action::Create, &format!("subnet/{key}"), "ec2.subnet", 2, &["vpc"])
            .sets("availability_zone", value(json!(format!("ap-northeast-{key}"))))
            .sets("cidr_block", value(json!(block)))
            .sets("map_public_ip_on_launch", value(json!(true)))
            .sets("tags", value(json!({ "Name": format!("hr-chatbot-{key}") })))
            .sets("vpc_id", unknown("${vpc.id}"))
    };
    let endpoint = |name: &str, service: &str| {
        step(Action::Create, name, "ec2.vpc_endpoint", 90, &["subnet/1a", "subnet/1c", "aurora_sg"])
            .sets("private_dns_enabled", value(json!(true)))
            .sets("security_group_ids", unknown("${[aurora_sg.id]}"))
            .sets("service_name", value(json!(format!("com.amazonaws.ap-northeast-1.{service}"))))
            .sets("subnet_ids", unknown("${subnet.map(s, s.id)}"))
            .sets("vpc_id", unknown("${vpc.id}"))
    };
    let rule = |port: u16, from: (&str, Json)| json!({ "ip_protocol": "tcp", "from_port": port, "to_port": port, from.0: from.1 });
    Plan {
        steps: vec![
            step(Action::Create, "vpc", "ec2.vpc", 2, &[])
                .sets("cidr_block", value(json!("10.0.0.0/24")))
                .sets("enable_dns_hostnames", value(json!(true)))
                .sets("tags", value(json!({ "Application": "hr-chatbot", "Environment": "dev", "Name": "hr-chatbot" }))),
            subnet("1a", "10.0.0.0/25"),
            subnet("1c", "10.0.0.128/25"),
            step(Action::Create, "igw", "ec2.internet_gateway", 2, &["vpc"]).sets("vpc_id", unknown("vpc.id")),
            step(Action::Create, "routes", "ec2.route_table", 2, &["vpc", "igw"])
                .sets("main", value(json!(true)))
                .changes(Path::of("routes").item(0).key("destination_cidr_block"), Shown::Absent, value(json!("0.0.0.0/0")), Cause::File)
                .changes(Path::of("routes").item(0).key("gateway_id"), Shown::Absent, unknown("${igw.id}"), Cause::File)
                .sets("vpc_id", unknown("${vpc.id}")),
            step(Action::Create, "aurora_sg", "ec2.security_group", 3, &["vpc"])
                .sets("group_description", value(json!("Security group for HR Chatbot Aurora PostgreSQL")))
                .sets(
                    "security_group_ingress",
                    value(json!([
                        rule(5432, ("source_security_group_id", json!("self"))),
                        rule(443, ("source_security_group_id", json!("self"))),
                        rule(5432, ("cidr_ip", json!("203.0.113.10/32"))),
                    ])),
                )
                .sets("vpc_id", unknown("${vpc.id}")),
            endpoint("secrets_endpoint", "secretsmanager"),
            endpoint("bedrock_endpoint", "bedrock-runtime"),
            step(Action::Create, "database", "rds.cluster", 400, &["aurora_sg"])
                .sets("engine_version", value(json!("17.6")))
                .sets("master_user_password", Shown::Secret),
        ],
        outputs: vec![OutputChange { name: "vpc_id".into(), before: Shown::Absent, after: unknown("${vpc.id}") }],
        ..Plan::default()
    }
}

/// One of everything that can happen to what exists.
pub(in crate::report) fn changes() -> Plan {
    let policy = |resources: &[&str]| {
        json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*" },
                { "Effect": "Allow", "Action": ["secretsmanager:GetSecretValue"], "Resource": resources },
                { "Effect": "Allow", "Action": ["bedrock:InvokeModel"], "Resource": "arn:aws:bedrock:*::foundation-model/amazon.nova-pro-v1:0" },
            ],
        })
    };
    let secret = |name: &str| format!("arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:hr-chatbot/{name}");
    Plan {
        steps: vec![
            step(Action::Update, "vpc", "ec2.vpc", 1, &[])
                .id("vpc-0a1b2c3d4e5f60718")
                .changes(Path::of("enable_dns_hostnames"), value(json!(false)), value(json!(true)), Cause::Drift)
                .changes(Path::of("tags").key("Owner"), value(json!("ops")), Shown::Absent, Cause::Removed)
                .changes(Path::of("tags").key("aws:x y"), Shown::Absent, value(json!("new")), Cause::File),
            step(Action::Replace, "subnet/1a", "ec2.subnet", 3, &[])
                .id("subnet-0a1b2c3d4e5f60718")
                .why(Reason::Immutable { properties: vec!["availability_zone".into(), "cidr_block".into()] })
                .changes(Path::of("availability_zone"), value(json!("ap-northeast-1a")), value(json!("ap-northeast-1d")), Cause::File)
                .forced()
                .changes(Path::of("cidr_block"), value(json!("10.0.0.0/25")), value(json!("10.0.0.0/26")), Cause::File)
                .forced(),
            step(Action::CreateThenDelete, "secrets_endpoint", "ec2.vpc_endpoint", 130, &["subnet/1a"])
                .id("vpce-0a1b2c3d4e5f60718")
                .why(Reason::Type { text: "an endpoint cannot go from interface to gateway".into() })
                .changes(
                    Path::of("subnet_ids"),
                    value(json!(["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"])),
                    unknown("${subnet.map(s, s.id)}"),
                    Cause::Reference,
                ),
            step(Action::Update, "role", "iam.role", 2, &[])
                .id("hr-chatbot-lambda-role")
                .changes(
                    Path::of("policies").key("app"),
                    value(policy(&[&secret("database")])),
                    value(policy(&[&secret("database"), &secret("app-secrets")])),
                    Cause::File,
                )
                .changes(Path::of("description"), Shown::Unread, value(json!("what the functions may do")), Cause::Unfinished)
                .changes(Path::of("password"), Shown::Secret, Shown::Secret, Cause::File),
            step(Action::Delete, "database", "rds.cluster", 240, &[]).id("hr-chatbot-cluster").why(Reason::Removed).data(),
            step(Action::Create, "log_group", "logs.log_group", 1, &[]).why(Reason::Gone).sets("retention_in_days", value(json!(30))),
            step(Action::Adopt, "alias", "route53.record", 30, &[]).id("Z123_api.example.com_A").changes(
                Path::of("ttl"),
                value(json!(300)),
                value(json!(60)),
                Cause::File,
            ),
            step(Action::Forget, "bucket", "s3.bucket", 0, &[]).id("hr-chatbot-documents").why(Reason::Removed),
        ],
        unchanged: 1_230,
        moved: vec![("db".into(), "database".into())],
        outputs: vec![
            OutputChange { name: "api_url".into(), before: value(json!("https://old.example.com")), after: unknown("${api.url}") },
            OutputChange { name: "zone".into(), before: value(json!("Z1")), after: Shown::Absent },
        ],
        notes: vec![
            Note::Protected { address: "documents".into() },
            Note::Needed { address: "network".into() },
            Note::Kept { address: "vpc".into(), property: "instance_tenancy".into() },
            Note::Waiting { address: "cluster".into(), properties: vec!["engine_version".into(), "port".into()] },
            Note::Taken { address: "queue".into(), id: "hr-chatbot-queue".into() },
            Note::Unsettled { address: "nat/1a".into() },
            Note::LeftOut { address: "api".into() },
            Note::LeftOut { address: "stage".into() },
        ],
    }
}

#[test]
fn a_plan_from_nothing_shows_what_will_be_written() {
    insta::assert_snapshot!(plain(&network()), @r#"
    hr-chatbot in dev, account 123456789012, region ap-northeast-1

      + vpc  ec2.vpc
          cidr_block            10.0.0.0/24
          enable_dns_hostnames  true
          tags
            {Application: hr-chatbot, Environment: dev, Name: hr-chatbot}

      + subnet/1a  ec2.subnet
          availability_zone        ap-northeast-1a
          cidr_block               10.0.0.0/25
          map_public_ip_on_launch  true
          tags                     {Name: hr-chatbot-1a}
          vpc_id                   (after apply: ${vpc.id})

      + subnet/1c  ec2.subnet
          availability_zone        ap-northeast-1c
          cidr_block               10.0.0.128/25
          map_public_ip_on_launch  true
          tags                     {Name: hr-chatbot-1c}
          vpc_id                   (after apply: ${vpc.id})

      + igw  ec2.internet_gateway
          vpc_id  (after apply: ${vpc.id})

      + routes  ec2.route_table
          main                              true
          routes[0].destination_cidr_block  0.0.0.0/0
          routes[0].gateway_id              (after apply: ${igw.id})
          vpc_id                            (after apply: ${vpc.id})

      + aurora_sg  ec2.security_group
          group_description       Security group for HR Chatbot Aurora PostgreSQL
          security_group_ingress
            - ip_protocol: tcp
              from_port: 5432
              to_port: 5432
              source_security_group_id: self
            - ip_protocol: tcp
              from_port: 443
              to_port: 443
              source_security_group_id: self
            - ip_protocol: tcp
              from_port: 5432
              to_port: 5432
              cidr_ip: 203.0.113.10/32
          vpc_id                  (after apply: ${vpc.id})

      + secrets_endpoint  ec2.vpc_endpoint
          private_dns_enabled  true
          security_group_ids   (after apply: ${[aurora_sg.id]})
          service_name         com.amazonaws.ap-northeast-1.secretsmanager
          subnet_ids           (after apply: ${subnet.map(s, s.id)})
          vpc_id               (after apply: ${vpc.id})

      + bedrock_endpoint  ec2.vpc_endpoint
          private_dns_enabled  true
          security_group_ids   (after apply: ${[aurora_sg.id]})
          service_name         com.amazonaws.ap-northeast-1.bedrock-runtime
          subnet_ids           (after apply: ${subnet.map(s, s.id)})
          vpc_id               (after apply: ${vpc.id})

      + database  rds.cluster
          engine_version        "17.6"
          master_user_password  (secret)

    Outputs
          vpc_id  (after apply: ${vpc.id})

    Plan: 9 to create, 0 to update, 0 to replace, 0 to delete; 0 unchanged. About 7 min, mostly database (7 min).
    "#);
}

#[test]
fn everything_that_can_happen_to_what_exists() {
    insta::assert_snapshot!(plain(&changes()), @r#"
    hr-chatbot in dev, account 123456789012, region ap-northeast-1

      ~ vpc  ec2.vpc  vpc-0a1b2c3d4e5f60718
          enable_dns_hostnames  false   → true  changed outside infra
          tags.Owner            ops     → (unset)  no longer in the file
          tags["aws:x y"]       (unset) → new

    -/+ subnet/1a  ec2.subnet  subnet-0a1b2c3d4e5f60718
          replaced because availability_zone and cidr_block cannot be changed in
          place; the old one is deleted first
          availability_zone  ap-northeast-1a → ap-northeast-1d  forces replacement
          cidr_block         10.0.0.0/25     → 10.0.0.0/26  forces replacement

    +/- secrets_endpoint  ec2.vpc_endpoint  vpce-0a1b2c3d4e5f60718
          replaced because an endpoint cannot go from interface to gateway; the new
          one is created first
          subnet_ids
            - [subnet-0a1b2c3d4e5f60718, subnet-1a1b2c3d4e5f60718]
            + (after apply: ${subnet.map(s, s.id)})

      ~ role  iam.role  hr-chatbot-lambda-role
          policies.app
              …
                  Resource:
                    - arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:hr-chatbot/database
            +       - arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:hr-chatbot/app-secrets
                - Effect: Allow
                  Action: [bedrock:InvokeModel]
          description   (not readable) → what the functions may do
            not finished by an earlier run
          password      (secret)       → (secret)

      - database  rds.cluster  hr-chatbot-cluster
          because the file no longer has it
          ITS DATA IS LOST

      + log_group  logs.log_group
          because it no longer exists in the cloud
          retention_in_days  30

      < alias  route53.record  Z123_api.example.com_A
          exists already and is taken over
          ttl  300 → 60

      > bucket  s3.bucket  hr-chatbot-documents
          stays in the cloud and is no longer recorded because the file no longer
          has it

      ⤷ db is now database

    Outputs
          api_url  https://old.example.com → (after apply: ${api.url})
          zone     Z1                      → (unset)

    note: vpc keeps its instance_tenancy, which the file no longer has: AWS cannot
      unset it

    note: changes of cluster are pending, to be made in its maintenance window:
      engine_version and port

    warning: queue cannot be created: hr-chatbot-queue exists and is not of this
      stack
      hint: write `adopt: hr-chatbot-queue` beside its type to take it over, or give yours another name

    warning: documents is protected and stays
      hint: to delete it all the same, name it: --target documents

    note: network stays too: what is protected needs it

    note: an earlier run began to create nat/1a; whether it was created is found out
      first

    note: 2 resources with changes are left out: api and stage

    warning: the data of database (rds.cluster) is lost

    Plan: 1 to create, 1 to adopt, 2 to update, 2 to replace, 1 to delete, 1 to forget, 1 renamed; 1,230 unchanged. About 4 min, mostly database (4 min).
    "#);
}

#[test]
fn an_empty_plan_takes_one_line() {
    for (unchanged, expected) in [
        (0, "No changes. There is nothing to do.\n"),
        (1, "No changes. 1 resource is as the file says.\n"),
        (34, "No changes. 34 resources are as the file says.\n"),
    ] {
        assert_eq!(plain(&Plan { unchanged, ..Plan::default() }), expected);
    }
    let protected = Plan { unchanged: 34, notes: vec![Note::Protected { address: "documents".into() }], ..Plan::default() };
    let shown = plain(&protected);
    assert!(shown.contains("documents is protected") && shown.ends_with("34 resources are as the file says.\n"), "{shown}");
}

#[test]
fn many_that_stay_are_told_together_with_what_they_need() {
    let protected = |it: &str| Note::Protected { address: it.into() };
    let needed = |it: &str| Note::Needed { address: it.into() };
    let notes = vec![protected("cluster"), needed("vpc"), protected("documents"), needed("subnet/1a")];
    let shown = plain(&Plan { unchanged: 4, notes, ..Plan::default() });
    for line in [
        "warning: cluster and documents are protected and stay\n  hint: to delete one of them all the same, name it: --target cluster\n",
        "note: vpc and subnet/1a stay too: what is protected needs them\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
}

#[test]
fn renames_alone_are_a_plan() {
    let plan = Plan { moved: vec![("a".into(), "b".into())], unchanged: 2, ..Plan::default() };
    assert!(
        plain(&plan).ends_with("Plan: 0 to create, 0 to update, 0 to replace, 0 to delete, 1 renamed; 2 unchanged.\n"),
        "{}",
        plain(&plan)
    );
}

#[test]
fn each_reason_is_a_sentence() {
    for (reason, expected) in [
        (Reason::Gone, "because it no longer exists in the cloud"),
        (Reason::Unfinished, "because an earlier run began it and did not finish"),
        (Reason::Failed { status: "insufficient capacity".into() }, "because it never became usable: insufficient capacity"),
        (Reason::Asked, "because --replace names it"),
        (Reason::TypeChanged { from: "ec2.eip".into() }, "because its type was ec2.eip"),
        (Reason::Relocated, "because it moves to another region or is reached through another role"),
        (Reason::Deposed, "because an earlier run replaced it and did not yet delete it"),
    ] {
        let plan = Plan { steps: vec![step(Action::Delete, "x", "t.t", 1, &[]).why(reason)], ..Plan::default() };
        assert!(plain(&plan).contains(&format!("\n      {expected}\n")), "{}", plain(&plan));
    }
    let destroyed = Plan { steps: vec![step(Action::Delete, "x", "t.t", 1, &[]).why(Reason::Destroyed)], ..Plan::default() };
    assert!(!plain(&destroyed).contains("because"));
}

#[test]
fn the_forecast_follows_the_longest_chain() {
    let of = |steps: Vec<Step>| {
        let it = forecast(&Plan { steps, ..Plan::default() });
        (it.total.as_secs(), it.longest.iter().map(|it| it.0.to_string()).collect::<Vec<_>>())
    };
    let create = |address: &str, seconds, after: &[&str]| step(Action::Create, address, "t.t", seconds, after);
    assert_eq!(of(vec![]), (0, vec![]));
    // Beside each other, only the longer counts.
    assert_eq!(of(vec![create("a", 2, &[]), create("nat", 120, &["a"]), create("b", 90, &["a"])]), (122, vec!["nat".into()]));
    // Two that make up most of it; what is not in the plan is not waited for.
    assert_eq!(
        of(vec![create("cluster", 300, &["gone"]), create("instance", 280, &["cluster"]), create("alarm", 1, &["instance"])]),
        (581, vec!["cluster".into(), "instance".into()])
    );
    // Nothing stands out of ten equal ones.
    let chain: Vec<_> = (0..10).map(|n: u32| create(&n.to_string(), 30, &[&n.wrapping_sub(1).to_string()])).collect();
    assert_eq!(of(chain), (300, vec![]));
    // A new one and its predecessor share an address: who needs it waits for both.
    let twins = vec![create("x", 50, &[]), step(Action::Delete, "x", "t.t", 5, &[]), create("y", 10, &["x"])];
    assert_eq!(of(twins).0, 60);
}

#[test]
fn long_values_are_folded_unless_all_is_asked_for() {
    let list: Vec<_> = (0..40).map(|n| format!("subnet-{n:017}")).collect();
    let plan = Plan {
        steps: vec![step(Action::Create, "group", "rds.subnet_group", 1, &[]).sets("subnet_ids", value(json!(list)))],
        ..Plan::default()
    };
    let shown = plain(&plan);
    assert!(shown.contains("- subnet-00000000000000011\n        … 28 more lines\n") && !shown.contains("00012"), "{shown}");
    let full = text(&plan, &About { full: true, ..ABOUT });
    assert!(full.contains("- subnet-00000000000000039"), "{full}");
}

#[test]
fn a_long_text_that_changes_a_little_shows_that_little() {
    let script = |n: u32| (0..60).map(|line| if line == 30 { format!("echo {n}\n") } else { format!("line {line}\n") }).collect::<String>();
    let change = step(Action::Update, "host", "ec2.instance", 1, &[]).changes(
        Path::of("user_data"),
        value(json!(script(1))),
        value(json!(script(2))),
        Cause::File,
    );
    insta::assert_snapshot!(plain(&Plan { steps: vec![change], ..Plan::default() }), @r"
    hr-chatbot in dev, account 123456789012, region ap-northeast-1

      ~ host  ec2.instance
          user_data
              …
              line 28
              line 29
            - echo 1
            + echo 2
              line 31
              line 32

    Plan: 0 to create, 1 to update, 0 to replace, 0 to delete; 0 unchanged. A few seconds.
    ");
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_a_command() {
    let evil = "\u{1b}]0;owned\u{7}\u{202e}\n+ fake";
    let plan = Plan {
        steps: vec![
            step(Action::Update, "vpc", evil, 1, &[])
                .id(evil)
                .why(Reason::Failed { status: evil.into() })
                .changes(Path::of("tags").key(evil), value(json!(evil)), value(json!({ evil: [evil] })), Cause::Drift)
                .changes(Path::of("x"), unknown(evil), value(json!(format!("{evil}{evil}"))), Cause::Drift),
        ],
        outputs: vec![OutputChange { name: evil.into(), before: value(json!(evil)), after: Shown::Absent }],
        notes: vec![Note::Taken { address: evil.into(), id: evil.into() }],
        ..Plan::default()
    };
    let shown = text(&plan, &ABOUT);
    assert!(!shown.contains(['\u{7}', '\u{202e}']) && !shown.contains("\u{1b}]"), "{shown:?}");
    assert!(!shown.lines().any(|line| line.starts_with("+ fake")), "{shown}");
}

#[test]
fn no_line_of_ordinary_length_is_wider_than_the_window() {
    for plan in [network(), changes()] {
        for line in plain(&plan).lines().filter(|line| !line.contains("arn:") && !line.starts_with("Plan:") && !line.contains("hint:")) {
            assert!(crate::report::text::width(line) <= 80, "{line}");
        }
    }
}

/// `cargo test --lib plan_to_look_at -- --ignored --nocapture`
#[test]
#[ignore = "for looking at"]
fn plan_to_look_at() {
    use std::io::Write as _;
    for plan in [network(), changes(), Plan { unchanged: 34, ..Plan::default() }] {
        writeln!(std::io::stderr(), "{}", text(&plan, &About { width: 100, ..ABOUT })).expect("stderr takes it");
    }
}
