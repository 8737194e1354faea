// SPDX-License-Identifier: MIT OR Apache-2.0
//! "Destination unreachable": what the network tells of a datagram that did not arrive.

use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;

use libc::{sock_extended_err, sockaddr_in, sockaddr_in6};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use super::Answer;
use super::tcp::failed;

/// What the first error in the queue of this socket, which is connected to `target`, says; `None` when there is none.
pub(super) fn told(socket: RawFd, target: IpAddr) -> Option<Answer> {
    let mut bytes = [0; 64];
    let mut room = cmsg_space!(sock_extended_err, sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let message = recvmsg::<()>(socket, &mut parts, Some(&mut room), flags).ok()?;
    let told = message.cmsgs().ok()?.find_map(|message| match message {
        ControlMessageOwned::Ipv4RecvErr(error, from) => Some((error, from.map(ipv4))),
        ControlMessageOwned::Ipv6RecvErr(error, from) => Some((error, from.map(ipv6))),
        _ => None,
    });
    let (error, from) = told?;
    Some(match word(error.ee_origin, error.ee_type, error.ee_code) {
        Some((word, Who::Server)) => Answer::down(word),
        Some((word, Who::Anybody)) if from == Some(target) => Answer::down(word),
        Some((word, Who::Anybody)) => {
            // A router, or this host, whose neighbour does not answer.
            let says = from.map_or_else(String::new, |from| format!(", says {from}"));
            Answer::silent(format!("{word}{says}"))
        }
        None => {
            let number = i32::try_from(error.ee_errno).unwrap_or_default();
            failed("ask", &Errno::from_raw(number).into())
        }
    })
}

fn ipv4(address: sockaddr_in) -> IpAddr {
    Ipv4Addr::from(u32::from_be(address.sin_addr.s_addr)).into()
}

fn ipv6(address: sockaddr_in6) -> IpAddr {
    Ipv6Addr::from(address.sin6_addr.s6_addr).into()
}

/// Who can say such a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// Only a host that has the datagram.
    Server,
    /// Anybody on the way, too.
    Anybody,
}

/// What a message of ICMP says (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1; RFC 4443, section 3).
const fn word(origin: u8, kind: u8, code: u8) -> Option<(&'static str, Who)> {
    use Who::{Anybody, Server};
    const UNREACHABLE: u8 = 3;
    const EXCEEDED: u8 = 11;
    const UNREACHABLE6: u8 = 1;
    const EXCEEDED6: u8 = 3;
    Some(match (origin, kind, code) {
        (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE, 0 | 6 | 11)
        | (libc::SO_EE_ORIGIN_ICMP6, UNREACHABLE6, 0) => ("network unreachable", Anybody),
        (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE, 1 | 7 | 8 | 12)
        | (libc::SO_EE_ORIGIN_ICMP6, UNREACHABLE6, 2 | 3) => ("host unreachable", Anybody),
        (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE, 2) => ("protocol unreachable", Server),
        (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE, 3) | (libc::SO_EE_ORIGIN_ICMP6, UNREACHABLE6, 4) => {
            ("port unreachable", Server)
        }
        (libc::SO_EE_ORIGIN_ICMP, UNREACHABLE, 9 | 10 | 13)
        | (libc::SO_EE_ORIGIN_ICMP6, UNREACHABLE6, 1 | 5 | 6) => ("prohibited", Anybody),
        (libc::SO_EE_ORIGIN_ICMP, EXCEEDED, _) | (libc::SO_EE_ORIGIN_ICMP6, EXCEEDED6, _) => {
            ("time exceeded on the way", Anybody)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_have_the_same_words() {
        let (v4, v6) = (libc::SO_EE_ORIGIN_ICMP, libc::SO_EE_ORIGIN_ICMP6);
        for (one, other, text, who) in [
            ((3, 0), (1, 0), "network unreachable", Who::Anybody),
            ((3, 1), (1, 3), "host unreachable", Who::Anybody),
            ((3, 3), (1, 4), "port unreachable", Who::Server),
            ((3, 13), (1, 1), "prohibited", Who::Anybody),
            ((11, 0), (3, 0), "time exceeded on the way", Who::Anybody),
        ] {
            assert_eq!(word(v4, one.0, one.1), Some((text, who)));
            assert_eq!(word(v6, other.0, other.1), Some((text, who)));
        }
        // Too big, and what this host itself says.
        for (origin, kind, code) in [(v4, 3, 4), (v6, 2, 0), (libc::SO_EE_ORIGIN_LOCAL, 3, 3)] {
            assert_eq!(word(origin, kind, code), None);
        }
    }
}
