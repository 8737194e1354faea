// SPDX-License-Identifier: MIT OR Apache-2.0
//! The program against a real kernel: direct routing, every test on a host in a network namespace of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod host;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::ExitCode;

use host::{Host, Test};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getegid, geteuid};

const VIP: &str = "192.168.0.10";
const OTHER: &str = "192.168.0.11";
const VIP6: &str = "2001:db8::10";

macro_rules! tests {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), $name as fn())),*] };
}

const TESTS: &[Test] = tests![
    start_twice_status_and_stop,
    the_network_hears_nothing_of_the_vip,
    stop_restores_what_was_found,
    a_stricter_setting_is_kept,
    a_setting_that_somebody_changed_since_is_left_alone,
    settings_stay_as_long_as_another_vip_needs_them,
    settings_stay_for_a_vip_that_was_not_started_here,
    an_interfaces_own_setting_is_not_forgotten,
    half_a_set_up_is_named_and_completed,
    a_vip_on_another_interface_is_refused,
    a_vip_with_a_network_is_refused,
    an_ipv6_vip_needs_no_settings,
    without_ipv6_the_kernel_says_why,
    a_corrupt_state_file_changes_nothing,
    without_permission_nothing_changes,
    a_start_that_was_killed_can_be_taken_back_or_completed,
    the_old_scripts_set_up_is_adopted_and_can_be_removed,
    nothing_to_do_is_wrong_usage,
    the_directors_configuration_names_the_vips,
    json_for_scripts,
    two_starts_at_once_are_one,
];

fn main() -> ExitCode {
    become_root();
    host::run(TESTS)
}

/// Makes an ordinary user root of a user namespace. To be called before there are threads.
fn become_root() {
    let (user, group) = (geteuid(), getegid());
    if user.is_root() {
        return;
    }
    unshare(CloneFlags::CLONE_NEWUSER).expect(
        "no user namespace here; run the tests as root, or permit them: sysctl kernel.unprivileged_userns_clone=1",
    );
    fs::write("/proc/self/setgroups", "deny").unwrap();
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).unwrap();
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).unwrap();
}

fn start_twice_status_and_stop() {
    let host = Host::new();
    host.realserver("status")
        .exits(3)
        .says("nothing was started here");
    host.realserver(&format!("status --vip {VIP}")).exits(3);
    host.realserver(&format!("start --vip {VIP}"))
        .exits(0)
        .says("added 192.168.0.10/32 on lo (lo:0)")
        .says("real server for 192.168.0.10: running\n");
    let addresses = host.addresses("lo");
    assert!(
        addresses.contains("inet 192.168.0.10/32 scope global lo:0"),
        "{addresses}"
    );
    assert_eq!(host.arp(), [1, 2, 1, 2]);
    host.realserver(&format!("start --vip {VIP}"))
        .exits(0)
        .says("running already, nothing changed");
    host.realserver("status").exits(0).does_not_say("missing");
    host.realserver("stop")
        .exits(0)
        .says("removed 192.168.0.10/32 from lo");
    host.realserver("stop").exits(0).says("stopped already");
    host.realserver("status").exits(3);
    assert!(!host.addresses("lo").contains(VIP));
    assert!(!host.state_file().exists());
}

fn the_network_hears_nothing_of_the_vip() {
    let host = Host::new();
    // That the question can be answered at all: without the settings the host answers for an address of lo.
    host.ip(&format!("address add {VIP}/32 dev lo\n"));
    assert!(host.answers(VIP), "an unprotected address is answered for");
    host.ip(&format!("address delete {VIP}/32 dev lo\n"));
    host.realserver(&format!("start --vip {VIP} --vip {VIP6}"))
        .exits(0);
    host.neighbour.ip("neighbour flush dev eth0\n").unwrap();
    assert!(!host.answers(VIP), "the VIP is answered for");
    assert!(!host.answers(VIP6), "the IPv6 VIP is answered for");
    // But whoever sends a packet to the host's own MAC address, as a director does, gets an answer.
    let link = host.output("cat", "/sys/class/net/eth0/address");
    assert!(link.contains(':'), "{link}");
    for (vip, server) in [(VIP, "192.168.0.5"), (VIP6, "2001:db8::5")] {
        let line = format!("route replace {vip} via {server} dev eth0\n");
        host.neighbour.ip(&line).unwrap();
        assert!(
            host.answers(vip),
            "{vip} does not take what a director sends"
        );
    }
}

