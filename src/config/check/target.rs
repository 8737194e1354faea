// SPDX-License-Identifier: MIT OR Apache-2.0
//! Where the probes of a check go: `address` and `port`.

use std::net::{IpAddr, SocketAddr};

use super::kind::Kind;
use crate::config::address;
use crate::config::setting::{Setting, Subject, innermost};
use crate::config::tree::Entry;
use crate::config::value::port;
use crate::diagnostic::{Finding, Findings, Span, Wrong};
use crate::model::{ServerKey, ServiceKey};

/// Where a kind of check goes, in one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct TargetLayer {
    port: Setting<u16>,
    address: Setting<IpAddr>,
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

/// The port of a check that names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UsualPort {
    /// This one.
    Is(u16),
    /// The server's, and it has none.
    OfService,
    /// Every agent has its own.
    OfAgent,
}

/// The target of a server's check; `None` when nothing checks it.
///
/// A check without a port is left out. It is an error when the file names a type, or has the check at this service or
/// server: then somebody wants it to run. `written` is where it does. `usual` is used when no port is named.
pub(super) fn target(
    kind: Kind,
    layers: &[&TargetLayer],
    usual: UsualPort,
    written: Option<Span>,
    subject: &Subject,
    server: ServerKey,
    out: &mut Findings,
) -> Result<Option<SocketAddr>, Wrong> {
    let port = innermost(layers, |layer| &layer.port)?;
    let to = port.map(|found| *found.value);
    let to = match (to, usual, written) {
        (Some(port), _, _) | (None, UsualPort::Is(port), _) => port,
        (None, UsualPort::OfService | UsualPort::OfAgent, None) => return Ok(None),
        (None, UsualPort::OfService, Some(span)) => {
            out.push(needs_port(kind, span, subject, server));
            return Err(Wrong);
        }
        (None, UsualPort::OfAgent, Some(span)) => {
            let message = "a check by an agent needs its port";
            let help = "write check: {agent: {port: 9999}}";
            out.push(subject.finding(span, message).help(help));
            return Err(Wrong);
        }
    };
    let address = innermost(layers, |layer| &layer.address)?;
    let target = SocketAddr::new(address.map_or(server.address, |found| *found.value), to);
    if is_the_service(kind, &subject.key, target) {
        let spans = [
            address.map(|found| found.span),
            port.map(|found| found.span),
        ];
        let span = spans.into_iter().flatten().next().or(written);
        let asked = match target.port() {
            0 => target.ip().to_string(),
            _ => target.to_string(),
        };
        let message = format!("a check of {asked} would ask the virtual service itself");
        let help = format!(
            "write check: {{{}: {{address: 10.0.0.5}}}} with an address of the server, or check: none",
            kind.word()
        );
        out.push(
            subject
                .finding(span.unwrap_or(subject.span), message)
                .help(help),
        );
        return Err(Wrong);
    }
    Ok(Some(target))
}

/// Whether a probe of `target` goes to this service: then any of its servers may answer.
fn is_the_service(kind: Kind, service: &ServiceKey, target: SocketAddr) -> bool {
    match *service {
        ServiceKey::Address {
            protocol,
            address,
            port,
        } => {
            // A target without a port is a whole host.
            let is_its_port = port == target.port() || port == 0 || target.port() == 0;
            kind.speaks(protocol) && address == target.ip() && is_its_port
        }
        ServiceKey::Fwmark { .. } => false,
    }
}

/// The server's own port, if it has one and such a check can go there.
pub(super) fn own_port(kind: Kind, service: &ServiceKey, server: ServerKey) -> Option<u16> {
    let fits = service.protocol().is_some_and(|it| kind.speaks(it));
    Some(server.port).filter(|port| fits && *port != 0)
}

fn needs_port(kind: Kind, span: Span, subject: &Subject, server: ServerKey) -> Finding {
    let why = match subject.key {
        ServiceKey::Fwmark { .. } => "a fwmark service has no port of its own".to_owned(),
        ServiceKey::Address { .. } if server.port == 0 => "the service has every port".to_owned(),
        ServiceKey::Address { protocol, .. } => format!("the service is {protocol}"),
    };
    let message = format!("a check needs a port here: {why}");
    let help = format!(
        "write check: {{{}: {{port: 5672}}}}, or check: none",
        kind.word()
    );
    subject.finding(span, message).help(help)
}
