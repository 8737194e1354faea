// SPDX-License-Identifier: MIT OR Apache-2.0
//! Every command of lvsadm beside ipvsadm's, each in a network namespace of its own: standard output, standard error,
//! exit status, and the table it leaves behind as ipvsadm reads it.
#![allow(
    clippy::expect_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "a test that cannot run fails, and says why at length"
)]

use super::beside::{IPVSADM, LVSADM, Lines, Outcome, Pair, feed, feed_as, same, succeed, table};

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("services_are_changed_the_same", services),
        ("servers_are_changed_the_same", servers),
        ("daemons_and_timeouts_are_changed_the_same", daemons),
        ("wrong_options_are_refused_the_same", refusals),
        ("known_differences_differ", known_differences_differ),
        ("what_is_not_given_stays", what_is_not_given_stays),
        (
            "a_saved_table_is_restored_whole",
            a_saved_table_is_restored_whole,
        ),
        (
            "nothing_is_restored_of_a_bad_input",
            nothing_is_restored_of_a_bad_input,
        ),
        (
            "restoring_goes_on_after_a_refusal",
            restoring_goes_on_after_a_refusal,
        ),
        ("the_names_of_scripts_work", the_names_of_scripts_work),
        (
            "replacing_changes_what_differs",
            replacing_changes_what_differs,
        ),
        (
            "connections_are_listed_the_same",
            connections_are_listed_the_same,
        ),
    ]
}

/// Carries out every line by both programs, and compares what they say. The tables are compared at the end, and after
/// every line that follows a mark `=`.
fn compare(lines: &str) {
    compare_as(&Pair::new(), lines);
}

pub(super) fn compare_as(pair: &Pair, lines: &str) {
    let mut wrong = String::new();
    for line in lines.lines() {
        let (line, check) = match line.strip_prefix("= ") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let arguments: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        // Two single quotes mean an empty word.
        let arguments: Vec<&str> = arguments
            .into_iter()
            .map(|word| if word == "''" { "" } else { word })
            .collect();
        let [ipvsadm, lvsadm] = pair.both(&arguments, "");
        if ipvsadm != lvsadm {
            wrong += &format!("{line}\n    ipvsadm: {ipvsadm:?}\n    lvsadm: {lvsadm:?}\n");
        }
        if check {
            wrong += &different_tables(pair, line);
        }
    }
    wrong += &different_tables(pair, "the last");
    assert!(wrong.is_empty(), "{wrong}");
}

/// The lines that only one of the tables has.
fn different_tables(pair: &Pair, line: &str) -> String {
    let [ipvsadm, lvsadm] = pair.tables();
    if ipvsadm == lvsadm {
        return String::new();
    }
    let only = |these: &str, those: &str| -> String {
        let those: Vec<&str> = those.lines().collect();
        let only = these.lines().filter(|line| !those.contains(line));
        only.map(|line| format!("        {line}\n")).collect()
    };
    format!(
        "tables after {line}\n    only ipvsadm:\n{}    only lvsadm:\n{}",
        only(&ipvsadm, &lvsadm),
        only(&lvsadm, &ipvsadm)
    )
}

fn services() {
    compare(SERVICES);
}

fn servers() {
    compare(SERVERS);
}

fn daemons() {
    compare(DAEMONS);
}

fn refusals() {
    compare(REFUSED);
    // Every option with every command, alone and with what it needs.
    let mut lines = String::new();
    for command in COMMANDS {
        for option in OPTIONS {
            lines += &format!("{command} {option}\n");
        }
    }
    compare(&lines);
}

/// Commands that change nothing with any single option of the list, because a service or a server is missing.
const COMMANDS: &[&str] = &[
    "-A",
    "-E -t 10.0.0.9:9",
    "-D -t 10.0.0.9:9",
    "-C",
    "-S",
    "-a -t 10.0.0.9:9 -r 10.0.0.8:9",
    "-e -r 10.0.0.8:9",
    "-d -t 10.0.0.9:9 -r 10.0.0.8:9",
    "-L",
    "-Z",
    "--set",
    "--set 900 120 300",
    "--stop-daemon backup",
    "--start-daemon backup --mcast-interface nosuch",
    "-R",
];

