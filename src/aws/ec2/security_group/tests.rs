use infra::resource::{AnyResource as _, AnyUpdate, Id, Wanted};
use serde_json::json;

use super::{SecurityGroup, release};
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire, refusal},
    },
};

#[test]
fn a_rule_has_one_other_end_and_the_ports_of_its_protocol() {
    let https = json!({ "ip_protocol": "tcp", "from_port": 443, "to_port": 443, "cidr_ip": "10.0.0.0/8" });
    let with = |key: &str, value: serde_json::Value| {
        let mut rule = https.clone();
        rule[key] = value;
        rule
    };
    for (rule, expected) in [
        (https.clone(), vec![]),
        (json!({ "ip_protocol": "ALL", "cidr_ip": "10.0.0.0/8" }), vec![]),
        (json!({ "ip_protocol": "50", "source_prefix_list_id": "pl-1" }), vec![]),
        (with("ip_protocol", json!("https")), vec!["ingress[0].ip_protocol: no protocol is called `https`"]),
        (with("cidr_ip", json!(null)), vec!["ingress[0]: the rule names no other end"]),
        (with("source_security_group_id", json!("sg-1")), vec!["ingress[0]: the rule names more than one other end"]),
        (with("to_port", json!(null)), vec!["ingress[0]: a rule for tcp without `to_port`"]),
        (with("to_port", json!(80)), vec!["ingress[0].to_port: `to_port` 80 is below `from_port` 443"]),
        (
            json!({ "ip_protocol": "-1", "from_port": 0, "cidr_ip": "10.0.0.0/8" }),
            vec!["ingress[0].from_port: `from_port` with a protocol that has no ports"],
        ),
    ] {
        let spec = json!({ "ingress": [rule] });
        assert_eq!(complaints::<SecurityGroup>(spec.clone()), expected, "{spec}");
    }
}

#[tokio::test]
async fn what_holds_it_is_removed_when_it_cannot_go() {
    let wire = Wire::scripted(&[
        ("DeleteSecurityGroup", Answer::Say(400, refusal!("DependencyViolation", "resource sg-1 has a dependent object"))),
        (
            "DescribeNetworkInterfaces",
            Answer::Xml("<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId></item></networkInterfaceSet>"),
        ),
        ("DeleteNetworkInterface", Answer::Xml("<return>true</return>")),
        ("DescribeSecurityGroups", Answer::Xml("<securityGroupInfo><item><groupId>sg-2</groupId></item></securityGroupInfo>")),
        (
            "DescribeSecurityGroupRules",
            Answer::Xml(
                "<securityGroupRuleSet>\
                 <item><securityGroupRuleId>sgr-1</securityGroupRuleId><groupId>sg-2</groupId><isEgress>false</isEgress>\
                 <referencedGroupInfo><groupId>sg-1</groupId></referencedGroupInfo></item>\
                 <item><securityGroupRuleId>sgr-2</securityGroupRuleId><groupId>sg-2</groupId><isEgress>true</isEgress>\
                 <referencedGroupInfo><groupId>sg-1</groupId></referencedGroupInfo></item>\
                 <item><securityGroupRuleId>sgr-3</securityGroupRuleId><groupId>sg-2</groupId><isEgress>true</isEgress>\
                 <referencedGroupInfo><groupId>sg-3</groupId></referencedGroupInfo></item>\
                 </securityGroupRuleSet>",
            ),
        ),
        ("RevokeSecurityGroupIngress", Answer::Xml("<return>true</return>")),
        ("RevokeSecurityGroupEgress", Answer::Xml("<return>true</return>")),
    ])
    .await;
    let spec = json!({ "group_name": "a", "vpc_id": "vpc-1" });
    let deleted = SecurityGroup.delete(&wire.world, &"sg-1".into(), &spec).await;
    assert!(deleted.expect_err("the refusal").is(&["DependencyViolation"]));
    let mut said = wire.said(&["NetworkInterfaceId", "GroupId", "SecurityGroupRuleId.1", "SecurityGroupRuleId.2"]);
    // The two searches for groups are made at once.
    said.dedup();
    let expected = [
        "DeleteSecurityGroup GroupId=sg-1",
        "DescribeNetworkInterfaces",
        "DeleteNetworkInterface NetworkInterfaceId=eni-1",
        "DescribeSecurityGroups",
        "DescribeSecurityGroupRules",
        "RevokeSecurityGroupIngress GroupId=sg-2 SecurityGroupRuleId.1=sgr-1",
        "RevokeSecurityGroupEgress GroupId=sg-2 SecurityGroupRuleId.1=sgr-2",
        "DeleteSecurityGroup GroupId=sg-1",
    ];
    assert_eq!(said, expected);
}

