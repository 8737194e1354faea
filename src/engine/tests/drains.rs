// SPDX-License-Identifier: MIT OR Apache-2.0
//! Drains: what keeps a server in the table, and what ends it.

use std::time::Duration;

use proptest::prelude::*;

use super::orders::{order, order_by, running, server};
use super::stand::{Stand, TWO_SERVERS, all, key, parse};
use crate::engine::{Command, CommandId, Event, Start};
use crate::model::{
    ConnectionCounts, DrainTerms, Order, Ordered, RecalledDrain, Scheduler, ServiceKey,
};
use crate::plan::SimulatedKernel;

const SECOND: &str = "10.0.0.2:80";
const ONE: &str = "  - {address: '192.0.2.10:80', scheduler: wrr, servers: [10.0.0.1]}\n";

fn within(seconds: u64) -> DrainTerms {
    DrainTerms {
        deadline: Some(Duration::from_secs(seconds)),
        templates: false,
    }
}

/// The weight of the second server.
fn weight(stand: &Stand) -> Option<u32> {
    stand.weights().get(SECOND).copied()
}

fn drain(stand: &mut Stand, terms: DrainTerms) {
    assert_eq!(
        order_by(stand, &[SECOND], Some(Order::Drain), terms, false),
        Ok(1)
    );
    assert_eq!(weight(stand), Some(0));
}

/// Gives the second server so many connections that close.
fn close(stand: &mut Stand, closing: u32) {
    let counts = ConnectionCounts {
        inactive: closing,
        ..ConnectionCounts::default()
    };
    let at = (key(), server(SECOND));
    stand.kernel.connections.insert(at, counts);
}

/// So many seconds pass, with packets to or from the second server in each.
fn flow(stand: &mut Stand, seconds: u64, out: bool) {
    for _ in 0..seconds {
        let at = (key(), server(SECOND));
        let traffic = stand.kernel.traffic.entry(at).or_default();
        traffic.in_packets += u64::from(!out);
        traffic.out_packets += u64::from(out);
        stand.seconds(1, all);
    }
}

/// The director ends, and another one starts on the same kernel with this file.
fn restarted(stand: Stand, services: &str) -> Stand {
    let orders: Vec<Ordered> = stand.engine.orders().iter().collect();
    let drains: Vec<RecalledDrain> = stand.engine.drains(stand.now);
    let mut next = Stand::new(stand.kernel);
    next.now = stand.now;
    next.event(Event::Start(Box::new(Start {
        config: parse(services),
        owned: stand.owned,
        recalled: Vec::new(),
        orders,
        drains,
        slow_starts: Vec::new(),
        masters: std::collections::BTreeSet::new(),
        ledger: Vec::new(),
        origin: 0,
    })));
    next
}

#[test]
fn a_drained_server_leaves_the_table_when_its_last_connection_has_ended() {
    let mut stand = running();
    drain(&mut stand, DrainTerms::default());
    stand.seconds(100_000, all);
    assert_eq!(weight(&stand), Some(0));
    stand.connect(SECOND, 0);
    stand.seconds(2, all);
    assert_eq!(weight(&stand), Some(0), "a handshake may be under way");
    stand.seconds(3, all);
    assert_eq!(weight(&stand), None);
    assert_eq!(
        stand.count("real server 10.0.0.2:80 of TCP 192.0.2.10:80: drained (no connection is left after 10000"),
        1
    );
    assert_eq!(stand.count("weight 0 -> removed"), 1);
    stand.seconds(30, all);
    assert_eq!(weight(&stand), None);
    // It is back when that is taken back.
    assert_eq!(order(&mut stand, &[SECOND], None, false), Ok(1));
    assert_eq!(weight(&stand), Some(5));
}

#[test]
fn a_drained_server_leaves_also_where_a_dead_one_keeps_its_place() {
    for (settings, kept) in [
        ("scheduler: mh, scheduler_flags: [mh-fallback]", Some(0)),
        ("scheduler: sh, scheduler_flags: [sh-fallback]", Some(0)),
        ("scheduler: wrr", None),
    ] {
        let services = TWO_SERVERS.replace("scheduler: wrr", settings);
        let start = || {
            let mut stand = Stand::start(SimulatedKernel::default(), &services);
            stand.seconds(1, all);
            stand.connect(SECOND, 1);
            stand
        };
        let mut dead = start();
        dead.seconds(10, |it| it != SECOND);
        assert_eq!(weight(&dead), kept, "{settings}");
        // Its deadline ends the connections that are left: only a removal does.
        let mut drained = start();
        drain(&mut drained, within(5));
        drained.seconds(10, all);
        assert_eq!(weight(&drained), None, "{settings}");
    }
}

