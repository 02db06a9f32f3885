use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{
    Finding, Resource, Resources,
    network::{self, Way},
    written,
};

/// A task on Fargate pulls its image and writes its log from the subnet that it stands in.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for service in resources.of_type("ecs.service") {
        let task = service.get("task_definition").and_then(|it| resources.named(it, "ecs.task_definition", "family"));
        let Some(task) = task.filter(|it| is_on_fargate(it)) else { continue };
        let Some(network) = service.get("network_configuration") else { continue };
        let Some((subnets, vpc)) = network::subnets(resources, network.get("subnets")) else { continue };
        let public = match network.get("assign_public_ip") {
            None | Some(Value::Null) => false,
            Some(it) if it.as_text() == Some("DISABLED") => false,
            _ => true,
        };
        let closed = subnets.iter().find_map(|subnet| match network::way_out(resources, subnet, vpc) {
            Way::Other => None,
            Way::Gateway if public => None,
            _ => {
                let missing: Vec<_> =
                    needed(resources, task).into_iter().filter(|it| !network::reaches(resources, subnet, vpc, it)).collect();
                (!missing.is_empty()).then_some((subnet, missing))
            }
        });
        let Some((subnet, missing)) = closed else { continue };
        let what = missing.iter().map(|it| if it.is_empty() { "the registry of its image" } else { it }).collect::<Vec<_>>().join(", ");
        let way = "write `assign_public_ip: ENABLED` in subnets with a route to an internet gateway, add a NAT gateway";
        let help = if missing.contains(&"") { way.to_owned() } else { format!("{way}, or endpoints for {what}") };
        let diagnostic = Diagnostic::warning(format!("the tasks of `{}` cannot reach {what}", service.address))
            .at(&service.place(&Path::of("network_configuration")), format!("no way out of subnet `{}`", subnet.address))
            .help(help);
        found.push(service.finding(diagnostic));
    }
}

fn is_on_fargate(task: &Resource<'_>) -> bool {
    let kinds = task.get("requires_compatibilities").and_then(Value::as_list).unwrap_or_default();
    kinds.iter().any(|it| it.as_text() == Some("FARGATE"))
}

/// The services that a task needs before it runs; an empty text stands for a registry that no endpoint leads to.
fn needed(resources: &Resources<'_>, task: &Resource<'_>) -> Vec<&'static str> {
    let mut all = vec![];
    for (n, container) in task.get("container_definitions").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
        let at = Path::of("container_definitions").item(n).key("image");
        let image = container.get("image");
        let text = image.and_then(written).unwrap_or_default();
        let own = resources.mentioned(task, &at).iter().any(|it| it.type_name == "ecr.repository");
        if own || text.contains(".dkr.ecr.") {
            all.extend(["ecr.api", "ecr.dkr", "s3"]);
        } else if image.is_some_and(|it| it.as_text().is_some()) {
            all.push("");
        }
        let log = container.get("log_configuration").and_then(|it| it.get("log_driver")).and_then(Value::as_text);
        if log == Some("awslogs") {
            all.push("logs");
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}
