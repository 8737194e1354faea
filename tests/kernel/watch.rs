// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm watch` in a pseudo terminal, over a table with traffic.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use lvs_director::model::Protocol;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::Signal;
use nix::sys::termios::tcgetattr;

use crate::Test;
use crate::beside::{LVSADM, feed, table};
use crate::stage::{PATIENCE, Stage, wait_for};
use crate::terminal::{Terminal, line_of, words};

/// The tests of this file.
pub(crate) fn tests() -> Vec<Test> {
    vec![
        (
            "connections_are_seen_while_they_are_made",
            connections_are_seen_while_they_are_made,
        ),
        (
            "keys_sort_and_fold_and_the_end_leaves_no_trace",
            keys_sort_and_fold_and_the_end_leaves_no_trace,
        ),
        (
            "every_signal_that_ends_it_gives_the_terminal_back",
            every_signal_that_ends_it_gives_the_terminal_back,
        ),
        (
            "it_ends_quietly_with_its_terminal",
            it_ends_quietly_with_its_terminal,
        ),
        (
            "it_is_drawn_anew_for_every_size",
            it_is_drawn_anew_for_every_size,
        ),
        (
            "it_stops_and_goes_on_with_the_terminal_of_others",
            it_stops_and_goes_on_with_the_terminal_of_others,
        ),
        (
            "a_table_that_changes_meanwhile_is_followed",
            a_table_that_changes_meanwhile_is_followed,
        ),
        (
            "a_large_table_is_read_and_scrolled",
            a_large_table_is_read_and_scrolled,
        ),
        (
            "what_is_no_terminal_is_refused",
            what_is_no_terminal_is_refused,
        ),
    ]
}

fn start(arguments: &[&str], lines: u16, columns: u16) -> Terminal {
    let mut all = vec![LVSADM, "watch", "--interval", "0.2"];
    all.extend(arguments);
    Terminal::start(&all, lines, columns)
}

const TABLE: &str = "\
-A -t 10.0.0.100:80 -s wrr
-a -t 10.0.0.100:80 -r 10.1.1.11:80 -m -w 3
-a -t 10.0.0.100:80 -r 10.1.1.12:80 -m -w 0
-A -u 10.0.0.100:53 -s rr
-a -u 10.0.0.100:53 -r 10.1.1.13:53 -g -w 1
-a -u 10.0.0.100:53 -r 10.1.1.14:53 -g -w 1
-a -u 10.0.0.100:53 -r 10.1.1.15:53 -i -w 1
";

fn connections_are_seen_while_they_are_made() {
    let vip = "192.168.0.10:80".parse().unwrap();
    let mut stage = Stage::direct_routing(2, &[vip]);
    stage.program(
        "virtual_services: [{address: 192.168.0.10:80, scheduler: rr, servers: [192.168.0.2, 192.168.0.3]}]\n",
    );
    let mut terminal = stage.director.run(|| start(&[], 24, 100));
    terminal.until_seen("-> 192.168.0.3:80");
    terminal.until("it is quiet", |lines| {
        words(lines, "TCP  192.168.0.10:80").get(2..7) == Some(&["rr", "2/2", "0", "0", "0"])
    });
    let until = Instant::now() + PATIENCE;
    let mut seen = false;
    while !seen {
        assert!(Instant::now() < until, "{}", terminal.lines().join("\n"));
        for _ in 0..10 {
            stage.ask(Protocol::Tcp, None, vip);
        }
        terminal.take();
        let lines = terminal.lines();
        let rate = |text, place| words(&lines, text).get(place).copied().unwrap_or("0") != "0";
        // Of the service with a bar, of its servers, of all.
        seen = rate("TCP  192.168.0.10:80", 6)
            && rate("-> 192.168.0.2:80", 6)
            && rate("-> 192.168.0.3:80", 6)
            && !lines[1].starts_with("0 conn/s")
            && words(&lines, "TCP  192.168.0.10:80")
                .last()
                .unwrap()
                .contains('█');
    }
    terminal.press("q");
    terminal.ends_well();
}

