// SPDX-License-Identifier: MIT OR Apache-2.0
//! The packages: installed, upgraded, removed. Only where `PACKAGES` names a directory with two of them, `1.deb` and `2.deb`
//! (`make packages-test`).

use std::path::{Path, PathBuf};

use super::machine::Machine;
use super::{CONFIG, Lan, UNIT, has_address, lan_table, yaml};
use crate::Test;
use crate::director::vrrp::SERVICE;

pub(super) fn test() -> Option<Test> {
    directory().map(|_| -> Test {
        (
            "a_package_is_installed_upgraded_under_a_running_director_removed_and_purged",
            packages,
        )
    })
}

fn directory() -> Option<PathBuf> {
    std::env::var_os("PACKAGES")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
}

fn packages() {
    let lan = Lan::new();
    let machine = Machine::boot(&lan.director, |root| {
        for name in ["1.deb", "2.deb"] {
            root.copy(&directory().unwrap().join(name), &format!("root/{name}"));
        }
    });
    let install =
        |name: &str| machine.run("dpkg", &["-i", "--force-confold", &format!("/root/{name}")]);
    // The machine of the tests may forbid all services to be started.
    machine
        .run("rm", &["-f", "/usr/sbin/policy-rc.d"])
        .succeeds();
    install("1.deb").succeeds();
    // Nothing is started by surprise.
    assert_eq!(machine.property(UNIT, "ActiveState"), "inactive");
    let enabled = machine.systemctl(&["is-enabled", UNIT]).out;
    assert_eq!(enabled.trim(), "disabled");
    for page in ["8 director", "5 director.yaml", "8 realserver", "8 lvsadm"] {
        let words: Vec<&str> = page.split(' ').collect();
        assert!(
            machine.run("man", &["-w", words[0], words[1]]).code == Some(0),
            "{page}"
        );
    }
    machine.run("director", &["check"]).succeeds();
    machine.write(CONFIG, &yaml(1));
    machine.systemctl(&["start", UNIT]).succeeds();
    machine.wait_for_property(UNIT, "StatusText", |text| {
        text.ends_with("master of eth0/51")
    });
    upgrade(&machine, &lan, &install);
    machine.run("dpkg", &["-r", "lvs-director"]).succeeds();
    // The kernel goes on forwarding; the other director gets the address.
    assert!(lan_table(&lan.director).contains(SERVICE));
    assert!(!has_address(&lan.director));
    assert!(there(&machine, CONFIG) && !there(&machine, "usr/sbin/director"));
    machine.run("dpkg", &["-P", "lvs-director"]).succeeds();
    assert!(!there(&machine, CONFIG) && !there(&machine, "var/lib/lvs-director"));
}

fn upgrade(machine: &Machine<'_>, lan: &Lan, install: &impl Fn(&str) -> super::Said) {
    // A file that the new program does not take: the old one goes on.
    let before = machine.property(UNIT, "MainPID");
    machine.write(CONFIG, "nonsense\n");
    let said = install("2.deb");
    assert!(said.err.contains("the old one goes on"), "{said:?}");
    assert_eq!(machine.property(UNIT, "MainPID"), before);
    install("1.deb").succeeds();
    assert_eq!(machine.property(UNIT, "MainPID"), before);
    machine.write(CONFIG, &yaml(1));
    install("2.deb").succeeds();
    assert_ne!(machine.property(UNIT, "MainPID"), before);
    machine.wait_for_journal(
        &["-u", UNIT],
        "initialize -> master (resumed from the process before",
    );
    assert!(has_address(&lan.director));
    let kept = machine.run("cat", &[&format!("/{CONFIG}")]).out;
    assert_eq!(kept, yaml(1));
}

fn there(machine: &Machine<'_>, path: &str) -> bool {
    machine
        .run(
            "test",
            &["-e", &Path::new("/").join(path).display().to_string()],
        )
        .code
        == Some(0)
}
