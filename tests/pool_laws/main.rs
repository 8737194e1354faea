// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is true for every pool of servers, whatever its rules, its servers' standings, the orders, and the table before.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod reloads;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use lvs_director::model::{
    AskedWeight, Check, CheckSchedule, Checks, Config, ConfiguredServer, ConfiguredService,
    Failover, ForwardingMethod, IpvsTable, KnowsStandings, MinHealthy, Need, Order, PoolRules,
    PoolState, Probe, ProbeKind, Quorum, QuorumUnit, Rank, RealServer, Role, Scheduler,
    SchedulerFlags, ServerKey, ServiceKey, ServiceSettings, Standing, Timestamp, VirtualService,
    Weight,
};
use lvs_director::plan::{SimulatedKernel, desired, diff, execute, pool_state};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

fn key() -> ServiceKey {
    "TCP 192.0.2.10:80".parse().unwrap()
}

fn server_key(number: usize) -> ServerKey {
    let last = u8::try_from(number).unwrap() + 1;
    ServerKey::new(IpAddr::from([10, 0, 0, last]), 80)
}

fn weight(number: u32) -> Weight {
    Weight::new(number).unwrap()
}

fn check(server: ServerKey) -> Checks {
    let schedule = CheckSchedule::DEFAULT;
    Checks {
        need: Need::All,
        each: std::iter::once(Arc::new(Check {
            probe: Probe {
                kind: ProbeKind::Tcp,
                target: (server.address, server.port).into(),
                path: None,
            },
            schedule: Arc::new(schedule),
        }))
        .collect(),
    }
}

/// One server: as configured, and what is known of it.
#[derive(Debug, Clone)]
struct Member {
    weight: u32,
    inhibit: bool,
    checked: bool,
    standing: Option<Standing>,
    since: u64,
    order: Option<Order>,
    rank: Rank,
}

fn member() -> impl Strategy<Value = Member> {
    let standing = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Standing::Unknown)),
        4 => Just(Some(Standing::UP)),
        1 => (0..9_u32).prop_map(|number| Some(Standing::Up(Weight::new(number).map(AskedWeight::Weight)))),
        6 => Just(Some(Standing::Down)),
        1 => Just(Some(Standing::Drain)),
        1 => Just(Some(Standing::Maintenance)),
    ];
    let order = prop_oneof![
        8 => Just(None),
        1 => Just(Some(Order::Drain)),
        1 => Just(Some(Order::Disable)),
        1 => (0..9_u32).prop_map(|number| Some(Order::Weight(weight(number)))),
    ];
    let rank = prop_oneof![
        4 => Just(Rank::Primary),
        2 => Just(Rank::Backup),
        1 => Just(Rank::Sorry),
    ];
    let configured = (0..6_u32, any::<bool>(), prop::bool::weighted(0.9), rank);
    (configured, standing, 0..4_u64, order).prop_map(
        |((weight, inhibit, checked, rank), standing, since, order)| Member {
            weight,
            inhibit,
            checked,
            standing,
            since,
            order,
            rank,
        },
    )
}

fn rules() -> impl Strategy<Value = PoolRules> {
    let min_healthy = prop_oneof![
        (0..7_u32).prop_map(MinHealthy::Servers),
        (0..=100_u8).prop_map(MinHealthy::Percent),
    ];
    let unit = prop::sample::select(vec![QuorumUnit::Servers, QuorumUnit::Weight]);
    let quorum = (unit, 1..5_u32).prop_flat_map(|(unit, needed)| {
        (0..needed).prop_map(move |hysteresis| Quorum {
            unit,
            needed,
            hysteresis,
        })
    });
    let quorum = prop_oneof![Just(Quorum::ONE), quorum];
    (min_healthy, quorum).prop_map(|(min_healthy, quorum)| PoolRules {
        min_healthy,
        quorum,
    })
}

fn settings() -> impl Strategy<Value = ServiceSettings> {
    let scheduler = prop::sample::select(vec!["wrr", "sh", "mh"]);
    (scheduler, 0..2_u8).prop_map(|(name, flags)| ServiceSettings {
        scheduler_flags: SchedulerFlags::from_bits(flags),
        ..ServiceSettings::new(Scheduler::new(name).unwrap())
    })
}

/// A service, and all that is known of its servers.
#[derive(Debug, Clone)]
struct Pool {
    settings: ServiceSettings,
    rules: PoolRules,
    members: Vec<Member>,
    state: PoolState,
}

fn pool() -> impl Strategy<Value = Pool> {
    (settings(), rules(), vec(member(), 0..6)).prop_map(|(settings, rules, members)| Pool {
        settings,
        rules,
        members,
        state: PoolState::default(),
    })
}

/// The service in the kernel, if it is there, with weights of its servers and of others.
fn present() -> impl Strategy<Value = Option<BTreeMap<usize, u32>>> {
    option::weighted(0.9, btree_map(0..7_usize, 0..6_u32, 0..7))
}

