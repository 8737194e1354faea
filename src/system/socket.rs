// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the C library's socket calls can and their safe wrappers cannot.

use std::mem::size_of_val;
use std::os::fd::{AsFd, AsRawFd as _};
use std::ptr;

use nix::errno::Errno;

/// Ends the connection of a TCP socket by a reset, or its attempt to open one. The socket can connect again.
///
/// The next connection clears the error that this leaves. Source: connect(2) on `AF_UNSPEC`; `tcp_disconnect` in
/// net/ipv4/tcp.c, `tcp_connect_init` in `net/ipv4/tcp_output.c`.
///
/// # Errors
///
/// The kernel's, when the socket is none that can be disconnected.
#[expect(unsafe_code, reason = "nix knows no address of this family")]
pub fn disconnect(socket: &impl AsFd) -> Result<(), Errno> {
    let nobody = libc::sockaddr {
        sa_family: libc::sa_family_t::try_from(libc::AF_UNSPEC).unwrap_or_default(),
        sa_data: [0; 14],
    };
    let length = libc::socklen_t::try_from(size_of_val(&nobody)).unwrap_or_default();
    // SAFETY: the descriptor is open while it is borrowed, and the kernel only reads `length` bytes of `nobody`.
    let done = unsafe { libc::connect(socket.as_fd().as_raw_fd(), ptr::from_ref(&nobody), length) };
    Errno::result(done).map(drop)
}

/// More groups than a process has (`NGROUPS_MAX` of linux/limits.h).
const MOST_GROUPS: usize = 65_536;

/// The groups of the process at the other end of a Unix socket, beside the one that `SO_PEERCRED` names, as the kernel knew
/// them when it connected.
///
/// Source: `SO_PEERGROUPS` (Linux 4.13), `sk_getsockopt` in net/core/sock.c: where the room is too small it fails with
/// ERANGE, and says how much is needed.
///
/// # Errors
///
/// The kernel's, when this is no such socket.
#[expect(unsafe_code, reason = "nix does not know this option")]
pub fn peer_groups(socket: &impl AsFd) -> Result<Vec<u32>, Errno> {
    let mut groups: Vec<libc::gid_t> = vec![0; 64];
    loop {
        let room = groups.len() * size_of::<libc::gid_t>();
        let mut length = libc::socklen_t::try_from(room).unwrap_or_default();
        // SAFETY: the descriptor is open while it is borrowed, and the kernel writes at most `length` bytes to `groups`,
        // which has so many.
        let done = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                groups.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        let count = usize::try_from(length).unwrap_or_default() / size_of::<libc::gid_t>();
        match Errno::result(done) {
            Ok(_) => {
                groups.truncate(count);
                return Ok(groups);
            }
            Err(Errno::ERANGE) if (groups.len() + 1..=MOST_GROUPS).contains(&count) => {
                groups.resize(count, 0);
            }
            Err(errno) => return Err(errno),
        }
    }
}

/// Has a TCP socket that connects next say that the connection is open together with the first bytes that it sends. Its
/// owner must send some at once: without them the other end hears of the connection only after 200 ms.
///
/// One packet less crosses the network. Source: `TCP_QUICKACK` of tcp(7), `tcp_rcv_synsent_state_process` in
/// `net/ipv4/tcp_input.c`.
///
/// # Errors
///
/// The kernel's, when this is no TCP socket.
#[expect(unsafe_code, reason = "nix does not know this option")]
pub fn acknowledge_with_data(socket: &impl AsFd) -> Result<(), Errno> {
    let at_once: libc::c_int = 0;
    let length = libc::socklen_t::try_from(size_of_val(&at_once)).unwrap_or_default();
    // SAFETY: the descriptor is open while it is borrowed, and the kernel only reads `length` bytes of `at_once`.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_QUICKACK,
            ptr::from_ref(&at_once).cast(),
            length,
        )
    };
    Errno::result(done).map(drop)
}

/// How many bytes of a TCP connection the other host has not acknowledged; its end counts as one.
///
/// Source: `SIOCOUTQ` of tcp(7), `tcp_ioctl` in net/ipv4/tcp.c.
///
/// # Errors
///
/// The kernel's, when this is no TCP socket, or one that listens.
#[expect(unsafe_code, reason = "nix does not know this request")]
pub fn unacknowledged(socket: &impl AsFd) -> Result<u32, Errno> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the descriptor is open while it is borrowed. `SIOCOUTQ`, whose number is that of `TIOCOUTQ`, writes one
    // `int` to where `bytes` is.
    let done = unsafe {
        libc::ioctl(
            socket.as_fd().as_raw_fd(),
            libc::TIOCOUTQ,
            ptr::from_mut(&mut bytes),
        )
    };
    Errno::result(done).map(|_| u32::try_from(bytes).unwrap_or_default())
}
