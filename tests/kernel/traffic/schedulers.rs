// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schedulers spread connections as their definitions say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use lab::question::{Conversation, connect};
use lvs_director::model::Protocol::Tcp;
use lvs_director::model::ServiceKey;

use crate::Test;
use crate::stage::{PATIENCE, Stage, wait_for};

const VIP: &str = "192.168.0.10:5672";

pub(super) fn tests() -> Vec<Test> {
    vec![
        ("rr_takes_every_server_in_turn", rr),
        ("wrr_gives_3_to_2_to_1_and_interleaves", wrr),
        ("lc_prefers_the_server_with_the_fewest_connections", lc),
        ("wlc_weighs_the_connections_of_a_server", wlc),
        ("sh_gives_an_address_the_same_server_always", sh),
        ("weight_0_gets_nothing_new_and_keeps_what_it_has", quiesced),
    ]
}

/// Servers rs1, rs2, ... of these weights by direct routing, under one service at [`VIP`].
fn set_up(scheduler: &str, weights: &[u32]) -> (Stage, SocketAddr) {
    let vip: SocketAddr = VIP.parse().unwrap();
    let count = u8::try_from(weights.len()).unwrap();
    let mut stage = Stage::direct_routing(count, &[vip]);
    stage.program(&yaml(scheduler, weights));
    (stage, vip)
}

fn yaml(scheduler: &str, weights: &[u32]) -> String {
    let mut yaml = format!(
        "virtual_services:\n  - address: {VIP}\n    scheduler: {scheduler}\n    servers:\n"
    );
    for (index, weight) in weights.iter().enumerate() {
        yaml.push_str(&format!(
            "      - {{address: 192.168.0.{}, weight: {weight}}}\n",
            index + 2
        ));
    }
    yaml
}

fn ask(stage: &Stage, vip: SocketAddr, times: usize) -> Vec<String> {
    (0..times).map(|_| stage.ask(Tcp, None, vip)).collect()
}

fn count(answers: &[String]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.as_str()).or_default() += 1;
    }
    counts
}

fn rr() {
    let (stage, vip) = set_up("rr", &[1, 5, 2]);
    let answers = ask(&stage, vip, 12);
    let first: BTreeSet<&String> = answers[..3].iter().collect();
    assert_eq!(first.len(), 3, "{answers:?}");
    for (answer, next_round) in answers.iter().zip(&answers[3..]) {
        assert_eq!(answer, next_round, "{answers:?}");
    }
}

fn wrr() {
    let weights = [3, 2, 1];
    let (mut stage, vip) = set_up("wrr", &weights);
    let listed = stage.entries(&ServiceKey::tcp(vip));
    let listed: Vec<(String, u32)> = listed
        .iter()
        .map(|entry| {
            let number =
                (1..=3).find(|n| entry.key.address.to_string() == format!("192.168.0.{}", n + 1));
            (format!("rs{}", number.unwrap()), entry.server.weight.get())
        })
        .collect();
    let answers = ask(&stage, vip, 60);
    let expected = BTreeMap::from([("rs1", 30), ("rs2", 20), ("rs3", 10)]);
    assert_eq!(count(&answers), expected, "{answers:?}");
    let round = wrr_round(&listed);
    let rotated = (0..6).any(|start| {
        let mut expected = round.iter().cycle().skip(start);
        answers.iter().all(|answer| Some(answer) == expected.next())
    });
    assert!(rotated, "{answers:?} is not {round:?} again and again");
}

/// Weighted round robin by its definition: the current weight falls from the greatest weight in steps of the greatest
/// common divisor (here 1), and each time those servers have a turn whose weight is at least that.
fn wrr_round(listed: &[(String, u32)]) -> Vec<String> {
    let greatest = listed.iter().map(|(_, weight)| *weight).max().unwrap();
    let turns = (1..=greatest).rev().flat_map(|current| {
        let served = listed.iter().filter(move |(_, weight)| *weight >= current);
        served.map(|(name, _)| name.clone())
    });
    turns.collect()
}

