// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check`: how a real server is probed.

mod agent;
mod amqp;
mod counts;
mod dns;
mod exec;
mod file;
mod http;
mod icmp;
mod kind;
mod login;
mod named;
mod path;
mod payload;
mod rabbitmq;
mod schedule;
mod shared;
mod smtp;
mod talk;
mod target;
mod tls;
mod tripwire;
mod verdict;
mod vip;

use std::net::SocketAddr;
use std::sync::Arc;

pub(super) use self::exec::{COMMAND, command};
use self::kind::{Kind, KindLayer, Place};
pub(super) use self::login::{file, short};
pub(super) use self::named::NamedChecks;
use self::path::PathLayer;
pub(super) use self::path::interface;
pub(super) use self::path::refuse_virtual_sources;
use self::schedule::{Blind, ScheduleLayer};
pub(super) use self::shared::Shared;
use self::shared::share;
use self::target::{TargetLayer, own_port, target};
use self::tripwire::TripwireLayer;
use super::section::CHECK;
use super::setting::{Setting, Subject, innermost};
use super::tree::{Entry, Node, Value};
use super::value::{decimal, kind, list, map, text};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::{Check, Checks, ForwardingMethod, Need, Probe, ProbeKind, ServerKey};

/// The most checks of one server.
const MOST_CHECKS: usize = 8;

/// The word for no check.
const NONE: &str = "none";

const SEVERAL: &str = "write each: [tcp, {amqp: {port: 5672}, interval: 10s}]";

/// The check settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct CheckLayer {
    /// Where it stands.
    span: Option<Span>,
    chosen: Setting<Chosen>,
    /// The settings of the type that is written here.
    kind: Option<Box<KindLayer>>,
    /// The checks of a list, each with its type.
    each: Vec<Item>,
    need: Setting<Need>,
    schedule: ScheduleLayer,
    path: PathLayer,
    tripwire: TripwireLayer,
}

/// The server whose checks are merged.
#[derive(Debug, Clone, Copy)]
pub(super) struct CheckedServer {
    /// Which.
    pub(super) key: ServerKey,
    /// How packets reach it; when that is wrong, it is reported already.
    pub(super) forwarding: Result<ForwardingMethod, Wrong>,
}

/// A check of a list, and its place there.
#[derive(Debug, Clone)]
struct Item {
    layer: Arc<CheckLayer>,
    span: Span,
}

/// What a layer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    /// No check.
    None,
    /// One, of this type.
    One(Kind),
    /// Several: those of a list.
    Several,
}

impl CheckLayer {
    /// `none`, the word for a type, a name in `checks`, or a map.
    pub(super) fn read(
        name: &str,
        node: &Node<'_>,
        named: &NamedChecks,
        out: &mut Findings,
    ) -> Arc<Self> {
        let known = node.text().and_then(|text| named.get(text));
        known.map_or_else(|| Arc::new(Self::new(name, node, named, out)), Arc::clone)
    }

    /// The same for one that is no name.
    fn new(name: &str, node: &Node<'_>, named: &NamedChecks, out: &mut Findings) -> Self {
        let mut layer = Self {
            span: Some(node.span),
            ..Self::default()
        };
        match &node.value {
            Value::Map(_) => layer.read_map(node, named, out),
            Value::Scalar { .. } if !node.is_null() => {
                layer.chosen = Setting::read(node, word(name, node, named, out));
            }
            Value::Scalar { .. } | Value::List(_) => {
                let got = kind(node);
                let message = format!("{name} must be none, a type of check or a map, got {got}");
                let help = format!("the types are {}", Kind::words());
                out.push(Finding::new(node.span, message).help(help));
                layer.chosen = Setting::Wrong;
            }
        }
        layer
    }

