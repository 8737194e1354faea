// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director beside FRR's vrrpd on one LAN: each is master, and each is backup.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use lab::netns::{Host, Net};
use lab::peers::peer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{Files, Running};
use super::vrrp_peers::follows;
use crate::Test;
use crate::stage::wait_for;

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("frr_and_the_director_are_one_virtual_router", || {
            one_router(&IPV4);
        }),
        (
            "frr_and_the_director_are_one_virtual_router_by_ipv6",
            || {
                one_router(&IPV6);
            },
        ),
    ]
}

/// What both have.
struct Pair {
    address: &'static str,
    prefix: &'static str,
    /// FRR's word for the family.
    word: &'static str,
    /// The hardware address of the virtual router.
    hardware: &'static str,
}

const IPV4: Pair = Pair {
    address: "192.168.0.10",
    prefix: "24",
    word: "ip",
    hardware: "00:00:5e:00:01:33",
};
const IPV6: Pair = Pair {
    address: "fd00:a::10",
    prefix: "64",
    word: "ipv6",
    hardware: "00:00:5e:00:02:33",
};

/// Its processes, until this is dropped.
pub(super) struct Frr {
    /// `vrrpd`, and `zebra`, which knows the interfaces.
    children: [Child; 2],
    files: Files,
}

impl Frr {
    /// Starts it on a host that has the virtual router's interface, with lines for `eth0`.
    pub(super) fn start(host: &Host, lines: &str) -> Self {
        let files = Files::new();
        // It runs as a user of its own.
        let everybody = Permissions::from_mode(0o777);
        fs::set_permissions(files.directory.path(), everybody).unwrap();
        let zebra = Self::daemon(host, &files, "zebra", "");
        wait_for("zebra's socket", || {
            files.path("zebra.api").exists().then_some(())
        });
        let vrrpd = Self::daemon(host, &files, "vrrpd", &format!("interface eth0\n{lines}"));
        Self {
            children: [vrrpd, zebra],
            files,
        }
    }

    fn daemon(host: &Host, files: &Files, name: &str, config: &str) -> Child {
        let path = |end: &str| files.path(&format!("{name}.{end}"));
        fs::write(path("conf"), config).unwrap();
        let log = File::create(path("log")).unwrap();
        let mut program = peer(&format!("/usr/lib/frr/{name}"));
        program.args(["--log", "stdout", "--log-level", "debugging"]);
        program.arg("--config_file").arg(path("conf"));
        program.arg("--pid_file").arg(path("pid"));
        program.arg("--vty_socket").arg(files.directory.path());
        program.arg("--socket").arg(files.path("zebra.api"));
        program.stdin(Stdio::null());
        program.stdout(log.try_clone().unwrap()).stderr(log);
        host.adopt(&mut program);
        program.spawn().unwrap()
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.files.path("vrrpd.log")).unwrap()
    }

    /// Waits until it has said this so often.
    pub(super) fn wait_for(&self, words: &str, times: usize) {
        wait_for(
            &format!("{words:?} {times} times in FRR's log:\n{}", self.log()),
            || (self.log().matches(words).count() >= times).then_some(()),
        );
    }

    /// Ends it as a service manager does.
    fn stop(mut self) {
        for child in &mut self.children {
            end(child);
        }
    }
}

fn end(child: &mut Child) {
    // It may have ended.
    let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
    let _ = child.wait();
}

impl Drop for Frr {
    fn drop(&mut self) {
        self.children.iter_mut().for_each(end);
    }
}

/// Gives a host the interface of the virtual router: FRR wants one with the virtual hardware address, and its addresses.
pub(super) fn virtual_interface(host: &Host, hardware: &str, address: &str) {
    host.ip(&format!(
        "link add vrrp-51 link eth0 address {hardware} type macvlan mode bridge\n\
         address add {address} dev vrrp-51 nodad\nlink set vrrp-51 up\n"
    ))
    .unwrap();
}

fn one_router(pair: &Pair) {
    let net = Net::new().unwrap();
    let ours = net
        .host("ours", &["192.168.0.11/24", "fd00:a::11/64"])
        .unwrap();
    let theirs = net
        .host("theirs", &["192.168.0.12/24", "fd00:a::12/64"])
        .unwrap();
    let address = format!("{}/{}", pair.address, pair.prefix);
    virtual_interface(&theirs, pair.hardware, &address);
    let files = Files::new();
    files.write(&format!(
        "virtual_routers:\n  - {{name: pair, interface: eth0, vrid: 51, priority: 200, hold: 0s, addresses: ['{address}']}}\n\
         virtual_services: []\n"
    ));
    // The director is master, and FRR believes it.
    let director = Running::start(&ours, &files, &[]);
    director.wait_for("virtual router pair: backup -> master");
    let frr = Frr::start(
        &theirs,
        &format!(
            " vrrp 51 version 3\n vrrp 51 priority 100\n vrrp 51 advertisement-interval 1000\n no vrrp 51 preempt\n \
             vrrp 51 {} {}\n",
            pair.word, pair.address
        ),
    );
    frr.wait_for("Initialize -> Backup", 1);
    let sent = files.status(&ours).routers[0].sent;
    wait_for("FRR hears more advertisements than it waits for", || {
        (files.status(&ours).routers[0].sent > sent + 5).then_some(())
    });
    assert!(!frr.log().contains("Backup -> Master"), "{}", frr.log());
    assert!(director.stop().success());
    // FRR is master, and the director believes it: its priority is higher, and it was not asked to take over.
    frr.wait_for("Backup -> Master", 1);
    let director = Running::start(&ours, &files, &[]);
    follows(&director, &files, &ours);
    frr.stop();
    director.wait_for("virtual router pair: backup -> master (master");
}
