// SPDX-License-Identifier: MIT OR Apache-2.0
//! The one maker of desired state: our part of the kernel's table as it should be.

use super::pool::{self, Floor, Together, Wish};
use crate::model::{
    Config, ConfiguredServer, ConfiguredService, Drain, IpvsTable, KnowsStandings, Order,
    PoolState, Rank, RealServer, Role, ServerKey, ServiceKey, Standing, VirtualService,
};

/// Our part of the kernel's table as it should be.
///
/// `standings` says which servers the director considers up, `observed` is the kernel's present table. A server without
/// a standing stays as the kernel has it.
#[must_use]
pub fn desired<S: KnowsStandings + ?Sized>(
    config: &Config,
    standings: &S,
    role: Role,
    observed: &IpvsTable,
) -> IpvsTable {
    let services = config.services.keys().filter_map(|key| {
        let service = desired_service(config, standings, role, key, observed.services.get(key))?;
        Some((*key, service))
    });
    IpvsTable {
        services: services.collect(),
    }
}

/// The same for one service; `None` when the kernel should not have it.
///
/// A server without a verdict waits outside the table. If the service would then lose its last server, it goes into the
/// table at once. When too few servers are healthy, some that are down stay.
#[must_use]
pub fn desired_service<S: KnowsStandings + ?Sized>(
    config: &Config,
    standings: &S,
    role: Role,
    key: &ServiceKey,
    observed: Option<&VirtualService>,
) -> Option<VirtualService> {
    Some(desired_pool(config, standings, role, key, observed)?.0)
}

/// Whether a server of this service that has not come back just now then carries its load, so that others may start slowly.
#[must_use]
pub fn is_carried<S: KnowsStandings + ?Sized>(
    config: &Config,
    standings: &S,
    role: Role,
    key: &ServiceKey,
    observed: Option<&VirtualService>,
) -> bool {
    let desired = desired_pool(config, standings, role, key, observed);
    desired.is_some_and(|(_, together)| together.carried)
}

/// How the servers of this service are then together; as usual when the kernel should not have the service.
#[must_use]
pub fn pool_state<S: KnowsStandings + ?Sized>(
    config: &Config,
    standings: &S,
    role: Role,
    key: &ServiceKey,
    observed: Option<&VirtualService>,
) -> PoolState {
    let desired = desired_pool(config, standings, role, key, observed);
    desired
        .map(|(_, together)| together.state)
        .unwrap_or_default()
}

fn desired_pool<S: KnowsStandings + ?Sized>(
    config: &Config,
    standings: &S,
    role: Role,
    key: &ServiceKey,
    observed: Option<&VirtualService>,
) -> Option<(VirtualService, Together)> {
    let configured = match role {
        Role::Serving => config.services.get(key)?,
        Role::Leaving => return None,
    };
    let drains = standings.drains(key);
    let wishing = |absent| wishes(configured, key, standings, &drains, observed, absent);
    let wishes = wishing(Absent::Waits);
    let is_sorry = |server| {
        let configured = configured.servers.get(server);
        configured.is_some_and(|it| it.rank == Rank::Sorry)
    };
    let serves = observed.is_some_and(|service| {
        let mut servers = service.servers.iter();
        servers.any(|(server, real)| !real.weight.is_zero() && !is_sorry(server))
    });
    let mut others = wishes.iter().filter(|wish| wish.rank() != Rank::Sorry);
    // One that is only held down serves before one of which nobody knows anything; so does one that serves without a
    // verdict, although it was down before.
    let lost = serves && !others.any(Wish::is_better_than_nobody);
    let before = standings.pool(key);
    let (mut service, mut together) = with(configured, wishes, Floor::Kept, before);
    // So does one that is kept: it has connections, and the other one has none.
    if lost && !together.state.keeps_any() {
        let wishes = wishing(Absent::Enters);
        (service, together) = with(configured, wishes, Floor::Kept, before);
    }
    add_leaving(&mut service, &drains);
    Some((service, together))
}

/// The same service when every server without a verdict waits outside the table, and none that is down stays for want of
/// healthy ones.
pub fn desired_cautiously<S: KnowsStandings + ?Sized>(
    configured: &ConfiguredService,
    key: &ServiceKey,
    standings: &S,
    observed: Option<&VirtualService>,
) -> VirtualService {
    let drains = standings.drains(key);
    let wishes = wishes(configured, key, standings, &drains, observed, Absent::Waits);
    let (mut service, _) = with(configured, wishes, Floor::Ignored, standings.pool(key));
    add_leaving(&mut service, &drains);
    service
}

