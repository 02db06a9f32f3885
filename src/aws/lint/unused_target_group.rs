use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resources};

/// A service is put only into target groups that a listener leads to.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    // A listener whose actions are not known may be the one.
    let lists = [("elbv2.listener", "default_actions"), ("elbv2.listener_rule", "actions")];
    let unclear = |(type_name, property): &(&str, &str)| {
        resources
            .of_type(type_name)
            .any(|it| it.get(property).and_then(Value::as_list).is_none_or(|all| all.iter().any(|it| it.as_map().is_none())))
    };
    if lists.iter().any(unclear) {
        return;
    }
    for service in resources.of_type("ecs.service") {
        for (n, target) in service.get("load_balancers").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            let Some(group) = target.get("target_group_arn").and_then(|it| resources.own_of(it, "elbv2.target_group")) else { continue };
            let led = |(type_name, property): &(&str, &str)| {
                resources.of_type(type_name).any(|it| it.referring(property).any(|(_, to)| to == group.address))
            };
            if lists.iter().any(led) {
                continue;
            }
            let at = Path::of("load_balancers").item(n).key("target_group_arn");
            let diagnostic =
                Diagnostic::error(format!("no listener leads to `{}`, which `{}` is put into", group.address, service.address))
                    .at(&service.place(&at), "AWS refuses this")
                    .help(format!("add an `elbv2.listener` or an `elbv2.listener_rule` that forwards to `${{{}.arn}}`", group.address));
            found.push(service.finding(diagnostic));
        }
    }
}
