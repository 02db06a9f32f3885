use infra::resource::{AnyResource as _, AnyUpdate};
use serde_json::json;

use super::*;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Wire, refused},
    },
};

const FOUND: Answer = Answer::Xml(
    "<DescribeLoadBalancersResult><LoadBalancers><member><LoadBalancerName>web</LoadBalancerName>\
     <LoadBalancerArn>arn:web</LoadBalancerArn><State><Code>active</Code></State></member></LoadBalancers></DescribeLoadBalancersResult>",
);
const DONE: Answer = Answer::Xml("<ModifyLoadBalancerAttributesResult/>");

#[tokio::test]
async fn states_tell_what_can_become_of_it_and_its_name_is_there_at_once() {
    let wire = Wire::scripted(&[(
        "DescribeLoadBalancers",
        Answer::Xml(
            "<DescribeLoadBalancersResult><LoadBalancers>\
             <member><LoadBalancerName>a</LoadBalancerName><LoadBalancerArn>arn:aws:x:loadbalancer/app/a/1</LoadBalancerArn>\
             <DNSName>a.elb</DNSName><State><Code>provisioning</Code></State></member>\
             <member><LoadBalancerName>b</LoadBalancerName><State><Code>active</Code></State></member>\
             <member><LoadBalancerName>c</LoadBalancerName><State><Code>active_impaired</Code></State></member>\
             <member><LoadBalancerName>d</LoadBalancerName><State><Code>failed</Code><Reason>no address</Reason></State></member>\
             </LoadBalancers></DescribeLoadBalancersResult>",
        ),
    )])
    .await;
    let ids = ["a", "b", "c", "d", "e"].map(Id::from);
    let read = <LoadBalancer as Resource>::read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    let outputs = &read[0].as_ref().expect("the first").outputs;
    assert_eq!((outputs.dns_name.as_str(), outputs.load_balancer_full_name.as_str()), ("a.elb", "app/a/1"));
    let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
    let failed = Status::Failed("failed: no address".into());
    let expected = [Some(Status::Pending("provisioning".into())), Some(Status::Ready), Some(Status::Ready), Some(failed), None];
    assert_eq!(statuses, expected);
    assert_eq!(wire.calls(), 1, "attributes and tags are not wanted");
}

#[tokio::test]
async fn one_that_the_file_protects_is_not_deleted() {
    let wire = Wire::scripted(&[("DescribeLoadBalancers", FOUND)]).await;
    let spec = json!({ "name": "web", "subnets": ["subnet-1"], "deletion_protection_enabled": true });
    let refused = LoadBalancer.delete(&wire.world, &"web".into(), &spec).await.expect_err("it is protected");
    assert!(refused.message.contains("set `deletion_protection_enabled: false`, apply, and delete it then"), "{refused}");
    assert!(!LoadBalancer::FACTS.passing.iter().any(|it| refused.is(&[it.code])), "waiting does not help");
    assert_eq!(wire.said(&[]), ["DescribeLoadBalancers"]);
}

/// Somebody protected it by hand, and the file says that it is not protected.
#[tokio::test]
async fn protection_that_the_file_does_not_want_is_turned_off() {
    let refused = refused!("OperationNotPermitted", "Load balancer 'arn:web' cannot be deleted because deletion protection is enabled");
    let wire = Wire::scripted(Box::leak(Box::new([
        ("DescribeLoadBalancers", FOUND),
        ("DeleteLoadBalancer", refused),
        ("ModifyLoadBalancerAttributes", DONE),
    ])))
    .await;
    let spec = json!({ "name": "web", "subnets": ["subnet-1"] });
    let still = LoadBalancer.delete(&wire.world, &"web".into(), &spec).await.expect_err("this server never relents");
    assert!(still.is(&["OperationNotPermitted"]));
    let said = wire.said(&["LoadBalancerArn", "Attributes.member.1.Key", "Attributes.member.1.Value"]);
    let expected = [
        "DescribeLoadBalancers",
        "DeleteLoadBalancer LoadBalancerArn=arn%3Aweb",
        "ModifyLoadBalancerAttributes LoadBalancerArn=arn%3Aweb Attributes.member.1.Key=deletion_protection.enabled \
         Attributes.member.1.Value=false",
        "DeleteLoadBalancer LoadBalancerArn=arn%3Aweb",
    ];
    assert_eq!(said, expected);
}

