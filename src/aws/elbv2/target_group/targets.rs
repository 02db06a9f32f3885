//! What a target group sends requests to, where no service registers it by itself.

use aws_sdk_elasticloadbalancingv2::types::{TargetDescription, TargetHealthStateEnum};
use infra::{
    resource::{Id, Problems, Result},
    value::{Path, Value},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GONE, has};
use crate::aws::{
    clients::Aws,
    error::{error, unless},
};

/// One target.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub(crate) struct Target {
    /// The id of the instance, the IP address, or the ARN of the function or the load balancer.
    id: String,
    /// Its port, where it is not that of the group.
    #[schemars(range(min = 1, max = 65535))]
    port: Option<i32>,
    /// `all` for an IP address outside the VPC.
    #[schemars(regex(pattern = "all"))]
    availability_zone: Option<String>,
}

impl Target {
    fn write(&self) -> TargetDescription {
        let target = TargetDescription::builder().id(&self.id).set_port(self.port);
        target.set_availability_zone(self.availability_zone.clone()).build()
    }
}

/// The targets of a group with this port, without those that are on their way out; nothing where the group is gone meanwhile.
pub(super) async fn read(world: &Aws, arn: &Id, port: Option<i32>) -> Result<Option<Vec<Target>>> {
    let answer = unless(world.elbv2().describe_target_health().target_group_arn(arn.as_str()).send().await.map_err(error), GONE)?;
    let Some(answer) = answer else { return Ok(None) };
    let all = answer.target_health_descriptions.unwrap_or_default().into_iter();
    let draining = Some(&TargetHealthStateEnum::Draining);
    let staying = all.filter(|it| it.target_health().and_then(|it| it.state()) != draining).filter_map(|it| it.target);
    let target = |it: TargetDescription| {
        let zone = it.availability_zone.filter(|it| it == "all");
        Some(Target { id: it.id?, port: it.port.filter(|it| port.is_some() && Some(*it) != port), availability_zone: zone })
    };
    Ok(Some(staying.filter_map(target).collect()))
}

/// Registers what is new and takes out what is no longer wanted.
pub(super) async fn update(world: &Aws, arn: &str, from: Option<&[Target]>, to: Option<&[Target]>) -> Result<()> {
    let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
    let more = |of: &[Target], than: &[Target]| of.iter().filter(|it| !than.contains(it)).map(Target::write).collect::<Vec<_>>();
    let (new, old) = (more(to, from), more(from, to));
    if !new.is_empty() {
        world.elbv2().register_targets().target_group_arn(arn).set_targets(Some(new)).send().await.map_err(error)?;
    }
    if !old.is_empty() {
        // To AWS one that is out already is none to complain of; to the emulator it is.
        let done = world.elbv2().deregister_targets().target_group_arn(arn).set_targets(Some(old)).send().await.map_err(error);
        unless(done, &["InvalidTarget"])?;
    }
    Ok(())
}

pub(super) fn check(spec: &Value, kind: &str, problems: &mut Problems) {
    let Some(Value::List(targets)) = spec.get("targets") else { return };
    if matches!(kind, "lambda" | "alb") && targets.len() > 1 {
        let what = if kind == "lambda" { "function" } else { "load balancer" };
        let help = format!("make a target group for each {what}, and weigh them in a `forward_config`");
        problems.error(Path::of("targets"), format!("several targets where there is one {what}"), help);
    }
    for (number, target) in targets.iter().enumerate() {
        let path = Path::of("targets").item(number);
        if has(target, "port") && kind == "lambda" {
            problems.error(path.key("port"), "a function has no port", "remove it");
        } else if target.get("port").is_some_and(|it| Some(it) == spec.get("port") && matches!(it, Value::Int(_))) {
            problems.error(path.key("port"), "this is the port of the group", "leave it out here");
        }
        if has(target, "availability_zone") && kind != "ip" {
            let help = "remove it: only an IP address can lie outside the VPC";
            problems.error(path.key("availability_zone"), format!("`availability_zone` of a target of type {kind}"), help);
        }
    }
}
