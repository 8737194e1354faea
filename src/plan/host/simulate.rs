// SPDX-License-Identifier: MIT OR Apache-2.0
//! The host part of a simulated kernel.

use nix::errno::Errno;

use super::{HostFailure, HostPart, HostReading, HostScope, HostStep, HostTarget};
use crate::model::Host;
use crate::plan::SimulatedKernel;

impl HostTarget for SimulatedKernel {
    type HostError = Errno;

    fn read_host(&mut self, scope: &HostScope) -> HostReading<Errno> {
        HostReading {
            host: seen(&self.host, scope),
            failures: Vec::new(),
        }
    }

    fn apply_host(&mut self, steps: &[HostStep]) -> Vec<HostFailure<Errno>> {
        let failure = |(index, step): (usize, &HostStep)| {
            let error = step.apply_to(&mut self.host).err()?;
            let step = step.clone();
            Some(HostFailure { index, step, error })
        };
        steps.iter().enumerate().filter_map(failure).collect()
    }
}

/// The parts of a host that a scope names.
fn seen(host: &Host, scope: &HostScope) -> Host {
    let settings = host.settings.iter();
    let timeouts = scope.has(HostPart::Timeouts);
    Host {
        links: shown(scope.has(HostPart::Links), &host.links),
        addresses: shown(scope.has(HostPart::Addresses), &host.addresses),
        neighbours: shown(scope.has(HostPart::Neighbours), &host.neighbours),
        routes: shown(scope.has(HostPart::Routes), &host.routes),
        settings: settings
            .filter(|(name, _)| scope.settings.contains(name))
            .map(|(name, value)| (name.clone(), *value))
            .collect(),
        timeouts: host.timeouts.filter(|_| timeouts),
        sync_daemons: shown(scope.has(HostPart::SyncDaemons), &host.sync_daemons),
    }
}

fn shown<T: Clone>(shown: bool, all: &[T]) -> Vec<T> {
    if shown { all.to_vec() } else { Vec::new() }
}
