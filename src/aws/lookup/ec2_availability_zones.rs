//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAvailabilityZones.html>

use aws_sdk_ec2::types::AvailabilityZoneState;
use infra::resource::{Lookup, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aws::{clients::Aws, ec2::filter, error::error};

pub(crate) struct AvailabilityZones;

/// The zones of the region that can be used now.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Spec {
    /// What kind of zones; local and wavelength zones only where the account opted in.
    #[serde(default)]
    zone_type: ZoneType,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) enum ZoneType {
    /// The zones that a region consists of.
    #[default]
    #[serde(rename = "availability-zone")]
    Availability,
    /// Zones near a large city.
    #[serde(rename = "local-zone")]
    Local,
    /// Zones within the networks of telephone companies.
    #[serde(rename = "wavelength-zone")]
    Wavelength,
}

#[derive(JsonSchema, Serialize)]
pub(crate) struct Outputs {
    /// Their names, sorted: `eu-central-1a`.
    names: Vec<String>,
    /// Their ids, in the order of the names: `euc1-az2`. They mean the same in all accounts.
    zone_ids: Vec<String>,
}

impl Lookup for AvailabilityZones {
    type World = Aws;
    type Spec = Spec;
    type Outputs = Outputs;

    const NAME: &'static str = "ec2.availability_zones";

    async fn find(world: &Aws, spec: &Spec) -> Result<Option<Outputs>> {
        let zone_type = match spec.zone_type {
            ZoneType::Availability => "availability-zone",
            ZoneType::Local => "local-zone",
            ZoneType::Wavelength => "wavelength-zone",
        };
        let call = world.ec2().describe_availability_zones().filters(filter("zone-type", [zone_type]));
        let zones = call.send().await.map_err(error)?.availability_zones.unwrap_or_default();
        let usable = zones.into_iter().filter(|it| it.state() == Some(&AvailabilityZoneState::Available));
        let mut zones: Vec<_> = usable.filter_map(|it| Some((it.zone_name?, it.zone_id?))).collect();
        zones.sort();
        let (names, zone_ids) = zones.into_iter().unzip();
        Ok(Some(Outputs { names, zone_ids }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::conformance::cloud;

    #[tokio::test]
    async fn zones_are_sorted_and_of_the_region() {
        let spec = Spec { zone_type: ZoneType::Availability };
        let zones = AvailabilityZones::find(&cloud().await, &spec).await.expect("an answer").expect("there are always some");
        assert_eq!(zones.names, ["eu-central-1a", "eu-central-1b", "eu-central-1c"]);
        assert_eq!(zones.zone_ids.len(), 3);
    }
}