/// Connections that stay open, by their server.
#[derive(Default)]
struct Held(BTreeMap<String, Vec<Conversation>>);

impl Held {
    /// Opens one more, and waits until the kernel counts it. Returns its server.
    fn open(&mut self, stage: &mut Stage, vip: SocketAddr) -> String {
        let stream = stage.client.run(|| connect(None, vip, PATIENCE).unwrap());
        let mut conversation = Conversation::new(stream).unwrap();
        let name = talk(&mut conversation);
        self.0.entry(name.clone()).or_default().push(conversation);
        self.wait_until_counted(stage, vip);
        name
    }

    fn close(&mut self, name: &str, how_many: usize, stage: &mut Stage, vip: SocketAddr) {
        let left = self.count(name) - how_many;
        self.0.get_mut(name).unwrap().truncate(left);
        self.wait_until_counted(stage, vip);
    }

    fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, Vec::len)
    }

    fn wait_until_counted(&self, stage: &mut Stage, vip: SocketAddr) {
        let total: usize = self.0.values().map(Vec::len).sum();
        wait_for("the kernel counts every open connection", || {
            let entries = stage.entries(&ServiceKey::tcp(vip));
            let active: u32 = entries.iter().map(|entry| entry.connections.active).sum();
            (active as usize == total).then_some(())
        });
    }
}

fn talk(conversation: &mut Conversation) -> String {
    let answer = conversation
        .ask("still here", Instant::now() + PATIENCE)
        .unwrap();
    answer.strip_suffix(" still here").unwrap().to_owned()
}

fn lc() {
    let (mut stage, vip) = set_up("lc", &[1, 9]);
    let mut held = Held::default();
    for _ in 0..8 {
        held.open(&mut stage, vip);
    }
    assert_eq!(
        (held.count("rs1"), held.count("rs2")),
        (4, 4),
        "level, whatever the weights"
    );
    held.close("rs1", 3, &mut stage, vip);
    let next: Vec<String> = (0..3).map(|_| held.open(&mut stage, vip)).collect();
    assert_eq!(next, ["rs1", "rs1", "rs1"], "until they are level again");
}

fn wlc() {
    let (mut stage, vip) = set_up("wlc", &[2, 1]);
    let mut held = Held::default();
    for _ in 0..9 {
        held.open(&mut stage, vip);
    }
    assert_eq!((held.count("rs1"), held.count("rs2")), (6, 3));
    held.close("rs1", 4, &mut stage, vip);
    // 2 and 3 connections: without weights rs2 would have the second turn at the latest.
    let next: Vec<String> = (0..4).map(|_| held.open(&mut stage, vip)).collect();
    assert_eq!(
        next,
        ["rs1", "rs1", "rs1", "rs1"],
        "until it has twice as many again"
    );
}

fn sh() {
    let (stage, vip) = set_up("sh", &[1, 1, 1]);
    let addresses: Vec<String> = (1..=32).map(|n| format!("192.168.1.{n}")).collect();
    let lines = addresses
        .iter()
        .map(|address| format!("address add {address}/16 dev eth0\n"));
    stage.client.ip(&lines.collect::<String>()).unwrap();
    let ask = |address: &String| stage.ask(Tcp, Some(address), vip);
    let first: Vec<String> = addresses.iter().map(ask).collect();
    let second: Vec<String> = addresses.iter().rev().map(ask).collect();
    assert!(first.iter().eq(second.iter().rev()), "{first:?} {second:?}");
    assert_eq!(
        count(&first).len(),
        3,
        "32 addresses, all servers: {first:?}"
    );
}

fn quiesced() {
    let (mut stage, vip) = set_up("rr", &[1, 1]);
    let mut held = Held::default();
    while held.count("rs1") == 0 || held.count("rs2") == 0 {
        held.open(&mut stage, vip);
    }
    stage.program(&yaml("rr", &[0, 1]));
    assert_eq!(count(&ask(&stage, vip, 10)), BTreeMap::from([("rs2", 10)]));
    let old = &mut held.0.get_mut("rs1").unwrap()[0];
    assert_eq!(talk(old), "rs1", "the established connection goes on");
}
