use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources, grants};

/// A function in a VPC makes its network interfaces with its own role.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for function in resources.of_type("lambda.function").filter(|it| it.get("vpc_config").is_some()) {
        let Some(role) = grants::role(resources, function, "role") else { continue };
        let needed = ["CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface"].map(|it| format!("ec2:{it}"));
        let Some(missing) = needed.iter().find(|it| !grants::allows(resources, role, it, None)) else { continue };
        let diagnostic = Diagnostic::error(format!("`{}` stands in a VPC, and its role may not use {missing}", function.address))
            .at(&function.place(&Path::of("role")), format!("`{}` does not allow it", role.address))
            .at(&function.place(&Path::of("vpc_config")), "needs network interfaces")
            .help(format!(
                "add `arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole` to `managed_policy_arns` of `{}`",
                role.address
            ));
        found.push(function.finding(diagnostic));
    }
}
