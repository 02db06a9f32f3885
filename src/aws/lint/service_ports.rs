use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{
    Finding, Resources,
    network::{self, Caller},
};

/// The groups of a service let its load balancer in on the port of the container.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for service in resources.of_type("ecs.service") {
        let network = service.get("network_configuration");
        let groups = network.and_then(|it| resources.all_own(it.get("security_groups"), "ec2.security_group"));
        let Some(groups) = groups.filter(|it| !it.is_empty()) else { continue };
        for target in service.get("load_balancers").and_then(Value::as_list).unwrap_or_default() {
            let Some(Value::Int(port)) = target.get("container_port") else { continue };
            let group = target.get("target_group_arn").and_then(|it| resources.own_of(it, "elbv2.target_group"));
            let Some(group) = group else { continue };
            for balancer in balancers(resources, group) {
                let own = resources.all_own(balancer.get("security_groups"), "ec2.security_group");
                let subnets = resources.all_own(balancer.get("subnets"), "ec2.subnet");
                let (Some(own), Some(subnets)) = (own, subnets) else { continue };
                let caller = Caller { groups: own, subnets };
                if network::lets_in(resources, &groups, *port, &caller) {
                    continue;
                }
                let names = |all: &[&super::Resource<'_>]| all.iter().map(|it| format!("`{}`", it.address)).collect::<Vec<_>>().join(", ");
                let summary = format!("`{}` does not let `{}` in on port {port}", service.address, balancer.address);
                let diagnostic = Diagnostic::warning(summary)
                    .at(&service.place(&Path::of("network_configuration").key("security_groups")), "these let in somebody else")
                    .at(&balancer.place(&Path::of("security_groups")), "who comes has these")
                    .help(format!("let {} in on TCP port {port} of {}", names(&caller.groups), names(&groups)));
                found.push(service.finding(diagnostic));
            }
        }
    }
}

/// The load balancers whose listeners lead to a target group by themselves.
fn balancers<'r, 'a>(resources: &'r Resources<'a>, group: &super::Resource<'_>) -> Vec<&'r super::Resource<'a>> {
    let mut all: Vec<&super::Resource<'_>> = vec![];
    let led = |it: &super::Resource<'_>, property: &str| it.referring(property).any(|(_, to)| to == group.address);
    let listeners = resources.of_type("elbv2.listener").filter(|it| {
        let by_rule = |rule: &super::Resource<'_>| {
            led(rule, "actions")
                && rule.get("listener_arn").and_then(|it| resources.own(it)).is_some_and(|(to, _)| to.address == it.address)
        };
        led(it, "default_actions") || resources.of_type("elbv2.listener_rule").any(by_rule)
    });
    for balancer in listeners.filter_map(|it| resources.own_of(it.get("load_balancer_arn")?, "elbv2.load_balancer")) {
        if !all.iter().any(|it| it.address == balancer.address) {
            all.push(balancer);
        }
    }
    all
}
