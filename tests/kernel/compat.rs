// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program called `ipvsadm`, and `--compat`: as ipvsadm, where that is wrong too.

use std::net::IpAddr;

use fastrand::Rng;

use super::beside::{IPVSADM, LVSADM, Lines, Pair, feed, feed_as, succeed};
use super::commands::compare_as;

/// The tests of this file.
pub(crate) fn tests() -> Vec<(&'static str, fn())> {
    vec![
        ("called_ipvsadm_it_is_ipvsadm", called_ipvsadm),
        ("any_table_is_listed_and_saved_the_same", any_table),
        (
            "what_only_lvsadm_has_is_unknown",
            what_only_lvsadm_has_is_unknown,
        ),
    ]
}

/// Editing resets settings, saving loses some, restoring goes line by line.
fn called_ipvsadm() {
    let pair = Pair::called("ipvsadm");
    compare_as(
        &pair,
        "-A -t 10.0.0.1:80 -s rr -p 100\n-a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -x 100 -y 50\n\
         -a -t 10.0.0.1:80 -r 10.0.0.3:80 -i --tun-type gre -w 9\n\
         -Sn\n= -E -t 10.0.0.1:80\n-E -t 10.0.0.1:0\n-E -t 10.0.0.1:80 -b sh-port\n\
         = -e -t 10.0.0.1:80 -r 10.0.0.2:8080 -w 9\n= -e -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 9\n\
         = -e -t 10.0.0.1:80 -r 10.0.0.3 -w 3\n-Sn\n",
    );
    for input in [
        "",
        "-A -t 10.0.1.1:80\n-A -t 10.0.1.1:80\n-A -t 10.0.1.2:80\n",
        "-A -t 10.0.1.2:80\n",
        "-A -t 10.0.2.1:80\n-A -t bad\n-A -t 10.0.2.2:80\n",
        "-A -t 10.0.3.1:80\n-A -t 10.0.3.1:80 -q\n-A -t 10.0.3.2:80\n",
        "-A -t 10.0.4.1:80 -q\n",
        "foo\n-A -t 10.0.4.1:80\n",
        "  ipvsadm -A -t 10.0.4.1:80\n\n \n\t-Ln -t 10.0.4.1:80\n",
        "-A -t 10.0.5.1:80\n-R\n-A -t 10.0.5.2:80\n",
        "-C\n-A -t 10.0.6.1:80",
        "-A -t 10.0.7.1:80\n# a comment\n-A -t 10.0.7.2:80\n",
        "-A -t 10.0.7.3:80 # a comment\n-A -t 10.0.7.4:80\n",
    ] {
        let [ipvsadm, lvsadm] = pair.both(&["-R"], input);
        assert_eq!(
            lvsadm, ipvsadm,
            "{input}: lvsadm (left) is not as ipvsadm (right)"
        );
        let [ipvsadm, lvsadm] = pair.tables();
        assert_eq!(
            lvsadm, ipvsadm,
            "{input}: lvsadm (left) is not as ipvsadm (right)"
        );
    }
}

/// Addresses far apart, which ipvsadm does not sort right; marks that it shows as negative; flags that it forgets.
fn any_table() {
    const LISTINGS: [&[&str]; 7] = [
        &["-Ln"],
        &["-Ln", "--nosort"],
        &["-Ln", "--stats"],
        &["-Ln", "--rate"],
        &["-Ln", "--thresholds"],
        &["-Sn"],
        &["-S"],
    ];
    for seed in 0..5 {
        let lines = random_table(&mut Rng::with_seed(seed));
        // The kernel refuses some of them.
        feed(IPVSADM, &["-R"], &lines);
        assert!(succeed(LVSADM, &["-Sn"]).stdout.lines().count() > 50);
        for arguments in LISTINGS {
            let theirs = succeed(IPVSADM, arguments).stdout;
            let called = feed_as("ipvsadm", LVSADM, arguments, "");
            let asked = succeed(LVSADM, &[arguments, &["--compat"]].concat());
            let theirs = Lines(&theirs);
            assert_eq!(Lines(&called.stdout), theirs, "{arguments:?} of\n{lines}");
            assert_eq!(Lines(&asked.stdout), theirs, "{arguments:?} of\n{lines}");
        }
    }
    assert_eq!(
        feed_as("ipvsadm", LVSADM, &[], "").stdout,
        succeed(IPVSADM, &[]).stdout
    );
}

fn random_table(rng: &mut Rng) -> String {
    let mut lines = "-C\n".to_owned();
    for port in 1..=30 {
        let address = address(rng);
        let service = match rng.u8(0..6) {
            0 => format!("-f {}", rng.u32(1..)),
            1 => format!("-u {}", endpoint(address, port)),
            _ => format!("-t {}", endpoint(address, port)),
        };
        let settings = [
            "-s rr",
            "-s sh -b flag-3",
            "-s mh -b flag-3,mh-port",
            "-s wlc -b flag-3",
            "-s sh -b sh-fallback -p 60 -M 255.255.0.0",
            "-s rr -M 255.255.0.0 --pe sip",
        ];
        // A mask is one of IPv4.
        let settings = match address {
            IpAddr::V4(_) => rng.choice(settings).unwrap_or_default(),
            IpAddr::V6(_) => "-s rr",
        };
        lines += &format!("-A {service} {settings}\n");
        for host in 0..rng.u16(0..6) {
            let server = endpoint(self::address(rng), 1000 * port + host);
            lines += &format!("-a {service} -r {server} -i -x {host}\n");
        }
    }
    lines
}

/// Mostly near each other in their first bits, or not at all.
fn address(rng: &mut Rng) -> IpAddr {
    let first = [
        0x0a00_0000,
        0x7f00_0000,
        0x8000_0000,
        0xc000_0200,
        0xdf00_0000,
    ];
    if rng.u8(0..3) > 0 {
        let first = rng.choice(first).unwrap_or_default();
        return IpAddr::V4((first + rng.u32(1..200)).into());
    }
    let words = [0x2001_0db8_u32, 0xfd00_0000, 0xa000_0000, 1, 0x8000_0001];
    let first = [0x2001_0db8_u128, 0x3000_0000, 0xfd00_0000][rng.usize(0..3)];
    let mut word = || u128::from(words[rng.usize(0..words.len())]);
    let bits = first << 96 | word() << 64 | word() << 32 | word();
    IpAddr::V6(bits.into())
}

fn endpoint(address: IpAddr, port: u16) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

fn what_only_lvsadm_has_is_unknown() {
    for arguments in [
        &["-L", "--json"] as &[&str],
        &["-L", "--compat"],
        &["-L", "--service", "10.0.0.1"],
        &["-L", "--client=10.0.0.1"],
        &["-R", "--atomic-replace"],
        &["-E", "-t", "10.0.0.1:80", "--no-persistent"],
        &["-E", "-t", "10.0.0.1:80", "--no-ops"],
        &["diff", "-"],
        &["man"],
    ] {
        let [theirs, ours] =
            [IPVSADM, LVSADM].map(|program| feed_as("ipvsadm", program, arguments, ""));
        assert_eq!(ours, theirs, "{arguments:?}");
    }
    let mixed = feed(LVSADM, &["-L", "--json", "--compat"], "");
    assert_eq!(
        (mixed.stderr.as_str(), mixed.status),
        ("--json: unknown option\n", Some(255))
    );
}
