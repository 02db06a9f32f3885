//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>

use std::collections::BTreeMap;

use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tagged;
use crate::aws::{calls::all, clients::Aws, ec2::filter};

pub(crate) struct SecurityGroups;

/// Existing security groups of one VPC. All that is written has to be true of each.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// The VPC that they are part of.
    vpc_id: String,
    /// Their names: those of these that there are. `*` in one stands for anything.
    group_names: Option<Vec<String>>,
    /// Tags that they have, among others.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// Their ids, ordered by name.
    ids: Vec<String>,
    /// Their names, in the order of the ids.
    group_names: Vec<String>,
}

impl Lookup for SecurityGroups {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.security_groups";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let names = spec.group_names.as_ref().filter(|it| !it.is_empty()).map(|it| filter("group-name", it));
        let filters = [filter("vpc-id", [&spec.vpc_id])].into_iter().chain(names).chain(tagged(&spec.tags)).collect();
        let found = all!(world.ec2().describe_security_groups().set_filters(Some(filters)))?;
        let mut groups: Vec<_> = found.into_iter().filter_map(|it| Some((it.group_name?, it.group_id?))).collect();
        groups.sort();
        let (group_names, ids) = groups.into_iter().unzip();
        Ok(Some(Outputs { ids, group_names }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn groups_of_a_vpc_are_found_in_the_order_of_their_names() {
        let world = cloud().await;
        let made = world.ec2().create_vpc().cidr_block("10.86.0.0/16").send().await.expect("a VPC");
        let vpc_id = made.vpc.and_then(|it| it.vpc_id).expect("an id");
        for name in ["web-b", "web-a", "db"] {
            let call = world.ec2().create_security_group().group_name(name).description("One of some").vpc_id(&vpc_id);
            call.send().await.expect("a group");
        }
        let find = async |names: Option<&[&str]>| {
            let group_names = names.map(|it| it.iter().map(|it| (*it).to_owned()).collect());
            let spec = Spec { vpc_id: vpc_id.clone(), group_names, tags: BTreeMap::new() };
            let found = SecurityGroups::find(&world, &spec).await.expect("an answer").expect("always a list");
            assert_eq!(found.ids.len(), found.group_names.len());
            found.group_names
        };
        assert_eq!(find(None).await, ["db", "default", "web-a", "web-b"]);
        assert_eq!(find(Some(&["web-*"])).await, ["web-a", "web-b"]);
        assert_eq!(find(Some(&["db", "absent"])).await, ["db"]);
    }
}
