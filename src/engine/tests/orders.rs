// SPDX-License-Identifier: MIT OR Apache-2.0
//! What operators order, and what comes of it.

use std::sync::Arc;

use super::stand::{Stand, TWO_SERVERS, all, key, parse, weights};
use crate::engine::{Command, CommandId, Event, Start};
use crate::model::{DrainTerms, Order, Ordered, ServerKey, Severity, Transition, Weight};
use crate::plan::SimulatedKernel;

const BOTH: [(&str, u32); 2] = [("10.0.0.1:80", 1), ("10.0.0.2:80", 5)];

pub(super) fn running() -> Stand {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, all);
    assert_eq!(stand.weights(), weights(&BOTH));
    // Drained servers keep their place.
    for (server, _) in BOTH {
        stand.connect(server, 1);
    }
    stand
}

pub(super) fn server(at: &str) -> ServerKey {
    at.parse().unwrap()
}

/// Orders something for these servers. Returns how many changed, or why it was refused.
pub(super) fn order(
    stand: &mut Stand,
    servers: &[&str],
    order: Option<Order>,
    force: bool,
) -> Result<usize, String> {
    order_by(stand, servers, order, DrainTerms::default(), force)
}

/// The same, with what ends a drain.
pub(super) fn order_by(
    stand: &mut Stand,
    servers: &[&str],
    order: Option<Order>,
    terms: DrainTerms,
    force: bool,
) -> Result<usize, String> {
    let now = stand.now;
    let last = stand.engine.snapshot(now).answers.keys().last().copied();
    let id = CommandId(last.map_or(1, |last| last.0 + 1));
    let servers = servers.iter().map(|at| (key(), server(at))).collect();
    stand.event(Event::Ordered(Box::new(Command {
        id,
        servers,
        order,
        terms,
        force,
        by: "user 0".into(),
        given: 0,
    })));
    let answer = stand.engine.snapshot(now).answers[&id].clone();
    answer.map_err(|why| why.to_string())
}

#[test]
fn a_drained_server_gets_nothing_until_that_is_taken_back() {
    let mut stand = running();
    assert_eq!(
        order(&mut stand, &["10.0.0.2:80"], Some(Order::Drain), false),
        Ok(1)
    );
    let drained = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 0)]);
    assert_eq!(stand.weights(), drained);
    assert_eq!(
        stand.count(
            "real server 10.0.0.2:80 of TCP 192.0.2.10:80: drain ordered by user 0, weight 5 -> 0"
        ),
        1
    );
    // Checks, repairs and reloads leave it so.
    stand.seconds(30, all);
    assert_eq!(
        stand.reload(&TWO_SERVERS.replace("weight: 5", "weight: 6")),
        None
    );
    assert_eq!(stand.weights(), drained);
    assert_eq!(
        order(&mut stand, &["10.0.0.2:80"], Some(Order::Drain), false),
        Ok(0)
    );
    assert_eq!(order(&mut stand, &["10.0.0.2:80"], None, false), Ok(1));
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 6)])
    );
    assert_eq!(stand.count("drain taken back by user 0, weight 0 -> 6"), 1);
}

#[test]
fn a_disabled_server_is_out_and_a_weight_replaces_the_configured_one() {
    let mut stand = running();
    order(&mut stand, &["10.0.0.2:80"], Some(Order::Disable), false).unwrap();
    assert_eq!(stand.weights(), weights(&[("10.0.0.1:80", 1)]));
    let nine = Order::Weight(Weight::new(9).unwrap());
    order(&mut stand, &["10.0.0.2:80"], Some(nine), false).unwrap();
    let weighed = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 9)]);
    assert_eq!(stand.weights(), weighed);
    assert_eq!(
        stand.count("weight 9 ordered by user 0, added with weight 9"),
        1
    );
    // It may fail and come back.
    stand.seconds(20, |at| at != "10.0.0.2:80");
    assert_eq!(stand.weights(), weights(&[("10.0.0.1:80", 1)]));
    stand.seconds(20, all);
    assert_eq!(stand.weights(), weighed);
}