/// The servers that have left the configuration, and drain.
fn add_leaving(service: &mut VirtualService, drains: &[(ServerKey, Drain)]) {
    for (server, drain) in drains {
        if let Some(real) = drain.leaving {
            service.servers.entry(*server).or_insert(real);
        }
    }
}

/// How to treat a server that has no verdict and is not in the kernel's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absent {
    Waits,
    Enters,
}

fn with(
    configured: &ConfiguredService,
    wishes: Vec<Wish<'_>>,
    floor: Floor,
    before: Option<&PoolState>,
) -> (VirtualService, Together) {
    let usual = PoolState::default();
    let before = before.unwrap_or(&usual);
    let (servers, together) = pool::table(configured, wishes, floor, before);
    let settings = configured.settings.clone();
    (VirtualService { settings, servers }, together)
}

/// What each server wants for itself.
fn wishes<'a, S: KnowsStandings + ?Sized>(
    configured: &'a ConfiguredService,
    key: &ServiceKey,
    standings: &S,
    drains: &[(ServerKey, Drain)],
    observed: Option<&VirtualService>,
    absent: Absent,
) -> Vec<Wish<'a>> {
    let pool = standings.pool(key);
    let drained = |server: &ServerKey| {
        let at = drains.binary_search_by_key(server, |(it, _)| *it).ok();
        at.and_then(|at| drains.get(at))
            .is_some_and(|(_, drain)| drain.ended)
    };
    // All servers come into a new table together, in one order: verdicts come in any order, and the kernel's table of hashes
    // follows the order of its servers.
    let places_are_held = configured.failover.keeps_connections() && observed.is_none();
    let servers = configured.servers.iter();
    let wishes = servers.map(|(server, it)| {
        let standing = if it.checks.each.is_empty() {
            Standing::UP
        } else {
            let known = standings.standing(key, server);
            known.unwrap_or(Standing::Unknown)
        };
        let present = observed.and_then(|service| service.servers.get(server));
        let is_kept = pool.is_some_and(|pool| pool.keeps(server));
        let in_doubt = is_kept && standing == Standing::Unknown;
        // Somebody may have taken it out of the table.
        let present = present.or(in_doubt.then_some(&it.real_server));
        let standing = match (standing, present, absent) {
            // The sorry server is the last of all.
            (Standing::Unknown, None, Absent::Enters) if it.rank != Rank::Sorry => Standing::UP,
            (standing, ..) => standing,
        };
        let order = standings.order(key, server);
        // One that has drained is gone, as one is that an operator has disabled: it keeps no place under mh and sh.
        let (standing, order) = if drained(server) {
            (Standing::Down, Some(Order::Disable))
        } else {
            (standing, order)
        };
        let holds_place = places_are_held && standing == Standing::Unknown && order.is_none();
        let real = ordered_server(it, standing, order, present);
        Wish {
            server: *server,
            configured: it,
            standing,
            since: standings.since(key, server),
            order,
            serving: present.is_some_and(|real| !real.weight.is_zero()) || is_kept,
            in_doubt,
            only_held_down: standing == Standing::Down
                && !drained(server)
                && standings.is_only_held_down(key, server),
            slow_start: it
                .slow_start
                .and_then(|_| standings.slow_start(key, server)),
            real: real.or_else(|| holds_place.then(|| it.real_server.at_rest())),
        }
    });
    wishes.collect()
}

/// As [`desired_server`], with what an operator has ordered. A server that is down is down whatever was ordered.
pub(super) fn ordered_server(
    configured: &ConfiguredServer,
    standing: Standing,
    order: Option<Order>,
    observed: Option<&RealServer>,
) -> Option<RealServer> {
    match order {
        None => desired_server(configured, standing, observed),
        Some(Order::Disable) => None,
        Some(Order::Drain) => {
            let standing = match standing {
                Standing::Down => Standing::Down,
                Standing::Unknown | Standing::Up(_) | Standing::Drain | Standing::Maintenance => {
                    Standing::Drain
                }
            };
            desired_server(configured, standing, observed)
        }
        Some(Order::Weight(weight)) => {
            let real_server = RealServer {
                weight,
                ..configured.real_server
            };
            let configured = ConfiguredServer {
                real_server,
                ..configured.clone()
            };
            let standing = match standing {
                Standing::Up(_) => Standing::UP,
                Standing::Unknown | Standing::Down | Standing::Drain | Standing::Maintenance => {
                    standing
                }
            };
            desired_server(&configured, standing, observed)
        }
    }
}

