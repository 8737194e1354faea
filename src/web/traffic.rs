// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the kernel has counted of the services: the last reading, and the last hour.
//!
//! It costs the kernel work, so it is only read while somebody asks: [`Traffic::ask`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::timeout;

use super::clock::now;
use super::rates::History;
use crate::model::{ConnectionCounts, Counters, ServerKey, ServiceKey, Timestamp};

/// So long after the last question nobody reads any more.
const INTEREST: Duration = Duration::from_secs(60);
/// A reading that is older is not shown.
const STALE: Duration = Duration::from_secs(12);
/// Who asks first waits so long at most for a reading.
const PATIENCE: Duration = Duration::from_secs(2);

/// The kernel's counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// The services that are configured, and that the kernel has.
    pub services: BTreeMap<ServiceKey, ServiceTraffic>,
}

/// The traffic of one service.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServiceTraffic {
    /// All that it has had.
    pub counters: Counters,
    /// Its real servers.
    pub servers: BTreeMap<ServerKey, ServerTraffic>,
}

/// The traffic of one real server of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerTraffic {
    /// All that it has had.
    pub counters: Counters,
    /// Its connections.
    pub connections: ConnectionCounts,
}

/// What the kernel has counted, for any number of readers.
pub struct Traffic {
    /// When this began to be kept.
    began: Instant,
    state: Mutex<State>,
    /// Changes when somebody asks, and when it was read.
    asked: watch::Sender<Option<Instant>>,
    read: watch::Sender<Option<Instant>>,
}

#[derive(Default)]
struct State {
    last: Option<Arc<Reading>>,
    history: History,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            began: now(),
            state: Mutex::default(),
            asked: watch::Sender::new(None),
            read: watch::Sender::new(None),
        }
    }
}

impl Traffic {
    /// Has the counters read for the next minute. It waits for nothing.
    pub fn ask(&self) {
        self.asked.send_replace(Some(now()));
    }

    /// Asks, and waits for a reading when there is no new one, but not for long.
    pub async fn fresh(&self) {
        let mut read = self.read.subscribe();
        self.ask();
        // After this time there is none, and everything else is shown without.
        let _ = timeout(PATIENCE, read.wait_for(|at| at.is_some_and(is_fresh))).await;
    }

    /// The last reading; `None` when there is none that is at most some seconds old.
    #[must_use]
    pub fn latest(&self) -> Option<Arc<Reading>> {
        let fresh = self.read.borrow().is_some_and(is_fresh);
        fresh.then(|| self.state().last.clone()).flatten()
    }

    /// New connections per second of a service, or of one of its servers, in steps of [`History::STEP`] for the last hour, the oldest
    /// first. A step in which nobody asked is `None`. Empty when it is not known at all.
    #[must_use]
    pub fn rates(&self, service: &ServiceKey, server: Option<&ServerKey>) -> Vec<Option<f32>> {
        let now = self.time();
        self.state().history.rates(now, service, server)
    }

    /// Waits until somebody wants to know the counters.
    pub async fn wanted(&self) {
        let mut asked = self.asked.subscribe();
        let wanted = |at: &Option<Instant>| at.is_some_and(|at| age(at) < INTEREST);
        // The sender is a part of this.
        let _ = asked.wait_for(wanted).await;
    }

    /// Takes what was read; `None` when it could not be.
    pub fn take(&self, reading: Option<Reading>) {
        let time = self.time();
        let mut state = self.state();
        if let Some(reading) = &reading {
            state.history.take(time, reading);
        }
        state.last = reading.map(Arc::new);
        drop(state);
        self.read.send_replace(Some(now()));
    }

    fn time(&self) -> Timestamp {
        Timestamp::after_start(age(self.began))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_fresh(at: Instant) -> bool {
    age(at) < STALE
}

fn age(at: Instant) -> Duration {
    now().duration_since(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nobody_reads_before_somebody_asks_and_who_asks_gets_a_reading() {
        let traffic = Arc::new(Traffic::default());
        let waits = timeout(Duration::from_secs(1), traffic.wanted()).await;
        assert!(waits.is_err());
        let asker = tokio::spawn({
            let traffic = Arc::clone(&traffic);
            async move {
                traffic.fresh().await;
                traffic.latest()
            }
        });
        traffic.wanted().await;
        traffic.take(Some(Reading::default()));
        assert_eq!(asker.await.unwrap().as_deref(), Some(&Reading::default()));
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_goes_on_without_a_reading_when_none_comes() {
        let traffic = Traffic::default();
        traffic.fresh().await;
        assert!(traffic.latest().is_none());
    }

    #[test]
    fn what_could_not_be_read_is_not_shown() {
        let traffic = Traffic::default();
        traffic.take(Some(Reading::default()));
        assert!(traffic.latest().is_some());
        traffic.take(None);
        assert!(traffic.latest().is_none());
    }
}
