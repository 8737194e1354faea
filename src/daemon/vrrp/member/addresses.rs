// SPDX-License-Identifier: MIT OR Apache-2.0
//! The virtual addresses of a member on this host: taken, kept, defended, released.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use tracing::{info, warn};

use super::Member;
use crate::codec::ethernet::HardwareAddress;
use crate::daemon::vrrp::port;
use crate::daemon::vrrp::seat::{Seat, has_all_addresses, leftovers};
use crate::kernel::Route;
use crate::model::{InterfaceAddress, Link, LinkLayerAddress, Timestamp};
use crate::vrrp::AnnounceReason;

/// So often an announcement is repeated at once when it matters. A switch or a host may lose one.
const BURST: usize = 5;
/// So often an address is renewed in its lifetime.
const RENEWALS: u32 = 4;
/// An address is defended against another host this often. Source: RFC 5227, section 1.1 (`DEFEND_INTERVAL`).
const DEFENCE: Duration = Duration::from_secs(10);

impl Member {
    /// Whether all of its addresses are on the interface, for as long as a director said.
    pub(in crate::daemon::vrrp) fn has_its_addresses(&self, route: &mut Route) -> bool {
        has_all_addresses(route, &self.router).unwrap_or_default()
    }

    pub(super) fn is_ours(&self, gone: &InterfaceAddress) -> bool {
        let here = self
            .seat
            .as_ref()
            .is_some_and(|it| it.holder() == gone.index);
        let mut own = self.router.addresses.iter();
        self.holds && here && own.any(|it| it.address == gone.address)
    }

    pub(super) fn is_port(&self, link: &Link) -> bool {
        let name = self.seat.as_ref().and_then(Seat::port);
        name == Some(&*link.name)
    }

    /// Somebody may have removed the interface with our hardware address, or set it down. `false` when it is as it should be.
    pub(super) fn mend_port(&mut self, now: Timestamp, route: &mut Route) -> bool {
        let Some(seat) = &mut self.seat else {
            return false;
        };
        let Some(port) = seat.port().map(str::to_owned) else {
            return false;
        };
        let Ok(found) = port::find(route, &self.router, seat.index) else {
            return false;
        };
        if found.is_some_and(|it| it.up && it.index == seat.holder()) {
            return false;
        }
        self.put_back += 1;
        let name = &self.name;
        warn!("virtual router {name}: {port} was removed or set down by somebody else: put back");
        // It may be there, and down.
        let _ = seat.close_port(route);
        self.open_port(route);
        self.take_addresses(now, route);
        self.announce(AnnounceReason::TookOver);
        true
    }

    /// Without an interface of its own, the addresses have the hardware address of the one below: better than none.
    pub(super) fn open_port(&mut self, route: &mut Route) {
        let Some(seat) = &mut self.seat else {
            return;
        };
        if let Err(error) = seat.open_port(route, &self.router) {
            let (name, interface) = (&self.name, &self.router.interface);
            warn!(
                "virtual router {name}: virtual_mac: {error}; its addresses have the hardware address of {interface} until \
                 the next take-over"
            );
        }
    }

    /// Somebody has removed an address that is ours.
    pub(super) fn put_back(&mut self, now: Timestamp, address: IpAddr, route: &mut Route) {
        // The interface may have gone with it.
        if self.mend_port(now, route) {
            return;
        }
        // It may be the news of what we did ourselves.
        let there = leftovers(route, &self.router).unwrap_or_default();
        if there.iter().any(|it| it.address == address) {
            return;
        }
        self.put_back += 1;
        let name = &self.name;
        warn!("virtual router {name}: {address} was removed by somebody else: put back");
        self.take_addresses(now, route);
        self.announce(AnnounceReason::TookOver);
    }

    /// Another host says that one of our addresses is there. Our announcement is the answer (RFC 5227, section 2.4), not
    /// more often than that host can be told of.
    pub(super) fn defend(&mut self, now: Timestamp, address: Ipv4Addr, who: HardwareAddress) {
        if !self.holds {
            return;
        }
        self.disputes += 1;
        if now < self.next_defence {
            return;
        }
        self.next_defence = now + DEFENCE;
        let name = &self.name;
        let who = LinkLayerAddress::new(&who).map_or_else(String::new, |it| it.to_string());
        warn!(
            "virtual router {name}: the host with the hardware address {who} says that {address} is there; announced again; \
             look for the address on that host"
        );
        self.announce(AnnounceReason::TwoMasters);
    }

    pub(super) fn announce(&self, reason: AnnounceReason) {
        let Some(seat) = &self.seat else {
            return;
        };
        let times = match reason {
            AnnounceReason::TookOver | AnnounceReason::Again | AnnounceReason::TwoMasters => BURST,
            AnnounceReason::Refresh => 1,
        };
        for _ in 0..times {
            for address in &self.router.addresses {
                // The next burst or refresh comes.
                let _ = seat.announce(address.address);
            }
        }
    }

    /// Adds the addresses, or renews them.
    pub(super) fn take_addresses(&mut self, now: Timestamp, route: &mut Route) {
        let lifetime = self.router.lifetime();
        self.next_renewal = now + Duration::from_secs(lifetime.0.into()) / RENEWALS;
        let Some(seat) = &self.seat else {
            return;
        };
        for address in &self.router.addresses {
            let address = seat.lent(address, lifetime);
            let interface = seat.port().unwrap_or(&self.router.interface);
            if let Err(error) = route.renew_address(interface, &address) {
                warn!("virtual router {}: {error}", self.name);
            }
        }
    }

    pub(super) fn release_addresses(&mut self, route: &mut Route) {
        let Some(seat) = &mut self.seat else {
            return;
        };
        match seat.close_port(route) {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => warn!("virtual router {}: {error}", self.name),
        }
        for address in &self.router.addresses {
            let address = seat.lent(address, self.router.lifetime());
            if let Err(error) = route.remove_address(&self.router.interface, &address) {
                warn!("virtual router {}: {error}", self.name);
            }
        }
    }

    /// A director that was killed has left its addresses. Another host may be master by now.
    pub(super) fn release_leftovers(&self, route: &mut Route) {
        for found in leftovers(route, &self.router).unwrap_or_default() {
            if let Ok(true) = route.remove_address(&self.router.interface, &found) {
                let (name, address) = (&self.name, found.address);
                info!("virtual router {name}: {address} was left here: removed");
            }
        }
        let parent = route.link(&self.router.interface).ok().flatten();
        let parent = parent.map(|it| it.index);
        let port = parent.and_then(|it| port::find(route, &self.router, it).ok().flatten());
        if let Some(link) = port
            && let Err(error) = route.remove_link(link.index, &link.name)
        {
            warn!("virtual router {}: {error}", self.name);
        }
    }
}
