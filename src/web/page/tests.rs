// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page as text: what stands there, in which order, and that texts of servers are only text.

use std::net::Ipv4Addr;

use super::super::board::Board;
use super::super::tests::{Fixed, listener, server, status};
use super::*;
use crate::control::{
    DrainStatus, HeldStatus, MasterStatus, MemoryStatus, PeerStatus, RouterStatus, SentConnections,
    ServiceStatus, SlowStartStatus, SyncStatus, TakeOverStatus, TrackedStatus, TripwireStatus,
    VerdictDelay,
};
use crate::model::{NoResult, ProbeCounts};

fn question(query: &str) -> Question {
    serde_json::from_str(query).unwrap()
}

/// The page of this status.
fn page(status: Status, query: &str) -> String {
    let board = Board::new(std::sync::Arc::new(Fixed::new(Some(status))));
    let look = board.look().unwrap();
    let question = question(query);
    board.scene(&look, |it| it.page(&listener("/"), &question).unwrap())
}

fn service(key: &str, servers: Vec<ServerStatus>) -> ServiceStatus {
    ServiceStatus {
        service: key.parse().unwrap(),
        servers,
        ..status().services[0].clone()
    }
}

fn check() -> CheckStatus {
    CheckStatus {
        probe: "tcp 10.0.0.5:5672".to_owned(),
        standing: "up".into(),
        since_seconds: 65,
        by_configuration: false,
        remembered: None,
        latency_microseconds: Some(312),
        last_failure: None,
        warning: None,
        last_succeeded: Some(true),
        against: 0,
        against_needed: 3,
        against_of: None,
        held: None,
        next_milliseconds: Some(2_400),
        checked_seconds_ago: Some(2),
        could_not_run: 0,
        no_result: NoResult::CouldNotRun,
        not_checked_seconds: None,
        hastened: None,
        probes: ProbeCounts::default(),
        tripwire: None,
    }
}

/// With this text wherever there is text.
#[allow(clippy::too_many_lines, reason = "every field that holds a text, once")]
fn with_text(text: &str) -> Status {
    let own = || text.to_owned();
    let some = || Some(own());
    let full = CheckStatus {
        probe: own(),
        standing: own().into(),
        last_failure: some(),
        warning: some(),
        last_succeeded: Some(false),
        against: 1,
        against_of: Some(5),
        remembered: Some(MemoryStatus {
            standing: own().into(),
            confirmed_seconds_ago: 12,
        }),
        held: Some(HeldStatus {
            falls: 3,
            must_pass_milliseconds: 60_000,
            left_milliseconds: Some(30_000),
        }),
        could_not_run: 4,
        not_checked_seconds: Some(9),
        hastened: Some(17),
        tripwire: Some(TripwireStatus {
            held_seconds: Some(5),
            next_milliseconds: None,
            off: false,
            ended: 2,
            last_end: some(),
        }),
        ..check()
    };
    let one = ServerStatus {
        health: own().into(),
        reason: some(),
        order: some(),
        note: some(),
        drain: Some(DrainStatus {
            since_seconds: 9,
            connections: Some(12),
            closing: Some(1),
            packets_flow: true,
            still_seconds: None,
            templates: Some(3),
            deadline_seconds: Some(51),
            ended: false,
        }),
        slow_start: Some(SlowStartStatus {
            percent: 43,
            left_milliseconds: 9_000,
        }),
        checks: vec![full.clone(), full],
        ..server("10.0.0.1:5672", "up", None)
    };
    let key = || vec!["TCP 192.0.2.10:5672".parse().unwrap()];
    Status {
        version: own(),
        pid: 77,
        configuration: own(),
        uptime_seconds: 7_500,
        drift_repairs: 21,
        probes_not_run: 31,
        reload_error: some(),
        last_event: 0,
        verdict_delay: VerdictDelay {
            batches: 41,
            latest_microseconds: 512,
            longest_microseconds: 1_900,
        },
        services: vec![ServiceStatus {
            scheduler: own(),
            keeps_connections: true,
            take_over: Some(TakeOverStatus::NotCounted(own())),
            error: some(),
            alarm: some(),
            servers: vec![one],
            ..status().services[0].clone()
        }],
        routers: vec![RouterStatus {
            name: own(),
            interface: own(),
            vrid: 51,
            state: own(),
            since_seconds: 12,
            reason: some(),
            priority: 100,
            master: Some(MasterStatus {
                address: Ipv4Addr::new(192, 0, 2, 2).into(),
                priority: 150,
            }),
            addresses: vec![own()],
            sent: 4,
            heard: 120,
            dropped: [(own(), 2)].into(),
            transitions: 6,
            late_at_most_microseconds: 2_345,
            put_back: 8,
            disputes: 9,
            group: some(),
            tracked: vec![TrackedStatus {
                object: own(),
                consequence: own(),
                reading: own(),
            }],
            problem: some(),
        }],
        connection_sync: Some(SyncStatus {
            completed: 5,
            failed: 2,
            last: Some(SentConnections {
                connections: 100_000,
                left_out: [(own(), 7)].into(),
                milliseconds: 1_300,
                to: own(),
            }),
            seconds_ago: Some(33),
            problem: some(),
        }),
        peer: Some(PeerStatus {
            address: own(),
            connected_seconds: Some(44),
            heard_milliseconds_ago: Some(345),
            role: own(),
            last_words: 61,
            kept_back: 62,
            kept_out: 63,
            refused: [(own(), 64)].into(),
            only_here: key(),
            only_there: key(),
            configured_differently: key(),
            found_differently: vec![crate::control::FoundDifferently {
                service: "TCP 192.0.2.10:5672".parse().unwrap(),
                server: "10.0.0.1:5672".parse().unwrap(),
                here: own().into(),
                there: own().into(),
            }],
            problem: some(),
        }),
    }
}

