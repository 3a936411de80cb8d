//! The log: where it goes, in what form, and what never enters it.
//!
//! Everything goes to stderr, so that stdout holds results alone. Secrets are wrapped in types that do not print;
//! request lines are logged by their route, because a path may carry a secret.

use std::io::{self, IsTerminal};

use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::config::LogFormat;

/// Starts logging for this process. A second start is ignored.
pub fn start(filter: &str, format: LogFormat) {
    // The filter was checked with the configuration; should it be wrong all the same, `info` is better than silence.
    let targets = filter
        .parse::<Targets>()
        .unwrap_or_else(|_| Targets::new().with_default(tracing::level_filters::LevelFilter::INFO));
    // What PostgreSQL remarks about statements that change nothing is news to nobody who has not asked for it.
    let targets = if filter.contains("sqlx") {
        targets
    } else {
        targets.with_target("sqlx::postgres::notice", tracing::level_filters::LevelFilter::WARN)
    };
    let lines = fmt::layer().with_writer(io::stderr);
    let lines = match format {
        LogFormat::Json => lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed(),
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
    };
    let started = tracing_subscriber::registry().with(lines.with_filter(targets)).try_init();
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
