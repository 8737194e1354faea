// SPDX-License-Identifier: MIT OR Apache-2.0
//! `check`: how a real server is probed.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::address;
use super::amqp::AmqpLayer;
use super::http::HttpLayer;
use super::path::PathLayer;
use super::rabbitmq::RabbitmqLayer;
use super::section::{CHECK, CHECK_TCP};
use super::setting::{Setting, Subject, innermost, innermost_or};
use super::tree::{Entry, Node, Value};
use super::value::{choice, decimal, duration, integer, kind, list, map, text};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::{
    AmqpProbe, Check, CheckSchedule, Checks, HttpProbe, Need, Probe, ProbeKind, Protocol,
    RabbitmqProbe, ServerKey, ServiceKey,
};

const INTERVAL: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_hours(1);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_mins(1);
const COUNT: RangeInclusive<u32> = 1..=100;
/// The most checks of one server.
const MOST_CHECKS: usize = 8;

/// Two seconds each, and at most seven from the failure of a server to its removal.
const SCHEDULE: CheckSchedule = CheckSchedule {
    interval: Duration::from_secs(2),
    timeout: Duration::from_secs(2),
    rise: 2,
    fall: 3,
    retry_delay: Duration::from_secs(1),
};

const SEVERAL: &str = "write each: [tcp, {amqp: {port: 5672}, interval: 10s}]";

/// The check settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct CheckLayer {
    /// Where it stands.
    span: Option<Span>,
    kind: Setting<Kind>,
    /// The checks of a list, each with its type.
    each: Vec<Self>,
    need: Setting<Need>,
    tcp: TargetLayer,
    http: HttpLayer,
    amqp: AmqpLayer,
    rabbitmq: RabbitmqLayer,
    interval: Setting<Duration>,
    timeout: Setting<Duration>,
    rise: Setting<u32>,
    fall: Setting<u32>,
    retry_delay: Setting<Duration>,
    path: PathLayer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    None,
    Tcp,
    Http,
    Amqp,
    Rabbitmq,
    /// Several: those of a list.
    Several,
}

/// Where a kind of check goes, in one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TargetLayer {
    port: Setting<u16>,
    address: Setting<IpAddr>,
}

/// What the checks of the servers before have: servers nearly always share these.
#[derive(Debug, Default)]
pub(super) struct Shared {
    schedule: Last<CheckSchedule>,
    http: Last<HttpProbe>,
    amqp: Last<AmqpProbe>,
    rabbitmq: Last<RabbitmqProbe>,
}

/// The last values, the latest last: as many as a server can have checks.
type Last<T> = VecDeque<Arc<T>>;

/// One of the last values if it is the same; otherwise this one, which is among them from now on.
fn share<T: PartialEq>(last: &mut Last<T>, own: T) -> Arc<T> {
    if let Some(same) = last.iter().rev().find(|it| ***it == own) {
        return Arc::clone(same);
    }
    if last.len() >= MOST_CHECKS {
        last.pop_front();
    }
    let own = Arc::new(own);
    last.push_back(Arc::clone(&own));
    own
}

impl TargetLayer {
    /// Reads a key if it is a setting of the target, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "port" => {
                self.port = Setting::read(node, port(name, node, out));
            }
            "address" => {
                let address = address::read_bare(name, node, "write port: beside it", out);
                self.address = Setting::read(node, address);
            }
            _ => return false,
        }
        true
    }
}

