// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real servers: an address, and settings in three layers.

use std::sync::Arc;

use super::address::{self, Address};
use super::check::{CheckLayer, CheckedServer, NamedChecks, Shared};
use super::drain::DrainLayer;
use super::section::SERVER;
use super::setting::{Found, Setting, Subject, innermost, innermost_or};
use super::slow_start::{self, SlowStartSetting};
use super::tree::{Entry, Node, Value};
use super::tunnel::TunnelLayer;
use super::value::{boolean, choice, integer, map};
use crate::diagnostic::{Finding, Findings, Span, Wrong};
use crate::model::{
    AddressFamily, Checks, ConfiguredServer, ForwardingMethod, Rank, RealServer, ServerKey,
    ServiceKey, ServiceSettings, Thresholds, Weight,
};

/// The real-server settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct ServerLayer {
    forwarding: Setting<Forwarding>,
    /// How packets are wrapped.
    pub(super) tunnel: TunnelLayer,
    weight: Setting<Weight>,
    upper_threshold: Setting<u32>,
    lower_threshold: Setting<u32>,
    inhibit_on_failure: Setting<bool>,
    drain: Option<Box<DrainLayer>>,
    slow_start: SlowStartSetting,
    /// One of its own, or one that others have by its name, too.
    check: Option<Arc<CheckLayer>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forwarding {
    DirectRouting,
    Masquerading,
    Tunneling,
}

const FORWARDING: [(&str, Forwarding); 3] = [
    ("dr", Forwarding::DirectRouting),
    ("nat", Forwarding::Masquerading),
    ("tun", Forwarding::Tunneling),
];
/// The long words, and ipvsadm's.
const OTHER_FORWARDING: [(&str, &str); 12] = [
    ("direct-routing", "dr"),
    ("direct routing", "dr"),
    ("gatewaying", "dr"),
    ("route", "dr"),
    ("-g", "dr"),
    ("masquerading", "nat"),
    ("masq", "nat"),
    ("-m", "nat"),
    ("tunneling", "tun"),
    ("tunnel", "tun"),
    ("ipip", "tun"),
    ("-i", "tun"),
];

impl ServerLayer {
    /// Reads a key if it is a server's setting, and returns whether it is.
    pub(super) fn take(
        &mut self,
        entry: &Entry<'_>,
        named: &NamedChecks,
        out: &mut Findings,
    ) -> bool {
        const THRESHOLD: Option<&str> = Some("0 means no threshold");
        let (name, node) = (&*entry.key, &entry.value);
        let largest = Weight::MAX.get();
        match name {
            "forwarding" => {
                let method = choice(name, node, &FORWARDING, &OTHER_FORWARDING, out);
                self.forwarding = Setting::read(node, method);
            }
            "tunnel" => self.tunnel = TunnelLayer::read(node, out),
            "weight" => {
                let weight = integer(name, node, 0..=largest, Some("0 quiesces the server"), out);
                let weight = weight.and_then(|weight| Weight::new(weight).ok_or(Wrong));
                self.weight = Setting::read(node, weight);
            }
            "upper_threshold" => {
                let number = integer(name, node, 0..=largest, THRESHOLD, out);
                self.upper_threshold = Setting::read(node, number);
            }
            "lower_threshold" => {
                let number = integer(name, node, 0..=largest, THRESHOLD, out);
                self.lower_threshold = Setting::read(node, number);
            }
            "inhibit_on_failure" => {
                self.inhibit_on_failure = Setting::read(node, boolean(name, node, out));
            }
            "drain" => self.drain = Some(Box::new(DrainLayer::read(name, node, out))),
            "slow_start" => self.slow_start = slow_start::read(name, node, out),
            "check" => self.check = Some(CheckLayer::read(name, node, named, out)),
            _ => return false,
        }
        true
    }
}

/// A real server as one item of a list.
#[derive(Debug, Clone)]
pub(super) struct ServerItem {
    /// The address, and its place.
    pub(super) address: Address,
    /// Where the address stands.
    pub(super) span: Span,
    /// What it is in its service.
    pub(super) rank: Rank,
    /// The server's own settings.
    layer: ServerLayer,
}

impl ServerItem {
    /// An address, or a map with one.
    pub(super) fn read(
        node: &Node<'_>,
        named: &NamedChecks,
        out: &mut Findings,
    ) -> Result<Self, Wrong> {
        let mut layer = ServerLayer::default();
        let mut address = None;
        let mut rank = Rank::Primary;
        if let Value::Map(_) = node.value {
            let entries = map(&SERVER, node, out)?;
            for entry in entries {
                if &*entry.key == "address" {
                    address = Some(&entry.value);
                } else if &*entry.key == "backup" {
                    if boolean(&entry.key, &entry.value, out)? {
                        rank = Rank::Backup;
                    }
                } else if !layer.take(entry, named, out) {
                    SERVER.unknown_key(entry, entries, out);
                }
            }
        } else {
            address = Some(node);
        }
        let Some(node) = address else {
            let finding = Finding::new(node.span, "a real server needs an address");
            out.push(finding.help("write {address: 192.0.2.21, weight: 1}"));
            return Err(Wrong);
        };
        Ok(Self {
            address: address::read("address", node, out)?,
            span: node.span,
            rank,
            layer,
        })
    }

    /// The identity of this server in a service: the port is the service's unless it has its own.
    pub(super) fn key(&self, service: &ServiceKey) -> ServerKey {
        let port = self.address.port.or(service.port()).unwrap_or(0);
        ServerKey::new(self.address.ip, port)
    }

