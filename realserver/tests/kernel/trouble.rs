// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is in the way: other addresses, damaged files, missing rights, an older script.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::host::{Host, Said};
use crate::{OTHER, VIP, VIP6};

pub(crate) fn a_vip_on_another_interface_is_refused() {
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

pub(crate) fn a_vip_with_a_network_is_refused() {
    let host = Host::new();
    host.ip(&format!("address add {VIP}/24 dev lo\n"));
    host.realserver(&format!("start --vip {VIP}"))
        .exits(1)
        .says("with it this host accepts packets for that whole network");
}

pub(crate) fn where_ipv6_is_off_nothing_changes() {
    let host = Host::new();
    host.own.sysctl("ipv6/conf/lo/disable_ipv6", "1").unwrap();
    for vips in [format!("--vip {VIP6}"), format!("--vip {VIP} --vip {VIP6}")] {
        host.realserver(&format!("start {vips}"))
            .exits(1)
            .says("2001:db8::10/128 on lo cannot be: IPv6 is off there")
            .says("sysctl -w net.ipv6.conf.lo.disable_ipv6=0; nothing was changed");
        assert_eq!(host.arp(), [0, 0, 0, 0]);
        assert!(!host.addresses("lo").contains(VIP));
        assert!(!host.state_file().exists(), "nothing was done");
    }
    host.own.sysctl("ipv6/conf/lo/disable_ipv6", "0").unwrap();
    host.realserver(&format!("start --vip {VIP} --vip {VIP6}"))
        .exits(0);
    host.realserver("stop").exits(0);
}

/// The advice that an unreadable state file gets can be followed.
pub(crate) fn named_vips_can_be_looked_at_beside_a_corrupt_state_file() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    fs::write(host.state_file(), "{").unwrap();
    host.realserver("status")
        .exits(1)
        .says("look at what is there with: realserver status --vip VIP");
    host.realserver(&format!("status --vip {VIP}"))
        .exits(0)
        .says("is unreadable")
        .says("real server for 192.168.0.10: running");
    fs::remove_file(host.state_file()).unwrap();
    host.realserver(&format!("stop --vip {VIP}"))
        .exits(0)
        .says("the values before are not known");
    assert!(!host.addresses("lo").contains(VIP));
}

/// On a host with this director.yaml: a file system over /etc, seen by this one process.
fn beside_a_configuration(host: &Host, action: &str) -> Said {
    let script = "mount -t tmpfs none /etc && mkdir /etc/lvs-director && echo \"$1\" > \
                  /etc/lvs-director/director.yaml && shift && exec \"$@\"";
    let yaml = format!("virtual_services: [{{address: '{VIP}:80', servers: [192.168.0.5]}}]");
    let program = env!("CARGO_BIN_EXE_realserver");
    host.run_as(
        &["unshare", "-m", "sh", "-c", script, "sh", &yaml, program],
        action,
    )
}

pub(crate) fn a_stop_without_its_state_stops_what_a_status_finds() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    fs::remove_file(host.state_file()).unwrap();
    beside_a_configuration(&host, "status")
        .exits(0)
        .says("real server for 192.168.0.10: running");
    beside_a_configuration(&host, "stop")
        .exits(0)
        .says("the values before are not known")
        .does_not_say("stopped already");
    assert!(!host.addresses("lo").contains(VIP));
    beside_a_configuration(&host, "stop")
        .exits(0)
        .says("stopped already");
}

pub(crate) fn a_start_without_names_completes_what_was_started() {
    let host = Host::new();
    host.realserver(&format!("start --vip {OTHER}")).exits(0);
    host.ip(&format!("address delete {OTHER}/32 dev lo\n"));
    host.realserver("status").exits(4);
    host.realserver("start")
        .exits(0)
        .says("real server for 192.168.0.11: running");
    assert!(host.addresses("lo").contains(OTHER));
    host.ip(&format!("address delete {OTHER}/32 dev lo\n"));
    // With a configuration these, too.
    beside_a_configuration(&host, "start")
        .exits(0)
        .says("real server for 192.168.0.10, 192.168.0.11: running");
    host.realserver("status").exits(0);
    host.realserver("stop").exits(0);
    assert_eq!(host.arp(), [0, 0, 0, 0]);
}

pub(crate) fn what_cannot_be_written_is_a_failure() {
    let host = Host::new();
    host.realserver(&format!("start --vip {VIP}")).exits(0);
    let program = env!("CARGO_BIN_EXE_realserver");
    let into = |to: &str, action: &str| {
        let script = format!("exec \"$@\" {to}");
        host.run_as(&["sh", "-c", &script, "sh", program], action)
    };
    for action in ["status", "status --json", "start", "--help"] {
        into(">/dev/full", action)
            .exits(1)
            .says("realserver: write to standard output: No space left on device");
    }
    into("2>/dev/full", "status --vip nothing").exits(2);
    into("2>/dev/full", "start --config /nonexistent").exits(2);
    // It is running, and cannot say so: not an exit code of a status.
    host.realserver("status").exits(0);
    host.realserver("stop").exits(0);
}

pub(crate) fn a_corrupt_state_file_changes_nothing() {
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

pub(crate) fn without_permission_nothing_changes() {
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

pub(crate) fn a_full_disk_changes_nothing() {
    let host = Host::new();
    let run = host.directory.path().join("run");
    fs::create_dir(&run).unwrap();
    // A file system of two pages: one for the state, one that is then filled.
    let script = format!(
        "mount -t tmpfs -o size=8k none {run} && cd {run} && \
         $0 start --vip {VIP} --state $1 || exit 101; \
         dd if=/dev/zero of=fill bs=4k; \
         $0 start --vip {OTHER} --state $1; code=$?; \
         $0 status --state $1 && rm fill && $0 stop --state $1 || exit 102; \
         exit $code",
        run = run.display()
    );
    let (program, state) = (env!("CARGO_BIN_EXE_realserver"), host.state_file());
    let state = state.to_str().unwrap();
    let shell = ["unshare", "-m", "sh", "-c", &script, program, state];
    host.run_as(&shell, "-")
        .exits(1)
        .says("no space left on device (ENOSPC)")
        .does_not_say("192.168.0.11/32");
    assert_eq!(host.arp(), [0, 0, 0, 0]);
}

pub(crate) fn a_start_that_was_killed_can_be_taken_back_or_completed() {
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

pub(crate) fn the_old_scripts_set_up_is_adopted_and_can_be_removed() {
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
    host.realserver("stop")
        .exits(0)
        .says("was there before start: left there")
        .says("remove it with: realserver stop --vip 192.168.0.10")
        .says("real server for 192.168.0.10: running");
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
