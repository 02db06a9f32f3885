//! Numbers that follow the load, of whatever has one. What both types share: what a number is of.

pub(crate) mod policy;
pub(crate) mod target;

use std::collections::BTreeMap;

use infra::{
    resource::{Error, Id, Problems, Result},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::error::unless;

/// The service that has the number.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Namespace {
    /// ECS: `service/CLUSTER/SERVICE`.
    Ecs,
    /// Lambda: `function:NAME:ALIAS`.
    Lambda,
    /// Aurora: `cluster:NAME`.
    Rds,
    /// DynamoDB: `table/NAME` or `table/NAME/index/NAME`.
    Dynamodb,
    /// ElastiCache: `replication-group/NAME` or `cache-cluster/NAME`.
    Elasticache,
    /// EC2 Spot Fleets: `spot-fleet-request/ID`.
    Ec2,
    /// SageMaker: `endpoint/NAME/variant/NAME`.
    Sagemaker,
    /// Keyspaces: `keyspace/NAME/table/NAME`.
    Cassandra,
    /// Comprehend: the ARN of an endpoint.
    Comprehend,
    /// MSK: the ARN of a cluster.
    Kafka,
    /// Neptune: `cluster:NAME`.
    Neptune,
    /// EMR: `instancegroup/CLUSTER/GROUP`.
    Elasticmapreduce,
    /// `AppStream`: `fleet/NAME`.
    Appstream,
    /// WorkSpaces: `workspacespool/ID`.
    Workspaces,
    /// Something of one's own.
    CustomResource,
}

/// The parts of an id: what is told apart by them is found by nothing else.
struct Parts<'a> {
    resource_id: &'a str,
    scalable_dimension: &'a str,
    service_namespace: &'a str,
    /// Of a policy.
    name: &'a str,
}

/// Nothing where it is no id of these.
fn parts(id: &Id) -> Option<Parts<'_>> {
    let mut parts = id.as_str().splitn(4, '|');
    let (resource_id, scalable_dimension, service_namespace) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Parts { resource_id, scalable_dimension, service_namespace, name: parts.next().unwrap_or_default() })
}

/// The ids of each namespace, with their parts.
fn by_namespace(ids: &[Id]) -> BTreeMap<&str, Vec<Parts<'_>>> {
    let mut groups: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for parts in ids.iter().filter_map(parts) {
        groups.entry(parts.service_namespace).or_default().push(parts);
    }
    groups
}

/// What a person may mistake.
fn check_parts(spec: &Value, problems: &mut Problems) {
    let text = |property: &str| spec.get(property).and_then(Value::as_text);
    if let (Some(namespace), Some(dimension)) = (text("service_namespace"), text("scalable_dimension"))
        && !dimension.starts_with(&format!("{namespace}:"))
    {
        let help = match namespace {
            "ecs" => "write `ecs:service:DesiredCount`".to_owned(),
            other => format!("those of this namespace begin with `{other}:`"),
        };
        problems.error(Path::of("scalable_dimension"), format!("`{dimension}` is no dimension of `{namespace}`"), help);
    }
    if let (Some("ecs"), Some(id)) = (text("service_namespace"), text("resource_id")) {
        let parts: Vec<_> = id.split('/').collect();
        if !matches!(parts[..], ["service", cluster, service] if !cluster.is_empty() && !service.is_empty()) {
            let help = "write `service/CLUSTER/SERVICE`, the `resource_id` of an `ecs.service`";
            problems.error(Path::of("resource_id"), format!("`{id}` is no service of ECS"), help);
        }
    }
}

const GONE: &[&str] = &["ObjectNotFoundException"];

/// Takes for success that what is to go is not there; the emulator says so under another code.
fn unless_gone<T>(result: Result<T>) -> Result<()> {
    let unknown = |it: &Error| it.is(&["ValidationException"]) && it.message.starts_with("No scal");
    match unless(result, GONE) {
        Err(refused) if unknown(&refused) => Ok(()),
        other => other.map(drop),
    }
}
