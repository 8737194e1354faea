// SPDX-License-Identifier: MIT OR Apache-2.0
//! The other director of the pair: what it is told, and what comes of its words.

mod orders;
mod said;
mod shown;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::Arc;

use super::event::{Action, PeerNews};
use super::machine::{Engine, Work};
use crate::model::{
    Condition, Config, ConfiguredService, Effect, Object, ServerKey, ServiceKey, Timestamp,
    Transition,
};
use crate::pair::{Belief, Digest, Ledger, Message, PairRole, Verdict, of_checks, of_service};

pub(in crate::engine) type Whose = (ServiceKey, ServerKey);

/// What the engine knows of the pair.
#[derive(Debug, Default)]
pub(in crate::engine) struct Pair {
    /// What it believes of the other director.
    pub(in crate::engine) belief: Belief,
    /// The last order for each server, with its version.
    pub(in crate::engine) ledger: Arc<Ledger>,
    /// The number of this director in versions.
    pub(in crate::engine) origin: u64,
    /// Orders of the other director that would leave a service without a server here.
    pub(in crate::engine) kept_back: BTreeSet<Whose>,
    /// Orders of the other director for servers that this one does not have. Each is told once.
    pub(in crate::engine) kept_out: BTreeSet<Whose>,
    /// The services whose verdicts may be news to the other one.
    unsent: BTreeSet<ServiceKey>,
    /// The digests of what is configured; none without a peer.
    digests: BTreeMap<ServiceKey, Digests>,
    /// Whether what is shown of the pair has changed since the last snapshot.
    pub(in crate::engine) news: bool,
    /// What it was told of each server; the age does not count.
    sent: BTreeMap<Whose, Verdict>,
}

impl Pair {
    /// What the checks of these services say may be news to the other director.
    pub(in crate::engine) fn is_news(&mut self, service: ServiceKey) {
        if self.belief.linked().is_some() {
            self.unsent.insert(service);
            self.news = true;
        }
    }

    fn checks_of(&self, service: &ServiceKey, server: &ServerKey) -> Option<Digest> {
        self.digests.get(service)?.checks.get(server).copied()
    }
}

/// The digests of a service and of the checks of its servers.
#[derive(Debug)]
struct Digests {
    service: Digest,
    checks: BTreeMap<ServerKey, Digest>,
}

impl Digests {
    fn of(service: &ConfiguredService) -> Self {
        let servers = service.servers.iter();
        Self {
            service: of_service(service),
            checks: servers
                .map(|(key, server)| (*key, of_checks(&server.checks)))
                .collect(),
        }
    }
}

impl Engine {
    /// Something came from the other director, or happened to the channel.
    pub(in crate::engine) fn peer_news(
        &mut self,
        now: Timestamp,
        news: PeerNews,
        out: &mut Vec<Action>,
    ) {
        if let Work::NotStarted | Work::Ended = self.work {
            return;
        }
        self.pair.news = true;
        match news {
            PeerNews::Came(program) => {
                let role = self.pair.belief.role();
                self.pair.belief.came(now);
                self.tell_peer(now, Condition::Absent, Condition::Running, &program, out);
                self.tell_everything(now, out);
                self.role_changed(now, role, out);
            }
            PeerNews::Gone(why) => {
                let role = self.pair.belief.role();
                self.pair.belief.gone();
                self.pair.sent.clear();
                self.pair.unsent.clear();
                self.tell_peer(now, Condition::Running, Condition::Absent, &why, out);
                self.role_changed(now, role, out);
            }
            PeerNews::Said(message) => self.peer_said(now, *message, out),
        }
    }

    fn peer_said(&mut self, now: Timestamp, message: Message, out: &mut Vec<Action>) {
        match message {
            Message::Orders(news) => self.take_peer_orders(now, &news, out),
            Message::Services { first, of } => {
                let services = &self.config.services;
                let has = |key: &ServiceKey| services.contains_key(key);
                self.pair.belief.hear_services(first, &of, has);
            }
            Message::Verdicts(verdicts) => self.hear_verdicts(now, &verdicts),
            Message::Leads(leads) => {
                let role = self.pair.belief.role();
                self.pair.belief.peer_leads(leads);
                // What an earlier connection told of, and this one did not, counts no more.
                if self.pair.belief.follows() {
                    self.dirty.extend(self.config.services.keys());
                }
                self.role_changed(now, role, out);
            }
            Message::Drained(servers) => self.peer_drained(now, &servers),
            Message::Again {} => self.tell_everything(now, out),
            // The channel itself answers the first two. The third is for who sends connections.
            Message::Hello(_) | Message::Alive {} | Message::Table(_) => {}
        }
    }

