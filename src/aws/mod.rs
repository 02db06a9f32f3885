//! AWS: everything that is had, and everything that is looked up.
//!
//! A type is one file `<service>/<thing>.rs` and a line in [`TYPES`]; a lookup is one file `lookup/<service>_<thing>.rs` and a line in
//! [`LOOKUPS`]. Tests hold both lists to the folders.

mod acm;
mod apigatewayv2;
mod application_autoscaling;
mod arn;
mod budgets;
mod caller;
mod calls;
mod clients;
mod cloudtrail;
mod cloudwatch;
#[cfg(test)]
mod complaints;
mod config;
#[cfg(test)]
pub(crate) mod conformance;
mod ec2;
mod ecr;
mod ecs;
mod elbv2;
mod error;
mod iam;
mod kms;
mod lambda;
pub(crate) mod lint;
mod logs;
mod lookup;
mod rds;
mod route53;
mod s3;
mod secretsmanager;
mod sns;
mod sqs;
mod wafv2;
mod wording;

use infra::resource::{AnyLookup, AnyResource, Types};

pub(crate) use clients::{Aws, Config, Endpoint, call_timeout};

/// All resource types, sorted by name.
pub(crate) static TYPES: &[&dyn AnyResource<Aws>] = &[
    &acm::certificate::Certificate,
    &apigatewayv2::api::Api,
    &apigatewayv2::api_mapping::ApiMapping,
    &apigatewayv2::domain_name::DomainName,
    &apigatewayv2::integration::Integration,
    &apigatewayv2::route::Route,
    &apigatewayv2::stage::Stage,
    &apigatewayv2::vpc_link::VpcLink,
    &application_autoscaling::policy::Policy,
    &application_autoscaling::target::Target,
    &budgets::budget::Budget,
    &cloudtrail::trail::Trail,
    &cloudwatch::alarm::Alarm,
    &cloudwatch::dashboard::Dashboard,
    &config::recorder::Recorder,
    &config::rule::Rule,
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
    &ecr::repository::Repository,
    &ecs::cluster::Cluster,
    &ecs::service::Service,
    &ecs::task_definition::TaskDefinition,
    &elbv2::listener::Listener,
    &elbv2::listener_rule::ListenerRule,
    &elbv2::load_balancer::LoadBalancer,
    &elbv2::target_group::TargetGroup,
    &iam::instance_profile::InstanceProfile,
    &iam::oidc_provider::OidcProvider,
    &iam::policy::ManagedPolicy,
    &iam::role::Role,
    &kms::alias::Alias,
    &kms::key::Key,
    &lambda::alias::Alias,
    &lambda::event_source_mapping::EventSourceMapping,
    &lambda::function::Function,
    &lambda::permission::Permission,
    &logs::log_group::LogGroup,
    &logs::metric_filter::MetricFilter,
    &rds::db_cluster::DbCluster,
    &rds::db_cluster_parameter_group::DbClusterParameterGroup,
    &rds::db_instance::DbInstance,
    &rds::db_parameter_group::DbParameterGroup,
    &rds::db_subnet_group::DbSubnetGroup,
    &route53::health_check::HealthCheck,
    &route53::hosted_zone::HostedZone,
    &route53::record::Record,
    &s3::bucket::Bucket,
    &s3::object::Object,
    &secretsmanager::secret::Secret,
    &sns::subscription::Subscription,
    &sns::topic::Topic,
    &sqs::queue::Queue,
    &wafv2::association::Association,
    &wafv2::web_acl::WebAcl,
];

/// All lookups, sorted by name.
pub(crate) static LOOKUPS: &[&dyn AnyLookup<Aws>] = &[
    &lookup::acm_certificate::Certificate,
    &lookup::ec2_availability_zones::AvailabilityZones,
    &lookup::ec2_managed_prefix_list::ManagedPrefixList,
    &lookup::ec2_security_group::SecurityGroup,
    &lookup::ec2_security_groups::SecurityGroups,
    &lookup::ec2_subnets::Subnets,
    &lookup::ec2_vpc::Vpc,
    &lookup::ecr_image::Image,
    &lookup::route53_hosted_zone::HostedZone,
    &lookup::secretsmanager_secret::Secret,
    &lookup::sts_caller_identity::CallerIdentity,
];

/// What a stack file can name, with the calls behind it.
pub(crate) fn types() -> Types<Aws> {
    Types::new(TYPES, LOOKUPS)
}
