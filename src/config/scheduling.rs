// SPDX-License-Identifier: MIT OR Apache-2.0
//! How a virtual service spreads connections: scheduler, flags, one-packet scheduling, persistence.

use super::failover;
use super::persistence::PersistenceLayer;
use super::setting::{Found, Setting, Subject, innermost};
use super::tree::{Entry, Node};
use super::value::{boolean, list, text};
use crate::diagnostic::{Finding, Findings, Shown, Span, Wrong, nearest};
use crate::model::{Failover, Protocol, Scheduler, SchedulerFlags, ServiceKey, ServiceSettings};

/// Every flag of every scheduler.
const FLAGS: [&str; 7] = [
    "sh-fallback",
    "sh-port",
    "mh-fallback",
    "mh-port",
    "flag-1",
    "flag-2",
    "flag-3",
];

/// The scheduling settings of one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct SchedulingLayer {
    scheduler: Setting<Scheduler>,
    scheduler_flags: Setting<Vec<(&'static str, Span)>>,
    one_packet: Setting<bool>,
    pub(super) failover: Setting<Failover>,
    persistence: PersistenceLayer,
}

impl SchedulingLayer {
    /// Reads a key if it is one of these settings, and returns whether it is.
    pub(super) fn take(&mut self, entry: &Entry<'_>, out: &mut Findings) -> bool {
        let (name, node) = (&*entry.key, &entry.value);
        match name {
            "scheduler" => self.scheduler = Setting::read(node, scheduler(name, node, out)),
            "scheduler_flags" => self.scheduler_flags = Setting::read(node, flags(name, node, out)),
            "one_packet" => self.one_packet = Setting::read(node, boolean(name, node, out)),
            "failover" => self.failover = Setting::read(node, failover::read(name, node, out)),
            "persistence" => self.persistence = PersistenceLayer::read(name, node, out),
            _ => return false,
        }
        true
    }

    /// The scheduling of a service, from all layers, the service's own first.
    pub(super) fn resolve(
        layers: &[&Self; 2],
        subject: &Subject,
        out: &mut Findings,
    ) -> Result<ServiceSettings, Wrong> {
        let scheduling = resolve_scheduler(layers, subject, out);
        let one_packet = resolve_one_packet(layers, subject, out);
        let persistence = layers.map(|layer| &layer.persistence);
        let persistence = PersistenceLayer::resolve(&persistence, subject, out);
        let (scheduler, scheduler_flags) = scheduling?;
        let settings = ServiceSettings {
            scheduler_flags,
            one_packet: one_packet?,
            ..ServiceSettings::new(scheduler)
        };
        warn_of_moving_clients(layers, &settings, subject, out);
        Ok(match persistence? {
            None => settings,
            Some(persistence) => persistence.over(settings),
        })
    }
}

/// Where the layers say that connections are kept; `None` when they do not.
pub(super) fn kept<'l>(
    layers: &[&'l SchedulingLayer; 2],
) -> Result<Option<Found<&'l Failover>>, Wrong> {
    let found = innermost(layers, |layer| &layer.failover)?;
    Ok(found.filter(|found| found.value.keeps_connections()))
}

/// A flag of an outer layer that does not fit the scheduler was meant for another scheduler.
fn resolve_scheduler(
    layers: &[&SchedulingLayer; 2],
    subject: &Subject,
    out: &mut Findings,
) -> Result<(Scheduler, SchedulerFlags), Wrong> {
    let found = innermost(layers, |layer| &layer.scheduler)?;
    let kept = kept(layers)?;
    let (scheduler, depth) = match (&kept, &found) {
        (Some(failover), found) => {
            let scheduler = failover::scheduler(failover, found.as_ref(), subject, out)?;
            (scheduler, failover.layer)
        }
        (None, Some(found)) => (found.value.clone(), found.layer),
        (None, None) => (Scheduler::WLC, layers.len()),
    };
    let mut flags = kept.map_or(SchedulerFlags::NONE, |_| failover::flags());
    let mut wrong = false;
    let found = innermost(layers, |layer| &layer.scheduler_flags)?;
    if let Some(Found { value, layer, .. }) = found {
        for (name, span) in value {
            match SchedulerFlags::by_name(name, &scheduler) {
                Some(flag) => flags = flags.union(flag),
                None if layer > depth => {}
                None => {
                    let message = format!("scheduler {scheduler} has no flag {name}");
                    let own = SchedulerFlags::names(&scheduler).join(", ");
                    out.push(
                        subject
                            .finding(*span, message)
                            .help(format!("it has {own}")),
                    );
                    wrong = true;
                }
            }
        }
    }
    if wrong {
        Err(Wrong)
    } else {
        Ok((scheduler, flags))
    }
}

