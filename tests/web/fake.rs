// SPDX-License-Identifier: MIT OR Apache-2.0
//! A director that a test makes up, with its page on a port of this host.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use lvs_director::control::{
    Carried, CheckStatus, MasterStatus, PeerStatus, RouterStatus, ServerStatus, ServiceStatus,
    Status, Told, TrackedStatus, VerdictDelay,
};
use lvs_director::model::{
    Figures, NoResult, OrderFor, ProbeCounts, Severity, WebListener, WebPath,
};
use lvs_director::web::{Board, Limits, Site, Source, Waiting, run};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};

/// What it says, which the test changes.
pub(crate) struct Fake {
    status: Mutex<Status>,
    events: Mutex<Vec<Told>>,
    changes: watch::Sender<u64>,
}

impl Fake {
    pub(crate) fn of(status: Status) -> Arc<Self> {
        Arc::new(Self {
            status: Mutex::new(status),
            events: Mutex::default(),
            changes: watch::Sender::new(0),
        })
    }

    /// Something changes.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Status)) {
        change(&mut self.status.lock().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|it| *it += 1);
    }

    /// A server is found down.
    pub(crate) fn kill(&self, service: usize, server: usize) {
        self.change(|it| {
            let it = &mut it.services[service].servers[server];
            down(it, "connection refused");
        });
        let mut events = self.events.lock().unwrap();
        let number = events.len() as u64 + 1;
        events.push(Told {
            number,
            milliseconds_ago: 0,
            severity: Severity::Info,
            text: format!("server {server} of service {service} up -> down (connection refused)"),
            transition: serde_json::Value::Null,
        });
    }
}

impl Source for Fake {
    fn status(&self) -> Option<Status> {
        Some(self.status.lock().unwrap().clone())
    }

    fn figures(&self) -> Figures {
        Figures::default()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn events(&self, after: u64) -> Vec<Told> {
        let events = self.events.lock().unwrap();
        let later = events.iter().filter(|it| it.number > after);
        later.cloned().collect()
    }

    fn order(&self, _wanted: OrderFor, _by: String) -> Waiting<Result<Carried, String>> {
        Box::pin(async { Err("nothing is ordered here".to_owned()) })
    }
}

/// Its page, until this is dropped.
pub(crate) struct Server {
    pub(crate) at: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// On a free port.
    pub(crate) fn start(fake: &Arc<Fake>) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), fake)
    }

    pub(crate) fn at(at: SocketAddr, fake: &Arc<Fake>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let fake = Arc::clone(fake);
        let run = move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let board = Arc::new(Board::new(fake.clone()));
                // An hour of latencies.
                let mut status = fake.status().unwrap();
                for step in 0..360_u64 {
                    for (n, check) in checks(&mut status).enumerate() {
                        let (wave, n) = (step * 7 % 50 + step % 13 * 9, n as u64);
                        check.latency_microseconds = Some(250 + wave * 3 + n * 11);
                    }
                    board.keep(&status);
                }
                let socket = TcpListener::bind(at).await.unwrap();
                tell.send(socket.local_addr().unwrap()).unwrap();
                let site = Site::new(listener(), board);
                tokio::select! {
                    () = run(socket, None, site, Limits::default()) => {}
                    _ = stopped => {}
                }
            });
        };
        let thread = thread::spawn(run);
        Self {
            at: told.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// The address of the page.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/lvs", self.at)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn checks(status: &mut Status) -> impl Iterator<Item = &mut CheckStatus> {
    let servers = status.services.iter_mut().flat_map(|it| &mut it.servers);
    servers.flat_map(|it| &mut it.checks)
}

fn listener() -> WebListener {
    WebListener {
        listen: WebListener::LISTEN,
        path: WebPath::new("/lvs").unwrap(),
        refresh: std::time::Duration::from_secs(1),
        users_file: None,
        actions: false,
        tls: None,
    }
}

fn check(probe: String) -> CheckStatus {
    CheckStatus {
        probe,
        standing: "up".into(),
        since_seconds: 183_000,
        by_configuration: false,
        remembered: None,
        latency_microseconds: Some(412),
        last_failure: None,
        warning: None,
        last_succeeded: Some(true),
        against: 0,
        against_needed: 3,
        against_of: None,
        held: None,
        next_milliseconds: Some(3_100),
        checked_seconds_ago: Some(2),
        could_not_run: 0,
        no_result: NoResult::CouldNotRun,
        not_checked_seconds: None,
        hastened: None,
        probes: ProbeCounts::default(),
        tripwire: None,
    }
}

