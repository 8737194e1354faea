// SPDX-License-Identifier: MIT OR Apache-2.0
//! Numbers, addresses and ports of a command line, read as the C library reads them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Protocol;

/// A source for the meaning of names on the command line.
pub trait Lookup {
    /// The first IPv4 address of a host.
    fn host(&self, name: &str) -> Option<Ipv4Addr>;
    /// The port of a service.
    fn port(&self, name: &str, protocol: Protocol) -> Option<u16>;
}

/// Knows no names. For tests and fuzz targets, which must not ask a resolver.
pub struct Nobody;

impl Lookup for Nobody {
    fn host(&self, _: &str) -> Option<Ipv4Addr> {
        None
    }

    fn port(&self, _: &str, _: Protocol) -> Option<u16> {
        None
    }
}

/// A whole number as `strtol` reads it in base ten: blanks and a sign before it, nothing after it.
#[must_use]
pub fn number(text: &str) -> Option<i64> {
    if let Some((number, [])) = decimal(text.as_bytes(), 0xffff) {
        return Some(number.into());
    }
    let text = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// The whole number a text begins with, as `atoi` reads it.
#[must_use]
pub fn leading_number(text: &str) -> Option<i64> {
    let blank = [' ', '\t', '\n', '\x0b', '\x0c', '\r'];
    let text = text.trim_start_matches(blank);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let rest = digits.trim_start_matches(|digit: char| digit.is_ascii_digit());
    text.strip_suffix(rest)?.parse().ok()
}

/// A whole number within bounds.
#[must_use]
pub fn number_within<T: TryFrom<i64>>(text: &str, lowest: i64, highest: i64) -> Option<T> {
    let number = number(text).filter(|number| (lowest..=highest).contains(number))?;
    T::try_from(number).ok()
}

/// `host[:port]`: an address, and the port if one was given. `None` for anything else. Without a protocol, a port
/// cannot be a name.
///
/// An IPv6 address with a port needs brackets, one without a port must not have them. The port after an IPv4 address in
/// brackets is ignored.
#[must_use]
pub fn endpoint(
    text: &str,
    protocol: Option<Protocol>,
    lookup: &dyn Lookup,
) -> Option<(IpAddr, Option<u16>)> {
    usual_endpoint(text.as_bytes()).or_else(|| any_endpoint(text, protocol, lookup))
}

/// Four decimal numbers, and a port or none: what nearly every line of a table has, read in one pass. A quarter of the
/// time of a restore went here. `None` for anything else, which may mean something all the same.
fn usual_endpoint(text: &[u8]) -> Option<(IpAddr, Option<u16>)> {
    let (mut address, mut numbers, mut digits, mut value) = (0_u32, 0, 0, 0_u32);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            // One that begins with 0 may be octal.
            if digits > 0 && value == 0 {
                return None;
            }
            value = value * 10 + u32::from(digit);
            if value > 0xffff {
                return None;
            }
            digits += 1;
            continue;
        }
        let ends_with = if numbers < 3 { b'.' } else { b':' };
        if *byte != ends_with || digits == 0 || value > 0xff || numbers > 3 {
            return None;
        }
        address = address << 8 | value;
        (numbers, digits, value) = (numbers + 1, 0, 0);
    }
    match (numbers, digits) {
        (_, 0) => None,
        (3, _) if value <= 0xff => Some((Ipv4Addr::from_bits(address << 8 | value).into(), None)),
        (4, _) => Some((
            Ipv4Addr::from_bits(address).into(),
            Some(u16::try_from(value).ok()?),
        )),
        _ => None,
    }
}

/// The decimal number a text begins with, up to `highest` (at most 65535), and what follows it. One that begins with 0
/// may be octal, and is none here.
fn decimal(text: &[u8], highest: u32) -> Option<(u32, &[u8])> {
    let (mut value, mut rest) = (0, text);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        if value == 0 && rest.len() < text.len() {
            return None;
        }
        value = value * 10 + u32::from(digit - b'0');
        if value > highest {
            return None;
        }
        rest = after;
    }
    (rest.len() < text.len()).then_some((value, rest))
}

fn any_endpoint(
    text: &str,
    protocol: Option<Protocol>,
    lookup: &dyn Lookup,
) -> Option<(IpAddr, Option<u16>)> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (address, bracketed_port) = match text.strip_prefix('[') {
        None => (text, None),
        Some(rest) => {
            let (inside, port) = rest.split_once(']')?;
            (inside, Some(port.strip_prefix(':')?))
        }
    };
    let colons = address.bytes().filter(|byte| *byte == b':').count();
    let v6 = (colons > 1).then(|| address.parse::<Ipv6Addr>());
    let (address, port) = if let Some(Ok(v6)) = v6 {
        (IpAddr::from(v6), bracketed_port)
    } else {
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        (IpAddr::from(ipv4_or_host(host, lookup)?), port)
    };
    match port {
        None => Some((address, None)),
        Some(port) => {
            let port = number_within(port, 0, 0xffff).or_else(|| lookup.port(port, protocol?))?;
            Some((address, Some(port)))
        }
    }
}

