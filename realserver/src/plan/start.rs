// SPDX-License-Identifier: MIT OR Apache-2.0
//! The changes of a start. The settings come first: without them the host would answer for the VIP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use lvs_director::model::Host;
use lvs_director::plan::{AddressSettings, DesiredHost, HostStep, diff_host};

use super::Plan;
use crate::observed::Observed as _;
use crate::parts::{devices, settings};
use crate::placement::{Device, Placement};
use crate::setting::ipv6_off;
use crate::state::State;

/// Why these VIPs must not be started on this host: somebody added them in a place where they do harm, or IPv6 is off.
/// Each reason has its remedy. `directed` are the addresses for which this host is a director.
#[must_use]
pub fn conflicts(
    wanted: &BTreeSet<Placement>,
    observed: &Host,
    directed: &BTreeSet<IpAddr>,
) -> Vec<String> {
    let vips: BTreeSet<_> = wanted.iter().map(|placement| placement.vip).collect();
    let mut conflicts = Vec::new();
    for vip in vips {
        for found in observed.misplaced(vip) {
            let (interface, prefix) = (observed.interface(found.index), found.prefix);
            if directed.contains(&vip) {
                conflicts.push(format!(
                    "{vip} is on {interface} as {vip}/{prefix}, and this host is a director for it: a director is no \
                     real server, leave the address there"
                ));
                continue;
            }
            let why = match observed.device(found.index) {
                None => "this host would go on answering for the VIP there",
                Some(_) => "with it this host accepts packets for that whole network",
            };
            conflicts.push(format!(
                "{vip} is on {interface} as {vip}/{prefix}: {why}; remove it with: ip address delete {vip}/{prefix} \
                 dev {interface}"
            ));
        }
    }
    let placements = wanted.iter().filter(|placement| placement.vip.is_ipv6());
    conflicts.extend(placements.filter_map(|placement| without_ipv6(placement, observed)));
    conflicts
}

/// Why the kernel would refuse this IPv6 address.
fn without_ipv6(placement: &Placement, observed: &Host) -> Option<String> {
    let device = placement.device.name();
    // A device that is made later begins with the default.
    let there = observed.link(device).is_some();
    let name = ipv6_off(if there { device } else { "default" });
    match observed.settings.get(&name) {
        Some(0) => None,
        Some(value) => Some(format!(
            "{placement} cannot be: IPv6 is off there ({name} is {value}); switch it on with: sysctl -w {name}=0"
        )),
        None => Some(format!(
            "{placement} cannot be: this kernel runs without IPv6; start it without ipv6.disable=1"
        )),
    }
}

/// The tunnel devices to make before anything else can be read.
#[must_use]
pub fn missing_devices(wanted: &BTreeSet<Placement>, observed: &Host) -> Vec<HostStep> {
    let mut desired = DesiredHost::default();
    for tunnel in devices(wanted).into_iter().filter_map(Device::tunnel) {
        desired.tunnel(tunnel);
    }
    diff_host(&desired, observed).steps
}

/// The changes that complete a set-up; none when it is complete. All devices exist by now.
#[must_use]
pub fn start(wanted: &BTreeSet<Placement>, observed: &Host, before: &State) -> Plan {
    let (mut desired, mut notes) = (DesiredHost::default(), Vec::new());
    let mut state = before.clone();
    for setting in settings(wanted, observed) {
        let Some(from) = observed.value(&setting) else {
            continue;
        };
        if !setting.purpose.served_by(from) {
            let (name, to) = (setting.name(), setting.purpose.value());
            state.hold_setting(name.clone(), from, to);
            desired.setting(name, to);
        }
    }
    for device in devices(wanted) {
        desired.link(device.name(), true);
        let down = observed.link(device.name()).is_some_and(|link| !link.up);
        // A host with lo down is not a state to restore.
        if down && device.tunnel().is_some() {
            state.hold_device(device);
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
        let settings = AddressSettings {
            label,
            nodad: placement.vip.is_ipv6(),
            ..AddressSettings::default()
        };
        desired.address(placement.key(), settings);
    }
    Plan {
        changes: diff_host(&desired, observed).steps,
        state,
        notes,
    }
}
