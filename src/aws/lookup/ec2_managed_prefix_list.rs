//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeManagedPrefixLists.html>

use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::single;
use crate::aws::{calls::all, clients::Aws, ec2::filter};

pub(crate) struct ManagedPrefixList;

/// A list of address blocks under one id, AWS's own or an account's.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// Its name, `com.amazonaws.global.cloudfront.origin-facing`.
    name: String,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the prefix list.
    id: String,
    /// The ARN of the prefix list.
    arn: Option<String>,
    /// The address blocks in it.
    cidr_blocks: Vec<String>,
}

impl Lookup for ManagedPrefixList {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.managed_prefix_list";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let found = all!(world.ec2().describe_managed_prefix_lists().filters(filter("prefix-list-name", [&spec.name])))?;
        let Some(list) = single("DescribeManagedPrefixLists", found, |it| it.prefix_list_id())? else { return Ok(None) };
        let Some(id) = list.prefix_list_id else { return Ok(None) };
        let entries = all!(world.ec2().get_managed_prefix_list_entries().prefix_list_id(&id))?;
        let cidr_blocks = entries.into_iter().filter_map(|it| it.cidr).collect();
        Ok(Some(Outputs { id, arn: list.prefix_list_arn, cidr_blocks }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn a_list_is_found_by_its_name() {
        let world = cloud().await;
        let named = |name: &str| Spec { name: name.into() };
        let of_s3 = ManagedPrefixList::find(&world, &named("com.amazonaws.eu-central-1.s3")).await.expect("an answer").expect("a list");
        assert!(of_s3.id.starts_with("pl-") && !of_s3.cidr_blocks.is_empty(), "{} {:?}", of_s3.id, of_s3.cidr_blocks);
        assert!(ManagedPrefixList::find(&world, &named("nobody.has.this")).await.expect("an answer").is_none());
    }
}
