// SPDX-License-Identifier: MIT OR Apache-2.0
//! Makes the checkers from a configuration and from what is known already.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::checker::{Checker, first_spread};
use super::event::CheckId;
use super::memory::Memory;
use super::roster::{Roster, ServerSlot, ServiceSlot, Slot, User};
use crate::model::{
    Check, Config, ConfiguredServer, ConfiguredService, Few, Probe, ServerKey, ServiceKey,
    Standing, Timestamp,
};

/// The standings that an earlier director knew, by probe.
pub(super) type Memories = BTreeMap<Probe, Memory>;

/// The input for a new roster.
pub(super) struct Origin<'a> {
    pub(super) before: &'a Roster,
    pub(super) recalled: &'a Memories,
    pub(super) now: Timestamp,
    pub(super) last_id: &'a mut u64,
    pub(super) jitter: &'a mut fastrand::Rng,
}

/// A roster under construction.
struct Draft<'a> {
    origin: Origin<'a>,
    roster: Roster,
    /// Where the checker of each check is.
    positions: BTreeMap<&'a Check, usize>,
    /// How many checkers were there before. The others are new.
    kept: usize,
    /// Within this time the new ones probe first.
    spread: Duration,
}

/// The roster of a configuration. Checkers of a check that stays are kept, with all they know.
pub(super) fn roster(
    config: &Config,
    serving: impl Fn(&ServiceKey, &ServerKey) -> bool,
    origin: Origin<'_>,
) -> Roster {
    kept(config, &serving, origin.before).unwrap_or_else(|| made(config, serving, origin))
}

/// The roster before, if the configuration has the same checks. Most reloads change no check, and a roster of many
/// servers takes long to make.
pub(super) fn kept(
    config: &Config,
    serving: impl Fn(&ServiceKey, &ServerKey) -> bool,
    before: &Roster,
) -> Option<Roster> {
    if !checks_alike(config, before) {
        return None;
    }
    let mut roster = before.clone();
    note_serving(&mut roster, serving);
    Some(roster)
}

/// Whether a configuration has the same checks of the same servers as a roster.
fn checks_alike(config: &Config, roster: &Roster) -> bool {
    let services = config.services.iter();
    let checked = services.filter(|(_, it)| checked_servers(it).next().is_some());
    checked.clone().count() == roster.services.len()
        && checked
            .zip(&roster.services)
            .all(|((key, service), slot)| *key == slot.key && servers_alike(service, slot, roster))
}

fn servers_alike(service: &ConfiguredService, slot: &ServiceSlot, roster: &Roster) -> bool {
    checked_servers(service).count() == slot.servers.len()
        && checked_servers(service)
            .zip(slot.servers.iter())
            .all(|((key, server), slot)| {
                let before = roster.checkers_of(slot).map(Checker::check);
                *key == slot.key
                    && server.checks.need == slot.need
                    && before.eq(server.checks.each.iter())
            })
}

fn checked_servers(
    service: &ConfiguredService,
) -> impl Iterator<Item = (&ServerKey, &ConfiguredServer)> {
    let servers = service.servers.iter();
    servers.filter(|(_, it)| !it.checks.each.is_empty())
}

/// Tells the checkers without a verdict which of their servers take connections.
fn note_serving(roster: &mut Roster, serving: impl Fn(&ServiceKey, &ServerKey) -> bool) {
    let Roster { checkers, services } = roster;
    for slot in checkers {
        if !slot.checker.wants_serving() {
            continue;
        }
        let serves = |user: &User| {
            let service = services.get(user.service)?;
            let server = service.servers.get(user.server)?;
            Some(serving(&service.key, &server.key))
        };
        if slot.users.iter().any(|user| serves(user) == Some(true)) {
            slot.change().note_serving();
        }
    }
}

/// The roster, made anew.
pub(super) fn made(
    config: &Config,
    serving: impl Fn(&ServiceKey, &ServerKey) -> bool,
    origin: Origin<'_>,
) -> Roster {
    let mut draft = Draft::keeping(config, origin);
    for (key, service) in &config.services {
        let mut servers = Vec::with_capacity(service.servers.len());
        for (server, configured) in service.servers.iter() {
            if configured.checks.each.is_empty() {
                continue;
            }
            let user = User {
                service: draft.roster.services.len(),
                server: servers.len(),
            };
            let serving = serving(key, server);
            let checkers = draft.checkers((key, server), configured, user, serving);
            servers.push(ServerSlot {
                key: *server,
                need: configured.checks.need,
                standing: Standing::Unknown,
                since: draft.origin.now,
                checkers,
            });
        }
        if !servers.is_empty() {
            draft.push(*key, servers);
        }
    }
    draft.finish(serving)
}

impl<'a> Draft<'a> {
    /// Begins with the checkers that are still wanted.
    fn keeping(config: &'a Config, origin: Origin<'a>) -> Self {
        let servers = config.services.values().flat_map(|it| it.servers.values());
        let wanted: BTreeSet<&Check> = servers
            .flat_map(|server| server.checks.each.iter().map(Arc::as_ref))
            .collect();
        let mut roster = Roster::EMPTY;
        roster.checkers.reserve_exact(wanted.len());
        let mut positions = BTreeMap::new();
        for slot in &origin.before.checkers {
            if let Some(check) = wanted.get(&**slot.checker.check()) {
                positions.insert(*check, roster.checkers.len());
                roster.checkers.push(Slot {
                    users: Few::NONE,
                    ..slot.clone()
                });
            }
        }
        Self {
            kept: roster.checkers.len(),
            spread: first_spread(wanted.len().saturating_sub(roster.checkers.len())),
            origin,
            roster,
            positions,
        }
    }

