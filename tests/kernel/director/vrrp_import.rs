// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two files of keepalived, a master's and a backup's, as people publish them: imported, they fail over.

use std::fs;
use std::path::Path;
use std::process::Command;

use lab::netns::{Host, Net};

use super::process::{Files, PROGRAM, Running, said};
use super::vrrp_peers::Keepalived;
use super::vrrp_track::write_program;
use crate::Test;
use crate::stage::wait_for;

/// The virtual address of both files.
const VIP: &str = "192.168.0.123";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "two_imported_files_of_keepalived_are_a_master_and_a_backup_that_fail_over",
            both_imported,
        ),
        (
            "an_imported_backup_fails_over_with_the_keepalived_that_is_still_the_master",
            beside_keepalived,
        ),
    ]
}

/// A host, and the file that it has.
struct Side {
    host: Host,
    files: Files,
}

impl Side {
    fn new(net: &Net, name: &str, last: u8) -> Self {
        let host = net.host(name, &[&format!("192.168.0.{last}/24")]).unwrap();
        let side = Self {
            host,
            files: Files::new(),
        };
        side.script("exit 0");
        side
    }

    /// What the file of keepalived runs.
    fn script(&self, text: &str) {
        write_program(&self.files.path("check.sh"), text);
    }

    /// The file as this host has it: with its interface and its script.
    fn theirs(&self, file: &str) -> String {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import/keepalived-vrrp");
        let text = fs::read_to_string(directory.join(file)).unwrap();
        let script = self.files.path("check.sh").display().to_string();
        text.replace("ens33", "eth0")
            .replace("/etc/keepalived/haproxy_check.sh", &script)
    }

    /// Imports the file, does what is said beside it, and starts the director.
    fn start(&self, file: &str) -> Running {
        let theirs = self.files.path("keepalived.conf");
        fs::write(&theirs, self.theirs(file)).unwrap();
        let imported = said(&self.host, Command::new(PROGRAM).arg("import").arg(theirs));
        assert_eq!(imported.code, Some(0), "{imported:?}");
        let directory = self.files.directory.path().display().to_string();
        let here = |text: &str| text.replace("/etc/lvs-director", &directory);
        let line = imported
            .err
            .lines()
            .find_map(|it| it.split_once("make it: "));
        let (_, command) = line.unwrap();
        let made = said(&self.host, Command::new("sh").args(["-c", &here(command)]));
        assert_eq!(made.code, Some(0), "{made:?}");
        self.files.write(&here(&imported.out));
        Running::start(&self.host, &self.files, &[])
    }

    fn has_address(&self) -> bool {
        let listed = self.host.command("ip", &["-brief", "address"]).unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        listed.contains(&format!(" {VIP}/"))
    }
}

fn wait_until_at(side: &Side, other: &Side) {
    wait_for(&format!("{VIP} is at {}", side.host.name()), || {
        (side.has_address() && !other.has_address()).then_some(())
    });
}

fn both_imported() {
    let net = Net::new().unwrap();
    let (a, b) = (Side::new(&net, "a", 11), Side::new(&net, "b", 12));
    let master = a.start("seed-master.conf");
    let backup = b.start("seed-backup.conf");
    wait_until_at(&a, &b);
    // The master is cut off, and comes back: it takes the address back, as with keepalived.
    a.host.plug(false).unwrap();
    wait_until_at(&b, &a);
    backup.wait_for("virtual router VI_1: backup -> master");
    a.host.plug(true).unwrap();
    wait_until_at(&a, &b);
    // Its script fails: 100 - 20 is less than 90.
    a.script("exit 1");
    wait_until_at(&b, &a);
    master.wait_for("virtual router VI_1: master -> backup");
    a.script("exit 0");
    wait_until_at(&a, &b);
    // It is stopped.
    assert!(master.stop().success());
    wait_until_at(&b, &a);
}

/// The first step of who comes from keepalived: the backup is replaced, while the master runs on.
fn beside_keepalived() {
    let net = Net::new().unwrap();
    let (a, b) = (Side::new(&net, "a", 11), Side::new(&net, "b", 12));
    let keepalived = Keepalived::start_with(&a.host, &a.theirs("seed-master.conf"), "--vrrp");
    keepalived.wait_for("Entering MASTER STATE");
    let backup = b.start("seed-backup.conf");
    wait_for(
        "the director hears its peer, with the right password",
        || {
            let router = b.files.status(&b.host).routers.into_iter().next()?;
            assert!(router.dropped.is_empty(), "{router:?}");
            (router.heard > 2 && router.state == "backup").then_some(())
        },
    );
    wait_until_at(&a, &b);
    a.host.plug(false).unwrap();
    wait_for("the director has the address", || {
        b.has_address().then_some(())
    });
    backup.wait_for("virtual router VI_1: backup -> master");
    a.host.plug(true).unwrap();
    wait_until_at(&a, &b);
    backup.wait_for("virtual router VI_1: master -> backup");
}
