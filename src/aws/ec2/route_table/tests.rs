use serde_json::json;

use super::*;
use crate::aws::conformance::{
    Conformance,
    wire::{Answer, Wire, refusal},
};

const DONE: Answer = Answer::Xml("<return>true</return>");

/// A VPC with its own table, the main one, and two tables of the state `one`, of which the second has a subnet; one more of somebody else.
const TABLES: &str = "<routeTableSet>\
    <item><routeTableId>rtb-own</routeTableId><associationSet><item><routeTableAssociationId>assoc-own</routeTableAssociationId>\
    <main>true</main></item></associationSet></item>\
    <item><routeTableId>rtb-1</routeTableId><tagSet><item><key>infra:state</key><value>one</value></item></tagSet></item>\
    <item><routeTableId>rtb-2</routeTableId><tagSet><item><key>infra:state</key><value>one</value></item></tagSet>\
    <associationSet><item><routeTableAssociationId>assoc-2</routeTableAssociationId><subnetId>subnet-2</subnetId></item></associationSet></item>\
    <item><routeTableId>rtb-3</routeTableId><tagSet><item><key>infra:state</key><value>two</value></item></tagSet>\
    <associationSet><item><routeTableAssociationId>assoc-3</routeTableAssociationId><subnetId>subnet-3</subnetId></item></associationSet></item>\
    </routeTableSet>";

/// The same after `rtb-1` took the place of the main table.
const TAKEN: &str = "<routeTableSet>\
    <item><routeTableId>rtb-a</routeTableId></item>\
    <item><routeTableId>rtb-own</routeTableId></item>\
    <item><routeTableId>rtb-1</routeTableId><tagSet><item><key>infra:main-before</key><value>rtb-own</value></item></tagSet>\
    <associationSet><item><routeTableAssociationId>assoc-1</routeTableAssociationId><main>true</main></item></associationSet></item>\
    <item><routeTableId>rtb-2</routeTableId></item>\
    </routeTableSet>";

fn spec(json: serde_json::Value) -> Spec {
    let mut spec = json!({ "vpc_id": "vpc-1", "tags": { "infra:state": "one" } });
    spec.as_object_mut().expect("an object").extend(json.as_object().expect("an object").clone());
    serde_json::from_value(spec).expect("a spec")
}

/// What is said to AWS to bring a table to a spec.
async fn update(wire: &Wire, id: &str, to: serde_json::Value) -> Result<Vec<String>> {
    let (from, to) = (spec(json!({})), spec(to));
    let changed = ["main", "routes", "subnet_ids"].map(str::to_owned).into();
    RouteTable::update(&wire.world, Update { id: &id.into(), from: &from, to: &to, changed: &changed }).await?;
    Ok(wire.said(&["ResourceId.1", "Tag.1.Value", "RouteTableId", "AssociationId", "SubnetId", "GatewayId"]))
}

#[tokio::test]
async fn subnets_move_within_a_state_without_a_gap_and_are_taken_from_nobody_else() {
    let wire = Wire::scripted(&[
        ("DescribeRouteTables", Answer::Xml(TABLES)),
        ("ReplaceRouteTableAssociation", DONE),
        ("AssociateRouteTable", DONE),
    ])
    .await;
    let expected = [
        "DescribeRouteTables",
        "ReplaceRouteTableAssociation RouteTableId=rtb-1 AssociationId=assoc-2",
        // AWS refuses it.
        "AssociateRouteTable RouteTableId=rtb-1 SubnetId=subnet-3",
    ];
    assert_eq!(update(&wire, "rtb-1", json!({ "subnet_ids": ["subnet-2", "subnet-3"] })).await.expect("done"), expected);
}

/// Whose place it takes is written down before it takes it.
#[tokio::test]
async fn the_place_of_the_main_table_is_taken() {
    let wire =
        Wire::scripted(&[("DescribeRouteTables", Answer::Xml(TABLES)), ("CreateTags", DONE), ("ReplaceRouteTableAssociation", DONE)]).await;
    let expected = [
        "DescribeRouteTables",
        "CreateTags ResourceId.1=rtb-1 Tag.1.Value=rtb-own",
        "ReplaceRouteTableAssociation RouteTableId=rtb-1 AssociationId=assoc-own",
    ];
    assert_eq!(update(&wire, "rtb-1", json!({ "main": true })).await.expect("done"), expected);

    // From one that had taken it: what is written there is passed on.
    let wire =
        Wire::scripted(&[("DescribeRouteTables", Answer::Xml(TAKEN)), ("CreateTags", DONE), ("ReplaceRouteTableAssociation", DONE)]).await;
    let said = update(&wire, "rtb-2", json!({ "main": true })).await.expect("done");
    assert_eq!(
        said[1..],
        ["CreateTags ResourceId.1=rtb-2 Tag.1.Value=rtb-own", "ReplaceRouteTableAssociation RouteTableId=rtb-2 AssociationId=assoc-1"]
    );
}

