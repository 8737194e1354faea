// SPDX-License-Identifier: MIT OR Apache-2.0
//! Proxies as virtual services: which servers stand behind which addresses.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

use super::aside::Aside;
use super::bind::{self, Bind};
use super::member::Member;
use super::page::Page;
use super::proxy::{Mode, Proxies, Proxy};
use super::scheduler::{self, Scheduling};
use super::sections::Kind;
use super::server::{self, Server};
use crate::diagnostic::{Finding, Findings, Fix, Shown, Span};
use crate::import::Item;
use crate::import::statement::Remarks;

/// A virtual service.
#[derive(Debug)]
pub(super) struct Service<'a> {
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) front: &'a str,
    pub(super) back: &'a str,
    pub(super) remarks: Remarks,
    /// Comments above `balance`.
    pub(super) about_scheduler: Vec<Box<str>>,
    pub(super) scheduling: Scheduling,
    /// Whether packets keep their port: then nothing has to be rewritten.
    pub(super) is_direct: bool,
    pub(super) servers: Vec<Member>,
}

/// All services so far.
pub(super) struct Services<'a, 's> {
    pub(super) proxies: &'a Proxies<'s>,
    pub(super) vips: &'a [IpAddr],
    pub(super) aside: &'a mut Aside,
    pub(super) out: &'a mut Findings,
    pub(super) all: Vec<Service<'s>>,
    /// Listeners of the status page.
    pub(super) pages: Vec<Item>,
    /// Where each address and port was named.
    seen: HashMap<(IpAddr, u16), Span>,
    /// The longest time that a connection may say nothing.
    pub(super) idle: Option<Duration>,
    /// The addresses of all services, as far as `bind` names them.
    pub(super) own: HashSet<IpAddr>,
    /// The sections whose servers have been used.
    used: Vec<&'s str>,
    servers: usize,
}

/// A configuration of ours has at most so many servers.
const MOST_SERVERS: usize = 200_000;

impl<'a, 's> Services<'a, 's> {
    pub(super) fn new(
        proxies: &'a Proxies<'s>,
        vips: &'a [IpAddr],
        aside: &'a mut Aside,
        out: &'a mut Findings,
    ) -> Self {
        let mut own: HashSet<IpAddr> = vips.iter().copied().collect();
        for proxy in &proxies.all {
            own.extend(bind::named(proxy));
        }
        Self {
            own,
            proxies,
            vips,
            aside,
            out,
            all: Vec::new(),
            pages: Vec::new(),
            seen: HashMap::new(),
            idle: None,
            used: Vec::new(),
            servers: 0,
        }
    }

    /// Reads all proxies that clients connect to.
    pub(super) fn read(&mut self) {
        let proxies = self.proxies;
        for proxy in &proxies.all {
            match proxy.section.kind {
                Kind::Frontend | Kind::Listen => self.front(proxy),
                Kind::Global | Kind::Defaults | Kind::Backend | Kind::Other(_) => {}
            }
        }
        self.unused();
    }

    fn front(&mut self, front: &Proxy<'s>) {
        let span = front.section.head.span();
        if front.is_disabled() {
            let message = "not carried over: it is disabled";
            self.out.push(Finding::note(span, message));
            return;
        }
        let has_servers =
            front.section.last_of("server").is_some() || front.last("default_backend").is_some();
        if let Some(page) =
            Page::of(front).filter(|_| !has_servers || front.section.last_of("stats").is_some())
        {
            let listeners = page.carried_over(self.out);
            self.pages.extend(listeners);
            if !has_servers {
                return;
            }
        }
        if front.section.kind == Kind::Frontend
            && let Some(table) = front.section.last_of("stick-table")
        {
            self.out.push(scheduler::lonely(table));
        }
        let Some(back) = self.behind(front) else {
            return;
        };
        let binds = bind::read(front, self.vips, self.aside, self.out);
        if !self.is_layer_four(front, &back, binds.tls) || binds.at.is_empty() {
            return;
        }
        let servers = self.servers_of(&back);
        if servers.is_empty() {
            let named = ["server", "server-template", "dispatch"];
            if !named.iter().any(|it| back.section.last_of(it).is_some()) {
                let finding = Finding::warning(span, "not carried over: it has no servers");
                self.out.push(finding);
            }
            return;
        }
        self.idle(front, &back);
        for bind in &binds.at {
            self.bound(front, &back, &servers, bind);
        }
    }

