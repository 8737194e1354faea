// SPDX-License-Identifier: MIT OR Apache-2.0
//! The kernel as the engine uses it: the table, and the host around it.

use crate::kernel::Ipvs;
use crate::model::IpvsSettings;
use crate::plan::{HostStep, HostTarget, SimulatedKernel, Target, desired_host, diff_host};

/// A [`Target`] that also has the host around it.
pub(super) trait Kernel: Target + HostTarget {
    /// Makes the settings what the configuration says, where it says anything. Returned is what was changed, and what
    /// could not be read or changed.
    fn settle(&mut self, settings: &IpvsSettings) -> Vec<Result<String, String>> {
        let desired = desired_host(settings);
        let reading = self.read_host(&desired.scope());
        // What could not be read is missing in the plan, and said here.
        let plan = diff_host(&desired, &reading.host);
        let failures = self.apply_host(&plan.steps);
        let failed = |index| failures.iter().any(|failure| failure.index == index);
        let done = (0..)
            .zip(&plan.steps)
            .filter(|(index, _)| !failed(*index))
            .map(|(_, step)| Ok(said(step)));
        let unread = reading.failures.iter().map(|it| Err(it.to_string()));
        let undone = failures.iter().map(|it| Err(it.to_string()));
        done.chain(unread).chain(undone).collect()
    }
}

impl Kernel for Ipvs {}

impl Kernel for SimulatedKernel {}

/// What was done, as the log says it.
pub(super) fn said(step: &HostStep) -> String {
    match step {
        HostStep::SetSetting { name, from, to } => format!("{name} {from} -> {to}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Host, Seconds, SysctlName, Timeouts};

    #[test]
    fn settings_are_told_when_they_are_settled_and_not_again() {
        let settings = IpvsSettings {
            tcp_timeout: Some(Seconds(800)),
            tcp_fin_timeout: None,
            udp_timeout: None,
            expire_nodest_conn: Some(true),
        };
        let name = SysctlName::net(&["ipv4", "vs", "expire_nodest_conn"]);
        let mut kernel = SimulatedKernel {
            host: Host {
                settings: [(name, 0)].into(),
                timeouts: Some(Timeouts {
                    tcp: Seconds(900),
                    tcp_fin: Seconds(120),
                    udp: Seconds(300),
                }),
                ..Host::default()
            },
            ..SimulatedKernel::default()
        };
        assert_eq!(
            kernel.settle(&settings),
            [
                Ok("timeouts (tcp tcpfin udp) 900 120 300 -> 800 120 300".to_owned()),
                Ok("net.ipv4.vs.expire_nodest_conn 0 -> 1".to_owned()),
            ]
        );
        assert_eq!(kernel.settle(&settings), []);
    }
}
