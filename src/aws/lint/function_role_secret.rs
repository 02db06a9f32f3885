use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources, grants, usage};

/// A function that is told of a secret reads it, with its own role.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for function in resources.of_type("lambda.function") {
        let Some(role) = grants::role(resources, function, "role") else { continue };
        for usage in usage::of_function(resources, function) {
            // A policy of the secret may allow it as well.
            let Some(secret) = usage.secret.filter(|it| it.get("resource_policy").is_none()) else { continue };
            if grants::allows(resources, role, "secretsmanager:GetSecretValue", Some(secret)) {
                continue;
            }
            let summary = format!("`{}` is told of `{}`, and its role may not read it", function.address, secret.address);
            let diagnostic = Diagnostic::warning(summary)
                .at(&function.place(&Path::of("environment").key(usage.variable)), "names the secret")
                .at(&function.place(&Path::of("role")), format!("`{}` does not allow `secretsmanager:GetSecretValue` on it", role.address))
                .help(format!(
                    "add a statement with `Action: secretsmanager:GetSecretValue` and `Resource: ${{{}.arn}}` to `policies` of `{}`",
                    secret.address, role.address
                ));
            found.push(function.finding(diagnostic));
        }
    }
}
