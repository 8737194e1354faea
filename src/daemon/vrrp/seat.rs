// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where a virtual router is on this host: its interface, the address that it speaks from, its sockets.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::Duration;

use super::allowance::Allowance;
use super::port::{self, NoPort, Port};
use crate::codec::arp::Arp;
use crate::codec::ethernet::HardwareAddress;
use crate::codec::ndisc::NeighbourAdvertisement;
use crate::kernel::{Route, RouteError};
use crate::model::{
    AddressFamily, AddressLifetime, ConfiguredRouter, InterfaceAddress, Link, LinkLayerAddress,
    Seconds, Timestamp, VirtualAddress,
};
use crate::net::{Arrived, FrameSocket, Hears, VrrpSocket};

/// So much is read in each 10 ms. What is likely an advertisement is worth most: the master's may be among it.
const MOST_LIKELY: u32 = 512;
const MOST_REST: u32 = 16;
const MOST_FRAMES: u32 = 32;
/// Packets that come in such a time are many.
const CLOSELY: Duration = Duration::from_millis(1);

/// An interface with an address, and the sockets there.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) index: u32,
    /// The address that advertisements come from.
    pub(super) source: IpAddr,
    /// The interface's own address on the LAN; `None` where it has none like Ethernet's.
    hardware: Option<HardwareAddress>,
    advertisements: VrrpSocket,
    likely: Allowance,
    /// What comes in beside them: a flood of it does not take their room.
    rest: VrrpSocket,
    unlikely: Allowance,
    frames: FrameSocket,
    arp: Allowance,
    /// Where the addresses are, while they have a hardware address of their own.
    port: Option<Port>,
    /// Which of the three have something to read.
    readable: [bool; 3],
    /// When a packet was read last.
    read_at: Timestamp,
}

/// What ARP has come in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeardArp {
    /// Whether there was some.
    pub(super) any: bool,
    /// The first address that another host says is there, and that host.
    pub(super) dispute: Option<(Ipv4Addr, HardwareAddress)>,
}

/// How the interface of a virtual router is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) running: bool,
    pub(super) source: IpAddr,
    hardware: Option<HardwareAddress>,
}

/// Why a virtual router has no place on this host.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoPlace {
    /// The interface is not there, or has no address to speak from.
    #[error(
        "no {0} address on {1} to send advertisements from; add one, or name another interface"
    )]
    NoSource(AddressFamily, Box<str>),
    /// A virtual address is there for ever: no director has added it.
    #[error(
        "{0} is on {1} already, and not by a director; remove it there (ip address del), or leave it out of \
         virtual_routers"
    )]
    Foreign(VirtualAddress, Box<str>),
    /// Nobody knows.
    #[error(transparent)]
    Unread(#[from] RouteError),
}

impl Place {
    /// Looks at the interface.
    pub(super) fn look(route: &mut Route, router: &ConfiguredRouter) -> Result<Self, NoPlace> {
        let interface = &router.interface;
        let nowhere = || NoPlace::NoSource(router.family(), interface.clone());
        let link = route.link(interface)?.ok_or_else(nowhere)?;
        let addresses = route.addresses()?;
        let foreign = virtual_ones(router, &link, &addresses).find(|(_, found)| !is_lent(found));
        if let Some((address, _)) = foreign {
            return Err(NoPlace::Foreign(*address, interface.clone()));
        }
        let source = source(router, &link, &addresses).ok_or_else(nowhere)?;
        Ok(Self {
            index: link.index,
            running: link.running,
            source,
            hardware: link.address.as_ref().and_then(ethernet),
        })
    }
}

/// The virtual addresses that are on the interface.
fn virtual_ones<'a>(
    router: &'a ConfiguredRouter,
    link: &Link,
    addresses: &'a [InterfaceAddress],
) -> impl Iterator<Item = (&'a VirtualAddress, &'a InterfaceAddress)> {
    let index = link.index;
    router.addresses.iter().filter_map(move |own| {
        let mut here = addresses.iter().filter(|it| it.index == index);
        Some((own, here.find(|it| it.address == own.address)?))
    })
}

/// Whether the kernel removes it by itself: a director has added it.
const fn is_lent(address: &InterfaceAddress) -> bool {
    address.lifetime.valid.is_some()
}

/// The virtual addresses that a director has left, on the interface or on one with the virtual router's own hardware address.
pub(super) fn leftovers(
    route: &mut Route,
    router: &ConfiguredRouter,
) -> Result<Vec<InterfaceAddress>, RouteError> {
    let Some(link) = route.link(&router.interface)? else {
        return Ok(Vec::new());
    };
    let port = port::find(route, router, link.index)?;
    let addresses = route.addresses()?;
    let holders = [Some(link), port].into_iter().flatten();
    let found = holders.flat_map(|link| lent_at(router, &link, &addresses));
    Ok(found.collect())
}