#[test]
fn a_connection_that_appears_late_keeps_the_server() {
    let mut stand = running();
    stand.connect(SECOND, 0);
    drain(&mut stand, DrainTerms::default());
    stand.seconds(2, all);
    stand.connect(SECOND, 1);
    stand.seconds(60, all);
    assert_eq!(weight(&stand), Some(0));
}

#[test]
fn a_drain_ends_at_its_deadline_and_says_what_was_left() {
    let mut stand = running();
    stand.connect(SECOND, 12);
    drain(&mut stand, within(60));
    stand.seconds(59, all);
    assert_eq!(weight(&stand), Some(0));
    stand.seconds(2, all);
    assert_eq!(weight(&stand), None);
    assert_eq!(
        stand.count(
            "drained (its deadline of 60 s came, with 12 connections left), weight 0 -> removed"
        ),
        1
    );
}

#[test]
fn a_half_closed_connection_holds_a_drain_as_long_as_packets_flow() {
    for out in [false, true] {
        let mut stand = running();
        close(&mut stand, 3);
        drain(&mut stand, DrainTerms::default());
        flow(&mut stand, 3600, out);
        assert_eq!(weight(&stand), Some(0));
        stand.seconds(8, all);
        assert_eq!(weight(&stand), Some(0), "a packet may have been lost");
        stand.seconds(4, all);
        assert_eq!(weight(&stand), None);
        let told = "s, and no packet flows over 3 closing connections), weight 0 -> removed";
        assert_eq!(stand.count(told), 1, "{:#?}", stand.log());
    }
}

#[test]
fn a_download_that_pauses_holds_a_drain() {
    let mut stand = running();
    close(&mut stand, 1);
    drain(&mut stand, DrainTerms::default());
    for _ in 0..20 {
        flow(&mut stand, 1, false);
        stand.seconds(7, all);
    }
    assert_eq!(weight(&stand), Some(0));
}

#[test]
fn ended_connections_do_not_hold_a_drain_for_the_minutes_that_the_kernel_remembers_them() {
    let mut stand = running();
    close(&mut stand, 5000);
    drain(&mut stand, DrainTerms::default());
    stand.seconds(13, all);
    assert_eq!(weight(&stand), None);
}

#[test]
fn a_half_closed_connection_ends_at_the_deadline_and_counts_as_left() {
    let mut stand = running();
    close(&mut stand, 1);
    drain(&mut stand, within(20));
    flow(&mut stand, 19, false);
    assert_eq!(weight(&stand), Some(0));
    flow(&mut stand, 2, false);
    assert_eq!(weight(&stand), None);
    let told = "drained (its deadline of 20 s came, with 0 active and 1 closing connection left)";
    assert_eq!(stand.count(told), 1, "{:#?}", stand.log());
}

#[test]
fn a_drain_is_not_over_while_the_kernel_cannot_be_read() {
    let mut stand = running();
    close(&mut stand, 1);
    drain(&mut stand, DrainTerms::default());
    flow(&mut stand, 5, false);
    stand.deaf = Some("no answer");
    stand.seconds(60, all);
    assert_eq!(weight(&stand), Some(0));
    stand.deaf = None;
    flow(&mut stand, 60, false);
    assert_eq!(weight(&stand), Some(0));
}

#[test]
fn a_flow_of_udp_has_no_end_that_shows_and_holds_a_drain_until_the_kernel_forgets_it() {
    let services = TWO_SERVERS.replace("scheduler", "protocol: udp, check: none, scheduler");
    let mut stand = Stand::start(SimulatedKernel::default(), &services);
    stand.seconds(1, all);
    let service: ServiceKey = "UDP 192.0.2.10:80".parse().unwrap();
    let at = (service, server(SECOND));
    let counts = ConnectionCounts {
        inactive: 1,
        ..ConnectionCounts::default()
    };
    stand.kernel.connections.insert(at, counts);
    stand.event(Event::Ordered(Box::new(Command {
        id: CommandId(1),
        servers: vec![at],
        order: Some(Order::Drain),
        terms: DrainTerms::default(),
        force: false,
        by: "test".into(),
        given: 0,
    })));
    stand.seconds(60, all);
    let has = |stand: &Stand| {
        stand.kernel.table.services[&service]
            .servers
            .contains_key(&at.1)
    };
    assert!(has(&stand));
    stand.kernel.connections.clear();
    stand.seconds(6, all);
    assert!(!has(&stand));
}

