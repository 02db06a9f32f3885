use infra::{diagnostic::Diagnostic, value::Path};

use super::{Finding, Resource, Resources, Target};

/// An API has one route for each key.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    let mut seen: Vec<(Target, &str, &Resource<'_>)> = vec![];
    for route in resources.of_type("apigatewayv2.route") {
        let (Some(api), Some(key)) = (route.target("api_id"), route.text("route_key")) else { continue };
        if let Some((_, _, first)) = seen.iter().find(|(other, taken, _)| (other, *taken) == (&api, key)) {
            let diagnostic = Diagnostic::error(format!("`{}` and `{}` both take `{key}`", first.address, route.address))
                .at(&route.place(&Path::of("route_key")), format!("`{}` of the same API takes it already", first.address))
                .help("remove one of them, or choose another `route_key`");
            found.push(route.finding(diagnostic));
        } else {
            seen.push((api, key, route));
        }
    }
}
