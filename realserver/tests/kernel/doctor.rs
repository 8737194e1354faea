// SPDX-License-Identifier: MIT OR Apache-2.0
//! `realserver doctor`: a fault is injected, the doctor names it, the very command that it prints mends it.

use std::net::TcpListener;

use crate::VIP;
use crate::host::Host;

pub(crate) fn the_doctor_names_a_fault_and_its_command_mends_it() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    let doctor = format!("doctor --json --vip {VIP} --director 192.168.0.6");
    assert_eq!(host.realserver(&doctor).exits(0).findings(), []);
    host.ip(&format!("address delete {VIP}/32 dev lo\n"));
    host.is_named_and_mended(&doctor, "server-vip");
    host.set("all/arp_ignore", 0);
    host.is_named_and_mended(&doctor, "server-arp");
    host.set("eth0/arp_ignore", 3);
    host.is_named_and_mended(&doctor, "server-arp");
    host.ip(&format!("address add {VIP}/32 dev eth0\n"));
    host.is_named_and_mended(&doctor, "server-vip-elsewhere");
    host.ip("route delete 192.168.0.0/24 dev eth0\n");
    let said = host.realserver(&doctor).exits(1);
    assert_eq!(said.findings()[0].topic, "server-route");
    host.is_named_and_mended(&doctor, "server-route");
    let nat = "doctor --json --nat --director 192.168.0.6";
    host.is_named_and_mended(nat, "server-route");
}

pub(crate) fn the_doctor_looks_where_programs_listen() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    let doctor = format!("doctor --json --vip {VIP} --port 8080");
    let narrow = host
        .own
        .run(|| TcpListener::bind("192.168.0.5:8080").unwrap());
    let found = host.realserver(&doctor).exits(1).findings();
    assert_eq!(found[0].topic, "server-listening", "{found:?}");
    drop(narrow);
    let wide = host.own.run(|| TcpListener::bind("0.0.0.0:8080").unwrap());
    assert_eq!(host.realserver(&doctor).exits(0).findings(), []);
    drop(wide);
    host.realserver("doctor")
        .exits(0)
        .says("0 errors, 0 warnings");
    host.realserver("doctor --nat").exits(2);
}
