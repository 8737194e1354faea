// SPDX-License-Identifier: MIT OR Apache-2.0
//! The order of the servers of a service that keeps its connections over a failover: the kernel's `mh` table depends on it.

use std::collections::BTreeSet;

use super::{Plan, Step};
use crate::model::{Config, IpvsTable, ServerKey, ServiceKey, VirtualService};

impl Plan {
    /// Puts the servers of services with `failover: keep_connections` in the order of their addresses again after the steps that
    /// add one to them. The kernel lists servers by when they were added, so those that belong behind the new one are
    /// removed and added again, each at once. Their connections live on: the kernel keeps a removed server while it has some, and
    /// finds it again (`ip_vs_trash_get_dest` in `net/netfilter/ipvs/ip_vs_ctl.c`).
    ///
    /// It takes for granted that they were in order before. It moves nothing where a service would have nobody to connect to
    /// for a moment.
    #[must_use]
    pub fn with_servers_in_order(mut self, config: &Config, observed: &IpvsTable) -> Self {
        let grown = self.grow.iter().filter_map(|step| match step {
            Step::AddServer(key, ..) => Some(*key),
            Step::AddService(..)
            | Step::EditService(..)
            | Step::DeleteService(_)
            | Step::EditServer(..)
            | Step::DeleteServer(..) => None,
        });
        let grown: BTreeSet<ServiceKey> = grown.collect();
        for key in grown {
            let configured = config.services.get(&key);
            let keeps = configured.is_some_and(|it| it.failover.keeps_connections());
            // A new service gets its servers in order.
            let Some(before) = observed.services.get(&key).filter(|_| keeps) else {
                continue;
            };
            let moves = self.moves(&key, before, config);
            self.order.extend(moves);
        }
        self
    }

    /// The steps that bring this service's servers into their order.
    fn moves(&self, key: &ServiceKey, before: &VirtualService, config: &Config) -> Vec<Step> {
        let (mut listed, after) = self.outcome(key, before);
        let misplaced = misplaced(&listed, &after);
        listed.retain(|server| !misplaced.contains(server));
        let serves = |server: &ServerKey| {
            let real = after.servers.get(server);
            real.is_some_and(|real| !real.weight.is_zero())
        };
        if after.servers.keys().filter(|it| serves(it)).count() < 2 && misplaced.iter().any(serves)
        {
            return Vec::new();
        }
        let configured = config.services.get(key);
        let mut steps = Vec::new();
        for server in misplaced {
            let Some(real) = after.servers.get(&server) else {
                continue;
            };
            let full = configured.and_then(|it| it.servers.get(&server));
            let full = full.map_or(*real, |it| it.real_server);
            steps.push(Step::DeleteServer(*key, server));
            if real.weight.is_zero() && !full.weight.is_zero() {
                // By its last weight that was not 0 it gets its places in the table.
                steps.push(Step::AddServer(*key, server, full));
                steps.push(Step::EditServer(*key, server, *real));
            } else {
                steps.push(Step::AddServer(*key, server, *real));
            }
        }
        steps
    }

    /// The service after the steps, and its servers by when they were added.
    fn outcome(
        &self,
        key: &ServiceKey,
        before: &VirtualService,
    ) -> (Vec<ServerKey>, VirtualService) {
        let mut listed: Vec<ServerKey> = before.servers.keys().copied().collect();
        let mut table = IpvsTable::new();
        table.services.insert(*key, before.clone());
        for step in self.grow.iter().chain(&self.shrink) {
            if step.service() != key || step.apply_to(&mut table).is_err() {
                continue;
            }
            match step {
                Step::AddServer(_, server, _) => listed.push(*server),
                Step::DeleteServer(_, server) => listed.retain(|it| it != server),
                Step::AddService(..)
                | Step::EditService(..)
                | Step::DeleteService(_)
                | Step::EditServer(..) => {}
            }
        }
        let after = table.services.remove(key);
        (listed, after.unwrap_or_else(|| before.clone()))
    }
}

/// The servers to be added again, in this order, so that all are in order: the fewest that do it.
fn misplaced(listed: &[ServerKey], after: &VirtualService) -> Vec<ServerKey> {
    let mut rest = listed.iter();
    let mut ordered = after.servers.keys().copied().peekable();
    // Those that stay are the first ones of the order, as they are found one behind the other.
    while let Some(next) = ordered.peek() {
        if !rest.any(|it| it == next) {
            break;
        }
        ordered.next();
    }
    ordered.collect()
}

