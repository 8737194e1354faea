// SPDX-License-Identifier: MIT OR Apache-2.0
//! What happens to a host, as the kernel reports it.

use serde::{Deserialize, Serialize};

use super::{Host, InterfaceAddress, Link, Neighbour, RouteEntry};

/// One change of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostEvent {
    /// An interface is new, or is now like this.
    LinkChanged(Link),
    /// An interface is gone; this is its last state.
    LinkGone(Link),
    /// An address is new, or is now like this.
    AddressAdded(InterfaceAddress),
    /// An address is gone; this is its last state.
    AddressRemoved(InterfaceAddress),
    /// A neighbour is new, or is now like this.
    NeighbourChanged(Neighbour),
    /// A neighbour is forgotten.
    NeighbourGone(Neighbour),
    /// A route is new, or is now like this.
    RouteChanged(RouteEntry),
    /// A route is gone.
    RouteGone(RouteEntry),
    /// Events were lost: read everything again.
    Lost,
}

impl Host {
    /// Changes the value as the event says; a second time changes nothing. When an interface goes, its addresses,
    /// neighbours and routes go, too.
    ///
    /// Two cases change nothing here, and the caller must read again: everything after [`HostEvent::Lost`], and the
    /// routes after an event of a route or a link. The kernel does not report a route that was replaced, or that ended
    /// with its link.
    pub fn update(&mut self, event: &HostEvent) {
        match event {
            HostEvent::LinkChanged(link) => put(&mut self.links, link, same_link),
            HostEvent::LinkGone(link) => {
                let index = link.index;
                self.links.retain(|found| found.index != index);
                self.addresses.retain(|found| found.index != index);
                self.neighbours.retain(|found| found.index != index);
                self.routes.retain(|found| found.index != Some(index));
            }
            HostEvent::AddressAdded(address) => put(&mut self.addresses, address, same_address),
            HostEvent::AddressRemoved(address) => {
                self.addresses.retain(|found| !same_address(found, address));
            }
            HostEvent::NeighbourChanged(neighbour) => {
                put(&mut self.neighbours, neighbour, same_neighbour);
            }
            HostEvent::NeighbourGone(neighbour) => {
                self.neighbours
                    .retain(|found| !same_neighbour(found, neighbour));
            }
            HostEvent::RouteChanged(_) | HostEvent::RouteGone(_) | HostEvent::Lost => {}
        }
    }
}

fn put<T: Clone>(all: &mut Vec<T>, new: &T, same: impl Fn(&T, &T) -> bool) {
    match all.iter_mut().find(|found| same(found, new)) {
        Some(found) => found.clone_from(new),
        None => all.push(new.clone()),
    }
}

const fn same_link(one: &Link, other: &Link) -> bool {
    one.index == other.index
}

fn same_address(one: &InterfaceAddress, other: &InterfaceAddress) -> bool {
    (one.index, one.address, one.prefix) == (other.index, other.address, other.prefix)
}

fn same_neighbour(one: &Neighbour, other: &Neighbour) -> bool {
    (one.index, one.address) == (other.index, other.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_an_interface_go_its_addresses() {
        let mut host = Host::default();
        let link = Link::new(7, "eth0");
        let address = InterfaceAddress::new(7, "192.0.2.1".parse().unwrap(), 24);
        let other = InterfaceAddress::new(1, "127.0.0.1".parse().unwrap(), 8);
        host.update(&HostEvent::LinkChanged(link.clone()));
        host.update(&HostEvent::AddressAdded(address));
        host.update(&HostEvent::AddressAdded(other.clone()));
        let before = host.clone();
        host.update(&HostEvent::LinkChanged(link.clone()));
        host.update(&HostEvent::Lost);
        assert_eq!(host, before);
        host.update(&HostEvent::LinkGone(link));
        assert_eq!((host.links.len(), host.addresses), (0, vec![other]));
    }

    #[test]
    fn an_address_that_changed_is_one_address() {
        let mut host = Host::default();
        let mut address = InterfaceAddress::new(1, "2001:db8::10".parse().unwrap(), 128);
        address.tentative = true;
        host.update(&HostEvent::AddressAdded(address.clone()));
        address.tentative = false;
        host.update(&HostEvent::AddressAdded(address.clone()));
        assert_eq!(host.addresses, std::slice::from_ref(&address));
        host.update(&HostEvent::AddressRemoved(address));
        assert_eq!(host.addresses, []);
    }
}
