//! The routes of a table.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Route as Described, RouteOrigin, RouteTable};
use infra::{
    resource::{Cidr, Problems, Result},
    value::{Path, Value},
};
use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

/// One destination and one target.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Route {
    /// The IPv4 addresses that it is for.
    destination_cidr_block: Option<Cidr>,
    /// The IPv6 addresses that it is for.
    destination_ipv6_cidr_block: Option<Cidr>,
    /// The prefix list with the addresses that it is for.
    destination_prefix_list_id: Option<String>,
    /// To an internet gateway or a virtual private gateway.
    gateway_id: Option<String>,
    /// To a NAT gateway.
    nat_gateway_id: Option<String>,
    /// To an egress-only internet gateway, for IPv6.
    egress_only_internet_gateway_id: Option<String>,
    /// To a transit gateway.
    transit_gateway_id: Option<String>,
    /// To a peered VPC.
    vpc_peering_connection_id: Option<String>,
    /// To the endpoint of a Gateway Load Balancer.
    vpc_endpoint_id: Option<String>,
    /// To a network interface.
    network_interface_id: Option<String>,
}

const DESTINATIONS: [&str; 3] = ["destination_cidr_block", "destination_ipv6_cidr_block", "destination_prefix_list_id"];

const TARGETS: [&str; 7] = [
    "gateway_id",
    "nat_gateway_id",
    "egress_only_internet_gateway_id",
    "transit_gateway_id",
    "vpc_peering_connection_id",
    "vpc_endpoint_id",
    "network_interface_id",
];

/// What tells one route of a table from another: the destination in canonical form.
type Destination = String;

/// Each route has one destination, which no other has, and one target.
pub(super) fn check(spec: &Value, problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for (n, route) in spec.get("routes").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        let Some(fields) = route.as_map() else { continue };
        let path = Path::of("routes").item(n);
        for (what, names) in [("destination", &DESTINATIONS[..]), ("target", &TARGETS[..])] {
            let written = names.iter().filter(|it| fields.get(**it).is_some_and(|it| !it.is_null())).collect::<Vec<_>>();
            match written[..] {
                [] => problems.error(path.clone(), format!("a route without a {what}"), format!("write one of {}", names.join(", "))),
                [_] => {}
                [_, second, ..] => problems.error(path.key(second), format!("a route with two {what}s"), "write one route for each"),
            }
        }
        for destination in DESTINATIONS.iter().filter_map(|it| fields.get(*it)).filter_map(Value::as_text).map(canonical) {
            if seen.insert(destination.clone(), n).is_some() {
                problems.error(path.clone(), format!("two routes for {destination}"), "keep one of them");
            }
        }
    }
}

/// Those that belong to the stack: made by a call, and not for a gateway endpoint, which puts in its own.
pub(super) fn of(table: &RouteTable) -> Vec<Route> {
    let mut routes: Vec<_> = table.routes().iter().filter(|it| !is_of_aws(it)).map(read).collect();
    routes.sort_by_key(destination);
    routes
}

/// Makes the routes of a table equal to `wanted`. What goes elsewhere now is replaced, so that its traffic never stops.
pub(super) async fn set(world: &Aws, table: &RouteTable, wanted: &[Route]) -> Result<()> {
    let id = table.route_table_id().unwrap_or_default();
    let live: BTreeMap<Destination, Route> = of(table).into_iter().map(|it| (destination(&it), it)).collect();
    let wanted: BTreeMap<Destination, &Route> = wanted.iter().map(|it| (destination(it), it)).collect();
    for (destination, route) in &wanted {
        match live.get(destination) {
            Some(live) if target(live) == target(route) => {}
            Some(_) => replace(world, id, route).await?,
            None => create(world, id, route).await?,
        }
    }
    for (_, route) in live.iter().filter(|(destination, _)| !wanted.contains_key(*destination)) {
        delete(world, id, route).await?;
    }
    Ok(())
}

fn is_of_aws(route: &Described) -> bool {
    let of_endpoint = route.destination_prefix_list_id().is_some() && route.gateway_id().is_some_and(|it| it.starts_with("vpce-"));
    route.gateway_id() == Some("local") || route.origin().is_some_and(|it| *it != RouteOrigin::CreateRoute) || of_endpoint
}

fn read(route: &Described) -> Route {
    let text = |it: Option<&str>| it.filter(|it| !it.is_empty()).map(str::to_owned);
    // A Gateway Load Balancer's endpoint is told as if it were a gateway.
    let (endpoint, gateway) = match text(route.gateway_id()) {
        Some(id) if id.starts_with("vpce-") => (Some(id), None),
        other => (None, other),
    };
    Route {
        destination_cidr_block: text(route.destination_cidr_block()).map(Cidr),
        destination_ipv6_cidr_block: text(route.destination_ipv6_cidr_block()).map(Cidr),
        destination_prefix_list_id: text(route.destination_prefix_list_id()),
        gateway_id: gateway,
        nat_gateway_id: text(route.nat_gateway_id()),
        egress_only_internet_gateway_id: text(route.egress_only_internet_gateway_id()),
        transit_gateway_id: text(route.transit_gateway_id()),
        vpc_peering_connection_id: text(route.vpc_peering_connection_id()),
        vpc_endpoint_id: endpoint,
        network_interface_id: text(route.network_interface_id()),
    }
}

