// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a start sets up, and how status and scripts see it.

use std::fs;

use crate::host::Host;
use crate::{OTHER, VIP, VIP6};

pub(crate) fn start_twice_status_and_stop() {
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

pub(crate) fn the_network_hears_nothing_of_the_vip() {
    let host = Host::new();
    // That the question can be answered at all: without the settings the host answers for an address of lo.
    host.ip(&format!("address add {VIP}/32 dev lo\n"));
    assert!(host.answers(VIP), "an unprotected address is answered for");
    host.ip(&format!("address delete {VIP}/32 dev lo\n"));
    host.realserver(&format!("start --vip {VIP} --vip {VIP6}"))
        .exits(0);
    host.neighbour.ip("neighbour flush dev eth0\n").unwrap();
    assert!(host.is_silent_at(VIP), "the VIP is answered for");
    assert!(host.is_silent_at(VIP6), "the IPv6 VIP is answered for");
    // But a packet to the host's own MAC address, such as a director sends, gets an answer.
    for (vip, server) in [(VIP, "192.168.0.5"), (VIP6, "2001:db8::5")] {
        let line = format!("route replace {vip} via {server} dev eth0\n");
        host.neighbour.ip(&line).unwrap();
        assert!(
            host.answers(vip),
            "{vip} does not take what a director sends"
        );
    }
}

pub(crate) fn half_a_set_up_is_named_and_completed() {
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

pub(crate) fn an_ipv6_vip_needs_no_settings() {
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

pub(crate) fn nothing_to_do_is_wrong_usage() {
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

pub(crate) fn the_directors_configuration_names_the_vips() {
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

pub(crate) fn json_for_scripts() {
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

pub(crate) fn two_starts_at_once_are_one() {
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
