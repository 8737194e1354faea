// SPDX-License-Identifier: MIT OR Apache-2.0
//! In words: what the kernel has where something else should be.

use crate::ipvsadm::ServiceRule;
use crate::model::{IpvsTable, RealServer};
use crate::plan::{HostStep, Step};

/// `1 step`, `2 steps`.
#[must_use]
pub fn steps(number: usize) -> String {
    count(number, "step")
}

/// `1 real server`, `2 real servers`.
#[must_use]
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// What a repairing step corrects on the host.
pub(super) fn found_on_host(step: &HostStep) -> String {
    if let HostStep::SetSetting { name, from, to } = step {
        return format!("{name} was {from}, not {to}");
    }
    if let HostStep::SetTimeouts { from, to } = step {
        return format!("timeouts (tcp tcpfin udp) were {from}, not {to}");
    }
    step.in_short()
}

/// What a repairing step corrects: the state found in the kernel.
pub(super) fn found(step: &Step, actual: &IpvsTable) -> String {
    let service = actual.services.get(step.service());
    match step {
        Step::AddService(key, _) => format!("service {key} was missing"),
        Step::EditService(key, _) => match service {
            Some(service) => format!("service was {}", ServiceRule(key, &service.settings)),
            None => format!("service {key} was missing"),
        },
        Step::DeleteService(key) => format!("service {key} should not be there"),
        Step::AddServer(key, server, _) => format!("real server {server} of {key} was missing"),
        Step::EditServer(key, server, wanted) => {
            let present = service.and_then(|service| service.servers.get(server));
            let how = present.map_or_else(String::new, |present| differences(present, wanted));
            format!("real server {server} of {key} {how}")
        }
        Step::DeleteServer(key, server) => {
            format!("real server {server} of {key} should not be there")
        }
    }
}

fn differences(present: &RealServer, wanted: &RealServer) -> String {
    let mut all = Vec::new();
    if present.weight != wanted.weight {
        all.push(format!(
            "had weight {}, not {}",
            present.weight, wanted.weight
        ));
    }
    if present.forwarding != wanted.forwarding {
        all.push(format!(
            "was forwarded to by {}, not {}",
            present.forwarding, wanted.forwarding
        ));
    }
    if present.thresholds != wanted.thresholds {
        let (is, should) = (present.thresholds, wanted.thresholds);
        all.push(format!(
            "had thresholds {}/{}, not {}/{}",
            is.upper, is.lower, should.upper, should.lower
        ));
    }
    all.join(" and ")
}
