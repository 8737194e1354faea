// SPDX-License-Identifier: MIT OR Apache-2.0
//! The thread of the virtual routers goes first, and memory stays.

use std::fs;

use lab::netns::{Host, Net};

use super::process::{Files, Running};
use crate::Test;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "the_thread_of_the_virtual_routers_runs_before_ordinary_ones_and_memory_stays",
            goes_first,
        ),
        (
            "a_director_that_may_not_go_first_says_so_and_goes_on",
            may_not,
        ),
    ]
}

/// `SCHED_FIFO`, as the kernel counts the policies.
const FIFO: &str = "1";

fn stage(net: &Net) -> (Host, Files) {
    let host = net.host("director", &["192.168.0.11/24"]).unwrap();
    let files = Files::new();
    files.write_real_time(
        "virtual_routers:\n  - {interface: eth0, vrid: 51, hold: 0s, addresses: [192.168.0.10/24]}\n\
         virtual_services: []\n",
    );
    (host, files)
}

/// The real-time priority and the policy of each thread. Source: proc(5).
fn threads(director: &Running) -> Vec<(String, String, String)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", director.pid())).unwrap();
    let threads = tasks.map(|task| {
        let text = fs::read_to_string(task.unwrap().path().join("stat")).unwrap();
        let (name, rest) = text.split_once('(').unwrap().1.rsplit_once(") ").unwrap();
        // The third field is the first one here.
        let fields: Vec<&str> = rest.split_whitespace().collect();
        (
            name.to_owned(),
            fields[37].to_owned(),
            fields[38].to_owned(),
        )
    });
    threads.collect()
}

/// KiB of memory that the kernel does not swap out.
fn locked(director: &Running) -> u64 {
    let text = fs::read_to_string(format!("/proc/{}/status", director.pid())).unwrap();
    let line = text.lines().find_map(|it| it.strip_prefix("VmLck:"));
    let number = line.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}

fn goes_first() {
    let net = Net::new().unwrap();
    let (host, files) = stage(&net);
    let director = Running::start(&host, &files, &[]);
    director.wait_for("backup -> master");
    let threads = threads(&director);
    assert!(threads.len() > 3, "{threads:?}");
    for (name, priority, policy) in &threads {
        let first = name == "vrrp";
        assert_eq!(
            (priority == "10", policy == FIFO),
            (first, first),
            "{threads:?}"
        );
    }
    assert!(threads.iter().any(|it| it.0 == "vrrp"), "{threads:?}");
    assert!(locked(&director) > 1024, "{} KiB", locked(&director));
    assert!(!director.log().contains("WARN"), "{}", director.log());
}

fn may_not() {
    let net = Net::new().unwrap();
    let (host, files) = stage(&net);
    let missing = "-sys_nice,-sys_resource,-ipc_lock";
    let director = Running::launch_without(&host, &files, missing);
    director.wait_for("backup -> master");
    let first = director.wait_for("director: real_time: ");
    assert!(first.contains("CAP_SYS_NICE"), "{first}");
    let memory = director.wait_for("director: lock_memory: ");
    assert!(memory.contains("LimitMEMLOCK=infinity"), "{memory}");
    assert_eq!(locked(&director), 0);
    assert!(threads(&director).iter().all(|it| it.2 != FIFO));
}