fn stop_restores_what_was_found() {
    let host = Host::new();
    host.set("all/arp_announce", 1);
    host.set("lo/arp_ignore", 3);
    host.realserver(&format!("start --vip {VIP}"))
        .exits(0)
        .says("set net.ipv4.conf.lo.arp_ignore: 3 -> 1");
    assert_eq!(host.arp(), [1, 2, 1, 2]);
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 1, 3, 0]);
}

fn a_stricter_setting_is_kept() {
    let host = Host::new();
    host.set("all/arp_ignore", 2);
    host.set("lo/arp_ignore", 8);
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    assert_eq!(host.arp(), [2, 2, 8, 2]);
    host.realserver("status")
        .exits(0)
        .says("all.arp_ignore = 2");
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [2, 0, 8, 0]);
}

fn a_setting_that_somebody_changed_since_is_left_alone() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.set("all/arp_ignore", 2);
    host.realserver("stop").exits(0).says(
        "net.ipv4.conf.all.arp_ignore is 2, neither the 0 that start found nor the 1 that it set: left as it is",
    );
    assert_eq!(host.arp(), [2, 0, 0, 0]);
}

fn settings_stay_as_long_as_another_vip_needs_them() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.realserver(&format!("start --vip {OTHER} --vip {VIP6}"))
        .exits(0)
        .says("(lo:1)");
    host.realserver("status")
        .exits(0)
        .says(VIP)
        .says(OTHER)
        .says(VIP6);
    host.realserver(&format!("stop --vip {VIP}")).exits(0);
    assert_eq!(host.arp(), [1, 2, 1, 2]);
    host.realserver("status")
        .exits(0)
        .does_not_say("192.168.0.10/32");
    host.realserver(&format!("stop --vip {OTHER}")).exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    host.realserver("status").exits(0).says(VIP6);
    host.realserver("stop").exits(0);
    host.realserver("status").exits(3);
}

fn settings_stay_for_a_vip_that_was_not_started_here() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.ip(&format!("address add {OTHER}/32 dev lo\n"));
    host.realserver("stop")
        .exits(0)
        .says("stays 1: 192.168.0.11/32 on lo needs it, which was not started here");
    assert_eq!(host.arp(), [1, 2, 1, 2]);
    host.ip(&format!("address delete {OTHER}/32 dev lo\n"));
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    assert!(!host.state_file().exists());
}

fn an_interfaces_own_setting_is_not_forgotten() {
    let host = Host::new();
    // The kernel takes the greater of the two, and 3 answers for every address of global scope.
    host.set("eth0/arp_ignore", 3);
    host.realserver(&format!("start --vip {VIP}"))
        .exits(0)
        .says("set net.ipv4.conf.eth0.arp_ignore: 3 -> 1");
    assert!(!host.answers(VIP));
    host.set("eth0/arp_ignore", 3);
    host.realserver("status").exits(4).says(
        "missing  net.ipv4.conf.eth0.arp_ignore = 1 (it is 3); mend it with: sysctl -w \
         net.ipv4.conf.eth0.arp_ignore=1",
    );
    assert!(host.answers(VIP), "status was right to complain");
    host.realserver("stop").exits(0);
    assert_eq!(host.value("eth0/arp_ignore"), 3);
}

fn half_a_set_up_is_named_and_completed() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.set("all/arp_announce", 0);
    host.realserver("status")
        .exits(4)
        .says("missing  net.ipv4.conf.all.arp_announce = 2 (it is 0); mend it with: sysctl -w")
        .says("half set up, 5 of 6 parts are right; complete it with: realserver start --vip 192.168.0.10");
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.ip(&format!("address delete {VIP}/32 dev lo\n"));
    host.realserver("status")
        .exits(4)
        .says("missing  192.168.0.10/32 on lo; mend it with: ip address add 192.168.0.10/32 dev lo label lo:0");
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.ip("link set lo down\n");
    host.realserver("status")
        .exits(4)
        .says("missing  lo up; mend it with: ip link set lo up");
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.realserver("status").exits(0);
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
}

