// SPDX-License-Identifier: MIT OR Apache-2.0
//! `lvsadm -L` beside `ipvsadm -L` on the same kernel: standard output, standard error and exit status.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot run fails"
)]

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

use super::beside::{LVSADM, both, feed, outcome, same, succeed, table};

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("listing_is_the_same", listing_is_the_same),
        (
            "one_service_is_listed_the_same",
            one_service_is_listed_the_same,
        ),
        (
            "timeouts_and_daemons_are_listed_the_same",
            timeouts_and_daemons_are_listed_the_same,
        ),
        ("names_are_the_same", names_are_the_same),
        (
            "a_listing_does_not_wait_for_a_dead_resolver",
            a_dead_resolver_is_not_waited_for,
        ),
        ("refusals_are_the_same", refusals_are_the_same),
        ("known_differences_differ", known_differences_differ),
        ("json_is_whole", json_is_whole),
        ("a_reader_may_go_away", a_reader_may_go_away),
    ]
}

/// Every kind of service and server, with addresses that ipvsadm's own comparison sorts right: its subtraction
/// overflows when two of them are further apart than half of all addresses.
const EVERYTHING: &str = "\
-A -t 10.0.0.100:80 -s wrr
-a -t 10.0.0.100:80 -r 10.1.2.12:8080 -m -w 1 -x 1000 -y 800
-a -t 10.0.0.100:80 -r 10.1.1.11:80 -m -w 3
-A -t 10.0.0.100:443 -s sh -b sh-fallback,sh-port
-a -t 10.0.0.100:443 -r 10.1.2.12:443 -g -w 10
-a -t 10.0.0.100:443 -r 10.2.2.7:443 -i -w 0
-A -t 10.0.0.100:1000 -s rr -b flag-1,flag-2,flag-3
-a -t 10.0.0.100:1000 -r 127.0.0.1:1000 -g
-a -t 10.0.0.100:1000 -r 10.2.2.1:1000 -i
-a -t 10.0.0.100:1000 -r 10.2.2.2:1000 -i --tun-type gue --tun-port 6080
-a -t 10.0.0.100:1000 -r 10.2.2.3:1000 -i --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.0.0.100:1000 -r 10.2.2.4:1000 -i --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 10.0.0.100:1000 -r 10.2.2.5:1000 -i --tun-type gre
-a -t 10.0.0.100:1000 -r 10.2.2.6:1000 -i --tun-type gre --tun-csum -w 2147483647
-a -t 10.0.0.100:1000 -r [7fd0::7]:1000 -i
-A -t 10.0.0.100:0 -s lc -p 360
-a -t 10.0.0.100:0 -r 10.1.2.12 -g
-A -t 10.0.0.100:8080 -s rr -p 300 -M 255.255.255.0
-a -t 10.0.0.100:8080 -r 10.1.1.11:8080 -m
-A -t 10.0.0.101:80 -s none
-A -u 10.0.0.100:53 -s mh -o -b mh-fallback,mh-port
-a -u 10.0.0.100:53 -r 10.1.1.11:53 -m
-A -u 10.0.0.100:5060 -s rr -p 120 --pe sip -o
-A --sctp-service 10.0.0.100:9899 -s wlc
-a --sctp-service 10.0.0.100:9899 -r 10.1.1.11:9899 -m
-A -t [3fd0::100]:80 -s dh
-a -t [3fd0::100]:80 -r [fd01::12]:80 -m
-a -t [3fd0::100]:80 -r [fd01::11]:80 -i
-A -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -s lblcr -p 3000 -M 48
-a -t [2001:db8:1111:2222:3333:4444:5555:6666]:65535 -r [2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535 -g -w 65535
-A -t [::10.0.0.1]:80 -s rr
-A -t [1:0:0:2::]:80 -s rr
-A -f 7 -s wlc -p 600 -M 255.255.0.0
-a -f 7 -r 10.1.1.11:0 -m -w 5
-A -f 8 -6 -s rr -p 90 -M 64
-a -f 8 -6 -r [fd01::11]:0 -g
-A -f 7 -6 -s rr
";

/// Columns and order: every way to list services, except the selection and the names.
const WAYS: &[&[&str]] = &[
    &[],
    &["-X"],
    &["--exact", "--stats"],
    &["--stats"],
    &["--rate"],
    &["--rate", "-X"],
    &["--thresholds"],
    &["--persistent-conn"],
    &["--tun-info"],
    &["--nosort"],
    &["--sort"],
    &["--sort", "--sort", "--nosort", "--stats"],
    &[
        "--stats",
        "--rate",
        "--thresholds",
        "--persistent-conn",
        "--tun-info",
    ],
    &["--tun-info", "--thresholds"],
    &["--syncid", "5"],
];

fn listing_is_the_same() {
    same(&["-L", "-n"]);
    table(EVERYTHING);
    same(&["-Ln"]);
    same(&["-ln"]);
    same(&["--list", "--numeric"]);
    for way in WAYS {
        same(&[&["-Ln"], *way].concat());
    }
    same(&["-Ln", "--", "foo"]);
}

fn one_service_is_listed_the_same() {
    table(EVERYTHING);
    for way in WAYS {
        same(&[&["-Ln", "-t", "10.0.0.100:1000"], *way].concat());
    }
    table("-A -t [::1]:80 -s rr\n-A -t [::ffff:10.0.0.1]:80 -s rr\n-A -t [::]:80 -s rr\n");
    for service in [
        &["-t10.0.0.100:80"] as &[&str],
        &["-t=10.0.0.100:80"],
        &["--tcp-service=10.0.0.100:8080"],
        &["--tcp-service", "10.0.0.100"],
        &["-t", "10.0.0.100:http"],
        &["-t", "0x0a000064:80"],
        &["-t", "10.100:80"],
        &["-t", "[10.0.0.100]:80"],
        &["-t", "[3fd0::100]:80"],
        &["-t", "[2001:db8:1111:2222:3333:4444:5555:6666]:65535"],
        &["-u", "10.0.0.100:domain"],
        &["--udp-service", "10.0.0.100:5060"],
        &["--sctp-service", "10.0.0.100:9899"],
        &["-f", "7"],
        &["-f7", "-6"],
        &["-6f", "8"],
        &["--fwmark-service=8", "--ipv6"],
        &["-t", "[::1]:80"],
        &["-t", "[::ffff:10.0.0.1]:80"],
        &["-t", "[::10.0.0.1]:80"],
        &["-t", "[::a00:1]:80"],
        &["-t", "[::]:80"],
        // These are not there.
        &["-f", "8"],
        &["-t", "10.0.0.100:81"],
        &["-t", "[fd00::101]:80"],
        &["-u", "10.0.0.100:80"],
    ] {
        same(&[&["-Ln"], service].concat());
    }
}

fn timeouts_and_daemons_are_listed_the_same() {
    same(&["-L", "--timeout"]);
    same(&["-Ln", "--daemon"]);
    succeed("ipvsadm", &["--set", "901", "121", "301"]);
    succeed("ip", &["link", "add", "d0", "type", "dummy"]);
    succeed("ip", &["link", "set", "d0", "up"]);
    succeed("ip", &["address", "add", "10.9.0.1/24", "dev", "d0"]);
    succeed(
        "ipvsadm",
        &["--start-daemon", "master", "--mcast-interface", "d0"],
    );
    same(&["-L", "--daemon"]);
    let backup = [
        "--start-daemon",
        "backup",
        "--mcast-interface",
        "d0",
        "--syncid",
        "255",
    ];
    succeed(
        "ipvsadm",
        &[
            &backup[..],
            &["--sync-maxlen", "1400", "--mcast-port", "9000"],
        ]
        .concat(),
    );
    same(&["-L", "--daemon"]);
    same(&["-L", "--daemon", "-n", "--exact", "--nosort", "--tun-info"]);
    same(&["-L", "--timeout"]);
    same(&["-L", "--timeout", "--tun-info"]);
    succeed("ipvsadm", &["--stop-daemon", "master"]);
    same(&["-L", "--daemon"]);
    succeed("ipvsadm", &["--stop-daemon", "backup"]);
}

/// Names from a file only: there is no route to a name server.
fn names_are_the_same() {
    hosts(
        "127.0.0.1 localhost\n10.1.1.12 short\nfd01::11 six.example.org\n::1 ip6-localhost\n\
         10.1.1.11 a-server-whose-name-is-longer-than-its-column.example.org\n\
         10.0.0.100 a-service-with-a-name-much-too-long-to-be-listed-as-a-whole.example.org\n",
    );
    table(
        "-A -t 10.0.0.100:80\n-a -t 10.0.0.100:80 -r 10.1.1.11:8080 -m\n\
         -A -t 127.0.0.1:443\n-a -t 127.0.0.1:443 -r 10.1.1.12:443\n\
         -A -u 127.0.0.1:53\n-a -u 127.0.0.1:53 -r 10.1.1.12:5353 -m\n\
         -A --sctp-service 127.0.0.1:5672\n-A --sctp-service 127.0.0.1:80\n\
         -A -t [::1]:80\n-a -t [::1]:80 -r [fd01::11]:80\n-A -f 7\n-a -f 7 -r 10.1.1.12:80\n\
         -A -t 127.0.0.1:0 -p\n",
    );
    same(&[]);
    for way in WAYS {
        same(&[&["-L"], *way].concat());
    }
}

/// Makes `/etc/hosts` another file, for the calling thread and the programs it starts.
fn hosts(lines: &str) {
    unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), lines).expect("write a temporary file");
    let path = file.path().to_str().expect("a path");
    succeed("mount", &["--make-rprivate", "/"]);
    succeed("mount", &["--bind", path, "/etc/hosts"]);
}

