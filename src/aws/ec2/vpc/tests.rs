use serde_json::json;

use super::*;
use crate::aws::conformance::{
    Conformance,
    wire::{Answer, Wire, refusal},
};

fn spec(support: bool, hostnames: bool, tenancy: &str) -> Spec {
    let json = json!({
        "cidr_block": "10.0.0.0/16", "enable_dns_support": support, "enable_dns_hostnames": hostnames, "instance_tenancy": tenancy,
    });
    serde_json::from_value(json).expect("a spec")
}

/// DNS names need the server: it goes on before them and off after them.
#[tokio::test]
async fn attributes_change_in_an_order_that_aws_allows() {
    let check = async |from: bool, to: bool, expected: [&str; 2]| {
        let wire = Wire::scripted(&[("ModifyVpcAttribute", Answer::Xml("<return>true</return>"))]).await;
        let (from, to) = (spec(from, from, "default"), spec(to, to, "default"));
        let changed = ["enable_dns_hostnames", "enable_dns_support"].map(str::to_owned).into();
        Vpc::update(&wire.world, Update { id: &"vpc-1".into(), from: &from, to: &to, changed: &changed }).await.expect("done");
        let expected = expected.map(|it| format!("ModifyVpcAttribute {it}.Value={}", to.enable_dns_support));
        assert_eq!(wire.said(&["EnableDnsSupport.Value", "EnableDnsHostnames.Value"]), expected);
    };
    check(false, true, ["EnableDnsSupport", "EnableDnsHostnames"]).await;
    check(true, false, ["EnableDnsHostnames", "EnableDnsSupport"]).await;
}

#[tokio::test]
async fn it_is_usable_when_it_is_available() {
    let wire = Wire::scripted(&[
        (
            "DescribeVpcs",
            Answer::Xml(
                "<vpcSet><item><vpcId>vpc-1</vpcId><state>pending</state></item>\
                <item><vpcId>vpc-2</vpcId><state>available</state></item></vpcSet>",
            ),
        ),
        ("DescribeSecurityGroups", Answer::Xml("<securityGroupInfo/>")),
        ("DescribeNetworkAcls", Answer::Xml("<networkAclSet/>")),
        ("DescribeRouteTables", Answer::Xml("<routeTableSet/>")),
    ])
    .await;
    let read = Vpc::read(&wire.world, &["vpc-1", "vpc-2", "vpc-3"].map(Into::into), &Wanted::default()).await.expect("read");
    let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
    assert_eq!(statuses, [Some(Status::Pending("pending".into())), Some(Status::Ready), None]);
}

#[test]
fn dedicated_becomes_default_in_place_and_never_the_reverse() {
    let replaces = |from: &str, to: &str| Vpc::replaces(&spec(true, false, from), &spec(true, false, to)).is_some();
    assert!(replaces("default", "dedicated"));
    assert!(!replaces("dedicated", "default") && !replaces("default", "default"));
}

#[test]
fn names_without_a_server_are_a_mistake() {
    let check = |yaml: serde_json::Value, expected: usize| {
        let mut problems = Problems::default();
        Vpc::check(&Value::from(yaml), &mut problems);
        assert_eq!(problems.0.len(), expected, "{problems:?}");
    };
    check(json!({ "enable_dns_hostnames": true, "enable_dns_support": false }), 1);
    check(json!({ "enable_dns_hostnames": true }), 0);
    check(json!({ "enable_dns_support": false }), 0);
}

#[tokio::test]
async fn leftovers_of_guardduty_are_removed() {
    let wire = Wire::scripted(&[
        ("DeleteVpc", Answer::Say(400, refusal!("DependencyViolation", "The vpc has dependencies."))),
        ("DescribeVpcEndpoints", Answer::Xml("<vpcEndpointSet><item><vpcEndpointId>vpce-1</vpcEndpointId></item></vpcEndpointSet>")),
        ("DeleteVpcEndpoints", Answer::Xml("<unsuccessful/>")),
        ("DescribeSecurityGroups", Answer::Xml("<securityGroupInfo><item><groupId>sg-1</groupId></item></securityGroupInfo>")),
        ("DeleteSecurityGroup", Answer::Say(400, refusal!("DependencyViolation", "It is in use."))),
    ])
    .await;
    let deleted = Vpc::delete(&wire.world, Delete { id: &"vpc-1".into(), spec: &spec(true, false, "default") }).await;
    assert_eq!(deleted.expect_err("the refusal").action, "DeleteVpc");
    let said = wire.said(&["VpcEndpointId.1", "GroupId"]);
    assert_eq!(said[2..], ["DeleteVpcEndpoints VpcEndpointId.1=vpce-1", "DescribeSecurityGroups", "DeleteSecurityGroup GroupId=sg-1"]);
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ec2.vpc",
        absent: "vpc-0123456789abcdef0",
        changes: &[
            "enable_dns_hostnames: false",
            "enable_dns_support: false",
            "enable_dns_support: null",
            "amazon_provided_ipv6_cidr_block: true",
            "amazon_provided_ipv6_cidr_block: null",
            "amazon_provided_ipv6_cidr_block: true",
            "enable_network_address_usage_metrics: true",
            "enable_network_address_usage_metrics: null",
        ],
        replacements: &["cidr_block: 10.1.0.0/16", "instance_tenancy: dedicated"],
        // In place it changes only from dedicated, which costs money, to default.
        untried: &["instance_tenancy"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
