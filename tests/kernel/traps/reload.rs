// SPDX-License-Identifier: MIT OR Apache-2.0
//! The module goes and comes back, and with it the family under another number.

use std::fs;
use std::process::Command;
use std::time::Duration;

use lvs_director::kernel::Ipvs;
use lvs_director::plan::{Step, Target as _};
use nix::errno::Errno;

use super::desk::{NAT, Raw, real, server, settings, take, tcp};
use super::{Test, named};
use crate::beside::succeed;

pub(super) fn tests() -> Vec<Test> {
    named![an_open_connection_outlives_the_module_it_was_opened_to]
}

/// The loaded modules of IPVS, those that use others first.
fn modules() -> Vec<String> {
    let loaded = fs::read_to_string("/proc/modules").unwrap();
    let names = loaded.lines().filter_map(|line| line.split(' ').next());
    let mut ours: Vec<String> = names
        .filter(|name| name.starts_with("ip_vs"))
        .map(str::to_owned)
        .collect();
    // `ip_vs` itself last.
    ours.sort_by_key(|name| std::cmp::Reverse(name.len()));
    ours
}

/// Unloads IPVS. Namespaces of earlier tests may hold it for a moment.
#[allow(
    clippy::disallowed_methods,
    reason = "the kernel does not say when a namespace is gone"
)]
fn unload() {
    for _ in 0..100 {
        for module in modules() {
            let _ = Command::new("rmmod").arg(module).output();
        }
        if modules().is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("cannot unload {:?}", modules());
}

fn an_open_connection_outlives_the_module_it_was_opened_to() {
    if std::env::var_os(lab::kernel::INSIDE).is_none() {
        eprintln!("this machine's own IPVS is not unloaded; run this test where IPVS is missing");
        return;
    }
    let mut connections = [(); 6].map(|()| Ipvs::open().unwrap());
    let mut stale = Raw::open();
    unload();
    succeed("modprobe", &["ip_vs"]);
    assert_ne!(Raw::open().family, stale.family);
    assert_eq!(stale.send(4, |_| {}), Err(Errno::ENOENT));
    // For every kind of first request.
    let [questions, listings, changes, commands, services, whole] = &mut connections;
    assert_eq!(questions.info().unwrap().version, (1, 2, 1));
    assert!(listings.services().unwrap().is_empty());
    let (key, at) = (tcp("192.0.2.1:80"), server("10.0.0.1:80"));
    let steps = [
        Step::AddService(key, settings("rr")),
        Step::AddServer(key, at, real(NAT, 1)),
    ];
    take(changes, &steps);
    assert_eq!(
        services.read_service(&key).unwrap().unwrap().servers.len(),
        1
    );
    assert_eq!(whole.read().unwrap().server_count(), 1);
    commands.flush().unwrap();
    assert!(questions.read().unwrap().services.is_empty());
    // Unloaded, and loaded again by the question itself.
    unload();
    assert_eq!(whole.timeouts().unwrap().tcp.0, 900);
}
