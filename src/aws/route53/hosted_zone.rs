//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_CreateHostedZone.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_route53::{
    operation::get_hosted_zone::GetHostedZoneOutput,
    types::{HostedZoneConfig, RrType, TagResourceType, Vpc as Association, VpcRegion},
};
use infra::resource::{
    Actions, Create, Delete, DnsName, During, Error, Facts, Find, Id, Live, Passing, Resource, Result, Status, Tags, Update, Wanted,
    immutable, set,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GONE, Listing, bare, canonical, records, retag, tags, zones_named};
use crate::aws::{
    calls::few_abreast,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct HostedZone;

/// A hosted zone: the records of a domain and what is beneath it, for everybody or for some VPCs only.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The name of the domain.
    #[schemars(transform = immutable)]
    name: DnsName,
    /// What the zone is for.
    #[serde(default)]
    #[schemars(length(max = 256))]
    comment: String,
    /// The VPCs that see the records. With any, the zone is private, and nobody else sees them.
    #[serde(default)]
    #[schemars(transform = set)]
    vpcs: Vec<Vpc>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Vpc {
    /// The id of the VPC.
    vpc_id: String,
    /// The region of the VPC.
    vpc_region: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the zone.
    id: String,
    /// The ARN of the zone.
    arn: String,
    /// The servers that answer for the zone, which the domain above has to name. A private zone has none.
    name_servers: Vec<String>,
}

impl Resource for HostedZone {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "route53.hosted_zone";
    const FACTS: Facts = Facts {
        passing: &[
            Passing { during: During::Any, code: "ConcurrentModification", message: "", within: Duration::from_secs(60) },
            // It is looked for in the parent's zone, where it was a moment ago.
            Passing { during: During::Delete, code: "KeySigningKeyInParentDSRecord", message: "", within: Duration::from_secs(300) },
        ],
        gone: GONE,
        token: true,
        stateful: true,
        actions: Actions {
            create: &["route53:CreateHostedZone", "route53:ListHostedZonesByName", "ec2:DescribeVpcs"],
            read: &["route53:GetHostedZone", "route53:ListTagsForResources"],
            update: &[
                "route53:ChangeTagsForResource",
                "route53:UpdateHostedZoneComment",
                "route53:AssociateVPCWithHostedZone",
                "route53:DisassociateVPCFromHostedZone",
                "route53:GetHostedZone",
                "ec2:DescribeVpcs",
            ],
            delete: &["route53:DeleteHostedZone", "route53:ListResourceRecordSets"],
        },
        ..Facts::DEFAULT
    };

    fn replaces(from: &Spec, to: &Spec) -> Option<&'static str> {
        (from.vpcs.is_empty() != to.vpcs.is_empty()).then_some("a zone is private or public for as long as it exists")
    }

    async fn read(world: &Aws, ids: &[Id], wanted: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let answers =
            ids.iter().map(|id| async { unless(world.route53().get_hosted_zone().id(id.as_str()).send().await.map_err(error), GONE) });
        let answers = few_abreast(answers).await?;
        let there: Vec<_> = ids.iter().zip(&answers).filter(|it| it.1.is_some()).map(|it| it.0.clone()).collect();
        let tags = if wanted.has("tags") { Some(tags(world, TagResourceType::Hostedzone, &there).await?) } else { None };
        Ok(ids.iter().zip(answers).map(|(id, it)| Some(live(world, id, it?, tags.as_ref()))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let zones = zones_named(world, &find.spec.name.0).await?;
        let ours = zones.into_iter().find(|it| it.caller_reference == find.operation).map(|it| Id(bare(&it.id)));
        Ok(ours.filter(|id| !find.known.contains(id)))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let private = spec.vpcs.first();
        let config = HostedZoneConfig::builder().comment(&spec.comment).private_zone(private.is_some()).build();
        let call = world
            .route53()
            .create_hosted_zone()
            .name(&spec.name.0)
            .caller_reference(create.token)
            .hosted_zone_config(config)
            // The call takes one; the others are added by the update.
            .set_vpc(private.map(association));
        // A second call with the same reference is refused: then the first one made it.
        match unless(call.send().await.map_err(error), &["HostedZoneAlreadyExists"])? {
            Some(made) => Ok(Id(made.hosted_zone.map(|it| bare(&it.id)).unwrap_or_default())),
            None => {
                let zones = zones_named(world, &spec.name.0).await?;
                let ours = zones.into_iter().find(|it| it.caller_reference == create.token).map(|it| Id(bare(&it.id)));
                ours.ok_or_else(|| Error::rejected("CreateHostedZone", "HostedZoneAlreadyExists", "a zone with this reference was deleted"))
            }
        }
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        let route53 = world.route53();
        if update.changes("comment") {
            route53.update_hosted_zone_comment().id(id.as_str()).comment(&to.comment).send().await.map_err(error)?;
        }
        if update.changes("vpcs") {
            let live = route53.get_hosted_zone().id(id.as_str()).send().await.map_err(error)?;
            let now = vpcs(&live);
            // First what is new: a private zone has at least one at any time.
            for vpc in to.vpcs.iter().filter(|it| !now.contains(it)) {
                let call = route53.associate_vpc_with_hosted_zone().hosted_zone_id(id.as_str()).vpc(association(vpc));
                call.send().await.map_err(error)?;
            }
            for vpc in now.iter().filter(|it| !to.vpcs.contains(it)) {
                let call = route53.disassociate_vpc_from_hosted_zone().hosted_zone_id(id.as_str()).vpc(association(vpc));
                unless(call.send().await.map_err(error), &["VPCAssociationNotFound"])?;
            }
        }
        retag(world, TagResourceType::Hostedzone, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let zone = delete.id.as_str();
        match unless(world.route53().delete_hosted_zone().id(zone).send().await.map_err(error), GONE) {
            Err(failed) if failed.is(&["HostedZoneNotEmpty"]) => {
                let apex = canonical(&delete.spec.name.0);
                let own = |name: &str, of: &RrType| canonical(name) == apex && matches!(of, RrType::Ns | RrType::Soa);
                let all = records(world, zone, Listing::Zone).await?.unwrap_or_default();
                let others: Vec<_> = all.iter().filter(|it| !own(&it.name, &it.r#type)).collect();
                let some: Vec<_> = others.iter().take(5).map(|it| format!("{} {}", canonical(&it.name), it.r#type.as_str())).collect();
                let message = format!(
                    "there are {} records in the zone that are not of this stack: {}{}. Delete them first, or keep the zone with \
                     `lifecycle: {{ retain: true }}`",
                    others.len(),
                    some.join(", "),
                    if others.len() > some.len() { ", …" } else { "" },
                );
                Err(Error { message, ..failed })
            }
            other => other.map(drop),
        }
    }
}

fn association(vpc: &Vpc) -> Association {
    Association::builder().vpc_id(&vpc.vpc_id).vpc_region(VpcRegion::from(vpc.vpc_region.as_str())).build()
}

fn vpcs(it: &GetHostedZoneOutput) -> Vec<Vpc> {
    let vpc = |it: &Association| {
        let vpc_region = it.vpc_region().map(|it| it.as_str().to_owned()).unwrap_or_default();
        Some(Vpc { vpc_id: it.vpc_id.clone()?, vpc_region })
    };
    it.vpcs().iter().filter_map(vpc).collect()
}

fn live(world: &Aws, id: &Id, it: GetHostedZoneOutput, tags: Option<&HashMap<String, Tags>>) -> Live<HostedZone> {
    let vpcs = vpcs(&it);
    let (name, config) = it.hosted_zone.map(|it| (it.name, it.config)).unwrap_or_default();
    let spec = Spec {
        name: DnsName(name).canonical(),
        comment: config.and_then(|it| it.comment).unwrap_or_default(),
        vpcs,
        tags: tags.and_then(|it| it.get(id.as_str())).cloned().unwrap_or_default(),
    };
    let outputs = Outputs {
        id: id.0.clone(),
        arn: format!("arn:{}:route53:::hostedzone/{id}", world.partition()),
        name_servers: it.delegation_set.map(|it| it.name_servers).unwrap_or_default(),
    };
    Live { spec, outputs, status: Status::Ready, unread: if tags.is_none() { vec!["tags"] } else { vec![] } }
}

#[cfg(test)]
mod tests {
    use infra::resource::AnyResource as _;
    use serde_json::json;

    use super::HostedZone;
    use crate::aws::conformance::{
        Conformance, cloud,
        wire::{Answer, Wire},
    };

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[tokio::test]
    async fn records_of_others_are_named_and_left() {
        let world = cloud().await;
        let spec = json!({ "name": "full.example.com" });
        let id = HostedZone.create(&world, &spec, TOKEN).await.expect("create");
        for n in 0..7 {
            crate::aws::route53::record::tests::foreign(&world, id.as_str(), &format!("r{n}.full.example.com")).await;
        }
        let refused = HostedZone.delete(&world, &id, &spec).await.expect_err("it is full");
        let expected = "there are 7 records in the zone that are not of this stack: r0.full.example.com A, r1.full.example.com A, \
                        r2.full.example.com A, r3.full.example.com A, r4.full.example.com A, …. Delete them first";
        assert!(refused.message.starts_with(expected), "{refused}");
        let left = world.route53().get_hosted_zone().id(id.as_str()).send().await.expect("it is there");
        assert_eq!(left.hosted_zone.and_then(|it| it.resource_record_set_count), Some(9), "nothing was deleted");
    }

    #[tokio::test]
    async fn a_create_that_was_executed_before_finds_what_it_made() {
        let wire = Wire::scripted(&[
            (
                "POST /2013-04-01/hostedzone",
                Answer::Say(
                    409,
                    "<ErrorResponse><Error><Code>HostedZoneAlreadyExists</Code><Message>A hosted zone has already been created with the \
                     specified caller reference.</Message></Error></ErrorResponse>",
                ),
            ),
            (
                "GET /2013-04-01/hostedzonesbyname?dnsname=example.com",
                Answer::Say(
                    200,
                    "<ListHostedZonesByNameResponse><HostedZones>\
                     <HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name><CallerReference>other</CallerReference></HostedZone>\
                     <HostedZone><Id>/hostedzone/Z2</Id><Name>example.com.</Name>\
                     <CallerReference>0123456789abcdef0123456789abcdef</CallerReference></HostedZone>\
                     </HostedZones><IsTruncated>false</IsTruncated><MaxItems>100</MaxItems></ListHostedZonesByNameResponse>",
                ),
            ),
        ])
        .await;
        let id = HostedZone.create(&wire.world, &json!({ "name": "example.com" }), TOKEN).await.expect("create");
        assert_eq!(id.as_str(), "Z2");
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "route53.hosted_zone",
            extra: "
second:
  ec2.vpc:
    cidr_block: 10.1.0.0/16
",
            changes: &[
                "comment: something else",
                "comment: null",
                "vpcs: [{ vpc_id: '${vpc.id}', vpc_region: eu-central-1 }, { vpc_id: '${second.id}', vpc_region: eu-central-1 }]",
                "vpcs: [{ vpc_id: '${second.id}', vpc_region: eu-central-1 }]",
            ],
            replacements: &["name: other.example.com", "vpcs: []"],
            // Without them it would be another kind of zone; the last of the replacements does that.
            untried: &["vpcs"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
