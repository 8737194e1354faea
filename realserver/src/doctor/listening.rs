// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel's lists of sockets: `/proc/net/tcp` and its like.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use lvs_director::model::Protocol;

use super::facts::Served;

/// `TCP_LISTEN` of `include/net/tcp_states.h`.
const LISTEN: &str = "0A";
/// A UDP socket that is bound and talks to nobody in particular: `TCP_CLOSE`.
const UNCONNECTED: &str = "07";

/// The sockets of a list at which anybody may knock. A line that is none is passed over.
pub(super) fn sockets(text: &str, protocol: Protocol) -> impl Iterator<Item = Served> {
    let open = if protocol == Protocol::Udp {
        UNCONNECTED
    } else {
        LISTEN
    };
    text.lines().skip(1).filter_map(move |line| {
        let mut words = line.split_ascii_whitespace();
        let (_, local, _, state) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let at = (state == open).then(|| address(local)).flatten()?;
        Some(Served { protocol, at })
    })
}

/// `0100007F:0050`, or 32 digits for IPv6: each 32 bits in the order of this machine.
fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok();
    let ip = match address.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?.to_ne_bytes())),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let mut bytes = [0; 16];
            for (to, from) in bytes.chunks_exact_mut(4).zip(words) {
                to.copy_from_slice(&from.to_ne_bytes());
            }
            IpAddr::V6(Ipv6Addr::from(bytes))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Whether a packet for `wanted` meets this socket. One at `::` also takes IPv4, unless it says that it does not; the list
/// does not show that.
pub(super) fn meets(socket: &Served, wanted: &Served) -> bool {
    let (socket, wanted, protocols) = (socket.at, wanted.at, socket.protocol == wanted.protocol);
    let mapped = match socket.ip() {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map(IpAddr::V4),
        IpAddr::V4(_) => None,
    };
    let everywhere = match (socket.ip(), wanted.ip()) {
        (IpAddr::V4(own), IpAddr::V4(_)) => own.is_unspecified(),
        (IpAddr::V6(own), _) => own.is_unspecified(),
        (IpAddr::V4(_), IpAddr::V6(_)) => false,
    };
    let here = socket.ip() == wanted.ip() || mapped == Some(wanted.ip());
    protocols && socket.port() == wanted.port() && (here || everywhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "  sl  local_address rem_address   st tx_queue rx_queue
   0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0
   1: 0A00A8C0:1628 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1 0
   2: 0A00A8C0:1629 0100A8C0:1628 01 00000000:00000000 00:00000000 00000000     0        0 3 1 0
   3: nonsense
";

    #[test]
    #[cfg(target_endian = "little")]
    fn sockets_that_listen_are_read_and_connections_are_not() {
        let found: Vec<_> = sockets(TCP, Protocol::Tcp)
            .map(|it| it.at.to_string())
            .collect();
        assert_eq!(found, ["0.0.0.0:80", "192.168.0.10:5672"]);
        let six = "head\n 0: 00000000000000000000000001000000:0050 0:0 0A\n";
        let found: Vec<_> = sockets(six, Protocol::Tcp)
            .map(|it| it.at.to_string())
            .collect();
        assert_eq!(found, ["[::1]:80"]);
    }

    #[test]
    fn whatever_the_text_is_nothing_panics() {
        for text in [
            "",
            "a",
            "h\n: : : :",
            "h\n0: €€€€€€:0050 x 0A",
            "h\n0: 0000000:€ x 0A",
        ] {
            assert_eq!(sockets(text, Protocol::Tcp).count(), 0, "{text}");
        }
    }

    #[test]
    fn a_socket_at_all_addresses_meets_every_one_and_another_port_none() {
        let at = |text: &str| Served {
            protocol: Protocol::Tcp,
            at: text.parse().unwrap(),
        };
        let vip = at("192.168.0.10:80");
        for (socket, met) in [
            ("0.0.0.0:80", true),
            ("[::]:80", true),
            ("192.168.0.10:80", true),
            ("[::ffff:192.168.0.10]:80", true),
            ("192.168.0.5:80", false),
            ("0.0.0.0:81", false),
        ] {
            assert_eq!(meets(&at(socket), &vip), met, "{socket}");
        }
        assert!(!meets(&at("0.0.0.0:80"), &at("[2001:db8::10]:80")));
    }
}
