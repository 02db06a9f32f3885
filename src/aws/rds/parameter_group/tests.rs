//! Both kinds, in one way: what is written for DB instances is said of DB clusters with their names.

use infra::resource::{AnyResource, AnyUpdate, Wanted};
use serde_json::{Value as Json, json};

use crate::aws::{
    Aws,
    complaints::complaints,
    conformance::wire::{Answer, Wire},
    rds::{db_cluster_parameter_group::DbClusterParameterGroup, db_parameter_group::DbParameterGroup},
};

/// The two types, each with how AWS calls its parameters and how the property that names it is called.
const KINDS: [(&dyn AnyResource<Aws>, &str, &str); 2] = [
    (&DbParameterGroup, "DBParameter", "db_parameter_group_name"),
    (&DbClusterParameterGroup, "DBClusterParameter", "db_cluster_parameter_group_name"),
];

/// AWS, answering calls as they are in this script, which names those of DB instances.
async fn scripted(kind: &str, script: &[(&str, &str)]) -> Wire {
    let own = |text: &str| -> &'static str { text.replace("DBParameter", kind).leak() };
    Wire::scripted(script.iter().map(|(action, answer)| (own(action), Answer::Xml(own(answer)))).collect::<Vec<_>>().leak()).await
}

/// What was said, as if it were of DB instances.
fn said(wire: &Wire, kind: &str, parameters: &[&str]) -> Vec<String> {
    wire.said(parameters).into_iter().map(|it| it.replace(kind, "DBParameter")).collect()
}

#[test]
fn names_are_written_as_aws_keeps_them() {
    let check = |complaints: fn(Json) -> Vec<String>, name: &str| {
        for (spec, expected) in [
            (json!({ name: "hr-chatbot", "parameters": { "max_connections": "1" } }), vec![]),
            (json!({ name: "HR" }), vec!["a name with capital letters"]),
            (json!({ "parameters": { "TimeZone": "UTC" } }), vec!["parameters.TimeZone: a parameter with capital letters"]),
        ] {
            assert_eq!(complaints(spec), expected, "{name}");
        }
    };
    check(complaints::<DbParameterGroup>, "db_parameter_group_name");
    check(complaints::<DbClusterParameterGroup>, "db_cluster_parameter_group_name");
}

#[tokio::test]
async fn what_changes_is_set_and_what_is_removed_is_reset_each_in_its_own_way() {
    for (resource, kind, name) in KINDS {
        let wire = scripted(
            kind,
            &[
                (
                    "DescribeDBParameters",
                    "<DescribeDBParametersResult><Parameters>\
                     <Parameter><ParameterName>moving</ParameterName><ApplyType>dynamic</ApplyType></Parameter>\
                     <Parameter><ParameterName>fixed</ParameterName><ApplyType>static</ApplyType></Parameter>\
                     <Parameter><ParameterName>gone</ParameterName><ApplyType>dynamic</ApplyType></Parameter>\
                     </Parameters></DescribeDBParametersResult>",
                ),
                ("ModifyDBParameterGroup", "<ModifyDBParameterGroupResult/>"),
                ("ResetDBParameterGroup", "<ResetDBParameterGroupResult/>"),
            ],
        )
        .await;
        let spec = |parameters| json!({ name: "a", "family": "f", "parameters": parameters });
        let from = spec(json!({ "moving": "1", "same": "1", "gone": "1" }));
        let to = spec(json!({ "moving": "2", "same": "1", "fixed": "1" }));
        let changed = ["parameters".to_owned()].into();
        let update = AnyUpdate { id: &"a".into(), from: &from, to: &to, changed: &changed };
        resource.update(&wire.world, update).await.expect("update");
        let parameters = [
            "Filters.Filter.1.Values.Value.1",
            "Parameters.Parameter.1.ParameterName",
            "Parameters.Parameter.1.ParameterValue",
            "Parameters.Parameter.1.ApplyMethod",
            "Parameters.Parameter.2.ParameterName",
            "Parameters.Parameter.2.ApplyMethod",
            "Parameters.Parameter.3.ParameterName",
            "ResetAllParameters",
        ];
        let expected = [
            "DescribeDBParameters Filters.Filter.1.Values.Value.1=fixed",
            "ModifyDBParameterGroup Parameters.Parameter.1.ParameterName=fixed Parameters.Parameter.1.ParameterValue=1 \
             Parameters.Parameter.1.ApplyMethod=pending-reboot Parameters.Parameter.2.ParameterName=moving \
             Parameters.Parameter.2.ApplyMethod=immediate",
            "DescribeDBParameters Filters.Filter.1.Values.Value.1=gone",
            "ResetDBParameterGroup Parameters.Parameter.1.ParameterName=gone Parameters.Parameter.1.ApplyMethod=immediate \
             ResetAllParameters=false",
        ];
        assert_eq!(said(&wire, kind, &parameters), expected, "{kind}");
    }
}

#[tokio::test]
async fn a_parameter_set_to_its_default_is_read_too() {
    for (resource, kind, _) in KINDS {
        let wire = scripted(
            kind,
            &[
                (
                    "DescribeDBParameterGroups",
                    "<DescribeDBParameterGroupsResult><DBParameterGroups><DBParameterGroup><DBParameterGroupName>a</DBParameterGroupName>\
                     </DBParameterGroup></DBParameterGroups></DescribeDBParameterGroupsResult>",
                ),
                (
                    "DescribeDBParameters",
                    "<DescribeDBParametersResult><Parameters>\
                     <Parameter><ParameterName>one</ParameterName><ParameterValue>1</ParameterValue><Source>engine-default</Source></Parameter>\
                     <Parameter><ParameterName>two</ParameterName><Source>engine-default</Source></Parameter>\
                     </Parameters></DescribeDBParametersResult>",
                ),
            ],
        )
        .await;
        let read = async |wanted: &Wanted| {
            let read = resource.read(&wire.world, &["a".into()], wanted).await.expect("read");
            read.into_iter().next().flatten().expect("it is there").spec.get("parameters").cloned()
        };
        assert_eq!(read(&Wanted(["parameters".to_owned()].into())).await, Some(json!({ "one": "1" })), "{kind}");
        assert_eq!(read(&Wanted::default()).await, None, "{kind}");
        let expected = ["DescribeDBParameterGroups", "DescribeDBParameters", "DescribeDBParameterGroups"];
        assert_eq!(said(&wire, kind, &[]), expected);
    }
}
