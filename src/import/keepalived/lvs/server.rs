// SPDX-License-Identifier: MIT OR Apache-2.0
//! `real_server` and `sorry_server`.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use super::checker::{self, Around, Check, Ssl};
use super::group::address;
use super::method::Method;
use super::timing::Timing;
use crate::diagnostic::{Finding, Findings, Span};
use crate::import::Surroundings;
use crate::import::document::{Entry, Item, Value};
use crate::import::keepalived::keywords::{Block, look};
use crate::import::keepalived::value::{number, only, switch, too_many};
use crate::import::statement::{Statement, Word};

/// What a real server has from its virtual server and the file.
#[derive(Clone, Copy)]
pub(super) struct Outer<'a> {
    pub(super) timing: Timing,
    pub(super) host: Option<&'a str>,
    pub(super) user: Option<&'a str>,
    pub(super) ssl: &'a Ssl,
    pub(super) files: &'a HashMap<Box<str>, Box<str>>,
    pub(super) surroundings: &'a dyn Surroundings,
    /// The addresses of all services of the file.
    pub(super) vips: &'a HashSet<IpAddr>,
}

/// A real server.
#[derive(Debug, Clone)]
pub(super) struct Real {
    pub(super) address: IpAddr,
    /// 0 when none is written.
    pub(super) port: u16,
    pub(super) span: Span,
    pub(super) weight: Option<u32>,
    pub(super) method: Option<Method>,
    pub(super) inhibit: Option<bool>,
    upper: Option<u32>,
    lower: Option<u32>,
    pub(super) checks: Vec<Check>,
    /// In lines above it.
    before: Vec<String>,
    /// Behind it.
    behind: Option<String>,
}

/// The keys of a server that are not the same for all servers of its service.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) weight: Option<u32>,
    pub(super) method: Option<Method>,
    pub(super) inhibit: Option<bool>,
    pub(super) check: Option<Value>,
}

impl Real {
    /// Reads `real_server IP [port] { .. }`.
    pub(super) fn read(
        statement: &Statement,
        outer: &Outer<'_>,
        out: &mut Findings,
    ) -> Option<Self> {
        let (address, port) = endpoint(statement, out)?;
        let mut real = Self {
            address,
            port,
            span: statement.span(),
            weight: None,
            method: None,
            inhibit: None,
            upper: None,
            lower: None,
            checks: Vec::new(),
            before: comments(statement),
            behind: statement.remarks.behind.as_deref().map(str::to_owned),
        };
        let (mut timing, mut host, mut checkers) = (Timing::default(), None, Vec::new());
        for line in statement.block.iter().flatten() {
            let Some(keyword) = look(line, Block::RealServer, out) else {
                continue;
            };
            match keyword.today() {
                "weight" => real.weight = weight(line, out),
                "lvs_method" => real.method = Method::read(line, out),
                "uthreshold" => real.upper = weight(line, out),
                "lthreshold" => real.lower = weight(line, out),
                "inhibit_on_failure" => real.inhibit = switch(line, out),
                "virtualhost" => host = only(line, out),
                name if timing.take(name, line, out) => {}
                _ => checkers.push((keyword, line)),
            }
        }
        let around = Around {
            timing: timing.within(outer.timing),
            host: host.map(|word| &*word.text).or(outer.host),
            port,
            user: outer.user,
            ssl: outer.ssl,
            files: outer.files,
            surroundings: outer.surroundings,
            vips: outer.vips,
            server: address,
        };
        if let Some(word) = host.filter(|_| !asks_for_pages(statement)) {
            tell_of_host(word, out);
        }
        for (keyword, line) in checkers {
            let checks = checker::read(keyword, line, &around, out);
            for check in checks.into_iter().flatten() {
                // What is too much anyway is not compared.
                if checker::is_full(&real.checks) {
                    real.checks.push(check);
                } else if real.checks.iter().any(|known| known.asks_the_same(&check)) {
                    let what = "another check of this server asks the same: this one is left out";
                    let finding = Finding::warning(line.keyword.span, what);
                    out.push(finding.help("one answer is enough"));
                } else {
                    real.checks.push(check);
                }
            }
        }
        checker::count(&real.checks, real.span, out);
        real.tell_of_thresholds(out);
        Some(real)
    }

    fn tell_of_thresholds(&mut self, out: &mut Findings) {
        let upper = self.upper.unwrap_or(0);
        if self.lower.is_some_and(|lower| lower > upper) {
            let what = "lthreshold above uthreshold is left out";
            let finding = Finding::warning(self.span, what);
            out.push(finding.help("the kernel compares both with the number of connections"));
            self.lower = None;
        }
    }

