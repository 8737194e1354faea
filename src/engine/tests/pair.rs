// SPDX-License-Identifier: MIT OR Apache-2.0
//! Two engines that tell each other what they know.

use std::collections::BTreeSet;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::stand::{Stand, all, key, parse_with, weights};
use crate::engine::{Command, CommandId, Event, PairView, PeerNews, Start};
use crate::model::{Config, DrainTerms, Order, ServerKey, Standing, Weight};
use crate::pair::{Message, PairRole, TableNews};
use crate::plan::SimulatedKernel;

const TWO: &str = "  - {address: '192.0.2.10:80', scheduler: wrr, min_healthy: 0, servers: [10.0.0.1, {address: 10.0.0.2, weight: 5}]}\n";

fn config(services: &str) -> Arc<Config> {
    parse_with(
        "peer: {address: 192.0.2.2, key_file: /k}\n\
         virtual_routers: [{interface: eth0, vrid: 1, addresses: [192.0.2.10]}]\n",
        services,
    )
}

/// A director of a pair.
fn director(services: &str, origin: u64) -> Stand {
    let mut stand = Stand::new(SimulatedKernel::default());
    stand.event(Event::Start(Box::new(start(services, origin))));
    stand
}

fn start(services: &str, origin: u64) -> Start {
    Start {
        config: config(services),
        owned: BTreeSet::new(),
        recalled: Vec::new(),
        orders: Vec::new(),
        drains: Vec::new(),
        slow_starts: Vec::new(),
        ledger: Vec::new(),
        origin,
        masters: BTreeSet::new(),
    }
}

/// Both directors.
struct Duo {
    a: Stand,
    b: Stand,
    /// The time since 1970 in milliseconds, by the clock of each.
    clocks: [u64; 2],
}

impl Duo {
    /// Of the same services; the first one leads.
    fn new(services: &str) -> Self {
        let mut duo = Self::of(services, services);
        duo.a.event(Event::MasterOf(["eth0/1".into()].into()));
        duo.b.event(Event::MasterOf(BTreeSet::new()));
        duo
    }

    fn of(a: &str, b: &str) -> Self {
        let mut duo = Self {
            a: director(a, 1),
            b: director(b, 2),
            clocks: [1_000_000; 2],
        };
        duo.seconds(3, all, all);
        duo
    }

    /// Lets time pass. Each director finds up what it is told.
    fn seconds(&mut self, seconds: u64, a: fn(&str) -> bool, b: fn(&str) -> bool) {
        for _ in 0..seconds * 20 {
            self.a.pass(Duration::from_millis(50), a);
            self.b.pass(Duration::from_millis(50), b);
            self.deliver();
        }
    }

    /// Carries everything that was said.
    fn deliver(&mut self) {
        while !self.a.said.is_empty() || !self.b.said.is_empty() {
            for message in mem::take(&mut self.a.said) {
                said(&mut self.b, &message);
            }
            for message in mem::take(&mut self.b.said) {
                said(&mut self.a, &message);
            }
        }
    }

    fn connect(&mut self) {
        for stand in [&mut self.a, &mut self.b] {
            stand.said.clear();
            stand.event(Event::Peer(PeerNews::Came("director 0.1.0".into())));
        }
        self.deliver();
    }

    fn part(&mut self) {
        for stand in [&mut self.a, &mut self.b] {
            stand.event(Event::Peer(PeerNews::Gone("a cut".into())));
            stand.said.clear();
        }
    }

    fn order(&mut self, at: usize, server: &str, order: Option<Order>) {
        self.order_on(at, server, order, DrainTerms::default());
    }

    fn order_on(&mut self, at: usize, server: &str, order: Option<Order>, terms: DrainTerms) {
        let given = self.clocks[at];
        let stand = if at == 0 { &mut self.a } else { &mut self.b };
        let answers = stand.engine.snapshot(stand.now).answers;
        let last = answers.keys().last().map_or(0, |id| id.0);
        stand.event(Event::Ordered(Box::new(Command {
            id: CommandId(last + 1),
            servers: vec![(key(), server.parse().unwrap())],
            order,
            terms,
            force: true,
            by: "user 0".into(),
            given,
        })));
    }
}