#[test]
fn the_same_drain_twice_is_one_and_another_deadline_replaces_the_first() {
    let mut stand = running();
    drain(&mut stand, within(60));
    let mut again = |terms| order_by(&mut stand, &[SECOND], Some(Order::Drain), terms, false);
    assert_eq!(again(within(60)), Ok(0));
    assert_eq!(again(within(10)), Ok(1));
    stand.seconds(11, all);
    assert_eq!(weight(&stand), None);
}

#[test]
fn templates_hold_a_drain_that_waits_for_them() {
    let mut stand = running();
    let counts = ConnectionCounts {
        persistent: 3,
        ..ConnectionCounts::default()
    };
    let at = (key(), server(SECOND));
    stand.kernel.connections.insert(at, counts);
    let terms = DrainTerms {
        templates: true,
        ..DrainTerms::default()
    };
    drain(&mut stand, terms);
    stand.seconds(60, all);
    assert_eq!(weight(&stand), Some(0));
    stand.kernel.connections.clear();
    stand.seconds(6, all);
    assert_eq!(weight(&stand), None);
}

#[test]
fn a_server_that_leaves_the_file_drains_and_then_leaves_the_table() {
    let mut stand = running();
    assert_eq!(stand.reload(ONE), None);
    assert_eq!(weight(&stand), Some(0));
    let told = "real server 10.0.0.2:80 of TCP 192.0.2.10:80: drains (the configuration has it no more, for 3600 s at \
                most), weight 5 -> 0";
    assert_eq!(stand.count(told), 1, "{:#?}", stand.log());
    // Other reloads do not begin it again.
    stand.seconds(1800, all);
    assert_eq!(stand.reload(&ONE.replace("wrr", "wlc")), None);
    stand.seconds(1790, all);
    assert_eq!(weight(&stand), Some(0));
    stand.seconds(20, all);
    assert_eq!(weight(&stand), None);
    assert_eq!(stand.count(told), 1);
    assert_eq!(stand.count("drift"), 0);
}

#[test]
fn a_server_that_comes_back_into_the_file_gets_its_weight_again() {
    let mut stand = running();
    assert_eq!(stand.reload(ONE), None);
    stand.seconds(10, all);
    assert_eq!(stand.reload(TWO_SERVERS), None);
    stand.seconds(3, all);
    assert_eq!(weight(&stand), Some(5));
}

#[test]
fn a_server_without_a_drain_or_that_is_down_leaves_at_once() {
    let mut stand = running();
    let none = TWO_SERVERS.replace("weight: 5", "weight: 5, drain: none");
    assert_eq!(stand.reload(&none), None);
    assert_eq!(stand.reload(ONE), None);
    assert_eq!(weight(&stand), None);

    let mut stand = running();
    let inhibit = TWO_SERVERS.replace("weight: 5", "weight: 5, inhibit_on_failure: true");
    assert_eq!(stand.reload(&inhibit), None);
    stand.seconds(20, |at| at != SECOND);
    assert_eq!(weight(&stand), Some(0));
    assert_eq!(stand.reload(ONE), None);
    assert_eq!(weight(&stand), None);
}

#[test]
fn a_refused_reload_drains_nobody() {
    let mut stand = running();
    let broken = "  - {address: '192.0.2.99:80', scheduler: sh, servers: [10.0.0.3]}\n";
    stand
        .kernel
        .missing_schedulers
        .insert(Scheduler::new("sh").unwrap());
    assert!(stand.reload(&format!("{ONE}{broken}")).is_some());
    stand.seconds(20, all);
    assert_eq!(weight(&stand), Some(5));
    assert_eq!(stand.count("drains"), 0);
}

