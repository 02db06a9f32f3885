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
fn attributes_must_fit_the_protocol() {
    let https = |more: serde_json::Value| {
        let mut spec = json!({ "port": 443, "protocol": "HTTPS", "certificate_arn": "arn:c" });
        spec.as_object_mut().expect("properties").extend(more.as_object().expect("properties").clone());
        spec
    };
    let mutual = |mutual: serde_json::Value| https(json!({ "mutual_authentication": mutual }));
    for (spec, expected) in [
        (
            https(json!({ "routing_http_response_server_enabled": false, "routing_http_response_x_frame_options_header_value": "DENY" })),
            vec![],
        ),
        (json!({ "port": 80, "protocol": "TCP", "tcp_idle_timeout_seconds": 60 }), vec![]),
        (https(json!({ "tcp_idle_timeout_seconds": 60 })), vec!["`tcp_idle_timeout_seconds` with the protocol HTTPS"]),
        (
            json!({ "port": 53, "protocol": "UDP", "tcp_idle_timeout_seconds": 60 }),
            vec!["`tcp_idle_timeout_seconds` with the protocol UDP"],
        ),
        (
            json!({ "port": 80, "protocol": "TCP", "routing_http_response_server_enabled": false }),
            vec!["`routing_http_response_server_enabled` with the protocol TCP"],
        ),
        (mutual(json!({ "mode": "passthrough" })), vec![]),
        (mutual(json!({ "mode": "verify", "trust_store_arn": "arn:t", "advertise_trust_store_ca_names": true })), vec![]),
        (mutual(json!({ "mode": "verify" })), vec!["certificates are verified against nothing"]),
        (
            mutual(json!({ "mode": "passthrough", "trust_store_arn": "arn:t", "ignore_client_certificate_expiry": false })),
            vec!["mutual_authentication.trust_store_arn: `trust_store_arn` where certificates are passed through"],
        ),
        (
            json!({ "port": 80, "protocol": "HTTP", "mutual_authentication": { "mode": "passthrough" } }),
            vec!["`mutual_authentication` with the protocol HTTP"],
        ),
    ] {
        assert_eq!(complaints::<Listener>(spec.clone()), expected, "{spec}");
    }
}

