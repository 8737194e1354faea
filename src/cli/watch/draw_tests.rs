// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the drawings.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;

use super::*;
use crate::cli::watch::state::tests::{at, listing, state};
use crate::screen::Key;

const LOOKS: Looks = Looks {
    unicode: true,
    colour: true,
};

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

/// With 20 and 60 connections in two seconds.
fn busy() -> State {
    let mut state = state(&[(1, 0), (3, 0)]);
    state.read(at(2), listing(&[(1, 20), (3, 60)]));
    state
}

#[test]
fn eighty_by_twenty_four_is_this() {
    let drawn = lines(&buffer(&mut busy(), 80, 24, LOOKS));
    let expected = "\
IP Virtual Server version 1.2.1 (size=4096)                  every 1 s  03:04:05
40.0 conn/s  40000 B/s in, 0 out  2 services, 4 servers  700 active, 28 inactive
 Prot LocalAddress:Port  Sched   Servers Active  InAct Conn/s In B/s History
   -> RemoteAddress:Port Forward  Weight
 TCP  192.0.2.1:80       wlc         0/1    100      7   10.0  10000           █
   -> 10.0.0.1:80        Route         0    100      7   10.0  10000
 TCP  192.0.2.3:80       wlc         2/3    600     21   30.0  30000           █
   -> 10.0.0.1:80        Route         0    100      7   10.0  10000
   -> 10.0.0.2:80        Route         1    200      7   10.0  10000
   -> 10.0.0.3:80        Route         2    300      7   10.0  10000";
    let expected: Vec<&str> = expected.lines().collect();
    assert_eq!(drawn[..10], expected);
    assert_eq!(
        drawn[23],
        "q quit  ? help  s sort: address  r reverse  space fold  f all  p pause"
    );
    assert_eq!(drawn[10..23].concat(), "");
}

#[test]
fn a_wide_screen_has_all_columns_and_a_small_one_what_matters() {
    let wide = lines(&buffer(&mut busy(), 120, 40, LOOKS));
    assert!(
        wide[2].contains("InPk/s In B/s OutB/s History"),
        "{}",
        wide[2]
    );
    assert!(wide[1].ends_with('█'), "{}", wide[1]);
    let small = lines(&buffer(&mut busy(), 40, 10, LOOKS));
    assert_eq!(small[1], "40.0 conn/s  40000 B/s in, 0 out");
    assert_eq!(small[4], " TCP  192.0.2.1:80          100   10.0");
    assert_eq!(small[9], "q quit  ? help  s sort: address");
}

#[test]
fn nothing_panics_at_any_size() {
    let mut states = [
        state(&[]),
        busy(),
        busy(),
        state(&[(200, u64::MAX), (9, 1)]),
    ];
    states[2].press(Key::Character('?'));
    states[3].press(Key::End);
    for state in &mut states {
        for width in [1, 2, 3, 7, 8, 22, 24, 40, 79, 80, 81, 120, 500] {
            for height in 1..=26 {
                buffer(state, width, height, LOOKS);
            }
        }
    }
    let one = lines(&buffer(&mut busy(), 1, 1, LOOKS));
    assert_eq!(one.len(), 1);
}

#[test]
fn an_empty_table_says_so() {
    let drawn = lines(&buffer(&mut state(&[]), 80, 24, LOOKS));
    assert_eq!(drawn[4], "No virtual services.");
    assert!(drawn[1].contains("0 services, 0 servers"), "{}", drawn[1]);
}

#[test]
fn colour_and_signs_are_left_out_where_they_are_not_wanted() {
    let plain = Looks {
        unicode: false,
        colour: false,
    };
    let drawn = buffer(&mut busy(), 120, 24, plain);
    assert!(drawn.content.iter().all(|cell| cell.fg == Color::Reset));
    assert!(lines(&drawn).concat().is_ascii());
    let coloured = buffer(&mut busy(), 120, 24, LOOKS);
    assert!(
        coloured.content.iter().any(|cell| cell.fg == Color::Red),
        "no server in use"
    );
}

#[test]
fn what_is_folded_selected_paused_or_quiesced_is_seen() {
    let mut state = busy();
    for key in ['j', 'j', ' ', 'p', 's', 'r'] {
        state.press(Key::Character(key));
    }
    let drawn = buffer(&mut state, 80, 24, LOOKS);
    let text = lines(&drawn);
    assert!(text[0].ends_with("PAUSED  03:04:05"), "{}", text[0]);
    assert!(
        text[23].contains("s sort: servers reversed"),
        "{}",
        text[23]
    );
    assert!(text[6].starts_with("+TCP  192.0.2.3:80"), "{}", text[6]);
    assert!(drawn[(5, 6)].modifier.contains(Modifier::REVERSED));
    assert!(drawn[(5, 5)].modifier.contains(Modifier::DIM), "weight 0");
    assert!(!drawn[(5, 4)].modifier.contains(Modifier::DIM));
    let title = drawn[(34, 2)].modifier;
    assert!(title.contains(Modifier::UNDERLINED), "the sorted column");
}
