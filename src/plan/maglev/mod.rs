// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's scheduler `mh`: which server gets a connection.
//!
//! The choice is a function of the client's address and port, of the servers in the order of the kernel's list, and of
//! their weights: two kernels with the same servers choose the same, without a word between them. Source:
//! `net/netfilter/ipvs/ip_vs_mh.c`. The tests in `tests/kernel/traffic/maglev.rs` compare with the kernel.
//!
//! What cannot be read from a kernel is taken for granted: that it has 4,093 slots (`CONFIG_IP_VS_MH_TAB_INDEX` is 12 if
//! nobody changed it), hashes as 64-bit kernels do, and takes no server for overloaded, as it would above an upper
//! threshold.

mod fill;
mod hash;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use self::hash::{Key, hsiphash};
use crate::model::{AddressFamily, Scheduler, ServerKey, ServiceSettings, Weight};

/// The size of the table, a prime.
const SLOTS: u32 = 4093;
const FIRST_KEY: Key = [2_654_435_761; 2];

/// A server, as the table depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Destination {
    /// Which one.
    pub server: ServerKey,
    /// Its last weight that was not 0, or the 0 that it was added with. A server keeps its slots while its weight is 0.
    pub last_weight: Weight,
    /// Whether its weight is not 0 now.
    pub is_available: bool,
}

/// The table of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Maglev {
    /// By slot, the place in `servers`.
    slots: Vec<Option<u16>>,
    /// Each with whether it is available.
    servers: Vec<(ServerKey, bool)>,
    family: AddressFamily,
    hashes_ports: bool,
    falls_back: bool,
}

impl Maglev {
    /// The table of a service of this family with these settings and destinations. These stand in the order in which the
    /// kernel lists them, newest first: it adds a server at the front (`__ip_vs_update_dest`), and an edit moves none.
    ///
    /// `None` when the scheduler is not `mh`, or there are more servers than slots: then the kernel keeps the table that
    /// it had before.
    #[must_use]
    pub fn build(
        family: AddressFamily,
        settings: &ServiceSettings,
        destinations: &[Destination],
    ) -> Option<Self> {
        if settings.scheduler != Scheduler::MH || destinations.len() > SLOTS as usize {
            return None;
        }
        let servers = destinations.iter();
        let servers = servers.map(|it| (it.server, it.is_available)).collect();
        Some(Self {
            slots: fill::slots(family, destinations),
            servers,
            family,
            hashes_ports: settings.hashes_ports(),
            falls_back: settings.falls_back(),
        })
    }

    /// The server that a client gets; `None` when the kernel refuses it. (`ip_vs_mh_get`, `ip_vs_mh_get_fallback`)
    #[must_use]
    pub fn choose(&self, client: SocketAddr) -> Option<ServerKey> {
        let port = if self.hashes_ports { client.port() } else { 0 };
        let word = folded(self.family, client.ip()).wrapping_add(u32::from(port));
        let first = slot_of(word);
        let (server, is_available) = self.server_at(first)?;
        if is_available {
            return Some(server);
        }
        // Looking at every slot would find nobody.
        if !self.falls_back || self.servers.iter().all(|(_, is_available)| !is_available) {
            return None;
        }
        let offsets = (0..SLOTS).map(|step| (step + first) % SLOTS);
        let others =
            offsets.filter_map(|offset| self.server_at(slot_of(word.wrapping_add(offset))));
        others
            .filter(|(_, is_available)| *is_available)
            .map(|(server, _)| server)
            .next()
    }

    fn server_at(&self, slot: u32) -> Option<(ServerKey, bool)> {
        let place = (*self.slots.get(slot as usize)?)?;
        self.servers.get(usize::from(place)).copied()
    }
}

/// The slot that the first key gives to a word.
fn slot_of(word: u32) -> u32 {
    hsiphash(word, FIRST_KEY) % SLOTS
}

/// An address as one word, as a service of this family reads it. Of a tunnel's server of the other family it reads the
/// same bytes: the first four of an IPv6 address, or all of an IPv4 address with zeros behind.
fn folded(family: AddressFamily, address: IpAddr) -> u32 {
    let words = match address {
        IpAddr::V4(address) => return address.to_bits(),
        IpAddr::V6(address) => words(address),
    };
    match family {
        AddressFamily::Ipv4 => words[0],
        AddressFamily::Ipv6 => words.into_iter().fold(0, std::ops::BitXor::bitxor),
    }
}

fn words(address: Ipv6Addr) -> [u32; 4] {
    let bits = address.to_bits();
    let word = |shift: u32| u32::try_from(bits >> shift & u128::from(u32::MAX)).unwrap_or(0);
    [96, 64, 32, 0].map(word)
}
