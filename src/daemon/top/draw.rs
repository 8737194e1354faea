// SPDX-License-Identifier: MIT OR Apache-2.0
//! The screen: who is master and the totals, the title, the rows, what is the matter with the selected one, and the keys.
//! A small screen omits some of them.

use std::fmt::Write as _;

use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};

use super::columns::{Column, Slot, fit};
use super::looks::{self, Badness};
use super::state::{Mode, Object, State};
use super::table::{Counted, Server, Service, latency};
use crate::control::{RouterStatus, ServerStatus};
use crate::daemon::pick::is_up;
use crate::daemon::say::printable;
use crate::engine::count;
use crate::screen::{BOLD, Canvas, DIM, Looks, PLAIN, as_fits, fraction, short, whole};

/// How many lines each part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    head: u16,
    title: u16,
    body: u16,
    detail: u16,
    foot: u16,
}

impl Parts {
    const fn of(height: u16) -> Self {
        let (head, title, detail, foot) = match height {
            0..=1 => (0, 0, 0, 0),
            2..=3 => (1, 0, 0, 0),
            4..=7 => (1, 1, 0, 1),
            8.. => (2, 1, 1, 1),
        };
        Self {
            head,
            title,
            body: height - head - title - detail - foot,
            detail,
            foot,
        }
    }
}

/// How many rows a terminal of this height shows.
pub(super) fn rows(height: u16) -> usize {
    Parts::of(height).body.into()
}

/// Draws the screen. `time` is the time of the reading.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, looks: Looks, time: &str) {
    let mut canvas = Canvas::new(frame);
    let parts = Parts::of(canvas.height());
    head(&mut canvas, state, looks, time, parts.head);
    // The first column is for the sign.
    let slots = fit(canvas.width().saturating_sub(2), state.name_width);
    if parts.title > 0 {
        title(&mut canvas, state, &slots, parts.head);
    }
    body(&mut canvas, state, looks, &slots, parts);
    let last = canvas.height().saturating_sub(1);
    if parts.detail > 0 {
        canvas.line(last - 1, &detail(state), PLAIN);
    }
    if parts.foot > 0 {
        foot(&mut canvas, state, last);
    }
    if state.mode == Mode::Help {
        canvas.overlay(&HELP);
    }
}

fn head(canvas: &mut Canvas<'_>, state: &State, looks: Looks, time: &str, lines: u16) {
    let width = canvas.width();
    let every = if state.paused {
        "PAUSED".to_owned()
    } else {
        format!("every {} s", state.interval.as_secs_f64())
    };
    if lines > 0 {
        let right = format!("{every}  {time}");
        let room = width.saturating_sub(right.len().try_into().unwrap_or(u16::MAX));
        let mut parts: Vec<String> = state.table.director.routers.iter().map(router).collect();
        if parts.is_empty() {
            parts.push("no virtual router".to_owned());
        }
        let director = &state.table.director;
        parts.push(printable(&format!(
            "director {} (pid {})",
            director.version, director.pid
        )));
        canvas.line(0, &as_fits(room.saturating_sub(2), "  ", &parts), BOLD);
        canvas.write(room, 0, u16::MAX, &right, PLAIN);
    }
    if lines < 2 {
        return;
    }
    if let Some(why) = &state.table.lost {
        let text = printable(&format!("no answer: {why}"));
        return canvas.line(1, &text, looks.coloured(BOLD, Color::Red));
    }
    if let Some(why) = &state.table.uncounted {
        let text = printable(&format!("no counters: {why}"));
        return canvas.line(1, &text, looks.coloured(BOLD, Color::Yellow));
    }
    let second = as_fits(width, "  ", &totals(state));
    canvas.line(1, &second, PLAIN);
    let x = u16::try_from(second.len() + 2).unwrap_or(u16::MAX);
    let room = width.saturating_sub(x);
    if room >= 8 {
        let line = state.table.history.sparkline(room.into(), looks.unicode);
        canvas.write(x, 1, room, &line, looks.coloured(PLAIN, Color::Cyan));
    }
}

/// `eth0/51 master`
fn router(it: &RouterStatus) -> String {
    printable(&format!("{} {}", it.name, it.state))
}

