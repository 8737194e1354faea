// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log: one line a transition, to standard error.

use std::fmt;
use std::io::IsTerminal;
use std::time::Instant;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Starts logging at this level. Under systemd, which notes the time itself, lines carry none.
pub(super) fn start(level: LevelFilter) {
    let filter = EnvFilter::builder()
        .with_default_directive(level.into())
        .from_env_lossy();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().init();
    } else {
        builder.with_timer(SinceStart::now()).init();
    }
}

/// Seconds since the start, to the millisecond.
struct SinceStart(Instant);

impl SinceStart {
    #[expect(clippy::disallowed_methods, reason = "the rim's clock, for the log")]
    fn now() -> Self {
        Self(Instant::now())
    }
}

impl FormatTime for SinceStart {
    fn format_time(&self, out: &mut Writer<'_>) -> fmt::Result {
        write!(out, "{:>9.3}s", self.0.elapsed().as_secs_f64())
    }
}
