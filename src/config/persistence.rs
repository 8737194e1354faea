// SPDX-License-Identifier: MIT OR Apache-2.0
//! `persistence`: whether and how clients stay with their real server.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::duration;
use super::section::PERSISTENCE;
use super::setting::{Found, Setting, Subject, innermost, innermost_or};
use super::tree::{Node, Value};
use super::value::{decimal, kind, map, seconds, text};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::{AddressFamily, Granularity, PersistenceEngine, Seconds, ServiceSettings};

/// The timeout of ipvsadm's `-p` without a number.
const TIMEOUT: Seconds = Seconds(360);

/// The persistence settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct PersistenceLayer {
    on: Setting<bool>,
    timeout: Setting<Seconds>,
    granularity: Setting<Word>,
    engine: Setting<Option<PersistenceEngine>>,
}

/// Persistence that is on, from all layers.
pub(super) struct Persistence {
    timeout: Seconds,
    granularity: Granularity,
    engine: Option<PersistenceEngine>,
}

impl Persistence {
    /// The same settings with this persistence.
    pub(super) fn over(self, settings: ServiceSettings) -> ServiceSettings {
        ServiceSettings {
            persistence: Some(self.timeout),
            granularity: self.granularity,
            engine: self.engine,
            ..settings
        }
    }
}

/// A granularity before the family of the service is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Mask(Ipv4Addr),
    Prefix(u8),
}

/// A timeout. Who writes 0 means no persistence.
fn persistence_timeout(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Seconds, Wrong> {
    if let Value::Scalar { text, .. } = &node.value
        && (duration::parse(text) == Ok(Duration::ZERO) || &**text == "0")
    {
        let message = format!("{name} must be at least 1s, got {}", Shown(text));
        let help = "for no persistence leave it out, or write persistence: none";
        out.push(Finding::new(node.span, message).help(help));
        return Err(Wrong);
    }
    seconds(name, node, out)
}

impl PersistenceLayer {
    /// `none`, a duration, or a map.
    pub(super) fn read(name: &str, node: &Node<'_>, out: &mut Findings) -> Self {
        let mut layer = Self::default();
        match &node.value {
            Value::Map(_) => {
                layer.on = Setting::Set(true, node.span);
                layer.read_map(node, out);
            }
            Value::Scalar { text, .. } if &**text == "none" => {
                layer.on = Setting::Set(false, node.span);
            }
            Value::Scalar { .. } if !node.is_null() => {
                layer.timeout = Setting::read(node, persistence_timeout(name, node, out));
                layer.on = Setting::Set(true, node.span);
            }
            Value::Scalar { .. } | Value::List(_) => {
                let message = format!(
                    "{name} must be none, a duration or a map, got {}",
                    kind(node)
                );
                out.push(Finding::new(node.span, message).help("write 50s"));
                layer.on = Setting::Wrong;
            }
        }
        layer
    }

    fn read_map(&mut self, node: &Node<'_>, out: &mut Findings) {
        let Ok(entries) = map(&PERSISTENCE, node, out) else {
            return;
        };
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "timeout" => {
                    self.timeout = Setting::read(node, persistence_timeout(name, node, out));
                }
                "granularity" => self.granularity = Setting::read(node, granularity(node, out)),
                "engine" => self.engine = Setting::read(node, engine(node, out)),
                _ => PERSISTENCE.unknown_key(entry, entries, out),
            }
        }
    }

    /// The persistence of a service, from all layers, the innermost first.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<Option<Persistence>, Wrong> {
        if !innermost_or(layers, |layer| &layer.on, false)? {
            return Ok(None);
        }
        let family = subject.key.family();
        let granularity = match innermost(layers, |layer| &layer.granularity)? {
            Some(Found { value, span, .. }) => value.fit(family).ok_or_else(|| {
                out.push(unfit(*value, span, family, subject));
                Wrong
            })?,
            None => Granularity::Single,
        };
        let engine = innermost(layers, |layer| &layer.engine)?;
        Ok(Some(Persistence {
            timeout: innermost_or(layers, |layer| &layer.timeout, TIMEOUT)?,
            granularity,
            engine: engine.and_then(|found| found.value.clone()),
        }))
    }
}

impl Word {
    /// This granularity for a family, if the family can have it.
    fn fit(self, family: AddressFamily) -> Option<Granularity> {
        match (self, family) {
            (Self::Mask(mask), AddressFamily::Ipv4) => Some(Granularity::mask(mask)),
            (Self::Prefix(length), AddressFamily::Ipv4) => {
                let host_bits = 32_u32.checked_sub(length.into())?;
                let mask = u32::MAX.checked_shl(host_bits)?;
                Some(Granularity::mask(mask.into()))
            }
            (Self::Prefix(length), AddressFamily::Ipv6) => Granularity::prefix(length),
            (Self::Mask(_), AddressFamily::Ipv6) => None,
        }
    }
}

fn unfit(word: Word, span: Span, family: AddressFamily, subject: &Subject) -> Finding {
    let (got, help) = match word {
        Word::Mask(mask) => (mask.to_string(), "a prefix length, 1 to 128"),
        Word::Prefix(length) => (length.to_string(), "a mask, or a prefix length, 1 to 32"),
    };
    let message = format!("granularity {got} is not for an {family} service");
    subject.finding(span, message).help(help)
}

fn granularity(node: &Node<'_>, out: &mut Findings) -> Result<Word, Wrong> {
    const WANTED: &str = "an IPv4 mask or a prefix length";
    let text = text("granularity", node, WANTED, out)?;
    let length = decimal(text.strip_prefix('/').unwrap_or(text));
    let length = length.and_then(|length| u8::try_from(length).ok());
    let length = length.filter(|length| (1..=128).contains(length));
    let mask = text.parse::<Ipv4Addr>().ok().filter(|mask| {
        let bits = mask.to_bits();
        bits != 0 && bits.leading_ones() + bits.trailing_zeros() == 32
    });
    let word = length.map(Word::Prefix).or(mask.map(Word::Mask));
    word.ok_or_else(|| {
        let message = format!("granularity must be {WANTED}, got {}", Shown(text));
        let help = "255.255.255.0 or 24 for IPv4, 64 for IPv6: ones before zeros, at least one";
        out.push(Finding::new(node.span, message).help(help));
        Wrong
    })
}

fn engine(node: &Node<'_>, out: &mut Findings) -> Result<Option<PersistenceEngine>, Wrong> {
    let name = text(
        "engine",
        node,
        "none or the name of a persistence engine",
        out,
    )?;
    if name == "none" {
        return Ok(None);
    }
    let plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    let engine = PersistenceEngine::new(name).filter(|_| plain);
    engine.map(Some).ok_or_else(|| {
        let message = format!(
            "engine must be 1 to 16 letters and digits, got {}",
            Shown(name)
        );
        out.push(Finding::new(node.span, message).help("the kernel itself has sip"));
        Wrong
    })
}
