use std::sync::Mutex;

use infra::resource::{AnyResource as _, AnyUpdate, Id, Wanted};
use serde_json::{Value as Json, json};

use super::WebAcl;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn spec(rules: Json) -> Json {
    json!({ "name": "a", "scope": "REGIONAL", "default_action": "allow", "visibility_config": { "metric_name": "a" }, "rules": rules })
}

fn rule(statement: Json) -> Json {
    json!({ "name": "r", "priority": 0, "action": "block", "visibility_config": { "metric_name": "r" }, "statement": statement })
}

#[test]
fn rules_must_be_possible() {
    let geo = json!({ "geo_match_statement": { "country_codes": ["JP"] } });
    let group = json!({ "managed_rule_group_statement": { "vendor_name": "AWS", "name": "a" } });
    let with = |statement: &Json, more: Json| {
        let mut rule = rule(statement.clone());
        for (name, value) in more.as_object().expect("an object") {
            rule[name] = value.clone();
        }
        rule
    };
    let byte = |field: Json| json!({ "byte_match_statement": { "search_string": "a", "field_to_match": field } });
    for (rules, expected) in [
        (json!([with(&geo, json!({}))]), vec![]),
        (json!([with(&group, json!({ "action": null, "override_action": "none" }))]), vec![]),
        (
            json!([with(&geo, json!({})), with(&geo, json!({}))]),
            vec!["rules[1].name: another rule has this name", "rules[1].priority: another rule has this priority"],
        ),
        (
            json!([with(&group, json!({}))]),
            vec!["rules[0].action: `action` on a group of rules", "rules[0]: a group of rules without `override_action`"],
        ),
        (
            json!([with(&geo, json!({ "override_action": "count", "action": null }))]),
            vec![
                "rules[0].override_action: `override_action` on a rule that is no group",
                "rules[0]: a rule that is no group without `action`",
            ],
        ),
        (json!([rule(json!({}))]), vec!["rules[0].statement: a statement that says nothing"]),
        (
            json!([rule(json!({ "geo_match_statement": { "country_codes": ["JP"] }, "label_match_statement": { "key": "a" } }))]),
            vec!["rules[0].statement: `geo_match_statement`, `label_match_statement` in one statement"],
        ),
        (
            json!([rule(json!({ "and_statement": [geo, group] }))]),
            vec![
                "rules[0].statement.and_statement[1].managed_rule_group_statement: `managed_rule_group_statement` within another \
                 statement",
            ],
        ),
        (
            json!([rule(json!({ "or_statement": [geo] }))]),
            vec!["rules[0].statement.or_statement: `or_statement` with fewer than two statements"],
        ),
        (
            json!([rule(json!({ "not_statement": { "not_statement": {} } }))]),
            vec!["rules[0].statement.not_statement.not_statement: a statement that says nothing"],
        ),
        (json!([rule(byte(json!({ "uri_path": true })))]), vec![]),
        (
            json!([rule(byte(json!({ "uri_path": true, "method": true })))]),
            vec!["rules[0].statement.byte_match_statement.field_to_match: a statement looks at one part of the request"],
        ),
        (
            json!([rule(json!({ "rate_based_statement": { "limit": 100, "evaluation_window_sec": 30 } }))]),
            vec!["rules[0].statement.rate_based_statement.evaluation_window_sec: requests cannot be counted over 30 seconds"],
        ),
        (
            json!([rule(json!({ "rate_based_statement": { "limit": 100, "aggregate_key_type": "FORWARDED_IP" } }))]),
            vec!["rules[0].statement.rate_based_statement: `FORWARDED_IP` without a header"],
        ),
        (
            json!([rule(json!({ "rate_based_statement": { "limit": 100, "aggregate_key_type": "CONSTANT" } }))]),
            vec!["rules[0].statement.rate_based_statement: `CONSTANT` for all requests"],
        ),
    ] {
        assert_eq!(complaints::<WebAcl>(spec(rules.clone())), expected, "{rules}");
    }
}

