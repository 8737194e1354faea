// SPDX-License-Identifier: MIT OR Apache-2.0
//! Packets past the kernel's IP, by packet sockets, and packets of any protocol, by raw sockets.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::bpf::{
    IF_ANY_BIT, IF_EQUAL, LOAD_BYTE, LOAD_HALF, LOAD_HALF_BEHIND_X, RETURN, X_IS_IPV4_HEADER, line,
};
use super::link_layer::{Address, bind, open, packet_socket, set_filter};
use crate::codec::ethernet::ether_type;
use crate::codec::handshake::MOST_BYTES;
use crate::model::{AddressFamily, LinkLayerAddress};

/// What of a packet the filter lets through.
const LONGEST: u32 = 128;
const _: () = assert!(LONGEST as usize == MOST_BYTES);

/// Hears the answers to our own TCP handshakes, on all interfaces, before the kernel's IP sees them: it would drop those
/// that come from an address that this host has itself. Needs CAP_NET_RAW.
///
/// A filter in the kernel passes on only what acknowledges a sequence number with our tag. So on a busy director the
/// other packets cost some instructions each, and only as long as this is open.
#[derive(Debug)]
pub struct PacketSocket {
    socket: AsyncFd<Descriptor>,
    family: AddressFamily,
}

/// A descriptor that says its number as [`AsyncFd`] asks for it.
#[derive(Debug)]
struct Descriptor(OwnedFd);

impl AsRawFd for Descriptor {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl PacketSocket {
    /// Begins to hear TCP packets of this family that acknowledge a number with this high half, in the calling thread's
    /// network namespace, on the calling task's runtime.
    #[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
    pub fn hear(family: AddressFamily, tag: u16) -> io::Result<Self> {
        // Without a protocol nothing comes in before there is a filter.
        let socket = packet_socket(libc::SOCK_DGRAM)?;
        set_filter(&socket, &filter(family, tag))?;
        bind(&socket, ether_type(family), 0)?;
        // SAFETY: the descriptor is open as long as `Descriptor` is, which gives the same one each time and moves into
        // the `AsyncFd`, which never gives it away.
        let registered =
            unsafe { AsyncFd::register_with_interest(Descriptor(socket), Interest::READABLE) };
        let socket = registered.map_err(io::Error::from)?;
        Ok(Self { socket, family })
    }

    /// Waits for a packet, and returns how many of its bytes are in `into`, from its IP header on.
    pub async fn receive(&self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.socket.readable().await?;
            match recv(self.socket.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => return Ok(length),
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Sends a packet, from its IP header on, by an interface to a neighbour there; `None` where hosts have no
    /// link-layer address.
    #[expect(unsafe_code, reason = "nix makes no addresses of the link layer")]
    pub fn send(
        &self,
        packet: &[u8],
        interface: u32,
        neighbour: Option<&LinkLayerAddress>,
    ) -> io::Result<()> {
        let to = Address::new(ether_type(self.family), interface, neighbour);
        // SAFETY: `packet` is `packet.len()` readable bytes, and `to` is an address of the length that is given.
        let sent = unsafe {
            libc::sendto(
                self.socket.as_raw_fd(),
                packet.as_ptr().cast(),
                packet.len(),
                libc::MSG_DONTWAIT,
                (&raw const to).cast(),
                Address::LENGTH,
            )
        };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

/// A socket for packets of this IP protocol, to which the kernel adds the IP header. Needs CAP_NET_RAW.
pub fn raw_socket(family: AddressFamily, protocol: u8) -> io::Result<OwnedFd> {
    let family = match family {
        AddressFamily::Ipv4 => libc::AF_INET,
        AddressFamily::Ipv6 => libc::AF_INET6,
    };
    open(family, libc::SOCK_RAW, libc::c_int::from(protocol))
}

/// A program of the kernel's packet filter (`Documentation/networking/filter.rst`): TCP, no later fragment, the high
/// half of the acknowledged number is the tag. A load behind the end of a packet drops it.
fn filter(family: AddressFamily, tag: u16) -> Vec<libc::sock_filter> {
    const TCP: u32 = 6;
    let tag = u32::from(tag);
    match family {
        AddressFamily::Ipv4 => vec![
            line(LOAD_BYTE, 0, 0, 9),
            line(IF_EQUAL, 0, 6, TCP),
            line(LOAD_HALF, 0, 0, 6),
            line(IF_ANY_BIT, 4, 0, 0x1fff),
            line(X_IS_IPV4_HEADER, 0, 0, 0),
            line(LOAD_HALF_BEHIND_X, 0, 0, 8),
            line(IF_EQUAL, 0, 1, tag),
            line(RETURN, 0, 0, LONGEST),
            line(RETURN, 0, 0, 0),
        ],
        AddressFamily::Ipv6 => vec![
            line(LOAD_BYTE, 0, 0, 6),
            line(IF_EQUAL, 0, 3, TCP),
            line(LOAD_HALF, 0, 0, 48),
            line(IF_EQUAL, 0, 1, tag),
            line(RETURN, 0, 0, LONGEST),
            line(RETURN, 0, 0, 0),
        ],
    }
}
