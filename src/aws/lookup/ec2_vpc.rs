//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVpcs.html>

use std::collections::BTreeMap;

use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{single, tagged};
use crate::aws::{calls::all, clients::Aws, ec2::filter};

pub(crate) struct Vpc;

/// An existing VPC. All that is written has to be true of it, and of no other.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// Its id.
    id: Option<String>,
    /// Whether it is the region's default VPC.
    default: Option<bool>,
    /// Its first block of IPv4 addresses.
    cidr_block: Option<String>,
    /// Tags that it has, among others.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the VPC.
    id: String,
    /// The ARN of the VPC.
    arn: String,
    /// Its first block of IPv4 addresses.
    cidr_block: String,
    /// The id of its main route table.
    main_route_table_id: Option<String>,
}

impl Lookup for Vpc {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.vpc";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let written = [
            spec.id.as_ref().map(|it| filter("vpc-id", [it])),
            spec.default.map(|it| filter("is-default", [it.to_string()])),
            spec.cidr_block.as_ref().map(|it| filter("cidr", [it])),
        ];
        let filters: Vec<_> = written.into_iter().flatten().chain(tagged(&spec.tags)).collect();
        let found = all!(world.ec2().describe_vpcs().set_filters((!filters.is_empty()).then_some(filters)))?;
        let Some(vpc) = single("DescribeVpcs", found, |it| it.vpc_id())? else { return Ok(None) };
        let Some(id) = vpc.vpc_id else { return Ok(None) };
        let main = [filter("vpc-id", [&id]), filter("association.main", ["true"])];
        let tables = all!(world.ec2().describe_route_tables().set_filters(Some(main.into())))?;
        Ok(Some(Outputs {
            arn: world.arn("ec2", vpc.owner_id.as_deref().unwrap_or_default(), &format!("vpc/{id}")),
            id,
            cidr_block: vpc.cidr_block.unwrap_or_default(),
            main_route_table_id: tables.into_iter().find_map(|it| it.route_table_id),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn the_default_one_is_found_and_nothing_ambiguous() {
        let world = cloud().await;
        let default = Spec { default: Some(true), ..Spec::default() };
        let found = Vpc::find(&world, &default).await.expect("an answer").expect("the emulator has one");
        assert!(found.main_route_table_id.is_some());
        let same = Spec { id: Some(found.id.clone()), ..Spec::default() };
        assert_eq!(Vpc::find(&world, &same).await.expect("an answer").map(|it| it.cidr_block), Some(found.cidr_block));

        let tags = BTreeMap::from([("Name".to_owned(), "twins".to_owned())]);
        let tagged = Spec { tags, ..Spec::default() };
        assert!(Vpc::find(&world, &tagged).await.expect("an answer").is_none());
        for block in ["10.81.0.0/16", "10.82.0.0/16"] {
            let made = world.ec2().create_vpc().cidr_block(block).send().await.expect("a VPC");
            let id = made.vpc.and_then(|it| it.vpc_id).expect("an id");
            let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("twins").build();
            world.ec2().create_tags().resources(id).tags(tag).send().await.expect("tagged");
        }
        let error = Vpc::find(&world, &tagged).await.err().expect("two are too many");
        assert!(error.message.starts_with("2 match: vpc-"), "{error}");
    }
}
