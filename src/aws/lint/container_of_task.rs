use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resources};

/// A service leads requests to a container of its task definition, on a port that it has.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for service in resources.of_type("ecs.service") {
        let task = service.get("task_definition").and_then(|it| resources.named(it, "ecs.task_definition", "family"));
        let Some((task, containers)) = task.and_then(|it| Some((it, it.get("container_definitions")?.as_list()?))) else { continue };
        let names: Option<Vec<&str>> = containers.iter().map(|it| it.get("name").and_then(Value::as_text)).collect();
        let Some(names) = names else { continue };
        let place = task.place(&Path::of("container_definitions"));
        for (n, target) in service.get("load_balancers").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            let at = Path::of("load_balancers").item(n);
            let Some(name) = target.get("container_name").and_then(Value::as_text) else { continue };
            let Some(container) = containers.iter().find(|it| it.get("name").and_then(Value::as_text) == Some(name)) else {
                let summary = format!("`{}` leads to the container `{name}`, which `{}` does not have", service.address, task.address);
                let diagnostic = Diagnostic::error(summary)
                    .at(&service.place(&at.key("container_name")), "no container of the task")
                    .at(&place, "the containers are here")
                    .help(format!("name one of {}", names.join(", ")));
                found.push(service.finding(diagnostic));
                continue;
            };
            let Some(Value::Int(port)) = target.get("container_port") else { continue };
            let ports: Option<Vec<i64>> = match container.get("port_mappings") {
                None | Some(Value::Null) => Some(vec![]),
                Some(it) => it.as_list().and_then(|all| {
                    let number = |it: &Value| match it.get("container_port") {
                        Some(Value::Int(it)) => Some(*it),
                        _ => None,
                    };
                    all.iter().map(number).collect()
                }),
            };
            if ports.is_some_and(|it| !it.contains(port)) {
                let summary = format!("`{}` leads to port {port} of the container `{name}`, which does not have it", service.address);
                let diagnostic = Diagnostic::error(summary)
                    .at(&service.place(&at.key("container_port")), "no port of the container")
                    .at(&place, format!("`{name}` is among these"))
                    .help(format!("add `container_port: {port}` to its `port_mappings`, or name a port that is there"));
                found.push(service.finding(diagnostic));
            }
        }
    }
}
