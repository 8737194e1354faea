// SPDX-License-Identifier: MIT OR Apache-2.0
//! `address:port` as ipvsadm prints it, by name where a name is known.

use std::net::{IpAddr, Ipv4Addr};

use crate::kernel::Names;
use crate::model::Protocol;

/// The most bytes ipvsadm prints of an address with its port.
const LONGEST: usize = 59;

/// `10.0.0.5:80`, `[fd00::5]:80`, `localhost:http`. A port has a name only under a protocol.
pub(super) fn endpoint(
    names: &Names,
    address: IpAddr,
    port: u16,
    protocol: Option<Protocol>,
) -> String {
    let host = names.hosts.get(&address).map(String::as_str);
    let service = protocol.and_then(|protocol| names.ports.get(&(protocol, port)));
    let mut text = match (address, host) {
        (IpAddr::V4(_), Some(name)) => name.to_owned(),
        (IpAddr::V6(_), Some(name)) => format!("[{name}]"),
        (IpAddr::V4(address), None) => address.to_string(),
        (IpAddr::V6(address), None) => match address.segments() {
            // The C library still writes an IPv4-compatible address (RFC 4291 2.5.5.1) as one.
            [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
                let v4 = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
                format!("[::{v4}]")
            }
            _ => format!("[{address}]"),
        },
    };
    text.push(':');
    match service {
        Some(name) => text.push_str(name),
        None => text.push_str(&port.to_string()),
    }
    cut(&mut text, LONGEST);
    text
}

/// Shortens to so many bytes, or fewer so as not to split a character.
pub(super) fn cut(text: &mut String, longest: usize) {
    while text.len() > longest {
        text.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numeric(address: &str) -> String {
        endpoint(&Names::default(), address.parse().unwrap(), 80, None)
    }

    #[test]
    fn addresses_are_written_as_the_c_library_does() {
        assert_eq!(numeric("10.0.0.1"), "10.0.0.1:80");
        assert_eq!(numeric("fd00::100"), "[fd00::100]:80");
        assert_eq!(numeric("::1"), "[::1]:80");
        assert_eq!(numeric("::"), "[::]:80");
        assert_eq!(numeric("::ffff:10.0.0.1"), "[::ffff:10.0.0.1]:80");
        assert_eq!(numeric("::a00:1"), "[::10.0.0.1]:80");
        assert_eq!(numeric("1:0:0:2::"), "[1:0:0:2::]:80");
    }

    #[test]
    fn names_stand_for_addresses_and_for_ports_of_their_protocol() {
        let mut names = Names::default();
        names
            .hosts
            .insert("127.0.0.1".parse().unwrap(), "localhost".to_owned());
        names
            .hosts
            .insert("::1".parse().unwrap(), "ip6-localhost".to_owned());
        names.ports.insert((Protocol::Tcp, 80), "http".to_owned());
        let at = |address: &str, port, protocol| {
            endpoint(&names, address.parse().unwrap(), port, protocol)
        };
        assert_eq!(at("127.0.0.1", 80, Some(Protocol::Tcp)), "localhost:http");
        assert_eq!(at("::1", 80, Some(Protocol::Udp)), "[ip6-localhost]:80");
        assert_eq!(at("127.0.0.1", 80, None), "localhost:80");
    }
}
