// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all readers of the pages share: the last state that was asked for.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::time::interval;

use super::changes::Changes;
use super::clock::now;
use super::metrics::{self, Known};
use super::page::{History, Log, STEP, Scene};
use super::source::Source;
use super::traffic::Traffic;
use crate::control::Status;
use crate::system::since_1970;

/// Nobody needs a newer state than this: it is made once in this time, for all readers together.
const FRESH: Duration = Duration::from_millis(500);

/// The last state, for any number of readers.
pub struct Board {
    source: Arc<dyn Source>,
    last: Mutex<Option<Arc<Look>>>,
    log: Mutex<Log>,
    history: Mutex<History>,
    traffic: Arc<Traffic>,
    /// When the director started, in seconds since 1970, as it was known first: it must not move with the host's clock.
    started: OnceLock<u64>,
}

/// The state at one moment, and what was made of it.
pub struct Look {
    /// How everything was.
    pub status: Status,
    /// Since when each part of it has been so.
    pub(super) changes: Changes,
    at: Instant,
    json: OnceLock<Bytes>,
    metrics: OnceLock<Bytes>,
}

impl Board {
    /// A board that shows what this source says.
    #[must_use]
    pub fn new(source: Arc<dyn Source>) -> Self {
        Self {
            source,
            last: Mutex::default(),
            log: Mutex::default(),
            history: Mutex::default(),
            traffic: Arc::default(),
            started: OnceLock::new(),
        }
    }

    /// What it shows.
    #[must_use]
    pub fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// The state, at most half a second old; `None` while the director starts.
    #[must_use]
    pub fn look(&self) -> Option<Arc<Look>> {
        self.look_at(now())
    }

    /// The same when it is this moment.
    pub(super) fn look_at(&self, now: Instant) -> Option<Arc<Look>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = last
            .as_ref()
            .filter(|look| now.duration_since(look.at) < FRESH)
        {
            return Some(Arc::clone(look));
        }
        let status = self.source.status()?;
        let changes = match &*last {
            Some(before) => before.changes.next(&before.status, &status),
            None => Changes::all_new(first_version(), &status),
        };
        let look = Arc::new(Look {
            status,
            changes,
            at: now,
            json: OnceLock::new(),
            metrics: OnceLock::new(),
        });
        *last = Some(Arc::clone(&look));
        Some(look)
    }

    /// Hands out what a page with this look is made of.
    pub(super) fn scene<T>(&self, look: &Look, make: impl FnOnce(Scene<'_>) -> T) -> T {
        let now = since_1970();
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.read(&*self.source, now);
        let history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        make(Scene {
            look,
            history: &history,
            log: &log,
            now,
        })
    }

    /// Keeps the history of the last hour, for ever.
    pub async fn remember(&self) {
        let mut steps = interval(STEP);
        loop {
            steps.tick().await;
            if let Some(look) = self.look() {
                self.keep(&look.status);
            }
        }
    }

    /// Keeps this for the history, as the next step of ten seconds.
    pub fn keep(&self, status: &Status) {
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        history.add(status);
    }

    /// What the kernel has counted.
    #[must_use]
    pub const fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// This state for Prometheus, made once for all who ask for it.
    pub(super) fn metrics(&self, look: &Look) -> Bytes {
        let make = || {
            let uptime = Duration::from_secs(look.status.uptime_seconds);
            let started = || since_1970().saturating_sub(uptime).as_secs();
            let (figures, kernel) = (self.source.figures(), self.traffic.latest());
            let known = Known {
                status: &look.status,
                figures: &figures,
                kernel: kernel.as_deref(),
                started: *self.started.get_or_init(started),
            };
            metrics::render(&known).into()
        };
        look.metrics.get_or_init(make).clone()
    }
}

impl Look {
    /// The status as JSON.
    pub fn json(&self) -> Bytes {
        let make = || serde_json::to_vec(&self.status).unwrap_or_default().into();
        self.json.get_or_init(make).clone()
    }
}

/// Larger than every version of an earlier director: a version is at most two a second.
fn first_version() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(0)
}
