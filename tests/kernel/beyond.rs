// SPDX-License-Identifier: MIT OR Apache-2.0
//! What lvsadm has and ipvsadm has not, and that it is not there where lvsadm is to do as ipvsadm.
#![allow(
    clippy::expect_used,
    reason = "a test that cannot run fails, and says why at length"
)]

use super::beside::{LVSADM, Pair, feed, succeed, table};

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("listings_are_filtered", listings_are_filtered),
        (
            "called_ipvsadm_it_knows_none_of_this",
            called_ipvsadm_it_knows_none_of_this,
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
