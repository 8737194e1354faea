// SPDX-License-Identifier: MIT OR Apache-2.0
//! The columns: their order, their titles, and which ones a narrow terminal omits.

use clap::ValueEnum;

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::daemon) enum Column {
    /// The address of a service or server.
    Name,
    /// How it is; the worst first.
    State,
    /// The weight in the kernel.
    Weight,
    /// Established connections.
    Active,
    /// Other connections.
    Inactive,
    /// Connections per second.
    Conns,
    /// Bytes per second from clients.
    Bytes,
    /// How long the last check took; the history of a service.
    Check,
}

/// The address has at least the room of an IPv4 address.
const NAME: u16 = 22;

impl Column {
    /// From left to right.
    pub(super) const ALL: [Self; 8] = [
        Self::Name,
        Self::State,
        Self::Weight,
        Self::Active,
        Self::Inactive,
        Self::Conns,
        Self::Bytes,
        Self::Check,
    ];

    /// The columns that a narrow terminal omits, first to last.
    const DISPENSABLE: [Self; 6] = [
        Self::Inactive,
        Self::Bytes,
        Self::Weight,
        Self::Check,
        Self::Conns,
        Self::Active,
    ];

    /// Its title.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Name => "Service -> Server",
            Self::State => "State",
            Self::Weight => "Weight",
            Self::Active => "Active",
            Self::Inactive => "InAct",
            Self::Conns => "Conn/s",
            Self::Bytes => "In B/s",
            Self::Check => "Last check",
        }
    }

    const fn width(self) -> u16 {
        match self {
            Self::Name => NAME,
            Self::State => 9,
            Self::Weight | Self::Active | Self::Inactive | Self::Conns | Self::Bytes => 6,
            Self::Check => 10,
        }
    }

    /// Whether it is aligned left.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Name | Self::State | Self::Check)
    }

    /// The next one to sort by, or the one before.
    pub(super) fn next(self, back: bool) -> Self {
        let here = Self::ALL.iter().position(|column| *column == self);
        let step = if back { Self::ALL.len() - 1 } else { 1 };
        let next = (here.unwrap_or(0) + step) % Self::ALL.len();
        Self::ALL.get(next).copied().unwrap_or(self)
    }
}

/// A column on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) column: Column,
    pub(super) x: u16,
    pub(super) width: u16,
}

/// The columns for so much room, when the longest name needs `name` characters: as many as fit, with one blank between
/// them. The last one takes the remaining room.
pub(super) fn fit(room: u16, name: u16) -> Vec<Slot> {
    let wanted = |column: Column| match column {
        Column::Name => name.max(NAME),
        other => other.width(),
    };
    let mut columns = Column::ALL.to_vec();
    let needed = |columns: &[Column]| {
        let needs = columns.iter().map(|it| u32::from(wanted(*it)) + 1);
        needs.sum::<u32>().saturating_sub(1)
    };
    for column in Column::DISPENSABLE {
        if needed(&columns) <= u32::from(room) {
            break;
        }
        columns.retain(|it| *it != column);
    }
    let left = u32::from(room).saturating_sub(needed(&columns));
    let left = u16::try_from(left).unwrap_or_default();
    let mut x = 0_u16;
    let slots = columns.iter().map(|column| {
        let width = match column {
            Column::Check => wanted(*column).saturating_add(left),
            other => wanted(*other),
        };
        let slot = Slot {
            column: *column,
            x,
            width: width.min(room.saturating_sub(x)),
        };
        x = x.saturating_add(width).saturating_add(1);
        slot
    });
    slots.collect()
}
