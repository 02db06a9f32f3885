//! The forms that programs rely on: a change here is a change for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::*;
use crate::{
    address::Address,
    plan::Plan,
    report::{diagnostics::tests::mistakes, plan::About, plan::tests::changes, table},
    resource::{Id, Location},
    state::{Dependency, Deposed, Pending, Record, RecordedOptions, State},
};

const ABOUT: About<'static> = About { stack: "shop", environment: "dev", account: None, region: Some("eu-west-1"), width: 80, full: false };
const KEY: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75e";

fn record(type_name: &str, id: &str) -> Record {
    Record {
        type_name: type_name.into(),
        id: Id::from(id),
        location: Location::default(),
        applied: json!({ "cidr_block": "10.0.0.0/24", "tags": { "Name": "hr-chatbot" } }),
        shown: [].into(),
        outputs: json!({ "id": id }),
        dependencies: BTreeSet::new(),
        options: RecordedOptions::default(),
        complete: true,
        deleting: None,
        created: "2026-08-01T10:00:00Z".parse().expect("a time"),
        updated: "2026-08-02T10:00:00Z".parse().expect("a time"),
    }
}

fn state() -> State {
    let certificate = Record {
        location: Location { region: Some("us-east-1".into()), role: None },
        complete: false,
        deleting: None,
        options: RecordedOptions { protect: true, ..RecordedOptions::default() },
        dependencies: BTreeSet::from([Dependency { address: "zone".into(), late: true }]),
        ..record("acm.certificate", "arn:aws:acm:us-east-1:123456789012:certificate/0a1b")
    };
    let pending = Pending {
        address: "nat".into(),
        type_name: "ec2.nat_gateway".into(),
        location: Location::default(),
        name: None,
        free: false,
        applied: json!({}),
        dependencies: BTreeSet::new(),
        options: RecordedOptions::default(),
        begun: "2026-08-02T10:00:00Z".parse().expect("a time"),
    };
    State {
        uuid: "0a1b".into(),
        stack: "shop".into(),
        environment: "dev".into(),
        account: Some("123456789012".into()),
        region: None,
        endpoint: None,
        serial: 7,
        commit: None,
        hash_key: KEY.into(),
        resources: BTreeMap::from([("certificate".into(), certificate), ("vpc".into(), record("ec2.vpc", "vpc-0a1b"))]),
        deposed: vec![Deposed { address: "subnet/1a".into(), record: record("ec2.subnet", "subnet-old") }],
        pending: BTreeMap::from([("f00d".into(), pending)]),
        outputs: BTreeMap::from([("url".into(), json!("https://api.example.com")), ("ports".into(), json!([80, 443]))]),
    }
}

fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[test]
fn a_plan_is_one_document() {
    let whole = plan(&changes(), &ABOUT);
    let without_steps = {
        let mut it = whole.clone();
        it["steps"] = json!(null);
        it
    };
    insta::assert_snapshot!(format!("{without_steps:#}"), @r#"
    {
      "format_version": 1,
      "stack": "shop",
      "environment": "dev",
      "region": "eu-west-1",
      "empty": false,
      "summary": {
        "create": 1,
        "adopt": 1,
        "update": 2,
        "replace": 2,
        "delete": 1,
        "forget": 1,
        "unchanged": 1230
      },
      "forecast": {
        "seconds": 240.0,
        "longest": [
          {
            "address": "database",
            "seconds": 240.0
          }
        ]
      },
      "steps": null,
      "moved": [
        {
          "from": "db",
          "to": "database"
        }
      ],
      "outputs": [
        {
          "name": "api_url",
          "before": {
            "kind": "value",
            "value": "https://old.example.com"
          },
          "after": {
            "kind": "unknown",
            "expression": "${api.url}"
          }
        },
        {
          "name": "zone",
          "before": {
            "kind": "value",
            "value": "Z1"
          },
          "after": {
            "kind": "absent"
          }
        }
      ],
      "notes": [
        {
          "note": "protected",
          "address": "documents"
        },
        {
          "note": "needed",
          "address": "network"
        },
        {
          "note": "kept",
          "address": "vpc",
          "property": "instance_tenancy"
        },
        {
          "note": "waiting",
          "address": "cluster",
          "properties": [
            "engine_version",
            "port"
          ]
        },
        {
          "note": "taken",
          "address": "queue",
          "id": "hr-chatbot-queue"
        },
        {
          "note": "unsettled",
          "address": "nat/1a"
        },
        {
          "note": "left_out",
          "address": "api"
        },
        {
          "note": "left_out",
          "address": "stage"
        }
      ]
    }
    "#);
    insta::assert_snapshot!(format!("{:#}", whole["steps"][1]), @r#"
    {
      "address": "subnet/1a",
      "type": "ec2.subnet",
      "id": "subnet-0a1b2c3d4e5f60718",
      "action": "replace",
      "reason": {
        "why": "immutable",
        "message": "availability_zone and cidr_block cannot be changed in place",
        "properties": [
          "availability_zone",
          "cidr_block"
        ]
      },
      "stateful": false,
      "after": [],
      "seconds": 3.0,
      "changes": [
        {
          "path": "availability_zone",
          "segments": [
            "availability_zone"
          ],
          "before": {
            "kind": "value",
            "value": "ap-northeast-1a"
          },
          "after": {
            "kind": "value",
            "value": "ap-northeast-1d"
          },
          "cause": "file",
          "replaces": true
        },
        {
          "path": "cidr_block",
          "segments": [
            "cidr_block"
          ],
          "before": {
            "kind": "value",
            "value": "10.0.0.0/25"
          },
          "after": {
            "kind": "value",
            "value": "10.0.0.0/26"
          },
          "cause": "file",
          "replaces": true
        }
      ]
    }
    "#);
    let of = |step: usize, change: usize| whole["steps"][step]["changes"][change].to_string();
    insta::assert_snapshot!([of(0, 1), of(2, 0), of(3, 1), of(3, 2)].join("\n"), @r#"
    {"path":"tags.Owner","segments":["tags","Owner"],"before":{"kind":"value","value":"ops"},"after":{"kind":"absent"},"cause":"removed","replaces":false}
    {"path":"subnet_ids","segments":["subnet_ids"],"before":{"kind":"value","value":["subnet-0a1b2c3d4e5f60718","subnet-1a1b2c3d4e5f60718"]},"after":{"kind":"unknown","expression":"${subnet.map(s, s.id)}"},"cause":"reference","replaces":false}
    {"path":"description","segments":["description"],"before":{"kind":"unread"},"after":{"kind":"value","value":"what the functions may do"},"cause":"unfinished","replaces":false}
    {"path":"password","segments":["password"],"before":{"kind":"secret"},"after":{"kind":"secret"},"cause":"file","replaces":false}
    "#);
    let empty = plan(&Plan { unchanged: 3, ..Plan::default() }, &ABOUT);
    assert_eq!((&empty["empty"], &empty["summary"]["unchanged"], &empty["steps"]), (&json!(true), &json!(3), &json!([])));
}

#[test]
fn diagnostics_are_one_document_with_places() {
    let document = diagnostics(&mistakes());
    assert_eq!((&document["errors"], &document["warnings"]), (&json!(3), &json!(1)));
    insta::assert_snapshot!(format!("{}\n{}", document["diagnostics"][0], document["diagnostics"][1]), @r#"
    {"severity":"warning","summary":"`名前` is never used","labels":[{"place":{"path":"stacks/hr-chatbot.yaml","start":{"line":3,"column":7,"byte":34},"end":{"line":3,"column":10,"byte":43}},"text":"its value"}],"help":[]}
    {"severity":"error","summary":"ec2.vpc has no property `cidr_blok`","labels":[{"place":{"path":"stacks/hr-chatbot.yaml","start":{"line":7,"column":7,"byte":81},"end":{"line":7,"column":16,"byte":90}},"text":""}],"help":["a property with a similar name"],"patch":{"place":{"path":"stacks/hr-chatbot.yaml","start":{"line":7,"column":7,"byte":81},"end":{"line":7,"column":16,"byte":90}},"replacement":"cidr_block"}}
    "#);
    assert_eq!(diagnostics(&[]), json!({ "format_version": 1, "errors": 0, "warnings": 0, "diagnostics": [] }));
}

#[test]
fn the_state_has_a_form_for_each_question() {
    let state = state();
    insta::assert_snapshot!(format!("{:#}", state_list(&state)), @r#"
    {
      "format_version": 1,
      "stack": "shop",
      "environment": "dev",
      "account": "123456789012",
      "serial": 7,
      "resources": [
        {
          "address": "certificate",
          "type": "acm.certificate",
          "id": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b",
          "region": "us-east-1",
          "complete": false,
          "created": "2026-08-01T10:00:00Z",
          "updated": "2026-08-02T10:00:00Z"
        },
        {
          "address": "vpc",
          "type": "ec2.vpc",
          "id": "vpc-0a1b",
          "complete": true,
          "created": "2026-08-01T10:00:00Z",
          "updated": "2026-08-02T10:00:00Z"
        }
      ],
      "deposed": [
        {
          "address": "subnet/1a",
          "type": "ec2.subnet",
          "id": "subnet-old",
          "complete": true,
          "created": "2026-08-01T10:00:00Z",
          "updated": "2026-08-02T10:00:00Z"
        }
      ],
      "pending": [
        {
          "address": "nat",
          "type": "ec2.nat_gateway",
          "operation": "f00d",
          "begun": "2026-08-02T10:00:00Z"
        }
      ]
    }
    "#);
    let certificate = Address::from("certificate");
    insta::assert_snapshot!(format!("{:#}", state_show(&certificate, &state.resources[&certificate])), @r#"
    {
      "format_version": 1,
      "resource": {
        "address": "certificate",
        "type": "acm.certificate",
        "id": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b",
        "region": "us-east-1",
        "complete": false,
        "created": "2026-08-01T10:00:00Z",
        "updated": "2026-08-02T10:00:00Z"
      },
      "properties": {
        "cidr_block": "10.0.0.0/24",
        "tags": {
          "Name": "hr-chatbot"
        }
      },
      "outputs": {
        "id": "arn:aws:acm:us-east-1:123456789012:certificate/0a1b"
      },
      "dependencies": [
        {
          "address": "zone",
          "late": true
        }
      ],
      "options": {
        "protect": true,
        "retain": false,
        "create_before_destroy": false
      }
    }
    "#);
    insta::assert_snapshot!(outputs(&state).to_string(), @r#"{"format_version":1,"stack":"shop","environment":"dev","outputs":{"ports":[80,443],"url":"https://api.example.com"}}"#);
}

#[test]
fn the_state_as_tables() {
    let state = state();
    insta::assert_snapshot!(plain(&table::state_list(&state)), @r"
    ADDRESS      TYPE             ID                                                   REGION
    certificate  acm.certificate  arn:aws:acm:us-east-1:123456789012:certificate/0a1b  us-east-1  half made
    vpc          ec2.vpc          vpc-0a1b
    subnet/1a    ec2.subnet       subnet-old                                                      replaced, to be deleted
    nat          ec2.nat_gateway  ?                                                               perhaps created
    ");
    let certificate = Address::from("certificate");
    insta::assert_snapshot!(plain(&table::state_show(&certificate, &state.resources[&certificate], 80)), @r"
    certificate  acm.certificate  arn:aws:acm:us-east-1:123456789012:certificate/0a1b
      region     us-east-1
      created    2026-08-01T10:00:00Z
      updated    2026-08-02T10:00:00Z
      half made  the next apply finishes it
      protect    true
      needs      zone

    Properties
      cidr_block  10.0.0.0/24
      tags        {Name: hr-chatbot}

    Outputs
      id  arn:aws:acm:us-east-1:123456789012:certificate/0a1b
    ");
    insta::assert_snapshot!(plain(&table::outputs(&state, 80)), @r"
    ports  [80, 443]
    url    https://api.example.com
    ");
    assert_eq!(table::output(&state.outputs["url"]), "https://api.example.com\n");
    assert_eq!(table::output(&state.outputs["ports"]), "[80,443]\n");
    let empty = State { resources: BTreeMap::new(), deposed: vec![], pending: BTreeMap::new(), outputs: BTreeMap::new(), ..state };
    assert_eq!(table::state_list(&empty), "shop in dev has no resources\n");
    assert_eq!(table::outputs(&empty, 80), "shop in dev has no outputs\n");
}

#[test]
fn the_key_of_the_state_is_never_shown() {
    let state = state();
    let mut all = format!("{}{}{}{}", state_list(&state), outputs(&state), table::state_list(&state), table::outputs(&state, 80));
    for (address, record) in &state.resources {
        all += &format!("{}{}", state_show(address, record), table::state_show(address, record, 80));
    }
    assert!(!all.contains(KEY));
}