/// What a person reads: no tags, one blank between words.
fn read(page: &str) -> String {
    let texts = page
        .split('<')
        .map(|it| it.split_once('>').map_or(it, |(_, text)| text));
    let text = texts.collect::<Vec<_>>().join("");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether these stand there in this order.
fn in_order(page: &str, wanted: &[&str]) -> bool {
    let at: Vec<_> = wanted.iter().map(|it| page.find(it).unwrap()).collect();
    at.is_sorted()
}

#[test]
fn everything_that_the_status_knows_stands_on_the_page() {
    let text = read(&page(with_text("word"), "{}"));
    for wanted in [
        "director word",
        "reload refused, the running configuration stays: word",
        "2 h 5 min, pid 77",
        "drift repaired21 times",
        "0.51 ms, at most 1.90 ms (41 times)",
        "probes that could not run\u{25b2} 31",
        "configurationword",
        "word vrid 51 on word, group word",
        "word for 12 s (word); 6 changes",
        "100; master 192.0.2.2 has 150",
        "4 sent (at most 2.34 ms late), 120 heard, 2 dropped (word)",
        "word: word (word)",
        "an address was put back 8 times",
        "another host claimed an address 9 times",
        "connected for 44 s to word, last heard 0 s ago; this director: word",
        "last word of the lost leader: 61",
        "nobody would serve: 62",
        "servers that are not here: 63",
        "only here: TCP 192.0.2.10:5672",
        "only there: TCP 192.0.2.10:5672",
        "configured differently there: TCP 192.0.2.10:5672",
        "found word here and word there: 10.0.0.1:5672 of TCP 192.0.2.10:5672",
        "refused: 64 (word)",
        "all of them 5 times, \u{25b2} and 2 times not all; 33 s ago: 100000 connections sent in 1.3 s to word; 7 left out (word)",
        "error TCP 192.0.2.10:5672 word 0 of 1 up keeps connections",
        "the kernel is not as it should be: word",
        "what a take-over would break is not known: word",
        "not checked for 9 s, word before",
        "1 of 1",
        "word: word for 1 min 5 s, could not run (4 in a row) for 9 s, 0.31 ms, 2 s ago, next in 3 s, 1 of 3 to down (of the last 5): word",
        "warning: word",
        "went down 3 times soon after it had come back; must pass for 1 min 0 s, 30 s left",
        "remembered as word, last known 12 s ago",
        "clients without an answer brought it forward 17 times",
        "tripwire: held for 5 s; 2 ended, the last one: word",
        "ordered: word",
        "12 active, 1 closing, 3 persistence templates, at most 51 s more; it began 9 s ago",
        "slow start: 43 %, all of it in 9 s",
    ] {
        assert!(text.contains(wanted), "{wanted}\n{text}");
    }
}

#[test]
fn hostile_texts_are_only_text_and_bounded_wherever_they_stand() {
    let tag = "</td></table><script>alert('1')</script>\"><img src=x onerror=alert(1)>&lt;";
    let shown = page(with_text(tag), "{}");
    assert!(
        !shown.contains("<script>") && !shown.contains("<img"),
        "{shown}"
    );
    assert!(!shown.contains("\"><img") && shown.contains("&#60;script&#62;"));
    let escapes = page(with_text("a\u{1b}]0;x\u{7}\u{1b}[2J\nb\r\0\u{202e}c"), "{}");
    assert!(!escapes.contains(['\u{1b}', '\u{7}', '\r', '\0', '\u{202e}']));
    assert!(escapes.contains("a\u{fffd}]0;x"));
    let long = page(with_text(&"<".repeat(64 << 10)), "{}");
    assert!(long.len() < 400_000, "{} bytes", long.len());
}

#[test]
fn what_was_looked_for_is_only_text_too() {
    let shown = page(status(), r#"{"q": "\"><script>alert(1)</script>"}"#);
    assert!(!shown.contains("<script>alert"), "{shown}");
    assert!(shown.contains("Nothing is like that."));
}

#[test]
fn a_service_is_as_bad_as_its_worst_server_in_colour_shape_and_word() {
    for (servers, class, words) in [
        (
            vec![server("10.0.0.1:1", "up", None)],
            "right",
            "\u{25cf} up",
        ),
        (
            vec![
                server("10.0.0.1:1", "up", None),
                server("10.0.0.2:1", "unknown", None),
            ],
            "doubt",
            "\u{25b2} unknown",
        ),
        (
            vec![
                server("10.0.0.1:1", "down", None),
                server("10.0.0.2:1", "unknown", None),
            ],
            "wrong",
            "\u{2716}\u{fe0e} down",
        ),
        (
            vec![server("10.0.0.1:1", "maintenance", None)],
            "ordered",
            "\u{25d0} maintenance",
        ),
        (
            vec![server("10.0.0.1:1", "unchecked", None)],
            "unchecked",
            "\u{25cb} unchecked",
        ),
        (vec![], "doubt", "\u{25b2} no servers"),
    ] {
        let services = vec![service("TCP 192.0.2.10:1", servers)];
        let shown = page(
            Status {
                services,
                ..Status::default()
            },
            "{}",
        );
        assert!(
            shown.contains(&format!("class=\"service {class}\"")),
            "{words}: {shown}"
        );
        assert!(
            shown.contains(&format!("{words}</b> <b class=\"name\">")),
            "{words}: {shown}"
        );
    }
}

#[test]
fn a_server_that_counts_as_up_and_fails_is_not_shown_as_right() {
    let mut failing = server("10.0.0.1:1", "up", None);
    failing.checks = vec![CheckStatus {
        last_succeeded: Some(false),
        against: 1,
        last_failure: Some("connect refused".to_owned()),
        ..check()
    }];
    let services = vec![service("TCP 192.0.2.10:1", vec![failing])];
    let text = read(&page(
        Status {
            services,
            ..Status::default()
        },
        "{}",
    ));
    assert!(text.contains("\u{25b2} failing TCP 192.0.2.10:1"), "{text}");
    assert!(text.contains("1 of 3 to down: connect refused"), "{text}");
}

#[test]
fn a_server_that_drains_says_since_when_it_does() {
    let mut draining = with_text("").services[0].servers[0].clone();
    draining.health = "up".into();
    draining.order = Some("drain".to_owned());
    draining.checks = Vec::new();
    let services = vec![service("TCP 192.0.2.10:1", vec![draining])];
    let status = Status {
        services,
        ..Status::default()
    };
    let text = read(&page(status, "{}"));
    assert!(text.contains("\u{25d0} drain for 9 s"), "{text}");
}

#[test]
fn the_title_says_what_is_wrong() {
    let title = |status: Status| {
        let shown = page(status, "{}");
        let (_, rest) = shown.split_once("<title>").unwrap();
        rest.split_once("</title>").unwrap().0.to_owned()
    };
    assert_eq!(title(status()), "1 down - director");
    assert_eq!(title(Status::default()), "no services - director");
    let mut good = status();
    good.services[0].servers.truncate(1);
    assert_eq!(title(good.clone()), "all up - director");
    good.services[0].error = Some("no scheduler".to_owned());
    good.reload_error = Some("no file".to_owned());
    assert_eq!(title(good), "reload refused, 1 error - director");
}

/// `number` services that are right, and one that is not, the last.
fn many(number: u8) -> Status {
    let right = |n: u8| {
        service(
            &format!("TCP 192.0.2.{n}:80"),
            vec![server("10.0.0.1:1", "up", None)],
        )
    };
    let wrong = service(
        "UDP 192.0.2.1:53",
        vec![
            server("10.0.0.7:53", "up", None),
            server("10.0.0.8:53", "down", Some("nobody answered")),
        ],
    );
    let services = (1..=number).map(right).chain([wrong]).collect();
    Status {
        services,
        ..Status::default()
    }
}

#[test]
fn of_many_services_those_with_something_wrong_are_open_and_come_first() {
    let shown = page(many(20), "{}");
    assert!(in_order(
        &shown,
        &["UDP 192.0.2.1:53", "TCP 192.0.2.1:80", "TCP 192.0.2.20:80"]
    ));
    assert_eq!(shown.matches(" open>").count(), 1);
    assert_eq!(page(many(3), "{}").matches(" open>").count(), 4);
}

#[test]
fn a_reader_without_scripts_filters_by_the_address() {
    let shown = page(many(20), r#"{"show": "not-up"}"#);
    assert!(
        !shown.contains("TCP 192.0.2.1:80") && !shown.contains("10.0.0.7:53"),
        "{shown}"
    );
    assert!(shown.contains("10.0.0.8:53") && shown.contains("selected>not up"));
    let shown = page(many(20), r#"{"q": "NOBODY"}"#);
    assert!(
        !shown.contains("TCP 192.0.2.1:80") && shown.contains("10.0.0.8:53"),
        "{shown}"
    );
    let shown = page(many(20), r#"{"q": "192.0.2.1:53"}"#);
    assert!(
        shown.contains("10.0.0.7:53") && shown.contains("10.0.0.8:53"),
        "{shown}"
    );
    assert!(shown.contains("data-whole=\"false\"") && shown.contains("show all"));
}

#[test]
fn the_order_can_be_chosen() {
    let mut status = many(2);
    status.services[0].servers[0].weight = Some(50);
    let shown = page(status.clone(), r#"{"sort": "weight"}"#);
    assert!(
        in_order(&shown, &["TCP 192.0.2.1:80", "TCP 192.0.2.2:80"]),
        "{shown}"
    );
    let shown = page(status, r#"{"sort": "name"}"#);
    assert!(
        in_order(&shown, &["TCP 192.0.2.1:80", "TCP 192.0.2.2:80", "UDP"]),
        "{shown}"
    );
    assert!(page(many(2), r#"{"sort": "no such"}"#).contains("data-whole=\"true\""));
}

#[test]
fn nothing_on_the_page_is_inline_that_the_policy_forbids() {
    let shown = page(with_text("x"), "{}");
    assert!(!shown.contains(" style=") && !shown.contains("<style") && !shown.contains("onclick"));
    assert_eq!(shown.matches("<script").count(), 1);
    assert!(shown.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"));
}

/// What a large director costs: `cargo test --release --lib what_ten_thousand -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn what_ten_thousand_servers_cost() {
    let one = |n: u32| {
        let (high, low) = (n / 250, n % 250);
        let servers = (1..=10).map(|host| {
            let mut it = server(&format!("10.{high}.{low}.{host}:80"), "up", None);
            it.checks = vec![CheckStatus {
                probe: format!("tcp 10.{high}.{low}.{host}:80"),
                ..check()
            }];
            it
        });
        service(&format!("TCP 198.18.{high}.{low}:80"), servers.collect())
    };
    let services = (0..1_000).map(one).collect();
    let source = std::sync::Arc::new(Fixed::new(Some(Status {
        services,
        ..Status::default()
    })));
    let board = Board::new(source.clone());
    (0..360).for_each(|_| board.keep(&board.look().unwrap().status));
    let mut now = crate::web::clock::now();
    let measure = |what: &str, work: &mut dyn FnMut(&Board)| {
        let mut took: Vec<_> = (0..21)
            .map(|_| {
                let from = crate::web::clock::now();
                work(&board);
                from.elapsed()
            })
            .collect();
        took.sort_unstable();
        println!("{what}: {:?} (the median of {})", took[10], took.len());
    };
    measure("a copy of the status", &mut |_| drop(source.status_now()));
    measure("a look, with a copy of the status", &mut |board| {
        now += Duration::from_secs(1);
        board.look_at(now).unwrap();
    });
    let look = board.look_at(now).unwrap();
    measure("the whole page", &mut |board| {
        let page = board.scene(&look, |it| {
            it.page(&listener("/"), &Question::default()).unwrap()
        });
        assert!(page.len() > 1_000_000);
    });
    for number in [1, 100] {
        measure(&format!("{number} services"), &mut |board| {
            board.scene(&look, |it| {
                drop(it.director().unwrap());
                (0..number).for_each(|place| drop(it.service(place).unwrap().unwrap()));
            });
        });
    }
}
