// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of rows, selection and keys; and the table that the drawings' tests use.

use super::*;
use crate::cli::listing::ListedService;
use crate::codec::ipvs::{Info, ServerEntry, ServiceEntry};
use crate::model::{
    ConnectionCounts, Counters, ForwardingMethod, RealServer, Scheduler, ServiceSettings, Weight,
};

pub(in crate::cli::watch) fn at(seconds: u64) -> Timestamp {
    Timestamp::after_start(Duration::from_secs(seconds))
}

fn service(last: u8) -> ServiceKey {
    ServiceKey::tcp(format!("192.0.2.{last}:80").parse().unwrap())
}

fn server(last: u8) -> ServerKey {
    ServerKey::new(format!("10.0.0.{last}").parse().unwrap(), 80)
}

/// This many connections until now, and a kernel's estimate of 0.
fn counted(connections: u64) -> Counters {
    Counters {
        connections,
        in_bytes: connections.saturating_mul(1000),
        ..Counters::default()
    }
}

/// Services 192.0.2.N with N real servers; the first server has weight 0. Service N has had this many connections.
pub(in crate::cli::watch) fn listing(services: &[(u8, u64)]) -> Listing {
    let listed = services.iter().map(|(last, connections)| ListedService {
        service: ServiceEntry {
            key: service(*last),
            settings: ServiceSettings::new(Scheduler::WLC),
            counters: counted(*connections),
        },
        servers: (1..=*last)
            .map(|number| ServerEntry {
                key: server(number),
                server: RealServer::new(
                    ForwardingMethod::DirectRouting,
                    Weight::new(u32::from(number) - 1).unwrap(),
                ),
                connections: ConnectionCounts {
                    active: u32::from(number) * 100,
                    inactive: 7,
                    persistent: 0,
                },
                counters: counted(*connections / u64::from(*last)),
            })
            .collect(),
    });
    Listing {
        info: Info {
            version: (1, 2, 1),
            connection_table_size: 4096,
        },
        whole: true,
        services: listed.collect(),
    }
}

pub(in crate::cli::watch) fn state(services: &[(u8, u64)]) -> State {
    let second = Duration::from_secs(1);
    let mut state = State::new(at(0), listing(services), Column::Address, second);
    state.fit(100);
    state
}

fn names(state: &State) -> Vec<String> {
    let name = |row: &Object| row.name().split('.').next_back().unwrap_or("").to_owned();
    state.rows.iter().map(name).collect()
}

fn press(state: &mut State, keys: &str) {
    for key in keys.chars() {
        assert_eq!(state.press(Key::Character(key)), Action::None, "{key}");
    }
}

fn selected(state: &State) -> Object {
    state.rows[state.cursor.selected]
}

#[test]
fn rows_are_in_the_order_of_listings_whatever_the_kernels_is() {
    let state = state(&[(2, 0), (1, 0)]);
    assert_eq!(names(&state), ["1:80", "1:80", "2:80", "1:80", "2:80"]);
}

#[test]
fn numbers_sort_from_the_highest_and_what_is_equal_by_address() {
    let mut state = state(&[(1, 0), (2, 0), (3, 0)]);
    press(&mut state, "f");
    state.read(at(2), listing(&[(1, 20), (2, 60), (3, 20)]));
    press(&mut state, "ssss");
    assert_eq!(state.order.column, Column::Connections);
    assert_eq!(names(&state), ["2:80", "1:80", "3:80"]);
    press(&mut state, "r");
    assert_eq!(names(&state), ["1:80", "3:80", "2:80"]);
    press(&mut state, "s<");
    assert!(
        !state.order.reversed,
        "a new column begins at its beginning"
    );
    press(&mut state, "<<<");
    assert_eq!(names(&state), ["3:80", "2:80", "1:80"], "by servers");
}

#[test]
fn the_selection_stays_with_its_object() {
    let mut state = state(&[(1, 0), (3, 0)]);
    press(&mut state, "jjjj");
    let here = Object::Server(service(3), server(2));
    assert_eq!(selected(&state), here);
    state.read(at(1), listing(&[(3, 0)]));
    assert_eq!(selected(&state), here, "others went");
    state.read(at(2), listing(&[(1, 0), (2, 0), (3, 0)]));
    assert_eq!(selected(&state), here, "others came");
    press(&mut state, "s");
    assert_eq!(selected(&state), here, "another order");
    press(&mut state, " ");
    assert_eq!(selected(&state), Object::Service(service(3)), "folded");
    state.read(at(3), listing(&[]));
    assert_eq!(
        (state.cursor.selected, state.rows.len()),
        (0, 0),
        "all went"
    );
    press(&mut state, "jkG g f+-");
}

