//! What is wanted of a resource, by what is known when its turn comes.

use std::collections::HashMap;

use super::{
    scope::{LiveScope, OpenScope},
    unit::{Failure, Shared, Subject, failed},
};
use crate::{
    cloud,
    diagnostic::Severity,
    plan::{
        desire::{Name, Properties, Stamp, desire},
        sealed,
    },
    resource::{During, World},
    stack::Scope,
};

impl<W: World> Shared<'_, W> {
    pub(super) fn scope(&self) -> LiveScope<'_> {
        LiveScope { graph: self.graph(), catalog: self.input.catalog, known: self.known }
    }

    /// What is wanted, as it is compared and recorded.
    pub(super) fn desire(&self, subject: &Subject<'_, W>, name: &Name<'_>) -> Result<Properties, Failure> {
        self.desire_in(subject, name, &self.scope())
    }

    /// What is wanted, as it is sent: made of the texts of sealed outputs.
    pub(super) async fn open(&self, subject: &Subject<'_, W>, name: &Name<'_>, desired: &Properties) -> Result<Properties, Failure> {
        let mut opened = HashMap::new();
        for reference in &subject.instance.references {
            let sealed = reference.field.as_ref().and_then(|it| self.known.sealed(&reference.target, it));
            let Some((id, index)) = sealed.zip(self.graph().find(&reference.target)) else { continue };
            if !opened.contains_key(&reference.target) {
                let other = self.subject(index)?;
                let open = || other.resource.open(&other.world, &id);
                let value = self.call((other.address, other.resource), cloud::Patience::Repeatable(During::Any), open).await?;
                opened.insert(reference.target.clone(), value);
            }
        }
        if opened.is_empty() {
            return Ok(desired.clone());
        }
        let desired = self.desire_in(subject, name, &OpenScope { scope: self.scope(), opened })?;
        match desired.iter().find(|(_, it)| sealed::stands_in(it)) {
            Some((property, _)) => failed(
                format!("`{property}` is made of a secret that cannot be had this way"),
                "refer to the output of the resource that keeps the secret, not to another resource's property",
            ),
            None => Ok(desired),
        }
    }

    fn desire_in(&self, subject: &Subject<'_, W>, name: &Name<'_>, scope: &dyn Scope) -> Result<Properties, Failure> {
        let stamp = Stamp { stack: self.input.stack, state: self.input.state };
        let (desired, diagnostics) = desire(self.input.catalog, subject.instance, scope, stamp, name);
        match diagnostics.into_iter().find(|it| it.severity == Severity::Error) {
            Some(it) => Err(Failure::Failed { error: it.summary, help: it.help.into_iter().next() }),
            None => Ok(desired),
        }
    }
}