fn said(stand: &mut Stand, message: &Message) {
    // What was said went through JSON.
    let bytes = crate::pair::write(message).unwrap();
    let message = crate::pair::read(&bytes).unwrap();
    stand.event(Event::Peer(PeerNews::Said(Box::new(message))));
}

fn view(stand: &mut Stand) -> PairView {
    let pair = stand.engine.snapshot(stand.now).pair;
    Arc::unwrap_or_clone(pair.unwrap())
}

fn only_second(at: &str) -> bool {
    at.starts_with("10.0.0.2")
}

fn nobody(_: &str) -> bool {
    false
}

#[test]
fn an_order_at_one_director_counts_at_both_until_it_is_taken_back_at_either() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.a.connect("10.0.0.2:80", 1);
    duo.order(0, "10.0.0.2:80", Some(Order::Drain));
    duo.deliver();
    let drained = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 0)]);
    assert_eq!(duo.b.weights(), drained);
    let told = "real server 10.0.0.2:80 of TCP 192.0.2.10:80: drain ordered by user 0 at the peer 192.0.2.2, weight 5 -> 0";
    assert_eq!(duo.b.count(told), 1, "{:#?}", duo.b.log());
    duo.order(1, "10.0.0.2:80", None);
    duo.deliver();
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)]);
    assert_eq!((duo.a.weights(), duo.b.weights()), (both.clone(), both));
    assert_eq!(
        duo.a
            .count("drain taken back by user 0 at the peer 192.0.2.2"),
        1
    );
}

#[test]
fn who_orders_last_wins_whatever_the_clocks_say() {
    let mut duo = Duo::new(TWO);
    // The clock of the first one is an hour ahead.
    duo.clocks[0] += 3_600_000;
    duo.connect();
    duo.order(0, "10.0.0.2:80", Some(Order::Disable));
    duo.deliver();
    duo.order(1, "10.0.0.2:80", None);
    duo.deliver();
    assert_eq!(duo.a.weights(), duo.b.weights());
    assert_eq!(duo.a.weights().len(), 2);
}

#[test]
fn an_order_that_was_taken_back_does_not_come_back_with_a_director_that_was_away() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.order(0, "10.0.0.2:80", Some(Order::Disable));
    duo.deliver();
    duo.part();
    duo.clocks = [2_000_000; 2];
    duo.order(0, "10.0.0.2:80", None);
    assert_eq!(duo.b.weights().len(), 1);
    // The first one starts again meanwhile, with what was written down.
    let mut again = Stand::new(mem::take(&mut duo.a.kernel));
    again.now = duo.a.now;
    let ledger = duo.a.engine.ledger().lines().collect();
    let orders = duo.a.engine.orders().iter().collect();
    let begins = Start {
        orders,
        ledger,
        ..start(TWO, 3)
    };
    again.event(Event::Start(Box::new(begins)));
    duo.a = again;
    duo.connect();
    assert_eq!((duo.a.weights().len(), duo.b.weights().len()), (2, 2));
}

#[test]
fn a_server_counts_at_the_other_director_as_the_leader_finds_it() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    assert_eq!(view(&mut duo.a).role, PairRole::Leads);
    assert_eq!(view(&mut duo.b).role, PairRole::Follows);
    duo.seconds(12, only_second, all);
    let down = weights(&[("10.0.0.2:80", 5)]);
    assert_eq!((duo.a.weights(), duo.b.weights()), (down.clone(), down));
    let told = "10.0.0.1:80 of TCP 192.0.2.10:80: up -> down (as the leading director 192.0.2.2 finds it), weight 1 -> removed";
    assert_eq!(duo.b.count(told), 1, "{:#?}", duo.b.log());
    let server: ServerKey = "10.0.0.1:80".parse().unwrap();
    let snapshot = duo.b.engine.snapshot(duo.b.now);
    let shown = snapshot.server(&key(), &server).unwrap();
    assert_eq!(shown.standing.unwrap().word(), "up");
    assert_eq!(shown.overruled.unwrap().standing.word(), "down");
    let different: Vec<_> = view(&mut duo.b)
        .verdicts
        .iter()
        .map(|(_, server, here, there)| (server.to_string(), here.word(), there.word()))
        .collect();
    assert_eq!(different, [("10.0.0.1:80".to_owned(), "up", "down")]);
    // What the other one finds counts for nothing at the leader.
    duo.seconds(12, all, only_second);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 5)]);
    assert_eq!((duo.a.weights(), duo.b.weights()), (both.clone(), both));
}