impl Pool {
    fn config(&self) -> Config {
        let servers = self.members.iter().enumerate().map(|(number, member)| {
            let server = server_key(number);
            let configured = ConfiguredServer {
                real_server: real(member.weight),
                checks: if member.checked {
                    check(server)
                } else {
                    Checks::NONE
                },
                inhibit_on_failure: member.inhibit,
                rank: member.rank,
                drain: None,
                slow_start: None,
            };
            (server, configured)
        });
        let service = ConfiguredService {
            settings: self.settings.clone(),
            servers: Arc::new(servers.collect()),
            pool: self.rules,
            failover: Failover::Usual,
        };
        Config {
            services: BTreeMap::from([(key(), service)]),
            ..Config::default()
        }
    }

    fn table(&self, present: Option<&BTreeMap<usize, u32>>) -> IpvsTable {
        let service = present.map(|weights| VirtualService {
            settings: self.settings.clone(),
            servers: weights
                .iter()
                .map(|(number, weight)| (server_key(*number), real(*weight)))
                .collect(),
        });
        IpvsTable {
            services: service
                .map(|service| (key(), service))
                .into_iter()
                .collect(),
        }
    }

    fn desired(&self, observed: &IpvsTable) -> VirtualService {
        let mut table = desired(&self.config(), self, Role::Serving, observed);
        table.services.remove(&key()).unwrap()
    }

    fn state(&self, observed: &IpvsTable) -> PoolState {
        let service = observed.services.get(&key());
        pool_state(&self.config(), self, Role::Serving, &key(), service)
    }

    fn member(&self, server: &ServerKey) -> Option<&Member> {
        let found = (0..self.members.len()).find(|number| server_key(*number) == *server);
        self.members.get(found?)
    }
}

impl KnowsStandings for Pool {
    fn standing(&self, _: &ServiceKey, server: &ServerKey) -> Option<Standing> {
        self.member(server)?.standing
    }

    fn order(&self, _: &ServiceKey, server: &ServerKey) -> Option<Order> {
        self.member(server)?.order
    }

    fn since(&self, _: &ServiceKey, server: &ServerKey) -> Option<Timestamp> {
        let since = self.member(server)?.since;
        Some(Timestamp::after_start(Duration::from_secs(since)))
    }

    fn pool(&self, _: &ServiceKey) -> Option<&PoolState> {
        Some(&self.state)
    }
}

fn real(number: u32) -> RealServer {
    RealServer::new(ForwardingMethod::DirectRouting, weight(number))
}

/// Who takes connections.
fn serving(service: &VirtualService) -> BTreeSet<ServerKey> {
    let servers = service.servers.iter();
    let servers = servers.filter(|(_, real)| !real.weight.is_zero());
    servers.map(|(server, _)| *server).collect()
}

