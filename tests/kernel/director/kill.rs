// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director killed at any moment.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use lab::question::{Conversation, connect};
use lvs_director::plan::Target as _;

use super::process::{Files, Running, ipvsadm};
use crate::Test;
use crate::stage::{PATIENCE, Stage, Table as _};

const KILLS: usize = 40;
/// How long after the state file has been written half of them come, at most.
const AIMED: Duration = Duration::from_millis(20);

pub(super) fn tests() -> Vec<Test> {
    vec![(
        "kill_9_at_any_moment_loses_no_connection_and_the_next_start_ends_right",
        killed,
    )]
}

/// Three hundred services on these ports, each with a server of this weight and nine more that take no connections.
fn yaml(ports: Range<u16>, weight: u32) -> String {
    let mut yaml = "defaults: {check: none, scheduler: wrr}\npools:\n  ten:\n".to_owned();
    let _ = writeln!(yaml, "    - {{address: 192.168.0.2, weight: {weight}}}");
    for last in 3..12 {
        let _ = writeln!(
            yaml,
            "    - {{address: 192.168.0.{last}, weight: 0, upper_threshold: {weight}}}"
        );
    }
    yaml.push_str("virtual_services:\n");
    for port in ports {
        let _ = writeln!(yaml, "  - {{address: 192.168.0.10:{port}, pool: ten}}");
    }
    yaml
}

/// The file's inode number: each write makes a new file.
fn state_file(files: &Files) -> u64 {
    fs::metadata(files.path("state.json")).unwrap().ino()
}

fn killed() {
    let both: SocketAddr = "192.168.0.10:1200".parse().unwrap();
    let (mut stage, files) = (Stage::direct_routing(1, &[both]), Files::new());
    ipvsadm(&stage.director, "-A -t 192.168.0.10:9 -s lc");
    let configs = [yaml(1000..1300, 1), yaml(1150..1450, 2)];
    files.write(&configs[1]);
    drop(Running::start(&stage.director, &files, &[]));
    // How long a start takes once its program is in memory.
    files.write(&configs[0]);
    let launched = Instant::now();
    drop(Running::start(&stage.director, &files, &[]));
    let whole = launched.elapsed();
    let stream = stage.client.run(|| connect(None, both, PATIENCE).unwrap());
    let mut held = Conversation::new(stream).unwrap();
    let mut talk = || held.ask("still here", Instant::now() + PATIENCE).unwrap();
    assert_eq!(talk(), "rs1 still here");

    let mut random = fastrand::Rng::with_seed(7);
    let mut tables = BTreeSet::new();
    for (turn, config) in configs.iter().cycle().take(KILLS).enumerate() {
        files.write(config);
        let noted = state_file(&files);
        let launched = Instant::now();
        let director = Running::launch(&stage.director, &files, &[]);
        if turn % 4 < 2 {
            std::thread::sleep(whole.mul_f64(random.f64()));
        } else {
            // The change of the kernel comes right after the write of the state file.
            while state_file(&files) == noted && launched.elapsed() < whole {
                std::thread::yield_now();
            }
            std::thread::sleep(AIMED.mul_f64(random.f64()));
        }
        drop(director);
        tables.insert(stage.ipvs.read().unwrap().services.len());
        assert_eq!(talk(), "rs1 still here");
    }
    let mut table = files.write(&configs[0]).table();
    assert!(
        Running::start(&stage.director, &files, &[])
            .stop()
            .success()
    );
    let ours: BTreeSet<String> = table.services.keys().map(ToString::to_string).collect();
    let mut found = stage.ipvs.read().unwrap();
    let foreign = "TCP 192.168.0.10:9".parse().unwrap();
    assert!(found.services.remove(&foreign).is_some());
    assert!(table.services.remove(&foreign).is_none());
    assert_eq!(found, table);
    assert_eq!(files.state(), ours);
    assert_eq!(talk(), "rs1 still here");
    let left: BTreeSet<_> = fs::read_dir(files.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    println!("a start takes {whole:?}; services after a kill: {tables:?}; files: {left:?}");
}
