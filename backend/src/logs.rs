//! One JSON object a line on standard output, which is where both a container's and a function's logs are taken from.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts the log. `LOG_LEVEL` is a level, or targets with levels as in `info,backend=debug`.
pub fn start() {
    let wanted = std::env::var("LOG_LEVEL").unwrap_or_else(|_| "info".into());
    let targets = wanted.to_ascii_lowercase().parse::<Targets>().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    // A second start (tests in one process) keeps the first.
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}
