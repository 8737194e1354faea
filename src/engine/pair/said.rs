// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the other director is told.

use std::mem;
use std::time::Duration;

use super::Whose;
use crate::engine::event::Action;
use crate::engine::machine::{Engine, Work};
use crate::health::ServerHealth;
use crate::model::{KnowsStandings as _, NoResult, Standing, Timestamp};
use crate::pair::{Ledger, MOST_IN_A_MESSAGE, Message, ServiceNews, Verdict};

impl Engine {
    /// What the other director does not know yet.
    pub(in crate::engine) fn send_news(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        for some in mem::take(&mut self.drained).chunks(MOST_IN_A_MESSAGE) {
            self.say(Message::Drained(some.to_vec()), out);
        }
        self.send_verdicts(now, out);
    }

    /// What it does not know yet of verdicts here.
    fn send_verdicts(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        if self.pair.unsent.is_empty() || !matches!(self.work, Work::Idle) {
            return;
        }
        let mut news = Vec::new();
        for key in mem::take(&mut self.pair.unsent) {
            let Some(service) = self.config.services.get(&key) else {
                continue;
            };
            for server in service.servers.keys() {
                let Some(verdict) = self.verdict((key, *server), now) else {
                    continue;
                };
                let ageless = Verdict {
                    age: Duration::ZERO,
                    ..verdict
                };
                if self.pair.sent.get(&(key, *server)) != Some(&ageless) {
                    self.pair.sent.insert((key, *server), ageless);
                    news.push(verdict);
                }
            }
        }
        for some in news.chunks(MOST_IN_A_MESSAGE) {
            self.say(Message::Verdicts(some.to_vec()), out);
        }
    }

    fn verdict(&self, (service, server): Whose, now: Timestamp) -> Option<Verdict> {
        let health = self.health.server(&service, &server)?;
        let own = word_of(&health);
        let word = self.overruled.get(&service, &server);
        let held = || self.health.is_only_held_down(&service, &server);
        Some(Verdict {
            service,
            server,
            checks: self.pair.checks_of(&service, &server)?,
            own,
            counts: word.map(|it| it.standing).or(own),
            age: now.since(word.map_or(health.since, |it| it.since)),
            only_held_down: word.map_or_else(held, |it| it.only_held_down),
        })
    }

    /// The other director is told everything. Whether this one leads comes last.
    pub(super) fn tell_everything(&mut self, now: Timestamp, out: &mut Vec<Action>) {
        self.say_orders(now, |_| true, out);
        let digests = self.pair.digests.iter();
        let services: Vec<ServiceNews> = digests
            .map(|(key, digests)| ServiceNews {
                service: *key,
                digest: digests.service,
            })
            .collect();
        let mut first = true;
        let mut rest = &*services;
        while first || !rest.is_empty() {
            let (some, others) = rest.split_at(rest.len().min(MOST_IN_A_MESSAGE));
            let of = some.to_vec();
            self.say(Message::Services { first, of }, out);
            (first, rest) = (false, others);
        }
        self.pair.sent.clear();
        self.pair.unsent = self.config.services.keys().copied().collect();
        self.send_verdicts(now, out);
        let leads = self.mastership.is_master();
        self.say(Message::Leads(leads), out);
    }

    /// The orders for these servers, as the ledger has them.
    pub(in crate::engine) fn say_orders(
        &self,
        now: Timestamp,
        of: impl Fn(&Whose) -> bool,
        out: &mut Vec<Action>,
    ) {
        let entries = self.pair.ledger.iter().filter(|(whose, _)| of(whose));
        let news: Vec<_> = entries
            .map(|(whose, entry)| {
                let drain = self.drains.get(&whose.0, &whose.1);
                let drain = drain.map(|drain| (drain, now.since(drain.since)));
                Ledger::news(*whose, entry, drain)
            })
            .collect();
        for some in news.chunks(MOST_IN_A_MESSAGE) {
            self.say(Message::Orders(some.to_vec()), out);
        }
    }

    /// Sends a message, if the channel is there.
    pub(in crate::engine) fn say(&self, message: Message, out: &mut Vec<Action>) {
        if self.pair.belief.linked().is_some() {
            out.push(Action::ToPeer(Box::new(message)));
        }
    }
}

/// What the checks of a server say; `None` when they say nothing now: nothing was found yet, or a probe could not run.
pub(super) fn word_of(health: &ServerHealth<'_>) -> Option<Standing> {
    let could_not_run = health
        .checks()
        .any(|check| check.could_not_run > 0 && check.no_result == NoResult::CouldNotRun);
    let found = health.standing != Standing::Unknown && !health.assumed;
    (found && !could_not_run).then_some(health.standing)
}
