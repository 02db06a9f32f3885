use super::{Finding, Resources};

/// A part of a secret is one that the secret generates.
pub(super) fn check(resources: &Resources<'_>, found: &mut Vec<Finding>) {
    for resource in &resources.0 {
        found.extend(resource.mistakes.iter().map(|it| resource.finding(it.clone())));
    }
}
