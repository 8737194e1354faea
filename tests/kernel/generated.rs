// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random command lines, from a seed, by both programs under ipvsadm's name.
#![allow(
    clippy::expect_used,
    clippy::format_push_string,
    reason = "a test that cannot run fails, and says why at length"
)]

use fastrand::Rng;

use super::beside::Pair;

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![("any_command_line_comes_to_the_same", any_command_line)]
}

/// How many lines, in batches with a table each.
const BATCHES: u64 = 4;
const LINES: usize = 100;

fn any_command_line() {
    let mut wrong = String::new();
    for seed in 0..BATCHES {
        let mut random = Rng::with_seed(seed);
        let pair = Pair::called("ipvsadm");
        for _ in 0..LINES {
            let words = line(&mut random);
            let arguments: Vec<&str> = words.iter().map(String::as_str).collect();
            let [ipvsadm, lvsadm] = pair.both(&arguments, "");
            if ipvsadm != lvsadm {
                wrong += &format!(
                    "seed {seed}: {arguments:?}\n  ipvsadm: {ipvsadm:?}\n  lvsadm:  {lvsadm:?}\n"
                );
            }
        }
        let [ipvsadm, lvsadm] = pair.tables();
        if ipvsadm != lvsadm {
            wrong += &format!("seed {seed}: tables\nipvsadm:\n{ipvsadm}lvsadm:\n{lvsadm}");
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A command with options that usually make sense; sometimes with a wrong one, or in another order.
fn line(random: &mut Rng) -> Vec<String> {
    let command = pick(
        random,
        &[
            "-A", "-A", "-A", "-a", "-a", "-a", "-a", "-E", "-e", "-d", "-D", "-Z", "-Ln", "-Sn",
            "--list",
        ],
    );
    let mut options: Vec<Vec<String>> = Vec::new();
    match command {
        "-A" | "-E" => {
            options.push(service(random));
            some(random, &mut options, SERVICE_OPTIONS, 3);
        }
        "-a" | "-e" => {
            options.push(service(random));
            options.push(server(random));
            some(random, &mut options, SERVER_OPTIONS, 3);
        }
        "-d" => {
            options.push(service(random));
            options.push(server(random));
        }
        "-D" => options.push(service(random)),
        "-Z" if random.bool() => options.push(service(random)),
        "-Ln" | "--list" => {
            if command == "--list" {
                options.push(vec!["-n".to_owned()]);
            }
            if random.u8(0..3) == 0 {
                options.push(service(random));
            }
            some(random, &mut options, LIST_OPTIONS, 2);
        }
        _ => {}
    }
    if random.u8(0..8) == 0 {
        some(random, &mut options, JUNK, 1);
    }
    if random.u8(0..6) == 0 {
        random.shuffle(&mut options);
    }
    let mut words = vec![command.to_owned()];
    words.extend(options.into_iter().flatten());
    words
}

fn pick<'a>(random: &mut Rng, from: &[&'a str]) -> &'a str {
    random.choice(from.iter().copied()).expect("a choice")
}

/// Up to this many, each written as words.
fn some(random: &mut Rng, options: &mut Vec<Vec<String>>, from: &[&str], most: usize) {
    for _ in 0..random.usize(0..=most) {
        let option = pick(random, from);
        options.push(option.split(' ').map(str::to_owned).collect());
    }
}

/// One of few addresses: the same ones must come again. All IPv4 addresses are near each other, for ipvsadm's sorting.
fn service(random: &mut Rng) -> Vec<String> {
    let option = pick(
        random,
        &[
            "-t",
            "-t",
            "-u",
            "--sctp-service",
            "-f",
            "--tcp-service",
            "--udp-service",
        ],
    );
    if option == "-f" {
        let mark = pick(
            random,
            &["1", "2", "007", " 3", "0", "-1", "x", "2147483647"],
        );
        let mut words = vec!["-f".to_owned(), mark.to_owned()];
        if random.u8(0..3) == 0 {
            words.push("-6".to_owned());
        }
        return words;
    }
    let at = pick(
        random,
        &[
            "10.0.0.1:80",
            "10.0.0.1:80",
            "10.0.0.2:53",
            "10.0.0.2",
            "10.0.0.1:http",
            "10.0.0.3:0",
            "10.0.0.4:domain",
            "[fd00::1]:80",
            "[fd00::1]:80",
            "fd00::1",
            "[fd00::1]",
            "10.0.0.1:",
            "10.1:80",
            "80",
            "10.0.0.1:65536",
        ],
    );
    let long = option.starts_with("--");
    match random.u8(0..4) {
        0 if long => vec![format!("{option}={at}")],
        0 => vec![format!("{option}{at}")],
        1 => vec![format!("{option}={at}")],
        _ => vec![option.to_owned(), at.to_owned()],
    }
}

fn server(random: &mut Rng) -> Vec<String> {
    let at = pick(
        random,
        &[
            "10.1.0.1",
            "10.1.0.1:80",
            "10.1.0.1:8080",
            "10.1.0.2:http",
            "10.1.0.3",
            "[fd01::1]:80",
            "fd01::2",
            "[fd01::1]:8080",
            "224.0.0.1",
            "127.0.0.1:80",
            "x:",
            "[::",
            "10.1.0.4:",
        ],
    );
    vec![
        pick(random, &["-r", "--real-server"]).to_owned(),
        at.to_owned(),
    ]
}

const SERVICE_OPTIONS: &[&str] = &[
    "-s rr",
    "-s wrr",
    "-srr",
    "--scheduler=lc",
    "-s sh",
    "-s mh",
    "-s none",
    "-s nosuch",
    "-p",
    "-p 60",
    "-p60",
    "-p 0",
    "--persistent=70",
    "-M 255.255.255.0",
    "-M 64",
    "-M 128",
    "-M 129",
    "-M x.",
    "-o",
    "--ops",
    "-b sh-port",
    "-b mh-port",
    "-b flag-1",
    "-b flag-2,flag-1",
    "-b bad",
    "-b sh-port,sh-fallback",
    "-6",
];

const SERVER_OPTIONS: &[&str] = &[
    "-m",
    "-m",
    "-g",
    "-i",
    "-i",
    "-w 0",
    "-w 5",
    "-w 2147483647",
    "-w 2147483648",
    "-w -1",
    "-w",
    "-x 100",
    "-y 50",
    "-x 50 -y 100",
    "-x -1",
    "--tun-type ipip",
    "--tun-type gre",
    "--tun-type gue",
    "--tun-type gue --tun-port 6080",
    "-i --tun-type gue --tun-port 6080",
    "-i --tun-type gre --tun-csum",
    "--tun-csum",
    "--tun-nocsum",
    "--tun-remcsum",
    "--tun-port 0",
];

const LIST_OPTIONS: &[&str] = &[
    "--stats",
    "--rate",
    "-X",
    "--exact",
    "--thresholds",
    "--persistent-conn",
    "--tun-info",
    "--sort",
    "--timeout",
    "--daemon",
    "--syncid 3",
    "-c",
];

const JUNK: &[&str] = &[
    "foo",
    "-q",
    "--nosuch",
    "-",
    "--",
    "-A",
    "-h",
    "-n",
    "-n=",
    "--numeric=1",
    "-X",
    "-w",
    "-t",
    "--syncid 256",
    "-c",
    "-6",
    "--mcast-port 0",
    "--mcast-group x",
    "--set",
    "--start-daemon master",
];
