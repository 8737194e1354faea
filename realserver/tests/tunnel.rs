// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program against a real kernel: tunneling. Where the running kernel has no IP in IP, or `LAB_KERNEL` names
//! another one, the tests run in the lab's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod host;

use std::process::ExitCode;
use std::thread;

use host::{Host, Test};
use lvs_director::kernel::Route;
use lvs_director::model::TunnelDevice;
use nix::sched::{CloneFlags, unshare};

const VIP: &str = "192.168.0.10";
const VIP6: &str = "2001:db8::10";

macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}

const TESTS: &[Test] = tests![
    start_twice_status_and_stop,
    wrapped_packets_are_taken_and_answered,
    a_strict_filter_becomes_loose_and_comes_back,
    a_vip_for_both_methods_is_on_both_devices,
    a_device_that_was_up_stays_up,
    the_doctor_names_what_a_tunnel_lacks,
];

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let inside = std::env::var_os(lab::kernel::INSIDE).is_some();
    if !inside && (lab::kernel::is_chosen() || !has_tunnels()) {
        return lab::kernel::rerun_inside(arguments);
    }
    host::run(TESTS)
}

/// Whether the running kernel makes tunnel devices, and lets us have them.
fn has_tunnels() -> bool {
    let make = || -> Option<()> {
        unshare(CloneFlags::CLONE_NEWNET).ok()?;
        let mut route = Route::open().ok()?;
        route.add_tunnel(TunnelDevice::Tunl0).ok()?;
        route.add_tunnel(TunnelDevice::Ip6tnl0).ok()
    };
    thread::spawn(make).join().unwrap().is_some()
}

fn start_twice_status_and_stop() {
    let host = Host::new();
    let both = format!("--tun --vip {VIP} --vip {VIP6}");
    host.realserver(&format!("start {both}"))
        .exits(0)
        .says("added 192.168.0.10/32 on tunl0")
        .says("added 2001:db8::10/128 on ip6tnl0");
    host.realserver(&format!("start {both}"))
        .exits(0)
        .says("running already, nothing changed");
    host.realserver("status")
        .exits(0)
        .says("ok       tunl0 up")
        .says("ok       net.ipv4.conf.tunl0.rp_filter = 0");
    host.ip("link set tunl0 down\n");
    host.realserver("status")
        .exits(4)
        .says("missing  tunl0 up; mend it with: ip link set tunl0 up")
        .says("--tun");
    host.realserver(&format!("start {both}")).exits(0);
    host.realserver("stop").exits(0);
    host.realserver(&format!("status {both}")).exits(3);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    assert!(host.addresses("tunl0").contains("state DOWN"));
    assert!(!host.addresses("ip6tnl0").contains(VIP6));
}

fn wrapped_packets_are_taken_and_answered() {
    let host = Host::new();
    let neighbour = &host.neighbour;
    neighbour
        .ip(&format!(
            "link add wrap type ipip local 192.168.0.6 remote 192.168.0.5\nlink set wrap up\n\
             link add wrap6 type ip6tnl local 2001:db8::6 remote 2001:db8::5 encaplimit none\nlink set wrap6 up\n\
             route add {VIP} dev wrap src 192.168.0.6\nroute add {VIP6} dev wrap6 src 2001:db8::6\n"
        ))
        .unwrap();
    // Strict on every interface, as Red Hat's kernels start.
    for interface in ["all", "default", "eth0"] {
        host.set(&format!("{interface}/rp_filter"), 1);
    }
    assert!(host.is_silent_at(VIP));
    host.realserver(&format!("start --tun --vip {VIP} --vip {VIP6}"))
        .exits(0);
    assert!(host.answers(VIP), "a wrapped packet gets no answer");
    assert!(host.answers(VIP6), "a wrapped IPv6 packet gets no answer");
    // The check has a point: a strict filter drops what comes out of the tunnel.
    host.set("all/rp_filter", 1);
    host.set("tunl0/rp_filter", 1);
    assert!(host.is_silent_at(VIP));
    neighbour
        .ip(&format!(
            "route del {VIP} dev wrap\nneighbour flush dev eth0\n"
        ))
        .unwrap();
    assert!(host.is_silent_at(VIP), "the VIP is answered for");
}

fn a_strict_filter_becomes_loose_and_comes_back() {
    let host = Host::new();
    host.ip("link set lo up\n");
    host.set("all/rp_filter", 1);
    host.set("default/rp_filter", 1);
    host.realserver(&format!("start --tun --vip {VIP}"))
        .exits(0)
        .says("set net.ipv4.conf.all.rp_filter: 1 -> 2");
    assert_eq!(host.value("tunl0/rp_filter"), 0);
    host.realserver("stop").exits(0);
    assert_eq!(host.value("all/rp_filter"), 1);
}

fn a_vip_for_both_methods_is_on_both_devices() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.realserver(&format!("start --tun --vip {VIP}"))
        .exits(0);
    host.realserver("status")
        .exits(0)
        .says("192.168.0.10/32 on lo")
        .says("192.168.0.10/32 on tunl0");
    host.realserver(&format!("stop --tun --vip {VIP}")).exits(0);
    host.realserver("status")
        .exits(0)
        .says("192.168.0.10/32 on lo")
        .does_not_say("tunl0");
    assert_eq!(host.arp(), [1, 2, 1, 2]);
    host.realserver(&format!("start --tun --vip {VIP}"))
        .exits(0);
    host.realserver(&format!("stop --vip {VIP}")).exits(0);
    host.realserver("status").exits(3);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
}

fn a_device_that_was_up_stays_up() {
    let host = Host::new();
    host.realserver(&format!("start --tun --vip {VIP}"))
        .exits(0);
    host.realserver("stop").exits(0);
    host.ip("link set tunl0 up\n");
    host.realserver(&format!("start --tun --vip {VIP}"))
        .exits(0);
    host.realserver("stop").exits(0);
    assert!(host.addresses("tunl0").contains("UP"));
}

fn the_doctor_names_what_a_tunnel_lacks() {
    let host = Host::new();
    let tunneled = format!("--tun --vip {VIP}");
    host.realserver(&format!("start {tunneled}")).exits(0);
    let doctor = format!("doctor --json {tunneled}");
    // The network has 1500 bytes, and nothing asks for small segments.
    let found = host.realserver(&doctor).exits(1).findings();
    let command = found[0].mend.as_deref().unwrap();
    assert_eq!((found.len(), &*found[0].topic), (1, "server-mss"));
    assert!(command.contains("maxseg size set 1440"), "{command}");
    // Not every kernel of the lab has the firewall for this command; the route does the same.
    if host
        .own
        .command("sh", &["-c", command])
        .is_ok_and(|done| !done.status.success())
    {
        host.ip("route add default via 192.168.0.6 advmss 1440\n");
    }
    assert_eq!(host.realserver(&doctor).exits(0).findings(), []);
    host.ip("link set tunl0 down\n");
    host.is_named_and_mended(&doctor, "server-tunnel");
    host.set("all/rp_filter", 1);
    host.is_named_and_mended(&doctor, "server-rp-filter");
    host.ip(&format!("address delete {VIP}/32 dev tunl0\n"));
    host.is_named_and_mended(&doctor, "server-vip");
}
