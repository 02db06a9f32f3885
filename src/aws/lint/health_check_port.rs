use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resources};

/// A health check asks on a port that the tasks behind the target group have.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for service in resources.of_type("ecs.service") {
        let task = service.get("task_definition").and_then(|it| resources.named(it, "ecs.task_definition", "family"));
        let Some(containers) = task.and_then(|it| it.get("container_definitions")).and_then(Value::as_list) else { continue };
        let mut ports = vec![];
        let mut all_known = true;
        for container in containers {
            match container.get("port_mappings") {
                None | Some(Value::Null) => {}
                Some(Value::List(mappings)) => mappings.iter().for_each(|it| match it.get("container_port") {
                    Some(Value::Int(port)) => ports.push(port.to_string()),
                    _ => all_known = false,
                }),
                Some(_) => all_known = false,
            }
        }
        for target in service.get("load_balancers").and_then(Value::as_list).unwrap_or_default() {
            let group = target.get("target_group_arn").and_then(|it| resources.own_of(it, "elbv2.target_group"));
            let Some((group, port)) = group.and_then(|it| Some((it, it.text("health_check_port")?))) else { continue };
            if !all_known || port == "traffic-port" || ports.iter().any(|it| it == port) {
                continue;
            }
            let summary = format!("`{}` checks on port {port}, which no container of `{}` has", group.address, service.address);
            let diagnostic = Diagnostic::warning(summary)
                .at(&group.place(&Path::of("health_check_port")), "nobody answers here")
                .at(&service.place(&Path::of("task_definition")), "these are its targets")
                .help("write `health_check_port: traffic-port`, or a port that a container has");
            found.push(group.finding(diagnostic));
        }
    }
}
