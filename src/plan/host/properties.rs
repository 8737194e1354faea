// SPDX-License-Identifier: MIT OR Apache-2.0
//! The laws of a host's plan, against random hosts and random wishes.
//!
//! Both use the same few interfaces, addresses and settings. So the two sides overlap in every way.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::model::{
    AddressKey, AddressLifetime, AddressScope, Adoption, Host, InterfaceAddress, IpvsSettings,
    Link, Seconds, SyncDaemon, SyncRole, SysctlName, Timeouts, TunnelDevice,
};
use crate::plan::SimulatedKernel;

const INTERFACES: [&str; 4] = ["lo", "eth0", "tunl0", "gone0"];
const ADDRESSES: [&str; 3] = ["192.0.2.10", "192.0.2.11", "2001:db8::10"];

fn interface() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&INTERFACES[..])
}

fn setting_name() -> impl Strategy<Value = SysctlName> {
    (interface(), 0..2_u8).prop_map(|(interface, key)| {
        SysctlName::ipv4_conf(interface, ["arp_ignore", "rp_filter"][usize::from(key)])
    })
}

fn lifetime() -> impl Strategy<Value = AddressLifetime> {
    prop_oneof![
        Just(AddressLifetime::FOREVER),
        Just(AddressLifetime::DEPRECATED),
        (1..9_u32, 0..9_u32).prop_map(|(valid, preferred)| AddressLifetime {
            valid: Some(Seconds(valid)),
            preferred: Some(Seconds(preferred)),
        }),
    ]
}

fn scope() -> impl Strategy<Value = AddressScope> {
    prop_oneof![Just(AddressScope::Global), Just(AddressScope::Host)]
}

fn label() -> impl Strategy<Value = Option<String>> {
    option::of((0..2_u8).prop_map(|number| format!("lo:{number}")))
}

fn address_key() -> impl Strategy<Value = AddressKey> {
    (interface(), prop::sample::select(&ADDRESSES[..])).prop_map(|(interface, text)| {
        let address: std::net::IpAddr = text.parse().unwrap();
        AddressKey::new(interface, address, if address.is_ipv4() { 32 } else { 128 })
    })
}

fn address_settings() -> impl Strategy<Value = AddressSettings> {
    (label(), scope(), lifetime(), any::<bool>()).prop_map(|(label, scope, lifetime, nodad)| {
        AddressSettings {
            label,
            scope,
            lifetime,
            nodad,
        }
    })
}

fn timeouts() -> impl Strategy<Value = Timeouts> {
    (1..3_u32, 1..3_u32, 1..3_u32).prop_map(|(tcp, tcp_fin, udp)| Timeouts {
        tcp: Seconds(tcp),
        tcp_fin: Seconds(tcp_fin),
        udp: Seconds(udp),
    })
}

fn sync_daemon(role: SyncRole) -> impl Strategy<Value = SyncDaemon> {
    (0..2_u8, 0..2_u16, 0..2_u8).prop_map(move |(sync_id, port, ttl)| SyncDaemon {
        role,
        interface: "eth0".to_owned(),
        sync_id,
        max_length: 0,
        group: None,
        port: port * 8848,
        ttl,
    })
}

/// A host with `lo`, `eth0` and perhaps `tunl0`.
fn host() -> impl Strategy<Value = Host> {
    let found = (address_settings(), any::<bool>(), any::<bool>());
    (
        any::<[bool; 3]>(),
        any::<bool>(),
        btree_map(address_key(), found, 0..6),
        btree_map(setting_name(), 0..3_i32, 0..8),
        option::of(timeouts()),
        option::of(sync_daemon(SyncRole::Master)),
        option::of(sync_daemon(SyncRole::Backup)),
    )
        .prop_map(
            |(up, tunnel, addresses, settings, timeouts, master, backup)| {
                let mut host = Host {
                    settings,
                    timeouts,
                    sync_daemons: master.into_iter().chain(backup).collect(),
                    ..Host::default()
                };
                let names = INTERFACES.iter().take(if tunnel { 3 } else { 2 });
                for ((index, name), up) in (1..).zip(names).zip(up) {
                    let link = Link::new(index, name);
                    host.links.push(Link { up, ..link });
                }
                for (key, (settings, tentative, duplicate)) in addresses {
                    let Some(index) = host.link(&key.interface).map(|link| link.index) else {
                        continue;
                    };
                    let found = settings.at(&key, index);
                    host.addresses.push(InterfaceAddress {
                        tentative,
                        duplicate,
                        ..found
                    });
                }
                host
            },
        )
}

