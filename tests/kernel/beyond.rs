// SPDX-License-Identifier: MIT OR Apache-2.0
//! What only lvsadm has, and that it does not exist when lvsadm must behave as ipvsadm.
#![allow(
    clippy::expect_used,
    reason = "a test that cannot run fails, and says why at length"
)]

use std::net::UdpSocket;

use super::beside::{IPVSADM, LVSADM, Outcome, Pair, feed, succeed, table};
use super::stage::{Stage, wait_for};

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("listings_are_filtered", listings_are_filtered),
        (
            "called_ipvsadm_it_knows_none_of_this",
            called_ipvsadm_it_knows_none_of_this,
        ),
        (
            "a_saved_file_is_held_against_the_kernel",
            a_saved_file_is_held_against_the_kernel,
        ),
        (
            "a_call_id_that_is_no_text_does_not_end_a_listing",
            a_call_id_that_is_no_text_does_not_end_a_listing,
        ),
    ]
}

const TABLE: &str = "\
-A -t 10.0.0.100:80 -s wrr
-a -t 10.0.0.100:80 -r 10.1.1.11:80 -m -w 3
-a -t 10.0.0.100:80 -r 10.1.1.12:80 -m -w 1
-A -u 10.0.0.100:53 -s rr
-a -u 10.0.0.100:53 -r 10.1.1.11:53 -m -w 1
-A -t [fd00::100]:80 -s rr
-A -f 7 -s rr
-A -f 7 -6 -s rr
";