fn a_vip_on_another_interface_is_refused() {
    let host = Host::new();
    host.ip(&format!("address add {VIP}/24 dev eth0\n"));
    host.realserver(&format!("start --vip {VIP} --vip {OTHER}"))
        .exits(1)
        .says("192.168.0.10 is on eth0 as 192.168.0.10/24")
        .says("remove it with: ip address delete 192.168.0.10/24 dev eth0; nothing was changed");
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    assert!(!host.addresses("lo").contains(OTHER));
    host.realserver(&format!("status --vip {VIP}"))
        .exits(4)
        .says("wrong    192.168.0.10/24 on eth0");
    host.realserver(&format!("stop --vip {VIP}"))
        .exits(0)
        .says("left there");
    assert!(host.addresses("eth0").contains(VIP));
}

fn a_vip_with_a_network_is_refused() {
    let host = Host::new();
    host.ip(&format!("address add {VIP}/24 dev lo\n"));
    host.realserver(&format!("start --vip {VIP}"))
        .exits(1)
        .says("which makes all of that network this host's own");
}

fn an_ipv6_vip_needs_no_settings() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP6}")).exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    let addresses = host.addresses("lo");
    assert!(
        addresses.contains("inet6 2001:db8::10/128 scope global nodad"),
        "{addresses}"
    );
    host.realserver("status")
        .exits(0)
        .says("ok       2001:db8::10/128 on lo")
        .does_not_say("arp");
    host.realserver("stop").exits(0);
    assert!(!host.addresses("lo").contains(VIP6));
}

fn without_ipv6_the_kernel_says_why() {
    let host = Host::new();
    host.host.sysctl("ipv6/conf/lo/disable_ipv6", "1").unwrap();
    host.realserver(&format!("start --vip {VIP6}"))
        .exits(1)
        .says("add 2001:db8::10/128 to lo: ")
        .says("disable_ipv6")
        .says("take it back with: realserver stop");
    host.realserver("status").exits(3);
    host.realserver("stop").exits(0);
    assert!(!host.state_file().exists());
}

fn a_corrupt_state_file_changes_nothing() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    let whole = fs::read(host.state_file()).unwrap();
    fs::write(host.state_file(), &whole[..whole.len() / 2]).unwrap();
    for action in ["status", "stop", "start --vip 192.168.0.11"] {
        host.realserver(action)
            .exits(1)
            .says("realserver.json: EOF while parsing")
            .says("delete the file");
    }
    assert_eq!(host.arp(), [1, 2, 1, 2]);
    assert!(host.addresses("lo").contains(VIP));
    fs::write(host.state_file(), &whole).unwrap();
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
}

fn without_permission_nothing_changes() {
    let host = Host::new();
    let program = env!("CARGO_BIN_EXE_realserver");
    let unprivileged = [
        "setpriv",
        "--bounding-set=-net_admin",
        "--inh-caps=-net_admin",
        program,
    ];
    for action in ["start", "stop"] {
        host.run_as(&unprivileged, &format!("{action} --vip {VIP}"))
            .exits(4)
            .says("not permitted (EPERM); run as root or with CAP_NET_ADMIN; nothing was changed");
    }
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    assert!(!host.addresses("lo").contains(VIP));
    assert!(!host.state_file().exists());
    // Looking is free.
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.run_as(&unprivileged, "status").exits(0);
    let mode = fs::metadata(host.state_file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
}

fn a_start_that_was_killed_can_be_taken_back_or_completed() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    // As a start leaves it that was killed right after it wrote the file, ...
    let written = fs::read(host.state_file()).unwrap();
    host.realserver("stop").exits(0);
    fs::write(host.state_file(), &written).unwrap();
    host.realserver("status").exits(3);
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    assert!(!host.state_file().exists());
    // ... and one that was killed after its first change.
    fs::write(host.state_file(), &written).unwrap();
    host.set("lo/arp_ignore", 1);
    host.realserver("status").exits(4);
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.realserver("status").exits(0);
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
}

