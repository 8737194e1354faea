// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pool does when servers fail.

use super::stand::{Stand, TWO_SERVERS, all, key, weights};
use crate::engine::{Command, CommandId, Event};
use crate::model::{Order, Severity};
use crate::plan::SimulatedKernel;

/// The servers of [`TWO_SERVERS`], with more settings of the service.
fn running(settings: &str) -> Stand {
    let services = TWO_SERVERS.replace("scheduler: wrr", settings);
    let mut stand = Stand::start(SimulatedKernel::default(), &services);
    stand.seconds(1, all);
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)])
    );
    stand
}

fn only_1(server: &str) -> bool {
    server == "10.0.0.1:80"
}

#[test]
fn under_mh_and_sh_a_dead_server_keeps_its_place_when_its_clients_can_go_elsewhere() {
    for (settings, weight) in [
        ("scheduler: mh, scheduler_flags: [mh-fallback]", Some(0)),
        ("scheduler: sh, scheduler_flags: [flag-1]", Some(0)),
        ("scheduler: mh, scheduler_flags: [mh-port]", None),
        ("scheduler: wrr, scheduler_flags: [flag-1]", None),
    ] {
        let mut stand = running(settings);
        stand.seconds(10, only_1);
        let dead = stand.weights().get("10.0.0.2:80").copied();
        assert_eq!(dead, weight, "{settings}");
    }
}

fn none(_: &str) -> bool {
    false
}

/// The alarms that were told, and that they are over.
fn alarms(stand: &Stand) -> Vec<String> {
    let told = stand.told.iter().map(ToString::to_string);
    told.filter(|line| line.contains("healthy real servers"))
        .collect()
}

const SHORT: &str = "service TCP 192.0.2.10:80: too few healthy real servers: 0 of 2, min_healthy is 1; 10.0.0.1:80 is down and \
                     stays in";
const ENOUGH: &str = "service TCP 192.0.2.10:80: enough healthy real servers again";

/// The second server goes down first.
fn all_down() -> Stand {
    let mut stand = running("scheduler: wrr");
    stand.seconds(10, only_1);
    stand.seconds(10, none);
    stand
}

#[test]
fn the_server_that_went_down_last_stays_and_that_is_told_once() {
    let mut stand = all_down();
    assert_eq!(stand.weights(), weights(&[("10.0.0.1:80", 1)]));
    stand.seconds(60, none);
    assert_eq!(alarms(&stand), [SHORT]);
    let mut told = stand.told.iter();
    let alarm = told.find(|told| told.to_string() == SHORT).unwrap();
    assert_eq!(alarm.severity(), Severity::Error);
    let snapshot = stand.engine.snapshot(stand.now);
    let state = &snapshot.services[&key()].pool;
    assert!(state.keeps(&"10.0.0.1:80".parse().unwrap()));
    // The other one comes back: this one goes.
    stand.seconds(10, |server| server == "10.0.0.2:80");
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 5)]));
    assert_eq!(alarms(&stand), [SHORT, ENOUGH]);
}

#[test]
fn a_server_that_stays_for_want_of_others_is_put_back_and_outlives_a_restart() {
    let mut stand = all_down();
    let service = stand.kernel.table.services.get_mut(&key()).unwrap();
    service.servers.clear();
    stand.seconds(12, none);
    assert_eq!(stand.weights(), weights(&[("10.0.0.1:80", 1)]));
    let (owned, recalled) = (stand.owned.clone(), stand.engine.remembered(stand.now));
    let mut next = Stand::start_with(stand.kernel, TWO_SERVERS, owned, recalled);
    next.seconds(30, none);
    assert_eq!(next.weights(), weights(&[("10.0.0.1:80", 1)]));
    assert_eq!(alarms(&next), [SHORT]);
}

#[test]
fn an_operator_takes_out_also_the_server_that_stays() {
    let mut stand = all_down();
    let order = |force| {
        Event::Ordered(Box::new(Command {
            id: CommandId(u64::from(force)),
            servers: vec![(key(), "10.0.0.1:80".parse().unwrap())],
            order: Some(Order::Disable),
            force,
            by: "user 0".into(),
        }))
    };
    stand.event(order(false));
    assert_eq!(stand.weights(), weights(&[("10.0.0.1:80", 1)]));
    stand.event(order(true));
    assert_eq!(stand.weights(), weights(&[]));
}

#[test]
fn a_pool_without_a_floor_runs_empty_and_says_nothing() {
    let mut stand = running("min_healthy: 0");
    stand.seconds(20, none);
    assert_eq!(stand.weights(), weights(&[]));
    assert_eq!(alarms(&stand), [] as [&str; 0]);
}

#[test]
fn a_pool_that_was_never_good_is_alarmed_and_stays_empty() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(20, none);
    assert_eq!(stand.weights(), weights(&[]));
    assert_eq!(stand.count("none was good before"), 1);
}

#[test]
fn a_reload_that_asks_for_more_or_less_is_told() {
    let mut stand = all_down();
    let services = |floor| TWO_SERVERS.replace("scheduler: wrr", &format!("min_healthy: {floor}"));
    assert_eq!(stand.reload(&services("0%")), None);
    assert_eq!(stand.weights(), weights(&[]));
    assert_eq!(alarms(&stand), [SHORT, ENOUGH]);
}