    fn read_map(&mut self, node: &Node<'_>, named: &NamedChecks, out: &mut Findings) {
        let Ok(entries) = map(&CHECK, node, out) else {
            return;
        };
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "each" => {
                    let read = self.read_each(node, named, out).map(|()| Chosen::Several);
                    self.choose(read, entry, out);
                }
                "need" => self.need = Setting::read(node, need(name, node, out)),
                _ if self.schedule.take(entry, out)
                    || self.path.take(entry, out)
                    || self.tripwire.take(entry, out) => {}
                _ => match Kind::of(name) {
                    Some(kind) => {
                        let read = kind.read(node, out);
                        let read = read.map(|layer| self.kind = Some(Box::new(layer)));
                        self.choose(read.map(|()| Chosen::One(kind)), entry, out);
                    }
                    None => CHECK.unknown_key(entry, entries, out),
                },
            }
        }
    }

    /// A map has one type at most.
    fn choose(&mut self, read: Result<Chosen, Wrong>, entry: &Entry<'_>, out: &mut Findings) {
        self.chosen = match (read, &self.chosen) {
            (Ok(chosen), Setting::Unset) => Setting::Set(chosen, entry.span),
            (Ok(_), Setting::Set(_, first)) => {
                let finding = Finding::new(entry.span, "a check has only one type");
                out.push(finding.first(*first).help(SEVERAL));
                Setting::Wrong
            }
            (Ok(_), Setting::Wrong) | (Err(Wrong), _) => Setting::Wrong,
        };
    }

    /// A list of checks, each with a type of its own.
    fn read_each(
        &mut self,
        node: &Node<'_>,
        named: &NamedChecks,
        out: &mut Findings,
    ) -> Result<(), Wrong> {
        let nodes = list("each", node, SEVERAL, out)?;
        if nodes.is_empty() || nodes.len() > MOST_CHECKS {
            let message = format!(
                "each must have 1 to {MOST_CHECKS} checks, got {}",
                nodes.len()
            );
            out.push(Finding::new(node.span, message).help("for none write check: none"));
            return Err(Wrong);
        }
        let mut result = Ok(());
        for node in nodes {
            let item = Self::read("a check of the list", node, named, out);
            match item.chosen {
                Setting::Wrong => result = Err(Wrong),
                Setting::Set(Chosen::None | Chosen::Several, span) => {
                    let span = node.text().map_or(span, |_| node.span);
                    let finding = Finding::new(span, "a list of checks has neither lists nor none");
                    out.push(finding.help(SEVERAL));
                    result = Err(Wrong);
                }
                Setting::Unset => {
                    let finding = Finding::new(node.span, "a check of a list needs a type");
                    out.push(finding.help(SEVERAL));
                    result = Err(Wrong);
                }
                Setting::Set(Chosen::One(_), _) => self.each.push(Item {
                    layer: item,
                    span: node.span,
                }),
            }
        }
        result
    }

    /// The checks of a server, from all layers, the innermost first. They share with the servers before what is the
    /// same.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        server: CheckedServer,
        shared: &mut Shared,
        out: &mut Findings,
    ) -> Result<Checks, Wrong> {
        let chosen = innermost(layers, |layer| &layer.chosen)?;
        let need = innermost(layers, |layer| &layer.need)?;
        let several = chosen.filter(|it| *it.value == Chosen::Several);
        let Some(several) = several else {
            if let Some(need) = need
                && chosen.is_none_or(|it| need.layer <= it.layer)
            {
                let finding = subject.finding(need.span, "need is only for a list of checks");
                out.push(finding.help(SEVERAL));
                return Err(Wrong);
            }
            let check = Self::one(layers, subject, server, shared, out)?;
            return Ok(check.map_or(Checks::NONE, Checks::one));
        };
        let items = layers
            .get(several.layer)
            .map_or(&[][..], |layer| &layer.each);
        let mut each: Vec<Arc<Check>> = Vec::with_capacity(items.len());
        for item in items {
            let layers: Vec<&Self> = std::iter::once(&*item.layer)
                .chain(layers.iter().copied())
                .collect();
            let check = Self::one(&layers, subject, server, shared, out)?;
            if check
                .as_ref()
                .is_some_and(|check| each.iter().any(|it| it.probe == check.probe))
            {
                out.push(subject.finding(item.span, "the list has this check twice"));
                return Err(Wrong);
            }
            each.extend(check.map(Arc::new));
        }
        let all = u32::try_from(each.len()).unwrap_or(u32::MAX);
        if let Some(need) = need
            && matches!(*need.value, Need::AtLeast(number) if number > all)
        {
            let message = format!("need is more than the {all} checks of the list");
            out.push(subject.finding(need.span, message));
            return Err(Wrong);
        }
        Ok(Checks {
            need: need.map_or(Need::All, |need| *need.value),
            each: each.into(),
        })
    }

    /// Settings of packets beside a type of check that sends none. In an outer layer they are for other types.
    fn refuse_paths(layers: &[&Self], subject: &Subject, out: &mut Findings) -> Result<(), Wrong> {
        let named = layers.iter().find(|layer| layer.chosen != Setting::Unset);
        let Some(span) = named.and_then(|layer| layer.path.span()) else {
            return Ok(());
        };
        let message =
            "source, interface and fwmark mean nothing here: this check sends no packets itself";
        out.push(subject.finding(span, message).help("leave it out"));
        Err(Wrong)
    }

    /// One check of a server; `None` when there is none.
    fn one(
        layers: &[&Self],
        subject: &Subject,
        server: CheckedServer,
        shared: &mut Shared,
        out: &mut Findings,
    ) -> Result<Option<Check>, Wrong> {
        let chosen = innermost(layers, |layer| &layer.chosen)?;
        let written = chosen.map(|found| found.span).or_else(|| {
            let mut spans = layers.iter().filter_map(|layer| layer.span);
            spans.find(|span| subject.span.contains(*span))
        });
        let kind = match chosen.map(|found| *found.value) {
            Some(Chosen::None | Chosen::Several) => None,
            Some(Chosen::One(kind)) => Some(kind),
            None => Kind::unnamed(subject.key.protocol(), written.is_some()),
        };
        let Some(kind) = kind else {
            return Ok(None);
        };
        let kinds: Vec<&KindLayer> = layers
            .iter()
            .filter_map(|layer| layer.kind.as_deref())
            .filter(|layer| layer.kind() == kind)
            .collect();
        let own = own_port(kind, &subject.key, server.key);
        let (target, path) = if kind.is_local() {
            Self::refuse_paths(layers, subject, out)?;
            (SocketAddr::new(server.key.address, server.key.port), None)
        } else {
            let targets: Vec<&TargetLayer> =
                kinds.iter().filter_map(|layer| layer.target()).collect();
            let port = kind.usual_port(own, &kinds)?;
            let found = target(kind, &targets, port, written, subject, server.key, out)?;
            let Some(target) = found else {
                return Ok(None);
            };
            let paths: Vec<&PathLayer> = layers.iter().map(|layer| &layer.path).collect();
            let path = PathLayer::resolve(&paths, subject, target.ip(), out)?;
            (target, path)
        };
        let schedules: Vec<&ScheduleLayer> = layers.iter().map(|layer| &layer.schedule).collect();
        let mut schedule = ScheduleLayer::resolve(
            &schedules,
            kind.usual(),
            Blind::of(kind, target, &server),
            subject,
            out,
        )?;
        let place = Place {
            own,
            written: written.unwrap_or(subject.span),
            server,
        };
        let kind: ProbeKind = kind.resolve(&kinds, place, subject, shared, out)?;
        let probe = Probe { kind, target, path };
        let tripwires: Vec<&TripwireLayer> = layers.iter().map(|layer| &layer.tripwire).collect();
        schedule.tripwire = TripwireLayer::resolve(&tripwires, &probe, subject, out)?;
        let schedule = share(&mut shared.schedule, schedule);
        Ok(Some(Check { probe, schedule }))
    }
}

