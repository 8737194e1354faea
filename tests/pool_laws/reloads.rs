// SPDX-License-Identifier: MIT OR Apache-2.0
//! What reloads, restarts and verdicts do to the servers that take connections, in whatever order they come.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use lvs_director::health::{Health, HealthAction, HealthEvent, ProbeRequest};
use lvs_director::model::{
    Check, CheckSchedule, Checks, Config, ConfiguredServer, ConfiguredService, Drains, Failover,
    IpvsTable, KnowsStandings, MinHealthy, Orders, Overruled, PoolRules, PoolState, Pools, Probe,
    ProbeKind, ProbeOutcome, ProbeReport, Quorum, Rank, Role, ServerKey, ServiceKey,
    ServiceSettings, SlowStarts, Standing, Timestamp, WithOrders,
};
use lvs_director::plan::{SimulatedKernel, desired, diff, execute, pool_state};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::{key, real, server_key, serving, settings};

const SERVERS: usize = 4;

/// What happens to a director.
#[derive(Debug, Clone)]
enum Happening {
    /// A new file: which check each server has, and perhaps another floor.
    Reload(Vec<Asked>, Option<u32>),
    /// It ends and starts.
    Restart,
    /// So many milliseconds go by.
    Pass(u64),
    /// One of the probes that are out comes back.
    Answer(usize, ProbeOutcome),
}

/// Which check a server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Its own.
    Own(u16),
    /// One that others may have, too.
    Shared(u16),
}

fn asked() -> impl Strategy<Value = Vec<Asked>> {
    let one = prop_oneof![
        6 => (81..84_u16).prop_map(Asked::Own),
        1 => (81..84_u16).prop_map(Asked::Shared),
    ];
    let own = vec((81..84_u16).prop_map(Asked::Own), SERVERS);
    prop_oneof![own, vec(one, SERVERS)]
}

fn happening() -> impl Strategy<Value = Happening> {
    let outcome = prop_oneof![
        3 => Just(ProbeOutcome::Up(None)),
        6 => Just(ProbeOutcome::Down),
        1 => Just(ProbeOutcome::CouldNotRun),
        1 => Just(ProbeOutcome::Abstained),
    ];
    prop_oneof![
        6 => (asked(), option::weighted(0.3, 0..4_u32))
            .prop_map(|(checks, floor)| Happening::Reload(checks, floor)),
        1 => Just(Happening::Restart),
        10 => (0..1500_u64).prop_map(Happening::Pass),
        30 => (0..8_usize, outcome).prop_map(|(which, outcome)| Happening::Answer(which, outcome)),
    ]
}

/// A director, its probes, and its kernel.
struct World {
    settings: ServiceSettings,
    checks: Vec<Asked>,
    floor: u32,
    health: Health,
    pools: Pools,
    kernel: SimulatedKernel,
    now: Timestamp,
    out: Vec<ProbeRequest>,
}

/// What is to be compared before and after.
struct Scene {
    serving: BTreeSet<ServerKey>,
    state: PoolState,
}

impl World {
    fn new(settings: ServiceSettings, checks: Vec<Asked>, floor: u32) -> Self {
        let mut world = Self {
            settings,
            checks,
            floor,
            health: Health::new(1),
            pools: Pools::default(),
            kernel: SimulatedKernel::default(),
            now: Timestamp::after_start(Duration::from_secs(1000)),
            out: Vec::new(),
        };
        world.configure();
        world
    }

    fn config(&self) -> Config {
        let servers = self.checks.iter().enumerate().map(|(number, asked)| {
            let key = server_key(number);
            let (of, port) = match *asked {
                Asked::Own(port) => (key, port),
                Asked::Shared(port) => (server_key(100), port),
            };
            let check = Check {
                probe: Probe {
                    kind: ProbeKind::Tcp,
                    target: (of.address, port).into(),
                    path: None,
                },
                schedule: Arc::new(CheckSchedule::DEFAULT),
            };
            let configured = ConfiguredServer {
                real_server: real(1),
                checks: Checks::one(check),
                inhibit_on_failure: false,
                rank: Rank::Primary,
                drain: None,
                slow_start: None,
            };
            (key, configured)
        });
        let service = ConfiguredService {
            settings: self.settings.clone(),
            servers: Arc::new(servers.collect()),
            pool: PoolRules {
                min_healthy: MinHealthy::Servers(self.floor),
                quorum: Quorum::ONE,
            },
            failover: Failover::Usual,
        };
        Config {
            services: [(key(), service)].into(),
            ..Config::default()
        }
    }