fn totals(state: &State) -> Vec<String> {
    let table = &state.table;
    let rates = table.rates();
    let servers = || table.services.values().flat_map(|it| it.servers.values());
    let bad = servers().filter(|it| !is_up(&it.status)).count();
    vec![
        format!("{} conn/s", fraction(rates.connections)),
        format!("{} B/s in", whole(rates.in_bytes)),
        format!("{bad} of {} not up", count(servers().count(), "server")),
        format!("{} active", short(table.active())),
        count(table.services.len(), "service"),
    ]
}

fn title(canvas: &mut Canvas<'_>, state: &State, slots: &[Slot], y: u16) {
    for slot in slots {
        let mut style = BOLD;
        if slot.column == state.sorting.column {
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        cell(canvas, *slot, y, slot.column.title(), style);
    }
}

fn body(canvas: &mut Canvas<'_>, state: &State, looks: Looks, slots: &[Slot], parts: Parts) {
    let first = parts.head + parts.title;
    if state.rows.is_empty() && parts.body > 0 {
        let nothing = if state.table.services.is_empty() {
            "No virtual services."
        } else {
            "Nothing is like that. Esc shows all again."
        };
        canvas.line(first, nothing, PLAIN);
    }
    let shown = state.rows.iter().enumerate().skip(state.cursor.top);
    for (y, (index, object)) in (first..first + parts.body).zip(shown) {
        match *object {
            Object::Service(key) => {
                if let Some(service) = state.table.services.get(&key) {
                    service_row(canvas, y, looks, slots, service);
                }
            }
            Object::Server(key, server) => {
                let service = state.table.services.get(&key);
                if let Some(server) = service.and_then(|it| it.servers.get(&server)) {
                    server_row(canvas, y, looks, slots, (*object, server));
                }
            }
        }
        if index == state.cursor.selected {
            canvas.mark(y, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// Numbers are aligned right. The first two columns of the screen are for the sign.
fn cell(canvas: &mut Canvas<'_>, slot: Slot, y: u16, text: &str, style: Style) {
    let place = (slot.x + 2, y);
    canvas.write_cell(place, slot.width, slot.column.is_text(), text, style);
}

fn sign(canvas: &mut Canvas<'_>, y: u16, looks: Looks, badness: Badness) -> Style {
    let style = looks.coloured(BOLD, badness.colour());
    canvas.write(0, y, 1, badness.sign(), style);
    style
}

fn service_row(canvas: &mut Canvas<'_>, y: u16, looks: Looks, slots: &[Slot], service: &Service) {
    let (badness, word) = looks::service(&service.status);
    let marked = sign(canvas, y, looks, badness);
    for slot in slots {
        let mut style = BOLD;
        let text = match slot.column {
            Column::Name => Object::Service(service.status.service).name(),
            Column::State => {
                style = marked;
                word.clone()
            }
            Column::Weight => String::new(),
            Column::Check => {
                style = looks.coloured(PLAIN, Color::Cyan);
                service.history.sparkline(slot.width.into(), looks.unicode)
            }
            other => number(service.counted.as_ref(), other),
        };
        cell(canvas, *slot, y, &text, style);
    }
}

fn server_row(
    canvas: &mut Canvas<'_>,
    y: u16,
    looks: Looks,
    slots: &[Slot],
    (object, server): (Object, &Server),
) {
    let (badness, word) = looks::server(&server.status);
    let marked = sign(canvas, y, looks, badness);
    for slot in slots {
        let mut style = PLAIN;
        let text = match slot.column {
            Column::Name => object.name(),
            Column::State => {
                style = marked;
                printable(&word)
            }
            Column::Weight => {
                let weight = server.status.weight;
                weight.map_or_else(|| "-".to_owned(), |it| short(it.into()))
            }
            Column::Check => last_check(&server.status),
            other => number(server.counted.as_ref(), other),
        };
        cell(canvas, *slot, y, &text, style);
    }
}

/// A counter, or `-` where none is known.
fn number(counted: Option<&Counted>, column: Column) -> String {
    let Some(it) = counted else {
        return "-".to_owned();
    };
    match column {
        Column::Active => short(it.active),
        Column::Inactive => short(it.inactive),
        Column::Conns => fraction(it.rates().connections),
        Column::Bytes => whole(it.rates().in_bytes),
        Column::Name | Column::State | Column::Weight | Column::Check => String::new(),
    }
}

/// How long the slowest of the last checks took, and how long ago it was: `1.2ms 3s`.
fn last_check(server: &ServerStatus) -> String {
    let Some(took) = latency(server) else {
        return "-".to_owned();
    };
    let ago = server.checks.iter().filter_map(|it| it.checked_seconds_ago);
    format!("{} {}s", brief(took), short(ago.max().unwrap_or(0)))
}

/// A time in microseconds, in six characters.
fn brief(microseconds: u64) -> String {
    let tenths = microseconds / 100;
    match microseconds {
        0..1_000 => format!("{microseconds}us"),
        1_000..10_000 => format!("{}.{}ms", tenths / 10, tenths % 10),
        10_000..1_000_000 => format!("{}ms", microseconds / 1000),
        _ => format!("{}s", short(microseconds / 1_000_000)),
    }
}

/// What there is to say of the last order, or of the selected row.
fn detail(state: &State) -> String {
    if let Some(news) = &state.news {
        return printable(news);
    }
    let said = match state.rows.get(state.cursor.selected) {
        None => None,
        Some(Object::Service(key)) => state.table.services.get(key).and_then(|it| {
            let status = &it.status;
            status.error.clone().or_else(|| status.alarm.clone())
        }),
        Some(Object::Server(key, server)) => {
            let service = state.table.services.get(key);
            let server = service.and_then(|it| it.servers.get(server));
            server.map(|it| said_of(&it.status))
        }
    };
    printable(&said.unwrap_or_default()).replace('\n', " ")
}

/// `down for 12 s, ordered: drain: connect refused`. Writing to a String cannot fail.
fn said_of(it: &ServerStatus) -> String {
    let mut text = it.health.to_string();
    if let Some(seconds) = it.since_seconds {
        let _ = write!(text, " for {seconds} s");
    }
    if let Some(order) = &it.order {
        let _ = write!(text, ", ordered: {order}");
    }
    if let Some(note) = &it.note {
        let _ = write!(text, ", {note}");
    }
    if let Some(it) = &it.drain {
        let _ = write!(text, ", {it}");
    }
    match &it.reason {
        Some(reason) if !is_up(it) => text + ": " + reason,
        Some(_) | None => text,
    }
}

fn foot(canvas: &mut Canvas<'_>, state: &State, y: u16) {
    let line = match state.mode {
        Mode::Confirm(service, server, order) => {
            let what = order.map_or_else(|| "undrain".to_owned(), |order| order.to_string());
            let line = format!("{what} {server} of {service}? y/n");
            return canvas.line(y, &line, BOLD.add_modifier(Modifier::REVERSED));
        }
        Mode::Filter => format!("filter: {}_  Enter keeps it, Esc drops it", state.filter),
        Mode::Usual | Mode::Help => keys(canvas.width(), state),
    };
    canvas.line(y, &line, DIM);
}

fn keys(width: u16, state: &State) -> String {
    let way = if state.sorting.reversed {
        " reversed"
    } else {
        ""
    };
    let filter = match (state.filter.as_str(), state.only_down) {
        ("", false) => "/ filter".to_owned(),
        ("", true) => "/ filter: not up".to_owned(),
        (text, false) => format!("/ filter: {text}"),
        (text, true) => format!("/ filter: {text}, not up"),
    };
    let parts = [
        "q quit".to_owned(),
        "? help".to_owned(),
        "d drain".to_owned(),
        "u undrain".to_owned(),
        "n not up".to_owned(),
        filter,
        format!(
            "s sort: {}{way}",
            state.sorting.column.title().to_lowercase()
        ),
    ];
    as_fits(width, "  ", &parts)
}

const HELP: [&str; 18] = [
    "q  Ctrl-C           quit",
    "Esc                 show all again; quit",
    "up down  k j        select a row",
    "PgUp PgDn Home End  a page up or down, first, last",
    "s >   <             sort by the next, the previous column",
    "r                   reverse the order",
    "/                   only rows with a text",
    "n                   only what is not up",
    "d                   drain the selected server",
    "u                   undrain: take an order back",
    "p   + -             pause; read less often, more often",
    "",
    "+ up   ! down   ~ ordered out, draining   ? not known",
    "Conn/s   over 2 s, which is how often the kernel counts",
    "Last check  how long it took, and how long ago it was;",
    "         of a service: its Conn/s over time",
    "-        not in the kernel, or not known",
    "any key leaves this",
];
