// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log: one line a transition, to standard error.
//!
//! A thread that logs never waits and never fails. Lines go to a bounded [`spool`]; a thread of its own writes them.
//! While nobody reads the log, or its disk is full, lines are lost. When the log works again, it says how many.

mod layout;
mod levels;
mod outlet;
mod spool;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::model::{Severity, Transition};
use crate::system::since_1970;
use layout::{Entry, Layout, Reading};
pub(super) use levels::Levels;
use outlet::Outlet;
use spool::Spool;

/// How long the end of the director waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// journal when standard error is connected to systemd's journal, otherwise text
    Auto,
    /// Lines for people. They begin with the time, except under systemd, which notes it itself
    Text,
    /// One JSON object on a line: time, level, message, and for a transition all that it says
    Json,
    /// Entries for systemd's journal, with the fields SERVICE, SERVER, EVENT and TRANSITION
    Journal,
}

/// Starts logging at this level. When the returned value is dropped, the log tries to write its last lines, and ends.
pub(super) fn start(level: LevelFilter, format: LogFormat) -> io::Result<Log> {
    let spool = Arc::new(Spool::default());
    let (layout, outlet) = Outlet::open(format);
    spool::start(Arc::clone(&spool), outlet, layout)?;
    let (filter, wrong) = filter(level);
    let now = filter.to_string();
    let (filter, handle) = reload::Layer::new(filter);
    let lines = Lines {
        spool: Arc::clone(&spool),
        layout,
    };
    tracing_subscriber::registry()
        .with(filter)
        .with(lines)
        .init();
    if let Some(wrong) = wrong {
        tracing::warn!("RUST_LOG is not used: {wrong}");
    }
    tell_defects();
    let levels = Levels::new(now, move |filter| replaced(handle.reload(filter)));
    Ok(Log {
        spool,
        levels,
        layout,
    })
}

fn replaced(done: Result<(), reload::Error>) -> Result<(), String> {
    done.map_err(|error| format!("change the log's level: {error}"))
}

/// The filter of `RUST_LOG`, otherwise the level; and what is wrong with `RUST_LOG`.
fn filter(level: LevelFilter) -> (EnvFilter, Option<String>) {
    let said = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let builder = || EnvFilter::builder().with_default_directive(level.into());
    match builder().parse(said) {
        Ok(filter) => (filter, None),
        Err(wrong) => (builder().parse_lossy(""), Some(wrong.to_string())),
    }
}

/// A panic goes to the log, too. Rust's own hook writes to standard error, and may wait there for ever.
fn tell_defects() {
    std::panic::set_hook(Box::new(|defect| {
        let trace = std::backtrace::Backtrace::capture();
        let trace = match trace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{trace}"),
            _ => String::new(),
        };
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("without a name").to_owned();
        tracing::error!("a defect in the thread {name}: {defect}{trace}");
    }));
}

/// Logs a transition at the level of its severity.
pub(super) fn tell(transition: &Transition) {
    let service = transition.service().map(tracing::field::display);
    let server = transition.server().map(tracing::field::display);
    let event = transition.event();
    let whole = tracing::field::display(Whole(transition));
    match transition.severity() {
        Severity::Info => {
            tracing::info!(service, server, event, transition = whole, "{transition}");
        }
        Severity::Warning => {
            tracing::warn!(service, server, event, transition = whole, "{transition}");
        }
        Severity::Error => {
            tracing::error!(service, server, event, transition = whole, "{transition}");
        }
    }
}

/// A transition as JSON.
struct Whole<'t>(&'t Transition);

impl std::fmt::Display for Whole<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| std::fmt::Error)?)
    }
}

/// The log, for as long as it is kept.
pub(super) struct Log {
    spool: Arc<Spool>,
    levels: Levels,
    layout: Layout,
}

impl Log {
    /// What it says and what it leaves out.
    pub(super) fn levels(&self) -> Levels {
        self.levels.clone()
    }

    /// Logs a message at every level: why the director ends. As text it has neither time nor level before it.
    pub(super) fn line(&self, text: &str) {
        let line = match self.layout {
            Layout::Text { .. } => format!("{text}\n").into_bytes(),
            Layout::Json | Layout::Journal => {
                let (level, message) = (Level::ERROR, text.to_owned());
                let fields = Vec::new();
                let entry = Entry {
                    level,
                    message,
                    fields,
                };
                self.layout.write(since_1970(), &entry)
            }
        };
        self.spool.push(line);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // If the time was too short, nobody is left to hear it.
        self.spool.close(LAST_LINES);
    }
}

/// Gives entries to the spool.
struct Lines {
    spool: Arc<Spool>,
    layout: Layout,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut reading = Reading::new(self.layout);
        event.record(&mut reading);
        let entry = reading.entry(*event.metadata().level());
        self.spool.push(self.layout.write(since_1970(), &entry));
    }
}