/// One that is up.
pub(crate) fn server(at: &str, kind: &str) -> ServerStatus {
    ServerStatus {
        server: at.parse().unwrap(),
        health: "up".into(),
        since_seconds: Some(183_000),
        weight: Some(10),
        configured_weight: 10,
        by_configuration: false,
        reason: None,
        order: None,
        note: None,
        drain: None,
        slow_start: None,
        checks: vec![check(format!("{kind} {at}"))],
    }
}

/// It is found down.
pub(crate) fn down(it: &mut ServerStatus, why: &str) {
    (it.health, it.since_seconds, it.weight) = ("down".into(), Some(0), None);
    it.reason = Some(why.to_owned());
    for check in &mut it.checks {
        (check.standing, check.since_seconds) = ("down".into(), 0);
        check.last_failure = Some(why.to_owned());
        check.last_succeeded = Some(false);
        check.against_needed = 2;
    }
}

pub(crate) fn service(key: &str, scheduler: &str, servers: Vec<ServerStatus>) -> ServiceStatus {
    ServiceStatus {
        service: key.parse().unwrap(),
        scheduler: scheduler.to_owned(),
        keeps_connections: false,
        take_over: None,
        error: None,
        alarm: None,
        servers,
    }
}

/// A director with three services, as there are many.
pub(crate) fn usual() -> Status {
    let of = |port: u16, kind: &str| {
        let hosts = (5..8).map(|host| server(&format!("10.0.0.{host}:{port}"), kind));
        hosts.collect::<Vec<_>>()
    };
    Status {
        version: "0.1.0".to_owned(),
        pid: 812,
        configuration: "/etc/lvs-director/director.yaml".to_owned(),
        uptime_seconds: 183_020,
        drift_repairs: 0,
        probes_not_run: 0,
        reload_error: None,
        last_event: 0,
        verdict_delay: VerdictDelay {
            batches: 4,
            latest_microseconds: 611,
            longest_microseconds: 1_420,
        },
        services: vec![
            service("TCP 192.0.2.10:5672", "wlc", of(5672, "amqp")),
            service("TCP 192.0.2.10:15672", "rr", of(15672, "http")),
            service("UDP 192.0.2.11:53", "sh", of(53, "dns")),
        ],
        routers: vec![RouterStatus {
            name: "lan".to_owned(),
            interface: "eth0".to_owned(),
            vrid: 51,
            state: "master".to_owned(),
            since_seconds: 183_010,
            reason: Some("nobody else advertises".to_owned()),
            priority: 150,
            master: None,
            addresses: vec!["192.0.2.10/24".to_owned(), "192.0.2.11/24".to_owned()],
            sent: 183_010,
            heard: 4,
            dropped: [("checksum".to_owned(), 1)].into(),
            transitions: 2,
            late_at_most_microseconds: 1_210,
            put_back: 0,
            disputes: 0,
            group: None,
            tracked: vec![TrackedStatus {
                object: "interface eth1".to_owned(),
                consequence: "fault".to_owned(),
                reading: "good".to_owned(),
            }],
            problem: None,
        }],
        connection_sync: None,
        peer: Some(PeerStatus {
            address: "192.0.2.2:9568".to_owned(),
            connected_seconds: Some(183_000),
            heard_milliseconds_ago: Some(310),
            role: "leads".to_owned(),
            ..PeerStatus::default()
        }),
    }
}

/// So many services with ten servers each.
pub(crate) fn many(services: u16) -> Status {
    let one = |n: u16| {
        let (high, low) = (n / 250, n % 250 + 1);
        let servers = (1..=10).map(|host| server(&format!("10.{high}.{low}.{host}:80"), "tcp"));
        service(
            &format!("TCP 198.18.{high}.{low}:80"),
            "wlc",
            servers.collect(),
        )
    };
    Status {
        services: (0..services).map(one).collect(),
        ..usual()
    }
}

/// A master elsewhere.
pub(crate) fn elsewhere() -> MasterStatus {
    MasterStatus {
        address: [192, 0, 2, 2].into(),
        priority: 200,
    }
}