#[test]
fn the_last_server_is_only_taken_out_by_force() {
    let mut stand = running();
    let refused = |answer: Result<usize, String>| {
        let why = answer.unwrap_err();
        assert!(
            why.contains("TCP 192.0.2.10:80 would have no server for new connections"),
            "{why}"
        );
    };
    let zero = Some(Order::Weight(Weight::ZERO));
    let both = ["10.0.0.1:80", "10.0.0.2:80"];
    for wish in [Some(Order::Drain), Some(Order::Disable), zero] {
        refused(order(&mut stand, &both, wish, false));
        assert_eq!(stand.weights(), weights(&BOTH));
    }
    order(&mut stand, &["10.0.0.1:80"], Some(Order::Drain), false).unwrap();
    refused(order(
        &mut stand,
        &["10.0.0.2:80"],
        Some(Order::Drain),
        false,
    ));
    order(&mut stand, &["10.0.0.2:80"], Some(Order::Drain), true).unwrap();
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 0), ("10.0.0.2:80", 0)])
    );
    order(&mut stand, &both, None, false).unwrap();
    assert_eq!(stand.weights(), weights(&BOTH));
}

#[test]
fn an_order_for_a_server_that_is_not_configured_changes_nothing() {
    let mut stand = running();
    let why = order(
        &mut stand,
        &["10.0.0.1:80", "10.0.0.9:80"],
        Some(Order::Drain),
        true,
    );
    assert_eq!(
        why.unwrap_err(),
        "TCP 192.0.2.10:80 has no real server 10.0.0.9:80 in the running configuration"
    );
    assert_eq!(stand.weights(), weights(&BOTH));
}

#[test]
fn an_order_outlives_a_restart_and_ends_with_its_server() {
    let mut stand = running();
    order(&mut stand, &["10.0.0.2:80"], Some(Order::Drain), false).unwrap();
    let orders: Vec<Ordered> = stand.engine.orders().iter().collect();
    let drained = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 0)]);
    let mut next = Stand::new(stand.kernel);
    let start = Start {
        config: parse(TWO_SERVERS),
        owned: stand.owned,
        recalled: Vec::new(),
        orders,
        drains: Vec::new(),
        slow_starts: Vec::new(),
        masters: std::collections::BTreeSet::new(),
        ledger: Vec::new(),
        origin: 0,
    };
    next.event(Event::Start(Box::new(start)));
    assert_eq!(next.weights(), drained);
    next.seconds(5, all);
    assert_eq!(next.weights(), drained);
    let one = "  - {address: '192.0.2.10:80', scheduler: wrr, servers: [10.0.0.1]}\n";
    assert_eq!(next.reload(one), None);
    let forgotten = "drain taken back by the configuration, which has the server no more, weight 0";
    assert_eq!(next.count(forgotten), 1);
    assert_eq!(next.reload(TWO_SERVERS), None);
    next.seconds(5, all);
    assert_eq!(next.weights(), weights(&BOTH));
}

#[test]
fn an_order_is_answered_when_the_kernel_has_answered() {
    let mut stand = running();
    stand.deaf = Some("no answer");
    let why = order(&mut stand, &["10.0.0.2:80"], Some(Order::Drain), false).unwrap_err();
    assert!(
        why.starts_with("ordered, but the kernel refused: "),
        "{why}"
    );
    stand.deaf = None;
    stand.seconds(20, all);
    let drained = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 0)]);
    assert_eq!(stand.weights(), drained);
    // The same server twice is one.
    let twice = ["10.0.0.2:80", "10.0.0.2:80"];
    assert_eq!(order(&mut stand, &twice, None, false), Ok(1));
}

#[test]
fn a_server_that_no_check_has_passed_is_no_reason_to_take_the_others_out() {
    let mut stand = running();
    let three = TWO_SERVERS.replace("[10.0.0.1,", "[10.0.0.1, 10.0.0.3,");
    assert_eq!(stand.reload(&three), None);
    let both = ["10.0.0.1:80", "10.0.0.2:80"];
    order(&mut stand, &both, Some(Order::Drain), false).unwrap_err();
    assert_eq!(stand.weights(), weights(&BOTH));
    stand.seconds(5, all);
    order(&mut stand, &both, Some(Order::Drain), false).unwrap();
    let drained = [("10.0.0.1:80", 0), ("10.0.0.2:80", 0), ("10.0.0.3:80", 1)];
    assert_eq!(stand.weights(), weights(&drained));
}

#[test]
fn neither_a_bad_moment_nor_a_reload_empties_a_pool() {
    let mut stand = running();
    // While all are down, nothing is taken away by an order for all, until they are back.
    stand.seconds(20, |_| false);
    let both = ["10.0.0.1:80", "10.0.0.2:80"];
    order(&mut stand, &both, Some(Order::Disable), false).unwrap_err();
    stand.seconds(20, all);
    assert_eq!(stand.weights(), weights(&BOTH));
    // The file takes the server away that serves.
    order(&mut stand, &["10.0.0.1:80"], Some(Order::Drain), false).unwrap();
    let one = "  - {address: '192.0.2.10:80', scheduler: wrr, servers: [10.0.0.1]}\n";
    let why = stand.reload(one).expect("refused");
    assert!(why.contains("all of its servers are ordered out"), "{why}");
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 0), ("10.0.0.2:80", 5)])
    );
}

