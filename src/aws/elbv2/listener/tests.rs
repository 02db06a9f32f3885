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

/// AWS tells a forward to one group in two ways at once, says that nothing sticks, and answers `None` where no policy is set.
#[tokio::test]
async fn answers_are_read_as_they_would_be_written() {
    let wire = Wire::scripted(&[(
        "DescribeListeners",
        Answer::Xml(
            "<DescribeListenersResult><Listeners>\
             <member><ListenerArn>arn:a</ListenerArn><LoadBalancerArn>arn:lb</LoadBalancerArn><Port>443</Port><Protocol>TLS</Protocol>\
             <AlpnPolicy><member>None</member></AlpnPolicy><Certificates><member><CertificateArn>arn:c</CertificateArn></member></Certificates>\
             <DefaultActions><member><Type>forward</Type><TargetGroupArn>arn:tg</TargetGroupArn><ForwardConfig><TargetGroups>\
             <member><TargetGroupArn>arn:tg</TargetGroupArn><Weight>1</Weight></member></TargetGroups>\
             <TargetGroupStickinessConfig><Enabled>false</Enabled></TargetGroupStickinessConfig></ForwardConfig></member></DefaultActions>\
             </member>\
             <member><ListenerArn>arn:b</ListenerArn><LoadBalancerArn>arn:lb</LoadBalancerArn><Port>80</Port><Protocol>HTTP</Protocol>\
             <DefaultActions><member><Type>forward</Type><ForwardConfig><TargetGroups>\
             <member><TargetGroupArn>arn:tg</TargetGroupArn><Weight>1</Weight></member>\
             <member><TargetGroupArn>arn:tg2</TargetGroupArn><Weight>9</Weight></member></TargetGroups>\
             <TargetGroupStickinessConfig><Enabled>true</Enabled><DurationSeconds>60</DurationSeconds></TargetGroupStickinessConfig>\
             </ForwardConfig></member></DefaultActions></member>\
             </Listeners></DescribeListenersResult>",
        ),
    )])
    .await;
    let read = Listener.read(&wire.world, &["arn:a".into(), "arn:b".into()], &Wanted::default()).await.expect("read");
    let specs: Vec<_> = read.into_iter().map(|it| it.expect("it is there").spec).collect();
    let one = json!({
        "load_balancer_arn": "arn:lb", "port": 443, "protocol": "TLS", "certificate_arn": "arn:c",
        "default_actions": [{ "type": "forward", "target_group_arn": "arn:tg" }],
    });
    let groups = json!([{ "target_group_arn": "arn:tg", "weight": 1 }, { "target_group_arn": "arn:tg2", "weight": 9 }]);
    let other = json!({
        "load_balancer_arn": "arn:lb", "port": 80, "protocol": "HTTP",
        "default_actions": [{ "type": "forward", "forward_config": { "target_groups": groups, "stickiness_duration_seconds": 60 } }],
    });
    assert_eq!(specs, [one, other]);
}

#[tokio::test]
async fn refusals_that_pass_are_known() {
    let spec = json!({
        "load_balancer_arn": "arn:lb", "port": 443, "protocol": "HTTPS", "certificate_arn": "arn:c",
        "default_actions": [{ "type": "forward", "target_group_arn": "arn:tg" }],
    });
    macro_rules! creating {
        ($code:literal) => {
            &[("CreateListener", refused!($code, "why"))]
        };
    }
    let cases: [(crate::aws::conformance::wire::Script, u64); 4] = [
        (creating!("CertificateNotFound"), 300),
        (creating!("TargetGroupNotFound"), 60),
        (creating!("DuplicateListener"), 60),
        (creating!("TargetGroupAssociationLimit"), 120),
    ];
    for (script, within) in cases {
        let wire = Wire::scripted(script).await;
        let error = Listener.create(&wire.world, &spec, "0123456789abcdef0123456789abcdef").await.expect_err("refused");
        let passing = Listener::FACTS.passing.iter().find(|it| it.during != During::Update && error.is(&[it.code]));
        assert_eq!(passing.map(|it| it.within), Some(Duration::from_secs(within)), "{error}");
    }
}

/// A consumer of a certificate waits until it is issued.
#[test]
fn certificates_must_be_usable() {
    let schema = infra::resource::schema::TypeSchema::read(
        Listener::NAME,
        &infra::resource::Describe::spec_schema(&Listener),
        &infra::resource::Describe::outputs_schema(&Listener),
    );
    for property in ["certificate_arn", "additional_certificate_arns"] {
        assert!(schema.properties[property].schema.marks.ready, "{property}");
    }
}