/// Every option of ipvsadm but those that wait for a name server.
const OPTIONS: &[&str] = &[
    "-t 10.0.0.9:9",
    "-u 10.0.0.9:9",
    "--sctp-service 10.0.0.9:9",
    "-f 9",
    "-6",
    "-s rr",
    "-b flag-1",
    "-p",
    "-p 60",
    "-M 255.255.255.0",
    "--pe ''",
    "-o",
    "-r 10.0.0.8:9",
    "-g",
    "-i",
    "-m",
    "--tun-type ipip",
    "--tun-port 9",
    "--tun-nocsum",
    "--tun-csum",
    "--tun-remcsum",
    "-w 1",
    "-x 1",
    "-y 1",
    "-n",
    "-c",
    "--timeout",
    "--daemon",
    "--stats",
    "--rate",
    "-X",
    "--thresholds",
    "--persistent-conn",
    "--tun-info",
    "--nosort",
    "--sort",
    "--syncid 1",
    "--sync-maxlen 1",
    "--mcast-interface d0",
    "--mcast-group 224.0.0.81",
    "--mcast-port 1",
    "--mcast-ttl 1",
    "foo",
    "-A",
    "-h",
];

const SERVICES: &str = include_str!("commands/services.txt");
const SERVERS: &str = include_str!("commands/servers.txt");
const DAEMONS: &str = include_str!("commands/daemons.txt");
const REFUSED: &str = include_str!("commands/refused.txt");

/// Lines that both programs carry out, and why they do not come to the same.
const DIFFERENCES: &[(&str, &str)] = &[
    ("-A -t 10.0.0.1:81 -b ,", "ipvsadm crashes"),
    (
        "-A -t 10.0.0.1:83 -s sh -b flag-3 -p",
        "of three flags of sh and mh ipvsadm shows two",
    ),
    ("-E -t 10.0.0.1:80", "what is not given stays"),
    ("-E -t 10.0.0.1:0", "what is not given stays"),
    (
        "-e -t 10.0.0.1:80 -r 10.0.0.2:8080 -w 9",
        "what is not given stays",
    ),
    ("-Sn", "ipvsadm does not save thresholds"),
];

fn known_differences_differ() {
    for (line, reason) in DIFFERENCES {
        let pair = Pair::new();
        for line in [
            "-A -t 10.0.0.1:80 -s rr -p 100",
            "-a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -x 100 -y 50",
        ] {
            pair.both(&line.split(' ').collect::<Vec<_>>(), "");
        }
        let [ipvsadm, lvsadm] = pair.both(&line.split(' ').collect::<Vec<_>>(), "");
        let [ipvsadm_table, lvsadm_table] = pair.tables();
        let [ipvsadm_listing, lvsadm_listing] = pair.both(&["-Ln"], "");
        assert!(
            ipvsadm != lvsadm || ipvsadm_table != lvsadm_table || ipvsadm_listing != lvsadm_listing,
            "{line} is the same now, though {reason}"
        );
    }
}

fn lvsadm(line: &str) {
    let outcome = feed(LVSADM, &line.split(' ').collect::<Vec<_>>(), "");
    assert_eq!(
        (outcome.stderr.as_str(), outcome.status),
        ("", Some(0)),
        "{line}"
    );
}

