// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which servers are checked, by which checkers: the lists that [`super::Health`] works on. Elements refer to each
//! other by position.

use std::sync::Arc;

use super::checker::Checker;
use super::combine::combine;
use super::event::{CheckId, HealthAction};
use crate::model::{Few, Need, Recalled, ServerKey, ServiceKey, Standing, Timestamp};

/// Why a standing is told that a server had before.
const CONFIRMED: &str = "until now by configuration, now found so";

/// The checkers, and the servers that use them.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    /// In the order of their ids.
    pub(super) checkers: Vec<Slot>,
    /// In the order of their keys. Services without a checked server are not among them.
    pub(super) services: Vec<ServiceSlot>,
}

/// One checker, and who uses it.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) id: CheckId,
    /// Shared with the roster before or after this one, until one of them changes it.
    pub(super) checker: Arc<Checker>,
    pub(super) users: Few<User>,
}

/// One server of one service, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct User {
    pub(super) service: usize,
    pub(super) server: usize,
}

/// One service with a server that is checked.
#[derive(Debug, Clone)]
pub(super) struct ServiceSlot {
    pub(super) key: ServiceKey,
    /// In the order of their keys. Servers without checks are not among them.
    ///
    /// Shared with the roster before or after this one, until one of them changes them.
    pub(super) servers: Arc<[ServerSlot]>,
}

/// One server that is checked.
#[derive(Debug, Clone)]
pub(super) struct ServerSlot {
    pub(super) key: ServerKey,
    pub(super) need: Need,
    pub(super) standing: Standing,
    pub(super) since: Timestamp,
    /// The positions of its checkers, in the order of the configuration.
    pub(super) checkers: Few<usize>,
}

impl Slot {
    /// The checker, to change it.
    pub(super) fn change(&mut self) -> &mut Checker {
        Arc::make_mut(&mut self.checker)
    }
}

impl ServerSlot {
    /// Whether it is the same server with the same checkers.
    pub(super) fn is_checked_like(&self, other: &Self) -> bool {
        self.key == other.key
            && self.need == other.need
            && self.checkers.iter().eq(other.checkers.iter())
    }
}

impl ServiceSlot {
    /// A server, if it is checked.
    pub(super) fn server(&self, key: &ServerKey) -> Option<&ServerSlot> {
        let at = self.servers.binary_search_by_key(key, |slot| slot.key);
        self.servers.get(at.ok()?)
    }

    /// The servers, to change them.
    pub(super) fn change(&mut self) -> &mut [ServerSlot] {
        Arc::make_mut(&mut self.servers)
    }
}

impl Roster {
    pub(super) const EMPTY: Self = Self {
        checkers: Vec::new(),
        services: Vec::new(),
    };

    /// The position of the checker with this id; `None` when it is gone.
    pub(super) fn position(&self, id: CheckId) -> Option<usize> {
        self.checkers.binary_search_by_key(&id, |slot| slot.id).ok()
    }

    /// The checker with this id; `None` when it is gone.
    pub(super) fn checker(&self, id: CheckId) -> Option<&Checker> {
        Some(&self.checkers.get(self.position(id)?)?.checker)
    }

    /// A server, if it is checked.
    pub(super) fn server(&self, service: &ServiceKey, server: &ServerKey) -> Option<&ServerSlot> {
        self.service(service)?.server(server)
    }

    /// A service, if one of its servers is checked.
    pub(super) fn service(&self, key: &ServiceKey) -> Option<&ServiceSlot> {
        let at = self.services.binary_search_by_key(key, |slot| slot.key);
        self.services.get(at.ok()?)
    }

