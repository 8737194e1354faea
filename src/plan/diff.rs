// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two tables in, the fewest steps between them out.

use std::collections::BTreeSet;

use super::Step;
use crate::model::{
    Config, IpvsTable, RealServer, Scheduler, ServiceKey, ServiceSettings, VirtualService,
};

/// The steps from an observed table to a desired one, in parts.
///
/// All of `grow` comes before any of `shrink`: a service gets its new servers before it loses old ones, so that there
/// is a server to connect to at every moment in between. `order` comes last, and changes nothing but the order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Steps that add, or change in place without taking anything away.
    pub grow: Vec<Step>,
    /// Steps that quiesce and remove.
    pub shrink: Vec<Step>,
    /// Steps that put servers where they belong among the others: each is removed, and added again at once.
    pub order: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grow.is_empty() && self.shrink.is_empty()
    }

    /// Gives the servers of new `mh` services their full weight before they get weight 0: by its last weight that was not 0
    /// the kernel gives a server its places in the table, also while it rests (`last_weight` in
    /// `net/netfilter/ipvs/ip_vs_ctl.c` and `ip_vs_mh.c`). Nothing is scheduled until the scheduler is set.
    #[must_use]
    pub fn with_full_weights_first(mut self, config: &Config) -> Self {
        let mut grow = Vec::with_capacity(self.grow.len());
        let mut new = None;
        for step in self.grow {
            if let Step::AddService(key, settings) = &step {
                new = (settings.scheduler == Scheduler::NONE).then_some(*key);
            }
            match full_weight(&step, new, config) {
                Some((first, then)) => grow.extend([first, then]),
                None => grow.push(step),
            }
        }
        self.grow = grow;
        self
    }

    /// The number of steps, and of netlink messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.grow.len() + self.shrink.len() + self.order.len()
    }

    /// All steps in the order they are carried out.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.differences().chain(&self.order)
    }

    /// The steps that make the tables equal.
    pub fn differences(&self) -> impl Iterator<Item = &Step> {
        self.grow.iter().chain(&self.shrink)
    }
}

/// The two steps in place of one that adds a server with weight 0 to this new service.
fn full_weight(step: &Step, new: Option<ServiceKey>, config: &Config) -> Option<(Step, Step)> {
    let Step::AddServer(key, server, real) = *step else {
        return None;
    };
    if new != Some(key) || !real.weight.is_zero() {
        return None;
    }
    let full = config.services.get(&key)?.servers.get(&server)?.real_server;
    (!full.weight.is_zero()).then_some((
        Step::AddServer(key, server, full),
        Step::EditServer(key, server, real),
    ))
}

/// Plans from `observed` to `desired`. It removes a service that is not desired only if `ours` has it.
#[must_use]
pub fn diff(desired: &IpvsTable, observed: &IpvsTable, ours: &BTreeSet<ServiceKey>) -> Plan {
    let mut plan = Plan::default();
    for (key, service) in &desired.services {
        diff_service(key, Some(service), observed.services.get(key), &mut plan);
    }
    for (key, service) in &observed.services {
        if !desired.services.contains_key(key) && ours.contains(key) {
            diff_service(key, None, Some(service), &mut plan);
        }
    }
    plan
}

/// Plans for one service of ours. `None` means: the service should not exist, or does not exist.
pub fn diff_service(
    key: &ServiceKey,
    desired: Option<&VirtualService>,
    observed: Option<&VirtualService>,
    plan: &mut Plan,
) {
    match (desired, observed) {
        (None, None) => {}
        (None, Some(_)) => plan.shrink.push(Step::DeleteService(*key)),
        (Some(desired), None) => add_service(key, desired, plan),
        (Some(desired), Some(observed)) => {
            if desired.settings != observed.settings {
                plan.grow
                    .push(Step::EditService(*key, desired.settings.clone()));
            }
            diff_servers(key, desired, observed, plan);
        }
    }
}

/// A new service with its servers. With Maglev hashing every added server would rebuild the whole hash table. So we add
/// the servers while nothing is scheduled, and set the scheduler once (a hundred times faster).
fn add_service(key: &ServiceKey, desired: &VirtualService, plan: &mut Plan) {
    let late_scheduler = desired.settings.scheduler == Scheduler::MH && desired.servers.len() > 1;
    let settings = if late_scheduler {
        ServiceSettings {
            scheduler: Scheduler::NONE,
            ..desired.settings.clone()
        }
    } else {
        desired.settings.clone()
    };
    plan.grow.push(Step::AddService(*key, settings));
    plan.grow.extend(
        desired
            .servers
            .iter()
            .map(|(server, real)| Step::AddServer(*key, *server, *real)),
    );
    if late_scheduler {
        plan.grow
            .push(Step::EditService(*key, desired.settings.clone()));
    }
}

fn diff_servers(
    key: &ServiceKey,
    desired: &VirtualService,
    observed: &VirtualService,
    plan: &mut Plan,
) {
    for (server, wanted) in &desired.servers {
        match observed.servers.get(server) {
            None => plan.grow.push(Step::AddServer(*key, *server, *wanted)),
            Some(present) if present == wanted => {}
            Some(present) => {
                let edit = Step::EditServer(*key, *server, *wanted);
                if quiesces(present, wanted) {
                    &mut plan.shrink
                } else {
                    &mut plan.grow
                }
                .push(edit);
            }
        }
    }
    let gone = observed
        .servers
        .keys()
        .filter(|server| !desired.servers.contains_key(server));
    plan.shrink
        .extend(gone.map(|server| Step::DeleteServer(*key, *server)));
}

const fn quiesces(present: &RealServer, wanted: &RealServer) -> bool {
    !present.weight.is_zero() && wanted.weight.is_zero()
}