fn the_old_scripts_set_up_is_adopted_and_can_be_removed() {
    let host = Host::new();
    // realserver.sh: ifconfig, route, four settings.
    host.ip(&format!(
        "address add {VIP}/32 broadcast {VIP} dev lo label lo:0\nroute add {VIP}/32 dev lo\n"
    ));
    for (name, value) in [("all/arp_ignore", 1), ("all/arp_announce", 2)] {
        host.set(name, value);
    }
    host.realserver(&format!("status --vip {VIP}"))
        .exits(4)
        .says("missing  net.ipv4.conf.lo.arp_ignore = 1");
    host.realserver(&format!("start --vip {VIP}"))
        .exits(0)
        .says("192.168.0.10/32 on lo was there already: adopted");
    host.realserver("status").exits(0);
    host.realserver("stop").exits(0).says(
        "was there before start: left there; remove it with: realserver stop --vip 192.168.0.10",
    );
    assert!(host.addresses("lo").contains(VIP));
    assert_eq!(
        host.arp(),
        [1, 2, 1, 2],
        "a VIP is not left without its settings"
    );
    host.realserver(&format!("stop --vip {VIP}")).exits(0);
    assert!(!host.addresses("lo").contains(VIP));
    assert_eq!(
        host.arp(),
        [1, 2, 0, 0],
        "what the script set, the script must take back"
    );
    let routes = host.output("ip", "route show table all");
    assert!(!routes.contains(VIP), "{routes}");
    // Nothing started here at all, and still it is removed when it is named.
    host.ip(&format!("address add {VIP}/32 dev lo label lo:0\n"));
    host.realserver("stop").exits(0);
    assert!(host.addresses("lo").contains(VIP));
    host.realserver(&format!("stop --vip {VIP}")).exits(0);
    assert!(!host.addresses("lo").contains(VIP));
}

fn nothing_to_do_is_wrong_usage() {
    let host = Host::new();
    host.realserver("start").exits(2).says("no VIP was named");
    host.realserver("start --vip 192.168.0.300")
        .exits(2)
        .says("expected an address");
    host.realserver("start --vip 127.0.0.1")
        .exits(2)
        .says("a loopback address");
    host.realserver("start --tun").exits(2).says("--vip");
    host.realserver("start --config /nonexistent")
        .exits(2)
        .says("no such file");
}

fn the_directors_configuration_names_the_vips() {
    let host = Host::new();
    let file = host.directory.path().join("director.yaml");
    let services = |forwarding: &str| {
        format!(
            "virtual_services:\n  - address: 192.168.0.10:5672\n    forwarding: {forwarding}\n    servers: [192.168.0.5]\n"
        )
    };
    fs::write(&file, services("dr")).unwrap();
    let config = format!("--config {}", file.display());
    host.realserver(&format!("start {config}"))
        .exits(0)
        .says("added 192.168.0.10/32 on lo");
    host.realserver(&format!("status {config}")).exits(0);
    host.realserver(&format!("stop {config}")).exits(0);
    fs::write(&file, services("nat")).unwrap();
    host.realserver(&format!("start {config}"))
        .exits(2)
        .says("masquerading (nat) needs nothing here");
    fs::write(&file, services("drr")).unwrap();
    host.realserver(&format!("start {config}"))
        .exits(2)
        .says("director.yaml:3:");
}

fn json_for_scripts() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP} --json"))
        .exits(0)
        .says("\"outcome\": \"running\"")
        .says("\"change\": \"add\"");
    host.set("all/arp_ignore", 0);
    host.realserver("status --json")
        .exits(4)
        .says("\"outcome\": \"half-set-up\"")
        .says("\"mend\": \"sysctl -w net.ipv4.conf.all.arp_ignore=1\"");
    host.ip(&format!("address add {OTHER}/24 dev eth0\n"));
    host.realserver(&format!("start --vip {OTHER} --json"))
        .exits(1)
        .says("\"outcome\": \"failed\"")
        .says("\"exit_code\": 1");
    host.realserver("stop --json")
        .exits(0)
        .says("\"outcome\": \"stopped\"");
}

fn two_starts_at_once_are_one() {
    let host = Host::new();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                host.realserver(&format!("start --vip {VIP} --vip {OTHER}"))
                    .exits(0)
            });
        }
    });
    host.realserver("status").exits(0);
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
    assert!(!host.addresses("lo").contains(OTHER));
}