fn what_is_not_given_stays() {
    let save = || succeed(LVSADM, &["-Sn"]).stdout;
    lvsadm("-A -t 10.0.0.1:80 -s sh -b sh-port -p 100 -M 255.255.255.0");
    lvsadm("-a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -x 100 -y 50");
    lvsadm("-a -t 10.0.0.1:80 -r 10.0.0.3 -i --tun-type gue --tun-port 6080 --tun-csum");
    lvsadm("-E -t 10.0.0.1:80 -p 200");
    lvsadm("-E -t 10.0.0.1:80 -b sh-fallback");
    lvsadm("-e -t 10.0.0.1:80 -r 10.0.0.2:8080 -w 9");
    lvsadm("-e -t 10.0.0.1:80 -r 10.0.0.3:8080 -w 7");
    assert_eq!(
        save(),
        "-A -t 10.0.0.1:80 -s sh -p 200 -M 255.255.255.0 -b sh-fallback\n\
         -a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 9 -x 100 -y 50\n\
         -a -t 10.0.0.1:80 -r 10.0.0.3:80 -i -w 7 --tun-type gue --tun-port 6080 --tun-csum\n"
    );
    lvsadm("-E -t 10.0.0.1:80 -s rr --no-persistent");
    lvsadm("-e -t 10.0.0.1:80 -r 10.0.0.3 -i --tun-type ipip -x 5");
    lvsadm("-e --compat -t 10.0.0.1:80 -r 10.0.0.2:8080 -m");
    assert_eq!(
        save(),
        "-A -t 10.0.0.1:80 -s rr\n\
         -a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 1\n\
         -a -t 10.0.0.1:80 -r 10.0.0.3:80 -i -w 7 -x 5 --tun-type ipip\n"
    );
    lvsadm("-A -u 10.0.0.1:53 -o");
    lvsadm("-E -u 10.0.0.1:53 -s rr");
    assert!(save().contains("-A -u 10.0.0.1:53 -s rr -o\n"));
    lvsadm("-E -u 10.0.0.1:53 --no-ops");
    assert!(save().contains("-A -u 10.0.0.1:53 -s rr\n"));
    // As ipvsadm, which has no other way.
    for (line, message) in [
        (
            "-e -t 10.0.0.1:80 -r 10.0.0.2:81 -w 1",
            "No such destination\n",
        ),
        (
            "-e -t 10.0.0.1:80 -r 10.0.0.2:8080 -g",
            "No such destination\n",
        ),
        (
            "-e -t 10.0.0.1:81 -r 10.0.0.2:80 -w 1",
            "Service not defined\n",
        ),
        ("-E -t 10.0.0.1:81 -s rr", "No such service\n"),
    ] {
        let outcome = feed(LVSADM, &line.split(' ').collect::<Vec<_>>(), "");
        assert_eq!(
            (outcome.stderr.as_str(), outcome.status),
            (message, Some(255)),
            "{line}"
        );
    }
}

const EVERYTHING: &str = "\
-A -t 10.0.0.100:0 -s lc -p 360
-a -t 10.0.0.100:0 -r 10.1.2.12:0 -g -w 1
-A -t 10.0.0.100:80 -s wrr
-a -t 10.0.0.100:80 -r 10.1.1.11:80 -m -w 3
-a -t 10.0.0.100:80 -r 10.1.2.12:8080 -m -w 1 -x 1000 -y 800
-A -t 10.0.0.100:443 -s sh -b sh-fallback,sh-port
-a -t 10.0.0.100:443 -r 10.1.2.12:443 -g -w 10
-a -t 10.0.0.100:443 -r 192.0.2.7:443 -i -w 0 --tun-type ipip
-A -t 10.0.0.100:1000 -s rr -b flag-1,flag-2,flag-3
-a -t 10.0.0.100:1000 -r 192.0.2.2:1000 -i -w 1 -x 9 --tun-type gue --tun-port 6080 --tun-nocsum
-a -t 10.0.0.100:1000 -r 192.0.2.3:1000 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum
-a -t 10.0.0.100:1000 -r 192.0.2.4:1000 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum
-a -t 10.0.0.100:1000 -r 192.0.2.5:1000 -i -w 1 --tun-type gre --tun-nocsum
-a -t 10.0.0.100:1000 -r 192.0.2.6:1000 -i -w 2147483647 --tun-type gre --tun-csum
-A -t 10.0.0.100:8080 -s rr -p 300 -M 255.255.255.0
-A -u 10.0.0.100:53 -s mh -o -b mh-fallback,mh-port
-A -u 10.0.0.100:5060 -s rr -p 120 --pe sip -o
-A -u 10.0.0.100:5061 -s rr -M 255.255.255.0 --pe sip
-A --sctp-service 10.0.0.100:9899 -s wlc
-A -t [2001:db8::1]:443 -s wlc -M 48
-A -t [2001:db8::1]:65535 -s lblcr -p 3000 -M 48
-A -t [fd00::100]:80 -s dh
-a -t [fd00::100]:80 -r 10.1.2.12:80 -i -w 1 --tun-type ipip
-a -t [fd00::100]:80 -r [fd01::11]:80 -m -w 1
-A -f 7 -s wlc -p 600 -M 255.255.0.0
-a -f 7 -r 10.1.1.11:0 -m -w 5
-A -f 8 -6 -s rr -p 90 -M 64
-a -f 8 -6 -r [fd01::11]:0 -g -w 1
-A -f 4294967295 -s rr
";

