// SPDX-License-Identifier: MIT OR Apache-2.0
//! The last order for each server, by versions.

use proptest::prelude::*;

use crate::model::{DrainTerms, Order, Ordered, ServerKey, ServiceKey};
use crate::pair::{Ledger, LedgerEntry, LedgerLine, OrderVersion};

fn whose(last: u32) -> (ServiceKey, ServerKey) {
    let server = format!("10.{}.{}.1:80", last / 250 % 250, last % 250);
    (
        "TCP 192.0.2.10:80".parse().unwrap(),
        server.parse().unwrap(),
    )
}

fn entry(order: Option<Order>, at: u64, origin: u64) -> LedgerEntry {
    LedgerEntry {
        order,
        terms: DrainTerms::default(),
        force: false,
        by: "user 0".into(),
        at_peer: false,
        version: OrderVersion { at, origin },
    }
}

#[test]
fn an_order_is_later_than_what_was_known_although_the_clock_is_behind() {
    let mut ledger = Ledger::default();
    ledger.order(whose(1), entry(Some(Order::Drain), 5000, 1));
    let later = ledger.order(whose(1), entry(None, 70, 2));
    assert_eq!(later.version.at, 5001);
}

#[test]
fn what_was_taken_back_is_kept_for_a_while_and_for_so_many_servers() {
    let mut ledger = Ledger::default();
    let most = u32::try_from(Ledger::MOST_TAKEN_BACK).unwrap();
    for last in 0..most + 10 {
        ledger.order(whose(last), entry(None, 1000 + u64::from(last), 1));
    }
    ledger.order(whose(62_000), entry(Some(Order::Drain), 0, 1));
    ledger.prune(2000);
    assert_eq!(ledger.iter().count(), Ledger::MOST_TAKEN_BACK + 1);
    assert_eq!(ledger.get(&whose(9).0, &whose(9).1), None);
    assert!(ledger.get(&whose(10).0, &whose(10).1).is_some());
    ledger.prune(1_000_000 + Ledger::KEPT_FOR);
    assert_eq!(ledger.iter().count(), 1, "the order that is in force stays");
}

#[test]
fn orders_of_a_director_that_kept_no_ledger_are_older_than_all_others() {
    let ordered = |last, order| {
        let (service, server) = whose(last);
        Ordered {
            service,
            server,
            order,
        }
    };
    let (service, server) = whose(1);
    let line = LedgerLine {
        service,
        server,
        entry: entry(Some(Order::Drain), 9, 1),
    };
    let in_force = [ordered(1, Order::Disable), ordered(2, Order::Drain)];
    let ledger = Ledger::of_recalled([line.clone()], in_force, 7);
    // It was another order when the ledger was written.
    for last in [1, 2] {
        let (service, server) = whose(last);
        let version = ledger.get(&service, &server).unwrap().version;
        assert_eq!(version, OrderVersion::oldest(7));
    }
    let same = Ledger::of_recalled([line.clone()], [ordered(1, Order::Drain)], 7);
    assert!(same.lines().eq([line.clone()]));
    // It was taken back by an older program.
    let none = Ledger::of_recalled([line], [], 7);
    assert_eq!(none.lines().count(), 0);
}

#[test]
fn a_ledger_is_the_same_after_it_was_written_down() {
    let mut ledger = Ledger::default();
    ledger.order(whose(1), entry(Some(Order::Drain), 5, 1));
    ledger.order(whose(2), entry(None, 6, 1));
    let lines: Vec<LedgerLine> = ledger.lines().collect();
    let text = serde_json::to_string(&lines).unwrap();
    assert_eq!(
        serde_json::from_str::<Vec<LedgerLine>>(&text).unwrap(),
        lines
    );
}

/// An order of one of two directors, for one of two servers.
fn news() -> impl Strategy<Value = (u32, LedgerEntry)> {
    let order = prop::sample::select(vec![None, Some(Order::Drain), Some(Order::Disable)]);
    (0..2_u32, order, 0..4_u64, 0..2_u64)
        .prop_map(|(last, order, at, origin)| (last, entry(order, at, origin)))
}

proptest! {
    /// In whatever order entries come, and however often, the same ledger follows.
    #[test]
    fn the_order_of_news_does_not_matter(
        all in prop::collection::vec(news(), 0..12),
        shuffle in any::<u64>(),
    ) {
        // Two entries with one version are one entry.
        let mut known = std::collections::BTreeSet::new();
        let mut all = all;
        all.retain(|(last, it)| known.insert((*last, it.version.at, it.version.origin)));
        let mut other = all.clone();
        fastrand::Rng::with_seed(shuffle).shuffle(&mut other);
        other.extend(all.iter().take(3).cloned());
        let take = |all: &[(u32, LedgerEntry)]| {
            let mut ledger = Ledger::default();
            for (last, entry) in all {
                ledger.take(&Ledger::news(whose(*last), entry, None));
            }
            ledger
        };
        prop_assert_eq!(take(&all), take(&other));
    }
}
