// SPDX-License-Identifier: MIT OR Apache-2.0
//! VRRP's own IP packets.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, SockaddrIn6, SockaddrStorage,
    recvmsg, sendmsg, setsockopt, sockopt,
};

use super::likely::{Hears, deaf, filter};
use super::link_layer::{drops, open, set_filter, set_option};
use crate::codec::ip::Ipv4Packet;
use crate::codec::vrrp::{Delivery, HOPS, PROTOCOL, group};
use crate::model::AddressFamily;

/// Internetwork control, as keepalived sends it. Source: RFC 791.
const INTERNETWORK_CONTROL: u8 = 0xc0;
/// `TC_PRIO_CONTROL` of `linux/pkt_sched.h`: a full queue lets these through first.
const PRIO_CONTROL: libc::c_int = 7;

/// `IPV6_FREEBIND` of `linux/in6.h`.
const IPV6_FREEBIND: libc::c_int = 78;

/// Sends and hears the advertisements of one family on one interface. It waits for nothing. Needs CAP_NET_RAW.
///
/// It hears those to the group of VRRP and those to this host, as far as [`Hears`] says. Its own are not heard.
#[derive(Debug)]
pub struct VrrpSocket {
    socket: OwnedFd,
    family: AddressFamily,
    interface: u32,
}

/// A packet that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    /// What its IP header says.
    pub delivery: Delivery,
    /// Where its payload begins in the buffer.
    pub begin: usize,
    /// Where it ends.
    pub end: usize,
}

impl VrrpSocket {
    /// A socket of the interface with this name and number, in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// The kernel's: it may not be, there is no such interface, or it can have no more groups.
    pub fn open(
        family: AddressFamily,
        name: &str,
        interface: u32,
        hears: Hears,
    ) -> io::Result<Self> {
        let it = Self::prepare(family, name, interface, &filter(family, hears))?;
        if family == AddressFamily::Ipv6 {
            setsockopt(&it.socket, sockopt::Ipv6RecvPacketInfo, &true)?;
            setsockopt(&it.socket, sockopt::Ipv6RecvHopLimit, &true)?;
        }
        join(&it.socket, group(family), interface)?;
        Ok(it)
    }

    /// A socket that only sends, also from addresses that another interface of this host has.
    ///
    /// # Errors
    ///
    /// The kernel's: it may not be, or there is no such interface.
    pub fn open_to_send(family: AddressFamily, name: &str, interface: u32) -> io::Result<Self> {
        let it = Self::prepare(family, name, interface, &deaf())?;
        if family == AddressFamily::Ipv6 {
            send_from_anywhere(&it.socket)?;
        }
        Ok(it)
    }

    fn prepare(
        family: AddressFamily,
        name: &str,
        interface: u32,
        filter: &[libc::sock_filter],
    ) -> io::Result<Self> {
        let domain = match family {
            AddressFamily::Ipv4 => libc::AF_INET,
            AddressFamily::Ipv6 => libc::AF_INET6,
        };
        let socket = open(domain, libc::SOCK_RAW, PROTOCOL.into())?;
        set_filter(&socket, filter)?;
        setsockopt(&socket, sockopt::BindToDevice, &name.into())?;
        setsockopt(&socket, sockopt::Priority, &PRIO_CONTROL)?;
        match family {
            AddressFamily::Ipv4 => {
                setsockopt(&socket, sockopt::IpMulticastTtl, &HOPS)?;
                setsockopt(&socket, sockopt::Ipv4Ttl, &HOPS.into())?;
                setsockopt(&socket, sockopt::IpMulticastLoop, &false)?;
                setsockopt(&socket, sockopt::Ipv4Tos, &INTERNETWORK_CONTROL.into())?;
            }
            AddressFamily::Ipv6 => {
                setsockopt(&socket, sockopt::Ipv6MulticastHops, &HOPS.into())?;
                setsockopt(&socket, sockopt::Ipv6Ttl, &HOPS.into())?;
                setsockopt(&socket, sockopt::Ipv6TClass, &INTERNETWORK_CONTROL.into())?;
            }
        }
        Ok(Self {
            socket,
            family,
            interface,
        })
    }