impl CheckLayer {
    /// `none`, the name of a type, or a map.
    pub(super) fn read(name: &str, node: &Node<'_>, out: &mut Findings) -> Self {
        const KINDS: [(&str, Kind); 5] = [
            ("none", Kind::None),
            ("tcp", Kind::Tcp),
            ("http", Kind::Http),
            ("amqp", Kind::Amqp),
            ("rabbitmq", Kind::Rabbitmq),
        ];
        const OTHERS: [(&str, &str); 4] = [
            ("tcp_check", "tcp"),
            ("http_get", "http"),
            ("false", "none"),
            ("off", "none"),
        ];
        let mut layer = Self {
            span: Some(node.span),
            ..Self::default()
        };
        match &node.value {
            Value::Map(_) => layer.read_map(node, out),
            Value::Scalar { .. } if !node.is_null() => {
                layer.kind = Setting::read(node, choice(name, node, &KINDS, &OTHERS, out));
            }
            Value::Scalar { .. } | Value::List(_) => {
                let message = format!(
                    "{name} must be none, tcp, http, amqp, rabbitmq or a map, got {}",
                    kind(node)
                );
                out.push(Finding::new(node.span, message).help("write {interval: 2s}"));
                layer.kind = Setting::Wrong;
            }
        }
        layer
    }

    fn read_map(&mut self, node: &Node<'_>, out: &mut Findings) {
        let Ok(entries) = map(&CHECK, node, out) else {
            return;
        };
        for entry in entries {
            let (name, node) = (&*entry.key, &entry.value);
            match name {
                "tcp" => {
                    let read = self.read_tcp(node, out);
                    self.take_kind(Kind::Tcp, read, entry, out);
                }
                "http" => {
                    let read = self.http.read(node, out);
                    self.take_kind(Kind::Http, read, entry, out);
                }
                "amqp" => {
                    let read = self.amqp.read(node, out);
                    self.take_kind(Kind::Amqp, read, entry, out);
                }
                "rabbitmq" => {
                    let read = self.rabbitmq.read(node, out);
                    self.take_kind(Kind::Rabbitmq, read, entry, out);
                }
                "each" => {
                    let read = self.read_each(node, out);
                    self.take_kind(Kind::Several, read, entry, out);
                }
                "need" => self.need = Setting::read(node, need(name, node, out)),
                "interval" => {
                    self.interval = Setting::read(node, duration(name, node, INTERVAL, out));
                }
                "timeout" => self.timeout = Setting::read(node, duration(name, node, TIMEOUT, out)),
                "rise" => self.rise = Setting::read(node, integer(name, node, COUNT, None, out)),
                "fall" => self.fall = Setting::read(node, integer(name, node, COUNT, None, out)),
                "retry_delay" => {
                    self.retry_delay = Setting::read(node, duration(name, node, INTERVAL, out));
                }
                _ if self.path.take(entry, out) => {}
                _ => CHECK.unknown_key(entry, entries, out),
            }
        }
    }

    /// A map has one type at most.
    fn take_kind(
        &mut self,
        kind: Kind,
        read: Result<(), Wrong>,
        entry: &Entry<'_>,
        out: &mut Findings,
    ) {
        self.kind = match (read, &self.kind) {
            (Ok(()), Setting::Unset) => Setting::Set(kind, entry.span),
            (Ok(()), Setting::Set(_, first)) => {
                let finding = Finding::new(
                    entry.span,
                    "a check has one type: tcp, http, amqp or rabbitmq",
                );
                out.push(finding.first(*first).help(SEVERAL));
                Setting::Wrong
            }
            (Ok(()), Setting::Wrong) | (Err(Wrong), _) => Setting::Wrong,
        };
    }

    fn read_tcp(&mut self, node: &Node<'_>, out: &mut Findings) -> Result<(), Wrong> {
        let entries = map(&CHECK_TCP, node, out)?;
        for entry in entries {
            if !self.tcp.take(entry, out) {
                CHECK_TCP.unknown_key(entry, entries, out);
            }
        }
        Ok(())
    }

