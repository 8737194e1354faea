// SPDX-License-Identifier: MIT OR Apache-2.0
//! The clients: one load through the whole story, and the results of its requests.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::thread;
use std::time::Duration;

use lab::load::{Kind, Load, Plan, Sample};
use lab::namespace::Namespace;

/// How long a client waits for an answer, connecting included. TCP repeats a lost SYN after one second.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);
/// New connections in a second.
pub(super) const RATE: u32 = 100;
/// Connections that stay open.
pub(super) const HELD: u32 = 24;

/// The load, and its results so far. All moments count from its start.
#[derive(Debug)]
pub(super) struct Traffic {
    load: Load,
    samples: Vec<Sample>,
}

impl Traffic {
    /// Starts it at the client.
    pub(super) fn start(client: &Namespace, to: SocketAddr, sources: &[IpAddr]) -> Self {
        let plan = Plan {
            to,
            sources: sources.to_vec(),
            rate: RATE,
            timeout: PATIENCE,
            held: HELD,
        };
        Self {
            load: client.run(|| Load::start(&plan)),
            samples: Vec::new(),
        }
    }

    /// This moment.
    pub(super) fn now(&self) -> Duration {
        self.load.elapsed()
    }

    /// Waits until every request so far has an answer or is given up. Returns the moment of the call.
    pub(super) fn settle(&mut self) -> Duration {
        let asked = self.now();
        thread::sleep(PATIENCE + Duration::from_millis(200));
        self.samples.extend(self.load.take());
        asked
    }

    /// The requests made within `window`, on connections old and new.
    pub(super) fn count(&self, window: Range<Duration>) -> Count {
        let mut count = Count::default();
        for sample in self.within(&window) {
            count.asked += 1;
            count.failed += usize::from(sample.outcome.is_err());
        }
        count
    }

    /// The server that last answered each client address on new connections, within `window`.
    pub(super) fn bindings(&self, window: Range<Duration>) -> BTreeMap<IpAddr, String> {
        self.last_answers(Kind::Short, &window)
    }

    /// The server of each held connection, as last seen within `window`, by client address.
    pub(super) fn held(&self, window: Range<Duration>) -> BTreeMap<IpAddr, String> {
        self.last_answers(Kind::Held, &window)
    }

    /// The client addresses of requests of one sort that were not answered.
    pub(super) fn unanswered(&self, kind: Kind, window: Range<Duration>) -> BTreeSet<IpAddr> {
        self.within(&window)
            .filter(|sample| sample.kind == kind && sample.outcome.is_err())
            .filter_map(|sample| sample.source)
            .collect()
    }

    /// The failures within `window`, and how often they occurred.
    pub(super) fn errors(&self, window: Range<Duration>) -> BTreeMap<&str, usize> {
        let mut errors = BTreeMap::new();
        for error in self
            .within(&window)
            .filter_map(|sample| sample.outcome.as_ref().err())
        {
            *errors.entry(error.as_str()).or_default() += 1;
        }
        errors
    }

    /// Ends it: every request, and how long it went on.
    pub(super) fn stop(self) -> (Vec<Sample>, Duration) {
        let (mut samples, time) = (self.samples, self.load.elapsed());
        samples.extend(self.load.stop().samples);
        (samples, time)
    }

    fn within(&self, window: &Range<Duration>) -> impl Iterator<Item = &Sample> {
        let window = window.clone();
        self.samples
            .iter()
            .filter(move |sample| window.contains(&sample.at))
    }

    fn last_answers(&self, kind: Kind, window: &Range<Duration>) -> BTreeMap<IpAddr, String> {
        let mut answered: Vec<&Sample> = self.within(window).filter(|it| it.kind == kind).collect();
        answered.sort_by_key(|sample| sample.at);
        answered
            .into_iter()
            .filter_map(|sample| Some((sample.source?, sample.outcome.clone().ok()?)))
            .collect()
    }
}

/// Requests, and how many of them were not answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    /// All.
    pub(super) asked: usize,
    /// Those that were not answered.
    pub(super) failed: usize,
}