#[test]
fn the_word_of_a_leader_leaves_no_service_without_a_server_that_is_up_here() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.seconds(12, nobody, only_second);
    assert_eq!(duo.a.weights(), weights(&[]));
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.2:80", 5)]));
}

#[test]
fn a_leader_that_cannot_check_passes_nothing_on() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.seconds(12, all, only_second);
    assert_eq!(duo.b.weights().len(), 2);
    duo.a.unplugged = true;
    duo.seconds(6, all, only_second);
    assert_eq!(duo.a.weights().len(), 2);
    let own = weights(&[("10.0.0.2:80", 5)]);
    assert_eq!(duo.b.weights(), own, "{:#?}", duo.a.log());
}

#[test]
fn a_verdict_of_other_checks_counts_for_nothing() {
    let other = TWO.replace("min_healthy", "check: {interval: 3s}, min_healthy");
    let mut duo = Duo::of(TWO, &other);
    duo.a.event(Event::MasterOf(["eth0/1".into()].into()));
    duo.connect();
    assert_eq!(view(&mut duo.b).differ, [key()]);
    duo.seconds(12, only_second, all);
    assert_eq!(duo.a.weights(), weights(&[("10.0.0.2:80", 5)]));
    assert_eq!(duo.b.weights().len(), 2);
}

#[test]
fn where_both_lead_each_goes_by_its_own_checks() {
    let mut duo = Duo::new(TWO);
    duo.b.event(Event::MasterOf(["eth0/1".into()].into()));
    duo.connect();
    assert_eq!(view(&mut duo.b).role, PairRole::BothLead);
    duo.seconds(12, only_second, all);
    assert_eq!(duo.b.weights().len(), 2);
}

#[test]
fn the_last_word_of_a_lost_leader_counts_until_the_checks_here_have_confirmed_what_they_say() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.seconds(12, only_second, all);
    duo.part();
    duo.b.event(Event::MasterOf(["eth0/1".into()].into()));
    let down = weights(&[("10.0.0.2:80", 5)]);
    // Two successes are needed, one every two seconds.
    assert_eq!(duo.b.weights(), down);
    assert_eq!(view(&mut duo.b).last_words, 1);
    duo.b.pass(Duration::from_millis(1500), all);
    assert_eq!(duo.b.weights(), down);
    duo.b.seconds(4, all);
    assert_eq!(duo.b.weights().len(), 2, "{:#?}", duo.b.log());
    assert_eq!(view(&mut duo.b).last_words, 0);
}

#[test]
fn a_leader_that_saw_a_server_up_is_believed_until_as_many_failures_as_a_verdict_needs() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.seconds(12, all, only_second);
    assert_eq!(duo.b.weights().len(), 2);
    duo.part();
    duo.b.event(Event::MasterOf(["eth0/1".into()].into()));
    assert_eq!(duo.b.weights().len(), 2);
    duo.b.seconds(12, only_second);
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.2:80", 5)]));
}

