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
                .changes(Path::of("subnet_ids"), value(json!(["subnet-0a1b2c3d4e5f60718", "subnet-1a1b2c3d4e5f60718"])), unknown("${subnet.map(s, s.id)}"), Cause::Reference),
            step(Action::Update, "role", "iam.role", 2, &[])
                .id("hr-chatbot-lambda-role")
                .changes(Path::of("policies").key("app"), value(policy(&[&secret("database")])), value(policy(&[&secret("database"), &secret("app-secrets")])), Cause::File)
                .changes(Path::of("description"), Shown::Unread, value(json!("what the functions may do")), Cause::Unfinished)
                .changes(Path::of("password"), Shown::Secret, Shown::Secret, Cause::File),
            step(Action::Delete, "database", "rds.cluster", 240, &[]).id("hr-chatbot-cluster").why(Reason::Removed).data(),
            step(Action::Create, "log_group", "logs.log_group", 1, &[]).why(Reason::Gone).sets("retention_in_days", value(json!(30))),
            step(Action::Adopt, "alias", "route53.record", 30, &[])
                .id("Z123_api.example.com_A")
                .changes(Path::of("ttl"), value(json!(300)), value(json!(60)), Cause::File),
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
            Note::Kept { address: "vpc".into(), property: "instance_tenancy".into() },
            Note::Taken { address: "queue".into(), id: "hr-chatbot-queue".into() },
            Note::Unsettled { address: "nat/1a".into() },
            Note::LeftOut { address: "api".into() },
            Note::LeftOut { address: "stage".into() },
        ],
    }
}

#[test]
#[ignore = "for looking at"]
fn look() {
    use std::io::Write as _;
    for plan in [network(), changes(), Plan { unchanged: 34, ..Plan::default() }] {
        for width in [80, 120] {
            let text = text(&plan, &About { width, ..ABOUT });
            writeln!(std::io::stderr(), "{text}").expect("stderr takes it");
        }
    }
}
