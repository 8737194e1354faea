// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whether this host's own firewall denies a TCP connection. The kernel's TCP does not tell: it sends a SYN that netfilter
//! dropped again and again, in silence.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
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
use crate::model::{Probe, ProbePath, Way};

/// Asks this host's firewall about the probes of one look. Probes that leave from one address share the sockets: each
/// costs one system call.
#[derive(Debug, Default)]
pub(super) struct Firewall {
    doors: BTreeMap<Path, Result<Door>>,
    /// What was asked already: several checks may connect to one address.
    answers: BTreeMap<(Path, SocketAddr), bool>,
}

/// What a rule can see of a probe besides its target: the source, and what its configuration says of its path.
type Path = (IpAddr, Option<Box<ProbePath>>);

/// The sockets of one path.
#[derive(Debug)]
struct Door {
    raw: OwnedFd,
    from: SocketAddr,
    /// As long as this has the port nobody else gets it.
    _holder: OwnedFd,
}

impl Firewall {
    /// Whether a rule of this host drops or rejects the first packet of a TCP probe that leaves by this way. `false` when
    /// nobody can say: without CAP_NET_RAW, or without a source address.
    ///
    /// It sends one SYN by a raw socket, with the source, the interface and the mark of the probe. Netfilter's verdict on
    /// a packet of a raw socket is the result of `sendto` (`nf_hook_slow` in net/netfilter/core.c gives EPERM). A server
    /// that answers gets a RST from the kernel, which knows of no such connection.
    pub(super) fn denies(&mut self, probe: &Probe, way: Way) -> bool {
        let Some(source) = probe.source().or_else(|| way.source()) else {
            return false;
        };
        let path = (source, probe.path.clone());
        let target = probe.target;
        match self.answers.entry((path.clone(), target)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(unknown) => {
                let door = self.doors.entry(path);
                let door = door.or_insert_with_key(Door::open).as_ref();
                *unknown.insert(door.is_ok_and(|door| door.sent(target) == Err(Errno::EPERM)))
            }
        }
    }
}

impl Door {
    fn open((source, path): &Path) -> Result<Self> {
        let family = match source {
            IpAddr::V4(_) => AddressFamily::Inet,
            IpAddr::V6(_) => AddressFamily::Inet6,
        };
        let any_port = SockaddrStorage::from(SocketAddr::new(*source, 0));
        let holder = open(family, SockType::Stream, path.as_deref())?;
        bind(holder.as_raw_fd(), &any_port)?;
        let held: SockaddrStorage = getsockname(holder.as_raw_fd())?;
        let port = held.as_sockaddr_in().map(SockaddrIn::port);
        let port = port.or_else(|| held.as_sockaddr_in6().map(SockaddrIn6::port));
        let raw = open(family, SockType::Raw, path.as_deref())?;
        bind(raw.as_raw_fd(), &any_port)?;
        Ok(Self {
            raw,
            from: SocketAddr::new(*source, port.ok_or(Errno::EAFNOSUPPORT)?),
            _holder: holder,
        })
    }

    /// Sends a SYN to this address.
    fn sent(&self, target: SocketAddr) -> Result<()> {
        let handshake = Handshake {
            from: self.from,
            to: target,
            sequence: fastrand::u32(..),
            hops: 0,
        };
        // An IPv6 raw socket takes a port for a protocol.
        let to = SockaddrStorage::from(SocketAddr::new(target.ip(), 0));
        let syn = handshake.syn_segment();
        sendto(self.raw.as_raw_fd(), &syn, &to, MsgFlags::MSG_DONTWAIT).map(drop)
    }
}

/// A socket for TCP, or for its bare packets, on this path.
fn open(family: AddressFamily, kind: SockType, path: Option<&ProbePath>) -> Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, kind, flags, SockProtocol::Tcp)?;
    if let Some(mark) = path.and_then(|path| path.mark) {
        setsockopt(&socket, sockopt::Mark, &mark.get())?;
    }
    if let Some(interface) = path.and_then(|path| path.interface.as_deref()) {
        let name = OsString::from(interface);
        setsockopt(&socket, sockopt::BindToDevice, &name)?;
    }
    Ok(socket)
}
