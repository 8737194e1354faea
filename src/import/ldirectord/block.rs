// SPDX-License-Identifier: MIT OR Apache-2.0
//! A virtual service of the file, with its servers.

use std::collections::HashMap;
use std::net::IpAddr;

use super::check::{Asked, Check};
use super::endpoint::{belongs, endpoint, fits, range};
use super::line::{Block, Directive, last};
use super::timing::{Given, Times, Timing};
use super::wanted::{CheckType, Said, Wanted, unknown};
use crate::diagnostic::{Finding, Findings, Shown, Span};
use crate::import::document::{Entry, Value};
use crate::import::service::{Server, Service};
use crate::model::{
    AddressFamily, ForwardingMethod, Fwmark, Granularity, Protocol, RealServer, Scheduler, Seconds,
    ServerKey, ServiceKey, ServiceSettings, Tunnel, Weight,
};

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
    pub(super) times: Times,
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

/// `gate`, `masq` or `ipip`.
fn method(word: &str, at: Span, out: &mut Findings) -> Option<ForwardingMethod> {
    match word {
        "gate" => Some(ForwardingMethod::DirectRouting),
        "masq" => Some(ForwardingMethod::Masquerading),
        "ipip" => Some(ForwardingMethod::Tunneling(Tunnel::IPIP)),
        other => {
            let message = format!("\"{}\" is no forwarding method", Shown(other));
            out.push(Finding::new(at, message).help("it is gate, masq or ipip"));
            None
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

/// The server with the port that the kernel uses.
fn usable(
    key: ServerKey,
    forwarding: ForwardingMethod,
    service: &ServiceKey,
    at: Span,
    out: &mut Findings,
) -> ServerKey {
    let kept = match *service {
        ServiceKey::Address { port, .. } => port,
        ServiceKey::Fwmark { .. } => 0,
    };
    if !forwarding.keeps_port() || key.port == 0 || key.port == kept {
        return key;
    }
    let used = match *service {
        ServiceKey::Address { port, .. } => {
            format!("the kernel uses the port {port} of the virtual service")
        }
        ServiceKey::Fwmark { .. } => "packets keep their own port".to_owned(),
    };
    let message = format!("the port {} means nothing: {used}", key.port);
    let finding = Finding::warning(at, message);
    out.push(finding.help("gate and ipip cannot change the port; masq can"));
    ServerKey::new(key.address, 0)
}

/// Which packets a virtual service is for.
fn identity(block: &Block, out: &mut Findings) -> Option<ServiceKey> {
    let head = &block.head;
    let in_v6 = head.keyword.name == "virtual6";
    let text = head.value.split_whitespace().next().unwrap_or_default();
    let protocol = last(&block.body, "protocol");
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit()) {
        if let Some(wrong) = protocol.filter(|it| it.value != "fwm") {
            let finding = Finding::new(wrong.at, "a service by firewall mark has protocol=fwm");
            out.push(finding.help("or leave protocol out"));
        }
        let Some(mark) = text.parse().ok().and_then(Fwmark::new) else {
            out.error(head.at, "a firewall mark is 1 to 4294967295");
            return None;
        };
        let family = if in_v6 {
            AddressFamily::Ipv6
        } else {
            AddressFamily::Ipv4
        };
        return Some(ServiceKey::Fwmark { mark, family });
    }
    let (address, port) = endpoint(text, head.at, out)?;
    if !fits(head.keyword.name, address, head.at, out) {
        return None;
    }
    let Some(port) = port else {
        out.error(head.at, "a virtual service needs a port");
        return None;
    };
    let usual = if port == 53 {
        Protocol::Udp
    } else {
        Protocol::Tcp
    };
    Some(ServiceKey::Address {
        protocol: protocol.map_or(usual, |it| self::protocol(it, usual, out)),
        address,
        port,
    })
}

fn protocol(directive: &Directive, usual: Protocol, out: &mut Findings) -> Protocol {
    match directive.value.as_str() {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        _ => {
            out.push(unknown(directive, &["tcp", "udp"]));
            usual
        }
    }
}

fn settings(block: &Block, key: &ServiceKey, out: &mut Findings) -> ServiceSettings {
    let find = |name| last(&block.body, name);
    let scheduler = find("scheduler").map_or("wrr", |it| scheduler(it, out));
    // The name is one of those that the kernel has.
    let scheduler = Scheduler::new(scheduler).unwrap_or(Scheduler::WLC);
    let mut settings = ServiceSettings::new(scheduler);
    if let Some(directive) = find("persistent") {
        settings.persistence = directive.number(1, out).map(Seconds);
    }
    if let Some(directive) = find("netmask") {
        settings.granularity = netmask(directive, key, out);
        if settings.persistence.is_none() {
            let message = "netmask means nothing without persistent, and is left out";
            out.push(Finding::warning(directive.whole, message));
        }
    }
    if let Some(directive) = find("ops")
        && directive.switch(out) == Some(true)
    {
        settings.one_packet = key.protocol() == Some(Protocol::Udp);
        if !settings.one_packet {
            let message = "ops means something for protocol=udp only, and is left out";
            out.push(Finding::warning(directive.whole, message));
        }
    }
    settings
}

fn scheduler(directive: &Directive, out: &mut Findings) -> &'static str {
    let mut known = Scheduler::KNOWN.iter();
    if let Some(known) = known.find(|known| **known == directive.value) {
        return known;
    }
    out.push(unknown(directive, &Scheduler::KNOWN));
    "wrr"
}

fn netmask(directive: &Directive, key: &ServiceKey, out: &mut Findings) -> Granularity {
    let value = &directive.value;
    let (read, help) = match key.family() {
        AddressFamily::Ipv4 => (
            value.parse().ok().map(Granularity::mask),
            "write 255.255.255.0",
        ),
        AddressFamily::Ipv6 => (
            value.parse().ok().and_then(Granularity::prefix),
            "write a length, 1 to 128",
        ),
    };
    read.unwrap_or_else(|| {
        let message = format!("\"{}\" is no netmask", Shown(value));
        out.push(Finding::new(directive.at, message).help(help));
        Granularity::Single
    })
}

/// A line of a real server: its addresses, and what all of them have.
struct Real {
    addresses: Vec<IpAddr>,
    port: u16,
    real: RealServer,
    request: Option<Said>,
    receive: Option<Said>,
}

impl Real {
    fn read(directive: &Directive, out: &mut Findings) -> Option<Self> {
        let at = directive.at;
        let (plain, quoted) = match directive.value.split_once('"') {
            Some((plain, _)) => (plain, directive.value.get(plain.len()..)),
            None => (directive.value.as_str(), None),
        };
        let mut words = plain.split_whitespace();
        let (addresses, port) = range(words.next().unwrap_or_default(), at, out)?;
        let Some(word) = words.next() else {
            let finding = Finding::new(at, "a real server needs its forwarding method");
            out.push(finding.help("write gate, masq or ipip behind the address"));
            return None;
        };
        let forwarding = method(word, at, out)?;
        let weight = match words.next() {
            None => Weight::ONE,
            Some(word) => weight(word, at, out)?,
        };
        if let Some(word) = words.next() {
            out.error(at, format!("what does \"{}\" mean?", Shown(word)));
        }
        let pair = quoted.and_then(|text| pair(text, at, out));
        let (request, receive) = pair.unzip();
        Some(Self {
            addresses,
            port: port.unwrap_or(0),
            real: RealServer::new(forwarding, weight),
            request,
            receive,
        })
    }
}

fn weight(word: &str, at: Span, out: &mut Findings) -> Option<Weight> {
    let weight = word.parse().ok().and_then(Weight::new);
    if weight.is_none() {
        let message = format!("\"{}\" is no weight", Shown(word));
        out.push(Finding::new(at, message).help("write a number, or quote what is requested"));
    }
    weight
}

/// `"REQUEST", "RECEIVE"`.
fn pair(text: &str, at: Span, out: &mut Findings) -> Option<(Said, Said)> {
    let parts: Vec<&str> = text.split('"').collect();
    let ["", request, between, receive, rest] = parts.as_slice() else {
        let finding = Finding::new(at, "a real server has two texts in quotes, or none");
        out.push(finding.help("write \"REQUEST\", \"RECEIVE\""));
        return None;
    };
    if !matches!(between.trim(), "," | "") || !rest.trim().is_empty() {
        out.error(
            at,
            "only a comma stands between the two texts, and nothing behind them",
        );
    }
    let said = |text: &str| Said {
        text: text.to_owned(),
        at,
    };
    Some((said(request), said(receive)))
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
        let at = usable(written, real.real.forwarding, &key, directive.at, out);
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
            real.real.at_rest()
        } else {
            real.real
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
    say_what_is_unused(block, &wanted, top.forks, out);
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
        times,
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

/// What stands in the service, and counts for nothing.
fn say_what_is_unused(block: &Block, wanted: &Wanted, forks: bool, out: &mut Findings) {
    let find = |name| last(&block.body, name);
    if let Some(directive) = find("checkinterval").filter(|_| !forks) {
        let message =
            "ldirectord ignores the checkinterval of a service, and takes that of the top";
        let finding = Finding::warning(directive.whole, message);
        out.push(finding.help("with fork=yes it counts"));
    }
    let pings = wanted.checktype == CheckType::Ping
        || wanted.checktype == CheckType::Connect && wanted.protocol == Some(Protocol::Udp);
    if let Some(directive) = find("checkcount").filter(|_| !pings) {
        let message = "checkcount counts pings only, and is left out";
        out.push(Finding::note(directive.whole, message));
    }
    let secrets = ["login", "passwd", "database", "secret"];
    let secrets: Vec<&str> = secrets
        .into_iter()
        .filter(|name| find(name).is_some())
        .collect();
    if !secrets.is_empty() {
        // The lines themselves are not shown: they may have a password.
        let names = secrets.join(", ");
        let message = format!("not carried over: {names}, which our check does not use");
        out.push(Finding::note(block.head.whole, message));
    }
    let asks = matches!(
        wanted.checktype,
        CheckType::Negotiate | CheckType::Combined(_)
    );
    let asks_web = asks && matches!(wanted.service, "http" | "https");
    let pairs = matches!(wanted.service, "http" | "https" | "dns" | "simpletcp");
    let texts = [
        ("request", asks && pairs),
        ("receive", asks && pairs),
        ("virtualhost", asks_web),
        ("httpmethod", asks_web),
        (
            "checkcommand",
            matches!(
                wanted.checktype,
                CheckType::External | CheckType::ExternalPerl
            ),
        ),
        ("checkport", !pings),
    ];
    for (name, is_used) in texts {
        if let Some(directive) = find(name).filter(|_| !is_used) {
            let message = format!("{name} means nothing to the check of this service");
            out.push(Finding::note(directive.whole, message));
        }
    }
    if let Some(directive) = find("service").filter(|_| !asks) {
        let message = "service means nothing to a check that does not negotiate";
        out.push(Finding::note(directive.whole, message));
    }
    if let Some(directive) = find("cleanstop") {
        say_cleanstop(directive, out);
    }
}

/// Says when services would be taken away at the end.
pub(super) fn say_cleanstop(directive: &Directive, out: &mut Findings) {
    if directive.switch(out) == Some(true) {
        let message = "a director that ends leaves its services in the kernel";
        let help = "director run --release takes them away, as ldirectord does it";
        out.push(Finding::note(directive.whole, message).help(help));
    }
}

impl Made {
    /// Writes the check, as far as it is another than the defaults.
    pub(super) fn write_checks(&mut self, usual: &Timing) {
        let first = self.checks.first().cloned().unwrap_or(Check::None);
        if self.checks.iter().all(|check| *check == first) {
            let value = written(&first, usual);
            self.service.rules.push(Entry::new("check", value));
            return;
        }
        let checks = self.checks.iter();
        for (server, check) in self.service.servers.iter_mut().zip(checks) {
            let value = written(check, usual);
            server.rules.push(Entry::new("check", value));
        }
    }

    /// When its checks run, for those that have one.
    pub(super) fn timings(&self) -> impl Iterator<Item = Timing> {
        self.checks.iter().filter_map(|check| match check {
            Check::None => None,
            Check::Some(_, timing) => Some(*timing),
        })
    }
}

fn written(check: &Check, usual: &Timing) -> Value {
    let (checks, timing) = match check {
        Check::None => return Value::word("none"),
        Check::Some(checks, timing) => (checks, timing),
    };
    let mut times = timing.differing(usual);
    match checks.as_slice() {
        [check] => {
            let mut entries = check.clone();
            entries.append(&mut times);
            match entries.as_slice() {
                [bare] if bare.value == Value::Map(Vec::new()) => Value::text(&bare.key),
                _ => Value::Map(entries),
            }
        }
        _ => {
            let each = checks.iter().cloned().map(Value::Map);
            times.push(Entry::new("each", Value::list(each)));
            Value::Map(times)
        }
    }
}
