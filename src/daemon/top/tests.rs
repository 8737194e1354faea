// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of rows, keys and drawings.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::columns::{Column, fit};
use super::draw::{draw, rows};
use super::feed::{Errand, Listed, Reading};
use super::state::{Action, Mode, Object, State};
use crate::codec::ipvs::{ServerEntry, ServiceEntry};
use crate::control::{RouterStatus, ServerStatus, ServiceStatus, Status};
use crate::daemon::render::tests::{not_run, server};
use crate::model::{
    ConnectionCounts, Counters, ForwardingMethod, Order, RealServer, Scheduler, ServerKey,
    ServiceKey, ServiceSettings, Timestamp, Weight,
};
use crate::screen::{Key, Looks};

const LOOKS: Looks = Looks {
    unicode: true,
    colour: true,
};

fn router() -> RouterStatus {
    RouterStatus {
        name: "eth0/51".to_owned(),
        interface: "eth0".to_owned(),
        vrid: 51,
        state: "master".to_owned(),
        since_seconds: 9,
        reason: None,
        priority: 100,
        master: None,
        addresses: Vec::new(),
        sent: 0,
        heard: 0,
        dropped: std::collections::BTreeMap::new(),
        transitions: 1,
        late_at_most_microseconds: 0,
        put_back: 0,
        disputes: 0,
        group: None,
        tracked: Vec::new(),
        problem: None,
    }
}

/// One server up and checked, one down, one drained by order; and a service without checks.
fn status() -> Status {
    let up = ServerStatus {
        checks: vec![crate::control::CheckStatus {
            latency_microseconds: Some(1_234),
            checked_seconds_ago: Some(3),
            ..not_run(0)
        }],
        ..server("10.0.0.1:80")
    };
    let down = ServerStatus {
        health: "down".into(),
        weight: None,
        reason: Some("connect refused\u{1b}[31m".to_owned()),
        ..server("10.0.0.2:80")
    };
    let drain = ServerStatus {
        order: Some("drain".to_owned()),
        weight: Some(0),
        ..server("10.0.0.3:80")
    };
    let service = |key: &str, servers| ServiceStatus {
        service: key.parse().unwrap(),
        scheduler: "rr".to_owned(),
        keeps_connections: false,
        take_over: None,
        error: None,
        alarm: None,
        servers,
    };
    Status {
        version: "0.1.0".to_owned(),
        pid: 77,
        routers: vec![router()],
        services: vec![
            service("TCP 192.0.2.10:80", vec![up, down, drain]),
            service("UDP 192.0.2.10:53", vec![server("10.0.0.4:53")]),
        ],
        ..Status::default()
    }
}

/// The first service with so many connections until now.
fn listed(connections: u64) -> Vec<Listed> {
    let counters = Counters {
        connections,
        in_bytes: connections * 100,
        ..Counters::default()
    };
    let server = |key: &str| ServerEntry {
        key: key.parse().unwrap(),
        server: RealServer::new(ForwardingMethod::DirectRouting, Weight::new(10).unwrap()),
        connections: ConnectionCounts {
            active: 12,
            inactive: 3,
            persistent: 0,
        },
        counters,
    };
    vec![Listed {
        service: ServiceEntry {
            key: "TCP 192.0.2.10:80".parse().unwrap(),
            settings: ServiceSettings::new(Scheduler::WLC),
            counters,
        },
        servers: vec![server("10.0.0.1:80"), server("10.0.0.3:80")],
    }]
}

fn reading(seconds: u64, connections: u64) -> Reading {
    Reading {
        at: Timestamp::after_start(Duration::from_secs(seconds)),
        status: Ok(status()),
        kernel: Ok(listed(connections)),
    }
}

fn state() -> State {
    let mut state = State::new(reading(0, 0), Column::Name, Duration::from_secs(1));
    state.fit(20);
    state
}

fn press(state: &mut State, keys: &str) -> Action {
    let mut last = Action::None;
    for letter in keys.chars() {
        last = state.press(match letter {
            '\r' => Key::Enter,
            '\u{1b}' => Key::Escape,
            '\u{7f}' => Key::Erase,
            letter => Key::Character(letter),
        });
    }
    last
}

fn names(state: &State) -> Vec<String> {
    let names = state.rows.iter().map(|row| row.name().trim().to_owned());
    names.collect()
}

fn buffer(state: &mut State, width: u16, height: u16, looks: Looks) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    state.fit(rows(height));
    terminal
        .draw(|frame| draw(frame, state, looks, "03:04:05"))
        .unwrap();
    terminal.backend().buffer().clone()
}

fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    let lines = buffer.content.chunks(width.max(1)).map(|line| {
        let line: String = line.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    });
    lines.collect()
}

#[test]
fn eighty_by_twenty_four_is_this() {
    let mut state = state();
    state.read(reading(2, 40));
    press(&mut state, "jj");
    let drawn = lines(&buffer(&mut state, 80, 24, LOOKS));
    let expected = "\
eth0/51 master  director 0.1.0 (pid 77)                      every 1 s  03:04:05
20.0 conn/s  2000 B/s in  2 of 4 servers not up  24 active  2 services         █
  Service -> Server      State     Weight Active  InAct Conn/s In B/s Last check
! TCP 192.0.2.10:80      1/3 up               24      6   20.0   2000          █
+   -> 10.0.0.1:80       up            10     12      3   20.0   2000 1.2ms 3s
!   -> 10.0.0.2:80       down           -      -      -      -      - -
~   -> 10.0.0.3:80       drain          0     12      3   20.0   2000 -
+ UDP 192.0.2.10:53      1/1 up                -      -      -      -
+   -> 10.0.0.4:53       up            10      -      -      -      - -";
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(drawn[..9], expected);
    assert_eq!(drawn[22], "down for 5 s: connect refused\u{fffd}[31m");
    assert_eq!(
        drawn[23],
        "q quit  ? help  d drain  u undrain  n not up  / filter"
    );
}

#[test]
fn sixty_by_fifteen_has_what_matters() {
    let drawn = lines(&buffer(&mut state(), 60, 15, LOOKS));
    assert!(drawn[0].starts_with("eth0/51 master"), "{}", drawn[0]);
    assert_eq!(
        drawn[2],
        "  Service -> Server      State     Active Conn/s Last check"
    );
    assert_eq!(
        drawn[4],
        "+   -> 10.0.0.1:80       up            12      0 1.2ms 3s"
    );
    assert!(drawn[14].starts_with("q quit  ? help  d drain"));
}

#[test]
fn nothing_panics_at_any_size_and_columns_never_overlap() {
    let mut all = [state(), state(), state(), state()];
    press(&mut all[1], "?");
    press(&mut all[2], "jd");
    press(&mut all[3], "/10.0.0");
    for state in &mut all {
        for width in [1, 2, 3, 7, 22, 24, 40, 59, 60, 79, 80, 81, 120, 500] {
            for height in 1..=26 {
                buffer(state, width, height, LOOKS);
            }
        }
    }
    for width in 0..=300 {
        for name in [0, 22, 46, 200] {
            let mut end = 0;
            for slot in fit(width, name) {
                assert!(slot.x >= end || slot.width == 0, "{width}: {slot:?}");
                end = slot.x.saturating_add(slot.width);
                assert!(end <= width.max(slot.x), "{width}: {slot:?}");
            }
        }
    }
}

#[test]
fn without_colour_a_sign_and_a_word_tell_the_same() {
    let plain = Looks {
        unicode: false,
        colour: false,
    };
    let mut state = state();
    state.read(reading(2, 40));
    let drawn = buffer(&mut state, 120, 24, plain);
    assert!(drawn.content.iter().all(|cell| cell.fg == Color::Reset));
    assert!(lines(&drawn).concat().is_ascii());
    let signs: Vec<String> = lines(&drawn)[3..9]
        .iter()
        .map(|it| it[..1].to_owned())
        .collect();
    assert_eq!(signs.concat(), "!+!~++");
    let coloured = buffer(&mut state, 120, 24, LOOKS);
    assert!(coloured.content.iter().any(|cell| cell.fg == Color::Red));
}

#[test]
fn counters_that_cannot_be_read_are_dashes_and_the_reason() {
    let mut state = state();
    state.read(Reading {
        kernel: Err("read the kernel's table: not permitted (EPERM); run as root".to_owned()),
        ..reading(1, 0)
    });
    let drawn = lines(&buffer(&mut state, 80, 24, LOOKS));
    assert_eq!(
        drawn[1],
        "no counters: read the kernel's table: not permitted (EPERM); run as root"
    );
    assert!(drawn[4].starts_with("+   -> 10.0.0.1:80       up            10      -      -"));
}

#[test]
fn a_director_that_does_not_answer_leaves_what_was_known() {
    let mut state = state();
    state.read(Reading {
        status: Err("no director is running there".to_owned()),
        ..reading(1, 0)
    });
    let drawn = lines(&buffer(&mut state, 80, 24, LOOKS));
    assert_eq!(drawn[1], "no answer: no director is running there");
    assert!(drawn[3].contains("TCP 192.0.2.10:80"), "{}", drawn[3]);
    state.read(reading(2, 0));
    assert_eq!(state.table.lost, None);
}

