// SPDX-License-Identifier: MIT OR Apache-2.0
//! Counts the TCP resets that come to a host from an address.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, setsockopt, socket, sockopt,
};

use crate::namespace::Namespace;

/// Room for what comes while nobody reads: some ten thousand packets.
const ROOM: usize = 64 * 1024 * 1024;
/// The thread looks this often whether it should end, in milliseconds.
const LOOK: u16 = 100;
/// The bit of a reset among the flags of a TCP header, and where they are. Source: RFC 9293, section 3.1.
const RESET: u8 = 0x04;
const FLAGS: usize = 13;

/// The count, as long as this lives.
#[derive(Debug)]
pub struct Resets {
    seen: Arc<AtomicUsize>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Resets {
    /// Begins to count the resets that have this source and come to this host. Needs the right to open raw sockets there.
    pub fn from(source: Ipv4Addr, at: &Namespace) -> io::Result<Self> {
        let socket = at.run(raw_socket)?;
        let (seen, ends) = (Arc::new(AtomicUsize::new(0)), Arc::default());
        let (counts, over) = (Arc::clone(&seen), Arc::clone(&ends));
        let thread = thread::spawn(move || count(&socket, source, &counts, &over));
        Ok(Self {
            seen,
            ends,
            thread: Some(thread),
        })
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.seen.load(Ordering::Relaxed)
    }
}

impl Drop for Resets {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Every TCP packet that comes to this host is copied to it.
fn raw_socket() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let protocol = SockProtocol::Tcp;
    let socket = socket(AddressFamily::Inet, SockType::Raw, flags, protocol)?;
    setsockopt(&socket, sockopt::RcvBufForce, &ROOM)?;
    Ok(socket)
}

fn count(socket: &OwnedFd, source: Ipv4Addr, seen: &AtomicUsize, over: &AtomicBool) {
    let mut packet = [0; 128];
    while !over.load(Ordering::Relaxed) {
        let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut ready, PollTimeout::from(LOOK));
        while let Ok(length) = recv(socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            if is_reset(packet.get(..length).unwrap_or_default(), source) {
                seen.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Whether this is an IPv4 packet from there with a TCP reset.
fn is_reset(packet: &[u8], source: Ipv4Addr) -> bool {
    let header = packet.first().map(|byte| usize::from(byte & 0x0f) * 4);
    let flags = header.and_then(|length| packet.get(length + FLAGS));
    let from = packet.get(12..16);
    from == Some(&source.octets()) && flags.is_some_and(|flags| flags & RESET != 0)
}

#[cfg(test)]
mod tests {
    use super::is_reset;
    use std::net::Ipv4Addr;

    const VIP: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 10);

    fn packet(source: Ipv4Addr, flags: u8) -> Vec<u8> {
        let mut packet = vec![0; 40];
        packet[0] = 0x45;
        packet[12..16].copy_from_slice(&source.octets());
        packet[20 + 13] = flags;
        packet
    }

    #[test]
    fn a_reset_of_the_address_counts_and_nothing_else() {
        assert!(is_reset(&packet(VIP, 0x04), VIP));
        assert!(is_reset(&packet(VIP, 0x14), VIP));
        assert!(!is_reset(&packet(VIP, 0x12), VIP));
        assert!(!is_reset(&packet(Ipv4Addr::LOCALHOST, 0x04), VIP));
        assert!(!is_reset(&packet(VIP, 0x04)[..30], VIP));
        assert!(!is_reset(&[], VIP));
    }
}
