//! States that last a while, of the types whose own tests do not show them: the emulator is always done at once.

use infra::resource::{Id, Status, Wanted};

use crate::aws::{
    TYPES,
    conformance::wire::{Answer, Wire},
};

/// What is read of resources of a type where the service answers so.
async fn check(type_name: &str, answers: &[(&'static str, &'static str)], expected: &[(&str, Option<Status>)]) {
    let answers = answers.to_vec();
    let wire = Wire::with(move |request| {
        let answer = answers.iter().find(|(operation, _)| request.operation() == *operation);
        Answer::Xml(answer.unwrap_or_else(|| panic!("nothing is said to {}", request.operation())).1)
    })
    .await;
    let resource = TYPES.iter().find(|it| it.name() == type_name).expect("a type");
    let ids: Vec<_> = expected.iter().map(|(id, _)| Id::from(*id)).collect();
    let read = resource.read(&wire.world, &ids, &Wanted::default()).await.unwrap_or_else(|error| panic!("{type_name}: {error}"));
    let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
    assert_eq!(statuses, expected.iter().map(|(_, it)| it.clone()).collect::<Vec<_>>(), "{type_name}");
}

fn pending(text: &str) -> Option<Status> {
    Some(Status::Pending(text.into()))
}

#[tokio::test]
async fn what_is_not_done_is_waited_for() {
    let gateways = "<internetGatewaySet>\
        <item><internetGatewayId>igw-1</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId><state>attaching</state></item></attachmentSet></item>\
        <item><internetGatewayId>igw-2</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId><state>detached</state></item></attachmentSet></item>\
        <item><internetGatewayId>igw-3</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId><state>attached</state></item></attachmentSet></item>\
        </internetGatewaySet>";
    check(
        "ec2.internet_gateway",
        &[("DescribeInternetGateways", gateways)],
        &[("igw-1", pending("attaching")), ("igw-2", pending("detached")), ("igw-3", Some(Status::Ready)), ("igw-4", None)],
    )
    .await;

    let tables = "<routeTableSet>\
        <item><routeTableId>rtb-1</routeTableId><associationSet>\
        <item><subnetId>subnet-1</subnetId><associationState><state>associated</state></associationState></item>\
        <item><subnetId>subnet-2</subnetId><associationState><state>associating</state></associationState></item></associationSet></item>\
        <item><routeTableId>rtb-2</routeTableId><associationSet>\
        <item><subnetId>subnet-3</subnetId><associationState><state>associating</state></associationState></item>\
        <item><subnetId>subnet-4</subnetId><associationState><state>failed</state><statusMessage>no</statusMessage></associationState></item>\
        </associationSet></item></routeTableSet>";
    check(
        "ec2.route_table",
        &[("DescribeRouteTables", tables)],
        &[("rtb-1", pending("associating")), ("rtb-2", Some(Status::Failed("no".into())))],
    )
    .await;

    let subnets = "<subnetSet><item><subnetId>subnet-1</subnetId><state>pending</state></item>\
        <item><subnetId>subnet-2</subnetId><state>failed</state></item>\
        <item><subnetId>subnet-3</subnetId><state>available</state></item></subnetSet>";
    check(
        "ec2.subnet",
        &[("DescribeSubnets", subnets)],
        &[("subnet-1", pending("pending")), ("subnet-2", Some(Status::Failed("failed".into()))), ("subnet-3", Some(Status::Ready))],
    )
    .await;

    let vpcs = "<vpcSet><item><vpcId>vpc-1</vpcId><state>pending</state></item>\
        <item><vpcId>vpc-2</vpcId><state>available</state><ipv6CidrBlockAssociationSet><item><ipv6CidrBlock>2600:1f16::/56</ipv6CidrBlock>\
        <ipv6CidrBlockState><state>associating</state></ipv6CidrBlockState></item></ipv6CidrBlockAssociationSet></item>\
        <item><vpcId>vpc-3</vpcId><state>available</state></item></vpcSet>";
    check(
        "ec2.vpc",
        &[("DescribeVpcs", vpcs), ("DescribeSecurityGroups", "<securityGroupInfo/>"), ("DescribeNetworkAcls", "<networkAclSet/>")],
        &[("vpc-1", pending("pending")), ("vpc-2", pending("associating")), ("vpc-3", Some(Status::Ready))],
    )
    .await;

    let groups = "<DescribeDBSubnetGroupsResult><DBSubnetGroups>\
        <DBSubnetGroup><DBSubnetGroupName>one</DBSubnetGroupName><SubnetGroupStatus>Updating</SubnetGroupStatus></DBSubnetGroup>\
        <DBSubnetGroup><DBSubnetGroupName>two</DBSubnetGroupName><SubnetGroupStatus>Complete</SubnetGroupStatus></DBSubnetGroup>\
        </DBSubnetGroups></DescribeDBSubnetGroupsResult>";
    check("rds.db_subnet_group", &[("DescribeDBSubnetGroups", groups)], &[("one", pending("Updating")), ("two", Some(Status::Ready))])
        .await;
}