fn a_saved_table_is_restored_whole() {
    let restored = feed(LVSADM, &["-R"], EVERYTHING);
    assert_eq!((restored.stderr.as_str(), restored.status), ("", Some(0)));
    assert_eq!(Lines(&succeed(LVSADM, &["-Sn"]).stdout), Lines(EVERYTHING));
    // ipvsadm reads the same table, and makes the same table of the same lines.
    let by_lvsadm = succeed(IPVSADM, &["-Ln", "--thresholds"]).stdout;
    succeed(LVSADM, &["-C"]);
    assert_eq!(succeed(LVSADM, &["-Sn"]).stdout, "");
    table(EVERYTHING);
    let by_ipvsadm = succeed(IPVSADM, &["-Ln", "--thresholds"]).stdout;
    assert_eq!(Lines(&by_ipvsadm), Lines(&by_lvsadm));
    assert_eq!(Lines(&succeed(LVSADM, &["-Sn"]).stdout), Lines(EVERYTHING));
    // Names come back as the numbers that they mean.
    succeed(LVSADM, &["-C"]);
    lvsadm("-A -t 127.0.0.1:80 -s rr");
    let by_name = succeed(LVSADM, &["-S"]).stdout;
    assert_eq!(by_name, "-A -t localhost:http -s rr\n");
    same(&["-S"]);
    succeed(LVSADM, &["-C"]);
    assert_eq!(feed(LVSADM, &["-R"], &by_name).status, Some(0));
    assert_eq!(
        succeed(LVSADM, &["-Sn"]).stdout,
        "-A -t 127.0.0.1:80 -s rr\n"
    );
}

fn nothing_is_restored_of_a_bad_input() {
    let input =
        "-A -t 10.0.0.1:80\n\n# a comment\n-A -t 80\nipvsadm -A -t 10.0.0.1:81 # another\n-q\n-R\n";
    let refused = feed(LVSADM, &["-R"], input);
    assert_eq!(
        refused.stderr,
        "line 4: illegal virtual server address[:port] specified\n\
         line 6: Try `lvsadm -h' or 'lvsadm --help' for more information.\n\
         line 7: illegal in a restore\n"
    );
    assert_eq!(refused.status, Some(2));
    assert_eq!(succeed(LVSADM, &["-Sn"]).stdout, "");
}

fn restoring_goes_on_after_a_refusal() {
    let input = "-A -t 10.0.0.1:80 -s rr\n-A -t 10.0.0.1:80 -s rr\n-a -t 10.0.0.1:80 -r 10.0.0.2 -m\n\
                 -e -t 10.0.0.1:80 -r 10.0.0.2 -w 5\n-d -t 10.0.0.1:80 -r 10.0.0.3\n--set 1 2 3\n\
                 -Ln -t 10.0.0.1:80\n-A -t 10.0.0.1:81 -s nosuch\n";
    let restored = feed(LVSADM, &["-R"], input);
    assert_eq!(
        restored.stderr,
        "line 2: Service already exists\nline 5: No such destination\n\
         line 8: Scheduler or persistence engine not found\n"
    );
    assert_eq!(restored.status, Some(255));
    assert!(
        restored
            .stdout
            .contains("  -> 10.0.0.2:80                  Masq    5      0 ")
    );
    let timeouts = succeed(LVSADM, &["-L", "--timeout"]).stdout;
    assert_eq!(timeouts, "Timeout (tcp tcpfin udp): 1 2 3\n");
}