#[tokio::test]
async fn a_listener_that_stops_speaking_tls_sends_no_certificate() {
    let wire = Wire::scripted(&[("ModifyListener", Answer::Xml("<ModifyListenerResult/>"))]).await;
    let from = json!({
        "load_balancer_arn": "arn:lb", "port": 443, "protocol": "TLS", "certificate_arn": "arn:c", "ssl_policy": "p",
        "alpn_policy": "HTTP2Only", "default_actions": [{ "type": "forward", "target_group_arn": "arn:tg" }],
    });
    let mut to = from.clone();
    to.as_object_mut().expect("properties").remove("alpn_policy");
    for (protocol, changed, expected) in [
        ("TLS", "alpn_policy", "ModifyListener AlpnPolicy.member.1=None Certificates.member.1.CertificateArn=arn%3Ac SslPolicy=p"),
        ("TCP", "protocol", "ModifyListener"),
    ] {
        to["protocol"] = protocol.into();
        let changed = [changed.to_owned()].into();
        Listener.update(&wire.world, AnyUpdate { id: &"arn:a".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
        let said = wire.said(&["AlpnPolicy.member.1", "Certificates.member.1.CertificateArn", "SslPolicy"]);
        assert_eq!(said.last().map(String::as_str), Some(expected));
    }
}

#[test]
fn properties_must_fit_the_protocol() {
    let forward = json!([{ "type": "forward", "target_group_arn": "arn:tg" }]);
    for (spec, expected) in [
        (json!({ "port": 443, "protocol": "HTTPS", "certificate_arn": "arn:c", "default_actions": forward }), vec![]),
        (json!({ "port": 443, "protocol": "TLS", "certificate_arn": "arn:c", "alpn_policy": "HTTP2Only" }), vec![]),
        (json!({ "port": 443, "protocol": "HTTPS" }), vec!["an HTTPS listener without a certificate"]),
        (json!({ "port": 443, "protocol": "TLS" }), vec!["a TLS listener without a certificate"]),
        (json!({ "port": 80, "protocol": "HTTP", "ssl_policy": "a" }), vec!["`ssl_policy` with the protocol HTTP"]),
        (
            json!({ "port": 443, "protocol": "HTTPS", "certificate_arn": "arn:c", "alpn_policy": "HTTP2Only" }),
            vec!["`alpn_policy` with the protocol HTTPS"],
        ),
        (
            json!({ "port": 80, "protocol": "TCP", "default_actions": [{ "type": "redirect", "redirect_config": { "port": "81" } }] }),
            vec!["default_actions[0]: an action of type redirect with the protocol TCP"],
        ),
    ] {
        assert_eq!(complaints::<Listener>(spec.clone()), expected, "{spec}");
    }
}

#[test]
fn actions_must_make_sense() {
    let itself = vec!["default_actions[0].redirect_config: a redirect to itself"];
    for (action, expected) in [
        (json!({ "type": "redirect", "redirect_config": { "protocol": "HTTPS", "port": "443" } }), vec![]),
        (json!({ "type": "redirect", "redirect_config": { "path": "/x/#{path}" } }), vec![]),
        (json!({ "type": "redirect", "redirect_config": { "protocol": "HTTP", "port": "80" } }), itself.clone()),
        (json!({ "type": "redirect", "redirect_config": { "port": 80 } }), itself.clone()),
        (json!({ "type": "redirect", "redirect_config": {} }), itself),
        (
            json!({ "type": "redirect", "redirect_config": { "path": "x" } }),
            vec!["default_actions[0].redirect_config.path: a path begins with a slash"],
        ),
        (json!({ "type": "forward" }), vec!["default_actions[0]: an action of type forward without its details"]),
        (
            json!({ "type": "forward", "target_group_arn": "a", "fixed_response_config": {} }),
            vec!["default_actions[0].fixed_response_config: `fixed_response_config` in an action of type forward"],
        ),
        (
            json!({ "type": "forward", "target_group_arn": "a", "forward_config": {} }),
            vec!["default_actions[0]: target groups are written twice"],
        ),
        (
            json!({ "type": "forward", "forward_config": { "target_groups": [{ "target_group_arn": "a" }] } }),
            vec!["default_actions[0].forward_config: a forward to one target group"],
        ),
        (
            json!({
                "type": "forward",
                "forward_config": { "target_groups": [{ "target_group_arn": "a" }], "stickiness_duration_seconds": 60 },
            }),
            vec![],
        ),
    ] {
        let spec = json!({ "port": 80, "protocol": "HTTP", "default_actions": [action] });
        assert_eq!(complaints::<Listener>(spec.clone()), expected, "{spec}");
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "elbv2.listener",
        extra: "
other:
  elbv2.load_balancer:
    name: example-listener-other
    subnets: ['${a.id}', '${b.id}']
more:
  elbv2.target_group:
    name: example-listener-more
    target_type: ip
    protocol: HTTP
    port: 8080
    vpc_id: ${vpc.id}
second: { acm.certificate: { domain_name: second.example.com } }
third: { acm.certificate: { domain_name: third.example.com } }
",
        changes: &[
            "port: 8443",
            "certificate_arn: ${second.arn}",
            "ssl_policy: ELBSecurityPolicy-TLS13-1-3-2021-06",
            "default_actions: [{ type: redirect, redirect_config: { host: example.com, status_code: HTTP_302 } }]",
            "default_actions: [{ type: fixed-response, fixed_response_config: { status_code: '503', message_body: later } }]",
            "default_actions: [{ type: forward, forward_config: { target_groups: [{ target_group_arn: '${more.arn}' }, \
             { target_group_arn: '${targets.arn}', weight: 9 }], stickiness_duration_seconds: 60 } }]",
            "default_actions: [{ type: forward, target_group_arn: '${more.arn}' }]",
            "additional_certificate_arns: ['${third.arn}']",
            "additional_certificate_arns: null",
        ],
        replacements: &["load_balancer_arn: ${other.arn}"],
        // Another protocol takes other properties with it; the other one is for TLS, of which the emulator keeps what the create said.
        untried: &["protocol", "alpn_policy"],
        absent: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/absent/0123456789abcdef/0123456789abcdef",
    }
    .check()
    .await;
}
