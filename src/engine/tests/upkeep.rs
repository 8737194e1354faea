// SPDX-License-Identifier: MIT OR Apache-2.0
//! Verdicts, restarts, drift, release.

use std::time::Duration;

use super::stand::{Stand, TWO_SERVERS, all, key, weights};
use crate::engine::Event;
use crate::model::{
    Host, Recalled, Scheduler, Seconds, ServiceKey, ServiceSettings, Standing, SysctlName,
    Timeouts, VirtualService, Weight,
};
use crate::plan::{SimulatedKernel, Step};

fn only_2(server: &str) -> bool {
    server == "10.0.0.2:80"
}

#[test]
fn servers_enter_an_empty_kernel_when_they_are_found_up() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    assert_eq!(stand.weights(), weights(&[]));
    stand.seconds(1, only_2);
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 5)]));
}

#[test]
fn a_server_is_removed_after_fall_failures_and_restored_after_rise_successes_by_one_message_each() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, all);
    let before = stand.kernel.messages;
    stand.seconds(5, only_2);
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 5)]));
    assert_eq!(stand.kernel.messages, before + 1);
    stand.seconds(5, all);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)]);
    assert_eq!(stand.weights(), both);
    assert_eq!(stand.kernel.messages, before + 2);
    let removed = "real server 10.0.0.1:80 of TCP 192.0.2.10:80: up -> down (connect refused, 3/3), weight 1 -> removed";
    assert_eq!(stand.count(removed), 1, "{:#?}", stand.log());
    assert_eq!(
        stand.count("down -> up (check passed, 2/2), added with weight 1"),
        1
    );
}

#[test]
fn a_kernel_that_is_right_already_is_not_touched_by_a_start() {
    let mut first = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    first.seconds(1, all);
    let mut kernel = first.kernel;
    kernel.messages = 0;
    let mut second = Stand::start_with(kernel, TWO_SERVERS, first.owned, Vec::new());
    second.seconds(60, all);
    assert_eq!(second.kernel.messages, 0);
    assert_eq!(second.count("taken over"), 0);
}

#[test]
fn a_server_that_was_in_the_table_at_the_start_needs_fall_failures_to_leave_it() {
    let mut first = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    first.seconds(1, all);
    let mut second = Stand::start_with(first.kernel, TWO_SERVERS, first.owned, Vec::new());
    second.pass(Duration::from_millis(900), only_2);
    assert_eq!(second.weights().len(), 2, "one failure removes nobody");
    second.seconds(4, only_2);
    assert_eq!(second.weights(), weights(&[("10.0.0.2:80", 5)]));
}

#[test]
fn drift_is_put_right_within_a_period_and_the_services_of_others_are_left() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, all);
    let foreign = ServiceKey::tcp("192.0.2.99:80".parse().unwrap());
    let theirs = VirtualService::new(ServiceSettings::new(Scheduler::WLC));
    let table = &mut stand.kernel.table;
    table.services.insert(foreign, theirs.clone());
    let ours = table.services.get_mut(&key()).unwrap();
    ours.servers.pop_first();
    ours.servers.values_mut().next().unwrap().weight = Weight::ZERO;
    ours.settings.scheduler = Scheduler::MH;
    stand.seconds(11, all);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)]);
    assert_eq!(stand.weights(), both);
    let table = &stand.kernel.table;
    assert_eq!(table.services[&key()].settings.scheduler.name(), "wrr");
    assert_eq!(table.services.get(&foreign), Some(&theirs));
    assert_eq!(stand.count("drift: "), 3, "{:#?}", stand.log());
    assert_eq!(stand.engine.snapshot(stand.now).counters.drift_repairs, 3);
}

#[test]
fn a_verdict_that_meets_a_table_somebody_changed_still_ends_with_the_right_one() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, all);
    // The server is gone already when the engine wants to remove it; the whole service is gone when it wants to add
    // one.
    let service = stand.kernel.table.services.get_mut(&key()).unwrap();
    service.servers.pop_first();
    stand.seconds(5, only_2);
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 5)]));
    stand.kernel.table.services.clear();
    stand.seconds(5, all);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)]);
    assert_eq!(stand.weights(), both);
}

#[test]
fn what_the_configuration_no_longer_has_is_removed_even_over_a_restart() {
    let mut first = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    first.seconds(1, all);
    let other = "  - {address: '192.0.2.11:80', servers: [10.0.0.1]}\n";
    let second = Stand::start_with(first.kernel, other, first.owned, Vec::new());
    let services = second.kernel.table.services.keys();
    let left: Vec<String> = services.map(ToString::to_string).collect();
    assert_eq!(left, ["TCP 192.0.2.11:80"]);
    let owned: Vec<String> = second.owned.iter().map(ToString::to_string).collect();
    assert_eq!(owned, left);
}

#[test]
fn a_service_that_somebody_else_made_is_taken_over_and_that_is_told() {
    let mut theirs = Stand::start(
        SimulatedKernel::default(),
        "  - {address: '192.0.2.10:80', scheduler: rr, check: none, servers: [10.0.0.9]}\n",
    );
    theirs.seconds(1, all);
    let stand = Stand::start(theirs.kernel, TWO_SERVERS);
    assert_eq!(
        stand.count("taken over: service was"),
        1,
        "{:#?}",
        stand.log()
    );
    assert_eq!(stand.count("taken over: real server 10.0.0.9:80"), 1);
}