    /// The checkers of a server.
    pub(super) fn checkers_of<'a>(
        &'a self,
        server: &'a ServerSlot,
    ) -> impl Iterator<Item = &'a Checker> {
        checkers_of(&self.checkers, server)
    }

    /// Whether a server is down, and would be up if nothing held it down.
    pub(super) fn is_only_held_down(&self, server: &ServerSlot) -> bool {
        let standings = self.checkers_of(server).map(|checker| {
            let held = checker.would_be_up();
            let standing = if held {
                Standing::UP
            } else {
                checker.standing()
            };
            (!checker.abstains()).then_some(standing)
        });
        server.standing == Standing::Down && combine(server.need, standings).is_up()
    }

    /// Since when a server is down by its checks and out. One that is down and serves is as one without a verdict.
    pub(super) fn down_since(
        &self,
        service: &ServiceKey,
        server: &ServerKey,
        is_serving: bool,
    ) -> Option<Timestamp> {
        let server = self.server(service, server)?;
        (server.standing == Standing::Down && !is_serving).then_some(server.since)
    }

    /// Gives one check of one server this standing, if that check exists. The server has its own standing since the
    /// latest change of a check.
    pub(super) fn believe(&mut self, believed: &Recalled, now: Timestamp) {
        let since = now.since_start().saturating_sub(believed.age);
        let since = Timestamp::after_start(since);
        let services = &mut self.services;
        let Ok(at) = services.binary_search_by_key(&believed.service, |slot| slot.key) else {
            return;
        };
        let Some(service) = services.get_mut(at) else {
            return;
        };
        let servers = service.change();
        let Ok(at) = servers.binary_search_by_key(&believed.server, |slot| slot.key) else {
            return;
        };
        let Some(server) = servers.get_mut(at) else {
            return;
        };
        // All of them begin with `now`.
        server.since = if server.since == now {
            since
        } else {
            server.since.max(since)
        };
        let positions = server.checkers.to_vec();
        for position in positions {
            if let Some(slot) = self.checkers.get_mut(position)
                && slot.checker.check().probe == believed.probe
            {
                slot.change().believe(believed);
            }
        }
    }

    /// Computes the standing of every server from its checks, without reporting changes.
    pub(super) fn combine_all(&mut self) {
        let Self { checkers, services } = self;
        for service in services {
            let stale = |slot: &ServerSlot| slot.standing != combined(checkers, slot);
            if service.servers.iter().any(stale) {
                for slot in service.change() {
                    slot.standing = combined(checkers, slot);
                }
            }
        }
    }

    /// Reports how a change of one checker's standing changes the servers that use it.
    pub(super) fn change(&mut self, position: usize, because: &str, out: &mut Vec<HealthAction>) {
        let Self { checkers, services } = self;
        let Some(slot) = checkers.get(position) else {
            return;
        };
        for user in slot.users.iter() {
            let Some(service) = services.get_mut(user.service) else {
                continue;
            };
            let key = service.key;
            let Some(server) = service.servers.get(user.server) else {
                continue;
            };
            let (from, to) = (server.standing, combined(checkers, server));
            if from == to {
                continue;
            }
            let Some(server) = service.change().get_mut(user.server) else {
                continue;
            };
            server.standing = to;
            if from.word() != to.word() {
                server.since = slot.checker.since();
            }
            let because = match server.checkers.len() {
                1 => because.into(),
                _ => format!("{}: {because}", slot.checker.check().probe).into(),
            };
            out.push(HealthAction::Changed {
                service: key,
                server: server.key,
                from,
                to,
                because,
            });
        }
    }

    /// Reports that the standing of the servers that use this checker is no longer that of the configuration alone.
    pub(super) fn confirm(&self, position: usize, out: &mut Vec<HealthAction>) {
        let users = self.checkers.get(position).into_iter();
        for user in users.flat_map(|slot| slot.users.iter()) {
            let Some(service) = self.services.get(user.service) else {
                continue;
            };
            let Some(server) = service.servers.get(user.server) else {
                continue;
            };
            if server.standing == Standing::Unknown || self.is_assumed(server) {
                continue;
            }
            out.push(HealthAction::Changed {
                service: service.key,
                server: server.key,
                from: server.standing,
                to: server.standing,
                because: CONFIRMED.into(),
            });
        }
    }

    /// Whether a server would have another standing without the checks that only the configuration says something of.
    pub(super) fn is_assumed(&self, server: &ServerSlot) -> bool {
        let assumed = |checker: &Checker| checker.is_assumed();
        if !self.checkers_of(server).any(assumed) {
            return false;
        }
        let found = self.checkers_of(server).map(|checker| {
            let standing = if checker.is_assumed() {
                Standing::Unknown
            } else {
                checker.standing()
            };
            (!checker.abstains()).then_some(standing)
        });
        combine(server.need, found).word() != server.standing.word()
    }

    /// The keys of the servers that use a checker.
    pub(super) fn users(&self, position: usize) -> impl Iterator<Item = (ServiceKey, ServerKey)> {
        let users = self.checkers.get(position).into_iter();
        users
            .flat_map(|slot| slot.users.iter())
            .filter_map(|user| self.keys(*user))
    }

    fn keys(&self, user: User) -> Option<(ServiceKey, ServerKey)> {
        let service = self.services.get(user.service)?;
        Some((service.key, service.servers.get(user.server)?.key))
    }
}

fn checkers_of<'a>(
    checkers: &'a [Slot],
    server: &'a ServerSlot,
) -> impl Iterator<Item = &'a Checker> {
    let positions = server.checkers.iter();
    positions.filter_map(|position| Some(&*checkers.get(*position)?.checker))
}

/// The standing of a server, from all of its checks.
fn combined(checkers: &[Slot], server: &ServerSlot) -> Standing {
    let standings = checkers_of(checkers, server).map(|checker| {
        let decides = !checker.abstains();
        decides.then(|| checker.standing())
    });
    combine(server.need, standings)
}
