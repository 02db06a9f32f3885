use std::collections::BTreeSet;

use infra::{diagnostic::Diagnostic, value::Path};

use super::{
    Finding, Resources,
    network::{self, Caller},
    usage,
};

/// An interface endpoint serves nobody whom its groups do not let in on port 443.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for function in resources.of_type("lambda.function") {
        let Some(place) = function.get("vpc_config") else { continue };
        let Some((subnets, vpc)) = network::subnets(resources, place.get("subnet_ids")) else { continue };
        let Some(groups) = resources.all_own(place.get("security_group_ids"), "ec2.security_group") else { continue };
        let caller = Caller { groups, subnets };
        let services: BTreeSet<_> = usage::of_function(resources, function).iter().map(|it| it.service).collect();
        for endpoint in services.into_iter().flat_map(|it| network::endpoints(resources, vpc, it)) {
            let groups = resources.all_own(endpoint.get("security_group_ids"), "ec2.security_group");
            let Some(groups) = groups.filter(|it| !network::lets_in(resources, it, 443, &caller)) else { continue };
            let names = |all: &[&super::Resource<'_>]| all.iter().map(|it| format!("`{}`", it.address)).collect::<Vec<_>>().join(", ");
            let diagnostic = Diagnostic::warning(format!("`{}` does not let `{}` in on port 443", endpoint.address, function.address))
                .at(&endpoint.place(&Path::of("security_group_ids")), format!("{} let in somebody else", names(&groups)))
                .at(&function.place(&Path::of("vpc_config").key("security_group_ids")), "who comes has these")
                .help(format!("let {} in on TCP port 443 of {}", names(&caller.groups), names(&groups)));
            found.push(endpoint.finding(diagnostic));
        }
    }
}
