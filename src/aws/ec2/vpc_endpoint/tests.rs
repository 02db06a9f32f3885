use infra::resource::{AnyResource as _, AnyUpdate, Id, Status, Wanted};
use serde_json::json;

use super::VpcEndpoint;
use crate::aws::{
    complaints::complaints,
    conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    },
};

#[tokio::test]
async fn a_refusal_within_a_success_is_a_refusal_unless_it_is_gone() {
    macro_rules! unsuccessful {
        ($code:literal) => {
            concat!(
                "<unsuccessful><item><resourceId>vpce-1</resourceId><error><code>",
                $code,
                "</code><message>why</message></error></item></unsuccessful>"
            )
        };
    }
    let spec = json!({ "service_name": "a", "vpc_id": "vpc-1" });
    let wire = Wire::scripted(&[("DeleteVpcEndpoints", Answer::Xml(unsuccessful!("OperationNotPermitted")))]).await;
    let deleted = VpcEndpoint.delete(&wire.world, &"vpce-1".into(), &spec).await;
    assert_eq!(deleted.expect_err("the refusal").to_string(), "DeleteVpcEndpoints: OperationNotPermitted: why");
    let wire = Wire::scripted(&[("DeleteVpcEndpoints", Answer::Xml(unsuccessful!("InvalidVpcEndpointId.NotFound")))]).await;
    VpcEndpoint.delete(&wire.world, &"vpce-1".into(), &spec).await.expect("gone already");
}

#[tokio::test]
async fn all_changes_are_one_call() {
    let wire = Wire::scripted(&[("ModifyVpcEndpoint", Answer::Xml("<return>true</return>"))]).await;
    let from = json!({
        "service_name": "a", "vpc_id": "vpc-1", "vpc_endpoint_type": "Interface", "subnet_ids": ["subnet-1", "subnet-2"],
        "security_group_ids": ["sg-1"], "policy_document": { "Statement": [] },
    });
    let to = json!({
        "service_name": "a", "vpc_id": "vpc-1", "vpc_endpoint_type": "Interface", "subnet_ids": ["subnet-2", "subnet-3"],
        "security_group_ids": ["sg-2"], "private_dns_enabled": true, "ip_address_type": "dualstack",
        "dns_options": { "dns_record_ip_type": "service-defined" },
    });
    let properties = ["subnet_ids", "security_group_ids", "private_dns_enabled", "policy_document", "ip_address_type", "dns_options"];
    let changed = properties.map(str::to_owned).into();
    VpcEndpoint.update(&wire.world, AnyUpdate { id: &"vpce-1".into(), from: &from, to: &to, changed: &changed }).await.expect("update");
    let parameters = [
        "AddSubnetId.1",
        "RemoveSubnetId.1",
        "AddSecurityGroupId.1",
        "RemoveSecurityGroupId.1",
        "PrivateDnsEnabled",
        "ResetPolicy",
        "IpAddressType",
        "DnsOptions.DnsRecordIpType",
    ];
    let expected = "ModifyVpcEndpoint AddSubnetId.1=subnet-3 RemoveSubnetId.1=subnet-1 AddSecurityGroupId.1=sg-2 \
                    RemoveSecurityGroupId.1=sg-1 PrivateDnsEnabled=true ResetPolicy=true IpAddressType=dualstack \
                    DnsOptions.DnsRecordIpType=service-defined";
    assert_eq!(wire.said(&parameters), [expected]);
}

#[tokio::test]
async fn what_can_still_become_usable_is_told_from_what_cannot() {
    let wire = Wire::answering(Answer::Say(
        200,
        "<DescribeVpcEndpointsResponse><vpcEndpointSet>\
         <item><vpcEndpointId>vpce-1</vpcEndpointId><state>pendingAcceptance</state></item>\
         <item><vpcEndpointId>vpce-2</vpcEndpointId><state>failed</state><lastError><code>Internal</code><message>why</message>\
         </lastError></item>\
         <item><vpcEndpointId>vpce-3</vpcEndpointId><state>deleted</state></item>\
         <item><vpcEndpointId>vpce-4</vpcEndpointId><state>Pending</state></item>\
         </vpcEndpointSet></DescribeVpcEndpointsResponse>",
    ))
    .await;
    let ids = ["vpce-1", "vpce-2", "vpce-3", "vpce-4"].map(Into::into);
    let read = VpcEndpoint.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
    let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
    let failed = Status::Failed("failed: Internal: why".into());
    assert_eq!(statuses, [Some(Status::Ready), Some(failed), None, Some(Status::Pending("pending".into()))]);
}

