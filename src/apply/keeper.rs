//! The state while it changes: every entry is durable before it counts.

use std::{io, sync::Mutex};

use crate::state::{Entry, Journal, State};

pub(super) struct Keeper<'a> {
    journal: &'a dyn Journal,
    state: Mutex<State>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(journal: &'a dyn Journal, state: State) -> Self {
        Self { journal, state: Mutex::new(state) }
    }

    /// Writes an entry down and then counts it.
    ///
    /// # Errors
    /// It could not be made durable, and does not count.
    pub(super) async fn note(&self, entry: Entry) -> io::Result<()> {
        self.journal.append(&entry).await?;
        self.look(|state| state.fold(&entry)).map_err(io::Error::other)
    }

    pub(super) fn look<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().expect("nobody panics while holding it"))
    }

    pub(super) fn into_state(self) -> State {
        self.state.into_inner().expect("nobody panics while holding it")
    }
}
