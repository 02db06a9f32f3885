use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resource, Resources};

/// The longest that a WebSocket API waits for an answer; an HTTP API waits a second longer.
const WEBSOCKET_TIMEOUT: i64 = 29_000;

/// Parts of an API that only the other kind of API has.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for (type_name, wrong) in [
        ("apigatewayv2.integration", in_integration as fn(&Resource<'_>, bool) -> Vec<Wrong>),
        ("apigatewayv2.route", in_route),
        ("apigatewayv2.stage", in_stage),
    ] {
        for part in resources.of_type(type_name) {
            let Some(api) = resources.referred(part, "api_id", "apigatewayv2.api") else { continue };
            let (http, kind) = match api.text("protocol_type") {
                Some("HTTP") => (true, "an HTTP API"),
                Some("WEBSOCKET") => (false, "a WebSocket API"),
                _ => continue,
            };
            for Wrong { path, what, help } in wrong(part, http) {
                let diagnostic = Diagnostic::error(format!("`{}` has {what}, and `{}` is {kind}", part.address, api.address))
                    .at(&part.place(&path), format!("not in {kind}"))
                    .help(help);
                found.push(part.finding(diagnostic));
            }
        }
    }
}

/// What does not fit.
struct Wrong {
    path: Path,
    what: String,
    help: &'static str,
}

fn wrong(path: Path, what: impl Into<String>, help: &'static str) -> Wrong {
    Wrong { path, what: what.into(), help }
}

fn in_integration(it: &Resource<'_>, http: bool) -> Vec<Wrong> {
    let mut all = vec![];
    if http {
        return all;
    }
    if let Some(Value::Int(timeout)) = it.get("timeout_in_millis").filter(|it| matches!(it, Value::Int(it) if *it > WEBSOCKET_TIMEOUT)) {
        all.push(wrong(Path::of("timeout_in_millis"), format!("a timeout of {timeout} ms"), "write at most 29000"));
    }
    if it.text("connection_type") == Some("VPC_LINK") {
        let help = "only HTTP APIs reach into a VPC by themselves: pass messages on by a function";
        all.push(wrong(Path::of("connection_type"), "a VPC link", help));
    }
    if it.get("integration_subtype").is_some() {
        let help = "pass messages on by a function";
        all.push(wrong(Path::of("integration_subtype"), "an action of AWS", help));
    }
    // What another resource yields is not known here.
    if it.text("integration_uri").is_some_and(|it| it.split(':').nth(2) == Some("lambda")) {
        let help = "write `arn:aws:apigateway:${aws.region}:lambda:path/2015-03-31/functions/<the function's ARN>/invocations`";
        all.push(wrong(Path::of("integration_uri"), "the ARN of a function itself", help));
    }
    all
}

fn in_route(it: &Resource<'_>, http: bool) -> Vec<Wrong> {
    let mut all = vec![];
    if http {
        if let Some(key) = it.text("route_key").filter(|it| *it != "$default" && !it.contains(" /")) {
            let help = "write a method and a path, `GET /pets`, or `$default`";
            all.push(wrong(Path::of("route_key"), format!("the key `{key}`"), help));
        }
        for property in ["api_key_required", "request_parameters", "route_response_selection_expression"] {
            let nothing = |it: &Value| *it == Value::Bool(false) || it.as_map().is_some_and(std::collections::BTreeMap::is_empty);
            if it.get(property).is_some_and(|it| !nothing(it)) {
                all.push(wrong(Path::of(property), format!("`{property}`"), "remove it"));
            }
        }
    } else if it.text("authorization_type") == Some("JWT") {
        let help = "write `authorization_type: CUSTOM`, with a function that looks at the token";
        all.push(wrong(Path::of("authorization_type"), "authorization by JWT", help));
    }
    all
}

fn in_stage(it: &Resource<'_>, http: bool) -> Vec<Wrong> {
    if !http {
        return vec![];
    }
    let default = it.get("default_route_settings").map(|it| (Path::of("default_route_settings"), it));
    let single = it.get("route_settings").and_then(Value::as_map).into_iter().flatten();
    let single = single.map(|(key, it)| (Path::of("route_settings").key(key), it));
    let all = default.into_iter().chain(single).flat_map(|(path, settings)| {
        let written =
            ["logging_level", "data_trace_enabled"].into_iter().filter(move |it| settings.get(it).is_some_and(|it| !it.is_null()));
        written.map(move |it| (path.key(it), it))
    });
    all.map(|(path, it)| wrong(path, format!("`{it}`"), "write `access_log_settings` to have its requests logged")).collect()
}
