use infra::resource::{AnyResource as _, AnyUpdate};
use serde_json::json;

use super::*;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance,
        wire::{Answer, Script, Wire, refused},
    },
};

const TAKEN: Answer = refused!("PriorityInUse", "Priority '20' is currently in use");
const RULES: Answer = Answer::Xml(
    "<DescribeRulesResult><Rules>\
     <member><RuleArn>arn:mine</RuleArn><Priority>10</Priority></member>\
     <member><RuleArn>arn:other</RuleArn><Priority>20</Priority></member>\
     <member><RuleArn>arn:last</RuleArn><Priority>default</Priority></member>\
     </Rules></DescribeRulesResult>",
);

macro_rules! of_state {
    ($state:literal) => {
        Answer::Xml(concat!(
            "<DescribeTagsResult><TagDescriptions><member><ResourceArn>arn:other</ResourceArn><Tags><member><Key>infra:state</Key><Value>",
            $state,
            "</Value></member></Tags></member></TagDescriptions></DescribeTagsResult>"
        ))
    };
}

async fn moved(script: Script, to: i32) -> (Option<Error>, Vec<String>) {
    let wire = Wire::scripted(script).await;
    let spec = |priority: i32| {
        json!({
            "listener_arn": "arn:listener", "priority": priority, "tags": { "infra:state": "ours" },
            "conditions": [{ "field": "host-header", "values": ["a"] }],
            "actions": [{ "type": "forward", "target_group_arn": "arn:tg" }],
        })
    };
    let changed = ["priority".to_owned()].into();
    let update = AnyUpdate { id: &"arn:mine".into(), from: &spec(5), to: &spec(to), changed: &changed };
    let error = ListenerRule.update(&wire.world, update).await.err();
    let parameters = [1, 2].map(|n| [format!("RulePriorities.member.{n}.RuleArn"), format!("RulePriorities.member.{n}.Priority")]).concat();
    (error, wire.said(&parameters.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// Two rules of one stack that change places would wait for each other for ever.
#[tokio::test]
async fn two_rules_of_the_same_state_change_places_at_once() {
    let (error, said) = moved(&[("SetRulePriorities", TAKEN), ("DescribeRules", RULES), ("DescribeTags", of_state!("ours"))], 20).await;
    assert!(error.is_some(), "this server refuses all priorities");
    let expected = [
        "SetRulePriorities RulePriorities.member.1.RuleArn=arn%3Amine RulePriorities.member.1.Priority=20",
        "DescribeRules",
        "DescribeTags",
        "SetRulePriorities RulePriorities.member.1.RuleArn=arn%3Amine RulePriorities.member.1.Priority=20 \
         RulePriorities.member.2.RuleArn=arn%3Aother RulePriorities.member.2.Priority=10",
    ];
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_rule_of_somebody_else_stays_where_it_is() {
    let (error, said) = moved(&[("SetRulePriorities", TAKEN), ("DescribeRules", RULES), ("DescribeTags", of_state!("theirs"))], 20).await;
    assert!(error.is_some_and(|it| ListenerRule::FACTS.passing.iter().any(|passing| it.is(&[passing.code]))), "it may go by itself");
    assert_eq!(said.len(), 3, "nothing was moved: {said:?}");
}

/// The other rule's move brought this one along already.
#[tokio::test]
async fn a_rule_that_is_in_its_place_is_not_in_its_own_way() {
    let (error, said) = moved(&[("SetRulePriorities", TAKEN), ("DescribeRules", RULES)], 10).await;
    assert_eq!((error, said.len()), (None, 2));
}

#[tokio::test]
async fn rules_go_with_their_listener() {
    for refused in [&[("DeleteRule", refused!("RuleNotFound", "why"))], &[("DeleteRule", refused!("ListenerNotFound", "why"))]] {
        let wire = Wire::scripted(refused).await;
        let spec = json!({ "listener_arn": "arn:listener", "priority": 1, "conditions": [], "actions": [] });
        ListenerRule.delete(&wire.world, &"arn:mine".into(), &spec).await.expect("gone already");
    }
}

#[test]
fn the_arn_of_a_rule_tells_its_listener() {
    let rule = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/web/1/2/3";
    let expected = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener/app/web/1/2";
    assert_eq!(listener(rule).as_deref(), Some(expected));
}

#[test]
fn conditions_must_make_sense() {
    let path = |values: &[&str]| json!({ "field": "path-pattern", "values": values });
    for (conditions, expected) in [
        (json!([path(&["/a", "/b"]), { "field": "query-string", "query_strings": [{ "value": "a" }] }]), vec![]),
        (json!([{ "field": "http-header", "http_header_name": "X-A", "values": ["a"] }]), vec![]),
        (json!([{ "field": "source-ip", "values": ["192.0.2.0/24"] }, { "field": "http-request-method", "values": ["GET"] }]), vec![]),
        (json!([path(&[])]), vec!["conditions[0]: a condition on path-pattern without `values`"]),
        (
            json!([{ "field": "query-string", "values": ["a"], "query_strings": [{ "value": "a" }] }]),
            vec!["conditions[0].values: `values` in a condition on query-string"],
        ),
        (json!([{ "field": "http-header", "values": ["a"] }]), vec!["conditions[0]: a condition on a header without its name"]),
        (
            json!([{ "field": "host-header", "http_header_name": "X-A", "values": ["a"] }]),
            vec!["conditions[0]: `http_header_name` in a condition on something else"],
        ),
        (json!([path(&["/a"]), path(&["/b"])]), vec!["conditions[0]: more than one condition on path-pattern"]),
        (json!([{ "field": "source-ip", "values": ["192.0.2.1"] }]), vec!["conditions[0].values: `192.0.2.1` is no block of addresses"]),
        (json!([{ "field": "http-request-method", "values": ["get"] }]), vec!["conditions[0].values: `get` is no method"]),
    ] {
        let spec = json!({ "conditions": conditions });
        assert_eq!(complaints::<ListenerRule>(spec.clone()), expected, "{spec}");
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "elbv2.listener_rule",
        extra: "
other:
  elbv2.listener:
    load_balancer_arn: ${balancer.arn}
    port: 81
    protocol: HTTP
    default_actions: [{ type: fixed-response, fixed_response_config: { status_code: '404' } }]
",
        changes: &[
            "priority: 20",
            "conditions: [{ field: http-header, http_header_name: X-Team, values: [a, b] }, { field: source-ip, values: [192.0.2.0/24] }]",
            "conditions: [{ field: http-request-method, values: [GET] }, \
             { field: query-string, query_strings: [{ key: a, value: b }, { value: c }] }]",
            "actions: [{ type: fixed-response, fixed_response_config: { status_code: '200', content_type: text/plain, message_body: ok } }]",
            "actions: [{ type: redirect, redirect_config: { protocol: HTTPS, port: '443', status_code: HTTP_301 } }]",
        ],
        replacements: &["listener_arn: ${other.arn}"],
        absent: "arn:aws:elasticloadbalancing:eu-central-1:123456789012:listener-rule/app/absent/0123456789abcdef/0123456789abcdef/0123456789abcdef",
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
