//! The parts of a service, as they are written and as ECS has them.

use aws_sdk_ecs::types::{
    AssignPublicIp, AwsVpcConfiguration, DeploymentCircuitBreaker, DeploymentConfiguration, LoadBalancer as SdkLoadBalancer,
    NetworkConfiguration, ServiceRegistry,
};
use infra::{
    resource::{Problems, set},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::some;
use crate::aws::wording::{meaning, word};

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum LaunchType {
    /// AWS's own capacity, without instances.
    Fargate,
    /// Instances of one's own.
    Ec2,
    /// Machines outside AWS.
    External,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Scheduling {
    /// A number of tasks, wherever there is room.
    #[default]
    Replica,
    /// One task on each instance; not on Fargate.
    Daemon,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum PropagateTags {
    /// Nobody's.
    #[default]
    None,
    /// The service's.
    Service,
    /// The task definition's.
    TaskDefinition,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Switch {
    /// It does.
    Enabled,
    /// It does not.
    #[default]
    Disabled,
}

/// Where tasks stand.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Network {
    /// The subnets, of one VPC.
    #[schemars(transform = set, length(min = 1, max = 16))]
    subnets: Vec<String>,
    /// The security groups; left out, the VPC's default one.
    #[schemars(transform = set, length(max = 5))]
    security_groups: Option<Vec<String>>,
    /// Whether tasks get public addresses, which those in public subnets need to pull their images.
    #[serde(default)]
    assign_public_ip: Switch,
}

/// A target group that tasks are put into.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct LoadBalancer {
    /// The ARN of the target group; of target type `ip` for network mode `awsvpc`.
    target_group_arn: String,
    /// The container that requests go to.
    container_name: String,
    /// The port of the container.
    #[schemars(range(min = 1, max = 65_535))]
    container_port: i32,
}

/// A Cloud Map service that tasks are told to.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Registry {
    /// The ARN of the Cloud Map service.
    registry_arn: String,
    /// The port for records of type SRV in network mode `awsvpc`.
    port: Option<i32>,
    /// The container for records of type SRV.
    container_name: Option<String>,
    /// The port of the container for records of type SRV.
    container_port: Option<i32>,
}

/// How tasks are replaced.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
pub(crate) struct Deployment {
    /// How many tasks there may be meanwhile, in percent of those wanted; left out, 200.
    #[schemars(range(min = 0, max = 1000))]
    maximum_percent: Option<i32>,
    /// How many tasks there must be meanwhile, in percent of those wanted; left out, 100.
    #[schemars(range(min = 0, max = 100))]
    minimum_healthy_percent: Option<i32>,
    /// What ends a replacement that does not succeed.
    #[serde(default)]
    deployment_circuit_breaker: Breaker,
}

/// What ends a replacement that does not succeed.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Breaker {
    /// Whether it is given up when tasks fail again and again; otherwise new ones are started for ever.
    #[serde(default)]
    enable: bool,
    /// Whether the service then goes back to what it ran before. Either way it counts as failed.
    #[serde(default)]
    rollback: bool,
}

pub(super) fn check(spec: &Value, problems: &mut Problems) {
    let Some(deployment) = spec.get("deployment_configuration") else { return };
    let path = Path::of("deployment_configuration");
    let percent = |key: &str, default: i64| match deployment.get(key) {
        None | Some(Value::Null) => Some(default),
        Some(Value::Int(it)) => Some(*it),
        Some(_) => None,
    };
    let daemon = spec.get("scheduling_strategy").and_then(Value::as_text) == Some("DAEMON");
    if let (Some(most), Some(least)) = (percent("maximum_percent", 200), percent("minimum_healthy_percent", 100))
        && !daemon
        && most <= least
        && deployment.as_map().is_some()
    {
        let summary = format!("with {least} % to {most} % of the tasks none can be replaced");
        problems.error(path.clone(), summary, "raise `maximum_percent`, or lower `minimum_healthy_percent`");
    }
    if let Some(breaker) = deployment.get("deployment_circuit_breaker") {
        let on = breaker.get("enable").is_some_and(|it| *it != Value::Bool(false) && !it.is_null());
        if breaker.get("rollback") == Some(&Value::Bool(true)) && !on {
            problems.error(path.key("deployment_circuit_breaker"), "`rollback` of a breaker that is off", "write `enable: true`");
        }
    }
}

impl Network {
    pub(super) fn configuration(&self) -> NetworkConfiguration {
        let inner = AwsVpcConfiguration::builder()
            .set_subnets(Some(self.subnets.clone()))
            .set_security_groups(self.security_groups.clone())
            .assign_public_ip(AssignPublicIp::from(word(&self.assign_public_ip).as_str()))
            .build()
            .expect("it has subnets");
        NetworkConfiguration::builder().awsvpc_configuration(inner).build()
    }

    pub(super) fn read(it: &AwsVpcConfiguration) -> Self {
        Self {
            subnets: it.subnets.clone(),
            security_groups: some(it.security_groups()),
            assign_public_ip: it.assign_public_ip().and_then(|it| meaning(it.as_str())).unwrap_or_default(),
        }
    }
}

impl LoadBalancer {
    pub(super) fn target(&self) -> SdkLoadBalancer {
        SdkLoadBalancer::builder()
            .target_group_arn(&self.target_group_arn)
            .container_name(&self.container_name)
            .container_port(self.container_port)
            .build()
    }

    pub(super) fn read(it: &SdkLoadBalancer) -> Self {
        Self {
            target_group_arn: it.target_group_arn.clone().unwrap_or_default(),
            container_name: it.container_name.clone().unwrap_or_default(),
            container_port: it.container_port.unwrap_or_default(),
        }
    }
}

impl Registry {
    pub(super) fn registry(&self) -> ServiceRegistry {
        ServiceRegistry::builder()
            .registry_arn(&self.registry_arn)
            .set_port(self.port)
            .set_container_name(self.container_name.clone())
            .set_container_port(self.container_port)
            .build()
    }

    pub(super) fn read(it: &ServiceRegistry) -> Self {
        Self {
            registry_arn: it.registry_arn.clone().unwrap_or_default(),
            port: it.port,
            container_name: it.container_name.clone(),
            container_port: it.container_port,
        }
    }
}

impl Deployment {
    /// What is left out is said all the same where AWS's default is known: otherwise it would stay as it was.
    pub(super) fn configuration(&self, replica: bool) -> DeploymentConfiguration {
        let Breaker { enable, rollback } = self.deployment_circuit_breaker;
        DeploymentConfiguration::builder()
            .set_maximum_percent(self.maximum_percent.or(replica.then_some(200)))
            .set_minimum_healthy_percent(self.minimum_healthy_percent.or(replica.then_some(100)))
            .deployment_circuit_breaker(DeploymentCircuitBreaker::builder().enable(enable).rollback(rollback).build())
            .build()
    }

    pub(super) fn read(it: &DeploymentConfiguration) -> Self {
        let breaker = |it: &DeploymentCircuitBreaker| Breaker { enable: it.enable, rollback: it.rollback };
        Self {
            maximum_percent: it.maximum_percent,
            minimum_healthy_percent: it.minimum_healthy_percent,
            deployment_circuit_breaker: it.deployment_circuit_breaker().map(breaker).unwrap_or_default(),
        }
    }
}
