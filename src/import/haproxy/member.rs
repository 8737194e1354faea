// SPDX-License-Identifier: MIT OR Apache-2.0
//! The servers of a virtual service.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::aside::Reason;
use super::bind::Bind;
use super::proxy::Proxy;
use super::scheduler::Scheduling;
use super::server::Server;
use super::service::Services;
use super::track;
use super::value::Port;
use crate::diagnostic::{Finding, Span};
use crate::import::Value;
use crate::import::statement::Remarks;

/// A server of a service.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) address: IpAddr,
    /// `None` for the service's own.
    pub(super) port: Option<u16>,
    pub(super) name: Box<str>,
    pub(super) remarks: Remarks,
    pub(super) weight: u32,
    pub(super) disabled: bool,
    pub(super) backup: bool,
    pub(super) upper_threshold: Option<u32>,
    pub(super) slow_start: Option<Duration>,
    /// Whether its connections live on when it is down.
    pub(super) inhibit: bool,
    /// `None` for a server that nobody checks.
    pub(super) check: Option<Value>,
}

impl<'s> Services<'_, 's> {
    /// The servers behind one address and port.
    pub(super) fn members(
        &mut self,
        back: &Proxy<'s>,
        servers: &[Server<'s>],
        bind: &Bind,
        scheduling: &Scheduling,
    ) -> Vec<Member> {
        let checks = track::Checks::of(back, self.out);
        let factor = factor(servers, scheduling);
        let mut members: Vec<Member> = Vec::new();
        let mut places: HashMap<(IpAddr, u16), usize> = HashMap::new();
        for server in servers {
            let Some(port) = self.usable(server, bind) else {
                continue;
            };
            if let Some(known) = places.get(&(server.address, port)) {
                let finding = Finding::warning(server.span, "the same server a second time");
                self.out
                    .push(finding.help("the first one has the weight of both"));
                if let Some(known) = members.get_mut(*known) {
                    known.weight = known.weight.saturating_add(weight(server) * factor);
                }
                continue;
            }
            places.insert((server.address, port), members.len());
            let at = Server {
                port: Port::Fixed(port),
                ..server.clone()
            };
            let check = checks.of_server(&at, self.proxies, self.aside, self.out);
            let slow_start = self.slow_start(back.within(), server, scheduling);
            if server.settings.most_connections.is_some_and(|it| it > 0) {
                self.aside
                    .add(back.within(), server.span, "maxconn", Reason::Threshold);
            }
            members.push(Member {
                address: server.address,
                port: (port != bind.port).then_some(port),
                name: server.name.into(),
                remarks: server.remarks.clone(),
                weight: weight(server).saturating_mul(factor),
                disabled: server.settings.disabled,
                backup: server.settings.backup,
                upper_threshold: server.settings.most_connections.filter(|it| *it > 0),
                slow_start,
                inhibit: !server.settings.ends_when_down,
                check,
            });
        }
        if scheduling.in_order {
            in_order(&mut members);
        }
        if members.iter().all(|it| it.backup) {
            // They stand in for nobody.
            for member in &mut members {
                member.backup = false;
            }
        }
        members
    }

    /// The port of a server that IPVS can use for this address.
    fn usable(&mut self, server: &Server<'s>, bind: &Bind) -> Option<u16> {
        if server.address.is_ipv4() != bind.address.is_ipv4() {
            let message = format!(
                "not carried over: {} behind the virtual address {}: they are of two families",
                server.address, bind.address
            );
            let finding = Finding::warning(server.span, message);
            self.out.push(finding.help(
                "IPVS joins them by forwarding: tun only; write a server of the same family",
            ));
            return None;
        }
        let port = server.port.of(bind.port);
        if port.is_none() {
            let message = format!(
                "no port is left of {} for clients of port {}",
                server.name, bind.port
            );
            self.out.error(server.span, message);
        }
        port
    }

    fn slow_start(
        &mut self,
        within: Span,
        server: &Server<'s>,
        scheduling: &Scheduling,
    ) -> Option<Duration> {
        let time = server.settings.slow_start.filter(|it| !it.is_zero())?;
        if !scheduling.shares_by_weight() {
            self.aside
                .add(within, server.span, "slowstart", Reason::Slow);
            return None;
        }
        let seconds = u64::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(u64::MAX);
        Some(Duration::from_secs(seconds.clamp(1, 86_400)))
    }
}

fn weight(server: &Server<'_>) -> u32 {
    server.settings.weight.unwrap_or(1)
}

/// A weight that is changed in steps must be large: HAProxy's own are 16 times as large inside.
fn factor(servers: &[Server<'_>], scheduling: &Scheduling) -> u32 {
    let steps = |it: &Server<'_>| it.settings.agent.check || it.settings.slow_start.is_some();
    let largest = servers.iter().map(weight).max().unwrap_or(1);
    match largest {
        0..10 if scheduling.shares_by_weight() && servers.iter().any(steps) => 100,
        _ => 1,
    }
}

/// Weights by which the first server comes first, and backup servers last.
fn in_order(members: &mut [Member]) {
    members.sort_by_key(|member| member.backup);
    let mut weight = u32::try_from(members.len()).unwrap_or(u32::MAX);
    for member in members {
        member.backup = false;
        if member.weight > 0 {
            member.weight = weight;
        }
        weight = weight.saturating_sub(1).max(1);
    }
}