fn desired() -> impl Strategy<Value = DesiredHost> {
    let timeout = || option::of((0..3_u32).prop_map(Seconds));
    (
        any::<bool>(),
        vec((interface(), any::<bool>()), 0..4),
        vec((setting_name(), 0..3_i32, any::<bool>()), 0..5),
        (timeout(), timeout(), timeout()),
        option::of(option::of(sync_daemon(SyncRole::Master))),
        option::of(option::of(sync_daemon(SyncRole::Backup))),
        vec((address_key(), option::of(address_settings())), 0..5),
    )
        .prop_map(
            |(tunnel, links, settings, (tcp, tcp_fin, udp), master, backup, addresses)| {
                let mut desired = DesiredHost::default();
                if tunnel {
                    desired.tunnel(TunnelDevice::Tunl0);
                }
                for (interface, up) in links {
                    desired.link(interface, up);
                }
                for (name, value, optional) in settings {
                    if optional {
                        desired.optional_setting(name, value);
                    } else {
                        desired.setting(name, value);
                    }
                }
                desired.timeouts(DesiredTimeouts { tcp, tcp_fin, udp });
                for (role, wanted) in [(SyncRole::Master, master), (SyncRole::Backup, backup)] {
                    match wanted {
                        None => {}
                        Some(None) => desired.no_sync_daemon(role),
                        Some(Some(daemon)) => desired.sync_daemon(daemon),
                    }
                }
                for (key, settings) in addresses {
                    match settings {
                        Some(settings) => desired.address(key, settings),
                        None => desired.no_address(key),
                    }
                }
                desired
            },
        )
}

fn carry_out(plan: &HostPlan, host: &Host) -> Host {
    let mut kernel = SimulatedKernel {
        host: host.clone(),
        ..SimulatedKernel::default()
    };
    assert_eq!(kernel.apply_host(&plan.steps), []);
    kernel.host
}

