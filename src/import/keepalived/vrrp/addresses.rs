// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_ipaddress` and `virtual_ipaddress_excluded`: addresses, and the words behind them.

use std::net::IpAddr;

use super::value::{address, block, interface, near};
use crate::diagnostic::{Finding, Findings, Fix, Severity, Shown};
use crate::import::keepalived::keywords::word_not_carried_over;
use crate::import::statement::{Statement, Word};
use crate::model::AddressFamily;

/// Words with a value behind them.
const WITH_VALUE: [&str; 7] = [
    "brd",
    "broadcast",
    "label",
    "peer",
    "preferred_lft",
    "scope",
    "track_group",
];

/// Words that are not carried over, whether what runs changes, and why.
const WORDS: &[(&str, Severity, &str)] = &[
    ("brd", Severity::Note, NO_BROADCAST),
    ("broadcast", Severity::Note, NO_BROADCAST),
    (
        "label",
        Severity::Note,
        "a label is for ifconfig; ip address shows the address without",
    ),
    (
        "peer",
        Severity::Warning,
        "the director sets no peer address",
    ),
    ("home", Severity::Note, "it is for mobile IPv6"),
    ("-nodad", Severity::Note, NO_DAD),
    ("nodad", Severity::Note, NO_DAD),
    (
        "mngtmpaddr",
        Severity::Note,
        "no temporary address is made of a virtual one",
    ),
    ("autojoin", Severity::Note, "it is for multicast"),
    (
        "noprefixroute",
        Severity::Warning,
        "an address with a length brings the route to its network; without a length it brings none",
    ),
    (
        "no_track",
        Severity::Warning,
        "the director puts back what somebody removes",
    ),
    (
        "preferred_lft",
        Severity::Note,
        "over IPv6 a virtual address is never the source of what this host begins",
    ),
    (
        "scope",
        Severity::Warning,
        "a virtual address has the scope global",
    ),
    (
        "track_group",
        Severity::Warning,
        "it is for static addresses",
    ),
];
const NO_BROADCAST: &str = "nothing is sent to the broadcast address of a virtual address";
const NO_DAD: &str = "the director does not wait for the detection of duplicate addresses";

/// A virtual address as keepalived has it.
#[derive(Debug)]
pub(super) struct Address<'t> {
    pub(super) by: &'t Statement,
    pub(super) ip: IpAddr,
    /// As it is written, `None` for an address that is alone in its network.
    pub(super) length: Option<u8>,
    /// Another interface than that of the virtual router.
    pub(super) interface: Option<String>,
    /// Whether it has a hardware address of its own.
    pub(super) virtual_mac: bool,
    /// Whether advertisements leave it out.
    pub(super) is_excluded: bool,
}

impl Address<'_> {
    pub(super) const fn family(&self) -> AddressFamily {
        AddressFamily::of(self.ip)
    }

    /// `192.0.2.10/24`
    pub(super) fn text(&self) -> String {
        match self.length {
            Some(length) => format!("{}/{length}", self.ip),
            None => self.ip.to_string(),
        }
    }
}

/// Reads the block.
pub(super) fn read<'t>(
    statement: &'t Statement,
    is_excluded: bool,
    out: &mut Findings,
) -> Vec<Address<'t>> {
    let lines = block(statement).iter();
    lines
        .filter_map(|line| one(line, is_excluded, out))
        .collect()
}

fn one<'t>(line: &'t Statement, is_excluded: bool, out: &mut Findings) -> Option<Address<'t>> {
    // `ip address add` takes a word before the address, and so does keepalived.
    let (host, length) = match line.keyword.text.split_once('/') {
        Some((host, length)) => (host, Some(length)),
        None => (&*line.keyword.text, None),
    };
    let word = Word {
        text: host.into(),
        ..line.keyword.clone()
    };
    let ip = address(&word, "a virtual address", out)?;
    let longest = match AddressFamily::of(ip) {
        AddressFamily::Ipv4 => 32,
        AddressFamily::Ipv6 => 128,
    };
    let number = length.map(|it| it.parse().ok().filter(|it| (1..=longest).contains(it)));
    if number == Some(None) {
        let message = format!("the length of {} must be 1 to {longest}", Shown(host));
        out.error(line.keyword.span, message);
        return None;
    }
    let mut address = Address {
        by: line,
        ip,
        length: number.flatten().filter(|it| *it != longest),
        interface: None,
        virtual_mac: false,
        is_excluded,
    };
    address.take_words(&line.words, out);
    Some(address)
}

impl Address<'_> {
    fn take_words(&mut self, words: &[Word], out: &mut Findings) {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match &*word.text {
                "dev" => match words.next() {
                    Some(name) => self.interface = interface(name, out),
                    None => out.error(word.span, "dev needs the name of an interface"),
                },
                "use_vmac" => self.virtual_mac = true,
                text => {
                    let value = WITH_VALUE.contains(&text).then(|| words.next()).flatten();
                    named(word, value, out);
                }
            }
        }
    }
}

/// Says what becomes of a word and its value.
fn named(word: &Word, value: Option<&Word>, out: &mut Findings) {
    if (&*word.text, value.map(|it| &*it.text)) == ("scope", Some("global")) {
        return;
    }
    let span = word.span.through(value.map_or(word.span, |it| it.span));
    if let Some((_, severity, why)) = WORDS.iter().find(|(known, ..)| **known == *word.text) {
        out.push(word_not_carried_over(word, *severity, why).at(span));
        return;
    }
    let known = WORDS.iter().map(|(known, ..)| *known);
    let meant = near(&word.text, known.chain(["dev", "use_vmac"]));
    let message = format!("unknown word {} behind an address", Shown(&word.text));
    let help = match meant {
        Some(near) => format!("keepalived leaves it out; did you mean {near}?"),
        None => "keepalived leaves it out".to_owned(),
    };
    let fix = meant.map(|it| Fix::replace(word.span, it));
    out.push(Finding::new(word.span, message).help(help).fix(fix));
}