#[test]
fn a_drain_goes_on_over_a_restart() {
    let mut stand = running();
    drain(&mut stand, within(60));
    stand.seconds(30, all);
    let mut next = restarted(stand, TWO_SERVERS);
    assert_eq!(weight(&next), Some(0));
    next.seconds(28, all);
    assert_eq!(weight(&next), Some(0));
    next.seconds(4, all);
    assert_eq!(weight(&next), None);
    // What has ended is ended for the next one, too.
    let mut last = restarted(next, TWO_SERVERS);
    last.seconds(10, all);
    assert_eq!(weight(&last), None);
    assert_eq!(last.count("drained"), 0);
}

#[test]
fn a_server_that_leaves_the_file_while_no_director_runs_drains() {
    let mut stand = running();
    stand.seconds(5, all);
    let mut next = restarted(stand, ONE);
    assert_eq!(weight(&next), Some(0));
    next.connect(SECOND, 0);
    next.seconds(6, all);
    assert_eq!(weight(&next), None);

    let mut stand = running();
    stand.seconds(5, all);
    let mut next = restarted(
        stand,
        ONE.replace("[10.0.0.1]", "[{address: 10.0.0.1, drain: none}]")
            .as_str(),
    );
    next.seconds(1, all);
    assert_eq!(weight(&next), None);
}

#[test]
fn an_ordered_drain_goes_on_when_its_server_leaves_the_file() {
    let mut stand = running();
    drain(&mut stand, within(60));
    stand.seconds(30, all);
    assert_eq!(stand.reload(ONE), None);
    stand.seconds(28, all);
    assert_eq!(weight(&stand), Some(0));
    stand.seconds(4, all);
    assert_eq!(weight(&stand), None);
}

#[test]
fn a_service_that_leaves_takes_its_servers_with_it() {
    let mut stand = running();
    assert_eq!(stand.reload(&ONE.replace("192.0.2.10", "192.0.2.11")), None);
    assert!(stand.weights().is_empty());
    stand.seconds(30, all);
    assert!(stand.weights().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// However its connections come, close and carry packets, a drain without a deadline is not over while one is active
    /// or packets flow, and ends when none is active and nothing flows.
    #[test]
    fn a_drain_without_a_deadline_ends_when_nothing_flows_and_no_sooner(
        steps in prop::collection::vec((0..3_u32, 0..4_u32, 1..12_u64, any::<bool>()), 0..12),
        closing in 0..9_u32,
    ) {
        let mut stand = running();
        stand.connect(SECOND, 1);
        drain(&mut stand, DrainTerms::default());
        for (what, number, seconds, out) in steps {
            match what {
                0 => {
                    stand.connect(SECOND, number + 1);
                    stand.seconds(seconds, all);
                }
                1 => {
                    close(&mut stand, number + 1);
                    flow(&mut stand, seconds, out);
                }
                // The kernel's counters lag, and a retransmission takes its time.
                _ => {
                    close(&mut stand, number + 1);
                    flow(&mut stand, 1, out);
                    stand.seconds(seconds.min(8), all);
                }
            }
            prop_assert_eq!(weight(&stand), Some(0));
        }
        close(&mut stand, closing);
        stand.seconds(14, all);
        prop_assert_eq!(weight(&stand), None);
    }

    /// However its connections come and go, and whatever is loaded meanwhile, a drain with a deadline ends by it; and
    /// until then its server gets no new connections.
    #[test]
    fn a_drain_with_a_deadline_ends(
        deadline in 1..50_u64,
        steps in prop::collection::vec((0..6_u32, 0..4_u32, 1..6_u64), 0..12),
    ) {
        let mut stand = running();
        drain(&mut stand, within(deadline));
        let end = stand.now + Duration::from_secs(deadline + 1);
        let mut gone = false;
        for (what, number, seconds) in steps {
            match what {
                0 => stand.connect(SECOND, number),
                1 if gone => {}
                1 => {
                    stand.reload(&TWO_SERVERS.replace("weight: 5", &format!("weight: {}", number + 1)));
                }
                2 => gone |= stand.reload(ONE).is_none(),
                3 => close(&mut stand, number),
                4 => {
                    flow(&mut stand, seconds, number % 2 == 0);
                }
                _ => {
                    stand.deaf = (number == 0).then_some("no answer");
                }
            }
            prop_assert!(matches!(weight(&stand), None | Some(0)));
            stand.seconds(seconds, all);
            prop_assert!(matches!(weight(&stand), None | Some(0)));
        }
        stand.deaf = None;
        let left = end.since(stand.now).as_secs();
        stand.seconds(left + 15, all);
        prop_assert_eq!(weight(&stand), None);
    }
}
