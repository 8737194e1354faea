// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checkers of a real server, one file for those that are more than a few keys.

mod dns;
mod file;
mod http;
mod payload;
mod program;
mod smtp;
mod ssl;

pub(super) use self::ssl::Ssl;

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use super::group::address;
use super::timing::{Timing, Usual};
use crate::diagnostic::{Finding, Findings, Severity, Span};
use crate::import::Surroundings;
use crate::import::document::{Entry, Item, Value};
use crate::import::keepalived::keywords::{Block, Keyword, look, not_carried_over};
use crate::import::keepalived::value::{number, only};
use crate::import::statement::Statement;
use crate::model::Protocol;

/// The most checks of one server.
const MOST: usize = 8;

/// What checkers need of the file around them.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    /// What the real server and its virtual server say.
    pub(super) timing: Timing,
    /// `virtualhost` of the real server or its virtual server.
    pub(super) host: Option<&'a str>,
    /// The port of the real server, as it is written; 0 is none.
    pub(super) port: u16,
    /// `script_user` of `global_defs`.
    pub(super) user: Option<&'a str>,
    /// The block `SSL`.
    pub(super) ssl: &'a Ssl,
    /// The paths of `track_file` blocks, by their names.
    pub(super) files: &'a HashMap<Box<str>, Box<str>>,
    pub(super) surroundings: &'a dyn Surroundings,
    /// The addresses of all services of the file.
    pub(super) vips: &'a HashSet<IpAddr>,
    /// The real server.
    pub(super) server: IpAddr,
}

/// What every checker that asks over the network may have.
#[derive(Debug, Clone, Default)]
struct Common {
    timing: Timing,
    address: Option<IpAddr>,
    port: Option<u16>,
    source: Option<(IpAddr, Span)>,
    interface: Option<Box<str>>,
    mark: Option<u32>,
}

impl Common {
    /// Takes a keyword of this kind; `false` when it is another one.
    fn take(&mut self, keyword: &Keyword, line: &Statement, out: &mut Findings) -> bool {
        let name = keyword.today();
        if self.timing.take(name, line, out) {
            return true;
        }
        if !matches!(
            name,
            "connect_ip" | "connect_port" | "bindto" | "bind_if" | "fwmark"
        ) {
            return false;
        }
        let Some(word) = only(line, out) else {
            return true;
        };
        match name {
            "connect_ip" => self.address = address(word, out),
            "connect_port" => self.port = number(word, 1..=u16::MAX, out),
            "bindto" => self.source = address(word, out).map(|it| (it, word.span)),
            "bind_if" => self.interface = Some(word.text.clone()),
            _ => self.mark = number(word, 1..=u32::MAX, out),
        }
        true
    }

    fn within(self, outer: &Self) -> Self {
        Self {
            timing: self.timing.within(outer.timing),
            address: self.address.or(outer.address),
            port: self.port.or(outer.port),
            source: self.source.or(outer.source),
            interface: self.interface.or_else(|| outer.interface.clone()),
            mark: self.mark.or(outer.mark),
        }
    }
}

/// One check of ours.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    kind: &'static str,
    /// The keys of the type, without the port.
    keys: Vec<Entry>,
    /// The port that is asked; `None` for a type that asks none.
    port: Option<u16>,
    /// The keys beside the type.
    beside: Vec<Entry>,
}

/// A check under way: what the lines of its block have said.
struct Draft<'a> {
    around: &'a Around<'a>,
    kind: &'static str,
    span: Span,
    common: Common,
    keys: Vec<Entry>,
    usual: Usual,
    timeout: Option<Duration>,
}

impl<'a> Draft<'a> {
    fn new(kind: &'static str, statement: &Statement, around: &'a Around<'a>) -> Self {
        Self {
            around,
            kind,
            span: statement.keyword.span,
            common: Common::default(),
            keys: Vec::new(),
            usual: Usual::MOST,
            timeout: None,
        }
    }

    /// Writes a key; of several lines the last one counts.
    fn key(&mut self, key: &str, value: Value) {
        self.keys.retain(|known| known.key != key);
        self.keys.push(Entry::new(key, value));
    }

    /// A check that asks a port.
    fn over_port(mut self, out: &mut Findings) -> Option<Check> {
        let port = self.common.port.unwrap_or(self.around.port);
        if port == 0 {
            let what = "this checker has no port to ask";
            let finding = Finding::new(self.span, what);
            out.push(finding.help("write connect_port, or a port behind the real server"));
            return None;
        }
        self.settle_source(out);
        Some(Check {
            port: Some(port),
            ..self.without_port()
        })
    }

    /// Takes an address away that no probe can come from.
    fn settle_source(&mut self, out: &mut Findings) {
        let Some((source, span)) = self.common.source else {
            return;
        };
        let asked = self.common.address.unwrap_or(self.around.server);
        let why = if source.is_ipv4() != asked.is_ipv4() {
            "it is of another family than the server"
        } else if self.around.vips.contains(&source) {
            "answers to a virtual address do not come back: the director chooses another one"
        } else {
            return;
        };
        self.common.source = None;
        out.push(Finding::warning(span, "bindto is not carried over").help(why));
    }

