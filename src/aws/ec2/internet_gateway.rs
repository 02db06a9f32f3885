//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateInternetGateway.html>

use std::time::Duration;

use aws_sdk_ec2::types::{AttachmentStatus, InternetGateway as Described, ResourceType};
use infra::resource::{
    Actions, Create, Delete, Durations, During, Facts, Find, Id, Live, Passing, Resource, Result, Status, Tags, Update, Wanted, late,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{describe, filter, made, made_by, retag, tag_specifications, tags, unknown};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct InternetGateway;

/// The way between a VPC and the internet.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The VPC that it is attached to. A VPC has at most one.
    // Only a live one may be without.
    #[schemars(required, transform = late)]
    vpc_id: Option<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the internet gateway.
    id: String,
    /// The ARN of the internet gateway.
    arn: String,
}

impl Resource for InternetGateway {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.internet_gateway";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(2), delete: Duration::from_secs(15) },
        passing: &[
            Passing { during: During::Update, code: "InvalidInternetGatewayID.NotFound", message: "", within: Duration::from_secs(300) },
            Passing { during: During::Update, code: "InvalidVpcID.NotFound", message: "", within: Duration::from_secs(300) },
            // Public addresses are still mapped: of a NAT gateway, a load balancer, an instance on its way out.
            Passing { during: During::Update, code: "DependencyViolation", message: "", within: Duration::from_secs(1200) },
            Passing { during: During::Delete, code: "DependencyViolation", message: "", within: Duration::from_secs(1200) },
        ],
        gone: GONE,
        visible_within: Duration::from_secs(300),
        // With another VPC there is another one: until everybody has moved, both are needed.
        within: &["vpc_id"],
        create_first: true,
        apart: &["vpc_id"],
        actions: Actions {
            create: &["ec2:CreateInternetGateway", "ec2:CreateTags", "ec2:AttachInternetGateway"],
            read: &["ec2:DescribeInternetGateways"],
            update: &["ec2:AttachInternetGateway", "ec2:DetachInternetGateway", "ec2:CreateTags", "ec2:DeleteTags"],
            delete: &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"],
        },
        ..Facts::DEFAULT
    };

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        Ok(described(world, ids).await?.into_iter().map(|it| it.map(|it| live(world, &it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = all!(world.ec2().describe_internet_gateways().filters(made_by(find.operation)))?;
        Ok(unknown(found.into_iter().map(|it| it.internet_gateway_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let tags = tag_specifications(ResourceType::InternetGateway, &create.spec.tags);
        let answer = world.ec2().create_internet_gateway().set_tag_specifications(tags).send().await.map_err(error)?;
        made("CreateInternetGateway", answer.internet_gateway.and_then(|it| it.internet_gateway_id))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changes("vpc_id") {
            if let Some(vpc) = &from.vpc_id {
                detach(world, id, vpc).await?;
            }
            if let Some(vpc) = &to.vpc_id {
                attach(world, id, vpc).await?;
            }
        }
        retag(world, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        // Whatever was last applied: it may have been attached elsewhere since.
        for vpc in attached(world, delete.id).await? {
            detach(world, delete.id, &vpc).await?;
        }
        unless(world.ec2().delete_internet_gateway().internet_gateway_id(delete.id.as_str()).send().await.map_err(error), GONE)?;
        Ok(())
    }
}

const GONE: &[&str] = &["InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.NotFound"];

async fn described(world: &Aws, ids: &[Id]) -> Result<Vec<Option<Described>>> {
    let fetch = |filter| async { all!(world.ec2().describe_internet_gateways().filters(filter)) };
    describe(ids, "internet-gateway-id", fetch, |it: &Described| it.internet_gateway_id()).await
}

fn live(world: &Aws, gateway: &Described) -> Live<InternetGateway> {
    let id = gateway.internet_gateway_id().unwrap_or_default();
    let attachment = gateway.attachments().iter().find(|it| it.state() != Some(&AttachmentStatus::Detached));
    let status = match attachment.map(|it| it.state().map_or("attaching", AttachmentStatus::as_str)) {
        // The API reference says `available` of an internet gateway, and its model `attached`.
        Some("available" | "attached") => Status::Ready,
        Some(other) => Status::Pending(other.to_owned()),
        // It exists to be attached, and no route can use it before.
        None => Status::Pending("detached".into()),
    };
    Live {
        spec: Spec { vpc_id: attachment.and_then(|it| it.vpc_id()).map(str::to_owned), tags: tags(gateway.tags()) },
        outputs: Outputs {
            id: id.to_owned(),
            arn: world.arn("ec2", gateway.owner_id().unwrap_or_default(), &format!("internet-gateway/{id}")),
        },
        status,
        unread: vec![],
    }
}

/// The VPCs that it is attached to now: one or none.
async fn attached(world: &Aws, id: &Id) -> Result<Vec<String>> {
    let found = all!(world.ec2().describe_internet_gateways().filters(filter("internet-gateway-id", [id.as_str()])))?;
    let attachments = found.iter().flat_map(|it| it.attachments()).filter(|it| it.state() != Some(&AttachmentStatus::Detached));
    Ok(attachments.filter_map(|it| it.vpc_id()).map(str::to_owned).collect())
}

async fn attach(world: &Aws, id: &Id, vpc: &str) -> Result<()> {
    let attached_to = world.ec2().attach_internet_gateway().internet_gateway_id(id.as_str()).vpc_id(vpc).send().await.map_err(error);
    match attached_to {
        Ok(_) => Ok(()),
        // Said of a gateway that is attached where it is wanted just as of a VPC that has another one.
        Err(refused) if refused.is(&["Resource.AlreadyAssociated"]) && attached(world, id).await?.iter().any(|it| it == vpc) => Ok(()),
        Err(refused) => Err(refused),
    }
}

async fn detach(world: &Aws, id: &Id, vpc: &str) -> Result<()> {
    let gone = &["Gateway.NotAttached", "InvalidInternetGatewayID.NotFound", "InvalidInternetGatewayId.NotFound", "InvalidVpcID.NotFound"];
    unless(world.ec2().detach_internet_gateway().internet_gateway_id(id.as_str()).vpc_id(vpc).send().await.map_err(error), gone)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::{
        Conformance,
        wire::{Answer, Wire, refusal},
    };

    /// A refused attachment is none where a try whose answer was lost had made it.
    #[tokio::test]
    async fn attached_already_is_success_only_where_it_is_wanted() {
        let wire = Wire::scripted(&[
            ("AttachInternetGateway", Answer::Say(400, refusal!("Resource.AlreadyAssociated", "It is attached."))),
            (
                "DescribeInternetGateways",
                Answer::Xml(
                    "<internetGatewaySet><item><internetGatewayId>igw-1</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId>\
                     <state>available</state></item></attachmentSet></item></internetGatewaySet>",
                ),
            ),
        ])
        .await;
        let attach_to = async |vpc: &str| {
            let (from, to) = (Spec { vpc_id: None, tags: Tags::default() }, Spec { vpc_id: Some(vpc.into()), tags: Tags::default() });
            let changed = ["vpc_id".to_owned()].into();
            InternetGateway::update(&wire.world, Update { id: &"igw-1".into(), from: &from, to: &to, changed: &changed }).await
        };
        attach_to("vpc-1").await.expect("it is attached there");
        assert!(attach_to("vpc-2").await.expect_err("it is attached elsewhere").is(&["Resource.AlreadyAssociated"]));
    }

    #[tokio::test]
    async fn it_is_usable_when_it_is_attached() {
        let wire = Wire::answering(Answer::Xml(
            "<internetGatewaySet>\
             <item><internetGatewayId>igw-1</internetGatewayId><attachmentSet/></item>\
             <item><internetGatewayId>igw-2</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId><state>attaching</state></item>\
             </attachmentSet></item>\
             <item><internetGatewayId>igw-3</internetGatewayId><attachmentSet><item><vpcId>vpc-2</vpcId><state>available</state></item>\
             </attachmentSet></item></internetGatewaySet>",
        ))
        .await;
        let ids = ["igw-1", "igw-2", "igw-3"].map(Into::into);
        let read = InternetGateway::read(&wire.world, &ids, &Wanted::default()).await.expect("read");
        let statuses: Vec<_> = read.into_iter().flatten().map(|it| it.status).collect();
        let pending = |it: &str| Status::Pending(it.to_owned());
        assert_eq!(statuses, [pending("detached"), pending("attaching"), Status::Ready]);
    }

    /// A search may be behind, and tell of an attachment that is none any more.
    #[tokio::test]
    async fn detached_already_is_success() {
        let wire = Wire::scripted(&[
            (
                "DescribeInternetGateways",
                Answer::Xml(
                    "<internetGatewaySet><item><internetGatewayId>igw-1</internetGatewayId><attachmentSet><item><vpcId>vpc-1</vpcId>\
                     <state>available</state></item></attachmentSet></item></internetGatewaySet>",
                ),
            ),
            ("DetachInternetGateway", Answer::Say(400, refusal!("Gateway.NotAttached", "It is not attached."))),
            ("DeleteInternetGateway", Answer::Say(400, refusal!("DependencyViolation", "It has dependencies."))),
        ])
        .await;
        let spec = Spec { vpc_id: Some("vpc-1".into()), tags: Tags::default() };
        let refused = InternetGateway::delete(&wire.world, Delete { id: &"igw-1".into(), spec: &spec }).await.expect_err("the refusal");
        assert!(refused.is(&["DependencyViolation"]), "{refused}");
        assert_eq!(wire.said(&["VpcId"]), ["DescribeInternetGateways", "DetachInternetGateway VpcId=vpc-1", "DeleteInternetGateway"]);
    }

    #[tokio::test]
    async fn conforms() {
        Conformance {
            type_name: "ec2.internet_gateway",
            absent: "igw-0123456789abcdef0",
            extra: "other: { ec2.vpc: { cidr_block: 10.1.0.0/16 } }",
            changes: &["vpc_id: ${other.id}", "vpc_id: ${vpc.id}"],
            ..Conformance::DEFAULT
        }
        .check()
        .await;
    }
}
