//! What can be wrong with a stack as a whole although each resource is right by itself, found without asking anybody.

use infra::{
    address::Address,
    diagnostic::Diagnostic,
    graph,
    resource::Catalog,
    stack::{Scope, Stack},
    state::State,
    value::Value,
};

use crate::aws::lint;

/// Nothing of other resources is known.
struct Nothing;

impl Scope for Nothing {
    fn field(&self, _: &Address, _: &str) -> Value {
        Value::unknown("")
    }
}

/// Circles, and what the rules of AWS find.
pub(crate) fn check(stack: &Stack, catalog: &Catalog) -> Vec<Diagnostic> {
    let state = State::new(&stack.name, &stack.environment);
    let (_, mut diagnostics) = graph::build(Some(stack), &state, catalog);
    // What cannot be evaluated was told when the stack was resolved.
    diagnostics.extend(lint::check(stack, &|address| stack.resources.get(address).map(|it| it.evaluate(&Nothing).0)));
    diagnostics
}
