// SPDX-License-Identifier: MIT OR Apache-2.0
//! `virtual_server`: its lines, before they become services of ours.

use std::collections::HashMap;

use super::emit;
use super::group::{Endpoint, Groups, Placed, family};
use super::head::endpoints;
use super::method::{self, Method};
use super::persistence::Persistence;
use super::server::{Outer, Real, Sorry, asks_for_pages, tell_of_host, weight};
use super::timing::Timing;
use crate::diagnostic::{Finding, Findings, Severity, Span, nearest};
use crate::import::keepalived::keywords::{Block, Keyword, look, not_carried_over};
use crate::import::keepalived::value::{self, only, switch};
use crate::import::statement::{Remarks, Statement, Word};
use crate::model::{AddressFamily, Protocol, Scheduler};

/// A virtual server, read.
#[derive(Debug)]
pub(super) struct Virtual {
    pub(super) span: Span,
    pub(super) endpoints: Vec<Placed>,
    /// The name of its group.
    pub(super) group: Option<Box<str>>,
    pub(super) family: Option<AddressFamily>,
    pub(super) protocol: Protocol,
    pub(super) scheduler: &'static str,
    pub(super) flags: Vec<&'static str>,
    pub(super) one_packet: bool,
    pub(super) persistence: Persistence,
    pub(super) method: Method,
    pub(super) weight: Option<u32>,
    pub(super) inhibit: bool,
    pub(super) quorum: Option<u32>,
    pub(super) hysteresis: u32,
    pub(super) sorry: Option<Sorry>,
    pub(super) sorry_method: Option<Method>,
    pub(super) servers: Vec<Real>,
    /// Comments, by the key of ours that they belong to; the service's own with "".
    pub(super) remarks: Vec<(&'static str, Remarks)>,
}

/// What is written, and needs the rest of the block to be understood.
#[derive(Default)]
struct Written<'s> {
    timing: Timing,
    host: Option<&'s Word>,
    scheduler: Option<&'static str>,
    flags: Vec<(&'static str, &'s Statement)>,
    ops: Option<Span>,
    protocol: Option<Protocol>,
    method: Option<Method>,
    servers: Vec<&'s Statement>,
}

/// The flags that stand alone, as both programs call them.
const FLAGS: [&str; 7] = [
    "flag-1",
    "flag-2",
    "flag-3",
    "sh-port",
    "sh-fallback",
    "mh-port",
    "mh-fallback",
];

impl Virtual {
    /// Reads a `virtual_server`. `outer` is what the file says; `None` when nothing can be made of it.
    pub(super) fn read(
        statement: &Statement,
        groups: &Groups,
        outer: &Outer<'_>,
        out: &mut Findings,
    ) -> Option<Self> {
        let mut this = Self::empty(statement, groups, out);
        let mut written = Written::default();
        for line in statement.block.iter().flatten() {
            let remarks = line.remarks.clone();
            let key = match look(line, Block::VirtualServer, out) {
                Some(keyword) => this.line(keyword, line, &mut written, out),
                None => "",
            };
            if key != "servers" {
                this.remarks.push((key, remarks));
            }
        }
        this.settle(statement, &written, out);
        let outer = Outer {
            timing: written.timing,
            host: written.host.map(|word| &*word.text),
            ..*outer
        };
        let has_pages = written.servers.iter().any(|it| asks_for_pages(it));
        if let Some(word) = written.host.filter(|_| !has_pages) {
            tell_of_host(word, out);
        }
        let servers = written.servers.iter();
        this.servers = servers
            .filter_map(|line| Real::read(line, &outer, out))
            .collect();
        this.check_servers(statement, &written, out);
        (!this.endpoints.is_empty() && !this.servers.is_empty()).then_some(this)
    }

    fn empty(statement: &Statement, groups: &Groups, out: &mut Findings) -> Self {
        let (endpoints, group) = endpoints(statement, groups, out);
        Self {
            span: statement.span(),
            endpoints,
            group,
            family: None,
            protocol: Protocol::Tcp,
            scheduler: "wlc",
            flags: Vec::new(),
            one_packet: false,
            persistence: Persistence::default(),
            method: Method::NAT,
            weight: None,
            inhibit: false,
            quorum: None,
            hysteresis: 0,
            sorry: None,
            sorry_method: None,
            servers: Vec::new(),
            remarks: vec![("", statement.remarks.clone())],
        }
    }

