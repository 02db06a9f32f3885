//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeSecurityGroups.html>

use std::collections::BTreeMap;

use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{single, tagged};
use crate::aws::{calls::all, clients::Aws, ec2::filter};

pub(crate) struct SecurityGroup;

/// An existing security group. All that is written has to be true of it, and of no other.
#[derive(Default, Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// Its id.
    id: Option<String>,
    /// Its name; `default` is the one that every VPC has.
    group_name: Option<String>,
    /// The VPC that it is part of.
    vpc_id: Option<String>,
    /// Tags that it has, among others.
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the group.
    id: String,
    /// The ARN of the group.
    arn: String,
    /// Its name.
    group_name: String,
    /// The VPC that it is part of.
    vpc_id: Option<String>,
    /// What it is for.
    description: Option<String>,
}

impl Lookup for SecurityGroup {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.security_group";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let written = [("group-id", &spec.id), ("group-name", &spec.group_name), ("vpc-id", &spec.vpc_id)];
        let written = written.into_iter().filter_map(|(name, value)| Some(filter(name, [value.as_ref()?])));
        let filters: Vec<_> = written.chain(tagged(&spec.tags)).collect();
        let found = all!(world.ec2().describe_security_groups().set_filters((!filters.is_empty()).then_some(filters)))?;
        let Some(group) = single("DescribeSecurityGroups", found, |it| it.group_id())? else { return Ok(None) };
        let Some(id) = group.group_id else { return Ok(None) };
        let owner = group.owner_id.unwrap_or_default();
        Ok(Some(Outputs {
            arn: group.security_group_arn.unwrap_or_else(|| world.arn("ec2", &owner, &format!("security-group/{id}"))),
            id,
            group_name: group.group_name.unwrap_or_default(),
            vpc_id: group.vpc_id,
            description: group.description,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn a_group_is_found_by_what_only_it_has() {
        let world = cloud().await;
        let mut vpcs = vec![];
        for block in ["10.84.0.0/16", "10.85.0.0/16"] {
            let made = world.ec2().create_vpc().cidr_block(block).send().await.expect("a VPC");
            let vpc_id = made.vpc.and_then(|it| it.vpc_id).expect("an id");
            let call = world.ec2().create_security_group().group_name("found").description("To be found").vpc_id(&vpc_id);
            let id = call.send().await.expect("a group").group_id.expect("an id");
            vpcs.push((vpc_id, id));
        }
        let find = async |spec: Spec| SecurityGroup::find(&world, &spec).await;
        let name = || Some("found".to_owned());
        for (vpc_id, id) in &vpcs {
            let spec = Spec { group_name: name(), vpc_id: Some(vpc_id.clone()), ..Spec::default() };
            let found = find(spec).await.expect("an answer").expect("a group");
            assert_eq!((&found.id, found.vpc_id.as_ref()), (id, Some(vpc_id)));
            assert_eq!(found.description.as_deref(), Some("To be found"));
            assert!(found.arn.ends_with(&format!(":123456789012:security-group/{id}")), "{}", found.arn);
            let same = find(Spec { id: Some(id.clone()), ..Spec::default() }).await.expect("an answer").expect("a group");
            assert_eq!(same.group_name, "found");
        }
        let tag = aws_sdk_ec2::types::Tag::builder().key("Name").value("the second").build();
        world.ec2().create_tags().resources(&vpcs[1].1).tags(tag).send().await.expect("tagged");
        let tags = BTreeMap::from([("Name".to_owned(), "the second".to_owned())]);
        assert_eq!(find(Spec { tags, ..Spec::default() }).await.expect("an answer").map(|it| it.id), Some(vpcs[1].1.clone()));

        let error = find(Spec { group_name: name(), ..Spec::default() }).await.err().expect("two are too many");
        assert!(error.message.starts_with("2 match: sg-"), "{error}");
        let nobody = Spec { group_name: Some("nobody has this".into()), ..Spec::default() };
        assert!(find(nobody).await.expect("an answer").is_none());
    }
}
