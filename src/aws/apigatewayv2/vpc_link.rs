//! <https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/vpclinks.html>

use std::{collections::HashMap, time::Duration};

use aws_sdk_apigatewayv2::types::{VpcLink as Described, VpcLinkStatus};
use infra::resource::{
    Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Resource, Result, Status, Tags, Update, Wanted,
    immutable, set,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CONCURRENT, GONE, all, arn, is_made_by, retag, tags};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

pub(crate) struct VpcLink;

/// A VPC link: how integrations of HTTP APIs reach load balancers within a VPC.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// Its name. Others may have the same.
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// The subnets that get a network interface each.
    #[schemars(transform = immutable, transform = set, length(min = 1))]
    subnet_ids: Vec<String>,
    /// The security groups of those interfaces, which must be let in by the load balancer's. Left out, the VPC's default group.
    #[serde(default)]
    #[schemars(transform = immutable, transform = set)]
    security_group_ids: Vec<String>,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the link.
    id: String,
    /// The ARN of the link.
    arn: String,
}

impl Resource for VpcLink {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "apigatewayv2.vpc_link";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(150), update: Duration::from_secs(1), delete: Duration::from_secs(180) },
        timeout: Durations { create: Duration::from_secs(1200), update: Duration::from_secs(600), delete: Duration::from_secs(1800) },
        passing: &[
            CONCURRENT,
            // An integration that used it was deleted, or led elsewhere, a moment ago.
            Passing {
                during: During::Delete,
                code: "BadRequestException",
                message: "Cannot delete vpc link",
                within: Duration::from_secs(120),
            },
        ],
        gone: GONE,
        // Integrations hold on to it until they are led to the next.
        create_first: true,
        actions: Actions {
            create: &["apigateway:POST", "apigateway:TagResource", "iam:CreateServiceLinkedRole"],
            read: &["apigateway:GET"],
            update: &["apigateway:PATCH", "apigateway:TagResource", "apigateway:UntagResource"],
            delete: &["apigateway:DELETE"],
        },
        ..Facts::DEFAULT
    };

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let found = match ids {
            [] => vec![],
            // One alone needs no rights on the others.
            [id] => {
                let answer = world.apigatewayv2().get_vpc_link().vpc_link_id(id.as_str()).send().await.map_err(error);
                unless(answer, GONE)?.map(described).into_iter().collect()
            }
            _ => all!(world.apigatewayv2().get_vpc_links())?,
        };
        let mut found: HashMap<_, _> = found.into_iter().filter_map(|it| Some((it.vpc_link_id.clone()?, it))).collect();
        Ok(ids.iter().map(|id| found.remove(id.as_str()).map(|it| live(world, it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let made = |it: &Described| is_made_by(it.tags(), find.operation);
        let ids = all!(world.apigatewayv2().get_vpc_links())?.into_iter().filter(made).filter_map(|it| it.vpc_link_id.map(Id));
        Ok(ids.filter(|it| !find.known.contains(it)).min())
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let spec = create.spec;
        let call = world
            .apigatewayv2()
            .create_vpc_link()
            .name(&spec.name)
            .set_subnet_ids(Some(spec.subnet_ids.clone()))
            .set_security_group_ids((!spec.security_group_ids.is_empty()).then(|| spec.security_group_ids.clone()))
            .set_tags(tags(&spec.tags));
        let answer = call.send().await.map_err(error)?;
        answer.vpc_link_id.map(Id).ok_or_else(|| Error::bug("CreateVpcLink", "the answer holds no id"))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if update.changes("name") {
            world.apigatewayv2().update_vpc_link().vpc_link_id(id.as_str()).name(&to.name).send().await.map_err(error)?;
        }
        retag(world, &arn(world, &format!("vpclinks/{id}")), &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        unless(world.apigatewayv2().delete_vpc_link().vpc_link_id(delete.id.as_str()).send().await.map_err(error), GONE).map(drop)
    }
}

/// The answer for one in the form of an item of a list.
fn described(it: aws_sdk_apigatewayv2::operation::get_vpc_link::GetVpcLinkOutput) -> Described {
    Described::builder()
        .set_name(it.name)
        .set_security_group_ids(it.security_group_ids)
        .set_subnet_ids(it.subnet_ids)
        .set_tags(it.tags)
        .set_vpc_link_id(it.vpc_link_id)
        .set_vpc_link_status(it.vpc_link_status)
        .set_vpc_link_status_message(it.vpc_link_status_message)
        .build()
}

fn live(world: &Aws, it: Described) -> Live<VpcLink> {
    let message = it.vpc_link_status_message.as_deref().filter(|it| !it.is_empty());
    let status = match it.vpc_link_status {
        // One that nobody used for 60 days wakes up by itself.
        None | Some(VpcLinkStatus::Available | VpcLinkStatus::Inactive) => Status::Ready,
        Some(VpcLinkStatus::Deleting) => Status::Deleting("DELETING".to_owned()),
        Some(VpcLinkStatus::Failed) => Status::Failed(message.unwrap_or("FAILED").to_owned()),
        Some(other) => Status::Pending(other.as_str().to_owned()),
    };
    let id = it.vpc_link_id.unwrap_or_default();
    let spec = Spec {
        name: it.name.unwrap_or_default(),
        subnet_ids: it.subnet_ids.unwrap_or_default(),
        security_group_ids: it.security_group_ids.unwrap_or_default(),
        tags: Tags::read(it.tags.unwrap_or_default()),
    };
    Live { spec, outputs: Outputs { arn: arn(world, &format!("vpclinks/{id}")), id }, status, unread: vec![] }
}

#[cfg(test)]
mod tests;
