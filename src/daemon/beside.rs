// SPDX-License-Identifier: MIT OR Apache-2.0
//! The standings of a running director, for a plan beside it.

use std::collections::BTreeSet;
use std::path::Path;

use super::args::Failure;
use crate::control::{Client, ClientError, Overruling, Remembered};
use crate::health::Health;
use crate::model::{
    AllUp, Config, Drains, IpvsTable, Orders, Overruled, PeerStanding, Pools, Role, ServerKey,
    ServiceKey, SlowStarts, Timestamp, WithOrders,
};
use crate::plan::{desired, drains_after};

/// Who looks after the servers meanwhile.
pub(super) enum Beside {
    /// No director runs. Every server is considered up.
    Nobody,
    /// A director runs, and believes this.
    Director(Box<Remembered>),
}

impl Beside {
    /// Asks the director on this socket. If a running director does not answer, that is an error: without its verdicts
    /// the plan would differ from its reload.
    pub(super) fn ask(socket: &Path) -> Result<Self, Failure> {
        match Client::connect(socket).and_then(|mut client| client.standings()) {
            Ok(known) => Ok(Self::Director(Box::new(known))),
            Err(ClientError::NotRunning(_)) => Ok(Self::Nobody),
            Err(error) => Err(Failure::failed(error)),
        }
    }

    /// The table that this configuration wants with these standings. A reload of the director leads to the same table:
    /// checks that stay keep what they know, and new ones know nothing yet.
    pub(super) fn desired(&self, config: &Config, observed: &IpvsTable) -> IpvsTable {
        let known = match self {
            Self::Nobody => return desired(config, &AllUp, Role::Serving, observed),
            Self::Director(known) => known,
        };
        let ages = known.recalled.iter().map(|it| it.age);
        let words = known.overruled.iter().map(|it| it.age);
        let longest = ages.chain(known.slow_starts.iter().map(|it| it.age));
        let longest = longest.chain(words).max();
        let now = Timestamp::after_start(longest.unwrap_or_default());
        let mut health = Health::believing(&known.config, &known.recalled, now);
        let drains = drains_after(
            &Drains::of_recalled(&known.drains, now),
            (&known.config, config),
            &health,
            observed,
            now,
        );
        let serving =
            |service: &ServiceKey, server: &ServerKey| observed.has_serving(service, server);
        health.configure(config, serving, now);
        let known = WithOrders {
            standings: &health,
            overruled: &overruled(&known.overruled, now),
            orders: &self.orders(config),
            // Who is kept takes connections in the kernel's table.
            pools: &Pools::NONE,
            drains: &drains,
            slow_starts: &SlowStarts::of_recalled(&known.slow_starts, now),
        };
        desired(config, &known, Role::Serving, observed)
    }

    /// What of that which operators have ordered stays in force with this configuration.
    pub(super) fn orders(&self, config: &Config) -> Orders {
        match self {
            Self::Nobody => Orders::default(),
            Self::Director(known) => {
                let orders: Orders = known.orders.iter().copied().collect();
                orders.after(&known.config, config)
            }
        }
    }

    /// Our services: those of the state file, and those of the running configuration.
    pub(super) fn ours(&self, owned: BTreeSet<ServiceKey>) -> BTreeSet<ServiceKey> {
        let mut ours = owned;
        if let Self::Director(known) = self {
            ours.extend(&known.owned);
            ours.extend(known.config.services.keys());
        }
        ours
    }
}

fn overruled(all: &[Overruling], now: Timestamp) -> Overruled {
    let words = all.iter().map(|it| {
        let word = PeerStanding {
            standing: it.standing,
            since: now.before(it.age),
            only_held_down: it.only_held_down,
        };
        (it.service, it.server, word)
    });
    words.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config;
    use crate::model::{Recalled, Standing};

    fn parse(text: &str) -> Config {
        config::parse("test.yaml", text.as_bytes()).unwrap()
    }

    /// A director of this configuration, whose first server is down, perhaps only because it is held down.
    fn one_down(running: &Config, only_held_down: bool) -> Beside {
        let recalled = |server: &str, standing: Standing| {
            let service = "TCP 192.0.2.10:80".parse().unwrap();
            let server = server.parse().unwrap();
            let checks = &running.services[&service].servers[&server].checks;
            Recalled {
                service,
                server,
                probe: checks.each[0].probe.clone(),
                standing,
                age: Duration::from_secs(9),
                unconfirmed: Duration::ZERO,
                only_held_down: only_held_down && standing == Standing::Down,
            }
        };
        let known = Remembered {
            recalled: vec![
                recalled("10.0.0.1:80", Standing::Down),
                recalled("10.0.0.2:80", Standing::UP),
            ],
            owned: BTreeSet::new(),
            config: running.clone(),
            orders: Vec::new(),
            drains: Vec::new(),
            slow_starts: Vec::new(),
            overruled: Vec::new(),
        };
        Beside::Director(Box::new(known))
    }

    fn servers(table: &IpvsTable) -> Vec<String> {
        let servers = table.services.values().flat_map(|it| it.servers.keys());
        servers.map(ToString::to_string).collect()
    }

    #[test]
    fn a_plan_beside_a_director_leaves_out_what_it_considers_down_and_what_is_new() {
        let running =
            parse("virtual_services: [{address: '192.0.2.10:80', servers: [10.0.0.1, 10.0.0.2]}]");
        let beside = one_down(&running, false);
        let next = parse(
            "virtual_services: [{address: '192.0.2.10:80', servers: [10.0.0.1, 10.0.0.2, 10.0.0.3]}]",
        );
        let table = beside.desired(&next, &IpvsTable::new());
        assert_eq!(servers(&table), ["10.0.0.2:80"]);
        let alone = Beside::Nobody.desired(&next, &IpvsTable::new());
        assert_eq!(alone.server_count(), 3);
    }

    #[test]
    fn a_plan_beside_a_director_keeps_who_serves_although_it_is_held_down() {
        let config = |hold_down: &str| {
            parse(&format!(
                "virtual_services: [{{address: '192.0.2.10:80', servers: [10.0.0.1, 10.0.0.2], \
                 check: {{hold_down: {hold_down}}}}}]"
            ))
        };
        let (running, without) = (config("{first: 10s}"), config("none"));
        let both = Beside::Nobody.desired(&running, &IpvsTable::new());
        let held = one_down(&running, true);
        assert_eq!(held.desired(&running, &both), both);
        // It passes its check: it serves when nobody else does, and does not come back just so.
        let without_it = held.desired(&running, &IpvsTable::new());
        assert_eq!(servers(&without_it), ["10.0.0.2:80"]);
        assert_eq!(servers(&held.desired(&without, &both)), ["10.0.0.2:80"]);
        let down = one_down(&running, false).desired(&running, &both);
        assert_eq!(servers(&down), ["10.0.0.2:80"]);
    }

    #[test]
    fn a_plan_beside_a_director_that_follows_counts_servers_as_the_leader_does() {
        let running =
            parse("virtual_services: [{address: '192.0.2.10:80', servers: [10.0.0.1, 10.0.0.2]}]");
        let Beside::Director(mut known) = one_down(&running, false) else {
            unreachable!("it is one");
        };
        known.overruled = vec![Overruling {
            service: "TCP 192.0.2.10:80".parse().unwrap(),
            server: "10.0.0.1:80".parse().unwrap(),
            standing: Standing::UP,
            age: Duration::from_secs(99),
            only_held_down: false,
        }];
        let table = Beside::Director(known).desired(&running, &IpvsTable::new());
        assert_eq!(servers(&table), ["10.0.0.1:80", "10.0.0.2:80"]);
    }
}
