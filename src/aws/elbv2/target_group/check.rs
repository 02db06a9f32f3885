//! What of a target group fits together and what does not.

use infra::{
    resource::Problems,
    value::{Path, Value},
};

use super::{has, targets};

const NEEDED: &[&str] = &["protocol", "port", "vpc_id"];
const OF_HTTP: &[&str] = &["protocol_version", "slow_start_duration_seconds", "load_balancing_algorithm_type"];
const OF_TCP: &[&str] = &["deregistration_delay_connection_termination_enabled", "preserve_client_ip_enabled", "proxy_protocol_v2_enabled"];

pub(super) fn check(spec: &Value, problems: &mut Problems) {
    let kind = match spec.get("target_type") {
        None | Some(Value::Null) => "instance",
        Some(Value::Text(kind)) => kind,
        Some(_) => return,
    };
    if kind == "lambda" {
        for property in
            NEEDED.iter().chain(OF_HTTP).chain(OF_TCP).chain(&["deregistration_delay_timeout_seconds"]).filter(|it| has(spec, it))
        {
            problems.error(Path::of(property), format!("`{property}` with a Lambda function as the target"), "remove it");
        }
    } else {
        for property in NEEDED.iter().filter(|it| !has(spec, it)) {
            problems.error(
                Path::default(),
                format!("a target group for targets of type {kind} without `{property}`"),
                format!("write `{property}`"),
            );
        }
        if has(spec, "lambda_multi_value_headers_enabled") {
            let help = "remove it, or write `target_type: lambda`";
            problems.error(Path::of("lambda_multi_value_headers_enabled"), "only a Lambda function gets headers as lists", help);
        }
        if spec.get("health_check_enabled") == Some(&Value::Bool(false)) {
            let help = "remove it: only of Lambda functions the health need not be checked";
            problems.error(Path::of("health_check_enabled"), format!("the health of targets of type {kind} is always checked"), help);
        }
        if let Some(protocol) = spec.get("protocol").and_then(Value::as_text) {
            protocols(spec, kind, protocol, problems);
        }
    }
    health(spec, problems);
    targets::check(spec, kind, problems);
    if let Some(Value::Int(seconds @ 1..=29)) = spec.get("slow_start_duration_seconds") {
        let path = Path::of("slow_start_duration_seconds");
        problems.error(path, format!("a slow start over {seconds} s"), "it takes 30 s to 900 s, or is off with 0");
    }
    if let Some(stickiness) = spec.get("stickiness") {
        let app = stickiness.get("type").and_then(Value::as_text) == Some("app_cookie");
        if app != has(stickiness, "cookie_name") && has(stickiness, "type") {
            let (summary, help) = if app {
                ("stickiness by a cookie without a name", "write the `cookie_name` that the application sets")
            } else {
                ("a `cookie_name` where none is needed", "remove it, or write `type: app_cookie`")
            };
            problems.error(Path::of("stickiness"), summary, help);
        }
    }
}

/// What goes with HTTP does not go with TCP.
fn protocols(spec: &Value, kind: &str, protocol: &str, problems: &mut Problems) {
    let http = matches!(protocol, "HTTP" | "HTTPS");
    for property in if http { OF_TCP } else { OF_HTTP }.iter().filter(|it| has(spec, it)) {
        problems.error(Path::of(property), format!("`{property}` with the protocol {protocol}"), "remove it, or choose another `protocol`");
    }
    if kind == "alb" && protocol != "TCP" {
        problems.error(Path::of("protocol"), format!("{protocol} to an application load balancer"), "write `TCP`");
    }
    let asked = spec.get("health_check_protocol").and_then(Value::as_text);
    let fits = match asked {
        Some("HTTP" | "HTTPS") | None => true,
        Some("TCP") => !http,
        Some(_) => false,
    };
    if let (false, Some(asked)) = (fits, asked) {
        let help = if http { "health is asked for by HTTP or HTTPS here" } else { "health is asked for by TCP, HTTP or HTTPS" };
        problems.error(Path::of("health_check_protocol"), format!("health cannot be asked for by {asked} here"), help);
    }
    let by_http = asked.map_or(http || kind == "alb", |it| it != "TCP");
    if !by_http {
        for property in ["health_check_path", "matcher"].into_iter().filter(|it| has(spec, it)) {
            let help = "remove it, or write `health_check_protocol: HTTP`";
            problems.error(Path::of(property), format!("`{property}` where health is asked for by TCP"), help);
        }
    }
    let sticky = spec.get("stickiness").and_then(|it| it.get("type")).and_then(Value::as_text);
    let fits = match sticky {
        Some("source_ip") => !http && protocol != "TLS",
        Some(_) => http,
        None => true,
    };
    if let (false, Some(sticky)) = (fits, sticky) {
        let help = match protocol {
            "TLS" => "remove it: there is no stickiness with TLS",
            _ if http => "write `lb_cookie` or `app_cookie`",
            _ => "write `source_ip`",
        };
        problems.error(Path::of("stickiness").key("type"), format!("stickiness by {sticky} with the protocol {protocol}"), help);
    }
}

fn health(spec: &Value, problems: &mut Problems) {
    let grpc = spec.get("protocol_version").and_then(Value::as_text) == Some("GRPC");
    if let Some(path) = spec.get("health_check_path").and_then(Value::as_text)
        && !path.starts_with('/')
    {
        problems.error(Path::of("health_check_path"), "a path begins with a slash", format!("write `/{path}`"));
    }
    if let (Some(Value::Int(interval)), Some(Value::Int(timeout))) =
        (spec.get("health_check_interval_seconds"), spec.get("health_check_timeout_seconds"))
        && timeout >= interval
    {
        let help = format!("let it be less than {interval}, or check less often");
        problems.error(Path::of("health_check_timeout_seconds"), "a check may take as long as it is to the next one", help);
    }
    if let Some(Value::Text(port)) = spec.get("health_check_port")
        && port.parse::<u32>().is_ok_and(|it| it > 65535)
    {
        problems.error(Path::of("health_check_port"), format!("there is no port {port}"), "ports go up to 65535");
    }
    if let Some(codes) = spec.get("matcher").and_then(Value::as_text) {
        let http = matches!(spec.get("protocol").and_then(Value::as_text), Some("HTTP" | "HTTPS"));
        let range = match (grpc, http) {
            (true, _) => 0..=99,
            (false, true) => 200..=499,
            (false, false) => 200..=599,
        };
        let numbers = codes.split([',', '-']).filter_map(|it| it.parse::<u32>().ok());
        if let Some(wrong) = numbers.into_iter().find(|it| !range.contains(it)) {
            let help = format!("codes of {} are {} to {}", if grpc { "gRPC" } else { "HTTP checks" }, range.start(), range.end());
            problems.error(Path::of("matcher"), format!("{wrong} cannot be the code of a good answer"), help);
        }
    }
}
