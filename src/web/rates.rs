// SPDX-License-Identifier: MIT OR Apache-2.0
//! New connections per second over the last hour, out of the kernel's counters.

use std::collections::BTreeMap;
use std::time::Duration;

use super::traffic::{Reading, ServiceTraffic};
use crate::model::{ServerKey, ServiceKey, Timestamp};

/// So many steps are kept.
const KEPT: usize = 360;
/// Counters that were read further apart say nothing of the steps between.
const LONGEST_GAP: Duration = Duration::from_secs(60);
/// At most so many services and servers have a history, of 1.5 kB each. When there are more, only services have one.
const MOST: usize = 4_096;

type Whose = (ServiceKey, Option<ServerKey>);

/// The last hour of every service, and of every server unless there are too many.
#[derive(Debug, Default)]
pub struct History {
    /// When the counters were taken last.
    taken: Option<Timestamp>,
    series: BTreeMap<Whose, Series>,
}

/// One service or server.
#[derive(Debug)]
struct Series {
    /// Its connections when they were taken last.
    connections: u64,
    /// The rate in each step, at the step's number modulo [`KEPT`]; no number when it is not known.
    rates: Box<[f32; KEPT]>,
}

impl History {
    /// The length of a step.
    pub const STEP: Duration = Duration::from_secs(10);

    /// Takes the counters at the first reading in a step.
    pub(super) fn take(&mut self, now: Timestamp, reading: &Reading) {
        let (from, step) = (self.taken, number(now));
        if from.is_some_and(|from| number(from) == step) {
            return;
        }
        self.taken = Some(now);
        let mut before = std::mem::take(&mut self.series);
        for (whose, connections) in counted(reading) {
            let mut series = before
                .remove(&whose)
                .unwrap_or_else(|| Series::new(connections));
            if let Some(from) = from {
                series.take((from, now), connections);
            }
            series.connections = connections;
            self.series.insert(whose, series);
        }
    }

    /// The steps of the hour before this moment, the oldest first.
    pub(super) fn rates(
        &self,
        now: Timestamp,
        service: &ServiceKey,
        server: Option<&ServerKey>,
    ) -> Vec<Option<f32>> {
        let whose = (*service, server.copied());
        let (Some(series), Some(taken)) = (self.series.get(&whose), self.taken) else {
            return Vec::new();
        };
        let (last, taken) = (number(now), number(taken));
        let first = (last + 1).saturating_sub(KEPT as u64);
        let steps = first..=last;
        let known = steps.map(|step| (step <= taken).then(|| series.rate(step)).flatten());
        known.collect()
    }
}

impl Series {
    fn new(connections: u64) -> Self {
        Self {
            connections,
            rates: Box::new([f32::NAN; KEPT]),
        }
    }

    /// Gives the steps since then the rate that they had together.
    fn take(&mut self, (from, now): (Timestamp, Timestamp), connections: u64) {
        let elapsed = now.since(from);
        let more = connections.checked_sub(self.connections);
        let more = more.filter(|_| elapsed <= LONGEST_GAP);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "a chart shows three digits"
        )]
        let rate = more.map_or(f32::NAN, |more| {
            (more as f64 / elapsed.as_secs_f64()) as f32
        });
        let steps = number(from) + 1..=number(now);
        for step in steps.rev().take(KEPT) {
            if let Some(at) = self.rates.get_mut(position(step)) {
                *at = rate;
            }
        }
    }

    fn rate(&self, step: u64) -> Option<f32> {
        let rate = self.rates.get(position(step)).copied();
        rate.filter(|it| !it.is_nan())
    }
}

/// The connections of all who have a history.
fn counted(reading: &Reading) -> impl Iterator<Item = (Whose, u64)> {
    let services = reading.services.iter();
    let servers: usize = services.clone().map(|(_, it)| it.servers.len()).sum();
    let all = servers.saturating_add(reading.services.len()) <= MOST;
    let each = services.flat_map(move |(key, service)| {
        let servers = all.then(|| of_servers(key, service)).into_iter().flatten();
        std::iter::once(((*key, None), service.counters.connections)).chain(servers)
    });
    each.take(MOST)
}