fn the_names_of_scripts_work() {
    let restored = feed_as("/sbin/ipvsadm-restore", LVSADM, &[], EVERYTHING);
    assert_eq!((restored.stderr.as_str(), restored.status), ("", Some(0)));
    let saved = feed_as("/sbin/ipvsadm-save", LVSADM, &["-n"], "");
    assert_eq!(Lines(&saved.stdout), Lines(EVERYTHING));
    assert_eq!(feed_as("ipvsadm-save", LVSADM, &["-x"], "").status, Some(1));
    // Services that are not in the input are removed.
    let restored = feed_as("ipvsadm-restore", LVSADM, &[], "# one\n-A -f 1 -s rr\n");
    assert_eq!((restored.stderr.as_str(), restored.status), ("", Some(0)));
    assert_eq!(succeed(LVSADM, &["-Sn"]).stdout, "-A -f 1 -s rr\n");
    // As that program does it.
    let restored = feed_as("ipvsadm-restore", LVSADM, &[], "");
    assert_eq!((restored.stderr.as_str(), restored.status), ("", Some(0)));
    assert_eq!(succeed(LVSADM, &["-Sn"]).stdout, "");
}

/// The connection of a server that stays is there before and after, and so is the service's memory of it.
fn replacing_changes_what_differs() {
    succeed("ip", &["address", "add", "10.0.0.100/32", "dev", "lo"]);
    table(
        "-A -u 10.0.0.100:53 -s rr\n-a -u 10.0.0.100:53 -r 127.0.0.1:53 -m\n-A -f 1\n\
         -A -f 2\n-a -f 2 -r 10.0.0.1:80 -m -w 3\n",
    );
    let socket = std::net::UdpSocket::bind("10.0.0.100:0").expect("a socket");
    socket.send_to(b"?", "10.0.0.100:53").expect("send");
    let held = "  -> 127.0.0.1:53                 Masq    1      0          1         \n";
    assert!(succeed(LVSADM, &["-Ln"]).stdout.contains(held));
    let input = "-A -u 10.0.0.100:53 -s rr\n-a -u 10.0.0.100:53 -r 127.0.0.1:53 -m -w 1\n\
                 -a -u 10.0.0.100:53 -r 127.0.0.2:53 -m -w 5 -x 9\n-A -f 2 -s wrr\n\
                 -a -f 2 -r 10.0.0.1:80 -m -w 4\n-A -f 3 -s mh\n";
    let replaced = feed(LVSADM, &["-R", "--atomic-replace"], input);
    assert_eq!((replaced.stderr.as_str(), replaced.status), ("", Some(0)));
    assert_eq!(Lines(&succeed(LVSADM, &["-Sn"]).stdout), Lines(input));
    assert!(succeed(LVSADM, &["-Ln"]).stdout.contains(held));
    // An impossible change is reported before anything changes.
    let replaced = feed(LVSADM, &["-R", "--atomic-replace"], "-A -f 9\n-A -f 9\n");
    assert_eq!(replaced.stderr, "line 2: Service already exists\n");
    assert_eq!(Lines(&succeed(LVSADM, &["-Sn"]).stdout), Lines(input));
    // So is an input that somebody else failed to write. An empty table has to be asked for.
    for nothing in ["", "# nothing\n", "--set 900 120 300\n"] {
        let replaced = feed(LVSADM, &["-R", "--atomic-replace"], nothing);
        assert_eq!(replaced.status, Some(2), "{nothing:?}");
        let kept = succeed(LVSADM, &["-Sn"]).stdout;
        assert_eq!(Lines(&kept), Lines(input), "{nothing:?}");
    }
    let replaced = feed(LVSADM, &["-R", "--atomic-replace"], "-C\n");
    assert_eq!((replaced.stderr.as_str(), replaced.status), ("", Some(0)));
    assert_eq!(succeed(LVSADM, &["-Sn"]).stdout, "");
}

