//! What can be wrong with a stack as a whole although each resource is right by itself, found without asking anybody.

use infra::{diagnostic::Diagnostic, graph, resource::Catalog, stack::Stack, state::State};

use crate::aws::lint;

/// Circles, and what the rules of AWS find.
pub(crate) fn check(stack: &Stack, catalog: &Catalog) -> Vec<Diagnostic> {
    let state = State::new(&stack.name, &stack.environment);
    let (_, mut diagnostics) = graph::build(Some(stack), &state, catalog);
    diagnostics.extend(lint::check(stack));
    diagnostics
}
