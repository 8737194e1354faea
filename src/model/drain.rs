// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real servers that drain: they get no new connections, and leave the table when their present ones have ended.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConnectionCounts, RealServer, ServerKey, ServiceKey, Timestamp, Traffic};

/// What ends a drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct DrainTerms {
    /// It ends after this time, also when connections are left. `None` waits for as long as they live.
    pub deadline: Option<Duration>,
    /// Waits also for the persistence templates, which bind clients to the server.
    pub templates: bool,
}

impl DrainTerms {
    /// The longest deadline of a drain that an operator orders, in seconds: 30 days.
    pub const LONGEST_DEADLINE: u64 = 2_592_000;

    /// The terms for a server that leaves the configuration, when nothing is written.
    pub const LEAVING: Self = Self {
        deadline: Some(Duration::from_hours(1)),
        templates: false,
    };
}

/// One drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drain {
    /// What ends it.
    pub terms: DrainTerms,
    /// When it began.
    pub since: Timestamp,
    /// The rule in the kernel of a server that left the configuration; `None` for one that an operator drains.
    pub leaving: Option<RealServer>,
    /// What was found when its connections were counted last; `None` until then.
    pub counted: Option<DrainCount>,
    /// Whether it has ended. The server stays out of the table until its order is taken back.
    pub ended: bool,
}

impl Drain {
    /// A drain that begins.
    #[must_use]
    pub const fn new(terms: DrainTerms, since: Timestamp, leaving: Option<RealServer>) -> Self {
        Self {
            terms,
            since,
            leaving,
            counted: None,
            ended: false,
        }
    }
}

/// What was found when the connections of a draining server were counted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainCount {
    /// When that was.
    pub at: Timestamp,
    /// Its connections.
    pub left: ConnectionCounts,
    /// Since when every count has found no connection that lives.
    pub quiet: Option<Timestamp>,
    /// Whether packets still flow.
    pub flow: Flow,
}

/// Whether packets flow to a server, by the kernel's counters.
///
/// A connection that one side has closed (`FIN_WAIT`, `CLOSE_WAIT`) may carry a download for hours, and the kernel counts
/// it as it counts one that has ended: as inactive. Only the packets tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    last: Traffic,
    since: Timestamp,
    moved: bool,
}

impl Flow {
    /// The kernel adds up every 2 s, and is read about every second: counters that stood still for less may move.
    const BETWEEN: Duration = Duration::from_secs(3);

    /// By a first reading.
    #[must_use]
    pub const fn new(now: Timestamp, traffic: Traffic) -> Self {
        Self {
            last: traffic,
            since: now,
            moved: false,
        }
    }

    /// By a further reading. Counters that begin anew have moved.
    pub fn see(&mut self, now: Timestamp, traffic: Traffic) {
        if self.last != traffic {
            *self = Self {
                moved: true,
                ..Self::new(now, traffic)
            };
        }
    }

    /// For how long the readings have been the same.
    #[must_use]
    pub fn still_for(&self, now: Timestamp) -> Duration {
        now.since(self.since)
    }

    /// Whether packets flow: the counters have moved just now.
    #[must_use]
    pub fn is_moving(&self, now: Timestamp) -> bool {
        self.moved && self.still_for(now) < Self::BETWEEN
    }
}

/// A drain as it outlives a director.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecalledDrain {
    /// The virtual service.
    pub service: ServiceKey,
    /// The real server.
    pub server: ServerKey,
    /// What ends it.
    pub terms: DrainTerms,
    /// The rule in the kernel of a server that left the configuration.
    pub leaving: Option<RealServer>,
    /// Whether it has ended.
    pub ended: bool,
    /// How long ago it began.
    pub age: Duration,
}

/// All drains.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Drains(BTreeMap<(ServiceKey, ServerKey), Drain>);

