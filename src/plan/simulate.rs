// SPDX-License-Identifier: MIT OR Apache-2.0
//! A simulated kernel: what IPVS does with each step, error numbers included.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::IpAddr;

use nix::errno::Errno;

use super::{Step, StepFailure, Target};
use crate::model::{
    ConnectionCounts, ForwardingMethod, Host, IpvsTable, RealServer, Scheduler, ServerKey,
    ServiceKey, Traffic, TunnelKind, VirtualService,
};

/// Behaves like the kernel's IPVS table (`net/netfilter/ipvs/ip_vs_ctl.c`). The planner's laws are tested with it, and
/// the lab compares it with the real kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SimulatedKernel {
    /// The table.
    pub table: IpvsTable,
    /// The host around the table: [`HostTarget`](super::HostTarget).
    pub host: Host,
    /// Schedulers it has no module for.
    pub missing_schedulers: BTreeSet<Scheduler>,
    /// The connections of its servers; those that are not named have none.
    pub connections: BTreeMap<(ServiceKey, ServerKey), ConnectionCounts>,
    /// The traffic of its servers; those that are not named have none.
    pub traffic: BTreeMap<(ServiceKey, ServerKey), Traffic>,
    /// How many steps it was given, one netlink message each.
    pub messages: usize,
}

impl SimulatedKernel {
    /// A kernel with this table and with every scheduler.
    #[must_use]
    pub fn holding(table: IpvsTable) -> Self {
        Self {
            table,
            ..Self::default()
        }
    }

    /// One step.
    pub fn step(&mut self, step: &Step) -> Result<(), Errno> {
        self.messages += 1;
        match step {
            Step::AddService(key, settings) | Step::EditService(key, settings)
                if self.missing_schedulers.contains(&settings.scheduler) =>
            {
                let present = self.table.services.contains_key(key);
                Err(match (step, present) {
                    (Step::AddService(..), true) => Errno::EEXIST,
                    (Step::AddService(..), false) | (_, true) => Errno::ENOENT,
                    (_, false) => Errno::ESRCH,
                })
            }
            Step::AddServer(key, server, real) | Step::EditServer(key, server, real) => {
                if let Some(service) = self.table.services.get(key) {
                    check_server(key, server, real)?;
                    let new = !service.servers.contains_key(server);
                    if matches!(step, Step::AddServer(..)) && new && !is_unicast(server.address) {
                        return Err(Errno::EINVAL);
                    }
                }
                step.apply_to(&mut self.table)
            }
            Step::AddService(..)
            | Step::EditService(..)
            | Step::DeleteService(_)
            | Step::DeleteServer(..) => step.apply_to(&mut self.table),
        }
    }
}

/// What the kernel checks, in its order, after it has found the service and before it looks for the server.
fn check_server(service: &ServiceKey, key: &ServerKey, server: &RealServer) -> Result<(), Errno> {
    let tunnel = match server.forwarding {
        ForwardingMethod::Tunneling(tunnel) => Some(tunnel),
        ForwardingMethod::Masquerading
        | ForwardingMethod::Local
        | ForwardingMethod::DirectRouting
        | ForwardingMethod::Bypass
        | ForwardingMethod::Other(_) => None,
    };
    if key.family() != service.family() && tunnel.is_none() {
        return Err(Errno::EINVAL);
    }
    if server.thresholds.lower > server.thresholds.upper {
        return Err(Errno::ERANGE);
    }
    let portless = TunnelKind::Gue { port: 0 };
    if tunnel.is_some_and(|tunnel| tunnel.kind == portless) {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// Whether an address, by its form, can belong to one host.
const fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0),
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified() || v6.is_unicast_link_local()),
    }
}

impl Target for SimulatedKernel {
    type Error = Infallible;

    fn read(&mut self) -> Result<IpvsTable, Infallible> {
        Ok(self.table.clone())
    }

    fn read_service(&mut self, key: &ServiceKey) -> Result<Option<VirtualService>, Infallible> {
        Ok(self.table.services.get(key).cloned())
    }

    fn count(
        &mut self,
        key: &ServiceKey,
    ) -> Result<Vec<(ServerKey, ConnectionCounts, Traffic)>, Infallible> {
        let service = self.table.services.get(key).into_iter();
        let servers = service.flat_map(|service| service.servers.keys());
        let counted = servers.map(|server| {
            let counts = self.connections.get(&(*key, *server));
            let traffic = self.traffic.get(&(*key, *server));
            (
                *server,
                counts.copied().unwrap_or_default(),
                traffic.copied().unwrap_or_default(),
            )
        });
        Ok(counted.collect())
    }

    fn apply(&mut self, steps: &[Step]) -> Result<Vec<StepFailure>, Infallible> {
        let failure = |(index, step): (usize, &Step)| {
            let errno = self.step(step).err()?;
            Some(StepFailure {
                index,
                step: step.clone(),
                errno,
            })
        };
        Ok(steps.iter().enumerate().filter_map(failure).collect())
    }
}
