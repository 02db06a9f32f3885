//! What is wrong with a stack although each of its resources is right by itself: mistakes that AWS would answer with an error, or not
//! notice at all. Found before any call.
//!
//! A rule is one file and a line in [`RULES`]; a test holds the list to the folder. What several rules ask stands in `grants`, `network`
//! and `usage`. What cannot be known, such as what stands outside of the stack, is not reported.

mod api_protocol;
mod balancer_needs_gateway;
mod balancer_zones;
mod container_of_task;
mod database_needs_gateway;
mod duplicate_listener;
mod duplicate_private_dns;
mod duplicate_route;
mod duplicate_table;
mod endpoint_dns;
mod endpoint_ports;
mod endpoint_service;
mod full_access;
mod function_reach;
mod function_role_network;
mod function_role_secret;
mod generated_part;
mod grants;
mod health_check_port;
mod integration_timeout;
mod listener_ports;
mod mixed_rules;
mod nat_needs_gateway;
mod network;
mod notification_permission;
mod one_zone;
mod open_to_world;
mod plain_secret;
mod role_trust;
mod serverless_scaling;
mod service_network;
mod service_ports;
mod snapshot_key;
mod subnet_outside_vpc;
mod subnet_overlap;
mod task_reach;
#[cfg(test)]
mod tests;
mod unused_target_group;
mod usage;

use std::collections::BTreeMap;

use infra::{
    address::Address,
    diagnostic::{Diagnostic, Place},
    stack::{Reference, Scope, Stack},
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
    Rule { name: "container-of-task", check: container_of_task::check },
    Rule { name: "database-needs-gateway", check: database_needs_gateway::check },
    Rule { name: "duplicate-listener", check: duplicate_listener::check },
    Rule { name: "duplicate-private-dns", check: duplicate_private_dns::check },
    Rule { name: "duplicate-route", check: duplicate_route::check },
    Rule { name: "duplicate-table", check: duplicate_table::check },
    Rule { name: "endpoint-dns", check: endpoint_dns::check },
    Rule { name: "endpoint-ports", check: endpoint_ports::check },
    Rule { name: "endpoint-service", check: endpoint_service::check },
    Rule { name: "full-access", check: full_access::check },
    Rule { name: "function-reach", check: function_reach::check },
    Rule { name: "function-role-network", check: function_role_network::check },
    Rule { name: "function-role-secret", check: function_role_secret::check },
    Rule { name: "generated-part", check: generated_part::check },
    Rule { name: "health-check-port", check: health_check_port::check },
    Rule { name: "integration-timeout", check: integration_timeout::check },
    Rule { name: "listener-ports", check: listener_ports::check },
    Rule { name: "mixed-rules", check: mixed_rules::check },
    Rule { name: "nat-needs-gateway", check: nat_needs_gateway::check },
    Rule { name: "notification-permission", check: notification_permission::check },
    Rule { name: "one-zone", check: one_zone::check },
    Rule { name: "open-to-world", check: open_to_world::check },
    Rule { name: "plain-secret", check: plain_secret::check },
    Rule { name: "role-trust", check: role_trust::check },
    Rule { name: "serverless-scaling", check: serverless_scaling::check },
    Rule { name: "service-network", check: service_network::check },
    Rule { name: "service-ports", check: service_ports::check },
    Rule { name: "snapshot-key", check: snapshot_key::check },
    Rule { name: "subnet-outside-vpc", check: subnet_outside_vpc::check },
    Rule { name: "subnet-overlap", check: subnet_overlap::check },
    Rule { name: "task-reach", check: task_reach::check },
    Rule { name: "unused-target-group", check: unused_target_group::check },
];

/// What a rule found, and the resource where it can be suppressed.
struct Finding {
    at: Address,
    diagnostic: Diagnostic,
}

