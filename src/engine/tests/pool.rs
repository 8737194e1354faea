// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a pool does when servers fail.

use super::stand::{Stand, TWO_SERVERS, all, key, weights};
use crate::engine::{Command, CommandId, Event};
use crate::model::{DrainTerms, Order, Severity, Standing};
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
    let (owned, recalled) = (
        stand.owned.clone(),
        stand.engine.remembered(stand.now).all(),
    );
    let mut next = Stand::start_with(stand.kernel, TWO_SERVERS, owned, recalled);
    next.seconds(30, none);
    assert_eq!(next.weights(), weights(&[("10.0.0.1:80", 1)]));
    assert_eq!(alarms(&next), [SHORT]);
}

/// The servers of [`TWO_SERVERS`] with these settings of their check.
fn checked_by(check: &str) -> String {
    TWO_SERVERS.replace(
        "scheduler: wrr",
        &format!("scheduler: wrr, check: {{{check}}}"),
    )
}

#[test]
fn a_reload_with_another_check_brings_no_dead_server_in_and_ends_no_alarm() {
    let mut stand = all_down();
    let (told, messages) = (stand.told.len(), stand.kernel.messages);
    for port in 81..121 {
        assert_eq!(
            stand.reload(&checked_by(&format!("tcp: {{port: {port}}}"))),
            None
        );
        let state = &stand.engine.snapshot(stand.now).services[&key()].pool;
        assert!(state.keeps(&"10.0.0.1:80".parse().unwrap()));
        stand.seconds(4, none);
    }
    assert_eq!(stand.kernel.messages, messages);
    // The one that serves gets a new verdict each time, by `fall` failures. The other one is down all the while.
    let kept = "10.0.0.1:80 of TCP 192.0.2.10:80: unknown -> down (connect refused, 3/3), weight 1";
    let expected = |line: &&String| !line.contains("reloaded: 0 steps") && !line.contains(kept);
    assert_eq!(stand.log()[told..].iter().find(expected), None);
    // The check is right again. Who serves has connections, and keeps them; who is out must prove itself.
    stand.reload(&checked_by("tcp: {port: 80}, rise: 5"));
    stand.seconds(7, all);
    assert_eq!(stand.weights(), weights(&[("10.0.0.1:80", 1)]));
    stand.seconds(4, all);
    assert_eq!(stand.weights().len(), 2);
    assert_eq!(alarms(&stand), [SHORT, ENOUGH]);
}

#[test]
fn a_server_of_which_nothing_is_known_does_not_take_the_place_of_the_last_good_one() {
    let stand = all_down();
    // The check of the second server cannot run: it has no verdict for as long as the director runs.
    let services = TWO_SERVERS.replace(
        "weight: 5",
        "weight: 5, check: {tcp: {port: 80}, interface: nowhere}",
    );
    let mut next = Stand::start_with(stand.kernel, &services, stand.owned, Vec::new());
    next.seconds(20, none);
    assert_eq!(
        next.weights(),
        weights(&[("10.0.0.1:80", 1)]),
        "{:#?}",
        next.log()
    );
    assert_eq!(
        next.count("10.0.0.1:80 of TCP 192.0.2.10:80: unknown -> down"),
        1
    );
}

#[test]
fn an_operator_takes_out_also_the_server_that_stays() {
    let mut stand = all_down();
    let order = |force| {
        Event::Ordered(Box::new(Command {
            id: CommandId(u64::from(force)),
            servers: vec![(key(), "10.0.0.1:80".parse().unwrap())],
            order: Some(Order::Disable),
            terms: DrainTerms::default(),
            force,
            by: "user 0".into(),
            given: 0,
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

/// Two primaries, a backup server and a sorry server.
const RESERVES: &str = "  - {address: '192.0.2.10:80', scheduler: wrr, sorry_server: 10.0.0.9, servers: [10.0.0.1, 10.0.0.2, \
                        {address: 10.0.0.8, backup: true}]}\n";

#[test]
fn a_backup_server_and_then_the_sorry_server_stand_in_and_go_again() {
    let mut stand = Stand::start(SimulatedKernel::default(), RESERVES);
    stand.seconds(2, all);
    let primaries = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 1)]);
    assert_eq!(stand.weights(), primaries);
    stand.seconds(10, |server| server != "10.0.0.2:80");
    assert_eq!(stand.weights(), weights(&[("10.0.0.1:80", 1)]));
    stand.seconds(10, |server| server == "10.0.0.8:80");
    assert_eq!(stand.weights(), weights(&[("10.0.0.8:80", 1)]));
    stand.seconds(10, none);
    assert_eq!(stand.weights(), weights(&[("10.0.0.9:80", 1)]));
    // A restart changes nothing.
    let (owned, recalled) = (
        stand.owned.clone(),
        stand.engine.remembered(stand.now).all(),
    );
    let told = stand.log();
    let mut stand = Stand::start_with(stand.kernel, RESERVES, owned, recalled);
    let before = stand.kernel.messages;
    stand.seconds(20, none);
    assert_eq!(stand.kernel.messages, before);
    stand.seconds(10, all);
    assert_eq!(stand.weights(), primaries);
    let quorum = |told: &[String]| -> Vec<String> {
        let lines = told.iter().filter(|line| line.contains("quorum"));
        lines.cloned().collect()
    };
    let service = "service TCP 192.0.2.10:80: quorum";
    assert_eq!(
        quorum(&told)[quorum(&told).len() - 2..],
        [
            format!("{service} lost: 0 left, quorum is 1 server; backup servers stand in"),
            format!("{service} lost: 0 left, quorum is 1 server; the sorry server stands in"),
        ]
    );
    assert_eq!(
        quorum(&stand.log()),
        [
            format!("{service} lost: 0 left, quorum is 1 server; the sorry server stands in"),
            format!("{service} regained"),
        ]
    );
}

#[test]
fn a_quorum_is_lost_and_regained_with_hysteresis() {
    let services = "  - {address: '192.0.2.10:80', scheduler: wrr, quorum: {servers: 2, hysteresis: 1}, servers: [10.0.0.1, \
                    10.0.0.2, 10.0.0.3, {address: 10.0.0.8, backup: true}]}\n";
    let mut stand = Stand::start(SimulatedKernel::default(), services);
    stand.seconds(2, all);
    let up = |number: u8| {
        move |server: &str| {
            let last = server.strip_prefix("10.0.0.").unwrap();
            last.strip_suffix(":80").unwrap().parse::<u8>().unwrap() <= number || last == "8:80"
        }
    };
    let backup = |stand: &Stand| stand.weights().contains_key("10.0.0.8:80");
    for (number, stands_in) in [
        (3, false),
        (1, false),
        (0, true),
        (2, true),
        (3, false),
        (2, false),
    ] {
        stand.seconds(12, up(number));
        assert_eq!(backup(&stand), stands_in, "{number}: {:#?}", stand.log());
    }
}

#[test]
fn below_its_quorum_a_pool_gives_way_to_its_sorry_server_and_keeps_connections() {
    let mut stand = running("quorum: 2, sorry_server: 10.0.0.9");
    stand.seconds(10, only_1);
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 0), ("10.0.0.9:80", 1)])
    );
    stand.seconds(10, all);
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)])
    );
}

