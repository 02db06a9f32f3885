//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNatGateway.html>

use std::time::Duration;

use aws_sdk_ec2::types::{ConnectivityType, Filter, NatGateway as Described, NatGatewayState, ResourceType};
use infra::{
    resource::{
        Actions, After, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, ready, set,
    },
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{describe, made, made_by, retag, tag_specifications, tags, unknown};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
    wording::{meaning, word},
};

pub(crate) struct NatGateway;

/// A NAT gateway: lets private subnets call out, to the internet or to other networks, and nobody in.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The subnet that it stands in; a public gateway needs one with a route to an internet gateway.
    #[schemars(transform = immutable)]
    subnet_id: String,
    /// Whether it leads to the internet.
    #[serde(default)]
    #[schemars(transform = immutable)]
    connectivity_type: Connectivity,
    /// The Elastic IP address of a public gateway.
    #[schemars(transform = immutable)]
    allocation_id: Option<String>,
    /// Its private address; left out, a free one of the subnet.
    #[schemars(transform = immutable)]
    private_ip_address: Option<String>,
    /// Further Elastic IP addresses of a public gateway, for more connections to one destination.
    #[schemars(transform = set)]
    secondary_allocation_ids: Option<Vec<String>>,
    /// Further private addresses of a private gateway.
    #[schemars(transform = set)]
    secondary_private_ip_addresses: Option<Vec<String>>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Connectivity {
    /// To the internet, under an Elastic IP address.
    #[default]
    Public,
    /// To other networks that the VPC is connected to.
    Private,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// Its id: `nat-…`.
    id: String,
    /// The network that it stands in.
    vpc_id: Option<String>,
    /// The address that the traffic of a public gateway comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(transform = ready)]
    public_ip: Option<String>,
    /// Its network interface.
    network_interface_id: Option<String>,
}