    /// A list of checks, each with a type of its own.
    fn read_each(&mut self, node: &Node<'_>, out: &mut Findings) -> Result<(), Wrong> {
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
            let item = Self::read("a check of the list", node, out);
            match item.kind {
                Setting::Wrong => result = Err(Wrong),
                Setting::Set(Kind::None | Kind::Several, span) => {
                    let finding = Finding::new(span, "a list of checks has neither lists nor none");
                    out.push(finding.help(SEVERAL));
                    result = Err(Wrong);
                }
                Setting::Unset => {
                    let finding = Finding::new(node.span, "a check of a list needs a type");
                    out.push(finding.help(SEVERAL));
                    result = Err(Wrong);
                }
                Setting::Set(..) => self.each.push(item),
            }
        }
        result
    }

    /// The checks of a server, from all layers, the innermost first. They share with the servers before what is the
    /// same.
    pub(super) fn resolve(
        layers: &[&Self],
        subject: &Subject,
        server: ServerKey,
        shared: &mut Shared,
        out: &mut Findings,
    ) -> Result<Checks, Wrong> {
        let kind = innermost(layers, |layer| &layer.kind)?;
        let need = innermost(layers, |layer| &layer.need)?;
        let several = kind.filter(|kind| *kind.value == Kind::Several);
        let Some(several) = several else {
            if let Some(need) = need
                && kind.is_none_or(|kind| need.layer <= kind.layer)
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
            let layers: Vec<&Self> = std::iter::once(item)
                .chain(layers.iter().copied())
                .collect();
            let check = Self::one(&layers, subject, server, shared, out)?;
            if check
                .as_ref()
                .is_some_and(|check| each.iter().any(|it| it.probe == check.probe))
            {
                let span = item.span.unwrap_or(several.span);
                out.push(subject.finding(span, "the list has this check twice"));
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

    /// One check of a server; `None` when there is none.
    fn one(
        layers: &[&Self],
        subject: &Subject,
        server: ServerKey,
        shared: &mut Shared,
        out: &mut Findings,
    ) -> Result<Option<Check>, Wrong> {
        let kind = innermost(layers, |layer| &layer.kind)?;
        let kind = kind.map(|found| (*found.value, found.span));
        let targets: fn(&Self) -> &TargetLayer = match kind {
            Some((Kind::None | Kind::Several, _)) => return Ok(None),
            Some((Kind::Tcp, _)) | None => |layer| &layer.tcp,
            Some((Kind::Http, _)) => |layer| &layer.http.target,
            Some((Kind::Amqp, _)) => |layer| &layer.amqp.target,
            Some((Kind::Rabbitmq, _)) => |layer| &layer.rabbitmq.target,
        };
        let written = kind.map(|(_, span)| span).or_else(|| {
            let mut spans = layers.iter().filter_map(|layer| layer.span);
            spans.find(|span| subject.span.contains(*span))
        });
        let targets: Vec<&TargetLayer> = layers.iter().map(|layer| targets(layer)).collect();
        let own = own_port(&subject.key, server);
        let usual = match kind {
            Some((Kind::Rabbitmq, _)) => Some(RabbitmqProbe::PORT),
            Some((Kind::None | Kind::Several | Kind::Tcp | Kind::Http | Kind::Amqp, _)) | None => {
                own
            }
        };
        let Some(target) = target(&targets, usual, written, subject, server, out)? else {
            return Ok(None);
        };
        let paths: Vec<&PathLayer> = layers.iter().map(|layer| &layer.path).collect();
        let path = PathLayer::resolve(&paths, subject, target.ip(), out)?;
        let schedule = CheckSchedule {
            interval: innermost_or(layers, |layer| &layer.interval, SCHEDULE.interval)?,
            timeout: innermost_or(layers, |layer| &layer.timeout, SCHEDULE.timeout)?,
            rise: innermost_or(layers, |layer| &layer.rise, SCHEDULE.rise)?,
            fall: innermost_or(layers, |layer| &layer.fall, SCHEDULE.fall)?,
            retry_delay: innermost_or(layers, |layer| &layer.retry_delay, SCHEDULE.retry_delay)?,
        };
        let kind = match kind {
            Some((Kind::Http, _)) => {
                let layers: Vec<&HttpLayer> = layers.iter().map(|layer| &layer.http).collect();
                let http = HttpLayer::resolve(&layers, subject, out)?;
                ProbeKind::Http(share(&mut shared.http, http))
            }
            Some((Kind::Amqp, _)) => {
                let layers: Vec<&AmqpLayer> = layers.iter().map(|layer| &layer.amqp).collect();
                let amqp = AmqpLayer::resolve(&layers, subject, out)?;
                ProbeKind::Amqp(share(&mut shared.amqp, amqp))
            }
            Some((Kind::Rabbitmq, _)) => {
                let layers: Vec<&RabbitmqLayer> =
                    layers.iter().map(|layer| &layer.rabbitmq).collect();
                let rabbitmq = RabbitmqLayer::resolve(&layers, own, subject, out)?;
                ProbeKind::Rabbitmq(share(&mut shared.rabbitmq, rabbitmq))
            }
            Some((Kind::Tcp | Kind::None | Kind::Several, _)) | None => ProbeKind::Tcp,
        };
        let probe = Probe { kind, target, path };
        let schedule = share(&mut shared.schedule, schedule);
        Ok(Some(Check { probe, schedule }))
    }
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

/// A port.
pub(super) fn port(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<u16, Wrong> {
    let port = integer(name, node, 1..=65_535, None, out)?;
    u16::try_from(port).map_err(|_| Wrong)
}

/// The target of a server's check; `None` when nothing checks it.
///
/// A check without a port is left out. It is an error when the file names a type, or has the check at this service or
/// server: then somebody wants it to run. `written` is where it does. `usual` is the port when none is named.
fn target(
    layers: &[&TargetLayer],
    usual: Option<u16>,
    written: Option<Span>,
    subject: &Subject,
    server: ServerKey,
    out: &mut Findings,
) -> Result<Option<SocketAddr>, Wrong> {
    let port = innermost(layers, |layer| &layer.port)?;
    let to = port.map(|found| *found.value);
    let Some(to) = to.or(usual) else {
        let Some(span) = written else {
            return Ok(None);
        };
        out.push(needs_port(span, subject, server));
        return Err(Wrong);
    };
    let address = innermost(layers, |layer| &layer.address)?;
    let target = SocketAddr::new(address.map_or(server.address, |found| *found.value), to);
    if is_the_service(&subject.key, target) {
        let spans = [
            address.map(|found| found.span),
            port.map(|found| found.span),
        ];
        let span = spans.into_iter().flatten().next().or(written);
        let message = format!("a check of {target} would ask the virtual service itself");
        let help =
            "write check: {tcp: {address: 10.0.0.5}} with an address of the server, or check: none";
        out.push(
            subject
                .finding(span.unwrap_or(subject.span), message)
                .help(help),
        );
        return Err(Wrong);
    }
    Ok(Some(target))
}

/// Whether a connection to `target` goes to this service: then any of its servers may answer.
fn is_the_service(service: &ServiceKey, target: SocketAddr) -> bool {
    match *service {
        ServiceKey::Address {
            protocol: Protocol::Tcp,
            address,
            port,
        } => address == target.ip() && (port == target.port() || port == 0),
        ServiceKey::Address { .. } | ServiceKey::Fwmark { .. } => false,
    }
}

/// The port of a TCP check that names no port.
fn own_port(service: &ServiceKey, server: ServerKey) -> Option<u16> {
    let tcp = matches!(
        service,
        ServiceKey::Address {
            protocol: Protocol::Tcp,
            ..
        }
    );
    Some(server.port).filter(|port| tcp && *port != 0)
}

fn needs_port(span: Span, subject: &Subject, server: ServerKey) -> Finding {
    let why = match subject.key {
        ServiceKey::Fwmark { .. } => "a fwmark service has no port of its own".to_owned(),
        ServiceKey::Address { .. } if server.port == 0 => "the service has every port".to_owned(),
        ServiceKey::Address { protocol, .. } => format!("the service is {protocol}"),
    };
    let message = format!("a check needs a port here: {why}");
    let help = "write check: {tcp: {port: 5672}}, or check: none";
    subject.finding(span, message).help(help)
}
