//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSubnets.html>

use std::collections::BTreeMap;

use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tagged;
use crate::aws::{calls::all, clients::Aws, ec2::filter};

pub(crate) struct Subnets;

/// Existing subnets of one VPC. All that is written has to be true of each.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// The VPC that they are part of.
    vpc_id: String,
    /// The name of their availability zone.
    availability_zone: Option<String>,
    /// Tags that they have, among others.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// Their ids, ordered by availability zone.
    ids: Vec<String>,
    /// Their availability zones, in the order of the ids.
    availability_zones: Vec<String>,
}

impl Lookup for Subnets {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.subnets";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let zone = spec.availability_zone.as_ref().map(|it| filter("availability-zone", [it]));
        let filters = [filter("vpc-id", [&spec.vpc_id])].into_iter().chain(zone).chain(tagged(&spec.tags)).collect();
        let found = all!(world.ec2().describe_subnets().set_filters(Some(filters)))?;
        let mut subnets: Vec<_> = found.into_iter().filter_map(|it| Some((it.availability_zone?, it.subnet_id?))).collect();
        subnets.sort();
        let (availability_zones, ids) = subnets.into_iter().unzip();
        Ok(Some(Outputs { ids, availability_zones }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn subnets_of_a_vpc_are_found_in_the_order_of_their_zones() {
        let world = cloud().await;
        let made = world.ec2().create_vpc().cidr_block("10.83.0.0/16").send().await.expect("a VPC");
        let vpc_id = made.vpc.and_then(|it| it.vpc_id).expect("an id");
        for (zone, block) in [("eu-central-1b", "10.83.1.0/24"), ("eu-central-1a", "10.83.2.0/24")] {
            let call = world.ec2().create_subnet().vpc_id(&vpc_id).availability_zone(zone).cidr_block(block);
            call.send().await.expect("a subnet");
        }
        let find = async |zone: Option<&str>| {
            let spec = Spec { vpc_id: vpc_id.clone(), availability_zone: zone.map(str::to_owned), tags: BTreeMap::new() };
            Subnets::find(&world, &spec).await.expect("an answer").expect("always a list").availability_zones
        };
        assert_eq!(find(None).await, ["eu-central-1a", "eu-central-1b"]);
        assert_eq!(find(Some("eu-central-1b")).await, ["eu-central-1b"]);
        assert!(find(Some("eu-central-1c")).await.is_empty());
    }
}