    /// Takes a line; gives the key of ours that its comments belong to.
    fn line<'s>(
        &mut self,
        keyword: &Keyword,
        line: &'s Statement,
        written: &mut Written<'s>,
        out: &mut Findings,
    ) -> &'static str {
        let name = keyword.today();
        if written.timing.take(name, line, out) {
            return "check";
        }
        if self.persistence.take(name, line, out) {
            return "persistence";
        }
        if let Some(flag) = FLAGS.iter().find(|flag| **flag == name) {
            value::flag(line, out);
            written.flags.push((flag, line));
            tell_of_order(line, written.scheduler, out);
            return "scheduler_flags";
        }
        match name {
            "real_server" => {
                written.servers.push(line);
                return "servers";
            }
            "lvs_sched" => {
                written.scheduler = scheduler(line, out);
                return "scheduler";
            }
            "lvs_method" => {
                written.method = Method::read(line, out);
                return "forwarding";
            }
            "protocol" => written.protocol = protocol(line, out),
            "ops" => {
                value::flag(line, out);
                written.ops = Some(line.keyword.span);
                return "one_packet";
            }
            "ip_family" => {
                self.family = only(line, out).and_then(|word| family(word, out));
                return "family";
            }
            "virtualhost" => {
                written.host = only(line, out);
                return "check";
            }
            "weight" => {
                self.weight = weight(line, out);
                return "weight";
            }
            "inhibit_on_failure" => {
                self.inhibit = switch(line, out).unwrap_or_default();
                return "inhibit_on_failure";
            }
            _ => return self.quorum_line(name, line, out),
        }
        ""
    }

    /// What the lines mean together.
    fn settle(&mut self, statement: &Statement, written: &Written<'_>, out: &mut Findings) {
        let head = statement.keyword.span;
        let is_mark = matches!(
            self.endpoints.first(),
            Some(Placed {
                endpoint: Endpoint::Mark(..),
                ..
            })
        );
        match written.protocol {
            Some(protocol) => self.protocol = protocol,
            None if is_mark || looks_like(statement, "protocol") => {}
            None => {
                out.push(Finding::new(self.span, "the service has no protocol").help(
                    "keepalived says so and makes it UDP; write protocol TCP, or protocol UDP",
                ));
            }
        }
        match &written.method {
            Some(method) => self.method = *method,
            None if looks_like(statement, "lvs_method") || looks_like(statement, "lb_kind") => {}
            None => out.push(
                Finding::note(head, "no lvs_method: NAT, as keepalived takes it")
                    .help("write lvs_method if that is not meant"),
            ),
        }
        self.tell_of_family(statement, out);
        if self.sorry.is_none() && self.sorry_method.is_some() {
            let what = "sorry_server_lvs_method without a sorry_server is left out";
            out.push(Finding::warning(self.span, what).help("keepalived does the same"));
        }
        self.persistence.fits(&self.endpoints, self.family, out);
        self.scheduler = written.scheduler.unwrap_or(self.scheduler);
        for (flag, line) in &written.flags {
            self.flag(flag, line, out);
        }
        if let Some(span) = written.ops {
            self.one_packet = is_mark || self.protocol == Protocol::Udp;
            if !self.one_packet {
                let finding = Finding::warning(span, "ops is left out: the service is not UDP");
                out.push(finding.help("keepalived does the same"));
            }
        }
        self.persistence.tell(self.span, out);
        let any_port = |it: &Placed| matches!(it.endpoint, Endpoint::Address(_, 0));
        if self.endpoints.iter().any(any_port) && self.persistence.is_none() {
            let what = "every port needs persistence: 360 s, as keepalived takes it";
            out.push(Finding::warning(self.span, what).help("write persistence_timeout"));
            self.persistence.force();
        }
    }

    fn tell_of_family(&self, statement: &Statement, out: &mut Findings) {
        let mut lines = statement.block.iter().flatten();
        let line = lines.find(|line| &*line.keyword.text == "ip_family");
        let Some(line) = line else { return };
        let is_mark = |placed: &Placed| matches!(placed.endpoint, Endpoint::Mark(..));
        let is_other = |placed: &Placed| match placed.endpoint {
            Endpoint::Address(address, _) => self
                .family
                .is_some_and(|it| it != AddressFamily::of(address)),
            Endpoint::Mark(..) => false,
        };
        match self.endpoints.iter().find(|it| is_other(it)) {
            Some(other) if self.group.is_some() => {
                let what = "the group has addresses of another family";
                let finding = Finding::new(line.span(), what).label(other.span, "here");
                out.push(finding.help("keepalived leaves the service out"));
            }
            Some(_) => {
                let why = "the address is of another family, and keepalived looks at the address";
                out.push(not_carried_over(line, Severity::Warning, why));
            }
            None if self.endpoints.iter().any(is_mark) => {}
            None => {
                let why = "an address has its family; it counts for a fwmark only";
                out.push(not_carried_over(line, Severity::Note, why));
            }
        }
    }

    fn flag(&mut self, flag: &'static str, line: &Statement, out: &mut Findings) {
        let belongs = match flag.split_once('-') {
            Some(("flag", _)) => true,
            Some((scheduler, _)) => scheduler == self.scheduler,
            None => false,
        };
        if belongs && !self.flags.contains(&flag) {
            self.flags.push(flag);
        } else if !belongs {
            let why = "it is a flag of another scheduler: keepalived leaves it out in silence";
            out.push(not_carried_over(line, Severity::Warning, why));
        }
    }

    fn check_servers(&mut self, statement: &Statement, written: &Written<'_>, out: &mut Findings) {
        if written.servers.is_empty() {
            let finding = Finding::warning(self.span, "a service without real servers is left out");
            out.push(finding.help("keepalived does the same"));
        }
        self.leave_doubles_out(out);
        let has_checks = self.servers.iter().any(|it| !it.checks.is_empty());
        if has_checks && !written.timing.has_interval() && !looks_like(statement, "delay_loop") {
            let what = "no delay_loop: checks are 60 s apart, as with keepalived";
            let finding = Finding::note(statement.keyword.span, what);
            out.push(finding.help("a dead server takes clients for so long; write delay_loop 6"));
        }
        let unchecked = self.servers.iter().filter(|it| it.checks.is_empty());
        for real in unchecked {
            let finding = Finding::note(real.span, "nobody checks this server: it is always up");
            out.push(finding.help("as with keepalived; write a checker, as TCP_CHECK { }"));
        }
        self.cut_quorum(out);
    }

    fn leave_doubles_out(&mut self, out: &mut Findings) {
        let mut known = HashMap::new();
        for real in std::mem::take(&mut self.servers) {
            let mut targets = emit::targets(self, &real);
            // keepalived compares what is written.
            targets.push((None, real.address, real.port));
            let first = targets.iter().find_map(|target| known.get(target).copied());
            if let Some(first) = first {
                out.push(
                    Finding::warning(real.span, "this server is there already, and is left out")
                        .label(first, "the first one")
                        .help("keepalived does the same"),
                );
                continue;
            }
            known.extend(targets.into_iter().map(|target| (target, real.span)));
            self.servers.push(real);
        }
    }
}

