// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which messages a raw ICMP socket gets.

use std::os::fd::{AsFd, AsRawFd as _};

use nix::errno::Errno;

use crate::model::AddressFamily;

/// `ICMP_FILTER` of linux/icmp.h, and `ICMPV6_FILTER` of linux/icmpv6.h.
const FILTER: libc::c_int = 1;

/// Keeps all messages but those of one type away from a raw ICMP socket of this family.
///
/// Fails as `setsockopt` does.
pub fn pass_only_icmp(socket: &impl AsFd, family: AddressFamily, passes: u8) -> Result<(), Errno> {
    // A set bit keeps a type away. ICMP of IPv4 has only the first word.
    let mut types = [u32::MAX; 8];
    for (word, first) in types.iter_mut().zip((0..).step_by(32)) {
        if let Some(bit @ 0..32) = u32::from(passes).checked_sub(first) {
            *word &= !(1 << bit);
        }
    }
    let (level, words) = match family {
        AddressFamily::Ipv4 => (libc::SOL_RAW, 1),
        AddressFamily::Ipv6 => (libc::IPPROTO_ICMPV6, types.len()),
    };
    set(socket, level, types.get(..words).unwrap_or_default())
}

#[expect(unsafe_code, reason = "nix does not know these options")]
fn set(socket: &impl AsFd, level: libc::c_int, words: &[u32]) -> Result<(), Errno> {
    let length = libc::socklen_t::try_from(size_of_val(words)).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the socket is open, and the kernel reads the `length` bytes of `words`, no more.
    let done = unsafe {
        libc::setsockopt(
            socket.as_fd().as_raw_fd(),
            level,
            FILTER,
            words.as_ptr().cast(),
            length,
        )
    };
    Errno::result(done).map(drop)
}
