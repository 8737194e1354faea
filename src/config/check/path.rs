// SPDX-License-Identifier: MIT OR Apache-2.0
//! The way a check's probes take: `source`, `interface` and `fwmark`.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::config::address;
use crate::config::setting::{Setting, Subject, innermost};
use crate::config::tree::{Entry, Node, Value};
use crate::config::value::{fwmark, text_that};
use crate::diagnostic::{Finding, Findings, Span, Wrong};
use crate::model::{AddressFamily, Fwmark, ProbePath};

/// The longest name of an interface, in bytes (the kernel's `IFNAMSIZ` less its NUL).
const LONGEST_INTERFACE: usize = 15;

/// The path settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct PathLayer {
    source: Setting<IpAddr>,
    interface: Setting<Box<str>>,
    mark: Setting<Fwmark>,
}

impl PathLayer {
    /// Reads a key if it is a setting of the path, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "source" => {
                let help = "leave the port out: every probe has its own";
                let source = address::read_bare(name, node, help, out);
                self.source = Setting::read(node, source);
            }
            "interface" => self.interface = Setting::read(node, interface(name, node, out)),
            "fwmark" => self.mark = Setting::read(node, fwmark(name, node, out)),
            _ => return false,
        }
        true
    }

    /// Where its first setting is, if there is one.
    pub(super) fn span(&self) -> Option<Span> {
        const fn place<T>(setting: &Setting<T>) -> Option<Span> {
            match setting {
                Setting::Set(_, span) => Some(*span),
                Setting::Unset | Setting::Wrong => None,
            }
        }
        let interface = place(&self.interface);
        place(&self.source).or(interface).or(place(&self.mark))
    }

    /// The path to `target`, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        target: IpAddr,
        out: &mut Findings,
    ) -> Result<Option<Box<ProbePath>>, Wrong> {
        let source = innermost(layers, |layer| &layer.source)?;
        let interface = innermost(layers, |layer| &layer.interface)?;
        let mark = innermost(layers, |layer| &layer.mark)?;
        if let Some(source) = source
            && source.value.is_ipv4() != target.is_ipv4()
        {
            let (own, other) = (AddressFamily::of(*source.value), AddressFamily::of(target));
            let message = format!("{own} source for a check of {target}, which is {other}");
            let help = "write a source of the same family beside that server or service";
            out.push(subject.finding(source.span, message).help(help));
            return Err(Wrong);
        }
        Ok(ProbePath {
            source: source.map(|found| *found.value),
            interface: interface.map(|found| found.value.clone()),
            mark: mark.map(|found| *found.value),
        }
        .chosen())
    }
}

/// Finds each `source` of a check that is the address of a virtual service. Returns whether there is any `source`.
pub(in crate::config) fn refuse_virtual_sources(
    node: &Node<'_>,
    vips: &BTreeSet<IpAddr>,
    out: &mut Findings,
) -> bool {
    let mut any = false;
    match &node.value {
        Value::Scalar { .. } => {}
        Value::List(nodes) => {
            for node in nodes.iter() {
                any |= refuse_virtual_sources(node, vips, out);
            }
        }
        Value::Map(entries) => {
            // A header may have any name, and so may a part of a JSON answer.
            let free = |entry: &&Entry<'_>| matches!(&*entry.key, "headers" | "json");
            for entry in entries.iter().filter(|entry| !free(entry)) {
                any |= refuse_virtual_sources(&entry.value, vips, out);
                if &*entry.key == "source" {
                    any = true;
                    refuse_virtual_source(entry, vips, out);
                }
            }
        }
    }
    any
}

fn refuse_virtual_source(entry: &Entry<'_>, vips: &BTreeSet<IpAddr>, out: &mut Findings) {
    let source = entry.value.text().and_then(|text| text.parse().ok());
    if let Some(source) = source
        && vips.contains(&source)
    {
        let message = format!("source {source} is the address of a virtual service");
        let help = "the real servers have that address, too, and no answer would come back; write another \
                    address of this host, or leave source out";
        out.push(Finding::new(entry.value.span, message).help(help));
    }
}

/// The name of an interface, as the kernel takes it.
pub(in crate::config) fn interface(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Box<str>, Wrong> {
    let possible = |text: &str| {
        let fits = |c: char| !matches!(c, '/' | ':') && !c.is_whitespace() && !c.is_control();
        (1..=LONGEST_INTERFACE).contains(&text.len()) && text.chars().all(fits)
    };
    let wanted = "the name of an interface";
    let help = "1 to 15 bytes without a slash, a colon or a space: eth1";
    text_that(possible, name, node, wanted, help, out)
}
