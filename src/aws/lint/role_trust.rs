use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resource, Resources, grants};

/// A service takes on a role only if the role trusts it.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for (type_name, property, service) in [
        ("lambda.function", "role", "lambda.amazonaws.com"),
        ("ecs.task_definition", "execution_role_arn", "ecs-tasks.amazonaws.com"),
        ("ecs.task_definition", "task_role_arn", "ecs-tasks.amazonaws.com"),
    ] {
        for user in resources.of_type(type_name) {
            let Some(role) = grants::role(resources, user, property).filter(|it| !trusts(it, service)) else { continue };
            let trust = Path::of("assume_role_policy_document");
            let diagnostic = Diagnostic::error(format!("`{}` cannot take on its role `{}`", user.address, role.address))
                .at(&user.place(&Path::of(property)), format!("does not trust {service}"))
                .at(&role.place(&trust), "trusts others")
                .help(format!(
                    "write `{{ Effect: Allow, Principal: {{ Service: {service} }}, Action: \"sts:AssumeRole\" }}` among its statements"
                ));
            found.push(user.finding(diagnostic));
        }
    }
}

/// Whether a role trusts a service; also where it might.
fn trusts(role: &Resource<'_>, service: &str) -> bool {
    let statements = role.get("assume_role_policy_document").and_then(|it| it.get("Statement"));
    let Some(statements) = statements else { return true };
    let statements = statements.as_list().unwrap_or(std::slice::from_ref(statements));
    statements.iter().any(|it| {
        let Some(principal) = it.get("Principal") else { return true };
        let services = match principal {
            Value::Map(kinds) => kinds.get("Service"),
            _ => return true,
        };
        let Some(services) = services else { return false };
        let services = services.as_list().unwrap_or(std::slice::from_ref(services));
        services.iter().any(|it| it.as_text().is_none_or(|it| it == service))
    })
}
