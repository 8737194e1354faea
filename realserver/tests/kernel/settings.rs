// SPDX-License-Identifier: MIT OR Apache-2.0
//! Which settings change, which stay, which come back.

use crate::host::Host;
use crate::{OTHER, VIP, VIP6};

pub(crate) fn stop_restores_what_was_found() {
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

pub(crate) fn a_stricter_setting_is_kept() {
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

pub(crate) fn a_setting_that_somebody_changed_since_is_left_alone() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    host.set("all/arp_ignore", 2);
    host.realserver("stop").exits(0).says(
        "net.ipv4.conf.all.arp_ignore is 2, neither the 0 that start found nor the 1 that it set: left as it is",
    );
    assert_eq!(host.arp(), [2, 0, 0, 0]);
}

pub(crate) fn settings_stay_as_long_as_another_vip_needs_them() {
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

pub(crate) fn settings_stay_for_a_vip_that_was_not_started_here() {
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

pub(crate) fn an_interfaces_own_setting_is_not_forgotten() {
    let host = Host::new();
    // The kernel takes the greater of the two, and 3 answers for every address of global scope.
    host.set("eth0/arp_ignore", 3);
    host.realserver(&format!("start --vip {VIP}"))
        .exits(0)
        .says("set net.ipv4.conf.eth0.arp_ignore: 3 -> 1");
    assert!(host.is_silent_at(VIP));
    host.set("eth0/arp_ignore", 3);
    host.realserver("status").exits(4).says(
        "missing  net.ipv4.conf.eth0.arp_ignore = 1 (it is 3); mend it with: sysctl -w \
         net.ipv4.conf.eth0.arp_ignore=1",
    );
    assert!(host.answers(VIP), "status was right to complain");
    host.realserver("stop").exits(0);
    assert_eq!(host.value("eth0/arp_ignore"), 3);
}
