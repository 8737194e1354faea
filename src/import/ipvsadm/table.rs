// SPDX-License-Identifier: MIT OR Apache-2.0
//! The table that the lines make, with the comments between them.

use std::collections::HashMap;
use std::mem;

use super::super::Reading;
use super::super::document::{Entry, Item};
use super::super::refuse::in_service;
use super::super::service::{Server, Service};
use crate::diagnostic::{Finding, Findings, Span};
use crate::model::{Granularity, RealServer, ServerKey, ServiceKey, ServiceSettings};

/// Services and servers in the order of their lines.
#[derive(Debug, Default)]
pub(super) struct Table {
    services: Vec<(Service, Span)>,
    /// Where each service is in the list.
    places: HashMap<ServiceKey, usize>,
    servers: HashMap<(ServiceKey, ServerKey), Span>,
    /// Comments for the next line.
    before: Vec<String>,
}

impl Table {
    pub(super) const fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// Keeps a comment; an empty line is none.
    pub(super) fn remark(&mut self, line: &str) {
        let line = line.trim();
        if let Some(comment) = line.strip_prefix('#') {
            self.before.push(comment.trim().to_owned());
        }
    }

    pub(super) fn clear(&mut self, place: Span, out: &mut Findings) {
        if !self.is_empty() {
            let message = "this takes away all services above it";
            out.push(Finding::warning(place, message));
        }
        *self = Self::default();
    }

    pub(super) fn add_service(
        &mut self,
        key: ServiceKey,
        settings: ServiceSettings,
        line: &str,
        place: Span,
        out: &mut Findings,
    ) {
        if let Some(known) = self.places.get(&key) {
            let first = self.services.get(*known).map_or(place, |(_, first)| *first);
            out.push(Finding::new(place, format!("{key} is there already")).first(first));
            return;
        }
        let says_more = settings.granularity != Granularity::Single || settings.engine.is_some();
        if settings.persistence.is_none() && says_more {
            let message = "-M and --pe mean nothing without -p, and are left out";
            out.push(Finding::warning(place, message));
        }
        self.places.insert(key, self.services.len());
        let mut service = Service::new(key, settings);
        service.before = mem::take(&mut self.before);
        service.remark = behind(line);
        self.services.push((service, place));
    }

    pub(super) fn add_server(
        &mut self,
        key: ServiceKey,
        at: ServerKey,
        real: RealServer,
        line: &str,
        place: Span,
        out: &mut Findings,
    ) {
        let known = self.places.get(&key);
        let Some((service, _)) = known.and_then(|known| self.services.get_mut(*known)) else {
            let finding = Finding::new(place, format!("no line above makes the service {key}"));
            out.push(finding.help("save the whole table: ipvsadm -Sn"));
            return;
        };
        if let Some(first) = self.servers.insert((key, at), place) {
            out.push(Finding::new(place, format!("{at} of {key} is there already")).first(first));
            return;
        }
        let mut server = Server::new(portless(key, at, real, line, place, out), real);
        server.before = mem::take(&mut self.before);
        server.remark = behind(line);
        service.servers.push(server);
    }

    /// The services as items, and what our own reader would refuse of them.
    pub(super) fn write(
        self,
        defaults: &[Entry],
        items: &mut Vec<Item>,
        reading: &mut Reading<'_>,
    ) {
        for (service, place) in self.services {
            reading.origins.add_service(service.key, place);
            let item = service.item();
            in_service(&item, defaults, place, reading.out);
            items.push(item);
        }
    }
}

/// A comment behind the words of a line.
fn behind(line: &str) -> Option<String> {
    let at = line.find(" #").or_else(|| line.find("\t#"))?;
    let comment = line.get(at + 2..)?.trim();
    (!comment.is_empty()).then(|| comment.to_owned())
}

/// The server as our file names it. One of a fwmark service keeps the packet's port, unless it is masqueraded. One of an
/// address service has the service's port then, whatever its line says: `ipvsadm` itself puts that port in its place.
fn portless(
    service: ServiceKey,
    at: ServerKey,
    real: RealServer,
    line: &str,
    place: Span,
    out: &mut Findings,
) -> ServerKey {
    if !real.forwarding.keeps_port() {
        return at;
    }
    let is_marked = matches!(service, ServiceKey::Fwmark { .. });
    let (message, help) = if is_marked {
        if at.port == 0 {
            return at;
        }
        (
            format!(
                "the port {} means nothing: packets keep their own port in a fwmark service",
                at.port
            ),
            "the director makes this server anew, without a port",
        )
    } else {
        let Some(port) = written_port(line).filter(|port| *port != at.port) else {
            return at;
        };
        (
            format!(
                "the port {port} means nothing: ipvsadm makes this server with port {}",
                at.port
            ),
            "-g and -i cannot change the port of a packet, and the kernel sends it to the service's; -m can",
        )
    };
    out.push(Finding::warning(place, message).help(help));
    let port = if is_marked { 0 } else { at.port };
    ServerKey::new(at.address, port)
}

/// The port that a line names behind `-r`; `None` without one, and for 0.
fn written_port(line: &str) -> Option<u16> {
    let mut words = line.split_whitespace();
    let server = loop {
        let word = words.next()?;
        match word.strip_prefix("--real-server") {
            Some("") => break words.next()?,
            Some(rest) => break rest.strip_prefix('=')?,
            None => match word.strip_prefix("-r") {
                Some("") => break words.next()?,
                Some(rest) => break rest,
                None => {}
            },
        }
    };
    let (address, port) = server.rsplit_once(':')?;
    let is_whole = address.starts_with('[') == address.ends_with(']');
    let port = port.parse().ok().filter(|port| *port != 0);
    port.filter(|_| is_whole)
}
