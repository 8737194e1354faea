// SPDX-License-Identifier: MIT OR Apache-2.0
//! This host as a value: its links, addresses, neighbours, routes and settings, and the parts of IPVS that are not
//! services.

mod address;
mod event;
mod link;
mod neighbour;
mod route;
mod setting;
mod sighting;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SyncDaemon, SyncRole, Timeouts};

pub use address::{AddressKey, AddressLifetime, AddressScope, InterfaceAddress};
pub use event::HostEvent;
pub use link::{Link, LinkLayerAddress, LinkLayerAddressError, TunnelDevice};
pub use neighbour::{Neighbour, NeighbourState};
pub use route::{RouteEntry, RouteKind};
pub use setting::{SysctlName, SysctlNameError};
pub use sighting::{NextHop, SeenLink, Sighting, Way};

/// The parts of one network namespace that somebody read, or the host of a test.
///
/// Parts that nobody read are empty. When the same parts of two hosts were read, the hosts are equal if they treat
/// every packet alike.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Host {
    /// The interfaces.
    pub links: Vec<Link>,
    /// The addresses of all interfaces.
    pub addresses: Vec<InterfaceAddress>,
    /// The neighbours it talks to, or tries to.
    pub neighbours: Vec<Neighbour>,
    /// The routes of all tables.
    pub routes: Vec<RouteEntry>,
    /// The settings that somebody asked for, without those that the kernel does not have.
    pub settings: BTreeMap<SysctlName, i32>,
    /// The connection timeouts of IPVS.
    pub timeouts: Option<Timeouts>,
    /// The sync daemons of IPVS: none, one or two.
    pub sync_daemons: Vec<SyncDaemon>,
}

impl Host {
    /// The interface of this name.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// The name of an interface, or its number for want of one.
    #[must_use]
    pub fn interface(&self, index: u32) -> String {
        let link = self.links.iter().find(|link| link.index == index);
        link.map_or_else(|| format!("interface {index}"), |link| link.name.clone())
    }

    /// An address of an interface.
    #[must_use]
    pub fn address(&self, key: &AddressKey) -> Option<&InterfaceAddress> {
        let index = self.link(&key.interface)?.index;
        self.addresses.iter().find(|found| {
            found.index == index && found.address == key.address && found.prefix == key.prefix
        })
    }

    /// The sync daemon of this role.
    #[must_use]
    pub fn sync_daemon(&self, role: SyncRole) -> Option<&SyncDaemon> {
        self.sync_daemons.iter().find(|daemon| daemon.role == role)
    }
}