/// `none`, or the word for a type.
fn word(
    name: &str,
    node: &Node<'_>,
    named: &NamedChecks,
    out: &mut Findings,
) -> Result<Chosen, Wrong> {
    const OTHERS: [(&str, &str); 8] = [
        ("tcp_check", "tcp"),
        ("http_get", "http"),
        ("dns_check", "dns"),
        ("smtp_check", "smtp"),
        ("ping_check", "icmp"),
        ("ping", "icmp"),
        ("false", NONE),
        ("off", NONE),
    ];
    let text = text(name, node, "none, a type of check or a name in checks", out)?;
    if text == NONE {
        return Ok(Chosen::None);
    }
    let Some(kind) = Kind::of(text) else {
        let lower = text.to_ascii_lowercase();
        let other = OTHERS.iter().find(|(word, _)| *word == lower);
        named.unknown(name, node, other.map(|(_, ours)| *ours), out);
        return Err(Wrong);
    };
    Ok(Chosen::One(kind))
}

/// `all`, `any`, or a number.
fn need(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Need, Wrong> {
    const WANTED: &str = "all, any or a number of checks";
    match text(name, node, WANTED, out)? {
        "all" => Ok(Need::All),
        "any" => Ok(Need::Any),
        number => match decimal(number) {
            Some(number) if number > 0 => Ok(Need::AtLeast(number)),
            Some(_) | None => {
                let message = format!("{name} must be {WANTED}, got {}", Shown(number));
                out.push(Finding::new(node.span, message));
                Err(Wrong)
            }
        },
    }
}
