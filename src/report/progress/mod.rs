//! What is seen while a plan is applied: live on a terminal, a line for each event in a pipe, or JSON lines.
//!
//! Nothing here may hinder the work: that nobody can read what is written is ignored.

mod ending;
mod plain;
mod terminal;
#[cfg(test)]
mod tests;
mod track;

use std::{
    collections::BTreeMap,
    io::Write,
    time::{Duration, Instant},
};

use crate::{
    address::Address,
    apply::Event,
    diagnostic::Place,
    plan::{Action, Plan},
    report::json,
};

/// Somebody who is told what happens.
pub trait Observer: Send {
    fn event(&mut self, event: &Event);

    /// Time has passed; call it some ten times a second while waiting for events.
    fn tick(&mut self) {}
}

/// What is known beyond the events.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// What is applied: says what waits for what, for the time that is left.
    pub plan: Plan,
    /// Where resources stand in their file.
    pub places: BTreeMap<Address, Place>,
    /// The command that goes on after an interrupt or a failure: `infra apply --env dev`.
    pub resume: String,
}

/// Shows events in one of three ways.
pub struct Progress {
    clock: Clock,
    way: Way,
}

type Clock = Box<dyn Fn() -> Duration + Send>;

enum Way {
    Terminal(Box<terminal::Terminal>),
    Plain(Box<plain::Plain>),
    Json(Box<dyn Write + Send>),
}

impl Progress {
    /// Running steps below, finished ones scrolling away above, on stderr.
    pub fn terminal(context: Context, styled: bool) -> Self {
        let target = indicatif::ProgressDrawTarget::stderr();
        if target.is_hidden() {
            // A terminal that cannot move its cursor.
            return Self::plain(context, std::io::stderr(), styled);
        }
        Self::new(Way::Terminal(Box::new(terminal::Terminal::new(context, styled, target, terminal::size_of_stderr))))
    }

    /// One line for each event.
    pub fn plain(context: Context, writer: impl Write + Send + 'static, styled: bool) -> Self {
        Self::new(Way::Plain(Box::new(plain::Plain::new(context, Box::new(writer), styled))))
    }

    /// One JSON object for each event, in a line.
    pub fn json(writer: impl Write + Send + 'static) -> Self {
        Self::new(Way::Json(Box::new(writer)))
    }

    fn new(way: Way) -> Self {
        let start = Instant::now();
        Self { clock: Box::new(move || start.elapsed()), way }
    }

    #[cfg(test)]
    fn with_clock(mut self, clock: impl Fn() -> Duration + Send + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Draws at once, where otherwise not every tick is drawn.
    #[cfg(test)]
    fn redraw(&mut self) {
        self.tick();
        if let Way::Terminal(it) = &self.way {
            it.force();
        }
    }
}

impl Observer for Progress {
    fn event(&mut self, event: &Event) {
        let now = (self.clock)();
        match &mut self.way {
            Way::Terminal(it) => it.event(event, now),
            Way::Plain(it) => it.event(event, now),
            Way::Json(writer) => {
                let _ = writeln!(writer, "{}", json::event(event, now)).and_then(|()| writer.flush());
            }
        }
    }

    fn tick(&mut self) {
        let now = (self.clock)();
        match &mut self.way {
            Way::Terminal(it) => it.tick(now),
            Way::Plain(it) => it.tick(now),
            Way::Json(_) => {}
        }
    }
}

/// The word for an action: that goes on, that is done, and in "could not be …".
fn words(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Create => ("creating", "created"),
        Action::Adopt => ("adopting", "adopted"),
        Action::Update => ("updating", "updated"),
        Action::Replace | Action::CreateThenDelete => ("replacing", "replaced"),
        Action::Delete => ("deleting", "deleted"),
        Action::Forget => ("forgetting", "forgotten"),
    }
}
