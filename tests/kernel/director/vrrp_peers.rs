// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director beside keepalived on one LAN: each is master, and each is backup.

use std::fs::{self, File};
use std::process::{Child, Stdio};

use lab::netns::{Host, Net};
use lab::peers::peer;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::process::{Files, Running};
use crate::Test;
use crate::stage::wait_for;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "keepalived_and_the_director_are_one_virtual_router_by_version_3",
            || one_router(&V3),
        ),
        (
            "keepalived_and_the_director_are_one_virtual_router_by_version_2",
            || one_router(&V2),
        ),
        (
            "keepalived_and_the_director_are_one_virtual_router_by_unicast",
            || one_router(&UNICAST),
        ),
        (
            "keepalived_with_the_checksum_of_rfc_9568_and_the_director_are_one_virtual_router",
            || one_router(&PLAIN),
        ),
        (
            "keepalived_and_the_director_are_one_virtual_router_by_ipv6",
            || one_router(&IPV6),
        ),
        (
            "keepalived_and_the_director_are_one_virtual_router_with_a_password",
            || one_router(&PASSWORD),
        ),
        (
            "keepalived_with_another_password_is_dropped_counted_and_told_once",
            other_password,
        ),
    ]
}

/// How both are configured.
struct Pair {
    address: &'static str,
    prefix: &'static str,
    /// Lines for the director's virtual router.
    ours: &'static str,
    /// Lines for keepalived's.
    theirs: &'static str,
}

impl Pair {
    /// What keepalived's virtual router has.
    fn lines(&self) -> String {
        format!(
            "nopreempt\n {}\n virtual_ipaddress {{\n {}/{}\n }}",
            self.theirs, self.address, self.prefix
        )
    }
}

const V3: Pair = Pair {
    address: "192.168.0.10",
    prefix: "24",
    ours: "interval: 1s",
    theirs: "version 3\n advert_int 1",
};
const V2: Pair = Pair {
    ours: "version: 2, interval: 1s",
    theirs: "version 2\n advert_int 1",
    ..V3
};
const UNICAST: Pair = Pair {
    ours: "interval: 1s, source: 192.168.0.11, peers: [192.168.0.12]",
    theirs: "version 3\n advert_int 1\n unicast_src_ip 192.168.0.12\n unicast_peer {\n 192.168.0.11\n }",
    ..V3
};
const PLAIN: Pair = Pair {
    theirs: "version 3\n advert_int 1\n v3_checksum_as_v2 true",
    ..V3
};
const PASSWORD: Pair = Pair {
    ours: "version: 2, interval: 1s, authentication: {password_file: PASSWORD}",
    theirs: "version 2\n advert_int 1\n authentication {\n auth_type PASS\n auth_pass sesame\n }",
    ..V3
};
const IPV6: Pair = Pair {
    address: "fd00:a::10",
    prefix: "64",
    ..V3
};

/// Its process, until this is dropped.
pub(super) struct Keepalived {
    child: Child,
    files: Files,
}

impl Keepalived {
    /// Starts it on a host, with more lines for its virtual router.
    pub(super) fn start(host: &Host, lines: &str) -> Self {
        let text = format!(
            "vrrp_instance peer {{\n interface eth0\n virtual_router_id 51\n priority 100\n state BACKUP\n {lines}\n}}\n"
        );
        Self::start_with(host, &text, "--vrrp")
    }

    /// Starts one of its two parts on a host, `--vrrp` or `--check`, with this configuration.
    pub(super) fn start_with(host: &Host, text: &str, part: &str) -> Self {
        let files = Files::new();
        fs::write(files.path("keepalived.conf"), text).unwrap();
        let log = File::create(files.path("log")).unwrap();
        let mut program = peer("keepalived");
        program.args(["--dont-fork", "--log-console", part]);
        for (option, name) in [
            ("--use-file", "keepalived.conf"),
            ("--pid", "pid"),
            ("--vrrp_pid", "vrrp-pid"),
            ("--checkers_pid", "checkers-pid"),
        ] {
            program.arg(option).arg(files.path(name));
        }
        program.stdin(Stdio::null());
        program.stdout(log.try_clone().unwrap()).stderr(log);
        host.adopt(&mut program);
        let child = program.spawn().unwrap();
        Self { child, files }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.files.path("log")).unwrap()
    }

    /// Waits until it has said this.
    pub(super) fn wait_for(&self, words: &str) {
        wait_for(
            &format!("{words:?} in keepalived's log:\n{}", self.log()),
            || self.log().contains(words).then_some(()),
        );
    }

    /// Ends it as a service manager does.
    fn stop(mut self) {
        kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        )
        .unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        // It may have ended. It ends the process that it has started.
        let _ = kill(
            Pid::from_raw(self.child.id().cast_signed()),
            Signal::SIGTERM,
        );
        let _ = self.child.wait();
    }
}

