// SPDX-License-Identifier: MIT OR Apache-2.0
//! The lines, both ways.

use serde_json::json;

use crate::control::{
    CheckStatus, ClientLine, DrainStatus, Hello, Incompatible, Item, MasterStatus, Misunderstood,
    Reloaded, Remembered, ReplyLine, Request, RouterStatus, SentConnections, ServerStatus,
    ServiceStatus, Status, SyncStatus, Told, TrackedStatus, VerdictDelay,
};
use crate::engine::ReloadId;

use crate::model::{
    Condition, Config, Effect, NoResult, Object, Order, Probe, ProbeCounts, ProbeKind, Recalled,
    Severity, Standing, Timestamp, Transition, Weight,
};
use std::time::Duration;

fn hello(oldest: u32, protocol: u32) -> Hello {
    Hello {
        protocol,
        oldest,
        program: "director 0.1.0".to_owned(),
    }
}

fn request(id: u64, request: Request) -> ClientLine {
    ClientLine::Request { id, request }
}

fn failover(router: &str) -> Request {
    Request::Failover {
        router: Some(router.to_owned()),
    }
}

fn log_level(level: Option<&str>, module: Option<&str>) -> Request {
    Request::LogLevel {
        level: level.map(str::to_owned),
        module: module.map(str::to_owned),
    }
}

#[test]
fn a_level_of_the_log_is_asked_for_and_answered_by_these_lines() {
    for (asked, text) in [
        (log_level(None, None), r#"{"id":9,"request":"log_level"}"#),
        (
            log_level(Some("debug"), Some("tokio")),
            r#"{"id":9,"request":"log_level","level":"debug","module":"tokio"}"#,
        ),
    ] {
        let line = request(9, asked);
        let bytes = line.line().unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("{text}\n"));
        assert_eq!(ClientLine::read(text.as_bytes()).unwrap(), line);
    }
    let answer = ReplyLine::Item(1, Some(Item::LogLevel("info".to_owned())));
    let text = "{\"id\":1,\"item\":{\"log_level\":\"info\"}}\n";
    let bytes = answer.line().unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), text);
    assert_eq!(ReplyLine::read(text.as_bytes()).unwrap(), answer);
}

#[test]
fn what_changes_something_is_not_for_readers() {
    let reads = |request: &Request| crate::control::Access::Reading.permits(request);
    assert!(reads(&log_level(None, None)) && reads(&Request::Standings));
    assert!(!reads(&log_level(Some("debug"), None)) && !reads(&Request::Sync));
}

#[test]
fn requests_are_these_lines() {
    let golden = [
        (
            ClientLine::Hello { hello: hello(2, 2) },
            r#"{"hello":{"protocol":2,"oldest":2,"program":"director 0.1.0"}}"#,
        ),
        (
            request(
                1,
                Request::Status {
                    services: vec![],
                    watch: false,
                },
            ),
            r#"{"id":1,"request":"status","watch":false}"#,
        ),
        (
            request(
                2,
                Request::Status {
                    services: vec!["TCP 192.0.2.10:80".parse().unwrap()],
                    watch: true,
                },
            ),
            r#"{"id":2,"request":"status","services":["TCP 192.0.2.10:80"],"watch":true}"#,
        ),
        (
            request(
                3,
                Request::Events {
                    after: Some(7),
                    follow: true,
                },
            ),
            r#"{"id":3,"request":"events","after":7,"follow":true}"#,
        ),
        (
            request(4, Request::Reload { wait: true }),
            r#"{"id":4,"request":"reload","wait":true}"#,
        ),
        (
            request(
                6,
                Request::Order {
                    servers: vec![("FWM 7".parse().unwrap(), "10.0.0.5:80".parse().unwrap())],
                    order: Some(Order::Weight(Weight::ONE)),
                    deadline_seconds: None,
                    templates: false,
                    force: true,
                },
            ),
            r#"{"id":6,"request":"order","servers":[["FWM 7","10.0.0.5:80"]],"order":{"weight":1},"force":true}"#,
        ),
        (
            request(5, Request::Standings),
            r#"{"id":5,"request":"standings"}"#,
        ),
        (request(8, Request::Sync), r#"{"id":8,"request":"sync"}"#),
        (
            request(6, failover("eth0/51")),
            r#"{"id":6,"request":"failover","router":"eth0/51"}"#,
        ),
    ];
    for (line, text) in golden {
        let bytes = line.line().unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("{text}\n"));
        assert_eq!(ClientLine::read(text.as_bytes()).unwrap(), line);
    }
}