/// Two servers; each further fall holds one down for an hour. The first one has just fallen the second time, and passes its
/// check again; the second one is dead.
fn held_down(min_healthy: &str) -> Stand {
    let settings = format!(
        "scheduler: wrr, min_healthy: {min_healthy}, check: {{hold_down: {{first: 1h, ceiling: 1h}}}}"
    );
    let mut stand = running(&settings);
    let only_2 = |server: &str| !only_1(server);
    stand.seconds(5, only_2);
    stand.seconds(5, all);
    assert_eq!(stand.weights().len(), 2, "the first fall holds nobody down");
    stand.seconds(5, only_2);
    stand.seconds(10, all);
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 5)]));
    stand.seconds(10, only_1);
    stand
}

#[test]
fn a_service_is_never_empty_because_of_a_hold_down() {
    for min_healthy in ["0", "1"] {
        let mut stand = held_down(min_healthy);
        let serves = stand.weights().get("10.0.0.1:80").copied();
        assert_eq!(serves, Some(1), "{min_healthy}");
        let told = "service TCP 192.0.2.10:80: too few others are healthy: 10.0.0.1:80 serves although it is held down, \
                    because its check passes";
        assert_eq!(stand.count(told), 1, "{:#?}", stand.log());
        let snapshot = stand.engine.snapshot(stand.now);
        let pool = &snapshot.services[&key()].pool;
        assert!(pool.uses_held(&"10.0.0.1:80".parse().unwrap()));
        let held = snapshot.server(&key(), &"10.0.0.1:80".parse().unwrap());
        assert_eq!(held.unwrap().standing, Some(Standing::Down));
        // It keeps its connections when the other one is back, for as long as it passes.
        stand.seconds(10, all);
        assert_eq!(stand.weights().len(), 2, "{min_healthy}");
        stand.seconds(4, |server| !only_1(server));
        assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 5)]));
        assert_eq!(
            stand.count("no real server that is held down serves any more"),
            1
        );
    }
}

#[test]
fn a_backup_server_serves_before_one_that_is_held_down_and_that_one_before_the_sorry_server() {
    for (reserve, expected) in [
        (
            "servers: [10.0.0.1, {address: 10.0.0.8, backup: true}]",
            "10.0.0.8:80",
        ),
        ("sorry_server: 10.0.0.9, servers: [10.0.0.1]", "10.0.0.1:80"),
    ] {
        let services = format!(
            "  - {{address: '192.0.2.10:80', check: {{hold_down: {{first: 1h, ceiling: 1h}}}}, {reserve}}}\n"
        );
        let mut stand = Stand::start(SimulatedKernel::default(), &services);
        let reserve = |server: &str| !only_1(server);
        for _ in 0..2 {
            stand.seconds(10, all);
            stand.seconds(10, reserve);
        }
        stand.seconds(20, all);
        assert_eq!(stand.weights(), weights(&[(expected, 1)]));
    }
}

#[test]
fn a_pool_of_which_every_server_asks_for_a_drain_is_an_alarm_and_gets_nothing_new() {
    let mut stand = running("scheduler: wrr");
    stand.drained = true;
    stand.seconds(10, all);
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 0), ("10.0.0.2:80", 0)])
    );
    let short = "service TCP 192.0.2.10:80: too few healthy real servers: 0 of 2, min_healthy is 1; 2 ask for no new \
                 connections";
    assert_eq!(alarms(&stand), [short]);
    stand.drained = false;
    stand.seconds(10, all);
    assert_eq!(alarms(&stand), [short, ENOUGH]);
    assert_eq!(
        stand.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)])
    );
}
