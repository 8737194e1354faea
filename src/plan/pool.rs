// SPDX-License-Identifier: MIT OR Apache-2.0
//! The rules of a pool: from what each server wants for itself to the servers of the service.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::desired::ordered_server;
use super::standby;
use crate::model::{
    ConfiguredServer, ConfiguredService, Order, PoolState, Rank, RealServer, ServerKey, Shortage,
    SlowStart, Standing, Timestamp,
};

/// What one server wants for itself.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    /// Which one.
    pub(super) server: ServerKey,
    /// As configured.
    pub(super) configured: &'a ConfiguredServer,
    /// What its checks say.
    pub(super) standing: Standing,
    /// Since when.
    pub(super) since: Option<Timestamp>,
    /// What an operator has ordered for it.
    pub(super) order: Option<Order>,
    /// Whether it took connections until now, or would have if nobody had changed the table.
    pub(super) serving: bool,
    /// Whether it was down and served all the same, and has no verdict now.
    pub(super) in_doubt: bool,
    /// Whether it is down only because it is held down.
    pub(super) only_held_down: bool,
    /// Its slow start, if it has come back lately.
    pub(super) slow_start: Option<SlowStart>,
    /// Its rule in the kernel; `None` when it should not be there.
    pub(super) real: Option<RealServer>,
}

/// Whether servers that are down may serve when too few are healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Floor {
    Kept,
    Ignored,
}

/// How the servers of a service are together.
#[derive(Debug)]
pub(super) struct Together {
    /// What is not as usual.
    pub(super) state: PoolState,
    /// Whether a healthy server that has not come back just now takes connections, and no dead one must.
    pub(super) carried: bool,
}

/// The servers that the kernel should have for this service, and how they are together.
pub(super) fn table(
    service: &ConfiguredService,
    mut wishes: Vec<Wish<'_>>,
    floor: Floor,
    before: &PoolState,
) -> (BTreeMap<ServerKey, RealServer>, Together) {
    if service.settings.falls_back() {
        keep_places(&mut wishes);
    }
    let held = match floor {
        Floor::Kept => use_held_down(service, &mut wishes),
        Floor::Ignored => Box::default(),
    };
    let (up_to, lost) = standby::choose(service.pool.quorum, &wishes, before);
    standby::apply(service, up_to, &mut wishes);
    let shortage = match (floor, up_to) {
        (Floor::Kept, Rank::Primary | Rank::Backup) => {
            let was_short = before.shortage.is_some();
            keep_last_good(service, was_short, &mut wishes)
        }
        (Floor::Kept, Rank::Sorry) | (Floor::Ignored, _) => None,
    };
    let mut healthy = wishes.iter().filter(|wish| wish.is_healthy());
    let carried = shortage.is_none() && healthy.any(|wish| wish.slow_start.is_none());
    let servers = wishes.into_iter();
    let servers = servers.filter_map(|wish| Some((wish.server, wish.started_slowly()?)));
    let state = PoolState {
        shortage,
        lost,
        unmet: up_to != Rank::Primary,
        held,
    };
    (servers.collect(), Together { state, carried })
}

impl Wish<'_> {
    pub(super) const fn rank(&self) -> Rank {
        self.configured.rank
    }

    pub(super) fn takes_connections(&self) -> bool {
        self.real.is_some_and(|real| !real.weight.is_zero())
    }

    /// Whether it is to take connections, and is not known to be down, or to have been so before its verdict was lost.
    pub(super) fn is_healthy(&self) -> bool {
        self.standing != Standing::Down && !self.in_doubt && self.takes_connections()
    }

    /// Whether clients are better off with it than with a server of which nobody knows anything.
    pub(super) fn is_better_than_nobody(&self) -> bool {
        let stays_in_doubt = self.in_doubt && self.takes_connections();
        self.is_healthy() || self.only_held_down || stays_in_doubt
    }

    /// Its rule in the kernel, with the weight of this moment. Whatever the servers are together goes by the full weight.
    fn started_slowly(&self) -> Option<RealServer> {
        let real = self.real?;
        Some(match self.slow_start {
            Some(slow) => RealServer {
                weight: slow.of(real.weight),
                ..real
            },
            None => real,
        })
    }

    /// Its rule if it were up; `None` when it would take no connections then.
    fn while_up(&self) -> Option<RealServer> {
        let real = ordered_server(self.configured, Standing::UP, self.order, None);
        real.filter(|real| !real.weight.is_zero())
    }
}

