// SPDX-License-Identifier: MIT OR Apache-2.0
//! Starts and stops against a host that is a value.

use std::collections::BTreeSet;
use std::net::IpAddr;

use lvs_director::model::{Host, InterfaceAddress, Link, SysctlName, TunnelDevice};
use lvs_director::plan::{AddressSettings, HostStep};

use super::*;
use crate::observed::Observed as _;
use crate::parts::{Outcome, outcome, parts};
use crate::placement::Placement;
use crate::setting::{Purpose, Setting, ipv6_off};

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
        observed.settings.insert(ipv6_off(interface), 0);
    }
    observed
}

/// The addresses of a host that is no director.
const fn nowhere() -> BTreeSet<IpAddr> {
    BTreeSet::new()
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
    let parts = parts(&wanted(), &observed, &nowhere());
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
            let parts = parts(&remaining, &observed, &nowhere());
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
    let parts = parts(&[adopted].into(), &observed, &nowhere());
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
    let parts = parts(&[tunneled("192.0.2.10")].into(), &observed, &nowhere());
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
    let conflicts = conflicts(&wanted(), &observed, &nowhere());
    assert_eq!(conflicts.len(), 2, "{conflicts:?}");
    assert!(conflicts[0].contains("ip address delete 192.0.2.10/32 dev eth0"));
    assert!(conflicts[1].contains("ip address delete 192.0.2.11/24 dev lo"));
}

#[test]
fn a_director_is_told_to_leave_its_vip_where_it_is() {
    let mut observed = host();
    let vip = "192.0.2.10".parse().unwrap();
    observed.addresses.push(InterfaceAddress::new(2, vip, 32));
    let (wanted, directed) = ([Placement::direct(vip)].into(), [vip].into());
    let conflicts = conflicts(&wanted, &observed, &directed);
    assert!(conflicts[0].contains("this host is a director for it"));
    assert!(!conflicts[0].contains("delete"), "{conflicts:?}");
    let parts = parts(&wanted, &observed, &directed);
    let part = parts.iter().find(|it| it.part == "192.0.2.10/32 on eth0");
    assert!(part.unwrap().detail.is_some());
    assert!(parts.iter().all(|part| part.mend.is_none()), "{parts:?}");
}

#[test]
fn an_ipv6_vip_where_ipv6_is_off_is_a_conflict() {
    let wanted = [
        direct("192.0.2.10"),
        direct("2001:db8::10"),
        tunneled("2001:db8::11"),
    ]
    .into();
    let mut observed = host();
    assert_eq!(conflicts(&wanted, &observed, &nowhere()), [""; 0]);
    observed.settings.insert(ipv6_off("lo"), 1);
    observed.links.retain(|link| link.name != "ip6tnl0");
    observed.settings.insert(ipv6_off("default"), 1);
    let told = conflicts(&wanted, &observed, &nowhere());
    assert_eq!(
        told[0],
        "2001:db8::10/128 on lo cannot be: IPv6 is off there (net.ipv6.conf.lo.disable_ipv6 is 1); switch it on with: \
         sysctl -w net.ipv6.conf.lo.disable_ipv6=0"
    );
    assert!(
        told[1].contains("net.ipv6.conf.default.disable_ipv6=0"),
        "{told:?}"
    );
    observed.settings.clear();
    let told = conflicts(&wanted, &observed, &nowhere());
    assert!(told[0].contains("runs without IPv6"), "{told:?}");
    assert_eq!(told.len(), 2);
}
