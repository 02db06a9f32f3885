use infra::resource::{AnyResource as _, AnyUpdate, Describe as _, Id, Wanted};
use serde_json::{Value as Json, json};

use super::{Name, Record};
use crate::aws::{
    Aws,
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

/// A record that somebody else made.
pub(crate) async fn foreign(world: &Aws, zone: &str, name: &str) {
    let spec = json!({ "hosted_zone_id": zone, "name": name, "type": "A", "ttl": 60, "resource_records": ["203.0.113.1"] });
    Record.create(world, &spec, "0123456789abcdef0123456789abcdef").await.expect("a record");
}

#[test]
fn a_record_has_one_answer_and_one_way_to_choose_it() {
    let spec = |more: Json| {
        let mut spec =
            json!({ "hosted_zone_id": "Z1", "name": "a.example.com", "type": "A", "ttl": 60, "resource_records": ["203.0.113.1"] });
        for (name, value) in more.as_object().expect("an object") {
            spec[name] = value.clone();
        }
        spec
    };
    let alias = json!({ "dns_name": "b.example.com", "hosted_zone_id": "Z1" });
    for (more, expected) in [
        (json!({}), vec![]),
        (json!({ "resource_records": null, "ttl": null, "alias_target": alias }), vec![]),
        (json!({ "resource_records": null }), vec!["a record without an answer"]),
        (
            json!({ "alias_target": alias, "ttl": null }),
            vec!["a record that is an alias and has answers of its own", "answers without a `ttl`"],
        ),
        (json!({ "alias_target": alias, "resource_records": null }), vec!["an alias has the `ttl` of its target"]),
        (json!({ "ttl": null }), vec!["answers without a `ttl`"]),
        (json!({ "weight": 1, "set_identifier": "a" }), vec![]),
        (json!({ "weight": 1 }), vec!["`weight` without `set_identifier`"]),
        (json!({ "set_identifier": "a" }), vec!["a `set_identifier` on a record that is alone"]),
        (json!({ "weight": 1, "failover": "PRIMARY", "set_identifier": "a" }), vec!["`weight` and `failover` on one record"]),
        (
            json!({ "multi_value_answer": true, "set_identifier": "a", "resource_records": null, "ttl": null, "alias_target": alias }),
            vec!["an alias cannot be one of several answers"],
        ),
        (json!({ "resource_records": ["a.example.com"] }), vec!["resource_records[0]: `a.example.com` is no IPv4 address"]),
        (json!({ "type": "AAAA" }), vec!["resource_records[0]: `203.0.113.1` is no IPv6 address"]),
        (json!({ "type": "AAAA", "resource_records": ["2001:db8::1"] }), vec![]),
        (json!({ "type": "TXT", "resource_records": ["a", "\"b\""] }), vec!["resource_records[0]: a text without quotation marks"]),
        (json!({ "type": "CNAME", "resource_records": ["a", "b"] }), vec!["several names for one name"]),
    ] {
        assert_eq!(complaints::<Record>(spec(more.clone())), expected, "{more}");
    }
}

#[test]
fn ids_go_both_ways() {
    for (id, name, set) in [
        ("Z1/www.example.com/A", "www.example.com", None),
        ("Z1/*.example.com/CNAME/blue", "*.example.com", Some("blue")),
        ("Z1/0/25.2.0.192.in-addr.arpa/PTR", "0/25.2.0.192.in-addr.arpa", None),
        ("Z1/a.example.com/TXT/of/A/and/B", "a.example.com", Some("of/A/and/B")),
    ] {
        let parsed = Name::parse(&Id::from(id)).expect("an id");
        assert_eq!((parsed.name.as_str(), parsed.set.as_deref()), (name, set));
        assert_eq!(parsed.id().as_str(), id);
    }
    for id in ["", "Z1", "Z1/www.example.com", "/www.example.com/A", "absent-0"] {
        assert_eq!(Name::parse(&Id::from(id)), None, "{id}");
    }
}

#[tokio::test]
async fn a_name_that_comes_back_in_another_spelling_is_the_same() {
    let wire = Wire::with(|request| match request.operation().split('?').next() {
        Some("GET /2013-04-01/hostedzone/Z1/rrset") => Answer::Say(
            200,
            "<ListResourceRecordSetsResponse><ResourceRecordSets>\
             <ResourceRecordSet><Name>\\052.example.com.</Name><Type>A</Type><AliasTarget><HostedZoneId>Z2</HostedZoneId>\
             <DNSName>dualstack.alb-1.eu-central-1.elb.amazonaws.com.</DNSName><EvaluateTargetHealth>true</EvaluateTargetHealth>\
             </AliasTarget></ResourceRecordSet></ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems>\
             </ListResourceRecordSetsResponse>",
        ),
        other => panic!("{other:?}"),
    })
    .await;
    let spec = json!({
        "hosted_zone_id": "Z1", "name": "*.Example.com.", "type": "A",
        "alias_target": { "dns_name": "dualstack.ALB-1.eu-central-1.elb.amazonaws.com", "hosted_zone_id": "Z2", "evaluate_target_health": true },
    });
    let id = Record.locate(&spec).expect("locate").expect("its name decides it");
    assert_eq!(id.as_str(), "Z1/*.example.com/A");
    let read = Record.read(&wire.world, std::slice::from_ref(&id), &Wanted::default()).await.expect("read");
    let live = read[0].as_ref().expect("it is there");
    assert_eq!(live.spec["name"], "*.example.com");
    assert_eq!(live.spec["alias_target"]["dns_name"], "dualstack.alb-1.eu-central-1.elb.amazonaws.com");
    let known = [].into();
    assert_eq!(Record.find(&wire.world, "any", &spec, &known).await.expect("find"), Some(id), "it is equal to what was to be made");
    let mut other = spec.clone();
    other["alias_target"]["evaluate_target_health"] = json!(false);
    assert_eq!(Record.find(&wire.world, "any", &other, &known).await.expect("find"), None);
}

#[tokio::test]
async fn one_listing_answers_for_a_zone() {
    let world = cloud().await;
    let zone = world.route53().create_hosted_zone().name("many.example.com").caller_reference("many").send().await.expect("a zone");
    let zone = super::super::bare(&zone.hosted_zone.expect("a zone").id);
    for name in ["a", "b", "c"] {
        foreign(&world, &zone, &format!("{name}.many.example.com")).await;
    }
    let ids = ["a", "x", "c"].map(|it| Id(format!("{zone}/{it}.many.example.com/A")));
    let read = Record.read(&world, &ids, &Wanted::default()).await.expect("read");
    let there: Vec<_> = read.iter().map(Option::is_some).collect();
    assert_eq!(there, [true, false, true]);

    let page = "<ListResourceRecordSetsResponse><ResourceRecordSets></ResourceRecordSets><IsTruncated>false</IsTruncated>\
                <MaxItems>300</MaxItems></ListResourceRecordSetsResponse>";
    let wire = Wire::answering(Answer::Say(200, page)).await;
    Record.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    assert_eq!(wire.calls(), 1);
}

#[tokio::test]
async fn what_exists_is_not_overwritten_and_only_what_is_there_is_deleted() {
    let wire = Wire::with(|request| match request.operation().split('?').next() {
        Some("POST /2013-04-01/hostedzone/Z1/rrset/") => Answer::Say(
            400,
            "<InvalidChangeBatch><Messages><Message>[Tried to create resource record set [name='a.example.com.', type='A'] but it \
             already exists]</Message></Messages></InvalidChangeBatch>",
        ),
        Some("POST /2013-04-01/hostedzone/Z1/rrset") => Answer::Say(
            400,
            "<ErrorResponse><Error><Code>InvalidChangeBatch</Code><Message>[Tried to create resource record set but it already exists]\
             </Message></Error></ErrorResponse>",
        ),
        Some("GET /2013-04-01/hostedzone/Z1/rrset") => Answer::Say(
            200,
            "<ListResourceRecordSetsResponse><ResourceRecordSets></ResourceRecordSets><IsTruncated>false</IsTruncated>\
             <MaxItems>300</MaxItems></ListResourceRecordSetsResponse>",
        ),
        other => panic!("{other:?}"),
    })
    .await;
    let spec = json!({ "hosted_zone_id": "Z1", "name": "a.example.com", "type": "A", "ttl": 60, "resource_records": ["203.0.113.1"] });
    let refused = Record.create(&wire.world, &spec, "0123456789abcdef0123456789abcdef").await.expect_err("it exists");
    assert!(refused.message.contains("already exists"), "{refused}");
    assert!(wire.asked()[0].contains("<Action>CREATE</Action>"), "{:?}", wire.asked());
    Record.delete(&wire.world, &"Z1/a.example.com/A".into(), &spec).await.expect("gone already");
    assert_eq!(wire.calls(), 2, "nothing is deleted that is not there");
}

/// Which error a delete ends with that is refused with this code.
async fn delete_refused(code: &'static str) -> Option<String> {
    let wire = Wire::with(move |request| match request.operation() {
        "POST /2013-04-01/hostedzone/Z1/rrset" => {
            Answer::Say(400, format!("<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>").leak())
        }
        _ => Answer::Say(
            200,
            "<ListResourceRecordSetsResponse><ResourceRecordSets><ResourceRecordSet><Name>a.example.com.</Name><Type>A</Type><TTL>60</TTL>\
             <ResourceRecords><ResourceRecord><Value>203.0.113.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>\
             </ResourceRecordSets><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>",
        ),
    })
    .await;
    let spec = json!({ "hosted_zone_id": "Z1", "name": "a.example.com", "type": "A", "ttl": 60, "resource_records": ["203.0.113.1"] });
    Record.delete(&wire.world, &"Z1/a.example.com/A".into(), &spec).await.err().and_then(|it| it.code)
}

#[tokio::test]
async fn a_record_is_gone_with_its_zone_and_not_with_its_health_check() {
    assert_eq!(delete_refused("NoSuchHostedZone").await, None);
    assert_eq!(delete_refused("NoSuchHealthCheck").await.as_deref(), Some("NoSuchHealthCheck"));
}

#[tokio::test]
async fn a_record_is_deleted_as_it_is_whatever_was_applied() {
    let world = cloud().await;
    let zone = world.route53().create_hosted_zone().name("exact.example.com").caller_reference("exact").send().await.expect("a zone");
    let zone = super::super::bare(&zone.hosted_zone.expect("a zone").id);
    let spec = |ttl: i64| json!({ "hosted_zone_id": zone, "name": "*.exact.example.com", "type": "A", "ttl": ttl, "resource_records": ["203.0.113.1"] });
    let id = Record.create(&world, &spec(60), "0123456789abcdef0123456789abcdef").await.expect("create");
    let changed = ["ttl".to_owned()].into();
    Record.update(&world, AnyUpdate { id: &id, from: &spec(60), to: &spec(120), changed: &changed }).await.expect("somebody's change");
    Record.delete(&world, &id, &spec(60)).await.expect("delete");
    assert!(Record.read(&world, &[id], &Wanted::default()).await.expect("read")[0].is_none());
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "route53.record",
        absent: "Z0123456789ABCDEFGHIJ/absent.example.com/A",
        extra: "
check:
  route53.health_check:
    type: TCP
    ip_address: 203.0.113.1
    port: 443
",
        changes: &["ttl: 120", "resource_records: [newest.example.net]", "weight: 200", "health_check_id: '${check.id}'"],
        replacements: &["name: zoo.example.com", "set_identifier: newest"],
        // The emulator takes a name for one that exists if any that comes after it does: those here come last.
        // Another type or zone takes other values with it; of the rest a record has one, and each has to be of its own.
        untried: &["type", "hosted_zone_id", "alias_target", "failover", "region", "geo_location", "multi_value_answer"],
    }
    .check()
    .await;
}
