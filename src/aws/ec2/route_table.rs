//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRouteTable.html>

mod associations;
mod routes;

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ec2::types::{ResourceType, RouteTable as Described, RouteTableAssociationStateCode as AssociationState};
use infra::{
    resource::{
        Actions, Create, Delete, Durations, During, Error, Facts, Find, Id, Live, Passing, Problems, Resource, Result, Status, Tags,
        Update, Wanted, immutable, late, ready, set,
    },
    value::Value,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{describe, filter, made, made_by, retag, tag_specifications, tags, unknown};
use crate::aws::{
    calls::all,
    clients::Aws,
    error::{error, unless},
};
use routes::Route;

pub(crate) struct RouteTable;

/// Where the traffic of some subnets goes, or of all subnets of a VPC that have no table of their own.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Spec {
    /// The VPC that it belongs to.
    #[schemars(transform = immutable)]
    vpc_id: String,
    /// All its routes, except those that AWS puts in: the local ones, those of gateway endpoints and those that a gateway propagates.
    #[serde(default)]
    #[schemars(transform = set, transform = late, transform = ready)]
    routes: Vec<Route>,
    /// All subnets that use it. One that used another table of the same stack is moved over without a gap.
    #[serde(default)]
    #[schemars(transform = set, transform = late)]
    subnet_ids: Vec<String>,
    /// Whether it is the VPC's main table, which all subnets use that have no other.
    /// When it stops being that, the table that was the main one before is it again.
    #[serde(default)]
    #[schemars(transform = late)]
    main: bool,
    /// Tags by key.
    #[serde(default)]
    tags: Tags,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the route table.
    id: String,
    /// The ARN of the route table.
    arn: String,
}

impl Resource for RouteTable {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.route_table";
    const FACTS: Facts = Facts {
        typical: Durations { create: Duration::from_secs(2), update: Duration::from_secs(1), delete: Duration::from_secs(2) },
        passing: &[
            Passing { during: During::Create, code: "InvalidVpcID.NotFound", message: "", within: FRESH },
            Passing { during: During::Update, code: "InvalidRouteTableID.NotFound", message: "", within: FRESH },
            Passing { during: During::Update, code: "InvalidSubnetID.NotFound", message: "", within: FRESH },
            Passing { during: During::Update, code: "InvalidGatewayID.NotFound", message: "", within: FRESH },
            Passing { during: During::Update, code: "InvalidInternetGatewayID.NotFound", message: "", within: FRESH },
            Passing { during: During::Update, code: "InvalidNatGatewayID.NotFound", message: "", within: FRESH },
            Passing { during: During::Update, code: "InvalidVpcEndpointId.NotFound", message: "", within: FRESH },
            Passing { during: During::Update, code: "InvalidTransitGatewayID.NotFound", message: "", within: FRESH },
            // The attachment of an internet gateway is not known everywhere yet.
            Passing {
                during: During::Update,
                code: "InvalidParameterValue",
                message: "belong to different networks",
                within: Duration::from_secs(60),
            },
            Passing { during: During::Delete, code: "DependencyViolation", message: "", within: Duration::from_secs(300) },
        ],
        gone: GONE,
        token: true,
        visible_within: FRESH,
        // Subnets and endpoints use the old one until they have the new one.
        create_first: true,
        actions: Actions {
            create: &["ec2:CreateRouteTable", "ec2:CreateTags"],
            read: &["ec2:DescribeRouteTables"],
            update: &[
                "ec2:CreateRoute",
                "ec2:ReplaceRoute",
                "ec2:DeleteRoute",
                "ec2:AssociateRouteTable",
                "ec2:ReplaceRouteTableAssociation",
                "ec2:DisassociateRouteTable",
                "ec2:CreateTags",
                "ec2:DeleteTags",
            ],
            delete: &["ec2:DisassociateRouteTable", "ec2:ReplaceRouteTableAssociation", "ec2:DeleteRouteTable"],
        },
        ..Facts::DEFAULT
    };

    fn check(spec: &Value, problems: &mut Problems) {
        routes::check(spec, problems);
    }

    async fn read(world: &Aws, ids: &[Id], _: &Wanted) -> Result<Vec<Option<Live<Self>>>> {
        let fetch = |filter| async { all!(world.ec2().describe_route_tables().filters(filter)) };
        let tables = describe(ids, "route-table-id", fetch, |it: &Described| it.route_table_id()).await?;
        Ok(tables.into_iter().map(|it| it.map(|it| live(world, &it))).collect())
    }

