//! <https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListHostedZonesByName.html>

use infra::resource::{DnsName, Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::single;
use crate::aws::{
    clients::Aws,
    error::error,
    route53::{bare, zones_named},
};

pub(crate) struct HostedZone;

/// An existing hosted zone.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// The name of its domain.
    name: DnsName,
    /// Whether it is one that only some VPCs see. A name can have zones of both kinds.
    #[serde(default)]
    private_zone: bool,
    /// A VPC that sees it, where several private zones have the name.
    vpc_id: Option<String>,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// The id of the zone.
    id: String,
    /// The ARN of the zone.
    arn: String,
    /// The name of its domain, without a dot at its end.
    zone_name: String,
    /// The servers that answer for it. A private zone has none.
    name_servers: Vec<String>,
}

impl Lookup for HostedZone {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "route53.hosted_zone";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let zones = zones_named(world, &spec.name.0).await?;
        let private = |it: &aws_sdk_route53::types::HostedZone| it.config().is_some_and(|it| it.private_zone);
        let mut found = vec![];
        for zone in zones.into_iter().filter(|it| private(it) == spec.private_zone) {
            let id = bare(&zone.id);
            let whole = world.route53().get_hosted_zone().id(&id).send().await.map_err(error)?;
            let seen = spec.vpc_id.as_ref().is_none_or(|vpc| whole.vpcs().iter().any(|it| it.vpc_id() == Some(vpc)));
            if seen {
                found.push((id, whole));
            }
        }
        let Some((id, whole)) = single("ListHostedZonesByName", found, |it| Some(&it.0))? else { return Ok(None) };
        Ok(Some(Outputs {
            arn: format!("arn:{}:route53:::hostedzone/{id}", world.partition()),
            id,
            zone_name: spec.name.canonical().0,
            name_servers: whole.delegation_set.map(|it| it.name_servers).unwrap_or_default(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::types::{HostedZoneConfig, Vpc, VpcRegion};

    use super::*;
    use crate::aws::conformance::cloud;

    async fn make(world: &Aws, name: &str, vpc: Option<&str>) -> String {
        let association = vpc.map(|it| Vpc::builder().vpc_id(it).vpc_region(VpcRegion::EuCentral1).build());
        let call = world
            .route53()
            .create_hosted_zone()
            .name(name)
            .caller_reference(uuid::Uuid::new_v4().to_string())
            .hosted_zone_config(HostedZoneConfig::builder().private_zone(vpc.is_some()).build())
            .set_vpc(association);
        bare(&call.send().await.expect("a zone").hosted_zone.expect("a zone").id)
    }

    #[tokio::test]
    async fn a_zone_is_found_by_its_name_and_kind() {
        let world = cloud().await;
        let public = make(&world, "lookup.example.com", None).await;
        make(&world, "beneath.lookup.example.com", None).await;
        let (one, two) = (make(&world, "lookup.example.com", Some("vpc-1")).await, make(&world, "lookup.example.com", Some("vpc-2")).await);
        let find = async |name: &str, private_zone: bool, vpc_id: Option<&str>| {
            let spec = Spec { name: DnsName(name.into()), private_zone, vpc_id: vpc_id.map(str::to_owned) };
            HostedZone::find(&world, &spec).await
        };
        let found = find("Lookup.example.com.", false, None).await.expect("an answer").expect("a zone");
        assert_eq!((found.id, found.zone_name.as_str(), found.name_servers.len()), (public, "lookup.example.com", 4));
        let found = find("lookup.example.com", true, Some("vpc-2")).await.expect("an answer").expect("a zone");
        assert_eq!(found.id, two);
        let failed = find("lookup.example.com", true, None).await.err().expect("two are too many");
        assert!(failed.message.starts_with("2 match: ") && failed.message.contains(&one), "{failed}");
        assert!(find("nowhere.example.com", false, None).await.expect("an answer").is_none());
    }
}