/// The server as the kernel should have it; `None` when it should not have it at all.
///
/// A server that is down is absent, or has weight 0 when the configuration says to inhibit on failure. One that drains
/// or is in maintenance has weight 0: it gets no new connections, and the present ones live on. A server without a
/// verdict stays as the kernel has it: absent if it is absent, quiesced if it is quiesced.
#[must_use]
pub fn desired_server(
    configured: &ConfiguredServer,
    standing: Standing,
    observed: Option<&RealServer>,
) -> Option<RealServer> {
    let real = configured.real_server;
    match standing {
        Standing::Up(asked) => Some(RealServer {
            weight: asked.map_or(real.weight, |it| it.of(real.weight)),
            ..real
        }),
        Standing::Down if configured.inhibit_on_failure => Some(real.at_rest()),
        Standing::Down => None,
        Standing::Drain | Standing::Maintenance => Some(real.at_rest()),
        Standing::Unknown if observed?.weight.is_zero() => Some(real.at_rest()),
        Standing::Unknown => Some(real),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AskedWeight, Checks, ForwardingMethod, Percent, Weight};

    fn server(weight: u32) -> RealServer {
        RealServer::new(
            ForwardingMethod::DirectRouting,
            Weight::new(weight).unwrap(),
        )
    }

    #[test]
    fn an_order_wins_over_a_standing_but_not_over_down() {
        let (drain, disable) = (Some(Order::Drain), Some(Order::Disable));
        let weight = |number| Some(Order::Weight(Weight::new(number).unwrap()));
        let four = Standing::Up(Weight::new(4).map(AskedWeight::Weight));
        let table = [
            (Standing::UP, drain, Some(10), Some(0)),
            (Standing::UP, drain, None, Some(0)),
            (Standing::Unknown, drain, Some(10), Some(0)),
            (Standing::Unknown, drain, None, Some(0)),
            (Standing::Down, drain, Some(0), None),
            (Standing::UP, disable, Some(10), None),
            (Standing::Unknown, disable, Some(10), None),
            (Standing::Down, disable, None, None),
            (Standing::UP, weight(7), Some(10), Some(7)),
            (four, weight(7), Some(4), Some(7)),
            (Standing::Unknown, weight(7), Some(7), Some(7)),
            (Standing::Unknown, weight(7), None, None),
            (Standing::Down, weight(7), Some(7), None),
            (Standing::Drain, weight(7), Some(7), Some(0)),
        ];
        for (standing, order, observed, expected) in table {
            let configured = ConfiguredServer {
                real_server: server(10),
                checks: Checks::NONE,
                inhibit_on_failure: false,
                rank: Rank::Primary,
                drain: None,
                slow_start: None,
            };
            let observed = observed.map(server);
            let desired = ordered_server(&configured, standing, order, observed.as_ref());
            assert_eq!(desired, expected.map(server), "{standing:?} {order:?}");
        }
    }

    /// A server with weight 10: its standing and its present weight in the kernel give its next weight there.
    #[test]
    fn a_standing_becomes_a_weight_or_an_absence() {
        let weight = |number| Weight::new(number).map(AskedWeight::Weight);
        let share = |percent| Some(AskedWeight::Percent(Percent(percent)));
        let table = [
            (Standing::UP, false, None, Some(10)),
            (Standing::UP, false, Some(3), Some(10)),
            (Standing::Up(weight(4)), false, Some(10), Some(4)),
            (Standing::Up(weight(0)), false, Some(10), Some(0)),
            (Standing::Up(share(75)), false, Some(10), Some(8)),
            (Standing::Up(share(150)), false, None, Some(15)),
            (Standing::Up(share(0)), false, Some(10), Some(0)),
            (Standing::Down, false, Some(10), None),
            (Standing::Down, true, Some(10), Some(0)),
            (Standing::Down, true, None, Some(0)),
            (Standing::Drain, false, Some(10), Some(0)),
            (Standing::Drain, false, None, Some(0)),
            (Standing::Maintenance, false, Some(10), Some(0)),
            (Standing::Unknown, true, None, None),
            (Standing::Unknown, true, Some(0), Some(0)),
            (Standing::Unknown, false, Some(3), Some(10)),
        ];
        for (standing, inhibit_on_failure, observed, expected) in table {
            let configured = ConfiguredServer {
                real_server: server(10),
                checks: Checks::NONE,
                inhibit_on_failure,
                rank: Rank::Primary,
                drain: None,
                slow_start: None,
            };
            let desired = desired_server(&configured, standing, observed.map(server).as_ref());
            assert_eq!(
                desired,
                expected.map(server),
                "{standing:?} {inhibit_on_failure} {observed:?}"
            );
        }
    }
}