fn a_dead_resolver_is_not_waited_for() {
    // Packets to the name server go nowhere, without an error.
    succeed("ip", &["link", "add", "d0", "type", "dummy"]);
    succeed("ip", &["link", "set", "d0", "up"]);
    succeed("ip", &["address", "add", "10.9.0.1/24", "dev", "d0"]);
    succeed("ip", &["route", "add", "default", "via", "10.9.0.2"]);
    succeed(
        "ip",
        &[
            "neighbour",
            "add",
            "10.9.0.2",
            "lladdr",
            "02:00:00:00:00:01",
            "dev",
            "d0",
        ],
    );
    let servers = (1..100).map(|server| format!("-a -t 10.0.0.100:80 -r 10.1.1.{server}:80\n"));
    table(&format!(
        "-A -t 10.0.0.100:80 -s rr\n{}",
        servers.collect::<String>()
    ));
    let started = Instant::now();
    let mut list = Command::new(LVSADM);
    // The resolver itself gives a question up after thirty seconds, five times.
    list.arg("-L").env("RES_OPTIONS", "timeout:30 attempts:5");
    let listed = outcome(&mut list, "");
    let took = started.elapsed();
    assert!(took < Duration::from_secs(60), "took {took:?}");
    assert!(
        listed
            .stdout
            .contains("\nTCP  10.0.0.100:http rr\n  -> 10.1.1.1:http "),
        "{}",
        listed.stdout
    );
}

