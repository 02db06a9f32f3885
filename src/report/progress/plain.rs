//! One line for each event: for pipes and logs, where each line is read alone.

use std::{collections::HashMap, io::Write, time::Duration};

use super::{Context, ending, track::Track, words};
use crate::{
    address::Address,
    apply::{Event, Recovery, Skip},
    report::{
        DEFAULT_WIDTH,
        text::{BAD, GOOD, WARN, clean, count, duration, names, paint, rough},
    },
};

/// Something is said at least this often, so that a log shows that work goes on.
const SILENCE: Duration = Duration::from_secs(60);

pub(super) struct Plain {
    writer: Box<dyn Write + Send>,
    styled: bool,
    track: Track,
    /// What was said of each last, so that nothing is said twice.
    said: HashMap<Address, String>,
    spoke: Duration,
}

impl Plain {
    pub(super) fn new(context: Context, writer: Box<dyn Write + Send>, styled: bool) -> Self {
        Self { writer, styled, track: Track::new(context), said: HashMap::new(), spoke: Duration::ZERO }
    }

    pub(super) fn event(&mut self, event: &Event, now: Duration) {
        self.track.event(event, now);
        match event {
            Event::Finished { summary } => {
                let text = ending::text(&self.track, summary, DEFAULT_WIDTH);
                self.write(&text);
            }
            Event::Waiting { address, status } if self.said.get(address) == Some(status) => {}
            _ => {
                if let Event::Waiting { address, status } = event {
                    self.said.insert(address.clone(), status.clone());
                }
                self.line(&line(event), now);
            }
        }
    }

    pub(super) fn tick(&mut self, now: Duration) {
        if now.saturating_sub(self.spoke) < SILENCE || self.track.running.is_empty() {
            return;
        }
        let running: Vec<_> = self
            .track
            .running
            .iter()
            .map(|(address, it)| {
                format!("{} ({} for {})", clean(address.as_str()), words(it.action).0, duration(now.saturating_sub(it.since)))
            })
            .collect();
        let (done, steps) = (self.track.done, self.track.steps);
        self.line(&format!("{done} of {} done, still at {}", count(steps, "step"), names(&running, 5)), now);
    }

    fn line(&mut self, line: &str, now: Duration) {
        self.spoke = now;
        self.write(&format!("[{:>6}] {line}\n", duration(now)));
    }

    fn write(&mut self, text: &str) {
        let text = if self.styled { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() };
        let _ = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush());
    }
}

/// What happened, in one line that needs no other.
pub(super) fn line(event: &Event) -> String {
    let shown = |address: &Address| clean(address.as_str()).into_owned();
    match event {
        Event::Begun { steps, forecast } => format!("{} to do, should take {}", count(*steps, "step"), rough(*forecast)),
        Event::Recovered { address, id, how } => {
            let by = match how {
                Recovery::Name => "by its name",
                Recovery::Operation => "by its operation",
                Recovery::Token => "by repeating the call with the same token",
            };
            format!("{}: {} from an earlier run, {} (found {by})", shown(address), paint(GOOD, "recovered"), clean(id.as_str()))
        }
        Event::NothingToRecover { address } => format!("{}: an earlier run did not create it after all", shown(address)),
        Event::Started { address, action, .. } => format!("{}: {}", shown(address), words(*action).0),
        Event::Waiting { address, status } => format!("{}: waiting, {}", shown(address), clean(status)),
        Event::Retrying { address, error, attempt, pause } => {
            let retry = format!("attempt {attempt} failed, next in {}", duration(*pause));
            format!("{}: {}: {}", shown(address), paint(WARN, &retry), clean(error))
        }
        Event::Done { address, action, id, elapsed } => {
            let id = id.as_ref().map(|id| format!(" ({})", clean(id.as_str()))).unwrap_or_default();
            format!("{}: {} in {}{id}", shown(address), paint(GOOD, words(*action).1), duration(*elapsed))
        }
        Event::Failed { address, error, elapsed, .. } => {
            format!("{}: {} after {}: {}", shown(address), paint(BAD, "failed"), duration(*elapsed), clean(error))
        }
        Event::Unfinished { address, error, .. } => {
            let error = error.as_ref().map(|it| format!(": {}", clean(it))).unwrap_or_default();
            format!("{}: {}, the next run goes on from here{error}", shown(address), paint(WARN, "not finished"))
        }
        Event::Skipped { address, because, .. } => match because {
            Skip::Needs { address: needed } => format!("{}: not tried, it needs {}", shown(address), shown(needed)),
            Skip::Interrupted => format!("{}: not tried, interrupted", shown(address)),
        },
        Event::Interrupted { in_flight } => {
            let label = paint(WARN, "interrupted");
            match &in_flight.iter().map(shown).collect::<Vec<_>>()[..] {
                [] => format!("{label}: nothing new is started"),
                in_flight => {
                    format!("{label}: nothing new is started; finishing {} (interrupt again to stop waiting)", names(in_flight, 5))
                }
            }
        }
        Event::Finished { .. } => "finished".to_owned(),
    }
}