#[test]
fn properties_must_fit_the_type() {
    for (spec, expected) in [
        (json!({ "route_table_ids": ["rtb-1"], "private_dns_enabled": false }), vec![]),
        (json!({ "vpc_endpoint_type": "Interface", "subnet_ids": ["subnet-1"], "private_dns_enabled": true }), vec![]),
        (json!({ "subnet_ids": ["subnet-1"] }), vec!["`subnet_ids` on an endpoint of type Gateway"]),
        (json!({ "vpc_endpoint_type": "Interface" }), vec!["an endpoint of type Interface without `subnet_ids`"]),
        (
            json!({ "vpc_endpoint_type": "Interface", "subnet_ids": ["subnet-1"], "route_table_ids": ["rtb-1"] }),
            vec!["`route_table_ids` on an endpoint of type Interface"],
        ),
        (json!({ "service_name": "com.amazonaws.eu-central-1.s3", "route_table_ids": ["rtb-1"] }), vec![]),
        (json!({ "service_name": "com.amazonaws.eu-central-1.not-heard-of" }), vec![]),
        (json!({ "service_name": "com.amazonaws.iam", "vpc_endpoint_type": "Interface", "subnet_ids": ["subnet-1"] }), vec![]),
        (json!({ "service_name": "s3" }), vec!["`s3` is not the whole name of a service"]),
        (json!({ "service_name": "ecr.dkr" }), vec!["`ecr.dkr` is not the whole name of a service"]),
        (json!({ "service_name": "com.amazon.eu-central-1.s3" }), vec!["the names of AWS's services do not begin with `com.amazon`"]),
        (json!({ "service_name": "com.amazonaws.eu-central-1.secretsmanager" }), vec!["no routes lead to this service"]),
        (json!({ "service_name": "com.amazonaws.vpce.eu-central-1.vpce-svc-0123456789abcdef0" }), vec!["no routes lead to this service"]),
    ] {
        assert_eq!(complaints::<VpcEndpoint>(spec), expected);
    }
}

#[tokio::test]
async fn a_gateway_moves_from_table_to_table() {
    let world = cloud().await;
    let ec2 = world.ec2();
    let vpc = ec2.create_vpc().cidr_block("10.9.0.0/16").send().await.expect("a VPC").vpc.and_then(|it| it.vpc_id).expect("its id");
    let table = async || {
        let made = ec2.create_route_table().vpc_id(&vpc).send().await.expect("a table");
        made.route_table.and_then(|it| it.route_table_id).expect("its id")
    };
    let (one, two) = (table().await, table().await);
    let spec = |tables: &[&String]| json!({ "service_name": "com.amazonaws.eu-central-1.s3", "vpc_id": vpc, "route_table_ids": tables });
    let id = VpcEndpoint.create(&world, &spec(&[&one]), "0123456789abcdef0123456789abcdef").await.expect("create");
    let read = async |id: &Id| {
        let mut found = VpcEndpoint.read(&world, std::slice::from_ref(id), &Wanted::default()).await.expect("read");
        found.pop().flatten().map(|it| it.spec["route_table_ids"].clone())
    };
    assert_eq!(read(&id).await, Some(json!([one])));
    let changed = ["route_table_ids".to_owned()].into();
    let (from, to) = (spec(&[&one]), spec(&[&two]));
    VpcEndpoint.update(&world, AnyUpdate { id: &id, from: &from, to: &to, changed: &changed }).await.expect("update");
    assert_eq!(read(&id).await, Some(json!([two])));
    for gone in [false, true] {
        VpcEndpoint.delete(&world, &id, &to).await.unwrap_or_else(|error| panic!("delete, gone already: {gone}: {error}"));
        assert_eq!(read(&id).await, None);
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ec2.vpc_endpoint",
        absent: "vpce-0123456789abcdef0",
        extra: "
other:
  ec2.security_group:
    group_name: other
    vpc_id: ${vpc.id}
second:
  ec2.subnet:
    vpc_id: ${vpc.id}
    cidr_block: 10.0.1.0/24
",
        changes: &[
            "subnet_ids: ['${subnet.id}', '${second.id}']",
            "subnet_ids: ['${second.id}']",
            "security_group_ids: ['${other.id}']",
            "policy_document: { Statement: [{ Effect: Allow, Principal: '*', Action: 'logs:*', Resource: '*' }] }",
        ],
        replacements: &["service_name: com.amazonaws.eu-central-1.monitoring"],
        // Another type or VPC takes other subnets with it. The next is for gateways, which have a test of their own; of the
        // others the emulator keeps what the create said.
        untried: &["vpc_endpoint_type", "vpc_id", "route_table_ids", "private_dns_enabled", "ip_address_type", "dns_options"],
    }
    .check()
    .await;
}