    /// This server in a service. `outer` has the service's own layer, then its defaults.
    pub(super) fn resolve(
        &self,
        outer: [&ServerLayer; 2],
        (subject, settings): (&Subject, &ServiceSettings),
        shared: &mut Shared,
        out: &mut Findings,
    ) -> Result<ConfiguredServer, Wrong> {
        let [service, defaults] = outer;
        let layers = [&self.layer, service, defaults];
        let key = self.key(&subject.key);
        let forwarding = self.forwarding(&layers, subject, out);
        let server = CheckedServer { key, forwarding };
        let thresholds = thresholds(&layers, subject, out);
        let checks = layers.iter().filter_map(|layer| layer.check.as_deref());
        let checks: Vec<&CheckLayer> = checks.collect();
        // The checks of the service ask for what a sorry server does not have.
        let checks = if self.rank == Rank::Sorry && self.layer.check.is_none() {
            Ok(Checks::NONE)
        } else {
            CheckLayer::resolve(&checks, subject, server, shared, out)
        };
        let drains = layers.iter().filter_map(|layer| layer.drain.as_deref());
        let drains: Vec<&DrainLayer> = drains.collect();
        let weight = innermost_or(&layers, |layer| &layer.weight, Weight::ONE)?;
        // One that stands in is needed at once.
        let slow_start = match self.rank {
            Rank::Primary => {
                let found = innermost(&layers, |layer| &layer.slow_start)?;
                slow_start::resolve(found, settings, weight, subject, out)
            }
            Rank::Backup | Rank::Sorry => Ok(None),
        };
        Ok(ConfiguredServer {
            real_server: RealServer {
                forwarding: forwarding?,
                weight,
                thresholds: thresholds?,
            },
            checks: checks?,
            inhibit_on_failure: innermost_or(&layers, |layer| &layer.inhibit_on_failure, false)?,
            rank: self.rank,
            drain: DrainLayer::resolve(&drains)?,
            slow_start: slow_start?,
        })
    }

    fn forwarding(
        &self,
        layers: &[&ServerLayer; 3],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<ForwardingMethod, Wrong> {
        let method = innermost_or(layers, |layer| &layer.forwarding, Forwarding::DirectRouting)?;
        let port = self.check_port(method, subject, out);
        let family = self.check_family(method, subject, out);
        let method = match method {
            Forwarding::DirectRouting => Ok(ForwardingMethod::DirectRouting),
            Forwarding::Masquerading => Ok(ForwardingMethod::Masquerading),
            Forwarding::Tunneling => {
                let tunnels = layers.map(|layer| &layer.tunnel);
                TunnelLayer::resolve(&tunnels, subject, out).map(ForwardingMethod::Tunneling)
            }
        };
        if let (Some(span), Ok(ForwardingMethod::DirectRouting | ForwardingMethod::Masquerading)) =
            (self.layer.tunnel.span, method)
        {
            let finding = subject.finding(span, "tunnel is only for forwarding: tun");
            out.push(finding.help("set forwarding: tun beside it, or remove it"));
            return Err(Wrong);
        }
        port.and(family).and(method)
    }

    fn check_port(
        &self,
        method: Forwarding,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<(), Wrong> {
        let port = self.key(&subject.key).port;
        let service = subject.key.port();
        let word = match method {
            Forwarding::DirectRouting => "direct routing",
            Forwarding::Tunneling => "tunneling",
            Forwarding::Masquerading if port == 0 && service.is_some_and(|port| port != 0) => {
                let finding = subject.finding(self.span, "port must be 1 to 65535, got 0");
                out.push(finding.help("leave it out to use the virtual service's port"));
                return Err(Wrong);
            }
            Forwarding::Masquerading => return Ok(()),
        };
        let message = match service {
            Some(service) if service != port => {
                format!("port {port} is not the virtual service's port {service}")
            }
            None if port != 0 => format!("port {port} given for a fwmark service"),
            Some(_) | None => return Ok(()),
        };
        let help = format!("{word} cannot change the port: leave it out, or use forwarding: nat");
        out.push(subject.finding(self.span, message).help(help));
        Err(Wrong)
    }

    fn check_family(
        &self,
        method: Forwarding,
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<(), Wrong> {
        let own = AddressFamily::of(self.address.ip);
        let service = subject.key.family();
        if own == service || method == Forwarding::Tunneling {
            return Ok(());
        }
        let message = format!("{own} real server of an {service} service");
        let finding = subject.finding(self.span, message);
        out.push(
            finding.help("only forwarding: tun can reach a server of the other address family"),
        );
        Err(Wrong)
    }
}

fn thresholds(
    layers: &[&ServerLayer; 3],
    subject: &Subject,
    out: &mut Findings,
) -> Result<Thresholds, Wrong> {
    let upper = innermost(layers, |layer| &layer.upper_threshold)?;
    let lower = innermost(layers, |layer| &layer.lower_threshold)?;
    let value = |found: Option<Found<&u32>>| found.map_or(0, |found| *found.value);
    let thresholds = Thresholds {
        upper: value(upper),
        lower: value(lower),
    };
    if thresholds.lower <= thresholds.upper {
        return Ok(thresholds);
    }
    let inner = match (upper, lower) {
        (Some(upper), Some(lower)) if upper.layer < lower.layer => Some(upper),
        _ => lower,
    };
    let span = inner.map_or(subject.span, |found| found.span);
    let Thresholds { upper, lower } = thresholds;
    let message = format!("lower_threshold {lower} is above upper_threshold {upper}");
    out.push(
        subject
            .finding(span, message)
            .help("lower_threshold must not be above upper_threshold"),
    );
    Err(Wrong)
}
