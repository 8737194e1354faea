// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which servers count as the other director finds them: while it leads, and for a while afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Whose;
use crate::engine::machine::Engine;
use crate::engine::slow_starts::takes_out;
use crate::engine::tell::Untold;
use crate::health::CheckId;
use crate::model::{
    Adoption, Fall, PeerStanding, ProbeOutcome, Rank, ServerKey, ServiceKey, Standing, Timestamp,
};

/// For so long the last word of a leader keeps a server out whose connections would go astray, when nothing else is written.
const USUAL_WINDOW: Duration = Duration::from_mins(2);

impl Engine {
    /// The leader is gone, or leads no more. Its last words count until the checks of this director have confirmed what they
    /// say. One that it kept out of a service that keeps its connections stays out until the connections have been taken on.
    pub(super) fn keep_last_words(&mut self, now: Timestamp) {
        let window = match self.config.ipvs.adopt_connections {
            Adoption::For(time) => time,
            Adoption::Always => USUAL_WINDOW,
        };
        for (service, server, word) in self.overruled.iter() {
            let Some(missing) = self.missing_results(&service, &server) else {
                continue;
            };
            let configured = self.config.services.get(&service);
            let keeps = configured.is_some_and(|it| it.failover.keeps_connections());
            let until = (keeps && !word.standing.is_up()).then(|| now + window);
            self.pair
                .belief
                .keep((service, server), word, missing, until);
        }
    }

    /// How many results confirm what the checks of this director say of a server.
    fn missing_results(&self, service: &ServiceKey, server: &ServerKey) -> Option<u32> {
        let health = self.health.server(service, server)?;
        let needed = health.checks().map(|check| {
            let schedule = &check.check.schedule;
            match (health.standing, schedule.fall) {
                (Standing::Up(_), _) => schedule.rise,
                (_, Fall::InARow(failures) | Fall::OfTheLast { failures, .. }) => failures,
            }
        });
        needed.max()
    }

    /// A check has a result. Where the last word of a leader counts, it may be confirmed or disproved by now.
    pub(in crate::engine) fn confirm(
        &mut self,
        now: Timestamp,
        check: CheckId,
        outcome: ProbeOutcome,
    ) {
        if self.pair.belief.keeps() == 0 {
            return;
        }
        let passes = match outcome {
            ProbeOutcome::Up(_)
            | ProbeOutcome::Quiet
            | ProbeOutcome::Told(_)
            | ProbeOutcome::Drain
            | ProbeOutcome::Maintenance => true,
            ProbeOutcome::Down
            | ProbeOutcome::Refused
            | ProbeOutcome::Silent
            | ProbeOutcome::Stalled
            | ProbeOutcome::CutOff => false,
            ProbeOutcome::Unsupported | ProbeOutcome::Abstained | ProbeOutcome::CouldNotRun => {
                return;
            }
        };
        let users: Vec<Whose> = self.health.users(check).collect();
        for (service, server) in users {
            let health = self.health.server(&service, &server);
            let agrees = health.is_some_and(|it| (it.standing == Standing::Down) != passes);
            if agrees && self.pair.belief.confirm(now, &service, &server) {
                self.dirty.insert(service);
            }
        }
    }

    /// The time of last words that are disproved may be over.
    pub(in crate::engine) fn end_last_words(&mut self, now: Timestamp) {
        let over = self.pair.belief.end_due(now);
        self.dirty.extend(over);
    }

    /// Before this service is planned for: the servers that count as the other director finds them.
    pub(in crate::engine) fn settle_with_peer(&mut self, now: Timestamp, key: ServiceKey) {
        let words = self.peer_words(&key);
        let before = self.overruled.set(key, words);
        let after = self.overruled.of(&key).cloned().unwrap_or_default();
        if before == after {
            return;
        }
        self.pair.news = true;
        self.stale.insert(key);
        self.pair.is_news(key);
        let servers: BTreeSet<ServerKey> = before.keys().chain(after.keys()).copied().collect();
        for server in servers {
            let own = self.health.server(&key, &server);
            let own = own.map_or(Standing::Unknown, |it| it.standing);
            let of = |words: &BTreeMap<ServerKey, PeerStanding>| {
                words.get(&server).map_or(own, |it| it.standing)
            };
            let (from, to) = (of(&before), of(&after));
            if from == to {
                continue;
            }
            let because = match (after.contains_key(&server), self.pair.belief.follows()) {
                (true, true) => format!("as the leading director {} finds it", self.peer_name()),
                (true, false) => "as the director that led found it last".to_owned(),
                (false, _) => "as the checks of this director find it".to_owned(),
            };
            self.untold.push(Untold::Verdict {
                at: now,
                service: key,
                server,
                from,
                to,
                because: because.into(),
                before: self.weight(&key, &server),
            });
            self.start_slowly_after_verdict(now, (key, server), from, to);
        }
    }

    /// The words of the other director that say something else than the checks of this one. Where nobody would be up by its
    /// words, and somebody is by the checks of this one, they count for nothing.
    fn peer_words(&self, key: &ServiceKey) -> BTreeMap<ServerKey, PeerStanding> {
        let mut words = BTreeMap::new();
        let Some(service) = self.config.services.get(key) else {
            return words;
        };
        if !self.pair.belief.follows() && self.pair.belief.keeps() == 0 {
            return words;
        }
        let (mut up, mut own_up) = (false, false);
        for (server, configured) in &*service.servers {
            let health = self.health.server(key, server);
            let own = health.map_or(Standing::UP, |it| it.standing);
            let word = health.and_then(|_| {
                let checks = self.pair.checks_of(key, server)?;
                self.pair.belief.counts(key, server, checks)
            });
            let order = self.orders.get(key, server);
            if configured.rank != Rank::Sorry && !order.is_some_and(takes_out) {
                up |= word.map_or(own, |it| it.standing).is_up();
                own_up |= own.is_up();
            }
            if let Some(word) = word
                && word.standing != own
            {
                words.insert(*server, word);
            }
        }
        if own_up && !up {
            words.clear();
        }
        words
    }
}
