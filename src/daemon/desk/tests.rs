// SPDX-License-Identifier: MIT OR Apache-2.0
//! Requests and their answers, from snapshots that a test publishes in the engine's place.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};

use super::*;
use crate::config;
use crate::control::tests::Served;
use crate::control::{Client, ClientError, Status, Told};
use crate::engine::{CheckView, Counters, History, Reloads, ServerView, ServiceView, VerdictDelay};
use crate::model::{
    Check, Condition, Config, Effect, Few, NoResult, Object, PoolState, Standing, Timestamp,
    Transition, Weight,
};

const TWO: &str = "virtual_services: [{address: '192.0.2.10:80', scheduler: wrr, servers: [{address: 10.0.0.1, weight: 5}, \
                   10.0.0.2]}, {address: '192.0.2.10:81', check: none, servers: [10.0.0.1]}]";

/// A desk, and a place where the test publishes as the engine does.
struct Office {
    served: Served,
    published: Arc<Published>,
    /// Hears of every request to reload.
    reloads: Receiver<()>,
}

impl Office {
    fn open() -> Self {
        Self::open_with(Tried {
            command: CommandId(u64::MAX),
            failure: None,
        })
    }

    /// The remembered file has been tried for this command.
    fn open_with(tried: Tried) -> Self {
        let published = Arc::new(Published::default());
        let (asked, reloads) = channel();
        let shown = Arc::clone(&published);
        let served = Served::by(async move |socket| {
            let number = AtomicU64::new(0);
            let (views, clock) = (RouterViews::default(), Clock::start());
            let desk = Arc::new(Desk {
                bulk: Bulk::start(Arc::clone(&shown), views.clone(), clock).unwrap(),
                routers: views,
                channel: ChannelView::default(),
                hand_over: Box::new(|_| ()),
                published: shown,
                reload: Box::new(move || {
                    asked.send(()).unwrap();
                    ReloadId(number.fetch_add(1, Ordering::Relaxed) + 1)
                }),
                order: Box::new(|_| ()),
                written: tokio::sync::watch::channel(tried).1,
                commands: AtomicU64::new(0),
                levels: Levels::new("info".to_owned(), |_| Ok(())),
                clock,
                path: PathBuf::from("/etc/lvs-director/director.yaml"),
            });
            control::serve(socket, Arc::default, answers(desk)).await;
        });
        Self {
            served,
            published,
            reloads,
        }
    }

    fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut next = snapshot();
        change(&mut next);
        self.published.publish(next);
    }

    fn client(&self) -> Client {
        Client::connect(&self.served.path()).unwrap()
    }

    fn ask(&self, request: Request) -> Result<Vec<Item>, ClientError> {
        self.client().ask(request)?.collect()
    }
}

