// SPDX-License-Identifier: MIT OR Apache-2.0
//! The checkers of whole configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

use super::{RETRY_DELAY, check, probe, report};
use crate::health::{CheckId, Health, HealthAction, HealthEvent, ProbeRequest};
use crate::model::{
    Adoption, Check, Checks, Config, ConfiguredServer, ConfiguredService, DirectorSettings,
    Failover, ForwardingMethod, IpvsSettings, KnowsStandings, Need, PoolRules, Probe, ProbeOutcome,
    ProbePath, Rank, RealServer, Recalled, Scheduler, ServerKey, ServiceKey, ServiceSettings,
    Standing, Timestamp, Weight,
};

pub(super) fn moment(seconds: u64) -> Timestamp {
    Timestamp::after_start(Duration::from_secs(seconds))
}

/// The servers of a service, each with its checks.
pub(super) type Servers<'a> = &'a [(&'a str, Checks)];

pub(super) fn config(services: &[(&str, Servers<'_>)]) -> Config {
    let services = services.iter().map(|(service, servers)| {
        let servers = servers.iter().map(|(at, checks)| {
            let configured = ConfiguredServer {
                real_server: RealServer::new(ForwardingMethod::DirectRouting, Weight::ONE),
                checks: checks.clone(),
                inhibit_on_failure: false,
                rank: Rank::Primary,
                drain: None,
                slow_start: None,
            };
            (server(at), configured)
        });
        let configured = ConfiguredService {
            pool: PoolRules::default(),
            settings: ServiceSettings::new(Scheduler::WLC),
            servers: Arc::new(servers.collect()),
            failover: Failover::Usual,
        };
        (self::service(service), configured)
    });
    Config {
        services: services.collect(),
        ipvs: IpvsSettings {
            tcp_timeout: None,
            tcp_fin_timeout: None,
            udp_timeout: None,
            expire_nodest_conn: None,
            expire_quiescent_template: None,
            conn_reuse_mode: None,
            conn_lfactor: None,
            adopt_connections: Adoption::Always,
        },
        routers: BTreeMap::new(),
        connection_sync: None,
        web: Vec::new(),
        peer: None,
        director: DirectorSettings {
            remembered_file: "/nowhere".into(),
            state_file: "/nowhere".into(),
            socket: "/nowhere".into(),
            repair_interval: Duration::from_secs(10),
            remember: None,
            real_time: None,
            lock_memory: false,
            socket_group: None,
            socket_readers: None,
        },
    }
}

pub(super) fn service(at: &str) -> ServiceKey {
    ServiceKey::tcp(at.parse().unwrap())
}

pub(super) fn server(at: &str) -> ServerKey {
    at.parse::<SocketAddr>().unwrap().into()
}

pub(super) const VIP: &str = "192.0.2.10:80";

/// The checkers of a configuration; a closure gives the answers.
pub(super) struct Checked {
    pub(super) health: Health,
    pub(super) now: Timestamp,
}

impl Checked {
    pub(super) fn new(config: &Config) -> Self {
        Self::serving(config, |_| false)
    }

    pub(super) fn serving(config: &Config, serving: impl Fn(&str) -> bool) -> Self {
        let mut health = Health::new(7);
        let serving = |_: &ServiceKey, server: &ServerKey| serving(&server.to_string());
        health.configure(config, serving, Timestamp::ZERO);
        let now = Timestamp::ZERO;
        Self { health, now }
    }

    pub(super) fn configure(&mut self, config: &Config) {
        self.health.configure(config, |_, _| false, self.now);
    }

    /// Lets time pass and answers every probe at once. Returns the other actions, and counts the targets of the probes.
    pub(super) fn pass(
        &mut self,
        time: Duration,
        answer: impl Fn(&Probe) -> ProbeOutcome,
    ) -> (Vec<HealthAction>, BTreeMap<String, usize>) {
        let (end, mut told, mut probes) = (self.now + time, Vec::new(), BTreeMap::new());
        while let Some(at) = self.health.deadline().filter(|at| *at <= end) {
            self.now = at;
            for request in self.due() {
                let asked = &request.check.probe;
                *probes.entry(asked.target.to_string()).or_default() += 1;
                let came = report(answer(asked), "");
                let event = HealthEvent::Reported(request.run, came);
                self.health.handle(at, event, &mut told);
            }
        }
        self.now = end;
        (told, probes)
    }

    /// The probes that are due now.
    fn due(&mut self) -> Vec<ProbeRequest> {
        let mut out = Vec::new();
        self.health
            .handle(self.now, HealthEvent::Deadline, &mut out);
        let requests = out.into_iter().map(|action| match action {
            HealthAction::Probe(request) => request,
            HealthAction::Hold(_)
            | HealthAction::Release(_)
            | HealthAction::Changed { .. }
            | HealthAction::HeldDown { .. }
            | HealthAction::NotChecked { .. }
            | HealthAction::Warned { .. }
            | HealthAction::CheckedAgain { .. } => panic!("{action:?}"),
        });
        requests.collect()
    }

    pub(super) fn standing(&self, of: &str, at: &str) -> Option<Standing> {
        self.health.standing(&service(of), &server(at))
    }

    /// The ids of the checkers.
    fn ids(&self, of: &str, at: &str) -> BTreeSet<CheckId> {
        let ids = (1..100).map(CheckId);
        ids.filter(|id| {
            let key = (service(of), server(at));
            self.health.users(*id).any(|user| user == key)
        })
        .collect()
    }
}

pub(super) fn up(_: &Probe) -> ProbeOutcome {
    ProbeOutcome::Up(None)
}

pub(super) fn down(_: &Probe) -> ProbeOutcome {
    ProbeOutcome::Down
}

pub(super) const SECOND: Duration = Duration::from_secs(1);

#[test]
fn every_server_has_a_verdict_within_the_first_second() {
    let names: Vec<String> = (1..=200).map(|n| format!("10.0.0.{n}:80")).collect();
    let servers: Vec<(&str, Checks)> = names
        .iter()
        .map(|at| (at.as_str(), Checks::one(check(at))))
        .collect();
    let mut checked = Checked::new(&config(&[(VIP, &servers)]));
    checked.pass(SECOND, up);
    assert!(
        names
            .iter()
            .all(|at| checked.standing(VIP, at) == Some(Standing::UP))
    );
}

#[test]
fn services_with_an_equal_check_share_one_probe_and_each_is_told() {
    let names: Vec<String> = (1..=50).map(|n| format!("192.0.2.{n}:80")).collect();
    let servers = [("10.0.0.1:80", Checks::one(check("10.0.0.1:80")))];
    let services: Vec<(&str, Servers<'_>)> = names
        .iter()
        .map(|at| (at.as_str(), servers.as_slice()))
        .collect();
    let mut checked = Checked::new(&config(&services));
    let (told, probes) = checked.pass(SECOND, up);
    assert_eq!(probes, BTreeMap::from([("10.0.0.1:80".to_owned(), 1)]));
    let services: BTreeSet<_> = told
        .iter()
        .map(|action| match action {
            HealthAction::Changed {
                service,
                from: Standing::Unknown,
                to: Standing::Up(None),
                because,
                ..
            } if &**because == "check passed, 1/1" => service.to_string(),
            other @ (HealthAction::Probe(_)
            | HealthAction::Hold(_)
            | HealthAction::Release(_)
            | HealthAction::Changed { .. }
            | HealthAction::HeldDown { .. }
            | HealthAction::NotChecked { .. }
            | HealthAction::Warned { .. }
            | HealthAction::CheckedAgain { .. }) => panic!("{other:?}"),
        })
        .collect();
    assert_eq!((told.len(), services.len()), (50, 50));
}

#[test]
fn checks_that_differ_in_anything_are_never_merged() {
    let plain = check("10.0.0.1:80");
    let mut by_path = plain.clone();
    by_path.probe.path = ProbePath {
        source: Some("10.0.0.254".parse().unwrap()),
        ..ProbePath::default()
    }
    .chosen();
    let mut by_schedule = plain.clone();
    Arc::make_mut(&mut by_schedule.schedule).rise = 9;
    let services = [plain, by_path, by_schedule].map(Checks::one);
    let servers = services.map(|checks| [("10.0.0.1:80", checks)]);
    let names = ["192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80"];
    let services: Vec<(&str, Servers<'_>)> = names
        .into_iter()
        .zip(servers.iter().map(<[_; 1]>::as_slice))
        .collect();
    let mut checked = Checked::new(&config(&services));
    let ids: BTreeSet<CheckId> = names
        .iter()
        .flat_map(|name| checked.ids(name, "10.0.0.1:80"))
        .collect();
    assert_eq!(ids.len(), 3);
    let (_, probes) = checked.pass(SECOND, |probe| match probe.source() {
        Some(_) => ProbeOutcome::Down,
        None => ProbeOutcome::Up(None),
    });
    assert_eq!(probes["10.0.0.1:80"], 3);
    let standings = names.map(|name| checked.standing(name, "10.0.0.1:80").unwrap());
    assert_eq!(standings, [Standing::UP, Standing::Down, Standing::UP]);
}

#[test]
fn a_server_with_several_checks_has_one_standing() {
    let (web, queue) = ("10.0.0.1:80", "10.0.0.1:5672");
    let each = [web, queue].map(|at| Arc::new(check(at))).to_vec();
    let need = Need::All;
    let each = each.into();
    let checks = Checks { need, each };
    let mut checked = Checked::new(&config(&[(VIP, &[("10.0.0.1:80", checks)])]));
    let (told, _) = checked.pass(SECOND, up);
    assert_eq!(told.len(), 1, "up when both are: {told:?}");
    let (told, _) = checked.pass(Duration::from_secs(20), |probe| {
        if probe.target.port() == 80 {
            ProbeOutcome::Up(None)
        } else {
            ProbeOutcome::Down
        }
    });
    let [HealthAction::Changed { to, because, .. }] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!(*to, Standing::Down);
    assert_eq!(
        &**because, "tcp 10.0.0.1:5672: check failed, 3/3",
        "which check it was"
    );
    let health = checked.health.server(&service(VIP), &server(web)).unwrap();
    let standings: Vec<Standing> = health.checks().map(|check| check.standing).collect();
    assert_eq!(standings, [Standing::UP, Standing::Down]);
    assert_eq!(health.standing, Standing::Down);
}

#[test]
fn a_server_without_checks_has_no_standing() {
    let servers = [
        ("10.0.0.1:80", Checks::NONE),
        ("10.0.0.2:80", Checks::one(check("10.0.0.2:80"))),
    ];
    let checked = Checked::new(&config(&[(VIP, &servers)]));
    assert_eq!(checked.standing(VIP, "10.0.0.1:80"), None);
    assert_eq!(checked.standing(VIP, "10.0.0.9:80"), None);
    assert_eq!(
        checked.standing(VIP, "10.0.0.2:80"),
        Some(Standing::Unknown)
    );
}

#[test]
fn a_new_configuration_keeps_what_is_known_of_checks_that_stay() {
    let one = |at| (at, Checks::one(check(at)));
    let (first, second, third) = ("10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80");
    let mut checked = Checked::new(&config(&[(VIP, &[one(first), one(second)])]));
    checked.pass(SECOND, down);
    let ids = checked.ids(VIP, second);
    // Another service with the same check gets its answer at once.
    let other = "192.0.2.11:80";
    checked.configure(&config(&[
        (other, &[one(second)]),
        (VIP, &[one(second), one(third)]),
    ]));
    assert_eq!(checked.standing(VIP, first), None);
    assert_eq!(checked.standing(VIP, second), Some(Standing::Down));
    assert_eq!(checked.standing(other, second), Some(Standing::Down));
    assert_eq!(checked.standing(VIP, third), Some(Standing::Unknown));
    assert_eq!(checked.ids(other, second), ids);
}

#[test]
fn another_schedule_keeps_what_is_known_and_cuts_a_wait_that_is_too_long() {
    let at = "10.0.0.1:80";
    let mut slow = check(at);
    Arc::make_mut(&mut slow.schedule).interval = Duration::from_secs(3600);
    let mut quick = check(at);
    Arc::make_mut(&mut quick.schedule).interval = Duration::from_millis(50);
    let with = |check: &Check| config(&[(VIP, &[(at, Checks::one(check.clone()))])]);
    let mut checked = Checked::new(&with(&slow));
    checked.pass(SECOND, up);
    let before = checked.ids(VIP, at);
    checked.configure(&with(&quick));
    assert_eq!(checked.standing(VIP, at), Some(Standing::UP));
    assert_ne!(checked.ids(VIP, at), before);
    let wait = checked.health.deadline().unwrap().since(checked.now);
    assert!(wait <= quick.schedule.interval, "{wait:?}");
    // Another question begins from nothing.
    let other = check("10.0.0.1:81");
    checked.configure(&with(&other));
    assert_eq!(checked.standing(VIP, at), Some(Standing::Unknown));
}

/// With a check of this port of the server.
fn asked_at(port: u16) -> Config {
    let checks = Checks::one(check(&format!("10.0.0.1:{port}")));
    config(&[(VIP, &[("10.0.0.1:80", checks)])])
}

#[test]
fn a_server_that_is_down_stays_so_when_its_check_changes_and_comes_back_as_any_other() {
    let at = "10.0.0.1:80";
    let mut checked = Checked::new(&asked_at(81));
    checked.pass(SECOND, down);
    let since = checked.health.since(&service(VIP), &server(at));
    checked.pass(SECOND * 10, down);
    for port in [82, 83] {
        checked.configure(&asked_at(port));
        assert_eq!(checked.standing(VIP, at), Some(Standing::Down));
        assert_eq!(checked.health.since(&service(VIP), &server(at)), since);
    }
    let health = checked.health.server(&service(VIP), &server(at)).unwrap();
    assert!(!health.assumed, "the file does not say so");
    let progress = health.checks().next().unwrap().progress;
    assert_eq!((progress.against, progress.needed), (0, 2));
    let remembered = checked.health.remembered(checked.now).all();
    assert_eq!(remembered.len(), 1, "a restart knows it");
    assert_eq!(remembered[0].standing, Standing::Down);
    let (told, _) = checked.pass(SECOND * 3, down);
    assert_eq!(told, [], "nothing is new");
    checked.configure(&asked_at(84));
    checked.pass(SECOND, up);
    assert_eq!(checked.standing(VIP, at), Some(Standing::Down));
    checked.pass(SECOND * 6, up);
    assert_eq!(checked.standing(VIP, at), Some(Standing::UP));
}

#[test]
fn a_server_that_is_down_and_takes_connections_has_no_verdict_when_its_check_changes() {
    let at = "10.0.0.1:80";
    for (answer, time, standing) in [
        (up as fn(&Probe) -> ProbeOutcome, SECOND, Standing::UP),
        (down, SECOND, Standing::Unknown),
        (down, SECOND + RETRY_DELAY * 2, Standing::Down),
    ] {
        let mut checked = Checked::new(&asked_at(81));
        checked.pass(SECOND, down);
        let config = asked_at(82);
        checked.health.configure(&config, |_, _| true, checked.now);
        assert_eq!(checked.standing(VIP, at), Some(Standing::Unknown));
        checked.pass(time, answer);
        assert_eq!(checked.standing(VIP, at), Some(standing));
    }
}

#[test]
fn a_new_check_of_a_server_that_is_down_and_has_no_opinion_leaves_the_verdict_to_the_others() {
    let (at, agent) = ("10.0.0.1:80", "10.0.0.1:99");
    let checks = |each: &[&str]| {
        let each = each.iter().map(|at| Arc::new(check(at)));
        let checks = Checks {
            need: Need::All,
            each: each.collect(),
        };
        config(&[(VIP, &[(at, checks)])])
    };
    let mut checked = Checked::new(&checks(&[at]));
    checked.pass(SECOND, down);
    checked.configure(&checks(&[at, agent]));
    assert_eq!(checked.standing(VIP, at), Some(Standing::Down));
    checked.pass(SECOND * 20, |probe| match probe.target.port() {
        99 => ProbeOutcome::Abstained,
        _ => ProbeOutcome::Up(None),
    });
    assert_eq!(checked.standing(VIP, at), Some(Standing::UP));
}

#[test]
fn no_server_goes_down_because_it_gets_a_check_together_with_one_that_is_down() {
    let (up_before, down_before) = ("10.0.0.1:80", "10.0.0.2:80");
    let with = |first: &str, second: &str| {
        let one = |at| Checks::one(check(at));
        config(&[(VIP, &[(up_before, one(first)), (down_before, one(second))])])
    };
    let answer = |probe: &Probe| {
        if probe.target.to_string() == up_before {
            ProbeOutcome::Up(None)
        } else {
            ProbeOutcome::Down
        }
    };
    let mut checked = Checked::new(&with(up_before, down_before));
    checked.pass(SECOND, answer);
    let shared = "10.0.0.9:9";
    checked.configure(&with(shared, shared));
    for at in [up_before, down_before] {
        assert_eq!(checked.standing(VIP, at), Some(Standing::Unknown));
    }
    // The one that is down had it first, and it has found nothing yet.
    let mut checked = Checked::new(&with(up_before, down_before));
    checked.pass(SECOND, answer);
    checked.configure(&with(up_before, shared));
    assert_eq!(checked.standing(VIP, down_before), Some(Standing::Down));
    checked.configure(&with(shared, shared));
    for at in [up_before, down_before] {
        assert_eq!(checked.standing(VIP, at), Some(Standing::Unknown));
    }
}

#[test]
fn the_report_of_a_checker_that_is_gone_means_nothing() {
    let one = |at| (at, Checks::one(check(at)));
    let mut checked = Checked::new(&config(&[(VIP, &[one("10.0.0.1:80")])]));
    checked.now = checked.health.deadline().unwrap();
    let request = checked.due().pop().unwrap();
    checked.configure(&config(&[(VIP, &[one("10.0.0.2:80")])]));
    let mut out = Vec::new();
    let event = HealthEvent::Reported(request.run, report(ProbeOutcome::Up(None), ""));
    checked.health.handle(checked.now, event, &mut out);
    assert_eq!(out, []);
    assert_eq!(
        checked.standing(VIP, "10.0.0.2:80"),
        Some(Standing::Unknown)
    );
    assert_eq!(checked.health.users(request.run.check).count(), 0);
}

#[test]
fn one_failure_after_a_restart_does_not_take_a_serving_server_down() {
    let one = |at| (at, Checks::one(check(at)));
    let (serving, other) = ("10.0.0.1:80", "10.0.0.2:80");
    let config = config(&[(VIP, &[one(serving), one(other)])]);
    let mut checked = Checked::serving(&config, |at| at == serving);
    let (_, probes) = checked.pass(SECOND, down);
    assert_eq!(probes[serving], 1);
    assert_eq!(checked.standing(VIP, serving), Some(Standing::Unknown));
    assert_eq!(checked.standing(VIP, other), Some(Standing::Down));
    checked.pass(RETRY_DELAY * 2, down);
    assert_eq!(checked.standing(VIP, serving), Some(Standing::Down));
}

#[test]
fn what_is_remembered_is_recalled_with_its_age_and_by_its_probe() {
    let one = |at| (at, Checks::one(check(at)));
    let (first, second) = ("10.0.0.1:80", "10.0.0.2:80");
    let config = config(&[(VIP, &[one(first), one(second)])]);
    let mut earlier = Checked::new(&config);
    let answer = |probe: &Probe| {
        if probe.target.to_string() == first {
            ProbeOutcome::Up(None)
        } else {
            ProbeOutcome::Down
        }
    };
    assert_eq!(earlier.health.remembered(earlier.now).all(), []);
    earlier.pass(SECOND, answer);
    let remembered = earlier.health.remembered(moment(100)).all();
    let standings: Vec<Standing> = remembered.iter().map(|it| it.standing).collect();
    assert_eq!(standings, [Standing::UP, Standing::Down]);
    assert!(remembered.iter().all(|it| it.age > SECOND * 99));

    let mut later = Health::new(1);
    later.recall(remembered.clone(), moment(1000));
    later.configure(&config, |_, _| false, moment(1000));
    assert_eq!(
        later.standing(&service(VIP), &server(first)),
        Some(Standing::Unknown)
    );
    assert_eq!(
        later.remembered(moment(1000)).all(),
        remembered,
        "it is not forgotten before the first verdict"
    );
    let mut later = Checked {
        health: later,
        now: moment(1000),
    };
    let (told, _) = later.pass(SECOND, answer);
    assert_eq!(told.len(), 2, "both first verdicts are told: {told:?}");
    for (at, age) in [(first, remembered[0].age), (second, remembered[1].age)] {
        let health = later.health.server(&service(VIP), &server(at)).unwrap();
        assert_eq!(moment(1000).since(health.since), age);
    }
}

#[test]
fn a_server_that_is_recalled_as_up_needs_fall_failures_and_one_of_another_probe_does_not() {
    let at = "10.0.0.1:80";
    let recalled = |probe: Probe| Recalled {
        service: service(VIP),
        server: server(at),
        probe,
        standing: Standing::UP,
        age: Duration::from_secs(10_000),
        unconfirmed: Duration::ZERO,
        only_held_down: false,
    };
    for (asked, expected) in [(at, Standing::Unknown), ("10.0.0.1:5672", Standing::Down)] {
        let mut health = Health::new(1);
        health.recall(vec![recalled(probe(asked))], moment(1));
        let config = config(&[(VIP, &[(at, Checks::one(check(at)))])]);
        health.configure(&config, |_, _| false, moment(1));
        let mut checked = Checked {
            health,
            now: moment(1),
        };
        checked.pass(SECOND, down);
        assert_eq!(checked.standing(VIP, at), Some(expected), "{asked}");
    }
}

#[test]
fn the_list_of_what_is_due_has_one_entry_for_each_checker() {
    let one = |at| (at, Checks::one(check(at)));
    let servers = [one("10.0.0.1:80"), one("10.0.0.2:80")];
    let mut checked = Checked::new(&config(&[(VIP, &servers)]));
    checked.pass(Duration::from_secs(600), up);
    assert_eq!(checked.health.due_entries(), 2);
}

#[test]
fn requests_serialise_and_are_read_again() {
    let at = "10.0.0.1:80";
    let mut checked = Checked::new(&config(&[(VIP, &[(at, Checks::one(check(at)))])]));
    checked.now = checked.health.deadline().unwrap();
    let request = checked.due().pop().unwrap();
    let text = serde_json::to_string(&request).unwrap();
    assert_eq!(
        serde_json::from_str::<ProbeRequest>(&text).unwrap(),
        request
    );
}

/// A configuration with services of some of these servers, each with some of a few checks.
fn some_config() -> impl Strategy<Value = Config> {
    let checks = (0_usize..4, any::<bool>()).prop_map(|(which, any)| {
        let each: [&[&str]; 4] = [
            &[],
            &["10.0.0.2:80"],
            &["10.0.0.9:9"],
            &["10.0.0.9:9", "10.0.0.2:80"],
        ];
        Checks {
            need: if any { Need::Any } else { Need::All },
            each: each[which].iter().map(|at| Arc::new(check(at))).collect(),
        }
    });
    let servers = btree_map(select(vec!["10.0.0.2:80", "10.0.0.3:80"]), checks, 0..3);
    let services = btree_map(select(vec![VIP, "192.0.2.10:81"]), servers, 0..3);
    services.prop_map(|services| {
        let servers = |it: BTreeMap<&'static str, Checks>| it.into_iter().collect::<Vec<_>>();
        let services: Vec<_> = services
            .into_iter()
            .map(|(key, it)| (key, servers(it)))
            .collect();
        let services: Vec<_> = services
            .iter()
            .map(|(key, it)| (*key, it.as_slice()))
            .collect();
        config(&services)
    })
}

proptest! {
    /// Where no check changes, the roster is not made anew, and yet it is as if it were.
    #[test]
    fn what_is_not_made_anew_is_as_if_it_were(
        before in some_config(),
        after in some_config(),
        stays: bool,
        seconds in 0_u64..30,
        outcomes in vec(select(vec![ProbeOutcome::Up(None), ProbeOutcome::Down]), 2),
        serving: bool,
    ) {
        let mut checked = Checked::new(&before);
        checked.pass(Duration::from_secs(seconds), |probe| outcomes[usize::from(probe.target.port() == 9)]);
        let after = if stays { before } else { after };
        let (made, kept) = checked.health.rosters(&after, |_, _| serving, checked.now);
        prop_assert!(!stays || kept.is_some());
        if let Some(kept) = kept {
            prop_assert_eq!(made, kept);
        }
    }
}
