// SPDX-License-Identifier: MIT OR Apache-2.0
//! A host's plan works on a real kernel, and reading shows it.
#![allow(
    clippy::expect_used,
    reason = "a test that cannot run fails, and says why at length"
)]

use std::path::Path;

use lab::namespace::Namespace;
use lvs_director::kernel::LocalHost;
use lvs_director::model::{
    AddressKey, AddressLifetime, AddressScope, Seconds, SyncDaemon, SyncRole, SysctlName,
    TunnelDevice,
};
use lvs_director::plan::{
    AddressSettings, DesiredHost, DesiredTimeouts, HostPart, HostPlan, HostScope, HostTarget as _,
    diff_host,
};

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("what_is_asked_for_comes_about_and_stays", comes_about),
        ("a_vip_is_placed_renewed_relabelled_and_removed", vip),
        ("what_cannot_be_done_is_said_and_holds_nothing_up", failures),
        ("routes_and_neighbours_are_read", routes_and_neighbours),
    ]
}

/// A link `v0` with an address of its own; its other end is in the same namespace.
fn host() -> (Namespace, LocalHost<'static>) {
    let here = Namespace::open(Path::new("/proc/thread-self/ns/net")).expect("open the namespace");
    here.ip(
        "link add v0 type veth peer name v1\nlink set v0 addrgenmode none\nlink set v0 up\n\
         link set v1 up\naddress add 192.0.2.1/24 dev v0\n",
    )
    .expect("make a pair of links");
    (here, LocalHost::new())
}

fn plan(host: &mut LocalHost<'_>, desired: &DesiredHost) -> HostPlan {
    let reading = host.read_host(&desired.scope());
    assert_eq!(reading.failures, []);
    diff_host(desired, &reading.host)
}

/// Carries out what is wanted. Returns the completed steps in words.
fn carry_out(host: &mut LocalHost<'_>, desired: &DesiredHost) -> Vec<String> {
    let HostPlan { steps, missing } = plan(host, desired);
    assert_eq!(missing, []);
    assert_eq!(host.apply_host(&steps), []);
    let again = plan(host, desired);
    assert_eq!((again.steps, again.missing), (vec![], vec![]));
    steps.iter().map(ToString::to_string).collect()
}

fn comes_about() {
    let (_here, mut host) = host();
    let mut desired = DesiredHost::default();
    desired.tunnel(TunnelDevice::Tunl0);
    desired.link("tunl0", true);
    desired.link("v1", false);
    desired.setting(SysctlName::ipv4_conf("v0", "arp_ignore"), 1);
    desired.setting(SysctlName::net(&["ipv4", "vs", "expire_nodest_conn"]), 1);
    desired.timeouts(DesiredTimeouts {
        tcp: None,
        tcp_fin: Some(Seconds(77)),
        udp: None,
    });
    desired.sync_daemon(SyncDaemon {
        role: SyncRole::Master,
        interface: "v0".to_owned(),
        sync_id: 7,
        max_length: 0,
        group: None,
        port: 0,
        ttl: 0,
    });
    let key = AddressKey::new("tunl0", "192.0.2.10".parse().expect("an address"), 32);
    desired.address(key, AddressSettings::default());
    // The kernel may have made the device in this namespace with its module.
    let done = carry_out(&mut host, &desired);
    let made = usize::from(done[0] == "made tunnel device tunl0");
    assert_eq!(
        done[made..],
        [
            "timeouts (tcp tcpfin udp) 900 120 300 -> 900 77 300",
            "set net.ipv4.conf.v0.arp_ignore: 0 -> 1",
            "set net.ipv4.vs.expire_nodest_conn: 0 -> 1",
            "set v1 down",
            "set tunl0 up",
            "started master sync daemon (mcast=v0, syncid=7)",
            "added 192.0.2.10/32 on tunl0",
        ]
    );
    let mut back = DesiredHost::default();
    back.no_sync_daemon(SyncRole::Master);
    back.no_sync_daemon(SyncRole::Backup);
    assert_eq!(carry_out(&mut host, &back), ["stopped master sync daemon"]);
}

