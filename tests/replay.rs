// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director replay`, on a real recording of a bad night (`tests/recordings/`), whole and harmed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops where something is wrong"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lvs_director::engine::{Engine, Event};
use lvs_director::model::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

const NIGHT: &str = include_str!("recordings/bad-night.jsonl");

/// What the director told in that night.
const TOLD: [&str; 20] = [
    "started: 2 virtual services, 4 real servers; 3 servers will come in when found up; found 1 of ours in the kernel, 3 steps",
    "taken over: service was -t 192.168.0.10:81 -s rr; repaired: -E -t 192.168.0.10:81 -s wrr",
    "no space left on device (ENOSPC)",
    "the state file is written again",
    "check of real server 192.168.0.2:81 of TCP 192.168.0.10:81 could not run (1 in a row): ",
    "check of real server 192.168.0.2:81 of TCP 192.168.0.10:81 runs again",
    "real server 192.168.0.2:80 of TCP 192.168.0.10:80: unknown -> up (check passed, 1/1), added with weight 1",
    "real server 192.168.0.3:80 of TCP 192.168.0.10:80: up -> down (connect refused, 2/2), weight 1 -> removed",
    "real server 192.168.0.3:80 of TCP 192.168.0.10:80: down -> up (check passed, 1/1), added with weight 1",
    "real server 192.168.0.2:81 of TCP 192.168.0.10:81: unknown -> up (check passed, 1/1), added with weight 1",
    "drift: real server 192.168.0.2:80 of TCP 192.168.0.10:80 had weight 9, not 1; repaired: -e ",
    "drift: service TCP 192.168.0.10:80 was missing; repaired: -A ",
    "drift: service TCP 192.168.0.10:81 was missing; repaired: -A ",
    "drift: real server 192.168.0.2:80 of TCP 192.168.0.10:80 was missing; repaired: -a ",
    "drift: real server 192.168.0.3:80 of TCP 192.168.0.10:80 was missing; repaired: -a ",
    "drift: real server 192.168.0.3:81 of TCP 192.168.0.10:81 was missing; repaired: -a ",
    "reloaded: 1 step",
    "reload refused, the running configuration stays: ",
    "unknown key \"sceduler\"",
    "stopped; the kernel goes on forwarding with 2 virtual services",
];

#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn replay_file(path: &Path) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_director"));
    command.arg("replay").arg(path).stdin(Stdio::null());
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    Said {
        code: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Plays this text.
fn replay(recording: impl AsRef<[u8]>) -> Said {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("night.jsonl");
    fs::write(&path, recording).unwrap();
    replay_file(&path)
}

fn lines() -> Vec<&'static str> {
    NIGHT.split_inclusive('\n').collect()
}

/// The night with line `number` (from 1) put through `change`.
fn with(number: usize, change: impl FnOnce(&str) -> String) -> String {
    let mut lines: Vec<String> = lines().into_iter().map(str::to_owned).collect();
    lines[number - 1] = change(&lines[number - 1]);
    lines.concat()
}

/// It was refused, in one line that names this line of the recording first.
fn refused(said: &Said, number: usize, why: &str) {
    assert_eq!(said.code, Some(1), "{said:?}");
    let place = format!("night.jsonl:{number}: ");
    assert!(
        said.err.contains(&place) && said.err.contains(why),
        "{place}{why}: {said:?}"
    );
    assert!(
        !said.err.contains("panicked") && !said.out.contains("all as recorded"),
        "{said:?}"
    );
}

#[test]
fn a_bad_night_is_told_again() {
    let said = replay(NIGHT);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    for words in TOLD {
        assert_eq!(
            said.out.matches(words).count().min(1),
            1,
            "{words:?} in\n{}",
            said.out
        );
    }
    let events = lines().len() - 1;
    let sum = format!("{events} events, ");
    assert!(
        said.out.lines().last().unwrap().starts_with(&sum),
        "{}",
        said.out
    );
    assert!(
        said.out.ends_with(" transitions: all as recorded\n"),
        "{}",
        said.out
    );
}

