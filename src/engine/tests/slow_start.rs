// SPDX-License-Identifier: MIT OR Apache-2.0
//! Slow starts: what a server that has come back gets, and when.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::stand::{Stand, all, key, parse, weights};
use crate::engine::{Command, CommandId, Event, Start};
use crate::model::{DrainTerms, Order, Weight};
use crate::plan::SimulatedKernel;

const TWO: &str = "  - {address: '192.0.2.10:80', scheduler: wlc, weight: 100, slow_start: 20s, min_healthy: 0, servers: \
                   [10.0.0.1, 10.0.0.2]}\n";

fn only_1(server: &str) -> bool {
    server == "10.0.0.1:80"
}

fn weight(stand: &Stand, last: u8) -> Option<u32> {
    stand.weights().get(&format!("10.0.0.{last}:80")).copied()
}

fn running(services: &str) -> Stand {
    let mut stand = Stand::start(SimulatedKernel::default(), services);
    stand.seconds(2, all);
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 100), ("10.0.0.2:80", 100)])
    );
    stand
}

/// The second server has come back this moment.
fn back() -> Stand {
    let mut stand = running(TWO);
    stand.seconds(10, only_1);
    assert_eq!(weight(&stand, 2), None);
    while weight(&stand, 2).is_none() {
        stand.pass(std::time::Duration::from_millis(50), all);
    }
    assert_eq!(weight(&stand, 2), Some(3));
    stand
}

fn order(stand: &mut Stand, id: u64, order: Option<Order>) {
    stand.event(Event::Ordered(Box::new(Command {
        id: CommandId(id),
        servers: vec![(key(), "10.0.0.2:80".parse().unwrap())],
        order,
        terms: DrainTerms::default(),
        force: false,
        by: "user 0".into(),
        given: 0,
    })));
}

#[test]
fn the_servers_of_a_start_get_their_full_weights_at_once() {
    let stand = running(TWO);
    assert_eq!(stand.count("slow"), 0);
}

#[test]
fn a_server_that_comes_back_gets_its_weight_step_by_step_and_that_is_told() {
    let mut stand = back();
    let mut seen = vec![3];
    while seen.last() != Some(&100) {
        stand.seconds(1, all);
        seen.push(weight(&stand, 2).unwrap());
    }
    let steps: Vec<u32> = (0..20).map(|step| 3 + 5 * step).chain([100]).collect();
    assert_eq!(seen, steps);
    assert_eq!(weight(&stand, 1), Some(100));
    let server = "real server 10.0.0.2:80 of TCP 192.0.2.10:80: ";
    let log: Vec<String> = stand.log();
    let log: Vec<&String> = log.iter().filter(|line| line.contains("slow")).collect();
    assert_eq!(
        log,
        [
            &format!("{server}starts slowly (for 20 s), added with weight 3"),
            &format!("{server}slow start over (after 20 s), weight 98 -> 100"),
        ]
    );
}

#[test]
fn a_server_that_nobody_helps_gets_its_full_weight_at_once() {
    let mut stand = running(TWO);
    stand.seconds(10, |_| false);
    assert_eq!(stand.weights(), weights(&[]));
    stand.seconds(6, only_1);
    assert_eq!(weight(&stand, 1), Some(100));
    // The other one has just come back itself: it cannot carry the load of both.
    stand.seconds(6, all);
    assert_eq!(weight(&stand, 2), Some(100));
    assert_eq!(stand.count("slow"), 0);
    // After the time of a slow start it can.
    stand.seconds(20, all);
    stand.seconds(10, only_1);
    stand.seconds(5, all);
    assert!(weight(&stand, 2).unwrap() < 50);
}

#[test]
fn when_the_others_fail_meanwhile_it_gets_its_full_weight() {
    let mut stand = back();
    stand.seconds(10, |server| !only_1(server));
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 100)]));
    assert_eq!(
        stand.count("slow start over (no other server carries the load)"),
        1
    );
}

#[test]
fn one_that_goes_down_meanwhile_begins_anew() {
    let mut stand = back();
    stand.seconds(5, all);
    stand.seconds(10, only_1);
    assert_eq!(weight(&stand, 2), None);
    stand.seconds(30, only_1);
    while weight(&stand, 2).is_none() {
        stand.pass(std::time::Duration::from_millis(50), all);
    }
    assert_eq!(weight(&stand, 2), Some(3));
}

