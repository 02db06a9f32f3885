//! Who uses a table: subnets, and as the main table the whole VPC.
//!
//! A VPC is born with a main table and always has one, which cannot be deleted before the VPC. So a table of the stack takes that
//! place over, and gives it back to the one that had it. Which one that was is written on the table itself, as a tag, before the
//! place is taken: there it outlives whatever happens to the process between two calls.

use aws_sdk_ec2::types::{RouteTable, RouteTableAssociation, RouteTableAssociationStateCode as State, Tag};
use infra::resource::{Error, Result, TAG_STATE, Tags};

use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

/// On a table that took the place of the main one: the VPC's own table, to give it back to.
pub(super) const TAG_MAIN_BEFORE: &str = "infra:main-before";

/// The associations of a table with subnets.
pub(super) fn of_subnets(table: &RouteTable) -> impl Iterator<Item = &RouteTableAssociation> {
    lasting(table).filter(|it| it.subnet_id().is_some())
}

/// The association that makes a table the main one.
pub(super) fn main_of(table: &RouteTable) -> Option<&RouteTableAssociation> {
    lasting(table).find(|it| it.main() == Some(true))
}

fn lasting(table: &RouteTable) -> impl Iterator<Item = &RouteTableAssociation> {
    let leaving = |it: &RouteTableAssociation| {
        let state = it.association_state().and_then(|it| it.state());
        matches!(state, Some(State::Disassociating | State::Disassociated))
    };
    table.associations().iter().filter(move |it| !leaving(it))
}

/// Makes exactly these subnets use the table.
pub(super) async fn set(world: &Aws, tables: &[RouteTable], table: &RouteTable, subnets: &[String], tags: &Tags) -> Result<()> {
    let id = table.route_table_id().unwrap_or_default();
    for subnet in subnets {
        if of_subnets(table).any(|it| it.subnet_id() == Some(subnet)) {
            continue;
        }
        match ours_elsewhere(tables, subnet, tags) {
            Some(association) => replace(world, association, id).await?,
            None => {
                world.ec2().associate_route_table().route_table_id(id).subnet_id(subnet).send().await.map_err(error)?;
            }
        }
    }
    for surplus in of_subnets(table).filter(|it| !subnets.iter().any(|subnet| it.subnet_id() == Some(subnet))) {
        let call = world.ec2().disassociate_route_table().set_association_id(surplus.route_table_association_id().map(str::to_owned));
        // Another table of the stack took it over meanwhile.
        unless(call.send().await.map_err(error), &["InvalidAssociationID.NotFound"])?;
    }
    Ok(())
}

/// The association of a subnet with another table of the same state. Anybody else's is left alone, and AWS refuses a second.
fn ours_elsewhere<'a>(tables: &'a [RouteTable], subnet: &str, tags: &Tags) -> Option<&'a str> {
    let state = tags.0.get(TAG_STATE)?;
    let ours = tables.iter().filter(|it| tag(it, TAG_STATE) == Some(state));
    ours.flat_map(of_subnets).find(|it| it.subnet_id() == Some(subnet))?.route_table_association_id()
}

/// Makes the table the VPC's main one.
pub(super) async fn take_main(world: &Aws, tables: &[RouteTable], table: &RouteTable) -> Result<()> {
    let id = table.route_table_id().unwrap_or_default();
    if main_of(table).is_some() {
        return Ok(());
    }
    let holder = tables.iter().find_map(|it| Some((it, main_of(it)?.route_table_association_id()?)));
    let Some((before, association)) = holder else {
        return Err(Error::rejected("DescribeRouteTables", "InvalidAssociationID.NotFound", "the VPC shows no main route table"));
    };
    // What took the place in its turn is likely to go; the VPC's own table stays as long as the VPC.
    if let Some(own) = tag(before, TAG_MAIN_BEFORE).or(before.route_table_id()) {
        let tag = Tag::builder().key(TAG_MAIN_BEFORE).value(own).build();
        world.ec2().create_tags().resources(id).tags(tag).send().await.map_err(error)?;
    }
    replace(world, association, id).await
}

/// Makes another table the VPC's main one, if this one is it: the one from before, or else one that nobody uses.
pub(super) async fn give_main_back(world: &Aws, tables: &[RouteTable], table: &RouteTable) -> Result<()> {
    let Some(association) = main_of(table).and_then(|it| it.route_table_association_id()) else { return Ok(()) };
    let others = || tables.iter().filter(|it| it.route_table_id() != table.route_table_id());
    let before = others().find(|it| it.route_table_id().is_some() && it.route_table_id() == tag(table, TAG_MAIN_BEFORE));
    let unused = || others().find(|it| it.associations().is_empty() && tag(it, TAG_STATE).is_none());
    let Some(successor) = before.or_else(unused).and_then(|it| it.route_table_id()) else {
        let id = table.route_table_id().unwrap_or_default();
        let message = format!("{id} is the main route table of its VPC and no other can take its place; it goes with the VPC");
        return Err(Error::rejected("ReplaceRouteTableAssociation", "MainRouteTable", message));
    };
    replace(world, association, successor).await
}

async fn replace(world: &Aws, association: &str, table: &str) -> Result<()> {
    let call = world.ec2().replace_route_table_association().association_id(association).route_table_id(table);
    call.send().await.map(drop).map_err(error)
}

fn tag<'a>(table: &'a RouteTable, key: &str) -> Option<&'a str> {
    table.tags().iter().find(|it| it.key() == Some(key)).and_then(|it| it.value())
}