    fn without_port(mut self) -> Check {
        let Common {
            address,
            source,
            interface,
            mark,
            timing,
            ..
        } = self.common;
        if let Some(address) = address {
            self.keys
                .insert(0, Entry::new("address", Value::text(address)));
        }
        let timing = timing.within(self.around.timing);
        let mut beside = timing.entries(self.usual, self.timeout);
        let source = source.map(|(source, _)| Entry::new("source", Value::text(source)));
        let interface = interface.map(|name| Entry::new("interface", Value::text(name)));
        let mark = mark.map(|mark| Entry::new("fwmark", Value::word(mark)));
        beside.extend(source.into_iter().chain(interface).chain(mark));
        Check {
            kind: self.kind,
            keys: self.keys,
            port: None,
            beside,
        }
    }
}

/// The checks that a statement of a real server means; `None` when it is no checker.
pub(super) fn read(
    keyword: &Keyword,
    statement: &Statement,
    around: &Around<'_>,
    out: &mut Findings,
) -> Option<Vec<Check>> {
    let one = |check: Option<Check>| check.into_iter().collect();
    Some(match keyword.name {
        "TCP_CHECK" => one(plain("tcp", Block::TcpCheck, statement, around, out).over_port(out)),
        "PING_CHECK" => {
            let mut draft = plain("icmp", Block::PingCheck, statement, around, out);
            draft.settle_source(out);
            one(Some(draft.without_port()))
        }
        "HTTP_GET" => http::read("http", Block::HttpGet, statement, around, out),
        "SSL_GET" => http::read("https", Block::SslGet, statement, around, out),
        "SMTP_CHECK" => smtp::read(statement, around, out),
        "DNS_CHECK" => one(dns::read(statement, around, out)),
        "UDP_CHECK" => one(payload::read(statement, around, out)),
        "MISC_CHECK" => one(program::read(statement, around, out)),
        "FILE_CHECK" => one(file::read(statement, around, out)),
        "BFD_CHECK" => {
            let why = "the director speaks no BFD: a TCP check with a short interval finds a dead host, too";
            out.push(not_carried_over(statement, Severity::Warning, why));
            Vec::new()
        }
        _ => return None,
    })
}

/// A checker that has no keys of its own.
fn plain<'a>(
    kind: &'static str,
    block: Block,
    statement: &Statement,
    around: &'a Around<'a>,
    out: &mut Findings,
) -> Draft<'a> {
    let mut draft = Draft::new(kind, statement, around);
    for line in statement.block.iter().flatten() {
        if let Some(keyword) = look(line, block, out) {
            draft.common.take(keyword, line, out);
        }
    }
    draft
}

/// The port that is asked when none is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct UsualPort {
    /// Of the service.
    pub(super) protocol: Protocol,
    /// Of the server, or of its service.
    pub(super) port: Option<u16>,
}

impl UsualPort {
    /// Only a check that speaks the service's protocol asks it.
    fn of(self, kind: &str) -> Option<u16> {
        let protocol = match kind {
            "udp" | "dns" => Protocol::Udp,
            _ => Protocol::Tcp,
        };
        self.port.filter(|_| protocol == self.protocol)
    }
}

impl Check {
    /// Whether both send the same to the same place in the same way, at whatever times.
    pub(super) fn asks_the_same(&self, other: &Self) -> bool {
        let way = |check: &Self| {
            let keys = check.beside.iter();
            let keys = keys.filter(|it| matches!(&*it.key, "source" | "interface" | "fwmark"));
            keys.cloned().collect::<Vec<_>>()
        };
        let asked = |check: &Self| (check.kind, check.port);
        asked(self) == asked(other) && self.keys == other.keys && way(self) == way(other)
    }

    fn entries(&self, usual: UsualPort) -> Vec<Entry> {
        let mut keys = self.keys.clone();
        let usual = usual.of(self.kind);
        if let Some(port) = self.port.filter(|port| usual != Some(*port)) {
            keys.insert(0, Entry::new("port", Value::word(port)));
        }
        let kind = Entry::new(self.kind, Value::Map(keys));
        [kind]
            .into_iter()
            .chain(self.beside.iter().cloned())
            .collect()
    }
}

/// `check` of a server with these checkers: all must pass.
pub(super) fn value(checks: &[Check], usual: UsualPort) -> Value {
    match checks {
        [] => Value::word("none"),
        [check] => Value::Map(check.entries(usual)),
        checks => {
            let mut each: Vec<_> = checks.iter().map(|it| it.entries(usual)).collect();
            let first = each.first().cloned().unwrap_or_default();
            let is_common = |entry: &Entry| each.iter().all(|it| it.contains(entry));
            // The type of each stays with it.
            let common: Vec<_> = first.into_iter().skip(1).filter(is_common).collect();
            for entries in &mut each {
                entries.retain(|entry| !common.contains(entry));
            }
            let items = each
                .into_iter()
                .map(|it| Item::new(Value::Map(it)))
                .collect();
            let each = Entry::new("each", Value::List(items));
            Value::Map([each].into_iter().chain(common).collect())
        }
    }
}

/// Whether a server has more checks than it may have here.
pub(super) const fn is_full(checks: &[Check]) -> bool {
    checks.len() > MOST
}

/// Says so when a server has more checks than it may have here.
pub(super) fn count(checks: &[Check], span: Span, out: &mut Findings) {
    if is_full(checks) {
        let what = format!("{} checks of one server", checks.len());
        out.push(Finding::new(span, what).help(format!("at most {MOST}; each url is one")));
    }
}
