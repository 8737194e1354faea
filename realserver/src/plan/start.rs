// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a start changes. The settings come first: a VIP that is there before them is answered for.

use std::collections::BTreeSet;

use super::{Change, Plan};
use crate::observed::Observed;
use crate::parts::{devices, settings};
use crate::placement::{Device, Placement};
use crate::state::State;

/// Why these VIPs must not be started on this host: somebody has them where they do harm. Each with its remedy.
#[must_use]
pub fn conflicts(wanted: &BTreeSet<Placement>, observed: &Observed) -> Vec<String> {
    let vips: BTreeSet<_> = wanted.iter().map(|placement| placement.vip).collect();
    let mut conflicts = Vec::new();
    for vip in vips {
        for found in observed.misplaced(vip) {
            let (interface, prefix) = (observed.interface(found.index), found.prefix);
            let why = match observed.device(found.index) {
                None => "this host would go on answering for the VIP there",
                Some(_) => "which makes all of that network this host's own",
            };
            conflicts.push(format!(
                "{vip} is on {interface} as {vip}/{prefix}: {why}; remove it with: ip address delete {vip}/{prefix} \
                 dev {interface}"
            ));
        }
    }
    conflicts
}

/// The tunnel devices to make before anything else can be looked at.
#[must_use]
pub fn missing_devices(wanted: &BTreeSet<Placement>, observed: &Observed) -> Vec<Device> {
    let mut missing = devices(wanted);
    missing.retain(|device| observed.link(*device).is_none());
    missing
}

/// The changes that complete a set-up; none when it is complete. All devices are there by now.
#[must_use]
pub fn start(wanted: &BTreeSet<Placement>, observed: &Observed, before: &State) -> Plan {
    let (mut changes, mut notes) = (Vec::new(), Vec::new());
    let mut state = before.clone();
    for setting in settings(wanted, observed) {
        let Some(from) = observed.value(&setting) else {
            continue;
        };
        if !setting.purpose.served_by(from) {
            let (name, to) = (setting.sysctl(), setting.purpose.value());
            state.hold_setting(name.clone(), from, to);
            changes.push(Change::Set { name, from, to });
        }
    }
    for device in devices(wanted) {
        if observed.link(device).is_some_and(|link| !link.up) {
            changes.push(Change::Up { device });
            // A host whose lo is down is not a state worth going back to.
            if device.tunnel().is_some() {
                state.hold_device(device);
            }
        }
    }
    let mut labels = Vec::new();
    for placement in wanted {
        if observed.placed(*placement).is_some() {
            if !state.holds(*placement) {
                notes.push(format!(
                    "{placement} was there already: adopted, and left there by a stop that does not name it"
                ));
            }
            state.hold(*placement, false);
            continue;
        }
        let labelled = placement.vip.is_ipv4() && placement.device == Device::Lo;
        let label = labelled.then(|| observed.free_label(&labels));
        labels.extend(label.clone());
        state.hold(*placement, true);
        let placement = *placement;
        changes.push(Change::Add { placement, label });
    }
    Plan {
        changes,
        state,
        notes,
    }
}