#[tokio::test]
async fn every_kind_of_statement_comes_back_as_it_was_written() {
    let field = |name: &str| json!({ name: true });
    let forwarded = json!({ "header_name": "X-Forwarded-For", "fallback_behavior": "MATCH" });
    let text = json!(["NONE"]);
    let set = "arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/a/1";
    let geo = json!({ "geo_match_statement": { "country_codes": ["JP"], "forwarded_ip_config": forwarded } });
    let statements = [
        json!({ "managed_rule_group_statement": {
            "vendor_name": "AWS", "name": "a", "version": "Version_1.0", "excluded_rules": ["x"],
            "rule_action_overrides": [{ "name": "y", "action_to_use": "captcha" }, { "name": "z", "action_to_use": "challenge" }],
            "scope_down_statement": { "not_statement": geo },
        } }),
        json!({ "rule_group_reference_statement": { "arn": set, "excluded_rules": ["x"] } }),
        json!({ "rate_based_statement": {
            "limit": 100, "evaluation_window_sec": 60, "aggregate_key_type": "FORWARDED_IP", "forwarded_ip_config": forwarded,
            "scope_down_statement": geo,
        } }),
        json!({ "ip_set_reference_statement": { "arn": set, "ip_set_forwarded_ip_config": {
            "header_name": "X-Forwarded-For", "fallback_behavior": "NO_MATCH", "position": "FIRST",
        } } }),
        json!({ "byte_match_statement": {
            "search_string": "curl", "positional_constraint": "CONTAINS", "field_to_match": { "single_header": "user-agent" },
            "text_transformations": ["URL_DECODE", "LOWERCASE", "BASE64_DECODE"],
        } }),
        json!({ "regex_match_statement": { "regex_string": "a+", "field_to_match": { "single_query_argument": "q" },
            "text_transformations": text } }),
        json!({ "regex_pattern_set_reference_statement": { "arn": set, "field_to_match": field("query_string"),
            "text_transformations": text } }),
        json!({ "size_constraint_statement": { "comparison_operator": "GT", "size": 8192, "field_to_match": { "body": "MATCH" },
            "text_transformations": text } }),
        json!({ "sqli_match_statement": { "field_to_match": field("all_query_arguments"), "text_transformations": text,
            "sensitivity_level": "HIGH" } }),
        json!({ "xss_match_statement": { "field_to_match": field("method"), "text_transformations": text } }),
        json!({ "label_match_statement": { "scope": "LABEL", "key": "awswaf:a" } }),
        json!({ "or_statement": [geo, { "and_statement": [geo, { "not_statement": geo }] }] }),
    ];
    let rules = statements.into_iter().enumerate().map(|(n, statement)| {
        let mut rule = json!({
            "name": format!("r{n}"), "priority": n, "statement": statement, "rule_labels": ["one", "two"],
            "visibility_config": { "sampled_requests_enabled": false, "cloud_watch_metrics_enabled": true, "metric_name": "r" },
        });
        rule[if n < 2 { "override_action" } else { "action" }] = json!("count");
        rule
    });
    let mut spec = spec(rules.collect());
    spec["name"] = json!("every-statement");
    let world = cloud().await;
    let id = WebAcl.create(&world, &spec, TOKEN).await.expect("create");
    let live =
        WebAcl.read(&world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read").pop().flatten().expect("it is there");
    for (n, rule) in spec["rules"].as_array().expect("rules").iter().enumerate() {
        assert_eq!(live.spec["rules"][n], *rule);
    }
    WebAcl.delete(&world, &id, &spec).await.expect("delete");
}

#[tokio::test]
async fn one_for_cloudfront_is_made_where_cloudfront_has_them() {
    let world = cloud().await;
    let mut spec = spec(json!([]));
    (spec["name"], spec["scope"]) = (json!("for-cloudfront"), json!("CLOUDFRONT"));
    let id = WebAcl.create(&world, &spec, TOKEN).await.expect("create");
    assert!(id.as_str().starts_with("for-cloudfront|") && id.as_str().ends_with("|CLOUDFRONT"), "{id}");
    let live =
        WebAcl.read(&world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read").pop().flatten().expect("it is there");
    assert!(live.outputs["arn"].as_str().is_some_and(|it| it.contains(":global/webacl/")), "{:#}", live.outputs);
    WebAcl.delete(&world, &id, &spec).await.expect("delete");
}

const LIVE: &str = r#"{ "LockToken": "token-1", "WebACL": {
    "Name": "a", "Id": "1", "ARN": "arn:aws:wafv2:eu-central-1:123456789012:regional/webacl/a/1", "Capacity": 1,
    "DefaultAction": { "Block": { "CustomResponse": { "ResponseCode": 418 } } },
    "TokenDomains": ["example.com"],
    "VisibilityConfig": { "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "a" },
    "Rules": [{ "Name": "ShieldMitigationRuleGroup_123456789012_1", "Priority": 10000000, "OverrideAction": { "None": {} },
        "Statement": { "RuleGroupReferenceStatement": { "ARN": "arn:aws:wafv2:eu-central-1:1:regional/rulegroup/shield/1" } },
        "VisibilityConfig": { "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": "s" } }] } }"#;

#[tokio::test]
async fn an_update_keeps_what_is_not_ours_and_starts_again_when_another_came_first() {
    let refusals = Mutex::new(1);
    let wire = Wire::with(move |request| match request.operation() {
        "GetWebACL" => Answer::Say(200, LIVE),
        "UpdateWebACL" => {
            let mut left = refusals.lock().expect("nobody panicked");
            if *left == 0 {
                return Answer::Say(200, r#"{ "NextLockToken": "token-2" }"#);
            }
            *left -= 1;
            Answer::Say(400, r#"{ "__type": "WAFOptimisticLockException", "message": "somebody else changed it" }"#)
        }
        other => panic!("{other}"),
    })
    .await;
    let mut from = spec(json!([]));
    from["default_action"] = json!("block");
    let mut to = from.clone();
    to["rules"] = json!([rule(json!({ "geo_match_statement": { "country_codes": ["JP"] } }))]);
    let changed = ["rules".to_owned()].into();
    let update = AnyUpdate { id: &Id::from("a|1|REGIONAL"), from: &from, to: &to, changed: &changed };
    WebAcl.update(&wire.world, update).await.expect("update");
    let asked = wire.asked();
    let operations: Vec<_> = asked.iter().filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(operations, ["GetWebACL", "UpdateWebACL", "GetWebACL", "UpdateWebACL"]);
    let sent: Json = serde_json::from_str(asked[3].split_once(' ').expect("a body").1).expect("JSON");
    let names: Vec<_> = sent["Rules"].as_array().expect("rules").iter().filter_map(|it| it["Name"].as_str()).collect();
    assert_eq!(names, ["r", "ShieldMitigationRuleGroup_123456789012_1"]);
    assert_eq!(sent["LockToken"], "token-1");
    assert_eq!(sent["TokenDomains"], json!(["example.com"]));
    assert_eq!(sent["DefaultAction"]["Block"]["CustomResponse"]["ResponseCode"], 418);

    let read = WebAcl.read(&wire.world, &["a|1|REGIONAL".into()], &Wanted::default()).await.expect("read");
    assert_eq!(read[0].as_ref().expect("it is there").spec["rules"], json!([]), "Shield's rule is nobody's drift");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "wafv2.web_acl",
        absent: "absent|01234567-89ab-cdef-0123-456789abcdef|REGIONAL",
        changes: &[
            "default_action: block",
            "description: something else",
            "visibility_config: { metric_name: other, sampled_requests_enabled: false }",
            "rules: [{ name: only, priority: 5, action: count, statement: { ip_set_reference_statement: \
             { arn: 'arn:aws:wafv2:eu-central-1:123456789012:regional/ipset/a/1' } }, visibility_config: { metric_name: only } }]",
        ],
        replacements: &["name: other", "scope: CLOUDFRONT"],
        // The emulator keeps the rules where all of them are taken out.
        untried: &["rules"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
