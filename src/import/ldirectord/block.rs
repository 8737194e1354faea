// SPDX-License-Identifier: MIT OR Apache-2.0
//! A virtual service of the file, with its servers.

use std::collections::HashMap;
use std::net::IpAddr;

use super::check::{Asked, Check};
use super::endpoint::{belongs, endpoint, fits};
use super::identity::{identity, settings};
use super::line::{Block, Directive, last};
use super::real::{Real, method, usable};
use super::timing::Given;
use super::unused::say_unused;
use super::wanted::{CheckType, Wanted};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::service::{Server, Service};
use crate::model::{AddressFamily, ForwardingMethod, RealServer, ServerKey, ServiceKey, Weight};

/// What stands at the top, and counts for every virtual service.
#[derive(Debug, Default)]
pub(super) struct Top {
    pub(super) given: Given,
    pub(super) quiescent: bool,
    pub(super) forks: bool,
    /// The fallback of each family.
    pub(super) fallbacks: [Option<Fallback>; 2],
}

/// A server that stands in.
#[derive(Debug, Clone)]
pub(super) struct Fallback {
    address: IpAddr,
    port: Option<u16>,
    forwarding: ForwardingMethod,
    at: Span,
}

/// A virtual service before its check is written.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) service: Service,
    pub(super) checks: Vec<Check>,
    pub(super) quiescent: bool,
    pub(super) at: Span,
}

impl Top {
    pub(super) fn read(directives: &[Directive], out: &mut Findings) -> Self {
        let mut switch = |name| last(directives, name).and_then(|it| it.switch(out));
        let quiescent = switch("quiescent").unwrap_or(false);
        let forks = switch("fork").unwrap_or(false);
        let fallback = |name| last(directives, name);
        let fallbacks = ["fallback", "fallback6"]
            .map(|name| fallback(name).and_then(|it| Fallback::read(it, out)));
        Self {
            given: Given::read(directives, out),
            quiescent,
            forks,
            fallbacks,
        }
    }
}

impl Fallback {
    fn read(directive: &Directive, out: &mut Findings) -> Option<Self> {
        let at = directive.at;
        let mut words = directive.value.split_whitespace();
        let (address, port) = endpoint(words.next().unwrap_or_default(), at, out)?;
        if !fits(directive.keyword.name, address, at, out) {
            return None;
        }
        let forwarding = method(words.next().unwrap_or("gate"), at, out)?;
        if let Some(word) = words.next() {
            out.error(at, format!("what does \"{}\" mean?", Shown(word)));
        }
        Some(Self {
            address,
            port,
            forwarding,
            at,
        })
    }

    fn server(&self, service: &ServiceKey, out: &mut Findings) -> Server {
        let port = self.port.unwrap_or(0);
        let key = ServerKey::new(self.address, port);
        let key = usable(key, self.forwarding, service, self.at, out);
        Server::new(key, RealServer::new(self.forwarding, Weight::ONE))
    }
}

/// The most servers of a file, as in our own.
const MOST: usize = 200_000;

/// The servers of a virtual service while they are read.
struct Servers<'w> {
    wanted: &'w Wanted,
    service: Service,
    checks: Vec<Check>,
    /// Where each stands.
    seen: HashMap<ServerKey, Span>,
}

