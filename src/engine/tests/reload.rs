// SPDX-License-Identifier: MIT OR Apache-2.0
//! Changing to a new configuration: all of it, or nothing.

use std::sync::Arc;
use std::time::Duration;

use super::stand::{Stand, TWO_SERVERS, all, all_up, key, parse, weights};
use crate::engine::{Event, ReloadId};
use crate::model::{Config, Scheduler};
use crate::plan::{SimulatedKernel, Target};

/// A running director whose kernel has no scheduler `twos`.
fn running(services: &str) -> Stand {
    let mut kernel = SimulatedKernel::default();
    let twos = Scheduler::new("twos").unwrap();
    kernel.missing_schedulers.insert(twos);
    let mut stand = Stand::start(kernel, services);
    stand.seconds(1, all);
    stand
}

#[test]
fn a_reload_the_kernel_refuses_leaves_everything_as_it_was() {
    let mut stand = running(TWO_SERVERS);
    let (before, owned) = (stand.kernel.table.clone(), stand.owned.clone());
    let why = stand.reload(
        "  - {address: '192.0.2.10:80', scheduler: twos, servers: [10.0.0.1, 10.0.0.3]}\n  \
         - {address: '192.0.2.11:80', servers: [10.0.0.1]}\n",
    );
    let why = why.expect("refused");
    assert!(why.contains("modprobe ip_vs_twos"), "{why}");
    assert_eq!((&stand.kernel.table, &stand.owned), (&before, &owned));
    stand.seconds(15, all);
    assert_eq!(stand.kernel.table, before);
}

#[test]
fn nothing_is_taken_away_by_a_reload_that_is_refused_not_even_for_a_moment() {
    let mut many = String::new();
    for port in 1000..1050 {
        let service = format!("address: '192.0.2.10:{port}', check: none, servers: [10.0.0.1]");
        many = many + "  - {" + &service + "}\n";
    }
    let mut stand = running(&many);
    let before = stand.kernel.table.clone();
    let messages = stand.kernel.messages;
    stand.meddler = |table| assert!(table.services.len() >= 50, "services were taken away");
    let refused = stand.reload(
        "  - {address: '192.0.2.10:80', scheduler: twos, check: none, servers: [10.0.0.1]}\n",
    );
    assert!(refused.is_some());
    assert_eq!(stand.kernel.table, before);
    // The service that is refused, and its server.
    assert_eq!(stand.kernel.messages - messages, 2);
}

#[test]
fn a_refused_reload_leaves_the_service_that_somebody_else_made_as_it_was() {
    let mut stand = running(TWO_SERVERS);
    let theirs =
        parse("  - {address: '192.0.2.77:80', scheduler: lc, check: none, servers: [10.0.0.9]}\n");
    let desired = all_up(&theirs);
    let plan = crate::plan::diff(
        &desired,
        &stand.kernel.table,
        &std::collections::BTreeSet::new(),
    );
    assert_eq!(stand.kernel.apply(&plan.grow), Ok(Vec::new()));
    let (before, owned) = (stand.kernel.table.clone(), stand.owned.clone());
    let refused = stand.reload(&format!(
        "{TWO_SERVERS}  - {{address: '192.0.2.77:80', scheduler: rr, check: none, servers: [10.0.0.1]}}\n  \
         - {{address: '192.0.2.78:80', scheduler: twos, servers: [10.0.0.1]}}\n"
    ));
    assert!(refused.is_some());
    assert_eq!((&stand.kernel.table, &stand.owned), (&before, &owned));
    stand.seconds(30, all);
    assert_eq!(stand.kernel.table, before);
    // When it is accepted, the service is taken over, and the engine reports that.
    let taken = stand.reload(&format!(
        "{TWO_SERVERS}  - {{address: '192.0.2.77:80', scheduler: rr, check: none, servers: [10.0.0.1]}}\n"
    ));
    assert_eq!(taken, None);
    assert_eq!(
        stand.count("taken over: real server 10.0.0.9:80"),
        1,
        "{:#?}",
        stand.log()
    );
}

#[test]
fn a_service_that_the_kernel_has_refused_since_the_start_is_no_reason_to_refuse_a_reload() {
    let broken = "  - {address: '192.0.2.11:80', scheduler: twos, servers: [10.0.0.1]}\n";
    let mut stand = running(&format!("{TWO_SERVERS}{broken}"));
    let told = stand
        .log()
        .iter()
        .filter(|line| line.starts_with("add service"))
        .count();
    assert_eq!(told, 1, "{:#?}", stand.log());
    let changed = TWO_SERVERS.replace("weight: 5", "weight: 6");
    assert_eq!(stand.reload(&format!("{changed}{broken}")), None);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 6)]);
    assert_eq!(stand.weights(), both);
    // But one that it changes is.
    let other = broken.replace("10.0.0.1", "10.0.0.2");
    assert!(stand.reload(&format!("{changed}{other}")).is_some());
}

