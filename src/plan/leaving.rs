// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which real servers drain because a new configuration does not have them any more.

use std::sync::Arc;

use crate::model::{
    Config, ConfiguredService, Drain, DrainTerms, Drains, IpvsTable, KnowsStandings, RealServer,
    ServerKey, Standing, Timestamp, VirtualService,
};

/// The drains when `new` follows `old`: those of servers that both have, or that leave.
///
/// A server that is down has nothing to drain, and one whose drain has ended is gone. A service that `new` does not have
/// leaves at once, with its servers.
#[must_use]
pub fn drains_after<S: KnowsStandings + ?Sized>(
    drains: &Drains,
    (old, new): (&Config, &Config),
    standings: &S,
    observed: &IpvsTable,
    now: Timestamp,
) -> Drains {
    let mut after = drains.clone();
    after.retain(|service, server, drain| {
        let service = new.services.get(service);
        let has = |service: &ConfiguredService| service.servers.contains_key(server);
        service.is_some_and(|service| has(service) != drain.leaving.is_some())
    });
    for (key, service) in &new.services {
        let Some(before) = old.services.get(key) else {
            continue;
        };
        if Arc::ptr_eq(&before.servers, &service.servers) {
            continue;
        }
        for (server, real) in leavers(observed.services.get(key), service) {
            let known = drains.get(key, server);
            let terms = before.servers.get(server).and_then(|it| it.drain);
            let down = standings.standing(key, server) == Some(Standing::Down);
            if let Some(drain) = begin(known, terms, *real, now)
                && !down
            {
                after.insert(*key, *server, drain);
            }
        }
    }
    after
}

/// The drains of a director that starts: those of an earlier one, and those of servers that the file has lost meanwhile.
#[must_use]
pub fn drains_at_start(
    recalled: &Drains,
    config: &Config,
    observed: &IpvsTable,
    now: Timestamp,
) -> Drains {
    let mut drains = recalled.clone();
    for (key, service) in &config.services {
        // What the file said of them is not known any more. They drain as the others of their service would.
        let mut terms = service.servers.values().map(|it| it.drain);
        let terms = terms.next().unwrap_or(Some(DrainTerms::LEAVING));
        for (server, real) in leavers(observed.services.get(key), service) {
            if let Some(drain) = begin(recalled.get(key, server), terms, *real, now) {
                drains.insert(*key, *server, drain);
            }
        }
    }
    // A drained server that is back in the file is not drained, unless an operator has ordered it.
    drains.retain(|service, server, drain| {
        let has = |it: &ConfiguredService| it.servers.contains_key(server);
        let configured = config.services.get(service).is_some_and(has);
        let present = observed.services.get(service);
        let present = present.is_some_and(|service| service.servers.contains_key(server));
        configured != drain.leaving.is_some() && (configured || present)
    });
    drains
}

/// The servers in the kernel that the configuration does not have.
fn leavers<'a>(
    observed: Option<&'a VirtualService>,
    configured: &'a ConfiguredService,
) -> impl Iterator<Item = (&'a ServerKey, &'a RealServer)> {
    let present = observed.into_iter().flat_map(|service| &service.servers);
    present.filter(|(server, _)| !configured.servers.contains_key(server))
}

/// The drain of a server that leaves, if it drains: what an operator has ordered for it goes on.
fn begin(
    known: Option<&Drain>,
    terms: Option<DrainTerms>,
    real: RealServer,
    now: Timestamp,
) -> Option<Drain> {
    let leaving = Some(real.at_rest());
    match known {
        Some(drain) if drain.ended => None,
        Some(drain) => Some(Drain {
            terms: DrainTerms {
                deadline: drain.terms.deadline.or(terms.and_then(|it| it.deadline)),
                ..drain.terms
            },
            leaving,
            ..*drain
        }),
        None => terms.map(|terms| Drain::new(terms, now, leaving)),
    }
}
