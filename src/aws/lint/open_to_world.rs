use infra::{
    diagnostic::Diagnostic,
    value::{Path, Value},
};

use super::{Finding, Resource, Resources, network};

/// Ports behind which nobody expects the whole world.
const PORTS: &[(i64, &str)] = &[(22, "SSH"), (3306, "MySQL"), (3389, "Remote Desktop"), (5432, "PostgreSQL")];

/// Remote logins and databases are not open to everybody.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for group in resources.of_type("ec2.security_group") {
        for (n, rule) in group.get("ingress").and_then(Value::as_list).unwrap_or_default().iter().enumerate() {
            look(group, rule, &Path::of("ingress").item(n), found);
        }
    }
    for rule in resources.of_type("ec2.security_group_rule").filter(|it| it.text("type") == Some("ingress")) {
        look(rule, &rule.properties, &Path::default(), found);
    }
}

fn look(at: &Resource<'_>, rule: &Value, path: &Path, found: &mut Vec<Finding>) {
    let ends = [("cidr_ip", "0.0.0.0/0"), ("cidr_ipv6", "::/0")];
    let Some((property, world)) = ends.into_iter().find(|(end, world)| rule.get(end).and_then(Value::as_text) == Some(world)) else {
        return;
    };
    let open: Vec<_> = PORTS
        .iter()
        .filter(|(port, _)| network::covers(rule, *port) == Some(true))
        .map(|(port, name)| format!("{port} ({name})"))
        .collect();
    if !open.is_empty() {
        let diagnostic = Diagnostic::warning(format!("`{}` lets the whole world in on port {}", at.address, open.join(", ")))
            .at(&at.place(&path.key(property)), format!("{world} is everybody"))
            .help("name the addresses or the security group that need it");
        found.push(at.finding(diagnostic));
    }
}