#[test]
fn a_server_that_the_lost_leader_kept_out_stays_out_while_connections_are_taken_on() {
    let services = "  - {address: '192.0.2.10:80', failover: keep_connections, min_healthy: 0, servers: [10.0.0.1, 10.0.0.2]}\n";
    let mut duo = Duo::new(services);
    duo.connect();
    duo.seconds(12, only_second, all);
    let out = weights(&[("10.0.0.1:80", 0), ("10.0.0.2:80", 1)]);
    assert_eq!(
        (duo.a.weights(), duo.b.weights()),
        (out.clone(), out.clone())
    );
    duo.part();
    duo.b.event(Event::MasterOf(["eth0/1".into()].into()));
    duo.b.seconds(115, all);
    assert_eq!(duo.b.weights(), out);
    duo.b.seconds(10, all);
    let both = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 1)]);
    assert_eq!(duo.b.weights(), both);
}

#[test]
fn a_short_loss_of_the_channel_changes_nothing() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.seconds(12, only_second, all);
    let lines = duo.b.count("weight");
    for _ in 0..3 {
        duo.part();
        duo.connect();
    }
    // Also when the new connection comes before the old one is missed.
    duo.connect();
    duo.seconds(5, only_second, all);
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.2:80", 5)]));
    assert_eq!(duo.b.count("weight"), lines, "{:#?}", duo.b.log());
}

#[test]
fn a_drain_lasts_at_the_follower_until_the_leader_says_that_it_is_over() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.a.connect("10.0.0.2:80", 1);
    duo.order(0, "10.0.0.2:80", Some(Order::Drain));
    duo.seconds(30, all, all);
    let drains = weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 0)]);
    assert_eq!(
        (duo.a.weights(), duo.b.weights()),
        (drains.clone(), drains.clone())
    );
    // Also while the two do not hear each other.
    duo.part();
    duo.seconds(30, all, all);
    assert_eq!(duo.b.weights(), drains);
    duo.connect();
    duo.a.connect("10.0.0.2:80", 0);
    duo.seconds(10, all, all);
    let drained = weights(&[("10.0.0.1:80", 1)]);
    assert_eq!(
        (duo.a.weights(), duo.b.weights()),
        (drained.clone(), drained)
    );
    assert_eq!(duo.b.count("drained (as the director 192.0.2.2 says)"), 1);
}

#[test]
fn a_drain_goes_on_at_the_director_that_takes_over() {
    let mut duo = Duo::new(TWO);
    duo.connect();
    duo.a.connect("10.0.0.2:80", 1);
    duo.order(0, "10.0.0.2:80", Some(Order::Drain));
    duo.seconds(10, all, all);
    duo.part();
    duo.b.connect("10.0.0.2:80", 1);
    duo.b.event(Event::MasterOf(["eth0/1".into()].into()));
    duo.b.seconds(30, all);
    assert_eq!(
        duo.b.weights(),
        weights(&[("10.0.0.1:80", 1), ("10.0.0.2:80", 0)])
    );
    duo.b.connect("10.0.0.2:80", 0);
    duo.b.seconds(6, all);
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.1:80", 1)]));
}

#[test]
fn a_deadline_has_the_same_time_left_at_both() {
    let mut duo = Duo::new(TWO);
    duo.a.connect("10.0.0.2:80", 1);
    let terms = DrainTerms {
        deadline: Some(Duration::from_secs(60)),
        templates: false,
    };
    duo.order_on(0, "10.0.0.2:80", Some(Order::Drain), terms);
    duo.seconds(40, all, all);
    duo.connect();
    assert_eq!(duo.b.weights().get("10.0.0.2:80"), Some(&0));
    duo.part();
    duo.seconds(19, all, all);
    assert_eq!(duo.b.weights().get("10.0.0.2:80"), Some(&0));
    duo.seconds(2, all, all);
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.1:80", 1)]));
}