fn of_servers(
    key: &ServiceKey,
    service: &ServiceTraffic,
) -> impl Iterator<Item = (Whose, u64)> + use<> {
    let key = *key;
    let servers: Vec<_> = service
        .servers
        .iter()
        .map(|(server, it)| ((key, Some(*server)), it.counters.connections))
        .collect();
    servers.into_iter()
}

/// The number of the step in which this is.
fn number(at: Timestamp) -> u64 {
    at.since_start().as_secs() / History::STEP.as_secs()
}

fn position(step: u64) -> usize {
    usize::try_from(step % KEPT as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Counters;
    use crate::web::traffic::ServerTraffic;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::after_start(Duration::from_secs(seconds))
    }

    fn service() -> ServiceKey {
        "TCP 192.0.2.10:80".parse().unwrap()
    }

    fn server() -> ServerKey {
        "10.0.0.1:80".parse().unwrap()
    }

    fn reading(connections: u64) -> Reading {
        let counters = Counters {
            connections,
            ..Counters::default()
        };
        let of_server = ServerTraffic {
            counters,
            ..ServerTraffic::default()
        };
        let of_service = ServiceTraffic {
            counters,
            servers: std::iter::once((server(), of_server)).collect(),
        };
        Reading {
            services: std::iter::once((service(), of_service)).collect(),
        }
    }

    fn last(history: &History, now: u64, count: usize) -> Vec<Option<f32>> {
        let all = history.rates(at(now), &service(), None);
        all[all.len().saturating_sub(count)..].to_vec()
    }

    #[test]
    fn each_step_has_the_rate_since_the_one_before() {
        let mut history = History::default();
        for (second, connections) in [(0, 7), (5, 20), (10, 107), (15, 107), (20, 107)] {
            history.take(at(second), &reading(connections));
        }
        assert_eq!(last(&history, 20, 9), [None, Some(10.0), Some(0.0)]);
        let of_server = history.rates(at(20), &service(), Some(&server()));
        assert_eq!(of_server, history.rates(at(20), &service(), None));
    }

    #[test]
    fn a_short_gap_has_its_mean_and_a_long_one_is_not_known() {
        let mut history = History::default();
        history.take(at(0), &reading(0));
        history.take(at(30), &reading(60));
        let known = [None, Some(2.0), Some(2.0), Some(2.0)];
        assert_eq!(last(&history, 30, 4), known);
        history.take(at(100), &reading(900));
        assert_eq!(last(&history, 100, 7), [None; 7]);
        history.take(at(110), &reading(910));
        assert_eq!(last(&history, 110, 2), [None, Some(1.0)]);
        // Nobody has asked since: the old steps of the ring are not taken for new ones.
        assert_eq!(last(&history, 3_700, 1), [None]);
        assert_eq!(history.rates(at(3_700), &service(), None).len(), KEPT);
    }

    #[test]
    fn counters_that_begin_anew_say_nothing_once() {
        let mut history = History::default();
        for (second, connections) in [(0, 100), (10, 50), (20, 80)] {
            history.take(at(second), &reading(connections));
        }
        assert_eq!(last(&history, 20, 2), [None, Some(3.0)]);
    }

    #[test]
    fn what_is_gone_has_no_history_and_what_was_never_there_neither() {
        let mut history = History::default();
        history.take(at(0), &reading(0));
        history.take(at(10), &Reading::default());
        assert!(last(&history, 10, 1).is_empty());
        assert!(history.series.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_services_go_before_servers() {
        let one = reading(1).services.remove(&service()).unwrap();
        let keys = (1..=5_000).map(|port| ServiceKey::tcp(([192, 0, 2, 1], port).into()));
        let many: BTreeMap<_, _> = keys.map(|key| (key, one.clone())).collect();
        let few = many.iter().take(3_000);
        let few = Reading {
            services: few.map(|(key, it)| (*key, it.clone())).collect(),
        };
        let mut history = History::default();
        history.take(at(0), &few);
        assert_eq!(history.series.len(), 3_000);
        assert!(history.series.keys().all(|(_, server)| server.is_none()));
        history.take(at(10), &Reading { services: many });
        assert_eq!(history.series.len(), MOST);
    }
}
