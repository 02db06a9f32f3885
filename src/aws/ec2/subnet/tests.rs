use super::*;
use crate::aws::conformance::{
    Conformance,
    wire::{Answer, Wire, refusal},
};

fn spec() -> Spec {
    let yaml = "{ vpc_id: vpc-1, cidr_block: 10.0.1.0/24, ipv6_cidr_block: '2001:db8::/64', assign_ipv6_address_on_creation: true }";
    serde_yaml::from_str(yaml).expect("a spec")
}

/// The refusal stands, so that the engine tries again, and what nobody else removes is gone by then.
#[tokio::test]
async fn leftovers_of_lambda_and_guardduty_are_removed() {
    let wire = Wire::scripted(&[
        ("DeleteSubnet", Answer::Say(400, refusal!("DependencyViolation", "The subnet has dependencies."))),
        (
            "DescribeNetworkInterfaces",
            Answer::Xml("<networkInterfaceSet><item><networkInterfaceId>eni-1</networkInterfaceId></item></networkInterfaceSet>"),
        ),
        ("DeleteNetworkInterface", Answer::Xml("<return>true</return>")),
        (
            "DescribeVpcEndpoints",
            Answer::Xml(
                "<vpcEndpointSet>\
                 <item><vpcEndpointId>vpce-1</vpcEndpointId><subnetIdSet><item>subnet-1</item><item>subnet-2</item></subnetIdSet></item>\
                 <item><vpcEndpointId>vpce-2</vpcEndpointId><subnetIdSet><item>subnet-2</item></subnetIdSet></item>\
                 </vpcEndpointSet>",
            ),
        ),
        ("ModifyVpcEndpoint", Answer::Xml("<return>true</return>")),
    ])
    .await;
    let deleted = Subnet::delete(&wire.world, Delete { id: &"subnet-1".into(), spec: &spec() }).await;
    assert!(deleted.expect_err("the refusal").is(&["DependencyViolation"]));
    let said = wire.said(&["NetworkInterfaceId", "VpcEndpointId", "RemoveSubnetId.1"]);
    let expected = [
        "DeleteSubnet",
        "DescribeNetworkInterfaces",
        "DeleteNetworkInterface NetworkInterfaceId=eni-1",
        "DescribeVpcEndpoints",
        "ModifyVpcEndpoint VpcEndpointId=vpce-1 RemoveSubnetId.1=subnet-1",
    ];
    assert_eq!(said, expected);
}

/// One attribute a call; what needs IPv6 goes off before the block changes and on after it.
#[tokio::test]
async fn attributes_change_one_by_one_and_in_order() {
    const DONE: Answer = Answer::Xml("<return>true</return>");
    let wire = Wire::scripted(&[
        (
            "DescribeSubnets",
            Answer::Xml(
                "<subnetSet><item><subnetId>subnet-1</subnetId><ipv6CidrBlockAssociationSet><item><associationId>assoc-1</associationId>\
                 <ipv6CidrBlock>2001:db8::/64</ipv6CidrBlock><ipv6CidrBlockState><state>associated</state></ipv6CidrBlockState></item>\
                 </ipv6CidrBlockAssociationSet></item></subnetSet>",
            ),
        ),
        ("ModifySubnetAttribute", DONE),
        ("AssociateSubnetCidrBlock", DONE),
        ("DisassociateSubnetCidrBlock", DONE),
    ])
    .await;
    let from = spec();
    let mut to = from.clone();
    to.ipv6_cidr_block = Some(Cidr("2001:db8:0:1::/64".into()));
    to.enable_dns64 = true;
    to.map_public_ip_on_launch = true;
    to.private_dns_name_options_on_launch.hostname_type = HostnameType::ResourceName;
    to.private_dns_name_options_on_launch.enable_resource_name_dns_a_record = true;
    let changed = ["ipv6_cidr_block", "enable_dns64", "map_public_ip_on_launch", "private_dns_name_options_on_launch"];
    let changed = changed.map(str::to_owned).into();
    Subnet::update(&wire.world, Update { id: &"subnet-1".into(), from: &from, to: &to, changed: &changed }).await.expect("done");
    let attributes = [
        "AssignIpv6AddressOnCreation.Value",
        "EnableDns64.Value",
        "MapPublicIpOnLaunch.Value",
        "PrivateDnsHostnameTypeOnLaunch",
        "EnableResourceNameDnsARecordOnLaunch.Value",
    ];
    let expected = [
        "ModifySubnetAttribute AssignIpv6AddressOnCreation.Value=false",
        "DescribeSubnets",
        "DisassociateSubnetCidrBlock",
        "AssociateSubnetCidrBlock",
        "ModifySubnetAttribute AssignIpv6AddressOnCreation.Value=true",
        "ModifySubnetAttribute EnableDns64.Value=true",
        "ModifySubnetAttribute MapPublicIpOnLaunch.Value=true",
        "ModifySubnetAttribute PrivateDnsHostnameTypeOnLaunch=resource-name",
        "ModifySubnetAttribute EnableResourceNameDnsARecordOnLaunch.Value=true",
    ];
    assert_eq!(wire.said(&attributes), expected);
}

#[tokio::test]
async fn it_is_usable_when_it_is_available() {
    let wire = Wire::answering(Answer::Say(
        200,
        "<DescribeSubnetsResponse><subnetSet><item><subnetId>subnet-1</subnetId><state>pending</state></item>\
         <item><subnetId>subnet-2</subnetId><state>available</state></item>\
         <item><subnetId>subnet-3</subnetId><state>failed</state></item></subnetSet></DescribeSubnetsResponse>",
    ))
    .await;
    let read = Subnet::read(&wire.world, &["subnet-1", "subnet-2", "subnet-3"].map(Into::into), &Wanted::default()).await.expect("read");
    let statuses: Vec<_> = read.into_iter().flatten().map(|it| it.status).collect();
    assert_eq!(statuses, [Status::Pending("pending".into()), Status::Ready, Status::Failed("failed".into())]);
}

/// Calls grow with pages, not with subnets.
#[tokio::test]
async fn many_are_read_at_once() {
    for (subnets, calls) in [(1, 1), (10, 1), (100, 1), (200, 1), (201, 2), (1000, 5)] {
        let wire = Wire::answering(Answer::Xml("<subnetSet/>")).await;
        let ids: Vec<_> = (0..subnets).map(|n| Id(format!("subnet-{n}"))).collect();
        let read = Subnet::read(&wire.world, &ids, &Wanted::default()).await.expect("an answer");
        assert_eq!((read.len(), wire.calls()), (subnets, calls));
        assert!(read.iter().all(Option::is_none));
    }
}

#[tokio::test]
async fn conforms() {
    Conformance {
        type_name: "ec2.subnet",
        absent: "subnet-0123456789abcdef0",
        extra: "other: { ec2.vpc: { cidr_block: 10.0.0.0/16 } }",
        changes: &[
            "map_public_ip_on_launch: true",
            "map_public_ip_on_launch: null",
            "ipv6_cidr_block: 2600:1f16:115:200::/64",
            "assign_ipv6_address_on_creation: true",
            "ipv6_cidr_block: 2600:1f16:115:201::/64",
            "assign_ipv6_address_on_creation: false",
            "ipv6_cidr_block: null",
        ],
        replacements: &["cidr_block: 10.0.2.0/24", "vpc_id: ${other.id}", "availability_zone: eu-central-1b"],
        // The emulator does not keep the first two; the last stands instead of the zone's name.
        untried: &["enable_dns64", "private_dns_name_options_on_launch", "availability_zone_id"],
    }
    .check()
    .await;
}