#[test]
fn an_order_for_a_server_that_is_not_here_is_kept_out_and_told_once() {
    let one = TWO.replace(", {address: 10.0.0.2, weight: 5}", "");
    let mut duo = Duo::of(TWO, &one);
    duo.a.event(Event::MasterOf(["eth0/1".into()].into()));
    duo.connect();
    let seven = Some(Order::Weight(Weight::new(7).unwrap()));
    duo.order(0, "10.0.0.2:80", seven);
    duo.deliver();
    duo.part();
    duo.connect();
    let told = "peer 192.0.2.2: weight 7 was ordered there for real server 10.0.0.2:80 of TCP 192.0.2.10:80, which this \
                configuration does not have";
    assert_eq!(duo.b.count(told), 1, "{:#?}", duo.b.log());
    assert_eq!(view(&mut duo.b).kept_out, 1);
    // When the server comes, so does its order.
    assert_eq!(duo.b.reload_to(config(TWO)), None);
    duo.deliver();
    duo.seconds(10, all, all);
    assert_eq!(duo.b.weights().get("10.0.0.2:80"), Some(&7));
}

#[test]
fn an_order_that_would_leave_nobody_here_waits_until_somebody_serves() {
    let mut duo = Duo::new(TWO);
    duo.seconds(12, all, only_second);
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.2:80", 5)]));
    // An operator's order, without --force, and a leader that passes nothing on.
    duo.order(0, "10.0.0.2:80", Some(Order::Disable));
    duo.part();
    duo.a.event(Event::MasterOf(BTreeSet::new()));
    let mut ledger: Vec<_> = duo.a.engine.ledger().lines().collect();
    ledger[0].entry.force = false;
    let mut again = Stand::new(mem::take(&mut duo.a.kernel));
    again.now = duo.a.now;
    let orders = duo.a.engine.orders().iter().collect();
    let begins = Start {
        orders,
        ledger,
        ..start(TWO, 1)
    };
    again.event(Event::Start(Box::new(begins)));
    duo.a = again;
    duo.connect();
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.2:80", 5)]));
    assert_eq!(
        duo.b.count("it waits, because it would leave the service"),
        1
    );
    assert_eq!(view(&mut duo.b).kept_back, 1);
    duo.seconds(12, all, all);
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.1:80", 1)]));
    assert_eq!(view(&mut duo.b).kept_back, 0);
}

#[test]
fn the_quorum_that_a_virtual_router_tracks_goes_by_the_checks_of_each_director() {
    let services = TWO.replace("min_healthy: 0", "min_healthy: 0, quorum: 2");
    let mut duo = Duo::new(&services);
    duo.connect();
    duo.seconds(12, only_second, all);
    assert_eq!(duo.b.weights(), weights(&[("10.0.0.2:80", 5)]));
    assert!(!duo.a.engine.has_quorum(&key()));
    assert!(duo.b.engine.has_quorum(&key()));
    duo.seconds(12, only_second, only_second);
    assert!(!duo.b.engine.has_quorum(&key()));
}

#[test]
fn a_director_without_a_peer_says_nothing() {
    let mut stand = super::orders::running();
    super::orders::order(&mut stand, &["10.0.0.2:80"], Some(Order::Drain), false).unwrap();
    super::orders::order(&mut stand, &["10.0.0.2:80"], None, false).unwrap();
    stand.seconds(5, |_| false);
    assert_eq!(stand.said, []);
    assert_eq!(stand.engine.ledger().lines().count(), 0);
    assert_eq!(stand.engine.snapshot(stand.now).pair, None);
}

/// What may happen to a pair.
#[derive(Debug, Clone)]
enum Chance {
    Order(usize, usize, Option<Order>),
    /// So many of the messages that wait get through, and the connection is lost with the others.
    Cut(usize),
    Connect,
    Deliver,
    Tick(usize, u64),
    Master(usize, bool),
    Table(usize),
}

