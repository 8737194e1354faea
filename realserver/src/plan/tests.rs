// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts and stops against a host that is a value.

use std::collections::BTreeSet;

use lvs_director::model::{Host, InterfaceAddress, Link, SysctlName, TunnelDevice};
use lvs_director::plan::{AddressSettings, HostStep};

use super::*;
use crate::observed::Observed as _;
use crate::parts::{Outcome, outcome, parts};
use crate::placement::Placement;
use crate::setting::{Purpose, Setting};

/// A host with `lo`, `eth0` and both tunnel devices, the latter down, and every setting at 0.
fn host() -> Host {
    let mut observed = Host::default();
    for (index, name) in (1..).zip(["lo", "eth0", "tunl0", "ip6tnl0"]) {
        let up = !name.contains('t') || name == "eth0";
        let link = Link::new(index, name);
        observed.links.push(Link { up, ..link });
    }
    for interface in ["all", "lo", "eth0", "tunl0", "ip6tnl0"] {
        for key in ["arp_ignore", "arp_announce", "rp_filter"] {
            observed
                .settings
                .insert(SysctlName::ipv4_conf(interface, key), 0);
        }
    }
    observed
}

fn apply(observed: &mut Host, change: &HostStep) {
    if let HostStep::SetSetting { name, from, .. } = change {
        assert_eq!(observed.settings.get(name), Some(from));
    }
    change.apply_to(observed).unwrap();
}

fn apply_all(observed: &mut Host, changes: &[HostStep]) {
    for change in changes {
        apply(observed, change);
    }
}

fn direct(vip: &str) -> Placement {
    Placement::direct(vip.parse().unwrap())
}

fn tunneled(vip: &str) -> Placement {
    Placement::tunneled(vip.parse().unwrap())
}

fn wanted() -> BTreeSet<Placement> {
    BTreeSet::from([
        direct("192.0.2.10"),
        direct("192.0.2.11"),
        direct("2001:db8::10"),
        tunneled("192.0.2.10"),
        tunneled("2001:db8::11"),
    ])
}

#[test]
fn a_start_is_complete_after_its_changes_and_starting_again_changes_nothing() {
    let mut observed = host();
    let plan = start(&wanted(), &observed, &State::default());
    apply_all(&mut observed, &plan.changes);
    let parts = parts(&wanted(), &observed);
    assert_eq!(
        outcome(&parts, &wanted(), &observed, &plan.state),
        Outcome::Running
    );
    let again = start(&wanted(), &observed, &plan.state);
    assert_eq!((again.changes, again.state), (vec![], plan.state));
}

#[test]
fn a_start_that_stopped_anywhere_is_completed_or_taken_back() {
    let before = host();
    let plan = start(&wanted(), &before, &State::default());
    for length in 0..=plan.changes.len() {
        let mut observed = before.clone();
        apply_all(&mut observed, &plan.changes[..length]);
        let mut completed = observed.clone();
        let rest = start(&wanted(), &observed, &plan.state);
        apply_all(&mut completed, &rest.changes);
        let back = stop(&Leaving::Started, &completed, &rest.state);
        apply_all(&mut completed, &back.changes);
        assert_eq!(
            (completed, back.state.is_empty()),
            (before.clone(), true),
            "{length}"
        );
        let back = stop(&Leaving::Started, &observed, &plan.state);
        apply_all(&mut observed, &back.changes);
        assert_eq!(
            (observed, back.state.is_empty()),
            (before.clone(), true),
            "{length}"
        );
    }
}

#[test]
fn no_vip_is_there_while_the_host_would_answer_for_it() {
    let mut observed = host();
    let silent = |observed: &Host| {
        let purposes = [Purpose::Silence, Purpose::Discretion];
        purposes.into_iter().all(|purpose| {
            let value = observed.value(&Setting::new("all", purpose));
            purpose.served_by(value.unwrap())
        })
    };
    let check = |observed: &Host| {
        let there = observed
            .addresses
            .iter()
            .any(|found| found.address.is_ipv4());
        assert!(!there || silent(observed));
    };
    let plan = start(&wanted(), &observed, &State::default());
    for change in &plan.changes {
        apply(&mut observed, change);
        check(&observed);
    }
    for change in stop(&Leaving::Started, &observed, &plan.state).changes {
        apply(&mut observed, &change);
        check(&observed);
    }
    assert_eq!(observed, host());
}