/// What a failing server does to the clients of the others.
fn warn_of_moving_clients(
    layers: &[&SchedulingLayer; 2],
    settings: &ServiceSettings,
    subject: &Subject,
    out: &mut Findings,
) {
    if !settings.hashes_clients() || settings.falls_back() {
        return;
    }
    let Ok(Some(found)) = innermost(layers, |layer| &layer.scheduler) else {
        return;
    };
    let name = &settings.scheduler;
    let message = format!(
        "{name} without {name}-fallback: a server that fails is removed, which moves clients of the others, too; one \
         with weight 0 stays, and its clients are refused"
    );
    let help = format!(
        "add {name}-fallback to scheduler_flags: then a server that fails keeps its place, and its clients go to the others"
    );
    out.push(subject.warning(found.span, message).help(help));
}

fn resolve_one_packet(
    layers: &[&SchedulingLayer; 2],
    subject: &Subject,
    out: &mut Findings,
) -> Result<bool, Wrong> {
    let Some(found) = innermost(layers, |layer| &layer.one_packet)? else {
        return Ok(false);
    };
    match subject.key {
        ServiceKey::Address { protocol, .. } if *found.value && protocol != Protocol::Udp => {
            let message = format!("one_packet is not for {protocol}");
            let help = "only UDP and fwmark services can schedule every packet anew";
            out.push(subject.finding(found.span, message).help(help));
            Err(Wrong)
        }
        ServiceKey::Address { .. } | ServiceKey::Fwmark { .. } => Ok(*found.value),
    }
}

fn scheduler(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Scheduler, Wrong> {
    let word = text(name, node, "the name of a scheduler", out)?;
    if Scheduler::KNOWN.contains(&word) {
        return Scheduler::new(word).map_err(|_| Wrong);
    }
    let known = Scheduler::KNOWN.join(", ");
    let help = match nearest(word, Scheduler::KNOWN.into_iter()) {
        Some(near) => format!("did you mean {near}? known are {known}"),
        None => format!("known are {known}"),
    };
    let message = format!("unknown scheduler \"{}\"", Shown(word));
    out.push(Finding::new(node.span, message).help(help));
    Err(Wrong)
}

fn flags(
    name: &str,
    node: &Node<'_>,
    out: &mut Findings,
) -> Result<Vec<(&'static str, Span)>, Wrong> {
    let nodes = list(name, node, "write [sh-fallback, sh-port]", out)?;
    let mut flags = Vec::with_capacity(nodes.len().min(FLAGS.len()));
    let mut wrong = false;
    for node in nodes {
        let Ok(word) = text("a scheduler flag", node, "a name", out) else {
            wrong = true;
            continue;
        };
        if let Some(flag) = FLAGS.iter().find(|flag| **flag == word) {
            flags.push((*flag, node.span));
            continue;
        }
        wrong = true;
        let help = match nearest(word, FLAGS.into_iter()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", FLAGS.join(", ")),
        };
        let message = format!("unknown scheduler flag \"{}\"", Shown(word));
        out.push(Finding::new(node.span, message).help(help));
    }
    if wrong { Err(Wrong) } else { Ok(flags) }
}
