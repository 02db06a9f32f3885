use std::collections::BTreeSet;

use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources, network, usage};

/// A function in a VPC has no public address: without NAT or an endpoint it waits for AWS's services until its time is over.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for function in resources.of_type("lambda.function") {
        let Some((subnets, vpc)) = function.get("vpc_config").and_then(|it| network::subnets(resources, it.get("subnet_ids"))) else {
            continue;
        };
        let mut told = BTreeSet::new();
        for usage in usage::of_function(resources, function) {
            let cut = subnets.iter().find(|it| !network::reaches(resources, it, vpc, usage.service));
            let Some(subnet) = cut.filter(|_| told.insert(usage.service)) else { continue };
            let kind = if usage.service == "s3" { "Gateway" } else { "Interface" };
            let diagnostic = Diagnostic::warning(format!("`{}` cannot reach {} from its VPC", function.address, label(usage.service)))
                .at(&function.place(&Path::of("environment").key(usage.variable)), "uses it")
                .at(&function.place(&Path::of("vpc_config")), format!("subnet `{}` has neither NAT nor an endpoint", subnet.address))
                .help(format!(
                    "add an `ec2.vpc_endpoint` for `com.amazonaws.REGION.{}` with `vpc_endpoint_type: {kind}`, or a NAT gateway: an \
                     internet gateway does not serve functions",
                    usage.service
                ));
            found.push(function.finding(diagnostic));
        }
    }
}

fn label(service: &str) -> &str {
    match service {
        "secretsmanager" => "Secrets Manager",
        "bedrock-runtime" => "Bedrock",
        "s3" => "S3",
        other => other,
    }
}