/// Whether steps remove a server and add it again at once, so that its connections live on if none of them ends in between.
#[must_use]
pub fn moves_servers(steps: &[Step]) -> bool {
    steps.windows(2).any(|pair| match pair {
        [
            Step::DeleteServer(key, server),
            Step::AddServer(same, again, _),
        ] => (key, server) == (same, again),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::model::RealServer;
    use crate::plan::{SimulatedKernel, Target as _, diff};

    fn config(servers: &[u8]) -> Config {
        let servers: Vec<String> = servers.iter().map(|it| format!("10.0.0.{it}")).collect();
        let text = format!(
            "virtual_services: [{{address: 192.0.2.1:80, failover: keep_connections, servers: [{}]}}]",
            servers.join(", ")
        );
        config::parse("test", text.as_bytes()).unwrap()
    }

    /// The table when these are up, and the others at rest.
    fn table(config: &Config, up: &[u8]) -> IpvsTable {
        let services = config.services.iter().map(|(key, service)| {
            let servers = service.servers.iter().map(|(server, it)| {
                let text = server.address.to_string();
                let is_up = up.iter().any(|last| text == format!("10.0.0.{last}"));
                let real = it.real_server;
                (*server, if is_up { real } else { real.at_rest() })
            });
            let settings = service.settings.clone();
            let servers = servers.collect();
            (*key, VirtualService { settings, servers })
        });
        let services = services.collect();
        IpvsTable { services }
    }

    fn plan(before: (&[u8], &[u8]), after: (&[u8], &[u8])) -> Plan {
        let (old, new) = (config(before.0), config(after.0));
        let (observed, desired) = (table(&old, before.1), table(&new, after.1));
        let ours = old.services.keys().copied().collect();
        diff(&desired, &observed, &ours).with_servers_in_order(&new, &observed)
    }

    /// The moves, in short: `-5 +5`, with the weight where it is not 1.
    fn order(plan: &Plan) -> String {
        let last = |server: &ServerKey| {
            let text = server.address.to_string();
            text.rsplit('.').next().unwrap().to_owned()
        };
        let weight = |real: &RealServer| match real.weight.get() {
            1 => String::new(),
            weight => format!("*{weight}"),
        };
        let words = plan.order.iter().map(|step| match step {
            Step::DeleteServer(_, server) => format!("-{}", last(server)),
            Step::AddServer(_, server, real) => format!("+{}{}", last(server), weight(real)),
            Step::EditServer(_, server, real) => format!("={}{}", last(server), weight(real)),
            other @ (Step::AddService(..) | Step::EditService(..) | Step::DeleteService(_)) => {
                format!("{other}")
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn those_behind_a_new_server_are_added_again_after_it() {
        for (before, after, moves) in [
            (vec![2, 3], vec![2, 3, 4], ""),
            (vec![2, 4], vec![2, 3, 4], "-4 +4"),
            (vec![2, 4, 5], vec![2, 3, 4, 5], "-4 +4 -5 +5"),
            (vec![3], vec![2, 3], "-3 +3"),
            (vec![3, 5], vec![2, 3, 4, 5], "-3 +3 -4 +4 -5 +5"),
            (vec![2, 3, 4], vec![2, 4], ""),
            (vec![2, 4], vec![3, 4], "-4 +4"),
        ] {
            let plan = plan((&before, &before), (&after, &after));
            assert_eq!(order(&plan), moves, "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn a_server_at_rest_gets_its_places_back() {
        let plan = plan((&[2, 4, 5], &[2, 5]), (&[2, 3, 4, 5], &[2, 3, 5]));
        assert_eq!(order(&plan), "-4 +4 =4*0 -5 +5");
    }

    #[test]
    fn nothing_moves_where_nobody_else_serves() {
        let plan = plan((&[3, 4], &[4]), (&[2, 3, 4], &[4]));
        assert_eq!(order(&plan), "");
    }

    #[test]
    fn a_move_changes_nothing_in_the_table() {
        let (old, new) = (config(&[3, 5]), config(&[2, 3, 4, 5]));
        let (observed, desired) = (table(&old, &[3, 5]), table(&new, &[2, 3, 4]));
        let ours = old.services.keys().copied().collect();
        let plan = diff(&desired, &observed, &ours).with_servers_in_order(&new, &observed);
        assert!(moves_servers(&plan.order) && !moves_servers(&plan.grow));
        let mut kernel = SimulatedKernel::holding(observed);
        for steps in [&plan.grow, &plan.shrink, &plan.order] {
            assert_eq!(kernel.apply(steps).unwrap(), []);
        }
        assert_eq!(kernel.table, desired);
    }
}