    /// The port of its packets with this method, for a service with this port; `None` for the service's own.
    pub(super) fn own_port(&self, method: Method, service_port: Option<u16>) -> Option<u16> {
        let is_own = self.port != 0 && service_port != Some(self.port);
        (is_own && !method.keeps_ports()).then_some(self.port)
    }

    /// An element of `servers`.
    pub(super) fn item(&self, port: Option<u16>, own: &Own) -> Item {
        let address = match port {
            Some(port) => Value::text(SocketAddr::new(self.address, port)),
            None => Value::text(self.address),
        };
        let mut keys = vec![Entry::new("address", address)];
        let mut put = |key: &str, value: Option<Value>| {
            keys.extend(value.map(|value| Entry::new(key, value)));
        };
        put("weight", own.weight.map(Value::word));
        put(
            "upper_threshold",
            self.upper.filter(|it| *it > 0).map(Value::word),
        );
        put(
            "lower_threshold",
            self.lower.filter(|it| *it > 0).map(Value::word),
        );
        put("inhibit_on_failure", own.inhibit.map(Value::word));
        put("check", own.check.clone());
        keys.splice(1..1, own.method.into_iter().flat_map(Method::entries));
        let mut keys = keys.into_iter();
        let value = match (keys.next(), keys.len()) {
            (Some(address), 0) => address.value,
            (address, _) => Value::Map(address.into_iter().chain(keys).collect()),
        };
        Item {
            before: self.before.clone(),
            value,
            remark: self.behind.clone(),
        }
    }
}

/// Whether a server is checked by HTTP.
pub(super) fn asks_for_pages(server: &Statement) -> bool {
    let mut lines = server.block.iter().flatten();
    lines.any(|line| matches!(&*line.keyword.text, "HTTP_GET" | "SSL_GET"))
}

/// Says that a `virtualhost` means nothing.
pub(super) fn tell_of_host(word: &Word, out: &mut Findings) {
    let finding = Finding::note(
        word.span,
        "virtualhost has no effect: no HTTP_GET asks by it",
    );
    out.push(finding.help("it is left out"));
}

/// The sorry server.
#[derive(Debug, Clone)]
pub(super) struct Sorry {
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

impl Sorry {
    /// Reads `sorry_server IP [port]`.
    pub(super) fn read(statement: &Statement, out: &mut Findings) -> Option<Self> {
        let (address, port) = endpoint(statement, out)?;
        Some(Self { address, port })
    }

    /// The value of `sorry_server`. keepalived never checks it.
    pub(super) fn value(&self, service_port: Option<u16>, usual: Method, own: Method) -> Value {
        let is_own = self.port != 0 && service_port != Some(self.port) && !own.keeps_ports();
        let address = if is_own {
            Value::text(SocketAddr::new(self.address, self.port))
        } else {
            Value::text(self.address)
        };
        if own == usual {
            return address;
        }
        let address = Entry::new("address", address);
        Value::Map([address].into_iter().chain(own.entries()).collect())
    }
}

/// An address and a port; 0 when none is written.
fn endpoint(statement: &Statement, out: &mut Findings) -> Option<(IpAddr, u16)> {
    let Some(word) = statement.words.first() else {
        let what = format!("{} without an address", statement.keyword.text);
        out.error(statement.span(), what);
        return None;
    };
    too_many(statement, 2, out);
    let port = match statement.words.get(1) {
        Some(word) => number(word, 0..=u16::MAX, out)?,
        None => 0,
    };
    Some((address(word, out)?, port))
}

/// A weight, or another number that our configuration bounds in the same way.
pub(super) fn weight(line: &Statement, out: &mut Findings) -> Option<u32> {
    number(only(line, out)?, 0..=i32::MAX.unsigned_abs(), out)
}

/// What stands above a server and beside its lines.
fn comments(statement: &Statement) -> Vec<String> {
    let mut comments: Vec<String> = statement
        .remarks
        .before
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut inner: Vec<&Statement> = statement.block.iter().flatten().rev().collect();
    while let Some(line) = inner.pop() {
        comments.extend(line.remarks.before.iter().map(ToString::to_string));
        let keyword = &line.keyword.text;
        comments.extend(
            line.remarks
                .behind
                .iter()
                .map(|it| format!("{keyword}: {it}")),
        );
        inner.extend(line.block.iter().flatten().rev());
    }
    comments
}
