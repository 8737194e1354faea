// SPDX-License-Identifier: MIT OR Apache-2.0
//! Signs of life of threads, for a watchdog.
//!
//! A thread says by which moment it is heard of again: at once while it works, later while it rests. While the kernel or a
//! disk carries out what the thread has asked for, no moment is known, and its silence is not its fault.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use super::notify::watchdog_period;

/// No moment is known.
const OPEN: u64 = u64::MAX;

/// The sign of life of one thread.
#[derive(Debug)]
pub struct Pulse {
    /// Until this moment of the monotonic clock its silence is right, in microseconds.
    silent_until: AtomicU64,
}

thread_local! {
    static OWN: OnceCell<Arc<Pulse>> = const { OnceCell::new() };
}

impl Pulse {
    /// For a thread that begins now.
    #[must_use]
    pub fn begin() -> Arc<Self> {
        Arc::new(Self {
            silent_until: AtomicU64::new(now()),
        })
    }

    /// Makes it that of the calling thread. A thread has one.
    pub fn adopt(self: Arc<Self>) {
        OWN.with(|own| {
            let _ = own.set(self);
        });
    }

    /// The same when the service manager watches this process. Otherwise nothing is noted, and no clock is read.
    pub fn adopt_when_watched(self: Arc<Self>) {
        if watchdog_period().is_some() {
            self.adopt();
        }
    }

    /// For how long the thread has been silent without a reason; zero while all is well.
    #[must_use]
    pub fn overdue(&self) -> Duration {
        let until = self.silent_until.load(Ordering::Relaxed);
        Duration::from_micros(now().saturating_sub(until))
    }
}

/// The calling thread works.
pub fn beat() {
    note(now);
}

/// The calling thread rests for so long, or until somebody wakes it.
pub fn rest(patience: Option<Duration>) {
    let patience = patience.and_then(|it| u64::try_from(it.as_micros()).ok());
    note(|| patience.map_or(OPEN, |it| now().saturating_add(it)));
}

/// Does what the kernel or a disk may take any time for.
pub fn entrusted<T>(work: impl FnOnce() -> T) -> T {
    let before = OWN.with(|own| {
        let own = own.get();
        own.map(|it| it.silent_until.swap(OPEN, Ordering::Relaxed))
    });
    let done = work();
    if before.is_some_and(|before| before != OPEN) {
        beat();
    }
    done
}

/// A thread that nobody watches reads no clock for it.
fn note(until: impl FnOnce() -> u64) {
    OWN.with(|own| {
        if let Some(own) = own.get() {
            own.silent_until.store(until(), Ordering::Relaxed);
        }
    });
}

/// The monotonic clock, in microseconds. Every Linux has it.
fn now() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from);
    u64::try_from(now.as_micros()).unwrap_or(OPEN)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    /// Until it has been silent for a while without a reason.
    fn until_overdue(pulse: &Pulse) {
        while pulse.overdue() < Duration::from_millis(2) {
            thread::yield_now();
        }
    }

    #[test]
    fn a_thread_that_hangs_is_overdue_and_one_that_rests_or_waits_for_a_disk_is_not() {
        let pulse = Pulse::begin();
        let theirs = Arc::clone(&pulse);
        let ((say, hear), (go, wait)) = (channel(), channel::<()>());
        let thread = thread::spawn(move || {
            theirs.adopt();
            let stop = || {
                say.send(()).unwrap();
                wait.recv().unwrap();
            };
            rest(Some(Duration::from_hours(1)));
            stop();
            rest(None);
            stop();
            beat();
            entrusted(|| {
                // The kernel, within a longer work of the kernel's.
                entrusted(|| ());
                stop();
            });
            stop();
        });
        for _ in ["rests", "rests for ever", "is in the kernel"] {
            hear.recv().unwrap();
            assert_eq!(pulse.overdue(), Duration::ZERO);
            go.send(()).unwrap();
        }
        hear.recv().unwrap();
        until_overdue(&pulse);
        go.send(()).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_thread_without_a_pulse_does_the_same() {
        beat();
        rest(None);
        assert_eq!(entrusted(|| 1), 1);
    }
}
