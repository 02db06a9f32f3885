use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resources};
use crate::aws::ec2::vpc_endpoint::services;

/// An endpoint leads to a service that there is, in its own region.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for endpoint in resources.of_type("ec2.vpc_endpoint") {
        let Some(name) = endpoint.text("service_name") else { continue };
        let Some((region, service)) = services::parts(name) else { continue };
        let place = endpoint.place(&Path::of("service_name"));
        if let Some(own) = endpoint.region.filter(|it| *it != region) {
            let diagnostic = Diagnostic::error(format!("`{}` stands in {own}, and its service in {region}", endpoint.address))
                .at(&place, "AWS refuses this")
                .help(format!("write `{}`", name.replacen(region, own, 1)));
            found.push(endpoint.finding(diagnostic));
        }
        if let Some(near) = services::meant(service) {
            let diagnostic = Diagnostic::warning(format!("`{}` leads to `{service}`, which is no service that is known", endpoint.address))
                .at(&place, "AWS refuses a service that there is not")
                .help(format!("did you mean `{}`?", name.replacen(service, near, 1)));
            found.push(endpoint.finding(diagnostic));
        }
    }
}