impl Drains {
    /// The drain of this server of this service, if there is one.
    #[must_use]
    pub fn get(&self, service: &ServiceKey, server: &ServerKey) -> Option<&Drain> {
        self.0.get(&(*service, *server))
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, service: &ServiceKey, server: &ServerKey) -> Option<&mut Drain> {
        self.0.get_mut(&(*service, *server))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts a drain there, in place of the one before.
    pub fn insert(&mut self, service: ServiceKey, server: ServerKey, drain: Drain) {
        self.0.insert((service, server), drain);
    }

    /// Takes a drain away, and returns it.
    pub fn remove(&mut self, service: &ServiceKey, server: &ServerKey) -> Option<Drain> {
        self.0.remove(&(*service, *server))
    }

    /// Each drain, by service and server.
    pub fn iter(&self) -> impl Iterator<Item = (&ServiceKey, &ServerKey, &Drain)> {
        let all = self.0.iter();
        all.map(|((service, server), drain)| (service, server, drain))
    }

    /// Those of one service.
    pub fn of<'a>(
        &'a self,
        service: &'a ServiceKey,
    ) -> impl Iterator<Item = (&'a ServerKey, &'a Drain)> + use<'a> {
        let first = (*service, ServerKey::FIRST);
        let from = self.0.range((Bound::Included(first), Bound::Unbounded));
        from.take_while(move |((it, _), _)| it == service)
            .map(|((_, server), drain)| (server, drain))
    }

    /// Keeps those for which this is true.
    pub fn retain(&mut self, keep: impl Fn(&ServiceKey, &ServerKey, &Drain) -> bool) {
        self.0
            .retain(|(service, server), drain| keep(service, server, drain));
    }

    /// As they outlive a director.
    pub fn recalled(&self, now: Timestamp) -> impl Iterator<Item = RecalledDrain> {
        self.iter()
            .map(move |(&service, &server, drain)| RecalledDrain {
                service,
                server,
                terms: drain.terms,
                leaving: drain.leaving,
                ended: drain.ended,
                age: now.since(drain.since),
            })
    }

    /// Those of an earlier director.
    #[must_use]
    pub fn of_recalled(all: &[RecalledDrain], now: Timestamp) -> Self {
        let drains = all.iter().map(|it| {
            let drain = Drain {
                ended: it.ended,
                ..Drain::new(it.terms, now.before(it.age), it.leaving)
            };
            ((it.service, it.server), drain)
        });
        Self(drains.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drains_of_one_service_are_found_and_no_others() {
        let mut drains = Drains::default();
        let drain = Drain::new(DrainTerms::LEAVING, Timestamp::ZERO, None);
        let services = ["TCP 192.0.2.9:80", "TCP 192.0.2.10:80", "FWM 7"];
        let services: [ServiceKey; 3] = services.map(|it| it.parse().unwrap());
        for service in services {
            for server in ["[::1]:1", "0.0.0.0:0", "10.0.0.1:80"] {
                drains.insert(service, server.parse().unwrap(), drain);
            }
        }
        for service in services {
            let found: Vec<String> = drains.of(&service).map(|it| it.0.to_string()).collect();
            assert_eq!(found, ["0.0.0.0:0", "10.0.0.1:80", "[::1]:1"]);
        }
        let none = "TCP 192.0.2.11:80".parse().unwrap();
        assert_eq!(drains.of(&none).count(), 0);
    }

    #[test]
    fn a_drain_is_as_old_as_it_was_when_a_later_director_takes_it_over() {
        let now = Timestamp::after_start(Duration::from_secs(100));
        let mut drains = Drains::default();
        let service = "FWM 7".parse().unwrap();
        let drain = Drain::new(DrainTerms::LEAVING, now, None);
        drains.insert(service, "10.0.0.1:80".parse().unwrap(), drain);
        let recalled: Vec<_> = drains.recalled(now + Duration::from_secs(5)).collect();
        assert_eq!(recalled[0].age, Duration::from_secs(5));
        let later = Drains::of_recalled(&recalled, now + Duration::from_secs(5));
        assert_eq!(later, drains);
    }
    #[test]
    fn packets_flow_as_long_as_the_counters_move() {
        let at = |seconds| Timestamp::after_start(Duration::from_secs(seconds));
        let traffic = |in_packets, out_packets| Traffic {
            connections: 1,
            in_packets,
            out_packets,
        };
        let mut flow = Flow::new(at(100), traffic(7, 0));
        assert!(!flow.is_moving(at(100)), "one reading tells nothing");
        flow.see(at(101), traffic(8, 0));
        assert!(flow.is_moving(at(103)));
        flow.see(at(103), traffic(8, 1));
        assert!(flow.is_moving(at(105)), "what goes out flows, too");
        flow.see(at(106), traffic(8, 1));
        assert!(!flow.is_moving(at(106)));
        assert_eq!(flow.still_for(at(106)), Duration::from_secs(3));
        // Somebody has zeroed them.
        flow.see(at(107), traffic(0, 0));
        assert_eq!(flow.still_for(at(108)), Duration::from_secs(1));
    }
}