#[test]
fn a_recording_that_was_cut_anywhere_is_played_as_far_as_it_goes() {
    let whole = replay(NIGHT).out;
    for number in (1..lines().len()).step_by(10) {
        let kept: String = lines()[..number].concat();
        let half = &lines()[number][..lines()[number].len() / 2];
        for (text, end) in [
            (kept.clone(), "all as recorded\n"),
            (
                format!("{kept}{half}"),
                "all as recorded; the last line is cut short, and was left out\n",
            ),
        ] {
            let said = replay(text);
            assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
            let (told, sum) = said
                .out
                .rsplit_once('\n')
                .unwrap()
                .0
                .rsplit_once('\n')
                .unwrap_or(("", said.out.trim_end()));
            assert!(whole.starts_with(told), "after line {number}: {told}");
            assert!(
                sum.starts_with(&format!("{} events, ", number - 1)),
                "{sum}"
            );
            assert!(said.out.ends_with(end), "{sum}");
        }
    }
    let inside = replay(&NIGHT[..10]);
    refused(&inside, 1, "not a recording: its first line has no end");
}

/// Every action of the night, left out and put in again behind itself; and every number of every action made another.
#[test]
fn an_action_that_differs_is_noticed_and_its_line_is_named() {
    let mut harmed = 0;
    for (index, line) in lines().iter().enumerate().skip(1) {
        let entry: Value = serde_json::from_str(line).unwrap();
        let actions = entry["event"]["actions"].as_array().unwrap().len();
        // A few of each length do.
        if actions == 0 || (actions == 1 && index % 7 != 0) {
            continue;
        }
        for harm in [remove_last, repeat_last, change_last] {
            let changed = with(index + 1, |line| {
                let mut entry: Value = serde_json::from_str(line).unwrap();
                harm(entry["event"]["actions"].as_array_mut().unwrap());
                format!("{entry}\n")
            });
            let said = replay(changed);
            refused(
                &said,
                index + 1,
                "the engine now acts differently than it did then",
            );
            assert!(
                said.err.contains("\n  then: ") && said.err.contains("\n  now:  "),
                "{said:?}"
            );
            harmed += 1;
        }
    }
    assert!(harmed > 30, "{harmed}");
}

fn remove_last(actions: &mut Vec<Value>) {
    actions.pop();
}

fn repeat_last(actions: &mut Vec<Value>) {
    actions.push(actions.last().unwrap().clone());
}

fn change_last(actions: &mut Vec<Value>) {
    actions.pop();
    actions.push(serde_json::json!({"end": false}));
}

/// Where what follows depends on it: there, or further down.
#[test]
fn an_event_that_is_missing_is_noticed() {
    refused(
        &replay(with(2, |_| String::new())),
        2,
        "now acts differently",
    );
    for number in 3..=4 {
        let said = replay(with(number, |_| String::new()));
        assert_eq!(said.code, Some(1), "without line {number}: {said:?}");
        assert!(
            said.err.contains("now acts differently"),
            "without line {number}: {said:?}"
        );
    }
}

#[test]
fn garbage_is_refused_and_its_line_is_named() {
    let no = "no entry of a recording: ";
    for (garbage, why) in [
        ("\n", no),
        ("garbage\n", no),
        ("{}\n", no),
        ("null\n", no),
        (
            "{\"event\": {\"at\": -1, \"event\": \"deadline\", \"actions\": []}}\n",
            no,
        ),
        (
            "{\"event\": {\"at\": 1, \"event\": \"dawn\", \"actions\": []}}\n",
            "unknown variant `dawn`",
        ),
        ("\u{1b}[2J\u{0}\n", no),
        (
            "{\"lost\": 3}\n",
            "3 events were lost here: the rest cannot be played",
        ),
    ] {
        let said = replay(with(5, |_| garbage.to_owned()));
        refused(&said, 5, why);
        assert!(!said.err.contains('\u{1b}'), "{said:?}");
    }
    let deep = format!("{}\n", "[".repeat(100_000));
    refused(&replay(with(5, |_| deep)), 5, no);
    let binary: Vec<u8> = (0..=255).chain(*b"\n").collect();
    refused(&replay([lines()[0].as_bytes(), &binary].concat()), 2, no);
    let escape = with(5, |_| "{\"\u{9b}31m\\u001b[2J\": 1}\n".to_owned());
    let said = replay(escape);
    refused(&said, 5, no);
    assert!(!said.err.contains(['\u{1b}', '\u{9b}']), "{said:?}");
}

