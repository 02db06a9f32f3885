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
    "<DescribeTargetGroupsResult><TargetGroups><member><TargetGroupName>web</TargetGroupName><TargetGroupArn>arn:web</TargetGroupArn>\
     </member></TargetGroups></DescribeTargetGroupsResult>",
);

/// Two with one name do not exist, and a create with the settings of another one would be given that one: its name decides, and the
/// tag of the operation tells who made it.
#[tokio::test]
async fn what_another_create_made_is_not_taken_for_ours() {
    macro_rules! tagged {
        ($operation:literal) => {
            Answer::Xml(concat!(
                "<DescribeTagsResult><TagDescriptions><member><ResourceArn>arn:web</ResourceArn><Tags><member>",
                "<Key>infra:operation</Key><Value>",
                $operation,
                "</Value></member></Tags></member></TagDescriptions></DescribeTagsResult>"
            ))
        };
    }
    let spec: Spec = serde_json::from_value(json!({ "name": "web" })).expect("a spec");
    assert_eq!(TargetGroup::locate(&spec), Some("web".into()));
    for (script, expected) in [
        (&[("DescribeTargetGroups", FOUND), ("DescribeTags", tagged!("mine"))], Some("web".into())),
        (&[("DescribeTargetGroups", FOUND), ("DescribeTags", tagged!("theirs"))], None),
    ] {
        let wire = Wire::scripted(script).await;
        let found = <TargetGroup as Resource>::find(&wire.world, Find { operation: "mine", spec: &spec, known: &BTreeSet::new() }).await;
        assert_eq!(found.expect("an answer"), expected);
    }
}

#[tokio::test]
async fn one_in_use_is_deleted_once_it_no_longer_is() {
    let refused = refused!("ResourceInUse", "Target group 'arn:web' is currently in use by a listener or a rule");
    let script = Box::leak(Box::new([("DescribeTargetGroups", FOUND), ("DeleteTargetGroup", refused)]));
    let wire = Wire::scripted(script).await;
    let error = TargetGroup.delete(&wire.world, &"web".into(), &json!({ "name": "web" })).await.expect_err("in use");
    let passing = TargetGroup::FACTS.passing.iter().find(|it| it.during == During::Delete && error.is(&[it.code]));
    assert_eq!(passing.map(|it| it.within), Some(Duration::from_secs(120)), "{error}");
}

/// The names that a call asks for are all there or the call fails.
#[tokio::test]
async fn many_are_read_at_once() {
    for (groups, calls) in [(1, 1), (20, 1), (21, 2)] {
        let wire = Wire::scripted(&[("DescribeTargetGroups", FOUND)]).await;
        let ids: Vec<_> = (0..groups).map(|n| Id(format!("group-{n}"))).collect();
        let read = <TargetGroup as Resource>::read(&wire.world, &ids, &Wanted::default()).await.expect("an answer");
        assert_eq!((read.len(), wire.calls()), (groups, calls));
    }
}