#[test]
fn a_folded_service_stays_so_and_new_ones_are_as_all_are() {
    let mut state = state(&[(1, 0), (2, 0)]);
    press(&mut state, " ");
    state.read(at(1), listing(&[(1, 0), (2, 0)]));
    assert_eq!(names(&state), ["1:80", "2:80", "1:80", "2:80"]);
    press(&mut state, "f");
    state.read(at(2), listing(&[(1, 0), (2, 0), (3, 0)]));
    assert_eq!(names(&state), ["1:80", "2:80", "3:80"]);
    press(&mut state, "f");
    assert_eq!(state.rows.len(), 3 + 6);
    state.read(at(3), listing(&[(2, 0)]));
    assert!(state.folded.is_empty(), "what is gone is forgotten");
}

#[test]
fn the_selected_row_is_on_the_screen_and_no_room_is_wasted() {
    let mut state = state(&[(9, 0), (8, 0)]);
    state.fit(5);
    for (key, top, here) in [
        (Key::Down, 0, 1),
        (Key::PageDown, 2, 6),
        (Key::End, 14, 18),
        (Key::PageUp, 13, 13),
        (Key::Up, 12, 12),
        (Key::Home, 0, 0),
        (Key::PageUp, 0, 0),
    ] {
        state.press(key);
        assert_eq!(
            (state.cursor.top, state.cursor.selected),
            (top, here),
            "{key:?}"
        );
    }
    state.press(Key::End);
    state.fit(15);
    assert_eq!(state.cursor.top, 4, "a larger screen");
    state.read(at(1), listing(&[(2, 0)]));
    assert_eq!(
        (state.cursor.top, state.cursor.selected),
        (0, 2),
        "a smaller table"
    );
}

#[test]
fn keys_end_pause_and_change_the_interval() {
    let mut state = state(&[(1, 0)]);
    for key in [Key::Interrupt, Key::Escape, Key::Character('q')] {
        assert_eq!(state.press(key), Action::Quit, "{key:?}");
    }
    assert_eq!(state.press(Key::Suspend), Action::Suspend);
    assert_eq!(state.press(Key::Redraw), Action::Redraw);
    press(&mut state, "p+");
    assert!(state.paused);
    assert_eq!(state.interval, Duration::from_secs(2));
    press(&mut state, "p-------");
    assert_eq!(state.interval, Duration::from_millis(100));
    press(&mut state, "++++++++++++++++");
    assert_eq!(state.interval, Duration::from_secs(3600));
    state.interval = Duration::from_millis(1500);
    press(&mut state, "-");
    assert_eq!(state.interval, Duration::from_secs(1));
}

#[test]
fn any_key_leaves_the_help() {
    let mut state = state(&[(1, 0)]);
    press(&mut state, "?q");
    assert!(!state.help);
    press(&mut state, "h");
    assert!(state.help);
    assert_eq!(state.press(Key::Interrupt), Action::Quit);
}

#[test]
fn rates_and_history_go_with_their_service() {
    let mut state = state(&[(1, 0), (2, 0)]);
    state.read(at(2), listing(&[(1, 20), (2, 60)]));
    assert_eq!(state.table.rates().connections, 400);
    assert_eq!(state.table.history.sparkline(2, false), " @");
    state.read(at(4), listing(&[(2, 100)]));
    assert_eq!(state.table.rates().connections, 200);
    state.read(at(6), listing(&[(1, 5000), (2, 100)]));
    let new = &state.table.services[&service(1)];
    assert_eq!(new.history.sparkline(3, false), "   ", "begins anew");
    assert_eq!(
        new.meter.rates.connections, 0,
        "what was before is not counted"
    );
    let sum = state.table.sum();
    assert_eq!(
        (sum.servers, sum.in_use, sum.active, sum.inactive),
        (3, 1, 400, 21)
    );
}