fn refusals_are_the_same() {
    for line in REFUSED {
        let arguments: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        same(&arguments);
    }
    for arguments in [
        &["-Ln", "-t", ""] as &[&str],
        &["-Ln", "-f", " 7"],
        &["-Ln", "-f", "7 "],
        &["-Ln", ""],
        &[""],
        &["-Ln", "-t", "10.0.0.1 x:80"],
        &["-Ln", "-t", "10.0.0.1: 80"],
        &["-Ln", "-t", "10.0.0.1:80 "],
    ] {
        same(arguments);
    }
}

/// Command lines that ipvsadm refuses, or finds nothing for.
const REFUSED: &[&str] = &[
    "foo",
    "foo -Ln",
    "-Ln foo",
    "-Ln foo bar",
    "-n",
    "-nL",
    "-q",
    "--nonsense",
    "---list",
    "-",
    "--",
    "-- -L",
    "-L -L",
    "-Ll",
    "-LnL",
    "-L --list",
    "-L -h",
    "-L -v",
    "-Lnh",
    "-L -q",
    "-Lq",
    "-L --nonsense",
    "-L --num",
    "-L --n",
    "-L -",
    "-L -- -n",
    "-Lt",
    "-L -t",
    "-Lnt",
    "-L --tcp-service",
    "-L --fwmark-service",
    "-L --syncid",
    "--list=foo",
    "-L=foo",
    "-Ln=",
    "-Ln=n",
    "-L --numeric=yes",
    "-L --numeric=",
    "-Ln -n",
    "-L --stats --stats",
    "-L --exact -X",
    "-L -t 10.0.0.1:80 -t 10.0.0.1:81",
    "-L -t 10.0.0.1:80 -u 10.0.0.1:80",
    "-L -f 7 -t 10.0.0.1:80",
    "-L -f 7 --sctp-service 10.0.0.1:80",
    "-L -f",
    "-L -f 0",
    "-L -f -1",
    "-L -f x",
    "-L -f 0x7",
    "-L -f 7x",
    "-L -f 4294967296",
    "-L -f 99999999999999999999",
    "-L -f +7",
    "-L -f 4294967295",
    "-L -6",
    "-L -6 -f 7",
    "-L -t 10.0.0.1:80 -6",
    "-L --syncid -1",
    "-L --syncid 256",
    "-L --syncid x",
    "-L --syncid 1 --syncid 2",
    "-L --timeout --daemon",
    "-L --daemon --timeout",
    "-L -t 10.0.0.1:80 --timeout",
    "-L --timeout -f 7",
    "-L --daemon -u 10.0.0.1:53",
    "-L --timeout --stats",
    "-L --timeout --rate",
    "-L --timeout --thresholds",
    "-L --timeout --persistent-conn",
    "-L --daemon --stats",
    "-L --daemon --persistent-conn",
    "-L --daemon --rate --tun-info",
    "-L --timeout --tun-info --thresholds",
    "-L -t 80",
    "-L -t :80",
    "-L -t [::1]",
    "-L -t [::1",
    "-L -t [::1]80",
    "-L -t [::1]:",
    "-L -t [::g]:80",
    "-L -t 10.0.0.1:",
    "-L -t 10.0.0.1:-1",
    "-L -t 10.0.0.1:65536",
    "-L -t 10.0.0.1:nonsense",
    "-L -t 10.0.0.1:domain-s:80",
    "-L -u 10.0.0.1:nonsense",
    "-L --sctp-service 10.0.0.1:http",
    "-Ln --sctp-service 10.0.0.1:amqp",
    "-Ln -t ::1",
    "-Ln -t fd00::1",
    "-Ln -t ::ffff:10.0.0.1",
    "-Ln -t 10.0.0.1",
    "-Ln -t 10.1:80",
    "-Ln -t 010.1:80",
    "-Ln -t 0:80",
    "-Ln -t localhost:http",
    "-Ln -t [fe80::1]:80",
    "-Ln -t 10.0.0.1:+80",
    "-Ln -t 10.0.0.1:080",
];

