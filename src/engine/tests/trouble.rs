// SPDX-License-Identifier: MIT OR Apache-2.0
//! A kernel that does not answer, a full disk, and somebody else who makes changes at the same time.

use super::stand::{Stand, TWO_SERVERS, all, key, weights};
use crate::model::{Severity, Weight};
use crate::plan::SimulatedKernel;

fn running() -> Stand {
    let mut stand = Stand::start(SimulatedKernel::default(), TWO_SERVERS);
    stand.seconds(1, all);
    stand
}

#[test]
fn a_kernel_that_does_not_answer_is_told_once_and_made_right_when_it_does() {
    let mut stand = running();
    stand.deaf = Some("list servers: no such device (ENODEV)");
    stand.kernel.table.services.clear();
    let before = stand.exchanges;
    stand.seconds(60, all);
    assert_eq!(stand.count("ENODEV"), 1, "{:#?}", stand.log());
    let tries = stand.exchanges - before;
    assert!(tries <= 10, "{tries} exchanges in a minute");
    stand.deaf = None;
    stand.seconds(11, all);
    assert_eq!(stand.count("IPVS answers again"), 1, "{:#?}", stand.log());
    assert_eq!(stand.weights().len(), 2);
}

#[test]
fn a_verdict_is_not_told_as_done_while_the_kernel_does_not_answer() {
    let mut stand = running();
    stand.deaf = Some("no answer");
    stand.seconds(6, |server| server == "10.0.0.2:80");
    assert_eq!(stand.count("-> removed"), 0);
    assert_eq!(
        stand.count("up -> down (connect refused, 3/3), the kernel refused: no answer"),
        1
    );
    stand.deaf = None;
    stand.seconds(11, |server| server == "10.0.0.2:80");
    assert_eq!(stand.weights(), weights(&[("10.0.0.2:80", 5)]));
}

#[test]
fn a_state_file_that_could_not_be_written_is_tried_again_every_round() {
    let mut stand = Stand::new(SimulatedKernel::default());
    stand.disk_full = true;
    let start = crate::engine::Start {
        config: super::stand::parse(TWO_SERVERS),
        owned: std::collections::BTreeSet::new(),
        recalled: Vec::new(),
        orders: Vec::new(),
        drains: Vec::new(),
        slow_starts: Vec::new(),
        masters: std::collections::BTreeSet::new(),
        ledger: Vec::new(),
        origin: 0,
    };
    stand.event(crate::engine::Event::Start(Box::new(start)));
    stand.seconds(30, all);
    assert_eq!(stand.weights().len(), 2, "a full disk keeps no server out");
    assert_eq!(stand.count("no space left"), 1, "{:#?}", stand.log());
    stand.disk_full = false;
    stand.seconds(11, all);
    assert_eq!(stand.owned.len(), 1);
    assert_eq!(stand.count("the state file is written again"), 1);
}

#[test]
fn what_another_program_reverts_at_once_is_repaired_ever_less_often() {
    let mut stand = running();
    stand.meddler = |table| {
        let service = table.services.get_mut(&key()).unwrap();
        service
            .servers
            .values_mut()
            .for_each(|real| real.weight = Weight::new(77).unwrap());
    };
    (stand.meddler)(&mut stand.kernel.table);
    let before = stand.exchanges;
    stand.seconds(120, all);
    let exchanges = stand.exchanges - before;
    assert!(exchanges < 120, "{exchanges} exchanges in two minutes");
    stand.meddler = |_| ();
    stand.seconds(21, all);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)]);
    assert_eq!(stand.weights(), both);
}

#[test]
fn a_setting_that_cannot_be_made_is_told_once() {
    let mut stand = running();
    stand.unread =
        vec!["read net.ipv4.vs.expire_nodest_conn: read-only file system (EROFS)".into()];
    stand.seconds(60, all);
    assert_eq!(stand.count("EROFS"), 1, "{:#?}", stand.log());
    let told = stand
        .told
        .iter()
        .find(|it| it.to_string().contains("EROFS"))
        .unwrap();
    assert_eq!(told.severity(), Severity::Warning);
}

#[test]
fn while_the_link_has_no_carrier_no_verdict_moves() {
    let mut stand = running();
    let before = stand.weights();
    stand.unplugged = true;
    stand.seconds(60, all);
    assert_eq!(stand.weights(), before);
    assert_eq!(stand.count("up -> down"), 0, "{:#?}", stand.log());
    let told = stand.count("could not run (1 in a row): eth0 has no carrier");
    assert_eq!(told, 2, "{:#?}", stand.log());
    let now = stand.now;
    let snapshot = stand.engine.snapshot(now);
    let servers = snapshot.services.values().flat_map(|it| &it.servers);
    for check in servers.flat_map(|server| server.checks.iter()) {
        let since = check.not_checked_since.unwrap();
        assert!(now.since(since).as_secs() >= 55, "{check:?}");
    }

    stand.unplugged = false;
    stand.seconds(10, all);
    assert_eq!(stand.count("runs again"), 2, "{:#?}", stand.log());
    // From then on failures count again.
    stand.seconds(10, |server| server == "10.0.0.2:80");
    assert_eq!(stand.count("up -> down"), 1, "{:#?}", stand.log());
}
