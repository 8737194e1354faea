// SPDX-License-Identifier: MIT OR Apache-2.0
//! Addresses and ports: `192.0.2.1:80`, `[2001:db8::1]:http`, `10.0.0.1->10.0.0.9:80`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::diagnostic::{Finding, Findings, Shown, Span};

/// The services that ldirectord itself knows, with their ports (`ld_port_to_service`), and a few of /etc/services.
const PORTS: [(&str, u16); 27] = [
    ("ftp", 21),
    ("smtp", 25),
    ("dns", 53),
    ("http", 80),
    ("pop", 110),
    ("nntp", 119),
    ("imap", 143),
    ("ldap", 389),
    ("https", 443),
    ("submission", 587),
    ("ldaps", 636),
    ("imaps", 993),
    ("pops", 995),
    ("oracle", 1521),
    ("radius", 1812),
    ("http_proxy", 3128),
    ("mysql", 3306),
    ("sip", 5060),
    ("pgsql", 5432),
    ("domain", 53),
    ("www", 80),
    ("pop3", 110),
    ("imap2", 143),
    ("pop3s", 995),
    ("telnet", 23),
    ("ssh", 22),
    ("amqp", 5672),
];

/// So many of the list are services of ldirectord.
const OWN: usize = 19;

/// The longest range of real servers.
const LONGEST_RANGE: u32 = 1 << 16;

/// The service that ldirectord takes for a port; `none` for one that it does not know.
pub(super) fn service_of(port: u16) -> &'static str {
    let own = PORTS.iter().take(OWN);
    let mut found = own.filter(|(_, known)| *known == port);
    found.next().map_or("none", |(name, _)| name)
}

/// The port on which ldirectord asks for a service when the server has none.
pub(super) fn port_of(service: &str) -> Option<u16> {
    let mut own = PORTS.iter().take(OWN);
    own.find(|(name, _)| *name == service)
        .map(|(_, port)| *port)
}

/// A host and a port, or what is wrong with it.
pub(super) fn endpoint(text: &str, at: Span, out: &mut Findings) -> Option<(IpAddr, Option<u16>)> {
    if text.parse::<Ipv6Addr>().is_ok() {
        let finding = Finding::new(at, "an IPv6 address stands in brackets");
        out.push(finding.help(format!("write [{text}]:80")));
        return None;
    }
    let (host, port) = split(text);
    let address = address(host, at, out);
    let port = match port {
        None => None,
        Some(port) => Some(self::port(port, at, out)?),
    };
    Some((address?, port))
}

/// The host, and what stands behind the last colon.
fn split(text: &str) -> (&str, Option<&str>) {
    if text.starts_with('[')
        && let Some((host, rest)) = text.split_once(']')
    {
        let host = host.trim_start_matches('[');
        return (host, rest.strip_prefix(':'));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    }
}

fn address(host: &str, at: Span, out: &mut Findings) -> Option<IpAddr> {
    let host = host.trim_matches(['[', ']']);
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    let is_name = host.starts_with(|c: char| c.is_ascii_alphabetic())
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c));
    let shown = Shown(host);
    out.push(if is_name {
        Finding::new(at, format!("{shown} is a name, not an address"))
            .help("write the address: ldirectord has asked for it once, at its start")
    } else {
        Finding::new(at, format!("\"{shown}\" is no address"))
    });
    None
}

fn port(port: &str, at: Span, out: &mut Findings) -> Option<u16> {
    if let Ok(number) = port.parse() {
        return Some(number);
    }
    if let Some((_, number)) = PORTS.iter().find(|(name, _)| *name == port) {
        return Some(*number);
    }
    let finding = Finding::new(at, format!("\"{}\" is no port that is known", Shown(port)));
    out.push(finding.help("write its number, 0 to 65535"));
    None
}