#[test]
fn vips_may_be_stopped_one_by_one_in_any_order() {
    let mut observed = host();
    let mut state = start(&wanted(), &observed, &State::default()).state;
    apply_all(
        &mut observed,
        &start(&wanted(), &host(), &State::default()).changes,
    );
    let mut remaining = wanted();
    for placement in wanted().into_iter().rev() {
        let plan = stop(&Leaving::Named([placement].into()), &observed, &state);
        apply_all(&mut observed, &plan.changes);
        state = plan.state;
        remaining.remove(&placement);
        if !remaining.is_empty() {
            let parts = parts(&remaining, &observed);
            let outcome = outcome(&parts, &remaining, &observed, &state);
            assert_eq!(outcome, Outcome::Running, "without {placement}");
        }
    }
    assert_eq!((observed, state.is_empty()), (host(), true));
}

#[test]
fn labels_are_not_given_twice() {
    let mut observed = host();
    let plan = start(&[direct("192.0.2.9")].into(), &observed, &State::default());
    apply_all(&mut observed, &plan.changes);
    let plan = start(&wanted(), &observed, &plan.state);
    let labels: Vec<_> = plan
        .changes
        .iter()
        .filter_map(|change| match change {
            HostStep::AddAddress { settings, .. } => settings.label.as_deref(),
            _ => None,
        })
        .collect();
    assert_eq!(labels, ["lo:1", "lo:2"]);
}

#[test]
fn what_was_there_before_stays_and_keeps_its_settings() {
    let mut observed = host();
    let adopted = direct("192.0.2.10");
    apply(
        &mut observed,
        &HostStep::AddAddress {
            address: adopted.key(),
            settings: AddressSettings::default(),
        },
    );
    let plan = start(&wanted(), &observed, &State::default());
    assert_eq!(plan.notes.len(), 1);
    apply_all(&mut observed, &plan.changes);
    let plan = stop(&Leaving::Started, &observed, &plan.state);
    apply_all(&mut observed, &plan.changes);
    let parts = parts(&[adopted].into(), &observed);
    let after = outcome(&parts, &[adopted].into(), &observed, &plan.state);
    assert_eq!(after, Outcome::Running);
    let plan = stop(&Leaving::Named([adopted].into()), &observed, &plan.state);
    apply_all(&mut observed, &plan.changes);
    assert_eq!((observed, plan.state.is_empty()), (host(), true));
}

#[test]
fn a_missing_tunnel_device_is_made_first() {
    let mut observed = host();
    observed.links.retain(|link| link.name != "tunl0");
    let missing = missing_devices(&wanted(), &observed);
    assert_eq!(
        missing,
        [HostStep::MakeTunnel {
            device: TunnelDevice::Tunl0
        }]
    );
    let parts = parts(&[tunneled("192.0.2.10")].into(), &observed);
    assert_eq!(
        parts[0].mend.as_deref(),
        Some("modprobe ipip && ip link set tunl0 up")
    );
}

#[test]
fn a_conflict_is_any_other_interface_and_any_network() {
    let mut observed = host();
    let mut add = |index, address: &str, prefix| {
        let address = address.parse().unwrap();
        let address = InterfaceAddress::new(index, address, prefix);
        observed.addresses.push(address);
    };
    add(2, "192.0.2.10", 32);
    add(1, "192.0.2.11", 24);
    add(3, "2001:db8::10", 128);
    let conflicts = conflicts(&wanted(), &observed);
    assert_eq!(conflicts.len(), 2, "{conflicts:?}");
    assert!(conflicts[0].contains("ip address delete 192.0.2.10/32 dev eth0"));
    assert!(conflicts[1].contains("ip address delete 192.0.2.11/24 dev lo"));
}
