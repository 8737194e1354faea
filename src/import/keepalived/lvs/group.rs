// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_server_group`, and the addresses of a virtual server.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::keepalived::value::{number, too_many};
use crate::import::statement::{Statement, Word};
use crate::model::{AddressFamily, Fwmark};

/// A range has at most so many addresses, and so have all groups together.
const MOST: u128 = 65_536;

/// What clients connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Endpoint {
    /// An address, and a port; 0 is every port.
    Address(IpAddr, u16),
    /// A mark of the firewall, in a family if one is written.
    Mark(Fwmark, Option<AddressFamily>),
}

/// An endpoint and where it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    pub(super) endpoint: Endpoint,
    pub(super) span: Span,
}

/// All groups by name.
#[derive(Debug, Default)]
pub(super) struct Groups {
    by_name: HashMap<Box<str>, Group>,
    /// How many addresses they have.
    count: u128,
}

#[derive(Debug)]
struct Group {
    members: Vec<Placed>,
    span: Span,
}

impl Groups {
    /// Takes a `virtual_server_group`.
    pub(super) fn take(&mut self, statement: &Statement, out: &mut Findings) {
        let span = statement.span();
        let Some(name) = statement.words.first() else {
            return out.error(span, "the group has no name");
        };
        too_many(statement, 1, out);
        let lines = statement.block.iter().flatten();
        let members = lines.flat_map(|line| members(line, &mut self.count, out));
        let members: Vec<Placed> = members.collect();
        tell_of_kinds(&members, span, out);
        let group = Group { members, span };
        if let Some(known) = self.by_name.insert(name.text.clone(), group) {
            let what = format!("a second group {}", Shown(&name.text));
            out.push(Finding::new(span, what).label(known.span, "the first one"));
        }
    }

    /// How many addresses the group has that a virtual server names; one when it names none.
    pub(super) fn size(&self, service: &Statement) -> usize {
        let names = |place: usize| service.words.get(place).map(|word| &word.text);
        match (names(0), names(1)) {
            (Some(word), Some(name)) if &**word == "group" => {
                self.by_name.get(name).map_or(0, |it| it.members.len())
            }
            _ => 1,
        }
    }

    /// The members of a group; says so when there are none.
    pub(super) fn members(&self, name: &Word, out: &mut Findings) -> &[Placed] {
        let members = self.by_name.get(&name.text).map(|group| &*group.members);
        match members {
            Some([]) => out.error(name.span, format!("group {} is empty", Shown(&name.text))),
            None => {
                let what = format!("there is no virtual_server_group {}", Shown(&name.text));
                out.push(Finding::new(name.span, what).help("keepalived leaves the service out"));
            }
            Some(_) => {}
        }
        members.unwrap_or_default()
    }
}

/// keepalived does not know of what family a mark is that stands among addresses of both.
fn tell_of_kinds(members: &[Placed], span: Span, out: &mut Findings) {
    let has = |is: fn(&Endpoint) -> bool| members.iter().any(|it| is(&it.endpoint));
    if has(|it| matches!(it, Endpoint::Address(IpAddr::V4(_), _)))
        && has(|it| matches!(it, Endpoint::Address(IpAddr::V6(_), _)))
        && has(|it| matches!(it, Endpoint::Mark(_, None)))
    {
        let what = "addresses of IPv4 and of IPv6 beside a fwmark";
        let finding = Finding::new(span, what);
        out.push(finding.help("keepalived leaves the group out; make a group for each family"));
    }
}

/// The endpoints of one line of a group. `count` is how many all groups have.
fn members(line: &Statement, count: &mut u128, out: &mut Findings) -> Vec<Placed> {
    let span = line.span();
    if &*line.keyword.text == "fwmark" {
        let Some(endpoint) = mark(&line.words, span, out) else {
            return Vec::new();
        };
        too_many(line, 2, out);
        return vec![Placed { endpoint, span }];
    }
    too_many(line, 1, out);
    let port = line
        .words
        .first()
        .map(|word| number(word, 0..=u16::MAX, out));
    let (Some(range), Some(port)) = (range(&line.keyword, out), port.unwrap_or(Some(0))) else {
        return Vec::new();
    };
    *count += range.count;
    if *count > MOST {
        out.error(span, format!("the groups have more than {MOST} addresses"));
        return Vec::new();
    }
    let place = |address| Placed {
        endpoint: Endpoint::Address(address, port),
        span,
    };
    range.addresses().map(place).collect()
}

/// `fwmark N [inet|inet6]`, from the number on.
pub(super) fn mark(words: &[Word], span: Span, out: &mut Findings) -> Option<Endpoint> {
    let Some(word) = words.first() else {
        out.error(span, "fwmark has no value");
        return None;
    };
    let mark = Fwmark::new(number(word, 1..=u32::MAX, out)?)?;
    let family = match words.get(1) {
        Some(word) => Some(family(word, out)?),
        None => None,
    };
    Some(Endpoint::Mark(mark, family))
}