/// Whether an address is usable as wanted.
fn serves(found: &InterfaceAddress, wanted: &AddressSettings) -> bool {
    let lives = wanted.lifetime.is_served_by(found.lifetime);
    let v4 = wanted.label.is_none() || wanted.label == found.label;
    lives
        && if found.address.is_ipv4() {
            v4 && wanted.scope == found.scope
        } else {
            !wanted.nodad || !(found.tentative || found.duplicate)
        }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn carrying_a_plan_out_gives_what_was_asked_for(desired in desired(), observed in host()) {
        let plan = diff_host(&desired, &observed);
        let host = carry_out(&plan, &observed);
        let missing = |what| plan.missing.contains(&what);
        for device in &desired.tunnels {
            prop_assert!(host.link(device.name()).is_some());
        }
        for (interface, up) in &desired.links {
            let now = host.link(interface).map(|link| link.up);
            prop_assert!(now == Some(*up) || missing(Missing::Link(interface.clone())));
        }
        for (name, value) in &desired.settings {
            let now = host.settings.get(name);
            let optional = desired.optional.contains(name);
            prop_assert_eq!(missing(Missing::Setting(name.clone())), now.is_none() && !optional);
            prop_assert!(now.is_none_or(|now| now == value));
        }
        if desired.timeouts != DesiredTimeouts::default() {
            match host.timeouts {
                Some(now) => prop_assert_eq!(desired.timeouts.over(now), now),
                None => prop_assert!(missing(Missing::Timeouts)),
            }
        }
        for (role, wanted) in &desired.sync_daemons {
            let running = host.sync_daemon(*role).map(|daemon| daemon.sync_id);
            prop_assert_eq!(running, wanted.as_ref().map(|daemon| daemon.sync_id));
        }
        for (key, wanted) in &desired.addresses {
            match (host.address(key), wanted) {
                (Some(found), Some(wanted)) => prop_assert!(serves(found, wanted), "{key}"),
                (None, Some(_)) => prop_assert!(missing(Missing::Link(key.interface.clone()))),
                (found, None) => prop_assert!(found.is_none(), "{key}"),
            }
        }
    }

    #[test]
    fn planning_again_gives_no_steps(desired in desired(), observed in host()) {
        let plan = diff_host(&desired, &observed);
        let again = diff_host(&desired, &carry_out(&plan, &observed));
        prop_assert_eq!(again.steps, []);
        prop_assert_eq!(again.missing, plan.missing);
    }

    #[test]
    fn what_was_not_asked_for_is_untouched(desired in desired(), observed in host()) {
        let host = carry_out(&diff_host(&desired, &observed), &observed);
        for link in &observed.links {
            if !desired.links.iter().any(|(name, _)| *name == link.name) {
                prop_assert_eq!(host.link(&link.name), Some(link));
            }
        }
        prop_assert!(desired.tunnels.len() >= host.links.len() - observed.links.len());
        for (name, value) in &observed.settings {
            if !desired.settings.iter().any(|(known, _)| known == name) {
                prop_assert_eq!(host.settings.get(name), Some(value));
            }
        }
        prop_assert_eq!(observed.settings.len(), host.settings.len());
        if let (Some(before), Some(now)) = (observed.timeouts, host.timeouts) {
            for (asked, before, now) in [
                (desired.timeouts.tcp, before.tcp, now.tcp),
                (desired.timeouts.tcp_fin, before.tcp_fin, now.tcp_fin),
                (desired.timeouts.udp, before.udp, now.udp),
            ] {
                prop_assert_eq!(now, asked.filter(|asked| asked.0 > 0).unwrap_or(before));
            }
        }
        for role in [SyncRole::Master, SyncRole::Backup] {
            if !desired.sync_daemons.iter().any(|(asked, _)| *asked == role) {
                prop_assert_eq!(host.sync_daemon(role), observed.sync_daemon(role));
            }
        }
        let asked = |found: &InterfaceAddress| {
            let key = |key: &AddressKey| host.address(key).or(observed.address(key)).is_some_and(|it| {
                (it.index, it.address, it.prefix) == (found.index, found.address, found.prefix)
            });
            desired.addresses.iter().any(|(asked, _)| key(asked))
        };
        for found in &observed.addresses {
            prop_assert!(asked(found) || host.addresses.contains(found));
        }
        for found in &host.addresses {
            prop_assert!(asked(found) || observed.addresses.contains(found));
        }
    }

    #[test]
    fn addresses_come_last_and_go_first(desired in desired(), observed in host()) {
        let steps = diff_host(&desired, &observed).steps;
        let comes = |step: &HostStep| matches!(step, HostStep::AddAddress { .. } | HostStep::RenewAddress { .. });
        let gone = desired.addresses.iter().filter(|(_, settings)| settings.is_none());
        let gone: Vec<_> = gone.map(|(key, _)| HostStep::RemoveAddress { address: key.clone() }).collect();
        let goes = |step: &HostStep| gone.contains(step);
        let of_address = |step: &HostStep| comes(step) || matches!(step, HostStep::RemoveAddress { .. });
        let first_coming = steps.iter().position(|step| of_address(step) && !goes(step)).unwrap_or(steps.len());
        prop_assert!(steps[first_coming..].iter().all(of_address));
        let last_going = steps.iter().rposition(goes).map_or(0, |last| last + 1);
        prop_assert!(steps[..last_going].iter().all(goes));
    }

    #[test]
    fn every_step_is_needed(desired in desired(), observed in host()) {
        let steps = diff_host(&desired, &observed).steps;
        for left_out in 0..steps.len() {
            let mut host = observed.clone();
            for (_, step) in steps.iter().enumerate().filter(|(index, _)| *index != left_out) {
                // Steps that need the omitted step fail.
                let _ = step.apply_to(&mut host);
            }
            prop_assert!(!diff_host(&desired, &host).is_empty(), "{}", steps[left_out]);
        }
    }

    #[test]
    fn the_scope_shows_all_that_the_plan_depends_on(desired in desired(), observed in host()) {
        let mut kernel = SimulatedKernel { host: observed.clone(), ..SimulatedKernel::default() };
        let seen = kernel.read_host(&desired.scope()).host;
        prop_assert_eq!(diff_host(&desired, &seen), diff_host(&desired, &observed));
    }

    #[test]
    fn hosts_wishes_and_plans_are_read_as_they_were_written(desired in desired(), observed in host()) {
        let plan = diff_host(&desired, &observed);
        let text = serde_json::to_string(&(&desired, &observed, &plan)).unwrap();
        let read: (DesiredHost, Host, HostPlan) = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(read, (desired, observed, plan));
    }
}

