use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};

/// A group whose own rules are listed takes no others: they would be taken away again by the next apply.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for rule in resources.of_type("ec2.security_group_rule") {
        let Some(group) = resources.referred(rule, "group_id", "ec2.security_group") else { continue };
        let Some(direction) = rule.text("type") else { continue };
        if group.get(direction).is_some() {
            let summary = format!("`{}` has its {direction} rules listed, and `{}` adds one", group.address, rule.address);
            let diagnostic = Diagnostic::error(summary)
                .at(&rule.place(&Path::of("group_id")), "this rule would be taken away again")
                .at(&group.place(&Path::of(direction)), "these rules and no others")
                .help(format!("move the rule into `{direction}` of `{}`, or make all of them `ec2.security_group_rule`", group.address));
            found.push(rule.finding(diagnostic));
        }
    }
}
