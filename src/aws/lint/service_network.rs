use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};

/// A service says where its tasks stand if, and only if, each of them has a network interface of its own.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for service in resources.of_type("ecs.service") {
        let task = service.get("task_definition").and_then(|it| resources.named(it, "ecs.task_definition", "family"));
        let Some(task) = task else { continue };
        let Some(mode) = task.get("network_mode").map_or(Some("bridge"), |it| it.as_text()) else { continue };
        let (summary, at, help) = match (mode, service.get("network_configuration")) {
            ("awsvpc", None) => (
                format!("`{}` does not say where its tasks stand, each of which has a network interface", service.address),
                Path::default(),
                "write `network_configuration`, with `subnets` and `security_groups`".to_owned(),
            ),
            (mode, Some(_)) if mode != "awsvpc" => (
                format!("`{}` says where its tasks stand, which are in the network of their instance", service.address),
                Path::of("network_configuration"),
                format!("remove it, or write `network_mode: awsvpc` in `{}`", task.address),
            ),
            _ => continue,
        };
        let diagnostic = Diagnostic::error(summary)
            .at(&service.place(&at), "AWS refuses this")
            .at(&task.place(&Path::of("network_mode")), format!("its network mode is {mode}"))
            .help(help);
        found.push(service.finding(diagnostic));
    }
}