/// A listing of connections without the column "expire", and that column.
fn without_expiry(mut listed: Outcome) -> (Outcome, Vec<String>) {
    let mut times = Vec::new();
    let lines = listed.stdout.split_inclusive('\n').map(|line| {
        let Some((time, rest)) = line.get(4..).and_then(|rest| rest.split_once(' ')) else {
            return line.to_owned();
        };
        if !time.contains(':') {
            return line.to_owned();
        }
        times.push(time.to_owned());
        format!("{} {rest}", &line[..4])
    });
    listed.stdout = lines.collect();
    (listed, times)
}

/// Three datagrams and a few connections to servers that are not there leave connections enough.
fn connections_are_listed_the_same() {
    succeed("ip", &["address", "add", "10.0.0.100/32", "dev", "lo"]);
    succeed("ip", &["address", "add", "10.1.1.11/32", "dev", "lo"]);
    succeed("ip", &["address", "add", "fd00::100/128", "dev", "lo"]);
    succeed("ip", &["address", "add", "fd01::11/128", "dev", "lo"]);
    same(&["-Lnc"]);
    table(
        "-A -u 10.0.0.100:53 -s rr\n-a -u 10.0.0.100:53 -r 10.1.1.11:53 -m\n\
         -A -t 10.0.0.100:80 -s rr -p 100 -M 255.255.255.0\n-a -t 10.0.0.100:80 -r 10.1.1.11:8080 -m\n\
         -A -u [fd00::100]:53 -s rr\n-a -u [fd00::100]:53 -r [fd01::11]:5353 -m\n",
    );
    let socket = std::net::UdpSocket::bind("10.0.0.100:0").expect("a socket");
    socket.send_to(b"?", "10.0.0.100:53").expect("send");
    let socket6 = std::net::UdpSocket::bind("[fd00::100]:0").expect("a socket");
    socket6.send_to(b"?", "[fd00::100]:53").expect("send");
    let _listener = std::net::TcpListener::bind("10.1.1.11:8080").expect("a listener");
    let _stream = std::net::TcpStream::connect("10.0.0.100:80").expect("a connection");
    let listed = succeed(LVSADM, &["-Lnc"]).stdout;
    assert!(listed.lines().count() >= 5, "{listed}");
    for arguments in [
        &["-Lnc"] as &[&str],
        &["-Lc"],
        &["-L", "-c", "-n", "--persistent-conn"],
        &["-Lnc", "--nosort", "--exact", "--tun-info", "--syncid", "7"],
    ] {
        // Time passes from one program to the next: ours runs between two runs of ipvsadm.
        let [before, ours, after] = [IPVSADM, LVSADM, IPVSADM].map(|it| feed(it, arguments, ""));
        let [before, ours, after] = [before, ours, after].map(without_expiry);
        assert_eq!(ours.0, before.0, "{arguments:?}");
        assert!(ours.1.len() >= 3, "{:?}", ours.0);
        let times = before.1.iter().zip(&ours.1).zip(&after.1);
        for ((before, ours), after) in times {
            assert!(
                before >= ours && ours >= after,
                "{arguments:?}: {before} {ours} {after}"
            );
        }
    }
    for (filter, count) in [
        (&["--service", "udp:10.0.0.100:53"] as &[&str], 1),
        (&["--service", "10.0.0.100:80", "--state", "established"], 1),
        (&["--server", "10.1.1.11:53"], 1),
        (&["--server", "10.1.1.11:1"], 0),
        (&["--client", "fd00::/16"], 1),
    ] {
        let listed = succeed(LVSADM, &[&["-Lnc"], filter].concat()).stdout;
        assert_eq!(listed.lines().count(), 2 + count, "{filter:?}: {listed}");
    }
    let json = succeed(LVSADM, &["-Lc", "--json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json.pointer("/connections")
            .and_then(|all| all.as_array())
            .map(Vec::len),
        Some(listed.lines().count() - 2)
    );
}
