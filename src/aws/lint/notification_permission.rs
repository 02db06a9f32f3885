use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resource, Resources};

/// A bucket is told of a function only if it may call it: AWS tries it at once.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for bucket in resources.of_type("s3.bucket") {
        let at = Path::of("notification_configuration").key("lambda_configurations");
        let notified = bucket.get("notification_configuration").and_then(|it| it.get("lambda_configurations"));
        for (n, it) in notified.and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            let Some((function, _)) = it.get("function").and_then(|it| resources.own(it)) else { continue };
            if !matches!(function.type_name, "lambda.function" | "lambda.alias")
                || resources.of_type("lambda.permission").any(|it| permits(resources, it, function))
            {
                continue;
            }
            let diagnostic = Diagnostic::error(format!("`{}` notifies `{}` without a permission to", bucket.address, function.address))
                .at(&bucket.place(&at.item(n).key("function")), "AWS refuses this")
                .help(format!(
                    "add a `lambda.permission` with `function_name: ${{{}.id}}`, `principal: s3.amazonaws.com` and `source_arn: ${{{}.arn}}`",
                    function.address, bucket.address
                ));
            found.push(bucket.finding(diagnostic));
        }
    }
}

/// Whether S3 may call a function with this permission; also where it might.
fn permits(resources: &Resources<'_>, permission: &Resource<'_>, function: &Resource<'_>) -> bool {
    let about = permission.get("function_name").is_none_or(|it| match resources.own(it) {
        Some((it, _)) => it.address == function.address,
        // What a name stands for is not known where AWS makes the function's up.
        None => it.as_text().is_none_or(|it| function.text("function_name").is_none_or(|name| it.contains(name))),
    });
    about && permission.get("principal").is_none_or(|it| it.as_text().is_none_or(|it| it == "s3.amazonaws.com" || it == "*"))
}
