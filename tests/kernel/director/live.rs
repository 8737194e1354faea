// SPDX-License-Identifier: MIT OR Apache-2.0
//! `director top` in a pseudo terminal, beside a running director, with traffic.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Instant;

use lvs_director::model::Protocol;

use super::process::{Files, PROGRAM, QUICK, Running, said, wait_for_weights};
use crate::Test;
use crate::stage::{PATIENCE, Stage};
use crate::terminal::{Terminal, words};

const VIP: &str = "192.168.0.10:80";
const ANY: &str = "0.0.0.0:80";
const SERVICE: &str = "TCP 192.168.0.10:80";
const RS1: &str = "-> 192.168.0.2:80";
const RS2: &str = "-> 192.168.0.3:80";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "top_shows_connections_a_dying_server_and_drains_one_by_a_key",
            watched,
        ),
        ("top_refuses_what_is_no_terminal", refused),
    ]
}

fn running() -> (Stage, Files, Running) {
    let vip: SocketAddr = VIP.parse().unwrap();
    let (mut stage, files) = (Stage::new(2), Files::new());
    stage.vip(vip.ip());
    stage.servers_hold(vip.ip(), "lo");
    stage.serve_everywhere(Protocol::Tcp, ANY.parse().unwrap());
    files.write(&format!(
        "defaults: {{{QUICK}}}\nvirtual_services:\n  - address: {VIP}\n    scheduler: rr\n    servers: [192.168.0.2, 192.168.0.3]\n"
    ));
    let director = Running::start(&stage.director, &files, &[]);
    wait_for_weights(&mut stage, &[("192.168.0.2:80", 1), ("192.168.0.3:80", 1)]);
    (stage, files, director)
}

fn top(stage: &Stage, files: &Files, lines: u16, columns: u16) -> Terminal {
    let socket = files.path("socket");
    let socket = socket.to_str().unwrap();
    let arguments = [PROGRAM, "top", "--interval", "0.2", "--socket", socket];
    stage
        .director
        .run(|| Terminal::start(&arguments, lines, columns))
}

/// How the server is, by its line.
fn is(lines: &[String], server: &str, sign: &str, word: &str) -> bool {
    let words = words(lines, server);
    words.first() == Some(&sign) && words.get(3) == Some(&word)
}

/// Whether connections are seen: of the service with a bar, of its servers, of all.
fn is_busy(lines: &[String]) -> bool {
    let rate = |text, place| words(lines, text).get(place).copied().unwrap_or("0") != "0";
    rate(SERVICE, 7)
        && rate(RS1, 7)
        && rate(RS2, 7)
        && !lines[1].starts_with("0 conn/s")
        && lines[3].contains('█')
}

fn watched() {
    let (mut stage, files, director) = running();
    let mut screen = top(&stage, &files, 24, 80);
    screen.until("both are up", |lines| {
        is(lines, RS1, "+", "up") && is(lines, RS2, "+", "up")
    });
    let lines = screen.lines();
    assert!(lines[0].starts_with("no virtual router"), "{lines:?}");
    assert!(lines[23].starts_with("q quit"), "{lines:?}");
    let until = Instant::now() + PATIENCE;
    while !is_busy(&screen.lines()) {
        assert!(Instant::now() < until, "{}", screen.lines().join("\n"));
        for _ in 0..10 {
            stage.ask(Protocol::Tcp, None, VIP.parse().unwrap());
        }
        screen.take();
    }

    // By the keys: down, down, drain; no, and yes.
    screen.press("jjd");
    screen.until_seen("drain 192.168.0.3:80 of TCP 192.168.0.10:80? y/n");
    screen.press("n");
    screen.until_seen("nothing was ordered");
    screen.press("dy");
    director.wait_for("192.168.0.3:80 of TCP 192.168.0.10:80: drain ordered by user 0");
    screen.until("it drains, or has", |lines| {
        is(lines, RS2, "~", "drain") || is(lines, RS2, "~", "drained")
    });
    screen.press("n");
    screen.until("only the drained one is shown", |lines| {
        let has = |text| lines.iter().any(|line| line.contains(text));
        has(RS2) && !has(RS1)
    });
    screen.press("nuy");
    screen.until("it is up again", |lines| is(lines, RS2, "+", "up"));

    // One dies.
    stage.stop_serving(0, ANY.parse().unwrap());
    screen.until("it is down", |lines| is(lines, RS1, "!", "down"));
    screen.press("q");
    screen.ends_well();

    let mut small = top(&stage, &files, 15, 60);
    small.until("it is drawn small", |lines| {
        is(lines, RS1, "!", "down")
            && lines[14].starts_with("q quit")
            && lines[2].contains("Conn/s")
    });
    // The director ends, and another one comes.
    assert!(director.stop().success());
    small.until_seen("no answer: ");
    let _director = Running::start(&stage.director, &files, &[]);
    small.until("it answers again", |lines| {
        !lines[1].contains("no answer") && is(lines, RS2, "+", "up")
    });
    small.press("q");
    small.ends_well();
}

fn refused() {
    let (stage, files, _director) = running();
    let mut program = Command::new(PROGRAM);
    program.arg("top").arg("--socket").arg(files.path("socket"));
    let refused = said(&stage.director, &mut program);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert_eq!(
        refused.err,
        "director: top: standard input is no terminal; for scripts: director status --json --watch\n"
    );
    let pair = nix::pty::openpty(None, None).unwrap();
    let end = || Stdio::from(pair.slave.try_clone().unwrap());
    let mut program = Command::new(PROGRAM);
    program.args(["top", "--socket"]).arg(files.path("socket"));
    program.env("TERM", "dumb").stdin(end()).stdout(end());
    stage.director.adopt(&mut program);
    let status = program.stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(2));
}
