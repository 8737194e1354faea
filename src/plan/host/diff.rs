// SPDX-License-Identifier: MIT OR Apache-2.0
//! Takes the wanted and the present host, and gives the fewest steps between them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{AddressSettings, DesiredHost, DesiredTimeouts, HostStep};
use crate::model::{AddressKey, Host, InterfaceAddress, SyncDaemon, SysctlName};

/// The steps from an observed host to a desired one, in the order in which they are carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HostPlan {
    /// What to do.
    pub steps: Vec<HostStep>,
    /// What cannot be planned, because its object is missing. A device that the plan makes may be such an object: plan
    /// again when it exists.
    pub missing: Vec<Missing>,
}

impl HostPlan {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

/// Something that is wanted, but whose object is missing or was not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// A setting.
    Setting(SysctlName),
    /// An interface.
    Link(String),
    /// The timeouts of IPVS.
    Timeouts,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting(name) => write!(f, "no setting {name}"),
            Self::Link(name) => write!(f, "no interface {name}"),
            Self::Timeouts => f.write_str("no IPVS timeouts"),
        }
    }
}

/// Plans from `observed` to `desired`. What is not wanted explicitly stays as it is.
#[must_use]
pub fn diff_host(desired: &DesiredHost, observed: &Host) -> HostPlan {
    let mut plan = HostPlan::default();
    remove_addresses(desired, observed, &mut plan);
    make_tunnels(desired, observed, &mut plan);
    change_timeouts(desired, observed, &mut plan);
    change_settings(desired, observed, &mut plan);
    change_links(desired, observed, &mut plan);
    change_sync_daemons(desired, observed, &mut plan);
    add_addresses(desired, observed, &mut plan);
    plan
}

fn remove_addresses(desired: &DesiredHost, observed: &Host, plan: &mut HostPlan) {
    let gone = desired.addresses.iter().filter(|(key, settings)| {
        let there = observed.address(key).is_some();
        settings.is_none() && there
    });
    plan.steps
        .extend(gone.map(|(key, _)| HostStep::RemoveAddress {
            address: key.clone(),
        }));
}

fn make_tunnels(desired: &DesiredHost, observed: &Host, plan: &mut HostPlan) {
    let missing = desired
        .tunnels
        .iter()
        .filter(|device| observed.link(device.name()).is_none());
    plan.steps
        .extend(missing.map(|device| HostStep::MakeTunnel { device: *device }));
}

fn change_settings(desired: &DesiredHost, observed: &Host, plan: &mut HostPlan) {
    for (name, to) in &desired.settings {
        match observed.settings.get(name) {
            Some(from) if from == to => {}
            Some(from) => plan.steps.push(HostStep::SetSetting {
                name: name.clone(),
                from: *from,
                to: *to,
            }),
            None if desired.optional.contains(name) => {}
            None => plan.missing.push(Missing::Setting(name.clone())),
        }
    }
}

fn change_timeouts(desired: &DesiredHost, observed: &Host, plan: &mut HostPlan) {
    if desired.timeouts == DesiredTimeouts::default() {
        return;
    }
    match observed.timeouts {
        None => plan.missing.push(Missing::Timeouts),
        Some(from) => {
            let to = desired.timeouts.over(from);
            if to != from {
                plan.steps.push(HostStep::SetTimeouts { from, to });
            }
        }
    }
}

/// Links go down first: they may be in the way of what comes up.
fn change_links(desired: &DesiredHost, observed: &Host, plan: &mut HostPlan) {
    for going in [false, true] {
        for (interface, up) in desired.links.iter().filter(|(_, up)| *up == going) {
            let now = match observed.link(interface) {
                Some(link) => link.up,
                None if is_made(desired, interface) => false,
                None => {
                    plan.missing.push(Missing::Link(interface.clone()));
                    continue;
                }
            };
            if now != *up {
                let interface = interface.clone();
                plan.steps.push(HostStep::SetLink { interface, up: *up });
            }
        }
    }
}

fn change_sync_daemons(desired: &DesiredHost, observed: &Host, plan: &mut HostPlan) {
    for (role, wanted) in &desired.sync_daemons {
        let running = observed.sync_daemon(*role);
        if let (Some(wanted), Some(running)) = (wanted, running)
            && runs_as(wanted, running)
        {
            continue;
        }
        if running.is_some() {
            plan.steps.push(HostStep::StopSyncDaemon { role: *role });
        }
        if let Some(daemon) = wanted.clone() {
            plan.steps.push(HostStep::StartSyncDaemon { daemon });
        }
    }
}

/// Whether a running daemon is the wanted one. The kernel chose what is 0 or `None`
/// (`net/netfilter/ipvs/ip_vs_sync.c`).
fn runs_as(wanted: &SyncDaemon, running: &SyncDaemon) -> bool {
    const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 81));
    const PORT: u16 = 8848;
    const TTL: u8 = 1;
    let group = |daemon: &SyncDaemon| daemon.group.unwrap_or(GROUP);
    let port = |daemon: &SyncDaemon| match daemon.port {
        0 => PORT,
        port => port,
    };
    wanted.interface == running.interface
        && wanted.sync_id == running.sync_id
        && (wanted.max_length == 0 || wanted.max_length == running.max_length)
        && group(wanted) == group(running)
        && port(wanted) == port(running)
        && wanted.ttl.max(TTL) == running.ttl.max(TTL)
}

fn add_addresses(desired: &DesiredHost, observed: &Host, plan: &mut HostPlan) {
    for (key, settings) in &desired.addresses {
        let Some(settings) = settings else { continue };
        if observed.link(&key.interface).is_none() && !is_made(desired, &key.interface) {
            plan.missing.push(Missing::Link(key.interface.clone()));
            continue;
        }
        let (address, settings) = (key.clone(), settings.clone());
        match observed.address(key) {
            None => plan.steps.push(HostStep::AddAddress { address, settings }),
            // One right after the other: the address is away for a moment only.
            Some(found) if !stays(key, &settings, found) => plan.steps.extend([
                HostStep::RemoveAddress {
                    address: address.clone(),
                },
                HostStep::AddAddress { address, settings },
            ]),
            Some(found) if !settings.lifetime.is_served_by(found.lifetime) => {
                plan.steps
                    .push(HostStep::RenewAddress { address, settings });
            }
            Some(_) => {}
        }
    }
}

/// Whether an address can stay. Linux cannot change the label or the scope of an address, and does not use one whose
/// duplicate address detection runs or has failed: such an address must be removed and added again.
fn stays(key: &AddressKey, settings: &AddressSettings, found: &InterfaceAddress) -> bool {
    match key.address {
        IpAddr::V4(_) => {
            let label = settings.label.is_none() || settings.label == found.label;
            label && settings.scope == found.scope
        }
        IpAddr::V6(_) => !(settings.nodad && (found.tentative || found.duplicate)),
    }
}

fn is_made(desired: &DesiredHost, interface: &str) -> bool {
    let mut tunnels = desired.tunnels.iter();
    tunnels.any(|device| device.name() == interface)
}