fn config() -> Config {
    config::parse("test.yaml", TWO.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A check that has been made once.
fn check_view(check: &Arc<Check>, standing: Standing) -> CheckView {
    let up = standing.is_up();
    CheckView {
        check: Arc::clone(check),
        standing,
        since: Timestamp::ZERO,
        assumed: false,
        memory: None,
        last_failure: (!up).then(|| "connect refused".into()),
        warning: None,
        last_started: Some(Timestamp::ZERO),
        last_latency: Duration::from_micros(120),
        last_succeeded: up,
        counts: crate::model::ProbeCounts::default(),
        progress: crate::health::Progress {
            against: 0,
            needed: 3,
            of: None,
        },
        held: None,
        next: None,
        could_not_run: 0,
        no_result: NoResult::CouldNotRun,
        not_checked_since: None,
        hastened: None,
        wire: None,
    }
}

/// Two services: the first has one server that is up and one that is down; nothing checks the server of the second.
fn snapshot() -> Snapshot {
    let config = config();
    let view = |service: &ServiceKey| {
        let servers = config.services[service].servers.iter();
        let servers = servers.map(|(key, server)| {
            let checks = server.checks.each.iter();
            let down = key.to_string() == "10.0.0.2:80";
            let standing = if down { Standing::Down } else { Standing::UP };
            let checks: Few<CheckView> = checks.map(|check| check_view(check, standing)).collect();
            ServerView {
                key: *key,
                standing: (!checks.is_empty()).then_some(standing),
                since: Timestamp::ZERO,
                assumed: false,
                overruled: None,
                weight: if down { None } else { Weight::new(5) },
                slow_start: None,
                checks,
            }
        });
        Arc::new(ServiceView {
            error: None,
            pool: PoolState::default(),
            servers: servers.collect(),
        })
    };
    let keys = config.services.keys();
    Snapshot {
        at: Timestamp::ZERO,
        started: Timestamp::ZERO,
        services: Arc::new(keys.map(|key| (*key, view(key))).collect()),
        owned: Arc::new(config.services.keys().copied().collect()),
        orders: Arc::default(),
        drains: Arc::default(),
        answers: Arc::default(),
        counters: Counters {
            drift_repairs: 3,
            probes_not_run: 4,
            verdict_delay: VerdictDelay {
                batches: 1,
                latest: Duration::from_micros(7),
                longest: Duration::from_micros(8),
            },
        },
        figures: crate::model::Figures::default(),
        reloads: Reloads::default(),
        history: Arc::new(history(0)),
        ledger: Arc::default(),
        pair: None,
        config: Arc::new(config),
    }
}

fn history(length: usize) -> History {
    let mut history = History::default();
    for _ in 0..length {
        history.push(Arc::new(Transition {
            at: Timestamp::ZERO,
            object: Object::Ipvs,
            from: Condition::Refused,
            to: Condition::Right,
            why: "".into(),
            effect: Effect::None,
        }));
    }
    history
}

fn all() -> Request {
    Request::Status {
        services: Vec::new(),
        watch: false,
    }
}

fn watch() -> Request {
    Request::Status {
        services: Vec::new(),
        watch: true,
    }
}

fn status_in(item: Item) -> Status {
    match item {
        Item::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

fn event_in(item: Item) -> Told {
    match item {
        Item::Event(told) => told,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_status_tells_of_every_server_what_is_believed_and_what_the_kernel_has() {
    let office = Office::open();
    office.publish(|_| {});
    let items = office.ask(all()).unwrap();
    assert_eq!(items.len(), 1);
    let status = status_in(items.into_iter().next().unwrap());
    assert_eq!(status.pid, std::process::id());
    assert_eq!(status.configuration, "/etc/lvs-director/director.yaml");
    assert_eq!((status.drift_repairs, status.probes_not_run), (3, 4));
    assert_eq!(status.verdict_delay.longest_microseconds, 8);
    assert_eq!(status.reload_error, None);
    let lines: Vec<String> = status
        .services
        .iter()
        .flat_map(|service| {
            service.servers.iter().map(move |it| {
                format!(
                    "{} {} {} {:?} of {} {:?} {}",
                    service.service,
                    it.server,
                    it.health,
                    it.weight,
                    it.configured_weight,
                    it.reason,
                    it.checks.len()
                )
            })
        })
        .collect();
    assert_eq!(
        lines,
        [
            "TCP 192.0.2.10:80 10.0.0.1:80 up Some(5) of 5 None 1",
            "TCP 192.0.2.10:80 10.0.0.2:80 down None of 1 Some(\"connect refused\") 1",
            "TCP 192.0.2.10:81 10.0.0.1:81 unchecked Some(5) of 1 None 0",
        ]
    );
    let check = &status.services[0].servers[1].checks[0];
    assert_eq!(check.probe, "tcp 10.0.0.2:80");
    assert_eq!(check.latency_microseconds, Some(120));
    assert!(check.checked_seconds_ago.is_some());
}

#[test]
fn a_status_can_be_of_some_services_and_of_none_that_is_not_there() {
    let office = Office::open();
    office.publish(|_| {});
    let of = |key: &str| Request::Status {
        services: vec![key.parse().unwrap()],
        watch: false,
    };
    let items = office.ask(of("TCP 192.0.2.10:81")).unwrap();
    assert_eq!(
        status_in(items.into_iter().next().unwrap()).services.len(),
        1
    );
    let error = office.ask(of("FWM 7")).unwrap_err().to_string();
    assert!(
        error.ends_with("FWM 7 is not a virtual service of the running configuration"),
        "{error}"
    );
}

#[test]
fn a_director_that_has_published_nothing_says_that_it_starts() {
    let office = Office::open();
    for request in [
        all(),
        watch(),
        Request::Standings,
        Request::Events {
            after: None,
            follow: true,
        },
    ] {
        let error = office.ask(request).unwrap_err().to_string();
        assert!(error.contains("the director is starting"), "{error}");
    }
}

#[test]
fn whoever_watches_ends_up_with_the_last_of_many_changes() {
    let office = Office::open();
    office.publish(|_| {});
    let mut client = office.client();
    let mut seen = client
        .ask(watch())
        .unwrap()
        .map(|item| status_in(item.unwrap()));
    assert_eq!(seen.next().unwrap().drift_repairs, 3);
    for number in 100..=200 {
        office.publish(|next| next.counters.drift_repairs = number);
    }
    // As many as there were periods meanwhile, and never one twice that is older.
    let mut before = 3;
    while before < 200 {
        let now = seen.next().unwrap().drift_repairs;
        assert!(now >= before, "{before} {now}");
        before = now;
    }
}

#[test]
fn events_have_their_numbers_and_begin_where_asked() {
    let office = Office::open();
    office.publish(|next| next.history = Arc::new(history(3)));
    let numbers = |after| -> Vec<u64> {
        let request = Request::Events {
            after,
            follow: false,
        };
        let items = office.ask(request).unwrap().into_iter();
        items.map(|item| event_in(item).number).collect()
    };
    assert_eq!(numbers(None), [1, 2, 3]);
    assert_eq!(numbers(Some(0)), [1, 2, 3]);
    assert_eq!(numbers(Some(2)), [3]);
    assert_eq!(numbers(Some(3)), [] as [u64; 0]);
    let ahead = Request::Events {
        after: Some(4),
        follow: true,
    };
    let error = office.ask(ahead).unwrap_err().to_string();
    assert!(
        error.contains("a director counts anew when it starts"),
        "{error}"
    );
}

#[test]
fn an_event_is_told_in_words_and_as_a_value() {
    let office = Office::open();
    office.publish(|next| next.history = Arc::new(history(1)));
    let request = Request::Events {
        after: None,
        follow: false,
    };
    let told = event_in(office.ask(request).unwrap().remove(0));
    assert_eq!(told.text, "IPVS answers again");
    assert_eq!(told.transition().unwrap().object, Object::Ipvs);
}

#[test]
fn whoever_follows_gets_what_comes_and_is_told_what_was_missed() {
    let office = Office::open();
    office.publish(|next| next.history = Arc::new(history(2)));
    let request = Request::Events {
        after: Some(1),
        follow: true,
    };
    let mut client = office.client();
    let mut items = client.ask(request).unwrap().map(Result::unwrap);
    assert_eq!(event_in(items.next().unwrap()).number, 2);
    office.publish(|next| next.history = Arc::new(history(3)));
    assert_eq!(event_in(items.next().unwrap()).number, 3);
    // 1,000 events are kept: those up to 1,003 are gone.
    office.publish(|next| next.history = Arc::new(history(2003)));
    assert_eq!(
        items.next().unwrap(),
        Item::Skipped {
            first: 4,
            last: 1003
        }
    );
    assert_eq!(event_in(items.next().unwrap()).number, 1004);
}

fn reload_in(item: Option<Item>) -> Reloaded {
    match item {
        Some(Item::Reload(reloaded)) => reloaded,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reload_is_asked_for_and_its_answer_can_be_waited_for() {
    let office = Office::open();
    office.publish(|_| {});
    let asked = office.ask(Request::Reload { wait: false }).unwrap();
    office.reloads.recv().unwrap();
    assert_eq!(asked.len(), 1);
    assert_eq!(reload_in(asked.into_iter().next()).reload, ReloadId(1));

    let mut client = office.client();
    let mut items = client
        .ask(Request::Reload { wait: true })
        .unwrap()
        .map(Result::unwrap);
    let asked = reload_in(items.next());
    assert_eq!((asked.reload, asked.answered), (ReloadId(2), None));
    // The answer to the one before is not this one's.
    office.publish(|next| {
        next.reloads = Reloads {
            answered: ReloadId(1),
            refused: Some("not this one".into()),
            steps: 0,
            warning: None,
        };
    });
    office.publish(|next| {
        next.reloads = Reloads {
            answered: ReloadId(2),
            refused: None,
            steps: 7,
            warning: Some("empty".into()),
        };
    });
    let done = reload_in(items.next());
    assert_eq!(done.answered, Some(ReloadId(2)));
    assert_eq!((done.refused, done.steps), (None, 7));
    assert_eq!(done.warning.as_deref(), Some("empty"));
    assert_eq!(items.next(), None);
}

#[test]
fn a_refused_reload_is_told_with_its_reason_and_one_that_was_overtaken_too() {
    let office = Office::open();
    office.publish(|_| {});
    let mut client = office.client();
    let mut items = client
        .ask(Request::Reload { wait: true })
        .unwrap()
        .map(Result::unwrap);
    assert_eq!(reload_in(items.next()).reload, ReloadId(1));
    office.publish(|next| {
        next.reloads = Reloads {
            answered: ReloadId(5),
            refused: Some("director.yaml:1:1: no".into()),
            steps: 7,
            warning: Some("of the one before".into()),
        };
    });
    let done = reload_in(items.next());
    assert_eq!(done.answered, Some(ReloadId(5)));
    assert_eq!(done.refused.as_deref(), Some("director.yaml:1:1: no"));
    assert_eq!(done.steps, 0);
}

#[test]
fn standings_are_of_every_check_and_say_what_is_ours() {
    let office = Office::open();
    office.publish(|_| {});
    let remembered = office.client().standings().unwrap();
    let recalled: Vec<String> = remembered
        .recalled
        .iter()
        .map(|it| format!("{} {} {} {}", it.service, it.server, it.probe, it.standing))
        .collect();
    assert_eq!(
        recalled,
        [
            "TCP 192.0.2.10:80 10.0.0.1:80 tcp 10.0.0.1:80 up",
            "TCP 192.0.2.10:80 10.0.0.2:80 tcp 10.0.0.2:80 down",
        ]
    );
    assert_eq!(remembered.owned.len(), 2);
}

#[test]
fn who_waits_when_the_director_ends_is_told_that_the_answer_is_cut() {
    let office = Office::open();
    office.publish(|_| {});
    let mut client = office.client();
    let mut answer = client.ask(watch()).unwrap();
    assert!(answer.next().unwrap().is_ok());
    drop(office);
    let error = answer.next().unwrap().unwrap_err();
    assert!(matches!(error, ClientError::Cut(_)), "{error}");
}

#[test]
fn an_order_that_could_not_be_written_down_is_answered_with_the_reason() {
    let order = || Request::Order {
        servers: Vec::new(),
        order: None,
        deadline_seconds: None,
        templates: false,
        force: false,
    };
    for failure in [None, Some("no space left on device (ENOSPC)")] {
        let office = Office::open_with(Tried {
            command: CommandId(1),
            failure: failure.map(Arc::from),
        });
        office.publish(|next| {
            Arc::make_mut(&mut next.answers).insert(CommandId(1), Ok(2));
        });
        let answer = office.ask(order()).unwrap();
        let not_written = failure.map(|why| Item::NotWritten(why.to_owned()));
        let expected: Vec<Item> = not_written.into_iter().chain([Item::Ordered(2)]).collect();
        assert_eq!(answer, expected);
    }
}