/// A network load balancer does not know the attributes of the other kind, and AWS refuses what it does not know.
#[tokio::test]
async fn only_attributes_that_change_are_sent() {
    let wire = Wire::scripted(&[("DescribeLoadBalancers", FOUND), ("ModifyLoadBalancerAttributes", DONE)]).await;
    let from = json!({ "name": "web", "type": "network", "subnets": ["subnet-1"] });
    let mut to = from.clone();
    to["load_balancing_cross_zone_enabled"] = true.into();
    to["dns_record_client_routing_policy"] = "availability_zone_affinity".into();
    let changed = ["load_balancing_cross_zone_enabled", "dns_record_client_routing_policy"].map(str::to_owned).into();
    LoadBalancer.update(&wire.world, AnyUpdate { id: &"web".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    let parameters = [1, 2, 3].map(|n| [format!("Attributes.member.{n}.Key"), format!("Attributes.member.{n}.Value")]).concat();
    let parameters: Vec<_> = parameters.iter().map(String::as_str).collect();
    let expected = [
        "DescribeLoadBalancers",
        "ModifyLoadBalancerAttributes Attributes.member.1.Key=load_balancing.cross_zone.enabled Attributes.member.1.Value=true \
         Attributes.member.2.Key=dns_record.client_routing_policy Attributes.member.2.Value=availability_zone_affinity",
    ];
    assert_eq!(wire.said(&parameters), expected);
}

#[test]
fn a_network_load_balancer_without_security_groups_stays_without() {
    let spec = |json| serde_json::from_value::<Spec>(json).expect("a spec");
    let bare = spec(json!({ "type": "network", "subnets": ["subnet-1"] }));
    let guarded = spec(json!({ "type": "network", "subnets": ["subnet-1"], "security_groups": ["sg-1"] }));
    let application = spec(json!({ "subnets": ["subnet-1"], "security_groups": ["sg-1"] }));
    assert!(LoadBalancer::replaces(&bare, &guarded).is_some());
    assert_eq!(LoadBalancer::replaces(&guarded, &guarded), None);
    assert_eq!(LoadBalancer::replaces(&application, &application), None);
}

#[test]
fn properties_must_fit() {
    for (spec, expected) in [
        (json!({ "subnets": ["a", "b"], "idle_timeout_seconds": 120 }), vec![]),
        (json!({ "type": "network", "subnets": ["a"], "load_balancing_cross_zone_enabled": true }), vec![]),
        (json!({ "subnets": ["a"] }), vec!["an application load balancer in one subnet"]),
        (json!({ "name": "-a", "subnets": ["a", "b"] }), vec!["the name begins or ends with a hyphen"]),
        (json!({ "name": "a-", "subnets": ["a", "b"] }), vec!["the name begins or ends with a hyphen"]),
        (json!({ "name": "internal-a" }), vec!["AWS keeps names with `internal-` at their beginning to itself"]),
        (json!({ "type": "network", "waf_fail_open_enabled": true }), vec!["`waf_fail_open_enabled` on a network load balancer"]),
        (json!({ "load_balancing_cross_zone_enabled": true }), vec!["`load_balancing_cross_zone_enabled` on an application load balancer"]),
        (
            json!({ "scheme": "internal", "ip_address_type": "dualstack-without-public-ipv4" }),
            vec!["this load balancer has no public IPv4 to be without"],
        ),
    ] {
        assert_eq!(complaints::<LoadBalancer>(spec), expected);
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "elbv2.load_balancer",
        extra: "
c:
  ec2.subnet:
    vpc_id: ${vpc.id}
    availability_zone: eu-central-1c
    cidr_block: 10.0.2.0/24
other:
  ec2.security_group:
    group_name: example-balancer-other
    vpc_id: ${vpc.id}
",
        changes: &[
            "subnets: ['${a.id}', '${b.id}', '${c.id}']",
            "subnets: ['${b.id}', '${c.id}']",
            "security_groups: ['${other.id}']",
            "ip_address_type: dualstack",
            "deletion_protection_enabled: true",
            "deletion_protection_enabled: null",
            "access_logs: { bucket: logs, prefix: web }",
            "access_logs: null",
            "zonal_shift_config_enabled: true",
            "connection_logs: { bucket: logs }",
            "connection_logs: null",
            "idle_timeout_seconds: 120",
            "idle_timeout_seconds: null",
            "client_keep_alive_seconds: 600",
            "client_keep_alive_seconds: null",
            "routing_http_drop_invalid_header_fields_enabled: true",
            "routing_http_drop_invalid_header_fields_enabled: null",
            "routing_http_desync_mitigation_mode: strictest",
            "routing_http_desync_mitigation_mode: null",
            "routing_http_preserve_host_header_enabled: true",
            "routing_http_preserve_host_header_enabled: null",
            "routing_http_xff_header_processing_mode: remove",
            "routing_http_xff_header_processing_mode: null",
            "routing_http_xff_client_port_enabled: true",
            "routing_http_xff_client_port_enabled: null",
            "routing_http_x_amzn_tls_version_and_cipher_suite_enabled: true",
            "routing_http_x_amzn_tls_version_and_cipher_suite_enabled: null",
            "routing_http2_enabled: false",
            "routing_http2_enabled: null",
            "waf_fail_open_enabled: true",
            "waf_fail_open_enabled: null",
        ],
        replacements: &["name: example-balancer-2", "scheme: internal", "type: network"],
        // For network load balancers; tested at the wire.
        untried: &["load_balancing_cross_zone_enabled", "dns_record_client_routing_policy"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