fn chance() -> impl Strategy<Value = Chance> {
    let orders = vec![
        None,
        None,
        Some(Order::Drain),
        Some(Order::Disable),
        Some(Order::Weight(Weight::new(9).unwrap())),
    ];
    prop_oneof![
        6 => (0..2_usize, 0..2_usize, prop::sample::select(orders))
            .prop_map(|(at, server, order)| Chance::Order(at, server, order)),
        2 => (0..6_usize).prop_map(Chance::Cut),
        2 => Just(Chance::Connect),
        3 => Just(Chance::Deliver),
        2 => (0..2_usize, 0..5000_u64).prop_map(|(at, time)| Chance::Tick(at, time)),
        2 => (0..2_usize, any::<bool>()).prop_map(|(at, is)| Chance::Master(at, is)),
        1 => (0..2_usize).prop_map(Chance::Table),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the two find and whoever leads, a service has a server as long as a check of its own director finds one up.
    #[test]
    fn no_word_of_the_other_director_empties_a_service(
        nights in prop::collection::vec((0..4_u8, 0..4_u8, any::<[bool; 3]>()), 1..25),
    ) {
        const FOUND: [fn(&str) -> bool; 4] = [nobody, only_second, |at| !only_second(at), all];
        let mut duo = Duo::new(TWO);
        duo.connect();
        for (a, b, [a_leads, b_leads, cut]) in nights {
            for (stand, leads) in [(&mut duo.a, a_leads), (&mut duo.b, b_leads)] {
                let masters = leads.then(|| "eth0/1".into());
                stand.event(Event::MasterOf(masters.into_iter().collect()));
            }
            if cut {
                duo.part();
            } else {
                duo.connect();
            }
            for _ in 0..3 {
                duo.seconds(1, FOUND[usize::from(a)], FOUND[usize::from(b)]);
                for stand in [&mut duo.a, &mut duo.b] {
                    let snapshot = stand.engine.snapshot(stand.now);
                    let mut servers = snapshot.services[&key()].servers.iter();
                    let finds_one = servers.any(|it| it.standing.is_some_and(Standing::is_up));
                    let serves = stand.weights().values().any(|weight| *weight > 0);
                    prop_assert!(serves || !finds_one, "{:#?}", stand.log());
                }
            }
        }
    }

    /// Whatever is lost on the way, both directors have the same orders once they hear each other, and those that were given
    /// last where both heard of everything.
    #[test]
    fn both_directors_come_to_the_same_orders(chances in prop::collection::vec(chance(), 0..40)) {
        let mut duo = Duo::new(TWO);
        duo.connect();
        for chance in chances {
            match chance {
                Chance::Order(at, server, order) => {
                    let server = ["10.0.0.1:80", "10.0.0.2:80"][server];
                    duo.order(at, server, order);
                }
                Chance::Cut(through) => {
                    duo.a.said.truncate(through);
                    duo.b.said.truncate(through);
                    duo.deliver();
                    duo.part();
                }
                Chance::Connect => duo.connect(),
                Chance::Deliver => duo.deliver(),
                Chance::Tick(at, time) => {
                    duo.clocks[at] += time;
                    duo.a.pass(Duration::from_millis(100), all);
                    duo.b.pass(Duration::from_millis(100), all);
                }
                Chance::Master(at, is) => {
                    let masters = is.then(|| "eth0/1".into());
                    let stand = if at == 0 { &mut duo.a } else { &mut duo.b };
                    stand.event(Event::MasterOf(masters.into_iter().collect()));
                }
                Chance::Table(at) => {
                    let stand = if at == 0 { &mut duo.a } else { &mut duo.b };
                    said(stand, &Message::Table(TableNews::Wanted));
                }
            }
        }
        duo.connect();
        let orders = |stand: &Stand| stand.engine.orders().iter().collect::<Vec<_>>();
        prop_assert_eq!(orders(&duo.a), orders(&duo.b));
        let versions = |stand: &Stand| -> Vec<_> {
            let lines = stand.engine.ledger().lines();
            lines.map(|it| (it.service, it.server, it.entry.version, it.entry.order)).collect()
        };
        prop_assert_eq!(versions(&duo.a), versions(&duo.b));
        // One that was given afterwards wins, however the clocks stand.
        duo.order(1, "10.0.0.1:80", None);
        duo.deliver();
        let first: ServerKey = "10.0.0.1:80".parse().unwrap();
        prop_assert_eq!(duo.a.engine.orders().get(&key(), &first), None);
    }
}