    fn configure(&mut self) {
        let config = self.config();
        let table = &self.kernel.table;
        let serving = |service: &ServiceKey, server: &ServerKey| table.has_serving(service, server);
        self.health.configure(&config, serving, self.now);
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Reload(checks, floor) => {
                self.checks = checks;
                self.floor = floor.unwrap_or(self.floor);
                self.configure();
            }
            Happening::Restart => {
                let known = self
                    .health
                    .remembered(self.now)
                    .recalled()
                    .collect::<Vec<_>>();
                self.health = Health::new(2);
                self.health.recall(known, self.now);
                self.pools = Pools::default();
                self.out.clear();
                self.configure();
            }
            Happening::Pass(milliseconds) => {
                self.now = self.now + Duration::from_millis(milliseconds);
                let mut actions = Vec::new();
                self.health
                    .handle(self.now, HealthEvent::Deadline, &mut actions);
                let requests = actions.into_iter().filter_map(|action| match action {
                    HealthAction::Probe(request) => Some(request),
                    _ => None,
                });
                self.out.extend(requests);
            }
            Happening::Answer(which, outcome) => {
                if self.out.is_empty() {
                    return;
                }
                let request = self.out.remove(which % self.out.len());
                let report = ProbeReport {
                    outcome,
                    reason: "said so".into(),
                    started: self.now,
                    latency: Duration::ZERO,
                };
                let event = HealthEvent::Reported(request.run, report);
                self.health.handle(self.now, event, &mut Vec::new());
            }
        }
    }

    /// Makes the kernel's table as it should be.
    fn converge(&mut self) {
        let (orders, drains, slow_starts) =
            (Orders::default(), Drains::default(), SlowStarts::default());
        let known = WithOrders {
            standings: &self.health,
            overruled: &Overruled::NONE,
            orders: &orders,
            pools: &self.pools,
            drains: &drains,
            slow_starts: &slow_starts,
        };
        let config = self.config();
        let table = desired(&config, &known, Role::Serving, &self.kernel.table);
        let plan = diff(&table, &self.kernel.table, &[key()].into());
        assert!(execute(&mut self.kernel, &plan).unwrap().is_complete());
        let service = self.kernel.table.services.get(&key());
        let state = pool_state(&config, &known, Role::Serving, &key(), service);
        self.pools.set(key(), state);
    }

    fn scene(&self) -> Scene {
        let IpvsTable { services } = &self.kernel.table;
        Scene {
            serving: services.get(&key()).map(serving).unwrap_or_default(),
            state: self.pools.get(&key()).cloned().unwrap_or_default(),
        }
    }

    fn standing(&self, server: &ServerKey) -> Standing {
        self.health.standing(&key(), server).unwrap()
    }

    /// How many servers it wants.
    fn wanted(&self) -> usize {
        MinHealthy::Servers(self.floor).of(SERVERS)
    }

    fn shares_a_check(&self) -> bool {
        let mut checks = self.checks.iter();
        checks.any(|asked| matches!(asked, Asked::Shared(_)))
    }
}

/// Who takes connections after this, and either did so before or has passed its check.
fn places(world: &World, before: &Scene, after: &Scene) -> usize {
    let has_one =
        |server: &&ServerKey| before.serving.contains(server) || world.standing(server).is_up();
    after.serving.iter().filter(has_one).count()
}

fn compare(
    world: &World,
    happening: &Happening,
    floor: u32,
    shared: bool,
    (before, after): (&Scene, &Scene),
) -> Result<(), TestCaseError> {
    for server in after.serving.difference(&before.serving) {
        let replaces_all = before.serving.is_disjoint(&after.serving);
        prop_assert!(
            world.standing(server).is_up() || replaces_all && !before.serving.is_empty(),
            "{server} comes in without a verdict"
        );
    }
    for server in before.serving.difference(&after.serving) {
        prop_assert_eq!(world.standing(server), Standing::Down);
        let places = places(world, before, after);
        prop_assert!(places >= world.wanted(), "{server} goes, {places} are left");
    }
    let is_short = |scene: &Scene| scene.state.shortage.is_some();
    let is_restart = matches!(happening, Happening::Restart);
    if is_short(before) && !is_short(after) && !is_restart && world.floor == floor {
        let healthy = |server: &&ServerKey| match world.standing(server) {
            Standing::Up(_) => true,
            Standing::Unknown => !before.state.keeps(server),
            Standing::Down | Standing::Drain | Standing::Maintenance => false,
        };
        let healthy = after.serving.iter().filter(healthy).count();
        prop_assert!(
            healthy >= world.wanted(),
            "the alarm ends with {healthy} healthy"
        );
    }
    match happening {
        Happening::Reload(..) if floor == world.floor && !shared => {
            prop_assert_eq!(&before.serving, &after.serving);
            prop_assert_eq!(is_short(before), is_short(after));
        }
        Happening::Restart => prop_assert_eq!(&before.serving, &after.serving),
        Happening::Reload(..) | Happening::Pass(_) | Happening::Answer(..) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// A server that takes connections goes only when it is down and enough others have its place: servers that passed
    /// their checks, or that took connections as well. A reload that only changes checks changes nobody's place, and no
    /// alarm.
    #[test]
    fn nobody_who_takes_connections_makes_room_for_one_of_which_nothing_is_known(
        settings in settings(),
        checks in asked(),
        floor in 0..4_u32,
        happenings in vec(happening(), 0..120),
    ) {
        let mut world = World::new(settings, checks, floor);
        world.converge();
        for happening in happenings {
            let (before, floor, shared) = (world.scene(), world.floor, world.shares_a_check());
            world.happens(happening.clone());
            world.converge();
            let shared = shared || world.shares_a_check();
            compare(&world, &happening, floor, shared, (&before, &world.scene()))?;
        }
    }
}