#[test]
fn a_drain_is_asked_about_before_it_is_ordered() {
    let mut state = state();
    // A service is not drained by a slip.
    assert_eq!(press(&mut state, "d"), Action::None);
    assert_eq!(state.mode, Mode::Usual);
    let service: ServiceKey = "TCP 192.0.2.10:80".parse().unwrap();
    let server: ServerKey = "10.0.0.1:80".parse().unwrap();
    assert_eq!(press(&mut state, "jd"), Action::None);
    assert_eq!(
        state.mode,
        Mode::Confirm(service, server, Some(Order::Drain))
    );
    let drawn = lines(&buffer(&mut state, 80, 24, LOOKS));
    assert_eq!(drawn[23], "drain 10.0.0.1:80 of TCP 192.0.2.10:80? y/n");
    for no in ["n", "q", "\r", "\u{1b}", "d"] {
        assert_eq!(press(&mut state, no), Action::None);
        assert_eq!(state.mode, Mode::Usual);
        press(&mut state, "d");
    }
    // What is asked about does not change when the rows do.
    state.read(reading(1, 0));
    let ordered = Action::Do(Errand::Order(service, server, Some(Order::Drain)));
    assert_eq!(press(&mut state, "y"), ordered);
    let taken_back = Action::Do(Errand::Order(service, server, None));
    assert_eq!(press(&mut state, "uy"), taken_back);
    assert_eq!(press(&mut state, "q"), Action::Quit);
}

#[test]
fn rows_are_filtered_by_text_and_by_what_is_not_up() {
    let mut state = state();
    press(&mut state, "n");
    assert_eq!(
        names(&state),
        ["TCP 192.0.2.10:80", "-> 10.0.0.2:80", "-> 10.0.0.3:80"]
    );
    press(&mut state, "\u{1b}");
    assert_eq!(state.rows.len(), 6);
    press(&mut state, "/UDP\r");
    assert_eq!(names(&state), ["UDP 192.0.2.10:53", "-> 10.0.0.4:53"]);
    // q and n are letters there.
    press(&mut state, "/\u{7f}\u{7f}\u{7f}0.0.2q\u{7f}");
    assert_eq!(names(&state), ["TCP 192.0.2.10:80", "-> 10.0.0.2:80"]);
    press(&mut state, "\u{1b}/drain\r");
    assert_eq!(names(&state), ["TCP 192.0.2.10:80", "-> 10.0.0.3:80"]);
    press(&mut state, "/nothing");
    let drawn = lines(&buffer(&mut state, 80, 24, LOOKS));
    assert!(drawn[3].starts_with("Nothing is like that"), "{}", drawn[3]);
    assert!(
        drawn[23].starts_with("filter: drainnothing_"),
        "{}",
        drawn[23]
    );
    press(&mut state, &"x".repeat(10_000));
    assert!(state.filter.len() <= 60);
    press(&mut state, "\u{1b}");
    assert_eq!(press(&mut state, "\u{1b}"), Action::Quit);
}

#[test]
fn the_worst_comes_first_when_sorted_by_state_and_the_selection_stays() {
    let mut state = state();
    press(&mut state, "j");
    press(&mut state, "s");
    assert_eq!(state.sorting.column, Column::State);
    assert_eq!(
        names(&state)[1..4],
        ["-> 10.0.0.2:80", "-> 10.0.0.3:80", "-> 10.0.0.1:80"]
    );
    let selected = state.rows[state.cursor.selected];
    assert!(matches!(selected, Object::Server(_, key) if key.to_string() == "10.0.0.1:80"));
    press(&mut state, "r");
    assert_eq!(names(&state)[0], "UDP 192.0.2.10:53");
    let mut column = Column::Name;
    for _ in Column::ALL {
        assert_eq!(column.next(false).next(true), column);
        column = column.next(false);
    }
    assert_eq!(column, Column::Name, "once round");
    let drawn = buffer(&mut state, 80, 24, LOOKS);
    assert!(drawn[(26, 2)].modifier.contains(Modifier::UNDERLINED));
}

#[test]
fn what_the_director_has_no_more_goes() {
    let mut state = state();
    press(&mut state, "G");
    let mut less = status();
    less.services.truncate(1);
    state.read(Reading {
        status: Ok(less),
        ..reading(1, 0)
    });
    assert_eq!(state.rows.len(), 4);
    assert_eq!(state.cursor.selected, 3);
}