/// The addresses of `FIRST` or `FIRST->LAST`, with the port behind it.
pub(super) fn range(
    text: &str,
    at: Span,
    out: &mut Findings,
) -> Option<(Vec<IpAddr>, Option<u16>)> {
    let Some((first, rest)) = text.split_once("->") else {
        let (address, port) = endpoint(text, at, out)?;
        return Some((vec![address], port));
    };
    let first = address(first, at, out);
    let (last, port) = endpoint(rest, at, out)?;
    let (IpAddr::V4(first), IpAddr::V4(last)) = (first?, last) else {
        out.error(at, "a range has IPv4 addresses");
        return None;
    };
    let (first, last) = (first.to_bits(), last.to_bits());
    if first > last {
        out.error(at, "the first address of a range comes before the last");
        return None;
    }
    if last - first >= LONGEST_RANGE {
        out.error(at, format!("a range has at most {LONGEST_RANGE} addresses"));
        return None;
    }
    let addresses = (first..=last).map(|bits| Ipv4Addr::from_bits(bits).into());
    Some((addresses.collect(), port))
}

/// Whether an address is of the family of its keyword: `virtual6`, `real6` and `fallback6` take IPv6, the others IPv4.
pub(super) fn fits(keyword: &str, address: IpAddr, at: Span, out: &mut Findings) -> bool {
    let plain = keyword.trim_end_matches('6');
    if address.is_ipv6() == (plain != keyword) {
        return true;
    }
    let (family, right) = match address {
        IpAddr::V4(_) => ("IPv4", plain.to_owned()),
        IpAddr::V6(_) => ("IPv6", format!("{plain}6")),
    };
    let finding = Finding::new(at, format!("an {family} address needs {right}"));
    out.push(finding.help("all addresses of a virtual service have one family"));
    false
}

/// Whether a keyword of a service has the 6 of `virtual6`, or lacks it as `virtual` does.
pub(super) fn belongs(keyword: &str, to_v6: bool, at: Span, out: &mut Findings) -> bool {
    if keyword.ends_with('6') == to_v6 {
        return true;
    }
    let plain = keyword.trim_end_matches('6');
    let right = if to_v6 { "6" } else { "" };
    let finding = Finding::new(at, format!("{keyword} does not belong here"));
    out.push(finding.help(format!("below virtual{right} write {plain}{right}")));
    false
}

/// A name in `in-addr.arpa` or `ip6.arpa`.
pub(super) fn reverse(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => nibbles(address),
    }
}

fn nibbles(address: Ipv6Addr) -> String {
    let digits = format!("{:032x}", address.to_bits());
    let digits = digits.chars().rev().flat_map(|digit| [digit, '.']);
    digits.chain("ip6.arpa".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Vec<IpAddr>, Option<u16>)> {
        range(text, Span::default(), &mut Findings::default())
    }

    #[test]
    fn addresses_ports_and_ranges_are_read() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(read("10.0.0.1:80"), Some((vec![ip("10.0.0.1")], Some(80))));
        assert_eq!(read("10.0.0.1"), Some((vec![ip("10.0.0.1")], None)));
        assert_eq!(
            read("[2001:db8::1]:http"),
            Some((vec![ip("2001:db8::1")], Some(80)))
        );
        let three = ["10.0.0.255", "10.0.1.0", "10.0.1.1"].map(ip);
        assert_eq!(
            read("10.0.0.255->10.0.1.1:25"),
            Some((three.to_vec(), Some(25)))
        );
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            ":",
            "web1:80",
            "10.0.0.1:",
            "10.0.0.1::80",
            "10.0.0.1:99999",
            "10.0.0.9->10.0.0.1:80",
            "0.0.0.0->255.255.255.255:80",
            "[::1]->[::2]:80",
            "->",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_reverse_name_is_made_of_an_address() {
        assert_eq!(
            reverse("192.0.2.1".parse().unwrap()),
            "1.2.0.192.in-addr.arpa"
        );
        let name = reverse("2001:db8::1".parse().unwrap());
        assert!(name.starts_with("1.0.0.0."), "{name}");
        assert!(name.ends_with(".8.b.d.0.1.0.0.2.ip6.arpa"), "{name}");
    }
}
