use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resources, network};

/// Some group of a load balancer lets somebody in on the port of each of its listeners.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for listener in resources.of_type("elbv2.listener") {
        // What comes by UDP is let in by other rules.
        let by_tcp = listener.text("protocol").is_some_and(|it| matches!(it, "HTTP" | "HTTPS" | "TCP" | "TLS"));
        let Some(Value::Int(port)) = listener.get("port").filter(|_| by_tcp) else { continue };
        let Some(balancer) = listener.get("load_balancer_arn").and_then(|it| resources.own_of(it, "elbv2.load_balancer")) else { continue };
        let groups = resources.all_own(balancer.get("security_groups"), "ec2.security_group");
        let Some(groups) = groups.filter(|it| !it.is_empty() && !network::lets_in_anybody(resources, it, *port)) else { continue };
        let names = groups.iter().map(|it| format!("`{}`", it.address)).collect::<Vec<_>>().join(", ");
        let diagnostic =
            Diagnostic::warning(format!("no group of `{}` lets anybody in on port {port} of `{}`", balancer.address, listener.address))
                .at(&listener.place(&Path::of("port")), "nobody gets here")
                .at(&balancer.place(&Path::of("security_groups")), format!("{names} let in on other ports"))
                .help(format!("let callers in on TCP port {port} of {names}, or listen on a port that is open"));
        found.push(listener.finding(diagnostic));
    }
}