    /// The proxy whose servers serve the clients of this one.
    fn behind(&mut self, front: &Proxy<'s>) -> Option<Proxy<'s>> {
        let mut chosen = None;
        for rule in front.section.all_of("use_backend") {
            let by = rule.words.get(1).map(|word| &*word.text);
            if matches!(by, Some("if" | "unless")) {
                let message = "not carried over: servers are chosen by what the client says";
                let finding = Finding::warning(rule.span(), message);
                self.out.push(finding.help("keep HAProxy behind the director for this service, or give each choice an address of its own"));
                return None;
            }
            chosen = chosen.or(rule.words.first());
        }
        let default = || front.last("default_backend")?.words.first();
        let name = chosen.or_else(default);
        if let Some(name) = name
            && let Some(server) = front.section.last_of("server")
        {
            let message = format!(
                "the servers of {} itself serve nobody: {} does, as in HAProxy",
                Shown(front.name()),
                Shown(&name.text)
            );
            let finding = Finding::warning(name.span, message);
            let finding = finding.label(server.span(), "one of them");
            self.out
                .push(finding.help("remove them, or the line that names the other section"));
        }
        let Some(name) = name else {
            if front.section.kind == Kind::Listen {
                return Some(front.clone());
            }
            let finding = Finding::warning(
                front.section.head.span(),
                "not carried over: no servers stand behind it",
            );
            self.out.push(finding.help("write default_backend NAME"));
            return None;
        };
        if let Some(back) = self.proxies.named(&name.text) {
            self.used.push(back.name());
            return Some(back.clone());
        }
        let message = format!("there is no section {}", Shown(&name.text));
        let known = self.proxies.all.iter().map(Proxy::name);
        let finding = Finding::new(name.span, message);
        self.out.push(
            match self.aside.near(&name.text, known.take(MOST_COMPARED)) {
                Some(near) => finding
                    .help(format!("did you mean {}?", Shown(near)))
                    .fix(Fix::replace(name.span, near)),
                None => finding.help("write a backend of this name"),
            },
        );
        None
    }

    /// Whether layer 4 can do what this proxy does.
    fn is_layer_four(&mut self, front: &Proxy<'s>, back: &Proxy<'s>, tls: Option<Span>) -> bool {
        if let Some(span) = tls {
            let finding = Finding::warning(
                span,
                "not carried over: HAProxy ends TLS here, and layer 4 does not",
            );
            self.out.push(finding.help(
                "let the servers end TLS, or keep HAProxy behind the director for this service",
            ));
            return false;
        }
        let span = front.section.head.span();
        match front.mode() {
            Mode::Tcp => {}
            Mode::Http => {
                let finding = Finding::warning(
                    span,
                    "mode http: from here on whole connections are spread, not requests",
                );
                self.out.push(finding.help(
                    "nothing reads or changes requests; servers see the client's own address",
                ));
            }
            Mode::Other => {
                self.out.push(Finding::warning(
                    span,
                    "not carried over: its mode is neither tcp nor http",
                ));
                return false;
            }
        }
        let wrapped = back.section.all_of("server").take(MOST_COMPARED);
        let wrapped =
            wrapped.filter_map(|it| it.words.get(2..)?.iter().find(|word| &*word.text == "ssl"));
        if let Some(word) = wrapped.into_iter().next() {
            let finding = Finding::warning(
                word.span,
                "not carried over: HAProxy speaks TLS with the servers, and layer 4 adds none",
            );
            self.out
                .push(finding.help("let the clients speak TLS with the servers themselves"));
            return false;
        }
        true
    }

    /// The servers of a section.
    fn servers_of(&mut self, back: &Proxy<'s>) -> Vec<Server<'s>> {
        let mut servers = Vec::new();
        let within = back.within();
        for statement in back.section.all_of("server") {
            let settings = back.settings.clone();
            let server = server::read(statement, settings, within, self.aside, self.out);
            servers.extend(server.and_then(|it| self.elsewhere(it)));
        }
        for statement in back.section.all_of("server-template") {
            let finding = Finding::new(
                statement.span(),
                "server-template makes servers from a name, and IPVS needs addresses",
            );
            self.out
                .push(finding.help("write a server line for each address"));
        }
        for statement in back.section.all_of("dispatch") {
            let finding = Finding::new(statement.span(), "dispatch has no server of a name");
            self.out
                .push(finding.help("write server NAME ADDRESS in its place"));
        }
        servers
    }

    /// A server that is another host, and is not asked from a virtual address: the answers would stay there.
    fn elsewhere(&mut self, mut server: Server<'s>) -> Option<Server<'s>> {
        if self.own.contains(&server.address) {
            let message = format!("not carried over: {} is a virtual address", server.address);
            let finding = Finding::warning(server.span, message);
            self.out.push(finding.help(
                "IPVS forwards to no service of its own: write the address of the server itself",
            ));
            return None;
        }
        if let Some(address) = server.settings.check_address
            && self.own.contains(&address)
        {
            let finding = Finding::new(
                server.span,
                format!("a check of {address} would ask any server"),
            );
            self.out.push(
                finding.help("it is a virtual address: write addr and an address of the server"),
            );
        }
        if let Some(source) = server.settings.source
            && self.own.contains(&source)
        {
            let message = format!("not carried over: source {source}, which is a virtual address");
            let finding = Finding::warning(server.span, message);
            self.out
                .push(finding.help("checks leave from this host's own address"));
            server.settings.source = None;
        }
        if server.address.is_loopback() {
            let message = format!("{} is this host itself", server.address);
            let finding = Finding::warning(server.span, message);
            self.out.push(
                finding.help(
                    "clients' packets do not reach it there: write the address of an interface",
                ),
            );
        }
        Some(server)
    }

    /// How long this service's connections may say nothing.
    fn idle(&mut self, front: &Proxy<'s>, back: &Proxy<'s>) {
        let tunnel = back.timeout("tunnel", "", self.out);
        let client = front.timeout("client", "clitimeout", self.out);
        let server = back.timeout("server", "srvtimeout", self.out);
        let idle = tunnel.or(client.max(server));
        self.idle = self.idle.max(idle);
    }

    /// The service at one address and port.
    fn bound(&mut self, front: &Proxy<'s>, back: &Proxy<'s>, servers: &[Server<'s>], bind: &Bind) {
        if let Some(first) = self.seen.insert((bind.address, bind.port), bind.span) {
            let key = shown(bind.address, bind.port);
            let message = format!("{key} is a virtual service already");
            self.out.push(Finding::new(bind.span, message).first(first));
            return;
        }
        self.servers += servers.len();
        if self.servers > MOST_SERVERS {
            let message = format!("more than {MOST_SERVERS} servers of all services together");
            self.out.error(front.section.head.span(), message);
            return;
        }
        let scheduling = scheduler::of(back, self.proxies, servers, self.aside, self.out);
        let members = self.members(back, servers, bind, &scheduling);
        if members.is_empty() {
            let message = format!(
                "not carried over: {} has no servers",
                shown(bind.address, bind.port)
            );
            self.out.push(Finding::warning(bind.span, message));
            return;
        }
        let remarks = self.remarks(front);
        let balance = back.section.last_of("balance").map(|it| &it.remarks);
        let balance = balance.map_or_else(Vec::new, |it| {
            it.before.iter().chain(&it.behind).cloned().collect()
        });
        self.all.push(Service {
            address: bind.address,
            port: bind.port,
            front: front.name(),
            back: back.name(),
            remarks,
            about_scheduler: balance,
            scheduling,
            is_direct: members.iter().all(|it| it.port.is_none()),
            servers: members,
        });
    }

    /// The comments at the beginning of a proxy, for its first service.
    fn remarks(&self, front: &Proxy<'s>) -> Remarks {
        if self.all.last().is_some_and(|it| it.front == front.name()) {
            return Remarks::default();
        }
        let mut remarks = front.section.head.remarks.clone();
        for bind in front.section.all_of("bind").take(MOST_COMPARED) {
            let of_bind = &bind.remarks;
            let lines = of_bind.before.iter().chain(&of_bind.behind);
            remarks.before.extend(lines.cloned());
        }
        remarks
    }

    /// Sections with servers that no client reaches.
    fn unused(&mut self) {
        self.used.sort_unstable();
        for proxy in &self.proxies.all {
            let is_used = self.used.binary_search(&proxy.name()).is_ok();
            if proxy.section.kind == Kind::Backend && !is_used {
                let message = "not carried over: no frontend that is carried over uses it";
                self.out
                    .push(Finding::note(proxy.section.head.span(), message));
            }
        }
    }
}

/// So many names are compared, or statements looked through.
const MOST_COMPARED: usize = 1_000;

/// An address and port as ipvsadm prints it.
pub(super) fn shown(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}
