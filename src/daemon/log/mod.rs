// SPDX-License-Identifier: MIT OR Apache-2.0
//! The log: one line a transition, to standard error.
//!
//! A thread that logs never waits and never fails. Lines go to a bounded [`spool`]; a thread of its own writes them.
//! While nobody reads the log, or its disk is full, lines are lost. When the log works again, it says how many.

mod levels;
mod spool;

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::{DefaultFields, Format, Full, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FormatEvent, MakeWriter, SubscriberBuilder};
use tracing_subscriber::{EnvFilter, Registry};

use crate::model::{Severity, Transition};
pub(super) use levels::Levels;
use spool::Spool;

/// How long the end of the director waits for the last lines to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where lines go, before it is known which ones.
type Builder<T> = SubscriberBuilder<DefaultFields, Format<Full, T>, LevelFilter, Lines>;

/// Starts logging at this level. Under systemd lines have no time, because systemd notes it itself. When the returned
/// value is dropped, the log tries to write its last lines, and ends.
pub(super) fn start(level: LevelFilter) -> io::Result<Log> {
    let spool = Arc::new(Spool::default());
    spool::start(Arc::clone(&spool), StandardError)?;
    let (filter, wrong) = filter(level);
    let builder = tracing_subscriber::fmt()
        .with_writer(Lines(Arc::clone(&spool)))
        .with_target(false)
        .with_ansi(io::stderr().is_terminal())
        // Such an error would go to standard error by a path that can wait and fail.
        .log_internal_errors(false);
    let levels = if std::env::var_os("JOURNAL_STREAM").is_some() {
        begin(builder.without_time(), filter)
    } else {
        begin(builder.with_timer(SinceStart::now()), filter)
    };
    if let Some(wrong) = wrong {
        tracing::warn!("RUST_LOG is not used: {wrong}");
    }
    tell_defects();
    Ok(Log { spool, levels })
}

/// From now on lines go where this says, as far as the filter lets them.
fn begin<T>(builder: Builder<T>, filter: EnvFilter) -> Levels
where
    Format<Full, T>: FormatEvent<Registry, DefaultFields>,
    T: Send + Sync + 'static,
{
    let now = filter.to_string();
    let builder = builder.with_env_filter(filter).with_filter_reloading();
    let handle = builder.reload_handle();
    builder.init();
    Levels::new(now, move |filter| replaced(handle.reload(filter)))
}

fn replaced(done: Result<(), tracing_subscriber::reload::Error>) -> Result<(), String> {
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
    match transition.severity() {
        Severity::Info => tracing::info!("{transition}"),
        Severity::Warning => tracing::warn!("{transition}"),
        Severity::Error => tracing::error!("{transition}"),
    }
}

/// The log, for as long as it is kept.
pub(super) struct Log {
    spool: Arc<Spool>,
    levels: Levels,
}

impl Log {
    /// What it says and what it leaves out.
    pub(super) fn levels(&self) -> Levels {
        self.levels.clone()
    }

    /// Logs a line unchanged, at every level: why the director ends.
    pub(super) fn line(&self, text: &str) {
        self.spool.push(format!("{text}\n").into_bytes());
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        // If the time was too short, nobody is left to hear it.
        self.spool.close(LAST_LINES);
    }
}

/// Gives lines to the spool. Each event is one write, and one line.
struct Lines(Arc<Spool>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error without its lock: others would wait for the lock while a write hangs.
struct StandardError;

impl Write for StandardError {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match nix::unistd::write(io::stderr(), bytes) {
            // Another process with the same terminal or pipe made it non-blocking.
            Err(Errno::EAGAIN) => {
                pause();
                Err(io::ErrorKind::Interrupted.into())
            }
            written => Ok(written?),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the log's own thread, which nobody waits for"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
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
