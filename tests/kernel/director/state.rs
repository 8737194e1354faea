// SPDX-License-Identifier: MIT OR Apache-2.0
//! The director's two files: which director has them, what else may be at their paths, and what a full disk does.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use lvs_director::model::IpvsTable;
use lvs_director::model::Protocol::Tcp;
use lvs_director::plan::Target as _;
use nix::sys::signal::Signal::SIGHUP;

use super::process::{
    Files, FullDisk, PROGRAM, QUICK, Running, said, wait_for_table, wait_for_weights,
};
use crate::Test;
use crate::stage::{Stage, Table as _, wait_for};

const SERVICES: &str = "defaults: {check: none}\nvirtual_services: [{address: 192.168.0.10:80, servers: [192.168.0.2]}]\n";
const OTHERS: &str = "defaults: {check: none}\nvirtual_services: [{address: 192.168.0.10:81, servers: [192.168.0.2]}]\n";
const KILLS: usize = 20;

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "two_directors_cannot_have_one_state_file_and_the_first_keeps_its_services",
            two_directors,
        ),
        (
            "what_is_no_state_file_is_not_overwritten_and_no_director_starts",
            no_state_file,
        ),
        (
            "a_disk_that_was_full_is_written_as_soon_as_there_is_room",
            full_then_free,
        ),
        (
            "directories_and_files_are_closed_to_others_whatever_the_umask",
            umask,
        ),
        (
            "kill_9_while_a_verdict_is_written_down_leaves_both_files_whole",
            killed,
        ),
    ]
}

/// The second one has a socket of its own, as the message of the first kind of conflict advises.
fn two_directors() {
    let (mut stage, first, second) = (Stage::new(0), Files::new(), Files::new());
    let table = first.write(SERVICES).table();
    let running = Running::start(&stage.director, &first, &[]);
    wait_for_table(&mut stage, &table);
    second.write_with_state(OTHERS, &first.path("state.json"));
    for command in ["run", "apply"] {
        let said = second.once(&stage.director, command, &[]);
        assert_eq!(said.code, Some(1), "{command}: {said:?}");
        let who = format!(
            "another director (pid {}) uses the state file",
            running.pid()
        );
        assert!(said.err.contains(&who), "{command}: {said:?}");
        let what = "give each director its own state_file and socket";
        assert!(said.err.contains(what), "{command}: {said:?}");
        assert!(!second.path("socket").exists());
    }
    // To look is allowed.
    let said = second.once(&stage.director, "plan", &[]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(stage.ipvs.read().unwrap(), table);
    assert_eq!(
        first.state(),
        BTreeSet::from(["TCP 192.168.0.10:80".to_owned()])
    );
    // With their own files two directors do not disturb each other, even in one directory.
    let mut both = second
        .write_with_state(OTHERS, &first.path("second.json"))
        .table();
    both.services.extend(table.services.clone());
    let other = Running::start(&stage.director, &second, &[]);
    wait_for_table(&mut stage, &both);
    assert!(other.stop().success());
    assert!(running.stop().success());
    assert_eq!(stage.ipvs.read().unwrap(), both);
}

fn no_state_file() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let (text, newer) = (files.path("diary"), files.path("newer.json"));
    let newest = "{\"version\": 2, \"kind\": \"lvs-director state\", \"owned\": {}}";
    fs::write(&text, "dear diary").unwrap();
    fs::write(&newer, newest).unwrap();
    fs::create_dir(files.path("directory")).unwrap();
    for (path, why) in [
        (text.clone(), "this is no state file"),
        (newer.clone(), "version 2, this one knows version 1"),
        (PathBuf::from("/dev/zero"), "it is a device"),
        (files.path("directory"), "it is a directory"),
        (files.config(), "is this very file"),
    ] {
        files.write_with_state(SERVICES, &path);
        let yaml = fs::read(files.config()).unwrap();
        for command in ["check", "run", "apply", "plan"] {
            let said = files.once(&stage.director, command, &[]);
            let own = path == files.config();
            let expected = if command == "check" || own { 3 } else { 1 };
            assert_eq!(
                said.code,
                Some(expected),
                "{command} {}: {said:?}",
                path.display()
            );
            assert!(
                said.err.contains(why),
                "{command} {}: {said:?}",
                path.display()
            );
        }
        assert_eq!(fs::read(files.config()).unwrap(), yaml);
    }
    assert_eq!(fs::read_to_string(text).unwrap(), "dear diary");
    assert_eq!(fs::read_to_string(newer).unwrap(), newest);
    assert!(!fs::metadata("/dev/zero").unwrap().is_file());
    assert!(!Path::new("/dev/zero.lock").exists());
    assert_eq!(stage.ipvs.read().unwrap(), IpvsTable::new());
}