/// A command line, and why lvsadm differs from ipvsadm there.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "-Ln",
        "ipvsadm's sorting overflows, and it prints marks above 2147483647 as negative numbers",
    ),
    ("-Ln --json", "ipvsadm has no JSON"),
    ("-h", "the help is lvsadm's own"),
    ("-v", "so is the version"),
];

fn known_differences_differ() {
    table(
        "-A -t 192.0.2.1:80\n-A -t 10.0.0.1:80\n-a -t 10.0.0.1:80 -r 192.0.2.7:80\n\
         -a -t 10.0.0.1:80 -r 10.1.2.12:80\n-A -f 4294967295\n",
    );
    for (line, reason) in DIFFERENCES {
        let arguments: Vec<&str> = line.split(' ').collect();
        let [ipvsadm, lvsadm] = both(&arguments);
        assert_ne!(ipvsadm, lvsadm, "{line} is the same now, though {reason}");
    }
    let sorted = feed(LVSADM, &["-Ln"], "").stdout;
    let names = sorted
        .lines()
        .skip(3)
        .filter_map(|line| line.split_ascii_whitespace().nth(1));
    let expected = [
        "10.0.0.1:80",
        "10.1.2.12:80",
        "192.0.2.7:80",
        "192.0.2.1:80",
        "4294967295",
    ];
    assert_eq!(names.collect::<Vec<_>>(), expected);
}

fn json_is_whole() {
    table(EVERYTHING);
    let json = |arguments: &[&str]| -> serde_json::Value {
        let listed = feed(LVSADM, arguments, "");
        assert_eq!((listed.stderr.as_str(), listed.status), ("", Some(0)));
        serde_json::from_str(&listed.stdout).expect("JSON")
    };
    let all = json(&["-L", "--json"]);
    assert_eq!(all["version"], "1.2.1");
    assert_eq!(all["services"].as_array().map(Vec::len), Some(16));
    let one = json(&["-L", "--json", "-t", "10.0.0.100:1000"]);
    let service = &one["services"][0];
    assert_eq!(
        service["scheduler_flags"],
        serde_json::json!(["flag-1", "flag-2", "flag-3"])
    );
    let tunnel = serde_json::json!({"type": "gue", "port": 6080, "checksum": "remote"});
    assert_eq!(service["servers"][3]["tunnel"], tunnel);
    let timeouts = json(&["-L", "--timeout", "--json"]);
    assert_eq!(
        timeouts["timeouts"],
        serde_json::json!({"tcp": 900, "tcp_fin": 120, "udp": 300})
    );
    assert_eq!(
        json(&["-L", "--daemon", "--json"]),
        serde_json::json!({"sync_daemons": []})
    );
}

fn a_reader_may_go_away() {
    let servers = (0..2000).map(|server| {
        format!(
            "-a -f 1 -r 10.1.{}.{}:80 -m\n",
            server / 200,
            server % 200 + 1
        )
    });
    table(&format!("-A -f 1 -s rr\n{}", servers.collect::<String>()));
    let mut child = Command::new(LVSADM)
        .arg("-Ln")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("lvsadm");
    let mut line = String::new();
    BufReader::with_capacity(16, child.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("a line");
    assert!(line.starts_with("IP Virtual Server version "), "{line}");
    let rest = child.wait_with_output().expect("an end");
    assert_eq!(String::from_utf8_lossy(&rest.stderr), "");
    assert!(rest.status.success(), "{}", rest.status);
}
