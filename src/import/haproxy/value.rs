// SPDX-License-Identifier: MIT OR Apache-2.0
//! Times, numbers, addresses and ports as HAProxy writes them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Reads a time: a number in milliseconds, or with one of `us ms s m h d` (section 2.5). Parts of a millisecond are
/// dropped. `None` for anything else.
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit());
    let (number, letters) = text.split_at(digits.unwrap_or(text.len()));
    let factor = match letters {
        "us" => 1,
        "" | "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => return None,
    };
    let micros = number.parse::<u64>().ok()?.checked_mul(factor)?;
    Some(Duration::from_millis(micros / 1_000))
}

/// Which addresses a `bind` listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listening {
    /// One address.
    At(IpAddr),
    /// Every IPv4 address.
    EveryV4,
    /// Every IPv6 address, and every IPv4 address unless the options say no.
    EveryV6,
}

/// One element of a `bind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) listening: Listening,
    pub(super) ports: RangeInclusive<u16>,
}

/// Why an address is none that IPVS could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoAddress {
    /// A name.
    Name,
    /// A Unix socket, a descriptor, another protocol.
    OtherSocket,
    /// No port, or none that is one.
    Port,
    /// Neither an address nor a name.
    Nonsense,
}

/// Reads one element of a `bind`: `10.0.0.1:80`, `:80-82`, `*:80`, `[::]:80`, `:::80`.
pub(super) fn bound(text: &str) -> Result<Bound, NoAddress> {
    let text = without_family(text)?;
    let (host, port) = text.rsplit_once(':').ok_or(NoAddress::Port)?;
    let listening = match host {
        "" | "*" => Listening::EveryV4,
        host => match address(host)? {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Listening::EveryV4,
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Listening::EveryV6,
            one => Listening::At(one),
        },
    };
    let (low, high) = port.split_once('-').unwrap_or((port, port));
    let number = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
    let low = number(low).ok_or(NoAddress::Port)?;
    let high = number(high).ok_or(NoAddress::Port)?;
    if high < low {
        return Err(NoAddress::Port);
    }
    Ok(Bound {
        listening,
        ports: low..=high,
    })
}

/// The port of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    /// The one that the client has asked.
    Same,
    Fixed(u16),
    /// The client's, and so many more.
    Moved(i32),
}

impl Port {
    /// The port for clients that ask this one; `None` when there is no such port.
    pub(super) fn of(self, asked: u16) -> Option<u16> {
        match self {
            Self::Same => Some(asked),
            Self::Fixed(port) => Some(port),
            Self::Moved(by) => {
                let port = i32::from(asked).checked_add(by)?;
                u16::try_from(port).ok().filter(|port| *port > 0)
            }
        }
    }
}

/// Reads the address of a server: `10.0.0.1`, `10.0.0.1:80`, `10.0.0.1:+1000`, `[2001:db8::1]:80`, `2001:db8::1:80`.
pub(super) fn target(text: &str) -> Result<(IpAddr, Port), NoAddress> {
    let text = without_family(text)?;
    let bracketed = text.starts_with('[') && text.ends_with(']');
    let (host, port) = match text.rsplit_once(':') {
        Some(parts) if !bracketed => parts,
        _ => (text, ""),
    };
    let address = address(host)?;
    let port = match port.as_bytes().first() {
        None => Port::Same,
        Some(b'+' | b'-') => Port::Moved(port.parse().map_err(|_| NoAddress::Port)?),
        // Port 0 is the client's port.
        Some(_) => match port.parse().map_err(|_| NoAddress::Port)? {
            0 => Port::Same,
            port => Port::Fixed(port),
        },
    };
    Ok((address, port))
}

/// Reads an address without a port.
pub(super) fn address(text: &str) -> Result<IpAddr, NoAddress> {
    let text = without_family(text)?;
    let inner = text.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let text = inner.unwrap_or(text);
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let has_letter = text.contains(|c: char| c.is_ascii_alphabetic());
    Err(if has_letter && text.chars().all(is_name) {
        NoAddress::Name
    } else {
        NoAddress::Nonsense
    })
}

/// The text behind `ipv4@` or `ipv6@`.
fn without_family(text: &str) -> Result<&str, NoAddress> {
    if text.starts_with('/') {
        return Err(NoAddress::OtherSocket);
    }
    match text.split_once('@') {
        None => Ok(text),
        Some(("ipv4" | "ipv6" | "tcp" | "tcp4" | "tcp6", rest)) => Ok(rest),
        Some(_) => Err(NoAddress::OtherSocket),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_milliseconds_unless_they_say_otherwise() {
        for (text, milliseconds) in [
            ("5000", Some(5_000)),
            ("3s", Some(3_000)),
            ("2m", Some(120_000)),
            ("1500us", Some(1)),
            ("1d", Some(86_400_000)),
            ("1m30s", None),
            ("s", None),
            ("", None),
            ("99999999999999999999d", None),
        ] {
            let read = time(text).map(|it| it.as_millis());
            assert_eq!(read, milliseconds, "{text}");
        }
    }

    #[test]
    fn the_last_colon_of_an_address_begins_the_port() {
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        let v4: IpAddr = "10.0.0.1".parse().unwrap();
        for (text, read) in [
            ("10.0.0.1", Ok((v4, Port::Same))),
            ("10.0.0.1:80", Ok((v4, Port::Fixed(80)))),
            ("10.0.0.1:+1000", Ok((v4, Port::Moved(1_000)))),
            ("10.0.0.1:-1", Ok((v4, Port::Moved(-1)))),
            ("2001:db8::1:80", Ok((v6, Port::Fixed(80)))),
            ("[2001:db8::1]:80", Ok((v6, Port::Fixed(80)))),
            ("[2001:db8::1]", Ok((v6, Port::Same))),
            ("ipv4@10.0.0.1:80", Ok((v4, Port::Fixed(80)))),
            ("web1.example:80", Err(NoAddress::Name)),
            ("unix@/run/x", Err(NoAddress::OtherSocket)),
            ("10.0.0.1:http", Err(NoAddress::Port)),
            ("10.0.0.1:65536", Err(NoAddress::Port)),
            ("!:80", Err(NoAddress::Nonsense)),
            ("10.0.0.300:80", Err(NoAddress::Nonsense)),
        ] {
            assert_eq!(target(text), read, "{text}");
        }
    }

    #[test]
    fn a_bind_listens_at_one_address_or_at_all() {
        let one = Listening::At("10.0.0.1".parse().unwrap());
        for (text, listening, ports) in [
            ("10.0.0.1:80", one, 80..=80),
            (":80-82", Listening::EveryV4, 80..=82),
            ("*:80", Listening::EveryV4, 80..=80),
            ("0.0.0.0:80", Listening::EveryV4, 80..=80),
            (":::80", Listening::EveryV6, 80..=80),
            ("[::]:80", Listening::EveryV6, 80..=80),
        ] {
            assert_eq!(bound(text), Ok(Bound { listening, ports }), "{text}");
        }
        assert_eq!(bound("10.0.0.1"), Err(NoAddress::Port));
        assert_eq!(bound(":82-80"), Err(NoAddress::Port));
        assert_eq!(bound("/run/x.sock"), Err(NoAddress::OtherSocket));
    }

    #[test]
    fn a_moved_port_stays_a_port() {
        assert_eq!(Port::Moved(1).of(65_535), None);
        assert_eq!(Port::Moved(-80).of(80), None);
        assert_eq!(Port::Moved(1_000).of(80), Some(1_080));
    }
}
