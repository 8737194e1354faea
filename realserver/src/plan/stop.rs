// SPDX-License-Identifier: MIT OR Apache-2.0
//! The changes of a stop. The VIPs go first: with the old settings the host would answer for them.

use std::collections::BTreeSet;

use lvs_director::model::Host;
use lvs_director::plan::{DesiredHost, diff_host};

use super::Plan;
use crate::observed::Observed as _;
use crate::placement::{Device, Placement};
use crate::state::{HeldSetting, State};

/// Which VIPs to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaving {
    /// All that `start` added.
    Started,
    /// These, even if somebody else added them.
    Named(BTreeSet<Placement>),
}

/// The changes that remove VIPs, and with the last VIP undo the changes made for them.
#[must_use]
pub fn stop(leaving: &Leaving, observed: &Host, before: &State) -> Plan {
    let mut plan = Plan {
        changes: Vec::new(),
        state: before.clone(),
        notes: Vec::new(),
    };
    let mut desired = DesiredHost::default();
    let gone = remove_vips(leaving, observed, &mut plan);
    for placement in &gone {
        desired.no_address(placement.key());
    }
    let staying = staying(&gone, observed, &plan.state);
    restore_settings(&staying, observed, &mut plan, &mut desired);
    lower_devices(&staying, &mut plan, &mut desired);
    plan.changes = diff_host(&desired, observed).steps;
    if before.is_empty() && !plan.changes.is_empty() {
        plan.notes.push(
            "nothing was remembered of a start: the settings stay, because the values before are not known".to_owned(),
        );
    }
    plan
}

fn remove_vips(leaving: &Leaving, observed: &Host, plan: &mut Plan) -> BTreeSet<Placement> {
    let gone: BTreeSet<Placement> = match leaving {
        Leaving::Started => {
            let added = plan.state.vips.iter().filter(|held| held.added);
            added.map(|held| held.placement()).collect()
        }
        Leaving::Named(named) => named.clone(),
    };
    plan.state
        .vips
        .retain(|held| !gone.contains(&held.placement()));
    // Adopted, and then removed by somebody: nothing is left to remember.
    plan.state
        .vips
        .retain(|held| held.added || observed.placed(held.placement()).is_some());
    if *leaving == Leaving::Started {
        for held in &plan.state.vips {
            plan.notes.push(format!(
                "{} was there before start: left there; remove it with: realserver stop --vip {}",
                held.placement(),
                held.vip
            ));
        }
    }
    for vip in gone
        .iter()
        .map(|placement| placement.vip)
        .collect::<BTreeSet<_>>()
    {
        for found in observed.misplaced(vip) {
            let interface = observed.interface(found.index);
            plan.notes.push(format!(
                "{vip}/{} on {interface} is not of realserver's making: left there",
                found.prefix
            ));
        }
    }
    gone
}

/// What still needs the settings: the VIPs that remain, and other addresses that may be VIPs.
fn staying(gone: &BTreeSet<Placement>, observed: &Host, state: &State) -> BTreeSet<Placement> {
    let started = state.vips.iter().map(|held| held.placement());
    observed
        .placements()
        .chain(started)
        .filter(|placement| !gone.contains(placement))
        .collect()
}

fn restore_settings(
    staying: &BTreeSet<Placement>,
    observed: &Host,
    plan: &mut Plan,
    desired: &mut DesiredHost,
) {
    let mut kept = Vec::new();
    for held in &plan.state.settings {
        if let Some(needed_by) = needed_by(held, staying) {
            if !plan.state.holds(needed_by) {
                plan.notes.push(format!(
                    "{} stays {}: {needed_by} needs it, which was not started here",
                    held.name, held.set
                ));
            }
            kept.push(held.clone());
            continue;
        }
        match observed.settings.get(&held.name).copied() {
            Some(now) if now == held.set => desired.setting(held.name.clone(), held.found),
            Some(now) if now != held.found => plan.notes.push(format!(
                "{} is {now}, neither the {} that start found nor the {} that it set: left as it is",
                held.name, held.found, held.set
            )),
            // It has its old value again, or is gone with its interface.
            Some(_) | None => {}
        }
    }
    plan.state.settings = kept;
}

/// One of the VIPs that needed the changed setting.
fn needed_by(held: &HeldSetting, staying: &BTreeSet<Placement>) -> Option<Placement> {
    let about_tunnels = held.name.to_string().ends_with(".rp_filter");
    let mut needing = staying.iter().filter(|placement| {
        placement.vip.is_ipv4() && (!about_tunnels || placement.device == Device::Tunl0)
    });
    needing.next().copied()
}

fn lower_devices(staying: &BTreeSet<Placement>, plan: &mut Plan, desired: &mut DesiredHost) {
    let needed = |device: &Device| staying.iter().any(|placement| placement.device == *device);
    for device in plan.state.raised.iter().filter(|device| !needed(device)) {
        desired.link(device.name(), false);
    }
    plan.state.raised.retain(needed);
}