#[test]
fn release_removes_what_is_ours_and_nothing_else() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, all);
    let foreign = ServiceKey::tcp("192.0.2.99:80".parse().unwrap());
    let add = Step::AddService(foreign, ServiceSettings::new(Scheduler::WLC));
    stand.kernel.step(&add).unwrap();
    stand.event(Event::Stop { release: true });
    assert_eq!(stand.ended, Some(true));
    let left: Vec<_> = stand.kernel.table.services.keys().collect();
    assert_eq!(left, [&foreign]);
    assert!(stand.owned.is_empty());
}

#[test]
fn settings_of_the_host_are_told_when_they_are_made_and_not_again() {
    let name = SysctlName::net(&["ipv4", "vs", "expire_nodest_conn"]);
    let kernel = SimulatedKernel {
        host: Host {
            settings: [(name, 0)].into(),
            timeouts: Some(Timeouts {
                tcp: Seconds(900),
                tcp_fin: Seconds(120),
                udp: Seconds(300),
            }),
            ..Host::default()
        },
        ..SimulatedKernel::default()
    };
    let mut stand = Stand::new(kernel);
    let mut config = super::stand::parse(TWO_SERVERS);
    let ipvs = &mut std::sync::Arc::make_mut(&mut config).ipvs;
    ipvs.tcp_timeout = Some(Seconds(800));
    ipvs.expire_nodest_conn = Some(true);
    let start = crate::engine::Start {
        config,
        owned: std::collections::BTreeSet::new(),
        recalled: Vec::new(),
        orders: Vec::new(),
        drains: Vec::new(),
        slow_starts: Vec::new(),
        masters: std::collections::BTreeSet::new(),
        ledger: Vec::new(),
        origin: 0,
    };
    stand.event(Event::Start(Box::new(start)));
    stand.seconds(60, all);
    let log = stand.log();
    let told = |line: &str| log.iter().filter(|it| **it == line).count();
    let timeouts = "timeouts (tcp tcpfin udp) 900 120 300 -> 800 120 300";
    assert_eq!(told(timeouts), 1, "{log:#?}");
    assert_eq!(told("net.ipv4.vs.expire_nodest_conn 0 -> 1"), 1, "{log:#?}");
    assert!(
        !log.iter().any(|line| line.starts_with("drift")),
        "{log:#?}"
    );

    // Somebody changes them by hand.
    let repairs = stand.engine.snapshot(stand.now).counters.drift_repairs;
    let name = SysctlName::net(&["ipv4", "vs", "expire_nodest_conn"]);
    stand.kernel.host.settings.insert(name, 0);
    if let Some(timeouts) = &mut stand.kernel.host.timeouts {
        timeouts.udp = Seconds(7);
        timeouts.tcp = Seconds(9);
    }
    stand.seconds(60, all);
    let log = stand.log();
    for line in [
        "drift: net.ipv4.vs.expire_nodest_conn was 0, not 1; repaired: net.ipv4.vs.expire_nodest_conn 0 -> 1",
        "drift: timeouts (tcp tcpfin udp) were 9 120 7, not 800 120 7; repaired: timeouts (tcp tcpfin udp) 9 120 7 -> \
         800 120 7",
    ] {
        assert_eq!(
            log.iter().filter(|it| **it == line).count(),
            1,
            "{line}: {log:#?}"
        );
    }
    let after = stand.engine.snapshot(stand.now).counters.drift_repairs;
    assert_eq!(after, repairs + 2);
}

#[test]
fn a_stop_leaves_the_kernel_as_it_is() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, all);
    let before = stand.kernel.clone();
    stand.event(Event::Stop { release: false });
    assert_eq!((stand.ended, &stand.kernel), (Some(true), &before));
    assert_eq!(stand.engine.deadline(), None);
}

#[test]
fn a_snapshot_tells_what_is_believed_and_what_the_kernel_has() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, only_2);
    let snapshot = stand.engine.snapshot(stand.now);
    let server = |at: &str| snapshot.server(&key(), &at.parse().unwrap()).unwrap();
    let (down, up) = (server("10.0.0.1:80"), server("10.0.0.2:80"));
    assert_eq!((down.standing, down.weight), (Some(Standing::Down), None));
    assert_eq!(
        (up.standing, up.weight),
        (Some(Standing::UP), Weight::new(5))
    );
    let check = &down.checks[0];
    assert_eq!(check.last_failure.as_deref(), Some("connect refused"));
    assert_eq!(check.last_latency, Duration::from_millis(1));
}

#[test]
fn what_is_remembered_gives_a_standing_its_age_back() {
    let mut first = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    first.seconds(100, all);
    let remembered: Vec<Recalled> = first.engine.remembered(first.now).all();
    assert_eq!(remembered.len(), 2);
    let owned = first.owned;
    let mut second = Stand::start_with(first.kernel, TWO_SERVERS, owned, remembered);
    second.seconds(2, all);
    let snapshot = second.engine.snapshot(second.now);
    let server = snapshot.server(&key(), &"10.0.0.1:80".parse().unwrap());
    let age = second.now.since(server.unwrap().since);
    assert!(age >= Duration::from_secs(100), "{age:?}");
}