/// Whether a block has an unknown keyword that was probably meant as this one: that is said there.
fn looks_like(statement: &Statement, name: &str) -> bool {
    let lines = statement.block.iter().flatten();
    let mut keywords = lines.map(|line| &*line.keyword.text);
    keywords.any(|keyword| nearest(keyword, std::iter::once(name)).is_some())
}

fn tell_of_order(line: &Statement, scheduler: Option<&str>, out: &mut Findings) {
    if scheduler.is_none() {
        let what = "keepalived leaves out a flag before lvs_sched; it is carried over";
        let finding = Finding::warning(line.keyword.span, what);
        out.push(finding.help("the order does not matter here"));
    }
}

fn scheduler(line: &Statement, out: &mut Findings) -> Option<&'static str> {
    let word = only(line, out)?;
    let known = Scheduler::KNOWN.into_iter();
    let found = known.into_iter().find(|known| **known == *word.text);
    found.or_else(|| method::unknown(word, &Scheduler::KNOWN, out))
}

fn protocol(line: &Statement, out: &mut Findings) -> Option<Protocol> {
    let word = only(line, out)?;
    match &*word.text.to_ascii_uppercase() {
        "TCP" => Some(Protocol::Tcp),
        "UDP" => Some(Protocol::Udp),
        "SCTP" => Some(Protocol::Sctp),
        _ => {
            method::unknown::<()>(word, &["TCP", "UDP", "SCTP"], out);
            // That is said; the rest is read as the most usual one.
            Some(Protocol::Tcp)
        }
    }
}