const fn is_out(order: Option<Order>) -> bool {
    match order {
        Some(Order::Drain | Order::Disable) => true,
        Some(Order::Weight(weight)) => weight.is_zero(),
        None => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn carrying_it_out_settles_the_pool(mut pool in pool(), present in present()) {
        let observed = pool.table(present.as_ref());
        let (wanted, state) = (pool.desired(&observed), pool.state(&observed));
        let config = pool.config();
        let ours = BTreeSet::from([key()]);
        let table = desired(&config, &pool, Role::Serving, &observed);
        let mut kernel = SimulatedKernel::holding(observed.clone());
        let outcome = execute(&mut kernel, &diff(&table, &observed, &ours)).unwrap();
        prop_assert!(outcome.is_complete(), "{:?}", outcome.failures);
        pool.state = state.clone();
        prop_assert_eq!(pool.desired(&kernel.table), wanted);
        let again = pool.state(&kernel.table);
        prop_assert_eq!(&again.shortage, &state.shortage);
        let who = |state: &PoolState| state.lost.map(|lost| lost.stands_in);
        prop_assert_eq!(who(&again), who(&state));
        // Those who stay do so also when somebody empties the table.
        let mut emptied = kernel.table;
        emptied.services.values_mut().for_each(|service| service.servers.clear());
        let kept = state.shortage.map(|shortage| shortage.kept).unwrap_or_default();
        let served = serving(&pool.desired(&emptied));
        // One without a verdict may come in where nobody is left.
        let has_verdict = |member: &Member| {
            !member.checked || member.standing.is_some_and(|it| it != Standing::Unknown)
        };
        if pool.members.iter().all(has_verdict) {
            prop_assert!(kept.iter().all(|server| served.contains(server)), "{served:?}");
        }
    }

    #[test]
    fn no_prefix_of_the_change_leaves_the_service_without_a_server(pool in pool(), present in present()) {
        let observed = pool.table(present.as_ref());
        let table = desired(&pool.config(), &pool, Role::Serving, &observed);
        let serves = |table: &IpvsTable| table.services.get(&key()).is_some_and(VirtualService::can_serve);
        if serves(&observed) && serves(&table) {
            let plan = diff(&table, &observed, &BTreeSet::new());
            let mut kernel = SimulatedKernel::holding(observed);
            for step in plan.steps() {
                kernel.step(step).unwrap();
                prop_assert!(serves(&kernel.table), "after {step}");
            }
        }
    }

    #[test]
    fn when_all_checks_fail_at_once_the_floor_stays_and_is_alarmed(mut pool in pool()) {
        for member in &mut pool.members {
            (member.checked, member.standing) = (true, Some(Standing::UP));
            member.rank = Rank::Primary;
        }
        let before = pool.table(None);
        let before = IpvsTable { services: BTreeMap::from([(key(), pool.desired(&before))]) };
        let good = serving(&before.services[&key()]).len();
        for member in &mut pool.members {
            member.standing = Some(Standing::Down);
        }
        let floor = pool.rules.min_healthy.of(pool.members.len());
        prop_assert_eq!(serving(&pool.desired(&before)).len(), good.min(floor));
        let shortage = pool.state(&before).shortage;
        prop_assert_eq!(shortage.is_some(), good > 0 && floor > 0);
        // Those that went down last.
        let kept = serving(&pool.desired(&before));
        let since = |server: &ServerKey| pool.member(server).unwrap().since;
        let oldest = kept.iter().map(since).min();
        let let_go = serving(&before.services[&key()]).into_iter().filter(|server| !kept.contains(server));
        prop_assert!(let_go.map(|server| since(&server)).max() <= oldest || kept.is_empty());
    }

    #[test]
    fn who_is_ordered_out_gets_nothing_and_who_is_down_only_as_the_floor_says(
        pool in pool(), present in present(),
    ) {
        let observed = pool.table(present.as_ref());
        let (wanted, state) = (pool.desired(&observed), pool.state(&observed));
        let primaries = pool.members.iter().filter(|member| member.rank == Rank::Primary);
        let floor = pool.rules.min_healthy.of(primaries.count());
        let served = serving(&wanted);
        let mut down = 0;
        for server in &served {
            let member = pool.member(server).unwrap();
            prop_assert!(!is_out(member.order), "{server}");
            if member.checked && member.standing == Some(Standing::Down) {
                down += 1;
                prop_assert!(state.keeps(server), "{server}");
                let there = observed.services.get(&key());
                prop_assert!(there.is_some_and(|service| serving(service).contains(server)));
            }
        }
        prop_assert!(down == 0 || served.len() <= floor, "{served:?}");
    }

    /// A candidate is healthy, and no operator has ordered it out.
    #[test]
    fn the_service_is_not_empty_when_there_is_a_candidate(pool in pool(), present in present()) {
        let observed = pool.table(present.as_ref());
        let is_candidate = |member: &Member| {
            let standing = if member.checked { member.standing } else { Some(Standing::UP) };
            let own = match standing {
                Some(Standing::Up(own)) => own.map_or(member.weight, |own| own.of(Weight::new(member.weight).unwrap()).get()),
                _ => 0,
            };
            match member.order {
                None => own > 0,
                Some(Order::Weight(ordered)) => {
                    standing.is_some_and(Standing::is_up) && !ordered.is_zero()
                }
                Some(_) => false,
            }
        };
        let wanted = pool.desired(&observed);
        prop_assert!(wanted.can_serve() || !pool.members.iter().any(is_candidate), "{wanted:?}");
    }

    #[test]
    fn who_stands_in_serves_only_while_the_quorum_is_lost(mut pool in pool(), present in present()) {
        let observed = pool.table(present.as_ref());
        let (wanted, state) = (pool.desired(&observed), pool.state(&observed));
        let rank = |server: &ServerKey| pool.member(server).unwrap().rank;
        let ranks: BTreeSet<Rank> = serving(&wanted).iter().map(rank).collect();
        let reserve = ranks.contains(&Rank::Backup) || ranks.contains(&Rank::Sorry);
        prop_assert!(!reserve || state.lost.is_some());
        if ranks.contains(&Rank::Sorry) {
            prop_assert_eq!(ranks.len(), 1, "the sorry server is alone: {:?}", wanted);
        }
        // All primaries are well again.
        for member in &mut pool.members {
            (member.checked, member.standing, member.order) = (true, Some(Standing::UP), None);
            if member.rank == Rank::Primary {
                member.weight += 6;
            }
        }
        let primaries = pool.members.iter().filter(|member| member.rank == Rank::Primary);
        if primaries.count() >= pool.rules.quorum.needed.try_into().unwrap() {
            let wanted = pool.desired(&pool.table(present.as_ref()));
            let mut servers = wanted.servers.keys();
            prop_assert!(servers.all(|server| pool.member(server).unwrap().rank == Rank::Primary));
        }
    }
}
