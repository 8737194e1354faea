// SPDX-License-Identifier: MIT OR Apache-2.0
//! The units of `examples/` under a real systemd.

mod machine;
mod packages;

use std::path::Path;
use std::process::Command;

use lab::netns::{Host, Net};
use lab::service::NameServer;

use self::machine::Machine;
use super::process::{PROGRAM, QUICK, Said};
use super::vrrp::{SERVICE, VIP, real_server};
use crate::Test;
use crate::stage::wait_for;

const UNIT: &str = "director.service";
const INSTALLED: &str = "usr/local/sbin/director";
const CONFIG: &str = "etc/lvs-director/director.yaml";

pub(super) fn tests() -> Vec<Test> {
    let unit: Test = (
        "the_unit_is_ready_when_it_serves_reloads_restarts_is_watched_and_may_do_nothing_else",
        unit,
    );
    [unit].into_iter().chain(packages::test()).collect()
}

/// A real server, a director's host, and what is installed there.
struct Lan {
    director: Host,
    server: (Host, NameServer),
    _net: Net,
}

fn yaml(weight: u32) -> String {
    format!(
        "virtual_routers: [{{interface: eth0, vrid: 51, interval: 5s, hold: 0s, addresses: [{VIP}/24]}}]\n\
         virtual_services: [{{address: '{SERVICE}', weight: {weight}, {QUICK}, servers: [192.168.0.2]}}]\n"
    )
}

impl Lan {
    fn new() -> Self {
        let net = Net::new().unwrap();
        Self {
            director: net.host("director", &["192.168.0.11/24"]).unwrap(),
            server: real_server(&net, "rs1", 2),
            _net: net,
        }
    }
}

fn unit() {
    let lan = Lan::new();
    let machine = Machine::boot(&lan.director, |root| {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        root.copy(&examples.join(UNIT), "etc/lab-units/director.service");
        root.copy(Path::new(PROGRAM), INSTALLED);
        root.write(CONFIG, &yaml(1));
    });
    starts(&machine, &lan);
    is_confined(&machine);
    reloads(&machine, &lan);
    restarts(&machine, &lan);
    is_another_user(&machine, &lan);
    logs(&machine, lan.server.1);
    is_watched(&machine);
    machine.systemctl(&["stop", UNIT]).succeeds();
    assert!(lan_table(&lan.director).contains(SERVICE));
    assert!(!has_address(&lan.director));
}

fn starts(machine: &Machine<'_>, lan: &Lan) {
    machine.systemctl(&["start", UNIT]).succeeds();
    // It is ready when the kernel has the services.
    assert!(lan_table(&lan.director).contains(SERVICE));
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
    machine.wait_for_property(UNIT, "StatusText", |text| {
        text == "1 of 1 real server up in 1 virtual service; master of eth0/51"
    });
    assert!(has_address(&lan.director));
}

/// The capabilities, and the places where it may write, are those of the documentation.
fn is_confined(machine: &Machine<'_>) {
    let pid = machine.property(UNIT, "MainPID");
    let status = machine
        .run("cat", &[&format!("/proc/{pid}/status")])
        .succeeds();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    };
    // CAP_NET_ADMIN is 12, CAP_NET_RAW 13.
    let both = "0000000000003000";
    for (name, value) in [
        ("CapEff:", both),
        ("CapPrm:", both),
        ("CapBnd:", both),
        ("NoNewPrivs:", "1"),
        ("Seccomp:", "2"),
    ] {
        assert_eq!(field(name), value, "{name}");
    }
    let touch = |path: &str| {
        machine
            .run("nsenter", &["-t", &pid, "-m", "touch", path])
            .code
            == Some(0)
    };
    for path in ["/var/lib/lvs-director/x", "/run/lvs-director/x", "/tmp/x"] {
        assert!(touch(path), "{path}");
    }
    for path in [
        "/etc/x",
        "/etc/lvs-director/x",
        "/usr/x",
        "/var/lib/x",
        "/var/log/x",
        "/run/x",
        "/root/x",
        "/sys/fs/cgroup/x",
    ] {
        assert!(!touch(path), "{path}");
    }
    let score = machine.run(
        "systemd-analyze",
        &[
            "security",
            "--offline=true",
            "--threshold=30",
            &format!("/etc/systemd/system/{UNIT}"),
        ],
    );
    score.succeeds();
}