    async fn find(world: &Aws, find: Find<'_, Self>) -> Result<Option<Id>> {
        let found = all!(world.ec2().describe_route_tables().filters(made_by(find.operation)))?;
        Ok(unknown(found.into_iter().map(|it| it.route_table_id), find.known))
    }

    async fn create(world: &Aws, create: Create<'_, Self>) -> Result<Id> {
        let tags = tag_specifications(ResourceType::RouteTable, &create.spec.tags);
        let call = world.ec2().create_route_table().vpc_id(&create.spec.vpc_id).client_token(create.token);
        let answer = call.set_tag_specifications(tags).send().await.map_err(error)?;
        made("CreateRouteTable", answer.route_table.and_then(|it| it.route_table_id))
    }

    async fn update(world: &Aws, update: Update<'_, Self>) -> Result<()> {
        let Update { id, from, to, .. } = update;
        if ["routes", "subnet_ids", "main"].iter().any(|it| update.changes(it)) {
            // As it is now: `from` may be older than a try of this same update, and knows nothing of the VPC's other tables.
            let tables = tables(world, &to.vpc_id).await?;
            let now = itself(&tables, id).ok_or_else(|| not_found(id))?;
            routes::set(world, now, &to.routes).await?;
            associations::set(world, &tables, now, &to.subnet_ids, &to.tags).await?;
            match to.main {
                true => associations::take_main(world, &tables, now).await?,
                false => associations::give_main_back(world, &tables, now).await?,
            }
        }
        retag(world, id, &from.tags, &to.tags).await
    }

    async fn delete(world: &Aws, delete: Delete<'_, Self>) -> Result<()> {
        let tables = tables(world, &delete.spec.vpc_id).await?;
        let Some(now) = itself(&tables, delete.id) else { return Ok(()) };
        associations::give_main_back(world, &tables, now).await?;
        associations::set(world, &tables, now, &[], &delete.spec.tags).await?;
        unless(world.ec2().delete_route_table().route_table_id(delete.id.as_str()).send().await.map_err(error), GONE)?;
        Ok(())
    }
}

const GONE: &[&str] = &["InvalidRouteTableID.NotFound", "InvalidRouteTableId.NotFound"];

/// How long something new may stay unknown to the calls that name it.
const FRESH: Duration = Duration::from_secs(300);

/// All tables of a VPC.
async fn tables(world: &Aws, vpc: &str) -> Result<Vec<Described>> {
    all!(world.ec2().describe_route_tables().filters(filter("vpc-id", [vpc])))
}

fn itself<'a>(tables: &'a [Described], id: &Id) -> Option<&'a Described> {
    tables.iter().find(|it| it.route_table_id() == Some(id.as_str()))
}

fn not_found(id: &Id) -> Error {
    Error::rejected("DescribeRouteTables", GONE[0], format!("the route table {id} is not there"))
}

fn live(world: &Aws, table: &Described) -> Live<RouteTable> {
    let id = table.route_table_id().unwrap_or_default();
    let subnets: BTreeSet<_> = associations::of_subnets(table).filter_map(|it| it.subnet_id()).map(str::to_owned).collect();
    let mut tags = tags(table.tags());
    tags.0.remove(associations::TAG_MAIN_BEFORE);
    Live {
        spec: Spec {
            vpc_id: table.vpc_id().unwrap_or_default().to_owned(),
            routes: routes::of(table),
            subnet_ids: subnets.into_iter().collect(),
            main: associations::main_of(table).is_some(),
            tags,
        },
        outputs: Outputs { id: id.to_owned(), arn: world.arn("ec2", table.owner_id().unwrap_or_default(), &format!("route-table/{id}")) },
        status: status(table),
        unread: vec![],
    }
}

/// A table is usable at once; its associations take a moment.
fn status(table: &Described) -> Status {
    let states = table.associations().iter().filter_map(|it| it.association_state());
    let mut waiting = Status::Ready;
    for state in states {
        match state.state() {
            Some(AssociationState::Failed) => return Status::Failed(state.status_message().unwrap_or("an association failed").to_owned()),
            Some(AssociationState::Associating) => waiting = Status::Pending("associating".into()),
            _ => {}
        }
    }
    waiting
}

#[cfg(test)]
mod tests;