/// An IPv4 address in any notation, or a host's first one.
#[must_use]
pub fn ipv4_or_host(text: &str, lookup: &dyn Lookup) -> Option<Ipv4Addr> {
    // The usual notation, in which four decimal numbers mean the same to everyone, is read without further thought.
    let usual = text.parse().ok();
    usual
        .or_else(|| inet_aton(text))
        .or_else(|| lookup.host(text))
}

/// An IPv4 address as `inet_aton` reads it: one to four numbers (decimal, `0x` hexadecimal, `0` octal), the last one
/// fills all remaining bytes. Text after a blank is ignored.
fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let text = text
        .split(|letter: char| letter.is_ascii_whitespace())
        .next()?;
    let parts = text
        .split('.')
        .map(c_number)
        .collect::<Option<Vec<u32>>>()?;
    let (last, leading) = parts.split_last()?;
    if leading.len() > 3 || leading.iter().any(|part| *part > 0xff) {
        return None;
    }
    let highest = u32::MAX.checked_shr(u32::try_from(leading.len()).ok()? * 8)?;
    if *last > highest {
        return None;
    }
    let head = (0u32..).zip(leading).fold(0, |address, (index, part)| {
        address | part << (24 - 8 * index)
    });
    Some(Ipv4Addr::from_bits(head | last))
}

fn c_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, 16),
        [b'0', _, ..] => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    if !digits.starts_with(|digit: char| digit.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Hosts;

    impl Lookup for Hosts {
        fn host(&self, name: &str) -> Option<Ipv4Addr> {
            (name == "localhost").then_some(Ipv4Addr::LOCALHOST)
        }

        fn port(&self, name: &str, protocol: Protocol) -> Option<u16> {
            (name == "http" && protocol == Protocol::Tcp).then_some(80)
        }
    }

    fn read(text: &str) -> Option<(IpAddr, Option<u16>)> {
        endpoint(text, Some(Protocol::Tcp), &Hosts)
    }

    #[test]
    fn addresses_are_read_in_every_notation_of_the_c_library() {
        let at = |address: &str, port| Some((address.parse().unwrap(), port));
        assert_eq!(read("10.0.0.1:80"), at("10.0.0.1", Some(80)));
        assert_eq!(read("10.0.0.1"), at("10.0.0.1", None));
        assert_eq!(read("localhost:http"), at("127.0.0.1", Some(80)));
        assert_eq!(read("1.2:80"), at("1.0.0.2", Some(80)));
        assert_eq!(read("0x0a000001:80"), at("10.0.0.1", Some(80)));
        assert_eq!(read("010.0.0.1:80"), at("8.0.0.1", Some(80)));
        assert_eq!(read("10.0.0.1 x:80"), at("10.0.0.1", Some(80)));
        assert_eq!(read("10.0.0.1: 80"), at("10.0.0.1", Some(80)));
        assert_eq!(read("::1"), at("::1", None));
        assert_eq!(read("[::1]:80"), at("::1", Some(80)));
        assert_eq!(read("[10.0.0.1]:80"), at("10.0.0.1", None));
    }

    proptest! {
        #[test]
        fn the_short_way_to_an_address_leads_where_the_long_one_does(
            text in "[0-9]{1,3}([.][0-9]{1,3}){2,4}(:[0-9]{0,6})?[:. x]?"
        ) {
            if let Some(usual) = usual_endpoint(text.as_bytes()) {
                prop_assert_eq!(any_endpoint(&text, None, &Nobody), Some(usual));
            }
        }
    }

    #[test]
    fn the_usual_notation_takes_the_short_way() {
        for text in ["10.0.0.1", "0.0.0.0:0", "255.255.255.255:65535"] {
            assert!(usual_endpoint(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "010.0.0.1",
            "10.0.0.1:080",
            "10.0.0.256",
            "10.0.0.1:65536",
            "10.0.1:80",
            "10.0.0.1:",
            "10.0.0.1.",
            "10.0.0.1:80 ",
            "",
        ] {
            assert_eq!(usual_endpoint(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "80",
            "[::1]",
            "[::1",
            "[::1]80",
            "10.0.0.1:",
            "10.0.0.1:70000",
            "10.0.0.1:-1",
            "10.0.0.1:https",
            "nowhere:80",
            "256.0.0.1:80",
            "1.2.3.4.5:80",
            "10.0.0.:80",
            ":80",
            "0x:80",
            "08.0.0.1:80",
            "1.16777216:80",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_read_as_strtol_does() {
        assert_eq!(number(" +7"), Some(7));
        assert_eq!(number("-1"), Some(-1));
        assert_eq!(number("7 "), None);
        assert_eq!(number("0x7"), None);
        assert_eq!(number("+-7"), None);
        assert_eq!(number(""), None);
        assert_eq!(number("99999999999999999999"), None);
    }
}
