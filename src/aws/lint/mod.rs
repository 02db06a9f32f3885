//! What is wrong with a stack although each of its resources is right by itself: mistakes that AWS would answer with an error, or not
//! notice at all. Found before any call.
//!
//! A rule is one file and a line in [`RULES`]; a test holds the list to the folder.

mod api_protocol;
mod balancer_needs_gateway;
mod balancer_zones;
mod duplicate_listener;
mod duplicate_private_dns;
mod duplicate_route;
mod endpoint_dns;
mod mixed_rules;
mod nat_needs_gateway;
mod open_to_world;
mod serverless_capacity;
mod subnet_group_zones;
mod subnet_outside_vpc;
mod subnet_overlap;
#[cfg(test)]
mod tests;

use infra::{
    address::Address,
    diagnostic::{Diagnostic, Place},
    stack::{Reference, Stack},
    value::{Path, Value},
};

/// One thing to look for.
pub(crate) struct Rule {
    /// What `suppress` calls it; with underscores, its file.
    pub(crate) name: &'static str,
    check: fn(&Resources<'_>, &mut Vec<Finding>),
}

/// All rules, sorted by name.
pub(crate) static RULES: &[Rule] = &[
    Rule { name: "api-protocol", check: api_protocol::check },
    Rule { name: "balancer-needs-gateway", check: balancer_needs_gateway::check },
    Rule { name: "balancer-zones", check: balancer_zones::check },
    Rule { name: "duplicate-listener", check: duplicate_listener::check },
    Rule { name: "duplicate-private-dns", check: duplicate_private_dns::check },
    Rule { name: "duplicate-route", check: duplicate_route::check },
    Rule { name: "endpoint-dns", check: endpoint_dns::check },
    Rule { name: "mixed-rules", check: mixed_rules::check },
    Rule { name: "nat-needs-gateway", check: nat_needs_gateway::check },
    Rule { name: "open-to-world", check: open_to_world::check },
    Rule { name: "serverless-capacity", check: serverless_capacity::check },
    Rule { name: "subnet-group-zones", check: subnet_group_zones::check },
    Rule { name: "subnet-outside-vpc", check: subnet_outside_vpc::check },
    Rule { name: "subnet-overlap", check: subnet_overlap::check },
];

/// What a rule found, and the resource where it can be suppressed.
struct Finding {
    at: Address,
    diagnostic: Diagnostic,
}

/// Looks for all that is wrong. `values` has the properties of a resource, as far as they are known.
pub(crate) fn check(stack: &Stack, values: &dyn Fn(&Address) -> Option<Value>) -> Vec<Diagnostic> {
    let resources = stack.resources.values().map(|instance| Resource {
        address: &instance.address,
        type_name: instance.type_name,
        properties: values(&instance.address).unwrap_or_else(Value::map),
        references: &instance.references,
        place: Box::new(|path| instance.place_of(path)),
    });
    let resources = Resources(resources.collect());
    let suppressed = |found: &Finding, rule: &Rule| {
        let options = stack.resources.get(&found.at).map(|it| &it.options);
        options.is_some_and(|it| it.suppress.iter().any(|it| it.check == rule.name))
    };
    let mut diagnostics = vec![];
    for rule in RULES {
        let mut found = vec![];
        (rule.check)(&resources, &mut found);
        let kept = found.into_iter().filter(|it| !suppressed(it, rule));
        diagnostics.extend(kept.map(|it| it.diagnostic.check(rule.name)));
    }
    diagnostics
}

/// What rules see of a stack.
struct Resources<'a>(Vec<Resource<'a>>);

struct Resource<'a> {
    address: &'a Address,
    type_name: &'static str,
    properties: Value,
    references: &'a [Reference],
    place: Box<dyn Fn(&Path) -> Place + 'a>,
}

/// Something that resources refer to: one of the stack, or one that is there already.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Target {
    Own(Address),
    Other(String),
}

impl<'a> Resources<'a> {
    fn of_type<'b>(&'b self, name: &str) -> impl Iterator<Item = &'b Resource<'a>> {
        self.0.iter().filter(move |it| it.type_name == name)
    }

    /// The resource of this type that a property of another one names, if it is one of the stack.
    fn referred(&self, from: &Resource<'_>, property: &str, type_name: &str) -> Option<&Resource<'a>> {
        match from.target(property)? {
            Target::Own(address) => self.of_type(type_name).find(|it| *it.address == address),
            Target::Other(_) => None,
        }
    }
}

impl Resource<'_> {
    /// A property as far as it is written and not `null`.
    fn get(&self, property: &str) -> Option<&Value> {
        self.properties.get(property).filter(|it| !it.is_null())
    }

    fn text(&self, property: &str) -> Option<&str> {
        self.get(property)?.as_text()
    }

    /// Whether a property is on; nothing where that is not known yet.
    fn flag(&self, property: &str, default: bool) -> Option<bool> {
        match self.get(property) {
            None => Some(default),
            Some(Value::Bool(it)) => Some(*it),
            Some(_) => None,
        }
    }

    /// What a property names; nothing where that depends on what is not known yet.
    fn target(&self, property: &str) -> Option<Target> {
        let at = Path::of(property);
        let mut references = self.references.iter().filter(|it| it.at == at);
        match (references.next(), references.next()) {
            (Some(one), None) => one.field.as_deref().is_some_and(|it| it == "id").then(|| Target::Own(one.target.clone())),
            (None, _) => self.text(property).map(|it| Target::Other(it.to_owned())),
            _ => None,
        }
    }

    /// The resources that a property or the items of it refer to, each with the place of the reference.
    fn referring(&self, property: &str) -> impl Iterator<Item = (&Path, &Address)> {
        self.references.iter().filter(move |it| it.at.property() == Some(property)).map(|it| (&it.at, &it.target))
    }

    fn place(&self, path: &Path) -> Place {
        (self.place)(path)
    }

    fn finding(&self, diagnostic: Diagnostic) -> Finding {
        Finding { at: self.address.clone(), diagnostic }
    }
}