#[test]
fn what_a_request_leaves_out_has_a_default_and_what_is_not_known_is_passed_over() {
    for (text, expected) in [
        (
            r#"{"request":"status","id":1}"#,
            Request::Status {
                services: vec![],
                watch: false,
            },
        ),
        (
            r#" {"request":"events","id":1,"since":"1h"} "#,
            Request::Events {
                after: None,
                follow: false,
            },
        ),
        (
            r#"{"id":1,"yes":true,"request":"reload"}"#,
            Request::Reload { wait: false },
        ),
        (
            r#"{"id":1,"request":"standings","of":["x"]}"#,
            Request::Standings,
        ),
    ] {
        assert_eq!(
            ClientLine::read(text.as_bytes()).unwrap(),
            request(1, expected),
            "{text}"
        );
    }
}

#[test]
fn what_is_no_request_is_told_with_its_number_and_its_reason() {
    let told = |text: &str| {
        let error = ClientLine::read(text.as_bytes()).unwrap_err();
        (error.id(), error.to_string())
    };
    let (id, why) = told(r#"{"id":9,"request":"drain","server":"10.0.0.1:80"}"#);
    assert_eq!(id, Some(9));
    assert_eq!(
        why,
        format!(
            "director {} (control protocol 2) does not know the request \"drain\"; it knows status, events, reload, \
             order, failover, sync, standings, log_level",
            env!("CARGO_PKG_VERSION")
        )
    );
    // Control sequences for a terminal are not sent back unchanged.
    let (_, why) = told("{\"id\":9,\"request\":\"\\u001b[31m\"}");
    assert!(why.contains(r#""\u{1b}[31m""#), "{why}");
    let (id, why) = told(r#"{"id":4,"request":"status","services":["nonsense"]}"#);
    assert_eq!(id, Some(4));
    assert!(why.starts_with("not a status request: "), "{why}");
    for text in [
        "",
        "{",
        "[]",
        "7",
        "{}",
        r#"{"id":1}"#,
        r#"{"request":"status"}"#,
        r#"{"id":-1,"request":"status"}"#,
        r#"{"id":1,"request":7}"#,
        "\u{0}",
    ] {
        let (id, why) = told(text);
        assert_eq!(id, None, "{text}");
        assert!(
            why.starts_with("not a line of control protocol 2: "),
            "{why}"
        );
    }
    assert!(matches!(
        ClientLine::read(b"\"status\""),
        Err(Misunderstood::Old)
    ));
}

fn router() -> RouterStatus {
    RouterStatus {
        name: "eth0/51".to_owned(),
        interface: "eth0".to_owned(),
        vrid: 51,
        state: "backup".to_owned(),
        reason: Some("no master was heard".to_owned()),
        since_seconds: 12,
        priority: 100,
        master: Some(MasterStatus {
            address: [192, 0, 2, 2].into(),
            priority: 150,
        }),
        addresses: vec!["192.0.2.10/24".to_owned()],
        sent: 0,
        heard: 120,
        dropped: [("checksum".to_owned(), 2)].into(),
        transitions: 1,
        late_at_most_microseconds: 120,
        put_back: 0,
        disputes: 0,
        group: Some("lan".to_owned()),
        tracked: vec![TrackedStatus {
            object: "interface eth1".to_owned(),
            consequence: "fault".to_owned(),
            reading: "good".to_owned(),
        }],
        problem: None,
    }
}

fn sent() -> SentConnections {
    SentConnections {
        connections: 100_000,
        left_out: [("the real server has left the table".to_owned(), 3)].into(),
        milliseconds: 1_387,
        to: "224.0.0.81:8848 on eth1".to_owned(),
    }
}

fn sync() -> SyncStatus {
    SyncStatus {
        completed: 2,
        failed: 1,
        last: Some(sent()),
        seconds_ago: Some(12),
        problem: Some("the link is down".to_owned()),
    }
}

#[test]
fn connections_that_were_sent_are_said_in_one_line() {
    assert_eq!(
        sent().to_string(),
        "100000 connections sent in 1.3 s to 224.0.0.81:8848 on eth1; 3 left out (the real server has left the table)"
    );
}

fn failed_check() -> CheckStatus {
    CheckStatus {
        probe: "tcp 10.0.0.5:80".to_owned(),
        standing: "down".into(),
        since_seconds: 5,
        by_configuration: false,
        remembered: None,
        latency_microseconds: Some(120),
        last_failure: Some("connect refused".to_owned()),
        warning: None,
        last_succeeded: Some(false),
        probes: ProbeCounts {
            failure: 3,
            could_not_run: 1,
            ..ProbeCounts::default()
        },
        against: 0,
        against_needed: 2,
        against_of: None,
        held: None,
        next_milliseconds: Some(800),
        checked_seconds_ago: Some(1),
        could_not_run: 0,
        no_result: NoResult::CouldNotRun,
        not_checked_seconds: None,
        hastened: None,
        tripwire: None,
    }
}

fn full_status() -> Status {
    Status {
        peer: None,
        routers: vec![router()],
        version: "0.1.0".to_owned(),
        pid: 7,
        configuration: "/etc/lvs-director/director.yaml".to_owned(),
        uptime_seconds: 60,
        drift_repairs: 1,
        probes_not_run: 2,
        reload_error: None,
        last_event: 3,
        connection_sync: Some(sync()),
        verdict_delay: VerdictDelay {
            batches: 1,
            latest_microseconds: 900,
            longest_microseconds: 950,
        },
        services: vec![ServiceStatus {
            service: "TCP 192.0.2.10:80".parse().unwrap(),
            scheduler: "wrr".to_owned(),
            keeps_connections: false,
            take_over: None,
            error: None,
            alarm: Some("too few".to_owned()),
            servers: vec![ServerStatus {
                server: "10.0.0.5:80".parse().unwrap(),
                health: "down".into(),
                since_seconds: Some(5),
                weight: None,
                configured_weight: 10,
                by_configuration: false,
                reason: Some("connect refused".to_owned()),
                order: Some("drain".to_owned()),
                note: Some("stays".to_owned()),
                drain: Some(DrainStatus {
                    since_seconds: 9,
                    connections: Some(2),
                    closing: Some(5),
                    packets_flow: true,
                    still_seconds: Some(1),
                    templates: None,
                    deadline_seconds: Some(3591),
                    ended: false,
                }),
                slow_start: None,
                checks: vec![failed_check()],
            }],
        }],
    }
}

#[test]
fn a_status_is_the_json_that_people_use() {
    let check = json!({
        "probe": "tcp 10.0.0.5:80", "standing": "down", "since_seconds": 5,
        "latency_microseconds": 120, "last_failure": "connect refused",
        "warning": null, "last_succeeded": false,
        "probes": {"success": 0, "failure": 3, "could_not_run": 1, "not_supported": 0, "no_opinion": 0}, "against": 0, "against_needed": 2, "next_milliseconds": 800,
        "checked_seconds_ago": 1, "could_not_run": 0, "no_result": "could_not_run", "not_checked_seconds": null,
    });
    let golden = json!({
        "version": "0.1.0", "pid": 7, "configuration": "/etc/lvs-director/director.yaml", "uptime_seconds": 60,
        "drift_repairs": 1, "probes_not_run": 2, "reload_error": null, "last_event": 3,
        "verdict_delay": {"batches": 1, "latest_microseconds": 900, "longest_microseconds": 950},
        "connection_sync": {
            "completed": 2, "failed": 1, "seconds_ago": 12, "problem": "the link is down",
            "last": {
                "connections": 100_000, "left_out": {"the real server has left the table": 3}, "milliseconds": 1387,
                "to": "224.0.0.81:8848 on eth1",
            },
        },
        "routers": [{
            "name": "eth0/51", "interface": "eth0", "vrid": 51, "state": "backup", "since_seconds": 12, "reason": "no master was heard", "priority": 100,
            "master": {"address": "192.0.2.2", "priority": 150}, "addresses": ["192.0.2.10/24"], "sent": 0,
            "heard": 120, "dropped": {"checksum": 2}, "transitions": 1, "late_at_most_microseconds": 120, "put_back": 0, "disputes": 0, "group": "lan", "tracked": [{"object": "interface eth1", "consequence": "fault", "reading": "good"}], "problem": null,
        }],
        "services": [{
            "service": "TCP 192.0.2.10:80", "scheduler": "wrr", "error": null, "alarm": "too few",
            "servers": [{
                "server": "10.0.0.5:80", "health": "down", "since_seconds": 5, "weight": null,
                "configured_weight": 10, "reason": "connect refused", "order": "drain", "note": "stays",
                "drain": {
                    "since_seconds": 9, "connections": 2, "closing": 5, "packets_flow": true, "still_seconds": 1,
                    "templates": null, "deadline_seconds": 3591, "ended": false,
                },
                "checks": [check],
            }],
        }],
    });
    assert_eq!(serde_json::to_value(full_status()).unwrap(), golden);
    assert_eq!(
        serde_json::from_value::<Status>(golden).unwrap(),
        full_status()
    );
}

fn told() -> Told {
    let transition = Transition {
        at: Timestamp::ZERO,
        object: Object::Ipvs,
        from: Condition::Refused,
        to: Condition::Right,
        why: "".into(),
        effect: Effect::None,
    };
    Told {
        number: 8,
        milliseconds_ago: 12,
        severity: transition.severity(),
        text: transition.to_string(),
        transition: serde_json::to_value(&transition).unwrap(),
    }
}

fn refused() -> Reloaded {
    Reloaded {
        reload: ReloadId(2),
        answered: Some(ReloadId(3)),
        refused: Some("why".to_owned()),
        steps: 0,
        warning: None,
    }
}

#[test]
fn replies_are_these_lines() {
    let recalled = Recalled {
        service: "TCP 192.0.2.10:80".parse().unwrap(),
        server: "10.0.0.5:80".parse().unwrap(),
        probe: Probe {
            kind: ProbeKind::Tcp,
            target: "10.0.0.5:80".parse().unwrap(),
            path: None,
        },
        standing: Standing::Down,
        age: Duration::from_secs(5),
        unconfirmed: Duration::ZERO,
        only_held_down: true,
    };
    let remembered = Remembered {
        recalled: vec![recalled],
        owned: std::iter::once("FWM 7".parse().unwrap()).collect(),
        config: Config::default(),
        orders: Vec::new(),
        drains: Vec::new(),
        slow_starts: Vec::new(),
        overruled: Vec::new(),
    };
    let golden = [
        (
            ReplyLine::Hello(hello(2, 3)),
            r#"{"hello":{"protocol":3,"oldest":2,"program":"director 0.1.0"}}"#,
        ),
        (ReplyLine::End(1), r#"{"id":1,"end":true}"#),
        (
            ReplyLine::Error(Some(1), "why".to_owned()),
            r#"{"id":1,"error":"why"}"#,
        ),
        // A client of protocol 1 reads this, too.
        (
            ReplyLine::Error(None, "why".to_owned()),
            r#"{"error":"why"}"#,
        ),
        (ReplyLine::Alive, r#"{"alive":true}"#),
        (
            ReplyLine::Item(1, Some(Item::Skipped { first: 2, last: 4 })),
            r#"{"id":1,"item":{"skipped":{"first":2,"last":4}}}"#,
        ),
        (
            ReplyLine::Item(1, Some(Item::Event(told()))),
            r#"{"id":1,"item":{"event":{"number":8,"milliseconds_ago":12,"severity":"info","text":"IPVS answers again","transition":{"at":0,"from":"refused","object":"ipvs","to":"right"}}}}"#,
        ),
        (
            ReplyLine::Item(1, Some(Item::Ordered(2))),
            r#"{"id":1,"item":{"ordered":2}}"#,
        ),
        (
            ReplyLine::Item(1, Some(Item::NotWritten("why".to_owned()))),
            r#"{"id":1,"item":{"not_written":"why"}}"#,
        ),
        (
            ReplyLine::Item(1, Some(Item::Reload(refused()))),
            r#"{"id":1,"item":{"reload":{"reload":2,"answered":3,"refused":"why","steps":0}}}"#,
        ),
        (
            ReplyLine::Item(1, Some(Item::Standings(Box::new(remembered)))),
            r#"{"id":1,"item":{"standings":{"recalled":[{"service":"TCP 192.0.2.10:80","server":"10.0.0.5:80","probe":{"kind":"tcp","target":"10.0.0.5:80","path":{"source":null,"interface":null,"mark":null}},"standing":"down","age":{"secs":5,"nanos":0},"only_held_down":true}],"owned":["FWM 7"],"config":{"services":{},"ipvs":{"tcp_timeout":null,"tcp_fin_timeout":null,"udp_timeout":null,"expire_nodest_conn":null,"expire_quiescent_template":null,"conn_reuse_mode":null},"director":{"state_file":"","remembered_file":"","socket":"","repair_interval":{"secs":0,"nanos":0},"remember":null}}}}}"#,
        ),
    ];
    for (line, text) in golden {
        let bytes = line.line().unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), format!("{text}\n"));
        assert_eq!(ReplyLine::read(text.as_bytes()).unwrap(), line);
    }
    let status = ReplyLine::Item(1, Some(Item::Status(Box::new(full_status()))));
    assert_eq!(ReplyLine::read(&status.line().unwrap()).unwrap(), status);
}

#[test]
fn what_a_newer_director_says_more_is_passed_over() {
    let read = |text: &str| ReplyLine::read(text.as_bytes()).unwrap();
    assert_eq!(
        read(r#"{"id":1,"item":{"left":3}}"#),
        ReplyLine::Item(1, None)
    );
    assert_eq!(read(r#"{"progress":0.5}"#), ReplyLine::Unknown);
    assert_eq!(read(r#"{"id":1,"end":true,"took":3}"#), ReplyLine::End(1));
    let text = r#"{"id":1,"item":{"event":{"number":8,"milliseconds_ago":0,"severity":"info","text":"VIP moved","transition":{"object":{"vip":"192.0.2.10"}}}}}"#;
    let ReplyLine::Item(1, Some(Item::Event(event))) = read(text) else {
        panic!("{text}");
    };
    assert_eq!(event.text, "VIP moved");
    assert_eq!(event.transition(), None);
    assert!(told().transition().is_some());
}

#[test]
fn both_sides_speak_the_newest_protocol_that_they_have_in_common() {
    for (client, director, common) in [
        ((2, 2), (2, 2), Some(2)),
        ((2, 5), (2, 3), Some(3)),
        ((2, 2), (1, 3), Some(2)),
        ((2, 3), (4, 5), None),
        ((2, 2), (1, 1), None),
    ] {
        let (client, director) = (hello(client.0, client.1), hello(director.0, director.1));
        assert_eq!(Hello::common(&client, &director).ok(), common);
    }
}

#[test]
fn versions_that_do_not_fit_are_told_with_what_to_do() {
    let newer = Incompatible {
        client: hello(2, 2),
        director: Hello {
            program: "director 0.9.0".to_owned(),
            ..hello(3, 5)
        },
    };
    assert_eq!(
        newer.to_string(),
        "the running director (director 0.9.0) speaks control protocols 3 to 5, this program (director 0.1.0) speaks \
         protocol 2; use the program that belongs to the running director"
    );
    let older = Incompatible {
        client: hello(2, 2),
        director: Hello::of_protocol_1(),
    };
    assert_eq!(
        older.to_string(),
        "the running director (an older version) speaks control protocol 1, this program (director 0.1.0) speaks \
         protocol 2; restart the director, so that its new version runs (no connection is lost)"
    );
}

#[test]
fn severities_are_the_words_of_the_log() {
    assert_eq!(
        serde_json::to_string(&Severity::Warning).unwrap(),
        r#""warning""#
    );
}
