use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resources, grants};

/// Who may do everything with a service may also do what nobody thought of.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for role in resources.of_type("iam.role") {
        for (n, arn) in role.get("managed_policy_arns").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            let all = |it: &&str| it.ends_with("FullAccess") || *it == "AdministratorAccess";
            let Some(name) = grants::managed(arn).filter(all) else { continue };
            let diagnostic = Diagnostic::warning(format!("`{}` has the policy `{name}`", role.address))
                .at(&role.place(&Path::of("managed_policy_arns").item(n)), "allows far more than one system needs")
                .help("write the actions that it needs, each for the resources that it needs them on, in `policies`");
            found.push(role.finding(diagnostic));
        }
    }
}