#[test]
fn orders_that_take_a_server_out_begin_one_when_they_end_and_an_ordered_weight_holds_at_once() {
    let mut stand = running(TWO);
    for (id, taken) in [Order::Drain, Order::Disable, Order::Weight(Weight::ZERO)]
        .into_iter()
        .enumerate()
    {
        let id = 10 * u64::try_from(id).unwrap();
        order(&mut stand, id, Some(taken));
        stand.seconds(5, all);
        assert!(weight(&stand, 2).is_none_or(|it| it == 0), "{taken}");
        order(&mut stand, id + 1, None);
        assert_eq!(weight(&stand, 2), Some(3), "{taken}");
        stand.seconds(5, all);
        order(
            &mut stand,
            id + 2,
            Some(Order::Weight(Weight::new(40).unwrap())),
        );
        assert_eq!(weight(&stand, 2), Some(40));
        stand.seconds(5, all);
        order(&mut stand, id + 3, None);
        assert_eq!(weight(&stand, 2), Some(100));
    }
}

#[test]
fn it_goes_on_over_a_reload_with_another_weight_and_ends_without_the_key() {
    let mut stand = back();
    stand.seconds(5, all);
    assert_eq!(weight(&stand, 2), Some(28));
    assert_eq!(
        stand.reload(&TWO.replace("weight: 100", "weight: 200")),
        None
    );
    assert_eq!(weight(&stand, 2), Some(55));
    // Another time is for the next one.
    assert_eq!(stand.reload(&TWO.replace("20s", "10m")), None);
    assert_eq!(weight(&stand, 2), Some(28));
    assert_eq!(stand.reload(&TWO.replace("slow_start: 20s, ", "")), None);
    assert_eq!(weight(&stand, 2), Some(100));
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let mut stand = back();
    stand.seconds(7, all);
    assert_eq!(weight(&stand, 2), Some(38));
    let mut next = Stand::new(stand.kernel);
    next.now = stand.now;
    let before = next.kernel.messages;
    next.event(Event::Start(Box::new(Start {
        config: parse(TWO),
        owned: stand.owned,
        recalled: stand.engine.remembered(stand.now).all(),
        orders: Vec::new(),
        drains: Vec::new(),
        slow_starts: stand.engine.slow_starts(stand.now),
        masters: std::collections::BTreeSet::new(),
        ledger: Vec::new(),
        origin: 0,
    })));
    assert_eq!(next.kernel.messages, before, "{:?}", next.log());
    let mut last = 38;
    while last < 100 {
        next.seconds(1, all);
        let weight = weight(&next, 2).unwrap();
        assert!(last <= weight && weight <= last + 5, "{last} -> {weight}");
        last = weight;
    }
}

#[test]
fn a_dead_server_that_stays_for_the_floor_leaves_no_room_for_a_slow_start() {
    let mut stand = running(&TWO.replace("min_healthy: 0", "min_healthy: 100%"));
    stand.seconds(10, only_1);
    // It stays in, so it was never away.
    assert_eq!(weight(&stand, 2), Some(100));
    stand.seconds(10, all);
    assert_eq!(stand.count("slow"), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Three servers go and come at random. A weight is never above the full one, and grows for as long as its server is
    /// there; when all have been well for the time of a slow start, each has its full weight.
    #[test]
    fn weights_stay_in_range_only_grow_and_reach_the_full_one(
        phases in prop::collection::vec((1_u64..12, prop::array::uniform3(any::<bool>())), 1..12),
        full in 1_u32..300,
    ) {
        let services = TWO.replace("10.0.0.2]", "10.0.0.2, 10.0.0.3]");
        let services = services.replace("weight: 100", &format!("weight: {full}"));
        let mut stand = Stand::start(SimulatedKernel::default(), &services);
        stand.seconds(2, all);
        let mut before: BTreeMap<String, u32> = stand.weights();
        for (seconds, up) in phases.into_iter().chain([(45, [true; 3])]) {
            for _ in 0..seconds * 4 {
                stand.pass(std::time::Duration::from_millis(250), |server| {
                    let last = server.as_bytes()[7] - b'1';
                    up[usize::from(last)]
                });
                let weights = stand.weights();
                for (server, weight) in &weights {
                    prop_assert!((1..=full).contains(weight));
                    let last = before.get(server).copied().unwrap_or_default();
                    prop_assert!(last <= *weight, "{} {} -> {}", server, last, weight);
                }
                prop_assert!(weights.is_empty() || weights.values().any(|it| *it == full));
                before = weights;
            }
        }
        let expected: BTreeMap<String, u32> = (1..=3).map(|n| (format!("10.0.0.{n}:80"), full)).collect();
        prop_assert_eq!(stand.weights(), expected);
    }
}