#[tokio::test]
async fn the_place_of_the_main_table_is_given_back_before_the_table_goes() {
    let wire =
        Wire::scripted(&[("DescribeRouteTables", Answer::Xml(TAKEN)), ("ReplaceRouteTableAssociation", DONE), ("DeleteRouteTable", DONE)])
            .await;
    RouteTable::delete(&wire.world, Delete { id: &"rtb-1".into(), spec: &spec(json!({ "main": true })) }).await.expect("done");
    let expected = [
        "DescribeRouteTables",
        "ReplaceRouteTableAssociation RouteTableId=rtb-own AssociationId=assoc-1",
        "DeleteRouteTable RouteTableId=rtb-1",
    ];
    assert_eq!(wire.said(&["RouteTableId", "AssociationId"]), expected);
}

/// A VPC's own table cannot be got rid of, which is said at once instead of tried for a while.
#[tokio::test]
async fn the_last_table_stays() {
    let only = "<routeTableSet><item><routeTableId>rtb-own</routeTableId><associationSet><item>\
        <routeTableAssociationId>assoc-own</routeTableAssociationId><main>true</main></item></associationSet></item></routeTableSet>";
    let wire = Wire::scripted(Box::leak(Box::new([("DescribeRouteTables", Answer::Xml(only))]))).await;
    let deleted = RouteTable::delete(&wire.world, Delete { id: &"rtb-own".into(), spec: &spec(json!({})) }).await;
    let error = deleted.expect_err("it stays");
    assert!(error.is(&["MainRouteTable"]) && !RouteTable::FACTS.passing.iter().any(|it| error.is(&[it.code])), "{error}");
}

/// A try whose answer was lost has made the route, and the table was read before that could be seen.
#[tokio::test]
async fn a_route_that_is_there_already_is_replaced() {
    let wire = Wire::scripted(&[
        ("DescribeRouteTables", Answer::Xml(TABLES)),
        ("CreateRoute", Answer::Say(400, refusal!("RouteAlreadyExists", "It exists."))),
        ("ReplaceRoute", DONE),
    ])
    .await;
    let routes = json!({ "routes": [{ "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1" }] });
    let said = update(&wire, "rtb-1", routes).await.expect("done");
    assert_eq!(said[1..], ["CreateRoute RouteTableId=rtb-1 GatewayId=igw-1", "ReplaceRoute RouteTableId=rtb-1 GatewayId=igw-1"]);
}

/// Nothing is deleted that is wanted, and what is not goes last.
#[tokio::test]
async fn what_goes_elsewhere_is_replaced_and_never_missing() {
    let wire = Wire::scripted(&[
        (
            "DescribeRouteTables",
            Answer::Xml(
                "<routeTableSet><item><routeTableId>rtb-1</routeTableId><routeSet>\
                 <item><destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-1</natGatewayId><origin>CreateRoute</origin></item>\
                 <item><destinationCidrBlock>10.9.0.0/16</destinationCidrBlock><gatewayId>igw-1</gatewayId><origin>CreateRoute</origin></item>\
                 </routeSet></item></routeTableSet>",
            ),
        ),
        ("CreateRoute", DONE),
        ("ReplaceRoute", DONE),
        ("DeleteRoute", DONE),
    ])
    .await;
    let routes = json!({ "routes": [
        { "destination_cidr_block": "0.0.0.0/0", "nat_gateway_id": "nat-2" },
        { "destination_cidr_block": "10.8.0.0/16", "gateway_id": "igw-1" },
    ] });
    update(&wire, "rtb-1", routes).await.expect("done");
    let expected = [
        "DescribeRouteTables",
        "ReplaceRoute DestinationCidrBlock=0.0.0.0%2F0 NatGatewayId=nat-2",
        "CreateRoute DestinationCidrBlock=10.8.0.0%2F16",
        "DeleteRoute DestinationCidrBlock=10.9.0.0%2F16",
    ];
    assert_eq!(wire.said(&["DestinationCidrBlock", "NatGatewayId"]), expected);
}

/// Fresh, it may be unknown to a search: an error that passes.
#[tokio::test]
async fn a_table_that_is_not_visible_yet_is_tried_again() {
    let wire = Wire::scripted(&[("DescribeRouteTables", Answer::Xml(TABLES))]).await;
    let error = update(&wire, "rtb-9", json!({})).await.expect_err("it is not there");
    assert!(RouteTable::FACTS.passing.iter().any(|it| error.is(&[it.code])), "{error}");
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ec2.route_table",
        absent: "rtb-0123456789abcdef0",
        extra: r#"
            other: { ec2.subnet: { vpc_id: "${vpc.id}", cidr_block: 10.0.2.0/24 } }
            neighbour: { ec2.route_table: { vpc_id: "${vpc.id}", main: true }, lifecycle: { ignore_changes: [main] } }
            elsewhere: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }
        "#,
        changes: &[
            "main: true",
            "routes: [{ destination_cidr_block: 10.9.0.0/16, gateway_id: '${gateway.id}' }]",
            "routes: null",
            "routes: [{ destination_cidr_block: 0.0.0.0/0, gateway_id: '${gateway.id}' }]",
            "subnet_ids: ['${other.id}']",
            "subnet_ids: ['${other.id}', '${subnet.id}']",
            "subnet_ids: null",
            "main: null",
            // Without subnets it is replaced: a table of another VPC cannot have this one's.
            "main: true",
        ],
        replacements: &["vpc_id: ${elsewhere.id}"],
        ..Conformance::DEFAULT
    }
    .check()
    .await;
}
