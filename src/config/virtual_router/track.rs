// SPDX-License-Identifier: MIT OR Apache-2.0
//! `track`: what a virtual router watches beside its peers.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use crate::config::check::{COMMAND, command, file, interface, short};
use crate::config::section::{TRACK, TRACK_SCRIPT};
use crate::config::tree::Node;
use crate::config::value::{decimal, duration, integer, list, map, text, text_that};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong};
use crate::model::{
    Consequence, ExecProbe, Protocol, ServiceKey, Tracked, TrackedObject, TrackedScript,
};

/// The most objects of one virtual router.
const MOST: usize = 32;
/// The largest weight: more than the highest priority means nothing.
const LARGEST: u32 = 254;
const INTERVAL: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_hours(1);
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_mins(1);
/// How many results in a row count.
const COUNT: RangeInclusive<u32> = 1..=100;
const ONE: &str = "write track: [{interface: eth1}, {service: 192.0.2.10:5672, weight: -50}]";

/// An object, what follows from it, and where it stands.
pub(super) type Place = (Tracked, Span);

/// Reads the list.
pub(super) fn read(node: &Node<'_>, out: &mut Findings) -> Result<Vec<Place>, Wrong> {
    let nodes = list("track", node, ONE, out)?;
    if nodes.len() > MOST {
        let message = format!(
            "track must have at most {MOST} objects, got {}",
            nodes.len()
        );
        out.error(node.span, message);
        return Err(Wrong);
    }
    let mut all: Vec<Place> = Vec::new();
    for node in nodes {
        let tracked = one(node, out)?;
        if let Some((_, first)) = all.iter().find(|(it, _)| it.object == tracked.object) {
            let message = format!("{} is tracked twice", tracked.object);
            out.push(Finding::new(node.span, message).first(*first));
            return Err(Wrong);
        }
        all.push((tracked, node.span));
    }
    Ok(all)
}

fn one(node: &Node<'_>, out: &mut Findings) -> Result<Tracked, Wrong> {
    let entries = map(&TRACK, node, out)?;
    let (mut objects, mut weight) = (Vec::new(), None);
    for entry in entries {
        let (key, node) = (&*entry.key, &entry.value);
        match key {
            "interface" => objects.push(TrackedObject::Interface(interface(key, node, out)?)),
            "service" => objects.push(TrackedObject::Service(service(key, node, out)?)),
            "route" => objects.push(route(key, node, out)?),
            "file" => objects.push(TrackedObject::File(path(key, node, out)?)),
            "process" => objects.push(TrackedObject::Process(process(key, node, out)?)),
            "script" => objects.push(TrackedObject::Script(Arc::new(script(node, out)?))),
            "weight" => weight = Some(signed(key, node, out)?),
            _ => {
                TRACK.unknown_key(entry, entries, out);
                return Err(Wrong);
            }
        }
    }
    let (Some(object), true) = (objects.pop(), objects.is_empty()) else {
        let message =
            "an object of track must be one of interface, service, route, file, process and script";
        out.push(Finding::new(node.span, message).help(ONE));
        return Err(Wrong);
    };
    let consequence = weight.map_or(Consequence::Fault, Consequence::Weight);
    if let (TrackedObject::Service(_), Consequence::Fault) = (&object, consequence) {
        let message = "a service that is tracked needs a weight";
        let help = "without one, servers that are down for both hosts would take the addresses from both; write \
                    weight: -50";
        out.push(Finding::new(node.span, message).help(help));
        return Err(Wrong);
    }
    Ok(Tracked {
        object,
        consequence,
    })
}