#[test]
fn what_is_no_recording_of_this_form_is_refused() {
    let no = "not a recording: ";
    for (first, why) in [
        ("", "not a recording: the file is empty"),
        ("no line", "not a recording: its first line has no end"),
        ("virtual_services: []\n", no),
        ("{}\n", no),
        ("{\"recording\": 1}\n", no),
        (
            "{\"recording\": \"1\", \"version\": \"0\", \"seed\": 0}\n",
            no,
        ),
        (
            "{\"recording\": 2, \"era\": 3}\n",
            "a recording of form 2; this director (",
        ),
    ] {
        refused(&replay(first), 1, why);
    }
    let older = with(1, |line| {
        line.replace("\"version\":\"", "\"version\":\"0.0.")
    });
    assert_eq!(
        replay(&older).code,
        Some(0),
        "the version alone says nothing"
    );
    let none = replay_file(Path::new("/nowhere/night.jsonl"));
    assert_eq!(none.code, Some(1));
    assert!(
        none.err
            .starts_with("director: replay /nowhere/night.jsonl: "),
        "{none:?}"
    );
    let directory = TempDir::new().unwrap();
    assert_eq!(replay_file(directory.path()).code, Some(1));
    let endless = replay_file(Path::new("/dev/zero"));
    assert_eq!(endless.code, Some(1));
    assert!(
        endless.err.contains("the line is longer than 256 MiB"),
        "{endless:?}"
    );
}

/// Real events, in an order and at moments that no director meets: legal all the same.
#[test]
fn real_events_in_any_order_at_any_moment_are_no_defect() {
    let entries = lines().into_iter().skip(1);
    let entries = entries.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let events: Vec<(Timestamp, Event)> = entries
        .map(|mut entry| {
            let mut part = |name: &str| entry["event"][name].take();
            let at = serde_json::from_value(part("at")).unwrap();
            (at, serde_json::from_value(part("event")).unwrap())
        })
        .collect();
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut engine, mut out) = (Engine::new(seed), Vec::new());
        engine.handle(events[0].0, events[0].1.clone(), &mut out);
        for _ in 0..events.len() {
            let event = random.choice(&events).unwrap().1.clone();
            let at = match random.u8(0..8) {
                0 => Timestamp::after_start(Duration::from_micros(random.u64(..))),
                1 => Timestamp::ZERO,
                _ => random.choice(&events).unwrap().0,
            };
            engine.handle(at, event, &mut out);
            engine.snapshot(at);
            out.clear();
        }
    }
}

#[test]
fn a_full_disk_is_told_and_a_reader_that_has_gone_is_not() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("night.jsonl");
    fs::write(&path, NIGHT).unwrap();
    let play = |out: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_director"));
        command.arg("replay").arg(&path).stdin(Stdio::null());
        command.stdout(out).stderr(Stdio::piped());
        command.spawn().unwrap().wait_with_output().unwrap()
    };
    let full = play(
        fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap()
            .into(),
    );
    assert_eq!(full.status.code(), Some(1));
    let said = String::from_utf8(full.stderr).unwrap();
    assert!(
        said.starts_with("director: write to standard output: "),
        "{said}"
    );
    let (read, write) = nix::unistd::pipe().unwrap();
    drop(read);
    let gone = play(write.into());
    assert_eq!((gone.status.code(), gone.stderr), (Some(0), Vec::new()));
}