fn reloads(machine: &Machine<'_>, lan: &Lan) {
    let pid = machine.property(UNIT, "MainPID");
    machine.write(CONFIG, &yaml(7));
    machine.systemctl(&["reload", UNIT]).succeeds();
    assert!(
        lan_table(&lan.director).contains("-w 7"),
        "{}",
        lan_table(&lan.director)
    );
    machine.write(CONFIG, &yaml(9).replace("weight", "wieght"));
    assert_ne!(machine.systemctl(&["reload", UNIT]).code, Some(0));
    assert!(lan_table(&lan.director).contains("-w 7"));
    assert_eq!(machine.property(UNIT, "ActiveState"), "active");
    assert_eq!(machine.property(UNIT, "MainPID"), pid);
    machine.write(CONFIG, &yaml(7));
}

fn restarts(machine: &Machine<'_>, lan: &Lan) {
    machine.systemctl(&["restart", UNIT]).succeeds();
    machine.wait_for_journal(
        &["-u", UNIT],
        "initialize -> master (resumed from the process before",
    );
    assert!(has_address(&lan.director));
    assert!(lan_table(&lan.director).contains("-w 7"));
}

/// Whoever has the two capabilities can do all that is needed, settings in `/proc/sys` included.
fn is_another_user(machine: &Machine<'_>, lan: &Lan) {
    let unit = include_str!("../../../../examples/director-user.conf");
    let unit = unit.replace("User=lvs-director", "User=daemon");
    machine.write("etc/systemd/system/director.service.d/user.conf", &unit);
    machine.systemctl(&["daemon-reload"]).succeeds();
    lan.director
        .sysctl("ipv4/vs/expire_nodest_conn", "0")
        .unwrap();
    machine.systemctl(&["restart", UNIT]).succeeds();
    until("the setting is made", || {
        let set = lan
            .director
            .command("sysctl", &["-n", "net.ipv4.vs.expire_nodest_conn"]);
        (set.unwrap().stdout == b"1\n").then_some(())
    });
    assert!(has_address(&lan.director));
    let status = machine.run("/usr/local/sbin/director", &["status"]);
    assert!(status.succeeds().contains(SERVICE));
}

/// The journal has the fields of a transition.
fn logs(machine: &Machine<'_>, server: NameServer) {
    drop(server);
    let of_service = format!("SERVICE=TCP {SERVICE}");
    let fields = [
        of_service.as_str(),
        "EVENT=server-down",
        "PRIORITY=6",
        "-o",
        "json",
    ];
    let entry = machine.wait_for_journal(&fields, "up -> down");
    let entry: serde_json::Value = serde_json::from_str(&entry).unwrap();
    assert_eq!(entry["SERVER"], "192.168.0.2:80");
    let transition: serde_json::Value =
        serde_json::from_str(entry["TRANSITION"].as_str().unwrap()).unwrap();
    assert_eq!(transition["to"]["standing"], "down");
}

/// A process that does not go on is ended and started again.
fn is_watched(machine: &Machine<'_>) {
    machine.write(
        "etc/systemd/system/director.service.d/soon.conf",
        "[Service]\nWatchdogSec=4s\n",
    );
    machine.systemctl(&["daemon-reload"]).succeeds();
    machine.systemctl(&["restart", UNIT]).succeeds();
    let pid = machine.property(UNIT, "MainPID");
    machine.run("kill", &["-STOP", &pid]).succeeds();
    machine.wait_for_property(UNIT, "MainPID", |now| now != pid && now != "0");
    machine.wait_for_property(UNIT, "ActiveState", |state| state == "active");
    assert_ne!(machine.property(UNIT, "NRestarts"), "0");
}

/// The table of the host, as `ipvsadm -Sn` prints it.
fn lan_table(host: &Host) -> String {
    let mut program = Command::new("ipvsadm");
    super::process::said(host, program.arg("-Sn")).out
}

fn has_address(host: &Host) -> bool {
    let listed = host.command("ip", &["-brief", "address"]).unwrap();
    String::from_utf8(listed.stdout)
        .unwrap()
        .contains(&format!(" {VIP}/"))
}

/// Waits for a value.
fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_for(what, look)
}