/// A network: `0.0.0.0/0` is the default route.
fn route(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<TrackedObject, Wrong> {
    let wanted = "a network";
    let written = text(key, node, wanted, out)?;
    let parse = || {
        let (address, length) = written.split_once('/')?;
        let destination: IpAddr = address.parse().ok()?;
        let prefix = u8::try_from(decimal(length)?).ok()?;
        is_network(destination, prefix).then_some(TrackedObject::Route {
            destination,
            prefix,
        })
    };
    parse().ok_or_else(|| {
        let message = format!("{key} must be {wanted}, got {}", Shown(written));
        let help = "write 10.0.0.0/8, without any bit behind its prefix; the default route is 0.0.0.0/0 or \"::/0\"";
        out.push(Finding::new(node.span, message).help(help));
        Wrong
    })
}

/// Whether no bit is behind the prefix.
fn is_network(address: IpAddr, prefix: u8) -> bool {
    let (bits, most) = match address {
        // The first bit of both is the first of the address.
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let behind = bits.checked_shl(u32::from(prefix)).unwrap_or_default();
    prefix <= most && behind == 0
}

/// The absolute path of a file. It is shown as it is written.
fn path(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let path = file(key, node, out)?;
    Ok(path.to_string_lossy().into())
}

/// The name of a process: the kernel knows 15 bytes of it.
fn process(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<Box<str>, Wrong> {
    let possible = |it: &str| (1..=15).contains(&it.len()) && !it.chars().any(char::is_control);
    let help = "1 to 15 bytes: of a longer name the first 15, as ps -o comm shows it";
    text_that(possible, key, node, "the name of a process", help, out)
}

/// What is run, and when its result counts.
fn script(node: &Node<'_>, out: &mut Findings) -> Result<TrackedScript, Wrong> {
    let entries = map(&TRACK_SCRIPT, node, out)?;
    let (mut words, mut user) = (None, None);
    let (mut interval, mut timeout) = (Duration::from_secs(5), Duration::from_secs(3));
    let (mut fall, mut rise) = (3, 2);
    for entry in entries {
        let (key, node) = (&*entry.key, &entry.value);
        match key {
            "command" => words = Some(command(key, node, out)?),
            "user" => user = Some(short(key, node, out)?),
            "interval" => interval = duration(key, node, INTERVAL, out)?,
            "timeout" => timeout = duration(key, node, TIMEOUT, out)?,
            "fall" => fall = integer(key, node, COUNT, None, out)?,
            "rise" => rise = integer(key, node, COUNT, None, out)?,
            _ => {
                TRACK_SCRIPT.unknown_key(entry, entries, out);
                return Err(Wrong);
            }
        }
    }
    let Some(command) = words else {
        out.push(Finding::new(node.span, "a script needs its command").help(COMMAND));
        return Err(Wrong);
    };
    Ok(TrackedScript {
        program: ExecProbe {
            command,
            user,
            dynamic: false,
        },
        interval,
        timeout,
        fall,
        rise,
    })
}

/// A virtual service: `192.0.2.10:80` by TCP, or as `director status` lists it.
fn service(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<ServiceKey, Wrong> {
    let wanted = "a virtual service";
    let written = text(key, node, wanted, out)?;
    let by_tcp = || {
        let at: SocketAddr = written.parse().ok()?;
        Some(ServiceKey::Address {
            protocol: Protocol::Tcp,
            address: at.ip(),
            port: at.port(),
        })
    };
    written.parse().ok().or_else(by_tcp).ok_or_else(|| {
        let message = format!("{key} must be {wanted}, got {}", Shown(written));
        let help = "write 192.0.2.10:80, or as director status lists it: UDP 192.0.2.10:53, FWM 7";
        out.push(Finding::new(node.span, message).help(help));
        Wrong
    })
}

/// A weight: what is added to the priority.
fn signed(key: &str, node: &Node<'_>, out: &mut Findings) -> Result<i16, Wrong> {
    let wanted = format!("-{LARGEST} to {LARGEST}, and not 0");
    let written = text(key, node, &wanted, out)?;
    let (negative, digits) = match written.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, written),
    };
    let number = decimal(digits).filter(|it| (1..=LARGEST).contains(it));
    let number = number.and_then(|it| i16::try_from(it).ok());
    let number = number.map(|it| if negative { -it } else { it });
    number.ok_or_else(|| {
        let message = format!("{key} must be {wanted}, got {}", Shown(written));
        let help = "without a weight the virtual router takes no part while the object is bad";
        out.push(Finding::new(node.span, message).help(help));
        Wrong
    })
}
