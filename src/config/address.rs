// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses and ports as files have them: `192.0.2.10:5672`, `[2001:db8::1]:5672`, `2001:db8::1`.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::tree::Node;
use super::value::{decimal, kind};
use crate::diagnostic::{Finding, Findings, Shown, Wrong};

/// An address, and its port if there was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address {
    /// The address, one a packet can go to.
    pub(super) ip: IpAddr,
    /// The port, 0 to 65535.
    pub(super) port: Option<u16>,
}

/// What is wrong with an address, and what to do.
type Complaint = (String, Option<Cow<'static, str>>);

/// Reads an address with or without a port.
pub(super) fn read(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Address, Wrong> {
    let result = match node.text() {
        Some(text) => parse(name, text),
        None => Err((
            format!("{name} must be an address, got {}", kind(node)),
            Some("write 192.0.2.10:5672 or, with the quotes, \"[2001:db8::1]:5672\"".into()),
        )),
    };
    result.map_err(|(message, help)| {
        let mut finding = Finding::new(node.span, message);
        finding.help = help;
        out.push(finding);
        Wrong
    })
}

/// Reads an address of the network of an interface that is named beside it: it may be link-local.
pub(super) fn read_on_link(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Address, Wrong> {
    match node.text().map(split) {
        Some((Some(ip @ IpAddr::V6(link_local)), None)) if link_local.is_unicast_link_local() => {
            Ok(Address { ip, port: None })
        }
        _ => read(name, node, out),
    }
}

/// Reads an address without a port; `help` says what to write when there is a port.
pub(super) fn read_bare(
    name: &str,
    node: &Node<'_>,
    help: &'static str,
    out: &mut Findings,
) -> Result<IpAddr, Wrong> {
    let address = read(name, node, out)?;
    if address.port.is_none() {
        return Ok(address.ip);
    }
    let message = format!("{name} of a check has no port");
    out.push(Finding::new(node.span, message).help(help));
    Err(Wrong)
}

fn parse(name: &str, text: &str) -> Result<Address, Complaint> {
    let (host, port) = split(text);
    let Some(ip) = host else {
        return Err(not_an_address(name, text));
    };
    if let Some(why) = unusable(ip) {
        let help = "write the plain unicast address";
        return Err((format!("{name} {ip} {why}"), Some(help.into())));
    }
    let port = port.map(|port| {
        let number = decimal(port).and_then(|port| u16::try_from(port).ok());
        number.ok_or_else(|| {
            (
                format!("port must be 0 to 65535, got {}", Shown(port)),
                None,
            )
        })
    });
    Ok(Address {
        ip,
        port: port.transpose()?,
    })
}

/// The address, if it is one, and the text of the port.
fn split(text: &str) -> (Option<IpAddr>, Option<&str>) {
    if let Some(rest) = text.strip_prefix('[') {
        let Some((host, after)) = rest.split_once(']') else {
            return (None, None);
        };
        let ip = host.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
        return match after.strip_prefix(':') {
            Some(port) => (ip, Some(port)),
            None => (ip.filter(|_| after.is_empty()), None),
        };
    }
    if let Ok(ip) = text.parse() {
        return (Some(ip), None);
    }
    match text.split_once(':') {
        Some((host, port)) => (host.parse::<Ipv4Addr>().ok().map(IpAddr::V4), Some(port)),
        None => (None, None),
    }
}

fn not_an_address(name: &str, text: &str) -> Complaint {
    let message = format!("{name} is not an IP address: {}", Shown(text));
    let letters = text.contains(|c: char| c.is_alphabetic());
    let hex = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '[' | ']' | '%' | '.' | '/');
    let help = if text.contains('/') {
        Some("one address, without a prefix length".into())
    } else if letters
        && !(text.contains("::") || text.matches(':').count() > 1 || text.chars().all(hex))
    {
        Some("write the address: a name can change while the director runs".into())
    } else {
        Some("write 192.0.2.10, 192.0.2.10:5672, 2001:db8::1 or [2001:db8::1]:5672".into())
    };
    (message, help)
}

/// Why no packet can go to this address, or why the kernel would not see one.
fn unusable(ip: IpAddr) -> Option<&'static str> {
    if ip.is_unspecified() {
        return Some("is the unspecified address");
    }
    if ip.is_multicast() {
        return Some("is a multicast address");
    }
    match ip {
        IpAddr::V4(ip) if ip.is_broadcast() => Some("is the broadcast address"),
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            Some("is a link-local address, which means nothing without an interface")
        }
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
            Some("is an IPv4 address in IPv6 form: write it as IPv4")
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_with_and_without_ports() {
        for (text, ip, port) in [
            ("192.0.2.10", "192.0.2.10", None),
            ("192.0.2.10:0", "192.0.2.10", Some(0)),
            ("192.0.2.10:65535", "192.0.2.10", Some(65535)),
            ("127.0.0.1", "127.0.0.1", None),
            ("2001:db8::1", "2001:db8::1", None),
            ("[2001:db8::1]", "2001:db8::1", None),
            ("[2001:db8::1]:80", "2001:db8::1", Some(80)),
        ] {
            let ip = ip.parse().unwrap();
            assert_eq!(parse("address", text), Ok(Address { ip, port }), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_said_to_be_none() {
        for (text, said) in [
            ("mq1.example", "not an IP address"),
            ("localhost:80", "not an IP address"),
            ("10.0.0.256", "not an IP address"),
            ("010.0.0.1", "not an IP address"),
            ("10.0.0.1/24", "not an IP address"),
            ("[10.0.0.1]:80", "not an IP address"),
            ("[2001:db8::1", "not an IP address"),
            ("[2001:db8::1]80", "not an IP address"),
            ("10.0.0.1:", "port must be"),
            ("10.0.0.1:70000", "port must be"),
            ("10.0.0.1:+5", "port must be"),
            ("[2001:db8::1]:http", "port must be"),
            ("0.0.0.0:80", "unspecified"),
            ("[::]:80", "unspecified"),
            ("224.0.0.18", "multicast"),
            ("[ff02::12]:80", "multicast"),
            ("255.255.255.255:1", "broadcast"),
            ("[fe80::1]:1", "link-local"),
            ("[::ffff:10.0.0.1]:1", "as IPv4"),
        ] {
            let message = parse("address", text).unwrap_err().0;
            assert!(message.contains(said), "{text}: {message}");
        }
    }

    #[test]
    fn only_a_name_is_told_that_names_change() {
        let helped = |text| {
            parse("address", text)
                .unwrap_err()
                .1
                .unwrap()
                .contains("a name can")
        };
        assert!(helped("mq1.example:5672") && helped("localhost"));
        assert!(!helped("10.0.0.256") && !helped("2001:db8::g::1"));
    }
}
