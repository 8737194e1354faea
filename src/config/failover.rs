// SPDX-License-Identifier: MIT OR Apache-2.0
//! `failover` of a virtual service: what it needs of the scheduler and of the real servers.

use std::collections::BTreeMap;

use super::setting::{Found, Subject};
use super::tree::Node;
use super::value::choice;
use crate::diagnostic::{Findings, Span, Wrong};
use crate::model::{
    ConfiguredServer, Failover, ForwardingMethod, Scheduler, SchedulerFlags, ServerKey,
};

/// Reads the value.
pub(super) fn read(name: &str, node: &Node<'_>, out: &mut Findings) -> Result<Failover, Wrong> {
    let words = [
        ("usual", Failover::Usual),
        ("keep_connections", Failover::KeepConnections),
    ];
    choice(name, node, &words, &[], out)
}

/// The scheduler of a service that keeps its connections: both directors must choose the same server for a client port.
/// A scheduler of an outer layer was meant for other services.
pub(super) fn scheduler(
    failover: &Found<&Failover>,
    scheduler: Option<&Found<&Scheduler>>,
    subject: &Subject,
    out: &mut Findings,
) -> Result<Scheduler, Wrong> {
    if let Some(found) = scheduler
        && *found.value != Scheduler::MH
        && found.layer <= failover.layer
    {
        let message = format!(
            "failover: keep_connections needs scheduler mh, not {}",
            found.value
        );
        let help = "remove scheduler: then it is mh; or write failover: usual, and connections break when the other \
                    director takes over";
        out.push(subject.finding(found.span, message).help(help));
        return Err(Wrong);
    }
    Ok(Scheduler::MH)
}

/// The flags that such a service has besides its own.
pub(super) fn flags() -> SchedulerFlags {
    ["mh-port", "mh-fallback"]
        .into_iter()
        .filter_map(|name| SchedulerFlags::by_name(name, &Scheduler::MH))
        .fold(SchedulerFlags::NONE, SchedulerFlags::union)
}

/// What would have the two directors choose different servers.
pub(super) fn check_servers(
    span: Span,
    servers: &BTreeMap<ServerKey, ConfiguredServer>,
    subject: &Subject,
    out: &mut Findings,
) -> Result<(), Wrong> {
    let mut result = Ok(());
    let limited = servers
        .iter()
        .find(|(_, it)| it.real_server.thresholds.upper != 0);
    if let Some((key, _)) = limited {
        let message =
            format!("failover: keep_connections, but real server {key} has upper_threshold");
        let help = "remove upper_threshold: a full server's clients go elsewhere, and each director counts only its own \
                    connections";
        out.push(subject.finding(span, message).help(help));
        result = Err(Wrong);
    }
    let translated = servers
        .iter()
        .find(|(_, it)| it.real_server.forwarding == ForwardingMethod::Masquerading);
    if let Some((key, _)) = translated {
        let message = format!(
            "failover: keep_connections, and real server {key} is reached by nat: a connection in which the server \
             speaks first after a take-over breaks"
        );
        let help = "with dr and tun every connection lives on";
        out.push(subject.warning(span, message).help(help));
    }
    result
}
