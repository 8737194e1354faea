// SPDX-License-Identifier: MIT OR Apache-2.0
//! `address:port` as ipvsadm prints it, by name where a name is known.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Protocol;
use crate::system::Names;

/// The most bytes ipvsadm prints of an address with its port.
const LONGEST: usize = 59;

/// `10.0.0.5:80`, `[fd00::5]:80`, `localhost:http`. A port has a name only under a protocol.
pub(super) fn endpoint(
    names: &Names,
    address: IpAddr,
    port: u16,
    protocol: Option<Protocol>,
) -> String {
    let mut text = String::with_capacity(LONGEST);
    push_endpoint(&mut text, names, address, port, protocol);
    text
}

/// The same at the end of a text.
pub(super) fn push_endpoint(
    text: &mut String,
    names: &Names,
    address: IpAddr,
    port: u16,
    protocol: Option<Protocol>,
) {
    let start = text.len();
    let host = names.hosts.get(&address).map(String::as_str);
    let service = protocol.and_then(|protocol| names.ports.get(&(protocol, port)));
    match (address, host) {
        (IpAddr::V4(_), Some(name)) => text.push_str(name),
        (IpAddr::V6(_), Some(name)) => {
            text.push('[');
            text.push_str(name);
            text.push(']');
        }
        (IpAddr::V4(address), None) => push_v4(text, address),
        (IpAddr::V6(address), None) => push_v6(text, address),
    }
    text.push(':');
    match service {
        Some(name) => text.push_str(name),
        None => push_number(text, port.into()),
    }
    cut(text, start + LONGEST);
}

fn push_v4(text: &mut String, address: Ipv4Addr) {
    let [first, others @ ..] = address.octets();
    push_number(text, first.into());
    for octet in others {
        text.push('.');
        push_number(text, octet.into());
    }
}

fn push_v6(text: &mut String, address: Ipv6Addr) {
    // Writing to a String does not fail.
    let _ = match address.segments() {
        // The C library still writes an IPv4-compatible address (RFC 4291 2.5.5.1) as one.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => {
            let v4 = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
            write!(text, "[::{v4}]")
        }
        _ => write!(text, "[{address}]"),
    };
}

/// A number in decimal: like `write!`, in a fraction of its time.
pub(super) fn push_number(text: &mut String, number: u32) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Adds blanks until the text from `start` has this width; at most 32 blanks.
pub(super) fn pad(text: &mut String, start: usize, width: usize) {
    let written = match text.get(start..) {
        Some(it) if it.is_ascii() => it.len(),
        Some(it) => it.chars().count(),
        None => 0,
    };
    push_blanks(text, width.saturating_sub(written));
}

/// A number in a column of this width, and the blank before it.
pub(super) fn push_column(text: &mut String, number: u32, width: usize) {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(number);
    text.push(' ');
    text.push_str(digits);
    push_blanks(text, width.saturating_sub(digits.len()));
}

fn push_blanks(text: &mut String, count: usize) {
    const BLANKS: &str = "                                ";
    text.push_str(BLANKS.get(..count).unwrap_or(BLANKS));
}

/// Shortens to this many bytes, or fewer when a character would be split.
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
    fn numbers_and_columns_are_written_as_the_formatter_does() {
        for number in [0, 9, 10, 65_535, 99_999_999, u32::MAX] {
            let mut text = "x".to_owned();
            push_column(&mut text, number, 6);
            assert_eq!(text, format!("x {number:<6}"));
        }
        let mut text = "->".to_owned();
        text.push_str("caf\u{e9}");
        pad(&mut text, 2, 6);
        assert_eq!(text, format!("->{:<6}", "caf\u{e9}"));
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