#[test]
fn a_reload_that_leaves_a_service_nobody_for_new_connections_warns() {
    let mut stand = running();
    assert_eq!(
        order(&mut stand, &["10.0.0.2:80"], Some(Order::Drain), false),
        Ok(1)
    );
    let zero = TWO_SERVERS.replace(
        "servers: [10.0.0.1,",
        "servers: [{address: 10.0.0.1, weight: 0},",
    );
    assert_eq!(stand.reload(&zero), None);
    let told = "reloaded: 1 step; no server of TCP 192.0.2.10:80 takes new connections";
    assert_eq!(stand.count(told), 1, "{:#?}", stand.log());
    let reloads = stand.engine.snapshot(stand.now).reloads;
    assert!(reloads.warning.is_some());
    let is_it = |it: &&Arc<Transition>| it.to_string().starts_with(told);
    let warning = stand.told.iter().find(is_it).unwrap();
    assert_eq!(warning.severity(), Severity::Warning);
    assert_eq!(stand.reload(TWO_SERVERS), None);
    assert_eq!(stand.engine.snapshot(stand.now).reloads.warning, None);
}

#[test]
fn a_weight_gives_way_when_the_configuration_gives_the_server_another_one() {
    let mut stand = running();
    let both = ["10.0.0.1:80", "10.0.0.2:80"];
    let seven = Some(Order::Weight(Weight::new(7).unwrap()));
    assert_eq!(order(&mut stand, &both, seven, false), Ok(2));
    let ordered = weights(&[("10.0.0.1:80", 7), ("10.0.0.2:80", 7)]);
    assert_eq!(stand.weights(), ordered);
    // A reload that changes something else leaves both.
    let slower = TWO_SERVERS.replace("10.0.0.1", "10.0.0.1, 10.0.0.9");
    assert_eq!(stand.reload(&slower), None);
    assert_eq!(stand.weights()["10.0.0.2:80"], 7);
    assert_eq!(stand.reload(TWO_SERVERS), None);

    let heavier = TWO_SERVERS.replace("weight: 5", "weight: 6");
    assert_eq!(stand.reload(&heavier), None);
    let given_way = weights(&[("10.0.0.1:80", 7), ("10.0.0.2:80", 6)]);
    assert_eq!(stand.weights(), given_way);
    assert_eq!(
        stand.count(
            "real server 10.0.0.2:80 of TCP 192.0.2.10:80: weight 7 taken back by the configuration, which gives the \
             server weight 6 now"
        ),
        1
    );
    assert_eq!(stand.engine.orders().iter().count(), 1);
    let in_ledger = stand.engine.ledger().iter();
    assert_eq!(in_ledger.filter(|(_, it)| it.order.is_some()).count(), 1);
    // Back to what it was: the order does not come back.
    assert_eq!(stand.reload(TWO_SERVERS), None);
    let now = weights(&[("10.0.0.1:80", 7), ("10.0.0.2:80", 5)]);
    assert_eq!(stand.weights(), now);
}

#[test]
fn a_drain_and_a_disabled_server_stay_so_whatever_weight_the_configuration_gives() {
    let mut stand = running();
    for wish in [Order::Drain, Order::Disable] {
        let done = order(&mut stand, &["10.0.0.2:80"], Some(wish), false);
        assert_eq!(done, Ok(1));
        let heavier = TWO_SERVERS.replace("weight: 5", "weight: 6");
        assert_eq!(stand.reload(&heavier), None);
        assert_eq!(
            stand.engine.orders().get(&key(), &server("10.0.0.2:80")),
            Some(wish)
        );
        assert_eq!(stand.reload(TWO_SERVERS), None);
    }
}

#[test]
fn a_server_that_is_down_can_be_ordered_out_and_stays_out_when_it_is_up() {
    let mut stand = running();
    stand.seconds(20, |at| !at.starts_with("10.0.0.2"));
    let alone = weights(&[("10.0.0.1:80", 1)]);
    assert_eq!(stand.weights(), alone);
    let done = order(&mut stand, &["10.0.0.2:80"], Some(Order::Disable), false);
    assert_eq!(done, Ok(1));
    stand.seconds(60, all);
    assert_eq!(stand.weights(), alone);
    assert_eq!(order(&mut stand, &["10.0.0.2:80"], None, false), Ok(1));
    assert_eq!(stand.weights(), weights(&BOTH));
}
