//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AllocateAddress.html>

use std::time::Duration;

use aws_sdk_ec2::types::{Address, DomainType, Filter, ResourceType};
use infra::resource::{
    Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Resource, Result, Status, Tags, Update, Wanted, immutable,
    write_only,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{describe, filter, made, made_by, retag, tag_specifications, tags, unknown};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct Eip;

/// An Elastic IP address: a public IPv4 address that stays the same until it is given back.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The zones that announce the address: the region's own, or a Local Zone's or Wavelength Zone's.
    #[schemars(transform = immutable)]
    network_border_group: Option<String>,
    /// A pool of addresses that you brought to AWS, to take the address from. Left out, it is one of Amazon's.
    #[schemars(transform = immutable)]
    public_ipv4_pool: Option<String>,
    /// An IPAM pool to take the address from.
    #[schemars(transform = immutable, transform = write_only)]
    ipam_pool_id: Option<String>,
    /// One certain address: of `public_ipv4_pool` or `ipam_pool_id`, or one released from this account a short time ago.
    #[schemars(transform = immutable, transform = write_only)]
    address: Option<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// Its allocation id: `eipalloc-…`.
    id: String,
    /// The same as `id`, by the name that other resources have for it.
    allocation_id: String,
    /// The address itself.
    public_ip: Option<String>,
}

impl Resource for Eip {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.eip";
    const FACTS: Facts = Facts {
        timeout: Durations { create: Duration::from_secs(600), update: Duration::from_secs(600), delete: Duration::from_secs(1500) },
        passing: &[
            // What holds the address lets it go a while after it is itself gone; until then it belongs to AWS.
            Passing { during: During::Delete, code: "InvalidIPAddress.InUse", message: "", within: Duration::from_secs(1200) },
            Passing { during: During::Delete, code: "AuthFailure", message: "permission to access", within: Duration::from_secs(1200) },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(300),
        actions: Actions {
            create: &["ec2:AllocateAddress", "ec2:CreateTags"],
            read: &["ec2:DescribeAddresses"],
            update: &["ec2:CreateTags", "ec2:DeleteTags"],
            delete: &["ec2:ReleaseAddress", "ec2:DescribeAddresses", "ec2:DisassociateAddress"],
        },
        ..Facts::DEFAULT
    };

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = describe(ids, "allocation-id", |by| addresses(world, by), |it| it.allocation_id()).await?;
        Ok(found.into_iter().map(|it| it.map(live)).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = addresses(world, made_by(find.operation)).await?;
        Ok(unknown(found.into_iter().map(|it| it.allocation_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let answer = world
            .ec2()
            .allocate_address()
            .domain(DomainType::Vpc)
            .set_network_border_group(spec.network_border_group.clone())
            .set_public_ipv4_pool(spec.public_ipv4_pool.clone())
            .set_ipam_pool_id(spec.ipam_pool_id.clone())
            .set_address(spec.address.clone())
            .set_tag_specifications(tag_specifications(ResourceType::ElasticIp, &spec.tags))
            .send()
            .await
            .map_err(error)?;
        made("AllocateAddress", answer.allocation_id)
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        retag(world, update.id, &update.from.tags, &update.to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        match release(world, delete.id).await {
            Err(refused) if refused.is(&["InvalidIPAddress.InUse"]) => {
                let held = addresses(world, filter("allocation-id", [delete.id.as_str()])).await?;
                for association in held.into_iter().filter_map(|it| it.association_id) {
                    let done = world.ec2().disassociate_address().association_id(association).send().await.map_err(error);
                    unless(done, &["InvalidAssociationID.NotFound"])?;
                }
                release(world, delete.id).await
            }
            other => other,
        }
    }
}

const GONE: &[&str] = &["InvalidAllocationID.NotFound"];

async fn release(world: &Aws, id: &Id) -> Result<()> {
    let done = world.ec2().release_address().allocation_id(id.as_str()).send().await.map_err(error);
    unless(done, GONE).map(drop)
}

async fn addresses(world: &Aws, by: Filter) -> Result<Vec<Address>> {
    // This call alone has no pages.
    let answer = world.ec2().describe_addresses().filters(by).send().await.map_err(error)?;
    Ok(answer.addresses.unwrap_or_default())
}

fn live(it: Address) -> Live<Eip> {
    let id = it.allocation_id.clone().unwrap_or_default();
    Live {
        spec: Spec {
            network_border_group: it.network_border_group.clone(),
            public_ipv4_pool: it.public_ipv4_pool.clone(),
            ipam_pool_id: None,
            address: None,
            tags: tags(it.tags()),
        },
        outputs: Outputs { id: id.clone(), allocation_id: id, public_ip: it.public_ip },
        status: Status::Ready,
        unread: vec!["ipam_pool_id", "address"],
    }
}

#[cfg(test)]
mod tests {
    use infra::resource::AnyResource as _;
    use serde_json::json;

    use super::Eip;
    use crate::aws::conformance::{
        Conformance,
        wire::{Answer, Wire, refusal},
    };

    #[tokio::test]
    async fn what_is_in_use_is_taken_from_its_user_first() {
        let wire = Wire::scripted(&[
            ("ReleaseAddress", Answer::Say(400, refusal!("InvalidIPAddress.InUse", "Address is in use"))),
            (
                "DescribeAddresses",
                Answer::Xml(
                    "<addressesSet><item><allocationId>eipalloc-1</allocationId><associationId>eipassoc-1</associationId></item>\
                     </addressesSet>",
                ),
            ),
            ("DisassociateAddress", Answer::Xml("<return>true</return>")),
        ])
        .await;
        let deleted = Eip.delete(&wire.world, &"eipalloc-1".into(), &json!({})).await;
        assert!(deleted.expect_err("the refusal").is(&["InvalidIPAddress.InUse"]));
        let expected = [
            "ReleaseAddress AllocationId=eipalloc-1",
            "DescribeAddresses",
            "DisassociateAddress AssociationId=eipassoc-1",
            "ReleaseAddress AllocationId=eipalloc-1",
        ];
        assert_eq!(wire.said(&["AllocationId", "AssociationId"]), expected);
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "ec2.eip",
            absent: "eipalloc-0123456789abcdef0",
            // The emulator has no addresses but Amazon's, and these in no other zones than the region's.
            untried: &["network_border_group", "public_ipv4_pool", "ipam_pool_id", "address"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