/// `inet` or `inet6`.
pub(super) fn family(word: &Word, out: &mut Findings) -> Option<AddressFamily> {
    match &*word.text {
        "inet" => Some(AddressFamily::Ipv4),
        "inet6" => Some(AddressFamily::Ipv6),
        _ => super::method::unknown(word, &["inet", "inet6"], out),
    }
}

/// An address.
pub(super) fn address(word: &Word, out: &mut Findings) -> Option<IpAddr> {
    let address = word.text.parse().ok();
    if address.is_none() {
        let what = format!("{} is no address", Shown(&word.text));
        out.push(Finding::new(word.span, what).help("192.0.2.10, or 2001:db8::10; no name"));
    }
    address
}

/// Addresses that follow each other.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    first: IpAddr,
    count: u128,
}

impl Range {
    fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let (begin, is_v4) = bits(self.first);
        let at = move |offset| of_bits(begin + offset, is_v4);
        (0..self.count).map(at)
    }
}

fn bits(address: IpAddr) -> (u128, bool) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), true),
        IpAddr::V6(address) => (address.to_bits(), false),
    }
}

fn of_bits(bits: u128, is_v4: bool) -> IpAddr {
    match u32::try_from(bits) {
        Ok(bits) if is_v4 => Ipv4Addr::from_bits(bits).into(),
        _ => Ipv6Addr::from_bits(bits).into(),
    }
}

/// `IP`, `IP-N` (the last part), `IP-IP`, `IP/LENGTH`.
fn range(word: &Word, out: &mut Findings) -> Option<Range> {
    let read = if let Some((begin, end)) = word.text.split_once('-') {
        from_to(begin, end)
    } else if let Some((begin, length)) = word.text.split_once('/') {
        network(begin, length)
    } else {
        let first = address(word, out)?;
        return Some(Range { first, count: 1 });
    };
    let wrong = match read {
        Ok(range) if range.count <= MOST => return Some(range),
        Ok(_) => "more than 65536 addresses",
        Err(wrong) => wrong,
    };
    let what = format!("{}: {wrong}", Shown(&word.text));
    let help = "192.0.2.1-9, 192.0.2.1-192.0.2.9, or 192.0.2.0/28";
    out.push(Finding::new(word.span, what).help(help));
    None
}

fn from_to(begin: &str, end: &str) -> Result<Range, &'static str> {
    let first: IpAddr = begin.parse().map_err(|_| "this is no range of addresses")?;
    let (begin, is_v4) = bits(first);
    let last = if let Ok(last) = end.parse::<IpAddr>() {
        let (last, same) = bits(last);
        if same != is_v4 {
            return Err("the two are of different families");
        }
        last
    } else {
        // The last part: decimal in IPv4, hexadecimal in IPv6.
        let (radix, mask) = if is_v4 { (10, 0xff) } else { (16, 0xffff) };
        let part = u128::from_str_radix(end, radix).ok();
        let part = part.filter(|part| *part <= mask);
        begin & !mask | part.ok_or("this is no range of addresses")?
    };
    let count = last
        .checked_sub(begin)
        .and_then(|count| count.checked_add(1));
    let count = count.ok_or("the range ends before it begins")?;
    Ok(Range { first, count })
}

fn network(begin: &str, length: &str) -> Result<Range, &'static str> {
    let first: IpAddr = begin.parse().map_err(|_| "this is no network")?;
    let (bits, is_v4) = bits(first);
    let width: u32 = if is_v4 { 32 } else { 128 };
    let length: u32 = length.parse().map_err(|_| "this is no network")?;
    let host = width.checked_sub(length).ok_or("the length is too large")?;
    let count = 1_u128
        .checked_shl(host)
        .ok_or("more than 65536 addresses")?;
    if bits & (count - 1) != 0 {
        return Err("the host part of the network must be 0");
    }
    Ok(Range { first, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(text: &str) -> Result<(String, u128), String> {
        let word = Word {
            span: Span::default(),
            text: text.into(),
            quoted: false,
        };
        let mut out = Findings::default();
        match range(&word, &mut out) {
            Some(range) => {
                let last = range.addresses().last().map(|it| it.to_string());
                Ok((last.unwrap_or_default(), range.count))
            }
            None => Err(text.to_owned()),
        }
    }

    #[test]
    fn ranges_have_three_forms() {
        for (text, last, count) in [
            ("192.0.2.1", "192.0.2.1", 1),
            ("192.0.2.1-9", "192.0.2.9", 9),
            ("192.0.2.250-192.0.3.1", "192.0.3.1", 8),
            ("192.0.2.16/30", "192.0.2.19", 4),
            ("2001:db8::1-a", "2001:db8::a", 10),
            ("2001:db8::/126", "2001:db8::3", 4),
        ] {
            assert_eq!(ends(text), Ok((last.to_owned(), count)), "{text}");
        }
        for wrong in [
            "192.0.2.9-1",
            "192.0.2.1-300",
            "192.0.2.1/24",
            "10.0.0.0/8",
            "::/0",
            "a-b",
            "10.0.0.0/33",
            "10.0.0.1-::1",
        ] {
            assert!(ends(wrong).is_err(), "{wrong}");
        }
    }
}
