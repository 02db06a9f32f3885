//! Live: what is running stays below with its time, what is finished scrolls away above.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Context, ending, plain, track::Track, words};
use crate::{
    apply::Event,
    report::{
        DEFAULT_WIDTH,
        plan::sign,
        text::{BAD, BOLD, DIM, GOOD, WARN, clean, cut, duration, pad, paint, rough, width, wrap},
    },
};

/// The size of the window: columns and rows.
type Size = fn() -> (usize, usize);

pub(super) struct Terminal {
    bar: ProgressBar,
    styled: bool,
    track: Track,
    size: Size,
    /// The time left and when it was worked out: the sum over a large plan is not for every frame.
    left: (Duration, Duration),
    ended: bool,
}

pub(super) fn size_of_stderr() -> (usize, usize) {
    let size = terminal_size::terminal_size_of(std::io::stderr());
    size.map_or((DEFAULT_WIDTH, 24), |(width, height)| (usize::from(width.0).max(20), usize::from(height.0)))
}

impl Terminal {
    pub(super) fn new(context: Context, styled: bool, target: ProgressDrawTarget, size: Size) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        bar.set_style(ProgressStyle::with_template("{msg}").expect("the template is valid"));
        Self { bar, styled, track: Track::new(context), size, left: (Duration::ZERO, Duration::ZERO), ended: false }
    }

    pub(super) fn event(&mut self, event: &Event, now: Duration) {
        self.track.event(event, now);
        self.estimate(now, matches!(event, Event::Begun { .. }));
        if let Event::Finished { summary } = event {
            self.ended = true;
            let text = ending::text(&self.track, summary, (self.size)().0.min(160));
            self.bar.println(self.plain_unless_styled(&text));
            self.bar.finish_and_clear();
            return;
        }
        if let Some(line) = scrolled(event) {
            let lines = wrap(&line, (self.size)().0.saturating_sub(6)).join("\n      ");
            self.bar.println(self.plain_unless_styled(&lines));
        }
        self.draw(now);
    }

    pub(super) fn tick(&mut self, now: Duration) {
        if self.ended {
            return;
        }
        self.estimate(now, false);
        self.draw(now);
    }

    fn estimate(&mut self, now: Duration, at_once: bool) {
        if at_once || now.saturating_sub(self.left.1) >= Duration::from_secs(1) {
            self.left = (self.track.left(now), now);
        }
    }

    fn draw(&self, now: Duration) {
        let (columns, rows) = (self.size)();
        let frame = frame(&self.track, self.left.0, now, columns, rows);
        self.bar.set_message(self.plain_unless_styled(&frame.join("\n")));
        self.bar.tick();
    }

    #[cfg(test)]
    pub(super) fn force(&self) {
        self.bar.force_draw();
    }

    fn plain_unless_styled(&self, text: &str) -> String {
        if self.styled { text.to_owned() } else { anstream::adapter::strip_str(text).to_string() }
    }
}

/// What is worth a line of its own above; the rest shows below while it lasts.
fn scrolled(event: &Event) -> Option<String> {
    match event {
        Event::Done { address, action, id, elapsed } => {
            let (sign, style) = sign(*action);
            let id = id.as_ref().map(|id| paint(DIM, &format!("  {}", clean(id.as_str())))).unwrap_or_default();
            let done = paint(GOOD, words(*action).1);
            Some(format!("{} {} {done} in {}{id}", paint(style, sign), paint(BOLD, &clean(address.as_str())), duration(*elapsed)))
        }
        Event::Failed { address, error, .. } => {
            let error = clean(error);
            Some(format!("{} {} {}: {error}", paint(BAD, "  ×"), paint(BOLD, &clean(address.as_str())), paint(BAD, "failed")))
        }
        Event::Recovered { .. } | Event::NothingToRecover { .. } | Event::Unfinished { .. } | Event::Interrupted { .. } => {
            Some(format!("  ! {}", plain::line(event)))
        }
        Event::Begun { .. }
        | Event::Started { .. }
        | Event::Waiting { .. }
        | Event::Retrying { .. }
        | Event::Skipped { .. }
        | Event::Finished { .. } => None,
    }
}

/// The lines below: the longest running first, as many as the window has room for, and the sum.
fn frame(track: &Track, left: Duration, now: Duration, columns: usize, rows: usize) -> Vec<String> {
    // A line as wide as the window would wrap on some terminals.
    let columns = columns.saturating_sub(1);
    let room = rows.saturating_sub(3).clamp(1, 20);
    let shown = if track.running.len() > room { room - 1 } else { track.running.len() };
    let names = track.running.keys().take(shown).map(|it| width(&clean(it.as_str()))).max().unwrap_or(0).min(columns / 3);
    let mut lines = vec![];
    for (address, running) in track.running.iter().take(shown) {
        let (sign, style) = sign(running.action);
        let elapsed = now.saturating_sub(running.since);
        let late = elapsed > running.typical.saturating_mul(2) && elapsed > Duration::from_secs(10);
        let expected =
            if running.typical >= Duration::from_secs(8) { format!("of about {}", rough(running.typical)) } else { String::new() };
        let name = pad(&cut(&clean(address.as_str()), names), names);
        let start = format!("{sign} {name}  {:<10} {:>6}", words(running.action).0, duration(elapsed));
        let remark = [expected, clean(&running.remark).into_owned()].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ");
        let remark = cut(&remark, columns.saturating_sub(width(&start) + 2)).into_owned();
        let time = format!("{:>6}", duration(elapsed));
        lines.push(if width(&start) > columns {
            cut(&start, columns).into_owned()
        } else {
            format!(
                "{} {}  {:<10} {}  {}",
                paint(style, sign),
                paint(BOLD, &name),
                words(running.action).0,
                if late { paint(WARN, &time) } else { time },
                paint(DIM, &remark)
            )
            .trim_end()
            .to_owned()
        });
    }
    if track.running.len() > shown {
        lines.push(format!("    and {} more", track.running.len() - shown));
    }
    let mut sum = format!("    {}/{} done, {} running, {}", track.done, track.steps, track.running.len(), duration(now));
    if !track.failed.is_empty() {
        sum.push_str(&format!(", {} failed", track.failed.len()));
    }
    if left >= Duration::from_secs(5) {
        sum.push_str(&format!(", about {} left", rough(left).replace("a few seconds", "5 s")));
    }
    if track.interrupted {
        sum.push_str(", stopping");
    }
    lines.push(paint(if track.interrupted { WARN } else { BOLD }, &cut(&sum, columns)));
    lines
}