    fn hear_verdicts(&mut self, now: Timestamp, verdicts: &[Verdict]) {
        for verdict in verdicts {
            let service = self.config.services.get(&verdict.service);
            if service.is_some_and(|it| it.servers.contains_key(&verdict.server)) {
                self.pair.belief.hear(now, verdict);
                if self.pair.belief.follows() {
                    self.dirty.insert(verdict.service);
                }
                self.stale.insert(verdict.service);
            }
        }
    }

    /// This host is now master of some virtual router, or of none.
    pub(in crate::engine) fn lead(&mut self, now: Timestamp, leads: bool, out: &mut Vec<Action>) {
        let role = self.pair.belief.role();
        self.pair.belief.lead(leads);
        self.say(Message::Leads(leads), out);
        self.role_changed(now, role, out);
    }

    /// The two directors may be something else for each other than they were.
    fn role_changed(&mut self, now: Timestamp, was: PairRole, out: &mut Vec<Action>) {
        let is = self.pair.belief.role();
        if is == was {
            return;
        }
        self.pair.news = true;
        if was == PairRole::Follows {
            self.keep_last_words(now);
            self.dirty.extend(self.config.services.keys());
            self.tell_peer(now, Condition::Follows, Condition::Running, "", out);
        }
        if is == PairRole::Follows {
            self.pair.belief.keep_nothing();
            self.dirty.extend(self.config.services.keys());
            self.tell_peer(now, Condition::Running, Condition::Follows, "", out);
        }
    }

    /// A configuration is in force, after this one: the digests are made anew of what is different.
    pub(in crate::engine) fn digest_services(&mut self, before: &Config) {
        let mut known = mem::take(&mut self.pair.digests);
        self.pair.news = true;
        if self.config.peer.is_none() {
            return;
        }
        let services = self.config.services.iter();
        let digests = services.map(|(key, service)| {
            let same = before.services.get(key) == Some(service);
            let known = known.remove(key).filter(|_| same);
            (*key, known.unwrap_or_else(|| Digests::of(service)))
        });
        self.pair.digests = digests.collect();
    }

    /// A new configuration is in force.
    pub(in crate::engine) fn peer_after_reload(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        let services = &self.config.services;
        let has = |service: &ServiceKey, server: &ServerKey| {
            let service = services.get(service);
            service.is_some_and(|service| service.servers.contains_key(server))
        };
        Arc::make_mut(&mut self.pair.ledger).retain(has);
        self.pair.belief.retain(has);
        self.pair
            .kept_back
            .retain(|(service, server)| has(service, server));
        self.pair.kept_out.clear();
        let gone: Vec<ServiceKey> = self
            .overruled
            .services()
            .filter(|key| !services.contains_key(*key))
            .copied()
            .collect();
        for key in gone {
            self.overruled.set(key, BTreeMap::new());
        }
        if self.pair.belief.linked().is_some() {
            self.dirty.extend(self.config.services.keys());
            self.say(Message::Again {}, out);
            self.tell_everything(now, out);
        }
    }

    /// The name of the other director in messages.
    pub(in crate::engine) fn peer_name(&self) -> String {
        let peer = self.config.peer.as_ref();
        peer.map_or_else(
            || "of the pair".to_owned(),
            |it| it.address.ip().to_string(),
        )
    }

    pub(in crate::engine) fn tell_peer(
        &mut self,
        now: Timestamp,
        from: Condition,
        to: Condition,
        why: &str,
        out: &mut Vec<Action>,
    ) {
        let why = match why {
            "" => self.peer_name(),
            why => format!("{}: {why}", self.peer_name()),
        };
        let told = Transition {
            at: now,
            object: Object::Peer,
            from,
            to,
            why: why.into(),
            effect: Effect::None,
        };
        self.tell(told, out);
    }
}