impl Servers<'_> {
    /// Adds the servers of a line.
    fn add(&mut self, directive: &Directive, room: &mut usize, out: &mut Findings) {
        let key = self.service.key;
        let to_v6 = key.family() == AddressFamily::Ipv6;
        if !belongs(directive.keyword.name, to_v6, directive.whole, out) {
            return;
        }
        let Some(real) = Real::read(directive, out) else {
            return;
        };
        let Some(left) = room.checked_sub(real.addresses.len()) else {
            let message = format!("a file has at most {MOST} real servers");
            out.error(directive.at, message);
            return;
        };
        *room = left;
        let first = self.service.servers.len();
        for address in &real.addresses {
            if !fits(directive.keyword.name, *address, directive.at, out) {
                break;
            }
            self.add_one(*address, &real, directive, out);
        }
        if let Some(server) = self.service.servers.get_mut(first) {
            server.before.clone_from(&directive.before);
            server.remark.clone_from(&directive.behind);
        }
    }

    fn add_one(&mut self, address: IpAddr, real: &Real, directive: &Directive, out: &mut Findings) {
        let key = self.service.key;
        let written = ServerKey::new(address, real.port);
        let at = usable(written, real.settings.forwarding, &key, directive.at, out);
        if let Some(first) = self.seen.insert(at, directive.whole) {
            let message = format!("{address} is in this service already, and is left out");
            out.push(Finding::warning(directive.whole, message).first(first));
            return;
        }
        let asked = Asked {
            address,
            written_port: real.port,
            own_port: match at.port {
                0 => key.port().unwrap_or(0),
                port => port,
            },
            request: real.request.clone(),
            receive: real.receive.clone(),
        };
        self.checks.push(self.wanted.check(&asked, out));
        let made = if self.wanted.checktype == CheckType::Off {
            real.settings.at_rest()
        } else {
            real.settings
        };
        self.service.servers.push(Server::new(at, made));
    }
}

/// Reads a virtual service. `room` is how many servers the file may still have.
pub(super) fn read(block: &Block, top: &Top, room: &mut usize, out: &mut Findings) -> Option<Made> {
    let key = identity(block, out)?;
    let settings = settings(block, &key, out);
    let given = Given::read(&block.body, out);
    let times = given.times(top.given, top.forks);
    let identity = match key {
        ServiceKey::Address { address, port, .. } => (address.to_string(), port),
        ServiceKey::Fwmark { mark, .. } => (mark.to_string(), 0),
    };
    let wanted = Wanted::read(block, key.protocol(), identity, times, out);
    say_unused(block, &wanted, top.forks, out);
    let mut service = Service::new(key, settings);
    service.before = comments(block);
    service.remark.clone_from(&block.head.behind);
    let mut servers = Servers {
        wanted: &wanted,
        service,
        checks: Vec::new(),
        seen: HashMap::new(),
    };
    for directive in reals(block) {
        servers.add(directive, room, out);
    }
    let Servers {
        mut service,
        checks,
        ..
    } = servers;
    service.sorry = fallback(block, &key, top, out);
    let quiescent = last(&block.body, "quiescent").and_then(|it| it.switch(out));
    Some(Made {
        service,
        checks,
        quiescent: quiescent.unwrap_or(top.quiescent),
        at: block.head.whole,
    })
}

/// How many servers a file may have.
pub(super) const fn room() -> usize {
    MOST
}

fn reals(block: &Block) -> impl Iterator<Item = &Directive> {
    let directives = block.body.iter();
    directives.filter(|it| matches!(it.keyword.name, "real" | "real6"))
}

/// The comments of the service; those of its servers stand with them.
fn comments(block: &Block) -> Vec<String> {
    let mut lines = block.head.before.clone();
    let others = block.body.iter();
    let others = others.filter(|it| !matches!(it.keyword.name, "real" | "real6"));
    for directive in others {
        lines.extend(directive.before.iter().cloned());
        let name = directive.keyword.name;
        lines.extend(directive.behind.iter().map(|it| format!("{name}: {it}")));
    }
    lines
}

fn fallback(block: &Block, key: &ServiceKey, top: &Top, out: &mut Findings) -> Option<Server> {
    let own = last(&block.body, "fallback").or_else(|| last(&block.body, "fallback6"));
    let [v4, v6] = &top.fallbacks;
    let of_the_family = match key.family() {
        AddressFamily::Ipv4 => v4,
        AddressFamily::Ipv6 => v6,
    };
    let read = match own {
        Some(own) => {
            let to_v6 = key.family() == AddressFamily::Ipv6;
            let is_right = belongs(own.keyword.name, to_v6, own.whole, out);
            Fallback::read(own, out).filter(|_| is_right)
        }
        None => of_the_family.clone(),
    };
    read.map(|fallback| fallback.server(key, out))
}
