// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which packets a virtual service is for, and how it spreads them.

use super::endpoint::{endpoint, fits};
use super::line::{Block, Directive, last};
use super::wanted::unknown;
use crate::diagnostic::{Finding, Findings, Shown};
use crate::model::{
    AddressFamily, Fwmark, Granularity, Protocol, Scheduler, SchedulerFlags, Seconds, ServiceKey,
    ServiceSettings,
};

/// Which packets a virtual service is for.
pub(super) fn identity(block: &Block, out: &mut Findings) -> Option<ServiceKey> {
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

/// The scheduling and the persistence.
pub(super) fn settings(block: &Block, key: &ServiceKey, out: &mut Findings) -> ServiceSettings {
    let find = |name| last(&block.body, name);
    let scheduler = find("scheduler").map_or("wrr", |it| scheduler(it, out));
    // The name is one of those that the kernel has.
    let scheduler = Scheduler::new(scheduler).unwrap_or(Scheduler::WLC);
    let mut settings = ServiceSettings::new(scheduler);
    if let Some(directive) = find("schedflags") {
        settings.scheduler_flags = flags(directive, &settings.scheduler, out);
    }
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

/// `schedflags=mh-port,mh-fallback`: as `-b` of ipvsadm has them.
fn flags(directive: &Directive, scheduler: &Scheduler, out: &mut Findings) -> SchedulerFlags {
    let mut flags = SchedulerFlags::NONE;
    // ldirectord takes what comes before the first blank.
    let words = directive.value.split_whitespace().next();
    for name in words.unwrap_or_default().split(',') {
        let Some(flag) = SchedulerFlags::by_name(name, scheduler) else {
            let known = SchedulerFlags::names(scheduler).join(", ");
            let message = format!("{} has no flag \"{}\"", scheduler.name(), Shown(name));
            let finding = Finding::new(directive.at, message);
            out.push(finding.help(format!("its flags are {known}")));
            continue;
        };
        flags = flags.union(flag);
    }
    flags
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