fn keys_sort_and_fold_and_the_end_leaves_no_trace() {
    table(TABLE);
    let mut terminal = start(&[], 24, 80);
    let (tcp, udp) = ("TCP  10.0.0.100:80", "UDP  10.0.0.100:53");
    terminal.until_seen("-> 10.1.1.15:53");
    assert!(terminal.is_raw() && terminal.screen.screen().alternate_screen());
    let lines = terminal.lines();
    assert!(
        lines[0].starts_with("IP Virtual Server version 1.2.1 (size="),
        "{lines:?}"
    );
    assert!(lines[1].contains("2 services, 5 servers"), "{lines:?}");
    assert_eq!(
        words(&lines, tcp)[..4],
        ["TCP", "10.0.0.100:80", "wrr", "1/2"]
    );
    assert_eq!(words(&lines, "10.1.1.11:80")[2..4], ["Masq", "3"]);
    assert_eq!(words(&lines, "10.1.1.15:53")[2..4], ["Tunnel", "1"]);
    assert!(line_of(&lines, tcp) < line_of(&lines, udp));
    // By the number of servers, and the other way round.
    terminal.press("s");
    terminal.until("the service of three servers is first", |lines| {
        line_of(lines, udp) < line_of(lines, tcp)
    });
    terminal.press("r");
    terminal.until("it is last", |lines| {
        line_of(lines, tcp) < line_of(lines, udp)
    });
    terminal.press(" ");
    terminal.until("a service is folded", |lines| {
        line_of(lines, "10.1.1.11:80").is_none() && line_of(lines, "10.1.1.13:53").is_some()
    });
    terminal.press("f");
    terminal.until("all are", |lines| {
        line_of(lines, "->").is_some_and(|line| line < 4)
            && line_of(lines, "10.1.1.13:53").is_none()
    });
    terminal.press("?");
    terminal.until_seen("any key leaves this");
    terminal.press("\x1b[Bq");
    terminal.ends_well();
}

fn every_signal_that_ends_it_gives_the_terminal_back() {
    table(TABLE);
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let mut terminal = start(&[], 24, 80);
        terminal.until_seen("10.1.1.11:80");
        terminal.signal(signal);
        terminal.ends_well();
    }
    for key in ["\x03", "\x1b"] {
        let mut terminal = start(&[], 24, 80);
        terminal.until_seen("10.1.1.11:80");
        terminal.press(key);
        terminal.ends_well();
    }
}