pub(super) fn has(host: &Host, address: &str) -> bool {
    let listed = host.command("ip", &["-brief", "address"]).unwrap();
    String::from_utf8(listed.stdout)
        .unwrap()
        .contains(&format!(" {address}/"))
}

/// Waits until this director hears a master of priority 100 again and again: it follows, and drops nothing.
pub(super) fn follows(director: &Running, files: &Files, host: &Host) {
    let router = wait_for("the director hears its peer", || {
        let status = files.status(host);
        let router = status.routers.into_iter().next()?;
        (router.heard > 4).then_some(router)
    });
    assert_eq!(
        (&*router.state, router.transitions),
        ("backup", 1),
        "{}",
        director.log()
    );
    assert!(router.dropped.is_empty(), "{router:?}");
    assert!(
        router.master.is_some_and(|master| master.priority == 100),
        "{router:?}"
    );
}

/// The director's files, with this password.
fn configured(pair: &Pair, password: &str) -> Files {
    let files = Files::new();
    let file = files.path("password");
    fs::write(&file, password).unwrap();
    let ours = pair.ours.replace("PASSWORD", &file.display().to_string());
    files.write(&format!(
        "virtual_routers:\n  - {{name: pair, interface: eth0, vrid: 51, priority: 200, hold: 0s, addresses: ['{}/{}'], {ours}}}\n\
         virtual_services: []\n",
        pair.address, pair.prefix
    ));
    files
}

/// Neither believes the other. A reload with the right password makes one virtual router of them.
fn other_password() {
    let net = Net::new().unwrap();
    let ours = net.host("ours", &["192.168.0.11/24"]).unwrap();
    let theirs = net.host("theirs", &["192.168.0.12/24"]).unwrap();
    let files = configured(&PASSWORD, "wrong");
    let keepalived = Keepalived::start(&theirs, &PASSWORD.lines());
    wait_for("keepalived has the address", || {
        has(&theirs, PASSWORD.address).then_some(())
    });
    let director = Running::start(&ours, &files, &[]);
    let dropped = || {
        let router = files.status(&ours).routers.into_iter().next()?;
        router.dropped.get("password").copied()
    };
    wait_for("advertisements are dropped", || {
        (dropped()? > 2).then_some(())
    });
    let line = "virtual router pair: advertisement of 192.168.0.12 dropped: its password is another one than here";
    director.wait_for(line);
    assert_eq!(director.count(line), 1, "{}", director.log());
    fs::write(files.path("password"), "sesame").unwrap();
    director.signal(Signal::SIGHUP);
    // The higher priority wins where both were master.
    wait_for("keepalived leaves the address to the director", || {
        (has(&ours, PASSWORD.address) && !has(&theirs, PASSWORD.address)).then_some(())
    });
    fs::remove_file(files.path("password")).unwrap();
    director.signal(Signal::SIGHUP);
    director.wait_for("virtual router pair: read ");
    assert!(has(&ours, PASSWORD.address));
    drop(keepalived);
}

fn one_router(pair: &Pair) {
    let net = Net::new().unwrap();
    let ours = net
        .host("ours", &["192.168.0.11/24", "fd00:a::11/64"])
        .unwrap();
    let theirs = net
        .host("theirs", &["192.168.0.12/24", "fd00:a::12/64"])
        .unwrap();
    let files = configured(pair, "sesame\n");
    let at = |here: &Host, there: &Host| {
        wait_for(&format!("{} is at {}", pair.address, here.name()), || {
            (has(here, pair.address) && !has(there, pair.address)).then_some(())
        });
    };
    // The director is master, and keepalived believes it.
    let director = Running::start(&ours, &files, &[]);
    at(&ours, &theirs);
    let keepalived = Keepalived::start(&theirs, &pair.lines());
    keepalived.wait_for("Entering BACKUP STATE");
    wait_for("keepalived is heard of no more than at its start", || {
        let status = files.status(&ours);
        (status.routers[0].sent > 5).then_some(())
    });
    assert!(
        !keepalived.log().contains("MASTER STATE"),
        "{}",
        keepalived.log()
    );
    assert!(director.stop().success());
    // keepalived is master, and the director believes it: its priority is higher, and it was not asked to take over.
    at(&theirs, &ours);
    let director = Running::start(&ours, &files, &[]);
    follows(&director, &files, &ours);
    keepalived.stop();
    at(&ours, &theirs);
    director.wait_for("virtual router pair: backup -> master (master");
}
