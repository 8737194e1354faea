// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a director takes from the one before it, and how old that may be.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use super::peer::Peer;
use super::process::{Files, FullDisk, Running, wait_for_weights};
use crate::Test;
use crate::stage::{Stage, wait_for};

const RS1: &str = "192.168.0.2:80";
/// It takes a request, and never answers.
const HANGS: u16 = 1;
const HOUR: i64 = 3600;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "kill_9_leaves_verdicts_that_the_next_director_remembers_while_they_are_young",
            remembered,
        ),
        (
            "a_remembered_verdict_stays_young_while_the_director_runs_also_on_a_full_disk",
            confirmed,
        ),
    ]
}

fn answer(mut stream: TcpStream, status: u16) {
    let _ = stream.read(&mut [0; 1024]);
    if status == HANGS {
        // Until the other side closes.
        let _ = stream.read(&mut [0; 1024]);
        return;
    }
    let answer = format!("HTTP/1.1 {status} Word\r\ncontent-length: 0\r\n\r\n");
    let _ = stream.write_all(answer.as_bytes());
}

/// Its probe has a minute.
const YAML: &str = "defaults: {scheduler: rr, min_healthy: 0}\n\
    virtual_services:\n  - address: 192.168.0.10:80\n    servers: [192.168.0.2]\n    \
    check: {http: {port: 8080}, interval: 100ms, timeout: 1m, fall: 1, rise: 1}\n";

fn written(path: &Path) -> Option<i64> {
    let text = fs::read_to_string(path).ok()?;
    let content: serde_json::Value = serde_json::from_str(&text).ok()?;
    content["written"].as_i64()
}

/// As if the file had been written so much later.
fn shift(path: &Path, seconds: i64) {
    let time = written(path).unwrap();
    let text = fs::read_to_string(path).unwrap();
    let shifted = text.replace(
        &format!("\"written\":{time}"),
        &format!("\"written\":{}", time + seconds),
    );
    assert_ne!(shifted, text);
    fs::write(path, shifted).unwrap();
}

fn remembered() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    files.write(YAML);
    let web = Peer::start(&stage.servers[0], 8080, 503, answer);
    let file = files.path("remembered.json");
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("unknown -> down");
    wait_for("the verdict is written down", || {
        let text = fs::read_to_string(&file).ok()?;
        text.contains("\"standing\":\"down\"").then_some(())
    });
    web.acts(HANGS);
    drop(director);

    let young = fs::read(&file).unwrap();
    for (shifted, used) in [(0, true), (-2 * HOUR, false), (HOUR, false)] {
        fs::write(&file, &young).unwrap();
        if shifted != 0 {
            shift(&file, shifted);
        }
        let asked = web.taken();
        let director = Running::start(&stage.director, &files, &[]);
        wait_for("it is asked", || (web.taken() > asked).then_some(()));
        let why = files.why(&stage.director, "192.168.0.2", &[]);
        let status = files.once(&stage.director, "status", &[]);
        for said in [&why, &status] {
            let words = "remembered as down, last known ";
            assert_eq!(said.out.contains(words), used, "{shifted}: {said:?}");
        }
        assert!(why.out.contains("unknown for "), "{why:?}");
        let told = director.count("1 standing of the remembered file ");
        assert_eq!(told, usize::from(!used), "{shifted}: {}", director.log());
        drop(director);
    }

    // What it is found to be ends that.
    fs::write(&file, &young).unwrap();
    web.acts(200);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("unknown -> up");
    wait_for_weights(&mut stage, &[(RS1, 1)]);
    let why = files.why(&stage.director, "192.168.0.2", &[]);
    assert!(!why.out.contains("remembered as"), "{why:?}");
}

fn confirmed() {
    let (stage, files) = (Stage::new(1), Files::new());
    let disk = FullDisk::at(files.path("disk"));
    disk.free();
    files.write_with_state(YAML, &disk.path.join("state.json"));
    let file = disk.path.join("remembered.json");
    let _web = Peer::start(&stage.servers[0], 8080, 200, answer);
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("unknown -> up");
    let first = wait_for("the verdict is written down", || {
        let text = fs::read_to_string(&file).ok()?;
        text.contains("\"standing\":{\"up\"")
            .then(|| written(&file))
            .flatten()
    });
    // As much as there is room for.
    let _ = fs::write(disk.path.join("full"), [0; 16384]);
    let inode = fs::metadata(&file).unwrap().ino();
    let mut turns = 0;
    while written(&file).is_none_or(|time| time <= first) {
        turns += 1;
        assert!(turns < 1200, "it is never confirmed: {}", director.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(fs::metadata(&file).unwrap().ino(), inode, "in its place");
    assert_eq!(director.count("no space"), 0, "{}", director.log());
}