fn full_then_free() {
    let (mut stage, files) = (Stage::new(0), Files::new());
    let disk = FullDisk::at(files.path("disk"));
    let state = disk.path.join("state.json");
    let table = files.write_with_state(SERVICES, &state).table();
    let director = Running::start(&stage.director, &files, &[]);
    director.wait_for("no space left on device (ENOSPC)");
    wait_for_table(&mut stage, &table);
    assert!(!state.exists());
    disk.free();
    // Nothing changes, and the file is still written.
    wait_for("the state file is written", || {
        let text = fs::read_to_string(&state).ok()?;
        text.contains("TCP 192.168.0.10:80").then_some(())
    });
    assert!(director.stop().success());
}

fn umask() {
    let (stage, files) = (Stage::new(0), Files::new());
    for mask in ["0", "077"] {
        let directory = files.path(&format!("var{mask}"));
        files.write_with_state(SERVICES, &directory.join("lib/state.json"));
        let mut shell = Command::new("sh");
        let script = format!(
            "umask {mask}; exec {PROGRAM} apply {}",
            files.config().display()
        );
        shell.args(["-c", &script]);
        let said = said(&stage.director, &mut shell);
        assert_eq!(said.code, Some(0), "{said:?}");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&directory), 0o755, "umask {mask}");
        assert_eq!(mode(&directory.join("lib")), 0o755, "umask {mask}");
        assert_eq!(
            mode(&directory.join("lib/state.json")),
            0o600,
            "umask {mask}"
        );
        assert_eq!(
            mode(&directory.join("lib/state.json.lock")),
            0o600,
            "umask {mask}"
        );
    }
}

/// The file's inode number: each write makes a new file.
fn which(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|it| it.ino())
}

fn killed() {
    let (mut stage, files) = (Stage::new(1), Files::new());
    let at = "192.168.0.2:80".parse().unwrap();
    let yaml = |port: u16| {
        format!(
            "defaults: {{{QUICK}}}\nvirtual_services:\n  - {{address: 192.168.0.10:80, servers: [192.168.0.2]}}\n  \
             - {{address: 192.168.0.10:{port}, check: none, servers: [192.168.0.2]}}\n"
        )
    };
    stage.serve(0, Tcp, at);
    let (state, remembered) = (files.path("state.json"), files.path("remembered.json"));
    let mut random = fastrand::Rng::with_seed(11);
    for turn in 0..KILLS {
        let ports = if turn % 2 == 0 { [81, 82] } else { [83, 84] };
        files.write(&yaml(ports[0]));
        let director = Running::start(&stage.director, &files, &[]);
        let written = (which(&state), which(&remembered));
        files.write(&yaml(ports[1]));
        director.signal(SIGHUP);
        // Either file has just been written, or is just being written.
        wait_for("either file is written", || {
            ((which(&state), which(&remembered)) != written).then_some(())
        });
        std::thread::sleep(Duration::from_millis(10).mul_f64(random.f64()));
        drop(director);
        for path in [&state, &remembered] {
            if let Ok(text) = fs::read(path) {
                let whole: Result<serde_json::Value, _> = serde_json::from_slice(&text);
                assert!(
                    whole.is_ok(),
                    "{}: {}",
                    path.display(),
                    String::from_utf8_lossy(&text)
                );
            }
        }
    }
    files.write(&yaml(85));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.2:85", 1)]);
    // The table may be right from the last one; what is written down is this one's own verdict.
    director.wait_for("unknown -> up");
    assert!(director.stop().success());
    let ours = ["TCP 192.168.0.10:80", "TCP 192.168.0.10:85"];
    assert_eq!(files.state(), BTreeSet::from(ours.map(str::to_owned)));
    assert_eq!(stage.ipvs.read().unwrap().services.len(), 2);
    let text = fs::read_to_string(&remembered).unwrap();
    let written: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        written["standings"][0]["server"], "192.168.0.2:80",
        "{text}"
    );
    let left: BTreeSet<String> = fs::read_dir(files.directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains(".tmp") || name.contains(".bad"))
        .collect();
    assert_eq!(left, BTreeSet::new(), "nothing unfinished stays");
}
