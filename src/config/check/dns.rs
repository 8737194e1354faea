// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check.dns`: what a DNS server is asked, how, and which answer is right.

use super::target::TargetLayer;
use crate::config::section::CHECK_DNS;
use crate::config::setting::{Setting, Subject, innermost, innermost_or};
use crate::config::tree::Node;
use crate::config::value::{choice, decimal, map, one_or_more, text};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::{DnsData, DnsName, DnsProbe, DnsRcode, DnsTransport, DnsType};

/// The longest record that is expected, in bytes.
const LONGEST: usize = 1024;
/// The most records that are expected.
const MOST_EXPECTED: usize = 64;
const NAME: &str = "write check: {dns: {name: www.example}}";

/// Records as they stand in the file, and where.
type Expected = Box<[(Box<str>, Span)]>;

/// The DNS settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct DnsLayer {
    pub(super) target: TargetLayer,
    transport: Setting<DnsTransport>,
    name: Setting<DnsName>,
    kind: Setting<DnsType>,
    /// As it stands in the file: what it means depends on the type, which may be in another layer.
    expect: Setting<Expected>,
    rcodes: Setting<Box<[DnsRcode]>>,
}

impl DnsLayer {
    /// Reads the map; an error makes the whole check wrong.
    pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Self, Wrong> {
        let mut layer = Self::default();
        let entries = map(&CHECK_DNS, node, out)?;
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "transport" => {
                    let words = [DnsTransport::Udp, DnsTransport::Tcp].map(|it| (it.word(), it));
                    let read = choice(name, node, &words, &[], out);
                    layer.transport = Setting::read(node, read);
                }
                "name" => layer.name = Setting::read(node, asked(name, node, out)),
                "type" => layer.kind = Setting::read(node, kind(name, node, out)),
                "expect" => layer.expect = Setting::read(node, expected(name, node, out)),
                "rcode" => layer.rcodes = Setting::read(node, rcodes(name, node, out)),
                _ if layer.target.take(entry, out) => {}
                _ => CHECK_DNS.unknown_key(entry, entries, out),
            }
        }
        Ok(layer)
    }

    /// What is asked, from all layers, the innermost first. `written` is where the type of check is named.
    pub(super) fn resolve(
        layers: &[&Self],
        written: Span,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<DnsProbe, Wrong> {
        let Some(name) = innermost(layers, |layer| &layer.name)? else {
            let finding =
                subject.finding(written, "a check by DNS needs the name that it asks for");
            out.push(finding.help(NAME));
            return Err(Wrong);
        };
        let kind = innermost_or(layers, |layer| &layer.kind, DnsType::A)?;
        let expect = innermost(layers, |layer| &layer.expect)?;
        let expect = expect.map_or(&[][..], |found| found.value);
        let written = expect.iter().map(|(text, span)| {
            kind.written(text).ok_or_else(|| {
                let message = format!("no record of type {kind} is {}", Shown(text));
                out.push(subject.finding(*span, message).help(example(kind)));
                Wrong
            })
        });
        // All errors of the list are told.
        let written: Vec<_> = written.collect();
        let rcodes = innermost(layers, |layer| &layer.rcodes)?;
        Ok(DnsProbe {
            transport: innermost_or(layers, |layer| &layer.transport, DnsTransport::Udp)?,
            name: name.value.clone(),
            kind,
            expect: written.into_iter().collect::<Result<_, _>>()?,
            rcodes: rcodes.map_or_else(|| [DnsRcode::NO_ERROR].into(), |found| found.value.clone()),
        })
    }
}

/// A name that is asked for.
fn asked(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<DnsName, Wrong> {
    const WANTED: &str = "a domain name";
    let text = text(name, node, WANTED, out)?;
    DnsName::parse(text).map_err(|_| {
        let message = format!("{name} must be {WANTED}, got {}", Shown(text));
        let help = "labels of 1 to 63 visible ASCII characters: www.example, 5.0.0.10.in-addr.arpa; the root is '.'";
        out.push(Finding::new(node.span, message).help(help));
        Wrong
    })
}

/// A type of record, by its word or number.
fn kind(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<DnsType, Wrong> {
    const WANTED: &str = "a type of record";
    let text = text(name, node, WANTED, out)?;
    let number = || decimal(text).and_then(|number| u16::try_from(number).ok());
    let numbered = || number().filter(|number| *number > 0).map(DnsType);
    DnsType::of(text).or_else(numbered).ok_or_else(|| {
        let message = format!("{name} must be {WANTED}, got {}", Shown(text));
        let help = "a, aaaa, cname, mx, ns, ptr, soa, srv, txt, or a number from 1 to 65535";
        out.push(Finding::new(node.span, message).help(help));
        Wrong
    })
}

/// One record or a list of them, as they stand there.
fn expected(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Expected, Wrong> {
    let nodes = one_or_more(name, node, "addresses or texts", MOST_EXPECTED, out)?;
    let read = nodes.iter().map(|node| {
        let text = text(name, node, "an address or a text", out)?;
        let possible =
            |text: &str| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
        if possible(text) {
            return Ok((text.into(), node.span));
        }
        let message = format!("{name} must be an address or a text, got {}", Shown(text));
        let help = "1 to 1024 bytes without control characters";
        out.push(Finding::new(node.span, message).help(help));
        Err(Wrong)
    });
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// One response code or a list of them.
fn rcodes(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<[DnsRcode]>, Wrong> {
    const WANTED: &str = "a response code";
    let most = usize::from(DnsRcode::MAX) + 1;
    let nodes = one_or_more(name, node, "response codes", most, out)?;
    let read = nodes.iter().map(|node| {
        let text = text(name, node, WANTED, out)?;
        let number = || decimal(text).and_then(|number| u8::try_from(number).ok());
        let numbered = || number().filter(|it| *it <= DnsRcode::MAX).map(DnsRcode);
        DnsRcode::of(text).or_else(numbered).ok_or_else(|| {
            let message = format!("{name} must be {WANTED}, got {}", Shown(text));
            let help =
                "noerror, formerr, servfail, nxdomain, notimp, refused, or a number from 0 to 15";
            out.push(Finding::new(node.span, message).help(help));
            Wrong
        })
    });
    let read: Vec<_> = read.collect();
    read.into_iter().collect()
}

/// How a record of this type is written.
fn example(kind: DnsType) -> &'static str {
    match (kind.data(), kind.word()) {
        (DnsData::Ipv4, _) => "an IPv4 address: 10.0.0.5",
        (DnsData::Ipv6, _) => "an IPv6 address: \"2001:db8::5\"",
        (DnsData::Text, _) => "a text",
        (DnsData::Fields(_), Some("mx")) => "a preference and a name: 10 mail.example",
        (DnsData::Fields(_), Some("srv")) => {
            "priority, weight, port and name: 0 5 5060 sip.example"
        }
        (DnsData::Fields(_), Some("soa")) => {
            "seven fields: ns.example root.example 1 3600 600 86400 60"
        }
        (DnsData::Fields(_), _) => "a domain name: www.example",
        (DnsData::Unknown, _) => "records of this type are not read: remove expect",
    }
}
