// SPDX-License-Identifier: MIT OR Apache-2.0
//! Whole frames of one interface: announcements go out, ARP comes in.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send};

use super::link_layer::{bind, packet_socket};
use crate::codec::ethernet::ETH_P_ARP;

/// Sends frames by one interface, and hears the ARP that comes in there. It waits for nothing. Needs CAP_NET_RAW.
///
/// When the interface is removed it stays silent for ever, and sending fails. Source: packet(7).
#[derive(Debug)]
pub struct FrameSocket(OwnedFd);

impl FrameSocket {
    /// A socket of the interface with this number, in the calling thread's network namespace.
    ///
    /// # Errors
    ///
    /// The kernel's, when it may not be, or there is no such interface.
    pub fn open(interface: u32) -> io::Result<Self> {
        // Without a protocol nothing comes in before it is bound.
        let socket = packet_socket(libc::SOCK_RAW)?;
        bind(&socket, ETH_P_ARP, interface)?;
        Ok(Self(socket))
    }

    /// Sends a frame, from its Ethernet header on.
    ///
    /// # Errors
    ///
    /// The kernel's: the interface is down or gone, or its queue is full.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        send(self.0.as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT)
            .map(drop)
            .map_err(io::Error::from)
    }

    /// The length of the next ARP frame, whose bytes are in `into`; `None` when there is none now.
    ///
    /// # Errors
    ///
    /// The kernel's: `ENETDOWN` once when the interface goes down.
    pub fn receive(&self, into: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match recv(self.0.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT) {
                Ok(length) => return Ok(Some(length)),
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for FrameSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