/// When too few servers are healthy, or none, those count as up that are down only because they are held down: they pass
/// their checks. One that takes connections for this reason goes on while it passes. Returns them.
fn use_held_down(service: &ConfiguredService, wishes: &mut [Wish<'_>]) -> Box<[ServerKey]> {
    let healthy = wishes.iter().filter(|wish| wish.is_healthy());
    let healthy = healthy.filter(|wish| wish.rank() != Rank::Sorry).count();
    let too_few = healthy < needed(service, wishes).max(1);
    let mut used = Vec::new();
    for wish in wishes {
        if !wish.only_held_down || !(too_few || wish.serving) {
            continue;
        }
        if let Some(real) = wish.while_up() {
            wish.standing = Standing::UP;
            wish.real = Some(real);
            used.push(wish.server);
        }
    }
    used.into()
}

/// How many healthy servers the service wants.
fn needed(service: &ConfiguredService, wishes: &[Wish<'_>]) -> usize {
    let primaries = wishes.iter().filter(|wish| wish.rank() == Rank::Primary);
    service.pool.min_healthy.of(primaries.count())
}

/// A server that is down keeps its place, with weight 0: under `mh` and `sh` a removal gives clients of the other servers
/// to another server. One that an operator has disabled does not.
fn keep_places(wishes: &mut [Wish<'_>]) {
    for wish in wishes {
        if wish.standing == Standing::Down && wish.order != Some(Order::Disable) {
            wish.real = Some(wish.configured.real_server.at_rest());
        }
    }
}

/// When too few servers are healthy, some that are down stay as if they were up: those that went down last. Nobody brings
/// back a server that was out already, or that an operator has ordered out. One that asks for no new connections itself
/// gets none; it is missed all the same. A shortage ends when enough are healthy, and not because a verdict is lost.
fn keep_last_good(
    service: &ConfiguredService,
    was_short: bool,
    wishes: &mut [Wish<'_>],
) -> Option<Shortage> {
    let primaries = wishes.iter().filter(|wish| wish.rank() == Rank::Primary);
    let servers = primaries.count();
    let needed = needed(service, wishes);
    let healthy = wishes.iter().filter(|wish| wish.is_healthy()).count();
    if healthy >= needed {
        return None;
    }
    let mut good: Vec<(Reverse<Option<Timestamp>>, RealServer, &mut Wish<'_>)> = Vec::new();
    let mut kept = Vec::new();
    let (mut down, mut unknown, mut unwilling) = (0, 0, 0);
    for wish in wishes {
        // One that an operator has ordered out is not missed.
        let Some(real) = wish.while_up() else {
            continue;
        };
        match wish.standing {
            Standing::Down => {
                down += 1;
                if wish.serving {
                    good.push((Reverse(wish.since), real, wish));
                }
            }
            Standing::Unknown if wish.in_doubt && wish.takes_connections() => {
                down += 1;
                kept.push(wish.server);
            }
            Standing::Unknown if !wish.takes_connections() => unknown += 1,
            Standing::Drain | Standing::Maintenance => unwilling += 1,
            Standing::Up(_) if !wish.takes_connections() => unwilling += 1,
            Standing::Unknown | Standing::Up(_) => {}
        }
    }
    good.sort_by_key(|(since, ..)| *since);
    let missing = needed.saturating_sub(healthy + kept.len());
    for (_, real, wish) in good.into_iter().take(missing) {
        wish.real = Some(real);
        kept.push(wish.server);
    }
    // A server without a verdict may be healthy: it begins no alarm, and it ends none.
    let begins = healthy + unknown < needed || !kept.is_empty();
    let short = if was_short {
        down + unwilling + unknown > 0
    } else {
        down + unwilling > 0 && begins
    };
    short.then(|| Shortage {
        healthy,
        servers,
        wanted: service.pool.min_healthy,
        kept: kept.into(),
        unwilling,
    })
}
