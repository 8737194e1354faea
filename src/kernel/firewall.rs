// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether this host's own firewall denies a TCP connection. The kernel's TCP does not tell: it sends a SYN that netfilter
//! dropped again and again, in silence.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::Result;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6,
    SockaddrStorage, bind, getsockname, sendto, setsockopt, socket, sockopt,
};

use crate::codec::handshake::Handshake;
use crate::model::{Probe, Way};

/// Whether a rule of this host drops or rejects the first packet of a TCP probe that leaves by this way. `false` when
/// nobody can say: without CAP_NET_RAW, or without a source address.
///
/// It sends one SYN by a raw socket, with the source, the interface and the mark of the probe. Netfilter's verdict on a
/// packet of a raw socket is the result of `sendto` (`nf_hook_slow` in net/netfilter/core.c gives EPERM). A server that
/// answers gets a RST from the kernel, which knows of no such connection.
pub(super) fn denies(probe: &Probe, way: Way) -> bool {
    let source = probe.source().or_else(|| way.source());
    source.is_some_and(|source| sent(probe, source) == Ok(false))
}

/// Whether a SYN has passed this host's firewall.
fn sent(probe: &Probe, source: IpAddr) -> Result<bool> {
    let family = match source {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    // As long as this has the port nobody else gets it.
    let holder = open(family, SockType::Stream, probe)?;
    bind(
        holder.as_raw_fd(),
        &SockaddrStorage::from(SocketAddr::new(source, 0)),
    )?;
    let held: SockaddrStorage = getsockname(holder.as_raw_fd())?;
    let port = held.as_sockaddr_in().map(SockaddrIn::port);
    let port = port.or_else(|| held.as_sockaddr_in6().map(SockaddrIn6::port));
    let from = SocketAddr::new(source, port.ok_or(Errno::EAFNOSUPPORT)?);

    let raw = open(family, SockType::Raw, probe)?;
    bind(
        raw.as_raw_fd(),
        &SockaddrStorage::from(SocketAddr::new(source, 0)),
    )?;
    let handshake = Handshake {
        from,
        to: probe.target,
        sequence: fastrand::u32(..),
        hops: 0,
    };
    // An IPv6 raw socket takes a port for a protocol.
    let mut to = probe.target;
    to.set_port(0);
    let to = SockaddrStorage::from(to);
    match sendto(
        raw.as_raw_fd(),
        &handshake.syn_segment(),
        &to,
        MsgFlags::MSG_DONTWAIT,
    ) {
        Ok(_) => Ok(true),
        Err(Errno::EPERM) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// A socket for TCP, or for its bare packets, on the path of this probe.
fn open(family: AddressFamily, kind: SockType, probe: &Probe) -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, kind, flags, SockProtocol::Tcp)?;
    if let Some(path) = &probe.path {
        if let Some(mark) = path.mark {
            setsockopt(&socket, sockopt::Mark, &mark.get())?;
        }
        if let Some(interface) = &path.interface {
            setsockopt(
                &socket,
                sockopt::BindToDevice,
                &OsString::from(&**interface),
            )?;
        }
    }
    Ok(socket)
}