/// The emulator keeps all attributes, AWS refuses those that do not belong to the kind of group.
#[tokio::test]
async fn attributes_of_tcp_and_lambda_are_sent_by_their_names() {
    let done = Answer::Xml("<ModifyTargetGroupAttributesResult/>");
    for (property, value, expected) in [
        ("preserve_client_ip_enabled", json!(true), "preserve_client_ip.enabled=true"),
        ("proxy_protocol_v2_enabled", json!(true), "proxy_protocol_v2.enabled=true"),
        ("deregistration_delay_connection_termination_enabled", json!(true), "deregistration_delay.connection_termination.enabled=true"),
        ("lambda_multi_value_headers_enabled", json!(true), "lambda.multi_value_headers.enabled=true"),
        ("stickiness", json!({ "type": "source_ip" }), "stickiness.enabled=true stickiness.type=source_ip"),
        ("stickiness", json!(null), "stickiness.enabled=false"),
    ] {
        let script = Box::leak(Box::new([("DescribeTargetGroups", FOUND), ("ModifyTargetGroupAttributes", done)]));
        let wire = Wire::scripted(script).await;
        let (from, mut to) = (json!({ "name": "web" }), json!({ "name": "web" }));
        to[property] = value;
        let changed = [property.to_owned()].into();
        TargetGroup.update(&wire.world, AnyUpdate { id: &"web".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
        let mut said = String::new();
        for n in 1..4 {
            let (key, value) = (format!("Attributes.member.{n}.Key"), format!("Attributes.member.{n}.Value"));
            let line = wire.said(&[&key, &value]).pop().expect("a call");
            if let Some((_, pair)) = line.split_once(&format!("{key}=")) {
                said.push_str(&format!("{} ", pair.replace(&format!(" {value}="), "=")));
            }
        }
        assert_eq!(said.trim(), expected, "{property}");
    }
}

/// AWS tells the port of every target, and for a while those that were taken out.
#[tokio::test]
async fn targets_are_read_as_they_would_be_written() {
    let wire = Wire::scripted(&[
        (
            "DescribeTargetGroups",
            Answer::Xml(
                "<DescribeTargetGroupsResult><TargetGroups><member><TargetGroupName>web</TargetGroupName>\
                 <TargetGroupArn>arn:web</TargetGroupArn><Port>80</Port></member></TargetGroups></DescribeTargetGroupsResult>",
            ),
        ),
        (
            "DescribeTargetHealth",
            Answer::Xml(
                "<DescribeTargetHealthResult><TargetHealthDescriptions>\
                 <member><Target><Id>10.0.0.1</Id><Port>80</Port><AvailabilityZone>eu-central-1a</AvailabilityZone></Target>\
                 <TargetHealth><State>healthy</State></TargetHealth></member>\
                 <member><Target><Id>192.0.2.1</Id><Port>81</Port><AvailabilityZone>all</AvailabilityZone></Target>\
                 <TargetHealth><State>unhealthy</State></TargetHealth></member>\
                 <member><Target><Id>10.0.0.3</Id><Port>80</Port></Target><TargetHealth><State>draining</State></TargetHealth></member>\
                 </TargetHealthDescriptions></DescribeTargetHealthResult>",
            ),
        ),
    ])
    .await;
    let wanted = Wanted(["targets".to_owned()].into());
    let read = TargetGroup.read(&wire.world, &["web".into()], &wanted).await.expect("read").pop().flatten().expect("it is there");
    assert_eq!(read.spec["targets"], json!([{ "id": "10.0.0.1" }, { "id": "192.0.2.1", "port": 81, "availability_zone": "all" }]));
}

/// Its health may be left unchecked, and it has neither port nor protocol.
#[tokio::test]
async fn a_group_for_a_function_says_nothing_of_ports() {
    let wire = Wire::scripted(&[
        ("CreateTargetGroup", Answer::Xml("<CreateTargetGroupResult/>")),
        ("DescribeTargetGroups", FOUND),
        ("ModifyTargetGroup", Answer::Xml("<ModifyTargetGroupResult/>")),
    ])
    .await;
    let spec = json!({ "name": "web", "target_type": "lambda", "health_check_enabled": true });
    TargetGroup.create(&wire.world, &spec, "0123456789abcdef0123456789abcdef").await.expect("create");
    let mut to = spec.clone();
    to["health_check_enabled"] = false.into();
    let changed = ["health_check_enabled".to_owned()].into();
    TargetGroup.update(&wire.world, AnyUpdate { id: &"web".into(), from: &spec, to: &to, changed: &changed }).await.expect("update");
    let expected = ["CreateTargetGroup HealthCheckEnabled=true", "DescribeTargetGroups", "ModifyTargetGroup HealthCheckEnabled=false"];
    assert_eq!(wire.said(&["Port", "Protocol", "VpcId", "HealthCheckPort", "HealthCheckEnabled"]), expected);
}

#[test]
fn codes_of_grpc_are_sent_as_such() {
    let spec: Spec = serde_json::from_value(json!({ "protocol_version": "GRPC", "matcher": "0-99" })).expect("a spec");
    let matcher = spec.matcher().expect("it has one");
    assert_eq!((matcher.grpc_code(), matcher.http_code()), (Some("0-99"), None));
}

#[test]
fn properties_must_fit_the_targets_and_the_protocol() {
    let with = |more: serde_json::Value| {
        let mut spec = json!({ "target_type": "ip", "protocol": "HTTP", "port": 80, "vpc_id": "vpc-1" });
        for (key, value) in more.as_object().expect("properties") {
            spec[key] = value.clone();
        }
        spec
    };
    for (spec, expected) in [
        (with(json!({})), vec![]),
        (with(json!({ "stickiness": { "type": "app_cookie", "cookie_name": "a" }, "slow_start_duration_seconds": 30 })), vec![]),
        (
            with(json!({ "protocol": "TCP", "stickiness": { "type": "source_ip" }, "health_check_protocol": "HTTP", "matcher": "500" })),
            vec![],
        ),
        (json!({ "target_type": "lambda", "lambda_multi_value_headers_enabled": true, "health_check_enabled": false }), vec![]),
        (with(json!({ "target_type": "lambda", "protocol": null, "vpc_id": null })), vec!["`port` with a Lambda function as the target"]),
        (with(json!({ "port": null })), vec!["a target group for targets of type ip without `port`"]),
        (with(json!({ "name": "a-" })), vec!["the name begins or ends with a hyphen"]),
        (with(json!({ "health_check_enabled": false })), vec!["the health of targets of type ip is always checked"]),
        (with(json!({ "lambda_multi_value_headers_enabled": true })), vec!["only a Lambda function gets headers as lists"]),
        (with(json!({ "proxy_protocol_v2_enabled": true })), vec!["`proxy_protocol_v2_enabled` with the protocol HTTP"]),
        (with(json!({ "protocol": "TCP", "protocol_version": "HTTP2" })), vec!["`protocol_version` with the protocol TCP"]),
        (with(json!({ "target_type": "alb" })), vec!["HTTP to an application load balancer"]),
        (with(json!({ "health_check_protocol": "TCP" })), vec!["health cannot be asked for by TCP here"]),
        (with(json!({ "protocol": "UDP", "health_check_protocol": "UDP" })), vec!["health cannot be asked for by UDP here"]),
        (with(json!({ "protocol": "TCP", "matcher": "200" })), vec!["`matcher` where health is asked for by TCP"]),
        (
            with(json!({ "protocol": "TLS", "stickiness": { "type": "source_ip" } })),
            vec!["stickiness.type: stickiness by source_ip with the protocol TLS"],
        ),
        (with(json!({ "stickiness": { "type": "source_ip" } })), vec!["stickiness.type: stickiness by source_ip with the protocol HTTP"]),
        (with(json!({ "stickiness": { "type": "app_cookie" } })), vec!["stickiness by a cookie without a name"]),
        (with(json!({ "stickiness": { "type": "lb_cookie", "cookie_name": "a" } })), vec!["a `cookie_name` where none is needed"]),
        (with(json!({ "slow_start_duration_seconds": 10 })), vec!["a slow start over 10 s"]),
        (with(json!({ "health_check_path": "health" })), vec!["a path begins with a slash"]),
        (
            with(json!({ "health_check_interval_seconds": 5, "health_check_timeout_seconds": 5 })),
            vec!["a check may take as long as it is to the next one"],
        ),
        (with(json!({ "health_check_port": "70000" })), vec!["there is no port 70000"]),
        (with(json!({ "targets": [{ "id": "192.0.2.1", "port": 81, "availability_zone": "all" }, { "id": "10.0.0.1" }] })), vec![]),
        (with(json!({ "targets": [{ "id": "192.0.2.1", "port": 80 }] })), vec!["targets[0].port: this is the port of the group"]),
        (
            with(json!({ "target_type": "instance", "targets": [{ "id": "i-1", "availability_zone": "all" }] })),
            vec!["targets[0].availability_zone: `availability_zone` of a target of type instance"],
        ),
        (
            json!({ "target_type": "lambda", "targets": [{ "id": "arn:a", "port": 1 }, { "id": "arn:b" }] }),
            vec!["several targets where there is one function", "targets[0].port: a function has no port"],
        ),
        (with(json!({ "matcher": "200,503" })), vec!["503 cannot be the code of a good answer"]),
        (with(json!({ "protocol_version": "GRPC", "matcher": "200" })), vec!["200 cannot be the code of a good answer"]),
    ] {
        assert_eq!(complaints::<TargetGroup>(spec.clone()), expected, "{spec}");
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "elbv2.target_group",
        extra: "other: { ec2.vpc: { cidr_block: 10.1.0.0/16 } }",
        changes: &[
            "health_check_protocol: HTTPS",
            "health_check_port: '8081'",
            "health_check_port: null",
            "health_check_path: /ready",
            "health_check_interval_seconds: 15",
            "health_check_timeout_seconds: 4",
            "healthy_threshold_count: 3",
            "unhealthy_threshold_count: 4",
            "matcher: '200'",
            "deregistration_delay_timeout_seconds: 60",
            "deregistration_delay_timeout_seconds: null",
            "slow_start_duration_seconds: 30",
            "slow_start_duration_seconds: null",
            "load_balancing_algorithm_type: least_outstanding_requests",
            "load_balancing_algorithm_type: null",
            "load_balancing_cross_zone_enabled: 'true'",
            "load_balancing_cross_zone_enabled: null",
            "stickiness: { type: lb_cookie, duration_seconds: 60 }",
            "stickiness: { type: app_cookie, cookie_name: session }",
            "stickiness: null",
            "targets: [{ id: 10.0.0.1 }, { id: 10.0.0.2, port: 8082 }]",
            "targets: [{ id: 10.0.0.2, port: 8082 }, { id: 10.0.0.3 }]",
            "targets: null",
        ],
        replacements: &[
            "name: example-targets-2",
            "port: 9090",
            "protocol: HTTPS",
            "protocol_version: HTTP2",
            "vpc_id: ${other.id}",
            "target_type: instance",
            "ip_address_type: ipv6",
        ],
        // For other kinds of targets and protocols; tested at the wire.
        untried: &[
            "health_check_enabled",
            "lambda_multi_value_headers_enabled",
            "deregistration_delay_connection_termination_enabled",
            "preserve_client_ip_enabled",
            "proxy_protocol_v2_enabled",
        ],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