fn destination(route: &Route) -> Destination {
    let block = route.destination_cidr_block.as_ref().or(route.destination_ipv6_cidr_block.as_ref());
    canonical(block.map(|it| it.0.as_str()).or(route.destination_prefix_list_id.as_deref()).unwrap_or_default())
}

/// AWS clears the bits of an address that its block does not cover.
fn canonical(text: &str) -> String {
    text.parse::<IpNet>().map_or_else(|_| text.to_owned(), |it| it.trunc().to_string())
}

/// All but the destination.
fn target(route: &Route) -> Route {
    Route { destination_cidr_block: None, destination_ipv6_cidr_block: None, destination_prefix_list_id: None, ..route.clone() }
}

/// Creating and replacing a route take the same, and have nothing in common but the names.
macro_rules! to_target {
    ($call:expr, $table:expr, $route:expr) => {
        $call
            .route_table_id($table)
            .set_destination_cidr_block($route.destination_cidr_block.as_ref().map(|it| it.0.clone()))
            .set_destination_ipv6_cidr_block($route.destination_ipv6_cidr_block.as_ref().map(|it| it.0.clone()))
            .set_destination_prefix_list_id($route.destination_prefix_list_id.clone())
            .set_gateway_id($route.gateway_id.clone())
            .set_nat_gateway_id($route.nat_gateway_id.clone())
            .set_egress_only_internet_gateway_id($route.egress_only_internet_gateway_id.clone())
            .set_transit_gateway_id($route.transit_gateway_id.clone())
            .set_vpc_peering_connection_id($route.vpc_peering_connection_id.clone())
            .set_vpc_endpoint_id($route.vpc_endpoint_id.clone())
            .set_network_interface_id($route.network_interface_id.clone())
    };
}

async fn create(world: &Aws, table: &str, route: &Route) -> Result<()> {
    match to_target!(world.ec2().create_route(), table, route).send().await.map_err(error) {
        // A try whose answer was lost, not visible yet when the table was read; or somebody else's.
        Err(refused) if refused.is(&["RouteAlreadyExists"]) => replace(world, table, route).await,
        other => other.map(drop),
    }
}

async fn replace(world: &Aws, table: &str, route: &Route) -> Result<()> {
    to_target!(world.ec2().replace_route(), table, route).send().await.map(drop).map_err(error)
}

async fn delete(world: &Aws, table: &str, route: &Route) -> Result<()> {
    let call = world
        .ec2()
        .delete_route()
        .route_table_id(table)
        .set_destination_cidr_block(route.destination_cidr_block.as_ref().map(|it| it.0.clone()))
        .set_destination_ipv6_cidr_block(route.destination_ipv6_cidr_block.as_ref().map(|it| it.0.clone()))
        .set_destination_prefix_list_id(route.destination_prefix_list_id.clone());
    unless(call.send().await.map_err(error), &["InvalidRoute.NotFound"]).map(drop)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(routes: serde_json::Value) -> Vec<String> {
        let mut problems = Problems::default();
        check(&Value::from(json!({ "routes": routes })), &mut problems);
        problems.0.into_iter().map(|it| format!("{}: {}", it.path, it.summary)).collect()
    }

    #[test]
    fn a_route_has_one_destination_and_one_target() {
        let check = |routes, expected: &[&str]| assert_eq!(problems(routes), expected);
        check(json!([{ "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1" }]), &[]);
        check(json!([{ "destination_cidr_block": "0.0.0.0/0", "gateway_id": null, "nat_gateway_id": "nat-1" }]), &[]);
        check(json!([{ "gateway_id": "igw-1" }]), &["routes[0]: a route without a destination"]);
        check(json!([{ "destination_cidr_block": "0.0.0.0/0" }]), &["routes[0]: a route without a target"]);
        check(
            json!([{ "destination_cidr_block": "0.0.0.0/0", "gateway_id": "igw-1", "nat_gateway_id": "nat-1" }]),
            &["routes[0].nat_gateway_id: a route with two targets"],
        );
        check(
            json!([
                { "destination_cidr_block": "10.1.0.0/16", "gateway_id": "igw-1" },
                { "destination_cidr_block": "10.1.2.3/16", "gateway_id": "igw-2" },
            ]),
            &["routes[1]: two routes for 10.1.0.0/16"],
        );
    }

    #[test]
    fn routes_that_aws_puts_in_are_not_the_stacks() {
        let route = || Described::builder().origin(RouteOrigin::CreateRoute);
        let table = RouteTable::builder()
            .routes(
                Described::builder()
                    .destination_cidr_block("10.0.0.0/16")
                    .gateway_id("local")
                    .origin(RouteOrigin::CreateRouteTable)
                    .build(),
            )
            .routes(
                Described::builder()
                    .destination_cidr_block("10.7.0.0/16")
                    .gateway_id("vgw-1")
                    .origin(RouteOrigin::EnableVgwRoutePropagation)
                    .build(),
            )
            .routes(route().destination_prefix_list_id("pl-1").gateway_id("vpce-1").build())
            .routes(route().destination_cidr_block("0.0.0.0/0").gateway_id("vpce-2").build())
            .routes(route().destination_ipv6_cidr_block("::/0").egress_only_internet_gateway_id("eigw-1").build())
            .build();
        let read = of(&table);
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0].vpc_endpoint_id.as_deref(), Some("vpce-2"));
        assert_eq!(read[0].gateway_id, None);
        assert_eq!(read[1].egress_only_internet_gateway_id.as_deref(), Some("eigw-1"));
    }
}
