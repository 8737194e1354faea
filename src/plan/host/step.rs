// SPDX-License-Identifier: MIT OR Apache-2.0
//! One change to this host.

use std::fmt;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::AddressSettings;
use crate::model::{
    AddressKey, Host, Link, SyncDaemon, SyncRole, SysctlName, Timeouts, TunnelDevice,
};

/// One change to this host. It prints as a completed action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum HostStep {
    /// Make a tunnel device.
    MakeTunnel {
        /// Which.
        device: TunnelDevice,
    },
    /// Set an interface up or down.
    SetLink {
        /// Which.
        interface: String,
        /// Up, or down.
        up: bool,
    },
    /// Set a kernel setting.
    SetSetting {
        /// Its name.
        name: SysctlName,
        /// From this value.
        from: i32,
        /// To this one.
        to: i32,
    },
    /// Set the connection timeouts of IPVS.
    SetTimeouts {
        /// From these.
        from: Timeouts,
        /// To these.
        to: Timeouts,
    },
    /// Stop a sync daemon.
    StopSyncDaemon {
        /// Which.
        role: SyncRole,
    },
    /// Start a sync daemon.
    StartSyncDaemon {
        /// Which, and how.
        daemon: SyncDaemon,
    },
    /// Add an address to an interface.
    AddAddress {
        /// Which, and where.
        address: AddressKey,
        /// How.
        settings: AddressSettings,
    },
    /// Give an address that is there its lifetime again.
    RenewAddress {
        /// Which, and where.
        address: AddressKey,
        /// How.
        settings: AddressSettings,
    },
    /// Remove an address from an interface.
    RemoveAddress {
        /// Which, and where.
        address: AddressKey,
    },
}

impl HostStep {
    /// The completed action in the log's words: a setting by its name only.
    #[must_use]
    pub fn in_short(&self) -> String {
        match self {
            Self::SetSetting { name, from, to } => format!("{name} {from} -> {to}"),
            Self::MakeTunnel { .. }
            | Self::SetLink { .. }
            | Self::SetTimeouts { .. }
            | Self::StopSyncDaemon { .. }
            | Self::StartSyncDaemon { .. }
            | Self::AddAddress { .. }
            | Self::RenewAddress { .. }
            | Self::RemoveAddress { .. } => self.to_string(),
        }
    }
}

impl fmt::Display for HostStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MakeTunnel { device } => write!(f, "made tunnel device {device}"),
            Self::SetLink { interface, up } => {
                write!(f, "set {interface} {}", if *up { "up" } else { "down" })
            }
            Self::SetSetting { name, from, to } => write!(f, "set {name}: {from} -> {to}"),
            Self::SetTimeouts { from, to } => {
                write!(f, "timeouts (tcp tcpfin udp) {from} -> {to}")
            }
            Self::StopSyncDaemon { role } => write!(f, "stopped {role} sync daemon"),
            Self::StartSyncDaemon { daemon } => write!(
                f,
                "started {} sync daemon (mcast={}, syncid={})",
                daemon.role, daemon.interface, daemon.sync_id
            ),
            Self::AddAddress { address, settings } => {
                write!(f, "added {address}")?;
                let label = settings.label.iter();
                { label }.try_for_each(|label| write!(f, " ({label})"))
            }
            Self::RenewAddress { address, .. } => write!(f, "renewed {address}"),
            Self::RemoveAddress { address } => {
                let AddressKey {
                    interface,
                    address,
                    prefix,
                } = address;
                write!(f, "removed {address}/{prefix} from {interface}")
            }
        }
    }
}

impl HostStep {
    /// Changes a simulated host, and fails with the kernel's error number.
    pub fn apply_to(&self, host: &mut Host) -> Result<(), Errno> {
        match self {
            Self::MakeTunnel { device } => {
                if host.link(device.name()).is_none() {
                    let last = host.links.iter().map(|link| link.index).max();
                    let index = last.unwrap_or(0).checked_add(1).ok_or(Errno::ENOMEM)?;
                    host.links.push(Link::new(index, device.name()));
                }
            }
            Self::SetLink { interface, up } => {
                let mut links = host.links.iter_mut();
                let link = links.find(|link| link.name == *interface);
                link.ok_or(Errno::ENODEV)?.up = *up;
            }
            Self::SetSetting { name, to, .. } => {
                *host.settings.get_mut(name).ok_or(Errno::ENOENT)? = *to;
            }
            Self::SetTimeouts { to, .. } => {
                *host.timeouts.as_mut().ok_or(Errno::ENOENT)? = *to;
            }
            Self::StopSyncDaemon { role } => {
                host.sync_daemon(*role).ok_or(Errno::ESRCH)?;
                host.sync_daemons.retain(|daemon| daemon.role != *role);
            }
            Self::StartSyncDaemon { daemon } => {
                if host.sync_daemon(daemon.role).is_some() {
                    return Err(Errno::EEXIST);
                }
                host.sync_daemons.push(daemon.clone());
            }
            Self::AddAddress { address, settings } => {
                let index = host.link(&address.interface).ok_or(Errno::ENODEV)?.index;
                if host.address(address).is_some() {
                    return Err(Errno::EEXIST);
                }
                host.addresses.push(settings.at(address, index));
            }
            Self::RenewAddress { address, settings } => {
                let found = host.address(address).ok_or(Errno::ENOENT)?.clone();
                let mut addresses = host.addresses.iter_mut();
                if let Some(renewed) = addresses.find(|address| **address == found) {
                    renewed.lifetime = settings.lifetime;
                }
            }
            Self::RemoveAddress { address } => {
                let found = host.address(address).ok_or(Errno::EADDRNOTAVAIL)?.clone();
                host.addresses.retain(|address| *address != found);
            }
        }
        Ok(())
    }
}
