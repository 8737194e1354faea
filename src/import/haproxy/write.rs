// SPDX-License-Identifier: MIT OR Apache-2.0
//! Services as a configuration of ours.

use std::collections::BTreeMap;
use std::time::Duration;

use super::check::as_haproxy;
use super::member::Member;
use super::service::{Service, shown};
use crate::config::written_duration;
use crate::import::statement::Remarks;
use crate::import::{Document, Entry, Item, Value};

/// What is said above everything.
const HEAD: [&str; 4] = [
    "The director works at layer 4: a client's connection goes to the server itself, which sees the client's own address.",
    "It ends no TLS, reads and changes no HTTP, chooses by no content, adds no PROXY protocol, has no queue, and connects",
    "to no other server in a client's place.",
    "dr needs each virtual address on lo of the servers (realserver); nat needs this host as their gateway.",
];

const DIRECT: &str =
    "the ports stay: each virtual address must be on lo of the servers (realserver start)";
const MASQUERADED: &str = "ports change: the servers' default route must lead through this host";

/// The kernel's own time after which it forgets an idle connection.
const FORGETS: Duration = Duration::from_secs(900);
/// The longest that our key takes.
const LONGEST: Duration = Duration::from_hours(31 * 24);

/// Writes the configuration.
pub(super) fn write(
    name: &str,
    head: &[Box<str>],
    services: &[Service<'_>],
    pages: Vec<Item>,
    idle: Option<Duration>,
    about_defaults: &[Box<str>],
) -> Document {
    let mut document = Document::default();
    document.head.extend(head.iter().map(ToString::to_string));
    document.head.push(format!("Made from {name}."));
    document.head.extend(HEAD.map(str::to_owned));
    if let Some(idle) = idle.filter(|it| *it > FORGETS) {
        let seconds = Duration::from_secs(idle.min(LONGEST).as_secs());
        let entry = Entry::new("tcp_timeout", Value::word(written_duration(seconds)));
        let remark = "the longest of timeout client, server and tunnel; the kernel's own is 15m";
        document.map("ipvs").push(entry.remark(remark));
    }
    if !pages.is_empty() {
        *document.list("web") = pages;
    }
    let shared = Shared::of(services);
    defaults(&mut document, services, &shared, about_defaults);
    let pools = pools(services, &shared);
    for (name, servers) in &pools {
        let entry = Entry::new(name.as_str(), Value::List(servers.clone()));
        document.map("pools").push(entry);
    }
    for service in services {
        let pooled = pools.contains_key(&pool_name(service.back));
        document
            .list("virtual_services")
            .push(item(service, &shared, pooled));
    }
    document
}

/// What all services have alike.
struct Shared {
    /// Whether packets keep their port, when that is so for all or for none.
    is_direct: Option<bool>,
    /// Whether the connections of some server that is down live on.
    inhibits: bool,
}

impl Shared {
    fn of(services: &[Service<'_>]) -> Self {
        let first = services.first().map(|it| it.is_direct);
        let mut members = services.iter().flat_map(|it| &it.servers);
        Self {
            is_direct: first.filter(|first| services.iter().all(|it| it.is_direct == *first)),
            inhibits: members.any(|it| it.inhibit),
        }
    }
}

fn forwarding(is_direct: bool) -> Entry {
    let (word, remark) = if is_direct {
        ("dr", DIRECT)
    } else {
        ("nat", MASQUERADED)
    };
    Entry::new("forwarding", Value::word(word)).remark(remark)
}

fn defaults(
    document: &mut Document,
    services: &[Service<'_>],
    shared: &Shared,
    comments: &[Box<str>],
) {
    if services.is_empty() {
        return;
    }
    let mut entries = Vec::new();
    entries.extend(shared.is_direct.map(forwarding));
    let min_healthy = Entry::new("min_healthy", Value::word(0));
    entries.push(
        min_healthy.remark(
            "as HAProxy: with no healthy server clients are refused; 1 keeps the last one in",
        ),
    );
    if shared.inhibits {
        let entry = Entry::new("inhibit_on_failure", Value::word("true"));
        entries.push(entry.remark("as HAProxy: connections to a server that is down live on"));
    }
    let mut members = services.iter().flat_map(|it| &it.servers);
    if members.any(|it| it.check.is_some()) {
        let entry = Entry::new("check", Value::Map(as_haproxy()));
        entries.push(entry.remark("HAProxy's timing"));
    }
    if let Some(first) = entries.first_mut() {
        first
            .before
            .extend(comments.iter().map(ToString::to_string));
    }
    document.map("defaults").append(&mut entries);
}

/// Lists of servers that several services have alike, by name.
fn pools(services: &[Service<'_>], shared: &Shared) -> BTreeMap<String, Vec<Item>> {
    let mut lists: BTreeMap<String, Vec<&Service<'_>>> = BTreeMap::new();
    for service in services {
        lists
            .entry(pool_name(service.back))
            .or_default()
            .push(service);
    }
    let mut pools = BTreeMap::new();
    for (name, using) in lists {
        let [first, others @ ..] = &*using else {
            continue;
        };
        if others.is_empty() || others.iter().any(|it| it.servers != first.servers) {
            continue;
        }
        let common = Common::of(&first.servers);
        let servers = first
            .servers
            .iter()
            .map(|it| member(it, &common, shared.inhibits));
        pools.insert(name, servers.collect());
    }
    pools
}

/// The name of a section as that of a pool.
fn pool_name(section: &str) -> String {
    section.to_owned()
}

fn item(service: &Service<'_>, shared: &Shared, pooled: bool) -> Item {
    let mut entries = vec![Entry::new(
        "address",
        Value::text(shown(service.address, service.port)),
    )];
    entries.extend(scheduling(service));
    if shared.is_direct.is_none() {
        entries.push(forwarding(service.is_direct));
    }
    let common = Common::of(&service.servers);
    entries.extend(common.entries(shared.inhibits));
    if pooled {
        entries.push(Entry::new("pool", Value::text(pool_name(service.back))));
    } else {
        let servers = service.servers.iter();
        let servers = servers.map(|it| member(it, &common, shared.inhibits));
        entries.push(Entry::new("servers", Value::List(servers.collect())));
    }
    let mut item = Item::new(Value::Map(entries));
    item.before = lines(&service.remarks);
    item.before.push(if service.front == service.back {
        service.front.to_owned()
    } else {
        format!("{}: {}", service.front, service.back)
    });
    item
}

fn lines(remarks: &Remarks) -> Vec<String> {
    let lines = remarks.before.iter().chain(&remarks.behind);
    lines.map(ToString::to_string).collect()
}

fn scheduling(service: &Service<'_>) -> Vec<Entry> {
    let scheduling = &service.scheduling;
    let mut scheduler = Entry::new("scheduler", Value::word(scheduling.scheduler));
    let comments = service.about_scheduler.iter();
    scheduler.before = comments.map(ToString::to_string).collect();
    scheduler.remark = scheduling.remark.map(str::to_owned);
    let mut entries = vec![scheduler];
    if let Some(flag) = scheduling.flag {
        let flags = Value::list([Value::word(flag)]);
        entries.push(Entry::new("scheduler_flags", flags));
    }
    if let Some(time) = scheduling.persistence {
        entries.push(Entry::new(
            "persistence",
            Value::word(written_duration(time)),
        ));
    }
    entries
}

/// What all servers of a service have alike, and the service says for them.
struct Common {
    weight: Option<u32>,
    upper_threshold: Option<u32>,
    slow_start: Option<Duration>,
    /// `Unlike` when each server says its own.
    check: Check,
    ends_when_down: bool,
}

/// The checks of a service's servers.
#[derive(Debug, PartialEq)]
enum Check {
    /// All have this one, or none.
    Alike(Option<Value>),
    Unlike,
}

impl Check {
    fn of(servers: &[Member]) -> Self {
        let first = servers.first().and_then(|it| it.check.as_ref());
        if servers.iter().all(|it| it.check.as_ref() == first) {
            Self::Alike(first.cloned())
        } else {
            Self::Unlike
        }
    }
}

impl Common {
    fn of(servers: &[Member]) -> Self {
        let weight = |it: &Member| Some(it.weight).filter(|_| !it.disabled);
        Self {
            weight: alike(servers, weight).flatten(),
            upper_threshold: alike(servers, |it| it.upper_threshold).flatten(),
            slow_start: alike(servers, |it| it.slow_start).flatten(),
            check: Check::of(servers),
            ends_when_down: servers.iter().all(|it| !it.inhibit),
        }
    }

    fn entries(&self, inhibits: bool) -> Vec<Entry> {
        let mut entries = Vec::new();
        // Nobody writes the weight that every server has.
        if let Some(weight) = self.weight.filter(|it| *it != 1) {
            entries.push(Entry::new("weight", Value::word(weight)));
        }
        entries.extend(self.upper_threshold.map(threshold));
        entries.extend(self.slow_start.map(slow_start));
        if self.ends_when_down && inhibits {
            entries.push(Entry::new("inhibit_on_failure", Value::word("false")));
        }
        match &self.check {
            Check::Alike(one) => entries.push(check(one.as_ref())),
            Check::Unlike => {}
        }
        entries
    }
}

/// What all have alike.
fn alike<T: PartialEq>(servers: &[Member], what: impl Fn(&Member) -> T) -> Option<T> {
    let first = what(servers.first()?);
    servers.iter().all(|it| what(it) == first).then_some(first)
}

fn threshold(most: u32) -> Entry {
    Entry::new("upper_threshold", Value::word(most))
}

fn slow_start(time: Duration) -> Entry {
    Entry::new("slow_start", Value::word(written_duration(time)))
}

fn check(check: Option<&Value>) -> Entry {
    match check {
        Some(check) => Entry::new("check", check.clone()),
        None => Entry::new("check", Value::word("none")).remark("HAProxy checks nothing here"),
    }
}

/// A server in a list; what all have alike is left out.
fn member(member: &Member, common: &Common, inhibits: bool) -> Item {
    let address = match member.port {
        Some(port) => shown(member.address, port),
        None => member.address.to_string(),
    };
    let mut entries = vec![Entry::new("address", Value::text(&address))];
    let weight = if member.disabled { 0 } else { member.weight };
    if common.weight != Some(weight) && (weight != 1 || common.weight.is_some()) {
        entries.push(Entry::new("weight", Value::word(weight)));
    }
    if member.backup {
        entries.push(Entry::new("backup", Value::word("true")));
    }
    if common.upper_threshold.is_none() {
        entries.extend(member.upper_threshold.map(threshold));
    }
    if common.slow_start.is_none() {
        entries.extend(member.slow_start.map(slow_start));
    }
    if !member.inhibit && inhibits && !common.ends_when_down {
        entries.push(Entry::new("inhibit_on_failure", Value::word("false")));
    }
    if common.check == Check::Unlike {
        let mut check = check(member.check.as_ref());
        // What stands behind a server is its name.
        check.remark = None;
        entries.push(check);
    }
    let value = match entries.len() {
        1 => Value::text(address),
        _ => Value::Map(entries),
    };
    let mut item = Item::new(value);
    item.before = member
        .remarks
        .before
        .iter()
        .map(ToString::to_string)
        .collect();
    let disabled = member.disabled.then_some("disabled in HAProxy");
    let remarks = [
        Some(&*member.name),
        disabled,
        member.remarks.behind.as_deref(),
    ];
    let remarks: Vec<&str> = remarks.into_iter().flatten().collect();
    item.remark = Some(remarks.join("; "));
    item
}