    /// The checkers of one server; makes those that do not exist yet.
    fn checkers(
        &mut self,
        keys: (&ServiceKey, &ServerKey),
        configured: &'a ConfiguredServer,
        user: User,
        serving: bool,
    ) -> Few<usize> {
        let mut checkers = Few::NONE;
        for check in configured.checks.each.iter() {
            let position = self.position(check);
            let before = self.same_probe_before(keys, check);
            let kept = position < self.kept;
            let Some(slot) = self.roster.checkers.get_mut(position) else {
                continue;
            };
            if let Some(before) = before
                && !slot.checker.has_verdict()
                && !kept
            {
                slot.checker = Arc::new(before.rescheduled(check, self.origin.now));
            }
            if serving && !kept {
                slot.change().begin_serving();
            } else if serving && slot.checker.wants_serving() {
                slot.change().note_serving();
            }
            slot.users.push(user);
            checkers.push(position);
        }
        checkers
    }

    fn position(&mut self, check: &'a Arc<Check>) -> usize {
        *self.positions.entry(check).or_insert_with(|| {
            let origin = &mut self.origin;
            *origin.last_id += 1;
            let recalled = origin.recalled.get(&check.probe).copied();
            let checker = Checker::new(
                Arc::clone(check),
                recalled,
                (origin.now, self.spread),
                origin.jitter,
            );
            self.roster.checkers.push(Slot {
                id: CheckId(*origin.last_id),
                checker: Arc::new(checker),
                users: Few::NONE,
            });
            self.roster.checkers.len() - 1
        })
    }

    /// The present checker of this server with the same probe.
    fn same_probe_before(
        &self,
        (service, server): (&ServiceKey, &ServerKey),
        check: &Check,
    ) -> Option<&'a Checker> {
        let before = self.origin.before;
        let server = before.server(service, server)?;
        before
            .checkers_of(server)
            .find(|checker| checker.check().probe == check.probe)
    }

    /// Adds a service. When its servers have the same checkers as before, they are those of before.
    fn push(&mut self, key: ServiceKey, servers: Vec<ServerSlot>) {
        let stays = |(new, old): (&ServerSlot, &ServerSlot)| {
            let mut checkers = new.checkers.iter();
            new.is_checked_like(old) && checkers.all(|position| self.is_as_before(*position))
        };
        let all_stay = |before: &&ServiceSlot| {
            before.servers.len() == servers.len()
                && servers.iter().zip(before.servers.iter()).all(stays)
        };
        let before = self.origin.before.service(&key).filter(all_stay);
        let servers = before.map_or_else(|| servers.into(), |before| Arc::clone(&before.servers));
        self.roster.services.push(ServiceSlot { key, servers });
    }

    /// Whether the checker at this position is the one that was there before.
    fn is_as_before(&self, position: usize) -> bool {
        let before = self.origin.before.checkers.get(position);
        let now = self.roster.checkers.get(position);
        position < self.kept && before.map(|slot| slot.id) == now.map(|slot| slot.id)
    }

    /// Fills in the standings of the servers from their checkers, and since when.
    fn finish(mut self, serving: impl Fn(&ServiceKey, &ServerKey) -> bool) -> Roster {
        self.inherit(&serving);
        self.roster.combine_all();
        if self.disinherit(&serving) {
            self.roster.combine_all();
        }
        for service in &mut self.roster.services {
            let Some(before) = self.origin.before.service(&service.key) else {
                continue;
            };
            if Arc::ptr_eq(&before.servers, &service.servers) {
                continue;
            }
            for server in service.change() {
                if let Some(before) = before.server(&server.key)
                    && before.standing.word() == server.standing.word()
                {
                    server.since = before.since;
                }
            }
        }
        self.roster
    }

    /// A server that was down and out stays so when its checks change: its new checkers begin with that.
    fn inherit(&mut self, serving: impl Fn(&ServiceKey, &ServerKey) -> bool) {
        let Roster { checkers, services } = &mut self.roster;
        for service in &*services {
            for server in service.servers.iter() {
                let takes = serving(&service.key, &server.key);
                let down = self
                    .origin
                    .before
                    .down_since(&service.key, &server.key, takes);
                for position in server.checkers.iter().filter(|it| **it >= self.kept) {
                    if let (Some(since), Some(slot)) = (down, checkers.get_mut(*position))
                        && slot.checker.is_untried()
                    {
                        slot.change().inherit_down(since);
                    }
                }
            }
        }
    }

    /// No server goes down by what a checker has inherited from another server. Returns whether one would have.
    fn disinherit(&mut self, serving: impl Fn(&ServiceKey, &ServerKey) -> bool) -> bool {
        let (roster, before) = (&mut self.roster, self.origin.before);
        let fell = |service: &ServiceSlot, server: &ServerSlot| {
            let takes = serving(&service.key, &server.key);
            let is_new = before.server(&service.key, &server.key).is_none();
            server.standing == Standing::Down
                && (takes || !is_new)
                && before
                    .down_since(&service.key, &server.key, takes)
                    .is_none()
        };
        let services = roster.services.iter();
        let fallen = services.flat_map(|service| {
            let servers = service.servers.iter();
            servers.filter(|server| fell(service, server))
        });
        let positions = fallen.flat_map(|server| server.checkers.iter().copied());
        let checkers = &roster.checkers;
        let inherited = |position: &usize| {
            let slot = checkers.get(*position);
            slot.is_some_and(|slot| slot.checker.is_inherited())
        };
        let positions: BTreeSet<usize> = positions.filter(inherited).collect();
        for position in &positions {
            if let Some(slot) = self.roster.checkers.get_mut(*position) {
                slot.change().disinherit();
            }
        }
        !positions.is_empty()
    }
}