fn lent_at(
    router: &ConfiguredRouter,
    link: &Link,
    addresses: &[InterfaceAddress],
) -> Vec<InterfaceAddress> {
    let found = virtual_ones(router, link, addresses).map(|(_, found)| found);
    found.filter(|it| is_lent(it)).cloned().collect()
}

/// Whether all virtual addresses are where the router has them, left there by a director.
pub(super) fn has_all_addresses(
    route: &mut Route,
    router: &ConfiguredRouter,
) -> Result<bool, RouteError> {
    let mut holder = route.link(&router.interface)?;
    if let (true, Some(link)) = (router.virtual_mac, &holder) {
        holder = port::find(route, router, link.index)?;
    }
    let Some(link) = holder else {
        return Ok(false);
    };
    let there = lent_at(router, &link, &route.addresses()?);
    Ok(there.len() == router.addresses.len())
}

/// The address to speak from: the one that is configured, else the first one that is no virtual address. Over IPv6 it is
/// link-local (RFC 9568, section 5.1.2.1).
fn source(
    router: &ConfiguredRouter,
    link: &Link,
    addresses: &[InterfaceAddress],
) -> Option<IpAddr> {
    let is_virtual =
        |it: &InterfaceAddress| router.addresses.iter().any(|own| own.address == it.address);
    let usable = |it: &&InterfaceAddress| {
        it.index == link.index
            && AddressFamily::of(it.address) == router.family()
            && !it.tentative
            && !it.duplicate
            && !is_virtual(it)
    };
    let mut usable = addresses.iter().filter(usable).map(|it| it.address);
    match router.source {
        Some(source) => usable.find(|it| *it == source),
        None => usable.find(|it| match it {
            IpAddr::V4(_) => true,
            IpAddr::V6(address) => address.is_unicast_link_local(),
        }),
    }
}

fn ethernet(address: &LinkLayerAddress) -> Option<HardwareAddress> {
    address.bytes().try_into().ok()
}

impl Seat {
    /// Opens the sockets.
    pub(super) fn take(router: &ConfiguredRouter, place: &Place) -> io::Result<Self> {
        let open = |hears| VrrpSocket::open(router.family(), &router.interface, place.index, hears);
        Ok(Self {
            index: place.index,
            source: place.source,
            hardware: place.hardware,
            advertisements: open(Hears::Likely(router.version, router.vrid))?,
            likely: Allowance::of(MOST_LIKELY),
            rest: open(Hears::Rest(router.version, router.vrid))?,
            unlikely: Allowance::of(MOST_REST),
            frames: FrameSocket::open(place.index)?,
            arp: Allowance::of(MOST_FRAMES),
            port: None,
            readable: [false; 3],
            read_at: Timestamp::ZERO,
        })
    }

