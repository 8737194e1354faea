// SPDX-License-Identifier: MIT OR Apache-2.0
//! The screen: two lines of totals, the title, the rows, a line of keys. A small screen omits some of them.

use ratatui::Frame;
use ratatui::style::{Color, Modifier, Style};

use super::columns::{Column, Slot, fit};
use super::state::{Object, State};
use super::table::{Server, Service};
use crate::screen::{BOLD, Canvas, DIM, Looks, PLAIN, as_fits, fraction, short, whole};

/// How many lines each part has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parts {
    head: u16,
    title: u16,
    body: u16,
    foot: u16,
}

impl Parts {
    const fn of(height: u16) -> Self {
        let (head, title, foot) = match height {
            0..=1 => (0, 0, 0),
            2..=3 => (1, 0, 0),
            4..=7 => (1, 1, 0),
            8..=9 => (2, 1, 1),
            10.. => (2, 2, 1),
        };
        Self {
            head,
            title,
            body: height - head - title - foot,
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
    let area = frame.area();
    let mut canvas = Canvas::new(frame);
    let parts = Parts::of(area.height);
    head(&mut canvas, state, looks, time, parts.head);
    let slots = fit(area.width.saturating_sub(1), state.address_width);
    title(&mut canvas, state, &slots, parts);
    body(&mut canvas, state, looks, &slots, parts);
    if parts.foot > 0 {
        foot(&mut canvas, state, area.height - 1);
    }
    if state.help {
        canvas.overlay(&HELP);
    }
}

fn head(canvas: &mut Canvas<'_>, state: &State, looks: Looks, time: &str, lines: u16) {
    let width = canvas.width();
    let table = &state.table;
    let (sum, rates) = (table.sum(), table.rates());
    let (major, minor, patch) = table.info.version;
    let version = format!(
        "IP Virtual Server version {major}.{minor}.{patch} (size={})",
        table.info.connection_table_size
    );
    let every = if state.paused {
        "PAUSED".to_owned()
    } else {
        format!("every {} s", state.interval.as_secs_f64())
    };
    let counted = format!(
        "{}, {}",
        counted(table.services.len() as u64, "service"),
        counted(sum.servers, "server")
    );
    let bytes = format!(
        "{} B/s in, {} out",
        whole(rates.in_bytes),
        whole(rates.out_bytes)
    );
    let connections = format!(
        "{} active, {} inactive",
        short(sum.active),
        short(sum.inactive)
    );
    let conns = format!("{} conn/s", fraction(rates.connections));
    if lines == 0 {
        return;
    }
    if lines == 1 {
        let parts = [conns, counted, every, time.to_owned(), connections, bytes];
        canvas.line(0, &as_fits(width, "  ", &parts), BOLD);
        return;
    }
    let right = format!("{every}  {time}");
    let room = width.saturating_sub(right.len().try_into().unwrap_or(u16::MAX));
    canvas.line(0, &as_fits(room.saturating_sub(2), "  ", &[version]), PLAIN);
    canvas.write(room, 0, u16::MAX, &right, PLAIN);
    let second = as_fits(width, "  ", &[conns, bytes, counted, connections]);
    canvas.line(1, &second, BOLD);
    let x = u16::try_from(second.len() + 2).unwrap_or(u16::MAX);
    let room = width.saturating_sub(x);
    if room >= 8 {
        let style = looks.coloured(PLAIN, Color::Cyan);
        let line = table.history.sparkline(room.into(), looks.unicode);
        canvas.write(x, 1, room, &line, style);
    }
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn title(canvas: &mut Canvas<'_>, state: &State, slots: &[Slot], parts: Parts) {
    for slot in slots {
        let (service, server) = slot.column.titles();
        let mut style = BOLD;
        if slot.column == state.order.column {
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        for (line, text) in (0..parts.title).zip([service, server]) {
            cell(canvas, *slot, parts.head + line, text, style);
        }
    }
}

fn body(canvas: &mut Canvas<'_>, state: &State, looks: Looks, slots: &[Slot], parts: Parts) {
    let first = parts.head + parts.title;
    if state.rows.is_empty() && parts.body > 0 {
        canvas.line(first, "No virtual services.", PLAIN);
    }
    let shown = state.rows.iter().enumerate().skip(state.cursor.top);
    for (y, (index, object)) in (first..first + parts.body).zip(shown) {
        match *object {
            Object::Service(key) => {
                if let Some(service) = state.table.services.get(&key) {
                    if state.is_folded(&key) {
                        canvas.write(0, y, 1, "+", BOLD);
                    }
                    service_row(canvas, y, looks, slots, service);
                }
            }
            Object::Server(key, server) => {
                let service = state.table.services.get(&key);
                if let Some(server) = service.and_then(|it| it.servers.get(&server)) {
                    server_row(canvas, y, slots, *object, server);
                }
            }
        }
        if index == state.cursor.selected {
            canvas.mark(y, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

/// Numbers are aligned right. The first column of the screen is for the sign of a folded service.
fn cell(canvas: &mut Canvas<'_>, slot: Slot, y: u16, text: &str, style: Style) {
    let place = (slot.x + 1, y);
    canvas.write_cell(place, slot.width, slot.column.is_text(), text, style);
}

fn service_row(canvas: &mut Canvas<'_>, y: u16, looks: Looks, slots: &[Slot], service: &Service) {
    let (sum, rates) = (service.sum(), service.meter.rates);
    for slot in slots {
        let mut style = PLAIN;
        let text = match slot.column {
            Column::Address => Object::Service(service.entry.key).name(),
            Column::Method => service.entry.settings.scheduler.to_string(),
            Column::Servers => {
                if sum.in_use == 0 {
                    style = looks.coloured(BOLD, Color::Red);
                }
                format!("{}/{}", sum.in_use, sum.servers)
            }
            Column::Active => short(sum.active),
            Column::Inactive => short(sum.inactive),
            Column::Connections => fraction(rates.connections),
            Column::InPackets => whole(rates.in_packets),
            Column::InBytes => whole(rates.in_bytes),
            Column::OutBytes => whole(rates.out_bytes),
            Column::History => {
                style = looks.coloured(PLAIN, Color::Cyan);
                service.history.sparkline(slot.width.into(), looks.unicode)
            }
        };
        cell(canvas, *slot, y, &text, style);
    }
}

fn server_row(canvas: &mut Canvas<'_>, y: u16, slots: &[Slot], object: Object, server: &Server) {
    let (entry, rates) = (&server.entry, server.meter.rates);
    let style = if entry.server.weight.is_zero() {
        DIM
    } else {
        PLAIN
    };
    for slot in slots {
        let text = match slot.column {
            Column::Address => object.name(),
            Column::Method => entry.server.forwarding.word().to_owned(),
            Column::Servers => short(entry.server.weight.get().into()),
            Column::Active => short(entry.connections.active.into()),
            Column::Inactive => short(entry.connections.inactive.into()),
            Column::Connections => fraction(rates.connections),
            Column::InPackets => whole(rates.in_packets),
            Column::InBytes => whole(rates.in_bytes),
            Column::OutBytes => whole(rates.out_bytes),
            Column::History => String::new(),
        };
        cell(canvas, *slot, y, &text, style);
    }
}

fn foot(canvas: &mut Canvas<'_>, state: &State, y: u16) {
    let sort = state.order.column.sort_name().unwrap_or_default();
    let way = if state.order.reversed {
        " reversed"
    } else {
        ""
    };
    let parts = [
        "q quit".to_owned(),
        "? help".to_owned(),
        format!("s sort: {sort}{way}"),
        "r reverse".to_owned(),
        "space fold".to_owned(),
        "f all".to_owned(),
        "p pause".to_owned(),
        "+- interval".to_owned(),
    ];
    let line = as_fits(canvas.width(), "  ", &parts);
    canvas.line(y, &line, DIM);
}

const HELP: [&str; 17] = [
    "q  Esc  Ctrl-C      quit",
    "up down  k j        select a row",
    "PgUp PgDn           a page up or down",
    "Home End  g G       first or last row",
    "s >   <             sort by the next, the previous column",
    "r                   reverse the order",
    "Enter space         fold a service, or open it",
    "f                   fold all, or open all",
    "p                   pause, go on",
    "+ -                 read less often, more often",
    "Ctrl-L  Ctrl-Z      redraw, suspend",
    "",
    "Servers  2/3: two of three take connections, one has weight 0",
    "Conn/s   over 2 s, which is how often the kernel counts",
    "History  Conn/s over time, a character for each reading",
    "OutB/s   masquerading only: other replies pass by the director",
    "any key leaves this",
];

#[cfg(test)]
#[path = "draw_tests.rs"]
mod tests;