#[test]
fn the_configuration_asks_for_what_it_names_and_no_more() {
    let nothing = IpvsSettings {
        tcp_timeout: None,
        tcp_fin_timeout: None,
        udp_timeout: None,
        expire_nodest_conn: None,
        expire_quiescent_template: None,
        conn_reuse_mode: None,
        conn_lfactor: None,
        adopt_connections: Adoption::Always,
    };
    assert!(desired_host(&nothing).is_empty());
    assert_eq!(desired_host(&nothing).scope(), HostScope::default());
    let settings = IpvsSettings {
        tcp_timeout: Some(Seconds(800)),
        expire_nodest_conn: Some(true),
        expire_quiescent_template: Some(true),
        ..nothing
    };
    let desired = desired_host(&settings);
    let [nodest, template] = ["expire_nodest_conn", "expire_quiescent_template"]
        .map(|name| (SysctlName::net(&["ipv4", "vs", name]), 0));
    let mut host = Host {
        settings: [nodest, template].into(),
        timeouts: Some(Timeouts {
            tcp: Seconds(900),
            tcp_fin: Seconds(120),
            udp: Seconds(300),
        }),
        ..Host::default()
    };
    let plan = diff_host(&desired, &host);
    let said: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "timeouts (tcp tcpfin udp) 900 120 300 -> 800 120 300",
            "set net.ipv4.vs.expire_nodest_conn: 0 -> 1",
            "set net.ipv4.vs.expire_quiescent_template: 0 -> 1",
        ]
    );
    assert!(!desired.is_served_by(&host));
    host = carry_out(&plan, &host);
    assert!(desired.is_served_by(&host));
}

#[test]
fn the_load_factor_is_wanted_only_where_the_kernel_has_it() {
    let settings = IpvsSettings {
        conn_lfactor: Some(-8),
        ..IpvsSettings::default()
    };
    let desired = desired_host(&settings);
    let name = SysctlName::net(&["ipv4", "vs", "conn_lfactor"]);
    let asked = [name.clone()];
    let scope = HostScope {
        optional: [name.clone()].into(),
        ..HostScope::of_settings(asked)
    };
    assert_eq!(desired.scope(), scope);
    let older = Host::default();
    assert_eq!(diff_host(&desired, &older), HostPlan::default());
    assert!(desired.is_served_by(&older));
    let newer = Host {
        settings: [(name, -4)].into(),
        ..Host::default()
    };
    let plan = diff_host(&desired, &newer);
    let said: Vec<_> = plan.steps.iter().map(ToString::to_string).collect();
    assert_eq!(said, ["set net.ipv4.vs.conn_lfactor: -4 -> -8"]);
    assert!(desired.is_served_by(&carry_out(&plan, &newer)));
}

#[test]
fn a_sync_daemon_that_runs_with_the_kernels_defaults_is_left_alone() {
    let wanted = SyncDaemon {
        role: SyncRole::Master,
        interface: "eth0".to_owned(),
        sync_id: 7,
        max_length: 0,
        group: None,
        port: 0,
        ttl: 0,
    };
    let running = SyncDaemon {
        max_length: 1460,
        group: Some("224.0.0.81".parse().unwrap()),
        port: 8848,
        ttl: 1,
        ..wanted.clone()
    };
    let mut desired = DesiredHost::default();
    desired.sync_daemon(wanted);
    let mut host = Host {
        sync_daemons: vec![running],
        ..Host::default()
    };
    assert!(diff_host(&desired, &host).is_empty());
    host.sync_daemons[0].ttl = 2;
    let said: Vec<_> = diff_host(&desired, &host)
        .steps
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "stopped master sync daemon",
            "started master sync daemon (mcast=eth0, syncid=7)"
        ]
    );
}

#[test]
fn a_label_is_changed_by_removing_and_adding_at_once() {
    let key = AddressKey::new("eth0", "192.0.2.10".parse().unwrap(), 32);
    let mut host = Host::default();
    host.links.push(Link::new(2, "eth0"));
    let mut settings = AddressSettings::default();
    host.addresses.push(settings.at(&key, 2));
    settings.label = Some("eth0:vip".to_owned());
    let mut desired = DesiredHost::default();
    desired.address(key, settings);
    desired.link("eth0", true);
    let said: Vec<_> = diff_host(&desired, &host)
        .steps
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "set eth0 up",
            "removed 192.0.2.10/32 from eth0",
            "added 192.0.2.10/32 on eth0 (eth0:vip)"
        ]
    );
}