    /// Whether the sockets are still right.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        self.index == place.index && self.source == place.source && self.hardware == place.hardware
    }

    /// Makes the interface with the virtual router's own hardware address, if that is wanted and not there.
    pub(super) fn open_port(
        &mut self,
        route: &mut Route,
        router: &ConfiguredRouter,
    ) -> Result<(), NoPort> {
        if router.virtual_mac && self.port.is_none() {
            self.port = Some(Port::open(route, router, self.index)?);
        }
        Ok(())
    }

    /// Removes that interface, and the addresses with it. `false` when there is none.
    pub(super) fn close_port(&mut self, route: &mut Route) -> Result<bool, RouteError> {
        match self.port.take() {
            Some(port) => port.close(route).map(|()| true),
            None => Ok(false),
        }
    }

    /// Goes on with the interface of another seat at the same place.
    pub(super) fn keep_port(&mut self, other: &mut Self) {
        if self.index == other.index {
            self.port = other.port.take();
        }
    }

    /// The name of that interface.
    pub(super) fn port(&self) -> Option<&str> {
        self.port.as_ref().map(|it| &*it.name)
    }

    /// The number of the interface where the addresses are.
    pub(super) fn holder(&self) -> u32 {
        self.port.as_ref().map_or(self.index, |it| it.index)
    }

    /// The hardware address that the addresses have.
    fn hardware(&self) -> Option<HardwareAddress> {
        let port = self.port.as_ref().map(|it| it.hardware);
        port.or(self.hardware)
    }

    /// As the kernel gets it. With a hardware address of its own it is alone in its network, so that the network's route stays
    /// with the interface below.
    pub(super) fn lent(&self, address: &VirtualAddress, lifetime: Seconds) -> InterfaceAddress {
        let mut address = *address;
        if self.port.is_some() {
            address.prefix_length = match address.address {
                IpAddr::V4(_) => 32,
                IpAddr::V6(_) => 128,
            };
        }
        on_interface(self.holder(), &address, lifetime)
    }

    /// Sends what an advertisement to this address carries.
    pub(super) fn advertise(&self, payload: &[u8], to: IpAddr) -> io::Result<()> {
        match &self.port {
            // By multicast it teaches bridges where the hardware address is (RFC 9568, section 7.2).
            Some(port) if to.is_multicast() => port.advertise(payload, self.source, to),
            Some(_) | None => self.advertisements.send(payload, self.source, to),
        }
    }

    /// Tells everybody on the LAN that the address is here.
    pub(super) fn announce(&self, address: IpAddr) -> io::Result<()> {
        let Some(hardware) = self.hardware() else {
            return Ok(());
        };
        let frames = self.port.as_ref().map_or(&self.frames, |it| &it.frames);
        let frame = match address {
            IpAddr::V4(address) => Arp::announcement(address, hardware).broadcast(),
            IpAddr::V6(address) => {
                NeighbourAdvertisement::announcement(address, hardware, true).to_all_nodes(hardware)
            }
        };
        frames.send(&frame)
    }

    /// What to wait for: those that may be read.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let all = [
            self.advertisements.as_fd(),
            self.rest.as_fd(),
            self.frames.as_fd(),
        ];
        let allowed = self.allowances().map(|it| it.renews_at().is_none());
        let all = all.into_iter().zip(allowed);
        all.filter_map(|(descriptor, allowed)| allowed.then_some(descriptor))
    }

    /// Takes for each of these whether there is something to read. What has nothing costs no system call; one that was not
    /// waited for may have something.
    pub(super) fn find_readable(&mut self, answers: &mut impl Iterator<Item = bool>) {
        self.readable = self
            .allowances()
            .map(|it| it.renews_at().is_some() || answers.next().unwrap_or_default());
    }

    const fn allowances(&self) -> [Allowance; 3] {
        [self.likely, self.unlikely, self.arp]
    }

    /// When one that may not be read now may be read again.
    pub(super) fn reads_again_at(&self) -> Option<Timestamp> {
        let all = self.allowances();
        all.iter().filter_map(Allowance::renews_at).min()
    }

    /// The next packet: those that are likely to be advertisements first. An advertisement comes alone: only where packets
    /// follow each other so closely is it worth a system call to ask for the next one at once.
    pub(super) fn receive(
        &mut self,
        now: Timestamp,
        into: &mut [u8],
    ) -> io::Result<Option<Arrived>> {
        let [likely, rest, _] = &mut self.readable;
        let sockets = [
            (likely, &self.advertisements, &mut self.likely),
            (rest, &self.rest, &mut self.unlikely),
        ];
        for (readable, socket, allowance) in sockets {
            if *readable && allowance.take(now) {
                let arrived = socket.receive(into)?;
                *readable = arrived.is_some() && now.since(self.read_at) < CLOSELY;
                if arrived.is_some() {
                    self.read_at = now;
                    return Ok(arrived);
                }
            }
        }
        Ok(None)
    }

    /// How many packets the kernel has dropped since the sockets are open.
    pub(super) fn dropped(&self, family: AddressFamily) -> u64 {
        let [likely, rest] = [&self.advertisements, &self.rest].map(VrrpSocket::dropped);
        match family {
            AddressFamily::Ipv4 => likely + rest,
            // The kernel looks at the checksum before it looks at the filter: each of the two drops a packet with a
            // wrong one.
            AddressFamily::Ipv6 => likely.max(rest),
        }
    }

    /// What ARP has come in since the last call.
    pub(super) fn hear_arp(&mut self, now: Timestamp, addresses: &[VirtualAddress]) -> HeardArp {
        let (mut frame, mut heard) = ([0; 64], HeardArp::default());
        let ours = self.hardware();
        let [.., readable] = self.readable;
        while readable && self.arp.take(now) {
            let Ok(Some(length)) = self.frames.receive(&mut frame) else {
                break;
            };
            heard.any = true;
            let arp = frame.get(..length).and_then(Arp::read);
            if let (Some(arp), Some(ours)) = (arp, ours) {
                let ipv4 = addresses.iter().filter_map(|it| match it.address {
                    IpAddr::V4(address) => Some(address),
                    IpAddr::V6(_) => None,
                });
                let mut disputed = ipv4.filter(|address| arp.disputes(*address, ours));
                let dispute = disputed.next().map(|it| (it, arp.sender.hardware));
                heard.dispute = heard.dispute.or(dispute);
            }
        }
        heard
    }
}

/// As the kernel gets it: no duplicate address detection, because the peer may have it for a moment longer. Over IPv6
/// it is no source of our own connections: the real servers have the address, too, and would drop them.
fn on_interface(index: u32, address: &VirtualAddress, lifetime: Seconds) -> InterfaceAddress {
    let preferred = match AddressFamily::of(address.address) {
        AddressFamily::Ipv4 => lifetime,
        AddressFamily::Ipv6 => Seconds(0),
    };
    let lifetime = AddressLifetime {
        valid: Some(lifetime),
        preferred: Some(preferred),
    };
    InterfaceAddress {
        nodad: true,
        lifetime,
        ..InterfaceAddress::new(index, address.address, address.prefix_length)
    }
}
