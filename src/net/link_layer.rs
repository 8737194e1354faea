// SPDX-License-Identifier: MIT OR Apache-2.0
//! What sockets of the link layer and raw sockets have in common.

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use crate::model::LinkLayerAddress;

/// `libc::AF_PACKET`, in the width that an address has.
const AF_PACKET: libc::sa_family_t = 17;
const _: () = assert!(AF_PACKET as libc::c_int == libc::AF_PACKET);
const FLAGS: libc::c_int = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;

/// The size of a structure, as system calls take it: a few bytes.
#[expect(clippy::cast_possible_truncation, reason = "a few bytes")]
const fn length_of<T>() -> libc::socklen_t {
    size_of::<T>() as libc::socklen_t
}

/// `struct sockaddr_ll`, with room for the longest address that Linux has.
#[repr(C)]
pub(super) struct Address {
    common: libc::sockaddr_ll,
    /// The address goes on behind the eight bytes that the structure has for it.
    rest: [u8; LinkLayerAddress::MAX_BYTES - 8],
}

impl Address {
    pub(super) const LENGTH: libc::socklen_t = length_of::<Self>();

    /// A host on an interface, for packets of this type (`ETH_P_IP`, ...); interface 0 stands for all.
    pub(super) fn new(
        ether_type: u16,
        interface: u32,
        neighbour: Option<&LinkLayerAddress>,
    ) -> Self {
        let bytes = neighbour.map_or(&[][..], LinkLayerAddress::bytes);
        let (mut sll_addr, mut rest) = ([0; 8], [0; LinkLayerAddress::MAX_BYTES - 8]);
        for (to, from) in sll_addr.iter_mut().chain(&mut rest).zip(bytes) {
            *to = *from;
        }
        let common = libc::sockaddr_ll {
            sll_family: AF_PACKET,
            sll_protocol: ether_type.to_be(),
            sll_ifindex: interface.cast_signed(),
            sll_hatype: 0,
            sll_pkttype: 0,
            // At most 32.
            sll_halen: u8::try_from(bytes.len()).unwrap_or(0),
            sll_addr,
        };
        Self { common, rest }
    }
}

/// A packet socket to which nothing comes in before it is bound.
pub(super) fn packet_socket(kind: libc::c_int) -> io::Result<OwnedFd> {
    open(libc::AF_PACKET, kind, 0)
}

/// A socket that waits for nothing.
#[expect(unsafe_code, reason = "nix does not know all of these protocols")]
pub(super) fn open(
    family: libc::c_int,
    kind: libc::c_int,
    protocol: libc::c_int,
) -> io::Result<OwnedFd> {
    // SAFETY: the call takes three numbers.
    let descriptor = unsafe { libc::socket(family, kind | FLAGS, protocol) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made the descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// From now on packets of this type come in, from this interface, or from all when that is 0.
#[expect(unsafe_code, reason = "nix makes no addresses of the link layer")]
pub(super) fn bind(socket: &OwnedFd, ether_type: u16, interface: u32) -> io::Result<()> {
    let address = Address::new(ether_type, interface, None);
    // SAFETY: `address` is an address of the length that is given.
    let bound = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            (&raw const address).cast(),
            Address::LENGTH,
        )
    };
    if bound < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Sets an option that the kernel reads as one structure.
///
/// # Safety
///
/// `T` is the structure that the kernel expects for this option. What it points to lives as long as `value`, and the
/// kernel does not write to it.
#[expect(unsafe_code, reason = "nix does not know these options")]
pub(super) unsafe fn set_option<T>(
    socket: &OwnedFd,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: the kernel reads the bytes of `value`; the caller promises the rest.
    let set = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            std::ptr::from_ref(value).cast(),
            length_of::<T>(),
        )
    };
    if set < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// From now on the kernel passes on what this program of its packet filter lets through.
#[cfg(feature = "daemon")]
#[expect(unsafe_code, reason = "nix has no option for filters")]
pub(super) fn set_filter(socket: &OwnedFd, filter: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        // A handful.
        len: u16::try_from(filter.len()).unwrap_or(0),
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: this is the structure for a filter. The instructions that it points to are there until the call returns;
    // the kernel copies them, and does not write to them.
    unsafe { set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program) }
}

/// `SK_MEMINFO_DROPS` of `linux/sock_diag.h`: which of the numbers it is.
#[cfg(feature = "daemon")]
const DROPS: usize = 8;
#[cfg(feature = "daemon")]
const NUMBERS: usize = DROPS + 1;

/// How many packets this socket has lost, modulo 2^32. Source: `sk_get_meminfo` of `net/core/sock.c`.
#[cfg(feature = "daemon")]
#[expect(unsafe_code, reason = "nix does not know this option")]
pub(super) fn drops(socket: &OwnedFd) -> io::Result<u32> {
    let mut numbers = [0_u32; NUMBERS];
    let mut length = length_of::<[u32; NUMBERS]>();
    // SAFETY: the kernel writes so many bytes at most as `length` says, which is the size of `numbers`.
    let read = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            numbers.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if read < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(numbers[DROPS])
}