/// As when the window is closed or the line is cut: with SIGHUP, and without, as under nohup.
fn it_ends_quietly_with_its_terminal() {
    table(TABLE);
    for launcher in [&["setsid", "--ctty"][..], &["setsid"]] {
        let pair = openpty(None, None).unwrap();
        // In nobody's hands but ours.
        fcntl(&pair.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        let end = || Stdio::from(pair.slave.try_clone().unwrap());
        let mut command = Command::new(launcher[0]);
        command
            .args(&launcher[1..])
            .args([LVSADM, "watch", "--interval", "0.2"])
            .env("TERM", "xterm-256color")
            .stdin(end())
            .stdout(end())
            .stderr(end());
        let mut child = command.spawn().unwrap();
        let mut master = File::from(pair.master);
        // Until something is drawn: by then it has the terminal.
        let mut bytes = [0; 1024];
        assert!(master.read(&mut bytes).unwrap() > 0);
        drop((master, pair.slave, command));
        let status = wait_for("it ends", || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(0), "{launcher:?}: {status}");
    }
}

fn it_is_drawn_anew_for_every_size() {
    table(TABLE);
    let mut terminal = start(&[], 24, 80);
    terminal.until_seen("? help");
    for (lines, columns) in [(40, 120), (10, 40), (24, 80), (1, 1), (3, 20), (50, 200)] {
        terminal.resize(lines, columns);
        terminal.press("j");
    }
    terminal.resize(24, 100);
    // As wide as can be: the last column, the whole title, each line once.
    terminal.until("it is drawn", |lines| {
        lines.len() == 24
            && lines[0].starts_with("IP Virtual Server version")
            && lines[1].contains("5 servers")
            && lines[2].contains("Prot LocalAddress:Port")
            && lines[2].contains("OutB/s")
            && lines[23].contains("q quit")
            && lines
                .iter()
                .filter(|line| line.contains("10.1.1.15:53"))
                .count()
                == 1
            && lines[12..23].concat().is_empty()
    });
    terminal.resize(10, 40);
    terminal.until("it is drawn small", |lines| {
        lines.len() == 10
            && lines[0].starts_with("IP") | lines[0].contains("every")
            && lines[2].contains("Conn/s")
            && lines[9].contains("q quit")
    });
    terminal.press("q");
    terminal.ends_well();
}

fn it_stops_and_goes_on_with_the_terminal_of_others() {
    table(TABLE);
    let mut terminal = start(&[], 24, 80);
    terminal.until_seen("10.1.1.11:80");
    // Its process group is an orphan, and the kernel does not stop such a group: the test sees the way out and back.
    terminal.raw.clear();
    terminal.press("\x1a");
    wait_for("it left and came back", || {
        terminal.take();
        let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
        let left = raw.find("\x1b[?1049l")?;
        raw[left..].find("\x1b[?1049h")
    });
    terminal.until_seen("10.1.1.11:80");
    assert!(terminal.is_raw());
    // It was stopped by force, and somebody else used the terminal.
    terminal.signal(Signal::SIGSTOP);
    let status = Command::new("stty")
        .arg("sane")
        .stdin(Stdio::from(terminal.slave.try_clone().unwrap()))
        .status();
    assert!(status.unwrap().success());
    terminal.signal(Signal::SIGCONT);
    let slave = terminal.slave.try_clone().unwrap();
    wait_for("it is raw again", || {
        terminal.take();
        let flags = tcgetattr(&slave).unwrap().local_flags;
        (!flags.contains(nix::sys::termios::LocalFlags::ICANON)).then_some(())
    });
    terminal.press("q");
    terminal.ends_well();
}

fn a_table_that_changes_meanwhile_is_followed() {
    table(TABLE);
    let mut terminal = start(&["--server", "10.1.1.11"], 24, 80);
    terminal.until_seen("-> 10.1.1.11:80");
    assert_eq!(line_of(&terminal.lines(), "UDP"), None);
    terminal.press("jj");
    table("-C\n");
    terminal.until_seen("No virtual services.");
    table(TABLE);
    terminal.until_seen("-> 10.1.1.11:80");
    table("-Z\n-e -t 10.0.0.100:80 -r 10.1.1.11:80 -m -w 7\n");
    terminal.until("the weight is the new one", |lines| {
        words(lines, "10.1.1.11:80").get(3) == Some(&"7")
    });
    terminal.press("q");
    terminal.ends_well();
}

fn a_large_table_is_read_and_scrolled() {
    let mut lines = String::new();
    for service in 0..1000 {
        let at = format!("10.0.{}.{}:80", service / 250, service % 250);
        lines += &format!("-A -t {at} -s rr\n");
        for server in 1..=10 {
            lines += &format!("-a -t {at} -r 10.1.1.{server}:80 -m\n");
        }
    }
    let restored = feed(LVSADM, &["-R"], &lines);
    assert_eq!(restored.stderr, "");
    let mut terminal = start(&[], 24, 80);
    terminal.until_seen("1000 services, 10000 servers");
    terminal.until_seen("TCP  10.0.0.0:80");
    terminal.press("G");
    terminal.until_seen("TCP  10.0.3.249:80");
    // It reads the table all the time, and keys still work.
    terminal.press("k\x1b[5~g");
    terminal.until_seen("TCP  10.0.0.0:80");
    terminal.press("q");
    terminal.ends_well();
}

fn what_is_no_terminal_is_refused() {
    table(TABLE);
    for (arguments, why) in [
        (
            &["watch"] as &[&str],
            "watch: standard input is no terminal",
        ),
        (
            &["watch", "--interval", "0"],
            "invalid interval `0' specified",
        ),
        (
            &["watch", "--interval", "nan"],
            "invalid interval `nan' specified",
        ),
        (
            &["watch", "--sort", "color"],
            "invalid column `color' specified",
        ),
        (
            &["watch", "--service", "x"],
            "invalid service `x' specified",
        ),
    ] {
        let refused = feed(LVSADM, arguments, "");
        assert!(refused.stderr.starts_with(why), "{refused:?}");
        assert_eq!((refused.status, refused.stdout.as_str()), (Some(2), ""));
    }
    // A terminal to read from, a pipe to write to.
    let pair = openpty(None, None).unwrap();
    let piped = |name: &str| {
        let mut command = Command::new(LVSADM);
        command
            .arg("watch")
            .env("TERM", name)
            .stdin(Stdio::from(pair.slave.try_clone().unwrap()));
        command
    };
    let output = piped("xterm").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "watch: standard output is no terminal; for scripts: lvsadm -L --rate --json\n"
    );
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(2), &b""[..])
    );
    let mut command = piped("dumb");
    command.stdout(Stdio::from(pair.slave.try_clone().unwrap()));
    assert_eq!(
        command.stderr(Stdio::null()).status().unwrap().code(),
        Some(2)
    );
}