    /// Sends what an IP packet from `source`, an address of this host, to `destination` carries.
    ///
    /// # Errors
    ///
    /// The kernel's: the interface is down, this host does not have the address, or there is no way.
    pub fn send(&self, payload: &[u8], source: IpAddr, destination: IpAddr) -> io::Result<()> {
        let payload = [IoSlice::new(payload)];
        let (flags, socket) = (MsgFlags::MSG_DONTWAIT, self.socket.as_raw_fd());
        let sent = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(to)) => {
                let from = libc::in_pktinfo {
                    ipi_ifindex: self.interface.cast_signed(),
                    ipi_spec_dst: libc::in_addr {
                        s_addr: source.to_bits().to_be(),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
                let from = [ControlMessage::Ipv4PacketInfo(&from)];
                sendmsg(socket, &payload, &from, flags, Some(&to))
            }
            (IpAddr::V6(source), IpAddr::V6(to)) => {
                let from = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: source.octets(),
                    },
                    ipi6_ifindex: self.interface,
                };
                let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, self.interface));
                let from = [ControlMessage::Ipv6PacketInfo(&from)];
                sendmsg(socket, &payload, &from, flags, Some(&to))
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
                Err(Errno::EAFNOSUPPORT)
            }
        };
        sent.map(drop).map_err(io::Error::from)
    }

    /// The next packet, whose bytes are in `into`; `None` when there is none now. What is no whole packet is passed over.
    ///
    /// # Errors
    ///
    /// The kernel's: `ENETDOWN` once when the interface goes down.
    pub fn receive(&self, into: &mut [u8]) -> io::Result<Option<Arrived>> {
        loop {
            let arrived = match self.family {
                AddressFamily::Ipv4 => self.receive_ipv4(into),
                AddressFamily::Ipv6 => self.receive_ipv6(into),
            };
            match arrived {
                Ok(Some(arrived)) => return Ok(Some(arrived)),
                Ok(None) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// How many packets the kernel has dropped that came to this socket: there was no room, or, over IPv6, the checksum
    /// was wrong. 0 when the kernel does not say it.
    pub fn dropped(&self) -> u64 {
        drops(&self.socket).map_or(0, u64::from)
    }

    /// The kernel hands the IP header over, too.
    fn receive_ipv4(&self, into: &mut [u8]) -> nix::Result<Option<Arrived>> {
        let flags = MsgFlags::MSG_DONTWAIT;
        let length = nix::sys::socket::recv(self.socket.as_raw_fd(), into, flags)?;
        let packet = into.get(..length).and_then(Ipv4Packet::read);
        Ok(packet.map(|packet| {
            // The payload is a part of the packet.
            let begin = packet.payload.as_ptr().addr() - into.as_ptr().addr();
            Arrived {
                delivery: Delivery::from(&packet),
                begin,
                end: begin + packet.payload.len(),
            }
        }))
    }

    /// The kernel tells what was in the IP header.
    fn receive_ipv6(&self, into: &mut [u8]) -> nix::Result<Option<Arrived>> {
        let mut told = nix::cmsg_space!(libc::in6_pktinfo, libc::c_int);
        let mut into = [IoSliceMut::new(into)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let socket = self.socket.as_raw_fd();
        let message = recvmsg::<SockaddrStorage>(socket, &mut into, Some(&mut told), flags)?;
        let (mut destination, mut hops) = (None, None);
        for told in message.cmsgs()? {
            match told {
                ControlMessageOwned::Ipv6PacketInfo(to) => destination = Some(to.ipi6_addr.s6_addr),
                ControlMessageOwned::Ipv6HopLimit(limit) => hops = u8::try_from(limit).ok(),
                _ => {}
            }
        }
        let source = message
            .address
            .and_then(|from| Some(from.as_sockaddr_in6()?.ip()));
        let known = source.zip(destination).zip(hops);
        Ok(known.map(|((source, destination), hops)| Arrived {
            delivery: Delivery {
                source: source.into(),
                destination: Ipv6Addr::from(destination).into(),
                hops,
            },
            begin: 0,
            end: message.bytes,
        }))
    }
}

impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Packets to this group are heard from now on, whatever addresses the interface has.
#[expect(
    unsafe_code,
    reason = "nix joins by an address of the interface, not by its number"
)]
fn join(socket: &OwnedFd, group: IpAddr, interface: u32) -> io::Result<()> {
    match group {
        IpAddr::V4(group) => {
            let request = libc::ip_mreqn {
                imr_multiaddr: libc::in_addr {
                    s_addr: group.to_bits().to_be(),
                },
                imr_address: libc::in_addr { s_addr: 0 },
                imr_ifindex: interface.cast_signed(),
            };
            // SAFETY: this is the structure for the option, and it points to nothing.
            unsafe { set_option(socket, libc::IPPROTO_IP, libc::IP_ADD_MEMBERSHIP, &request) }
        }
        IpAddr::V6(group) => {
            let request = libc::ipv6_mreq {
                ipv6mr_multiaddr: libc::in6_addr {
                    s6_addr: group.octets(),
                },
                ipv6mr_interface: interface,
            };
            let option = libc::IPV6_ADD_MEMBERSHIP;
            // SAFETY: this is the structure for the option, and it points to nothing.
            unsafe { set_option(socket, libc::IPPROTO_IPV6, option, &request) }
        }
    }
}

/// IPv6 lets a socket send from a link-local address of its own interface only, unless it is asked not to look
/// (`ip6_datagram_send_ctl` of `net/ipv6/datagram.c`).
#[expect(unsafe_code, reason = "nix does not know this option")]
fn send_from_anywhere(socket: &OwnedFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: the option takes a number.
    unsafe { set_option(socket, libc::IPPROTO_IPV6, IPV6_FREEBIND, &on) }
}
