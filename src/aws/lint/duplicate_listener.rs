use std::collections::BTreeMap;

use infra::{
    address::Address,
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resource, Resources};

/// A port of a load balancer has one listener, and a place among the rules of a listener one rule.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for (type_name, parent, number, help) in [
        (
            "elbv2.listener",
            "load_balancer_arn",
            "port",
            "give one of them another port, or tell their requests apart by rules of one listener",
        ),
        ("elbv2.listener_rule", "listener_arn", "priority", "give each rule a priority of its own: the lowest that fits is followed"),
    ] {
        let mut taken: BTreeMap<(&Address, i64), &Resource<'_>> = BTreeMap::new();
        for resource in resources.of_type(type_name) {
            let (Some((_, to)), Some(Value::Int(value))) = (resource.referring(parent).next(), resource.get(number)) else { continue };
            let Some(first) = taken.get(&(to, *value)) else {
                taken.insert((to, *value), resource);
                continue;
            };
            let at = Path::of(number);
            let summary = format!("`{}` and `{}` both take {number} {value} of `{to}`", first.address, resource.address);
            let diagnostic = Diagnostic::error(summary)
                .at(&resource.place(&at), format!("{value} a second time"))
                .at(&first.place(&at), "the first is here")
                .help(help);
            found.push(resource.finding(diagnostic));
        }
    }
}
