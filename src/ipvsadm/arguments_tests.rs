// SPDX-License-Identifier: MIT OR Apache-2.0
//! Command lines and their meaning.

use super::*;
use crate::ipvsadm::address::Nobody;
use crate::ipvsadm::filter::Filter;
use crate::model::Step;

fn read(line: &str, compat: bool) -> Result<Invocation, Failure> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let context = Context {
        program: "lvsadm",
        lookup: &Nobody,
        compat,
    };
    parse(context, &words)
}

/// The step of a line, written as a line that makes the same step.
fn step(line: &str) -> String {
    match read(line, true).unwrap() {
        Invocation::Change(Change::Step(step)) => step.to_string(),
        other => panic!("{line}: {other:?}"),
    }
}

fn refusal(line: &str) -> String {
    read(line, false).unwrap_err().message
}

#[test]
fn defaults_are_ipvsadms() {
    for (line, means) in [
        ("-A -t 10.0.0.1:80", "-A -t 10.0.0.1:80 -s wlc"),
        ("-A -t 10.0.0.1 -p", "-A -t 10.0.0.1:0 -s wlc -p 360"),
        ("-E -u 10.0.0.1:53 -o", "-E -u 10.0.0.1:53 -s wlc -o"),
        (
            "-A -u 10.0.0.1:5060 --pe sip",
            "-A -u 10.0.0.1:5060 -s wlc --pe sip",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.0.0.2",
            "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.0.0.2:81",
            "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1",
        ),
        (
            "-a -t 10.0.0.1:80 -r 10.0.0.2:81 -m",
            "-a -t 10.0.0.1:80 -r 10.0.0.2:81 -m -w 1",
        ),
        (
            "-a -r 10.0.0.2 -t 10.0.0.1:80 -m",
            "-a -t 10.0.0.1:80 -r 10.0.0.2:0 -m -w 1",
        ),
        (
            "-a -f 7 -r 10.0.0.2:81 -i",
            "-a -f 7 -r 10.0.0.2:81 -i -w 1 --tun-type ipip",
        ),
        (
            "-e -t 10.0.0.1:80 -r 10.0.0.2:81 -w 9",
            "-e -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 9",
        ),
        (
            "-d -t 10.0.0.1:80 -r 10.0.0.2:81",
            "-d -t 10.0.0.1:80 -r 10.0.0.2:81",
        ),
        ("-D -f 7 -6", "-D -f 7 -6"),
    ] {
        assert_eq!(step(line), means, "{line}");
    }
}

#[test]
fn a_mask_is_of_the_family_named_before_it() {
    for (line, means) in [
        (
            "-A -t [fd00::1]:80 -p -M 64",
            "-A -t [fd00::1]:80 -s wlc -p 360 -M 64",
        ),
        (
            "-A -M 64 -t [fd00::1]:80 -p",
            "-A -t [fd00::1]:80 -s wlc -p 360",
        ),
        (
            "-A -M 255.0.0.0 -p -t 10.0.0.1:80",
            "-A -t 10.0.0.1:80 -s wlc -p 360 -M 255.0.0.0",
        ),
        ("-A -f 7 -M 255.0.0.0 -6 -p", "-A -f 7 -6 -s wlc -p 360"),
    ] {
        assert_eq!(step(line), means, "{line}");
    }
}

#[test]
fn an_edit_keeps_what_is_not_given_unless_it_is_to_do_as_ipvsadm() {
    for line in [
        "-E -t 10.0.0.1:80 -s rr",
        "-e -t 10.0.0.1:80 -r 10.0.0.2 -w 2",
    ] {
        let invocation = read(line, false).unwrap();
        assert!(
            !matches!(invocation, Invocation::Change(Change::Step(_))),
            "{line}"
        );
        let compat = read(&format!("{line} --compat"), false).unwrap();
        let step = matches!(
            compat,
            Invocation::Change(Change::Step(Step::EditService(..) | Step::EditServer(..)))
        );
        assert!(step, "{line}");
    }
}

#[test]
fn the_first_fault_is_told() {
    for (line, message) in [
        ("-A -t 10.0.0.1:80 -w x -q", "illegal weight specified"),
        ("-L -b bad", "invalid scheduler flag `bad'"),
        (
            "-L -b flag-1",
            "Illegal 'sched-flags' option with the 'list' command",
        ),
        ("-C foo -b bad", "unexpected argument foo"),
        ("--set 1 x 3 4", "invalid timeout value `x' specified"),
        (
            "--start-daemon foo -q",
            "illegal start-daemon parameter specified",
        ),
        ("-L --stop-daemon master", "invalid option `master'"),
    ] {
        assert_eq!(refusal(line), message, "{line}");
    }
}

#[test]
fn filters_belong_to_what_they_filter() {
    for line in [
        "-Ln --service tcp:10.0.0.1:80 --server=10.0.0.2",
        "-L -t 10.0.0.1:80 --server 10.0.0.2:80 --json",
        "-Lnc --service fwm:7 --server [fd00::2]:80 --state time_wait --client 10.0.0.0/8",
    ] {
        match read(line, false).unwrap() {
            Invocation::List(list) => assert_ne!(list.filter, Filter::NONE, "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }
    for (line, message) in [
        (
            "-L --state UDP",
            "You need to supply the 'connection' option for the 'state' option",
        ),
        (
            "-L --client ::1",
            "You need to supply the 'connection' option for the 'client' option",
        ),
        (
            "-L -f 1 --service fwm:1",
            "The option 'service' conflicts with the 'service-address' option in the 'list' command",
        ),
        (
            "-L --timeout --server 10.0.0.1",
            "The option 'server' conflicts with the 'timeout' option in the 'list' command",
        ),
        (
            "-S --server 10.0.0.1",
            "Illegal 'server' option with the 'save' command",
        ),
        ("-L --server rs1", "invalid server `rs1' specified"),
        (
            "-L --server ::1 --server ::2",
            "multiple 'server' options specified",
        ),
    ] {
        assert_eq!(refusal(line), message, "{line}");
    }
}

#[test]
fn ipvsadms_ways_have_no_filters() {
    for (line, compat, word) in [
        ("-L --service fwm:1", true, "--service"),
        ("-L --server", true, "--server"),
        ("-L --state=UDP", true, "--state=UDP"),
        ("-L --compat --client ::1", false, "--client"),
        ("-L --service fwm:1 --compat", false, "--service"),
    ] {
        let failure = read(line, compat).unwrap_err();
        assert_eq!(
            (failure.message, failure.status),
            (format!("{word}: unknown option"), 255),
            "{line}"
        );
    }
}

#[test]
fn no_line_makes_the_parser_panic() {
    let words = [
        "-A",
        "-a",
        "-L",
        "--set",
        "-t",
        "-r",
        "-f",
        "-6",
        "-p",
        "-M",
        "-b",
        ",",
        "-i",
        "--tun-type",
        "gue",
        "--service",
        "--client",
        "fwm:1:",
        "::/0",
        "",
        "-",
        "--",
        "=",
        "-t=",
        "--=x",
        "\u{e9}",
        "-\u{e9}",
        "[::1]:80",
        "1.1:1",
        "-1",
        "x",
    ];
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let count = random.usize(0..7);
        let line: Vec<&str> = (0..count)
            .map(|_| words[random.usize(0..words.len())])
            .collect();
        let context = Context {
            program: "lvsadm",
            lookup: &Nobody,
            compat: random.bool(),
        };
        let _ = parse(context, &line);
    }
}