/// Attributes have calls of their own, which nobody pays for who writes none.
#[tokio::test]
async fn attributes_are_read_and_written_where_they_are_wanted() {
    let wire = Wire::scripted(&[
        (
            "DescribeListeners",
            Answer::Xml(
                "<DescribeListenersResult><Listeners><member><ListenerArn>arn:a</ListenerArn><LoadBalancerArn>arn:lb</LoadBalancerArn>\
                 <Port>80</Port><Protocol>HTTP</Protocol></member></Listeners></DescribeListenersResult>",
            ),
        ),
        (
            "DescribeListenerAttributes",
            Answer::Xml(
                "<DescribeListenerAttributesResult><Attributes>\
                 <member><Key>routing.http.response.server.enabled</Key><Value>true</Value></member>\
                 <member><Key>routing.http.response.x_frame_options.header_value</Key><Value>DENY</Value></member>\
                 <member><Key>routing.http.response.content_security_policy.header_value</Key><Value></Value></member>\
                 </Attributes></DescribeListenerAttributesResult>",
            ),
        ),
        ("ModifyListenerAttributes", Answer::Xml("<ModifyListenerAttributesResult/>")),
    ])
    .await;
    let read = async |wanted: Wanted| {
        let found = Listener.read(&wire.world, &["arn:a".into()], &wanted).await.expect("read");
        found.into_iter().next().flatten().expect("it is there").spec
    };
    let plain = json!({ "load_balancer_arn": "arn:lb", "port": 80, "protocol": "HTTP", "default_actions": [] });
    assert_eq!(read(Wanted::default()).await, plain);
    let from = read(Wanted(["routing_http_response_server_enabled".to_owned()].into())).await;
    let mut expected = plain.clone();
    expected["routing_http_response_server_enabled"] = json!(true);
    expected["routing_http_response_x_frame_options_header_value"] = json!("DENY");
    assert_eq!(from, expected);

    // A header is unset by an empty value; who does not write the others leaves them.
    let mut to = plain.clone();
    to["routing_http_response_server_enabled"] = json!(false);
    let changed = ["routing_http_response_server_enabled", "routing_http_response_x_frame_options_header_value"].map(str::to_owned).into();
    Listener.update(&wire.world, AnyUpdate { id: &"arn:a".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    let said = wire.said(&["Attributes.member.1.Key", "Attributes.member.1.Value", "Attributes.member.2.Key", "Attributes.member.2.Value"]);
    assert_eq!(
        said,
        [
            "DescribeListeners",
            "DescribeListeners",
            "DescribeListenerAttributes",
            "ModifyListenerAttributes Attributes.member.1.Key=routing.http.response.server.enabled Attributes.member.1.Value=false \
             Attributes.member.2.Key=routing.http.response.x_frame_options.header_value Attributes.member.2.Value=",
        ]
    );
}

#[tokio::test]
async fn certificates_of_clients_are_asked_for_and_no_longer_asked_for() {
    let wire = Wire::scripted(&[
        (
            "DescribeListeners",
            Answer::Xml(
                "<DescribeListenersResult><Listeners><member><ListenerArn>arn:a</ListenerArn><LoadBalancerArn>arn:lb</LoadBalancerArn>\
                 <Port>443</Port><Protocol>HTTPS</Protocol><MutualAuthentication><Mode>verify</Mode><TrustStoreArn>arn:t</TrustStoreArn>\
                 <IgnoreClientCertificateExpiry>false</IgnoreClientCertificateExpiry>\
                 <AdvertiseTrustStoreCaNames>on</AdvertiseTrustStoreCaNames></MutualAuthentication></member>\
                 <member><ListenerArn>arn:b</ListenerArn><LoadBalancerArn>arn:lb</LoadBalancerArn><Port>443</Port>\
                 <Protocol>HTTPS</Protocol><MutualAuthentication><Mode>off</Mode></MutualAuthentication></member>\
                 </Listeners></DescribeListenersResult>",
            ),
        ),
        (
            "CreateListener",
            Answer::Xml(
                "<CreateListenerResult><Listeners><member><ListenerArn>arn:a</ListenerArn></member></Listeners></CreateListenerResult>",
            ),
        ),
        ("ModifyListener", Answer::Xml("<ModifyListenerResult/>")),
    ])
    .await;
    let found = Listener.read(&wire.world, &["arn:a".into(), "arn:b".into()], &Wanted::default()).await.expect("read");
    let [with, without] = &found[..] else { panic!("two") };
    let (with, without) = (&with.as_ref().expect("one").spec, &without.as_ref().expect("another").spec);
    let verify = json!({
        "mode": "verify", "trust_store_arn": "arn:t", "ignore_client_certificate_expiry": false, "advertise_trust_store_ca_names": true,
    });
    assert_eq!((&with["mutual_authentication"], without.get("mutual_authentication")), (&verify, None));

    Listener.create(&wire.world, with, "0123456789abcdef0123456789abcdef").await.expect("create");
    let changed = ["mutual_authentication".to_owned()].into();
    for (from, to) in [(without, with), (with, without)] {
        Listener.update(&wire.world, AnyUpdate { id: &"arn:a".into(), from, to, changed: &changed }).await.expect("update");
    }
    let said = wire.said(&[
        "MutualAuthentication.Mode",
        "MutualAuthentication.TrustStoreArn",
        "MutualAuthentication.IgnoreClientCertificateExpiry",
        "MutualAuthentication.AdvertiseTrustStoreCaNames",
    ]);
    let on = "MutualAuthentication.Mode=verify MutualAuthentication.TrustStoreArn=arn%3At \
              MutualAuthentication.IgnoreClientCertificateExpiry=false MutualAuthentication.AdvertiseTrustStoreCaNames=on";
    let expected =
        [format!("CreateListener {on}"), format!("ModifyListener {on}"), "ModifyListener MutualAuthentication.Mode=off".to_owned()];
    assert_eq!(said[1..], expected);
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
            "routing_http_response_server_enabled: true",
            "routing_http_response_strict_transport_security_header_value: max-age=600",
            "routing_http_response_access_control_allow_origin_header_value: 'https://www.example.com'",
            "routing_http_response_access_control_allow_methods_header_value: 'GET,POST'",
            "routing_http_response_access_control_allow_headers_header_value: X-Example",
            "routing_http_response_access_control_allow_credentials_header_value: 'true'",
            "routing_http_response_access_control_expose_headers_header_value: X-Example",
            "routing_http_response_access_control_max_age_header_value: '600'",
            "routing_http_response_content_security_policy_header_value: default-src 'self'",
            "routing_http_response_x_content_type_options_header_value: nosniff",
            "routing_http_response_x_frame_options_header_value: DENY",
        ],
        replacements: &["load_balancer_arn: ${other.arn}"],
        // Another protocol takes other properties with it; `alpn_policy` is for TLS, of which the emulator keeps what the create said,
        // and it keeps nothing of mutual authentication, which has a test of its own. The others have no value there to go back to.
        untried: &[
            "protocol",
            "alpn_policy",
            "mutual_authentication",
            "tcp_idle_timeout_seconds",
            "routing_http_request_x_amzn_mtls_clientcert_serial_number_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_issuer_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_subject_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_validity_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_leaf_header_name",
            "routing_http_request_x_amzn_mtls_clientcert_header_name",
            "routing_http_request_x_amzn_tls_version_header_name",
            "routing_http_request_x_amzn_tls_cipher_suite_header_name",
        ],
        absent: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/absent/0123456789abcdef/0123456789abcdef",
    }
    .check()
    .await;
}