#[test]
fn a_reload_keeps_a_down_server_out() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, |server| server == "10.0.0.2:80");
    let before = stand.kernel.messages;
    assert_eq!(
        stand.reload(&TWO_SERVERS.replace("weight: 5", "weight: 6")),
        None
    );
    assert_eq!(stand.kernel.messages, before + 1);
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 6)]));
}

#[test]
fn a_server_that_a_reload_adds_waits_for_its_verdict_unless_the_service_would_lose_its_last() {
    let mut stand = running(TWO_SERVERS);
    let more = TWO_SERVERS.replace("[10.0.0.1,", "[10.0.0.3, 10.0.0.1,");
    assert_eq!(stand.reload(&more), None);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)]);
    assert_eq!(stand.weights(), both);
    let others = "  - {address: '192.0.2.10:80', scheduler: wrr, servers: [10.0.0.4, 10.0.0.5]}\n";
    assert_eq!(stand.reload(others), None);
    let new = [("10.0.0.4:80", 1), ("10.0.0.5:80", 1)];
    let old = [("10.0.0.1:80", 0), ("10.0.0.2:80", 0)];
    assert_eq!(stand.weights(), weights(&[old, new].concat()));
    stand.seconds(5, all);
    assert_eq!(stand.weights(), weights(&new));
}

#[test]
fn the_last_request_wins_whichever_is_read_first() {
    let mut stand = running(TWO_SERVERS);
    let weight =
        |weight: u32| parse(&TWO_SERVERS.replace("weight: 5", &format!("weight: {weight}")));
    stand.event(Event::Next(ReloadId(2), weight(8)));
    stand.event(Event::Next(ReloadId(1), weight(7)));
    stand.event(Event::NextRefused(ReloadId(1), "too late".into()));
    assert_eq!(stand.weights()["10.0.0.2:80"], 8);
    let reloads = stand.engine.snapshot(stand.now).reloads;
    assert_eq!((reloads.answered, reloads.refused), (ReloadId(2), None));
}

#[test]
fn a_reload_that_meets_what_others_changed_ends_with_the_right_table() {
    let mut stand = running(TWO_SERVERS);
    let service = stand.kernel.table.services.get_mut(&key()).unwrap();
    service.servers.pop_last();
    assert_eq!(
        stand.reload(&TWO_SERVERS.replace("weight: 5", "weight: 6")),
        None
    );
    stand.seconds(1, all);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 6)]);
    assert_eq!(stand.weights(), both);
}

#[test]
fn a_reload_that_somebody_else_undoes_all_the_time_is_refused_in_the_end() {
    let mut stand = running(TWO_SERVERS);
    // The service is another one when the steps arrive, whatever they are.
    stand.meddler = |table| {
        table.services.retain(|service, _| *service != key());
    };
    stand.kernel.table.services.clear();
    let why = stand.reload(&TWO_SERVERS.replace("weight: 5", "weight: 6"));
    stand.meddler = |_| ();
    stand.pass(Duration::from_secs(30), all);
    let expected = if why.is_some() { 5 } else { 6 };
    assert_eq!(stand.weights()["10.0.0.2:80"], expected);
}

#[test]
fn settings_that_can_change_do_and_those_of_files_and_threads_are_refused_by_name() {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    let with = |change: &dyn Fn(&mut crate::model::DirectorSettings)| {
        let mut config = Config::clone(&parse(TWO_SERVERS));
        change(&mut config.director);
        Arc::new(config)
    };
    let config = with(&|it| {
        it.repair_interval = Duration::from_secs(77);
        it.remember = None;
        it.socket = "/run/elsewhere".into();
        it.socket_group = Some("lvs".into());
        it.socket_readers = Some("watchers".into());
    });
    assert_eq!(stand.reload_to(config), None);
    let now = stand.now;
    let running = stand.engine.snapshot(now).config;
    assert_eq!(running.director.repair_interval, Duration::from_secs(77));
    let config = with(&|it| {
        it.state_file = "/other".into();
        it.lock_memory = true;
    });
    let refused = stand.reload_to(config).unwrap();
    assert_eq!(
        refused,
        "director: state_file, lock_memory cannot change while the director runs; restart it (no connection is lost)"
    );
}