fn listings_are_filtered() {
    table(TABLE);
    let list = |arguments: &[&str]| -> Vec<String> {
        let listed = succeed(LVSADM, &[&["-Ln"], arguments].concat()).stdout;
        let lines = listed.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            match words.next()? {
                word @ ("TCP" | "UDP" | "FWM" | "->") => Some(format!("{word} {}", words.next()?)),
                _ => None,
            }
        });
        lines
            .filter(|line| line != "-> RemoteAddress:Port")
            .collect()
    };
    let web = "TCP 10.0.0.100:80";
    for (arguments, expected) in [
        (
            &["--service", "tcp:10.0.0.100:80"] as &[&str],
            &[web, "-> 10.1.1.11:80", "-> 10.1.1.12:80"][..],
        ),
        (
            &["--server", "10.1.1.11", "--stats"],
            &[
                web,
                "-> 10.1.1.11:80",
                "UDP 10.0.0.100:53",
                "-> 10.1.1.11:53",
            ],
        ),
        (
            &["--server", "10.1.1.12", "--service", "10.0.0.100"],
            &[web, "-> 10.1.1.12:80"],
        ),
        (
            &["--server", "10.1.1.12", "-t", "10.0.0.100:80"],
            &[web, "-> 10.1.1.12:80"],
        ),
        (&["--service", "fwm:7"], &["FWM 7", "FWM 7"]),
        (&["--service", "FWM 7 IPv6"], &["FWM 7"]),
        (&["--service", "10.0.0.101"], &[]),
    ] {
        assert_eq!(list(arguments), expected, "{arguments:?}");
    }
    let json = succeed(LVSADM, &["-L", "--json", "--server", "10.1.1.12:80"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let services = json.pointer("/services").and_then(|all| all.as_array());
    assert_eq!(services.map(Vec::len), Some(1));
    assert_eq!(
        json.pointer("/services/0/servers/0/address"),
        Some(&"10.1.1.12".into())
    );
}

fn called_ipvsadm_it_knows_none_of_this() {
    let pair = Pair::called("ipvsadm");
    for arguments in [
        &["-Ln", "--service", "10.0.0.1"] as &[&str],
        &["-Ln", "--server"],
        &["-Lnc", "--state=UDP"],
        &["-Lnc", "--client", "::1"],
        &["diff"],
        &["diff", "-"],
        &["diff", "-", "--json"],
        &["top-connections"],
        &["top-connections", "--by", "client"],
        &["completion", "bash"],
        &["man"],
        &["watch"],
        &["watch", "--interval", "1"],
    ] {
        let [ipvsadm, lvsadm] = pair.both(arguments, "");
        assert_eq!(
            lvsadm, ipvsadm,
            "{arguments:?}: lvsadm (left) is not as ipvsadm (right)"
        );
    }
    let refused = feed(LVSADM, &["-Ln", "--server", "::1", "--compat"], "");
    assert_eq!(
        (refused.stderr.as_str(), refused.status),
        ("--server: unknown option\n", Some(255))
    );
}

/// The output of `diff` for the kernel and this input.
fn difference(input: &str) -> (String, Option<i32>) {
    let outcome = feed(LVSADM, &["diff", "-"], input);
    assert_eq!(outcome.stderr, "", "{input}");
    (outcome.stdout, outcome.status)
}

fn a_saved_file_is_held_against_the_kernel() {
    table(TABLE);
    let saved = succeed(LVSADM, &["-Sn"]).stdout;
    assert_eq!(difference(&saved), (String::new(), Some(0)));
    // As ipvsadm saves it, by name.
    let by_name = succeed(IPVSADM, &["-S"]).stdout;
    assert_eq!(difference(&by_name), (String::new(), Some(0)));
    let wanted = "-A -t 10.0.0.100:80 -s rr\n-a -t 10.0.0.100:80 -r 10.1.1.11:80 -m -w 0\n\
                  -A -u 10.0.0.100:53 -s rr -o\n-a -u 10.0.0.100:53 -r 10.1.1.13:53 -m -x 9\n\
                  -A -f 7 -s rr -p 60\n-A -f 9 -s mh\n-a -f 9 -r 10.1.1.1:1 -g\n-a -f 9 -r 10.1.1.2:1 -g\n";
    let (steps, status) = difference(wanted);
    assert_eq!(status, Some(1), "{steps}");
    assert!(
        steps.contains("# now -m -w 3\n-e -t 10.0.0.100:80 -r 10.1.1.11:80 -m -w 0\n"),
        "{steps}"
    );
    let json = feed(LVSADM, &["diff", "--json", "-"], wanted);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON");
    assert_eq!(
        (document.pointer("/equal"), json.status),
        (Some(&false.into()), Some(1))
    );
    // After its lines are carried out, there is no difference left.
    let lines = steps.lines().filter(|line| !line.starts_with('#'));
    let lines: Vec<&str> = lines.collect();
    let done = feed(LVSADM, &["-R", "--compat"], &lines.join("\n"));
    assert_eq!((done.stderr.as_str(), done.status), ("", Some(0)));
    assert_eq!(difference(wanted), (String::new(), Some(0)));
    for (arguments, message) in [
        (
            &["diff", "-"] as &[&str],
            "standard input: line 1: illegal weight specified\n",
        ),
        (
            &["diff", "/nosuch"],
            "read /nosuch: No such file or directory (os error 2)\n",
        ),
    ] {
        let refused = feed(LVSADM, arguments, "-a -f 7 -r 10.1.1.1 -w x\n");
        assert_eq!(
            (refused.stderr.as_str(), refused.status),
            (message, Some(2))
        );
    }
}

/// The kernel's engine accepts Latin-1 letters in its data, and lists them unchanged.
fn a_call_id_that_is_no_text_does_not_end_a_listing() {
    const SERVICE: &str = "10.9.0.11:5060";
    let stage = Stage::new(1);
    for arguments in [
        &["-A", "-u", SERVICE, "-p", "60", "--pe", "sip"] as &[&str],
        &["-a", "-u", SERVICE, "-r", "192.168.0.2:5060", "-m"],
    ] {
        let output = stage.director.command(IPVSADM, arguments);
        assert!(output.expect("ipvsadm").status.success(), "{arguments:?}");
    }
    stage.client.run(|| {
        let socket = UdpSocket::bind("10.9.0.100:0").expect("a socket");
        let request = b"INVITE sip:a@10.9.0.11 SIP/2.0\r\nCall-ID: caf\xe9@host\r\n\r\n";
        socket.send_to(request, SERVICE).expect("a datagram");
    });
    let listed = wait_for("the connection is listed", || {
        let output = stage
            .director
            .command(LVSADM, &["-Lnc", "--persistent-conn"]);
        let outcome = Outcome::from(output.expect("lvsadm"));
        assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
        outcome.stdout.contains("sip").then_some(outcome.stdout)
    });
    assert!(listed.contains("caf\u{fffd}@host"), "{listed}");
}