/// What is new is let in before anything is shut out, and what stays is not touched.
#[tokio::test]
async fn what_is_let_through_before_and_after_is_let_through_all_the_time() {
    let wire = Wire::scripted(&[
        (
            "DescribeSecurityGroupRules",
            Answer::Xml(
                "<securityGroupRuleSet>\
                 <item><securityGroupRuleId>sgr-1</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol>\
                 <fromPort>1</fromPort><toPort>1</toPort><cidrIpv4>10.0.0.0/8</cidrIpv4></item>\
                 <item><securityGroupRuleId>sgr-2</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol>\
                 <fromPort>2</fromPort><toPort>2</toPort><cidrIpv4>10.0.0.0/8</cidrIpv4></item>\
                 </securityGroupRuleSet>",
            ),
        ),
        ("AuthorizeSecurityGroupIngress", Answer::Xml("<return>true</return>")),
        ("RevokeSecurityGroupIngress", Answer::Xml("<return>true</return>")),
    ])
    .await;
    let rule = |port: i32| json!({ "ip_protocol": "tcp", "from_port": port, "to_port": port, "cidr_ip": "10.0.0.0/8" });
    let spec = |ports: [i32; 2]| json!({ "vpc_id": "vpc-1", "ingress": ports.map(rule) });
    let (from, to, changed) = (spec([1, 2]), spec([2, 3]), ["ingress".to_owned()].into());
    SecurityGroup.update(&wire.world, AnyUpdate { id: &"sg-1".into(), from: &from, to: &to, changed: &changed }).await.expect("done");
    let expected = [
        "DescribeSecurityGroupRules",
        "AuthorizeSecurityGroupIngress IpPermissions.1.FromPort=3",
        "RevokeSecurityGroupIngress SecurityGroupRuleId.1=sgr-1",
    ];
    assert_eq!(
        wire.said(&["IpPermissions.1.FromPort", "IpPermissions.2.FromPort", "SecurityGroupRuleId.1", "SecurityGroupRuleId.2"]),
        expected
    );
}

#[tokio::test]
async fn rules_of_others_let_it_go() {
    let world = cloud().await;
    let vpc = world.ec2().create_vpc().cidr_block("10.8.0.0/16").send().await.expect("a VPC");
    let vpc = vpc.vpc.and_then(|it| it.vpc_id).expect("its id");
    let spec = |name: &str| json!({ "group_name": name, "vpc_id": vpc });
    let held = SecurityGroup.create(&world, &spec("held"), "").await.expect("create");
    let holder = SecurityGroup.create(&world, &spec("holder"), "").await.expect("create");
    let rules = async |id: &Id| {
        let found = SecurityGroup.read(&world, std::slice::from_ref(id), &Wanted::default()).await.expect("read");
        let spec = found.into_iter().flatten().next().expect("it is there").spec;
        (spec["ingress"].as_array().map_or(0, Vec::len), spec["egress"].as_array().map_or(0, Vec::len))
    };
    let refer = async |id: &Id, property: &str, end: &str| {
        let rule = |port: i32| json!({ "ip_protocol": "tcp", "from_port": port, "to_port": port, end: held.as_str() });
        let mut to = spec("any");
        to[property] = json!([rule(1), rule(2), { "ip_protocol": "-1", "cidr_ip": "10.0.0.0/8" }]);
        let changed = [property.to_owned()].into();
        SecurityGroup.update(&world, AnyUpdate { id, from: &spec("any"), to: &to, changed: &changed }).await.expect("update");
    };
    refer(&held, "ingress", "source_security_group_id").await;
    refer(&holder, "ingress", "source_security_group_id").await;
    refer(&holder, "egress", "destination_security_group_id").await;
    assert_eq!((rules(&held).await, rules(&holder).await), ((3, 1), (3, 3)));
    assert!(release(&world, &held).await.expect("release"));
    assert_eq!((rules(&held).await, rules(&holder).await), ((3, 1), (1, 1)), "its own rules stay, and those for others");
    assert!(!release(&world, &held).await.expect("release"), "nothing is left to take away");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ec2.security_group",
        absent: "sg-0123456789abcdef0",
        extra: "
other:
  ec2.security_group:
    group_name: other
    vpc_id: ${vpc.id}
elsewhere:
  ec2.vpc:
    cidr_block: 10.1.0.0/16
",
        changes: &[
            // Ports, a second block, and the rule for the other group stays as it is.
            "ingress:
              - { ip_protocol: tcp, from_port: 443, to_port: 443, cidr_ip: 0.0.0.0/0, description: HTTPS }
              - { ip_protocol: tcp, from_port: 8080, to_port: 8090, cidr_ip: 10.0.0.0/8 }
              - { ip_protocol: tcp, from_port: 443, to_port: 443, cidr_ipv6: '::/0' }
              - { ip_protocol: udp, from_port: 53, to_port: 53, source_security_group_id: '${other.id}' }",
            // The words of one rule.
            "ingress:
              - { ip_protocol: tcp, from_port: 443, to_port: 443, cidr_ip: 0.0.0.0/0, description: From anywhere }
              - { ip_protocol: icmp, from_port: -1, to_port: -1, cidr_ip: 10.0.0.0/8 }",
            "ingress: []",
            "egress: []",
            "egress: [{ ip_protocol: '-1', cidr_ip: 10.0.0.0/8 }, { ip_protocol: tcp, from_port: 1, to_port: 2, destination_security_group_id: '${other.id}' }]",
        ],
        replacements: &["description: Another", "group_name: another", "vpc_id: ${elsewhere.id}"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
