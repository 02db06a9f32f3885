use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resources};

/// Whoever calls an API has been answered with an error while the function behind it still works.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for integration in resources.of_type("apigatewayv2.integration").filter(|it| it.text("integration_type") == Some("AWS_PROXY")) {
        let Some(api) = resources.referred(integration, "api_id", "apigatewayv2.api") else { continue };
        let most = match api.text("protocol_type") {
            Some("HTTP") => 30_000,
            Some("WEBSOCKET") => 29_000,
            _ => continue,
        };
        let Some(function) = integration.get("integration_uri").and_then(|it| resources.own_of(it, "lambda.function")) else { continue };
        let timeout = match function.get("timeout") {
            None => 3,
            Some(Value::Int(it)) => *it,
            Some(_) => continue,
        };
        let (patience, at) = match integration.get("timeout_in_millis") {
            None => (most, "integration_uri"),
            Some(Value::Int(it)) => (*it, "timeout_in_millis"),
            Some(_) => continue,
        };
        if timeout * 1000 > patience {
            let summary = format!("`{}` may take {timeout} s, and its API waits {} s", function.address, patience as f64 / 1000.0);
            let diagnostic = Diagnostic::warning(summary)
                .at(&function.place(&Path::of("timeout")), "longer than anybody waits")
                .at(&integration.place(&Path::of(at)), "called from here")
                .help(format!("write `timeout: {}` or less, or answer at once and go on by a queue", patience / 1000));
            found.push(function.finding(diagnostic));
        }
    }
}