impl Resource for NatGateway {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.nat_gateway";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(100), update: Duration::from_secs(5), delete: Duration::from_secs(50) },
        timeout: Durations { create: Duration::from_secs(600), update: Duration::from_secs(600), delete: Duration::from_secs(1800) },
        passing: &[
            Passing { during: During::Create, code: "InvalidSubnetID.NotFound", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Create, code: "InvalidAllocationID.NotFound", message: "", within: Duration::from_secs(60) },
            Passing { during: During::Update, code: "InvalidAllocationID.NotFound", message: "", within: Duration::from_secs(60) },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(300),
        token: true,
        // A public one fails for good where its network has no way out when it is made.
        after: &[After { from: &["subnet_id", "vpc_id"], other: "ec2.internet_gateway", by: "vpc_id" }],
        actions: Actions {
            create: &["ec2:CreateNatGateway", "ec2:CreateTags"],
            read: &["ec2:DescribeNatGateways"],
            update: &[
                "ec2:AssociateNatGatewayAddress",
                "ec2:DisassociateNatGatewayAddress",
                "ec2:AssignPrivateNatGatewayAddress",
                "ec2:UnassignPrivateNatGatewayAddress",
                "ec2:DescribeNatGateways",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            delete: &["ec2:DeleteNatGateway"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        let has = |property: &str| spec.get(property).is_some_and(|it| !it.is_null());
        match spec.get("connectivity_type").and_then(Value::as_text) {
            Some("private") => {
                for property in ["allocation_id", "secondary_allocation_ids"] {
                    if has(property) {
                        let help = "a private gateway has no Elastic IP address: remove it, or make the gateway public";
                        problems.error(Path::of(property), format!("`{property}` on a private NAT gateway"), help);
                    }
                }
            }
            Some("public") | None if spec.get("connectivity_type").is_none_or(|it| it.is_null() || it.as_text().is_some()) => {
                if !has("allocation_id") {
                    let help = "give it the `id` of an `ec2.eip`, or write `connectivity_type: private`";
                    problems.error(Path::default(), "a public NAT gateway without an `allocation_id`", help);
                }
                if has("secondary_private_ip_addresses") {
                    let help = "remove it: AWS chooses one for each of `secondary_allocation_ids`";
                    problems.error(
                        Path::of("secondary_private_ip_addresses"),
                        "`secondary_private_ip_addresses` on a public NAT gateway",
                        help,
                    );
                }
            }
            _ => {}
        }
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = describe(ids, "nat-gateway-id", |by| gateways(world, by), |it| it.nat_gateway_id()).await?;
        Ok(found.into_iter().map(|it| it.and_then(live)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = gateways(world, made_by(find.operation)).await?.into_iter();
        // The emulator does not know this filter and answers with all of them.
        let ours = found.filter(|it| tags(it.tags()).made_by(find.operation) && it.state() != Some(&NatGatewayState::Deleted));
        Ok(unknown(ours.map(|it| it.nat_gateway_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let answer = world
            .ec2()
            .create_nat_gateway()
            .client_token(create.token)
            .subnet_id(&spec.subnet_id)
            .connectivity_type(ConnectivityType::from(word(&spec.connectivity_type).as_str()))
            .set_allocation_id(spec.allocation_id.clone())
            .set_private_ip_address(spec.private_ip_address.clone())
            .set_secondary_allocation_ids(spec.secondary_allocation_ids.clone())
            .set_secondary_private_ip_addresses(spec.secondary_private_ip_addresses.clone())
            .set_tag_specifications(tag_specifications(ResourceType::Natgateway, &spec.tags))
            .send()
            .await
            .map_err(error)?;
        made("CreateNatGateway", answer.nat_gateway.and_then(|it| it.nat_gateway_id))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        if update.changes("secondary_allocation_ids") {
            public_addresses(world, &update).await?;
        }
        if update.changes("secondary_private_ip_addresses") {
            let (add, remove) = difference(
                update.from.secondary_private_ip_addresses.as_deref().unwrap_or_default(),
                update.to.secondary_private_ip_addresses.as_deref().unwrap_or_default(),
            );
            let id = update.id.as_str();
            if !add.is_empty() {
                let call = world.ec2().assign_private_nat_gateway_address().nat_gateway_id(id).set_private_ip_addresses(Some(add));
                call.send().await.map_err(error)?;
            }
            if !remove.is_empty() {
                let call = world.ec2().unassign_private_nat_gateway_address().nat_gateway_id(id).set_private_ip_addresses(Some(remove));
                call.send().await.map_err(error)?;
            }
        }
        retag(world, update.id, &update.from.tags, &update.to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let done = world.ec2().delete_nat_gateway().nat_gateway_id(delete.id.as_str()).send().await.map_err(error);
        match unless(done, GONE) {
            // The emulator breaks down over one that it does not know.
            Err(failed) if failed.maybe_executed() => {
                let now = gateways(world, super::filter("nat-gateway-id", [delete.id.as_str()])).await?;
                if now.iter().all(|it| it.state() == Some(&NatGatewayState::Deleted)) { Ok(()) } else { Err(failed) }
            }
            other => other.map(drop),
        }
    }
}

const GONE: &[&str] = &["NatGatewayNotFound", "InvalidNatGatewayID.NotFound"];

/// Makes the further addresses of a public gateway what they should be. They are taken off by their association.
async fn public_addresses(world: &Aws, update: &Update<'_, NatGateway>) -> Result<()> {
    let id = update.id.as_str();
    let from = update.from.secondary_allocation_ids.as_deref().unwrap_or_default();
    let (add, remove) = difference(from, update.to.secondary_allocation_ids.as_deref().unwrap_or_default());
    if !add.is_empty() {
        world.ec2().associate_nat_gateway_address().nat_gateway_id(id).set_allocation_ids(Some(add)).send().await.map_err(error)?;
    }
    if !remove.is_empty() {
        let now = gateways(world, super::filter("nat-gateway-id", [id])).await?;
        let addresses = now.iter().flat_map(Described::nat_gateway_addresses);
        let theirs = addresses.filter(|it| it.allocation_id().is_some_and(|it| remove.iter().any(|id| id == it)));
        let associations: Vec<_> = theirs.filter_map(|it| it.association_id().map(str::to_owned)).collect();
        if !associations.is_empty() {
            let call = world.ec2().disassociate_nat_gateway_address().nat_gateway_id(id).set_association_ids(Some(associations));
            call.send().await.map_err(error)?;
        }
    }
    Ok(())
}

/// What to add and what to remove to get from one set to the other.
fn difference(from: &[String], to: &[String]) -> (Vec<String>, Vec<String>) {
    let add = to.iter().filter(|it| !from.contains(it)).cloned().collect();
    let remove = from.iter().filter(|it| !to.contains(it)).cloned().collect();
    (add, remove)
}

async fn gateways(world: &Aws, by: Filter) -> Result<Vec<Described>> {
    all!(world.ec2().describe_nat_gateways().filter(by))
}

/// A deleted gateway stays visible for about an hour, and is gone all the same.
fn live(it: Described) -> Option<Live<NatGateway>> {
    let reason = || {
        let parts = [it.failure_code(), it.failure_message()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    };
    let status = match it.state() {
        Some(NatGatewayState::Deleted) => return None,
        Some(NatGatewayState::Deleting) => Status::Deleting("deleting".to_owned()),
        Some(NatGatewayState::Failed) => Status::Failed(reason()),
        Some(NatGatewayState::Available) => Status::Ready,
        other => Status::Pending(other.map_or("pending", NatGatewayState::as_str).to_owned()),
    };
    let connectivity_type = it.connectivity_type().and_then(|it| meaning(it.as_str())).unwrap_or_default();
    let primary = it.nat_gateway_addresses().iter().find(|it| it.is_primary() != Some(false));
    let others: Vec<_> = it.nat_gateway_addresses().iter().filter(|it| it.is_primary() == Some(false)).collect();
    let spec = Spec {
        subnet_id: it.subnet_id.clone().unwrap_or_default(),
        connectivity_type,
        allocation_id: primary.and_then(|it| it.allocation_id.clone()),
        private_ip_address: primary.and_then(|it| it.private_ip.clone()),
        secondary_allocation_ids: Some(others.iter().filter_map(|it| it.allocation_id.clone()).collect()),
        // AWS chooses those of a public gateway itself.
        secondary_private_ip_addresses: (connectivity_type == Connectivity::Private)
            .then(|| others.iter().filter_map(|it| it.private_ip.clone()).collect()),
        tags: tags(it.tags()),
    };
    let outputs = Outputs {
        id: it.nat_gateway_id.clone().unwrap_or_default(),
        vpc_id: it.vpc_id.clone(),
        public_ip: primary.filter(|_| status == Status::Ready).and_then(|it| it.public_ip.clone()),
        network_interface_id: primary.and_then(|it| it.network_interface_id.clone()),
    };
    Some(Live { spec, outputs, status, unread: vec![] })
}

#[cfg(test)]
mod tests {
    use infra::resource::{AnyResource as _, AnyUpdate, Status, Wanted};
    use serde_json::json;

    use super::NatGateway;
    use crate::aws::{
        complaints::complaints,
        conformance::{
            Conformance,
            wire::{Answer, Wire},
        },
    };

    #[tokio::test]
    async fn a_failure_says_why_and_a_deleted_one_is_gone() {
        let wire = Wire::answering(Answer::Say(
            200,
            "<DescribeNatGatewaysResponse><natGatewaySet>\
             <item><natGatewayId>nat-1</natGatewayId><state>failed</state><failureCode>Gateway.NotAttached</failureCode>\
             <failureMessage>Network vpc-1 has no Internet gateway attached</failureMessage></item>\
             <item><natGatewayId>nat-2</natGatewayId><state>deleted</state></item>\
             <item><natGatewayId>nat-3</natGatewayId><state>pending</state></item>\
             </natGatewaySet></DescribeNatGatewaysResponse>",
        ))
        .await;
        let ids = ["nat-1", "nat-2", "nat-3"].map(Into::into);
        let read = NatGateway.read(&wire.world, &ids, &Wanted::default()).await.expect("read");
        let statuses: Vec<_> = read.into_iter().map(|it| it.map(|it| it.status)).collect();
        let failed = "Gateway.NotAttached: Network vpc-1 has no Internet gateway attached";
        assert_eq!(statuses, [Some(Status::Failed(failed.into())), None, Some(Status::Pending("pending".into()))]);
    }

    #[tokio::test]
    async fn further_addresses_come_before_others_go() {
        let wire = Wire::scripted(&[
            ("AssociateNatGatewayAddress", Answer::Xml("<natGatewayId>nat-1</natGatewayId>")),
            (
                "DescribeNatGateways",
                Answer::Xml(
                    "<natGatewaySet><item><natGatewayId>nat-1</natGatewayId><natGatewayAddressSet>\
                     <item><allocationId>eipalloc-1</allocationId><associationId>eipassoc-1</associationId><isPrimary>true</isPrimary></item>\
                     <item><allocationId>eipalloc-2</allocationId><associationId>eipassoc-2</associationId><isPrimary>false</isPrimary></item>\
                     </natGatewayAddressSet></item></natGatewaySet>",
                ),
            ),
            ("DisassociateNatGatewayAddress", Answer::Xml("<natGatewayId>nat-1</natGatewayId>")),
        ])
        .await;
        let spec = |second: &str| json!({ "subnet_id": "subnet-1", "allocation_id": "eipalloc-1", "secondary_allocation_ids": [second] });
        let (from, to) = (spec("eipalloc-2"), spec("eipalloc-3"));
        let changed = ["secondary_allocation_ids".to_owned()].into();
        let update = AnyUpdate { id: &"nat-1".into(), from: &from, to: &to, changed: &changed };
        NatGateway.update(&wire.world, update).await.expect("update");
        let expected = [
            "AssociateNatGatewayAddress AllocationId.1=eipalloc-3",
            "DescribeNatGateways",
            "DisassociateNatGatewayAddress AssociationId.1=eipassoc-2",
        ];
        assert_eq!(wire.said(&["AllocationId.1", "AssociationId.1"]), expected);
    }

    #[test]
    fn addresses_must_fit_the_kind() {
        for (spec, expected) in [
            (json!({ "allocation_id": "eipalloc-1" }), vec![]),
            (json!({ "connectivity_type": "private" }), vec![]),
            (json!({}), vec!["a public NAT gateway without an `allocation_id`"]),
            (json!({ "connectivity_type": "private", "allocation_id": "eipalloc-1" }), vec!["`allocation_id` on a private NAT gateway"]),
            (
                json!({ "allocation_id": "eipalloc-1", "secondary_private_ip_addresses": ["10.0.0.9"] }),
                vec!["`secondary_private_ip_addresses` on a public NAT gateway"],
            ),
        ] {
            assert_eq!(complaints::<NatGateway>(spec), expected);
        }
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "ec2.nat_gateway",
            absent: "nat-0123456789abcdef0",
            extra: "other: { ec2.subnet: { vpc_id: '${vpc.id}', cidr_block: 10.0.1.0/24 } }",
            replacements: &["subnet_id: ${other.id}"],
            // The emulator has no addresses but one. Nor does it free the address of a deleted gateway, so that the subject is a
            // private one.
            untried: &[
                "secondary_allocation_ids",
                "secondary_private_ip_addresses",
                "private_ip_address",
                "connectivity_type",
                "allocation_id",
            ],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