fn vip() {
    let (_here, mut host) = host();
    let key = AddressKey::new("v0", "192.0.2.10".parse().expect("an address"), 32);
    let key6 = AddressKey::new("v0", "2001:db8::10".parse().expect("an address"), 128);
    let lasting = |seconds| AddressLifetime {
        valid: Some(Seconds(seconds)),
        preferred: Some(Seconds(0)),
    };
    let mut settings = AddressSettings {
        label: Some("v0:vip".to_owned()),
        scope: AddressScope::Host,
        lifetime: lasting(600),
        nodad: false,
    };
    let settings6 = AddressSettings {
        lifetime: AddressLifetime::DEPRECATED,
        nodad: true,
        ..AddressSettings::default()
    };
    let mut desired = DesiredHost::default();
    desired.address(key.clone(), settings.clone());
    desired.address(key6.clone(), settings6);
    let done = carry_out(&mut host, &desired);
    assert_eq!(
        done,
        [
            "added 192.0.2.10/32 on v0 (v0:vip)",
            "added 2001:db8::10/128 on v0"
        ]
    );
    let seen = host.read_host(&desired.scope()).host;
    let found = seen.address(&key).expect("the VIP");
    assert_eq!(found.scope, AddressScope::Host);
    assert_eq!(found.label.as_deref(), Some("v0:vip"));
    let found = seen.address(&key6).expect("the IPv6 VIP");
    assert_eq!(found.lifetime, AddressLifetime::DEPRECATED);
    assert!(found.nodad && !found.tentative);

    settings.lifetime = lasting(6000);
    desired.address(key.clone(), settings.clone());
    assert_eq!(
        carry_out(&mut host, &desired),
        ["renewed 192.0.2.10/32 on v0"]
    );
    settings.label = Some("v0:1".to_owned());
    desired.address(key.clone(), settings);
    assert_eq!(
        carry_out(&mut host, &desired),
        [
            "removed 192.0.2.10/32 from v0",
            "added 192.0.2.10/32 on v0 (v0:1)"
        ]
    );
    desired.no_address(key);
    desired.no_address(key6);
    assert_eq!(
        carry_out(&mut host, &desired),
        [
            "removed 192.0.2.10/32 from v0",
            "removed 2001:db8::10/128 from v0"
        ]
    );
}

/// Newer kernels add words of their own to an error: `: ipv4: Address already assigned`.
fn in_our_words(failure: &impl ToString) -> String {
    let text = failure.to_string();
    let ours = text.split_once(": ipv4: ").map(|(ours, _)| ours.to_owned());
    ours.unwrap_or(text)
}

fn failures() {
    let (here, mut host) = host();
    let mut desired = DesiredHost::default();
    let no_such = SysctlName::ipv4_conf("v0", "no_such_key");
    desired.setting(no_such.clone(), 1);
    desired.setting(SysctlName::ipv4_conf("v0", "arp_ignore"), 1);
    let reading = host.read_host(&desired.scope());
    let said: Vec<_> = reading.failures.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "read net.ipv4.conf.v0.no_such_key: no such setting (ENOENT); its interface is gone, or its module is \
             not loaded"
        ]
    );
    assert_eq!(reading.host.settings.len(), 1);

    let mut desired = DesiredHost::default();
    let address = |text: &str| AddressKey::new("v0", text.parse().expect("an address"), 32);
    desired.address(address("192.0.2.10"), AddressSettings::default());
    desired.address(address("192.0.2.11"), AddressSettings::default());
    let HostPlan { steps, .. } = plan(&mut host, &desired);
    here.ip("address add 192.0.2.10/32 dev v0\n")
        .expect("run ip");
    let failures = host.apply_host(&steps);
    let said: Vec<_> = failures.iter().map(in_our_words).collect();
    assert_eq!(said, ["add 192.0.2.10/32 to v0: File exists (EEXIST)"]);
    assert_eq!(plan(&mut host, &desired).steps, []);

    here.ip("address delete 192.0.2.10/32 dev v0\nlink delete v0\n")
        .expect("run ip");
    let failures = host.apply_host(&steps);
    let said: Vec<_> = failures.iter().map(in_our_words).collect();
    assert_eq!(
        said,
        [
            "add 192.0.2.10/32 to v0: No such device (ENODEV)",
            "add 192.0.2.11/32 to v0: No such device (ENODEV)"
        ]
    );
}

fn routes_and_neighbours() {
    let (here, mut host) = host();
    here.ip("route add 198.51.100.0/24 via 192.0.2.9 metric 7\n\
         neighbour add 192.0.2.9 lladdr 02:00:00:00:00:09 dev v0\n")
        .expect("run ip");
    let scope = HostScope::of([HostPart::Links, HostPart::Neighbours, HostPart::Routes]);
    let reading = host.read_host(&scope);
    assert_eq!(reading.failures, []);
    let v0 = reading.host.link("v0").expect("the link").index;
    let mut routes = reading.host.routes.iter();
    let route = routes
        .find(|route| route.prefix == 24 && route.gateway.is_some())
        .expect("the route");
    assert_eq!(route.destination.to_string(), "198.51.100.0");
    assert_eq!((route.table, route.metric, route.index), (254, 7, Some(v0)));
    let neighbours = &reading.host.neighbours;
    let found = neighbours.iter().find(|it| it.index == v0);
    let link_layer = found.and_then(|it| it.link_layer.clone());
    assert_eq!(
        link_layer.map(|address| address.to_string()).as_deref(),
        Some("02:00:00:00:00:09")
    );
}
