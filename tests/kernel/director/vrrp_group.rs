// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two directors with two virtual addresses that go together.

use lab::netns::{Host, Net};
use lvs_director::control::RouterStatus;
use nix::sys::signal::Signal;

use super::process::{Files, Running};
use crate::Test;
use crate::stage::wait_for;

const INSIDE: &str = "10.7.0.10";
const OUTSIDE: &str = "192.168.0.10";

pub(super) fn tests() -> Vec<Test> {
    vec![
        (
            "two_virtual_addresses_of_a_group_move_together_when_one_link_is_cut",
            cut,
        ),
        (
            "two_virtual_addresses_of_a_group_are_handed_over_and_left_together",
            handed_over,
        ),
        (
            "a_group_that_is_parted_on_one_of_two_lans_stays_where_it_is",
            parted,
        ),
    ]
}

/// Two directors on two LANs: `eth0` is outside, and a VLAN on it is inside.
struct Lans {
    directors: [(Host, Files); 2],
    _net: Net,
}

impl Lans {
    fn new() -> Self {
        let net = Net::new().unwrap();
        let directors = [("a", 11), ("b", 12)].map(|(name, number)| {
            let host = net
                .host(name, &[&format!("192.168.0.{number}/24")])
                .unwrap();
            (host, Files::new())
        });
        for (number, (host, files)) in directors.iter().enumerate() {
            let own = 11 + number;
            host.ip(&format!(
                "link add link eth0 name inside type vlan id 7\naddress add 10.7.0.{own}/24 dev inside\nlink set inside up\n"
            ))
            .unwrap();
            let priority = [200, 100][number];
            let router = |name: &str, interface: &str, vrid: u8, address: &str| {
                format!(
                    "  - {{name: {name}, group: both, interface: {interface}, vrid: {vrid}, priority: {priority}, \
                     interval: 200ms, hold: 0s, addresses: [{address}/24]}}\n"
                )
            };
            files.write(&format!(
                "virtual_routers:\n{}{}virtual_services: []\n",
                router("out", "eth0", 51, OUTSIDE),
                router("in", "inside", 52, INSIDE),
            ));
        }
        Self {
            directors,
            _net: net,
        }
    }

    fn start(&self, director: usize) -> Running {
        let (host, files) = &self.directors[director];
        Running::start(host, files, &[])
    }

    fn start_both(&self) -> [Running; 2] {
        let a = self.start(0);
        self.wait_until_at(0);
        let b = self.start(1);
        wait_for("both are heard", || {
            let heard = |it: &RouterStatus| it.heard > 3;
            self.routers(1).iter().all(heard).then_some(())
        });
        assert_eq!(b.count("-> master"), 0, "{}", b.log());
        [a, b]
    }

    fn routers(&self, director: usize) -> Vec<RouterStatus> {
        let (host, files) = &self.directors[director];
        files.status(host).routers
    }

    /// Which of the addresses a director has.
    fn has(&self, director: usize) -> [bool; 2] {
        let (host, _) = &self.directors[director];
        let listed = host.command("ip", &["-brief", "address"]).unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        [INSIDE, OUTSIDE].map(|it| listed.contains(&format!(" {it}/")))
    }

    /// Waits until this director has both addresses, and the other has none.
    fn wait_until_at(&self, director: usize) {
        wait_for(
            &format!("both addresses are at director {director}"),
            || {
                let there = self.has(director) == [true; 2] && self.has(1 - director) == [false; 2];
                there.then_some(())
            },
        );
    }
}

fn cut() {
    let lans = Lans::new();
    let [a, b] = lans.start_both();
    let (host, _) = &lans.directors[0];
    host.ip("link set inside down\n").unwrap();
    lans.wait_until_at(1);
    a.wait_for("virtual router in: master -> fault (link down)");
    a.wait_for("virtual router out: master -> fault (with virtual router in of its sync group)");
    // The other LAN still carried that it leaves.
    b.wait_for("virtual router out: backup -> master (master 192.168.0.11 left)");
    b.wait_for("virtual router in: backup -> master");
    host.ip("link set inside up\n").unwrap();
    a.wait_for("virtual router out: fault -> backup");
    lans.wait_until_at(1);
}

fn handed_over() {
    let lans = Lans::new();
    let [a, b] = lans.start_both();
    let (host, files) = &lans.directors[0];
    let said = files.once(host, "failover", &["--router", "out"]);
    assert_eq!(said.out, "handed over: in, out\n", "{said:?}");
    lans.wait_until_at(1);
    assert!(b.stop().success());
    lans.wait_until_at(0);
    a.signal(Signal::SIGKILL);
    let b = lans.start(1);
    lans.wait_until_at(1);
    drop(b);
}

/// The inner LAN goes on to have a carrier, and no advertisement of the master comes through.
fn parted() {
    let lans = Lans::new();
    let [a, b] = lans.start_both();
    let (host, _) = &lans.directors[1];
    // What comes from the master by another way than packets to it go is dropped.
    host.sysctl("ipv4/conf/inside/rp_filter", "1").unwrap();
    host.ip("route add 10.7.0.11/32 dev eth0\n").unwrap();
    let heard = || {
        let inside = lans.routers(1).into_iter().find(|it| it.name == "in");
        inside.map(|it| it.heard)
    };
    let last = heard();
    let sent = |it: &RouterStatus| it.sent;
    let before: Vec<u64> = lans.routers(0).iter().map(sent).collect();
    wait_for("many intervals pass", || {
        let now = lans.routers(0);
        let passed = now
            .iter()
            .zip(&before)
            .all(|(it, before)| it.sent > before + 20);
        passed.then_some(())
    });
    assert!(heard() <= last.map(|it| it + 1), "{}", b.log());
    assert_eq!((lans.has(0), lans.has(1)), ([true; 2], [false; 2]));
    assert_eq!(b.count("-> master"), 0, "{}", b.log());
    // Without the master both are taken.
    a.signal(Signal::SIGKILL);
    lans.wait_until_at(1);
}