/// Looks for all that is wrong.
pub(crate) fn check(stack: &Stack) -> Vec<Diagnostic> {
    let names = Names::of(stack);
    let resources = stack.resources.values().map(|instance| {
        // What cannot be evaluated at all was told when the stack was resolved.
        let (properties, mistakes) = instance.evaluate(&names);
        Resource {
            address: &instance.address,
            type_name: instance.type_name,
            properties,
            mistakes,
            references: &instance.references,
            region: instance.options.location.region.as_deref().or(stack.region.as_deref()),
            retained: instance.options.retain,
            place: Box::new(|path| instance.place_of(path)),
        }
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

/// Stands for what is not there yet: an unknown value that tells whose it is, as `vpc.id`.
struct Names {
    /// The parts that each secret generates, as far as they can be told.
    generated: BTreeMap<Address, Vec<String>>,
}

impl Names {
    fn of(stack: &Stack) -> Self {
        let nothing = Self { generated: BTreeMap::new() };
        let secrets = stack.resources.values().filter(|it| it.type_name == "secretsmanager.secret");
        let parts = secrets.filter_map(|it| {
            let (properties, _) = it.evaluate(&nothing);
            match properties.get("generate") {
                None | Some(Value::Null) => Some((it.address.clone(), vec![])),
                Some(Value::Map(parts)) => Some((it.address.clone(), parts.keys().cloned().collect())),
                Some(_) => None,
            }
        });
        Self { generated: parts.collect() }
    }
}

impl Scope for Names {
    fn field(&self, target: &Address, field: &str) -> Value {
        let name = || Value::unknown(format!("{target}.{field}"));
        match self.generated.get(target).filter(|_| field == "generated") {
            Some(parts) => Value::Map(parts.iter().map(|it| (it.clone(), name())).collect()),
            None => name(),
        }
    }
}

/// What rules see of a stack.
struct Resources<'a>(Vec<Resource<'a>>);

struct Resource<'a> {
    address: &'a Address,
    type_name: &'static str,
    properties: Value,
    /// What is wrong with the properties once it is known which parts a secret has.
    mistakes: Vec<Diagnostic>,
    references: &'a [Reference],
    region: Option<&'a str>,
    /// Whether it outlives the stack.
    retained: bool,
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

    /// The resource of the stack that a value comes from, and the field of it.
    fn own<'v>(&self, value: &'v Value) -> Option<(&Resource<'a>, &'v str)> {
        let Value::Unknown(it) = value else { return None };
        let (address, field) = it.expression.rsplit_once('.')?;
        self.0.iter().find(|it| it.address.as_str() == address).map(|it| (it, field))
    }

    /// The resource of this type that a value comes from.
    fn own_of(&self, value: &Value, type_name: &str) -> Option<&Resource<'a>> {
        self.own(value).map(|(it, _)| it).filter(|it| it.type_name == type_name)
    }

    /// The resource of this type that a value comes from, or whose property `name` says the same.
    fn named(&self, value: &Value, type_name: &str, name: &str) -> Option<&Resource<'a>> {
        match value.as_text() {
            Some(text) => self.of_type(type_name).find(|it| it.text(name) == Some(text)),
            None => self.own_of(value, type_name),
        }
    }

    /// The resources of this type that the items of a list come from; nothing where one of them comes from elsewhere.
    fn all_own(&self, list: Option<&Value>, type_name: &str) -> Option<Vec<&Resource<'a>>> {
        list?.as_list()?.iter().map(|it| self.own_of(it, type_name)).collect()
    }

    /// The resources of the stack that a part of a resource refers to, whatever is made of them.
    fn mentioned(&self, from: &Resource<'_>, at: &Path) -> Vec<&Resource<'a>> {
        let within = |it: &Reference| it.at.0.starts_with(&at.0) || at.0.starts_with(&it.at.0);
        let targets = from.references.iter().filter(|it| within(it)).map(|it| &it.target);
        targets.filter_map(|it| self.0.iter().find(|other| other.address == it)).collect()
    }
}

/// A text, or the one in the file where parts of it are not known: `com.amazonaws.${aws.region}.s3`.
fn written(value: &Value) -> Option<&str> {
    match value {
        Value::Text(it) => Some(it),
        Value::Unknown(it) => Some(&it.expression),
        _ => None,
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
