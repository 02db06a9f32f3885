//! AWS: everything that is had, and everything that is looked up.
//!
//! A type is one file `<service>/<thing>.rs` and a line in [`TYPES`]; a lookup is one file `lookup/<service>_<thing>.rs` and a line in
//! [`LOOKUPS`]. Tests hold both lists to the folders.

mod application_autoscaling;
mod caller;
mod clients;
#[cfg(test)]
mod complaints;
#[cfg(test)]
mod conformance;
mod ec2;
mod ecs;
mod error;
mod iam;
pub(crate) mod lint;
mod logs;
mod lookup;
mod wording;

use infra::resource::{AnyLookup, AnyResource, Types};

pub(crate) use clients::{Aws, Config, Endpoint};

/// All resource types, sorted by name.
pub(crate) static TYPES: &[&dyn AnyResource<Aws>] = &[
    &application_autoscaling::policy::Policy,
    &application_autoscaling::target::Target,
    &ec2::eip::Eip,
    &ec2::flow_log::FlowLog,
    &ec2::internet_gateway::InternetGateway,
    &ec2::nat_gateway::NatGateway,
    &ec2::route_table::RouteTable,
    &ec2::security_group::SecurityGroup,
    &ec2::security_group_rule::SecurityGroupRule,
    &ec2::subnet::Subnet,
    &ec2::vpc::Vpc,
    &ec2::vpc_endpoint::VpcEndpoint,
    &ecs::cluster::Cluster,
    &ecs::service::Service,
    &ecs::task_definition::TaskDefinition,
    &iam::role::Role,
    &logs::log_group::LogGroup,
];

/// All lookups, sorted by name.
pub(crate) static LOOKUPS: &[&dyn AnyLookup<Aws>] = &[
    &lookup::ec2_availability_zones::AvailabilityZones,
    &lookup::ec2_managed_prefix_list::ManagedPrefixList,
    &lookup::ec2_security_group::SecurityGroup,
    &lookup::ec2_security_groups::SecurityGroups,
    &lookup::ec2_subnets::Subnets,
    &lookup::ec2_vpc::Vpc,
    &lookup::sts_caller_identity::CallerIdentity,
];

/// What a stack file can name, with the calls behind it.
pub(crate) fn types() -> Types<Aws> {
    Types::new(TYPES, LOOKUPS)
}
